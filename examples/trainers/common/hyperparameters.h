/* SPDX-License-Identifier: MIT */
/* The hyperparameters of a recipe as one table. Options of the command line, --help and the manual, the JSON record of a run, the
 * options that a recipe is written as, and what goes with what come from it. */
#ifndef EXAMPLES_COMMON_HYPERPARAMETERS_H
#define EXAMPLES_COMMON_HYPERPARAMETERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/options.h"
#include "common/recipe.h"

struct hyperparameter {
    const char        *name;    /* of the option; of OPTION_TITLE the heading in --help */
    int                kind;    /* OPTION_* */
    size_t             offset;  /* in struct recipe */
    double             least, most; /* as in struct option_rule */
    const char *const *choices; /* as there: the position of a word is the value of the constant that it names */
    const char        *help;    /* the default comes last, between brackets */
    const char        *key;     /* in JSON; NULL: the name with underscores; "": the record says it in another way */
    /* Bits of the constants beside which it has a meaning; 0: beside all. */
    uint32_t encoders, losses, contrasts;
};

#define HYPERPARAMETERS_MAX 64

extern const struct hyperparameter hyperparameters[]; /* [n_hyperparameters], titles included, in the order of --help */
extern const int                   n_hyperparameters;

/* Options that write into the recipe; their number. */
int hyperparameter_rules(struct recipe *recipe, struct option_rule rules[HYPERPARAMETERS_MAX]);

/* Is something set that has no meaning beside the rest? Then `out` says what it goes with: "--gate goes with --backbone simplex". */
bool hyperparameter_misfit(const struct recipe *recipe, char *out, size_t size);

/* What differs from `base` as options of adaptau-train, "--backbone lightgcn --seed 1"; base NULL: everything that is set and has a
 * meaning. adaptau-train takes them, and trains by the same recipe. Returns the length of the whole, as snprintf does. */
int recipe_options(const struct recipe *recipe, const struct recipe *base, char *out, size_t size);

/* A key for each. A word is "" where it has no meaning, a number null where the data have yet to decide it. */
void json_hyperparameters(struct json *json, const struct recipe *recipe);

#endif
