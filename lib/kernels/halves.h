/* SPDX-License-Identifier: MIT */
/* Rows that are kept in binary16 and read as float32. Whoever computes sees float32 alone: the same bits as of a table that was widened
 * as a whole before. */
#ifndef ATAU_HALVES_H
#define ATAU_HALVES_H

#include <stdbool.h>

#include "kernels/kernels.h"

struct atau_halves {
    const uint16_t *rows; /* [n x d] one behind the other; NULL: the rows are float32, and elsewhere              */
    bool            unit; /* rows belong on the unit sphere, which rounding has taken them off: they come back as they are read */
};

/* out[n x d] = rows first … first + n − 1. */
void atau_read_halves(const struct atau_kernels *kernels, const struct atau_halves *halves, int64_t dim, int64_t first, int64_t n,
                      float *out);

/* The first row with a number that is not finite; n where there is none. */
int64_t atau_find_bad_half(const uint16_t *rows, int64_t n, int64_t dim);

#endif
