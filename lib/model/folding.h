/* SPDX-License-Identifier: MIT */
/* How new users of a model are to be folded in: what the host said with the model, for a program that has nothing but the model's
 * file. */
#ifndef ATAU_FOLDING_H
#define ATAU_FOLDING_H

#include <adaptau/fold_in.h>
#include <adaptau/model.h>

#include <stdbool.h>

#include "common/context.h"
#include "model/tables.h"

struct atau_folding {
    bool                    present;
    adaptau_fold_in_options options; /* as the host gave them                                                 */
    float                  *log_q;   /* [m] how the catalogue weighs, NULL: all items alike                   */
    bool                    viewed;  /* which is in constant memory of somebody else's                        */
};

bool atau_folding_knows_policy(int32_t tau_user_policy);

/* What is wrong with options whatever the model is. @return E_ARGUMENT, E_NUMERIC. */
adaptau_status atau_folding_check(const adaptau_fold_in_options *options, adaptau_error *error);

/* Take options, and the popularity of the dataset's items where they ask for it; what was there goes. @return E_MEMORY: nothing
 * has changed. */
adaptau_status atau_folding_set(struct atau_folding *folding, const struct atau_raw_tables *tables, const adaptau_dataset *dataset,
                                const adaptau_fold_in_options *options, adaptau_error *error);

/* Room for log_q, with nothing in it yet. @return E_MEMORY. */
adaptau_status atau_folding_make_log_q(struct atau_folding *folding, const struct atau_raw_tables *tables, adaptau_error *error);

/* Before the tables close. */
void atau_folding_free(struct atau_folding *folding, const struct atau_raw_tables *tables);

#endif
