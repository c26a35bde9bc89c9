#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shared library exports what the public headers declare, all of it and nothing else: what experimental.h declares under
the node ADAPTAU_EXPERIMENTAL, and the rest under ADAPTAU_1."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "lib"))
from exports import declared as declared_in  # noqa: E402

PROMISE, EXPERIMENT = "ADAPTAU_1", "ADAPTAU_EXPERIMENTAL"


def declared(include):
    """The functions of the headers, each with its version node."""
    nodes = {}
    for path in (pathlib.Path(include) / "adaptau").glob("*.h"):
        node = EXPERIMENT if path.name == "experimental.h" else PROMISE
        nodes.update((name, node) for name in declared_in(path))
    return nodes


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    symbols = [line.split()[2] for line in out.splitlines() if line.split()[1] in "TDBRVW"]
    return dict(symbol.replace("@@", "@").split("@") for symbol in symbols)


def main():
    headers, symbols = declared(sys.argv[2]), exported(sys.argv[1])
    for name in sorted(headers.keys() - symbols.keys()):
        print(f"declared, not exported: {name}")
    for name in sorted(symbols.keys() - headers.keys()):
        print(f"exported, not declared: {name}")
    for name in sorted(headers.keys() & symbols.keys()):
        if headers[name] != symbols[name]:
            print(f"declared as {headers[name]}, exported as {symbols[name]}: {name}")
    print(f"{len(headers)} declared, {len(symbols)} exported")
    return 1 if headers != symbols or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
