#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a model in half the size costs: bytes, memory, metrics and seconds of one model as it is, in F16 and in BF16, which the library
does not write.

Usage: half.py BUILD_FOLDER DATA_FOLDER MODEL [--json]
DATA_FOLDER has train.txt and test.txt; MODEL is what adaptau-train --save wrote of them. Each measurement is a process of its own. Needs
NumPy."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_lists(path):
    """users and items of lines "user item item ..."."""
    users, items = [], []
    for line in open(path, encoding="ascii"):
        user, *had = map(int, line.split())
        users += [user] * len(had)
        items += had
    return np.array(users), np.array(items)


def to_bfloat16(table):
    """Rounded to nearest, even, and widened again."""
    bits = table.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def mapped_kilobytes(path):
    """Of the file's pages that this process has, and of its own memory."""
    mine = shared = 0
    for block in pathlib.Path("/proc/self/smaps").read_text(encoding="ascii", errors="replace").split("VmFlags:"):
        kilobytes = sum(int(line.split()[1]) for line in block.splitlines() if line.startswith("Rss:"))
        if path in block:
            shared += kilobytes
        else:
            mine += kilobytes
    return shared, mine


def measure(data, path):
    import adaptau
    from adaptau import _library as low
    context = low.Context(n_threads=1)
    trained, tested = read_lists(data / "train.txt"), read_lists(data / "test.txt")
    _, before = mapped_kilobytes(path)
    model, _kept = low.Model.load_with(context, path, mapped=True)
    n_users, n_items, _dim = model.shape
    part = adaptau.Interactions.from_pairs(*trained, shape=(n_users, n_items))
    seen = low.Dataset(context, part.indptr, part.indices, n_items)
    held = adaptau.Interactions.from_pairs(*tested, shape=(n_users, n_items))
    held_out = low.Dataset(context, held.indptr, held.indices, n_items)
    evaluator = low.Evaluator(context, held_out, cutoffs=(20,), masks=(seen,))
    evaluator.run(model)
    users, seconds = np.arange(n_users, dtype=np.int32), []
    for _ in range(5):
        start = time.perf_counter()
        found, scores = model.top_k(users, 20, seen)
        seconds.append(time.perf_counter() - start)
    shared, mine = mapped_kilobytes(path)
    np.save(path + ".found.npy", found)
    np.save(path + ".scores.npy", scores)
    print(json.dumps({"bytes": os.path.getsize(path), "file_kib": shared, "more_kib": mine - before, "backend":
                      low.lib.adaptau_context_backend(context).decode(), "recall": evaluator.mean("recall"), "ndcg": evaluator.mean("ndcg"),
                      "seconds": min(seconds)}))


def main():
    build, data, given = (pathlib.Path(arg).resolve() for arg in sys.argv[1:4])
    os.environ["ADAPTAU_LIBRARY"] = str(build / "lib/libadaptau.so.1")
    sys.path.insert(0, str(ROOT / "examples/hosts/python"))
    sys.dont_write_bytecode = True
    if sys.argv[4:5] == ["--one"]:
        return measure(data, str(given))
    from adaptau import _library as low
    context = low.Context(n_threads=1)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("F32", "F16", "BF16, widened")}
        model, _kept = low.Model.load_with(context, str(given))
        model.save(paths["F32"])
        model.save(paths["F16"], half=True)
        content = bytearray(model.to_bytes())
        for table in model.embeddings():  # in their place in the file
            at = content.find(np.ascontiguousarray(table).tobytes())
            content[at:at + table.nbytes] = to_bfloat16(np.ascontiguousarray(table)).tobytes()
        pathlib.Path(paths["BF16, widened"]).write_bytes(content)
        for name, path in paths.items():
            done = subprocess.run([sys.executable, __file__, build, data, path, "--one"], stdout=subprocess.PIPE, check=True)
            rows[name] = json.loads(done.stdout)
        found, scores = (np.load(paths["F32"] + suffix) for suffix in (".found.npy", ".scores.npy"))
        for name, path in paths.items():
            other, off = np.load(path + ".found.npy"), np.load(path + ".scores.npy")
            same = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, other)]) / found.shape[1]
            rows[name].update(same=float(same), off=float(np.abs(scores - off).max()))
    if "--json" in sys.argv:
        print(json.dumps(rows))
        return 0
    print(f"{'table':14} {'MB':>6} {'mapped':>8} {'recall@20':>10} {'ndcg@20':>9} {'same of 20':>11} {'score off':>10} {'s, top 20':>10}")
    for name, row in rows.items():
        print(f"{name:14} {row['bytes'] / 1e6:6.1f} {row['file_kib'] / 1024:5.1f} MiB {row['recall']:10.5f} {row['ndcg']:9.5f} "
              f"{row['same']:10.3%} {row['off']:10.1e} {row['seconds']:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
