/* SPDX-License-Identifier: MIT */
/* adaptau_softmax against its definition, evaluated in double precision: losses directly, gradients by central differences. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a problem, and its definition -------------------------------------------------------------------------------- */

struct problem {
    int32_t  n_users, n_items, dim, n_rows, kind;
    uint32_t table_flags, batch_flags;
    int64_t  n_candidates;
    bool     weights, log_q, personal, split, targets;
    float    tau;

    float   *users, *items; /* tables                                                                        */
    int32_t *row_users, *positives, *candidates;
    int64_t *positive_ptr;
    float   *log_q_values, *row_weights, *tau_candidates, *tau_positives;
    float   *target_shares, *target_mixtures, *user_targets, *item_targets; /* mixtures: [R x m] q            */
    int64_t  n_log_q;
};

static uint64_t seed_state = 88172645463325252u;

static double uniform(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (double)(seed_state >> 11) * 0x1p-53;
}

static void *allocate(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    ck_assert_ptr_nonnull(block);
    return block;
}

static float *random_rows(int64_t n, double scale)
{
    float *rows = allocate((size_t)n, sizeof(float));
    for (int64_t i = 0; i < n; i++)
        rows[i] = (float)(scale * (2.0 * uniform() - 1.0));
    return rows;
}

static void fill_positives(struct problem *p)
{
    p->positive_ptr = allocate((size_t)p->n_rows + 1, sizeof(int64_t));
    p->positives = allocate((size_t)p->n_rows * (size_t)p->n_items, sizeof(int32_t));
    for (int32_t r = 0; r < p->n_rows; r++) {
        int64_t n = p->positive_ptr[r];
        double  share = r == 1 ? 0.0 : 4.0 / p->n_items; /* row 1 has none                                    */
        for (int32_t i = 0; i < p->n_items; i++)
            if (uniform() < share || (r != 1 && i == (r * 37) % p->n_items))
                p->positives[n++] = i;
        p->positive_ptr[r + 1] = n;
    }
}

static void fill_candidates(struct problem *p)
{
    int64_t n = p->kind == ADAPTAU_CANDIDATES_SHARED    ? p->n_candidates
                : p->kind == ADAPTAU_CANDIDATES_PER_ROW ? p->n_candidates * p->n_rows
                                                        : 0;
    p->candidates = n ? allocate((size_t)n, sizeof(int32_t)) : NULL;
    for (int64_t c = 0; c < n; c++)
        p->candidates[c] = (int32_t)(uniform() * p->n_items);
    /* some candidates are positives, and one is there twice */
    if (n > 3 && p->positive_ptr[1] > 0) {
        p->candidates[2] = p->positives[0];
        p->candidates[3] = p->positives[0];
    }
    p->n_log_q = p->kind == ADAPTAU_CANDIDATES_CATALOGUE ? p->n_items : n;
}

static double length_of(const float *row, int32_t dim)
{
    double squares = 0.0;
    for (int32_t k = 0; k < dim; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

/* Random mixtures of items, and the two tables that the caller of soft targets sums up. */
static void fill_targets(struct problem *p)
{
    p->target_shares = random_rows(p->n_rows, 0.4);
    p->target_mixtures = random_rows((int64_t)p->n_rows * p->n_items, 1.0);
    p->user_targets = allocate((size_t)p->n_rows * (size_t)p->dim, sizeof(float));
    p->item_targets = allocate((size_t)p->n_items * (size_t)p->dim, sizeof(float));
    for (int32_t r = 0; r < p->n_rows; r++) {
        const float *user = p->users + (int64_t)p->row_users[r] * p->dim;
        double       tau = p->split ? (double)p->tau_positives[r] : p->personal ? (double)p->tau_candidates[r] : (double)p->tau;
        double       factor = (p->weights ? (double)p->row_weights[r] : 1.0) *
                        (double)(p->positive_ptr[r + 1] - p->positive_ptr[r]) / tau;
        p->target_shares[r] = fabsf(p->target_shares[r]);
        for (int32_t i = 0; i < p->n_items; i++) {
            float       *q = &p->target_mixtures[(int64_t)r * p->n_items + i];
            const float *item = p->items + (int64_t)i * p->dim;
            double       item_scale = p->table_flags & ADAPTAU_NORMALISE_ITEMS ? 1.0 / length_of(item, p->dim) : 1.0;
            double       user_scale = p->table_flags & ADAPTAU_NORMALISE_USERS ? 1.0 / length_of(user, p->dim) : 1.0;
            *q = *q > 0.9f ? *q : 0.0f;
            for (int32_t k = 0; k < p->dim; k++) {
                p->user_targets[(int64_t)r * p->dim + k] += (float)((double)(*q) * item_scale * (double)item[k]);
                p->item_targets[(int64_t)i * p->dim + k] +=
                    (float)(factor * (double)p->target_shares[r] * (double)(*q) * user_scale * (double)user[k]);
            }
        }
    }
}

static struct problem make_problem(struct problem p)
{
    p.users = random_rows((int64_t)p.n_users * p.dim, 1.0);
    p.items = random_rows((int64_t)p.n_items * p.dim, 1.0);
    if (p.table_flags & ADAPTAU_UNIT_ROWS)
        for (int side = 0; side < 2; side++)
            for (int32_t r = 0; r < (side ? p.n_items : p.n_users); r++) {
                float *row = (side ? p.items : p.users) + (int64_t)r * p.dim;
                double squares = 0.0;
                for (int32_t k = 0; k < p.dim; k++)
                    squares += (double)row[k] * (double)row[k];
                for (int32_t k = 0; k < p.dim; k++)
                    row[k] = (float)(row[k] / sqrt(squares));
            }
    p.row_users = allocate((size_t)p.n_rows, sizeof(int32_t));
    for (int32_t r = 0; r < p.n_rows; r++)
        p.row_users[r] = (r * 5 + 2) % p.n_users;
    fill_positives(&p);
    fill_candidates(&p);
    p.log_q_values = random_rows(p.n_log_q, 1.5);
    p.row_weights = allocate((size_t)p.n_rows, sizeof(float));
    p.tau_candidates = allocate((size_t)p.n_rows, sizeof(float));
    p.tau_positives = allocate((size_t)p.n_rows, sizeof(float));
    for (int32_t r = 0; r < p.n_rows; r++) {
        p.row_weights[r] = (float)(0.25 + uniform());
        p.tau_candidates[r] = (float)(p.tau * (0.5 + uniform()));
        p.tau_positives[r] = (float)(p.tau * (0.5 + uniform()));
    }
    if (p.targets)
        fill_targets(&p);
    return p;
}

static void free_problem(struct problem *p)
{
    free(p->target_shares);
    free(p->target_mixtures);
    free(p->user_targets);
    free(p->item_targets);
    free(p->users);
    free(p->items);
    free(p->row_users);
    free(p->positives);
    free(p->candidates);
    free(p->positive_ptr);
    free(p->log_q_values);
    free(p->row_weights);
    free(p->tau_candidates);
    free(p->tau_positives);
}

static double length(const double *row, int32_t dim)
{
    double squares = 0.0;
    for (int32_t k = 0; k < dim; k++)
        squares += row[k] * row[k];
    return sqrt(squares);
}

static double score(const struct problem *p, const double *user, const double *item)
{
    double dot = 0.0;
    for (int32_t k = 0; k < p->dim; k++)
        dot += user[k] * item[k];
    if (p->table_flags & ADAPTAU_NORMALISE_USERS)
        dot = length(user, p->dim) > 0.0 ? dot / length(user, p->dim) : 0.0;
    if (p->table_flags & ADAPTAU_NORMALISE_ITEMS)
        dot = length(item, p->dim) > 0.0 ? dot / length(item, p->dim) : 0.0;
    return dot;
}

static bool is_positive(const struct problem *p, int32_t row, int32_t item)
{
    for (int64_t i = p->positive_ptr[row]; i < p->positive_ptr[row + 1]; i++)
        if (p->positives[i] == item)
            return true;
    return false;
}

static double row_tau(const struct problem *p, int32_t row)
{
    return p->personal ? (double)p->tau_candidates[row] : (double)p->tau;
}

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
                sum += exp(f * inverse_tau - q - largest);
                unit_sum += exp(f - q);
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
        truth.loss += log_z - ((1.0 - share) * f + share * target_score) * positive_scale;
        mean += f / (double)(end - first);
    }
    if (p->weights)
        truth.loss *= (double)p->row_weights[row];
    truth.unit_loss = end > first ? log(unit_sum) - mean : 0.0;
    return truth;
}

static double *to_double(const float *values, int64_t n)
{
    double *out = allocate((size_t)n, sizeof(double));
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)values[i];
    return out;
}

static double define_loss(const struct problem *p, const double *users, const double *items)
{
    double loss = 0.0;
    for (int32_t r = 0; r < p->n_rows; r++)
        loss += define_row(p, r, users + (int64_t)p->row_users[r] * p->dim, items, 1.0 / row_tau(p, r)).loss;
    return loss;
}

/* ---- the library's answer ------------------------------------------------------------------------------------------- */

struct answer {
    double  *row_loss, *row_log_sum;
    float   *unit_loss, *d_inverse_tau, *user_gradients, *item_gradients;
    int32_t *touched;
    double   loss;
    int64_t  n_touched;
};

static struct answer make_answer(const struct problem *p)
{
    struct answer a = {0};
    a.row_loss = allocate((size_t)p->n_rows, sizeof(double));
    a.row_log_sum = allocate((size_t)p->n_rows, sizeof(double));
    a.unit_loss = allocate((size_t)p->n_rows, sizeof(float));
    a.d_inverse_tau = allocate((size_t)p->n_rows, sizeof(float));
    a.user_gradients = allocate((size_t)p->n_rows * (size_t)p->dim, sizeof(float));
    a.item_gradients = allocate((size_t)p->n_items * (size_t)p->dim, sizeof(float));
    a.touched = allocate((size_t)p->n_items, sizeof(int32_t));
    return a;
}

static void free_answer(struct answer *a)
{
    free(a->row_loss);
    free(a->row_log_sum);
    free(a->unit_loss);
    free(a->d_inverse_tau);
    free(a->user_gradients);
    free(a->item_gradients);
    free(a->touched);
}

static adaptau_batch batch_of(const struct problem *p)
{
    return (adaptau_batch){
        .struct_size = sizeof(adaptau_batch),
        .flags = p->batch_flags,
        .n_rows = p->n_rows,
        .candidates = p->kind,
        .users = p->row_users,
        .positive_ptr = p->positive_ptr,
        .positives = p->positives,
        .n_candidates = p->n_candidates,
        .candidate_ids = p->candidates,
        .log_q = p->log_q ? p->log_q_values : NULL,
        .row_weights = p->weights ? p->row_weights : NULL,
        .target_shares = p->targets ? p->target_shares : NULL,
        .user_targets = p->targets ? p->user_targets : NULL,
        .item_targets = p->targets ? p->item_targets : NULL,
        .item_target_scale = 1.0f,
    };
}

static adaptau_tables tables_of(const struct problem *p)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .flags = p->table_flags,
                            .n_users = p->n_users,
                            .n_items = p->n_items,
                            .dim = p->dim,
                            .users = p->users,
                            .items = p->items};
}

static adaptau_row_temperatures temperatures_of(const struct problem *p)
{
    return (adaptau_row_temperatures){.struct_size = sizeof(adaptau_row_temperatures),
                                      .tau = p->tau,
                                      .candidates = p->personal ? p->tau_candidates : NULL,
                                      .positives = p->split ? p->tau_positives : NULL};
}

static adaptau_context *make_context(int32_t backend, int32_t threads)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = threads, .backend = backend};
    adaptau_context        *context = NULL;
    adaptau_error           error = {0};
    adaptau_status          status = adaptau_context_create(&options, &context, &error);
    if (status == ADAPTAU_E_STATE)
        return NULL; /* a backend that is not built in                                                         */
    ck_assert_msg(status == ADAPTAU_OK, "%s", error.message);
    return context;
}

static struct answer ask(adaptau_context *context, const struct problem *p)
{
    struct answer            a = make_answer(p);
    adaptau_error            error = {0};
    adaptau_batch            batch = batch_of(p);
    adaptau_tables           tables = tables_of(p);
    adaptau_row_temperatures temperatures = temperatures_of(p);
    adaptau_softmax_output   output = {
          .struct_size = sizeof output,
          .row_loss = a.row_loss,
          .row_log_sum = a.row_log_sum,
          .row_unit_loss = a.unit_loss,
          .row_d_inverse_tau = a.d_inverse_tau,
          .user_gradients = a.user_gradients,
          .item_gradients = a.item_gradients,
          .touched_items = p->kind == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : a.touched,
    };
    adaptau_status status = adaptau_softmax(context, &tables, &batch, &temperatures, &output, &error);
    ck_assert_msg(status == ADAPTAU_OK, "%s", error.message);
    a.loss = output.loss;
    a.n_touched = output.n_touched_items;
    return a;
}

static void check_near(double got, double want, double tolerance, const char *what, int64_t at)
{
    ck_assert_msg(fabs(got - want) <= tolerance * fmax(1.0, fabs(want)), "%s[%lld] = %.9g, not %.9g", what, (long long)at,
                  got, want);
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
        double up = define_loss(p, users, items);
        moved[e] = kept - h;
        double down = define_loss(p, users, items);
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
    if (p->kind == ADAPTAU_CANDIDATES_CATALOGUE) {
        ck_assert_int_eq(a->n_touched, p->n_items);
        return;
    }
    bool *expected = allocate((size_t)p->n_items, sizeof(bool));
    for (int64_t c = 0; c < p->n_log_q; c++)
        expected[p->candidates[c]] = true;
    for (int64_t i = 0; i < p->positive_ptr[p->n_rows]; i++)
        expected[p->positives[i]] = true;
    int64_t n = 0;
    for (int32_t i = 0; i < p->n_items; i++)
        if (expected[i])
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

/* _i: kind (3) x bits for weights, log q, personal and split temperatures */
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
                        .log_q = _i / 3 & 2,
                        .personal = _i / 3 & 4,
                        .split = _i / 3 & 8,
                        .tau = 0.15f};
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

/* _i: kind x normalisation or split temperatures. Sampled candidates cover every item here, as untouched ones get no target. */
START_TEST(soft_targets_match_central_differences)
{
    struct problem p = {.n_users = 6,
                        .n_items = 30,
                        .dim = 7,
                        .n_rows = 6,
                        .kind = _i % 3,
                        .table_flags = NORMALISATIONS[_i / 3],
                        .batch_flags = _i & 1 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                        .n_candidates = _i % 3 ? 300 : 0,
                        .weights = true,
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

START_TEST(results_do_not_depend_on_threads)
{
    struct problem p = make_problem((struct problem){.n_users = 300,
                                                     .n_items = 5000,
                                                     .dim = 20,
                                                     .n_rows = 200,
                                                     .kind = _i % 3,
                                                     .table_flags = _i / 3 ? 0 : ADAPTAU_NORMALISE_BOTH,
                                                     .n_candidates = _i % 3 ? 70 : 0,
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
    adaptau_softmax_output   output = {.struct_size = sizeof output,
                                       .user_gradients = a.user_gradients,
                                       .item_gradients = a.item_gradients,
                                       .row_loss = a.row_loss};
    ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &temperatures, &output, NULL), ADAPTAU_OK);
    ck_assert_int_eq(output.n_zero_rows, 2);
    ck_assert_int_eq(output.n_terms, p.positive_ptr[1]);
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

/* ---- bad input ------------------------------------------------------------------------------------------------------ */

struct call {
    adaptau_tables           tables;
    adaptau_batch            batch;
    adaptau_row_temperatures temperatures;
    adaptau_softmax_output   output;
};

typedef void (*spoil_function)(struct problem *p, struct call *call);

static void spoil_dim(struct problem *p, struct call *c) { (void)p; c->tables.dim = 0; }
static void spoil_big_dim(struct problem *p, struct call *c) { (void)p; c->tables.dim = ADAPTAU_MAX_DIM + 1; }
static void spoil_stride(struct problem *p, struct call *c) { (void)p; c->tables.item_stride = 3; }
static void spoil_null_items(struct problem *p, struct call *c) { (void)p; c->tables.items = NULL; }
static void spoil_table_flags(struct problem *p, struct call *c) { (void)p; c->tables.flags = 1u << 30; }
static void spoil_table_size(struct problem *p, struct call *c) { (void)p; c->tables.struct_size = 8; }
static void spoil_batch_size(struct problem *p, struct call *c) { (void)p; c->batch.struct_size = 0; }
static void spoil_batch_flags(struct problem *p, struct call *c) { (void)p; c->batch.flags = 2; }
static void spoil_rows(struct problem *p, struct call *c) { (void)p; c->batch.n_rows = -1; }
static void spoil_kind(struct problem *p, struct call *c) { (void)p; c->batch.candidates = 7; }
static void spoil_candidates(struct problem *p, struct call *c) { (void)p; c->batch.n_candidates = 5; }
static void spoil_user(struct problem *p, struct call *c) { (void)c; p->row_users[1] = p->n_users; }
static void spoil_positive(struct problem *p, struct call *c) { (void)c; p->positives[0] = -1; }
static void spoil_order(struct problem *p, struct call *c) { (void)c; p->positives[1] = p->positives[0]; }
static void spoil_ptr(struct problem *p, struct call *c) { (void)c; p->positive_ptr[2] = 0; }

static void spoil_weight(struct problem *p, struct call *c)
{
    c->batch.row_weights = p->row_weights;
    p->row_weights[0] = -1.0f;
}

static void spoil_log_q(struct problem *p, struct call *c) { c->batch.log_q = p->log_q_values; p->log_q_values[3] = NAN; }
static void spoil_targets(struct problem *p, struct call *c) { c->batch.target_shares = p->row_weights; }

static void spoil_share(struct problem *p, struct call *c)
{
    c->batch.user_targets = p->users;
    c->batch.target_shares = p->row_weights;
    p->row_weights[2] = 1.5f;
    p->row_weights[0] = p->row_weights[1] = 0.5f;
}

static void spoil_reserved(struct problem *p, struct call *c) { (void)p; c->batch.reserved = 3; }
static void spoil_tau(struct problem *p, struct call *c) { (void)p; c->temperatures.tau = 0.0f; }
static void spoil_tau_nan(struct problem *p, struct call *c) { (void)p; c->temperatures.tau = NAN; }

static void spoil_row_tau(struct problem *p, struct call *c)
{
    c->temperatures.candidates = p->tau_candidates;
    p->tau_candidates[1] = -1.0f;
}

static void spoil_item(struct problem *p, struct call *c) { (void)c; p->items[7 * p->dim + 1] = INFINITY; }
static void spoil_user_row(struct problem *p, struct call *c) { (void)c; p->users[p->row_users[0] * p->dim] = NAN; }
static void spoil_gradient_stride(struct problem *p, struct call *c) { (void)p; c->output.item_gradient_stride = 1; }
static void spoil_output_size(struct problem *p, struct call *c) { (void)p; c->output.struct_size = 4; }

static const struct {
    spoil_function spoil;
    adaptau_status status;
    const char    *message;
} BAD[] = {
    {spoil_dim, ADAPTAU_E_ARGUMENT, "tables->dim = 0"},
    {spoil_big_dim, ADAPTAU_E_ARGUMENT, "tables->dim = 65537"},
    {spoil_stride, ADAPTAU_E_SHAPE, "item_stride = 3, but dim = 6"},
    {spoil_null_items, ADAPTAU_E_ARGUMENT, "tables->items is NULL"},
    {spoil_table_flags, ADAPTAU_E_ARGUMENT, "tables->flags"},
    {spoil_table_size, ADAPTAU_E_ABI, "tables->struct_size = 8"},
    {spoil_batch_size, ADAPTAU_E_ABI, "batch->struct_size = 0"},
    {spoil_batch_flags, ADAPTAU_E_ARGUMENT, "batch->flags"},
    {spoil_rows, ADAPTAU_E_SHAPE, "batch->n_rows = -1"},
    {spoil_kind, ADAPTAU_E_ARGUMENT, "batch->candidates = 7"},
    {spoil_candidates, ADAPTAU_E_ARGUMENT, "catalogue"},
    {spoil_user, ADAPTAU_E_INDEX, "batch->users[1] = 4, but n_users = 4"},
    {spoil_positive, ADAPTAU_E_INDEX, "batch->positives[0] = -1"},
    {spoil_order, ADAPTAU_E_INDEX, "not ascending"},
    {spoil_ptr, ADAPTAU_E_SHAPE, "batch->positive_ptr[2] = 0"},
    {spoil_weight, ADAPTAU_E_NUMERIC, "row_weights[0] = -1"},
    {spoil_log_q, ADAPTAU_E_NUMERIC, "log_q[3]"},
    {spoil_targets, ADAPTAU_E_ARGUMENT, "batch->user_targets is NULL"},
    {spoil_share, ADAPTAU_E_ARGUMENT, "target_shares[2] = 1.5"},
    {spoil_reserved, ADAPTAU_E_ARGUMENT, "batch->reserved = 3"},
    {spoil_tau, ADAPTAU_E_NUMERIC, "temperatures->tau = 0"},
    {spoil_tau_nan, ADAPTAU_E_NUMERIC, "temperatures->tau"},
    {spoil_row_tau, ADAPTAU_E_NUMERIC, "temperatures->candidates[1] = -1"},
    {spoil_item, ADAPTAU_E_NUMERIC, "items[7] is not finite"},
    {spoil_user_row, ADAPTAU_E_NUMERIC, "users[2] is not finite"},
    {spoil_gradient_stride, ADAPTAU_E_SHAPE, "item_gradient_stride = 1"},
    {spoil_output_size, ADAPTAU_E_ABI, "output->struct_size = 4"},
};

START_TEST(rejects_bad_input_and_leaves_outputs_alone)
{
    struct problem p = make_problem((struct problem){.n_users = 4,
                                                     .n_items = 30,
                                                     .dim = 6,
                                                     .n_rows = 4,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                     .tau = 0.1f});
    p.positives[0] = 1; /* row 0 has at least two positives, for the test of order                              */
    p.positives[1] = 2;
    p.positive_ptr[1] = p.positive_ptr[2] = p.positive_ptr[3] = p.positive_ptr[4] = 2;
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    struct answer    a = make_answer(&p);
    struct call      call = {tables_of(&p), batch_of(&p), temperatures_of(&p), {.struct_size = sizeof(adaptau_softmax_output)}};
    call.output.user_gradients = a.user_gradients;
    call.output.item_gradients = a.item_gradients;
    call.output.loss = 42.0;
    BAD[_i].spoil(&p, &call);
    adaptau_error  error = {0};
    adaptau_status status =
        adaptau_softmax(context, &call.tables, &call.batch, &call.temperatures, &call.output, &error);
    ck_assert_int_eq(status, BAD[_i].status);
    ck_assert_int_eq(error.status, status);
    ck_assert_msg(strstr(error.message, BAD[_i].message) != NULL, "\"%s\" is not in \"%s\"", BAD[_i].message,
                  error.message);
    ck_assert(call.output.loss == 42.0);
    for (int64_t e = 0; e < (int64_t)p.n_items * p.dim; e++)
        ck_assert(a.item_gradients[e] == 0.0f);
    free_answer(&a);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

START_TEST(rejects_null_arguments)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    ck_assert_int_eq(adaptau_softmax(NULL, NULL, NULL, NULL, NULL, NULL), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_softmax(context, NULL, NULL, NULL, NULL, NULL), ADAPTAU_E_ARGUMENT);
    adaptau_context_destroy(context);
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
    adaptau_softmax_output   output = {.struct_size = sizeof output};
    p.items[3] = NAN;
    ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &temperatures, &output, NULL), ADAPTAU_E_NUMERIC);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("softmax");
    TCase *truth = tcase_create("truth"), *bad = tcase_create("bad input");
    tcase_set_timeout(truth, 300);
    tcase_add_loop_test(truth, gradients_match_central_differences, 0, 24);
    tcase_add_loop_test(truth, options_match_central_differences, 0, 48);
    tcase_add_loop_test(truth, tiny_temperatures_use_a_running_maximum, 0, 3);
    tcase_add_loop_test(truth, unit_rows_get_tangent_gradients, 0, 3);
    tcase_add_loop_test(truth, soft_targets_match_central_differences, 0, 12);
    tcase_add_loop_test(truth, blocks_of_rows_add_up, 0, 4);
    tcase_add_loop_test(truth, large_catalogues_are_recomputed, 0, 2);
    tcase_add_loop_test(truth, results_do_not_depend_on_threads, 0, 6);
    tcase_add_test(truth, degenerate_rows_are_defined);
    tcase_add_loop_test(bad, rejects_bad_input_and_leaves_outputs_alone, 0, (int)(sizeof BAD / sizeof *BAD));
    tcase_add_test(bad, rejects_null_arguments);
    tcase_add_test(bad, broken_promise_of_unit_rows_is_noticed);
    suite_add_tcase(suite, truth);
    suite_add_tcase(suite, bad);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
