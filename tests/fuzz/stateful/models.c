/* SPDX-License-Identifier: MIT */
/* Models, their losses and biases. */
#include "parts.h"

#include <math.h>
#include <string.h>

#include "options.h"

static void forget_moments(struct world *w)
{
    memset(w->user_moments, 0, sizeof w->user_moments);
    memset(w->item_moments, 0, sizeof w->item_moments);
    w->moments_known = true;
}

void take_model(struct side *side, adaptau_model *made)
{
    adaptau_model_destroy(side->model);
    side->model = made;
}

static adaptau_status create_model(struct side *side, void *arguments, adaptau_error *error)
{
    adaptau_model *made = NULL;
    adaptau_status status = adaptau_model_create(side->context, side->data, arguments, &made, error);
    if (status == ADAPTAU_OK)
        take_model(side, made);
    return status;
}

uint32_t flags_of(const struct world *w)
{
    const uint32_t flags = w->model_options.flags;
    return (flags & ADAPTAU_MODEL_RAW_USERS ? 0 : ADAPTAU_NORMALISE_USERS) |
           (flags & ADAPTAU_MODEL_RAW_ITEMS ? 0 : ADAPTAU_NORMALISE_ITEMS);
}

adaptau_tables final_tables(const struct side *side)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    must(adaptau_model_get_tables(side->model, &tables, NULL) == ADAPTAU_OK, "a model has tables");
    return tables;
}

adaptau_tables raw_tables(const struct side *side)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    must(adaptau_model_get_raw_tables(side->model, &tables, NULL) == ADAPTAU_OK, "a model has raw tables");
    return tables;
}

const float *row_of(const adaptau_tables *t, bool users, int32_t row)
{
    const int64_t stride = users ? t->user_stride : t->item_stride;
    return (users ? t->users : t->items) + row * (stride ? stride : t->dim);
}

static double rows[MOST_NODES][MOST_DIM]; /* of users and then items                                        */

static void encode(const struct world *w, double all[MOST_NODES][MOST_DIM])
{
    adaptau_encoder_parameters own = {.struct_size = sizeof own};
    const int32_t              dim = w->model_options.dim;
    must(adaptau_model_get_encoder_parameters(w->sides[0].model, &own, NULL) == ADAPTAU_OK, "a model has parameters");
    if (w->model_options.encoder == ADAPTAU_ENCODER_LIGHTGCN)
        truth_of_layers(w->sides[0].data, w->model_options.n_layers, dim, all);
    if (w->model_options.encoder == ADAPTAU_ENCODER_SIMPLEX)
        truth_of_means(w->sides[0].data, w->model_options.gate, dim, own.rows, all);
}

/* Final embeddings are what the encoder's formula makes of raw ones. */
void check_encoder(const struct world *w)
{
    const adaptau_tables raw = raw_tables(&w->sides[0]), final = final_tables(&w->sides[0]);
    double               largest = 0.0;
    memset(rows, 0, sizeof rows);
    for (int32_t x = 0; x < raw.n_users + raw.n_items; x++)
        for (int32_t k = 0; k < raw.dim; k++) {
            const bool user = x < raw.n_users;
            rows[x][k] = (double)row_of(&raw, user, user ? x : x - raw.n_users)[k];
            largest = fmax(largest, fabs(rows[x][k]));
        }
    encode(w, rows);
    for (int32_t x = 0; x < raw.n_users + raw.n_items; x++)
        for (int32_t k = 0; k < raw.dim; k++) {
            const bool user = x < raw.n_users;
            must_near((double)row_of(&final, user, user ? x : x - raw.n_users)[k], rows[x][k], 1e-4 * largest * raw.dim,
                      "a final embedding");
        }
}

void new_model(struct world *w)
{
    need_data(w);
    w->model_options = choose_model_options(&w->program);
    call_both_well(w, "model", create_model, &w->model_options);
    forget_moments(w);
    w->has_gradients = w->has_targets = w->has_prototypes = false;
    w->loss = choose_loss(&w->program, ADAPTAU_LOSS_SOFTMAX);
    check_encoder(w);
}

void need_model(struct world *w)
{
    need_data(w);
    if (!w->sides[0].model)
        new_model(w);
}

static adaptau_status set_loss(struct side *side, void *arguments, adaptau_error *error)
{
    return adaptau_model_set_loss(side->model, arguments, error);
}

void another_loss(struct world *w)
{
    need_model(w);
    adaptau_loss loss = choose_loss(&w->program, choose(&w->program, 8));
    call_both_well(w, "loss", set_loss, &loss);
    w->loss = loss;
}

static adaptau_status set_bias(struct side *side, void *arguments, adaptau_error *error)
{
    return adaptau_model_set_item_bias(side->model, arguments, error);
}

void another_bias(struct world *w)
{
    float         bias[MOST_ITEMS];
    need_model(w);
    const bool    none = choose_whether(&w->program);
    struct stream s = choose_stream(&w->program);
    for (int32_t i = 0; i < MOST_ITEMS; i++)
        bias[i] = (float)draw_number(&s);
    call_both_well(w, "bias", set_bias, none ? NULL : bias);
}
