/* SPDX-License-Identifier: MIT */
#include "files/checksum.h"

#include <string.h>

/* By an odd number, hence one-to-one, and so is the shift: inputs that differ in one word cannot have equal sums. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return sum ^ sum >> 32;
}

void atau_checksum_add(struct atau_checksum *s, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    while (size > 0) {
        const unsigned place = (unsigned)(s->n % 8);
        uint64_t       word;
        if (place == 0 && size >= 8) {
            memcpy(&word, bytes, 8);
            s->sum = mix(s->sum, word);
            s->n += 8, bytes += 8, size -= 8;
            continue;
        }
        s->pending |= (uint64_t)*bytes << 8 * place;
        s->n++, bytes++, size--;
        if (place == 7) {
            s->sum = mix(s->sum, s->pending);
            s->pending = 0;
        }
    }
}

uint64_t atau_checksum_value(const struct atau_checksum *s)
{
    return mix(mix(s->sum, s->pending), s->n);
}
