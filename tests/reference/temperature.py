#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes temperature.txt, what tests/api/test_temperature.c compares with: a small data set with embeddings, and the moments,
the temperatures by Eq. 14 and 34, the root of Eq. 11 and the users' temperatures, all from their definitions in double
precision: every pair of a user and an item is visited.
"""
import math
import pathlib

import numpy as np
from scipy.optimize import brentq
from scipy.special import lambertw, logsumexp

N_USERS, N_ITEMS, DIM = 60, 83, 13
TAU_MIN, TAU_MAX = 0.03, 10.0


def make_data():
    random = np.random.default_rng(13)
    users = random.normal(size=(N_USERS, DIM)) + 0.3
    items = random.normal(size=(N_ITEMS, DIM)) + 0.3
    users[7] = 0  # a zero vector on each side
    items[3] = 0
    appeal = unit(users) @ unit(items).T + 0.08 * random.normal(size=(N_USERS, N_ITEMS))
    pairs = appeal > 0.55 + 0.1 * random.normal(size=(N_USERS, 1))
    pairs[7, 20:24] = True
    pairs[20:23, 3] = True
    pairs[11] = False  # a user without items
    users *= random.lognormal(-1.5, 0.3, size=(N_USERS, 1))
    items *= random.lognormal(0.3, 0.3, size=(N_ITEMS, 1))
    return users.astype("f4"), items.astype("f4"), pairs


def unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def scores(users, items, flags):
    users, items = users.astype("f8"), items.astype("f8")
    return (unit(users) if flags & 1 else users) @ (unit(items) if flags & 2 else items).T


def counted_users(pairs, quantile):
    degrees = pairs.sum(axis=1)
    return degrees > np.quantile(degrees, quantile) if quantile else np.full(N_USERS, True)


def moments(f, pairs):
    positive = f[pairs]
    return f.mean(), f.var(), positive.mean(), positive.var()


def eq34(mean, variance, mean_positive, variance_positive, log_ratio):
    delta = mean_positive - mean
    radicand = delta ** 2 + 2 * (variance_positive - variance) * log_ratio
    return (delta + math.sqrt(max(radicand, 0.0))) / (2 * log_ratio)


def excess(log_tau, f, pairs):
    logits = f / math.exp(log_tau)
    probabilities = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    return (probabilities * pairs).sum(axis=1).mean() - 0.5


def eq11(f, pairs):
    some = pairs.any(axis=1)
    f, pairs = f[some], pairs[some]
    grid = np.linspace(math.log(TAU_MIN), math.log(TAU_MAX), 500)
    signs = np.sign([excess(x, f, pairs) for x in grid])
    changes = (signs[1:] != signs[:-1]).sum()
    assert changes <= 1, "the test would not know which root to expect"
    return math.exp(brentq(excess, grid[0], grid[-1], args=(f, pairs), xtol=1e-14)) if changes else math.nan


def unit_losses(f, pairs):
    """log sum_j exp f_uj - mean over the user's items; NaN for a user without."""
    with np.errstate(invalid="ignore"):
        return logsumexp(f, axis=1) - (f * pairs).sum(axis=1) / pairs.sum(axis=1)


def user_taus(tau0, losses, threshold, divisor):
    argument = np.maximum((losses - threshold) / divisor, -math.exp(-1))
    w = np.where(argument <= -math.exp(-1), -1.0, lambertw(argument).real)
    return np.where(np.isnan(losses), tau0, tau0 * np.exp(w))


def main():
    users, items, pairs = make_data()
    with open(pathlib.Path(__file__).with_suffix(".txt"), "w", encoding="ascii") as file:
        def write(key, values, per_line):
            values = [v.item() if hasattr(v, "item") else v for v in np.ravel(np.asarray(values, object))]
            file.write(f"{key} {len(values)}\n")
            for k in range(0, len(values), per_line):
                file.write(" ".join(repr(v) for v in values[k:k + per_line]) + "\n")

        write("sizes", [N_USERS, N_ITEMS, DIM], 3)
        write("users", [float(f"{v:.9g}") for v in users.ravel()], DIM)
        write("items", [float(f"{v:.9g}") for v in items.ravel()], DIM)
        write("pairs", np.argwhere(pairs), 2)
        for flags in range(4):
            for quantile in (0, 0.4):
                counted = counted_users(pairs, quantile)
                f, p = scores(users, items, flags)[counted], pairs[counted]
                log_ratio = math.log(p.size / (2 * p.sum()))
                mean, variance, mean_positive, variance_positive = moments(f, p)
                write(f"moments_{flags}_{int(10 * quantile)}",
                      [int(counted.sum()), log_ratio, mean, variance, mean_positive, variance_positive,
                       (mean_positive - mean) / log_ratio,
                       eq34(mean, variance, mean_positive, variance_positive, log_ratio), eq11(f, p)], 9)
        f = scores(users, items, 3)
        losses = unit_losses(f, pairs).astype("f4")
        write("unit_losses", [float(f"{v:.9g}") for v in losses], 1)
        losses = losses.astype("f8")
        mean, _, mean_positive, _ = moments(f, pairs)
        tau0 = (mean_positive - mean) / math.log(pairs.size / (2 * pairs.sum()))
        thresholds = {"mean": np.nanmean(losses), "q9": np.nanquantile(losses, 0.9), "q5": np.nanquantile(losses, 0.5)}
        for name, threshold in thresholds.items():
            write(f"eq16_{name}", [threshold, *user_taus(tau0, losses, threshold, 2.0)], 1)
            write(f"eq15_{name}", [threshold, *user_taus(tau0, losses, threshold, 2.0 * tau0)], 1)
            write(f"released_{name}", [threshold, *user_taus(tau0, losses, threshold, 1.0)], 1)


if __name__ == "__main__":
    main()
