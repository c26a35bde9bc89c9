#!/bin/sh
# SPDX-License-Identifier: MIT
# test_recipe_hosts.sh TRAINER HOST PYTHON ROOT DATA: a host by recipe in C (host_by_recipe.c), and the same in Python, train what
# adaptau-train trains: on all of train the recall@20 of the last epoch is the same number, on every tenth user of DATA.
set -eu
trainer=$1 host=$2 python=$3 root=$4 data=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for part in train test; do
    awk 'NR % 10 == 1 { $1 = n++; print }' "$data/$part.txt" >"$work/$part.txt"
done

fail()
{
    echo "$*" >&2
    exit 1
}

"$trainer" "$work" --protocol paper --quiet --history "$work/history" >/dev/null
wanted=$(sed -n '$s/.*"recall@20": *\([0-9.e-]*\).*/\1/p' "$work/history")
[ -n "$wanted" ] || fail "no recall@20 in the last line of the history"
of_c=$("$host" "$work")
[ "$(printf '%.7g' "$of_c")" = "$(printf '%.7g' "$wanted")" ] || fail "the C host has $of_c, the trainer $wanted"
echo "recall@20 of the trainer and of the C host: $of_c"

status=0
of_python=$("$python" "$root/tests/hosts/by_recipe.py" "$root" "$work") || status=$?
if [ "$status" = 77 ]; then
    echo "$of_python"
    exit 77
fi
[ "$of_python" = "$of_c" ] || fail "the Python host has $of_python, the C host $of_c"
echo "and of the Python host"
