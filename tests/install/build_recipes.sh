#!/bin/bash
# SPDX-License-Identifier: MIT
# build_recipes.sh WORK: the recipes of packaging/, as far as this machine can try them: their syntax, and each one's own commands on the
# archive that `meson dist` makes, without a network. A package manager that is installed builds the package itself; where it is not, small
# stand-ins give the recipe what it asks for, as that manager's documentation has it. A line for each, "ok", "FAILED" or "skipped" with the
# reason; the exit status is 1 when one failed.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -eq 1 ] || {
    echo "usage: build_recipes.sh WORK" >&2
    exit 2
}
rm -rf "$1"
mkdir -p "$1"
work=$(cd "$1" && pwd)
packaging=$root/packaging
. "$root/tests/install/lines.sh"
version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$root/meson.build")
archive=$work/libadaptau-$version.tar.xz

have() {
    command -v "$1" >/dev/null 2>&1
}

# For functions of this script, too.
offline() {
    export -f "$1"
    if unshare --net true 2>/dev/null; then unshare --net bash -euc '"$@"' offline "$@"; else bash -euc '"$@"' offline "$@"; fi
}
export packaging archive work version

make_archive() {
    meson setup "$work/dist" "$root" -Dtests=false -Dexamples=false -Dbench=false &&
        meson dist -C "$work/dist" --no-tests --allow-dirty --formats xztar && cp "$work/dist/meson-dist/libadaptau-$version.tar.xz" "$archive"
}

# is_installed PREFIX: a program compiles against what lies there, and runs.
is_installed() {
    local pc
    pc=$(find "$1" -name adaptau.pc | head -n 1)
    [ -n "$pc" ] || return 1
    printf '#include <adaptau/adaptau.h>\nint main(void) { return adaptau_version() != ADAPTAU_VERSION_NUMBER; }\n' >"$work/host.c"
    # shellcheck disable=SC2046
    cc "$work/host.c" -o "$work/host" -I"$1/include" -I"$1/usr/include" -L"${pc%/pkgconfig/*}" -ladaptau && LD_LIBRARY_PATH=${pc%/pkgconfig/*} "$work/host"
}

# Alpine: the functions of the APKBUILD in the shell, with abuild's options of Meson.
alpine() {
    abuild-meson() {
        meson setup --prefix=/usr --sysconfdir=/etc --localstatedir=/var --buildtype=plain --wrap-mode=nodownload -Db_staticpic=true "$@"
    }
    amove() {
        mkdir -p "$subpkgdir/${1%/*}" && mv "$pkgdir/$1" "$subpkgdir/$1"
    }
    mkdir -p "$work/alpine"
    cd "$work/alpine"
    tar xf "$archive"
    pkgdir=$work/alpine/pkg subpkgdir=$work/alpine/tools
    . "$packaging/alpine/APKBUILD"
    cd "libadaptau-$pkgver"
    export CFLAGS=-O2
    build
    package
    tools
    ls "$subpkgdir/usr/bin/adaptau-train"
}

# Homebrew: the formula in Ruby, with a class that runs what it calls.
homebrew() {
    mkdir -p "$work/homebrew"
    cd "$work/homebrew"
    tar xf "$archive"
    cd "libadaptau-$version"
    ruby -r "$packaging/../tests/install/formula.rb" -e 'load ARGV[0]; Libadaptau.new(ARGV[1]).try' "$packaging/homebrew/libadaptau.rb" "$work/homebrew/prefix"
}

# Nix: what the function answers for arguments that name nothing but themselves, and Meson with the flags in it.
nix() {
    mkdir -p "$work/nix"
    cd "$work/nix"
    tar xf "$archive"
    export NIX_STATE_DIR=$work/nix/state NIX_STORE_DIR=$work/nix/store NIX_LOG_DIR=$work/nix/log HOME=$work/nix
    nix-instantiate --eval --strict --json -E "(import $packaging/nix/default.nix) {
        lib.licenses.mit = \"MIT\"; stdenv.mkDerivation = attributes: attributes; src = $archive;
        meson = \"meson\"; ninja = \"ninja\"; pkg-config = \"pkg-config\"; xz = \"xz\"; zlib = \"zlib\"; zstd = \"zstd\"; }" >derivation.json
    python3 - <<'NIX' >flags
import json
derivation = json.load(open("derivation.json", encoding="utf-8"))
assert derivation["meta"]["license"] == "MIT" and derivation["outputs"] == ["out", "dev"], derivation
print(*derivation["mesonFlags"])
NIX
    cd "libadaptau-$version"
    # The hook of nixpkgs' meson: each output is a prefix of its own.
    # shellcheck disable=SC2046
    meson setup build --buildtype=plain --wrap-mode=nodownload --prefix="$work/nix/out" --libdir="$work/nix/out/lib" \
        --includedir="$work/nix/dev/include" $(cat ../flags)
    ninja -C build install
    ls "$work/nix/dev/include/adaptau/adaptau.h" "$work/nix/out/lib/libadaptau.so.1"
}

# vcpkg: the portfile in CMake's script mode, with functions that do what vcpkg's of these names do on Linux.
vcpkg_port() {
    mkdir -p "$work/vcpkg"
    cd "$work/vcpkg"
    cmake -DVERSION="$version" -DARCHIVE_FILE="$archive" -DCURRENT_PACKAGES_DIR="$work/vcpkg/package" -DWORK="$work/vcpkg" \
        -DPORTFILE="$packaging/vcpkg/portfile.cmake" -P "$packaging/../tests/install/portfile_functions.cmake"
    ls "$work/vcpkg/package/include/adaptau/adaptau.h" "$work/vcpkg/package/share/adaptau/adaptauConfig.cmake" \
        "$work/vcpkg/package/share/libadaptau/copyright"
}

# Conan itself, on a copy of the recipe that knows this archive.
conan_create() {
    export CONAN_HOME=$work/conan/home
    mkdir -p "$work/conan"
    cp -r "$packaging/conan" "$work/conan/recipe"
    cat >"$work/conan/recipe/conandata.yml" <<DATA
sources:
  "$version":
    url: "file://$archive"
    sha256: "$(sha256sum "$archive" | cut -d' ' -f1)"
DATA
    conan profile detect --force
    conan create "$work/conan/recipe" --no-remote
}

check "recipes have the version of meson.build, and their languages accept them" python3 "$root/tests/install/check_recipes.py" "$root"
sed -n 's/^skipped: /         without: /p' "$work/log"
if have shellcheck; then
    check "shellcheck finds nothing in the APKBUILD" shellcheck --shell=dash --exclude=SC2034,SC2154 "$packaging/alpine/APKBUILD"
else
    skip "shellcheck of the APKBUILD: no shellcheck"
fi
check "meson dist makes the archive" make_archive || exit 1

try() { # NAME COMMAND-THAT-IT-NEEDS FUNCTION FOLDER-OF-WHAT-IT-INSTALLS
    if have "$2"; then
        check "$1" offline "$3" && { [ -z "$4" ] || check "$1: a host compiles and runs" is_installed "$work/$4"; }
    else
        skip "$1: no $2"
    fi
}
try "Alpine: build, package and tools of the APKBUILD, by stand-ins for abuild" meson alpine alpine/pkg
try "Homebrew: install and test of the formula, by a stand-in for its class" ruby homebrew homebrew/prefix
try "Nix: what the function evaluates to, and a build with its flags" nix-instantiate nix ""
try "vcpkg: the portfile in CMake, by stand-ins for vcpkg's functions" cmake vcpkg_port vcpkg/package
try "Conan: conan create" conan conan_create ""
[ "$n_failed" -eq 0 ]
