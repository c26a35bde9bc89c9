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
#include "kernels/check.h"
#include "kernels/of_context.h"

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
    int64_t                n_sides;  /* 1: a table by itself, which is `users`                                */
    int64_t                width;    /* columns of a panel                                                    */
    int64_t                column;   /* first one of the present panel                                        */
    int64_t                n_rows;   /* of a product                                                          */
    struct side            users, items;
    float                 *rows;     /* [lanes x n_rows x d] centred                                          */
    float                 *products; /* [lanes x width x d]                                                   */
    double                *pairs;    /* [tasks x 3] Σ a, Σ a f, Σ a f² of weights a                           */
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

/* Tasks are the groups of the users, then those of the items where there are two sides. */
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

/* ---- covariances ------------------------------------------------------------------------------------------------- */

/* Add the centred products of `n` rows to a panel. */
static void add_products(const struct measurement *m, int64_t n, const float *rows, float *products, double *panel)
{
    int64_t width = atau_min_i64(m->width, m->dim - m->column);
    atau_kernels_of(m->context)->product(width, m->dim, n, rows + m->column, 1, m->dim, rows, m->dim, 0, products, m->dim);
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

static int64_t panel_width(const struct measurement *m)
{
    return atau_min_i64(m->width, m->dim - m->column);
}

/* The panel's scatter, in the place of the first group's sums. */
static double *add_groups(const struct measurement *m, const struct side *side)
{
    for (int64_t g = 1; g < m->n_groups; g++)
        for (int64_t c = 0; c < panel_width(m) * m->dim; c++)
            side->panels[c] += side->panels[g * m->width * m->dim + c];
    return side->panels;
}

/* What some columns of the scatters U n_u and V n_i add to tr(U V) + aᵀ V a + bᵀ U b. */
static double variance_of_columns(int64_t dim, int64_t first, int64_t width, const double *a, double n_users, const double *u,
                                  const double *b, double n_items, const double *v)
{
    double variance = 0.0;
    for (int64_t i = first; i < first + width; i++)
        for (int64_t j = 0; j < dim; j++, u++, v++) {
            const double of_users = *u / n_users, of_items = *v / n_items;
            variance += of_users * of_items + a[i] * of_items * a[j] + b[i] * of_users * b[j];
        }
    return variance;
}

static double dot_product(int64_t n, const double *x, const double *y)
{
    double sum = 0.0;
    for (int64_t k = 0; k < n; k++)
        sum += x[k] * y[k];
    return sum;
}

static adaptau_status measure_means(struct measurement *m, bool raw_users, bool raw_items, adaptau_error *error)
{
    adaptau_status status = atau_parallel(m->context, m->n_sides * m->n_groups, sum_group, m, error);
    if (status != ADAPTAU_OK)
        return status;
    finish_mean(m, &m->users, raw_users);
    if (m->n_sides > 1)
        finish_mean(m, &m->items, raw_items);
    return ADAPTAU_OK;
}

/* Panels of the scatter, one after the other: *use gets each. */
static adaptau_status measure_panels(struct measurement *m, void (*use)(const struct measurement *m, double *out), double *out,
                                     adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (m->column = 0; m->column < m->dim && status == ADAPTAU_OK; m->column += m->width) {
        status = atau_parallel(m->context, m->n_sides * m->n_groups, multiply_group, m, error);
        if (status == ADAPTAU_OK)
            use(m, out);
    }
    return status;
}

static void add_variance(const struct measurement *m, double *variance)
{
    *variance += variance_of_columns(m->dim, m->column, panel_width(m), m->users.mean, (double)m->users.n_counted,
                                     add_groups(m, &m->users), m->items.mean, (double)m->items.n_counted,
                                     add_groups(m, &m->items));
}

static adaptau_status measure_all(struct measurement *m, bool raw_users, bool raw_items, struct atau_moments *out,
                                  adaptau_error *error)
{
    adaptau_status status = measure_means(m, raw_users, raw_items, error);
    if (status != ADAPTAU_OK)
        return status;
    out->mean_all = dot_product(m->dim, m->users.mean, m->items.mean);
    out->variance_all = 0.0;
    status = measure_panels(m, add_variance, &out->variance_all, error);
    out->variance_all = fmax(0.0, out->variance_all);
    return status;
}

/* ---- pairs of the dataset ---------------------------------------------------------------------------------------- */

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
    double                 weight = 0.0, sum = 0.0, squares = 0.0;
    int64_t                end = atau_min_i64((task + 1) * USERS_PER_TASK, d->n_users);
    for (int64_t u = task * USERS_PER_TASK; u < end; u++) {
        if (!is_counted(&m->users, u))
            continue;
        const float *user = scaled_row(m, &m->users, u, user_scratch);
        for (int64_t p = d->user_ptr[u]; p < d->user_ptr[u + 1]; p++) {
            const float *item = scaled_row(m, &m->items, d->user_items[p], item_scratch);
            double       f = (double)atau_kernels_of(m->context)->dot(m->dim, user, item);
            double       a = d->user_weights ? (double)d->user_weights[p] : 1.0;
            weight += a;
            sum += a * f;
            squares += a * (f * f);
        }
    }
    m->pairs[3 * task] = weight;
    m->pairs[3 * task + 1] = sum;
    m->pairs[3 * task + 2] = squares;
}

static int64_t n_pair_tasks(const struct measurement *m)
{
    return (m->dataset->n_users + USERS_PER_TASK - 1) / USERS_PER_TASK;
}

/* sums: Σ a, Σ a f, Σ a f². */
static adaptau_status add_pairs(struct measurement *m, double sums[3], adaptau_error *error)
{
    adaptau_status status = atau_parallel(m->context, n_pair_tasks(m), sum_pairs, m, error);
    sums[0] = sums[1] = sums[2] = 0.0;
    for (int64_t t = 0; t < n_pair_tasks(m) && status == ADAPTAU_OK; t++)
        for (int k = 0; k < 3; k++)
            sums[k] += m->pairs[3 * t + k];
    return status;
}

static void set_positives(const double sums[3], struct atau_moments *out)
{
    out->mean_positive = sums[1] / sums[0];
    out->variance_positive = fmax(0.0, sums[2] / sums[0] - out->mean_positive * out->mean_positive);
}

static adaptau_status measure_positives(struct measurement *m, struct atau_moments *out, adaptau_error *error)
{
    double         sums[3];
    adaptau_status status = add_pairs(m, sums, error);
    if (status == ADAPTAU_OK)
        set_positives(sums, out);
    return status;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static void lay_out_side(const struct measurement *m, struct side *side, struct atau_arena *arena)
{
    size_t groups = (size_t)m->n_groups, dim = (size_t)m->dim;
    side->inverse_lengths = atau_arena_take(arena, (uint64_t)side->n, sizeof(double));
    side->longest = atau_arena_take(arena, groups, sizeof(double));
    side->sums = atau_arena_take(arena, groups * dim, sizeof(double));
    side->mean = atau_arena_take(arena, dim, sizeof(double));
    side->panels = atau_arena_take(arena, groups * (uint64_t)m->width * dim, sizeof(double));
}

static void lay_out(struct measurement *m, struct atau_arena *arena)
{
    size_t lanes = (size_t)adaptau_context_n_threads(m->context), dim = (size_t)m->dim;
    lay_out_side(m, &m->users, arena);
    if (m->n_sides > 1)
        lay_out_side(m, &m->items, arena);
    m->rows = atau_arena_take(arena, lanes, (uint64_t)m->n_rows * dim * sizeof(float));
    m->products = atau_arena_take(arena, lanes, (uint64_t)m->width * dim * sizeof(float));
    m->pairs = atau_arena_take(arena, m->dataset ? (uint64_t)n_pair_tasks(m) : 0, 3 * sizeof(double));
}

/* The grid of the work: from sizes alone, so that results do not depend on the threads. */
static void choose_grid(struct measurement *m)
{
    m->width = atau_min_i64(m->dim, atau_max_i64(1, PANEL_CELLS / m->dim));
    m->n_groups = atau_min_i64(64, atau_max_i64(8, ALL_PANEL_CELLS / (m->width * m->dim)));
    m->n_rows = atau_min_i64(ROWS_PER_PRODUCT, atau_max_i64(16, PANEL_CELLS / m->dim));
}

static void count_users(struct measurement *m)
{
    m->users.n_counted = 0;
    for (int32_t u = 0; u < m->dataset->n_users; u++)
        m->users.n_counted += is_counted(&m->users, u);
}

static struct measurement open_measurement(adaptau_context *context, const adaptau_tables *tables,
                                           const adaptau_dataset *dataset, int64_t least_degree)
{
    const bool unit = (tables->flags & ADAPTAU_UNIT_ROWS) != 0;
    return (struct measurement){
        .context = context,
        .dataset = dataset,
        .dim = tables->dim,
        .n_sides = 2,
        .users = {.rows = tables->users,
                  .stride = tables->user_stride,
                  .n = tables->n_users,
                  .n_counted = tables->n_users,
                  .ptr = dataset->user_ptr,
                  .least_degree = least_degree,
                  .normalise = tables->flags & ADAPTAU_NORMALISE_USERS && !unit,
                  .scale = 1.0},
        .items = {.rows = tables->items,
                  .stride = tables->item_stride,
                  .n = tables->n_items,
                  .n_counted = tables->n_items,
                  .normalise = tables->flags & ADAPTAU_NORMALISE_ITEMS && !unit,
                  .scale = 1.0},
    };
}

adaptau_status atau_moments_measure(adaptau_context *context, const adaptau_tables *tables, const adaptau_dataset *dataset,
                                    int64_t least_degree, struct atau_moments *out, adaptau_error *error)
{
    const bool          raw_users = !(tables->flags & ADAPTAU_NORMALISE_USERS);
    const bool          raw_items = !(tables->flags & ADAPTAU_NORMALISE_ITEMS);
    struct atau_moments moments = {0};
    struct atau_arena   arena = {0};
    struct measurement  m = open_measurement(context, tables, dataset, least_degree);
    choose_grid(&m);
    count_users(&m);
    lay_out(&m, &arena);
    adaptau_status status = atau_arena_allocate(context, &arena, "the moments of the scores", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&m, &arena);
    status = measure_all(&m, raw_users, raw_items, &moments, error);
    if (status == ADAPTAU_OK)
        status = measure_positives(&m, &moments, error);
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

/* ---- what adds up ------------------------------------------------------------------------------------------------ */

int64_t adaptau_table_moments_size(int32_t dim)
{
    return dim < 1 || dim > ADAPTAU_MAX_DIM ? 0 : 1 + (int64_t)dim + (int64_t)dim * dim;
}

static void copy_panel(const struct measurement *m, double *scatter)
{
    const double units = m->users.scale * m->users.scale, *panel = add_groups(m, &m->users);
    for (int64_t c = 0; c < panel_width(m) * m->dim; c++)
        scatter[m->column * m->dim + c] = panel[c] / units;
}

static adaptau_status measure_table(struct measurement *m, bool raw, double *out, adaptau_error *error)
{
    struct atau_arena arena = {0};
    choose_grid(m);
    lay_out(m, &arena);
    adaptau_status status = atau_arena_allocate(m->context, &arena, "the moments of a table", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(m, &arena);
    status = measure_means(m, raw, false, error);
    if (status == ADAPTAU_OK) {
        out[0] = (double)m->users.n;
        for (int64_t k = 0; k < m->dim; k++)
            out[1 + k] = m->users.mean[k] / m->users.scale;
        status = measure_panels(m, copy_panel, out + 1 + m->dim, error);
    }
    atau_arena_free(m->context, &arena);
    return status;
}

adaptau_status adaptau_table_moments(adaptau_context *context, int64_t n, int32_t dim, const float *rows, int64_t stride,
                                     int32_t normalise, double *out, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(out, error);
    if (n > 0)
        ATAU_REQUIRE(rows, error);
    if (n < 0)
        return atau_fail(error, ADAPTAU_E_SHAPE, "n = %lld is negative", (long long)n);
    if (dim < 1 || dim > ADAPTAU_MAX_DIM)
        return atau_fail(error, ADAPTAU_E_SHAPE, "dim = %d is outside 1 ... %d", dim, ADAPTAU_MAX_DIM);
    if (stride && stride < dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "stride = %lld, but dim = %d", (long long)stride, dim);
    if (!atau_rows_fit(n, stride ? stride : dim))
        return atau_fail(error, ADAPTAU_E_SHAPE, "n = %lld rows of %lld floats exceed the address space", (long long)n,
                         (long long)(stride ? stride : dim));
    if (normalise != 0 && normalise != 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "normalise = %d is neither 0 nor 1", normalise);
    struct measurement m = {
        .context = context,
        .dim = dim,
        .n_sides = 1,
        .users = {.rows = rows, .stride = stride ? stride : dim, .n = n, .n_counted = n, .normalise = normalise, .scale = 1.0},
    };
    adaptau_status status = atau_check_rows_finite(context, "rows", n, dim, rows, m.users.stride, error);
    if (status != ADAPTAU_OK)
        return status;
    if (n > 0)
        return measure_table(&m, !normalise, out, error);
    memset(out, 0, (size_t)adaptau_table_moments_size(dim) * sizeof *out);
    return ADAPTAU_OK;
}

/* Chan, Golub and LeVeque: Updating formulae and a pairwise algorithm for computing sample variances, 1979. */
void adaptau_table_moments_merge(int32_t dim, double *into, const double *from)
{
    if (!into || !from || from[0] == 0.0)
        return;
    const int64_t d = dim;
    const double  n = into[0] + from[0], share = from[0] / n, weight = into[0] * share;
    double       *mean = into + 1, *scatter = mean + d;
    const double *other = from + 1, *other_scatter = other + d;
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++)
            scatter[i * d + j] += other_scatter[i * d + j] + weight * (other[i] - mean[i]) * (other[j] - mean[j]);
    for (int64_t i = 0; i < d; i++)
        mean[i] += share * (other[i] - mean[i]);
    into[0] = n;
}

adaptau_status atau_check_fit(adaptau_context *context, const adaptau_tables *given, const adaptau_dataset *dataset,
                              adaptau_tables *out, adaptau_error *error)
{
    adaptau_status status = atau_check_tables(given, out, error);
    if (status != ADAPTAU_OK)
        return status;
    if (out->n_users != dataset->n_users || out->n_items != dataset->n_items)
        return atau_fail(error, ADAPTAU_E_SHAPE, "tables are %d x %d, but the dataset is %d x %d (users x items)",
                         out->n_users, out->n_items, dataset->n_users, dataset->n_items);
    status = atau_check_rows_finite(context, "users", out->n_users, out->dim, out->users, out->user_stride, error);
    return status != ADAPTAU_OK
               ? status
               : atau_check_rows_finite(context, "items", out->n_items, out->dim, out->items, out->item_stride, error);
}

adaptau_status adaptau_interaction_moments(adaptau_context *context, const adaptau_tables *given, const adaptau_dataset *dataset,
                                           double *out, adaptau_error *error)
{
    adaptau_tables    tables;
    struct atau_arena arena = {0};
    double            sums[3];
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_check_fit(context, given, dataset, &tables, error);
    if (status != ADAPTAU_OK)
        return status;
    struct measurement m = open_measurement(context, &tables, dataset, 0);
    choose_grid(&m);
    lay_out(&m, &arena);
    status = atau_arena_allocate(context, &arena, "the moments of pairs", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&m, &arena);
    status = measure_means(&m, !(tables.flags & ADAPTAU_NORMALISE_USERS), !(tables.flags & ADAPTAU_NORMALISE_ITEMS), error);
    if (status == ADAPTAU_OK)
        status = add_pairs(&m, sums, error);
    if (status == ADAPTAU_OK) {
        out[0] = (double)dataset->n_interactions;
        out[1] = sums[0];
        out[2] = sums[1] / (m.users.scale * m.items.scale);
        out[3] = sums[2] / (m.users.scale * m.users.scale * m.items.scale * m.items.scale);
    }
    atau_arena_free(context, &arena);
    return status;
}

void atau_moments_from(const adaptau_score_moments *from, struct atau_moments *out)
{
    const int64_t d = from->dim;
    const double *users = from->users, *items = from->items;
    out->mean_all = dot_product(d, users + 1, items + 1);
    out->variance_all = fmax(0.0, variance_of_columns(d, 0, d, users + 1, users[0], users + 1 + d, items + 1, items[0],
                                                      items + 1 + d));
    set_positives(from->interactions + 1, out);
}
