/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "adaptau-reproduce/strategy.h"
#include "common/clock.h"

#define LINE_WIDTH 99
#define DRAW_SECONDS 0.2

/* What an epoch of LightGCN costs beside MF's, and one with candidates of each pair's own, roughly. */
#define COST_LIGHTGCN 8.0
#define COST_PER_ROW 10.0

static double cell_cost(const struct cell *cell)
{
    const struct recipe *recipe = &cell->complete;
    const struct data   *data = &cell->description.subject->problem.data;
    double               cost = (double)recipe->base.epochs * data->n_users * data->n_items;
    if (recipe->base.encoder == ADAPTAU_ENCODER_LIGHTGCN)
        cost *= COST_LIGHTGCN;
    if (recipe->base.candidates == ADAPTAU_SAMPLER_PER_ROW_UNIFORM)
        cost *= COST_PER_ROW;
    if (cell->description.protocol == PROTOCOL_VALID || recipe_searches_prior(&cell->description.recipe, recipe))
        cost *= 2;
    return cost;
}

void progress_begin(struct progress *progress, const struct study *study)
{
    *progress = (struct progress){.terminal = isatty(STDERR_FILENO) == 1};
    for (int32_t i = 0; i < study->n_cells; i++) {
        if (study->cells[i]->done)
            continue;
        progress->n_cells++;
        progress->work_left += cell_cost(study->cells[i]);
    }
    int32_t n_known = study->n_cells - progress->n_cells;
    if (study->n_cells > 0)
        fprintf(stderr, "%d trainings; %d are in %s already\n", study->n_cells, n_known, study->cells_folder);
}

static void describe(const struct progress *progress, char *out, size_t size)
{
    const struct cell             *cell = progress->cell;
    const struct cell_description *description = &cell->description;
    char                           left[32] = "?", tau[24] = "";
    if (progress->work_done > 0)
        clock_text(progress->seconds_done * progress->work_left / progress->work_done, left, sizeof left);
    if (description->strategy == STRATEGY_GRID || description->strategy == STRATEGY_PRESET_GRID)
        snprintf(tau, sizeof tau, " %g", description->recipe.base.tau);
    snprintf(out, size, "[%d/%d, %s left] %s %s %s%s%s, seed %lld, %s", progress->number, progress->n_cells, left,
             description->subject->name, backbone_names[description->recipe.base.encoder], strategy_get(description->strategy)->name,
             tau, description->noise.kind == NOISE_NONE ? "" : ", noise", (long long)description->recipe.base.seed,
             protocol_names[description->protocol]);
}

void progress_cell(struct progress *progress, struct cell *cell)
{
    progress->cell = cell;
    progress->number++;
    progress->started = clock_now();
    progress->drawn = 0;
}

int progress_step(void *user_data, const struct training *training)
{
    struct progress *progress = user_data;
    double           now = clock_now();
    char             text[200], line[260];
    if (!progress->terminal || now - progress->drawn < DRAW_SECONDS)
        return 0;
    progress->drawn = now;
    describe(progress, text, sizeof text);
    snprintf(line, sizeof line, "%s, epoch %lld/%lld", text, (long long)training->epoch + 1, (long long)training->n_epochs);
    fprintf(stderr, "\r%-*.*s", LINE_WIDTH, LINE_WIDTH, line);
    fflush(stderr);
    return 0;
}

void progress_cell_end(struct progress *progress, const struct cell *cell)
{
    double seconds = clock_now() - progress->started;
    char   text[200];
    if (progress->terminal)
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
    if (!cell->done)
        return;
    progress->seconds_done += seconds;
    progress->work_done += cell_cost(cell);
    progress->work_left -= cell_cost(cell);
    describe(progress, text, sizeof text);
    if (!progress->terminal)
        fprintf(stderr, "%s: recall@20 %.4f, %.1f s\n", text, record_number(&cell->record, "test_recall"), seconds);
}
