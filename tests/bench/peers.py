#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same training step by libadaptau and by PyTorch, as the paper's released program writes it.

Usage: peers.py LIBADAPTAU [--json] [--case shared|per_row|exact] [--threads N] [--seconds S]
Gowalla's shape (29,858 users, 40,981 items, 810,128 pairs drawn by a power law), d = 64, 2,048 rows of one positive:
drawing, forward, backward, Adam. Candidates: 1,024 for all rows, 1,024 for each row, or every item. The library's
free-length model with a second moment for each entry is the same computation; before anything is timed, losses and gradients
on the same tables and candidates are compared. Slices of both sides alternate in one process, and ratios are of medians
(and of the best slices, which suffer less from a busy machine), against the fastest of PyTorch's variants: Adam or
SparseAdam, all threads or one. "As it trains" is the library's own way with the same candidates: unit rows, and a
user's positives in one row where candidates are shared; its time is that of 2,048 positives.
"""
import argparse
import ctypes as c
import json
import os
import statistics
import sys
import time

import peer_blas

USERS, ITEMS, PAIRS, DIM, ROWS, CANDIDATES, TAU = 29858, 40981, 810128, 64, 2048, 1024, 0.09
RATE = 1e-3
TOLERANCE = 1e-4
CATALOGUE, SHARED, PER_ROW = 0, 1, 4  # ADAPTAU_SAMPLER_*
BY_USERS, BY_INTERACTIONS = 1, 2      # ADAPTAU_SAMPLER_ROWS_*
HOST_TABLES, FREE_LENGTH, TAU_FIXED = 3, 4, 3
CASES = {"shared": SHARED, "per_row": PER_ROW, "exact": CATALOGUE}
TITLES = {"shared": "1,024 shared candidates", "per_row": "1,024 candidates for each row",
          "exact": "every item (40,981)"}


# ---- before PyTorch is there ---------------------------------------------------------------------------------------

def prepare_environment(threads):
    """Start again with what PyTorch's BLAS reads before it starts."""
    if os.environ.get("PEERS_PREPARED"):
        return
    os.execve(sys.executable, [sys.executable, *sys.argv], dict(peer_blas.environment(threads), PEERS_PREPARED="1"))


# ---- the library ---------------------------------------------------------------------------------------------------

class Error(c.Structure):
    _fields_ = [("status", c.c_int32), ("os_error", c.c_int32), ("message", c.c_char * 248)]


class ContextOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("n_threads", c.c_int32), ("rest", c.c_byte * 72)]


class ModelOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("encoder", c.c_int32), ("dim", c.c_int32),
                ("init", c.c_int32), ("reserved", c.c_int32), ("seed", c.c_uint64), ("host_users", c.c_void_p),
                ("host_items", c.c_void_p), ("host_user_stride", c.c_int64), ("host_item_stride", c.c_int64),
                ("learning_rate_users", c.c_double), ("learning_rate_items", c.c_double), ("beta1_users", c.c_double),
                ("beta1_items", c.c_double), ("beta2", c.c_double), ("epsilon", c.c_double), ("weight_decay", c.c_double)]


class SamplerOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("kind", c.c_int32), ("rows", c.c_int32),
                ("rows_per_batch", c.c_int32), ("reserved", c.c_int32), ("n_candidates", c.c_int64),
                ("popularity_exponent", c.c_double), ("row_weight_exponent", c.c_double), ("seed", c.c_uint64)]


class TemperatureOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("tau0_policy", c.c_int32), ("tau_user_policy", c.c_int32),
                ("warmup_updates", c.c_int32), ("tau", c.c_double), ("rest", c.c_byte * 64)]


class Batch(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("n_rows", c.c_int32), ("candidates", c.c_int32),
                ("users", c.POINTER(c.c_int32)), ("positive_ptr", c.POINTER(c.c_int64)),
                ("positives", c.POINTER(c.c_int32)), ("n_candidates", c.c_int64),
                ("candidate_ids", c.POINTER(c.c_int32)), ("rest", c.c_byte * 88)]


class Step(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("n_rows", c.c_int32), ("n_terms", c.c_double), ("loss", c.c_double)]


class GradientView(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("dim", c.c_int32), ("n_users", c.c_int64),
                ("user_ids", c.POINTER(c.c_int32)), ("users", c.POINTER(c.c_float)), ("n_items", c.c_int64),
                ("item_ids", c.POINTER(c.c_int32)), ("items", c.POINTER(c.c_float))]


def sized(struct, **members):
    return struct(struct_size=c.sizeof(struct), **members)


class Library:
    def __init__(self, path, threads):
        self.lib = c.CDLL(path)
        self.lib.adaptau_build_info.restype = self.lib.adaptau_context_backend.restype = c.c_char_p
        self.error = Error()
        self.context = self.make(self.lib.adaptau_context_create, c.byref(sized(ContextOptions, n_threads=threads)))

    def call(self, function, *arguments):
        if function(*arguments, c.byref(self.error)):
            sys.exit(f"peers: {function.__name__}: {self.error.message.decode()}")

    def make(self, function, *arguments):
        handle = c.c_void_p()
        self.call(function, *arguments, c.byref(handle))
        return handle

    def describe(self):
        return f"{self.lib.adaptau_build_info().decode()}; {self.lib.adaptau_context_backend(self.context).decode()}"


class Trainer:
    """A model of the library with a sampler; `users` and `items` are tables that it trains in place."""

    def __init__(self, library, pairs, users, items, kind, rows, rows_per_batch, flags):
        import numpy as np

        self.library, self.lib, self.epoch = library, library.lib, 0
        pointers = [np.ascontiguousarray(ids, np.int32).ctypes.data_as(c.c_void_p) for ids in pairs]
        self.tables = (users, items)  # borrowed
        self.rows_per_batch = rows_per_batch
        self.data = library.make(self.lib.adaptau_dataset_create_from_interactions, library.context, USERS, ITEMS,
                                 c.c_int64(len(pairs[0])), *pointers)
        self.model = library.make(self.lib.adaptau_model_create, library.context, self.data, c.byref(sized(
            ModelOptions, dim=DIM, flags=flags, init=HOST_TABLES, host_users=users.ctypes.data,
            host_items=items.ctypes.data, learning_rate_users=RATE, learning_rate_items=RATE, beta1_users=.9,
            epsilon=1e-8)))
        self.temperature = library.make(self.lib.adaptau_temperature_create, library.context, self.data,
                                        c.byref(sized(TemperatureOptions, tau0_policy=TAU_FIXED, tau=TAU)))
        self.sampler = library.make(self.lib.adaptau_sampler_create, library.context, self.data, c.byref(sized(
            SamplerOptions, kind=kind, rows=rows, rows_per_batch=rows_per_batch,
            n_candidates=CANDIDATES if kind != CATALOGUE else 0)))
        self.begin()

    def begin(self):
        self.library.call(self.lib.adaptau_sampler_begin_epoch, self.sampler, c.c_int64(self.epoch))
        self.epoch += 1

    def draw(self):
        batch = sized(Batch)
        while True:
            self.library.call(self.lib.adaptau_sampler_next, self.sampler, c.byref(batch))
            if batch.n_rows == self.rows_per_batch:
                return batch
            if batch.n_rows == 0:
                self.begin()

    def gradients(self, batch):
        step = sized(Step)
        self.library.call(self.lib.adaptau_model_gradients, self.model, c.byref(batch), self.temperature, c.byref(step))
        return step

    def step(self):
        """Seconds of a step, and its positives."""
        start = time.perf_counter()
        batch = self.draw()
        step = self.gradients(batch)
        self.library.call(self.lib.adaptau_model_apply, self.model)
        return time.perf_counter() - start, step.n_terms

    def close(self):
        for name in ("sampler", "temperature", "model"):
            getattr(self.lib, f"adaptau_{name}_destroy")(getattr(self, name))
        self.lib.adaptau_dataset_destroy(self.data)


# ---- PyTorch -------------------------------------------------------------------------------------------------------

def torch_loss(torch, users, items, kind, user_ids, positive_ids, candidate_ids):
    """Sum over rows of −log of the positive's share: normalise, cosine, /tau, log-softmax."""
    functional = torch.nn.functional
    queries = functional.normalize(users(user_ids), dim=-1)
    if kind == CATALOGUE:
        logits = queries @ functional.normalize(items.weight, dim=-1).T / TAU
        return functional.cross_entropy(logits, positive_ids, reduction="sum")
    positives = (queries * functional.normalize(items(positive_ids), dim=-1)).sum(-1, keepdim=True)
    candidates = functional.normalize(items(candidate_ids), dim=-1)
    if kind == SHARED:
        others = queries @ candidates.T
    else:
        others = torch.bmm(candidates, queries.unsqueeze(-1)).squeeze(-1)
    return -functional.log_softmax(torch.cat([positives, others], -1) / TAU, -1)[:, 0].sum()


class Peer:
    def __init__(self, torch, pairs, users, items, kind, sparse, threads):
        self.torch, self.kind, self.threads = torch, kind, threads
        self.pairs = [torch.from_numpy(ids.astype("int64")) for ids in pairs]
        self.users = torch.nn.Embedding.from_pretrained(torch.from_numpy(users.copy()), freeze=False, sparse=sparse)
        self.items = torch.nn.Embedding.from_pretrained(torch.from_numpy(items.copy()), freeze=False, sparse=sparse)
        optimiser = torch.optim.SparseAdam if sparse else torch.optim.Adam
        self.optimiser = optimiser([self.users.weight, self.items.weight], lr=RATE)

    def step(self):
        torch = self.torch
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        rows = torch.randint(len(self.pairs[0]), (ROWS,))
        shape = {SHARED: (CANDIDATES,), PER_ROW: (ROWS, CANDIDATES), CATALOGUE: (0,)}[self.kind]
        candidates = torch.randint(ITEMS, shape)
        loss = torch_loss(torch, self.users, self.items, self.kind, self.pairs[0][rows], self.pairs[1][rows], candidates) / ROWS
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return time.perf_counter() - start, ROWS


# ---- the same loss -------------------------------------------------------------------------------------------------

def difference(ours, theirs):
    return float(abs(ours - theirs).max() / abs(theirs).max())


def compare(torch, trainer, kind):
    """Largest relative differences of loss and gradients on the same batch."""
    import numpy as np

    batch = trainer.draw()
    loss = trainer.gradients(batch).loss
    read = lambda pointer, n: torch.from_numpy(np.ctypeslib.as_array(pointer, (n,)).astype("int64"))
    candidates = None
    if kind != CATALOGUE:
        n = CANDIDATES * (ROWS if kind == PER_ROW else 1)
        candidates = read(batch.candidate_ids, n)
        candidates = candidates.view(ROWS, CANDIDATES) if kind == PER_ROW else candidates
    users, items = (torch.nn.Embedding.from_pretrained(torch.from_numpy(t.copy()), freeze=False) for t in trainer.tables)
    theirs = torch_loss(torch, users, items, kind, read(batch.users, ROWS), read(batch.positives, ROWS), candidates)
    theirs.backward()
    view = sized(GradientView)
    trainer.library.call(trainer.lib.adaptau_model_get_gradient_view, trainer.model, c.byref(view))
    user_ids, item_ids = read(view.user_ids, view.n_users).numpy(), read(view.item_ids, view.n_items).numpy()
    ours = (np.ctypeslib.as_array(view.users, (view.n_users, DIM)), np.ctypeslib.as_array(view.items, (ITEMS, DIM))[item_ids])
    return (abs(loss - theirs.item()) / abs(theirs.item()), difference(ours[0], users.weight.grad.numpy()[user_ids]),
            difference(ours[1], items.weight.grad.numpy()[item_ids]))


# ---- timing --------------------------------------------------------------------------------------------------------

def slice_of(stepper, seconds):
    """Seconds of ROWS positives: the mean over as many steps as fit, after one that is not counted where steps are short: it
    wakes the threads."""
    spent, positives = stepper.step()
    if spent < seconds:
        spent = positives = 0
    while spent < seconds:
        taken, terms = stepper.step()
        spent, positives = spent + taken, positives + terms
    time.sleep(0.02)  # PyTorch's idle threads spin for a while
    return spent / positives * ROWS


def fast_peers(torch, pairs, users, items, kind, threads):
    """Both optimisers with all threads and with one: those within 1.5 times of the fastest, by a step, or the better of two
    where steps are short."""
    peers, times = {}, {}
    for sparse in (False, True):
        for n in sorted({1, threads}, reverse=True):
            if sparse and kind == CATALOGUE:
                continue  # every item has a gradient
            name = f"torch, {'SparseAdam' if sparse else 'Adam'}, {n} thread{'s' if n > 1 else ''}"
            peers[name] = Peer(torch, pairs, users, items, kind, sparse, n)
            first = peers[name].step()[0]
            times[name] = min(first, peers[name].step()[0]) if first < 1.0 else first
    return {name: peer for name, peer in peers.items() if times[name] <= 1.5 * min(times.values())}


def measure(torch, library, pairs, case, seconds, threads):
    import numpy as np

    kind = CASES[case]
    random = np.random.default_rng(1)
    users, items = (random.standard_normal((n, DIM), np.float32) for n in (USERS, ITEMS))
    unit = lambda table: table / np.linalg.norm(table, axis=1, keepdims=True)
    same = Trainer(library, pairs, users, items, kind, BY_INTERACTIONS, ROWS, FREE_LENGTH)
    differences = compare(torch, same, kind)
    if max(differences) > TOLERANCE:
        sys.exit(f"peers: {case}: loss, user and item gradients differ by {differences}: this is no comparison")
    own_rows = (BY_INTERACTIONS, ROWS) if kind == PER_ROW else (BY_USERS, ROWS if kind == SHARED else 512)
    own = Trainer(library, pairs, unit(users), unit(items), kind, *own_rows, 0)
    steppers = {"adaptau": same, "adaptau, as it trains": own}
    steppers.update(fast_peers(torch, pairs, users, items, kind, threads))
    for trainer in (same, own):
        trainer.step()
    times = {name: [] for name in steppers}
    start = time.perf_counter()
    while len(times["adaptau"]) < 3 or time.perf_counter() - start < seconds:
        for name, stepper in steppers.items():
            times[name].append(slice_of(stepper, 0.1))
    same.close()
    own.close()
    medians, best = ({name: 1e3 * pick(values) for name, values in times.items()} for pick in (statistics.median, min))
    result = {"ms": medians, "ms_best": best, "slices": len(times["adaptau"]),
              "differences": dict(zip(("loss", "user_gradients", "item_gradients"), differences))}
    for suffix, figures in (("", medians), ("_best", best)):
        fastest = min(value for name, value in figures.items() if name.startswith("torch"))
        result["torch_over_adaptau" + suffix] = fastest / figures["adaptau"]
        result["torch_over_adaptau_as_it_trains" + suffix] = fastest / figures["adaptau, as it trains"]
    return result


def report(result):
    print(f"{result['adaptau']}\nPyTorch {result['torch']} on {result['blas']}, {result['blas_kernels']} kernels; "
          f"{result['threads']} threads each; "
          f"load average {result['load_average']:.1f}")
    for case, row in result["cases"].items():
        print(f"\n{TITLES[case]}: a step of {ROWS} positives (of {row['slices']} slices; loss and gradients agree to "
              f"{max(row['differences'].values()):.0e})")
        print(f"  {'':<30}{'median':>12}{'best':>12}")
        for name, milliseconds in row["ms"].items():
            print(f"  {name:<30}{milliseconds:12.2f}{row['ms_best'][name]:12.2f} ms")
        for title, key in (("torch/adaptau", "torch_over_adaptau"),
                           ("torch/adaptau, as it trains", "torch_over_adaptau_as_it_trains")):
            print(f"  {title:<30}{row[key]:12.1f}{row[key + '_best']:12.1f}")


def main():
    parser = argparse.ArgumentParser(prog="peers.py", description=__doc__.splitlines()[0])
    parser.add_argument("library")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", action="append", choices=CASES, help="only this kind of candidates; may be repeated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=12.0, help="for each kind of candidates")
    options = parser.parse_args()
    if options.threads < 1:
        parser.error("--threads is at least 1")
    prepare_environment(options.threads)
    import numpy as np
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    blas, kernels = peer_blas.refuse_weak("peers")
    random = np.random.default_rng(0)
    keys = np.unique((np.arange(PAIRS, dtype=np.int64) % USERS) * ITEMS + (ITEMS * random.random(PAIRS) ** 3).astype(np.int64))
    pairs = keys // ITEMS, keys % ITEMS
    library = Library(options.library, options.threads)
    cases = {case: measure(torch, library, pairs, case, options.seconds, options.threads) for case in options.case or CASES}
    result = {"bench": "peers", "adaptau": library.describe(), "torch": torch.__version__,
              "blas": blas, "blas_kernels": kernels,
              "threads": options.threads, "load_average": os.getloadavg()[0], "cases": cases}
    if options.json:
        print(json.dumps(result))
    else:
        report(result)


if __name__ == "__main__":
    main()
