#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Interactions written in every layout - separator x header x order of columns x quoting x line ends x compression x encoding -
are read back equal. Usage: test_layouts.py DUMP_DATA

The writer here knows nothing of the reader: a name is quoted where RFC 4180 asks for it."""
import gzip
import itertools
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
import tempfile

DUMP = os.path.abspath(sys.argv[1])
SEPARATORS = ["\t", ",", ";", "|", "::", " "]
HEADERS = {
    "names": {"user": "userId", "item": "movieId", "weight": "rating", "time": "timestamp", "other": "comment"},
    "dashes": {"user": "User-ID", "item": "ISBN", "weight": "Book-Rating", "time": "date_added", "other": "note"},
    "recbole": {"user": "user_id:token", "item": "item_id:token", "weight": "rating:float", "time": "timestamp:float",
                "other": "text:token_seq"},
    None: None,
}
ORDERS = [("user", "item", "weight"), ("user", "item"), ("time", "user", "item"), ("item", "user", "weight", "time"),
          ("other", "weight", "item", "time", "user")]
QUOTINGS = ["needed", "all", "tricky"]
ENDS = ["\n", "\r\n"]
PACKINGS = ["plain", "gzip", "xz", "zstd"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"]


def make_rows(rng, tricky, separator):
    """Users and items with names, weights and times; tricky names hold separators, quotes and, in comments, line breaks."""
    rows = []
    for k in range(60):
        user, item = f"u{rng.randrange(20)}", f"i{rng.randrange(30)}"
        other = "fine"
        if tricky:
            user += rng.choice(["", f"{separator}x", ' "q"', " Zoë", "\\"])
            item += rng.choice(["", f'"{separator}"', "東", ", the"])
            other = rng.choice(["a\nb", 'say ""', f"{separator}\r\n{separator}", ""])
        rows.append({"user": user, "item": item, "weight": f"{rng.randrange(1, 10) / 2}", "time": str(978300760 + k), "other": other})
    return rows


def field(text, separator, quote_all):
    blank = separator == " "
    needs = quote_all or separator[0] in text or '"' in text or "\n" in text or "\r" in text or text == "" or text != text.strip()
    needs = needs or (blank and any(c in text for c in " \t"))
    return '"' + text.replace('"', '""') + '"' if needs else text


COMMENTS = [[], ["# SNAP writes such lines", "#"], ["% sym unweighted", "% 60 20 30", ""]]


def write(path, rows, separator, header, order, quoting, end, packing, encoding, comments=()):
    lines = list(comments)
    if header:
        lines.append(separator.join(field(HEADERS[header][c], separator, quoting == "all") for c in order))
    lines += [separator.join(field(r[c], separator, quoting != "needed") for c in order) for r in rows]
    text = end.join(lines) + end
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b"\xfe\xff" if encoding == "utf-16-be" else b""
    data = mark + text.encode(encoding)
    if packing == "gzip":
        data = gzip.compress(data[:700]) + gzip.compress(data[700:])
    elif packing == "xz":
        data = lzma.compress(data)
    elif packing == "zstd":
        data = subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as f:
        f.write(data)


def by_position(order):
    """Without a header: which columns are said."""
    return ["--columns", ",".join(f"{c}={order.index(c) + 1}" for c in ("user", "item", "weight", "time") if c in order)]


def is_built_in(packing, folder):
    path = os.path.join(folder, "probe")
    write(path, [{"user": "a", "item": "b"}], ",", None, ("user", "item"), "needed", "\n", packing, "utf-8")
    out = subprocess.run([DUMP, path], stdout=subprocess.PIPE, check=True).stdout.decode()
    if "built without" in out:
        print(f"without {packing}: this build has not got its library")
        return False
    return True


def expect(path, options, rows, order, what):
    out = subprocess.run([DUMP, path, *options], stdout=subprocess.PIPE, check=True).stdout.decode()
    lines = [json.loads(line) for line in out.splitlines()]
    wanted = [["train", r["user"], r["item"]] + ([float(r["time"])] if "time" in order else []) for r in rows]
    if lines[:-1] != wanted:
        wrong = next((a, b) for a, b in itertools.zip_longest(lines, wanted) if a != b)
        sys.exit(f"FAILED {what}: {wrong[0]} instead of {wrong[1]}; {lines[-1]}")
    if lines[-1]["lines"] != len(rows) or (lines[-1]["weights"] == "ignored") != ("weight" in order):
        sys.exit(f"FAILED {what}: {lines[-1]}")


def run(path, *options):
    return subprocess.run([DUMP, path, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()


def expect_words(path, text, words, what):
    with open(path, "w") as f:
        f.write(text)
    out = run(path)
    if words not in out:
        sys.exit(f"FAILED {what}: {words!r} is not in {out!r}")


def check_marks(path):
    """A line that begins with a mark and has the fields of the others is one of them."""
    expect_words(path, "#a,x\n#b,y\n#a,y\n", '["train", "#a", "x"]', "names that begin with a mark")
    expect_words(path, "#a,x\nb,y\nc,y\n", '["train", "#a", "x"]', "a first name that begins with a mark")
    expect_words(path, "#item\tuser\ni\tu\nj\tu\n", '["train", "u", "i"]', "a header that begins with a mark")
    expect_words(path, "# list\n0 1 2 3 4\n1 2\n", '["train", 1, 2]', "lists under a comment")
    expect_words(path, "0:3 4 5 6 8\n1: 2 7 9\n", '["train", 0, 3]\n["train", 0, 4]', "a colon behind the user")
    expect_words(path, "0:3 4 5 6 8\n1: 2 7 9\n", '["train", 1, 2]\n["train", 1, 7]', "a colon and a blank behind the user")
    expect_words(path, "0 3:4 5 6 8\n1 2\n", 'is no item id', "a colon behind an item")
    expect_words(path, "# one\n# two\nu\ti\nu\tj\tk\nv\ti\nv\tj\n", "data:4:5: 3 fields", "the line of a fault under comments")
    expect_words(path, "# list\n0 1 2 3 4\n1 x\n", "data:3:3:", "the line of a fault in lists under a comment")


def check_empty_test(path):
    """A test file without a line: there is nothing to test on, and that is no fault of a layout."""
    expect_words(path, "user,item\na,x\nb,y\n", '["train", "a", "x"]', "what is tested on nothing")
    test = path + ".test"
    for text in ("", "\n\n"):
        with open(test, "w") as f:
            f.write(text)
        out = run(path, "--test", test)
        if "error" in out or '"cold_test_users": 0' not in out:
            sys.exit(f"FAILED an empty test file: {out}")
    os.remove(test)


def check_matrices(path):
    head = "%%MatrixMarket matrix coordinate "
    body = "% by hand\n\n3 4 3\n1 4 2\n3 1 1\n1 2 5\n"
    for kind in ("real general", "integer general", "Real General"):
        expect_words(path, head + kind + "\n" + body, '["train", "1", "4"]\n["train", "3", "1"]\n["train", "1", "2"]\n', kind)
    expect_words(path, head + "pattern general\n2 3 2\n2 3\n1 1\n", '["train", "2", "3"]\n["train", "1", "1"]\n', "pattern")
    expect_words(path, head + "real general\n" + body + "2 2 1\n", "data: 4 entries, but its head says 3", "an entry too many")
    expect_words(path, head + "real general\n3 4\n1 4 2\n", "line of rows, columns and entries is missing", "a line of sizes too short")
    expect_words(path, head + "real general\n% only comments\n", "line of rows, columns and entries is missing", "no line of sizes")
    for kind in ("real symmetric", "complex general", "real"):
        expect_words(path, head + kind + "\n" + body, 'is read, and this one is \\" matrix coordinate ' + kind, kind)
    expect_words(path, "%%MatrixMarket matrix array real general\n1 1\n1\n", "is read, and this one is", "a dense matrix")


def main():
    rng = random.Random(3)
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        packings = [p for p in PACKINGS if (p != "zstd" or shutil.which("zstd")) and (p == "plain" or is_built_in(p, folder))]
        combinations = list(itertools.product(SEPARATORS, HEADERS, ORDERS, QUOTINGS))
        for k, (separator, header, order, quoting) in enumerate(combinations):
            if quoting == "tricky" and separator == "::" and header is None:
                continue
            end, packing, encoding = ENDS[k % 2], packings[k % len(packings)], ENCODINGS[k // 3 % 4]
            rows = make_rows(rng, quoting == "tricky", separator)
            path = os.path.join(folder, "data")
            write(path, rows, separator, header, order, quoting, end, packing, encoding, COMMENTS[k // 2 % 3])
            options = [] if header else by_position(order)
            expect(path, options, rows, order, (separator, header, order, quoting, end, packing, encoding))
            count += 1
        check_marks(path)
        check_matrices(path)
        check_empty_test(path)
    print(f"{count} layouts read back equal, packed by {', '.join(packings)}")


main()
