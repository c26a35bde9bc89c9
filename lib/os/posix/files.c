/* SPDX-License-Identifier: MIT */
/* A replacement happens relative to one descriptor of the folder, so that a rename of the folder in between does no harm and the
 * temporary name may be short, however long the path is. */
#include "os/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(_POSIX_MAPPED_FILES) && _POSIX_MAPPED_FILES > 0
#include <sys/mman.h>
#define CAN_MAP 1
#endif

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/* Some systems refuse longer reads and writes. */
#define LONGEST_TRANSFER ((size_t)1 << 30)
#define NAMES_TO_TRY 100
#define LINKS_TO_FOLLOW 40 /* as many as Linux does */
#define LOOKS 100 /* at a file that another program may replace between two of them */

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static int check_kind(int descriptor, uint64_t *size, bool *regular)
{
    struct stat about;
    if (descriptor < 0 || fstat(descriptor, &about) != 0)
        return errno;
    if (S_ISDIR(about.st_mode))
        return EISDIR;
    *regular = S_ISREG(about.st_mode);
    *size = (uint64_t)about.st_size;
    return 0;
}

/* O_NONBLOCK: a named pipe without a writer must not hold us up. */
int atau_file_open(const char *path, atau_file *file, uint64_t *size, bool *regular)
{
    int descriptor;
    do
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (descriptor < 0 && errno == EINTR);
    *regular = false;
    const int reason = check_kind(descriptor, size, regular);
    *file = *regular ? descriptor : ATAU_NO_FILE;
    if (!*regular && descriptor >= 0)
        close(descriptor);
    return reason;
}

void atau_file_close(atau_file file)
{
    close((int)file);
}

int atau_file_read(atau_file file, uint64_t offset, void *out, size_t size, size_t *count)
{
    ssize_t n;
    do
        n = pread((int)file, out, size < LONGEST_TRANSFER ? size : LONGEST_TRANSFER, (off_t)offset);
    while (n < 0 && errno == EINTR);
    *count = n > 0 ? (size_t)n : 0;
    return n < 0 ? errno : 0;
}

#ifdef CAN_MAP

int atau_file_map(atau_file file, uint64_t size, const void **bytes)
{
    void *start = size <= SIZE_MAX ? mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, (int)file, 0) : MAP_FAILED;
    if (start == MAP_FAILED)
        return size > SIZE_MAX ? ENOMEM : errno;
    *bytes = start;
    return 0;
}

void atau_file_unmap(const void *bytes, uint64_t size)
{
    munmap((void *)bytes, (size_t)size);
}

#else

int atau_file_map(atau_file file, uint64_t size, const void **bytes)
{
    (void)file;
    (void)size;
    (void)bytes;
    return ENODEV;
}

void atau_file_unmap(const void *bytes, uint64_t size)
{
    (void)bytes;
    (void)size;
}

#endif

/* ---- opening a replacement --------------------------------------------------------------------------------------------- */

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
static int follow_link(struct atau_replacement *file, char *link)
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
static int follow_links(struct atau_replacement *file, const struct stat *about)
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
static int find_place(struct atau_replacement *file, const char *path, const char *base)
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

int atau_replacement_open(struct atau_replacement *file, const char *path)
{
    const char *slash = strrchr(path, '/');
    file->descriptor = -1;
    file->temporary[0] = '\0';
    int reason = find_place(file, path, slash ? slash + 1 : path);
    if (!reason) {
        file->descriptor = open_temporary(file->folder, file->temporary);
        reason = file->descriptor < 0 ? errno : 0;
    }
    if (!reason)
        return 0;
    if (file->folder >= 0)
        close(file->folder);
    file->folder = -1;
    return reason;
}

/* ---- writing and closing it -------------------------------------------------------------------------------------------- */

int atau_replacement_write(struct atau_replacement *file, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = write(file->descriptor, at, size < LONGEST_TRANSFER ? size : LONGEST_TRANSFER);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : EIO;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

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

int atau_replacement_commit(struct atau_replacement *file, enum atau_step *step)
{
    *step = ATAU_STEP_WRITE;
    if (flush_to_device(file->descriptor) != 0 || close_descriptor(&file->descriptor) != 0)
        return errno;
    *step = ATAU_STEP_REPLACE;
    if (renameat(file->folder, file->temporary, file->folder, file->base) != 0)
        return errno;
    *step = ATAU_STEP_FLUSH_FOLDER;
    file->temporary[0] = '\0';
    return flush_to_device(file->folder) != 0 && errno != EINVAL ? errno : 0; /* EINVAL: this file system cannot flush folders */
}

void atau_replacement_close(struct atau_replacement *file)
{
    if (file->folder < 0)
        return;
    if (file->descriptor >= 0)
        close_descriptor(&file->descriptor);
    if (file->temporary[0])
        unlinkat(file->folder, file->temporary, 0);
    close_descriptor(&file->folder);
}
