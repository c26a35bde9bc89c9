#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""by_recipe.py ROOT DIR: tests/examples/host_by_recipe.c in Python, through the module of hosts. Without NumPy a skip."""
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no NumPy")
    sys.exit(77)
sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "examples/hosts/python"))
import adaptau  # noqa: E402


def read(path):
    """Users and items of lines "user item item ..."."""
    rows = [np.array(line.split(), np.int32) for line in path.read_text().splitlines() if line]
    return np.concatenate([np.full(len(row) - 1, row[0], np.int32) for row in rows]), np.concatenate([row[1:] for row in rows])


def main():
    folder = pathlib.Path(sys.argv[2])
    parts = [read(folder / name) for name in ("train.txt", "test.txt")]
    n, m = (1 + int(max(part[side].max() for part in parts)) for side in (0, 1))
    context = adaptau.Context()
    train, test = (adaptau.Dataset.from_pairs(context, n, m, *part) for part in parts)

    training = adaptau.Training(context, train)
    for epoch in range(training.recipe.epochs):
        for batch in training.epoch(epoch):
            training.model.gradients(batch, training.temperature)
            training.model.apply()

    evaluator = adaptau.Evaluator(context, test, masks=(train,))
    evaluator.run(training.model)
    print(f"{evaluator.mean('recall'):.17g}")


if __name__ == "__main__":
    main()
