/* SPDX-License-Identifier: MIT */
/* adaptau_model_load: takes memory in proportion to the file; what loads is saved to a file that loads as the same model. The same
 * bytes in memory are the same model, and a model that uses them where they are is it, too, unless it says that it cannot be. */
#include <adaptau/files.h>
#include <adaptau/model.h>

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define ROOM (64 << 10)  /* the header's parsed form and the model itself */
#define ROOM_PER_BYTE 8 /* half precision becomes floats, with as many of the optimiser */

static void compare(const adaptau_model *model, const adaptau_model *other)
{
    adaptau_tables a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    must(adaptau_model_get_tables(model, &a, NULL) == ADAPTAU_OK && adaptau_model_get_tables(other, &b, NULL) == ADAPTAU_OK,
         "a model that was loaded has tables");
    must(a.n_users == b.n_users && a.n_items == b.n_items && a.dim == b.dim && a.flags == b.flags,
         "shapes and flags come back");
    const size_t row = (size_t)a.dim * sizeof(float);
    for (int32_t r = 0; r < a.n_users; r++)
        must(memcmp(a.users + r * a.user_stride, b.users + r * b.user_stride, row) == 0, "users come back");
    for (int32_t r = 0; r < a.n_items; r++)
        must(memcmp(a.items + r * a.item_stride, b.items + r * b.item_stride, row) == 0, "items come back");
}

static void save_and_load(const adaptau_model *model)
{
    adaptau_model *other = NULL;
    must(adaptau_model_save(model, fuzz_path(1), NULL) == ADAPTAU_OK, "what was loaded can be saved");
    must(adaptau_model_load(fuzz_context(), fuzz_path(1), &other, NULL) == ADAPTAU_OK, "what was saved can be loaded");
    compare(model, other);
    must(adaptau_model_save(other, fuzz_path(2), NULL) == ADAPTAU_OK, "what was loaded can be saved");
    must(fuzz_files_equal(fuzz_path(1), fuzz_path(2)), "a model is saved to the same bytes again");
    adaptau_model_destroy(other);
}

/* Without a copy tables stay as they are; a load brings rows of the unit sphere back to it. */
static void check_view(const void *bytes, size_t size, adaptau_status of_file, const adaptau_model *loaded)
{
    adaptau_tables       a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    adaptau_model       *model = NULL;
    const size_t         mark = fuzz_memory_mark();
    const adaptau_status status = adaptau_model_view(fuzz_context(), bytes, (int64_t)size, NULL, NULL, &model, NULL);
    must(fuzz_memory_above(mark) <= ROOM + size, "a view takes the memory of a header");
    must(status == ADAPTAU_E_UNSUPPORTED || (status == ADAPTAU_OK) == (of_file == ADAPTAU_OK), "a file has a view just where it loads");
    must(status == ADAPTAU_OK || status == ADAPTAU_E_UNSUPPORTED || status == ADAPTAU_E_FORMAT || status == ADAPTAU_E_NUMERIC,
         "a bad file is E_FORMAT, E_NUMERIC or E_UNSUPPORTED");
    must((status == ADAPTAU_OK) == (model != NULL), "there is a view just where the status says so");
    const adaptau_status halves = model ? adaptau_model_get_tables(model, &a, NULL) : ADAPTAU_OK; /* E_UNSUPPORTED for F16  */
    if (model && halves == ADAPTAU_E_UNSUPPORTED)
        must(adaptau_model_save(model, fuzz_path(1), NULL) == ADAPTAU_OK, "a view of halves can be saved");
    else if (model) {
        must(halves == ADAPTAU_OK && adaptau_model_get_tables(loaded, &b, NULL) == ADAPTAU_OK, "a view has tables");
        if (a.flags == b.flags)
            compare(model, loaded);
        must(adaptau_model_save(model, fuzz_path(1), NULL) == ADAPTAU_OK, "a view can be saved");
    }
    adaptau_model_destroy(model);
}

/* From blocks that end where the file ends; malloc aligns the first. */
static void check_memory(const uint8_t *bytes, size_t size, adaptau_status of_file, const adaptau_model *loaded)
{
    adaptau_model *model = NULL;
    char          *block = malloc(size + (size == 0)), *odd = malloc(size + 1);
    must(block && odd, "there is memory");
    memcpy(block, bytes, size);
    memcpy(odd + 1, bytes, size);
    must(adaptau_model_load_from(fuzz_context(), odd + 1, (int64_t)size, NULL, NULL, &model, NULL) == of_file,
         "a file in memory has the status of the file");
    must((model != NULL) == (loaded != NULL), "there is a model just where the file has one");
    if (model)
        compare(model, loaded);
    adaptau_model_destroy(model);
    check_view(block, size, of_file, loaded);
    free(block);
    free(odd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    adaptau_context *context = fuzz_context();
    adaptau_model   *model = NULL;
    const char      *path = fuzz_file(0, bytes, size);
    const size_t     mark = fuzz_memory_mark();
    adaptau_status   status = adaptau_model_load(context, path, &model, NULL);
    must(fuzz_memory_above(mark) <= ROOM + ROOM_PER_BYTE * size, "memory is in proportion to the file");
    must((status == ADAPTAU_OK) == (model != NULL), "there is a model just where the status says so");
    must(status == ADAPTAU_OK || status == ADAPTAU_E_FORMAT || status == ADAPTAU_E_NUMERIC,
         "a bad file is E_FORMAT or E_NUMERIC");
    if (model)
        save_and_load(model);
    check_memory(bytes, size, status, model);
    adaptau_model_destroy(model);
    must(fuzz_memory.present == mark, "all memory comes back");
    return 0;
}
