#!/bin/sh
# fuzz.sh SOURCE WORK SECONDS [TARGET...]: run libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer for that long on
# each target. What it learns stays in WORK/fuzz/corpus, what crashes in WORK/fuzz/crashes; exit status 1 when there is one.
set -eu
root=$1 work=$2
. "$root/tests/checks/common.sh"
seconds=${3:-60}
[ $# -lt 3 ] || shift
shift 2
mkdir -p "$work"
need_clang

CC=clang configure "$work/fuzz/build" -Dfuzzers=true -Dtests=false -Dbench=false -Dbuildtype=debugoptimized \
    -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
build "$work/fuzz/build"
[ $# -gt 0 ] || set -- safetensors model checkpoint data names options record
# Each execution writes files: in memory where there is such a place.
scratch=$(mktemp -d -p /dev/shm adaptau-fuzz.XXXXXX 2>/dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TMPDIR="$scratch" UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

crashed=0
for name; do
    program=$work/fuzz/build/tests/fuzz/fuzz_$name
    learned=$work/fuzz/corpus/$name crashes=$work/fuzz/crashes/$name log=$work/fuzz/$name.log
    [ -x "$program" ] || {
        say "there is no fuzz target '$name': $(cd "$root/tests/fuzz/corpus" && echo *)"
        exit 2
    }
    mkdir -p "$learned" "$crashes"
    case $name in
    safetensors | model | checkpoint) dictionary="-dict=$root/tests/fuzz/safetensors.dict" ;;
    options) dictionary=-close_fd_mask=3 ;; # its messages are not read here
    *) dictionary=-verbosity=1 ;;
    esac
    if "$program" "$dictionary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=8192 \
        -print_final_stats=1 -artifact_prefix="$crashes/" "$learned" "$root/tests/fuzz/corpus/$name" >"$log" 2>&1; then
        result=ok
    else
        result=FAILED
        crashed=1
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    reached=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf '%-7s %-12s %11s executions, %5s edges\n' "$result" "$name" "${executions:-?}" "${reached:-?}"
    [ "$result" = ok ] || {
        grep -E 'does not hold|ERROR|runtime error|SUMMARY' "$log" | head -n 5
        say "crashes are in $crashes, the log is $log"
    }
done
exit "$crashed"
