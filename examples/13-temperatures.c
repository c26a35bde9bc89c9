/* SPDX-License-Identifier: MIT */
/* 13: where a temperature comes from, and what soft targets and a popularity prior add.
 *
 * The same training by five policies. adaptau_tune finds the last one's temperature on interactions that it holds out of train, and
 * nothing here has to know a good value. A recipe says what else is trained: soft targets, popularity in the sum, and the prior
 * that gives popularity back where items are ranked. */
#include "made_up.h"

#define EPOCHS 6

static const struct policy {
    const char *name;
    int32_t     tau0, tau_user;
    double      tau;
} policies[] = {
    {"fixed at 1", ADAPTAU_TAU0_FIXED, ADAPTAU_TAU_USER_NONE, 1.0},
    {"fixed at 0.02", ADAPTAU_TAU0_FIXED, ADAPTAU_TAU_USER_NONE, 0.02},
    {"Adap-tau0, Eq. 14", ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU_USER_NONE, 0.0},
    {"Adap-tau, Eq. 14 and 16", ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU_USER_BY_LOSS, 0.0},
    {"held-out interactions", ADAPTAU_TAU0_HELD_OUT, ADAPTAU_TAU_USER_NONE, 0.0},
};

#define N_POLICIES (sizeof policies / sizeof *policies)

/* A training by a filled recipe; its recall, and the temperature at its end. */
static double train_by(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test,
                       const adaptau_recipe *recipe, double *tau)
{
    adaptau_error             error;
    adaptau_model            *model = NULL;
    adaptau_fit_result        result = {.struct_size = sizeof result};
    adaptau_tables            tables = {.struct_size = sizeof tables};
    check(adaptau_fit(context, train, recipe, NULL, &model, &result, &error), &error);
    check(adaptau_model_get_tables(model, &tables, &error), &error);
    *tau = result.tau0;
    double found = recall(context, train, test, &tables);
    adaptau_model_destroy(model);
    return found;
}

static adaptau_recipe recipe_of(const struct policy *policy)
{
    adaptau_error  error;
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    check(adaptau_recipe_init(&recipe, &error), &error);
    recipe.dim = DIM;
    recipe.epochs = EPOCHS;
    recipe.tau0_policy = policy->tau0;
    recipe.tau_user_policy = policy->tau_user;
    recipe.tau = policy->tau;
    return recipe;
}

int main(void)
{
    adaptau_error    error;
    adaptau_context *context = NULL;
    adaptau_dataset *train = NULL, *test = NULL;
    double           recalls[N_POLICIES], tau;
    check(adaptau_context_create(NULL, &context, &error), &error);
    make_up_data(context, &train, &test);
    for (size_t p = 0; p < N_POLICIES; p++) {
        adaptau_recipe recipe = recipe_of(&policies[p]);
        recalls[p] = train_by(context, train, test, &recipe, &tau);
        printf("%-26s tau %.3f  recall@%d %.4f\n", policies[p].name, tau, CUTOFF, recalls[p]);
    }

    /* The same temperature with and without what helps on sparse data. A member of the recipe that the data would decide can be
     * said instead. */
    adaptau_recipe recipe = recipe_of(&policies[N_POLICIES - 1]);
    recipe.soft_targets = 0;
    recipe.popularity_exponent = 0;
    recipe.popularity_prior = 0;
    printf("%-26s            recall@%d %.4f\n", "without soft targets", CUTOFF,
           train_by(context, train, test, &recipe, &tau));
    recipe.soft_targets = 4;
    printf("%-26s            recall@%d %.4f\n", "with soft targets", CUTOFF, train_by(context, train, test, &recipe, &tau));

    adaptau_dataset_destroy(train);
    adaptau_dataset_destroy(test);
    adaptau_context_destroy(context);
    return recalls[N_POLICIES - 1] > recalls[0] && recalls[N_POLICIES - 1] > recalls[1] ? 0 : 1;
}
