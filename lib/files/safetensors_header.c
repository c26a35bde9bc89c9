/* SPDX-License-Identifier: MIT */
/* The grammar is fixed (an object of objects of strings and arrays of integers), so each level has a function of its own and
 * nothing recurses. The parser points into the header instead of copying: reading costs no memory beyond it. */
#include "files/safetensors_header.h"

#include <string.h>

#include "files/safetensors_format.h"

#define LARGEST_RANK 64 /* no writer has a larger one */

/* A parser stops at its first complaint; `at` stays where that was. */
struct parser {
    struct atau_safetensors *file;
    const char              *at, *end;
    const char              *complaint;
};

static bool complain(struct parser *p, const char *complaint)
{
    p->complaint = complaint;
    return false;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

/* The given character after white space, if it is there. */
static bool accept(struct parser *p, char c)
{
    skip_space(p);
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

static bool parse_string(struct parser *p, struct atau_json_string *out)
{
    if (!accept(p, '"'))
        return complain(p, "a string should be here");
    const char *at = p->at;
    while (at < p->end && *at != '"')
        if (atau_json_character(&at, p->end) < 0)
            return complain(p, "a string that is not well-formed");
    if (at == p->end)
        return complain(p, "a string without an end");
    out->start = p->at;
    out->length = (size_t)(at - p->at);
    p->at = at + 1;
    return true;
}

static bool parse_key(struct parser *p, struct atau_json_string *out)
{
    return parse_string(p, out) && (accept(p, ':') || complain(p, "a colon should be here"));
}

static bool parse_integer(struct parser *p, uint64_t *out)
{
    uint64_t value = 0;
    skip_space(p);
    const char *start = p->at;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        uint64_t digit = (uint64_t)(*p->at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return complain(p, "a number that is too great");
        value = value * 10 + digit;
        p->at++;
    }
    if (p->at == start || (*start == '0' && p->at - start > 1))
        return complain(p, "a non-negative integer should be here");
    *out = value;
    return true;
}

/* 1 to 2 integers in brackets. */
static bool parse_integers(struct parser *p, uint64_t out[2], int32_t *n)
{
    if (!accept(p, '['))
        return complain(p, "an array should be here");
    for (*n = 0; *n < 2;) {
        if (!parse_integer(p, &out[(*n)++]))
            return false;
        if (accept(p, ']'))
            return true;
        if (!accept(p, ','))
            return complain(p, "a comma or a bracket should be here");
    }
    return complain(p, "an array that is too long");
}

static bool parse_type(struct parser *p, struct atau_safetensors_entry *entry)
{
    if (!parse_string(p, &entry->type_name))
        return false;
    for (entry->type = 0; entry->type < ATAU_SAFETENSORS_TYPES; ++entry->type)
        if (atau_json_is(entry->type_name, atau_safetensors_types[entry->type].name))
            return true;
    entry->type = ATAU_FOREIGN;
    return true;
}

/* Any rank; rows and columns are those of rank 1 and 2. */
static bool parse_shape(struct parser *p, struct atau_safetensors_entry *entry)
{
    uint64_t number = 0;
    entry->rows = entry->columns = 1;
    entry->rank = 0;
    if (!accept(p, '['))
        return complain(p, "an array should be here");
    if (accept(p, ']'))
        return true;
    do {
        if (!parse_integer(p, &number))
            return false;
        if (number > INT64_MAX)
            return complain(p, "a shape that is too great");
        if (++entry->rank <= 2)
            *(entry->rank == 1 ? &entry->rows : &entry->columns) = (int64_t)number;
    } while (entry->rank < LARGEST_RANK && accept(p, ','));
    return accept(p, ']') || complain(p, "a comma or a bracket should be here");
}

/* One member of an object of a tensor; `seen` has a bit for each. */
static bool parse_property(struct parser *p, struct atau_safetensors_entry *entry, unsigned *seen)
{
    struct atau_json_string key;
    uint64_t                numbers[2] = {1, 1};
    int32_t                 n;
    if (!parse_key(p, &key))
        return false;
    unsigned bit = atau_json_is(key, "dtype") ? 1 : atau_json_is(key, "shape") ? 2 : atau_json_is(key, "data_offsets") ? 4 : 0;
    if (!bit || *seen & bit)
        return complain(p, "a key that is unknown or has been before");
    *seen |= bit;
    if (bit == 1)
        return parse_type(p, entry);
    if (bit == 2)
        return parse_shape(p, entry);
    if (!parse_integers(p, numbers, &n))
        return false;
    entry->begin = numbers[0];
    entry->end = numbers[1];
    return n == 2 || complain(p, "data_offsets should be two");
}

static bool check_entry(struct parser *p, struct atau_safetensors_entry *entry)
{
    uint64_t cells, bytes;
    if (entry->begin > entry->end || entry->end > p->file->data_size)
        return complain(p, "data_offsets outside the file");
    if (entry->rank < 1 || entry->rank > 2)
        entry->type = ATAU_FOREIGN;
    if (entry->type == ATAU_FOREIGN)
        return true;
    if (__builtin_mul_overflow((uint64_t)entry->rows, (uint64_t)entry->columns, &cells) ||
        __builtin_mul_overflow(cells, atau_safetensors_types[entry->type].size, &bytes) || bytes != entry->end - entry->begin)
        return complain(p, "a shape that does not fit its data_offsets");
    return true;
}

static bool parse_tensor(struct parser *p, struct atau_json_string name)
{
    struct atau_safetensors      *file = p->file;
    struct atau_safetensors_entry entry = {.name = name};
    unsigned                      seen = 0;
    for (int i = 0; i < file->n_entries; i++)
        if (atau_json_equal(file->entries[i].name, name))
            return complain(p, "a tensor's name that has been before");
    if (file->n_entries == ATAU_MAX_TENSORS)
        return complain(p, "more tensors than can be read");
    if (!accept(p, '{'))
        return complain(p, "a tensor's object should be here");
    do {
        if (!parse_property(p, &entry, &seen))
            return false;
    } while (accept(p, ','));
    if (!accept(p, '}'))
        return complain(p, "a comma or a brace should be here");
    if (seen != 7)
        return complain(p, "a tensor without dtype, shape or data_offsets");
    if (!check_entry(p, &entry))
        return false;
    file->entries[file->n_entries++] = entry;
    return true;
}

static bool parse_metadata(struct parser *p)
{
    struct atau_safetensors *file = p->file;
    if (!accept(p, '{'))
        return complain(p, "the object of the metadata should be here");
    if (accept(p, '}'))
        return true;
    do {
        struct atau_json_string key, value;
        if (!parse_key(p, &key) || !parse_string(p, &value))
            return false;
        for (int i = 0; i < file->n_metadata; i++)
            if (atau_json_equal(file->metadata[i].key, key))
                return complain(p, "a key of the metadata that has been before");
        if (file->n_metadata == ATAU_MAX_METADATA)
            return complain(p, "more metadata than can be read");
        file->metadata[file->n_metadata].key = key;
        file->metadata[file->n_metadata++].value = value;
    } while (accept(p, ','));
    return accept(p, '}') || complain(p, "a comma or a brace should be here");
}

static bool parse_header(struct parser *p)
{
    bool has_metadata = false;
    if (p->at == p->end || *p->at++ != '{') /* white space in front is against the format                      */
        return complain(p, "the header should begin with a brace");
    bool empty = accept(p, '}');
    while (!empty) {
        struct atau_json_string name;
        if (!parse_key(p, &name))
            return false;
        if (!atau_json_is(name, METADATA_NAME)) {
            if (!parse_tensor(p, name))
                return false;
        } else if (has_metadata) {
            return complain(p, "metadata that have been before");
        } else {
            has_metadata = true;
            if (!parse_metadata(p))
                return false;
        }
        if (accept(p, '}'))
            break;
        if (!accept(p, ','))
            return complain(p, "a comma or a brace should be here");
    }
    skip_space(p);
    return p->at == p->end || complain(p, "text after the header's end");
}

bool atau_safetensors_parse(struct atau_safetensors *file, struct atau_complaint *complaint)
{
    struct parser p = {.file = file, .at = file->header, .end = file->header + file->header_size};
    if (parse_header(&p))
        return true;
    *complaint = (struct atau_complaint){p.complaint, (size_t)(p.at - file->header)};
    return false;
}
