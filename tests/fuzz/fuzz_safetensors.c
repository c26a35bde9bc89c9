/* SPDX-License-Identifier: MIT */
/* lib/files/safetensors_read.c: what opens is within its file, takes no more memory than the file is long, and is the same after it
 * has been written and read again. */
#include <stdlib.h>
#include <string.h>

#include "files/safetensors.h"
#include "fuzz.h"

#define BLOCK 64 /* what allocations are rounded up to */
#define PLAIN 64 /* longest string that is written again */

static struct atau_safetensors first, second;

/* A string without escapes is itself. */
static bool copy_plain(struct atau_json_string string, char out[PLAIN])
{
    if (string.length >= PLAIN || memchr(string.start, '\\', string.length))
        return false;
    memcpy(out, string.start, string.length);
    out[string.length] = '\0';
    return true;
}

static void *read_tensor(const struct atau_safetensors *file, const struct atau_safetensors_entry *entry)
{
    void *data = malloc(entry->end - entry->begin + 1);
    must(data != NULL, "there is memory");
    must(atau_safetensors_read(file, entry, data, entry->columns, NULL) == ADAPTAU_OK, "a tensor of an open file can be read");
    return data;
}

static void compare_tensor(const struct atau_tensor *tensor, const struct atau_safetensors_entry *was)
{
    const struct atau_safetensors_entry *entry = atau_safetensors_find(&second, tensor->name);
    must(entry != NULL, "a name that was written is found");
    must(entry->type == was->type && entry->rows == was->rows && entry->columns == was->columns, "a shape comes back");
    void *data = read_tensor(&second, entry);
    must(memcmp(data, tensor->data, was->end - was->begin) == 0, "data come back");
    free(data);
}

static void compare_metadata(const struct atau_metadata *metadata)
{
    char value[PLAIN];
    must(atau_safetensors_metadata(&second, metadata->key, value, sizeof value) && strcmp(value, metadata->value) == 0,
         "metadata come back");
}

static void write_again(void)
{
    static char          names[ATAU_MAX_TENSORS][PLAIN], keys[ATAU_MAX_METADATA][PLAIN], values[ATAU_MAX_METADATA][PLAIN];
    struct atau_tensor   tensors[ATAU_MAX_TENSORS];
    struct atau_metadata metadata[ATAU_MAX_METADATA];
    int                  n = 0, m = 0;
    bool                 plain = true;
    for (; n < first.n_entries && plain; n++) {
        const struct atau_safetensors_entry *entry = &first.entries[n];
        if (entry->type == ATAU_FOREIGN) /* is not written */
            break;
        plain = copy_plain(entry->name, names[n]);
        tensors[n] = (struct atau_tensor){names[n], entry->rows, entry->columns, read_tensor(&first, entry), entry->columns,
                                          entry->type};
        must(!plain || atau_safetensors_find(&first, names[n]) == entry, "a name is found");
    }
    for (; m < first.n_metadata && plain; m++) {
        plain = copy_plain(first.metadata[m].key, keys[m]) && copy_plain(first.metadata[m].value, values[m]);
        metadata[m] = (struct atau_metadata){keys[m], values[m]};
    }
    if (plain) {
        const char *path = fuzz_path(1);
        must(atau_safetensors_write_summed(atau_to_path(path), n, tensors, m, metadata, NULL) == ADAPTAU_OK,
             "what was read can be written");
        adaptau_status status = atau_safetensors_open(fuzz_context(), atau_from_path(path), &second, NULL);
        const bool     taken = atau_safetensors_find(&first, "checksum") != NULL; /* then the name is there twice */
        must(status == ADAPTAU_OK || taken || n == ATAU_MAX_TENSORS, "what was written can be read");
        for (int i = 0; status == ADAPTAU_OK && i < n; i++)
            compare_tensor(&tensors[i], &first.entries[i]);
        for (int i = 0; status == ADAPTAU_OK && i < m; i++)
            compare_metadata(&metadata[i]);
        if (status == ADAPTAU_OK) {
            must(atau_safetensors_check_sum(&second, NULL) == ADAPTAU_OK, "the checksum is right");
            atau_safetensors_close(&second);
        }
    }
    for (int i = 0; i < n; i++)
        free((void *)tensors[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    adaptau_context *context = fuzz_context();
    const char      *path = fuzz_file(0, bytes, size);
    const size_t     mark = fuzz_memory_mark();
    char             value[256];
    adaptau_status   status = atau_safetensors_open(context, atau_from_path(path), &first, NULL);
    must(fuzz_memory_above(mark) <= size + BLOCK, "a file takes no more memory than it is long");
    if (status == ADAPTAU_OK) {
        must(first.data_start + first.data_size == size, "header and data are the file");
        atau_safetensors_check_sum(&first, NULL);
        atau_safetensors_metadata(&first, "adaptau.note", value, sizeof value);
        write_again();
        atau_safetensors_close(&first);
    }
    must(fuzz_memory.present == mark, "all memory comes back");
    return 0;
}
