/* SPDX-License-Identifier: MIT */
#include "adaptau-train/history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "adaptau-train/report.h"
#include "common/fail.h"
#include "common/json.h"

/* A pipe that nobody reads would hold the training up before it begins; it is an error instead. */
static FILE *open_for_writing(const char *path, bool appends)
{
    if (strcmp(path, "-") == 0)
        return stdout;
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | (appends ? O_APPEND : O_TRUNC), 0666);
    if (file < 0)
        return NULL;
    const int flags = fcntl(file, F_GETFL);
    FILE     *opened = flags >= 0 && fcntl(file, F_SETFL, flags & ~O_NONBLOCK) == 0 ? fdopen(file, appends ? "a" : "w") : NULL;
    if (!opened)
        close(file);
    return opened;
}

adaptau_status history_open(struct history *history, const char *path, bool appends, adaptau_error *error)
{
    *history = (struct history){.path = path};
    if (!path)
        return ADAPTAU_OK;
    history->file = open_for_writing(path, appends);
    if (!history->file && errno == ENXIO)
        return fail(error, ADAPTAU_E_IO, "%s: a pipe that nobody reads", shown_path(path));
    return history->file ? ADAPTAU_OK : fail_os(error, errno, "%s", shown_path(path));
}

adaptau_status history_write(struct history *history, const char *phase, const struct training *training,
                             const struct scores *scores, const struct cutoffs *cutoffs, adaptau_error *error)
{
    if (!history->file)
        return ADAPTAU_OK;
    struct json json = {.out = history->file};
    json_open(&json, NULL, '{');
    json_text(&json, "phase", phase);
    json_whole(&json, "epoch", training->epoch);
    json_number(&json, "loss", training->loss);
    json_number(&json, "tau0", training->tau0);
    json_number(&json, "train_seconds", training->seconds);
    if (scores)
        json_scores(&json, scores, cutoffs);
    json_close(&json, '}');
    putc('\n', history->file);
    errno = 0;
    if (fflush(history->file) != 0 || ferror(history->file))
        return fail_os(error, errno, "%s", shown_path(history->path));
    return ADAPTAU_OK;
}

void history_close(struct history *history)
{
    if (history->file && history->file != stdout)
        fclose(history->file);
    history->file = NULL;
}
