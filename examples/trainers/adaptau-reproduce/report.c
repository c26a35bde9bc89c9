/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/report.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adaptau-reproduce/view.h"
#include "common/draft.h"
#include "common/fail.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Adap-tau, reproduced</title>\n<style>\n"
    "body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 62em; margin: 2em auto;"
    " padding: 0 1em }\n"
    "h1 { font-size: 1.6em } h2 { font-size: 1.25em; margin-top: 2.2em; border-bottom: 1px solid #ddd }\n"
    "figure, .wide { margin: 1.5em 0; overflow-x: auto } figure { break-inside: avoid } "
    "figcaption { font-weight: 600; margin-bottom: .5em }\n"
    "table { border-collapse: collapse; font-size: .85em; font-variant-numeric: tabular-nums }\n"
    "th, td { padding: .2em .7em; text-align: right; white-space: nowrap } .word { text-align: left }\n"
    "thead th { border-bottom: 2px solid #888 } tbody tr:nth-child(even) { background: #f6f6f6 }\n"
    "svg { max-width: 100%; min-width: 34em; height: auto } .note { color: #555; font-size: .9em; margin: .4em 0 }\n"
    "code { font-size: .85em; overflow-wrap: anywhere; white-space: normal } td:has(code) { white-space: normal; min-width: 16em }\n"
    "body { overflow-wrap: anywhere }\n"
    "@media print { body { max-width: none; margin: 0; font-size: 11px } }\n"
    "</style>\n</head>\n<body>\n<h1>Adap-tau, reproduced</h1>\n";

static void paragraph(FILE *out, const char *text)
{
    fputs("<p>", out);
    html_text(out, text);
    fputs("</p>\n", out);
}

/* ---- what the folder has ------------------------------------------------------------------------------------------- */

/* A cell of the folder, whoever trained it. */
struct kept {
    char          name[64]; /* of its file */
    struct record record;
};

struct folder {
    int          n;
    struct kept *cells;
};

static int is_cell(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".json") == 0 && strlen(entry->d_name) < sizeof((struct kept *)0)->name;
}

static adaptau_status folder_open(struct folder *folder, const struct study *study, adaptau_error *error)
{
    struct dirent **entries = NULL;
    char            path[PATH_MAX_BYTES];
    const int       n = scandir(study->cells_folder, &entries, is_cell, alphasort);
    *folder = (struct folder){.cells = calloc((size_t)(n > 0 ? n : 0) + 1, sizeof *folder->cells)};
    for (int i = 0; i < n && folder->cells; i++) {
        struct kept *kept = &folder->cells[folder->n];
        snprintf(kept->name, sizeof kept->name, "%.63s", entries[i]->d_name);
        snprintf(path, sizeof path, "%s/%s", study->cells_folder, kept->name);
        folder->n += record_read(&kept->record, path, NULL) == ADAPTAU_OK; /* what is no cell is not of ours */
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    if (n < 0)
        return fail_os(error, errno, "%s", shown_path(study->cells_folder));
    return folder->cells ? ADAPTAU_OK : fail_memory(error, "the cells");
}

static void folder_close(struct folder *folder)
{
    for (int i = 0; i < folder->n; i++)
        record_free(&folder->cells[i].record);
    free(folder->cells);
}

static void write_conditions(const struct study *study, const char *command, FILE *out)
{
    const struct settings *settings = study->settings;
    int32_t                version = adaptau_version();
    fputs("<h2>The last command</h2>\n<p><code>", out);
    html_command(out, command);
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
        "is evaluated; six temperatures in the grid (LightGCN: three) instead of fourteen; two shares of noise instead "
        "of four; 6 epochs and 64 candidates, not 1024, where each pair has its own.");
}

/* "noise users 0.1" of a cell's identity, which has between commas what it was trained by; "" where there is none of the kind. */
static void find_part(const struct record *record, const char *kind, char *part, size_t size)
{
    const char *identity = record_text(record, "identity"), *at = strstr(identity, kind);
    snprintf(part, size, "%.*s", at ? (int)strcspn(at, ",") : 0, at ? at : "");
}

/* The complete recipe as options: the identity's last part. */
static const char *find_recipe(const struct record *record)
{
    const char *recipe = strstr(record_text(record, "identity"), ", --");
    return recipe ? recipe + 2 : "";
}

static const struct kept *find_example(const struct folder *folder, const char *strategy)
{
    for (int i = 0; i < folder->n; i++)
        if (strcmp(record_text(&folder->cells[i].record, "strategy"), strategy) == 0)
            return &folder->cells[i];
    return NULL;
}

static void write_strategies(const struct folder *folder, FILE *out)
{
    fputs("<h2>Strategies</h2>\n", out);
    paragraph(out,
              "plain is the exact softmax alone: no soft targets, no popularity prior. preset is what adaptau-train does by "
              "default. Everything else (start, optimiser, batches, row weight, epochs) is the preset's for both.");
    fputs("<div class=\"wide\"><table><thead><tr><th class=\"word\">strategy</th><th class=\"word\">recipe</th><th class=\"word\">meaning"
          "</th></tr></thead><tbody>\n",
          out);
    for (int s = 0; s < N_STRATEGIES; s++) {
        const struct strategy *strategy = strategy_get(s);
        const struct kept     *example = find_example(folder, strategy->name);
        if (!example)
            continue;
        fputs("<tr><td class=\"word\">", out);
        html_text(out, strategy->name);
        fprintf(out, "</td><td class=\"word\">%s</td><td class=\"word\">", recipe_names[strategy->recipe]);
        html_text(out, strategy->meaning);
        fputs("<br><code>", out);
        html_text(out, find_recipe(&example->record));
        fputs("</code></td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    paragraph(out,
              "The settings are complete, of one cell of the strategy; numbers that depend on the data are that data set's.");
}

static void write_cells(const struct folder *folder, FILE *out)
{
    fputs("<h2>Cells</h2>\n", out);
    paragraph(
        out, "A cell is one training; its file in cells/ has all that was measured. The command trains it again, but for noise "
             "and for ranking by inner products after training on cosines, which adaptau-train does not have. These are all cells "
             "of the folder.");
    fputs("<div class=\"wide\"><table><thead><tr><th class=\"word\">file</th><th class=\"word\">command</th><th>recall@20</th></tr>"
          "</thead><tbody>\n",
          out);
    for (int i = 0; i < folder->n; i++) {
        const struct kept *kept = &folder->cells[i];
        char               noise[64];
        find_part(&kept->record, "noise ", noise, sizeof noise);
        fprintf(out, "<tr><td class=\"word\">%s</td><td class=\"word\"><code>", kept->name);
        html_command(out, record_text(&kept->record, "command"));
        fputs("</code> ", out);
        if (strncmp(noise, "noise none", 10) != 0)
            html_text(out, noise);
        fprintf(out, "</td><td>%.4f</td></tr>\n", record_number(&kept->record, "test_recall"));
    }
    fputs("</tbody></table></div>\n", out);
}

/* ---- what views have shown ------------------------------------------------------------------------------------------ */

static void copy_file(const char *path, FILE *out)
{
    char   bytes[8192];
    FILE  *file = fopen(path, "rb");
    size_t n;
    while (file && (n = fread(bytes, 1, sizeof bytes, file)) > 0)
        fwrite(bytes, 1, n, out);
    if (file)
        fclose(file);
}

/* All data sets that some command has shown it of, by name. */
static void write_view(const struct study *study, const struct view *view, FILE *out)
{
    struct dirent **entries = NULL;
    char            path[PATH_MAX_BYTES];
    const size_t    length = strlen(view->name);
    const int       n = scandir(study->views_folder, &entries, NULL, alphasort);
    bool            begun = false;
    for (int i = 0; i < n; i++) {
        if (strncmp(entries[i]->d_name, view->name, length) == 0 && entries[i]->d_name[length] == '-' &&
            strstr(entries[i]->d_name, ".html") && snprintf(path, sizeof path, "%s/%s", study->views_folder, entries[i]->d_name) > 0) {
            if (!begun) {
                fputs("<h2>", out);
                html_text(out, view->title);
                fputs("</h2>\n", out);
            }
            begun = true;
            copy_file(path, out);
        }
        free(entries[i]);
    }
    free(entries);
}

adaptau_status report_write(struct study *study, const char *command, adaptau_error *error)
{
    char           path[PATH_MAX_BYTES];
    struct draft   draft = {0};
    struct folder  folder;
    adaptau_status status = folder_open(&folder, study, error);
    snprintf(path, sizeof path, "%s/report.html", study->settings->out);
    if (!status)
        status = draft_open(&draft, path, error);
    if (!status) {
        fputs(head, draft.file);
        write_conditions(study, command, draft.file);
        write_protocols(study, draft.file);
        for (int v = 0; v < N_VIEWS; v++)
            write_view(study, &views[v], draft.file);
        write_strategies(&folder, draft.file);
        write_cells(&folder, draft.file);
        fputs("</body>\n</html>\n", draft.file);
        status = draft_commit(&draft, error);
    }
    folder_close(&folder);
    return status;
}
