/* SPDX-License-Identifier: MIT */
/* NumPy's file format, version 1.0, for one matrix. */
#ifndef ATAU_NPY_H
#define ATAU_NPY_H

#include <adaptau/base.h>

/* Write [rows x columns] float32 in C order, atomically (atomic_file.h). `stride`: floats from one row to the next.
 * @return E_IO. */
adaptau_status atau_npy_write(const char *path, int64_t rows, int64_t columns, const float *data, int64_t stride,
                              adaptau_error *error);

#endif
