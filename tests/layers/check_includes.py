#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""include, os <- common <- files, kernels <- core <- model <- fit <- examples: an arrow may be skipped, never reversed.

Reads the #include lines of every .c and .h file and fails on one that points upward, on a public header that includes a private
one, on any file but kernels/blas.c that includes BLIS, on headers of one operating system outside lib/os, and on a circle in lib/:
files that need one another, where a .c file and its header are one. The tile engine is the only circle that may be: it is one thing in several files."""
import pathlib
import re
import sys

# What each layer may include. fit is built on public calls, and formats of files know nothing of numbers and models.
KNOWS = {
    "include": ["include"],
    "os": ["os"],
    "common": ["include", "os", "common"],
    "files": ["include", "os", "common", "files"],
    "kernels": ["include", "os", "common", "kernels"],
    "core": ["include", "os", "common", "kernels", "core"],
    "model": ["include", "os", "common", "files", "kernels", "core", "model"],
    "fit": ["include", "common", "fit"],
    "examples": ["include"],
}
# What systems have each in its own way is asked of lib/os.
SYSTEM = re.compile(r"(windows|process|unistd|pthread|fcntl|sched|signal|time|dirent|io)\.h$|sys/(?!auxv\.h)")
FIT_HEADERS = ("adaptau/recipe.h", "adaptau/fit.h", "adaptau/tune.h")
FIT_HOSTS = ("adaptau.h", "fit.h", "tune.h")
ENGINE = {"lib/kernels/" + name for name in (
    "exchange", "loss", "loss_bce", "loss_bpr", "loss_bsl", "loss_ccl", "loss_mse", "loss_psl", "loss_slatk", "loss_softmax",
    "loss_weighted", "scatter", "softmax", "softmax_dense", "softmax_dense_plan", "softmax_dense_products", "softmax_per_row",
    "workspace")}
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


def find_circles(needs):
    """Groups of modules that reach one another, by Tarjan's algorithm; needs: {module: modules that it includes}."""
    order, low, stack, circles = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(needs.get(module, ())):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            at = stack.index(module)
            circle = stack[at:]
            del stack[at:]
            if len(circle) > 1:
                circles.append(sorted(circle))

    for module in sorted(needs):
        if module not in order:
            visit(module)
    return circles


def main():
    root = pathlib.Path(sys.argv[1])
    errors = []
    n_files = n_arrows = 0
    needs = {}
    for folder in ("include", "lib", "examples"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            n_files += 1
            own = layer_of_file(root, path)
            module = str(path.relative_to(root).with_suffix(""))
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                where = f"{path.relative_to(root)}:{number}"
                quote, target = match.groups()
                if "blis" in target and path.name != "blas.c":
                    errors.append(f"{where}: only lib/kernels/blas.c may include {target}")
                if folder == "lib" and own != "os" and quote == "<" and SYSTEM.match(target):
                    errors.append(f"{where}: only lib/os may include {target}")
                layer = layer_of_include(root, quote, target)
                if layer is None:
                    continue
                n_arrows += 1
                if folder == "lib" and layer != "include":
                    needs.setdefault(module, set()).add("lib/" + str(pathlib.Path(target).with_suffix("")))
                if own == "examples" and layer != "include":
                    errors.append(f"{where}: examples include <adaptau/...> only, not {target}")
                elif own not in ("fit", "examples") and target in FIT_HEADERS and path.name not in FIT_HOSTS:
                    errors.append(f"{where}: only fit and hosts know {target}")
                elif layer not in KNOWS[own]:
                    errors.append(f"{where}: {own} must not include {layer} ({target})")
    for circle in find_circles(needs):
        if not ENGINE.issuperset(circle):
            errors.append("a circle: " + ", ".join(circle))
    for error in errors:
        print(error)
    print(f"{n_files} files, {n_arrows} arrows, {len(errors)} faults")
    return 1 if errors or n_arrows < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
