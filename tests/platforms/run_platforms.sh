#!/bin/bash
# SPDX-License-Identifier: MIT
# run_platforms.sh SOURCE WORK [--small] [compilers|arm64|windows|refused]...: builds with every gcc and clang that is installed, and for
# arm64 and Windows, runs what can be run here, and tries platforms that must be refused; parts by their names, or all.
# A line for each check, "ok", "FAILED" or "skipped" with the reason, and at the end the table of docs/platforms.md. The exit status is 1
# when a check failed. --small: what a minute allows: the NEON kernels under qemu, the library for Windows, and what is refused.
set -u
source=$1 work=$2
shift 2
small=
parts=()
for word; do
    if [ "$word" = --small ]; then small=yes; else parts+=("$word"); fi
done
mkdir -p "$work"
cross=$source/tests/platforms/cross
table=$work/table
: >"$table"
status=0

wanted() {
    [ ${#parts[@]} -eq 0 ] || [[ " ${parts[*]} " == *" $1 "* ]]
}

# check NAME COMMAND...
check() {
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok       $what"
    else
        echo "FAILED   $what"
        tail -n 30 "$work/log"
        status=1
        return 1
    fi
}

# row PLATFORM COMPILER BUILT RAN
row() {
    printf '| %s | %s | %s | %s |\n' "$@" >>"$table"
}

# version_of COMPILER
version_of() {
    "$1" --version 2>/dev/null | sed -n '1s/.* \([0-9][0-9]*\.[0-9][0-9.]*\).*/\1/p'
}

# counts_of BUILD: the results of its last meson test, as "N tests passed".
counts_of() {
    python3 - "$1/meson-logs/testlog.json" <<'COUNT'
import collections, json, sys
counts = collections.Counter(json.loads(line)["result"] for line in open(sys.argv[1], encoding="utf-8"))
good, skipped = counts.pop("OK", 0) + counts.pop("EXPECTEDFAIL", 0), counts.pop("SKIP", 0)
print(f"{good} tests passed" + (f", {skipped} skipped" if skipped else "") + (f", {sum(counts.values())} failed" if counts else ""), end="")
COUNT
}

# ---- other compilers for this machine ----------------------------------------------------------------------------------

# build_with C C++: the whole tree, and its suites that look closest at what a compiler does.
build_with() {
    local c=$1 cxx=$2 build=$work/$1 built
    command -v "$cxx" >/dev/null 2>&1 || cxx="c++"
    rm -rf "$build"
    check "amd64, $c: configured" env CC="$c" CXX="$cxx" meson setup "$build" "$source" --werror -Dbench=false || return
    check "amd64, $c: library, programs and tests build, without a warning" ninja -C "$build" || return
    built="library, programs, tests"
    [ -z "$(sed -n '/BLIS is there, but/p' "$build/meson-logs/meson-log.txt")" ] || built="$built; without BLIS, whose header wants omp.h"
    check "amd64, $c: suites unit, kernels, headers, misuse and examples pass" \
        meson test -C "$build" --no-rebuild --suite unit --suite kernels --suite headers --suite misuse --no-suite slow --no-suite long
    row "Debian $(cat /etc/debian_version) $(dpkg --print-architecture)" "$c ($(version_of "$c"))" "$built" \
        "natively: unit, kernels, headers, misuse: $(counts_of "$build")"
}

try_compilers() {
    local n
    row "Debian 12 amd64" "gcc 12, clang 14" "library, programs, tests" "natively: everything ([testing.md](testing.md))"
    for n in 11 13 14; do
        if command -v "gcc-$n" >/dev/null 2>&1; then build_with "gcc-$n" "g++-$n"; else echo "skipped  gcc-$n: not installed"; fi
    done
    for n in 13 15 16 17 18 19; do
        if command -v "clang-$n" >/dev/null 2>&1; then build_with "clang-$n" "clang++-$n"; else echo "skipped  clang-$n: not installed"; fi
    done
}

# ---- arm64 -------------------------------------------------------------------------------------------------------------

# A CPU with everything that this emulator knows, bfloat16 among it.
emulator=(qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu)

same_bits() {
    cc -std=c11 -O3 -mavx2 -mfma -ffp-contract=off -D_POSIX_C_SOURCE=200809L -I"$source/include" -I"$source/lib" \
        -c "$source/lib/kernels/x86/avx2.c" -o "$work/avx2.o" &&
        compile_bits cc -DADAPTAU_HAVE_AVX2=1 "$work/avx2.o" -o "$work/bits-x86" &&
        compile_bits aarch64-linux-gnu-gcc -DADAPTAU_HAVE_NEON=1 "$source/lib/kernels/arm/neon.c" -o "$work/bits-arm" &&
        "$work/bits-x86" >"$work/x86.txt" && timeout -s KILL 300 "${emulator[@]}" "$work/bits-arm" >"$work/arm.txt" &&
        diff "$work/x86.txt" "$work/arm.txt"
}

# compile_bits COMPILER ARGUMENTS...: kernel_bits and what it needs of the library.
compile_bits() {
    local compiler=$1
    shift
    "$compiler" -std=c11 -O3 -ffp-contract=off -D_POSIX_C_SOURCE=200809L -I"$source/include" -I"$source/lib" \
        "$source/tests/kernels/kernel_bits.c" "$source/lib/kernels/select.c" "$source/lib/kernels/ref.c" \
        "$source/lib/kernels/blas.c" "$source/lib/common/cpu.c" "$source/lib/common/error.c" "$source/lib/os/posix/system.c" "$@" -lm
}

have_check_for_arm64() {
    [ -e /usr/lib/aarch64-linux-gnu/libcheck.a ] || [ -e /usr/lib/aarch64-linux-gnu/libcheck.so ]
}

# build_arm64 NAME CROSS-FILE OPTIONS...
build_arm64() {
    local name=$1 file=$2 build=$work/arm64-$1
    shift 2
    rm -rf "$build"
    check "arm64, $name: configured" meson setup "$build" "$source" --werror --cross-file "$cross/$file" -Dblas=reference -Dbench=false "$@" &&
        check "arm64, $name: it builds, without a warning" ninja -C "$build"
}

try_arm64() {
    local ran=() bits='NEON kernels give the bits of AVX2'
    if ! command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 || ! command -v qemu-aarch64 >/dev/null 2>&1; then
        echo 'skipped  arm64: no gcc-aarch64-linux-gnu or qemu-user'
        return
    fi
    if grep -qw avx2 /proc/cpuinfo; then
        check "arm64, gcc, emulated: $bits" same_bits && ran+=("$bits")
    fi
    [ -z "$small" ] || return
    "$source/tests/platforms/count_instructions.sh" "$source" "$work/count" || status=1
    if ! have_check_for_arm64; then
        echo 'skipped  arm64: the tests, without check:arm64'
        build_arm64 gcc aarch64-linux-gnu.ini -Dtests=false && row "Debian 12 arm64" "gcc $(version_of aarch64-linux-gnu-gcc), cross" \
            "library, programs" "emulated by qemu-user: ${ran[*]}"
        return
    fi
    if build_arm64 gcc aarch64-linux-gnu.ini; then
        check 'arm64, gcc, emulated: all test programs but the slow ones' python3 "$source/tests/platforms/emulate_tests.py" \
            "$work/arm64-gcc" 900 "${emulator[@]}"
        sed -n 's/^\(left out\|slowest\)/         &/p' "$work/log"
        ran+=("$(tail -n 1 "$work/log")")
        row "Debian 12 arm64" "gcc $(version_of aarch64-linux-gnu-gcc), cross" "library, programs, tests" \
            "emulated by qemu-user $(version_of qemu-aarch64): $(printf '%s; ' "${ran[@]}" | sed 's/; $//')"
    fi
    if command -v clang >/dev/null 2>&1 && build_arm64 clang aarch64-linux-gnu-clang.ini; then
        check 'arm64, clang, emulated: test_range, test_select, test_halves' sh -c "for name in range select halves; do
            timeout -s KILL 300 ${emulator[*]} '$work/arm64-clang/tests/test_'\$name || exit 1; done" &&
            row "Debian 12 arm64" "clang $(version_of clang), cross" "library, programs, tests" \
                "emulated: test_range, test_select, test_halves"
    fi
}

# ---- Windows -----------------------------------------------------------------------------------------------------------

# Check for Windows, from Debian's source package: there is no package of it. It is installed in $work/check.
check_for_windows() {
    local prefix=$work/check
    [ -e "$prefix/lib/libcheck.a" ] && return 0
    rm -rf "$work/check-source"
    mkdir -p "$work/check-source/lists/partial"
    (
        cd "$work/check-source" || exit 1
        echo 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main' >sources.list
        from="-o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$PWD/lists
            -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
        # shellcheck disable=SC2086
        apt-get $from update && apt-get $from source --download-only check && tar xf check_*.orig.tar.gz &&
            cmake -S check-*/ -B build -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc \
                -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DBUILD_TESTING=OFF -DINSTALL_CHECKMK=OFF &&
            cmake --build build && cmake --install build
    ) >"$work/check.log" 2>&1
}

# needs_no_other_library FILE: Windows' own alone.
needs_no_other_library() {
    x86_64-w64-mingw32-objdump -p "$1" | sed -n 's/.*DLL Name: //p' >"$work/needs"
    cat "$work/needs"
    ! grep -qviE '^(kernel32|msvcrt|api-ms-win-crt-.*)\.dll$' "$work/needs"
}

# no_aligned_moves FILE: of registers that are wider than what Windows aligns stacks to (lib/meson.build).
no_aligned_moves() {
    ! x86_64-w64-mingw32-objdump -d "$1" | grep -E 'vmov(aps|apd|dqa|dqa32|dqa64) .*%[yz]mm' | grep '('
}

# same_exports FILE: what the headers declare, all of it and nothing else.
same_exports() {
    x86_64-w64-mingw32-objdump -p "$1" | sed -n 's/^\t*\[ *[0-9]*\].* \(adaptau_[a-z0-9_]*\)$/\1/p' | sort -u >"$work/exported"
    python3 "$source/lib/exports.py" "$source"/include/adaptau/*.h | sed -n 's/^ *\(adaptau_.*\)/\1/p' | sort -u >"$work/declared"
    [ -s "$work/exported" ] && diff "$work/declared" "$work/exported"
}

# check_dll FILE
check_dll() {
    check 'Windows, MinGW-w64: the library needs no other one' needs_no_other_library "$1"
    check 'Windows, MinGW-w64: it exports what the headers declare' same_exports "$1"
    check 'Windows, MinGW-w64: no wide register moves by an aligned address' no_aligned_moves "$1"
}

configure_windows() {
    rm -rf "$work/windows"
    check 'Windows, MinGW-w64: configured' meson setup "$work/windows" "$source" --werror --cross-file "$cross/x86_64-w64-mingw32.ini" \
        -Dblas=reference -Dbench=false "$@"
}

try_windows() {
    local tests=true ran=() built='library, programs, tests' compiler with_wine=()
    if ! command -v x86_64-w64-mingw32-gcc >/dev/null 2>&1; then
        echo 'skipped  Windows: no gcc-mingw-w64-x86-64'
        return
    fi
    compiler="gcc $(x86_64-w64-mingw32-gcc -dumpversion | cut -d- -f1), cross (MinGW-w64)"
    if [ -n "$small" ]; then # not optimised: what is asked is whether it builds
        configure_windows -Dtests=false -Dexamples=false -Doptimization=1 -Ddefault_library=shared &&
            check 'Windows, MinGW-w64: the library builds, without a warning' ninja -C "$work/windows" &&
            check_dll "$work/windows/lib/libadaptau-1.dll"
        return
    fi
    if ! check_for_windows; then
        echo "skipped  Windows: the tests, without Check ($work/check.log)"
        tests=false built='library, programs'
    fi
    ! command -v wine >/dev/null 2>&1 || with_wine=(--cross-file "$cross/wine.ini")
    configure_windows "${with_wine[@]}" -Dpkg_config_path="$work/check/lib/pkgconfig" -Dtests=$tests || return
    check "Windows, MinGW-w64: it builds, without a warning" ninja -C "$work/windows" || return
    check_dll "$work/windows/lib/libadaptau-1.dll"
    if [ ${#with_wine[@]} -eq 0 ]; then
        echo 'skipped  Windows: nothing ran, without wine'
        row 'Windows, 64-bit' "$compiler" "$built" 'nothing: there was no Wine'
        return
    fi
    export WINEPREFIX="$work/wine" WINEDEBUG=-all
    WINEPATH=$(printf 'Z:%s' "$work/windows/lib" | tr / '\\')
    export WINEPATH
    check 'Windows, Wine: adaptau-train trains and saves' wine "$work/windows/examples/adaptau-train.exe" \
        "$source/examples/data/debian-depends" --epochs 1 --save "$work/windows/model.safetensors" && ran+=("a training")
    check 'Windows, Wine: the graded programs' meson test -C "$work/windows" --no-rebuild --suite examples
    ran+=("graded programs: $(counts_of "$work/windows")")
    if [ $tests = true ]; then
        check 'Windows, Wine: tests' meson test -C "$work/windows" --no-rebuild --no-suite examples --no-suite slow
        ran+=("unit, api, kernels, misuse, faults: $(counts_of "$work/windows")")
    fi
    row 'Windows, 64-bit' "$compiler" "$built" "emulated by $(wine --version 2>/dev/null | sed 's/-/ /; s/ (.*//'): $(printf '%s; ' "${ran[@]}" | sed 's/; $//')"
}

# ---- what is refused -----------------------------------------------------------------------------------------------------

# refuses NAME WORDS OPTIONS...: configuring stops, and says why.
refuses() {
    local what=$1 words=$2
    shift 2
    rm -rf "$work/refused"
    if meson setup "$work/refused" "$source" -Dtests=false -Dexamples=false -Dbench=false "$@" >"$work/log" 2>&1; then
        echo "FAILED   $what: configured"
    elif grep -q "ERROR.*$words" "$work/log"; then
        echo "ok       $what: refused with a reason"
        return
    else
        echo "FAILED   $what: no word of $words"
        tail -n 5 "$work/log"
    fi
    status=1
    return 1
}

# refuses_cpu NAME WORDS FAMILY ENDIAN COMPILER...: for a CPU that is said to be the machine's. Nothing is linked or run for it.
refuses_cpu() {
    local name=$1 words=$2 family=$3 endian=$4
    shift 4
    cat >"$work/refused.ini" <<CROSS
[binaries]
c = [$(printf "'%s', " "$@")]
[properties]
needs_exe_wrapper = true
[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$family'
endian = '$endian'
CROSS
    refuses "$name" "$words" --cross-file "$work/refused.ini" && row "$name" "$*" 'refused when it is configured' ''
}

try_refused() {
    refuses_cpu 'i386 and other 32-bit CPUs' '64-bit pointers' x86 little cc -m32
    refuses_cpu 's390x and other big-endian CPUs' 'little-endian' s390x big cc
}

! wanted arm64 || try_arm64
! wanted windows || try_windows
! wanted refused || try_refused
[ -n "$small" ] || ! wanted compilers || try_compilers
if [ -z "$small" ]; then
    row macOS '' 'untried: there was no Mac; what its linker and C library lack is guarded' ''
    printf '\n| platform | compiler | built | what ran |\n| --- | --- | --- | --- |\n'
    cat "$table"
fi
exit $status
