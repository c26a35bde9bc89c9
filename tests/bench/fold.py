#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How well users are folded in: recall@20 of users who were left out of the training, folded in from their training items,
beside the recall that the same users have when they are trained; and the processor time that it takes on one core.

Usage: fold.py BUILD_FOLDER DATA_FOLDER WORK_FOLDER [--users N] [--steps K]... [--popularity X] [-- OPTION OF ADAPTAU_TRAIN...]
DATA_FOLDER has train.txt and test.txt. Two trainings without evaluation on the way; their checkpoints stay in WORK_FOLDER and
are used again. Needs NumPy.
"""
import argparse
import ctypes
import math
import os
import subprocess
import sys
import time

import numpy as np

P = ctypes.c_void_p


class FoldOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("tau_user_policy", ctypes.c_int32),
                ("n_steps", ctypes.c_int32), ("tau", ctypes.c_double), ("threshold", ctypes.c_double),
                ("divisor", ctypes.c_double), ("target_strength", ctypes.c_double), ("popularity_exponent", ctypes.c_double)]


class ContextOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("n_threads", ctypes.c_int32), ("rest", ctypes.c_char * 72)]


class Csr(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("n_users", ctypes.c_int32), ("n_items", ctypes.c_int32),
                ("reserved", ctypes.c_int32), ("indptr", P), ("indices", P)]


class Tables(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("n_users", ctypes.c_int32),
                ("n_items", ctypes.c_int32), ("dim", ctypes.c_int32), ("reserved", ctypes.c_int32), ("users", P),
                ("user_stride", ctypes.c_int64), ("items", P), ("item_stride", ctypes.c_int64), ("item_bias", P)]


class State(ctypes.Structure):
    _fields_ = ([("struct_size", ctypes.c_uint32), ("flags", ctypes.c_uint32)] +
                [(f"n{k}", ctypes.c_int64) for k in range(4)] + [("tau0", ctypes.c_double)] +
                [("numbers", ctypes.c_double * 5), ("threshold", ctypes.c_double), ("least", ctypes.c_double),
                 ("most", ctypes.c_double)])


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int32), ("os_error", ctypes.c_int32), ("message", ctypes.c_char * 248)]


def read(path):
    rows = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            user, *items = map(int, line.split())
            rows.setdefault(user, set()).update(items)
    return rows


def csr(rows, n):
    ptr = np.zeros(n + 1, np.int64)
    ptr[1:] = np.cumsum([len(rows.get(u, ())) for u in range(n)])
    items = np.array([i for u in range(n) for i in sorted(rows.get(u, ()))], np.int32)
    return ptr, items


class Library:
    def __init__(self, build):
        self.library = ctypes.CDLL(os.path.join(build, "lib", "libadaptau.so"))
        self.error = Error()

    def call(self, name, *arguments):
        if getattr(self.library, "adaptau_" + name)(*arguments, ctypes.byref(self.error)) != 0:
            sys.exit(f"fold: {name}: {self.error.message.decode()}")


def train(build, folder, checkpoint, options):
    if not os.path.exists(checkpoint):
        command = [os.path.join(build, "examples", "adaptau-train"), folder, "--quiet", "--protocol", "paper", "--eval-every",
                   "1000000", "--checkpoint", checkpoint, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def resume(library, context, rows, n, m, checkpoint):
    ptr, items = csr(rows, n)
    dataset, model, temperature = P(), P(), P()
    arrays = Csr(ctypes.sizeof(Csr), n, m, 0, ptr.ctypes.data, items.ctypes.data)
    library.call("dataset_create", context, ctypes.byref(arrays), ctypes.byref(dataset))
    library.call("model_load_checkpoint", context, dataset, checkpoint.encode(), ctypes.byref(model), ctypes.byref(temperature), None)
    tables = Tables(ctypes.sizeof(Tables))
    library.call("model_get_tables", model, ctypes.byref(tables))
    def view(at, rows_, stride):
        stride = stride or tables.dim
        return np.ctypeslib.as_array(ctypes.cast(at, ctypes.POINTER(ctypes.c_float)), (rows_, stride))[:, :tables.dim]
    users, items_ = view(tables.users, n, tables.user_stride), view(tables.items, m, tables.item_stride)
    unit = lambda x: x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    users = unit(users) if tables.flags & 1 else users
    items_ = unit(items_) if tables.flags & 2 else items_
    return dataset, model, temperature, users, items_, (ptr, items)


def recall(users, items, bias, chosen, train_rows, test_rows, k=20):
    total = count = 0
    for place, u in enumerate(chosen):
        if not test_rows.get(u):
            continue
        scores = items @ users[place] + bias
        scores[list(train_rows[u])] = -np.inf
        best = np.argpartition(-scores, k)[:k]
        total += len(test_rows[u].intersection(best.tolist())) / len(test_rows[u])
        count += 1
    return total / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("data")
    parser.add_argument("work")
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--steps", type=int, action="append")
    parser.add_argument("--popularity", type=float, help="of the catalogue and of the prior (the preset's)")
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    settings = parser.parse_args(sys.argv[1:cut])
    train_rows, test_rows = (read(os.path.join(settings.data, name + ".txt")) for name in ("train", "test"))
    n = max(train_rows) + 1
    m = max(max(items, default=0) for rows in (train_rows, test_rows) for items in rows.values()) + 1
    draw = np.random.default_rng(1)
    left_out = sorted(draw.choice(sorted(u for u in train_rows if test_rows.get(u)), settings.users, replace=False).tolist())
    kept_rows = {u: items for u, items in train_rows.items() if u not in set(left_out)}
    pairs = sum(map(len, train_rows.values()))
    sparsity = math.log(n * m / (2 * pairs))
    soft = min(2 * sparsity, 0.5 * pairs / n)
    popularity = repr(min(sparsity / 14, 1)) if settings.popularity is None else repr(settings.popularity)

    def bias(rows, temperature):
        state = State(ctypes.sizeof(State))
        library.call("temperature_get_state", temperature, ctypes.byref(state))
        counts = np.bincount([i for items in rows.values() for i in items], minlength=m)
        return state.tau0, (float(popularity) * state.tau0 * np.log1p(counts)).astype(np.float32)

    os.makedirs(os.path.join(settings.work, "without"), exist_ok=True)
    for name, rows in (("train", {u: kept_rows.get(u, set()) for u in range(n)}), ("test", test_rows)):
        with open(os.path.join(settings.work, "without", name + ".txt"), "w", encoding="utf-8") as out:
            out.writelines(f"{u} {' '.join(map(str, sorted(items)))}\n" for u, items in sorted(rows.items()))
    options = ["--soft-targets", repr(soft), "--popularity", popularity, "--popularity-prior", popularity, *sys.argv[cut + 1:]]
    paths = [os.path.join(settings.work, name + ".checkpoint") for name in ("with", "without")]
    train(settings.build, settings.data, paths[0], options)
    train(settings.build, os.path.join(settings.work, "without"), paths[1], options)

    library = Library(settings.build)
    context = P()
    library.call("context_create", ctypes.byref(ContextOptions(ctypes.sizeof(ContextOptions), 1)), ctypes.byref(context))
    _, _, temperature, users, items, _ = resume(library, context, train_rows, n, m, paths[0])
    trained = recall(users[left_out], items, bias(train_rows, temperature)[1], left_out, train_rows, test_rows)
    print(f"trained: recall@20 {trained:.4f} of {len(left_out)} users, c = {soft:.3g}, popularity {float(popularity):.3g}")
    dataset, model, temperature, users, items, _keep = resume(library, context, kept_rows, n, m, paths[1])
    tau0, prior = bias(kept_rows, temperature)
    ptr, ids = csr({place: train_rows[u] for place, u in enumerate(left_out)}, len(left_out))
    for strength in (0.0, soft):
        for steps in settings.steps or [0, 1, 2, 3, 4, 6, 8, 12, 20]:
            fold_options = FoldOptions(ctypes.sizeof(FoldOptions), 1, 0, steps, tau0, 0.0, 2.0, strength, float(popularity))
            fold = P()
            started = time.process_time()
            library.call("fold_in_create", model, dataset, ctypes.byref(fold_options), ctypes.byref(fold))
            created = time.process_time()
            out = np.zeros((len(left_out), items.shape[1]), np.float32)
            library.call("fold_in_users", fold, len(left_out), P(ptr.ctypes.data), P(ids.ctypes.data), None, P(out.ctypes.data), None)
            ended = time.process_time()
            library.library.adaptau_fold_in_destroy(fold)
            got = recall(out, items, prior, left_out, train_rows, test_rows)
            print(f"c {strength:5.3g}  steps {steps:3d}  recall@20 {got:.4f}  {100 * got / trained:6.2f} %  "
                  f"{1e3 * (ended - created) / len(left_out):.3f} ms a user, {1e3 * (created - started):.1f} ms before", flush=True)


main()
