/* SPDX-License-Identifier: MIT */
/* A guardian beside every process. Before MPI starts the program forks: the child is the process that computes, the parent
 * waits for it. A child that is killed, stopped or stuck ends the job within seconds: its guardian says which rank it was,
 * where it stood and how to go on, and fails, so that mpirun ends the others. */
#ifndef ADAPTAU_TRAIN_MPI_WATCH_H
#define ADAPTAU_TRAIN_MPI_WATCH_H

#include <stdbool.h>

/* Fork. Returns in the child; the parent stays in here, and exits with the child's code. `command` is what goes on where the
 * job stopped, or NULL; `patience`: seconds without a beat after which a child is stuck, 0: never. */
void watch_start(const char *command, double patience);

/* The child is alive. */
void watch_beat(void);

/* It begins or ends to wait for others: the one that they wait for is said to be stuck first. */
void watch_waiting(bool waiting);

/* Which epoch is under way, for messages. */
void watch_epoch(long long epoch);

#endif
