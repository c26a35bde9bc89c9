/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 4

static char folder[256];
static char paths[SLOTS][sizeof folder + 16];

void must(bool holds, const char *sentence)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", sentence);
    abort();
}

static void remove_folder(void)
{
    for (int slot = 0; slot < SLOTS; slot++)
        unlink(paths[slot]);
    rmdir(folder);
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/adaptau-fuzz-%06d", parent ? parent : "/tmp", 0);
    memset(folder + strlen(folder) - 6, 'X', 6); /* which mkdtemp replaces */
    must(mkdtemp(folder) != NULL, "a folder can be made in TMPDIR");
    for (int slot = 0; slot < SLOTS; slot++)
        snprintf(paths[slot], sizeof paths[slot], "%s/%d", folder, slot);
    atexit(remove_folder);
}

const char *fuzz_path(int slot)
{
    if (folder[0] == '\0')
        make_folder();
    return paths[slot];
}

const char *fuzz_file(int slot, const void *bytes, size_t size)
{
    const char *path = fuzz_path(slot);
    int         file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(file >= 0 && write(file, bytes, size) == (ssize_t)size && close(file) == 0, "a file can be written in TMPDIR");
    return path;
}

uint8_t *fuzz_content(const char *path, size_t *size)
{
    int file = open(path, O_RDONLY);
    must(file >= 0, "a file can be read");
    off_t    length = lseek(file, 0, SEEK_END);
    uint8_t *bytes = malloc((size_t)length + 1);
    must(bytes && pread(file, bytes, (size_t)length, 0) == length, "a file can be read");
    close(file);
    *size = (size_t)length;
    return bytes;
}

bool fuzz_files_equal(const char *one, const char *other)
{
    size_t   n, m;
    uint8_t *a = fuzz_content(one, &n), *b = fuzz_content(other, &m);
    bool     equal = n == m && memcmp(a, b, n) == 0;
    free(a);
    free(b);
    return equal;
}
