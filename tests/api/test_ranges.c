/* SPDX-License-Identifier: MIT */
/* Losses and gradients over ranges of items: what the ranges give adds up to what the whole catalogue gives, which other tests
 * hold against definitions; log sums are held against double precision here, too. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/options.h"
#include "../support/score_truth.h"
#include "../support/softmax_problem.h"
#include "../support/suite.h"

/* ---- ranges of a problem ----------------------------------------------------------------------------------------- */

#define RANGES_MOST 7

/* Uneven, some empty: the k-th of n ranges starts at starts[n − 1][k] per mille of the items. */
static const int32_t starts[RANGES_MOST][RANGES_MOST + 1] = {
    {0, 1000},
    {0, 730, 1000},
    {0, 0, 411, 1000},
    {0, 100, 100, 999, 1000},
    {0, 3, 250, 500, 1000, 1000},
    {0, 200, 300, 350, 700, 900, 1000},
    {0, 150, 150, 290, 431, 570, 850, 1000},
};

static int32_t start_of(const struct problem *p, int32_t n_ranges, int32_t k)
{
    return (int32_t)((int64_t)p->n_items * starts[n_ranges - 1][k] / 1000);
}

/* A problem of the items [first, end) alone, as a machine of its own would see it. */
static struct problem cut(const struct problem *p, int32_t first, int32_t end)
{
    struct problem c = *p;
    c.n_items = end - first;
    c.items = p->items + (int64_t)first * p->dim;
    c.log_q_values = p->log_q_values + (p->kind == ADAPTAU_CANDIDATES_CATALOGUE ? first : 0);
    c.item_targets = p->targets ? p->item_targets + (int64_t)first * p->dim : NULL;
    c.positive_ptr = allocate((size_t)p->n_rows + 1, sizeof(int64_t));
    c.positives = allocate((size_t)p->positive_ptr[p->n_rows], sizeof(int32_t));
    for (int32_t r = 0; r < p->n_rows; r++) {
        int64_t n = c.positive_ptr[r];
        for (int64_t i = p->positive_ptr[r]; i < p->positive_ptr[r + 1]; i++)
            if (p->positives[i] >= first && p->positives[i] < end)
                c.positives[n++] = p->positives[i] - first;
        c.positive_ptr[r + 1] = n;
    }
    if (p->negatives) {
        c.negative_ptr = allocate((size_t)p->n_rows + 1, sizeof(int64_t));
        c.negative_items = allocate((size_t)p->negative_ptr[p->n_rows], sizeof(int32_t));
        c.negative_weights = allocate((size_t)p->negative_ptr[p->n_rows], sizeof(float));
    }
    for (int32_t r = 0; p->negatives && r < p->n_rows; r++) {
        int64_t n = c.negative_ptr[r];
        for (int64_t i = p->negative_ptr[r]; i < p->negative_ptr[r + 1]; i++)
            if (p->negative_items[i] >= first && p->negative_items[i] < end) {
                c.negative_weights[n] = p->negative_weights[i];
                c.negative_items[n++] = p->negative_items[i] - first;
            }
        c.negative_ptr[r + 1] = n;
    }
    if (p->kind == ADAPTAU_CANDIDATES_SHARED) {
        c.candidates = allocate((size_t)p->n_candidates, sizeof(int32_t));
        c.log_q_values = allocate((size_t)p->n_candidates, sizeof(float));
        c.n_candidates = 0;
        for (int64_t k = 0; k < p->n_candidates; k++)
            if (p->candidates[k] >= first && p->candidates[k] < end) {
                c.log_q_values[c.n_candidates] = p->log_q_values[k];
                c.candidates[c.n_candidates++] = p->candidates[k] - first;
            }
    }
    if (p->targets) {
        c.user_targets = allocate((size_t)p->n_rows * (size_t)p->dim, sizeof(float));
        for (int32_t r = 0; r < p->n_rows; r++)
            for (int32_t i = first; i < end; i++) {
                const float *item = p->items + (int64_t)i * p->dim;
                double       scale = p->table_flags & ADAPTAU_NORMALISE_ITEMS ? 1.0 / length_of(item, p->dim) : 1.0;
                for (int32_t k = 0; k < p->dim; k++)
                    c.user_targets[(int64_t)r * p->dim + k] +=
                        (float)((double)p->target_mixtures[(int64_t)r * p->n_items + i] * scale * (double)item[k]);
            }
    }
    return c;
}

static void free_cut(const struct problem *p, struct problem *c)
{
    free(c->positive_ptr);
    free(c->positives);
    if (c->candidates != p->candidates) {
        free(c->candidates);
        free(c->log_q_values);
    }
    if (p->targets)
        free(c->user_targets);
    if (p->negatives) {
        free(c->negative_ptr);
        free(c->negative_items);
        free(c->negative_weights);
    }
}

/* ---- a host that has all ranges ---------------------------------------------------------------------------------- */

struct host {
    const struct problem *problem;
    adaptau_row_sums     *sums;       /* [R] merged so far, or of the catalogue                                */
    adaptau_row_sums     *own;        /* [R] of the last range                                                 */
    bool                  hands_over; /* totals, in the second round                                           */
    int64_t               rows, user_rows, items; /* that have been handed over                                */
    int32_t               ends;
};

static int32_t reduce(void *user_data, const adaptau_reduce_piece *piece)
{
    struct host *host = user_data;
    switch (piece->what) {
    case ADAPTAU_REDUCE_SUMS:
        ck_assert_int_eq(piece->first, host->rows);
        ck_assert_int_eq(host->user_rows, host->rows);
        host->rows += piece->n;
        if (host->hands_over)
            memcpy(piece->sums, host->sums + piece->first, (size_t)piece->n * sizeof *piece->sums);
        else
            memcpy(host->own + piece->first, piece->sums, (size_t)piece->n * sizeof *piece->sums);
        break;
    case ADAPTAU_REDUCE_USERS:
        ck_assert_int_eq(piece->first, host->user_rows);
        host->user_rows += piece->n;
        break;
    case ADAPTAU_REDUCE_ITEMS:
        ck_assert_int_eq(piece->first, host->items);
        host->items += piece->n;
        break;
    default:
        host->ends++;
    }
    return 0;
}

static void ask(const struct problem *p, const adaptau_loss *loss, const adaptau_reduce *exchange_or_null, struct answer *a,
                bool has_tau)
{
    adaptau_tables           tables = tables_of(p);
    adaptau_batch            batch = batch_of(p);
    adaptau_row_temperatures temperatures = temperatures_of(p);
    const bool               softmax = loss->kind == ADAPTAU_LOSS_SOFTMAX;
    adaptau_loss_output   output = {.struct_size = sizeof output,
                                       .row_loss = a->row_loss,
                                       .row_log_sum = softmax ? a->row_log_sum : NULL,
                                       .row_unit_loss = softmax ? a->unit_loss : NULL,
                                       .row_d_inverse_tau = has_tau ? a->d_inverse_tau : NULL,
                                       .user_gradients = a->user_gradients,
                                       .item_gradients = a->item_gradients,
                                       .touched_items = p->kind == ADAPTAU_CANDIDATES_SHARED ? a->touched : NULL};
    OK(adaptau_loss_gradients_of_shard(context, &tables, &batch, &temperatures, loss, exchange_or_null, &output, &error));
    a->loss = output.loss;
    a->n_touched = output.n_touched_items;
}

static int64_t most_items(const struct problem *p, int32_t n_ranges)
{
    int32_t most = 0;
    if (p->kind == ADAPTAU_CANDIDATES_SHARED)
        return p->n_candidates;
    for (int32_t k = 0; k < n_ranges; k++) {
        int32_t n = start_of(p, n_ranges, k + 1) - start_of(p, n_ranges, k);
        most = n > most ? n : most;
    }
    return most;
}

/* First round: sums of each range, merged. Second round: gradients. */
static void run_ranges(const struct problem *p, const adaptau_loss *loss, int32_t n_ranges, bool has_tau, struct answer *total)
{
    struct host      host = {.problem = p};
    adaptau_reduce exchanges = full_reduce((adaptau_reduce){.item_pieces = n_ranges, .most_items = most_items(p, n_ranges),
                                                            .function = reduce, .user_data = &host});
    host.sums = allocate((size_t)p->n_rows, sizeof *host.sums);
    host.own = allocate((size_t)p->n_rows, sizeof *host.own);
    for (int round = 0; round < 2; round++) {
        host.hands_over = round == 1;
        for (int32_t k = 0; k < n_ranges; k++) {
            const int32_t  first = start_of(p, n_ranges, k);
            struct problem c = cut(p, first, start_of(p, n_ranges, k + 1));
            struct answer  part = make_answer(p);
            host.rows = host.user_rows = host.items = 0;
            host.ends = 0;
            ask(&c, loss, &exchanges, &part, has_tau);
            ck_assert_int_eq(host.rows, p->n_rows);
            ck_assert_int_eq(host.user_rows, p->n_rows);
            ck_assert_int_eq(host.items, p->kind == ADAPTAU_CANDIDATES_SHARED ? 0 : c.n_items);
            ck_assert_int_eq(host.ends, 1);
            if (round == 0) {
                if (k == 0)
                    memcpy(host.sums, host.own, (size_t)p->n_rows * sizeof *host.own);
                else
                    adaptau_merge_row_sums(p->n_rows, host.sums, host.own);
            } else {
                for (int64_t i = 0; i < (int64_t)p->n_rows * p->dim; i++)
                    total->user_gradients[i] += part.user_gradients[i];
                for (int64_t t = 0; t < part.n_touched; t++) {
                    int64_t item = p->kind == ADAPTAU_CANDIDATES_SHARED ? part.touched[t] : t;
                    memcpy(total->item_gradients + (first + item) * p->dim, part.item_gradients + item * p->dim,
                           (size_t)p->dim * sizeof(float));
                }
                if (k > 0) { /* all ranges know the same of the catalogue                                      */
                    ck_assert_mem_eq(total->row_loss, part.row_loss, (size_t)p->n_rows * sizeof(double));
                    ck_assert_mem_eq(total->unit_loss, part.unit_loss, (size_t)p->n_rows * sizeof(float));
                }
                memcpy(total->row_loss, part.row_loss, (size_t)p->n_rows * sizeof(double));
                memcpy(total->row_log_sum, part.row_log_sum, (size_t)p->n_rows * sizeof(double));
                memcpy(total->unit_loss, part.unit_loss, (size_t)p->n_rows * sizeof(float));
                memcpy(total->d_inverse_tau, part.d_inverse_tau, (size_t)p->n_rows * sizeof(float));
                total->loss = part.loss;
            }
            free_answer(&part);
            free_cut(p, &c);
        }
    }
    free(host.sums);
    free(host.own);
}

/* ---- truth ------------------------------------------------------------------------------------------------------- */

static double true_log_sum(const struct problem *p, int32_t row)
{
    const bool    outside = (p->batch_flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM) != 0;
    const bool    catalogue = p->kind == ADAPTAU_CANDIDATES_CATALOGUE;
    const int64_t n = catalogue ? p->n_items : p->n_candidates;
    double       *user = to_double(p->users + (int64_t)p->row_users[row] * p->dim, p->dim), sum = 0.0, highest = -INFINITY;
    double       *logits = allocate((size_t)n, sizeof(double));
    for (int64_t c = 0; c < n; c++) {
        int32_t item = catalogue ? (int32_t)c : p->candidates[c];
        double *vector = to_double(p->items + (int64_t)item * p->dim, p->dim);
        logits[c] = outside && is_positive(p, row, item)
                        ? -INFINITY
                        : score(p, user, vector) / row_tau(p, row) - (p->log_q ? (double)p->log_q_values[c] : 0.0) +
                              log(copies_of(p, row, item));
        highest = fmax(highest, logits[c]);
        free(vector);
    }
    for (int64_t c = 0; c < n; c++)
        sum += exp(logits[c] - highest);
    free(logits);
    free(user);
    return highest + log(sum);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static const struct problem problems[] = {
    {.n_users = 40, .n_items = 700, .dim = 20, .n_rows = 37, .tau = 0.15f, .table_flags = ADAPTAU_NORMALISE_BOTH,
     .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM, .weights = true, .personal = true},
    {.n_users = 60, .n_items = 300, .dim = 16, .n_rows = 50, .tau = 0.2f, .table_flags = ADAPTAU_NORMALISE_BOTH, .split = true,
     .targets = true, .log_q = true},
    {.n_users = 30, .n_items = 500, .dim = 8, .n_rows = 20, .tau = 0.02f, .table_flags = ADAPTAU_NORMALISE_BOTH,
     .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM, .log_q = true}, /* unbounded                          */
    {.n_users = 30, .n_items = 260, .dim = 12, .n_rows = 20, .tau = 0.05f}, /* inner products, unbounded       */
    {.n_users = 40, .n_items = 400, .dim = 16, .n_rows = 30, .tau = 0.1f, .table_flags = ADAPTAU_NORMALISE_BOTH,
     .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM, .kind = ADAPTAU_CANDIDATES_SHARED, .n_candidates = 150, .log_q = true},
    {.n_users = 40, .n_items = 500, .dim = 16, .n_rows = 30, .tau = 0.1f, .table_flags = ADAPTAU_NORMALISE_BOTH, .negatives = true,
     .log_q = true, .personal = true},
    {.n_users = 30, .n_items = 260, .dim = 12, .n_rows = 20, .tau = 0.05f, .negatives = true,
     .batch_flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM}, /* inner products, unbounded                         */
};

static void compare(const struct problem *p, const adaptau_loss *loss, int32_t n_ranges, bool has_tau)
{
    struct answer whole = make_answer(p), total = make_answer(p);
    ask(p, loss, NULL, &whole, has_tau);
    run_ranges(p, loss, n_ranges, has_tau, &total);
    ck_assert_double_eq_tol(total.loss, whole.loss, 2e-6 * fabs(whole.loss));
    for (int32_t r = 0; r < p->n_rows; r++) {
        check_near(total.row_loss[r], whole.row_loss[r], 2e-6, "row_loss", r);
        check_near((double)total.unit_loss[r], (double)whole.unit_loss[r], 2e-6, "row_unit_loss", r);
        check_near((double)total.d_inverse_tau[r], (double)whole.d_inverse_tau[r], 2e-5, "row_d_inverse_tau", r);
        if (loss->kind == ADAPTAU_LOSS_SOFTMAX)
            check_near(total.row_log_sum[r], true_log_sum(p, r), 1e-6 / (double)p->tau, "row_log_sum", r);
    }
    ck_assert_double_lt(distance(total.user_gradients, whole.user_gradients, (int64_t)p->n_rows * p->dim), 3e-6);
    ck_assert_double_lt(distance(total.item_gradients, whole.item_gradients, (int64_t)p->n_items * p->dim), 3e-6);
    free_answer(&whole);
    free_answer(&total);
}

START_TEST(softmax_over_ranges_is_the_catalogues)
{
    const adaptau_loss loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_SOFTMAX});
    struct problem     p = make_problem(problems[_i]);
    for (int32_t n = 1; n <= RANGES_MOST; n++)
        compare(&p, &loss, n, true);
    free_problem(&p);
}
END_TEST

START_TEST(other_losses_over_ranges_are_the_catalogues)
{
    const int32_t      kinds[] = {ADAPTAU_LOSS_BCE, ADAPTAU_LOSS_MSE, ADAPTAU_LOSS_CCL};
    const adaptau_loss loss = full_loss((adaptau_loss){.kind = kinds[_i], .negative_weight = 1.7,
                                                       .margin = _i == 2 ? 0.1 : 0.0});
    for (int32_t q = 0; q < 5; q += 4) {
        struct problem shape = problems[q];
        shape.log_q = false;
        struct problem p = make_problem(shape);
        for (int32_t n = 1; n <= RANGES_MOST; n += 2)
            compare(&p, &loss, n, _i == 0);
        free_problem(&p);
    }
}
END_TEST

/* One range with an reduce that leaves sums alone is the catalogue, bit for bit. */
START_TEST(one_range_has_the_bits_of_the_catalogue)
{
    const adaptau_loss loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_SOFTMAX});
    struct problem     p = make_problem(problems[_i]);
    struct answer      whole = make_answer(&p), one = make_answer(&p);
    struct host        host = {.own = allocate((size_t)p.n_rows, sizeof(adaptau_row_sums))};
    adaptau_reduce   alone = full_reduce((adaptau_reduce){.function = reduce, .user_data = &host});
    ask(&p, &loss, NULL, &whole, true);
    ask(&p, &loss, &alone, &one, true);
    ck_assert_mem_eq(whole.row_loss, one.row_loss, (size_t)p.n_rows * sizeof(double));
    ck_assert_mem_eq(whole.user_gradients, one.user_gradients, (size_t)p.n_rows * (size_t)p.dim * sizeof(float));
    ck_assert_mem_eq(whole.item_gradients, one.item_gradients, (size_t)p.n_items * (size_t)p.dim * sizeof(float));
    free(host.own);
    free_answer(&whole);
    free_answer(&one);
    free_problem(&p);
}
END_TEST

START_TEST(batch_without_rows_hands_over_zeros)
{
    const adaptau_loss loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_SOFTMAX});
    struct problem     p = make_problem(problems[0]);
    struct answer      a = make_answer(&p);
    struct host        host = {0};
    adaptau_reduce   alone = full_reduce((adaptau_reduce){.function = reduce, .user_data = &host});
    for (int64_t i = 0; i < (int64_t)p.n_items * p.dim; i++)
        a.item_gradients[i] = 1.0f;
    p.n_rows = 0;
    p.tau = 0.0f; /* of no row                                                                               */
    ask(&p, &loss, &alone, &a, false);
    ck_assert_int_eq(host.rows, 0);
    ck_assert_int_eq(host.items, p.n_items);
    ck_assert_int_eq(host.ends, 1);
    for (int64_t i = 0; i < (int64_t)p.n_items * p.dim; i++)
        ck_assert_float_eq(a.item_gradients[i], 0.0f);
    free_answer(&a);
    free_problem(&p);
}
END_TEST

/* Pieces of items in the order in which they came. */
struct pieces {
    int     n;
    int64_t first[64], length[64];
};

static int32_t note_pieces(void *user_data, const adaptau_reduce_piece *piece)
{
    struct pieces *pieces = user_data;
    if (piece->what != ADAPTAU_REDUCE_ITEMS)
        return 0;
    ck_assert_int_lt(pieces->n, 64);
    pieces->first[pieces->n] = piece->first;
    pieces->length[pieces->n++] = piece->n;
    return 0;
}

/* Or else one process would wait for another: a range with rows and one without hand over the same pieces of items, none of them
 * empty, all of them together each item once. */
START_TEST(pieces_of_items_are_the_same_with_and_without_rows)
{
    static const int32_t sizes[] = {1, 60, 128, 129, 700}, wanted[] = {1, 2, 3, 7, 8, 50};
    const adaptau_loss   loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_SOFTMAX});
    for (int s = 0; s < 5; s++)
        for (int w = 0; w < 6; w++) {
            struct problem shape = problems[0];
            shape.n_items = sizes[s];
            struct problem p = make_problem(shape);
            struct answer  a = make_answer(&p);
            struct pieces  seen[2] = {{0}, {0}};
            int64_t        next = 0;
            for (int side = 0; side < 2; side++) {
                const adaptau_reduce reduces = full_reduce(
                    (adaptau_reduce){.item_pieces = wanted[w], .function = note_pieces, .user_data = &seen[side]});
                p.n_rows = side ? 0 : problems[0].n_rows;
                ask(&p, &loss, &reduces, &a, false);
            }
            ck_assert_mem_eq(&seen[0], &seen[1], sizeof seen[0]);
            ck_assert_int_le(seen[0].n, wanted[w]);
            for (int k = 0; k < seen[0].n; k++) {
                ck_assert_int_eq(seen[0].first[k], next);
                ck_assert_int_gt(seen[0].length[k], 0);
                next += seen[0].length[k];
            }
            ck_assert_int_eq(next, sizes[s]);
            p.n_rows = problems[0].n_rows;
            free_answer(&a);
            free_problem(&p);
        }
}
END_TEST

/* ---- what does not add up ---------------------------------------------------------------------------------------- */

static int32_t refuse(void *user_data, const adaptau_reduce_piece *piece)
{
    (void)user_data;
    return piece->what == ADAPTAU_REDUCE_USERS ? 7 : 0;
}

static adaptau_status try(const struct problem *p, int32_t kind, const adaptau_reduce *e)
{
    struct answer            a = make_answer(p);
    adaptau_tables           tables = tables_of(p);
    adaptau_batch            batch = batch_of(p);
    adaptau_row_temperatures temperatures = temperatures_of(p);
    const adaptau_loss       loss = full_loss((adaptau_loss){.kind = kind});
    adaptau_loss_output   output = {
          .struct_size = sizeof output, .user_gradients = a.user_gradients, .item_gradients = a.item_gradients};
    adaptau_status status = adaptau_loss_gradients_of_shard(context, &tables, &batch, &temperatures, &loss, e, &output, &error);
    free_answer(&a);
    return status;
}

START_TEST(refuses_what_does_not_add_up)
{
    adaptau_reduce e = full_reduce((adaptau_reduce){.function = refuse});
    struct problem   p = make_problem(problems[0]), shared = make_problem(problems[4]);
    ck_assert_int_eq(try(&p, ADAPTAU_LOSS_BPR, &e), ADAPTAU_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "BPR compares each candidate"));
    shared.batch_flags = 0;
    ck_assert_int_eq(try(&shared, ADAPTAU_LOSS_SOFTMAX, &e), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(try(&p, ADAPTAU_LOSS_SOFTMAX, &e), ADAPTAU_E_CALLBACK);
    ck_assert_str_eq(error.message, "reduce->function returned 7");
    e.most_items = 699;
    ck_assert_int_eq(try(&p, ADAPTAU_LOSS_SOFTMAX, &e), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "reduce->most_items = 699, but this range has 700");
    e.most_items = 0;
    e.item_pieces = -1;
    ck_assert_int_eq(try(&p, ADAPTAU_LOSS_SOFTMAX, &e), ADAPTAU_E_ARGUMENT);
    e.item_pieces = 0;
    e.function = NULL;
    ck_assert_int_eq(try(&p, ADAPTAU_LOSS_SOFTMAX, &e), ADAPTAU_E_ARGUMENT);
    e.struct_size = 4;
    ck_assert_int_eq(try(&p, ADAPTAU_LOSS_SOFTMAX, &e), ADAPTAU_E_ABI);
    free_problem(&p);
    free_problem(&shared);
}
END_TEST

static Suite *ranges_suite(void)
{
    const int n = (int)(sizeof problems / sizeof *problems);
    Suite    *suite = suite_create("ranges");
    TCase    *sums = tcase_create("sums"), *errors = tcase_create("errors");
    tcase_add_checked_fixture(sums, open_context, close_context);
    tcase_add_checked_fixture(errors, open_context, close_context);
    tcase_add_loop_test(sums, softmax_over_ranges_is_the_catalogues, 0, n);
    tcase_add_loop_test(sums, other_losses_over_ranges_are_the_catalogues, 0, 3);
    tcase_add_loop_test(sums, one_range_has_the_bits_of_the_catalogue, 0, n);
    tcase_add_test(sums, batch_without_rows_hands_over_zeros);
    tcase_add_test(sums, pieces_of_items_are_the_same_with_and_without_rows);
    tcase_add_test(errors, refuses_what_does_not_add_up);
    suite_add_tcase(suite, sums);
    suite_add_tcase(suite, errors);
    return suite;
}

int main(void)
{
    return run_suite(ranges_suite());
}
