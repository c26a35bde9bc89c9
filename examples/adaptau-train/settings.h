/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef ADAPTAU_TRAIN_SETTINGS_H
#define ADAPTAU_TRAIN_SETTINGS_H

#include "common/options.h"
#include "common/read_data.h"
#include "common/recipe.h"

#define PROTOCOL_VALID 0 /* choose the epoch on pairs held out of train, look at test once */
#define PROTOCOL_PAPER 1 /* choose the epoch on test, as published numbers do */

struct settings {
    const char         *data;
    struct read_options reading;
    struct recipe       recipe; /* may have UNSET members */
    int32_t             protocol;
    bool                no_refit;
    double              test_share;  /* of a user's pairs, where the data come without test */
    double              valid_share; /* of a user's train pairs */
    int64_t             split_seed;
    int64_t             eval_every;
    int64_t             patience; /* evaluations without a better one before the search ends; 0: never */
    struct cutoffs      cutoffs;
    int64_t             threads;
    int32_t             backend; /* ADAPTAU_BACKEND_* */
    bool                json;
    bool                quiet;
    const char         *history; /* path or NULL */
    const char         *save;    /* path or NULL */
};

/* The words for the recipe's choices, in the order of their constants. */
extern const char *const loss_names[];
extern const char *const backbone_names[];
extern const char *const contrast_names[];
extern const char *const tau0_names[];
extern const char *const personal_names[];
extern const char *const candidate_names[];
extern const char *const positive_names[];
extern const char *const init_names[];
extern const char *const normalise_names[];

/* Returns OPTIONS_GO_ON or an exit code, see read_options. */
int read_settings(int argc, char **argv, struct settings *settings);

#endif
