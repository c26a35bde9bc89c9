/* SPDX-License-Identifier: MIT */
/* A round assigns rows by x·c − ‖c‖²/2, a product of tiles, and moves centroids to the means of their rows. Rows are sorted by
 * centroid for that, so that each mean is one task's sum in the order of the rows. */
#include "core/kmeans.h"

#include <math.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "kernels/of_context.h"

#define ROWS_PER_TASK 64
#define CENTROIDS_PER_TILE 256
#define CENTROIDS_PER_TASK 16

struct state {
    const struct atau_kmeans  *problem;
    const struct atau_kernels *kernels;
    float                     *centroids;
    int32_t                   *nearest;
    float                     *transposed; /* [dim x k] */
    float                     *half_squares; /* [k] ‖c‖²/2 */
    float                     *distance; /* [n] to the own centroid, squared */
    float                     *tiles; /* [threads x ROWS_PER_TASK x CENTROIDS_PER_TILE] */
    int64_t                   *ptr; /* [k + 1] */
    int32_t                   *members; /* [n] rows by centroid, ascending in each */
    _Atomic int                changed;
};

static void lay_out(struct state *s, struct atau_arena *arena, size_t threads)
{
    const size_t n = (size_t)s->problem->n, k = (size_t)s->problem->k, dim = (size_t)s->problem->dim;
    s->transposed = atau_arena_take(arena, dim, k * sizeof(float));
    s->half_squares = atau_arena_take(arena, k, sizeof(float));
    s->distance = atau_arena_take(arena, n, sizeof(float));
    s->tiles = atau_arena_take(arena, threads, ROWS_PER_TASK * CENTROIDS_PER_TILE * sizeof(float));
    s->ptr = atau_arena_take(arena, k + 1, sizeof(int64_t));
    s->members = atau_arena_take(arena, n, sizeof(int32_t));
}

static const float *row_of(const struct state *s, int64_t row)
{
    return s->problem->rows + row * s->problem->stride;
}

/* k of n rows, every set of k equally likely: each row in turn is taken with probability (still wanted)/(still left). */
static void draw_centroids(struct state *s)
{
    const struct atau_kmeans *p = s->problem;
    for (int64_t r = 0, taken = 0; taken < p->k; r++)
        if (atau_stream_below(p->stream, (uint32_t)(p->n - r)) < (uint32_t)(p->k - taken))
            memcpy(s->centroids + taken++ * p->dim, row_of(s, r), (size_t)p->dim * sizeof(float));
}

/* ---- rows to centroids --------------------------------------------------------------------------------------------- */

static void prepare_centroids(struct state *s)
{
    const int64_t k = s->problem->k, dim = s->problem->dim;
    for (int64_t c = 0; c < k; c++) {
        const float *centroid = s->centroids + c * dim;
        s->half_squares[c] = 0.5f * s->kernels->dot(dim, centroid, centroid);
        for (int64_t x = 0; x < dim; x++)
            s->transposed[x * k + c] = centroid[x];
    }
}

static void assign_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct state             *s = argument;
    const struct atau_kmeans *p = s->problem;
    const int64_t             rows = end - first;
    float                    *tile = s->tiles + (int64_t)lane * ROWS_PER_TASK * CENTROIDS_PER_TILE;
    float                     best[ROWS_PER_TASK] = {0};
    int32_t                   which[ROWS_PER_TASK] = {0};
    for (int64_t c = 0; c < p->k; c += CENTROIDS_PER_TILE) {
        const int64_t n = atau_min_i64(CENTROIDS_PER_TILE, p->k - c);
        s->kernels->product(rows, n, p->dim, row_of(s, first), p->stride, 1, s->transposed + c, p->k, 0, tile, n);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < n; j++) {
                float value = tile[r * n + j] - s->half_squares[c + j];
                if ((c == 0 && j == 0) || value > best[r]) {
                    best[r] = value;
                    which[r] = (int32_t)(c + j);
                }
            }
    }
    for (int64_t r = 0; r < rows; r++) {
        if (s->nearest[first + r] != which[r])
            atomic_store_explicit(&s->changed, 1, memory_order_relaxed);
        s->nearest[first + r] = which[r];
        s->distance[first + r] = s->kernels->dot(p->dim, row_of(s, first + r), row_of(s, first + r)) - 2.0f * best[r];
    }
}

/* ---- centroids to rows --------------------------------------------------------------------------------------------- */

static void sort_rows(struct state *s)
{
    const int64_t n = s->problem->n, k = s->problem->k;
    memset(s->ptr, 0, (size_t)(k + 1) * sizeof *s->ptr);
    for (int64_t r = 0; r < n; r++)
        s->ptr[s->nearest[r] + 1]++;
    for (int64_t c = 0; c < k; c++)
        s->ptr[c + 1] += s->ptr[c];
    for (int64_t r = 0; r < n; r++)
        s->members[s->ptr[s->nearest[r]]++] = (int32_t)r;
    for (int64_t c = k; c > 0; c--)
        s->ptr[c] = s->ptr[c - 1];
    s->ptr[0] = 0;
}

static void average_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct state *s = argument;
    const int64_t dim = s->problem->dim;
    (void)lane;
    for (int64_t c = first; c < end; c++) {
        const int64_t members = s->ptr[c + 1] - s->ptr[c];
        float        *centroid = s->centroids + c * dim;
        if (members == 0)
            continue;
        memset(centroid, 0, (size_t)dim * sizeof(float));
        for (int64_t e = s->ptr[c]; e < s->ptr[c + 1]; e++)
            s->kernels->axpy(dim, 1.0f, row_of(s, s->members[e]), centroid);
        s->kernels->scale(dim, 1.0f / (float)members, centroid, centroid);
    }
}

static void move_empty_centroids(struct state *s)
{
    const int64_t n = s->problem->n, k = s->problem->k, dim = s->problem->dim;
    for (int64_t c = 0; c < k; c++) {
        int64_t furthest = 0;
        if (s->ptr[c + 1] > s->ptr[c])
            continue;
        for (int64_t r = 1; r < n; r++)
            if (s->distance[r] > s->distance[furthest])
                furthest = r;
        memcpy(s->centroids + c * dim, row_of(s, furthest), (size_t)dim * sizeof(float));
        s->distance[furthest] = -INFINITY;
    }
}

/* ---- rounds -------------------------------------------------------------------------------------------------------- */

static adaptau_status assign(adaptau_context *context, struct state *s, adaptau_error *error)
{
    atomic_store(&s->changed, 0);
    prepare_centroids(s);
    return atau_parallel_rows(context, s->problem->n, ROWS_PER_TASK, assign_rows, s, error);
}

static adaptau_status move(adaptau_context *context, struct state *s, adaptau_error *error)
{
    sort_rows(s);
    adaptau_status status = atau_parallel_rows(context, s->problem->k, CENTROIDS_PER_TASK, average_rows, s, error);
    if (status == ADAPTAU_OK)
        move_empty_centroids(s);
    return status;
}

adaptau_status atau_kmeans_run(adaptau_context *context, const struct atau_kmeans *problem, float *centroids, int32_t *nearest,
                               adaptau_error *error)
{
    struct state      s = {.problem = problem, .kernels = atau_kernels_of(context), .centroids = centroids, .nearest = nearest};
    struct atau_arena arena = {0};
    const size_t      threads = (size_t)adaptau_context_n_threads(context);
    lay_out(&s, &arena, threads);
    adaptau_status status = atau_arena_allocate(context, &arena, "k-means", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&s, &arena, threads);
    for (int64_t r = 0; r < problem->n; r++)
        nearest[r] = -1;
    draw_centroids(&s);
    status = assign(context, &s, error);
    for (int round = 0; round < ATAU_KMEANS_ROUNDS && status == ADAPTAU_OK && atomic_load(&s.changed); round++) {
        status = move(context, &s, error);
        if (status == ADAPTAU_OK)
            status = assign(context, &s, error);
    }
    atau_arena_free(context, &arena);
    return status;
}
