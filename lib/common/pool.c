/* SPDX-License-Identifier: MIT */
/* A pool of n - 1 workers. A call publishes one job under the mutex; workers and caller take lanes, and lanes take tasks from
 * a counter. Workers spin for a moment before they sleep: the engine issues thousands of short jobs in a row, and a futex
 * round trip costs as much as a small tile. */
#include "common/pool.h"

#include <stdbool.h>
#include <string.h>

#include "common/error.h"
#include "common/float_mode.h"
#include "common/size.h"
#include "os/system.h"
#include "os/threads.h"

#define SPINS 4000

struct job {
    atau_task_function task;
    void              *argument;
    int64_t            n_tasks;
    atau_float_mode    float_mode; /* of the thread that made the call                                        */
    _Atomic int64_t    next;
};

struct atau_pool {
    struct atau_mutex     entry; /* held by the caller whose job is running                                   */
    struct atau_mutex     mutex; /* guards the sleepers                                                       */
    struct atau_condition wake;
    struct atau_condition idle;
    struct job           *job;
    _Atomic uint32_t      generation; /* one more for every job                                               */
    _Atomic int32_t       running;    /* workers that have not finished the present job                       */
    _Atomic int32_t       quit;
    int32_t               n_workers;
    int32_t               owner; /* a forked child inherits the struct, not the threads                       */
    struct worker {
        struct atau_pool  *pool;
        struct atau_thread thread;
        int32_t            lane;
    } workers[];
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void run_tasks(struct job *job, int32_t lane)
{
    for (;;) {
        int64_t task = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (task >= job->n_tasks)
            return;
        job->task(job->argument, lane, task);
    }
}

/* All lanes round as the caller does, so that a host's mode does not make results depend on threads. */
static void run_lane(struct job *job, int32_t lane)
{
    const atau_float_mode own = atau_float_mode_get();
    atau_float_mode_set(job->float_mode);
    run_tasks(job, lane);
    atau_float_mode_set(own);
}

/* Wait until the generation differs from `seen` (or the pool quits); false to quit. */
static int await_job(struct atau_pool *pool, uint32_t seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&pool->generation) != seen)
            return !atomic_load(&pool->quit);
        pause_briefly();
    }
    atau_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->generation) == seen)
        atau_condition_wait(&pool->wake, &pool->mutex);
    atau_mutex_unlock(&pool->mutex);
    return !atomic_load(&pool->quit);
}

static void work(void *argument)
{
    struct worker    *worker = argument;
    struct atau_pool *pool = worker->pool;
    uint32_t          seen = 0;
    while (await_job(pool, seen)) {
        seen++;
        run_lane(pool->job, worker->lane);
        if (atomic_fetch_sub(&pool->running, 1) == 1) {
            atau_mutex_lock(&pool->mutex);
            atau_condition_signal(&pool->idle);
            atau_mutex_unlock(&pool->mutex);
        }
    }
}

static void publish(struct atau_pool *pool, struct job *job)
{
    pool->job = job;
    atomic_store(&pool->running, pool->n_workers);
    atau_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    atau_condition_broadcast(&pool->wake);
    atau_mutex_unlock(&pool->mutex);
}

static void await_workers(struct atau_pool *pool)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&pool->running) == 0)
            return;
        pause_briefly();
    }
    atau_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->running) != 0)
        atau_condition_wait(&pool->idle, &pool->mutex);
    atau_mutex_unlock(&pool->mutex);
}

static void run_host_lane(void *argument, int32_t lane)
{
    run_lane(argument, lane);
}

/* Whether others may wait for this thread, among them the threads that the host's executor would need. */
static bool is_alone(const adaptau_context *context)
{
    return atomic_load_explicit(&context->alone, memory_order_relaxed) == atau_thread_self();
}

adaptau_status atau_parallel(adaptau_context *context, int64_t n_tasks, atau_task_function task, void *argument,
                             adaptau_error *error)
{
    struct job job = {
        .task = task, .argument = argument, .n_tasks = n_tasks, .float_mode = atau_float_mode_get(), .next = 0};
    if (context->options.executor && n_tasks > 1 && !is_alone(context)) {
        int32_t lanes = (int32_t)(n_tasks < context->options.n_threads ? n_tasks : context->options.n_threads);
        int32_t failed = context->options.executor(context->options.executor_data, lanes, run_host_lane, &job);
        if (failed)
            return atau_fail(error, ADAPTAU_E_CALLBACK, "the host's executor returned %d", failed);
        if (atomic_load(&job.next) < n_tasks)
            return atau_fail(error, ADAPTAU_E_CALLBACK, "the host's executor left lanes out");
        return ADAPTAU_OK;
    }
    struct atau_pool *pool = context->pool;
    if (pool && n_tasks > 1 && atau_process() == pool->owner && atau_mutex_try_lock(&pool->entry)) {
        publish(pool, &job);
        run_lane(&job, 0);
        await_workers(pool);
        atau_mutex_unlock(&pool->entry);
        return ADAPTAU_OK;
    }
    run_lane(&job, 0);
    return ADAPTAU_OK;
}

static size_t pool_size(int32_t n_workers)
{
    return sizeof(struct atau_pool) + (size_t)n_workers * sizeof(struct worker);
}

static void stop_workers(struct atau_pool *pool, int32_t n_started)
{
    atomic_store(&pool->quit, 1);
    atau_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    atau_condition_broadcast(&pool->wake);
    atau_mutex_unlock(&pool->mutex);
    for (int32_t i = 0; i < n_started; i++)
        atau_thread_join(&pool->workers[i].thread);
}

static void free_pool(adaptau_context *context, struct atau_pool *pool)
{
    atau_condition_destroy(&pool->wake);
    atau_condition_destroy(&pool->idle);
    atau_mutex_destroy(&pool->mutex);
    atau_mutex_destroy(&pool->entry);
    atau_free(context, pool, pool_size(pool->n_workers));
}

adaptau_status atau_pool_create(adaptau_context *context, int32_t n_workers, struct atau_pool **out, adaptau_error *error)
{
    size_t            size = pool_size(n_workers);
    struct atau_pool *pool = atau_allocate(context, size);
    if (!pool)
        return atau_fail_memory(error, size, "the thread pool");
    memset(pool, 0, size);
    pool->n_workers = n_workers;
    pool->owner = atau_process();
    atau_mutex_init(&pool->entry);
    atau_mutex_init(&pool->mutex);
    atau_condition_init(&pool->wake);
    atau_condition_init(&pool->idle);

    int     failure = 0;
    int32_t started = 0;
    for (; started < n_workers && !failure; started++) {
        pool->workers[started].pool = pool;
        pool->workers[started].lane = started + 1;
        failure = atau_thread_start(&pool->workers[started].thread, work, &pool->workers[started]);
    }
    if (failure) {
        stop_workers(pool, started - 1);
        free_pool(context, pool);
        atau_fail_os(error, failure, "cannot start thread %d of %d", started, n_workers);
        if (error)
            error->status = ADAPTAU_E_THREAD;
        return ADAPTAU_E_THREAD;
    }
    *out = pool;
    return ADAPTAU_OK;
}

/* In a forked child the threads do not exist, and neither mutex nor condition variable may be destroyed while the parent's
 * copies are in use by them: only the memory goes. */
void atau_pool_destroy(adaptau_context *context, struct atau_pool *pool)
{
    if (!pool)
        return;
    if (atau_process() != pool->owner) {
        atau_free(context, pool, pool_size(pool->n_workers));
        return;
    }
    stop_workers(pool, pool->n_workers);
    free_pool(context, pool);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

struct rows_call {
    atau_rows_function rows;
    void              *argument;
    int64_t            n, per_task;
};

static void run_rows(void *argument, int32_t lane, int64_t task)
{
    const struct rows_call *call = argument;
    const int64_t           first = task * call->per_task;
    call->rows(call->argument, lane, first, atau_min_i64(first + call->per_task, call->n));
}

adaptau_status atau_parallel_rows(adaptau_context *context, int64_t n, int64_t per_task, atau_rows_function rows, void *argument,
                                  adaptau_error *error)
{
    struct rows_call call = {rows, argument, n, per_task};
    return atau_parallel(context, (n + per_task - 1) / per_task, run_rows, &call, error);
}
