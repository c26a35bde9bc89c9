/* SPDX-License-Identifier: MIT */
/* A replacement is moved over its target by MoveFileEx, which on NTFS is one record in the journal. The road not taken:
 * ReplaceFile keeps the old file's access rights, but is several steps, and may fail between them with neither name in place. */
#include "os/files.h"

#include <errno.h>
#include <string.h>
#include <windows.h>

#define LONGEST_TRANSFER ((size_t)1 << 30)
#define NAMES_TO_TRY 100
/* Programs that look at every new file, against viruses or to index it, keep it open for a moment. */
#define MOVES_TO_TRY 10
#define MILLISECONDS_BETWEEN_MOVES 10

_Static_assert(sizeof(WCHAR) == sizeof(uint16_t), "Windows has UTF-16");

/* errno has fewer numbers than Windows: those that tell a user what to do are kept apart. */
static int reason_of(DWORD error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME: return ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
    case ERROR_NETWORK_ACCESS_DENIED:
    case ERROR_USER_MAPPED_FILE: return EACCES;
    case ERROR_WRITE_PROTECT: return EROFS;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL: return ENOSPC;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS: return EEXIST;
    case ERROR_FILENAME_EXCED_RANGE: return ENAMETOOLONG;
    case ERROR_NO_UNICODE_TRANSLATION: return EILSEQ;
    case ERROR_TOO_MANY_OPEN_FILES: return EMFILE;
    case ERROR_DIRECTORY: return ENOTDIR;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT: return ENOMEM;
    case ERROR_INVALID_FUNCTION:
    case ERROR_NOT_SUPPORTED: return ENODEV;
    default: return EIO;
    }
}

static int last_reason(void)
{
    return reason_of(GetLastError());
}

static HANDLE handle_of(atau_file file)
{
    return (HANDLE)file; /* ATAU_NO_FILE is INVALID_HANDLE_VALUE                                              */
}

static int widen(const char *path, WCHAR wide[ATAU_LINK_SIZE])
{
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, ATAU_LINK_SIZE) > 0)
        return 0;
    return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ENAMETOOLONG : last_reason();
}

static bool is_folder(const WCHAR *path)
{
    const DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/* Whoever reads a file does not keep others from replacing it. */
int atau_file_open(const char *path, atau_file *file, uint64_t *size, bool *regular)
{
    WCHAR wide[ATAU_LINK_SIZE];
    int   reason = widen(path, wide);
    *file = ATAU_NO_FILE;
    *regular = false;
    if (reason)
        return reason;
    const HANDLE handle = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                                      OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        reason = last_reason();
        return is_folder(wide) ? EISDIR : reason;
    }
    LARGE_INTEGER length = {0};
    *regular = GetFileType(handle) == FILE_TYPE_DISK;
    if (*regular && !GetFileSizeEx(handle, &length)) {
        reason = last_reason();
        *regular = false;
    }
    if (!*regular)
        CloseHandle(handle);
    else
        *file = (atau_file)handle;
    *size = (uint64_t)length.QuadPart;
    return reason;
}

void atau_file_close(atau_file file)
{
    CloseHandle(handle_of(file));
}

int atau_file_read(atau_file file, uint64_t offset, void *out, size_t size, size_t *count)
{
    OVERLAPPED at = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD      n = 0;
    const BOOL done = ReadFile(handle_of(file), out, (DWORD)(size < LONGEST_TRANSFER ? size : LONGEST_TRANSFER), &n, &at);
    *count = done ? n : 0;
    return done || GetLastError() == ERROR_HANDLE_EOF ? 0 : last_reason();
}

/* The view keeps the mapping, and the mapping the file. */
int atau_file_map(atau_file file, uint64_t size, const void **bytes)
{
    const HANDLE mapping = CreateFileMappingW(handle_of(file), NULL, PAGE_READONLY, 0, 0, NULL);
    if (!mapping)
        return last_reason();
    const void *view = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, (SIZE_T)size);
    const int   reason = view ? 0 : last_reason();
    CloseHandle(mapping);
    *bytes = view;
    return reason;
}

void atau_file_unmap(const void *bytes, uint64_t size)
{
    (void)size;
    UnmapViewOfFile(bytes);
}

/* ---- opening a replacement --------------------------------------------------------------------------------------------- */

/* What is at the target, if there is something: a folder and a device are refused, and a link is followed. */
static int look_at_target(WCHAR target[ATAU_LINK_SIZE])
{
    BY_HANDLE_FILE_INFORMATION about = {0};
    const HANDLE handle = CreateFileW(target, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                      NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        const DWORD error = GetLastError();
        const DWORD attributes = GetFileAttributesW(target);
        if (attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_REPARSE_POINT)
            return reason_of(error); /* a link that leads nowhere would be replaced itself                    */
        return error == ERROR_FILE_NOT_FOUND ? 0 : reason_of(error);
    }
    int         reason = 0;
    const DWORD attributes = GetFileAttributesW(target);
    if (GetFileType(handle) != FILE_TYPE_DISK)
        reason = EINVAL;
    else if (!GetFileInformationByHandle(handle, &about))
        reason = last_reason();
    else if (about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
        reason = EISDIR;
    else if (attributes & FILE_ATTRIBUTE_REPARSE_POINT) {
        const DWORD length = GetFinalPathNameByHandleW(handle, target, ATAU_LINK_SIZE, FILE_NAME_NORMALIZED);
        reason = length == 0 ? last_reason() : length >= ATAU_LINK_SIZE ? ENAMETOOLONG : 0;
    }
    CloseHandle(handle);
    return reason;
}

/* Where the name begins in a path. */
static size_t folder_length(const WCHAR *path)
{
    size_t length = wcslen(path);
    while (length > 0 && path[length - 1] != L'\\' && path[length - 1] != L'/' && path[length - 1] != L':')
        length--;
    return length;
}

static WCHAR *put_hexadecimal(WCHAR *out, uint64_t number)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        *out++ = (WCHAR)L"0123456789abcdef"[number >> shift & 15];
    return out;
}

/* ".adaptau-PROCESS-NUMBER.tmp" behind the folder. */
static void write_name(WCHAR *name, uint64_t number)
{
    memcpy(name, L".adaptau-", 9 * sizeof *name);
    name = put_hexadecimal(name + 9, GetCurrentProcessId());
    *name++ = L'-';
    name = put_hexadecimal(name, number);
    memcpy(name, L".tmp", 5 * sizeof *name);
}

#define NAME_LENGTH (9 + 16 + 1 + 16 + 4)

/* A name that nobody else has: CREATE_NEW decides, the number only makes a second try unlikely. */
static int open_temporary(struct atau_replacement *file)
{
    const size_t  folder = folder_length(file->target);
    LARGE_INTEGER now;
    if (folder + NAME_LENGTH >= ATAU_LINK_SIZE)
        return ENAMETOOLONG;
    memcpy(file->temporary, file->target, folder * sizeof *file->target);
    QueryPerformanceCounter(&now);
    for (uint64_t attempt = 0; attempt < NAMES_TO_TRY; attempt++) {
        write_name(file->temporary + folder, ((uint64_t)now.QuadPart + attempt) * 0x9E3779B97F4A7C15u);
        const HANDLE handle = CreateFileW(file->temporary, GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        if (handle != INVALID_HANDLE_VALUE) {
            file->file = (atau_file)handle;
            return 0;
        }
        if (GetLastError() != ERROR_FILE_EXISTS)
            break;
    }
    return last_reason();
}

int atau_replacement_open(struct atau_replacement *file, const char *path)
{
    file->file = ATAU_NO_FILE;
    int reason = widen(path, file->target);
    if (!reason && file->target[folder_length(file->target)] == 0)
        reason = EISDIR; /* "" is the working directory, as on other systems                                  */
    if (!reason)
        reason = look_at_target(file->target);
    if (!reason)
        reason = open_temporary(file);
    if (reason)
        file->temporary[0] = 0;
    return reason;
}

/* ---- writing and closing it -------------------------------------------------------------------------------------------- */

int atau_replacement_write(struct atau_replacement *file, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        DWORD written = 0;
        if (!WriteFile(handle_of(file->file), at, (DWORD)(size < LONGEST_TRANSFER ? size : LONGEST_TRANSFER), &written, NULL))
            return last_reason();
        if (written == 0)
            return EIO;
        at += written;
        size -= written;
    }
    return 0;
}

static int close_handle(struct atau_replacement *file)
{
    const BOOL closed = CloseHandle(handle_of(file->file));
    file->file = ATAU_NO_FILE;
    return closed ? 0 : last_reason();
}

/* The move is on the disk when the call returns: there is no folder to flush. */
static int move_over_target(const struct atau_replacement *file)
{
    for (int n = 1;; n++) {
        if (MoveFileExW(file->temporary, file->target, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
            return 0;
        const int reason = last_reason();
        if (reason != EACCES || n == MOVES_TO_TRY)
            return reason;
        Sleep(MILLISECONDS_BETWEEN_MOVES);
    }
}

int atau_replacement_commit(struct atau_replacement *file, enum atau_step *step)
{
    *step = ATAU_STEP_WRITE;
    int reason = FlushFileBuffers(handle_of(file->file)) ? close_handle(file) : last_reason();
    if (reason)
        return reason;
    *step = ATAU_STEP_REPLACE;
    reason = move_over_target(file);
    if (!reason)
        file->temporary[0] = 0;
    return reason;
}

void atau_replacement_close(struct atau_replacement *file)
{
    if (file->file != ATAU_NO_FILE)
        close_handle(file);
    if (file->temporary[0])
        DeleteFileW(file->temporary);
    file->temporary[0] = 0;
}
