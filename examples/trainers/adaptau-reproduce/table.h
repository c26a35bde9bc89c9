/* SPDX-License-Identifier: MIT */
/* A table of texts: aligned for people, as TSV for programs, as HTML for the report. */
#ifndef ADAPTAU_REPRODUCE_TABLE_H
#define ADAPTAU_REPRODUCE_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <adaptau/base.h>

#include "common/html.h"
#include "common/printf.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_NOTES_MAX 6
#define TEXT_WIDTH 110

struct table {
    char        name[64];   /* of its file: "table2-gowalla" */
    char        title[160]; /* one line */
    int         n_columns;
    const char *headings[TABLE_COLUMNS_MAX]; /* borrowed */
    bool        left[TABLE_COLUMNS_MAX];     /* columns of words are flush left; set by the first row */
    int64_t     n_cells;
    char      **cells; /* [n_cells] row by row */
    int         n_notes;
    char       *notes[TABLE_NOTES_MAX]; /* below the table */
    bool        failed;                 /* out of memory: the table is not whole */
};

/* `headings` end in NULL. */
void table_open(struct table *table, const char *name, const char *title, const char *const *headings);
void table_close(struct table *table);

/* The next cell; rows follow from the number of columns. */
void table_text(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);
void table_number(struct table *table, double value, int digits); /* nothing for NaN */
void table_signed(struct table *table, double value, int digits); /* with its sign */
void table_note(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);

void           table_print(const struct table *table, FILE *out);
void           table_html(const struct table *table, FILE *out);
adaptau_status table_write(const struct table *table, const char *folder, adaptau_error *error); /* FOLDER/NAME.tsv */

/* Text in lines of at most TEXT_WIDTH columns, and a newline. */
void print_wrapped(FILE *out, const char *text);

/* A command line, its absolute paths without their folders: where data lie on one machine tells nobody else anything. */
void html_command(FILE *out, const char *command);

#endif
