/* SPDX-License-Identifier: MIT */
/* adaptau-demo: Debian packages and what they depend on. Trains the same model with fixed temperatures and with temperatures
 * that set themselves, compares them, and shows what the last one thinks of packages that many people know. */
#include <stdio.h>

#include "common/clock.h"
#include "common/fail.h"
#include "common/options.h"
#include "common/read_data.h"
#include "common/stop.h"
#include "demo/contest.h"
#include "demo/showcase.h"

static const struct program program = {
    .name = "adaptau-demo",
    .usage = "DIRECTORY [OPTION]...",
    .about = "Learn from DIRECTORY (examples/data/debian-depends) which Debian packages depend on which.",
};

static const char *const well_known[] = {"git",           "ffmpeg",      "build-essential",
                                         "python3-scipy", "firefox-esr", "libreoffice-writer"};

struct settings {
    const char *directory;
    int64_t     threads;
    int64_t     epochs;
};

struct demo {
    adaptau_context *context;
    struct data      data;
    adaptau_dataset *train, *test;
    adaptau_model   *model;
};

static int read_settings(int argc, char **argv, struct settings *settings)
{
    int first = 0;
    *settings = (struct settings){.epochs = 16};
    const struct option_rule rules[] = {
        {.name = "Options:", .kind = OPTION_TITLE},
        {"threads", OPTION_WHOLE, &settings->threads, 0, 1024, NULL, NULL, "that compute (all CPUs)", NULL},
        {"epochs", OPTION_WHOLE, &settings->epochs, 1, 1e6, NULL, NULL, "of every model (16)", NULL},
    };
    int code = read_options(&program, rules, (int)(sizeof rules / sizeof *rules), argc, argv, &first);
    if (code != OPTIONS_GO_ON)
        return code;
    if (argc - first != 1) {
        fprintf(stderr, "%s: exactly one DIRECTORY is needed; see --help\n", program.name);
        return 2;
    }
    settings->directory = argv[first];
    return OPTIONS_GO_ON;
}

static adaptau_status open_demo(struct demo *demo, const struct settings *settings, adaptau_error *error)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = (int32_t)settings->threads};
    struct data            *data = &demo->data;
    adaptau_status          status = adaptau_context_create(&options, &demo->context, error);
    if (!status)
        status = read_data(settings->directory, NULL, data, error);
    if (!status && (!data->has_test || data->users.count == 0 || data->items.count == 0))
        status = fail(error, ADAPTAU_E_FORMAT, "%s: train.txt, test.txt, users.txt and items.txt are needed",
                      shown_path(settings->directory));
    if (!status)
        status = pairs_to_dataset(&data->train, demo->context, data->n_users, data->n_items, &demo->train, error);
    if (!status)
        status = pairs_to_dataset(&data->test, demo->context, data->n_users, data->n_items, &demo->test, error);
    return status;
}

static void close_demo(struct demo *demo)
{
    adaptau_model_destroy(demo->model);
    adaptau_dataset_destroy(demo->test);
    adaptau_dataset_destroy(demo->train);
    data_free(&demo->data);
    adaptau_context_destroy(demo->context);
}

static void introduce(const struct demo *demo, const struct settings *settings)
{
    int32_t n_threads = adaptau_context_n_threads(demo->context);
    printf("Which Debian packages depend on which? %d packages, %d things to depend on. From %lld known\n"
           "dependencies a model learns to rank, for every package, what else it may need; %lld more were kept\n"
           "back. recall@20 is the share of these among its first 20 guesses; NDCG@20 wants them high up. The\n"
           "models are alike but for the temperature of their softmax, which decides how much the hardest wrong\n"
           "guesses count: too high or too low costs much, and one that sets itself needs no search.\n"
           "%lld epochs each, on %d thread%s (%s):\n\n",
           demo->data.n_users, demo->data.n_items, (long long)adaptau_dataset_n_interactions(demo->train),
           (long long)adaptau_dataset_n_interactions(demo->test), (long long)settings->epochs, n_threads, n_threads == 1 ? "" : "s",
           adaptau_context_backend(demo->context));
}

static adaptau_status show(struct demo *demo, const struct settings *settings, adaptau_error *error)
{
    introduce(demo, settings);
    adaptau_status status = run_contest(demo->context, demo->train, demo->test, settings->epochs, &demo->model, error);
    if (status)
        return status;
    printf("\nThe last model on some packages: dependencies that it was told, and the five it expects besides. A\n"
           "star marks those that are real, which had been kept back; \"found\" says how many of how many.\n");
    struct showcase showcase = {
        .model = demo->model,
        .train = demo->train,
        .test = demo->test,
        .users = &demo->data.users,
        .items = &demo->data.items,
    };
    return show_packages(&showcase, well_known, (int)(sizeof well_known / sizeof *well_known), error);
}

int main(int argc, char **argv)
{
    struct settings settings;
    int             code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    double         started = clock_now();
    struct demo    demo = {0};
    adaptau_error  error = {0};
    adaptau_status status = open_demo(&demo, &settings, &error);
    if (!status)
        status = show(&demo, &settings, &error);
    if (status)
        tell_failure(program.name, &error);
    else
        printf("\n%.1f seconds in all.\n", clock_now() - started);
    close_demo(&demo);
    return !status && finish_stdout(program.name) ? 0 : 1;
}
