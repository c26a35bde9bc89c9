/* SPDX-License-Identifier: MIT */
/* A line with a bar on standard error that is redrawn, where that is a terminal and nobody wants quiet; nothing elsewhere. */
#ifndef EXAMPLES_COMMON_METER_H
#define EXAMPLES_COMMON_METER_H

#include <stdbool.h>

struct meter {
    bool   shown;
    double started;
    double drawn; /* when; 0: not yet */
};

void meter_begin(struct meter *meter, bool quiet);

/* Whether a line that was drawn a moment ago may stay. */
bool meter_is_fresh(const struct meter *meter);

/* "LABEL [####....]  TEXT  ETA 12 s", of a share of the work in [0, 1]; without ETA where that is not to be told by the share. */
void meter_draw(struct meter *meter, const char *label, double share, const char *text, bool tells_end);

/* Wipe the line. */
void meter_end(struct meter *meter);

#endif
