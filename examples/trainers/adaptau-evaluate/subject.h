/* SPDX-License-Identifier: MIT */
/* What is measured: a ranked list for each user who has test pairs, by a model or from a file. */
#ifndef ADAPTAU_EVALUATE_SUBJECT_H
#define ADAPTAU_EVALUATE_SUBJECT_H

#include "adaptau-evaluate/truth.h"

#define SUBJECT_SEEN_SIZE 320

/* All zero is none. */
struct subject {
    const char *path;
    bool        is_model;
    char        seen[SUBJECT_SEEN_SIZE]; /* "model: 943 users, ...", "recommendations: comma, header, ..." */
    int32_t     k;                 /* items in the longest list that is looked at */
    int32_t    *items;             /* [truth->n x k] best first; -1 behind the last one */
    int32_t     n_missing;         /* users with test pairs and without a list */
    int64_t     n_other_users;     /* entries of users without test pairs */
    int64_t     n_known;           /* entries left out because the user had the item before */
    int64_t     n_repeated;        /* entries left out because the list has them already */
    int64_t     n_strangers;       /* entries whose items the data do not have */
};

/* Items that are new to `truth` get names there. On failure *subject is empty. */
adaptau_status subject_open(struct subject *subject, struct truth *truth, const char *path, const struct settings *settings,
                            adaptau_error *error);

void subject_close(struct subject *subject);

/* A list's items, from the best. Returns how many, at most k. */
int32_t subject_list(const struct subject *subject, int32_t place, const int32_t **items);

/* ---- how lists are filled ------------------------------------------------------------------------------------------ */

adaptau_status subject_allocate(struct subject *subject, const struct truth *truth, int32_t k, adaptau_error *error);

/* By the model in subject->path. */
adaptau_status rank_by_model(struct subject *subject, struct truth *truth, const struct settings *settings, adaptau_error *error);

/* From the text in subject->path. */
adaptau_status read_recommendations(struct subject *subject, struct truth *truth, const struct settings *settings,
                                    adaptau_error *error);

#endif
