/* SPDX-License-Identifier: MIT */
/* adaptau-train: read pairs, train a model, report how it ranks what was held out. */
#include <signal.h>
#include <stdio.h>

#include "adaptau-train/page.h"
#include "adaptau-train/report.h"
#include "adaptau-train/save.h"
#include "common/stop.h"
#include "common/target.h"
#include "common/fail.h"

#define PROGRAM "adaptau-train"

/* After a signal: the tables as they stand, and no report. */
static int leave(const struct run *run)
{
    const char    *how = stop_signal() == SIGINT ? "interrupted" : "terminated";
    const char    *save = run->settings->save;
    adaptau_error  error = {0};
    if (!run->trial.model) {
        fprintf(stderr, "%s: %s while tau0 was looked for; nothing was saved\n", PROGRAM, how);
        return 128 + stop_signal();
    }
    adaptau_status status = save ? save_run(run, save, &error) : ADAPTAU_OK;
    if (status) {
        tell_failure(PROGRAM, &error);
        return 1;
    }
    fprintf(stderr, "%s: %s in epoch %lld; %s%s%s\n", PROGRAM, how, (long long)run->trial.stopped_epoch,
            save ? "the tables as they stand are in " : "nothing was saved", save ? save : "",
            run->settings->checkpoint ? "; --resume goes on from the last whole epoch" : "");
    return 128 + stop_signal();
}

/* Save first: a reader of our output who hangs up must not cost the model. */
static int finish(const struct run *run)
{
    const char   *save = run->settings->save;
    adaptau_error error = {0};
    bool          saved = !save || save_run(run, save, &error) == ADAPTAU_OK;
    if (!saved)
        tell_failure(PROGRAM, &error);
    if (run->settings->report && page_write(run, run->settings->report, &error)) {
        tell_failure(PROGRAM, &error);
        saved = false;
    }
    if (run->settings->json)
        report_json(run);
    else
        report_table(run);
    if (!finish_stdout(PROGRAM) || !saved)
        return 1;
    return stop_signal() ? 128 + stop_signal() : 0; /* it came when nothing was left to cut short */
}

int main(int argc, char **argv)
{
    struct settings settings;
    int             code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    struct run     run = {0};
    adaptau_error  error = {0};
    adaptau_status status = settings.save ? target_check(settings.save, "model", &error) : ADAPTAU_OK;
    if (!status && settings.report)
        status = target_check(settings.report, "page", &error);
    if (!status && settings.checkpoint)
        status = target_check(settings.checkpoint, "model", &error);
    if (!status)
        status = run_open(&run, &settings, &error);
    if (!status) {
        stop_catch_signals();
        status = run_trial(&run, &error);
    }
    if (status) {
        tell_failure(PROGRAM, &error);
        code = 1;
    } else
        code = run.trial.stopped_epoch ? leave(&run) : finish(&run);
    run_close(&run);
    return code;
}
