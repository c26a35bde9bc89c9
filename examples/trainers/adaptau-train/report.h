/* SPDX-License-Identifier: MIT */
/* The result, for people and for programs. */
#ifndef ADAPTAU_TRAIN_REPORT_H
#define ADAPTAU_TRAIN_REPORT_H

#include "adaptau-train/run.h"
#include "common/json.h"

/* "recall@10": ..., for every metric and cutoff. */
void json_scores(struct json *json, const struct scores *scores, const struct cutoffs *cutoffs);

/* "version" */
void json_version(struct json *json);

void report_table(const struct run *run);

/* One object, and a newline. */
void report_json(const struct run *run);

#endif
