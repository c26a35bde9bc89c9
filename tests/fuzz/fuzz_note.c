/* SPDX-License-Identifier: MIT */
/* note_read, as of a checkpoint of which someone made the text: what is read is within its limits and written to the same text. */
#include <string.h>

#include "common/note.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char        text[ADAPTAU_NOTE_SIZE], again[ADAPTAU_NOTE_SIZE];
    struct note note;
    size = size < sizeof text - 1 ? size : sizeof text - 1; /* what the library gives */
    memcpy(text, bytes, size);
    text[size] = '\0';
    if (note_read(text, &note)) {
        must(note.phase >= 0 && note.phase < N_PHASES, "a phase is one of a trial's");
        must(note.epoch >= 0 && note.best_epoch >= 0 && note.searched >= 0, "epochs are not negative");
        note_write(&note, again);
        must(strcmp(text, again) == 0, "a note is written to the same text again");
    }
    return 0;
}
