/* SPDX-License-Identifier: MIT */
/* Which pairs choose the model, and which ones judge it. */
#ifndef ADAPTAU_TRAIN_PROTOCOL_H
#define ADAPTAU_TRAIN_PROTOCOL_H

#include "adaptau-train/run.h"

/* valid     Hold a share of every user's train pairs out. Train on the others; the best epoch is the one with the highest
 *           recall on the held-out pairs (then NDCG, then the earlier one). Train again on all of train, by the same
 *           schedule, for so many epochs, and evaluate that model on test, once. With --no-refit the model that was chosen
 *           is evaluated.
 * paper     Train on all of train; the best epoch is the one with the highest recall on test.
 *
 * Fills the results of *run. When a signal stops it, run->stopped_epoch and run->model are set and the rest is not. */
adaptau_status run_protocol(struct run *run, adaptau_error *error);

#endif
