/* SPDX-License-Identifier: MIT */
#include "truth.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT_EPSILON ((double)FLT_EPSILON)
#define BASE_SLACK 2e-4  /* sums of floats, and exponentials                                                     */
#define MOST_SLACK 0.02 /* beyond it nothing is compared                                                         */

/* ---- scores --------------------------------------------------------------------------------------------------------- */

/* Returns the row's length. */
static double read_row(const float *row, int32_t dim, bool normalised, double *out)
{
    double squares = 0.0;
    for (int32_t k = 0; k < dim; k++) {
        out[k] = (double)row[k];
        squares += out[k] * out[k];
    }
    for (int32_t k = 0; normalised && k < dim && squares > 0.0; k++)
        out[k] /= sqrt(squares);
    return sqrt(squares);
}

void truth_of_tables(const adaptau_tables *tables, uint32_t flags, struct truth_tables *out)
{
    const int64_t user_stride = tables->user_stride ? tables->user_stride : tables->dim;
    const int64_t item_stride = tables->item_stride ? tables->item_stride : tables->dim;
    out->n_users = tables->n_users;
    out->n_items = tables->n_items;
    out->dim = tables->dim;
    out->normalised[0] = (flags & ADAPTAU_NORMALISE_USERS) != 0;
    out->normalised[1] = (flags & ADAPTAU_NORMALISE_ITEMS) != 0;
    out->largest = 0.0;
    for (int32_t u = 0; u < out->n_users; u++)
        out->user_lengths[u] = read_row(tables->users + u * user_stride, out->dim, out->normalised[0], out->users[u]);
    for (int32_t i = 0; i < out->n_items; i++)
        out->item_lengths[i] = read_row(tables->items + i * item_stride, out->dim, out->normalised[1], out->items[i]);
    for (int32_t u = 0; u < out->n_users; u++)
        for (int32_t i = 0; i < out->n_items; i++) {
            double sum = 0.0, size = 0.0;
            for (int32_t k = 0; k < out->dim; k++) {
                sum += out->users[u][k] * out->items[i][k];
                size += fabs(out->users[u][k] * out->items[i][k]);
            }
            out->f[u][i] = sum;
            out->largest = fmax(out->largest, size);
        }
}

/* ---- losses: one row ------------------------------------------------------------------------------------------------- */

/* A row of a batch as losses see it: scores of candidates that are not masked and of positives, and what is found of them. */
struct row {
    const adaptau_loss *loss;
    int32_t             user;
    double              s, aim; /* 1/τ, 1/τ⁺                                                                     */
    bool                split, own; /* τ⁺ is another one; a positive stands in its own sum                        */
    int32_t             n, n_positives;
    int32_t             items[MOST_ITEMS + MOST_CANDIDATES], positives[MOST_ITEMS];
    double              f[MOST_ITEMS + MOST_CANDIDATES], log_q[MOST_ITEMS + MOST_CANDIDATES];
    double              positive_f[MOST_ITEMS], a[MOST_ITEMS], total_a;
    double              share, target; /* e_r, ê_u·t_r                                                          */
    double              largest;       /* of the tables                                                         */
    double              value, size, slope, slope_size, target_factor; /* found: the loss, ∂/∂(1/τ), ∂/∂(ê_u·t_r)   */
    double              factor[MOST_ITEMS]; /* found: ∂loss/∂f of each item                                      */
    double              factor_size[MOST_ITEMS];
    double              log_sum, unit_loss;
};

static int32_t kind_of(const adaptau_loss *loss)
{
    return loss ? loss->kind : ADAPTAU_LOSS_SOFTMAX;
}

static void add_value(struct row *row, double value)
{
    row->value += value;
    row->size += fabs(value);
}

/* ∂loss/∂f of an item; `through_tau` where f comes with 1/τ of the sum. */
static void add_factor(struct row *row, int32_t item, double f, double factor, bool through_tau)
{
    row->factor[item] += factor;
    row->factor_size[item] += fabs(factor);
    if (through_tau) {
        row->slope += factor * f / row->s;
        row->slope_size += fabs(factor * f / row->s);
    }
}

static double softplus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x)
{
    return x > 0.0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}

static double log_sum_of(const struct row *row, double s, double own)
{
    double most = own, sum = 0.0;
    for (int32_t c = 0; c < row->n; c++)
        most = fmax(most, row->f[c] * s - row->log_q[c]);
    if (isinf(most))
        return -INFINITY;
    for (int32_t c = 0; c < row->n; c++)
        sum += exp(row->f[c] * s - row->log_q[c] - most);
    return most + log(sum + (isinf(own) ? 0.0 : exp(own - most)));
}

/* weight · log Z of the p-th positive. */
static void add_log_z(struct row *row, int32_t p, double weight)
{
    const double own = row->own ? row->positive_f[p] * row->s : -INFINITY, log_z = log_sum_of(row, row->s, own);
    add_value(row, weight * log_z);
    for (int32_t c = 0; c < row->n; c++)
        add_factor(row, row->items[c], row->f[c], weight * row->s * exp(row->f[c] * row->s - row->log_q[c] - log_z), true);
    if (row->own)
        add_factor(row, row->positives[p], row->positive_f[p], weight * row->s * exp(own - log_z), true);
}

/* −weight · f/τ⁺ */
static void take_positive(struct row *row, int32_t p, double weight)
{
    add_value(row, -weight * row->positive_f[p] * row->aim);
    add_factor(row, row->positives[p], row->positive_f[p], -weight * row->aim, !row->split);
}

static void take_target(struct row *row, double weight)
{
    add_value(row, -weight * row->target * row->aim);
    row->target_factor -= weight * row->aim;
    if (!row->split) {
        row->slope -= weight * row->target;
        row->slope_size += fabs(weight * row->target);
    }
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The K-th highest score of candidates and of positives that are none. */
static double kth_score(const struct row *row, bool positives_are_candidates)
{
    double  f[2 * MOST_ITEMS + MOST_CANDIDATES];
    int32_t n = row->n;
    memcpy(f, row->f, (size_t)n * sizeof *f);
    for (int32_t p = 0; p < row->n_positives && !positives_are_candidates; p++)
        f[n++] = row->positive_f[p];
    qsort(f, (size_t)n, sizeof *f, descending);
    return n < row->loss->top_k ? -INFINITY : f[row->loss->top_k - 1];
}

static void find_softmax(struct row *row, bool catalogue_with_positives)
{
    const int32_t kind = kind_of(row->loss);
    const double  threshold = kind == ADAPTAU_LOSS_SLATK ? kth_score(row, catalogue_with_positives) : 0.0;
    double        most = -INFINITY, sum = 0.0;
    for (int32_t p = 0; p < row->n_positives; p++)
        most = fmax(most, kind == ADAPTAU_LOSS_BSL ? row->positive_f[p] * row->aim / row->loss->positive_scale : 0.0);
    for (int32_t p = 0; p < row->n_positives && kind == ADAPTAU_LOSS_BSL; p++)
        sum += row->a[p] / row->total_a * exp(row->positive_f[p] * row->aim / row->loss->positive_scale - most);
    for (int32_t p = 0; p < row->n_positives; p++) {
        const double hard = row->a[p] * (1.0 - row->share), soft = row->a[p] * row->share;
        double       weight = hard;
        if (kind == ADAPTAU_LOSS_SLATK)
            weight *= 2.0 * sigmoid((row->positive_f[p] - threshold) / row->loss->weight_tau);
        if (kind == ADAPTAU_LOSS_BSL)
            weight *= row->loss->negative_weight;
        add_log_z(row, p, weight + soft);
        take_target(row, soft);
        if (kind == ADAPTAU_LOSS_BSL) {
            const double part = row->a[p] / row->total_a * exp(row->positive_f[p] * row->aim / row->loss->positive_scale - most) / sum;
            add_factor(row, row->positives[p], row->positive_f[p], -(1.0 - row->share) * row->total_a * part * row->aim, !row->split);
        } else {
            take_positive(row, p, weight);
        }
    }
    if (kind == ADAPTAU_LOSS_BSL)
        add_value(row, -(1.0 - row->share) * row->total_a * row->loss->positive_scale * (most + log(sum)));
}

static void find_pairs(struct row *row) /* BPR */
{
    for (int32_t p = 0; p < row->n_positives; p++)
        for (int32_t c = 0; c < row->n; c++) {
            const double x = (row->f[c] - row->positive_f[p]) * row->s, weight = row->a[p] / row->n;
            add_value(row, weight * softplus(x));
            add_factor(row, row->items[c], row->f[c], weight * row->s * sigmoid(x), true);
            add_factor(row, row->positives[p], row->positive_f[p], -weight * row->s * sigmoid(x), true);
        }
}

static void find_single(struct row *row) /* BCE, MSE, CCL */
{
    const adaptau_loss *loss = row->loss;
    const bool          has_tau = loss->kind == ADAPTAU_LOSS_BCE;
    for (int32_t p = 0; p < row->n_positives; p++) {
        const double f = row->positive_f[p], a = row->a[p];
        const double value = has_tau ? softplus(-f * row->s) : loss->kind == ADAPTAU_LOSS_MSE ? (1.0 - f) * (1.0 - f) : 1.0 - f;
        const double slope = has_tau ? -row->s * sigmoid(-f * row->s) : loss->kind == ADAPTAU_LOSS_MSE ? -2.0 * (1.0 - f) : -1.0;
        add_value(row, a * value);
        row->size += a * fabs(f);
        add_factor(row, row->positives[p], f, a * slope, has_tau);
        row->factor_size[row->positives[p]] += a * (1.0 + fabs(f));
    }
    for (int32_t c = 0; c < row->n; c++) {
        const double f = row->f[c], weight = row->total_a * loss->negative_weight / row->n, above = f - loss->margin;
        const double value = has_tau ? softplus(f * row->s) : loss->kind == ADAPTAU_LOSS_MSE ? f * f : fmax(0.0, above);
        const double slope = has_tau ? row->s * sigmoid(f * row->s) : loss->kind == ADAPTAU_LOSS_MSE ? 2.0 * f : above > 0.0 ? 1.0 : 0.0;
        add_value(row, weight * value);
        add_factor(row, row->items[c], f, weight * slope, has_tau);
        row->factor_size[row->items[c]] +=
            loss->kind == ADAPTAU_LOSS_MSE ? weight * 0.1 * row->largest : 0.0; /* f near 0 has lost digits */
    }
}

static double activate(int32_t kind, double x, double *slope)
{
    const double value = kind == ADAPTAU_ACTIVATION_TANH ? 1.0 + tanh(x) : 1.0 + (kind == ADAPTAU_ACTIVATION_ATAN ? atan(x) : x);
    *slope = kind == ADAPTAU_ACTIVATION_TANH ? 1.0 - tanh(x) * tanh(x) : kind == ADAPTAU_ACTIVATION_ATAN ? 1.0 / (1.0 + x * x) : 1.0;
    if (value <= 0.0)
        *slope = 0.0;
    return fmax(value, 0.0);
}

static void find_psl(struct row *row, bool catalogue_with_positives)
{
    for (int32_t p = 0; p < row->n_positives; p++) {
        double z = catalogue_with_positives ? 0.0 : 1.0, powers[MOST_ITEMS + MOST_CANDIDATES], values[MOST_ITEMS + MOST_CANDIDATES],
               slopes[MOST_ITEMS + MOST_CANDIDATES];
        for (int32_t c = 0; c < row->n; c++) {
            values[c] = activate(row->loss->activation, (row->f[c] - row->positive_f[p]) / 2.0, &slopes[c]);
            z += powers[c] = pow(values[c], 2.0 * row->s);
        }
        add_value(row, row->a[p] * log(z));
        row->size += row->a[p];
        for (int32_t c = 0; c < row->n; c++) {
            if (!(values[c] > 0.0))
                continue;
            const double factor = row->a[p] * row->s * powers[c] / z / values[c] * slopes[c];
            const double slope = row->a[p] * 2.0 * log(values[c]) * powers[c] / z;
            add_factor(row, row->items[c], row->f[c], factor, false);
            add_factor(row, row->positives[p], row->positive_f[p], -factor, false);
            row->slope += slope;
            row->slope_size += fabs(slope) + row->a[p] * powers[c] / z;
        }
    }
}

static void find_row(struct row *row, bool catalogue_with_positives)
{
    const int32_t kind = kind_of(row->loss);
    row->log_sum = log_sum_of(row, row->s, -INFINITY);
    row->unit_loss = log_sum_of(row, 1.0, -INFINITY);
    for (int32_t p = 0; p < row->n_positives; p++)
        row->unit_loss -= row->a[p] / row->total_a * row->positive_f[p];
    if (kind == ADAPTAU_LOSS_SOFTMAX || kind == ADAPTAU_LOSS_SLATK || kind == ADAPTAU_LOSS_BSL) {
        if (row->n > 0 || row->own)
            find_softmax(row, catalogue_with_positives);
    } else if (kind == ADAPTAU_LOSS_BPR) {
        find_pairs(row);
    } else if (kind == ADAPTAU_LOSS_PSL) {
        find_psl(row, catalogue_with_positives);
    } else {
        find_single(row);
    }
}

/* ---- losses: a batch ------------------------------------------------------------------------------------------------- */

static bool is_positive(const adaptau_batch *b, int32_t r, int32_t item)
{
    for (int64_t p = b->positive_ptr[r]; p < b->positive_ptr[r + 1]; p++)
        if (b->positives[p] == item)
            return true;
    return false;
}

/* log(1 + b) of a logged negative, 0 of other items. */
static double log_copies(const adaptau_batch *b, int32_t r, int32_t item)
{
    for (int64_t k = b->negative_ptr ? b->negative_ptr[r] : 0; b->negative_ptr && k < b->negative_ptr[r + 1]; k++)
        if (b->negatives[k] == item)
            return log1p(b->negative_weights ? (double)b->negative_weights[k] : 1.0);
    return 0.0;
}

static void read_batch_row(const struct truth_question *q, int32_t r, struct row *row)
{
    const adaptau_batch       *b = q->batch;
    const struct truth_tables *t = q->tables;
    const bool                 outside = (b->flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM) != 0;
    const bool                 catalogue = b->candidates == ADAPTAU_CANDIDATES_CATALOGUE;
    const int64_t              n = catalogue ? t->n_items : b->n_candidates;
    memset(row, 0, sizeof *row);
    row->loss = q->loss;
    row->user = b->users ? b->users[r] : r;
    row->largest = t->largest;
    row->s = 1.0 / (double)q->taus[r];
    row->split = q->tau_positives != NULL;
    row->aim = row->split ? 1.0 / (double)q->tau_positives[r] : row->s;
    row->own = !catalogue && !outside;
    for (int64_t c = 0; c < n; c++) {
        const int64_t at = b->candidates == ADAPTAU_CANDIDATES_PER_ROW ? r * n + c : c;
        const int32_t item = catalogue ? (int32_t)c : b->candidate_ids[at];
        if (outside && is_positive(b, r, item))
            continue;
        row->items[row->n] = item;
        row->f[row->n] = t->f[row->user][item];
        row->log_q[row->n++] = (b->log_q ? (double)b->log_q[at] : 0.0) - log_copies(b, r, item);
    }
    for (int64_t p = b->positive_ptr[r]; p < b->positive_ptr[r + 1]; p++) {
        row->positives[row->n_positives] = b->positives[p];
        row->positive_f[row->n_positives] = t->f[row->user][b->positives[p]];
        row->total_a += row->a[row->n_positives++] = b->positive_weights ? (double)b->positive_weights[p] : 1.0;
    }
    row->share = b->target_shares ? (double)b->target_shares[r] : 0.0;
    for (int32_t k = 0; b->target_shares && k < t->dim; k++)
        row->target += t->users[row->user][k] * (double)b->user_targets[(int64_t)r * t->dim + k];
}

/* ∂(factor · x̂·y)/∂x, onto out. Returns what it may have cost in size. */
static double add_back(int32_t dim, bool normalised, const double *x, double length, const double *y, double factor, double *out)
{
    double dot = 0.0, size = 0.0;
    for (int32_t k = 0; k < dim; k++) {
        dot += x[k] * y[k];
        size += y[k] * y[k];
    }
    if (normalised && length == 0.0)
        return 0.0;
    for (int32_t k = 0; k < dim; k++)
        out[k] += normalised ? factor * (y[k] - dot * x[k]) / length : factor * y[k];
    return fabs(factor) * sqrt(size) / (normalised ? length : 1.0);
}

static void add_row(const struct truth_question *q, int32_t r, const struct row *row, struct truth_answer *out)
{
    const struct truth_tables *t = q->tables;
    const double               w = q->batch->row_weights ? (double)q->batch->row_weights[r] : 1.0;
    const double              *user = t->users[row->user];
    out->row_loss[r] = w * row->value;
    out->row_size[r] = w * row->size;
    out->loss += w * row->value;
    out->loss_size += w * row->size;
    out->row_log_sum[r] = row->log_sum;
    out->row_unit_loss[r] = row->n_positives ? row->unit_loss : 0.0;
    out->row_slope[r] = w * row->slope;
    out->row_slope_size[r] = w * row->slope_size;
    for (int32_t i = 0; i < t->n_items; i++) {
        const double size = w * row->factor_size[i];
        if (size == 0.0)
            continue;
        double       unused[MOST_DIM] = {0};
        out->row_gradient_size[r] += add_back(t->dim, t->normalised[0], user, t->user_lengths[row->user], t->items[i], size, unused);
        out->item_size[i] += add_back(t->dim, t->normalised[1], t->items[i], t->item_lengths[i], user, size, unused);
        add_back(t->dim, t->normalised[0], user, t->user_lengths[row->user], t->items[i], w * row->factor[i], out->row_gradients[r]);
        add_back(t->dim, t->normalised[1], t->items[i], t->item_lengths[i], user, w * row->factor[i], out->item_gradients[i]);
    }
    if (q->batch->target_shares) {
        double target[MOST_DIM];
        for (int32_t k = 0; k < t->dim; k++)
            target[k] = (double)q->batch->user_targets[(int64_t)r * t->dim + k];
        out->row_gradient_size[r] += add_back(t->dim, t->normalised[0], user, t->user_lengths[row->user], target,
                                              w * row->target_factor, out->row_gradients[r]);
    }
}

static void touch(const struct truth_question *q, struct truth_answer *out)
{
    const adaptau_batch *b = q->batch;
    const int64_t        n_ids = b->candidates == ADAPTAU_CANDIDATES_PER_ROW ? b->n_rows * b->n_candidates : b->n_candidates;
    for (int32_t i = 0; i < q->tables->n_items && b->candidates == ADAPTAU_CANDIDATES_CATALOGUE; i++)
        out->touched[i] = true;
    for (int64_t c = 0; c < n_ids && b->candidates != ADAPTAU_CANDIDATES_CATALOGUE; c++)
        out->touched[b->candidate_ids[c]] = true;
    for (int64_t p = 0; p < b->positive_ptr[b->n_rows]; p++)
        out->touched[b->positives[p]] = true;
}

void truth_of_loss(const struct truth_question *question, struct truth_answer *out)
{
    static struct row row;
    double            sharpest = 1.0;
    memset(out, 0, sizeof *out);
    for (int32_t r = 0; r < question->batch->n_rows; r++) {
        read_batch_row(question, r, &row);
        find_row(&row, question->batch->candidates == ADAPTAU_CANDIDATES_CATALOGUE &&
                           !(question->batch->flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM));
        add_row(question, r, &row, out);
        sharpest = fmax(sharpest, fmax(row.s, row.aim));
    }
    if (question->loss && question->loss->kind == ADAPTAU_LOSS_SLATK)
        sharpest = fmax(sharpest, 1.0 / question->loss->weight_tau);
    if (question->loss && question->loss->kind == ADAPTAU_LOSS_BSL)
        sharpest /= fmin(1.0, question->loss->positive_scale);
    touch(question, out);
    out->slack = BASE_SLACK + 16.0 * FLOAT_EPSILON * sharpest * question->tables->largest;
    /* With one dimension cosines are ±1: where PSL's activation has its corner. */
    out->comparable = out->slack < MOST_SLACK && isfinite(out->loss) &&
                      !(question->loss && question->loss->kind == ADAPTAU_LOSS_PSL && question->tables->dim == 1);
}

/* ---- encoders ------------------------------------------------------------------------------------------------------- */

static adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_dataset_get_view(data, &view, NULL);
    return view;
}

void truth_of_layers(const adaptau_dataset *data, int32_t n_layers, int32_t dim, double rows[MOST_NODES][MOST_DIM])
{
    const adaptau_dataset_view view = view_of(data);
    static double              layer[MOST_NODES][MOST_DIM], next[MOST_NODES][MOST_DIM];
    memcpy(layer, rows, sizeof layer);
    for (int32_t l = 0; l < n_layers; l++) {
        memset(next, 0, sizeof next);
        for (int32_t u = 0; u < view.n_users; u++)
            for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++) {
                const int32_t i = view.user_items[p];
                const double  weight = 1.0 / sqrt((double)(view.user_ptr[u + 1] - view.user_ptr[u]) *
                                                  (double)(view.item_ptr[i + 1] - view.item_ptr[i]));
                for (int32_t k = 0; k < dim; k++) {
                    next[u][k] += weight * layer[view.n_users + i][k];
                    next[view.n_users + i][k] += weight * layer[u][k];
                }
            }
        memcpy(layer, next, sizeof layer);
        for (int32_t x = 0; x < view.n_users + view.n_items; x++)
            for (int32_t k = 0; k < dim; k++)
                rows[x][k] += layer[x][k];
    }
    for (int32_t x = 0; x < view.n_users + view.n_items; x++)
        for (int32_t k = 0; k < dim; k++)
            rows[x][k] /= n_layers + 1;
}

void truth_of_means(const adaptau_dataset *data, double gate, int32_t dim, const float *parameters, double rows[MOST_NODES][MOST_DIM])
{
    const adaptau_dataset_view view = view_of(data);
    for (int32_t u = 0; u < view.n_users; u++) {
        double        mean[MOST_DIM] = {0};
        const int64_t n = view.user_ptr[u + 1] - view.user_ptr[u];
        for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++)
            for (int32_t k = 0; k < dim; k++)
                mean[k] += rows[view.n_users + view.user_items[p]][k] / (double)n;
        for (int32_t k = 0; k < dim; k++) {
            double turned = 0.0;
            for (int32_t j = 0; j < dim; j++)
                turned += (double)parameters[k * dim + j] * mean[j];
            rows[u][k] = gate * rows[u][k] + (1.0 - gate) * turned;
        }
    }
}

/* ---- temperatures --------------------------------------------------------------------------------------------------- */

void truth_of_moments(const struct truth_tables *tables, const adaptau_dataset *data, struct truth_moments *out)
{
    const adaptau_dataset_view view = view_of(data);
    double                     sum = 0.0, squares = 0.0, positive = 0.0, positive_squares = 0.0, weights = 0.0;
    for (int32_t u = 0; u < view.n_users; u++) {
        for (int32_t i = 0; i < view.n_items; i++) {
            sum += tables->f[u][i];
            squares += tables->f[u][i] * tables->f[u][i];
        }
        for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++) {
            const double a = view.user_weights ? (double)view.user_weights[p] : 1.0, f = tables->f[u][view.user_items[p]];
            weights += a;
            positive += a * f;
            positive_squares += a * f * f;
        }
    }
    const double cells = (double)view.n_users * (double)view.n_items;
    out->mean_all = sum / cells;
    out->variance_all = squares / cells - out->mean_all * out->mean_all;
    out->mean_positive = positive / weights;
    out->variance_positive = positive_squares / weights - out->mean_positive * out->mean_positive;
    out->log_ratio = log(cells / (2.0 * (double)view.user_ptr[view.n_users]));
}

double truth_of_eq11(const struct truth_tables *tables, const adaptau_dataset *data, double tau)
{
    const adaptau_dataset_view view = view_of(data);
    double                     total = 0.0, n = 0.0;
    for (int32_t u = 0; u < view.n_users; u++) {
        double most = -INFINITY, z = 0.0, part = 0.0;
        if (view.user_ptr[u] == view.user_ptr[u + 1])
            continue;
        for (int32_t i = 0; i < view.n_items; i++)
            most = fmax(most, tables->f[u][i] / tau);
        for (int32_t i = 0; i < view.n_items; i++)
            z += exp(tables->f[u][i] / tau - most);
        for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++)
            part += exp(tables->f[u][view.user_items[p]] / tau - most);
        total += part / z;
        n += 1.0;
    }
    return total / n;
}

double truth_of_lambert(double x)
{
    if (x <= -exp(-1.0))
        return -1.0;
    double w = x < 1.0 ? (x < 0.0 ? -1.0 + sqrt(2.0 * (1.0 + exp(1.0) * x)) : x) : log(x);
    for (int i = 0; i < 100; i++) {
        const double e = exp(w), step = (w * e - x) / (e * (w + 1.0) + DBL_MIN);
        w = fmax(w - step, -1.0);
    }
    return w;
}

/* ---- metrics -------------------------------------------------------------------------------------------------------- */

static bool holds(int64_t n, const int32_t *items, int32_t item)
{
    for (int64_t i = 0; i < n; i++)
        if (items[i] == item)
            return true;
    return false;
}

double truth_of_metric(int32_t metric, int32_t k, const int32_t *list, int64_t n_held, const int32_t *held)
{
    double hits = 0.0, gain = 0.0, ideal = 0.0, precisions = 0.0, first = 0.0;
    for (int32_t r = 1; r <= k; r++) {
        if (r <= n_held)
            ideal += 1.0 / log2(r + 1.0);
        if (list[r - 1] < 0 || !holds(n_held, held, list[r - 1]))
            continue;
        hits += 1.0;
        gain += 1.0 / log2(r + 1.0);
        precisions += hits / r;
        first = first > 0.0 ? first : 1.0 / r;
    }
    switch (metric) {
    case ADAPTAU_METRIC_RECALL: return hits / (double)n_held;
    case ADAPTAU_METRIC_NDCG: return gain / ideal;
    case ADAPTAU_METRIC_PRECISION: return hits / k;
    case ADAPTAU_METRIC_HIT_RATE: return hits > 0.0 ? 1.0 : 0.0;
    case ADAPTAU_METRIC_MRR: return first;
    default: return precisions / fmin(k, (double)n_held);
    }
}

/* ---- Adam ----------------------------------------------------------------------------------------------------------- */

void truth_of_adam(const struct truth_adam *adam, int32_t dim, int64_t step, const double *gradient, double *first, double *second,
                   double *row)
{
    double squares = 0.0;
    for (int32_t k = 0; k < dim; k++) {
        const double g = gradient[k] + adam->decay * row[k];
        first[k] = adam->beta1 * first[k] + (1.0 - adam->beta1) * g;
        squares += g * g / dim;
    }
    for (int32_t k = 0; k < dim; k++) {
        const double g = gradient[k] + adam->decay * row[k];
        second[k] = adam->beta2 * second[k] + (1.0 - adam->beta2) * (adam->one_second_moment ? squares : g * g);
    }
    for (int32_t k = 0; k < dim; k++)
        row[k] -= adam->rate * first[k] / (1.0 - pow(adam->beta1, (double)step)) /
                  (sqrt(second[k] / (1.0 - pow(adam->beta2, (double)step))) + adam->epsilon);
}
