#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads with NumPy and json what the library writes, and lets the library read what Python writes.

usage: check_files.py PATH_OF_test_formats

Exits with 77, which meson counts as skipped, where NumPy is absent.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as reason:
    print(f"skipped: {sys.executable}: {reason}")
    sys.exit(77)


def check_written(folder):
    raw = (folder / "sample.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    assert length % 8 == 0
    header = json.loads(raw[8:8 + length].decode("utf-8"))
    data = raw[8 + length:]
    assert header.pop("__metadata__") == {
        "format": "adaptau", "empty": "", "\u03c4\n": 'tau \U0001f34e "quoted" \\ \x01'}
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32"
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    assert list(tensors) == ["user_embeddings", 'item "embeddings"\\\t\u00e9', "nothing"]
    users, items, nothing = tensors.values()
    assert np.array_equal(users, 10 * np.arange(5)[:, None] + np.arange(4)[None, :])
    assert np.array_equal(items, np.float32(-0.1) * np.arange(12, dtype="f4").reshape(3, 4))
    assert nothing.shape == (0, 4)
    assert len(data) == 4 * (users.size + items.size)

    matrix = np.load(folder / "sample.npy", allow_pickle=False)
    assert matrix.dtype == np.dtype("<f4") and matrix.flags["C_CONTIGUOUS"]
    assert np.array_equal(matrix, 0.25 * (7 * np.arange(5)[:, None] + np.arange(4)[None, :]))


def check_read(program, folder):
    random = np.random.default_rng(5)
    tensors = {"one": random.normal(size=7), "two": random.normal(size=(4, 3)), "none": np.zeros((0, 3))}
    tensors = {name: tensor.astype("<f4") for name, tensor in tensors.items()}
    header, data = {}, b""
    for name, tensor in tensors.items():
        end = len(data) + tensor.nbytes
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), end]}
        data += tensor.tobytes()
    order = ["two", "none", "one"]
    text = json.dumps({"__metadata__": {"by": "json \u00e9\U0001f34e"}, **{name: header[name] for name in order}}, indent=1)
    path = folder / "python.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode("ascii") + data)
    printed = subprocess.run([program, "--read", path], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in printed.splitlines():
        name, rank, rows, columns, *values = line.split()
        found[name] = (int(rank), int(rows), int(columns), np.array(values, "f4"))
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        rank, rows, columns, values = found[name]
        assert (rank, rows, columns) == (tensor.ndim, tensor.shape[0], tensor.shape[1] if tensor.ndim == 2 else 1)
        assert np.array_equal(values, tensor.ravel())


def main(program):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([program, "--write", folder], check=True)
        check_written(folder)
        check_read(program, folder)
    print("files agree")


if __name__ == "__main__":
    main(sys.argv[1])
