#!/bin/bash
# SPDX-License-Identifier: MIT
# check.sh SOURCE WORK [--bite]: every checker there is, and a table at the end. Logs are in WORK/log. More than an hour on two
# cores; --bite: see bite.sh.
set -u
root=$1 work=$2
shift 2
[ "${1:-}" != --bite ] || exec "$root/tests/checks/bite.sh" "$root" "$work" "${@:2}"
mkdir -p "$work/log"
names=() results=() times=() remarks=()
failed=0

# one NAME COMMAND...: remark is its last line, or why it was skipped.
one() {
    local name=$1 start=$SECONDS status=0 log=$work/log/$1 remark
    shift
    printf '%-10s ' "$name"
    "$@" >"$log" 2>&1 || status=$?
    remark=$(grep -v '^Full log\|^ *$' "$log" | tail -n 1)
    absent=$(grep -cE '^(skipped|SKIPPED)' "$log")
    [ "$absent" -eq 0 ] ||
        remark="$absent skipped: $(grep -E '^(skipped|SKIPPED)' "$log" | sed 's/^[a-zA-Z]*[: ]*//' | paste -sd ';')"
    case $status in
    0) result=ok ;;
    77) result=skipped ;;
    *) result=FAILED && failed=$((failed + 1)) && remark="see $log" ;;
    esac
    names+=("$name") results+=("$result") times+=($((SECONDS - start))) remarks+=("$remark")
    printf '%-8s %5d s  %s\n' "$result" $((SECONDS - start)) "$remark"
}

# Of a meson run: how many passed.
tests() {
    "$@" || return
    awk '/^Ok:/ { ok = $2 } /^Skipped:/ { skipped = $2 } END { print ok + 0 " tests, " skipped + 0 " skipped" }' \
        "$work/log/$current"
}
tested() {
    current=$1
    one "$1" tests "${@:2}"
}

tested test "$root/run" test
tested asan "$root/run" asan
tested tsan "$root/run" tsan
tested msan "$root/run" msan
one valgrind "$root/run" valgrind
one coverage "$root/run" coverage
one analyze "$root/run" analyze
one fuzz "$root/run" fuzz 10
one abi "$root/run" abi
one hosts "$root/run" hosts
one install "$root/tests/install/check_install.sh"
one deb "$root/run" deb "$work/deb"

printf '\n%-10s %-8s %7s\n' checker result seconds
for i in "${!names[@]}"; do
    printf '%-10s %-8s %7d  %s\n' "${names[i]}" "${results[i]}" "${times[i]}" "${remarks[i]}"
done
skipped=$(printf '%s\n' "${results[@]}" | grep -c '^skipped')
printf '%d checkers, %d failed, %d skipped\n' "${#names[@]}" "$failed" "$skipped"
[ "$failed" -eq 0 ]
