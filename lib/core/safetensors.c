/* SPDX-License-Identifier: MIT */
/* The header's grammar is fixed (an object of objects of strings and arrays of integers), so each level has a function of its
 * own and nothing recurses. The parser points into the header instead of copying: reading costs no memory beyond it. */
#include "core/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/context.h"
#include "common/error.h"
#include "core/atomic_file.h"
#include "core/checksum.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian, and so must be the machine: swap bytes here for another one"
#endif

#define LENGTH_SIZE 8
#define LONGEST_HEADER ((uint64_t)1 << 20) /* bounds the comparisons of names                                 */
#define LONGEST_READ ((uint64_t)1 << 30)
#define METADATA_NAME "__metadata__"
#define CHECKSUM_NAME "checksum"
#define CHECKSUM_SIZE sizeof(uint64_t)

static const struct {
    const char *name;
    size_t      size;
} types[] = {{"F32", sizeof(float)}, {"F64", sizeof(double)}, {"I32", sizeof(int32_t)}};
#define N_TYPES ((int32_t)(sizeof types / sizeof *types))

/* ==== writing ========================================================================================================= */

/* Where bytes go: nowhere while the header's are counted, then to the file and into its checksum. */
struct sink {
    struct atau_atomic_file *file; /* NULL while counting                                                     */
    uint64_t                 length;
    struct atau_checksum     sum;
    adaptau_status           status;
    adaptau_error           *error;
};

static void put_bytes(struct sink *sink, const void *bytes, size_t size)
{
    sink->length += size;
    if (!sink->file || sink->status != ADAPTAU_OK)
        return;
    atau_checksum_add(&sink->sum, bytes, size);
    sink->status = atau_atomic_file_write(sink->file, bytes, size, sink->error);
}

static void put_text(struct sink *sink, const char *text)
{
    put_bytes(sink, text, strlen(text));
}

static void put_integer(struct sink *sink, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    put_text(sink, digits);
}

static void put_string(struct sink *sink, const char *string)
{
    put_text(sink, "\"");
    for (const char *c = string; *c; c++) {
        char escape[8];
        if (*c == '"' || *c == '\\')
            snprintf(escape, sizeof escape, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*c);
        else
            snprintf(escape, sizeof escape, "%c", *c);
        put_text(sink, escape);
    }
    put_text(sink, "\"");
}

static int64_t tensor_size(const struct atau_tensor *tensor)
{
    return tensor->rows * tensor->columns * (int64_t)types[tensor->type].size;
}

static void put_tensor(struct sink *sink, const struct atau_tensor *tensor, int64_t begin)
{
    put_string(sink, tensor->name);
    put_text(sink, ":{\"dtype\":\"");
    put_text(sink, types[tensor->type].name);
    put_text(sink, "\",\"shape\":[");
    put_integer(sink, tensor->rows);
    put_text(sink, ",");
    put_integer(sink, tensor->columns);
    put_text(sink, "],\"data_offsets\":[");
    put_integer(sink, begin);
    put_text(sink, ",");
    put_integer(sink, begin + tensor_size(tensor));
    put_text(sink, "]}");
}

static void put_metadata(struct sink *sink, int n, const struct atau_metadata *metadata)
{
    put_string(sink, METADATA_NAME);
    put_text(sink, ":{");
    for (int i = 0; i < n; i++) {
        put_text(sink, i ? "," : "");
        put_string(sink, metadata[i].key);
        put_text(sink, ":");
        put_string(sink, metadata[i].value);
    }
    put_text(sink, "}");
}

/* What a file is made of. */
struct content {
    int                         n_tensors;
    const struct atau_tensor   *tensors;
    int                         n_metadata;
    const struct atau_metadata *metadata;
    bool                        summed;
};

static void put_header(struct sink *sink, const struct content *c)
{
    const struct atau_tensor sum = {.name = CHECKSUM_NAME, .rows = 1, .columns = 2, .type = ATAU_I32};
    const int                n = c->n_tensors + (c->summed ? 1 : 0);
    const uint64_t           start = sink->length;
    int64_t                  begin = 0;
    put_text(sink, "{");
    if (c->n_metadata > 0)
        put_metadata(sink, c->n_metadata, c->metadata);
    for (int i = 0; i < n; i++) {
        const struct atau_tensor *tensor = i < c->n_tensors ? &c->tensors[i] : &sum;
        put_text(sink, i || c->n_metadata > 0 ? "," : "");
        put_tensor(sink, tensor, begin);
        begin += tensor_size(tensor);
    }
    put_text(sink, "}");
    while ((sink->length - start) % 8) /* keeps the data aligned for those who map the file                    */
        put_text(sink, " ");
}

static void put_rows(struct sink *sink, const struct atau_tensor *tensor)
{
    const size_t size = types[tensor->type].size, row = (size_t)tensor->columns * size;
    const char  *bytes = tensor->data;
    if (tensor->stride == tensor->columns)
        put_bytes(sink, bytes, (size_t)tensor->rows * row);
    else
        for (int64_t r = 0; r < tensor->rows; r++)
            put_bytes(sink, bytes + (size_t)(r * tensor->stride) * size, row);
}

static adaptau_status write_content(const char *path, const struct content *content, adaptau_error *error)
{
    struct atau_atomic_file file;
    struct sink             count = {0}, sink = {.file = &file, .error = error};
    put_header(&count, content);
    adaptau_status status = atau_atomic_file_open(&file, path, error);
    if (status != ADAPTAU_OK)
        return status;
    put_bytes(&sink, &count.length, LENGTH_SIZE);
    put_header(&sink, content);
    for (int i = 0; i < content->n_tensors; i++)
        put_rows(&sink, &content->tensors[i]);
    const uint64_t sum = atau_checksum_value(&sink.sum);
    if (content->summed)
        put_bytes(&sink, &sum, CHECKSUM_SIZE);
    return atau_atomic_file_close(&file, sink.status, error);
}

adaptau_status atau_safetensors_write(const char *path, int n_tensors, const struct atau_tensor *tensors, int n_metadata,
                                      const struct atau_metadata *metadata, adaptau_error *error)
{
    return write_content(path, &(struct content){n_tensors, tensors, n_metadata, metadata, false}, error);
}

adaptau_status atau_safetensors_write_summed(const char *path, int n_tensors, const struct atau_tensor *tensors, int n_metadata,
                                             const struct atau_metadata *metadata, adaptau_error *error)
{
    return write_content(path, &(struct content){n_tensors, tensors, n_metadata, metadata, true}, error);
}

/* ==== strings of the header =========================================================================================== */

/* One UTF-8 character of [*at, end), or −1 where there is no well-formed one (RFC 3629). */
static int32_t decode_utf8(const char **at, const char *end)
{
    static const int32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char        lead = (unsigned char)**at;
    int                  size = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
    int32_t              character = size == 1 ? lead : lead & (0x7F >> size);
    if (size == 0 || end - *at < size)
        return -1;
    for (int i = 1; i < size; i++) {
        unsigned char next = (unsigned char)(*at)[i];
        if ((next & 0xC0) != 0x80)
            return -1;
        character = character << 6 | (next & 0x3F);
    }
    if (character < least[size] || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
        return -1;
    *at += size;
    return character;
}

static int encode_utf8(int32_t character, char out[4])
{
    int size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    if (size == 1) {
        out[0] = (char)character;
        return 1;
    }
    for (int i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    out[0] = (char)(0xF00 >> size | character);
    return size;
}

/* Four hexadecimal digits, or −1. */
static int32_t decode_hex(const char **at, const char *end)
{
    int32_t value = 0;
    if (end - *at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *(*at)++;
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* After "\u": one unit of UTF-16, or two with "\u" between them. */
static int32_t decode_utf16(const char **at, const char *end)
{
    int32_t high = decode_hex(at, end);
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return -1;
    *at += 2;
    int32_t low = decode_hex(at, end);
    return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* One character of a JSON string, or −1. U+0000 is refused: our strings are C strings. */
static int32_t decode_character(const char **at, const char *end)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int32_t           character;
    if (**at != '\\') {
        character = decode_utf8(at, end);
        return character < 0x20 ? -1 : character;
    }
    if (end - *at < 2)
        return -1;
    *at += 2;
    if ((*at)[-1] == 'u') {
        character = decode_utf16(at, end);
        return character == 0 ? -1 : character;
    }
    const char *letter = (*at)[-1] ? strchr(letters, (*at)[-1]) : NULL;
    return letter ? meanings[letter - letters] : -1;
}

/* Of strings that have been parsed. */
static bool strings_equal(struct atau_json_string a, struct atau_json_string b)
{
    const char *a_end = a.start + a.length, *b_end = b.start + b.length;
    while (a.start < a_end && b.start < b_end)
        if (decode_character(&a.start, a_end) != decode_character(&b.start, b_end))
            return false;
    return a.start == a_end && b.start == b_end;
}

static bool string_is(struct atau_json_string string, const char *text)
{
    const char *end = string.start + string.length;
    while (string.start < end) {
        char bytes[4];
        int  size = encode_utf8(decode_character(&string.start, end), bytes);
        if (strncmp(text, bytes, (size_t)size) != 0)
            return false;
        text += size;
    }
    return *text == '\0';
}

static bool copy_string(struct atau_json_string string, char *out, size_t size)
{
    const char *end = string.start + string.length;
    size_t      used = 0;
    while (string.start < end) {
        char   bytes[4];
        size_t count = (size_t)encode_utf8(decode_character(&string.start, end), bytes);
        if (used + count >= size)
            return false;
        memcpy(out + used, bytes, count);
        used += count;
    }
    if (used >= size)
        return false;
    out[used] = '\0';
    return true;
}

/* ==== grammar of the header =========================================================================================== */

/* A parser stops at its first complaint; `at` stays where that was. */
struct parser {
    struct atau_safetensors *file;
    const char              *at, *end;
    const char              *complaint;
};

static bool complain(struct parser *p, const char *complaint)
{
    p->complaint = complaint;
    return false;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

/* The given character after white space, if it is there. */
static bool accept(struct parser *p, char c)
{
    skip_space(p);
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

static bool parse_string(struct parser *p, struct atau_json_string *out)
{
    if (!accept(p, '"'))
        return complain(p, "a string should be here");
    const char *at = p->at;
    while (at < p->end && *at != '"')
        if (decode_character(&at, p->end) < 0)
            return complain(p, "a string that is not well-formed");
    if (at == p->end)
        return complain(p, "a string without an end");
    out->start = p->at;
    out->length = (size_t)(at - p->at);
    p->at = at + 1;
    return true;
}

static bool parse_key(struct parser *p, struct atau_json_string *out)
{
    return parse_string(p, out) && (accept(p, ':') || complain(p, "a colon should be here"));
}

static bool parse_integer(struct parser *p, uint64_t *out)
{
    uint64_t value = 0;
    skip_space(p);
    const char *start = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        uint64_t digit = (uint64_t)(*p->at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return complain(p, "a number that is too great");
        value = value * 10 + digit;
        p->at++;
    }
    if (p->at == start || (*start == '0' && p->at - start > 1))
        return complain(p, "a non-negative integer should be here");
    *out = value;
    return true;
}

/* 1 to 2 integers in brackets. */
static bool parse_integers(struct parser *p, uint64_t out[2], int32_t *n)
{
    if (!accept(p, '['))
        return complain(p, "an array should be here");
    for (*n = 0; *n < 2;) {
        if (!parse_integer(p, &out[(*n)++]))
            return false;
        if (accept(p, ']'))
            return true;
        if (!accept(p, ','))
            return complain(p, "a comma or a bracket should be here");
    }
    return complain(p, "an array that is too long");
}

static bool parse_type(struct parser *p, int32_t *type)
{
    struct atau_json_string name;
    if (!parse_string(p, &name))
        return false;
    for (*type = 0; *type < N_TYPES; ++*type)
        if (string_is(name, types[*type].name))
            return true;
    return complain(p, "a dtype that is not F32, F64 or I32");
}

/* One member of an object of a tensor; `seen` has a bit for each. */
static bool parse_property(struct parser *p, struct atau_safetensors_entry *entry, unsigned *seen)
{
    struct atau_json_string key;
    uint64_t                numbers[2] = {1, 1};
    int32_t                 n;
    if (!parse_key(p, &key))
        return false;
    unsigned bit = string_is(key, "dtype") ? 1 : string_is(key, "shape") ? 2 : string_is(key, "data_offsets") ? 4 : 0;
    if (!bit || *seen & bit)
        return complain(p, "a key that is unknown or has been before");
    *seen |= bit;
    if (bit == 1)
        return parse_type(p, &entry->type);
    if (!parse_integers(p, numbers, &n))
        return false;
    if (bit == 2) {
        if (numbers[0] > INT64_MAX || numbers[1] > INT64_MAX)
            return complain(p, "a shape that is too great");
        entry->rank = n;
        entry->rows = (int64_t)numbers[0];
        entry->columns = n == 2 ? (int64_t)numbers[1] : 1;
        return true;
    }
    entry->begin = numbers[0];
    entry->end = numbers[1];
    return n == 2 || complain(p, "data_offsets should be two");
}

static bool check_entry(struct parser *p, const struct atau_safetensors_entry *entry)
{
    uint64_t cells, bytes;
    if (entry->begin > entry->end || entry->end > p->file->data_size)
        return complain(p, "data_offsets outside the file");
    if (__builtin_mul_overflow((uint64_t)entry->rows, (uint64_t)entry->columns, &cells) ||
        __builtin_mul_overflow(cells, types[entry->type].size, &bytes) || bytes != entry->end - entry->begin)
        return complain(p, "a shape that does not fit its data_offsets");
    return true;
}

static bool parse_tensor(struct parser *p, struct atau_json_string name)
{
    struct atau_safetensors      *file = p->file;
    struct atau_safetensors_entry entry = {.name = name};
    unsigned                      seen = 0;
    for (int i = 0; i < file->n_entries; i++)
        if (strings_equal(file->entries[i].name, name))
            return complain(p, "a tensor's name that has been before");
    if (file->n_entries == ATAU_MAX_TENSORS)
        return complain(p, "more tensors than can be read");
    if (!accept(p, '{'))
        return complain(p, "a tensor's object should be here");
    do {
        if (!parse_property(p, &entry, &seen))
            return false;
    } while (accept(p, ','));
    if (!accept(p, '}'))
        return complain(p, "a comma or a brace should be here");
    if (seen != 7)
        return complain(p, "a tensor without dtype, shape or data_offsets");
    if (!check_entry(p, &entry))
        return false;
    file->entries[file->n_entries++] = entry;
    return true;
}

static bool parse_metadata(struct parser *p)
{
    struct atau_safetensors *file = p->file;
    if (!accept(p, '{'))
        return complain(p, "the object of the metadata should be here");
    if (accept(p, '}'))
        return true;
    do {
        struct atau_json_string key, value;
        if (!parse_key(p, &key) || !parse_string(p, &value))
            return false;
        for (int i = 0; i < file->n_metadata; i++)
            if (strings_equal(file->metadata[i].key, key))
                return complain(p, "a key of the metadata that has been before");
        if (file->n_metadata == ATAU_MAX_METADATA)
            return complain(p, "more metadata than can be read");
        file->metadata[file->n_metadata].key = key;
        file->metadata[file->n_metadata++].value = value;
    } while (accept(p, ','));
    return accept(p, '}') || complain(p, "a comma or a brace should be here");
}

static bool parse_header(struct parser *p)
{
    bool has_metadata = false;
    if (p->at == p->end || *p->at++ != '{') /* white space in front is against the format                      */
        return complain(p, "the header should begin with a brace");
    bool empty = accept(p, '}');
    while (!empty) {
        struct atau_json_string name;
        if (!parse_key(p, &name))
            return false;
        if (!string_is(name, METADATA_NAME)) {
            if (!parse_tensor(p, name))
                return false;
        } else if (has_metadata) {
            return complain(p, "metadata that have been before");
        } else {
            has_metadata = true;
            if (!parse_metadata(p))
                return false;
        }
        if (accept(p, '}'))
            break;
        if (!accept(p, ','))
            return complain(p, "a comma or a brace should be here");
    }
    skip_space(p);
    return p->at == p->end || complain(p, "text after the header's end");
}

/* ==== reading ========================================================================================================= */

static bool is_before(const struct atau_safetensors_entry *a, const struct atau_safetensors_entry *b)
{
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
}

static void sort_entries(struct atau_safetensors *file)
{
    for (int i = 1; i < file->n_entries; i++) {
        struct atau_safetensors_entry entry = file->entries[i];
        int                           k = i;
        for (; k > 0 && is_before(&entry, &file->entries[k - 1]); k--)
            file->entries[k] = file->entries[k - 1];
        file->entries[k] = entry;
    }
}

/* No holes, no overlaps, nothing left. */
static bool covers_data(const struct atau_safetensors *file)
{
    uint64_t end = 0;
    for (int i = 0; i < file->n_entries; i++) {
        if (file->entries[i].begin != end)
            return false;
        end = file->entries[i].end;
    }
    return end == file->data_size;
}

static adaptau_status read_at(const struct atau_safetensors *file, uint64_t offset, void *out, uint64_t size,
                              adaptau_error *error)
{
    char *bytes = out;
    while (size > 0) {
        ssize_t count = pread(file->descriptor, bytes, (size_t)(size < LONGEST_READ ? size : LONGEST_READ), (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return atau_fail_os(error, errno, "cannot read %s", file->path);
        if (count == 0)
            return atau_fail(error, ADAPTAU_E_FORMAT, "%s ends at byte %" PRIu64, file->path, offset);
        bytes += count;
        offset += (uint64_t)count;
        size -= (uint64_t)count;
    }
    return ADAPTAU_OK;
}

/* O_NONBLOCK: a named pipe without a writer must not hold us up. */
static adaptau_status open_file(struct atau_safetensors *file, uint64_t *size, adaptau_error *error)
{
    struct stat status;
    do
        file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (file->descriptor < 0 && errno == EINTR);
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0)
        return atau_fail_os(error, errno, "cannot read %s", file->path);
    if (S_ISDIR(status.st_mode))
        return atau_fail_os(error, EISDIR, "cannot read %s", file->path);
    if (!S_ISREG(status.st_mode))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s is not a regular file", file->path);
    *size = (uint64_t)status.st_size;
    return ADAPTAU_OK;
}

static adaptau_status read_header(struct atau_safetensors *file, uint64_t size, adaptau_error *error)
{
    uint64_t length;
    if (size < LENGTH_SIZE)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s has %" PRIu64 " bytes, too few for a safetensors file", file->path,
                         size);
    adaptau_status status = read_at(file, 0, &length, LENGTH_SIZE, error);
    if (status != ADAPTAU_OK)
        return status;
    if (length > size - LENGTH_SIZE || length > LONGEST_HEADER)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s claims a header of %" PRIu64 " bytes in a file of %" PRIu64,
                         file->path, length, size);
    file->header = atau_allocate(file->context, (size_t)length);
    if (!file->header)
        return atau_fail_memory(error, (size_t)length, "the header of a model file");
    file->header_size = (size_t)length;
    file->data_start = LENGTH_SIZE + length;
    file->data_size = size - file->data_start;
    return read_at(file, LENGTH_SIZE, file->header, length, error);
}

static adaptau_status check_header(struct atau_safetensors *file, adaptau_error *error)
{
    struct parser p = {.file = file, .at = file->header, .end = file->header + file->header_size};
    if (!parse_header(&p))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s, byte %zu: %s", file->path,
                         (size_t)(p.at - file->header) + LENGTH_SIZE, p.complaint);
    sort_entries(file);
    if (!covers_data(file))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: its tensors do not cover its %" PRIu64 " bytes of data exactly",
                         file->path, file->data_size);
    return ADAPTAU_OK;
}

adaptau_status atau_safetensors_open(adaptau_context *context, const char *path, struct atau_safetensors *file,
                                     adaptau_error *error)
{
    uint64_t size = 0;
    file->context = context;
    file->path = path;
    file->header = NULL;
    file->header_size = 0;
    file->n_entries = file->n_metadata = 0;
    adaptau_status status = open_file(file, &size, error);
    if (status == ADAPTAU_OK)
        status = read_header(file, size, error);
    if (status == ADAPTAU_OK)
        status = check_header(file, error);
    if (status != ADAPTAU_OK)
        atau_safetensors_close(file);
    return status;
}

const struct atau_safetensors_entry *atau_safetensors_find(const struct atau_safetensors *file, const char *name)
{
    for (int i = 0; i < file->n_entries; i++)
        if (string_is(file->entries[i].name, name))
            return &file->entries[i];
    return NULL;
}

adaptau_status atau_safetensors_read(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry,
                                     void *out, int64_t stride, adaptau_error *error)
{
    const uint64_t size = types[entry->type].size, row_size = (uint64_t)entry->columns * size;
    const uint64_t offset = file->data_start + entry->begin;
    char          *bytes = out;
    if (stride == entry->columns || row_size == 0)
        return read_at(file, offset, bytes, entry->end - entry->begin, error);
    adaptau_status status = ADAPTAU_OK;
    for (int64_t r = 0; r < entry->rows && status == ADAPTAU_OK; r++)
        status = read_at(file, offset + (uint64_t)r * row_size, bytes + (uint64_t)(r * stride) * size, row_size, error);
    return status;
}

adaptau_status atau_safetensors_check_sum(const struct atau_safetensors *file, adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = atau_safetensors_find(file, CHECKSUM_NAME);
    struct atau_checksum                 sum = {0};
    char                                 piece[8192];
    uint64_t                             said = 0;
    adaptau_status                       status = ADAPTAU_OK;
    if (!entry || entry->end != file->data_size || entry->end - entry->begin != CHECKSUM_SIZE)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s does not end in a checksum", file->path);
    const uint64_t end = file->data_start + entry->begin;
    for (uint64_t at = 0; at < end && status == ADAPTAU_OK; at += sizeof piece) {
        const uint64_t size = end - at < sizeof piece ? end - at : sizeof piece;
        status = read_at(file, at, piece, size, error);
        if (status == ADAPTAU_OK)
            atau_checksum_add(&sum, piece, size);
    }
    if (status == ADAPTAU_OK)
        status = read_at(file, end, &said, CHECKSUM_SIZE, error);
    if (status == ADAPTAU_OK && said != atau_checksum_value(&sum))
        status = atau_fail(error, ADAPTAU_E_FORMAT, "%s is damaged: its checksum is not that of its content", file->path);
    return status;
}

bool atau_safetensors_metadata(const struct atau_safetensors *file, const char *key, char *out, size_t size)
{
    for (int i = 0; i < file->n_metadata; i++)
        if (string_is(file->metadata[i].key, key))
            return copy_string(file->metadata[i].value, out, size);
    return false;
}

void atau_safetensors_close(struct atau_safetensors *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    file->descriptor = -1;
    atau_free(file->context, file->header, file->header_size);
    file->header = NULL;
}
