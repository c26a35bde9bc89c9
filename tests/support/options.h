/* SPDX-License-Identifier: MIT */
/* Structs as tests write them down: what a literal says over the defaults of the _init calls. A member that is 0 in the literal has
 * its default; a test that means 0 sets the member afterwards:
 *
 *     adaptau_model_options options = full_model_options((adaptau_model_options){.dim = 16});
 *     options.beta1_users = 0;
 *
 * A kind that is none keeps its number, for calls that are to refuse it. */
#ifndef TESTS_OPTIONS_H
#define TESTS_OPTIONS_H

#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

/* A member that the literal has. */
#define TAKE(member)               \
    do {                           \
        if (given.member)          \
            full.member = given.member; \
    } while (0)

static inline adaptau_adam_options full_adam_options(adaptau_adam_options given)
{
    adaptau_adam_options full = {.struct_size = sizeof full};
    adaptau_adam_options_init(&full, NULL);
    TAKE(flags);
    TAKE(learning_rate);
    TAKE(beta1);
    TAKE(beta2);
    TAKE(epsilon);
    TAKE(weight_decay);
    return full;
}

static inline adaptau_loss full_loss(adaptau_loss given)
{
    adaptau_loss full = {.struct_size = sizeof full};
    if (adaptau_loss_init(&full, given.kind, NULL))
        adaptau_loss_init(&full, 0, NULL);
    full.kind = given.kind;
    TAKE(margin);
    TAKE(negative_weight);
    TAKE(top_k);
    TAKE(activation);
    TAKE(weight_tau);
    TAKE(positive_scale);
    return full;
}

static inline adaptau_sampler_options full_sampler_options(adaptau_sampler_options given)
{
    adaptau_sampler_options full = {.struct_size = sizeof full};
    if (adaptau_sampler_options_init(&full, given.kind, NULL))
        adaptau_sampler_options_init(&full, 0, NULL);
    full.kind = given.kind;
    TAKE(flags);
    TAKE(rows);
    TAKE(rows_per_batch);
    TAKE(reserved);
    TAKE(n_candidates);
    TAKE(popularity_exponent);
    TAKE(row_weight_exponent);
    TAKE(seed);
    if (given.rows && !given.rows_per_batch)
        full.rows_per_batch = given.rows == ADAPTAU_SAMPLER_ROWS_USERS ? 256 : 2048;
    return full;
}

static inline adaptau_temperature_options full_temperature_options(adaptau_temperature_options given)
{
    adaptau_temperature_options full = {.struct_size = sizeof full};
    if (adaptau_temperature_options_init(&full, given.tau0_policy, given.tau_user_policy, NULL))
        adaptau_temperature_options_init(&full, 0, 0, NULL);
    full.tau0_policy = given.tau0_policy;
    full.tau_user_policy = given.tau_user_policy;
    TAKE(warmup_updates);
    TAKE(tau);
    TAKE(warmup_delta_mu);
    TAKE(tau_min);
    TAKE(tau_max);
    TAKE(divisor);
    TAKE(threshold_quantile);
    TAKE(degree_quantile);
    TAKE(exact_sample);
    TAKE(reserved);
    TAKE(learning_rate);
    return full;
}

static inline adaptau_evaluator_options full_evaluator_options(adaptau_evaluator_options given)
{
    adaptau_evaluator_options full = {.struct_size = sizeof full};
    adaptau_evaluator_options_init(&full, NULL);
    TAKE(n_cutoffs);
    TAKE(cutoffs);
    TAKE(n_masks);
    TAKE(n_groups);
    TAKE(masks);
    TAKE(item_groups);
    return full;
}

static inline adaptau_search_options full_search_options(adaptau_search_options given)
{
    adaptau_search_options full = {.struct_size = sizeof full};
    if (adaptau_search_options_init(&full, given.first, NULL))
        adaptau_search_options_init(&full, 1.0, NULL);
    full.first = given.first;
    TAKE(max_trials);
    TAKE(factor);
    TAKE(least);
    TAKE(most);
    return full;
}

static inline adaptau_model_options full_model_options(adaptau_model_options given)
{
    adaptau_model_options full = {.struct_size = sizeof full};
    adaptau_model_options_init(&full, NULL);
    TAKE(flags);
    TAKE(encoder);
    TAKE(dim);
    TAKE(init);
    TAKE(n_layers);
    TAKE(seed);
    TAKE(host_users);
    TAKE(host_items);
    TAKE(host_user_stride);
    TAKE(host_item_stride);
    TAKE(learning_rate_users);
    TAKE(learning_rate_items);
    TAKE(beta1_users);
    TAKE(beta1_items);
    TAKE(beta2);
    TAKE(epsilon);
    TAKE(weight_decay);
    TAKE(edge_dropout);
    TAKE(layer_dropout);
    TAKE(gate);
    TAKE(host_encoder);
    return full;
}

static inline adaptau_target_options full_target_options(adaptau_target_options given)
{
    adaptau_target_options full = {.struct_size = sizeof full};
    adaptau_target_options_init(&full, NULL);
    TAKE(reserved);
    TAKE(strength);
    TAKE(row_weight_exponent);
    return full;
}

static inline adaptau_fold_in_options full_fold_in_options(const adaptau_model *model, adaptau_fold_in_options given)
{
    adaptau_fold_in_options full = {.struct_size = sizeof full};
    if (adaptau_fold_in_options_init(&full, model, given.tau_user_policy, NULL))
        adaptau_fold_in_options_init(&full, model, 0, NULL);
    full.tau_user_policy = given.tau_user_policy;
    TAKE(flags);
    TAKE(n_steps);
    TAKE(tau);
    TAKE(threshold);
    TAKE(divisor);
    TAKE(target_strength);
    TAKE(popularity_exponent);
    return full;
}

static inline adaptau_reduce full_reduce(adaptau_reduce given)
{
    adaptau_reduce full = {.struct_size = sizeof full};
    adaptau_reduce_init(&full, NULL);
    TAKE(item_pieces);
    TAKE(most_items);
    TAKE(function);
    TAKE(user_data);
    return full;
}

static inline adaptau_fit_options full_fit_options(adaptau_fit_options given)
{
    adaptau_fit_options full = {.struct_size = sizeof full};
    adaptau_fit_options_init(&full, NULL);
    TAKE(cutoff);
    TAKE(validation);
    TAKE(held_out_share);
    TAKE(held_out_seed);
    TAKE(n_epochs);
    TAKE(eval_every);
    TAKE(patience);
    TAKE(on_step);
    TAKE(on_epoch);
    TAKE(user_data);
    return full;
}

static inline adaptau_tune_options full_tune_options(adaptau_tune_options given)
{
    adaptau_tune_options full = {.struct_size = sizeof full};
    adaptau_tune_options_init(&full, NULL);
    TAKE(cutoff);
    TAKE(share);
    TAKE(seed);
    TAKE(times);
    TAKE(held_out);
    TAKE(trial_epochs);
    TAKE(progress);
    TAKE(user_data);
    TAKE(split_flags);
    TAKE(user_divisor);
    TAKE(flags);
    TAKE(reserved);
    return full;
}

static inline adaptau_contrast_options full_contrast_options(adaptau_contrast_options given)
{
    adaptau_contrast_options full = {.struct_size = sizeof full};
    if (adaptau_contrast_options_init(&full, given.kind, NULL))
        adaptau_contrast_options_init(&full, 0, NULL);
    full.kind = given.kind;
    TAKE(flags);
    TAKE(n_nodes);
    TAKE(tau);
    TAKE(weight);
    TAKE(item_weight);
    TAKE(edge_dropout);
    TAKE(noise);
    TAKE(layer);
    TAKE(reserved);
    TAKE(prototype_weight);
    return full;
}

#undef TAKE

#endif
