/* SPDX-License-Identifier: MIT */
/* What the library asks of the operating system beside threads and files. posix/ and windows/ have it each in its own way. */
#ifndef ATAU_OS_SYSTEM_H
#define ATAU_OS_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* Seconds of a clock that nobody sets. */
double atau_clock(void);

/* The number of this process: a child of fork has another one. */
int32_t atau_process(void);

/* Memory at a multiple of `alignment`, which divides `size`; NULL when there is none. atau_free_aligned gives it back. */
void *atau_allocate_aligned(size_t alignment, size_t size);
void  atau_free_aligned(void *block);

/* What the number of errno means, in words. */
void atau_error_words(int number, char *words, size_t size);

/* CPUs that this process may keep busy, at least 1: its affinity mask and, on Linux, the CPU quota of its control group
 * (version 2). */
int64_t atau_cpu_count(void);

/* What the content of a cpu.max file, "QUOTA PERIOD", pays for, rounded up; 0 where there is no quota. Linux alone has it. */
int64_t atau_quota_cpus(const char *text);

/* The least quota of a control group and those above it up to `root`, the folder of them all; 0: none. `groups` names the group as
 * /proc/self/cgroup does, in the line "0::/path". */
int64_t atau_cpus_paid_for(const char *root, const char *groups);

#endif
