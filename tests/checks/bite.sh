#!/bin/bash
# SPDX-License-Identifier: MIT
# bite.sh SOURCE WORK [CHECKER...]: does each checker find the fault it is for? A copy of the source gets one fault at a time,
# the checker must fail on it, and with the words that say why; the fault is taken out again. A fault that can no longer be
# planted is a failure, too.
set -u
root=$1 work=$2
shift 2
wanted=" $* "
mkdir -p "$work"
copy=$work/bite/source
rm -rf "$copy"
mkdir -p "$copy"
trap 'rm -rf "$copy"' EXIT
(cd "$root" && { git ls-files -co --exclude-standard 2>/dev/null || find . -type f; }) | sort -u |
    (cd "$root" && while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done | tar -cf - --null -T -) |
    tar -C "$copy" -xf -
failed=0

# plant FILE 'LINE' 'ANOTHER': behind the first line that is LINE comes ANOTHER.
plant() {
    cp -p "$copy/$1" "$copy/.untouched"
    planted=$1
    if ! grep -qxF -- "$2" "$copy/$1"; then
        echo "cannot be planted: $1 has no line '$2'"
        return 1
    fi
    awk -v line="$2" -v more="$3" '{ print } !done && $0 == line { print more; done = 1 }' "$copy/.untouched" >"$copy/$1"
}

take_out() {
    cat "$copy/.untouched" >"$copy/$planted"
    rm "$copy/.untouched"
}

# bites NAME 'WORDS' FILE 'LINE' 'ANOTHER' COMMAND...
bites() {
    local name=$1 words=$2 file=$3 line=$4 more=$5 status=0 log=$work/bite-$1.log
    shift 5
    [ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return
    if ! plant "$file" "$line" "$more"; then
        echo "FAILED  $name"
        failed=$((failed + 1))
        rm -f "$copy/.untouched"
        return
    fi
    (cd "$copy" && "$@") >"$log" 2>&1 || status=$?
    take_out
    if [ "$status" -eq 77 ]; then
        echo "skipped $name: $(tail -n 1 "$log")"
    elif [ "$status" -ne 0 ] && grep -qE -- "$words" "$log"; then
        echo "bites   $name: $(grep -oE -m 1 -- "$words" "$log" | head -n 1)"
    else
        echo "FAILED  $name does not see its fault (exit status $status, $log)"
        failed=$((failed + 1))
    fi
}

check() {
    script=$copy/tests/checks/$1.sh
    shift
    "$script" "$copy" "$work/bite" "$@"
}

reader=lib/files/safetensors_read.c grammar=lib/files/safetensors_header.c
header='    file->header_size = (size_t)length;'
npy='#define PREFIX_SIZE 10'
nothing='int nothing(int n);
int nothing(int n)
{
    const int *at = 0;
    return n > 3 ? *at : 0;
}'
lane='        int64_t task = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);'
kind='    int32_t  kind;                /**< ADAPTAU_SAMPLER_CATALOGUE, ...                                        */'

bites asan 'heap-buffer-overflow' $reader "$header" '    file->header[length + 64] = 0;' check sanitize asan test_formats
bites ubsan 'signed integer overflow' $reader "$header" \
    '    { volatile int most = 2147483647; most = most + 1; }' check sanitize asan test_formats
bites leak 'byte.s. leaked' $reader "$header" \
    '    { extern void *malloc(size_t); char *volatile lost = malloc(64); (void)lost; lost = 0; }' \
    check sanitize asan test_formats
bites tsan 'data race' lib/common/pool.c "$lane" \
    '        { static volatile int64_t last; last = last + task; }' check sanitize tsan test_model
bites msan 'use-of-uninitialized-value' $reader "$header" \
    '    if (file->header[0] == 1) return ADAPTAU_E_IO;' check sanitize msan fuzz_safetensors
bites valgrind 'depends on uninitialised value' $reader "$header" \
    '    if (file->header[0] == 1) return ADAPTAU_E_IO;' check valgrind test_formats
bites fuzz 'deadly signal' $grammar '        value = value * 10 + digit;' \
    '        if (value > 100000) __builtin_trap();' check fuzz 60 safetensors
bites coverage 'goal' lib/files/npy.c "$npy" 'int untested(int a);
int untested(int a)
{
    if (a == 1)
        a += 3;
    if (a == 2)
        a += 4;
    return a;
}' check coverage lib/files/npy.c test_formats
bites gcc 'analyzer-null-dereference' lib/files/npy.c "$npy" "$nothing" check analyze gcc lib/files/npy.c
bites clang 'NullDereference' lib/files/npy.c "$npy" "$nothing" check analyze clang lib/files/npy.c
bites abi 'adaptau_sampler_options' include/adaptau/sampler.h "$kind" '    int32_t  added;' \
    env ADAPTAU_BUILD="$work/bite/abi" ./dev/run abi

[ "$failed" -eq 0 ]
