/* SPDX-License-Identifier: MIT */
#include "adaptau-evaluate/read_json.h"

#include <string.h>

#define DEPTH_MAX 32
#define KEY_SIZE 32

/* A string or a number; what is longer than a name may be is an error. */
struct word {
    size_t length;
    char   bytes[NAME_MAX_BYTES + 1];
};

struct parser {
    struct text    *text;
    struct entries *entries;
    struct word     word;
    int             depth;
    adaptau_error  *error;
};

static adaptau_status refuse(const struct parser *p, const char *what)
{
    return text_fail(p->text, p->text->line, p->text->column, p->error, "%s", what);
}

static void skip_space(struct parser *p)
{
    while (p->text->current == ' ' || p->text->current == '\t' || p->text->current == '\n')
        text_step(p->text);
}

/* Steps over `c` when it is there. */
static bool take(struct parser *p, int c)
{
    skip_space(p);
    if (p->text->current != c)
        return false;
    text_step(p->text);
    return true;
}

/* ---- words --------------------------------------------------------------------------------------------------------- */

static adaptau_status put_byte(struct parser *p, unsigned int byte)
{
    if (p->word.length == NAME_MAX_BYTES)
        return refuse(p, "a string that is longer than a name may be");
    p->word.bytes[p->word.length++] = (char)byte;
    return ADAPTAU_OK;
}

static adaptau_status put_code(struct parser *p, unsigned int code)
{
    const int          n_more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const unsigned int marks[] = {0, 0xC0, 0xE0, 0xF0}, first = marks[n_more] | code >> (6 * n_more);
    adaptau_status     status = code == 0 ? refuse(p, "a NUL in a string") : put_byte(p, first);
    for (int i = n_more - 1; i >= 0 && !status; i--)
        status = put_byte(p, 0x80 | (code >> (6 * i) & 0x3F));
    return status;
}

static bool read_hex(struct parser *p, unsigned int *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, text_step(p->text)) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const int         c = p->text->current;
        const char       *digit = c > 0 ? strchr(digits, c) : NULL;
        if (!digit)
            return false;
        *code = *code << 4 | (unsigned int)((digit - digits) & 15);
    }
    return true;
}

/* Behind "\u"; two of them where the first is half a character. */
static adaptau_status read_code(struct parser *p)
{
    unsigned int high, low;
    if (!read_hex(p, &high))
        return refuse(p, "\\u without four hexadecimal digits");
    if (high < 0xD800 || high > 0xDFFF)
        return put_code(p, high);
    bool paired = high < 0xDC00 && p->text->current == '\\';
    if (paired) {
        text_step(p->text);
        paired = p->text->current == 'u';
    }
    if (paired)
        text_step(p->text);
    if (!paired || !read_hex(p, &low) || low < 0xDC00 || low > 0xDFFF)
        return refuse(p, "half a character");
    return put_code(p, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
}

static adaptau_status read_escape(struct parser *p)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const int         c = p->text->current;
    const char       *letter = c > 0 ? strchr(letters, c) : NULL;
    if (c == 'u') {
        text_step(p->text);
        return read_code(p);
    }
    if (!letter)
        return refuse(p, "a backslash before what needs none");
    text_step(p->text);
    return put_byte(p, (unsigned char)meant[letter - letters]);
}

/* The text stands on the opening quote. */
static adaptau_status read_string(struct parser *p)
{
    adaptau_status status = ADAPTAU_OK;
    p->word.length = 0;
    text_step(p->text);
    while (!status && p->text->current != '"') {
        const int c = p->text->current;
        if (c == TEXT_END || (c >= 0 && c < 0x20))
            return refuse(p, "a string that is not closed");
        text_step(p->text);
        status = c == '\\' ? read_escape(p) : put_byte(p, (unsigned int)c);
    }
    text_step(p->text);
    p->word.bytes[p->word.length] = '\0';
    return status;
}

/* A number, true, false or null, as it stands. */
static adaptau_status read_plain(struct parser *p)
{
    static const char ends[] = " \t\n,:]}[{\"";
    adaptau_status    status = ADAPTAU_OK;
    p->word.length = 0;
    while (!status && p->text->current > 0 && !strchr(ends, p->text->current)) {
        status = put_byte(p, (unsigned int)p->text->current);
        text_step(p->text);
    }
    p->word.bytes[p->word.length] = '\0';
    return status || p->word.length > 0 ? status : refuse(p, "no JSON value");
}

static bool is_scalar(struct parser *p)
{
    skip_space(p);
    return p->text->current != '{' && p->text->current != '[';
}

static adaptau_status read_scalar(struct parser *p)
{
    return p->text->current == '"' ? read_string(p) : read_plain(p);
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static adaptau_status read_value(struct parser *p);

static bool is_one_of(const char *key, const char *const *keys)
{
    for (int i = 0; keys[i]; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static adaptau_status read_key(struct parser *p, char key[KEY_SIZE])
{
    skip_space(p);
    adaptau_status status = p->text->current == '"' ? read_string(p) : refuse(p, "no key in quotes");
    if (status)
        return status;
    memcpy(key, p->word.bytes, KEY_SIZE); /* a longer one is none that is looked for */
    if (p->word.length >= KEY_SIZE)
        key[0] = '\0';
    return take(p, ':') ? ADAPTAU_OK : refuse(p, "no colon behind a key");
}

/* What follows an element: a comma and another one, or the closing bracket. */
static adaptau_status go_on(struct parser *p, int bracket, bool *more)
{
    *more = take(p, ',');
    if (*more || take(p, bracket))
        return ADAPTAU_OK;
    return refuse(p, bracket == '}' ? "no comma and no } behind a value" : "no comma and no ] behind a value");
}

static adaptau_status append(struct parser *p)
{
    p->entries->n_lines++;
    return entries_append(p->entries, -1, p->word.bytes, p->word.length, 0, p->error);
}

/* {"item": "b", "id": 3, ...}: by the first of these keys that there is. */
static adaptau_status read_item_object(struct parser *p)
{
    static const char *const names[] = {"item", "item_id", "itemId", "id", NULL};
    char                     key[KEY_SIZE];
    bool                     found = false, more = !take(p, '}');
    adaptau_status           status = ADAPTAU_OK;
    while (!status && more) {
        status = read_key(p, key);
        if (!status && !found && is_scalar(p) && is_one_of(key, names)) {
            found = true;
            status = read_scalar(p);
            if (!status)
                status = append(p);
        } else if (!status)
            status = read_value(p);
        if (!status)
            status = go_on(p, '}', &more);
    }
    return status || found ? status : refuse(p, "an entry of a list without \"item\"");
}

/* Behind '['. */
static adaptau_status read_items(struct parser *p)
{
    bool           more = !take(p, ']');
    adaptau_status status = ADAPTAU_OK;
    while (!status && more) {
        if (is_scalar(p)) {
            status = read_scalar(p);
            if (!status)
                status = append(p);
        } else
            status = take(p, '{') ? read_item_object(p) : refuse(p, "a list in a list");
        if (!status)
            status = go_on(p, ']', &more);
    }
    return status;
}

static bool is_list(struct parser *p, const char *key)
{
    static const char *const lists[] = {"items", "recommendations", "recommended", "recs", "ranking", "list", "predictions", NULL};
    skip_space(p);
    return p->text->current == '[' && is_one_of(key, lists);
}

/* Entries from `first` on are this user's, or go when the user has no test pairs. */
static void give_to(struct entries *entries, int64_t first, int32_t place)
{
    if (place < 0) {
        entries->n_other_users += entries->count - first;
        entries->count = first;
    }
    for (int64_t i = first; i < entries->count; i++)
        entries->entries[i].place = place;
}

/* Behind '{'. */
static adaptau_status read_object(struct parser *p)
{
    static const char *const users[] = {"user", "user_id", "userId", "userid", NULL};
    char                     key[KEY_SIZE];
    bool                     named = false, listed = false, more = !take(p, '}');
    int32_t                  place = -1;
    const int64_t            first = p->entries->count;
    adaptau_status           status = ADAPTAU_OK;
    while (!status && more) {
        status = read_key(p, key);
        if (!status && is_list(p, key)) {
            listed = true;
            text_step(p->text);
            status = read_items(p);
        } else if (!status && is_scalar(p) && is_one_of(key, users)) {
            named = true;
            status = read_scalar(p);
            if (!status)
                place = entries_find_user(p->entries, p->word.bytes, p->word.length);
        } else if (!status)
            status = read_value(p);
        if (!status)
            status = go_on(p, '}', &more);
    }
    if (!status && listed && !named)
        return refuse(p, "a list of items without a \"user\"");
    if (!status && listed)
        give_to(p->entries, first, place);
    return status;
}

static adaptau_status read_array(struct parser *p)
{
    bool           more = !take(p, ']');
    adaptau_status status = ADAPTAU_OK;
    while (!status && more) {
        status = read_value(p);
        if (!status)
            status = go_on(p, ']', &more);
    }
    return status;
}

static adaptau_status read_value(struct parser *p)
{
    if (is_scalar(p))
        return read_scalar(p);
    if (p->depth == DEPTH_MAX)
        return refuse(p, "brackets within brackets, too deep");
    p->depth++;
    adaptau_status status = take(p, '{') ? read_object(p) : take(p, '[') ? read_array(p) : refuse(p, "no JSON value");
    p->depth--;
    return status;
}

adaptau_status read_json(struct text *text, struct entries *entries, adaptau_error *error)
{
    struct parser  parser = {.text = text, .entries = entries, .error = error};
    adaptau_status status = ADAPTAU_OK;
    for (skip_space(&parser); !status && text->current != TEXT_END; skip_space(&parser))
        status = read_value(&parser);
    return status ? status : text_status(text, error);
}
