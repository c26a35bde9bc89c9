#!/bin/sh
# SPDX-License-Identifier: MIT
# adaptau-reproduce as a user meets it: all views, files, cells that are kept, signals, messages, exit codes.
# Usage: test_reproduce.sh ADAPTAU_REPRODUCE ADAPTAU_TRAIN
set -u

absolute() {
    [ -x "$1" ] || { echo "$1: no such program" >&2; exit 1; }
    printf '%s/%s\n' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"
}

reproduce=$(absolute "$1") || exit 1
train=$(absolute "$2") || exit 1
failures=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# Past what may stand before it and takes its time to choose a version.
python=$(python3 -c 'import sys; print(sys.executable)')
python3() {
    "$python" "$@"
}

fail() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n' "$*"
    [ $failures -lt 20 ] || { echo 'too many failures'; exit 1; }
}

# expect CODE COMMAND...: run it, its output goes to the files out and err.
expect() {
    wanted=$1
    shift
    "$@" >out 2>err
    code=$?
    [ "$code" -eq "$wanted" ] || fail "exit $code instead of $wanted: $* ($(head -n 1 err))"
}

# expect_line CODE LINE COMMAND...: and stderr is that one line, stdout is empty.
expect_line() {
    wanted_line=$2
    wanted=$1
    shift 2
    expect "$wanted" "$@"
    [ "$(cat err)" = "$wanted_line" ] || fail "\"$(cat err)\" instead of \"$wanted_line\": $*"
    [ ! -s out ] || fail "output beside an error: $*"
}

# check EXPRESSION: a Python expression over the files here.
check() {
    python3 -c '
import csv, glob, json, os, sys
def table(path):
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert all(len(r) == len(rows[0]) for r in rows), path
    return rows
def plot(path):
    rows = [r for r in csv.reader(open(path, encoding="utf-8"), delimiter="\t") if r]
    assert rows[0] == ["curve", "x", "y"] and len(rows) > 1, path
    return {name: [(float(x), float(y)) for c, x, y in rows[1:] if c == name] for name in {r[0] for r in rows[1:]}}
def cells(folder):
    return [json.load(open(p, encoding="utf-8")) for p in sorted(glob.glob(folder + "/cells/*.json"))]
assert eval(sys.argv[1])
' "$1" 2>python.err || fail "$1: $(tail -n 1 python.err)"
}

# ---- data: 120 users and 60 items of 4 tastes ----------------------------------------------------------------------

mkdir split other
python3 - <<'END'
import random
r = random.Random(1)
for folder in ("split", "other"):
    rows = []
    for u in range(120):
        own = r.sample(range(u % 4 * 15, u % 4 * 15 + 15), 10)
        rows.append((u, own[:8], own[8:]))
    with open(f"{folder}/train.txt", "w") as f:
        f.writelines(f"{u} {' '.join(map(str, a))}\n" for u, a, b in rows)
    with open(f"{folder}/test.txt", "w") as f:
        f.writelines(f"{u} {' '.join(map(str, b))}\n" for u, a, b in rows)
END

tiny="--quick --epochs 4 --dim 8 --threads 2"

# ---- command line --------------------------------------------------------------------------------------------------

expect 0 "$reproduce" --help
grep -q 'fig7' out || fail "--help does not list the figures"
expect 0 "$reproduce" --version
r="adaptau-reproduce:"
expect_line 2 "$r no WHAT given; see --help" "$reproduce"
expect_line 2 "$r no --data given; see --help" "$reproduce" all
expect_line 2 "$r no --out given; see --help" "$reproduce" all --data split
views="table1, table2, table4, table5, fig1, fig2, fig3, fig4, fig5, fig6, fig7, and all"
expect_line 2 "$r there is no \"table3\", but $views" "$reproduce" table3 --data split --out o
expect_line 2 "$r --seeds: \"0\" is not a whole number in 1 ... 100" "$reproduce" all --data split --out o --seeds 0
expect_line 2 "$r --protocol: \"test\" is not one of valid, paper, both" "$reproduce" all --protocol test
expect_line 2 "$r --taus: \"0.2,0.1\" is not a list such as 0.1,0.2: ascending, in 0.001 ... 100, at most 32" \
    "$reproduce" fig2 --taus 0.2,0.1
expect_line 2 "$r --data: \"\" is empty" "$reproduce" all --data ''
[ ! -e o ] || fail "a wrong command line made a folder"
expect_line 1 "$r missing: No such file or directory" "$reproduce" all --data missing --out o
expect_line 1 "$r nowhere/o: No such file or directory" "$reproduce" all --data split --out nowhere/o
expect_line 1 "$r split/train.txt: File exists" "$reproduce" all --data split --out split/train.txt

# ---- everything ----------------------------------------------------------------------------------------------------

# shellcheck disable=SC2086
expect 0 "$reproduce" all $tiny --data split --out all
check 'all(os.path.exists(f"all/{n}-your-data.tsv") for n in "table1 table2 table4 table5 fig1 fig2 fig3 fig5 fig7".split())'
check 'len(table("all/table1-your-data.tsv")) == 1 + 2 * 4'
check 'len(table("all/table2-your-data.tsv")) == 1 + 9 + 12'
check 'len(table("all/table4-your-data.tsv")) == 1 + 10 and len(table("all/table5-your-data.tsv")) == 1 + 3'
check 'table("all/table2-your-data.tsv")[0][:5] == ["backbone", "strategy", "recipe", "protocol", "recall@20"]'
check 'all(0.5 < float(r[4]) <= 1 and 0 < float(r[6]) <= 1 for r in table("all/table2-your-data.tsv")[1:])'
check 'all(r[8:12] == ["", "", "", ""] for r in table("all/table2-your-data.tsv")[1:])'
check 'all(0 < float(x) < 2 for r in table("all/table5-your-data.tsv")[1:] for x in r[1:4])'
check 'len(table("all/fig1-your-data.tsv")) == 11 and len(table("all/fig6-pairs-your-data.tsv")) == 1 + 6'
check 'abs(sum(float(r[2]) for r in table("all/fig1-your-data.tsv")[1:]) -
    float(table("all/table1-your-data.tsv")[1][3])) < 1e-3'
check 'len(plot("all/fig1-magnitude-your-data.tsv")) == 10'
check 'sorted(plot("all/fig2-grid-your-data.tsv")) == ["LightGCN", "MF"]'
check 'len(plot("all/fig3-your-data.tsv")) == 6 and all(len(c) == 4 for c in plot("all/fig3-your-data.tsv").values())'
check 'all(sum(y for x, y in c) == 120 for c in plot("all/fig4-eq16-your-data.tsv").values())'
check 'len(plot("all/fig7-your-data.tsv")) == 3'
check 'all(max(y for x, y in c) == 1 for c in plot("all/fig7-your-data.tsv").values())'
check 'all(c["identity"] and c["command"].startswith("adaptau-train split ") for c in cells("all"))'
check 'len({c["identity"] for c in cells("all")}) == len(cells("all"))'
check 'os.path.getsize("all/report.html") > 10000'
check 'not [n for n in os.listdir("all") + os.listdir("all/cells")
    if n.split(".")[-1] not in ("tsv", "gp", "svg", "html", "json", "cells", "views")]'
grep -q '<script' all/report.html && fail "the report has a script"
grep -q 'with SimGCL' out || fail "fig5 lacks contrastive baselines"
python3 - <<'END' || fail "the report is no well-formed page"
import html.parser, re
text = open("all/report.html", encoding="utf-8").read()
class Page(html.parser.HTMLParser):
    stack = []
    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "rect", "path", "use", "circle", "polygon", "stop"):
            self.stack.append(tag)
    def handle_endtag(self, tag):
        if tag in ("rect", "path", "use", "circle", "polygon", "stop"):
            return
        assert self.stack.pop() == tag, (tag, self.getpos())
    def handle_startendtag(self, tag, attrs):
        pass
page = Page()
page.feed(text)
assert page.stack == [], page.stack
assert len(re.findall("<table>", text)) >= 10 and not re.search(r'src="http|href="http', text)
END
if command -v gnuplot >/dev/null 2>&1; then
    [ "$(grep -c '^<svg' all/report.html)" -ge 10 ] || fail "pictures are missing in the report"
fi

# What adaptau-train finds by the command of a cell.
python3 - "$train" <<'END' || fail "adaptau-train finds other numbers than a cell"
import glob, json, shlex, subprocess, sys
checked = 0
for path in sorted(glob.glob("all/cells/*.json")):
    cell = json.load(open(path))
    if "noise none" not in cell["identity"] or "ranked raw" in cell["identity"]:
        continue
    words = shlex.split(cell["command"])
    done = subprocess.run([sys.argv[1], *words[1:], "--json", "--quiet"], stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    for ours, theirs in (("test_recall", "recall@20"), ("test_ndcg", "ndcg@20"), ("best_epoch", "best_epoch"),
                         ("final_tau0", "tau0")):
        assert abs(cell[ours][-1] - found[theirs]) < 1e-6, (path, ours, cell[ours], found[theirs])
    checked += 1
assert checked > 20, checked
END

# ---- cells are kept ------------------------------------------------------------------------------------------------

cp out first
touch -d '2001-01-01' all/cells/*.json
# shellcheck disable=SC2086
expect 0 "$reproduce" all $tiny --data split --out all
[ -z "$(find all/cells -newer first)" ] || fail "a second run trained again"
cmp -s out first || fail "a second run prints something else"

# A report is its folder's: what another command has shown stays, and every cell is listed; no folder of this machine is in it.
# shellcheck disable=SC2086
expect 0 "$reproduce" table1 $tiny --backbone mf --data "$PWD/split/" --out two
first=$(ls two/cells | wc -l)
# shellcheck disable=SC2086
expect 0 "$reproduce" fig2 $tiny --backbone mf --data "$PWD/split" --out "$PWD/two"
[ "$(ls two/cells | wc -l)" -gt "$first" ] || fail "the second command trained nothing of its own"
for word in 'table1: which side' 'fig2: recall over' 'your data (split)'; do
    grep -q "$word" two/report.html || fail "a report of two commands is without $word"
done
[ "$(grep -c '\.json</td>' two/report.html)" -eq "$(ls two/cells | wc -l)" ] || fail "the report does not list all cells"
grep -q "$PWD" two/report.html && fail "the report has a folder of this machine"

# Another cell's file, and broken ones, are trained again.
for file in all/cells/*.json; do
    printf '{"identity": "another", "test_recall": [1]}\n' >"$file"
    break
done
file=$(find all/cells -name '*.json' | sort | tail -n 1)
head -c 100 "$file" >cut && cp cut "$file"
expect 0 "$reproduce" all $tiny --data split --out all
[ "$(grep -c 'is not used' err)" -eq 2 ] || fail "nothing is said of two files that are no cells"
[ "$(find all/cells -newer first | wc -l)" -ge 2 ] || fail "two files that are no cells were not replaced"

# Killed at any moment, the same command goes on, and ends with the same numbers.
numbers() {
    for name in table1 table5 fig1 fig2 fig3 fig4-eq16 fig6-users fig6-pairs fig7; do
        cat "$1/$name-your-data.tsv"
    done
}
tries=0
while [ $tries -lt 200 ]; do
    # shellcheck disable=SC2086
    "$reproduce" all $tiny --data split --out killed >/dev/null 2>err &
    pid=$!
    sleep "0.$((tries % 5 + 1))"
    kill -KILL $pid 2>/dev/null && wait $pid 2>/dev/null
    tries=$((tries + 1))
    [ -e killed/report.html ] && break
done
# shellcheck disable=SC2086
expect 0 "$reproduce" all $tiny --data split --out killed
numbers all >numbers-all
numbers killed >numbers-killed
cmp -s numbers-all numbers-killed || fail "other numbers after $tries kills"

# shellcheck disable=SC2086
expect 0 "$reproduce" table1 --quick --epochs 4 --dim 8 --threads 1 --data split --out one
cmp -s all/table1-your-data.tsv one/table1-your-data.tsv || fail "one thread, other numbers"

# ---- protocols, seeds, several data sets -----------------------------------------------------------------------------

expect 0 "$reproduce" fig2 $tiny --backbone mf --taus 0.1,0.25 --data split --out grid
check 'sorted(float(r[1]) for r in table("grid/fig2-grid-your-data.tsv")[1:] if r[1]) == [0.1, 0.25]'
expect 0 "$reproduce" table2 --quick --protocol both --seeds 2 --epochs 2 --dim 8 --data split --data other --out both
check 'len(table("both/table2-your-data.tsv")) == len(table("both/table2-your-data-2.tsv")) == 1 + 2 * 21'
check 'all(float(r[5]) >= 0 for r in table("both/table2-your-data.tsv")[1:])'
check '{r[3] for r in table("both/table2-your-data.tsv")[1:]} == {"paper", "valid"}'
expect 0 "$reproduce" table1 table4 fig2 --quick --backbone mf --epochs 2 --dim 8 --data split --out both
check 'len(table("both/table1-your-data.tsv")) == 1 + 4 and len(table("both/table4-your-data.tsv")) == 1 + 7'
check 'list(plot("both/fig2-grid-your-data.tsv")) == ["MF"]'
expect 0 "$reproduce" fig2 fig3 --quick --protocol valid --epochs 2 --dim 8 --data split --out valid
check 'all("protocol valid" in c["identity"] for c in cells("valid"))'

# Without gnuplot: one line, and the rest is there.
mkdir empty
expect 0 env PATH="$work/empty" "$reproduce" fig7 --quick --epochs 2 --dim 8 --data split --out plain
[ "$(grep -c 'no pictures' err)" -eq 1 ] || fail "not one line about gnuplot"
grep -q 'fig7-your-data.tsv' plain/report.html || fail "the report does not say where the numbers are"
[ -e plain/fig7-your-data.gp ] || fail "no script"

# ---- signals -------------------------------------------------------------------------------------------------------

# stop SIGNAL CODE WORD: while it trains.
stop() {
    rm -rf stopped err
    "$reproduce" table2 --epochs 100000000 --dim 8 --data split --out stopped >out 2>err &
    pid=$!
    tries=0
    while [ ! -s err ] && [ $tries -lt 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -s "$1" $pid
    wait $pid
    code=$?
    [ $code -eq "$2" ] || fail "SIG$1: exit $code"
    [ ! -s out ] || fail "SIG$1: a table of half the trainings"
    tail -n 1 err | grep -q "^$r $3; 0 of [0-9]* trainings are in stopped/cells, and the same command goes on from there$" ||
        fail "SIG$1: $(tail -n 1 err)"
    [ -z "$(ls stopped/cells)" ] || fail "SIG$1: a draft is left"
}
stop INT 130 interrupted
stop TERM 143 terminated

if [ -c /dev/full ]; then
    "$reproduce" table5 --quick --epochs 2 --dim 8 --data split --out plain >/dev/full 2>err && fail "a full disk is no error"
    grep -q 'cannot write to standard output' err || fail "a full disk has no message"
fi

if [ $failures -gt 0 ]; then
    printf '%d failed\n' $failures
    exit 1
fi
printf 'all passed\n'
