/* SPDX-License-Identifier: MIT */
/* What the AVX-512 files share; each is compiled with flags of its own. */
#ifndef ATAU_X86_AVX512_H
#define ATAU_X86_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* Without optimisation GCC's header makes macros of some intrinsics, and they convert masks to short. */
#if defined(__GNUC__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif

#define WIDTH 16 /* floats or words in a vector                                                                */
#define ROWS 6   /* 6 x 4 accumulators, 4 lines of B and a broadcast fit the 32 registers                      */

#define INLINE static inline __attribute__((always_inline))

/* Lanes below n. */
INLINE __mmask16 mask_of(int64_t n)
{
    return (__mmask16)(n >= WIDTH ? 0xFFFFu : n <= 0 ? 0u : (1u << n) - 1u);
}

/* The same pointer, of which the compiler knows nothing: it then adds a stride line by line instead of holding an address for
 * each vector of a block, for which there are no registers. */
INLINE float *opaque(float *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

/* With the constant 0xFFFF these become plain loads and stores. */
INLINE __m512 load(__mmask16 mask, const float *x)
{
    return _mm512_maskz_loadu_ps(mask, x);
}

INLINE void store(__mmask16 mask, float *x, __m512 value)
{
    _mm512_mask_storeu_ps(x, mask, value);
}

/* Ask for `lines` lines of `vectors` cache lines. Tables and stored tiles come from the third-level cache or from memory, while
 * the multiplications of a block take 100 to 200 ns: a block asks for its part of C first and needs it last, and for the next
 * block's part of A where its rows lie one by one. Asking for what is past the end does no harm. */
INLINE void fetch_lines(int lines, int vectors, const void *first, int64_t bytes, int to_write)
{
    const char *line = first;
    for (int i = 0; i < lines; i++, line += bytes) {
        __asm__("" : "+r"(line)); /* as in opaque                                                             */
        for (int v = 0; v < vectors; v++)
            if (to_write)
                __builtin_prefetch(line + 64 * v, 1);
            else
                __builtin_prefetch(line + 64 * v, 0);
    }
}

/* ---- exponential ----------------------------------------------------------------------------------------------- */

/* exp(x) = 2^n exp(r), r = x − n ln 2, n = round(x/ln 2), with ln 2 in two parts and the minimax polynomial of the Cephes
 * library's expf (Moshier) on |r| <= ln 2/2: 1.3 ulp at worst. scalef rounds into the subnormals, overflows to infinity, and
 * keeps NaN; the bounds on x and n come first because inf − inf is NaN. */
INLINE __m512 exp_vector(__m512 x)
{
    const __m512 lowest = _mm512_set1_ps(-150.0f);
    __mmask16    zero = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-104.0f), _CMP_LT_OQ);
    x = _mm512_max_ps(lowest, x); /* in this order a NaN in x stays                                            */
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    n = _mm512_min_ps(_mm512_set1_ps(200.0f), n);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_maskz_mov_ps((__mmask16)~zero, _mm512_scalef_ps(p, n));
}

/* Whether one of these is not within ±ATAU_WIDE. */
INLINE int any_wide(int64_t n, const float *x)
{
    int wide = 0;
    for (int64_t i = 0; i < n; i++)
        wide |= __builtin_fabsf(x[i]) >= ATAU_WIDE;
    return wide;
}

INLINE __mmask16 are_wide(__m512 x)
{
    return _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(ATAU_WIDE), _CMP_GE_OQ);
}

/* The exponents of a vector. `wide` is a constant: some shift or log_q is. */
INLINE __m512 exponents(int wide, __m512 score, __m512 scale, __m512 shift, __m512 q)
{
    __m512 x = _mm512_fmsub_ps(score, scale, _mm512_add_ps(shift, q));
    if (!wide)
        return x;
    __mmask16 apart = (__mmask16)(are_wide(shift) | are_wide(q));
    return _mm512_mask_sub_ps(x, apart, _mm512_fmsub_ps(score, scale, q), shift);
}

#endif
