/* SPDX-License-Identifier: MIT */
#include "adaptau-train/save.h"

/* Empty where rows are known by their ids: then, too, the file says so. */
static adaptau_attachment names_of(const char *attachment, const struct names *names)
{
    return (adaptau_attachment){.name = attachment, .bytes = names->bytes, .size = (int64_t)names->n_bytes};
}

adaptau_status save_run(const struct run *run, const char *path, adaptau_error *error)
{
    const struct data       *data = &run->problem.data;
    const adaptau_attachment names[] = {names_of(USER_NAMES, &data->users), names_of(ITEM_NAMES, &data->items)};
    return adaptau_model_save_with(run->trial.model, path, 2, names, error);
}
