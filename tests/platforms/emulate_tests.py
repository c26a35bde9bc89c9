#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the test programs of a cross-build under an emulator, but those of the suite `slow`, and says which did not pass.

    emulate_tests.py BUILD SECONDS EMULATOR...

Tests that are scripts are counted alone: they would start a program of another CPU by themselves. A program that an emulator
cannot run stands in CANNOT with the reason. A line for each suite, "ok" or "FAILED"; the last line sums up for a table. The exit
status is 1 when one failed."""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time

CANNOT = {}


def run(test, emulator, limit):
    """ok, skipped, too long or failed, with the last words of the program; and seconds."""
    before = time.monotonic()
    try:
        done = subprocess.run(emulator + test["cmd"], env={**os.environ, **test["env"]}, timeout=limit, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=test["workdir"])
        words = done.stdout.decode(errors="replace").strip().splitlines()[-12:]
        outcome = {0: "ok", 77: "skipped"}.get(done.returncode, f"failed with {done.returncode}")
    except subprocess.TimeoutExpired:
        words, outcome = [], f"did not end in {limit} s"
    return outcome, words, time.monotonic() - before


def main():
    build, limit, emulator = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3:]
    tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", str(build)]))
    programs, n_scripts = [], 0
    for test in tests:
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        program = pathlib.Path(test["cmd"][0])
        if build not in program.parents:
            n_scripts += 1
        elif "slow" not in suites:
            test["workdir"] = test["workdir"] or str(build)
            programs.append(test)
    able = [test for test in programs if test["name"] not in CANNOT]
    counts, failed, slowest = collections.Counter(), [], []
    with concurrent.futures.ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool:
        for test, (outcome, words, seconds) in zip(able, pool.map(lambda test: run(test, emulator, limit), able)):
            counts["skipped" if outcome == "skipped" else "ok" if outcome == "ok" else "failed"] += 1
            slowest.append((seconds, test["name"]))
            if outcome not in ("ok", "skipped"):
                failed.append(test["name"])
                print(f"FAILED   {test['name']}: {outcome}", *words, sep="\n         ", flush=True)
    for name, reason in CANNOT.items():
        if any(test["name"] == name for test in programs):
            print(f"left out {name}: {reason}")
    print("slowest:", ", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(slowest, reverse=True)[:8]))
    print(f"{counts['ok']} of {len(programs)} test programs pass"
          + (f", {counts['skipped']} skipped" if counts["skipped"] else "")
          + (f", {len(programs) - len(able)} left out" if len(programs) > len(able) else "")
          + (f", failed: {' '.join(failed)}" if failed else "") + f"; {n_scripts} scripts not run")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
