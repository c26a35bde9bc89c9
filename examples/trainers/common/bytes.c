/* SPDX-License-Identifier: MIT */
/* Three layers, each reading from the one below: raw bytes of a file or memory; unpacked; UTF-16 made UTF-8. The second and the
 * third are there only for files that need them. */
#include "common/bytes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fail.h"
#include "common/system.h"
#include "common/unpack.h"

#define BUFFER_SIZE ((size_t)128 << 10) /* at least; a record that is longer makes it grow */
#define READ_SIZE ((size_t)64 << 10)    /* of UTF-16 at once */

/* ---- raw bytes ----------------------------------------------------------------------------------------------------- */

static adaptau_status read_memory(struct bytes *bytes, unsigned char *into, size_t size, size_t *n)
{
    *n = size < bytes->n_memory ? size : bytes->n_memory;
    if (*n == 0)
        return ADAPTAU_OK;
    memcpy(into, bytes->memory, *n);
    bytes->memory += *n;
    bytes->n_memory -= *n;
    return ADAPTAU_OK;
}

/* A packed_reader: `size` bytes unless the end comes first. A pipe's short reads stay in here. */
static adaptau_status read_raw(void *user_data, unsigned char *into, size_t size, size_t *n, adaptau_error *error)
{
    struct bytes *bytes = user_data;
    *n = 0;
    if (bytes->file < 0)
        return read_memory(bytes, into, size, n);
    while (*n < size) {
        const ptrdiff_t count = system_read(bytes->file, into + *n, size - *n);
        if (count < 0)
            return fail_os(error, errno, "%s", shown_path(bytes->name));
        if (count == 0)
            break;
        *n += (size_t)count;
    }
    return ADAPTAU_OK;
}

static adaptau_status read_plain(struct bytes *bytes, unsigned char *into, size_t size, size_t *n, adaptau_error *error)
{
    if (bytes->n_head > 0) {
        *n = bytes->n_head < size ? bytes->n_head : size;
        memcpy(into, bytes->head_at, *n);
        bytes->head_at += *n;
        bytes->n_head -= *n;
        return ADAPTAU_OK;
    }
    return bytes->unpacker ? unpack_read(bytes->unpacker, into, size, n, error) : read_raw(bytes, into, size, n, error);
}

/* ---- UTF-16 -------------------------------------------------------------------------------------------------------- */

static unsigned unit_at(const struct bytes *bytes, const unsigned char *at)
{
    return bytes->big_endian ? (unsigned)at[0] << 8 | at[1] : (unsigned)at[1] << 8 | at[0];
}

static unsigned char *put_utf8(unsigned char *out, uint32_t code)
{
    if (code < 0x80)
        *out++ = (unsigned char)code;
    else if (code < 0x800) {
        *out++ = (unsigned char)(0xC0 | code >> 6);
        *out++ = (unsigned char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *out++ = (unsigned char)(0xE0 | code >> 12);
        *out++ = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (unsigned char)(0x80 | (code & 0x3F));
    } else {
        *out++ = (unsigned char)(0xF0 | code >> 18);
        *out++ = (unsigned char)(0x80 | (code >> 12 & 0x3F));
        *out++ = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        *out++ = (unsigned char)(0x80 | (code & 0x3F));
    }
    return out;
}

static bool is_high(unsigned unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low(unsigned unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

/* Bytes of the character at `at`: 2, 4, 0 when it is cut off, -1 when it is none. */
static int length_of_character(const struct bytes *bytes, const unsigned char *at, size_t n)
{
    if (n < 2)
        return 0;
    unsigned unit = unit_at(bytes, at);
    if (!is_high(unit))
        return is_low(unit) ? -1 : 2;
    if (n < 4)
        return 0;
    return is_low(unit_at(bytes, at + 2)) ? 4 : -1;
}

/* `into` has room for 3 bytes for every 2 that are read. */
static adaptau_status read_utf16(struct bytes *bytes, unsigned char *into, size_t *n, adaptau_error *error)
{
    size_t         count = 0;
    unsigned char *out = into;
    *n = 0;
    memcpy(bytes->raw, bytes->half, bytes->n_half);
    adaptau_status status = read_plain(bytes, bytes->raw + bytes->n_half, READ_SIZE, &count, error);
    if (status)
        return status;
    const bool           last = count == 0;
    const unsigned char *at = bytes->raw, *end = bytes->raw + bytes->n_half + count;
    int                  length;
    while ((length = length_of_character(bytes, at, (size_t)(end - at))) > 0) {
        uint32_t unit = unit_at(bytes, at);
        if (length == 4)
            unit = 0x10000 + ((unit - 0xD800) << 10) + (unit_at(bytes, at + 2) - 0xDC00);
        out = put_utf8(out, unit);
        at += length;
    }
    if (length < 0 || (last && at < end))
        return fail(error, ADAPTAU_E_FORMAT, "%s: the UTF-16 text is damaged", shown_path(bytes->name));
    bytes->n_half = (size_t)(end - at);
    memcpy(bytes->half, at, bytes->n_half);
    *n = (size_t)(out - into);
    return ADAPTAU_OK;
}

/* ---- the buffer ---------------------------------------------------------------------------------------------------- */

/* Move what is left to the front, and have room for at least half of the buffer, or READ_SIZE characters, behind it. */
static adaptau_status make_room(struct bytes *bytes, adaptau_error *error)
{
    size_t left = bytes->buffer ? (size_t)(bytes->end - bytes->at) : 0, wanted = bytes->raw ? READ_SIZE * 2 : BUFFER_SIZE / 2;
    if (left > 0)
        memmove(bytes->buffer, bytes->at, left);
    if (bytes->buffer) {
        bytes->at = bytes->buffer;
        bytes->end = bytes->buffer + left;
    }
    if (bytes->capacity - left >= wanted && left <= bytes->capacity / 2)
        return ADAPTAU_OK;
    size_t         capacity = left * 2 + BUFFER_SIZE + wanted;
    unsigned char *buffer = realloc(bytes->buffer, capacity);
    if (!buffer)
        return fail_memory(error, shown_path(bytes->name));
    bytes->buffer = bytes->at = buffer;
    bytes->end = buffer + left;
    bytes->capacity = capacity;
    return ADAPTAU_OK;
}

adaptau_status bytes_more(struct bytes *bytes, adaptau_error *error)
{
    size_t         n = 0;
    adaptau_status status = bytes->ended ? ADAPTAU_OK : make_room(bytes, error);
    if (status || bytes->ended)
        return status;
    if (bytes->raw)
        status = read_utf16(bytes, bytes->end, &n, error);
    else
        status = read_plain(bytes, bytes->end, bytes->capacity - (size_t)(bytes->end - bytes->buffer), &n, error);
    bytes->end += n;
    bytes->ended = status || n == 0;
    return status;
}

adaptau_status bytes_sample(struct bytes *bytes, size_t size, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    while (!status && !bytes->ended && (size_t)(bytes->end - bytes->at) < size)
        status = bytes_more(bytes, error);
    return status;
}

/* ---- how a file begins --------------------------------------------------------------------------------------------- */

/* Files that are often taken for text. */
static adaptau_status refuse_other_formats(const struct bytes *bytes, const unsigned char *begin, size_t n, adaptau_error *error)
{
    static const struct {
        const char *begin;
        size_t      n;
        const char *what;
    } known[] = {
        {"PK\3\4", 4, "a zip archive (or a spreadsheet); unpack it, or save it as CSV"},
        {"BZh", 3, "packed by bzip2; bunzip2 it, or pipe it in: bunzip2 -c FILE | ... -"},
        {"\x04\x22\x4D\x18", 4, "packed by lz4; pipe it in: lz4 -dc FILE | ... -"},
        {"7z\xBC\xAF\x27\x1C", 6, "a 7z archive; unpack it"},
        {"PAR1", 4, "a Parquet table; save it as CSV"},
        {"ARROW1", 6, "an Arrow table; save it as CSV"},
        {"\x89HDF", 4, "an HDF5 file; save its table as CSV"},
        {"\x93NUMPY", 6, "an array of NumPy; save it as CSV"},
        {"SQLite format 3", 15, "an SQLite database; save a table as CSV: sqlite3 -csv FILE 'SELECT ...'"},
        {"\xFF\xFE\0\0", 4, "UTF-32 text; iconv -f UTF-32 -t UTF-8 makes it UTF-8"},
        {"\0\0\xFE\xFF", 4, "UTF-32 text; iconv -f UTF-32 -t UTF-8 makes it UTF-8"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= known[i].n && memcmp(begin, known[i].begin, known[i].n) == 0)
            return fail(error, ADAPTAU_E_FORMAT, "%s: no text, but %s", shown_path(bytes->name), known[i].what);
    return ADAPTAU_OK;
}

/* The first bytes are read on their own, and handed out again by read_plain. */
static adaptau_status read_head(struct bytes *bytes, adaptau_error *error)
{
    adaptau_status status = read_plain(bytes, bytes->head, sizeof bytes->head, &bytes->n_head, error);
    bytes->head_at = bytes->head;
    return status;
}

static adaptau_status begin_unpacking(struct bytes *bytes, adaptau_error *error)
{
    bytes->packing = unpack_kind(bytes->head, bytes->n_head);
    if (!bytes->packing)
        return ADAPTAU_OK;
    if (!unpack_is_built_in(bytes->packing))
        return fail(error, ADAPTAU_E_FORMAT,
                    "%s: packed by %s, which this program was built without; pipe it in: %s -dc FILE | ... -",
                    shown_path(bytes->name), bytes->packing, bytes->packing);
    size_t n = bytes->n_head;
    bytes->n_head = 0;
    adaptau_status status =
        unpack_open(&bytes->unpacker, bytes->packing, bytes->name, bytes->head, n, read_raw, bytes, error);
    return status ? status : read_head(bytes, error);
}

/* A byte order mark is skipped. */
static adaptau_status begin_decoding(struct bytes *bytes, adaptau_error *error)
{
    const unsigned char *head = bytes->head;
    if (bytes->n_head >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0) {
        bytes->head_at += 3;
        bytes->n_head -= 3;
    } else if (bytes->n_head >= 2 && (memcmp(head, "\xFF\xFE", 2) == 0 || memcmp(head, "\xFE\xFF", 2) == 0)) {
        bytes->encoding = "UTF-16";
        bytes->big_endian = head[0] == 0xFE;
        bytes->head_at += 2;
        bytes->n_head -= 2;
        bytes->raw = malloc(READ_SIZE + sizeof bytes->half);
        return bytes->raw ? ADAPTAU_OK : fail_memory(error, shown_path(bytes->name));
    }
    return ADAPTAU_OK;
}

static adaptau_status begin(struct bytes *bytes, adaptau_error *error)
{
    adaptau_status status = read_head(bytes, error);
    if (!status)
        status = begin_unpacking(bytes, error);
    if (!status)
        status = refuse_other_formats(bytes, bytes->head, bytes->n_head, error);
    if (!status)
        status = begin_decoding(bytes, error);
    if (!status)
        status = bytes_more(bytes, error);
    if (status)
        bytes_close(bytes);
    return status;
}

static adaptau_status open_file(const char *path, int *file, adaptau_error *error)
{
    struct stat about;
    if (strcmp(path, STDIN_PATH) == 0) {
        *file = system_open_stdin();
        return ADAPTAU_OK;
    }
    *file = system_open_bytes(path);
    if (*file < 0)
        return fail_os(error, errno, "%s", shown_path(path));
    if (fstat(*file, &about) == 0 && S_ISDIR(about.st_mode)) {
        close(*file);
        return fail_os(error, EISDIR, "%s", shown_path(path));
    }
    return ADAPTAU_OK;
}

adaptau_status bytes_open(struct bytes *bytes, const char *path, adaptau_error *error)
{
    *bytes = (struct bytes){.name = strcmp(path, STDIN_PATH) == 0 ? STDIN_NAME : path, .line = 1, .file = -1};
    adaptau_status status = open_file(path, &bytes->file, error);
    return status ? status : begin(bytes, error);
}

adaptau_status bytes_open_memory(struct bytes *bytes, const char *name, const void *memory, size_t size, adaptau_error *error)
{
    *bytes = (struct bytes){.name = name, .line = 1, .file = -1, .memory = memory, .n_memory = size};
    return begin(bytes, error);
}

void bytes_close(struct bytes *bytes)
{
    unpack_close(bytes->unpacker);
    free(bytes->raw);
    free(bytes->buffer);
    if (bytes->file > STDIN_FILENO)
        close(bytes->file);
    *bytes = (struct bytes){.file = -1};
}
