/* SPDX-License-Identifier: MIT */
/* Prototypes: the centroids of clusters of raw rows, which contrast pulls rows to (NCL). */
#ifndef ATAU_PROTOTYPES_H
#define ATAU_PROTOTYPES_H

#include "common/arena.h"
#include "model/tables.h"

/* Zeroed: there are none. */
struct atau_prototypes {
    uint64_t          update; /* how many updates there were: each has draws of its own                       */
    struct atau_arena arena;  /* holds the arrays                                                             */
    int32_t           n;      /* prototypes of each side; 0: none                                             */
    float            *centroids[2]; /* [n x d]                                                                */
    int32_t          *clusters[2];  /* [rows] the nearest one of each raw row                                 */
};

void atau_prototypes_free(struct atau_prototypes *prototypes, adaptau_context *context);

/* Find n prototypes of each side, 1 <= n <= rows. A failure may leave none. @return E_NUMERIC for a raw row that is not finite. */
adaptau_status atau_prototypes_update(struct atau_prototypes *prototypes, const struct atau_raw_tables *tables, int32_t n,
                                      adaptau_error *error);

#endif
