#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""exports.py HEADER...: a module definition file (.def) for Windows, where the linker knows no version script: the functions that
the public headers declare. tests/abi/check_exports.py holds the version script to the same list."""
import pathlib
import re
import sys

DECLARATION = re.compile(r"ADAPTAU_API[^;{]*?\b(adaptau_\w+)\s*\(", re.S)


def declared(path):
    """The functions that a header declares."""
    return DECLARATION.findall(re.sub(r"/\*.*?\*/", "", pathlib.Path(path).read_text(encoding="utf-8"), flags=re.S))


if __name__ == "__main__":
    print("EXPORTS")
    for name in sorted({name for header in sys.argv[1:] for name in declared(header)}):
        print(f"    {name}")
