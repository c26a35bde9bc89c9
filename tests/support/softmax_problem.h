/* SPDX-License-Identifier: MIT */
/* Random problems for adaptau_softmax, as its arguments, and arrays for its answer. */
#ifndef TEST_SOFTMAX_PROBLEM_H
#define TEST_SOFTMAX_PROBLEM_H

#include <adaptau/kernels.h>

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct problem {
    int32_t  n_users, n_items, dim, n_rows, kind;
    uint32_t table_flags, batch_flags;
    int64_t  n_candidates;
    bool     weights, interaction_weights, log_q, personal, split, targets, negatives; /* weights: of rows */
    float    tau;

    float   *users, *items; /* tables                                                                        */
    int32_t *row_users, *positives, *candidates;
    int64_t *positive_ptr;
    float   *log_q_values, *row_weights, *positive_weights, *tau_candidates, *tau_positives;
    float   *target_shares, *target_mixtures, *user_targets, *item_targets; /* mixtures: [R x m] q            */
    int64_t  n_log_q;
    int64_t *negative_ptr;
    int32_t *negative_items;
    float   *negative_weights;
};

static uint64_t seed_state = 88172645463325252u;

static inline double uniform(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return (double)(seed_state >> 11) * 0x1p-53;
}

static inline void *allocate(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    ck_assert_ptr_nonnull(block);
    return block;
}

static inline float *random_rows(int64_t n, double scale)
{
    float *rows = allocate((size_t)n, sizeof(float));
    for (int64_t i = 0; i < n; i++)
        rows[i] = (float)(scale * (2.0 * uniform() - 1.0));
    return rows;
}

static inline void fill_positives(struct problem *p)
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

/* Logged negatives, positives of their rows among them; row 2 has none. Weights from 0 on. */
static inline void fill_negatives(struct problem *p)
{
    static const float weights[] = {1.0f, 0.25f, 7.5f, 0.0f, 1.0f, 40.0f};
    p->negative_ptr = allocate((size_t)p->n_rows + 1, sizeof(int64_t));
    p->negative_items = allocate((size_t)p->n_rows * (size_t)p->n_items, sizeof(int32_t));
    p->negative_weights = allocate((size_t)p->n_rows * (size_t)p->n_items, sizeof(float));
    for (int32_t r = 0; r < p->n_rows; r++) {
        int64_t n = p->negative_ptr[r];
        for (int32_t i = 0; i < p->n_items && r != 2; i++)
            if (uniform() < 6.0 / p->n_items || i == (r * 37) % p->n_items || i == p->n_items - 1 - r % p->n_items) {
                p->negative_weights[n] = weights[n % 6];
                p->negative_items[n++] = i;
            }
        p->negative_ptr[r + 1] = n;
    }
}

/* How often an item stands in the sum of a row's catalogue. */
static inline double copies_of(const struct problem *p, int32_t row, int32_t item)
{
    int64_t low = p->negatives ? p->negative_ptr[row] : 0, end = p->negatives ? p->negative_ptr[row + 1] : 0;
    for (int64_t high = end; low < high;) {
        const int64_t middle = low + (high - low) / 2;
        if (p->negative_items[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && p->negative_items[low] == item ? 1.0 + (double)p->negative_weights[low] : 1.0;
}

/* Of a positive, as many times as it counts. */
static inline double weight_of(const struct problem *p, int64_t positive)
{
    return p->interaction_weights ? (double)p->positive_weights[positive] : 1.0;
}

/* Of all positives of a row. */
static inline double weigh_row(const struct problem *p, int32_t row)
{
    double weight = 0.0;
    for (int64_t i = p->positive_ptr[row]; i < p->positive_ptr[row + 1]; i++)
        weight += weight_of(p, i);
    return weight;
}

static inline void fill_candidates(struct problem *p)
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

static inline double length_of(const float *row, int32_t dim)
{
    double squares = 0.0;
    for (int32_t k = 0; k < dim; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

/* Random mixtures of items, and the two tables that the caller of soft targets sums up. */
static inline void fill_targets(struct problem *p)
{
    p->target_shares = random_rows(p->n_rows, 0.4);
    p->target_mixtures = random_rows((int64_t)p->n_rows * p->n_items, 1.0);
    p->user_targets = allocate((size_t)p->n_rows * (size_t)p->dim, sizeof(float));
    p->item_targets = allocate((size_t)p->n_items * (size_t)p->dim, sizeof(float));
    for (int32_t r = 0; r < p->n_rows; r++) {
        const float *user = p->users + (int64_t)p->row_users[r] * p->dim;
        double       tau = p->split ? (double)p->tau_positives[r] : p->personal ? (double)p->tau_candidates[r] : (double)p->tau;
        double       factor = (p->weights ? (double)p->row_weights[r] : 1.0) *
                        weigh_row(p, r) / tau;
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

static inline struct problem make_problem(struct problem p)
{
    p.users = random_rows((int64_t)p.n_users * p.dim, 1.0);
    p.items = random_rows((int64_t)p.n_items * p.dim, 1.0);
    if (p.table_flags & ADAPTAU_UNIT_ROWS)
        for (int side = 0; side < 2; side++)
            for (int32_t r = 0; r < (side ? p.n_items : p.n_users); r++) {
                float *row = (side ? p.items : p.users) + (int64_t)r * p.dim;
                double length = length_of(row, p.dim);
                for (int32_t k = 0; k < p.dim; k++)
                    row[k] = (float)(row[k] / length);
            }
    p.row_users = allocate((size_t)p.n_rows, sizeof(int32_t));
    for (int32_t r = 0; r < p.n_rows; r++)
        p.row_users[r] = (r * 5 + 2) % p.n_users;
    fill_positives(&p);
    p.positive_weights = allocate((size_t)p.n_rows * (size_t)p.n_items, sizeof(float));
    for (int64_t i = 0; i < (int64_t)p.n_rows * p.n_items; i++)
        p.positive_weights[i] = 0.3f + 0.35f * (float)(i * 7 % 11);
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
    if (p.negatives)
        fill_negatives(&p);
    return p;
}

static inline void free_problem(struct problem *p)
{
    free(p->negative_ptr);
    free(p->negative_items);
    free(p->negative_weights);
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
    free(p->positive_weights);
    free(p->tau_candidates);
    free(p->tau_positives);
}

struct answer {
    double  *row_loss, *row_log_sum;
    float   *unit_loss, *d_inverse_tau, *user_gradients, *item_gradients;
    int32_t *touched;
    double   loss;
    int64_t  n_touched;
};

static inline struct answer make_answer(const struct problem *p)
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

static inline void free_answer(struct answer *a)
{
    free(a->row_loss);
    free(a->row_log_sum);
    free(a->unit_loss);
    free(a->d_inverse_tau);
    free(a->user_gradients);
    free(a->item_gradients);
    free(a->touched);
}

static inline adaptau_batch batch_of(const struct problem *p)
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
        .positive_weights = p->interaction_weights ? p->positive_weights : NULL,
        .negative_ptr = p->negatives ? p->negative_ptr : NULL,
        .negatives = p->negatives ? p->negative_items : NULL,
        .negative_weights = p->negatives ? p->negative_weights : NULL,
        .target_shares = p->targets ? p->target_shares : NULL,
        .user_targets = p->targets ? p->user_targets : NULL,
        .item_targets = p->targets ? p->item_targets : NULL,
        .item_target_scale = 1.0f,
    };
}

static inline adaptau_tables tables_of(const struct problem *p)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .flags = p->table_flags,
                            .n_users = p->n_users,
                            .n_items = p->n_items,
                            .dim = p->dim,
                            .users = p->users,
                            .items = p->items};
}

static inline adaptau_row_temperatures temperatures_of(const struct problem *p)
{
    return (adaptau_row_temperatures){.struct_size = sizeof(adaptau_row_temperatures),
                                      .tau = p->tau,
                                      .candidates = p->personal ? p->tau_candidates : NULL,
                                      .positives = p->split ? p->tau_positives : NULL};
}

#endif
