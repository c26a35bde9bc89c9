/* SPDX-License-Identifier: MIT */
/* Parallel calls, on the context's own threads or the host's. */
#ifndef ATAU_POOL_H
#define ATAU_POOL_H

#include "common/context.h"

/* One task of a parallel call. `lane` is below adaptau_context_n_threads(context) and differs between tasks that run at the
 * same time: it picks scratch memory. */
typedef void (*atau_task_function)(void *argument, int32_t lane, int64_t task);

/* Run task(argument, lane, t) for every t in [0, n_tasks), in any order, and wait. What a task computes must not depend on its
 * lane. When the pool is busy with another caller's work, and in a forked child, everything runs on this thread as lane 0. */
adaptau_status atau_parallel(adaptau_context *context, int64_t n_tasks, atau_task_function task, void *argument,
                             adaptau_error *error);

/* Rows first … end − 1 of a call. */
typedef void (*atau_rows_function)(void *argument, int32_t lane, int64_t first, int64_t end);

/* The same for all rows of [0, n), in tasks of per_task rows each. */
adaptau_status atau_parallel_rows(adaptau_context *context, int64_t n, int64_t per_task, atau_rows_function rows, void *argument,
                                  adaptau_error *error);

/* n_workers threads beside the caller's. */
adaptau_status atau_pool_create(adaptau_context *context, int32_t n_workers, struct atau_pool **out, adaptau_error *error);
void           atau_pool_destroy(adaptau_context *context, struct atau_pool *pool);

#endif
