/* SPDX-License-Identifier: MIT */
/* Models whose tables are a file in memory: a mapping of the library's or a buffer of the host's. Nothing is copied but the header
 * while it is parsed, and nothing is written. Everything is checked once as adaptau_model_load checks it, which reads all pages:
 * a model that is damaged should not answer, and pages that were read need not be fetched while a user waits. */
#include <adaptau/files.h>
#include <adaptau/model.h>

#include <stdint.h>

#include "common/error.h"
#include "files/attachments.h"
#include "kernels/check.h"
#include "kernels/halves.h"
#include "model/file.h"

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

/* A tensor where it lies, unless the numbers of its type lie at odd addresses. */
static adaptau_status find_place(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry, const char *name,
                                 size_t alignment, const void **out, adaptau_error *error)
{
    const void *at = atau_safetensors_at(file, entry);
    if ((uintptr_t)at % alignment != 0)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "%s: tensor \"%s\" begins at byte %llu, no multiple of %zu: load it", file->path,
                         name, (unsigned long long)(file->data_start + entry->begin), alignment);
    *out = at;
    return ADAPTAU_OK;
}

static adaptau_status refuse_type(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry, const char *name,
                                  const char *types, adaptau_error *error)
{
    char type[32] = "";
    atau_json_copy(entry->type_name, type, sizeof type);
    return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "%s: tensor \"%s\" has dtype %s, but without a copy there is %s alone: load it",
                     file->path, name, type, types);
}

/* Numbers in float32. */
static adaptau_status point_to(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry, const char *name,
                               float **out, adaptau_error *error)
{
    const void    *at = NULL;
    adaptau_status status = entry->type == ATAU_F32 ? find_place(file, entry, name, _Alignof(float), &at, error)
                                                    : refuse_type(file, entry, name, "F32", error);
    if (status == ADAPTAU_OK)
        *out = (float *)at; /* the model is read-only                                                         */
    return status;
}

/* The same of a matrix, all of whose entries are finite. */
static adaptau_status point_to_matrix(const struct atau_safetensors *file, const char *name, int32_t n, int32_t dim, float **out,
                                      adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = NULL;
    adaptau_status                       status = atau_model_find_table(file, name, n, dim, &entry, error);
    if (status == ADAPTAU_OK)
        status = point_to(file, entry, name, out, error);
    return status == ADAPTAU_OK ? atau_check_rows_finite(file->context, name, n, dim, *out, dim, error) : status;
}

static adaptau_status point_to_halves(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry, const char *name,
                                      const uint16_t **out, adaptau_error *error)
{
    const void    *at = NULL;
    adaptau_status status = find_place(file, entry, name, _Alignof(uint16_t), &at, error);
    if (status != ADAPTAU_OK)
        return status;
    const int64_t bad = atau_find_bad_half(at, entry->rows, entry->columns);
    if (bad < entry->rows)
        return atau_fail(error, ADAPTAU_E_NUMERIC, "%s[%lld] is not finite", name, (long long)bad);
    *out = at;
    return ADAPTAU_OK;
}

/* A table of embeddings, which may be in binary16. */
static adaptau_status point_to_table(const struct atau_safetensors *file, const char *name, int side, int32_t n, int32_t dim,
                                     struct atau_embeddings *out, adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = NULL;
    adaptau_status                       status = atau_model_find_table(file, name, n, dim, &entry, error);
    if (status != ADAPTAU_OK)
        return status;
    out->stride[side] = dim;
    if (entry->type == ATAU_F16)
        return point_to_halves(file, entry, name, &out->halves[side].rows, error);
    return entry->type == ATAU_F32 ? point_to_matrix(file, name, n, dim, &out->rows[side], error)
                                   : refuse_type(file, entry, name, "F32 and F16", error);
}

/* The same of a number for each item, where there are any. */
static adaptau_status point_to_numbers(const struct atau_safetensors *file, const char *name, int32_t n_items, float **out,
                                       adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = NULL;
    adaptau_status                       status = atau_model_find_numbers(file, name, n_items, &entry, error);
    if (status != ADAPTAU_OK || !entry)
        return status;
    status = point_to(file, entry, name, out, error);
    return status == ADAPTAU_OK ? atau_check_rows_finite(file->context, name, n_items, 1, *out, 1, error) : status;
}

/* All that a model consists of, in the file. */
struct pointers {
    struct atau_embeddings    raw;
    struct atau_encoding_view encoding; /* not of an identity                                                 */
    float                    *bias;     /* or NULL                                                            */
    float                    *log_q;    /* or NULL                                                            */
};

static adaptau_status point_to_tables(const struct atau_safetensors *file, const struct atau_model_shape *shape, const char *users,
                                      const char *items, struct atau_embeddings *out, adaptau_error *error)
{
    adaptau_status status = point_to_table(file, users, USERS, shape->n_users, shape->options.dim, out, error);
    return status == ADAPTAU_OK ? point_to_table(file, items, ITEMS, shape->n_items, shape->options.dim, out, error) : status;
}

static adaptau_status find_pointers(const struct atau_safetensors *file, const struct atau_model_shape *shape, struct pointers *p,
                                    adaptau_error *error)
{
    const struct atau_encoder *encoder = shape->encoder;
    const int32_t              dim = shape->options.dim;
    struct atau_embeddings    *finals = encoder->identity ? &p->raw : &p->encoding.final;
    adaptau_status             status = point_to_tables(file, shape, ATAU_USER_TENSOR, ATAU_ITEM_TENSOR, finals, error);
    if (status == ADAPTAU_OK && !encoder->identity)
        status = point_to_tables(file, shape, ATAU_RAW_USER_TENSOR, ATAU_RAW_ITEM_TENSOR, &p->raw, error);
    if (status == ADAPTAU_OK && encoder->has_matrix)
        status = point_to_matrix(file, ATAU_ENCODER_TENSOR, dim, dim, &p->encoding.own, error);
    if (status == ADAPTAU_OK)
        status = point_to_numbers(file, ATAU_BIAS_TENSOR, shape->n_items, &p->bias, error);
    return status == ADAPTAU_OK ? point_to_numbers(file, ATAU_LOG_Q_TENSOR, shape->n_items, &p->log_q, error) : status;
}

static adaptau_status make_model(const struct atau_safetensors *file, adaptau_model **out, adaptau_error *error)
{
    adaptau_model          *model = NULL;
    struct atau_model_shape shape = {0};
    struct pointers         p = {0};
    struct atau_embeddings  final;
    adaptau_status          status = atau_model_read_shape(file, &shape, error);
    if (status == ADAPTAU_OK)
        status = find_pointers(file, &shape, &p, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_model_allocate(file->context, shape.encoder, shape.n_users, shape.n_items, &shape.options, &p.raw, &model, error);
    if (status != ADAPTAU_OK)
        return status;
    atau_tables_borrow_bias(&model->tables, p.bias);
    status = atau_encoding_restore(&model->encoding, shape.encoder_options, &p.encoding, &final, error);
    if (status == ADAPTAU_OK)
        status = atau_model_read_folding(file, model, p.log_q, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    atau_tables_written_by_host(&model->tables); /* somebody else may have made the file                      */
    *out = model;
    return ADAPTAU_OK;
}

static adaptau_status view(const struct atau_safetensors *file, adaptau_attachment_function take, void *user_data,
                           adaptau_model **out, adaptau_error *error)
{
    adaptau_model *model = NULL;
    adaptau_status status = atau_model_check_sum(file, error);
    if (status == ADAPTAU_OK)
        status = make_model(file, &model, error);
    if (status == ADAPTAU_OK && take)
        status = atau_attachments_read(file, take, user_data, error);
    if (status == ADAPTAU_OK)
        *out = model;
    else
        adaptau_model_destroy(model);
    return status;
}

static adaptau_status open_and_view(adaptau_context *context, struct atau_source source, adaptau_attachment_function take,
                                    void *user_data, adaptau_model **out, adaptau_error *error)
{
    const size_t             size = sizeof(struct atau_safetensors);
    struct atau_safetensors *file = atau_allocate(context, size);
    if (!file)
        return atau_fail_memory(error, size, "reading the file's header");
    adaptau_status status = atau_safetensors_open(context, source, file, error);
    if (status == ADAPTAU_OK) {
        status = view(file, take, user_data, out, error);
        atau_safetensors_close(file);
    }
    atau_free(context, file, size);
    return status;
}

adaptau_status adaptau_model_view(adaptau_context *context, const void *bytes, int64_t size, adaptau_attachment_function take,
                                  void *user_data, adaptau_model **out, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_check_bytes(bytes, size, error);
    if (status != ADAPTAU_OK)
        return status;
    if ((uintptr_t)bytes % _Alignof(float) != 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "bytes is at an address that is no multiple of %zu", _Alignof(float));
    return open_and_view(context, atau_from_bytes(bytes, (uint64_t)size), take, user_data, out, error);
}

adaptau_status adaptau_model_map(adaptau_context *context, const char *path, adaptau_attachment_function take, void *user_data,
                                 adaptau_model **out, adaptau_error *error)
{
    struct atau_mapping mapping;
    adaptau_model      *model = NULL;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(path, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_mapping_open(&mapping, path, error);
    if (status != ADAPTAU_OK)
        return status;
    status = open_and_view(context, (struct atau_source){path, mapping.bytes, mapping.size}, take, user_data, &model, error);
    if (status != ADAPTAU_OK) {
        atau_mapping_close(&mapping);
        return status;
    }
    model->mapping = mapping;
    *out = model;
    return ADAPTAU_OK;
}
