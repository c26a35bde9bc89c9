/* SPDX-License-Identifier: MIT */
/* A = D_u^{-1/2} R D_i^{-1/2}, R and its row and column sums D by the weights of interactions. With k = d and a few more columns, Ω random
 * [m x k]:
 *
 *     Y = A Ω;   ROUNDS times:  Q = orth(Y),  Z = Aᵀ Q,  Y = A orth(Z);   Q = orth(Y)
 *     B = Aᵀ Q [m x k],  BᵀB = W Λ Wᵀ,  S = sqrt(Λ),  U = Q W,  V = B W S^{-1}
 *
 * orth by Cholesky of the k x k Gram matrix in double precision, twice, which is as good as a Householder QR unless Y is nearly
 * singular; a column that the first round finds dependent becomes 0. The road not taken: Lanczos is cheaper in products and
 * harder to make deterministic over threads. */
#include "core/spectral.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/progress.h"
#include "common/random.h"
#include "common/size.h"
#include "core/dataset.h"
#include "kernels/propagate.h"

#define EXTRA_COLUMNS 8
#define ROUNDS 4
#define N_PRODUCTS (2 * ROUNDS + 2)
#define ROWS_PER_TASK 256
#define GRAM_PARTS 32
#define JACOBI_SWEEPS 30

struct spectral {
    adaptau_context       *context;
    const adaptau_dataset *dataset;
    int64_t                k;
    int64_t                done; /* products                                                                  */
    float                 *tall; /* [n x k] Y, Q                                                              */
    float                 *wide; /* [m x k] Ω, Z, B                                                           */
    double                *gram; /* [k x k]                                                                   */
    double                *vectors; /* [k x k] eigenvectors, a column each                                    */
    double                *parts;   /* [GRAM_PARTS x k x k]                                                   */
    double                *lanes;   /* [lanes x k]                                                            */
    float                 *factor;  /* [k x k] what rows are multiplied by                                    */
    float                 *user_scale, *item_scale; /* [n], [m] D^{-1/2}                                      */

    /* the running parallel call */
    const float *source;
    float       *target;
    int64_t      n_rows;
};

static void lay_out(struct spectral *x, struct atau_arena *arena)
{
    const size_t k = (size_t)x->k;
    x->tall = atau_arena_take(arena, (uint64_t)x->dataset->n_users, k * sizeof(float));
    x->wide = atau_arena_take(arena, (uint64_t)x->dataset->n_items, k * sizeof(float));
    x->gram = atau_arena_take(arena, k, k * sizeof(double));
    x->vectors = atau_arena_take(arena, k, k * sizeof(double));
    x->parts = atau_arena_take(arena, GRAM_PARTS * k, k * sizeof(double));
    x->lanes = atau_arena_take(arena, (uint64_t)adaptau_context_n_threads(x->context), k * sizeof(double));
    x->factor = atau_arena_take(arena, k, k * sizeof(float));
    x->user_scale = atau_arena_take(arena, (uint64_t)x->dataset->n_users, sizeof(float));
    x->item_scale = atau_arena_take(arena, (uint64_t)x->dataset->n_items, sizeof(float));
}

/* ---- A and Aᵀ ------------------------------------------------------------------------------------------------------- */

static float inverse_root(double degree)
{
    return degree > 0.0 ? (float)(1.0 / sqrt(degree)) : 0.0f;
}

static void set_scales(struct spectral *x)
{
    for (int32_t u = 0; u < x->dataset->n_users; u++)
        x->user_scale[u] = inverse_root(atau_user_weight(x->dataset, u));
    for (int32_t i = 0; i < x->dataset->n_items; i++)
        x->item_scale[i] = inverse_root(atau_item_weight(x->dataset, i));
}

/* tall = A wide, or wide = Aᵀ tall */
static adaptau_status multiply(struct spectral *x, bool transposed, adaptau_error *error)
{
    const adaptau_dataset *data = x->dataset;
    struct atau_sparse     a = {data->n_users, data->user_ptr, data->user_items, x->user_scale, x->item_scale,
                                    NULL,          data->user_weights};
    struct atau_sparse     t = {data->n_items, data->item_ptr, data->item_users, x->item_scale, x->user_scale,
                                    NULL,          data->item_weights};
    const struct atau_propagation product = {.dim = x->k,
                                             .x = transposed ? x->tall : x->wide,
                                             .x_stride = x->k,
                                             .scale = 1.0f,
                                             .out = transposed ? x->wide : x->tall,
                                             .out_stride = x->k};
    adaptau_status status = atau_propagate(x->context, transposed ? &t : &a, &product, error);
    return status == ADAPTAU_OK ? atau_progress(x->context, ADAPTAU_PROGRESS_SPECTRAL, ++x->done, N_PRODUCTS, error) : status;
}

/* ---- the Gram matrix and what follows from it --------------------------------------------------------------------------- */

static void gram_part(void *argument, int32_t lane, int64_t part)
{
    struct spectral *x = argument;
    const int64_t    k = x->k, first = x->n_rows * part / GRAM_PARTS, end = x->n_rows * (part + 1) / GRAM_PARTS;
    double          *sum = x->parts + part * k * k;
    (void)lane;
    memset(sum, 0, (size_t)(k * k) * sizeof(double));
    for (int64_t r = first; r < end; r++) {
        const float *row = x->source + r * k;
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j <= i; j++)
                sum[i * k + j] += (double)row[i] * (double)row[j];
    }
}

/* gram = rowsᵀ rows */
static adaptau_status form_gram(struct spectral *x, const float *rows, int64_t n_rows, adaptau_error *error)
{
    const int64_t k = x->k;
    x->source = rows;
    x->n_rows = n_rows;
    adaptau_status status = atau_parallel(x->context, GRAM_PARTS, gram_part, x, error);
    memset(x->gram, 0, (size_t)(k * k) * sizeof(double));
    for (int64_t part = 0; part < GRAM_PARTS; part++)
        for (int64_t e = 0; e < k * k; e++)
            x->gram[e] += x->parts[part * k * k + e];
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i + 1; j < k; j++)
            x->gram[i * k + j] = x->gram[j * k + i];
    return status;
}

static void multiply_factor_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct spectral *x = argument;
    const int64_t    k = x->k;
    double          *sum = x->lanes + lane * k;
    for (int64_t r = first; r < end; r++) {
        float *row = x->target + r * k;
        memset(sum, 0, (size_t)k * sizeof(double));
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < k; j++)
                sum[j] += (double)row[i] * (double)x->factor[i * k + j];
        for (int64_t j = 0; j < k; j++)
            row[j] = (float)sum[j];
    }
}

/* rows ← rows · factor */
static adaptau_status multiply_factor(struct spectral *x, float *rows, int64_t n_rows, adaptau_error *error)
{
    x->target = rows;
    x->n_rows = n_rows;
    return atau_parallel_rows(x->context, n_rows, ROWS_PER_TASK, multiply_factor_rows, x, error);
}

/* gram = L Lᵀ; factor = L^{-T}, so that rows · factor has orthonormal columns. A dependent column becomes 0. */
static void invert_cholesky(struct spectral *x)
{
    const int64_t k = x->k;
    double       *l = x->gram, *inverse = x->vectors;
    double        trace = 0.0;
    for (int64_t i = 0; i < k; i++)
        trace += l[i * k + i];
    for (int64_t j = 0; j < k; j++) {
        double pivot = l[j * k + j];
        for (int64_t p = 0; p < j; p++)
            pivot -= l[j * k + p] * l[j * k + p];
        bool dependent = !(pivot > 1e-12 * trace);
        l[j * k + j] = dependent ? 0.0 : sqrt(pivot);
        for (int64_t i = j + 1; i < k; i++) {
            double value = l[i * k + j];
            for (int64_t p = 0; p < j; p++)
                value -= l[i * k + p] * l[j * k + p];
            l[i * k + j] = dependent ? 0.0 : value / l[j * k + j];
        }
    }
    memset(inverse, 0, (size_t)(k * k) * sizeof(double));
    for (int64_t j = 0; j < k; j++)
        for (int64_t i = j; i < k && l[j * k + j] > 0.0; i++) {
            double value = i == j ? 1.0 : 0.0;
            for (int64_t p = j; p < i; p++)
                value -= l[i * k + p] * inverse[p * k + j];
            inverse[i * k + j] = l[i * k + i] > 0.0 ? value / l[i * k + i] : 0.0;
        }
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++)
            x->factor[i * k + j] = (float)inverse[j * k + i];
}

static adaptau_status orthonormalise(struct spectral *x, float *rows, int64_t n_rows, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int twice = 0; twice < 2 && status == ADAPTAU_OK; twice++) {
        status = form_gram(x, rows, n_rows, error);
        invert_cholesky(x);
        if (status == ADAPTAU_OK)
            status = multiply_factor(x, rows, n_rows, error);
    }
    return status;
}

/* Rotate rows and columns p and q of the symmetric `a` so that a[p][q] becomes 0; gather the rotation in `v`. */
static void rotate(int64_t k, double *a, double *v, int64_t p, int64_t q)
{
    double off = a[p * k + q];
    if (off == 0.0)
        return;
    double theta = (a[q * k + q] - a[p * k + p]) / (2.0 * off);
    double t = (theta >= 0.0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
    for (int64_t i = 0; i < k; i++) {
        double x = a[i * k + p], y = a[i * k + q];
        a[i * k + p] = c * x - s * y;
        a[i * k + q] = s * x + c * y;
    }
    for (int64_t i = 0; i < k; i++) {
        double x = a[p * k + i], y = a[q * k + i];
        a[p * k + i] = c * x - s * y;
        a[q * k + i] = s * x + c * y;
        x = v[i * k + p];
        y = v[i * k + q];
        v[i * k + p] = c * x - s * y;
        v[i * k + q] = s * x + c * y;
    }
}

/* Eigenvectors of gram into the columns of vectors (cyclic Jacobi); eigenvalues stay on gram's diagonal. */
static void diagonalise(struct spectral *x)
{
    const int64_t k = x->k;
    memset(x->vectors, 0, (size_t)(k * k) * sizeof(double));
    for (int64_t i = 0; i < k; i++)
        x->vectors[i * k + i] = 1.0;
    for (int sweep = 0; sweep < JACOBI_SWEEPS; sweep++) {
        double off = 0.0, diagonal = 0.0;
        for (int64_t i = 0; i < k; i++) {
            diagonal += x->gram[i * k + i] * x->gram[i * k + i];
            for (int64_t j = i + 1; j < k; j++)
                off += x->gram[i * k + j] * x->gram[i * k + j];
        }
        if (off <= 1e-26 * diagonal)
            return;
        for (int64_t p = 0; p < k; p++)
            for (int64_t q = p + 1; q < k; q++)
                rotate(k, x->gram, x->vectors, p, q);
    }
}

/* Position of the rank-th largest eigenvalue. */
static int64_t ranked(const struct spectral *x, int64_t rank)
{
    for (int64_t i = 0; i < x->k; i++) {
        int64_t larger = 0;
        double  own = x->gram[i * x->k + i];
        for (int64_t j = 0; j < x->k; j++) {
            double other = x->gram[j * x->k + j];
            larger += other > own || (other == own && j < i);
        }
        if (larger == rank)
            return i;
    }
    return 0;
}

/* factor[:, j] = w_j λ_j^power for the j-th largest eigenvalue λ_j of BᵀB = S². */
static void set_factor(struct spectral *x, double power)
{
    const int64_t k = x->k;
    for (int64_t j = 0; j < k; j++) {
        int64_t column = ranked(x, j);
        double  value = x->gram[column * k + column];
        double  scale = value > 1e-12 ? pow(value, power) : 0.0;
        for (int64_t i = 0; i < k; i++)
            x->factor[i * k + j] = (float)(x->vectors[i * k + column] * scale);
    }
}

static void copy_columns(const float *rows, int64_t n_rows, int64_t k, int32_t dim, float *out, int64_t stride)
{
    int64_t columns = k < dim ? k : dim;
    for (int64_t r = 0; r < n_rows; r++) {
        memset(out + r * stride, 0, (size_t)dim * sizeof(float));
        memcpy(out + r * stride, rows + r * k, (size_t)columns * sizeof(float));
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------------------- */

static void draw_start(struct spectral *x, uint64_t seed)
{
    for (int64_t i = 0; i < x->dataset->n_items; i++) {
        struct atau_stream stream;
        atau_stream_start(&stream, seed, ATAU_RANDOM_SKETCH, (uint64_t)i, 0);
        for (int64_t j = 0; j < x->k; j++)
            x->wide[i * x->k + j] = (float)atau_stream_normal(&stream);
    }
}

static adaptau_status iterate(struct spectral *x, adaptau_error *error)
{
    const int64_t  n = x->dataset->n_users, m = x->dataset->n_items;
    adaptau_status status = multiply(x, false, error);
    for (int round = 0; round < ROUNDS && status == ADAPTAU_OK; round++) {
        status = orthonormalise(x, x->tall, n, error);
        if (status == ADAPTAU_OK)
            status = multiply(x, true, error);
        if (status == ADAPTAU_OK)
            status = orthonormalise(x, x->wide, m, error);
        if (status == ADAPTAU_OK)
            status = multiply(x, false, error);
    }
    if (status == ADAPTAU_OK)
        status = orthonormalise(x, x->tall, n, error);
    return status == ADAPTAU_OK ? multiply(x, true, error) : status;
}

/* With Λ = S²: U sqrt(S) = Q W Λ^{1/4}, and V sqrt(S) = B W S^{-1} S^{1/2} = B W Λ^{-1/4}. */
static adaptau_status finish(struct spectral *x, adaptau_error *error)
{
    const int64_t  n = x->dataset->n_users, m = x->dataset->n_items;
    adaptau_status status = form_gram(x, x->wide, m, error);
    if (status != ADAPTAU_OK)
        return status;
    diagonalise(x);
    set_factor(x, 0.25);
    status = multiply_factor(x, x->tall, n, error);
    set_factor(x, -0.25);
    return status == ADAPTAU_OK ? multiply_factor(x, x->wide, m, error) : status;
}

adaptau_status atau_spectral(adaptau_context *context, const adaptau_dataset *dataset, int32_t dim, uint64_t seed,
                             float *users, int64_t user_stride, float *items, int64_t item_stride, adaptau_error *error)
{
    struct spectral   x = {.context = context, .dataset = dataset};
    struct atau_arena arena = {0};
    x.k = atau_min_i64((int64_t)dim + EXTRA_COLUMNS, atau_min_i64(dataset->n_users, dataset->n_items));
    lay_out(&x, &arena);
    adaptau_status status = atau_arena_allocate(context, &arena, "the randomised SVD", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&x, &arena);
    set_scales(&x);
    draw_start(&x, seed);
    status = iterate(&x, error);
    if (status == ADAPTAU_OK)
        status = finish(&x, error);
    if (status == ADAPTAU_OK) {
        copy_columns(x.tall, dataset->n_users, x.k, dim, users, user_stride);
        copy_columns(x.wide, dataset->n_items, x.k, dim, items, item_stride);
    }
    atau_arena_free(context, &arena);
    return status;
}
