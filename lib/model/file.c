/* SPDX-License-Identifier: MIT */
/* Models as files. Final embeddings are in a file, and the raw tables where they are others; how scores are formed from them
 * is in the metadata. A program that only scores needs nothing but the first two
 * tensors, whatever the encoder. */
#include <math.h>
#include <string.h>

#include "common/error.h"
#include "common/half.h"
#include "files/attachments.h"
#include "files/npy.h"
#include "kernels/check.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"
#include "model/encoders/registry.h"
#include "model/file.h"

#define SCORE_KEY "adaptau.score"
#define ENCODER_KEY "adaptau.encoder"
#define ENCODER_OPTIONS_KEY "adaptau.encoder_options"
#define RAW_ROWS_KEY "adaptau.raw_rows" /* "unit", or absent */
#define FOLDING_KEY "adaptau.fold_in"    /* words, or absent */
#define RANKING_KEY "adaptau.ranking"   /* "inner_product", or absent: as scores */

/* ---- saving ---------------------------------------------------------------------------------------------------------- */

/* "cosine", "raw_users", "raw_items" or "inner_product", and " free_length". */
static const char *const SCORES[8] = {"cosine",
                                      "raw_users",
                                      "raw_items",
                                      "inner_product",
                                      "cosine free_length",
                                      "raw_users free_length",
                                      "raw_items free_length",
                                      "inner_product free_length"};

#define UNIT "unit"
#define INNER_PRODUCT "inner_product"

static int score_number(const adaptau_model *model)
{
    return (model->tables.side[ADAPTAU_SIDE_USERS].raw ? 1 : 0) + (model->tables.side[ADAPTAU_SIDE_ITEMS].raw ? 2 : 0) +
           (model->tables.free_length ? 4 : 0);
}

static const char *const final_names[2] = {ATAU_USER_TENSOR, ATAU_ITEM_TENSOR};
static const char *const raw_names[2] = {ATAU_RAW_USER_TENSOR, ATAU_RAW_ITEM_TENSOR};

static void add_tensor(struct atau_model_content *c, const char *name, int64_t rows, int64_t columns, const float *data,
                       int64_t stride)
{
    c->tensors[c->n_tensors++] = (struct atau_tensor){name, rows, columns, data, stride, ATAU_F32};
}

/* ---- embeddings of another type than they have in memory ---- */

static void make_float_row(const void *argument, int64_t r, void *out)
{
    const struct atau_table_of_file *t = argument;
    atau_embedding(&t->embeddings, t->kernels, t->side, r, t->dim, out);
}

/* Halves keep their bits, whatever rows are made of them. */
static void make_half_row(const void *argument, int64_t r, void *out)
{
    const struct atau_table_of_file *t = argument;
    const uint16_t                  *halves = t->embeddings.halves[t->side].rows;
    uint16_t                        *row = out;
    if (halves) {
        memcpy(row, halves + r * t->dim, (size_t)t->dim * sizeof *row);
        return;
    }
    const float *from = atau_embedding(&t->embeddings, t->kernels, t->side, r, t->dim, NULL);
    for (int64_t k = 0; k < t->dim; k++)
        row[k] = atau_half_narrow(from[k]);
}

/* Below, the least bits of all numbers of a row are lost; from the other on, a number becomes infinite. */
#define BEYOND_HALF 65520.0f

static adaptau_status check_half_rows(const struct atau_embeddings *embeddings, int side, int32_t n, int64_t dim, const char *name,
                                      adaptau_error *error)
{
    for (int32_t r = 0; r < n && !embeddings->halves[side].rows; r++) {
        const float *row = embeddings->rows[side] + r * embeddings->stride[side];
        float        largest = 0.0f;
        for (int64_t k = 0; k < dim; k++) {
            if (!(fabsf(row[k]) < BEYOND_HALF))
                return atau_fail(error, ADAPTAU_E_NUMERIC, "%s[%d] has the number %g, but F16 ends at 65504: save it in F32", name, r,
                                 (double)row[k]);
            largest = fmaxf(largest, fabsf(row[k]));
        }
        if (largest > 0.0f && largest < ATAU_HALF_LEAST_NORMAL)
            return atau_fail(error, ADAPTAU_E_NUMERIC, "%s[%d] has no number above %g, and F16 would lose most of it: save it in F32", name,
                             r, (double)largest);
    }
    return ADAPTAU_OK;
}

static bool is_another_type(const struct atau_embeddings *embeddings, int side, bool half)
{
    return half || embeddings->halves[side].rows;
}

static adaptau_status make_room_for_row(const adaptau_model *model, struct atau_model_content *c, adaptau_error *error)
{
    const size_t bytes = (size_t)model->tables.dim * sizeof(float);
    if (!c->row)
        c->row = atau_allocate(model->context, bytes);
    return c->row ? ADAPTAU_OK : atau_fail_memory(error, bytes, "a row of the file");
}

void atau_model_free_content(const adaptau_model *model, struct atau_model_content *content)
{
    atau_free(model->context, content->row, (size_t)model->tables.dim * sizeof(float));
    content->row = NULL;
}

static adaptau_status add_table(const adaptau_model *model, const struct atau_embeddings *embeddings, int side, const char *name, bool half,
                                struct atau_table_of_file *table, struct atau_model_content *c, adaptau_error *error)
{
    const int32_t  n = model->tables.side[side].n_rows;
    const int64_t  dim = model->tables.dim;
    adaptau_status status = ADAPTAU_OK;
    if (half)
        status = check_half_rows(embeddings, side, n, dim, name, error);
    add_tensor(c, name, n, dim, embeddings->rows[side], embeddings->stride[side]);
    if (status != ADAPTAU_OK || !is_another_type(embeddings, side, half))
        return status;
    status = make_room_for_row(model, c, error);
    *table = (struct atau_table_of_file){atau_kernels_of(model->context), *embeddings, side, dim,
                                         {half ? make_half_row : make_float_row, table, c->row}};
    struct atau_tensor *tensor = &c->tensors[c->n_tensors - 1];
    tensor->type = half ? ATAU_F16 : ATAU_F32;
    tensor->data = &table->rows;
    tensor->stride = ATAU_ROWS_ARE_MADE;
    return status;
}

static adaptau_status add_tables(const adaptau_model *model, const struct atau_embeddings *embeddings, const char *const names[2],
                                 bool half, struct atau_table_of_file tables[2], struct atau_model_content *content, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        status = add_table(model, embeddings, side, names[side], half, &tables[side], content, error);
    return status;
}

/* Tables in binary16 come behind what is in float32, which lies at multiples of 4 bytes then, whatever the sizes are. */
static void put_halves_last(struct atau_model_content *c)
{
    struct atau_tensor sorted[ATAU_CONTENT_TENSORS];
    int                n = 0;
    for (int half = 0; half < 2; half++)
        for (int t = 0; t < c->n_tensors; t++)
            if ((c->tensors[t].type == ATAU_F16) == half)
                sorted[n++] = c->tensors[t];
    memcpy(c->tensors, sorted, (size_t)n * sizeof *sorted);
}

static void add_metadata(struct atau_model_content *c, const char *key, const char *value)
{
    c->metadata[c->n_metadata++] = (struct atau_metadata){key, value};
}

/* The model's loss is there, too: it is what new users walk down. */
static int list_folding_fields(adaptau_fold_in_options *o, adaptau_loss *loss, struct atau_field out[ATAU_MOST_FIELDS])
{
    const struct atau_field fields[] = {
        ATAU_FIELD(o->flags),
        ATAU_FIELD(o->tau_user_policy),
        ATAU_FIELD(o->n_steps),
        ATAU_FIELD(o->tau),
        ATAU_FIELD(o->threshold),
        ATAU_FIELD(o->divisor),
        ATAU_FIELD(o->target_strength),
        ATAU_FIELD(o->popularity_exponent),
        ATAU_FIELD(loss->kind),
        ATAU_FIELD(loss->margin),
        ATAU_FIELD(loss->negative_weight),
        ATAU_FIELD(loss->top_k),
        ATAU_FIELD(loss->activation),
        ATAU_FIELD(loss->weight_tau),
        ATAU_FIELD(loss->positive_scale),
    };
    memcpy(out, fields, sizeof fields);
    return (int)(sizeof fields / sizeof *fields);
}

static void add_folding(const adaptau_model *model, struct atau_model_content *content)
{
    struct atau_field       fields[ATAU_MOST_FIELDS];
    adaptau_fold_in_options options = model->folding.options;
    adaptau_loss            loss = model->objective.loss;
    if (!model->folding.present)
        return;
    atau_words_write(fields, list_folding_fields(&options, &loss, fields), content->folding);
    add_metadata(content, FOLDING_KEY, content->folding);
    if (model->folding.log_q)
        add_tensor(content, ATAU_LOG_Q_TENSOR, model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows, 1, model->folding.log_q, 1);
}

adaptau_status atau_model_list_content(const adaptau_model *model, bool half, struct atau_model_content *content, adaptau_error *error)
{
    struct atau_embeddings   final, raw = atau_tables_raw(&model->tables);
    const struct atau_table *own = &model->tables.own;
    adaptau_status           status = atau_encoding_forward(&model->encoding, &final, error);
    if (status == ADAPTAU_OK)
        status = add_tables(model, &final, final_names, half, content->tables, content, error);
    if (status == ADAPTAU_OK && !model->encoding.encoder->identity)
        status = add_tables(model, &raw, raw_names, half, content->tables + 2, content, error);
    if (status != ADAPTAU_OK)
        return status;
    if (own->n_rows > 0)
        add_tensor(content, ATAU_ENCODER_TENSOR, own->n_rows, model->tables.dim, own->rows, own->stride);
    if (model->tables.item_bias)
        add_tensor(content, ATAU_BIAS_TENSOR, model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows, 1, model->tables.item_bias, 1);
    model->encoding.encoder->describe(&model->encoding, content->encoder_options);
    add_metadata(content, "format", "adaptau");
    add_metadata(content, ENCODER_KEY, model->encoding.encoder->name);
    add_metadata(content, SCORE_KEY, SCORES[score_number(model)]);
    add_metadata(content, "adaptau.version", ADAPTAU_VERSION_STRING);
    if (model->tables.unit_raw_rows)
        add_metadata(content, RAW_ROWS_KEY, UNIT);
    if (model->tables.rank_raw)
        add_metadata(content, RANKING_KEY, INNER_PRODUCT);
    if (content->encoder_options[0])
        add_metadata(content, ENCODER_OPTIONS_KEY, content->encoder_options);
    add_folding(model, content);
    if (half)
        put_halves_last(content);
    return ADAPTAU_OK;
}

/* A file with attachments ends in a checksum: what belongs together was written together. */
static adaptau_status save(const adaptau_model *model, bool half, struct atau_destination to, int32_t n,
                           const adaptau_attachment *attachments, adaptau_error *error)
{
    struct atau_model_content c = {0};
    char                      names[ADAPTAU_ATTACHMENTS_MAX][ATAU_ATTACHMENT_TEXT];
    adaptau_status            status = atau_model_list_content(model, half, &c, error);
    if (status == ADAPTAU_OK)
        status = atau_attachments_list(n, attachments, c.tensors + c.n_tensors, names, error);
    if (status == ADAPTAU_OK)
        status = (n > 0 ? atau_safetensors_write_summed : atau_safetensors_write)(to, c.n_tensors + n, c.tensors, c.n_metadata, c.metadata,
                                                                                  error);
    atau_model_free_content(model, &c);
    return status;
}

static adaptau_status enter_and_save(const adaptau_model *model, bool half, struct atau_destination to, int32_t n,
                                     const adaptau_attachment *attachments, adaptau_error *error)
{
    if (n > 0)
        ATAU_REQUIRE(attachments, error);
    adaptau_status status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = save(model, half, to, n, attachments, error);
    atau_model_leave_shared(model);
    return status;
}

static adaptau_status save_at(const adaptau_model *model, bool half, const char *path, int32_t n, const adaptau_attachment *attachments,
                              adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(path, error);
    return enter_and_save(model, half, atau_to_path(path), n, attachments, error);
}

static adaptau_status save_to(const adaptau_model *model, bool half, adaptau_write_function write, void *user_data, int32_t n,
                              const adaptau_attachment *attachments, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(write, error);
    return enter_and_save(model, half, (struct atau_destination){.write = write, .user_data = user_data}, n, attachments, error);
}

adaptau_status adaptau_model_save_with(const adaptau_model *model, const char *path, int32_t n,
                                       const adaptau_attachment *attachments, adaptau_error *error)
{
    return save_at(model, false, path, n, attachments, error);
}

adaptau_status adaptau_model_save_half(const adaptau_model *model, const char *path, int32_t n,
                                       const adaptau_attachment *attachments, adaptau_error *error)
{
    return save_at(model, true, path, n, attachments, error);
}

adaptau_status adaptau_model_save_to(const adaptau_model *model, adaptau_write_function write, void *user_data, int32_t n,
                                     const adaptau_attachment *attachments, adaptau_error *error)
{
    return save_to(model, false, write, user_data, n, attachments, error);
}

adaptau_status adaptau_model_save_half_to(const adaptau_model *model, adaptau_write_function write, void *user_data, int32_t n,
                                          const adaptau_attachment *attachments, adaptau_error *error)
{
    return save_to(model, true, write, user_data, n, attachments, error);
}

adaptau_status adaptau_model_save(const adaptau_model *model, const char *path, adaptau_error *error)
{
    return adaptau_model_save_with(model, path, 0, NULL, error);
}

/* ---- loading --------------------------------------------------------------------------------------------------------- */

/* A file without our metadata holds tables for cosine scores of any length. */
static adaptau_status read_score(const struct atau_safetensors *file, uint32_t *flags, adaptau_error *error)
{
    char text[64];
    *flags = ADAPTAU_MODEL_FREE_LENGTH;
    if (!atau_safetensors_metadata(file, SCORE_KEY, text, sizeof text))
        return ADAPTAU_OK;
    for (uint32_t number = 0; number < 8; number++)
        if (strcmp(text, SCORES[number]) == 0) {
            *flags = (number & 1 ? ADAPTAU_MODEL_RAW_USERS : 0) | (number & 2 ? ADAPTAU_MODEL_RAW_ITEMS : 0) |
                     (number & 4 ? ADAPTAU_MODEL_FREE_LENGTH : 0);
            return ADAPTAU_OK;
        }
    return atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s is unknown to this version", file->path, SCORE_KEY);
}

/* A key that is absent or has this one value. */
static adaptau_status read_flag(const struct atau_safetensors *file, const char *key, const char *value, uint32_t flag,
                                uint32_t *flags, adaptau_error *error)
{
    char text[64];
    if (!atau_safetensors_metadata(file, key, text, sizeof text))
        return ADAPTAU_OK;
    if (strcmp(text, value) != 0)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s is unknown to this version", file->path, key);
    *flags |= flag;
    return ADAPTAU_OK;
}

/* A tensor that should be a matrix of floats and is another thing: say which. */
static adaptau_status refuse_tensor(const struct atau_safetensors *file, const char *name,
                                    const struct atau_safetensors_entry *entry, adaptau_error *error)
{
    char type[32] = "";
    if (!atau_json_copy(entry->type_name, type, sizeof type))
        strcpy(type, "of a long name");
    return atau_fail(error, ADAPTAU_E_FORMAT, "%s: tensor \"%s\" has dtype %s and %d dimensions, not F32, F16 or BF16 and 2",
                     file->path, name, type, entry->rank);
}

static adaptau_status check_shapes(const struct atau_safetensors *file, const struct atau_safetensors_entry *users,
                                   const struct atau_safetensors_entry *items, adaptau_error *error)
{
    if (!users || !items)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: no tensor \"%s\"", file->path, users ? ATAU_ITEM_TENSOR : ATAU_USER_TENSOR);
    for (int side = 0; side < 2; side++) {
        const struct atau_safetensors_entry *entry = side == ADAPTAU_SIDE_USERS ? users : items;
        if (entry->rank != 2 || !atau_safetensors_is_float(entry))
            return refuse_tensor(file, final_names[side], entry, error);
    }
    if (users->columns != items->columns)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: users have %lld columns and items %lld", file->path,
                         (long long)users->columns, (long long)items->columns);
    if (users->columns < 1 || users->columns > ADAPTAU_MAX_DIM)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: %lld columns are outside 1 ... %d", file->path,
                         (long long)users->columns, ADAPTAU_MAX_DIM);
    if (users->rows > INT32_MAX || items->rows > INT32_MAX)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: more than 2^31 - 1 rows", file->path);
    return ADAPTAU_OK;
}

static adaptau_status find_encoder(const struct atau_safetensors *file, const struct atau_encoder **out, adaptau_error *error)
{
    char text[64];
    *out = atau_encoder_by_number(ADAPTAU_ENCODER_MF);
    if (!atau_safetensors_metadata(file, ENCODER_KEY, text, sizeof text))
        return ADAPTAU_OK;
    *out = atau_encoder_by_name(text);
    return *out ? ADAPTAU_OK
                : atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s is unknown to this version", file->path, ENCODER_KEY);
}

adaptau_status atau_model_find_table(const struct atau_safetensors *file, const char *name, int32_t n, int32_t dim,
                                     const struct atau_safetensors_entry **out, adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = atau_safetensors_find(file, name);
    if (entry && (entry->rank != 2 || !atau_safetensors_is_float(entry)))
        return refuse_tensor(file, name, entry, error);
    if (!entry || entry->rows != n || entry->columns != dim)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: no tensor \"%s\" of %d x %d", file->path, name, n, dim);
    *out = entry;
    return ADAPTAU_OK;
}

adaptau_status atau_model_check_tables(const struct atau_safetensors *file, const struct atau_encoder *encoder, int32_t n_users,
                                       int32_t n_items, int32_t dim, adaptau_error *error)
{
    const char *const                   *names = encoder->identity ? final_names : raw_names;
    const struct atau_safetensors_entry *entry;
    adaptau_status                       status = atau_model_find_table(file, names[ADAPTAU_SIDE_USERS], n_users, dim, &entry, error);
    if (status == ADAPTAU_OK)
        status = atau_model_find_table(file, names[ADAPTAU_SIDE_ITEMS], n_items, dim, &entry, error);
    if (status == ADAPTAU_OK && encoder->has_matrix)
        status = atau_model_find_table(file, ATAU_ENCODER_TENSOR, dim, dim, &entry, error);
    return status;
}

static adaptau_status read_table(const struct atau_safetensors *file, const char *name, const adaptau_model *model, int32_t n,
                                 float *rows, int64_t stride, adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = NULL;
    adaptau_status                       status = atau_model_find_table(file, name, n, model->tables.dim, &entry, error);
    if (status == ADAPTAU_OK)
        status = atau_safetensors_read_floats(file, entry, rows, stride, error);
    return status == ADAPTAU_OK ? atau_check_rows_finite(model->context, name, n, model->tables.dim, rows, stride, error) : status;
}

static adaptau_status read_tables(const struct atau_safetensors *file, const char *const names[2], const adaptau_model *model,
                                  const struct atau_embeddings *into, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        status = read_table(file, names[side], model, model->tables.side[side].n_rows, into->rows[side], into->stride[side], error);
    return status;
}

adaptau_status atau_model_find_numbers(const struct atau_safetensors *file, const char *name, int32_t n_items,
                                       const struct atau_safetensors_entry **out, adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = atau_safetensors_find(file, name);
    if (entry && (entry->rows != n_items || entry->columns != 1 || !atau_safetensors_is_float(entry)))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: \"%s\" is %lld x %lld or no floats, but there are %d items", file->path,
                         name, (long long)entry->rows, (long long)entry->columns, n_items);
    *out = entry;
    return ADAPTAU_OK;
}

static adaptau_status read_item_numbers(const struct atau_safetensors *file, const char *name,
                                        const struct atau_safetensors_entry *entry, const adaptau_model *model, float *out,
                                        adaptau_error *error)
{
    adaptau_status status = atau_safetensors_read_floats(file, entry, out, 1, error);
    return status == ADAPTAU_OK
               ? atau_check_rows_finite(model->context, name, model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows, 1, out, 1, error)
               : status;
}

static adaptau_status read_bias(const struct atau_safetensors *file, adaptau_model *model, adaptau_error *error)
{
    const int32_t                        n = model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows;
    const struct atau_safetensors_entry *entry = NULL;
    adaptau_status                       status = atau_model_find_numbers(file, ATAU_BIAS_TENSOR, n, &entry, error);
    if (status != ADAPTAU_OK || !entry)
        return status;
    status = atau_tables_make_bias(&model->tables, error);
    return status == ADAPTAU_OK ? read_item_numbers(file, ATAU_BIAS_TENSOR, entry, model, model->tables.item_bias, error) : status;
}

/* All rows of a side that was rounded, as a mapped file has them; not only those that rounding has taken far. */
static void round_back(const struct atau_safetensors *file, const char *const names[2], adaptau_model *model)
{
    for (int side = 0; side < 2; side++)
        if (atau_safetensors_find(file, names[side])->type != ATAU_F32)
            atau_tables_round_back(&model->tables, side);
}

adaptau_status atau_model_read_raw(const struct atau_safetensors *file, adaptau_model *model, adaptau_error *error)
{
    const struct atau_embeddings raw = atau_tables_raw(&model->tables);
    const struct atau_table     *own = &model->tables.own;
    const char *const           *names = model->encoding.encoder->identity ? final_names : raw_names;
    adaptau_status               status = read_tables(file, names, model, &raw, error);
    if (status == ADAPTAU_OK)
        round_back(file, names, model);
    if (status == ADAPTAU_OK && own->n_rows > 0)
        status = read_table(file, ATAU_ENCODER_TENSOR, model, own->n_rows, own->rows, own->stride, error);
    if (status == ADAPTAU_OK)
        atau_tables_bring_back(&model->tables); /* somebody else may have made the file, or a host its rows       */
    return status == ADAPTAU_OK ? read_bias(file, model, error) : status;
}

adaptau_status atau_model_read_shape(const struct atau_safetensors *file, struct atau_model_shape *shape, adaptau_error *error)
{
    const struct atau_safetensors_entry *entries[2] = {atau_safetensors_find(file, ATAU_USER_TENSOR),
                                                       atau_safetensors_find(file, ATAU_ITEM_TENSOR)};
    uint32_t                            *flags = &shape->options.flags;
    adaptau_status                       status = check_shapes(file, entries[0], entries[1], error);
    if (status == ADAPTAU_OK)
        status = read_score(file, flags, error);
    if (status == ADAPTAU_OK)
        status = read_flag(file, RAW_ROWS_KEY, UNIT, ADAPTAU_MODEL_UNIT_RAW_ROWS, flags, error);
    if (status == ADAPTAU_OK)
        status = read_flag(file, RANKING_KEY, INNER_PRODUCT, ADAPTAU_MODEL_RANK_RAW, flags, error);
    if (status == ADAPTAU_OK)
        status = find_encoder(file, &shape->encoder, error);
    if (status == ADAPTAU_OK && shape->encoder->identity && *flags & ADAPTAU_MODEL_UNIT_RAW_ROWS)
        status = atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s goes with an encoder, not with mf", file->path, RAW_ROWS_KEY);
    if (status != ADAPTAU_OK)
        return status;
    shape->n_users = (int32_t)entries[0]->rows;
    shape->n_items = (int32_t)entries[1]->rows;
    shape->options.dim = (int32_t)entries[0]->columns;
    shape->encoder_options[0] = '\0';
    atau_safetensors_metadata(file, ENCODER_OPTIONS_KEY, shape->encoder_options, sizeof shape->encoder_options);
    return atau_model_check_tables(file, shape->encoder, shape->n_users, shape->n_items, shape->options.dim, error);
}

static adaptau_status read_log_q(const struct atau_safetensors *file, adaptau_model *model, adaptau_error *error)
{
    const int32_t                        n = model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows;
    const struct atau_safetensors_entry *entry = NULL;
    adaptau_status                       status = atau_model_find_numbers(file, ATAU_LOG_Q_TENSOR, n, &entry, error);
    if (status == ADAPTAU_OK && !entry)
        status = atau_fail(error, ADAPTAU_E_FORMAT, "%s: no tensor \"" ATAU_LOG_Q_TENSOR "\", which metadata " FOLDING_KEY " needs",
                           file->path);
    if (status == ADAPTAU_OK)
        status = atau_folding_make_log_q(&model->folding, &model->tables, error);
    return status == ADAPTAU_OK ? read_item_numbers(file, ATAU_LOG_Q_TENSOR, entry, model, model->folding.log_q, error) : status;
}

adaptau_status atau_model_read_folding(const struct atau_safetensors *file, adaptau_model *model, float *log_q, adaptau_error *error)
{
    struct atau_field       fields[ATAU_MOST_FIELDS];
    adaptau_fold_in_options options = {.struct_size = sizeof options};
    adaptau_loss            loss = {.struct_size = sizeof loss};
    adaptau_error           why = {0};
    if (!atau_safetensors_has_metadata(file, FOLDING_KEY))
        return ADAPTAU_OK;
    adaptau_status status = atau_words_read(file, FOLDING_KEY, fields, list_folding_fields(&options, &loss, fields), error);
    if (status != ADAPTAU_OK)
        return status;
    if (atau_folding_check(&options, &why) != ADAPTAU_OK || adaptau_model_set_loss(model, &loss, &why) != ADAPTAU_OK)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s: %.150s", file->path, FOLDING_KEY, why.message);
    model->folding = (struct atau_folding){.present = true, .options = options};
    if (options.popularity_exponent == 0.0)
        return ADAPTAU_OK;
    model->folding.log_q = log_q;
    model->folding.viewed = log_q != NULL;
    return log_q ? ADAPTAU_OK : read_log_q(file, model, error);
}

/* The encoder's state, the final embeddings, and the raw tables where they are others. */
static adaptau_status read_embeddings(const struct atau_safetensors *file, const struct atau_model_shape *shape,
                                      adaptau_model *model, adaptau_error *error)
{
    struct atau_embeddings final;
    adaptau_status         status = atau_encoding_restore(&model->encoding, shape->encoder_options, NULL, &final, error);
    if (status == ADAPTAU_OK && !shape->encoder->identity)
        status = read_tables(file, final_names, model, &final, error);
    return status == ADAPTAU_OK ? atau_model_read_raw(file, model, error) : status;
}

static adaptau_status load(struct atau_safetensors *file, adaptau_model **out, adaptau_error *error)
{
    adaptau_model          *model = NULL;
    struct atau_model_shape shape = {0};
    adaptau_status          status = atau_model_read_shape(file, &shape, error);
    if (status == ADAPTAU_OK)
        status = atau_model_allocate(file->context, shape.encoder, shape.n_users, shape.n_items, &shape.options, NULL, &model, error);
    if (status == ADAPTAU_OK)
        status = read_embeddings(file, &shape, model, error);
    if (status == ADAPTAU_OK)
        status = atau_model_read_folding(file, model, NULL, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    *out = model;
    return ADAPTAU_OK;
}

adaptau_status atau_model_check_sum(const struct atau_safetensors *file, adaptau_error *error)
{
    return atau_safetensors_has_sum(file) || atau_attachments_are_in(file) ? atau_safetensors_check_sum(file, error) : ADAPTAU_OK;
}

/* The model, and what the host attached to it. */
static adaptau_status load_with(struct atau_safetensors *file, adaptau_attachment_function take, void *user_data,
                                adaptau_model **out, adaptau_error *error)
{
    adaptau_model *model = NULL;
    adaptau_status status = atau_model_check_sum(file, error);
    if (status == ADAPTAU_OK)
        status = load(file, &model, error);
    if (status == ADAPTAU_OK && take)
        status = atau_attachments_read(file, take, user_data, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    *out = model;
    return ADAPTAU_OK;
}

adaptau_status atau_check_bytes(const void *bytes, int64_t size, adaptau_error *error)
{
    ATAU_REQUIRE(bytes, error);
    return size >= 0 ? ADAPTAU_OK : atau_fail(error, ADAPTAU_E_ARGUMENT, "size = %lld is negative", (long long)size);
}

static adaptau_status open_and_load(adaptau_context *context, struct atau_source source, adaptau_attachment_function take,
                                    void *user_data, adaptau_model **out, adaptau_error *error)
{
    size_t                   size = sizeof(struct atau_safetensors);
    struct atau_safetensors *file = atau_allocate(context, size);
    if (!file)
        return atau_fail_memory(error, size, "reading the file's header");
    adaptau_status status = atau_safetensors_open(context, source, file, error);
    if (status == ADAPTAU_OK) {
        status = load_with(file, take, user_data, out, error);
        atau_safetensors_close(file);
    }
    atau_free(context, file, size);
    return status;
}

adaptau_status adaptau_model_load_with(adaptau_context *context, const char *path, adaptau_attachment_function take,
                                       void *user_data, adaptau_model **out, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(path, error);
    ATAU_REQUIRE(out, error);
    return open_and_load(context, atau_from_path(path), take, user_data, out, error);
}

adaptau_status adaptau_model_load_from(adaptau_context *context, const void *bytes, int64_t size,
                                       adaptau_attachment_function take, void *user_data, adaptau_model **out,
                                       adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_check_bytes(bytes, size, error);
    if (status != ADAPTAU_OK)
        return status;
    return open_and_load(context, atau_from_bytes(bytes, (uint64_t)size), take, user_data, out, error);
}

adaptau_status adaptau_model_load(adaptau_context *context, const char *path, adaptau_model **out, adaptau_error *error)
{
    return adaptau_model_load_with(context, path, NULL, NULL, out, error);
}

/* ---- exporting ------------------------------------------------------------------------------------------------------- */

/* Whether ranking divides these rows by their lengths. */
static bool is_normalised(const adaptau_model *model, int side)
{
    return atau_tables_normalise(&model->tables, side) && !model->tables.rank_raw;
}

/* Rows of length 1 where scores take them so, into rows of `stride` floats. */
static adaptau_status copy_rows(const adaptau_model *model, int32_t side, const struct atau_embeddings *final, float *out,
                                int64_t stride, adaptau_error *error)
{
    const struct atau_table *table = &model->tables.side[side];
    const int32_t            dim = model->tables.dim;
    for (int64_t r = 0; r < table->n_rows; r++) {
        float       *to = out + r * stride;
        const float *row = atau_embedding(final, atau_kernels_of(model->context), side, r, dim, to);
        if (row != to)
            memcpy(to, row, (size_t)dim * sizeof(float));
    }
    return is_normalised(model, side)
               ? adaptau_normalise_rows(model->context, table->n_rows, dim, out, stride, out, stride, NULL, error)
               : ADAPTAU_OK;
}

/* With one more column: 1 for users, the bias for items. */
static adaptau_status export_copy(const adaptau_model *model, int32_t side, const struct atau_embeddings *final, bool biased,
                                  const char *path, adaptau_error *error)
{
    const size_t  n = (size_t)model->tables.side[side].n_rows;
    const int64_t columns = model->tables.dim + (biased ? 1 : 0);
    const size_t  row_bytes = (size_t)columns * sizeof(float);
    float        *copy = atau_allocate_array(model->context, n, row_bytes);
    if (!copy)
        return atau_fail_memory(error, n * row_bytes, "a copy of the table");
    adaptau_status status = copy_rows(model, side, final, copy, columns, error);
    for (size_t r = 0; r < n && biased; r++)
        copy[(r + 1) * (size_t)columns - 1] = side == ADAPTAU_SIDE_USERS ? 1.0f : model->tables.item_bias[r];
    if (status == ADAPTAU_OK)
        status = atau_npy_write(path, (int64_t)n, columns, copy, columns, error);
    atau_free(model->context, copy, n * row_bytes);
    return status;
}

static adaptau_status export_table(const adaptau_model *model, int32_t side, bool biased, const char *path,
                                   adaptau_error *error)
{
    const struct atau_table *table = &model->tables.side[side];
    struct atau_embeddings   final;
    adaptau_status           status = atau_encoding_forward(&model->encoding, &final, error);
    if (status != ADAPTAU_OK)
        return status;
    if (biased || is_normalised(model, side) || final.halves[side].rows)
        return export_copy(model, side, &final, biased, path, error);
    return atau_npy_write(path, table->n_rows, model->tables.dim, final.rows[side], final.stride[side], error);
}

static adaptau_status export_side(const adaptau_model *model, int32_t side, bool index, const char *path, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(path, error);
    if (side != ADAPTAU_SIDE_USERS && side != ADAPTAU_SIDE_ITEMS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "side = %d is unknown", side);
    adaptau_status status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = export_table(model, side, index && model->tables.item_bias, path, error);
    atau_model_leave_shared(model);
    return status;
}

adaptau_status adaptau_model_export_npy(const adaptau_model *model, int32_t side, const char *path, adaptau_error *error)
{
    return export_side(model, side, false, path, error);
}

adaptau_status adaptau_model_export_index(const adaptau_model *model, int32_t side, const char *path, adaptau_error *error)
{
    return export_side(model, side, true, path, error);
}
