/* SPDX-License-Identifier: MIT */
/* A fixture: one context for each test, which must get back all memory that the test took. */
#ifndef TEST_ONE_CONTEXT_H
#define TEST_ONE_CONTEXT_H

#include "context.h"

static adaptau_context *context;
static uint64_t         bytes_at_start;

static inline void open_context(void)
{
    context = make_context(ADAPTAU_BACKEND_AUTO, 3);
    adaptau_context_memory(context, &bytes_at_start, NULL);
}

static inline void close_context(void)
{
    uint64_t present;
    adaptau_context_memory(context, &present, NULL);
    ck_assert_uint_eq(present, bytes_at_start);
    adaptau_context_destroy(context);
}

#endif
