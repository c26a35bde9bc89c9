/* SPDX-License-Identifier: MIT */
#include <adaptau/experimental.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "misuse.h"
#include "../support/options.h"
#include "../support/portable.h"

struct desk desk;

#define MUST(call) ck_assert_int_eq((call), ADAPTAU_OK)

static adaptau_dataset *make_dataset(int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    int32_t          users[PAIRS], items[PAIRS];
    adaptau_dataset *made = NULL;
    for (int32_t p = 0; p < PAIRS; p++) {
        users[p] = p % n_users;
        items[p] = (p * 5 + p / n_users) % n_items;
    }
    MUST(adaptau_dataset_create_from_interactions(desk.context, n_users, n_items, n_pairs, users, items, NULL, &made, NULL));
    return made;
}

static adaptau_temperature *make_temperature(const adaptau_dataset *data, int32_t tau0, int32_t tau_user)
{
    adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = tau0, .tau_user_policy = tau_user});
    adaptau_temperature        *made = NULL;
    MUST(adaptau_temperature_create(desk.context, data, &options, &made, NULL));
    return made;
}

static adaptau_sampler *make_sampler(void)
{
    adaptau_sampler *made = NULL;
    MUST(adaptau_sampler_create(desk.context, desk.data, NULL, &made, NULL));
    return made;
}

static adaptau_model *make_model(int32_t encoder, int32_t loss)
{
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = DIM, .encoder = encoder});
    adaptau_loss          other = full_loss((adaptau_loss){.kind = loss});
    adaptau_model        *made = NULL;
    MUST(adaptau_model_create(desk.context, desk.data, &options, &made, NULL));
    MUST(adaptau_model_set_loss(made, &other, NULL));
    return made;
}

/* With gradients, and all the memory that a step takes. */
static void train(adaptau_model *model, adaptau_temperature *temperature)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    MUST(adaptau_sampler_begin_epoch(desk.sampler, 0, NULL));
    MUST(adaptau_sampler_next(desk.sampler, &batch, NULL));
    MUST(adaptau_model_gradients(model, &batch, temperature, NULL, NULL));
    MUST(adaptau_model_apply(model, NULL));
    MUST(adaptau_model_gradients(model, &batch, temperature, NULL, NULL));
}

static adaptau_evaluator *make_evaluator(int32_t n_groups, const adaptau_model *ranked)
{
    const int32_t             groups[ITEMS] = {0, 1, 0, 1};
    adaptau_evaluator_options options =
        full_evaluator_options((adaptau_evaluator_options){.n_groups = n_groups, .item_groups = groups});
    adaptau_tables            tables = {.struct_size = sizeof tables};
    adaptau_evaluator        *made = NULL;
    MUST(adaptau_evaluator_create(desk.context, desk.data, &options, &made, NULL));
    if (!ranked)
        return made;
    MUST(adaptau_model_get_tables(ranked, &tables, NULL));
    MUST(adaptau_evaluator_run(made, &tables, NULL));
    return made;
}

static void make_files(void)
{
    snprintf(desk.folder, sizeof desk.folder, "%s/adaptau-misuse-XXXXXX", test_folder());
    ck_assert_int_eq(test_make_folder(desk.folder), 0);
    snprintf(desk.path, sizeof desk.path, "%s/written", desk.folder);
    snprintf(desk.model_path, sizeof desk.model_path, "%s/model", desk.folder);
    snprintf(desk.checkpoint_path, sizeof desk.checkpoint_path, "%s/checkpoint", desk.folder);
    desk.path_of_model = desk.model_path;
    MUST(adaptau_model_save(desk.graph, desk.model_path, NULL));
    MUST(adaptau_model_save_checkpoint(desk.graph, desk.temperature, "note", desk.checkpoint_path, NULL));
}

void lay_desk(void)
{
    adaptau_fold_in_options folding;
    desk.context = open_host(&desk.host, 2, false);
    desk.data = make_dataset(USERS, ITEMS, PAIRS);
    desk.smaller = make_dataset(USERS - 1, ITEMS - 1, PAIRS);
    desk.larger = make_dataset(USERS + 1, ITEMS + 1, PAIRS);
    desk.no_pairs = make_dataset(USERS, ITEMS, 0);
    desk.with_negatives = make_dataset(USERS, ITEMS, PAIRS);
    ck_assert_int_eq(adaptau_dataset_set_negatives(desk.with_negatives, desk.data, NULL), ADAPTAU_OK);
    desk.sampler = make_sampler();
    desk.unused_sampler = make_sampler();
    desk.temperature = make_temperature(desk.data, ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU_USER_NONE);
    desk.personal = make_temperature(desk.data, ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU_USER_BY_LOSS);
    desk.learned = make_temperature(desk.data, ADAPTAU_TAU0_LEARNED, ADAPTAU_TAU_USER_NONE);
    desk.of_smaller = make_temperature(desk.smaller, ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU_USER_NONE);
    desk.of_no_pairs = make_temperature(desk.no_pairs, ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU_USER_NONE);
    desk.model = make_model(ADAPTAU_ENCODER_MF, ADAPTAU_LOSS_SOFTMAX);
    desk.squares = make_model(ADAPTAU_ENCODER_MF, ADAPTAU_LOSS_MSE);
    desk.unused_model = make_model(ADAPTAU_ENCODER_MF, ADAPTAU_LOSS_SOFTMAX);
    desk.graph = make_model(ADAPTAU_ENCODER_LIGHTGCN, ADAPTAU_LOSS_SOFTMAX);
    train(desk.model, desk.personal);
    train(desk.squares, desk.temperature);
    train(desk.graph, desk.learned);
    desk.evaluator = make_evaluator(2, desk.model);
    desk.plain_evaluator = make_evaluator(0, desk.model);
    desk.unused_evaluator = make_evaluator(2, NULL);
    folding = full_fold_in_options(desk.model, (adaptau_fold_in_options){.tau = 0.2});
    MUST(adaptau_fold_in_create(desk.model, NULL, &folding, &desk.fold, NULL));
    make_files();
    MUST(adaptau_model_load(desk.context, desk.model_path, &desk.loaded, NULL));
}

void clear_desk(void)
{
    unlink(desk.path);
    unlink(desk.model_path);
    unlink(desk.checkpoint_path);
    ck_assert_int_eq(rmdir(desk.folder), 0); /* and no temporary file was left behind                           */
    adaptau_fold_in_destroy(desk.fold);
    adaptau_model_destroy(desk.model);
    adaptau_model_destroy(desk.squares);
    adaptau_model_destroy(desk.unused_model);
    adaptau_model_destroy(desk.graph);
    adaptau_model_destroy(desk.loaded);
    adaptau_evaluator_destroy(desk.evaluator);
    adaptau_evaluator_destroy(desk.plain_evaluator);
    adaptau_evaluator_destroy(desk.unused_evaluator);
    adaptau_temperature_destroy(desk.temperature);
    adaptau_temperature_destroy(desk.personal);
    adaptau_temperature_destroy(desk.learned);
    adaptau_temperature_destroy(desk.of_smaller);
    adaptau_temperature_destroy(desk.of_no_pairs);
    adaptau_sampler_destroy(desk.sampler);
    adaptau_sampler_destroy(desk.unused_sampler);
    adaptau_dataset_destroy(desk.data);
    adaptau_dataset_destroy(desk.smaller);
    adaptau_dataset_destroy(desk.larger);
    adaptau_dataset_destroy(desk.no_pairs);
    adaptau_dataset_destroy(desk.with_negatives);
    adaptau_context_destroy(desk.context);
    ck_assert_int_eq(desk.host.bytes, 0);
}

/* ---- looking at it ---------------------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t k = 0; k < size; k++)
        hash = (hash ^ ((const unsigned char *)bytes)[k]) * UINT64_C(0x100000001B3);
    return hash;
}

static uint64_t look_at_model(uint64_t hash, const adaptau_model *model)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    MUST(adaptau_model_get_raw_tables(model, &tables, NULL));
    hash = add_bytes(hash, tables.users, USERS * DIM * sizeof(float));
    return add_bytes(hash, tables.items, ITEMS * DIM * sizeof(float));
}

static uint64_t look_at_temperature(uint64_t hash, const adaptau_temperature *temperature)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    MUST(adaptau_temperature_get_state(temperature, &state, NULL));
    hash = add_bytes(hash, &state, sizeof state);
    return add_bytes(hash, adaptau_temperature_user_taus(temperature), (USERS - 1) * sizeof(float));
}

static uint64_t look_at_evaluator(uint64_t hash, const adaptau_evaluator *evaluator)
{
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        double mean = 0.0;
        MUST(adaptau_evaluator_mean(evaluator, metric, 20, &mean, NULL));
        hash = add_bytes(hash, &mean, sizeof mean);
    }
    return hash;
}

uint64_t look_at_desk(void)
{
    const adaptau_model *const       models[] = {desk.model, desk.squares, desk.unused_model, desk.graph, desk.loaded};
    const adaptau_temperature *const temperatures[] = {desk.temperature, desk.personal, desk.learned, desk.of_smaller,
                                                       desk.of_no_pairs};
    uint64_t                         hash = 1;
    for (int k = 0; k < 5; k++) {
        hash = look_at_model(hash, models[k]);
        hash = look_at_temperature(hash, temperatures[k]);
    }
    hash = look_at_evaluator(hash, desk.evaluator);
    return look_at_evaluator(hash, desk.plain_evaluator);
}

/* ---- tables to hand in ------------------------------------------------------------------------------------------ */

void fill_tables(adaptau_tables *tables, float *users, float *items)
{
    for (int k = 0; k < USERS * DIM; k++)
        users[k] = (float)(k * 7 % 11) - 4.5f;
    for (int k = 0; k < ITEMS * DIM; k++)
        items[k] = (float)(k * 5 % 13) - 5.5f;
    *tables = (adaptau_tables){.struct_size = sizeof *tables,
                               .flags = ADAPTAU_NORMALISE_BOTH,
                               .n_users = USERS,
                               .n_items = ITEMS,
                               .dim = DIM,
                               .users = users,
                               .items = items};
}
