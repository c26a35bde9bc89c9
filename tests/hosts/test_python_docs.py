#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_python_docs.py ROOT: the Python on docs/python.md and docs/ffi.md runs, from top to bottom, and prints what the page says. The
library is $ADAPTAU_LIBRARY. Without NumPy or SciPy a skip."""
import contextlib
import io
import os
import pathlib
import re
import sys
import tempfile

try:
    import numpy  # noqa: F401
    import scipy.sparse  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing} (Debian: python3-numpy python3-scipy)")
    sys.exit(77)
sys.dont_write_bytecode = True
ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "examples/hosts/python"))


def run_page(page, n_blocks):
    """What its blocks of Python print; there are at least so many."""
    text = page.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S))
    scope = {"__name__": "tutorial"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks:
            line = text[:block.start(1)].count("\n")
            exec(compile("\n" * line + block.group(1), str(page), "exec"), scope)  # a traceback has the page's lines
    print(f"{page.name}: {len(blocks)} blocks ran")
    assert len(blocks) >= n_blocks, page
    said = re.findall(r"^It prints `(.*?)`", text, re.M)
    for line in said:
        assert line in printed.getvalue().splitlines(), f"{page}: does not print {line}, but\n{printed.getvalue()}"
    return said


def main():
    import adaptau  # noqa: F401  the library is loaded: docs/ffi.md opens it by its soname
    os.environ["OMP_NUM_THREADS"] = "2"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run_page(ROOT / "docs/python.md", 12)
        assert run_page(ROOT / "docs/ffi.md", 2)
        os.chdir("/")


main()
