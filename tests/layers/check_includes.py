#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""include <- common <- files, kernels <- core <- model <- fit <- examples: an arrow may be skipped, never reversed.

Reads the #include lines of every .c and .h file and fails on one that points upward, on a public header that includes a private
one, and on any file but kernels/blas.c that includes BLIS."""
import pathlib
import re
import sys

# What each layer may include. fit is built on public calls, and formats of files know nothing of numbers and models.
KNOWS = {
    "include": ["include"],
    "common": ["include", "common"],
    "files": ["include", "common", "files"],
    "kernels": ["include", "common", "kernels"],
    "core": ["include", "common", "kernels", "core"],
    "model": ["include", "common", "files", "kernels", "core", "model"],
    "fit": ["include", "common", "fit"],
    "examples": ["include"],
}
FIT_HEADERS = ("adaptau/recipe.h", "adaptau/fit.h", "adaptau/tune.h")
FIT_HOSTS = ("adaptau.h", "fit.h", "tune.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of_file(root, path):
    parts = path.relative_to(root).parts
    if parts[0] == "lib":
        return parts[1]
    return parts[0]


def layer_of_include(root, quote, target):
    if target.startswith("adaptau/") and (root / "include" / target).exists():
        return "include"
    first = target.split("/")[0]
    if quote == '"' and first in KNOWS and (root / "lib" / target).exists():
        return first
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    errors = []
    n_files = n_arrows = 0
    for folder in ("include", "lib", "examples"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            n_files += 1
            own = layer_of_file(root, path)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                where = f"{path.relative_to(root)}:{number}"
                quote, target = match.groups()
                if "blis" in target and path.name != "blas.c":
                    errors.append(f"{where}: only lib/kernels/blas.c may include {target}")
                layer = layer_of_include(root, quote, target)
                if layer is None:
                    continue
                n_arrows += 1
                if own == "examples" and layer != "include":
                    errors.append(f"{where}: examples include <adaptau/...> only, not {target}")
                elif own not in ("fit", "examples") and target in FIT_HEADERS and path.name not in FIT_HOSTS:
                    errors.append(f"{where}: only fit and hosts know {target}")
                elif layer not in KNOWS[own]:
                    errors.append(f"{where}: {own} must not include {layer} ({target})")
    for error in errors:
        print(error)
    print(f"{n_files} files, {n_arrows} arrows, {len(errors)} reversed")
    return 1 if errors or n_arrows < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
