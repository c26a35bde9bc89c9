/* SPDX-License-Identifier: MIT */
#include "model/encoders/encoder.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "model/model.h"

/* A new encoder is one file, and a line here. */
static const struct atau_encoder *const encoders[] = {&atau_encoder_mf, &atau_encoder_lightgcn, &atau_encoder_simplex};

#define N_ENCODERS (sizeof encoders / sizeof *encoders)

const struct atau_encoder *atau_encoder_by_number(int32_t number)
{
    for (size_t e = 0; e < N_ENCODERS; e++)
        if (encoders[e]->number == number)
            return encoders[e];
    return NULL;
}

const struct atau_encoder *atau_encoder_by_name(const char *name)
{
    for (size_t e = 0; e < N_ENCODERS; e++)
        if (strcmp(encoders[e]->name, name) == 0)
            return encoders[e];
    return NULL;
}

/* ---- final embeddings, when they are asked for -------------------------------------------------------------------------- */

/* Not part of what a caller with a constant model sees. */
static struct atau_finals *finals_of(const adaptau_model *model)
{
    return (struct atau_finals *)&model->finals;
}

static uintptr_t this_thread(void)
{
    return (uintptr_t)pthread_self();
}

/* Short naps instead of a mutex: a child of fork would inherit one that nobody unlocks. What is waited for is a pass over the
 * graph. */
static void nap(void)
{
    const struct timespec moment = {.tv_nsec = 50000};
    nanosleep(&moment, NULL);
}

/* While readers wait for this thread, it must not wait for them: the host's executor may run its lanes on the very threads that
 * are waiting. So it computes alone. In a call that changes the model nobody waits. */
static bool computes_alone(const adaptau_model *model)
{
    return model->context->options.executor && atomic_load(&model->busy) >= 0;
}

/* Whether `process` was written by the parent of this one, whose threads are not here. */
static bool is_of_parent(const _Atomic int32_t *process)
{
    const int32_t number = atomic_load(process);
    return number != 0 && number != (int32_t)getpid();
}

/* One at a time, also where a context has several models. */
static void begin_alone(adaptau_context *context)
{
    uintptr_t inside = 0;
    while (!atomic_compare_exchange_strong(&context->alone, &inside, this_thread()))
        if (!is_of_parent(&context->alone_process)) {
            inside = 0;
            nap();
        }
    atomic_store(&context->alone_process, (int32_t)getpid());
}

static void end_alone(adaptau_context *context)
{
    atomic_store(&context->alone_process, 0);
    atomic_store(&context->alone, 0);
}

adaptau_status atau_encoder_enter(const adaptau_model *model, adaptau_error *error)
{
    struct atau_finals *f = finals_of(model);
    while (!atau_busy_enter(&f->busy)) {
        if (atomic_load(&f->thread) == this_thread() || is_of_parent(&f->process))
            return atau_fail(error, ADAPTAU_E_STATE, "model is in use by another thread");
        nap();
    }
    atomic_store(&f->process, (int32_t)getpid());
    atomic_store(&f->thread, this_thread());
    if (computes_alone(model))
        begin_alone(model->context);
    return ADAPTAU_OK;
}

void atau_encoder_leave(const adaptau_model *model)
{
    struct atau_finals *f = finals_of(model);
    if (computes_alone(model))
        end_alone(model->context);
    atomic_store(&f->thread, 0);
    atomic_store(&f->process, 0);
    atau_busy_leave(&f->busy);
}

/* Several readers may have waited to make them: one does. */
static adaptau_status make_finals(const adaptau_model *model, adaptau_error *error)
{
    adaptau_status status = atau_encoder_enter(model, error);
    if (status != ADAPTAU_OK)
        return status;
    if (!atomic_load(&model->finals.fresh)) {
        status = model->encoder->forward(model, error);
        atomic_store(&finals_of(model)->fresh, status == ADAPTAU_OK);
    }
    atau_encoder_leave(model);
    return status;
}

static struct atau_embeddings finals(const adaptau_model *model)
{
    return model->encoder->identity ? atau_model_raw(model) : model->encoder->finals(model);
}

adaptau_status atau_encoder_forward(const adaptau_model *model, struct atau_embeddings *out, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (!model->encoder->identity && !atomic_load(&model->finals.fresh))
        status = make_finals(model, error);
    if (status == ADAPTAU_OK)
        *out = finals(model);
    return status;
}

adaptau_status atau_encoder_check_trains(const adaptau_model *model, adaptau_error *error)
{
    if (!model->finals.loaded)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_STATE,
                     "the model was loaded, without its interactions: make one with ADAPTAU_INIT_HOST, its raw tables and its "
                     "encoder's parameters");
}

adaptau_status atau_encoder_forward_step(adaptau_model *model, int64_t n, const int32_t *users, struct atau_embeddings *out,
                                         adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    atau_encoder_forget(model);
    if (!model->encoder->identity)
        status = model->encoder->forward_step(model, n, users, error);
    if (status == ADAPTAU_OK)
        *out = finals(model);
    return status;
}

adaptau_status atau_encoder_forward_view(adaptau_model *model, const struct atau_view *view, const struct atau_selection *rows,
                                         float *const out[2], adaptau_error *error)
{
    atau_encoder_forget(model);
    return model->encoder->forward_view(model, view, rows, out, error);
}

adaptau_status atau_encoder_backward_view(adaptau_model *model, const struct atau_view *view,
                                          const struct atau_selection *rows, float *const gradients[2],
                                          struct atau_embeddings *out, adaptau_error *error)
{
    atau_encoder_forget(model);
    return model->encoder->backward_view(model, view, rows, gradients, out, error);
}

adaptau_status atau_encoder_backward(adaptau_model *model, struct atau_row_gradients *gradients, adaptau_error *error)
{
    return model->encoder->identity ? ADAPTAU_OK : model->encoder->backward(model, gradients, error);
}

void atau_encoder_forget(adaptau_model *model)
{
    if (!model->finals.loaded)
        atomic_store(&model->finals.fresh, false);
}

adaptau_status atau_encoder_restore(adaptau_model *model, const char *text, struct atau_embeddings *out, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (!model->encoder->identity) {
        model->finals.loaded = true;
        status = model->encoder->restore(model, text, error);
        atomic_store(&model->finals.fresh, status == ADAPTAU_OK);
    }
    if (status == ADAPTAU_OK)
        *out = finals(model);
    return status;
}

/* ---- what encoders have in common --------------------------------------------------------------------------------------- */

adaptau_status atau_check_no_layers(const adaptau_model_options *o, const char *name, adaptau_error *error)
{
    if (o->n_layers)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_layers = %d, but %s has no layers", o->n_layers, name);
    if (o->edge_dropout != 0.0 || o->layer_dropout != 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s_dropout = %g, but %s has no layers",
                         o->edge_dropout != 0.0 ? "edge" : "layer",
                         o->edge_dropout != 0.0 ? o->edge_dropout : o->layer_dropout, name);
    return ADAPTAU_OK;
}

adaptau_status atau_check_no_gate(const adaptau_model_options *o, const char *name, adaptau_error *error)
{
    if (o->gate != 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->gate = %g, but %s has none", o->gate, name);
    if (o->host_encoder)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->host_encoder is given, but %s has no parameters", name);
    return ADAPTAU_OK;
}

void atau_clear_untouched(const adaptau_model *model, const struct atau_row_gradients *items)
{
    const int64_t m = model->tables[ADAPTAU_SIDE_ITEMS].n_rows, dim = model->dim;
    for (int64_t i = 0, k = 0; i < m && items->n < m; i++)
        if (k < items->n && items->ids[k] == i)
            k++;
        else
            memset(items->rows + i * dim, 0, (size_t)dim * sizeof(float));
}
