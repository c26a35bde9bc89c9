#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sources are laid out as docs/style.md says: lines of at most 140 characters, without tabs and without blanks at their ends.

    check_layout.py SOURCE"""
import pathlib
import sys

ENDINGS = {".c", ".h", ".hpp", ".cpp"}
FOLDERS = ("include", "lib", "examples", "tests")
LONGEST = 140
GENERATED = {"tests/abi/test_layout.c"}


def faults_of(text):
    """Pairs of a line's number and what is wrong with it."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST:
            yield number, f"{len(line)} characters"
        if "\t" in line:
            yield number, "a tab"
        if line.rstrip() != line:
            yield number, "blanks at its end"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end"


def main():
    assert [fault for _, fault in faults_of("a\tb \n" + "x" * 141)] == ["a tab", "blanks at its end", "141 characters", "no newline at the end"]
    root = pathlib.Path(sys.argv[1])
    files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))
             if path.suffix in ENDINGS and str(path.relative_to(root)) not in GENERATED]
    errors = [f"{path.relative_to(root)}:{number}: {fault}" for path in files for number, fault in faults_of(path.read_text(encoding="utf-8"))]
    print("\n".join(errors) or f"{len(files)} files")
    return 1 if errors or not files else 0


if __name__ == "__main__":
    sys.exit(main())
