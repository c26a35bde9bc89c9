/* SPDX-License-Identifier: MIT */
#include "common/draft.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fail.h"
#include "common/target.h"

static void forget(struct draft *draft)
{
    free(draft->target);
    free(draft->written);
    *draft = (struct draft){0};
}

adaptau_status draft_open(struct draft *draft, const char *path, adaptau_error *error)
{
    *draft = (struct draft){.path = path};
    adaptau_status status = target_find(path, &draft->target, error);
    if (status)
        return status;
    size_t size = strlen(draft->target) + 8;
    draft->written = malloc(size);
    if (!draft->written) {
        forget(draft);
        return fail_memory(error, shown_path(path));
    }
    snprintf(draft->written, size, "%s.XXXXXX", draft->target);
    int handle = mkstemp(draft->written);
    if (handle >= 0)
        draft->file = fdopen(handle, "w");
    if (draft->file)
        return ADAPTAU_OK;
    int failure = errno;
    if (handle >= 0) {
        close(handle);
        unlink(draft->written);
    }
    forget(draft);
    return fail_os(error, failure, "%s", shown_path(path));
}

/* mkstemp makes files that only their owner can read; these are results like any other. */
static int open_to_readers(int handle)
{
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(handle, 0666 & ~mask);
}

static int finish(FILE *file)
{
    const bool broken = ferror(file) != 0; /* by an earlier write, whose errno is gone: what is still to be written tells it again */
    clearerr(file);
    if (fflush(file) != 0 || fsync(fileno(file)) != 0 || open_to_readers(fileno(file)) != 0)
        return errno;
    return broken ? EIO : 0;
}

adaptau_status draft_commit(struct draft *draft, adaptau_error *error)
{
    int failure = finish(draft->file);
    if (fclose(draft->file) != 0 && !failure)
        failure = errno;
    draft->file = NULL;
    if (!failure && rename(draft->written, draft->target) != 0)
        failure = errno;
    adaptau_status status = failure ? fail_os(error, failure, "%s", shown_path(draft->path)) : ADAPTAU_OK;
    if (failure)
        unlink(draft->written);
    forget(draft);
    return status;
}

void draft_discard(struct draft *draft)
{
    if (draft->file)
        fclose(draft->file);
    if (draft->written)
        unlink(draft->written);
    forget(draft);
}
