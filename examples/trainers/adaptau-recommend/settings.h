/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef ADAPTAU_RECOMMEND_SETTINGS_H
#define ADAPTAU_RECOMMEND_SETTINGS_H

#include "common/reading.h"

/* What the words of the command line are, and what is wanted for them. */
enum wish {
    WISH_ITEMS_OF_USERS,
    WISH_SIMILAR_ITEMS,
    WISH_SIMILAR_USERS,
    WISH_ITEMS_FROM_ITEMS, /* one list for a bag of items */
};

#define REASONS_MAX 16

enum form { FORM_TEXT, FORM_CSV, FORM_TSV, FORM_JSONL, FORM_JSON };

#define COLD_REFUSE 0
#define COLD_POPULAR 1

struct settings {
    const char         *model;
    enum wish           wish;
    char              **words; /* [n_words] names, or rows */
    int32_t             n_words;
    const char         *users; /* path of a list of users, or NULL */
    bool                all;
    bool                rows; /* words are rows of the tables */
    int32_t             cold;
    int64_t             k;
    double              tau; /* 0: as the model says */
    int64_t             n_reasons; /* that are printed with each item; 0: none */
    const char         *seen, *allow, *exclude, *titles; /* paths, or NULL */
    struct read_options reading;
    const char         *output; /* path, or NULL: standard output */
    enum form           form;
    bool                quiet;
};

/* Returns OPTIONS_GO_ON or an exit code, see read_options. */
int read_settings(int argc, char **argv, struct settings *settings);

#endif
