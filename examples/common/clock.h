/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_COMMON_CLOCK_H
#define EXAMPLES_COMMON_CLOCK_H

/* Seconds from some fixed moment, by a clock that never goes back. */
double clock_now(void);

#endif
