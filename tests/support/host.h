/* SPDX-License-Identifier: MIT */
/* A host's allocator and executor, which count and which fail when told to. */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <adaptau/context.h>

#include <check.h>
#include <stdbool.h>

#include "fenced_memory.h"
#include "portable.h"

struct host {
    int64_t allocations;      /* made so far                                                                  */
    int64_t allocations_left; /* until one fails; then all fail, or with fails_once it alone                  */
    bool    fails_once;
    int64_t bytes;      /* that the library has and has not given back                                        */
    int64_t executions; /* asked for so far                                                                   */
    int64_t failing_execution; /* from 0; negative: none                                                      */
    int32_t failing_lanes;     /* that it runs before it fails                                                */
    void (*inside)(void);      /* called at the beginning of each execution, or NULL                          */
};

/* Nothing fails. */
static inline struct host new_host(void)
{
    return (struct host){.allocations_left = INT64_MAX, .failing_execution = -1};
}

/* Whether one of those has been asked for that are to fail: then the call may not succeed. */
static inline bool host_has_failed(const struct host *host)
{
    return host->allocations_left < 0 || (host->failing_execution >= 0 && host->executions > host->failing_execution);
}

static inline void *host_allocate(void *user_data, size_t size, size_t alignment)
{
    struct host *host = user_data;
    int64_t      left = host->allocations_left--;
    host->allocations++;
    if (left == 0 || (left < 0 && !host->fails_once))
        return NULL;
    host->bytes += (int64_t)size;
    return fenced_allocate(NULL, size, alignment);
}

static inline void host_free(void *user_data, void *block, size_t size)
{
    ((struct host *)user_data)->bytes -= (int64_t)size;
    fenced_free(NULL, block, size);
}

/* Lanes one after the other, the last one first. */
static inline int32_t host_execute(void *user_data, int32_t n_lanes, adaptau_lane_function lane, void *argument)
{
    struct host *host = user_data;
    bool         fails = host->executions++ == host->failing_execution;
    if (host->inside)
        host->inside();
    for (int32_t i = (fails ? host->failing_lanes : n_lanes) - 1; i >= 0; i--)
        lane(argument, i);
    return fails ? 3 : 0;
}

/* Options of a context with the host's memory; with its threads too where `executes`. */
static inline adaptau_context_options host_options(struct host *host, int32_t n_threads, bool executes)
{
    return (adaptau_context_options){.struct_size = sizeof(adaptau_context_options),
                                     .n_threads = n_threads,
                                     .executor = executes ? host_execute : NULL,
                                     .executor_data = host,
                                     .allocate = host_allocate,
                                     .free = host_free,
                                     .allocator_data = host};
}

/* A context with them, in which nothing fails yet. */
static inline adaptau_context *open_host(struct host *host, int32_t n_threads, bool executes)
{
    adaptau_context_options options = host_options(host, n_threads, executes);
    adaptau_context        *opened = NULL;
    *host = new_host();
    ck_assert_int_eq(adaptau_context_create(&options, &opened, NULL), ADAPTAU_OK);
    return opened;
}

#endif
