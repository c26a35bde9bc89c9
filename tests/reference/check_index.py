#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exported tables under a flat index of inner products, here plain NumPy: the best items are those of adaptau_model_rank.

usage: check_index.py PATH_OF_test_topk_for

Exits with 77, which meson counts as skipped, where NumPy is absent.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as reason:
    print(f"skipped: {sys.executable}: {reason}")
    sys.exit(77)


def check_model(folder, number):
    users, items = (np.load(folder / f"{number}.{side}.npy", allow_pickle=False) for side in ("users", "items"))
    told = np.loadtxt(folder / f"{number}.top.txt")
    scores = users.astype("f8") @ items.astype("f8").T
    k = len(told) // len(users)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    ids, values = told[:, 0].astype(int).reshape(-1, k), told[:, 1].reshape(-1, k)
    wanted = np.take_along_axis(scores, best, axis=1)
    assert np.allclose(values, wanted, rtol=1e-5, atol=1e-5), number
    # Where another item stands, its score is the same but for rounding.
    assert np.allclose(np.take_along_axis(scores, ids, axis=1), wanted, rtol=1e-5, atol=1e-6), number
    assert (ids == best).mean() > 0.99, number


def main(program):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([program, "--write", folder], check=True)
        numbers = sorted(path.name.split(".")[0] for path in folder.glob("*.top.txt"))
        assert len(numbers) == 10, numbers
        for number in numbers:
            check_model(folder, number)
    print("the flat index agrees")


if __name__ == "__main__":
    main(sys.argv[1])
