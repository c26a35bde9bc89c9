/* SPDX-License-Identifier: MIT */
/* Long calls tell the host how far they are, and ask whether to go on. */
#ifndef ATAU_PROGRESS_H
#define ATAU_PROGRESS_H

#include "common/context.h"

/* To be called between pieces of work, on the thread that called the library. @return E_CANCELLED when the host wants the end. */
adaptau_status atau_progress(const adaptau_context *context, int32_t what, int64_t done, int64_t total, adaptau_error *error);

/* How many of `total` pieces make a chunk, after each of which atau_progress is called: all of them where nobody listens. */
int64_t atau_progress_chunk(const adaptau_context *context, int64_t total);

#endif
