/* SPDX-License-Identifier: MIT */
#include "adaptau-train/settings.h"

#include <stdio.h>
#include <string.h>

#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

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

static int check_contrast(const struct program *program, const struct recipe *recipe)
{
    const struct {
        const char *option;
        bool        given;
        bool        fits;
        const char *with;
    } rules[] = {
        {"contrast", recipe->contrast != CONTRAST_NONE, recipe->base.encoder == ADAPTAU_ENCODER_LIGHTGCN, "--backbone lightgcn"},
        {"contrast-weight", recipe->contrast_weight != ADAPTAU_BY_DATA, recipe->contrast != CONTRAST_NONE, "--contrast"},
        {"contrast-temperature", recipe->contrast_temperature != ADAPTAU_BY_DATA, recipe->contrast != CONTRAST_NONE, "--contrast"},
        {"all-nodes", recipe->all_nodes, recipe->contrast != CONTRAST_NONE, "--contrast"},
        {"contrast-edge-dropout", recipe->contrast_edge_dropout != ADAPTAU_BY_DATA, recipe->contrast == CONTRAST_SGL, "--contrast sgl"},
        {"noise", recipe->noise != ADAPTAU_BY_DATA, recipe->contrast == CONTRAST_SIMGCL, "--contrast simgcl"},
        {"prototypes", recipe->prototypes != ADAPTAU_BY_DATA, recipe->contrast == CONTRAST_NCL, "--contrast ncl"},
        {"prototype-weight", recipe->prototype_weight != ADAPTAU_BY_DATA, recipe->contrast == CONTRAST_NCL, "--contrast ncl"},
    };
    for (int i = 0; i < LENGTH(rules); i++)
        if (rules[i].given && !rules[i].fits) {
            fprintf(stderr, "%s: --%s goes with %s\n", program->name, rules[i].option, rules[i].with);
            return 2;
        }
    return OPTIONS_GO_ON;
}

/* What no single option can tell. */
static int check_together(const struct program *program, struct settings *settings, bool tau_given, bool tau0_given)
{
    struct recipe *recipe = &settings->recipe;
    const int32_t  loss = recipe->base.loss;
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
    if (recipe->base.gate != ADAPTAU_BY_DATA && recipe->base.encoder != ADAPTAU_ENCODER_SIMPLEX) {
        fprintf(stderr, "%s: --gate goes with --backbone simplex\n", program->name);
        return 2;
    }
    if (recipe->base.encoder != ADAPTAU_ENCODER_LIGHTGCN &&
        (recipe->base.n_layers > 0 || recipe->base.edge_dropout > 0 || recipe->base.layer_dropout > 0)) {
        fprintf(stderr, "%s: --layers, --edge-dropout and --layer-dropout go with --backbone lightgcn\n", program->name);
        return 2;
    }
    if (recipe->base.encoder == ADAPTAU_ENCODER_MF && recipe->base.unit_raw_rows != ADAPTAU_BY_DATA) {
        fprintf(stderr, "%s: --raw-rows goes with --backbone lightgcn or simplex\n", program->name);
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
    if ((recipe->base.margin != ADAPTAU_BY_DATA && loss != ADAPTAU_LOSS_CCL) ||
        (recipe->base.negative_weight != ADAPTAU_BY_DATA && loss != ADAPTAU_LOSS_CCL && loss != ADAPTAU_LOSS_BCE &&
         loss != ADAPTAU_LOSS_MSE && loss != ADAPTAU_LOSS_BSL)) {
        fprintf(stderr, "%s: --margin goes with --loss ccl, --negative-weight with ccl, bce, mse and bsl\n", program->name);
        return 2;
    }
    if (((recipe->base.top_k != ADAPTAU_BY_DATA || recipe->base.weight_tau != ADAPTAU_BY_DATA) && loss != ADAPTAU_LOSS_SLATK) ||
        (recipe->base.positive_scale != ADAPTAU_BY_DATA && loss != ADAPTAU_LOSS_BSL) ||
        (recipe->base.activation != ADAPTAU_ACTIVATION_RELU && loss != ADAPTAU_LOSS_PSL)) {
        fprintf(stderr, "%s: --top-k and --weight-tau go with --loss slatk, --positive-scale with bsl, --activation with psl\n",
                program->name);
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
    return check_contrast(program, recipe);
}

/* What is read, first in --help. */
#define DATA_RULES (4 + READING_RULES + WEIGHT_RULES + SPLITTING_RULES)
#define OWN_RULES_MAX 80

static int data_rules(struct settings *s, struct option_rule rules[DATA_RULES])
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
    return n + splitting_rules(&s->reading, rules + n);
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

int read_settings_of(const struct program *program, const struct option_rule *more, int n_more, int argc, char **argv,
                     struct settings *settings)
{
    struct settings *s = settings;
    struct recipe   *r = &s->recipe;
    bool             tau_given = false, tau0_given = false;
    int              first = 0;
    set_defaults(settings);
    struct option_rule all[DATA_RULES + OWN_RULES_MAX + MORE_OPTIONS];
    int                n = data_rules(settings, all);
    const struct option_rule rules[] = {
        {"test-share", OPTION_DECIMAL, &s->test_share, 0, 0.9, NULL, "X",
         "of each user's pairs, or with --split time of all, held out when DATA has no test pairs (0.2)", NULL},
        {"split-seed", OPTION_WHOLE, &s->trial.split_seed, 0, 9e15, NULL, NULL, "of both splits (0)", NULL},

        {.name = "Model:", .kind = OPTION_TITLE},
        {"backbone", OPTION_CHOICE, &r->base.encoder, 0, 0, backbone_names, NULL,
         "what makes embeddings out of the tables: nothing; layers of the graph of pairs; a mixture of users and items (mf)",
         NULL},
        {"layers", OPTION_WHOLE, &r->base.n_layers, 1, ADAPTAU_MAX_LAYERS, NULL, NULL, "of lightgcn (3; on sparse data 2)", NULL},
        {"edge-dropout", OPTION_DECIMAL, &r->base.edge_dropout, 0, 0.99, NULL, "X",
         "lightgcn: share of the graph's edges that each step leaves out (0)", NULL},
        {"layer-dropout", OPTION_DECIMAL, &r->base.layer_dropout, 0, 0.99, NULL, "X",
         "lightgcn: share of rows that take nothing from their neighbours in a step (0)", NULL},
        {"gate", OPTION_DECIMAL, &r->base.gate, 0, 1, NULL, "X", "simplex: share of a user's own embedding (0.2)", NULL},
        {"dim", OPTION_WHOLE, &r->base.dim, 1, ADAPTAU_MAX_DIM, NULL, NULL, "numbers in an embedding (64)", NULL},
        {"init", OPTION_CHOICE, &r->base.init, 0, 0, init_names, NULL, "where the tables start (spectral)", NULL},
        {"normalise", OPTION_CHOICE, &r->base.normalise, 0, 0, normalise_names, NULL,
         "the sides whose rows a score brings to length 1 (mf, simplex: both, which makes it a cosine; lightgcn on sparse "
         "data: both; else none)", NULL},
        {"free-length", OPTION_SWITCH, &r->base.free_length, 1, 1, NULL, NULL,
         "rows keep their lengths instead of returning to the unit sphere", NULL},
        {"raw-rows", OPTION_CHOICE, &r->base.unit_raw_rows, 0, 0, raw_row_names, NULL,
         "lightgcn, simplex: whether the tables' rows keep their lengths or return to the unit sphere (lightgcn on sparse data: "
         "unit; else free)", NULL},
        {"rank", OPTION_CHOICE, &r->base.rank_raw, 0, 0, rank_names, NULL,
         "items are ranked by the scores of training or by inner products of the embeddings as they are (lightgcn on sparse "
         "data: raw; else trained)", NULL},
        {"weight-decay", OPTION_DECIMAL, &r->base.weight_decay, 0, 1e3, NULL, "X", "L2 term of rows of free length (0)", NULL},
        {"entrywise", OPTION_SWITCH, &r->base.row_second_moment, 0, 0, NULL, NULL,
         "Adam scales every entry of a row by itself instead of the row as a whole", NULL},
        {"popularity-prior", OPTION_DECIMAL, &r->base.popularity_prior, 0, 10, NULL, "X",
         "an item that n users have is scored X tau0 log(1 + n) higher (mf: as --popularity for the catalogue; where that is 0, "
         "chosen on pairs held out of train; others: 0)",
         NULL},
        {"seed", OPTION_WHOLE, &r->base.seed, 0, 9e15, NULL, NULL, "of initialisation and sampling (0)", NULL},

        {.name = "Loss:", .kind = OPTION_TITLE},
        {"loss", OPTION_CHOICE, &r->base.loss, 0, 0, loss_names, NULL, "what is made of the scores (softmax)", NULL},
        {"margin", OPTION_DECIMAL, &r->base.margin, 1e-6, 1e3, NULL, "X",
         "ccl: candidates count where they score above it (0.6)", NULL},
        {"negative-weight", OPTION_DECIMAL, &r->base.negative_weight, 1e-6, 1e6, NULL, "X",
         "ccl, bce, mse: of the candidates beside a positive (by the data); bsl: likewise (1)", NULL},
        {"top-k", OPTION_WHOLE, &r->base.top_k, 1, ADAPTAU_LOSS_MOST_K, NULL, NULL,
         "slatk: a positive weighs by how its score compares with that of a user's K-th item (20)", NULL},
        {"weight-tau", OPTION_DECIMAL, &r->base.weight_tau, 1e-6, 1e6, NULL, "X", "slatk: the weights' own temperature (1)", NULL},
        {"positive-scale", OPTION_DECIMAL, &r->base.positive_scale, 1e-6, 1e6, NULL, "X",
         "bsl: the positives' temperature, in multiples of the candidates' (16)", NULL},
        {"activation", OPTION_CHOICE, &r->base.activation, 0, 0, activation_names, NULL,
         "psl: what takes the place of the exponential (relu)", NULL},

        {.name = "Contrast, with lightgcn:", .kind = OPTION_TITLE},
        {"contrast", OPTION_CHOICE, &r->contrast, 0, 0, contrast_names, NULL,
         "two views of each user and item, to be told from the others': by dropped edges, by noise, or layers and prototypes "
         "(none)",
         NULL},
        {"contrast-weight", OPTION_DECIMAL, &r->contrast_weight, 0, 1e3, NULL, "X",
         "of its mean over nodes, beside the mean loss over pairs (by the kind)", NULL},
        {"contrast-temperature", OPTION_DECIMAL, &r->contrast_temperature, 1e-3, 1e3, NULL, "X",
         "of the softmax over the others (0.2; ncl: 0.1)", NULL},
        {"contrast-edge-dropout", OPTION_DECIMAL, &r->contrast_edge_dropout, 1e-6, 0.99, NULL, "X",
         "sgl: share of the edges that each view leaves out (0.1)", NULL},
        {"noise", OPTION_DECIMAL, &r->noise, 1e-6, 1e3, NULL, "X", "simgcl: its length, in every layer of a view (0.1)", NULL},
        {"prototypes", OPTION_WHOLE, &r->prototypes, 1, INT32_MAX, NULL, NULL, "ncl: clusters of users, and of items (100)",
         NULL},
        {"prototype-weight", OPTION_DECIMAL, &r->prototype_weight, 0, 1e3, NULL, "X", "ncl: of the prototypes' term", NULL},
        {"all-nodes", OPTION_FLAG, &r->all_nodes, 0, 0, NULL, NULL, "contrast with all users and items, not only the batch's",
         NULL},

        {.name = "Temperature:", .kind = OPTION_TITLE},
        {"temperature", OPTION_CHOICE, &r->base.tau0_policy, 0, 0, tau0_names, NULL, "how tau0 is found: held-out: by short trainings without a part of train; fixed: --tau; learned: with the tables; else by "
         "the equation (held-out)", &tau0_given},
        {"tau", OPTION_DECIMAL, &r->base.tau, 1e-3, 1e3, NULL, "X", "the fixed temperature, or a learned one's first",
         &tau_given},
        {"personal", OPTION_CHOICE, &r->base.tau_user_policy, 0, 0, personal_names, NULL,
         "a temperature for each user: Adap-tau, learned: Cu-tau; none: Adap-tau0 (none)", NULL},
        {"lr-tau", OPTION_DECIMAL, &r->base.tau_learning_rate, 1e-6, 10, NULL, "X",
         "learned: step of log tau (0.0002 for tau0, 0.01 for each user's, which takes one step an epoch)", NULL},
        {"tau-min", OPTION_DECIMAL, &r->base.tau_min, 1e-3, 1e3, NULL, "X", "lower bound of tau0 (0.03)", NULL},
        {"tau-max", OPTION_DECIMAL, &r->base.tau_max, 1e-3, 1e3, NULL, "X", "upper bound of tau0 (10)", NULL},
        {"warmup-epochs", OPTION_WHOLE, &r->base.warmup_epochs, -1, INT32_MAX, NULL, NULL,
         "epochs with tau0 = 0.7/L before it is measured; -1: all (1)", NULL},
        {"divisor", OPTION_DECIMAL, &r->base.tau_divisor, 1e-6, 1e6, NULL, "X", "2 beta of Eq. 15 and 16 (2; released: 1)", NULL},
        {"threshold-quantile", OPTION_DECIMAL, &r->base.threshold_quantile, 1e-6, 0.999999, NULL, "X",
         "compare users' losses with this quantile (their mean)", NULL},
        {"degree-quantile", OPTION_DECIMAL, &r->base.degree_quantile, 1e-6, 0.999999, NULL, "X",
         "measure only users with more pairs than this quantile (all)", NULL},

        {.name = "Candidates:", .kind = OPTION_TITLE},
        {"candidates", OPTION_CHOICE, &r->base.candidates, 0, 0, candidate_names, NULL,
         "what a user's items are contrasted with (catalogue: the exact softmax)", NULL},
        {"n-candidates", OPTION_WHOLE, &r->base.n_candidates, 1, INT32_MAX, NULL, NULL,
         "of a batch (shared, popular) or a row (per-row) (1024)", NULL},
        {"popularity", OPTION_DECIMAL, &r->base.popularity_exponent, 0, 4, NULL, "X",
         "popular: draw by count^X (0.75); catalogue: weigh by count^X in the sum (mf with cosines, where no prior is given, and "
         "lightgcn on sparse data: by the data; else 0)", NULL},
        {"no-log-q", OPTION_SWITCH, &r->base.log_q, 0, 0, NULL, NULL, "do not correct for how candidates are drawn", NULL},
        {"reject-positives", OPTION_SWITCH, &r->base.reject_positives, 1, 1, NULL, NULL, "per-row: never draw the user's items", NULL},
        {"positives", OPTION_CHOICE, &r->base.positives_outside_sum, 0, 0, positive_names, NULL,
         "whether the sum of a user holds the user's own items (outside, or inside where trials recall more)", NULL},
        {"row-weight", OPTION_DECIMAL, &r->base.row_weight_exponent, 1e-6, 2, NULL, "X",
         "a user with n items weighs n^X; 1: all pairs alike (by the data)", NULL},

        {.name = "Training:", .kind = OPTION_TITLE},
        {"soft-targets", OPTION_DECIMAL, &r->base.soft_targets, 0, 1e6, NULL, "X",
         "a user with n items aims with the share X/(X + n) at what users who share them have (by the data)", NULL},
        {"epochs", OPTION_WHOLE, &r->base.epochs, 1, 1e9, NULL, NULL, "at most so many (by the data)", NULL},
        {"batch", OPTION_WHOLE, &r->base.rows_per_batch, 1, INT32_MAX, NULL, NULL,
         "rows in a step: users, or pairs for in-batch and per-row (by the data)", NULL},
        {"lr-users", OPTION_DECIMAL, &r->base.learning_rate_users, 0, 1e3, NULL, "X", "learning rate of users, falls to 0 (by the data)", NULL},
        {"lr-items", OPTION_DECIMAL, &r->base.learning_rate_items, 0, 1e3, NULL, "X", "learning rate of items, falls to 0 (by the data)", NULL},
        {"threads", OPTION_WHOLE, &s->threads, 0, 1024, NULL, NULL, "that compute; results don't depend on it (all CPUs)",
         NULL},
        {"bf16", OPTION_SWITCH, &r->base.bfloat16, 1, 1, NULL, NULL,
         "round the operands of training's products to bfloat16 where the CPU is faster by it; a little noisier", NULL},
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
        {"save", OPTION_TEXT, &s->save, 0, 0, NULL, "FILE",
         "the tables as safetensors, and in the same file the names of their rows", NULL},
        {"half", OPTION_FLAG, &s->half, 0, 0, NULL, NULL, "with --save: tables in F16, for serving; half the file, next to the same lists", NULL},
        {"report", OPTION_TEXT, &s->report, 0, 0, NULL, "FILE",
         "the training as a page for a browser (HTML): curves, what is found among rare and popular items, some users", NULL},
        {"checkpoint", OPTION_TEXT, &s->checkpoint, 0, 0, NULL, "FILE",
         "after every epoch all that training goes on from, and FILE.best where the best epoch is kept", NULL},
        {"resume", OPTION_FLAG, &s->resume, 0, 0, NULL, NULL,
         "go on from the checkpoint, with the same DATA and options; from the start where there is none yet", NULL},
        {"quiet", OPTION_FLAG, &s->quiet, 0, 0, NULL, NULL, "no progress", NULL},
    };
    _Static_assert(LENGTH(rules) <= OWN_RULES_MAX, "they fit");
    memcpy(all + n, rules, sizeof rules);
    n += LENGTH(rules);
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
        code = check_together(program, settings, tau_given, tau0_given);
    return code;
}

int read_settings(int argc, char **argv, struct settings *settings)
{
    return read_settings_of(&own_program, NULL, 0, argc, argv, settings);
}
