/* SPDX-License-Identifier: MIT */
#include "files/output.h"

#include <inttypes.h>
#include <string.h>

#include "common/error.h"

adaptau_status atau_output_open(struct atau_output *output, struct atau_destination to, adaptau_error *error)
{
    output->to = to;
    output->taken = 0;
    output->used = 0;
    return to.path ? atau_atomic_file_open(&output->of.file, to.path, error) : ADAPTAU_OK;
}

static adaptau_status hand_over(struct atau_output *output, const void *bytes, size_t size, adaptau_error *error)
{
    const int32_t answer = size > 0 ? output->to.write(output->to.user_data, bytes, (int64_t)size) : 0;
    if (answer != 0)
        return atau_fail(error, ADAPTAU_E_CALLBACK, "write returned %d for %zu bytes at byte %" PRIu64, answer, size,
                         output->taken);
    output->taken += size;
    return ADAPTAU_OK;
}

static adaptau_status flush_buffer(struct atau_output *output, adaptau_error *error)
{
    const size_t used = output->used;
    output->used = 0;
    return hand_over(output, output->of.buffer, used, error);
}

adaptau_status atau_output_write(struct atau_output *output, const void *bytes, size_t size, adaptau_error *error)
{
    if (output->to.path)
        return atau_atomic_file_write(&output->of.file, bytes, size, error);
    if (size > sizeof output->of.buffer - output->used) {
        adaptau_status status = flush_buffer(output, error);
        if (status != ADAPTAU_OK)
            return status;
    }
    if (size > sizeof output->of.buffer)
        return hand_over(output, bytes, size, error); /* a table as it lies in memory                         */
    if (size > 0)
        memcpy(output->of.buffer + output->used, bytes, size);
    output->used += size;
    return ADAPTAU_OK;
}

adaptau_status atau_output_close(struct atau_output *output, adaptau_status status, adaptau_error *error)
{
    if (output->to.path)
        return atau_atomic_file_close(&output->of.file, status, error);
    return status == ADAPTAU_OK ? flush_buffer(output, error) : status;
}
