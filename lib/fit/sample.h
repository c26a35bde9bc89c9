/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_SAMPLE_H
#define ATAU_FIT_SAMPLE_H

#include <adaptau/dataset.h>

#include <stdbool.h>

/* The interactions of one user in `divisor`, drawn by seed and id alone, so that datasets of the same users keep the same ones.
 * Users are numbered anew, in their order, and keep their logged negatives; items keep their ids. */
adaptau_status atau_sample_users(adaptau_context *context, const adaptau_dataset *dataset, uint64_t seed, uint32_t divisor,
                                 adaptau_dataset **out, adaptau_error *error);

/* Whether what is held out has an interaction that the dataset has not: others are never ranked, and judge nothing. Of the same
 * size. */
bool atau_has_others(const adaptau_dataset *held_out, const adaptau_dataset *dataset);

#endif
