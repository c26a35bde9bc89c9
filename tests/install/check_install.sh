#!/bin/bash
# SPDX-License-Identifier: MIT
# check_install.sh: what an installation promises. Two builds in different folders are the same, bit for bit; DESTDIR holds all
# that is installed; the C host of examples/hosts is built by pkg-config, shared and static, by CMake, and with the library as a
# Meson subproject, shared and static, and prints the same numbers each time. A line for each, "ok", "FAILED" or "skipped" with
# the reason; the exit status is 1 when one failed.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
source=$root/examples/hosts/c/host.c
version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$root/meson.build")
IFS=. read -r major minor _ <<<"$version"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$root/tests/install/lines.sh"
stage=$work/stage
unset LD_LIBRARY_PATH PKG_CONFIG_PATH DESTDIR
export CCACHE_DISABLE=1 # both are built

build() {
    meson setup "$1" "$root" --prefix=/usr --libdir=lib -Dtests=false -Dexamples=false -Dbench=false && ninja -C "$1"
}

same_files() {
    for name in "libadaptau.so.$version" libadaptau.a; do
        cmp "$work/one/lib/$name" "$work/far/from/here/two/lib/$name" || return 1
    done
}

install_staged() {
    DESTDIR=$stage meson install -C "$work/one" --no-rebuild &&
        (cd "$stage" && find . -type f -o -type l) | sort >"$work/installed" &&
        (cd "$root/include" && find . -name '*.h*') | sed 's,^\.,./usr/include,' >"$work/wanted" &&
        printf './usr/lib/%s\n' libadaptau.a libadaptau.so "libadaptau.so.$major" "libadaptau.so.$version" pkgconfig/adaptau.pc \
            cmake/adaptau/adaptauConfig.cmake cmake/adaptau/adaptauConfigVersion.cmake >>"$work/wanted" &&
        printf './usr/share/%s\n' man/man3/libadaptau.3 doc/libadaptau/LICENSE >>"$work/wanted" &&
        (cd "$root/docs" && ls -d *.md) | sed 's,^,./usr/share/doc/libadaptau/,' >>"$work/wanted" &&
        (cd "$root/examples" && ls -d [01]*.c* made_up.h) | sed 's,^,./usr/share/doc/libadaptau/examples/,' >>"$work/wanted" &&
        sort "$work/wanted" | diff - "$work/installed"
}

# What release builds are hardened with (lib/meson.build).
hardened() {
    library=$stage/usr/lib/libadaptau.so
    readelf -dW "$library" | grep -q 'NOW' || { echo "not bound at once"; return 1; }
    readelf -lW "$library" | grep -q 'GNU_RELRO' || { echo "no RELRO"; return 1; }
    readelf -lW "$library" | grep 'GNU_STACK' | grep -qv 'RWE' || { echo "the stack can be executed"; return 1; }
    readelf -sW "$library" | grep -q '__stack_chk_fail' || { echo "no stack protector"; return 1; }
    readelf -sW "$library" | grep -q '_chk@' || { echo "no fortified calls"; return 1; }
    ! readelf -dW "$library" | grep -Eq 'R(UN)?PATH|TEXTREL'
}

# expect KIND PROGRAM: the program prints what the first one did; KIND says whether it needs the shared library.
expect() {
    if ldd "$2" | grep -q libadaptau; then kind=shared; else kind=static; fi
    [ "$kind" = "$1" ] || { echo "$2 is linked $kind"; return 1; }
    LD_LIBRARY_PATH=$stage/usr/lib "$2" "$work/model" >"$work/out" || return 1
    [ -f "$work/first" ] || cp "$work/out" "$work/first"
    diff "$work/first" "$work/out" && grep -q '^fingerprint' "$work/out"
}

# by_pkg_config KIND FLAGS...: sysroot and prefix together lead into DESTDIR.
by_pkg_config() {
    local kind=$1
    shift
    flags=$(PKG_CONFIG_LIBDIR=$stage/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage \
        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@" --cflags --libs adaptau) || return 1
    # Both libraries lie in one folder, where the linker prefers the shared one.
    [ "$kind" = shared ] || flags=${flags/-ladaptau/-l:libadaptau.a}
    # shellcheck disable=SC2086
    "${CC:-cc}" -std=c11 "$source" -o "$work/pkg-config-$kind" $flags && expect "$kind" "$work/pkg-config-$kind"
}

by_cmake() {
    cmake -S "$root/tests/install/cmake" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$stage/usr" -DHOST="$source" \
        -DWANTED="$major.$minor" &&
        cmake --build "$work/cmake" && expect shared "$work/cmake/shared" && expect static "$work/cmake/static"
}

# A version that is not this one is not found.
refused_by_cmake() {
    for wanted in "$major.$((minor + 1))" "$major.$minor.99" "$((major + 1))"; do
        ! cmake -S "$root/tests/install/cmake" -B "$work/cmake-$wanted" -DCMAKE_PREFIX_PATH="$stage/usr" -DHOST="$source" \
            -DWANTED="$wanted" || { echo "$wanted was taken"; return 1; }
    done
}

# The library's own tests and tools are no business of the parent's.
by_subproject() {
    parent=$work/parent-$1
    mkdir -p "$parent/subprojects" && cp "$root/tests/install/subproject/meson.build" "$source" "$parent" &&
        ln -s "$root" "$parent/subprojects/libadaptau" &&
        meson setup "$parent/build" "$parent" -Ddefault_library="$1" -Dlibadaptau:default_library="$1" &&
        ninja -C "$parent/build" && expect "$1" "$parent/build/consumer" &&
        ! find "$parent/build" -name adaptau-train | grep .
}

check "builds, in one folder" build "$work/one"
check "builds, in another" build "$work/far/from/here/two"
check "both builds are the same, bit for bit" same_files
check "DESTDIR holds all that is installed and no more" install_staged
check "hardened: stack protector, fortified calls, RELRO, no executable stack, no rpath" hardened
check "consumer by pkg-config, shared" by_pkg_config shared
check "consumer by pkg-config --static" by_pkg_config static --static
if command -v cmake >/dev/null 2>&1; then
    check "consumer by CMake, shared and static, from where it was staged" by_cmake
    check "CMake refuses other versions" refused_by_cmake
else
    skip "consumer by CMake: no cmake"
fi
check "consumer with a subproject, shared" by_subproject shared
check "consumer with a subproject, static" by_subproject static
[ "$n_skipped" -eq 0 ] || echo "$n_skipped skipped"
[ "$n_failed" -eq 0 ]
