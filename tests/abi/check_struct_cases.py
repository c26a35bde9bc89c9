#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/api/test_struct_sizes.c has callers of every age for every public struct that has a struct_size, and for every function
that takes one.

    check_struct_cases.py SOURCE"""
import pathlib
import re
import sys

from interface import Interface


def main():
    source = pathlib.Path(sys.argv[1])
    interface = Interface(source / "include")
    test = (source / "tests/api/test_struct_sizes.c").read_text(encoding="utf-8")
    inputs, outputs = re.search(r"\} inputs\[\] = \{(.*?)\n\}, outputs\[\] = \{(.*?)\n\};", test, re.S).groups()
    covered = {kind: set(re.findall(r"sizeof\((adaptau_\w+)\)", text)) for kind, text in (("in", inputs), ("out", outputs))}
    called = set(re.findall(r"\b(adaptau_\w+)\(", test))
    sized = {name for name, members in interface.structs.items() if members[0][0] == "struct_size"}
    missing, n_functions, seen = [], 0, set()
    for function, (_, parameters) in sorted(interface.functions.items()):
        takes = [(const, name) for const, name in re.findall(r"(const )?(adaptau_\w+) \*(?!\*)", parameters) if name in sized]
        seen.update(name for _, name in takes)
        n_functions += bool(takes)
        if takes and function not in called:
            missing.append(f"{function} takes {' and '.join(name for _, name in takes)}, but is not called")
        for const, name in takes:
            if name not in covered["in"] and (const or name not in covered["out"]):
                missing.append(f"{name} of {function} has no case among the {'inputs' if const else 'outputs'}")
    missing += [f"no function takes {name}" for name in sorted(sized - seen)]
    for line in missing:
        print(f"tests/api/test_struct_sizes.c: {line}")
    print(f"{len(sized)} structs with a size, {n_functions} functions that take them")
    return bool(missing) or not sized


if __name__ == "__main__":
    sys.exit(main())
