/* SPDX-License-Identifier: MIT */
/* What a trial's checkpoint says beside the model: where in the trial it stands, and the results so far. */
#ifndef EXAMPLES_COMMON_NOTE_H
#define EXAMPLES_COMMON_NOTE_H

#include <adaptau/files.h>
#include <adaptau/model.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/scores.h"

/* Of a trial, in the order in which a protocol has them. */
enum { PHASE_PRIOR, PHASE_SEARCH, PHASE_REFIT, N_PHASES };

struct note {
    uint64_t      fingerprint;
    int64_t       phase, epoch; /* PHASE_*; of the training */
    double        training_loss, training_tau0, seconds;
    int64_t       best_epoch, searched; /* of the search */
    double        loss, tau0, prior;    /* of the trial */
    int64_t       trials, trial_epochs, n_tuned, user_divisor; /* of the search for the temperature                    */
    int32_t       tau_user_policy, positives_outside_sum;      /* that it found                                        */
    double        first_tau, tau, tuned_recall, tune_seconds, factorised_recall, factorised_score;
    double        train_seconds, eval_seconds;
    struct scores best;
};

/* Numbers as words of 16 hexadecimal digits, which keep the bits of doubles in every locale. */
void note_write(const struct note *note, char text[ADAPTAU_NOTE_SIZE]);

/* False for a text that note_write did not write, and for phases and epochs that no trial has. */
bool note_read(const char *text, struct note *note);

#endif
