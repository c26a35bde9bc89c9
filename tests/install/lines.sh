# SPDX-License-Identifier: MIT
# A line for each check. To be sourced, with $work set.
n_failed=0 n_skipped=0

# check NAME COMMAND...
check() {
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok       $what"
    else
        n_failed=$((n_failed + 1))
        echo "FAILED   $what"
        tail -n 60 "$work/log"
        return 1
    fi
}

skip() {
    n_skipped=$((n_skipped + 1))
    echo "skipped  $*"
}
