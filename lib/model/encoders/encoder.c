/* SPDX-License-Identifier: MIT */
#include "model/encoders/encoder.h"

#include <string.h>

#include "common/error.h"
#include "os/system.h"
#include "os/threads.h"

/* ---- final embeddings, when they are asked for ---------------------------------------------------------------------- */

void atau_encoding_open(struct atau_encoding *e, const struct atau_encoder *encoder, struct atau_raw_tables *tables,
                        const atau_busy *model_busy)
{
    *e = (struct atau_encoding){.encoder = encoder, .tables = tables, .model_busy = model_busy};
}

/* A caller with a constant model does not see whether final embeddings have been made: making them changes a constant
 * encoding. */
static struct atau_encoding *changeable(const struct atau_encoding *e)
{
    return (struct atau_encoding *)e;
}

/* While readers wait for this thread, it must not wait for them: the host's executor may run its lanes on the very threads that
 * are waiting. So it computes alone. In a call that changes the model nobody waits. */
static bool computes_alone(const struct atau_encoding *e)
{
    return e->tables->context->options.executor && atomic_load(e->model_busy) >= 0;
}

/* Whether `process` was written by the parent of this one, whose threads are not here. */
static bool is_of_parent(const _Atomic int32_t *process)
{
    const int32_t number = atomic_load(process);
    return number != 0 && number != atau_process();
}

/* One thread at a time computes alone, even where a context has several models. Those who wait take short naps: a mutex would be
 * inherited by a child of fork, with nobody to unlock it. The wait is for one pass over the graph. */
static void begin_alone(adaptau_context *context)
{
    uintptr_t inside = 0;
    while (!atomic_compare_exchange_strong(&context->alone, &inside, atau_thread_self()))
        if (!is_of_parent(&context->alone_process)) {
            inside = 0;
            atau_nap();
        }
    atomic_store(&context->alone_process, atau_process());
}

static void end_alone(adaptau_context *context)
{
    atomic_store(&context->alone_process, 0);
    atomic_store(&context->alone, 0);
}

adaptau_status atau_encoding_enter(const struct atau_encoding *e, adaptau_error *error)
{
    struct atau_encoding *own = changeable(e);
    while (!atau_busy_enter(&own->busy)) {
        if (atomic_load(&own->thread) == atau_thread_self() || is_of_parent(&own->process))
            return atau_fail(error, ADAPTAU_E_STATE, "model is in use by another thread");
        atau_nap();
    }
    atomic_store(&own->process, atau_process());
    atomic_store(&own->thread, atau_thread_self());
    if (computes_alone(e))
        begin_alone(e->tables->context);
    return ADAPTAU_OK;
}

void atau_encoding_leave(const struct atau_encoding *e)
{
    struct atau_encoding *own = changeable(e);
    if (computes_alone(e))
        end_alone(e->tables->context);
    atomic_store(&own->thread, 0);
    atomic_store(&own->process, 0);
    atau_busy_leave(&own->busy);
}

/* Several readers may have waited to make them: one does. */
static adaptau_status make_finals(const struct atau_encoding *e, adaptau_error *error)
{
    adaptau_status status = atau_encoding_enter(e, error);
    if (status != ADAPTAU_OK)
        return status;
    if (!atomic_load(&e->fresh)) {
        status = e->encoder->forward(e, error);
        atomic_store(&changeable(e)->fresh, status == ADAPTAU_OK);
    }
    atau_encoding_leave(e);
    return status;
}

static struct atau_embeddings finals(const struct atau_encoding *e)
{
    return e->encoder->identity ? atau_tables_raw(e->tables) : e->encoder->finals(e);
}

adaptau_status atau_encoding_forward(const struct atau_encoding *e, struct atau_embeddings *out, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (!e->encoder->identity && !atomic_load(&e->fresh))
        status = make_finals(e, error);
    if (status == ADAPTAU_OK)
        *out = finals(e);
    return status;
}

adaptau_status atau_encoding_check_trains(const struct atau_encoding *e, adaptau_error *error)
{
    if (!e->loaded)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_STATE,
                     "the model was loaded, without its interactions: make one with ADAPTAU_INIT_HOST, its raw tables and its "
                     "encoder's parameters");
}

adaptau_status atau_encoding_forward_step(struct atau_encoding *e, int64_t n, const int32_t *users, struct atau_embeddings *out,
                                          adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    atau_encoding_forget(e);
    if (!e->encoder->identity)
        status = e->encoder->forward_step(e, n, users, error);
    if (status == ADAPTAU_OK)
        *out = finals(e);
    return status;
}

adaptau_status atau_encoding_forward_view(struct atau_encoding *e, const struct atau_view *view,
                                          const struct atau_selection *rows, float *const out[2], adaptau_error *error)
{
    atau_encoding_forget(e);
    return e->encoder->views->forward(e, view, rows, out, error);
}

adaptau_status atau_encoding_backward_view(struct atau_encoding *e, const struct atau_view *view,
                                           const struct atau_selection *rows, float *const gradients[2],
                                           struct atau_embeddings *out, adaptau_error *error)
{
    atau_encoding_forget(e);
    return e->encoder->views->backward(e, view, rows, gradients, out, error);
}

adaptau_status atau_encoding_backward(struct atau_encoding *e, struct atau_gradients *gradients, adaptau_error *error)
{
    if (e->encoder->identity)
        return ADAPTAU_OK;
    return e->encoder->backward(e, gradients->of, &gradients->own, gradients->user_slots, error);
}

void atau_encoding_forget(struct atau_encoding *e)
{
    if (!e->loaded)
        atomic_store(&e->fresh, false);
}

adaptau_status atau_encoding_restore(struct atau_encoding *e, const char *text, const struct atau_encoding_view *view,
                                     struct atau_embeddings *out, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (!e->encoder->identity) {
        e->loaded = true;
        status = e->encoder->restore(e, text, view, error);
        atomic_store(&e->fresh, status == ADAPTAU_OK);
    }
    if (status == ADAPTAU_OK)
        *out = finals(e);
    return status;
}

uint64_t atau_encoding_steps(const struct atau_encoding *e)
{
    return e->encoder->steps ? *e->encoder->steps(e) : 0;
}

void atau_encoding_set_steps(struct atau_encoding *e, uint64_t steps)
{
    if (e->encoder->steps)
        *e->encoder->steps(e) = steps;
}

/* ---- what encoders have in common ----------------------------------------------------------------------------------- */

adaptau_status atau_check_no_layers(const adaptau_model_options *o, const char *name, adaptau_error *error)
{
    if (o->n_layers && o->n_layers != ATAU_DEFAULT_LAYERS) /* which is there whatever the encoder is             */
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_layers = %d, but %s has no layers", o->n_layers, name);
    if (o->edge_dropout != 0.0 || o->layer_dropout != 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s_dropout = %g, but %s has no layers",
                         o->edge_dropout != 0.0 ? "edge" : "layer",
                         o->edge_dropout != 0.0 ? o->edge_dropout : o->layer_dropout, name);
    return ADAPTAU_OK;
}

adaptau_status atau_check_no_gate(const adaptau_model_options *o, const char *name, adaptau_error *error)
{
    if (o->gate != 0.0 && o->gate != ATAU_DEFAULT_GATE) /* likewise                                             */
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->gate = %g, but %s has none", o->gate, name);
    if (o->host_encoder)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->host_encoder is given, but %s has no parameters", name);
    return ADAPTAU_OK;
}

void atau_clear_untouched(const struct atau_encoding *e, const struct atau_row_gradients *items)
{
    const int64_t m = e->tables->side[ADAPTAU_SIDE_ITEMS].n_rows, dim = e->tables->dim;
    for (int64_t i = 0, k = 0; i < m && items->n < m; i++)
        if (k < items->n && items->ids[k] == i)
            k++;
        else
            memset(items->rows + i * dim, 0, (size_t)dim * sizeof(float));
}
