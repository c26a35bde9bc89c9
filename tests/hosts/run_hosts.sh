#!/bin/bash
# SPDX-License-Identifier: MIT
# run_hosts.sh PREFIX [LANGUAGE...]: build the hosts of examples/hosts against the library that is installed under PREFIX, and
# compare what they print, and the models that they save, with the C host's, whose output README.md there shows. A line for each
# check, "ok", "FAILED" or "skipped" with the reason; the exit status is 1 when one failed. Node's host uses its package as npm packs
# it, whose own tests (test_node.sh) follow. KOFFI says where node_modules with koffi is; without it koffi is installed by npm into a
# temporary folder.
set -u
[ $# -ge 1 ] || {
    echo "usage: run_hosts.sh PREFIX [LANGUAGE...]" >&2
    exit 2
}
hosts=$(cd "$(dirname "$0")/../../examples/hosts" && pwd)
prefix=$(cd "$1" && pwd) || exit 2
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pc=$(find "$prefix" -name adaptau.pc | head -n 1)
[ -n "$pc" ] || {
    echo "no adaptau.pc under $prefix" >&2
    exit 2
}
export PKG_CONFIG_PATH=${pc%/*}
libdir=$(pkg-config --variable=libdir adaptau)
export LD_LIBRARY_PATH=$libdir
flags=$(pkg-config --cflags --libs adaptau)

have() {
    command -v "$1" >/dev/null 2>&1
}

# Each build_LANGUAGE leaves the command that runs the host in $host, or says in $missing what there is not.

build_c() {
    # shellcheck disable=SC2086
    "${CC:-cc}" -std=c11 -O2 -Wall -Wextra -Wconversion -Werror "$hosts/c/host.c" -o "$work/c-host" $flags || return
    host=("$work/c-host")
}

build_cpp() {
    have "${CXX:-c++}" || {
        missing="no C++ compiler"
        return
    }
    # shellcheck disable=SC2086
    "${CXX:-c++}" -std=c++17 -O2 -Wall -Wextra -Wconversion -Wshadow -pedantic -Werror "$hosts/cpp/host.cpp" -o "$work/cpp-host" $flags || return
    host=("$work/cpp-host")
}

build_python() {
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import numpy' 2>/dev/null && {
            host=(env PYTHONDONTWRITEBYTECODE=1 "$python" -W error "$hosts/python/host.py")
            return
        }
    done
    missing="no Python with NumPy"
}

build_node() {
    have node || {
        missing="no node"
        return
    }
    have npm || {
        missing="no npm to pack the package with"
        return
    }
    mkdir -p "$work/node/node_modules/adaptau" || return
    (cd "$work" && npm pack --silent --loglevel error "$hosts/node") || return
    if [ -d "${KOFFI:-}/koffi" ]; then
        tar -xzf "$work"/adaptau-*.tgz -C "$work/node/node_modules/adaptau" --strip-components 1 || return
        ln -s "$KOFFI/koffi" "$work/node/node_modules/koffi"
    else
        npm install --prefix "$work/node" --no-audit --no-fund --loglevel error "$work"/adaptau-*.tgz >"$work/npm" 2>&1 || {
            missing="npm could not install koffi: $(head -n 1 "$work/npm")"
            return
        }
    fi
    cp "$hosts/node/host.js" "$work/node/host.mjs" || return
    host=(node "$work/node/host.mjs")
}

build_rust() {
    have rustc || {
        missing="no rustc"
        return
    }
    rustc --edition 2021 -O -D warnings -L "native=$libdir" -o "$work/rust-host" "$hosts/rust/host.rs" || return
    host=("$work/rust-host")
}

build_java() {
    have javac || {
        missing="no javac"
        return
    }
    jna=${JNA:-/usr/share/java/jna.jar}
    [ -f "$jna" ] || {
        missing="no $jna (libjna-java)"
        return
    }
    javac -Xlint:all -Werror -cp "$jna" -d "$work/java" "$hosts"/java/*.java || return
    host=(java -Djna.library.path="$libdir" -cp "$jna:$work/java" Host)
}

build_go() {
    have go || {
        missing="no go"
        return
    }
    (cd "$hosts/go" && GOCACHE=$work/go-cache GOFLAGS=-mod=mod GOTOOLCHAIN=local go build -o "$work/go-host" .) || return
    host=("$work/go-host")
}

run_host() {
    language=$1 missing="" host=()
    if ! "build_$language" >"$work/$language.log" 2>&1; then
        result="does not build"
    elif [ -n "$missing" ]; then
        printf 'skipped  %-7s %s\n' "$language" "$missing"
        return
    elif ! "${host[@]}" "$work/$language.safetensors" >"$work/$language.out" 2>"$work/$language.log"; then
        result="exits with an error"
    elif ! diff "$work/c.out" "$work/$language.out" >"$work/$language.log"; then
        result="prints something else than C (<)"
    elif ! cmp "$work/c.safetensors" "$work/$language.safetensors" >"$work/$language.log"; then
        result="saves another model than C"
    elif "${host[@]}" /nonexistent/model >/dev/null 2>"$work/$language.log" || ! grep -q '^E_IO: ' "$work/$language.log"; then
        result="does not say E_IO and fail where it cannot save"
    else
        printf 'ok       %-7s\n' "$language"
        return
    fi
    printf 'FAILED   %-7s %s\n' "$language" "$result"
    head -n 40 "$work/$language.log"
}

run_node() {
    run_host node
    [ -n "${host[*]}" ] && [ -z "$missing" ] || return
    "$(dirname "$0")/test_node.sh" "$work/node" "$prefix" || echo "FAILED   node    tests of its package"
}

# Another CPU rounds otherwise: words are compared, and numbers that do not depend on it.
words() {
    sed -E 's/[0-9]+\.[0-9]+/#/g; s/item [0-9]+/item #/; s/^fingerprint .*/fingerprint #/'
}

check_readme() {
    words <"$work/c.out" >"$work/words"
    if sed -n '/^    600 users/,/^    fingerprint/s/^    //p' "$hosts/README.md" | grep -v '^\.\.\.$' | words | grep -v -x -F -f "$work/words"; then
        echo "FAILED   README.md has these lines, and the C host prints none of them"
    else
        echo "ok       README.md has what the C host prints"
    fi
}

[ $# -gt 0 ] || set -- c cpp python node rust java go
for language; do
    declare -F "build_$language" >/dev/null || {
        echo "run_hosts.sh: no host in '$language'" >&2
        exit 2
    }
done
build_c || exit 1
"$work/c-host" "$work/c.safetensors" >"$work/c.out" || exit 1
cat "$work/c.out"
echo
# Node's tests take longer than all the rest, most of it in one thread: both go on side by side.
{
    case " $* " in
    *" node "*) run_node >"$work/node.told" 2>&1 & ;;
    esac
    check_readme
    for language; do
        [ "$language" = node ] || run_host "$language"
    done
    wait
    [ ! -f "$work/node.told" ] || cat "$work/node.told"
} | tee "$work/told"
n_skipped=$(grep -c '^skipped ' "$work/told")
[ "$n_skipped" -eq 0 ] || echo "$n_skipped skipped"
! grep -q '^FAILED ' "$work/told"
