/* SPDX-License-Identifier: MIT */
/* One row to the unit sphere, whatever its length. */
#ifndef ATAU_ROWS_H
#define ATAU_ROWS_H

#include "kernels/kernels.h"

/* out = in/‖in‖, in place when in == out; answers ‖in‖ (FLT_MAX where it is beyond float32). Correct for all finite rows:
 * squares that overflow or underflow are added in double. A zero row gives 0 and zeros; a row with a NaN or an infinity gives
 * NaN and NaNs, so that whatever is computed from it shows. */
float atau_unit_row(const struct atau_kernels *kernels, int64_t dim, const float *in, float *out);

/* unit · row/‖row‖ without forming the unit row, for the same rows; and 1/‖row‖, 0 for a zero row. */
float atau_cosine(const struct atau_kernels *kernels, int64_t dim, const float *unit, const float *row, float *inverse_norm);

#endif
