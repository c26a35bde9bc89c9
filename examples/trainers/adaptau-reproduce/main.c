/* SPDX-License-Identifier: MIT */
/* adaptau-reproduce: the tables and figures of the Adap-tau paper, trained anew. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptau-reproduce/report.h"
#include "adaptau-reproduce/view.h"
#include "common/fail.h"
#include "common/stop.h"

#define PROGRAM "adaptau-reproduce"

/* Once to plan, once to show; both take the same way. */
static void run_views(struct study *study, const char *command, bool planning)
{
    study->planning = planning;
    for (int v = 0; v < N_VIEWS; v++) {
        if (!(study->settings->views >> v & 1))
            continue;
        study_say_heading(study, views[v].title);
        for (int32_t i = 0; i < study->n_subjects; i++) {
            views[v].show(study, &study->subjects[i]);
            study_keep_view(study, views[v].name, &study->subjects[i], command);
        }
    }
}

/* The words of the command line with spaces between. */
static char *join_words(int argc, char **argv)
{
    size_t size = 1;
    for (int i = 0; i < argc; i++)
        size += strlen(i == 0 ? PROGRAM : argv[i]) + 1;
    char *line = malloc(size);
    for (int i = 0; i < argc && line; i++) {
        strcpy(i == 0 ? line : line + strlen(line), i == 0 ? PROGRAM : " ");
        if (i > 0)
            strcat(line, argv[i]);
    }
    return line;
}

static adaptau_status reproduce(struct study *study, const char *command, adaptau_error *error)
{
    run_views(study, command, true);
    adaptau_status status = study->status;
    if (!status)
        status = study_train(study, error);
    if (!status && !study->interrupted) {
        run_views(study, command, false);
        status = study->status;
    }
    if (study->status)
        *error = study->error;
    if (!status && !study->interrupted)
        status = report_write(study, command, error);
    return status;
}

static int leave(const struct study *study)
{
    fprintf(stderr, "%s: %s; %d of %d trainings are in %s, and the same command goes on from there\n", PROGRAM,
            stop_signal() == SIGTERM ? "terminated" : "interrupted", study_n_done(study), study->n_cells, study->cells_folder);
    return 128 + stop_signal();
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct study    study = {0};
    adaptau_error   error = {0};
    int             code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    char          *command = join_words(argc, argv);
    adaptau_status status = command ? study_open(&study, &settings, &error) : fail_memory(&error, "the command line");
    if (!status) {
        stop_catch_signals();
        status = reproduce(&study, command, &error);
    }
    if (status) {
        tell_failure(PROGRAM, &error);
        code = 1;
    } else if (study.interrupted)
        code = leave(&study);
    else {
        printf("\nreport: %s/report.html\n", settings.out);
        code = !finish_stdout(PROGRAM) ? 1 : stop_signal() ? 128 + stop_signal() : 0; /* too late to cut anything short */
    }
    study_close(&study);
    free(command);
    return code;
}
