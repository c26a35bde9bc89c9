/* SPDX-License-Identifier: MIT */
/* Recommendations in JSON: objects, one after the other or within others, that have a user and an array of items:
 *
 *      {"user": "ann", "items": [{"item": "b", "score": 0.9}, {"item": "c"}]}      as adaptau-recommend writes them
 *      {"user_id": 7, "recommendations": [318, 50]}
 *
 * Items stand best first; scores beside them are not read. */
#ifndef ADAPTAU_EVALUATE_READ_JSON_H
#define ADAPTAU_EVALUATE_READ_JSON_H

#include "adaptau-evaluate/entries.h"
#include "common/text.h"

/* From where the text stands to its end. E_FORMAT with the place of what is no JSON, or no list. */
adaptau_status read_json(struct text *text, struct entries *entries, adaptau_error *error);

#endif
