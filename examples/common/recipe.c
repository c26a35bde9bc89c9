/* SPDX-License-Identifier: MIT */
#include "common/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adaptau/model.h>
#include <adaptau/sampler.h>

/* The position of a word is the value of the constant that it names. */
const char *const tau0_names[] = {"eq14", "eq34", "exact", "fixed", "learned", NULL};
const char *const personal_names[] = {"none", "eq16", "eq15", "released", "learned", NULL};
const char *const candidate_names[] = {"catalogue", "shared", "popular", "in-batch", "per-row", NULL};
const char *const positive_names[] = {"outside", "inside", NULL};
const char *const init_names[] = {"sphere", "xavier", "spectral", NULL};
const char *const normalise_names[] = {"both", "users", "items", "none", NULL};
const char *const raw_row_names[] = {"free", "unit", NULL};
const char *const rank_names[] = {"trained", "raw", NULL};
const char *const loss_names[] = {"softmax", "bpr", "bce", "mse", "ccl", "slatk", "bsl", "psl", NULL};
const char *const activation_names[] = {"relu", "tanh", "atan", NULL};
const char *const backbone_names[] = {"mf", "lightgcn", "simplex", NULL};
const char *const contrast_names[] = {"none", "sgl", "simgcl", "ncl", NULL};

struct recipe recipe_default(void)
{
    return (struct recipe){
        .dim = 64,
        .layers = UNSET,
        .gate = UNSET,
        .init = ADAPTAU_INIT_SPECTRAL,
        .normalise = UNSET,
        .raw_rows = UNSET,
        .rank = UNSET,
        .margin = UNSET,
        .negative_weight = UNSET,
        .top_k = UNSET,
        .weight_tau = UNSET,
        .positive_scale = UNSET,
        .contrast_weight = UNSET,
        .contrast_temperature = UNSET,
        .contrast_edge_dropout = UNSET,
        .noise = UNSET,
        .prototype_weight = UNSET,
        .prototypes = UNSET,
        .n_candidates = 1024,
        .row_weight = UNSET,
        .soft_targets = UNSET,
        .epochs = UNSET,
        .rows = UNSET,
        .lr_users = UNSET,
        .lr_items = UNSET,
        .popularity_prior = UNSET,
        .popularity_exponent = UNSET,
    };
}

bool recipe_is_softmax(const struct recipe *recipe)
{
    return recipe->loss == ADAPTAU_LOSS_SOFTMAX || recipe->loss == ADAPTAU_LOSS_SLATK || recipe->loss == ADAPTAU_LOSS_BSL;
}

double recipe_least_prior(const struct recipe *recipe)
{
    const bool weighs = recipe->encoder == ADAPTAU_ENCODER_MF && recipe->candidates == ADAPTAU_SAMPLER_CATALOGUE;
    return weighs ? recipe->popularity_exponent : 0;
}

bool recipe_searches_prior(const struct recipe *given, const struct recipe *complete)
{
    return given->popularity_prior == UNSET && given->encoder == ADAPTAU_ENCODER_MF && recipe_least_prior(complete) == 0;
}

/* ---- as options of adaptau-train ---------------------------------------------------------------------------------- */

#define MEMBER_FLAG 0    /* bool */
#define MEMBER_WHOLE 1   /* int64_t */
#define MEMBER_DECIMAL 2 /* double */
#define MEMBER_WORD 3    /* int32_t */

struct member {
    const char        *option;
    int                kind;
    size_t             offset;
    const char *const *words;
};

#define MEMBER(option, kind, name, words)                  \
    {                                                      \
        option, kind, offsetof(struct recipe, name), words \
    }

static const struct member members[] = {
    MEMBER("backbone", MEMBER_WORD, encoder, backbone_names),
    MEMBER("layers", MEMBER_WHOLE, layers, NULL),
    MEMBER("edge-dropout", MEMBER_DECIMAL, edge_dropout, NULL),
    MEMBER("layer-dropout", MEMBER_DECIMAL, layer_dropout, NULL),
    MEMBER("gate", MEMBER_DECIMAL, gate, NULL),
    MEMBER("dim", MEMBER_WHOLE, dim, NULL),
    MEMBER("init", MEMBER_WORD, init, init_names),
    MEMBER("normalise", MEMBER_WORD, normalise, normalise_names),
    MEMBER("free-length", MEMBER_FLAG, free_length, NULL),
    MEMBER("raw-rows", MEMBER_WORD, raw_rows, raw_row_names),
    MEMBER("rank", MEMBER_WORD, rank, rank_names),
    MEMBER("weight-decay", MEMBER_DECIMAL, weight_decay, NULL),
    MEMBER("bf16", MEMBER_FLAG, bfloat16, NULL),
    MEMBER("entrywise", MEMBER_FLAG, entrywise, NULL),
    MEMBER("loss", MEMBER_WORD, loss, loss_names),
    MEMBER("margin", MEMBER_DECIMAL, margin, NULL),
    MEMBER("negative-weight", MEMBER_DECIMAL, negative_weight, NULL),
    MEMBER("top-k", MEMBER_WHOLE, top_k, NULL),
    MEMBER("weight-tau", MEMBER_DECIMAL, weight_tau, NULL),
    MEMBER("positive-scale", MEMBER_DECIMAL, positive_scale, NULL),
    MEMBER("activation", MEMBER_WORD, activation, activation_names),
    MEMBER("contrast", MEMBER_WORD, contrast, contrast_names),
    MEMBER("contrast-weight", MEMBER_DECIMAL, contrast_weight, NULL),
    MEMBER("contrast-temperature", MEMBER_DECIMAL, contrast_temperature, NULL),
    MEMBER("contrast-edge-dropout", MEMBER_DECIMAL, contrast_edge_dropout, NULL),
    MEMBER("noise", MEMBER_DECIMAL, noise, NULL),
    MEMBER("prototype-weight", MEMBER_DECIMAL, prototype_weight, NULL),
    MEMBER("prototypes", MEMBER_WHOLE, prototypes, NULL),
    MEMBER("all-nodes", MEMBER_FLAG, all_nodes, NULL),
    MEMBER("temperature", MEMBER_WORD, tau0, tau0_names),
    MEMBER("tau", MEMBER_DECIMAL, tau, NULL),
    MEMBER("personal", MEMBER_WORD, tau_user, personal_names),
    MEMBER("lr-tau", MEMBER_DECIMAL, lr_tau, NULL),
    MEMBER("tau-min", MEMBER_DECIMAL, tau_min, NULL),
    MEMBER("tau-max", MEMBER_DECIMAL, tau_max, NULL),
    MEMBER("warmup-epochs", MEMBER_WHOLE, warmup_epochs, NULL),
    MEMBER("divisor", MEMBER_DECIMAL, divisor, NULL),
    MEMBER("threshold-quantile", MEMBER_DECIMAL, threshold_quantile, NULL),
    MEMBER("degree-quantile", MEMBER_DECIMAL, degree_quantile, NULL),
    MEMBER("candidates", MEMBER_WORD, candidates, candidate_names),
    MEMBER("n-candidates", MEMBER_WHOLE, n_candidates, NULL),
    MEMBER("popularity", MEMBER_DECIMAL, popularity_exponent, NULL),
    MEMBER("no-log-q", MEMBER_FLAG, no_log_q, NULL),
    MEMBER("reject-positives", MEMBER_FLAG, reject_positives, NULL),
    MEMBER("positives", MEMBER_WORD, positives, positive_names),
    MEMBER("row-weight", MEMBER_DECIMAL, row_weight, NULL),
    MEMBER("soft-targets", MEMBER_DECIMAL, soft_targets, NULL),
    MEMBER("epochs", MEMBER_WHOLE, epochs, NULL),
    MEMBER("batch", MEMBER_WHOLE, rows, NULL),
    MEMBER("lr-users", MEMBER_DECIMAL, lr_users, NULL),
    MEMBER("lr-items", MEMBER_DECIMAL, lr_items, NULL),
    MEMBER("popularity-prior", MEMBER_DECIMAL, popularity_prior, NULL),
    MEMBER("seed", MEMBER_WHOLE, seed, NULL),
};

/* Six digits where they say it all. */
static void format_decimal(double value, char *out, size_t size)
{
    snprintf(out, size, "%g", value);
    if (strtod(out, NULL) != value)
        snprintf(out, size, "%.17g", value);
}

/* The value of a member as a word of the command line; "" for none: UNSET, or a flag that is off. */
static void format_member(const struct recipe *recipe, const struct member *member, char *out, size_t size)
{
    const char *at = (const char *)recipe + member->offset;
    *out = '\0';
    if (member->kind == MEMBER_FLAG)
        snprintf(out, size, "%s", *(const bool *)at ? "on" : "");
    else if (member->kind == MEMBER_WHOLE && *(const int64_t *)at != UNSET)
        snprintf(out, size, "%lld", (long long)*(const int64_t *)at);
    else if (member->kind == MEMBER_DECIMAL && *(const double *)at != UNSET)
        format_decimal(*(const double *)at, out, size);
    else if (member->kind == MEMBER_WORD && *(const int32_t *)at != UNSET)
        snprintf(out, size, "%s", member->words[*(const int32_t *)at]);
}

int recipe_options(const struct recipe *recipe, const struct recipe *base, char *out, size_t size)
{
    size_t used = 0;
    if (size > 0)
        *out = '\0';
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct member *member = &members[i];
        char                 value[32], usual[32] = "";
        format_member(recipe, member, value, sizeof value);
        if (base)
            format_member(base, member, usual, sizeof usual);
        if (*value == '\0' || (base && strcmp(value, usual) == 0))
            continue;
        const char *gap = member->kind == MEMBER_FLAG ? "" : " ";
        used += (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0, "%s--%s%s%s", used ? " " : "",
                                 member->option, gap, member->kind == MEMBER_FLAG ? "" : value);
    }
    return (int)used;
}
