#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes evaluator.txt, what tests/api/test_evaluator.c compares with: ranking metrics by brute force, in two cases.
"raw": inner products of small integers, which are exact in every precision, so that there are many ties; a mask of two
datasets, pairs that are held out and masked, users without held-out items, a user whose every item is masked. "cosine":
directions of any length, with zero rows on both sides. Cutoffs go beyond the number of items, and items have groups.
"""
import contextlib
import pathlib

import numpy as np

CUTOFFS = [1, 2, 5, 10, 36, 50]
N_GROUPS = 4


def ranked(scores, masked):
    """Items that are not masked, by descending score, ties to the lower id."""
    items = [i for i in range(len(scores)) if i not in masked]
    return sorted(items, key=lambda i: (-scores[i], i))


def metrics(ranking, held_out, cutoff):
    """Recall, NDCG, precision, hit rate, MRR, MAP, straight from their definitions."""
    top = ranking[:cutoff]
    hit_ranks = [r for r, item in enumerate(top, start=1) if item in held_out]
    best = sum(1 / np.log2(r + 1) for r in range(1, min(cutoff, len(held_out)) + 1))
    precision_at = [sum(q <= r for q in hit_ranks) / r for r in hit_ranks]
    return [
        len(hit_ranks) / len(held_out),
        sum(1 / np.log2(r + 1) for r in hit_ranks) / best,
        len(hit_ranks) / cutoff,
        float(bool(hit_ranks)),
        1 / hit_ranks[0] if hit_ranks else 0.0,
        sum(precision_at) / min(cutoff, len(held_out)),
    ]


def parts(ranking, held_out, cutoff, groups):
    """[3][N_GROUPS]: recall, NDCG and precision with the hits of one group alone."""
    top = ranking[:cutoff]
    best = sum(1 / np.log2(r + 1) for r in range(1, min(cutoff, len(held_out)) + 1))
    out = np.zeros((3, N_GROUPS))
    for r, item in enumerate(top, start=1):
        if item in held_out:
            out[:, groups[item]] += [1 / len(held_out), 1 / np.log2(r + 1) / best, 1 / cutoff]
    return out


def draw_pairs(random, n_users, n_items, density):
    return [{int(i) for i in np.flatnonzero(random.random(n_items) < density)} for _ in range(n_users)]


def write(case, name, values, number="{:d}"):
    values = list(values)
    print(f"{case}/{name} {len(values)}")
    for start in range(0, len(values), 12):
        print(" ".join(number.format(v) for v in values[start:start + 12]))


def write_case(case, users, items, scores, masks, held_out, groups):
    n_users, n_items = scores.shape
    write(case, "shape", [n_users, n_items, users.shape[1], N_GROUPS, len(masks)])
    write(case, "cutoffs", CUTOFFS)
    write(case, "users", users.astype(np.float32).ravel(), "{:.9g}")
    write(case, "items", items.astype(np.float32).ravel(), "{:.9g}")
    write(case, "groups", groups)
    for name, sets in [("held_out", held_out)] + [(f"mask{q}", mask) for q, mask in enumerate(masks)]:
        write(case, name + "_users", [u for u in range(n_users) for _ in sets[u]])
        write(case, name + "_items", [i for u in range(n_users) for i in sorted(sets[u])])

    counted = [u for u in range(n_users) if held_out[u]]
    rankings = [ranked(scores[u], set().union(*(mask[u] for mask in masks))) for u in counted]
    write(case, "counted", counted)
    for c, cutoff in enumerate(CUTOFFS):
        values = np.array([metrics(r, held_out[u], cutoff) for r, u in zip(rankings, counted)])
        write(case, f"per_user{c}", values.T.ravel(), "{:.9g}")
        write(case, f"mean{c}", values.mean(axis=0), "{:.17g}")
        split = np.mean([parts(r, held_out[u], cutoff, groups) for r, u in zip(rankings, counted)], axis=0)
        write(case, f"per_group{c}", split.ravel(), "{:.17g}")


def write_raw():
    random = np.random.default_rng(1)
    n_users, n_items, dim = 23, 37, 5
    users = random.integers(-2, 3, (n_users, dim))
    items = random.integers(-2, 3, (n_items, dim))
    held_out = draw_pairs(random, n_users, n_items, 0.15)
    masks = [draw_pairs(random, n_users, n_items, 0.2), draw_pairs(random, n_users, n_items, 0.1)]
    held_out[3] = held_out[11] = held_out[22] = set()
    masks[0][7] = set(range(n_items))
    held_out[7] = {0, 5, 36}
    held_out[8] = set(range(n_items))
    write_case("raw", users, items, users @ items.T, masks, held_out, random.integers(0, N_GROUPS, n_items))


def unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


def write_cosine():
    random = np.random.default_rng(3)
    n_users, n_items, dim = 19, 41, 7
    users = (random.normal(size=(n_users, dim)) * np.exp(random.normal(size=(n_users, 1)))).astype(np.float32)
    items = (random.normal(size=(n_items, dim)) * np.exp(random.normal(size=(n_items, 1)))).astype(np.float32)
    users[4] = 0
    items[[6, 17]] = 0
    held_out = draw_pairs(random, n_users, n_items, 0.2)
    held_out[4] |= {2, 40}
    held_out[9] = set()
    masks = [draw_pairs(random, n_users, n_items, 0.25)]
    scores = unit(users.astype(np.float64)) @ unit(items.astype(np.float64)).T
    gaps = np.diff(np.sort(scores[[u for u in range(n_users) if u != 4]], axis=1), axis=1)
    assert np.all((gaps > 1e-6) | (gaps == 0)), "scores too close for single precision"
    write_case("cosine", users, items, scores, masks, held_out, random.integers(0, N_GROUPS, n_items))


with open(pathlib.Path(__file__).with_suffix(".txt"), "w") as file, contextlib.redirect_stdout(file):
    write_raw()
    write_cosine()
