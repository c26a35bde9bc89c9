/* SPDX-License-Identifier: MIT */
#include "common/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool parse_whole(const char *text, int64_t least, int64_t most, int64_t *out)
{
    const char *digits = *text == '-' ? text + 1 : text;
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno || value < least || value > most)
        return false;
    *out = value;
    return true;
}

bool parse_decimal(const char *text, double *out)
{
    if (*text == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
        return false;
    char  *end;
    double value = strtod(text, &end);
    if (*end != '\0' || end == text || !isfinite(value))
        return false;
    *out = value;
    return true;
}
