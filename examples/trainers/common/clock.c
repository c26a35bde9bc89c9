/* SPDX-License-Identifier: MIT */
#include "common/clock.h"

#include <stdio.h>

#include "common/system.h"

double clock_now(void)
{
    return system_clock();
}

void clock_text(double seconds, char *out, size_t size)
{
    long long s = (long long)(seconds + 0.5);
    if (s < 60)
        snprintf(out, size, "%lld s", s);
    else if (s < 3600)
        snprintf(out, size, "%lld min %02lld s", s / 60, s % 60);
    else
        snprintf(out, size, "%lld h %02lld min", s / 3600, s / 60 % 60);
}
