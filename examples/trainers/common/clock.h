/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_COMMON_CLOCK_H
#define EXAMPLES_COMMON_CLOCK_H

#include <stddef.h>

/* Seconds from some fixed moment, by a clock that never goes back. */
double clock_now(void);

/* "12 s", "3 min 20 s", "2 h 05 min". */
void clock_text(double seconds, char *out, size_t size);

#endif
