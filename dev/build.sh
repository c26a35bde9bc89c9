# SPDX-License-Identifier: MIT
# What ./run and ./dev/run share: builds outside the source tree, and where data are. They set $root.
. "$root/dev/packages.sh"

cache=${ADAPTAU_BUILD:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/libadaptau/$(printf %s "$root" | cksum | cut -d' ' -f1)}
release=$cache/release

# configure FOLDER MESON_OPTIONS...: only when there is no build yet.
configure() {
    folder=$1
    shift
    [ -f "$folder/build.ninja" ] && return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    meson setup "$folder" "$root" ${ADAPTAU_WERROR:+--werror} "$@" >"$folder.log" 2>&1 || {
        cat "$folder.log" >&2
        say "configuring failed; the log is $folder.log"
        exit 1
    }
}

build() {
    ninja -C "$1" >"$1.log" 2>&1 || {
        cat "$1.log" >&2
        say "building failed; the log is $1.log"
        exit 1
    }
}

# build_tools [WHAT-FOR...]: the programs, and packages that these need besides.
build_tools() {
    ensure_packages build "$@"
    configure "$cache/tools" -Dtests=false -Dbench=false
    build "$cache/tools"
}

build_all() {
    ensure_packages build test
    configure "$release"
    build "$release"
}

# install_to PREFIX: leaves the build folder in $folder.
install_to() {
    ensure_packages build
    mkdir -p "$cache"
    configure "$cache/install-$(printf %s "$1" | cksum | cut -d' ' -f1)" --prefix="$1" -Dtests=false -Dbench=false
    build "$folder"
    meson install -C "$folder" --no-rebuild --quiet
}

find_data() {
    if [ -z "${ADAPTAU_DATA_DIR:-}" ] && [ -d "$root/../shared/data" ]; then
        ADAPTAU_DATA_DIR=$(cd "$root/../shared/data" && pwd)
        export ADAPTAU_DATA_DIR
    fi
}

# need_data NAME...: these data sets are there.
need_data() {
    find_data
    for name; do
        [ -f "${ADAPTAU_DATA_DIR:-}/$name/train.txt" ] || {
            say "there is no $name/train.txt in ADAPTAU_DATA_DIR (${ADAPTAU_DATA_DIR:-not set})"
            exit 1
        }
    done
}

# find_python MODULE: the first Python that has it.
find_python() {
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)' "$1" 2>/dev/null && {
            echo "$python"
            return 0
        }
    done
    return 1
}
