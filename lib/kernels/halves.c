/* SPDX-License-Identifier: MIT */
#include "kernels/halves.h"

#include "common/half.h"
#include "kernels/rows.h"

void atau_read_halves(const struct atau_kernels *kernels, const struct atau_halves *halves, int64_t dim, int64_t first, int64_t n,
                      float *out)
{
    kernels->widen(n * dim, halves->rows + first * dim, out);
    for (int64_t r = 0; r < n && halves->unit; r++)
        atau_unit_row(kernels, dim, out + r * dim, out + r * dim);
}

int64_t atau_find_bad_half(const uint16_t *rows, int64_t n, int64_t dim)
{
    for (int64_t r = 0; r < n; r++) {
        unsigned bad = 0;
        for (int64_t k = 0; k < dim; k++)
            bad |= !atau_half_is_finite(rows[r * dim + k]);
        if (bad)
            return r;
    }
    return n;
}
