/* SPDX-License-Identifier: MIT */
/* Every separator is tried on the sample. One that makes the same number of fields, two or more, of every line is good. Of
 * several good ones the strongest wins: "::" and tabs, which hardly stand in a name; then the others, where a comma that stands
 * within fields as a decimal point does not count; blanks last. Lines that only blanks divide are lists when they are ragged
 * and their words are whole numbers.
 *
 * Where none is good, the one that is good on most lines is taken, so that the reader names the line that breaks the rule. */
#include "common/layout.h"

#include <stdlib.h>
#include <string.h>

#include "common/columns.h"
#include "common/fail.h"
#include "common/number.h"

#define ROWS_MAX 5000
#define COUNTS_MAX 64 /* fields of a line, as they are counted */

/* The sample under one separator. */
struct trial_split {
    int  separator;
    int  n_rows;
    int  n_usual;         /* rows with as many fields as most have */
    int  n_fields;        /* so many */
    int  n_numbers;       /* fields that are whole numbers, and all of them */
    long n_words;
    bool broken;          /* a row cannot be split: quotes */
    int  n_whole;         /* fields of that row before it breaks */
    int  n_first;         /* fields of the first row */
    bool numbers_first;   /* one of them is a number */
    bool commas_decimal;  /* every comma within a field is a decimal point; there is one */
    bool commas_other;    /* there is one that is not */
};

static const int order[] = {SEPARATOR_COLONS, '\t', ',', ';', '|', SEPARATOR_BLANK};
#define N_SEPARATORS ((int)(sizeof order / sizeof *order))

const char *separator_name(int separator)
{
    switch (separator) {
    case '\t': return "tab";
    case ',': return "comma";
    case ';': return "semicolon";
    case '|': return "bar";
    case SEPARATOR_COLONS: return "\"::\"";
    case SEPARATOR_BLANK: return "blank";
    default: return "none";
    }
}

/* ---- fields as numbers --------------------------------------------------------------------------------------------- */

static bool has_comma(const struct field *field)
{
    return field->length && memchr(field->at, ',', field->length);
}

static bool is_number(const struct field *field, bool decimal_comma)
{
    double value;
    return !field->escape && read_number((const char *)field->at, field->length, decimal_comma, &value);
}

static bool is_whole(const struct field *field)
{
    for (size_t i = 0; i < field->length; i++)
        if (field->at[i] < '0' || field->at[i] > '9')
            return false;
    return field->length > 0;
}

/* Since 1970, from 1990 to 2037: `unit` is of a second. */
static bool is_recent(const struct field *field, double unit)
{
    double value;
    return is_whole(field) && read_number((const char *)field->at, field->length, false, &value) && value >= 631152000 * unit &&
           value <= 2147483647 * unit;
}

static bool is_date(const struct field *field)
{
    double value;
    return !is_number(field, true) && read_time((const char *)field->at, field->length, false, &value);
}

static bool is_epoch(const struct field *field)
{
    return is_whole(field) && field->length >= 9 && field->length <= 19 && field->at[0] != '0';
}

/* ---- separators ---------------------------------------------------------------------------------------------------- */

/* The rows of the sample, one by one. Of one that the sample cuts off, what is there counts where it is the first. */
struct walk {
    const struct splitter *splitter;
    const unsigned char   *at, *end;
    bool                   last;
    int                    n;
    int64_t                line; /* where `at` is */
    enum split             result;
};

static struct walk walk_begin(const struct bytes *bytes, const struct splitter *splitter)
{
    return (struct walk){.splitter = splitter, .at = bytes->at, .end = bytes->end, .last = bytes->ended, .line = bytes->line};
}

static bool walk_on(struct walk *walk, struct row *row)
{
    if (walk->n == ROWS_MAX)
        return false;
    row->line = walk->line;
    walk->result = split_row(walk->splitter, walk->at, walk->end, walk->last, row);
    if (walk->result == SPLIT_MORE && walk->n == 0) {
        walk->result = split_row(walk->splitter, walk->at, walk->end, true, row);
        if (walk->result == SPLIT_DONE && row->n > 1)
            row->n--;
    }
    /* More fields than a table may have: a long list. */
    if (walk->result == SPLIT_TOO_MANY) {
        const unsigned char *line_end = memchr(walk->at, '\n', (size_t)(walk->end - walk->at));
        row->next = line_end ? line_end + 1 : walk->end;
        walk->result = SPLIT_DONE;
    }
    if (walk->result != SPLIT_DONE)
        return false;
    walk->at = row->next;
    walk->line = row->line + row->n_lines;
    walk->n++;
    return true;
}

static void count_words(const struct row *row, struct trial_split *trial)
{
    for (int i = 0; i < row->n; i++) {
        const struct field *field = &row->fields[i];
        trial->n_words++;
        trial->n_numbers += is_whole(field);
        if (has_comma(field)) {
            bool decimal = is_number(field, true);
            trial->commas_decimal = trial->commas_decimal || decimal;
            trial->commas_other = trial->commas_other || !decimal;
        }
    }
}

static void look_at_first(const struct row *row, struct trial_split *trial)
{
    trial->n_first = row->n;
    for (int i = 0; i < row->n; i++)
        trial->numbers_first = trial->numbers_first || is_number(&row->fields[i], true);
}

static struct trial_split try_separator(const struct bytes *bytes, int separator, struct row *row)
{
    struct trial_split trial = {.separator = separator};
    struct splitter    splitter;
    int                counts[COUNTS_MAX] = {0};
    splitter_init(&splitter, separator);
    struct walk walk = walk_begin(bytes, &splitter);
    while (walk_on(&walk, row)) {
        counts[row->n < COUNTS_MAX ? row->n : COUNTS_MAX - 1]++;
        if (walk.n == 1)
            look_at_first(row, &trial);
        count_words(row, &trial);
    }
    trial.n_rows = walk.n;
    trial.n_whole = row->n;
    trial.broken = walk.result != SPLIT_END && walk.result != SPLIT_MORE && walk.n < ROWS_MAX;
    for (int n = COUNTS_MAX - 1; n > 0; n--) {
        if (counts[n] > trial.n_usual) {
            trial.n_usual = counts[n];
            trial.n_fields = n;
        }
    }
    return trial;
}

/* Three fields at least: of "name" above "1 x" nothing can be told. */
static bool is_shifted(const struct trial_split *trial)
{
    return trial->n_rows > 1 && trial->n_usual == trial->n_rows - 1 && trial->n_fields >= 3 &&
           trial->n_first == trial->n_fields - 1 && !trial->numbers_first;
}

static bool is_good(const struct trial_split *trial)
{
    return !trial->broken && trial->n_rows > 0 && (trial->n_usual == trial->n_rows || is_shifted(trial)) &&
           trial->n_fields >= 2 && trial->n_fields < COUNTS_MAX - 1;
}

/* The strongest good one, or NULL. */
static const struct trial_split *choose_good(const struct trial_split trials[N_SEPARATORS])
{
    const struct trial_split *chosen = NULL, *comma = NULL;
    for (int i = 0; i < N_SEPARATORS; i++) {
        const struct trial_split *trial = &trials[i];
        if (!is_good(trial))
            continue;
        if (!chosen) {
            chosen = trial;
            comma = trial->separator == ',' ? trial : NULL;
            continue;
        }
        /* "52;9;3,5": the comma cuts numbers in two. */
        if (chosen == comma && (trial->separator == ';' || trial->separator == '|') && trial->commas_decimal && !trial->commas_other)
            chosen = trial;
    }
    return chosen;
}

/* Good on most lines: at least half of them, and the more the better. */
static const struct trial_split *choose_usual(const struct trial_split trials[N_SEPARATORS])
{
    const struct trial_split *chosen = NULL;
    for (int i = 0; i < N_SEPARATORS; i++) {
        const struct trial_split *trial = &trials[i];
        bool better = trial->n_fields >= 2 && trial->n_usual * 2 >= trial->n_rows && trial->separator != SEPARATOR_BLANK;
        if (better && (!chosen || trial->n_usual > chosen->n_usual))
            chosen = trial;
    }
    return chosen;
}

/* Where no separator gets past the first row, the one that gets farthest: the reader says what is wrong there. NULL otherwise. */
static const struct trial_split *choose_broken(const struct trial_split trials[N_SEPARATORS])
{
    const struct trial_split *chosen = NULL;
    for (int i = 0; i < N_SEPARATORS; i++) {
        if (!trials[i].broken || trials[i].n_rows > 0)
            return NULL;
        if (!chosen || trials[i].n_whole > chosen->n_whole)
            chosen = &trials[i];
    }
    return chosen;
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static void look_at_columns(const struct bytes *bytes, struct layout *layout, struct row *row, bool first_counts)
{
    struct splitter splitter;
    bool            any = false;
    int             n = layout->n_fields < LAYOUT_COLUMNS ? layout->n_fields : LAYOUT_COLUMNS;
    splitter_init(&splitter, layout->separator);
    struct walk walk = walk_begin(bytes, &splitter);
    int n_numbers[LAYOUT_COLUMNS] = {0}, n_filled[LAYOUT_COLUMNS] = {0};
    for (int i = 0; i < LAYOUT_COLUMNS; i++)
        layout->kinds[i] = (struct column_kind){.number = i < n, .whole = i < n, .epoch = i < n, .recent = i < n,
                                                .recent_ms = i < n, .date = i < n};
    while (walk_on(&walk, row)) {
        if (walk.n == 1 && !first_counts)
            continue;
        any = true;
        for (int i = 0; i < n; i++) {
            struct column_kind *kind = &layout->kinds[i];
            const struct field  none = {0}, *field = i < row->n ? &row->fields[i] : &none;
            const bool number = is_number(field, layout->decimal_comma);
            n_numbers[i] += number;
            n_filled[i] += field->length > 0;
            kind->number = kind->number && (number || field->length == 0);
            if (!number && field->length > 0 && kind->odd_line == 0)
                kind->odd_line = row->line;
            kind->recent = kind->recent && is_recent(field, 1);
            kind->recent_ms = kind->recent_ms && is_recent(field, 1000);
            kind->date = kind->date && is_date(field);
            kind->whole = kind->whole && is_whole(field);
            kind->epoch = kind->epoch && is_epoch(field);
        }
    }
    for (int i = 0; i < n; i++) {
        layout->kinds[i].number = layout->kinds[i].number && n_numbers[i] > 0;
        layout->kinds[i].mostly = n_numbers[i] > 0 && n_numbers[i] * 2 >= n_filled[i];
    }
    layout->n_lines = walk.n;
    if (!any)
        memset(layout->kinds, 0, sizeof layout->kinds);
}

/* A first line without any number, above a column of numbers or with the names of users and items in it. */
static bool is_header(const struct bytes *bytes, const struct layout *layout, struct row *row)
{
    struct splitter splitter;
    bool            above_numbers = false;
    splitter_init(&splitter, layout->separator);
    struct walk walk = walk_begin(bytes, &splitter);
    if (!walk_on(&walk, row))
        return false;
    for (int i = 0; i < row->n; i++) {
        if (is_number(&row->fields[i], layout->decimal_comma))
            return false;
        const int column = i + layout->shifted;
        above_numbers = above_numbers || (column < LAYOUT_COLUMNS && layout->kinds[column].number && row->fields[i].length > 0);
    }
    return above_numbers || columns_are_named(row);
}

static void find_header(const struct bytes *bytes, const struct read_options *options, struct layout *layout,
                        struct row *row)
{
    look_at_columns(bytes, layout, row, false);
    layout->header = options->header == HEADER_YES || (options->header == HEADER_AUTO && is_header(bytes, layout, row));
    layout->shifted = layout->shifted && layout->header;
    if (!layout->header)
        look_at_columns(bytes, layout, row, true);
}

/* ---- lists --------------------------------------------------------------------------------------------------------- */

static bool mostly_numbers(const struct trial_split *trial)
{
    return trial->n_numbers > 0 && trial->n_numbers * 2L >= trial->n_words;
}

/* Three or four columns of whole numbers between blanks may be ratings or items. A decimal or a time settles it. */
static bool is_ambiguous(const struct layout *layout)
{
    if (layout->n_fields != 3 && layout->n_fields != 4)
        return false;
    for (int i = 0; i < layout->n_fields; i++)
        if (!layout->kinds[i].whole || (i > 1 && layout->kinds[i].epoch))
            return false;
    return true;
}

static bool all_whole(const struct layout *layout)
{
    for (int i = 0; i < layout->n_fields && i < LAYOUT_COLUMNS; i++)
        if (!layout->kinds[i].whole)
            return false;
    return true;
}

/* ---- the decision -------------------------------------------------------------------------------------------------- */

static const int forced_separators[] = {0, '\t', ',', ';', SEPARATOR_BLANK, SEPARATOR_COLONS, '|'};

static void set_table(const struct bytes *bytes, const struct read_options *options, const struct trial_split *trial,
                      struct layout *layout, struct row *row)
{
    layout->lists = false;
    layout->separator = trial->separator;
    layout->n_fields = trial->n_fields;
    layout->decimal_comma = trial->separator != ',' && trial->commas_decimal;
    layout->shifted = is_shifted(trial);
    find_header(bytes, options, layout, row);
}

static adaptau_status refuse_ambiguous(const struct bytes *bytes, const struct layout *layout, adaptau_error *error)
{
    return fail(error, ADAPTAU_E_FORMAT,
                "%s: %s whole numbers between blanks in every line: user, item, rating%s (--format pairs), or a user and its items "
                "(--format lightgcn)?",
                shown_path(bytes->name), layout->n_fields == 3 ? "three" : "four", layout->n_fields == 4 ? ", time" : "");
}

/* Blanks alone divide the lines, or nothing does. */
static adaptau_status decide_blanks(const struct bytes *bytes, const struct read_options *options, bool settled,
                                    const struct trial_split *blank, struct layout *layout, struct row *row,
                                    adaptau_error *error)
{
    if (is_good(blank)) {
        set_table(bytes, options, blank, layout, row);
        layout->lists = !layout->header && all_whole(layout) && (settled || layout->n_fields > 4);
        return !layout->lists && !layout->header && is_ambiguous(layout) ? refuse_ambiguous(bytes, layout, error) : ADAPTAU_OK;
    }
    layout->lists = true;
    layout->n_lines = blank->n_rows;
    if (settled || blank->n_rows == 0 || blank->broken || mostly_numbers(blank))
        return ADAPTAU_OK;
    if (bytes->at < bytes->end && *bytes->at == '{')
        return fail(error, ADAPTAU_E_FORMAT, "%s: this looks like JSON, which is not read; make a table of it (jq -r '[...] | @csv')",
                    shown_path(bytes->name));
    return fail(error, ADAPTAU_E_FORMAT,
                "%s: no tab, comma, semicolon, bar, \"::\" or blank divides its lines into the same number of fields, two or more; "
                "--separator says which one should",
                shown_path(bytes->name));
}

static adaptau_status decide(const struct bytes *bytes, const struct read_options *options, bool settled, struct layout *layout,
                             struct row *row, adaptau_error *error)
{
    struct trial_split trials[N_SEPARATORS];
    for (int i = 0; i < N_SEPARATORS; i++)
        trials[i] = try_separator(bytes, order[i], row);
    const struct trial_split *blank = &trials[N_SEPARATORS - 1], *chosen = choose_good(trials);
    if (options->separator != SEPARATOR_AUTO) {
        struct trial_split forced = try_separator(bytes, forced_separators[options->separator], row);
        set_table(bytes, options, &forced, layout, row);
        return ADAPTAU_OK;
    }
    const struct trial_split *broken = choose_broken(trials);
    if (broken) {
        set_table(bytes, options, broken, layout, row);
        layout->n_fields = 2;
        return ADAPTAU_OK;
    }
    const bool numbers = mostly_numbers(blank);
    if (!chosen && numbers && options->format != FORMAT_PAIRS && blank->n_numbers == blank->n_words)
        return decide_blanks(bytes, options, settled, blank, layout, row, error);
    if (!chosen)
        chosen = choose_usual(trials);
    if (!chosen && options->format == FORMAT_PAIRS)
        chosen = blank;
    if (!chosen || (chosen == blank && options->format != FORMAT_PAIRS))
        return decide_blanks(bytes, options, settled, blank, layout, row, error);
    set_table(bytes, options, chosen, layout, row);
    return ADAPTAU_OK;
}

adaptau_status layout_find(const struct bytes *bytes, const struct read_options *options, bool settled, struct layout *layout,
                           adaptau_error *error)
{
    *layout = (struct layout){.lists = options->format == FORMAT_LIGHTGCN};
    if (layout->lists)
        return ADAPTAU_OK;
    struct row *row = malloc(sizeof *row);
    if (!row)
        return fail_memory(error, "the layout");
    adaptau_status status = decide(bytes, options, settled, layout, row, error);
    free(row);
    return status;
}
