/* SPDX-License-Identifier: MIT */
/* The k best of a stream of scores: a bounded heap with the worst kept entry on top. An entry is one integer, so that a
 * comparison is one instruction and the heap's path needs few branches that can't be foretold. */
#ifndef ATAU_TOPK_H
#define ATAU_TOPK_H

#include <adaptau/kernels.h>

#include <string.h>

/* A score and an id as a number that grows with rank: the score in the upper half, as an integer in the order of the reals (the
 * sign turned over for positive ones, all bits for negative ones), and the lower id above the higher one. Not for NaN; −0
 * becomes 0, with which it ties. */
static inline uint64_t atau_rank_key(float score, int32_t id)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    if (bits == UINT32_C(0x80000000))
        bits = 0;
    bits ^= bits >> 31 ? UINT32_C(0xFFFFFFFF) : UINT32_C(0x80000000);
    return (uint64_t)bits << 32 | (uint32_t)~id;
}

static inline float atau_key_score(uint64_t key)
{
    float    score;
    uint32_t bits = (uint32_t)(key >> 32);
    bits ^= bits >> 31 ? UINT32_C(0x80000000) : UINT32_C(0xFFFFFFFF);
    memcpy(&score, &bits, sizeof score);
    return score;
}

static inline int32_t atau_key_id(uint64_t key)
{
    return (int32_t)~(uint32_t)key;
}

/* Put a key among the *n <= k best. `heap` has room for k >= 1. */
void atau_heap_offer(uint64_t *heap, int32_t *n, int32_t k, uint64_t key);

/* Turn the heap into a list, best first. */
void atau_heap_sort(uint64_t *heap, int32_t n);

#endif
