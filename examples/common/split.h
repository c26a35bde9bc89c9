/* SPDX-License-Identifier: MIT */
/* Hold a share of every user's items out. */
#ifndef EXAMPLES_COMMON_SPLIT_H
#define EXAMPLES_COMMON_SPLIT_H

#include "common/pairs.h"

/* Of a user's n items, round(share · n) go to `held_out`, but never the last one; the others are kept. Which ones go depends
 * on the seed, the user and the item alone. The outputs must be empty; they are the caller's to free, also on failure. */
adaptau_status split_dataset(const adaptau_dataset *dataset, double share, uint64_t seed, struct pairs *kept,
                             struct pairs *held_out, adaptau_error *error);

#endif
