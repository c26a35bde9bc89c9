/* SPDX-License-Identifier: MIT */
/* fuzz_NAME FOLDER|FILE...: give files to a fuzz target where there is no libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int replay_file(const char *path)
{
    size_t   size;
    uint8_t *content = fuzz_content(path, &size);
    uint8_t *bytes = malloc(size); /* of just that length, for checkers of memory */
    must(bytes || size == 0, "there is memory");
    if (size > 0)
        memcpy(bytes, content, size);
    free(content);
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

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++)
        n += replay(argv[i]);
    printf("%d files\n", n);
    return n == 0;
}
