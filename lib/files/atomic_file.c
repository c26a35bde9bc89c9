/* SPDX-License-Identifier: MIT */
/* Everything happens relative to one descriptor of the folder, so that a rename of the folder in between does no harm and the
 * temporary name may be short, however long the path is. */
#include "files/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* Some systems refuse longer writes. */
#define LONGEST_WRITE ((size_t)1 << 30)
#define NAMES_TO_TRY 100
#define LINKS_TO_FOLLOW 40 /* as many as Linux does */
#define LOOKS 100 /* at a file that another program may replace between two of them */

/* ---- opening --------------------------------------------------------------------------------------------------------- */

static int open_folder(const char *path, const char *base)
{
    char   folder[PATH_MAX];
    size_t length = (size_t)(base - path);
    int    descriptor;
    if (length >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, length);
    memcpy(folder + length, ".", 2); /* "" means the working directory, "a/" becomes "a/."                    */
    do
        descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

/* Renaming over a device would replace it: as root, /dev/null. Returns 0, or why not; *about has st_ino 0 where there is
 * nothing. */
static int refuse_special_file(int folder, const char *base, struct stat *about)
{
    if (fstatat(folder, base, about, 0) != 0) {
        *about = (struct stat){0};
        return 0;
    }
    return S_ISREG(about->st_mode) ? 0 : S_ISDIR(about->st_mode) ? EISDIR : EINVAL;
}

/* Enter the folder of the link's target, whose name there is the new base. Returns 0, or why not. */
static int follow_link(struct atau_atomic_file *file, char *link)
{
    char *slash = strrchr(link, '/');
    char *base = slash ? slash + 1 : link;
    int   entered = file->folder;
    if (slash == link)
        entered = openat(file->folder, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    else if (slash) {
        *slash = '\0';
        entered = openat(file->folder, link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (entered < 0)
        return errno;
    if (entered != file->folder)
        close(file->folder);
    file->folder = entered;
    snprintf(file->target, sizeof file->target, "%s", base);
    file->base = file->target;
    return 0;
}

/* A link stays what it is, and the file that it leads to is replaced: people link models to where they are kept. Links of /proc
 * lead to what their text does not name, such as a deleted file; a rename there would make a file of that text. ESTALE: the file
 * was another one a moment ago. */
static int follow_links(struct atau_atomic_file *file, const struct stat *about)
{
    char        link[ATAU_LINK_SIZE];
    struct stat reached;
    ssize_t     length = 0;
    for (int n = 0; n < LINKS_TO_FOLLOW; n++) {
        length = readlinkat(file->folder, file->base, link, sizeof link);
        if (length < 0)
            break;
        if ((size_t)length == sizeof link)
            return ENAMETOOLONG;
        link[length] = '\0';
        int reason = follow_link(file, link);
        if (reason)
            return reason;
    }
    if (length >= 0)
        return ELOOP;
    if (errno != EINVAL && errno != ENOENT) /* EINVAL: no link */
        return errno;
    int reason = refuse_special_file(file->folder, *file->base ? file->base : ".", &reached);
    return reason ? reason : reached.st_ino == about->st_ino && reached.st_dev == about->st_dev ? 0 : ESTALE;
}

/* The folder of the file, through links. Another program that saves there may replace the file between two looks at it: what
 * differs again and again is elsewhere. Returns 0, or why not. */
static int find_place(struct atau_atomic_file *file, const char *path, const char *base)
{
    int reason = ESTALE;
    for (int n = 0; n < LOOKS && reason == ESTALE; n++) {
        struct stat about;
        if (n > 0)
            close(file->folder);
        file->base = base;
        file->folder = open_folder(path, base);
        reason = file->folder < 0 ? errno : refuse_special_file(file->folder, *base ? base : ".", &about);
        if (!reason)
            reason = follow_links(file, &about);
    }
    return reason == ESTALE ? EINVAL : reason;
}

/* A name that nobody else has: O_EXCL decides, the number only makes a second try unlikely. */
static int open_temporary(int folder, char name[64])
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    for (uint64_t attempt = 0; attempt < NAMES_TO_TRY; attempt++) {
        uint64_t number = ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + attempt) * 0x9E3779B97F4A7C15u;
        snprintf(name, 64, ".adaptau-%" PRIx64 "-%" PRIx64 ".tmp", (uint64_t)getpid(), number);
        int descriptor = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH);
        if (descriptor >= 0 || (errno != EEXIST && errno != EINTR))
            return descriptor;
    }
    return -1;
}

adaptau_status atau_atomic_file_open(struct atau_atomic_file *file, const char *path, adaptau_error *error)
{
    const char *slash = strrchr(path, '/');
    file->path = path;
    file->descriptor = -1;
    file->used = 0;
    int reason = find_place(file, path, slash ? slash + 1 : path);
    if (!reason) {
        file->descriptor = open_temporary(file->folder, file->temporary);
        reason = file->descriptor < 0 ? errno : 0;
    }
    if (!reason)
        return ADAPTAU_OK;
    if (file->folder >= 0)
        close(file->folder);
    file->folder = -1;
    if (reason == EINVAL)
        return atau_fail_os(error, reason, "cannot write %s, which is no regular file", path);
    return atau_fail_os(error, reason, "cannot write %s", path);
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static adaptau_status write_through(struct atau_atomic_file *file, const char *bytes, size_t size, adaptau_error *error)
{
    while (size > 0) {
        ssize_t written = write(file->descriptor, bytes, size < LONGEST_WRITE ? size : LONGEST_WRITE);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return atau_fail_os(error, written < 0 ? errno : EIO, "cannot write %s", file->path);
        bytes += written;
        size -= (size_t)written;
    }
    return ADAPTAU_OK;
}

static adaptau_status flush_buffer(struct atau_atomic_file *file, adaptau_error *error)
{
    size_t used = file->used;
    file->used = 0;
    return write_through(file, file->buffer, used, error);
}

adaptau_status atau_atomic_file_write(struct atau_atomic_file *file, const void *bytes, size_t size, adaptau_error *error)
{
    if (size > sizeof file->buffer - file->used) {
        adaptau_status status = flush_buffer(file, error);
        if (status != ADAPTAU_OK)
            return status;
    }
    if (size > sizeof file->buffer)
        return write_through(file, bytes, size, error);
    if (size > 0)
        memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return ADAPTAU_OK;
}

adaptau_status atau_atomic_file_write_rows(struct atau_atomic_file *file, int64_t rows, size_t row_size, const void *data,
                                           size_t stride, adaptau_error *error)
{
    const char *bytes = data;
    if (stride == row_size)
        return atau_atomic_file_write(file, bytes, (size_t)rows * row_size, error);
    adaptau_status status = ADAPTAU_OK;
    for (int64_t r = 0; r < rows && status == ADAPTAU_OK; r++)
        status = atau_atomic_file_write(file, bytes + (size_t)r * stride, row_size, error);
    return status;
}

/* ---- closing --------------------------------------------------------------------------------------------------------- */

static int flush_to_device(int descriptor)
{
    int result;
#ifdef F_FULLFSYNC
    if (fcntl(descriptor, F_FULLFSYNC) != -1) /* on macOS fsync leaves the data in the device's cache            */
        return 0;
#endif
    do
        result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    return result;
}

/* After EINTR the state of a descriptor is unspecified; on Linux it is closed. Its data have been flushed. */
static int close_descriptor(int *descriptor)
{
    int result = close(*descriptor);
    *descriptor = -1;
    return result != 0 && errno == EINTR ? 0 : result;
}

static adaptau_status commit(struct atau_atomic_file *file, adaptau_error *error)
{
    adaptau_status status = flush_buffer(file, error);
    if (status != ADAPTAU_OK)
        return status;
    if (flush_to_device(file->descriptor) != 0 || close_descriptor(&file->descriptor) != 0)
        return atau_fail_os(error, errno, "cannot write %s", file->path);
    if (renameat(file->folder, file->temporary, file->folder, file->base) != 0)
        return atau_fail_os(error, errno, "cannot replace %s", file->path);
    file->temporary[0] = '\0';
    if (flush_to_device(file->folder) != 0 && errno != EINVAL) /* EINVAL: this file system cannot flush folders */
        return atau_fail_os(error, errno, "%s is written, but its folder cannot be flushed", file->path);
    return ADAPTAU_OK;
}

adaptau_status atau_atomic_file_close(struct atau_atomic_file *file, adaptau_status status, adaptau_error *error)
{
    if (file->folder < 0)
        return status;
    if (status == ADAPTAU_OK)
        status = commit(file, error);
    if (file->descriptor >= 0)
        close_descriptor(&file->descriptor);
    if (status != ADAPTAU_OK && file->temporary[0])
        unlinkat(file->folder, file->temporary, 0);
    close_descriptor(&file->folder);
    return status;
}
