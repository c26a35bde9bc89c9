/* SPDX-License-Identifier: MIT */
#include "files/attachments.h"

#include <stdio.h>
#include <string.h>

#include "common/context.h"
#include "common/error.h"

#define PREFIX "host."
#define PREFIX_LENGTH (sizeof PREFIX - 1)
_Static_assert(PREFIX_LENGTH + ADAPTAU_ATTACHMENT_NAME_MAX < ATAU_ATTACHMENT_TEXT, "room for the longest name");

static bool is_name(const char *name)
{
    const size_t length = strlen(name);
    return length > 0 && length <= ADAPTAU_ATTACHMENT_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

static adaptau_status check(int32_t n, const adaptau_attachment *attachments, adaptau_error *error)
{
    int64_t room = PTRDIFF_MAX / 2; /* of all together: the tables are in the file, too                                */
    if (n < 0 || n > ADAPTAU_ATTACHMENTS_MAX)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n = %d is outside 0 ... %d", n, ADAPTAU_ATTACHMENTS_MAX);
    for (int32_t k = 0; k < n; k++) {
        const adaptau_attachment *a = &attachments[k];
        if (!a->name)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "attachments[%d].name is NULL", k);
        if (!is_name(a->name))
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "attachments[%d].name = \"%.80s\" is not 1 to %d of a-z, 0-9 and _", k,
                             a->name, ADAPTAU_ATTACHMENT_NAME_MAX);
        if (a->size < 0)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "attachments[%d].size = %lld is negative", k, (long long)a->size);
        if (a->size > room)
            return atau_fail(error, ADAPTAU_E_SHAPE, "attachments[%d].size = %lld: all together exceed the address space", k,
                             (long long)a->size);
        room -= a->size;
        if (a->size > 0 && !a->bytes)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "attachments[%d].bytes is NULL", k);
        for (int32_t i = 0; i < k; i++)
            if (strcmp(attachments[i].name, a->name) == 0)
                return atau_fail(error, ADAPTAU_E_ARGUMENT, "attachments[%d].name = \"%s\" is that of attachments[%d]", k,
                                 a->name, i);
    }
    return ADAPTAU_OK;
}

adaptau_status atau_attachments_list(int32_t n, const adaptau_attachment *attachments, struct atau_tensor *tensors,
                                     char (*names)[ATAU_ATTACHMENT_TEXT], adaptau_error *error)
{
    adaptau_status status = check(n, attachments, error);
    for (int32_t k = 0; k < n && status == ADAPTAU_OK; k++) {
        snprintf(names[k], sizeof names[k], PREFIX "%s", attachments[k].name);
        tensors[k] = (struct atau_tensor){names[k], attachments[k].size, 1, attachments[k].bytes, 1, ATAU_U8};
    }
    return status;
}

static adaptau_status hand_over(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry,
                                const char *name, adaptau_attachment_function take, void *user_data, adaptau_error *error)
{
    const size_t size = (size_t)(entry->end - entry->begin);
    char        *bytes = atau_allocate(file->context, size);
    if (!bytes)
        return atau_fail_memory(error, size, "an attachment of a model file");
    adaptau_status status = atau_safetensors_read(file, entry, bytes, entry->columns, error);
    if (status == ADAPTAU_OK) {
        const adaptau_attachment attachment = {name, bytes, (int64_t)size};
        const int32_t            answer = take(user_data, &attachment);
        if (answer != 0)
            status = atau_fail(error, ADAPTAU_E_CALLBACK, "take returned %d for \"%s\"", answer, name);
    }
    atau_free(file->context, bytes, size);
    return status;
}

/* The name of an attachment, behind the prefix; NULL for another tensor. */
static const char *find_name(const struct atau_safetensors_entry *entry, char text[ATAU_ATTACHMENT_TEXT])
{
    const bool is_one = entry->type == ATAU_U8 && atau_json_copy(entry->name, text, ATAU_ATTACHMENT_TEXT) &&
                        strncmp(text, PREFIX, PREFIX_LENGTH) == 0 && is_name(text + PREFIX_LENGTH);
    return is_one ? text + PREFIX_LENGTH : NULL;
}

bool atau_attachments_are_in(const struct atau_safetensors *file)
{
    char text[ATAU_ATTACHMENT_TEXT];
    for (int i = 0; i < file->n_entries; i++)
        if (find_name(&file->entries[i], text))
            return true;
    return false;
}

adaptau_status atau_attachments_read(const struct atau_safetensors *file, adaptau_attachment_function take, void *user_data,
                                     adaptau_error *error)
{
    char           text[ATAU_ATTACHMENT_TEXT];
    adaptau_status status = ADAPTAU_OK;
    for (int i = 0; i < file->n_entries && status == ADAPTAU_OK; i++) {
        const char *name = find_name(&file->entries[i], text);
        if (name)
            status = hand_over(file, &file->entries[i], name, take, user_data, error);
    }
    return status;
}
