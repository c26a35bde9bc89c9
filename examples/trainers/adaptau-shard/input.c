/* SPDX-License-Identifier: MIT */
#include "adaptau-shard/input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/preamble.h"

#define LARGEST_ID (INT32_MAX - 1)
#define HEADER_MOST (INT64_C(100) << 20) /* of safetensors                                                       */
#define AT_ONCE 8192

/* ---- pairs of numbers -------------------------------------------------------------------------------------------- */

static adaptau_status read_id(const struct fields *fields, int column, const char *kind, int32_t *id, adaptau_error *error)
{
    const struct field *field = &fields->row.fields[column];
    int64_t             value = 0;
    size_t              i = 0;
    for (; i < field->length && field->at[i] >= '0' && field->at[i] <= '9' && value <= LARGEST_ID; i++)
        value = value * 10 + (field->at[i] - '0');
    if (i < field->length || field->length == 0 || value > LARGEST_ID)
        return fields_fail(fields, field->at, error, "no %s id here, a whole number from 0 to %d: names are not sharded", kind,
                           LARGEST_ID);
    *id = (int32_t)value;
    return ADAPTAU_OK;
}

static adaptau_status read_row(const struct fields *fields, const struct columns *columns, int n_fields, pair_visitor visit,
                               void *user_data, struct id_extent *extent, adaptau_error *error)
{
    int32_t user = 0, item = 0;
    if (fields->row.n != n_fields)
        return fields_fail(fields, fields->row.begin, error, "%d fields, but %d in the other lines", fields->row.n, n_fields);
    adaptau_status status = read_id(fields, columns->at[ROLE_USER], "user", &user, error);
    if (!status)
        status = read_id(fields, columns->at[ROLE_ITEM], "item", &item, error);
    if (status)
        return status;
    extent->largest_user = user > extent->largest_user ? user : extent->largest_user;
    extent->largest_item = item > extent->largest_item ? item : extent->largest_item;
    return visit(user_data, user, item, error);
}

static adaptau_status read_rows_of_table(struct bytes *bytes, const struct layout *layout, pair_visitor visit, void *user_data,
                                         struct id_extent *extent, adaptau_error *error)
{
    static const struct read_options options = {0};
    static struct fields             fields;
    struct columns                   columns;
    bool                             more = true;
    adaptau_status                   status = ADAPTAU_OK;
    fields_begin(&fields, bytes, layout->separator);
    if (layout->header)
        status = fields_next(&fields, &more, error);
    if (!status)
        status = columns_find(&options, layout, layout->header ? &fields.row : NULL, bytes->name, &columns, error);
    while (!status && !(status = fields_next(&fields, &more, error)) && more)
        status = read_row(&fields, &columns, layout->n_fields, visit, user_data, extent, error);
    return status;
}

static adaptau_status read_text(const char *path, pair_visitor visit, void *user_data, struct id_extent *extent,
                                adaptau_error *error)
{
    static const struct read_options options = {0};
    struct bytes                     bytes;
    struct text                      text;
    struct layout                    layout;
    struct preamble                  preamble;
    adaptau_status                   status = bytes_open(&bytes, path, error);
    if (status)
        return status;
    status = bytes_sample(&bytes, LAYOUT_SAMPLE, error);
    if (!status)
        status = preamble_take(&bytes, &preamble, error);
    if (!status && preamble.matrix)
        status = fail(error, ADAPTAU_E_FORMAT, "%s: ids of Matrix Market files count from 1, and ids of shards from 0", shown_path(path));
    if (!status)
        status = layout_find(&bytes, &options, true, &layout, error);
    if (!status && layout.lists) {
        text_begin(&text, &bytes);
        status = read_lists_each(&text, visit, user_data, extent, error);
    } else if (!status)
        status = read_rows_of_table(&bytes, &layout, visit, user_data, extent, error);
    bytes_close(&bytes);
    return status;
}

/* ---- safetensors ------------------------------------------------------------------------------------------------- */

struct tensor {
    int64_t begin, n; /* bytes from the start of the file; numbers                                             */
    int     width;    /* bytes of a number                                                                     */
};

static adaptau_status refuse(const char *path, const char *why, adaptau_error *error)
{
    return fail(error, ADAPTAU_E_FORMAT, "%s: %s", shown_path(path), why);
}

/* {"dtype":"I64","shape":[N],"data_offsets":[A,B]} behind the name. Headers are one line of JSON without spaces, or nearly. */
static bool find_tensor(const char *header, const char *name, int64_t data, struct tensor *out)
{
    char        quoted[32];
    int64_t     begin, end;
    const char *at, *type, *offsets, *stop;
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    at = strstr(header, quoted);
    stop = at ? strchr(at, '}') : NULL;
    type = at ? strstr(at, "\"dtype\"") : NULL;
    offsets = at ? strstr(at, "\"data_offsets\"") : NULL;
    if (!stop || !type || !offsets || type > stop || offsets > stop)
        return false;
    type = strchr(type + 7, 'I');
    offsets = strchr(offsets, '[');
    if (!type || type > stop || !offsets || sscanf(offsets, "[ %" SCNd64 " , %" SCNd64, &begin, &end) != 2)
        return false;
    out->width = strncmp(type, "I64\"", 4) == 0 ? 8 : strncmp(type, "I32\"", 4) == 0 ? 4 : 0;
    out->begin = data + begin;
    out->n = out->width && end >= begin && begin >= 0 ? (end - begin) / out->width : -1;
    return out->n >= 0;
}

/* Numbers of a tensor as they come. */
struct numbers {
    FILE         *file;
    struct tensor tensor;
    int64_t       next, filled, used;
    int64_t       values[AT_ONCE];
};

static bool next_number(struct numbers *s, int64_t *out)
{
    if (s->used == s->filled) {
        char          bytes[AT_ONCE * 8];
        const int64_t left = s->tensor.n - s->next, n = left < AT_ONCE ? left : AT_ONCE;
        if (n <= 0 || fseek(s->file, (long)(s->tensor.begin + s->next * s->tensor.width), SEEK_SET) != 0 ||
            fread(bytes, (size_t)s->tensor.width, (size_t)n, s->file) != (size_t)n)
            return false;
        for (int64_t k = 0; k < n; k++) {
            int32_t narrow;
            memcpy(&narrow, bytes + 4 * k, sizeof narrow);
            if (s->tensor.width == 8)
                memcpy(&s->values[k], bytes + 8 * k, 8);
            else
                s->values[k] = narrow;
        }
        s->next += n;
        s->filled = n;
        s->used = 0;
    }
    *out = s->values[s->used++];
    return true;
}

static adaptau_status read_rows(const char *path, struct numbers *indptr, struct numbers *indices, pair_visitor visit,
                                void *user_data, struct id_extent *extent, adaptau_error *error)
{
    int64_t        from, to = 0, item;
    adaptau_status status = ADAPTAU_OK;
    if (indptr->tensor.n < 1 || indptr->tensor.n > INT32_MAX || !next_number(indptr, &from) || from != 0)
        return refuse(path, "indptr does not begin with 0", error);
    for (int64_t user = 0; user + 1 < indptr->tensor.n && !status; user++, from = to) {
        if (!next_number(indptr, &to) || to < from || to > indices->tensor.n)
            return refuse(path, "indptr decreases, or points behind indices", error);
        extent->largest_user = (int32_t)user;
        for (int64_t k = from; k < to && !status; k++) {
            if (!next_number(indices, &item) || item < 0 || item > LARGEST_ID)
                return refuse(path, "an index is no item id", error);
            extent->largest_item = item > extent->largest_item ? (int32_t)item : extent->largest_item;
            status = visit(user_data, (int32_t)user, (int32_t)item, error);
        }
    }
    return status;
}

static adaptau_status read_header(FILE *file, const char *path, char **header, int64_t *size, adaptau_error *error)
{
    if (fread(size, sizeof *size, 1, file) != 1 || *size < 2 || *size > HEADER_MOST)
        return refuse(path, "no safetensors header", error);
    *header = calloc((size_t)*size + 1, 1);
    if (!*header)
        return fail_memory(error, shown_path(path));
    return fread(*header, 1, (size_t)*size, file) == (size_t)*size ? ADAPTAU_OK : refuse(path, "the header is cut off", error);
}

static adaptau_status read_safetensors(const char *path, pair_visitor visit, void *user_data, struct id_extent *extent,
                                       adaptau_error *error)
{
    static struct numbers indptr, indices;
    char                 *header = NULL;
    int64_t               size = 0;
    FILE                 *file = fopen(path, "rb");
    if (!file)
        return fail_os(error, errno, "%s", shown_path(path));
    indptr = (struct numbers){.file = file};
    indices = (struct numbers){.file = file};
    adaptau_status status = read_header(file, path, &header, &size, error);
    if (!status && (!find_tensor(header, "indptr", 8 + size, &indptr.tensor) ||
                    !find_tensor(header, "indices", 8 + size, &indices.tensor)))
        status = refuse(path, "no tensors indptr and indices of I64 or I32", error);
    if (!status)
        status = read_rows(path, &indptr, &indices, visit, user_data, extent, error);
    free(header);
    fclose(file);
    return status;
}

adaptau_status input_read(const char *path, pair_visitor visit, void *user_data, struct id_extent *extent,
                          adaptau_error *error)
{
    const char *end = strrchr(path, '.');
    return end && strcmp(end, ".safetensors") == 0 ? read_safetensors(path, visit, user_data, extent, error)
                                                   : read_text(path, visit, user_data, extent, error);
}
