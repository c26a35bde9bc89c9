/* SPDX-License-Identifier: MIT */
/* Reading numbers that a script under tests/reference computed: a text file of entries "key count value value ...", separated
 * by white space. */
#ifndef TEST_REFERENCE_H
#define TEST_REFERENCE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Open NAME in the folder $ADAPTAU_TEST_DATA (default: tests/reference under the working directory), or stop the test. */
static inline FILE *reference_open(const char *name)
{
    char        path[4096];
    const char *folder = getenv("ADAPTAU_TEST_DATA");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "tests/reference", name);
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "cannot open %s: set ADAPTAU_TEST_DATA to the folder tests/reference\n", path);
        exit(1);
    }
    return file;
}

/* The values of an entry, to be freed, and how many there are; stops the test when there is no such entry. */
static inline double *reference_read(const char *name, const char *key, int *count)
{
    FILE *file = reference_open(name);
    char  found[128], number[128];
    while (fscanf(file, "%127s %d", found, count) == 2) {
        double *values = calloc((size_t)*count + 1, sizeof *values);
        for (int i = 0; values && i < *count && fscanf(file, "%127s", number) == 1; i++)
            values[i] = strtod(number, NULL);
        if (values && strcmp(found, key) == 0) {
            fclose(file);
            return values;
        }
        free(values);
    }
    fprintf(stderr, "%s has no entry %s\n", name, key);
    exit(1);
}

/* The same as floats. */
static inline float *reference_read_floats(const char *name, const char *key, int *count)
{
    double *values = reference_read(name, key, count);
    float  *floats = calloc((size_t)*count + 1, sizeof *floats);
    for (int i = 0; floats && i < *count; i++)
        floats[i] = (float)values[i];
    free(values);
    return floats;
}

#endif
