/* SPDX-License-Identifier: MIT */
/* fuzz_NAME [--for SECONDS] FOLDER|FILE...: give files to a fuzz target where there is no libFuzzer; then, for so long, the same files with
 * bytes changed at random. ThreadSanitizer goes this way: it takes libFuzzer's counters for races. What does not hold is written to
 * fuzz-crash in the working directory. */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static uint64_t round_of_files; /* 0: as they are                                                              */

static struct {
    const uint8_t *bytes;
    size_t         size;
} running;

/* abort is called by this thread, so that a handler may do what it likes. */
static void write_down(int signal_number)
{
    FILE *file = fopen("fuzz-crash", "wb");
    (void)signal_number;
    if (file) {
        fwrite(running.bytes, 1, running.size, file);
        fclose(file);
        fputs("it is in fuzz-crash\n", stderr);
    }
}

/* Some bytes, by the round and the file's length: the same in each run. */
static void change_bytes(uint8_t *bytes, size_t size)
{
    uint64_t state = round_of_files * UINT64_C(0x9E3779B97F4A7C15) + size;
    for (int change = 0; round_of_files > 0 && size > 0 && change < 3; change++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[(state >> 33) % size] = (uint8_t)(state >> 20);
    }
}

static int replay_file(const char *path)
{
    size_t   size;
    uint8_t *content = fuzz_content(path, &size);
    uint8_t *bytes = malloc(size); /* of just that length, for checkers of memory */
    must(bytes || size == 0, "there is memory");
    if (size > 0)
        memcpy(bytes, content, size);
    free(content);
    change_bytes(bytes, size);
    running.bytes = bytes;
    running.size = size;
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static int replay(const char *path)
{
    struct stat about;
    char        inner[4096];
    int         n = 0;
    must(stat(path, &about) == 0, "the corpus is there");
    if (!S_ISDIR(about.st_mode))
        return replay_file(path);
    DIR                 *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        n += replay_file(inner);
    }
    closedir(folder);
    return n;
}

static int replay_all(int n_paths, char **paths)
{
    int n = 0;
    for (int i = 0; i < n_paths; i++)
        n += replay(paths[i]);
    return n;
}

int main(int argc, char **argv)
{
    const bool   timed = argc > 2 && strcmp(argv[1], "--for") == 0;
    const time_t end = time(NULL) + (timed ? atol(argv[2]) : 0);
    const int    first = timed ? 3 : 1;
    signal(SIGABRT, write_down);
    int          n = replay_all(argc - first, argv + first);
    for (round_of_files = 1; n > 0 && time(NULL) < end; round_of_files++)
        n += replay_all(argc - first, argv + first);
    printf("%d files\n", n);
    return n == 0;
}
