#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reading a table of named users and items: this project's reader beside pandas and data.table.

Usage: reading.py ADAPTAU_TRAIN [--megabytes N] [--rounds N] [--json]
A file like published ratings (userId,movieId,rating,timestamp) is written: names of 14 and 10 bytes, users and items as unevenly
liked as in real data. Each reader turns its two columns of names into row numbers; readers take turns. adaptau-train is asked
for users of more interactions than there are, so that it reads all, drops all and trains nothing; what dropping takes
counts against it. pandas: read_csv of the two columns and factorize, by Debian's python3-pandas. data.table: fread of them on
one thread and match, by r-cran-data.table. Processor seconds, which neighbours on a busy machine disturb less; those of
starting Python or R are not counted. What is not installed is said and left out."""
import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

PANDAS = """
import sys, time
try:
    import pandas
except ImportError:
    sys.exit(3)
begin = time.process_time()
table = pandas.read_csv(sys.argv[1], usecols=["userId", "movieId"], dtype=str)
for column in table.columns:
    pandas.factorize(table[column])
print(time.process_time() - begin)
"""
DATA_TABLE = """
if (!suppressWarnings(suppressMessages(require("data.table", quietly = TRUE)))) quit(status = 3)
setDTthreads(1)
begin <- proc.time()
table <- fread(commandArgs(TRUE)[1], select = 1:2, colClasses = "character")
for (column in table) rows <- match(column, unique(column))
spent <- proc.time() - begin
cat(spent[["user.self"]] + spent[["sys.self"]], "\\n")
"""


def write_ratings(path, megabytes):
    draw, size = random.Random(4), 0
    with open(path, "w") as f:
        size += f.write("userId,movieId,rating,timestamp\n")
        while size < megabytes * 1e6:
            user, item = int(1e6 * draw.random() ** 2), int(2e5 * draw.random() ** 3)
            size += f.write(f"A{user * 2654435761 % 0xFFFFFFFFFFFFF:013X},B{item * 7919:09d},{1 + size % 5}.0,{1400000000 + size}\n")
    return size


def ours(train, path):
    before = os.times()
    done = subprocess.run([train, path, "--min-degree", "1000000000", "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = os.times()
    if b"no pairs to train on" not in done.stderr:
        sys.exit(done.stderr.decode())
    return after.children_user + after.children_system - before.children_user - before.children_system


def peer(command, path):
    """Its own seconds, or None where it is not installed."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command + [path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    return float(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    own = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, script = os.path.join(folder, "ratings.csv"), os.path.join(folder, "script.R")
        size = write_ratings(path, own.megabytes)
        with open(script, "w") as f:
            f.write(DATA_TABLE)
        readers = {"adaptau-train": lambda: ours(own.train, path),
                   "pandas": lambda: peer(["/usr/bin/python3", "-c", PANDAS], path),
                   "data.table": lambda: peer(["Rscript", script], path)}
        seconds = {name: [] for name in readers}
        for _ in range(own.rounds):
            for name, read in readers.items():
                seconds[name].append(read())
    result = {}
    for name, of in seconds.items():
        if None in of:
            print(f"{name}: not installed", file=sys.stderr)
            continue
        ratio = statistics.median(a / b for a, b in zip(seconds["adaptau-train"], of))
        result[name] = {"seconds": statistics.median(of), "megabytes_per_second": size / 1e6 / statistics.median(of), "ours_over_it": ratio}
    if own.json:
        print(json.dumps(result))
        return
    print(f"{size / 1e6:.0f} MB, medians of {own.rounds}")
    print(f"{'reader':16}{'processor s':>12}{'MB/s':>8}{'ours over it':>14}")
    for name, of in result.items():
        print(f"{name:16}{of['seconds']:12.2f}{of['megabytes_per_second']:8.0f}{of['ours_over_it']:14.2f}")


main()
