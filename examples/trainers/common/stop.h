/* SPDX-License-Identifier: MIT */
/* Signals: SIGINT and SIGTERM end a program in order, SIGXFSZ does not end it at all. */
#ifndef EXAMPLES_COMMON_STOP_H
#define EXAMPLES_COMMON_STOP_H

/* A file that grows beyond the limit (ulimit -f) is a write that fails, with a message and nothing left behind, not the end of
 * the program. To be called first of all. */
void stop_ignore_file_limit(void);

/* From now on either signal is noted; a second one ends the program at once. */
void stop_catch_signals(void);

/* The signal that was caught, or 0. */
int stop_signal(void);

#endif
