/* SPDX-License-Identifier: MIT */
#include <adaptau/experimental.h>

#include "life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../support/options.h"
#include "../support/ranking.h"

#define DIM 6
#define K 5

/* ---- ways ------------------------------------------------------------------------------------------------------- */

#define SHARED .sampler = {.kind = ADAPTAU_SAMPLER_SHARED_POPULARITY, .flags = ADAPTAU_SAMPLER_LOG_Q, .n_candidates = 16}
#define CONTRAST(...) .contrast = {.struct_size = sizeof(adaptau_contrast_options), __VA_ARGS__}

const struct way ways[] = {
    {.name = "mf, catalogue, soft targets",
     .model = {.init = ADAPTAU_INIT_SPECTRAL},
     .temperature = {.tau0_policy = ADAPTAU_TAU0_EXACT, .exact_sample = 16, .warmup_updates = 1},
     .soft_targets = 2.0,
     .fold = {.target_strength = 2.0}},
    {.name = "mf, catalogue by popularity, positives outside, each user's tau",
     .model = {.flags = ADAPTAU_MODEL_FREE_LENGTH | ADAPTAU_MODEL_ROW_SECOND_MOMENT, .weight_decay = 1e-3},
     .sampler = {.flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM, .popularity_exponent = 0.6, .row_weight_exponent = 0.5},
     .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS, .threshold_quantile = 0.5, .degree_quantile = 0.2},
     .fold = {.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS, .popularity_exponent = 0.6}},
    {.name = "mf, shared by popularity, a learned tau",
     SHARED,
     .temperature = {.tau0_policy = ADAPTAU_TAU0_LEARNED}},
    {.name = "mf, shared uniform, BCE", .sampler = {.kind = ADAPTAU_SAMPLER_SHARED_UNIFORM, .n_candidates = 16},
     .loss = {.kind = ADAPTAU_LOSS_BCE}},
    {.name = "mf, in-batch, each user's tau learned",
     .sampler = {.kind = ADAPTAU_SAMPLER_IN_BATCH, .flags = ADAPTAU_SAMPLER_LOG_Q},
     .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_LEARNED}},
    {.name = "mf, per row, released",
     .model = {.flags = ADAPTAU_MODEL_RAW_USERS},
     .sampler = {.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM, .flags = ADAPTAU_SAMPLER_REJECT_POSITIVES, .n_candidates = 8},
     .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_RELEASED}},
    {.name = "mf, catalogue, SL@K", .loss = {.kind = ADAPTAU_LOSS_SLATK, .top_k = 3}},
    {.name = "mf, per row, PSL",
     .sampler = {.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM, .n_candidates = 8},
     .loss = {.kind = ADAPTAU_LOSS_PSL}},
    {.name = "mf, catalogue, BPR", .model = {.init = ADAPTAU_INIT_XAVIER}, .loss = {.kind = ADAPTAU_LOSS_BPR}},
    {.name = "lightgcn, catalogue, dropout, SGL",
     .model = {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .edge_dropout = 0.2, .layer_dropout = 0.1},
     CONTRAST(.kind = ADAPTAU_CONTRAST_SGL)},
    {.name = "lightgcn, shared, a learned tau, SimGCL",
     .model = {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .n_layers = 2, .edge_dropout = 0.2},
     SHARED,
     .temperature = {.tau0_policy = ADAPTAU_TAU0_LEARNED},
     CONTRAST(.kind = ADAPTAU_CONTRAST_SIMGCL, .flags = ADAPTAU_CONTRAST_ALL_NODES)},
    {.name = "lightgcn, per row, NCL",
     .model = {.encoder = ADAPTAU_ENCODER_LIGHTGCN},
     .sampler = {.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM, .n_candidates = 8},
     CONTRAST(.kind = ADAPTAU_CONTRAST_NCL, .prototype_weight = 0.1)},
    {.name = "lightgcn, in-batch", .model = {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .n_layers = 1, .edge_dropout = 0.3},
     .sampler = {.kind = ADAPTAU_SAMPLER_IN_BATCH}},
    {.name = "simplex, catalogue, CCL", .model = {.encoder = ADAPTAU_ENCODER_SIMPLEX}, .loss = {.kind = ADAPTAU_LOSS_CCL}},
    {.name = "simplex, shared, soft targets", .model = {.encoder = ADAPTAU_ENCODER_SIMPLEX, .gate = 0.3}, SHARED,
     .soft_targets = 1.0},
    {.name = "simplex, in-batch", .model = {.encoder = ADAPTAU_ENCODER_SIMPLEX},
     .sampler = {.kind = ADAPTAU_SAMPLER_IN_BATCH}},
    {.name = "simplex, per row, MSE",
     .model = {.encoder = ADAPTAU_ENCODER_SIMPLEX, .flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT},
     .sampler = {.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM, .n_candidates = 8},
     .loss = {.kind = ADAPTAU_LOSS_MSE}},
};
const int n_ways = sizeof ways / sizeof *ways;

/* ---- a life's state --------------------------------------------------------------------------------------------- */

#define MOST_USERS 4096

struct state {
    struct life                *life;
    adaptau_context            *context;
    const adaptau_dataset      *data;
    adaptau_dataset            *own_data, *held_out, *larger;
    adaptau_sampler            *sampler;
    adaptau_temperature        *temperature;
    adaptau_model              *model, *loaded, *resumed, *grown;
    adaptau_temperature        *resumed_temperature, *grown_temperature;
    adaptau_evaluator          *evaluator;
    adaptau_fold_in               *fold;
    adaptau_error               error;
    adaptau_batch               batch;
    adaptau_tables              tables;
    int32_t                     n_users, n_items;
    adaptau_row_map             map;
    int32_t                     from[MOST_USERS];
    int64_t                     epoch;
    float                       new_rows[2 * DIM];
    int32_t                     best[2 * K];
    float                       scores[2 * K];
};

/* FNV-1a. */
static void note(struct state *s, const void *bytes, size_t size)
{
    for (size_t k = 0; k < size; k++)
        s->life->digest = (s->life->digest ^ ((const unsigned char *)bytes)[k]) * UINT64_C(0x100000001B3);
}

typedef adaptau_status (*call_function)(struct state *s);

/* Make a call, and make it again when it has failed. */
static void make_call(struct state *s, call_function call, const char *name)
{
    for (adaptau_status status = call(s); status != ADAPTAU_OK; status = call(s)) {
        s->life->n_failures++;
        ck_assert_msg(s->life->failed != NULL, "%s, %s: %s", s->life->way->name, name, s->error.message);
        s->life->failed(s->life, name, status);
    }
}

#define CALL(name) make_call(s, name, #name)

/* ---- data ------------------------------------------------------------------------------------------------------- */

/* Pairs of a user and an item that look random, popular items being more so. */
static adaptau_status make_pairs(adaptau_context *context, int32_t n_users, int32_t n_items, uint32_t seed,
                                 adaptau_dataset **out, adaptau_error *error)
{
    const int32_t  n_pairs = 8 * n_users;
    int32_t       *users = malloc((size_t)n_pairs * sizeof *users), *items = malloc((size_t)n_pairs * sizeof *items);
    uint32_t       number = seed;
    ck_assert(users && items);
    for (int32_t p = 0; p < n_pairs; p++) {
        number = number * 1664525u + 1013904223u;
        users[p] = p % n_users;
        items[p] = (int32_t)((uint64_t)(number >> 16) * (number >> 16) % 65536 * (uint64_t)n_items / 65536);
    }
    adaptau_status status = adaptau_dataset_create_from_interactions(context, n_users, n_items, n_pairs, users, items, NULL, out, error);
    free(users);
    free(items);
    return status;
}

adaptau_dataset *make_life_data(adaptau_context *context, int32_t size)
{
    adaptau_dataset *made = NULL;
    ck_assert_int_eq(make_pairs(context, 24 * size, 40 * size, 1, &made, NULL), ADAPTAU_OK);
    return made;
}

static adaptau_status create_context(struct state *s)
{
    adaptau_context_options options = s->life->host ? host_options(s->life->host, s->life->n_threads, s->life->executes)
                                                    : (adaptau_context_options){.struct_size = sizeof options,
                                                                                .n_threads = s->life->n_threads};
    options.backend = s->life->backend;
    return adaptau_context_create(&options, &s->context, &s->error);
}

static adaptau_status create_data(struct state *s)
{
    return make_pairs(s->context, s->n_users, s->n_items, 1, &s->own_data, &s->error);
}

/* The data once more, as rows of a host's. */
static adaptau_status create_held_out(struct state *s)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    ck_assert_int_eq(adaptau_dataset_get_view(s->data, &view, &s->error), ADAPTAU_OK);
    const adaptau_csr csr = {.struct_size = sizeof csr,
                             .n_users = view.n_users,
                             .n_items = view.n_items,
                             .indptr = view.user_ptr,
                             .indices = view.user_items};
    return adaptau_dataset_create(s->context, &csr, &s->held_out, &s->error);
}

static adaptau_status create_larger(struct state *s)
{
    return make_pairs(s->context, s->n_users + 3, s->n_items + 2, 1, &s->larger, &s->error);
}

/* ---- training --------------------------------------------------------------------------------------------------- */

static adaptau_status create_sampler(struct state *s)
{
    adaptau_sampler_options options = full_sampler_options(s->life->way->sampler);
    options.rows_per_batch = 8 * s->life->size;
    return adaptau_sampler_create(s->context, s->data, &options, &s->sampler, &s->error);
}

static adaptau_status create_temperature(struct state *s)
{
    const adaptau_temperature_options options = full_temperature_options(s->life->way->temperature);
    return adaptau_temperature_create(s->context, s->data, &options, &s->temperature, &s->error);
}

static adaptau_status create_model(struct state *s)
{
    adaptau_model_options options = full_model_options(s->life->way->model);
    options.dim = DIM;
    options.seed = 3;
    return adaptau_model_create(s->context, s->data, &options, &s->model, &s->error);
}

static adaptau_status set_loss(struct state *s)
{
    const adaptau_loss loss = full_loss(s->life->way->loss);
    return adaptau_model_set_loss(s->model, &loss, &s->error);
}

static adaptau_status set_item_bias(struct state *s)
{
    float *bias = calloc((size_t)s->n_items, sizeof *bias);
    ck_assert_ptr_nonnull(bias);
    bias[1] = 0.25f;
    adaptau_status status = adaptau_model_set_item_bias(s->model, bias, &s->error);
    free(bias);
    return status;
}

static adaptau_status update_temperature(struct state *s)
{
    return adaptau_model_update_temperature(s->model, s->temperature, &s->error);
}

static adaptau_status update_targets(struct state *s)
{
    adaptau_target_options options = full_target_options((adaptau_target_options){.strength = s->life->way->soft_targets});
    return adaptau_model_update_targets(s->model, s->data, s->temperature, &options, &s->error);
}

static adaptau_status update_prototypes(struct state *s)
{
    return adaptau_model_update_prototypes(s->model, 5, &s->error);
}

static adaptau_status begin_epoch(struct state *s)
{
    return adaptau_sampler_begin_epoch(s->sampler, s->epoch, &s->error);
}

static adaptau_status next_batch(struct state *s)
{
    s->batch.struct_size = sizeof s->batch;
    return adaptau_sampler_next(s->sampler, &s->batch, &s->error);
}

static adaptau_status compute_gradients(struct state *s)
{
    adaptau_step   step = {.struct_size = sizeof step};
    adaptau_status status = adaptau_model_gradients(s->model, &s->batch, s->temperature, &step, &s->error);
    if (status == ADAPTAU_OK)
        note(s, &step.loss, sizeof step.loss);
    return status;
}

static adaptau_status contrast(struct state *s)
{
    double         loss = 0.0;
    const adaptau_contrast_options options = full_contrast_options(s->life->way->contrast);
    adaptau_status status = adaptau_model_contrast(s->model, &s->batch, &options, &loss, &s->error);
    if (status == ADAPTAU_OK)
        note(s, &loss, sizeof loss);
    return status;
}

static adaptau_status apply(struct state *s)
{
    return adaptau_model_apply(s->model, &s->error);
}

static adaptau_status get_tables(struct state *s)
{
    s->tables.struct_size = sizeof s->tables;
    return adaptau_model_get_tables(s->model, &s->tables, &s->error);
}

static void note_tables(struct state *s)
{
    CALL(get_tables);
    note(s, s->tables.users, (size_t)s->n_users * DIM * sizeof(float));
    note(s, s->tables.items, (size_t)s->n_items * DIM * sizeof(float));
    note(s, adaptau_temperature_user_taus(s->temperature), (size_t)s->n_users * sizeof(float));
}

static void train_epoch(struct state *s)
{
    const struct way *way = s->life->way;
    CALL(update_temperature);
    CALL(update_targets);
    if (way->contrast.prototype_weight > 0.0)
        CALL(update_prototypes);
    CALL(begin_epoch);
    for (CALL(next_batch); s->batch.n_rows > 0; CALL(next_batch)) {
        CALL(compute_gradients);
        if (way->contrast.struct_size)
            CALL(contrast);
        CALL(apply);
    }
}

/* ---- evaluation and serving ------------------------------------------------------------------------------------- */

static adaptau_status create_evaluator(struct state *s)
{
    const adaptau_dataset *const masks[] = {s->data};
    int32_t                     *groups = calloc((size_t)s->n_items, sizeof *groups);
    ck_assert_ptr_nonnull(groups);
    adaptau_evaluator_options options =
        full_evaluator_options((adaptau_evaluator_options){.n_masks = s->epoch % 2 ? 1 : 0, .masks = masks, .n_groups = 2,
                                                           .item_groups = groups});
    adaptau_status status = adaptau_evaluator_create(s->context, s->held_out, &options, &s->evaluator, &s->error);
    free(groups);
    return status;
}

static adaptau_status run_evaluator(struct state *s)
{
    double         mean = 0.0;
    adaptau_status status = adaptau_evaluator_run(s->evaluator, &s->tables, &s->error);
    if (status != ADAPTAU_OK)
        return status;
    ck_assert_int_eq(adaptau_evaluator_mean(s->evaluator, ADAPTAU_METRIC_NDCG, 20, &mean, &s->error), ADAPTAU_OK);
    note(s, &mean, sizeof mean);
    return status;
}

static adaptau_status rank(struct state *s)
{
    const int32_t users[2] = {3, 0};
    return top_items(s->model, 2, users, K, s->data, s->best, s->scores, &s->error);
}

static adaptau_status rank_new(struct state *s)
{
    const int32_t             allowed[6] = {0, 1, 2, 5, 7, 9}, exclude[2] = {1, 2};
    const int64_t             ptr[3] = {0, 1, 2};
    const adaptau_query filter = {
        .struct_size = sizeof filter, .n_allowed = 6, .allowed = allowed, .exclude_ptr = ptr, .exclude = exclude};
    return top_items_for(s->model, 2, s->new_rows, 0, K, &filter, s->best, s->scores, &s->error);
}

static void note_ranks(struct state *s)
{
    note(s, s->best, sizeof s->best);
    note(s, s->scores, sizeof s->scores);
}

static adaptau_fold_in_options fold_options(const struct state *s)
{
    adaptau_fold_in_options options = full_fold_in_options(s->model, s->life->way->fold);
    options.tau = 0.2;
    return options;
}

static adaptau_status create_fold(struct state *s)
{
    const adaptau_fold_in_options options = fold_options(s);
    return adaptau_fold_in_create(s->model, s->data, &options, &s->fold, &s->error);
}

static adaptau_status say_fold_in(struct state *s)
{
    adaptau_fold_in_options options = fold_options(s);
    if (s->life->way->model.encoder == ADAPTAU_ENCODER_MF && options.tau_user_policy == ADAPTAU_TAU_USER_NONE)
        options.popularity_exponent = 0.5;
    return adaptau_model_set_fold_in(s->model, s->data, &options, &s->error);
}

static adaptau_status fold_users(struct state *s)
{
    const int64_t ptr[3] = {0, 2, 3};
    const int32_t items[3] = {1, 4, 2};
    return adaptau_fold_in_users(s->fold, 2, ptr, items, NULL, s->new_rows, NULL, &s->error);
}

static void serve(struct state *s)
{
    CALL(create_evaluator);
    CALL(run_evaluator);
    CALL(rank);
    note_ranks(s);
    CALL(create_fold);
    CALL(fold_users);
    note(s, s->new_rows, sizeof s->new_rows);
    CALL(rank_new);
    note_ranks(s);
}

/* ---- the functions on arrays ------------------------------------------------------------------------------------ */

static adaptau_status softmax(struct state *s)
{
    double                         row_loss[64 * 8];
    const adaptau_row_temperatures taus = {.struct_size = sizeof taus, .tau = 0.2f};
    adaptau_loss_output         output = {.struct_size = sizeof output, .row_loss = row_loss};
    ck_assert_int_le(s->batch.n_rows, 64 * 8);
    adaptau_status status = adaptau_softmax(s->context, &s->tables, &s->batch, &taus, &output, &s->error);
    if (status == ADAPTAU_OK)
        note(s, &output.loss, sizeof output.loss);
    return status;
}

static adaptau_status select_columns(struct state *s)
{
    adaptau_status status = adaptau_top_k(s->context, 2, DIM, s->tables.users, DIM, 2, NULL, NULL, s->best, NULL, &s->error);
    if (status == ADAPTAU_OK)
        note(s, s->best, 4 * sizeof *s->best);
    return status;
}

static adaptau_status normalise(struct state *s)
{
    float          rows[2 * DIM];
    adaptau_status status = adaptau_normalise_rows(s->context, 2, DIM, s->tables.users, DIM, rows, DIM, NULL, &s->error);
    if (status == ADAPTAU_OK)
        status = adaptau_normalise_rows_backward(s->context, 2, DIM, rows, DIM, NULL, rows, DIM, &s->error);
    return status;
}

/* ---- files and growth ------------------------------------------------------------------------------------------- */

static void note_file(struct state *s)
{
    char   bytes[4096];
    size_t size;
    FILE  *file = fopen(s->life->path, "rb");
    ck_assert_ptr_nonnull(file);
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        note(s, bytes, size);
    fclose(file);
}

static adaptau_status save(struct state *s)
{
    return adaptau_model_save(s->model, s->life->path, &s->error);
}

static adaptau_status load(struct state *s)
{
    return adaptau_model_load(s->context, s->life->path, &s->loaded, &s->error);
}

static const adaptau_attachment attachments[] = {{"names", "ann\0bob\0", 8}, {"nothing", NULL, 0}};

static adaptau_status save_with(struct state *s)
{
    return adaptau_model_save_with(s->model, s->life->path, 2, attachments, &s->error);
}

static int32_t take(void *user_data, const adaptau_attachment *attachment)
{
    (void)user_data;
    return attachment->size == 8 || attachment->size == 0 ? 0 : 1;
}

static adaptau_status load_with(struct state *s)
{
    adaptau_model_destroy(s->loaded);
    s->loaded = NULL;
    return adaptau_model_load_with(s->context, s->life->path, take, NULL, &s->loaded, &s->error);
}

/* A file in the host's memory. */
struct store {
    _Alignas(64) char bytes[1 << 18];
    int64_t           size;
};

static struct store store;

static int32_t put(void *user_data, const void *bytes, int64_t size)
{
    struct store *to = user_data;
    if (size > (int64_t)sizeof to->bytes - to->size)
        return 1;
    memcpy(to->bytes + to->size, bytes, (size_t)size);
    to->size += size;
    return 0;
}

static adaptau_status save_to(struct state *s)
{
    store.size = 0;
    return adaptau_model_save_to(s->model, put, &store, 2, attachments, &s->error);
}

static adaptau_status save_half(struct state *s)
{
    return adaptau_model_save_half(s->model, s->life->path, 2, attachments, &s->error);
}

static adaptau_status rank_loaded(struct state *s)
{
    const adaptau_query query = {.struct_size = sizeof query, .n = 2, .k = K};
    return adaptau_model_rank(s->loaded, &query, s->best, s->scores, &s->error);
}

static adaptau_status load_from(struct state *s)
{
    adaptau_model_destroy(s->loaded);
    s->loaded = NULL;
    return adaptau_model_load_from(s->context, store.bytes, store.size, take, NULL, &s->loaded, &s->error);
}

static adaptau_status view(struct state *s)
{
    adaptau_model_destroy(s->loaded);
    s->loaded = NULL;
    return adaptau_model_view(s->context, store.bytes, store.size, take, NULL, &s->loaded, &s->error);
}

static adaptau_status map(struct state *s)
{
    adaptau_model_destroy(s->loaded);
    s->loaded = NULL;
    return adaptau_model_map(s->context, s->life->path, take, NULL, &s->loaded, &s->error);
}

static adaptau_status save_checkpoint_to(struct state *s)
{
    store.size = 0;
    return adaptau_model_save_checkpoint_to(s->model, s->temperature, "a note", put, &store, &s->error);
}

static adaptau_status resume_from(struct state *s)
{
    adaptau_model_destroy(s->resumed);
    adaptau_temperature_destroy(s->resumed_temperature);
    s->resumed = NULL;
    s->resumed_temperature = NULL;
    return adaptau_model_load_checkpoint_from(s->context, s->data, store.bytes, store.size, &s->resumed, &s->resumed_temperature,
                                              NULL, &s->error);
}

static adaptau_status save_checkpoint(struct state *s)
{
    return adaptau_model_save_checkpoint(s->model, s->temperature, "a note", s->life->path, &s->error);
}

static adaptau_status resume(struct state *s)
{
    return adaptau_model_load_checkpoint(s->context, s->data, s->life->path, &s->resumed, &s->resumed_temperature, NULL, &s->error);
}

static adaptau_status export_items(struct state *s)
{
    return adaptau_model_export_npy(s->model, ADAPTAU_SIDE_ITEMS, s->life->path, &s->error);
}

static adaptau_status export_index(struct state *s)
{
    return adaptau_model_export_index(s->model, ADAPTAU_SIDE_USERS, s->life->path, &s->error);
}

static adaptau_status grow_model(struct state *s)
{
    const adaptau_fold_in_options options = fold_options(s);
    const bool                 folds = s->life->way->model.encoder == ADAPTAU_ENCODER_MF;
    return adaptau_model_grow(s->model, s->larger, folds ? &options : NULL, &s->grown, &s->error);
}

static adaptau_status grow_temperature(struct state *s)
{
    return adaptau_temperature_grow(s->temperature, s->larger, &s->grown_temperature, &s->error);
}

static adaptau_status remap_model(struct state *s)
{
    const adaptau_fold_in_options options = fold_options(s);
    const bool                    folds = s->life->way->model.encoder == ADAPTAU_ENCODER_MF;
    return adaptau_model_remap(s->model, s->larger, &s->map, folds ? &options : NULL, &s->grown, &s->error);
}

static adaptau_status remap_temperature(struct state *s)
{
    return adaptau_temperature_remap(s->temperature, s->larger, &s->map, &s->grown_temperature, &s->error);
}

static void keep(struct state *s)
{
    CALL(say_fold_in);
    CALL(save);
    note_file(s);
    CALL(load);
    CALL(save_with);
    CALL(load_with);
    CALL(save_to);
    note(s, store.bytes, (size_t)store.size);
    CALL(load_from);
    CALL(view);
    CALL(map);
#ifdef _WIN32
    CALL(load_with); /* no file that is mapped can be replaced there                                               */
#endif
    CALL(save_half);
    note_file(s);
    CALL(map);
    CALL(rank_loaded);
    note(s, s->scores, sizeof s->scores);
#ifdef _WIN32
    CALL(load_with);
#endif
    CALL(save_checkpoint);
    note_file(s);
    CALL(resume);
    CALL(save_checkpoint_to);
    note(s, store.bytes, (size_t)store.size);
    CALL(resume_from);
    CALL(export_items);
    note_file(s);
    CALL(export_index);
    note_file(s);
    unlink(s->life->path);
}

/* The grown model takes the place of the old one. */
static void take_grown(struct state *s)
{
    adaptau_model_destroy(s->model);
    adaptau_temperature_destroy(s->temperature);
    s->model = s->grown;
    s->temperature = s->grown_temperature;
    s->grown = NULL;
    s->grown_temperature = NULL;
    note_tables(s);
}

static void grow(struct state *s)
{
    CALL(create_larger);
    CALL(grow_model);
    CALL(grow_temperature);
    take_grown(s);
}

/* The first user goes, and another one gets its number. */
static void remap(struct state *s)
{
    const int32_t n = adaptau_model_n_users(s->model), m = adaptau_model_n_items(s->model);
    ck_assert_int_le(n, MOST_USERS);
    for (int32_t r = 0; r < n; r++)
        s->from[r] = r;
    s->from[0] = -1;
    s->map = (adaptau_row_map){.struct_size = sizeof s->map, .n_users = n, .n_items = m, .users = s->from};
    CALL(remap_model);
    CALL(remap_temperature);
    take_grown(s);
}

/* ---- a life ----------------------------------------------------------------------------------------------------- */

static void train_and_serve(struct state *s)
{
    CALL(create_held_out);
    CALL(create_sampler);
    CALL(create_temperature);
    CALL(create_model);
    CALL(set_loss);
    CALL(set_item_bias);
    for (s->epoch = 0; s->epoch < s->life->epochs; s->epoch++)
        train_epoch(s);
    note_tables(s);
    serve(s);
}

static void use_arrays(struct state *s)
{
    CALL(begin_epoch);
    CALL(next_batch);
    CALL(softmax);
    CALL(select_columns);
    CALL(normalise);
}

static void end(struct state *s)
{
    adaptau_fold_in_destroy(s->fold);
    adaptau_evaluator_destroy(s->evaluator);
    adaptau_model_destroy(s->model);
    adaptau_model_destroy(s->loaded);
    adaptau_model_destroy(s->resumed);
    adaptau_temperature_destroy(s->resumed_temperature);
    adaptau_temperature_destroy(s->temperature);
    adaptau_sampler_destroy(s->sampler);
    adaptau_dataset_destroy(s->larger);
    adaptau_dataset_destroy(s->held_out);
}

static struct state begin(struct life *life)
{
    life->digest = 1;
    life->n_failures = 0;
    return (struct state){.life = life, .n_users = 24 * life->size, .n_items = 40 * life->size};
}

void live(struct life *life)
{
    struct state state = begin(life), *s = &state;
    CALL(create_context);
    CALL(create_data);
    s->data = s->own_data;
    train_and_serve(s);
    use_arrays(s);
    keep(s);
    grow(s);
    remap(s);
    end(s);
    adaptau_dataset_destroy(s->own_data);
    adaptau_context_destroy(s->context);
}

void live_on(struct life *life, adaptau_context *context, const adaptau_dataset *data)
{
    struct state state = begin(life), *s = &state;
    s->context = context;
    s->data = data;
    train_and_serve(s);
    end(s);
}
