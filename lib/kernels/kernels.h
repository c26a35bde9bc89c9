/* SPDX-License-Identifier: MIT */
/* The kernel table: every inner loop that a CPU can do better than plain C. ref.c defines what is correct; atau_kernels_select
 * starts from it and overwrites entries in rising order of speed. A new instruction set is one more file (in x86/ and arm/) with
 * one more table, whose NULL entries stay what they were. Tables are data: no code of a file runs on a CPU that cannot do it. */
#ifndef ATAU_KERNELS_H
#define ATAU_KERNELS_H

#include <adaptau/base.h>

#include <stddef.h>
#include <stdint.h>

#include "common/exact_math.h"

/* C[m x n] = A B, or C += A B. A(i, p) = a[i a_row + p a_column] with any strides; B [k x n] and C are row-major. */
typedef void (*atau_product_function)(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                                      const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride);

/* Coefficients of one Adam step. The row's gradient is g + decay e. */
struct atau_adam {
    float step;          /* lr/(1 − β₁^t)                                                                     */
    float second_scale;  /* 1/sqrt(1 − β₂^t)                                                                  */
    float beta1, beta2;
    float epsilon;
    float decay;         /* λ of the L2 term                                                                  */
    int   to_sphere;     /* bring the row back to length 1                                                    */
};

typedef void (*atau_adam_function)(int64_t n, const struct atau_adam *adam, const float *gradient, float *first,
                                   float *second, float *row);

/* Operands rounded to bfloat16 (to nearest, even; subnormal numbers are zero), two neighbours along k to a 32-bit word, the
 * first in the low half. Packed once and read by many products, whose sums are float32. A neighbour that is missing is 0. */
struct atau_bf16_kernels {
    /* words[i][p] = x[i][2p], x[i][2p + 1]: neighbours in a line. [lines x (columns + 1)/2] */
    void (*pack_lines)(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride);
    /* words[p][j] = x[2p][j], x[2p + 1][j]: neighbours in two lines. [(lines + 1)/2 x columns] */
    void (*pack_pairs)(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride);
    /* C[m x n] = A B, or C += A B, over `pairs` words of k. A(i, p) = a[i a_row + p a_column]; lines of B are words. */
    void (*product)(int64_t m, int64_t n, int64_t pairs, const uint32_t *a, int64_t a_row, int64_t a_column, const uint32_t *b,
                    int64_t b_stride, int accumulate, float *c, int64_t c_stride);
    /* exp_tile into words of both kinds (either may be NULL) while t stays; sums are of what was not rounded. */
    void (*exp_tile)(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum, uint32_t *in_lines, int64_t in_lines_stride, uint32_t *in_pairs,
                     int64_t in_pairs_stride);
};

/* Scores in integers of 8 bits, four neighbours along k to a 32-bit word, the first in the low byte: A's bytes are numbers + 128
 * without a sign, B's have one. A neighbour that is missing is 128 or 0. core/screen.h says what they are good for. */
struct atau_int8_kernels {
    /* Cells of an m x n product over `words` words of k, j << 16 | r, that are above a threshold; answers how many. With
     *   c(j, r) = start[r] + Σ_p Σ_byte A(j, p) B(p, r),   start[r] = −128 Σ B(·, r),
     * a cell is there where float(c) line_scale[j] · column_scale[r] + bias[j] > threshold[r]; the first product is rounded to
     * float32, the rest is one multiply-add. bias may be NULL: 0. A column's cells are in the order of lines. m, n <= 65535;
     * `cells` has room for m x n. */
    int64_t (*screen)(int64_t m, int64_t n, int64_t words, const uint32_t *a, int64_t a_row, const uint32_t *b, int64_t b_stride,
                      const int32_t *start, const float *line_scale, const float *column_scale, const float *bias,
                      const float *threshold, uint32_t *cells);
    /* scores[i] = x_j · y_r for cells[i] = j << 16 | r: the bits that the table's float32 `product` has. */
    void (*score_cells)(int64_t n, const uint32_t *cells, int64_t dim, const float *x, int64_t x_stride, const float *y,
                        int64_t y_stride, float *scores);
};

/* What rows are gathered from: entry c is weights[c] x[c]. */
struct atau_gather {
    const float *x;       /* [columns x dim]                                                                  */
    int64_t      stride;
    int64_t      dim;
    const float *weights; /* [columns], or NULL: 1                                                            */
};

/* out = base_scale base + left Σ_e weights[ids[e]] x[ids[e]] over e < n, in the order of ids; base may be NULL, and may be out.
 * ids[e] for n <= e < n_ahead will be asked for next: their rows may be fetched early. */
typedef void (*atau_gather_function)(const struct atau_gather *from, int64_t n, int64_t n_ahead, const int32_t *ids,
                                     float left, float base_scale, const float *base, float *out);

/* Half a unit in the last place of a larger number changes an exponential by more than 6 %, and soon beyond all bounds. */
#define ATAU_WIDE 0x1p20f

struct atau_kernels {
    atau_product_function          product;
    const struct atau_bf16_kernels *bf16; /* the engine's products on rounded operands, or NULL                */
    const struct atau_int8_kernels *int8; /* what screens scores for a ranking, or NULL                        */

    /* Tiles hold scores transposed: column r is a row of the batch, line j a candidate; so that per-row numbers are vectors. */

    /* t[j][r] = exp(t[j][r] scale[r] − shift[r] − log_q[j]), sum[r] += its column sums. log_q may be NULL. Exponents below
     * −104 give 0, so −inf is 0; above 88.7 they give +inf; NaN stays NaN. Where shift[r] or log_q[j] is not within ±ATAU_WIDE
     * the exponent is what max_tile compares, rounded as it is there, less shift[r]: relative to a maximum none is above 0. */
    void (*exp_tile)(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum);
    /* sum[r] += Σ_j exp(t[j][r] scale[r] − shift[r] − log_q[j]); t stays. */
    void (*exp_sum)(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                    const float *shift, const float *log_q, float *sum);
    /* With x = t[j][r] scale[r] − shift[r]: t[j][r] = 1/(1 + exp −x), sum[r] += Σ_j log(1 + exp x). Both are 0 below −104; NaN
     * stays NaN. */
    void (*softplus_tile)(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                          float *sum);
    /* maximum[r] = max(maximum[r], max_j t[j][r] scale[r] − log_q[j]). */
    void (*max_tile)(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                     const float *log_q, float *maximum);
    /* Positions with t[j][r] > threshold[r], as j << 16 | r, lines first; returns how many. lines, columns <= 65535;
     * hits has room for lines x columns. */
    int64_t (*filter_tile)(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *threshold,
                           uint32_t *hits);

    float (*dot)(int64_t n, const float *x, const float *y);
    /* y += alpha x */
    void (*axpy)(int64_t n, float alpha, const float *x, float *y);
    /* y = alpha x; in place when x == y */
    void (*scale)(int64_t n, float alpha, const float *x, float *y);
    /* y = x of binary16, exactly; NaN may have other bits. */
    void (*widen)(int64_t n, const uint16_t *x, float *y);
    atau_gather_function gather;
    /* One row: moments, step and, to_sphere, the new length. adam_row_shared has one second moment, of the mean of squares
     * (untouched when n = 0). */
    atau_adam_function adam_row;
    atau_adam_function adam_row_shared;
};

extern const struct atau_kernels atau_kernels_reference;
/* Defined where the compiler can build them. */
extern const struct atau_kernels atau_kernels_avx2, atau_kernels_avx512, atau_kernels_neon;
extern const struct atau_bf16_kernels atau_bf16_avx512, atau_bf16_neon;
extern const struct atau_int8_kernels atau_int8_avx512;
/* Define what the others must do; no table points to them, since they are slower than float32. */
extern const struct atau_bf16_kernels atau_bf16_reference;
extern const struct atau_int8_kernels atau_int8_reference;

/* Fill the table for a backend (ADAPTAU_BACKEND_*) and the ADAPTAU_CPU_* bits that may be used, and write its name. `remark` is
 * set to a line worth logging, or "". */
adaptau_status atau_kernels_select(int32_t backend, uint64_t cpu, struct atau_kernels *out, char name[64],
                                   char remark[160], adaptau_error *error);

/* Float32's time over bfloat16's for a product of the engine's kind, on this CPU: measured anew in each call. */
double atau_bf16_speed(const struct atau_kernels *kernels);

#endif
