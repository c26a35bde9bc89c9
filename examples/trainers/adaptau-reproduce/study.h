/* SPDX-License-Identifier: MIT */
/* Everything that one command works on: settings, data sets, cells, and where views put their tables and plots. */
#ifndef ADAPTAU_REPRODUCE_STUDY_H
#define ADAPTAU_REPRODUCE_STUDY_H

#include "adaptau-reproduce/cell.h"
#include "adaptau-reproduce/plot.h"
#include "adaptau-reproduce/settings.h"
#include "adaptau-reproduce/table.h"
#include "common/printf.h"

struct study {
    const struct settings *settings;
    adaptau_context       *context;
    int32_t                n_subjects;
    struct subject        *subjects;
    int32_t                n_cells;
    struct cell          **cells; /* in the order in which views ask for them */
    char                  *cells_folder, *views_folder;
    bool                   planning; /* views are asked which cells they need: nothing is shown */
    bool                   interrupted;
    bool                   no_gnuplot; /* it was tried in vain */
    char                  *body;       /* what views have shown, as HTML */
    size_t                 body_size;
    FILE                  *body_file;
    adaptau_status         status; /* the first failure while views ran: they go on, and what they make is thrown away */
    adaptau_error          error;
};

/* Make the folders and the context, and read the data. */
adaptau_status study_open(struct study *study, const struct settings *settings, adaptau_error *error);

/* Fine for a study of zeros, and after a failure anywhere. */
void study_close(struct study *study);

/* The cell of a description. While planning it is noted, and its record is empty; afterwards it is done. Never NULL. */
const struct cell *study_cell(struct study *study, const struct cell_description *description);

/* Train the noted cells that are not on disk yet. After a signal study->interrupted is set. */
adaptau_status study_train(struct study *study, adaptau_error *error);

/* How many noted cells are done. */
int32_t study_n_done(const struct study *study);

/* Print, write and put into the report, and close. Nothing but the last while planning. */
void study_show_table(struct study *study, struct table *table);
void study_show_plot(struct study *study, struct plot *plot);

/* A view is over: keep what it has shown of a subject in OUT/views, where the report finds it. */
void study_keep_view(struct study *study, const char *view, const struct subject *subject, const char *command);

/* A heading on standard output; a line of text there and in the report. */
void study_say_heading(const struct study *study, const char *text);
void study_say(struct study *study, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
