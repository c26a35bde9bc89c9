/* SPDX-License-Identifier: MIT */
/* Checkpoints: a model's file with all that its training goes on from. Beside the tensors of file.c there are moments and
 * step counts of each table and the temperature's arrays; numbers are words in the metadata
 * (words.h).
 *
 * What is made anew before each epoch is left out: soft targets, prototypes and the gradients of a batch. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "core/dataset.h"
#include "core/temperature_doors.h"
#include "kernels/check.h"
#include "model/encoders/registry.h"
#include "model/file.h"
#include "model/options.h"
#include "model/words.h"

#define CHECKPOINT_KEY "adaptau.checkpoint"
#define CHECKPOINT_VERSION "2"
#define MODEL_KEY "adaptau.model_state"
#define TEMPERATURE_KEY "adaptau.temperature_state"
#define NOTE_KEY "adaptau.note"
#define N_FIELDS(list) ((int)(sizeof(list) / sizeof *(list)))

/* ---- numbers ------------------------------------------------------------------------------------------------------- */

/* E_FORMAT for numbers that would be refused as a caller's options, with that reason. */
static adaptau_status refuse(const struct atau_safetensors *file, const char *key, const adaptau_error *why,
                             adaptau_error *error)
{
    return atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s: %.150s", file->path, key, why->message);
}

/* Numbers of a model. Learning rates are the present ones, of a schedule for example. */
struct model_numbers {
    adaptau_model_options options;
    double                rates[2];
    adaptau_loss          loss; /* as the host gave it                                                        */
    uint64_t              steps, contrast_steps, prototype_updates;
};

static int list_model_fields(struct model_numbers *n, struct atau_field out[ATAU_MOST_FIELDS])
{
    adaptau_model_options *o = &n->options;
    const struct atau_field     fields[] = {
        ATAU_FIELD(o->flags),
        ATAU_FIELD(o->encoder),
        ATAU_FIELD(o->dim),
        ATAU_FIELD(o->seed),
        ATAU_FIELD(o->beta1_users),
        ATAU_FIELD(o->beta1_items),
        ATAU_FIELD(o->beta2),
        ATAU_FIELD(o->epsilon),
        ATAU_FIELD(o->weight_decay),
        ATAU_FIELD(o->n_layers),
        ATAU_FIELD(o->edge_dropout),
        ATAU_FIELD(o->layer_dropout),
        ATAU_FIELD(o->gate),
        ATAU_FIELD(n->rates[0]),
        ATAU_FIELD(n->rates[1]),
        ATAU_FIELD(n->loss.kind),
        ATAU_FIELD(n->loss.margin),
        ATAU_FIELD(n->loss.negative_weight),
        ATAU_FIELD(n->loss.top_k),
        ATAU_FIELD(n->loss.activation),
        ATAU_FIELD(n->loss.weight_tau),
        ATAU_FIELD(n->loss.positive_scale),
        ATAU_FIELD(n->steps),
        ATAU_FIELD(n->contrast_steps),
        ATAU_FIELD(n->prototype_updates),
    };
    memcpy(out, fields, sizeof fields);
    return N_FIELDS(fields);
}

static int list_temperature_fields(adaptau_temperature_options *o, adaptau_temperature_state *s, struct atau_log_tau *tau0,
                                   struct atau_field out[ATAU_MOST_FIELDS])
{
    const struct atau_field fields[] = {
        ATAU_FIELD(o->tau0_policy),
        ATAU_FIELD(o->tau_user_policy),
        ATAU_FIELD(o->warmup_updates),
        ATAU_FIELD(o->tau),
        ATAU_FIELD(o->warmup_delta_mu),
        ATAU_FIELD(o->tau_min),
        ATAU_FIELD(o->tau_max),
        ATAU_FIELD(o->divisor),
        ATAU_FIELD(o->threshold_quantile),
        ATAU_FIELD(o->degree_quantile),
        ATAU_FIELD(o->exact_sample),
        ATAU_FIELD(o->learning_rate),
        ATAU_FIELD(s->flags),
        ATAU_FIELD(s->n_updates),
        ATAU_FIELD(s->n_users_clamped),
        ATAU_FIELD(s->n_users_observed),
        ATAU_FIELD(s->tau0),
        ATAU_FIELD(s->mean_all),
        ATAU_FIELD(s->variance_all),
        ATAU_FIELD(s->mean_positive),
        ATAU_FIELD(s->variance_positive),
        ATAU_FIELD(s->threshold),
        ATAU_FIELD(s->tau_user_min),
        ATAU_FIELD(s->tau_user_max),
        ATAU_FIELD(tau0->value),
        ATAU_FIELD(tau0->first),
        ATAU_FIELD(tau0->second),
        ATAU_FIELD(tau0->steps),
    };
    memcpy(out, fields, sizeof fields);
    return N_FIELDS(fields);
}

/* ---- tensors ------------------------------------------------------------------------------------------------------- */

struct moment_names {
    const char *first, *second, *steps;
};

/* Of the users, the items and the encoder's own parameters. */
static const struct moment_names moment_names[ATAU_OPTIMISED] = {
    {"user_first_moments", "user_second_moments", "user_steps"},
    {"item_first_moments", "item_second_moments", "item_steps"},
    {"encoder_first_moments", "encoder_second_moments", "encoder_steps"},
};

#define LOSS_TENSOR "temperature_unit_losses"
#define TAU_TENSOR "temperature_users"
#define LEARNED_TENSOR "temperature_learned"
#define LEARNED_STEPS_TENSOR "temperature_learned_steps"
#define LOG_TAU_DOUBLES (sizeof(struct atau_log_tau) / sizeof(double))
#define LOG_TAU_INTEGERS (sizeof(struct atau_log_tau) / sizeof(int32_t))

static void add_tensor(struct atau_model_content *c, const char *name, int64_t rows, int64_t columns, const void *data,
                       int64_t stride, int32_t type)
{
    c->tensors[c->n_tensors++] = (struct atau_tensor){name, rows, columns, data, stride, type};
}

static void add_moments(const adaptau_model *model, struct atau_model_content *c)
{
    const int64_t columns = atau_second_columns(&model->optimiser, &model->tables);
    for (int k = 0; k < ATAU_OPTIMISED; k++) {
        const struct atau_moments_of_table *moments = &model->optimiser.of[k];
        const struct moment_names          *names = &moment_names[k];
        const int32_t                       n = atau_optimised_const_table(&model->tables, k)->n_rows;
        if (!atau_optimiser_has_moments(&model->optimiser, k))
            continue;
        add_tensor(c, names->first, n, model->tables.dim, moments->first, model->tables.dim, ATAU_F32);
        add_tensor(c, names->second, n, columns, moments->second, columns, ATAU_F32);
        add_tensor(c, names->steps, n, 1, moments->steps, 1, ATAU_I32);
    }
}

/* Doubles come first in the file, where they are aligned. */
static void add_learned(const struct atau_temperature_memory *t, struct atau_model_content *c)
{
    if (!t->learned)
        return;
    add_tensor(c, LEARNED_TENSOR, t->n, 3, t->n > 0 ? &t->learned->value : NULL, LOG_TAU_DOUBLES, ATAU_F64);
    add_tensor(c, LEARNED_STEPS_TENSOR, t->n, 1, t->n > 0 ? &t->learned->steps : NULL, LOG_TAU_INTEGERS, ATAU_I32);
}

/* A tensor of that shape, or E_FORMAT. */
static adaptau_status read_tensor(const struct atau_safetensors *file, const char *name, int64_t rows, int64_t columns,
                                  int32_t type, void *out, int64_t stride, adaptau_error *error)
{
    const struct atau_safetensors_entry *entry = atau_safetensors_find(file, name);
    if (entry && entry->type == type && entry->rows == rows && entry->columns == columns)
        return atau_safetensors_read(file, entry, out, stride, error);
    return atau_fail(error, ADAPTAU_E_FORMAT, "%s: no tensor \"%s\" of %lld x %lld of the right type", file->path, name,
                     (long long)rows, (long long)columns);
}

static adaptau_status refuse_row(const struct atau_safetensors *file, const char *name, int64_t row, adaptau_error *error)
{
    return atau_fail(error, ADAPTAU_E_FORMAT, "%s: row %lld of \"%s\" is out of range", file->path, (long long)row, name);
}

static adaptau_status check_moments(const struct atau_safetensors *file, const adaptau_model *model, int k, adaptau_error *error)
{
    const struct atau_moments_of_table *moments = &model->optimiser.of[k];
    const struct moment_names          *names = &moment_names[k];
    const int64_t                       columns = atau_second_columns(&model->optimiser, &model->tables);
    const int32_t                       n = atau_optimised_const_table(&model->tables, k)->n_rows;
    adaptau_status status = atau_check_rows_finite(model->context, names->first, n, model->tables.dim, moments->first,
                                                   model->tables.dim, error);
    for (int64_t r = 0; r < n && status == ADAPTAU_OK; r++) {
        if (moments->steps[r] < 0)
            return refuse_row(file, names->steps, r, error);
        for (int64_t c = 0; c < columns; c++)
            if (!(moments->second[r * columns + c] >= 0.0f && isfinite(moments->second[r * columns + c])))
                return refuse_row(file, names->second, r, error);
    }
    return status;
}

static adaptau_status read_moments(const struct atau_safetensors *file, adaptau_model *model, int k, adaptau_error *error)
{
    const struct atau_moments_of_table *moments = &model->optimiser.of[k];
    const struct moment_names          *names = &moment_names[k];
    const int64_t                       columns = atau_second_columns(&model->optimiser, &model->tables);
    const int32_t n = atau_optimised_const_table(&model->tables, k)->n_rows, dim = model->tables.dim;
    if (n == 0 || !atau_safetensors_find(file, names->first))
        return ADAPTAU_OK;
    adaptau_status status = atau_optimiser_make_moments(&model->optimiser, &model->tables, k, error);
    if (status == ADAPTAU_OK)
        status = read_tensor(file, names->first, n, dim, ATAU_F32, moments->first, dim, error);
    if (status == ADAPTAU_OK)
        status = read_tensor(file, names->second, n, columns, ATAU_F32, moments->second, columns, error);
    if (status == ADAPTAU_OK)
        status = read_tensor(file, names->steps, n, 1, ATAU_I32, moments->steps, 1, error);
    return status == ADAPTAU_OK ? check_moments(file, model, k, error) : status;
}

/* ---- saving -------------------------------------------------------------------------------------------------------- */

struct numbers_text {
    char model[ATAU_WORDS_TEXT], temperature[ATAU_WORDS_TEXT];
};

static void write_model_numbers(const adaptau_model *model, char text[ATAU_WORDS_TEXT])
{
    struct atau_field         fields[ATAU_MOST_FIELDS];
    struct model_numbers n = {.options = atau_model_recall_options(model), .loss = model->objective.loss};
    for (int side = 0; side < 2; side++)
        n.rates[side] = model->optimiser.of[side].learning_rate;
    n.steps = atau_encoding_steps(&model->encoding);
    n.contrast_steps = model->contrast.step;
    n.prototype_updates = model->prototypes.update;
    atau_words_write(fields, list_model_fields(&n, fields), text);
}

static void write_temperature_numbers(const struct atau_temperature_memory *t, char text[ATAU_WORDS_TEXT])
{
    struct atau_field                fields[ATAU_MOST_FIELDS];
    adaptau_temperature_options options = *t->options;
    atau_words_write(fields, list_temperature_fields(&options, t->state, t->learned_tau0, fields), text);
}

static adaptau_status save(const adaptau_model *model, const adaptau_temperature *temperature, const char *note,
                           struct atau_destination to, adaptau_error *error)
{
    struct atau_model_content      c = {0};
    struct numbers_text            text;
    struct atau_temperature_memory t = {0};
    if (temperature)
        t = atau_temperature_memory(temperature);
    add_learned(&t, &c);
    adaptau_status status = atau_model_list_content(model, false, &c, error);
    if (status != ADAPTAU_OK) {
        atau_model_free_content(model, &c);
        return status;
    }
    add_moments(model, &c);
    write_model_numbers(model, text.model);
    c.metadata[c.n_metadata++] = (struct atau_metadata){CHECKPOINT_KEY, CHECKPOINT_VERSION};
    c.metadata[c.n_metadata++] = (struct atau_metadata){MODEL_KEY, text.model};
    if (note)
        c.metadata[c.n_metadata++] = (struct atau_metadata){NOTE_KEY, note};
    if (temperature) {
        write_temperature_numbers(&t, text.temperature);
        c.metadata[c.n_metadata++] = (struct atau_metadata){TEMPERATURE_KEY, text.temperature};
        add_tensor(&c, LOSS_TENSOR, t.n, 1, t.unit_losses, 1, ATAU_F32);
        add_tensor(&c, TAU_TENSOR, t.n, 1, t.taus, 1, ATAU_F32);
    }
    status = atau_safetensors_write_summed(to, c.n_tensors, c.tensors, c.n_metadata, c.metadata, error);
    atau_model_free_content(model, &c);
    return status;
}

/* Characters of printable ASCII that a note begins with: what needs no escapes and no check of its encoding. */
static size_t printable_length(const char *note)
{
    size_t length = 0;
    while (note[length] >= 0x20 && note[length] <= 0x7E)
        length++;
    return length;
}

static adaptau_status check_note(const char *note, adaptau_error *error)
{
    const size_t length = note ? printable_length(note) : 0;
    if (note && note[length])
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "note[%zu] = 0x%02x is not printable ASCII", length,
                         (unsigned)(unsigned char)note[length]);
    if (length >= ADAPTAU_NOTE_SIZE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "note has %zu characters, more than %d", length, ADAPTAU_NOTE_SIZE - 1);
    return ADAPTAU_OK;
}

static adaptau_status enter_and_save(const adaptau_model *model, const adaptau_temperature *temperature, const char *note,
                                     struct atau_destination to, adaptau_error *error)
{
    adaptau_status status = check_note(note, error);
    if (status == ADAPTAU_OK && temperature)
        status = atau_temperature_check_fit(temperature, model->tables.side[ADAPTAU_SIDE_USERS].n_rows,
                                            model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows, error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    if (temperature)
        status = atau_temperature_enter_shared(temperature, error);
    if (status == ADAPTAU_OK) {
        status = save(model, temperature, note, to, error);
        if (temperature)
            atau_temperature_leave_shared(temperature);
    }
    atau_model_leave_shared(model);
    return status;
}

adaptau_status adaptau_model_save_checkpoint(const adaptau_model *model, const adaptau_temperature *temperature,
                                             const char *note, const char *path, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(path, error);
    return enter_and_save(model, temperature, note, atau_to_path(path), error);
}

adaptau_status adaptau_model_save_checkpoint_to(const adaptau_model *model, const adaptau_temperature *temperature,
                                                const char *note, adaptau_write_function write, void *user_data,
                                                adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(write, error);
    return enter_and_save(model, temperature, note, (struct atau_destination){.write = write, .user_data = user_data}, error);
}

/* ---- resuming ------------------------------------------------------------------------------------------------------ */

static adaptau_status check_version(const struct atau_safetensors *file, adaptau_error *error)
{
    char text[8];
    if (!atau_safetensors_metadata(file, CHECKPOINT_KEY, text, sizeof text) || strcmp(text, CHECKPOINT_VERSION) != 0)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s is no checkpoint that this version knows", file->path);
    return atau_safetensors_check_sum(file, error);
}

/* The first two tensors have the numbers of users and items; a dataset of another size is the caller's mistake. */
static adaptau_status check_dataset(const struct atau_safetensors *file, const adaptau_dataset *dataset, adaptau_error *error)
{
    const struct atau_safetensors_entry *users = atau_safetensors_find(file, "user_embeddings");
    const struct atau_safetensors_entry *items = atau_safetensors_find(file, "item_embeddings");
    if (!users || !items)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: no tensor \"%s\"", file->path,
                         users ? "item_embeddings" : "user_embeddings");
    if (users->rows == dataset->n_users && items->rows == dataset->n_items)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_SHAPE, "dataset is %d x %d, but %s is of %lld users x %lld items", dataset->n_users,
                     dataset->n_items, file->path, (long long)users->rows, (long long)items->rows);
}

static bool is_rate(double rate)
{
    return isfinite(rate) && rate >= 0.0;
}

static adaptau_status open_model(const struct atau_safetensors *file, const adaptau_dataset *dataset, adaptau_model **out,
                                 adaptau_error *error)
{
    struct atau_field         fields[ATAU_MOST_FIELDS];
    struct model_numbers n = {.options = {.struct_size = sizeof n.options}, .loss = {.struct_size = sizeof n.loss}};
    adaptau_error        why = {0};
    adaptau_status       status = atau_words_read(file, MODEL_KEY, fields, list_model_fields(&n, fields), error);
    if (status != ADAPTAU_OK)
        return status;
    if (atau_model_check_options(&n.options, &why) != ADAPTAU_OK)
        return refuse(file, MODEL_KEY, &why, error);
    status = atau_model_check_tables(file, atau_encoder_by_number(n.options.encoder), dataset->n_users, dataset->n_items,
                                     n.options.dim, error);
    if (status != ADAPTAU_OK)
        return status;
    if (!is_rate(n.rates[0]) || !is_rate(n.rates[1]))
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s: a learning rate is out of range", file->path, MODEL_KEY);
    status = atau_model_open(file->context, dataset, &n.options, out, error);
    if (status != ADAPTAU_OK)
        return status;
    for (int side = 0; side < 2; side++)
        (*out)->optimiser.of[side].learning_rate = n.rates[side];
    atau_encoding_set_steps(&(*out)->encoding, n.steps);
    (*out)->contrast.step = n.contrast_steps;
    (*out)->prototypes.update = n.prototype_updates;
    if (adaptau_model_set_loss(*out, &n.loss, &why) != ADAPTAU_OK)
        return refuse(file, MODEL_KEY, &why, error);
    return ADAPTAU_OK;
}

static adaptau_status read_model(const struct atau_safetensors *file, const adaptau_dataset *dataset, adaptau_model **out,
                                 adaptau_error *error)
{
    adaptau_model *model = NULL;
    adaptau_status status = open_model(file, dataset, &model, error);
    if (status == ADAPTAU_OK)
        status = atau_model_read_raw(file, model, error);
    if (status == ADAPTAU_OK)
        status = atau_model_read_folding(file, model, NULL, error);
    for (int k = 0; k < ATAU_OPTIMISED && status == ADAPTAU_OK; k++)
        status = read_moments(file, model, k, error);
    if (status == ADAPTAU_OK)
        *out = model;
    else
        adaptau_model_destroy(model);
    return status;
}

static adaptau_status check_temperature(const struct atau_safetensors *file, const struct atau_temperature_memory *t,
                                        adaptau_error *error)
{
    const adaptau_temperature_state *s = t->state;
    const double                     numbers[] = {s->mean_all,  s->variance_all, s->mean_positive, s->variance_positive,
                                                  s->threshold, s->tau_user_min, s->tau_user_max,  t->learned_tau0->value,
                                                  t->learned_tau0->first, t->learned_tau0->second};
    bool fine = s->tau0 > 0.0 && isfinite(s->tau0) && s->n_updates >= 0 && t->learned_tau0->steps >= 0;
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        fine = fine && isfinite(numbers[k]);
    if (!fine)
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s: a number is out of range", file->path, TEMPERATURE_KEY);
    for (int32_t u = 0; u < t->n; u++) {
        if (isinf(t->unit_losses[u]))
            return refuse_row(file, LOSS_TENSOR, u, error);
        if (!(t->taus[u] > 0.0f && isfinite(t->taus[u])))
            return refuse_row(file, TAU_TENSOR, u, error);
        if (!t->learned)
            continue;
        const struct atau_log_tau *theta = &t->learned[u];
        if (!isfinite(theta->value) || !isfinite(theta->first) || !isfinite(theta->second) || theta->steps < 0)
            return refuse_row(file, LEARNED_TENSOR, u, error);
    }
    return ADAPTAU_OK;
}

static adaptau_status read_arrays(const struct atau_safetensors *file, const struct atau_temperature_memory *t,
                                  adaptau_error *error)
{
    adaptau_status status = read_tensor(file, LOSS_TENSOR, t->n, 1, ATAU_F32, t->unit_losses, 1, error);
    if (status == ADAPTAU_OK)
        status = read_tensor(file, TAU_TENSOR, t->n, 1, ATAU_F32, t->taus, 1, error);
    if (!t->learned || t->n == 0)
        return status;
    if (status == ADAPTAU_OK)
        status = read_tensor(file, LEARNED_TENSOR, t->n, 3, ATAU_F64, &t->learned->value, LOG_TAU_DOUBLES, error);
    if (status == ADAPTAU_OK)
        status = read_tensor(file, LEARNED_STEPS_TENSOR, t->n, 1, ATAU_I32, &t->learned->steps, LOG_TAU_INTEGERS, error);
    return status;
}

static adaptau_status read_temperature(const struct atau_safetensors *file, const adaptau_dataset *dataset,
                                       adaptau_temperature **out, adaptau_error *error)
{
    struct atau_field                fields[ATAU_MOST_FIELDS];
    adaptau_temperature_options options = {.struct_size = sizeof options};
    adaptau_temperature_state   state = {0};
    struct atau_log_tau         tau0 = {0};
    adaptau_temperature        *temperature = NULL;
    adaptau_error               why = {0};
    adaptau_status              status =
        atau_words_read(file, TEMPERATURE_KEY, fields, list_temperature_fields(&options, &state, &tau0, fields), error);
    if (status != ADAPTAU_OK)
        return status;
    status = adaptau_temperature_create(file->context, dataset, &options, &temperature, &why);
    if (status == ADAPTAU_E_MEMORY)
        return atau_fail(error, status, "%s", why.message);
    if (status != ADAPTAU_OK)
        return refuse(file, TEMPERATURE_KEY, &why, error);
    const struct atau_temperature_memory memory = atau_temperature_memory(temperature);
    const int n = list_temperature_fields(&options, memory.state, memory.learned_tau0, fields); /* again, in place */
    status = atau_words_read(file, TEMPERATURE_KEY, fields, n, error);
    if (status == ADAPTAU_OK)
        status = read_arrays(file, &memory, error);
    if (status == ADAPTAU_OK)
        status = check_temperature(file, &memory, error);
    if (status == ADAPTAU_OK)
        *out = temperature;
    else
        adaptau_temperature_destroy(temperature);
    return status;
}

/* text: [ADAPTAU_NOTE_SIZE], empty where there is no note. A note that saving would have refused makes the file E_FORMAT. */
static adaptau_status read_note(const struct atau_safetensors *file, char *text, adaptau_error *error)
{
    memset(text, 0, ADAPTAU_NOTE_SIZE);
    const bool whole = atau_safetensors_metadata(file, NOTE_KEY, text, ADAPTAU_NOTE_SIZE);
    if ((text[0] && !whole) || text[printable_length(text)])
        return atau_fail(error, ADAPTAU_E_FORMAT, "%s: " NOTE_KEY " is not printable ASCII of at most %d characters", file->path,
                         ADAPTAU_NOTE_SIZE - 1);
    return ADAPTAU_OK;
}

static adaptau_status resume(const struct atau_safetensors *file, const adaptau_dataset *dataset, adaptau_model **out_model,
                             adaptau_temperature **out_temperature, char *note, adaptau_error *error)
{
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    char                 text[ADAPTAU_NOTE_SIZE];
    adaptau_status       status = check_version(file, error);
    if (status == ADAPTAU_OK)
        status = read_note(file, text, error);
    if (status == ADAPTAU_OK)
        status = check_dataset(file, dataset, error);
    if (status == ADAPTAU_OK)
        status = read_model(file, dataset, &model, error);
    if (status == ADAPTAU_OK && out_temperature)
        status = read_temperature(file, dataset, &temperature, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    *out_model = model;
    if (out_temperature)
        *out_temperature = temperature;
    if (note)
        memcpy(note, text, sizeof text);
    return ADAPTAU_OK;
}

static adaptau_status open_and_resume(adaptau_context *context, const adaptau_dataset *dataset, struct atau_source source,
                                      adaptau_model **model, adaptau_temperature **temperature, char *note,
                                      adaptau_error *error)
{
    const size_t             size = sizeof(struct atau_safetensors);
    struct atau_safetensors *file = atau_allocate(context, size);
    if (!file)
        return atau_fail_memory(error, size, "reading the file's header");
    adaptau_status status = atau_safetensors_open(context, source, file, error);
    if (status == ADAPTAU_OK) {
        status = resume(file, dataset, model, temperature, note, error);
        atau_safetensors_close(file);
    }
    atau_free(context, file, size);
    return status;
}

adaptau_status adaptau_model_load_checkpoint(adaptau_context *context, const adaptau_dataset *dataset, const char *path,
                                             adaptau_model **model, adaptau_temperature **temperature, char *note,
                                             adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(path, error);
    ATAU_REQUIRE(model, error);
    return open_and_resume(context, dataset, atau_from_path(path), model, temperature, note, error);
}

adaptau_status adaptau_model_load_checkpoint_from(adaptau_context *context, const adaptau_dataset *dataset, const void *bytes,
                                                  int64_t size, adaptau_model **model, adaptau_temperature **temperature,
                                                  char *note, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_check_bytes(bytes, size, error);
    if (status != ADAPTAU_OK)
        return status;
    return open_and_resume(context, dataset, atau_from_bytes(bytes, (uint64_t)size), model, temperature, note, error);
}
