/* SPDX-License-Identifier: MIT */
/* The kernels that a context has chosen. Every context is the first member of this struct: common/ knows nothing of kernels, and
 * what is told a context still finds them in one step. core/context_life.c is the only place that makes one. */
#ifndef ATAU_OF_CONTEXT_H
#define ATAU_OF_CONTEXT_H

#include "common/context.h"
#include "kernels/kernels.h"

struct atau_context_with_kernels {
    struct adaptau_context context;
    struct atau_kernels    kernels; /* chosen once, at creation                                               */
    char                   backend[64]; /* their name                                                         */
    _Atomic int32_t        bf16; /* whether products may be on bfloat16: 0 until it is known, else 1 or −1    */
};

static inline const struct atau_kernels *atau_kernels_of(const adaptau_context *context)
{
    return &((const struct atau_context_with_kernels *)context)->kernels;
}

/* The kernels for products that ask for bfloat16, or NULL where they are to be in float32 (choose_bf16.c). */
const struct atau_bf16_kernels *atau_context_bf16(adaptau_context *context);

#endif
