/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/study.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adaptau-reproduce/progress.h"
#include "common/draft.h"
#include "common/fail.h"
#include "common/stop.h"

#define TEXT_MAX 1024

/* ---- life --------------------------------------------------------------------------------------------------------- */

static adaptau_status make_folder(const char *path, adaptau_error *error)
{
    struct stat about;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &about) == 0 && S_ISDIR(about.st_mode)))
        return ADAPTAU_OK;
    return fail_os(error, errno, "%s", shown_path(path));
}

static adaptau_status make_folders(struct study *study, adaptau_error *error)
{
    const char    *out = study->settings->out;
    size_t         size = strlen(out) + sizeof "/cells";
    adaptau_status status = make_folder(out, error);
    study->cells_folder = malloc(size);
    study->views_folder = malloc(size);
    if (!study->cells_folder || !study->views_folder)
        return fail_memory(error, "a path");
    snprintf(study->cells_folder, size, "%s/cells", out);
    snprintf(study->views_folder, size, "%s/views", out);
    if (!status)
        status = make_folder(study->cells_folder, error);
    return status ? status : make_folder(study->views_folder, error);
}

static adaptau_status open_subjects(struct study *study, adaptau_error *error)
{
    const struct texts *data = &study->settings->data;
    adaptau_status      status = ADAPTAU_OK;
    study->subjects = calloc((size_t)data->count + 1, sizeof *study->subjects);
    if (!study->subjects)
        return fail_memory(error, "the data sets");
    for (int32_t i = 0; i < data->count && !status; i++) {
        study->n_subjects++;
        status = subject_open(&study->subjects[i], study->context, data->values[i], i + 1, error);
        for (int32_t k = 0; k < i && !status; k++)
            if (strcmp(study->subjects[k].name, study->subjects[i].name) == 0)
                status = fail(error, ADAPTAU_E_STATE, "%s and %s are both %s", shown_path(data->values[k]),
                              shown_path(data->values[i]), study->subjects[i].title);
    }
    return status;
}

adaptau_status study_open(struct study *study, const struct settings *settings, adaptau_error *error)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = (int32_t)settings->threads};
    *study = (struct study){.settings = settings};
    adaptau_status status = make_folders(study, error);
    if (!status)
        status = adaptau_context_create(&options, &study->context, error);
    if (!status)
        status = open_subjects(study, error);
    if (!status && !(study->body_file = open_memstream(&study->body, &study->body_size)))
        status = fail_memory(error, "the report");
    return status;
}

void study_close(struct study *study)
{
    for (int32_t i = 0; i < study->n_cells; i++) {
        record_free(&study->cells[i]->record);
        free(study->cells[i]);
    }
    for (int32_t i = 0; i < study->n_subjects; i++)
        subject_close(&study->subjects[i]);
    if (study->body_file)
        fclose(study->body_file);
    free(study->body);
    free(study->cells);
    free(study->subjects);
    free(study->views_folder);
    free(study->cells_folder);
    adaptau_context_destroy(study->context);
    *study = (struct study){0};
}

/* Remember the first failure of a view. */
static void note_failure(struct study *study, adaptau_status status, const adaptau_error *error)
{
    if (status && !study->status) {
        study->status = status;
        study->error = *error;
    }
}

/* ---- cells -------------------------------------------------------------------------------------------------------- */

static struct cell *find_cell(const struct study *study, const struct cell *wanted)
{
    for (int32_t i = 0; i < study->n_cells; i++)
        if (strcmp(study->cells[i]->identity, wanted->identity) == 0)
            return study->cells[i];
    return NULL;
}

const struct cell *study_cell(struct study *study, const struct cell_description *description)
{
    static const struct cell nothing;
    struct cell             *cell = malloc(sizeof *cell);
    struct cell            **grown = cell ? realloc(study->cells, ((size_t)study->n_cells + 1) * sizeof *grown) : NULL;
    adaptau_error            error = {0};
    if (!grown) {
        free(cell);
        note_failure(study, fail_memory(&error, "the cells"), &error);
        return &nothing;
    }
    study->cells = grown;
    cell_describe(cell, description);
    struct cell *known = find_cell(study, cell);
    if (known) {
        free(cell);
        return known;
    }
    study->cells[study->n_cells++] = cell;
    note_failure(study, cell_load(cell, study->cells_folder, &error), &error);
    return cell;
}

int32_t study_n_done(const struct study *study)
{
    int32_t n_done = 0;
    for (int32_t i = 0; i < study->n_cells; i++)
        n_done += study->cells[i]->done;
    return n_done;
}

adaptau_status study_train(struct study *study, adaptau_error *error)
{
    struct progress progress;
    adaptau_status  status = ADAPTAU_OK;
    progress_begin(&progress, study);
    for (int32_t i = 0; i < study->n_cells && !status && !study->interrupted; i++) {
        struct cell *cell = study->cells[i];
        if (cell->done)
            continue;
        progress_cell(&progress, cell);
        status = cell_train(cell, study->context, progress_step, &progress, &study->interrupted, error);
        if (!status && cell->done)
            status = cell_store(cell, study->cells_folder, error);
        progress_cell_end(&progress, cell);
        study->interrupted = study->interrupted || stop_signal() != 0;
    }
    return status;
}

/* ---- what views show ---------------------------------------------------------------------------------------------- */

void study_show_table(struct study *study, struct table *table)
{
    adaptau_error error = {0};
    if (!study->planning) {
        adaptau_status status = table->failed ? fail_memory(&error, table->name) : ADAPTAU_OK;
        if (!status)
            status = table_write(table, study->settings->out, &error);
        note_failure(study, status, &error);
        table_print(table, stdout);
        if (study->body_file)
            table_html(table, study->body_file);
    }
    table_close(table);
}

void study_show_plot(struct study *study, struct plot *plot)
{
    adaptau_error error = {0};
    if (!study->planning) {
        adaptau_status status = plot->failed ? fail_memory(&error, plot->name) : ADAPTAU_OK;
        if (!status)
            status = plot_write(plot, study->settings->out, &error);
        note_failure(study, status, &error);
        bool drawn = !status && !study->no_gnuplot && plot_draw(plot, study->settings->out);
        if (!drawn && !study->no_gnuplot) {
            study->no_gnuplot = true;
            fprintf(stderr,
                    "adaptau-reproduce: no pictures, for gnuplot is not installed or failed; numbers and scripts are in %s\n",
                    study->settings->out);
        }
        printf("\n%s: %s/%s.%s\n", plot->title, study->settings->out, plot->name, drawn ? "svg" : "tsv");
        if (study->body_file)
            plot_html(plot, study->settings->out, drawn, study->body_file);
    }
    plot_close(plot);
}

static adaptau_status write_view(const struct study *study, const char *view, const struct subject *subject, const char *command,
                                 adaptau_error *error)
{
    char         path[PATH_MAX_BYTES];
    struct draft draft;
    snprintf(path, sizeof path, "%s/%s-%s.html", study->views_folder, view, subject->name);
    adaptau_status status = draft_open(&draft, path, error);
    if (status)
        return status;
    fwrite(study->body, 1, study->body_size, draft.file);
    fputs("<p class=\"note\"><code>", draft.file);
    html_command(draft.file, command);
    fputs("</code></p>\n", draft.file);
    return draft_commit(&draft, error);
}

void study_keep_view(struct study *study, const char *view, const struct subject *subject, const char *command)
{
    adaptau_error error = {0};
    if (study->planning || !study->body_file)
        return;
    fflush(study->body_file);
    if (study->body_size > 0)
        note_failure(study, write_view(study, view, subject, command, &error), &error);
    fclose(study->body_file);
    free(study->body);
    study->body = NULL;
    study->body_file = open_memstream(&study->body, &study->body_size);
    if (!study->body_file)
        note_failure(study, fail_memory(&error, "the report"), &error);
}

void study_say_heading(const struct study *study, const char *text)
{
    if (!study->planning)
        printf("\n---- %s\n", text);
}

void study_say(struct study *study, const char *format, ...)
{
    char    text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (study->planning || !study->body_file)
        return;
    putchar('\n');
    print_wrapped(stdout, text);
    fputs("<p>", study->body_file);
    html_text(study->body_file, text);
    fputs("</p>\n", study->body_file);
}
