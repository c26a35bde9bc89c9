/* SPDX-License-Identifier: MIT */
#include "demo/showcase.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 100
#define INDENT 17
#define KNOWN_SHOWN 8
#define GUESSES 5

/* A paragraph of words between commas, broken at the width of the page. */
struct flow {
    int  column;
    bool follows;
};

static void flow_start(struct flow *flow, const char *label)
{
    printf("  %-*s", INDENT - 2, label);
    *flow = (struct flow){.column = INDENT};
}

static void flow_word(struct flow *flow, const char *word, const char *mark)
{
    int width = name_width(word) + (int)strlen(mark);
    if (flow->follows)
        putchar(',');
    if (flow->follows && flow->column + width + 3 > WIDTH) {
        printf("\n%*s", INDENT, "");
        flow->column = INDENT;
    } else if (flow->follows)
        flow->column += printf(" ") + 1;
    name_print(stdout, word, 0);
    printf("%s", mark);
    flow->column += width;
    flow->follows = true;
}

static adaptau_status read_rows(const struct showcase *showcase, adaptau_dataset_view *train, adaptau_dataset_view *test,
                                adaptau_error *error)
{
    train->struct_size = test->struct_size = sizeof *train;
    adaptau_status status = adaptau_dataset_get_view(showcase->train, train, error);
    return status ? status : adaptau_dataset_get_view(showcase->test, test, error);
}

static void print_known(const struct showcase *showcase, const adaptau_dataset_view *train, int32_t user)
{
    int64_t     first = train->user_ptr[user], n = train->user_ptr[user + 1] - first;
    int64_t     shown = n <= KNOWN_SHOWN + 1 ? n : KNOWN_SHOWN;
    struct flow flow;
    flow_start(&flow, "depends on");
    for (int64_t i = 0; i < shown; i++)
        flow_word(&flow, names_get(showcase->items, train->user_items[first + i]), "");
    if (shown < n)
        printf(" and %lld more", (long long)(n - shown));
    printf("\n");
}

static bool holds(const adaptau_dataset_view *pairs, int32_t user, int32_t item)
{
    for (int64_t i = pairs->user_ptr[user]; i < pairs->user_ptr[user + 1]; i++)
        if (pairs->user_items[i] == item)
            return true;
    return false;
}

/* One guess more than is shown: no package depends on itself, which a model that knows ids alone cannot know. */
static adaptau_status print_guesses(const struct showcase *showcase, const adaptau_dataset_view *test, int32_t user,
                                    adaptau_error *error)
{
    int32_t        items[GUESSES + 1];
    struct flow    flow;
    int            shown = 0, hits = 0;
    const char    *name = names_get(showcase->users, user);
    adaptau_query  query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = GUESSES + 1, .seen = showcase->train};
    adaptau_status status = adaptau_model_rank(showcase->model, &query, items, NULL, error);
    if (status)
        return status;
    flow_start(&flow, "expected too");
    for (int i = 0; i <= GUESSES && items[i] >= 0 && shown < GUESSES; i++) {
        const char *item = names_get(showcase->items, items[i]);
        if (strcmp(item, name) == 0)
            continue;
        bool hit = holds(test, user, items[i]);
        flow_word(&flow, item, hit ? " *" : "");
        hits += hit;
        shown++;
    }
    printf("\n  %-*s%d of %lld\n", INDENT - 2, "found", hits, (long long)(test->user_ptr[user + 1] - test->user_ptr[user]));
    return ADAPTAU_OK;
}

adaptau_status show_packages(const struct showcase *showcase, const char *const *names, int n_names, adaptau_error *error)
{
    adaptau_dataset_view train, test;
    adaptau_status       status = read_rows(showcase, &train, &test, error);
    for (int i = 0; i < n_names && !status; i++) {
        int32_t user = names_find(showcase->users, names[i], strlen(names[i]));
        if (user < 0)
            continue;
        printf("\n%s\n", names[i]);
        print_known(showcase, &train, user);
        status = print_guesses(showcase, &test, user, error);
    }
    return status;
}
