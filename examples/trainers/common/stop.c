/* SPDX-License-Identifier: MIT */
#include "common/stop.h"

#include <signal.h>
#include <stdlib.h>

#include "common/system.h"

static volatile sig_atomic_t caught;

static void note_signal(int signal_number)
{
    if (caught)
        _Exit(128 + signal_number);
    caught = signal_number;
}

void stop_ignore_file_limit(void)
{
    system_ignore_file_limit();
}

void stop_catch_signals(void)
{
    system_catch_signals(note_signal);
}

int stop_signal(void)
{
    return caught;
}
