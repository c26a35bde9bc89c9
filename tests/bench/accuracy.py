#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recall@20 and NDCG@20 of adaptau-train with nothing but its defaults, under both protocols, beside published figures.

Usage: accuracy.py ADAPTAU_TRAIN [--oracle] [--keep FILE] [--json] [--seeds N] [--data NAME]... [-- OPTION OF ADAPTAU_TRAIN...]
Every folder of $ADAPTAU_DATA_DIR that holds train.txt and test.txt is a data set. Published figures were chosen on test:
only the protocol "paper" may be compared with them.

With --oracle the same recipe is trained at fixed temperatures from .04 to .64 by factors of sqrt 2, the best of which is chosen on
test, as no user can; the regret is what the temperature that was found without test recalls less, in per cent of the oracle's.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

# Recall@20 and NDCG@20 at d = 64, WWW 2023, Tables 1 and 2; last row: the best of any method that the authors know of.
PUBLISHED = {
    "MF, temperature searched": {
        "gowalla": (0.1761, 0.1399), "yelp2018": (0.0714, 0.0586), "amazon-book": (0.0542, 0.0422),
        "movielens-1m": (0.2789, 0.2624)},
    "MF, Adap-tau0": {
        "gowalla": (0.1754, 0.1386), "yelp2018": (0.0714, 0.0585), "amazon-book": (0.0549, 0.0427),
        "movielens-1m": (0.2792, 0.2638)},
    "MF, Adap-tau": {
        "gowalla": (0.1838, 0.1506), "yelp2018": (0.0721, 0.0594), "amazon-book": (0.0553, 0.0430),
        "movielens-1m": (0.2815, 0.2673)},
    "best of any method": {
        "gowalla": (0.1917, 0.1617), "yelp2018": (0.0744, 0.0617), "amazon-book": (0.0681, 0.0556),
        "movielens-1m": (0.2815, 0.2681)},
}
METRICS = ("recall@20", "ndcg@20")
TAUS = [0.04 * 2 ** (k / 2) for k in range(9)]  # .04 ... .64


class Kept:
    """Results of finished trainings, in a file that a run which was ended is taken up from."""

    def __init__(self, path):
        self.path, self.results = path, {}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    command, result = json.loads(line)
                    self.results[command] = result

    def add(self, command, result):
        self.results[command] = result
        if self.path:
            with open(self.path, "a", encoding="utf-8") as lines:
                lines.write(json.dumps([command, result]) + "\n")


def data_sets(wanted):
    """(name, folder) of what is there; an error for what is asked for and is not."""
    root = os.environ.get("ADAPTAU_DATA_DIR", "")
    found = {}
    if root and os.path.isdir(root):
        for name in sorted(os.listdir(root)):
            folder = os.path.join(root, name)
            if all(os.path.isfile(os.path.join(folder, f)) for f in ("train.txt", "test.txt")):
                found[name] = folder
    for name in wanted:
        if name not in found:
            sys.exit(f"accuracy: no {name} with train.txt and test.txt in ADAPTAU_DATA_DIR ({root or 'not set'})")
    return [(name, found[name]) for name in wanted or found]


def train(kept, program, folder, protocol, seed, options):
    command = [program, folder, "--json", "--quiet", "--protocol", protocol, "--seed", str(seed), *options]
    key = " ".join(command[1:])
    if key in kept.results:
        return kept.results[key]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"accuracy: {' '.join(command)} ended with {done.returncode}")
    kept.add(key, json.loads(done.stdout))
    return kept.results[key]


def search_on_test(kept, program, folder, options):
    """The run of the best fixed temperature, by recall and by NDCG."""
    runs = [train(kept, program, folder, "paper", 0, ["--temperature", "fixed", "--tau", f"{tau:.4g}", *options]) for tau in TAUS]
    return {metric: max(runs, key=lambda run, m=metric: run[m]) for metric in METRICS}


def summarise(runs):
    row = {"seeds": len(runs)}
    for key in ("train_seconds", "tune_seconds"):
        row[key] = statistics.mean(r[key] for r in runs)
    for metric in METRICS:
        values = [r[metric] for r in runs]
        row[metric] = statistics.mean(values)
        row[metric + "_sd"] = statistics.stdev(values) if len(values) > 1 else None
    for key in ("tau0", "best_epoch", "epochs", "popularity_prior", "soft_targets"):
        row[key] = statistics.mean(r[key] for r in runs)
    return row


def print_row(title, recall, ndcg, remark=""):
    print(f"  {title:<34} {recall:9.4f} {ndcg:9.4f}   {remark}".rstrip(), flush=True)


def print_data_set(name):
    print(f"\n{name:<36} {'recall@20':>9} {'NDCG@20':>9}")
    for title, figures in PUBLISHED.items():
        if name in figures:
            print_row(title + ", published", *figures[name])


def describe(row):
    spread = ""
    if row["seeds"] > 1:
        spread = f"sd {row['recall@20_sd']:.4f}, {row['ndcg@20_sd']:.4f} of {row['seeds']} seeds; "
    return f"{spread}epoch {row['best_epoch']:g}, tau0 {row['tau0']:.4f}, prior {row['popularity_prior']:g}, " \
           f"{row['tune_seconds']:.1f} s for tau0, {row['train_seconds']:.1f} s training"


def print_regrets(results):
    """Per cent of the oracle's figures, for the runs that have one."""
    rows = [r for r in results if "oracle" in r]
    if not rows:
        return
    print(f"\n{'regret against the oracle, per cent':<36} {'recall@20':>9} {'NDCG@20':>9}")
    for r in rows:
        print(f"  {r['data'] + ', protocol ' + r['protocol']:<34} {r['regret'][0]:9.2f} {r['regret'][1]:9.2f}")
    for protocol in ("paper", "valid"):
        regrets = [r["regret"] for r in rows if r["protocol"] == protocol]
        means = [statistics.mean(r[k] for r in regrets) for k in range(2)]
        print(f"  {'mean regret, protocol ' + protocol:<34} {means[0]:9.2f} {means[1]:9.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("train", help="the adaptau-train to run")
    parser.add_argument("--json", action="store_true", help="the last line is one object with everything")
    parser.add_argument("--oracle", action="store_true", help="fixed temperatures too, the best of which test chooses")
    parser.add_argument("--keep", metavar="FILE", help="keep each training's result, and take kept ones from it")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each, seeds 0 ... N - 1 (1)")
    parser.add_argument("--data", action="append", default=[], metavar="NAME", help="only this data set; repeatable (all)")
    parser.add_argument("options", nargs="*", help="after --: options for adaptau-train")
    arguments = parser.parse_args()
    sets = data_sets(arguments.data)
    if not sets:
        sys.exit("accuracy: set ADAPTAU_DATA_DIR to a folder of data sets, each with train.txt and test.txt")
    results, kept = [], Kept(arguments.keep)
    for name, folder in sets:
        print_data_set(name)
        oracle = search_on_test(kept, arguments.train, folder, arguments.options) if arguments.oracle else None
        if oracle:
            best = [oracle[m][m] for m in METRICS]
            print_row("best fixed temperature, on test", *best, "tau " + ", ".join(f"{oracle[m]['tau0']:.4f}" for m in METRICS))
        for protocol in ("paper", "valid"):
            row = summarise([train(kept, arguments.train, folder, protocol, seed, arguments.options)
                             for seed in range(arguments.seeds)])
            print_row(f"adaptau-train, protocol {protocol}", *(row[m] for m in METRICS), describe(row))
            if oracle:
                row["oracle"] = best
                row["regret"] = [100 * (1 - row[m] / b) for m, b in zip(METRICS, best)]
            results.append({"data": name, "protocol": protocol, **row})
    print_regrets(results)
    print("\nPublished figures choose the epoch on test, as protocol paper does; protocol valid never looks at test before the "
          "end.")
    if arguments.json:
        print(json.dumps({"options": arguments.options, "results": results,
                          "published": {title: {n: figures[n] for n, _ in sets if n in figures}
                                        for title, figures in PUBLISHED.items()}}))


if __name__ == "__main__":
    main()
