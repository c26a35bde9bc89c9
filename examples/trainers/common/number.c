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

/* Up to 15 digits and as many behind the point are exact in two doubles; anything else is strtod's. */
static bool read_short(const char *text, size_t length, bool comma, double *out)
{
    static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool                negative = length > 0 && text[0] == '-';
    int64_t             value = 0;
    size_t              digits = 0, point = 0;
    bool                pointed = false;
    for (size_t i = negative; i < length; i++) {
        if (text[i] >= '0' && text[i] <= '9' && digits < 15) {
            value = value * 10 + (text[i] - '0');
            digits++;
            point += pointed;
        } else if ((text[i] == '.' || (comma && text[i] == ',')) && !pointed)
            pointed = true;
        else
            return false;
    }
    if (digits == 0)
        return false;
    *out = (double)(negative ? -value : value) / tens[point];
    return true;
}

bool read_number(const char *text, size_t length, bool comma, double *out)
{
    char copy[64];
    if (read_short(text, length, comma, out))
        return true;
    if (length == 0 || length >= sizeof copy || memchr(text, '\0', length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *point = comma ? strchr(copy, ',') : NULL;
    if (point)
        *point = '.';
    return parse_decimal(copy, out);
}

/* ---- dates ---------------------------------------------------------------------------------------------------------- */

/* Days from 1970-01-01, in the Gregorian calendar: years begin in March, so that the leap day is the last. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* `n` digits at text[*at], and the separator behind them if there is one. */
static bool take_digits(const char *text, size_t length, size_t *at, int n, int *value)
{
    *value = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (*at >= length || text[*at] < '0' || text[*at] > '9')
            return false;
        *value = *value * 10 + (text[*at] - '0');
    }
    return true;
}

static bool take_one(const char *text, size_t length, size_t *at, const char *allowed)
{
    if (*at >= length || !strchr(allowed, text[*at]) || text[*at] == '\0')
        return false;
    ++*at;
    return true;
}

bool read_time(const char *text, size_t length, bool comma, double *out)
{
    if (read_number(text, length, comma, out))
        return true;
    int    year, month, day, hour = 0, minute = 0, second = 0;
    double fraction = 0;
    size_t at = 0;
    if (!take_digits(text, length, &at, 4, &year) || !take_one(text, length, &at, "-/") ||
        !take_digits(text, length, &at, 2, &month) || !take_one(text, length, &at, "-/") ||
        !take_digits(text, length, &at, 2, &day) || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    if (at < length && (!take_one(text, length, &at, " T") || !take_digits(text, length, &at, 2, &hour) ||
                        !take_one(text, length, &at, ":") || !take_digits(text, length, &at, 2, &minute)))
        return false;
    if (take_one(text, length, &at, ":") && !take_digits(text, length, &at, 2, &second))
        return false;
    if (take_one(text, length, &at, ".")) {
        double unit = 0.1;
        for (; at < length && text[at] >= '0' && text[at] <= '9'; at++, unit /= 10)
            fraction += unit * (text[at] - '0');
    }
    take_one(text, length, &at, "Z");
    if (length - at == 4 && memcmp(text + at, " UTC", 4) == 0)
        at = length;
    *out = (double)(days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) + fraction;
    return at == length && hour < 24 && minute < 60 && second < 61;
}
