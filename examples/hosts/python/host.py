#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host of ../README.md in Python, with NumPy's arrays, by the objects of the package beside this file."""
import sys

import numpy as np

import adaptau

USERS, ITEMS, TASTES, TRAIN, TEST, CUTOFF, BEST, SOMEONE = 600, 200, 10, 12, 4, 10, 5, 7


def make_pairs():
    """Of 16 draws from the 20 items of a user's taste, 12 are for training and 4 for the test."""
    users = np.repeat(np.arange(USERS, dtype=np.int32), TRAIN + TEST).reshape(USERS, -1)
    items = np.empty_like(users)
    state = 1
    for place, user in np.ndenumerate(users):
        state = (state * 1664525 + 1013904223) % 2**32
        items[place] = (state >> 16) % (ITEMS // TASTES) * TASTES + user % TASTES
    return tuple(tuple(np.ascontiguousarray(part).ravel() for part in (users[:, draws], items[:, draws]))
                 for draws in (slice(0, TRAIN), slice(TRAIN, None)))


class Fingerprint:
    """Of the bits of every number that is printed."""

    value = 0xcbf29ce484222325

    def mix(self, *numbers):
        for number in numbers:
            bits = {4: np.uint32, 8: np.uint64}[number.itemsize]
            self.value = (self.value ^ int(number.view(bits))) * 0x100000001b3 % 2**64


def train_epoch(training, epoch):
    for batch in training.epoch(epoch):
        step = training.model.gradients(batch, training.temperature)
        training.model.apply()
        training.add_loss(step.loss)  # for the mean in its state


def compare(a, b):
    return "the same" if all(map(np.array_equal, a, b)) else "different"


def run(path):
    context = adaptau.Context()
    train, test = (adaptau.Dataset.from_pairs(context, USERS, ITEMS, *pairs) for pairs in make_pairs())
    # A recipe says how a model is trained: what the host knows, and for the rest what suits the data.
    recipe = adaptau.Recipe(dim=16, epochs=4, seed=1).fill(train)
    training = adaptau.Training(context, train, recipe)  # finds the temperature
    recipe, model = training.recipe, training.model
    evaluator = adaptau.Evaluator(context, test, cutoffs=[CUTOFF], masks=[train])
    fingerprint = Fingerprint()

    print(f"{USERS} users, {ITEMS} items, {train.n_pairs} pairs")
    print(f"recipe: {recipe.epochs} epochs, {recipe.rows_per_batch} users in a batch, tau {recipe.tau:.6f}")
    fingerprint.mix(np.float64(recipe.tau))
    for epoch in range(recipe.epochs):
        train_epoch(training, epoch)
        evaluator.run(model)
        state, recall = training.state, evaluator.mean("recall", CUTOFF)
        print(f"epoch {epoch + 1}  loss {state.loss:.6f}  tau {state.tau0:.6f}  recall@{CUTOFF} {recall:.6f}")
        fingerprint.mix(*map(np.float64, (state.loss, state.tau0, recall)))

    someone = np.array([SOMEONE], np.int32)
    best = model.top_k(someone, BEST, seen=train)
    for item, score in zip(*(row[0] for row in best)):
        print(f"user {SOMEONE}  item {item}  score {score:.6f}")
        fingerprint.mix(np.int64(item), score)
    model.save(path)
    print("loaded:", compare(best, adaptau.Model.load(context, path).top_k(someone, BEST, seen=train)))

    # All of it in one call, which tells of each epoch: by the same recipe it is the same model.
    told = []
    fitted, _ = adaptau.fit_dataset(context, train, recipe, on_epoch=lambda progress: told.append(progress.epoch))
    print(f"fit: {len(told)} epochs, {compare(best, fitted.top_k(someone, BEST, seen=train))}")

    try:
        fitted.top_k(np.array([USERS], np.int32), BEST)
    except adaptau.Error as error:  # a mistake of the host's; the model is as usable as before
        print(f"user {USERS}: {error.name}: {error}")
    print(f"fingerprint {fingerprint.value:016x}")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: host.py MODEL_FILE")
    try:
        run(sys.argv[1])
    except adaptau.Error as error:
        sys.exit(f"{error.name}: {error}")


if __name__ == "__main__":
    main()
