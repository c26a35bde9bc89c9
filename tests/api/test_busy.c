/* SPDX-License-Identifier: MIT */
/* Objects in use: calls that change one run alone, calls that read it run side by side, and E_STATE is all that happens
 * otherwise. A host's executor calls back into the object that is being served, which a second thread could do at that moment;
 * real threads follow, for ThreadSanitizer to watch. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"

#define K 5

static struct world         world;
static struct host          host;
static adaptau_evaluator   *evaluator;
static adaptau_temperature *other; /* of the same size: not in use while the model is                         */
static adaptau_batch        first;

static adaptau_status wanted_of_readers; /* when a call of ours is inside                                     */
static int            n_inside, depth;

/* With the host's executor and allocator, or with a pool. */
static void open_all(bool hosted)
{
    adaptau_context_options   options = hosted ? host_options(&host, 3, true) : (adaptau_context_options){.n_threads = 2};
    adaptau_evaluator_options evaluation = full_evaluator_options((adaptau_evaluator_options){.n_groups = 1});
    int32_t                   groups[ITEMS] = {0};
    host = new_host();
    world = open_world(options, (adaptau_model_options){.flags = ADAPTAU_MODEL_FREE_LENGTH}, (adaptau_sampler_options){0},
                       (adaptau_temperature_options){0});
    evaluation.item_groups = groups;
    OK(adaptau_evaluator_create(world.context, world.data, &evaluation, &evaluator, &error));
    OK(adaptau_temperature_create(world.context, world.data, NULL, &other, &error));
    train(&world, 1);
    first = first_batch(&world);
    depth = 0;
    adaptau_tables tables = tables_of(world.model);
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
}

static void close_all(void)
{
    adaptau_temperature_destroy(other);
    adaptau_evaluator_destroy(evaluator);
    close_world(&world);
    ck_assert_int_eq(host.bytes, 0);
}

static adaptau_status rank(int32_t items[USERS * K])
{
    int32_t users[USERS];
    for (int32_t u = 0; u < USERS; u++)
        users[u] = u;
    return top_items(world.model, USERS, users, K, world.data, items, NULL, NULL);
}

static adaptau_status fold_and_rank(void)
{
    const adaptau_fold_in_options options =
        full_fold_in_options(world.model, (adaptau_fold_in_options){.tau = 0.2, .n_steps = 1});
    const int64_t              ptr[2] = {0, 1};
    const int32_t              item = 3;
    int32_t                    best;
    float                      embedding[DIM];
    adaptau_fold_in              *fold = NULL;
    adaptau_status             status = adaptau_fold_in_create(world.model, world.data, &options, &fold, NULL);
    if (status == ADAPTAU_OK)
        status = adaptau_fold_in_users(fold, 1, ptr, &item, NULL, embedding, NULL, NULL);
    if (status == ADAPTAU_OK)
        status = top_items_for(world.model, 1, embedding, 0, 1, NULL, &best, NULL, NULL);
    adaptau_fold_in_destroy(fold);
    return status;
}

static adaptau_status grow(void)
{
    adaptau_model *grown = NULL;
    adaptau_status status = adaptau_model_grow(world.model, world.data, NULL, &grown, NULL);
    adaptau_model_destroy(grown);
    return status;
}

/* ---- from inside a call --------------------------------------------------------------------------------------------- */

static void expect(adaptau_status status, adaptau_status wanted, const char *call)
{
    ck_assert_msg(status == wanted, "%s: %s", call, adaptau_status_name(status));
}

#define EXPECT(call, wanted) expect(call, wanted, #call)

static void read_model(adaptau_status wanted)
{
    static int32_t items[USERS * K];
    adaptau_tables             tables = {.struct_size = sizeof tables};
    adaptau_encoder_parameters parameters = {.struct_size = sizeof parameters};
    EXPECT(adaptau_model_get_tables(world.model, &tables, NULL), wanted);
    EXPECT(adaptau_model_get_encoder_parameters(world.model, &parameters, NULL), wanted);
    EXPECT(adaptau_model_get_raw_tables(world.model, &tables, NULL), wanted);
    EXPECT(rank(items), wanted);
    EXPECT(adaptau_model_save(world.model, path, NULL), wanted);
    EXPECT(adaptau_model_export_npy(world.model, ADAPTAU_SIDE_ITEMS, path, NULL), wanted);
    EXPECT(adaptau_model_export_index(world.model, ADAPTAU_SIDE_USERS, path, NULL), wanted);
    EXPECT(adaptau_model_save_checkpoint(world.model, other, "", path, NULL), wanted);
    EXPECT(fold_and_rank(), wanted);
    EXPECT(grow(), wanted);
    EXPECT(adaptau_model_update_temperature(world.model, other, NULL), wanted);
}

static void change_model(void)
{
    const float            bias[ITEMS] = {1.0f};
    adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 1.0});
    EXPECT(adaptau_model_gradients(world.model, &first, other, NULL, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_apply(world.model, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_refresh(world.model, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_prepare(world.model, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_set_loss(world.model, NULL, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_update_targets(world.model, world.data, other, &targets, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_set_item_bias(world.model, bias, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_set_item_bias(world.model, NULL, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_model_set_learning_rates(world.model, 0.1, 0.1, NULL), ADAPTAU_E_STATE);
}

/* Readers ask the executor themselves: what they meet there is not looked at again. */
static void use_model(void)
{
    if (depth++ == 0) {
        n_inside++;
        read_model(wanted_of_readers);
        change_model();
    }
    depth--;
}

START_TEST(nothing_enters_a_model_that_is_being_changed)
{
    adaptau_gradient_view  view = {.struct_size = sizeof view};
    adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 1.0});
    open_all(true);
    wanted_of_readers = ADAPTAU_E_STATE;
    n_inside = 0;
    host.inside = use_model;
    OK(adaptau_model_update_targets(world.model, world.data, world.temperature, &targets, &error));
    ck_assert_int_gt(n_inside, 0);
    n_inside = 0;
    OK(adaptau_model_gradients(world.model, &first, world.temperature, NULL, &error));
    ck_assert_int_gt(n_inside, 0);
    host.inside = NULL;
    OK(adaptau_model_get_gradient_view(world.model, &view, &error));
    OK(adaptau_model_apply(world.model, &error));
    read_model(ADAPTAU_OK);
    close_all();
}
END_TEST

START_TEST(readers_enter_a_model_that_is_being_read_and_nothing_else_does)
{
    static int32_t items[USERS * K];
    open_all(true);
    wanted_of_readers = ADAPTAU_OK;
    n_inside = 0;
    host.inside = use_model;
    OK(rank(items));
    ck_assert_int_gt(n_inside, 0);
    n_inside = 0;
    OK(adaptau_model_update_temperature(world.model, world.temperature, &error));
    ck_assert_int_gt(n_inside, 0);
    host.inside = NULL;
    OK(adaptau_model_set_learning_rates(world.model, 0.1, 0.1, &error)); /* and all have left                      */
    close_all();
}
END_TEST

static void read_evaluator(void)
{
    static float per_user[USERS];
    double       value;
    n_inside++;
    EXPECT(adaptau_evaluator_mean(evaluator, 0, 20, &value, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_evaluator_per_user(evaluator, 0, 20, per_user, NULL), ADAPTAU_E_STATE);
    EXPECT(adaptau_evaluator_per_group(evaluator, 0, 20, &value, NULL), ADAPTAU_E_STATE);
}

START_TEST(results_of_an_evaluator_that_runs_are_not_read)
{
    double value;
    open_all(true);
    adaptau_tables tables = tables_of(world.model);
    n_inside = 0;
    host.inside = read_evaluator;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert_int_gt(n_inside, 0);
    host.inside = NULL;
    OK(adaptau_evaluator_mean(evaluator, 0, 20, &value, &error));
    close_all();
}
END_TEST

/* ---- threads -------------------------------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS 40

static int32_t expected_items[USERS * K];
static double  expected_mean;

static adaptau_status read_everything(bool look)
{
    int32_t                   items[USERS * K];
    float                     values[USERS];
    double                    mean = 0.0, group = 0.0;
    adaptau_tables            tables = {.struct_size = sizeof tables};
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_status            statuses[] = {
        rank(items),
        adaptau_model_get_tables(world.model, &tables, NULL),
        adaptau_temperature_rows(world.temperature, USERS, NULL, values, NULL, NULL),
        adaptau_temperature_get_state(world.temperature, &state, NULL),
        adaptau_evaluator_mean(evaluator, 0, 20, &mean, NULL),
        adaptau_evaluator_per_user(evaluator, 0, 20, values, NULL),
        adaptau_evaluator_per_group(evaluator, 0, 20, &group, NULL),
    };
    for (size_t s = 0; s < sizeof statuses / sizeof *statuses; s++)
        if (statuses[s] != ADAPTAU_OK)
            return statuses[s];
    return !look || (memcmp(items, expected_items, sizeof items) == 0 && mean == expected_mean) ? ADAPTAU_OK : -1;
}

/* Check's assertions are for its own thread: NULL says that something else than success happened. */
static void *read_often(void *argument)
{
    for (int i = 0; i < ROUNDS; i++)
        if (read_everything(true) != ADAPTAU_OK)
            return NULL;
    return argument;
}

/* The same, where refusals are fine. */
static void *try_to_read_often(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        adaptau_status status = read_everything(false);
        if (status != ADAPTAU_OK && status != ADAPTAU_E_STATE)
            return NULL;
    }
    return argument;
}

static adaptau_status change_everything(int round)
{
    float          bias[ITEMS] = {0.0f};
    adaptau_batch  batch = {.struct_size = sizeof batch};
    adaptau_tables tables = {.struct_size = sizeof tables};
    bias[round % ITEMS] = 0.5f;
    OK(adaptau_sampler_begin_epoch(world.sampler, round, &error));
    OK(adaptau_sampler_next(world.sampler, &batch, &error));
    adaptau_status statuses[5] = {
        adaptau_model_set_item_bias(world.model, bias, NULL),
        adaptau_model_set_learning_rates(world.model, 0.1, 0.01, NULL),
        adaptau_model_update_temperature(world.model, world.temperature, NULL),
        adaptau_model_gradients(world.model, &batch, world.temperature, NULL, NULL),
        adaptau_model_apply(world.model, NULL),
    };
    if (adaptau_model_get_tables(world.model, &tables, NULL) == ADAPTAU_OK)
        statuses[0] = statuses[0] ? statuses[0] : adaptau_evaluator_run(evaluator, &tables, NULL);
    for (int s = 0; s < 5; s++)
        if (statuses[s] != ADAPTAU_OK && statuses[s] != ADAPTAU_E_STATE)
            return statuses[s];
    return ADAPTAU_OK;
}

static void start_threads(pthread_t threads[THREADS], void *(*run)(void *))
{
    for (int t = 0; t < THREADS; t++)
        ck_assert_int_eq(pthread_create(&threads[t], NULL, run, &world), 0);
}

static void join_threads(pthread_t threads[THREADS])
{
    for (int t = 0; t < THREADS; t++) {
        void *outcome = NULL;
        pthread_join(threads[t], &outcome);
        ck_assert_ptr_nonnull(outcome);
    }
}

START_TEST(any_number_of_threads_read_a_trained_model)
{
    pthread_t threads[THREADS];
    open_all(false);
    OK(rank(expected_items));
    OK(adaptau_evaluator_mean(evaluator, 0, 20, &expected_mean, &error));
    start_threads(threads, read_often);
    join_threads(threads);
    close_all();
}
END_TEST

START_TEST(a_thread_that_changes_objects_and_threads_that_read_them_meet_e_state_alone)
{
    pthread_t threads[THREADS];
    open_all(false);
    start_threads(threads, try_to_read_often);
    for (int round = 0; round < ROUNDS; round++)
        ck_assert_int_eq(change_everything(round), ADAPTAU_OK);
    join_threads(threads);
    train(&world, 1);
    ck_assert_int_eq(read_everything(false), ADAPTAU_OK);
    close_all();
}
END_TEST

/* ---- final embeddings that the first reader makes ------------------------------------------------------------------ */

#define FIRST_READERS 8
#define FIRST_ROUNDS 12

static const int32_t encoders[] = {ADAPTAU_ENCODER_LIGHTGCN, ADAPTAU_ENCODER_SIMPLEX};
static _Atomic int   n_executed; /* calls of the executor below                                               */

static int32_t execute_here(void *user_data, int32_t n_lanes, adaptau_lane_function run, void *argument)
{
    (void)user_data;
    n_executed++;
    for (int32_t lane = 0; lane < n_lanes; lane++)
        run(argument, lane);
    return 0;
}

static void open_encoded(int32_t encoder, bool hosted)
{
    const adaptau_context_options pool = {.n_threads = 3};
    const adaptau_context_options own = {.n_threads = 3, .executor = execute_here};
    world = open_world(hosted ? own : pool, (adaptau_model_options){.encoder = encoder}, (adaptau_sampler_options){0},
                       (adaptau_temperature_options){0});
}

struct first_reader {
    pthread_barrier_t *start;
    int                number;
    adaptau_status     status;
};

/* Nothing that asks the executor but for what has to be made. */
static void *read_first(void *argument)
{
    struct first_reader *reader = argument;
    adaptau_tables       tables = {.struct_size = sizeof tables};
    pthread_barrier_wait(reader->start);
    reader->status = adaptau_model_get_tables(world.model, &tables, NULL);
    for (int32_t k = 0; k < USERS * DIM && reader->status == ADAPTAU_OK; k++)
        reader->status = isfinite(tables.users[k]) ? ADAPTAU_OK : ADAPTAU_E_NUMERIC;
    return NULL;
}

static void *rank_first(void *argument)
{
    struct first_reader *reader = argument;
    int32_t              items[USERS * K];
    pthread_barrier_wait(reader->start);
    reader->status = reader->number % 2 ? rank(items) : fold_and_rank();
    return NULL;
}

static void let_in(void *(*run)(void *))
{
    pthread_t           threads[FIRST_READERS];
    struct first_reader readers[FIRST_READERS];
    pthread_barrier_t   start;
    ck_assert_int_eq(pthread_barrier_init(&start, NULL, FIRST_READERS), 0);
    for (int t = 0; t < FIRST_READERS; t++) {
        readers[t] = (struct first_reader){&start, t, ADAPTAU_OK};
        ck_assert_int_eq(pthread_create(&threads[t], NULL, run, &readers[t]), 0);
    }
    for (int t = 0; t < FIRST_READERS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < FIRST_READERS; t++)
        ck_assert_msg(readers[t].status == ADAPTAU_OK, "reader %d: %s", t, adaptau_status_name(readers[t].status));
    pthread_barrier_destroy(&start);
}

START_TEST(readers_after_a_step_wait_for_the_first_and_never_fail)
{
    open_encoded(encoders[_i / 2], _i % 2);
    for (int round = 0; round < FIRST_ROUNDS; round++) {
        OK(adaptau_model_refresh(world.model, &error));
        let_in(rank_first);
    }
    close_world(&world);
}
END_TEST

/* The executor might need the threads that wait. */
START_TEST(a_reader_that_others_wait_for_does_not_ask_the_executor)
{
    open_encoded(encoders[_i], true);
    for (int round = 0; round < FIRST_ROUNDS; round++) {
        OK(adaptau_model_refresh(world.model, &error));
        n_executed = 0;
        let_in(read_first);
        ck_assert_int_eq(n_executed, 0);
    }
    adaptau_tables made = tables_of(world.model);
    float          alone[USERS * DIM];
    memcpy(alone, made.users, sizeof alone);
    OK(adaptau_model_refresh(world.model, &error));
    n_executed = 0;
    OK(adaptau_model_prepare(world.model, &error));
    ck_assert_int_gt(n_executed, 0);
    n_executed = 0;
    made = tables_of(world.model);
    ck_assert_int_eq(n_executed, 0);
    ck_assert_mem_eq(made.users, alone, sizeof alone);
    close_world(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("busy");
    TCase *tests = tcase_create("busy");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, nothing_enters_a_model_that_is_being_changed);
    tcase_add_test(tests, readers_enter_a_model_that_is_being_read_and_nothing_else_does);
    tcase_add_test(tests, results_of_an_evaluator_that_runs_are_not_read);
    tcase_add_test(tests, any_number_of_threads_read_a_trained_model);
    tcase_add_test(tests, a_thread_that_changes_objects_and_threads_that_read_them_meet_e_state_alone);
    tcase_add_loop_test(tests, readers_after_a_step_wait_for_the_first_and_never_fail, 0, 4);
    tcase_add_loop_test(tests, a_reader_that_others_wait_for_does_not_ask_the_executor, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
