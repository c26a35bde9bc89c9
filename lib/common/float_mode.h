/* SPDX-License-Identifier: MIT */
/* A thread's rounding mode, and on x86 and arm64 what it does with subnormal numbers and NaNs: what a host may have changed for its own
 * reasons, and what the lanes of a call share with the thread that made it. */
#ifndef ATAU_FLOAT_MODE_H
#define ATAU_FLOAT_MODE_H

#if defined(__SSE__)

#include <xmmintrin.h>

typedef unsigned atau_float_mode;

/* Rounding control, FTZ and DAZ of MXCSR; its exceptions and their masks are each thread's own. */
#define ATAU_FLOAT_MODE_BITS 0xE040u

#if defined(_WIN32) && defined(__GNUC__)

/* MinGW's exp, log and pow compute by the x87, whose threads begin with a precision of 53 bits, while MinGW's main begins with 64:
 * precision and rounding control of its control word go along, in the upper half. */
#define ATAU_X87_MODE_BITS 0x0F00u

static inline unsigned atau_x87_get(void)
{
    unsigned short word;
    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}

static inline void atau_x87_set(unsigned mode)
{
    const unsigned       present = atau_x87_get();
    const unsigned short word = (unsigned short)((present & ~ATAU_X87_MODE_BITS) | mode);
    if (word != present)
        __asm__ volatile("fldcw %0" : : "m"(word));
}

#else

#define ATAU_X87_MODE_BITS 0u

static inline unsigned atau_x87_get(void)
{
    return 0;
}

static inline void atau_x87_set(unsigned mode)
{
    (void)mode;
}

#endif

static inline atau_float_mode atau_float_mode_get(void)
{
    return (_mm_getcsr() & ATAU_FLOAT_MODE_BITS) | (atau_x87_get() & ATAU_X87_MODE_BITS) << 16;
}

static inline void atau_float_mode_set(atau_float_mode mode)
{
    const unsigned present = _mm_getcsr(), wanted = mode & ATAU_FLOAT_MODE_BITS;
    if ((present & ATAU_FLOAT_MODE_BITS) != wanted)
        _mm_setcsr((present & ~ATAU_FLOAT_MODE_BITS) | wanted);
    atau_x87_set(mode >> 16);
}

#elif defined(__aarch64__)

#include <stdint.h>

typedef uint64_t atau_float_mode;

/* Of FPCR: AHP, DN, FZ, RMode, FZ16, and EBF, NEP, AH, FIZ of newer CPUs; what traps is each thread's own. */
#define ATAU_FLOAT_MODE_BITS UINT64_C(0x07C82007)

static inline uint64_t atau_fpcr(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
}

static inline atau_float_mode atau_float_mode_get(void)
{
    return atau_fpcr() & ATAU_FLOAT_MODE_BITS;
}

static inline void atau_float_mode_set(atau_float_mode mode)
{
    const uint64_t present = atau_fpcr();
    if ((present & ATAU_FLOAT_MODE_BITS) != mode)
        __asm__ volatile("msr fpcr, %0" : : "r"((present & ~ATAU_FLOAT_MODE_BITS) | mode) : "memory");
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
