/* SPDX-License-Identifier: MIT */
/* Adam on rows of a table: the model's, or any of a host's. */
#ifndef ATAU_ADAM_H
#define ATAU_ADAM_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

struct atau_adam_rows {
    const struct atau_kernels *kernels;
    int64_t        dim;
    int64_t        n;         /* gradients                                                                    */
    const int32_t *ids;       /* [n] row of each; NULL: 0 … n − 1                                             */
    const float   *gradients; /* of the k-th in row k, or in row ids[k]                                       */
    int64_t        gradient_stride;
    bool           by_id;
    bool           shared;    /* one second moment for a row                                                  */
    bool           to_sphere;
    double         learning_rate, beta1, beta2, epsilon, decay;
    float         *rows;
    int64_t        stride;
    float         *first, *second;
    int32_t       *steps;
};

int64_t atau_adam_tasks(const struct atau_adam_rows *rows);
void    atau_adam_step(const struct atau_adam_rows *rows, int64_t task);

#endif
