/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/own_settings.h"

#include <stdio.h>
#include <string.h>

#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

static const struct program program = {
    .name = PROGRAM,
    .usage = "DATA [OPTION]...",
    .about = "Train matrix factorisation over the whole catalogue on many processes: mpirun -np N adaptau-train-mpi DATA ...\n"
             "Users and items are cut into ranges, and every process has one of each.\n"
             "DATA is a directory that adaptau-shard has written, of which every process reads its part, or one with\n"
             "train.txt and test.txt (\"user item item ...\" per line), of which it keeps its part.\n"
             "The first process finds the temperature before, as adaptau-train does, and reads all train pairs for that;\n"
             "--tau X or --temperature eq14 does without.",
    .notes = "Epochs are chosen on test (--protocol paper); tables start as --init sphere or xavier. What needs the whole\n"
             "graph or single candidates is refused. --save writes the best epoch's model, for which the first process gathers all\n"
             "tables. Exit codes: 0 done, 1 failed, 2 wrong command line.",
};

/* Was the option given, with this value where it is not NULL? Two of adaptau-train's defaults are others here. */
static bool was_given(int argc, char **argv, const char *option, const char *value)
{
    const size_t length = strlen(option);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], option, length) != 0)
            continue;
        if (argv[i][length] == '=' && (!value || strcmp(argv[i] + length + 1, value) == 0))
            return true;
        if (argv[i][length] == '\0' && (!value || (i + 1 < argc && strcmp(argv[i + 1], value) == 0)))
            return true;
    }
    return false;
}

static int refuse(const char *option, const char *why)
{
    fprintf(stderr, "%s: %s is not to be had on many processes: %s\n", PROGRAM, option, why);
    return 2;
}

static int check_recipe(int argc, char **argv, const struct settings *s)
{
    const struct recipe *r = &s->recipe;
    if (s->reading.weights)
        return refuse("--weights", "its files are lists and shards, which have none");
    if (s->negatives)
        return refuse("--negatives", "its files are lists and shards of interactions");
    if (r->base.encoder != ADAPTAU_ENCODER_MF || r->contrast != CONTRAST_NONE)
        return refuse("--backbone", "other encoders than mf read users and items of all ranges");
    if (r->base.loss == ADAPTAU_LOSS_BPR || r->base.loss == ADAPTAU_LOSS_PSL)
        return refuse("--loss bpr or psl", "it compares each item with each of a user's");
    if (r->base.loss == ADAPTAU_LOSS_SLATK || r->base.loss == ADAPTAU_LOSS_BSL)
        return refuse("--loss slatk or bsl", "it weighs a user's items by all of its list");
    if (r->base.candidates != ADAPTAU_SAMPLER_CATALOGUE)
        return refuse("--candidates", "it trains against the whole catalogue");
    if (r->base.popularity_exponent != ADAPTAU_BY_DATA && r->base.popularity_exponent != 0)
        return refuse("--popularity", "its batches weigh all items alike");
    if (r->base.rank_raw == 1)
        return refuse("--rank raw", "it measures and ranks by the same scores");
    if (r->base.tau0_policy == ADAPTAU_TAU0_EXACT || r->base.tau0_policy == ADAPTAU_TAU0_LEARNED)
        return refuse("--temperature exact or learned", "their statistics do not add up");
    if (r->base.tau_user_policy == ADAPTAU_TAU_USER_LEARNED)
        return refuse("--personal learned", "its state is not in these checkpoints");
    if (r->base.threshold_quantile > 0 || r->base.degree_quantile > 0)
        return refuse("--threshold-quantile and --degree-quantile", "quantiles do not add up");
    if (r->base.soft_targets > 0)
        return refuse("--soft-targets", "they walk the graph of all pairs");
    if (was_given(argc, argv, "--init", "spectral"))
        return refuse("--init spectral", "it is a decomposition of all pairs");
    if (was_given(argc, argv, "--protocol", "valid"))
        return refuse("--protocol valid", "epochs are chosen on test");
    if (s->history || s->report)
        return refuse("--history and --report", "what epochs were like is on standard error");
    return OPTIONS_GO_ON;
}

static int read_grid(struct own_settings *s)
{
    char rest;
    if (!s->grid)
        return OPTIONS_GO_ON;
    if (sscanf(s->grid, "%dx%d%c", &s->n_p, &s->n_q, &rest) == 2 && s->n_p >= 1 && s->n_q >= 1 && s->n_p <= 65536 &&
        s->n_q <= 65536)
        return OPTIONS_GO_ON;
    fprintf(stderr, "%s: --grid %s is no grid of P ranges of users by Q of items, as in 2x1\n", PROGRAM, s->grid);
    return 2;
}

int read_own_settings(int argc, char **argv, struct own_settings *settings)
{
    struct own_settings *s = settings;
    *s = (struct own_settings){.wire = 1.25, .patience = 120};
    const struct option_rule more[] = {
        {.name = "Many processes:", .kind = OPTION_TITLE},
        {"grid", OPTION_TEXT, &s->grid, 0, 0, NULL, "PxQ", "ranges of users by ranges of items (what sends the least)", NULL},
        {"dry-run", OPTION_FLAG, &s->dry_run, 0, 0, NULL, NULL,
         "say what the grid takes of memory, messages and time, and end; one process is enough", NULL},
        {"wire", OPTION_DECIMAL, &s->wire, 1e-6, 1e6, NULL, "X", "dry-run: GB/s from one machine to another (1.25)", NULL},
        {"stuck-after", OPTION_DECIMAL, &s->patience, 0, 1e9, NULL, "X",
         "seconds without a sign of life after which a process is given up; 0: never (120)", NULL},
    };
    int code = read_settings_of(&program, more, (int)(sizeof more / sizeof *more), argc, argv, &s->train);
    if (code == OPTIONS_GO_ON)
        code = check_recipe(argc, argv, &s->train);
    if (code != OPTIONS_GO_ON)
        return code;
    struct recipe *r = &s->train.recipe;
    r->base.init = r->base.init == ADAPTAU_INIT_SPECTRAL ? ADAPTAU_INIT_SPHERE : r->base.init;
    r->base.soft_targets = 0;
    r->base.popularity_prior = r->base.popularity_prior == ADAPTAU_BY_DATA ? 0 : r->base.popularity_prior;
    r->base.popularity_exponent = 0;
    s->train.trial.protocol = PROTOCOL_PAPER;
    return read_grid(s);
}
