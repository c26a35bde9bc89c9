/* SPDX-License-Identifier: MIT */
/* What is tested on: which pairs are held out of data that came without test pairs, and which test pairs mean nothing. */
#ifndef EXAMPLES_COMMON_HOLDOUT_H
#define EXAMPLES_COMMON_HOLDOUT_H

#include "common/read_data.h"

/* Split data->train by options->split, once repetitions are gone, which is counted. `share` is held out of each user's (by chance
 * or the latest), or the latest `share` of all; never all of a user's but by SPLIT_TIME. Of equal times the larger id is the
 * later. The outputs must be NULL; they are the caller's to destroy, also on failure. E_STATE: a split by time without times. */
adaptau_status hold_out(struct data *data, adaptau_context *context, const struct read_options *options, double share,
                        uint64_t seed, adaptau_dataset **train, adaptau_dataset **test, adaptau_error *error);

/* A test pair that is in train, too, is masked when items are ranked, and could only be a miss: leave such pairs out of *test, a
 * dataset that may be replaced, and count them. */
adaptau_status leave_out_known(const adaptau_dataset *train, adaptau_dataset **test, adaptau_context *context,
                               struct account *account, adaptau_error *error);

/* Count the users and the items of test that train does not have: nothing was learned of them. */
adaptau_status count_cold(const adaptau_dataset *train, const adaptau_dataset *test, struct account *account, adaptau_error *error);

#endif
