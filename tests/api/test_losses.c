/* SPDX-License-Identifier: MIT */
/* adaptau_loss_gradients against the losses' definitions, evaluated in double precision: losses directly, gradients by central
 * differences. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/context.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/score_truth.h"
#include "../support/softmax_problem.h"
#include "../support/suite.h"

#define N_LOSSES 7 /* beside the softmax */
#define N_FAMILY 2 /* of these, from ADAPTAU_LOSS_SLATK on, of the softmax's family */
#define TOP_K 5

static bool has_negative_weight(int32_t kind)
{
    return kind != ADAPTAU_LOSS_BPR && kind != ADAPTAU_LOSS_SLATK && kind != ADAPTAU_LOSS_PSL;
}

static int32_t psl_activation; /* of loss_of */

static adaptau_loss loss_of(int32_t kind)
{
    adaptau_loss loss = full_loss((adaptau_loss){.kind = kind});
    loss.margin = kind == ADAPTAU_LOSS_CCL ? 0.1 : 0.0;
    loss.negative_weight = has_negative_weight(kind) ? 1.7 : 0.0;
    loss.top_k = kind == ADAPTAU_LOSS_SLATK ? TOP_K : 0;
    loss.weight_tau = kind == ADAPTAU_LOSS_SLATK ? 0.15 : 0.0;
    loss.activation = kind == ADAPTAU_LOSS_PSL ? psl_activation : 0;
    loss.positive_scale = kind == ADAPTAU_LOSS_BSL ? 0.6 : 0.0;
    return loss;
}

/* ---- the definition ------------------------------------------------------------------------------------------------ */

static double softplus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

/* ℓ but for its candidates, and what a candidate adds to it. */
static double of_positive(const adaptau_loss *loss, double f, double inverse_tau)
{
    switch (loss->kind) {
    case ADAPTAU_LOSS_BCE: return softplus(-f * inverse_tau);
    case ADAPTAU_LOSS_MSE: return (1.0 - f) * (1.0 - f);
    case ADAPTAU_LOSS_CCL: return 1.0 - f;
    default: return 0.0;
    }
}

static double of_candidate(const adaptau_loss *loss, double f, double positive, double inverse_tau)
{
    switch (loss->kind) {
    case ADAPTAU_LOSS_BPR: return softplus((f - positive) * inverse_tau);
    case ADAPTAU_LOSS_BCE: return loss->negative_weight * softplus(f * inverse_tau);
    case ADAPTAU_LOSS_MSE: return loss->negative_weight * f * f;
    default: return loss->negative_weight * fmax(0.0, f - loss->margin);
    }
}

static bool is_of_family(const adaptau_loss *loss)
{
    return loss->kind == ADAPTAU_LOSS_SLATK || loss->kind == ADAPTAU_LOSS_BSL;
}

/* ---- the definition of the softmax's family -------------------------------------------------------------------------- */

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static int64_t n_candidates_of(const struct problem *p)
{
    return p->kind == ADAPTAU_CANDIDATES_CATALOGUE ? p->n_items : p->n_candidates;
}

/* The item of a row's c-th candidate, −1 where it is masked. */
static int32_t candidate_of(const struct problem *p, int32_t row, int64_t c)
{
    const int64_t at = p->kind == ADAPTAU_CANDIDATES_PER_ROW ? row * p->n_candidates + c : c;
    const int32_t item = p->kind == ADAPTAU_CANDIDATES_CATALOGUE ? (int32_t)c : p->candidates[at];
    return p->batch_flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM && is_positive(p, row, item) ? -1 : item;
}

/* β of the tables as they were given, by sorting: weights are constants, whatever is moved for a difference. */
static double sort_threshold(const struct problem *p, int32_t row)
{
    double       *users = to_double(p->users, (int64_t)p->n_users * p->dim);
    double       *items = to_double(p->items, (int64_t)p->n_items * p->dim);
    const double *user = users + (int64_t)p->row_users[row] * p->dim;
    double       *f = allocate((size_t)(n_candidates_of(p) + p->n_items), sizeof(double));
    int64_t       n = 0;
    for (int64_t c = 0; c < n_candidates_of(p); c++)
        if (candidate_of(p, row, c) >= 0)
            f[n++] = score(p, user, items + (int64_t)candidate_of(p, row, c) * p->dim);
    if (p->kind != ADAPTAU_CANDIDATES_CATALOGUE || p->batch_flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM)
        for (int64_t i = p->positive_ptr[row]; i < p->positive_ptr[row + 1]; i++)
            f[n++] = score(p, user, items + (int64_t)p->positives[i] * p->dim);
    qsort(f, (size_t)n, sizeof *f, descending);
    double threshold = n < TOP_K ? -INFINITY : f[TOP_K - 1];
    free(f);
    free(users);
    free(items);
    return threshold;
}

/* The same, sorted once for a problem. */
#define ROWS_MOST 200
static struct {
    bool   known[ROWS_MOST];
    double of_row[ROWS_MOST];
} thresholds;

/* A problem that is new. Its address says nothing: the tables of the last one may have been at the same. */
static struct problem pose_problem(struct problem shape)
{
    memset(&thresholds, 0, sizeof thresholds);
    return make_problem(shape);
}

static double define_threshold(const struct problem *p, int32_t row)
{
    ck_assert_int_lt(row, ROWS_MOST);
    if (!thresholds.known[row])
        thresholds.of_row[row] = sort_threshold(p, row);
    thresholds.known[row] = true;
    return thresholds.of_row[row];
}

static double given_score(const struct problem *p, int32_t row, int32_t item)
{
    double *user = to_double(p->users + (int64_t)p->row_users[row] * p->dim, p->dim);
    double *other = to_double(p->items + (int64_t)item * p->dim, p->dim), f = score(p, user, other);
    free(user);
    free(other);
    return f;
}

/* Z of a row, but for what a positive adds to its own. */
static double define_sum(const struct problem *p, int32_t row, const double *user, const double *items, double inverse_tau)
{
    double sum = 0.0;
    for (int64_t c = 0; c < n_candidates_of(p); c++) {
        const int64_t at = p->kind == ADAPTAU_CANDIDATES_PER_ROW ? row * p->n_candidates + c : c;
        const int32_t item = candidate_of(p, row, c);
        if (item >= 0)
            sum += copies_of(p, row, item) *
                   exp(score(p, user, items + (int64_t)item * p->dim) * inverse_tau -
                       (p->log_q ? (double)p->log_q_values[at] : 0.0));
    }
    return sum;
}

static double define_target_score(const struct problem *p, int32_t row, const double *user, const double *items)
{
    double sum = 0.0;
    for (int32_t i = 0; p->targets && i < p->n_items; i++)
        sum += (double)p->target_mixtures[(int64_t)row * p->n_items + i] * score(p, user, items + (int64_t)i * p->dim);
    return sum;
}

static double define_family_row(const struct problem *p, const adaptau_loss *loss, int32_t row, const double *user,
                                const double *items, double inverse_tau)
{
    const int64_t first = p->positive_ptr[row], end = p->positive_ptr[row + 1], n = end - first;
    const double  e = p->targets ? (double)p->target_shares[row] : 0.0, target = define_target_score(p, row, user, items);
    const double  aim = p->split ? 1.0 / (double)p->tau_positives[row] : inverse_tau;
    const double  threshold = loss->kind == ADAPTAU_LOSS_SLATK ? define_threshold(p, row) : 0.0;
    const double  sum = n > 0 ? define_sum(p, row, user, items, inverse_tau) : 0.0;
    const bool    own = p->kind != ADAPTAU_CANDIDATES_CATALOGUE && !(p->batch_flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM);
    double        total = 0.0, mean = 0.0;
    for (int64_t i = first; i < end; i++) {
        const double f = score(p, user, items + (int64_t)p->positives[i] * p->dim);
        const double log_z = log(sum + (own ? exp(f * inverse_tau) : 0.0));
        if (isinf(log_z))
            return 0.0; /* an empty sum                                                                          */
        total += weight_of(p, i) * e * (log_z - target * aim);
        if (loss->kind == ADAPTAU_LOSS_SLATK) {
            const double x = (given_score(p, row, p->positives[i]) - threshold) / loss->weight_tau;
            total += weight_of(p, i) * (1.0 - e) * 2.0 / (1.0 + exp(-x)) * (log_z - f * aim);
        } else {
            total += weight_of(p, i) * (1.0 - e) * loss->negative_weight * log_z;
            mean += weight_of(p, i) * exp(f * aim / loss->positive_scale) / weigh_row(p, row);
        }
    }
    if (loss->kind == ADAPTAU_LOSS_BSL && n > 0)
        total -= (1.0 - e) * weigh_row(p, row) * loss->positive_scale * log(mean);
    return total * (p->weights ? (double)p->row_weights[row] : 1.0);
}

/* ---- PSL ---------------------------------------------------------------------------------------------------------------- */

static double activate(int32_t activation, double x)
{
    switch (activation) {
    case ADAPTAU_ACTIVATION_TANH: return 1.0 + tanh(x);
    case ADAPTAU_ACTIVATION_ATAN: return fmax(0.0, 1.0 + atan(x));
    default: return fmax(0.0, 1.0 + x);
    }
}

static double define_psl_row(const struct problem *p, const adaptau_loss *loss, int32_t row, const double *user,
                             const double *items, double inverse_tau)
{
    const bool own = p->kind != ADAPTAU_CANDIDATES_CATALOGUE || p->batch_flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM;
    double     total = 0.0;
    for (int64_t i = p->positive_ptr[row]; i < p->positive_ptr[row + 1]; i++) {
        const double positive = score(p, user, items + (int64_t)p->positives[i] * p->dim);
        double       z = own ? 1.0 : 0.0;
        for (int64_t c = 0; c < n_candidates_of(p); c++)
            if (candidate_of(p, row, c) >= 0)
                z += pow(activate(loss->activation,
                                  (score(p, user, items + (int64_t)candidate_of(p, row, c) * p->dim) - positive) / 2.0),
                         2.0 * inverse_tau);
        total += weight_of(p, i) * log(z);
    }
    return total * (p->weights ? (double)p->row_weights[row] : 1.0);
}

/* ---- all of them -------------------------------------------------------------------------------------------------------- */

static double define_row(const struct problem *p, const adaptau_loss *loss, int32_t row, const double *user,
                         const double *items, double inverse_tau)
{
    if (is_of_family(loss))
        return define_family_row(p, loss, row, user, items, inverse_tau);
    if (loss->kind == ADAPTAU_LOSS_PSL)
        return define_psl_row(p, loss, row, user, items, inverse_tau);
    const bool    outside = (p->batch_flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM) != 0;
    const bool    catalogue = p->kind == ADAPTAU_CANDIDATES_CATALOGUE;
    const int64_t n = catalogue ? p->n_items : p->n_candidates, first = p->positive_ptr[row], end = p->positive_ptr[row + 1];
    double        total = 0.0, n_counted = 0.0, sum = 0.0;
    double       *f = allocate((size_t)n, sizeof(double));
    for (int64_t c = 0; c < n; c++) {
        int32_t item = catalogue ? (int32_t)c : p->candidates[p->kind == ADAPTAU_CANDIDATES_PER_ROW ? row * n + c : c];
        if (!(outside && is_positive(p, row, item)))
            f[(int64_t)n_counted++] = score(p, user, items + (int64_t)item * p->dim);
    }
    for (int64_t i = first; i < end; i++) {
        double positive = score(p, user, items + (int64_t)p->positives[i] * p->dim);
        if (i == first || loss->kind == ADAPTAU_LOSS_BPR) { /* the others have one sum for all positives        */
            sum = 0.0;
            for (int64_t c = 0; c < (int64_t)n_counted; c++)
                sum += of_candidate(loss, f[c], positive, inverse_tau);
        }
        total += weight_of(p, i) * (of_positive(loss, positive, inverse_tau) + (n_counted > 0.0 ? sum / n_counted : 0.0));
    }
    free(f);
    return total * (p->weights ? (double)p->row_weights[row] : 1.0);
}

/* Of the rows of one user, or of all: user < 0. */
static double define_loss(const struct problem *p, const adaptau_loss *loss, const double *users, const double *items, int64_t user)
{
    double total = 0.0;
    for (int32_t r = 0; r < p->n_rows; r++)
        if (user < 0 || p->row_users[r] == user)
            total += define_row(p, loss, r, users + (int64_t)p->row_users[r] * p->dim, items, 1.0 / row_tau(p, r));
    return total;
}

/* ---- the library's answer --------------------------------------------------------------------------------------------- */

static bool has_tau(const adaptau_loss *loss)
{
    return loss->kind == ADAPTAU_LOSS_BPR || loss->kind == ADAPTAU_LOSS_BCE || loss->kind == ADAPTAU_LOSS_PSL ||
           is_of_family(loss);
}

static struct answer ask(adaptau_context *context, const struct problem *p, const adaptau_loss *loss)
{
    struct answer            a = make_answer(p);
    adaptau_batch            batch = batch_of(p);
    adaptau_tables           tables = tables_of(p);
    adaptau_row_temperatures temperatures = temperatures_of(p);
    adaptau_loss_output   output = {
          .struct_size = sizeof output,
          .row_loss = a.row_loss,
          .row_d_inverse_tau = has_tau(loss) ? a.d_inverse_tau : NULL,
          .user_gradients = a.user_gradients,
          .item_gradients = a.item_gradients,
          .touched_items = p->kind == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : a.touched,
    };
    OK(adaptau_loss_gradients(context, &tables, &batch, &temperatures, loss, &output, &error));
    a.loss = output.loss;
    a.n_touched = output.n_touched_items;
    return a;
}

static void check_side(const struct problem *p, const adaptau_loss *loss, const struct answer *a, bool user_side, int64_t every)
{
    double       *users = to_double(p->users, (int64_t)p->n_users * p->dim);
    double       *items = to_double(p->items, (int64_t)p->n_items * p->dim);
    double       *moved = user_side ? users : items;
    const int64_t n = (int64_t)(user_side ? p->n_users : p->n_items) * p->dim;
    const double  h = 1e-6;
    for (int64_t e = 0; e < n; e += every) {
        double got = 0.0, kept = moved[e];
        for (int32_t r = 0; user_side && r < p->n_rows; r++)
            if (p->row_users[r] == e / p->dim)
                got += (double)a->user_gradients[(int64_t)r * p->dim + e % p->dim];
        if (!user_side)
            got = (double)a->item_gradients[e];
        moved[e] = kept + h;
        double up = define_loss(p, loss, users, items, user_side ? e / p->dim : -1);
        moved[e] = kept - h;
        double down = define_loss(p, loss, users, items, user_side ? e / p->dim : -1);
        moved[e] = kept;
        check_near(got, (up - down) / (2.0 * h), 1e-4, user_side ? "user gradient" : "item gradient", e);
    }
    free(users);
    free(items);
}

static void check_rows(const struct problem *p, const adaptau_loss *loss, const struct answer *a)
{
    double *users = to_double(p->users, (int64_t)p->n_users * p->dim);
    double *items = to_double(p->items, (int64_t)p->n_items * p->dim);
    double  total = 0.0;
    for (int32_t r = 0; r < p->n_rows; r++) {
        const double *user = users + (int64_t)p->row_users[r] * p->dim;
        const double  inverse = 1.0 / row_tau(p, r), h = inverse * 1e-6;
        double        truth = define_row(p, loss, r, user, items, inverse);
        double        slope = (define_row(p, loss, r, user, items, inverse + h) -
                        define_row(p, loss, r, user, items, inverse - h)) / (2.0 * h);
        check_near(a->row_loss[r], truth, p->tau < 0.1f ? 1e-4 : 1e-5, "row loss", r);
        if (has_tau(loss))
            check_near((double)a->d_inverse_tau[r], slope, 1e-4, "d loss / d inverse tau", r);
        total += truth;
    }
    check_near(a->loss, total, 1e-5, "loss", 0);
    free(users);
    free(items);
}

static void check_problem(struct problem shape, int32_t kind, int64_t every)
{
    struct problem p = pose_problem(shape);
    adaptau_loss   loss = loss_of(kind);
    const int32_t  backends[] = {ADAPTAU_BACKEND_REFERENCE, ADAPTAU_BACKEND_BLIS, ADAPTAU_BACKEND_AUTO};
    for (int b = 0; b < 3; b++) {
        adaptau_context *context = make_context(backends[b], 2);
        if (!context)
            continue;
        struct answer a = ask(context, &p, &loss);
        check_rows(&p, &loss, &a);
        if (b == 2) { /* the products of all backends are compared elsewhere                                    */
            check_side(&p, &loss, &a, true, every);
            check_side(&p, &loss, &a, false, every);
        }
        free_answer(&a);
        adaptau_context_destroy(context);
    }
    free_problem(&p);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------- */

static const uint32_t NORMALISATIONS[] = {0, ADAPTAU_NORMALISE_USERS, ADAPTAU_NORMALISE_ITEMS, ADAPTAU_NORMALISE_BOTH};

/* _i: loss x kind of candidates (3) x normalisation (4) x inside or outside (2) */
START_TEST(gradients_match_central_differences)
{
    const int      shape = _i / N_LOSSES;
    struct problem p = {.n_users = 9,
                        .n_items = 150,
                        .dim = shape % 2 ? 5 : 18,
                        .n_rows = 7,
                        .kind = shape % 3,
                        .table_flags = NORMALISATIONS[shape / 3 % 4],
                        .batch_flags = shape / 12 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = shape % 3 ? 40 : 0,
                        .tau = 0.6f};
    check_problem(p, _i % N_LOSSES + 1, 13);
}
END_TEST

/* _i: loss x kind; weights, a temperature for each row, sharp ones. */
START_TEST(options_match_central_differences)
{
    struct problem p = {.n_users = 6,
                        .n_items = 140,
                        .dim = 16,
                        .n_rows = 6,
                        .kind = _i / N_LOSSES,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                        .n_candidates = _i / N_LOSSES ? 200 : 0, /* of a row more than a tile has lines       */
                        .weights = true,
                        .personal = true,
                        .tau = 0.1f};
    check_problem(p, _i % N_LOSSES + 1, 17);
}
END_TEST

/* _i: loss x kind x inside or outside; weights of interactions, of rows, a temperature for each row. */
START_TEST(weights_match_central_differences)
{
    const int      shape = _i / N_LOSSES;
    struct problem p = {.n_users = 6,
                        .n_items = 140,
                        .dim = 16,
                        .n_rows = 6,
                        .kind = shape % 3,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = shape / 3 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = shape % 3 ? 60 : 0,
                        .weights = true,
                        .interaction_weights = true,
                        .personal = true,
                        .tau = 0.2f};
    check_problem(p, _i % N_LOSSES + 1, 17);
}
END_TEST

/* _i: loss of the softmax's family x kind x inside or outside; all that the softmax takes: log q, soft targets, τ⁺, a sum that
 * needs its maximum. */
START_TEST(family_takes_what_the_softmax_takes)
{
    const int      shape = _i / N_FAMILY;
    struct problem p = {.n_users = 6,
                        .n_items = 140,
                        .dim = 12,
                        .n_rows = 6,
                        .kind = shape % 3,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = shape / 3 % 2 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = shape % 3 ? 60 : 0,
                        .weights = true,
                        .interaction_weights = shape / 6,
                        .log_q = true,
                        .targets = shape % 3 == 0, /* else items that no row meets have a target and no gradient */
                        .negatives = shape % 3 == ADAPTAU_CANDIDATES_CATALOGUE,
                        .personal = true,
                        .split = shape / 6,
                        .tau = shape / 6 ? 0.05f : 0.3f};
    check_problem(p, ADAPTAU_LOSS_SLATK + _i % N_FAMILY, 17);
}
END_TEST

/* _i: activation x kind */
START_TEST(every_activation_matches_central_differences)
{
    struct problem p = {.n_users = 6,
                        .n_items = 140,
                        .dim = 16,
                        .n_rows = 6,
                        .kind = _i / 3,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                        .n_candidates = _i / 3 ? 60 : 0,
                        .weights = true,
                        .personal = true,
                        .tau = 0.05f};
    psl_activation = _i % 3;
    check_problem(p, ADAPTAU_LOSS_PSL, 17);
    psl_activation = 0;
}
END_TEST

START_TEST(unit_rows_get_tangent_gradients)
{
    struct problem p = {.n_users = 6,
                        .n_items = 300,
                        .dim = 16,
                        .n_rows = 6,
                        .kind = _i / N_LOSSES,
                        .table_flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS,
                        .n_candidates = _i / N_LOSSES ? 50 : 0,
                        .tau = 0.2f};
    check_problem(p, _i % N_LOSSES + 1, 31);
}
END_TEST

/* Several blocks of rows, several chunks of tiles. */
START_TEST(blocks_of_rows_add_up)
{
    struct problem p = {.n_users = 300,
                        .n_items = 700,
                        .dim = 16,
                        .n_rows = 150,
                        .kind = _i / N_LOSSES % 2,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = _i / N_LOSSES / 2 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = _i / N_LOSSES % 2 ? 300 : 0,
                        .tau = 0.3f};
    check_problem(p, _i % N_LOSSES + 1, 4001);
}
END_TEST

/* So many items that the tiles are not stored but computed again. */
START_TEST(large_catalogues_are_recomputed)
{
    struct problem   p = pose_problem((struct problem){.n_users = 70,
                                                       .n_items = 90000,
                                                       .dim = 4,
                                                       .n_rows = 70,
                                                       .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                       .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                                                       .tau = 0.5f});
    adaptau_loss     loss = loss_of(_i % N_LOSSES + 1);
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    struct answer    a = ask(context, &p, &loss);
    const bool       pairs = loss.kind == ADAPTAU_LOSS_PSL || loss.kind == ADAPTAU_LOSS_BPR; /* seconds for all rows */
    if (!pairs)
        check_rows(&p, &loss, &a);
    check_side(&p, &loss, &a, true, 277);
    check_side(&p, &loss, &a, false, pairs ? 400000 : 300007);
    free_answer(&a);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* _i: loss x kind. Row 0 owns every candidate that there is: no pairs, and of other losses the positives' part alone. */
START_TEST(row_without_candidates_keeps_its_positives)
{
    struct problem p = pose_problem((struct problem){.n_users = 4,
                                                     .n_items = 20,
                                                     .dim = 6,
                                                     .n_rows = 3,
                                                     .kind = _i / N_LOSSES,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                     .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                                                     .n_candidates = _i / N_LOSSES ? 30 : 0,
                                                     .tau = 0.5f});
    for (int32_t i = 0; i < p.n_items; i++)
        p.positives[i] = i;
    p.positive_ptr[1] = p.positive_ptr[2] = p.n_items;
    p.positive_ptr[3] = p.n_items + 1;
    p.positives[p.n_items] = 3;
    adaptau_loss     loss = loss_of(_i % N_LOSSES + 1);
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    struct answer    a = ask(context, &p, &loss);
    check_rows(&p, &loss, &a);
    check_side(&p, &loss, &a, true, 1);
    check_side(&p, &loss, &a, false, 1);
    ck_assert(loss.kind != ADAPTAU_LOSS_BPR || a.row_loss[0] == 0.0);
    ck_assert(a.row_loss[1] == 0.0); /* which has no positives                                                 */
    free_answer(&a);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

static void assert_same(const struct problem *p, const struct answer *a, const struct answer *b, bool with_tau)
{
    const size_t rows = (size_t)p->n_rows, dim = (size_t)p->dim;
    ck_assert(a->loss == b->loss);
    ck_assert_mem_eq(a->row_loss, b->row_loss, rows * sizeof(double));
    ck_assert_mem_eq(a->user_gradients, b->user_gradients, rows * dim * sizeof(float));
    ck_assert_mem_eq(a->item_gradients, b->item_gradients, (size_t)p->n_items * dim * sizeof(float));
    if (with_tau)
        ck_assert_mem_eq(a->d_inverse_tau, b->d_inverse_tau, rows * sizeof(float));
}

/* _i: loss x kind x rounded or not */
START_TEST(results_do_not_depend_on_threads)
{
    const int      shape = _i / N_LOSSES;
    struct problem p = pose_problem((struct problem){.n_users = 300,
                                                     .n_items = 3000,
                                                     .dim = 20,
                                                     .n_rows = 200,
                                                     .kind = shape % 3,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH | (shape / 3 ? ADAPTAU_BFLOAT16 : 0),
                                                     .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                                                     .n_candidates = shape % 3 ? 150 : 0,
                                                     .interaction_weights = true,
                                                     .tau = 0.2f});
    adaptau_loss   loss = loss_of(_i % N_LOSSES + 1);
    struct answer  first = {0};
    for (int32_t threads = 1; threads <= 4; threads++) {
        adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, threads);
        struct answer    a = ask(context, &p, &loss);
        adaptau_context_destroy(context);
        if (threads == 1) {
            first = a;
            continue;
        }
        assert_same(&p, &first, &a, has_tau(&loss));
        free_answer(&a);
    }
    free_answer(&first);
    free_problem(&p);
}
END_TEST

/* _i: loss x kind (2), x tiles that are stored or computed again. The margin's step apart, rounding moves little. */
START_TEST(bfloat16_stays_close)
{
    seed_state = UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)(_i + 1); /* the same numbers whichever tests ran before            */
    const int shape = _i / N_LOSSES;
    if (shape / 2 && _i % N_LOSSES + 1 == ADAPTAU_LOSS_PSL) /* products are those of other losses, pairs take seconds */
        return;
    struct problem p = {.n_users = 70,
                        .n_items = shape / 2 ? 100000 : 900,
                        .dim = 24,
                        .n_rows = 65,
                        .kind = shape % 2,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .n_candidates = shape % 2 ? (shape / 2 ? 99000 : 300) : 0,
                        .tau = 0.2f};
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_loss     loss = loss_of(_i % N_LOSSES + 1);
    p = pose_problem(p);
    struct answer exact = ask(context, &p, &loss);
    p.table_flags |= ADAPTAU_BFLOAT16;
    struct answer rounded = ask(context, &p, &loss);
    ck_assert_double_lt(fabs(rounded.loss - exact.loss), 2e-3 * fabs(exact.loss));
    ck_assert_double_lt(distance(rounded.user_gradients, exact.user_gradients, (int64_t)p.n_rows * p.dim), 2e-2);
    ck_assert_double_lt(distance(rounded.item_gradients, exact.item_gradients, (int64_t)p.n_items * p.dim), 2e-2);
    free_answer(&exact);
    free_answer(&rounded);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* Whether asked for by name or by nothing, it is adaptau_softmax. */
START_TEST(softmax_is_one_of_the_losses)
{
    struct problem   p = pose_problem((struct problem){.n_users = 30,
                                                       .n_items = 200,
                                                       .dim = 12,
                                                       .n_rows = 25,
                                                       .kind = _i,
                                                       .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                       .n_candidates = _i ? 50 : 0,
                                                       .log_q = true,
                                                       .tau = 0.1f});
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_loss     softmax = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_SOFTMAX});
    struct answer    by_name = ask(context, &p, &softmax), by_function = make_answer(&p);
    adaptau_batch    batch = batch_of(&p);
    adaptau_tables   tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    adaptau_loss_output   output = {.struct_size = sizeof output,
                                       .row_loss = by_function.row_loss,
                                       .user_gradients = by_function.user_gradients,
                                       .item_gradients = by_function.item_gradients};
    OK(adaptau_softmax(context, &tables, &batch, &temperatures, &output, &error));
    by_function.loss = output.loss;
    assert_same(&p, &by_name, &by_function, false);
    output.row_loss = NULL;
    OK(adaptau_loss_gradients(context, &tables, &batch, &temperatures, NULL, &output, &error));
    ck_assert(output.loss == by_name.loss);
    free_answer(&by_name);
    free_answer(&by_function);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* _i: loss of the family x kind. Where weights do not tell positives apart it is the softmax, whatever the scale. */
START_TEST(family_ends_in_the_softmax)
{
    struct problem   p = pose_problem((struct problem){.n_users = 30,
                                                       .n_items = 200,
                                                       .dim = 12,
                                                       .n_rows = 25,
                                                       .kind = _i / N_FAMILY,
                                                       .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                       .n_candidates = _i / N_FAMILY ? 50 : 0,
                                                       .log_q = true,
                                                       .weights = true,
                                                       .tau = 0.1f});
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_loss     softmax = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_SOFTMAX});
    adaptau_loss     end = full_loss(_i % N_FAMILY ? (adaptau_loss){.kind = ADAPTAU_LOSS_BSL, .positive_scale = 1e30}
                                                   : (adaptau_loss){.kind = ADAPTAU_LOSS_SLATK, .weight_tau = 1e30});
    struct answer a = ask(context, &p, &end), b = ask(context, &p, &softmax);
    for (int32_t r = 0; r < p.n_rows; r++)
        check_near(a.row_loss[r], b.row_loss[r], 1e-12, "row loss", r);
    ck_assert_double_lt(distance(a.user_gradients, b.user_gradients, (int64_t)p.n_rows * p.dim), 1e-6);
    ck_assert_double_lt(distance(a.item_gradients, b.item_gradients, (int64_t)p.n_items * p.dim), 1e-6);
    free_answer(&a);
    free_answer(&b);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* _i: loss x kind. Unit rows are taken at their word: what is not finite must show in the loss. */
START_TEST(nan_is_noticed_by_every_loss)
{
    struct problem           p = pose_problem((struct problem){.n_users = 4,
                                                               .n_items = 30,
                                                               .dim = 6,
                                                               .n_rows = 4,
                                                               .kind = _i / N_LOSSES,
                                                               .table_flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS,
                                                               .n_candidates = _i / N_LOSSES ? 40 : 0,
                                                               .tau = 0.1f});
    adaptau_loss             loss = full_loss((adaptau_loss){.kind = _i % N_LOSSES + 1});
    adaptau_context         *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_batch            batch = batch_of(&p);
    adaptau_tables           tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    adaptau_loss_output   output = {.struct_size = sizeof output};
    for (int32_t i = 0; i < p.n_items; i++)
        p.items[i * p.dim + 2] = NAN;
    ck_assert_int_eq(adaptau_loss_gradients(context, &tables, &batch, &temperatures, &loss, &output, NULL), ADAPTAU_E_NUMERIC);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("losses");
    TCase *tests = tcase_create("losses"), *large = tcase_create("large");
    tcase_set_tags(large, "large"); /* AddressSanitizer leaves it out */
    tcase_set_timeout(tests, 300);
    tcase_set_timeout(large, 300);
    tcase_add_loop_test(tests, gradients_match_central_differences, 0, 12 * N_LOSSES);
    tcase_add_loop_test(large, gradients_match_central_differences, 12 * N_LOSSES, 24 * N_LOSSES);
    tcase_add_loop_test(tests, options_match_central_differences, 0, 3 * N_LOSSES);
    tcase_add_loop_test(tests, weights_match_central_differences, 0, 6 * N_LOSSES);
    tcase_add_loop_test(tests, family_takes_what_the_softmax_takes, 0, 12 * N_FAMILY);
    tcase_add_loop_test(tests, every_activation_matches_central_differences, 0, 9);
    tcase_add_loop_test(tests, unit_rows_get_tangent_gradients, 0, 3 * N_LOSSES);
    tcase_add_loop_test(tests, blocks_of_rows_add_up, 0, 4 * N_LOSSES);
    tcase_add_loop_test(large, large_catalogues_are_recomputed, 0, N_LOSSES);
    tcase_add_loop_test(tests, row_without_candidates_keeps_its_positives, 0, 3 * N_LOSSES);
    tcase_add_loop_test(tests, results_do_not_depend_on_threads, 0, 6 * N_LOSSES);
    tcase_add_loop_test(tests, bfloat16_stays_close, 0, 4 * N_LOSSES);
    tcase_add_loop_test(tests, family_ends_in_the_softmax, 0, 3 * N_FAMILY);
    tcase_add_loop_test(tests, softmax_is_one_of_the_losses, 0, 3);
    tcase_add_loop_test(tests, nan_is_noticed_by_every_loss, 0, 3 * N_LOSSES);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, large);
    return run_suite(suite);
}
