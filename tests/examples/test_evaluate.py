#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""adaptau-evaluate beside the same measures written down a second time, in plain Python: every metric, interval and p, groups, spread,
every layout of recommendations; and the page
of a training. Usage: test_evaluate.py ADAPTAU_EVALUATE ADAPTAU_TRAIN ADAPTAU_RECOMMEND"""
import csv
import gzip
import html.parser
import json
import math
import os
import random
import subprocess
import sys
import tempfile

EVALUATE, TRAIN, RECOMMEND = (os.path.abspath(path) for path in sys.argv[1:4])
METRICS = ["recall", "ndcg", "precision", "hit_rate", "mrr", "map"]
FAILURES = []


def check(what, truth):
    if not truth:
        FAILURES.append(what)


def close(what, a, b, tolerance=1e-9):
    same = (a is None) == (b is None) and (a is None or abs(a - b) <= tolerance * max(1, abs(a), abs(b)))
    check(f"{what}: {a} and not {b}", same)


def evaluate(*arguments, code=0, stdin=b""):
    done = subprocess.run([EVALUATE, *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    check(f"{arguments}: exit {done.returncode}, {done.stderr.decode()}", done.returncode == code)
    return done.stdout.decode(), done.stderr.decode().strip()


def measure(*arguments, **more):
    out, _ = evaluate(*arguments, "--json", **more)
    return json.loads(out) if out else None


# ---- the definitions, a second time ------------------------------------------------------------------------------------

def user_metrics(ranked, wanted, cutoff):
    hits = [item in wanted for item in ranked[:cutoff]]
    gain = sum(1 / math.log2(r + 2) for r, hit in enumerate(hits) if hit)
    ideal = sum(1 / math.log2(r + 2) for r in range(min(cutoff, len(wanted))))
    return [sum(hits) / len(wanted), gain / ideal, sum(hits) / cutoff, float(any(hits)),
            1 / (hits.index(True) + 1) if any(hits) else 0.0,
            sum(sum(hits[:r + 1]) / (r + 1) for r, hit in enumerate(hits) if hit) / min(cutoff, len(wanted))]


def draws(seed, n, resamples):
    state, mask = seed, (1 << 64) - 1
    for _ in range(resamples):
        users = []
        for _ in range(n):
            state = (state + 0x9E3779B97F4A7C15) & mask
            z = state
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
            z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
            users.append((z ^ z >> 31) >> 32)
        yield [user * n >> 32 for user in users]


def quantile(values, q):
    values, at = sorted(values), q * (len(values) - 1)
    below = math.floor(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (at - below) * (values[above] - values[below])


def intervals(values, seed, resamples, confidence):
    """Low, high and p of the mean of `values`."""
    mean = sum(values) / len(values)
    means = [sum(values[u] for u in users) / len(values) for users in draws(seed, len(values), resamples)]
    p = (1 + sum(abs(m - mean) >= abs(mean) - 1e-12 for m in means)) / (1 + resamples)
    return quantile(means, (1 - confidence) / 2), quantile(means, (1 + confidence) / 2), p


def spread(lists, cutoff, items, counts, n_users):
    times = {item: 0 for item in items}
    for ranked in lists:
        for item in ranked[:cutoff]:
            times[item] += 1
    total, ordered = sum(times.values()), sorted(times.values())
    # half the mean absolute difference over the mean
    gini = sum(abs(a - b) for a in ordered for b in ordered) / (2 * len(ordered) ** 2 * (total / len(ordered)))
    filled = [ranked[:cutoff] for ranked in lists if ranked]
    novelty = [sum(-math.log2(max(counts.get(i, 0), 1) / n_users) for i in ranked) / len(ranked) for ranked in filled]
    popularity = [sum(counts.get(i, 0) for i in ranked) / len(ranked) for ranked in filled]
    return {"coverage": sum(t > 0 for t in times.values()) / len(items), "gini": gini,
            "novelty": sum(novelty) / len(novelty), "popularity": sum(popularity) / len(popularity)}


def groups(items, counts, n_groups):
    """Lists of items, the rarest first, those of equal popularity together."""
    total, behind, group, result, last = sum(counts.values()), 0, 0, {}, None
    for item in sorted(items, key=lambda i: counts.get(i, 0)):
        if last is not None and counts.get(item, 0) != last:
            group = int(behind * n_groups / total)
        last = counts.get(item, 0)
        result.setdefault(group, []).append(item)
        behind += last
    return [result[g] for g in sorted(result)]


# ---- a world ---------------------------------------------------------------------------------------------------------

def make_world():
    rng = random.Random(5)
    items = [f"item {i}, \"{i}\"" for i in range(40)]
    train, test = {}, {}
    for u in range(70):
        own = rng.sample(range(40), 12)
        own = sorted({min(i, rng.randrange(40)) for i in own})  # lower ones are popular
        cut = max(1, len(own) - 3)
        rng.shuffle(own)
        train[f"ü{u}"] = [items[i] for i in own[:cut]]
        test[f"ü{u}"] = [items[i] for i in own[cut:]]
    test["new"] = [items[3], items[5]]
    test = {user: wanted for user, wanted in test.items() if wanted}
    for name, pairs in ("train.csv", train), ("test.csv", test):
        with open(name, "w", newline="", encoding="utf-8") as out:
            rows = csv.writer(out)
            rows.writerow(["user", "item"])
            rows.writerows([user, item] for user, own in pairs.items() for item in own)
    return items, train, test


def make_lists(items, train, test, seed, skill):
    rng, lists = random.Random(seed), {}
    for user in list(test)[3:]:
        own = [i for i in items if i not in train.get(user, [])] + ["strange"]
        lists[user] = sorted(own, key=lambda i: rng.random() - skill * (i in test[user]))[:25]
    return lists


def write_lists(lists, name, seed, rank=True, score=False, header=True, separator=","):
    rows = [[user, item] + [r + 1] * rank + [round(1 - r / 100, 3)] * score
            for user, ranked in lists.items() for r, item in enumerate(ranked)]
    if rank or score:
        random.Random(seed).shuffle(rows)
    with open(name, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, delimiter=separator)
        if header:
            writer.writerow(["user", "item"] + ["rank"] * rank + ["score"] * score)
        writer.writerows(rows)


# ---- what is checked ---------------------------------------------------------------------------------------------------

def check_lists(items, train, test):
    a, b = make_lists(items, train, test, 1, .5), make_lists(items, train, test, 2, .2)
    write_lists(a, "a.csv", 1)
    write_lists(b, "b.csv", 2, rank=False, score=True, separator="\t")
    cutoffs, seed, resamples = [3, 10], 9, 60
    d = measure("a.csv", "--train", "train.csv", "--test", "test.csv", "--against", "b.csv", "--cutoffs", "3,10", "--seed", str(seed),
                "--resamples", str(resamples), "--confidence", "0.9", "--groups", "4", "--per-user", "users.tsv")
    users = list(test)
    # Users in the order in which the data name them: those of train first.
    users = [u for u in train if u in test] + [u for u in test if u not in train]
    everything = sorted({i for own in train.values() for i in own} | {i for own in test.values() for i in own} | {"strange"} |
                        {i for lists in (a, b) for ranked in lists.values() for i in ranked})
    counts = {}
    for own in train.values():
        for item in own:
            counts[item] = counts.get(item, 0) + 1
    check(f"counts: {d['n_users']}, {d['n_items']}", (d["n_users"], d["n_items"]) == (len(users), len(everything)))
    check("users without a list", d["subject"]["without_list"] == 3 == d["against"]["without_list"])
    columns = {}
    for name, lists in ("subject", a), ("against", b):
        for cutoff in cutoffs:
            values = [user_metrics(lists.get(u, []), set(test[u]), cutoff) for u in users]
            for m, metric in enumerate(METRICS):
                key = f"{metric}@{cutoff}"
                column = columns[name, key] = [v[m] for v in values]
                low, high, _ = intervals(column, seed, resamples, .9)
                close(f"{name} {key}", d[name][key], sum(column) / len(column))
                close(f"{name} {key} low", d[name]["intervals"][key][0], low)
                close(f"{name} {key} high", d[name]["intervals"][key][1], high)
            for key, value in spread([lists.get(u, []) for u in users], cutoff, everything, counts, len(train)).items():
                close(f"{name} {key}@{cutoff}", d[name][f"{key}@{cutoff}"], value)
        made = groups(everything, counts, 4)
        check(f"{name}: {len(d[name]['groups'])} groups", len(d[name]["groups"]) == len(made))
        for group, members in zip(d[name]["groups"], made):
            members = set(members)
            check("members", group["items"] == len(members) and group["train"] == sum(counts.get(i, 0) for i in members))
            check("least and most", group["least"] == min(counts.get(i, 0) for i in members) and
                  group["most"] == max(counts.get(i, 0) for i in members))
            check("its test pairs", group["test"] == sum(i in members for u in users for i in test[u]))
            for cutoff in cutoffs:
                shown = [i for u in users for i in lists.get(u, [])[:cutoff]]
                check("its hits", group[f"hits@{cutoff}"] == sum(i in members and i in test[u] for u in users for i in lists.get(u, [])[:cutoff]))
                close("its share", group[f"share@{cutoff}"], sum(i in members for i in shown) / len(shown))
        close("groups add up", sum(g["recall@10"] for g in d[name]["groups"]), d[name]["recall@10"])
    for key in (f"{metric}@{cutoff}" for metric in METRICS for cutoff in cutoffs):
        differences = [x - y for x, y in zip(columns["subject", key], columns["against", key])]
        low, high, p = intervals(differences, seed, resamples, .9)
        found = d["difference"][key]
        close(f"difference {key}", found["mean"], sum(differences) / len(differences))
        close(f"difference {key} low", found["interval"][0], low)
        close(f"difference {key} high", found["interval"][1], high)
        close(f"difference {key} p", found["p"], p)
        check(f"better, worse {key}", (found["better"], found["worse"]) == (sum(x > 0 for x in differences), sum(x < 0 for x in differences)))
    rows = list(csv.DictReader(open("users.tsv", newline="", encoding="utf-8"), delimiter="\t"))
    check("--per-user: users", [r["user"] for r in rows] == users)
    check("--per-user: values", all(abs(float(r[f"against_{key}" if name == "against" else key]) - columns[name, key][i]) < 1e-8
                                    for i, r in enumerate(rows) for name, key in columns))
    skip = measure("a.csv", "--train", "train.csv", "--test", "test.csv", "--missing", "skip", "--cutoffs", "10")
    listed = [u for u in users if u in a]
    close("--missing skip", skip["subject"]["recall@10"], sum(user_metrics(a[u], set(test[u]), 10)[0] for u in listed) / len(listed))
    same = measure("a.csv", "--test", "test.csv", "--train", "train.csv", "--against", "a.csv")["difference"]["ndcg@10"]
    check(f"no difference: {same}", same["mean"] == 0 and same["p"] == 1 and same["better"] == same["worse"] == 0)
    blind = measure("a.csv", "--test", "test.csv", "--cutoffs", "10")
    close("without train", blind["subject"]["recall@10"], d["subject"]["recall@10"])
    check("without train", blind["subject"]["novelty@10"] is None and blind["subject"]["groups"] == [])
    return a


def check_layouts(a):
    """Every way to write the lists is the same lists."""
    options = ["--train", "train.csv", "--test", "test.csv", "--resamples", "0"]
    wanted = measure("a.csv", *options)["subject"]
    numbers = {key: value for key, value in wanted.items() if "@" in key}

    def same(name, *more, stdin=b""):
        found = measure(name, *options, *more, stdin=stdin)
        check(f"{name} {more}: {found and found['subject']['layout']}", found and all(found["subject"][k] == v for k, v in numbers.items()))

    for rank, score in (True, False), (False, True), (True, True):
        for header in (True, False) if rank + score == 1 else (True,):
            for separator in ",", "\t", ";":
                write_lists(a, "layout", 3, rank, score, header, separator)
                same("layout")
    write_lists(a, "layout", 3, rank=False)
    same("layout")
    with open("run", "w", encoding="utf-8") as out:
        out.writelines(f"{u}\tQ0\t\"{i.replace(chr(34), chr(34) * 2)}\"\t{r + 1}\t{1 - r / 50}\tmine\n" for u, ranked in a.items() for r, i in enumerate(ranked))
    same("run")
    with open("other.csv", "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["when", "what is shown", "to whom", "place"])
        rows.writerows([7, item, user, r] for user, ranked in a.items() for r, item in enumerate(ranked))
    same("other.csv", "--list-columns", "user=to whom,item=2,rank=place")
    lines = [json.dumps({"user": u, "id": 3, "items": [{"item": i, "id": 4, "score": .5, "tags": ["x", {"item": 1}]} for i in ranked]},
                        ensure_ascii=False) for u, ranked in a.items()]
    open("objects.jsonl", "w", encoding="utf-8").write("\n".join(lines))
    same("objects.jsonl")
    open("all.json", "w", encoding="utf-8").write('{"model": "m", "users": [\n' + ",".join(lines) + "]}")
    same("all.json")
    open("escaped.json", "w", encoding="utf-8").write(json.dumps([{"recommendations": ranked, "user_id": u} for u, ranked in a.items()]))
    same("escaped.json")
    gzip.open("packed", "wb").write(open("a.csv", "rb").read())
    same("packed")
    same("-", stdin=open("a.csv", "rb").read())
    same("-", stdin=open("objects.jsonl", "rb").read())
    # What lists should not hold is left out, and said.
    user = next(iter(a))
    train = {u: i for u, i in ((r["user"], r["item"]) for r in csv.DictReader(open("train.csv", newline="", encoding="utf-8")))}
    with open("spoilt.csv", "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["user", "item", "score"])
        rows.writerow([user, train[user], 99])
        rows.writerow(["nobody", a[user][0], 5])
        rows.writerows([u, i, -r] for u, ranked in a.items() for r, i in enumerate(ranked))
        rows.writerow([user, a[user][0], -999])
    same("spoilt.csv")
    spoilt = measure("spoilt.csv", *options)["subject"]
    check(f"accounts: {spoilt}", (spoilt["entries_had_before"], spoilt["entries_repeated"], spoilt["entries_of_other_users"]) == (1, 1, 1))


def check_numbers():
    """Data and lists of numbers, in the layout of LightGCN."""
    open("train.txt", "w").write("".join(f"{u} {u % 7} {(u + 1) % 7}\n" for u in range(9)))
    open("test.txt", "w").write("".join(f"{u} {(u + 2) % 7} {(u + 4) % 7} {u % 7}\n" for u in range(9)))
    open("lists.txt", "w").write("".join(f"{u} {(u + 3) % 7} {(u + 2) % 7}" + " 8" * (u % 2) + "\n" for u in range(9)))
    d = measure("lists.txt", "--train", "train.txt", "--test", "test.txt", "--format", "lightgcn", "--cutoffs", "2")
    close("lists of numbers", d["subject"]["recall@2"], .5)
    check("test pairs that train has", d["reading"]["test_also_in_train"] == 9)
    open("ranks.txt", "w").write("".join(f"{u} {(u + 3) % 7} 1\n{u} {(u + 2) % 7} 2\n" for u in range(9)))
    d = measure("ranks.txt", "--train", "train.txt", "--test", "test.txt", "--format", "lightgcn", "--cutoffs", "2")
    close("ranks between blanks", d["subject"]["mrr@2"], .5)


def check_model():
    """A model has the trainer's numbers; so have the lists that it recommends."""
    quick = ["--epochs", "5", "--dim", "8", "--temperature", "eq14", "--quiet", "--json"]
    for data in ["train.csv", "--test", "test.csv"], ["train.csv"], ["train.csv", "--split-seed", "3", "--test-share", "0.4"]:
        done = subprocess.run([TRAIN, *data, *quick, "--save", "model"], stdout=subprocess.PIPE, check=True)
        trained = json.loads(done.stdout)
        found = measure("model", "--train", *data, "--resamples", "0")["subject"]
        check("is a model", found["kind"] == "model" and found["without_list"] == 0)
        for key in (f"{m}@{c}" for m in METRICS for c in (10, 20, 50)):
            close(f"{data}: {key}", found[key], trained[key], 1e-6)
    subprocess.run([TRAIN, "train.csv", "--test", "test.csv", *quick, "--save", "model"], stdout=subprocess.DEVNULL, check=True)
    one, two = (measure("model", "--train", "train.csv", "--test", "test.csv", "--threads", n) for n in ("1", "2"))
    check("threads show", one == two)
    subprocess.run([RECOMMEND, "model", "--all", "--k", "50", "--seen", "train.csv", "--quiet", "--output", "out.jsonl"], check=True)
    d = measure("model", "--train", "train.csv", "--test", "test.csv", "--against", "out.jsonl")
    check("its own lists are others", all(value["better"] == value["worse"] == 0 for value in d["difference"].values()))


class Page(html.parser.HTMLParser):
    """Well-formed or an exception; the cells of its tables, and its text."""
    EMPTY = ("meta", "br")

    def __init__(self, text):
        super().__init__()
        self.stack, self.rows, self.text, self.hits = [], [], [], 0
        self.feed(text)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attrs):
        assert tag != "script" and not any(name in ("src", "href") for name, _ in attrs), "stands alone"
        self.rows += [[]] if tag == "tr" else []
        self.hits += tag == "li" and ("class", "hit") in attrs
        if tag not in self.EMPTY:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        self.text.append(data)
        if self.stack and self.stack[-1] in ("td", "th") and self.rows:
            self.rows[-1].append(data)


def check_page():
    """The page of a training has its numbers, what adaptau-evaluate measures by popularity, and names as they are."""
    with open("odd.csv", "w", encoding="utf-8") as out:
        out.write("user,item\n")
        for line in list(csv.reader(open("train.csv", newline="", encoding="utf-8")))[1:]:
            user, item = line[0].replace("ü", "<b>&"), line[1].split(",")[0].replace("item", "</table>")
            out.write(f"{user},{item}\n")
    data = ["odd.csv", "--split-seed", "4"]
    done = subprocess.run([TRAIN, *data, "--epochs", "6", "--dim", "8", "--quiet", "--json", "--save", "odd", "--report", "odd.html"],
                          stdout=subprocess.PIPE, check=True)
    trained = json.loads(done.stdout)
    text = open("odd.html", encoding="utf-8").read()
    page = Page(text)
    rows = {row[0]: row[1:] for row in page.rows if row}
    check("the page's recall", rows["recall"] == [f"{trained[f'recall@{c}']:.4f}" for c in (10, 20, 50)])
    groups_of_page = [row for row in page.rows if len(row) >= 4 and row[3].endswith("%")]
    groups_found = measure("odd", "--train", *data, "--resamples", "0")["subject"]["groups"]
    wanted = [[str(g["items"]), str(g["test"]), f"{100 * g['hits@20'] / g['test']:.1f} %"] for g in groups_found if g["test"]]
    check(f"the page's groups: {groups_of_page} and not {wanted}", [row[1:4] for row in groups_of_page] == wanted)
    check("names are text", "<b>&" in "".join(page.text) and "</table> " in "".join(page.text) and "<b>" not in text)
    check("curves", text.count("<svg") == 3 and text.count("<circle") == trained["tau_trials"])
    found = [int(word.split()[0]) for word in page.text if word.endswith("that had been kept back")]
    check("what users get", len(found) == 6 and sum(found) == page.hits)


def check_errors():
    def refused(code, message, *arguments):
        out, err = evaluate(*arguments, code=code)
        check(f"{arguments}: {err!r} without {message!r}", message in err and "\n" not in err and not out)

    test = ["--test", "test.csv"]
    refused(2, "no SUBJECT given", *test)
    refused(2, "no test pairs", "a.csv")
    refused(2, "standard input can be one file only", "-", "--test", "-")
    refused(2, "--split and --min-degree go with --train", "a.csv", *test, "--split", "time")
    refused(2, "is too many; --against takes the other", "a.csv", "b.csv", *test)
    open("strangers.csv", "w").write("user,item,rank\nx,y,1\n")
    refused(1, "no list for any of the 71 users", "strangers.csv", *test)
    refused(1, "users had all of its items before", "train.csv", "--train", "train.csv", *test)
    open("nothing.csv", "w").write("user,item,rank\n")
    refused(1, "no recommendations in it", "nothing.csv", *test)
    refused(1, "--list-columns: no column \"place\" among 3", "a.csv", *test, "--list-columns", "user=1,item=2,rank=place")
    refused(1, "--list-columns tells user and item", "a.csv", *test, "--list-columns", "rank=3")
    refused(1, "nothing.csv is no safetensors file", "nothing.csv", *test, "--kind", "model")
    for text, message in (('{"items": [1]}', 'a list of items without a "user"'), ('{"user": 1, "items": [{"score": 1}]}', 'without "item"'),
                          ('{"user": 1, "items": [1}', "no comma and no ] behind a value"), ('{"user": "\\ud800"}', "half a character"),
                          ('[' * 40, "too deep"), ('{"user": "a', "a string that is not closed"), ('{"user" 3}', "no colon"),
                          ('{"user": 1, "items": [[1]]}', "a list in a list"), ('{"user": "\\x"}', "a backslash before"),
                          ('{"user": 1, "items": [1],}', "no key in quotes"), ('{"a": "\\u00"}', "without four hexadecimal digits")):
        open("bad.json", "w").write(text)
        refused(1, message, "bad.json", *test)
    open("uneven.csv", "w").write("user,item,rank\nü1,a,1\nü1,b\n")
    refused(1, "uneven.csv:3:1: 2 fields, but 3", "uneven.csv", *test)
    open("word.csv", "w").write("user,item,rank\nü1,a,1\nü1,b,second\n")
    refused(1, '"second" is no rank and no score', "word.csv", *test)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        items, train, test = make_world()
        a = check_lists(items, train, test)
        check_layouts(a)
        check_numbers()
        check_model()
        check_page()
        check_errors()
        out, _ = evaluate("a.csv", "--train", "train.csv", "--test", "test.csv", "--against", "b.csv")
        check("the table", all(word in out for word in ("recall", "items by popularity", "subject less against", "means over 71 users")))
        os.chdir("/")
    print("\n".join(FAILURES[:20]) or "as written down a second time")
    return 1 if FAILURES else 0


sys.exit(main())
