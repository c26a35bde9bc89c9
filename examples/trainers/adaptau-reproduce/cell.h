/* SPDX-License-Identifier: MIT */
/* A cell: one training described completely, and its result. Equal descriptions are one cell, in memory and on disk. */
#ifndef ADAPTAU_REPRODUCE_CELL_H
#define ADAPTAU_REPRODUCE_CELL_H

#include "adaptau-reproduce/noise.h"
#include "adaptau-reproduce/record.h"
#include "adaptau-reproduce/subject.h"
#include "common/trial.h"

#define CELL_TEXT_MAX 2048
#define PATH_MAX_BYTES 4096
#define TAU_USER_BINS 40
#define N_GRADIENT_TAUS 40

/* What is trained. `recipe` may have ADAPTAU_BY_DATA members. */
struct cell_description {
    const struct subject *subject;
    int                   strategy; /* STRATEGY_*, for people */
    struct recipe         recipe;
    int32_t               protocol;
    int64_t               eval_every;
    struct noise          noise;
};

/* Series of a result. E epochs were trained in the search; series of all epochs have E values (or E times the number behind
 * them), and their epoch is the position, from 1.
 *   epoch, recall, ndcg, seconds      evaluations by the pairs that choose; `seconds` of training until then
 *   loss, tau0, mean_positive, mean_all     [E] the last two at the beginning of the epoch
 *   user_length, item_length          [E x 10] mean length of embeddings; items by popularity group, users alike by degree
 *   tau_low, tau_high, tau_counts     [E], [E], [E x TAU_USER_BINS] personal temperatures: users in bins of equal width
 *   noise_tau                         [N_NOISE_GROUPS] mean of tau_u by noise group, last epoch
 *   group_recall                      [10] part of test recall@20 that the items of a popularity group bring
 *   tau0_eq14, tau0_eq34, tau0_exact  by each formula, of the final embeddings
 *   gradient_tau, _held, _eq8, _true  [N_GRADIENT_TAUS] of the final embeddings
 *   test_recall, test_ndcg            of the model that was chosen; test_recall of all cutoffs is not kept
 *   choice_recall, best_epoch, n_epochs, final_tau0, prior, train_seconds, eval_seconds, threads */
struct cell {
    struct cell_description description;
    struct recipe           complete; /* without ADAPTAU_BY_DATA members */
    char                    identity[CELL_TEXT_MAX];
    char                    hash[17];
    bool                    done;
    struct record           record;
};

/* Complete the description and name the cell; record and done are empty. */
void cell_describe(struct cell *cell, const struct cell_description *description);

/* The adaptau-train command that trains the same, without data noise and figures. */
void cell_command(const struct cell *cell, char *out, size_t size);

/* Take the result from `folder` if it is there; a file that is no such cell is as good as none. */
adaptau_status cell_load(struct cell *cell, const char *folder, adaptau_error *error);
adaptau_status cell_store(const struct cell *cell, const char *folder, adaptau_error *error);

/* Train. *stopped is set instead of done when a signal ended it. `watch` sees every step (user_data, training). */
adaptau_status cell_train(struct cell *cell, adaptau_context *context, step_function watch, void *watch_data, bool *stopped,
                          adaptau_error *error);

#endif
