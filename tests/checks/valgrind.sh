#!/bin/sh
# SPDX-License-Identifier: MIT
# valgrind.sh SOURCE WORK [TEST...]: memcheck over test programs: reads of what was never written, blocks overrun, leaks.
# Plain C kernels, because valgrind knows no AVX-512 and BLIS chooses by CPUID. MSan sees the same reads sooner; this one
# needs no special build of the C library, and sees Check's and the C library's use of our memory.
set -eu
root=$1 work=$2
shift 2
. "$root/tests/checks/common.sh"
need valgrind

mkdir -p "$work"
configure "$work/valgrind" -Dbuildtype=debugoptimized -Dbench=false -Dexamples=false -Dblas=reference -Dnative_kernels=false
[ $# -gt 0 ] || set -- test_closed_forms test_context test_dataset test_sampler_errors test_model_errors \
    test_temperature_errors test_topk_for test_grow
# shellcheck disable=SC2046
build "$work/valgrind" $(printf 'tests/%s ' "$@")
cd "$work/valgrind"
failed=0
for name; do
    if ADAPTAU_TEST_DATA=$root/tests/reference valgrind --quiet --error-exitcode=9 --leak-check=full \
        --errors-for-leak-kinds=definite,indirect --fair-sched=yes "./tests/$name" >"$name.log" 2>&1; then
        echo "ok      $name"
    else
        echo "FAILED  $name"
        tail -n 40 "$name.log"
        failed=1
    fi
done
exit "$failed"
