/* SPDX-License-Identifier: MIT */
/* adaptau_model_set_loss: which loss a model's gradients are of, and what does not go together. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/suite.h"

static struct world open_with(adaptau_sampler_options sampler, adaptau_temperature_options temperature, int32_t kind)
{
    adaptau_loss loss = full_loss((adaptau_loss){.kind = kind});
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0}, sampler, temperature);
    OK(adaptau_model_set_loss(w.model, &loss, &error));
    return w;
}

/* _i: loss, the softmax included */
START_TEST(gradients_are_those_of_the_loss)
{
    static float           items[ITEMS * DIM];
    struct world           w = open_with((adaptau_sampler_options){0}, (adaptau_temperature_options){0}, _i);
    adaptau_batch          batch = first_batch(&w);
    adaptau_tables         tables = tables_of(w.model);
    adaptau_loss           loss = full_loss((adaptau_loss){.kind = _i});
    adaptau_loss_output output = {.struct_size = sizeof output, .item_gradients = items};
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_gradient_view     view = {.struct_size = sizeof view};
    adaptau_step              step = {.struct_size = sizeof step};
    OK(adaptau_temperature_get_state(w.temperature, &state, &error));
    adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = (float)state.tau0};
    OK(adaptau_loss_gradients(w.context, &tables, &batch, &temperatures, &loss, &output, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, &step, &error));
    OK(adaptau_model_get_gradient_view(w.model, &view, &error));
    ck_assert(step.loss == output.loss);
    ck_assert_double_eq(step.n_terms, output.n_terms);
    ck_assert_mem_eq(view.items, items, sizeof items);
    close_world(&w);
}
END_TEST

/* _i: loss x kind of candidates (catalogue, shared, per row) */
START_TEST(every_loss_falls_with_training)
{
    static const int32_t kinds[] = {ADAPTAU_SAMPLER_CATALOGUE, ADAPTAU_SAMPLER_SHARED_UNIFORM, ADAPTAU_SAMPLER_PER_ROW_UNIFORM};
    adaptau_sampler_options sampler = {.kind = kinds[_i / 5], .n_candidates = _i / 5 ? 50 : 0};
    adaptau_temperature_options fixed = {.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.5};
    struct world                w = open_with(sampler, fixed, _i % 5);
    OK(adaptau_model_set_learning_rates(w.model, 0.02, 0.02, &error));
    double before = train(&w, 1), after = train(&w, 8);
    ck_assert_msg(after < 0.95 * before, "loss %d: %g after %g", _i % 5, after, before);
    close_world(&w);
}
END_TEST

/* The temperature of C-tau and Cu-tau follows the slope of BPR and BCE as it does that of the softmax. */
START_TEST(temperatures_learn_from_other_losses)
{
    struct world w = open_with((adaptau_sampler_options){0},
                               (adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_LEARNED, .tau = 0.5},
                               _i ? ADAPTAU_LOSS_BCE : ADAPTAU_LOSS_BPR);
    adaptau_temperature_state before = {.struct_size = sizeof before}, after = before;
    train(&w, 1);
    OK(adaptau_temperature_get_state(w.temperature, &before, &error));
    train(&w, 1);
    OK(adaptau_temperature_get_state(w.temperature, &after, &error));
    ck_assert(after.tau0 != before.tau0 && after.tau0 > 0.0);
    close_world(&w);
}
END_TEST

static void expect(struct world *w, const char *message)
{
    adaptau_batch         batch = first_batch(w);
    adaptau_gradient_view view = {.struct_size = sizeof view};
    ck_assert_int_eq(adaptau_model_gradients(w->model, &batch, w->temperature, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_msg(strstr(error.message, message) != NULL, "\"%s\" is not in \"%s\"", message, error.message);
    ck_assert_int_eq(adaptau_model_get_gradient_view(w->model, &view, &error), ADAPTAU_E_STATE);
    OK(adaptau_model_set_loss(w->model, NULL, &error));
    OK(adaptau_model_gradients(w->model, &batch, w->temperature, NULL, &error)); /* the softmax can            */
    close_world(w);
}

START_TEST(personal_closed_forms_need_the_softmax)
{
    static const int32_t policies[] = {ADAPTAU_TAU_USER_BY_LOSS, ADAPTAU_TAU_USER_MINIMISER, ADAPTAU_TAU_USER_RELEASED};
    struct world w = open_with((adaptau_sampler_options){0}, (adaptau_temperature_options){.tau_user_policy = policies[_i]},
                               ADAPTAU_LOSS_BCE);
    expect(&w, "losses of the softmax, but the model's loss is BCE");
}
END_TEST

START_TEST(learning_needs_a_temperature)
{
    struct world w = open_with((adaptau_sampler_options){0},
                               (adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_LEARNED, .tau = 0.5},
                               _i ? ADAPTAU_LOSS_CCL : ADAPTAU_LOSS_MSE);
    expect(&w, "the temperature is learned");
}
END_TEST

START_TEST(soft_targets_need_the_softmax)
{
    struct world           w = open_with((adaptau_sampler_options){0}, (adaptau_temperature_options){0}, ADAPTAU_LOSS_BPR);
    adaptau_target_options options = full_target_options((adaptau_target_options){.strength = 2.0});
    OK(adaptau_model_update_targets(w.model, w.data, w.temperature, &options, &error));
    expect(&w, "the model has soft targets");
}
END_TEST

START_TEST(log_q_needs_the_softmax)
{
    struct world w = open_with((adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_SHARED_POPULARITY,
                                                         .flags = ADAPTAU_SAMPLER_LOG_Q,
                                                         .n_candidates = 20},
                               (adaptau_temperature_options){0}, ADAPTAU_LOSS_MSE);
    expect(&w, "batch->log_q is given, but MSE");
}
END_TEST

START_TEST(rejects_a_bad_loss_and_keeps_the_old_one)
{
    struct world w = open_with((adaptau_sampler_options){0}, (adaptau_temperature_options){0}, ADAPTAU_LOSS_CCL);
    adaptau_batch batch = first_batch(&w);
    adaptau_step  before = {.struct_size = sizeof before}, after = before;
    adaptau_loss  bad = full_loss((adaptau_loss){.kind = 9});
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, &before, &error));
    ck_assert_int_eq(adaptau_model_set_loss(w.model, &bad, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "loss->kind = 9 is unknown");
    bad.struct_size = 3;
    ck_assert_int_eq(adaptau_model_set_loss(w.model, &bad, &error), ADAPTAU_E_ABI);
    ck_assert_int_eq(adaptau_model_set_loss(NULL, &bad, &error), ADAPTAU_E_ARGUMENT);
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, &after, &error));
    ck_assert(before.loss == after.loss);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model: losses");
    TCase *tests = tcase_create("model: losses");
    tcase_add_loop_test(tests, gradients_are_those_of_the_loss, 0, 5);
    tcase_add_loop_test(tests, every_loss_falls_with_training, 0, 15);
    tcase_add_loop_test(tests, temperatures_learn_from_other_losses, 0, 2);
    tcase_add_loop_test(tests, personal_closed_forms_need_the_softmax, 0, 3);
    tcase_add_loop_test(tests, learning_needs_a_temperature, 0, 2);
    tcase_add_test(tests, soft_targets_need_the_softmax);
    tcase_add_test(tests, log_q_needs_the_softmax);
    tcase_add_test(tests, rejects_a_bad_loss_and_keeps_the_old_one);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
