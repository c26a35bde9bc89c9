#!/bin/sh
# SPDX-License-Identifier: MIT
# count_instructions.sh SOURCE WORK: instructions that the NEON products execute under qemu for each multiply-add, on shapes of the
# engine. The limit of the one in float32 is 1.25 times what BLIS's kernel for these cores (8 x 12, kernels/armv8a/3) takes in its
# loop: 96 FMLA, 20 loads, 5 prefetches and 4 instructions of the loop for 384, which is .326 without its packing. That is counted
# in its source, since Debian's BLIS for arm64 has generic kernels alone. The one in bfloat16 has no counterpart there: its limit is
# .6 of that. The difference of 11 products and 1: starting does not count.
set -eu
source=$1 work=$2
mkdir -p "$work"
for need in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $need >/dev/null 2>&1 || { echo "skipped  instructions of the NEON products: no $need"; exit 77; }
done
cd "$source"
cc -O2 -shared -fPIC -o "$work/count.so" tests/platforms/count_plugin.c
compile() {
    aarch64-linux-gnu-gcc -std=c11 -O3 -D_POSIX_C_SOURCE=200809L -ffp-contract=off -Iinclude -Ilib -DADAPTAU_HAVE_NEON=1 \
        -DADAPTAU_HAVE_NEON_BF16=1 "$@"
}
compile -march=armv8.2-a+bf16 -c lib/kernels/arm/neon_bf16.c -o "$work/neon_bf16.o"
compile tests/platforms/count_product.c lib/kernels/select.c lib/kernels/ref.c lib/kernels/blas.c lib/kernels/arm/neon.c \
    lib/common/cpu.c lib/common/error.c lib/os/posix/system.c "$work/neon_bf16.o" -lm -o "$work/count_product"

# executed M N K WAY TIMES
executed() {
    qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu -plugin "$work/count.so" "$work/count_product" "$@" 2>&1 | sed -n 's/^executed //p'
}

status=0
for shape in '128 128 64' '128 64 128' '120 96 64'; do
    for way in 0 1 2 3; do
        # shellcheck disable=SC2086
        line=$(echo "$(executed $shape $way 11) $(executed $shape $way 1) $shape $way" | awk '{
            per = ($1 - $2) / (10 * $3 * $4 * $5); ratio = per / .326; rounded = $6 > 1
            good = per > (rounded ? .0625 : .25) && ratio <= (rounded ? .6 : 1.25)
            printf "%s  arm64, gcc, emulated: %s product, %d x %d x %d, A by %s: %.3f instructions for each multiply-add, %.2f times BLIS\n",
                   good ? "ok     " : "FAILED ", rounded ? "bfloat16" : "float32", $3, $4, $5, $6 % 2 ? "columns" : "rows", per, ratio }')
        echo "$line"
        case $line in FAILED*) status=1 ;; esac
    done
done
exit $status
