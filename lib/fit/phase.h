/* SPDX-License-Identifier: MIT */
/* One training inside a fit: run over epochs, reported to the host's callbacks, judged by held-out interactions. */
#ifndef ATAU_FIT_PHASE_H
#define ATAU_FIT_PHASE_H

#include <adaptau/fit.h>

#include <stdbool.h>

struct atau_phase {
    /* the caller's to set */
    adaptau_context           *context;
    const adaptau_dataset     *dataset;
    const adaptau_dataset     *held_out; /* that judges epochs, or NULL                                         */
    const adaptau_recipe      *recipe;
    const adaptau_fit_options *options; /* with their defaults filled in                                        */
    int32_t                    number;   /* ADAPTAU_FIT_*                                                       */
    int64_t                    n_epochs; /* at most                                                             */
    bool                       keeps_best; /* the model is that of the best epoch                               */

    /* results */
    adaptau_model *model; /* the caller's to destroy, also after a failure                                      */
    bool           stopped; /* by a callback                                                                    */
    int64_t        n_epochs_done; /* whole ones                                                                 */
    int64_t        best_epoch;    /* counted from 1; 0: none has been judged                                    */
    double         recall, ndcg;  /* of the best epoch                                                          */
    double         loss, tau0;    /* of the model's last epoch                                                  */
};

/* E_CANCELLED where a callback asks for it. */
adaptau_status atau_phase_run(struct atau_phase *phase, adaptau_error *error);

#endif
