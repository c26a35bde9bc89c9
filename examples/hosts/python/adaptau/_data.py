# SPDX-License-Identifier: MIT
"""Who has what: interactions of users and items as Python has them, as the library takes them."""
from __future__ import annotations

import warnings
from typing import Any, Iterable, Sequence

import numpy as np

_LARGEST = 2**31 - 1


def _is_sparse(thing: Any) -> bool:
    """A matrix or array of scipy.sparse, which need not be installed."""
    return hasattr(thing, "tocsr") and hasattr(thing, "nnz") and hasattr(thing, "shape")


def _sorted_rows(users: np.ndarray, items: np.ndarray, shape: tuple[int, int],
                 weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """indptr, indices and weights of pairs in any order, each pair once; weights of one that comes again add up."""
    keys = users.astype(np.int64) * max(shape[1], 1) + items
    if weights is None:
        keys = np.unique(keys)
    else:
        keys, places = np.unique(keys, return_inverse=True)
        weights = np.bincount(places.ravel(), np.asarray(weights, np.float64), len(keys)).astype(np.float32)
    rows = keys // max(shape[1], 1)
    indptr = np.zeros(shape[0] + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
    return indptr, (keys % max(shape[1], 1)).astype(np.int32), weights


def _check_numbers(numbers: Any, name: str) -> None:
    """`name` of a place is what a message calls it."""
    numbers = np.asarray(numbers)
    if numbers.dtype.kind in "fcM" and np.isnan(numbers).any():
        place = int(np.flatnonzero(np.isnan(numbers))[0])
        raise ValueError(f"{name}[{place}] is NaN")
    if numbers.dtype == object:  # names, as a frame has them
        for place, value in enumerate(numbers.ravel().tolist()):
            if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
                raise ValueError(f"{name}[{place}] is {value}")


def _check_values(matrix: Any, weights: bool) -> None:
    """No NaN, and a warning of numbers below 0 where they say that somebody has an item."""
    data = (matrix if matrix.format in ("csr", "csc", "coo") else matrix.tocoo()).data[:matrix.nnz]
    if data.dtype.kind == "f" and np.isnan(data).any():
        pairs = matrix.tocoo()
        place = int(np.flatnonzero(np.isnan(pairs.data))[0])
        raise ValueError(f"the matrix has NaN at row {pairs.row[place]}, column {pairs.col[place]}")
    if not weights and data.dtype.kind in "fi" and data.size and data.min() < 0:
        warnings.warn("negative values count as interactions, as all values but 0: drop those that are none", stacklevel=4)


def _remedy(thing: Any) -> str:
    """What something is called that is none of what is wanted, and what to do with it."""
    name = type(thing).__name__
    if hasattr(thing, "columns") and hasattr(thing, "__getitem__"):
        return f"{name}: adaptau.Interactions.from_frame(frame, user=..., item=...) takes two columns"
    if isinstance(thing, np.ndarray) and thing.ndim == 2:
        return f"{name}: scipy.sparse.csr_matrix(array) of a row for each user; Interactions.from_pairs(users, items) of pairs"
    if isinstance(thing, (tuple, list)):
        return f"{name} of {len(thing)}: Interactions.from_pairs(users, items, weights=...) takes lists as long as each other"
    return f"{name}: Interactions.from_pairs takes pairs"


def _text(name: Any) -> str:
    """A name as text; a whole number has no point in it."""
    return str(int(name) if isinstance(name, (float, np.floating)) and float(name).is_integer() else name)


class Interactions:
    """Interactions of users (rows) and items (columns), each once and in order.

    Made of a scipy.sparse matrix or array of any format and index type: what is stored and not 0 counts, whatever its value, or
    with `weights=True` by its value, above 0: how often it came, a rating. NaN is a ValueError, and negative values without
    `weights=True` are warned of. A canonical CSR matrix with 32-bit indices is used as it lies in memory; its `indptr` is widened where
    it is 32-bit. Anything else is sorted into arrays of its own. `Interactions.from_pairs` takes users and items of any names.

    Attributes:
        indptr: int64 [n_users + 1].
        indices: int32 [n], ascending within a row.
        weights: float32 [n], or None: all count alike.
        shape: users, items.
        user_labels, item_labels: what rows and columns are called; None where their numbers are their names.
    """

    def __init__(self, matrix: Any, user_labels: Sequence | None = None, item_labels: Sequence | None = None, *,
                 weights: bool = False) -> None:
        if not _is_sparse(matrix):
            raise TypeError(f"wanted a scipy.sparse matrix, not {_remedy(matrix)}")
        if max(matrix.shape) > _LARGEST:
            raise ValueError(f"a matrix of {matrix.shape}, but there may be {_LARGEST} users and items at most")
        _check_values(matrix, weights)
        self.shape = int(matrix.shape[0]), int(matrix.shape[1])
        if matrix.format == "csr" and matrix.has_canonical_format and np.count_nonzero(matrix.data) == matrix.nnz:
            self.indptr = matrix.indptr.astype(np.int64, copy=False)
            self.indices = np.ascontiguousarray(matrix.indices[:matrix.nnz]).astype(np.int32, copy=False)
            self.weights = np.ascontiguousarray(matrix.data[:matrix.nnz]).astype(np.float32, copy=False) if weights else None
        else:
            pairs = matrix.tocoo()
            kept = np.asarray(pairs.data) != 0
            self.indptr, self.indices, self.weights = _sorted_rows(pairs.row[kept], pairs.col[kept], self.shape,
                                                                   pairs.data[kept] if weights else None)
        self._name(user_labels, item_labels)

    def _name(self, user_labels: Sequence | None, item_labels: Sequence | None) -> None:
        self.user_labels = None if user_labels is None else np.asarray(user_labels)
        self.item_labels = None if item_labels is None else np.asarray(item_labels)
        for labels, count, side in (self.user_labels, self.shape[0], "user"), (self.item_labels, self.shape[1], "item"):
            if labels is not None and labels.shape != (count,):
                raise ValueError(f"{side}_labels of shape {labels.shape}, but there are {count} {side}s")
        self._places: dict[str, dict] = {}

    @classmethod
    def _of_arrays(cls, indptr: np.ndarray, indices: np.ndarray, n_items: int, user_labels: Sequence | None = None,
                   item_labels: Sequence | None = None, weights: np.ndarray | None = None) -> Interactions:
        self = cls.__new__(cls)
        self.indptr, self.indices, self.shape, self.weights = indptr, indices, (len(indptr) - 1, n_items), weights
        self._name(user_labels, item_labels)
        return self

    @classmethod
    def from_pairs(cls, users: Iterable, items: Iterable, shape: tuple[int, int] | None = None, *,
                   weights: Iterable | None = None) -> Interactions:
        """Pairs users[i], items[i] in any order; those that come again count once. With weights[i] theirs add up.

        Names of any one type that NumPy can sort: strings, whole numbers. Rows and columns get them in ascending order.
        With `shape`, users and items are row and column numbers instead, and have no other names.
        """
        users, items = np.asarray(users), np.asarray(items)
        if users.ndim != 1 or users.shape != items.shape:
            raise ValueError(f"users of shape {users.shape} and items of shape {items.shape}: wanted two lists as long as each other")
        _check_numbers(users, "users")
        _check_numbers(items, "items")
        if weights is not None:
            weights = np.asarray(weights, np.float32)
            if weights.shape != users.shape:
                raise ValueError(f"weights of shape {weights.shape}, but users of shape {users.shape}")
            _check_numbers(weights, "weights")
        if shape is None:
            user_labels, users = np.unique(users, return_inverse=True)
            item_labels, items = np.unique(items, return_inverse=True)
            shape = len(user_labels), len(item_labels)
        else:
            user_labels = item_labels = None
            for side, ids, count in ("users", users, shape[0]), ("items", items, shape[1]):
                if ids.dtype.kind not in "iu" and ids.size:
                    raise TypeError(f"with a shape {side} are numbers of rows, not {ids.dtype}")
                if ids.size and not (0 <= ids.min() and ids.max() < count):
                    raise IndexError(f"{side} {ids.min()} ... {ids.max()}, but shape says 0 ... {count - 1}")
        indptr, indices, weights = _sorted_rows(users, items, shape, weights)
        return cls._of_arrays(indptr, indices, shape[1], user_labels, item_labels, weights)

    @classmethod
    def from_frame(cls, frame: Any, user: str = "user", item: str = "item") -> Interactions:
        """Of two columns of a pandas (or polars) DataFrame."""
        for name in user, item:
            if hasattr(frame, "columns") and name not in frame.columns:
                raise KeyError(f"no column {name!r} in the frame, but {', '.join(map(str, frame.columns))}: user=, item= name them")
        return cls.from_pairs(np.asarray(frame[user]), np.asarray(frame[item]))

    @property
    def nnz(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"<Interactions: {self.nnz} of {self.shape[0]} users and {self.shape[1]} items>"

    def items_of(self, user: int) -> np.ndarray:
        """Column numbers of a row."""
        return self.indices[self.indptr[user]:self.indptr[user + 1]]

    def to_csr(self) -> Any:
        """A scipy.sparse.csr_matrix of ones, sharing `indices`."""
        import scipy.sparse
        return scipy.sparse.csr_matrix((np.ones(self.nnz, np.float32), self.indices, self.indptr), shape=self.shape)

    def _keep(self, users: np.ndarray, items: np.ndarray) -> Interactions:
        """Of some users and items, int32 ascending, with new numbers."""
        places = np.full(self.shape[1], -1, np.int32)
        places[items] = np.arange(len(items), dtype=np.int32)
        degrees = np.diff(self.indptr)[users]
        at = np.repeat(self.indptr[users] - np.cumsum(degrees) + degrees, degrees) + np.arange(degrees.sum())
        columns = places[self.indices[at]]
        rows = np.repeat(np.arange(len(users)), degrees)[columns >= 0]
        indptr = np.zeros(len(users) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(users)), out=indptr[1:])
        return Interactions._of_arrays(indptr, np.ascontiguousarray(columns[columns >= 0]), len(items),
                                       None if self.user_labels is None else self.user_labels[users],
                                       None if self.item_labels is None else self.item_labels[items],
                                       None if self.weights is None else self.weights[at][columns >= 0])

    # ---- names ---------------------------------------------------------------------------------------------------------

    def _find(self, side: str, wanted: Any, missing: str = "raise") -> np.ndarray:
        """Row or column numbers, int32 [n], of names, or of numbers where there are no names; -1 for those that are missing where
        that is not to be an error."""
        labels, count = (self.user_labels, self.shape[0]) if side == "user" else (self.item_labels, self.shape[1])
        if isinstance(wanted, (str, bytes)) or not hasattr(wanted, "__iter__"):
            wanted = [wanted]
        if labels is None:
            wanted = wanted if isinstance(wanted, np.ndarray) else list(wanted)
            ids = np.asarray(wanted)
            if ids.size and (ids.dtype.kind not in "iu" or ids.ndim != 1):
                raise TypeError(f"{side}s have no names here, so numbers are wanted, not {ids.dtype}")
            bad = (ids < 0) | (ids >= count) if ids.size else np.zeros(0, bool)
            ids = np.where(bad, -1, ids).astype(np.int32) if ids.size else np.zeros(0, np.int32)
        else:
            if side not in self._places:
                self._places[side] = {label: place for place, label in enumerate(labels.tolist())}
            places = self._places[side]
            wanted = wanted.tolist() if isinstance(wanted, np.ndarray) else list(wanted)
            ids = np.fromiter((places.get(label, -1) for label in wanted), np.int32, len(wanted))
            bad = ids < 0
        if missing == "raise" and bad.any():
            first = int(np.flatnonzero(bad)[0])
            name = wanted[first]
            other = int(name) if isinstance(name, str) and name.isdecimal() else _text(name)
            known = labels is not None and other != name and other in self._places[side]
            raise KeyError(f"unknown {side} {name!r}" + (f"; names are {'text' if isinstance(other, str) else 'numbers'}: {other!r}?"
                                                         if known else ""))
        return ids

    def _match(self, side: str, names: np.ndarray) -> np.ndarray:
        """Row or column numbers of names of other interactions, -1 for unknown ones. Where all are unknown, by the text of both: a file
        of adaptau-train has text for names, and so may be asked with numbers."""
        ids, labels = self._find(side, names, "skip"), self.user_labels if side == "user" else self.item_labels
        if labels is not None and (ids < 0).all():
            places = {_text(label): place for place, label in enumerate(labels.tolist())}
            ids = np.fromiter((places.get(_text(name), -1) for name in names.tolist()), np.int32, len(names))
        return ids

    def _names_of(self, side: str, ids: np.ndarray) -> np.ndarray:
        """Names of numbers; None, or -1 among numbers, for -1."""
        labels = self.user_labels if side == "user" else self.item_labels
        if labels is None:
            return ids
        if ids.size and ids.min() < 0:
            named = labels.astype(object)[np.maximum(ids, 0)]
            named[ids < 0] = None
            return named
        return labels[ids]


def as_interactions(thing: Any, weights: Any = None) -> Interactions:
    """What users hand over: Interactions, a scipy.sparse matrix, or a pair of lists, users and items. `weights` is None, True for the
    values of a matrix, or a number for each pair of the lists."""
    if isinstance(thing, Interactions):
        if weights is not None and not (weights is True and thing.weights is not None):
            raise ValueError("Interactions have their own weights: give them when Interactions are made, not here")
        return thing
    if _is_sparse(thing):
        if weights is not None and not isinstance(weights, bool):
            raise TypeError("the weights of a matrix are its values: weights=True")
        return Interactions(thing, weights=bool(weights))
    if isinstance(thing, tuple) and len(thing) == 2:
        if isinstance(weights, bool):
            raise TypeError("weights of a tuple (users, items) are a list with a number for each pair")
        return Interactions.from_pairs(*thing, weights=weights)
    raise TypeError(f"wanted a scipy.sparse matrix, Interactions, or a tuple (users, items), not {_remedy(thing)}")
