/* SPDX-License-Identifier: MIT */
/* read_recommendations of one file: memory in proportion to the text; lists of known items, each once and nothing that its user had;
 * and lists that are written as a table with ranks are read as the same again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptau-evaluate/subject.h"
#include "fuzz.h"

#define ROOM (2 << 20)    /* the chunk of a file, and a table's row */
#define ROOM_PER_BYTE 256 /* a name of one letter in a table that has just doubled, and an entry of it */
#define N_USERS 4
#define N_ITEMS 3

static const char *const user_names[N_USERS] = {"0", "1", "ann", "b\"b"};
static const char *const item_names[N_ITEMS] = {"0", "1", "tea"};

/* Everybody has item 0 in test, and user 1 had item 1. */
static const int64_t test_ptr[] = {0, 1, 2, 3, 4}, train_ptr[] = {0, 0, 1, 1, 1};
static const int32_t test_items[] = {0, 0, 0, 0}, train_items[] = {1};
static int32_t       who[] = {0, 1, 2, 3}, place[] = {0, 1, 2, 3};

static const struct settings settings = {.cutoffs = {2, {1, 5}}, .kind = KIND_LISTS};

struct world {
    struct names users, items;
    struct truth truth;
};

static void open_world(struct world *world)
{
    *world = (struct world){0};
    for (int i = 0; i < N_USERS; i++)
        must(names_append(&world->users, user_names[i], strlen(user_names[i]), NULL) == ADAPTAU_OK, "names have room");
    for (int i = 0; i < N_ITEMS; i++)
        must(names_append(&world->items, item_names[i], strlen(item_names[i]), NULL) == ADAPTAU_OK, "names have room");
    world->truth = (struct truth){
        .train = {.n_users = N_USERS, .n_items = N_ITEMS, .user_ptr = train_ptr, .user_items = train_items},
        .test = {.n_users = N_USERS, .n_items = N_ITEMS, .user_ptr = test_ptr, .user_items = test_items},
        .users = &world->users,
        .items = &world->items,
        .n = N_USERS,
        .who = who,
        .place = place,
    };
}

static void close_world(struct world *world)
{
    names_free(&world->users);
    names_free(&world->items);
}

static void check_lists(const struct subject *subject, const struct world *world)
{
    const int32_t *items;
    for (int32_t p = 0; p < N_USERS; p++) {
        const int32_t n = subject_list(subject, p, &items);
        for (int32_t r = 0; r < n; r++) {
            must(items[r] < world->items.count, "an item of a list has a name");
            must(p != 1 || items[r] != 1, "what a user had is in no list");
            for (int32_t s = 0; s < r; s++)
                must(items[s] != items[r], "an item is in a list once");
        }
    }
}

static void write_quoted(const char *name, FILE *out)
{
    putc('"', out);
    for (; *name; name++)
        fprintf(out, *name == '"' ? "\"\"" : "%c", *name);
    putc('"', out);
}

static void read_again(const struct subject *subject, const struct world *world)
{
    FILE          *out = fopen(fuzz_path(1), "w");
    struct world   other;
    struct subject again = {.path = fuzz_path(1)};
    const int32_t *items, *same;
    int32_t        n_entries = 0;
    must(out != NULL, "a file can be written in TMPDIR");
    fputs("user,item,rank\n", out);
    for (int32_t p = 0; p < N_USERS; p++) {
        const int32_t n = subject_list(subject, p, &items);
        for (int32_t r = n - 1; r >= 0; r--, n_entries++) {
            write_quoted(user_names[p], out);
            putc(',', out);
            write_quoted(names_get(&world->items, items[r]), out);
            fprintf(out, ",%d\n", r + 1);
        }
    }
    fclose(out);
    if (n_entries == 0)
        return;
    open_world(&other);
    must(read_recommendations(&again, &other.truth, &settings, NULL) == ADAPTAU_OK, "lists that were written are read");
    for (int32_t p = 0; p < N_USERS; p++) {
        const int32_t n = subject_list(subject, p, &items);
        must(subject_list(&again, p, &same) == n, "a list is as long as it was");
        for (int32_t r = 0; r < n; r++)
            must(strcmp(names_get(&world->items, items[r]), names_get(&other.items, same[r])) == 0, "an item is at its rank");
    }
    subject_close(&again);
    close_world(&other);
}

/* Names that a field in quotes holds as they are: a backslash before a quote is another writer's way of quoting it, and CRLF is one
 * line end. */
static bool is_plain(const struct names *names)
{
    for (int32_t i = 0; i < names->count; i++) {
        const char  *name = names_get(names, i);
        const size_t length = strlen(name);
        if (length == 0 || strchr(name, '\\') || strchr(name, '\r'))
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct world   world;
    struct subject subject = {.path = fuzz_file(0, bytes, size)};
    const size_t   mark = fuzz_memory_mark();
    open_world(&world);
    const adaptau_status status = read_recommendations(&subject, &world.truth, &settings, NULL);
    must(fuzz_memory_above(mark) <= ROOM + ROOM_PER_BYTE * size, "memory is in proportion to the text");
    if (!status) {
        check_lists(&subject, &world);
        if (is_plain(&world.items))
            read_again(&subject, &world);
    }
    subject_close(&subject);
    close_world(&world);
    must(fuzz_memory.present == mark, "all memory comes back");
    return 0;
}
