#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_python_package.py ROOT ADAPTAU_TRAIN: adaptau.fit and AdapTau beside the trainer and beside NumPy; interactions in every form; names;
files and pickles; Ctrl-C. The library is $ADAPTAU_LIBRARY. Without NumPy or SciPy a skip."""
import copy
import gc
import io
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from unittest import mock

try:
    import numpy as np
    import scipy.sparse as sp
except ImportError as missing:
    print(f"skipped: {missing} (Debian: python3-numpy python3-scipy)")
    sys.exit(77)
sys.dont_write_bytecode = True
TRAIN = pathlib.Path(sys.argv.pop(2)).resolve()
ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(ROOT / "examples/hosts/python"))
import adaptau  # noqa: E402

QUICK = {"dim": 8, "epochs": 3, "temperature": 0.2, "n_threads": 2, "progress": False}


def make_matrix(seed=1, shape=(60, 40), tastes=4):
    """Users of a taste have its items."""
    rng = np.random.default_rng(seed)
    dense = (rng.random(shape) < 0.5) & (np.arange(shape[0])[:, None] % tastes == np.arange(shape[1]) % tastes)
    return sp.csr_matrix(dense.astype(np.float32))


def split(matrix, seed=2):
    rng = np.random.default_rng(seed)
    pairs = matrix.tocoo()
    late = rng.random(pairs.nnz) < 0.3
    return tuple(sp.csr_matrix((pairs.data[part], (pairs.row[part], pairs.col[part])), shape=matrix.shape) for part in (~late, late))


def scores_of(model):
    """Every user's score of every item, by NumPy."""
    users, items = (np.asarray(t, np.float64) for t in (model.user_embeddings_, model.item_embeddings_))
    cosines = users @ items.T / np.linalg.norm(users, axis=1)[:, None] / np.linalg.norm(items, axis=1)
    tables = model._model.tables()
    if tables.item_bias:
        cosines += np.ctypeslib.as_array((adaptau._library.c.c_float * tables.n_items).from_address(tables.item_bias))
    return cosines


class Numbers(unittest.TestCase):
    def read(self, name):
        pairs = [(row[0], item) for line in (ROOT / "examples/data/debian-depends" / name).read_text().splitlines()
                 for row in [list(map(int, line.split()))] for item in row[1:]]
        users, items = np.array(pairs).T
        return sp.csr_matrix((np.ones(len(users), np.int8), (users, items)), shape=(16602, 5218))

    def test_fit_has_the_trainers_numbers(self):
        done = subprocess.run([TRAIN, ROOT / "examples/data/debian-depends", "--dim", "8", "--epochs", "5", "--quiet", "--json"],
                              stdout=subprocess.PIPE, check=True)
        trained = json.loads(done.stdout)
        model = adaptau.fit(self.read("train.txt"), dim=8, epochs=5, progress=False)
        found = model.evaluate(self.read("test.txt"), (10, 20, 50))
        self.assertAlmostEqual(model.tau_, trained["tau0"], 8)
        for key, value in found.items():
            self.assertAlmostEqual(value, trained[key], 8, key)


class Data(unittest.TestCase):
    def test_a_canonical_matrix_is_not_copied(self):
        matrix = make_matrix()
        data = adaptau.Interactions(matrix)
        self.assertTrue(np.shares_memory(data.indices, matrix.indices))
        wide = sp.csr_matrix(matrix)
        wide.indptr = wide.indptr.astype(np.int64)
        self.assertTrue(np.shares_memory(adaptau.Interactions(wide).indptr, wide.indptr))

    def test_every_form_is_the_same_interactions(self):
        matrix = make_matrix()
        wanted = adaptau.Interactions(matrix)
        forms = [matrix.tocoo(), matrix.tocsc(), matrix.tolil(), sp.csr_array(matrix), matrix * 3.5, matrix.astype(np.int64)]
        wide = sp.csr_matrix(matrix)
        wide.indptr, wide.indices = wide.indptr.astype(np.int64), wide.indices.astype(np.int64)
        forms.append(wide)
        coo = matrix.tocoo()
        shuffled = np.random.default_rng(3).permutation(coo.nnz)
        forms.append(sp.coo_matrix((coo.data[shuffled], (coo.row[shuffled].astype(np.int64), coo.col[shuffled])), shape=coo.shape))
        forms.append(sp.coo_matrix((np.ones(2 * coo.nnz), (np.tile(coo.row, 2), np.tile(coo.col, 2))), shape=coo.shape))
        for place, form in enumerate(forms):
            found = adaptau.Interactions(form)
            np.testing.assert_array_equal(found.indptr, wanted.indptr, str(place))
            np.testing.assert_array_equal(found.indices, wanted.indices, str(place))
            self.assertEqual((found.indptr.dtype, found.indices.dtype), (np.int64, np.int32))
        kept = sp.csr_matrix((np.array([1.0, 0, 2]), np.array([0, 1, 2]), np.array([0, 3])), shape=(1, 3))
        np.testing.assert_array_equal(adaptau.Interactions(kept).indices, [0, 2])
        np.testing.assert_array_equal(wanted.to_csr().toarray(), matrix.toarray())
        numbers = adaptau.Interactions.from_pairs(coo.row[shuffled], coo.col[shuffled], shape=coo.shape)
        np.testing.assert_array_equal(numbers.indices, wanted.indices)

    def test_forms_give_one_model(self):
        matrix = make_matrix()
        one, two = adaptau.fit(matrix, **QUICK), adaptau.fit(matrix.tocoo(), **{**QUICK, "n_threads": 1})
        np.testing.assert_array_equal(one.user_embeddings_, two.user_embeddings_)

    def test_what_is_no_data_is_refused_with_a_remedy(self):
        class Frame(dict):
            columns = "user", "item"
        model = adaptau.fit(make_matrix(), **QUICK)
        frame = Frame(user=np.array(["a", "b"]), item=np.array(["x", "y"]))
        for wrong, remedy in ((frame, r"not Frame: adaptau.Interactions.from_frame"), (np.eye(3), r"not ndarray: scipy.sparse.csr_matrix"),
                              ([[1, 2], [3, 4]], "not list of 2: .*from_pairs"), (([1], [2], [3]), "not tuple of 3: .*weights=")):
            for ask in adaptau.fit, adaptau.Interactions, model.evaluate:
                with self.assertRaisesRegex(TypeError, remedy):
                    ask(wrong)
        with self.assertRaisesRegex(TypeError, "csr_matrix"):
            model.fold_in(np.ones((2, 40)))
        with self.assertRaisesRegex(KeyError, "no column 'who' in the frame, but user, item"):
            adaptau.Interactions.from_frame(frame, "who")
        self.assertEqual(adaptau.Interactions.from_frame(frame).shape, (2, 2))
        try:
            import pandas
        except ImportError:
            return
        with self.assertRaisesRegex(TypeError, "not DataFrame: adaptau.Interactions.from_frame"):
            adaptau.fit(pandas.DataFrame(dict(frame)), **QUICK)

    def test_nan_is_refused_where_it_is(self):
        matrix = make_matrix()
        row, column = matrix.tocoo().row[7], matrix.indices[7]
        matrix.data[7] = np.nan
        for form in matrix, matrix.tocsc(), matrix.tocoo(), matrix.tolil(), matrix.todok(), sp.csr_array(matrix):
            for weights in False, True:
                with self.assertRaisesRegex(ValueError, f"NaN at row {row}, column {column}$"):
                    adaptau.Interactions(form, weights=weights)
        with self.assertRaisesRegex(ValueError, "NaN at row"):
            adaptau.fit(matrix, **QUICK)
        for side, message in (([1.0, np.nan], [0, 1], [1, 1]), r"users\[1\]"), (([0, 1], [np.nan, 1], [1, 1]), r"items\[0\]"), (
                ([0, 1], [0, 1], [1, np.nan]), r"weights\[1\]"):
            with self.assertRaisesRegex(ValueError, message + " is NaN"):
                adaptau.fit(side[:2], weights=side[2], **QUICK)
        for missing in None, float("nan"):
            with self.assertRaisesRegex(ValueError, rf"items\[1\] is {missing}"):
                adaptau.fit((["ann", "bob"], np.array(["tea", missing], object)), **QUICK)
        model = adaptau.fit(make_matrix(), **QUICK)
        with self.assertRaisesRegex(ValueError, r"weights\[1\]\[0\] is NaN"):
            model.fold_in([[1, 2], [3]], weights=[[1, 1], [np.nan]])

    def test_negative_values_are_warned_of(self):
        matrix = make_matrix()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for quiet in matrix, matrix.astype(bool), matrix.astype(np.uint8), matrix.tolil(), sp.csr_matrix((3, 4)):
                adaptau.Interactions(quiet)
        matrix.data[3] = -1
        for form in matrix, matrix.astype(np.int8), matrix.tolil(), matrix.todok():
            with self.assertWarnsRegex(UserWarning, "negative values count as interactions"):
                self.assertEqual(adaptau.Interactions(form).nnz, matrix.nnz)

    def test_names(self):
        data = adaptau.Interactions.from_pairs(["bob", "ann", "bob", "bob"], [7, 5, 9, 7])
        self.assertEqual((data.shape, data.nnz), ((2, 2 + 1), 3))
        np.testing.assert_array_equal(data.user_labels, ["ann", "bob"])
        np.testing.assert_array_equal(data.item_labels[data.items_of(1)], [7, 9])
        frame = {"user": np.array(["a", "b"]), "item": np.array(["x", "y"])}
        self.assertEqual(adaptau.Interactions.from_frame(frame).nnz, 2)

    def test_what_is_no_data_is_refused(self):
        for wrong, kind in ((np.eye(3), TypeError), ([1, 2], TypeError), ((["a"], ["x", "y"]), ValueError)):
            with self.assertRaises(kind):
                adaptau.fit(wrong, **QUICK)
        with self.assertRaises(IndexError):
            adaptau.Interactions.from_pairs([0, 5], [0, 0], shape=(3, 3))
        with self.assertRaises(TypeError):
            adaptau.Interactions.from_pairs([0.5], [0], shape=(3, 3))
        with self.assertRaises(ValueError):
            adaptau.Interactions(make_matrix(), user_labels=["a"])


class Split(unittest.TestCase):
    def test_parts_are_of_the_same_kind_and_make_up_the_whole(self):
        matrix = make_matrix()
        matrix.data[:] = np.arange(1, matrix.nnz + 1)
        train, test = adaptau.split(matrix, 0.3, seed=4)
        np.testing.assert_array_equal((train + test).toarray(), matrix.toarray())
        counts, late = np.diff(matrix.indptr), np.diff(test.indptr)
        np.testing.assert_array_equal(late, np.minimum(np.floor(0.3 * counts + 0.5), np.maximum(counts - 1, 0)))
        self.assertNotEqual(adaptau.split(matrix, 0.3, seed=5)[1].indices.tolist(), test.indices.tolist())
        for form in matrix.tocoo(), matrix.tocsc(), sp.csr_array(matrix), matrix.tolil():
            for part, wanted in zip(adaptau.split(form, 0.3, seed=4), (train, test)):
                self.assertIs(type(part), type(form))
                np.testing.assert_array_equal(part.toarray(), wanted.toarray())
        whole = adaptau.Interactions(matrix, weights=True, user_labels=[f"u{u}" for u in range(60)])
        for part, wanted in zip(adaptau.split(whole, 0.3, seed=4), (train, test)):
            np.testing.assert_array_equal(part.indices, wanted.indices)
            np.testing.assert_array_equal(part.weights, wanted.data)
            self.assertEqual((part.shape, part.user_labels[7], part.item_labels), ((60, 40), "u7", None))
        pairs = matrix.tocoo()
        order = np.random.default_rng(6).permutation(np.r_[0:pairs.nnz, 0:9])  # some twice
        users, items = pairs.row[order], pairs.col[order]
        parts = adaptau.split((users.tolist(), items.tolist()), 0.3, seed=4)
        self.assertEqual(sum(len(part[0]) for part in parts), len(order))
        for part, wanted in zip(parts, (train, test)):
            self.assertEqual(set(zip(*part)), set(zip(*wanted.nonzero())))
        found = adaptau.fit(train, **QUICK).evaluate(test)
        self.assertGreater(found["recall@20"], 0)

    def test_times_hold_the_latest_out(self):
        users, items = [1, 1, 1, 1, 2, 2, 2, 2, 1], [3, 4, 5, 6, 3, 4, 5, 6, 3]
        days = np.array(["2023-05-0" + day for day in "123442319"], "datetime64[D]")  # item 3 came again on the 9th
        for times in days, days.astype(np.int64), days.astype(str), days.astype(np.int64) + 0.5:
            train, test = adaptau.split((users, items), 0.25, times=times)
            self.assertEqual(sorted(set(zip(*test))), [(1, 3), (2, 3)])
            self.assertFalse(set(zip(*train)) & set(zip(*test)))
        _, test = adaptau.split((users, items), 0.25, times=[1, 2, 3, 4, 5, 6, 7, 8, 0], across_users=True)
        self.assertEqual(sorted(zip(*test)), [(2, 5), (2, 6)])
        for wrong, message in ((dict(times=[1]), r"times of shape \(1,\), but there are 9"), (dict(across_users=True), "by time"),
                               (dict(times=[1.0] * 8 + [np.nan]), r"times\[8\] is NaN"), (dict(share=-1), "share")):
            with self.assertRaisesRegex(ValueError, message):
                adaptau.split((users, items), **wrong)
        with self.assertRaisesRegex(TypeError, "from_frame|csr_matrix"):
            adaptau.split(np.eye(3))


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.matrix = make_matrix()
        cls.train, cls.test = split(cls.matrix)
        cls.model = adaptau.fit(cls.train, **QUICK)
        cls.scores = scores_of(cls.model)

    def test_recommend_ranks_by_score_without_what_was_seen(self):
        left = np.where(self.train.toarray() > 0, -np.inf, self.scores)
        items, scores = self.model.recommend(k=7)
        np.testing.assert_allclose(scores, -np.sort(-left, axis=1)[:, :7], atol=1e-6)
        np.testing.assert_allclose(np.take_along_axis(left, items, 1), scores, atol=1e-6)
        seen, _ = self.model.recommend(k=7, seen=False)
        np.testing.assert_allclose(np.take_along_axis(self.scores, seen, 1), -np.sort(-self.scores, axis=1)[:, :7], atol=1e-6)
        np.testing.assert_array_equal(self.model.recommend([5, 3], 7).items, items[[5, 3]])
        np.testing.assert_array_equal(self.model.recommend(5, 7).items, items[5])

    def test_recommend_keeps_to_the_choice(self):
        chosen, banned = [30, 2, 2, 11, 8], [8]
        items, scores = self.model.recommend(k=9, items=chosen, exclude=banned, seen=False)
        self.assertTrue(all(set(row[row >= 0]) == {2, 11, 30} for row in items))
        self.assertTrue(np.isneginf(scores[items < 0]).all())
        self.assertFalse(np.isin(banned, self.model.recommend(k=40, exclude=banned, seen=False).items).any())

    def test_similar_is_by_cosine(self):
        for table, similar in ((self.model.item_embeddings_, self.model.similar_items), (self.model.user_embeddings_, self.model.similar_users)):
            unit = table / np.linalg.norm(table, axis=1)[:, None]
            cosines = unit @ unit.T
            np.fill_diagonal(cosines, -np.inf)
            found, scores = similar([4, 9], 6)
            np.testing.assert_allclose(scores, -np.sort(-cosines[[4, 9]], axis=1)[:, :6], atol=1e-6)
            np.testing.assert_allclose(np.take_along_axis(cosines[[4, 9]], found, 1), scores, atol=1e-6)

    def test_evaluate_is_what_numpy_finds(self):
        ranked = np.argsort(-np.where(self.train.toarray() > 0, -np.inf, self.scores), axis=1, kind="stable")
        wanted = self.test.toarray() > 0
        users = np.flatnonzero(wanted.any(1))
        for cutoff in (5, 10):
            hits = np.take_along_axis(wanted, ranked[:, :cutoff], 1)[users]
            discounts = 1 / np.log2(np.arange(cutoff) + 2)
            ideal = np.array([discounts[:min(cutoff, wanted[u].sum())].sum() for u in users])
            found = self.model.evaluate(self.test, (5, 10))
            self.assertAlmostEqual(found[f"recall@{cutoff}"], (hits.sum(1) / wanted[users].sum(1)).mean(), 6)
            self.assertAlmostEqual(found[f"ndcg@{cutoff}"], (hits @ discounts / ideal).mean(), 6)
        each = self.model.evaluate(self.test, (5,), per_user=True)
        np.testing.assert_array_equal(each["users"], users)
        self.assertAlmostEqual(each["recall@5"].mean(), found["recall@5"], 6)
        both = self.model.evaluate(self.test + self.train, (5, 10))
        self.assertEqual(both, found)  # what was trained on does not count
        with self.assertWarns(UserWarning):
            self.assertTrue(np.isnan(self.model.evaluate(sp.csr_matrix(self.matrix.shape))["recall@20"]))

    def test_a_user_is_folded_in(self):
        had = self.train[:5]
        embeddings = self.model.fold_in(had)
        self.assertEqual((embeddings.shape, embeddings.dtype), ((5, 8), np.float32))
        lists = [had[u].indices.tolist() for u in range(5)]
        np.testing.assert_array_equal(self.model.fold_in(lists), embeddings)
        items, _ = self.model.recommend(embeddings=embeddings, seen=lists, k=5)
        for u in range(5):
            self.assertFalse(set(items[u]) & set(lists[u]))
            self.assertGreaterEqual((items[u] % 4 == u % 4).mean(), 0.6)  # of the user's taste

    def test_one_user_is_a_flat_list(self):
        had = self.train[3].indices.tolist()
        many, one = self.model.fold_in([had]), self.model.fold_in(had)
        self.assertEqual((many.shape, one.shape), ((1, 8), (8,)))
        for same in had, tuple(had), set(had), np.array(had), had[::-1] + had[:1]:
            np.testing.assert_array_equal(self.model.fold_in(same), many[0])
        lists, list_of_one = self.model.recommend(embeddings=many, seen=[had], k=5), self.model.recommend(embeddings=one, seen=had, k=5)
        self.assertEqual((lists.items.shape, list_of_one.items.shape), ((1, 5), (5,)))
        np.testing.assert_array_equal(lists.items[0], list_of_one.items)
        self.assertFalse(set(list_of_one.items) & set(had))
        everything = self.model.recommend(embeddings=one, seen=False, k=40)
        self.assertTrue(set(had) <= set(everything.items))
        named = adaptau.fit((["ann", "ann", "bob", "bob"], ["tea", "jam", "tea", "milk"]), dim=4, epochs=2, temperature=0.2, progress=False)
        np.testing.assert_array_equal(named.fold_in(["tea", "jam"]), named.fold_in([["jam", "tea"]])[0])
        self.assertEqual(list(named.recommend(embeddings=named.fold_in(["tea"]), seen=["tea", "jam"], k=1).items), ["milk"])
        for wrong, message in ((dict(embeddings=one[:3]), r"\(1, 3\), but the model has 8"), (dict(embeddings=many, users=[1]), "both given"),
                               (dict(embeddings=many, seen=[had, had]), "2 rows, but there are 1")):
            with self.assertRaisesRegex(ValueError, message):
                self.model.recommend(**wrong)

    def test_lists_are_arrays_series_and_empty_ones_too(self):
        lists = [[1, 2], [3]]
        wanted = self.model.fold_in(lists)
        objects = np.empty(2, object)
        objects[:] = lists
        several = [[np.array(row) for row in lists], tuple(lists), objects, [np.array([1, 2]), [3]]]
        flat = [np.array([1, 2], object), np.array([1, 2], np.int64)]
        try:
            import pandas
            several += [pandas.Series(lists), [pandas.Series(row) for row in lists]]
            flat += [pandas.Series([1, 2]), pandas.Series([1, 2], index=[7, 8]), pandas.Index([1, 2])]
        except ImportError:
            print("pandas is not installed: no Series is tried (Debian: python3-pandas)", file=sys.stderr)
        for place, same in enumerate(several):
            np.testing.assert_array_equal(self.model.fold_in(same), wanted, str(place))
            self.assertEqual(self.model.recommend(embeddings=wanted, seen=same, k=3).items.shape, (2, 3))
        for place, same in enumerate(flat):
            np.testing.assert_array_equal(self.model.fold_in(same), wanted[0], str(place))
        nothing = self.model.fold_in([[]])
        self.assertEqual(nothing.shape, (1, 8))
        for empty in [], (), set(), np.array([]), np.array([], object):
            np.testing.assert_array_equal(self.model.fold_in(empty), nothing[0])
            self.assertEqual(self.model.recommend(embeddings=nothing[0], seen=empty, k=3).items.shape, (3,))

    def test_a_dense_row_is_refused(self):
        row = (np.arange(40) % 3 == 0).astype(int)
        for dense in row, row.tolist(), row.astype(bool), row.astype(float), [row], [[1, 2], row.tolist()]:
            with self.assertRaisesRegex(ValueError, r"user [01] are 40 zeros and ones.*flatnonzero"):
                self.model.fold_in(dense)
        with self.assertRaisesRegex(ValueError, "flatnonzero"):
            self.model.recommend(embeddings=self.model.fold_in([1]), seen=row)
        self.assertEqual(self.model.fold_in(np.flatnonzero(row)).shape, (8,))
        self.assertEqual(self.model.fold_in(range(40)).shape, (8,))
        self.assertEqual(self.model.fold_in(row[:39]).shape, (8,))

    def test_numbers_are_checked_by_name(self):
        for ask in self.model.recommend, self.model.similar_items, self.model.similar_users:
            for k in self.train[3], 2.5, "5", True, None:
                with self.assertRaisesRegex(TypeError, f"k is a whole number, not a {type(k).__name__}: k=10 .* seen= what"):
                    ask(3, k)
            for k in 0, -1:
                with self.assertRaisesRegex(ValueError, f"k = {k}, but it is 1 or more"):
                    ask(3, k=k)
            self.assertEqual(len(ask(3, np.int32(2)).items), 2)
        with self.assertRaisesRegex(TypeError, r"cutoffs = 20, .*\(20,\)"):
            self.model.evaluate(self.test, cutoffs=20)
        for cutoffs, kind in (([5, -1], ValueError), ([2.5], TypeError)):
            with self.assertRaisesRegex(kind, "a cutoff"):
                self.model.evaluate(self.test, cutoffs=cutoffs)
        for params, message in (({"seed": -1}, "seed = -1, but it is from 0 to 18446744073709551615"), ({"seed": 2**64}, "seed = 1844"),
                                ({"temperature": -1}, "temperature = -1, but"), ({"temperature": 0}, "temperature = 0, but"),
                                ({"temperature": float("nan")}, "temperature = nan, but"), ({"epochs": -1}, "epochs = -1, but")):
            with self.assertRaisesRegex(ValueError, message):
                adaptau.fit(self.train, **{**QUICK, **params})

    def test_what_is_wrong_is_said(self):
        for call in (lambda: self.model.recommend([60]), lambda: self.model.recommend(u for u in (1, 60)), lambda: self.model.similar_items(-1), lambda: self.model.fold_in([[40]])):
            with self.assertRaisesRegex(KeyError, "unknown (user|item)"):
                call()
        with self.assertRaisesRegex(TypeError, "have no names here"):
            self.model.recommend(["ann"])
        with self.assertRaisesRegex(adaptau.Error, "not trained"):
            adaptau.AdapTau().recommend([0])
        with self.assertRaises(ValueError):
            adaptau.fit(self.train, encoder="bert")
        with self.assertRaisesRegex(adaptau.ArgumentError, "dim"):
            adaptau.fit(self.train, dim=-3)
        with self.assertRaisesRegex(TypeError, "no layers"):
            adaptau.fit(self.train, recipe={"layers": 3})
        with self.assertRaises(OSError) as caught:
            adaptau.load("/nonexistent/model")
        self.assertEqual((caught.exception.name, caught.exception.errno), ("E_IO", 2))
        with self.assertRaises(ValueError):
            self.model.evaluate(sp.csr_matrix((3, 3)))


class Named(unittest.TestCase):
    def setUp(self):
        pairs = make_matrix().tocoo()
        self.pairs = [f"u{u}" for u in pairs.row], [1000 + i for i in pairs.col]
        self.model = adaptau.fit(self.pairs, **QUICK)

    def test_names_come_back(self):
        items, _ = self.model.recommend(["u7", "u3"], 4)
        self.assertTrue(set(items.ravel().tolist()) <= set(self.pairs[1]))
        np.testing.assert_array_equal(self.model.recommend("u3", 4).items, items[1])
        self.assertTrue(all(name.startswith("u") for name in self.model.similar_users("u3", 3).items))
        with self.assertRaisesRegex(KeyError, "unknown user 'nobody'"):
            self.model.recommend("nobody")

    def test_other_interactions_are_matched_by_name(self):
        plain = self.model.evaluate(self.pairs, seen=False)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            other = self.model.evaluate((self.pairs[0] + ["stranger"], self.pairs[1] + [1000]), seen=False)
        n_users = len(set(self.pairs[0]))
        for key, value in plain.items():
            self.assertAlmostEqual(other[key], value * n_users / (n_users + 1), 6, key)
        self.assertRegex(str(caught[0].message), "^1 of .* count as not found$")

    def test_users_of_a_matrix_are_called_as_in_the_model(self):
        data = self.model.interactions_
        each = self.model.evaluate(data.to_csr()[:, :], seen=False, per_user=True)
        self.assertEqual(each["users"].tolist(), data.user_labels[np.diff(data.indptr) > 0].tolist())

    def test_what_is_unknown_counts_as_adaptau_evaluate_counts_it(self):
        program = TRAIN.with_name("adaptau-evaluate")
        if not program.exists():
            self.skipTest(f"{program} is not built")
        train, test = (part.tocoo() for part in split(make_matrix()))
        train = [f"u{u}" for u in train.row], [f"i{i}" for i in train.col]
        test = [f"u{u}" for u in test.row], [f"i{i}" for i in test.col]
        model = adaptau.fit(train, **QUICK)
        new = [("u1", "new"), ("u1", "newer"), ("u2", "new"), ("stranger", "i3"), ("alien", "new")] + [("u3", f"n{i}") for i in range(9)]
        only_new = test[0][-1]
        kept = [pair for pair in zip(*test) if pair[0] != only_new] + [(only_new, "new")] + new
        wanted_of = {user for user, _ in kept}
        with tempfile.TemporaryDirectory() as folder:
            for name, pairs in ("train.csv", zip(*train)), ("test.csv", kept):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                    out.write("user,item\n" + "".join(f"{u},{i}\n" for u, i in pairs))
            model.save(os.path.join(folder, "model"))
            done = subprocess.run([program, "model", "--train", "train.csv", "--test", "test.csv", "--cutoffs", "3,10", "--resamples", "0",
                                   "--json"], stdout=subprocess.PIPE, check=True, cwd=folder)
        measured = json.loads(done.stdout)["subject"]
        with self.assertWarnsRegex(UserWarning, f"{len(new) + 1} of {len(kept)} .*not found"):
            found = model.evaluate(tuple(zip(*kept)), cutoffs=(3, 10))
            each = model.evaluate(tuple(zip(*kept)), cutoffs=(3, 10), per_user=True)
        self.assertEqual(set(each["users"]), wanted_of)
        for key, value in found.items():
            self.assertAlmostEqual(value, measured[key], 6, key)
            self.assertAlmostEqual(each[key].mean(dtype=np.float64), value, 7, key)
        self.assertEqual(float(each["recall@10"][list(each["users"]).index("alien")]), 0)

    def test_a_file_is_read_back(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model"
            self.model.save(path)
            loaded = adaptau.load(path)
            self.assertEqual(loaded.get_params()["dim"], 8)
            self.assertEqual((loaded.n_epochs_, loaded.loss_, loaded.recall_, loaded.ndcg_), (None,) * 4)
            for seen in (False, adaptau.Interactions.from_pairs(*self.pairs)):
                found = [m.recommend(["u1", "u2"], 5, seen=seen) for m in (self.model, loaded)]
                np.testing.assert_array_equal(*(f.items for f in found))
                np.testing.assert_array_equal(*(f.scores for f in found))
            with self.assertRaisesRegex(adaptau.Error, "does not know what users had"):
                loaded.recommend("u1")
            whole = adaptau.load(path, interactions=self.pairs)
            np.testing.assert_array_equal(whole.recommend("u1").items, self.model.recommend("u1").items)
            np.testing.assert_array_equal(whole.fold_in([[1003, 1007]]), self.model.fold_in([[1003, 1007]]))
        again = adaptau.AdapTau.from_bytes(self.model.to_bytes(), interactions=self.pairs)
        np.testing.assert_array_equal(again.recommend("u1").items, self.model.recommend("u1").items)

    def test_bytes_and_a_mapped_file_are_the_model(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model"
            self.model.save(path)
            self.assertEqual(self.model.to_bytes(), path.read_bytes())
            mapped, loaded = adaptau.load(path, mapped=True), adaptau.load(path)
            if os.path.exists("/proc/self/maps"):
                with open("/proc/self/maps", encoding="utf-8") as maps:
                    self.assertEqual(sum(str(path) in line for line in maps), 1)
            self.model.save(path)  # in its place: what is mapped stays
            for other in (mapped, adaptau.AdapTau.from_bytes(self.model.to_bytes())):
                np.testing.assert_array_equal(other.user_embeddings_, loaded.user_embeddings_)
                np.testing.assert_array_equal(other.recommend(["u1", "u2"], 5, seen=False).items,
                                              loaded.recommend(["u1", "u2"], 5, seen=False).items)
                np.testing.assert_array_equal(other.fold_in([[1003, 1007]]), loaded.fold_in([[1003, 1007]]))
            with self.assertRaisesRegex(adaptau.Error, "read-only"):
                adaptau.call(adaptau.lib.adaptau_model_apply, mapped._model)
        with self.assertRaisesRegex(ValueError, "the buffer has 3 bytes"):
            adaptau.AdapTau.from_bytes(b"abc")

    def test_a_file_says_how_users_are_folded_in(self):
        for tau in (0.05, 0.4):
            model = adaptau.fit(self.pairs, dim=8, epochs=2, temperature=tau)
            loaded = adaptau.AdapTau.from_bytes(model.to_bytes())
            self.assertEqual(loaded.tau_, model.tau_)
            options = loaded._model.fold_in_options()
            self.assertAlmostEqual(options.tau, tau, 12)
            whole = adaptau.AdapTau.from_bytes(model.to_bytes(), interactions=self.pairs)
            np.testing.assert_array_equal(whole.fold_in([[1003]]), model.fold_in([[1003]]))

    def test_long_calls_tell_how_far_they_are_and_are_ended(self):
        model = adaptau.AdapTau.from_bytes(self.model.to_bytes(), interactions=self.pairs)
        heard = []
        model._context.set_progress(lambda *of: heard.append(of))
        model.recommend(["u1", "u2"], 3)
        self.assertEqual(heard[-1][1], heard[-1][2])
        model._context.set_progress(lambda *_: 1 / 0)
        with self.assertRaisesRegex(adaptau.Cancelled, "progress answered -1 after"):
            model.recommend("u1")
        model._context.set_progress(lambda *_: True)
        self.assertRaises(adaptau.Cancelled, model.recommend, "u1")
        model._context.set_progress(None)
        model.recommend("u1")

    def test_a_pickle_has_everything(self):
        copied = pickle.loads(pickle.dumps(self.model))
        for name in ("u1", "u9"):
            np.testing.assert_array_equal(copied.recommend(name).items, self.model.recommend(name).items)
        np.testing.assert_array_equal(copied.fold_in([[1003]]), self.model.fold_in([[1003]]))
        self.assertEqual((copied.tau_, copied.loss_, copied.get_params()), (self.model.tau_, self.model.loss_, self.model.get_params()))
        self.assertEqual(pickle.loads(pickle.dumps(adaptau.AdapTau(dim=3))).dim, 3)

    def test_a_file_of_half_the_size_is_the_model(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "half")
            self.model.save(path, half=True)
            self.assertEqual(path.read_bytes(), self.model.to_bytes(half=True))
            loaded = adaptau.load(path, interactions=self.pairs)
            mapped = adaptau.load(path, interactions=self.pairs, mapped=True)
        rounded = np.asarray(self.model.item_embeddings_).astype(np.float16).astype(np.float64)
        rounded /= np.linalg.norm(rounded, axis=1)[:, None]
        np.testing.assert_allclose(loaded.item_embeddings_, rounded, atol=1e-6)
        self.assertIsNone(mapped.item_embeddings_)
        self.assertEqual((mapped.n_users_, mapped.n_items_), (60, 40))
        for one, other in ((loaded.recommend(k=5), mapped.recommend(k=5)),
                           (loaded.recommend(k=3, items=[1001, 1005, 1009]), mapped.recommend(k=3, items=[1001, 1005, 1009]))):
            np.testing.assert_array_equal(one.items, other.items)
            np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_allclose(loaded.recommend(k=5).scores, self.model.recommend(k=5).scores, atol=1e-3)
        self.assertEqual(loaded.evaluate(self.pairs, seen=False), mapped.evaluate(self.pairs, seen=False))
        np.testing.assert_array_equal(loaded.similar_items(1004, 3).items, mapped.similar_items(1004, 3).items)
        np.testing.assert_allclose(loaded.similar_users(["u1", "u2"], 3).scores, mapped.similar_users(["u1", "u2"], 3).scores, atol=1e-6)
        np.testing.assert_array_equal(loaded.fold_in([1001, 1005]), mapped.fold_in([1001, 1005]))
        self.assertEqual(mapped.without(items=1000).n_items_, 39)

    def test_users_and_items_are_removed(self):
        gone, sold = ["u3", "u59"], [1000, 1017]
        for model in self.model, adaptau.AdapTau.from_bytes(self.model.to_bytes()):
            left = model.without(gone, sold)
            self.assertEqual((left.n_users_, left.n_items_), (model.n_users_ - 2, model.n_items_ - 2))
            kept = sorted(set(range(40)) - {0, 17})
            wanted, scores = model.recommend("u7", 5, seen=False, items=[1000 + i for i in kept])
            np.testing.assert_array_equal(left.recommend("u7", 5, seen=False).items, wanted)
            np.testing.assert_array_equal(left.recommend("u7", 5, seen=False).scores, scores)
            for name in gone:
                with self.assertRaisesRegex(KeyError, f"unknown user '{name}'"):
                    left.recommend(name)
            self.assertNotIn(b"u59", left.to_bytes())
            self.assertEqual(model.recommend("u3", 2, seen=False).items.shape, (2,))
        self.assertNotIn(1000, self.model.without(items=1000).recommend(k=40).items.ravel().tolist())
        self.assertEqual(self.model.without(gone).interactions_.nnz,
                         self.model.interactions_.nnz - sum(len(self.model.interactions_.items_of(int(u)))
                                                            for u in self.model._names._find("user", gone)))
        nobody = self.model.without(users=self.model._names.user_labels.tolist())
        self.assertEqual((nobody.n_users_, nobody.n_items_), (0, 40))

    def test_rows_are_removed_by_number_and_weights_go_with_them(self):
        matrix = make_matrix()
        matrix.data = np.arange(1, matrix.nnz + 1, dtype=np.float32)
        for encoder in "mf", "lightgcn", "simplex":
            model = adaptau.fit(matrix, weights=True, encoder=encoder, **QUICK)
            left = model.without(users=np.array([0, 2]), items=5)
            want = sp.csr_matrix(np.delete(np.delete(matrix.toarray(), [0, 2], 0), 5, 1))
            np.testing.assert_array_equal(left.interactions_.indptr, want.indptr)
            np.testing.assert_array_equal(left.interactions_.indices, want.indices)
            np.testing.assert_array_equal(left.interactions_.weights, want.data)
            self.assertEqual(left.fold_in([1, 2]).shape, (8,))
            if encoder == "mf":
                np.testing.assert_array_equal(left.user_embeddings_, np.delete(model.user_embeddings_, [0, 2], 0))
                np.testing.assert_array_equal(left.item_embeddings_, np.delete(model.item_embeddings_, 5, 0))

    def test_the_trainers_file_has_names(self):
        with tempfile.TemporaryDirectory() as folder:
            data, path = os.path.join(folder, "data.csv"), os.path.join(folder, "model")
            with open(data, "w", encoding="utf-8") as out:
                out.write("user,item\n" + "".join(f"{u},{i}\n" for u, i in zip(*self.pairs)))
            subprocess.run([TRAIN, data, "--test-share", "0", "--dim", "8", "--epochs", "3", "--tau", "0.2", "--quiet", "--save", path],
                           stdout=subprocess.DEVNULL, check=True)
            loaded = adaptau.load(path, interactions=([u for u in self.pairs[0]], [str(i) for i in self.pairs[1]]))
            self.assertTrue(set(loaded.recommend("u5", 5).items) <= {str(i) for i in self.pairs[1]})
            by_number = adaptau.load(path, interactions=self.pairs)  # items are numbers here
            np.testing.assert_array_equal(by_number.interactions_.indices, loaded.interactions_.indices)
            self.assertEqual(by_number.interactions_.nnz, len(self.pairs[0]))

    def test_names_are_matched_by_their_text_where_none_is_known(self):
        users, items = [int(u[1:]) for u in self.pairs[0]], self.pairs[1]
        text = adaptau.fit(([str(u) for u in users], [str(i) for i in items]), **QUICK)
        numbers = adaptau.fit((users, items), **QUICK)
        for saved, given in ((text, (users, items)), (text, (np.array(users, float), items)), (numbers, ([str(u) for u in users], items))):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                loaded = adaptau.AdapTau.from_bytes(saved.to_bytes(), interactions=given)
            name = saved._names.user_labels[3]
            np.testing.assert_array_equal(loaded.recommend(name).items, saved.recommend(name).items)
        with self.assertRaisesRegex(ValueError, "none of 2 interactions is .*users are '0' there and 'ann' here"):
            adaptau.AdapTau.from_bytes(text.to_bytes(), interactions=(["ann", "bob"], items[:2]))
        with self.assertRaisesRegex(ValueError, "none of 1 interactions"):
            text.evaluate((["0"], ["tea"]))
        for model, name, other in (text, 7, "text: '7'"), (text, np.int64(7), "text: '7'"), (numbers, "7", "numbers: 7"):
            with self.assertRaisesRegex(KeyError, f"unknown user .*7.*; names are {other}\\?"):
                model.recommend(name)
        with self.assertRaises(KeyError) as caught:
            text.recommend(999)
        self.assertEqual(caught.exception.args, ("unknown user 999",))
        with self.assertWarnsRegex(UserWarning, "1 of 1 .* left out"):
            text.recommend("0", seen=(["0"], ["tea"]))


class Estimator(unittest.TestCase):
    def test_parameters(self):
        model = adaptau.AdapTau(dim=8, temperature=0.2, recipe={"soft_targets": 0.0})
        self.assertEqual(repr(model), "AdapTau(dim=8, temperature=0.2, recipe={'soft_targets': 0.0})")
        self.assertIs(model.set_params(dim=4, seed=3), model)
        self.assertEqual((model.dim, model.get_params()["seed"]), (4, 3))
        with self.assertRaisesRegex(ValueError, "no parameter 'dims'"):
            model.set_params(dims=4)
        # What sklearn.base.clone does.
        params = model.get_params(deep=False)
        cloned = type(model)(**{name: copy.deepcopy(value) for name, value in params.items()})
        self.assertEqual(cloned.get_params(), params)
        try:
            from sklearn.base import clone
        except ImportError:
            return
        self.assertEqual(clone(model).get_params(), params)

    def test_settings_reach_the_library(self):
        matrix = make_matrix()
        base = adaptau.fit(matrix, **QUICK).user_embeddings_
        for change in ({"seed": 1}, {"temperature": 0.3}, {"loss": "bpr"}, {"personal": "by-loss"}, {"encoder": "lightgcn"},
                       {"recipe": {"learning_rate_users": 0.1}}, {"epochs": 4}):
            model = adaptau.fit(matrix, **{**QUICK, **change})
            self.assertFalse(np.array_equal(base, model.user_embeddings_), change)
        train, test = split(matrix)
        model = adaptau.fit(train, validation=test, **{**QUICK, "epochs": 6})
        self.assertGreater(model.recall_, 0)
        self.assertGreater(adaptau.fit(matrix, held_out_share=0.3, **QUICK).recall_, 0)

    def test_callbacks(self):
        seen = []
        adaptau.fit(make_matrix(), callback=lambda p: seen.append((p.epoch, p.n_epochs)), **QUICK)
        self.assertEqual(seen, [(0, 3), (1, 3), (2, 3)])
        model = adaptau.fit(make_matrix(), callback=lambda p: adaptau.STOP, **QUICK)
        self.assertEqual(model.n_epochs_, 1)
        with self.assertRaises(ZeroDivisionError):
            adaptau.fit(make_matrix(), callback=lambda p: 1 // 0, **QUICK)
        for said in True, False, np.bool_(True):
            with self.assertRaisesRegex(TypeError, f"answered {said}: .*adaptau.STOP.*adaptau.GO_ON"):
                adaptau.fit(make_matrix(), callback=lambda p: said, **QUICK)

    def test_progress_without_tqdm_is_a_line_per_epoch(self):
        with mock.patch.dict(sys.modules, {"tqdm.auto": None, "tqdm": None}), mock.patch("sys.stderr", io.StringIO()) as err:
            adaptau.fit(make_matrix(), **{**QUICK, "progress": True})
            self.assertEqual(err.getvalue().count("\n"), 3)
            adaptau.fit(make_matrix(), **{**QUICK, "progress": None})
            self.assertEqual(err.getvalue().count("\n"), 3)

    def test_progress_by_tqdm(self):
        class Bar:
            made = []

            def __init__(self, **options):
                self.options, self.n, self.closed = options, 0, False
                Bar.made.append(self)

            def set_postfix(self, **_):
                pass

            def update(self, _):
                pass

            def close(self):
                self.closed = True
        module = mock.Mock(tqdm=Bar)
        with mock.patch.dict(sys.modules, {"tqdm": mock.Mock(auto=module), "tqdm.auto": module}):
            adaptau.fit(make_matrix(), **{**QUICK, "progress": True})
        self.assertEqual(len(Bar.made), 1)
        self.assertTrue(Bar.made[0].closed and Bar.made[0].n == Bar.made[0].options["total"])

    def test_an_interrupt_ends_the_training_and_nothing_else(self):
        model = adaptau.AdapTau(**{**QUICK, "epochs": 10**6}).set_params(epochs=2).fit(make_matrix())
        before = model.user_embeddings_.copy()
        model.set_params(epochs=10**7)
        killer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        killer.start()
        started = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            model.fit(make_matrix())
        self.assertLess(time.monotonic() - started, 60)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        np.testing.assert_array_equal(model.user_embeddings_, before)
        self.assertEqual(len(model.recommend(0).items), 10)

    def test_other_threads_run_while_it_trains(self):
        counted, over = [0], threading.Event()

        def count():
            while not over.is_set():
                counted[0] += 1
                time.sleep(0)
        other = threading.Thread(target=count)
        other.start()
        adaptau.fit(make_matrix(), **{**QUICK, "epochs": 50})
        over.set()
        other.join()
        self.assertGreater(counted[0], 10)

    def test_a_process_ends_while_threads_are_inside_calls(self):
        code = ("import threading, time, adaptau, numpy as np\n"
                "pairs = np.arange(6000) % 400, np.arange(6000) * 7 % 300\n"
                "model = adaptau.fit(pairs, dim=8, epochs=1, temperature=0.2, progress=False)\n"
                "def ask():\n"
                "    while True:\n"
                "        model.recommend(k=50)\n"
                "        model.fold_in([[1, 2]])\n"
                "for _ in range(3):\n"
                "    threading.Thread(target=ask, daemon=True).start()\n"
                "time.sleep(0.02)\n")
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples/hosts/python"), "OMP_NUM_THREADS": "1"}
        for _ in range(10):
            done = subprocess.run([sys.executable, "-B", "-c", code], env=environment, stderr=subprocess.PIPE, timeout=120)
            self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_what_an_object_was_made_from_is_freed_after_it(self):
        freed = []

        class Made(adaptau._library._Object):
            def __init__(self, name, *keep):
                self._own(name, freed.append, keep)
        for cycle in range(10):
            context = Made("context")
            dataset = Made("dataset", context)
            model = Made("model", context, dataset)
            context.model = dataset.model = model.self = model
            if cycle % 2:
                model.context = context
            del context, dataset, model
            gc.collect()
            self.assertEqual(len(freed), 3)
            self.assertEqual(freed[0], "model")
            self.assertEqual(freed.pop(), "context")
            freed.clear()

    def test_an_answer_is_of_one_model_while_another_is_fitted(self):
        model = adaptau.fit(make_matrix(), **QUICK)
        before, meanwhile, embeddings = model.recommend([1, 2]), [], adaptau.Model.embeddings

        def ask(trained):
            meanwhile.append((model.recommend([1, 2]), model.n_items_, model.loss_))
            return embeddings(trained)
        loss = model.loss_
        with mock.patch.object(adaptau.Model, "embeddings", ask):
            model.fit(make_matrix(seed=5, shape=(30, 70)))
        self.assertEqual([m[1:] for m in meanwhile], [(40, loss)])
        np.testing.assert_array_equal(meanwhile[0][0].items, before.items)
        np.testing.assert_array_equal(meanwhile[0][0].scores, before.scores)
        self.assertEqual((model.n_items_, model.item_embeddings_.shape), (70, (70, 8)))

    def test_a_temperature_of_another_thread_is_not_used(self):
        model = adaptau.fit(make_matrix(), **QUICK)

        class Interrupted(float):
            """While it is compared, another thread folds in by another one."""

            def __ne__(self, other):
                thread = threading.Thread(target=model.fold_in, args=([1, 5, 9],), kwargs={"tau": 0.8})
                thread.start()
                thread.join()
                return float(self) != other
        wanted = model.fold_in([1, 5, 9], tau=0.1)
        np.testing.assert_array_equal(model.fold_in([1, 5, 9], tau=Interrupted(0.1)), wanted)
        self.assertFalse(np.array_equal(model.fold_in([1, 5, 9], tau=0.8), wanted))

    def test_views_outlive_the_model(self):
        users = adaptau.fit(make_matrix(), **QUICK).user_embeddings_
        gc.collect()
        self.assertTrue(np.isfinite(users).all() and not users.flags.writeable)


class Negatives(unittest.TestCase):
    def test_scores_of_what_was_not_taken_fall(self):
        matrix, shown = make_matrix(), sp.csr_matrix(sp.random(60, 40, 0.1, random_state=5) != 0)
        plain, pushed = adaptau.fit(matrix, **QUICK), adaptau.fit(matrix, negatives=shown, **QUICK)
        places = shown.nonzero()
        self.assertLess(scores_of(pushed)[places].mean(), scores_of(plain)[places].mean() - 0.01)

    def test_all_forms_are_the_same(self):
        matrix, shown = make_matrix(), make_matrix(seed=8)
        shown.data[:] = 2
        users, items = shown.nonzero()
        wanted = adaptau.fit(matrix, negatives=shown, **QUICK).item_embeddings_
        for form in (users, items), adaptau.Interactions(shown), shown.tocoo():
            np.testing.assert_array_equal(adaptau.AdapTau(**QUICK).fit(matrix, negatives=form).item_embeddings_, wanted)
        weighted = adaptau.fit(matrix, negatives=adaptau.Interactions(shown, weights=True), **QUICK)
        self.assertFalse(np.array_equal(weighted.item_embeddings_, wanted))

    def test_names_are_found_and_unknown_ones_left_out(self):
        data = adaptau.Interactions.from_pairs(["a", "a", "b", "c"], ["x", "y", "y", "z"])
        wanted = adaptau.fit(data, negatives=(["a", "b"], ["z", "x"]), **QUICK)
        with self.assertWarnsRegex(UserWarning, "2 of 4 interactions"):
            other = adaptau.fit(data, negatives=(["a", "b", "nobody", "c"], ["z", "x", "x", "nothing"]), **QUICK)
        np.testing.assert_array_equal(other.item_embeddings_, wanted.item_embeddings_)
        with self.assertRaisesRegex(ValueError, "a matrix of"):
            adaptau.fit(make_matrix(), negatives=sp.csr_matrix((2, 2)), **QUICK)


class Weights(unittest.TestCase):
    def test_values_are_weights_where_they_are_asked_for(self):
        matrix = make_matrix()
        matrix.data[:] = np.arange(1, matrix.nnz + 1) % 5 + 1
        plain, weighted = adaptau.Interactions(matrix), adaptau.Interactions(matrix, weights=True)
        self.assertIsNone(plain.weights)
        np.testing.assert_array_equal(weighted.weights, matrix.data)
        shuffled = matrix.tocoo()
        order = np.random.default_rng(3).permutation(shuffled.nnz)
        other = sp.coo_matrix((shuffled.data[order], (shuffled.row[order], shuffled.col[order])), shape=matrix.shape)
        np.testing.assert_array_equal(adaptau.Interactions(other, weights=True).weights, matrix.data)

    def test_weights_of_one_that_comes_again_add_up(self):
        pairs = adaptau.Interactions.from_pairs(["a", "b", "a"], ["x", "x", "x"], weights=[1.5, 2, 4])
        np.testing.assert_array_equal(pairs.weights, [5.5, 2])

    def test_a_model_is_trained_with_them(self):
        matrix = make_matrix()
        matrix.data[:] = np.arange(matrix.nnz) % 7 + 1
        plain = adaptau.fit(matrix, **QUICK)
        weighted = adaptau.fit(adaptau.Interactions(matrix, weights=True), **QUICK)
        self.assertFalse(np.array_equal(plain.item_embeddings_, weighted.item_embeddings_))
        again = pickle.loads(pickle.dumps(weighted))
        np.testing.assert_array_equal(again.interactions_.weights, matrix.data)
        rows = weighted.fold_in(adaptau.Interactions(matrix, weights=True))
        self.assertFalse(np.array_equal(rows, weighted.fold_in(matrix)))
        np.testing.assert_array_equal(rows, again.fold_in(adaptau.Interactions(matrix, weights=True)))

    def test_fit_takes_weights(self):
        matrix = make_matrix()
        matrix.data[:] = np.arange(matrix.nnz) % 7 + 1
        weighted = adaptau.fit(adaptau.Interactions(matrix, weights=True), **QUICK)
        coordinates = matrix.tocoo()
        for again in (adaptau.fit(matrix, weights=True, **QUICK), adaptau.AdapTau(**QUICK).fit(matrix, weights=True),
                      adaptau.fit(adaptau.Interactions(matrix, weights=True), weights=True, **QUICK),
                      adaptau.fit((coordinates.row, coordinates.col), weights=coordinates.data.tolist(), **QUICK)):
            np.testing.assert_array_equal(again.item_embeddings_, weighted.item_embeddings_)
        np.testing.assert_array_equal(adaptau.fit(matrix, weights=False, **QUICK).item_embeddings_, adaptau.fit(matrix, **QUICK).item_embeddings_)
        for wrong, given, message in ((matrix, [1.0], "weights=True"), (([0], [0]), True, "a list with a number"),
                                      (([0, 1], [0, 1]), [1.0], "weights of shape"), (adaptau.Interactions(matrix), True, "their own")):
            with self.assertRaisesRegex((TypeError, ValueError), message):
                adaptau.fit(wrong, weights=given, **QUICK)

    def test_fold_in_takes_weights(self):
        matrix = make_matrix()
        matrix.data[:] = np.arange(matrix.nnz) % 7 + 1
        model = adaptau.fit(matrix, weights=True, **QUICK)
        rows = model.fold_in(adaptau.Interactions(matrix[:4], weights=True))
        lists = [matrix[u].indices.tolist() for u in range(4)]
        weights = [matrix[u].data.tolist() for u in range(4)]
        np.testing.assert_array_equal(model.fold_in(matrix[:4], weights=True), rows)
        np.testing.assert_array_equal(model.fold_in(lists, weights=weights), rows)
        np.testing.assert_array_equal(model.fold_in([row[::-1] for row in lists], weights=[row[::-1] for row in weights]), rows)
        np.testing.assert_array_equal(model.fold_in(lists[1], weights=weights[1]), rows[1])
        self.assertFalse(np.array_equal(model.fold_in(lists[1]), rows[1]))
        np.testing.assert_array_equal(model.fold_in([5, 9, 5], weights=[1, 2, 3]), model.fold_in([5, 9], weights=[4, 2]))
        for wrong in [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], True:
            with self.assertRaisesRegex(ValueError, "weights"):
                model.fold_in([5, 9], weights=wrong)
        with self.assertRaisesRegex(adaptau.Error, "weights"):
            model.fold_in([5, 9], weights=[1, -1])

    def test_a_weight_that_is_none_is_named(self):
        matrix = make_matrix()
        matrix.data[3] = -2
        with self.assertRaisesRegex(adaptau.Error, r"weights\[3\] = -2 is outside"):
            adaptau.fit(adaptau.Interactions(matrix, weights=True), **QUICK)


if __name__ == "__main__":
    unittest.main()
