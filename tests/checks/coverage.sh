#!/bin/sh
# SPDX-License-Identifier: MIT
# coverage.sh SOURCE WORK [FILE [TEST ARGUMENTS...]]: which lines and branches of lib/, or of one file of it, the tests run,
# by gcov. Fails below the goals: 95 % of lines, 85 % of branches. What is not reached is listed in WORK/coverage.txt.
set -eu
root=$1 work=$2 file=${3:-lib/}
[ $# -lt 3 ] && shift 2 || shift 3
. "$root/tests/checks/common.sh"
need coverage

# Files of AVX-512 count where the processor has it.
without='.*/x86/avx512.*'
! grep -q avx512bf16 /proc/cpuinfo || without=none
mkdir -p "$work"
# -O1: as quick as the suites need, and lines are still lines. Without assertions, whose other branch is never taken.
CC=gcc configure "$work/coverage" -Dbuildtype=plain -Doptimization=1 -Ddebug=true -Db_ndebug=true -Db_coverage=true \
    -Dhardening=false -Dbench=false -Dwerror=false -Dc_args=-fprofile-update=atomic
find "$work/coverage" -name '*.gcda' -delete
[ $# -gt 0 ] || set -- --suite unit --suite api --suite kernels --suite examples --suite fuzz
run_tests "$work/coverage" "$@" >"$work/coverage.log" 2>&1 || {
    tail -n 40 "$work/coverage.log" >&2
    exit 1
}
gcovr --root "$root" --object-directory "$work/coverage" --filter "$root/$file" --exclude "$without" --gcov-ignore-parse-errors \
    --txt "$work/coverage.txt" --json-summary "$work/coverage.json" "$work/coverage"  >/dev/null 2>"$work/gcovr.log" || {
    cat "$work/gcovr.log" >&2
    exit 1
}
python3 - "$work/coverage.json" <<'PYTHON'
import json, sys
LINES, BRANCHES = 95.0, 85.0
told = json.load(open(sys.argv[1]))
lines, branches = told["line_percent"], told["branch_percent"]
for one in sorted(told["files"], key=lambda one: one["line_percent"]):
    if one["line_percent"] < LINES or (one["branch_percent"] or 100.0) < BRANCHES:
        print(f'{one["line_percent"]:5.1f} % of lines, {one["branch_percent"] or 0:5.1f} % of branches  {one["filename"]}')
print(f"{lines:.1f} % of lines (goal {LINES:g}), {branches:.1f} % of branches (goal {BRANCHES:g})")
sys.exit(lines < LINES or branches < BRANCHES)
PYTHON
