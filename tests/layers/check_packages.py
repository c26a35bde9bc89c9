#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dev/packages is well formed, and debian/control builds with the same packages.

    check_packages.py SOURCE"""
import pathlib
import re
import sys

KINDS = {"compiler", "command", "header", "python", "module", "file"}
ESSENTIAL = {"gcc", "g++", "libc6-dev"}  # of build-essential, which Debian has wherever it builds
DEBIAN_ALONE = {"debhelper-compat", "doxygen"}
TESTS_ALONE = {"zstd"}  # its tests are skipped without it


def read_table(path):
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 4 or words[2] not in KINDS:
            sys.exit(f"dev/packages:{number}: not 'for package kind evidence': {line}")
        rows.append(words)
    return rows


def main():
    source = pathlib.Path(sys.argv[1])
    rows = read_table(source / "dev/packages")
    ours = {package for purpose, package, _, _ in rows if purpose in ("build", "test")} - ESSENTIAL - TESTS_ALONE
    control = (source / "debian/control").read_text(encoding="utf-8")
    field = re.search(r"^Build-Depends:(.*?)^\S", control, re.S | re.M)
    theirs = {re.match(r"[a-z0-9+.-]+", entry.strip()).group() for entry in field.group(1).split(",")} - DEBIAN_ALONE
    faults = [f"debian/control builds without {name}" for name in sorted(ours - theirs)]
    faults += [f"dev/packages lacks {name} of debian/control" for name in sorted(theirs - ours)]
    scripts = [source / "run", source / "dev/run", source / ".ci/run", *sorted((source / "tests/checks").glob("*.sh")), *sorted((source / "tests/install").glob("*.sh"))]
    known = {row[0] for row in rows}
    for script in filter(pathlib.Path.exists, scripts):
        for purposes in re.findall(r"^\s*(?:ensure_packages|install_packages|need|build_tools) ([a-z ]+?)(?: \|\||$)", script.read_text(encoding="utf-8"), re.M):
            faults += [f"{script.relative_to(source)}: dev/packages has nothing for {name}" for name in purposes.split() if name not in known]
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
