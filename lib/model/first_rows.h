/* SPDX-License-Identifier: MIT */
/* The first embeddings. Streams are keyed by the row, so a row's start depends on the seed and its id alone. */
#ifndef ATAU_FIRST_ROWS_H
#define ATAU_FIRST_ROWS_H

#include "model/tables.h"

/* By ADAPTAU_INIT_SPHERE or _XAVIER. */
void atau_first_rows_random(struct atau_raw_tables *tables, int32_t init);

/* From the dataset's singular vectors. */
adaptau_status atau_first_rows_spectral(struct atau_raw_tables *tables, const adaptau_dataset *dataset, adaptau_error *error);

/* Rows of zeros that belong on the sphere, or that a cosine normalises, cannot learn: those of some users (ids NULL: the first n) get
 * their first direction. identity: final embeddings are the raw rows. Returns whether there was one. */
bool atau_start_users(struct atau_raw_tables *tables, bool identity, int32_t n, const int32_t *ids);

/* See adaptau_model_settle_users. Returns whether a row was changed. */
bool atau_settle_users(struct atau_raw_tables *tables, const adaptau_dataset *dataset);

/* The direction of row r, of the seed alone: a row of length 1. */
void atau_first_direction(const struct atau_raw_tables *tables, int side, int64_t r, float *row);

#endif
