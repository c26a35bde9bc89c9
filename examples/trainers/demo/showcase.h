/* SPDX-License-Identifier: MIT */
/* A few packages: what they depend on, and what a model expects besides. */
#ifndef ADAPTAU_DEMO_SHOWCASE_H
#define ADAPTAU_DEMO_SHOWCASE_H

#include <adaptau/adaptau.h>

#include "common/names.h"

struct showcase {
    const adaptau_model   *model;
    const adaptau_dataset *train, *test;
    const struct names    *users, *items;
};

/* Print a paragraph for each name that the data know; returns how many. */
adaptau_status show_packages(const struct showcase *showcase, const char *const *names, int n_names, adaptau_error *error);

#endif
