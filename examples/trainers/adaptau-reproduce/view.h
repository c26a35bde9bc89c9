/* SPDX-License-Identifier: MIT */
/* Tables and figures as views over cells.
 *
 * A view is one function that runs twice for each data set: while planning, when the cells that it asks for are noted and
 * what it shows is thrown away; and once they are done. So it must ask for the same cells whatever is in them. */
#ifndef ADAPTAU_REPRODUCE_VIEW_H
#define ADAPTAU_REPRODUCE_VIEW_H

#include "adaptau-reproduce/strategy.h"
#include "adaptau-reproduce/study.h"

struct view {
    const char *name; /* on the command line */
    const char *title;
    void (*show)(struct study *study, const struct subject *subject);
};

#define N_VIEWS 11

extern const struct view views[N_VIEWS];

void show_table1(struct study *study, const struct subject *subject);
void show_table2(struct study *study, const struct subject *subject);
void show_table4(struct study *study, const struct subject *subject);
void show_table5(struct study *study, const struct subject *subject);
void show_fig1(struct study *study, const struct subject *subject);
void show_fig2(struct study *study, const struct subject *subject);
void show_fig3(struct study *study, const struct subject *subject);
void show_fig4(struct study *study, const struct subject *subject);
void show_fig5(struct study *study, const struct subject *subject);
void show_fig6(struct study *study, const struct subject *subject);
void show_fig7(struct study *study, const struct subject *subject);

/* ---- what views ask for ------------------------------------------------------------------------------------------- */

/* A strategy on a data set: as many cells as there are seeds. */
struct entry {
    const struct subject *subject;
    int                   strategy; /* STRATEGY_* */
    int32_t               encoder;  /* ADAPTAU_ENCODER_* */
    int32_t               protocol; /* PROTOCOL_* */
    double                tau;      /* of STRATEGY_GRID; 0: the strategy's own */
    struct noise          noise;
};

struct summary {
    int32_t count;
    double  mean, deviation; /* NaN where there is no number, or but one */
};

const struct cell *entry_cell(struct study *study, const struct entry *entry, int64_t seed);

/* Of the last number of a series, over the seeds. */
struct summary entry_summary(struct study *study, const struct entry *entry, const char *name);

/* The temperatures that are searched, [*count] ascending. */
const double *grid_taus(const struct study *study, int32_t encoder, int *count);

/* Set entry->tau to the grid's best for the pairs that choose. */
void entry_search_tau(struct study *study, struct entry *entry);

/* Whether the command wants this encoder in views that have both. */
bool study_wants(const struct study *study, int32_t encoder);

/* The protocols that were asked for: fills protocols[2], returns how many. */
int study_protocols(const struct study *study, int32_t *protocols);

/* The one of figures: paper unless only valid was asked for. */
int32_t figure_protocol(const struct study *study);

/* "table2-gowalla" */
void view_file(char *out, size_t size, const char *view, const struct subject *subject);

/* "mf Adap-tau0 (preset)" */
void entry_title(const struct entry *entry, char *out, size_t size);

const char *backbone_title(int32_t encoder); /* "MF", "LightGCN", "SimpleX" */

/* ---- what several tables have in common --------------------------------------------------------------------------- */

/* recall, sd, NDCG, sd, printed recall, printed NDCG, difference of recall */
#define SCORE_HEADINGS "recall@20", "sd", "NDCG@20", "sd", "printed R", "printed N", "difference R", "difference N"
void add_scores(struct study *study, struct table *table, const struct entry *entry);

void add_score_notes(struct study *study, struct table *table, const struct subject *subject);

#endif
