#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_python.py ROOT: the objects of examples/hosts/python/adaptau copy nothing, refuse what they would have to copy, and keep alive what is
in use. The library is $ADAPTAU_LIBRARY. Without NumPy a skip."""
import gc
import pathlib
import sys
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no NumPy")
    sys.exit(77)
sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv.pop(1)) / "examples/hosts/python"))
import adaptau  # noqa: E402

USERS, ITEMS, DIM = 30, 20, 8


def make_data(context):
    users = np.repeat(np.arange(USERS, dtype=np.int32), 4)
    items = (np.arange(users.size, dtype=np.int32) * 7 + users) % ITEMS
    return adaptau.Dataset.from_pairs(context, USERS, ITEMS, users, items)


def train(context, data, model, epochs=3):
    temperature, sampler = adaptau.Temperature(context, data), adaptau.Sampler(context, data, seed=1)
    for epoch in range(epochs):
        model.update_temperature(temperature)
        for batch in sampler.epoch(epoch):
            model.gradients(batch, temperature)
            model.apply()


class Module(unittest.TestCase):
    def setUp(self):
        self.context = adaptau.Context(n_threads=2)
        self.data = make_data(self.context)

    def test_embeddings_are_views_that_follow_the_training(self):
        model = adaptau.Model(self.context, self.data, dim=DIM, seed=1)
        users, items = model.embeddings()
        before = users.copy()
        train(self.context, self.data, model)
        self.assertEqual((users.shape, items.shape), ((USERS, DIM), (ITEMS, DIM)))
        self.assertFalse(np.array_equal(users, before))
        self.assertFalse(users.flags.writeable)

    def test_scores_are_cosines_of_the_embeddings(self):
        model = adaptau.Model(self.context, self.data, dim=DIM, seed=1)
        train(self.context, self.data, model)
        users, items = (np.asarray(table, np.float64) for table in model.embeddings())
        cosines = users @ items.T / np.linalg.norm(users, axis=1)[:, None] / np.linalg.norm(items, axis=1)
        found, scores = model.top_k(np.arange(USERS, dtype=np.int32), 5)
        np.testing.assert_allclose(scores, -np.sort(-cosines, axis=1)[:, :5], atol=1e-6)
        np.testing.assert_allclose(scores, np.take_along_axis(cosines, found, axis=1), atol=1e-6)

    def test_what_was_seen_is_left_out(self):
        model = adaptau.Model(self.context, self.data, dim=DIM, seed=1)
        found, _ = model.top_k(np.arange(USERS, dtype=np.int32), ITEMS, seen=self.data)
        self.assertEqual((found < 0).sum(), self.data.n_pairs)

    def recipe(self):
        return adaptau.Recipe(dim=DIM, epochs=4, seed=3)

    def test_a_recipe_is_filled_by_the_data(self):
        recipe = adaptau.Recipe(epochs=7)
        self.assertEqual((recipe.epochs, recipe.rows_per_batch, recipe.dim), (7, adaptau.BY_DATA, 64))
        recipe.fill(self.data)
        self.assertEqual((recipe.epochs, recipe.rows_per_batch), (7, 64))
        with self.assertRaises(TypeError):
            adaptau.Recipe(epoch=7)
        with self.assertRaisesRegex(adaptau.Error, "recipe->dim = 0"):
            adaptau.Recipe(dim=0).fill(self.data)

    def test_learning_rates_fall_from_the_recipe_s_to_zero(self):
        recipe = adaptau.Recipe(epochs=4, learning_rate_users=0.2, learning_rate_items=0.02).fill(self.data)
        self.assertEqual(recipe.learning_rates(0, 0, 5), (0.2, 0.02))
        np.testing.assert_allclose(recipe.learning_rates(2, 0, 5), (0.1, 0.01))
        self.assertEqual(recipe.learning_rates(4, 0, 5), (0, 0))
        with self.assertRaisesRegex(adaptau.Error, "step = 5 is outside"):
            recipe.learning_rates(0, 5, 5)

    def test_the_loop_by_recipe_and_fit_give_one_model(self):
        training = adaptau.Training(self.context, self.data, self.recipe())
        for epoch in range(training.recipe.epochs):
            for batch in training.epoch(epoch):
                training.add_loss(training.model.gradients(batch, training.temperature).loss)
                training.model.apply()
        seen = []
        model, result = adaptau.fit_dataset(self.context, self.data, self.recipe(), on_epoch=lambda p: seen.append((p.epoch, p.loss)))
        for one, other in zip(training.model.embeddings(), model.embeddings()):
            np.testing.assert_array_equal(one, other)
        self.assertEqual([epoch for epoch, _ in seen], [0, 1, 2, 3])
        self.assertEqual(training.state.loss, result.loss)
        self.assertEqual(seen[-1][1], result.loss)

    def test_fit_ends_when_a_callback_says_so(self):
        kept, held_out = self.data.split(0.3, seed=2)
        self.assertEqual(kept.n_pairs + held_out.n_pairs, self.data.n_pairs)
        model, result = adaptau.fit_dataset(self.context, kept, self.recipe(), validation=held_out, cutoff=5,
                                    on_epoch=lambda p: adaptau.STOP if p.epoch == 1 else None)
        self.assertEqual((result.stopped, result.n_searched), (1, 2))
        self.assertGreater(result.recall, 0)
        with self.assertRaises(ZeroDivisionError):
            adaptau.fit_dataset(self.context, self.data, self.recipe(), on_step=lambda p: 1 // 0)

    def test_the_latest_are_held_out(self):
        times = np.arange(self.data.n_pairs, dtype=np.int64)
        kept, held_out = self.data.split(0.25, times=times)
        self.assertEqual((kept.n_pairs, held_out.n_pairs), (3 * USERS, USERS))

    def test_views_outlive_every_name(self):
        users, _ = adaptau.Model(self.context, self.data, dim=DIM, seed=1).embeddings()
        del self.data, self.context
        gc.collect()
        np.testing.assert_allclose(np.linalg.norm(users, axis=1), 1, atol=1e-5)

    def test_tables_of_the_host_are_trained_in_place(self):
        rng = np.random.default_rng(1)
        users, items = (rng.normal(size=(n, DIM)).astype(np.float32) for n in (USERS, ITEMS))
        before = items.copy()
        model = adaptau.Model(self.context, self.data, users, items, dim=DIM, init=3)
        train(self.context, self.data, model)
        self.assertFalse(np.array_equal(items, before))
        self.assertEqual(model.embeddings()[1].__array_interface__["data"][0], items.ctypes.data)

    def test_sorted_rows_are_borrowed(self):
        indptr, indices = np.array([0, 2, 3], np.int64), np.array([0, 3, 1], np.int32)
        data = adaptau.Dataset(self.context, indptr, indices, 4)
        self.assertEqual((data.n_users, data.n_items, data.n_pairs), (2, 4, 3))
        with self.assertRaises(ValueError):
            adaptau.Dataset(self.context, np.array([0, 4], np.int64), indices, 4)

    def test_nothing_is_converted_in_silence(self):
        ids = np.zeros(4, np.int32)
        model = adaptau.Model(self.context, self.data)
        for wrong in (ids.astype(np.int64), np.zeros(8, np.int32)[::2], [0, 1]):
            with self.assertRaises(TypeError):
                model.top_k(wrong, 2)
        with self.assertRaises(ValueError):
            adaptau.Dataset.from_pairs(self.context, 1, 1, ids, ids[:3])
        with self.assertRaises(ValueError):
            adaptau.Model(self.context, self.data, np.zeros((USERS, DIM + 1), np.float32), dim=DIM)

    def test_errors_say_what_the_library_says(self):
        model = adaptau.Model(self.context, self.data)
        with self.assertRaisesRegex(adaptau.Error, r"ids\[1\] = 30") as caught:
            model.top_k(np.array([0, USERS], np.int32), 2)
        self.assertEqual((caught.exception.name, caught.exception.status), ("E_INDEX", 4))
        with self.assertRaises(adaptau.Error) as caught:
            adaptau.Model.load(self.context, "/nonexistent/model")
        self.assertEqual(caught.exception.name, "E_IO")
        self.assertNotEqual(caught.exception.os_error, 0)


if __name__ == "__main__":
    unittest.main()
