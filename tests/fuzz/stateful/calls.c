/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include "parts.h"

struct truth_tables tables_truth;
struct truth_answer loss_truth;

/* What the next call has to go without. */
static void starve(struct world *w)
{
    w->starve = choose(&w->program, 64);
}

void (*const calls[])(struct world *) = {
    train,   train,        temper_model, differentiate, descend, rank,          measure,     own_loss,      shard_loss, new_data,
    new_sampler, new_model, another_loss, another_bias, new_temperature, other_rates, aim,  contrast,      save_and_load, resume,
    grow,    fold_in,      bad_loss,     starve,        read_side_by_side, remap,
};
const int32_t n_calls = sizeof calls / sizeof *calls;
