/* SPDX-License-Identifier: MIT */
#include "adaptau-train/save.h"

#include <stdio.h>

/* Empty where rows are known by their ids: then, too, the file says so. */
static adaptau_attachment names_of(const char *attachment, const struct names *names)
{
    return (adaptau_attachment){.name = attachment, .bytes = names->bytes, .size = (int64_t)names->n_bytes};
}

adaptau_status save_run(const struct run *run, const char *path, adaptau_error *error)
{
    const struct data       *data = &run->problem.data;
    const adaptau_attachment names[] = {names_of(USER_NAMES, &data->users), names_of(ITEM_NAMES, &data->items)};
    if (!run->settings->half)
        return adaptau_model_save_with(run->trial.model, path, 2, names, error);
    adaptau_status status = adaptau_model_save_half(run->trial.model, path, 2, names, error);
    if (status != ADAPTAU_E_NUMERIC)
        return status;
    /* A training should not be lost for rows that do not fit. */
    fprintf(stderr, "adaptau-train: %s; so it is\n", error->message);
    return adaptau_model_save_with(run->trial.model, path, 2, names, error);
}
