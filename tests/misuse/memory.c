/* SPDX-License-Identifier: MIT */
/* model.h: files in memory. */
#include <stdio.h>

#include "misuse.h"

static struct {
    adaptau_context           *context;
    const adaptau_dataset     *dataset;
    const adaptau_model       *from;
    const adaptau_temperature *with;
    const char                *note, *path;
    adaptau_write_function     write;
    const void                *bytes;
    int64_t                    size;
    adaptau_model            **out, **model;
    adaptau_temperature      **temperature;
    char                      *note_out;
    const adaptau_attachment  *attachments;
    int32_t                    n;

    adaptau_attachment   two[2];
    char                 note_room[ADAPTAU_NOTE_SIZE];
    adaptau_model       *made_model;
    adaptau_temperature *made_temperature;
    _Alignas(64) char    content[32768];
} a;

static void release(void)
{
    adaptau_model_destroy(a.made_model);
    adaptau_temperature_destroy(a.made_temperature);
    a.made_model = NULL;
    a.made_temperature = NULL;
}

#define MODEL_IS_NULL {ADAPTAU_E_ARGUMENT, "model is NULL", {TO(a.from, NULL)}}

/* ---- written to a function ------------------------------------------------------------------------------------------ */

static int32_t drop(void *user_data, const void *bytes, int64_t size)
{
    (void)user_data, (void)bytes, (void)size;
    return 0;
}

static int32_t refuse(void *user_data, const void *bytes, int64_t size)
{
    (void)user_data, (void)bytes, (void)size;
    return -5;
}

#define BAD_WRITERS                                                                                                     \
    MODEL_IS_NULL, IS_NULL(write), {ADAPTAU_E_CALLBACK, "write returned -5 for ", {TO(a.write, refuse)}}

static void prepare_model_save_to(void)
{
    a.from = desk.graph;
    a.write = drop;
    a.two[0] = (adaptau_attachment){"names", "a", 2};
    a.two[1] = (adaptau_attachment){"version", NULL, 0};
    a.attachments = a.two;
    a.n = 2;
}

static adaptau_status call_model_save_to(adaptau_error *error)
{
    return adaptau_model_save_to(a.from, a.write, NULL, a.n, a.attachments, error);
}

static const struct misuse save_to[] = {
    BAD_WRITERS,
    IS_NULL(attachments),
    {ADAPTAU_E_ARGUMENT, "n = -1 is outside 0 ... 8", {TO(a.n, -1)}},
    {ADAPTAU_E_ARGUMENT, "n = 9 is outside 0 ... 8", {TO(a.n, 9)}},
    {ADAPTAU_E_ARGUMENT, "attachments[0].name = \"a b\" is not 1 to 64 of a-z, 0-9 and _", {TO(a.two[0].name, "a b")}},
};

#define prepare_model_save_half_to prepare_model_save_to

static adaptau_status call_model_save_half_to(adaptau_error *error)
{
    return adaptau_model_save_half_to(a.from, a.write, NULL, a.n, a.attachments, error);
}

static void prepare_model_save_checkpoint_to(void)
{
    a.from = desk.graph;
    a.with = desk.temperature;
    a.note = "epoch 3";
    a.write = drop;
}

static adaptau_status call_model_save_checkpoint_to(adaptau_error *error)
{
    return adaptau_model_save_checkpoint_to(a.from, a.with, a.note, a.write, NULL, error);
}

static const struct misuse save_checkpoint_to[] = {
    BAD_WRITERS,
    {ADAPTAU_E_SHAPE, "temperature is of 5 users x 7 items", {FROM(a.with, desk.of_smaller)}},
    {ADAPTAU_E_ARGUMENT, "note[1] = 0x0a", {TO(a.note, "a\nb")}},
};

/* ---- read from memory ----------------------------------------------------------------------------------------------- */

static void read_content(const char *where)
{
    FILE *file = fopen(where, "rb");
    ck_assert_ptr_nonnull(file);
    a.size = (int64_t)fread(a.content, 1, sizeof a.content, file);
    fclose(file);
    ck_assert_int_lt(a.size, (int64_t)sizeof a.content);
    a.bytes = a.content;
    a.context = desk.context;
}

#define BAD_BYTES                                                                                                                          \
    IS_NULL(context), IS_NULL(bytes), {ADAPTAU_E_ARGUMENT, "size = -1 is negative", {TO(a.size, -1)}},                                     \
        {ADAPTAU_E_FORMAT, "the buffer has 0 bytes, too few", {TO(a.size, 0)}},                                                            \
        {ADAPTAU_E_FORMAT, "the buffer is no safetensors file: it would begin with a header of", {TO(a.size, 100)}},                       \
        {ADAPTAU_E_FORMAT, "the buffer", {TO(a.content[7], 1)}},                                                                           \
    {                                                                                                                                      \
        ADAPTAU_E_FORMAT, "the buffer, byte 9",                                                                                            \
        {                                                                                                                                  \
            TO(a.content[8], 'x')                                                                                                          \
        }                                                                                                                                  \
    }

static void prepare_model_load_from(void)
{
    read_content(desk.model_path);
    a.out = &a.made_model;
}

static adaptau_status call_model_load_from(adaptau_error *error)
{
    return adaptau_model_load_from(a.context, a.bytes, a.size, NULL, NULL, a.out, error);
}

static const struct misuse load_from[] = {BAD_BYTES, IS_NULL(out)};

#define prepare_model_view prepare_model_load_from

static adaptau_status call_model_view(adaptau_error *error)
{
    return adaptau_model_view(a.context, a.bytes, a.size, NULL, NULL, a.out, error);
}

static const struct misuse view[] = {
    BAD_BYTES,
    IS_NULL(out),
    {ADAPTAU_E_ARGUMENT, "bytes is at an address that is no multiple of 4", {TO(a.bytes, a.content + 1)}},
};

static void prepare_model_map(void)
{
    a.context = desk.context;
    a.path = desk.model_path;
    a.out = &a.made_model;
}

static adaptau_status call_model_map(adaptau_error *error)
{
    return adaptau_model_map(a.context, a.path, NULL, NULL, a.out, error);
}

static const struct misuse map[] = {
    IS_NULL(context),
    IS_NULL(path),
    IS_NULL(out),
    {ADAPTAU_E_IO, "No such file or directory", {TO(a.path, "/nonexistent/model")}},
    {ADAPTAU_E_IO, "Is a directory", {TO(a.path, "/")}},
    {ADAPTAU_E_FORMAT, "/dev/null is not a regular file", {TO(a.path, "/dev/null")}},
};

static void prepare_model_load_checkpoint_from(void)
{
    read_content(desk.checkpoint_path);
    a.dataset = desk.data;
    a.model = &a.made_model;
    a.temperature = &a.made_temperature;
    a.note_out = a.note_room;
}

static adaptau_status call_model_load_checkpoint_from(adaptau_error *error)
{
    return adaptau_model_load_checkpoint_from(a.context, a.dataset, a.bytes, a.size, a.model, a.temperature, a.note_out, error);
}

static const struct misuse load_checkpoint_from[] = {
    BAD_BYTES,
    IS_NULL(dataset),
    IS_NULL(model),
    {ADAPTAU_E_SHAPE, "6 users x 8 items", {FROM(a.dataset, desk.larger)}},
};

static const struct subject subjects[] = {
    SUBJECT(model_save_to, save_to), SUBJECT(model_save_half_to, save_to),
    SUBJECT(model_save_checkpoint_to, save_checkpoint_to),
    SUBJECT(model_load_from, load_from),
    SUBJECT(model_load_checkpoint_from, load_checkpoint_from),
    SUBJECT(model_view, view),
    SUBJECT(model_map, map),
};

static const struct harmless harmless[] = {{NULL, NULL}};

MISUSE_FILE(memory);
