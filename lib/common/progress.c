/* SPDX-License-Identifier: MIT */
#include "common/progress.h"

#include <inttypes.h>

#include "common/error.h"

#define CHUNKS 64         /* of a call: enough for a bar, and for a key that is pressed                        */
#define LEAST_PER_LANE 2  /* pieces: lanes should seldom wait for the last one of a chunk                      */

adaptau_status atau_progress(const adaptau_context *context, int32_t what, int64_t done, int64_t total, adaptau_error *error)
{
    static const char *const names[] = {
        [ADAPTAU_PROGRESS_RANKING] = "users that are scored",
        [ADAPTAU_PROGRESS_SPECTRAL] = "products of the spectral start",
        [ADAPTAU_PROGRESS_TARGETS] = "products of soft targets",
        [ADAPTAU_PROGRESS_FOLD_IN] = "users that are folded in",
    };
    const int32_t answer = context->progress ? context->progress(context->progress_data, what, done, total) : 0;
    return answer == 0 ? ADAPTAU_OK
                       : atau_fail(error, ADAPTAU_E_CANCELLED, "progress answered %d after %" PRId64 " of %" PRId64 " %s", answer,
                                   done, total, names[what]);
}

int64_t atau_progress_chunk(const adaptau_context *context, int64_t total)
{
    const int64_t least = (int64_t)context->options.n_threads * LEAST_PER_LANE, even = (total + CHUNKS - 1) / CHUNKS;
    return !context->progress ? total : even > least ? even : least;
}
