#!/bin/sh
# SPDX-License-Identifier: MIT
# dump.sh check LIBRARY: does LIBRARY, built with debugging information, have the ABI of adaptau.abi? By abidiff.
# dump.sh record INCLUDE COMPILER...: write adaptau.abi anew, by abidw. It is that of a stub that defines what the headers
# declare: the library's own would hold its private structs too. abidiff compares the two all the same. Functions of experimental.h
# are no part of it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dump=$here/adaptau.abi
action=$1
shift
case $action in
check)
    abidiff --suppressions "$here/experimental.suppr" "$dump" "$1" || {
        status=$?
        echo "abidiff says $status of $1; intended changes are recorded by ./dev/run abi --record" >&2
        exit 1
    }
    ;;
record)
    include=$1
    shift
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 "$here/interface.py" stub "$include" >"$work/stub.c"
    soname=$(sed -n 's/^#define ADAPTAU_VERSION_MAJOR \([0-9]*\).*/\1/p' "$include/adaptau/base.h")
    (cd "$work" && "$@" -g -w -shared -fPIC -I"$include" -o libadaptau.so stub.c \
        -Wl,-soname,"libadaptau.so.$soname" -Wl,--version-script,"$here/../../lib/libadaptau.map")
    abidw --no-show-locs --no-comp-dir-path --no-corpus-path --no-parameter-names --no-elf-needed --type-id-style hash \
        --out-file "$dump" "$work/libadaptau.so"
    echo "$(wc -l <"$dump") lines of $dump"
    ;;
*)
    echo "usage: dump.sh check LIBRARY, or dump.sh record INCLUDE COMPILER..." >&2
    exit 2
    ;;
esac
