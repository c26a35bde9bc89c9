/* SPDX-License-Identifier: MIT */
/* Counts near the largest that the interface has. The host's allocator refuses all that is large and remembers how much was asked
 * for, so that a call that would need terabytes shows in no time whether it knows that: the size is right to the byte, or the call
 * is refused before it allocates. Datasets of 2^31 - 1 users are structs whose offsets are pages of zeros that nobody has written. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/ok.h"
#include "../support/options.h"
#include "../support/portable.h"
#include "../support/suite.h"
#include "core/dataset.h"

#define MANY INT32_MAX
#define HUGE_PAIRS (INT64_C(1) << 61)
#define LARGEST_GIVEN ((size_t)1 << 20)
#define WIDE 65536

/* ---- a host that has nothing ------------------------------------------------------------------------------------- */

static struct {
    size_t  largest; /* that was asked for                                                                    */
    int64_t blocks;  /* that the library has                                                                  */
    bool    refused;
} host;

static void *give_little(void *user_data, size_t size, size_t alignment)
{
    (void)user_data;
    host.largest = size > host.largest ? size : host.largest;
    if (size > LARGEST_GIVEN) {
        host.refused = true;
        return NULL;
    }
    host.blocks++;
    return test_allocate(alignment, (size + alignment - 1) / alignment * alignment);
}

static void take_back(void *user_data, void *block, size_t size)
{
    (void)user_data, (void)size;
    host.blocks -= block != NULL;
    test_free(block);
}

static adaptau_context *context;
static adaptau_dataset *small; /* 3 users, 4 items */
static adaptau_model   *model; /* of it, d = 2 */
static adaptau_fold_in *fold;
static struct adaptau_dataset many_users, many_items, many_both;
static int64_t        *zeros; /* [N_ZEROS], where 2^31 are promised: what reads them all first is not in the table      */
static int32_t         ids[8];
static float           floats[1024], wide[2 * WIDE];

#define N_ZEROS 512

static void open_host(void)
{
    const adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 2, .allocate = give_little, .free = take_back};
    const adaptau_model_options   of_two = full_model_options((adaptau_model_options){.dim = 2});
    static const int32_t          users[3] = {0, 1, 2}, items[3] = {0, 1, 3};
    OK(adaptau_context_create(&options, &context, &error));
    OK(adaptau_dataset_create_from_interactions(context, 3, 4, 3, users, items, NULL, &small, &error));
    OK(adaptau_model_create(context, small, &of_two, &model, &error));
    const adaptau_fold_in_options folding = full_fold_in_options(model, (adaptau_fold_in_options){.tau = 0.1});
    OK(adaptau_fold_in_create(model, NULL, &folding, &fold, &error));
    zeros = calloc(N_ZEROS, sizeof *zeros);
    ck_assert_ptr_nonnull(zeros);
    many_both = (struct adaptau_dataset){.context = context, .n_users = MANY, .n_items = MANY, .n_interactions = HUGE_PAIRS,
                                         .user_ptr = zeros, .user_items = ids, .item_ptr = zeros, .item_users = ids};
    many_users = many_items = many_both;
    many_users.n_items = 4;
    many_items.n_users = 3;
    many_users.n_interactions = many_items.n_interactions = 0;
}

static void close_host(void)
{
    adaptau_fold_in_destroy(fold);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(small);
    adaptau_context_destroy(context);
    free(zeros);
    ck_assert_int_eq(host.blocks, 0);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

/* What a call that ought to fail would have made. */
static union {
    adaptau_dataset     *dataset;
    adaptau_sampler     *sampler;
    adaptau_model       *model;
    adaptau_temperature *temperature;
    adaptau_evaluator   *evaluator;
    adaptau_fold_in     *fold;
    adaptau_training    *training;
    void                *any;
} made;
static adaptau_dataset *other;

static adaptau_status rows_of_dataset(int32_t n_users, int32_t n_items)
{
    const adaptau_csr csr = {.struct_size = sizeof csr, .n_users = n_users, .n_items = n_items, .indptr = zeros, .indices = ids};
    return adaptau_dataset_create(context, &csr, &made.dataset, &error);
}

static adaptau_status dataset_of_many_items(void)
{
    return rows_of_dataset(3, MANY);
}

static adaptau_status dataset_from_no_pairs(void)
{
    return adaptau_dataset_create_from_interactions(context, MANY, MANY, 0, NULL, NULL, NULL, &made.dataset, &error);
}

static adaptau_status dataset_from_pairs_of_many_users(void)
{
    return adaptau_dataset_create_from_interactions(context, MANY, 4, 3, ids, ids, NULL, &made.dataset, &error);
}

static adaptau_status split_of_many_items(void)
{
    const adaptau_split_options options = {.struct_size = sizeof options, .share = 0.5};
    return adaptau_dataset_split(context, &many_items, &options, &made.dataset, &other, &error);
}

static adaptau_status sample(const adaptau_dataset *data, adaptau_sampler_options options)
{
    options = full_sampler_options(options);
    return adaptau_sampler_create(context, data, &options, &made.sampler, &error);
}

static adaptau_status rows_that_are_pairs(void)
{
    return sample(&many_both, (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_IN_BATCH});
}

static adaptau_status as_many_rows_as_can_be(void)
{
    struct adaptau_dataset data = many_items;
    data.n_interactions = UINT32_MAX;
    return sample(&data, (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_IN_BATCH});
}

static adaptau_status per_row_draws(void)
{
    struct adaptau_dataset data = many_items;
    data.n_interactions = UINT32_MAX;
    return sample(&data, (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM, .rows_per_batch = MANY, .n_candidates = MANY});
}

static adaptau_status popular_draws(void)
{
    return sample(&many_items, (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_SHARED_POPULARITY,
                                                         .rows = ADAPTAU_SAMPLER_ROWS_INTERACTIONS,
                                                         .n_candidates = MANY,
                                                         .flags = ADAPTAU_SAMPLER_LOG_Q});
}

static adaptau_status factorise(const adaptau_dataset *data, adaptau_model_options options)
{
    options = full_model_options(options);
    return adaptau_model_create(context, data, &options, &made.model, &error);
}

static adaptau_status wide_model(void)
{
    return factorise(&many_both, (adaptau_model_options){.dim = WIDE});
}

static adaptau_status narrow_model_of_many_items(void)
{
    return factorise(&many_items, (adaptau_model_options){.dim = 1});
}

static adaptau_status wide_model_of_three_million_items(void)
{
    struct adaptau_dataset data = many_items;
    data.n_items = 3000000;
    return factorise(&data, (adaptau_model_options){.dim = WIDE});
}

static adaptau_status spectral_model(void)
{
    return factorise(&many_both, (adaptau_model_options){.dim = WIDE, .init = ADAPTAU_INIT_SPECTRAL});
}

static adaptau_status graph_model(void)
{
    return factorise(&many_both, (adaptau_model_options){.dim = WIDE, .encoder = ADAPTAU_ENCODER_LIGHTGCN});
}

static adaptau_status mixing_model(void)
{
    return factorise(&many_both, (adaptau_model_options){.dim = WIDE, .encoder = ADAPTAU_ENCODER_SIMPLEX});
}

static adaptau_status grown_model(void)
{
    return adaptau_model_grow(model, &many_both, NULL, &made.model, &error);
}

static adaptau_status temperature_of_many_users(void)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.1,
                                                               .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    return adaptau_temperature_create(context, &many_both, &options, &made.temperature, &error);
}

static adaptau_status learned_temperature_of_many_users(void)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.1,
                                                               .tau_user_policy = ADAPTAU_TAU_USER_LEARNED});
    return adaptau_temperature_create(context, &many_both, &options, &made.temperature, &error);
}

static adaptau_status evaluate(const adaptau_dataset *held_out, adaptau_evaluator_options options)
{
    options = full_evaluator_options(options);
    return adaptau_evaluator_create(context, held_out, &options, &made.evaluator, &error);
}

static adaptau_status evaluator_of_many_groups(void)
{
    return evaluate(small, (adaptau_evaluator_options){.n_groups = MANY, .item_groups = ids});
}

static adaptau_status evaluator_of_many_masks(void)
{
    return evaluate(small, (adaptau_evaluator_options){.n_masks = MANY, .masks = NULL});
}

static adaptau_status train(const adaptau_dataset *data)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.init = ADAPTAU_INIT_SPHERE;
    recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    recipe.tau_user_policy = ADAPTAU_TAU_USER_NONE;
    recipe.dim = WIDE;
    return adaptau_training_create(context, data, &recipe, &made.training, &error);
}

static adaptau_status training_of_many(void)
{
    return train(&many_both);
}

/* Rows of which a table would have too many are nowhere: the pointer is not followed. */
static adaptau_tables tables_of(int32_t n_users, int32_t n_items, int32_t dim)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables), .flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS, .n_users = n_users,
                            .n_items = n_items, .dim = dim, .users = floats, .items = floats};
}

static adaptau_status rank(adaptau_tables tables, adaptau_query query)
{
    query.struct_size = sizeof query;
    return adaptau_rank(context, &tables, &query, ids, NULL, &error);
}

static adaptau_status rows_beyond_memory(void)
{
    adaptau_tables tables = tables_of(2, MANY, 2);
    tables.item_stride = INT64_C(1) << 31;
    return rank(tables, (adaptau_query){.n = 1, .k = 1});
}

static adaptau_status embeddings_beyond_memory(void)
{
    return rank(tables_of(2, 4, 2), (adaptau_query){.n = MANY, .k = 1, .embeddings = floats, .embedding_stride = INT64_C(1) << 40});
}

static adaptau_status best_columns(void)
{
    return adaptau_top_k(context, 1, MANY, floats, MANY, MANY, NULL, NULL, ids, floats, &error);
}

static adaptau_status columns_beyond_memory(void)
{
    return adaptau_top_k(context, MANY, MANY, floats, INT64_C(1) << 31, 1, NULL, NULL, ids, floats, &error);
}

static adaptau_status merged_lists(void)
{
    return adaptau_merge_top_k(context, INT64_C(1) << 62, MANY, ids, floats, ids, floats, &error);
}

static adaptau_status merge_of_long_lists(void)
{
    return adaptau_merge_top_k(context, 1, MANY, ids, floats, ids, floats, &error);
}

static adaptau_status normalised_rows(void)
{
    return adaptau_normalise_rows(context, HUGE_PAIRS, WIDE, floats, WIDE, floats, WIDE, NULL, &error);
}

static adaptau_status gradients_of_rows(void)
{
    return adaptau_normalise_rows_backward(context, INT64_MAX, 2, floats, 2, floats, floats, INT64_MAX, &error);
}

static adaptau_status first_rows(void)
{
    return adaptau_init_rows(context, 1, ADAPTAU_SIDE_USERS, ADAPTAU_INIT_SPHERE, INT64_MAX, 0, INT64_MAX, WIDE, floats, 0, &error);
}

static adaptau_status first_rows_past_the_end(void)
{
    return adaptau_init_rows(context, 1, ADAPTAU_SIDE_USERS, ADAPTAU_INIT_SPHERE, INT64_MAX, INT64_MAX, INT64_MAX, 2, floats, 0, &error);
}

static adaptau_status step_of_rows(void)
{
    const adaptau_adam_options options = full_adam_options((adaptau_adam_options){.learning_rate = 0.1});
    const adaptau_adam_rows    rows = {.struct_size = sizeof rows, .dim = WIDE, .n = HUGE_PAIRS, .rows = floats, .first = floats,
                                       .second = floats, .steps = ids};
    return adaptau_adam(context, &options, HUGE_PAIRS, NULL, floats, 0, &rows, &error);
}

static adaptau_status moments_of_rows(void)
{
    double out[8];
    return adaptau_table_moments(context, HUGE_PAIRS, 2, floats, 0, 0, out, &error);
}

static adaptau_status moments_of_wide_rows(void)
{
    double out[8];
    return adaptau_table_moments(context, 2, WIDE, wide, 0, 0, out, &error);
}

static adaptau_status order_of_an_epoch(void)
{
    return adaptau_epoch_order(1, 0, HUGE_PAIRS, (uint32_t *)ids, &error);
}

static adaptau_status lose(adaptau_tables tables, adaptau_batch batch)
{
    const adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 0.1f};
    adaptau_loss_output            output = {.struct_size = sizeof output, .user_gradients = floats, .item_gradients = floats};
    batch.struct_size = sizeof batch;
    batch.n_rows = 3;
    batch.positive_ptr = zeros;
    return adaptau_softmax(context, &tables, &batch, &tau, &output, &error);
}

static adaptau_status loss_of_many_items(void)
{
    return lose(tables_of(3, MANY, WIDE), (adaptau_batch){.users = NULL});
}

static adaptau_status loss_of_many_rows_to_normalise(void)
{
    adaptau_tables tables = tables_of(3, MANY, WIDE);
    tables.user_stride = INT64_C(1) << 60;
    return lose(tables, (adaptau_batch){.users = NULL});
}

static adaptau_status loss_of_many_shared_candidates(void)
{
    return lose(tables_of(3, 4, 2), (adaptau_batch){.candidates = ADAPTAU_CANDIDATES_SHARED, .n_candidates = INT64_C(1) << 62,
                                                    .candidate_ids = ids});
}

static adaptau_status loss_of_many_own_candidates(void)
{
    return lose(tables_of(3, 4, 2), (adaptau_batch){.candidates = ADAPTAU_CANDIDATES_PER_ROW, .n_candidates = MANY,
                                                    .candidate_ids = ids});
}

static int32_t take_piece(void *user_data, const adaptau_reduce_piece *piece)
{
    (void)user_data, (void)piece;
    return 0;
}

static int32_t forget(void *user_data, const void *bytes, int64_t size)
{
    (void)user_data, (void)bytes, (void)size;
    return 1;
}

static adaptau_status attachments_beyond_memory(void)
{
    const adaptau_attachment attachments[] = {{"one", ids, INT64_MAX / 3}, {"two", ids, INT64_MAX / 3}};
    return adaptau_model_save_to(model, forget, NULL, 2, attachments, &error);
}

static adaptau_status likelihood_at_many_temperatures(void)
{
    const adaptau_tables tables = tables_of(3, 4, 2);
    double               means[1];
    const double         taus[1] = {0.1};
    adaptau_status       status = adaptau_evaluator_create(context, small, NULL, &made.evaluator, &error);
    if (!status)
        status = adaptau_evaluator_log_likelihood(made.evaluator, &tables, MANY, taus, means, &error);
    adaptau_evaluator_destroy(made.evaluator);
    made.evaluator = NULL;
    return status;
}

static adaptau_status shard_of_more_items_than_there_are(void)
{
    const adaptau_tables           tables = tables_of(3, 4, 2);
    const adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 3, .positive_ptr = zeros};
    const adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 0.1f};
    adaptau_loss_output            output = {.struct_size = sizeof output};
    adaptau_reduce                 reduce = {.struct_size = sizeof reduce};
    OK(adaptau_reduce_init(&reduce, &error));
    reduce.function = take_piece;
    reduce.most_items = INT64_MAX;
    return adaptau_loss_gradients_of_shard(context, &tables, &batch, &tau, NULL, &reduce, &output, &error);
}

/* ---- a table ----------------------------------------------------------------------------------------------------- */

#define N ((double)MANY)
#define ANY 1e300

static const struct {
    const char    *name;
    adaptau_status (*call)(void);
    double         least, most; /* bytes of the largest block that it asks for, but for 64 KiB of small arrays       */
    const char    *says;        /* NULL: out of memory; else the call is refused without a request, with these words */
} calls[] = {
#define ASKS(call, least, most) {#call, call, least, most, NULL}
#define REFUSED(call, says) {#call, call, 0, 0, says}
    ASKS(dataset_of_many_items, 8 * (N + 1), 8 * (N + 1)),
    ASKS(dataset_from_no_pairs, 8 * (N + 1), 8 * (N + 1)),
    ASKS(dataset_from_pairs_of_many_users, 8 * (N + 1), 8 * (N + 1)),
    ASKS(split_of_many_items, 8 * (N + 1), 8 * (N + 1)),
    REFUSED(rows_that_are_pairs, "the dataset has 2305843009213693952 pairs, but at most 4294967295 can be rows"),
    ASKS(as_many_rows_as_can_be, 8 * 4294967295.0, 8 * 4294967295.0), /* order and row_users                           */
    REFUSED(per_row_draws, "2147483647 rows of options->n_candidates = 2147483647 exceed 2^31 - 1"),
    ASKS(popular_draws, (8 + 8 + 4 + 4) * N, (8 + 8 + 4 + 4) * N), /* cumulative, log_share, candidates, log_q        */
    ASKS(wide_model, 4.0 * WIDE * N, 4.0 * WIDE * N),
    ASKS(narrow_model_of_many_items, 4 * N, 4 * N),
    ASKS(wide_model_of_three_million_items, 4.0 * WIDE * 3e6, 4.0 * WIDE * 3e6),
    ASKS(spectral_model, 4.0 * WIDE * N, ANY),
    ASKS(graph_model, 4.0 * WIDE * N, ANY),
    ASKS(mixing_model, 4.0 * WIDE * N, ANY),
    ASKS(grown_model, 8 * N, ANY),
    ASKS(training_of_many, 4.0 * WIDE * N, ANY),
    ASKS(temperature_of_many_users, (4 + 4 + 8) * N, (4 + 4 + 8) * N), /* τ, losses and their counts                   */
    ASKS(learned_temperature_of_many_users, 4 * N, ANY),
    ASKS(evaluator_of_many_groups, 8 * 3 * N, 8 * 3 * N),
    REFUSED(evaluator_of_many_masks, "options->masks is NULL, but options->n_masks = 2147483647"),
    REFUSED(likelihood_at_many_temperatures, "n_taus = 2147483647"),
    REFUSED(rows_beyond_memory, "tables->n_items = 2147483647 rows of 2147483648 floats exceed the address space"),
    REFUSED(embeddings_beyond_memory, "query->n = 2147483647 embeddings of 1099511627776 floats exceed the address space"),
    ASKS(best_columns, 8 * N, 2 * 8 * N), /* a heap of each lane                                                      */
    REFUSED(columns_beyond_memory, "2147483647 rows of stride 2147483648 and k = 1 are beyond memory"),
    REFUSED(merged_lists, "n = 4611686018427387904 lists of k = 2147483647 exceed the address space"),
    ASKS(merge_of_long_lists, 8 * N, 8 * N),
    REFUSED(normalised_rows, "n = 2305843009213693952 rows of in_stride = 65536 are beyond memory"),
    REFUSED(gradients_of_rows, "n = 9223372036854775807 rows of unit_stride = 2 are beyond memory"),
    REFUSED(first_rows, "n = 9223372036854775807 rows of 65536 floats exceed the address space"),
    REFUSED(first_rows_past_the_end, "rows 9223372036854775807 ... of 9223372036854775807, n = 9223372036854775807"),
    REFUSED(step_of_rows, "rows->n = 2305843009213693952 rows of 65536 floats exceed the address space"),
    REFUSED(moments_of_rows, "n = 2305843009213693952 rows of 2 floats exceed the address space"),
    ASKS(moments_of_wide_rows, 8.0 * 2 * WIDE, ANY), /* panels: the d x d matrix itself is the host's              */
    REFUSED(order_of_an_epoch, "n = 2305843009213693952 is outside 0 ... 2^32 - 1"),
    ASKS(loss_of_many_items, 8 * N / 128, ANY), /* where each tile's positives begin                                   */
    REFUSED(loss_of_many_rows_to_normalise, "tables->n_users = 3 rows of 1152921504606846976 floats exceed"),
    REFUSED(loss_of_many_shared_candidates, "batch->n_candidates = 4611686018427387904 for 3 rows is outside 0 ... 2^31 - 1"),
    REFUSED(loss_of_many_own_candidates, "batch->n_candidates = 2147483647 for 3 rows is outside 0 ... 2^31 - 1"),
    REFUSED(shard_of_more_items_than_there_are, "reduce->most_items = 9223372036854775807 is above 2^31 - 1"),
    REFUSED(attachments_beyond_memory, "attachments[1]"),
};

START_TEST(sizes_are_right_or_refused)
{
    const int64_t before = host.blocks;
    made.any = other = NULL;
    host.largest = 0;
    host.refused = false;
    const adaptau_status status = calls[_i].call();
    const double         largest = (double)host.largest;
    ck_assert_ptr_null(made.any);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(host.blocks, before);
    if (calls[_i].says) {
        ck_assert_msg(status == ADAPTAU_E_SHAPE || status == ADAPTAU_E_ARGUMENT, "%s: status %d", calls[_i].name, status);
        ck_assert_msg(strstr(error.message, calls[_i].says), "%s: \"%s\"", calls[_i].name, error.message);
        ck_assert_msg(!host.refused, "%s: %.17g bytes were asked for", calls[_i].name, largest);
    } else {
        ck_assert_msg(status == ADAPTAU_E_MEMORY, "%s: status %d, %s", calls[_i].name, status, error.message);
        ck_assert_msg(host.refused && largest >= calls[_i].least && largest <= calls[_i].most + 65536.0,
                      "%s: %.17g bytes were asked for, not %.17g", calls[_i].name, largest, calls[_i].least);
    }
}
END_TEST

/* What is computed from counts alone. */
START_TEST(a_recipe_is_filled_for_the_largest_counts)
{
    static const int64_t pairs[] = {1, MANY, HUGE_PAIRS, INT64_MAX};
    for (int k = 0; k < 16; k++) {
        adaptau_recipe recipe = {.struct_size = sizeof recipe};
        OK(adaptau_recipe_init(&recipe, &error));
        recipe.encoder = k % 4 == 3 ? ADAPTAU_ENCODER_LIGHTGCN : ADAPTAU_ENCODER_MF;
        OK(adaptau_recipe_fill_for(&recipe, k & 1 ? MANY : 1, k & 2 ? MANY : 1, pairs[k / 4], &error));
        ck_assert(recipe.rows_per_batch >= 1 && recipe.rows_per_batch <= 2048 && recipe.epochs >= 1);
        ck_assert(isfinite(recipe.learning_rate_users) && isfinite(recipe.soft_targets) && isfinite(recipe.popularity_exponent));
    }
    ck_assert(isfinite(adaptau_log_ratio(INT64_MAX, INT64_MAX, 1)) && isfinite(adaptau_log_ratio(INT64_MAX, INT64_MAX, INT64_MAX)));
    ck_assert_int_eq(adaptau_table_moments_size(WIDE), 1 + WIDE + INT64_C(65536) * 65536);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("counts");
    TCase *tests = tcase_create("counts");
    tcase_add_unchecked_fixture(tests, open_host, close_host);
    tcase_add_loop_test(tests, sizes_are_right_or_refused, 0, sizeof calls / sizeof *calls);
    tcase_add_test(tests, a_recipe_is_filled_for_the_largest_counts);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
