/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_SAMPLE_H
#define ATAU_FIT_SAMPLE_H

#include <adaptau/dataset.h>

/* The interactions of one user in `divisor`, drawn by seed and id alone, so that datasets of the same users keep the same ones.
 * Users are numbered anew, in their order; items keep their ids. */
adaptau_status atau_sample_users(adaptau_context *context, const adaptau_dataset *dataset, uint64_t seed, uint32_t divisor,
                                 adaptau_dataset **out, adaptau_error *error);

#endif
