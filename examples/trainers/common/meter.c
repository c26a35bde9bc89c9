/* SPDX-License-Identifier: MIT */
#include "common/meter.h"

#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

#define BAR_WIDTH 16
#define LINE_WIDTH 79 /* a longer line would wrap on a narrow terminal, and could not be redrawn */
#define DRAW_SECONDS 0.1

void meter_begin(struct meter *meter, bool quiet)
{
    *meter = (struct meter){.shown = !quiet && isatty(STDERR_FILENO) == 1, .started = clock_now()};
}

bool meter_is_fresh(const struct meter *meter)
{
    return !meter->shown || clock_now() - meter->drawn < DRAW_SECONDS;
}

void meter_draw(struct meter *meter, const char *label, double share, const char *text, bool tells_end)
{
    char         bar[BAR_WIDTH + 1], left[32] = "?", end[40] = "", line[192];
    const int    full = (int)(share * BAR_WIDTH);
    const double now = clock_now();
    if (!meter->shown)
        return;
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    if (share > 0)
        clock_text((now - meter->started) * (1 - share) / share, left, sizeof left);
    if (tells_end)
        snprintf(end, sizeof end, "  ETA %s", left);
    snprintf(line, sizeof line, "%s [%s]  %s%s", label, bar, text, end);
    fprintf(stderr, "\r%-*.*s", LINE_WIDTH, LINE_WIDTH, line);
    fflush(stderr);
    meter->drawn = now;
}

void meter_end(struct meter *meter)
{
    if (meter->shown && meter->drawn > 0)
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
    meter->drawn = 0;
}
