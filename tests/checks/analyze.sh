#!/bin/sh
# SPDX-License-Identifier: MIT
# analyze.sh SOURCE WORK [gcc|clang [FILE...]]: static analysis of lib/ and of the programs in examples/: gcc -fanalyzer and
# clang's analyzer with the checks of tests/checks/clang-tidy. No finding is let through; what is wrong about one is said in
# tests/checks/findings.
set -eu
root=$1 work=$2 which=${3:-both}
. "$root/tests/checks/common.sh"
mkdir -p "$work"
[ $# -lt 4 ] || shift 3
if [ -f "$root/$1" ]; then
    sources=$(printf '%s\n' "$@")
else
    sources=$(cd "$root" && ls lib/common/*.c lib/core/*.c lib/files/*.c lib/fit/*.c lib/kernels/*.c lib/model/*.c lib/model/encoders/*.c examples/trainers/common/*.c examples/trainers/adaptau-*/*.c)
fi
flags="-std=c11 -D_POSIX_C_SOURCE=200809L -DADAPTAU_VERSION_STRING=\"0\" -Iinclude -Ilib -Iexamples -Iexamples/trainers"
if pkg-config --exists ompi-c 2>/dev/null; then
    flags="$flags $(pkg-config --cflags ompi-c)"
else
    sources=$(echo "$sources" | grep -v '^examples/trainers/adaptau-train-mpi/') # no mpi.h
fi
export flags

# Findings, one a line as FILE: NAME, but those that tests/checks/findings has with a reason.
judge() {
    sort -u "$1" >"$1.sorted"
    grep -v '^#' "$root/tests/checks/findings" | sed 's/ *|.*//' | sort -u >"$work/excused" || true
    grep -vxFf "$work/excused" "$1.sorted" >"$1.left" || true
    if [ -s "$1.left" ]; then
        while IFS= read -r line; do
            echo "FAILED  $2: $line"
        done <"$1.left"
        echo "the whole text is in $work/$2.log"
        bad=1
    else
        echo "ok      $2: $(echo "$sources" | wc -l) files, $(wc -l <"$1.sorted") findings, all of them excused"
    fi
}

# No findings are no good news when the tool has not come to its end.
failed() {
    grep ' error: ' "$work/$1.log" >&2 || true
    say "$1 itself failed; its log is $work/$1.log"
    exit 1
}

cd "$root"
bad=0
if [ "$which" != clang ]; then
    need build
    # shellcheck disable=SC2016
    echo "$sources" | xargs -P 2 -I SOURCE sh -c 'gcc $flags -fanalyzer -c SOURCE -o /dev/null 2>&1' >"$work/gcc.log" || failed gcc
    sed -n 's/^\([^ :]*\):[0-9:]* warning: .*\[-W\(analyzer[^]]*\)\]$/\1: \2/p' "$work/gcc.log" >"$work/gcc.found"
    judge "$work/gcc.found" gcc
fi
if [ "$which" != gcc ]; then
    need analyze
    # shellcheck disable=SC2016
    echo "$sources" | xargs -P 2 -I SOURCE sh -c 'clang-tidy --quiet --config-file=tests/checks/clang-tidy SOURCE -- $flags' \
        >"$work/clang.log" 2>"$work/clang.errors" || failed clang
    sed -n "s|^$root/\([^ :]*\):[0-9:]* warning: .*\[\([a-zA-Z0-9.,-]*\)\]\$|\1: \2|p" "$work/clang.log" >"$work/clang.found"
    judge "$work/clang.found" clang
fi
exit "$bad"
