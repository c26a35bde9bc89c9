#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Quality against seconds: whole trainings of libadaptau beside implicit ALS, on the same data and threads.

Usage: curves.py LIBADAPTAU DATA_FOLDER... [--threads T] [--rounds N] [--sweeps N] [--svg FILE] [--json]
DATA_FOLDER has train.txt and test.txt. Of each side one training after the other is timed, in turns, N rounds; a point's seconds
are the medians of its rounds. Seconds begin with the data in memory and leave out what looks at test:

  library     by the default recipe, with nothing given: the search of its temperature, the first tables, epochs
  library, tau given    the same without the search
  iALS        implicit ALS of tests/bench/ials.c, exact, by Cholesky, compiled for this CPU; alpha0 and lambda are those of a grid
              that are best on test, which flatters it, and finding them is not timed

Both are ranked by the library's evaluator. Needs python3-numpy and a C compiler with OpenMP.
"""
import argparse
import ctypes as c
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from pairs import read_pairs

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRID = [(alpha0, regularisation) for alpha0 in (0.003, 0.01, 0.03, 0.1) for regularisation in (0.001, 0.003, 0.01)]
DIM = 64
CUTOFF = 20
FIXED = 3  # ADAPTAU_TAU0_FIXED


class Data:
    def __init__(self, low, context, folder):
        pairs = [read_pairs(folder / f"{part}.txt") for part in ("train", "test")]
        self.name, self.folder = folder.name, folder
        self.n_users, self.n_items = (int(max(part[side].max() for part in pairs)) + 1 for side in (0, 1))
        self.train, self.test = (low.Dataset.from_pairs(context, self.n_users, self.n_items, *part) for part in pairs)
        self.evaluator = low.Evaluator(context, self.test, cutoffs=(CUTOFF,), masks=(self.train,))


def quality(data):
    return data.evaluator.mean("recall", CUTOFF), data.evaluator.mean("ndcg", CUTOFF)


# ---- the library -------------------------------------------------------------------------------------------------------

def tune(low, context, data, recipe):
    """The temperature by held-out interactions, into the recipe."""
    low.call(low.lib.adaptau_tune, context, data.train, None, c.byref(recipe), None)


def train(low, context, data, given=None):
    """[(seconds, recall, NDCG)] after each epoch, and the recipe. `given`: a recipe with its temperature."""
    start = time.perf_counter()
    recipe = low.Recipe()
    if given is None:
        tune(low, context, data, recipe)
    else:
        recipe.tau0_policy, recipe.tau, recipe.tau_user_policy = FIXED, given.tau, given.tau_user_policy
    training = low.Training(context, data.train, recipe)
    seconds, points = time.perf_counter() - start, []
    for epoch in range(training.recipe.epochs):
        start = time.perf_counter()
        for batch in training.epoch(epoch):
            training.model.gradients(batch, training.temperature)
            training.model.apply()
        seconds += time.perf_counter() - start
        data.evaluator.run(training.model)
        points.append((seconds, *quality(data)))
    return points, training.recipe


# ---- the peer ------------------------------------------------------------------------------------------------------------

def build_peer(folder):
    program = folder / "ials"
    subprocess.run([os.environ.get("CC", "cc"), "-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp",
                    str(ROOT / "tests/bench/ials.c"), "-o", str(program), "-lm"], check=True)
    return program


def evaluate_peer(low, data, out):
    import numpy as np
    users, items = (np.fromfile(f"{out}.{side}", np.float32).reshape(-1, DIM) for side in ("users", "items"))
    tables = low.Tables(n_users=data.n_users, n_items=data.n_items, dim=DIM, users=users.ctypes.data, user_stride=DIM,
                        items=items.ctypes.data, item_stride=DIM)
    low.call(low.lib.adaptau_evaluator_run, data.evaluator, c.byref(tables))
    return quality(data)


def run_peer(low, data, program, setting, sweeps, threads):
    """[(seconds, recall, NDCG)] after each sweep."""
    out = program.with_suffix(".out")
    command = [str(program), str(data.folder / "train.txt"), str(data.n_users), str(data.n_items), *map(str, setting), str(sweeps),
               "1", str(out)]
    points = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, OMP_NUM_THREADS=str(threads))) as peer:
        for _ in range(sweeps):
            seconds = float(peer.stdout.readline())
            points.append((seconds, *evaluate_peer(low, data, out)))
            peer.stdin.write("\n")
            peer.stdin.flush()
    return points


def best_setting(low, data, program, sweeps, threads):
    reached = {setting: max(point[1] for point in run_peer(low, data, program, setting, sweeps, threads)) for setting in GRID}
    return max(reached, key=reached.get)


# ---- curves ------------------------------------------------------------------------------------------------------------

def merge(rounds):
    """The same points with the medians of their seconds."""
    return [(statistics.median(each[p][0] for each in rounds), *rounds[0][p][1:]) for p in range(len(rounds[0]))]


def seconds_to(points, recall):
    """When a recall is first reached, or None."""
    return next((point[0] for point in points if point[1] >= recall), None)


def measure(low, context, data, program, options):
    setting = best_setting(low, data, program, options.sweeps, options.threads)
    rounds = {"library": [], "library, tau given": [], "iALS": []}
    for _ in range(options.rounds):
        points, recipe = train(low, context, data)
        rounds["library"].append(points)
        rounds["library, tau given"].append(train(low, context, data, recipe)[0])
        rounds["iALS"].append(run_peer(low, data, program, setting, options.sweeps, options.threads))
    return {"data": data.name, "threads": options.threads, "backend": context.backend, "tau0": recipe.tau, "alpha0": setting[0],
            "lambda": setting[1], "load": os.getloadavg()[0], "curves": {side: merge(each) for side, each in rounds.items()}}


def print_result(result):
    curves = result["curves"]
    best = max(point[1] for point in curves["iALS"])
    levels = [best * share for share in (0.95, 0.99, 1.0)] + [max(point[1] for point in curves["library"]) * share
                                                              for share in (0.95, 0.99, 1.0)]
    print(f"\n{result['data']}: {result['threads']} threads, {result['backend']}, load {result['load']:.1f}; "
          f"iALS alpha0 {result['alpha0']:g}, lambda {result['lambda']:g}; tau0 {result['tau0']:.4f}")
    print(f"{'recall@20':>10}" + "".join(f"{side:>22}" for side in curves) + "   seconds")
    for level in sorted(levels):
        reached = [seconds_to(points, level) for points in curves.values()]
        print(f"{level:10.4f}" + "".join(f"{'never':>22}" if t is None else f"{t:22.2f}" for t in reached), flush=True)


COLOURS = {"library": "#1b6ca8", "library, tau given": "#7fb2d9", "iALS": "#c0562c"}


def draw(results, path):
    """One picture: a panel for each data set."""
    width, height, left, top = 420, 300, 60, 40
    parts = []
    for number, result in enumerate(results):
        x0 = number * (width + left) + left
        points = [point for curve in result["curves"].values() for point in curve]
        longest, most = max(p[0] for p in points), max(p[1] for p in points)
        parts.append(f'<text x="{x0}" y="{top - 14}">{result["data"]}: recall@20 against seconds</text>'
                     f'<rect x="{x0}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#888"/>'
                     f'<text x="{x0 + width}" y="{top + height + 18}" text-anchor="end">{longest:.1f} s</text>'
                     f'<text x="{x0 - 6}" y="{top + 14}" text-anchor="end">{most:.3f}</text>')
        for line, (side, curve) in enumerate(result["curves"].items()):
            path_points = " ".join(f"{x0 + width * s / longest:.1f},{top + height * (1 - r / (1.05 * most)):.1f}"
                                   for s, r, _ in curve)
            parts.append(f'<polyline points="{path_points}" fill="none" stroke="{COLOURS[side]}" stroke-width="2"/>'
                         f'<text x="{x0 + width - 8}" y="{top + height - 12 - 18 * line}" text-anchor="end" '
                         f'fill="{COLOURS[side]}">{side}</text>')
    total = len(results) * (width + left) + left
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{height + 2 * top}" '
                    f'font-family="sans-serif" font-size="13">{"".join(parts)}</svg>\n', encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="curves.py")
    parser.add_argument("library")
    parser.add_argument("data", type=pathlib.Path, nargs="+")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sweeps", type=int, default=8)
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["ADAPTAU_LIBRARY"] = os.path.realpath(options.library)
    sys.path.insert(0, str(ROOT / "examples/hosts/python"))
    from adaptau import _library as low
    context = low.Context(n_threads=options.threads)
    results = []
    with tempfile.TemporaryDirectory() as name:
        program = build_peer(pathlib.Path(name))
        for folder in options.data:
            results.append(measure(low, context, Data(low, context, folder), program, options))
            print_result(results[-1])
    if options.svg:
        draw(results, options.svg)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
