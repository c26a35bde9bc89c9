/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef ADAPTAU_RECOMMEND_SETTINGS_H
#define ADAPTAU_RECOMMEND_SETTINGS_H

#include "common/read_data.h"

struct settings {
    const char         *model;
    char              **users; /* [n_users] names or ids */
    int32_t             n_users;
    int64_t             k;
    const char         *seen; /* path of the pairs to leave out, or NULL */
    struct read_options reading;
    bool                json;
};

/* Returns OPTIONS_GO_ON or an exit code, see read_options. */
int read_settings(int argc, char **argv, struct settings *settings);

#endif
