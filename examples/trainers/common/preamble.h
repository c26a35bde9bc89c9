/* SPDX-License-Identifier: MIT */
/* What stands before the first line of data: comments, as SNAP ("#") and KONECT ("%") write them, and the head of a Matrix
 * Market file. */
#ifndef EXAMPLES_COMMON_PREAMBLE_H
#define EXAMPLES_COMMON_PREAMBLE_H

#include <stdint.h>

#include "common/bytes.h"

struct preamble {
    int64_t n_comments; /* lines that were left out                                                          */
    bool    matrix;     /* Matrix Market: "row column" or "row column value" per line, from 1                */
    int64_t n_entries;  /* that its head promises                                                            */
};

/* Take it from what bytes_sample read. A line that begins with "#" or "%" is a comment unless a tab, comma, semicolon or bar
 * cuts it into as many fields as the first line that does not begin so: then it is a header, or a name that begins so.
 * E_FORMAT for a Matrix Market file that holds no sparse, real, general matrix. */
adaptau_status preamble_take(struct bytes *bytes, struct preamble *preamble, adaptau_error *error);

#endif
