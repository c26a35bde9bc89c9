# SPDX-License-Identifier: MIT
"""Training in one call, and what a trained model answers."""
from __future__ import annotations

import ctypes as c
import inspect
import json
import os
import signal
import sys
import threading
import warnings
from typing import Any, Callable, Iterable, NamedTuple, Sequence

import numpy as np

from . import _library as low
from ._data import Interactions, _check_numbers, _sorted_rows, as_interactions

ENCODERS = ("mf", "lightgcn", "simplex")
LOSSES = ("softmax", "bpr", "bce", "mse", "ccl", "slatk", "bsl", "psl")
TEMPERATURES = ("first-order", "second-order", "exact", "fixed", "learned", "held-out")
PERSONAL = ("none", "by-loss", "minimiser", "released", "learned")
_FIXED, _BY_LOSS = 3, 1
_PHASES = ("search", "training", "temperature")
_OUTSIDE_SUM = 1  # ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM
_AT_ONCE = 4096  # users who are ranked together


class Recommendations(NamedTuple):
    """Lists, best first: a row for each that was asked for. Where fewer are left than k, the end of `items` is None (-1 where items
    have no names) and of `scores` -inf."""
    items: np.ndarray
    scores: np.ndarray


def _choice(name: str, value: str, choices: Sequence[str]) -> int:
    if value not in choices:
        raise ValueError(f"{name} = {value!r}, but there are {', '.join(choices)}")
    return choices.index(value)


def _whole(name: str, value: Any, least: int, most: int | None = None, remedy: str = "") -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is a whole number, not a {type(value).__name__}{remedy}")
    if value < least or (most is not None and value > most):
        raise ValueError(f"{name} = {value}, but it is " + (f"{least} or more" if most is None else f"from {least} to {most}"))
    return int(value)


def _length(k: Any) -> int:
    return _whole("k", k, 1, remedy=": k=10 is how many items are wanted, seen= what users had")


class _Progress:
    """tqdm where it is there, or a line per epoch."""

    def __init__(self, wanted: bool | None) -> None:
        self._bar: Any = None
        self._phase: tuple | None = None
        self._tqdm: Any = None
        self._shown = sys.stderr.isatty() if wanted is None else wanted
        if self._shown:
            try:
                from tqdm.auto import tqdm
                self._tqdm = tqdm
            except ImportError:
                self._shown = bool(wanted)

    def step(self, progress: Any) -> None:
        if self._tqdm is None:
            return
        phase = (progress.phase, progress.tau0 if progress.phase == 2 else None)
        if phase != self._phase:
            self.close()
            self._phase = phase
            self._bar = self._tqdm(total=progress.n_epochs * progress.n_steps, desc=_PHASES[progress.phase], unit="step", leave=False)
        self._bar.n = progress.epoch * progress.n_steps + progress.step
        self._bar.set_postfix(tau=f"{progress.tau0:.4f}", loss=f"{progress.loss:.4f}", refresh=False)
        self._bar.update(0)

    def epoch(self, progress: Any) -> None:
        if self._shown and self._tqdm is None:
            recall = f"  recall {progress.recall:.4f}" if progress.evaluated else ""
            print(f"{_PHASES[progress.phase]} epoch {progress.epoch + 1}/{progress.n_epochs}  loss {progress.loss:.4f}  "
                  f"tau {progress.tau0:.4f}{recall}", file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class _Interrupt:
    """While it is open, Ctrl-C sets a flag that the training asks for after each step, so that it ends between two steps and
    nothing is lost in a callback. In other threads than the main one, and where the program has a handler of its own, it does
    nothing."""

    def __enter__(self) -> _Interrupt:
        self.came = False
        self._mine = (threading.current_thread() is threading.main_thread() and
                      signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        if self._mine:
            signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: Any) -> None:
        self.came = True

    def __exit__(self, *_: Any) -> None:
        if self._mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class AdapTau:
    """A recommender trained by the library's recipe, with scikit-learn's conventions: parameters are given to the constructor and
    kept as they are; `fit` trains and sets the attributes that end in an underscore; `get_params`, `set_params` and
    `sklearn.base.clone` work.

    Parameters:
        encoder: "mf", "lightgcn" or "simplex".
        dim: numbers in an embedding.
        epochs: None: by the data.
        loss: "softmax", "bpr", "bce", "mse", "ccl", "slatk", "bsl" or "psl".
        temperature: a number: fixed; None: found by short trainings on a part of the data ("held-out"); or "first-order",
            "second-order", "exact", "learned".
        personal: each user's own temperature: "none", "by-loss", "minimiser", "released", "learned"; None: by the data.
        seed: of first embeddings and of all draws. The same data, parameters and seed give the same model, on any number of threads.
        recipe: other members of the library's recipe by name, such as {"n_layers": 2, "soft_targets": 0.0}; see recipe.h.
        held_out_share: in (0, 1): hold so much of each user's interactions out, find the best epoch, and train again on all
            of them for so many epochs. 0: do not.
        patience: evaluations without a better epoch before that search ends; 0: never early.
        n_threads: 0: all CPUs.
        progress: None: a bar of tqdm on a terminal where tqdm is installed; True: always, without tqdm a line per epoch; False: never.

    Attributes:
        user_embeddings_, item_embeddings_: float32 [n, dim], views of the model's memory, read-only. None for a mapped file of
            `save(half=True)`, which has no float32.
        tau_: the temperature of the last epoch; None for a file that does not tell.
        n_epochs_, loss_: epochs behind the model, mean loss of the last one; None after `load`.
        recall_, ndcg_: of the best epoch on held-out interactions; 0 without; None after `load`.
        interactions_: what was trained on; None after `load`.
        n_users_, n_items_: rows.

    Any number of threads may ask one object. While one of them fits it, the others are answered by the model that was there before,
    and afterwards by the new one; of two attributes that are read one after the other, each may be of another model.
    """

    def __init__(self, encoder: str = "mf", dim: int = 64, *, epochs: int | None = None, loss: str = "softmax",
                 temperature: float | str | None = None, personal: str | None = None, seed: int = 0, recipe: dict | None = None,
                 held_out_share: float = 0.0, patience: int = 0, n_threads: int = 0, progress: bool | None = None) -> None:
        self.encoder = encoder
        self.dim = dim
        self.epochs = epochs
        self.loss = loss
        self.temperature = temperature
        self.personal = personal
        self.seed = seed
        self.recipe = recipe
        self.held_out_share = held_out_share
        self.patience = patience
        self.n_threads = n_threads
        self.progress = progress

    # ---- parameters ----------------------------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor, by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"}

    def set_params(self, **params: Any) -> AdapTau:
        """Change parameters; a model that was trained stays as it is until the next `fit`."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"AdapTau has no parameter {name!r}, but {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        usual = AdapTau().get_params()
        return f"AdapTau({', '.join(f'{name}={value!r}' for name, value in self.get_params().items() if value != usual[name])})"

    def _recipe(self) -> low.Recipe:
        members: dict[str, Any] = dict(self.recipe or {})
        members.update(encoder=_choice("encoder", self.encoder, ENCODERS), dim=self.dim, seed=_whole("seed", self.seed, 0, 2**64 - 1),
                       loss=_choice("loss", self.loss, LOSSES))
        if self.epochs is not None:
            members["epochs"] = _whole("epochs", self.epochs, 1)
        if isinstance(self.temperature, str):
            members["tau0_policy"] = _choice("temperature", self.temperature, TEMPERATURES)
        elif self.temperature is not None:
            if not 0 < self.temperature < float("inf"):
                raise ValueError(f"temperature = {self.temperature}, but it is a number above 0, or the name of a policy")
            members.update(tau0_policy=_FIXED, tau=float(self.temperature))
        if self.personal is not None:
            members["tau_user_policy"] = _choice("personal", self.personal, PERSONAL)
        return low.Recipe(**members)

    # ---- training ------------------------------------------------------------------------------------------------------

    def fit(self, interactions: Any, y: None = None, *, weights: Any = None, validation: Any = None, negatives: Any = None,
            callback: Callable[[Any], Any] | None = None) -> AdapTau:
        """Train.

        Args:
            interactions: a scipy.sparse matrix of users by items, Interactions, or a tuple (users, items) of names.
            weights: how much each interaction counts: play counts, ratings, numbers that fall with age. True: the values of the
                matrix; or a list with a number above 0 for each pair of the tuple. None: all count alike, whatever the values of the
                matrix are, or by the weights that Interactions have.
            validation: interactions that are not among these, of the same users and items: the epoch that ranks them best is kept.
            negatives: what users were shown and did not take, in any form that interactions have. The scores of these items are pushed
                down twice as hard as those of others; with weights (Interactions(matrix, weights=True)) 1 + weight times as hard.
            callback: called after each epoch with what is known of it (epoch, n_epochs, loss, tau0, recall, ndcg, evaluated); where
                it answers adaptau.STOP the training ends with the model as it stands; adaptau.GO_ON, or None, goes on, and True or False
                is a TypeError. An exception in it ends `fit` with that exception.

        Ctrl-C ends the training between two steps with KeyboardInterrupt; a model that was there before stays.
        """
        data = as_interactions(interactions, weights)
        recipe = self._recipe()
        context = low.Context(n_threads=self.n_threads)
        dataset = low.Dataset(context, data.indptr, data.indices, data.shape[1], data.weights)
        if negatives is not None:
            shown = self._aligned(data, negatives, some=False)
            dataset.set_negatives(low.Dataset(context, shown.indptr, shown.indices, shown.shape[1], shown.weights))
        judged = None
        if validation is not None:
            part = self._aligned(data, validation)
            judged = low.Dataset(context, part.indptr, part.indices, part.shape[1])
        progress = _Progress(self.progress)
        with _Interrupt() as interrupt:
            def on_step(state: Any) -> int:
                progress.step(state)
                if interrupt.came:
                    raise KeyboardInterrupt
                return low.GO_ON

            def on_epoch(state: Any) -> Any:
                progress.epoch(state)
                return callback(state) if callback else low.GO_ON
            context.set_progress(lambda what, done, total: interrupt.came)  # for what is long between two steps
            try:
                model, result = low.fit_dataset(context, dataset, recipe, validation=judged, on_step=on_step, on_epoch=on_epoch,
                                                held_out_share=self.held_out_share, patience=self.patience)
            except low.Cancelled:
                if interrupt.came:
                    raise KeyboardInterrupt from None
                raise
            finally:
                progress.close()
                context.set_progress(None)
        recipe.fill(dataset)
        trained = self._sharing(dict(vars(self)))
        trained._take(context, model, data, result.tau0, {name: getattr(recipe, name) for name in
                                                          ("soft_targets", "popularity_exponent", "positives_outside_sum")})
        trained._dataset = dataset
        trained.n_epochs_, trained.loss_ = result.n_epochs, result.loss
        trained.recall_, trained.ndcg_ = result.recall, result.ndcg
        self.__dict__ = trained.__dict__  # at once, for those who ask meanwhile
        return self

    def _sharing(self, attributes: dict[str, Any]) -> AdapTau:
        """An object with these attributes: the same dict, not a copy."""
        other = object.__new__(type(self))
        other.__dict__ = attributes
        return other

    def _take(self, context: low.Context, model: low.Model, data: Interactions, tau: float | None, folding: dict) -> None:
        self._context, self._model, self._names, self.tau_, self._folding = context, model, data, tau, folding
        self._fold: Any = None
        self._dataset: Any = None
        self.n_epochs_ = self.loss_ = self.recall_ = self.ndcg_ = None
        self.interactions_: Interactions | None = data
        self.user_embeddings_, self.item_embeddings_ = model.embeddings()
        self.n_users_, self.n_items_, _ = model.shape

    def _now(self) -> AdapTau:
        """This object as it stands. Every answer is of one model, even where another thread fits meanwhile: `fit` replaces all
        attributes at once, and what this returns keeps those of now."""
        now = self._sharing(self.__dict__)
        if not hasattr(now, "_model"):
            raise low.Error("this AdapTau is not trained: fit or load comes first", 7)
        return now

    @staticmethod
    def _located(data: Interactions, other: Interactions) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of `data` that the rows and columns of `other` are, by name where they have names; -1 for those that
        `data` does not have."""
        if other.user_labels is None and other.item_labels is None:
            if other.shape != data.shape:
                raise ValueError(f"a matrix of {other.shape}, but {data.shape} was trained on")
            return np.arange(other.shape[0]), np.arange(other.shape[1])
        return tuple(data._match(side, np.arange(n) if labels is None else labels) for side, n, labels in  # type: ignore[return-value]
                     (("user", other.shape[0], other.user_labels), ("item", other.shape[1], other.item_labels)))

    @classmethod
    def _aligned(cls, data: Interactions, other: Any, unknown: str = "are left out", some: bool = True) -> Interactions:
        """`other` in the rows and columns of `data`. Interactions of users and items that `data` does not have are left out, with a
        warning that counts and says what becomes of them; where there are no others, that is an error if there are to be `some`."""
        other = as_interactions(other)
        rows, columns = cls._located(data, other)
        if other.user_labels is None and other.item_labels is None:
            return other
        users, items = rows[_rows_of(other)], columns[other.indices]
        known = (users >= 0) & (items >= 0)
        if some and other.nnz > 0 and not known.any():
            raise ValueError(f"none of {other.nnz} interactions is of a user and an item that were trained on: "
                             f"{_whose('users', data.user_labels, other.user_labels)}, {_whose('items', data.item_labels, other.item_labels)}")
        if not known.all():
            warnings.warn(f"{int((~known).sum())} of {other.nnz} interactions are of users or items that were not trained on, and "
                          f"{unknown}", stacklevel=3)
        indptr, indices, weights = _sorted_rows(users[known], items[known], data.shape,
                                                None if other.weights is None else other.weights[known])
        return Interactions._of_arrays(indptr, indices, data.shape[1], data.user_labels, data.item_labels, weights)

    # ---- answers -------------------------------------------------------------------------------------------------------

    def recommend(self, users: Any = None, k: int = 10, *, seen: Any = True, items: Iterable | None = None,
                  exclude: Iterable | None = None, embeddings: np.ndarray | None = None) -> Recommendations:
        """The k best items for each user.

        Args:
            users: names, or row numbers where users have none; one or many. None: every user.
            seen: True: leave out what was trained on; False: do not; or interactions to leave out, a row for each row of the model.
            items: only these; exclude: none of these.
            embeddings: of users who are not in the model, as fold_in gives them: float32 [n, dim], or [dim] of one user. `users` is None
                then. `seen` is what these users have, as fold_in takes it, or False; True knows of nothing that they have.
        """
        self = self._now()
        one = users is not None and (isinstance(users, (str, bytes)) or not hasattr(users, "__iter__"))
        if embeddings is not None:
            if users is not None:
                raise ValueError("users and embeddings are both given: embeddings are of users who are not in the model")
            vectors = np.ascontiguousarray(embeddings, np.float32)
            one = vectors.ndim == 1
            vectors = np.atleast_2d(vectors)
            dim = self._model.shape[2]
            if vectors.ndim != 2 or vectors.shape[1] != dim:
                raise ValueError(f"embeddings of shape {vectors.shape}, but the model has {dim} dimensions")
            rows = np.arange(len(vectors))
            left_out = self._aligned_rows(seen, len(rows)) if seen is not True and seen is not False else None
        else:
            rows = np.arange(self.n_users_, dtype=np.int32) if users is None else self._names._find("user", users)
            vectors = None
            left_out = self._seen(seen)
        allowed = self._allowed(items, exclude)
        k = min(_length(k), self.n_items_)
        found, scores = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
        for begin in range(0, len(rows), _AT_ONCE):
            part = rows[begin:begin + _AT_ONCE]
            own, ids = (None, part) if vectors is None else (vectors[begin:begin + _AT_ONCE], None)
            ptr, had = _gather(left_out, part) if left_out is not None else (None, None)
            found[begin:begin + _AT_ONCE], scores[begin:begin + _AT_ONCE] = self._model.rank(own, k, allowed, ptr, had, ids)
        scores[found < 0] = -np.inf
        answer = Recommendations(self._names._names_of("item", found), scores)
        return Recommendations(answer.items[0], answer.scores[0]) if one else answer

    def _seen(self, seen: Any) -> Interactions | None:
        if seen is False:
            return None
        if seen is not True:
            return self._aligned(self._names, seen, some=False)
        if self.interactions_ is None:
            raise low.Error("this model was loaded and does not know what users had: seen=interactions, or seen=False", 7)
        return self.interactions_

    def _aligned_rows(self, seen: Any, n: int) -> Interactions:
        part = self._of_items(seen)
        if part.shape[0] != n:
            raise ValueError(f"seen has {part.shape[0]} rows, but there are {n} embeddings")
        return part

    def _of_items(self, interactions: Any, weights: Any = None) -> Interactions:
        """Rows of somebody's, in the model's columns. A tuple of two arrays is users and items, as for `fit`; every other list or tuple is
        lists of items."""
        interactions = _as_list(interactions)
        if _is_one_list(interactions):
            interactions, weights = [interactions], None if weights is None else [weights]
        if isinstance(interactions, list) or (isinstance(interactions, tuple) and
                                              not (len(interactions) == 2 and isinstance(interactions[0], np.ndarray))):
            return self._of_lists(interactions, weights)
        part = as_interactions(interactions, weights)
        if part.item_labels is not None and self._names.item_labels is not None:
            columns = self._names._find("item", part.item_labels)
            users = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
            indptr, indices, weights = _sorted_rows(users, columns[part.indices], (part.shape[0], self.n_items_), part.weights)
            return Interactions._of_arrays(indptr, indices, self.n_items_, weights=weights)
        if part.shape[1] != self.n_items_:
            raise ValueError(f"{part.shape[1]} columns, but the model has {self.n_items_} items")
        return part

    def _of_lists(self, lists: Sequence, weights: Any) -> Interactions:
        """A list of items for each user, and weights in the same shape, which add up where an item comes again."""
        for user, row in enumerate(lists):
            self._refuse_dense(user, row)
        ids = [self._names._find("item", row) for row in lists]
        if weights is not None:
            if isinstance(weights, bool) or len(weights) != len(ids):
                raise ValueError("weights of lists are lists, too: a number for each item of each user")
            weights = [np.asarray(row, np.float32) for row in weights]
            for user, (row, numbers) in enumerate(zip(ids, weights)):
                if numbers.shape != row.shape:
                    raise ValueError(f"weights[{user}] of shape {numbers.shape}, but the user has {len(row)} items")
                _check_numbers(numbers, f"weights[{user}]")
            weights = np.concatenate(weights + [np.zeros(0, np.float32)])
        users = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
        indptr, indices, weights = _sorted_rows(users, np.concatenate(ids + [np.zeros(0, np.int32)]), (len(ids), self.n_items_), weights)
        return Interactions._of_arrays(indptr, indices, self.n_items_, weights=weights)

    def _refuse_dense(self, user: int, row: Any) -> None:
        """A row of zeros and ones with a place for each item would be read as items 0 and 1."""
        if not hasattr(row, "__len__") or len(row) != self.n_items_ or self.n_items_ <= 2:
            return
        values = np.asarray(row if isinstance(row, np.ndarray) else list(row))
        if values.dtype.kind in "biuf" and np.isin(values, (0, 1)).all():
            raise ValueError(f"the items of user {user} are {len(row)} zeros and ones, as a dense row of the {self.n_items_} items: give "
                             "numpy.flatnonzero(row), or scipy.sparse.csr_matrix(rows)")

    def _allowed(self, items: Iterable | None, exclude: Iterable | None) -> np.ndarray | None:
        if items is None and exclude is None:
            return None
        allowed = np.arange(self.n_items_, dtype=np.int32) if items is None else np.unique(self._names._find("item", items))
        return np.setdiff1d(allowed, self._names._find("item", exclude)).astype(np.int32) if exclude is not None else allowed

    def similar_items(self, items: Any, k: int = 10) -> Recommendations:
        """The k items most similar to each, by cosine of embeddings; itself left out."""
        self = self._now()
        return self._similar("item", items, self.item_embeddings_, k)

    def similar_users(self, users: Any, k: int = 10) -> Recommendations:
        """The k users most similar to each, by cosine of embeddings; itself left out."""
        self = self._now()
        return self._similar("user", users, self.user_embeddings_, k)

    def _similar(self, side: str, wanted: Any, table: np.ndarray | None, k: int) -> Recommendations:
        one = isinstance(wanted, (str, bytes)) or not hasattr(wanted, "__iter__")
        ids = self._names._find(side, wanted)
        k = min(_length(k), (self.n_users_ if side == "user" else self.n_items_) - 1)
        found, scores = np.empty((len(ids), k), np.int32), np.empty((len(ids), k), np.float32)
        if table is None:
            found, scores = self._model.rank(None, k, ids=ids,
                                             question=low.RANK_SIMILAR_USERS if side == "user" else low.RANK_SIMILAR_ITEMS)
        lengths = None if table is None else np.linalg.norm(table, axis=1)
        for place, row in enumerate(ids if table is not None else ()):
            cosines = table @ table[row] / np.maximum(lengths * lengths[row], np.finfo(np.float32).tiny)
            cosines[row] = -np.inf
            best = np.argpartition(-cosines, k - 1)[:k] if 0 < k < len(cosines) else np.arange(len(cosines))[:k]
            found[place] = best[np.lexsort((best, -cosines[best]))]
            scores[place] = cosines[found[place]]
        answer = Recommendations(self._names._names_of(side, found), scores)
        return Recommendations(answer.items[0], answer.scores[0]) if one else answer

    def fold_in(self, interactions: Any, *, weights: Any = None, tau: float | None = None) -> np.ndarray:
        """Embeddings of users who were not there when the model was trained, from what they have: float32 [n, dim], or [dim] for a list
        of one user.

        Args:
            interactions: a list of items, of one user; a list of such lists; or a matrix with the model's columns. A list is a Python
                list, tuple or set, an array, or a pandas Series; [] is one user who has nothing, [[]] a list of one such user.
            weights: how much each item counts: a list of numbers in the shape of the lists, or True for the values of a matrix.
            tau: the temperature of the training; None: as the training said with the model, or where that does not say tau_.

            embedding = model.fold_in(["tea", "milk"], weights=[3, 1])
            model.recommend(embeddings=embedding, seen=["tea", "milk"])
        """
        self = self._now()
        part = self._of_items(interactions, weights)
        fold = self._fold  # another thread may replace it
        if fold is None or fold[0] != tau:
            fold = self._fold = tau, self._make_fold(tau)
        embeddings = fold[1].users(part.indptr, part.indices, part.weights)
        return embeddings[0] if _is_one_list(interactions) else embeddings

    def _make_fold(self, tau: float | None) -> low.FoldIn:
        if tau is None and self._model.fold_in_options() is not None:
            return low.FoldIn(self._model, self._dataset)
        tau = self.tau_ if tau is None else tau
        if tau is None:
            raise low.Error("this model's file does not tell its temperature: tau=X", 7)
        options = self._folding if self._dataset is not None else {}
        return low.FoldIn(self._model, self._dataset, flags=_OUTSIDE_SUM if options.get("positives_outside_sum", 1) else 0, tau=tau,
                          target_strength=options.get("soft_targets", 0.0),
                          popularity_exponent=options.get("popularity_exponent", 0.0))

    def evaluate(self, test: Any, cutoffs: Sequence[int] = (20,), *, seen: Any = True, per_user: bool = False) -> dict[str, Any]:
        """recall, ndcg, precision, hit_rate, mrr and map at each cutoff, of the users who have test interactions: {"recall@20": ...}.

        Args:
            test: what lists are to find, of the same users and items, by name where they have names. Interactions of users or items
                that were not trained on count as not found, as in adaptau-evaluate, with a warning that counts them.
            seen: as in `recommend`. What is in test, too, does not count there: it could only be a miss.
            per_user: the values of each such user instead of their mean, and "users", who they are.
        """
        self = self._now()
        test, had = as_interactions(test), self._seen(seen)
        part = self._aligned(self._names, test, "count as not found")
        if had is not None:
            part = _without(part, had)
        held_out = low.Dataset(self._context, part.indptr, part.indices, part.shape[1])
        masks = () if had is None else (low.Dataset(self._context, had.indptr, had.indices, had.shape[1]),)
        if not hasattr(cutoffs, "__iter__"):
            raise TypeError(f"cutoffs = {cutoffs}, but it is a list of lengths, such as ({cutoffs},)")
        cutoffs = sorted({_whole("a cutoff", cutoff, 1) for cutoff in cutoffs})
        evaluator = low.Evaluator(self._context, held_out, cutoffs=cutoffs, masks=masks)
        if part.nnz > 0:
            evaluator.run(self._model)
        rows, columns = self._located(self._names, test)
        found = _Found(evaluator, part, test, rows, columns)
        if len(found.users) == 0:
            warnings.warn("nobody has test interactions: metrics are NaN", stacklevel=2)
        result: dict[str, Any] = {}
        if per_user:
            result["users"] = (self._names._names_of("user", rows[found.users]) if test.user_labels is None else
                               test.user_labels[found.users])
        for metric in low.METRICS:
            for cutoff in cutoffs:
                result[f"{metric}@{cutoff}"] = found.per_user(metric, cutoff) if per_user else found.mean(metric, cutoff)
        return result

    # ---- forgetting ----------------------------------------------------------------------------------------------------

    def without(self, users: Any = None, items: Any = None) -> AdapTau:
        """A model from which users, items or both are removed, with what is known of them: rows, names and interactions. This one is
        not changed. Those who are left keep their names; where they have none, later numbers move up.

        Other embeddings stay as they are; but where the interactions are known, those that "lightgcn" and "simplex" make of them are
        made anew without the removed ones. What others have learned from a removed user stays in their rows: `fit` on the interactions
        that are left makes a model that never saw the user.

        Args:
            users: names, or row numbers where users have none; one or many.
            items: likewise.
        """
        self = self._now()
        kept = []
        for side, wanted, count in ("user", users, self.n_users_), ("item", items, self.n_items_):
            stays = np.ones(count, bool)
            if wanted is not None:
                stays[self._names._find(side, wanted)] = False
            kept.append(np.flatnonzero(stays).astype(np.int32))
        names = self._names._keep(*kept)
        data = self.interactions_ and self.interactions_._keep(*kept)
        dataset = data and low.Dataset(self._context, data.indptr, data.indices, data.shape[1], data.weights)
        new = type(self)(**self.get_params())
        new._take(self._context, self._model.remap(*kept, dataset), names, self.tau_, self._folding)
        new.interactions_ = data
        new._dataset = dataset
        for name in ("n_epochs_", "loss_", "recall_", "ndcg_"):
            if hasattr(self, name):
                setattr(new, name, getattr(self, name))
        return new

    # ---- keeping -------------------------------------------------------------------------------------------------------

    def _kept(self) -> dict[str, bytes]:
        facts = {"tau": self.tau_, "params": self.get_params(), "labels": [_kind(self._names.user_labels), _kind(self._names.item_labels)]}
        return {"user_names": _pack(self._names.user_labels), "item_names": _pack(self._names.item_labels),
                "adaptau_python": json.dumps(facts, default=str).encode()}

    def save(self, path: str | os.PathLike, *, half: bool = False) -> None:
        """One safetensors file with embeddings and names, which adaptau-recommend and adaptau-evaluate read, too. What was trained
        on is not in it: `load` takes it again, or pickle keeps all. half: embeddings as float16, for serving: half the file, and
        half the memory where it is mapped."""
        self = self._now()
        self._model.save(path, half, **self._kept())

    def to_bytes(self, *, half: bool = False) -> bytes:
        """The file of `save`, which is written nowhere."""
        self = self._now()
        return self._model.to_bytes(half, **self._kept())

    @classmethod
    def load(cls, path: str | os.PathLike, *, interactions: Any = None, n_threads: int = 0, mapped: bool = False) -> AdapTau:
        """A model that `save` or adaptau-train wrote, or any safetensors file with user_embeddings and item_embeddings.

        Args:
            interactions: what it was trained on, for `recommend` and `evaluate` to leave out, and for `fold_in`. Users and items are
                matched by name, or where the file has none of these names, by their text: 196 is the file's "196".
            mapped: the embeddings stay in the file, whose pages all processes share, instead of being copied. The file must not be
                written over in place meanwhile; `save` replaces it as a whole, and this model keeps the old one.
        """
        return cls._load(path, interactions, n_threads, mapped)

    @classmethod
    def _load(cls, source: Any, interactions: Any, n_threads: int, mapped: bool = False) -> AdapTau:
        context = low.Context(n_threads=n_threads)
        model, kept = low.Model.load_with(context, source, mapped)
        facts = json.loads(kept.get("adaptau_python", b"{}"))
        kinds = facts.get("labels", [None, None])
        n_users, n_items, dim = model.shape
        users, items = _unpack(kept.get("user_names"), kinds[0]), _unpack(kept.get("item_names"), kinds[1])
        self = cls(**facts.get("params", {"dim": dim}))
        self.n_threads = n_threads
        names = Interactions._of_arrays(np.zeros(n_users + 1, np.int64), np.zeros(0, np.int32), n_items, users, items)
        said = model.fold_in_options()
        self._take(context, model, names, facts.get("tau", said.tau if said else None), {})
        self.interactions_ = None
        if interactions is not None:
            self.interactions_ = self._aligned(names, interactions)
            self._restore_dataset()
        return self

    def _restore_dataset(self) -> None:
        data = self.interactions_
        assert data is not None
        self._dataset = low.Dataset(self._context, data.indptr, data.indices, data.shape[1], data.weights)
        recipe = self._recipe().fill(self._dataset)
        self._folding = {name: getattr(recipe, name) for name in ("soft_targets", "popularity_exponent", "positives_outside_sum")}

    @classmethod
    def from_bytes(cls, data: bytes, *, interactions: Any = None, n_threads: int = 0) -> AdapTau:
        """`load` of what `to_bytes` gave, or of the content of a file."""
        return cls._load(bytes(data), interactions, n_threads)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"params": self.get_params()}
        if hasattr(self, "_model"):
            self = self._now()
            data = self.interactions_
            state.update(file=self.to_bytes(), labels=(self._names.user_labels, self._names.item_labels), tau=self.tau_,
                         facts={name: getattr(self, name) for name in ("n_epochs_", "loss_", "recall_", "ndcg_") if hasattr(self, name)},
                         interactions=None if data is None else (data.indptr, data.indices, data.weights))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["params"])  # type: ignore[misc]
        if "file" not in state:
            return
        context = low.Context(n_threads=self.n_threads)
        model, _ = low.Model.load_with(context, state["file"])
        tables = model.tables()
        indptr, indices, weights = state["interactions"] or (np.zeros(tables.n_users + 1, np.int64), np.zeros(0, np.int32), None)
        names = Interactions._of_arrays(indptr, indices, tables.n_items, *state["labels"], weights)
        self._take(context, model, names, state["tau"], {})
        self.interactions_ = names if state["interactions"] else None
        for name, value in state["facts"].items():
            setattr(self, name, value)
        if self.interactions_ is not None:
            self._restore_dataset()


# ---- rows and names ----------------------------------------------------------------------------------------------------------


def _as_list(thing: Any) -> Any:
    """A list of what is in a Series or in an array of objects, which may be lists themselves; anything else as it is."""
    if hasattr(thing, "to_numpy") and getattr(thing, "ndim", 1) == 1:
        thing = thing.to_numpy()
    return thing.tolist() if isinstance(thing, np.ndarray) and thing.ndim == 1 and thing.dtype == object else thing


def _is_one_list(thing: Any) -> bool:
    """A list of items rather than one of lists: numbers or names in a list, tuple, set, Series or array, or nothing."""
    thing = _as_list(thing)
    if isinstance(thing, np.ndarray):
        return thing.ndim == 1
    if isinstance(thing, (set, frozenset, range)):
        return True
    return (isinstance(thing, (list, tuple)) and
            not any(hasattr(item, "__iter__") and not isinstance(item, (str, bytes)) for item in thing))


def _rows_of(data: Interactions) -> np.ndarray:
    """The row of each interaction."""
    return np.repeat(np.arange(data.shape[0]), np.diff(data.indptr))


def _whose(side: str, known: np.ndarray | None, given: np.ndarray | None) -> str:
    """An example of names, for a message."""
    names = ["numbers" if labels is None else repr(labels.tolist()[0]) if len(labels) else "nothing" for labels in (known, given)]
    return f"{side} are {names[0]} there and {names[1]} here"


def _gather(data: Interactions, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The items of some rows: offsets and ids."""
    begins, counts = data.indptr[rows], data.indptr[rows + 1] - data.indptr[rows]
    ptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return ptr, data.indices[np.repeat(begins - ptr[:-1], counts) + np.arange(ptr[-1])]


def _without(part: Interactions, had: Interactions) -> Interactions:
    """What is not in `had`."""
    keys = [np.repeat(np.arange(x.shape[0]), np.diff(x.indptr)) * max(x.shape[1], 1) + x.indices for x in (part, had)]
    kept = ~np.isin(keys[0], keys[1])
    if kept.all():
        return part
    users = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
    return Interactions._of_arrays(*_sorted_rows(users[kept], part.indices[kept], part.shape)[:2], part.shape[1], part.user_labels, part.item_labels)


class _Found:
    """What lists found of `test`: an evaluator's metrics of `part`, the interactions of known users and items in the model's rows, and
    the others as misses. `rows` and `columns` are what `test` has in the model, -1 for what is unknown there. `users` are rows of
    `test`, those that have interactions to find."""

    def __init__(self, evaluator: low.Evaluator, part: Interactions, test: Interactions, rows: np.ndarray, columns: np.ndarray) -> None:
        of = _rows_of(test)
        n_unknown = np.bincount(of[(rows[of] < 0) | (columns[test.indices] < 0)], minlength=test.shape[0])
        n_known = np.where(rows >= 0, np.diff(part.indptr)[rows], 0) if part.shape[0] > 0 else np.zeros(len(rows), np.int64)
        self.users = np.flatnonzero(n_known + n_unknown)
        self._n_known, self._n = n_known[self.users], (n_known + n_unknown)[self.users]
        self._places = np.searchsorted(evaluator.users(), rows[self.users])  # among the evaluator's users
        self._evaluator, self._whole = evaluator, not n_unknown.any()

    def per_user(self, metric: str, cutoff: int) -> np.ndarray:
        values, some = np.zeros(len(self.users), np.float32), self._n_known > 0
        if some.any():
            values[some] = self._evaluator.per_user(metric, cutoff)[self._places[some]]
        return values if self._whole else (values * self._share(metric, cutoff)).astype(np.float32)

    def mean(self, metric: str, cutoff: int) -> float:
        if len(self.users) == 0:
            return float("nan")
        return self._evaluator.mean(metric, cutoff) if self._whole else float(self.per_user(metric, cutoff).mean(dtype=np.float64))

    def _share(self, metric: str, cutoff: int) -> np.ndarray | float:
        """What is left of each user's metric, because more was to be found; evaluator.h has the formulas."""
        known, every = np.maximum(self._n_known, 1), self._n
        if metric == "recall":
            return known / every
        known, every = np.minimum(known, cutoff), np.minimum(every, cutoff)
        if metric == "ndcg":
            ideal = np.concatenate(([0], np.cumsum(1 / np.log2(np.arange(cutoff) + 2))))
            return ideal[known] / ideal[every]
        return known / every if metric == "map" else 1.0


def _kind(labels: np.ndarray | None) -> str | None:
    return None if labels is None else "int" if labels.dtype.kind in "iu" else "str"


def _pack(labels: np.ndarray | None) -> bytes:
    """Names as a model's file has them: each with a NUL behind it."""
    if labels is None:
        return b""
    names = [str(label).encode() for label in labels.tolist()]
    if any(b"\0" in name or not name for name in names):
        raise ValueError("a name with a NUL in it, or an empty one, cannot be saved")
    return b"\0".join(names) + b"\0"


def _unpack(data: bytes | None, kind: str | None) -> np.ndarray | None:
    if not data:
        return None
    names = data.decode(errors="surrogateescape").split("\0")[:-1]
    return np.array(names, np.int64) if kind == "int" else np.array(names)


# ---- in one call -------------------------------------------------------------------------------------------------------------


def fit(interactions: Any, *, weights: Any = None, validation: Any = None, negatives: Any = None,
        callback: Callable[[Any], Any] | None = None, **params: Any) -> AdapTau:
    """Train a model on interactions by the library's recipe: AdapTau(**params).fit(interactions, weights=weights)."""
    return AdapTau(**params).fit(interactions, weights=weights, validation=validation, negatives=negatives, callback=callback)


def load(path: str | os.PathLike, **more: Any) -> AdapTau:
    """A saved model: AdapTau.load(path)."""
    return AdapTau.load(path, **more)
