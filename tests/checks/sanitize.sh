#!/bin/sh
# SPDX-License-Identifier: MIT
# sanitize.sh SOURCE WORK asan|tsan|msan [TEST ARGUMENTS...]: build with that sanitizer and run the tests that suit it. The
# folder is WORK/asan ...; .ci/run calls this, too.
set -eu
root=$1 work=$2 kind=$3
shift 3
. "$root/tests/checks/common.sh"
mkdir -p "$work"
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

case $kind in
asan)
    # With UndefinedBehaviorSanitizer: everything, but for what is only larger than the rest.
    need clang
    export CK_EXCLUDE_TAGS=large
    CC=clang CXX=clang++ configure "$work/asan" ${ADAPTAU_WERROR:+--werror} -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
        -Dbench=false
    ;;
tsan)
    export CK_EXCLUDE_TAGS='arithmetic large'
    CC=gcc CXX=g++ configure "$work/tsan" -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false -Dbench=false \
        -Dexamples=false
    [ $# -gt 0 ] || set -- test_busy test_context test_contrast test_neighbours test_lightgcn test_model test_model_step test_propagate \
        test_softmax test_evaluator
    ;;
msan)
    # Programs that do without Check, BLIS and OpenMP, whose libraries are not instrumented: parsers on their corpora, the graded
    # programs, the tools. Plain C, because intrinsics of the kernels are not all known to it.
    need clang
    clang -D_GNU_SOURCE -c -O1 -g -fsanitize=memory -fPIC "$root/tests/checks/msan_libc.c" -o "$work/msan_libc.o"
    CC=clang CXX=clang++ configure "$work/msan" -Dbuildtype=debugoptimized -Db_sanitize=memory -Db_lundef=false -Dbench=false \
        -Dblas=reference -Dnative_kernels=false "-Dc_link_args=-fsanitize=memory $work/msan_libc.o"
    [ $# -gt 0 ] || set -- fuzz_safetensors fuzz_model fuzz_checkpoint fuzz_data fuzz_lists fuzz_names fuzz_note fuzz_options fuzz_record \
        01-kernels-on-your-arrays 02-training-loop 03-your-own-threads 04-your-own-tables 05-your-own-optimiser \
        08-your-own-memory 09-several-contexts 10-serving 11-new-users 12-graph-and-contrast
    ;;
*)
    say "sanitize.sh: asan, tsan or msan, not '$kind'"
    exit 2
    ;;
esac
run_tests "$work/$kind" "$@"
