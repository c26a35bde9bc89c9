#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An epoch through the Python host beside the same epoch through the C host.

Usage: hosts.py LIBADAPTAU BENCH_HOSTS [DATA_FOLDER...] [--json] [--epochs N] [--threads T]...
BENCH_HOSTS is tests/bench/bench_hosts.c as a library. Two models with the same seed are trained in one process, one by a loop
over the objects of examples/hosts/python, one by the same loop in C; epochs take turns, and so does who goes first. The ratio of the two times of
each epoch is taken, and the median of the ratios reported, with quartiles; also the ratio of processor times, which
neighbours on a busy machine disturb less (with more than one thread it counts waiting by spinning as well). Both models must
end with the same bits. Last comes what a step costs more in Python, where it does next to nothing. Needs NumPy.
"""
import argparse
import ctypes as c
import json
import os
import pathlib
import statistics
import sys
import time

from serve import read_pairs  # which also finds the Python host's folder


def train_in_python(host, epoch):
    """A loop over single objects, and the mean loss of its terms."""
    loss, n_terms = 0.0, 0
    host.model.update_temperature(host.temperature)
    for batch in host.sampler.epoch(epoch):
        step = host.model.gradients(batch, host.temperature)
        host.model.apply()
        loss += step.loss
        n_terms += step.n_terms
    return loss / n_terms


class Host:
    def __init__(self, adaptau, context, data, dim=0, rows_per_batch=0):
        self.model = adaptau.Model(context, data, dim=dim, seed=1)
        self.temperature = adaptau.Temperature(context, data)
        self.sampler = adaptau.Sampler(context, data, rows_per_batch=rows_per_batch, seed=1)


def time_epoch(train, host, epoch):
    wall, processor = time.perf_counter(), time.process_time()
    loss = train(host, epoch)
    return time.perf_counter() - wall, time.process_time() - processor, loss


def summarise(pairs):
    """Of pairs (Python, C): the median of the ratios, and the quartiles."""
    low, middle, high = statistics.quantiles([python / other for python, other in pairs], n=4)
    return {"median": middle, "quartiles": [low, high]}


def train_in_c(library):
    import adaptau

    def train(host, epoch):
        loss = c.c_double()
        adaptau.call(library.bench_hosts_epoch, host.model, host.temperature, host.sampler, c.c_int64(epoch), c.byref(loss))
        return loss.value
    return train


def measure_step(library, n_steps=4000):
    """Microseconds that a step costs more in Python: steps of one user and few items, where that is what they take."""
    import adaptau
    import numpy as np
    context = adaptau.Context(n_threads=1)
    users = np.arange(n_steps, dtype=np.int32)
    data = adaptau.Dataset.from_pairs(context, n_steps, 8, users, users % 8)
    host, differences = Host(adaptau, context, data, 8, 1), []
    for epoch in range(15):
        seconds = [time_epoch(train, host, epoch)[1] for train in (train_in_python, train_in_c(library))]
        differences.append(1e6 * (seconds[0] - seconds[1]) / n_steps)
    return statistics.median(differences)


def measure(library, folder, threads, n_epochs):
    import adaptau
    import numpy as np
    in_c = train_in_c(library)
    context = adaptau.Context(n_threads=threads)
    users, items = read_pairs(folder / "train.txt")
    data = adaptau.Dataset.from_pairs(context, int(users.max()) + 1, int(items.max()) + 1, users, items)
    hosts = {train: Host(adaptau, context, data) for train in (train_in_python, in_c)}
    order, walls, processors = list(hosts), [], []
    for epoch in range(n_epochs + 1):
        taken = {train: time_epoch(train, hosts[train], epoch) for train in order}
        order.reverse()
        (wall, processor, loss), (wall_c, processor_c, loss_c) = taken[train_in_python], taken[in_c]
        assert loss == loss_c, (epoch, loss, loss_c)
        if epoch > 0:  # the first one makes memory
            walls.append((wall, wall_c))
            processors.append((processor, processor_c))
    for ours, theirs in zip(*(host.model.embeddings() for host in hosts.values())):
        assert np.array_equal(ours, theirs)
    return {"data": folder.name, "threads": threads, "epochs": n_epochs, "steps": adaptau.lib.adaptau_sampler_n_batches(
                hosts[in_c].sampler), "c_seconds": statistics.median(w[1] for w in walls),
            "wall": summarise(walls), "processor": summarise(processors), "load": os.getloadavg()[0]}


def print_result(r):
    wall, processor = r["wall"], r["processor"]
    print(f"{r['data']:<14} {r['threads']:7} {r['steps']:6} {r['c_seconds']:9.3f} {wall['median']:9.4f}  "
          f"{wall['quartiles'][0]:.3f} ... {wall['quartiles'][1]:.3f} {processor['median']:10.4f}  "
          f"{processor['quartiles'][0]:.3f} ... {processor['quartiles'][1]:.3f}  {r['load']:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="hosts.py")
    parser.add_argument("library")
    parser.add_argument("bench_hosts")
    parser.add_argument("data", type=pathlib.Path, nargs="*")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, action="append")
    options = parser.parse_args()
    os.environ["ADAPTAU_LIBRARY"] = os.path.realpath(options.library)
    import adaptau  # noqa: F401  the library is loaded before the C host, which needs it
    library = c.CDLL(os.path.realpath(options.bench_hosts))
    print(f"{'data':<14} {'threads':>7} {'steps':>6} {'C, s':>9} {'Python/C':>9}  {'quartiles':<15} {'processor':>10}"
          f"  {'quartiles':<15}  load")
    results = []
    for folder in options.data:
        for threads in options.threads or (1, 2):
            results.append(measure(library, folder, threads, options.epochs))
            print_result(results[-1])
    step = measure_step(library)
    print(f"\na step costs {step:.1f} us of processor time more in Python")
    if options.json:
        print(json.dumps({"epochs": results, "python_us_per_step": step}))


if __name__ == "__main__":
    main()
