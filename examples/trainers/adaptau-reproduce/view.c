/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/view.h"

#include <math.h>

#include "adaptau-reproduce/strategy.h"

#define QUICK_EVAL_EVERY 2
#define QUICK_PER_ROW_EPOCHS 6
#define QUICK_PER_ROW_CANDIDATES 64

const struct view views[N_VIEWS] = {
    {"table1", "table1: which side is normalised", show_table1},
    {"table2", "table2: strategies for the temperature", show_table2},
    {"table4", "table4: time against quality", show_table4},
    {"table5", "table5: the closed forms of tau0", show_table5},
    {"fig1", "fig1: magnitudes without normalisation, and what is recommended", show_fig1},
    {"fig2", "fig2: recall over fixed temperatures", show_fig2},
    {"fig3", "fig3: scores of positives over epochs", show_fig3},
    {"fig4", "fig4: personal temperatures", show_fig4},
    {"fig5", "fig5: beside baselines", show_fig5},
    {"fig6", "fig6: noise in the training pairs", show_fig6},
    {"fig7", "fig7: gradients over temperatures", show_fig7},
};

/* ---- cells of an entry -------------------------------------------------------------------------------------------- */

/* --quick: the same strategies with less of everything that does not decide. */
static void shorten(struct cell_description *description)
{
    description->eval_every = QUICK_EVAL_EVERY;
    if (description->recipe.base.candidates == ADAPTAU_SAMPLER_PER_ROW_UNIFORM) {
        description->recipe.base.epochs = QUICK_PER_ROW_EPOCHS;
        description->recipe.base.n_candidates = QUICK_PER_ROW_CANDIDATES;
    }
}

/* L/9, as the library's recipe has it for LightGCN on sparse data, here on all: by_data.c of the library has the rule. */
static double popularity_for(const adaptau_dataset *train)
{
    const double n = adaptau_dataset_n_users(train), m = adaptau_dataset_n_items(train);
    const double pairs = (double)adaptau_dataset_n_interactions(train);
    return pairs == 0 ? 0 : fmin(fmax(log(n * m / (2 * pairs)) / 9, 0), 1);
}

const struct cell *entry_cell(struct study *study, const struct entry *entry, int64_t seed)
{
    const struct settings  *settings = study->settings;
    struct cell_description description = {
        .subject = entry->subject,
        .strategy = entry->strategy,
        .recipe = strategy_recipe(entry->strategy, entry->encoder, seed),
        .protocol = entry->protocol,
        .eval_every = 1,
        .noise = entry->noise,
    };
    if (strategy_get(entry->strategy)->popular)
        description.recipe.base.popularity_exponent = popularity_for(entry->subject->problem.train);
    if (entry->tau > 0)
        description.recipe.base.tau = entry->tau;
    if (settings->quick)
        shorten(&description);
    if (settings->epochs > 0)
        description.recipe.base.epochs = settings->epochs;
    if (settings->dim > 0)
        description.recipe.base.dim = settings->dim;
    return study_cell(study, &description);
}

struct summary entry_summary(struct study *study, const struct entry *entry, const char *name)
{
    struct summary summary = {.mean = NAN, .deviation = NAN};
    double         sum = 0, squares = 0;
    for (int64_t seed = 0; seed < study->settings->seeds; seed++) {
        const struct cell *cell = entry_cell(study, entry, seed);
        sum += record_number(&cell->record, name);
        summary.count++;
    }
    summary.mean = sum / summary.count;
    for (int64_t seed = 0; seed < study->settings->seeds; seed++) {
        double off = record_number(&entry_cell(study, entry, seed)->record, name) - summary.mean;
        squares += off * off;
    }
    if (summary.count > 1)
        summary.deviation = sqrt(squares / (summary.count - 1));
    return summary;
}

const double *grid_taus(const struct study *study, int32_t encoder, int *count)
{
    static const double all[] = {0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.25, 0.3, 0.4, 0.55, 0.75};
    static const double few[] = {0.06, 0.1, 0.15, 0.2, 0.3, 0.5};
    static const double middle[] = {0.06, 0.1, 0.15};
    *count = study->settings->taus.count;
    if (*count > 0)
        return study->settings->taus.values;
    *count = sizeof all / sizeof *all;
    if (!study->settings->quick)
        return all;
    bool costly = encoder == ADAPTAU_ENCODER_LIGHTGCN;
    *count = costly ? sizeof middle / sizeof *middle : sizeof few / sizeof *few;
    return costly ? middle : few;
}

void entry_search_tau(struct study *study, struct entry *entry)
{
    int           count;
    const double *taus = grid_taus(study, entry->encoder, &count);
    double        best = -1, best_tau = taus[0];
    for (int i = 0; i < count; i++) {
        entry->tau = taus[i];
        double recall = entry_summary(study, entry, "choice_recall").mean;
        if (recall > best) {
            best = recall;
            best_tau = taus[i];
        }
    }
    entry->tau = best_tau;
}

bool study_wants(const struct study *study, int32_t encoder)
{
    return study->settings->backbones == BACKBONES_BOTH || study->settings->backbones == encoder;
}

int study_protocols(const struct study *study, int32_t *protocols)
{
    int count = 0;
    if (study->settings->protocols != PROTOCOLS_VALID)
        protocols[count++] = PROTOCOL_PAPER;
    if (study->settings->protocols != PROTOCOLS_PAPER)
        protocols[count++] = PROTOCOL_VALID;
    return count;
}

int32_t figure_protocol(const struct study *study)
{
    return study->settings->protocols == PROTOCOLS_VALID ? PROTOCOL_VALID : PROTOCOL_PAPER;
}

/* ---- words -------------------------------------------------------------------------------------------------------- */

void view_file(char *out, size_t size, const char *view, const struct subject *subject)
{
    snprintf(out, size, "%s-%s", view, subject->name);
}

const char *backbone_title(int32_t encoder)
{
    return encoder == ADAPTAU_ENCODER_MF ? "MF" : encoder == ADAPTAU_ENCODER_LIGHTGCN ? "LightGCN" : "SimpleX";
}

void entry_title(const struct entry *entry, char *out, size_t size)
{
    const struct strategy *strategy = strategy_get(entry->strategy);
    int                    used = snprintf(out, size, "%s", strategy->name);
    if ((entry->strategy == STRATEGY_GRID || entry->strategy == STRATEGY_PRESET_GRID) && used >= 0 && (size_t)used < size)
        snprintf(out + used, size - (size_t)used, " = %g", entry->tau);
}

/* ---- scores ------------------------------------------------------------------------------------------------------- */

void add_scores(struct study *study, struct table *table, const struct entry *entry)
{
    struct summary recall = entry_summary(study, entry, "test_recall");
    struct summary ndcg = entry_summary(study, entry, "test_ndcg");
    struct printed printed = known_figures(entry->subject->known, entry->encoder, strategy_get(entry->strategy)->printed);
    bool           has = printed.recall > 0;
    table_number(table, recall.mean, 4);
    table_number(table, recall.deviation, 4);
    table_number(table, ndcg.mean, 4);
    table_number(table, ndcg.deviation, 4);
    table_number(table, has ? printed.recall : NAN, 4);
    table_number(table, has ? printed.ndcg : NAN, 4);
    table_signed(table, has ? recall.mean - printed.recall : NAN, 4);
    table_signed(table, has ? ndcg.mean - printed.ndcg : NAN, 4);
}

void add_score_notes(struct study *study, struct table *table, const struct subject *subject)
{
    table_note(table,
               "%lld seed%s; sd is the standard deviation over seeds. Printed figures chose the epoch on test: compare them "
               "with protocol paper.",
               (long long)study->settings->seeds, study->settings->seeds == 1 ? "" : "s");
    if (!subject->known)
        table_note(table, "The paper prints nothing for these data.");
}
