/* SPDX-License-Identifier: MIT */
/* A host by recipe, as README.md has it, on a folder that the trainer reads: prints recall@20 of the last epoch's model on its
 * test pairs. test_recipe_hosts.sh compares it with the trainer. Usage: host_by_recipe DIR */
#include <adaptau/adaptau.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/problem.h"
#include "../support/options.h"

static void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "%s: %s\n", adaptau_status_name(status), error->message);
    exit(1);
}

static void train(adaptau_context *context, const adaptau_dataset *data, adaptau_training **out)
{
    adaptau_error     error;
    adaptau_training *training = NULL;
    adaptau_recipe    recipe = {.struct_size = sizeof recipe};
    check(adaptau_recipe_init(&recipe, &error), &error);
    check(adaptau_recipe_fill(&recipe, data, &error), &error);
    check(adaptau_training_create(context, data, &recipe, &training, &error), &error);
    adaptau_model *model = adaptau_training_model(training);
    for (int64_t epoch = 0; epoch < recipe.epochs; epoch++) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        check(adaptau_training_begin_epoch(training, epoch, &error), &error);
        for (;;) {
            check(adaptau_training_next(training, &batch, &error), &error);
            if (batch.n_rows == 0)
                break;
            check(adaptau_model_gradients(model, &batch, adaptau_training_temperature(training), NULL, &error), &error);
            check(adaptau_model_apply(model, &error), &error);
        }
        check(adaptau_training_end_epoch(training, &error), &error);
    }
    *out = training;
}

int main(int argc, char **argv)
{
    adaptau_error             error;
    adaptau_context          *context = NULL;
    adaptau_training         *training = NULL;
    adaptau_evaluator        *evaluator = NULL;
    struct problem            problem;
    const struct read_options reading = {0};
    adaptau_tables            tables = {.struct_size = sizeof tables};
    double                    recall;
    if (argc != 2)
        return 2;
    check(adaptau_context_create(NULL, &context, &error), &error);
    check(problem_open(&problem, context, argv[1], &reading, 0.2, 0, &error), &error);
    train(context, problem.train, &training);
    const adaptau_dataset          *mask = problem.train;
    const adaptau_evaluator_options options = full_evaluator_options((adaptau_evaluator_options){.n_masks = 1, .masks = &mask});
    check(adaptau_evaluator_create(context, problem.test, &options, &evaluator, &error), &error);
    check(adaptau_model_get_tables(adaptau_training_model(training), &tables, &error), &error);
    check(adaptau_evaluator_run(evaluator, &tables, &error), &error);
    check(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, 20, &recall, &error), &error);
    printf("%.17g\n", recall);
    adaptau_evaluator_destroy(evaluator);
    adaptau_training_destroy(training);
    problem_close(&problem);
    adaptau_context_destroy(context);
    return 0;
}
