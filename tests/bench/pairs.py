# SPDX-License-Identifier: MIT
"""Interactions for benchmarks, from files of lines "user item item ..."."""


def read_pairs(path):
    """Users and items, an interaction a place."""
    import numpy as np
    users, items = [], []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            user, *own = map(int, line.split())
            users += [user] * len(own)
            items += own
    return np.array(users, np.int32), np.array(items, np.int32)
