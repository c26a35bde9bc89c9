/* SPDX-License-Identifier: MIT */
/* Numbers from text, all of it and nothing else. The programs never call setlocale, so a decimal point is a point. */
#ifndef EXAMPLES_COMMON_NUMBER_H
#define EXAMPLES_COMMON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole number in [least, most]; *out is written on success only. */
bool parse_whole(const char *text, int64_t least, int64_t most, int64_t *out);

/* A finite decimal number such as 4, -0.5 or 1e-3; no hexadecimal, "inf" or "nan". */
bool parse_decimal(const char *text, double *out);

/* The same in `length` bytes that need not end in NUL; with `comma` a decimal comma will do, too. */
bool read_number(const char *text, size_t length, bool comma, double *out);

/* Seconds since 1970: a number as it stands, or a date "2016-01-31", "2016-01-31 12:30:05", "2016-01-31T12:30:05.5Z" in UTC. */
bool read_time(const char *text, size_t length, bool comma, double *out);

#endif
