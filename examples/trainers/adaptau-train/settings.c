/* SPDX-License-Identifier: MIT */
#include "adaptau-train/settings.h"

#include <stdio.h>
#include <string.h>

#include <adaptau/adaptau.h>

#include "common/hyperparameters.h"

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static const struct program own_program = {
    .name = "adaptau-train",
    .usage = "DATA [OPTION]...",
    .about = "Train matrix factorisation, LightGCN or SimpleX on user-item pairs with the Adap-tau softmax or another loss,\n"
             "and report ranking metrics.\n"
             "DATA is a directory with train.txt and test.txt, a file with an interaction per line in columns of any kind, or\n"
             "\"-\", standard input; packed by gzip, zstd or xz, too. What was read is said in a line.",
    .notes = "A third field that weighs interactions, such as ratings or counts, is read for --min-rating alone.\n"
             "Progress goes to standard error, the result to standard output. SIGINT and SIGTERM finish the step,\n"
             "save the tables as they stand if --save was given, and exit with 130 or 143; a second one exits at once.\n"
             "Exit codes: 0 done, 1 failed, 2 wrong command line.",
};

static const char *const backend_names[] = {"auto", "reference", "blis", "native", NULL};

static void set_defaults(struct settings *settings)
{
    *settings = (struct settings){
        .recipe = recipe_default(),
        .trial = trial_options_default(),
        .test_share = 0.2,
    };
}

/* What no single option can tell. */
static int check_together(const struct program *program, struct settings *settings)
{
    struct recipe *recipe = &settings->recipe;
    const bool     tau_given = recipe->base.tau > 0, tau0_given = recipe->base.tau0_policy != ADAPTAU_BY_DATA;
    char           text[200];
    if (tau_given && tau0_given && recipe->base.tau0_policy != ADAPTAU_TAU0_FIXED && recipe->base.tau0_policy != ADAPTAU_TAU0_LEARNED) {
        fprintf(stderr, "%s: --tau goes with --temperature fixed or learned, not with %s\n", program->name,
                tau0_names[recipe->base.tau0_policy]);
        return 2;
    }
    if (!tau_given && recipe->base.tau0_policy == ADAPTAU_TAU0_FIXED) {
        fprintf(stderr, "%s: --temperature fixed needs --tau\n", program->name);
        return 2;
    }
    if (recipe->base.tau_min > 0 && recipe->base.tau_max > 0 && recipe->base.tau_min > recipe->base.tau_max) {
        fprintf(stderr, "%s: --tau-min %g is above --tau-max %g\n", program->name, recipe->base.tau_min, recipe->base.tau_max);
        return 2;
    }
    if (!recipe_is_softmax(recipe) &&
        (recipe->base.soft_targets > 0 ||
         (recipe->base.tau_user_policy > ADAPTAU_TAU_USER_NONE && recipe->base.tau_user_policy != ADAPTAU_TAU_USER_LEARNED))) {
        fprintf(stderr, "%s: --soft-targets, and --personal but for learned, go with --loss softmax, slatk or bsl\n",
                program->name);
        return 2;
    }
    if (!recipe_is_softmax(recipe) && recipe->base.candidates == ADAPTAU_SAMPLER_CATALOGUE &&
        recipe->base.popularity_exponent != ADAPTAU_BY_DATA && recipe->base.popularity_exponent != 0) {
        fprintf(stderr, "%s: --popularity goes with --candidates popular, or with --loss softmax, slatk or bsl\n",
                program->name);
        return 2;
    }
    if ((recipe->base.loss == ADAPTAU_LOSS_MSE || recipe->base.loss == ADAPTAU_LOSS_CCL) &&
        (recipe->base.tau0_policy == ADAPTAU_TAU0_LEARNED || recipe->base.tau_user_policy == ADAPTAU_TAU_USER_LEARNED)) {
        fprintf(stderr, "%s: --loss %s has no temperature to learn\n", program->name, loss_names[recipe->base.loss]);
        return 2;
    }
    if (hyperparameter_misfit(recipe, text, sizeof text)) {
        fprintf(stderr, "%s: %s\n", program->name, text);
        return 2;
    }
    if (settings->negatives && (!recipe_is_softmax(recipe) || recipe->base.candidates != ADAPTAU_SAMPLER_CATALOGUE)) {
        fprintf(stderr, "%s: --negatives goes with --candidates catalogue, and with --loss softmax, slatk or bsl\n", program->name);
        return 2;
    }
    if (settings->negatives_weights && !settings->negatives) {
        fprintf(stderr, "%s: --negatives-weights goes with --negatives\n", program->name);
        return 2;
    }
    if (settings->resume && !settings->checkpoint) {
        fprintf(stderr, "%s: --resume goes with --checkpoint\n", program->name);
        return 2;
    }
    if (recipe->base.warmup_epochs == -1)
        recipe->base.warmup_epochs = INT32_MAX;
    else if (recipe->base.warmup_epochs == 0)
        recipe->base.warmup_epochs = 1;
    if (tau_given && !tau0_given)
        recipe->base.tau0_policy = ADAPTAU_TAU0_FIXED;
    return OPTIONS_GO_ON;
}

/* What is read, first in --help. */
#define DATA_RULES_MAX (8 + READING_RULES + WEIGHT_RULES + SPLITTING_RULES)
#define OWN_RULES_MAX 24

static int data_rules(struct settings *s, struct option_rule rules[DATA_RULES_MAX])
{
    int n = 0;
    rules[n++] = (struct option_rule){.name = "Data:", .kind = OPTION_TITLE};
    rules[n++] = (struct option_rule){"train", OPTION_TEXT, &s->data, 0, 0, NULL, "DATA", "the same as the operand", NULL};
    n += reading_rules(&s->reading, rules + n);
    n += weight_rules(&s->reading, rules + n);
    rules[n++] = (struct option_rule){"negatives", OPTION_TEXT, &s->negatives, 0, 0, NULL, "FILE",
                                      "what users were shown and did not take, read as DATA is: the scores of these items are pushed "
                                      "down twice as hard as those of others",
                                      NULL};
    rules[n++] = (struct option_rule){"negatives-weights", OPTION_TEXT, &s->negatives_weights, 0, 0, NULL, "COLUMN",
                                      "of that file, as --weights of DATA: weight b pushes 1 + b times as hard (all weigh 1)", NULL};
    n += splitting_rules(&s->reading, rules + n);
    rules[n++] = (struct option_rule){"test-share", OPTION_DECIMAL, &s->test_share, 0, 0.9, NULL, "X",
        "of each user's pairs, or with --split time of all, held out when DATA has no test pairs (0.2)", NULL};
    rules[n++] = (struct option_rule){"split-seed", OPTION_WHOLE, &s->trial.split_seed, 0, 9e15, NULL, NULL, "of both splits (0)", NULL};
    return n;
}

static int read_operand(const struct program *program, int argc, char **argv, int first, struct settings *settings)
{
    if (first == argc && settings->data)
        return OPTIONS_GO_ON;
    if (first == argc)
        fprintf(stderr, "%s: no DATA given; see --help\n", program->name);
    else if (settings->data)
        fprintf(stderr, "%s: --train \"%s\" and DATA \"%s\": one of them, please\n", program->name, settings->data, argv[first]);
    else if (first + 1 < argc)
        fprintf(stderr, "%s: one DATA, please: \"%s\" is too many\n", program->name, argv[first + 1]);
    else {
        settings->data = argv[first];
        return OPTIONS_GO_ON;
    }
    return 2;
}

/* How the training is run, evaluated and shown. */
static int own_rules(struct settings *s, struct option_rule rules[OWN_RULES_MAX])
{
    const struct option_rule own[] = {
        {"threads", OPTION_WHOLE, &s->threads, 0, 1024, NULL, NULL, "that compute; results don't depend on it (all CPUs)", NULL},
        {"backend", OPTION_CHOICE, &s->backend, 0, 0, backend_names, NULL, "who multiplies matrices (auto)", NULL},

        {.name = "Evaluation:", .kind = OPTION_TITLE},
        {"protocol", OPTION_CHOICE, &s->trial.protocol, 0, 0, protocol_names, NULL,
         "valid: choose the epoch on pairs held out of train, train again on all of train for so many epochs, look at test "
         "once. paper: choose the epoch on test, as published numbers are; optimistic (valid)",
         NULL},
        {"no-refit", OPTION_FLAG, &s->trial.no_refit, 0, 0, NULL, NULL,
         "valid: report the model that was validated, without training again", NULL},
        {"valid-share", OPTION_DECIMAL, &s->trial.valid_share, 0.01, 0.9, NULL, "X", "of each user's train pairs (0.1)", NULL},
        {"cutoffs", OPTION_CUTOFFS, &s->trial.cutoffs, 1, ADAPTAU_MAX_CUTOFF, NULL, "K,K,...",
         "lengths of the ranked lists; 20, or else the first, chooses (10,20,50)", NULL},
        {"eval-every", OPTION_WHOLE, &s->trial.eval_every, 1, 1e9, NULL, NULL, "epochs (1)", NULL},
        {"patience", OPTION_WHOLE, &s->trial.patience, 0, 1e9, NULL, NULL,
         "stop after so many evaluations without a better one; 0: never (0)", NULL},

        {.name = "Output:", .kind = OPTION_TITLE},
        {"json", OPTION_FLAG, &s->json, 0, 0, NULL, NULL, "one JSON object instead of a table", NULL},
        {"history", OPTION_TEXT, &s->history, 0, 0, NULL, "FILE", "one JSON object per line for every epoch", NULL},
        {"save", OPTION_TEXT, &s->save, 0, 0, NULL, "FILE", "the tables as safetensors, and in the same file the names of their rows",
         NULL},
        {"half", OPTION_FLAG, &s->half, 0, 0, NULL, NULL, "with --save: tables in F16, for serving; half the file, next to the same lists",
         NULL},
        {"report", OPTION_TEXT, &s->report, 0, 0, NULL, "FILE",
         "the training as a page for a browser (HTML): curves, what is found among rare and popular items, some users", NULL},
        {"checkpoint", OPTION_TEXT, &s->checkpoint, 0, 0, NULL, "FILE",
         "after every epoch all that training goes on from, and FILE.best where the best epoch is kept", NULL},
        {"resume", OPTION_FLAG, &s->resume, 0, 0, NULL, NULL,
         "go on from the checkpoint, with the same DATA and options; from the start where there is none yet", NULL},
        {"quiet", OPTION_FLAG, &s->quiet, 0, 0, NULL, NULL, "no progress", NULL},
    };
    _Static_assert(LENGTH(own) <= OWN_RULES_MAX, "they fit");
    memcpy(rules, own, sizeof own);
    return LENGTH(own);
}

int read_settings_of(const struct program *program, const struct option_rule *more, int n_more, int argc, char **argv,
                     struct settings *settings)
{
    struct option_rule all[DATA_RULES_MAX + HYPERPARAMETERS_MAX + OWN_RULES_MAX + MORE_OPTIONS];
    int                first = 0, n;
    set_defaults(settings);
    n = data_rules(settings, all);
    n += hyperparameter_rules(&settings->recipe, all + n);
    n += own_rules(settings, all + n);
    for (int i = 0; i < n_more && i < MORE_OPTIONS; i++)
        all[n++] = more[i];
    int code = read_options(program, all, n, argc, argv, &first);
    if (code == OPTIONS_GO_ON)
        code = read_operand(program, argc, argv, first, settings);
    if (code == OPTIONS_GO_ON && settings->negatives && strcmp(settings->negatives, STDIN_PATH) == 0 &&
        strcmp(settings->data, STDIN_PATH) == 0) {
        fprintf(stderr, "%s: standard input cannot be both DATA and --negatives\n", program->name);
        code = 2;
    }
    if (code == OPTIONS_GO_ON && !settings->reading.weights && (settings->reading.weight_map || settings->reading.clipped)) {
        fprintf(stderr, "%s: --weight-map and --weight-clip go with --weights\n", program->name);
        code = 2;
    }
    if (code == OPTIONS_GO_ON && splitting_fault(&settings->reading)) {
        fprintf(stderr, "%s: %s\n", program->name, splitting_fault(&settings->reading));
        code = 2;
    }
    if (code == OPTIONS_GO_ON && settings->half && !settings->save) {
        fprintf(stderr, "%s: --half goes with --save\n", program->name);
        code = 2;
    }
    if (code == OPTIONS_GO_ON)
        code = check_together(program, settings);
    return code;
}

int read_settings(int argc, char **argv, struct settings *settings)
{
    return read_settings_of(&own_program, NULL, 0, argc, argv, settings);
}
