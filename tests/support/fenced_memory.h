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

#define MOST_OLD_CONTENT ((size_t)1 << 20) /* of a large block its beginning alone: the rest is not touched                 */

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

static inline void fenced_free(void *user_data, void *block, size_t size)
{
    (void)user_data;
    for (int i = 0; block && i < FENCE_BYTES; i++)
        ck_assert_msg(((unsigned char *)block)[size + (size_t)i] == FENCE, "byte %d behind a block of %zu was written", i, size);
    test_free(block);
}

#endif
