/* SPDX-License-Identifier: MIT */
/* The layout of every public struct on LP64, held by the compiler. Written by ./dev/run abi --record. */
#include <adaptau/adaptau.h>

#if UINTPTR_MAX == UINT64_MAX
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define MEMBER(type, member, offset, size)                                                                                 \
    _Static_assert(offsetof(type, member) == (offset) && sizeof(((type *)0)->member) == (size), #type "." #member)

SIZE(adaptau_adam_options, 48);
MEMBER(adaptau_adam_options, struct_size, 0, 4);
MEMBER(adaptau_adam_options, flags, 4, 4);
MEMBER(adaptau_adam_options, learning_rate, 8, 8);
MEMBER(adaptau_adam_options, beta1, 16, 8);
MEMBER(adaptau_adam_options, beta2, 24, 8);
MEMBER(adaptau_adam_options, epsilon, 32, 8);
MEMBER(adaptau_adam_options, weight_decay, 40, 8);

SIZE(adaptau_adam_rows, 56);
MEMBER(adaptau_adam_rows, struct_size, 0, 4);
MEMBER(adaptau_adam_rows, dim, 4, 4);
MEMBER(adaptau_adam_rows, n, 8, 8);
MEMBER(adaptau_adam_rows, rows, 16, 8);
MEMBER(adaptau_adam_rows, stride, 24, 8);
MEMBER(adaptau_adam_rows, first, 32, 8);
MEMBER(adaptau_adam_rows, second, 40, 8);
MEMBER(adaptau_adam_rows, steps, 48, 8);

SIZE(adaptau_attachment, 24);
MEMBER(adaptau_attachment, name, 0, 8);
MEMBER(adaptau_attachment, bytes, 8, 8);
MEMBER(adaptau_attachment, size, 16, 8);

SIZE(adaptau_batch, 136);
MEMBER(adaptau_batch, struct_size, 0, 4);
MEMBER(adaptau_batch, flags, 4, 4);
MEMBER(adaptau_batch, n_rows, 8, 4);
MEMBER(adaptau_batch, candidates, 12, 4);
MEMBER(adaptau_batch, users, 16, 8);
MEMBER(adaptau_batch, positive_ptr, 24, 8);
MEMBER(adaptau_batch, positives, 32, 8);
MEMBER(adaptau_batch, n_candidates, 40, 8);
MEMBER(adaptau_batch, candidate_ids, 48, 8);
MEMBER(adaptau_batch, log_q, 56, 8);
MEMBER(adaptau_batch, row_weights, 64, 8);
MEMBER(adaptau_batch, positive_weights, 72, 8);
MEMBER(adaptau_batch, negative_ptr, 80, 8);
MEMBER(adaptau_batch, negatives, 88, 8);
MEMBER(adaptau_batch, negative_weights, 96, 8);
MEMBER(adaptau_batch, target_shares, 104, 8);
MEMBER(adaptau_batch, user_targets, 112, 8);
MEMBER(adaptau_batch, item_targets, 120, 8);
MEMBER(adaptau_batch, item_target_scale, 128, 4);
MEMBER(adaptau_batch, reserved, 132, 4);

SIZE(adaptau_context_options, 80);
MEMBER(adaptau_context_options, struct_size, 0, 4);
MEMBER(adaptau_context_options, n_threads, 4, 4);
MEMBER(adaptau_context_options, backend, 8, 4);
MEMBER(adaptau_context_options, bfloat16, 12, 4);
MEMBER(adaptau_context_options, cpu_disable, 16, 8);
MEMBER(adaptau_context_options, executor, 24, 8);
MEMBER(adaptau_context_options, executor_data, 32, 8);
MEMBER(adaptau_context_options, allocate, 40, 8);
MEMBER(adaptau_context_options, free, 48, 8);
MEMBER(adaptau_context_options, allocator_data, 56, 8);
MEMBER(adaptau_context_options, log, 64, 8);
MEMBER(adaptau_context_options, log_data, 72, 8);

SIZE(adaptau_csr, 40);
MEMBER(adaptau_csr, struct_size, 0, 4);
MEMBER(adaptau_csr, n_users, 4, 4);
MEMBER(adaptau_csr, n_items, 8, 4);
MEMBER(adaptau_csr, reserved, 12, 4);
MEMBER(adaptau_csr, indptr, 16, 8);
MEMBER(adaptau_csr, indices, 24, 8);
MEMBER(adaptau_csr, weights, 32, 8);

SIZE(adaptau_dataset_view, 88);
MEMBER(adaptau_dataset_view, struct_size, 0, 4);
MEMBER(adaptau_dataset_view, n_users, 4, 4);
MEMBER(adaptau_dataset_view, n_items, 8, 4);
MEMBER(adaptau_dataset_view, reserved, 12, 4);
MEMBER(adaptau_dataset_view, user_ptr, 16, 8);
MEMBER(adaptau_dataset_view, user_items, 24, 8);
MEMBER(adaptau_dataset_view, item_ptr, 32, 8);
MEMBER(adaptau_dataset_view, item_users, 40, 8);
MEMBER(adaptau_dataset_view, user_weights, 48, 8);
MEMBER(adaptau_dataset_view, item_weights, 56, 8);
MEMBER(adaptau_dataset_view, negative_ptr, 64, 8);
MEMBER(adaptau_dataset_view, negatives, 72, 8);
MEMBER(adaptau_dataset_view, negative_weights, 80, 8);

SIZE(adaptau_encoder_parameters, 24);
MEMBER(adaptau_encoder_parameters, struct_size, 0, 4);
MEMBER(adaptau_encoder_parameters, n_rows, 4, 4);
MEMBER(adaptau_encoder_parameters, dim, 8, 4);
MEMBER(adaptau_encoder_parameters, reserved, 12, 4);
MEMBER(adaptau_encoder_parameters, rows, 16, 8);

SIZE(adaptau_error, 256);
MEMBER(adaptau_error, status, 0, 4);
MEMBER(adaptau_error, os_error, 4, 4);
MEMBER(adaptau_error, message, 8, 248);

SIZE(adaptau_evaluator_options, 40);
MEMBER(adaptau_evaluator_options, struct_size, 0, 4);
MEMBER(adaptau_evaluator_options, n_cutoffs, 4, 4);
MEMBER(adaptau_evaluator_options, cutoffs, 8, 8);
MEMBER(adaptau_evaluator_options, n_masks, 16, 4);
MEMBER(adaptau_evaluator_options, n_groups, 20, 4);
MEMBER(adaptau_evaluator_options, masks, 24, 8);
MEMBER(adaptau_evaluator_options, item_groups, 32, 8);

SIZE(adaptau_fit_options, 80);
MEMBER(adaptau_fit_options, struct_size, 0, 4);
MEMBER(adaptau_fit_options, cutoff, 4, 4);
MEMBER(adaptau_fit_options, validation, 8, 8);
MEMBER(adaptau_fit_options, held_out_share, 16, 8);
MEMBER(adaptau_fit_options, held_out_seed, 24, 8);
MEMBER(adaptau_fit_options, n_epochs, 32, 8);
MEMBER(adaptau_fit_options, eval_every, 40, 8);
MEMBER(adaptau_fit_options, patience, 48, 8);
MEMBER(adaptau_fit_options, on_step, 56, 8);
MEMBER(adaptau_fit_options, on_epoch, 64, 8);
MEMBER(adaptau_fit_options, user_data, 72, 8);

SIZE(adaptau_fit_progress, 88);
MEMBER(adaptau_fit_progress, phase, 0, 4);
MEMBER(adaptau_fit_progress, evaluated, 4, 4);
MEMBER(adaptau_fit_progress, best, 8, 4);
MEMBER(adaptau_fit_progress, reserved, 12, 4);
MEMBER(adaptau_fit_progress, epoch, 16, 8);
MEMBER(adaptau_fit_progress, n_epochs, 24, 8);
MEMBER(adaptau_fit_progress, step, 32, 8);
MEMBER(adaptau_fit_progress, n_steps, 40, 8);
MEMBER(adaptau_fit_progress, loss, 48, 8);
MEMBER(adaptau_fit_progress, tau0, 56, 8);
MEMBER(adaptau_fit_progress, recall, 64, 8);
MEMBER(adaptau_fit_progress, ndcg, 72, 8);
MEMBER(adaptau_fit_progress, model, 80, 8);

SIZE(adaptau_fit_result, 72);
MEMBER(adaptau_fit_result, struct_size, 0, 4);
MEMBER(adaptau_fit_result, stopped, 4, 4);
MEMBER(adaptau_fit_result, n_epochs, 8, 8);
MEMBER(adaptau_fit_result, n_searched, 16, 8);
MEMBER(adaptau_fit_result, loss, 24, 8);
MEMBER(adaptau_fit_result, tau0, 32, 8);
MEMBER(adaptau_fit_result, recall, 40, 8);
MEMBER(adaptau_fit_result, ndcg, 48, 8);
MEMBER(adaptau_fit_result, recipe, 56, 8);
MEMBER(adaptau_fit_result, fold_in, 64, 8);

SIZE(adaptau_fold_in_options, 56);
MEMBER(adaptau_fold_in_options, struct_size, 0, 4);
MEMBER(adaptau_fold_in_options, flags, 4, 4);
MEMBER(adaptau_fold_in_options, tau_user_policy, 8, 4);
MEMBER(adaptau_fold_in_options, n_steps, 12, 4);
MEMBER(adaptau_fold_in_options, tau, 16, 8);
MEMBER(adaptau_fold_in_options, threshold, 24, 8);
MEMBER(adaptau_fold_in_options, divisor, 32, 8);
MEMBER(adaptau_fold_in_options, target_strength, 40, 8);
MEMBER(adaptau_fold_in_options, popularity_exponent, 48, 8);

SIZE(adaptau_gradient_view, 72);
MEMBER(adaptau_gradient_view, struct_size, 0, 4);
MEMBER(adaptau_gradient_view, dim, 4, 4);
MEMBER(adaptau_gradient_view, n_users, 8, 8);
MEMBER(adaptau_gradient_view, user_ids, 16, 8);
MEMBER(adaptau_gradient_view, users, 24, 8);
MEMBER(adaptau_gradient_view, n_items, 32, 8);
MEMBER(adaptau_gradient_view, item_ids, 40, 8);
MEMBER(adaptau_gradient_view, items, 48, 8);
MEMBER(adaptau_gradient_view, encoder, 56, 8);
MEMBER(adaptau_gradient_view, n_encoder_rows, 64, 4);
MEMBER(adaptau_gradient_view, reserved, 68, 4);

SIZE(adaptau_loss, 48);
MEMBER(adaptau_loss, struct_size, 0, 4);
MEMBER(adaptau_loss, kind, 4, 4);
MEMBER(adaptau_loss, margin, 8, 8);
MEMBER(adaptau_loss, negative_weight, 16, 8);
MEMBER(adaptau_loss, top_k, 24, 4);
MEMBER(adaptau_loss, activation, 28, 4);
MEMBER(adaptau_loss, weight_tau, 32, 8);
MEMBER(adaptau_loss, positive_scale, 40, 8);

SIZE(adaptau_loss_output, 112);
MEMBER(adaptau_loss_output, struct_size, 0, 4);
MEMBER(adaptau_loss_output, n_zero_rows, 4, 4);
MEMBER(adaptau_loss_output, loss, 8, 8);
MEMBER(adaptau_loss_output, n_terms, 16, 8);
MEMBER(adaptau_loss_output, row_loss, 24, 8);
MEMBER(adaptau_loss_output, row_log_sum, 32, 8);
MEMBER(adaptau_loss_output, row_unit_loss, 40, 8);
MEMBER(adaptau_loss_output, row_d_inverse_tau, 48, 8);
MEMBER(adaptau_loss_output, user_gradients, 56, 8);
MEMBER(adaptau_loss_output, user_gradient_stride, 64, 8);
MEMBER(adaptau_loss_output, item_gradients, 72, 8);
MEMBER(adaptau_loss_output, item_gradient_stride, 80, 8);
MEMBER(adaptau_loss_output, touched_items, 88, 8);
MEMBER(adaptau_loss_output, n_touched_items, 96, 8);
MEMBER(adaptau_loss_output, row_terms, 104, 8);

SIZE(adaptau_model_options, 152);
MEMBER(adaptau_model_options, struct_size, 0, 4);
MEMBER(adaptau_model_options, flags, 4, 4);
MEMBER(adaptau_model_options, encoder, 8, 4);
MEMBER(adaptau_model_options, dim, 12, 4);
MEMBER(adaptau_model_options, init, 16, 4);
MEMBER(adaptau_model_options, n_layers, 20, 4);
MEMBER(adaptau_model_options, seed, 24, 8);
MEMBER(adaptau_model_options, host_users, 32, 8);
MEMBER(adaptau_model_options, host_items, 40, 8);
MEMBER(adaptau_model_options, host_user_stride, 48, 8);
MEMBER(adaptau_model_options, host_item_stride, 56, 8);
MEMBER(adaptau_model_options, learning_rate_users, 64, 8);
MEMBER(adaptau_model_options, learning_rate_items, 72, 8);
MEMBER(adaptau_model_options, beta1_users, 80, 8);
MEMBER(adaptau_model_options, beta1_items, 88, 8);
MEMBER(adaptau_model_options, beta2, 96, 8);
MEMBER(adaptau_model_options, epsilon, 104, 8);
MEMBER(adaptau_model_options, weight_decay, 112, 8);
MEMBER(adaptau_model_options, edge_dropout, 120, 8);
MEMBER(adaptau_model_options, layer_dropout, 128, 8);
MEMBER(adaptau_model_options, gate, 136, 8);
MEMBER(adaptau_model_options, host_encoder, 144, 8);

SIZE(adaptau_query, 80);
MEMBER(adaptau_query, struct_size, 0, 4);
MEMBER(adaptau_query, flags, 4, 4);
MEMBER(adaptau_query, question, 8, 4);
MEMBER(adaptau_query, n, 12, 4);
MEMBER(adaptau_query, k, 16, 4);
MEMBER(adaptau_query, n_allowed, 20, 4);
MEMBER(adaptau_query, ids, 24, 8);
MEMBER(adaptau_query, embeddings, 32, 8);
MEMBER(adaptau_query, embedding_stride, 40, 8);
MEMBER(adaptau_query, seen, 48, 8);
MEMBER(adaptau_query, allowed, 56, 8);
MEMBER(adaptau_query, exclude_ptr, 64, 8);
MEMBER(adaptau_query, exclude, 72, 8);

SIZE(adaptau_recipe, 304);
MEMBER(adaptau_recipe, struct_size, 0, 4);
MEMBER(adaptau_recipe, encoder, 4, 4);
MEMBER(adaptau_recipe, init, 8, 4);
MEMBER(adaptau_recipe, normalise, 12, 4);
MEMBER(adaptau_recipe, free_length, 16, 4);
MEMBER(adaptau_recipe, unit_raw_rows, 20, 4);
MEMBER(adaptau_recipe, rank_raw, 24, 4);
MEMBER(adaptau_recipe, row_second_moment, 28, 4);
MEMBER(adaptau_recipe, bfloat16, 32, 4);
MEMBER(adaptau_recipe, loss, 36, 4);
MEMBER(adaptau_recipe, tau0_policy, 40, 4);
MEMBER(adaptau_recipe, tau_user_policy, 44, 4);
MEMBER(adaptau_recipe, candidates, 48, 4);
MEMBER(adaptau_recipe, log_q, 52, 4);
MEMBER(adaptau_recipe, reject_positives, 56, 4);
MEMBER(adaptau_recipe, positives_outside_sum, 60, 4);
MEMBER(adaptau_recipe, dim, 64, 8);
MEMBER(adaptau_recipe, n_layers, 72, 8);
MEMBER(adaptau_recipe, rows_per_batch, 80, 8);
MEMBER(adaptau_recipe, n_candidates, 88, 8);
MEMBER(adaptau_recipe, epochs, 96, 8);
MEMBER(adaptau_recipe, warmup_epochs, 104, 8);
MEMBER(adaptau_recipe, seed, 112, 8);
MEMBER(adaptau_recipe, edge_dropout, 120, 8);
MEMBER(adaptau_recipe, layer_dropout, 128, 8);
MEMBER(adaptau_recipe, gate, 136, 8);
MEMBER(adaptau_recipe, weight_decay, 144, 8);
MEMBER(adaptau_recipe, margin, 152, 8);
MEMBER(adaptau_recipe, negative_weight, 160, 8);
MEMBER(adaptau_recipe, tau, 168, 8);
MEMBER(adaptau_recipe, tau_min, 176, 8);
MEMBER(adaptau_recipe, tau_max, 184, 8);
MEMBER(adaptau_recipe, tau_divisor, 192, 8);
MEMBER(adaptau_recipe, tau_learning_rate, 200, 8);
MEMBER(adaptau_recipe, threshold_quantile, 208, 8);
MEMBER(adaptau_recipe, degree_quantile, 216, 8);
MEMBER(adaptau_recipe, popularity_exponent, 224, 8);
MEMBER(adaptau_recipe, row_weight_exponent, 232, 8);
MEMBER(adaptau_recipe, soft_targets, 240, 8);
MEMBER(adaptau_recipe, learning_rate_users, 248, 8);
MEMBER(adaptau_recipe, learning_rate_items, 256, 8);
MEMBER(adaptau_recipe, popularity_prior, 264, 8);
MEMBER(adaptau_recipe, top_k, 272, 8);
MEMBER(adaptau_recipe, weight_tau, 280, 8);
MEMBER(adaptau_recipe, positive_scale, 288, 8);
MEMBER(adaptau_recipe, activation, 296, 4);
MEMBER(adaptau_recipe, reserved, 300, 4);

SIZE(adaptau_reduce, 32);
MEMBER(adaptau_reduce, struct_size, 0, 4);
MEMBER(adaptau_reduce, item_pieces, 4, 4);
MEMBER(adaptau_reduce, most_items, 8, 8);
MEMBER(adaptau_reduce, function, 16, 8);
MEMBER(adaptau_reduce, user_data, 24, 8);

SIZE(adaptau_reduce_piece, 48);
MEMBER(adaptau_reduce_piece, what, 0, 4);
MEMBER(adaptau_reduce_piece, reserved, 4, 4);
MEMBER(adaptau_reduce_piece, first, 8, 8);
MEMBER(adaptau_reduce_piece, n, 16, 8);
MEMBER(adaptau_reduce_piece, sums, 24, 8);
MEMBER(adaptau_reduce_piece, gradients, 32, 8);
MEMBER(adaptau_reduce_piece, stride, 40, 8);

SIZE(adaptau_row_map, 32);
MEMBER(adaptau_row_map, struct_size, 0, 4);
MEMBER(adaptau_row_map, n_users, 4, 4);
MEMBER(adaptau_row_map, n_items, 8, 4);
MEMBER(adaptau_row_map, reserved, 12, 4);
MEMBER(adaptau_row_map, users, 16, 8);
MEMBER(adaptau_row_map, items, 24, 8);

SIZE(adaptau_row_sums, 80);
MEMBER(adaptau_row_sums, shift, 0, 8);
MEMBER(adaptau_row_sums, sum, 8, 8);
MEMBER(adaptau_row_sums, slope, 16, 8);
MEMBER(adaptau_row_sums, unit_shift, 24, 8);
MEMBER(adaptau_row_sums, unit_sum, 32, 8);
MEMBER(adaptau_row_sums, n_candidates, 40, 8);
MEMBER(adaptau_row_sums, n_positives, 48, 8);
MEMBER(adaptau_row_sums, positive_sum, 56, 8);
MEMBER(adaptau_row_sums, positive_slope, 64, 8);
MEMBER(adaptau_row_sums, target_score, 72, 8);

SIZE(adaptau_row_temperatures, 24);
MEMBER(adaptau_row_temperatures, struct_size, 0, 4);
MEMBER(adaptau_row_temperatures, tau, 4, 4);
MEMBER(adaptau_row_temperatures, candidates, 8, 8);
MEMBER(adaptau_row_temperatures, positives, 16, 8);

SIZE(adaptau_sampler_options, 56);
MEMBER(adaptau_sampler_options, struct_size, 0, 4);
MEMBER(adaptau_sampler_options, flags, 4, 4);
MEMBER(adaptau_sampler_options, kind, 8, 4);
MEMBER(adaptau_sampler_options, rows, 12, 4);
MEMBER(adaptau_sampler_options, rows_per_batch, 16, 4);
MEMBER(adaptau_sampler_options, reserved, 20, 4);
MEMBER(adaptau_sampler_options, n_candidates, 24, 8);
MEMBER(adaptau_sampler_options, popularity_exponent, 32, 8);
MEMBER(adaptau_sampler_options, row_weight_exponent, 40, 8);
MEMBER(adaptau_sampler_options, seed, 48, 8);

SIZE(adaptau_score_moments, 72);
MEMBER(adaptau_score_moments, struct_size, 0, 4);
MEMBER(adaptau_score_moments, dim, 4, 4);
MEMBER(adaptau_score_moments, users, 8, 8);
MEMBER(adaptau_score_moments, items, 16, 8);
MEMBER(adaptau_score_moments, interactions, 24, 32);
MEMBER(adaptau_score_moments, losses, 56, 16);

SIZE(adaptau_search_options, 40);
MEMBER(adaptau_search_options, struct_size, 0, 4);
MEMBER(adaptau_search_options, max_trials, 4, 4);
MEMBER(adaptau_search_options, first, 8, 8);
MEMBER(adaptau_search_options, factor, 16, 8);
MEMBER(adaptau_search_options, least, 24, 8);
MEMBER(adaptau_search_options, most, 32, 8);

SIZE(adaptau_search_result, 32);
MEMBER(adaptau_search_result, struct_size, 0, 4);
MEMBER(adaptau_search_result, n_trials, 4, 4);
MEMBER(adaptau_search_result, best, 8, 8);
MEMBER(adaptau_search_result, best_trial, 16, 8);
MEMBER(adaptau_search_result, best_score, 24, 8);

SIZE(adaptau_split_options, 32);
MEMBER(adaptau_split_options, struct_size, 0, 4);
MEMBER(adaptau_split_options, flags, 4, 4);
MEMBER(adaptau_split_options, share, 8, 8);
MEMBER(adaptau_split_options, seed, 16, 8);
MEMBER(adaptau_split_options, times, 24, 8);

SIZE(adaptau_step, 24);
MEMBER(adaptau_step, struct_size, 0, 4);
MEMBER(adaptau_step, n_rows, 4, 4);
MEMBER(adaptau_step, n_terms, 8, 8);
MEMBER(adaptau_step, loss, 16, 8);

SIZE(adaptau_tables, 64);
MEMBER(adaptau_tables, struct_size, 0, 4);
MEMBER(adaptau_tables, flags, 4, 4);
MEMBER(adaptau_tables, n_users, 8, 4);
MEMBER(adaptau_tables, n_items, 12, 4);
MEMBER(adaptau_tables, dim, 16, 4);
MEMBER(adaptau_tables, reserved, 20, 4);
MEMBER(adaptau_tables, users, 24, 8);
MEMBER(adaptau_tables, user_stride, 32, 8);
MEMBER(adaptau_tables, items, 40, 8);
MEMBER(adaptau_tables, item_stride, 48, 8);
MEMBER(adaptau_tables, item_bias, 56, 8);

SIZE(adaptau_target_options, 24);
MEMBER(adaptau_target_options, struct_size, 0, 4);
MEMBER(adaptau_target_options, reserved, 4, 4);
MEMBER(adaptau_target_options, strength, 8, 8);
MEMBER(adaptau_target_options, row_weight_exponent, 16, 8);

SIZE(adaptau_temperature_options, 88);
MEMBER(adaptau_temperature_options, struct_size, 0, 4);
MEMBER(adaptau_temperature_options, tau0_policy, 4, 4);
MEMBER(adaptau_temperature_options, tau_user_policy, 8, 4);
MEMBER(adaptau_temperature_options, warmup_updates, 12, 4);
MEMBER(adaptau_temperature_options, tau, 16, 8);
MEMBER(adaptau_temperature_options, warmup_delta_mu, 24, 8);
MEMBER(adaptau_temperature_options, tau_min, 32, 8);
MEMBER(adaptau_temperature_options, tau_max, 40, 8);
MEMBER(adaptau_temperature_options, divisor, 48, 8);
MEMBER(adaptau_temperature_options, threshold_quantile, 56, 8);
MEMBER(adaptau_temperature_options, degree_quantile, 64, 8);
MEMBER(adaptau_temperature_options, exact_sample, 72, 4);
MEMBER(adaptau_temperature_options, reserved, 76, 4);
MEMBER(adaptau_temperature_options, learning_rate, 80, 8);

SIZE(adaptau_temperature_state, 112);
MEMBER(adaptau_temperature_state, struct_size, 0, 4);
MEMBER(adaptau_temperature_state, flags, 4, 4);
MEMBER(adaptau_temperature_state, n_updates, 8, 8);
MEMBER(adaptau_temperature_state, n_users_counted, 16, 8);
MEMBER(adaptau_temperature_state, n_users_clamped, 24, 8);
MEMBER(adaptau_temperature_state, n_users_observed, 32, 8);
MEMBER(adaptau_temperature_state, tau0, 40, 8);
MEMBER(adaptau_temperature_state, log_ratio, 48, 8);
MEMBER(adaptau_temperature_state, mean_all, 56, 8);
MEMBER(adaptau_temperature_state, variance_all, 64, 8);
MEMBER(adaptau_temperature_state, mean_positive, 72, 8);
MEMBER(adaptau_temperature_state, variance_positive, 80, 8);
MEMBER(adaptau_temperature_state, threshold, 88, 8);
MEMBER(adaptau_temperature_state, tau_user_min, 96, 8);
MEMBER(adaptau_temperature_state, tau_user_max, 104, 8);

SIZE(adaptau_training_state, 56);
MEMBER(adaptau_training_state, struct_size, 0, 4);
MEMBER(adaptau_training_state, reserved, 4, 4);
MEMBER(adaptau_training_state, epoch, 8, 8);
MEMBER(adaptau_training_state, n_epochs, 16, 8);
MEMBER(adaptau_training_state, step, 24, 8);
MEMBER(adaptau_training_state, n_steps, 32, 8);
MEMBER(adaptau_training_state, loss, 40, 8);
MEMBER(adaptau_training_state, tau0, 48, 8);

SIZE(adaptau_tune_options, 80);
MEMBER(adaptau_tune_options, struct_size, 0, 4);
MEMBER(adaptau_tune_options, cutoff, 4, 4);
MEMBER(adaptau_tune_options, share, 8, 8);
MEMBER(adaptau_tune_options, seed, 16, 8);
MEMBER(adaptau_tune_options, times, 24, 8);
MEMBER(adaptau_tune_options, held_out, 32, 8);
MEMBER(adaptau_tune_options, trial_epochs, 40, 8);
MEMBER(adaptau_tune_options, progress, 48, 8);
MEMBER(adaptau_tune_options, user_data, 56, 8);
MEMBER(adaptau_tune_options, split_flags, 64, 4);
MEMBER(adaptau_tune_options, user_divisor, 68, 4);
MEMBER(adaptau_tune_options, flags, 72, 4);
MEMBER(adaptau_tune_options, reserved, 76, 4);

SIZE(adaptau_tune_progress, 64);
MEMBER(adaptau_tune_progress, trial, 0, 4);
MEMBER(adaptau_tune_progress, tau_user_policy, 4, 4);
MEMBER(adaptau_tune_progress, epoch, 8, 8);
MEMBER(adaptau_tune_progress, n_epochs, 16, 8);
MEMBER(adaptau_tune_progress, step, 24, 8);
MEMBER(adaptau_tune_progress, n_steps, 32, 8);
MEMBER(adaptau_tune_progress, tau, 40, 8);
MEMBER(adaptau_tune_progress, recall, 48, 8);
MEMBER(adaptau_tune_progress, positives_outside_sum, 56, 4);
MEMBER(adaptau_tune_progress, reserved, 60, 4);

SIZE(adaptau_tune_result, 88);
MEMBER(adaptau_tune_result, struct_size, 0, 4);
MEMBER(adaptau_tune_result, n_trials, 4, 4);
MEMBER(adaptau_tune_result, n_held_out, 8, 8);
MEMBER(adaptau_tune_result, trial_epochs, 16, 8);
MEMBER(adaptau_tune_result, first_tau, 24, 8);
MEMBER(adaptau_tune_result, tau, 32, 8);
MEMBER(adaptau_tune_result, recall, 40, 8);
MEMBER(adaptau_tune_result, tau_user_policy, 48, 4);
MEMBER(adaptau_tune_result, user_divisor, 52, 4);
MEMBER(adaptau_tune_result, score, 56, 8);
MEMBER(adaptau_tune_result, factorised_recall, 64, 8);
MEMBER(adaptau_tune_result, factorised_score, 72, 8);
MEMBER(adaptau_tune_result, positives_outside_sum, 80, 4);
MEMBER(adaptau_tune_result, reserved, 84, 4);
#endif

int main(void)
{
    return 0; /* compiling it was the test */
}
