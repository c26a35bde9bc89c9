/* SPDX-License-Identifier: MIT */
/* What the _init calls write is what the comments of the members say, and from there on 0 means 0. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/suite.h"

/* ---- what is written ---------------------------------------------------------------------------------------------- */

/* The struct as the call leaves it, whatever was in it before, is the literal: structs have no padding. */
#define EXPECT_DEFAULTS(type, call, ...)                                                  \
    do {                                                                                  \
        type given, wanted = {__VA_ARGS__};                                               \
        memset(&given, 0xa5, sizeof given);                                               \
        given.struct_size = wanted.struct_size = sizeof given;                            \
        OK(call);                                                                         \
        ck_assert_msg(memcmp(&given, &wanted, sizeof given) == 0, "%s", #call);           \
    } while (0)

START_TEST(structs_of_objects_get_what_the_headers_say)
{
    EXPECT_DEFAULTS(adaptau_adam_options, adaptau_adam_options_init(&given, &error), .learning_rate = 0.02, .beta1 = 0.9,
                    .beta2 = 0.999, .epsilon = 1e-12);
    EXPECT_DEFAULTS(adaptau_target_options, adaptau_target_options_init(&given, &error), .row_weight_exponent = 1.0);
    EXPECT_DEFAULTS(adaptau_reduce, adaptau_reduce_init(&given, &error), .item_pieces = 8);
    EXPECT_DEFAULTS(adaptau_search_options, adaptau_search_options_init(&given, 0.25, &error), .max_trials = 16, .first = 0.25,
                    .factor = sqrt(2.0), .least = 0.25 / 1000.0, .most = 0.25 * 1000.0);
    EXPECT_DEFAULTS(adaptau_fit_options, adaptau_fit_options_init(&given, &error), .cutoff = 20, .eval_every = 1);
    EXPECT_DEFAULTS(adaptau_tune_options, adaptau_tune_options_init(&given, &error), .cutoff = 20, .share = 0.1,
                    .trial_epochs = ADAPTAU_BY_DATA, .user_divisor = ADAPTAU_BY_DATA);
    EXPECT_DEFAULTS(adaptau_model_options, adaptau_model_options_init(&given, &error), .encoder = ADAPTAU_ENCODER_MF, .dim = 64,
                    .init = ADAPTAU_INIT_SPHERE, .n_layers = 3, .learning_rate_users = 0.2, .learning_rate_items = 0.02,
                    .beta1_users = 0.5, .beta1_items = 0.9, .beta2 = 0.999, .epsilon = 1e-12, .gate = 0.5);
}
END_TEST

START_TEST(evaluators_have_one_cutoff)
{
    adaptau_evaluator_options given;
    memset(&given, 0xa5, sizeof given);
    given.struct_size = sizeof given;
    OK(adaptau_evaluator_options_init(&given, &error));
    ck_assert(given.n_cutoffs == 1 && given.cutoffs[0] == 20);
    ck_assert(given.n_masks == 0 && given.n_groups == 0 && !given.masks && !given.item_groups);
}
END_TEST

START_TEST(samplers_have_defaults_of_their_kind)
{
    for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
        const bool rows_are_users = kind == ADAPTAU_SAMPLER_CATALOGUE || kind == ADAPTAU_SAMPLER_SHARED_UNIFORM ||
                                    kind == ADAPTAU_SAMPLER_SHARED_POPULARITY;
        EXPECT_DEFAULTS(adaptau_sampler_options, adaptau_sampler_options_init(&given, kind, &error), .kind = kind,
                        .rows_per_batch = rows_are_users ? 256 : 2048, .n_candidates = 1024,
                        .popularity_exponent = kind == ADAPTAU_SAMPLER_SHARED_POPULARITY ? 0.75 : 0.0, .row_weight_exponent = 1.0);
    }
}
END_TEST

START_TEST(temperatures_have_defaults_of_their_policies)
{
    for (int32_t tau0 = ADAPTAU_TAU0_FIRST_ORDER; tau0 <= ADAPTAU_TAU0_LEARNED; tau0++)
        for (int32_t user = ADAPTAU_TAU_USER_NONE; user <= ADAPTAU_TAU_USER_LEARNED; user++)
            EXPECT_DEFAULTS(adaptau_temperature_options, adaptau_temperature_options_init(&given, tau0, user, &error),
                            .tau0_policy = tau0, .tau_user_policy = user, .warmup_updates = 1, .warmup_delta_mu = 0.7,
                            .tau_min = 0.03, .tau_max = 10.0, .divisor = user == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0,
                            .exact_sample = 1024, .learning_rate = user == ADAPTAU_TAU_USER_LEARNED ? 0.01 : 0.0002);
}
END_TEST

START_TEST(losses_have_their_own_numbers_and_no_others)
{
    static const adaptau_loss losses[] = {
        {.kind = ADAPTAU_LOSS_SOFTMAX},
        {.kind = ADAPTAU_LOSS_BPR},
        {.kind = ADAPTAU_LOSS_BCE, .negative_weight = 1.0},
        {.kind = ADAPTAU_LOSS_MSE, .negative_weight = 1.0},
        {.kind = ADAPTAU_LOSS_CCL, .margin = 0.5, .negative_weight = 1.0},
        {.kind = ADAPTAU_LOSS_SLATK, .top_k = 20, .weight_tau = 1.0},
        {.kind = ADAPTAU_LOSS_BSL, .negative_weight = 1.0, .positive_scale = 1.0},
        {.kind = ADAPTAU_LOSS_PSL, .activation = ADAPTAU_ACTIVATION_RELU},
    };
    for (size_t k = 0; k < sizeof losses / sizeof *losses; k++) {
        adaptau_loss given, wanted = losses[k];
        memset(&given, 0xa5, sizeof given);
        given.struct_size = wanted.struct_size = sizeof given;
        OK(adaptau_loss_init(&given, losses[k].kind, &error));
        ck_assert_msg(memcmp(&given, &wanted, sizeof given) == 0, "loss %d", losses[k].kind);
    }
}
END_TEST

START_TEST(contrastive_terms_have_defaults_of_their_kind)
{
    EXPECT_DEFAULTS(adaptau_contrast_options, adaptau_contrast_options_init(&given, ADAPTAU_CONTRAST_SGL, &error),
                    .kind = ADAPTAU_CONTRAST_SGL, .n_nodes = 2048, .tau = 0.2, .weight = 0.1, .item_weight = 1.0, .edge_dropout = 0.1);
    EXPECT_DEFAULTS(adaptau_contrast_options, adaptau_contrast_options_init(&given, ADAPTAU_CONTRAST_SIMGCL, &error),
                    .kind = ADAPTAU_CONTRAST_SIMGCL, .n_nodes = 2048, .tau = 0.2, .weight = 0.1, .item_weight = 1.0, .noise = 0.1);
    EXPECT_DEFAULTS(adaptau_contrast_options, adaptau_contrast_options_init(&given, ADAPTAU_CONTRAST_NCL, &error),
                    .kind = ADAPTAU_CONTRAST_NCL, .n_nodes = 2048, .tau = 0.1, .weight = 0.1, .item_weight = 1.0, .layer = 2);
}
END_TEST

START_TEST(folds_have_defaults_of_their_model)
{
    for (int32_t encoder = ADAPTAU_ENCODER_MF; encoder <= ADAPTAU_ENCODER_SIMPLEX; encoder++) {
        struct world w = open_world((adaptau_context_options){.n_threads = 1}, (adaptau_model_options){.encoder = encoder},
                                    (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
        for (int32_t user = ADAPTAU_TAU_USER_NONE; user <= ADAPTAU_TAU_USER_RELEASED; user++)
            EXPECT_DEFAULTS(adaptau_fold_in_options, adaptau_fold_in_options_init(&given, w.model, user, &error),
                            .tau_user_policy = user, .n_steps = encoder == ADAPTAU_ENCODER_LIGHTGCN ? 0 : 4,
                            .divisor = user == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0);
        close_world(&w);
    }
}
END_TEST

/* ---- NULL stands for the same -------------------------------------------------------------------------------------- */

static double train_with(const adaptau_model_options *model, const adaptau_sampler_options *sampler,
                         const adaptau_temperature_options *temperature)
{
    struct world w = open_default();
    double       loss;
    adaptau_model_destroy(w.model);
    adaptau_sampler_destroy(w.sampler);
    adaptau_temperature_destroy(w.temperature);
    OK(adaptau_model_create(w.context, w.data, model, &w.model, &error));
    OK(adaptau_sampler_create(w.context, w.data, sampler, &w.sampler, &error));
    OK(adaptau_temperature_create(w.context, w.data, temperature, &w.temperature, &error));
    loss = train(&w, 2);
    close_world(&w);
    return loss;
}

START_TEST(no_struct_is_the_defaults)
{
    const adaptau_model_options       model = full_model_options((adaptau_model_options){0});
    const adaptau_sampler_options     sampler = full_sampler_options((adaptau_sampler_options){0});
    const adaptau_temperature_options temperature = full_temperature_options((adaptau_temperature_options){0});
    ck_assert(train_with(&model, &sampler, &temperature) == train_with(NULL, NULL, NULL));
}
END_TEST

/* ---- a struct of zeros is none -------------------------------------------------------------------------------------- */

static int32_t leave_alone(void *user_data, const adaptau_reduce_piece *piece)
{
    (void)user_data;
    return piece->reserved;
}

/* The message names the member and the call. */
#define EXPECT_REFUSED(call, member, init)                                                                  \
    do {                                                                                                    \
        ck_assert_int_eq((call), ADAPTAU_E_ARGUMENT);                                                       \
        ck_assert_msg(strstr(error.message, member " = 0, but must be "), "%s", error.message);             \
        ck_assert_msg(strstr(error.message, "; adaptau_" init "_init writes the defaults"), "%s", error.message); \
    } while (0)

START_TEST(structs_of_zeros_are_refused_by_name)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 1}, (adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    adaptau_batch                     batch = first_batch(&w);
    adaptau_model                    *model = NULL;
    adaptau_sampler                  *sampler = NULL;
    adaptau_temperature              *temperature = NULL;
    adaptau_evaluator                *evaluator = NULL;
    adaptau_fold_in                  *fold = NULL;
    adaptau_recipe                    recipe = {.struct_size = sizeof recipe};
    const adaptau_model_options       models = {.struct_size = sizeof models};
    const adaptau_sampler_options     samplers = {.struct_size = sizeof samplers};
    const adaptau_temperature_options temperatures = {.struct_size = sizeof temperatures};
    const adaptau_evaluator_options   evaluators = {.struct_size = sizeof evaluators};
    const adaptau_fold_in_options     folds = {.struct_size = sizeof folds, .tau = 0.1};
    const adaptau_contrast_options    contrasts = {.struct_size = sizeof contrasts};
    const adaptau_adam_options        adam = {.struct_size = sizeof adam};
    const adaptau_adam_rows           rows = {.struct_size = sizeof rows, .dim = 1};
    const adaptau_fit_options         fits = {.struct_size = sizeof fits};
    const adaptau_tune_options        tunes = {.struct_size = sizeof tunes};
    const adaptau_reduce              reduces = {.struct_size = sizeof reduces, .function = leave_alone};
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    EXPECT_REFUSED(adaptau_model_create(w.context, w.data, &models, &model, &error), "options->dim", "model_options");
    EXPECT_REFUSED(adaptau_sampler_create(w.context, w.data, &samplers, &sampler, &error), "options->rows_per_batch",
                   "sampler_options");
    EXPECT_REFUSED(adaptau_temperature_create(w.context, w.data, &temperatures, &temperature, &error), "options->exact_sample",
                   "temperature_options");
    EXPECT_REFUSED(adaptau_evaluator_create(w.context, w.data, &evaluators, &evaluator, &error), "options->n_cutoffs",
                   "evaluator_options");
    EXPECT_REFUSED(adaptau_fold_in_create(w.model, w.data, &folds, &fold, &error), "options->divisor", "fold_in_options");
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    EXPECT_REFUSED(adaptau_model_contrast(w.model, &batch, &contrasts, NULL, &error), "options->n_nodes", "contrast_options");
    EXPECT_REFUSED(adaptau_adam(w.context, &adam, 0, NULL, NULL, 0, &rows, &error), "options->epsilon", "adam_options");
    EXPECT_REFUSED(adaptau_fit(w.context, w.data, &recipe, &fits, &model, NULL, &error), "options->cutoff", "fit_options");
    EXPECT_REFUSED(adaptau_tune(w.context, w.data, &tunes, &recipe, NULL, &error), "options->share", "tune_options");
    EXPECT_REFUSED(adaptau_model_set_reduce(w.model, &reduces, &error), "reduce->item_pieces", "reduce");
    ck_assert(!model && !sampler && !temperature && !evaluator && !fold);
    close_world(&w);
}
END_TEST

/* ---- 0 means 0 ------------------------------------------------------------------------------------------------------ */

/* Two steps of Adam in double. */
static double step_by_hand(double x, const double g[2], double rate, double beta1, double beta2, double epsilon)
{
    double first = 0.0, second = 0.0;
    for (int t = 0; t < 2; t++) {
        first = beta1 * first + (1.0 - beta1) * g[t];
        second = beta2 * second + (1.0 - beta2) * g[t] * g[t];
        x -= rate * first / (1.0 - pow(beta1, t + 1)) / (sqrt(second / (1.0 - pow(beta2, t + 1))) + epsilon);
    }
    return x;
}

/* _i: no first decay, no second, neither, no rate. */
START_TEST(adam_without_decay_is_the_plain_step)
{
    const double         g[2] = {0.3, -0.1};
    float                x[1] = {1.0f}, first[1] = {0}, second[1] = {0};
    int32_t              steps[1] = {0};
    adaptau_context     *context = NULL;
    adaptau_adam_rows    rows = {.struct_size = sizeof rows, .dim = 1, .n = 1, .rows = x, .first = first, .second = second, .steps = steps};
    adaptau_adam_options options = full_adam_options((adaptau_adam_options){.learning_rate = 0.25});
    options.beta1 = _i == 0 || _i == 2 ? 0.0 : options.beta1;
    options.beta2 = _i == 1 || _i == 2 ? 0.0 : options.beta2;
    options.learning_rate = _i == 3 ? 0.0 : options.learning_rate;
    OK(adaptau_context_create(NULL, &context, &error));
    for (int t = 0; t < 2; t++) {
        const float gradient = (float)g[t];
        OK(adaptau_adam(context, &options, 1, NULL, &gradient, 0, &rows, &error));
    }
    const double wanted =
        step_by_hand(1.0, g, _i == 3 ? 0.0 : 0.25, _i == 0 || _i == 2 ? 0.0 : 0.9, _i == 1 || _i == 2 ? 0.0 : 0.999, 1e-12);
    ck_assert_msg(fabs((double)x[0] - wanted) < 1e-6, "%.9g, not %.9g", (double)x[0], wanted);
    adaptau_context_destroy(context);
}
END_TEST

/* Row 0 of a side after two steps, and what it should be: the gradients are read between. */
static void check_momentum(int side, double beta1_users, double beta1_items, double rate_users, double rate_items)
{
    adaptau_model_options model = full_model_options((adaptau_model_options){.flags = ADAPTAU_MODEL_FREE_LENGTH, .dim = DIM});
    model.beta1_users = beta1_users;
    model.beta1_items = beta1_items;
    model.learning_rate_users = rate_users;
    model.learning_rate_items = rate_items;
    struct world  w = open_given_world((adaptau_context_options){.n_threads = 1}, model,
                                       full_sampler_options((adaptau_sampler_options){.rows_per_batch = USERS}),
                                       full_temperature_options((adaptau_temperature_options){0}));
    adaptau_batch batch = first_batch(&w);
    double        g[DIM][2], start[DIM];
    const float  *row = NULL;
    for (int t = 0; t < 2; t++) {
        adaptau_gradient_view view = {.struct_size = sizeof view};
        OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
        OK(adaptau_model_get_gradient_view(w.model, &view, &error));
        const adaptau_tables tables = tables_of(w.model);
        row = side == ADAPTAU_SIDE_USERS ? tables.users + view.user_ids[0] * DIM : tables.items;
        for (int k = 0; k < DIM; k++) {
            g[k][t] = (double)(side == ADAPTAU_SIDE_USERS ? view.users : view.items)[k];
            start[k] = t == 0 ? (double)row[k] : start[k];
        }
        OK(adaptau_model_apply(w.model, &error));
    }
    for (int k = 0; k < DIM; k++) {
        const bool   user = side == ADAPTAU_SIDE_USERS;
        const double wanted = step_by_hand(start[k], g[k], user ? rate_users : rate_items, user ? beta1_users : beta1_items, 0.999, 1e-12);
        ck_assert_msg(fabs((double)row[k] - wanted) < 1e-5, "side %d, entry %d: %.9g, not %.9g", side, k, (double)row[k], wanted);
    }
    close_world(&w);
}

START_TEST(no_momentum_and_no_rate_are_just_that)
{
    for (int side = ADAPTAU_SIDE_USERS; side <= ADAPTAU_SIDE_ITEMS; side++) {
        check_momentum(side, 0.0, 0.9, 0.05, 0.05);
        check_momentum(side, 0.5, 0.0, 0.05, 0.05);
        check_momentum(side, 0.5, 0.9, 0.0, 0.05);
        check_momentum(side, 0.5, 0.9, 0.05, 0.0);
    }
}
END_TEST

/* Learning rates of 0 are a model's like any other, also of one that grows. */
START_TEST(a_frozen_model_grows_frozen)
{
    struct world         w = open_world((adaptau_context_options){.n_threads = 1},
                                        (adaptau_model_options){.flags = ADAPTAU_MODEL_FREE_LENGTH}, (adaptau_sampler_options){0},
                                        (adaptau_temperature_options){0});
    static float         users[USERS * DIM], items[ITEMS * DIM];
    adaptau_model       *grown = NULL;
    const adaptau_batch  batch = first_batch(&w);
    OK(adaptau_model_set_learning_rates(w.model, 0.0, 0.0, &error));
    OK(adaptau_model_grow(w.model, w.data, NULL, &grown, &error));
    memcpy(users, tables_of(grown).users, sizeof users);
    memcpy(items, tables_of(grown).items, sizeof items);
    OK(adaptau_model_gradients(grown, &batch, w.temperature, NULL, &error));
    OK(adaptau_model_apply(grown, &error));
    ck_assert_mem_eq(tables_of(grown).users, users, sizeof users);
    ck_assert_mem_eq(tables_of(grown).items, items, sizeof items);
    adaptau_model_destroy(grown);
    close_world(&w);
}
END_TEST

/* One user with scores 1 and 0.6, whose positive is the first: (1 − 1) + (max(0, 1 − θ) + max(0, 0.6 − θ))/2. */
START_TEST(a_margin_of_0_counts_every_positive_score)
{
    static const float             users[2] = {1.0f, 0.0f}, items[4] = {1.0f, 0.0f, 0.6f, 0.8f};
    static const int64_t           ptr[2] = {0, 1};
    static const int32_t           positive[1] = {0};
    const adaptau_tables           tables = {.struct_size = sizeof tables, .n_users = 1, .n_items = 2, .dim = 2,
                                             .users = users, .items = items};
    const adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 1, .positive_ptr = ptr, .positives = positive};
    const adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = 1.0f};
    adaptau_loss_output            output = {.struct_size = sizeof output};
    adaptau_loss                   loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_CCL});
    adaptau_context               *context = NULL;
    OK(adaptau_context_create(NULL, &context, &error));
    OK(adaptau_loss_gradients(context, &tables, &batch, &temperatures, &loss, &output, &error));
    ck_assert_double_eq_tol(output.loss, 0.3, 1e-6);
    loss.margin = 0.0;
    OK(adaptau_loss_gradients(context, &tables, &batch, &temperatures, &loss, &output, &error));
    ck_assert_double_eq_tol(output.loss, 0.8, 1e-6);
    adaptau_context_destroy(context);
}
END_TEST

static double contrast_of(struct world *w, const adaptau_batch *batch, const adaptau_contrast_options *options)
{
    double loss = NAN;
    OK(adaptau_model_gradients(w->model, batch, w->temperature, NULL, &error));
    OK(adaptau_model_contrast(w->model, batch, options, &loss, &error));
    return loss;
}

START_TEST(contrast_of_weight_0_is_none)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 1}, (adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    adaptau_batch            batch = first_batch(&w);
    adaptau_contrast_options options = full_contrast_options((adaptau_contrast_options){.kind = ADAPTAU_CONTRAST_SGL});
    adaptau_gradient_view    view = {.struct_size = sizeof view};
    static float             before[USERS * DIM];
    double                   sums[3], dropped[2];
    dropped[0] = contrast_of(&w, &batch, &options);
    dropped[1] = contrast_of(&w, &batch, &options);
    ck_assert(dropped[0] != dropped[1]); /* other edges in each call                                              */

    options.edge_dropout = 0.0; /* then both views are the graph, and nothing is drawn                           */
    for (int k = 0; k < 3; k++) {
        options.item_weight = k;
        sums[k] = contrast_of(&w, &batch, &options);
    }
    options.item_weight = 0.0;
    ck_assert(contrast_of(&w, &batch, &options) == sums[0]);
    ck_assert(sums[0] > 0.0 && sums[1] > sums[0]);
    ck_assert_double_eq_tol(sums[2] - sums[1], sums[1] - sums[0], 1e-9 * sums[2]);

    options.weight = 0.0;
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    OK(adaptau_model_get_gradient_view(w.model, &view, &error));
    memcpy(before, view.users, sizeof before);
    ck_assert(contrast_of(&w, &batch, &options) == 0.0);
    OK(adaptau_model_get_gradient_view(w.model, &view, &error));
    ck_assert_mem_eq(view.users, before, sizeof before);

    options = full_contrast_options((adaptau_contrast_options){.kind = ADAPTAU_CONTRAST_SIMGCL});
    dropped[0] = contrast_of(&w, &batch, &options);
    ck_assert(contrast_of(&w, &batch, &options) != dropped[0]); /* other noise in each call                       */
    options.noise = 0.0;
    dropped[0] = contrast_of(&w, &batch, &options);
    ck_assert(contrast_of(&w, &batch, &options) == dropped[0]);
    close_world(&w);
}
END_TEST

/* Item 0 has 40 users, item 1 one, item 2 none. */
START_TEST(popularity_of_exponent_0_draws_what_anybody_has_alike)
{
    enum { MANY = 40, DRAWS = 4000 };
    int32_t                 users[MANY + 1], items[MANY + 1], counts[3] = {0};
    adaptau_context        *context = NULL;
    adaptau_dataset        *data = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_batch           batch = {.struct_size = sizeof batch};
    adaptau_sampler_options options =
        full_sampler_options((adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_SHARED_POPULARITY, .n_candidates = DRAWS});
    for (int p = 0; p <= MANY; p++) {
        users[p] = p < MANY ? p : 0;
        items[p] = p == MANY;
    }
    options.popularity_exponent = 0.0;
    OK(adaptau_context_create(NULL, &context, &error));
    OK(adaptau_dataset_create_from_interactions(context, MANY, 3, MANY + 1, users, items, NULL, &data, &error));
    OK(adaptau_sampler_create(context, data, &options, &sampler, &error));
    OK(adaptau_sampler_begin_epoch(sampler, 0, &error));
    OK(adaptau_sampler_next(sampler, &batch, &error));
    for (int k = 0; k < DRAWS; k++)
        counts[batch.candidate_ids[k]]++;
    ck_assert_int_eq(counts[2], 0);
    ck_assert_msg(abs(counts[0] - DRAWS / 2) < 200, "%d and %d", counts[0], counts[1]); /* six standard deviations  */
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(rows_of_weight_exponent_0_weigh_alike)
{
    adaptau_sampler_options options = full_sampler_options((adaptau_sampler_options){.rows_per_batch = 32});
    options.row_weight_exponent = 0.0;
    struct world w = open_given_world((adaptau_context_options){.n_threads = 1}, full_model_options((adaptau_model_options){.dim = DIM}),
                                      options, full_temperature_options((adaptau_temperature_options){0}));
    const adaptau_batch batch = first_batch(&w);
    for (int32_t r = 0; r < batch.n_rows; r++)
        ck_assert_double_eq_tol((double)batch.row_weights[r] * (double)(batch.positive_ptr[r + 1] - batch.positive_ptr[r]), 1.0, 1e-6);
    close_world(&w);
}
END_TEST

START_TEST(soft_targets_take_the_weight_exponent_of_rows)
{
    static float gradients[3][ITEMS * DIM];
    for (int k = 0; k < 3; k++) { /* an exponent of 0, next to 0, and the default                                */
        struct world           w = open_default();
        adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 3.0});
        adaptau_gradient_view  view = {.struct_size = sizeof view};
        adaptau_batch          batch = first_batch(&w);
        targets.row_weight_exponent = k == 0 ? 0.0 : k == 1 ? 1e-12 : targets.row_weight_exponent;
        OK(adaptau_model_update_targets(w.model, w.data, w.temperature, &targets, &error));
        OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
        OK(adaptau_model_get_gradient_view(w.model, &view, &error));
        memcpy(gradients[k], view.items, sizeof gradients[k]);
        close_world(&w);
    }
    double near = 0.0, far = 0.0;
    for (int i = 0; i < ITEMS * DIM; i++) {
        const double to_near = fabs((double)gradients[0][i] - (double)gradients[1][i]);
        const double to_far = fabs((double)gradients[0][i] - (double)gradients[2][i]);
        near = to_near > near ? to_near : near; /* fmax would crash gcc 12 for arm64                             */
        far = to_far > far ? to_far : far;
    }
    ck_assert_msg(near < 1e-6 && far > 1e-3, "%g from the exponent next to it, %g from the default", near, far);
}
END_TEST

START_TEST(without_warm_up_the_first_update_measures)
{
    adaptau_temperature_options options = full_temperature_options((adaptau_temperature_options){0});
    adaptau_temperature_state   state = {.struct_size = sizeof state};
    options.warmup_updates = 0;
    struct world w = open_given_world((adaptau_context_options){.n_threads = 1},
                                      full_model_options((adaptau_model_options){.dim = DIM, .init = ADAPTAU_INIT_SPECTRAL}),
                                      full_sampler_options((adaptau_sampler_options){0}), options);
    OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
    OK(adaptau_temperature_get_state(w.temperature, &state, &error));
    ck_assert_uint_eq(state.flags & ADAPTAU_TEMPERATURE_WARMING_UP, 0);
    ck_assert_double_eq_tol(state.tau0, adaptau_tau0_eq14(state.mean_positive, state.mean_all, state.log_ratio), 1e-12);
    close_world(&w);
}
END_TEST

START_TEST(a_learned_temperature_of_rate_0_stays)
{
    adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_LEARNED, .tau = 0.3});
    adaptau_temperature_state state = {.struct_size = sizeof state};
    const int32_t             user = 0;
    const float               slope = 2.0f;
    for (int moves = 0; moves < 2; moves++) {
        options.learning_rate = moves ? 0.1 : 0.0;
        struct world w = open_given_world((adaptau_context_options){.n_threads = 1},
                                          full_model_options((adaptau_model_options){.dim = DIM}),
                                          full_sampler_options((adaptau_sampler_options){0}), options);
        OK(adaptau_temperature_learn(w.temperature, 1, &user, &slope, NULL, &error));
        OK(adaptau_temperature_get_state(w.temperature, &state, &error));
        ck_assert_int_eq(fabs(state.tau0 - 0.3) > 1e-3, moves);
        close_world(&w);
    }
}
END_TEST

/* Worse upwards: the trials go down to the bound, or as far as their number allows. */
static double lowest_trial(adaptau_context *context, double least)
{
    adaptau_search_options options = full_search_options((adaptau_search_options){.first = 1.0, .factor = 2.0});
    adaptau_search        *search = NULL;
    double                 value = NAN, lowest = 1.0;
    options.least = least >= 0.0 ? least : options.least;
    OK(adaptau_search_create(context, &options, &search, &error));
    for (;;) {
        OK(adaptau_search_next(search, &value, &error));
        if (value == 0.0)
            break;
        lowest = fmin(lowest, value);
        OK(adaptau_search_report(search, -value, &error));
    }
    adaptau_search_destroy(search);
    return lowest;
}

START_TEST(a_search_without_a_lower_bound_goes_on)
{
    adaptau_context *context = NULL;
    OK(adaptau_context_create(NULL, &context, &error));
    ck_assert_double_eq(lowest_trial(context, -1.0), ldexp(1.0, -9)); /* the default is first/1000               */
    ck_assert_double_eq(lowest_trial(context, 0.0), ldexp(1.0, -14)); /* 16 trials, of which one was upwards     */
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("defaults");
    TCase *tests = tcase_create("defaults");
    tcase_add_test(tests, structs_of_objects_get_what_the_headers_say);
    tcase_add_test(tests, evaluators_have_one_cutoff);
    tcase_add_test(tests, samplers_have_defaults_of_their_kind);
    tcase_add_test(tests, temperatures_have_defaults_of_their_policies);
    tcase_add_test(tests, losses_have_their_own_numbers_and_no_others);
    tcase_add_test(tests, contrastive_terms_have_defaults_of_their_kind);
    tcase_add_test(tests, folds_have_defaults_of_their_model);
    tcase_add_test(tests, no_struct_is_the_defaults);
    tcase_add_test(tests, structs_of_zeros_are_refused_by_name);
    tcase_add_loop_test(tests, adam_without_decay_is_the_plain_step, 0, 4);
    tcase_add_test(tests, no_momentum_and_no_rate_are_just_that);
    tcase_add_test(tests, a_frozen_model_grows_frozen);
    tcase_add_test(tests, a_margin_of_0_counts_every_positive_score);
    tcase_add_test(tests, contrast_of_weight_0_is_none);
    tcase_add_test(tests, popularity_of_exponent_0_draws_what_anybody_has_alike);
    tcase_add_test(tests, rows_of_weight_exponent_0_weigh_alike);
    tcase_add_test(tests, soft_targets_take_the_weight_exponent_of_rows);
    tcase_add_test(tests, without_warm_up_the_first_update_measures);
    tcase_add_test(tests, a_learned_temperature_of_rate_0_stays);
    tcase_add_test(tests, a_search_without_a_lower_bound_goes_on);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
