/* SPDX-License-Identifier: MIT */
/* SIGINT and SIGTERM. */
#ifndef EXAMPLES_COMMON_STOP_H
#define EXAMPLES_COMMON_STOP_H

/* From now on either signal is noted; a second one ends the program at once. */
void stop_catch_signals(void);

/* The signal that was caught, or 0. */
int stop_signal(void);

#endif
