/* SPDX-License-Identifier: MIT */
/* Every file that computes includes this one. It refuses compiler options under which results would be wrong. */
#ifndef ATAU_EXACT_MATH_H
#define ATAU_EXACT_MATH_H

/* Masked candidates are −inf, rows that are not finite are found by their NaN, and sums have one order for any number of
 * threads. A compiler that may assume otherwise makes another library. */
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0)
#error "libadaptau needs infinities, NaN and the order of its sums: build it without -ffast-math, -Ofast and -ffinite-math-only"
#endif

#endif
