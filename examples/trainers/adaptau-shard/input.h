/* SPDX-License-Identifier: MIT */
/* Pairs from a file, one after the other, in memory that does not grow with it. */
#ifndef ADAPTAU_SHARD_INPUT_H
#define ADAPTAU_SHARD_INPUT_H

#include "common/read_data.h"

/* By the name and the first line: safetensors with "indptr" (I64 or I32) and "indices" (I32 or I64), the compressed rows of
 * users; a table with columns of users and items that are whole numbers (common/layout.h); or "user item item ...".
 * Notes the largest ids in *extent. */
adaptau_status input_read(const char *path, pair_visitor visit, void *user_data, struct id_extent *extent,
                          adaptau_error *error);

#endif
