/* SPDX-License-Identifier: MIT */
/* What hosts do that come with a model, a loss or an evaluator of their own: a training goes on from a model that exists, a host's
 * losses reach a temperature, a model is evaluated without a training, and adaptau_fit tells all that it found. */
#include <adaptau/adaptau.h>

#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/suite.h"
#include "../support/training_fixture.h"

#define EPOCHS 3

/* ---- parts ---------------------------------------------------------------------------------------------------------- */

static adaptau_recipe new_recipe(void)
{
    adaptau_recipe recipe = make_recipe(EPOCHS);
    recipe.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS;
    recipe.rows_per_batch = 32;
    return recipe;
}

static adaptau_model *new_model(adaptau_context *context, const adaptau_dataset *data, adaptau_recipe recipe)
{
    adaptau_model_options options = {.struct_size = sizeof options};
    adaptau_loss          loss = {.struct_size = sizeof loss};
    adaptau_model        *model = NULL;
    OK(adaptau_recipe_fill(&recipe, data, &error));
    OK(adaptau_recipe_model_options(&recipe, &options, &error));
    OK(adaptau_recipe_loss(&recipe, &loss, &error));
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_model_set_loss(model, &loss, &error));
    return model;
}

static adaptau_temperature *new_temperature(adaptau_context *context, const adaptau_dataset *data, adaptau_recipe recipe)
{
    adaptau_temperature_options options = {.struct_size = sizeof options};
    adaptau_temperature        *temperature = NULL;
    OK(adaptau_recipe_fill(&recipe, data, &error));
    OK(adaptau_recipe_temperature_options(&recipe, &options, &error));
    OK(adaptau_temperature_create(context, data, &options, &temperature, &error));
    return temperature;
}

static void expect_same_tables(const adaptau_model *a, const adaptau_model *b)
{
    const adaptau_tables x = tables_of(a), y = tables_of(b);
    ck_assert_mem_eq(x.users, y.users, USERS * DIM * sizeof(float));
    ck_assert_mem_eq(x.items, y.items, ITEMS * DIM * sizeof(float));
    ck_assert(!x.item_bias == !y.item_bias);
    if (x.item_bias)
        ck_assert_mem_eq(x.item_bias, y.item_bias, ITEMS * sizeof(float));
}

/* The world's interactions, and 10 users and 5 items more. */
static adaptau_dataset *larger_data(adaptau_context *context, const adaptau_dataset *data)
{
    enum { NEW = 10, EACH = 6, MOST = 4000 };
    static int32_t   users[MOST], items[MOST];
    adaptau_dataset *larger = NULL;
    int32_t          n = copy_interactions(data, users, items);
    for (int32_t u = USERS; u < USERS + NEW; u++)
        for (int32_t k = 0; k < EACH; k++) {
            users[n] = u;
            items[n++] = (u * 7 + k * GROUPS) % (ITEMS + 5);
        }
    OK(adaptau_dataset_create_from_interactions(context, USERS + NEW, ITEMS + 5, n, users, items, NULL, &larger, &error));
    return larger;
}

/* ---- a training of a model that exists ------------------------------------------------------------------------------- */

START_TEST(goes_on_with_a_model_as_with_one_of_its_own)
{
    struct world        w = open_default();
    adaptau_recipe      recipe = new_recipe();
    adaptau_training   *whole = NULL, *from = NULL;
    OK(adaptau_training_create(w.context, w.data, &recipe, &whole, &error));
    const double loss = train_epochs(whole, EPOCHS);
    for (int with_temperature = 0; with_temperature < 2; with_temperature++) {
        adaptau_temperature *temperature = with_temperature ? new_temperature(w.context, w.data, recipe) : NULL;
        adaptau_model       *model = new_model(w.context, w.data, recipe);
        OK(adaptau_training_create_from(w.context, w.data, &recipe, model, temperature, &from, &error));
        ck_assert_ptr_eq(adaptau_training_model(from), model);
        ck_assert(!temperature || adaptau_training_temperature(from) == temperature);
        ck_assert(train_epochs(from, EPOCHS) == loss);
        expect_same_tables(adaptau_training_model(from), adaptau_training_model(whole));
        adaptau_training_destroy(from);
    }
    adaptau_training_destroy(whole);
    close_world(&w);
}
END_TEST

START_TEST(takes_a_grown_model_and_a_grown_temperature)
{
    struct world         w = open_default();
    adaptau_recipe       recipe = new_recipe();
    adaptau_training    *training = NULL, *further = NULL;
    adaptau_model       *grown = NULL;
    adaptau_temperature *temperature = NULL;
    adaptau_fold_in_options said = {.struct_size = sizeof said};
    OK(adaptau_training_create(w.context, w.data, &recipe, &training, &error));
    train_epochs(training, EPOCHS);
    adaptau_dataset *more = larger_data(w.context, w.data);
    recipe = recipe_of(training);
    OK(adaptau_model_grow(adaptau_training_model(training), more, NULL, &grown, &error));
    OK(adaptau_temperature_grow(adaptau_training_temperature(training), more, &temperature, &error));
    ck_assert_int_eq(adaptau_training_create_from(w.context, w.data, &recipe, grown, temperature, &further, &error), ADAPTAU_E_SHAPE);
    ck_assert_ptr_null(further);
    OK(adaptau_training_create_from(w.context, more, &recipe, grown, temperature, &further, &error));
    adaptau_training_destroy(training); /* nothing of it is needed any more                                      */
    train_epochs(further, EPOCHS);
    grown = adaptau_training_take_model(further);
    OK(adaptau_model_get_fold_in(grown, &said, &error));
    ck_assert_int_eq(said.tau_user_policy, ADAPTAU_TAU_USER_BY_LOSS);
    ck_assert_int_eq(adaptau_model_n_users(grown), USERS + 10);
    adaptau_training_destroy(further);
    adaptau_model_destroy(grown);
    adaptau_dataset_destroy(more);
    close_world(&w);
}
END_TEST

/* By default a recipe leaves the temperature to trials. */
START_TEST(takes_the_temperature_that_the_model_was_trained_with)
{
    struct world         w = open_default();
    adaptau_recipe       recipe = new_recipe();
    adaptau_training    *training = NULL;
    adaptau_model       *model = new_model(w.context, w.data, recipe);
    const adaptau_fold_in_options said = {
        .struct_size = sizeof said, .tau = 0.17, .divisor = 2.0, .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS};
    OK(adaptau_model_set_fold_in(model, NULL, &said, &error));
    recipe.tau0_policy = recipe.tau_user_policy = ADAPTAU_BY_DATA;
    OK(adaptau_training_create_from(w.context, w.data, &recipe, model, NULL, &training, &error));
    adaptau_recipe filled = recipe_of(training);
    ck_assert(filled.tau0_policy == ADAPTAU_TAU0_FIXED && filled.tau == 0.17);
    ck_assert_int_eq(filled.tau_user_policy, ADAPTAU_TAU_USER_BY_LOSS);
    model = adaptau_training_take_model(training);
    adaptau_training_destroy(training);
    recipe.tau_user_policy = ADAPTAU_TAU_USER_NONE; /* what the host says stays                                  */
    OK(adaptau_training_create_from(w.context, w.data, &recipe, model, NULL, &training, &error));
    filled = recipe_of(training);
    ck_assert(filled.tau == 0.17 && filled.tau_user_policy == ADAPTAU_TAU_USER_NONE);
    model = adaptau_training_take_model(training);
    adaptau_training_destroy(training);
    recipe.tau0_policy = ADAPTAU_TAU0_FIXED;
    recipe.tau = 0.3;
    OK(adaptau_training_create_from(w.context, w.data, &recipe, model, NULL, &training, &error));
    ck_assert(recipe_of(training).tau == 0.3);
    adaptau_training_destroy(training);
    close_world(&w);
}
END_TEST

/* Without a word of the model's trials find it, unless a temperature is given. */
START_TEST(searches_only_where_nobody_knows_the_temperature)
{
    struct world      w = open_default();
    adaptau_recipe    recipe = new_recipe(), tuned = recipe;
    adaptau_training *training = NULL;
    recipe.tau0_policy = tuned.tau0_policy = ADAPTAU_TAU0_HELD_OUT;
    OK(adaptau_tune(w.context, w.data, NULL, &tuned, NULL, &error));
    OK(adaptau_training_create_from(w.context, w.data, &recipe, new_model(w.context, w.data, new_recipe()), NULL, &training, &error));
    ck_assert(recipe_of(training).tau0_policy == ADAPTAU_TAU0_FIXED && recipe_of(training).tau == tuned.tau);
    adaptau_training_destroy(training);
    OK(adaptau_training_create_from(w.context, w.data, &recipe, new_model(w.context, w.data, new_recipe()),
                                    new_temperature(w.context, w.data, new_recipe()), &training, &error));
    ck_assert_int_eq(recipe_of(training).tau0_policy, ADAPTAU_TAU0_HELD_OUT);
    train_epochs(training, EPOCHS);
    adaptau_training_destroy(training);
    close_world(&w);
}
END_TEST

START_TEST(a_loaded_graph_is_trained_after_it_has_grown_by_nothing)
{
    struct world      w = open_default();
    adaptau_recipe    recipe = new_recipe();
    adaptau_training *training = NULL;
    adaptau_model    *loaded = NULL, *grown = NULL;
    recipe.encoder = ADAPTAU_ENCODER_LIGHTGCN;
    adaptau_model *made = new_model(w.context, w.data, recipe);
    OK(adaptau_model_save(made, path, &error));
    OK(adaptau_model_load(w.context, path, &loaded, &error));
    OK(adaptau_model_grow(loaded, w.data, NULL, &grown, &error));
    OK(adaptau_training_create_from(w.context, w.data, &recipe, grown, NULL, &training, &error));
    train_epochs(training, EPOCHS);
    adaptau_training_destroy(training);
    adaptau_model_destroy(loaded);
    adaptau_model_destroy(made);
    close_world(&w);
}
END_TEST

START_TEST(what_was_given_is_still_the_hosts_where_memory_runs_out)
{
    struct host          host;
    adaptau_context     *context = open_host(&host, 1, false);
    adaptau_dataset     *data = make_data(context);
    const adaptau_recipe recipe = new_recipe();
    adaptau_model       *model = new_model(context, data, recipe);
    adaptau_temperature *temperature = new_temperature(context, data, recipe);
    adaptau_training    *training = NULL;
    const int64_t        before = host.bytes;
    adaptau_status       status = ADAPTAU_E_MEMORY;
    int                  n = 0;
    for (; status == ADAPTAU_E_MEMORY; n++) {
        host.allocations_left = n / 2;
        host.fails_once = true;
        status = adaptau_training_create_from(context, data, &recipe, model, n % 2 ? temperature : NULL, &training, &error);
        ck_assert(status == ADAPTAU_OK || host.bytes == before);
    }
    host.allocations_left = INT64_MAX;
    ck_assert_int_eq(status, ADAPTAU_OK);
    ck_assert_int_gt(n, 4);
    train_epochs(training, EPOCHS);
    const bool given = adaptau_training_temperature(training) == temperature;
    adaptau_training_destroy(training);
    adaptau_temperature_destroy(given ? NULL : temperature);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

/* ---- losses of a host's ----------------------------------------------------------------------------------------------- */

#define ROWS 40

/* Rows of 0, 1, 2 or 3 positives, two of them of one user, with weights in turn. */
struct rows {
    int32_t       users[ROWS], positives[3 * ROWS], candidates[ROWS * 7];
    int64_t       ptr[ROWS + 1];
    float         weights[3 * ROWS], row_weights[ROWS];
    adaptau_batch batch;
};

static void fill_rows(struct rows *rows, int32_t candidates, bool weighted)
{
    for (int r = 0; r < ROWS; r++) {
        rows->users[r] = r == ROWS - 1 ? 0 : r;
        rows->row_weights[r] = 0.5f + (float)(r % 3);
        rows->ptr[r + 1] = rows->ptr[r] + r % 4;
        for (int k = 0; k < r % 4; k++) {
            rows->positives[rows->ptr[r] + k] = (r * 3 + k * 50) % 150 + k;
            rows->weights[rows->ptr[r] + k] = 0.25f + (float)((r + k) % 5);
        }
        for (int k = 1; k < r % 4; k++) { /* ascending                                                           */
            int32_t *p = rows->positives + rows->ptr[r];
            p[k] = p[k] <= p[k - 1] ? p[k - 1] + 1 : p[k];
        }
    }
    for (int c = 0; c < ROWS * 7; c++)
        rows->candidates[c] = c * 11 % ITEMS;
    rows->batch = (adaptau_batch){.struct_size = sizeof rows->batch, .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM, .n_rows = ROWS,
                                  .users = rows->users, .positive_ptr = rows->ptr, .positives = rows->positives,
                                  .candidates = candidates, .row_weights = rows->row_weights,
                                  .positive_weights = weighted ? rows->weights : NULL};
    if (candidates != ADAPTAU_CANDIDATES_CATALOGUE) {
        rows->batch.n_candidates = 7;
        rows->batch.candidate_ids = rows->candidates;
    }
}

START_TEST(rows_tell_what_their_positives_weigh)
{
    struct world w = open_default();
    for (int c = 0; c < 2 * 3 * 8; c++) {
        const bool                     weighted = c & 1;
        const int32_t                  candidates = c / 2 % 3, kind = c / 6;
        static struct rows             rows;
        float                          terms[ROWS];
        adaptau_loss                   loss = {.struct_size = sizeof loss};
        const adaptau_tables           tables = tables_of(w.model);
        const adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 0.2f};
        adaptau_loss_output            output = {.struct_size = sizeof output, .row_terms = terms};
        memset(terms, 0xff, sizeof terms);
        memset(&rows, 0, sizeof rows);
        fill_rows(&rows, candidates, weighted);
        OK(adaptau_loss_init(&loss, kind, &error));
        OK(adaptau_loss_gradients(w.context, &tables, &rows.batch, &tau, &loss, &output, &error));
        for (int r = 0; r < ROWS; r++) {
            double wanted = 0.0;
            for (int64_t p = rows.ptr[r]; p < rows.ptr[r + 1]; p++)
                wanted += weighted ? (double)rows.weights[p] : 1.0;
            ck_assert_msg((double)terms[r] == wanted, "loss %d, candidates %d: row %d has %g, not %g", kind, candidates, r,
                          (double)terms[r], wanted);
        }
    }
    close_world(&w);
}
END_TEST

/* A host with tables of its own teaches its temperature what adaptau_model_gradients teaches a model's. */
START_TEST(a_hosts_losses_make_the_temperatures_that_a_models_make)
{
    for (int weighted = 0; weighted < 2; weighted++) {
        struct world w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0}, (adaptau_sampler_options){0},
                                    (adaptau_temperature_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
        static struct rows     rows;
        float                  tau[ROWS], unit[ROWS], terms[ROWS];
        adaptau_temperature   *own = NULL;
        adaptau_row_temperatures taus = {.struct_size = sizeof taus, .candidates = tau};
        adaptau_loss_output      output = {.struct_size = sizeof output, .row_unit_loss = unit, .row_terms = terms};
        const adaptau_temperature_options options =
            full_temperature_options((adaptau_temperature_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
        memset(&rows, 0, sizeof rows);
        fill_rows(&rows, ADAPTAU_CANDIDATES_CATALOGUE, weighted);
        OK(adaptau_temperature_create(w.context, w.data, &options, &own, &error));
        OK(adaptau_model_gradients(w.model, &rows.batch, w.temperature, NULL, &error));
        const adaptau_tables tables = tables_of(w.model);
        OK(adaptau_temperature_rows(own, ROWS, rows.users, tau, NULL, &error));
        OK(adaptau_loss_gradients(w.context, &tables, &rows.batch, &taus, NULL, &output, &error));
        OK(adaptau_temperature_add_losses(own, ROWS, rows.users, unit, terms, &error));
        OK(adaptau_temperature_update(own, &tables, &error));
        OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
        ck_assert_mem_eq(adaptau_temperature_unit_losses(own), adaptau_temperature_unit_losses(w.temperature), USERS * sizeof(float));
        ck_assert_mem_eq(adaptau_temperature_user_taus(own), adaptau_temperature_user_taus(w.temperature), USERS * sizeof(float));
        ck_assert(adaptau_temperature_user_taus(own)[1] != adaptau_temperature_user_taus(own)[2]);
        adaptau_temperature_destroy(own);
        close_world(&w);
    }
}
END_TEST

/* ---- an evaluator asks a model ---------------------------------------------------------------------------------------- */

START_TEST(evaluates_models_as_their_tables)
{
    for (int encoder = ADAPTAU_ENCODER_MF; encoder <= ADAPTAU_ENCODER_SIMPLEX; encoder++) {
        struct world w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){.encoder = encoder},
                                    (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
        adaptau_evaluator *evaluator = NULL;
        adaptau_model     *loaded = NULL;
        double             by_tables = 0, by_model = 0;
        train(&w, 2);
        OK(adaptau_evaluator_create(w.context, w.data, NULL, &evaluator, &error));
        const adaptau_tables tables = tables_of(w.model);
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
        OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_NDCG, 20, &by_tables, &error));
        ck_assert(by_tables > 0.1);
        OK(adaptau_model_evaluate(w.model, evaluator, &error));
        OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_NDCG, 20, &by_model, &error));
        ck_assert(by_model == by_tables);
        OK(adaptau_model_save(w.model, path, &error));
        OK(adaptau_model_load(w.context, path, &loaded, &error));
        OK(adaptau_model_evaluate(loaded, evaluator, &error));
        OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_NDCG, 20, &by_model, &error));
        ck_assert(by_model == by_tables);
        adaptau_model_destroy(loaded);
        adaptau_evaluator_destroy(evaluator);
        close_world(&w);
    }
}
END_TEST

/* ---- what a fit found ------------------------------------------------------------------------------------------------- */

START_TEST(fit_tells_the_recipe_and_the_fold_in)
{
    struct world            w = open_default();
    adaptau_recipe          recipe = new_recipe(), trained = {.struct_size = sizeof trained};
    adaptau_fold_in_options fold_in = {.struct_size = sizeof fold_in}, said = {.struct_size = sizeof said};
    adaptau_fit_result      result = {.struct_size = sizeof result, .recipe = &trained, .fold_in = &fold_in};
    adaptau_fit_options     options = {.struct_size = sizeof options};
    adaptau_model          *model = NULL, *again = NULL;
    adaptau_recipe          tuned;
    recipe.tau0_policy = recipe.tau_user_policy = ADAPTAU_BY_DATA;
    recipe.epochs = ADAPTAU_BY_DATA;
    OK(adaptau_fit_options_init(&options, &error));
    options.held_out_share = 0.2;
    tuned = recipe;
    OK(adaptau_fit(w.context, w.data, &recipe, &options, &model, &result, &error));
    ck_assert(trained.tau0_policy == ADAPTAU_TAU0_FIXED && trained.tau == result.tau0);
    ck_assert_int_ne(trained.tau_user_policy, ADAPTAU_BY_DATA);
    OK(adaptau_recipe_fill(&tuned, w.data, &error));
    ck_assert_int_eq(trained.epochs, tuned.epochs);
    ck_assert_ptr_eq(result.recipe, &trained);
    OK(adaptau_model_get_fold_in(model, &said, &error));
    ck_assert_mem_eq(&said, &fold_in, sizeof said);
    ck_assert(fold_in.tau == result.tau0);
    /* By that recipe the same model comes again, without a search. */
    options.held_out_share = 0;
    options.n_epochs = result.n_epochs;
    OK(adaptau_fit(w.context, w.data, &trained, &options, &again, NULL, &error));
    expect_same_tables(model, again);
    adaptau_model_destroy(model);
    adaptau_model_destroy(again);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hosts");
    TCase *tests = tcase_create("hosts");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, goes_on_with_a_model_as_with_one_of_its_own);
    tcase_add_test(tests, takes_a_grown_model_and_a_grown_temperature);
    tcase_add_test(tests, takes_the_temperature_that_the_model_was_trained_with);
    tcase_add_test(tests, searches_only_where_nobody_knows_the_temperature);
    tcase_add_test(tests, a_loaded_graph_is_trained_after_it_has_grown_by_nothing);
    tcase_add_test(tests, what_was_given_is_still_the_hosts_where_memory_runs_out);
    tcase_add_test(tests, rows_tell_what_their_positives_weigh);
    tcase_add_test(tests, a_hosts_losses_make_the_temperatures_that_a_models_make);
    tcase_add_test(tests, evaluates_models_as_their_tables);
    tcase_add_test(tests, fit_tells_the_recipe_and_the_fold_in);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
