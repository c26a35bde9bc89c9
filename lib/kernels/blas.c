/* SPDX-License-Identifier: MIT */
/* The only file that includes blis.h. BLIS is shared with the host: nothing here changes its global state (thread counts,
 * bli_finalize); every call carries its own one-thread runtime. */
#include "kernels/blas.h"

#include "common/error.h"

#ifdef ADAPTAU_HAVE_BLIS

#include <adaptau/context.h>

#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header names its version since 1.0; before 0.9 rntm_t was another. The layout changed in between under one soname. */
#ifdef BLIS_VERSION_STRING
#define COMPILED_VERSION BLIS_VERSION_STRING
#else
#define COMPILED_VERSION "0.9.0"
#endif

/* What bli_init and a call's small blocks need at most, with room to spare. */
#define SMALL_BLOCKS ((size_t)1 << 20)

int atau_blas_built_in(void)
{
    return 1;
}

static adaptau_status probe(size_t bytes, adaptau_error *error)
{
    void *volatile block = malloc(bytes); /* a compiler may leave out an allocation that nobody looks at        */
    if (!block)
        return atau_fail_memory(error, bytes, "BLIS");
    free(block);
    return ADAPTAU_OK;
}

adaptau_status atau_blas_open(uint64_t cpu, char name[64], char remark[160], adaptau_error *error)
{
    const char *loaded = bli_info_get_version_str();
    if (strcmp(loaded, COMPILED_VERSION) != 0)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "BLIS %s is loaded, but the library was built with BLIS %s", loaded,
                         COMPILED_VERSION);
    adaptau_status status = probe(SMALL_BLOCKS, error);
    if (status != ADAPTAU_OK)
        return status;
    bli_init();
    arch_t arch = bli_arch_query_id();
    snprintf(name, 64, "blis %s %s", loaded, bli_arch_string(arch));
    remark[0] = '\0';
    if (arch == BLIS_ARCH_GENERIC && (cpu & ADAPTAU_CPU_AVX2))
        snprintf(remark, 160, "%s",
                 "BLIS does not know this CPU and runs generic kernels, several times slower: set BLIS_ARCH_TYPE in the "
                 "environment or use the native backend");
    return ADAPTAU_OK;
}

static size_t packing_bytes(packbuf_t kind)
{
    return bli_pool_block_size(bli_pba_pool((dim_t)bli_packbuf_index(kind), bli_pba_query()));
}

adaptau_status atau_blas_probe_memory(int32_t n_threads, adaptau_error *error)
{
    size_t one = packing_bytes(BLIS_BUFFER_FOR_A_BLOCK) + packing_bytes(BLIS_BUFFER_FOR_B_PANEL) + SMALL_BLOCKS;
    return probe((size_t)n_threads * one, error);
}

static void clear_lines(int64_t m, int64_t n, float *c, int64_t c_stride)
{
    for (int64_t i = 0; i < m; i++)
        memset(c + i * c_stride, 0, (size_t)n * sizeof *c);
}

/* The path for small matrices ("sup") is off: with guard pages behind the operands its kernels for Haswell and Zen read past
 * C where C is accumulated into (one call in six), and past A and B where those are not packed (upstream issues 635 and 821);
 * packing both does not cure it. The other path packs both and takes the edges of C through a buffer: none of 288,000 calls
 * read outside with the kernels for Skylake, Haswell, Zen 1 to 3 and generic. It also adds in one order for every m and n. It
 * costs 15 % on tiles of 128 x 128 x 64 (85 instead of 100 GFLOP/s with the Zen 3 kernels) and nothing on large ones. */
void atau_blas_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                       int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    if (m == 0 || n == 0)
        return;
    if (k == 0) {
        if (!accumulate)
            clear_lines(m, n, c, c_stride);
        return;
    }
    /* BLIS aborts on strides that it deems wrong, even where there is one line and they don't matter. */
    if (m == 1) {
        a_row = a_column * k;
        c_stride = n;
    }
    if (k == 1) {
        a_column = a_row * m;
        b_stride = n;
    }
    rntm_t one_thread = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &one_thread);
    bli_rntm_disable_l3_sup(&one_thread);
    float one = 1.0f, beta = accumulate ? 1.0f : 0.0f;
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one, (float *)(uintptr_t)a, a_row, a_column,
                 (float *)(uintptr_t)b, b_stride, 1, &beta, c, c_stride, 1, NULL, &one_thread);
}

#else

int atau_blas_built_in(void)
{
    return 0;
}

adaptau_status atau_blas_open(uint64_t cpu, char name[64], char remark[160], adaptau_error *error)
{
    (void)cpu;
    (void)name;
    (void)remark;
    return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "the BLIS backend is not built in");
}

adaptau_status atau_blas_probe_memory(int32_t n_threads, adaptau_error *error)
{
    (void)n_threads;
    return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "the BLIS backend is not built in");
}

void atau_blas_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                       int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    atau_kernels_reference.product(m, n, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
}

#endif
