/* SPDX-License-Identifier: MIT */
/* Data sets of the paper, recognised by their shape, and the figures that it prints for them. */
#ifndef ADAPTAU_REPRODUCE_KNOWN_H
#define ADAPTAU_REPRODUCE_KNOWN_H

#include <stdint.h>

/* Rows of the paper's tables. */
#define PRINTED_NONE 0
#define PRINTED_NO_NORM 1
#define PRINTED_GRID 2
#define PRINTED_C_TAU 3
#define PRINTED_CU_TAU 4
#define PRINTED_ADAP_TAU0 5
#define PRINTED_ADAP_TAU 6
#define N_PRINTED 7

/* 0 where the paper prints nothing that we know of. */
struct printed {
    double recall, ndcg; /* @20 */
};

struct known {
    const char    *name;  /* "gowalla": in file names */
    const char    *title; /* "Gowalla" */
    int32_t        n_users, n_items;
    struct printed mf[N_PRINTED];
    struct printed lightgcn[N_PRINTED];
    double         tau0_eq14, tau0_eq34; /* at convergence */
    double         levels[3];            /* of recall@20, to time; 0: none */
    const char    *timing;               /* what the authors' program takes, or NULL */
};

/* NULL: none of them. */
const struct known *known_by_shape(int32_t n_users, int32_t n_items);

/* By encoder (ADAPTAU_ENCODER_*) and row; zeros for no data set and PRINTED_NONE. */
struct printed known_figures(const struct known *known, int32_t encoder, int row);

#endif
