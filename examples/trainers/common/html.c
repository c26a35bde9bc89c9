/* SPDX-License-Identifier: MIT */
#include "common/html.h"

#include <math.h>

void html_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

/* Colours are those of Okabe and Ito, which colour-blind readers can tell apart. */
static const char style[] =
    ":root { color-scheme: light dark; --ink: #1c1c1c; --quiet: #5c5c5c; --line: #d9d9d9; --paper: #ffffff; --band: #f5f5f5;"
    " --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #cc79a7 }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --quiet: #a8a8a8; --line: #444444; --paper: #161616;"
    " --band: #222222; --s0: #56b4e9; --s1: #e69f00; --s2: #2fc596; --s3: #e39bc4 } }\n"
    "* { box-sizing: border-box }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 70em; margin: 1.5em auto;"
    " padding: 0 1em; overflow-wrap: anywhere }\n"
    "h1 { font-size: 1.5em; line-height: 1.25 } h2 { font-size: 1.2em; margin: 2em 0 .6em; border-bottom: 1px solid var(--line) }\n"
    "h3 { font-size: 1em; margin: 0 0 .3em }\n"
    ".note { color: var(--quiet); font-size: .9em; margin: .4em 0 }\n"
    "code { font: .85em/1.5 ui-monospace, monospace }\n"
    ".wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92em }\n"
    "th, td { padding: .25em .7em; text-align: right; white-space: nowrap } th:first-child, td:first-child { text-align: left;"
    " padding-left: 0 }\n"
    "thead th { border-bottom: 2px solid var(--line); color: var(--quiet); font-weight: 600 }"
    " tbody tr + tr td { border-top: 1px solid var(--line) }\n"
    ".grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20em), 1fr)); gap: 1.5em 2em }\n"
    "figure { margin: 0 } figcaption { font-weight: 600; font-size: .92em } figcaption span { font-weight: 400; margin-left: .8em }\n"
    "svg { width: 100%; height: auto; display: block } svg text { font: 11px system-ui, sans-serif; fill: var(--quiet) }\n"
    "svg .rule { stroke: var(--line) } svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round }\n"
    ".s0 { stroke: var(--s0); fill: var(--s0); color: var(--s0) } .s1 { stroke: var(--s1); fill: var(--s1); color: var(--s1) }\n"
    ".s2 { stroke: var(--s2); fill: var(--s2); color: var(--s2) } .s3 { stroke: var(--s3); fill: var(--s3); color: var(--s3) }\n"
    ".card { border: 1px solid var(--line); border-radius: 6px; padding: .8em 1em } ol, ul { margin: .2em 0; padding-left: 1.6em }\n"
    ".hit { color: var(--s2); font-weight: 600 } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1em;"
    " margin: 0 } dt { color: var(--quiet) } dd { margin: 0 }\n"
    ".bar { display: inline-block; height: .7em; background: var(--s0); border-radius: 2px; vertical-align: baseline }\n"
    "@media (max-width: 30em) { .room { display: none } th, td { padding: .25em .4em } dl { grid-template-columns: 1fr } "
    "dt { margin-top: .4em } body { font-size: 15px } }\n"
    "@media print { body { max-width: none; margin: 0; font-size: 11px } figure, .card { break-inside: avoid } }\n";

void html_begin(FILE *out, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>", out);
    html_text(out, title);
    fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
    html_text(out, title);
    fputs("</h1>\n", out);
}

void html_end(FILE *out)
{
    fputs("</body>\n</html>\n", out);
}

/* ---- charts -------------------------------------------------------------------------------------------------------- */

#define WIDTH 360
#define HEIGHT 220
#define LEFT 48
#define RIGHT 12
#define TOP 10
#define BOTTOM 36
#define POINTS_MAX 500 /* of a curve: the picture has no more columns */

struct range {
    double low, high;
};

static bool is_drawn(const struct html_chart *chart, double x, double y)
{
    return isfinite(x) && isfinite(y) && (!chart->log_x || x > 0);
}

static double scale_x(const struct html_chart *chart, double x)
{
    return chart->log_x ? log(x) : x;
}

static int64_t find_ranges(const struct html_chart *chart, struct range *x, struct range *y)
{
    int64_t n = 0;
    *x = *y = (struct range){HUGE_VAL, -HUGE_VAL};
    for (int s = 0; s < chart->n_series; s++)
        for (int64_t i = 0; i < chart->series[s].n; i++) {
            const double at = chart->series[s].x[i], value = chart->series[s].y[i];
            if (!is_drawn(chart, at, value))
                continue;
            n++;
            x->low = fmin(x->low, scale_x(chart, at));
            x->high = fmax(x->high, scale_x(chart, at));
            y->low = fmin(y->low, value);
            y->high = fmax(y->high, value);
        }
    return n;
}

/* 1, 2 or 5 times a power of ten: about four of them in the range. */
static double find_tick(const struct range *range)
{
    const double rough = (range->high - range->low) / 4, power = pow(10, floor(log10(rough))), share = rough / power;
    return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

static void widen(struct range *range)
{
    const double by = range->high > range->low ? 0.04 * (range->high - range->low) : fmax(fabs(range->low) * 0.05, 1e-6);
    range->low -= by;
    range->high += by;
}

static double place_x(double x, const struct range *range)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (x - range->low) / (range->high - range->low);
}

static double place_y(double y, const struct range *range)
{
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - range->low) / (range->high - range->low);
}

static void draw_y_axis(FILE *out, const struct range *range)
{
    const double step = find_tick(range);
    for (double at = ceil(range->low / step) * step; at <= range->high; at += step) {
        const double y = place_y(at, range);
        fprintf(out, "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
                LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, fabs(at) < step * 1e-6 ? 0 : at);
    }
}

static void draw_x_tick(FILE *out, double x, double value)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.4g</text>\n", x, HEIGHT - BOTTOM + 16, value);
}

/* Two digits. */
static double rounded(double value)
{
    const double power = pow(10, floor(log10(value)) - 1);
    return floor(value / power + 0.5) * power;
}

/* A logarithmic axis has values of two digits at about equal distances. */
static void draw_x_axis(FILE *out, const struct html_chart *chart, const struct range *range)
{
    if (!chart->log_x) {
        const double step = fmax(find_tick(range), 1);
        for (double at = ceil(range->low / step) * step; at <= range->high; at += step)
            draw_x_tick(out, place_x(at, range), fabs(at) < step * 1e-6 ? 0 : at);
    }
    for (int i = 0; i <= 4 && chart->log_x; i++) {
        const double value = rounded(exp(range->low + (range->high - range->low) * (0.06 + 0.22 * i)));
        if (value > exp(range->low) && value < exp(range->high))
            draw_x_tick(out, place_x(log(value), range), value);
    }
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4);
    html_text(out, chart->x_label);
    fputs("</text>\n", out);
}

static void draw_series(FILE *out, const struct html_chart *chart, int s, const struct range *range_x, const struct range *range_y)
{
    const struct html_series *series = &chart->series[s];
    const int64_t             step = series->points ? 1 : (series->n + POINTS_MAX - 1) / POINTS_MAX;
    if (!series->points)
        fprintf(out, "<polyline class=\"curve s%d\" style=\"fill:none\" points=\"", s);
    for (int64_t i = 0; i < series->n; i += i + step < series->n || i + 1 == series->n ? step : series->n - 1 - i) {
        if (!is_drawn(chart, series->x[i], series->y[i]))
            continue;
        const double x = place_x(scale_x(chart, series->x[i]), range_x), y = place_y(series->y[i], range_y);
        if (series->points)
            fprintf(out, "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%.4g: %.4g</title></circle>\n", s, x, y,
                    series->x[i], series->y[i]);
        else
            fprintf(out, "%.1f,%.1f ", x, y);
    }
    if (!series->points)
        fputs("\"/>\n", out);
}

void html_chart(FILE *out, const struct html_chart *chart)
{
    struct range x, y;
    if (find_ranges(chart, &x, &y) == 0)
        return;
    widen(&x);
    widen(&y);
    fputs("<figure><figcaption>", out);
    html_text(out, chart->title);
    for (int s = 0; s < chart->n_series && chart->n_series > 1; s++) {
        fprintf(out, "<span class=\"s%d\">&#9632; ", s);
        html_text(out, chart->series[s].title);
        fputs("</span>", out);
    }
    fprintf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\">\n", WIDTH, HEIGHT);
    draw_y_axis(out, &y);
    draw_x_axis(out, chart, &x);
    for (int s = 0; s < chart->n_series; s++)
        draw_series(out, chart, s, &x, &y);
    fputs("</svg></figure>\n", out);
}
