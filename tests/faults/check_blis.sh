#!/bin/sh
# SPDX-License-Identifier: MIT
# The flavours of BLIS that Debian has give the same numbers, bit for bit: serial, pthread and openmp.
# Usage: check_blis.sh TEST_SAME_NUMBERS
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
compared=''
absent=''
own=$(LD_TRACE_LOADED_OBJECTS=1 "$1" | sed -n 's|.*/\([^/]*\)/libc\.so\.[0-9]* .*|\1|p') # the folder of its architecture
for flavour in serial pthread openmp; do
    folder=/usr/lib/$own/blis-$flavour
    if [ ! -e "$folder/libblis.so.4" ]; then
        absent="$absent libblis4-$flavour"
        continue
    fi
    LD_LIBRARY_PATH=$folder OMP_NUM_THREADS=2 "$1" --digests >"$work/$flavour"
    code=$?
    [ $code -eq 0 ] || { cat "$work/$flavour"; exit $code; }
    LD_LIBRARY_PATH=$folder LD_TRACE_LOADED_OBJECTS=1 "$1" | grep -q "$folder/libblis.so.4" || {
        echo "$1 does not load BLIS from $folder"
        exit 1
    }
    first=${compared%% *}
    first=${first:-$flavour}
    if ! diff "$work/$first" "$work/$flavour"; then
        echo "BLIS $flavour has other numbers than $first"
        exit 1
    fi
    compared="${compared:+$compared }$flavour"
done
case $compared in
*' '*) echo "the same numbers: $compared${absent:+; not installed:$absent}" ;;
*)
    echo "skipped: nothing to compare; Debian packages that are not installed:$absent"
    exit 77
    ;;
esac
