/* SPDX-License-Identifier: MIT */
#include "common/target.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fail.h"
#include "common/system.h"

#define LINKS_TO_FOLLOW 40 /* as many as Linux does */
#define LINK_SIZE 4096

static adaptau_status check_kind(const char *path, const char *shown, struct stat *about, adaptau_error *error)
{
    if (stat(path, about) != 0) {
        *about = (struct stat){0};
        return ADAPTAU_OK; /* what cannot be opened is said when it is */
    }
    if (S_ISDIR(about->st_mode))
        return fail_os(error, EISDIR, "%s", shown_path(shown));
    return S_ISREG(about->st_mode) ? ADAPTAU_OK : fail(error, ADAPTAU_E_IO, "cannot write %s, which is no regular file", shown_path(shown));
}

/* The path that a link at `path` leads to, which counts from the link's folder; NULL without memory. */
static char *follow(const char *path, const char *link)
{
    const int   folder = link[0] == '/' ? 0 : (int)system_folder_length(path);
    size_t      size = (size_t)folder + strlen(link) + 1;
    char       *next = malloc(size);
    if (next)
        snprintf(next, size, "%.*s%s", folder, path, link);
    return next;
}

adaptau_status target_find(const char *path, char **target, adaptau_error *error)
{
    struct stat    about, reached;
    char           link[LINK_SIZE];
    ptrdiff_t      length = 0;
    const size_t   size = strlen(path) + 1;
    char          *at = malloc(size);
    if (at)
        memcpy(at, path, size);
    adaptau_status status = at ? check_kind(path, path, &about, error) : fail_memory(error, shown_path(path));
    for (int n = 0; !status && (length = system_read_link(at, link, sizeof link - 1)) >= 0; n++) {
        link[length] = '\0';
        char *next = n < LINKS_TO_FOLLOW ? follow(at, link) : NULL;
        if (!next)
            status = n < LINKS_TO_FOLLOW ? fail_memory(error, shown_path(path)) : fail_os(error, ELOOP, "%s", shown_path(path));
        free(at);
        at = next;
    }
    if (!status)
        status = check_kind(at, path, &reached, error);
    /* Links of /proc lead to what their text does not name. */
    if (!status && (about.st_ino != reached.st_ino || about.st_dev != reached.st_dev))
        status = fail(error, ADAPTAU_E_IO, "cannot write %s, which is no regular file", shown_path(path));
    if (status)
        free(at);
    else
        *target = at;
    return status;
}

adaptau_status target_check(const char *path, const char *what, adaptau_error *error)
{
    char *target = NULL;
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

const char *path_ending(const char *path)
{
    const char *name = path + system_folder_length(path), *dot = strrchr(name, '.');
    return dot && dot != name ? dot : "";
}
