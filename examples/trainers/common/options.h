/* SPDX-License-Identifier: MIT */
/* A command line in GNU long form, described by one table that is parser and --help at once. */
#ifndef EXAMPLES_COMMON_OPTIONS_H
#define EXAMPLES_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTION_FLAG 0    /* bool: set to true */
#define OPTION_WHOLE 1   /* int64_t in [least, most] */
#define OPTION_DECIMAL 2 /* double in [least, most] */
#define OPTION_CHOICE 3  /* int32_t: position of the word in `choices` */
#define OPTION_TEXT 4    /* const char * */
#define OPTION_CUTOFFS 5 /* struct cutoffs: whole numbers in [least, most], ascending, between commas */
#define OPTION_TITLE 6   /* no option: a line of --help */
#define OPTION_TEXTS 7    /* struct texts: may be given several times */
#define OPTION_SWITCH 9 /* int32_t: set to `least` */
#define OPTION_DECIMALS 8 /* struct decimals: in [least, most], ascending, between commas */

#define CUTOFFS_MAX 16
#define DECIMALS_MAX 32

struct cutoffs {
    int32_t count;
    int32_t values[CUTOFFS_MAX];
};

struct decimals {
    int32_t count;
    double  values[DECIMALS_MAX];
};

#define TEXTS_MAX 16

struct texts {
    int32_t     count;
    const char *values[TEXTS_MAX];
};

struct option_rule {
    const char        *name; /* without the dashes; of OPTION_TITLE the title */
    int                kind;
    void              *value; /* where it goes */
    double             least, most;
    const char *const *choices;  /* [..] ends in NULL */
    const char        *argument; /* the word for the value in --help; NULL: the choices, or N */
    const char        *help;
    bool              *given; /* set to true when the option occurs; or NULL */
};

struct program {
    const char *name;
    const char *usage; /* "DATA [OPTION]..." */
    const char *about; /* what --help says first */
    const char *notes; /* what --help says last */
};

#define OPTIONS_GO_ON (-1)

/* Read the command line; --help and --version are known besides the rules. Options and operands may be mixed; the operands
 * end up at argv[*first] ... argv[argc - 1].
 * Returns OPTIONS_GO_ON, or the exit code: 0 after --help and --version, 2 after one line on stderr that tells what is
 * wrong. */
int read_options(const struct program *program, const struct option_rule *rules, int n_rules, int argc, char **argv,
                 int *first);

#endif
