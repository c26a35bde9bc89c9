/* SPDX-License-Identifier: MIT */
#include "files/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"

static adaptau_status check(const char *path, int descriptor, uint64_t *size, adaptau_error *error)
{
    struct stat about;
    if (descriptor < 0 || fstat(descriptor, &about) != 0)
        return atau_fail_os(error, errno, "cannot read %s", path);
    if (S_ISDIR(about.st_mode))
        return atau_fail_os(error, EISDIR, "cannot read %s", path);
    if (!S_ISREG(about.st_mode))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s is not a regular file", path);
    *size = (uint64_t)about.st_size;
    return ADAPTAU_OK;
}

/* O_NONBLOCK: a named pipe without a writer must not hold us up. */
adaptau_status atau_regular_file_open(const char *path, int *descriptor, uint64_t *size, adaptau_error *error)
{
    do
        *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (*descriptor < 0 && errno == EINTR);
    adaptau_status status = check(path, *descriptor, size, error);
    if (status != ADAPTAU_OK && *descriptor >= 0) {
        close(*descriptor);
        *descriptor = -1;
    }
    return status;
}
