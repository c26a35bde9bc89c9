#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_python_docs.py ROOT: the Python on docs/python.md runs, from top to bottom. The library is $ADAPTAU_LIBRARY. Without NumPy or
SciPy a skip."""
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


def main():
    page = ROOT / "docs/python.md"
    text = page.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S))
    scope = {"__name__": "tutorial"}
    os.environ["OMP_NUM_THREADS"] = "2"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for block in blocks:
            line = text[:block.start(1)].count("\n")
            exec(compile("\n" * line + block.group(1), str(page), "exec"), scope)  # a traceback has the page's lines
        os.chdir("/")
    print(f"{len(blocks)} blocks ran")
    return 0 if len(blocks) >= 12 else 1


sys.exit(main())
