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

#define SHORT_NAME 15

/* The finaliser of splitmix64 over a word that b tells apart. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b ^ (a ^ b) >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    a = (a ^ a >> 27) * UINT64_C(0x94D049BB133111EB);
    return a ^ a >> 31;
}

static struct name_slot hash_long(const char *name, size_t length)
{
    struct name_slot slot = {.key = {length, 0}};
    for (uint64_t word = 0; length > 0; word = 0) {
        const size_t n = length < sizeof word ? length : sizeof word;
        memcpy(&word, name, n);
        slot.key[0] = mix(slot.key[0], word);
        slot.key[1] = mix(slot.key[1] + slot.key[0], UINT64_C(0xE7037ED1A0B428DB));
        name += n;
        length -= n;
    }
    return slot;
}

/* The last byte is a short name's length, or 0xFF: equal keys of short names are equal names. */
static struct name_slot make_slot(const char *name, size_t length, int32_t id)
{
    struct name_slot slot = {.key = {0, 0}};
    uint8_t          bytes[sizeof slot.key] = {0};
    if (length <= SHORT_NAME) {
        memcpy(bytes, name, length);
        bytes[SHORT_NAME] = (uint8_t)length;
        memcpy(slot.key, bytes, sizeof bytes);
    } else {
        slot = hash_long(name, length);
        memset((char *)slot.key + SHORT_NAME, 0xFF, 1);
    }
    slot.id = id;
    return slot;
}

static bool is_name(const struct names *names, const struct name_slot *there, const struct name_slot *wanted, const char *name,
                    size_t length)
{
    if (there->key[0] != wanted->key[0] || there->key[1] != wanted->key[1])
        return false;
    if (length <= SHORT_NAME)
        return true;
    const char *other = names_get(names, there->id);
    return strncmp(other, name, length) == 0 && other[length] == '\0';
}

static size_t first_slot(const struct names *names, const struct name_slot *wanted)
{
    return (size_t)mix(wanted->key[0], wanted->key[1] * UINT64_C(0x9E3779B97F4A7C15)) & (names->n_slots - 1);
}

void names_expect(const struct names *names, const char *name, size_t length)
{
    if (names->n_slots == 0)
        return;
    const struct name_slot wanted = make_slot(name, length, -1);
    __builtin_prefetch(&names->slots[first_slot(names, &wanted)]);
}

/* The slot that holds the name, or the free one where it belongs. */
static struct name_slot *find_slot(const struct names *names, const char *name, size_t length)
{
    const struct name_slot wanted = make_slot(name, length, -1);
    size_t                 at = first_slot(names, &wanted);
    while (names->slots[at].id >= 0 && !is_name(names, &names->slots[at], &wanted, name, length))
        at = (at + 1) & (names->n_slots - 1);
    return &names->slots[at];
}

static void fill_slot(struct name_slot *slot, const char *name, size_t length, int32_t id)
{
    if (slot->id < 0)
        *slot = make_slot(name, length, id);
}

int32_t names_find(const struct names *names, const char *name, size_t length)
{
    return names->n_slots ? find_slot(names, name, length)->id : -1;
}

static adaptau_status rehash(struct names *names, size_t n_slots, adaptau_error *error)
{
    struct name_slot *slots = malloc(n_slots * sizeof *slots);
    if (!slots)
        return fail_memory(error, "the names");
    free(names->slots);
    names->slots = slots;
    names->n_slots = n_slots;
    for (size_t i = 0; i < n_slots; i++)
        slots[i].id = -1;
    for (int32_t id = 0; id < names->count; id++) {
        const char *name = names_get(names, id);
        size_t      length = strlen(name);
        fill_slot(find_slot(names, name, length), name, length, id);
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
    fill_slot(find_slot(names, name, length), name, length, names->count);
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
    const char    *end = size > 0 ? bytes + size : bytes; /* NULL plus 0 is no pointer */
    for (const char *at = bytes; at < end && !status;) {
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
