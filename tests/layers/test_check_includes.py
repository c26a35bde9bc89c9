#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_includes.py passes the tree as it is, and finds what is planted into a copy of it."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

PLANTED = [
    ("lib/model/tables.h", '#include "model/model.h"', "a circle: "),
    ("lib/core/dataset.h", '#include "core/evaluator_of_nothing.h"', None),  # no such file: no arrow
    ("lib/core/log_tau.h", '#include "core/temperature_object.h"', "a circle: "),
    ("lib/core/dataset.c", '#include "model/tables.h"', "core must not include model"),
    ("lib/files/npy.c", '#include "kernels/kernels.h"', "files must not include kernels"),
    ("lib/common/context.h", '#include "kernels/kernels.h"', "common must not include kernels"),
    ("lib/os/posix/files.c", '#include "common/error.h"', "os must not include common"),
    ("lib/common/context.c", '#include <unistd.h>', "only lib/os may include unistd.h"),
    ("lib/core/search.c", '#include <sys/stat.h>', "only lib/os may include sys/stat.h"),
    ("lib/fit/fit.c", '#include "model/model.h"', "fit must not include model"),
    ("include/adaptau/base.h", '#include "common/error.h"', "include must not include common"),
    ("lib/model/step.c", '#include <blis.h>', "only lib/kernels/blas.c may include"),
]


def run(root, tree):
    return subprocess.run([sys.executable, root / "tests/layers/check_includes.py", tree], capture_output=True, text=True)


def main():
    root = pathlib.Path(sys.argv[1])
    failures = []
    clean = run(root, root)
    if clean.returncode != 0:
        failures.append(f"the tree itself: {clean.stdout}")
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for part in ("include", "lib", "examples"):
            shutil.copytree(root / part, tree / part, ignore=lambda _, names: [n for n in names if not n.endswith((".c", ".h")) and "." in n])
        for name, line, words in PLANTED:
            path = tree / name
            before = path.read_text(encoding="utf-8")
            path.write_text(before + line + "\n", encoding="utf-8")
            told = run(root, tree)
            if (told.returncode != 0) != (words is not None) or (words or "") not in told.stdout:
                failures.append(f"{line} in {name}: {told.stdout}")
            path.write_text(before, encoding="utf-8")
    print("\n".join(failures) or f"{len(PLANTED)} planted lines")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
