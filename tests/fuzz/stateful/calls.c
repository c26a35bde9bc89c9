/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../fuzz.h"
#include "options.h"

#define MOST_K 32
#define MOST_FOLDED 4

static struct truth_tables tables_truth;
static struct truth_answer loss_truth;

static adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    must(adaptau_dataset_get_view(data, &view, NULL) == ADAPTAU_OK, "a dataset can be read");
    return view;
}

/* ---- data ------------------------------------------------------------------------------------------------------------- */

struct interactions {
    int32_t n_users, n_items, n;
    bool    weighted;
    int32_t users[MOST_USERS * MOST_ITEMS], items[MOST_USERS * MOST_ITEMS];
    float   weights[MOST_USERS * MOST_ITEMS];
    bool    held_out;
};

static adaptau_status create_data(struct side *side, void *arguments, adaptau_error *error)
{
    const struct interactions *x = arguments;
    adaptau_dataset           *made = NULL;
    adaptau_status             status = adaptau_dataset_create_from_interactions(side->context, x->n_users, x->n_items, x->n, x->users, x->items,
                                                                     x->weighted ? x->weights : NULL, &made, error);
    must((status == ADAPTAU_OK) == (made != NULL), "there is a dataset just where the status says so");
    if (made && x->held_out)
        side->held_out = made;
    else if (made)
        side->data = made;
    return status;
}

static void draw_interactions(struct stream *s, int32_t chance, struct interactions *x)
{
    for (int32_t u = 0; u < x->n_users; u++)
        for (int32_t i = 0; i < x->n_items; i++)
            if (draw_below(s, 8) < chance) {
                x->users[x->n] = u;
                x->items[x->n] = i;
                x->weights[x->n++] = (float)exp(2.0 * draw_number(s));
            }
}

/* Every interaction is there once, with its weight. */
static void check_data(const adaptau_dataset *data, const struct interactions *x)
{
    const adaptau_dataset_view view = view_of(data);
    int64_t                    p = 0;
    must(view.n_users == x->n_users && view.n_items == x->n_items && view.user_ptr[x->n_users] == x->n, "a dataset has its interactions");
    for (int32_t u = 0; u < x->n_users; u++)
        for (; p < view.user_ptr[u + 1]; p++)
            must(x->users[p] == u && x->items[p] == view.user_items[p] && (!x->weighted || x->weights[p] == view.user_weights[p]),
                 "an interaction is where it belongs");
}

static void make_held_out(struct world *w, int32_t n_users, int32_t n_items)
{
    static struct interactions x;
    struct stream              s = choose_stream(&w->program);
    x = (struct interactions){.n_users = n_users, .n_items = n_items, .held_out = true};
    draw_interactions(&s, 2, &x);
    call_both_well(w, "held-out data", create_data, &x);
}

static void new_data(struct world *w)
{
    static struct interactions x;
    for (int32_t s = 0; s < 2; s++)
        drop_data(&w->sides[s]);
    w->has_gradients = w->has_targets = w->has_prototypes = w->epoch_begun = false;
    x = (struct interactions){.n_users = 1 + choose(&w->program, 8), .n_items = 1 + choose(&w->program, 13)};
    const int32_t chance = 1 + choose(&w->program, 4);
    x.weighted = choose_whether(&w->program);
    struct stream s = choose_stream(&w->program);
    draw_interactions(&s, chance, &x);
    call_both_well(w, "data", create_data, &x);
    check_data(w->sides[0].data, &x);
    make_held_out(w, x.n_users, x.n_items);
}

static void need_data(struct world *w)
{
    if (!w->sides[0].data)
        new_data(w);
}

static bool is_empty(const struct world *w)
{
    return adaptau_dataset_n_interactions(w->sides[0].data) == 0;
}

/* ---- batches ---------------------------------------------------------------------------------------------------------- */

struct sampler_call {
    adaptau_sampler_options options;
    int64_t                 epoch;
};

static adaptau_status create_sampler(struct side *side, void *arguments, adaptau_error *error)
{
    const struct sampler_call *x = arguments;
    adaptau_sampler           *made = NULL;
    adaptau_status             status = adaptau_sampler_create(side->context, side->data, &x->options, &made, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_sampler_destroy(side->sampler);
    side->sampler = made;
    side->batch = (adaptau_batch){0};
    return status;
}

static void new_sampler(struct world *w)
{
    need_data(w);
    struct sampler_call x = {.options = choose_sampler_options(&w->program)};
    call_both_well(w, "sampler", create_sampler, &x);
    w->epoch_begun = false;
}

static adaptau_status begin_epoch(struct side *side, void *arguments, adaptau_error *error)
{
    side->batch = (adaptau_batch){0};
    return adaptau_sampler_begin_epoch(side->sampler, ((struct sampler_call *)arguments)->epoch, error);
}

static adaptau_status next_batch(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    adaptau_batch  batch = {.struct_size = sizeof batch};
    adaptau_status status = adaptau_sampler_next(side->sampler, &batch, error);
    if (status == ADAPTAU_OK)
        side->batch = batch;
    return status;
}

static bool same_bytes(const void *a, const void *b, size_t size)
{
    return (!a && !b) || (a && b && memcmp(a, b, size) == 0);
}

static void check_batches(const struct world *w)
{
    const adaptau_batch       *a = &w->sides[0].batch, *b = &w->sides[1].batch;
    const adaptau_dataset_view view = view_of(w->sides[0].data);
    must(a->n_rows == b->n_rows && a->candidates == b->candidates && a->flags == b->flags && a->n_candidates == b->n_candidates,
         "threads do not change a batch");
    if (a->n_rows == 0)
        return;
    const size_t n = (size_t)a->positive_ptr[a->n_rows];
    const size_t n_ids = (size_t)(a->candidates == ADAPTAU_CANDIDATES_PER_ROW ? a->n_rows * a->n_candidates : a->n_candidates);
    const size_t n_q = a->candidates == ADAPTAU_CANDIDATES_CATALOGUE ? (size_t)view.n_items : n_ids;
    must(same_bytes(a->users, b->users, (size_t)a->n_rows * 4) && same_bytes(a->positives, b->positives, n * 4) &&
             same_bytes(a->candidate_ids, b->candidate_ids, n_ids * 4) && same_bytes(a->log_q, b->log_q, n_q * 4) &&
             same_bytes(a->row_weights, b->row_weights, (size_t)a->n_rows * 4) &&
             same_bytes(a->positive_weights, b->positive_weights, n * 4),
         "threads do not change a draw");
    for (int32_t r = 0; r < a->n_rows; r++)
        for (int64_t p = a->positive_ptr[r]; p < a->positive_ptr[r + 1]; p++) {
            const int32_t u = a->users[r];
            int64_t       at = view.user_ptr[u];
            while (at < view.user_ptr[u + 1] && view.user_items[at] != a->positives[p])
                at++;
            must(at < view.user_ptr[u + 1], "a positive is an interaction of the data");
            must(!view.user_weights || a->positive_weights[p] == view.user_weights[at], "a positive has its weight");
        }
}

/* There is one whenever there are interactions. */
static bool need_batch(struct world *w)
{
    need_data(w);
    if (!w->sides[0].sampler)
        new_sampler(w);
    if (is_empty(w))
        return false;
    struct sampler_call x = {0};
    for (int32_t attempt = 0; attempt < 2; attempt++) {
        if (!w->epoch_begun) {
            x.epoch = choose(&w->program, 4);
            call_both_well(w, "epoch", begin_epoch, &x);
            w->epoch_begun = true;
        }
        call_both_well(w, "batch", next_batch, NULL);
        check_batches(w);
        if (w->sides[0].batch.n_rows > 0)
            return true;
        w->epoch_begun = false;
    }
    must(false, "an epoch of interactions has a batch");
    return false;
}

/* ---- models ----------------------------------------------------------------------------------------------------------- */

static void forget_moments(struct world *w)
{
    memset(w->user_moments, 0, sizeof w->user_moments);
    memset(w->item_moments, 0, sizeof w->item_moments);
    w->moments_known = true;
}

static void take_model(struct side *side, adaptau_model *made)
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

static uint32_t flags_of(const struct world *w)
{
    const uint32_t flags = w->model_options.flags;
    return (flags & ADAPTAU_MODEL_RAW_USERS ? 0 : ADAPTAU_NORMALISE_USERS) | (flags & ADAPTAU_MODEL_RAW_ITEMS ? 0 : ADAPTAU_NORMALISE_ITEMS);
}

static adaptau_tables final_tables(const struct side *side)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    must(adaptau_model_get_tables(side->model, &tables, NULL) == ADAPTAU_OK, "a model has tables");
    return tables;
}

static adaptau_tables raw_tables(const struct side *side)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    must(adaptau_model_get_raw_tables(side->model, &tables, NULL) == ADAPTAU_OK, "a model has raw tables");
    return tables;
}

static const float *row_of(const adaptau_tables *t, bool users, int32_t row)
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
static void check_encoder(const struct world *w)
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
            must_near((double)row_of(&final, user, user ? x : x - raw.n_users)[k], rows[x][k], 1e-4 * largest * raw.dim, "a final embedding");
        }
}

static void new_model(struct world *w)
{
    need_data(w);
    w->model_options = choose_model_options(&w->program);
    call_both_well(w, "model", create_model, &w->model_options);
    forget_moments(w);
    w->has_gradients = w->has_targets = w->has_prototypes = false;
    w->loss = choose_loss(&w->program, ADAPTAU_LOSS_SOFTMAX);
    check_encoder(w);
}

static void need_model(struct world *w)
{
    need_data(w);
    if (!w->sides[0].model)
        new_model(w);
}

static adaptau_status set_loss(struct side *side, void *arguments, adaptau_error *error)
{
    return adaptau_model_set_loss(side->model, arguments, error);
}

static void another_loss(struct world *w)
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

static void another_bias(struct world *w)
{
    float         bias[MOST_ITEMS];
    need_model(w);
    const bool    none = choose_whether(&w->program);
    struct stream s = choose_stream(&w->program);
    for (int32_t i = 0; i < MOST_ITEMS; i++)
        bias[i] = (float)draw_number(&s);
    call_both_well(w, "bias", set_bias, none ? NULL : bias);
}

/* ---- temperatures ------------------------------------------------------------------------------------------------------ */

static adaptau_status create_temperature(struct side *side, void *arguments, adaptau_error *error)
{
    adaptau_temperature *made = NULL;
    adaptau_status       status = adaptau_temperature_create(side->context, side->data, arguments, &made, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_temperature_destroy(side->temperature);
    side->temperature = made;
    return status;
}

static void new_temperature(struct world *w)
{
    need_data(w);
    w->temperature_options = choose_temperature_options(&w->program);
    call_both_well(w, "temperature", create_temperature, &w->temperature_options);
}

static void need_temperature(struct world *w)
{
    need_data(w);
    if (!w->sides[0].temperature)
        new_temperature(w);
}

static adaptau_temperature_state state_of(const struct side *side)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    must(adaptau_temperature_get_state(side->temperature, &state, NULL) == ADAPTAU_OK, "a temperature has a state");
    return state;
}

static adaptau_status update_temperature(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    return adaptau_model_update_temperature(side->model, side->temperature, error);
}

static double bound_tau(const struct world *w, double tau)
{
    return fmin(w->temperature_options.tau_max, fmax(w->temperature_options.tau_min, tau));
}

static void check_tau0(const struct world *w, const adaptau_temperature_state *before, const adaptau_temperature_state *state)
{
    const adaptau_temperature_options *o = &w->temperature_options;
    const double                       l = state->log_ratio, delta = state->mean_positive - state->mean_all;
    double                             want = before->tau0;
    if (o->tau0_policy == ADAPTAU_TAU0_FIXED)
        want = o->tau;
    else if (o->tau0_policy == ADAPTAU_TAU0_LEARNED || state->flags & ADAPTAU_TEMPERATURE_KEPT)
        want = before->tau0;
    else if (l <= 0.0)
        want = state->flags & ADAPTAU_TEMPERATURE_WARMING_UP || o->tau0_policy != ADAPTAU_TAU0_EXACT ? o->tau_max : state->tau0;
    else if (state->flags & ADAPTAU_TEMPERATURE_WARMING_UP)
        want = bound_tau(w, o->warmup_delta_mu / l);
    else if (o->tau0_policy == ADAPTAU_TAU0_SECOND_ORDER) {
        const double radicand = delta * delta + 2.0 * (state->variance_positive - state->variance_all) * l;
        want = bound_tau(w, (delta + sqrt(fmax(0.0, radicand))) / (2.0 * l));
    } else if (o->tau0_policy == ADAPTAU_TAU0_FIRST_ORDER || state->flags & ADAPTAU_TEMPERATURE_NOT_BRACKETED)
        want = bound_tau(w, delta / l);
    else
        want = state->tau0; /* Eq. 11, below                                                                   */
    must_near(state->tau0, want, 1e-9 * want, "tau0");
    if (o->tau0_policy == ADAPTAU_TAU0_EXACT && o->degree_quantile == 0.0 &&
        !(state->flags & (ADAPTAU_TEMPERATURE_KEPT | ADAPTAU_TEMPERATURE_WARMING_UP | ADAPTAU_TEMPERATURE_NOT_BRACKETED)) &&
        tables_truth.largest < 3.0)
        must_near(truth_of_eq11(&tables_truth, w->sides[0].data, state->tau0), 0.5, 2e-3, "Eq. 11");
}

static void check_moments(const struct world *w, const adaptau_temperature_state *state)
{
    struct truth_moments m;
    const double         scale = 1e-5 * fmax(1e-3, tables_truth.largest) * w->model_options.dim;
    truth_of_moments(&tables_truth, w->sides[0].data, &m);
    if (w->temperature_options.degree_quantile > 0.0)
        return;
    must_near(state->log_ratio, m.log_ratio, 1e-9, "L");
    must_near(state->mean_all, m.mean_all, scale, "the mean of all scores");
    must_near(state->mean_positive, m.mean_positive, scale, "the mean of positives' scores");
    must_near(state->variance_all, m.variance_all, 4.0 * scale * fmax(1.0, tables_truth.largest), "the variance of all scores");
    must_near(state->variance_positive, m.variance_positive, 4.0 * scale * fmax(1.0, tables_truth.largest), "the variance of positives' scores");
}

static void check_user_taus(const struct world *w, const adaptau_temperature_state *state)
{
    const adaptau_temperature_options *o = &w->temperature_options;
    const adaptau_dataset_view         view = view_of(w->sides[0].data);
    const float *taus = adaptau_temperature_user_taus(w->sides[0].temperature), *losses = adaptau_temperature_unit_losses(w->sides[0].temperature);
    double       sum = 0.0, n = 0.0;
    for (int32_t u = 0; u < view.n_users; u++)
        if (!isnan(losses[u])) {
            sum += (double)losses[u];
            n += 1.0;
        }
    if (o->tau_user_policy == ADAPTAU_TAU_USER_LEARNED)
        return;
    if (n > 0.0 && o->tau_user_policy != ADAPTAU_TAU_USER_NONE && o->threshold_quantile == 0.0)
        must_near(state->threshold, sum / n, 1e-9 * fmax(1.0, fabs(sum / n)), "the threshold");
    for (int32_t u = 0; u < view.n_users; u++) {
        const double divisor = o->tau_user_policy == ADAPTAU_TAU_USER_MINIMISER ? o->divisor * state->tau0 : o->divisor;
        const bool   personal = o->tau_user_policy != ADAPTAU_TAU_USER_NONE && !isnan(losses[u]);
        const double factor = personal ? exp(truth_of_lambert(((double)losses[u] - state->threshold) / divisor)) : 1.0;
        const double want = fmin(state->tau0 * factor, 1e30);
        must_near((double)taus[u], want, 2e-6 * want + (factor < 0.4 ? 1e-3 * want : 0.0), "tau of a user"); /* a branch point */
    }
}

static bool temper(struct world *w)
{
    need_model(w);
    need_temperature(w);
    if (is_empty(w)) {
        must(call_both(w, update_temperature, NULL) == ADAPTAU_E_STATE, "an empty dataset has no temperature");
        return false;
    }
    const adaptau_temperature_state before = state_of(&w->sides[0]);
    const adaptau_tables            tables = final_tables(&w->sides[0]);
    call_both_well(w, "update", update_temperature, NULL);
    truth_of_tables(&tables, flags_of(w), &tables_truth);
    const adaptau_temperature_state state = state_of(&w->sides[0]);
    must(state.n_updates == before.n_updates + 1, "an update is counted");
    check_moments(w, &state);
    check_tau0(w, &before, &state);
    check_user_taus(w, &state);
    return true;
}

static void temper_model(struct world *w)
{
    temper(w);
}

/* ---- training ----------------------------------------------------------------------------------------------------------- */

struct step_call {
    adaptau_step steps[2];
};

static adaptau_status find_gradients(struct side *side, void *arguments, adaptau_error *error)
{
    adaptau_step *step = &((struct step_call *)arguments)->steps[side->index];
    step->struct_size = sizeof *step;
    return adaptau_model_gradients(side->model, &side->batch, side->temperature, step, error);
}

/* What of a batch, a temperature and a loss does not go together. */
static bool goes_together(const struct world *w)
{
    const int32_t kind = w->loss.kind, policy = w->temperature_options.tau_user_policy;
    const bool    learns = policy == ADAPTAU_TAU_USER_LEARNED || w->temperature_options.tau0_policy == ADAPTAU_TAU0_LEARNED;
    if (loss_is_of_family(kind))
        return true;
    if (policy == ADAPTAU_TAU_USER_BY_LOSS || policy == ADAPTAU_TAU_USER_MINIMISER || policy == ADAPTAU_TAU_USER_RELEASED)
        return false;
    return !w->sides[0].batch.log_q && !w->has_targets && (loss_has_tau(kind) || !learns);
}

static double final_gradients[MOST_NODES][MOST_DIM];

/* Gradients of raw rows by those of final embeddings. */
static void take_back(const struct world *w, int32_t n_users, double all[MOST_NODES][MOST_DIM])
{
    const adaptau_dataset_view view = view_of(w->sides[0].data);
    const int32_t              dim = w->model_options.dim;
    const double               gate = w->model_options.gate;
    adaptau_encoder_parameters own = {.struct_size = sizeof own};
    must(adaptau_model_get_encoder_parameters(w->sides[0].model, &own, NULL) == ADAPTAU_OK, "a model has parameters");
    if (w->model_options.encoder == ADAPTAU_ENCODER_LIGHTGCN)
        truth_of_layers(w->sides[0].data, w->model_options.n_layers, dim, all);
    for (int32_t u = 0; u < n_users && w->model_options.encoder == ADAPTAU_ENCODER_SIMPLEX; u++) {
        const double n = (double)(view.user_ptr[u + 1] - view.user_ptr[u]);
        for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++)
            for (int32_t j = 0; j < dim; j++)
                for (int32_t k = 0; k < dim; k++)
                    all[n_users + view.user_items[p]][j] += (1.0 - gate) / n * (double)own.rows[k * dim + j] * all[u][k];
        for (int32_t k = 0; k < dim; k++)
            all[u][k] *= gate;
    }
}

static void check_gradients(const struct world *w, const struct step_call *x, const float *taus, const float *tau_positives)
{
    const adaptau_batch        *b = &w->sides[0].batch;
    const struct truth_question q = {.tables = &tables_truth, .batch = b, .loss = &w->loss, .taus = taus, .tau_positives = tau_positives};
    adaptau_gradient_view       view = {.struct_size = sizeof view};
    const int32_t               n_users = tables_truth.n_users;
    double                      size = 0.0;
    truth_of_loss(&q, &loss_truth);
    if (!loss_truth.comparable)
        return;
    must_near(x->steps[0].loss, loss_truth.loss, loss_truth.slack * (loss_truth.loss_size + 1e-3), "the loss of a step");
    must(adaptau_model_get_gradient_view(w->sides[0].model, &view, NULL) == ADAPTAU_OK, "gradients can be read");
    memset(final_gradients, 0, sizeof final_gradients);
    for (int32_t r = 0; r < b->n_rows; r++)
        for (int32_t k = 0; k < view.dim; k++) {
            final_gradients[b->users[r]][k] += loss_truth.row_gradients[r][k];
            size = fmax(size, loss_truth.row_gradient_size[r]);
        }
    for (int32_t i = 0; i < tables_truth.n_items; i++) {
        memcpy(final_gradients[n_users + i], loss_truth.item_gradients[i], sizeof final_gradients[0]);
        size = fmax(size, loss_truth.item_size[i]);
    }
    take_back(w, n_users, final_gradients);
    const double most = loss_truth.slack * (b->n_rows * size + 1e-6) * (w->model_options.encoder == ADAPTAU_ENCODER_SIMPLEX ? view.dim : 1);
    for (int64_t u = 0; u < view.n_users; u++)
        for (int32_t k = 0; k < view.dim; k++)
            must_near((double)view.users[u * view.dim + k], final_gradients[view.user_ids[u]][k], most, "a user's gradient");
    for (int64_t i = 0; i < view.n_items; i++)
        for (int32_t k = 0; k < view.dim; k++)
            must_near((double)view.items[(int64_t)view.item_ids[i] * view.dim + k], final_gradients[n_users + view.item_ids[i]][k], most,
                      "an item's gradient");
}

static void differentiate(struct world *w)
{
    float            taus[MOST_ROWS], tau_positives[MOST_ROWS];
    struct step_call x = {0};
    need_model(w);
    need_temperature(w);
    if (!need_batch(w))
        return;
    const adaptau_batch *b = &w->sides[0].batch;
    must(b->n_rows <= MOST_ROWS, "a batch has as many rows as it was asked for");
    must(adaptau_temperature_rows(w->sides[0].temperature, b->n_rows, b->users, taus, tau_positives, NULL) == ADAPTAU_OK,
         "rows have temperatures");
    const adaptau_tables tables = final_tables(&w->sides[0]);
    truth_of_tables(&tables, flags_of(w), &tables_truth);
    const bool           fits = goes_together(w);
    w->loses_gradients = w->has_gradients;
    const adaptau_status status = call_both(w, find_gradients, &x);
    must(fits || status == ADAPTAU_E_ARGUMENT, "what does not go together is refused");
    if (fits)
        must(status == ADAPTAU_OK || (status == ADAPTAU_E_NUMERIC && tables_truth.largest > 1e4), "gradients are found");
    w->has_gradients = status == ADAPTAU_OK;
    const bool drops = w->model_options.edge_dropout > 0.0 || w->model_options.layer_dropout > 0.0;
    if (status == ADAPTAU_OK && !w->has_targets && !drops && !(w->model_options.flags & ADAPTAU_MODEL_BFLOAT16))
        check_gradients(w, &x, taus, w->temperature_options.tau_user_policy == ADAPTAU_TAU_USER_RELEASED ? tau_positives : NULL);
}

static adaptau_status apply(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    return adaptau_model_apply(side->model, error);
}

struct step {
    bool    users, to_sphere;
    int32_t row;
    float   before[MOST_DIM], gradient[MOST_DIM];
};

static int32_t read_steps(const struct world *w, struct step *steps)
{
    adaptau_gradient_view view = {.struct_size = sizeof view};
    const adaptau_tables  raw = raw_tables(&w->sides[0]);
    int32_t               n = 0;
    must(adaptau_model_get_gradient_view(w->sides[0].model, &view, NULL) == ADAPTAU_OK, "gradients can be read");
    for (int64_t k = 0; k < view.n_users + view.n_items; k++) {
        struct step  *s = &steps[n++];
        const int64_t item = k - view.n_users;
        s->users = k < view.n_users;
        s->row = s->users ? view.user_ids[k] : view.item_ids[item];
        memcpy(s->before, row_of(&raw, s->users, s->row), (size_t)view.dim * sizeof(float));
        memcpy(s->gradient, s->users ? view.users + k * view.dim : view.items + (int64_t)s->row * view.dim, (size_t)view.dim * sizeof(float));
    }
    return n;
}

static bool is_on_sphere(const struct world *w, bool users)
{
    const uint32_t flags = w->model_options.flags;
    if (w->model_options.encoder != ADAPTAU_ENCODER_MF)
        return flags & ADAPTAU_MODEL_UNIT_RAW_ROWS;
    return !(flags & (users ? ADAPTAU_MODEL_RAW_USERS : ADAPTAU_MODEL_RAW_ITEMS)) && !(flags & ADAPTAU_MODEL_FREE_LENGTH);
}

/* Where squares of gradients are no normal floats the definition in double is another one. */
static bool is_ordinary(const struct step *s, int32_t dim)
{
    for (int32_t k = 0; k < dim; k++)
        if (s->gradient[k] != 0.0f && !(fabsf(s->gradient[k]) > 1e-9f && fabsf(s->gradient[k]) < 1e9f))
            return false;
    return true;
}

static void check_step(struct world *w, const struct step *s)
{
    const adaptau_model_options *o = &w->model_options;
    const adaptau_tables         raw = raw_tables(&w->sides[0]);
    const float                 *row = row_of(&raw, s->users, s->row);
    struct moments              *m = s->users ? &w->user_moments[s->row] : &w->item_moments[s->row];
    double                       gradient[MOST_DIM], want[MOST_DIM], squares = 0.0;
    const struct truth_adam      adam = {.rate = s->users ? o->learning_rate_users : o->learning_rate_items,
                                         .beta1 = s->users ? o->beta1_users : o->beta1_items,
                                         .beta2 = o->beta2,
                                         .epsilon = o->epsilon,
                                         .decay = is_on_sphere(w, s->users) ? 0.0 : o->weight_decay,
                                         .one_second_moment = o->flags & ADAPTAU_MODEL_ROW_SECOND_MOMENT};
    for (int32_t k = 0; k < o->dim; k++) {
        gradient[k] = (double)s->gradient[k];
        want[k] = (double)s->before[k];
    }
    truth_of_adam(&adam, o->dim, ++m->steps, gradient, m->first, m->second, want);
    for (int32_t k = 0; k < o->dim; k++)
        squares += want[k] * want[k];
    const double length = is_on_sphere(w, s->users) && squares > 0.0 ? sqrt(squares) : 1.0;
    for (int32_t k = 0; k < o->dim && length > 1e-3; k++)
        must_near((double)row[k], want[k] / length, (1e-3 * adam.rate + 1e-5 * fmax(1.0, fabs(want[k]))) / length, "a row after a step");
}

static void descend(struct world *w)
{
    static struct step steps[MOST_NODES];
    need_model(w);
    if (!w->has_gradients) {
        must(call_both(w, apply, NULL) == ADAPTAU_E_STATE, "no step without gradients");
        return;
    }
    const int32_t n = read_steps(w, steps);
    call_both_well(w, "apply", apply, NULL);
    w->has_gradients = false;
    for (int32_t k = 0; k < n; k++)
        w->moments_known = w->moments_known && is_ordinary(&steps[k], w->model_options.dim);
    for (int32_t k = 0; k < n && w->moments_known; k++)
        check_step(w, &steps[k]);
    const adaptau_tables raw = raw_tables(&w->sides[0]);
    for (int32_t x = 0; x < raw.n_users + raw.n_items; x++)
        for (int32_t k = 0; k < raw.dim; k++)
            must(isfinite(row_of(&raw, x < raw.n_users, x < raw.n_users ? x : x - raw.n_users)[k]), "tables stay finite");
}

/* A whole step at once: what comes most often. */
static void train(struct world *w)
{
    differentiate(w);
    if (w->has_gradients)
        descend(w);
}

static adaptau_status set_rates(struct side *side, void *arguments, adaptau_error *error)
{
    const double *rates = arguments;
    return adaptau_model_set_learning_rates(side->model, rates[0], rates[1], error);
}

static void other_rates(struct world *w)
{
    static const double choices[] = {0.0, 0.01, 0.1, 1.0};
    double              rates[2];
    need_model(w);
    rates[0] = choose_number(&w->program, 4, choices);
    rates[1] = choose_number(&w->program, 4, choices);
    call_both_well(w, "rates", set_rates, rates);
    w->model_options.learning_rate_users = rates[0];
    w->model_options.learning_rate_items = rates[1];
}

static adaptau_status update_targets(struct side *side, void *arguments, adaptau_error *error)
{
    return adaptau_model_update_targets(side->model, side->data, side->temperature, arguments, error);
}

static void aim(struct world *w)
{
    need_model(w);
    need_temperature(w);
    adaptau_target_options o = choose_target_options(&w->program);
    call_both_well(w, "targets", update_targets, &o);
    w->has_targets = o.strength > 0.0;
}

/* ---- contrast ------------------------------------------------------------------------------------------------------------ */

struct contrast_call {
    adaptau_contrast_options options;
    int32_t                  n_prototypes;
    double                   losses[2];
};

static adaptau_status contrast_model(struct side *side, void *arguments, adaptau_error *error)
{
    struct contrast_call *x = arguments;
    return adaptau_model_contrast(side->model, &side->batch, &x->options, &x->losses[side->index], error);
}

static adaptau_status find_prototypes(struct side *side, void *arguments, adaptau_error *error)
{
    return adaptau_model_update_prototypes(side->model, ((struct contrast_call *)arguments)->n_prototypes, error);
}

static void contrast(struct world *w)
{
    struct contrast_call x = {0};
    need_model(w);
    if (w->model_options.encoder != ADAPTAU_ENCODER_LIGHTGCN)
        return;
    x.options = choose_contrast_options(&w->program);
    if (x.options.prototype_weight > 0.0 && !w->has_prototypes) {
        x.n_prototypes = 1;
        w->starve = -1; /* without memory there are no prototypes left, as the header says                    */
        call_both_well(w, "prototypes", find_prototypes, &x);
        w->has_prototypes = true;
    }
    if (!w->has_gradients || !w->sides[0].batch.struct_size)
        differentiate(w);
    if (!w->has_gradients)
        return;
    const adaptau_status status = call_both(w, contrast_model, &x);
    must(status == ADAPTAU_OK || status == ADAPTAU_E_NUMERIC || status == ADAPTAU_E_ARGUMENT, "contrast is added");
    must(memcmp(&x.losses[0], &x.losses[1], sizeof(double)) == 0, "threads do not change the loss of contrast");
}

/* ---- ranking ------------------------------------------------------------------------------------------------------------ */

struct rank_call {
    adaptau_query query;
    bool          sees;
    int32_t       found[2][MOST_FOLDED * MOST_K];
    float         scores[2][MOST_FOLDED * MOST_K];
};

static adaptau_status rank_model(struct side *side, void *arguments, adaptau_error *error)
{
    struct rank_call *x = arguments;
    adaptau_query     query = x->query;
    query.seen = x->sees ? side->data : NULL;
    return adaptau_model_rank(side->model, &query, x->found[side->index], x->scores[side->index], error);
}

struct vectors {
    const adaptau_tables *tables;
    const adaptau_query  *query;
};

static bool asks_users(int32_t question)
{
    return question == ADAPTAU_RANK_ITEMS || question == ADAPTAU_RANK_SIMILAR_USERS;
}

static bool answers_items(int32_t question)
{
    return question == ADAPTAU_RANK_ITEMS || question == ADAPTAU_RANK_SIMILAR_ITEMS;
}

/* The score of an answer in list r, and what its sum amounts to in size. */
static double score_in_double(const struct vectors *v, int32_t r, int32_t answer, double *size)
{
    const adaptau_query  *q = v->query;
    const adaptau_tables *t = v->tables;
    const bool            user = asks_users(q->question), item = answers_items(q->question);
    const float          *x = q->embeddings ? q->embeddings + (int64_t)r * t->dim : row_of(t, user, q->ids[r]);
    const float          *y = row_of(t, !item, answer);
    double                xy = 0.0, xx = 0.0, yy = 0.0;
    for (int32_t k = 0; k < t->dim; k++) {
        xy += (double)x[k] * (double)y[k];
        xx += (double)x[k] * (double)x[k];
        yy += (double)y[k] * (double)y[k];
    }
    const bool cosine = q->flags & ADAPTAU_QUERY_COSINE;
    if (!cosine && !(t->flags & (user ? ADAPTAU_NORMALISE_USERS : ADAPTAU_NORMALISE_ITEMS)))
        xx = 1.0;
    if (!cosine && !(t->flags & (item ? ADAPTAU_NORMALISE_ITEMS : ADAPTAU_NORMALISE_USERS)))
        yy = 1.0;
    double score = xx > 0.0 && yy > 0.0 ? xy / sqrt(xx) / sqrt(yy) : 0.0;
    *size = 1.0 + sqrt((double)t->dim) * fabs(score);
    for (int32_t k = 0; k < t->dim && xx > 0.0 && yy > 0.0; k++)
        *size += fabs((double)x[k] * (double)y[k]) / sqrt(xx) / sqrt(yy);
    if (t->item_bias && q->question == ADAPTAU_RANK_ITEMS)
        score += (double)t->item_bias[answer];
    if (t->item_bias && q->question == ADAPTAU_RANK_USERS && q->ids)
        score += (double)t->item_bias[q->ids[r]];
    return score;
}

static bool has(const int32_t *ids, int64_t first, int64_t end, int32_t id)
{
    for (int64_t i = first; i < end; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static bool may_answer(const struct rank_call *x, const adaptau_dataset_view *data, int32_t r, int32_t answer)
{
    const adaptau_query *q = &x->query;
    const int32_t        asker = q->ids ? q->ids[r] : -1;
    const bool           similar = q->question == ADAPTAU_RANK_SIMILAR_ITEMS || q->question == ADAPTAU_RANK_SIMILAR_USERS;
    if (q->allowed && !has(q->allowed, 0, q->n_allowed, answer))
        return false;
    if (q->exclude_ptr && has(q->exclude, q->exclude_ptr[r], q->exclude_ptr[r + 1], answer))
        return false;
    if (similar && answer == asker && !(q->flags & ADAPTAU_QUERY_KEEP_SELF))
        return false;
    if (!x->sees || asker < 0)
        return true;
    const int32_t user = q->question == ADAPTAU_RANK_ITEMS ? asker : answer, item = q->question == ADAPTAU_RANK_ITEMS ? answer : asker;
    return !has(data->user_items, data->user_ptr[user], data->user_ptr[user + 1], item);
}

static void check_list(const struct rank_call *x, const struct vectors *v, const adaptau_dataset_view *data, int32_t r)
{
    const int32_t  n_answers = answers_items(x->query.question) ? v->tables->n_items : v->tables->n_users;
    const int32_t *found = x->found[0] + r * x->query.k;
    const float   *scores = x->scores[0] + r * x->query.k;
    int32_t        n = 0, n_may = 0;
    double         size;
    while (n < x->query.k && found[n] >= 0)
        n++;
    for (int32_t k = n; k < x->query.k; k++)
        must(found[k] == -1 && scores[k] == -INFINITY, "an empty place is -1");
    for (int32_t k = 0; k < n; k++) {
        must(found[k] < n_answers && may_answer(x, data, r, found[k]) && !has(found, 0, k, found[k]), "a list has what it may have, once");
        must(k == 0 || scores[k - 1] > scores[k] || (scores[k - 1] == scores[k] && found[k - 1] < found[k]), "a list is in order");
        const double score = score_in_double(v, r, found[k], &size);
        must_near((double)scores[k], score, 1e-5 * size, "a score");
    }
    for (int32_t answer = 0; answer < n_answers; answer++) {
        if (!may_answer(x, data, r, answer))
            continue;
        n_may++;
        const double score = score_in_double(v, r, answer, &size);
        must(n == 0 || has(found, 0, n, answer) || score <= (double)scores[n - 1] + 1e-5 * size, "what is left out is no better");
    }
    must(n == (n_may < x->query.k ? n_may : x->query.k), "a list is as long as it can be");
}

static void rank(struct world *w)
{
    static struct rank_call x;
    static int32_t          ids[MOST_FOLDED], allowed[MOST_NODES], exclude[MOST_FOLDED * MOST_NODES];
    static int64_t          exclude_ptr[MOST_FOLDED + 1];
    static float            embeddings[MOST_FOLDED * MOST_DIM];
    need_model(w);
    struct program      *p = &w->program;
    const adaptau_tables tables = final_tables(&w->sides[0]);
    adaptau_query        query = {.struct_size = sizeof query, .question = choose(p, 4), .n = 1 + choose(p, MOST_FOLDED)};
    const bool           similar = query.question == ADAPTAU_RANK_SIMILAR_ITEMS || query.question == ADAPTAU_RANK_SIMILAR_USERS;
    const int32_t        n_askers = asks_users(query.question) ? tables.n_users : tables.n_items;
    const int32_t        n_answers = answers_items(query.question) ? tables.n_items : tables.n_users;
    query.flags = (uint32_t)choose(p, 2) | (similar ? (uint32_t)choose(p, 2) << 1 : 0);
    query.k = 1 + choose(p, MOST_K);
    const int32_t with = choose(p, 16);
    struct stream s = choose_stream(p);
    for (int32_t r = 0; r < query.n; r++)
        ids[r] = draw_below(&s, n_askers);
    for (int32_t k = 0; k < query.n * tables.dim; k++)
        embeddings[k] = (float)draw_number(&s);
    if (with & 1)
        query.embeddings = embeddings;
    if (!(with & 1) || with & 8)
        query.ids = ids;
    x.sees = !similar && (with & 2) && query.ids;
    for (int32_t i = 0; i < n_answers && with & 4; i++)
        if (draw_below(&s, 3) > 0)
            allowed[query.n_allowed++] = i;
    if (with & 4)
        query.allowed = allowed;
    for (int32_t r = 0; r < query.n && with & 8; r++) {
        exclude_ptr[r + 1] = exclude_ptr[r];
        for (int32_t i = 0; i < n_answers; i++)
            if (draw_below(&s, 4) == 0)
                exclude[exclude_ptr[r + 1]++] = i;
    }
    if (with & 8) {
        query.exclude_ptr = exclude_ptr;
        query.exclude = exclude;
    }
    x.query = query;
    call_both_well(w, "ranking", rank_model, &x);
    const size_t n = (size_t)query.n * (size_t)query.k;
    must(memcmp(x.found[0], x.found[1], n * 4) == 0 && memcmp(x.scores[0], x.scores[1], n * 4) == 0, "threads do not change a list");
    const adaptau_dataset_view data = view_of(w->sides[0].data);
    const struct vectors       v = {.tables = &tables, .query = &x.query};
    for (int32_t r = 0; r < query.n; r++)
        check_list(&x, &v, &data, r);
}

/* ---- metrics ------------------------------------------------------------------------------------------------------------ */

#define MOST_GROUPS 3
#define MOST_TAUS 3

struct metrics {
    adaptau_evaluator_options options;
    bool                      masked;
    int32_t                   groups[MOST_ITEMS];
    int32_t                   lists[MOST_USERS * 20];
    double                    taus[MOST_TAUS], means[2][MOST_TAUS];
    double                    mean[2][ADAPTAU_N_METRICS][4];
};

static void check_metric(const struct side *side, struct metrics *x, adaptau_evaluator *evaluator, int32_t metric, int32_t c)
{
    const adaptau_dataset_view held = view_of(side->held_out);
    const int32_t              n = adaptau_evaluator_n_users(evaluator), k = x->options.cutoffs[c],
                  longest = x->options.cutoffs[x->options.n_cutoffs - 1];
    const int32_t *users = adaptau_evaluator_users(evaluator);
    float          each[MOST_USERS];
    double         sum = 0.0, groups[MOST_GROUPS], *mean = &x->mean[side->index][metric][c];
    must(adaptau_evaluator_per_user(evaluator, metric, k, each, NULL) == ADAPTAU_OK, "users have metrics");
    must(adaptau_evaluator_mean(evaluator, metric, k, mean, NULL) == ADAPTAU_OK, "there is a mean");
    for (int32_t u = 0; u < n; u++) {
        const int64_t first = held.user_ptr[users[u]];
        const double  want = truth_of_metric(metric, k, x->lists + u * longest, held.user_ptr[users[u] + 1] - first, held.user_items + first);
        must_near((double)each[u], want, 1e-6, "a metric of a user");
        sum += want;
    }
    must_near(*mean, n > 0 ? sum / n : 0.0, 1e-6, "a mean");
    if (metric > ADAPTAU_METRIC_PRECISION)
        return;
    must(adaptau_evaluator_per_group(evaluator, metric, k, groups, NULL) == ADAPTAU_OK, "groups have metrics");
    must_near(groups[0] + groups[1] + groups[2], *mean, 1e-9, "the sum of groups");
}

static void check_likelihood(const struct side *side, const struct metrics *x, const adaptau_tables *tables)
{
    const adaptau_dataset_view data = view_of(side->data), held = view_of(side->held_out);
    static struct truth_tables truth;
    truth_of_tables(tables, tables->flags, &truth);
    for (int32_t t = 0; t < MOST_TAUS; t++) {
        double sum = 0.0, n = 0.0;
        for (int32_t u = 0; u < tables->n_users; u++)
            for (int64_t p = held.user_ptr[u]; p < held.user_ptr[u + 1]; p++) {
                double most = -INFINITY, z = 0.0, own = 0.0;
                if (x->masked && has(data.user_items, data.user_ptr[u], data.user_ptr[u + 1], held.user_items[p]))
                    continue;
                for (int32_t i = 0; i < tables->n_items; i++)
                    most = fmax(most, (truth.f[u][i] + (tables->item_bias ? (double)tables->item_bias[i] : 0.0)) / x->taus[t]);
                for (int32_t i = 0; i < tables->n_items; i++) {
                    const double s = (truth.f[u][i] + (tables->item_bias ? (double)tables->item_bias[i] : 0.0)) / x->taus[t];
                    if (i == held.user_items[p])
                        own = s;
                    if (!(x->masked && has(data.user_items, data.user_ptr[u], data.user_ptr[u + 1], i)))
                        z += exp(s - most);
                }
                sum += own - most - log(z);
                n += 1.0;
            }
        const double largest = (truth.largest + 1.0) / x->taus[t];
        must_near(x->means[side->index][t], n > 0.0 ? sum / n : 0.0, 1e-4 + 1e-5 * largest, "the likelihood");
    }
}

static adaptau_status measure_side(struct side *side, void *arguments, adaptau_error *error)
{
    struct metrics            *x = arguments;
    adaptau_evaluator_options  o = x->options;
    const adaptau_dataset     *masks[] = {side->data};
    adaptau_evaluator         *evaluator = NULL;
    const adaptau_tables       tables = final_tables(side);
    o.masks = masks;
    o.n_masks = x->masked ? 1 : 0;
    o.item_groups = x->groups;
    o.n_groups = MOST_GROUPS;
    adaptau_status status = adaptau_evaluator_create(side->context, side->held_out, &o, &evaluator, error);
    if (status == ADAPTAU_OK)
        status = adaptau_evaluator_run(evaluator, &tables, error);
    if (status == ADAPTAU_OK)
        status = adaptau_evaluator_log_likelihood(evaluator, &tables, MOST_TAUS, x->taus, x->means[side->index], error);
    const int32_t k = o.cutoffs[o.n_cutoffs - 1], n = status == ADAPTAU_OK ? adaptau_evaluator_n_users(evaluator) : 0;
    adaptau_query query = {.struct_size = sizeof query, .n = n, .k = k};
    query.ids = adaptau_evaluator_users(evaluator);
    query.seen = x->masked ? side->data : NULL;
    if (n > 0)
        status = adaptau_rank(side->context, &tables, &query, x->lists, NULL, error);
    for (int32_t pass = 0; pass < 2 && status == ADAPTAU_OK; pass++) {
        for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
            for (int32_t c = 0; c < o.n_cutoffs; c++)
                check_metric(side, x, evaluator, metric, c);
        if (pass == 0)
            status = adaptau_evaluator_run_lists(evaluator, k, x->lists, error);
    }
    if (status == ADAPTAU_OK)
        check_likelihood(side, x, &tables);
    adaptau_evaluator_destroy(evaluator);
    return status;
}

static void measure(struct world *w)
{
    static struct metrics x;
    static const double   taus[] = {1.0, 0.1, 5.0};
    need_model(w);
    x.options = choose_evaluator_options(&w->program);
    x.masked = choose_whether(&w->program);
    struct stream s = choose_stream(&w->program);
    for (int32_t i = 0; i < MOST_ITEMS; i++)
        x.groups[i] = draw_below(&s, MOST_GROUPS);
    memcpy(x.taus, taus, sizeof taus);
    memset(x.mean, 0, sizeof x.mean);
    call_both_well(w, "metrics", measure_side, &x);
    must(memcmp(x.mean[0], x.mean[1], sizeof x.mean[0]) == 0 && memcmp(x.means[0], x.means[1], sizeof x.means[0]) == 0,
         "threads do not change a metric");
}

/* ---- files --------------------------------------------------------------------------------------------------------------- */

static adaptau_status save(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    return adaptau_model_save(side->model, fuzz_path(side->index), error);
}

static void save_and_load(struct world *w)
{
    need_model(w);
    call_both_well(w, "saving", save, NULL);
    must(fuzz_files_equal(fuzz_path(0), fuzz_path(1)), "threads do not change a file");
    struct side loaded = {.context = w->sides[1].context};
    must(adaptau_model_load(loaded.context, fuzz_path(0), &loaded.model, NULL) == ADAPTAU_OK, "what was saved can be loaded");
    must(adaptau_model_save(loaded.model, fuzz_path(2), NULL) == ADAPTAU_OK && fuzz_files_equal(fuzz_path(0), fuzz_path(2)),
         "what was loaded is saved to the same bytes");
    const adaptau_tables a = final_tables(&w->sides[0]), b = final_tables(&loaded);
    for (int32_t x = 0; x < a.n_users + a.n_items; x++) {
        const bool    user = x < a.n_users;
        const int32_t row = user ? x : x - a.n_users;
        must(memcmp(row_of(&a, user, row), row_of(&b, user, row), (size_t)a.dim * sizeof(float)) == 0, "a row comes back");
    }
    must((a.flags & ADAPTAU_NORMALISE_BOTH) == (b.flags & ADAPTAU_NORMALISE_BOTH), "what is normalised comes back");
    adaptau_model_destroy(loaded.model);
}

static adaptau_status save_checkpoint(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    return adaptau_model_save_checkpoint(side->model, side->temperature, "epoch 1", fuzz_path(side->index), error);
}

/* From here on the second side is what a checkpoint has made of it: it has to go on to the bits of the first. What is in no
 * checkpoint is made anew on both sides. */
static void resume(struct world *w)
{
    need_model(w);
    need_temperature(w);
    if (w->has_gradients)
        descend(w);
    adaptau_target_options none = choose_target_options(&(struct program){0});
    call_both_well(w, "targets", update_targets, &none);
    w->has_targets = w->has_prototypes = false;
    if (!temper(w))
        return;
    call_both_well(w, "checkpoint", save_checkpoint, NULL);
    must(fuzz_files_equal(fuzz_path(0), fuzz_path(1)), "threads do not change a checkpoint");
    struct side         *side = &w->sides[1];
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    char                 note[ADAPTAU_NOTE_SIZE];
    must(adaptau_model_load_checkpoint(side->context, side->data, fuzz_path(1), &model, &temperature, note, NULL) == ADAPTAU_OK,
         "a checkpoint can be loaded");
    must(strcmp(note, "epoch 1") == 0, "a note comes back");
    take_model(side, model);
    adaptau_temperature_destroy(side->temperature);
    side->temperature = temperature;
    must(digest_side(&w->sides[0]) == digest_side(side), "a checkpoint has all there is");
}

/* ---- growth and new users ----------------------------------------------------------------------------------------------- */

struct growth {
    struct interactions     data;
    bool                    folds;
    adaptau_fold_in_options fold;
};

static adaptau_status grow_side(struct side *side, void *arguments, adaptau_error *error)
{
    const struct growth *x = arguments;
    struct side          grown = {.index = side->index, .context = side->context};
    adaptau_status       status = create_data(&grown, arguments, error);
    if (status == ADAPTAU_OK)
        status = adaptau_model_grow(side->model, grown.data, x->folds ? &x->fold : NULL, &grown.model, error);
    if (status == ADAPTAU_OK)
        status = adaptau_temperature_grow(side->temperature, grown.data, &grown.temperature, error);
    if (status != ADAPTAU_OK) {
        drop_data(&grown);
        return status;
    }
    drop_data(side);
    *side = grown;
    return status;
}

static void draw_growth(struct world *w, struct growth *x)
{
    const adaptau_dataset_view old = view_of(w->sides[0].data);
    x->data = (struct interactions){.weighted = old.user_weights != NULL};
    x->data.n_users = old.n_users + choose(&w->program, 1 + (MOST_USERS - old.n_users < 4 ? MOST_USERS - old.n_users : 4));
    x->data.n_items = old.n_items + choose(&w->program, 1 + (MOST_ITEMS - old.n_items < 4 ? MOST_ITEMS - old.n_items : 4));
    struct stream s = choose_stream(&w->program);
    for (int32_t u = 0; u < x->data.n_users; u++)
        for (int32_t i = 0; i < x->data.n_items; i++) {
            const bool known = u < old.n_users && has(old.user_items, old.user_ptr[u], old.user_ptr[u + 1], i);
            if (!known && draw_below(&s, 6) > 0)
                continue;
            x->data.users[x->data.n] = u;
            x->data.items[x->data.n] = i;
            x->data.weights[x->data.n++] = (float)exp(draw_number(&s));
        }
}

static double own_tau(const struct world *w, double *threshold)
{
    const adaptau_temperature_state state = state_of(&w->sides[0]);
    *threshold = state.threshold;
    return state.tau0;
}

static void grow(struct world *w)
{
    static struct growth x;
    static float         before[MOST_NODES][MOST_DIM];
    double               threshold;
    need_model(w);
    need_temperature(w);
    const adaptau_tables old = raw_tables(&w->sides[0]);
    const int32_t        n_users = old.n_users, n_items = old.n_items;
    for (int32_t k = 0; k < n_users + n_items; k++)
        memcpy(before[k], row_of(&old, k < n_users, k < n_users ? k : k - n_users), (size_t)old.dim * sizeof(float));
    draw_growth(w, &x);
    const double tau = own_tau(w, &threshold);
    x.fold = choose_fold_in_options(&w->program, w->sides[0].model, tau, threshold);
    x.folds = w->model_options.encoder == ADAPTAU_ENCODER_MF && w->loss.kind == ADAPTAU_LOSS_SOFTMAX && choose_whether(&w->program);
    w->has_gradients = false;
    const adaptau_status status = call_both(w, grow_side, &x);
    must(status == ADAPTAU_OK, "a model grows");
    w->has_targets = w->has_prototypes = w->epoch_begun = false;
    const adaptau_tables new = raw_tables(&w->sides[0]);
    for (int32_t k = 0; k < n_users + n_items; k++)
        must(memcmp(before[k], row_of(&new, k < n_users, k < n_users ? k : k - n_users), (size_t)new.dim * sizeof(float)) == 0,
             "a row that was there stays");
    for (int32_t k = n_users; k < new.n_users; k++)
        must(isfinite(row_of(&new, true, k)[0]), "a new user's row is finite");
    for (int32_t k = n_items; k < new.n_items; k++)
        must(isfinite(row_of(&new, false, k)[0]), "a new item's row is finite");
    check_encoder(w);
    make_held_out(w, new.n_users, new.n_items);
}

struct fold_call {
    adaptau_fold_in_options options;
    int64_t                 ptr[MOST_FOLDED + 1];
    int32_t                 items[MOST_FOLDED * MOST_ITEMS];
    float                   embeddings[2][MOST_FOLDED * MOST_DIM], taus[2][MOST_FOLDED];
};

static adaptau_status fold_side(struct side *side, void *arguments, adaptau_error *error)
{
    struct fold_call *x = arguments;
    adaptau_fold_in  *fold = NULL;
    adaptau_status    status = adaptau_fold_in_create(side->model, side->data, &x->options, &fold, error);
    if (status == ADAPTAU_OK)
        status = adaptau_fold_in_users(fold, MOST_FOLDED, x->ptr, x->items, NULL, x->embeddings[side->index], x->taus[side->index], error);
    adaptau_fold_in_destroy(fold);
    return status;
}

/* Some users and items go, new ones come, and all have other numbers. */
struct remapping {
    struct interactions     data;
    int32_t                 users[MOST_USERS], items[MOST_ITEMS];
    adaptau_row_map         map;
    bool                    folds;
    adaptau_fold_in_options fold;
};

static adaptau_status remap_side(struct side *side, void *arguments, adaptau_error *error)
{
    const struct remapping *x = arguments;
    struct side             mapped = {.index = side->index, .context = side->context};
    adaptau_status          status = create_data(&mapped, arguments, error);
    if (status == ADAPTAU_OK)
        status = adaptau_model_remap(side->model, mapped.data, &x->map, x->folds ? &x->fold : NULL, &mapped.model, error);
    if (status == ADAPTAU_OK)
        status = adaptau_temperature_remap(side->temperature, mapped.data, &x->map, &mapped.temperature, error);
    if (status != ADAPTAU_OK) {
        drop_data(&mapped);
        return status;
    }
    drop_data(side);
    *side = mapped;
    return status;
}

/* Old rows in any order, of which some are left out, and new ones among them; at least one row. */
static int32_t draw_numbers(struct stream *s, int32_t old, int32_t most, int32_t *from)
{
    int32_t all[MOST_NODES], n = 0;
    for (int32_t r = 0; r < old; r++)
        all[r] = r;
    for (int32_t r = 0; r < old; r++) {
        const int32_t other = r + draw_below(s, old - r), row = all[other];
        all[other] = all[r];
        if (n + old - r < most && draw_below(s, 6) == 0)
            from[n++] = -1;
        if (draw_below(s, 5) > 0)
            from[n++] = row;
    }
    if (n == 0)
        from[n++] = 0;
    return n;
}

static void draw_remapping(struct world *w, struct remapping *x)
{
    const adaptau_dataset_view old = view_of(w->sides[0].data);
    struct stream              s = choose_stream(&w->program);
    *x = (struct remapping){.data.weighted = old.user_weights != NULL};
    x->data.n_users = draw_numbers(&s, old.n_users, MOST_USERS, x->users);
    x->data.n_items = draw_numbers(&s, old.n_items, MOST_ITEMS, x->items);
    x->map = (adaptau_row_map){.struct_size = sizeof x->map, .n_users = x->data.n_users, .n_items = x->data.n_items,
                               .users = x->users, .items = x->items};
    for (int32_t u = 0; u < x->data.n_users; u++)
        for (int32_t i = 0; i < x->data.n_items; i++) {
            const int32_t user = x->users[u];
            const bool    known = user >= 0 && x->items[i] >= 0 &&
                               has(old.user_items, old.user_ptr[user], old.user_ptr[user + 1], x->items[i]);
            if (!known && draw_below(&s, 6) > 0)
                continue;
            x->data.users[x->data.n] = u;
            x->data.items[x->data.n] = i;
            x->data.weights[x->data.n++] = (float)exp(draw_number(&s));
        }
}

/* The definition's moments go with the rows. */
static void move_moments(struct moments *moments, int32_t most, int32_t n, const int32_t *from)
{
    static struct moments before[MOST_NODES];
    memcpy(before, moments, (size_t)most * sizeof *before);
    for (int32_t r = 0; r < most; r++)
        moments[r] = r < n && from[r] >= 0 ? before[from[r]] : (struct moments){0};
}

static void check_moved(const adaptau_tables *now, bool users, int32_t n, const int32_t *from, float before[][MOST_DIM])
{
    for (int32_t r = 0; r < n; r++)
        if (from[r] >= 0)
            must(memcmp(before[from[r]], row_of(now, users, r), (size_t)now->dim * sizeof(float)) == 0, "a kept row stays");
        else
            must(isfinite(row_of(now, users, r)[0]), "a new row is finite");
}

static void remap(struct world *w)
{
    static struct remapping x;
    static float            users[MOST_USERS][MOST_DIM], items[MOST_ITEMS][MOST_DIM];
    double                  threshold;
    need_model(w);
    need_temperature(w);
    const adaptau_tables old = raw_tables(&w->sides[0]);
    for (int32_t u = 0; u < old.n_users; u++)
        memcpy(users[u], row_of(&old, true, u), (size_t)old.dim * sizeof(float));
    for (int32_t i = 0; i < old.n_items; i++)
        memcpy(items[i], row_of(&old, false, i), (size_t)old.dim * sizeof(float));
    draw_remapping(w, &x);
    const double tau = own_tau(w, &threshold);
    x.fold = choose_fold_in_options(&w->program, w->sides[0].model, tau, threshold);
    x.folds = w->model_options.encoder == ADAPTAU_ENCODER_MF && w->loss.kind == ADAPTAU_LOSS_SOFTMAX && choose_whether(&w->program);
    w->has_gradients = false;
    must(call_both(w, remap_side, &x) == ADAPTAU_OK, "a model is remapped");
    w->has_targets = w->has_prototypes = w->epoch_begun = false;
    move_moments(w->user_moments, MOST_USERS, x.data.n_users, x.users);
    move_moments(w->item_moments, MOST_ITEMS, x.data.n_items, x.items);
    const adaptau_tables now = raw_tables(&w->sides[0]);
    check_moved(&now, true, x.data.n_users, x.users, users);
    check_moved(&now, false, x.data.n_items, x.items, items);
    check_encoder(w);
    make_held_out(w, now.n_users, now.n_items);
}

/* Mean losses of folded users under τ₀ alone, by the definition. */
static void find_fold_losses(const struct world *w, const struct fold_call *x, double *losses)
{
    adaptau_tables       tables = final_tables(&w->sides[0]);
    const float          taus[MOST_FOLDED] = {(float)x->options.tau, (float)x->options.tau, (float)x->options.tau, (float)x->options.tau};
    const adaptau_batch  batch = {.struct_size = sizeof batch, .flags = x->options.flags, .n_rows = MOST_FOLDED, .positive_ptr = x->ptr, .positives = x->items};
    tables.users = x->embeddings[0];
    tables.n_users = MOST_FOLDED;
    tables.user_stride = 0;
    truth_of_tables(&tables, flags_of(w), &tables_truth);
    truth_of_loss(&(struct truth_question){.tables = &tables_truth, .batch = &batch, .loss = &w->loss, .taus = taus}, &loss_truth);
    for (int32_t u = 0; u < MOST_FOLDED; u++)
        losses[u] = x->ptr[u + 1] > x->ptr[u] ? loss_truth.row_loss[u] / (double)(x->ptr[u + 1] - x->ptr[u]) : 0.0;
}

static void fold_in(struct world *w)
{
    static struct fold_call x;
    double                  threshold, after[MOST_FOLDED], before[MOST_FOLDED];
    need_model(w);
    need_temperature(w);
    const int32_t n_items = adaptau_dataset_n_items(w->sides[0].data), dim = w->model_options.dim;
    const double  tau = own_tau(w, &threshold);
    x.options = choose_fold_in_options(&w->program, w->sides[0].model, tau, threshold);
    if (w->loss.kind != ADAPTAU_LOSS_SOFTMAX) {
        x.options.tau_user_policy = ADAPTAU_TAU_USER_NONE;
        x.options.popularity_exponent = x.options.target_strength = 0.0;
    }
    struct stream s = choose_stream(&w->program);
    for (int32_t u = 0; u < MOST_FOLDED; u++) {
        x.ptr[u + 1] = x.ptr[u];
        for (int32_t i = 0; i < n_items && u > 0; i++)
            if (draw_below(&s, 3) == 0)
                x.items[x.ptr[u + 1]++] = i;
    }
    call_both_well(w, "folding in", fold_side, &x);
    for (int32_t u = 0; u < MOST_FOLDED; u++)
        must(memcmp(x.embeddings[0] + u * dim, x.embeddings[1] + u * dim, (size_t)dim * 4) == 0 &&
                 memcmp(&x.taus[0][u], &x.taus[1][u], 4) == 0,
             "threads do not change a new user");
    for (int32_t k = 0; k < dim; k++)
        must(x.embeddings[0][k] == 0.0f, "a user without items is 0");
    must(x.taus[0][0] == (float)tau, "a user without items has tau0");
    const bool plain = x.options.tau_user_policy == ADAPTAU_TAU_USER_NONE && x.options.target_strength == 0.0 &&
                       x.options.popularity_exponent == 0.0;
    if (!plain)
        return;
    find_fold_losses(w, &x, after);
    const bool   comparable = loss_truth.comparable;
    const double slack = loss_truth.slack;
    x.options.n_steps = 0;
    call_both_well(w, "folding in", fold_side, &x);
    find_fold_losses(w, &x, before);
    for (int32_t u = 0; u < MOST_FOLDED && comparable && loss_truth.comparable; u++)
        must(after[u] <= before[u] + slack * (1.0 + fabs(before[u])) * 10.0, "steps make a new user no worse");
}

/* ---- losses of the host's own tables -------------------------------------------------------------------------------------- */

#define OWN_ROWS 12
#define MOST_OWN 16 /* candidates                                                                             */

struct own {
    adaptau_tables           tables;
    adaptau_batch            batch;
    adaptau_row_temperatures temperatures;
    adaptau_loss             loss;
    float                    users[MOST_USERS * MOST_DIM], items[MOST_ITEMS * MOST_DIM];
    int32_t                  row_users[OWN_ROWS], positives[OWN_ROWS * MOST_ITEMS], ids[OWN_ROWS * MOST_OWN];
    int64_t                  ptr[OWN_ROWS + 1];
    float                    log_q[OWN_ROWS * MOST_OWN + MOST_ITEMS], row_weights[OWN_ROWS], weights[OWN_ROWS * MOST_ITEMS];
    float                    shares[OWN_ROWS], targets[OWN_ROWS * MOST_DIM], taus[OWN_ROWS], tau_positives[OWN_ROWS];
    bool                     personal, split;
};

struct own_answer {
    adaptau_loss_output output;
    double              row_loss[OWN_ROWS], row_log_sum[OWN_ROWS];
    float               row_unit_loss[OWN_ROWS], slope[OWN_ROWS], users[OWN_ROWS * MOST_DIM], items[MOST_ITEMS * MOST_DIM];
    int32_t             touched[MOST_ITEMS];
};

static struct own        own;
static struct own_answer own_answers[2];

static void draw_rows(struct program *p, struct stream *s, int32_t n, int32_t dim, float *out)
{
    static const double lengths[] = {1.0, 1e-3, 30.0, 0.0};
    const double        odd = choose_number(p, 4, lengths); /* of every third row                                 */
    for (int32_t r = 0; r < n; r++)
        for (int32_t k = 0; k < dim; k++)
            out[r * dim + k] = (float)(draw_number(s) * (r % 3 == 2 ? odd : 1.0));
}

static void draw_batch(struct program *p, struct stream *s)
{
    const int32_t m = own.tables.n_items, with = choose(p, 32), kind = choose(p, 3), flags = choose(p, 2);
    own.batch = (adaptau_batch){.struct_size = sizeof own.batch, .n_rows = choose(p, OWN_ROWS + 1), .candidates = kind, .flags = (uint32_t)flags};
    for (int32_t r = 0; r < own.batch.n_rows; r++) {
        own.row_users[r] = draw_below(s, own.tables.n_users);
        own.row_weights[r] = (float)fabs(draw_number(s)) * (draw_below(s, 5) > 0 ? 1.0f : 0.0f);
        own.ptr[r + 1] = own.ptr[r];
        for (int32_t i = 0; i < m; i++)
            if (draw_below(s, 4) == 0) {
                own.weights[own.ptr[r + 1]] = (float)exp(3.0 * draw_number(s));
                own.positives[own.ptr[r + 1]++] = i;
            }
        own.shares[r] = (float)fabs(draw_number(s));
        for (int32_t k = 0; k < own.tables.dim; k++)
            own.targets[r * own.tables.dim + k] = (float)draw_number(s) * 0.3f;
    }
    own.batch.users = own.row_users;
    own.batch.positive_ptr = own.ptr;
    own.batch.positives = own.positives;
    if (kind != ADAPTAU_CANDIDATES_CATALOGUE) {
        own.batch.n_candidates = choose(p, MOST_OWN + 1);
        own.batch.candidate_ids = own.ids;
    }
    for (int32_t c = 0; c < OWN_ROWS * MOST_OWN; c++)
        own.ids[c] = draw_below(s, m);
    for (int32_t c = 0; c < OWN_ROWS * MOST_OWN + MOST_ITEMS; c++)
        own.log_q[c] = (float)(draw_number(s) * 3.0);
    own.batch.row_weights = with & 1 ? own.row_weights : NULL;
    own.batch.positive_weights = with & 2 ? own.weights : NULL;
    if (!loss_is_of_family(own.loss.kind))
        return;
    own.batch.log_q = with & 4 ? own.log_q : NULL;
    own.batch.target_shares = with & 8 ? own.shares : NULL;
    own.batch.user_targets = with & 8 ? own.targets : NULL;
    own.split = with & 16;
}

static void draw_own(struct program *p, bool adds_up)
{
    static const double  taus[] = {0.1, 0.03, 1.0, 10.0, 0.01};
    static const int32_t single[] = {ADAPTAU_LOSS_SOFTMAX, ADAPTAU_LOSS_BCE, ADAPTAU_LOSS_MSE, ADAPTAU_LOSS_CCL};
    memset(&own, 0, sizeof own);
    struct stream s = choose_stream(p);
    own.tables = (adaptau_tables){.struct_size = sizeof own.tables, .flags = (uint32_t)choose(p, 4)};
    own.tables.n_users = 1 + choose(p, MOST_USERS);
    own.tables.n_items = 1 + choose(p, MOST_ITEMS);
    own.tables.dim = 1 + choose(p, MOST_DIM);
    draw_rows(p, &s, own.tables.n_users, own.tables.dim, own.users);
    draw_rows(p, &s, own.tables.n_items, own.tables.dim, own.items);
    own.tables.users = own.users;
    own.tables.items = own.items;
    own.loss = choose_loss(p, adds_up ? single[choose(p, 4)] : choose(p, 8));
    draw_batch(p, &s);
    own.temperatures = (adaptau_row_temperatures){.struct_size = sizeof own.temperatures, .tau = (float)choose_number(p, 5, taus)};
    own.personal = choose_whether(p);
    for (int32_t r = 0; r < OWN_ROWS; r++) {
        own.taus[r] = own.temperatures.tau * (own.personal ? (float)exp(draw_number(&s)) : 1.0f);
        own.tau_positives[r] = own.temperatures.tau * (float)exp(draw_number(&s));
    }
    own.temperatures.candidates = own.personal ? own.taus : NULL;
    own.temperatures.positives = own.split ? own.tau_positives : NULL;
}

static adaptau_loss_output output_of(struct own_answer *a)
{
    const bool family = loss_is_of_family(own.loss.kind);
    return (adaptau_loss_output){.struct_size = sizeof(adaptau_loss_output),
                                 .row_loss = a->row_loss,
                                 .row_log_sum = family ? a->row_log_sum : NULL,
                                 .row_unit_loss = family ? a->row_unit_loss : NULL,
                                 .row_d_inverse_tau = loss_has_tau(own.loss.kind) ? a->slope : NULL,
                                 .user_gradients = a->users,
                                 .item_gradients = a->items,
                                 .touched_items = own.batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : a->touched};
}

static adaptau_status find_own(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    struct own_answer *a = &own_answers[side->index];
    memset(a, 0, sizeof *a);
    a->output = output_of(a);
    return adaptau_loss_gradients(side->context, &own.tables, &own.batch, &own.temperatures, &own.loss, &a->output, error);
}

static void define_own(void)
{
    truth_of_tables(&own.tables, own.tables.flags, &tables_truth);
    truth_of_loss(&(struct truth_question){.tables = &tables_truth, .batch = &own.batch, .loss = &own.loss, .taus = own.taus,
                                           .tau_positives = own.split ? own.tau_positives : NULL},
                  &loss_truth);
}

static void check_own(const struct own_answer *a)
{
    const double slack = loss_truth.slack;
    const int32_t dim = own.tables.dim;
    must_near(a->output.loss, loss_truth.loss, slack * (loss_truth.loss_size + 1e-3), "the loss");
    for (int32_t r = 0; r < own.batch.n_rows; r++) {
        must_near(a->row_loss[r], loss_truth.row_loss[r], slack * (loss_truth.row_size[r] + 1e-3), "the loss of a row");
        if (loss_is_of_family(own.loss.kind) && isfinite(loss_truth.row_log_sum[r])) {
            must_near(a->row_log_sum[r], loss_truth.row_log_sum[r], slack * (1.0 + fabs(loss_truth.row_log_sum[r])), "a log sum");
            must_near((double)a->row_unit_loss[r], loss_truth.row_unit_loss[r],
                      slack * (1.0 + tables_truth.largest + fabs(loss_truth.row_unit_loss[r])), "a loss at temperature 1");
        }
        if (loss_has_tau(own.loss.kind))
            must_near((double)a->slope[r], loss_truth.row_slope[r], slack * (loss_truth.row_slope_size[r] + 1e-3), "a slope");
        for (int32_t k = 0; k < dim; k++)
            must_near((double)a->users[r * dim + k], loss_truth.row_gradients[r][k], slack * (loss_truth.row_gradient_size[r] + 1e-6),
                      "a row's gradient");
    }
    for (int32_t i = 0; i < own.tables.n_items; i++)
        for (int32_t k = 0; k < dim && loss_truth.touched[i]; k++)
            must_near((double)a->items[i * dim + k], loss_truth.item_gradients[i][k], slack * (loss_truth.item_size[i] + 1e-6),
                      "an item's gradient");
}

static void own_loss(struct world *w)
{
    draw_own(&w->program, false);
    const adaptau_status status = call_both(w, find_own, NULL);
    const struct own_answer *a = &own_answers[0], *b = &own_answers[1];
    define_own();
    must(status == ADAPTAU_OK || !loss_truth.comparable, "a valid loss is found");
    if (status != ADAPTAU_OK)
        return;
    must(memcmp(a->row_loss, b->row_loss, sizeof *a - offsetof(struct own_answer, row_loss)) == 0, "threads do not change a loss");
    if (loss_truth.comparable)
        check_own(a);
}

/* ---- losses over shards of items ------------------------------------------------------------------------------------------- */

#define MOST_SHARDS 3

struct shards {
    int32_t          n, starts[MOST_SHARDS + 1], round;
    adaptau_row_sums sums[MOST_SHARDS][OWN_ROWS], all[OWN_ROWS];
    int32_t          now;
    struct own_answer answers[MOST_SHARDS];
};

/* In the first round each shard's sums are kept, in the second those of all are given: a shard's own do not depend on others'. */
static int32_t exchange(void *user_data, const adaptau_reduce_piece *piece)
{
    struct shards *x = user_data;
    for (int64_t r = 0; r < piece->n && piece->what == ADAPTAU_REDUCE_SUMS; r++)
        if (x->round == 0)
            x->sums[x->now][piece->first + r] = piece->sums[r];
        else
            piece->sums[r] = x->all[piece->first + r];
    return 0;
}

/* What a machine with the items [first, end) alone would ask. */
static adaptau_status ask_shard(struct side *side, struct shards *x, int32_t first, int32_t end, adaptau_error *error)
{
    struct own_answer   *a = &x->answers[x->now];
    int64_t              ptr[OWN_ROWS + 1] = {0};
    int32_t              positives[OWN_ROWS * MOST_ITEMS], ids[MOST_OWN];
    float                weights[OWN_ROWS * MOST_ITEMS], log_q[MOST_OWN + MOST_ITEMS];
    adaptau_tables       tables = own.tables;
    adaptau_batch        batch = own.batch;
    adaptau_reduce       reduce = {.struct_size = sizeof reduce};
    if (adaptau_reduce_init(&reduce, error) != ADAPTAU_OK)
        return ADAPTAU_E_ABI;
    reduce.item_pieces = 2;
    reduce.most_items = MOST_ITEMS;
    reduce.function = exchange;
    reduce.user_data = x;
    tables.n_items = end - first;
    tables.items += (int64_t)first * tables.dim;
    for (int32_t r = 0; r < batch.n_rows; r++) {
        ptr[r + 1] = ptr[r];
        for (int64_t p = own.ptr[r]; p < own.ptr[r + 1]; p++)
            if (own.positives[p] >= first && own.positives[p] < end) {
                weights[ptr[r + 1]] = own.weights[p];
                positives[ptr[r + 1]++] = own.positives[p] - first;
            }
    }
    batch.n_candidates = 0;
    for (int64_t c = 0; c < own.batch.n_candidates; c++)
        if (own.ids[c] >= first && own.ids[c] < end) {
            log_q[batch.n_candidates] = own.log_q[c];
            ids[batch.n_candidates++] = own.ids[c] - first;
        }
    if (batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE)
        memcpy(log_q, own.log_q + first, (size_t)(end - first) * sizeof *log_q);
    batch.positive_ptr = ptr;
    batch.positives = positives;
    batch.positive_weights = batch.positive_weights ? weights : NULL;
    batch.log_q = batch.log_q ? log_q : NULL;
    batch.candidate_ids = batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : ids;
    memset(a, 0, sizeof *a);
    a->output = output_of(a);
    return adaptau_loss_gradients_of_shard(side->context, &tables, &batch, &own.temperatures, &own.loss, &reduce, &a->output, error);
}

static adaptau_status find_shards(struct side *side, void *arguments, adaptau_error *error)
{
    struct shards *x = arguments;
    adaptau_status status = ADAPTAU_OK;
    for (x->round = 0; x->round < 2 && status == ADAPTAU_OK; x->round++) {
        for (x->now = 0; x->now < x->n && status == ADAPTAU_OK; x->now++)
            status = ask_shard(side, x, x->starts[x->now], x->starts[x->now + 1], error);
        memcpy(x->all, x->sums[0], sizeof x->all);
        for (int32_t k = 1; k < x->n; k++)
            adaptau_merge_row_sums(own.batch.n_rows, x->all, x->sums[k]);
    }
    return status;
}

static void check_shards(const struct shards *x)
{
    const double  slack = loss_truth.slack;
    const int32_t dim = own.tables.dim;
    for (int32_t r = 0; r < own.batch.n_rows; r++) {
        must_near(x->answers[0].row_loss[r], loss_truth.row_loss[r], slack * (loss_truth.row_size[r] + 1e-3), "the loss of a row over shards");
        for (int32_t k = 0; k < dim; k++) {
            double sum = 0.0;
            for (int32_t n = 0; n < x->n; n++)
                sum += (double)x->answers[n].users[r * dim + k];
            must_near(sum, loss_truth.row_gradients[r][k], slack * (loss_truth.row_gradient_size[r] + 1e-6) * x->n, "a row's gradient over shards");
        }
    }
    for (int32_t n = 0; n < x->n; n++)
        for (int32_t i = x->starts[n]; i < x->starts[n + 1]; i++)
            for (int32_t k = 0; k < dim && loss_truth.touched[i]; k++)
                must_near((double)x->answers[n].items[(i - x->starts[n]) * dim + k], loss_truth.item_gradients[i][k],
                          slack * (loss_truth.item_size[i] + 1e-6), "an item's gradient in its shard");
}

static void shard_loss(struct world *w)
{
    static struct shards x;
    draw_own(&w->program, true);
    own.batch.target_shares = own.batch.user_targets = NULL;
    own.batch.candidates = own.batch.candidates == ADAPTAU_CANDIDATES_PER_ROW ? ADAPTAU_CANDIDATES_SHARED : own.batch.candidates;
    if (own.batch.candidates == ADAPTAU_CANDIDATES_SHARED)
        own.batch.flags |= ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM;
    memset(&x, 0, sizeof x);
    x.n = 1 + choose(&w->program, MOST_SHARDS);
    for (int32_t k = 1; k < x.n; k++)
        x.starts[k] = x.starts[k - 1] + choose(&w->program, own.tables.n_items - x.starts[k - 1] + 1);
    x.starts[x.n] = own.tables.n_items;
    define_own();
    const adaptau_status status = call_both(w, find_shards, &x);
    must(status == ADAPTAU_OK || !loss_truth.comparable, "a loss over shards is found");
    if (status == ADAPTAU_OK && loss_truth.comparable)
        check_shards(&x);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------------ */

static adaptau_status expect_untouched(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    struct own_answer *a = &own_answers[side->index];
    memset(a, 0x5A, sizeof *a);
    a->output = output_of(a);
    adaptau_status status = adaptau_loss_gradients(side->context, &own.tables, &own.batch, &own.temperatures, &own.loss, &a->output, error);
    for (const unsigned char *at = (const unsigned char *)a->row_loss; at < (const unsigned char *)(a + 1) && status != ADAPTAU_OK; at++)
        must(*at == 0x5A, "a loss that is refused writes nothing");
    return status;
}

static void bad_loss(struct world *w)
{
    draw_own(&w->program, false);
    const bool any = own.batch.n_rows > 0, positives = any && own.ptr[own.batch.n_rows] > 0;
    const int32_t fault = choose(&w->program, 6);
    switch (fault) {
    case 0: own.users[(int64_t)own.row_users[0] * own.tables.dim] = NAN; break;
    case 1: own.row_users[0] = own.tables.n_users; break;
    case 2: own.positives[0] = own.tables.n_items; break;
    case 3: own.temperatures.tau = 0.0f; break;
    case 4: own.row_weights[0] = -1.0f; break;
    default: own.ptr[0] = 1; break;
    }
    if (!any || (fault == 2 && !positives) || (fault == 3 && own.personal && own.split) || (fault == 4 && !own.batch.row_weights))
        return;
    if (fault == 3)
        own.temperatures.candidates = NULL;
    if (call_both(w, expect_untouched, NULL) == ADAPTAU_OK)
        must(false, "a bad loss is refused");
}

/* What the next call has to go without. */
static void starve(struct world *w)
{
    w->starve = choose(&w->program, 64);
}

/* ---- readers ---------------------------------------------------------------------------------------------------------------- */

struct reader {
    const struct side *side;
    int32_t            found[MOST_USERS];
    adaptau_status     status;
};

static void *read_model(void *argument)
{
    struct reader *reader = argument;
    const int32_t  user = 0;
    adaptau_query  query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = 5};
    reader->status = adaptau_model_rank(reader->side->model, &query, reader->found, NULL, NULL);
    adaptau_tables tables = {.struct_size = sizeof tables};
    if (reader->status == ADAPTAU_OK)
        reader->status = adaptau_model_get_tables(reader->side->model, &tables, NULL);
    if (reader->status == ADAPTAU_OK && reader->side->temperature) {
        float tau;
        reader->status = adaptau_temperature_rows(reader->side->temperature, 1, &user, &tau, NULL, NULL);
    }
    adaptau_fold_in_options fold = choose_fold_in_options(&(struct program){0}, reader->side->model, 0.1, 0.0);
    adaptau_fold_in        *folded = NULL;
    if (reader->status == ADAPTAU_OK)
        reader->status = adaptau_fold_in_create(reader->side->model, reader->side->data, &fold, &folded, NULL);
    adaptau_fold_in_destroy(folded);
    return NULL;
}

/* Right after a step, so that one of them makes the final embeddings. */
static void read_side_by_side(struct world *w)
{
    enum { READERS = 3 };
    struct reader readers[READERS] = {{0}};
    pthread_t     threads[READERS];
    need_model(w);
    if (adaptau_model_refresh(w->sides[0].model, NULL) != ADAPTAU_OK || adaptau_model_refresh(w->sides[1].model, NULL) != ADAPTAU_OK)
        must(false, "a model can be refreshed");
    for (int32_t r = 0; r < READERS; r++) {
        readers[r].side = &w->sides[1];
        must(pthread_create(&threads[r], NULL, read_model, &readers[r]) == 0, "a thread can be started");
    }
    for (int32_t r = 0; r < READERS; r++)
        pthread_join(threads[r], NULL);
    for (int32_t r = 0; r < READERS; r++)
        must(readers[r].status == ADAPTAU_OK && memcmp(readers[r].found, readers[0].found, 5 * sizeof(int32_t)) == 0,
             "readers read the same");
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------ */

void (*const calls[])(struct world *) = {
    train,   train,        temper_model, differentiate, descend, rank,          measure,     own_loss,      shard_loss, new_data,
    new_sampler, new_model, another_loss, another_bias, new_temperature, other_rates, aim,  contrast,      save_and_load, resume,
    grow,    fold_in,      bad_loss,     starve,        read_side_by_side, remap,
};
const int32_t n_calls = sizeof calls / sizeof *calls;
