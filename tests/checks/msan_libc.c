/* SPDX-License-Identifier: MIT */
/* What clang 14's MemorySanitizer does not know of a C library from 2.33 on, where stat and its like are functions of their own:
 * that they write. These stand before the library's in every program of that build. On 64-bit Linux both sizes are one. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sanitizer/msan_interface.h>

int stat64_of(const char *path, void *out) __asm__("stat64");
int lstat64_of(const char *path, void *out) __asm__("lstat64");
int fstat64_of(int descriptor, void *out) __asm__("fstat64");
int fstatat64_of(int folder, const char *path, void *out, int flags) __asm__("fstatat64");

static int done(long status, void *out)
{
    if (status == 0)
        __msan_unpoison(out, sizeof(struct stat));
    return (int)status;
}

int stat64_of(const char *path, void *out)
{
    return done(syscall(SYS_newfstatat, AT_FDCWD, path, out, 0), out);
}

int lstat64_of(const char *path, void *out)
{
    return done(syscall(SYS_newfstatat, AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW), out);
}

int fstat64_of(int descriptor, void *out)
{
    return done(syscall(SYS_fstat, descriptor, out), out);
}

int fstatat64_of(int folder, const char *path, void *out, int flags)
{
    return done(syscall(SYS_newfstatat, folder, path, out, flags), out);
}
