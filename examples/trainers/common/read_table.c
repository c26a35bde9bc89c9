/* SPDX-License-Identifier: MIT */
/* Interactions from a table: its first row may be a header, every other one is an interaction. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/number.h"
#include "common/read_data.h"

/* Looking a name up among many waits for memory. So some interactions wait together: what the first needs is loaded while the others
 * are split. */
#define QUEUE_LENGTH 16
#define QUEUED_NAME 48 /* bytes; a longer name does not wait */

struct queued {
    char   names[2][QUEUED_NAME]; /* of user and item */
    size_t lengths[2];
    double time;
    float  weight;
};

struct table {
    const struct layout       *layout;
    const struct read_options *options;
    struct columns             columns;
    struct reading             reading;
    struct fields              fields;
    char                       scratch[2][NAME_MAX_BYTES];
    struct queued              queue[QUEUE_LENGTH];
    int                        n_queued;
};

/* ---- what it looks like -------------------------------------------------------------------------------------------- */

static void describe_column(const struct columns *columns, enum role role, const char *note, char **text, size_t *size)
{
    if (columns->at[role] < 0)
        return;
    const char *name = columns->names[role];
    int n = snprintf(*text, *size, ", %s = column %d%s%s%s%s", role_names[role], columns->at[role] + 1, *name ? " '" : "", name,
                     *name ? "'" : "", note);
    size_t used = n > 0 && (size_t)n < *size ? (size_t)n : *size - 1;
    *text += used;
    *size -= used;
}

static void describe(const struct table *table, char text[SEEN_SIZE])
{
    const struct layout *layout = table->layout;
    const struct bytes  *bytes = table->fields.bytes;
    size_t               size = SEEN_SIZE;
    int n = snprintf(text, size, "pairs: %s%s%s%s%s, %s%s", bytes->packing ? bytes->packing : "", bytes->packing ? ", " : "",
                     bytes->encoding ? bytes->encoding : "", bytes->encoding ? ", " : "",
                     layout->matrix ? "Matrix Market" : separator_name(layout->separator),
                     layout->header ? "header" : "no header", layout->decimal_comma ? ", decimal commas" : "");
    text += n;
    size -= (size_t)n;
    describe_column(&table->columns, ROLE_USER, "", &text, &size);
    describe_column(&table->columns, ROLE_ITEM, "", &text, &size);
    describe_column(&table->columns, ROLE_WEIGHT, table->options->rated || table->options->weights ? "" : " (not used)", &text, &size);
    describe_column(&table->columns, ROLE_TIME, table->columns.dated_by_numbers ? " (by its numbers)" : "", &text, &size);
}

/* ---- one row ---------------------------------------------------------------------------------------------------- */

static adaptau_status check_width(const struct table *table, adaptau_error *error)
{
    const struct row *row = &table->fields.row;
    if (row->n == table->layout->n_fields)
        return ADAPTAU_OK;
    const struct field *last = &row->fields[row->n - 1];
    return fields_fail(&table->fields, last->at, error, "%d field%s between %ss, but %d in the other lines", row->n,
                       row->n == 1 ? "" : "s", separator_name(table->layout->separator), table->layout->n_fields);
}

/* A name where it lies, or in the side's scratch. */
static adaptau_status find_name(struct table *table, enum role role, const char **name, size_t *length, adaptau_error *error)
{
    const struct field *field = &table->fields.row.fields[table->columns.at[role]];
    if (field->length == 0)
        return fields_fail(&table->fields, field->at, error, "the %s is missing", role_names[role]);
    if (field->length > NAME_MAX_BYTES)
        return fields_fail(&table->fields, field->at, error, "a name of more than %d bytes", NAME_MAX_BYTES);
    if (table->fields.row.n_lines > 1 && memchr(field->at, '\n', field->length))
        return fields_fail(&table->fields, field->at, error, "a line break in the name of %s %s",
                           role == ROLE_USER ? "a" : "an", role_names[role]);
    *name = field_text(field, table->scratch[role], length);
    return ADAPTAU_OK;
}

static adaptau_status keep(const struct reading *reading, const char *const names[2], const size_t lengths[2], double time,
                           float weight, adaptau_error *error)
{
    int32_t        user = 0, item = 0;
    adaptau_status status = names_intern(reading->users, names[ROLE_USER], lengths[ROLE_USER], &user, error);
    if (!status)
        status = names_intern(reading->items, names[ROLE_ITEM], lengths[ROLE_ITEM], &item, error);
    return status ? status : pairs_append_at(reading->pairs, user, item, time, weight, error);
}

static adaptau_status keep_queued(struct table *table, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int i = 0; i < table->n_queued && !status; i++) {
        const struct queued *queued = &table->queue[i];
        const char *const    names[2] = {queued->names[ROLE_USER], queued->names[ROLE_ITEM]};
        status = keep(&table->reading, names, queued->lengths, queued->time, queued->weight, error);
    }
    table->n_queued = 0;
    return status;
}

/* Ids are given in the order of the rows, so nobody overtakes. */
static adaptau_status queue(struct table *table, const char *const names[2], const size_t lengths[2], double time,
                            float weight, adaptau_error *error)
{
    const bool     waits = lengths[ROLE_USER] <= QUEUED_NAME && lengths[ROLE_ITEM] <= QUEUED_NAME;
    adaptau_status status = !waits || table->n_queued == QUEUE_LENGTH ? keep_queued(table, error) : ADAPTAU_OK;
    if (status || !waits)
        return status ? status : keep(&table->reading, names, lengths, time, weight, error);
    struct queued *queued = &table->queue[table->n_queued++];
    queued->time = time;
    queued->weight = weight;
    for (int side = ROLE_USER; side <= ROLE_ITEM; side++) {
        memcpy(queued->names[side], names[side], lengths[side]);
        queued->lengths[side] = lengths[side];
        names_expect(side == ROLE_USER ? table->reading.users : table->reading.items, queued->names[side], lengths[side]);
    }
    return ADAPTAU_OK;
}

/* What is trained with. */
static double map_weight(const struct read_options *options, double weight)
{
    if (options->weight_map != WEIGHT_MAP_NONE)
        weight = options->weight_map == WEIGHT_MAP_LOG1P ? log1p(weight) : sqrt(weight);
    return options->clipped && weight > options->weight_clip ? options->weight_clip : weight;
}

/* Whether the weight lets the interaction in, which is counted; *mapped is what it counts. */
static adaptau_status weigh(struct table *table, bool *kept, float *mapped, adaptau_error *error)
{
    struct account     *account = table->reading.account;
    const int           at = table->columns.at[ROLE_WEIGHT];
    double              weight = 0;
    *kept = true;
    if (at < 0)
        return ADAPTAU_OK;
    const struct field *field = &table->fields.row.fields[at];
    const bool          number = read_number((const char *)field->at, field->length, table->layout->decimal_comma, &weight);
    if (!number && table->options->rated)
        return fields_fail(&table->fields, field->at, error, "\"%.*s\" is no rating",
                           (int)(field->length < 32 ? field->length : 32), (const char *)field->at);
    *kept = !table->options->rated || weight >= table->options->min_rating;
    if (table->options->weights && *kept) {
        const bool counts = number && weight > 0;
        account->weightless += !counts;
        *mapped = counts ? (float)map_weight(table->options, weight) : 0;
        if (counts && !(*mapped >= 1e-30f && *mapped <= 1e30f))
            return fields_fail(&table->fields, field->at, error, "a weight of %g is outside 1e-30 ... 1e30", weight);
        *kept = counts;
        return ADAPTAU_OK;
    }
    account->unweighed += !number;
    account->below += !*kept;
    account->negative += *kept && number && weight < 0;
    account->zero += *kept && number && weight == 0;
    return ADAPTAU_OK;
}

static adaptau_status date(struct table *table, double *time, adaptau_error *error)
{
    const int at = table->columns.at[ROLE_TIME];
    *time = 0;
    if (at < 0)
        return ADAPTAU_OK;
    const struct field *field = &table->fields.row.fields[at];
    if (read_time((const char *)field->at, field->length, table->layout->decimal_comma, time))
        return ADAPTAU_OK;
    if (table->options->split != SPLIT_RANDOM)
        return fields_fail(&table->fields, field->at, error, "\"%.*s\" is no time: seconds, or a date like 2016-01-31 12:30:05",
                           (int)(field->length < 32 ? field->length : 32), (const char *)field->at);
    table->reading.account->undated++;
    return ADAPTAU_OK;
}

static adaptau_status take_row(struct table *table, adaptau_error *error)
{
    const struct reading *reading = &table->reading;
    const char           *names[2] = {"", ""};
    size_t                lengths[2] = {0, 0};
    double                time = 0;
    bool                  kept = true;
    float                 weight = 1;
    adaptau_status        status = check_width(table, error);
    reading->account->lines++;
    reading->account->interactions++;
    if (!status)
        status = weigh(table, &kept, &weight, error);
    if (!status)
        status = date(table, &time, error);
    if (status || !kept)
        return status;
    status = find_name(table, ROLE_USER, &names[ROLE_USER], &lengths[ROLE_USER], error);
    if (!status)
        status = find_name(table, ROLE_ITEM, &names[ROLE_ITEM], &lengths[ROLE_ITEM], error);
    return status ? status : queue(table, names, lengths, time, weight, error);
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

/* Find the columns, by the header where there is one, which is taken. */
static adaptau_status take_header(struct table *table, bool *more, adaptau_error *error)
{
    const struct layout *layout = table->layout;
    const struct row *header = layout->header ? &table->fields.row : NULL;
    adaptau_status       status = ADAPTAU_OK;
    if (header) {
        status = fields_next(&table->fields, more, error);
        if (!status && *more && layout->shifted)
            fields_shift(&table->fields);
        if (!status && *more)
            status = check_width(table, error);
        header = *more ? header : NULL;
    }
    return status ? status
                  : columns_find(table->options, layout, header, table->fields.bytes->name, &table->columns, error);
}

static adaptau_status read_rows(struct table *table, adaptau_error *error)
{
    bool           more = true;
    adaptau_status status = take_header(table, &more, error);
    if (status || !more)
        return status;
    if (!table->reading.account->seen[0])
        describe(table, table->reading.account->seen);
    table->reading.account->weighed = table->columns.at[ROLE_WEIGHT] >= 0;
    table->reading.pairs->timed = table->columns.at[ROLE_TIME] >= 0;
    table->reading.pairs->weighed = table->options->weights != NULL;
    while (!(status = fields_next(&table->fields, &more, error)) && more && !(status = take_row(table, error)))
        ;
    if (!status)
        status = keep_queued(table, error);
    if (table->reading.account->undated > 0)
        pairs_drop_times(table->reading.pairs);
    return status;
}

adaptau_status read_table(struct bytes *bytes, const struct layout *layout, const struct read_options *options,
                          const struct reading *reading, adaptau_error *error)
{
    if (layout->n_fields < 2 && layout->n_lines == 0) /* blank lines at most */
        return ADAPTAU_OK;
    if (layout->n_fields < 2)
        return fail(error, ADAPTAU_E_FORMAT, "%s: no %s in most of its lines, so there is one column and two are needed",
                    shown_path(bytes->name), separator_name(layout->separator));
    struct table *table = malloc(sizeof *table);
    if (!table)
        return fail_memory(error, "a table");
    table->layout = layout;
    table->options = options;
    table->reading = *reading;
    table->n_queued = 0;
    fields_begin(&table->fields, bytes, layout->separator);
    adaptau_status status = read_rows(table, error);
    free(table);
    return status;
}
