/* SPDX-License-Identifier: MIT */
/* A thread's rounding mode, and on x86 flush-to-zero and denormals-are-zero with it: what a host may have changed for its own
 * reasons, and what the lanes of a call share with the thread that made it. */
#ifndef ATAU_FLOAT_MODE_H
#define ATAU_FLOAT_MODE_H

#if defined(__SSE__)

#include <xmmintrin.h>

typedef unsigned atau_float_mode;

/* Rounding control, FTZ and DAZ of MXCSR; its exceptions and their masks are each thread's own. */
#define ATAU_FLOAT_MODE_BITS 0xE040u

static inline atau_float_mode atau_float_mode_get(void)
{
    return _mm_getcsr() & ATAU_FLOAT_MODE_BITS;
}

static inline void atau_float_mode_set(atau_float_mode mode)
{
    const unsigned present = _mm_getcsr();
    if ((present & ATAU_FLOAT_MODE_BITS) != mode)
        _mm_setcsr((present & ~ATAU_FLOAT_MODE_BITS) | mode);
}

#else

#include <fenv.h>

typedef int atau_float_mode;

static inline atau_float_mode atau_float_mode_get(void)
{
    return fegetround();
}

static inline void atau_float_mode_set(atau_float_mode mode)
{
    if (mode != fegetround())
        fesetround(mode);
}

#endif

#endif
