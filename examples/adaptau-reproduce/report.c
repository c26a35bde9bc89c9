/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/report.h"

#include <stdlib.h>

#include "adaptau-reproduce/view.h"
#include "common/draft.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Adap-tau, reproduced</title>\n<style>\n"
    "body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 62em; margin: 2em auto;"
    " padding: 0 1em }\n"
    "h1 { font-size: 1.6em } h2 { font-size: 1.25em; margin-top: 2.2em; border-bottom: 1px solid #ddd }\n"
    "figure { margin: 1.5em 0; overflow-x: auto; break-inside: avoid } figcaption { font-weight: 600; margin-bottom: .5em }\n"
    "table { border-collapse: collapse; font-size: .85em; font-variant-numeric: tabular-nums }\n"
    "th, td { padding: .2em .7em; text-align: right; white-space: nowrap } .word { text-align: left }\n"
    "thead th { border-bottom: 2px solid #888 } tbody tr:nth-child(even) { background: #f6f6f6 }\n"
    "svg { max-width: 100%; height: auto } .note { color: #555; font-size: .9em; margin: .4em 0 }\n"
    "code { font-size: .85em; overflow-wrap: anywhere; white-space: normal }\n"
    "@media print { body { max-width: none; margin: 0; font-size: 11px } }\n"
    "</style>\n</head>\n<body>\n<h1>Adap-tau, reproduced</h1>\n";

static void paragraph(FILE *out, const char *text)
{
    fputs("<p>", out);
    html_text(out, text);
    fputs("</p>\n", out);
}

static void write_conditions(const struct study *study, const char *command, FILE *out)
{
    const struct settings *settings = study->settings;
    int32_t                version = adaptau_version();
    fputs("<p><code>", out);
    html_text(out, command);
    fprintf(out, "</code><br>libadaptau %d.%d.%d, %s, %d thread%s; %lld seed%s</p>\n<ul>\n", (int)(version / 10000),
            (int)(version / 100 % 100), (int)(version % 100), adaptau_context_backend(study->context),
            (int)adaptau_context_n_threads(study->context), adaptau_context_n_threads(study->context) == 1 ? "" : "s",
            (long long)settings->seeds, settings->seeds == 1 ? "" : "s");
    for (int32_t i = 0; i < study->n_subjects; i++) {
        const struct subject *subject = &study->subjects[i];
        fputs("<li>", out);
        html_text(out, subject->title);
        fprintf(out, ": %d users, %d items, %lld training pairs, %lld test pairs</li>\n", subject->problem.data.n_users,
                subject->problem.data.n_items, (long long)adaptau_dataset_n_interactions(subject->problem.train),
                (long long)adaptau_dataset_n_interactions(subject->problem.test));
    }
    fputs("</ul>\n", out);
}

static void write_protocols(const struct study *study, FILE *out)
{
    fputs("<h2>How models are chosen and judged</h2>\n", out);
    paragraph(out,
              "Every item is ranked for every user who has test pairs, items of the user's training pairs left out; recall@20 "
              "and NDCG@20 are means over these users.");
    if (study->settings->protocols != PROTOCOLS_VALID)
        paragraph(out,
                  "Protocol paper trains on all training pairs and takes the epoch with the best recall@20 on the test pairs "
                  "themselves, as the printed figures did. It flatters the model, and is the one to compare with them.");
    if (study->settings->protocols != PROTOCOLS_PAPER)
        paragraph(
            out,
            "Protocol valid holds a tenth of every user's training pairs out, takes the epoch that is best on these, trains "
            "again on all training pairs for so many epochs, and looks at test once. It is the one to expect in use. "
            "A searched temperature is searched on the same pairs.");
    paragraph(out, "Figures, and tables without a column for it, are of protocol paper unless only valid was asked for.");
    if (!study->settings->quick)
        return;
    paragraph(
        out,
        "Shortened by --quick: one seed unless told otherwise; protocol paper alone unless told otherwise; every second epoch "
        "is evaluated; five temperatures in the grid (LightGCN: three) instead of twelve; two shares of noise instead "
        "of four, and 20 epochs with noise; 6 epochs and 64 candidates, not 1024, where each pair has its own.");
}

static bool is_used(const struct study *study, int strategy, const struct cell **example)
{
    for (int32_t i = 0; i < study->n_cells; i++) {
        if (study->cells[i]->description.strategy == strategy) {
            *example = study->cells[i];
            return true;
        }
    }
    return false;
}

static void write_strategies(const struct study *study, FILE *out)
{
    fputs("<h2>Strategies</h2>\n", out);
    paragraph(out,
              "plain is the exact softmax alone: no soft targets, no popularity prior. preset is what adaptau-train does by "
              "default. Everything else (start, optimiser, batches, row weight, epochs) is the preset's for both.");
    fputs("<table><thead><tr><th class=\"word\">strategy</th><th class=\"word\">recipe</th><th class=\"word\">meaning</th></tr>"
          "</thead><tbody>\n",
          out);
    for (int s = 0; s < N_STRATEGIES; s++) {
        const struct cell     *example;
        const struct strategy *strategy = strategy_get(s);
        char                   settings[CELL_TEXT_MAX];
        if (!is_used(study, s, &example))
            continue;
        recipe_options(&example->complete, NULL, settings, sizeof settings);
        fputs("<tr><td class=\"word\">", out);
        html_text(out, strategy->name);
        fprintf(out, "</td><td class=\"word\">%s</td><td class=\"word\">", recipe_names[strategy->recipe]);
        html_text(out, strategy->meaning);
        fputs("<br><code>", out);
        html_text(out, settings);
        fputs("</code></td></tr>\n", out);
    }
    fputs("</tbody></table>\n", out);
    paragraph(out,
              "The settings are complete, of one cell of the strategy; numbers that depend on the data are that data set's.");
}

static void write_cells(const struct study *study, FILE *out)
{
    fputs("<h2>Cells</h2>\n", out);
    paragraph(
        out, "A cell is one training; its file in cells/ has all that was measured. The command trains it again, but for noise "
             "and for ranking by inner products after training on cosines, which adaptau-train does not have.");
    fputs(
        "<table><thead><tr><th class=\"word\">file</th><th class=\"word\">command</th><th>recall@20</th></tr></thead><tbody>\n",
        out);
    for (int32_t i = 0; i < study->n_cells; i++) {
        const struct cell             *cell = study->cells[i];
        const struct cell_description *description = &cell->description;
        char                           command[CELL_TEXT_MAX + PATH_MAX_BYTES];
        cell_command(cell, command, sizeof command);
        fprintf(out, "<tr><td class=\"word\">%s.json</td><td class=\"word\"><code>", cell->hash);
        html_text(out, command);
        fputs("</code>", out);
        if (description->noise.kind != NOISE_NONE)
            fprintf(out, " noise in %s, %g", noise_names[description->noise.kind], description->noise.share);
        fprintf(out, "</td><td>%.4f</td></tr>\n", record_number(&cell->record, "test_recall"));
    }
    fputs("</tbody></table>\n", out);
}

adaptau_status report_write(struct study *study, const char *command, adaptau_error *error)
{
    char         path[PATH_MAX_BYTES];
    struct draft draft;
    snprintf(path, sizeof path, "%s/report.html", study->settings->out);
    adaptau_status status = draft_open(&draft, path, error);
    if (status)
        return status;
    fflush(study->body_file);
    fputs(head, draft.file);
    write_conditions(study, command, draft.file);
    write_protocols(study, draft.file);
    if (study->body)
        fwrite(study->body, 1, study->body_size, draft.file);
    write_strategies(study, draft.file);
    write_cells(study, draft.file);
    fputs("</body>\n</html>\n", draft.file);
    return draft_commit(&draft, error);
}
