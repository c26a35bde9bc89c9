/* SPDX-License-Identifier: MIT */
/* Pages that stand alone: one file with its style and its pictures in it, no script, light or dark as the reader has it, from a
 * telephone's width on. */
#ifndef EXAMPLES_COMMON_HTML_H
#define EXAMPLES_COMMON_HTML_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

/* Text with &, <, > and quotes as entities, and control characters as blanks. */
void html_text(FILE *out, const char *text);

/* A curve: points that are not finite are left out. */
struct html_series {
    const char   *title;
    int64_t       n;
    const double *x, *y;
    bool          points; /* instead of a line */
};

#define HTML_SERIES_MAX 4 /* that have colours */

struct html_chart {
    const char        *title, *x_label;
    bool               log_x;
    int                n_series;
    struct html_series series[HTML_SERIES_MAX];
};

/* A figure; nothing where no point can be drawn. */
void html_chart(FILE *out, const struct html_chart *chart);

#endif
