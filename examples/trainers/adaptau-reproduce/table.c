/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/draft.h"
#include "common/fail.h"
#include "common/names.h"

#define CELL_MAX 512
#define PATH_MAX_BYTES 4096

void table_open(struct table *table, const char *name, const char *title, const char *const *headings)
{
    *table = (struct table){0};
    snprintf(table->name, sizeof table->name, "%s", name);
    snprintf(table->title, sizeof table->title, "%s", title);
    while (headings[table->n_columns] && table->n_columns < TABLE_COLUMNS_MAX) {
        table->headings[table->n_columns] = headings[table->n_columns];
        table->n_columns++;
    }
}

void table_close(struct table *table)
{
    for (int64_t i = 0; i < table->n_cells; i++)
        free(table->cells[i]);
    for (int i = 0; i < table->n_notes; i++)
        free(table->notes[i]);
    free(table->cells);
    *table = (struct table){0};
}

/* ---- filling ------------------------------------------------------------------------------------------------------ */

static char *copy_text(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

static void add_cell(struct table *table, const char *text, bool word)
{
    char **grown = realloc(table->cells, ((size_t)table->n_cells + 1) * sizeof *grown);
    char  *copy = copy_text(text);
    if (grown)
        table->cells = grown;
    if (!grown || !copy) {
        free(copy);
        table->failed = true;
        return;
    }
    if (table->n_cells < table->n_columns)
        table->left[table->n_cells] = word;
    grown[table->n_cells++] = copy;
}

void table_text(struct table *table, const char *format, ...)
{
    char    text[CELL_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_cell(table, text, true);
}

void table_number(struct table *table, double value, int digits)
{
    char text[40] = "";
    if (!isnan(value))
        snprintf(text, sizeof text, "%.*f", digits, value);
    add_cell(table, text, false);
}

void table_signed(struct table *table, double value, int digits)
{
    char text[40] = "";
    if (!isnan(value))
        snprintf(text, sizeof text, "%+.*f", digits, value);
    add_cell(table, text, false);
}

void table_note(struct table *table, const char *format, ...)
{
    char    text[CELL_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *copy = table->n_notes < TABLE_NOTES_MAX ? copy_text(text) : NULL;
    if (copy)
        table->notes[table->n_notes++] = copy;
    else
        table->failed = true;
}

/* ---- for people --------------------------------------------------------------------------------------------------- */

static int column_width(const struct table *table, int column)
{
    int width = name_width(table->headings[column]);
    for (int64_t i = column; i < table->n_cells; i += table->n_columns) {
        int wanted = name_width(table->cells[i]);
        width = wanted > width ? wanted : width;
    }
    return width;
}

static void print_cell(FILE *out, const char *text, int width, bool left, bool last)
{
    int gap = width - name_width(text);
    fprintf(out, "%*s%s", left ? 0 : gap, "", text);
    if (!last)
        fprintf(out, "%*s", (left ? gap : 0) + 2, "");
}

void print_wrapped(FILE *out, const char *text)
{
    int column = 0;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + length > TEXT_WIDTH) {
            putc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%s%.*s", column > 0 ? " " : "", length, text);
        text += length + (text[length] == ' ');
    }
    putc('\n', out);
}

void table_print(const struct table *table, FILE *out)
{
    fprintf(out, "\n%s\n\n", table->title);
    for (int64_t row = -1; row < table->n_cells / table->n_columns; row++) {
        for (int c = 0; c < table->n_columns; c++) {
            const char *text = row < 0 ? table->headings[c] : table->cells[row * table->n_columns + c];
            print_cell(out, *text ? text : "-", column_width(table, c), table->left[c], c + 1 == table->n_columns);
        }
        putc('\n', out);
    }
    for (int i = 0; i < table->n_notes; i++) {
        fputs(i == 0 ? "\n" : "", out);
        print_wrapped(out, table->notes[i]);
    }
}

/* ---- for programs ------------------------------------------------------------------------------------------------- */

adaptau_status table_write(const struct table *table, const char *folder, adaptau_error *error)
{
    char         path[PATH_MAX_BYTES];
    struct draft draft;
    snprintf(path, sizeof path, "%s/%s.tsv", folder, table->name);
    adaptau_status status = draft_open(&draft, path, error);
    if (status)
        return status;
    for (int c = 0; c < table->n_columns; c++)
        fprintf(draft.file, "%s%c", table->headings[c], c + 1 == table->n_columns ? '\n' : '\t');
    for (int64_t i = 0; i < table->n_cells; i++)
        fprintf(draft.file, "%s%c", table->cells[i], (i + 1) % table->n_columns == 0 ? '\n' : '\t');
    return draft_commit(&draft, error);
}

/* ---- for the report ----------------------------------------------------------------------------------------------- */

/* Where a word's last component begins: behind the last slash that is not its end. */
static size_t find_component(const char *word, size_t length)
{
    size_t begin = 0;
    for (size_t i = 0; i + 1 < length && word[i + 1] != '\''; i++)
        if (word[i] == '/')
            begin = i + 1;
    return begin;
}

void html_command(FILE *out, const char *command)
{
    char word[512];
    while (*command) {
        size_t       length = strcspn(command, " ");
        const size_t quoted = *command == '\'';
        if (command[quoted] == '/') {
            const size_t begin = find_component(command, length);
            fputs(quoted ? "&#39;" : "", out);
            command += begin;
            length -= begin;
        }
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), command);
        html_text(out, word);
        command += length;
        for (; *command == ' '; command++)
            putc(' ', out);
    }
}

void table_html(const struct table *table, FILE *out)
{
    fprintf(out, "<figure id=\"%s\"><figcaption>", table->name);
    html_text(out, table->title);
    fputs("</figcaption>\n<table><thead><tr>", out);
    for (int c = 0; c < table->n_columns; c++) {
        fputs(table->left[c] ? "<th class=\"word\">" : "<th>", out);
        html_text(out, table->headings[c]);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int64_t i = 0; i < table->n_cells; i++) {
        int c = (int)(i % table->n_columns);
        fprintf(out, "%s<td%s>", c == 0 ? "<tr>" : "", table->left[c] ? " class=\"word\"" : "");
        html_text(out, *table->cells[i] ? table->cells[i] : "–");
        fputs(c + 1 == table->n_columns ? "</td></tr>\n" : "</td>", out);
    }
    fputs("</tbody></table>\n", out);
    for (int i = 0; i < table->n_notes; i++) {
        fputs("<p class=\"note\">", out);
        html_text(out, table->notes[i]);
        fputs("</p>\n", out);
    }
    fputs("</figure>\n", out);
}
