/* SPDX-License-Identifier: MIT */
/* https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: a magic string, the version, the header's length as
 * two bytes, and a Python literal that spaces and a newline pad so that the data start at a multiple of 64. */
#include "files/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "files/atomic_file.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the data are declared as little-endian: say '>f4' here for another machine"
#endif

#define PREFIX_SIZE 10
#define HEADER_SIZE 128 /* two numbers of at most 19 digits fit                                               */

adaptau_status atau_npy_write(const char *path, int64_t rows, int64_t columns, const float *data, int64_t stride,
                              adaptau_error *error)
{
    struct atau_atomic_file file;
    char                    header[HEADER_SIZE + 1];
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", PREFIX_SIZE); /* 0x76 = 128 − 10                              */
    int length = snprintf(header + PREFIX_SIZE, sizeof header - PREFIX_SIZE,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }", rows, columns);
    memset(header + PREFIX_SIZE + length, ' ', (size_t)(HEADER_SIZE - PREFIX_SIZE - length));
    header[HEADER_SIZE - 1] = '\n';

    adaptau_status status = atau_atomic_file_open(&file, path, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_atomic_file_write(&file, header, HEADER_SIZE, error);
    if (status == ADAPTAU_OK)
        status = atau_atomic_file_write_rows(&file, rows, (size_t)columns * sizeof *data, data, (size_t)stride * sizeof *data,
                                             error);
    return atau_atomic_file_close(&file, status, error);
}
