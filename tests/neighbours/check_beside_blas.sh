#!/bin/sh
# SPDX-License-Identifier: MIT
# check_beside_blas.sh ALONE PROGRAM...: every PROGRAM finds its BLAS right, and the library computes the bits that it computes
# in ALONE, which has no such neighbour. The neighbour gets two threads, so that it has a pool of its own beside the library's.
set -eu
export OPENBLAS_NUM_THREADS=2 BLIS_NUM_THREADS=2
alone=$("$1" | grep '^bits')
shift
for program; do
    out=$("$program")
    echo "${program##*/}: $out"
    [ "$(echo "$out" | grep '^bits')" = "$alone" ] || {
        echo "FAILED: without a neighbour it is:"
        echo "$alone"
        exit 1
    }
done
