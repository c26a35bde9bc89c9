#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every function that the library exports has rows in the table of misuse.

Usage: check_symbols.py LIBRARY TEST_MISUSE
"""
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    symbols = [line.split() for line in output("nm", "-D", "--defined-only", sys.argv[1]).splitlines()]
    exported = {fields[2].split("@")[0] for fields in symbols if fields[1] in "TW"}
    rows = [line.split(maxsplit=1) for line in output(sys.argv[2], "--list").splitlines()]
    tabled = {name for name, _ in rows}
    for name in sorted(exported - tabled):
        print(f"exported, but without a row of misuse: {name}")
    for name in sorted(tabled - exported):
        print(f"has rows, but is not exported: {name}")
    print(f"{len(exported)} functions, {sum(int(n) for _, n in rows if n.isdigit())} rows, "
          f"{sum(not n.isdigit() for _, n in rows)} that cannot fail")
    return 1 if exported != tabled or not exported else 0


if __name__ == "__main__":
    sys.exit(main())
