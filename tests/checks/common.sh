# SPDX-License-Identifier: MIT
# What the checkers share; each is called by ./run with the source, a folder for builds and its own arguments. Exit status 77
# says that a tool is absent.

say() {
    printf '%s\n' "$*" >&2
}

# need COMMAND PACKAGE: or this checker is skipped.
need() {
    command -v "$1" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing $2"
        apt-get update >/dev/null 2>&1 || true
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$2" >/dev/null 2>&1 || true
        command -v "$1" >/dev/null 2>&1 && return
    fi
    echo "skipped  no $1 (Debian: $2)"
    exit 77
}

# The runtimes of clang's sanitizers.
need_clang() {
    need clang clang
    echo 'int main(void) { return 0; }' >"$work/runtime.c"
    clang -fsanitize=address "$work/runtime.c" -o "$work/runtime" 2>/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing libclang-rt-14-dev"
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends libclang-rt-14-dev >/dev/null 2>&1 || true
        clang -fsanitize=address "$work/runtime.c" -o "$work/runtime" 2>/dev/null && return
    fi
    echo "skipped  clang has no sanitizers (Debian: libclang-rt-14-dev)"
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
