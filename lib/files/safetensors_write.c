/* SPDX-License-Identifier: MIT */
#include "files/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "files/checksum.h"
#include "files/output.h"
#include "files/safetensors_format.h"

/* Where bytes go: nowhere while the header's are counted, then to the file and into its checksum. */
struct sink {
    struct atau_output  *output; /* NULL while counting                                                       */
    uint64_t             length;
    struct atau_checksum sum;
    adaptau_status       status;
    adaptau_error       *error;
};

static void put_bytes(struct sink *sink, const void *bytes, size_t size)
{
    sink->length += size;
    if (!sink->output || sink->status != ADAPTAU_OK)
        return;
    atau_checksum_add(&sink->sum, bytes, size);
    sink->status = atau_output_write(sink->output, bytes, size, sink->error);
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
    return tensor->rows * tensor->columns * (int64_t)atau_safetensors_types[tensor->type].size;
}

static void put_tensor(struct sink *sink, const struct atau_tensor *tensor, int64_t begin)
{
    put_string(sink, tensor->name);
    put_text(sink, ":{\"dtype\":\"");
    put_text(sink, atau_safetensors_types[tensor->type].name);
    put_text(sink, "\",\"shape\":[");
    put_integer(sink, tensor->rows);
    if (tensor->type != ATAU_U8) {
        put_text(sink, ",");
        put_integer(sink, tensor->columns);
    }
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

static void put_made_rows(struct sink *sink, const struct atau_made_rows *rows, int64_t n, size_t size)
{
    for (int64_t r = 0; r < n && sink->status == ADAPTAU_OK; r++) {
        rows->make(rows->argument, r, rows->row);
        put_bytes(sink, rows->row, size);
    }
}

static void put_rows(struct sink *sink, const struct atau_tensor *tensor)
{
    const size_t size = atau_safetensors_types[tensor->type].size, row = (size_t)tensor->columns * size;
    const char  *bytes = tensor->data;
    if (tensor->stride == ATAU_ROWS_ARE_MADE)
        put_made_rows(sink, tensor->data, tensor->rows, row);
    else if (tensor->stride == tensor->columns)
        put_bytes(sink, bytes, (size_t)tensor->rows * row);
    else
        for (int64_t r = 0; r < tensor->rows; r++)
            put_bytes(sink, bytes + (size_t)(r * tensor->stride) * size, row);
}

static adaptau_status write_content(struct atau_destination to, const struct content *content, adaptau_error *error)
{
    struct atau_output output;
    struct sink        count = {0}, sink = {.output = &output, .error = error};
    put_header(&count, content);
    adaptau_status status = atau_output_open(&output, to, error);
    if (status != ADAPTAU_OK)
        return status;
    put_bytes(&sink, &count.length, LENGTH_SIZE);
    put_header(&sink, content);
    for (int i = 0; i < content->n_tensors; i++)
        put_rows(&sink, &content->tensors[i]);
    const uint64_t sum = atau_checksum_value(&sink.sum);
    if (content->summed)
        put_bytes(&sink, &sum, CHECKSUM_SIZE);
    return atau_output_close(&output, sink.status, error);
}

adaptau_status atau_safetensors_write(struct atau_destination to, int n_tensors, const struct atau_tensor *tensors, int n_metadata,
                                      const struct atau_metadata *metadata, adaptau_error *error)
{
    return write_content(to, &(struct content){n_tensors, tensors, n_metadata, metadata, false}, error);
}

adaptau_status atau_safetensors_write_summed(struct atau_destination to, int n_tensors, const struct atau_tensor *tensors,
                                             int n_metadata, const struct atau_metadata *metadata, adaptau_error *error)
{
    return write_content(to, &(struct content){n_tensors, tensors, n_metadata, metadata, true}, error);
}
