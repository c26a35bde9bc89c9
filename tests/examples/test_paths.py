#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every option of the programs that names a file, with every path that is none: a clear line, the documented exit code, no signal, no
hanging, and nothing lost. Usage: test_paths.py ADAPTAU_TRAIN ADAPTAU_RECOMMEND ADAPTAU_SHARD
ADAPTAU_EVALUATE"""
import os
import subprocess
import sys
import tempfile
import threading

TRAIN, RECOMMEND, SHARD, EVALUATE = (os.path.abspath(path) for path in sys.argv[1:5])
QUICK = ["--epochs", "1", "--dim", "4", "--threads", "1", "--quiet"]
DATA = "user,item\n" + "".join(f"u{u},i{i}\n" for u in range(6) for i in range(4))
NUMBERS = "".join(f"{u} 0 1 2 3 4\n" for u in range(9))

# What a program does with a path: reads interactions, a list or a table from it, or a model; writes a file as it goes, one
# that appears whole, or a model.
# {} is the path; good.csv, numbers, list and model are good ones.
OPTIONS = [
    ("DATA", "text", [TRAIN, "{}", *QUICK]),
    ("--train", "text", [TRAIN, "--train", "{}", *QUICK]),
    ("--test", "text", [TRAIN, "good.csv", "--test", "{}", *QUICK]),
    ("--negatives", "text", [TRAIN, "good.csv", "--negatives", "{}", *QUICK]),
    ("--history", "out", [TRAIN, "good.csv", "--history", "{}", *QUICK]),
    ("--save", "model file", [TRAIN, "good.csv", "--save", "{}", *QUICK]),
    ("--checkpoint", "model file", [TRAIN, "good.csv", "--checkpoint", "{}", *QUICK]),
    ("--report", "page file", [TRAIN, "good.csv", "--report", "{}", *QUICK]),
    ("MODEL", "model", [RECOMMEND, "{}", "u1"]),
    ("--seen", "text", [RECOMMEND, "model", "u1", "--seen", "{}"]),
    ("--users", "list", [RECOMMEND, "model", "--users", "{}"]),
    ("--allow", "items", [RECOMMEND, "model", "u1", "--allow", "{}"]),
    ("--exclude", "list", [RECOMMEND, "model", "u1", "--exclude", "{}"]),
    ("--items", "list", [RECOMMEND, "model", "u1", "--items", "{}"]),
    ("--output", "file", [RECOMMEND, "model", "u1", "--output", "{}"]),
    ("SUBJECT", "text", [EVALUATE, "{}", "--test", "good.csv"]),
    ("SUBJECT", "model", [EVALUATE, "{}", "--kind", "model", "--test", "good.csv"]),
    ("--against", "text", [EVALUATE, "model", "--against", "{}", "--test", "good.csv"]),
    ("evaluate --train", "text", [EVALUATE, "other.csv", "--train", "{}", "--test", "other.csv"]),
    ("evaluate --test", "text", [EVALUATE, "good.csv", "--test", "{}"]),
    ("--per-user", "file", [EVALUATE, "good.csv", "--test", "good.csv", "--per-user", "{}"]),
    ("TRAIN", "numbers", [SHARD, "{}", "numbers", "shards", "--users", "2", "--items", "2"]),
    ("TEST", "numbers", [SHARD, "numbers", "{}", "shards", "--users", "2", "--items", "2"]),
]

# (path, kind) -> exit code and a part of the message; None: not for this kind.
MISSING = "No such file or directory"
EXPECTED = {
    "no/such": {"text": (1, MISSING), "out": (1, MISSING), "file": (1, MISSING), "model file": (1, MISSING), "page file": (1, MISSING), "model": (1, MISSING), "list": (1, MISSING),
                "items": (1, MISSING), "numbers": (1, MISSING)},
    "folder": {"text": (1, "folder"), "out": (1, "Is a directory"), "file": (1, "Is a directory"), "model file": (1, "Is a directory"), "page file": (1, "Is a directory"), "model": (1, "Is a directory"),
               "list": (1, "Is a directory"), "items": (1, "Is a directory"), "numbers": (1, "Is a directory")},
    "empty": {"text": (None, ""), "out": (0, ""), "file": (0, ""), "model file": (0, ""), "page file": (0, ""), "model": (1, "too few for a safetensors file"), "list": (0, ""),
              "items": (1, "none of its items is in the model"), "numbers": (None, "")},
    "unreadable": {kind: (1, "Permission denied") for kind in ("text", "model", "list", "items", "numbers")},
    "binary": {"text": (1, "binary"), "model": (1, "binary"), "list": (None, ""), "items": (1, "binary"), "numbers": (1, "binary")},
    "zip": {kind: (1, "no text, but a zip archive") for kind in ("text", "list", "items", "numbers")},
    "cut.gz": {kind: (1, "the gzip data are cut off") for kind in ("text", "list", "items", "numbers")},
    "pipe": {"text": (0, ""), "list": (None, ""), "items": (0, ""), "out": (0, ""), "model": (1, "is not a regular file"),
             "file": (1, "which is no regular file"), "model file": (1, "which is no regular file"), "page file": (1, "which is no regular file")},
    "unread pipe": {"out": (1, "which is a FIFO that nobody reads"), "file": (1, "which is no regular file"),
                    "model file": (1, "which is no regular file"), "page file": (1, "which is no regular file")},
    "-": {"text": (0, ""), "list": (None, ""), "items": (0, ""), "out": (0, ""), "model file": (1, "standard output takes no model"), "page file": (1, "standard output takes no page"), "file": (0, "")},
}


def make_files():
    import gzip
    open("good.csv", "w").write(DATA)
    open("other.csv", "w").write("user,item\n" + "".join(f"u{u},i{u % 4}\nu{u},i9\n" for u in range(6)))
    open("numbers", "w").write(NUMBERS)
    os.mkdir("folder")
    open("unreadable", "w").write(DATA)
    os.chmod("unreadable", 0)
    open("binary", "wb").write(b"\0\1\2\3" * 300)
    open("zip", "wb").write(b"PK\3\4" + b"x" * 300)
    open("cut.gz", "wb").write(gzip.compress("".join(f"{k * k},{k * 7919 % 10007}\n" for k in range(3000)).encode())[:3000])
    os.mkfifo("pipe")
    os.mkfifo("unread pipe")
    subprocess.run([TRAIN, "good.csv", "--save", "model", *QUICK], stdout=subprocess.DEVNULL, check=True)


def content_for(kind):
    return {"text": DATA, "items": "i1\ni2\n", "list": "u1\n", "numbers": NUMBERS}.get(kind, "")


def serve_pipe(kind):
    """The other end of the pipe."""
    if kind == "out":
        open("pipe").read()
    else:
        with open("pipe", "w") as f:
            try:
                f.write(content_for(kind))
            except BrokenPipeError:
                pass


def run(arguments, path, kind):
    if path == "pipe" and kind not in ("model", "file", "model file", "page file"):
        threading.Thread(target=serve_pipe, args=(kind,), daemon=True).start()
    if path == "empty":
        open(path, "w").close()
    stdin = content_for(kind).encode() if path == "-" else b""
    return subprocess.run([a.replace("{}", path) for a in arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)


def check(name, kind, arguments, path, code, message):
    what = f"{name} {path}"
    try:
        done = run(arguments, path, kind)
    except subprocess.TimeoutExpired:
        return f"{what}: hangs"
    error = done.stderr.decode()
    if done.returncode < 0 or done.returncode > 2:
        return f"{what}: exit {done.returncode}"
    if code is not None and done.returncode != code:
        return f"{what}: exit {done.returncode} instead of {code}: {error}"
    if done.returncode == 1 and (message not in error or error.count("\n") != 1 or done.stdout):
        return f"{what}: says {error!r} where {message!r} should be"
    return None


def main():
    failures, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_files()
        for path, kinds in EXPECTED.items():
            for name, kind, arguments in OPTIONS:
                if kind not in kinds or (path == "unreadable" and os.access("unreadable", os.R_OK)):
                    continue
                failures += [f for f in [check(name, kind, arguments, path, *kinds[kind])] if f]
                count += 1
                if open("good.csv").read() != DATA or not os.path.isdir("folder"):
                    failures.append(f"{name} {path}: another file is lost")
        os.chmod("unreadable", 0o600)
        os.chdir("/")
    print("\n".join(failures) or f"{count} paths are answered")
    return 1 if failures else 0


sys.exit(main())
