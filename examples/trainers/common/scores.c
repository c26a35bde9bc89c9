/* SPDX-License-Identifier: MIT */
#include "common/scores.h"

const char *const metric_names[ADAPTAU_N_METRICS] = {"recall", "ndcg", "precision", "hit_rate", "mrr", "map"};

adaptau_status make_evaluator(adaptau_context *context, const adaptau_dataset *held_out, const adaptau_dataset *mask,
                              const struct cutoffs *cutoffs, adaptau_evaluator **out, adaptau_error *error)
{
    adaptau_evaluator_options options = {.struct_size = sizeof options};
    adaptau_status            status = adaptau_evaluator_options_init(&options, error);
    options.n_cutoffs = cutoffs->count;
    options.cutoffs = cutoffs->values;
    options.n_masks = 1;
    options.masks = &mask;
    return status ? status : adaptau_evaluator_create(context, held_out, &options, out, error);
}

adaptau_status score_tables(adaptau_evaluator *evaluator, const adaptau_tables *tables, const struct cutoffs *cutoffs,
                            struct scores *scores, adaptau_error *error)
{
    adaptau_status status = adaptau_evaluator_run(evaluator, tables, error);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < cutoffs->count && !status; c++)
            status = adaptau_evaluator_mean(evaluator, metric, cutoffs->values[c], &scores->value[metric][c], error);
    return status;
}

adaptau_status score_model(adaptau_evaluator *evaluator, const adaptau_model *model, const struct cutoffs *cutoffs,
                           struct scores *scores, adaptau_error *error)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_get_tables(model, &tables, error);
    return status ? status : score_tables(evaluator, &tables, cutoffs, scores, error);
}
