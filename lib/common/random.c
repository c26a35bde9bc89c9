/* SPDX-License-Identifier: MIT */
#include "common/random.h"

#include <math.h>

static void philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0;
        uint64_t b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* counter: 32 bits of position, 48 of first, 40 of second, 8 of domain. */
void atau_stream_start(struct atau_stream *stream, uint64_t seed, int domain, uint64_t first, uint64_t second)
{
    stream->key[0] = (uint32_t)seed;
    stream->key[1] = (uint32_t)(seed >> 32);
    stream->counter[0] = 0;
    stream->counter[1] = (uint32_t)first;
    stream->counter[2] = (uint32_t)(first >> 32 & 0xFFFF) | (uint32_t)(second & 0xFFFF) << 16;
    stream->counter[3] = (uint32_t)(second >> 16 & 0xFFFFFF) | (uint32_t)domain << 24;
    stream->used = 4;
}

uint32_t atau_stream_next(struct atau_stream *stream)
{
    if (stream->used == 4) {
        philox(stream->key, stream->counter, stream->block);
        stream->counter[0]++;
        stream->used = 0;
    }
    return stream->block[stream->used++];
}

/* Lemire, Fast random integer generation in an interval (2019). */
uint32_t atau_stream_below(struct atau_stream *stream, uint32_t n)
{
    uint64_t product = (uint64_t)atau_stream_next(stream) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = (0u - n) % n;
        while ((uint32_t)product < threshold)
            product = (uint64_t)atau_stream_next(stream) * n;
    }
    return (uint32_t)(product >> 32);
}

double atau_stream_uniform(struct atau_stream *stream)
{
    uint64_t high = atau_stream_next(stream) >> 5, low = atau_stream_next(stream) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

/* Box and Muller; the second of the pair is thrown away, so that a stream's position is simple. */
double atau_stream_normal(struct atau_stream *stream)
{
    double u = 1.0 - atau_stream_uniform(stream);
    double v = atau_stream_uniform(stream);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
