/* SPDX-License-Identifier: MIT */
/* How new users are folded in, said with the model: by the host, by a recipe, and from files. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/suite.h"
#include "files/safetensors.h"

/* ---- new users ------------------------------------------------------------------------------------------------------ */

enum { NEW = 3 };

static const int64_t new_ptr[NEW + 1] = {0, 3, 5, 9};
static const int32_t new_items[9] = {1, 5, 9, 2, 6, 0, 3, 4, 7};

struct folded {
    float rows[NEW * DIM], taus[NEW];
};

static struct folded fold(const adaptau_model *model, const adaptau_dataset *data, const adaptau_fold_in_options *options)
{
    struct folded    out;
    adaptau_fold_in *in = NULL;
    OK(adaptau_fold_in_create(model, data, options, &in, &error));
    OK(adaptau_fold_in_users(in, NEW, new_ptr, new_items, NULL, out.rows, out.taus, &error));
    adaptau_fold_in_destroy(in);
    return out;
}

static void check_same(struct folded a, struct folded b)
{
    ck_assert_mem_eq(a.rows, b.rows, sizeof a.rows);
    ck_assert_mem_eq(a.taus, b.taus, sizeof a.taus);
}

static bool differ(struct folded a, struct folded b)
{
    return memcmp(a.rows, b.rows, sizeof a.rows) != 0;
}

static const adaptau_fold_in_options all_of_them = {.struct_size = sizeof all_of_them,
                                                    .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                                                    .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS,
                                                    .n_steps = 3,
                                                    .tau = 0.17,
                                                    .threshold = 4.5,
                                                    .divisor = 1.5,
                                                    .target_strength = 2.5,
                                                    .popularity_exponent = 0.75};

static void check_says(const adaptau_model *model, const adaptau_fold_in_options *wanted)
{
    adaptau_fold_in_options said = {.struct_size = sizeof said};
    OK(adaptau_model_get_fold_in(model, &said, &error));
    ck_assert_uint_eq(said.flags, wanted->flags);
    ck_assert_int_eq(said.tau_user_policy, wanted->tau_user_policy);
    ck_assert_int_eq(said.n_steps, wanted->n_steps);
    ck_assert(said.tau == wanted->tau && said.threshold == wanted->threshold && said.divisor == wanted->divisor);
    ck_assert(said.target_strength == wanted->target_strength && said.popularity_exponent == wanted->popularity_exponent);
}

static void check_says_nothing(const adaptau_model *model)
{
    adaptau_fold_in_options said = {.struct_size = sizeof said, .tau = 7.0};
    adaptau_fold_in        *in = NULL;
    ck_assert_int_eq(adaptau_model_get_fold_in(model, &said, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message,
                     "the model does not say how new users are folded in: adaptau_training_end_epoch and adaptau_model_set_fold_in do");
    ck_assert(said.tau == 7.0);
    ck_assert_int_eq(adaptau_fold_in_create(model, NULL, NULL, &in, &error), ADAPTAU_E_STATE);
    ck_assert_ptr_null(in);
}

static struct world open_trained(void)
{
    struct world w = open_default();
    train(&w, 2);
    return w;
}

/* ---- in the file ---------------------------------------------------------------------------------------------------- */

static char    bytes[1 << 20];
static int64_t n_bytes;

static int32_t put(void *unused, const void *more, int64_t size)
{
    (void)unused;
    ck_assert_int_le(size, (int64_t)sizeof bytes - n_bytes);
    memcpy(bytes + n_bytes, more, (size_t)size);
    n_bytes += size;
    return 0;
}

enum { LOADED, FROM_BUFFER, MAPPED, RESUMED, WAYS };

/* The model again, by one of the ways. */
static adaptau_model *read_again(const struct world *w, int way)
{
    adaptau_model *out = NULL;
    if (way == RESUMED) {
        OK(adaptau_model_save_checkpoint(w->model, NULL, NULL, path, &error));
        OK(adaptau_model_load_checkpoint(w->context, w->data, path, &out, NULL, NULL, &error));
    } else if (way == FROM_BUFFER) {
        n_bytes = 0;
        OK(adaptau_model_save_to(w->model, put, NULL, 0, NULL, &error));
        OK(adaptau_model_load_from(w->context, bytes, n_bytes, NULL, NULL, &out, &error));
    } else {
        OK(adaptau_model_save(w->model, path, &error));
        if (way == MAPPED)
            OK(adaptau_model_map(w->context, path, NULL, NULL, &out, &error));
        else
            OK(adaptau_model_load(w->context, path, &out, &error));
    }
    return out;
}

/* _i: a way. A program with the file alone folds in by popularity, too; with the interactions by all of it. */
START_TEST(a_file_says_how_new_users_are_folded_in)
{
    struct world            w = open_trained();
    adaptau_fold_in_options without_targets = all_of_them;
    without_targets.target_strength = 0.0;
    const struct folded truth = fold(w.model, w.data, &all_of_them), part = fold(w.model, w.data, &without_targets);
    ck_assert(differ(truth, part));
    check_says_nothing(w.model);
    OK(adaptau_model_set_fold_in(w.model, w.data, &all_of_them, &error));
    check_same(fold(w.model, w.data, NULL), truth);
    adaptau_model *read = read_again(&w, _i);
    check_says(read, &all_of_them);
    check_same(fold(read, NULL, NULL), part);
    check_same(fold(read, w.data, NULL), truth);
    adaptau_model_destroy(read);
    close_world(&w);
}
END_TEST

/* _i: a way. */
START_TEST(the_loss_is_in_the_file_too)
{
    struct world                  w = open_trained();
    const adaptau_fold_in_options options = full_fold_in_options(w.model, (adaptau_fold_in_options){.tau = 0.3, .n_steps = 3});
    const adaptau_loss loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_BCE, .negative_weight = 3.0});
    const struct folded by_softmax = fold(w.model, NULL, &options);
    OK(adaptau_model_set_loss(w.model, &loss, &error));
    const struct folded truth = fold(w.model, NULL, &options);
    ck_assert(differ(truth, by_softmax));
    OK(adaptau_model_set_fold_in(w.model, NULL, &options, &error));
    adaptau_model *read = read_again(&w, _i);
    check_same(fold(read, NULL, NULL), truth);
    adaptau_model_destroy(read);
    close_world(&w);
}
END_TEST

START_TEST(a_file_that_does_not_say_loads_as_ever)
{
    struct world   w = open_trained();
    adaptau_model *read = NULL;
    OK(adaptau_model_save(w.model, path, &error));
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    static char  before[1 << 20];
    const size_t size = fread(before, 1, sizeof before, file);
    fclose(file);
    OK(adaptau_model_set_fold_in(w.model, w.data, &all_of_them, &error));
    OK(adaptau_model_set_fold_in(w.model, NULL, NULL, &error));
    check_says_nothing(w.model);
    n_bytes = 0;
    OK(adaptau_model_save_to(w.model, put, NULL, 0, NULL, &error));
    ck_assert_int_eq(n_bytes, (int64_t)size);
    ck_assert_mem_eq(bytes, before, size);
    OK(adaptau_model_load(w.context, path, &read, &error));
    check_says_nothing(read);
    adaptau_model_destroy(read);
    close_world(&w);
}
END_TEST

/* _i: a way. */
START_TEST(what_was_read_is_saved_to_the_same_bytes)
{
    struct world w = open_trained();
    static char  first[1 << 20];
    OK(adaptau_model_set_fold_in(w.model, w.data, &all_of_them, &error));
    n_bytes = 0;
    OK(adaptau_model_save_to(w.model, put, NULL, 0, NULL, &error));
    const int64_t size = n_bytes;
    memcpy(first, bytes, (size_t)size);
    adaptau_model *read = read_again(&w, _i);
    n_bytes = 0;
    OK(adaptau_model_save_to(read, put, NULL, 0, NULL, &error));
    ck_assert_int_eq(n_bytes, size);
    ck_assert_mem_eq(bytes, first, (size_t)size);
    adaptau_model_destroy(read);
    close_world(&w);
}
END_TEST

/* ---- hostile files -------------------------------------------------------------------------------------------------- */

#define WORD(number) "00000000000000" number " "
#define DOUBLE_1 "3ff0000000000000 "
#define NO_DOUBLE "0000000000000000 "
#define INFINITE "7ff0000000000000 "
#define LOSS WORD("00") NO_DOUBLE NO_DOUBLE WORD("00") WORD("00") NO_DOUBLE "0000000000000000"

static const struct {
    const char    *what, *words;
    int            popularity; /* 0: no tensor; 1: a right one; 2: a longer one; 3: one that is not finite     */
    adaptau_status status;
    const char    *message;
} files[] = {
    {"the least", WORD("00") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE LOSS, 0, ADAPTAU_OK, ""},
    {"popularity", WORD("01") WORD("01") WORD("02") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE DOUBLE_1 LOSS, 1, ADAPTAU_OK, ""},
    {"a tensor that nothing asks for", WORD("00") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE LOSS, 1,
     ADAPTAU_OK, ""},
    {"no words", "", 0, ADAPTAU_E_FORMAT, "metadata adaptau.fold_in is missing or unknown"},
    {"a word less", WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE LOSS, 0, ADAPTAU_E_FORMAT,
     "metadata adaptau.fold_in is missing or unknown"},
    {"no temperature", WORD("00") WORD("00") WORD("00") NO_DOUBLE NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE LOSS, 0, ADAPTAU_E_FORMAT,
     "metadata adaptau.fold_in: options->tau = 0 is outside"},
    {"an infinite temperature", WORD("00") WORD("00") WORD("00") INFINITE NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE LOSS, 0,
     ADAPTAU_E_FORMAT, "options->tau = inf is not finite"},
    {"an unknown policy", WORD("00") WORD("09") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE LOSS, 0, ADAPTAU_E_FORMAT,
     "options->tau_user_policy = 9"},
    {"no divisor", WORD("00") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE NO_DOUBLE NO_DOUBLE NO_DOUBLE LOSS, 0, ADAPTAU_E_FORMAT,
     "metadata adaptau.fold_in: options->divisor = 0"},
    {"unknown flags", WORD("80") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE LOSS, 0, ADAPTAU_E_FORMAT,
     "options->flags = 0x80"},
    {"an unknown loss",
     WORD("00") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE NO_DOUBLE WORD("77") NO_DOUBLE NO_DOUBLE WORD("00")
         WORD("00") NO_DOUBLE "0000000000000000",
     0, ADAPTAU_E_FORMAT, "metadata adaptau.fold_in: loss->kind = 119"},
    {"popularity that is not there", WORD("00") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE DOUBLE_1 LOSS, 0,
     ADAPTAU_E_FORMAT, "no tensor \"fold_in_log_q\", which metadata adaptau.fold_in needs"},
    {"popularity of more items", WORD("00") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE DOUBLE_1 LOSS, 2,
     ADAPTAU_E_FORMAT, "\"fold_in_log_q\" is 3 x 1"},
    {"popularity that is not finite", WORD("00") WORD("00") WORD("00") DOUBLE_1 NO_DOUBLE DOUBLE_1 NO_DOUBLE DOUBLE_1 LOSS, 3,
     ADAPTAU_E_NUMERIC, "fold_in_log_q[1] is not finite"},
};

static void check_file(int k, bool mapped)
{
    struct host      host;
    adaptau_context *context = open_host(&host, 1, false);
    adaptau_model   *model = NULL;
    const int64_t    idle = host.bytes;
    const adaptau_status status = mapped ? adaptau_model_map(context, path, NULL, NULL, &model, &error)
                                         : adaptau_model_load(context, path, &model, &error);
    ck_assert_msg(status == files[k].status, "%s: %s, %s", files[k].what, adaptau_status_name(status), error.message);
    if (status == ADAPTAU_OK)
        check_says(model, &(adaptau_fold_in_options){.flags = k == 1,
                                                     .tau_user_policy = k == 1,
                                                     .n_steps = k == 1 ? 2 : 0,
                                                     .tau = 1.0,
                                                     .divisor = 1.0,
                                                     .popularity_exponent = k == 1 ? 1.0 : 0.0});
    else
        ck_assert_msg(strstr(error.message, files[k].message), "%s: %s", files[k].what, error.message);
    adaptau_model_destroy(model);
    ck_assert_int_eq(host.bytes, idle);
    adaptau_context_destroy(context);
}

/* _i: a file. */
START_TEST(words_of_a_hostile_file_are_looked_at)
{
    static const float          users[2] = {1.0f, 0.0f}, items[4] = {1.0f, 0.0f, 0.0f, 1.0f};
    const float                 log_q[3] = {0.0f, files[_i].popularity == 3 ? NAN : -1.0f, 0.0f};
    const struct atau_tensor    tensors[] = {{"user_embeddings", 1, 2, users, 2, ATAU_F32},
                                             {"item_embeddings", 2, 2, items, 2, ATAU_F32},
                                             {"fold_in_log_q", files[_i].popularity == 2 ? 3 : 2, 1, log_q, 1, ATAU_F32}};
    const struct atau_metadata  metadata = {"adaptau.fold_in", files[_i].words};
    OK(atau_safetensors_write(atau_to_path(path), files[_i].popularity ? 3 : 2, tensors, 1, &metadata, &error));
    check_file(_i, false);
    if (files[_i].popularity != 2) /* a view looks at all that is there                                        */
        check_file(_i, true);
}
END_TEST

/* ---- objects of the host -------------------------------------------------------------------------------------------- */

START_TEST(a_model_that_has_grown_says_it_by_the_popularity_of_its_larger_catalogue)
{
    enum { MORE_USERS = USERS + 2, MORE_ITEMS = ITEMS + 3, PAIRS = 400 };
    struct world            w = open_trained();
    int32_t                 users[PAIRS], items[PAIRS];
    adaptau_dataset        *larger = NULL;
    adaptau_model          *grown = NULL;
    adaptau_fold_in_options plain = all_of_them;
    for (int p = 0; p < PAIRS; p++) {
        users[p] = draw(MORE_USERS);
        items[p] = draw(10) ? draw(5) : draw(MORE_ITEMS);
    }
    OK(adaptau_dataset_create_from_interactions(w.context, MORE_USERS, MORE_ITEMS, PAIRS, users, items, NULL, &larger, &error));
    OK(adaptau_model_set_fold_in(w.model, w.data, &plain, &error));
    OK(adaptau_model_grow(w.model, larger, NULL, &grown, &error));
    check_says(grown, &plain);
    check_same(fold(grown, larger, NULL), fold(grown, larger, &plain));
    plain.target_strength = 0.0;
    check_same(fold(grown, NULL, NULL), fold(grown, larger, &plain));
    adaptau_model_destroy(grown);
    adaptau_dataset_destroy(larger);
    close_world(&w);
}
END_TEST

START_TEST(a_failure_leaves_what_was_said)
{
    struct host                   host;
    adaptau_context              *context = open_host(&host, 1, false);
    adaptau_dataset              *data = make_data(context);
    adaptau_model                *model = NULL;
    adaptau_model_options         options = full_model_options((adaptau_model_options){.dim = DIM});
    const adaptau_fold_in_options first = {
        .struct_size = sizeof first, .tau = 0.4, .popularity_exponent = 0.5, .n_steps = 2, .divisor = 2.0};
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_model_set_fold_in(model, data, &first, &error));
    const struct folded truth = fold(model, NULL, NULL);
    host.allocations_left = 0;
    ck_assert_int_eq(adaptau_model_set_fold_in(model, data, &all_of_them, &error), ADAPTAU_E_MEMORY);
    host.allocations_left = INT64_MAX;
    check_says(model, &first);
    check_same(fold(model, NULL, NULL), truth);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

/* ---- by a recipe ---------------------------------------------------------------------------------------------------- */

static adaptau_recipe small_recipe(const adaptau_dataset *data)
{
    adaptau_recipe r = {.struct_size = sizeof r};
    OK(adaptau_recipe_init(&r, &error));
    r.dim = DIM;
    r.epochs = 3;
    r.rows_per_batch = 32;
    r.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    r.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS;
    r.tau_divisor = 1.5;
    r.soft_targets = 2.0;
    r.popularity_exponent = 0.3;
    OK(adaptau_recipe_fill(&r, data, &error));
    return r;
}

START_TEST(fit_says_it_by_its_recipe)
{
    struct world         w = open_default();
    const adaptau_recipe r = small_recipe(w.data);
    adaptau_model       *model = NULL, *read = NULL;
    adaptau_fit_result   result = {.struct_size = sizeof result};
    adaptau_fold_in_options said = {.struct_size = sizeof said};
    OK(adaptau_fit(w.context, w.data, &r, NULL, &model, &result, &error));
    OK(adaptau_model_save(model, path, &error));
    OK(adaptau_model_load(w.context, path, &read, &error));
    OK(adaptau_model_get_fold_in(read, &said, &error));
    ck_assert(said.tau == result.tau0 && said.target_strength == 2.0 && said.popularity_exponent == 0.3 && said.divisor == 1.5);
    ck_assert_uint_eq(said.flags, ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM);
    ck_assert_int_eq(said.tau_user_policy, ADAPTAU_TAU_USER_BY_LOSS);
    ck_assert(said.threshold > 0.0);
    check_same(fold(read, w.data, NULL), fold(model, w.data, &said));
    adaptau_model_destroy(model);
    adaptau_model_destroy(read);
    close_world(&w);
}
END_TEST

/* Another loss has neither soft targets nor popularity nor personal temperatures when users are folded in, whatever it has in training;
 * candidates that are drawn by popularity are corrected for it; learned temperatures are τ₀ for new users; and before losses are
 * observed there is no threshold. */
START_TEST(a_recipe_says_what_fold_in_has)
{
    struct world              w = open_default();
    adaptau_recipe            r = small_recipe(w.data);
    adaptau_fold_in_options   o = {.struct_size = sizeof o};
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_temperature_options options = {.struct_size = sizeof options};
    adaptau_temperature      *temperature = NULL;
    OK(adaptau_recipe_temperature_options(&r, &options, &error));
    OK(adaptau_temperature_create(w.context, w.data, &options, &temperature, &error));
    OK(adaptau_recipe_fold_in_options(&r, w.model, temperature, &o, &error));
    OK(adaptau_temperature_get_state(temperature, &state, &error));
    ck_assert(o.tau == state.tau0 && o.target_strength == 2.0 && o.popularity_exponent == 0.3);
    ck_assert_int_eq(o.tau_user_policy, ADAPTAU_TAU_USER_NONE);
    r.candidates = ADAPTAU_SAMPLER_SHARED_POPULARITY;
    r.positives_outside_sum = 0;
    OK(adaptau_recipe_fold_in_options(&r, w.model, temperature, &o, &error));
    ck_assert(o.popularity_exponent == 0.0 && o.target_strength == 2.0);
    ck_assert_uint_eq(o.flags, 0);
    r = small_recipe(w.data);
    r.loss = ADAPTAU_LOSS_SLATK;
    r.top_k = 20;
    r.weight_tau = 1.0;
    r.tau_user_policy = ADAPTAU_TAU_USER_NONE;
    OK(adaptau_recipe_fold_in_options(&r, w.model, temperature, &o, &error));
    ck_assert(o.popularity_exponent == 0.0 && o.target_strength == 0.0 && o.tau == state.tau0);
    r = small_recipe(w.data);
    r.tau_user_policy = ADAPTAU_TAU_USER_LEARNED;
    OK(adaptau_recipe_fold_in_options(&r, w.model, temperature, &o, &error));
    ck_assert_int_eq(o.tau_user_policy, ADAPTAU_TAU_USER_NONE);
    adaptau_temperature_destroy(temperature);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("folding");
    TCase *tests = tcase_create("folding");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, a_file_says_how_new_users_are_folded_in, 0, WAYS);
    tcase_add_loop_test(tests, the_loss_is_in_the_file_too, 0, WAYS);
    tcase_add_test(tests, a_file_that_does_not_say_loads_as_ever);
    tcase_add_loop_test(tests, what_was_read_is_saved_to_the_same_bytes, 0, WAYS);
    tcase_add_loop_test(tests, words_of_a_hostile_file_are_looked_at, 0, (int)(sizeof files / sizeof *files));
    tcase_add_test(tests, a_model_that_has_grown_says_it_by_the_popularity_of_its_larger_catalogue);
    tcase_add_test(tests, a_failure_leaves_what_was_said);
    tcase_add_test(tests, fit_says_it_by_its_recipe);
    tcase_add_test(tests, a_recipe_says_what_fold_in_has);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
