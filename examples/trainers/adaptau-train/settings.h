/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef ADAPTAU_TRAIN_SETTINGS_H
#define ADAPTAU_TRAIN_SETTINGS_H

#include "common/options.h"
#include "common/read_data.h"
#include "common/recipe.h"
#include "common/trial.h"

struct settings {
    const char          *data;
    struct read_options  reading;
    const char          *negatives;         /* path or NULL */
    const char          *negatives_weights; /* as reading.weights, of that file */
    struct recipe        recipe; /* may have ADAPTAU_BY_DATA members */
    struct trial_options trial;
    double               test_share; /* of a user's pairs, where the data come without test */
    int64_t              threads;
    int32_t              backend; /* ADAPTAU_BACKEND_* */
    bool                 json;
    bool                 quiet;
    const char          *history; /* path or NULL */
    const char          *save;    /* path or NULL */
    bool                 half;    /* the tables of `save` in F16 */
    const char          *report;  /* path or NULL */
    const char          *checkpoint; /* path or NULL */
    bool                 resume;
};

/* Returns OPTIONS_GO_ON or an exit code, see read_options. */
int read_settings(int argc, char **argv, struct settings *settings);

/* The same for a program that has at most MORE_OPTIONS options besides. */
#define MORE_OPTIONS 16
int read_settings_of(const struct program *program, const struct option_rule *more, int n_more, int argc, char **argv,
                     struct settings *settings);

#endif
