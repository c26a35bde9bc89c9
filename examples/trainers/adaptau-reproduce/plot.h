/* SPDX-License-Identifier: MIT */
/* A picture of curves: its numbers as TSV, a gnuplot script beside them, and an SVG where gnuplot is installed. */
#ifndef ADAPTAU_REPRODUCE_PLOT_H
#define ADAPTAU_REPRODUCE_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <adaptau/base.h>

#include "common/printf.h"

#define PLOT_CURVES_MAX 24
#define PLOT_MARKS_MAX 8

#define PLOT_LINES 0
#define PLOT_POINTS 1 /* joined by a line */
#define PLOT_STEPS 2  /* of a histogram: x is the middle of a bin */

struct curve {
    char    title[48];
    int64_t count, capacity;
    double *x, *y;
};

/* A vertical line. */
struct mark {
    double x;
    char   title[48];
};

struct plot {
    char         name[64]; /* of its files: "fig2-gowalla" */
    char         title[160];
    char         x_label[80], y_label[80];
    int          style; /* PLOT_* */
    bool         log_x;
    int          n_curves, n_marks;
    struct curve curves[PLOT_CURVES_MAX];
    struct mark  marks[PLOT_MARKS_MAX];
    bool         failed; /* out of memory: the plot is not whole */
};

void plot_open(struct plot *plot, const char *name, const char *title, const char *x_label, const char *y_label);
void plot_close(struct plot *plot);

/* Begin a curve, and add a point to it; points that are not finite are left out. */
void plot_curve(struct plot *plot, const char *format, ...) PRINTF_LIKE(2, 3);
void plot_point(struct plot *plot, double x, double y);
void plot_mark(struct plot *plot, double x, const char *title);

/* FOLDER/NAME.tsv, with columns curve, x and y and two blank lines between curves, and FOLDER/NAME.gp. */
adaptau_status plot_write(const struct plot *plot, const char *folder, adaptau_error *error);

/* Let gnuplot make FOLDER/NAME.svg. False where there is no gnuplot, or it failed. */
bool plot_draw(const struct plot *plot, const char *folder);

/* The picture as part of a page, or a line that says why there is none. */
void plot_html(const struct plot *plot, const char *folder, bool drawn, FILE *out);

#endif
