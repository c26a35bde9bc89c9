#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh SOURCE WORK SECONDS [TARGET...]: run libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer for that long on
# each target, as many at a time as there are cores; stateful under ThreadSanitizer, too, by replay.c. What it learns stays in
# WORK/fuzz/corpus, what crashes in WORK/fuzz/crashes; exit status 1 when there is one.
set -eu
root=$1 work=$2
. "$root/tests/checks/common.sh"
seconds=${3:-60}
[ $# -lt 3 ] || shift
shift 2
mkdir -p "$work"
need clang

[ $# -gt 0 ] || set -- safetensors model checkpoint data lists names note options record stateful
wanted=" $* " && set --
for name in $wanted; do
    set -- "$@" "$name"
    [ "$name" != stateful ] || set -- "$@" stateful-threads
done
CC=clang configure "$work/fuzz/build" -Dfuzzers=true -Dtests=false -Dbench=false -Dbuildtype=debugoptimized \
    -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
case $wanted in
*" stateful "*)
    CC=clang configure "$work/fuzz/threads" -Dtests=true -Dbench=false -Dexamples=false -Dbuildtype=debugoptimized \
        -Db_sanitize=thread -Db_lundef=false
    build "$work/fuzz/threads" tests/fuzz/fuzz_stateful
    ;;
esac
case $wanted in
" stateful ") build "$work/fuzz/build" tests/fuzz/fuzz_stateful ;;
*) build "$work/fuzz/build" ;;
esac

# program_of NAME
program_of() {
    case $1 in
    stateful-threads) echo "$work/fuzz/threads/tests/fuzz/fuzz_stateful" ;;
    *) echo "$work/fuzz/build/tests/fuzz/fuzz_$1" ;;
    esac
}

for name; do
    [ -x "$(program_of "$name")" ] || {
        say "there is no fuzz target '$name': $(cd "$root/tests/fuzz/corpus" && echo *)"
        exit 2
    }
done
# Each execution writes files: in memory where there is such a place.
scratch=$(mktemp -d -p /dev/shm adaptau-fuzz.XXXXXX 2>/dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Entropic schedules, long quarantines and deep stacks of allocations cost more here than they find.
export TMPDIR="$scratch" UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=8 TSAN_OPTIONS=halt_on_error=1

# start NAME: what it comes to is in a log.
start() {
    learned=$work/fuzz/corpus/$1 crashes=$work/fuzz/crashes/$1
    mkdir -p "$learned" "$crashes"
    case $1 in
    safetensors | model | checkpoint) set -- "$1" "-dict=$root/tests/fuzz/safetensors.dict" ;;
    options) set -- "$1" -close_fd_mask=3 ;; # its messages are not read here
    esac
    name=$1
    shift
    if [ "$name" = stateful-threads ]; then
        "$(program_of "$name")" --for "$seconds" "$work/fuzz/corpus/stateful" "$root/tests/fuzz/corpus/stateful" >"$work/fuzz/$name.log" 2>&1
        return
    fi
    "$(program_of "$name")" "$@" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -malloc_limit_mb=256 -max_len=4096 -entropic=0 -print_final_stats=1 -artifact_prefix="$crashes/" "$learned" \
        "$root/tests/fuzz/corpus/$name" >"$work/fuzz/$name.log" 2>&1
}

# finish NAME STATUS
finish() {
    log=$work/fuzz/$1.log result=ok
    [ "$2" -eq 0 ] || result=FAILED
    executions=$(sed -n -e 's/^stat::number_of_executed_units: *//p' -e 's/^\([0-9]*\) files$/\1/p' "$log")
    reached=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf '%-7s %-12s %11s executions, %5s edges\n' "$result" "$1" "${executions:-?}" "${reached:--}"
    [ "$2" -eq 0 ] || {
        grep -E 'does not hold|ERROR|runtime error|SUMMARY' "$log" | head -n 5
        say "crashes are in $work/fuzz/crashes/$1, the log is $log"
    }
}

crashed=0
while [ $# -gt 0 ]; do
    together='' left=$(nproc)
    while [ $# -gt 0 ] && [ "$left" -gt 0 ]; do
        start "$1" &
        together="$together $1:$!"
        left=$((left - 1))
        shift
    done
    for one in $together; do
        status=0
        wait "${one#*:}" || status=$?
        finish "${one%:*}" "$status"
        [ "$status" -eq 0 ] || crashed=1
    done
done
exit "$crashed"
