#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What README and docs/ call by name is there: functions, types, members' constants and files of the project.

    check_names.py SOURCE

Names that begin with adaptau_ or ADAPTAU_ must stand in a header or, of the environment and of build options, in the sources. Links
to files must lead to one."""
import pathlib
import re
import sys

NAME = re.compile(r"\b((?:adaptau|ADAPTAU)_\w+)(\*?)")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def main():
    source = pathlib.Path(sys.argv[1])
    places = [*source.glob("include/adaptau/*"), source / "meson_options.txt", source / "run", source / ".ci/run", *source.rglob("meson.build"),
              *source.glob("lib/**/*.[ch]"), *source.glob("lib/*.map"), *source.glob("lib/cmake/*"), *source.glob("tests/**/*.sh"),
              *source.glob("examples/**/*.py"), *source.glob("tests/**/*.py")]
    known = set()
    for path in places:
        if path.is_file():
            known.update(re.findall(r"\b(?:adaptau|ADAPTAU)_\w+", path.read_text(encoding="utf-8", errors="replace")))
    faults = []
    for page in [*sorted(source.glob("*.md")), *sorted(source.glob("docs/*.md")), *sorted(source.glob("examples/**/README.md"))]:
        if page.name == "CHANGELOG.md": # names what was
            continue
        for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
            where = f"{page.relative_to(source)}:{number}"
            for name, star in NAME.findall(line):
                if name not in known and not (star or name.endswith("_")) and not any(k.startswith(name + "_") for k in known):
                    faults.append(f"{where}: there is no {name}")
            for target in LINK.findall(line):
                if not (page.parent / target).exists():
                    faults.append(f"{where}: no file {target}")
    for fault in faults:
        print(fault)
    print(f"{len(known)} names known, {len(faults)} faults")
    return bool(faults) or len(known) < 100


if __name__ == "__main__":
    sys.exit(main())
