/* SPDX-License-Identifier: MIT */
#include "os/threads.h"

#include <errno.h>
#include <process.h>
#include <windows.h>

_Static_assert(sizeof(struct atau_mutex) == sizeof(SRWLOCK), "an SRWLOCK is a pointer");
_Static_assert(sizeof(struct atau_condition) == sizeof(CONDITION_VARIABLE), "a CONDITION_VARIABLE is a pointer");

static SRWLOCK *lock_of(struct atau_mutex *mutex)
{
    return (SRWLOCK *)&mutex->lock;
}

static CONDITION_VARIABLE *variable_of(struct atau_condition *condition)
{
    return (CONDITION_VARIABLE *)&condition->variable;
}

void atau_mutex_init(struct atau_mutex *mutex)
{
    InitializeSRWLock(lock_of(mutex));
}

void atau_mutex_destroy(struct atau_mutex *mutex)
{
    (void)mutex; /* it holds nothing of the system's                                                          */
}

void atau_mutex_lock(struct atau_mutex *mutex)
{
    AcquireSRWLockExclusive(lock_of(mutex));
}

int atau_mutex_try_lock(struct atau_mutex *mutex)
{
    return TryAcquireSRWLockExclusive(lock_of(mutex)) != 0;
}

void atau_mutex_unlock(struct atau_mutex *mutex)
{
    ReleaseSRWLockExclusive(lock_of(mutex));
}

void atau_condition_init(struct atau_condition *condition)
{
    InitializeConditionVariable(variable_of(condition));
}

void atau_condition_destroy(struct atau_condition *condition)
{
    (void)condition;
}

void atau_condition_wait(struct atau_condition *condition, struct atau_mutex *mutex)
{
    SleepConditionVariableSRW(variable_of(condition), lock_of(mutex), INFINITE, 0);
}

void atau_condition_signal(struct atau_condition *condition)
{
    WakeConditionVariable(variable_of(condition));
}

void atau_condition_broadcast(struct atau_condition *condition)
{
    WakeAllConditionVariable(variable_of(condition));
}

static unsigned __stdcall run_thread(void *argument)
{
    const struct atau_thread *thread = argument;
    thread->run(thread->argument);
    return 0;
}

/* By the C library's call, which prepares what functions such as strtod keep for each thread; CreateThread does not. */
int atau_thread_start(struct atau_thread *thread, void (*run)(void *argument), void *argument)
{
    thread->run = run;
    thread->argument = argument;
    thread->handle = (HANDLE)_beginthreadex(NULL, 0, run_thread, thread, 0, NULL);
    return thread->handle ? 0 : errno;
}

void atau_thread_join(struct atau_thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
}

uintptr_t atau_thread_self(void)
{
    return GetCurrentThreadId();
}

/* A millisecond as a rule: the system's clock ticks no faster. */
void atau_nap(void)
{
    Sleep(1);
}
