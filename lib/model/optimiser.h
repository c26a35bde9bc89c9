/* SPDX-License-Identifier: MIT */
/* Adam on the raw tables. */
#ifndef ATAU_OPTIMISER_H
#define ATAU_OPTIMISER_H

#include "model/gradients.h"
#include "model/tables.h"

#define ATAU_OPTIMISED 3 /* tables: the users', the items' and the encoder's own                               */

/* What Adam knows of one table. */
struct atau_moments_of_table {
    double   learning_rate;
    double   beta1;
    float   *first;  /* [n_rows x d] NULL until the first step                                                */
    float   *second; /* the same, or [n_rows] with row_second_moment                                          */
    int32_t *steps;  /* [n_rows] how often each row was touched                                               */
};

struct atau_optimiser {
    bool                         row_second_moment;
    double                       beta2, epsilon, weight_decay;
    struct atau_moments_of_table of[ATAU_OPTIMISED]; /* the encoder's has the items' learning rate and beta1   */
};

/* The table that of[k] belongs to. */
struct atau_table       *atau_optimised_table(struct atau_raw_tables *tables, int k);
const struct atau_table *atau_optimised_const_table(const struct atau_raw_tables *tables, int k);

/* Numbers per row of the second moments. */
static inline int64_t atau_second_columns(const struct atau_optimiser *optimiser, const struct atau_raw_tables *tables)
{
    return optimiser->row_second_moment ? 1 : tables->dim;
}

/* Rates and decays: 0 becomes the default of model.h. */
void atau_optimiser_set(struct atau_optimiser *optimiser, const adaptau_model_options *options);

/* The options that atau_optimiser_set would take for it, of which 0 would be a default. */
void atau_optimiser_recall(const struct atau_optimiser *optimiser, adaptau_model_options *options);

void atau_optimiser_free(struct atau_optimiser *optimiser, const struct atau_raw_tables *tables);

/* Zeroed moments of table k, where there are none. */
adaptau_status atau_optimiser_make_moments(struct atau_optimiser *optimiser, const struct atau_raw_tables *tables, int k,
                                           adaptau_error *error);

/* Whether table k has been stepped, or read from a checkpoint. */
bool atau_optimiser_has_moments(const struct atau_optimiser *optimiser, int k);

/* Step all tables. They are whole after a failure if gradients->present still says so. */
adaptau_status atau_optimiser_step(struct atau_optimiser *optimiser, struct atau_raw_tables *tables,
                                   struct atau_gradients *gradients, adaptau_error *error);

#endif
