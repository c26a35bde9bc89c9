#!/bin/sh
# SPDX-License-Identifier: MIT
# check_beside_blas.sh NEIGHBOUR INCLUDE SHARED_LIBRARY STATIC_LIBRARY COMPILER...: beside_blas.c linked with the neighbour
# (openblas or blis) before and after the library, shared and static: each finds its BLAS right, and computes by the library
# what a program without such a neighbour computes, bit for bit. Exits with 77, a skip, where the neighbour cannot be linked
# with.
set -eu
neighbour=$1 include=$2 shared=$3 static=$4
shift 4
source=$(dirname "$0")/beside_blas.c
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
libraries="-lm -pthread -ldl"
case $neighbour in
openblas) link=-l:libopenblas.so.0 package=libopenblas0-pthread ;; # what hosts run; -lopenblas needs the far larger -dev
*) link=-l$neighbour package=lib$neighbour-dev ;;
esac
blis=
nm -u "$static" 2>/dev/null | grep -q bli_ && blis=-lblis

# The neighbour gets two threads, so that it has a pool of its own.
export OPENBLAS_NUM_THREADS=2 BLIS_NUM_THREADS=2
LD_LIBRARY_PATH=$(dirname "$shared")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

compiler=$*
# compile NAME ARGUMENT...
compile() {
    name=$1
    shift
    # shellcheck disable=SC2086
    $compiler -std=c11 -O2 -D_GNU_SOURCE -I"$include" "$source" -o "$work/$name" "$@" $libraries
}

echo 'int main(void) { return 0; }' >"$work/nothing.c"
# shellcheck disable=SC2086
$compiler "$work/nothing.c" -o "$work/nothing" "$link" 2>/dev/null || {
    echo "skipped: no library $neighbour to link with (Debian: $package)"
    exit 77
}

compile alone "$shared"
"$work/alone" | grep '^bits' >"$work/wanted"
# shellcheck disable=SC2086
{
    compile shared_first -DBLAS -Wl,--no-as-needed "$link" "$shared"
    compile shared_last -DBLAS -Wl,--no-as-needed "$shared" "$link"
    compile static_first -DBLAS -Wl,--no-as-needed "$link" "$static" $blis
    compile static_last -DBLAS -Wl,--no-as-needed "$static" $blis "$link"
}
for program in shared_first shared_last static_first static_last; do
    "$work/$program" >"$work/out"
    echo "$neighbour, $program: $(grep -v '^bits' "$work/out")"
    grep '^bits' "$work/out" | diff "$work/wanted" - || {
        echo "FAILED: other bits (>) than without a neighbour (<)"
        exit 1
    }
done
cat "$work/wanted"
