/* SPDX-License-Identifier: MIT */
/* Contexts to test in. */
#ifndef TEST_CONTEXT_H
#define TEST_CONTEXT_H

#include <adaptau/context.h>

#include <check.h>
#include <stddef.h>

#include "fenced_memory.h"

/* NULL for a backend that is not built in. Products that ask for bfloat16 get it wherever the CPU can. */
static inline adaptau_context *make_context(int32_t backend, int32_t threads)
{
    adaptau_context_options options = {.struct_size = sizeof options,
                                       .backend = backend,
                                       .n_threads = threads,
                                       .allocate = fenced_allocate,
                                       .free = fenced_free,
                                       .bfloat16 = ADAPTAU_BFLOAT16_IF_POSSIBLE};
    adaptau_context        *made = NULL;
    adaptau_error           reason = {0};
    adaptau_status          status = adaptau_context_create(&options, &made, &reason);
    ck_assert_msg(status == ADAPTAU_OK || status == ADAPTAU_E_UNSUPPORTED, "%s", reason.message);
    return made;
}

#endif
