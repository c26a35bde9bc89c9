/* SPDX-License-Identifier: MIT */
/* adaptau_model_load: takes memory in proportion to the file; what loads is saved to a file that loads as the same model. */
#include <adaptau/model.h>

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
    adaptau_model_destroy(model);
    must(fuzz_memory.present == mark, "all memory comes back");
    return 0;
}
