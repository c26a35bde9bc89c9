/* SPDX-License-Identifier: MIT */
/* Reading; writing is in safetensors_write.c. */
#include "files/safetensors.h"

#include <inttypes.h>
#include <string.h>

#include "common/context.h"
#include "common/error.h"
#include "common/half.h"
#include "files/checksum.h"
#include "files/regular_file.h"
#include "files/safetensors_format.h"
#include "files/safetensors_header.h"

#define LONGEST_HEADER ((uint64_t)1 << 20) /* bounds the comparisons of names                                 */

const struct atau_safetensors_type atau_safetensors_types[ATAU_SAFETENSORS_TYPES] = {
    [ATAU_F32] = {"F32", sizeof(float)}, [ATAU_F64] = {"F64", sizeof(double)}, [ATAU_I32] = {"I32", sizeof(int32_t)},
    [ATAU_F16] = {"F16", sizeof(uint16_t)}, [ATAU_BF16] = {"BF16", sizeof(uint16_t)}, [ATAU_U8] = {"U8", 1}};

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
    if (file->bytes && size > 0)
        memcpy(bytes, file->bytes + offset, (size_t)size);
    while (!file->bytes && size > 0) {
        size_t    count;
        const int reason = atau_file_read(file->file, offset, bytes, (size_t)size, &count);
        if (reason)
            return atau_fail_os(error, reason, "cannot read %s", file->path);
        if (count == 0)
            return atau_fail(error, ADAPTAU_E_FORMAT, "%s ends at byte %" PRIu64, file->path, offset);
        bytes += count;
        offset += count;
        size -= count;
    }
    return ADAPTAU_OK;
}

static adaptau_status open_source(struct atau_safetensors *file, const struct atau_source *source, uint64_t *size,
                                  adaptau_error *error)
{
    file->path = source->path;
    file->bytes = source->bytes;
    file->file = ATAU_NO_FILE;
    *size = source->size;
    return source->bytes ? ADAPTAU_OK : atau_regular_file_open(source->path, &file->file, size, error);
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
        return atau_fail(error, ADAPTAU_E_FORMAT,
                         "%s is no safetensors file: it would begin with a header of %" PRIu64 " bytes, and has %" PRIu64, file->path,
                         length, size);
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
    struct atau_complaint complaint;
    if (!atau_safetensors_parse(file, &complaint))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s, byte %zu: %s", file->path, complaint.at + LENGTH_SIZE, complaint.text);
    sort_entries(file);
    if (!covers_data(file))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: its tensors do not cover its %" PRIu64 " bytes of data exactly",
                         file->path, file->data_size);
    return ADAPTAU_OK;
}

adaptau_status atau_safetensors_open(adaptau_context *context, struct atau_source source, struct atau_safetensors *file,
                                     adaptau_error *error)
{
    uint64_t size = 0;
    file->context = context;
    file->header = NULL;
    file->header_size = 0;
    file->n_entries = file->n_metadata = 0;
    adaptau_status status = open_source(file, &source, &size, error);
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
        if (atau_json_is(file->entries[i].name, name))
            return &file->entries[i];
    return NULL;
}

adaptau_status atau_safetensors_read(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry,
                                     void *out, int64_t stride, adaptau_error *error)
{
    if (entry->type == ATAU_FOREIGN)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s has a tensor of a type that is not read", file->path);
    const uint64_t size = atau_safetensors_types[entry->type].size, row_size = (uint64_t)entry->columns * size;
    const uint64_t offset = file->data_start + entry->begin;
    char          *bytes = out;
    if (stride == entry->columns || row_size == 0)
        return read_at(file, offset, bytes, entry->end - entry->begin, error);
    adaptau_status status = ADAPTAU_OK;
    for (int64_t r = 0; r < entry->rows && status == ADAPTAU_OK; r++)
        status = read_at(file, offset + (uint64_t)r * row_size, bytes + (uint64_t)(r * stride) * size, row_size, error);
    return status;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The halves are in the second half of the row: none is overwritten before it is read. */
static void widen(float *row, int64_t n, int32_t type)
{
    const char *halves = (const char *)row + n * (int64_t)sizeof(uint16_t);
    for (int64_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, halves + i * (int64_t)sizeof half, sizeof half);
        row[i] = type == ATAU_F16 ? atau_half_widen(half) : from_bits((uint32_t)half << 16);
    }
}

adaptau_status atau_safetensors_read_floats(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry,
                                            float *rows, int64_t stride, adaptau_error *error)
{
    const bool     whole = stride == entry->columns;
    const int64_t  n_rows = whole ? 1 : entry->rows, n = whole ? entry->rows * entry->columns : entry->columns;
    const uint64_t size = (uint64_t)n * sizeof(uint16_t);
    adaptau_status status = ADAPTAU_OK;
    if (entry->type == ATAU_F32)
        return atau_safetensors_read(file, entry, rows, stride, error);
    for (int64_t r = 0; r < n_rows && status == ADAPTAU_OK; r++) {
        float *row = rows + r * stride;
        status = read_at(file, file->data_start + entry->begin + (uint64_t)r * size, (char *)row + size, size, error);
        if (status == ADAPTAU_OK)
            widen(row, n, entry->type);
    }
    return status;
}

bool atau_safetensors_is_float(const struct atau_safetensors_entry *entry)
{
    return entry->type == ATAU_F32 || entry->type == ATAU_F16 || entry->type == ATAU_BF16;
}

const void *atau_safetensors_at(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry)
{
    return file->bytes + file->data_start + entry->begin;
}

bool atau_safetensors_has_sum(const struct atau_safetensors *file)
{
    const struct atau_safetensors_entry *entry = atau_safetensors_find(file, CHECKSUM_NAME);
    return entry && entry->type == ATAU_I32 && entry->end == file->data_size && entry->end - entry->begin == CHECKSUM_SIZE;
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
        if (atau_json_is(file->metadata[i].key, key))
            return atau_json_copy(file->metadata[i].value, out, size);
    return false;
}

bool atau_safetensors_has_metadata(const struct atau_safetensors *file, const char *key)
{
    for (int i = 0; i < file->n_metadata; i++)
        if (atau_json_is(file->metadata[i].key, key))
            return true;
    return false;
}

void atau_safetensors_close(struct atau_safetensors *file)
{
    if (file->file != ATAU_NO_FILE)
        atau_file_close(file->file);
    file->file = ATAU_NO_FILE;
    atau_free(file->context, file->header, file->header_size);
    file->header = NULL;
}
