/* SPDX-License-Identifier: MIT */
/* Nothing of everything: each count of each struct and call of the interface is tried at 0, with every other count at 0 and not,
 * through every call that takes them, on every backend. What is valid must be right; what is not must be an error with a
 * message. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../support/context.h"
#include "../support/folder.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"

#define N_BACKENDS 4 /* AUTO and the three                                                                     */

static adaptau_context *context;

/* ---- losses ------------------------------------------------------------------------------------------------------ */

enum { DIM = 2 };

/* Rows of length 1, so that normalisation changes nothing. */
static const float   users[2 * DIM] = {1.0f, 0.0f, 0.6f, 0.8f}, items[3 * DIM] = {0.0f, 1.0f, 0.8f, 0.6f, -1.0f, 0.0f};
static const float   log_q[6] = {0.1f, -0.2f, 0.3f, 0.0f, 0.5f, 0.25f};
static const int32_t ids[6] = {2, 0, 1, 1, 0, 2};

struct shape {
    int32_t loss, candidates, n_users, n_items, n_rows;
    int64_t n_candidates, n_positives; /* of each row                                                          */
    bool    outside, normalise, with_q, item_gradients;
};

static bool is_valid(const struct shape *s)
{
    if (s->n_rows > s->n_users || (s->with_q && s->loss != ADAPTAU_LOSS_SOFTMAX))
        return false;
    if (s->n_rows > 0 && s->candidates == ADAPTAU_CANDIDATES_CATALOGUE && s->n_candidates > 0)
        return false;
    return s->n_rows == 0 || s->n_items > 0 || s->n_positives + s->n_candidates == 0;
}

static double score_of(int32_t user, int32_t item)
{
    double f = 0.0;
    for (int k = 0; k < DIM; k++)
        f += (double)users[user * DIM + k] * (double)items[item * DIM + k];
    return f;
}

/* The header's formulas for λ = 1 and θ = 0.5. */
static double define_loss(const struct shape *s, int64_t *n_terms)
{
    const bool    catalogue = s->candidates == ADAPTAU_CANDIDATES_CATALOGUE;
    const int64_t n = catalogue ? s->n_items : s->n_candidates;
    double        loss = 0.0;
    *n_terms = 0;
    for (int32_t r = 0; r < s->n_rows; r++)
        for (int32_t i = 0; i < s->n_positives; i++) {
            double  sum = 0.0, logistic = 0.0, squares = 0.0, above = 0.0, pairs = 0.0, f = score_of(r, i);
            int64_t counted = 0;
            for (int64_t c = 0; c < n; c++) {
                const int64_t at = s->candidates == ADAPTAU_CANDIDATES_PER_ROW ? r * n + c : c;
                const int32_t item = catalogue ? (int32_t)c : ids[at];
                const double  g = score_of(r, item);
                if (s->outside && item < s->n_positives)
                    continue;
                counted++;
                sum += exp(g - (s->with_q ? (double)log_q[at] : 0.0));
                logistic += log1p(exp(g));
                squares += g * g;
                above += fmax(0.0, g - 0.5);
                pairs += log1p(exp(g - f));
            }
            const double share = counted > 0 ? 1.0 / (double)counted : 0.0;
            sum += s->outside || catalogue ? 0.0 : exp(f);
            switch (s->loss) {
            case ADAPTAU_LOSS_SOFTMAX: loss += sum > 0.0 ? log(sum) - f : 0.0; break;
            case ADAPTAU_LOSS_BPR: loss += share * pairs; break;
            case ADAPTAU_LOSS_BCE: loss += log1p(exp(-f)) + share * logistic; break;
            case ADAPTAU_LOSS_MSE: loss += (1.0 - f) * (1.0 - f) + share * squares; break;
            default: loss += 1.0 - f + share * above; break;
            }
            *n_terms += s->loss == ADAPTAU_LOSS_SOFTMAX ? sum > 0.0 : s->loss != ADAPTAU_LOSS_BPR || counted > 0;
        }
    return loss;
}

static int32_t exchange_nothing(void *data, const adaptau_reduce_piece *piece)
{
    (void)data, (void)piece;
    return 0;
}

/* `how`: alone, as a range that is the catalogue, as a range with an reduce. */
static void check_shape(const struct shape *s, int how)
{
    const int64_t            positives[3] = {0, s->n_positives, 2 * s->n_positives};
    const int32_t            positive_ids[4] = {0, s->n_positives == 2 ? 1 : 0, 0, 1};
    float                    user_gradients[2 * DIM] = {7.0f, 7.0f, 7.0f, 7.0f}, item_gradients[3 * DIM] = {7.0f};
    double                   row_loss[2], row_log_sum[2];
    float                    unit_loss[2], slope[2];
    int32_t                  touched[3];
    const bool               catalogue = s->candidates == ADAPTAU_CANDIDATES_CATALOGUE, softmax = s->loss == ADAPTAU_LOSS_SOFTMAX;
    const bool               has_tau = s->loss <= ADAPTAU_LOSS_BCE;
    adaptau_tables           tables = {.struct_size = sizeof tables, .flags = s->normalise ? ADAPTAU_NORMALISE_BOTH : 0,
                                       .n_users = s->n_users, .n_items = s->n_items, .dim = DIM,
                                       .users = s->n_users ? users : NULL, .items = s->n_items ? items : NULL};
    adaptau_batch            batch = {.struct_size = sizeof batch,
                                      .flags = s->outside ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                                      .n_rows = s->n_rows, .candidates = s->candidates,
                                      .positive_ptr = s->n_rows ? positives : NULL,
                                      .positives = s->n_positives ? positive_ids : NULL, .n_candidates = s->n_candidates,
                                      .candidate_ids = s->n_candidates ? ids : NULL, .log_q = s->with_q ? log_q : NULL};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 1.0f};
    adaptau_loss             loss = full_loss((adaptau_loss){.kind = s->loss});
    adaptau_reduce         reduce = full_reduce((adaptau_reduce){.function = exchange_nothing});
    adaptau_loss_output   output = {.struct_size = sizeof output, .row_loss = row_loss,
                                       .row_log_sum = softmax ? row_log_sum : NULL, .row_unit_loss = softmax ? unit_loss : NULL,
                                       .row_d_inverse_tau = has_tau ? slope : NULL, .user_gradients = user_gradients,
                                       .item_gradients = s->item_gradients ? item_gradients : NULL,
                                       .touched_items = touched, .loss = 7.0};
    memset(&error, 0, sizeof error);
    const adaptau_status status =
        how == 0 ? adaptau_loss_gradients(context, &tables, &batch, &tau, &loss, &output, &error)
                 : adaptau_loss_gradients_of_shard(context, &tables, &batch, &tau, &loss, how == 2 ? &reduce : NULL, &output,
                                                   &error);
    char what[200];
    snprintf(what, sizeof what, "%s, loss %d, candidates %d, outside %d, n %d, m %d, R %d, C %d, positives %d, way %d",
             adaptau_context_backend(context), s->loss, s->candidates, s->outside, s->n_users, s->n_items, s->n_rows,
             (int)s->n_candidates, (int)s->n_positives, how);
    if (status != ADAPTAU_OK) {
        const bool adds_up = s->loss != ADAPTAU_LOSS_BPR && (catalogue || (s->candidates == ADAPTAU_CANDIDATES_SHARED && s->outside));
        ck_assert_msg(!is_valid(s) || (how == 2 && !adds_up), "%s: %s", what, error.message);
        ck_assert_msg(error.message[0] && error.status == status && output.loss == 7.0, "%s: no message", what);
        return;
    }
    int64_t      n_terms = 0;
    const double truth = is_valid(s) ? define_loss(s, &n_terms) : output.loss;
    ck_assert_msg(fabs(output.loss - truth) < 1e-5 && (!is_valid(s) || output.n_terms == (double)n_terms),
                  "%s: the loss is %g of %d terms, not %g of %d", what, output.loss, (int)output.n_terms, truth, (int)n_terms);
    ck_assert_msg(!catalogue || output.n_touched_items == s->n_items, "%s: %d touched", what, (int)output.n_touched_items);
    ck_assert_msg(catalogue || s->item_gradients || output.n_touched_items == 0, "%s: %d touched", what, (int)output.n_touched_items);
    for (int i = 0; catalogue && i < s->n_items; i++)
        ck_assert_msg(touched[i] == i, "%s: the %d. touched is %d", what, i, touched[i]);
    for (int k = 0; k < s->n_rows * DIM; k++)
        ck_assert_msg(isfinite(user_gradients[k]) && user_gradients[k] != 7.0f, "%s: user gradients", what);
    for (int k = 0; s->item_gradients && catalogue && k < s->n_items * DIM; k++)
        ck_assert_msg(isfinite(item_gradients[k]) && item_gradients[k] != 7.0f, "%s: item gradients", what);
    for (int r = 0; r < s->n_rows && n_terms == 0; r++)
        ck_assert_msg(row_loss[r] == 0.0, "%s: row %d has a loss without a term", what, r);
}

/* _i: backend x loss. */
START_TEST(losses_of_every_pair_of_empty_counts_are_right)
{
    context = make_context(_i / 5, 2);
    for (int code = 0; context && code < 3 * 512; code++) {
        struct shape s = {.loss = _i % 5, .candidates = code / 512, .n_users = code & 1 ? 2 : 0, .n_items = code & 2 ? 3 : 0,
                          .n_rows = code & 4 ? 2 : 0, .n_candidates = code & 8 ? 3 : 0, .n_positives = code & 16 ? 2 : 0,
                          .outside = code & 32, .normalise = code & 64, .with_q = code & 128, .item_gradients = code & 256};
        for (int how = 0; how < 3; how++)
            check_shape(&s, how);
    }
    adaptau_context_destroy(context);
}
END_TEST

/* ---- objects ----------------------------------------------------------------------------------------------------- */

/* Either it is done, or it says why not; in a world where nothing is empty it is done. */
static bool done(adaptau_status status, bool whole, const char *call)
{
    ck_assert_msg(status == ADAPTAU_OK || (!whole && error.status == status && error.message[0]), "%s: %s", call, error.message);
    return status == ADAPTAU_OK;
}
#define DONE(call) (memset(&error, 0, sizeof error), done((call), whole, #call))

static void rank(adaptau_model *model, adaptau_dataset *data, bool whole)
{
    const int32_t some[2] = {1, 2}, none[1] = {0};
    const int64_t ptr[3] = {0, 0, 0};
    int32_t       found[2 * 5];
    float         scores[2 * 5];
    adaptau_tables tables = {.struct_size = sizeof tables};
    DONE(top_items(model, 0, NULL, 5, NULL, found, scores, &error));
    DONE(top_items(model, 2, some, 5, data, found, scores, &error));
    if (!DONE(adaptau_model_get_tables(model, &tables, &error)))
        return;
    DONE(top_of_tables(context, &tables, 0, NULL, 5, NULL, found, scores, &error));
    DONE(top_of_tables(context, &tables, 2, some, 5, data, found, scores, &error));
    for (int allowed = 0; allowed < 3; allowed++)
        for (int n = 0; n < 3; n += 2) {
            adaptau_query filter = {.struct_size = sizeof filter, .n_allowed = allowed == 2 ? 2 : 0,
                                          .allowed = allowed ? (allowed == 2 ? some : none) : NULL, .exclude_ptr = ptr};
            const float         rows[2 * 4] = {1, 2, 3, 4, 5, 6, 7, 8};
            if (!DONE(top_items_for(model, n, n ? rows : NULL, 0, 5, &filter, found, scores, &error)))
                continue;
            for (int k = 0; k < n * 5; k++)
                ck_assert(found[k] >= -1 && (found[k] >= 0 || scores[k] == -INFINITY));
        }
}

static void fold_and_grow(adaptau_model *model, adaptau_dataset *data, bool whole)
{
    const int64_t        ptr[3] = {0, 0, 0};
    float                rows[2 * 4], taus[2];
    adaptau_fold_in_options options = full_fold_in_options(model, (adaptau_fold_in_options){.tau = 0.2});
    adaptau_fold_in        *fold = NULL;
    adaptau_model       *grown = NULL;
    for (int targets = 0; targets < 2; targets++) {
        options.target_strength = targets;
        options.popularity_exponent = targets;
        if (DONE(adaptau_fold_in_create(model, data, &options, &fold, &error))) {
            DONE(adaptau_fold_in_users(fold, 0, NULL, NULL, NULL, NULL, NULL, &error));
            if (DONE(adaptau_fold_in_users(fold, 2, ptr, NULL, NULL, rows, taus, &error)))
                for (int k = 0; k < 8; k++)
                    ck_assert(isfinite(rows[k]));
        }
        adaptau_fold_in_destroy(fold);
        fold = NULL;
    }
    if (DONE(adaptau_model_grow(model, data, NULL, &grown, &error)))
        adaptau_model_destroy(grown);
}

static void keep(adaptau_model *model, adaptau_temperature *temperature, adaptau_dataset *data, bool whole)
{
    char                 note[ADAPTAU_NOTE_SIZE];
    adaptau_model       *read = NULL;
    adaptau_temperature *read_temperature = NULL;
    if (DONE(adaptau_model_save(model, path, &error)) && DONE(adaptau_model_load(context, path, &read, &error)))
        adaptau_model_destroy(read);
    read = NULL;
    if (DONE(adaptau_model_save_checkpoint(model, temperature, "", path, &error)) &&
        DONE(adaptau_model_load_checkpoint(context, data, path, &read, &read_temperature, note, &error))) {
        adaptau_temperature_destroy(read_temperature);
        adaptau_model_destroy(read);
    }
    for (int32_t side = 0; side < 2; side++) {
        DONE(adaptau_model_export_npy(model, side, path, &error));
        DONE(adaptau_model_export_index(model, side, path, &error));
    }
}

static void measure(adaptau_model *model, adaptau_dataset *data, bool whole)
{
    const int32_t              cutoffs[2] = {1, 3}, usual[1] = {20}, groups[4] = {0, 0, 0, 0};
    const adaptau_dataset     *masks[1] = {data};
    adaptau_tables             tables = {.struct_size = sizeof tables};
    adaptau_evaluator_options  options = full_evaluator_options((adaptau_evaluator_options){0});
    double                     value, moments[4], of_groups[1];
    float                      each[3];
    int32_t                    lists[3 * 3] = {0, 1, 2, 0, 1, 2, 0, 1, 2};
    if (!DONE(adaptau_model_get_tables(model, &tables, &error)))
        return;
    DONE(adaptau_interaction_moments(context, &tables, data, moments, &error));
    for (int code = 0; code < 8; code++) {
        adaptau_evaluator *evaluator = NULL;
        options.n_cutoffs = code & 1 ? 2 : 1;
        options.cutoffs = code & 1 ? cutoffs : usual;
        options.n_masks = code & 2 ? 1 : 0;
        options.masks = code & 2 ? masks : NULL;
        options.n_groups = code & 4 ? 1 : 0;
        options.item_groups = code & 4 ? groups : NULL;
        if (!DONE(adaptau_evaluator_create(context, data, &options, &evaluator, &error)))
            continue;
        if (DONE(adaptau_evaluator_run(evaluator, &tables, &error))) {
            ck_assert(DONE(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, code & 1 ? 3 : 20, &value, &error)) && isfinite(value));
            ck_assert(DONE(adaptau_evaluator_per_user(evaluator, ADAPTAU_METRIC_RECALL, code & 1 ? 3 : 20, each, &error)));
            if (code & 4)
                ck_assert(DONE(adaptau_evaluator_per_group(evaluator, ADAPTAU_METRIC_RECALL, code & 1 ? 3 : 20, of_groups, &error)));
        }
        if (code & 1 && adaptau_dataset_n_items(data) != 0)
            DONE(adaptau_evaluator_run_lists(evaluator, 3, lists, &error));
        adaptau_evaluator_destroy(evaluator);
    }
}

/* All that a batch of a sampler goes through, and a batch without rows. */
static void train(adaptau_model *model, adaptau_temperature *temperature, adaptau_dataset *data, bool whole)
{
    const int64_t          none[3] = {0, 0, 0};
    adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 1.0});
    adaptau_step           step = {.struct_size = sizeof step};
    for (int code = 0; code < 5 * 4; code++) { /* every kind                                                       */
        adaptau_sampler_options options =
            full_sampler_options((adaptau_sampler_options){.kind = code / 4, .rows = ADAPTAU_SAMPLER_ROWS_USERS + code % 2,
                                                           .rows_per_batch = 2, .n_candidates = code & 2 ? 3 : 0});
        adaptau_sampler        *sampler = NULL;
        adaptau_batch           batch = {.struct_size = sizeof batch};
        if (options.kind == ADAPTAU_SAMPLER_CATALOGUE)
            options.n_candidates = 0;
        if (!DONE(adaptau_sampler_create(context, data, &options, &sampler, &error)))
            continue;
        if (DONE(adaptau_sampler_begin_epoch(sampler, 0, &error)))
            while (DONE(adaptau_sampler_next(sampler, &batch, &error)) && batch.n_rows > 0)
                if (DONE(adaptau_model_gradients(model, &batch, temperature, &step, &error)))
                    DONE(adaptau_model_apply(model, &error));
        adaptau_sampler_destroy(sampler);
    }
    DONE(adaptau_model_update_targets(model, data, temperature, &targets, &error));
    for (int32_t rows = 0; rows < 3; rows += 2) {
        adaptau_batch batch = {.struct_size = sizeof batch, .n_rows = rows, .positive_ptr = none};
        memset(&error, 0, sizeof error);
        if (done(adaptau_model_gradients(model, &batch, temperature, &step, &error), false, "a batch of nothing"))
            ck_assert(isfinite(step.loss) && DONE(adaptau_model_apply(model, &error)));
    }
}

/* _i: backend x encoder x n x m x pairs. */
START_TEST(objects_of_every_pair_of_empty_counts_work_or_say_why_not)
{
    static const int32_t pair_users[6] = {0, 1, 2, 2, 0, 1}, pair_items[6] = {0, 1, 2, 3, 3, 2};
    const int32_t        n = _i & 1 ? 3 : 0, m = _i & 2 ? 4 : 0;
    const int64_t        n_pairs = _i & 4 ? 6 : 0;
    const bool           whole = n && m && n_pairs;
    context = make_context(_i / 24, 2);
    for (int32_t init = 0; context && init < 3; init++) {
        adaptau_dataset      *data = NULL;
        adaptau_model        *model = NULL;
        adaptau_temperature  *temperature = NULL;
        adaptau_model_options options = full_model_options((adaptau_model_options){
            .dim = 4, .encoder = _i / 8 % 3, .init = (int32_t[]){ADAPTAU_INIT_SPHERE, ADAPTAU_INIT_XAVIER, ADAPTAU_INIT_SPECTRAL}[init]});
        if (DONE(adaptau_dataset_create_from_interactions(context, n, m, n_pairs, n_pairs ? pair_users : NULL, n_pairs ? pair_items : NULL,
                                                          NULL, &data, &error)) &&
            DONE(adaptau_model_create(context, data, &options, &model, &error)) &&
            DONE(adaptau_temperature_create(context, data, NULL, &temperature, &error))) {
            DONE(adaptau_model_update_temperature(model, temperature, &error));
            train(model, temperature, data, whole);
            rank(model, data, whole);
            measure(model, data, whole);
            fold_and_grow(model, data, whole);
            keep(model, temperature, data, whole);
        }
        adaptau_temperature_destroy(temperature);
        adaptau_model_destroy(model);
        adaptau_dataset_destroy(data);
    }
    adaptau_context_destroy(context);
}
END_TEST

/* ---- plain arrays ------------------------------------------------------------------------------------------------ */

START_TEST(calls_without_rows_do_nothing)
{
    const bool           whole = true;
    double               moments[1 + 2 + 4], other[1 + 2 + 4] = {0};
    int32_t              columns[6] = {9, 9, 9, 9, 9, 9};
    float                values[6];
    adaptau_adam_options adam = full_adam_options((adaptau_adam_options){.learning_rate = 0.1});
    adaptau_adam_rows    rows = {.struct_size = sizeof rows, .dim = 2};
    context = make_context(_i, 2);
    if (!context)
        return;
    ck_assert(DONE(adaptau_normalise_rows(context, 0, 2, NULL, 2, NULL, 2, NULL, &error)));
    ck_assert(DONE(adaptau_normalise_rows_backward(context, 0, 2, NULL, 2, NULL, NULL, 2, &error)));
    ck_assert(DONE(adaptau_top_k(context, 0, 3, NULL, 3, 2, NULL, NULL, NULL, NULL, &error)));
    ck_assert(DONE(adaptau_top_k(context, 0, 0, NULL, 0, 2, NULL, NULL, NULL, NULL, &error)));
    ck_assert(DONE(adaptau_top_k(context, 3, 0, NULL, 0, 2, NULL, NULL, columns, values, &error)));
    for (int k = 0; k < 6; k++)
        ck_assert(columns[k] == -1 && values[k] == -INFINITY);
    ck_assert(DONE(adaptau_adam(context, &adam, 0, NULL, NULL, 0, &rows, &error)));
    ck_assert(DONE(adaptau_table_moments(context, 0, 2, NULL, 0, 1, moments, &error)));
    adaptau_table_moments_merge(2, moments, other);
    for (int k = 0; k < 7; k++)
        ck_assert(moments[k] == 0.0);
    adaptau_merge_row_sums(0, NULL, NULL);
    ck_assert(DONE(adaptau_merge_top_k(context, 0, 2, NULL, NULL, NULL, NULL, &error)));
    ck_assert(DONE(adaptau_epoch_order(1, 0, 0, NULL, &error)));
    ck_assert(DONE(adaptau_init_rows(context, 1, ADAPTAU_SIDE_USERS, ADAPTAU_INIT_SPHERE, 0, 0, 0, 2, NULL, 0, &error)));
    ck_assert(DONE(adaptau_init_rows(context, 1, ADAPTAU_SIDE_USERS, ADAPTAU_INIT_SPHERE, 5, 5, 0, 2, NULL, 0, &error)));
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("empty");
    TCase *tests = tcase_create("empty");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, losses_of_every_pair_of_empty_counts_are_right, 0, N_BACKENDS * 5);
    tcase_add_loop_test(tests, objects_of_every_pair_of_empty_counts_work_or_say_why_not, 0, N_BACKENDS * 24);
    tcase_add_loop_test(tests, calls_without_rows_do_nothing, 0, N_BACKENDS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
