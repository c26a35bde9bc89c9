/* SPDX-License-Identifier: MIT */
/* Files of named matrices in the safetensors format: eight bytes of header length (little-endian), a JSON header, and
 * the tensors one after the other.
 *
 * Reading is strict: what is not exactly a safetensors file is E_FORMAT. In particular the tensors cover the data without holes,
 * overlaps or rests. Tensors of other writers that we have no use for, of another type or rank, may stand beside ours. */
#ifndef ATAU_SAFETENSORS_H
#define ATAU_SAFETENSORS_H

#include <adaptau/context.h>

#include <stdbool.h>

#include "files/json_string.h"
#include "files/output.h"

#define ATAU_F32 0
#define ATAU_F64 1
#define ATAU_I32 2
#define ATAU_U8 3      /* written with rank 1: bytes, in `rows` rows of one column                                */
#define ATAU_F16 4
#define ATAU_BF16 5    /* in files of other programs; no model is saved with it                                   */
#define ATAU_FOREIGN 6 /* another type, or a rank but 1 and 2: not to be read, and never written                  */

/* ---- writing --------------------------------------------------------------------------------------------------------- */

struct atau_tensor {
    const char *name;
    int64_t     rows, columns;
    const void *data;
    int64_t     stride; /* elements from one row to the next; or ATAU_ROWS_ARE_MADE: data is a struct atau_made_rows */
    int32_t     type;   /* ATAU_F32 ...                                                                       */
};

#define ATAU_ROWS_ARE_MADE (-1)

/* Rows that are not in memory as the file is to have them. */
struct atau_made_rows {
    void (*make)(const void *argument, int64_t r, void *row);
    const void *argument;
    void       *row; /* [columns] of the tensor's type, where one is made                                     */
};

/* Names, keys and values are UTF-8; each name and each key comes once. */
struct atau_metadata {
    const char *key;
    const char *value;
};

/* Write a file (output.h). Numbers in metadata are the caller's strings: write integers. @return E_IO, E_CALLBACK. */
adaptau_status atau_safetensors_write(struct atau_destination to, int n_tensors, const struct atau_tensor *tensors, int n_metadata,
                                      const struct atau_metadata *metadata, adaptau_error *error);

/* The same with one more tensor, "checksum", I32 [1, 2]: the last eight bytes of the file are the checksum (checksum.h) of all
 * before them, header included. */
adaptau_status atau_safetensors_write_summed(struct atau_destination to, int n_tensors, const struct atau_tensor *tensors,
                                             int n_metadata, const struct atau_metadata *metadata, adaptau_error *error);

/* ---- reading --------------------------------------------------------------------------------------------------------- */

#define ATAU_MAX_TENSORS 256
#define ATAU_MAX_METADATA 256

/* Where a file is: at a path, or in somebody's memory. */
struct atau_source {
    const char *path;  /* or what messages call the memory; must outlive what is read from it                 */
    const void *bytes; /* NULL: at the path                                                                   */
    uint64_t    size;
};

static inline struct atau_source atau_from_path(const char *name)
{
    return (struct atau_source){.path = name};
}

static inline struct atau_source atau_from_bytes(const void *bytes, uint64_t size)
{
    return (struct atau_source){"the buffer", bytes, size};
}

struct atau_safetensors_entry {
    struct atau_json_string name;
    struct atau_json_string type_name;     /* as the file has it                                              */
    int32_t                 type;          /* ATAU_F32 ...                                                    */
    int32_t                 rank;          /* 1 or 2, but for ATAU_FOREIGN                                    */
    int64_t                 rows, columns; /* columns = 1 for rank 1                                          */
    uint64_t                begin, end;    /* bytes of the data                                               */
};

struct atau_safetensors {
    adaptau_context              *context;
    const char                   *path; /* for messages; must outlive the struct                              */
    atau_file                     file;  /* ATAU_NO_FILE where                                                */
    const char                   *bytes; /* the file is in memory, or NULL                                    */
    uint64_t                      data_start, data_size;
    char                         *header; /* [header_size]                                                    */
    size_t                        header_size;
    int                           n_entries, n_metadata;
    struct atau_safetensors_entry entries[ATAU_MAX_TENSORS]; /* by place in the file                          */
    struct {
        struct atau_json_string key, value;
    } metadata[ATAU_MAX_METADATA];
};

/* Open and check a file. Allocates the header, whose length is checked against the file's first, and nothing else. After a
 * failure the struct needs no closing. The header is a copy, also of a file in memory, which may change while it is parsed.
 * @return E_IO when the system refuses; E_FORMAT; E_MEMORY. */
adaptau_status atau_safetensors_open(adaptau_context *context, struct atau_source source, struct atau_safetensors *file,
                                     adaptau_error *error);

/* NULL when there is none of that name. */
const struct atau_safetensors_entry *atau_safetensors_find(const struct atau_safetensors *file, const char *name);

/* Read a tensor into `out` [rows x columns], rows `stride` elements apart. @return E_IO; E_FORMAT when the file has shrunk. */
adaptau_status atau_safetensors_read(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry,
                                     void *out, int64_t stride, adaptau_error *error);

/* The same into floats, of F32, F16 or BF16: what atau_safetensors_is_float says. */
adaptau_status atau_safetensors_read_floats(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry,
                                            float *rows, int64_t stride, adaptau_error *error);
bool           atau_safetensors_is_float(const struct atau_safetensors_entry *entry);

/* Where a tensor is in the memory of a file that was opened there. */
const void *atau_safetensors_at(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry);

/* Whether the file ends in what looks like a checksum. */
bool atau_safetensors_has_sum(const struct atau_safetensors *file);

/* @return E_FORMAT unless the file ends in the checksum of what is before it; E_IO. */
adaptau_status atau_safetensors_check_sum(const struct atau_safetensors *file, adaptau_error *error);

/* Copy the value of a key, terminated. False when there is no such key or the value does not fit. */
bool atau_safetensors_metadata(const struct atau_safetensors *file, const char *key, char *out, size_t size);

bool atau_safetensors_has_metadata(const struct atau_safetensors *file, const char *key);

void atau_safetensors_close(struct atau_safetensors *file);

#endif
