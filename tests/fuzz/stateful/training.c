/* SPDX-License-Identifier: MIT */
/* Gradients, steps, targets and contrastive terms. */
#include "parts.h"

#include <math.h>
#include <string.h>

#include "options.h"

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

void differentiate(struct world *w)
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
    const bool fits = goes_together(w);
    w->loses_gradients = w->has_gradients;
    const adaptau_status status = call_both(w, find_gradients, &x);
    const adaptau_tables tables = final_tables(&w->sides[0]); /* afterwards: rows of zeros may have got their first direction */
    truth_of_tables(&tables, flags_of(w), &tables_truth);
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
        memcpy(s->gradient, s->users ? view.users + k * view.dim : view.items + (int64_t)s->row * view.dim,
               (size_t)view.dim * sizeof(float));
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

static double decay_of(const struct world *w, bool users)
{
    return is_on_sphere(w, users) ? 0.0 : w->model_options.weight_decay;
}

/* Where squares of gradients are no normal floats the definition in double is another one; and where decay cancels a gradient but for its
 * rounding, of which Adam makes a step. */
static bool is_ordinary(const struct world *w, const struct step *s)
{
    const float decay = (float)decay_of(w, s->users);
    for (int32_t k = 0; k < w->model_options.dim; k++) {
        const float g = s->gradient[k], whole = g + decay * s->before[k];
        if (g != 0.0f && !(fabsf(g) > 1e-9f && fabsf(g) < 1e9f && fabsf(whole) > 1e-4f * fabsf(g)))
            return false;
    }
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
                                         .decay = decay_of(w, s->users),
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

void descend(struct world *w)
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
        w->moments_known = w->moments_known && is_ordinary(w, &steps[k]);
    for (int32_t k = 0; k < n && w->moments_known; k++)
        check_step(w, &steps[k]);
    const adaptau_tables raw = raw_tables(&w->sides[0]);
    for (int32_t x = 0; x < raw.n_users + raw.n_items; x++)
        for (int32_t k = 0; k < raw.dim; k++)
            must(isfinite(row_of(&raw, x < raw.n_users, x < raw.n_users ? x : x - raw.n_users)[k]), "tables stay finite");
}

/* A whole step at once: what comes most often. */
void train(struct world *w)
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

void other_rates(struct world *w)
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

adaptau_status update_targets(struct side *side, void *arguments, adaptau_error *error)
{
    return adaptau_model_update_targets(side->model, side->data, side->temperature, arguments, error);
}

void aim(struct world *w)
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

void contrast(struct world *w)
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
