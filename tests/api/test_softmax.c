/* SPDX-License-Identifier: MIT */
/* adaptau_softmax against its definition, evaluated in double precision: losses directly, gradients by central differences. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/context.h"
#include "../support/ok.h"
#include "../support/score_truth.h"
#include "../support/softmax_problem.h"
#include "../support/suite.h"
#include "common/cpu.h"
#include "kernels/of_context.h"

/* ---- the definition -------------------------------------------------------------------------------------------- */

struct row_truth {
    double loss, log_sum, unit_loss;
};

/* The definition, word for word, with an extra factor on 1/τ_r for its derivative. */
static struct row_truth define_row(const struct problem *p, int32_t row, const double *user, const double *items,
                                   double inverse_tau)
{
    const bool    outside = (p->batch_flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM) != 0;
    const bool    catalogue = p->kind == ADAPTAU_CANDIDATES_CATALOGUE;
    const int64_t n = catalogue ? p->n_items : p->n_candidates;
    const double  positive_scale = p->split ? 1.0 / (double)p->tau_positives[row] : inverse_tau;
    double        sum = 0.0, unit_sum = 0.0, mean = 0.0;
    double        largest = -INFINITY;
    for (int pass = 0; pass < 2; pass++) /* the first finds the largest logit, for range alone                  */
        for (int64_t c = 0; c < n; c++) {
            int64_t at = p->kind == ADAPTAU_CANDIDATES_PER_ROW ? row * n + c : c;
            int32_t item = catalogue ? (int32_t)c : p->candidates[at];
            double  q = p->log_q ? (double)p->log_q_values[at] : 0.0;
            if (outside && is_positive(p, row, item))
                continue;
            double f = score(p, user, items + (int64_t)item * p->dim);
            if (pass == 0)
                largest = fmax(largest, f * inverse_tau - q);
            else {
                sum += copies_of(p, row, item) * exp(f * inverse_tau - q - largest);
                unit_sum += copies_of(p, row, item) * exp(f - q);
            }
        }
    struct row_truth truth = {.log_sum = largest + log(sum)};
    const double     share = p->targets ? (double)p->target_shares[row] : 0.0;
    double           target_score = 0.0;
    for (int32_t i = 0; p->targets && i < p->n_items; i++)
        if (p->target_mixtures[(int64_t)row * p->n_items + i] != 0.0f)
            target_score += (double)p->target_mixtures[(int64_t)row * p->n_items + i] *
                            score(p, user, items + (int64_t)i * p->dim);
    const int64_t    first = p->positive_ptr[row], end = p->positive_ptr[row + 1];
    for (int64_t i = first; i < end; i++) {
        double f = score(p, user, items + (int64_t)p->positives[i] * p->dim);
        double log_z = truth.log_sum;
        if (!outside && !catalogue)
            log_z = fmax(log_z, f * inverse_tau) + log1p(exp(-fabs(log_z - f * inverse_tau)));
        truth.loss += weight_of(p, i) * (log_z - ((1.0 - share) * f + share * target_score) * positive_scale);
        mean += weight_of(p, i) * f / weigh_row(p, row);
    }
    if (p->weights)
        truth.loss *= (double)p->row_weights[row];
    truth.unit_loss = end > first ? log(unit_sum) - mean : 0.0;
    return truth;
}

/* Of the rows of one user, or of all: user < 0. */
static double define_loss(const struct problem *p, const double *users, const double *items, int64_t user)
{
    double loss = 0.0;
    for (int32_t r = 0; r < p->n_rows; r++)
        if (user < 0 || p->row_users[r] == user)
            loss += define_row(p, r, users + (int64_t)p->row_users[r] * p->dim, items, 1.0 / row_tau(p, r)).loss;
    return loss;
}

/* ---- the library's answer ---------------------------------------------------------------------------------------- */

static struct answer ask(adaptau_context *context, const struct problem *p)
{
    struct answer            a = make_answer(p);
    adaptau_batch            batch = batch_of(p);
    adaptau_tables           tables = tables_of(p);
    adaptau_row_temperatures temperatures = temperatures_of(p);
    adaptau_loss_output   output = {
          .struct_size = sizeof output,
          .row_loss = a.row_loss,
          .row_log_sum = a.row_log_sum,
          .row_unit_loss = a.unit_loss,
          .row_d_inverse_tau = a.d_inverse_tau,
          .user_gradients = a.user_gradients,
          .item_gradients = a.item_gradients,
          .touched_items = a.touched,
    };
    OK(adaptau_softmax(context, &tables, &batch, &temperatures, &output, &error));
    a.loss = output.loss;
    a.n_touched = output.n_touched_items;
    return a;
}

/* Central differences of the defined loss for entries of one side, `every` apart; raw embeddings. */
static void check_side(const struct problem *p, const struct answer *a, bool user_side, int64_t every)
{
    double       *users = to_double(p->users, (int64_t)p->n_users * p->dim);
    double       *items = to_double(p->items, (int64_t)p->n_items * p->dim);
    double       *moved = user_side ? users : items;
    const int64_t n = (int64_t)(user_side ? p->n_users : p->n_items) * p->dim;
    const double  h = 1e-5;
    for (int64_t e = 0; e < n; e += every) {
        double got = 0.0, kept = moved[e];
        for (int32_t r = 0; user_side && r < p->n_rows; r++)
            if (p->row_users[r] == e / p->dim)
                got += (double)a->user_gradients[(int64_t)r * p->dim + e % p->dim];
        if (!user_side)
            got = (double)a->item_gradients[e];
        moved[e] = kept + h;
        double up = define_loss(p, users, items, user_side ? e / p->dim : -1);
        moved[e] = kept - h;
        double down = define_loss(p, users, items, user_side ? e / p->dim : -1);
        moved[e] = kept;
        double scale = p->tau < 0.05f ? 2e-3 : 2e-4;
        check_near(got, (up - down) / (2.0 * h), scale, user_side ? "user gradient" : "item gradient", e);
    }
    free(users);
    free(items);
}

static void check_rows(const struct problem *p, const struct answer *a)
{
    double *users = to_double(p->users, (int64_t)p->n_users * p->dim);
    double *items = to_double(p->items, (int64_t)p->n_items * p->dim);
    double  total = 0.0;
    for (int32_t r = 0; r < p->n_rows; r++) {
        const double    *user = users + (int64_t)p->row_users[r] * p->dim;
        const double     inverse = 1.0 / row_tau(p, r), h = inverse * 1e-6;
        struct row_truth truth = define_row(p, r, user, items, inverse);
        double           up = define_row(p, r, user, items, inverse + h).loss;
        double           down = define_row(p, r, user, items, inverse - h).loss;
        check_near(a->row_loss[r], truth.loss, 1e-5, "row loss", r);
        check_near(a->row_log_sum[r], truth.log_sum, 1e-5, "row log sum", r);
        check_near((double)a->unit_loss[r], truth.unit_loss, 1e-5, "unit loss", r);
        check_near((double)a->d_inverse_tau[r], (up - down) / (2.0 * h), 1e-4, "d loss / d inverse tau", r);
        total += truth.loss;
    }
    check_near(a->loss, total, 1e-5, "loss", 0);
    free(users);
    free(items);
}

static void check_touched(const struct problem *p, const struct answer *a)
{
    const bool catalogue = p->kind == ADAPTAU_CANDIDATES_CATALOGUE;
    bool *expected = allocate((size_t)p->n_items, sizeof(bool));
    for (int64_t c = 0; !catalogue && c < p->n_log_q; c++)
        expected[p->candidates[c]] = true;
    for (int64_t i = 0; i < p->positive_ptr[p->n_rows]; i++)
        expected[p->positives[i]] = true;
    int64_t n = 0;
    for (int32_t i = 0; i < p->n_items; i++)
        if (catalogue || expected[i])
            ck_assert_int_eq(a->touched[n++], i);
    ck_assert_int_eq(a->n_touched, n);
    free(expected);
}

static void check_problem(struct problem shape, int64_t every)
{
    struct problem p = make_problem(shape);
    const int32_t  backends[] = {ADAPTAU_BACKEND_REFERENCE, ADAPTAU_BACKEND_BLIS, ADAPTAU_BACKEND_AUTO};
    for (int b = 0; b < 3; b++) {
        adaptau_context *context = make_context(backends[b], 2);
        if (!context)
            continue;
        struct answer a = ask(context, &p);
        check_rows(&p, &a);
        check_touched(&p, &a);
        if (b == 2) { /* the products of all backends are compared elsewhere                                   */
            check_side(&p, &a, true, every);
            check_side(&p, &a, false, every);
        }
        free_answer(&a);
        adaptau_context_destroy(context);
    }
    free_problem(&p);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

static const uint32_t NORMALISATIONS[] = {0, ADAPTAU_NORMALISE_USERS, ADAPTAU_NORMALISE_ITEMS, ADAPTAU_NORMALISE_BOTH};

/* _i: kind of candidates (3) x normalisation (4) x inside or outside (2) */
START_TEST(gradients_match_central_differences)
{
    struct problem p = {.n_users = 9,
                        .n_items = 150,
                        .dim = _i % 2 ? 5 : 18,
                        .n_rows = 7,
                        .kind = _i % 3,
                        .table_flags = NORMALISATIONS[_i / 3 % 4],
                        .batch_flags = _i / 12 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = _i % 3 ? 40 : 0,
                        .tau = 0.2f};
    check_problem(p, 7);
}
END_TEST

/* _i: kind (3) x bits for weights of rows, log q, personal and split temperatures, weights of interactions */
START_TEST(options_match_central_differences)
{
    struct problem p = {.n_users = 6,
                        .n_items = 140,
                        .dim = 16,
                        .n_rows = 6,
                        .kind = _i % 3,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = _i / 3 & 8 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = _i % 3 ? 30 : 0,
                        .weights = _i / 3 & 1,
                        .interaction_weights = _i / 3 & 16,
                        .log_q = _i / 3 & 2,
                        .personal = _i / 3 & 4,
                        .split = _i / 3 & 8,
                        .tau = 0.15f};
    check_problem(p, 11);
}
END_TEST

/* _i: bits for positives outside the sum, log q, personal and split temperatures, soft targets, a sum that needs its maximum. */
START_TEST(logged_negatives_match_central_differences)
{
    struct problem p = {.n_users = 6,
                        .n_items = 140,
                        .dim = 11,
                        .n_rows = 6,
                        .table_flags = _i & 1 ? ADAPTAU_NORMALISE_BOTH : NORMALISATIONS[_i % 3],
                        .batch_flags = _i & 2 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .negatives = true,
                        .weights = true,
                        .interaction_weights = _i & 2,
                        .log_q = _i & 4,
                        .personal = _i & 4,
                        .split = _i & 8,
                        .targets = _i & 8,
                        .tau = _i == 5 || _i == 7 ? 0.02f : 0.2f};
    check_problem(p, 11);
}
END_TEST

START_TEST(tiny_temperatures_use_a_running_maximum)
{
    struct problem p = {.n_users = 6,
                        .n_items = 300,
                        .dim = 8,
                        .n_rows = 6,
                        .kind = _i,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .n_candidates = _i ? 200 : 0,
                        .tau = 0.01f};
    check_problem(p, 29);
}
END_TEST

START_TEST(unit_rows_get_tangent_gradients)
{
    struct problem p = {.n_users = 6,
                        .n_items = 300,
                        .dim = 16,
                        .n_rows = 6,
                        .kind = _i,
                        .table_flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS,
                        .n_candidates = _i ? 50 : 0,
                        .tau = 0.1f};
    check_problem(p, 13);
}
END_TEST

/* _i: kind x normalisation or split temperatures x weights of interactions. Sampled candidates cover every item here, as untouched ones get
 * no target. */
START_TEST(soft_targets_match_central_differences)
{
    struct problem p = {.n_users = 6,
                        .n_items = 30,
                        .dim = 7,
                        .n_rows = 6,
                        .kind = _i % 3,
                        .table_flags = NORMALISATIONS[_i / 3 % 4],
                        .batch_flags = _i & 1 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = _i % 3 ? 300 : 0,
                        .weights = true,
                        .interaction_weights = _i / 12,
                        .personal = _i & 1,
                        .split = _i & 2,
                        .targets = true,
                        .tau = 0.2f};
    check_problem(p, 3);
}
END_TEST

/* Several blocks of rows, several chunks of tiles. */
START_TEST(blocks_of_rows_add_up)
{
    struct problem p = {.n_users = 300,
                        .n_items = 700,
                        .dim = 16,
                        .n_rows = 290,
                        .kind = _i % 2,
                        .table_flags = ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = _i / 2 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = _i % 2 ? 300 : 0,
                        .negatives = _i == 2,
                        .tau = 0.1f};
    check_problem(p, 997);
}
END_TEST

/* So many items that the tiles are not stored but computed again, with and without a running maximum. */
START_TEST(large_catalogues_are_recomputed)
{
    struct problem p = {.n_users = 70,
                        .n_items = 90000,
                        .dim = 4,
                        .n_rows = 70,
                        .table_flags = _i ? 0 : ADAPTAU_NORMALISE_BOTH,
                        .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                        .negatives = true,
                        .tau = 0.2f};
    p = make_problem(p);
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    struct answer    a = ask(context, &p);
    check_rows(&p, &a);
    check_side(&p, &a, true, 140);
    check_side(&p, &a, false, 120011);
    free_answer(&a);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* Cosines do not know how long a row is, though its squares be too small or too large for a float. */
START_TEST(lengths_of_items_do_not_matter)
{
    static const float lengths[] = {1e-25f, 1e20f};
    const float        length = lengths[_i / 3];
    struct problem     p = make_problem((struct problem){.n_users = 20,
                                                         .n_items = 60,
                                                         .dim = 9,
                                                         .n_rows = 20,
                                                         .kind = _i % 3,
                                                         .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                         .n_candidates = _i % 3 ? 30 : 0,
                                                         .tau = 0.1f});
    adaptau_context   *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    struct answer      before = ask(context, &p);
    for (int64_t k = 0; k < (int64_t)p.n_items * p.dim; k++)
        p.items[k] *= length;
    struct answer after = ask(context, &p);
    ck_assert_double_lt(fabs(after.loss - before.loss), 1e-5 * fabs(before.loss));
    ck_assert_double_lt(distance(after.user_gradients, before.user_gradients, (int64_t)p.n_rows * p.dim), 1e-5);
    free_answer(&before);
    free_answer(&after);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

START_TEST(results_do_not_depend_on_threads)
{
    struct problem p = make_problem((struct problem){.n_users = 300,
                                                     .n_items = 5000,
                                                     .dim = 20,
                                                     .n_rows = 200,
                                                     .kind = _i % 3,
                                                     .table_flags = (_i / 3 % 2 ? 0 : ADAPTAU_NORMALISE_BOTH) |
                                                                    (_i / 6 ? ADAPTAU_BFLOAT16 : 0),
                                                     .n_candidates = _i % 3 ? 70 : 0,
                                                     .interaction_weights = true,
                                                     .negatives = _i % 3 == ADAPTAU_CANDIDATES_CATALOGUE,
                                                     .tau = 0.1f});
    struct answer  first = {0};
    for (int32_t threads = 1; threads <= 5; threads++) {
        adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, threads);
        struct answer    a = ask(context, &p);
        adaptau_context_destroy(context);
        if (threads == 1) {
            first = a;
            continue;
        }
        ck_assert_mem_eq(a.row_loss, first.row_loss, (size_t)p.n_rows * sizeof(double));
        ck_assert_mem_eq(a.unit_loss, first.unit_loss, (size_t)p.n_rows * sizeof(float));
        ck_assert_mem_eq(a.d_inverse_tau, first.d_inverse_tau, (size_t)p.n_rows * sizeof(float));
        ck_assert_mem_eq(a.user_gradients, first.user_gradients, (size_t)(p.n_rows * p.dim) * sizeof(float));
        ck_assert_mem_eq(a.item_gradients, first.item_gradients, (size_t)(p.n_items * p.dim) * sizeof(float));
        free_answer(&a);
    }
    free_answer(&first);
    free_problem(&p);
}
END_TEST

/* Operands lose half a unit in 2^-8 each, in no particular direction. Bounded or not, kept between the passes or not, odd sizes,
 * shared candidates. */
START_TEST(bfloat16_products_are_close)
{
    seed_state = UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)(_i + 1); /* the same numbers whichever tests ran before            */
    const bool     raw = _i & 2, large = _i & 4, shared = _i == 8;
    struct problem p = make_problem((struct problem){.n_users = 201,
                                                     .n_items = large ? 100001 : 3001,
                                                     .dim = large ? 5 : 47,
                                                     .n_rows = large ? 201 : 149,
                                                     .kind = shared ? ADAPTAU_CANDIDATES_SHARED : ADAPTAU_CANDIDATES_CATALOGUE,
                                                     .n_candidates = shared ? 331 : 0,
                                                     .table_flags = raw ? 0 : ADAPTAU_NORMALISE_BOTH,
                                                     .batch_flags = _i & 1 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                                                     .negatives = !shared && _i % 4 > 0,
                                                     .tau = raw ? 0.5f : 0.1f});
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    struct answer    exact = ask(context, &p);
    p.table_flags |= ADAPTAU_BFLOAT16;
    struct answer rounded = ask(context, &p);
    ck_assert_double_lt(fabs(rounded.loss - exact.loss), 1e-3 * fabs(exact.loss));
    ck_assert_double_lt(distance(rounded.user_gradients, exact.user_gradients, (int64_t)p.n_rows * p.dim), 5e-3);
    ck_assert_double_lt(distance(rounded.item_gradients, exact.item_gradients, (int64_t)p.n_items * p.dim), 5e-3);
    const bool possible =
        (strcmp(adaptau_context_backend(context), "native avx512") == 0 && (atau_cpu_features() & ADAPTAU_CPU_AVX512_BF16)) ||
        (strcmp(adaptau_context_backend(context), "native neon") == 0 && (atau_cpu_features() & ADAPTAU_CPU_NEON_BF16));
    ck_assert_int_eq(adaptau_context_uses_bfloat16(context), possible);
    ck_assert_int_eq(rounded.loss != exact.loss, possible);
    free_answer(&exact);
    free_answer(&rounded);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* Members and arrays that are written to begin anew, whatever they had. _i: the kind of candidates. */
START_TEST(what_outputs_had_before_does_not_count)
{
    struct problem p = make_problem((struct problem){.n_users = 40,
                                                     .n_items = 300,
                                                     .dim = 9,
                                                     .n_rows = 33,
                                                     .kind = _i,
                                                     .n_candidates = _i ? 20 : 0,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                     .tau = 0.2f});
    adaptau_context         *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_batch            batch = batch_of(&p);
    adaptau_tables           tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    adaptau_loss_output      out[2];
    struct answer            answers[2];
    const int64_t            n = (int64_t)p.n_rows * p.dim;
    double                   n_terms = 0.0;
    for (int used = 0; used < 2; used++) {
        struct answer *a = &answers[used];
        *a = make_answer(&p);
        for (int32_t r = 0; r < p.n_rows && used; r++) {
            a->row_loss[r] = a->row_log_sum[r] = 5.0;
            a->unit_loss[r] = a->d_inverse_tau[r] = 6.0f;
        }
        for (int64_t k = 0; k < n && used; k++)
            a->user_gradients[k] = 7.0f;
        for (int64_t k = 0; k < (int64_t)p.n_items * p.dim && used; k++)
            a->item_gradients[k] = NAN;
        out[used] = (adaptau_loss_output){.struct_size = sizeof *out,
                                          .row_loss = a->row_loss,
                                          .row_log_sum = a->row_log_sum,
                                          .row_unit_loss = a->unit_loss,
                                          .row_d_inverse_tau = a->d_inverse_tau,
                                          .user_gradients = a->user_gradients,
                                          .item_gradients = a->item_gradients,
                                          .touched_items = a->touched};
        if (used) {
            out[used].loss = 1000.0;
            out[used].n_terms = 1000.0;
            out[used].n_touched_items = 77;
        }
        ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &temperatures, &out[used], NULL), ADAPTAU_OK);
    }
    for (int32_t r = 0; r < p.n_rows; r++)
        n_terms += weigh_row(&p, r);
    ck_assert_double_eq(out[0].n_terms, n_terms);
    ck_assert_double_eq(out[1].n_terms, n_terms);
    ck_assert_double_eq(out[0].loss, out[1].loss);
    ck_assert_int_eq(out[0].n_touched_items, out[1].n_touched_items);
    ck_assert_mem_eq(answers[0].row_loss, answers[1].row_loss, (size_t)p.n_rows * sizeof(double));
    ck_assert_mem_eq(answers[0].row_log_sum, answers[1].row_log_sum, (size_t)p.n_rows * sizeof(double));
    ck_assert_mem_eq(answers[0].unit_loss, answers[1].unit_loss, (size_t)p.n_rows * sizeof(float));
    ck_assert_mem_eq(answers[0].d_inverse_tau, answers[1].d_inverse_tau, (size_t)p.n_rows * sizeof(float));
    ck_assert_mem_eq(answers[0].user_gradients, answers[1].user_gradients, (size_t)n * sizeof(float));
    for (int64_t t = 0; t < out[0].n_touched_items; t++) {
        const int64_t item = _i == ADAPTAU_CANDIDATES_CATALOGUE ? t : answers[0].touched[t];
        ck_assert_mem_eq(answers[0].item_gradients + item * p.dim, answers[1].item_gradients + item * p.dim,
                         (size_t)p.dim * sizeof(float));
    }
    free_answer(&answers[0]);
    free_answer(&answers[1]);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

static struct atau_context_with_kernels *whole_of(adaptau_context *context)
{
    return (struct atau_context_with_kernels *)context;
}

/* Switched off, or found to be slower than float32 here. */
START_TEST(bfloat16_means_nothing_where_it_is_not_used)
{
    struct problem          p = make_problem((struct problem){.n_users = 50,
                                                              .n_items = 700,
                                                              .dim = 16,
                                                              .n_rows = 50,
                                                              .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                              .tau = 0.1f});
    adaptau_context_options options = {
        .struct_size = sizeof options, .n_threads = 1, .cpu_disable = _i ? 0 : ADAPTAU_CPU_AVX512_BF16 | ADAPTAU_CPU_NEON_BF16};
    adaptau_context *context = NULL;
    ck_assert_int_eq(adaptau_context_create(&options, &context, NULL), ADAPTAU_OK);
    if (_i)
        atomic_store(&whole_of(context)->bf16, -1);
    ck_assert_int_eq(adaptau_context_uses_bfloat16(context), 0);
    struct answer exact = ask(context, &p);
    p.table_flags |= ADAPTAU_BFLOAT16;
    struct answer same = ask(context, &p);
    ck_assert_mem_eq(same.item_gradients, exact.item_gradients, (size_t)(p.n_items * p.dim) * sizeof(float));
    ck_assert(same.loss == exact.loss);
    free_answer(&exact);
    free_answer(&same);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* What is measured differs a little from call to call, what is chosen does not: neither in a context nor among several. */
START_TEST(contexts_choose_bfloat16_alike)
{
    adaptau_context *first = NULL, *other = NULL;
    ck_assert_int_eq(adaptau_context_create(NULL, &first, NULL), ADAPTAU_OK);
    const int32_t chosen = adaptau_context_uses_bfloat16(first);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(adaptau_context_create(NULL, &other, NULL), ADAPTAU_OK);
        ck_assert_int_eq(adaptau_context_uses_bfloat16(other), chosen);
        ck_assert_int_eq(adaptau_context_uses_bfloat16(first), chosen);
        ck_assert_int_eq(whole_of(other)->kernels.bf16 != NULL, atomic_load(&whole_of(other)->bf16) != 0);
        adaptau_context_destroy(other);
    }
    ck_assert_int_eq(adaptau_context_uses_bfloat16(NULL), 0);
    if (whole_of(first)->kernels.bf16) { /* as many operations in as many seconds: no CPU is off by more                */
        const double speed = atau_bf16_speed(&whole_of(first)->kernels);
        ck_assert_msg(speed > 0.001 && speed < 1000.0, "%g times as fast", speed);
    }
    adaptau_context_destroy(first);
}
END_TEST

/* A zero user and a zero item: score 0, gradient 0, counted. A user who owns every item: no sum outside, no term. */
START_TEST(degenerate_rows_are_defined)
{
    struct problem p = make_problem((struct problem){.n_users = 3,
                                                     .n_items = 20,
                                                     .dim = 6,
                                                     .n_rows = 3,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                     .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                                                     .tau = 0.1f});
    for (int32_t k = 0; k < p.dim; k++)
        p.users[p.row_users[0] * p.dim + k] = p.items[5 * p.dim + k] = 0.0f;
    p.positive_ptr[3] = p.positive_ptr[2] + 20;
    for (int32_t i = 0; i < 20; i++)
        p.positives[p.positive_ptr[2] + i] = i;

    adaptau_context         *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    struct answer            a = make_answer(&p);
    adaptau_batch            batch = batch_of(&p);
    adaptau_tables           tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    adaptau_loss_output   output = {.struct_size = sizeof output,
                                       .user_gradients = a.user_gradients,
                                       .item_gradients = a.item_gradients,
                                       .row_loss = a.row_loss};
    ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &temperatures, &output, NULL), ADAPTAU_OK);
    ck_assert_int_eq(output.n_zero_rows, 2);
    ck_assert_double_eq(output.n_terms, (double)p.positive_ptr[1]);
    for (int32_t k = 0; k < p.dim; k++) {
        ck_assert(a.user_gradients[k] == 0.0f);                /* the zero user                                */
        ck_assert(a.user_gradients[2 * p.dim + k] == 0.0f);    /* the user who owns everything                 */
        ck_assert(a.item_gradients[5 * p.dim + k] == 0.0f);    /* the zero item                                */
    }
    ck_assert(a.row_loss[2] == 0.0);
    free_answer(&a);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* What the header says of n_zero_rows, looked up in the problem. */
static int32_t expected_zero_rows(const struct problem *p)
{
    int32_t n = 0;
    int64_t n_candidates = p->kind == ADAPTAU_CANDIDATES_PER_ROW ? p->n_candidates * p->n_rows : p->n_candidates;
    if (p->table_flags & ADAPTAU_UNIT_ROWS)
        return 0;
    for (int32_t r = 0; r < p->n_rows && p->table_flags & ADAPTAU_NORMALISE_USERS; r++)
        n += length_of(p->users + (int64_t)p->row_users[r] * p->dim, p->dim) == 0.0;
    for (int32_t i = 0; i < p->n_items && p->table_flags & ADAPTAU_NORMALISE_ITEMS; i++) {
        bool met = p->kind == ADAPTAU_CANDIDATES_CATALOGUE;
        for (int64_t c = 0; c < n_candidates && !met; c++)
            met = p->candidates[c] == i;
        for (int64_t k = 0; k < p->positive_ptr[p->n_rows] && !met; k++)
            met = p->positives[k] == i;
        n += met && length_of(p->items + (int64_t)i * p->dim, p->dim) == 0.0;
    }
    return n;
}

/* Candidates twice, candidates that are positives, positives alone, items that nobody meets; few candidates and many. */
START_TEST(zero_rows_that_are_met_are_counted_once)
{
    static const uint32_t flags[] = {0, ADAPTAU_NORMALISE_USERS, ADAPTAU_NORMALISE_ITEMS, ADAPTAU_NORMALISE_BOTH,
                                     ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS};
    struct problem        p = make_problem((struct problem){.n_users = 9,
                                                            .n_items = 120,
                                                            .dim = 5,
                                                            .n_rows = 7,
                                                            .kind = _i % 3,
                                                            .n_candidates = _i % 3 ? (_i / 3 ? 40 : 6) : 0,
                                                            .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                            .tau = 0.1f});
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    int32_t               most = 0;
    memset(p.users + p.row_users[3] * p.dim, 0, (size_t)p.dim * sizeof(float));
    for (int32_t i = 0; i < p.n_items; i += i % 2 ? 3 : 1)
        memset(p.items + i * p.dim, 0, (size_t)p.dim * sizeof(float));
    for (size_t f = 0; f < sizeof flags / sizeof *flags; f++)
        for (int with_gradients = 0; with_gradients < 2; with_gradients++) {
            struct answer a = make_answer(&p);
            p.table_flags = flags[f];
            adaptau_batch            batch = batch_of(&p);
            adaptau_tables           tables = tables_of(&p);
            adaptau_row_temperatures temperatures = temperatures_of(&p);
            adaptau_loss_output   output = {.struct_size = sizeof output,
                                               .item_gradients = with_gradients ? a.item_gradients : NULL};
            OK(adaptau_softmax(context, &tables, &batch, &temperatures, &output, &error));
            ck_assert_int_eq(output.n_zero_rows, expected_zero_rows(&p));
            most = output.n_zero_rows > most ? output.n_zero_rows : most;
            free_answer(&a);
        }
    ck_assert_int_gt(most, 5);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* An item of which a batch makes nothing but: a positive, a candidate, or nothing at all, of few that a batch reads. */
static int32_t find_item(const struct problem *p, bool positive, bool candidate)
{
    const int64_t n_candidates = p->kind == ADAPTAU_CANDIDATES_PER_ROW ? p->n_candidates * p->n_rows : p->n_candidates;
    for (int32_t item = 0; item < p->n_items; item++) {
        bool is_positive = false, is_candidate = false;
        for (int64_t k = 0; k < p->positive_ptr[p->n_rows]; k++)
            is_positive |= p->positives[k] == item;
        for (int64_t c = 0; c < n_candidates; c++)
            is_candidate |= p->candidates[c] == item;
        if (is_positive == positive && is_candidate == candidate)
            return item;
    }
    ck_abort_msg("no item is %s", positive ? "a positive alone" : candidate ? "a candidate alone" : "unread");
    return -1;
}

/* _i: kind of candidates x which of its numbers. Rows that the batch doesn't read may hold anything. */
START_TEST(names_the_item_of_few_that_is_not_finite)
{
    struct problem           p = make_problem((struct problem){.n_users = 3,
                                                               .n_items = 200,
                                                               .dim = 6,
                                                               .n_rows = 3,
                                                               .kind = ADAPTAU_CANDIDATES_SHARED + _i % 2,
                                                               .n_candidates = 12,
                                                               .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                               .tau = 0.1f});
    adaptau_context         *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_batch            batch = batch_of(&p);
    adaptau_tables           tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    for (int which = 0; which < 3; which++) {
        adaptau_loss_output output = {.struct_size = sizeof output};
        const int32_t       item = find_item(&p, which == 0, which == 1);
        float              *number = p.items + item * p.dim + _i / 2 * (p.dim - 1), was = *number;
        char                message[64];
        *number = _i % 3 ? NAN : -INFINITY;
        snprintf(message, sizeof message, "items[%d] is not finite", item);
        error.message[0] = '\0';
        const adaptau_status status = adaptau_softmax(context, &tables, &batch, &temperatures, &output, &error);
        ck_assert_int_eq(status, which == 2 ? ADAPTAU_OK : ADAPTAU_E_NUMERIC);
        ck_assert_str_eq(error.message, which == 2 ? "" : message);
        *number = was;
    }
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* Rows that were promised to be unit and hold a NaN: an error, no crash. */
START_TEST(broken_promise_of_unit_rows_is_noticed)
{
    struct problem p = make_problem((struct problem){.n_users = 4,
                                                     .n_items = 30,
                                                     .dim = 6,
                                                     .n_rows = 4,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS,
                                                     .tau = 0.1f});
    adaptau_context         *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_batch            batch = batch_of(&p);
    adaptau_tables           tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    adaptau_loss_output   output = {.struct_size = sizeof output};
    p.items[3] = NAN;
    ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &temperatures, &output, NULL), ADAPTAU_E_NUMERIC);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("softmax");
    TCase *tests = tcase_create("softmax"), *arithmetic = tcase_create("arithmetic"), *large = tcase_create("large");
    tcase_set_tags(arithmetic, "arithmetic"); /* ThreadSanitizer leaves it out */
    tcase_set_tags(large, "arithmetic large"); /* AddressSanitizer does, too                                       */
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(arithmetic, gradients_match_central_differences, 0, 24);
    tcase_add_loop_test(arithmetic, options_match_central_differences, 0, 24);
    tcase_add_loop_test(large, options_match_central_differences, 24, 96);
    tcase_add_loop_test(arithmetic, logged_negatives_match_central_differences, 0, 16);
    tcase_add_loop_test(arithmetic, tiny_temperatures_use_a_running_maximum, 0, 3);
    tcase_add_loop_test(arithmetic, unit_rows_get_tangent_gradients, 0, 3);
    tcase_add_loop_test(arithmetic, soft_targets_match_central_differences, 0, 24);
    tcase_add_loop_test(tests, blocks_of_rows_add_up, 0, 4);
    tcase_add_loop_test(tests, large_catalogues_are_recomputed, 0, 2);
    tcase_add_loop_test(arithmetic, lengths_of_items_do_not_matter, 0, 6);
    tcase_add_loop_test(tests, results_do_not_depend_on_threads, 0, 12);
    tcase_add_loop_test(tests, what_outputs_had_before_does_not_count, 0, 3);
    tcase_add_loop_test(tests, bfloat16_products_are_close, 0, 9);
    tcase_add_loop_test(tests, bfloat16_means_nothing_where_it_is_not_used, 0, 2);
    tcase_add_test(tests, contexts_choose_bfloat16_alike);
    tcase_add_test(tests, degenerate_rows_are_defined);
    tcase_add_loop_test(tests, zero_rows_that_are_met_are_counted_once, 0, 6);
    tcase_add_loop_test(tests, names_the_item_of_few_that_is_not_finite, 0, 4);
    tcase_add_test(tests, broken_promise_of_unit_rows_is_noticed);
    suite_add_tcase(suite, arithmetic);
    suite_add_tcase(suite, large);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
