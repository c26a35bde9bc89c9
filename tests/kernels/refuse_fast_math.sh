#!/bin/sh
# SPDX-License-Identifier: MIT
# The library does not compile with options that take infinities and NaN away, and says why.
# usage: refuse_fast_math.sh LIB INCLUDE CC...
set -eu
lib=$1 include=$2
shift 2

compiles() { # with these options: a file of kernels and one of objects
    for file in kernels/ref.c core/moments.c; do
        "$@" -std=c11 -D_POSIX_C_SOURCE=200809L -I"$lib" -I"$include" -fsyntax-only "$lib/$file" 2>&1 || return 1
    done
}

compiles "$@" -O2 || { echo "it does not compile without such an option either"; exit 1; }
for option in -ffast-math -Ofast -ffinite-math-only; do
    if said=$(compiles "$@" -O2 "$option"); then
        echo "$option is accepted"
        exit 1
    fi
    case $said in
    *"needs infinities, NaN and the order of its sums"*) ;;
    *) echo "$option: no reason is given: $said"; exit 1 ;;
    esac
done
