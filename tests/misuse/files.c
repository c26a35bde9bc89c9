/* SPDX-License-Identifier: MIT */
/* model.h: files. What damaged ones get is in tests/faults/test_model_files.c. */
#include "misuse.h"

static struct {
    adaptau_context           *context;
    const adaptau_dataset     *dataset;
    const adaptau_model       *from;
    const adaptau_temperature *with;
    const char                *note, *path;
    int32_t                    side;
    adaptau_model            **model;
    adaptau_temperature      **temperature;
    char                      *note_out;
    void                      *out;
    const adaptau_attachment  *attachments;
    int32_t                    n_attachments;

    adaptau_attachment   two[2];
    char                 long_note[ADAPTAU_NOTE_SIZE + 1], note_room[ADAPTAU_NOTE_SIZE];
    adaptau_model       *made_model;
    adaptau_temperature *made_temperature;
} a;

static void release(void)
{
    adaptau_model_destroy(a.made_model);
    adaptau_temperature_destroy(a.made_temperature);
    a.made_model = NULL;
    a.made_temperature = NULL;
}

#define MODEL_IS_NULL {ADAPTAU_E_ARGUMENT, "model is NULL", {TO(a.from, NULL)}}

#define BAD_TARGETS                                                                                                     \
    MODEL_IS_NULL, IS_NULL(path), {ADAPTAU_E_IO, "No such file or directory", {TO(a.path, "/nonexistent/model")}},      \
        {ADAPTAU_E_IO, "Is a directory", {TO(a.path, "/")}}, {ADAPTAU_E_IO, "Is a directory", {TO(a.path, "")}},        \
        {ADAPTAU_E_IO, "Invalid argument", {TO(a.path, "/dev/null")}}

#define BAD_SOURCES                                                                                                     \
    IS_NULL(context), IS_NULL(path), {ADAPTAU_E_IO, "No such file or directory", {TO(a.path, "/nonexistent/model")}},   \
        {ADAPTAU_E_IO, "Is a directory", {TO(a.path, "/")}},                                                            \
        {ADAPTAU_E_IO, "No such file or directory", {TO(a.path, "")}},                                                  \
        {ADAPTAU_E_FORMAT, "/dev/null is not a regular file", {TO(a.path, "/dev/null")}}

static void prepare_model_save(void)
{
    a.from = desk.graph;
    a.path = desk.path;
}

static adaptau_status call_model_save(adaptau_error *error)
{
    return adaptau_model_save(a.from, a.path, error);
}

static const struct misuse save[] = {BAD_TARGETS};

static void prepare_model_save_with(void)
{
    prepare_model_save();
    a.two[0] = (adaptau_attachment){"names", "a", 2};
    a.two[1] = (adaptau_attachment){"version", NULL, 0};
    a.attachments = a.two;
    a.n_attachments = 2;
}

static adaptau_status call_model_save_with(adaptau_error *error)
{
    return adaptau_model_save_with(a.from, a.path, a.n_attachments, a.attachments, error);
}

static const struct misuse save_with[] = {
    BAD_TARGETS,
    IS_NULL(attachments),
    {ADAPTAU_E_ARGUMENT, "n = -1 is outside 0 ... 8", {TO(a.n_attachments, -1)}},
    {ADAPTAU_E_ARGUMENT, "n = 9 is outside 0 ... 8", {TO(a.n_attachments, 9)}},
    {ADAPTAU_E_ARGUMENT, "attachments[1].name is NULL", {TO(a.two[1].name, NULL)}},
    {ADAPTAU_E_ARGUMENT, "attachments[0].name = \"\" is not 1 to 64 of a-z, 0-9 and _", {TO(a.two[0].name, "")}},
    {ADAPTAU_E_ARGUMENT, "attachments[0].name = \"a b\" is not 1 to 64 of a-z, 0-9 and _", {TO(a.two[0].name, "a b")}},
    {ADAPTAU_E_ARGUMENT,
     "is not 1 to 64 of a-z, 0-9 and _",
     {TO(a.two[0].name, "a234567890123456789012345678901234567890123456789012345678901234_")}},
    {ADAPTAU_E_ARGUMENT, "attachments[1].name = \"names\" is that of attachments[0]", {TO(a.two[1].name, "names")}},
    {ADAPTAU_E_ARGUMENT, "attachments[1].size = -1 is negative", {TO(a.two[1].size, -1)}},
    {ADAPTAU_E_SHAPE, "attachments[1].size = 9223372036854775807: all together exceed", {TO(a.two[1].size, INT64_MAX)}},
    {ADAPTAU_E_ARGUMENT, "attachments[0].bytes is NULL", {TO(a.two[0].bytes, NULL)}},
};

#define prepare_model_save_half prepare_model_save_with

static adaptau_status call_model_save_half(adaptau_error *error)
{
    return adaptau_model_save_half(a.from, a.path, a.n_attachments, a.attachments, error);
}

static void prepare_model_load(void)
{
    a.context = desk.context;
    a.path = desk.model_path;
    a.out = &a.made_model;
}

static adaptau_status call_model_load(adaptau_error *error)
{
    return adaptau_model_load(a.context, a.path, a.out, error);
}

static const struct misuse load[] = {BAD_SOURCES, IS_NULL(out)};

static int32_t take_all(void *user_data, const adaptau_attachment *attachment)
{
    (void)user_data, (void)attachment;
    return 0;
}

#define prepare_model_load_with prepare_model_load

static adaptau_status call_model_load_with(adaptau_error *error)
{
    return adaptau_model_load_with(a.context, a.path, take_all, NULL, a.out, error);
}

static void prepare_model_save_checkpoint(void)
{
    memset(a.long_note, 'x', ADAPTAU_NOTE_SIZE - 1);
    a.long_note[ADAPTAU_NOTE_SIZE - 1] = a.long_note[ADAPTAU_NOTE_SIZE] = '\0';
    a.from = desk.graph;
    a.with = desk.temperature;
    a.note = a.long_note;
    a.path = desk.path;
}

static adaptau_status call_model_save_checkpoint(adaptau_error *error)
{
    return adaptau_model_save_checkpoint(a.from, a.with, a.note, a.path, error);
}

static const struct misuse save_checkpoint[] = {
    BAD_TARGETS,
    {ADAPTAU_E_SHAPE, "temperature is of 5 users x 7 items", {FROM(a.with, desk.of_smaller)}},
    {ADAPTAU_E_ARGUMENT, "note", {TO(a.long_note[ADAPTAU_NOTE_SIZE - 1], 'x')}},
    {ADAPTAU_E_ARGUMENT, "note[7] = 0x0a", {TO(a.long_note[7], '\n')}},
    {ADAPTAU_E_ARGUMENT, "note[0] = 0xc3", {TO(a.long_note[0], '\xC3')}},
};

static void prepare_model_load_checkpoint(void)
{
    a.context = desk.context;
    a.dataset = desk.data;
    a.path = desk.checkpoint_path;
    a.model = &a.made_model;
    a.temperature = &a.made_temperature;
    a.note_out = a.note_room;
}

static adaptau_status call_model_load_checkpoint(adaptau_error *error)
{
    return adaptau_model_load_checkpoint(a.context, a.dataset, a.path, a.model, a.temperature, a.note_out, error);
}

static const struct misuse resume[] = {
    BAD_SOURCES,
    IS_NULL(dataset),
    IS_NULL(model),
    {ADAPTAU_E_SHAPE, "6 users x 8 items", {FROM(a.dataset, desk.larger)}},
    {ADAPTAU_E_FORMAT, "checkpoint", {FROM(a.path, desk.path_of_model)}},
};

static void prepare_export(void)
{
    a.from = desk.graph;
    a.side = ADAPTAU_SIDE_ITEMS;
    a.path = desk.path;
}

#define prepare_model_export_npy prepare_export
#define prepare_model_export_index prepare_export

static adaptau_status call_model_export_npy(adaptau_error *error)
{
    return adaptau_model_export_npy(a.from, a.side, a.path, error);
}

static adaptau_status call_model_export_index(adaptau_error *error)
{
    return adaptau_model_export_index(a.from, a.side, a.path, error);
}

static const struct misuse export[] = {
    BAD_TARGETS,
    {ADAPTAU_E_ARGUMENT, "side = 2", {TO(a.side, 2)}},
    {ADAPTAU_E_ARGUMENT, "side = -1", {TO(a.side, -1)}},
};

static const struct subject subjects[] = {
    SUBJECT(model_save, save),
    SUBJECT(model_save_with, save_with),
    SUBJECT(model_save_half, save_with),
    SUBJECT(model_load, load),
    SUBJECT(model_load_with, load),
    SUBJECT(model_save_checkpoint, save_checkpoint),
    SUBJECT(model_load_checkpoint, resume),
    SUBJECT(model_export_npy, export),
    SUBJECT(model_export_index, export),
};

static const struct harmless harmless[] = {{NULL, NULL}};

MISUSE_FILE(files);
