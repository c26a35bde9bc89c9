/* SPDX-License-Identifier: MIT */
#ifndef ATAU_CPU_H
#define ATAU_CPU_H

#include <stdint.h>

/* ADAPTAU_CPU_* bits that this CPU and its operating system support. */
uint64_t atau_cpu_features(void);

#endif
