/* SPDX-License-Identifier: MIT */
#ifndef ATAU_CPU_H
#define ATAU_CPU_H

#include <stdint.h>

/* ADAPTAU_CPU_* bits that this CPU and its operating system support. */
uint64_t atau_cpu_features(void);

/* CPUs that this process may keep busy, at least 1: its affinity mask, and the CPU quota of its control group (version 2). */
int64_t atau_cpu_count(void);

/* What the content of a cpu.max file, "QUOTA PERIOD", pays for, rounded up; 0 where there is no quota. */
int64_t atau_quota_cpus(const char *text);

/* The least quota of a control group and those above it up to `root`, the folder of them all; 0: none. `groups` names the group as
 * /proc/self/cgroup does, in the line "0::/path". */
int64_t atau_cpus_paid_for(const char *root, const char *groups);

#endif
