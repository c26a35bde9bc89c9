#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""README's screen of the demo is what the demo prints, and what README says of it is true.

    check_screen.py README OUTPUT

Seconds are not compared. Metrics may differ by .005 and temperatures by 3 %, because another CPU rounds otherwise; all other words of
the table are the same. Where OUTPUT was printed by the same kind of CPU, the lists below the table are compared word for word."""
import re
import sys

ROW = re.compile(r"^(.*\S)  +(\d\.\d+)  +(\d\.\d+)  +(\d+\.\d)   (none|\d\.\d+)$")
METRIC, RATIO = 0.005, 1.03


def screen_of(readme):
    block = re.search(r"What the demo prints:\n\n```\n(.*?)```", readme, re.S)
    if not block:
        sys.exit("README has no screen of the demo")
    return block.group(1).rstrip("\n").split("\n")


def main():
    with open(sys.argv[1], encoding="utf-8") as readme, open(sys.argv[2], encoding="utf-8") as output:
        wanted, found = screen_of(readme.read()), [line.rstrip("\n") for line in output]
    faults = []
    rows = {match.group(1): match.groups() for match in map(ROW.match, found) if match}
    if len(rows) < 5:
        faults.append(f"the demo prints {len(rows)} rows of a table")
    screen = {match.group(1): match.groups() for match in map(ROW.match, wanted) if match}
    if list(rows) != list(screen):
        faults.append(f"README's rows are {list(screen)}, the demo's {list(rows)}")
    for name, row in rows.items():
        if name not in screen:
            continue
        for column in (1, 2):
            if abs(float(row[column]) - float(screen[name][column])) > METRIC:
                faults.append(f"{name}: the demo prints {row[column]}, README {screen[name][column]}")
        temperatures = (row[4], screen[name][4])
        if "none" in temperatures:
            if temperatures[0] != temperatures[1]:
                faults.append(f"{name}: the demo prints a temperature of {temperatures[0]}, README {temperatures[1]}")
        elif not 1 / RATIO <= float(temperatures[0]) / float(temperatures[1]) <= RATIO:
            faults.append(f"{name}: the demo prints a temperature of {temperatures[0]}, README {temperatures[1]}")
    fixed = [float(row[1]) for name, row in rows.items() if "fixed" in name]
    if rows and fixed and float(list(rows.values())[-1][1]) < max(fixed):
        faults.append("a fixed temperature recalls more than the last row, and README says that none does")
    header = [line for line in found if re.match(r"\d+ epochs each, on", line)]
    if header and header[0] == wanted[0]:
        tail = lambda lines: lines[max(k for k, line in enumerate(lines) if ROW.match(line)) + 1:] if rows else []
        there = [line for line in tail(found)]
        for line in tail(wanted):
            if line not in there:
                faults.append(f"the demo does not print: {line}")
    else:
        print(f"lists not compared: README's are of '{wanted[0]}', these of '{header[0] if header else 'no header'}'")
    for fault in faults:
        print(fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
