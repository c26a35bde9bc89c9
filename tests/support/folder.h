/* SPDX-License-Identifier: MIT */
/* A fresh folder for a test's files, in $TMPDIR or /tmp, removed with all that is in it. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256];
static char path[512]; /* of a file in it                                                              */

/* mkdtemp puts letters of its own in the place of the last six. */
static inline void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/adaptau-test-%06d", parent ? parent : "/tmp", 0);
    memset(folder + strlen(folder) - 6, 'X', 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
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
            if (removing && unlinkat(dirfd(directory), entry->d_name, 0) != 0)
                unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
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
