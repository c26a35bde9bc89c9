/* SPDX-License-Identifier: MIT */
/* A fresh folder for a test's files, in $TMPDIR or /tmp, removed with all that is in it. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "portable.h"

static char folder[256];
static char path[512]; /* of a file in it                                                              */

/* Letters of its own replace the last six. */
static inline void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s/adaptau-test-%06d", test_folder(), 0);
    memset(folder + strlen(folder) - 6, 'X', 6);
    ck_assert_int_eq(test_make_folder(folder), 0);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
}

/* Files and empty folders in it; all of them are removed on the way when asked. */
static inline int count_files(int removing)
{
    DIR           *directory = opendir(folder);
    struct dirent *entry;
    int            n = 0;
    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            n++;
            char name[sizeof path];
            snprintf(name, sizeof name, "%.200s/%.300s", folder, entry->d_name);
            if (removing && unlink(name) != 0)
                rmdir(name);
        }
    closedir(directory);
    return n;
}

static inline void remove_folder(void)
{
    count_files(1);
    ck_assert_int_eq(rmdir(folder), 0);
}

#endif
