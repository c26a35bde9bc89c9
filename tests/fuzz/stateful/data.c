/* SPDX-License-Identifier: MIT */
/* Interactions, samplers and their batches. */
#include "parts.h"

#include <math.h>
#include <string.h>

#include "options.h"

/* ---- data ------------------------------------------------------------------------------------------------------------- */

adaptau_status create_data(struct side *side, void *arguments, adaptau_error *error)
{
    const struct interactions *x = arguments;
    adaptau_dataset           *made = NULL;
    adaptau_status             status = adaptau_dataset_create_from_interactions(
        side->context, x->n_users, x->n_items, x->n, x->users, x->items, x->weighted ? x->weights : NULL, &made, error);
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

void make_held_out(struct world *w, int32_t n_users, int32_t n_items)
{
    static struct interactions x;
    struct stream              s = choose_stream(&w->program);
    x = (struct interactions){.n_users = n_users, .n_items = n_items, .held_out = true};
    draw_interactions(&s, 2, &x);
    call_both_well(w, "held-out data", create_data, &x);
}

void new_data(struct world *w)
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

void need_data(struct world *w)
{
    if (!w->sides[0].data)
        new_data(w);
}

bool is_empty(const struct world *w)
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

void new_sampler(struct world *w)
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
bool need_batch(struct world *w)
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
