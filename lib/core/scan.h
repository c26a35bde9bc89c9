/* SPDX-License-Identifier: MIT */
/* Scores of many users against all items, a tile at a time: what ranking and likelihoods have in common. */
#ifndef ATAU_SCAN_H
#define ATAU_SCAN_H

#include "common/arena.h"
#include "core/score_sides.h"

/* Items of a tile: 60 KiB of scores with a full block. A multiple of the row counts that products are made of (6 and 4):
 * what is left over is slower. */
#define ATAU_SCAN_LINES 120

/* Lists of items, each ascending: of each user, or of whatever `of` says. */
struct atau_item_lists {
    const int64_t *ptr; /* [lists + 1]                                                                        */
    const int32_t *ids; /* [ptr[lists]]                                                                       */
    const int32_t *of;  /* [n] the list of each position of a request; NULL: that of its user                 */
};

/* Which users are scored, and which cells are −inf. Ids and sizes have been checked. */
struct atau_scan_request {
    int64_t                       n;     /* users                                                             */
    const int32_t                *users; /* [n] ids, or NULL: 0 … n − 1                                       */
    int32_t                       n_masks;
    const struct atau_item_lists *masks; /* [n_masks]                                                         */
};

/* The user at a position of the request. */
int32_t atau_scan_user(const struct atau_scan_request *request, int64_t position);

/* Positions first … first + n of a request are one block, scored on one lane. Column r of a tile is position first + r. */
struct atau_scan_block {
    int32_t lane;
    int64_t first;
    int64_t n;
    int64_t width; /* of the widest block: the stride of tiles                                                */
};

/* What is done with the scores. Called on lanes; a block's tiles come in ascending order of items. */
struct atau_scan_visitor {
    void *argument;
    /* A lane's memory for blocks of `width` users, taken once to count and once for good (common/arena.h). */
    void (*lay_out)(void *argument, struct atau_arena *arena, int32_t lane, int64_t width);
    void (*begin)(void *argument, const struct atau_scan_block *block);
    /* scores[j][r], [lines x n] with the stride block->width, of items item … item + lines − 1. */
    void (*tile)(void *argument, const struct atau_scan_block *block, int64_t item, int64_t lines, const float *scores);
    void (*end)(void *argument, const struct atau_scan_block *block);
    /* A visitor that does without scores that are not above what it has already has both of these: the score of each column
     * that a cell must be above to matter, [n], asked for every few items; and such cells, line << 16 | column, with their
     * scores, instead of a tile. It may get a tile all the same. Or both are NULL. */
    const float *(*thresholds)(void *argument, const struct atau_scan_block *block);
    void (*cells)(void *argument, const struct atau_scan_block *block, int64_t item, int64_t n_cells, const uint32_t *cells,
                  const float *scores);
    int64_t n_kept; /* a column's threshold is the score of so many cells                                     */
};

/* `most_users` bounds a block, for visitors that need much memory for each user. `what` names the memory in E_MEMORY. */
adaptau_status atau_scan(const struct atau_score_sides *sides, const struct atau_scan_request *request,
                         const struct atau_scan_visitor *visitor, int64_t most_users, const char *what, adaptau_error *error);

#endif
