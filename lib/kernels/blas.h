/* SPDX-License-Identifier: MIT */
/* The only way to BLIS. Everything is here in a build without it too: atau_blas_open then says so. */
#ifndef ATAU_BLAS_H
#define ATAU_BLAS_H

#include "kernels/kernels.h"

/* 1 in a build with BLIS. */
int atau_blas_built_in(void);

/* Start BLIS if the host has not, compare its version with the one compiled against, and write what runs ("blis 0.9.0 zen3").
 * `cpu` (ADAPTAU_CPU_*) tells whether generic kernels deserve a remark, which is "" otherwise.
 * E_UNSUPPORTED: not built in, or another version is loaded, whose structs may differ. E_MEMORY. */
adaptau_status atau_blas_open(uint64_t cpu, char name[64], char remark[160], adaptau_error *error);

/* E_MEMORY when the packing buffers of n_threads concurrent products cannot be had. BLIS aborts the process where its malloc
 * fails, so ask first, then run a product on every thread: BLIS keeps the buffers, and allocates again only when more products
 * run at once than ever before. */
adaptau_status atau_blas_probe_memory(int32_t n_threads, adaptau_error *error);

/* An atau_product_function on the calling thread alone, whatever the environment says. Strides are positive where there is more
 * than one row or column. A value depends on its row of A, its column of B and k, not on m, n or alignment. */
void atau_blas_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                       int64_t b_stride, int accumulate, float *c, int64_t c_stride);

#endif
