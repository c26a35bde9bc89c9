# SPDX-License-Identifier: MIT
# What the checkers share; each is called by ./dev/run with the source, a folder for builds and its own arguments. Exit status 77
# says that a tool is absent.

. "$root/dev/packages.sh"

# need WHAT-FOR: the packages of dev/packages, or this checker is skipped.
need() {
    install_packages "$1" && return
    echo "skipped  not installed:$(missing_packages "$1")"
    exit 77
}

# configure FOLDER MESON_OPTIONS...: once.
configure() {
    folder=$1
    shift
    [ ! -f "$folder/build.ninja" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    meson setup "$folder" "$root" "$@" >"$folder.log" 2>&1 || {
        cat "$folder.log" >&2
        exit 1
    }
}

# build FOLDER TARGETS...
build() {
    folder=$1
    shift
    ninja -C "$folder" "$@" >"$folder.log" 2>&1 || {
        tail -n 60 "$folder.log" >&2
        say "building failed; the log is $folder.log"
        exit 1
    }
}

# run_tests FOLDER ARGUMENTS...: builds what those tests need. What checks is slow, and machines are busy.
run_tests() {
    folder=$1
    shift
    meson test -C "$folder" --print-errorlogs --timeout-multiplier 6 "$@"
}
