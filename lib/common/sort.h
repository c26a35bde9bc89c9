/* SPDX-License-Identifier: MIT */
/* Numbers in ascending order, in place. The C library's qsort is not used: glibc's takes memory by malloc, behind the host's
 * allocator. */
#ifndef ATAU_SORT_H
#define ATAU_SORT_H

#include <stdint.h>

void atau_sort(int64_t *values, int64_t n);

#endif
