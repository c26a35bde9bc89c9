/* SPDX-License-Identifier: MIT */
/* How many CPUs a process may keep busy: those that its affinity mask allows, and no more than the quota of its control
 * group pays for. The machine may have more: 64 threads on one CPU cost many times the CPU seconds of one. A limit that the
 * system does not tell is no limit. Files are read without stdio, which allocates. */
#if defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity */
#elif defined(__APPLE__)
#define _DARWIN_C_SOURCE /* _SC_NPROCESSORS_ONLN */
#endif

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif

#include "os/system.h"

static int64_t cpus_online(void)
{
#ifdef _SC_NPROCESSORS_ONLN
    return sysconf(_SC_NPROCESSORS_ONLN);
#else
    return 1;
#endif
}

/* 0: no mask, or more CPUs than a cpu_set_t has. */
static int64_t cpus_allowed(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    return 0;
}

int64_t atau_quota_cpus(const char *text)
{
    char           *end;
    const long long quota = strtoll(text, &end, 10), period = strtoll(end, NULL, 10);
    if (quota <= 0 || period <= 0) /* "max 100000" has no quota                                               */
        return 0;
    return quota / period + (quota % period != 0);
}

#ifdef __linux__
#define ROOT "/sys/fs/cgroup"

/* The beginning of a file as text, "" where there is none. */
static void read_text(const char *path, size_t room, char *text)
{
    ssize_t n = 0;
    int     file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        n = read(file, text, room - 1);
        close(file);
    }
    text[n > 0 ? n : 0] = '\0';
}

/* Where version 2 of control groups has this process: ROOT, the path of the line "0::/path", and room for a file's name. */
static void find_group(size_t room, char *path)
{
    char text[2048];
    read_text("/proc/self/cgroup", sizeof text, text);
    const char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    const char *group = line ? strchr(line, '/') : "";
    size_t      length = strcspn(group, "\n");
    if (length + sizeof ROOT + 16 > room)
        length = 0;
    memcpy(path, ROOT, sizeof ROOT);
    if (length > 1) {
        memcpy(path + sizeof ROOT - 1, group, length);
        path[sizeof ROOT - 1 + length] = '\0';
    }
}
#endif

/* The least quota of the process's control group and those above it; 0: none. */
static int64_t cpus_paid_for(void)
{
    int64_t least = 0;
#ifdef __linux__
    char path[1024];
    find_group(sizeof path, path);
    for (char *end = path + strlen(path); end >= path + sizeof ROOT - 1;) {
        char text[64];
        memcpy(end, "/cpu.max", sizeof "/cpu.max");
        read_text(path, sizeof text, text);
        const int64_t cpus = atau_quota_cpus(text);
        if (cpus > 0 && (least == 0 || cpus < least))
            least = cpus;
        do
            end--;
        while (end >= path + sizeof ROOT - 1 && *end != '/');
    }
#endif
    return least;
}

int64_t atau_cpu_count(void)
{
    const int64_t allowed = cpus_allowed(), paid_for = cpus_paid_for();
    int64_t       n = allowed > 0 ? allowed : cpus_online();
    if (paid_for > 0 && paid_for < n)
        n = paid_for;
    return n < 1 ? 1 : n;
}
