/* SPDX-License-Identifier: MIT */
#include "os/threads.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

void atau_mutex_init(struct atau_mutex *mutex)
{
    pthread_mutex_init(&mutex->mutex, NULL);
}

void atau_mutex_destroy(struct atau_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
}

void atau_mutex_lock(struct atau_mutex *mutex)
{
    pthread_mutex_lock(&mutex->mutex);
}

int atau_mutex_try_lock(struct atau_mutex *mutex)
{
    return pthread_mutex_trylock(&mutex->mutex) == 0;
}

void atau_mutex_unlock(struct atau_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->mutex);
}

void atau_condition_init(struct atau_condition *condition)
{
    pthread_cond_init(&condition->condition, NULL);
}

void atau_condition_destroy(struct atau_condition *condition)
{
    pthread_cond_destroy(&condition->condition);
}

void atau_condition_wait(struct atau_condition *condition, struct atau_mutex *mutex)
{
    pthread_cond_wait(&condition->condition, &mutex->mutex);
}

void atau_condition_signal(struct atau_condition *condition)
{
    pthread_cond_signal(&condition->condition);
}

void atau_condition_broadcast(struct atau_condition *condition)
{
    pthread_cond_broadcast(&condition->condition);
}

static void *run_thread(void *argument)
{
    const struct atau_thread *thread = argument;
    thread->run(thread->argument);
    return NULL;
}

/* A thread inherits the mask of the one that starts it. */
int atau_thread_start(struct atau_thread *thread, void (*run)(void *argument), void *argument)
{
    sigset_t all, before;
    thread->run = run;
    thread->argument = argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failure = pthread_create(&thread->thread, NULL, run_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

void atau_thread_join(struct atau_thread *thread)
{
    pthread_join(thread->thread, NULL);
}

uintptr_t atau_thread_self(void)
{
    return (uintptr_t)pthread_self();
}

void atau_nap(void)
{
    const struct timespec moment = {.tv_nsec = 50000};
    nanosleep(&moment, NULL);
}
