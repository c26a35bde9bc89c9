/* SPDX-License-Identifier: MIT */
/* False positives put into training pairs (Sec. 5.3). An item counts as false when the user has it neither in train nor in
 * test. Which users and items it hits is a function of the seed, the user and the item alone. */
#ifndef ADAPTAU_REPRODUCE_NOISE_H
#define ADAPTAU_REPRODUCE_NOISE_H

#include <adaptau/dataset.h>

#define NOISE_NONE 0
#define NOISE_USERS 1 /* a share of users get false positives besides their own items; how many depends on their group */
#define NOISE_PAIRS 2 /* of every user's items a share is replaced by false positives */

#define N_NOISE_GROUPS 5 /* 0: clean users; g: users with g quarters of n_u false positives */

extern const char *const noise_names[]; /* "none", "users", "pairs" */

struct noise {
    int32_t kind;  /* NOISE_* */
    double  share; /* of users, or of a user's items */
};

#define NOISE_SEED 20

/* @param[out] noisy   the training pairs with noise in them
 *  @param[out] groups  [n] the noise group of each user; all 0 but for NOISE_USERS */
adaptau_status noise_add(const struct noise *noise, adaptau_context *context, const adaptau_dataset *train,
                         const adaptau_dataset *test, adaptau_dataset **noisy, int32_t *groups, adaptau_error *error);

#endif
