/* SPDX-License-Identifier: MIT */
/* Counter-based random streams: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3,
 * SC 2011). A stream is named by a seed, a domain and two numbers; nothing is carried from one stream to another. */
#ifndef ATAU_RANDOM_H
#define ATAU_RANDOM_H

#include <stdint.h>

/* Domains keep streams with equal numbers apart. */
enum {
    ATAU_RANDOM_ORDER = 1,      /* (epoch, 0): the shuffle of an epoch's rows                                 */
    ATAU_RANDOM_CANDIDATES = 2, /* (epoch, row): candidates of a row or of the batch that starts there        */
    ATAU_RANDOM_USERS = 3,      /* (row, 0): initial user embeddings                                          */
    ATAU_RANDOM_ITEMS = 4,      /* (row, 0): initial item embeddings                                          */
    ATAU_RANDOM_SKETCH = 5,     /* (column, 0): the start of the randomised SVD                               */
    ATAU_RANDOM_SAMPLE = 6,     /* (update, 0): users sampled for the exact root                              */
    ATAU_RANDOM_EDGES = 7,      /* (step, 0): the key of the edges that a step drops                          */
    ATAU_RANDOM_LAYERS = 8,     /* (step, 0): the key of the rows that take nothing from their neighbours     */
    ATAU_RANDOM_VIEW_EDGES = 9, /* (step, view): the key of the edges that a view drops                       */
    ATAU_RANDOM_NOISE = 10,     /* (step, view, layer and side): the key of a layer's noise                   */
    ATAU_RANDOM_NODES = 11,     /* (step, side): which rows are contrasted                                    */
    ATAU_RANDOM_PROTOTYPES = 12 /* (update, side): the first centroids                                        */
};

struct atau_stream {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    int      used; /* words of the block already given out                                                    */
};

/* first < 2^48, second < 2^40 */
void     atau_stream_start(struct atau_stream *stream, uint64_t seed, int domain, uint64_t first, uint64_t second);
uint32_t atau_stream_next(struct atau_stream *stream);
/* Uniform in [0, n), n >= 1, without bias. */
uint32_t atau_stream_below(struct atau_stream *stream, uint32_t n);
/* Uniform in [0, 1), 53 bits. */
double atau_stream_uniform(struct atau_stream *stream);
/* Standard normal. */
double atau_stream_normal(struct atau_stream *stream);

/* One number for a pair: SplitMix64's finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA
 * 2014) over the pair and a key drawn from a stream. For decisions about edges, which are met from both ends: a stream for each
 * would cost ten times as much. */
static inline uint32_t atau_pair_random(uint64_t key, uint32_t first, uint32_t second)
{
    uint64_t z = key + ((uint64_t)first << 32 | second) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ z >> 31) >> 32);
}

#endif
