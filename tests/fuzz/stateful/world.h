/* SPDX-License-Identifier: MIT */
/* What a program works on: the same objects twice, on one thread and on two to four. Every call is made on both sides, and leaves
 * both with the same bits; the second side may find no memory first, and then has to be as it was. */
#ifndef STATEFUL_WORLD_H
#define STATEFUL_WORLD_H

#include <adaptau/adaptau.h>

#include "program.h"
#include "truth.h"

struct side {
    int32_t              index; /* 0 or 1                                                                        */
    adaptau_context     *context;
    adaptau_dataset     *data, *held_out;
    adaptau_sampler     *sampler;
    adaptau_model       *model;
    adaptau_temperature *temperature;
    adaptau_batch        batch; /* of the sampler; n_rows = 0: none                                             */
};

/* Adam's state of one row, in double. */
struct moments {
    int64_t steps;
    double  first[MOST_DIM], second[MOST_DIM];
};

struct world {
    struct program              program;
    struct side                 sides[2];
    int64_t                     starve;  /* which allocation fails in the next call of the second side; −1: none */
    adaptau_model_options       model_options;
    adaptau_temperature_options temperature_options;
    adaptau_loss                loss;    /* of the model                                                         */
    bool                        has_gradients, has_targets, has_prototypes, epoch_begun;
    bool                        loses_gradients; /* the next call, where it fails: there are none then            */
    bool                        moments_known;
    char                        last_message[256]; /* of the last call that failed                              */
    struct moments              user_moments[MOST_USERS], item_moments[MOST_ITEMS];
};

void open_world(struct world *w, const uint8_t *bytes, size_t size);

/* All memory has come back. */
void close_world(struct world *w);

/* What borrows the dataset goes first. */
void drop_data(struct side *side);

/* A call on one side. It takes what it has to write from `arguments`, by the side's index. */
typedef adaptau_status (*side_call)(struct side *side, void *arguments, adaptau_error *error);

/* On both: the same status, and the same bits afterwards. A call that is refused changes nothing. */
adaptau_status call_both(struct world *w, side_call call, void *arguments);

/* The same for a call that is valid. */
void call_both_well(struct world *w, const char *name, side_call call, void *arguments);

/* A digest of all that a host can read of a side's objects. */
uint64_t digest_side(const struct side *side);

void must_near(double got, double want, double most, const char *what);

#endif
