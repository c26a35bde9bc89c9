/* SPDX-License-Identifier: MIT */
/* names_read: what is read comes back from the bytes that a model's file keeps of it. names_from_bytes takes any bytes. */
#include <string.h>

#include "common/names.h"
#include "fuzz.h"

#define ROOM (512 << 10)
#define ROOM_PER_BYTE 64
#define FEW 16 /* names, and bytes of one, whose likeness is looked at: that takes longer than all the rest */

static void read_again(const struct names *names)
{
    struct names again = {0};
    must(names_from_bytes(&again, names->bytes, (int64_t)names->n_bytes, NULL) == ADAPTAU_OK, "names that are kept are read");
    must(again.count == names->count, "as many names come back");
    for (int32_t id = 0; id < names->count; id++) {
        const char *name = names_get(names, id);
        must(strcmp(name, names_get(&again, id)) == 0, "the same names come back");
        const int32_t found = names_find(names, name, strlen(name));
        must(found >= 0 && found <= id && strcmp(names_get(names, found), name) == 0, "a name is found, the first of equals");
    }
    names_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct names names = {0};
    int32_t      alike[3];
    const char  *path = fuzz_file(0, bytes, size);
    const size_t mark = fuzz_memory_mark();
    const bool terminated = size == 0 || bytes[size - 1] == '\0';
    must((names_from_bytes(&names, (const char *)bytes, (int64_t)size, NULL) == ADAPTAU_OK) == terminated,
         "bytes are names when they end in a NUL");
    names_free(&names);
    if (names_read(&names, path, NULL) == ADAPTAU_OK) {
        must(fuzz_memory_above(mark) <= ROOM + ROOM_PER_BYTE * size, "memory is in proportion to the text");
        if (names.count > 0) {
            read_again(&names);
            const char *last = names_get(&names, names.count - 1);
            if (names.count <= FEW && strlen(last) <= FEW)
                names_similar(&names, last, 3, alike);
        }
    }
    names_free(&names);
    must(fuzz_memory.present == mark, "all memory comes back");
    return 0;
}
