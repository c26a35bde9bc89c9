/* SPDX-License-Identifier: MIT */
#include "common/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/contrast.h"

/* The position of a word is the value of the constant that it names. */
const char *const tau0_names[] = {"eq14", "eq34", "exact", "fixed", "learned", "held-out", NULL};
const char *const personal_names[] = {"none", "eq16", "eq15", "released", "learned", NULL};
const char *const candidate_names[] = {"catalogue", "shared", "popular", "in-batch", "per-row", NULL};
const char *const positive_names[] = {"inside", "outside", NULL};
const char *const init_names[] = {"sphere", "xavier", "spectral", NULL};
const char *const normalise_names[] = {"none", "users", "items", "both", NULL};
const char *const raw_row_names[] = {"free", "unit", NULL};
const char *const rank_names[] = {"trained", "raw", NULL};
const char *const loss_names[] = {"softmax", "bpr", "bce", "mse", "ccl", "slatk", "bsl", "psl", NULL};
const char *const activation_names[] = {"relu", "tanh", "atan", NULL};
const char *const backbone_names[] = {"mf", "lightgcn", "simplex", NULL};
const char *const contrast_names[] = {"none", "sgl", "simgcl", "ncl", NULL};

struct recipe recipe_default(void)
{
    struct recipe recipe = {
        .contrast_weight = ADAPTAU_BY_DATA,
        .contrast_temperature = ADAPTAU_BY_DATA,
        .contrast_edge_dropout = ADAPTAU_BY_DATA,
        .noise = ADAPTAU_BY_DATA,
        .prototype_weight = ADAPTAU_BY_DATA,
        .prototypes = ADAPTAU_BY_DATA,
    };
    recipe.base.struct_size = sizeof recipe.base;
    adaptau_recipe_init(&recipe.base, NULL);
    return recipe;
}

bool recipe_is_softmax(const struct recipe *recipe)
{
    const int32_t loss = recipe->base.loss;
    return loss == ADAPTAU_LOSS_SOFTMAX || loss == ADAPTAU_LOSS_SLATK || loss == ADAPTAU_LOSS_BSL;
}

adaptau_status recipe_fill(struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs, adaptau_error *error)
{
    adaptau_status status = adaptau_recipe_fill_for(&recipe->base, n_users, n_items, n_pairs, error);
    if (!status)
        contrast_fill(recipe, n_users, n_items);
    return status;
}

adaptau_model_options recipe_model_options(const struct recipe *recipe)
{
    adaptau_model_options options = {.struct_size = sizeof options};
    adaptau_recipe_model_options(&recipe->base, &options, NULL);
    return options;
}

bool recipe_searches_prior(const struct recipe *given, const struct recipe *complete)
{
    return given->base.popularity_prior == ADAPTAU_BY_DATA && given->base.encoder == ADAPTAU_ENCODER_MF &&
           complete->base.popularity_prior == 0;
}

/* ---- as options of adaptau-train ---------------------------------------------------------------------------------- */

#define MEMBER_FLAG 0    /* bool */
#define MEMBER_ON 1      /* int32_t: 1 where the option is given */
#define MEMBER_OFF 2     /* int32_t: 0 where the option is given */
#define MEMBER_WHOLE 3   /* int64_t or uint64_t */
#define MEMBER_DECIMAL 4 /* double */
#define MEMBER_WORD 5    /* int32_t */

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
    MEMBER("backbone", MEMBER_WORD, base.encoder, backbone_names),
    MEMBER("layers", MEMBER_WHOLE, base.n_layers, NULL),
    MEMBER("edge-dropout", MEMBER_DECIMAL, base.edge_dropout, NULL),
    MEMBER("layer-dropout", MEMBER_DECIMAL, base.layer_dropout, NULL),
    MEMBER("gate", MEMBER_DECIMAL, base.gate, NULL),
    MEMBER("dim", MEMBER_WHOLE, base.dim, NULL),
    MEMBER("init", MEMBER_WORD, base.init, init_names),
    MEMBER("normalise", MEMBER_WORD, base.normalise, normalise_names),
    MEMBER("free-length", MEMBER_ON, base.free_length, NULL),
    MEMBER("raw-rows", MEMBER_WORD, base.unit_raw_rows, raw_row_names),
    MEMBER("rank", MEMBER_WORD, base.rank_raw, rank_names),
    MEMBER("weight-decay", MEMBER_DECIMAL, base.weight_decay, NULL),
    MEMBER("bf16", MEMBER_ON, base.bfloat16, NULL),
    MEMBER("entrywise", MEMBER_OFF, base.row_second_moment, NULL),
    MEMBER("loss", MEMBER_WORD, base.loss, loss_names),
    MEMBER("margin", MEMBER_DECIMAL, base.margin, NULL),
    MEMBER("negative-weight", MEMBER_DECIMAL, base.negative_weight, NULL),
    MEMBER("top-k", MEMBER_WHOLE, base.top_k, NULL),
    MEMBER("weight-tau", MEMBER_DECIMAL, base.weight_tau, NULL),
    MEMBER("positive-scale", MEMBER_DECIMAL, base.positive_scale, NULL),
    MEMBER("activation", MEMBER_WORD, base.activation, activation_names),
    MEMBER("contrast", MEMBER_WORD, contrast, contrast_names),
    MEMBER("contrast-weight", MEMBER_DECIMAL, contrast_weight, NULL),
    MEMBER("contrast-temperature", MEMBER_DECIMAL, contrast_temperature, NULL),
    MEMBER("contrast-edge-dropout", MEMBER_DECIMAL, contrast_edge_dropout, NULL),
    MEMBER("noise", MEMBER_DECIMAL, noise, NULL),
    MEMBER("prototype-weight", MEMBER_DECIMAL, prototype_weight, NULL),
    MEMBER("prototypes", MEMBER_WHOLE, prototypes, NULL),
    MEMBER("all-nodes", MEMBER_FLAG, all_nodes, NULL),
    MEMBER("temperature", MEMBER_WORD, base.tau0_policy, tau0_names),
    MEMBER("tau", MEMBER_DECIMAL, base.tau, NULL),
    MEMBER("personal", MEMBER_WORD, base.tau_user_policy, personal_names),
    MEMBER("lr-tau", MEMBER_DECIMAL, base.tau_learning_rate, NULL),
    MEMBER("tau-min", MEMBER_DECIMAL, base.tau_min, NULL),
    MEMBER("tau-max", MEMBER_DECIMAL, base.tau_max, NULL),
    MEMBER("warmup-epochs", MEMBER_WHOLE, base.warmup_epochs, NULL),
    MEMBER("divisor", MEMBER_DECIMAL, base.tau_divisor, NULL),
    MEMBER("threshold-quantile", MEMBER_DECIMAL, base.threshold_quantile, NULL),
    MEMBER("degree-quantile", MEMBER_DECIMAL, base.degree_quantile, NULL),
    MEMBER("candidates", MEMBER_WORD, base.candidates, candidate_names),
    MEMBER("n-candidates", MEMBER_WHOLE, base.n_candidates, NULL),
    MEMBER("popularity", MEMBER_DECIMAL, base.popularity_exponent, NULL),
    MEMBER("no-log-q", MEMBER_OFF, base.log_q, NULL),
    MEMBER("reject-positives", MEMBER_ON, base.reject_positives, NULL),
    MEMBER("positives", MEMBER_WORD, base.positives_outside_sum, positive_names),
    MEMBER("row-weight", MEMBER_DECIMAL, base.row_weight_exponent, NULL),
    MEMBER("soft-targets", MEMBER_DECIMAL, base.soft_targets, NULL),
    MEMBER("epochs", MEMBER_WHOLE, base.epochs, NULL),
    MEMBER("batch", MEMBER_WHOLE, base.rows_per_batch, NULL),
    MEMBER("lr-users", MEMBER_DECIMAL, base.learning_rate_users, NULL),
    MEMBER("lr-items", MEMBER_DECIMAL, base.learning_rate_items, NULL),
    MEMBER("popularity-prior", MEMBER_DECIMAL, base.popularity_prior, NULL),
    MEMBER("seed", MEMBER_WHOLE, base.seed, NULL),
};

/* Six digits where they say it all. */
static void format_decimal(double value, char *out, size_t size)
{
    snprintf(out, size, "%g", value);
    if (strtod(out, NULL) != value)
        snprintf(out, size, "%.17g", value);
}

static bool is_flag(const struct member *member)
{
    return member->kind == MEMBER_FLAG || member->kind == MEMBER_ON || member->kind == MEMBER_OFF;
}

/* The value of a member as a word of the command line; "" for none: ADAPTAU_BY_DATA, or a flag that is off. */
static void format_member(const struct recipe *recipe, const struct member *member, char *out, size_t size)
{
    const char *at = (const char *)recipe + member->offset;
    *out = '\0';
    if (member->kind == MEMBER_FLAG)
        snprintf(out, size, "%s", *(const bool *)at ? "on" : "");
    else if (member->kind == MEMBER_ON || member->kind == MEMBER_OFF)
        snprintf(out, size, "%s", *(const int32_t *)at == (member->kind == MEMBER_ON) ? "on" : "");
    else if (member->kind == MEMBER_WHOLE && *(const int64_t *)at != ADAPTAU_BY_DATA)
        snprintf(out, size, "%lld", (long long)*(const int64_t *)at);
    else if (member->kind == MEMBER_DECIMAL && *(const double *)at != ADAPTAU_BY_DATA)
        format_decimal(*(const double *)at, out, size);
    else if (member->kind == MEMBER_WORD && *(const int32_t *)at != ADAPTAU_BY_DATA)
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
        const char *gap = is_flag(member) ? "" : " ";
        used += (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0, "%s--%s%s%s", used ? " " : "",
                                 member->option, gap, is_flag(member) ? "" : value);
    }
    return (int)used;
}
