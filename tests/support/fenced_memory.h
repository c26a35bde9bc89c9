/* SPDX-License-Identifier: MIT */
/* Memory as a hostile allocator gives it: full of large numbers, and with a fence behind each block that has to stand when the
 * block is given back. What reads memory before it writes it, or writes behind its end, shows in every test whose context has it. */
#ifndef TEST_FENCED_MEMORY_H
#define TEST_FENCED_MEMORY_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "portable.h"

enum { FENCE_BYTES = 64, FENCE = 0xC3 };

static unsigned char old_content = 0x7F; /* of new blocks: floats of 3.4e38, an int32_t of 2139062143                          */

#define MOST_OLD_CONTENT ((size_t)1 << 12) /* of a large block its beginning alone: the rest is not touched                 */

static inline void *fenced_allocate(void *user_data, size_t size, size_t alignment)
{
    const size_t   whole = size + FENCE_BYTES;
    unsigned char *block = whole > size ? test_allocate(alignment, (whole + alignment - 1) / alignment * alignment) : NULL;
    (void)user_data;
    if (block) {
        memset(block, old_content, size < MOST_OLD_CONTENT ? size : MOST_OLD_CONTENT);
        memset(block + size, FENCE, FENCE_BYTES);
    }
    return block;
}

/* The first byte of a fence that is not what it was, or FENCE_BYTES. */
static inline int find_gap(const unsigned char *fence)
{
    int i = 0;
    while (i < FENCE_BYTES && fence[i] == FENCE)
        i++;
    return i;
}

/* Check writes a line for each assertion that is met: one for each block. */
static inline void fenced_free(void *user_data, void *block, size_t size)
{
    const int gap = block ? find_gap((const unsigned char *)block + size) : FENCE_BYTES;
    (void)user_data;
    if (gap < FENCE_BYTES)
        ck_abort_msg("byte %d behind a block of %zu was written", gap, size);
    test_free(block);
}

#endif
