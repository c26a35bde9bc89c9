/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/record.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/draft.h"
#include "common/fail.h"
#include "common/json.h"

#define FILE_MAX ((size_t)64 << 20) /* a cell is below a megabyte */

void record_free(struct record *record)
{
    for (int32_t i = 0; i < record->n_series; i++)
        free(record->series[i].values);
    for (int32_t i = 0; i < record->n_notes; i++)
        free(record->notes[i].text);
    free(record->series);
    free(record->notes);
    *record = (struct record){0};
}

/* ---- in memory ---------------------------------------------------------------------------------------------------- */

static struct series *find_series(const struct record *record, const char *name)
{
    for (int32_t i = 0; i < record->n_series; i++)
        if (strcmp(record->series[i].name, name) == 0)
            return &record->series[i];
    return NULL;
}

static struct series *make_series(struct record *record, const char *name)
{
    struct series *grown = realloc(record->series, ((size_t)record->n_series + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    record->series = grown;
    struct series *made = &grown[record->n_series++];
    *made = (struct series){0};
    snprintf(made->name, sizeof made->name, "%s", name);
    return made;
}

adaptau_status record_append(struct record *record, const char *name, int64_t count, const double *values, adaptau_error *error)
{
    struct series *series = find_series(record, name);
    if (!series)
        series = make_series(record, name);
    if (!series)
        return fail_memory(error, "a cell's results");
    double *grown = realloc(series->values, ((size_t)(series->count + count) + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(error, "a cell's results");
    if (count > 0)
        memcpy(grown + series->count, values, (size_t)count * sizeof *values);
    series->values = grown;
    series->count += count;
    return ADAPTAU_OK;
}

adaptau_status record_add(struct record *record, const char *name, double value, adaptau_error *error)
{
    return record_append(record, name, 1, &value, error);
}

adaptau_status record_note(struct record *record, const char *name, const char *text, adaptau_error *error)
{
    struct note *grown = realloc(record->notes, ((size_t)record->n_notes + 1) * sizeof *grown);
    char        *copy = malloc(strlen(text) + 1);
    if (grown)
        record->notes = grown;
    if (!grown || !copy) {
        free(copy);
        return fail_memory(error, "a cell's results");
    }
    strcpy(copy, text);
    struct note *note = &grown[record->n_notes++];
    snprintf(note->name, sizeof note->name, "%s", name);
    note->text = copy;
    return ADAPTAU_OK;
}

const struct series *record_series(const struct record *record, const char *name)
{
    static const struct series none = {0};
    const struct series       *found = find_series(record, name);
    return found ? found : &none;
}

double record_number(const struct record *record, const char *name)
{
    const struct series *series = record_series(record, name);
    return series->count > 0 ? series->values[series->count - 1] : NAN;
}

const char *record_text(const struct record *record, const char *name)
{
    for (int32_t i = 0; i < record->n_notes; i++)
        if (strcmp(record->notes[i].name, name) == 0)
            return record->notes[i].text;
    return "";
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

adaptau_status record_write(const struct record *record, const char *path, adaptau_error *error)
{
    struct draft   draft;
    adaptau_status status = draft_open(&draft, path, error);
    if (status)
        return status;
    struct json json = {.out = draft.file};
    json_open(&json, NULL, '{');
    for (int32_t i = 0; i < record->n_notes; i++)
        json_text(&json, record->notes[i].name, record->notes[i].text);
    for (int32_t i = 0; i < record->n_series; i++) {
        const struct series *series = &record->series[i];
        json_open(&json, series->name, '[');
        for (int64_t k = 0; k < series->count; k++)
            json_exact(&json, NULL, series->values[k]);
        json_close(&json, ']');
    }
    json_close(&json, '}');
    putc('\n', draft.file);
    return draft_commit(&draft, error);
}

/* The JSON that record_write writes and no other: one object of texts and arrays of numbers and nulls. */
struct reader {
    const char *start, *at; /* ends in NUL */
    const char *path;
};

static adaptau_status refuse(const struct reader *reader, adaptau_error *error)
{
    return fail(error, ADAPTAU_E_FORMAT, "%s:%lld: not the file of a cell", shown_path(reader->path),
                (long long)(reader->at - reader->start) + 1);
}

static bool accept(struct reader *reader, char wanted)
{
    while (*reader->at == ' ' || *reader->at == '\n')
        reader->at++;
    if (*reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

/* A string, unescaped into `out`, which has room for what is left of the file. \u is only written for control characters and
 * for U+FFFD, which becomes '?'. */
static bool accept_text(struct reader *reader, char *out)
{
    if (!accept(reader, '"'))
        return false;
    while (*reader->at != '"') {
        if (*reader->at == '\0')
            return false;
        if (*reader->at != '\\') {
            *out++ = *reader->at++;
            continue;
        }
        char kind = reader->at[1];
        if (kind == 'u' && strlen(reader->at) >= 6) {
            *out++ = '?';
            reader->at += 6;
        } else if (kind == '"' || kind == '\\') {
            *out++ = kind;
            reader->at += 2;
        } else
            return false;
    }
    reader->at++;
    *out = '\0';
    return true;
}

static bool accept_number(struct reader *reader, double *value)
{
    while (*reader->at == ' ')
        reader->at++;
    char *end = NULL;
    if (strncmp(reader->at, "null", 4) == 0) {
        *value = NAN;
        reader->at += 4;
        return true;
    }
    *value = strtod(reader->at, &end);
    bool moved = end != reader->at;
    reader->at = end;
    return moved;
}

static adaptau_status read_series(struct reader *reader, const char *name, struct record *record, adaptau_error *error)
{
    adaptau_status status = record_append(record, name, 0, NULL, error);
    if (accept(reader, ']'))
        return status;
    while (!status) {
        double value;
        if (!accept_number(reader, &value))
            return refuse(reader, error);
        status = record_add(record, name, value, error);
        if (accept(reader, ']'))
            return status;
        if (!status && !accept(reader, ','))
            return refuse(reader, error);
    }
    return status;
}

static adaptau_status read_members(struct reader *reader, char *text, struct record *record, adaptau_error *error)
{
    char name[RECORD_NAME_MAX];
    if (!accept(reader, '{'))
        return refuse(reader, error);
    do {
        adaptau_status status;
        if (!accept_text(reader, text) || strlen(text) >= sizeof name || !accept(reader, ':'))
            return refuse(reader, error);
        strcpy(name, text);
        if (accept(reader, '['))
            status = read_series(reader, name, record, error);
        else if (accept_text(reader, text))
            status = record_note(record, name, text, error);
        else
            return refuse(reader, error);
        if (status)
            return status;
    } while (accept(reader, ','));
    return accept(reader, '}') ? ADAPTAU_OK : refuse(reader, error);
}

/* The whole file with a NUL behind it. */
static adaptau_status read_bytes(const char *path, char **bytes, adaptau_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail_os(error, errno, "%s", shown_path(path));
    size_t         size = 0, capacity = 0;
    adaptau_status status = ADAPTAU_OK;
    *bytes = NULL;
    do {
        if (size + 1 >= capacity) {
            capacity = capacity ? 2 * capacity : (size_t)1 << 16;
            char *grown = capacity <= FILE_MAX ? realloc(*bytes, capacity) : NULL;
            if (!grown) {
                status = capacity > FILE_MAX ? fail(error, ADAPTAU_E_FORMAT, "%s: too long for a cell", shown_path(path))
                                             : fail_memory(error, shown_path(path));
                break;
            }
            *bytes = grown;
        }
        errno = EIO;
        size += fread(*bytes + size, 1, capacity - size - 1, file);
        if (ferror(file))
            status = fail_os(error, errno, "%s", shown_path(path));
    } while (!status && !feof(file));
    fclose(file);
    if (!status)
        (*bytes)[size] = '\0';
    return status;
}

adaptau_status record_read(struct record *record, const char *path, adaptau_error *error)
{
    char          *bytes = NULL, *text = NULL;
    adaptau_status status = read_bytes(path, &bytes, error);
    *record = (struct record){0};
    if (!status) {
        struct reader reader = {.start = bytes, .at = bytes, .path = path};
        text = malloc(strlen(bytes) + 1);
        status = text ? read_members(&reader, text, record, error) : fail_memory(error, shown_path(path));
    }
    if (status)
        record_free(record);
    free(text);
    free(bytes);
    return status;
}
