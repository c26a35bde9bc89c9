/* SPDX-License-Identifier: MIT */
/* Moments of f_ui = ê_u·ê_i. Over all n m pairs they follow from the means a, b and the covariances U, V of the two sides'
 * rows, without visiting a pair:
 *
 *     μ = a·b        σ² = tr(M_u M_i) − μ² = tr(U V) + aᵀ V a + bᵀ U b        M_u = U + a aᵀ
 *
 * The last form is a sum of squares: unlike the one in the middle it loses no digits where embeddings share a direction, and
 * costs one more look at each row. Covariances are built by panels of columns, so that memory stays bounded for any d. The
 * pairs of the dataset are visited one by one.
 *
 * A raw side may hold any float32, so its rows are scaled to lengths of at most 1 before single-precision products and the
 * results are scaled back in double. Sums of many terms are double, over groups of rows that depend on sizes alone. */
#include "core/moments.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "core/dataset.h"
#include "kernels/kernels.h"

#define ROWS_PER_PRODUCT 256 /* at most: single-precision sums stay short                                     */
#define USERS_PER_TASK 64
#define PANEL_CELLS ((int64_t)1 << 17)     /* of a panel of a covariance                                      */
#define ALL_PANEL_CELLS ((int64_t)1 << 20) /* of the panels of one side's groups                              */

struct side {
    const float   *rows;
    int64_t        stride, n;
    const int64_t *ptr; /* degrees of the rows; NULL: every row counts                                        */
    int64_t        least_degree;
    int64_t        n_counted;
    bool           normalise;       /* each row by its own length                                             */
    double         scale;           /* of every row otherwise                                                 */
    double        *inverse_lengths; /* [n] 0 for a zero row                                                   */
    double        *longest;         /* [groups] greatest length                                               */
    double        *sums;            /* [groups x d] of the counted rows                                       */
    double        *mean;            /* [d]                                                                    */
    double        *panels;          /* [groups x width x d] sums of centred products                          */
};

struct measurement {
    adaptau_context       *context;
    const adaptau_dataset *dataset;
    int64_t                dim;
    int64_t                n_groups; /* of rows, per side                                                     */
    int64_t                width;    /* columns of a panel                                                    */
    int64_t                column;   /* first one of the present panel                                        */
    int64_t                n_rows;   /* of a product                                                          */
    struct side            users, items;
    float                 *rows;     /* [lanes x n_rows x d] centred                                          */
    float                 *products; /* [lanes x width x d]                                                   */
    double                *pairs;    /* [tasks x 2] Σ f, Σ f²                                                 */
};

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static bool is_counted(const struct side *side, int64_t row)
{
    return !side->ptr || side->ptr[row + 1] - side->ptr[row] >= side->least_degree;
}

static double row_scale(const struct side *side, int64_t row)
{
    return side->normalise ? side->inverse_lengths[row] : side->scale;
}

static int64_t group_start(const struct measurement *m, const struct side *side, int64_t group)
{
    return side->n / m->n_groups * group + atau_min_i64(group, side->n % m->n_groups);
}

/* Tasks are the groups of the users, then those of the items. */
static struct side *task_side(struct measurement *m, int64_t task, int64_t *group)
{
    *group = task % m->n_groups;
    return task < m->n_groups ? &m->users : &m->items;
}

static double row_length(int64_t dim, const float *row)
{
    double squares = 0.0; /* of float32: no overflow                                                          */
    for (int64_t k = 0; k < dim; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

/* ---- means ------------------------------------------------------------------------------------------------------- */

static void sum_group(void *argument, int32_t lane, int64_t task)
{
    struct measurement *m = argument;
    int64_t             group;
    struct side        *side = task_side(m, task, &group);
    double             *sum = side->sums + group * m->dim;
    (void)lane;
    memset(sum, 0, (size_t)m->dim * sizeof *sum);
    side->longest[group] = 0.0;
    for (int64_t r = group_start(m, side, group); r < group_start(m, side, group + 1); r++) {
        const float *row = side->rows + r * side->stride;
        double       length = row_length(m->dim, row);
        side->longest[group] = fmax(side->longest[group], length);
        side->inverse_lengths[r] = length > 0.0 ? 1.0 / length : 0.0;
        double  scale = row_scale(side, r);
        int64_t n = is_counted(side, r) ? m->dim : 0;
        for (int64_t k = 0; k < n; k++)
            sum[k] += scale * (double)row[k];
    }
}

/* From the groups' sums, in the units of `scale`, which is chosen here for a raw side. */
static void finish_mean(const struct measurement *m, struct side *side, bool choose_scale)
{
    double longest = 0.0;
    memset(side->mean, 0, (size_t)m->dim * sizeof *side->mean);
    for (int64_t g = 0; g < m->n_groups; g++) {
        longest = fmax(longest, side->longest[g]);
        for (int64_t k = 0; k < m->dim; k++)
            side->mean[k] += side->sums[g * m->dim + k];
    }
    if (choose_scale && longest > 0.0)
        side->scale = 1.0 / longest;
    for (int64_t k = 0; k < m->dim; k++)
        side->mean[k] *= side->scale / (double)side->n_counted;
}

/* ---- covariances --------------------------------------------------------------------------------------------------- */

/* Add the centred products of `n` rows to a panel. */
static void add_products(const struct measurement *m, int64_t n, const float *rows, float *products, double *panel)
{
    int64_t width = atau_min_i64(m->width, m->dim - m->column);
    m->context->kernels->product(width, m->dim, n, rows + m->column, 1, m->dim, rows, m->dim, 0, products, m->dim);
    for (int64_t c = 0; c < width * m->dim; c++)
        panel[c] += (double)products[c];
}

static void multiply_group(void *argument, int32_t lane, int64_t task)
{
    struct measurement *m = argument;
    int64_t             group, n = 0;
    const struct side  *side = task_side(m, task, &group);
    float              *rows = m->rows + lane * m->n_rows * m->dim;
    float              *products = m->products + lane * m->width * m->dim;
    double             *panel = side->panels + group * m->width * m->dim;
    memset(panel, 0, (size_t)(m->width * m->dim) * sizeof *panel);
    for (int64_t r = group_start(m, side, group); r < group_start(m, side, group + 1); r++) {
        if (!is_counted(side, r))
            continue;
        const float *row = side->rows + r * side->stride;
        double       scale = row_scale(side, r);
        for (int64_t k = 0; k < m->dim; k++)
            rows[n * m->dim + k] = (float)(scale * (double)row[k] - side->mean[k]);
        if (++n == m->n_rows) {
            add_products(m, n, rows, products, panel);
            n = 0;
        }
    }
    if (n > 0)
        add_products(m, n, rows, products, panel);
}

/* The panel's covariances, in the place of the first group's sums. */
static const double *finish_panel(const struct measurement *m, const struct side *side)
{
    int64_t cells = atau_min_i64(m->width, m->dim - m->column) * m->dim;
    for (int64_t g = 1; g < m->n_groups; g++)
        for (int64_t c = 0; c < cells; c++)
            side->panels[c] += side->panels[g * m->width * m->dim + c];
    for (int64_t c = 0; c < cells; c++)
        side->panels[c] /= (double)side->n_counted;
    return side->panels;
}

/* What the panel's columns add to tr(U V) + aᵀ V a + bᵀ U b. */
static double panel_variance(const struct measurement *m)
{
    const double *a = m->users.mean, *b = m->items.mean;
    const double *u = finish_panel(m, &m->users), *v = finish_panel(m, &m->items);
    double        variance = 0.0;
    for (int64_t i = m->column; i < m->dim && i < m->column + m->width; i++)
        for (int64_t j = 0; j < m->dim; j++, u++, v++)
            variance += *u * *v + a[i] * *v * a[j] + b[i] * *u * b[j];
    return variance;
}

static adaptau_status measure_all(struct measurement *m, bool raw_users, bool raw_items, struct atau_moments *out,
                                  adaptau_error *error)
{
    adaptau_status status = atau_parallel(m->context, 2 * m->n_groups, sum_group, m, error);
    if (status != ADAPTAU_OK)
        return status;
    finish_mean(m, &m->users, raw_users);
    finish_mean(m, &m->items, raw_items);
    out->mean_all = 0.0;
    for (int64_t k = 0; k < m->dim; k++)
        out->mean_all += m->users.mean[k] * m->items.mean[k];
    out->variance_all = 0.0;
    for (m->column = 0; m->column < m->dim && status == ADAPTAU_OK; m->column += m->width) {
        status = atau_parallel(m->context, 2 * m->n_groups, multiply_group, m, error);
        if (status == ADAPTAU_OK)
            out->variance_all += panel_variance(m);
    }
    out->variance_all = fmax(0.0, out->variance_all);
    return status;
}

/* ---- pairs of the dataset ------------------------------------------------------------------------------------------ */

/* A row in its side's units: where it stands, or copied to `out`. */
static const float *scaled_row(const struct measurement *m, const struct side *side, int64_t r, float *out)
{
    const float *row = side->rows + r * side->stride;
    double       scale = row_scale(side, r);
    if (scale == 1.0)
        return row;
    for (int64_t k = 0; k < m->dim; k++)
        out[k] = (float)(scale * (double)row[k]);
    return out;
}

static void sum_pairs(void *argument, int32_t lane, int64_t task)
{
    struct measurement    *m = argument;
    const adaptau_dataset *d = m->dataset;
    float                 *user_scratch = m->rows + lane * m->n_rows * m->dim;
    float                 *item_scratch = user_scratch + m->dim;
    double                 sum = 0.0, squares = 0.0;
    int64_t                end = atau_min_i64((task + 1) * USERS_PER_TASK, d->n_users);
    for (int64_t u = task * USERS_PER_TASK; u < end; u++) {
        if (!is_counted(&m->users, u))
            continue;
        const float *user = scaled_row(m, &m->users, u, user_scratch);
        for (int64_t p = d->user_ptr[u]; p < d->user_ptr[u + 1]; p++) {
            const float *item = scaled_row(m, &m->items, d->user_items[p], item_scratch);
            double       f = (double)m->context->kernels->dot(m->dim, user, item);
            sum += f;
            squares += f * f;
        }
    }
    m->pairs[2 * task] = sum;
    m->pairs[2 * task + 1] = squares;
}

static int64_t n_pair_tasks(const struct measurement *m)
{
    return (m->dataset->n_users + USERS_PER_TASK - 1) / USERS_PER_TASK;
}

static adaptau_status measure_positives(struct measurement *m, int64_t n_pairs, struct atau_moments *out,
                                        adaptau_error *error)
{
    adaptau_status status = atau_parallel(m->context, n_pair_tasks(m), sum_pairs, m, error);
    if (status != ADAPTAU_OK)
        return status;
    double sum = 0.0, squares = 0.0;
    for (int64_t t = 0; t < n_pair_tasks(m); t++) {
        sum += m->pairs[2 * t];
        squares += m->pairs[2 * t + 1];
    }
    out->mean_positive = sum / (double)n_pairs;
    out->variance_positive = fmax(0.0, squares / (double)n_pairs - out->mean_positive * out->mean_positive);
    return ADAPTAU_OK;
}

/* ---- the call ------------------------------------------------------------------------------------------------------ */

static void lay_out_side(const struct measurement *m, struct side *side, struct atau_arena *arena)
{
    size_t groups = (size_t)m->n_groups, dim = (size_t)m->dim;
    side->inverse_lengths = atau_arena_take(arena, (size_t)side->n, sizeof(double));
    side->longest = atau_arena_take(arena, groups, sizeof(double));
    side->sums = atau_arena_take(arena, groups * dim, sizeof(double));
    side->mean = atau_arena_take(arena, dim, sizeof(double));
    side->panels = atau_arena_take(arena, groups * (size_t)m->width * dim, sizeof(double));
}

static void lay_out(struct measurement *m, struct atau_arena *arena)
{
    size_t lanes = (size_t)adaptau_context_n_threads(m->context), dim = (size_t)m->dim;
    lay_out_side(m, &m->users, arena);
    lay_out_side(m, &m->items, arena);
    m->rows = atau_arena_take(arena, lanes, (size_t)m->n_rows * dim * sizeof(float));
    m->products = atau_arena_take(arena, lanes, (size_t)m->width * dim * sizeof(float));
    m->pairs = atau_arena_take(arena, (size_t)n_pair_tasks(m), 2 * sizeof(double));
}

/* The grid of the work: from sizes alone, so that results do not depend on the threads. */
static void choose_grid(struct measurement *m)
{
    m->width = atau_min_i64(m->dim, atau_max_i64(1, PANEL_CELLS / m->dim));
    m->n_groups = atau_min_i64(64, atau_max_i64(8, ALL_PANEL_CELLS / (m->width * m->dim)));
    m->n_rows = atau_min_i64(ROWS_PER_PRODUCT, atau_max_i64(16, PANEL_CELLS / m->dim));
}

/* Returns the pairs of the counted users. */
static int64_t count_users(struct measurement *m)
{
    int64_t n_pairs = 0;
    m->users.n_counted = 0;
    for (int32_t u = 0; u < m->dataset->n_users; u++)
        if (is_counted(&m->users, u)) {
            m->users.n_counted++;
            n_pairs += atau_user_degree(m->dataset, u);
        }
    return n_pairs;
}

adaptau_status atau_moments_measure(adaptau_context *context, const adaptau_tables *tables, const adaptau_dataset *dataset,
                                    int64_t least_degree, struct atau_moments *out, adaptau_error *error)
{
    const bool          unit = (tables->flags & ADAPTAU_UNIT_ROWS) != 0;
    const bool          raw_users = !(tables->flags & ADAPTAU_NORMALISE_USERS);
    const bool          raw_items = !(tables->flags & ADAPTAU_NORMALISE_ITEMS);
    struct atau_moments moments = {0};
    struct atau_arena   arena = {0};
    struct measurement  m = {
        .context = context,
        .dataset = dataset,
        .dim = tables->dim,
        .users = {.rows = tables->users,
                  .stride = tables->user_stride,
                  .n = tables->n_users,
                  .ptr = dataset->user_ptr,
                  .least_degree = least_degree,
                  .normalise = !raw_users && !unit,
                  .scale = 1.0},
        .items = {.rows = tables->items,
                  .stride = tables->item_stride,
                  .n = tables->n_items,
                  .n_counted = tables->n_items,
                  .normalise = !raw_items && !unit,
                  .scale = 1.0},
    };
    choose_grid(&m);
    int64_t n_pairs = count_users(&m);
    lay_out(&m, &arena);
    adaptau_status status = atau_arena_allocate(context, &arena, "the moments of the scores", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&m, &arena);
    status = measure_all(&m, raw_users, raw_items, &moments, error);
    if (status == ADAPTAU_OK)
        status = measure_positives(&m, n_pairs, &moments, error);
    atau_arena_free(context, &arena);
    if (status != ADAPTAU_OK)
        return status;
    double units = m.users.scale * m.items.scale;
    out->mean_all = moments.mean_all / units;
    out->variance_all = moments.variance_all / units / units;
    out->mean_positive = moments.mean_positive / units;
    out->variance_positive = moments.variance_positive / units / units;
    return ADAPTAU_OK;
}
