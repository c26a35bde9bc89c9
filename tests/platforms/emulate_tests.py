#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the test programs of a cross-build under an emulator, but those of the suite `slow`, and says which did not pass.

    emulate_tests.py BUILD SECONDS [--suite=NAME]... EMULATOR...

Tests that are scripts are counted alone: they would start a program of another CPU by themselves. A program that an emulator
cannot run stands in CANNOT with the reason. A line for each suite, "ok" or "FAILED"; the last line sums up for a table. The exit
status is 1 when one failed."""
import collections
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

CANNOT = {
    "test_context": "forks while it has threads, which qemu-user does not survive",
}
STILL = 300 # seconds: on a busy machine, too


def worked(session):
    """Seconds that the processes of a session have computed, those that have ended and were waited for among them."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue # it has ended
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run(test, emulator, limit):
    """The outcome, the last words of the program, and the seconds that it computed. Neighbours may take the machine: the limit is for
    these seconds, and a program that computes nothing for STILL seconds does not end."""
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(emulator + test["cmd"], env={**os.environ, **test["env"]}, stdin=subprocess.DEVNULL, stdout=words,
                                   stderr=subprocess.STDOUT, cwd=test["workdir"], start_new_session=True)
        seconds, moved, outcome = 0.0, time.monotonic(), None
        while outcome is None:
            try:
                code = process.wait(1)
                outcome = {0: "ok", 77: "skipped"}.get(code, f"failed with {code}")
            except subprocess.TimeoutExpired:
                now = worked(process.pid)
                if now > seconds:
                    seconds, moved = now, time.monotonic()
                if seconds > limit or time.monotonic() > moved + STILL:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    outcome = f"stands still after {seconds:.0f} s" if seconds <= limit else f"computed for {limit} s without an end"
        words.seek(0)
        return outcome, words.read().decode(errors="replace").strip().splitlines()[-12:], seconds


def main():
    build, limit, emulator = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3:]
    only = set()
    while emulator and emulator[0].startswith("--suite="):
        only.add(emulator.pop(0).split("=", 1)[1])
    tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", str(build)]))
    programs, n_scripts = [], 0
    for test in tests:
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        program = pathlib.Path(test["cmd"][0])
        if only and not only & suites:
            continue
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
