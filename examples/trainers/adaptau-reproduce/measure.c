/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/measure.h"

#include <math.h>
#include <stdlib.h>

#include "common/fail.h"

/* ---- an epoch ----------------------------------------------------------------------------------------------------- */

static adaptau_status measure_scores(struct record *record, const struct training *training, const struct scores *scores,
                                     int32_t cutoff, adaptau_error *error)
{
    const struct {
        const char *name;
        double      value;
    } columns[] = {
        {"epoch", (double)training->epoch},
        {"recall", scores->value[ADAPTAU_METRIC_RECALL][cutoff]},
        {"ndcg", scores->value[ADAPTAU_METRIC_NDCG][cutoff]},
        {"seconds", training->seconds},
    };
    adaptau_status status = ADAPTAU_OK;
    for (size_t i = 0; i < sizeof columns / sizeof *columns && !status; i++)
        status = record_add(record, columns[i].name, columns[i].value, error);
    return status;
}

static double row_length(const float *row, int32_t dim)
{
    double sum = 0;
    for (int32_t k = 0; k < dim; k++)
        sum += (double)row[k] * (double)row[k];
    return sqrt(sum);
}

/* Mean length of an item's embedding, by popularity group. */
static adaptau_status measure_lengths(struct cell *cell, const adaptau_model *model, adaptau_error *error)
{
    const int32_t *groups = cell->description.subject->item_groups;
    double         sums[N_POPULARITY_GROUPS] = {0}, counts[N_POPULARITY_GROUPS] = {0};
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_get_tables(model, &tables, error);
    if (status)
        return status;
    int64_t stride = tables.item_stride ? tables.item_stride : tables.dim;
    for (int32_t i = 0; i < tables.n_items; i++) {
        sums[groups[i]] += row_length(tables.items + i * stride, tables.dim);
        counts[groups[i]]++;
    }
    for (int g = 0; g < N_POPULARITY_GROUPS; g++)
        sums[g] = counts[g] > 0 ? sums[g] / counts[g] : NAN;
    return record_append(&cell->record, "item_length", N_POPULARITY_GROUPS, sums, error);
}

/* How many users have a temperature in each bin between the smallest and the largest. */
static adaptau_status measure_tau_users(struct record *record, const float *tau, int32_t n,
                                        const adaptau_temperature_state *state, adaptau_error *error)
{
    double         counts[TAU_USER_BINS] = {0};
    double         low = state->tau_user_min, width = (state->tau_user_max - low) / TAU_USER_BINS;
    adaptau_status status = record_add(record, "tau_low", low, error);
    for (int32_t u = 0; u < n; u++) {
        int bin = width > 0 ? (int)(((double)tau[u] - low) / width) : 0;
        counts[bin < 0 ? 0 : bin >= TAU_USER_BINS ? TAU_USER_BINS - 1 : bin]++;
    }
    if (!status)
        status = record_add(record, "tau_high", state->tau_user_max, error);
    return status ? status : record_append(record, "tau_counts", TAU_USER_BINS, counts, error);
}

static adaptau_status measure_noise_groups(struct record *record, const float *tau, int32_t n, const int32_t *groups,
                                           adaptau_error *error)
{
    double sums[N_NOISE_GROUPS] = {0}, counts[N_NOISE_GROUPS] = {0};
    for (int32_t u = 0; u < n; u++) {
        sums[groups[u]] += (double)tau[u];
        counts[groups[u]]++;
    }
    for (int g = 0; g < N_NOISE_GROUPS; g++)
        sums[g] = counts[g] > 0 ? sums[g] / counts[g] : NAN;
    return record_append(record, "noise_tau", N_NOISE_GROUPS, sums, error);
}

adaptau_status measure_epoch(struct cell *cell, const struct training *training, const struct scores *scores, int32_t cutoff,
                             const int32_t *noise_groups, adaptau_error *error)
{
    struct record            *record = &cell->record;
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_status            status = adaptau_temperature_get_state(training->temperature, &state, error);
    const float              *tau = adaptau_temperature_user_taus(training->temperature);
    int32_t                   n = adaptau_dataset_n_users(training->dataset);
    if (!status && scores)
        status = measure_scores(record, training, scores, cutoff, error);
    if (!status)
        status = record_add(record, "loss", training->loss, error);
    if (!status)
        status = record_add(record, "tau0", state.tau0, error);
    if (!status)
        status = record_add(record, "mean_positive", state.mean_positive, error);
    if (!status)
        status = record_add(record, "mean_all", state.mean_all, error);
    if (!status)
        status = measure_lengths(cell, training->model, error);
    if (!status && training->recipe->base.tau_user_policy != ADAPTAU_TAU_USER_NONE)
        status = measure_tau_users(record, tau, n, &state, error);
    if (!status && noise_groups && training->recipe->base.tau_user_policy != ADAPTAU_TAU_USER_NONE)
        status = measure_noise_groups(record, tau, n, noise_groups, error);
    return status;
}

/* ---- the model ---------------------------------------------------------------------------------------------------- */

/* As training scores them, where items are ranked otherwise. */
static adaptau_status trained_tables(const struct trial *trial, adaptau_tables *tables, adaptau_error *error)
{
    *tables = (adaptau_tables){.struct_size = sizeof *tables};
    adaptau_status status = adaptau_model_get_tables(trial->model, tables, error);
    tables->flags |= (uint32_t)trial->recipe.base.normalise;
    return status;
}

static adaptau_status measure_groups(struct cell *cell, const struct trial *trial, adaptau_error *error)
{
    static const int32_t      cutoff = 20;
    double                    recall[N_POPULARITY_GROUPS];
    adaptau_evaluator        *evaluator = NULL;
    adaptau_tables            tables = {.struct_size = sizeof tables};
    adaptau_evaluator_options options = {.struct_size = sizeof options};
    adaptau_status            status = adaptau_evaluator_options_init(&options, error);
    options.cutoffs = &cutoff;
    options.n_masks = 1;
    options.masks = &trial->train;
    options.n_groups = N_POPULARITY_GROUPS;
    options.item_groups = cell->description.subject->item_groups;
    if (!status)
        status = adaptau_model_get_tables(trial->model, &tables, error);
    if (!status)
        status = adaptau_evaluator_create(trial->context, trial->test, &options, &evaluator, error);
    if (!status)
        status = adaptau_evaluator_run(evaluator, &tables, error);
    if (!status)
        status = adaptau_evaluator_per_group(evaluator, ADAPTAU_METRIC_RECALL, cutoff, recall, error);
    adaptau_evaluator_destroy(evaluator);
    return status ? status : record_append(&cell->record, "group_recall", N_POPULARITY_GROUPS, recall, error);
}

/* One formula's temperature for given embeddings: the first update is the warm-up, the second one measures. */
static adaptau_status measure_tau0(struct cell *cell, const struct trial *trial, int32_t formula, const char *name,
                                   adaptau_error *error)
{
    adaptau_temperature        *temperature = NULL;
    adaptau_temperature_options options = {.struct_size = sizeof options};
    adaptau_temperature_state   state = {.struct_size = sizeof state};
    adaptau_tables              tables;
    adaptau_status              status = trained_tables(trial, &tables, error);
    if (!status)
        status = adaptau_temperature_options_init(&options, formula, ADAPTAU_TAU_USER_NONE, error);
    if (!status)
        status = adaptau_temperature_create(trial->context, trial->train, &options, &temperature, error);
    for (int update = 0; update < 2 && !status; update++)
        status = adaptau_temperature_update(temperature, &tables, error);
    if (!status)
        status = adaptau_temperature_get_state(temperature, &state, error);
    adaptau_temperature_destroy(temperature);
    return status ? status : record_add(&cell->record, name, state.tau0, error);
}

/* ---- gradients over temperatures, of given embeddings ------------------------------------------------------------- */

#define GRADIENT_USERS 128
#define GRADIENT_TAU_LEAST 0.02
#define GRADIENT_TAU_MOST 1.0

struct gradients {
    double tau[N_GRADIENT_TAUS], held[N_GRADIENT_TAUS], eq8[N_GRADIENT_TAUS], real[N_GRADIENT_TAUS];
    double n_users;
};

/* The user's cosines with all items, as float products. */
static double score_items(const adaptau_tables *tables, int32_t user, float *scores)
{
    int64_t      user_stride = tables->user_stride ? tables->user_stride : tables->dim;
    int64_t      item_stride = tables->item_stride ? tables->item_stride : tables->dim;
    const float *row = tables->users + user * user_stride;
    double       user_length = row_length(row, tables->dim), most = -1;
    for (int32_t i = 0; i < tables->n_items; i++) {
        const float *item = tables->items + i * item_stride;
        float        sum = 0;
        for (int32_t k = 0; k < tables->dim; k++)
            sum += row[k] * item[k];
        double length = user_length * row_length(item, tables->dim);
        scores[i] = length > 0 ? (float)((double)sum / length) : 0;
        most = fmax(most, (double)scores[i]);
    }
    return most;
}

/* With p_i the softmax probability of item i among all items, and S = Σ p_i what the user's positives hold of it: S (1 − S),
 * which is largest where Eq. 11 puts τ₀; S (1 − S)/τ, the magnitude by Eq. 8; and the mean of (1 − p_i)/τ over the positives,
 * that of the derivative of −log p_i by the pair's score. */
static void add_user(struct gradients *gradients, const float *scores, double most, int32_t n_items, const int32_t *positives,
                     int64_t n_positives)
{
    for (int t = 0; t < N_GRADIENT_TAUS; t++) {
        double tau = gradients->tau[t], sum = 0, held = 0;
        for (int32_t i = 0; i < n_items; i++)
            sum += (double)expf((float)(((double)scores[i] - most) / tau));
        for (int64_t k = 0; k < n_positives; k++)
            held += exp(((double)scores[positives[k]] - most) / tau) / sum;
        held = fmin(held, 1); /* sums in two precisions */
        gradients->held[t] += held * (1 - held);
        gradients->eq8[t] += held * (1 - held) / tau;
        gradients->real[t] += (1 - held / (double)n_positives) / tau;
    }
    gradients->n_users++;
}

static adaptau_status keep_gradients(struct record *record, struct gradients *gradients, adaptau_error *error)
{
    for (int t = 0; t < N_GRADIENT_TAUS; t++) {
        gradients->held[t] /= gradients->n_users;
        gradients->eq8[t] /= gradients->n_users;
        gradients->real[t] /= gradients->n_users;
    }
    adaptau_status status = record_append(record, "gradient_tau", N_GRADIENT_TAUS, gradients->tau, error);
    if (!status)
        status = record_append(record, "gradient_held", N_GRADIENT_TAUS, gradients->held, error);
    if (!status)
        status = record_append(record, "gradient_eq8", N_GRADIENT_TAUS, gradients->eq8, error);
    return status ? status : record_append(record, "gradient_true", N_GRADIENT_TAUS, gradients->real, error);
}

static adaptau_status measure_gradients(struct cell *cell, const struct trial *trial, adaptau_error *error)
{
    struct gradients     gradients = {0};
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_tables       tables = {.struct_size = sizeof tables};
    adaptau_status       status = adaptau_dataset_get_view(trial->train, &view, error);
    if (!status)
        status = trained_tables(trial, &tables, error);
    float *scores = malloc(((size_t)view.n_items + 1) * sizeof *scores);
    if (!status && !scores)
        status = fail_memory(error, "scores");
    for (int t = 0; t < N_GRADIENT_TAUS; t++)
        gradients.tau[t] = GRADIENT_TAU_LEAST * pow(GRADIENT_TAU_MOST / GRADIENT_TAU_LEAST, t / (N_GRADIENT_TAUS - 1.0));
    for (int64_t s = 0; s < GRADIENT_USERS && !status; s++) {
        int32_t user = (int32_t)(s * view.n_users / GRADIENT_USERS);
        int64_t begin = view.user_ptr[user], n = view.user_ptr[user + 1] - begin;
        if (n > 0)
            add_user(&gradients, scores, score_items(&tables, user, scores), view.n_items, view.user_items + begin, n);
    }
    free(scores);
    return status ? status : keep_gradients(&cell->record, &gradients, error);
}

adaptau_status measure_model(struct cell *cell, const struct trial *trial, adaptau_error *error)
{
    const struct recipe *recipe = &cell->complete;
    adaptau_status       status = measure_groups(cell, trial, error);
    if (status || recipe->base.normalise != (int32_t)ADAPTAU_NORMALISE_BOTH || cell->description.noise.kind != NOISE_NONE)
        return status;
    status = measure_tau0(cell, trial, ADAPTAU_TAU0_FIRST_ORDER, "tau0_eq14", error);
    if (!status)
        status = measure_tau0(cell, trial, ADAPTAU_TAU0_SECOND_ORDER, "tau0_eq34", error);
    if (!status)
        status = measure_tau0(cell, trial, ADAPTAU_TAU0_EXACT, "tau0_exact", error);
    if (!status && recipe->base.tau0_policy == ADAPTAU_TAU0_FIRST_ORDER && recipe->base.tau_user_policy == ADAPTAU_TAU_USER_NONE)
        status = measure_gradients(cell, trial, error);
    return status;
}
