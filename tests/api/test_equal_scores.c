/* SPDX-License-Identifier: MIT */
/* A row whose scores are all equal, as a new user's of length 0 are: sums of what losses make of them may be 0 though nothing is
 * missing. Gradients are written down from the losses' definitions. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/suite.h"

#define ITEMS 5
#define DIM 3
#define TAU 0.5

static const float user[DIM] = {0.0f, 0.0f, 0.0f};
static const float items[ITEMS * DIM] = {1, 2, 3, -1, 0.5f, 2, 4, -2, 1, 0, 1, -3, 2, 2, -1};

/* Of PSL at f = 0 throughout: a = 1, Z = ITEMS over the catalogue, ∂/∂f_c = a'/(τ Z) and ∂/∂f_i = −a'/τ, a' = 1 for each activation. */
static double pull_of_psl(int32_t k)
{
    double sum = 0.0;
    for (int32_t c = 0; c < ITEMS; c++)
        sum += (double)items[c * DIM + k] / ITEMS;
    return (sum - (double)items[1 * DIM + k]) / TAU;
}

/* _i: the activation. */
START_TEST(psl_of_equal_scores_has_its_gradient)
{
    const int64_t                  ptr[] = {0, 1};
    const int32_t                  positive = 1;
    float                          gradient[DIM];
    adaptau_loss                   loss = {.struct_size = sizeof loss};
    const adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = (float)TAU};
    const adaptau_tables           tables = {.struct_size = sizeof tables, .n_users = 1, .n_items = ITEMS, .dim = DIM,
                                             .users = user, .items = items};
    const adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 1, .positive_ptr = ptr, .positives = &positive};
    adaptau_loss_output            output = {.struct_size = sizeof output, .user_gradients = gradient};
    OK(adaptau_loss_init(&loss, ADAPTAU_LOSS_PSL, &error));
    loss.activation = _i;
    OK(adaptau_loss_gradients(context, &tables, &batch, &temperatures, &loss, &output, &error));
    ck_assert_double_eq_tol(output.loss, log(ITEMS), 1e-6);
    for (int32_t k = 0; k < DIM; k++)
        ck_assert_double_eq_tol((double)gradient[k], pull_of_psl(k), 1e-5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("equal scores");
    TCase *tests = tcase_create("equal scores");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_add_loop_test(tests, psl_of_equal_scores_has_its_gradient, 0, 3);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
