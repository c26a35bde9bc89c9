/* SPDX-License-Identifier: MIT */
/* 5: your optimiser on the library's gradients.
 *
 * adaptau_model_gradients leaves the gradients of a batch where adaptau_model_get_gradient_view finds them: one row for each user
 * and item that the batch touched. adaptau_model_apply would make a step of Adam with them. A program that has an optimiser of
 * its own steps its own tables instead, and the model reads them again at the next batch. Here: gradient descent with
 * Nesterov's momentum, whose state belongs to the program as well. */
#include "made_up.h"

#define EPOCHS 20
#define MOMENTUM 0.8F
#define RATE_USERS 0.02F
#define RATE_ITEMS 0.005F

/* ---- the optimiser ----------------------------------------------------------------------------------------------- */

/* A table, and how fast each of its numbers is moving. */
struct table {
    float *rows, *velocities; /* [n x DIM]                                                                      */
    float  rate;
};

static void step_row(const struct table *table, int32_t id, const float *gradient)
{
    float *row = table->rows + (int64_t)id * DIM, *velocity = table->velocities + (int64_t)id * DIM;
    for (int d = 0; d < DIM; d++) {
        velocity[d] = MOMENTUM * velocity[d] - table->rate * gradient[d];
        row[d] += MOMENTUM * velocity[d] - table->rate * gradient[d];
    }
}

/* In place of adaptau_model_apply. Users come in the order of the batch, row k for user_ids[k]; items lie at their own rows. */
static void step(const adaptau_model *model, const struct table *users, const struct table *items)
{
    adaptau_error         error;
    adaptau_gradient_view gradients = {.struct_size = sizeof gradients};
    check(adaptau_model_get_gradient_view(model, &gradients, &error), &error);
    for (int64_t k = 0; k < gradients.n_users; k++)
        step_row(users, gradients.user_ids[k], gradients.users + k * DIM);
    for (int64_t k = 0; k < gradients.n_items; k++)
        step_row(items, gradients.item_ids[k], gradients.items + (int64_t)gradients.item_ids[k] * DIM);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* An epoch; answers the mean loss of a pair. */
static double train(adaptau_model *model, adaptau_temperature *temperature, adaptau_sampler *sampler, int64_t epoch,
                    const struct table *users, const struct table *items)
{
    adaptau_error error;
    adaptau_batch batch = {.struct_size = sizeof batch};
    double        loss = 0, n_terms = 0;
    check(adaptau_model_update_temperature(model, temperature, &error), &error);
    check(adaptau_sampler_begin_epoch(sampler, epoch, &error), &error);
    for (;;) {
        adaptau_step cost = {.struct_size = sizeof cost};
        check(adaptau_sampler_next(sampler, &batch, &error), &error);
        if (batch.n_rows == 0)
            return loss / n_terms;
        check(adaptau_model_gradients(model, &batch, temperature, &cost, &error), &error);
        step(model, users, items);
        loss += cost.loss;
        n_terms += cost.n_terms;
    }
}

int main(void)
{
    static float       rows[(USERS + ITEMS) * DIM], velocities[(USERS + ITEMS) * DIM];
    const struct table users = {rows, velocities, RATE_USERS};
    const struct table items = {rows + USERS * DIM, velocities + USERS * DIM, RATE_ITEMS};

    adaptau_error        error;
    adaptau_context     *context = NULL;
    adaptau_dataset     *data = NULL, *test = NULL;
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    adaptau_sampler     *sampler = NULL;

    check(adaptau_context_create(NULL, &context, &error), &error);
    make_up_data(context, &data, &test);
    draw_rows(rows, USERS + ITEMS, DIM);
    adaptau_model_options   options = {.struct_size = sizeof options};
    adaptau_sampler_options batches = {.struct_size = sizeof batches};
    check(adaptau_model_options_init(&options, &error), &error);
    options.flags = ADAPTAU_MODEL_FREE_LENGTH; /* our steps do not keep rows at length 1                        */
    options.dim = DIM;
    options.init = ADAPTAU_INIT_HOST;
    options.host_users = users.rows;
    options.host_items = items.rows;
    check(adaptau_sampler_options_init(&batches, ADAPTAU_SAMPLER_CATALOGUE, &error), &error);
    batches.rows_per_batch = 50;
    batches.seed = 1;
    check(adaptau_model_create(context, data, &options, &model, &error), &error);
    check(adaptau_temperature_create(context, data, NULL, &temperature, &error), &error);
    check(adaptau_sampler_create(context, data, &batches, &sampler, &error), &error);

    double before = model_recall(context, data, test, model), after = before;
    printf("epoch  loss per pair  recall@10\n    0                 %9.4f\n", before);
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double loss = train(model, temperature, sampler, epoch, &users, &items);
        /* "My tables have changed": without FREE_LENGTH that is what brings rows back to length 1, and LightGCN and SimpleX make
         * their embeddings anew. After each step it may be said too. */
        check(adaptau_model_refresh(model, &error), &error);
        after = model_recall(context, data, test, model);
        if (epoch % 5 == 0)
            printf("%5d  %13.4f  %9.4f\n", epoch, loss, after);
    }

    /* The gradients are those of one batch, and a step of the library's own uses them up. */
    adaptau_gradient_view view = {.struct_size = sizeof view};
    check(adaptau_model_apply(model, &error), &error);
    adaptau_status status = adaptau_model_get_gradient_view(model, &view, &error);
    printf("after adaptau_model_apply: %s: %s\n", adaptau_status_name(status), status ? error.message : "");

    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(test);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
    return after > before && status == ADAPTAU_E_STATE ? 0 : 1;
}
