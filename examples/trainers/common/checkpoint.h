/* SPDX-License-Identifier: MIT */
/* The checkpoint of a trial: the library's file of the training that is under way, whose note says where in the trial it
 * stands, and beside it, as PATH.best, the model of the best epoch where the trial keeps one.
 *
 * PATH.best is written first. A process that is killed between the two leaves a best model of the epoch that comes next; it is
 * trained again, bit for bit, before anything asks for it. */
#ifndef EXAMPLES_COMMON_CHECKPOINT_H
#define EXAMPLES_COMMON_CHECKPOINT_H

#include "common/trial.h"

/* Everything that a checkpoint must agree with: recipe, protocol and pairs. */
uint64_t checkpoint_fingerprint(const struct trial *trial);

/* After an epoch of a phase. */
adaptau_status checkpoint_save(const struct trial *trial, int32_t phase, const struct training *training,
                               adaptau_error *error);

/* Take over what the checkpoint has: results of the trial so far, and, where it is of this phase, the training. *is_later: it
 * is of another one, which comes after this, so that this phase is over. */
adaptau_status checkpoint_resume(struct trial *trial, int32_t phase, struct training *training, bool *is_later,
                                 adaptau_error *error);

/* What the search for the temperature found when the training that was saved began, and what it took. */
adaptau_status checkpoint_read_tuning(struct trial *trial, adaptau_tune_result *tuning, adaptau_error *error);

/* The best epoch's model, as it is in the trial's snapshot. */
adaptau_status checkpoint_save_best(const struct trial *trial, const adaptau_model *model, adaptau_error *error);

#endif
