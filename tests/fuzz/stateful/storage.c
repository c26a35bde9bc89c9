/* SPDX-License-Identifier: MIT */
/* Files and checkpoints. */
#include "parts.h"

#include <string.h>

#include "options.h"

static adaptau_status save(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    return adaptau_model_save(side->model, fuzz_path(side->index), error);
}

void save_and_load(struct world *w)
{
    need_model(w);
    call_both_well(w, "saving", save, NULL);
    must(fuzz_files_equal(fuzz_path(0), fuzz_path(1)), "threads do not change a file");
    struct side loaded = {.context = w->sides[1].context};
    must(adaptau_model_load(loaded.context, fuzz_path(0), &loaded.model, NULL) == ADAPTAU_OK, "what was saved can be loaded");
    must(adaptau_model_save(loaded.model, fuzz_path(2), NULL) == ADAPTAU_OK && fuzz_files_equal(fuzz_path(0), fuzz_path(2)),
         "what was loaded is saved to the same bytes");
    const adaptau_tables a = final_tables(&w->sides[0]), b = final_tables(&loaded);
    for (int32_t x = 0; x < a.n_users + a.n_items; x++) {
        const bool    user = x < a.n_users;
        const int32_t row = user ? x : x - a.n_users;
        must(memcmp(row_of(&a, user, row), row_of(&b, user, row), (size_t)a.dim * sizeof(float)) == 0, "a row comes back");
    }
    must((a.flags & ADAPTAU_NORMALISE_BOTH) == (b.flags & ADAPTAU_NORMALISE_BOTH), "what is normalised comes back");
    adaptau_model_destroy(loaded.model);
}

static adaptau_status save_checkpoint(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    return adaptau_model_save_checkpoint(side->model, side->temperature, "epoch 1", fuzz_path(side->index), error);
}

/* From here on the second side is what a checkpoint has made of it: it has to go on to the bits of the first. What is in no
 * checkpoint is made anew on both sides. */
void resume(struct world *w)
{
    need_model(w);
    need_temperature(w);
    if (w->has_gradients)
        descend(w);
    adaptau_target_options none = choose_target_options(&(struct program){0});
    call_both_well(w, "targets", update_targets, &none);
    w->has_targets = w->has_prototypes = false;
    if (!temper(w))
        return;
    call_both_well(w, "checkpoint", save_checkpoint, NULL);
    must(fuzz_files_equal(fuzz_path(0), fuzz_path(1)), "threads do not change a checkpoint");
    struct side         *side = &w->sides[1];
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    char                 note[ADAPTAU_NOTE_SIZE];
    must(adaptau_model_load_checkpoint(side->context, side->data, fuzz_path(1), &model, &temperature, note, NULL) == ADAPTAU_OK,
         "a checkpoint can be loaded");
    must(strcmp(note, "epoch 1") == 0, "a note comes back");
    take_model(side, model);
    adaptau_temperature_destroy(side->temperature);
    side->temperature = temperature;
    must(digest_side(&w->sides[0]) == digest_side(side), "a checkpoint has all there is");
}
