#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The exact 20 best items for every user, by adaptau_model_rank and by a flat index of FAISS on the exported vectors.

Usage: serve.py LIBADAPTAU DATA_FOLDER [--json] [--epochs N] [--rounds N] [--k K] [--threads T]...
DATA_FOLDER has train.txt. A model of d = 64 is trained for some epochs, so that scores are spread as those of a model are,
and its vectors are exported by adaptau_model_export_index. Both sides then search for all users at once, in turns, in one
process for each number of threads; ratios are medians of each round's, of seconds and of processor time, which neighbours
on a busy machine disturb less. Before anything is timed both answers are compared: scores, and items but for ties. On CPUs
that screen scores in integers the library ranks a second time without them, and its own answers must be the same bits. Needs
python3-faiss, and an optimised BLAS for it.
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import peer_blas
from pairs import read_pairs

SCREENING = 1 << 4  # ADAPTAU_CPU_AVX512_VNNI
TOLERANCE = 2e-6  # of scores, sums of 64 products: both sides round, in different orders
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/hosts/python"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))


def time_call(search):
    """Seconds, seconds of all processors, and the answer."""
    wall, processor = time.perf_counter(), time.process_time()
    answer = search()
    return time.perf_counter() - wall, time.process_time() - processor, answer


def ratios(ours, theirs):
    """The median of the rounds' ratios, the least and the most."""
    each = [a / b for a, b in zip(ours, theirs)]
    return {"median": statistics.median(each), "least": min(each), "most": max(each)}


# ---- one number of threads, in a process of its own ------------------------------------------------------------------------

def measure(options, folder, threads):
    import adaptau
    import faiss
    import numpy as np
    from check_faiss import count_ties

    blas, kernels = peer_blas.refuse_weak("serve")
    users, items = (np.load(folder / f"{side}.npy") for side in ("users", "items"))
    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    context = adaptau.Context(n_threads=threads)
    model = adaptau.Model.load(context, str(folder / "model.safetensors"))
    everyone = np.arange(len(users), dtype=np.int32)
    full = adaptau.Model.load(adaptau.Context(n_threads=threads, cpu_disable=SCREENING), str(folder / "model.safetensors"))
    sides = {"adaptau": lambda: model.top_k(everyone, options.k), "full": lambda: full.top_k(everyone, options.k),
             "faiss": lambda: index.search(users, options.k)[::-1]}
    walls, processors = ({side: [] for side in sides} for _ in range(2))
    answers = {side: search() for side, search in sides.items()}
    ties = count_ties(*answers["adaptau"], *answers["faiss"], TOLERANCE)
    if any((a != b).any() for a, b in zip(answers["adaptau"], answers["full"])):
        sys.exit("serve: with and without screening the answers differ")
    for _ in range(options.rounds):
        for side, search in sides.items():
            wall, processor, _ = time_call(search)
            walls[side].append(wall)
            processors[side].append(processor)
    return {"threads": threads, "backend": context.backend, "blas": blas, "blas_kernels": kernels, "faiss": faiss.__version__,
            "users": len(users), "items": len(items), "dim": users.shape[1], "ties_decided_differently": ties,
            "adaptau_seconds": statistics.median(walls["adaptau"]), "faiss_seconds": statistics.median(walls["faiss"]),
            "wall": ratios(walls["adaptau"], walls["faiss"]),
            "processor": ratios(processors["adaptau"], processors["faiss"]),
            "of_full_processor": ratios(processors["adaptau"], processors["full"]), "load": os.getloadavg()[0]}


# ---- the model, and all of them ------------------------------------------------------------------------------------------

def train(options, folder):
    import adaptau
    context = adaptau.Context()
    users, items = read_pairs(options.data / "train.txt")
    data = adaptau.Dataset.from_pairs(context, int(users.max()) + 1, int(items.max()) + 1, users, items)
    model, temperature = adaptau.Model(context, data, seed=1), adaptau.Temperature(context, data)
    sampler = adaptau.Sampler(context, data, seed=1)
    for epoch in range(options.epochs):
        model.update_temperature(temperature)
        for batch in sampler.epoch(epoch):
            model.gradients(batch, temperature)
            model.apply()
    model.save(str(folder / "model.safetensors"))
    for number, side in enumerate(("users", "items")):
        adaptau.call(adaptau.lib.adaptau_model_export_index, model, ctypes.c_int32(number), os.fsencode(folder / f"{side}.npy"))


def print_heading(r, k):
    print(f"{r['users']} users, {r['items']} items, d = {r['dim']}, the {k} best; {r['backend']}; "
          f"FAISS {r['faiss']} on {r['blas']}, {r['blas_kernels']} kernels\n")
    print(f"{'threads':>7} {'adaptau, s':>10} {'FAISS, s':>10} {'ratio':>7}  {'of rounds':<15} {'processors':>10}"
          f" {'of full':>8} {'ties':>6}  load")


def print_result(r):
    wall = r["wall"]
    print(f"{r['threads']:7} {r['adaptau_seconds']:10.3f} {r['faiss_seconds']:10.3f} {wall['median']:7.3f}  "
          f"{wall['least']:.3f} ... {wall['most']:.3f} {r['processor']['median']:10.3f} "
          f"{r['of_full_processor']['median']:8.3f} {r['ties_decided_differently']:6}"
          f"  {r['load']:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="serve.py")
    parser.add_argument("library")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--threads", type=int, action="append")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["ADAPTAU_LIBRARY"] = os.path.realpath(options.library)
    if options.measure:
        print(json.dumps(measure(options, options.folder, options.measure)))
        return
    results = []
    with tempfile.TemporaryDirectory() as name:
        train(options, pathlib.Path(name))
        for threads in options.threads or (1, 2):
            done = subprocess.run([sys.executable, *sys.argv, "--measure", str(threads), "--folder", name],
                                  env=peer_blas.environment(threads), stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                sys.exit(f"serve: with {threads} threads: exit status {done.returncode}")
            results.append(json.loads(done.stdout))
            if len(results) == 1:
                print_heading(results[0], options.k)
            print_result(results[-1])
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
