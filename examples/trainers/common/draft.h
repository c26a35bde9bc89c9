/* SPDX-License-Identifier: MIT */
/* A text file that appears whole or not at all: it is written beside its place, synced, and renamed. Its place is what target.h
 * says of the path. */
#ifndef EXAMPLES_COMMON_DRAFT_H
#define EXAMPLES_COMMON_DRAFT_H

#include <stdio.h>

#include <adaptau/base.h>

struct draft {
    FILE       *file;    /* to be written to */
    const char *path;    /* for messages; must outlive the draft */
    char       *target;  /* where it will be */
    char       *written; /* where it is until then */
};

/* On failure nothing is left behind. */
adaptau_status draft_open(struct draft *draft, const char *path, adaptau_error *error);

/* Put it in its place. Any write to `file` that failed since draft_open is found here; then the old file, if there is one, is
 * still the old one. The folder is not synced. Either way the draft is over. */
adaptau_status draft_commit(struct draft *draft, adaptau_error *error);

/* Give it up. Fine after draft_commit, and for a draft of zeros. */
void draft_discard(struct draft *draft);

#endif
