/* SPDX-License-Identifier: MIT */
#include "common/preamble.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/fail.h"

#define BANNER "%%MatrixMarket"
#define HEAD_SIZE 256 /* bytes of a line that are looked at, in a Matrix Market file's head */

struct line {
    const unsigned char *at, *end, *next; /* without and with the line's end */
};

/* False at the end of what was read. A line that goes on behind it counts as what is there. */
static bool line_at(const struct bytes *bytes, const unsigned char *at, struct line *line)
{
    *line = (struct line){at, at, at};
    if (at == bytes->end)
        return false;
    const unsigned char *end = memchr(at, '\n', (size_t)(bytes->end - at));
    *line = (struct line){at, end ? end : bytes->end, end ? end + 1 : bytes->end};
    if (line->end > at && line->end[-1] == '\r')
        line->end--;
    return true;
}

static void take(struct bytes *bytes, const struct line *line)
{
    bytes->at += line->next - line->at;
    bytes->line++;
}

static bool is_marked(const struct line *line)
{
    return line->at < line->end && (*line->at == '#' || *line->at == '%');
}

static bool is_blank(const struct line *line)
{
    for (const unsigned char *at = line->at; at < line->end; at++)
        if (*at != ' ' && *at != '\t')
            return false;
    return true;
}

static int count(const struct line *line, unsigned char separator)
{
    int n = 0;
    for (const unsigned char *at = line->at; at < line->end; at++)
        n += *at == separator;
    return n;
}

/* Both have the same fields. */
static bool is_alike(const struct line *comment, const struct line *data)
{
    static const unsigned char separators[] = {'\t', ',', ';', '|'};
    for (size_t i = 0; i < sizeof separators; i++) {
        const int n = count(data, separators[i]);
        if (n > 0)
            return n == count(comment, separators[i]);
    }
    return false;
}

/* The first line that is neither marked nor blank. */
static bool first_of_data(const struct bytes *bytes, struct line *data)
{
    const unsigned char *at = bytes->at;
    while (line_at(bytes, at, data)) {
        if (!is_marked(data) && !is_blank(data))
            return true;
        at = data->next;
    }
    return false;
}

static void take_comments(struct bytes *bytes, struct preamble *preamble)
{
    struct line data, line;
    if (!first_of_data(bytes, &data))
        return;
    while (line_at(bytes, bytes->at, &line) && line.at < data.at && (is_blank(&line) || !is_alike(&line, &data))) {
        preamble->n_comments += is_marked(&line);
        take(bytes, &line);
    }
}

/* ---- Matrix Market ------------------------------------------------------------------------------------------------- */

static void copy(const struct line *line, char text[HEAD_SIZE])
{
    size_t n = (size_t)(line->end - line->at);
    n = n < HEAD_SIZE ? n : HEAD_SIZE - 1;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)tolower(line->at[i]);
    text[n] = '\0';
}

static adaptau_status check_banner(const struct bytes *bytes, const struct line *line, adaptau_error *error)
{
    char text[HEAD_SIZE], layout[16], numbers[16], symmetry[16];
    copy(line, text);
    if (sscanf(text, "%*s matrix %15s %15s %15s", layout, numbers, symmetry) == 3 && strcmp(layout, "coordinate") == 0 &&
        strcmp(numbers, "complex") != 0 && strcmp(symmetry, "general") == 0)
        return ADAPTAU_OK;
    return fail(error, ADAPTAU_E_FORMAT, "%s: of Matrix Market files only \"matrix coordinate real|integer|pattern general\" is read, "
                "and this one is \"%.100s\"", shown_path(bytes->name), text + sizeof BANNER - 1);
}

static adaptau_status take_matrix(struct bytes *bytes, struct preamble *preamble, adaptau_error *error)
{
    struct line    line;
    char           text[HEAD_SIZE] = "";
    long long      rows, columns, entries;
    int            end = 0;
    line_at(bytes, bytes->at, &line);
    adaptau_status status = check_banner(bytes, &line, error);
    if (status)
        return status;
    take(bytes, &line);
    while (line_at(bytes, bytes->at, &line) && (is_marked(&line) || is_blank(&line))) {
        preamble->n_comments += is_marked(&line);
        take(bytes, &line);
    }
    if (bytes->at < bytes->end)
        copy(&line, text);
    if (sscanf(text, "%lld %lld %lld %n", &rows, &columns, &entries, &end) != 3 || text[end] != '\0' || entries < 0)
        return fail(error, ADAPTAU_E_FORMAT, "%s:%lld: a Matrix Market file's line of rows, columns and entries is missing",
                    shown_path(bytes->name), (long long)bytes->line);
    take(bytes, &line);
    preamble->matrix = true;
    preamble->n_entries = entries;
    return ADAPTAU_OK;
}

adaptau_status preamble_take(struct bytes *bytes, struct preamble *preamble, adaptau_error *error)
{
    *preamble = (struct preamble){0};
    if ((size_t)(bytes->end - bytes->at) > sizeof BANNER && memcmp(bytes->at, BANNER, sizeof BANNER - 1) == 0)
        return take_matrix(bytes, preamble, error);
    take_comments(bytes, preamble);
    return ADAPTAU_OK;
}
