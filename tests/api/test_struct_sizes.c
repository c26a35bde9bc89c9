/* SPDX-License-Identifier: MIT */
/* Callers that are older or newer than the library: every public struct at every size that a caller may have.
 *
 * A struct lies at the very end of a block from malloc, so that AddressSanitizer sees a library that reads or writes beyond the
 * caller's struct_size. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"

#define TAIL 24
#define LARGEST 4096

/* What the calls need besides the struct in question. Made once: no call here changes it but for gradients. */
struct fixture {
    struct world             world; /* LightGCN, which every call knows */
    adaptau_model           *mf; /* whose new users can be folded in */
    adaptau_evaluator       *evaluator;
    adaptau_sampler         *second; /* whose batches may go while `batch` stays */
    adaptau_batch            batch;
    adaptau_tables           tables;
    adaptau_row_temperatures temperatures;
    adaptau_loss_output   output;
    adaptau_recipe           recipe, short_recipe; /* filled; the second of one epoch */
    adaptau_training        *training;
};

static struct fixture f;

/* Call a function with the struct; whatever it makes is destroyed. */
typedef adaptau_status (*use_function)(void *given);

static adaptau_status use_context_options(void *given)
{
    adaptau_context *made = NULL;
    adaptau_status   status = adaptau_context_create(given, &made, &error);
    adaptau_context_destroy(made);
    return status;
}

static adaptau_status use_csr(void *given)
{
    adaptau_dataset *made = NULL;
    adaptau_status   status = adaptau_dataset_create(f.world.context, given, &made, &error);
    adaptau_dataset_destroy(made);
    return status;
}

static adaptau_status use_sampler_options(void *given)
{
    adaptau_sampler *made = NULL;
    adaptau_status   status = adaptau_sampler_create(f.world.context, f.world.data, given, &made, &error);
    adaptau_sampler_destroy(made);
    return status;
}

static adaptau_status use_temperature_options(void *given)
{
    adaptau_temperature *made = NULL;
    adaptau_status       status = adaptau_temperature_create(f.world.context, f.world.data, given, &made, &error);
    adaptau_temperature_destroy(made);
    return status;
}

static adaptau_status use_evaluator_options(void *given)
{
    adaptau_evaluator *made = NULL;
    adaptau_status     status = adaptau_evaluator_create(f.world.context, f.world.data, given, &made, &error);
    adaptau_evaluator_destroy(made);
    return status;
}

static adaptau_status use_likelihood_tables(void *given)
{
    static const double tau = 0.2;
    double              mean;
    return adaptau_evaluator_log_likelihood(f.evaluator, given, 1, &tau, &mean, &error);
}

static adaptau_status use_search_options(void *given)
{
    adaptau_search *made = NULL;
    adaptau_status  status = adaptau_search_create(f.world.context, given, &made, &error);
    adaptau_search_destroy(made);
    return status;
}

static adaptau_status use_tune_options(void *given)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    return adaptau_tune(f.world.context, f.world.data, given, &recipe, NULL, &error);
}

static adaptau_status get_search_result(void *given)
{
    const adaptau_search_options options = full_search_options((adaptau_search_options){.first = 1.0});
    adaptau_search              *made = NULL;
    OK(adaptau_search_create(f.world.context, &options, &made, &error));
    OK(adaptau_search_report(made, 1.0, &error));
    adaptau_status status = adaptau_search_get_result(made, given, &error);
    adaptau_search_destroy(made);
    return status;
}

static adaptau_status get_tune_result(void *given)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    return adaptau_tune(f.world.context, f.world.data, NULL, &recipe, given, &error);
}

static adaptau_status use_model_options(void *given)
{
    adaptau_model *made = NULL;
    adaptau_status status = adaptau_model_create(f.world.context, f.world.data, given, &made, &error);
    adaptau_model_destroy(made);
    return status;
}

static adaptau_status use_target_options(void *given)
{
    return adaptau_model_update_targets(f.world.model, f.world.data, f.world.temperature, given, &error);
}

static adaptau_status use_contrast_options(void *given)
{
    OK(adaptau_model_gradients(f.world.model, &f.batch, f.world.temperature, NULL, &error));
    return adaptau_model_contrast(f.world.model, &f.batch, given, NULL, &error);
}

static adaptau_status use_loss(void *given)
{
    adaptau_loss_output output = f.output;
    adaptau_status         kept = adaptau_model_set_loss(f.world.model, given, &error);
    adaptau_status         status =
        adaptau_loss_gradients(f.world.context, &f.tables, &f.batch, &f.temperatures, given, &output, &error);
    ck_assert_int_eq(kept, status);
    return status;
}

static adaptau_status use_tables(void *given)
{
    adaptau_loss_output output = f.output;
    adaptau_status         status = adaptau_softmax(f.world.context, given, &f.batch, &f.temperatures, &output, &error);
    ck_assert_int_eq(adaptau_evaluator_run(f.evaluator, given, &error), status);
    ck_assert_int_eq(adaptau_temperature_update(f.world.temperature, given, &error), status);
    return status;
}

static adaptau_status use_batch(void *given)
{
    adaptau_loss_output output = f.output;
    adaptau_status         status = adaptau_softmax(f.world.context, &f.tables, given, &f.temperatures, &output, &error);
    ck_assert_int_eq(adaptau_model_gradients(f.world.model, given, f.world.temperature, NULL, &error), status);
    if (status != ADAPTAU_OK) /* there are gradients to add to, so that it is the size which is refused */
        OK(adaptau_model_gradients(f.world.model, &f.batch, f.world.temperature, NULL, &error));
    ck_assert_int_eq(adaptau_model_contrast(f.world.model, given, NULL, NULL, &error), status);
    return status;
}

static adaptau_status use_row_temperatures(void *given)
{
    adaptau_loss_output output = f.output;
    return adaptau_softmax(f.world.context, &f.tables, &f.batch, given, &output, &error);
}

static adaptau_status use_softmax_output(void *given)
{
    return adaptau_softmax(f.world.context, &f.tables, &f.batch, &f.temperatures, given, &error);
}

static adaptau_status use_fold_options(void *given)
{
    adaptau_fold_in  *fold = NULL;
    adaptau_model *grown = NULL;
    adaptau_status status = adaptau_fold_in_create(f.mf, NULL, given, &fold, &error);
    ck_assert_int_eq(adaptau_model_grow(f.mf, f.world.data, given, &grown, &error), status);
    adaptau_model_destroy(grown);
    adaptau_fold_in_destroy(fold);
    return status;
}

static adaptau_status use_row_map(void *given)
{
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    adaptau_status       status = adaptau_model_remap(f.mf, NULL, given, NULL, &model, &error);
    ck_assert_int_eq(adaptau_temperature_remap(f.world.temperature, f.world.data, given, &temperature, &error), status);
    adaptau_model_destroy(model);
    adaptau_temperature_destroy(temperature);
    return status;
}

static adaptau_status use_query(void *given)
{
    int32_t best;
    return adaptau_model_rank(f.world.model, given, &best, NULL, &error);
}

static adaptau_status use_query_of_tables(void *given)
{
    int32_t best;
    return adaptau_rank(f.world.context, &f.tables, given, &best, NULL, &error);
}

/* ---- over ranges of users and items ------------------------------------------------------------------------------------ */

static int32_t leave_alone(void *user_data, const adaptau_reduce_piece *piece)
{
    (void)user_data;
    return piece->reserved;
}

static adaptau_status use_reduce(void *given)
{
    adaptau_loss_output output = f.output;
    adaptau_status         kept = adaptau_model_set_reduce(f.mf, given, &error);
    adaptau_status         status = adaptau_loss_gradients_of_shard(f.world.context, &f.tables, &f.batch, &f.temperatures, NULL,
                                                                    given, &output, &error);
    OK(adaptau_model_set_reduce(f.mf, NULL, &error));
    ck_assert_int_eq(kept, status);
    return status;
}

static const float gradient[1];

/* Structs with defaults, as their _init calls write them. */
static struct {
    adaptau_sampler_options     sampler;
    adaptau_temperature_options temperature;
    adaptau_evaluator_options   evaluator;
    adaptau_search_options      search;
    adaptau_tune_options        tune;
    adaptau_model_options       model;
    adaptau_target_options      targets;
    adaptau_contrast_options    contrast;
    adaptau_loss                loss;
    adaptau_fold_in_options     fold;
    adaptau_reduce              reduce;
    adaptau_adam_options        adam;
    adaptau_fit_options         fit;
} full;

static adaptau_status use_adam_options(void *given)
{
    static float            row[1] = {1.0f}, first[1], second[1];
    static int32_t          steps[1];
    const adaptau_adam_rows rows = {
        .struct_size = sizeof rows, .dim = 1, .n = 1, .rows = row, .first = first, .second = second, .steps = steps};
    return adaptau_adam(f.world.context, given, 1, NULL, gradient, 0, &rows, &error);
}

static adaptau_status use_adam_rows(void *given)
{
    return adaptau_adam(f.world.context, &full.adam, 1, NULL, gradient, 0, given, &error);
}

static adaptau_status use_range_tables(void *given)
{
    double  sums[4];
    int32_t item;
    float   score;
    ck_assert_int_eq(top_of_tables(f.world.context, given, 1, NULL, 1, NULL, &item, &score, &error),
                     adaptau_interaction_moments(f.world.context, given, f.world.data, sums, &error));
    return top_of_tables(f.world.context, given, 1, NULL, 1, NULL, &item, &score, &error);
}

static adaptau_status use_score_moments(void *given)
{
    return adaptau_temperature_update_from(f.world.temperature, given, &error);
}

static adaptau_status use_temperature_state(void *given)
{
    return adaptau_temperature_set_state(f.world.temperature, given, NULL, &error);
}

/* ---- recipes and trainings --------------------------------------------------------------------------------------------- */

static adaptau_status use_recipe(void *given)
{
    adaptau_training *made = NULL;
    adaptau_status    status = adaptau_training_create(f.world.context, f.world.data, given, &made, &error);
    adaptau_training_destroy(made);
    return status;
}

static adaptau_status use_recipe_from(void *given)
{
    adaptau_training *made = NULL;
    adaptau_status    status = adaptau_training_create_from(f.world.context, f.world.data, given, f.mf, NULL, &made, &error);
    adaptau_training_take_model(made);
    adaptau_training_destroy(made);
    return status;
}

/* It has no default left, so that every caller may have it used. */
static adaptau_status use_filled_recipe(void *given)
{
    adaptau_model_options       model = {.struct_size = sizeof model};
    adaptau_loss                loss = {.struct_size = sizeof loss};
    adaptau_temperature_options temperature = {.struct_size = sizeof temperature};
    adaptau_sampler_options     sampler = {.struct_size = sizeof sampler};
    double                      users, items;
    adaptau_status              status = adaptau_recipe_model_options(given, &model, &error);
    ck_assert_int_eq(adaptau_recipe_loss(given, &loss, &error), status);
    ck_assert_int_eq(adaptau_recipe_temperature_options(given, &temperature, &error), status);
    ck_assert_int_eq(adaptau_recipe_sampler_options(given, &sampler, &error), status);
    ck_assert_int_eq(adaptau_recipe_learning_rates(given, 0, 0, 1, &users, &items, &error), status);
    ck_assert_int_eq(adaptau_recipe_fill(given, f.world.data, &error), status);
    ck_assert_int_eq(adaptau_recipe_fill_for(given, 10, 10, 10, &error), status);
    return status;
}

static adaptau_status use_said_fold_options(void *given)
{
    adaptau_status status = adaptau_model_set_fold_in(f.mf, NULL, given, &error);
    OK(adaptau_model_set_fold_in(f.mf, NULL, NULL, &error));
    return status;
}

static adaptau_status use_split_options(void *given)
{
    adaptau_dataset *kept = NULL, *held_out = NULL;
    adaptau_status   status = adaptau_dataset_split(f.world.context, f.world.data, given, &kept, &held_out, &error);
    adaptau_dataset_destroy(kept);
    adaptau_dataset_destroy(held_out);
    return status;
}

static adaptau_status use_fit_options(void *given)
{
    adaptau_model *made = NULL;
    adaptau_status status = adaptau_fit(f.world.context, f.world.data, &f.short_recipe, given, &made, NULL, &error);
    adaptau_model_destroy(made);
    return status;
}

static adaptau_status get_fit_result(void *given)
{
    adaptau_model *made = NULL;
    adaptau_status status = adaptau_fit(f.world.context, f.world.data, &f.short_recipe, NULL, &made, given, &error);
    adaptau_model_destroy(made);
    return status;
}

static adaptau_status get_recipe(void *given)
{
    return adaptau_training_get_recipe(f.training, given, &error);
}

static adaptau_status get_training_state(void *given)
{
    return adaptau_training_get_state(f.training, given, &error);
}

static adaptau_status get_training_batch(void *given)
{
    OK(adaptau_training_begin_epoch(f.training, 0, &error));
    return adaptau_training_next(f.training, given, &error);
}

static adaptau_status get_model_options(void *given)
{
    return adaptau_recipe_model_options(&f.recipe, given, &error);
}

static adaptau_status get_loss(void *given)
{
    return adaptau_recipe_loss(&f.recipe, given, &error);
}

static adaptau_status get_temperature_options(void *given)
{
    return adaptau_recipe_temperature_options(&f.recipe, given, &error);
}

static adaptau_status get_sampler_options(void *given)
{
    return adaptau_recipe_sampler_options(&f.recipe, given, &error);
}

static adaptau_status get_recipe_fold_in(void *given)
{
    return adaptau_recipe_fold_in_options(&f.recipe, f.mf, f.world.temperature, given, &error);
}

static adaptau_status get_said_fold_in(void *given)
{
    const adaptau_fold_in_options options = full_fold_in_options(f.mf, (adaptau_fold_in_options){.tau = 0.2});
    OK(adaptau_model_set_fold_in(f.mf, NULL, &options, &error));
    adaptau_status status = adaptau_model_get_fold_in(f.mf, given, &error);
    OK(adaptau_model_set_fold_in(f.mf, NULL, NULL, &error));
    return status;
}

static adaptau_status get_tables(void *given)
{
    ck_assert_int_eq(adaptau_model_get_raw_tables(f.world.model, given, &error),
                     adaptau_model_get_tables(f.world.model, given, &error));
    return adaptau_model_get_tables(f.world.model, given, &error);
}

static adaptau_status get_batch(void *given)
{
    OK(adaptau_sampler_begin_epoch(f.second, 0, &error));
    return adaptau_sampler_next(f.second, given, &error);
}

static adaptau_status get_dataset_view(void *given)
{
    return adaptau_dataset_get_view(f.world.data, given, &error);
}

static adaptau_status get_temperature_state(void *given)
{
    return adaptau_temperature_get_state(f.world.temperature, given, &error);
}

static adaptau_status get_encoder_parameters(void *given)
{
    return adaptau_model_get_encoder_parameters(f.world.model, given, &error);
}

static adaptau_status get_step(void *given)
{
    return adaptau_model_gradients(f.world.model, &f.batch, f.world.temperature, given, &error);
}

static adaptau_status get_gradient_view(void *given)
{
    OK(adaptau_model_gradients(f.world.model, &f.batch, f.world.temperature, NULL, &error));
    return adaptau_model_get_gradient_view(f.world.model, given, &error);
}

/* ---- defaults ------------------------------------------------------------------------------------------------------- */

#define INIT(name, call)                              \
    static adaptau_status init_##name(void *given)    \
    {                                                 \
        return call;                                  \
    }

INIT(recipe, adaptau_recipe_init(given, &error))
INIT(sampler_options, adaptau_sampler_options_init(given, ADAPTAU_SAMPLER_CATALOGUE, &error))
INIT(temperature_options, adaptau_temperature_options_init(given, ADAPTAU_TAU0_EXACT, ADAPTAU_TAU_USER_NONE, &error))
INIT(evaluator_options, adaptau_evaluator_options_init(given, &error))
INIT(search_options, adaptau_search_options_init(given, 1.0, &error))
INIT(tune_options, adaptau_tune_options_init(given, &error))
INIT(model_options, adaptau_model_options_init(given, &error))
INIT(target_options, adaptau_target_options_init(given, &error))
INIT(contrast_options, adaptau_contrast_options_init(given, ADAPTAU_CONTRAST_NCL, &error))
INIT(loss, adaptau_loss_init(given, ADAPTAU_LOSS_CCL, &error))
INIT(fold_options, adaptau_fold_in_options_init(given, f.mf, ADAPTAU_TAU_USER_NONE, &error))
INIT(reduce, adaptau_reduce_init(given, &error))
INIT(adam_options, adaptau_adam_options_init(given, &error))
INIT(fit_options, adaptau_fit_options_init(given, &error))

/* ---- what callers have ------------------------------------------------------------------------------------------------- */

static const int64_t         one_row[] = {0, 1};
static const int32_t         one_item[] = {0};
static const adaptau_csr     csr = {.n_users = 1, .n_items = 1, .indptr = one_row, .indices = one_item};
static const adaptau_context_options one_thread = {.n_threads = 1};
static const adaptau_query         one_best = {.n = 1, .k = 1};
static const adaptau_row_map       all_rows = {.n_users = USERS, .n_items = ITEMS};
static const uint32_t        zeros[128];
static const double           table_moments[3] = {1.0, 0.5, 0.0};
static const adaptau_score_moments score_moments = {
    .dim = 1, .users = table_moments, .items = table_moments, .interactions = {1.0, 1.0, 0.5, 0.25}};
static const adaptau_temperature_state warm = {.tau0 = 0.1};
static float                   one_number[1] = {1.0f}, first_moment[1], second_moment[1];
static int32_t                 one_count[1];
static const adaptau_adam_rows adam_rows = {
    .dim = 1, .n = 1, .rows = one_number, .first = first_moment, .second = second_moment, .steps = one_count};

static const struct struct_case {
    const char  *name;
    use_function use;
    size_t       least, size; /* of the version in which it appeared, and of this one */
    const void  *content;     /* [size] */
} inputs[] = {
    {"context options", use_context_options, 80, sizeof(adaptau_context_options), &one_thread},
    {"csr", use_csr, 40, sizeof(adaptau_csr), &csr},
    {"sampler options", use_sampler_options, 56, sizeof(adaptau_sampler_options), &full.sampler},
    {"temperature options", use_temperature_options, 88, sizeof(adaptau_temperature_options), &full.temperature},
    {"evaluator options", use_evaluator_options, 40, sizeof(adaptau_evaluator_options), &full.evaluator},
    {"tables of a likelihood", use_likelihood_tables, 64, sizeof(adaptau_tables), &f.tables},
    {"search options", use_search_options, 40, sizeof(adaptau_search_options), &full.search},
    {"tune options", use_tune_options, 80, sizeof(adaptau_tune_options), &full.tune},
    {"model options", use_model_options, 152, sizeof(adaptau_model_options), &full.model},
    {"target options", use_target_options, 24, sizeof(adaptau_target_options), &full.targets},
    {"contrast options", use_contrast_options, sizeof(adaptau_contrast_options), sizeof(adaptau_contrast_options), &full.contrast},
    {"loss", use_loss, 48, sizeof(adaptau_loss), &full.loss},
    {"tables", use_tables, 64, sizeof(adaptau_tables), &f.tables},
    {"batch", use_batch, 136, sizeof(adaptau_batch), &f.batch},
    {"row temperatures", use_row_temperatures, 24, sizeof(adaptau_row_temperatures), &f.temperatures},
    {"fold options", use_fold_options, 56, sizeof(adaptau_fold_in_options), &full.fold},
    {"fold options that are said", use_said_fold_options, 56, sizeof(adaptau_fold_in_options), &full.fold},
    {"row map", use_row_map, 32, sizeof(adaptau_row_map), &all_rows},
    {"query", use_query, 80, sizeof(adaptau_query), &one_best},
    {"query of tables", use_query_of_tables, 80, sizeof(adaptau_query), &one_best},
    {"softmax output", use_softmax_output, 112, sizeof(adaptau_loss_output), &f.output},
    {"reduce", use_reduce, 32, sizeof(adaptau_reduce), &full.reduce},
    {"Adam's options", use_adam_options, 48, sizeof(adaptau_adam_options), &full.adam},
    {"Adam's rows", use_adam_rows, 56, sizeof(adaptau_adam_rows), &adam_rows},
    {"tables of a range", use_range_tables, 64, sizeof(adaptau_tables), &f.tables},
    {"score moments", use_score_moments, 72, sizeof(adaptau_score_moments), &score_moments},
    {"temperature state", use_temperature_state, 112, sizeof(adaptau_temperature_state), &warm},
    {"recipe", use_recipe, 304, sizeof(adaptau_recipe), &f.recipe},
    {"recipe of a model that exists", use_recipe_from, 304, sizeof(adaptau_recipe), &f.recipe},
    {"filled recipe", use_filled_recipe, 304, sizeof(adaptau_recipe), &f.recipe},
    {"split options", use_split_options, 32, sizeof(adaptau_split_options), zeros},
    {"fit options", use_fit_options, 80, sizeof(adaptau_fit_options), &full.fit},
}, outputs[] = {
    {"tables", get_tables, 64, sizeof(adaptau_tables), zeros},
    {"batch", get_batch, 136, sizeof(adaptau_batch), zeros},
    {"dataset view", get_dataset_view, 88, sizeof(adaptau_dataset_view), zeros},
    {"temperature state", get_temperature_state, 112, sizeof(adaptau_temperature_state), zeros},
    {"encoder parameters", get_encoder_parameters, 24, sizeof(adaptau_encoder_parameters), zeros},
    {"step", get_step, 24, sizeof(adaptau_step), zeros},
    {"search result", get_search_result, 32, sizeof(adaptau_search_result), zeros},
    {"tune result", get_tune_result, 88, sizeof(adaptau_tune_result), zeros},
    {"gradient view", get_gradient_view, 72, sizeof(adaptau_gradient_view), zeros},
    {"recipe", get_recipe, 304, sizeof(adaptau_recipe), zeros},
    {"fit result", get_fit_result, 72, sizeof(adaptau_fit_result), zeros},
    {"training state", get_training_state, 56, sizeof(adaptau_training_state), zeros},
    {"batch of a training", get_training_batch, 136, sizeof(adaptau_batch), zeros},
    {"model options", get_model_options, 152, sizeof(adaptau_model_options), zeros},
    {"loss", get_loss, 48, sizeof(adaptau_loss), zeros},
    {"temperature options", get_temperature_options, 88, sizeof(adaptau_temperature_options), zeros},
    {"sampler options", get_sampler_options, 56, sizeof(adaptau_sampler_options), zeros},
    {"fold options of a recipe", get_recipe_fold_in, 56, sizeof(adaptau_fold_in_options), zeros},
    {"fold options that were said", get_said_fold_in, 56, sizeof(adaptau_fold_in_options), zeros},
}, inits[] = {
    {"recipe", init_recipe, 304, sizeof(adaptau_recipe), zeros},
    {"sampler options", init_sampler_options, 56, sizeof(adaptau_sampler_options), zeros},
    {"temperature options", init_temperature_options, 88, sizeof(adaptau_temperature_options), zeros},
    {"evaluator options", init_evaluator_options, 40, sizeof(adaptau_evaluator_options), zeros},
    {"search options", init_search_options, 40, sizeof(adaptau_search_options), zeros},
    {"tune options", init_tune_options, 80, sizeof(adaptau_tune_options), zeros},
    {"model options", init_model_options, 152, sizeof(adaptau_model_options), zeros},
    {"target options", init_target_options, 24, sizeof(adaptau_target_options), zeros},
    {"contrast options", init_contrast_options, sizeof(adaptau_contrast_options), sizeof(adaptau_contrast_options), zeros},
    {"loss", init_loss, 48, sizeof(adaptau_loss), zeros},
    {"fold options", init_fold_options, 56, sizeof(adaptau_fold_in_options), zeros},
    {"reduce", init_reduce, 32, sizeof(adaptau_reduce), zeros},
    {"Adam's options", init_adam_options, 48, sizeof(adaptau_adam_options), zeros},
    {"fit options", init_fit_options, 80, sizeof(adaptau_fit_options), zeros},
};

static const int n_inputs = sizeof inputs / sizeof *inputs, n_outputs = sizeof outputs / sizeof *outputs,
                 n_inits = sizeof inits / sizeof *inits;

/* A caller's struct of `bytes`, whose struct_size is `claimed`. To be freed. */
static unsigned char *make_struct(const struct struct_case *c, size_t bytes, uint32_t claimed)
{
    unsigned char *given = calloc(1, bytes);
    ck_assert_ptr_nonnull(given);
    memcpy(given, c->content, bytes < c->size ? bytes : c->size);
    memcpy(given, &claimed, sizeof claimed);
    return given;
}

static void expect(const struct struct_case *c, size_t bytes, uint32_t claimed, adaptau_status wanted)
{
    unsigned char *given = make_struct(c, bytes, claimed);
    adaptau_status status = c->use(given);
    uint32_t       after;
    memcpy(&after, given, sizeof after);
    ck_assert_msg(status == wanted, "%s of %u bytes: %s (%s)", c->name, claimed, adaptau_status_name(status), error.message);
    ck_assert_msg(after == claimed, "%s of %u bytes has %u afterwards", c->name, claimed, after);
    free(given);
}

/* Every size from the first version's on is an older caller's; members come whole, and are at least 4 bytes wide. */
static void accepts_what_there_was(const struct struct_case *c)
{
    for (size_t size = c->least; size <= c->size; size += 4)
        expect(c, size, (uint32_t)size, ADAPTAU_OK);
    expect(c, c->size + TAIL, (uint32_t)(c->size + TAIL), ADAPTAU_OK);
    expect(c, LARGEST, LARGEST, ADAPTAU_OK);
}

static void rejects_what_never_was(const struct struct_case *c)
{
    expect(c, c->size, 0, ADAPTAU_E_ABI);
    expect(c, c->least, (uint32_t)c->least - 4, ADAPTAU_E_ABI);
    expect(c, c->size, LARGEST + 4, ADAPTAU_E_ABI);
    expect(c, c->size, UINT32_MAX, ADAPTAU_E_ABI);
}

START_TEST(reads_structs_of_all_callers)
{
    accepts_what_there_was(&inputs[_i]);
    rejects_what_never_was(&inputs[_i]);
}
END_TEST

/* A feature is never ignored in silence. */
START_TEST(rejects_members_that_it_does_not_know)
{
    const struct struct_case *c = &inputs[_i];
    for (size_t place = 0; place < TAIL; place++) {
        unsigned char *given = make_struct(c, c->size + TAIL, (uint32_t)(c->size + TAIL));
        given[c->size + place] = 1;
        ck_assert_msg(c->use(given) == ADAPTAU_E_ABI, "%s with byte %zu of its tail set", c->name, place);
        free(given);
    }
}
END_TEST

START_TEST(writes_structs_of_all_callers)
{
    accepts_what_there_was(&outputs[_i]);
    rejects_what_never_was(&outputs[_i]);
}
END_TEST

/* A newer caller finds what it has put into members that the library does not know. */
START_TEST(leaves_the_tail_of_results_alone)
{
    const struct struct_case *c = &outputs[_i];
    unsigned char            *given = make_struct(c, c->size + TAIL, (uint32_t)(c->size + TAIL));
    memset(given + c->size, 0xa5, TAIL);
    ck_assert_int_eq(c->use(given), ADAPTAU_OK);
    for (size_t place = 0; place < TAIL; place++)
        ck_assert_uint_eq(given[c->size + place], 0xa5);
    free(given);
}
END_TEST

/* A newer caller's members that the library does not know are 0 afterwards: with anything else the struct would be refused. */
START_TEST(defaults_are_for_all_callers)
{
    const struct struct_case *c = &inits[_i];
    unsigned char            *given = make_struct(c, c->size + TAIL, (uint32_t)(c->size + TAIL));
    accepts_what_there_was(c);
    rejects_what_never_was(c);
    memset(given + sizeof(uint32_t), 0xa5, c->size + TAIL - sizeof(uint32_t));
    ck_assert_int_eq(c->use(given), ADAPTAU_OK);
    for (size_t place = 0; place < TAIL; place++)
        ck_assert_uint_eq(given[c->size + place], 0);
    free(given);
}
END_TEST

static void open_full(void)
{
    full.sampler = full_sampler_options((adaptau_sampler_options){0});
    full.temperature = full_temperature_options((adaptau_temperature_options){0});
    full.evaluator = full_evaluator_options((adaptau_evaluator_options){0});
    full.search = full_search_options((adaptau_search_options){.first = 1.0});
    full.tune = full_tune_options((adaptau_tune_options){0});
    full.model = full_model_options((adaptau_model_options){0});
    full.targets = full_target_options((adaptau_target_options){0});
    full.contrast = full_contrast_options((adaptau_contrast_options){0});
    full.loss = full_loss((adaptau_loss){0});
    full.fold = full_fold_in_options(f.mf, (adaptau_fold_in_options){.tau = 0.2});
    full.reduce = full_reduce((adaptau_reduce){.function = leave_alone});
    full.adam = full_adam_options((adaptau_adam_options){.learning_rate = 0.1});
    full.fit = full_fit_options((adaptau_fit_options){0});
}

static void open_fixture(void)
{
    adaptau_model_options lightgcn = {.encoder = ADAPTAU_ENCODER_LIGHTGCN};
    f = (struct fixture){0};
    f.world = open_world((adaptau_context_options){.n_threads = 1}, lightgcn, (adaptau_sampler_options){0},
                         (adaptau_temperature_options){0});
    OK(adaptau_model_create(f.world.context, f.world.data, NULL, &f.mf, &error));
    OK(adaptau_sampler_create(f.world.context, f.world.data, NULL, &f.second, &error));
    f.batch = first_batch(&f.world);
    f.tables = tables_of(f.world.model);
    f.temperatures = (adaptau_row_temperatures){.struct_size = sizeof f.temperatures, .tau = 0.2f};
    f.output = (adaptau_loss_output){.struct_size = sizeof f.output};
    OK(adaptau_evaluator_create(f.world.context, f.world.data, NULL, &f.evaluator, &error));
    f.recipe = (adaptau_recipe){.struct_size = sizeof f.recipe};
    OK(adaptau_recipe_init(&f.recipe, &error));
    f.recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    OK(adaptau_recipe_fill(&f.recipe, f.world.data, &error));
    f.short_recipe = f.recipe;
    f.short_recipe.epochs = 1;
    f.short_recipe.dim = 2;
    f.short_recipe.init = ADAPTAU_INIT_SPHERE;
    OK(adaptau_training_create(f.world.context, f.world.data, &f.recipe, &f.training, &error));
    open_full();
}

static void close_fixture(void)
{
    adaptau_training_destroy(f.training);
    adaptau_model_destroy(f.mf);
    adaptau_sampler_destroy(f.second);
    adaptau_evaluator_destroy(f.evaluator);
    close_world(&f.world);
}

int main(void)
{
    Suite *suite = suite_create("struct sizes");
    TCase *tests = tcase_create("struct sizes");
    tcase_add_checked_fixture(tests, open_fixture, close_fixture);
    tcase_add_loop_test(tests, reads_structs_of_all_callers, 0, n_inputs);
    tcase_add_loop_test(tests, rejects_members_that_it_does_not_know, 0, n_inputs);
    tcase_add_loop_test(tests, writes_structs_of_all_callers, 0, n_outputs);
    tcase_add_loop_test(tests, leaves_the_tail_of_results_alone, 0, n_outputs);
    tcase_add_loop_test(tests, defaults_are_for_all_callers, 0, n_inits);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
