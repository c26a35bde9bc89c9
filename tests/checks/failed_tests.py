# SPDX-License-Identifier: MIT
"""failed_tests.py [--names] TESTLOG.json: the tests of a meson run that failed, with the last lines that each printed; or their names."""
import json
import sys

LINES = 60


def failed_of(path):
    with open(path, encoding="utf-8") as log:
        tests = [json.loads(line) for line in log if line.strip()]
    return [test for test in tests if test["result"] not in ("OK", "SKIP")]


def tell(test):
    print(f"FAILED  {test['name']}: {test['result']}, exit status {test.get('returncode')}, {test.get('duration', 0):.1f} s")
    for stream in ("stdout", "stderr"):
        for line in (test.get(stream) or "").splitlines()[-LINES:]:
            print("    " + line)


for failed in failed_of(sys.argv[-1]):
    if "--names" in sys.argv:
        print(failed["name"].split(" / ")[-1])
    else:
        tell(failed)
