# SPDX-License-Identifier: MIT
"""failed_tests.py TESTLOG.json: the tests of a meson run that failed, with the last lines that each printed."""
import json
import sys

LINES = 60

with open(sys.argv[1], encoding="utf-8") as log:
    tests = [json.loads(line) for line in log if line.strip()]
for test in tests:
    if test["result"] in ("OK", "SKIP"):
        continue
    print(f"FAILED  {test['name']}: {test['result']}, exit status {test.get('returncode')}, {test.get('duration', 0):.1f} s")
    for stream in ("stdout", "stderr"):
        for line in (test.get(stream) or "").splitlines()[-LINES:]:
            print("    " + line)
