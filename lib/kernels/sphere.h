/* SPDX-License-Identifier: MIT */
/* Sums of squares that can be trusted, and the end of a step on the sphere for every instruction set. */
#ifndef ATAU_SPHERE_H
#define ATAU_SPHERE_H

#include <float.h>
#include <stdint.h>

/* Below it, squares that underflowed could have mattered: 65536 of them are 5e-41, or 8e-34 where the host flushes
 * subnormals. */
#define ATAU_LEAST_SQUARES 0x1p-80f

/* Bring a row with this sum of squares back to length 1; a row of zeros stays. `scale` is the kernel. */
static inline void atau_return_to_sphere(int64_t n, float squares, void (*scale)(int64_t, float, const float *, float *),
                                         float *row)
{
    double exact = 0.0;
    if (squares >= ATAU_LEAST_SQUARES && squares <= FLT_MAX) {
        scale(n, 1.0f / __builtin_sqrtf(squares), row, row);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        exact += (double)row[i] * (double)row[i];
    for (int64_t i = 0; i < n && exact > 0.0; i++)
        row[i] = (float)((double)row[i] / __builtin_sqrt(exact));
}

#endif
