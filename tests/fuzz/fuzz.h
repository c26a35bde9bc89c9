/* SPDX-License-Identifier: MIT */
/* What fuzz targets share. A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput: it parses the bytes and calls must()
 * on what has to hold whatever they are. With -Dfuzzers=true it is linked with libFuzzer; without, with replay.c, whose main
 * gives it the files of corpus/NAME. */
#ifndef FUZZ_H
#define FUZZ_H

#include <adaptau/context.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Abort with that sentence unless it holds: a crash, which a fuzzer keeps the input of. */
void must(bool holds, const char *sentence);

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* The path of a file in a folder of this process, in $TMPDIR or /tmp, which goes when the process exits. Valid until the next
 * call with another slot of 0 ... 3. */
const char *fuzz_path(int slot);

/* The same, with these bytes in the file. */
const char *fuzz_file(int slot, const void *bytes, size_t size);

/* A file's content, to be freed. */
uint8_t *fuzz_content(const char *path, size_t *size);

bool fuzz_files_equal(const char *one, const char *other);

/* ---- memory --------------------------------------------------------------------------------------------------------- */

struct fuzz_memory {
    size_t present, peak;
};

/* Of contexts that fuzz_context makes, and where a program is linked with --wrap=malloc, of its own calls of malloc. */
extern struct fuzz_memory fuzz_memory;

/* One thread; made once and never destroyed. */
adaptau_context *fuzz_context(void);

/* From here on the peak is measured. Returns what is in use, to be compared with what is in use afterwards. */
size_t fuzz_memory_mark(void);

/* The peak above a mark. */
size_t fuzz_memory_above(size_t mark);

#endif
