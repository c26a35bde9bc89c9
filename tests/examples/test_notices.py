#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the programs say of data and results that mean less than they seem: users and items of test that are not in train, models that
are no better than popularity, tests without pairs, lists that hold what users have, columns that are not what they should be.
Usage: test_notices.py ADAPTAU_TRAIN ADAPTAU_RECOMMEND ADAPTAU_EVALUATE"""
import csv
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile

TRAIN, RECOMMEND, EVALUATE = (os.path.abspath(path) for path in sys.argv[1:4])
QUICK = ["--epochs", "2", "--dim", "8", "--threads", "1"]
FIXED = [*QUICK, "--tau", "0.3"]
FAILURES = []


def check(what, truth):
    if not truth:
        FAILURES.append(what)


def same(what, found, wanted):
    check(f"{what}: {found!r} instead of {wanted!r}", found == wanted)


def run(*command, code=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    check(f"{command}: exit {done.returncode}, {done.stderr.decode()}", done.returncode == code)
    return done.stdout.decode(), done.stderr.decode().strip()


def train(*arguments):
    return json.loads(run(TRAIN, *arguments, "--json", "--quiet")[0])


def write(path, header, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.write(header + "\n")
        file.writelines(",".join(map(str, row)) + "\n" for row in rows)


# ---- users and items that are not in train -----------------------------------------------------------------------------

def make_rows():
    """(user, item, seconds): 60 users, who come one after the other, so that the last ones are in no train that ends before them; each
    comes back at the end."""
    r = random.Random(7)
    rows = []
    for u in range(60):
        for k, i in enumerate(r.sample(range(u // 2, u // 2 + 25), 10)):
            rows.append((f"u{u}", f"i{i}", 1500000000 + 1000 * u + 70 * k + (61000 if k == 9 else 0)))
    return rows


def cold(kept, held_out):
    return [len({row[side] for row in held_out} - {row[side] for row in kept}) for side in (0, 1)]


def counts_what_is_not_in_train(rows):
    write("all.csv", "user,item,timestamp", rows)
    in_time = sorted(rows, key=lambda row: row[2])
    latest = {row[0]: row for row in in_time}
    splits = {("--split", "time"): (in_time[:480], in_time[480:]),
              ("--split", "last-one"): ([row for row in rows if latest[row[0]] != row], list(latest.values()))}
    write("train.csv", "user,item,timestamp", in_time[:480])
    write("test.csv", "user,item,timestamp", in_time[480:])
    for options, (kept, held_out) in splits.items():
        users, items = cold(kept, held_out)
        found = train("all.csv", *options, *FIXED)["reading"]
        same(f"cold of {options}", [found["cold_test_users"], found["cold_test_items"]], [users, items])
        said = f"{users} users and {items} items of test are not in train" in run(TRAIN, "all.csv", *options, *FIXED)[0]
        same(f"cold of {options}, in print", said, users + items > 0)
    users, items = cold(*splits["--split", "time"])
    check("the data have some that are cold", users > 0 and items > 0)
    found = train("train.csv", "--test", "test.csv", *FIXED)["reading"]
    same("cold of --test", [found["cold_test_users"], found["cold_test_items"]], [users, items])
    for name in ("all.csv", "by chance"):
        rare = [*rows, *((f"u{u}", f"only {u}", 1500000000) for u in range(60))] if name == "by chance" else rows
        write("chance.csv", "user,item,timestamp", rare)
        found = train("chance.csv", *FIXED)
        text = run(TRAIN, "chance.csv", *FIXED)[0]
        same(f"cold items in print, {name}", " items of test are not in train" in text, found["reading"]["cold_test_items"] > 0)
        same(f"cold users, {name}", found["reading"]["cold_test_users"], 0)
        check(f"cold items, {name}", name == "all.csv" or found["reading"]["cold_test_items"] > 0)


# ---- beside a model -------------------------------------------------------------------------------------------------

def measure(ranked, wanted, cutoff):
    """Recall and NDCG of one list."""
    hits = [item in wanted for item in ranked[:cutoff]]
    gain = sum(1 / math.log2(r + 2) for r, hit in enumerate(hits) if hit)
    return sum(hits) / len(wanted), gain / sum(1 / math.log2(r + 2) for r in range(min(cutoff, len(wanted))))


def by_user(path):
    sides = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sides.setdefault(row["user"], []).append(row["item"])
    return sides


def mean_over(users, lists, wanted, cutoff):
    values = [measure(lists[u], set(wanted[u]), cutoff) for u in users]
    return [sum(column) / len(values) for column in zip(*values)]


def is_compared_with_the_most_popular():
    kept, held_out = by_user("train.csv"), by_user("test.csv")
    items = list(dict.fromkeys(i for side in (kept, held_out) for own in side.values() for i in own))
    counts = {i: sum(i in own for own in kept.values()) for i in items}
    first = sorted(items, key=lambda i: -counts[i])
    lists = {u: [i for i in first if i not in kept.get(u, [])] for u in held_out}
    for cutoffs, cutoff in (("10,20", 20), ("3,5", 3)):
        found = train("train.csv", "--test", "test.csv", *FIXED, "--cutoffs", cutoffs, "--save", "model")
        for name, wanted in zip(("recall", "ndcg"), mean_over(held_out, lists, held_out, cutoff)):
            check(f"popular {name}@{cutoff}: {found[f'popular_{name}@{cutoff}']}, not {wanted}",
                  abs(found[f"popular_{name}@{cutoff}"] - wanted) < 1e-6)
    warm = [u for u in held_out if u in kept]
    same("warm users", found["n_warm_test_users"], len(warm))
    listed = by_list(run(RECOMMEND, "model", "--all", "--seen", "train.csv", "--k", "3", "--output-format", "csv", "--quiet")[0])
    for name, wanted in zip(("recall", "ndcg"), mean_over(warm, listed, held_out, 3)):
        check(f"warm {name}: {found[f'warm_{name}@3']}, not {wanted}", abs(found[f"warm_{name}@3"] - wanted) < 1e-6)
    found = train("all.csv", *FIXED)
    check("warm users are told where all are", "n_warm_test_users" not in found and "popular_recall@20" in found)
    # What is popular is what these users want next, and a temperature of 1000 tells nothing: no model finds more.
    crowd = [(f"u{u}", f"i{i}") for u in range(40) for i in (2 * u + 10, 2 * u + 11, u % 3, (u + 1) % 3)]
    write("crowd.csv", "user,item", crowd)
    write("next.csv", "user,item", [(f"u{u}", f"i{(u + 2) % 3}") for u in range(40)])
    text = run(TRAIN, "crowd.csv", "--test", "next.csv", *QUICK, "--tau", "1000", "--cutoffs", "1", "--popularity", "0")[0]
    wanted = run(TRAIN, "crowd.csv", "--test", "next.csv", *QUICK, "--tau", "1000", "--cutoffs", "1", "--popularity", "0", "--json", "--quiet")[0]
    wanted = json.loads(wanted)
    line = text.strip().split("\n")[-1]
    check(f"the last line: {line}", line.startswith(f"popular    recall@1 {wanted['popular_recall@1']:.4f}, NDCG@1 "))
    same("no more is found", line.endswith(": the model finds no more than that"), wanted["recall@1"] <= wanted["popular_recall@1"])
    check("popularity wins where it should", wanted["popular_recall@1"] > 0.9 >= wanted["recall@1"])
    check("a model that finds more", "finds no more" not in run(TRAIN, "all.csv", *FIXED)[0])


def by_list(text):
    lists = {}
    for row in csv.DictReader(text.splitlines()):
        lists.setdefault(row["user"], []).append(row["item"])
    return lists


# ---- tests without pairs --------------------------------------------------------------------------------------------

def says_why_nothing_is_tested():
    two = [("a", "x", 1500000000), ("a", "y", 1500000001), ("b", "x", 1500000002), ("b", "z", 1500000003)]
    write("two.csv", "user,item", [row[:2] for row in two])
    write("two-dated.csv", "user,item,time", two)
    write("at-once.csv", "user,item,time", [(u, i, 1500000000) for u, i, _ in two])
    write("one.csv", "user,item,time", [("a", "x", 1500000000), ("b", "y", 1500000001)])
    no_more = "20 % of 2 interactions, the most that a user has, is less than one; "
    cases = [(["two.csv"], no_more + "--test-share 0.5 holds more out"),
             (["two-dated.csv"], no_more + "--split last-one holds the latest of each user out"),
             (["two.csv", "--test-share", "0"], "--test-share 0 holds nothing out"),
             (["two-dated.csv", "--split", "time", "--test-share", "0.1"],
              "10 % of 4 interactions is less than one; --split last-one holds the latest of each user out"),
             (["at-once.csv", "--split", "time"], "all interactions are of the same time; --split random holds some of each user out"),
             (["one.csv", "--split", "last-one"],
              "no user has more than one interaction, and a user's last one is never held out; --split time holds the latest of all out"),
             (["two.csv", "--test", "two.csv"], "none of the test pairs that came with the data is left")]
    for arguments, why in cases:
        wanted = "nothing is tested: " + why
        out, err = run(TRAIN, *arguments, *FIXED)
        check(f"{arguments}, in print: {out}", [line.strip() for line in out.split("\n")].count(wanted) == 1)
        check(f"{arguments}, before the training: {err}", wanted in err.split("\n"))
        check(f"{arguments}: no comparison with nothing", "popular" not in out.split("test  ")[-1])
        found = train(*arguments, *FIXED)
        same(f"{arguments}, in JSON", found["why_untested"], wanted)
    # The remedies are remedies.
    for arguments in (["two.csv", "--test-share", "0.5"], ["two-dated.csv", "--split", "last-one"], ["one.csv", "--split", "time", "--test-share", "0.5"]):
        found = train(*arguments, *FIXED)
        check(f"{arguments}: {found['n_test']} test pairs", found["n_test"] > 0 and "why_untested" not in found)


def says_that_tau_is_at_its_bound():
    check("tau0 of few data, in JSON", train("two.csv", *QUICK)["tau_at_bound"])
    line = "tau0       10 is at the bound of the search (--tau-max): too few pairs to hold any out and search by"
    check("tau0 of few data", line in run(TRAIN, "two.csv", *QUICK)[0].split("\n"))
    for bounds, at in ((["--tau-max", "0.04"], "--tau-max"), (["--tau-min", "9"], "--tau-min")):
        text = run(TRAIN, "all.csv", *QUICK, *bounds)[0]
        check(f"tau0 with {bounds}: {text}", f" is at the bound of the search ({at}): the best one may be beyond" in text)
    check("a tau0 that was given", not train("all.csv", *FIXED, "--tau-max", "0.3")["tau_at_bound"])
    check("a tau0 within", "at the bound" not in run(TRAIN, "all.csv", *QUICK, "--tau-max", "1000", "--tau-min", "0.001")[0])


def refuses_last_without_its_split():
    for command in ([TRAIN, "all.csv"], [TRAIN, "all.csv", "--split", "last-one"], [EVALUATE, "x", "--train", "all.csv", "--split", "time"]):
        _, err = run(*command, "--last", "3", code=2)
        same(f"{command[1:]}", err, f"{os.path.basename(command[0])}: --last goes with --split last-n")
    same("--last with its split", train("all.csv", "--split", "last-n", "--last", "3", *FIXED)["n_test"], 180)


# ---- lists ----------------------------------------------------------------------------------------------------------

def says_that_lists_may_hold_what_users_have():
    notice = "adaptau-recommend: no --seen DATA, so lists may hold what users have already"
    same("without --seen", run(RECOMMEND, "model", "u3")[1], notice)
    same("with --quiet", run(RECOMMEND, "model", "u3", "--quiet")[1], "")
    same("with --seen", run(RECOMMEND, "model", "u3", "--seen", "train.csv")[1], "")
    same("of similar items", run(RECOMMEND, "model", "i9", "--similar")[1], "")


def refuses_forms_that_it_does_not_know():
    forms = ".csv, .tsv, .jsonl, .ndjson, .json and .txt are, and --output-format says it"
    for path, ending in (("lists.xlsx", ".xlsx"), ("./lists.parquet", ".parquet"), ("lists.csv.gz", ".gz")):
        _, err = run(RECOMMEND, "model", "--all", "--quiet", "--output", path, code=2)
        same(path, err, f'adaptau-recommend: --output: no form is called "{ending}"; {forms}')
        check(f"{path} is there", not os.path.exists(path))
    os.makedirs("a.folder", exist_ok=True)
    for path, begin in (("lists", "u0\n"), ("./.lists", "u0\n"), ("a.folder/lists", "u0\n"), ("lists.txt", "u0\n"),
                        ("lists.csv", "user,rank,"), ("lists.ndjson", '{"user"')):
        run(RECOMMEND, "model", "--all", "--quiet", "--output", path)
        with open(path, encoding="utf-8") as file:
            check(path, file.read().startswith(begin))
    run(RECOMMEND, "model", "--all", "--quiet", "--output", "lists.xlsx", "--output-format", "csv")
    _, err = run(EVALUATE, "lists.csv", "--train", "all.csv", "--per-user", "users.xlsx", code=2)
    same("--per-user", err, 'adaptau-evaluate: --per-user: no form is called ".xlsx"; .csv and .tsv are')


def says_why_not_a_single_hit():
    run(TRAIN, "all.csv", *FIXED, "--save", "own")
    notice = ": not one test pair is in any list; "
    run(RECOMMEND, "own", "--all", "--seen", "all.csv", "--k", "10", "--output", "none.csv")
    run(RECOMMEND, "own", "--all", "--quiet", "--k", "50", "--output", "some.csv")
    cause = "lists made with --seen DATA lack all that is in DATA, so it must not hold the test pairs"
    for more in ([], ["--json"], ["--against", "some.csv"]):
        same(f"no hit, {more}", run(EVALUATE, "none.csv", "--train", "all.csv", *more)[1], "adaptau-evaluate: none.csv" + notice + cause)
    same("no hit, with --quiet", run(EVALUATE, "none.csv", "--train", "all.csv", "--quiet")[1], "")
    same("some hits", run(EVALUATE, "some.csv", "--train", "all.csv")[1], "")
    with open("some.csv", encoding="utf-8") as file, open("other.csv", "w", encoding="utf-8") as other:
        other.write(re.sub(r",i(\d)", r",film \1", file.read()))
    same("other names", run(EVALUATE, "other.csv", "--train", "all.csv")[1],
         "adaptau-evaluate: other.csv" + notice + "are items called the same in lists and data?")


# ---- columns --------------------------------------------------------------------------------------------------------

def finds_times_by_their_numbers():
    def layout(header, rows):
        write("columns.csv", header, rows)
        return train("columns.csv", *FIXED)["reading"]["layout"]

    rows = [(f"u{k % 9}", f"i{k % 7}", k % 5 + 1, 1500000000 + k) for k in range(40)]
    check("seconds", layout("user,item,r,t", rows).endswith("weight = column 3 'r' (not used), time = column 4 't' (by its numbers)"))
    check("milliseconds", layout("user,item,t", [(u, i, 1000 * t + 5) for u, i, _, t in rows]).endswith(", time = column 3 't' (by its numbers)"))
    check("a name that says it", layout("user,item,r,ts", rows).endswith(", time = column 4 'ts'"))
    for name, header, those in (("two of them", "user,item,t,v", [(u, i, t, t + 1) for u, i, _, t in rows]),
                                ("an id", "user,item,order_id", [(u, i, t) for u, i, _, t in rows]),
                                ("a weight", "user,item,score", [(u, i, t) for u, i, _, t in rows]),
                                ("too long ago", "user,item,t", [(u, i, t - 1000000000) for u, i, _, t in rows]),
                                ("one that is no time", "user,item,t", [(u, i, t if k else 7) for k, (u, i, _, t) in enumerate(rows)])):
        check(name, "time =" not in layout(header, those))
    write("columns.csv", "user,item,r,t", rows)
    same("--split time", train("columns.csv", "--split", "time", *FIXED)["n_test"], 8)


def names_the_line_without_a_weight():
    rows = [("a", "x", 5, 3), ("a", "y", 2, 4), ("b", "x", 3, 5), ("b", "z", 1, 6)]
    for bad in ("nan", "NA", "?"):
        write("odd.csv", "user,item,plays,hour", [*rows[:1], ("c", "x", bad, 1), *rows[1:]])
        _, err = run(TRAIN, "odd.csv", "--weights", "yes", *FIXED, code=1)
        same(f"--weights yes over {bad}", err, "adaptau-train: odd.csv:3: --weights, but column 3 'plays', which would be the weights, "
             "holds no number here; --weights 3 takes it and leaves such lines out")
        _, err = run(TRAIN, "odd.csv", "--min-rating", "2", *FIXED, code=1)
        same(f"--min-rating over {bad}", err,
             "adaptau-train: odd.csv:3: --min-rating, but column 3 'plays', which would be the ratings, holds no number here")
        found = train("odd.csv", "--weights", "3", *FIXED)["reading"]
        same(f"--weights 3 over {bad}", (found["left_out_without_weight"], found["kept"]), (1, 4))
    write("odd.csv", "user,item,plays,hour", [*rows[:1], ("c", "x", "", 1), *rows[1:]])
    same("an empty field", train("odd.csv", "--weights", "yes", *FIXED)["reading"]["left_out_without_weight"], 1)
    write("odd.csv", "user,item,plays", [("c", "x", ""), ("c", "y", "NA"), *(row[:3] for row in rows)])
    _, err = run(TRAIN, "odd.csv", "--weights", "yes", *FIXED, code=1)
    check(f"the line behind an empty field: {err}", err.startswith("adaptau-train: odd.csv:3: --weights, but column 3 'plays', "))
    write("odd.csv", "# of a radio\n# in May\nuser,item,plays", [row[:3] for row in rows] + [("c", "x", "nan")])
    _, err = run(TRAIN, "odd.csv", "--weights", "yes", *FIXED, code=1)
    check(f"the line below comments: {err}", err.startswith("adaptau-train: odd.csv:8: "))
    write("odd.csv", "user,item,genre", [(u, i, "rock") for u, i, _, _ in rows])
    _, err = run(TRAIN, "odd.csv", "--weights", "yes", *FIXED, code=1)
    same("words alone", err, "adaptau-train: odd.csv: --weights, but there is no column of weights; --weights NAME says which it is")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        counts_what_is_not_in_train(make_rows())
        is_compared_with_the_most_popular()
        says_why_nothing_is_tested()
        says_that_tau_is_at_its_bound()
        refuses_last_without_its_split()
        says_that_lists_may_hold_what_users_have()
        refuses_forms_that_it_does_not_know()
        says_why_not_a_single_hit()
        finds_times_by_their_numbers()
        names_the_line_without_a_weight()
        os.chdir("/")
    for failure in FAILURES:
        print(f"FAILED: {failure}")
    return bool(FAILURES)


if __name__ == "__main__":
    sys.exit(main())
