/* SPDX-License-Identifier: MIT */
/* shards.h, adam.h, and what hosts of shards need of other headers */
#include "misuse.h"
#include "../support/options.h"

#define MOMENTS (1 + DIM + DIM * DIM)

static struct {
    adaptau_context                *context;
    const adaptau_tables           *tables;
    const adaptau_batch            *batch;
    const adaptau_row_temperatures *temperatures;
    const adaptau_loss             *loss;
    const adaptau_reduce         *reduce;
    adaptau_loss_output         *output;
    adaptau_model                  *model;
    TABLES_MEMBERS;
    BATCH_MEMBERS;
    STRUCT(adaptau_row_temperatures, temperatures);
    STRUCT(adaptau_loss, loss);
    STRUCT(adaptau_reduce, reduce);
    STRUCT(adaptau_loss_output, output);
    float user_gradients[3 * DIM], item_gradients[ITEMS * DIM];

    int64_t  epoch, n, total, first, stride;
    uint32_t order_rows[6], *order;
    int32_t  side, init, dim, normalise;

    const adaptau_adam_options *options;
    const adaptau_adam_rows    *rows;
    STRUCT(adaptau_adam_options, options);
    STRUCT(adaptau_adam_rows, rows);
    const int32_t *ids_of_rows;
    const float   *gradients;
    int32_t        row_ids[2], steps[3];
    float          table[3 * DIM], first_moments[3 * DIM], second_moments[3 * DIM];
    float         *out_rows;

    const adaptau_dataset           *dataset;
    double                          *out, of_users[MOMENTS], of_items[MOMENTS];
    adaptau_temperature             *temperature;
    const adaptau_score_moments     *moments;
    const adaptau_temperature_state *state;
    const float                     *unit_losses;
    STRUCT(adaptau_score_moments, moments);
    STRUCT(adaptau_temperature_state, state);
    float losses[USERS];

    int32_t            k;
    const int32_t     *other_found;
    QUERY_MEMBERS;
    int32_t            best[USERS * 25], other_best[4];
    int32_t           *found, *items;
    float             *scores, best_scores[2 * K], other_best_scores[4];
    const float       *other_scores;
    adaptau_evaluator *evaluator;
} a;

#define EXCHANGE a.reduce_struct.known
#define ADAM a.options_struct.known
#define ROWS a.rows_struct.known
#define SUMS a.moments_struct.known
#define STATE a.state_struct.known

static int32_t leave_alone(void *user_data, const adaptau_reduce_piece *piece)
{
    (void)user_data;
    return piece->reserved;
}

static void release(void)
{
    if (desk.model)
        adaptau_model_set_reduce(desk.model, NULL, NULL);
}

/* ---- losses and models ------------------------------------------------------------------------------------------ */

static void prepare_loss_gradients_of_shard(void)
{
    PREPARE_TABLES;
    PREPARE_BATCH;
    a.temperatures_struct.known = (adaptau_row_temperatures){.struct_size = sizeof a.temperatures_struct.known, .tau = 0.2f};
    a.loss_struct.known = full_loss((adaptau_loss){0});
    a.output_struct.known = (adaptau_loss_output){.struct_size = sizeof a.output_struct.known,
                                                     .user_gradients = a.user_gradients,
                                                     .item_gradients = a.item_gradients};
    EXCHANGE = full_reduce((adaptau_reduce){.function = leave_alone});
    a.context = desk.context;
    a.tables = &a.tables_struct.known;
    a.temperatures = &a.temperatures_struct.known;
    a.loss = &a.loss_struct.known;
    a.reduce = &EXCHANGE;
    a.output = &a.output_struct.known;
}

static adaptau_status call_loss_gradients_of_shard(adaptau_error *error)
{
    return adaptau_loss_gradients_of_shard(a.context, a.tables, a.batch, a.temperatures, a.loss, a.reduce, a.output, error);
}

static const struct misuse loss_gradients_of_range[] = {
    IS_NULL(context),
    IS_NULL(temperatures),
    IS_NULL(output),
    BAD_TABLES,
    BAD_BATCH,
    BAD_STRUCT(temperatures),
    BAD_STRUCT(loss),
    BAD_STRUCT(output),
    BAD_STRUCT(reduce),
    {ADAPTAU_E_ARGUMENT, "reduce->function is NULL", {TO(EXCHANGE.function, NULL)}},
    {ADAPTAU_E_ARGUMENT, "reduce->item_pieces = -1 is outside 1 ... 1024", {TO(EXCHANGE.item_pieces, -1)}},
    {ADAPTAU_E_ARGUMENT, "reduce->item_pieces = 0, but must be at least 1; adaptau_reduce_init writes the defaults",
     {TO(EXCHANGE.item_pieces, 0)}},
    {ADAPTAU_E_ARGUMENT, "reduce->item_pieces = 1025 is outside 1 ... 1024", {TO(EXCHANGE.item_pieces, 1025)}},
    {ADAPTAU_E_ARGUMENT, "reduce->most_items = 7, but this range has 8", {TO(EXCHANGE.most_items, 7)}},
    {ADAPTAU_E_ARGUMENT, "reduce->most_items = -1, but this range has 8", {TO(EXCHANGE.most_items, -1)}},
    {ADAPTAU_E_ARGUMENT, "reduce->most_items = 2147483648 is above 2^31 - 1", {TO(EXCHANGE.most_items, INT64_C(1) << 31)}},
    {ADAPTAU_E_ARGUMENT, "reduce->most_items = 9223372036854775807 is above", {TO(EXCHANGE.most_items, INT64_MAX)}},
    {ADAPTAU_E_ARGUMENT, "BPR compares each candidate", {TO(a.loss_struct.known.kind, ADAPTAU_LOSS_BPR)}},
    {ADAPTAU_E_ARGUMENT, "PSL compares each candidate", {TO(a.loss_struct.known.kind, ADAPTAU_LOSS_PSL)}},
    {ADAPTAU_E_ARGUMENT, "SL@K weighs positives",
     {TO(a.loss_struct.known.kind, ADAPTAU_LOSS_SLATK), TO(a.loss_struct.known.top_k, 20), TO(a.loss_struct.known.weight_tau, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "BSL weighs positives",
     {TO(a.loss_struct.known.kind, ADAPTAU_LOSS_BSL), TO(a.loss_struct.known.negative_weight, 1.0),
      TO(a.loss_struct.known.positive_scale, 1.0)}},
    {ADAPTAU_E_ARGUMENT,
     "candidates of a row's own cannot be cut",
     {TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_PER_ROW)}},
    {ADAPTAU_E_ARGUMENT,
     "positives in the sum do not add up",
     {TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_SHARED)}},
};

static void prepare_model_set_reduce(void)
{
    EXCHANGE = full_reduce((adaptau_reduce){.function = leave_alone});
    a.model = desk.model;
    a.reduce = &EXCHANGE;
}

static adaptau_status call_model_set_reduce(adaptau_error *error)
{
    return adaptau_model_set_reduce(a.model, a.reduce, error);
}

static const struct misuse model_set_exchange[] = {
    IS_NULL(model),
    BAD_STRUCT(reduce),
    {ADAPTAU_E_ARGUMENT, "reduce->function is NULL", {TO(EXCHANGE.function, NULL)}},
    {ADAPTAU_E_ARGUMENT, "reduce->item_pieces = 0, but must be at least 1", {TO(EXCHANGE.item_pieces, 0)}},
    {ADAPTAU_E_UNSUPPORTED, "the encoder reads items of all ranges", {FROM(a.model, desk.graph)}},
};

/* ---- orders, starts and Adam ------------------------------------------------------------------------------------- */

static void prepare_epoch_order(void)
{
    a.n = 6;
    a.order = a.order_rows;
}

static adaptau_status call_epoch_order(adaptau_error *error)
{
    return adaptau_epoch_order(3, a.epoch, a.n, a.order, error);
}

static const struct misuse epoch_order[] = {
    IS_NULL(order),
    {ADAPTAU_E_ARGUMENT, "epoch = -1 is outside 0 ... 2^48 - 1", {TO(a.epoch, -1)}},
    {ADAPTAU_E_ARGUMENT, "n = -1 is outside 0 ... 2^32 - 1", {TO(a.n, -1)}},
    {ADAPTAU_E_ARGUMENT, "n = 4294967296 is outside 0 ... 2^32 - 1", {TO(a.n, INT64_C(1) << 32)}},
};

static void prepare_init_rows(void)
{
    a.context = desk.context;
    a.total = 10;
    a.first = 7;
    a.n = 3;
    a.dim = DIM;
    a.out_rows = a.table;
}

static adaptau_status call_init_rows(adaptau_error *error)
{
    float *rows = a.out_rows;
    return adaptau_init_rows(a.context, 3, a.side, a.init, a.total, a.first, a.n, a.dim, rows, a.stride, error);
}

static const struct misuse init_rows[] = {
    IS_NULL(context),
    {ADAPTAU_E_ARGUMENT, "rows is NULL", {TO(a.out_rows, NULL)}},
    {ADAPTAU_E_ARGUMENT, "side = 2 is unknown", {TO(a.side, 2)}},
    {ADAPTAU_E_ARGUMENT, "init = 2 does not go row by row", {TO(a.init, ADAPTAU_INIT_SPECTRAL)}},
    {ADAPTAU_E_ARGUMENT, "init = -1 does not go row by row", {TO(a.init, -1)}},
    {ADAPTAU_E_SHAPE, "rows 7 ... of 9, n = 3", {TO(a.total, 9)}},
    {ADAPTAU_E_SHAPE, "rows -1 ... of 10", {TO(a.first, -1)}},
    {ADAPTAU_E_SHAPE, "n = -1", {TO(a.n, -1)}},
    {ADAPTAU_E_SHAPE, "dim = 0", {TO(a.dim, 0)}},
    {ADAPTAU_E_SHAPE, "dim = 65537", {TO(a.dim, 65537)}},
    {ADAPTAU_E_SHAPE, "stride = 3", {TO(a.stride, 3)}},
    {ADAPTAU_E_SHAPE, "floats exceed the address space", {TO(a.stride, INT64_MAX)}},
};

static void prepare_adam(void)
{
    ADAM = full_adam_options((adaptau_adam_options){.learning_rate = 0.1});
    ROWS = (adaptau_adam_rows){.struct_size = sizeof ROWS,
                               .dim = DIM,
                               .n = 3,
                               .rows = a.table,
                               .first = a.first_moments,
                               .second = a.second_moments,
                               .steps = a.steps};
    a.row_ids[1] = 2;
    a.context = desk.context;
    a.options = &ADAM;
    a.rows = &ROWS;
    a.n = 2;
    a.ids_of_rows = a.row_ids;
    a.gradients = a.user_gradients;
}

static adaptau_status call_adam(adaptau_error *error)
{
    return adaptau_adam(a.context, a.options, a.n, a.ids_of_rows, a.gradients, a.stride, a.rows, error);
}

static const struct misuse adam[] = {
    IS_NULL(context),
    IS_NULL(options),
    IS_NULL(rows),
    IS_NULL(gradients),
    BAD_STRUCT(options),
    BAD_STRUCT(rows),
    {ADAPTAU_E_ARGUMENT, "options->flags = 0x8 has unknown bits", {TO(ADAM.flags, 8)}},
    {ADAPTAU_E_NUMERIC, "options->learning_rate = nan is not finite", {TO(ADAM.learning_rate, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->learning_rate = -1 is outside", {TO(ADAM.learning_rate, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->beta1 = -1 is outside", {TO(ADAM.beta1, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->epsilon = 0, but must be at least 1e-30; adaptau_adam_options_init writes the defaults",
     {TO(ADAM.epsilon, 0.0)}},
    {ADAPTAU_E_ARGUMENT, "options->epsilon = 1e-31 is outside 1e-30 ... 1e+06", {TO(ADAM.epsilon, 1e-31)}},
    {ADAPTAU_E_ARGUMENT, "options->beta1 = 1 is outside", {TO(ADAM.beta1, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->beta2 = 1 is outside", {TO(ADAM.beta2, 1.0)}},
    {ADAPTAU_E_NUMERIC, "options->epsilon = inf is not finite", {TO(ADAM.epsilon, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "options->weight_decay = -1 is outside", {TO(ADAM.weight_decay, -1.0)}},
    {ADAPTAU_E_SHAPE, "rows->dim = 0 is outside 1 ... 65536", {TO(ROWS.dim, 0)}},
    {ADAPTAU_E_SHAPE, "rows->n = -1 is negative", {TO(ROWS.n, -1)}},
    {ADAPTAU_E_SHAPE, "rows->stride = 3, but dim = 4", {TO(ROWS.stride, 3)}},
    {ADAPTAU_E_SHAPE, "floats exceed the address space", {TO(ROWS.n, INT64_C(1) << 61)}},
    {ADAPTAU_E_SHAPE, "floats exceed the address space", {TO(a.stride, INT64_C(1) << 61)}},
    {ADAPTAU_E_ARGUMENT, "rows->rows is NULL", {TO(ROWS.rows, NULL)}},
    {ADAPTAU_E_ARGUMENT, "rows->first is NULL", {TO(ROWS.first, NULL)}},
    {ADAPTAU_E_ARGUMENT, "rows->second is NULL", {TO(ROWS.second, NULL)}},
    {ADAPTAU_E_ARGUMENT, "rows->steps is NULL", {TO(ROWS.steps, NULL)}},
    {ADAPTAU_E_SHAPE, "n = -1, but rows->n = 3", {TO(a.n, -1)}},
    {ADAPTAU_E_SHAPE, "n = 4, but rows->n = 3", {TO(a.n, 4), TO(a.ids_of_rows, NULL)}},
    {ADAPTAU_E_SHAPE, "stride = 3, but dim = 4", {TO(a.stride, 3)}},
    {ADAPTAU_E_INDEX, "ids[1] = 3, but rows->n = 3", {TO(a.row_ids[1], 3)}},
    {ADAPTAU_E_INDEX, "ids[0] = -1, but rows->n = 3", {TO(a.row_ids[0], -1)}},
};

/* ---- moments and temperatures ------------------------------------------------------------------------------------ */

static void prepare_table_moments(void)
{
    a.context = desk.context;
    a.n = 3;
    a.dim = DIM;
    a.gradients = a.table;
    a.table[5] = 1.0f;
    a.normalise = 1;
    a.out = a.of_users;
}

static adaptau_status call_table_moments(adaptau_error *error)
{
    return adaptau_table_moments(a.context, a.n, a.dim, a.gradients, a.stride, a.normalise, a.out, error);
}

static const struct misuse table_moments[] = {
    IS_NULL(context),
    IS_NULL(out),
    {ADAPTAU_E_ARGUMENT, "rows is NULL", {TO(a.gradients, NULL)}},
    {ADAPTAU_E_SHAPE, "n = -1 is negative", {TO(a.n, -1)}},
    {ADAPTAU_E_SHAPE, "dim = 0 is outside 1 ... 65536", {TO(a.dim, 0)}},
    {ADAPTAU_E_SHAPE, "stride = 3, but dim = 4", {TO(a.stride, 3)}},
    {ADAPTAU_E_SHAPE, "floats exceed the address space", {TO(a.n, INT64_C(1) << 61)}},
    {ADAPTAU_E_ARGUMENT, "normalise = 2 is neither 0 nor 1", {TO(a.normalise, 2)}},
    {ADAPTAU_E_NUMERIC, "rows[1] is not finite", {TO(a.table[DIM], NAN)}},
};

static void prepare_interaction_moments(void)
{
    PREPARE_TABLES;
    a.context = desk.context;
    a.tables = &a.tables_struct.known;
    a.dataset = desk.data;
    a.out = a.of_users;
}

static adaptau_status call_interaction_moments(adaptau_error *error)
{
    return adaptau_interaction_moments(a.context, a.tables, a.dataset, a.out, error);
}

static const struct misuse pair_moments[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(out),
    BAD_TABLES,
    {ADAPTAU_E_SHAPE, "tables are 6 x 8, but the dataset is 5 x 7 (users x items)", {FROM(a.dataset, desk.smaller)}},
};

static void prepare_temperature_loss_sums(void)
{
    a.temperature = desk.temperature;
    a.out = a.of_users;
}

static adaptau_status call_temperature_loss_sums(adaptau_error *error)
{
    return adaptau_temperature_loss_sums(a.temperature, a.out, error);
}

static const struct misuse temperature_loss_sums[] = {IS_NULL(temperature), IS_NULL(out)};

static void prepare_temperature_update_from(void)
{
    a.of_users[0] = USERS;
    a.of_items[0] = ITEMS;
    SUMS = (adaptau_score_moments){
        .struct_size = sizeof SUMS, .dim = DIM, .users = a.of_users, .items = a.of_items, .interactions = {PAIRS, PAIRS, 1.0, 1.0}};
    a.temperature = desk.temperature;
    a.moments = &SUMS;
}

static adaptau_status call_temperature_update_from(adaptau_error *error)
{
    return adaptau_temperature_update_from(a.temperature, a.moments, error);
}

static const struct misuse temperature_update_from[] = {
    IS_NULL(temperature),
    IS_NULL(moments),
    BAD_STRUCT(moments),
    {ADAPTAU_E_ARGUMENT, "moments->dim = 0 is outside 1 ... 65536", {TO(SUMS.dim, 0)}},
    {ADAPTAU_E_ARGUMENT, "moments->users is NULL", {TO(SUMS.users, NULL)}},
    {ADAPTAU_E_ARGUMENT, "moments->items is NULL", {TO(SUMS.items, NULL)}},
    {ADAPTAU_E_NUMERIC, "moments are not finite", {TO(a.of_users[3], NAN)}},
    {ADAPTAU_E_NUMERIC, "moments are not finite", {TO(SUMS.interactions[1], INFINITY)}},
    {ADAPTAU_E_NUMERIC, "moments are not finite", {TO(SUMS.losses[1], NAN)}},
    {ADAPTAU_E_NUMERIC, "moments overflow", {TO(a.of_users[1], 1e300), TO(a.of_items[1], 1e300)}},
    {ADAPTAU_E_STATE, "there is nothing to measure", {TO(SUMS.interactions[0], 0.0)}},
    {ADAPTAU_E_STATE, "there is nothing to measure", {TO(a.of_items[0], 0.0)}},
    {ADAPTAU_E_ARGUMENT, "moments->users[0] = 1e+300 is no number of users", {TO(a.of_users[0], 1e300)}},
    {ADAPTAU_E_ARGUMENT, "moments->items[0] = 0.5 is no number of items", {TO(a.of_items[0], 0.5)}},
    {ADAPTAU_E_ARGUMENT, "moments->interactions[0] = 1e+19 is no number of interactions", {TO(SUMS.interactions[0], 1e19)}},
    {ADAPTAU_E_ARGUMENT, "moments->interactions[1] = 0 is no sum of weights", {TO(SUMS.interactions[1], 0.0)}},
    {ADAPTAU_E_ARGUMENT, "moments->losses[0] = 0, but of this range alone", {FROM(a.temperature, desk.personal)}},
};

static void prepare_temperature_set_state(void)
{
    STATE = (adaptau_temperature_state){.struct_size = sizeof STATE, .tau0 = 0.1, .n_updates = 2};
    a.temperature = desk.temperature;
    a.state = &STATE;
    a.unit_losses = a.losses;
}

static adaptau_status call_temperature_set_state(adaptau_error *error)
{
    return adaptau_temperature_set_state(a.temperature, a.state, a.unit_losses, error);
}

static const struct misuse temperature_set_state[] = {
    IS_NULL(temperature),
    IS_NULL(state),
    BAD_STRUCT(state),
    {ADAPTAU_E_ARGUMENT, "state->tau0 = 0, but a temperature is above 0", {TO(STATE.tau0, 0.0)}},
    {ADAPTAU_E_NUMERIC, "state->tau0 = inf is not finite", {TO(STATE.tau0, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "state->n_updates = -1 is negative", {TO(STATE.n_updates, -1)}},
    {ADAPTAU_E_NUMERIC, "unit_losses[2] is infinite", {TO(a.losses[2], INFINITY)}},
    {ADAPTAU_E_STATE, "a learned temperature remembers more", {FROM(a.temperature, desk.learned)}},
};

/* ---- ranking ------------------------------------------------------------------------------------------------------ */

static void prepare_rank(void)
{
    PREPARE_TABLES;
    PREPARE_QUERY;
    a.context = desk.context;
    a.tables = &a.tables_struct.known;
    a.found = a.best;
    a.scores = a.best_scores;
}

static adaptau_status call_rank(adaptau_error *error)
{
    return adaptau_rank(a.context, a.tables, a.query, a.found, a.scores, error);
}

static const struct misuse rank[] = {
    IS_NULL(context),
    BAD_TABLES,
    BAD_QUERY,
    {ADAPTAU_E_SHAPE, "query->seen is 5 x 7, but the tables are 6 x 8", {FROM(QUERY.seen, desk.smaller)}},
};

static void prepare_merge_top_k(void)
{
    a.context = desk.context;
    a.n = a.k = 2;
    a.found = a.best;
    a.scores = a.best_scores;
    a.other_found = a.other_best;
    a.other_scores = a.other_best_scores;
    a.other_best[0] = 1;
    a.other_best[2] = 1;
}

static adaptau_status call_merge_top_k(adaptau_error *error)
{
    return adaptau_merge_top_k(a.context, a.n, a.k, a.found, a.scores, a.other_found, a.other_scores, error);
}

static const struct misuse merge_top_k[] = {
    IS_NULL(context),
    IS_NULL(found),
    IS_NULL(scores),
    IS_NULL(other_found),
    IS_NULL(other_scores),
    {ADAPTAU_E_ARGUMENT, "n = -1, k = 2: at least 0 and 1", {TO(a.n, -1)}},
    {ADAPTAU_E_ARGUMENT, "n = 2, k = 0: at least 0 and 1", {TO(a.k, 0)}},
    {ADAPTAU_E_SHAPE, "n = 4611686018427387904 lists of k = 2 exceed", {TO(a.n, INT64_C(1) << 62)}},
};

static void prepare_evaluator_run_lists(void)
{
    a.evaluator = desk.evaluator;
    a.k = 25;
    a.items = a.best;
    for (int i = 0; i < USERS * 25; i++)
        a.best[i] = i % 25 < ITEMS ? i % 25 : -1;
}

static adaptau_status call_evaluator_run_lists(adaptau_error *error)
{
    return adaptau_evaluator_run_lists(a.evaluator, a.k, a.items, error);
}

static const struct misuse evaluator_run_lists[] = {
    IS_NULL(evaluator),
    IS_NULL(items),
    {ADAPTAU_E_SHAPE, "k = 0, but the last cutoff is", {TO(a.k, 0)}},
    {ADAPTAU_E_INDEX, "items[3] = 8, but n_items = 8", {TO(a.best[3], ITEMS)}},
    {ADAPTAU_E_INDEX, "items[0] = -2, but n_items = 8", {TO(a.best[0], -2)}},
    {ADAPTAU_E_INDEX, "item 3 is in the list at items[0] twice", {TO(a.best[5], 3)}},
};

static const struct subject subjects[] = {
    SUBJECT(loss_gradients_of_shard, loss_gradients_of_range),
    SUBJECT(model_set_reduce, model_set_exchange),
    SUBJECT(epoch_order, epoch_order),
    SUBJECT(init_rows, init_rows),
    SUBJECT(adam, adam),
    SUBJECT(table_moments, table_moments),
    SUBJECT(interaction_moments, pair_moments),
    SUBJECT(temperature_loss_sums, temperature_loss_sums),
    SUBJECT(temperature_update_from, temperature_update_from),
    SUBJECT(temperature_set_state, temperature_set_state),
    SUBJECT(rank, rank),
    SUBJECT(merge_top_k, merge_top_k),
    SUBJECT(evaluator_run_lists, evaluator_run_lists),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_merge_row_sums(void)
{
    adaptau_row_sums sums = {.sum = 1.0};
    adaptau_merge_row_sums(1, NULL, &sums);
    adaptau_merge_row_sums(1, &sums, NULL);
    adaptau_merge_row_sums(-1, &sums, &sums);
    ck_assert_double_eq(sums.sum, 1.0);
}

static void call_table_moments_merge(void)
{
    double moments[3] = {1.0, 2.0, 0.0};
    adaptau_table_moments_merge(1, NULL, moments);
    adaptau_table_moments_merge(1, moments, NULL);
    ck_assert_double_eq(moments[1], 2.0);
}

static void call_table_moments_size(void)
{
    ck_assert_int_eq(adaptau_table_moments_size(-1), 0);
    ck_assert_int_eq(adaptau_table_moments_size(ADAPTAU_MAX_DIM + 1), 0);
}

static void call_temperature_unit_losses(void)
{
    ck_assert_ptr_null(adaptau_temperature_unit_losses(NULL));
}

static const struct harmless harmless[] = {HARMLESS(merge_row_sums), HARMLESS(table_moments_merge),
                                           HARMLESS(table_moments_size), HARMLESS(temperature_unit_losses)};

MISUSE_FILE(shards);
