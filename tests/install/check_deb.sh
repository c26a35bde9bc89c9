#!/bin/bash
# SPDX-License-Identifier: MIT
# check_deb.sh [--arm64] FOLDER: the Debian packages, built without a network where that can be cut off, twice and bit for bit the same;
# lintian finds nothing; unpacked into a root of their own, they build and run a program and train a model. A line for each,
# "ok", "FAILED" or "skipped" with the reason; the exit status is 1 when one failed. The packages are left in FOLDER.
# ADAPTAU_DEB_ONCE=1: built once, without the library's tests. --arm64: then those of arm64 as well, cross-built, and run by qemu-user.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
arm64=
if [ "${1:-}" = --arm64 ]; then
    arm64=yes
    shift
fi
[ $# -eq 1 ] || {
    echo "usage: check_deb.sh [--arm64] FOLDER" >&2
    exit 2
}
mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$root/tests/install/lines.sh"
. "$root/dev/packages.sh"
once=${ADAPTAU_DEB_ONCE:-}

install_packages build test deb || {
    echo "skipped  Debian packages: not installed:$(missing_packages build test deb)"
    exit 0
}

# What git has, and not what else lies in the folder.
copy_source() {
    mkdir -p "$1" && (cd "$root" && git ls-files -z --cached --others --exclude-standard 2>/dev/null |
        tar --create --null --files-from=- --ignore-failed-read) | tar --extract --directory="$1" &&
        [ -f "$1/debian/rules" ] || cp -R "$root/." "$1"
}

# A build that fetches something is not one that Debian would take. The path has Debian's own tools alone.
offline() {
    if unshare --net true 2>/dev/null; then unshare --net "$@"; else "$@"; fi
}

build() {
    copy_source "$1/libadaptau" && cd "$1/libadaptau" &&
        offline env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent DEB_BUILD_OPTIONS="parallel=$(nproc)${2:+ $2}" \
            dpkg-buildpackage --no-sign --build=full --root-command=fakeroot
}

same_version() {
    wanted=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$root/meson.build")
    [ "$(dpkg-parsechangelog -l "$root/debian/changelog" -S Version)" = "$wanted" ] || {
        echo "debian/changelog is not of version $wanted"
        return 1
    }
}

same_packages() {
    (cd "$work/one" && sha256sum ./*.deb) >"$work/one.sums" && (cd "$work/far/from/here/two" && sha256sum ./*.deb) >"$work/two.sums" &&
        diff "$work/one.sums" "$work/two.sums"
}

five_packages() {
    for name in adaptau-tools libadaptau-dev libadaptau-doc libadaptau1 python3-adaptau; do
        ls "$work/one/${name}_"*.deb || return 1
    done
}

# Errors, warnings and what --pedantic adds. What is only information is shown.
lint() {
    lintian --allow-root --pedantic --display-info --tag-display-limit 0 "$work"/one/*.changes >"$work/tags" 2>&1
    cat "$work/tags"
    ! grep -E '^[EWP]: ' "$work/tags"
}

# A root with nothing but the packages in it: what they need is the system's.
unpack() {
    for deb in "$work"/one/*.deb; do
        dpkg-deb --extract "$deb" "$work/root" || return 1
    done
    libdir=$work/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
    [ -f "$libdir/libadaptau.so.1" ]
}

build_example() {
    flags=$(PKG_CONFIG_LIBDIR=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
        PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config --cflags --libs adaptau) || return 1
    # shellcheck disable=SC2086
    cc -std=c11 "$work/root/usr/share/doc/libadaptau-doc/examples/02-training-loop.c" -o "$work/example" $flags &&
        LD_LIBRARY_PATH=$libdir ldd "$work/example" | grep "$libdir/libadaptau.so.1" && LD_LIBRARY_PATH=$libdir "$work/example"
}

train_and_recommend() {
    export LD_LIBRARY_PATH=$libdir
    "$work/root/usr/bin/adaptau-train" "$work/root/usr/share/doc/libadaptau-doc/examples/data/debian-depends" --epochs 1 \
        --no-refit --quiet --save "$work/model" && "$work/root/usr/bin/adaptau-recommend" "$work/model" 0 --row --k 3 &&
        mandoc -Tlint -Werror "$work/root/usr/share/man/man1/adaptau-train.1.gz"
}

# The package's own tests, as autopkgtest runs them on an installed system, here in the unpacked root.
package_tests() {
    for one in "$@"; do
        mkdir -p "$work/autopkgtest/$one" && env AUTOPKGTEST_TMP="$work/autopkgtest/$one" PATH="$work/root/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
            LD_LIBRARY_PATH="$libdir" PYTHONPATH="$work/root/usr/lib/python3/dist-packages" PKG_CONFIG_LIBDIR="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/root" \
            PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 "$root/debian/tests/$one" || return 1
    done
}

# ---- arm64 -------------------------------------------------------------------------------------------------------------

# What a cross-build needs beside the packages of this machine. Names with :arm64 need dpkg --add-architecture arm64.
missing_for_arm64() {
    local package
    for package in gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libblis-dev:arm64 liblzma-dev:arm64 libzstd-dev:arm64 zlib1g-dev:arm64; do
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || printf ' %s' "$package"
    done
}

build_arm64() {
    copy_source "$work/arm64/libadaptau" && cd "$work/arm64/libadaptau" &&
        offline env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent DEB_BUILD_OPTIONS="parallel=$(nproc) nocheck" \
            dpkg-buildpackage --no-sign --build=any --host-arch=arm64 --build-profiles=cross,nocheck --root-command=fakeroot
}

are_of_arm64() {
    for name in adaptau-tools libadaptau-dev libadaptau1; do
        dpkg-deb --extract "$work/arm64/${name}_"*_arm64.deb "$work/arm64/root" || return 1
    done
    for file in "$work"/arm64/root/usr/bin/* "$work"/arm64/root/usr/lib/aarch64-linux-gnu/libadaptau.so.1; do
        LC_ALL=C file -L "$file" | tee /dev/stderr | grep -q 'ARM aarch64' || return 1
    done
}

lint_arm64() {
    lintian --allow-root --pedantic "$work"/arm64/*.changes >"$work/tags" 2>&1
    cat "$work/tags"
    ! grep -E '^[EWP]: ' "$work/tags"
}

# The package's own test of the tools, whose programs are started by the emulator.
arm64_trains() {
    local program libraries=$work/arm64/root/usr/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu
    mkdir -p "$work/arm64/bin" "$work/arm64/test"
    for program in "$work"/arm64/root/usr/bin/*; do
        printf '#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=%s %s "$@"\n' "$libraries" "$program" \
            >"$work/arm64/bin/${program##*/}"
    done
    chmod +x "$work"/arm64/bin/*
    env AUTOPKGTEST_TMP="$work/arm64/test" PATH="$work/arm64/bin:/usr/bin:/bin" "$root/debian/tests/train"
}

check_arm64() {
    local missing
    missing=$(missing_for_arm64)
    [ -z "$missing" ] || {
        skip "packages of arm64: not installed:$missing"
        return
    }
    check "arm64: cross-builds without a network" build_arm64 || return
    check "arm64: library and programs are of that CPU" are_of_arm64
    check "arm64: lintian --pedantic" lint_arm64
    if command -v qemu-aarch64 >/dev/null 2>&1; then
        check "arm64, emulated: the tools' own test (debian/tests/train)" arm64_trains
    else
        skip "arm64, emulated: no qemu-user"
    fi
    cp "$work"/arm64/*.deb "$folder" 2>/dev/null
}

check "the changelog has the version of meson.build" same_version
check "builds without a network${once:+, without its tests}" build "$work/one" "${once:+nocheck}"
[ "$n_failed" -eq 0 ] || exit 1
check "makes the library, -dev, the tools, -doc and the Python module" five_packages
[ -n "$once" ] || check "builds in another folder" build "$work/far/from/here/two" nocheck
[ -n "$once" ] || check "both builds are the same, bit for bit" same_packages
check "lintian --pedantic" lint
grep '^[IX]: ' "$work/tags" | sort | uniq -c
check "unpacks" unpack
check "builds and runs an example with -dev as unpacked" build_example
check "the tools train and recommend" train_and_recommend
check "the packages' own tests (debian/tests)" package_tests host train
if /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
    check "the Python module's own test (debian/tests/python)" package_tests python
else
    echo "skipped  the Python module's own test: no python3-numpy"
fi
[ -z "$arm64" ] || check_arm64
cp "$work"/one/*.deb "$work"/one/*.changes "$work"/one/*.buildinfo "$work"/one/*.dsc "$work"/one/*.tar.* "$folder"
echo "the packages are in $folder"
[ "$n_failed" -eq 0 ]
