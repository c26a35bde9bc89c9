/* SPDX-License-Identifier: MIT */
/* The bytes of a file as UTF-8 text, whatever it came in: a file, a pipe ("-" is standard input) or memory; plain, or packed by
 * gzip, zstd or xz; UTF-8 with or without a byte order mark, or UTF-16 with one. What is no text is refused by its name ("a zip
 * archive").
 *
 * There is one buffer. A reader takes bytes from its front by moving `at`, and asks bytes_more for what follows. */
#ifndef EXAMPLES_COMMON_BYTES_H
#define EXAMPLES_COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <adaptau/base.h>

/* Messages of a text that is standard input call it so. */
#define STDIN_PATH "-"
#define STDIN_NAME "standard input"

struct unpacker;

struct bytes {
    const char          *name;    /* as it stands in messages */
    unsigned char       *at;      /* what was read and is not taken yet: [at, end) */
    unsigned char       *end;
    bool                 ended;   /* nothing follows `end` */
    int64_t              line;    /* that `at` stands on before a reader begins, from 1 */
    unsigned char       *buffer;  /* [capacity] */
    size_t               capacity;
    int                  file;    /* -1: memory */
    const unsigned char *memory;  /* [n_memory] what is left of it */
    size_t               n_memory;
    unsigned char        head[16]; /* how the plain bytes begin: [n_head] from head_at on are to be handed out */
    unsigned char       *head_at;
    size_t               n_head;
    struct unpacker     *unpacker; /* NULL: the bytes are as they come */
    const char          *packing;  /* "gzip", "zstd", "xz", or NULL */
    const char          *encoding; /* "UTF-16", or NULL for UTF-8 */
    bool                 big_endian;
    unsigned char        half[4];  /* UTF-16: what a character cut by the end of a read began with */
    size_t               n_half;
    unsigned char       *raw;      /* UTF-16: as it was read */
};

/* Open a file and look at how it begins. `path` must outlive the bytes. E_IO; E_FORMAT for what is no text. On failure *bytes
 * needs no bytes_close. */
adaptau_status bytes_open(struct bytes *bytes, const char *path, adaptau_error *error);

/* The same for memory, which must outlive the bytes. */
adaptau_status bytes_open_memory(struct bytes *bytes, const char *name, const void *memory, size_t size, adaptau_error *error);

/* Fine for bytes of zeros. */
void bytes_close(struct bytes *bytes);

/* Read on: what was not taken stays, but may move. `ended` is set when there was nothing more. */
adaptau_status bytes_more(struct bytes *bytes, adaptau_error *error);

/* bytes_more until there are `size` bytes or the end is reached, however short the reads of a pipe are. */
adaptau_status bytes_sample(struct bytes *bytes, size_t size, adaptau_error *error);

#endif
