/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "adaptau-train-mpi/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define PROGRAM "adaptau-train-mpi"
#define LOOK_SECONDS 0.2
#define STOPPED_SECONDS 2.0 /* a debugger may stop a process for a moment                                     */
#define WAITING_FACTOR 3.0  /* who waits for the one that is stuck is patient for longer                      */

/* Shared with the child. */
struct pulse {
    _Atomic long long beats, epoch;
    _Atomic int       waiting;
};
static struct pulse *pulse;

void watch_beat(void)
{
    if (pulse)
        atomic_fetch_add_explicit(&pulse->beats, 1, memory_order_relaxed);
}

void watch_waiting(bool waiting)
{
    watch_beat();
    if (pulse)
        atomic_store(&pulse->waiting, waiting);
}

void watch_epoch(long long epoch)
{
    if (pulse)
        atomic_store(&pulse->epoch, epoch);
}

/* ---- the guardian ------------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t asked_to_end;
static pid_t                 child;

static void pass_on(int number)
{
    asked_to_end = number;
    kill(child, number);
}

/* Of Open MPI, or of any launcher by PMI. */
static const char *own_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            return getenv(names[i]);
    return "0";
}

static void report(const char *what, const char *command)
{
    char line[2048];
    int  n = snprintf(line, sizeof line, "%s: rank %s %s in epoch %lld; %s%s\n", PROGRAM, own_rank(), what,
                      atomic_load(&pulse->epoch) + 1,
                      command ? "to go on from the last whole checkpoint: " : "there is no checkpoint to go on from",
                      command ? command : "");
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
        return;
}

/* State of the child as /proc has it; 0 where that is not there. */
static char child_state(void)
{
    char  path[64], text[512] = "";
    FILE *file;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)child);
    file = fopen(path, "r");
    if (!file)
        return 0;
    size_t      n = fread(text, 1, sizeof text - 1, file);
    const char *end = strrchr(text, ')');
    fclose(file);
    return n > 0 && end && end[1] == ' ' ? end[2] : 0;
}

struct look {
    long long beats;
    double    since, stopped_since; /* of no beat; of standing still, 0: it does not                          */
};

static bool is_stuck(struct look *look, double patience, char *what, size_t size)
{
    const double    now = clock_now();
    const long long beats = atomic_load(&pulse->beats);
    const char      state = child_state();
    if (beats != look->beats || look->since == 0)
        look->since = now;
    look->beats = beats;
    if (state != 'T')
        look->stopped_since = 0;
    else if (look->stopped_since == 0)
        look->stopped_since = now;
    if (look->stopped_since > 0 && now - look->stopped_since > STOPPED_SECONDS) {
        snprintf(what, size, "is stopped");
        return true;
    }
    if (patience > 0 && now - look->since > patience * (atomic_load(&pulse->waiting) ? WAITING_FACTOR : 1.0)) {
        snprintf(what, size, "has not moved for %.0f s", now - look->since);
        return true;
    }
    return false;
}

static int guard(const char *command, double patience)
{
    struct look look = {0};
    for (;;) {
        char            what[64];
        int             status;
        pid_t           ended = waitpid(child, &status, WNOHANG);
        struct timespec pause = {.tv_nsec = (long)(LOOK_SECONDS * 1e9)};
        if (ended == child && WIFEXITED(status))
            return WEXITSTATUS(status);
        if (ended == child && WIFSIGNALED(status)) {
            if (!asked_to_end) {
                snprintf(what, sizeof what, "was killed by signal %d", WTERMSIG(status));
                report(what, command);
            }
            return 128 + WTERMSIG(status);
        }
        if (ended < 0 && errno != EINTR)
            return 1;
        if (!asked_to_end && is_stuck(&look, patience, what, sizeof what)) {
            report(what, command);
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return 1;
        }
        nanosleep(&pause, NULL);
    }
}

void watch_start(const char *command, double patience)
{
    pulse = mmap(NULL, sizeof *pulse, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pulse == MAP_FAILED) {
        pulse = NULL; /* without a guardian then                                                              */
        return;
    }
    const pid_t parent = getpid();
    child = fork();
    if (child < 0)
        return;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a guardian that is killed takes its process along                */
        if (getppid() != parent)
            raise(SIGKILL);
        return;
    }
    const struct sigaction action = {.sa_handler = pass_on};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    _exit(guard(command, patience));
}
