/* SPDX-License-Identifier: MIT */
/* adaptau_model_load_checkpoint, for a small dataset: takes memory in proportion to file and dataset; what resumes is saved to the same
 * bytes again and can take a step. */
#include <adaptau/adaptau.h>

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "world.h"

#define ROOM (256 << 10) /* dataset, graph, the header's parsed form */
#define STEP_EVERY 8      /* files, by their length: a step takes longer than all the rest */
#define ROOM_PER_BYTE 16 /* raw and final tables, gradients, a layer's products */

struct resumed {
    adaptau_model       *model;
    adaptau_temperature *temperature;
    char                 note[ADAPTAU_NOTE_SIZE];
};

static adaptau_status resume(const char *path, struct resumed *out)
{
    *out = (struct resumed){0};
    return adaptau_model_load_checkpoint(fuzz_context(), world_dataset(fuzz_context()), path, &out->model, &out->temperature, out->note,
                                NULL);
}

static void save(const struct resumed *r, const char *path)
{
    must(adaptau_model_save_checkpoint(r->model, r->temperature, r->note, path, NULL) == ADAPTAU_OK,
         "what resumed can be saved");
}

/* The same bytes in memory; what resumes from them is written to a function as to a file. */
struct store {
    uint8_t *bytes;
    size_t   size, room;
};

static int32_t put(void *user_data, const void *bytes, int64_t size)
{
    struct store *s = user_data;
    if ((size_t)size > s->room - s->size)
        return 1;
    memcpy(s->bytes + s->size, bytes, (size_t)size);
    s->size += (size_t)size;
    return 0;
}

static void release(struct resumed *r)
{
    adaptau_temperature_destroy(r->temperature);
    adaptau_model_destroy(r->model);
}

static void check_memory(const uint8_t *bytes, size_t size, adaptau_status of_file, const char *saved)
{
    struct resumed r = {0};
    struct store   store = {malloc(1 << 22), 0, 1 << 22};
    uint8_t       *block = malloc(size + 1);
    must(block && store.bytes, "there is memory");
    memcpy(block + 1, bytes, size);
    must(adaptau_model_load_checkpoint_from(fuzz_context(), world_dataset(fuzz_context()), block + 1, (int64_t)size, &r.model,
                                            &r.temperature, r.note, NULL) == of_file,
         "a checkpoint in memory has the status of the file");
    if (r.model) {
        size_t   n;
        uint8_t *wanted = fuzz_content(saved, &n);
        must(adaptau_model_save_checkpoint_to(r.model, r.temperature, r.note, put, &store, NULL) == ADAPTAU_OK,
             "what resumed can be written");
        must(store.size == n && memcmp(store.bytes, wanted, n) == 0, "a function gets the bytes of the file");
        free(wanted);
    }
    release(&r);
    free(block);
    free(store.bytes);
}

static void save_and_resume(const struct resumed *r)
{
    struct resumed again;
    save(r, fuzz_path(1));
    must(resume(fuzz_path(1), &again) == ADAPTAU_OK, "what was saved resumes");
    save(&again, fuzz_path(2));
    must(fuzz_files_equal(fuzz_path(1), fuzz_path(2)), "a training is saved to the same bytes again");
    release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct resumed r;
    world_dataset(fuzz_context()); /* before the mark */
    const char    *path = fuzz_file(0, bytes, size);
    const size_t   mark = fuzz_memory_mark();
    adaptau_status status = resume(path, &r);
    must(fuzz_memory_above(mark) <= ROOM + ROOM_PER_BYTE * size, "memory is in proportion to the file");
    must((status == ADAPTAU_OK) == (r.model && r.temperature), "there are objects just where the status says so");
    if (status == ADAPTAU_OK)
        save_and_resume(&r);
    check_memory(bytes, size, status, fuzz_path(1));
    if (status == ADAPTAU_OK) {
        if (size % STEP_EVERY == 0)
            world_step(fuzz_context(), r.model, r.temperature); /* may be refused, but not crash */
    }
    release(&r);
    must(fuzz_memory.present == mark, "all memory comes back");
    return 0;
}
