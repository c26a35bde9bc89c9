#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""debian/libadaptau1.symbols: every function of the headers, with the version since which it is there.

    debian_symbols.py write SOURCE    write down what is new, with the present version
    debian_symbols.py check SOURCE    does it list the declared functions, under the node of lib/libadaptau.map?"""
import pathlib
import re
import sys

from check_exports import declared


def symbols(source, recorded):
    """Lines of the file; a function keeps the version that it was recorded with."""
    nodes = re.findall(r"^(\w+) \{", (source / "lib/libadaptau.map").read_text(encoding="utf-8"), re.M)
    version = re.search(r"^  version: '(.*)',$", (source / "meson.build").read_text(encoding="utf-8"), re.M).group(1)
    major = version.split(".", maxsplit=1)[0]
    since = dict(re.findall(r"^ (\w\S*)@\S+ (\S+)$", recorded, re.M))
    yield f"libadaptau.so.{major} libadaptau{major} #MINVER#"
    yield "* Build-Depends-Package: libadaptau-dev"
    functions = declared(source / "include")
    for name in [*nodes, *sorted(functions)]:
        yield f" {name}@{functions.get(name, name)} {since.get(name, version)}"


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[2])
    path = source / "debian/libadaptau1.symbols"
    recorded = path.read_text(encoding="utf-8") if path.exists() else ""
    wanted = "\n".join(symbols(source, recorded)) + "\n"
    if sys.argv[1] == "write":
        path.write_text(wanted, encoding="utf-8")
        return 0
    for line in sorted(set(wanted.splitlines()) ^ set(recorded.splitlines())):
        print(f"{'not recorded yet' if line in wanted.splitlines() else 'no longer there'} (./dev/run abi --record): {line}")
    return wanted != recorded


if __name__ == "__main__":
    sys.exit(main())
