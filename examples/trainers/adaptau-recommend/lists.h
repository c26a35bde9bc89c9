/* SPDX-License-Identifier: MIT */
/* Ranked lists, some at a time. */
#ifndef ADAPTAU_RECOMMEND_LISTS_H
#define ADAPTAU_RECOMMEND_LISTS_H

#include "adaptau-recommend/catalog.h"
#include "adaptau-recommend/seen.h"

#define LISTS_AT_ONCE 256

struct lists {
    int32_t  k;
    int32_t *found;  /* [LISTS_AT_ONCE x k] rows of items or users, -1 where fewer are left */
    float   *scores; /* [LISTS_AT_ONCE x k] */
};

adaptau_status lists_allocate(struct lists *lists, int32_t k, adaptau_error *error);
void           lists_free(struct lists *lists);

/* Items that may be in a list. All zero: every item. */
struct choice {
    const struct seen *seen;               /* what users have is left out; or NULL */
    int32_t           *allowed, n_allowed; /* ascending; NULL: all */
    int32_t           *excluded, n_excluded; /* ascending */
};

/* The items for `n` users, at most LISTS_AT_ONCE, of the model: list i is that of users[i]. */
adaptau_status rank_for_users(const struct catalog *catalog, const struct choice *choice, int32_t n, const int32_t *users,
                              struct lists *lists, adaptau_error *error);

/* One list for somebody who has these items, ascending and different, and is not in the model: its user is folded in, with this τ₀, or
 * 0: as the model says, and with 0.1 where it does not. */
adaptau_status rank_from_items(const struct catalog *catalog, const struct choice *choice, int32_t n, const int32_t *items,
                               double tau, struct lists *lists, adaptau_error *error);

/* The rows of the same table, items or users, that are most similar to `row`, by cosine; itself left out. Of items the choice is
 * kept. */
adaptau_status rank_similar(const struct catalog *catalog, const struct choice *choice, bool items, int32_t row,
                            struct lists *lists, adaptau_error *error);

/* What stands behind a recommendation. */
struct reason {
    int32_t item;
    double  similarity;
};

/* Of a user's items, those most similar to `item` by cosine, the most similar first, of equal ones the lower row first. A user of
 * MF is folded in from the mean of its items' directions, so this cosine is, up to a factor that all of them share, what each of
 * them adds to the score before the steps of descent. Those
 * whose cosine is not positive speak against it, and are left out. Returns how many, at
 * most `most`. */
int32_t find_reasons(const struct catalog *catalog, int32_t item, int32_t n_own, const int32_t *own, int32_t most,
                     struct reason *reasons);

/* The items with the most interactions in choice->seen, whose scores are those. */
adaptau_status rank_popular(const struct catalog *catalog, const struct choice *choice, struct lists *lists,
                            adaptau_error *error);

#endif
