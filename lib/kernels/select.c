/* SPDX-License-Identifier: MIT */
/* From a backend and a CPU to a filled kernel table. */
#include "kernels/kernels.h"

#include <adaptau/context.h>

#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "kernels/blas.h"

#if defined(ADAPTAU_HAVE_AVX2) || defined(ADAPTAU_HAVE_NEON)
/* Take over the entries that `better` has. A table is pointers and nothing else. */
static void overlay(struct atau_kernels *table, const struct atau_kernels *better)
{
    static const unsigned char missing[sizeof(void (*)(void))];
    const unsigned char       *from = (const unsigned char *)better;
    unsigned char             *to = (unsigned char *)table;
    for (size_t at = 0; at < sizeof *table; at += sizeof missing)
        if (memcmp(from + at, missing, sizeof missing) != 0)
            memcpy(to + at, from + at, sizeof missing);
}
#endif

/* Overwrite what the CPU does better; answers the native backend's name, or NULL where it has none. The AVX-512 file is
 * compiled with AVX2 allowed as well, so that switching AVX2 off switches both off. */
static const char *fill_native(uint64_t cpu, struct atau_kernels *table)
{
    const char *name = NULL;
    (void)table;
#ifdef ADAPTAU_HAVE_NEON
    if (cpu & ADAPTAU_CPU_NEON) {
        overlay(table, &atau_kernels_neon);
        name = "native neon";
#ifdef ADAPTAU_HAVE_NEON_BF16
        if (cpu & ADAPTAU_CPU_NEON_BF16)
            table->bf16 = &atau_bf16_neon;
#endif
    }
#endif
    if (!(cpu & ADAPTAU_CPU_AVX2))
        return name;
#ifdef ADAPTAU_HAVE_AVX2
    overlay(table, &atau_kernels_avx2);
    name = "native avx2";
#endif
#ifdef ADAPTAU_HAVE_AVX512
    if (cpu & ADAPTAU_CPU_AVX512) {
        overlay(table, &atau_kernels_avx512);
        name = "native avx512";
        if (cpu & ADAPTAU_CPU_AVX512_BF16)
            table->bf16 = &atau_bf16_avx512;
        if (cpu & ADAPTAU_CPU_AVX512_VNNI)
            table->int8 = &atau_int8_avx512;
    }
#endif
    return name;
}

static adaptau_status refuse_native(uint64_t cpu, adaptau_error *error)
{
    return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "backend = %d (native), but %s", ADAPTAU_BACKEND_NATIVE,
                     cpu & (ADAPTAU_CPU_AVX2 | ADAPTAU_CPU_NEON)
                         ? "it is not built in"
                         : "the CPU has neither AVX2 nor NEON, or cpu_disable forbids it");
}

/* Products by BLIS over a table whose other entries are there. When another version of BLIS than the one compiled against is
 * loaded the table stays as it is, and the remark says so: a host keeps working when its system is upgraded. */
static adaptau_status use_blis(uint64_t cpu, struct atau_kernels *table, char name[64], char remark[160],
                               adaptau_error *error)
{
    adaptau_error  reason;
    adaptau_status status = atau_blas_open(cpu, name, remark, &reason);
    if (status == ADAPTAU_OK) {
        table->product = atau_blas_product;
        table->bf16 = NULL;
        table->int8 = NULL; /* cells must have the bits of the product                                         */
    }
    else if (status == ADAPTAU_E_UNSUPPORTED && atau_blas_built_in())
        snprintf(remark, 160, "%.100s: using %.36s instead", reason.message, name);
    else
        return atau_fail(error, status, "%s", reason.message);
    return ADAPTAU_OK;
}

/* AUTO prefers the own kernels wherever they exist. On the tiles of the engine (128 x 128 x 64, 128 x 64 x 128) one Zen 5 core
 * did 117 GFLOP/s with AVX2 against BLIS's 80 to 85 on the same instructions (100 in a setting that reads past its operands),
 * and 230 with AVX-512 against 125: B is small and hot, so that packing it is work for nothing. BLIS is ahead only where the
 * lines of B lie 4 KiB or more apart (256 x 1024 x 64: 105 against 75 with AVX2), which no tile's do. Where there are no own
 * kernels even BLIS's generic ones beat plain C by 5. */
adaptau_status atau_kernels_select(int32_t backend, uint64_t cpu, struct atau_kernels *out, char name[64],
                                   char remark[160], adaptau_error *error)
{
    struct atau_kernels table = atau_kernels_reference;
    const char         *native = backend == ADAPTAU_BACKEND_REFERENCE ? NULL : fill_native(cpu, &table);
    int                 blis = backend == ADAPTAU_BACKEND_BLIS;
    adaptau_status      status = ADAPTAU_OK;
    if (backend < ADAPTAU_BACKEND_AUTO || backend > ADAPTAU_BACKEND_NATIVE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "backend = %d is none of ADAPTAU_BACKEND_*", backend);
    if (backend == ADAPTAU_BACKEND_NATIVE && !native)
        return refuse_native(cpu, error);
    if (backend == ADAPTAU_BACKEND_AUTO && !native)
        blis = atau_blas_built_in();
    remark[0] = '\0';
    snprintf(name, 64, "%s", native ? native : "reference");
    if (blis)
        status = use_blis(cpu, &table, name, remark, error);
    if (status == ADAPTAU_OK)
        *out = table;
    return status;
}
