/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fuzz.h"

#define MOST_THREADS 4

/* ---- contexts: made once, since threads take longer to start than a program to run ------------------------------------ */

/* Several threads call a context at once (calls.c, readers). */
struct memory {
    _Atomic size_t  present;
    _Atomic int64_t left; /* allocations until one fails; −1: none does                                       */
};

static struct {
    adaptau_context *context;
    struct memory    memory;
} contexts[2][MOST_THREADS]; /* of each backend                                                            */

static void *allocate(void *user_data, size_t size, size_t alignment)
{
    struct memory *memory = user_data;
    if (memory->left >= 0 && memory->left-- == 0)
        return NULL;
    memory->present += size;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void give_back(void *user_data, void *block, size_t size)
{
    ((struct memory *)user_data)->present -= size;
    free(block);
}

static void destroy_contexts(void)
{
    for (int backend = 0; backend < 2; backend++)
        for (int threads = 0; threads < MOST_THREADS; threads++)
            adaptau_context_destroy(contexts[backend][threads].context);
}

static void create_contexts(void)
{
    for (int backend = 0; backend < 2; backend++)
        for (int threads = 0; threads < MOST_THREADS; threads++) {
            struct memory                *memory = &contexts[backend][threads].memory;
            const adaptau_context_options options = {.struct_size = sizeof options,
                                                     .n_threads = threads + 1,
                                                     .backend = backend ? ADAPTAU_BACKEND_REFERENCE : ADAPTAU_BACKEND_AUTO,
                                                     .allocate = allocate,
                                                     .free = give_back,
                                                     .allocator_data = memory};
            memory->left = -1;
            must(adaptau_context_create(&options, &contexts[backend][threads].context, NULL) == ADAPTAU_OK, "a context can be made");
        }
    atexit(destroy_contexts);
}

static struct memory *memory_of(const struct side *side)
{
    for (int backend = 0; backend < 2; backend++)
        for (int threads = 0; threads < MOST_THREADS; threads++)
            if (contexts[backend][threads].context == side->context)
                return &contexts[backend][threads].memory;
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static size_t present_at_start[2];

void open_world(struct world *w, const uint8_t *bytes, size_t size)
{
    memset(w, 0, sizeof *w);
    w->program = (struct program){.bytes = bytes, .size = size};
    w->starve = -1;
    if (!contexts[0][0].context)
        create_contexts();
    const int32_t backend = choose(&w->program, 2), threads = 1 + choose(&w->program, MOST_THREADS - 1);
    for (int32_t s = 0; s < 2; s++) {
        w->sides[s].index = s;
        w->sides[s].context = contexts[backend][s ? threads : 0].context;
        present_at_start[s] = memory_of(&w->sides[s])->present;
    }
}

void drop_data(struct side *side)
{
    adaptau_sampler_destroy(side->sampler);
    adaptau_temperature_destroy(side->temperature);
    adaptau_model_destroy(side->model);
    adaptau_dataset_destroy(side->data);
    adaptau_dataset_destroy(side->held_out);
    *side = (struct side){.index = side->index, .context = side->context};
}

void close_world(struct world *w)
{
    for (int32_t s = 0; s < 2; s++) {
        drop_data(&w->sides[s]);
        must(memory_of(&w->sides[s])->present == present_at_start[s], "all memory comes back");
    }
}

/* ---- what can be read --------------------------------------------------------------------------------------------- */

/* FNV-1a (Fowler, Noll and Vo). */
static void add_bytes(uint64_t *digest, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; at && i < size; i++)
        *digest = (*digest ^ at[i]) * UINT64_C(0x100000001B3);
}

static void add_rows(uint64_t *digest, const float *rows, int64_t n, int32_t dim, int64_t stride)
{
    for (int64_t r = 0; r < n; r++)
        add_bytes(digest, rows + r * (stride ? stride : dim), (size_t)dim * sizeof *rows);
}

static void add_tables(uint64_t *digest, const adaptau_tables *t)
{
    add_bytes(digest, &t->flags, sizeof t->flags);
    add_rows(digest, t->users, t->n_users, t->dim, t->user_stride);
    add_rows(digest, t->items, t->n_items, t->dim, t->item_stride);
    add_bytes(digest, t->item_bias, t->item_bias ? (size_t)t->n_items * sizeof(float) : 0);
}

static void add_model(uint64_t *digest, const adaptau_model *model)
{
    adaptau_tables             raw = {.struct_size = sizeof raw}, final = {.struct_size = sizeof final};
    adaptau_encoder_parameters own = {.struct_size = sizeof own};
    adaptau_gradient_view      view = {.struct_size = sizeof view};
    must(adaptau_model_get_raw_tables(model, &raw, NULL) == ADAPTAU_OK, "a model has raw tables");
    must(adaptau_model_get_tables(model, &final, NULL) == ADAPTAU_OK, "a model has final tables");
    must(adaptau_model_get_encoder_parameters(model, &own, NULL) == ADAPTAU_OK, "a model has parameters");
    add_tables(digest, &raw);
    add_tables(digest, &final);
    add_rows(digest, own.rows, own.n_rows, own.dim, own.dim);
    if (adaptau_model_get_gradient_view(model, &view, NULL) != ADAPTAU_OK)
        return;
    add_bytes(digest, view.user_ids, (size_t)view.n_users * sizeof(int32_t));
    add_bytes(digest, view.item_ids, (size_t)view.n_items * sizeof(int32_t));
    add_rows(digest, view.users, view.n_users, view.dim, view.dim);
    for (int64_t i = 0; i < view.n_items; i++)
        add_rows(digest, view.items + (int64_t)view.item_ids[i] * view.dim, 1, view.dim, view.dim);
    add_rows(digest, view.encoder, view.n_encoder_rows, view.dim, view.dim);
}

uint64_t digest_side(const struct side *side)
{
    uint64_t digest = UINT64_C(0xCBF29CE484222325);
    if (side->model)
        add_model(&digest, side->model);
    if (side->temperature) {
        adaptau_temperature_state state = {.struct_size = sizeof state};
        const size_t              n = (size_t)adaptau_dataset_n_users(side->data) * sizeof(float);
        must(adaptau_temperature_get_state(side->temperature, &state, NULL) == ADAPTAU_OK, "a temperature has a state");
        add_bytes(&digest, &state, sizeof state);
        add_bytes(&digest, adaptau_temperature_user_taus(side->temperature), n);
        add_bytes(&digest, adaptau_temperature_unit_losses(side->temperature), n);
    }
    return digest;
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

static void expect_unchanged(const struct world *w, const struct side *side, uint64_t before)
{
    must(w->loses_gradients || digest_side(side) == before, "a call that fails changes nothing");
}

static adaptau_status call_side(const struct world *w, struct side *side, side_call call, void *arguments, adaptau_error *error)
{
    const uint64_t before = digest_side(side);
    adaptau_status status = call(side, arguments, error);
    if (status != ADAPTAU_OK)
        expect_unchanged(w, side, before);
    return status;
}

/* The first attempt finds no memory. Final embeddings, which a digest asks for, are there before. */
static adaptau_status call_starved(const struct world *w, struct side *side, int64_t starve, side_call call, void *arguments,
                                   adaptau_error *error)
{
    struct memory *memory = memory_of(side);
    const uint64_t before = digest_side(side);
    memory->left = starve;
    adaptau_status status = call(side, arguments, error);
    memory->left = -1;
    if (status != ADAPTAU_E_MEMORY)
        return status;
    expect_unchanged(w, side, before);
    return call(side, arguments, error);
}

adaptau_status call_both(struct world *w, side_call call, void *arguments)
{
    adaptau_error        error;
    const int64_t        starve = w->starve;
    const adaptau_status one = call_side(w, &w->sides[0], call, arguments, &error);
    w->starve = -1;
    const adaptau_status other = starve < 0 ? call_side(w, &w->sides[1], call, arguments, &error)
                                            : call_starved(w, &w->sides[1], starve, call, arguments, &error);
    if (one != ADAPTAU_OK)
        snprintf(w->last_message, sizeof w->last_message, "%s", error.message);
    w->loses_gradients = false;
    must(other == one, "threads do not change a status");
    must(digest_side(&w->sides[0]) == digest_side(&w->sides[1]), "threads do not change a bit");
    return one;
}

void call_both_well(struct world *w, const char *name, side_call call, void *arguments)
{
    const adaptau_status status = call_both(w, call, arguments);
    if (status != ADAPTAU_OK)
        fprintf(stderr, "%s: %s: %s\n", name, adaptau_status_name(status), w->last_message);
    must(status == ADAPTAU_OK, "a valid call succeeds");
}

void must_near(double got, double want, double most, const char *what)
{
    if (!(fabs(got - want) <= most)) {
        fprintf(stderr, "%s: %.9g, not %.9g ± %.3g\n", what, got, want, most);
        must(false, "what the library says is near the definition");
    }
}
