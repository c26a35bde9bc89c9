/* SPDX-License-Identifier: MIT */
#include "common/read_data.h"

#define LARGEST_ID (INT32_MAX - 1) /* the count, one more, must fit too */
#define SHOWN 34                   /* bytes of a bad id in a message */

static bool is_blank(int c)
{
    return c == ' ' || c == '\t';
}

static bool ends_id(int c)
{
    return is_blank(c) || c == '\n' || c == TEXT_END;
}

/* The beginning of an id as it stands in the text, in case that it must be shown. */
struct shown_id {
    char   bytes[SHOWN + 4];
    size_t length;
};

static void show_byte(struct shown_id *shown, int c)
{
    if (shown->length < SHOWN)
        shown->bytes[shown->length++] = c < 0x20 || c == 0x7F ? '?' : (char)c;
    else
        shown->bytes[SHOWN] = shown->bytes[SHOWN + 1] = shown->bytes[SHOWN + 2] = '.';
}

/* What is wrong with an id that is no number: the text stands on its first character that is no digit. */
static adaptau_status refuse_id(struct text *text, int64_t column, struct shown_id *shown, const char *kind,
                                adaptau_error *error)
{
    bool negative = shown->length == 0 && text->current == '-';
    for (int i = 0; i <= SHOWN && !ends_id(text->current); i++) {
        adaptau_status status = text_check(text, error);
        if (status)
            return status;
        show_byte(shown, text->current);
        text_step(text);
    }
    if (negative && shown->bytes[1] >= '0' && shown->bytes[1] <= '9')
        return text_fail(text, text->line, column, error, "%s %s is negative; ids count from 0", kind, shown->bytes);
    return text_fail(text, text->line, column, error, "\"%s\" is no %s id, a whole number from 0", shown->bytes, kind);
}

/* `colon`: one may stand behind it, as in "7:12 3 5". */
static adaptau_status read_id(struct text *text, const char *kind, bool colon, int32_t *id, adaptau_error *error)
{
    struct shown_id shown = {.length = 0};
    int64_t         column = text->column;
    int64_t         value = 0;
    for (; text->current >= '0' && text->current <= '9'; text_step(text)) {
        show_byte(&shown, text->current);
        if (value <= LARGEST_ID)
            value = value * 10 + (text->current - '0');
    }
    const bool has_colon = colon && shown.length > 0 && text->current == ':';
    if (!has_colon && !ends_id(text->current))
        return refuse_id(text, column, &shown, kind, error);
    if (value > LARGEST_ID)
        return text_fail(text, text->line, column, error, "%s %s is above %d", kind, shown.bytes, LARGEST_ID);
    *id = (int32_t)value;
    if (has_colon)
        text_step(text);
    return ADAPTAU_OK;
}

static void skip_blanks(struct text *text)
{
    while (is_blank(text->current))
        text_step(text);
}

static void note_id(int32_t id, const struct text *text, int64_t column, int32_t *largest, int64_t *at_line, int64_t *at_column)
{
    if (id <= *largest)
        return;
    *largest = id;
    *at_line = text->line;
    *at_column = column;
}

/* One line with a user on it; a user without items counts as a user. */
static adaptau_status read_row(struct text *text, pair_visitor visit, void *user_data, struct id_extent *extent,
                               adaptau_error *error)
{
    int32_t        user, item;
    int64_t        column = text->column;
    adaptau_status status = read_id(text, "user", true, &user, error);
    if (status)
        return status;
    extent->n_lines++;
    note_id(user, text, column, &extent->largest_user, &extent->user_line, &extent->user_column);
    for (;;) {
        skip_blanks(text);
        if (text->current == '\n' || text->current == TEXT_END)
            return ADAPTAU_OK;
        column = text->column;
        status = read_id(text, "item", false, &item, error);
        if (status)
            return status;
        note_id(item, text, column, &extent->largest_item, &extent->item_line, &extent->item_column);
        status = visit(user_data, user, item, error);
        if (status)
            return status;
    }
}

adaptau_status read_lists_each(struct text *text, pair_visitor visit, void *user_data, struct id_extent *extent,
                               adaptau_error *error)
{
    for (;;) {
        skip_blanks(text);
        if (text->current == TEXT_END)
            return text_status(text, error);
        if (text->current == '\n') {
            text_step(text);
            continue;
        }
        adaptau_status status = read_row(text, visit, user_data, extent, error);
        if (status)
            return status;
    }
}

static adaptau_status append(void *user_data, int32_t user, int32_t item, adaptau_error *error)
{
    return pairs_append(user_data, user, item, error);
}

adaptau_status read_lists(struct text *text, struct pairs *pairs, struct id_extent *extent, adaptau_error *error)
{
    return read_lists_each(text, append, pairs, extent, error);
}
