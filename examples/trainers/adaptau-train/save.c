/* SPDX-License-Identifier: MIT */
#include "adaptau-train/save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/system.h"
#include "common/target.h"

adaptau_status check_save_path(const char *path, const char *what, adaptau_error *error)
{
    char          *target = NULL;
    if (strcmp(path, "-") == 0)
        return fail(error, ADAPTAU_E_ARGUMENT, "-: standard output takes no %s; ./- is the file of that name", what);
    adaptau_status status = target_find(path, &target, error);
    if (status)
        return status;
    const size_t folder = system_folder_length(target);
    target[folder] = '\0';
    const int refused = system_can_write_in(folder > 0 ? target : ".");
    free(target);
    return refused ? fail_os(error, refused, "%s", shown_path(path)) : ADAPTAU_OK;
}

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
