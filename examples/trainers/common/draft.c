/* SPDX-License-Identifier: MIT */
#include "common/draft.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/system.h"
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
    draft->file = system_open_draft(draft->written);
    if (draft->file)
        return ADAPTAU_OK;
    int failure = errno;
    forget(draft);
    return fail_os(error, failure, "%s", shown_path(path));
}

static int finish(FILE *file)
{
    const bool broken = ferror(file) != 0; /* by an earlier write, whose errno is gone: what is still to be written tells it again */
    clearerr(file);
    const int failure = system_settle(file);
    return failure || !broken ? failure : EIO;
}

adaptau_status draft_commit(struct draft *draft, adaptau_error *error)
{
    int failure = finish(draft->file);
    if (fclose(draft->file) != 0 && !failure)
        failure = errno;
    draft->file = NULL;
    if (!failure)
        failure = system_replace(draft->written, draft->target);
    adaptau_status status = failure ? fail_os(error, failure, "%s", shown_path(draft->path)) : ADAPTAU_OK;
    if (failure)
        remove(draft->written);
    forget(draft);
    return status;
}

void draft_discard(struct draft *draft)
{
    if (draft->file)
        fclose(draft->file);
    if (draft->written)
        remove(draft->written);
    forget(draft);
}
