/* SPDX-License-Identifier: MIT */
/* record_read: what is read is written to a file that is read and written as the same again. The first writing may change it:
 * escapes that are not the writer's own become '?'. */
#include <string.h>

#include "adaptau-reproduce/record.h"
#include "fuzz.h"

#define ROOM (256 << 10)
#define ROOM_PER_BYTE 128 /* a series of one number is a name and what its list begins with */

/* Names are constants of the program; those that would need escapes cannot be written. */
static bool has_plain_names(const struct record *record)
{
    bool plain = true;
    for (int32_t i = 0; i < record->n_notes; i++)
        plain = plain && !strpbrk(record->notes[i].name, "\"\\");
    for (int32_t i = 0; i < record->n_series; i++)
        plain = plain && !strpbrk(record->series[i].name, "\"\\");
    return plain;
}

/* The record of one file, written to the next. */
static void pass_on(int from)
{
    struct record record;
    must(record_read(&record, fuzz_path(from), NULL) == ADAPTAU_OK, "what was written is read");
    must(record_write(&record, fuzz_path(from + 1), NULL) == ADAPTAU_OK, "what was read is written");
    record_free(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct record  record;
    const char    *path = fuzz_file(0, bytes, size);
    const size_t   mark = fuzz_memory_mark();
    adaptau_status status = record_read(&record, path, NULL);
    const bool     plain = status == ADAPTAU_OK && has_plain_names(&record);
    must(fuzz_memory_above(mark) <= ROOM + ROOM_PER_BYTE * size, "memory is in proportion to the text");
    record_free(&record);
    if (plain) {
        pass_on(0);
        pass_on(1);
        pass_on(2);
        must(fuzz_files_equal(fuzz_path(2), fuzz_path(3)), "a record is written to the same bytes again");
    }
    must(fuzz_memory.present == mark, "all memory comes back");
    return 0;
}
