/* SPDX-License-Identifier: MIT */
/* read_data on one file, its layout found out or said: memory in proportion to the text; pairs that were read are read again from
 * what they are written to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/read_data.h"
#include "common/unpack.h"
#include "fuzz.h"

#define ROOM (512 << 10)   /* the chunk of a file, and what empty lists begin with */
#define ROOM_PER_BYTE 128  /* a name of one letter in tables that have just doubled, old and new */

static void write_lightgcn(const struct data *data, FILE *out)
{
    for (int64_t i = 0; i < data->train.count; i++)
        fprintf(out, "%d %d\n", data->train.users[i], data->train.items[i]);
}

static void write_quoted(const char *name, FILE *out)
{
    putc('"', out);
    for (; *name; name++)
        fprintf(out, *name == '"' ? "\"\"" : "%c", *name);
    putc('"', out);
}

/* Of lists one side may have got names for its sparse ids, and the other none. */
static const char *name_of(const struct names *names, int32_t id, char number[16])
{
    snprintf(number, 16, "%d", id);
    return names->count > 0 ? names_get(names, id) : number;
}

static bool same_name(const struct names *one, int32_t id, const struct names *other, int32_t other_id)
{
    char number[16], other_number[16];
    return strcmp(name_of(one, id, number), name_of(other, other_id, other_number)) == 0;
}

static void write_pairs(const struct data *data, FILE *out)
{
    fprintf(out, "user,item\n");
    for (int64_t i = 0; i < data->train.count; i++) {
        char number[16];
        write_quoted(name_of(&data->users, data->train.users[i], number), out);
        putc(',', out);
        write_quoted(name_of(&data->items, data->train.items[i], number), out);
        putc('\n', out);
    }
}

static void read_again(const struct data *data)
{
    const bool   named = data->users.count > 0 || data->items.count > 0;
    FILE        *out = fopen(fuzz_path(1), "w");
    struct data  again;
    const struct read_options options = {.format = named ? FORMAT_PAIRS : FORMAT_LIGHTGCN, .header = HEADER_YES, .compact = COMPACT_NO};
    must(out != NULL, "a file can be written in TMPDIR");
    if (named)
        write_pairs(data, out);
    else
        write_lightgcn(data, out);
    fclose(out);
    must(read_data(fuzz_path(1), &options, &again, NULL) == ADAPTAU_OK, "what was written is read");
    must(again.train.count == data->train.count, "as many pairs come back");
    for (int64_t i = 0; i < again.train.count; i++)
        must(same_name(&data->users, data->train.users[i], &again.users, again.train.users[i]) &&
                 same_name(&data->items, data->train.items[i], &again.items, again.train.items[i]),
             "the same pairs come back");
    data_free(&again);
}

static void check_ids(const struct data *data)
{
    for (int64_t i = 0; i < data->train.count; i++)
        must(data->train.users[i] >= 0 && data->train.users[i] < data->n_users && data->train.items[i] >= 0 &&
                 data->train.items[i] < data->n_items,
             "ids are below their counts");
}

/* The text is longer then. */
static bool is_packed(const char *path)
{
    unsigned char begin[6] = {0};
    FILE         *file = fopen(path, "r");
    must(file != NULL, "the file is there");
    const size_t n = fread(begin, 1, sizeof begin, file);
    fclose(file);
    return unpack_kind(begin, n) != NULL;
}

static void try(const char *path, size_t size, const struct read_options *options)
{
    struct data    data;
    adaptau_error  error = {0};
    const size_t   mark = fuzz_memory_mark();
    adaptau_status status = read_data(path, options, &data, &error);
    must(is_packed(path) || fuzz_memory_above(mark) <= ROOM + ROOM_PER_BYTE * size, "memory is in proportion to the text");
    must(status == ADAPTAU_OK || (error.status == status && error.message[0]), "an error has a message");
    if (status == ADAPTAU_OK) {
        check_ids(&data);
        read_again(&data);
    }
    data_free(&data);
    must(fuzz_memory.present == mark, "all memory comes back");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *path = fuzz_file(0, bytes, size);
    try(path, size, NULL);
    try(path, size, &(struct read_options){.format = FORMAT_PAIRS, .header = HEADER_NO, .rated = true, .min_rating = 3.0});
    try(path, size, &(struct read_options){.separator = 1 + (int32_t)(size % 6), .columns = "user=2,item=1,time=3,weight=4"});
    return 0;
}
