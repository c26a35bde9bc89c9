#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""adaptau-train --negatives: users and items of the file mean what they mean in DATA, whatever either is laid out like; what is
left out is said; the scores of what was shown and not taken fall. Usage: test_negatives.py ADAPTAU_TRAIN"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

TRAIN = os.path.abspath(sys.argv[1])
QUICK = ["--dim", "4", "--epochs", "3", "--threads", "1", "--tau", "0.2", "--quiet"]
failures = []


def expect(what, got, want):
    if got != want:
        failures.append(f"{what}: {got}, not {want}")


def run(*arguments):
    return subprocess.run([TRAIN, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def train(data, *more):
    result = run(data, *QUICK, "--json", *more)
    if result.returncode:
        sys.exit(f"{data} {more}: {result.stderr}")
    return json.loads(result.stdout)


def refused(what, code, message, *arguments):
    result = run(*arguments)
    expect(f"{what}: exit code", result.returncode, code)
    if message not in result.stderr:
        failures.append(f"{what}: {result.stderr!r} has no {message!r}")


def write(path, lines):
    pathlib.Path(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def lists(pairs):
    rows = {}
    for user, item in pairs:
        rows.setdefault(user, []).append(item)
    return [" ".join(map(str, [user, *items])) for user, items in sorted(rows.items())]


def make_pairs(n_users, n_items, each, seed):
    rng = random.Random(seed)
    return [(u, i) for u in range(n_users) for i in sorted(rng.sample(range(n_items), each))]


def main():
    pairs, shown = make_pairs(40, 30, 6, 1), make_pairs(40, 30, 5, 2)
    common = len(set(pairs) & set(shown))
    os.makedirs("plain")
    os.makedirs("titled")
    for folder in ("plain", "titled"):
        write(f"{folder}/train.txt", lists(pairs))
        write(f"{folder}/test.txt", ["0 29"])
    write("titled/users.txt", [f"U{u}" for u in range(40)])
    write("titled/items.txt", [f"I{i}" for i in range(30)])
    table = write("data.csv", ["user,item"] + [f"U{u},I{i}" for u, i in pairs])
    numbers = write("numbers.csv", ["user,item"] + [f"{u},{i}" for u, i in pairs])
    sparse = write("sparse.txt", lists([(u * 10007, i * 10007) for u, i in pairs]))

    by_row = write("shown.txt", lists(shown))
    by_sparse = write("shown-sparse.txt", lists([(u * 10007, i * 10007) for u, i in shown]))
    by_name = write("shown.csv", ["user,item,times"] + [f"U{u},I{i},{1 + (u + i) % 3}" for u, i in shown])
    by_number = write("shown-numbers.csv", ["user,item"] + [f"{u},{i}" for u, i in shown])

    # The same negatives of the same pairs are the same training, whichever way they are written.
    losses = set()
    for data, files in (("plain", [by_row, by_number]), ("titled", [by_row, by_name])):
        for file in files:
            report = train(data, "--negatives", file)
            expect(f"{data}, {file}: kept", report["negatives"]["kept"], len(shown))
            expect(f"{data}, {file}: unknown", (report["negatives"]["unknown_users"], report["negatives"]["unknown_items"]), (0, 0))
            expect(f"{data}, {file}: in train", report["negatives"]["also_in_train"], common)
            losses.add(report["loss"])
    expect("losses of all layouts", len(losses), 1)
    without = train("plain")
    expect("no file, no account", "negatives" in without, False)
    expect("negatives change the training", without["loss"] in losses, False)

    # Files that are held out of themselves have other train pairs, but all pairs are known.
    for data, file in ((table, by_name), (numbers, by_number), (numbers, by_row), (sparse, by_sparse)):
        expect(f"{data}, {file}: kept", train(data, "--negatives", file)["negatives"]["kept"], len(shown))
    expect("names are no rows", train(table, "--negatives", by_number)["negatives"]["unknown_users"], len(shown))

    # Weights: of a column, and added up over repeated lines.
    weighed = train(table, "--negatives", by_name, "--negatives-weights", "times")
    twice = write("twice.csv", ["user,item,n"] + [f"U{u},I{i},1" for u, i in shown for _ in range(1 + (u + i) % 3)])
    repeated = train(table, "--negatives", twice, "--negatives-weights", "yes")
    expect("weights of repeated lines", repeated["loss"], weighed["loss"])
    expect("repeated lines", repeated["negatives"]["duplicates"], sum((u + i) % 3 for u, i in shown))
    expect("weights are used", (weighed["negatives"]["weights"], train(table, "--negatives", by_name)["negatives"]["weights"]),
           (True, False))

    # What is left out is said, in words, too.
    strange = write("strange.csv", ["user,item", "U0,I1", "nobody,I1", "U1,nothing", "nobody,nothing", "U0,I1"])
    account = train(table, "--negatives", strange)["negatives"]
    expect("strange lines", [account[key] for key in ("lines", "kept", "duplicates", "unknown_users", "unknown_items")],
           [5, 1, 1, 2, 1])
    told = run(table, *QUICK[:-1], "--negatives", strange)
    for text in (told.stdout, told.stderr):
        if "left out 2 of users and 1 of items that the data do not have" not in text:
            failures.append(f"nothing is said of what is left out: {text}")

    # Rows that --min-degree has left out keep their numbers as names.
    core = write("core.txt", lists(pairs + [(40, 0)]))
    expect("after --min-degree", train(core, "--min-degree", "2", "--negatives", by_row)["negatives"]["kept"], len(shown))
    refused("titles after --min-degree", 1, "row numbers of users.txt or items.txt, of which --min-degree has left out some",
            "titled", *QUICK, "--min-degree", "2", "--negatives", by_row)

    refused("drawn candidates", 2, "--negatives goes with --candidates catalogue, and with --loss softmax, slatk or bsl",
            table, "--candidates", "shared", "--negatives", by_name)
    refused("another loss", 2, "--negatives goes with", table, "--loss", "bce", "--negatives", by_name)
    refused("weights of nothing", 2, "--negatives-weights goes with --negatives", table, "--negatives-weights", "yes")
    refused("standard input twice", 2, "standard input cannot be both DATA and --negatives", "-", *QUICK, "--negatives", "-")
    refused("no such file", 1, "absent.csv", table, *QUICK, "--negatives", "absent.csv")
    for loss in ("slatk", "bsl"):
        train(table, "--loss", loss, "--negatives", by_name)

    # A checkpoint is of the negatives, too.
    train("plain", "--negatives", by_row, "--checkpoint", "stand")
    refused("resume with others", 1, "stand", "plain", *QUICK, "--negatives", write("fewer.txt", lists(shown[:50])), "--checkpoint",
            "stand", "--resume")
    for failure in failures:
        print(failure)
    return bool(failures)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        status = main()
        os.chdir("/")
    sys.exit(status)
