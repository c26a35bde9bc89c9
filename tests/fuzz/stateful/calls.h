/* SPDX-License-Identifier: MIT */
/* The words of the language. Each makes its choices once, makes the call on both sides, and compares: by truth.h where there is a
 * definition in double, else by what has to hold. What a word needs and is not there is made on the way. */
#ifndef STATEFUL_CALLS_H
#define STATEFUL_CALLS_H

#include "world.h"

extern void (*const calls[])(struct world *);
extern const int32_t n_calls;

#endif
