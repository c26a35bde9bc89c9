/* SPDX-License-Identifier: MIT */
/* Checkpoints: training that goes on in another process is the training that was not interrupted, bit for bit; and damaged
 * files.
 *
 *     test_resume --go-on SCENARIO FIRST END IN OUT
 *
 * trains epochs FIRST ... END − 1 from the checkpoint IN and leaves the checkpoint OUT. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/folder.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/suite.h"
#include "files/checksum.h"
#include "files/safetensors.h"

#define EPOCHS 10
#define CUT 5

extern char **environ;

/* ---- trainings ----------------------------------------------------------------------------------------------------- */

struct scenario {
    const char                 *name;
    adaptau_model_options       model;
    adaptau_temperature_options temperature;
    adaptau_sampler_options     sampler;
    adaptau_loss                loss;
    double                      soft_targets;
    bool                        no_momentum, no_gate; /* beta1_users, gate: 0                                  */
    adaptau_contrast_options    contrast; /* struct_size 0: none */
};

static const struct scenario scenarios[] = {
    {.name = "mf, personal temperatures, soft targets",
     .model = {.flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT, .seed = 3},
     .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS, .threshold_quantile = 0.4},
     .sampler = {.flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM, .row_weight_exponent = 0.5},
     .soft_targets = 3.0},
    {.name = "mf, the root of Eq. 11, sampled candidates",
     .model = {.init = ADAPTAU_INIT_SPECTRAL},
     .no_momentum = true,
     .temperature = {.tau0_policy = ADAPTAU_TAU0_EXACT, .tau_user_policy = ADAPTAU_TAU_USER_RELEASED, .exact_sample = 20},
     .sampler = {.kind = ADAPTAU_SAMPLER_SHARED_UNIFORM, .n_candidates = 50, .seed = 5}},
    {.name = "mf, free lengths, bce",
     .model = {.flags = ADAPTAU_MODEL_FREE_LENGTH | ADAPTAU_MODEL_RAW_ITEMS, .weight_decay = 0.01, .epsilon = 1e-6},
     .loss = {.kind = ADAPTAU_LOSS_BCE, .negative_weight = 3.0}},
    {.name = "mf, one learned temperature", .temperature = {.tau0_policy = ADAPTAU_TAU0_LEARNED, .tau = 0.2}},
    {.name = "mf, a learned temperature for each user", .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_LEARNED}},
    {.name = "lightgcn, both dropouts",
     .model = {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .n_layers = 2, .edge_dropout = 0.3, .layer_dropout = 0.2, .seed = 9},
     .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_MINIMISER}},
    {.name = "lightgcn, noise",
     .model = {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .edge_dropout = 0.1},
     .contrast = {.struct_size = sizeof(adaptau_contrast_options), .kind = ADAPTAU_CONTRAST_SIMGCL}},
    {.name = "lightgcn, prototypes",
     .model = {.encoder = ADAPTAU_ENCODER_LIGHTGCN},
     .contrast = {.struct_size = sizeof(adaptau_contrast_options), .kind = ADAPTAU_CONTRAST_NCL, .prototype_weight = 0.1}},
    {.name = "simplex", .model = {.encoder = ADAPTAU_ENCODER_SIMPLEX, .gate = 0.3}},
    {.name = "simplex without embeddings of its own", .model = {.encoder = ADAPTAU_ENCODER_SIMPLEX}, .no_gate = true},
    {.name = "mf, SL@K, soft targets",
     .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS},
     .loss = {.kind = ADAPTAU_LOSS_SLATK, .top_k = 3, .weight_tau = 0.4},
     .soft_targets = 3.0},
    {.name = "mf, BSL", .loss = {.kind = ADAPTAU_LOSS_BSL, .negative_weight = 0.8, .positive_scale = 5.0}},
    {.name = "mf, PSL", .loss = {.kind = ADAPTAU_LOSS_PSL, .activation = ADAPTAU_ACTIVATION_TANH}},
};
#define SCENARIOS ((int)(sizeof scenarios / sizeof *scenarios))

static struct world start(const struct scenario *s, int32_t n_threads)
{
    adaptau_model_options   model = full_model_options(s->model);
    adaptau_sampler_options sampler = full_sampler_options(s->sampler);
    model.dim = s->model.dim ? s->model.dim : DIM;
    model.beta1_users = s->no_momentum ? 0.0 : model.beta1_users;
    model.gate = s->no_gate ? 0.0 : model.gate;
    sampler.rows_per_batch = s->sampler.rows_per_batch ? s->sampler.rows_per_batch : 32;
    return open_given_world((adaptau_context_options){.n_threads = n_threads}, model, sampler,
                            full_temperature_options(s->temperature));
}

static void step_world(struct world *w, const struct scenario *s, const adaptau_batch *batch)
{
    const adaptau_contrast_options contrast = full_contrast_options(s->contrast);
    OK(adaptau_model_gradients(w->model, batch, w->temperature, NULL, &error));
    if (s->contrast.struct_size)
        OK(adaptau_model_contrast(w->model, batch, &contrast, NULL, &error));
    OK(adaptau_model_apply(w->model, &error));
}

static void train_epoch(struct world *w, const struct scenario *s, int64_t epoch)
{
    adaptau_batch          batch = {.struct_size = sizeof batch};
    adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = s->soft_targets,
                                                                                  .row_weight_exponent = 0.5});
    const double           rate = 0.02 * (double)(EPOCHS - epoch) / EPOCHS;
    OK(adaptau_model_set_learning_rates(w->model, 10.0 * rate, epoch == EPOCHS - 1 ? 0.0 : rate, &error));
    OK(adaptau_model_update_temperature(w->model, w->temperature, &error));
    OK(adaptau_model_update_targets(w->model, w->data, w->temperature, &targets, &error));
    if (s->contrast.prototype_weight > 0.0)
        OK(adaptau_model_update_prototypes(w->model, 7, &error));
    OK(adaptau_sampler_begin_epoch(w->sampler, epoch, &error));
    for (;;) {
        OK(adaptau_sampler_next(w->sampler, &batch, &error));
        if (batch.n_rows == 0)
            break;
        step_world(w, s, &batch);
    }
}

/* A training's part, with what it came from and went to in files. */
static void go_on(const struct scenario *s, int64_t first, int64_t end, const char *in, const char *out, int32_t n_threads)
{
    struct world w = start(s, n_threads);
    float        bias[ITEMS];
    char         note[ADAPTAU_NOTE_SIZE], wanted[32];
    for (int i = 0; i < ITEMS; i++)
        bias[i] = 0.01f * (float)i;
    const adaptau_loss loss = full_loss(s->loss);
    if (in) {
        adaptau_model_destroy(w.model);
        adaptau_temperature_destroy(w.temperature);
        w.model = NULL;
        w.temperature = NULL;
        OK(adaptau_model_load_checkpoint(w.context, w.data, in, &w.model, &w.temperature, note, &error));
        snprintf(wanted, sizeof wanted, "epoch \"%lld\" \\", (long long)first);
        ck_assert_str_eq(note, wanted);
    } else {
        OK(adaptau_model_set_loss(w.model, &loss, &error));
        OK(adaptau_model_set_item_bias(w.model, bias, &error));
    }
    for (int64_t epoch = first; epoch < end; epoch++)
        train_epoch(&w, s, epoch);
    snprintf(note, sizeof note, "epoch \"%lld\" \\", (long long)end);
    OK(adaptau_model_save_checkpoint(w.model, w.temperature, note, out, &error));
    close_world(&w);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static char   other_path[sizeof path + 16];
static char   program[4096];
static char  *content;
static size_t content_size;

static char *read_whole(const char *where, size_t *size)
{
    FILE *file = fopen(where, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* Over the old content: a file that is truncated first may cost a flush of the disk at each closing. */
static void write_whole(const char *bytes, size_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(pwrite(descriptor, bytes, size, 0), (ssize_t)size);
    ck_assert_int_eq(ftruncate(descriptor, (off_t)size), 0);
    ck_assert_int_eq(close(descriptor), 0);
}

static void make_paths(void)
{
    make_folder();
    snprintf(other_path, sizeof other_path, "%s.straight", path);
}

static void remove_paths(void)
{
    unlink(other_path);
    remove_folder();
}

static void spawn_and_wait(int scenario, int first, int end, const char *in, const char *out)
{
    char  numbers[3][16];
    pid_t child;
    int   status = -1;
    snprintf(numbers[0], sizeof numbers[0], "%d", scenario);
    snprintf(numbers[1], sizeof numbers[1], "%d", first);
    snprintf(numbers[2], sizeof numbers[2], "%d", end);
    char *const arguments[] = {program, "--go-on", numbers[0], numbers[1], numbers[2], (char *)in, (char *)out, NULL};
    ck_assert_int_eq(posix_spawn(&child, program, NULL, NULL, arguments, environ), 0);
    while (waitpid(child, &status, 0) < 0)
        ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(status, 0);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

START_TEST(goes_on_in_another_process_bit_for_bit)
{
    const struct scenario *s = &scenarios[_i];
    size_t                 size, other_size;
    go_on(s, 0, EPOCHS, NULL, other_path, 1);
    go_on(s, 0, CUT, NULL, path, 3);
    spawn_and_wait(_i, CUT, EPOCHS, path, path);
    char *bytes = read_whole(path, &size), *others = read_whole(other_path, &other_size);
    ck_assert_uint_eq(size, other_size);
    ck_assert_msg(memcmp(bytes, others, size) == 0, "%s: another training", s->name);
    free(bytes);
    free(others);
}
END_TEST

/* Before the first step there are no moments. */
START_TEST(goes_on_from_the_start)
{
    const struct scenario *s = &scenarios[_i];
    size_t                 size, other_size;
    go_on(s, 0, 2, NULL, other_path, 2);
    go_on(s, 0, 0, NULL, path, 2);
    go_on(s, 0, 2, path, path, 2);
    char *bytes = read_whole(path, &size), *others = read_whole(other_path, &other_size);
    ck_assert_uint_eq(size, other_size);
    ck_assert_int_eq(memcmp(bytes, others, size), 0);
    free(bytes);
    free(others);
}
END_TEST

START_TEST(is_a_model_file_too)
{
    const struct scenario *s = &scenarios[_i];
    adaptau_tables         a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    adaptau_model         *resumed = NULL, *loaded = NULL;
    struct world           w = start(s, 2);
    go_on(s, 0, 2, NULL, path, 2);
    OK(adaptau_model_load(w.context, path, &loaded, &error));
    OK(adaptau_model_load_checkpoint(w.context, w.data, path, &resumed, NULL, NULL, &error));
    OK(adaptau_model_get_tables(loaded, &a, &error));
    OK(adaptau_model_get_tables(resumed, &b, &error));
    ck_assert_uint_eq(a.flags, b.flags);
    ck_assert_int_eq(memcmp(a.users, b.users, sizeof(float) * USERS * DIM), 0);
    ck_assert_int_eq(memcmp(a.items, b.items, sizeof(float) * ITEMS * DIM), 0);
    ck_assert_int_eq(memcmp(a.item_bias, b.item_bias, sizeof(float) * ITEMS), 0);
    adaptau_model_destroy(resumed);
    adaptau_model_destroy(loaded);
    close_world(&w);
}
END_TEST

/* A small model of one epoch, whose file is quickly read thousands of times. */
static struct world small_world(void)
{
    const struct scenario s = {.name = "small",
                               .model = {.dim = 2, .flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT},
                               .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_LEARNED}};
    struct world          w = start(&s, 1);
    train_epoch(&w, &s, 0);
    OK(adaptau_model_save_checkpoint(w.model, w.temperature, "small", path, &error));
    content = read_whole(path, &content_size);
    return w;
}

static void close_small_world(struct world *w)
{
    free(content);
    close_world(w);
}

static adaptau_status try_resume(struct world *w)
{
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    char                 note[ADAPTAU_NOTE_SIZE] = "untouched";
    adaptau_status       status = adaptau_model_load_checkpoint(w->context, w->data, path, &model, &temperature, note, &error);
    ck_assert(status == ADAPTAU_OK || (!model && !temperature && strcmp(note, "untouched") == 0));
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    return status;
}

START_TEST(rejects_a_file_that_is_cut_anywhere)
{
    struct world w = small_world();
    for (size_t size = 0; size < content_size; size += size < 4000 || size > content_size - 64 ? 1 : 37) {
        write_whole(content, size);
        ck_assert_int_eq(try_resume(&w), ADAPTAU_E_FORMAT);
    }
    close_small_world(&w);
}
END_TEST

START_TEST(rejects_every_flipped_bit)
{
    struct world w = small_world();
    for (size_t bit = 0; bit < 8 * content_size; bit += bit < 8 * 4000 ? 1 : 61) {
        content[bit / 8] = (char)(content[bit / 8] ^ 1 << bit % 8);
        write_whole(content, content_size);
        ck_assert_msg(try_resume(&w) == ADAPTAU_E_FORMAT, "bit %zu of byte %zu", bit % 8, bit / 8);
        content[bit / 8] = (char)(content[bit / 8] ^ 1 << bit % 8);
    }
    write_whole(content, content_size);
    OK(try_resume(&w));
    close_small_world(&w);
}
END_TEST

static uint64_t peak_memory(const struct world *w)
{
    uint64_t present, peak;
    adaptau_context_memory(w->context, &present, &peak);
    return peak;
}

static void sum_again(void)
{
    struct atau_checksum sum = {0};
    atau_checksum_add(&sum, content, content_size - 8);
    const uint64_t value = atau_checksum_value(&sum);
    memcpy(content + content_size - 8, &value, 8);
    write_whole(content, content_size);
}

/* The third word of the numbers is dim. */
static void claim_dim(const char *word)
{
    static const char key[] = "\"adaptau.model_state\":\"";
    size_t            at = 0;
    while (memcmp(content + at, key, sizeof key - 1) != 0)
        at++;
    memcpy(content + at + sizeof key - 1 + 2 * 17, word, 16);
    sum_again();
}

/* Nor may the checksum be relied upon: who writes such a file can sum, too. */
/* Where the data of a tensor begin. */
static size_t find_data(const char *name)
{
    char     key[80];
    uint64_t length, begin;
    size_t   at = 8;
    memcpy(&length, content, 8);
    snprintf(key, sizeof key, "\"%s\":{", name);
    while (memcmp(content + at, key, strlen(key)) != 0)
        at++;
    const char *offsets = strstr(content + at, "\"data_offsets\":[");
    ck_assert_ptr_nonnull(offsets);
    begin = strtoull(offsets + sizeof "\"data_offsets\":[" - 1, NULL, 10);
    return (size_t)(8 + length + begin);
}

/* With a checksum that is right: the numbers themselves are looked at, of the first user and of the last. */
START_TEST(numbers_that_no_training_has_are_refused)
{
    const struct {
        const char *tensor;
        float       number;
    } wrong[] = {{"temperature_unit_losses", INFINITY}, {"temperature_unit_losses", -INFINITY}, {"temperature_users", INFINITY},
                 {"temperature_users", NAN},            {"temperature_users", 0.0f},            {"temperature_users", -1.0f}};
    struct world w = small_world();
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        for (int last = 0; last < 2; last++) {
            char *at = content + find_data(wrong[k].tensor) + (last ? (USERS - 1) * sizeof(float) : 0);
            float kept;
            memcpy(&kept, at, sizeof kept);
            memcpy(at, &wrong[k].number, sizeof kept);
            sum_again();
            ck_assert_msg(try_resume(&w) == ADAPTAU_E_FORMAT, "%s = %g", wrong[k].tensor, (double)wrong[k].number);
            ck_assert_msg(strstr(error.message, wrong[k].tensor), "%s", error.message);
            memcpy(at, &kept, sizeof kept);
        }
    sum_again();
    OK(try_resume(&w));
    close_small_world(&w);
}
END_TEST

START_TEST(numbers_that_ask_for_much_memory_get_none)
{
    struct world   w = small_world();
    const uint64_t before = peak_memory(&w);
    claim_dim("0000000000001000");
    ck_assert_int_eq(try_resume(&w), ADAPTAU_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.message, "no tensor \"user_embeddings\" of 120 x 4096"));
    ck_assert_uint_lt(peak_memory(&w), before + content_size + (64 << 10));
    claim_dim("0000000000000002");
    OK(try_resume(&w));
    close_small_world(&w);
}
END_TEST

/* SimpleX has a matrix of dim x dim, which must be in the file before there is room for it. */
START_TEST(a_wide_simplex_without_its_matrix_gets_no_memory)
{
    enum { WIDE = 4096 };
    float                     *row = calloc(WIDE, sizeof *row);
    const struct atau_tensor   tensors[] = {{"user_embeddings", 1, WIDE, row, WIDE, ATAU_F32},
                                            {"item_embeddings", 1, WIDE, row, WIDE, ATAU_F32},
                                            {"raw_user_embeddings", 1, WIDE, row, WIDE, ATAU_F32},
                                            {"raw_item_embeddings", 1, WIDE, row, WIDE, ATAU_F32}};
    const struct atau_metadata metadata[] = {{"adaptau.encoder", "simplex"}, {"adaptau.encoder_options", "gate=0.300000000"}};
    struct world               w = small_world();
    adaptau_model             *model = NULL;
    const uint64_t             before = peak_memory(&w);
    OK(atau_safetensors_write(path, 4, tensors, 2, metadata, &error));
    ck_assert_int_eq(adaptau_model_load(w.context, path, &model, &error), ADAPTAU_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.message, "no tensor \"encoder_parameters\" of 4096 x 4096"));
    ck_assert_uint_lt(peak_memory(&w), before + (1 << 20));
    free(row);
    close_small_world(&w);
}
END_TEST

START_TEST(rejects_what_does_not_fit)
{
    struct world         w = small_world();
    adaptau_dataset     *other = NULL;
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    char                 note[ADAPTAU_NOTE_SIZE + 1];
    const int32_t        zero = 0;
    OK(adaptau_dataset_create_from_interactions(w.context, USERS, ITEMS + 1, 1, &zero, &zero, NULL, &other, &error));
    ck_assert_int_eq(adaptau_model_load_checkpoint(w.context, other, path, &model, NULL, NULL, &error), ADAPTAU_E_SHAPE);
    ck_assert_ptr_nonnull(strstr(error.message, "120 users x 200 items"));
    OK(adaptau_temperature_create(w.context, other, NULL, &temperature, &error));
    ck_assert_int_eq(adaptau_model_save_checkpoint(w.model, temperature, NULL, path, &error), ADAPTAU_E_SHAPE);
    memset(note, 'x', sizeof note);
    note[ADAPTAU_NOTE_SIZE] = '\0';
    ck_assert_int_eq(adaptau_model_save_checkpoint(w.model, NULL, note, path, &error), ADAPTAU_E_ARGUMENT);
    note[ADAPTAU_NOTE_SIZE - 1] = '\0';
    note[7] = '\n';
    ck_assert_int_eq(adaptau_model_save_checkpoint(w.model, NULL, note, path, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "note[7] = 0x0a"));
    note[7] = '"';
    OK(adaptau_model_save_checkpoint(w.model, NULL, note, path, &error));
    OK(adaptau_model_load_checkpoint(w.context, w.data, path, &model, NULL, note, &error));
    ck_assert_uint_eq(strlen(note), ADAPTAU_NOTE_SIZE - 1);
    adaptau_model_destroy(model);
    ck_assert_int_eq(try_resume(&w), ADAPTAU_E_FORMAT); /* wants a temperature                                    */
    OK(adaptau_model_save(w.model, path, &error));
    ck_assert_int_eq(try_resume(&w), ADAPTAU_E_FORMAT);
    ck_assert_int_eq(adaptau_model_save_checkpoint(w.model, NULL, NULL, "/nowhere/x", &error), ADAPTAU_E_IO);
    ck_assert_int_eq(adaptau_model_save_checkpoint(NULL, NULL, NULL, path, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_save_checkpoint(w.model, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_load_checkpoint(NULL, w.data, path, &model, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_load_checkpoint(w.context, NULL, path, &model, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_load_checkpoint(w.context, w.data, NULL, &model, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_load_checkpoint(w.context, w.data, path, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    adaptau_temperature_destroy(temperature);
    adaptau_dataset_destroy(other);
    close_small_world(&w);
}
END_TEST

/* A loaded model has no optimiser state; resumed with a dataset it can be trained. */
START_TEST(turns_a_loaded_model_into_one_that_trains)
{
    struct world   w = start(&scenarios[5], 2);
    adaptau_model *loaded = NULL;
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_load(w.context, path, &loaded, &error));
    OK(adaptau_model_save_checkpoint(loaded, NULL, NULL, path, &error));
    adaptau_model_destroy(loaded);
    adaptau_model_destroy(w.model);
    OK(adaptau_model_load_checkpoint(w.context, w.data, path, &w.model, NULL, NULL, &error));
    train_epoch(&w, &scenarios[5], 0);
    close_world(&w);
}
END_TEST

static char **given; /* the arguments of a process that goes on */

START_TEST(other_process)
{
    go_on(&scenarios[atoi(given[2])], atoi(given[3]), atoi(given[4]), given[5], given[6], 2);
}
END_TEST

int main(int n_arguments, char **arguments)
{
    Suite *suite = suite_create("resume");
    TCase *tests = tcase_create("resume");
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    if (n_arguments == 7 && strcmp(arguments[1], "--go-on") == 0) {
        given = arguments;
        tcase_add_test(tests, other_process);
        return run_suite(suite);
    }
    snprintf(program, sizeof program, "%s", arguments[0]);
    tcase_add_checked_fixture(tests, make_paths, remove_paths);
    tcase_add_loop_test(tests, goes_on_in_another_process_bit_for_bit, 0, SCENARIOS);
    tcase_add_loop_test(tests, goes_on_from_the_start, 0, SCENARIOS);
    tcase_add_loop_test(tests, is_a_model_file_too, 0, SCENARIOS);
    tcase_add_test(tests, rejects_a_file_that_is_cut_anywhere);
    tcase_add_test(tests, rejects_every_flipped_bit);
    tcase_add_test(tests, rejects_what_does_not_fit);
    tcase_add_test(tests, numbers_that_ask_for_much_memory_get_none);
    tcase_add_test(tests, numbers_that_no_training_has_are_refused);
    tcase_add_test(tests, a_wide_simplex_without_its_matrix_gets_no_memory);
    tcase_add_test(tests, turns_a_loaded_model_into_one_that_trains);
    return run_suite(suite);
}
