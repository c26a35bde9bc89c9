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

/* The group's folder: root, and the path of the line "0::/path". A path that leaves no room for a file's name is left out. */
static void find_group(const char *root, const char *groups, size_t room, char *path)
{
    const char  *line = strncmp(groups, "0::/", 4) == 0 ? groups : strstr(groups, "\n0::/");
    const char  *group = line ? strchr(line, '/') : "";
    const size_t root_length = strlen(root);
    size_t       length = strcspn(group, "\n");
    if (length + root_length + 16 > room)
        length = 0;
    memcpy(path, root, root_length + 1);
    if (length > 1) {
        memcpy(path + root_length, group, length);
        path[root_length + length] = '\0';
    }
}

int64_t atau_cpus_paid_for(const char *root, const char *groups)
{
    char    path[1024];
    int64_t least = 0;
    if (strlen(root) + 16 > sizeof path)
        return 0;
    find_group(root, groups, sizeof path, path);
    for (char *end = path + strlen(path), *first = path + strlen(root); end >= first;) {
        char text[64];
        memcpy(end, "/cpu.max", sizeof "/cpu.max");
        read_text(path, sizeof text, text);
        const int64_t cpus = atau_quota_cpus(text);
        if (cpus > 0 && (least == 0 || cpus < least))
            least = cpus;
        do
            end--;
        while (end >= first && *end != '/');
    }
    return least;
}

/* By version 2 of control groups. */
static int64_t own_quota(void)
{
#ifdef __linux__
    char groups[2048];
    read_text("/proc/self/cgroup", sizeof groups, groups);
    return atau_cpus_paid_for("/sys/fs/cgroup", groups);
#else
    return 0;
#endif
}

int64_t atau_cpu_count(void)
{
    const int64_t allowed = cpus_allowed(), paid_for = own_quota();
    int64_t       n = allowed > 0 ? allowed : cpus_online();
    if (paid_for > 0 && paid_for < n)
        n = paid_for;
    return n < 1 ? 1 : n;
}
