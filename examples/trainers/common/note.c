/* SPDX-License-Identifier: MIT */
#include "common/note.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "trial3"
#define DIGITS 16
#define N_WORDS (sizeof(struct note) / sizeof(uint64_t))

_Static_assert(sizeof(struct note) % sizeof(uint64_t) == 0, "a note is made of words");
_Static_assert(sizeof FORMAT + N_WORDS * (DIGITS + 1) < ADAPTAU_NOTE_SIZE, "a note fits");

void note_write(const struct note *note, char text[ADAPTAU_NOTE_SIZE])
{
    uint64_t words[N_WORDS];
    int      used = snprintf(text, ADAPTAU_NOTE_SIZE, "%s", FORMAT);
    memcpy(words, note, sizeof words);
    for (size_t i = 0; i < N_WORDS; i++)
        used += snprintf(text + used, ADAPTAU_NOTE_SIZE - (size_t)used, " %016" PRIx64, words[i]);
}

bool note_read(const char *text, struct note *note)
{
    uint64_t words[N_WORDS];
    char     again[ADAPTAU_NOTE_SIZE];
    if (strlen(text) != sizeof FORMAT - 1 + N_WORDS * (DIGITS + 1))
        return false;
    for (size_t i = 0; i < N_WORDS; i++)
        words[i] = strtoull(text + sizeof FORMAT + i * (DIGITS + 1), NULL, 16);
    memcpy(note, words, sizeof *note);
    note_write(note, again); /* strtoull takes signs, spaces and capitals, too */
    return strcmp(text, again) == 0 && note->phase >= 0 && note->phase < N_PHASES && note->epoch >= 0 &&
           note->best_epoch >= 0 && note->searched >= 0 && note->trials >= 0 && note->trials <= INT32_MAX;
}
