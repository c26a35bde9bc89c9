/* SPDX-License-Identifier: MIT */
/* utf8.manifest makes command lines and paths UTF-8 (Windows 10 of 2019 and later). */
#include "common/system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <windows.h>

#define LONGEST_READ (1u << 30)

double system_clock(void)
{
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceFrequency(&per_second);
    QueryPerformanceCounter(&ticks);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}

int system_open_bytes(const char *path)
{
    return _open(path, _O_RDONLY | _O_BINARY | _O_NOINHERIT);
}

int system_open_stdin(void)
{
    _setmode(0, _O_BINARY);
    return 0;
}

ptrdiff_t system_read(int descriptor, void *into, size_t size)
{
    return _read(descriptor, into, size < LONGEST_READ ? (unsigned)size : LONGEST_READ);
}

FILE *system_open_log(const char *path, bool appends)
{
    return fopen(path, appends ? "ab" : "wb");
}

FILE *system_open_draft(char *path)
{
    if (_mktemp_s(path, strlen(path) + 1) != 0)
        return NULL;
    const int handle = _open(path, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
    return handle >= 0 ? _fdopen(handle, "wb") : NULL;
}

int system_settle(FILE *file)
{
    return fflush(file) != 0 || _commit(_fileno(file)) != 0 ? errno : 0;
}

int system_replace(const char *from, const char *to)
{
    if (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        return 0;
    return GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND ? ENOENT : EACCES;
}

/* A link is replaced itself: few of Windows' programs make any. */
ptrdiff_t system_read_link(const char *path, char *text, size_t size)
{
    (void)path;
    (void)text;
    (void)size;
    return -1;
}

size_t system_folder_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] != '\\' && path[length - 1] != '/' && path[length - 1] != ':')
        length--;
    return length;
}

/* Whether one may write into it, Windows tells of no folder before one tries. */
int system_can_write_in(const char *folder)
{
    const DWORD attributes = GetFileAttributesA(folder);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return ENOENT;
    return attributes & FILE_ATTRIBUTE_DIRECTORY ? 0 : ENOTDIR;
}

static void (*on_signal)(int signal_number);

/* Windows forgets a handler when it calls it. */
static void handle_again(int signal_number)
{
    signal(signal_number, handle_again);
    on_signal(signal_number);
}

void system_catch_signals(void (*handler)(int signal_number))
{
    on_signal = handler;
    signal(SIGINT, handle_again);
    signal(SIGTERM, handle_again);
}

void system_ignore_file_limit(void)
{
}
