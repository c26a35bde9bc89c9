/* SPDX-License-Identifier: MIT */
/* Losses of the host's own tables, whole and over shards of items, and those that are refused. */
#include "parts.h"

#include <math.h>
#include <string.h>

#include "options.h"

/* ---- losses of the host's own tables -------------------------------------------------------------------------------------- */

#define OWN_ROWS 12
#define MOST_OWN 16 /* candidates                                                                             */

struct own {
    adaptau_tables           tables;
    adaptau_batch            batch;
    adaptau_row_temperatures temperatures;
    adaptau_loss             loss;
    float                    users[MOST_USERS * MOST_DIM], items[MOST_ITEMS * MOST_DIM];
    int32_t                  row_users[OWN_ROWS], positives[OWN_ROWS * MOST_ITEMS], ids[OWN_ROWS * MOST_OWN];
    int64_t                  ptr[OWN_ROWS + 1];
    float                    log_q[OWN_ROWS * MOST_OWN + MOST_ITEMS], row_weights[OWN_ROWS], weights[OWN_ROWS * MOST_ITEMS];
    int64_t                  negative_ptr[OWN_ROWS + 1];
    int32_t                  negatives[OWN_ROWS * MOST_ITEMS];
    float                    negative_weights[OWN_ROWS * MOST_ITEMS];
    float                    shares[OWN_ROWS], targets[OWN_ROWS * MOST_DIM], taus[OWN_ROWS], tau_positives[OWN_ROWS];
    bool                     personal, split;
};

struct own_answer {
    adaptau_loss_output output;
    double              row_loss[OWN_ROWS], row_log_sum[OWN_ROWS];
    float               row_unit_loss[OWN_ROWS], slope[OWN_ROWS], users[OWN_ROWS * MOST_DIM], items[MOST_ITEMS * MOST_DIM];
    int32_t             touched[MOST_ITEMS];
};

static struct own        own;
static struct own_answer own_answers[2];

static void draw_rows(struct program *p, struct stream *s, int32_t n, int32_t dim, float *out)
{
    static const double lengths[] = {1.0, 1e-3, 30.0, 0.0};
    const double        odd = choose_number(p, 4, lengths); /* of every third row                                 */
    for (int32_t r = 0; r < n; r++)
        for (int32_t k = 0; k < dim; k++)
            out[r * dim + k] = (float)(draw_number(s) * (r % 3 == 2 ? odd : 1.0));
}

/* Logged negatives of every third batch over the catalogue. The stream is a copy, so that what follows them does not change. */
static void draw_negatives(struct stream s)
{
    if (own.batch.candidates != ADAPTAU_CANDIDATES_CATALOGUE || draw_below(&s, 3) != 0)
        return;
    for (int32_t r = 0; r < own.batch.n_rows; r++) {
        own.negative_ptr[r + 1] = own.negative_ptr[r];
        for (int32_t i = 0; i < own.tables.n_items; i++)
            if (draw_below(&s, 5) == 0) {
                own.negative_weights[own.negative_ptr[r + 1]] = draw_below(&s, 6) > 0 ? (float)exp(4.0 * draw_number(&s)) : 0.0f;
                own.negatives[own.negative_ptr[r + 1]++] = i;
            }
    }
    own.batch.negative_ptr = own.negative_ptr;
    own.batch.negatives = own.negatives;
    own.batch.negative_weights = draw_below(&s, 2) ? own.negative_weights : NULL;
}

static void draw_batch(struct program *p, struct stream *s)
{
    const int32_t m = own.tables.n_items, with = choose(p, 32), kind = choose(p, 3), flags = choose(p, 2);
    own.batch =
        (adaptau_batch){.struct_size = sizeof own.batch, .n_rows = choose(p, OWN_ROWS + 1), .candidates = kind, .flags = (uint32_t)flags};
    for (int32_t r = 0; r < own.batch.n_rows; r++) {
        own.row_users[r] = draw_below(s, own.tables.n_users);
        own.row_weights[r] = (float)fabs(draw_number(s)) * (draw_below(s, 5) > 0 ? 1.0f : 0.0f);
        own.ptr[r + 1] = own.ptr[r];
        for (int32_t i = 0; i < m; i++)
            if (draw_below(s, 4) == 0) {
                own.weights[own.ptr[r + 1]] = (float)exp(3.0 * draw_number(s));
                own.positives[own.ptr[r + 1]++] = i;
            }
        own.shares[r] = (float)fabs(draw_number(s));
        for (int32_t k = 0; k < own.tables.dim; k++)
            own.targets[r * own.tables.dim + k] = (float)draw_number(s) * 0.3f;
    }
    own.batch.users = own.row_users;
    own.batch.positive_ptr = own.ptr;
    own.batch.positives = own.positives;
    if (kind != ADAPTAU_CANDIDATES_CATALOGUE) {
        own.batch.n_candidates = choose(p, MOST_OWN + 1);
        own.batch.candidate_ids = own.ids;
    }
    for (int32_t c = 0; c < OWN_ROWS * MOST_OWN; c++)
        own.ids[c] = draw_below(s, m);
    for (int32_t c = 0; c < OWN_ROWS * MOST_OWN + MOST_ITEMS; c++)
        own.log_q[c] = (float)(draw_number(s) * 3.0);
    own.batch.row_weights = with & 1 ? own.row_weights : NULL;
    own.batch.positive_weights = with & 2 ? own.weights : NULL;
    if (!loss_is_of_family(own.loss.kind))
        return;
    draw_negatives(*s);
    own.batch.log_q = with & 4 ? own.log_q : NULL;
    own.batch.target_shares = with & 8 ? own.shares : NULL;
    own.batch.user_targets = with & 8 ? own.targets : NULL;
    own.split = with & 16;
}

static void draw_own(struct program *p, bool adds_up)
{
    static const double  taus[] = {0.1, 0.03, 1.0, 10.0, 0.01};
    static const int32_t single[] = {ADAPTAU_LOSS_SOFTMAX, ADAPTAU_LOSS_BCE, ADAPTAU_LOSS_MSE, ADAPTAU_LOSS_CCL};
    memset(&own, 0, sizeof own);
    struct stream s = choose_stream(p);
    own.tables = (adaptau_tables){.struct_size = sizeof own.tables, .flags = (uint32_t)choose(p, 4)};
    own.tables.n_users = 1 + choose(p, MOST_USERS);
    own.tables.n_items = 1 + choose(p, MOST_ITEMS);
    own.tables.dim = 1 + choose(p, MOST_DIM);
    draw_rows(p, &s, own.tables.n_users, own.tables.dim, own.users);
    draw_rows(p, &s, own.tables.n_items, own.tables.dim, own.items);
    own.tables.users = own.users;
    own.tables.items = own.items;
    own.loss = choose_loss(p, adds_up ? single[choose(p, 4)] : choose(p, 8));
    draw_batch(p, &s);
    own.temperatures = (adaptau_row_temperatures){.struct_size = sizeof own.temperatures, .tau = (float)choose_number(p, 5, taus)};
    own.personal = choose_whether(p);
    for (int32_t r = 0; r < OWN_ROWS; r++) {
        own.taus[r] = own.temperatures.tau * (own.personal ? (float)exp(draw_number(&s)) : 1.0f);
        own.tau_positives[r] = own.temperatures.tau * (float)exp(draw_number(&s));
    }
    own.temperatures.candidates = own.personal ? own.taus : NULL;
    own.temperatures.positives = own.split ? own.tau_positives : NULL;
}

static adaptau_loss_output output_of(struct own_answer *a)
{
    const bool family = loss_is_of_family(own.loss.kind);
    return (adaptau_loss_output){.struct_size = sizeof(adaptau_loss_output),
                                 .row_loss = a->row_loss,
                                 .row_log_sum = family ? a->row_log_sum : NULL,
                                 .row_unit_loss = family ? a->row_unit_loss : NULL,
                                 .row_d_inverse_tau = loss_has_tau(own.loss.kind) ? a->slope : NULL,
                                 .user_gradients = a->users,
                                 .item_gradients = a->items,
                                 .touched_items = own.batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : a->touched};
}

static adaptau_status find_own(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    struct own_answer *a = &own_answers[side->index];
    memset(a, 0, sizeof *a);
    a->output = output_of(a);
    return adaptau_loss_gradients(side->context, &own.tables, &own.batch, &own.temperatures, &own.loss, &a->output, error);
}

static void define_own(void)
{
    truth_of_tables(&own.tables, own.tables.flags, &tables_truth);
    truth_of_loss(&(struct truth_question){.tables = &tables_truth, .batch = &own.batch, .loss = &own.loss, .taus = own.taus,
                                           .tau_positives = own.split ? own.tau_positives : NULL},
                  &loss_truth);
}

static void check_own(const struct own_answer *a)
{
    const double slack = loss_truth.slack;
    const int32_t dim = own.tables.dim;
    must_near(a->output.loss, loss_truth.loss, slack * (loss_truth.loss_size + 1e-3), "the loss");
    for (int32_t r = 0; r < own.batch.n_rows; r++) {
        must_near(a->row_loss[r], loss_truth.row_loss[r], slack * (loss_truth.row_size[r] + 1e-3), "the loss of a row");
        if (loss_is_of_family(own.loss.kind) && isfinite(loss_truth.row_log_sum[r])) {
            must_near(a->row_log_sum[r], loss_truth.row_log_sum[r], slack * (1.0 + fabs(loss_truth.row_log_sum[r])), "a log sum");
            must_near((double)a->row_unit_loss[r], loss_truth.row_unit_loss[r],
                      slack * (1.0 + tables_truth.largest + fabs(loss_truth.row_unit_loss[r])), "a loss at temperature 1");
        }
        if (loss_has_tau(own.loss.kind))
            must_near((double)a->slope[r], loss_truth.row_slope[r], slack * (loss_truth.row_slope_size[r] + 1e-3), "a slope");
        for (int32_t k = 0; k < dim; k++)
            must_near((double)a->users[r * dim + k], loss_truth.row_gradients[r][k], slack * (loss_truth.row_gradient_size[r] + 1e-6),
                      "a row's gradient");
    }
    for (int32_t i = 0; i < own.tables.n_items; i++)
        for (int32_t k = 0; k < dim && loss_truth.touched[i]; k++)
            must_near((double)a->items[i * dim + k], loss_truth.item_gradients[i][k], slack * (loss_truth.item_size[i] + 1e-6),
                      "an item's gradient");
}

void own_loss(struct world *w)
{
    draw_own(&w->program, false);
    const adaptau_status status = call_both(w, find_own, NULL);
    const struct own_answer *a = &own_answers[0], *b = &own_answers[1];
    define_own();
    must(status == ADAPTAU_OK || !loss_truth.comparable, "a valid loss is found");
    if (status != ADAPTAU_OK)
        return;
    must(memcmp(a->row_loss, b->row_loss, sizeof *a - offsetof(struct own_answer, row_loss)) == 0, "threads do not change a loss");
    if (loss_truth.comparable)
        check_own(a);
}

/* ---- losses over shards of items ------------------------------------------------------------------------------------------- */

#define MOST_SHARDS 3

struct shards {
    int32_t          n, starts[MOST_SHARDS + 1], round;
    adaptau_row_sums sums[MOST_SHARDS][OWN_ROWS], all[OWN_ROWS];
    int32_t          now;
    struct own_answer answers[MOST_SHARDS];
};

/* In the first round each shard's sums are kept, in the second those of all are given: a shard's own do not depend on others'. */
static int32_t exchange(void *user_data, const adaptau_reduce_piece *piece)
{
    struct shards *x = user_data;
    for (int64_t r = 0; r < piece->n && piece->what == ADAPTAU_REDUCE_SUMS; r++)
        if (x->round == 0)
            x->sums[x->now][piece->first + r] = piece->sums[r];
        else
            piece->sums[r] = x->all[piece->first + r];
    return 0;
}

/* What a machine with the items [first, end) alone would ask. */
static adaptau_status ask_shard(struct side *side, struct shards *x, int32_t first, int32_t end, adaptau_error *error)
{
    struct own_answer   *a = &x->answers[x->now];
    int64_t              ptr[OWN_ROWS + 1] = {0};
    int32_t              positives[OWN_ROWS * MOST_ITEMS], ids[MOST_OWN];
    float                weights[OWN_ROWS * MOST_ITEMS], log_q[MOST_OWN + MOST_ITEMS];
    int64_t              negative_ptr[OWN_ROWS + 1] = {0};
    int32_t              negatives[OWN_ROWS * MOST_ITEMS];
    float                negative_weights[OWN_ROWS * MOST_ITEMS];
    adaptau_tables       tables = own.tables;
    adaptau_batch        batch = own.batch;
    adaptau_reduce       reduce = {.struct_size = sizeof reduce};
    if (adaptau_reduce_init(&reduce, error) != ADAPTAU_OK)
        return ADAPTAU_E_ABI;
    reduce.item_pieces = 2;
    reduce.most_items = MOST_ITEMS;
    reduce.function = exchange;
    reduce.user_data = x;
    tables.n_items = end - first;
    tables.items += (int64_t)first * tables.dim;
    for (int32_t r = 0; r < batch.n_rows; r++) {
        ptr[r + 1] = ptr[r];
        for (int64_t p = own.ptr[r]; p < own.ptr[r + 1]; p++)
            if (own.positives[p] >= first && own.positives[p] < end) {
                weights[ptr[r + 1]] = own.weights[p];
                positives[ptr[r + 1]++] = own.positives[p] - first;
            }
    }
    for (int32_t r = 0; r < batch.n_rows; r++) {
        negative_ptr[r + 1] = negative_ptr[r];
        for (int64_t k = own.negative_ptr[r]; k < own.negative_ptr[r + 1]; k++)
            if (own.negatives[k] >= first && own.negatives[k] < end) {
                negative_weights[negative_ptr[r + 1]] = own.negative_weights[k];
                negatives[negative_ptr[r + 1]++] = own.negatives[k] - first;
            }
    }
    batch.negative_ptr = batch.negative_ptr ? negative_ptr : NULL;
    batch.negatives = batch.negatives ? negatives : NULL;
    batch.negative_weights = batch.negative_weights ? negative_weights : NULL;
    batch.n_candidates = 0;
    for (int64_t c = 0; c < own.batch.n_candidates; c++)
        if (own.ids[c] >= first && own.ids[c] < end) {
            log_q[batch.n_candidates] = own.log_q[c];
            ids[batch.n_candidates++] = own.ids[c] - first;
        }
    if (batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE)
        memcpy(log_q, own.log_q + first, (size_t)(end - first) * sizeof *log_q);
    batch.positive_ptr = ptr;
    batch.positives = positives;
    batch.positive_weights = batch.positive_weights ? weights : NULL;
    batch.log_q = batch.log_q ? log_q : NULL;
    batch.candidate_ids = batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : ids;
    memset(a, 0, sizeof *a);
    a->output = output_of(a);
    return adaptau_loss_gradients_of_shard(side->context, &tables, &batch, &own.temperatures, &own.loss, &reduce, &a->output, error);
}

static adaptau_status find_shards(struct side *side, void *arguments, adaptau_error *error)
{
    struct shards *x = arguments;
    adaptau_status status = ADAPTAU_OK;
    for (x->round = 0; x->round < 2 && status == ADAPTAU_OK; x->round++) {
        for (x->now = 0; x->now < x->n && status == ADAPTAU_OK; x->now++)
            status = ask_shard(side, x, x->starts[x->now], x->starts[x->now + 1], error);
        memcpy(x->all, x->sums[0], sizeof x->all);
        for (int32_t k = 1; k < x->n; k++)
            adaptau_merge_row_sums(own.batch.n_rows, x->all, x->sums[k]);
    }
    return status;
}

static void check_shards(const struct shards *x)
{
    const double  slack = loss_truth.slack;
    const int32_t dim = own.tables.dim;
    for (int32_t r = 0; r < own.batch.n_rows; r++) {
        must_near(x->answers[0].row_loss[r], loss_truth.row_loss[r], slack * (loss_truth.row_size[r] + 1e-3),
                  "the loss of a row over shards");
        for (int32_t k = 0; k < dim; k++) {
            double sum = 0.0;
            for (int32_t n = 0; n < x->n; n++)
                sum += (double)x->answers[n].users[r * dim + k];
            must_near(sum, loss_truth.row_gradients[r][k], slack * (loss_truth.row_gradient_size[r] + 1e-6) * x->n,
                      "a row's gradient over shards");
        }
    }
    for (int32_t n = 0; n < x->n; n++)
        for (int32_t i = x->starts[n]; i < x->starts[n + 1]; i++)
            for (int32_t k = 0; k < dim && loss_truth.touched[i]; k++)
                must_near((double)x->answers[n].items[(i - x->starts[n]) * dim + k], loss_truth.item_gradients[i][k],
                          slack * (loss_truth.item_size[i] + 1e-6), "an item's gradient in its shard");
}

void shard_loss(struct world *w)
{
    static struct shards x;
    draw_own(&w->program, true);
    own.batch.target_shares = own.batch.user_targets = NULL;
    own.batch.candidates = own.batch.candidates == ADAPTAU_CANDIDATES_PER_ROW ? ADAPTAU_CANDIDATES_SHARED : own.batch.candidates;
    if (own.batch.candidates == ADAPTAU_CANDIDATES_SHARED)
        own.batch.flags |= ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM;
    memset(&x, 0, sizeof x);
    x.n = 1 + choose(&w->program, MOST_SHARDS);
    for (int32_t k = 1; k < x.n; k++)
        x.starts[k] = x.starts[k - 1] + choose(&w->program, own.tables.n_items - x.starts[k - 1] + 1);
    x.starts[x.n] = own.tables.n_items;
    define_own();
    const adaptau_status status = call_both(w, find_shards, &x);
    must(status == ADAPTAU_OK || !loss_truth.comparable, "a loss over shards is found");
    if (status == ADAPTAU_OK && loss_truth.comparable)
        check_shards(&x);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------------ */

static adaptau_status expect_untouched(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    struct own_answer *a = &own_answers[side->index];
    memset(a, 0x5A, sizeof *a);
    a->output = output_of(a);
    adaptau_status status = adaptau_loss_gradients(side->context, &own.tables, &own.batch, &own.temperatures, &own.loss, &a->output, error);
    for (const unsigned char *at = (const unsigned char *)a->row_loss; at < (const unsigned char *)(a + 1) && status != ADAPTAU_OK; at++)
        must(*at == 0x5A, "a loss that is refused writes nothing");
    return status;
}

void bad_loss(struct world *w)
{
    draw_own(&w->program, false);
    const bool any = own.batch.n_rows > 0, positives = any && own.ptr[own.batch.n_rows] > 0;
    const int32_t fault = choose(&w->program, 6);
    switch (fault) {
    case 0: own.users[(int64_t)own.row_users[0] * own.tables.dim] = NAN; break;
    case 1: own.row_users[0] = own.tables.n_users; break;
    case 2: own.positives[0] = own.tables.n_items; break;
    case 3: own.temperatures.tau = 0.0f; break;
    case 4: own.row_weights[0] = -1.0f; break;
    default: own.ptr[0] = 1; break;
    }
    if (!any || (fault == 2 && !positives) || (fault == 3 && own.personal && own.split) || (fault == 4 && !own.batch.row_weights))
        return;
    if (fault == 3)
        own.temperatures.candidates = NULL;
    if (call_both(w, expect_untouched, NULL) == ADAPTAU_OK)
        must(false, "a bad loss is refused");
}
