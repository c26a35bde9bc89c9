/* SPDX-License-Identifier: MIT */
#include "demo/showcase.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 100
#define INDENT 22
#define KNOWN_SHOWN 8
#define GUESSES 5

/* A column of words that is broken at the width of the page. */
struct flow {
    int column;
};

static void flow_word(struct flow *flow, const char *word, const char *mark, bool last)
{
    int width = name_width(word) + (int)strlen(mark) + !last;
    if (flow->column + width > WIDTH) {
        printf("\n%*s", INDENT, "");
        flow->column = INDENT;
    }
    name_print(stdout, word, 0);
    printf("%s%s", mark, last ? "" : ", ");
    flow->column += width + !last;
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
    struct flow flow = {.column = INDENT};
    printf("  %-*s", INDENT - 2, "depends on");
    for (int64_t i = 0; i < shown; i++)
        flow_word(&flow, names_get(showcase->items, train->user_items[first + i]), "", i + 1 == n);
    if (shown < n) {
        char rest[32];
        snprintf(rest, sizeof rest, "and %lld more", (long long)(n - shown));
        flow_word(&flow, rest, "", true);
    }
    printf("\n");
}

static bool holds(const adaptau_dataset_view *pairs, int32_t user, int32_t item)
{
    for (int64_t i = pairs->user_ptr[user]; i < pairs->user_ptr[user + 1]; i++)
        if (pairs->user_items[i] == item)
            return true;
    return false;
}

static adaptau_status print_guesses(const struct showcase *showcase, const adaptau_dataset_view *test, int32_t user,
                                    adaptau_error *error)
{
    int32_t        items[GUESSES];
    struct flow    flow = {.column = INDENT};
    int            hits = 0;
    adaptau_status status = adaptau_model_top_k(showcase->model, 1, &user, GUESSES, showcase->train, items, NULL, error);
    if (status)
        return status;
    printf("  %-*s", INDENT - 2, "and, one would expect,");
    for (int i = 0; i < GUESSES && items[i] >= 0; i++) {
        bool hit = holds(test, user, items[i]);
        hits += hit;
        flow_word(&flow, names_get(showcase->items, items[i]), hit ? " *" : "", i + 1 == GUESSES);
    }
    int64_t n_kept = test->user_ptr[user + 1] - test->user_ptr[user];
    printf("\n  %-*s%d of %lld among these %d\n", INDENT - 2, "found", hits, (long long)n_kept, GUESSES);
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
