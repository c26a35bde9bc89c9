/* SPDX-License-Identifier: MIT */
/* An epoch by a host in C that makes its steps with single objects: what hosts.py compares the one in Python with. */
#include <adaptau/adaptau.h>

#include <stdbool.h>

/* The mean loss goes to *loss. A failure leaves its reason in *error. */
ADAPTAU_API adaptau_status bench_hosts_epoch(adaptau_model *model, adaptau_temperature *temperature, adaptau_sampler *sampler,
                                             int64_t epoch, double *loss, adaptau_error *error);

static bool ok(adaptau_status status)
{
    return status == ADAPTAU_OK;
}

adaptau_status bench_hosts_epoch(adaptau_model *model, adaptau_temperature *temperature, adaptau_sampler *sampler,
                                 int64_t epoch, double *loss, adaptau_error *error)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    adaptau_step  step = {.struct_size = sizeof step};
    double        sum = 0, n_terms = 0;
    bool          good = ok(adaptau_model_update_temperature(model, temperature, error)) &&
                         ok(adaptau_sampler_begin_epoch(sampler, epoch, error));
    while (good && (good = ok(adaptau_sampler_next(sampler, &batch, error))) && batch.n_rows > 0) {
        good = ok(adaptau_model_gradients(model, &batch, temperature, &step, error)) && ok(adaptau_model_apply(model, error));
        sum += step.loss;
        n_terms += step.n_terms;
    }
    *loss = sum / n_terms;
    return good ? ADAPTAU_OK : error->status;
}
