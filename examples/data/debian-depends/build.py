#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build the debian-depends data set from Debian's binary package index.

Rows ("users") are binary packages; columns ("items") are the names they
depend on.  The rules, in order:

  1. Read the binary package index of Debian 12 (bookworm), component main,
     architecture amd64.  Updates and security suites are not read.
  2. For each package, take the fields Pre-Depends, Depends and Recommends.
     A field is a comma-separated list of relations; a relation is one name
     or several alternatives separated by "|".  Version bounds, architecture
     qualifiers (":any") and restrictions ("[...]", "<...>") are removed.
  3. Each relation gives at most one pair (package, name): the first
     alternative whose name the index knows, either as a package or as a
     virtual package (a name in some package's Provides field).  A virtual
     name is kept as written, not replaced by a package that provides it.
     A relation without a known alternative gives nothing.
  4. A pair of a package with itself is dropped, and pairs are unique.  A
     package listed in several versions has the union of its relations.
  5. Keep the 5-core: drop packages with fewer than 5 items and items with
     fewer than 5 packages, and repeat until nothing changes.
  6. Sort packages and items by name (byte order); the position is the id,
     counted from 0.
  7. Split per package: order its items by SHA-256 of "seed, package, item";
     the first 20% (rounded to nearest, at least one) go to test, the others
     to train.  The draw for a package depends on nothing but the seed and
     the names in its row.
  8. Repair: an item left without a train pair gets one back, in exchange for
     another item of the same package (see split()).

The same index and seed give the same bytes.  Needs only Python 3's standard
library.  Without --index, it needs apt and a package list that
"apt-get update" has fetched.

Files written: train.txt, test.txt, users.txt, items.txt, stats.txt.
"""

import argparse
import collections
import gzip
import hashlib
import lzma
import os
import re
import subprocess
import sys

FIELDS = ("Pre-Depends", "Depends", "Recommends")
CORE = 5
TEST_PERCENT = 20
APT_HELPER = "/usr/lib/apt/apt-helper"


def find_index(codename):
    """Path of apt's stored index of main/amd64 for codename, or None."""
    fmt = "\t".join("$(%s)" % k for k in (
        "ORIGIN", "LABEL", "CODENAME", "COMPONENT", "ARCHITECTURE",
        "FILENAME"))
    try:
        out = subprocess.run(
            ["apt-get", "indextargets", "--format", fmt,
             "Created-By: Packages"],
            check=True, stdout=subprocess.PIPE).stdout.decode()
    except FileNotFoundError:
        return None
    want = ["Debian", "Debian", codename, "main", "amd64"]
    for line in out.splitlines():
        parts = line.split("\t")
        if parts[:5] == want and os.path.exists(parts[5]):
            return parts[5]
    return None


def find_release(index_path):
    """Path of the InRelease or Release file beside apt's index, or None."""
    stem = re.sub(r"_main_binary-amd64_Packages(\.\w+)?$", "", index_path)
    if stem != index_path:
        for name in ("_InRelease", "_Release"):
            if os.path.exists(stem + name):
                return stem + name
    return None


def read_index(path):
    """The index as uncompressed bytes."""
    if path.endswith(".gz"):
        with gzip.open(path) as f:
            return f.read()
    if path.endswith((".xz", ".lzma")):
        with lzma.open(path) as f:
            return f.read()
    if path.endswith((".lz4", ".zst", ".bz2")):
        return subprocess.run([APT_HELPER, "cat-file", path], check=True,
                              stdout=subprocess.PIPE).stdout
    with open(path, "rb") as f:
        return f.read()


def read_release(path, sha256):
    """Version, codename and date of a Release file that lists sha256."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if not re.search(r"^ %s +\d+ main/binary-amd64/Packages$" % sha256,
                     text, re.M):
        sys.exit("build.py: the release file does not list this index; "
                 "run apt-get update, or name the matching file")
    info = {}
    for key in ("Version", "Codename", "Date"):
        m = re.search(r"^%s: (.*)$" % key, text, re.M)
        info[key] = m.group(1).strip() if m else "unknown"
    return info


def paragraphs(text):
    """The paragraphs of a control file, each a dict of unfolded fields."""
    para, key = {}, None
    for line in text.split("\n"):
        if not line.strip():
            if para:
                yield para
            para, key = {}, None
        elif line[0] in " \t":
            if key:
                para[key] += " " + line.strip()
        else:
            key, _, value = line.partition(":")
            para[key] = value.strip()
    if para:
        yield para


def bare(relation):
    """The name in a relation such as "name:any (>= 1) [arch] <profile>"."""
    return re.split(r"[\s(\[<:]", relation.strip(), maxsplit=1)[0]


def read_pairs(text):
    """All (package, name) pairs, and the set of package names."""
    paras = list(paragraphs(text))
    packages = {p["Package"] for p in paras}
    known = set(packages)
    for p in paras:
        known.update(bare(r) for r in p.get("Provides", "").split(","))
    known.discard("")
    pairs = set()
    for p in paras:
        for field in FIELDS:
            for relation in p.get(field, "").split(","):
                for name in map(bare, relation.split("|")):
                    if name in known:
                        if name != p["Package"]:
                            pairs.add((p["Package"], name))
                        break
    return pairs, packages


def core(pairs, k):
    """The largest subset where each user and each item has k pairs."""
    while True:
        users = collections.Counter(u for u, _ in pairs)
        items = collections.Counter(i for _, i in pairs)
        kept = {(u, i) for u, i in pairs if users[u] >= k and items[i] >= k}
        if len(kept) == len(pairs):
            return kept
        pairs = kept


def split(pairs, seed):
    """Train and test rows {user: set of items}, and the repairs made.

    Repair: items without a train pair are taken in name order.  Of the
    packages that hold the item out, the one that drew it last (largest hash)
    puts it back in train, and holds out in exchange the next item of its
    order that keeps another train pair elsewhere.
    """
    def draw(user, item):
        key = "%d\0%s\0%s" % (seed, user, item)
        return hashlib.sha256(key.encode()).digest()

    order = collections.defaultdict(list)
    for u, i in pairs:
        order[u].append(i)
    train, test = {}, {}
    degree = collections.Counter()      # train pairs per item
    holders = collections.defaultdict(list)
    for u in sorted(order):
        order[u].sort(key=lambda i: draw(u, i))
        n = len(order[u])
        n_test = max(1, (n * TEST_PERCENT + 50) // 100)
        test[u] = set(order[u][:n_test])
        train[u] = set(order[u][n_test:])
        degree.update(train[u])
        for i in test[u]:
            holders[i].append(u)
    repairs = []
    for item in sorted({i for _, i in pairs}):
        if degree[item]:
            continue
        for u in sorted(holders[item], key=lambda u: draw(u, item),
                        reverse=True):
            other = next((i for i in order[u]
                          if i in train[u] and degree[i] > 1), None)
            if other is None:
                continue
            train[u].remove(other)
            test[u].add(other)
            test[u].remove(item)
            train[u].add(item)
            degree[other] -= 1
            degree[item] += 1
            repairs.append((u, item, other))
            break
    return train, test, repairs


def write_rows(path, users, rows, item_id):
    with open(path, "w", encoding="ascii", newline="\n") as f:
        for n, u in enumerate(users):
            ids = sorted(item_id[i] for i in rows[u])
            f.write(" ".join(map(str, [n] + ids)) + "\n")


def write_lines(path, lines):
    with open(path, "w", encoding="ascii", newline="\n") as f:
        f.writelines(line + "\n" for line in lines)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser(
        description="Build the debian-depends data set from Debian's binary "
                    "package index (the rules stand at the top of this "
                    "file).")
    ap.add_argument("--index", metavar="FILE",
                    help="the index, a Packages file of main/binary-amd64, "
                         "plain, .gz or .xz (with apt installed also .lz4, "
                         ".zst, .bz2); default: the one apt has stored")
    ap.add_argument("--release", metavar="FILE",
                    help="the InRelease or Release file that lists the "
                         "index; default: the one apt has stored beside it; "
                         "without one the date is recorded as unknown")
    ap.add_argument("--codename", default="bookworm",
                    help="the Debian release to look for among apt's lists "
                         "(default: %(default)s)")
    ap.add_argument("--seed", type=int, default=1, metavar="N",
                    help="seed of the train/test split "
                         "(default: %(default)s)")
    ap.add_argument("--out", default=here, metavar="DIR",
                    help="where to write (default: this script's folder)")
    args = ap.parse_args()

    index = args.index or find_index(args.codename)
    if index is None:
        sys.exit("build.py: apt has no index of main/amd64 for %s; run "
                 "apt-get update, or give --index" % args.codename)
    data = read_index(index)
    sha256 = hashlib.sha256(data).hexdigest()
    release = args.release or find_release(index)
    info = (read_release(release, sha256) if release else
            {"Version": "unknown", "Codename": "unknown", "Date": "unknown"})

    all_pairs, packages = read_pairs(data.decode("utf-8"))
    pairs = core(all_pairs, CORE)
    users = sorted({u for u, _ in pairs})
    items = sorted({i for _, i in pairs})
    item_id = {name: n for n, name in enumerate(items)}
    train, test, repairs = split(pairs, args.seed)

    os.makedirs(args.out, exist_ok=True)
    at = lambda name: os.path.join(args.out, name)
    write_rows(at("train.txt"), users, train, item_id)
    write_rows(at("test.txt"), users, test, item_id)
    write_lines(at("users.txt"), users)
    write_lines(at("items.txt"), items)

    n_train = sum(map(len, train.values()))
    n_test = sum(map(len, test.values()))
    row = sorted(len(train[u]) + len(test[u]) for u in users)
    col = sorted(collections.Counter(i for _, i in pairs).values())
    stats = [
        ("release", info["Version"]),
        ("codename", info["Codename"]),
        ("index date", info["Date"]),
        ("index sha256", sha256),
        ("seed", args.seed),
        ("packages in the index", len(packages)),
        ("pairs in the index", len(all_pairs)),
        ("users", len(users)),
        ("items", len(items)),
        ("items that are virtual names", len(set(items) - packages)),
        ("names both user and item", len(set(items) & set(users))),
        ("pairs", len(pairs)),
        ("density", "%.6f" % (len(pairs) / (len(users) * len(items)))),
        ("items per user (min, median, max)",
         "%d %d %d" % (row[0], row[len(row) // 2], row[-1])),
        ("users per item (min, median, max)",
         "%d %d %d" % (col[0], col[len(col) // 2], col[-1])),
        ("train pairs", n_train),
        ("test pairs", n_test),
        ("items repaired", len(repairs)),
    ]
    lines = ["%s: %s" % kv for kv in stats]
    lines += ["repair: %s: %s to train, %s to test" % r for r in repairs]
    write_lines(at("stats.txt"), lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
