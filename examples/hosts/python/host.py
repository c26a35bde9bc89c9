#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host of ../README.md in Python, with NumPy's arrays and the module beside this file."""
import sys

import numpy as np

import adaptau

USERS, ITEMS, TASTES, TRAIN, TEST, EPOCHS, CUTOFF, BEST, SOMEONE = 600, 200, 10, 12, 4, 8, 10, 5, 7


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


def train_epoch(model, sampler, temperature, epoch):
    """The mean loss of an epoch's terms."""
    loss, n_terms = 0.0, 0
    model.update_temperature(temperature)
    for batch in sampler.epoch(epoch):
        step = model.gradients(batch, temperature)
        model.apply()
        loss += step.loss
        n_terms += step.n_terms
    return loss / n_terms


def run(path):
    context = adaptau.Context()
    train, test = (adaptau.Dataset.from_pairs(context, USERS, ITEMS, *pairs) for pairs in make_pairs())
    model = adaptau.Model(context, train, dim=32, seed=1)
    temperature = adaptau.Temperature(context, train)
    sampler = adaptau.Sampler(context, train, rows_per_batch=64, seed=1)
    evaluator = adaptau.Evaluator(context, test, cutoffs=[CUTOFF], masks=[train])
    fingerprint = Fingerprint()

    print(f"{USERS} users, {ITEMS} items, {train.n_pairs} pairs")
    for epoch in range(EPOCHS):
        loss = train_epoch(model, sampler, temperature, epoch)
        evaluator.run(model)
        tau, recall = temperature.state.tau0, evaluator.mean("recall", CUTOFF)
        print(f"epoch {epoch + 1}  loss {loss:.6f}  tau {tau:.6f}  recall@{CUTOFF} {recall:.6f}")
        fingerprint.mix(*map(np.float64, (loss, tau, recall)))

    someone = np.array([SOMEONE], np.int32)
    items, scores = model.top_k(someone, BEST, seen=train)
    for item, score in zip(items[0], scores[0]):
        print(f"user {SOMEONE}  item {item}  score {score:.6f}")
        fingerprint.mix(np.int64(item), score)
    model.save(path)
    loaded = adaptau.Model.load(context, path).top_k(someone, BEST, seen=train)
    print("loaded:", "the same" if all(map(np.array_equal, loaded, (items, scores))) else "different")

    try:
        model.top_k(np.array([USERS], np.int32), BEST)
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
