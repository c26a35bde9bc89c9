/* SPDX-License-Identifier: MIT */
/* The raw tables, which are trained, and how scores are made of embeddings. */
#ifndef ATAU_RAW_TABLES_H
#define ATAU_RAW_TABLES_H

#include <adaptau/model.h>

#include <stdbool.h>

#include "common/context.h"
#include "core/score_sides.h"

/* Embeddings of both sides, [n x d] and [m x d]. Of a model in a file a side may be in binary16: then it has no float32 rows. */
struct atau_embeddings {
    float             *rows[2];
    int64_t            stride[2];
    struct atau_halves halves[2];
};

/* A row where it is, or, of halves, in scratch[dim]. */
const float *atau_embedding(const struct atau_embeddings *embeddings, const struct atau_kernels *kernels, int side, int64_t r, int64_t dim,
                            float *scratch);

/* Whether a side is in binary16. */
static inline bool atau_embeddings_are_halves(const struct atau_embeddings *embeddings)
{
    return embeddings->halves[0].rows || embeddings->halves[1].rows;
}

struct atau_table {
    int32_t n_rows;
    bool    raw;    /* scores take the rows as they are                                                       */
    bool    sphere; /* rows start on the unit sphere and return to it after every step                        */
    bool    owned;  /* the memory is ours                                                                     */
    float  *rows;   /* [n_rows x d]                                                                           */
    int64_t stride;
    struct atau_halves halves; /* of a model that is in a file: what there is instead of rows                 */
};

struct atau_raw_tables {
    adaptau_context  *context;
    int32_t           dim;
    uint64_t          seed; /* names all that a model draws, from the first rows on */
    bool              free_length;   /* final embeddings have any length                                      */
    bool              unit_raw_rows; /* an encoder's raw rows have length 1                                   */
    bool              rank_raw;      /* items are ranked by final embeddings as they are                      */
    bool              any_length;    /* the host has written rows that belong on the sphere: until the next step they are scored
                                        at whatever length they have                                         */
    bool              bfloat16;      /* training multiplies in bfloat16                                       */
    bool              read_only;     /* rows and bias are constant memory of somebody else's                  */
    struct atau_table side[2];       /* ADAPTAU_SIDE_USERS, ADAPTAU_SIDE_ITEMS                                */
    struct atau_table own;           /* the encoder's own parameters, or no rows                              */
    float            *item_bias;     /* [m] or NULL                                                           */
};

/* ---- life ---------------------------------------------------------------------------------------------------------- */

/* Zeroed tables, or the host's where the options give them; or, read-only, those of a view, which is NULL otherwise. Of the options
 * flags, dim and the host's tables count. identity: final embeddings are the raw rows. After a failure, too, atau_tables_close frees
 * what there is. */
adaptau_status atau_tables_open(struct atau_raw_tables *tables, adaptau_context *context, int32_t n_users, int32_t n_items,
                                bool identity, const adaptau_model_options *options, const struct atau_embeddings *view,
                                adaptau_error *error);
void           atau_tables_close(struct atau_raw_tables *tables);

/* Room for an encoder's own parameters, in somebody's memory where that is given. */
adaptau_status atau_tables_open_own(struct atau_raw_tables *tables, int32_t n_rows, float *host, adaptau_error *error);

/* Allocate the item bias, with nothing in it yet. */
adaptau_status atau_tables_make_bias(struct atau_raw_tables *tables, adaptau_error *error);

/* The item bias of tables that are read-only. */
void atau_tables_borrow_bias(struct atau_raw_tables *tables, const float *bias);

/* Copy bias[m], or take the bias away: NULL. */
adaptau_status atau_tables_set_bias(struct atau_raw_tables *tables, const float *bias, adaptau_error *error);

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

/* Rows to length 1, of tables that are on the unit sphere. */
void atau_tables_to_sphere(struct atau_raw_tables *tables);

/* Rows to length 1 that rounding has taken off the sphere, of a side that is on it. */
void atau_tables_round_back(struct atau_raw_tables *tables, int side);

/* Whether scores divide a side's rows by their lengths as they read them: who reads rows past the scorer must do so, too. */
bool atau_tables_normalise(const struct atau_raw_tables *tables, int side);

/* Such a row has no direction: it scores 0 on the sphere as off it (adaptau_model_settle_users). */
bool atau_is_row_of_zeros(int32_t dim, const float *row);

/* E_NUMERIC with another message where it is the host that has taken rows off the sphere, and has not said so; else `status`. */
adaptau_status atau_tables_explain(const struct atau_raw_tables *tables, adaptau_status status, adaptau_error *error);

/* Rows in the host's memory were written: those that belong on the sphere and are not have any length, until
 * atau_tables_bring_back brings them there. */
void atau_tables_written_by_host(struct atau_raw_tables *tables);
void atau_tables_bring_back(struct atau_raw_tables *tables);

/* E_NUMERIC names the first row that is not finite, of names[side]. */
adaptau_status atau_tables_check_finite(const struct atau_raw_tables *tables, const char *const names[2], adaptau_error *error);

struct atau_embeddings atau_tables_raw(const struct atau_raw_tables *tables);

/* ---- scores -------------------------------------------------------------------------------------------------------- */

/* Embeddings as training scores them. */
struct atau_tables atau_tables_view(const struct atau_raw_tables *tables, const struct atau_embeddings *embeddings);

/* Embeddings as items are ranked by them. */
struct atau_tables atau_tables_ranking_view(const struct atau_raw_tables *tables, const struct atau_embeddings *embeddings);

#endif
