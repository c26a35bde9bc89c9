/* SPDX-License-Identifier: MIT */
/* All that is known at the end. */
#ifndef ADAPTAU_EVALUATE_RESULT_H
#define ADAPTAU_EVALUATE_RESULT_H

#include "adaptau-evaluate/bootstrap.h"
#include "adaptau-evaluate/metrics.h"

#define WIDTH_MAX (ADAPTAU_N_METRICS * CUTOFFS_MAX)

/* A subject, measured. */
struct measured {
    struct subject  subject;
    struct metrics  metrics;
    struct beyond   beyond;
    struct interval intervals[WIDTH_MAX]; /* where there are resamples */
};

/* The first subject less the second one, user by user. */
struct difference {
    double          means[WIDTH_MAX];
    struct interval intervals[WIDTH_MAX];
    double          p[WIDTH_MAX];
    int32_t         better[WIDTH_MAX], worse[WIDTH_MAX]; /* users for whom the first one's value is higher, and lower */
};

struct result {
    const struct settings *settings;
    struct truth           truth;
    int32_t                n_subjects;
    struct measured        measured[2];
    struct difference      difference;
    int32_t                n_users; /* counted */
    int32_t               *places;  /* [n_users] theirs */
};

/* For people, and for programs: one object and a newline. */
void report_table(const struct result *result);
void report_json(const struct result *result);

/* Every user's metrics as a table in settings->per_user, which is replaced. */
adaptau_status report_users(const struct result *result, adaptau_error *error);

#endif
