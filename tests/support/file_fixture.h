/* SPDX-License-Identifier: MIT */
/* What the tests of files share: a context, a folder, and a sample file to write there. */
#ifndef TEST_FILE_FIXTURE_H
#define TEST_FILE_FIXTURE_H

#include <math.h>
#include <stdio.h>

#include "context.h"
#include "files/safetensors.h"
#include "folder.h"

static adaptau_context *context;
static uint64_t         bytes_at_start; /* the context's own                                                   */

static inline void set_up(void)
{
    make_folder();
    context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_context_memory(context, &bytes_at_start, NULL);
}

static inline void tear_down(void)
{
    uint64_t present;
    remove_folder();
    adaptau_context_memory(context, &present, NULL);
    ck_assert_uint_eq(present, bytes_at_start);
    adaptau_context_destroy(context);
}

static inline size_t read_bytes(char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

static inline adaptau_status open_and_close(adaptau_error *error)
{
    static struct atau_safetensors file;
    adaptau_status                 status = atau_safetensors_open(context, atau_from_path(path), &file, error);
    if (status == ADAPTAU_OK)
        atau_safetensors_close(&file);
    return status;
}

#define USERS 5
#define ITEMS 3
#define DIM 4
#define STRIDE 7

/* Small and full of what could go wrong: strides, characters that need escapes, an empty value. */
static inline adaptau_status write_sample(const char *where, adaptau_error *error)
{
    float users[USERS * STRIDE], items[ITEMS * DIM];
    for (int k = 0; k < USERS * STRIDE; k++)
        users[k] = k % STRIDE < DIM ? (float)(k / STRIDE * 10 + k % STRIDE) : NAN;
    for (int k = 0; k < ITEMS * DIM; k++)
        items[k] = -0.1f * (float)k;
    const struct atau_tensor tensors[] = {
        {.name = "user_embeddings", .rows = USERS, .columns = DIM, .data = users, .stride = STRIDE},
        {.name = "item \"embeddings\"\\\t\xC3\xA9", .rows = ITEMS, .columns = DIM, .data = items, .stride = DIM},
        {.name = "nothing", .rows = 0, .columns = DIM, .data = NULL, .stride = DIM},
    };
    const struct atau_metadata metadata[] = {
        {"format", "adaptau"}, {"empty", ""}, {"\xCF\x84\n", "tau \xF0\x9F\x8D\x8E \"quoted\" \\ \x01"}};
    return atau_safetensors_write(atau_to_path(where), 3, tensors, 3, metadata, error);
}

#endif
