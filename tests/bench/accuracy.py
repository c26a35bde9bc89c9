#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recall@20 and NDCG@20 of adaptau-train with nothing but its defaults, under both protocols, beside published figures.

Usage: accuracy.py ADAPTAU_TRAIN [--json] [--seeds N] [--data NAME]... [-- OPTION OF ADAPTAU_TRAIN...]
Every folder of $ADAPTAU_DATA_DIR that holds train.txt and test.txt is a data set. Published figures were chosen on test:
only the protocol "paper" may be compared with them.
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


def train(program, folder, protocol, seed, options):
    command = [program, folder, "--json", "--quiet", "--protocol", protocol, "--seed", str(seed), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"accuracy: {' '.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout)


def summarise(runs):
    row = {"seeds": len(runs), "train_seconds": statistics.mean(r["train_seconds"] for r in runs)}
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
           f"{row['train_seconds']:.0f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("train", help="the adaptau-train to run")
    parser.add_argument("--json", action="store_true", help="the last line is one object with everything")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each, seeds 0 ... N - 1 (1)")
    parser.add_argument("--data", action="append", default=[], metavar="NAME", help="only this data set; repeatable (all)")
    parser.add_argument("options", nargs="*", help="after --: options for adaptau-train")
    arguments = parser.parse_args()
    sets = data_sets(arguments.data)
    if not sets:
        sys.exit("accuracy: set ADAPTAU_DATA_DIR to a folder of data sets, each with train.txt and test.txt")
    results = []
    for name, folder in sets:
        print_data_set(name)
        for protocol in ("paper", "valid"):
            row = summarise([train(arguments.train, folder, protocol, seed, arguments.options)
                             for seed in range(arguments.seeds)])
            print_row(f"adaptau-train, protocol {protocol}", *(row[m] for m in METRICS), describe(row))
            results.append({"data": name, "protocol": protocol, **row})
    print("\nPublished figures choose the epoch on test, as protocol paper does; protocol valid never looks at test before the "
          "end.")
    if arguments.json:
        print(json.dumps({"options": arguments.options, "results": results,
                          "published": {title: {n: figures[n] for n, _ in sets if n in figures}
                                        for title, figures in PUBLISHED.items()}}))


if __name__ == "__main__":
    main()
