#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Data sets of other shapes, cut from those of ADAPTAU_DATA_DIR: fewer users or interactions, other cores, splits by time.

Usage: shapes.py ADAPTAU_DATA_DIR OUT
Each becomes a folder of OUT with train.txt and test.txt, for  ADAPTAU_DATA_DIR=OUT ./run bench accuracy --oracle. Files have no
times, as those of most published splits have none: a split by time has to be learned without them. What is missing is skipped.
"""
import collections
import os
import random
import sys

TEST_SHARE = 0.2


def read_lists(folder):
    """All of a given split, train and test together, as (user, item, time)."""
    found = {}
    for name in ("train.txt", "test.txt"):
        with open(os.path.join(folder, name), encoding="utf-8") as lines:
            for words in map(str.split, lines):
                found.update(((int(words[0]), int(item), 0), None) for item in words[1:])
    return list(found)


def read_table(path, separator, time_column):
    """A table with a header: user, item, …, and where there is one a time."""
    with open(path, encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split(separator) for line in lines][1:]
    return [(int(r[0]), int(r[1]), float(r[time_column]) if time_column else 0) for r in rows if len(r) > 1]


def core(rows, of_user, of_item):
    """What is left when no user has fewer than of_user interactions, and no item fewer than of_item."""
    while True:
        users = collections.Counter(u for u, _, _ in rows)
        items = collections.Counter(i for _, i, _ in rows)
        kept = [r for r in rows if users[r[0]] >= of_user and items[r[1]] >= of_item]
        if len(kept) == len(rows):
            return kept
        rows = kept


def some_users(rows, divisor):
    users = sorted({u for u, _, _ in rows})
    drawn = set(random.Random(1).sample(users, len(users) // divisor))
    return [r for r in rows if r[0] in drawn]


def some_interactions(rows, share):
    draw = random.Random(1)
    return [r for r in rows if draw.random() < share]


def of_degree(rows, least, most):
    users = collections.Counter(u for u, _, _ in rows)
    return [r for r in rows if least <= users[r[0]] <= most]


def by_user(rows):
    found = collections.defaultdict(list)
    for user, item, _ in rows:
        found[user].append(item)
    return found


def split_users(rows, choose):
    train, test = [], []
    for user, items in sorted(by_user(rows).items()):
        items = choose(items)
        n = min(int(TEST_SHARE * len(items) + 0.5), len(items) - 1)
        test += [(user, i) for i in items[:n]]
        train += [(user, i) for i in items[n:]]
    return train, test


def at_random(rows):
    draw = random.Random(0)
    return split_users(rows, lambda items: draw.sample(items, len(items)))


def last_of_each(rows):
    return split_users(sorted(rows, key=lambda r: -r[2]), lambda items: items)


def at_one_time(rows):
    """The last two fifths of the time: a fifth has too few users who were there before."""
    rows = sorted(rows, key=lambda r: r[2])
    n = len(rows) * 3 // 5
    return [r[:2] for r in rows[:n]], [r[:2] for r in rows[n:]]


def write(folder, train, test):
    users = {u: k for k, u in enumerate(dict.fromkeys(u for u, _ in train))}
    items = {i: k for k, i in enumerate(dict.fromkeys(i for _, i in train))}
    os.makedirs(folder, exist_ok=True)
    for name, pairs in (("train.txt", train), ("test.txt", test)):
        lists = collections.defaultdict(list)
        for user, item in pairs:
            if user in users and item in items:
                lists[users[user]].append(items[item])
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.writelines(f"{u} {' '.join(map(str, sorted(lists[u])))}\n" for u in sorted(lists))
    print(f"{os.path.basename(folder):<22} {len(users):6} users {len(items):6} items {len(train):7} interactions "
          f"({len(train) / len(users):.0f} a user)", flush=True)


SHAPES = [
    ("gowalla", [
        ("gowalla-eighth", lambda r: core(some_users(r, 8), 5, 3), at_random),
        ("gowalla-light-users", lambda r: core(some_users(of_degree(r, 10, 20), 2), 5, 5), at_random),
        ("gowalla-25-core", lambda r: core(r, 25, 25), at_random)]),
    ("food", [
        ("food-third", lambda r: core(some_users(r, 3), 5, 3), at_random),
        ("food-20-core", lambda r: core(r, 20, 20), at_random),
        ("food-thinned", lambda r: core(some_interactions(r, 0.5), 5, 5), at_random)]),
    ("movielens-1m", [
        ("1m-tenth", lambda r: core(some_interactions(r, 0.1), 5, 5), at_random),
        ("1m-eighth", lambda r: core(some_users(r, 8), 5, 5), at_random)]),
    ("yahoo-music", [
        ("yahoo-eighth", lambda r: core(some_users(r, 8), 5, 5), at_random),
        ("yahoo-thinned", lambda r: core(some_interactions(r, 0.5), 5, 5), at_random)]),
    ("amazon2014-cd", [
        ("cd-sixth", lambda r: core(some_users(r, 6), 5, 3), at_random),
        ("cd-20-core", lambda r: core(r, 20, 20), at_random),
        ("cd-light-users", lambda r: core(of_degree(r, 5, 16), 4, 4), at_random)]),
    ("raw/hetrec-user_artists.dat", [
        ("lastfm", lambda r: core(r, 1, 2), at_random),
        ("lastfm-5-core", lambda r: core(r, 5, 5), at_random)]),
    ("raw/ml-latest-small-ratings.csv", [
        ("small", lambda r: core(r, 5, 2), at_random),
        ("small-10-core", lambda r: core(r, 10, 10), at_random),
        ("small-last", lambda r: core(r, 5, 5), last_of_each)]),
    ("raw/ml-100k.inter", [
        ("100k-fifth", lambda r: core(some_interactions(r, 0.2), 4, 4), at_random),
        ("100k-last", lambda r: core(r, 5, 5), last_of_each),
        ("100k-by-time", lambda r: core(r, 5, 5), at_one_time)]),
]


def read_source(path):
    if path.endswith(".csv"):
        return read_table(path, ",", 3)
    if path.endswith((".inter", ".dat")):
        return read_table(path, "\t", 3 if path.endswith(".inter") else None)
    return read_lists(path)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for source, shapes in SHAPES:
        path = os.path.join(sys.argv[1], source)
        if not os.path.exists(path):
            print(f"skipped {source}: not in {sys.argv[1]}")
            continue
        rows = read_source(path)
        for name, cut, split in shapes:
            write(os.path.join(sys.argv[2], name), *split(cut(rows)))


if __name__ == "__main__":
    main()
