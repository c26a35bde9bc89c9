/* SPDX-License-Identifier: MIT */
/* What the words of the language share, and the words themselves, by the file that has them. */
#ifndef STATEFUL_PARTS_H
#define STATEFUL_PARTS_H

#include "../fuzz.h"
#include "world.h"

#define MOST_K 32
#define MOST_FOLDED 4

/* What was computed last, by whoever asked: too large for a stack. */
extern struct truth_tables tables_truth;
extern struct truth_answer loss_truth;

static inline adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    must(adaptau_dataset_get_view(data, &view, NULL) == ADAPTAU_OK, "a dataset can be read");
    return view;
}

/* ---- data.c -------------------------------------------------------------------------------------------------------- */

struct interactions {
    int32_t n_users, n_items, n;
    bool    weighted;
    int32_t users[MOST_USERS * MOST_ITEMS], items[MOST_USERS * MOST_ITEMS];
    float   weights[MOST_USERS * MOST_ITEMS];
    bool    held_out;
};

void need_data(struct world *w);
bool is_empty(const struct world *w);
bool need_batch(struct world *w);
adaptau_status create_data(struct side *side, void *arguments, adaptau_error *error);
void make_held_out(struct world *w, int32_t n_users, int32_t n_items);

void new_data(struct world *w);
void new_sampler(struct world *w);

/* ---- models.c ------------------------------------------------------------------------------------------------------ */

uint32_t flags_of(const struct world *w);
adaptau_tables final_tables(const struct side *side);
void need_model(struct world *w);
adaptau_tables raw_tables(const struct side *side);
const float *row_of(const adaptau_tables *t, bool users, int32_t row);
void take_model(struct side *side, adaptau_model *made);
void check_encoder(const struct world *w);

void new_model(struct world *w);
void another_loss(struct world *w);
void another_bias(struct world *w);

/* ---- temperatures.c ------------------------------------------------------------------------------------------------ */

void need_temperature(struct world *w);
bool temper(struct world *w);
adaptau_temperature_state state_of(const struct side *side);

void new_temperature(struct world *w);
void temper_model(struct world *w);

/* ---- training.c ---------------------------------------------------------------------------------------------------- */

adaptau_status update_targets(struct side *side, void *arguments, adaptau_error *error);

void differentiate(struct world *w);
void descend(struct world *w);
void train(struct world *w);
void other_rates(struct world *w);
void aim(struct world *w);
void contrast(struct world *w);

/* ---- ranking.c ----------------------------------------------------------------------------------------------------- */

bool has(const int32_t *ids, int64_t first, int64_t end, int32_t id);

void rank(struct world *w);
void measure(struct world *w);

/* ---- storage.c ----------------------------------------------------------------------------------------------------- */

void save_and_load(struct world *w);
void resume(struct world *w);

/* ---- growth.c ------------------------------------------------------------------------------------------------------ */

void grow(struct world *w);
void remap(struct world *w);
void fold_in(struct world *w);

/* ---- losses.c ------------------------------------------------------------------------------------------------------ */

void own_loss(struct world *w);
void shard_loss(struct world *w);
void bad_loss(struct world *w);

/* ---- readers.c ----------------------------------------------------------------------------------------------------- */

void read_side_by_side(struct world *w);

#endif
