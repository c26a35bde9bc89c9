/* SPDX-License-Identifier: MIT */
#include "files/atomic_file.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"

adaptau_status atau_atomic_file_open(struct atau_atomic_file *file, const char *path, adaptau_error *error)
{
    file->path = path;
    file->used = 0;
    const int reason = atau_replacement_open(&file->replacement, path);
    file->open = reason == 0;
    if (file->open)
        return ADAPTAU_OK;
    return atau_fail_os(error, reason, reason == EINVAL ? "cannot write %s, which is no regular file" : "cannot write %s", path);
}

static adaptau_status write_through(struct atau_atomic_file *file, const void *bytes, size_t size, adaptau_error *error)
{
    const int reason = atau_replacement_write(&file->replacement, bytes, size);
    return reason ? atau_fail_os(error, reason, "cannot write %s", file->path) : ADAPTAU_OK;
}

static adaptau_status flush_buffer(struct atau_atomic_file *file, adaptau_error *error)
{
    size_t used = file->used;
    file->used = 0;
    return write_through(file, file->buffer, used, error);
}

adaptau_status atau_atomic_file_write(struct atau_atomic_file *file, const void *bytes, size_t size, adaptau_error *error)
{
    if (size > sizeof file->buffer - file->used) {
        adaptau_status status = flush_buffer(file, error);
        if (status != ADAPTAU_OK)
            return status;
    }
    if (size > sizeof file->buffer)
        return write_through(file, bytes, size, error);
    if (size > 0)
        memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return ADAPTAU_OK;
}

adaptau_status atau_atomic_file_write_rows(struct atau_atomic_file *file, int64_t rows, size_t row_size, const void *data,
                                           size_t stride, adaptau_error *error)
{
    const char *bytes = data;
    if (stride == row_size)
        return atau_atomic_file_write(file, bytes, (size_t)rows * row_size, error);
    adaptau_status status = ADAPTAU_OK;
    for (int64_t r = 0; r < rows && status == ADAPTAU_OK; r++)
        status = atau_atomic_file_write(file, bytes + (size_t)r * stride, row_size, error);
    return status;
}

static adaptau_status commit(struct atau_atomic_file *file, adaptau_error *error)
{
    enum atau_step step;
    adaptau_status status = flush_buffer(file, error);
    if (status != ADAPTAU_OK)
        return status;
    const int reason = atau_replacement_commit(&file->replacement, &step);
    if (!reason)
        return ADAPTAU_OK;
    if (step == ATAU_STEP_FLUSH_FOLDER)
        return atau_fail_os(error, reason, "%s is written, but its folder cannot be flushed", file->path);
    return atau_fail_os(error, reason, step == ATAU_STEP_REPLACE ? "cannot replace %s" : "cannot write %s", file->path);
}

adaptau_status atau_atomic_file_close(struct atau_atomic_file *file, adaptau_status status, adaptau_error *error)
{
    if (!file->open)
        return status;
    if (status == ADAPTAU_OK)
        status = commit(file, error);
    atau_replacement_close(&file->replacement);
    file->open = false;
    return status;
}
