# SPDX-License-Identifier: MIT
"""Embedding recommenders whose temperatures set themselves (Adap-tau, WWW 2023).

    import adaptau
    model = adaptau.fit(interactions)          # a scipy.sparse matrix of users by items
    items, scores = model.recommend([0, 1, 2], k=10)

`split` holds interactions out; `fit` and `AdapTau` train, recommend, evaluate, save and load. Below them are the library's objects, for
a program that owns its loop: Context, Dataset, Recipe, Training, Model, Sampler, Temperature, Evaluator, FoldIn, and `call` with `lib`
for everything else.
"""
from ._data import Interactions
from ._estimator import AdapTau, Recommendations, fit, load
from ._library import (BY_DATA, GO_ON, METRICS, STOP, ArgumentError, Batch, Cancelled, Context, Dataset, Error, Evaluator, FileError,
                       FoldIn, Model, NoMemoryError, RangeError, Recipe, Sampler, Step, Temperature, Training, call, fit_dataset, lib)
from ._split import split

__version__ = "%d.%d.%d" % (lib.adaptau_version() // 10000, lib.adaptau_version() // 100 % 100, lib.adaptau_version() % 100)

__all__ = ["AdapTau", "ArgumentError", "BY_DATA", "Batch", "Cancelled", "Context", "Dataset", "Error", "Evaluator", "FileError", "FoldIn",
           "GO_ON", "Interactions", "METRICS", "Model", "NoMemoryError", "RangeError", "Recipe", "Recommendations", "STOP", "Sampler",
           "Step", "Temperature", "Training", "call", "fit", "fit_dataset", "lib", "load", "split"]
