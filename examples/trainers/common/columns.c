/* SPDX-License-Identifier: MIT */
#include "common/columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/fail.h"
#include "common/number.h"

const char *const role_names[N_ROLES] = {"user", "item", "weight", "time"};

#define WORD_SIZE 48

/* What columns of published data sets are called, in small letters and without what is neither letter nor digit; a type behind a
 * colon (RecBole) is gone. "user" stands for "users", "userid", "user_id", "User-ID" and "user no", too. */
static const char *const stems[2][64] = {
    {"user", "u", "uid", "reviewer", "customer", "visitor", "member", "person", "people", "buyer", "client", "consumer", "listener",
     "viewer", "reader", "player", "patron", "subscriber", "username", "usersha1", "student", "who", NULL},
    {"item", "i", "iid", "movie", "film", "asin", "parentasin", "sku", "isbn", "product", "book", "artist", "song", "track",
     "album", "business", "article", "game", "app", "anime", "manga", "beer", "wine", "recipe", "venue", "poi", "restaurant",
     "hotel", "show", "series", "video", "photo", "image", "news", "course", "joke", "document", "doc", "page", "url", "repo",
     "package", "listing", "offer", "good", "merchant", "stockcode", "what", NULL},
};

/* The same where none of those is there. */
static const char *const weak_stems[2][64] = {
    {"account", "profile", "device", "session", "author", "name", NULL},
    {"title", "name", "content", "location", "place", "post", "paper", "event", "brand", "query", "tag", NULL},
};

/* Endings of columns that weigh and of columns that date. */
static const char *const weight_endings[] = {"rating",   "ratings", "rate",     "score",      "stars",     "overall",   "weight",
                                             "count",    "counts",  "plays",    "listens",    "views",     "clicks",    "qty",
                                             "quantity", "value",   "feedback", "preference", "frequency", "purchases", "label",
                                             "hours",    "target",  "playtime", NULL};
static const char *const time_endings[] = {"timestamp", "time", "date", "datetime", "ts", "createdat", "updatedat", NULL};

/* ---- words --------------------------------------------------------------------------------------------------------- */

/* Letters and digits of a field in small letters, up to a colon. Other bytes of UTF-8 stay. */
static void fold_word(const struct field *field, char word[WORD_SIZE])
{
    size_t n = 0;
    for (size_t i = 0; i < field->length && field->at[i] != ':' && n + 1 < WORD_SIZE; i++) {
        unsigned char c = field->at[i];
        if (isalnum(c) || c >= 0x80)
            word[n++] = (char)tolower(c);
    }
    word[n] = '\0';
}

static bool ends_in(const char *word, const char *ending)
{
    size_t n = strlen(word), m = strlen(ending);
    return n >= m && strcmp(word + n - m, ending) == 0;
}

/* "movie", "movies", "movieid", "movieids", "moviekey", "movieno", "movienumber". */
static bool is_stem(const char *word, const char *stem)
{
    static const char *const endings[] = {"", "s", "id", "ids", "key", "no", "number", "idx", "index", "code", NULL};
    size_t                   n = strlen(stem);
    if (strncmp(word, stem, n) != 0)
        return false;
    for (int i = 0; endings[i]; i++)
        if (strcmp(word + n, endings[i]) == 0)
            return true;
    return false;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (int i = 0; list[i]; i++)
        if (is_stem(word, list[i]))
            return true;
    return false;
}

static bool has_ending(const char *word, enum role role)
{
    const char *const *endings = role == ROLE_WEIGHT ? weight_endings : time_endings;
    if (role == ROLE_TIME && strncmp(word, "date", 4) == 0) /* "date_added" */
        return true;
    for (int i = 0; endings[i]; i++)
        if (ends_in(word, endings[i]))
            return true;
    return false;
}

/* How many columns have a side by their names; *first is the first of them. `taken` is not looked at. */
static int count_side(const struct row *row, enum role side, int taken, int *first)
{
    char word[WORD_SIZE];
    int  count = 0;
    for (int weak = 0; weak < 2 && count == 0; weak++) {
        for (int i = 0; i < row->n; i++) {
            fold_word(&row->fields[i], word);
            if (i != taken && is_one_of(word, weak ? weak_stems[side] : stems[side]) && count++ == 0)
                *first = i;
        }
    }
    return count;
}

bool columns_are_named(const struct row *row)
{
    int user = -1, item = -1;
    return count_side(row, ROLE_USER, -1, &user) > 0 && count_side(row, ROLE_ITEM, user, &item) > 0;
}

int columns_find_item(const struct row *header)
{
    char word[WORD_SIZE];
    int  item = -1, n_items = count_side(header, ROLE_ITEM, -1, &item);
    for (int i = 0; i < header->n && n_items != 1; i++) {
        fold_word(&header->fields[i], word);
        if (strcmp(word, "id") == 0)
            return i;
    }
    return n_items == 1 ? item : -1;
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

/* "userId, movieId, rating": as much as fits. */
static void list_names(const struct row *header, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < header->n && used + 1 < size; i++) {
        const struct field *field = &header->fields[i];
        int                 n = (int)(field->length < 24 ? field->length : 24);
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", i ? ", " : "", n, (const char *)field->at);
    }
}

static adaptau_status refuse_names(const char *name, const struct row *header, const char *why, adaptau_error *error)
{
    char names[100];
    list_names(header, names, sizeof names);
    return fail(error, ADAPTAU_E_FORMAT, "%s: %s (%s); --columns user=NAME,item=NAME says it", shown_path(name), why, names);
}

/* ---- by name ------------------------------------------------------------------------------------------------------- */

/* The one other column that is called an id. */
static int find_other_id(const struct row *header, int taken)
{
    char word[WORD_SIZE];
    int  found = -1;
    for (int i = 0; i < header->n; i++) {
        fold_word(&header->fields[i], word);
        if (i == taken || !ends_in(word, "id"))
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

/* Those sides that --columns has not told. */
static adaptau_status find_sides(const struct row *header, const char *name, struct columns *columns, adaptau_error *error)
{
    int *user = &columns->at[ROLE_USER], *item = &columns->at[ROLE_ITEM];
    int  n_users = *user >= 0 ? 1 : count_side(header, ROLE_USER, *item, user);
    int  n_items = *item >= 0 ? 1 : count_side(header, ROLE_ITEM, *user, item);
    if (n_users > 1 || n_items > 1)
        return refuse_names(name, header, n_users > 1 ? "several columns could be the user" : "several columns could be the item",
                            error);
    if (n_users + n_items == 0 && header->n == 2) {
        *user = 0;
        *item = 1;
    } else if (n_users == 0 && n_items == 1)
        *user = header->n == 2 ? 1 - *item : find_other_id(header, *item);
    else if (n_users == 1 && n_items == 0)
        *item = header->n == 2 ? 1 - *user : find_other_id(header, *user);
    if (*user < 0 || *item < 0)
        return refuse_names(name, header,
                            *user < 0 && *item < 0 ? "the header tells no column of users and none of items"
                            : *user < 0            ? "the header tells no column of users"
                                                   : "the header tells no column of items",
                            error);
    return ADAPTAU_OK;
}

static bool is_taken(const struct columns *columns, int at)
{
    for (int role = 0; role < N_ROLES; role++)
        if (columns->at[role] == at)
            return true;
    return false;
}

/* The one other column of numbers behind user and item; -1: there is none, or several. Whatever it is called, it is counted. */
static int find_other_number(const struct row *header, const struct layout *layout, const struct columns *columns)
{
    char word[WORD_SIZE];
    int  found = -1, first = columns->at[ROLE_USER] > columns->at[ROLE_ITEM] ? columns->at[ROLE_USER] : columns->at[ROLE_ITEM];
    for (int i = first + 1; i < header->n && i < LAYOUT_COLUMNS; i++) {
        fold_word(&header->fields[i], word);
        if (i == columns->at[ROLE_TIME] || !layout->kinds[i].number || layout->kinds[i].epoch || ends_in(word, "id"))
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

/* The one other column of seconds or milliseconds since 1970 whose name says nothing; -1: there is none, or several. */
static int find_time_by_numbers(const struct row *header, const struct layout *layout, const struct columns *columns)
{
    char word[WORD_SIZE];
    int  found = -1;
    for (int i = 0; i < header->n && i < LAYOUT_COLUMNS; i++) {
        fold_word(&header->fields[i], word);
        if (is_taken(columns, i) || !(layout->kinds[i].recent || layout->kinds[i].recent_ms) || ends_in(word, "id") ||
            has_ending(word, ROLE_WEIGHT) || is_one_of(word, stems[ROLE_USER]) || is_one_of(word, stems[ROLE_ITEM]))
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

/* Weights and times are numbers, where a name alone could be anything; a time may be a date. */
static void find_extras(const struct row *header, const struct layout *layout, struct columns *columns)
{
    char word[WORD_SIZE];
    int *time = &columns->at[ROLE_TIME], *weight = &columns->at[ROLE_WEIGHT];
    bool given_time = *time >= 0, weights_are_odd = false;
    for (int i = 0; i < header->n && i < LAYOUT_COLUMNS; i++) {
        if (i == columns->at[ROLE_USER] || i == columns->at[ROLE_ITEM])
            continue;
        fold_word(&header->fields[i], word);
        bool dates = has_ending(word, ROLE_TIME);
        if (dates && !given_time && (*time < 0 || (layout->kinds[i].number && !layout->kinds[*time].number)))
            *time = i;
        else if (!dates && *weight < 0 && i != *time && has_ending(word, ROLE_WEIGHT) && layout->kinds[i].number)
            *weight = i;
        else if (!dates && i != *time && has_ending(word, ROLE_WEIGHT))
            weights_are_odd = weights_are_odd || layout->kinds[i].mostly;
    }
    if (*time < 0)
        columns->dated_by_numbers = (*time = find_time_by_numbers(header, layout, columns)) >= 0;
    if (*weight < 0 && !weights_are_odd)
        *weight = find_other_number(header, layout, columns);
}

/* ---- by position --------------------------------------------------------------------------------------------------- */

static void find_by_position(const struct layout *layout, struct columns *columns)
{
    for (int role = ROLE_USER; role <= ROLE_ITEM; role++)
        for (int i = 0; i < layout->n_fields && columns->at[role] < 0; i++)
            if (!is_taken(columns, i))
                columns->at[role] = i;
    for (int i = 0; i < layout->n_fields && i < 4; i++) {
        const struct column_kind *kind = &layout->kinds[i];
        if (is_taken(columns, i))
            continue;
        if (kind->epoch && columns->at[ROLE_TIME] < 0)
            columns->at[ROLE_TIME] = i;
        else if (kind->number && !kind->epoch && columns->at[ROLE_WEIGHT] < 0)
            columns->at[ROLE_WEIGHT] = i;
    }
}

/* ---- --columns ----------------------------------------------------------------------------------------------------- */

static bool is_called(const struct field *field, const char *name, size_t length)
{
    const unsigned char *colon = field->length ? memchr(field->at, ':', field->length) : NULL;
    return (field->length == length && memcmp(field->at, name, length) == 0) ||
           (colon && (size_t)(colon - field->at) == length && memcmp(field->at, name, length) == 0);
}

/* A column by its name, or by its number from 1. */
static adaptau_status find_column(const char *option, const char *value, size_t length, const struct layout *layout,
                                  const struct row *header, const char *name, int *at, adaptau_error *error)
{
    char    number[16] = "", names[100] = "";
    int64_t position;
    for (int i = 0; header && i < header->n; i++) {
        if (is_called(&header->fields[i], value, length)) {
            *at = i;
            return ADAPTAU_OK;
        }
    }
    if (length < sizeof number)
        memcpy(number, value, length);
    if (parse_whole(number, 1, layout->n_fields, &position)) {
        *at = (int)position - 1;
        return ADAPTAU_OK;
    }
    if (header)
        list_names(header, names, sizeof names);
    return fail(error, ADAPTAU_E_ARGUMENT, "%s: %s: no column \"%.*s\" among %d%s%s%s", shown_path(name), option,
                (int)(length < 40 ? length : 40), value, layout->n_fields, header ? " (" : ", and no header", names, header ? ")" : "");
}

static adaptau_status find_by_option(const char *text, const struct layout *layout, const struct row *header,
                                     const char *name, struct columns *columns, adaptau_error *error)
{
    while (*text) {
        size_t length = strcspn(text, ","), key = strcspn(text, "=");
        int    role = 0;
        while (role < N_ROLES && (key != strlen(role_names[role]) || strncmp(text, role_names[role], key) != 0))
            role++;
        if (role == N_ROLES || key + 1 >= length)
            return fail(error, ADAPTAU_E_ARGUMENT,
                        "--columns: \"%.*s\" is not user=, item=, weight= or time= with a column's name or number",
                        (int)(length < 60 ? length : 60), text);
        adaptau_status status =
            find_column("--columns", text + key + 1, length - key - 1, layout, header, name, &columns->at[role], error);
        if (status)
            return status;
        text += length + (text[length] == ',');
    }
    return ADAPTAU_OK;
}

/* ---- all together -------------------------------------------------------------------------------------------------- */

static void keep_names(const struct row *header, struct columns *columns)
{
    for (int role = 0; role < N_ROLES; role++) {
        int at = columns->at[role];
        if (at < 0 || at >= header->n)
            continue;
        size_t length = header->fields[at].length;
        if (length >= COLUMN_NAME_SIZE)
            length = COLUMN_NAME_SIZE - 1;
        memcpy(columns->names[role], header->fields[at].at, length);
    }
}

/* A column that would be the weights if one of its lines had a number: one that is called so, or else the only one of numbers.
 * -1: there is none. */
static int find_odd_weights(const struct layout *layout, const struct row *header, const struct columns *columns)
{
    char word[WORD_SIZE];
    int  found = -1, n_found = 0;
    for (int i = 0; i < layout->n_fields && i < LAYOUT_COLUMNS; i++) {
        if (is_taken(columns, i) || !layout->kinds[i].mostly || layout->kinds[i].odd_line == 0)
            continue;
        fold_word(header ? &header->fields[i] : &(struct field){0}, word);
        if (header && has_ending(word, ROLE_WEIGHT))
            return i;
        found = i;
        n_found++;
    }
    return n_found == 1 ? found : -1;
}

static adaptau_status refuse_no_weights(const struct read_options *options, const struct layout *layout, const struct row *header,
                                        const char *name, const struct columns *columns, adaptau_error *error)
{
    const int odd = find_odd_weights(layout, header, columns);
    char      called[COLUMN_NAME_SIZE + 4] = "";
    if (odd >= 0 && header)
        snprintf(called, sizeof called, " '%.*s'",
                 (int)(header->fields[odd].length < COLUMN_NAME_SIZE ? header->fields[odd].length : COLUMN_NAME_SIZE),
                 (const char *)header->fields[odd].at);
    if (odd >= 0 && options->rated)
        return fail(error, ADAPTAU_E_FORMAT, "%s:%lld: --min-rating, but column %d%s, which would be the ratings, holds no number here",
                    shown_path(name), (long long)layout->kinds[odd].odd_line, odd + 1, called);
    if (odd >= 0)
        return fail(
            error, ADAPTAU_E_FORMAT,
            "%s:%lld: --weights, but column %d%s, which would be the weights, holds no number here; --weights %d takes it and leaves "
            "such lines out",
            shown_path(name), (long long)layout->kinds[odd].odd_line, odd + 1, called, odd + 1);
    if (options->rated)
        return fail(error, ADAPTAU_E_FORMAT, "%s: --min-rating, but there is no column of ratings; --columns weight=NAME says which it is",
                    shown_path(name));
    return fail(error, ADAPTAU_E_FORMAT, "%s: --weights, but there is no column of weights; --weights NAME says which it is",
                shown_path(name));
}

static adaptau_status check_columns(const struct read_options *options, const struct layout *layout, const struct row *header,
                                    const char *name, const struct columns *columns, adaptau_error *error)
{
    for (int side = ROLE_USER; side <= ROLE_ITEM && !options->columns && !layout->header && layout->n_fields > 2; side++) {
        const struct column_kind *kind = &layout->kinds[columns->at[side]];
        if (kind->date || (kind->recent && layout->n_lines > 2))
            return fail(error, ADAPTAU_E_FORMAT,
                        "%s: column %d, which would be the %s, holds what looks like times; --columns user=N,item=N,time=N says which "
                        "is which",
                        shown_path(name), columns->at[side] + 1, role_names[side]);
    }
    for (int a = 0; a < N_ROLES; a++)
        for (int b = a + 1; b < N_ROLES; b++)
            if (columns->at[a] >= 0 && columns->at[a] == columns->at[b])
                return fail(error, ADAPTAU_E_ARGUMENT, "%s: column %d would be both %s and %s; --columns says which is which",
                            shown_path(name), columns->at[a] + 1, role_names[a], role_names[b]);
    if ((options->rated || options->weights) && columns->at[ROLE_WEIGHT] < 0)
        return refuse_no_weights(options, layout, header, name, columns, error);
    return ADAPTAU_OK;
}

adaptau_status columns_find(const struct read_options *options, const struct layout *layout, const struct row *header,
                            const char *name, struct columns *columns, adaptau_error *error)
{
    *columns = (struct columns){.at = {-1, -1, -1, -1}};
    adaptau_status status = ADAPTAU_OK;
    if (options->columns)
        status = find_by_option(options->columns, layout, header, name, columns, error);
    if (!status && options->weights && strcmp(options->weights, WEIGHTS_YES) != 0)
        status = find_column("--weights", options->weights, strlen(options->weights), layout, header, name, &columns->at[ROLE_WEIGHT],
                             error);
    if (!status && header)
        status = find_sides(header, name, columns, error);
    if (!status && header)
        find_extras(header, layout, columns);
    if (!status && !header)
        find_by_position(layout, columns);
    if (!status)
        status = check_columns(options, layout, header, name, columns, error);
    if (!status && header)
        keep_names(header, columns);
    return status;
}
