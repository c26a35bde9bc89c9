/* SPDX-License-Identifier: MIT */
/* What the NEON files share: loads and stores of tails, pairs of vectors, the exponential. */
#ifndef ATAU_NEON_H
#define ATAU_NEON_H

#include <arm_neon.h>
#include <stdint.h>

#include "kernels/kernels.h"

#define LANES 4 /* floats in a vector                                                                          */

#define INLINE static inline __attribute__((always_inline))

/* The first `lanes` floats at x (1 ... 4), 0 behind them; nothing else is read. */
INLINE float32x4_t load_lanes(const float *x, int64_t lanes)
{
    const float32x4_t none = vdupq_n_f32(0.0f);
    if (lanes >= LANES)
        return vld1q_f32(x);
    if (lanes == 1)
        return vld1q_lane_f32(x, none, 0);
    const float32x4_t two = vcombine_f32(vld1_f32(x), vdup_n_f32(0.0f));
    return lanes == 2 ? two : vld1q_lane_f32(x + 2, two, 2);
}

INLINE void store_lanes(float *x, int64_t lanes, float32x4_t value)
{
    if (lanes >= LANES)
        vst1q_f32(x, value);
    else if (lanes == 1)
        vst1q_lane_f32(x, value, 0);
    else {
        vst1_f32(x, vget_low_f32(value));
        if (lanes == 3)
            vst1q_lane_f32(x + 2, value, 2);
    }
}

INLINE float32x4_t keep_where(uint32x4_t mask, float32x4_t x)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), mask));
}

/* 0 from lane `lanes` on. */
INLINE float32x4_t first_lanes(float32x4_t x, int64_t lanes)
{
    static const uint32_t numbers[LANES] = {0, 1, 2, 3};
    return keep_where(vcltq_u32(vld1q_u32(numbers), vdupq_n_u32((uint32_t)lanes)), x);
}

/* 8 floats: what is one vector in x86/avx2.c. */
struct pair {
    float32x4_t low, high;
};

/* The first n floats at x (1 ... 7), or all 8 where `whole`, a constant, says so. */
INLINE struct pair load(const float *x, int whole, int64_t n)
{
    struct pair p;
    if (whole || n >= LANES) {
        p.low = vld1q_f32(x);
        p.high = whole ? vld1q_f32(x + LANES) : n > LANES ? load_lanes(x + LANES, n - LANES) : vdupq_n_f32(0.0f);
    } else {
        p.low = load_lanes(x, n);
        p.high = vdupq_n_f32(0.0f);
    }
    return p;
}

INLINE void store(float *x, int whole, int64_t n, struct pair p)
{
    if (whole || n >= LANES) {
        vst1q_f32(x, p.low);
        if (whole)
            vst1q_f32(x + LANES, p.high);
        else if (n > LANES)
            store_lanes(x + LANES, n - LANES, p.high);
    } else
        store_lanes(x, n, p.low);
}

INLINE struct pair add_pairs(struct pair x, struct pair y)
{
    return (struct pair){vaddq_f32(x.low, y.low), vaddq_f32(x.high, y.high)};
}

/* In the order of add_lanes of x86/avx2.c. */
INLINE float sum_of_lanes(struct pair p)
{
    const float32x4_t half = vaddq_f32(p.low, p.high);
    const float32x2_t quarter = vadd_f32(vget_low_f32(half), vget_high_f32(half));
    return vget_lane_f32(quarter, 0) + vget_lane_f32(quarter, 1);
}

/* ---- exponential: the formulas and their bounds stand in x86/avx2.c ---------------------------------------------------- */

#define ROUNDER 12582912.0f
#define COMMON 87.0f

INLINE float32x4_t power_of_two(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

INLINE float32x4_t exp_rest(float32x4_t x, float32x4_t n)
{
    float32x4_t r = vfmsq_f32(x, n, vdupq_n_f32(0.693359375f));
    r = vfmsq_f32(r, n, vdupq_n_f32(-2.12194440e-4f));
    float32x4_t p = vdupq_n_f32(1.9875691500e-4f);
    p = vfmaq_f32(vdupq_n_f32(1.3981999507e-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(8.3334519073e-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(4.1665795894e-2f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.6666665459e-1f), p, r);
    p = vfmaq_f32(vdupq_n_f32(5.0000001201e-1f), p, r);
    return vfmaq_f32(vaddq_f32(r, vdupq_n_f32(1.0f)), p, vmulq_f32(r, r));
}

/* |x| <= COMMON */
INLINE float32x4_t exp_common(float32x4_t x)
{
    const float32x4_t shifted = vfmaq_f32(vdupq_n_f32(ROUNDER), x, vdupq_n_f32(1.44269504f));
    const float32x4_t p = exp_rest(x, vsubq_f32(shifted, vdupq_n_f32(ROUNDER)));
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(vreinterpretq_s32_f32(shifted), 23)));
}

/* Any x, and the same bits as exp_common where that is defined; a NaN stays. */
INLINE float32x4_t exp_any(float32x4_t x)
{
    const uint32x4_t below = vcltq_f32(x, vdupq_n_f32(-104.0f));
    x = vmaxq_f32(x, vdupq_n_f32(-150.0f));
    float32x4_t n = vfmaq_f32(vdupq_n_f32(ROUNDER), x, vdupq_n_f32(1.44269504f));
    n = vminq_f32(vsubq_f32(n, vdupq_n_f32(ROUNDER)), vdupq_n_f32(200.0f));
    float32x4_t     p = exp_rest(x, n);
    const int32x4_t all = vcvtnq_s32_f32(n), half = vshrq_n_s32(all, 1);
    p = vmulq_f32(vmulq_f32(p, power_of_two(half)), power_of_two(vsubq_s32(all, half)));
    return keep_where(vmvnq_u32(below), p);
}

/* Whether all of both vectors are within ±COMMON: as whole numbers, infinity and NaN are the largest. */
INLINE int are_common(struct pair x)
{
    const uint32x4_t size = vdupq_n_u32(0x7FFFFFFFu);
    const uint32x4_t largest = vmaxq_u32(vandq_u32(vreinterpretq_u32_f32(x.low), size),
                                         vandq_u32(vreinterpretq_u32_f32(x.high), size));
    return vmaxvq_u32(largest) <= vgetq_lane_u32(vreinterpretq_u32_f32(vdupq_n_f32(COMMON)), 0);
}

INLINE struct pair exp_pair(struct pair x)
{
    if (__builtin_expect(are_common(x), 1))
        return (struct pair){exp_common(x.low), exp_common(x.high)};
    return (struct pair){exp_any(x.low), exp_any(x.high)};
}

/* ---- exponents of a tile ----------------------------------------------------------------------------------------------- */

/* Whether one of these is not within ±ATAU_WIDE. */
INLINE int any_wide(int64_t n, const float *x)
{
    int wide = 0;
    for (int64_t i = 0; i < n; i++)
        wide |= __builtin_fabsf(x[i]) >= ATAU_WIDE;
    return wide;
}

/* The exponents of a vector. `wide` is a constant: some shift or log_q is. */
INLINE float32x4_t exponents(int wide, float32x4_t score, float32x4_t scale, float32x4_t shift, float32x4_t q)
{
    const float32x4_t x = vfmaq_f32(vnegq_f32(vaddq_f32(shift, q)), score, scale), bound = vdupq_n_f32(ATAU_WIDE);
    if (!wide)
        return x;
    return vbslq_f32(vorrq_u32(vcageq_f32(shift, bound), vcageq_f32(q, bound)),
                     vsubq_f32(vfmaq_f32(vnegq_f32(q), score, scale), shift), x);
}

#endif
