#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Exported tables under a flat index of FAISS: it serves what adaptau_model_rank serves.

usage: check_faiss.py PATH_OF_test_topk_for

Exits with 77, which meson counts as skipped, where FAISS is absent.
"""
import pathlib
import subprocess
import sys
import tempfile


def count_ties(items, scores, other_items, other_scores, tolerance):
    """How many places of two lists of the best, [users x k] each, hold other items. The scores must be the same but for
    rounding, and an item that one list has alone must be as good as the last one: a tie."""
    import numpy as np
    np.testing.assert_allclose(scores, other_scores, rtol=tolerance, atol=tolerance)
    for own, own_scores, others in ((items, scores, other_items), (other_items, other_scores, items)):
        for user in np.flatnonzero((np.sort(items, axis=1) != np.sort(other_items, axis=1)).any(axis=1)):
            alone = ~np.isin(own[user], others[user])
            np.testing.assert_allclose(own_scores[user][alone], own_scores[user][-1], rtol=tolerance, atol=tolerance)
    return int((items != other_items).sum())


def check_model(folder, number):
    import faiss
    import numpy as np
    users, items = (np.load(folder / f"{number}.{side}.npy", allow_pickle=False) for side in ("users", "items"))
    told = np.loadtxt(folder / f"{number}.top.txt").reshape(len(users), -1, 2)
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    scores, found = index.search(users, told.shape[1])
    ties = count_ties(told[:, :, 0].astype(np.int64), told[:, :, 1].astype(np.float32), found, scores, 1e-5)
    print(f"model {number}: {found.size} places, {ties} ties decided differently")
    assert ties < 0.01 * found.size, number


def main(program):
    try:
        import faiss
    except ImportError as reason:
        print(f"skipped: {sys.executable}: {reason} (Debian: python3-faiss)")
        sys.exit(77)
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([program, "--write", folder], check=True)
        numbers = sorted(path.name.split(".")[0] for path in folder.glob("*.top.txt"))
        assert len(numbers) == 10, numbers
        for number in numbers:
            check_model(folder, number)


if __name__ == "__main__":
    main(sys.argv[1])
