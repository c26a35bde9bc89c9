#!/bin/sh
# SPDX-License-Identifier: MIT
# The trainer and the recommender as a user meets them: formats, messages, exit codes, files, signals.
# Usage: test_trainer.sh ADAPTAU_TRAIN ADAPTAU_RECOMMEND
# shellcheck disable=SC2086
set -u

absolute() {
    [ -x "$1" ] || { echo "$1: no such program" >&2; exit 1; }
    printf '%s/%s\n' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"
}

train=$(absolute "$1") || exit 1
recommend=$(absolute "$2") || exit 1
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

# expect_json EXPRESSION: out holds one object d on one line, for which the Python expression is true.
expect_json() {
    python3 -c '
import json, sys
text = open("out", encoding="utf-8").read()
d = json.loads(text, parse_constant=lambda name: sys.exit(name + " is no JSON"))
assert text.count("\n") == 1 and text.endswith("\n"), "one line"
assert eval(sys.argv[1]), d
' "$1" 2>python.err || fail "$1: $(tail -n 1 python.err)"
}

# names_in MODEL user|item: the names that a model's file has, a line each.
names_in() {
    python3 -c '
import json, struct, sys
data = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", data[:8])[0]
entry = json.loads(data[8:8 + length])["host." + sys.argv[2] + "_names"]
assert entry["dtype"] == "U8" and len(entry["shape"]) == 1, entry
begin, end = entry["data_offsets"]
for name in data[8 + length + begin:8 + length + end].split(b"\0")[:-1]:
    sys.stdout.buffer.write(name + b"\n")
' "$1" "$2"
}

# ---- data: 120 users and 60 items of 4 tastes ----------------------------------------------------------------------

mkdir split
python3 - <<'END'
import random
r = random.Random(1)
rows = []
for u in range(120):
    own = r.sample(range(u % 4 * 15, u % 4 * 15 + 15), 10)
    rows.append((u, own[:8], own[8:]))
with open("split/train.txt", "w") as f:
    f.writelines(f"{u} {' '.join(map(str, a))}\n" for u, a, b in rows)
with open("split/test.txt", "w") as f:
    f.writelines(f"{u} {' '.join(map(str, b))}\n" for u, a, b in rows)
pairs = [(u, i) for u, a, b in rows for i in a + b]
with open("all.txt", "w") as f:
    f.writelines(f"{u} {' '.join(map(str, a + b))}\n" for u, a, b in rows)
with open("pairs.tsv", "w", encoding="utf-8") as f:
    f.writelines(f"Zoë {u}\titem {i}\n" for u, i in pairs)
with open("pairs.csv", "w", encoding="utf-8") as f:
    f.write("userId,movieId,rating\r\n")
    f.writelines(f'"Zoë, {u}",item {i},{1 + (u + i) % 5}\r\n' for u, i in pairs)
with open("n_rated", "w") as f:
    print(sum((u + i) % 5 >= 3 for u, i in pairs), file=f)
with open("ratings.dat", "w") as f:
    f.writelines(f"{u + 1}::{i + 1}::{1 + (u + i) % 5}::978300760\n" for u, i in pairs)
END

quick="--epochs 3 --quiet --threads 1 --dim 8 --temperature eq14" # a search for tau0 would take five trainings more
any="--epochs 3 --quiet --threads 1 --dim 8"

# ---- command line --------------------------------------------------------------------------------------------------

expect 0 "$train" --help
grep -q -- '--temperature eq14|eq34|exact|fixed' out || fail "--help does not list --temperature"
expect 0 "$train" --version
head -n 1 out | grep -q '^adaptau-train [0-9]*\.[0-9]*\.[0-9]*$' || fail "--version"
expect 0 "$recommend" --help
expect 0 "$recommend" --version

t="adaptau-train:"
expect_line 2 "$t no DATA given; see --help" "$train"
expect_line 2 "$t one DATA, please: \"more\" is too many" "$train" split more
expect_line 2 "$t --dim: \"abc\" is not a whole number in 1 ... 65536" "$train" split --dim abc
expect_line 2 "$t --dim: \"0\" is not a whole number in 1 ... 65536" "$train" --dim=0 split
expect_line 2 "$t --dim: \"99999999999999999999\" is not a whole number in 1 ... 65536" \
    "$train" split --dim 99999999999999999999
expect_line 2 "$t --lr-users: \"nan\" is not a number in 0 ... 1000" "$train" split --lr-users nan
expect_line 2 "$t --lr-users: \"0,5\" is not a number in 0 ... 1000" "$train" split --lr-users 0,5
expect_line 2 "$t --tau: \"-1\" is not a number in 0.001 ... 1000" "$train" split --tau -1
expect_line 2 "$t --temperature: \"eq15\" is not one of eq14, eq34, exact, fixed, learned, held-out" "$train" split --temperature eq15
expect_line 2 "$t --backbone: \"ngcf\" is not one of mf, lightgcn, simplex" "$train" split --backbone ngcf
expect_line 2 "$t --layers: \"5\" is not a whole number in 1 ... 4" "$train" split --backbone lightgcn --layers 5
expect_line 2 "$t --layers goes with --backbone lightgcn" "$train" split --layers 2
expect_line 2 "$t --gate goes with --backbone simplex" "$train" split --gate 0.4
expect_line 2 "$t --loss: \"hinge\" is not one of softmax, bpr, bce, mse, ccl, slatk, bsl, psl" "$train" split --loss hinge
expect_line 2 "$t --margin goes with --loss ccl" "$train" split --margin 0.4
expect_line 2 "$t --negative-weight goes with --loss bce, mse, ccl or bsl" "$train" split --loss bpr --negative-weight 3
expect_line 2 "$t --top-k goes with --loss slatk" "$train" split --loss bsl --top-k 3
expect_line 2 "$t --popularity goes with --candidates popular, or with --loss softmax, slatk or bsl" "$train" split --loss bce --popularity 0.5
expect_line 2 "$t --soft-targets, and --personal but for learned, go with --loss softmax, slatk or bsl" \
    "$train" split --loss bce --personal eq16
expect_line 2 "$t --loss ccl has no temperature to learn" "$train" split --loss ccl --temperature learned --tau 0.1
expect_line 2 "$t --contrast: \"gcl\" is not one of none, sgl, simgcl, ncl" "$train" split --contrast gcl
expect_line 2 "$t --raw-rows goes with --backbone lightgcn or simplex" "$train" split --raw-rows unit
expect_line 2 "$t --contrast goes with --backbone lightgcn" "$train" split --contrast sgl
expect_line 2 "$t --contrast-weight goes with --contrast sgl, simgcl or ncl" "$train" split --backbone lightgcn --contrast-weight 0.1
expect_line 2 "$t --noise goes with --contrast simgcl" "$train" split --backbone lightgcn --contrast sgl --noise 0.1
expect_line 2 "$t --prototypes goes with --contrast ncl" "$train" split --backbone lightgcn --contrast sgl --prototypes 9
expect_line 2 "$t --cutoffs: \"20,10\" is not a list such as 10,20,50: ascending, in 1 ... 65536, at most 16" \
    "$train" split --cutoffs 20,10
for list in 0 '' ',' '10,' 10,10 x 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17; do
    expect 2 "$train" split --cutoffs "$list"
done
expect_line 2 "$t --save: \"\" is empty" "$train" split --save ''
expect_line 2 "$t --dim needs a value" "$train" split --dim
expect_line 2 "$t --json takes no value" "$train" split --json=yes
expect_line 2 "$t there is no option --nonsense, or several begin like it; see --help" "$train" split --nonsense
expect_line 2 "$t there is no option -x; see --help" "$train" split -x
expect_line 2 "$t --temperature fixed needs --tau" "$train" split --temperature fixed
expect_line 2 "$t --tau goes with --temperature fixed or learned, not with eq34" "$train" split --temperature eq34 --tau 1
expect_line 2 "$t --tau-min 2 is above --tau-max 1" "$train" split --tau-min 2 --tau-max 1

# ---- files that are not what they should be ----------------------------------------------------------------------

mkdir empty bad
expect_line 1 "$t missing: No such file or directory" "$train" missing
expect_line 1 "$t empty: no train.txt, ratings.dat, ratings.csv or u.data in it, and 0 other files: name one" "$train" empty
expect_line 1 "$t /dev/null: no pairs to train on" "$train" /dev/null
printf '0 1 2\n1 x\n' >bad/train.txt
expect_line 1 "$t bad/train.txt:2:3: \"x\" is no item id, a whole number from 0" "$train" bad
printf '0 1 2\n1 2147483648\n' >bad/train.txt
expect_line 1 "$t bad/train.txt:2:3: item 2147483648 is above 2147483646" "$train" bad
printf '0 1\n\n5\n1 2 \000 3\n' >bad/train.txt
expect_line 1 "$t bad/train.txt:4:5: a NUL byte: this is no text file" "$train" bad
printf 'a\tb\nc\n' >bad.tsv
expect_line 1 "$t bad.tsv:2:1: 1 field between tabs, but 2 in the other lines" "$train" bad.tsv
expect_line 1 "$t nowhere/m: No such file or directory" "$train" split $quick --save nowhere/m
expect_line 1 "$t nowhere/h: No such file or directory" "$train" split $quick --history nowhere/h
expect_line 1 "$t empty: Is a directory" "$train" split $quick --save empty

# ---- results -------------------------------------------------------------------------------------------------------

expect 0 "$train" split --epochs 20 --dim 8 --temperature eq14 --json --quiet --history h
[ ! -s err ] || fail "--quiet is not quiet"
expect_json 'd["protocol"] == "valid" and d["selected_on_test"] is False'
expect_json '(d["n_users"], d["n_items"], d["n_train"], d["n_test"], d["n_test_users"]) == (120, 60, 960, 240, 120)'
expect_json 'd["recall@20"] > 0.8 and all(0 <= d[f"{m}@{k}"] <= 1 for k in (10, 20, 50) for m in
    ("recall", "ndcg", "precision", "hit_rate", "mrr", "map"))'
expect_json '(d["epochs"], d["dim"], d["seed"]) == (20, 8, 0) and 1 <= d["best_epoch"] <= 20 and d["n_valid"] == 120'
expect_json 'd["tau0"] > 0 and d["loss"] > 0 and d["train_seconds"] > 0 and d["eval_seconds"] > 0'
expect_json 'd["threads"] >= 1 and d["backend"] and d["version"] and 0 <= d["validation"]["recall@20"] <= 1'
python3 - <<'END' || fail "--history"
import json
lines = [json.loads(line) for line in open("h")]
search = [x for x in lines if x["phase"] == "search"]
refit = [x for x in lines if x["phase"] == "refit"]
assert [x["epoch"] for x in search] == list(range(1, 21)), lines
best = max(search, key=lambda x: (x["recall@20"], x["ndcg@20"], -x["epoch"]))
assert [x["epoch"] for x in refit] == list(range(1, best["epoch"] + 1)), (best, len(refit))
END

expect 0 "$train" split $quick --json --protocol paper
expect_json 'd["protocol"] == "paper" and d["selected_on_test"] is True and "validation" not in d'
expect 0 "$train" split $quick --protocol paper
grep -q 'SELECTS ON TEST' out || fail "paper does not say that it selects on test"
expect 0 "$train" split $quick --json --no-refit --eval-every 2 --cutoffs 5
expect_json '"valid" in d["protocol"] and d["search_epochs"] == 3 and d["best_epoch"] in (2, 3) and "recall@5" in d'
expect 0 "$train" split --quiet --threads 1 --dim 8 --json --epochs 50 --patience 2 --temperature eq14
expect_json 'd["search_epochs"] <= d["best_epoch"] + 2'
expect 0 "$train" split --epochs 2 --dim 8 --temperature eq14
[ "$(grep -c '^search epoch' err)" -eq 2 ] || fail "no line for every epoch"
grep -q '^recall' out || fail "no table"

# By default tau0 is found on pairs held out of train; then all of train is trained on, for all epochs.
expect 0 "$train" split $any --json --history h
expect_json 'd["temperature"] == "held-out" and d["tau_trials"] >= 3 and d["tau_trial_epochs"] == 4 and d["tau_held_out"] == 120'
expect_json '(d["best_epoch"], d["search_epochs"]) == (3, 0) and 0 <= d["tau_recall"] <= 1 and d["tune_seconds"] > 0'
python3 -c 'import json; assert [json.loads(x)["phase"] for x in open("h")] == ["refit"] * 3' || fail "--history of the default"
expect 0 "$train" split --epochs 3 --dim 8
grep -q '^tau0  *found by [0-9]* trainings of 4 epochs without 120 pairs of train' out || fail "the table says nothing of how tau0 was found"
[ "$(grep -c '^temperature trial' err)" -ge 3 ] || fail "no line for every trial"
expect 0 "$train" split $any --json --no-refit
expect_json 'd["temperature"] == "held-out" and d["search_epochs"] == 3 and d["n_valid"] == 120'

for options in '--popularity 0.5' '--temperature eq34' '--temperature exact' '--tau 0.2' '--personal eq16' '--personal eq15' \
    '--personal released' '--candidates shared --n-candidates 30' '--candidates popular --popularity 0.5' \
    '--candidates in-batch' '--candidates per-row --reject-positives' '--positives inside' '--init xavier' '--init spectral' \
    '--normalise users' '--normalise items' '--normalise none' '--free-length --weight-decay 1e-4' '--row-weight 1' \
    '--backbone lightgcn' '--backbone lightgcn --layers 1 --edge-dropout 0.1 --layer-dropout 0.1 --normalise none' \
    '--backbone lightgcn --normalise both --raw-rows unit --rank raw --popularity 0.5' '--backbone simplex --raw-rows unit' \
    '--free-length --rank raw' '--loss bpr --tau 0.2' '--loss bce --tau 0.2 --negative-weight 5' '--loss mse' '--loss ccl --margin 0.4' \
    '--loss slatk --tau 0.2 --top-k 5 --weight-tau 0.3' '--loss bsl --negative-weight 0.9 --positive-scale 8 --personal eq16' \
    '--loss psl --tau 0.1 --activation tanh' '--loss slatk --candidates shared --n-candidates 30' \
    '--loss bpr --candidates per-row --n-candidates 20' '--loss bce --tau 0.2 --personal learned' \
    '--loss ccl --candidates popular --n-candidates 30' '--backbone simplex' '--backbone simplex --gate 0 --loss ccl' \
    '--backbone lightgcn --contrast sgl --contrast-edge-dropout 0.3' '--backbone lightgcn --contrast simgcl --noise 0.2' \
    '--backbone lightgcn --contrast simgcl --all-nodes --contrast-weight 0.01 --contrast-temperature 0.3' \
    '--backbone lightgcn --contrast ncl --prototypes 5' '--backbone lightgcn --contrast ncl --prototype-weight 0' \
    '--backend reference' '--batch 7 --lr-users 0.1 --lr-items 0.01' '--warmup-epochs 1000' '--seed 5 --split-seed 2'; do
    case $options in
    *--temperature* | *--tau*) expect 0 "$train" split $any --json $options ;;
    *) expect 0 "$train" split $quick --json $options ;;
    esac
    expect_json 'd["recall@20"] > 0.2'
done

# LightGCN says which of the two does better on what was held out, in print and in the report.
# shellcheck disable=SC2086
expect 0 "$train" split $any --backbone lightgcn --report graph.html
grep -q '^compared   held-out recall@20 [01]\.[0-9]*, of matrix factorisation [01]\.[0-9]*' out || fail "LightGCN is not compared with mf: $(grep ^compared out)"
grep -q 'has a recall@20 of [01]\.[0-9]*, and matrix factorisation of [01]\.[0-9]*' graph.html || fail "the report does not compare with mf"
# Whatever chose the epoch, the model says how new users are folded in: by the tau0 of that epoch.
for how in '' --no-refit '--protocol paper'; do
    expect 0 "$train" split $quick --json $how --epochs 4 --personal eq16 --save said --checkpoint said.ckpt
    python3 - said "$(cat out)" <<'END' 2>python.err || fail "--save, \"$how\": $(tail -n 1 python.err)"
import json, struct, sys
data = open(sys.argv[1], "rb").read()
said = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]["adaptau.fold_in"].split()
tau = struct.unpack(">d", bytes.fromhex(said[3]))[0]
assert abs(tau / json.loads(sys.argv[2])["tau0"] - 1) < 1e-6, tau
END
    expect 0 "$train" split $quick --json $how --epochs 4 --personal eq16 --save again --checkpoint said.ckpt --resume
    cmp -s said again || fail "--resume, \"$how\": another model than the one that was saved"
    rm -f said.ckpt*
done

# What is validated, with the graph that it was trained on, is what is reported and saved.
# shellcheck disable=SC2086
expect 0 "$train" split $quick --json --no-refit --backbone lightgcn --layers 2 --save graph
expect_json '(d["backbone"], d["layers"]) == ("lightgcn", 2)'
expect 0 "$recommend" graph 3 --k 5
expect 0 "$train" split $quick --json --backbone lightgcn --contrast ncl --prototypes 100000
expect_json 'd["contrast"] == "ncl" and d["prototypes"] == min(d["n_users"], d["n_items"])'

expect 0 "$train" split $quick --json --no-refit --backbone simplex --gate 0.25 --loss ccl --save mixture
expect_json '(d["backbone"], d["gate"], d["loss_kind"]) == ("simplex", 0.25, "ccl")'
expect 0 "$recommend" mixture 3 --k 5

# So few pairs that none can be held out; and a user without items.
printf '0 1\n1 0\n2\n' >tiny
expect 0 "$train" tiny $quick --json
expect_json '(d["n_users"], d["n_train"], d["n_test"], d["n_valid"]) == (3, 2, 0, 0) and d["recall@20"] is None'

# ---- formats: the same pairs, so the same counts --------------------------------------------------------------------

for data in all.txt pairs.tsv pairs.csv ratings.dat; do
    expect 0 "$train" $data $quick --json --save "m-$data"
    expect_json '(d["n_users"], d["n_items"], d["n_train"], d["n_test"]) == (120, 60, 960, 240)'
    named=120 # names of users, where the data have any
    [ $data != all.txt ] || named=0
    [ "$(names_in "m-$data" user | wc -l)" -eq $named ] || fail "$data: names of users"
    [ "$(names_in "m-$data" item | wc -l)" -eq $((named / 2)) ] || fail "$data: names of items"
done
[ "$(names_in m-pairs.csv user | sed -n 1p)" = 'Zoë, 0' ] || fail "first name of pairs.csv"
[ "$(names_in m-ratings.dat user | sed -n 1p)" = 1 ] || fail "first name of ratings.dat"
[ -z "$(ls ./*.users.txt ./*.items.txt 2>/dev/null)" ] || fail "names beside the model, too"
expect 0 "$train" ratings.dat $quick --json --min-rating 4
expect_json 'd["n_train"] + d["n_test"] == int(open("n_rated").read())'
expect 0 "$train" pairs.csv $quick --json --test-share 0
expect_json '(d["n_train"], d["n_test"]) == (1200, 0)'

# ---- test pairs --------------------------------------------------------------------------------------------------------

# What stands in train and test is no test; who is not in train is counted.
printf 'user,item\na,x\na,y\nb,x\nb,z\nc,y\n' >train.csv
printf 'item;user\nx;a\nz;a\nw;b\ny;d\nz;a\n' >test.csv
expect 0 "$train" --train train.csv --test test.csv $quick --json
expect_json '(d["n_train"], d["n_test"], d["n_users"], d["n_items"]) == (5, 3, 4, 4)'
expect_json '[d["reading"][k] for k in ("duplicates", "test_also_in_train", "cold_test_users", "cold_test_items")] == [1, 1, 1, 1]'
expect 0 "$train" train.csv --test test.csv --epochs 1 --dim 4
grep -q '1 test pairs are also in train and left out of test' err || fail "an overlap is not said"
grep -q '1 users and 1 items of test are not in train' out || fail "cold users are not said"
expect_line 1 "$t standard input cannot be both train and test" "$train" - --test -
expect_line 2 "$t --train \"a\" and DATA \"b\": one of them, please" "$train" b --train a

# Splits by time, and cores.
python3 - <<'END'
import random
r = random.Random(2)
rows = [(u, i, 1000000000 + r.randrange(10**6)) for u in range(40) for i in r.sample(range(30), 10)]
r.shuffle(rows)
with open("timed.csv", "w") as f:
    f.write("timestamp,userId,movieId\n")
    f.writelines(f"{t},{u},{i}\n" for u, i, t in rows)
END
expect 0 "$train" timed.csv $quick --json --split last-one
expect_json '(d["n_train"], d["n_test"], d["n_test_users"]) == (360, 40, 40)'
expect 0 "$train" timed.csv $quick --json --split last-n --last 3
expect_json '(d["n_train"], d["n_test"]) == (280, 120)'
expect 0 "$train" timed.csv $quick --json --split last-n --test-share 0.1
expect_json '(d["n_train"], d["n_test"]) == (360, 40)'
expect 0 "$train" timed.csv $quick --json --split time --test-share 0.25
expect_json '(d["n_train"], d["n_test"]) == (300, 100)'
expect_line 1 "$t --split by time, but the data have no column of times; --columns time=NAME says which it is" \
    "$train" train.csv $quick --split time
printf 'user,item\na,x\na,y\nb,x\nb,y\nb,y\nc,y\nc,z\nd,z\n' >core.csv
expect 0 "$train" core.csv $quick --json --min-degree 2 --test-share 0 --save core
expect_json '(d["n_users"], d["n_items"], d["n_train"], d["reading"]["below_min_degree"]) == (2, 2, 4, 3)'
expect_line 1 "$t core.csv: no pairs to train on" "$train" core.csv $quick --min-degree 4

# tau0 is found on the latest pairs where times are known. The latest item of each user is nobody else's, so that no model can recall it.
# Times are whole in one file, and in the other all within a second. A test set of its own leaves all times in train.
python3 - <<'END'
import random
rows = [(k * 0.01, u, f"taste {u % 4} {k}") for u in range(120) for k in range(10)] + [(0.5, u, f"only {u}") for u in range(120)]
random.Random(3).shuffle(rows)
for name, scale in ("seconds.csv", 1000), ("fractions.csv", 1):
    with open(name, "w") as f:
        f.write("user,item,timestamp\n")
        f.writelines(f"u{u},{i},{t * scale:.10g}\n" for t, u, i in rows)
open("one.csv", "w").write("user,item\nu0,taste 1 0\n")
END
for data in seconds.csv fractions.csv; do
    expect 0 "$train" $data --test one.csv $any --json --valid-share 0.09
    expect_json 'd["tau_held_out_by"] == "time" and d["tau_held_out"] == 120 and d["tau_recall"] < 0.2'
done
cut -d, -f1,2 seconds.csv >timeless.csv
expect 0 "$train" timeless.csv --test one.csv $any --json
expect_json 'd["tau_held_out_by"] == "random" and d["tau_held_out"] == 120 and d["tau_recall"] > 0.5'
expect 0 "$train" seconds.csv --test one.csv --epochs 3 --dim 8 --valid-share 0.2
grep -A 1 '^tau0  *found by' out | grep -q "^ *the latest 20 % of all$" || fail "the table does not say that the latest pairs were held out"

# ---- the same numbers ------------------------------------------------------------------------------------------------

for threads in 1 2 3; do
    expect 0 "$train" split --epochs 3 --dim 16 --quiet --threads $threads --json --save same-$threads
    python3 -c 'import json
for name, value in json.load(open("out")).items():
    if "@" in name or name in ("loss", "tau0", "validation"):
        print(name, value)' >numbers-$threads
    cmp -s same-1 same-$threads || fail "$threads threads, another model"
    cmp -s numbers-1 numbers-$threads || fail "$threads threads, other numbers"
done
expect 0 "$train" split --epochs 3 --dim 16 --quiet --seed 1 --save other
cmp -s same-1 other && fail "another seed, the same model"
expect 0 env LC_ALL=de_DE.UTF-8 "$train" split $quick --json --lr-users 0.1
expect_json 'd["lr_users"] == 0.1'

# ---- recommending ----------------------------------------------------------------------------------------------------

expect 0 "$train" pairs.csv --epochs 20 --dim 8 --temperature eq14 --quiet --save model
r="adaptau-recommend:"
expect_line 2 "$t --half goes with --save" "$train" pairs.csv --half
expect 0 "$train" pairs.csv --epochs 20 --dim 8 --temperature eq14 --quiet --save half-model --half
[ "$(wc -c <half-model)" -lt "$(($(wc -c <model) - 2 * 8 * 120))" ] || fail "--half, but no smaller file"
expect 0 "$recommend" model 'Zoë, 3' --k 5
mv out whole-lists
expect 0 "$recommend" half-model 'Zoë, 3' --k 5
[ "$(grep -c ' item ' out)" -eq 5 ] || fail "no list of a model in half the size"
expect 0 "$recommend" model 'Zoë, 3' 'Zoë, 4' --k 5
[ "$(head -n 1 out)" = 'Zoë, 3' ] || fail "no name of a user"
[ "$(grep -c ' item ' out)" -eq 10 ] || fail "no names of items"
expect 0 "$recommend" model 'Zoë, 3' --json --k 60 --seen pairs.csv
expect_json '[u["user"] for u in d["users"]] == ["Zoë, 3"] and len(d["users"][0]["items"]) == 50'
expect_json 'd["users"][0]["items"] == sorted(d["users"][0]["items"], key=lambda x: (-x["score"], x["id"]))'
expect_json 'sum(int(x["item"].split()[1]) // 15 == 3 for x in d["users"][0]["items"][:3]) == 3'
expect_line 1 "$r unknown user \"Zoë, 33x\"; did you mean \"Zoë, 33\", \"Zoë, 3\" or \"Zoë, 13\"?" "$recommend" model 'Zoë, 33x'
expect_line 1 "$r unknown user \"4\": none of the model's 120 names" "$recommend" model 4
expect_line 1 "$r unknown user \"4\": none of the model's 120 names" "$recommend" model 'Zoë, 3' 4 --json
expect_line 1 "$r unknown user \"120\": --row wants rows, 0 ... 119" "$recommend" model 120 --row
expect 0 "$recommend" model 3 --row --k 5
[ "$(head -n 1 out)" = 'Zoë, 3' ] || fail "--row is no row"
expect 1 "$recommend" missing 1
expect 1 "$recommend" pairs.csv 1
expect_line 2 "$r no USER given; see --help" "$recommend" model
expect_line 2 "$r no MODEL given; see --help" "$recommend"
expect 0 "$recommend" same-1 3 --seen split --k 60
[ "$(wc -l <out)" -eq 53 ] || fail "--seen of a directory leaves out train alone"

# Many users, forms that join, titles and choices.
expect 0 "$recommend" model --all --k 3 --output all.csv --quiet
[ ! -s out ] && [ ! -s err ] || fail "--output says something"
python3 - <<'END' || fail "--all --output all.csv"
import csv
rows = list(csv.DictReader(open("all.csv", newline="", encoding="utf-8")))
assert list(rows[0]) == ["user", "rank", "item", "score"] and len(rows) == 360
assert sorted({r["user"] for r in rows}) == sorted(f"Zoë, {u}" for u in range(120))
assert all(rows[i]["rank"] == str(i % 3 + 1) for i in range(360))
END
expect 0 "$recommend" model 'Zoë, 7' --k 3 --output-format tsv
grep -c "^Zoë, 7	[123]	item [0-9]*	" out | grep -qx 3 || fail "--output-format tsv"
awk -F, 'NR > 1 { print $1 }' all.csv >/dev/null
printf 'Zoë, 5\n\n  Zoë, 5 \nZoë, 9' >who
expect 0 "$recommend" model --users who --k 2 --output-format jsonl
python3 - <<'END' || fail "--users --output-format jsonl"
import json
lists = [json.loads(line) for line in open("out", encoding="utf-8")]
assert [x["user"] for x in lists] == ["Zoë, 5", "Zoë, 5", "Zoë, 9"] and all(len(x["items"]) == 2 for x in lists)
END
expect 0 sh -c '"$0" model --users - --k 2 <who' "$recommend"
printf 'nobody\n' >>who
expect 1 "$recommend" model --users who
expect_line 1 "$r --cold popular needs --seen DATA, to count by" "$recommend" model nobody --cold popular
expect 0 "$recommend" model nobody 'Zoë, 5' --cold popular --seen pairs.csv --k 2 --json
expect_json 'd["users"][0]["user"] == "nobody" and d["users"][0]["popular"] and "popular" not in d["users"][1]'
expect 0 "$recommend" model 'item 3' 'item 40' --similar --k 4 --json
expect_json '[x["item"] for x in d["items"]] == ["item 3", "item 40"] and len(d["items"][0]["similar"]) == 4'
expect_json 'all(int(s["item"].split()[1]) // 15 == int(x["item"].split()[1]) // 15 and s["item"] != x["item"] and
    s["score"] <= 1.000001 for x in d["items"] for s in x["similar"][:2])'
expect 0 "$recommend" model 'Zoë, 3' --similar-users --k 3 --json
expect_json 'all(int(s["user"].split()[1]) % 4 == 3 for s in d["users"][0]["similar"])'
expect 0 "$recommend" model 'item 2' 'item 5' 'item 9' --from --k 4 --json
expect_json 'all(int(x["item"].split()[1]) < 15 for x in d["users"][0]["items"])'
expect_json 'not {x["item"] for x in d["users"][0]["items"]} & {"item 2", "item 5", "item 9"}'
# The model says how: with another temperature in its place scores are others.
grep -aq '"adaptau.fold_in":"' model || fail "the trainer's model does not say how users are folded in"
cp out by_model
expect 0 "$recommend" model 'item 2' 'item 5' 'item 9' --from --k 4 --json --tau 2
cmp -s out by_model && fail "--tau changes nothing"
expect 0 "$recommend" model 'Zoë, 3' 'Zoë, 9' --seen pairs.csv --k 7 --why 3 --json --quiet
python3 - <<'END' || fail "--why"
import csv, json, math, struct
data = open("model", "rb").read()
length = struct.unpack("<Q", data[:8])[0]
about = json.loads(data[8:8 + length])["item_embeddings"]
begin, end = about["data_offsets"]
n, d = about["shape"]
numbers = struct.unpack(f"<{n * d}f", data[8 + length + begin:8 + length + end])
rows = [numbers[i * d:i * d + d] for i in range(n)]
cosine = lambda a, b: sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
lists = json.load(open("out", encoding="utf-8"))["users"]
ids = {}
for x in lists:
    own = {r["movieId"] for r in csv.DictReader(open("pairs.csv", newline="", encoding="utf-8")) if r["userId"] == x["user"]}
    assert len(x["items"][0]["why"]) == 3, x
    for item in x["items"]:
        assert {w["item"] for w in item["why"]} <= own and len(item["why"]) <= 3, item
        found = [w["similarity"] for w in item["why"]]
        assert all(abs(cosine(rows[item["id"]], rows[w["id"]]) - w["similarity"]) < 1e-5 for w in item["why"])
        ids.update((w["item"], w["id"]) for w in item["why"])
        rest = [cosine(rows[item["id"]], rows[ids[o]]) for o in own if o in ids and o not in {w["item"] for w in item["why"]}]
        assert found == sorted(found, reverse=True) and all(r <= (found[2] if len(found) == 3 else 0) + 1e-6 for r in rest)
END
expect 0 "$recommend" model 'item 2' 'item 5' 'item 9' --from --k 4 --why 2 --output-format csv
[ "$(head -n 1 out)" = user,rank,item,score,why_1,similarity_1,why_2,similarity_2 ] || fail "--why: $(head -n 1 out)"
[ "$(awk -F, 'NF != 8' out | wc -l)" -eq 0 ] || fail "--why: not the same number of fields in every line"
expect 0 "$recommend" model 'Zoë, 3' --seen pairs.csv --k 2 --why 1 --quiet
[ "$(grep -c '^  *similar to  item ' out)" -eq 2 ] || fail "--why tells no reason: $(cat out)"
expect_line 2 "$r --why goes with --seen DATA, which tells what users have, or with --from" "$recommend" model 'Zoë, 3' --why 2
printf 'item 1\nitem 2\nitem 3\nitem 99\n' >few
expect 0 "$recommend" model 'Zoë, 3' --allow few --k 9 --json
expect_json '{x["item"] for x in d["users"][0]["items"]} == {"item 1", "item 2", "item 3"}'
grep -q -- '--allow: 1 of its items are not in the model' err || fail "--allow is silent"
expect 0 "$recommend" model 'Zoë, 3' --exclude few --k 60 --json --quiet
expect_json 'len(d["users"][0]["items"]) == 57'
printf 'movieId,title,genres\nitem 1,"One, the ""first""",a|b\nitem 2,Two,c\n' >movies.csv
expect 0 "$recommend" model 'Zoë, 3' --allow few --items movies.csv --k 3 --quiet --output-format csv
grep -q ',item 1,.*,"One, the ""first"""$' out || fail "no title: $(cat out)"
expect_line 2 "$r --similar, --similar-users and --from: one of them, please" "$recommend" model x --similar --from
expect_line 2 "$r users as words, --users or --all: one of them, please" "$recommend" model x --all
expect 1 "$recommend" model 'Zoë, 3' --output nowhere/o.csv


# Names beside a model are of before names were in its file: they count for a file without, not for this one.
printf 'one\n' >same-1.users.txt
expect 0 "$recommend" same-1 3 --seen split
[ "$(head -n 1 out)" = 3 ] || fail "a file of names beside the model counts"
[ ! -s err ] || fail "a model that says that its rows have no names: $(cat err)"
# without_names MODEL COPY: the tables alone, as older versions and other programs write them.
without_names() {
    python3 -c '
import json, struct, sys
data = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = {k: v for k, v in json.loads(data[8:8 + length]).items() if k in ("user_embeddings", "item_embeddings")}
text = json.dumps(header).encode()
end = max(v["data_offsets"][1] for v in header.values())
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data[8 + length:8 + length + end])
' "$1" "$2"
}
without_names same-1 older
seq -f 'name %.0f' 0 119 >older.users.txt
expect 0 "$recommend" older 'name 3'
printf 'one\n' >older.users.txt
expect_line 1 "$r older.users.txt has 1 names, but the model has 120 rows" "$recommend" older 3

# A model without names: numbers are rows, which is said, and names are not taken for rows.
without_names model nameless
expect 1 "$recommend" nameless 'Zoë, 3'
expect_line 1 "$r pairs.csv has names of users or items, but the model has no such names: they cannot be matched" \
    "$recommend" nameless 3 --seen pairs.csv --quiet
expect 0 "$recommend" nameless 3 --seen split
[ "$(cat err)" = "$r nameless: no names in it, so numbers are rows" ] || fail "nothing says that names are missing: $(cat err)"
printf 'cut' >broken
expect 1 "$recommend" broken 1

if [ -c /dev/full ]; then
    "$train" split $quick >/dev/full 2>err && fail "a full disk is no error"
    grep -q 'cannot write to standard output' err || fail "a full disk has no message"
fi

# ---- saving ------------------------------------------------------------------------------------------------------------

# A model and the names of its rows are one file: of a save that fails, or is killed, the old pair is left or the new one.
python3 -c '
for k, word in enumerate(("first", "second")):
    with open(word + ".csv", "w") as out:
        for u in range(300):
            out.write("".join("%s %d,%s thing %d\n" % (word, u, word, (u * 7 + i * i + k) % 200) for i in range(6)))
'
for word in first second; do
    expect 0 "$train" $word.csv $quick --dim 32 --save $word.model
done

# is_whole: the model "kept" is one of the two, and nothing temporary is beside it.
is_whole() {
    cmp -s kept first.model || cmp -s kept second.model || fail "$1: kept is neither the old model nor the new one"
    [ "$(find . -name '.adaptau-*' -o -name 'kept.*' | wc -l)" -eq 0 ] || [ "$2" = leaves ] || fail "$1: a temporary file is left"
}
cp first.model kept
(ulimit -f 40; exec "$train" second.csv $quick --dim 32 --save kept) >out 2>err
[ $? -eq 1 ] || fail "a file-size limit: exit code"
[ "$(cat err)" = "$t cannot write kept: File too large" ] || fail "a file-size limit: $(cat err)"
cmp -s kept first.model || fail "a file-size limit: the old model is gone"
is_whole "a file-size limit" ""
expect 0 "$recommend" kept 'first 7'
(ulimit -f 1; exec "$train" second.csv $quick --epochs 60 --history kept.history) >/dev/null 2>err
[ $? -eq 1 ] || fail "a file-size limit for the history: exit code"
grep -q 'kept.history: File too large' err || fail "a file-size limit for the history: $(cat err)"
rm -f kept.history
tries=0
while [ $tries -lt 25 ]; do
    tries=$((tries + 1))
    word=first
    [ $((tries % 2)) -eq 0 ] || word=second
    "$train" $word.csv $quick --dim 32 --save kept >/dev/null 2>&1 &
    pid=$!
    (sleep 0.0$((20 + tries * 3)); kill -s KILL $pid) 2>/dev/null &
    wait $pid 2>/dev/null
    wait
    is_whole "killed" leaves
    word=first
    names_in kept user | grep -q '^second 0$' && word=second
    cmp -s kept $word.model || fail "killed: the names are not those of the model"
done
rm -f .adaptau-*.tmp

mkdir store
ln -s store/v1 linked
expect 0 "$train" first.csv $quick --dim 32 --save linked
{ [ -L linked ] && cmp -s store/v1 first.model; } || fail "--save through a link"
mkfifo pipe
ln -s pipe to-pipe
for no in pipe to-pipe /dev/null; do
    expect_line 1 "$t cannot write $no, which is no regular file" "$train" first.csv $quick --save $no
done
[ -p pipe ] && [ -L to-pipe ] && [ -c /dev/null ] || fail "a FIFO, a link or a device was replaced"
expect_line 1 "$t pipe, which is a FIFO that nobody reads: No such device or address" \
    timeout 20 "$train" first.csv $quick --history pipe
cat pipe >read &
expect 0 timeout 20 "$train" first.csv $quick --history pipe
wait
grep -q '"phase"' read || fail "a FIFO that is read has no history"

# ---- signals -----------------------------------------------------------------------------------------------------------

# stop SIGNAL CODE: once the first epoch is done.
stop() {
    rm -f history stopped
    "$train" split --epochs 100000000 --temperature eq14 --threads 2 --save stopped --history history >out 2>err &
    pid=$!
    tries=0
    while [ ! -s history ] && [ $tries -lt 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -s "$1" $pid
    wait $pid
    code=$?
    [ $code -eq "$2" ] || fail "SIG$1: exit $code"
    [ ! -s out ] || fail "SIG$1: a report of half a training"
    tail -n 1 err | grep -q "^$t .* in epoch [0-9]*; the tables as they stand are in stopped$" || fail "SIG$1: $(tail -n 1 err)"
    expect 0 "$recommend" stopped 0 119
    ls stopped.?????? >/dev/null 2>&1 && fail "SIG$1: a draft is left"
}
stop INT 130
stop TERM 143

# While tau0 is looked for there is nothing to save. On these data that takes some seconds.
mkdir wide
awk 'BEGIN { for (u = 0; u < 4000; u++) { printf "%d", u; for (k = 0; k < 30; k++) printf " %d", (u * 37 + k * 101 + k * k * (u % 7)) % 3000; print "" } }' >wide/train.txt
cp wide/train.txt wide/test.txt
"$train" wide --dim 512 --threads 2 --save early >out 2>err &
pid=$!
sleep 1
kill -s INT $pid
wait $pid
[ $? -eq 130 ] || fail "SIGINT while tau0 is looked for: another exit code"
[ "$(tail -n 1 err)" = "$t interrupted while tau0 was looked for; nothing was saved" ] || fail "SIGINT while tau0 is looked for: $(tail -n 1 err)"
[ ! -e early ] || fail "SIGINT while tau0 is looked for: a model"

# ---- checkpoints -------------------------------------------------------------------------------------------------------

# killed OPTION...: killed again and again, wherever it is, and taken up each time, a training has the same result.
killed() {
    rm -f check check.best history
    expect 0 "$train" split --json --quiet --dim 8 --epochs 150 --threads 1 "$@"
    mv out straight
    tries=0
    code=137
    while [ $code -ne 0 ] && [ $tries -lt 400 ]; do
        tries=$((tries + 1))
        "$train" split --json --quiet --dim 8 --epochs 150 --threads 2 --checkpoint check --resume --history history "$@" \
            >out 2>err &
        pid=$!
        # Not before it has found its temperature, which nothing keeps until then, and not before it has saved once more: however
        # slow the machine is, each life comes further than the one before.
        before=$(stat -c '%i %y' check 2>/dev/null)
        (while [ "$(stat -c '%i %y' check)" = "$before" ] && kill -s 0 $pid; do sleep 0.02; done
         sleep 0.1$((tries % 7)); kill -s KILL $pid) 2>/dev/null &
        wait $pid 2>/dev/null
        code=$?
        wait
        [ $code -eq 0 ] || [ $code -eq 137 ] || fail "exit $code of a training that goes on: $(tail -n 1 err)"
    done
    [ $code -eq 0 ] || fail "a training that is killed $tries times does not end"
    python3 -c '
import json
a, b = (json.load(open(name, encoding="utf-8")) for name in ("straight", "out"))
for d in (a, b):
    for key in ("threads", "read_seconds", "tune_seconds", "train_seconds", "eval_seconds", "peak_bytes"):
        del d[key]
assert a == b, (a, b)
' 2>python.err || fail "killed $*: $(tail -n 1 python.err)"
}
killed
killed --protocol paper --backbone lightgcn --edge-dropout 0.2 --personal eq16
killed --no-refit --backbone simplex --temperature learned

expect_line 1 "$t check: the checkpoint of a training with other options or data" \
    "$train" split --quiet --dim 9 --epochs 150 --checkpoint check --resume
expect_line 2 "$t --resume goes with --checkpoint" "$train" split --resume
expect 0 "$recommend" check 1
printf 'cut' >check
expect 1 "$train" split --quiet --checkpoint check --resume

if [ $failures -gt 0 ]; then
    printf '%d failed\n' $failures
    exit 1
fi
printf 'all passed\n'
