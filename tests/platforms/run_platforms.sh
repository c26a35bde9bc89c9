#!/bin/sh
# SPDX-License-Identifier: MIT
# run_platforms.sh SOURCE WORK: cross-builds for arm64 and Windows, runs what fits under qemu-user and Wine, and tries platforms that
# must be refused.
# A line for each, "ok", "FAILED" or "skipped" with the reason (docs/platforms.md); the exit status is 1 when one failed.
set -u
source=$1 work=$2
mkdir -p "$work"
cross=$source/tests/platforms/cross
status=0

# check NAME COMMAND...
check() {
    what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok       $what"
    else
        echo "FAILED   $what"
        tail -n 30 "$work/log"
        status=1
    fi
}

# refuses NAME WORDS OPTIONS...: configuring stops, and says why.
refuses() {
    what=$1 words=$2
    shift 2
    rm -rf "$work/refused"
    if meson setup "$work/refused" "$source" -Dtests=false -Dexamples=false -Dbench=false "$@" >"$work/log" 2>&1; then
        echo "FAILED   $what: configured"
        status=1
    elif grep -q "ERROR.*$words" "$work/log"; then
        echo "ok       $what: refused with a reason"
    else
        echo "FAILED   $what: no word of $words"
        tail -n 5 "$work/log"
        status=1
    fi
}

emulate() {
    timeout -s KILL 300 qemu-aarch64 -L /usr/aarch64-linux-gnu "$@"
}

same_bits() {
    cc -std=c11 -O3 -mavx2 -mfma -ffp-contract=off -D_POSIX_C_SOURCE=200809L -I"$source/include" -I"$source/lib" \
        -c "$source/lib/kernels/x86/avx2.c" -o "$work/avx2.o" &&
        compile cc -DADAPTAU_HAVE_AVX2=1 "$work/avx2.o" -o "$work/bits-x86" &&
        compile aarch64-linux-gnu-gcc -DADAPTAU_HAVE_NEON=1 "$source/lib/kernels/arm/neon.c" -o "$work/bits-arm" &&
        "$work/bits-x86" >"$work/x86.txt" && emulate "$work/bits-arm" >"$work/arm.txt" && diff "$work/x86.txt" "$work/arm.txt"
}

# compile COMPILER ARGUMENTS...: kernel_bits and what it needs of the library.
compile() {
    compiler=$1
    shift
    "$compiler" -std=c11 -O3 -ffp-contract=off -D_POSIX_C_SOURCE=200809L -I"$source/include" -I"$source/lib" \
        "$source/tests/kernels/kernel_bits.c" "$source/lib/kernels/select.c" "$source/lib/kernels/ref.c" \
        "$source/lib/kernels/blas.c" "$source/lib/common/cpu.c" "$source/lib/common/error.c" "$source/lib/os/posix/system.c" "$@" -lm
}

if command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 && command -v qemu-aarch64 >/dev/null 2>&1; then
    rm -rf "$work/arm64"
    if [ -e /usr/lib/aarch64-linux-gnu/libcheck.a ] || [ -e /usr/lib/aarch64-linux-gnu/libcheck.so ]; then
        with='unit and kernel tests' tests=true
    else
        with='without tests: no check:arm64' tests=false
    fi
    check "arm64, gcc: configured, $with" meson setup "$work/arm64" "$source" --werror --cross-file "$cross/aarch64-linux-gnu.ini" \
        -Dblas=reference -Dexamples=false -Dbench=false -Dtests=$tests
    check 'arm64, gcc: the library builds' ninja -C "$work/arm64" lib/libadaptau.a "lib/libadaptau.so.$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$source/meson.build")"
    if [ $tests = true ]; then
        for name in select closed_forms random formats cpu_count; do
            check "arm64, gcc, emulated: test_$name" sh -c "ninja -C '$work/arm64' tests/test_$name &&
                timeout -s KILL 300 qemu-aarch64 -L /usr/aarch64-linux-gnu '$work/arm64/tests/test_$name'"
        done
    fi
    if grep -qw avx2 /proc/cpuinfo; then
        check 'arm64, gcc, emulated: NEON kernels give the bits of AVX2' same_bits
    fi
    "$source/tests/platforms/count_instructions.sh" "$source" "$work/count" || status=1
else
    echo 'skipped  arm64: no gcc-aarch64-linux-gnu or qemu-user'
fi

# Check for Windows, from Debian's source package: there is no package of it. Its folder is printed.
check_for_windows() {
    prefix=$work/check
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

if command -v x86_64-w64-mingw32-gcc >/dev/null 2>&1; then
    rm -rf "$work/windows"
    if check_for_windows; then
        tests=true
    else
        echo "skipped  Windows: the tests, without Check ($work/check.log)"
        tests=false
    fi
    check 'Windows, MinGW-w64: configured' meson setup "$work/windows" "$source" --werror --cross-file "$cross/x86_64-w64-mingw32.ini" \
        -Dpkg_config_path="$work/check/lib/pkgconfig" -Dblas=reference -Dbench=false -Dtests=$tests
    check 'Windows, MinGW-w64: library, programs and tests build' ninja -C "$work/windows"
    dll=$work/windows/lib/libadaptau-1.dll
    check 'Windows, MinGW-w64: the library needs no other one' needs_no_other_library "$dll"
    check 'Windows, MinGW-w64: it exports what the headers declare' same_exports "$dll"
    check 'Windows, MinGW-w64: no wide register moves by an aligned address' no_aligned_moves "$dll"
    if command -v wine >/dev/null 2>&1; then
        export WINEPREFIX="$work/wine" WINEDEBUG=-all
        WINEPATH=$(printf 'Z:%s' "$work/windows/lib" | tr / '\\')
        export WINEPATH
        check 'Windows, Wine: adaptau-train trains and saves' wine "$work/windows/examples/adaptau-train.exe" \
            "$source/examples/data/debian-depends" --epochs 1 --save "$work/windows/model.safetensors"
        check 'Windows, Wine: the graded programs' meson test -C "$work/windows" --no-rebuild --suite examples
        if [ $tests = true ]; then
            check 'Windows, Wine: tests' meson test -C "$work/windows" --no-rebuild --no-suite examples
            sed -n 's/^\(Ok\|Fail\|Skipped\|Timeout\): *\([0-9]*\).*/         \1 \2/p' "$work/log"
        fi
    else
        echo 'skipped  Windows: nothing ran, without wine'
    fi
else
    echo 'skipped  Windows: no gcc-mingw-w64-x86-64'
fi

if printf 'int main(void) { return 0; }' | cc -m32 -x c - -o "$work/m32" 2>/dev/null; then
    refuses i386 '64-bit pointers' -Dc_args=-m32 -Dc_link_args=-m32
else
    echo 'skipped  i386: no gcc-multilib'
fi
exit $status
