/* SPDX-License-Identifier: MIT */
#include "common/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double system_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int system_open_bytes(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

int system_open_stdin(void)
{
    return STDIN_FILENO;
}

ptrdiff_t system_read(int descriptor, void *into, size_t size)
{
    ssize_t count;
    do
        count = read(descriptor, into, size);
    while (count < 0 && errno == EINTR);
    return count;
}

/* A FIFO that nobody reads would hold us up for ever. One that is read is as good as a file. */
FILE *system_open_log(const char *path, bool appends)
{
    const int way = O_WRONLY | O_CREAT | O_CLOEXEC | (appends ? O_APPEND : O_TRUNC);
    const int handle = open(path, way | O_NONBLOCK, 0666);
    FILE     *file = handle >= 0 && fcntl(handle, F_SETFL, way & O_APPEND) == 0 ? fdopen(handle, appends ? "a" : "w") : NULL;
    if (!file && handle >= 0)
        close(handle);
    return file;
}

FILE *system_open_draft(char *path)
{
    const int handle = mkstemp(path);
    FILE     *file = handle >= 0 ? fdopen(handle, "w") : NULL;
    if (!file && handle >= 0) {
        const int failure = errno;
        close(handle);
        unlink(path);
        errno = failure;
    }
    return file;
}

/* mkstemp makes files that only their owner can read; these are results like any other. */
static int open_to_readers(int handle)
{
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(handle, 0666 & ~mask);
}

int system_settle(FILE *file)
{
    return fflush(file) != 0 || fsync(fileno(file)) != 0 || open_to_readers(fileno(file)) != 0 ? errno : 0;
}

int system_replace(const char *from, const char *to)
{
    return rename(from, to) != 0 ? errno : 0;
}

ptrdiff_t system_read_link(const char *path, char *text, size_t size)
{
    return readlink(path, text, size);
}

size_t system_folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

int system_can_write_in(const char *folder)
{
    return access(folder, W_OK | X_OK) ? errno : 0;
}

/* Also where the signal was ignored: shells start background jobs that way, and `kill -INT` should reach them. SA_RESTART
 * because a save that is under way should not see EINTR. */
void system_catch_signals(void (*handler)(int signal_number))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void system_ignore_file_limit(void)
{
    signal(SIGXFSZ, SIG_IGN);
}
