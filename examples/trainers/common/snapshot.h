/* SPDX-License-Identifier: MIT */
/* A copy of a model's raw tables, and of how new users are folded in, to come back to. */
#ifndef EXAMPLES_COMMON_SNAPSHOT_H
#define EXAMPLES_COMMON_SNAPSHOT_H

#include "common/training.h"

/* All zero is none. */
struct snapshot {
    float *users; /* [n x d] */
    float *items; /* [m x d] */
    float *encoder; /* [d x d] of SimpleX */
    adaptau_fold_in_options fold_in; /* struct_size 0: the model did not say */
};

/* Replace what the snapshot holds. */
adaptau_status snapshot_take(struct snapshot *snapshot, const adaptau_model *model, adaptau_error *error);

/* A model that works on the snapshot's arrays: the snapshot must outlive it. The dataset is what it was trained on. */
adaptau_status snapshot_model(const struct snapshot *snapshot, adaptau_context *context, const adaptau_dataset *dataset,
                              const struct recipe *recipe, adaptau_model **out, adaptau_error *error);

void snapshot_free(struct snapshot *snapshot);

#endif
