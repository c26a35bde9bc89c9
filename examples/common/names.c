/* SPDX-License-Identifier: MIT */
#include "common/names.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/text.h"

void names_free(struct names *names)
{
    free(names->bytes);
    free(names->starts);
    free(names->slots);
    *names = (struct names){0};
}

const char *names_get(const struct names *names, int32_t id)
{
    return names->bytes + names->starts[id];
}

/* FNV-1a, with a final mix because the slots are taken from the low bits. */
static uint64_t hash_name(const char *name, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t find_slot(const struct names *names, const char *name, size_t length)
{
    size_t slot = (size_t)hash_name(name, length) & (names->n_slots - 1);
    while (names->slots[slot] >= 0) {
        const char *there = names_get(names, names->slots[slot]);
        if (strncmp(there, name, length) == 0 && there[length] == '\0')
            break;
        slot = (slot + 1) & (names->n_slots - 1);
    }
    return slot;
}

int32_t names_find(const struct names *names, const char *name, size_t length)
{
    return names->n_slots ? names->slots[find_slot(names, name, length)] : -1;
}

static adaptau_status rehash(struct names *names, size_t n_slots, adaptau_error *error)
{
    int32_t *slots = malloc(n_slots * sizeof *slots);
    if (!slots)
        return fail_memory(error, "the names");
    free(names->slots);
    names->slots = slots;
    names->n_slots = n_slots;
    memset(slots, 0xFF, n_slots * sizeof *slots);
    for (int32_t id = 0; id < names->count; id++) {
        const char *name = names_get(names, id);
        size_t      slot = find_slot(names, name, strlen(name));
        if (slots[slot] < 0)
            slots[slot] = id;
    }
    return ADAPTAU_OK;
}

/* Room for one more name of `length` bytes. */
static adaptau_status grow(struct names *names, size_t length, adaptau_error *error)
{
    if (names->count == INT32_MAX)
        return fail(error, ADAPTAU_E_SHAPE, "more than 2147483647 names");
    if (names->n_bytes + length + 1 > names->bytes_capacity) {
        size_t capacity = names->bytes_capacity * 2 + length + 1024;
        char  *bytes = realloc(names->bytes, capacity);
        if (!bytes)
            return fail_memory(error, "the names");
        names->bytes = bytes;
        names->bytes_capacity = capacity;
    }
    if ((size_t)names->count == names->starts_capacity) {
        size_t  capacity = names->starts_capacity * 2 + 64;
        size_t *starts = realloc(names->starts, capacity * sizeof *starts);
        if (!starts)
            return fail_memory(error, "the names");
        names->starts = starts;
        names->starts_capacity = capacity;
    }
    if ((size_t)names->count * 2 >= names->n_slots)
        return rehash(names, names->n_slots ? names->n_slots * 2 : 128, error);
    return ADAPTAU_OK;
}

adaptau_status names_append(struct names *names, const char *name, size_t length, adaptau_error *error)
{
    adaptau_status status = grow(names, length, error);
    if (status)
        return status;
    size_t slot = find_slot(names, name, length);
    if (names->slots[slot] < 0)
        names->slots[slot] = names->count;
    names->starts[names->count++] = names->n_bytes;
    memcpy(names->bytes + names->n_bytes, name, length);
    names->bytes[names->n_bytes + length] = '\0';
    names->n_bytes += length + 1;
    return ADAPTAU_OK;
}

adaptau_status names_intern(struct names *names, const char *name, size_t length, int32_t *id, adaptau_error *error)
{
    *id = names_find(names, name, length);
    if (*id >= 0)
        return ADAPTAU_OK;
    adaptau_status status = names_append(names, name, length, error);
    if (status == ADAPTAU_OK)
        *id = names->count - 1;
    return status;
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

/* The line that the text stands in, up to its end. */
static adaptau_status read_line(struct text *text, char *line, size_t *length, adaptau_error *error)
{
    *length = 0;
    for (; text->current != '\n' && text->current != TEXT_END; text_step(text)) {
        adaptau_status status = text_check(text, error);
        if (status)
            return status;
        if (*length == NAME_MAX_BYTES)
            return text_fail(text, text->line, text->column, error, "a name of more than %d bytes", NAME_MAX_BYTES);
        line[(*length)++] = (char)text->current;
    }
    return ADAPTAU_OK;
}

static adaptau_status read_names(struct names *names, struct text *text, adaptau_error *error)
{
    char    line[NAME_MAX_BYTES];
    int64_t blank_line = 0;
    while (text->current != TEXT_END) {
        size_t         length;
        int64_t        number = text->line;
        adaptau_status status = read_line(text, line, &length, error);
        if (status)
            return status;
        text_step(text);
        if (length == 0) {
            blank_line = blank_line ? blank_line : number;
            continue;
        }
        if (blank_line)
            return text_fail(text, blank_line, 1, error, "an empty name: line numbers are ids, so none may be left out");
        status = names_append(names, line, length, error);
        if (status)
            return status;
    }
    return text_status(text, error);
}

adaptau_status names_read(struct names *names, const char *path, adaptau_error *error)
{
    struct text    text = {0};
    struct names   read = {0};
    adaptau_status status = text_open(&text, path, error);
    if (status)
        return status;
    status = read_names(&read, &text, error);
    text_close(&text);
    if (status) {
        names_free(&read);
        return status;
    }
    names_free(names);
    *names = read;
    return ADAPTAU_OK;
}

adaptau_status names_from_bytes(struct names *names, const char *bytes, int64_t size, adaptau_error *error)
{
    struct names   read = {0};
    adaptau_status status = ADAPTAU_OK;
    for (const char *at = bytes, *end = bytes + size; at < end && !status;) {
        const char *nul = memchr(at, '\0', (size_t)(end - at));
        if (!nul)
            status = fail(error, ADAPTAU_E_FORMAT, "the names in the model do not end in a NUL");
        else
            status = names_append(&read, at, (size_t)(nul - at), error);
        at = nul ? nul + 1 : end;
    }
    if (status) {
        names_free(&read);
        return status;
    }
    names_free(names);
    *names = read;
    return ADAPTAU_OK;
}

/* ---- likeness ----------------------------------------------------------------------------------------------------- */

#define SIMILAR_MAX_BYTES 64

/* Levenshtein's distance, over bytes; the names are short. */
static int edit_distance(const char *a, int n, const char *b, int m)
{
    int row[SIMILAR_MAX_BYTES + 1];
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = best < diagonal + 1 ? best : diagonal + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
        }
    }
    return row[m];
}

/* Distance of names, where one that begins with the other is near whatever its length. */
static int unlikeness(const char *wanted, int n, const char *name, int m)
{
    int distance = edit_distance(wanted, n, name, m);
    if (n >= 3 && m > n && strncmp(wanted, name, (size_t)n) == 0)
        return distance < 2 ? distance : 2;
    return distance;
}

int names_similar(const struct names *names, const char *name, int limit, int32_t *ids)
{
    size_t length = strlen(name);
    if (length == 0 || length > SIMILAR_MAX_BYTES)
        return 0;
    int worst = (int)length / 3 < 1 ? 1 : (int)length / 3;
    int found = 0;
    for (int distance = 1; distance <= worst && found < limit; distance++) {
        for (int32_t id = 0; id < names->count && found < limit; id++) {
            const char *other = names_get(names, id);
            size_t      size = strlen(other);
            if (size <= SIMILAR_MAX_BYTES && unlikeness(name, (int)length, other, (int)size) == distance)
                ids[found++] = id;
        }
    }
    return found;
}

/* ---- printing ----------------------------------------------------------------------------------------------------- */

static bool starts_character(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

int name_width(const char *name)
{
    int width = 0;
    for (; *name; name++)
        width += starts_character(*name);
    return width;
}

void name_print(FILE *out, const char *name, int width)
{
    int  full = name_width(name);
    bool cut = width > 3 && full > width;
    int  room = cut ? width - 3 : full;
    int  shown = 0;
    for (; *name; name++) {
        if (starts_character(*name) && ++shown > room)
            break;
        putc((unsigned char)*name < 0x20 || *name == 0x7F ? '?' : *name, out);
    }
    if (cut)
        fputs("...", out);
    for (int column = cut ? width : full; column < width; column++)
        putc(' ', out);
}
