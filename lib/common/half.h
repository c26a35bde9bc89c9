/* SPDX-License-Identifier: MIT */
/* IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction. float32 has every such number; the way back rounds to nearest, even. */
#ifndef ATAU_HALF_H
#define ATAU_HALF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ATAU_HALF_LEAST_NORMAL 0x1p-14f /* below, numbers lose bits                                           */

static inline bool atau_half_is_finite(uint16_t half)
{
    return (half & 0x7C00) != 0x7C00;
}

static inline float atau_half_widen(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3FF;
    const uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    float          value;
    if (exponent == 0) /* a multiple of 2^-24 */
        return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* From half the last place above the largest number on, infinity. By integers: the thread's rounding mode has no part in it. */
static inline uint16_t atau_half_narrow(float value)
{
    uint32_t bits, narrowed;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= UINT32_C(0x7FFFFFFF);
    if (bits > UINT32_C(0x7F800000))
        return sign | 0x7E00;
    if (bits >= UINT32_C(0x47800000)) /* 2^16 */
        return sign | 0x7C00;
    if (bits >= UINT32_C(0x38800000)) { /* 2^-14: the exponent of binary16 is 112 less */
        bits -= UINT32_C(112) << 23;
        narrowed = (bits + 0xFFF + (bits >> 13 & 1)) >> 13;
    } else { /* in units of 2^-24 */
        const uint32_t shift = 126 - (bits >> 23), digits = (bits & 0x7FFFFF) | 0x800000;
        if (shift > 24)
            return sign;
        narrowed = (digits + (UINT32_C(1) << (shift - 1)) - 1 + (digits >> shift & 1)) >> shift;
    }
    return (uint16_t)(sign | narrowed);
}

#endif
