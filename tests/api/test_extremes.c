/* SPDX-License-Identifier: MIT */
/* Losses and gradients where scores, temperatures, lengths and weights are as small or as large as the headers permit, against
 * their formulas in double. What is a float must come out; what is none must be E_NUMERIC; no row may lose its term. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/ok.h"
#include "../support/options.h"
#include "../support/suite.h"
#include "common/cpu.h"

enum { N_USERS = 3, N_ITEMS = 150, DIM = 5, N_CANDIDATES = 9, N_POSITIVES = 2 };

/* ---- contexts of all levels -------------------------------------------------------------------------------------- */

enum { N_CONTEXTS = 5 };

static adaptau_context *contexts[N_CONTEXTS];

static void open_contexts(void)
{
    const adaptau_context_options options[N_CONTEXTS] = {
        {.backend = ADAPTAU_BACKEND_REFERENCE, .n_threads = 1},
        {.backend = ADAPTAU_BACKEND_NATIVE, .n_threads = 1, .cpu_disable = ADAPTAU_CPU_AVX512},
        {.backend = ADAPTAU_BACKEND_NATIVE, .n_threads = 3},
        {.backend = ADAPTAU_BACKEND_BLIS, .n_threads = 1},
        {.backend = ADAPTAU_BACKEND_BLIS, .n_threads = 1, .cpu_disable = ADAPTAU_CPU_AVX512},
    };
    for (int c = 0; c < N_CONTEXTS; c++) {
        adaptau_context_options own = options[c];
        own.struct_size = sizeof own;
        if (adaptau_context_create(&own, &contexts[c], &error) != ADAPTAU_OK)
            ck_assert_int_eq(error.status, ADAPTAU_E_UNSUPPORTED); /* not built in, or the CPU has it not                */
    }
}

static void close_contexts(void)
{
    for (int c = 0; c < N_CONTEXTS; c++)
        adaptau_context_destroy(contexts[c]);
}

/* ---- a problem of one row ---------------------------------------------------------------------------------------- */

struct problem {
    uint32_t flags;
    int32_t  kind;
    bool     outside;
    double   tau, user_length, item_length, weight, wide_q; /* of log q, 0: none                               */
    int32_t  user;
};

static float   users[N_USERS * DIM], items[N_ITEMS * DIM], log_q[N_ITEMS];
static int32_t candidates[N_CANDIDATES] = {7, 129, 3, 3, 135, 20, 21, 40, 149}, positives[N_POSITIVES] = {3, 130};

static double pseudo_random(uint32_t *state)
{
    *state = *state * 1103515245u + 12345u;
    return (double)(*state >> 8) * 0x1p-23 - 1.0;
}

static void fill(const struct problem *p)
{
    uint32_t state = 1;
    for (int k = 0; k < N_USERS * DIM; k++)
        users[k] = (float)(p->user_length * pseudo_random(&state));
    for (int k = 0; k < N_ITEMS * DIM; k++)
        items[k] = (float)(p->item_length * pseudo_random(&state));
    for (int i = 0; i < N_ITEMS; i++)
        log_q[i] = (float)(p->wide_q * pseudo_random(&state));
}

static double length_of(const float *row)
{
    double squares = 0.0;
    for (int k = 0; k < DIM; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

struct truth {
    double user[DIM], items[N_ITEMS][DIM], loss;
    double logit;      /* the largest, by its size                                                             */
    double user_scale, item_scale, greatest; /* what gradients are made of; their largest entry               */
    double user_floor, item_floor;           /* what is below the floats before it is divided by a length     */
    bool   sure;       /* rounding of the scores cannot change the result by much                              */
};

static bool is_positive(int32_t item)
{
    return item == positives[0] || item == positives[1];
}

static void project(double norm, const double *unit, double *gradient)
{
    double along = 0.0;
    for (int k = 0; k < DIM; k++)
        along += gradient[k] * unit[k];
    for (int k = 0; k < DIM; k++)
        gradient[k] = (gradient[k] - along * unit[k]) / norm;
}

/* The formulas of kernels.h. With positives in the sum each has a normaliser of its own. */
static void define(const struct problem *p, struct truth *t)
{
    static double  unit[N_ITEMS][DIM], norms[N_ITEMS], f[N_ITEMS], coefficients[N_ITEMS];
    double         user[DIM], user_norm = 1.0, logits[N_ITEMS + 1], longest = 0.0, shortest = INFINITY;
    const bool     catalogue = p->kind == ADAPTAU_CANDIDATES_CATALOGUE, own = !p->outside && !catalogue;
    const double   tau = (double)(float)p->tau;
    const float   *row = users + p->user * DIM;
    if (p->flags & ADAPTAU_NORMALISE_USERS)
        user_norm = length_of(row);
    for (int k = 0; k < DIM; k++)
        user[k] = (double)row[k] / user_norm;
    *t = (struct truth){.sure = true};
    for (int i = 0; i < N_ITEMS; i++) {
        norms[i] = p->flags & ADAPTAU_NORMALISE_ITEMS ? length_of(items + i * DIM) : 1.0;
        f[i] = coefficients[i] = 0.0;
        for (int k = 0; k < DIM; k++) {
            unit[i][k] = (double)items[i * DIM + k] / norms[i];
            f[i] += user[k] * unit[i][k];
        }
        longest = fmax(longest, length_of(items + i * DIM) / norms[i]);
        shortest = fmin(shortest, norms[i]);
    }
    for (int z = 0; z < N_POSITIVES; z++) {
        const int n = catalogue ? N_ITEMS : N_CANDIDATES;
        double    largest = -INFINITY, sum = 0.0;
        for (int pass = 0; pass < 3; pass++)
            for (int c = 0; c < n + own; c++) {
                const int32_t item = c == n ? positives[z] : catalogue ? c : candidates[c];
                const double  q = c == n || p->wide_q == 0.0 ? 0.0 : (double)log_q[catalogue ? item : c];
                if (c < n && p->outside && is_positive(item))
                    continue;
                logits[c] = f[item] / tau - q;
                if (pass == 0) {
                    largest = fmax(largest, logits[c]);
                    t->logit = fmax(t->logit, fmax(fabs(f[item] / tau), fabs(q)));
                } else if (pass == 1) {
                    sum += exp(logits[c] - largest);
                    const double rounding = 3e-6 * t->logit;
                    t->sure &= rounding < 1e-3 || logits[c] == largest || largest - logits[c] > rounding + 40.0;
                } else {
                    coefficients[item] += p->weight * exp(logits[c] - largest) / sum / tau;
                }
            }
        t->loss += p->weight * (largest + log(sum) - f[positives[z]] / tau);
        coefficients[positives[z]] -= p->weight / tau;
    }
    for (int i = 0; i < N_ITEMS; i++)
        for (int k = 0; k < DIM; k++) {
            t->user[k] += coefficients[i] * unit[i][k];
            t->items[i][k] = coefficients[i] * user[k];
        }
    if (p->flags & ADAPTAU_NORMALISE_USERS)
        project(user_norm, user, t->user);
    for (int i = 0; i < N_ITEMS && p->flags & ADAPTAU_NORMALISE_ITEMS; i++)
        project(norms[i], unit[i], t->items[i]);
    t->user_scale = N_POSITIVES * p->weight / tau * longest / user_norm;
    t->item_scale = N_POSITIVES * p->weight / tau * length_of(row) / user_norm / shortest;
    t->user_floor = 1e-41 / fmin(1.0, user_norm);
    t->item_floor = 1e-41 / fmin(1.0, shortest);
    for (int k = 0; k < DIM; k++) {
        t->greatest = fmax(t->greatest, fabs(t->user[k]));
        for (int i = 0; i < N_ITEMS; i++)
            t->greatest = fmax(t->greatest, fabs(t->items[i][k]));
    }
}

/* ---- the library's answer ---------------------------------------------------------------------------------------- */

struct answer {
    adaptau_status status;
    float          user[DIM], items[N_ITEMS * DIM];
    double         loss;
    double         n_terms;
};

static void ask(adaptau_context *context, const struct problem *p, bool want_items, struct answer *a)
{
    const bool               catalogue = p->kind == ADAPTAU_CANDIDATES_CATALOGUE;
    const int64_t            ptr[2] = {0, N_POSITIVES};
    const float              weight = (float)p->weight;
    adaptau_tables           tables = {.struct_size = sizeof tables, .flags = p->flags, .n_users = N_USERS, .n_items = N_ITEMS,
                                       .dim = DIM, .users = users, .items = items};
    adaptau_batch            batch = {.struct_size = sizeof batch, .flags = p->outside ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                                      .n_rows = 1, .candidates = p->kind, .users = &p->user, .positive_ptr = ptr,
                                      .positives = positives, .n_candidates = catalogue ? 0 : N_CANDIDATES,
                                      .candidate_ids = catalogue ? NULL : candidates,
                                      .log_q = p->wide_q != 0.0 ? log_q : NULL, .row_weights = &weight};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = (float)p->tau};
    adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = a->user,
                                       .item_gradients = want_items ? a->items : NULL};
    memset(a, 0, sizeof *a);
    a->status = adaptau_softmax(context, &tables, &batch, &tau, &output, &error);
    a->loss = output.loss;
    a->n_terms = output.n_terms;
}

/* ck_assert writes to a pipe even when it holds: not for inner loops. */
#define REQUIRE(holds, ...)                                                                                                    \
    do {                                                                                                                       \
        if (!(holds))                                                                                                          \
            ck_abort_msg(__VA_ARGS__);                                                                                         \
    } while (0)
#define SAY "%s, flags %u, candidates %d, outside %d, tau %g, lengths %g and %g, weight %g, log q %g: "
#define WHAT                                                                                                                   \
    adaptau_context_backend(context), p->flags, p->kind, p->outside, p->tau, p->user_length, p->item_length, p->weight, p->wide_q

static void check(adaptau_context *context, const struct problem *p, bool want_items)
{
    static struct truth  t;
    static struct answer a;
    define(p, &t);
    if (!(t.logit < 1e37 && fabs(t.loss) < 1e300))
        return;
    ask(context, p, want_items, &a);
    const double largest = fmax(t.user_scale, want_items ? t.item_scale : 0.0);
    if (largest < 1e36)
        REQUIRE(a.status == ADAPTAU_OK, SAY "%s", WHAT, error.message);
    if (t.sure && want_items && t.greatest > 3.5e38)
        REQUIRE(a.status == ADAPTAU_E_NUMERIC, SAY "a gradient of %g passes", WHAT, t.greatest);
    if (a.status != ADAPTAU_OK) {
        REQUIRE(a.status == ADAPTAU_E_NUMERIC, SAY "%s", WHAT, error.message);
        return;
    }
    REQUIRE(a.n_terms == N_POSITIVES, SAY "%d terms", WHAT, (int)a.n_terms);
    for (int k = 0; k < N_ITEMS * DIM; k++)
        REQUIRE(isfinite(a.items[k]) && isfinite(a.user[k % DIM]), SAY "a gradient is not finite", WHAT);
    if (p->flags & ADAPTAU_BFLOAT16)
        return;
    const double slack = p->weight * N_POSITIVES * (1e-3 + 4e-6 * t.logit);
    REQUIRE(fabs(a.loss - t.loss) <= slack + 1e-5 * fabs(t.loss), SAY "the loss is %.9g, not %.9g", WHAT, a.loss, t.loss);
    for (int k = 0; k < DIM && t.sure; k++) {
        REQUIRE(fabs((double)a.user[k] - t.user[k]) <= 2e-3 * t.user_scale + t.user_floor,
                      SAY "user gradient [%d] = %.9g, not %.9g", WHAT, k, (double)a.user[k], t.user[k]);
        for (int i = 0; i < N_ITEMS && want_items; i++)
            REQUIRE(fabs((double)a.items[i * DIM + k] - t.items[i][k]) <= 2e-3 * t.item_scale + t.item_floor,
                          SAY "gradient of item %d [%d] = %.9g, not %.9g", WHAT, i, k, (double)a.items[i * DIM + k],
                          t.items[i][k]);
    }
}

/* _i: context x kind x outside. */
START_TEST(losses_and_gradients_are_right_or_refused_at_every_size)
{
    static const double  lengths[] = {3e-42, 1e-38, 1e-12, 1.0, 1e5, 1e17};
    static const double  taus[] = {1e-30, 1e-12, 1e-10, 1e-6, 0.05, 1.0, 1e30};
    adaptau_context     *context = contexts[_i / 6];
    const uint32_t       bf16 = ADAPTAU_BFLOAT16;
    for (uint32_t flags = 0; context && flags < 5; flags++)
        for (size_t u = 0; u < sizeof lengths / sizeof *lengths; u++)
            for (size_t v = 0; v < sizeof lengths / sizeof *lengths; v++)
                for (size_t k = 0; k < sizeof taus / sizeof *taus; k++) {
                    struct problem p = {.flags = flags < 4 ? flags : ADAPTAU_NORMALISE_BOTH | bf16, .kind = _i / 2 % 3,
                                        .outside = _i % 2, .tau = taus[k], .user_length = lengths[u], .item_length = lengths[v],
                                        .weight = 1.0, .user = (int32_t)((u + v + k) % N_USERS)};
                    fill(&p);
                    check(context, &p, true);
                    check(context, &p, false);
                }
}
END_TEST

/* The length of such a row is no float, nor are its square and its inverse; its direction and its gradient are. */
START_TEST(rows_longer_than_the_floats_have_their_gradients)
{
    static const double lengths[] = {1.0, 3.3e38}, taus[] = {1e-12, 1e-6, 0.05};
    adaptau_context    *context = contexts[_i / 6];
    for (int sides = 1; context && sides < 4; sides++)
        for (size_t k = 0; k < sizeof taus / sizeof *taus; k++) {
            struct problem p = {.flags = ADAPTAU_NORMALISE_BOTH, .kind = _i / 2 % 3, .outside = _i % 2, .tau = taus[k],
                                .user_length = lengths[sides & 1], .item_length = lengths[sides >> 1], .weight = 1.0};
            fill(&p);
            ck_assert(!(sides & 1) || length_of(users) > FLT_MAX);
            ck_assert(sides < 2 || length_of(items + 5 * DIM) > FLT_MAX);
            check(context, &p, true);
            check(context, &p, false);
        }
}
END_TEST

START_TEST(wide_log_q_and_large_weights_are_right_or_refused)
{
    static const double  wides[] = {0.0, 3.0, 1e3, 1e7, 1e10, 1e20}, weights[] = {1e-20, 1.0, 1e6, 1e12, 1e25};
    static const double  taus[] = {1e-11, 0.029, 0.05, 1.0};
    adaptau_context     *context = contexts[_i / 6];
    for (size_t q = 0; context && q < sizeof wides / sizeof *wides; q++)
        for (size_t w = 0; w < sizeof weights / sizeof *weights; w++)
            for (size_t k = 0; k < sizeof taus / sizeof *taus; k++)
                for (int32_t user = 0; user < N_USERS; user++) {
                    struct problem p = {.flags = ADAPTAU_NORMALISE_BOTH, .kind = _i / 2 % 3, .outside = _i % 2, .tau = taus[k],
                                        .user_length = 1.0, .item_length = 1.0, .weight = weights[w], .wide_q = wides[q],
                                        .user = user};
                    fill(&p);
                    check(context, &p, true);
                }
}
END_TEST

/* ---- what only some shapes meet ---------------------------------------------------------------------------------- */

/* All scores far below 0, and a first tile of positives, which are masked: its shift must not magnify anything. */
START_TEST(a_tile_of_masked_candidates_leaves_gradients_finite)
{
    enum { M = 300, N = 128 };
    static float             rows[M], gradients[M];
    float                    user = 1.0f, user_gradient = 0.0f;
    int32_t                  ids[N];
    const int64_t            ptr[2] = {0, N};
    adaptau_context         *context = contexts[_i];
    adaptau_tables           tables = {.struct_size = sizeof tables, .n_users = 1, .n_items = M, .dim = 1, .users = &user,
                                       .items = rows};
    adaptau_batch            batch = {.struct_size = sizeof batch, .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM, .n_rows = 1,
                                      .positive_ptr = ptr, .positives = ids};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 1.0f};
    adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = &user_gradient, .item_gradients = gradients};
    for (int i = 0; i < M; i++)
        rows[i] = i == M - 1 ? -999.0f : -1000.0f;
    for (int i = 0; i < N; i++)
        ids[i] = i;
    if (!context)
        return;
    OK(adaptau_softmax(context, &tables, &batch, &tau, &output, &error));
    const double rest = M - N - 1, sum = rest * exp(-1.0) + 1.0;
    ck_assert_double_eq_tol(output.loss, N * (-999.0 + log(sum) + 1000.0), 1e-3);
    ck_assert_double_eq_tol((double)gradients[M - 1], N / sum, 1e-4);
    ck_assert_double_eq_tol((double)gradients[M - 2], N * exp(-1.0) / sum, 1e-4);
    ck_assert_double_eq_tol((double)gradients[0], -1.0, 1e-6);
}
END_TEST

/* Logits below the least float are no empty sum: a row without its term would pass for one without candidates. */
START_TEST(logits_beyond_the_floats_are_refused)
{
    float                    rows[4] = {-1e30f, -2e30f, -3e30f, -4e30f}, user = 1.0f;
    const int32_t            all[4] = {0, 1, 2, 3};
    const int64_t            ptr[2] = {0, 1};
    adaptau_context         *context = contexts[_i / 3];
    adaptau_tables           tables = {.struct_size = sizeof tables, .n_users = 1, .n_items = 4, .dim = 1, .users = &user,
                                       .items = rows};
    adaptau_batch            batch = {.struct_size = sizeof batch, .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM, .n_rows = 1,
                                      .candidates = _i % 3, .positive_ptr = ptr, .positives = all,
                                      .n_candidates = _i % 3 ? 4 : 0, .candidate_ids = _i % 3 ? all : NULL};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 1e-10f};
    adaptau_loss_output   output = {.struct_size = sizeof output};
    if (context)
        ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &tau, &output, &error), ADAPTAU_E_NUMERIC);
}
END_TEST

/* BPR compares scores: those of equal items differ by nothing, however large they are. */
START_TEST(bpr_of_equal_scores_is_log_2_at_every_temperature)
{
    adaptau_context *context = contexts[_i];
    for (double tau = 1e-15; context && tau < 1e3; tau *= 10.0) {
        float                    rows[6] = {0.3f, 0.7f, 0.3f, 0.7f, 0.3f, 0.7f}, user[2] = {0.9f, 0.123f}, gradient[2];
        const int64_t            ptr[2] = {0, 1};
        const int32_t            positive = 1;
        adaptau_tables           tables = {.struct_size = sizeof tables, .n_users = 1, .n_items = 3, .dim = 2, .users = user,
                                           .items = rows};
        adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 1, .positive_ptr = ptr, .positives = &positive};
        adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = (float)tau};
        adaptau_loss             loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_BPR});
        adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = gradient};
        OK(adaptau_loss_gradients(context, &tables, &batch, &temperatures, &loss, &output, &error));
        ck_assert_msg(fabs(output.loss - log(2.0)) < 0.05, "%s, tau %g: %.9g", adaptau_context_backend(context), tau,
                      output.loss);
    }
}
END_TEST

/* A gradient that is a float until it is divided by the length of its row. */
START_TEST(a_gradient_that_overflows_last_of_all_is_refused)
{
    float                    user[2] = {1e-12f, 0.0f}, rows[4] = {0.0f, 1e15f, 0.0f, -1e15f}, gradient[2];
    const int64_t            ptr[2] = {0, 1};
    const int32_t            positive = 0;
    adaptau_context         *context = contexts[_i];
    adaptau_tables           tables = {.struct_size = sizeof tables, .flags = ADAPTAU_NORMALISE_USERS, .n_users = 1, .n_items = 2,
                                       .dim = 2, .users = user, .items = rows};
    adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 1, .positive_ptr = ptr, .positives = &positive};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 1e-12f};
    adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = gradient};
    if (context)
        ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &tau, &output, &error), ADAPTAU_E_NUMERIC);
}
END_TEST

/* All cosines −1: the sum is as small as it gets without a maximum, and a large weight must not overflow on top of it. */
START_TEST(large_weights_of_small_sums_stay_floats)
{
    enum { M = 4 };
    float                    user[2] = {1.0f, 0.0f}, rows[M * 2], gradient[2], item_gradients[M * 2];
    const float              weight = 1e12f;
    const int64_t            ptr[2] = {0, 1};
    const int32_t            positive = 0;
    adaptau_context         *context = contexts[_i];
    adaptau_tables           tables = {.struct_size = sizeof tables, .flags = ADAPTAU_NORMALISE_BOTH, .n_users = 1, .n_items = M,
                                       .dim = 2, .users = user, .items = rows};
    adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 1, .positive_ptr = ptr, .positives = &positive,
                                      .row_weights = &weight};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 0.029f};
    adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = gradient, .item_gradients = item_gradients};
    for (int i = 0; i < M; i++) {
        rows[2 * i] = -1.0f;
        rows[2 * i + 1] = i ? 1e-3f : -1e-3f;
    }
    if (!context)
        return;
    OK(adaptau_softmax(context, &tables, &batch, &tau, &output, &error));
    ck_assert_double_eq_tol(output.loss / 1e12, log(M), 1e-4);
    ck_assert_double_eq_tol((double)gradient[1] / (1e12 / 0.029 * 1.5e-3), 1.0, 1e-3);
    for (int i = 0; i < M; i++) /* along the user, in the tangent of the item                                    */
        ck_assert_double_eq_tol((double)item_gradients[2 * i + 1] / (1e12 / 0.029 * 1e-3), i ? 0.25 : 0.75, 1e-3);
}
END_TEST

/* A step that would not be finite is refused before it is taken. */
START_TEST(a_model_of_short_rows_refuses_a_gradient_that_is_no_float)
{
    float            user_rows[8] = {1e-38f, .5e-38f, 0, 0, 0, 1, .2f, 0}, item_rows[8] = {.1f, 1, 0, 0, 1, -1, .3f, .1f};
    float            before[8];
    const int32_t    pair_users[2] = {0, 1}, pair_items[2] = {1, 0};
    const int64_t    ptr[3] = {0, 1, 2};
    adaptau_context *context = contexts[_i];
    adaptau_dataset *data = NULL;
    adaptau_model   *model = NULL;
    adaptau_temperature        *temperature = NULL;
    adaptau_model_options       options = full_model_options((adaptau_model_options){.dim = 4,
                                                                                     .flags = ADAPTAU_MODEL_FREE_LENGTH,
                                                                                     .init = ADAPTAU_INIT_HOST,
                                                                                     .host_users = user_rows,
                                                                                     .host_items = item_rows});
    adaptau_temperature_options fixed =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.05});
    adaptau_batch               batch = {.struct_size = sizeof batch, .n_rows = 2, .positive_ptr = ptr, .positives = pair_items};
    if (!context)
        return;
    OK(adaptau_dataset_create_from_interactions(context, 2, 2, 2, pair_users, pair_items, NULL, &data, &error));
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_temperature_create(context, data, &fixed, &temperature, &error));
    memcpy(before, user_rows, sizeof before);
    ck_assert_int_eq(adaptau_model_gradients(model, &batch, temperature, NULL, &error), ADAPTAU_E_NUMERIC);
    ck_assert_str_eq(error.message, "the user gradient of row 0 is not finite");
    ck_assert_int_eq(adaptau_model_apply(model, &error), ADAPTAU_E_STATE);
    ck_assert_mem_eq(before, user_rows, sizeof before);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extremes");
    TCase *tests = tcase_create("extremes");
    tcase_add_unchecked_fixture(tests, open_contexts, close_contexts);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, losses_and_gradients_are_right_or_refused_at_every_size, 0, N_CONTEXTS * 6);
    tcase_add_loop_test(tests, rows_longer_than_the_floats_have_their_gradients, 0, N_CONTEXTS * 6);
    tcase_add_loop_test(tests, wide_log_q_and_large_weights_are_right_or_refused, 0, N_CONTEXTS * 6);
    tcase_add_loop_test(tests, a_tile_of_masked_candidates_leaves_gradients_finite, 0, N_CONTEXTS);
    tcase_add_loop_test(tests, logits_beyond_the_floats_are_refused, 0, N_CONTEXTS * 3);
    tcase_add_loop_test(tests, bpr_of_equal_scores_is_log_2_at_every_temperature, 0, N_CONTEXTS);
    tcase_add_loop_test(tests, a_gradient_that_overflows_last_of_all_is_refused, 0, N_CONTEXTS);
    tcase_add_loop_test(tests, large_weights_of_small_sums_stay_floats, 0, N_CONTEXTS);
    tcase_add_loop_test(tests, a_model_of_short_rows_refuses_a_gradient_that_is_no_float, 0, N_CONTEXTS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
