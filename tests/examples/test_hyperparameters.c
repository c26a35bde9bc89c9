/* SPDX-License-Identifier: MIT */
/* The table of hyperparameters: what is written of a recipe is read again as the same recipe, what has no meaning is refused, and
 * --help says the defaults that the library has. */
#include <check.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adaptau/adaptau.h>

#include "../support/suite.h"
#include "common/hyperparameters.h"

#define N_USERS 4000 /* sparse, so that the data decide most */
#define N_ITEMS 3000
#define N_PAIRS 20000
#define WORDS_MAX 160

static const struct {
    int32_t encoder, loss, contrast;
} kinds[] = {
    {ADAPTAU_ENCODER_MF, ADAPTAU_LOSS_SOFTMAX, CONTRAST_NONE},      {ADAPTAU_ENCODER_MF, ADAPTAU_LOSS_BSL, CONTRAST_NONE},
    {ADAPTAU_ENCODER_MF, ADAPTAU_LOSS_SLATK, CONTRAST_NONE},        {ADAPTAU_ENCODER_MF, ADAPTAU_LOSS_PSL, CONTRAST_NONE},
    {ADAPTAU_ENCODER_SIMPLEX, ADAPTAU_LOSS_CCL, CONTRAST_NONE},     {ADAPTAU_ENCODER_LIGHTGCN, ADAPTAU_LOSS_SOFTMAX, CONTRAST_SGL},
    {ADAPTAU_ENCODER_LIGHTGCN, ADAPTAU_LOSS_BPR, CONTRAST_SIMGCL},  {ADAPTAU_ENCODER_LIGHTGCN, ADAPTAU_LOSS_SOFTMAX, CONTRAST_NCL},
};
#define N_KINDS ((int)(sizeof kinds / sizeof *kinds))

static struct recipe make_recipe(int kind)
{
    struct recipe recipe = recipe_default();
    recipe.base.encoder = kinds[kind].encoder;
    recipe.base.loss = kinds[kind].loss;
    recipe.contrast = kinds[kind].contrast;
    return recipe;
}

/* What adaptau-train makes of options. */
static struct recipe read_recipe(char *options)
{
    static const struct program program = {.name = "program", .usage = "", .about = ""};
    static char                 name[] = "program";
    struct recipe               recipe = recipe_default();
    struct option_rule          rules[HYPERPARAMETERS_MAX];
    char                       *words[WORDS_MAX + 1] = {name};
    int                         n_words = 1, first = 0;
    for (char *word = strtok(options, " "); word && n_words < WORDS_MAX; word = strtok(NULL, " "))
        words[n_words++] = word;
    optind = 0; /* so getopt_long starts anew */
    ck_assert_int_eq(read_options(&program, rules, hyperparameter_rules(&recipe, rules), n_words, words, &first), OPTIONS_GO_ON);
    ck_assert_int_eq(first, n_words);
    return recipe;
}

static void check_same(const struct recipe *a, const struct recipe *b)
{
    ck_assert(memcmp(&a->base, &b->base, sizeof a->base) == 0);
    ck_assert_int_eq(a->contrast, b->contrast);
    ck_assert(a->contrast_weight == b->contrast_weight && a->contrast_temperature == b->contrast_temperature);
    ck_assert(a->contrast_edge_dropout == b->contrast_edge_dropout && a->noise == b->noise);
    ck_assert(a->prototype_weight == b->prototype_weight && a->prototypes == b->prototypes && a->all_nodes == b->all_nodes);
}

START_TEST(complete_recipe_comes_back_from_its_options)
{
    char          text[2048];
    struct recipe recipe = make_recipe(_i);
    ck_assert_int_eq(recipe_fill(&recipe, N_USERS, N_ITEMS, N_PAIRS, NULL), ADAPTAU_OK);
    ck_assert_int_lt(recipe_options(&recipe, NULL, text, sizeof text), (int)sizeof text);
    struct recipe read = read_recipe(text);
    ck_assert_msg(!hyperparameter_misfit(&read, text, sizeof text), "%s", text);
    ck_assert_int_eq(recipe_fill(&read, N_USERS, N_ITEMS, N_PAIRS, NULL), ADAPTAU_OK);
    check_same(&read, &recipe);
}
END_TEST

/* Something else than the default, of one hyperparameter; false where there is nothing else. */
static bool change(struct recipe *recipe, const struct hyperparameter *h)
{
    char         *at = (char *)recipe + h->offset;
    const int32_t choice = h->kind == OPTION_CHOICE && *(const int32_t *)at == 1 ? 2 : 1;
    switch (h->kind) {
    case OPTION_TITLE: return false;
    case OPTION_FLAG: *(bool *)at = true; return true;
    case OPTION_SWITCH: *(int32_t *)at = (int32_t)h->least; return true;
    case OPTION_CHOICE: *(int32_t *)at = choice; return true;
    case OPTION_WHOLE: *(int64_t *)at = *(const int64_t *)at == 2 ? 3 : 2; return true;
    default: *(double *)at = 0.7503000000000001; return true; /* all digits count */
    }
}

START_TEST(each_comes_back_from_its_option_alone)
{
    for (int i = 0; i < n_hyperparameters; i++) {
        char          text[200];
        struct recipe usual = make_recipe(_i), changed = usual;
        char         *words = text;
        if (!change(&changed, &hyperparameters[i]) || hyperparameter_misfit(&changed, text, sizeof text))
            continue;
        recipe_options(&changed, &usual, text, sizeof text);
        ck_assert_msg(strncmp(text, "--", 2) == 0 && strncmp(text + 2, hyperparameters[i].name, strlen(hyperparameters[i].name)) == 0,
                      "%s: written as \"%s\"", hyperparameters[i].name, text);
        ck_assert_msg(!strstr(text + 2, "--"), "%s", text);
        const struct recipe read = read_recipe(words);
        ck_assert_msg(memcmp((const char *)&read + hyperparameters[i].offset, (const char *)&changed + hyperparameters[i].offset,
                             hyperparameters[i].kind == OPTION_FLAG ? sizeof(bool) : 4) == 0,
                      "%s", hyperparameters[i].name);
    }
}
END_TEST

START_TEST(what_has_no_meaning_is_refused)
{
    int n_refused = 0;
    for (int i = 0; i < n_hyperparameters; i++) {
        const struct hyperparameter *h = &hyperparameters[i];
        const bool fits = (h->encoders == 0 || h->encoders >> kinds[_i].encoder & 1) &&
                          (h->losses == 0 || h->losses >> kinds[_i].loss & 1) &&
                          (h->contrasts == 0 || h->contrasts >> kinds[_i].contrast & 1);
        struct recipe recipe = make_recipe(_i);
        char          text[200] = "";
        if (strcmp(h->name, "backbone") == 0 || strcmp(h->name, "loss") == 0 || strcmp(h->name, "contrast") == 0 || !change(&recipe, h))
            continue;
        ck_assert_msg(hyperparameter_misfit(&recipe, text, sizeof text) == !fits, "%s: \"%s\"", h->name, text);
        n_refused += !fits;
        ck_assert(fits || (strncmp(text + 2, h->name, strlen(h->name)) == 0 && strstr(text, " goes with --")));
    }
    ck_assert_int_gt(n_refused, 5);
}
END_TEST

START_TEST(names_all_that_it_goes_with)
{
    char          text[200];
    struct recipe recipe = recipe_default();
    recipe.base.negative_weight = 3;
    ck_assert(hyperparameter_misfit(&recipe, text, sizeof text));
    ck_assert_str_eq(text, "--negative-weight goes with --loss bce, mse, ccl or bsl");
}
END_TEST

/* "... (64)": numbers and words that neither the data nor other options decide. */
START_TEST(help_says_the_defaults)
{
    const struct recipe recipe = recipe_default();
    int                 n_said = 0;
    for (int i = 0; i < n_hyperparameters; i++) {
        const struct hyperparameter *h = &hyperparameters[i];
        const char                  *at = (const char *)&recipe + h->offset;
        char                         said[64] = "";
        if (h->kind == OPTION_WHOLE && *(const int64_t *)at != ADAPTAU_BY_DATA)
            snprintf(said, sizeof said, "(%lld)", (long long)*(const int64_t *)at);
        else if (h->kind == OPTION_DECIMAL && *(const double *)at != ADAPTAU_BY_DATA && *(const double *)at >= h->least)
            snprintf(said, sizeof said, "(%g)", *(const double *)at);
        else if (h->kind == OPTION_CHOICE && *(const int32_t *)at != ADAPTAU_BY_DATA)
            snprintf(said, sizeof said, "(%s", h->choices[*(const int32_t *)at]);
        ck_assert_msg(strstr(h->kind == OPTION_TITLE ? "" : h->help, said), "%s: help does not say %s", h->name, said);
        n_said += *said != '\0';
    }
    ck_assert_int_ge(n_said, 15);
}
END_TEST

/* Every key once, and a value for each. */
START_TEST(json_has_each_once)
{
    char          *text = NULL;
    size_t         size = 0;
    struct json    json = {.out = open_memstream(&text, &size)};
    struct recipe  recipe = make_recipe(_i);
    ck_assert_int_eq(recipe_fill(&recipe, N_USERS, N_ITEMS, N_PAIRS, NULL), ADAPTAU_OK);
    ck_assert_ptr_nonnull(json.out);
    json_hyperparameters(&json, &recipe);
    fclose(json.out);
    for (int i = 0; i < n_hyperparameters; i++) {
        const struct hyperparameter *h = &hyperparameters[i];
        char                         key[64];
        if (h->kind == OPTION_TITLE || (h->key && *h->key == '\0'))
            continue;
        snprintf(key, sizeof key, "\"%s\": ", h->key ? h->key : h->name);
        for (char *at = key; *at; at++)
            *at = *at == '-' ? '_' : *at;
        const char *found = strstr(text, key);
        ck_assert_msg(found && !strstr(found + 1, key), "%s in %s", key, text);
        ck_assert(found[strlen(key)] != ',' && found[strlen(key)] != '\0');
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hyperparameters");
    TCase *tests = tcase_create("hyperparameters");
    tcase_add_loop_test(tests, complete_recipe_comes_back_from_its_options, 0, N_KINDS);
    tcase_add_loop_test(tests, each_comes_back_from_its_option_alone, 0, N_KINDS);
    tcase_add_loop_test(tests, what_has_no_meaning_is_refused, 0, N_KINDS);
    tcase_add_test(tests, names_all_that_it_goes_with);
    tcase_add_test(tests, help_says_the_defaults);
    tcase_add_loop_test(tests, json_has_each_once, 0, N_KINDS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
