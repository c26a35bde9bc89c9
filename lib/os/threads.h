/* SPDX-License-Identifier: MIT */
/* Threads and what they wait for: POSIX threads, or Windows' own, so that no other library comes between. */
#ifndef ATAU_OS_THREADS_H
#define ATAU_OS_THREADS_H

#include <stdint.h>

#ifdef _WIN32

/* SRWLOCK, CONDITION_VARIABLE and HANDLE without <windows.h>, which defines words that others use. */
struct atau_mutex {
    void *lock;
};
struct atau_condition {
    void *variable;
};
struct atau_thread {
    void *handle;
    void (*run)(void *argument);
    void *argument;
};

#else

#include <pthread.h>

struct atau_mutex {
    pthread_mutex_t mutex;
};
struct atau_condition {
    pthread_cond_t condition;
};
struct atau_thread {
    pthread_t thread;
    void (*run)(void *argument);
    void *argument;
};

#endif

void atau_mutex_init(struct atau_mutex *mutex);
void atau_mutex_destroy(struct atau_mutex *mutex);
void atau_mutex_lock(struct atau_mutex *mutex);
int  atau_mutex_try_lock(struct atau_mutex *mutex); /* whether it is locked now                               */
void atau_mutex_unlock(struct atau_mutex *mutex);

void atau_condition_init(struct atau_condition *condition);
void atau_condition_destroy(struct atau_condition *condition);
/* Wakes without a signal, too: ask again what was waited for. */
void atau_condition_wait(struct atau_condition *condition, struct atau_mutex *mutex);
void atau_condition_signal(struct atau_condition *condition);
void atau_condition_broadcast(struct atau_condition *condition);

/* Run a function on a thread of its own, which no signal reaches: signals are the host's business. *thread stays where it is
 * until the thread is joined. Returns 0 or a number of errno. */
int  atau_thread_start(struct atau_thread *thread, void (*run)(void *argument), void *argument);
void atau_thread_join(struct atau_thread *thread);

/* A number of the calling thread, never 0, that no other living one has. */
uintptr_t atau_thread_self(void);

/* Let others run for about 50 microseconds, or for as short as the system can. */
void atau_nap(void);

#endif
