/* SPDX-License-Identifier: MIT */
/* What a cell keeps of its training besides scores: how the embeddings and temperatures moved. */
#ifndef ADAPTAU_REPRODUCE_MEASURE_H
#define ADAPTAU_REPRODUCE_MEASURE_H

#include "adaptau-reproduce/cell.h"

/* The state of an epoch that has ended, appended to the cell's series. `noise_groups` [n] or NULL. */
adaptau_status measure_epoch(struct cell *cell, const struct training *training, const struct scores *scores, int32_t cutoff,
                             const int32_t *noise_groups, adaptau_error *error);

/* The model that was chosen. */
adaptau_status measure_model(struct cell *cell, const struct trial *trial, adaptau_error *error);

#endif
