/* SPDX-License-Identifier: MIT */
/* Models that grow, and new users who are folded in. */
#include "parts.h"

#include <math.h>
#include <string.h>

#include "options.h"

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

void grow(struct world *w)
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

void remap(struct world *w)
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

/* Mean losses of folded users under τ₀ alone, by the definition. */
static void find_fold_losses(const struct world *w, const struct fold_call *x, double *losses)
{
    adaptau_tables       tables = final_tables(&w->sides[0]);
    const float          taus[MOST_FOLDED] = {(float)x->options.tau, (float)x->options.tau, (float)x->options.tau, (float)x->options.tau};
    const adaptau_batch  batch = {
         .struct_size = sizeof batch, .flags = x->options.flags, .n_rows = MOST_FOLDED, .positive_ptr = x->ptr, .positives = x->items};
    tables.users = x->embeddings[0];
    tables.n_users = MOST_FOLDED;
    tables.user_stride = 0;
    truth_of_tables(&tables, flags_of(w), &tables_truth);
    truth_of_loss(&(struct truth_question){.tables = &tables_truth, .batch = &batch, .loss = &w->loss, .taus = taus}, &loss_truth);
    for (int32_t u = 0; u < MOST_FOLDED; u++)
        losses[u] = x->ptr[u + 1] > x->ptr[u] ? loss_truth.row_loss[u] / (double)(x->ptr[u + 1] - x->ptr[u]) : 0.0;
}

void fold_in(struct world *w)
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
