/* SPDX-License-Identifier: MIT */
#include "common/hyperparameters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adaptau/adaptau.h>

#define ANY(kind_, member_) .kind = kind_, .offset = offsetof(struct recipe, member_)
#define FLAG(member_) ANY(OPTION_FLAG, member_)
#define ON(member_) ANY(OPTION_SWITCH, member_), .least = 1  /* the option sets 1 */
#define OFF(member_) ANY(OPTION_SWITCH, member_), .least = 0 /* the option sets 0 */
#define WHOLE(member_, from, to) ANY(OPTION_WHOLE, member_), .least = from, .most = to
#define DECIMAL(member_, from, to) ANY(OPTION_DECIMAL, member_), .least = from, .most = to
#define CHOICE(member_, words) ANY(OPTION_CHOICE, member_), .choices = words

#define BIT(constant) (UINT32_C(1) << (constant))
#define LIGHTGCN BIT(ADAPTAU_ENCODER_LIGHTGCN)
#define SIMPLEX BIT(ADAPTAU_ENCODER_SIMPLEX)
#define LOSS(name) BIT(ADAPTAU_LOSS_##name)
#define SGL BIT(CONTRAST_SGL)
#define SIMGCL BIT(CONTRAST_SIMGCL)
#define NCL BIT(CONTRAST_NCL)

const struct hyperparameter hyperparameters[] = {
    {.name = "Model:", .kind = OPTION_TITLE},
    {.name = "backbone", CHOICE(base.encoder, backbone_names),
     .help = "what makes embeddings out of the tables: nothing; layers of the graph of pairs; a mixture of users and items "
             "(mf)"},
    {.name = "layers", WHOLE(base.n_layers, 1, ADAPTAU_MAX_LAYERS), .encoders = LIGHTGCN,
     .help = "of lightgcn (3; on sparse data 2)"},
    {.name = "edge-dropout", DECIMAL(base.edge_dropout, 0, 0.99), .encoders = LIGHTGCN,
     .help = "lightgcn: share of the graph's edges that each step leaves out (0)"},
    {.name = "layer-dropout", DECIMAL(base.layer_dropout, 0, 0.99), .encoders = LIGHTGCN,
     .help = "lightgcn: share of rows that take nothing from their neighbours in a step (0)"},
    {.name = "gate", DECIMAL(base.gate, 0, 1), .encoders = SIMPLEX, .help = "simplex: share of a user's own embedding (0.2)"},
    {.name = "dim", WHOLE(base.dim, 1, ADAPTAU_MAX_DIM), .help = "numbers in an embedding (64)"},
    {.name = "init", CHOICE(base.init, init_names), .help = "where the tables start (spectral)"},
    {.name = "normalise", CHOICE(base.normalise, normalise_names),
     .help = "the sides whose rows a score brings to length 1 (mf, simplex: both, which makes it a cosine; lightgcn on sparse "
             "data: both; else none)"},
    {.name = "free-length", ON(base.free_length), .help = "rows keep their lengths instead of returning to the unit sphere"},
    {.name = "raw-rows", CHOICE(base.unit_raw_rows, raw_row_names), .encoders = LIGHTGCN | SIMPLEX,
     .help = "lightgcn, simplex: whether the tables' rows keep their lengths or return to the unit sphere (lightgcn on sparse "
             "data: unit; else free)"},
    {.name = "rank", CHOICE(base.rank_raw, rank_names),
     .help = "items are ranked by the scores of training or by inner products of the embeddings as they are (lightgcn on "
             "sparse data: raw; else trained)"},
    {.name = "weight-decay", DECIMAL(base.weight_decay, 0, 1e3), .help = "L2 term of rows of free length (0)"},
    {.name = "entrywise", OFF(base.row_second_moment),
     .help = "Adam scales every entry of a row by itself instead of the row as a whole"},
    {.name = "popularity-prior", DECIMAL(base.popularity_prior, 0, 10),
     .help = "an item that n users have is scored X tau0 log(1 + n) higher (mf: as --popularity for the catalogue; where that "
             "is 0, chosen on pairs held out of train; others: 0)"},
    {.name = "seed", WHOLE(base.seed, 0, 9e15), .help = "of initialisation and sampling (0)"},

    {.name = "Loss:", .kind = OPTION_TITLE},
    {.name = "loss", CHOICE(base.loss, loss_names), .key = "loss_kind", .help = "what is made of the scores (softmax)"},
    {.name = "margin", DECIMAL(base.margin, 1e-6, 1e3), .losses = LOSS(CCL),
     .help = "ccl: candidates count where they score above it (0.6)"},
    {.name = "negative-weight", DECIMAL(base.negative_weight, 1e-6, 1e6), .losses = LOSS(CCL) | LOSS(BCE) | LOSS(MSE) | LOSS(BSL),
     .help = "ccl, bce, mse: of the candidates beside a positive (by the data); bsl: likewise (1)"},
    {.name = "top-k", WHOLE(base.top_k, 1, ADAPTAU_LOSS_MOST_K), .losses = LOSS(SLATK),
     .help = "slatk: a positive weighs by how its score compares with that of a user's K-th item (20)"},
    {.name = "weight-tau", DECIMAL(base.weight_tau, 1e-6, 1e6), .losses = LOSS(SLATK),
     .help = "slatk: the weights' own temperature (1)"},
    {.name = "positive-scale", DECIMAL(base.positive_scale, 1e-6, 1e6), .losses = LOSS(BSL),
     .help = "bsl: the positives' temperature, in multiples of the candidates' (16)"},
    {.name = "activation", CHOICE(base.activation, activation_names), .losses = LOSS(PSL),
     .help = "psl: what takes the place of the exponential (relu)"},

    {.name = "Contrast, with lightgcn:", .kind = OPTION_TITLE},
    {.name = "contrast", CHOICE(contrast, contrast_names), .encoders = LIGHTGCN,
     .help = "two views of each user and item, to be told from the others': by dropped edges, by noise, or layers and "
             "prototypes (none)"},
    {.name = "contrast-weight", DECIMAL(contrast_weight, 0, 1e3), .contrasts = SGL | SIMGCL | NCL,
     .help = "of its mean over nodes, beside the mean loss over pairs (by the kind)"},
    {.name = "contrast-temperature", DECIMAL(contrast_temperature, 1e-3, 1e3), .contrasts = SGL | SIMGCL | NCL,
     .help = "of the softmax over the others (0.2; ncl: 0.1)"},
    {.name = "contrast-edge-dropout", DECIMAL(contrast_edge_dropout, 1e-6, 0.99), .contrasts = SGL,
     .help = "sgl: share of the edges that each view leaves out (0.1)"},
    {.name = "noise", DECIMAL(noise, 1e-6, 1e3), .contrasts = SIMGCL,
     .help = "simgcl: its length, in every layer of a view (0.1)"},
    {.name = "prototypes", WHOLE(prototypes, 1, INT32_MAX), .contrasts = NCL,
     .help = "ncl: clusters of users, and of items (100)"},
    {.name = "prototype-weight", DECIMAL(prototype_weight, 0, 1e3), .contrasts = NCL, .help = "ncl: of the prototypes' term"},
    {.name = "all-nodes", FLAG(all_nodes), .contrasts = SGL | SIMGCL | NCL,
     .help = "contrast with all users and items, not only the batch's"},

    {.name = "Temperature:", .kind = OPTION_TITLE},
    {.name = "temperature", CHOICE(base.tau0_policy, tau0_names), .key = "",
     .help = "how tau0 is found: held-out: by short trainings without a part of train; fixed: --tau; learned: with the tables; "
             "else by the equation (held-out)"},
    {.name = "tau", DECIMAL(base.tau, 1e-3, 1e3), .key = "", .help = "the fixed temperature, or a learned one's first"},
    {.name = "personal", CHOICE(base.tau_user_policy, personal_names),
     .help = "a temperature for each user: Adap-tau, learned: Cu-tau; none: Adap-tau0 (none)"},
    {.name = "lr-tau", DECIMAL(base.tau_learning_rate, 1e-6, 10),
     .help = "learned: step of log tau (0.0002 for tau0, 0.01 for each user's, which takes one step an epoch)"},
    {.name = "tau-min", DECIMAL(base.tau_min, 1e-3, 1e3), .help = "lower bound of tau0 (0.03)"},
    {.name = "tau-max", DECIMAL(base.tau_max, 1e-3, 1e3), .help = "upper bound of tau0 (10)"},
    {.name = "warmup-epochs", WHOLE(base.warmup_epochs, -1, INT32_MAX),
     .help = "epochs with tau0 = 0.7/L before it is measured; -1: all (1)"},
    {.name = "divisor", DECIMAL(base.tau_divisor, 1e-6, 1e6), .help = "2 beta of Eq. 15 and 16 (2; released: 1)"},
    {.name = "threshold-quantile", DECIMAL(base.threshold_quantile, 1e-6, 0.999999),
     .help = "compare users' losses with this quantile (their mean)"},
    {.name = "degree-quantile", DECIMAL(base.degree_quantile, 1e-6, 0.999999),
     .help = "measure only users with more pairs than this quantile (all)"},

    {.name = "Candidates:", .kind = OPTION_TITLE},
    {.name = "candidates", CHOICE(base.candidates, candidate_names),
     .help = "what a user's items are contrasted with (catalogue: the exact softmax)"},
    {.name = "n-candidates", WHOLE(base.n_candidates, 1, INT32_MAX),
     .help = "of a batch (shared, popular) or a row (per-row) (1024)"},
    {.name = "popularity", DECIMAL(base.popularity_exponent, 0, 4),
     .help = "popular: draw by count^X (0.75); catalogue: weigh by count^X in the sum (mf with cosines, where no prior is "
             "given, and lightgcn on sparse data: by the data; else 0)"},
    {.name = "no-log-q", OFF(base.log_q), .help = "do not correct for how candidates are drawn"},
    {.name = "reject-positives", ON(base.reject_positives), .help = "per-row: never draw the user's items"},
    {.name = "positives", CHOICE(base.positives_outside_sum, positive_names),
     .help = "whether the sum of a user holds the user's own items (outside, or inside where trials recall more)"},
    {.name = "row-weight", DECIMAL(base.row_weight_exponent, 1e-6, 2),
     .help = "a user with n items weighs n^X; 1: all pairs alike (by the data)"},

    {.name = "Training:", .kind = OPTION_TITLE},
    {.name = "soft-targets", DECIMAL(base.soft_targets, 0, 1e6),
     .help = "a user with n items aims with the share X/(X + n) at what users who share them have (by the data)"},
    {.name = "epochs", WHOLE(base.epochs, 1, 1e9), .help = "at most so many (by the data)"},
    {.name = "batch", WHOLE(base.rows_per_batch, 1, INT32_MAX),
     .help = "rows in a step: users, or pairs for in-batch and per-row (by the data)"},
    {.name = "lr-users", DECIMAL(base.learning_rate_users, 0, 1e3),
     .help = "learning rate of users, falls to 0 (by the data)"},
    {.name = "lr-items", DECIMAL(base.learning_rate_items, 0, 1e3),
     .help = "learning rate of items, falls to 0 (by the data)"},
    {.name = "bf16", ON(base.bfloat16),
     .help = "round the operands of training's products to bfloat16 where the CPU is faster by it; a little noisier"},
};

const int n_hyperparameters = sizeof hyperparameters / sizeof *hyperparameters;

_Static_assert(sizeof hyperparameters / sizeof *hyperparameters <= HYPERPARAMETERS_MAX, "they fit");

/* ---- one of them -------------------------------------------------------------------------------------------------- */

#define VALUE_SIZE 32

static const void *value_at(const struct recipe *recipe, const struct hyperparameter *h)
{
    return (const char *)recipe + h->offset;
}

static bool is_switch(const struct hyperparameter *h)
{
    return h->kind == OPTION_FLAG || h->kind == OPTION_SWITCH;
}

static bool is_on(const struct recipe *recipe, const struct hyperparameter *h)
{
    return h->kind == OPTION_FLAG ? *(const bool *)value_at(recipe, h) : *(const int32_t *)value_at(recipe, h) == (int32_t)h->least;
}

static double number(const struct recipe *recipe, const struct hyperparameter *h)
{
    return h->kind == OPTION_WHOLE ? (double)*(const int64_t *)value_at(recipe, h) : *(const double *)value_at(recipe, h);
}

/* Six digits where they say it all. */
static void format_decimal(double value, char out[VALUE_SIZE])
{
    snprintf(out, VALUE_SIZE, "%g", value);
    if (strtod(out, NULL) != value)
        snprintf(out, VALUE_SIZE, "%.17g", value);
}

/* As a word of the command line. "" where no such word is needed: a switch that is off; ADAPTAU_BY_DATA; a number that no option
 * gives, which stands for none. */
static void format_value(const struct recipe *recipe, const struct hyperparameter *h, char out[VALUE_SIZE])
{
    *out = '\0';
    if (is_switch(h))
        snprintf(out, VALUE_SIZE, "%s", is_on(recipe, h) ? "on" : "");
    else if (h->kind == OPTION_CHOICE && *(const int32_t *)value_at(recipe, h) != ADAPTAU_BY_DATA)
        snprintf(out, VALUE_SIZE, "%s", h->choices[*(const int32_t *)value_at(recipe, h)]);
    else if (h->kind == OPTION_CHOICE || number(recipe, h) == ADAPTAU_BY_DATA || number(recipe, h) < h->least)
        return;
    else if (h->kind == OPTION_WHOLE)
        snprintf(out, VALUE_SIZE, "%lld", (long long)*(const int64_t *)value_at(recipe, h));
    else
        format_decimal(number(recipe, h), out);
}

static bool is_among(uint32_t bits, int32_t constant)
{
    return bits == 0 || (bits & BIT(constant)) != 0;
}

static bool has_meaning(const struct recipe *recipe, const struct hyperparameter *h)
{
    return is_among(h->encoders, recipe->base.encoder) && is_among(h->losses, recipe->base.loss) &&
           is_among(h->contrasts, recipe->contrast);
}

/* ---- all of them -------------------------------------------------------------------------------------------------- */

int hyperparameter_rules(struct recipe *recipe, struct option_rule rules[HYPERPARAMETERS_MAX])
{
    for (int i = 0; i < n_hyperparameters; i++) {
        const struct hyperparameter *h = &hyperparameters[i];
        rules[i] = (struct option_rule){
            .name = h->name,
            .kind = h->kind,
            .value = h->kind == OPTION_TITLE ? NULL : (char *)recipe + h->offset,
            .least = h->least,
            .most = h->most,
            .choices = h->choices,
            .argument = h->kind == OPTION_DECIMAL ? "X" : NULL,
            .help = h->help,
        };
    }
    return n_hyperparameters;
}

/* "--loss mse, ccl or bsl" */
static void list_words(const char *option, const char *const *words, uint32_t bits, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "--%s", option);
    for (int32_t i = 0; words[i]; i++) {
        if (!(bits & BIT(i)))
            continue;
        const char *gap = (bits & (BIT(i) - 1)) == 0 ? " " : bits >> i == 1 ? " or " : ", ";
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", gap, words[i]);
    }
}

bool hyperparameter_misfit(const struct recipe *recipe, char *out, size_t size)
{
    const struct recipe usual = recipe_default();
    for (int i = 0; i < n_hyperparameters; i++) {
        const struct hyperparameter *h = &hyperparameters[i];
        char                         value[VALUE_SIZE], default_value[VALUE_SIZE], with[100];
        if (h->kind == OPTION_TITLE || has_meaning(recipe, h))
            continue;
        format_value(recipe, h, value);
        format_value(&usual, h, default_value);
        if (strcmp(value, default_value) == 0)
            continue;
        if (!is_among(h->encoders, recipe->base.encoder))
            list_words("backbone", backbone_names, h->encoders, with, sizeof with);
        else if (!is_among(h->losses, recipe->base.loss))
            list_words("loss", loss_names, h->losses, with, sizeof with);
        else
            list_words("contrast", contrast_names, h->contrasts, with, sizeof with);
        snprintf(out, size, "--%s goes with %s", h->name, with);
        return true;
    }
    return false;
}

int recipe_options(const struct recipe *recipe, const struct recipe *base, char *out, size_t size)
{
    size_t used = 0;
    if (size > 0)
        *out = '\0';
    for (int i = 0; i < n_hyperparameters; i++) {
        const struct hyperparameter *h = &hyperparameters[i];
        char                         value[VALUE_SIZE], usual[VALUE_SIZE] = "";
        if (h->kind == OPTION_TITLE || !has_meaning(recipe, h))
            continue;
        format_value(recipe, h, value);
        if (base)
            format_value(base, h, usual);
        if (*value == '\0' || (base && strcmp(value, usual) == 0))
            continue;
        used += (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0, "%s--%s%s%s", used ? " " : "", h->name,
                                 is_switch(h) ? "" : " ", is_switch(h) ? "" : value);
    }
    return (int)used;
}

static void json_hyperparameter(struct json *json, const struct recipe *recipe, const struct hyperparameter *h)
{
    char key[40], word[VALUE_SIZE];
    snprintf(key, sizeof key, "%s", h->key ? h->key : h->name);
    for (char *at = key; *at; at++)
        if (*at == '-')
            *at = '_';
    if (is_switch(h))
        json_truth(json, key, is_on(recipe, h));
    else if (h->kind == OPTION_CHOICE) {
        format_value(recipe, h, word);
        json_text(json, key, has_meaning(recipe, h) ? word : "");
    } else if (number(recipe, h) == ADAPTAU_BY_DATA)
        json_number(json, key, NAN);
    else if (h->kind == OPTION_WHOLE)
        json_whole(json, key, *(const int64_t *)value_at(recipe, h));
    else
        json_number(json, key, number(recipe, h));
}

void json_hyperparameters(struct json *json, const struct recipe *recipe)
{
    for (int i = 0; i < n_hyperparameters; i++)
        if (hyperparameters[i].kind != OPTION_TITLE && !(hyperparameters[i].key && *hyperparameters[i].key == '\0'))
            json_hyperparameter(json, recipe, &hyperparameters[i]);
}
