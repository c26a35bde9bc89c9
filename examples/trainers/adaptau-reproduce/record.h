/* SPDX-License-Identifier: MIT */
/* Named series of numbers and named texts: what is known of a cell, and its file, one flat JSON object. */
#ifndef ADAPTAU_REPRODUCE_RECORD_H
#define ADAPTAU_REPRODUCE_RECORD_H

#include <stdbool.h>

#include <adaptau/base.h>

#define RECORD_NAME_MAX 32

struct series {
    char    name[RECORD_NAME_MAX];
    int64_t count;
    double *values;
};

struct note {
    char  name[RECORD_NAME_MAX];
    char *text;
};

/* All zero is empty. */
struct record {
    int32_t        n_series, n_notes;
    struct series *series;
    struct note   *notes;
};

void record_free(struct record *record);

/* Append to the series of that name, which is made when there is none. */
adaptau_status record_append(struct record *record, const char *name, int64_t count, const double *values,
                             adaptau_error *error);
adaptau_status record_add(struct record *record, const char *name, double value, adaptau_error *error);
adaptau_status record_note(struct record *record, const char *name, const char *text, adaptau_error *error);

/* Never NULL: an empty series where there is none. */
const struct series *record_series(const struct record *record, const char *name);

/* The last number of a series, NaN where there is none. */
double record_number(const struct record *record, const char *name);

/* "" where there is none. */
const char *record_text(const struct record *record, const char *name);

/* Atomic. Numbers are read back bit by bit. */
adaptau_status record_write(const struct record *record, const char *path, adaptau_error *error);

/* @return E_IO where it cannot be read, E_FORMAT "path:column: ..." where record_write did not write it. Empty on failure. */
adaptau_status record_read(struct record *record, const char *path, adaptau_error *error);

#endif
