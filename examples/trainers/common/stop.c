/* SPDX-License-Identifier: MIT */
#include "common/stop.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void note_signal(int signal_number)
{
    if (caught)
        _exit(128 + signal_number);
    caught = signal_number;
}

void stop_ignore_file_limit(void)
{
    signal(SIGXFSZ, SIG_IGN);
}

/* Also where the signal was ignored: shells start background jobs that way, and `kill -INT` should reach them. SA_RESTART
 * because a save that is under way should not see EINTR. */
void stop_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int stop_signal(void)
{
    return caught;
}
