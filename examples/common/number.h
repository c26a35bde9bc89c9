/* SPDX-License-Identifier: MIT */
/* Numbers from text, all of it and nothing else. The programs never call setlocale, so a decimal point is a point. */
#ifndef EXAMPLES_COMMON_NUMBER_H
#define EXAMPLES_COMMON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A whole number in [least, most]; *out is written on success only. */
bool parse_whole(const char *text, int64_t least, int64_t most, int64_t *out);

/* A finite decimal number such as 4, -0.5 or 1e-3; no hexadecimal, "inf" or "nan". */
bool parse_decimal(const char *text, double *out);

#endif
