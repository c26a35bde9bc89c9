#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shared library exports what the public headers declare, all of it and nothing else."""
import pathlib
import re
import subprocess
import sys

DECLARATION = re.compile(r"ADAPTAU_API[^;{]*?\b(adaptau_\w+)\s*\(", re.S)


def declared(include):
    names = set()
    for path in (pathlib.Path(include) / "adaptau").glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
        names.update(DECLARATION.findall(text))
    return names


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[2].split("@")[0] for line in out.splitlines() if line.split()[1] in "TDBRVW"}


def main():
    headers, symbols = declared(sys.argv[2]), exported(sys.argv[1])
    for name in sorted(headers - symbols):
        print(f"declared, not exported: {name}")
    for name in sorted(symbols - headers):
        print(f"exported, not declared: {name}")
    print(f"{len(headers)} declared, {len(symbols)} exported")
    return 1 if headers != symbols or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
