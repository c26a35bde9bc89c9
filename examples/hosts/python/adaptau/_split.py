# SPDX-License-Identifier: MIT
"""What is held out of interactions, to test on."""
from __future__ import annotations

from typing import Any

import numpy as np

from . import _library as low
from ._data import Interactions, _check_numbers, _is_sparse, _sorted_rows, as_interactions

_ACROSS_USERS = 1  # ADAPTAU_SPLIT_ACROSS_USERS


def split(interactions: Any, share: float = 0.1, *, times: Any = None, across_users: bool = False, seed: int = 0) -> tuple[Any, Any]:
    """Train and test interactions, of the same kind as these: what is kept, and what is held out of each user's. Of k interactions
    round(share * k) are held out, but never all of them.

    Args:
        interactions: as `fit` takes them. A tuple (users, items) gives two tuples of arrays, a matrix two matrices of its format,
            Interactions two Interactions with the same users and items.
        share: in [0, 1].
        times: when each came: the latest are held out, instead of drawn ones. Numbers or dates: one for each pair of a tuple, of which
            the latest counts where a pair comes again; for a matrix and Interactions in the order of rows, and of columns within a row.
        across_users: the latest share of all interactions, not of each user's, is held out.
        seed: of what is drawn.

        train, test = adaptau.split(interactions, 0.2)
        adaptau.fit(train).evaluate(test)
    """
    if across_users and times is None:
        raise ValueError("across_users is by time: times=...")
    data = as_interactions(interactions)
    rows, columns, given = _given(interactions, data)
    keys = _keys(data.indptr, data.indices, data.shape)
    places = np.searchsorted(keys, rows.astype(np.int64) * max(data.shape[1], 1) + columns)
    context = low.Context()
    dataset = low.Dataset(context, data.indptr, data.indices, data.shape[1])
    ranks = None if times is None else _ranks(times, places, data.nnz)
    _, held_out = dataset.split(share, seed, ranks, _ACROSS_USERS if across_users else 0)
    late = np.isin(keys, _keys(*held_out.rows(), data.shape))
    return given(~late[places]), given(late[places])


def _given(thing: Any, data: Interactions) -> tuple[np.ndarray, np.ndarray, Any]:
    """Row and column of each interaction as it was given, and what makes a thing of this kind of some of them."""
    if isinstance(thing, tuple):
        users, items = (np.asarray(names) for names in thing)
        assert data.user_labels is not None and data.item_labels is not None
        return (np.searchsorted(data.user_labels, users), np.searchsorted(data.item_labels, items),
                lambda some: (users[some], items[some]))
    if _is_sparse(thing):
        pairs = thing.tocsr().tocoo()
        row, column, values = (of[pairs.data != 0] for of in (pairs.row, pairs.col, pairs.data))
        return row, column, lambda some: type(pairs)((values[some], (row[some], column[some])), shape=thing.shape).asformat(thing.format)
    row, column = np.repeat(np.arange(data.shape[0]), np.diff(data.indptr)), data.indices

    def part(some: np.ndarray) -> Interactions:
        weights = None if data.weights is None else data.weights[some]
        indptr, indices, weights = _sorted_rows(row[some], column[some], data.shape, weights)
        return Interactions._of_arrays(indptr, indices, data.shape[1], data.user_labels, data.item_labels, weights)
    return row, column, part


def _keys(indptr: np.ndarray, indices: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A number for each interaction, ascending."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)) * max(shape[1], 1) + indices


def _ranks(times: Any, places: np.ndarray, n: int) -> np.ndarray:
    """Times as whole numbers in the same order, the latest of each of n interactions."""
    times = np.asarray(times)
    if times.shape != places.shape:
        raise ValueError(f"times of shape {times.shape}, but there are {len(places)} interactions")
    _check_numbers(times, "times")
    latest = np.zeros(n, np.int64)
    np.maximum.at(latest, places, np.unique(times, return_inverse=True)[1])
    return latest
