/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "../fuzz.h"

static void must_init(adaptau_status status)
{
    must(status == ADAPTAU_OK, "options get their defaults");
}

bool loss_is_of_family(int32_t kind)
{
    return kind == ADAPTAU_LOSS_SOFTMAX || kind == ADAPTAU_LOSS_SLATK || kind == ADAPTAU_LOSS_BSL;
}

bool loss_has_tau(int32_t kind)
{
    return kind != ADAPTAU_LOSS_MSE && kind != ADAPTAU_LOSS_CCL;
}

adaptau_loss choose_loss(struct program *p, int32_t kind)
{
    static const double margins[] = {0.5, 0.1, 0.0}, weights[] = {1.0, 0.3, 150.0}, taus[] = {1.0, 0.1, 3.0}, scales[] = {1.0, 0.5, 2.0};
    adaptau_loss        loss = {.struct_size = sizeof loss};
    must_init(adaptau_loss_init(&loss, kind, NULL));
    switch (kind) {
    case ADAPTAU_LOSS_CCL:
        loss.margin = choose_number(p, 3, margins);
        loss.negative_weight = choose_number(p, 3, weights);
        break;
    case ADAPTAU_LOSS_BCE:
    case ADAPTAU_LOSS_MSE: loss.negative_weight = choose_number(p, 3, weights); break;
    case ADAPTAU_LOSS_SLATK:
        loss.top_k = 1 + choose(p, 5);
        loss.weight_tau = choose_number(p, 3, taus);
        break;
    case ADAPTAU_LOSS_BSL:
        loss.negative_weight = choose_number(p, 3, weights);
        loss.positive_scale = choose_number(p, 3, scales);
        break;
    case ADAPTAU_LOSS_PSL: loss.activation = choose(p, 3); break;
    default: break;
    }
    return loss;
}

adaptau_sampler_options choose_sampler_options(struct program *p)
{
    static const double     exponents[] = {0.75, 1.0, -0.5, 3.0}, row_exponents[] = {1.0, 0.5, 2.0, 0.0};
    adaptau_sampler_options o = {.struct_size = sizeof o};
    must_init(adaptau_sampler_options_init(&o, choose(p, 5), NULL));
    o.rows = choose(p, 3);
    o.flags = (uint32_t)choose(p, 16) & ~(uint32_t)ADAPTAU_SAMPLER_REJECT_POSITIVES; /* a user may own every item    */
    o.rows_per_batch = 1 + choose(p, 12);
    if (o.kind != ADAPTAU_SAMPLER_CATALOGUE && o.kind != ADAPTAU_SAMPLER_IN_BATCH)
        o.n_candidates = 1 + choose(p, 8);
    if (o.kind == ADAPTAU_SAMPLER_SHARED_POPULARITY || (o.kind == ADAPTAU_SAMPLER_CATALOGUE && choose_whether(p)))
        o.popularity_exponent = choose_number(p, 4, exponents);
    o.row_weight_exponent = choose_number(p, 4, row_exponents);
    o.seed = (uint64_t)choose(p, 256);
    return o;
}

adaptau_model_options choose_model_options(struct program *p)
{
    static const double   rates[] = {0.2, 0.02, 1e-3}, betas[] = {0.5, 0.9, 0.0}, decays[] = {0.0, 1e-3, 0.1}, drops[] = {0.0, 0.3};
    static const int32_t  dims[] = {4, 1, 2, 3, 7, 8, 16, 17}, inits[] = {ADAPTAU_INIT_SPHERE, ADAPTAU_INIT_XAVIER, ADAPTAU_INIT_SPECTRAL};
    adaptau_model_options o = {.struct_size = sizeof o};
    must_init(adaptau_model_options_init(&o, NULL));
    o.encoder = choose(p, 3);
    o.dim = dims[choose(p, 8)];
    o.init = inits[choose(p, 3)];
    o.flags = (uint32_t)choose(p, 128);
    if (o.encoder == ADAPTAU_ENCODER_MF)
        o.flags &= ~(uint32_t)ADAPTAU_MODEL_UNIT_RAW_ROWS;
    if (o.encoder == ADAPTAU_ENCODER_LIGHTGCN) {
        o.n_layers = 1 + choose(p, ADAPTAU_MAX_LAYERS);
        o.edge_dropout = choose_number(p, 2, drops);
        o.layer_dropout = choose_number(p, 2, drops);
    }
    if (o.encoder == ADAPTAU_ENCODER_SIMPLEX)
        o.gate = 0.5 * choose(p, 3);
    o.seed = (uint64_t)choose(p, 256);
    o.learning_rate_users = choose_number(p, 3, rates);
    o.learning_rate_items = choose_number(p, 3, rates);
    o.beta1_users = choose_number(p, 3, betas);
    o.beta1_items = choose_number(p, 3, betas);
    o.epsilon = 1e-8;
    o.weight_decay = choose_number(p, 3, decays);
    return o;
}

adaptau_temperature_options choose_temperature_options(struct program *p)
{
    static const double         taus[] = {0.1, 0.05, 1.0, 5.0}, divisors[] = {2.0, 0.5, 1.0}, quantiles[] = {0.0, 0.2, 0.7};
    adaptau_temperature_options o = {.struct_size = sizeof o};
    const int32_t               policy = choose(p, 5), user_policy = choose(p, 5);
    must_init(adaptau_temperature_options_init(&o, policy, policy == ADAPTAU_TAU0_LEARNED ? ADAPTAU_TAU_USER_NONE : user_policy, NULL));
    o.warmup_updates = choose(p, 3);
    if (o.tau0_policy == ADAPTAU_TAU0_FIXED || o.tau0_policy == ADAPTAU_TAU0_LEARNED)
        o.tau = choose_number(p, 4, taus);
    o.divisor = choose_number(p, 3, divisors);
    o.threshold_quantile = choose_number(p, 3, quantiles);
    o.degree_quantile = choose_number(p, 3, quantiles);
    o.learning_rate = 0.01;
    return o;
}

adaptau_target_options choose_target_options(struct program *p)
{
    static const double    strengths[] = {0.0, 1.0, 10.0};
    adaptau_target_options o = {.struct_size = sizeof o};
    must_init(adaptau_target_options_init(&o, NULL));
    o.strength = choose_number(p, 3, strengths);
    return o;
}

adaptau_contrast_options choose_contrast_options(struct program *p)
{
    static const double      taus[] = {0.2, 0.1, 1.0}, prototypes[] = {0.0, 0.1};
    adaptau_contrast_options o = {.struct_size = sizeof o};
    must_init(adaptau_contrast_options_init(&o, choose(p, 3), NULL));
    o.flags = (uint32_t)choose(p, 2);
    o.n_nodes = 1 + choose(p, 16);
    o.tau = choose_number(p, 3, taus);
    if (o.kind == ADAPTAU_CONTRAST_NCL)
        o.prototype_weight = choose_number(p, 2, prototypes);
    return o;
}

adaptau_evaluator_options choose_evaluator_options(struct program *p)
{
    static const int32_t      cutoffs[] = {1, 2, 5, 20};
    adaptau_evaluator_options o = {.struct_size = sizeof o};
    must_init(adaptau_evaluator_options_init(&o, NULL));
    const int32_t             first = choose(p, 4);
    o.cutoffs = cutoffs + first;
    o.n_cutoffs = 1 + choose(p, 4 - first);
    return o;
}

adaptau_fold_in_options choose_fold_in_options(struct program *p, const adaptau_model *model, double tau, double threshold)
{
    static const double     strengths[] = {0.0, 2.0}, exponents[] = {0.0, 0.5};
    adaptau_fold_in_options o = {.struct_size = sizeof o};
    must_init(adaptau_fold_in_options_init(&o, model, choose(p, 4), NULL));
    o.flags = choose_whether(p) ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0;
    o.n_steps = choose(p, 6);
    o.tau = tau;
    o.threshold = threshold;
    o.target_strength = choose_number(p, 2, strengths);
    o.popularity_exponent = choose_number(p, 2, exponents);
    return o;
}
