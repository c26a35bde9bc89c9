/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/plot.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adaptau-reproduce/table.h"
#include "common/draft.h"
#include "common/fail.h"

#define PATH_MAX_BYTES 4096
#define MARK_COLOUR "linecolor rgb \"#555555\""
#define TITLE_COLUMNS 72 /* of 12 points in 720 pixels, with room for wide letters */
#define N_COLOURS 8 /* that gnuplot has before it begins again */

void plot_open(struct plot *plot, const char *name, const char *title, const char *x_label, const char *y_label)
{
    memset(plot, 0, sizeof *plot);
    snprintf(plot->name, sizeof plot->name, "%s", name);
    snprintf(plot->title, sizeof plot->title, "%s", title);
    snprintf(plot->x_label, sizeof plot->x_label, "%s", x_label);
    snprintf(plot->y_label, sizeof plot->y_label, "%s", y_label);
}

void plot_close(struct plot *plot)
{
    for (int i = 0; i < plot->n_curves; i++) {
        free(plot->curves[i].x);
        free(plot->curves[i].y);
    }
    memset(plot, 0, sizeof *plot);
}

void plot_curve(struct plot *plot, const char *format, ...)
{
    if (plot->n_curves == PLOT_CURVES_MAX) {
        plot->failed = true;
        return;
    }
    struct curve *curve = &plot->curves[plot->n_curves++];
    va_list       arguments;
    va_start(arguments, format);
    vsnprintf(curve->title, sizeof curve->title, format, arguments);
    va_end(arguments);
}

static bool grow(struct curve *curve)
{
    int64_t capacity = curve->capacity ? 2 * curve->capacity : 32;
    double *x = realloc(curve->x, (size_t)capacity * sizeof *x);
    if (x)
        curve->x = x;
    double *y = realloc(curve->y, (size_t)capacity * sizeof *y);
    if (y)
        curve->y = y;
    if (x && y)
        curve->capacity = capacity;
    return x && y;
}

void plot_point(struct plot *plot, double x, double y)
{
    if (plot->failed || plot->n_curves == 0 || !isfinite(x) || !isfinite(y))
        return;
    struct curve *curve = &plot->curves[plot->n_curves - 1];
    if (curve->count == curve->capacity && !grow(curve)) {
        plot->failed = true;
        return;
    }
    curve->x[curve->count] = x;
    curve->y[curve->count++] = y;
}

void plot_mark(struct plot *plot, double x, const char *title)
{
    if (plot->n_marks == PLOT_MARKS_MAX || !isfinite(x))
        return;
    struct mark *mark = &plot->marks[plot->n_marks++];
    mark->x = x;
    snprintf(mark->title, sizeof mark->title, "%s", title);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static adaptau_status write_numbers(const struct plot *plot, const char *folder, adaptau_error *error)
{
    char         path[PATH_MAX_BYTES];
    struct draft draft;
    snprintf(path, sizeof path, "%s/%s.tsv", folder, plot->name);
    adaptau_status status = draft_open(&draft, path, error);
    if (status)
        return status;
    fputs("curve\tx\ty\n", draft.file);
    bool first = true;
    for (int i = 0; i < plot->n_curves; i++) {
        const struct curve *curve = &plot->curves[i];
        if (curve->count > 0 && !first)
            fputs("\n\n", draft.file); /* the next data set of gnuplot */
        first = first && curve->count == 0;
        for (int64_t k = 0; k < curve->count; k++)
            fprintf(draft.file, "%s\t%.9g\t%.9g\n", curve->title, curve->x[k], curve->y[k]);
    }
    return draft_commit(&draft, error);
}

/* In double quotes, for gnuplot; titles are ours. */
static void quote(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', out);
        if (*text == '\n')
            fputs("\\n", out);
        else
            putc(*text, out);
    }
    putc('"', out);
}

/* A title in lines that fit the picture's width; in double quotes gnuplot takes \n for a line break. */
static void put_title(FILE *out, const char *title)
{
    char   wrapped[2 * sizeof((struct plot *)0)->title];
    size_t used = 0, column = 0;
    for (const char *word = title; *word;) {
        const size_t length = strcspn(word, " ");
        if (column > 0 && column + 1 + length > TITLE_COLUMNS) {
            wrapped[used++] = '\n';
            column = 0;
        } else if (column > 0) {
            wrapped[used++] = ' ';
            column++;
        }
        memcpy(wrapped + used, word, length);
        used += length;
        column += length;
        word += length + strspn(word + length, " ");
    }
    wrapped[used] = '\0';
    fputs("set title ", out);
    quote(out, wrapped);
    putc('\n', out);
}

static void put_setting(FILE *out, const char *setting, const char *text)
{
    fprintf(out, "set %s ", setting);
    quote(out, text);
    putc('\n', out);
}

static void write_marks(const struct plot *plot, FILE *out)
{
    for (int i = 0; i < plot->n_marks; i++) {
        double x = plot->marks[i].x;
        fprintf(out, "set arrow from %.9g, graph 0 to %.9g, graph 1 nohead dashtype %d " MARK_COLOUR "\n", x, x, 2 + i);
    }
}

static bool has_points(const struct plot *plot)
{
    for (int i = 0; i < plot->n_curves; i++)
        if (plot->curves[i].count > 0)
            return true;
    return false;
}

static void write_curves(const struct plot *plot, FILE *out)
{
    static const char *const styles[] = {"lines linewidth 2", "linespoints linewidth 2 pointtype 7 pointsize 0.6",
                                         "histeps linewidth 2"};
    bool                     first = true;
    int                      index = 0;
    for (int i = 0; i < plot->n_curves; i++) {
        if (plot->curves[i].count == 0)
            continue;
        fputs(first ? "plot " : ", \\\n     ", out);
        fprintf(out, "\"%s.tsv\" index %d skip 1 using 2:3 with %s dashtype %d title ", plot->name, index, styles[plot->style],
                1 + index / N_COLOURS);
        index++;
        quote(out, plot->curves[i].title);
        first = false;
    }
    for (int i = 0; i < plot->n_marks && !first; i++) { /* nothing but the line of the key */
        fprintf(out, ", \\\n     NaN with lines dashtype %d " MARK_COLOUR " title ", 2 + i);
        quote(out, plot->marks[i].title);
    }
    putc('\n', out);
}

static adaptau_status write_script(const struct plot *plot, const char *folder, adaptau_error *error)
{
    char         path[PATH_MAX_BYTES];
    struct draft draft;
    snprintf(path, sizeof path, "%s/%s.gp", folder, plot->name);
    adaptau_status status = draft_open(&draft, path, error);
    if (status)
        return status;
    FILE *out = draft.file;
    fprintf(out, "# gnuplot %s.gp, in this folder, draws %s.svg\n", plot->name, plot->name);
    fprintf(out, "set terminal svg size 720, 440 dynamic noenhanced font \"sans-serif,12\" background \"white\"\n");
    fprintf(out, "set encoding utf8\n");
    fprintf(out, "set output \"%s.svg\"\n", plot->name);
    fprintf(out, "set datafile separator tab\n");
    put_title(out, plot->title);
    put_setting(out, "xlabel", plot->x_label);
    put_setting(out, "ylabel", plot->y_label);
    fprintf(out, "set key outside below\nset grid linecolor rgb \"#dddddd\"\nset border 3\nset tics nomirror\n");
    if (plot->log_x)
        fprintf(out, "set logscale x\nset xtics (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1)\n");
    write_marks(plot, out);
    write_curves(plot, out);
    return draft_commit(&draft, error);
}

adaptau_status plot_write(const struct plot *plot, const char *folder, adaptau_error *error)
{
    adaptau_status status = write_numbers(plot, folder, error);
    return status ? status : write_script(plot, folder, error);
}

/* ---- the picture -------------------------------------------------------------------------------------------------- */

/* In the child: never returns. */
static void become_gnuplot(const char *folder, const char *script)
{
    int nowhere = open("/dev/null", O_RDWR);
    if (nowhere >= 0) {
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    if (chdir(folder) == 0)
        execlp("gnuplot", "gnuplot", script, (char *)NULL);
    _exit(127);
}

bool plot_draw(const struct plot *plot, const char *folder)
{
    char script[80];
    int  outcome = 0;
    if (!has_points(plot))
        return false;
    snprintf(script, sizeof script, "%s.gp", plot->name);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        become_gnuplot(folder, script);
    return child > 0 && waitpid(child, &outcome, 0) == child && WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0;
}

/* The file from its <svg> on: what stands before is for files of their own. */
static bool copy_svg(const char *path, FILE *out)
{
    char  line[4096];
    bool  inside = false;
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        inside = inside || strncmp(line, "<svg", 4) == 0;
        if (inside)
            fputs(line, out);
    }
    fclose(file);
    return inside;
}

void plot_html(const struct plot *plot, const char *folder, bool drawn, FILE *out)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s/%s.svg", folder, plot->name);
    fprintf(out, "<figure id=\"%s\">\n", plot->name);
    if (!drawn || !copy_svg(path, out)) {
        fputs("<p class=\"note\">", out);
        html_text(out, plot->title);
        fprintf(out, ": not drawn; its numbers are in %s.tsv.</p>\n", plot->name);
    }
    fputs("</figure>\n", out);
}
