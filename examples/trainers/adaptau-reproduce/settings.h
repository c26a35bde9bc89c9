/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef ADAPTAU_REPRODUCE_SETTINGS_H
#define ADAPTAU_REPRODUCE_SETTINGS_H

#include <stdbool.h>

#include "common/options.h"

#define PROTOCOLS_VALID 0
#define PROTOCOLS_PAPER 1
#define PROTOCOLS_BOTH 2

#define BACKBONES_BOTH 2 /* beside ADAPTAU_ENCODER_MF and _LIGHTGCN */

struct settings {
    uint64_t     views; /* bit v: the v-th of views.h */
    struct texts data;
    const char  *out;
    int64_t      seeds;
    bool         quick;
    int32_t      protocols; /* PROTOCOLS_* */
    int32_t      backbones; /* an encoder, or BACKBONES_BOTH */
    struct decimals taus;   /* the grid's; none: the usual ones */
    int64_t      epochs;    /* of every training; 0: the recipe's */
    int64_t      dim;       /* 0: 64 */
    int64_t      threads;
};

/* Returns OPTIONS_GO_ON or an exit code, see read_options. */
int read_settings(int argc, char **argv, struct settings *settings);

#endif
