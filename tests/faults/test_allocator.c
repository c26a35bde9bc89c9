/* SPDX-License-Identifier: MIT */
/* All memory comes from the context's allocator: while a call of the library runs, malloc of the C library is not called, not by
 * the library and not by what it calls of the C library (qsort of glibc would). The program's malloc stands in the place of the
 * C library's, which glibc itself then calls, too. Starting threads is left out: pthread_create has memory of its own. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/draw.h"
#include "../support/folder.h"
#include "../support/host.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_OWN_MALLOC 1
#endif
#endif

#if defined(__GLIBC__) && !defined(HAS_OWN_MALLOC)

/* volatile: compilers know strdup, and that it cannot read them. */
static volatile bool watching;
static volatile int  n_calls;
static const char   *doing;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
    n_calls = n_calls + watching;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    n_calls = n_calls + watching;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    n_calls = n_calls + watching;
    return __libc_realloc(block, size);
}

static adaptau_status watched(adaptau_status status, const char *call)
{
    watching = false;
    ck_assert_msg(status == ADAPTAU_OK, "%s: %s", call, error.message);
    ck_assert_msg(n_calls == 0, "%s calls malloc", call);
    return status;
}
#define WATCH(call) (doing = #call, n_calls = 0, watching = true, watched((call), doing))

/* The host's own memory is none of the C library's malloc. */
enum { POOL = 64 << 20 };
static unsigned char pool[POOL] __attribute__((aligned(64)));
static size_t        pool_used;

static void *take(void *unused, size_t size, size_t alignment)
{
    void *block = pool + pool_used;
    (void)unused, (void)alignment;
    if (size > POOL - pool_used)
        return NULL;
    pool_used += size;
    return block;
}

static void give(void *unused, void *block, size_t size)
{
    (void)unused, (void)block, (void)size;
}

enum { USERS = 300, ITEMS = 900, PAIRS = 6000, DIM = 8, LIST = 600 };

static void train(adaptau_model *model, adaptau_dataset *data, adaptau_temperature *temperature, adaptau_sampler *sampler,
                  bool contrasts)
{
    adaptau_batch            batch = {.struct_size = sizeof batch};
    adaptau_contrast_options contrast = full_contrast_options((adaptau_contrast_options){.kind = ADAPTAU_CONTRAST_SGL});
    adaptau_target_options   targets = full_target_options((adaptau_target_options){.strength = 2.0});
    double                   loss;
    WATCH(adaptau_model_update_temperature(model, temperature, &error));
    if (!contrasts)
        WATCH(adaptau_model_update_targets(model, data, temperature, &targets, &error));
    WATCH(adaptau_sampler_begin_epoch(sampler, 0, &error));
    for (int b = 0; b < 3; b++) {
        WATCH(adaptau_sampler_next(sampler, &batch, &error));
        WATCH(adaptau_model_gradients(model, &batch, temperature, NULL, &error));
        if (contrasts)
            WATCH(adaptau_model_contrast(model, &batch, &contrast, &loss, &error));
        WATCH(adaptau_model_apply(model, &error));
    }
    if (contrasts)
        WATCH(adaptau_model_update_prototypes(model, 5, &error));
}

static void evaluate(adaptau_context *context, adaptau_model *model, adaptau_dataset *data)
{
    static int32_t            lists[USERS * LIST], found[10 * LIST];
    static float              scores[10 * LIST];
    const int32_t             users[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    adaptau_evaluator        *evaluator = NULL;
    adaptau_tables            tables = {.struct_size = sizeof tables};
    for (int k = 0; k < USERS * LIST; k++)
        lists[k] = ITEMS - 1 - k % LIST;
    WATCH(adaptau_model_get_tables(model, &tables, &error));
    WATCH(adaptau_evaluator_create(context, data, NULL, &evaluator, &error));
    WATCH(adaptau_evaluator_run(evaluator, &tables, &error));
    WATCH(adaptau_evaluator_run_lists(evaluator, LIST, lists, &error));
    WATCH(top_items(model, 10, users, LIST, data, found, scores, &error));
    adaptau_evaluator_destroy(evaluator);
}

static void keep(adaptau_context *context, adaptau_model *model, adaptau_dataset *data, adaptau_temperature *temperature)
{
    char                 note[ADAPTAU_NOTE_SIZE];
    adaptau_model       *read = NULL;
    adaptau_temperature *read_temperature = NULL;
    WATCH(adaptau_model_save(model, path, &error));
    WATCH(adaptau_model_load(context, path, &read, &error));
    adaptau_model_destroy(read);
    WATCH(adaptau_model_save_checkpoint(model, temperature, "", path, &error));
    WATCH(adaptau_model_load_checkpoint(context, data, path, &read, &read_temperature, note, &error));
    adaptau_model_destroy(read);
    adaptau_temperature_destroy(read_temperature);
    WATCH(adaptau_model_export_npy(model, ADAPTAU_SIDE_USERS, path, &error));
}

/* _i: an encoder and a kind of candidates. */
START_TEST(no_call_of_a_life_calls_malloc)
{
    static const int32_t        kinds[] = {ADAPTAU_SAMPLER_CATALOGUE, ADAPTAU_SAMPLER_SHARED_UNIFORM,
                                           ADAPTAU_SAMPLER_PER_ROW_UNIFORM};
    static int32_t              pair_users[PAIRS], pair_items[PAIRS];
    const int32_t               encoder = _i / 3;
    adaptau_context            *context = NULL;
    adaptau_dataset            *data = NULL;
    adaptau_model              *model = NULL, *grown = NULL;
    adaptau_temperature        *temperature = NULL;
    adaptau_sampler            *sampler = NULL;
    adaptau_fold_in               *fold = NULL;
    adaptau_context_options     options = {.struct_size = sizeof options, .n_threads = 1, .backend = ADAPTAU_BACKEND_REFERENCE,
                                           .allocate = take, .free = give};
    adaptau_model_options       model_options =
        full_model_options((adaptau_model_options){.dim = DIM, .encoder = encoder, .init = ADAPTAU_INIT_SPECTRAL});
    adaptau_sampler_options     sampler_options =
        full_sampler_options((adaptau_sampler_options){.kind = kinds[_i % 3], .rows_per_batch = 64,
                                                       .n_candidates = _i % 3 ? 500 : 0});
    adaptau_temperature_options temperature_options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = _i % 2 ? ADAPTAU_TAU0_EXACT : ADAPTAU_TAU0_FIRST_ORDER,
                                                               .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    adaptau_fold_in_options     fold_options;
    const int64_t               ptr[2] = {0, 2};
    const int32_t               items[2] = {3, 8};
    float                       row[DIM];
    pool_used = 0;
    random_state = 11;
    for (int k = 0; k < PAIRS; k++) {
        pair_users[k] = draw(USERS);
        pair_items[k] = draw(ITEMS);
    }
    WATCH(adaptau_context_create(&options, &context, &error));
    WATCH(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, PAIRS, pair_users, pair_items, NULL, &data, &error));
    WATCH(adaptau_model_create(context, data, &model_options, &model, &error));
    WATCH(adaptau_temperature_create(context, data, &temperature_options, &temperature, &error));
    WATCH(adaptau_sampler_create(context, data, &sampler_options, &sampler, &error));
    train(model, data, temperature, sampler, encoder == ADAPTAU_ENCODER_LIGHTGCN);
    evaluate(context, model, data);
    fold_options = full_fold_in_options(model, (adaptau_fold_in_options){.tau = 0.2, .n_steps = 2});
    WATCH(adaptau_fold_in_create(model, data, &fold_options, &fold, &error));
    WATCH(adaptau_fold_in_users(fold, 1, ptr, items, NULL, row, NULL, &error));
    WATCH(adaptau_model_grow(model, data, NULL, &grown, &error));
    keep(context, model, data, temperature);
    adaptau_model_destroy(grown);
    adaptau_fold_in_destroy(fold);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* Distinct zero rows among shared candidates are counted by sorting them. */
START_TEST(zero_rows_are_counted_without_malloc)
{
    enum { M = 700 };
    static float             rows[M * 2], gradients[M * 2];
    static int32_t           ids[M];
    float                    user[2] = {1.0f, 0.5f}, user_gradient[2];
    const int64_t            ptr[2] = {0, 1};
    adaptau_context         *context = NULL;
    adaptau_context_options  options = {.struct_size = sizeof options, .n_threads = 1, .backend = ADAPTAU_BACKEND_REFERENCE,
                                        .allocate = take, .free = give};
    adaptau_tables           tables = {.struct_size = sizeof tables, .flags = ADAPTAU_NORMALISE_BOTH, .n_users = 1, .n_items = M,
                                       .dim = 2, .users = user, .items = rows};
    adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 1, .positive_ptr = ptr, .positives = ids,
                                      .candidates = ADAPTAU_CANDIDATES_SHARED, .n_candidates = M, .candidate_ids = ids};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 0.5f};
    adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = user_gradient, .item_gradients = gradients};
    pool_used = 0;
    for (int i = 0; i < M; i++)
        ids[i] = i / 2 * 2; /* each twice                                                                        */
    WATCH(adaptau_context_create(&options, &context, &error));
    WATCH(adaptau_softmax(context, &tables, &batch, &tau, &output, &error));
    ck_assert_int_eq(output.n_zero_rows, M / 2);
    adaptau_context_destroy(context);
}
END_TEST

/* What the C library takes by itself is seen: a test that cannot fail would be none. */
START_TEST(memory_of_the_c_library_is_seen)
{
    n_calls = 0;
    watching = true;
    char *copy = strdup("what strdup takes");
    watching = false;
    ck_assert_int_eq(n_calls, 1);
    free(copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("allocator");
    TCase *tests = tcase_create("allocator");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, memory_of_the_c_library_is_seen);
    tcase_add_loop_test(tests, no_call_of_a_life_calls_malloc, 0, 9);
    tcase_add_test(tests, zero_rows_are_counted_without_malloc);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

#else

int main(void)
{
    fputs("skipped: the C library's malloc cannot be watched here\n", stderr);
    return 77;
}

#endif
