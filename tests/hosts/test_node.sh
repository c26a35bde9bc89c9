#!/bin/bash
# SPDX-License-Identifier: MIT
# test_node.sh FOLDER PREFIX: the package of examples/hosts/node that is installed in FOLDER/node_modules, with the library and the
# trainer under PREFIX: its tests, the page docs/node.md, and its types by TypeScript, which npm fetches into a temporary folder. A
# line for each, "ok", "FAILED" or "skipped" with the reason; the exit status is 1 when one failed. TYPESCRIPT says where
# node_modules with typescript and @types/node is; without it npm gets half a minute to fetch them.
set -u
[ $# -eq 2 ] || {
    echo "usage: test_node.sh FOLDER PREFIX" >&2
    exit 2
}
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(cd "$1" && pwd) || exit 2
prefix=$(cd "$2" && pwd) || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_failed=0
unset ADAPTAU_LIBRARY

# check NAME COMMAND...: one check by exit status.
check() {
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        printf 'ok       %-7s %s\n' node "$what"
    else
        n_failed=$((n_failed + 1))
        printf 'FAILED   %-7s %s\n' node "$what"
        tail -n 60 "$work/log"
    fi
}

# Meanwhile, TypeScript.
types=${TYPESCRIPT:-$work/types/node_modules}
if [ -z "${TYPESCRIPT:-}" ]; then
    timeout 30 npm install --prefix "$work/types" --no-audit --no-fund --loglevel error typescript@5 @types/node@20 >"$work/npm" 2>&1 &
fi

cp "$root/tests/hosts/test_node_package.mjs" "$root/tests/hosts/types_node.mts" "$folder"
# The page's code in the lines that it has there, for stack traces.
awk '/^```js$/ { on = 1; print ""; next } /^```$/ { on = 0 } { print on ? $0 : "" }' "$root/docs/node.md" >"$folder/page.mjs"

cd "$folder" || exit 2
check "its package, from a tarball, has the trainer's numbers and keeps its promises" env ADAPTAU_ROOT="$root" \
    ADAPTAU_TRAIN="$prefix/bin/adaptau-train" timeout 300 node --expose-gc --test test_node_package.mjs
check "docs/node.md runs" timeout 100 node page.mjs

wait
if [ -f "$types/typescript/bin/tsc" ] && [ -d "$types/@types/node" ]; then
    ln -sfn "$types/@types" "$folder/node_modules/@types"
    check "its types" node "$types/typescript/bin/tsc" --noEmit --strict --target esnext --lib esnext --module nodenext --types node \
        types_node.mts
else
    printf 'skipped  %-7s its types: no typescript from npm%s\n' node "$(sed -n "1s/^/: /p" "$work/npm" 2>/dev/null)"
fi
[ "$n_failed" -eq 0 ]
