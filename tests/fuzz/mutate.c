/* SPDX-License-Identifier: MIT */
/* Mutations of safetensors files: header and data are changed apart, and length, extent and checksum mostly mended after that,
 * because a file that contradicts itself gets no further than the first check. */
#include <stdlib.h>
#include <string.h>

#include "files/checksum.h"
#include "fuzz.h"

#define LENGTH_SIZE 8
#define CHECKSUM_SIZE 8
#define LONGEST (1 << 16)

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed);

/* The header's length as the file says it, or all there is. */
static size_t header_length(const uint8_t *bytes, size_t size)
{
    uint64_t length;
    memcpy(&length, bytes, LENGTH_SIZE);
    return length < size - LENGTH_SIZE ? (size_t)length : size - LENGTH_SIZE;
}

/* The largest end among the header's data_offsets: integers behind a comma and before a bracket. */
static size_t said_extent(const char *header, size_t length)
{
    size_t most = 0;
    for (size_t i = 0; i + 1 < length; i++) {
        size_t value = 0, k = i + 1;
        if (header[i] != ',')
            continue;
        for (; k < length && header[k] >= '0' && header[k] <= '9' && value <= LONGEST; k++)
            value = value * 10 + (size_t)(header[k] - '0');
        if (k < length && header[k] == ']' && value > most && value <= LONGEST)
            most = value;
    }
    return most;
}

static void mend_checksum(uint8_t *bytes, size_t size)
{
    struct atau_checksum sum = {0};
    if (size < CHECKSUM_SIZE)
        return;
    atau_checksum_add(&sum, bytes, size - CHECKSUM_SIZE);
    const uint64_t value = atau_checksum_value(&sum);
    memcpy(bytes + size - CHECKSUM_SIZE, &value, CHECKSUM_SIZE);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed)
{
    if (size < LENGTH_SIZE || seed % 8 == 0)
        return LLVMFuzzerMutate(bytes, size, room);
    uint8_t *header = bytes + LENGTH_SIZE;
    size_t   length = header_length(bytes, size), data = size - LENGTH_SIZE - length, spare = room - size;
    uint8_t *kept = malloc(length + data + spare + 1);
    must(kept != NULL, "there is memory");
    if (seed % 4 == 1 && data > 0) {
        data = LLVMFuzzerMutate(header + length, data, data + spare);
    } else {
        memcpy(kept, header + length, data);
        length = LLVMFuzzerMutate(header, length, length + spare);
        memcpy(header + length, kept, data);
    }
    const size_t wanted = said_extent((const char *)header, length);
    if (seed % 16 != 3 && LENGTH_SIZE + length + wanted <= room) {
        if (wanted > data)
            memset(header + length + data, 0, wanted - data);
        data = wanted;
    }
    const uint64_t written = length;
    memcpy(bytes, &written, LENGTH_SIZE);
    if (seed % 32 != 5)
        mend_checksum(bytes, LENGTH_SIZE + length + data);
    free(kept);
    return LENGTH_SIZE + length + data;
}
