/* SPDX-License-Identifier: MIT */
#include "adaptau-train/save.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fail.h"

adaptau_status check_save_path(const char *path, adaptau_error *error)
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        return fail_os(error, EISDIR, "%s", shown_path(path));
    const char *slash = strrchr(path, '/');
    size_t      length = slash ? (size_t)(slash - path) + 1 : 0;
    char       *folder = malloc(length + 2);
    if (!folder)
        return fail_memory(error, shown_path(path));
    snprintf(folder, length + 2, "%.*s", (int)length, path);
    int refused = access(length ? folder : ".", W_OK | X_OK) ? errno : 0;
    free(folder);
    return refused ? fail_os(error, refused, "%s", shown_path(path)) : ADAPTAU_OK;
}

static adaptau_status save_names(const struct names *names, int32_t n, const char *path, const char *ending,
                                 adaptau_error *error)
{
    size_t size = strlen(path) + strlen(ending) + 1;
    char  *names_path = malloc(size);
    if (!names_path)
        return fail_memory(error, shown_path(path));
    snprintf(names_path, size, "%s%s", path, ending);
    adaptau_status status = names_write(names, n, names_path, error);
    free(names_path);
    return status;
}

adaptau_status save_run(const struct run *run, const char *path, adaptau_error *error)
{
    adaptau_status status = save_names(&run->problem.data.users, run->problem.data.n_users, path, ".users.txt", error);
    if (!status)
        status = save_names(&run->problem.data.items, run->problem.data.n_items, path, ".items.txt", error);
    return status ? status : adaptau_model_save(run->trial.model, path, error);
}
