/* SPDX-License-Identifier: MIT */
/* 1: your arrays, your optimiser, one function of ours.
 *
 * A program that has an encoder of its own keeps its embeddings where they are. adaptau_softmax reads them, and writes the loss
 * and its gradients into arrays of the program, which then does with them what it likes; here, Adagrad.
 *
 * The data are made up: 240 users have 6 tastes, each taste has 20 items, and a user has 8 items of their taste and 2 others. A
 * model that has understood this ranks the other 12 items of the taste first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <adaptau/kernels.h>

#define USERS 240
#define ITEMS 120
#define TASTES 6
#define PER_TASTE (ITEMS / TASTES)
#define OWN 8   /* items of a user's taste that the user has */
#define OTHER 2 /* and of other tastes */
#define HAS (OWN + OTHER)
#define DIM 16
#define STEPS 60
#define TAU 0.2F
#define RATE 0.1F

static float   users[USERS * DIM], items[ITEMS * DIM];
static float   user_gradients[USERS * DIM], item_gradients[ITEMS * DIM];
static float   user_squares[USERS * DIM], item_squares[ITEMS * DIM];
static int64_t positive_ptr[USERS + 1];
static int32_t positives[USERS * HAS];

/* Every call can fail, and says why in one line. */
static void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "%s: %s\n", adaptau_status_name(status), error->message);
    exit(1);
}

/* A linear congruential generator is random enough for an example, and the same everywhere. */
static int32_t draw_below(int32_t n)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int32_t)((state >> 33) % (uint64_t)n);
}

static int32_t taste_of_user(int32_t user)
{
    return user % TASTES;
}

static int compare_ids(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

/* Ten different items; the library wants them ascending. */
static void draw_items_of(int32_t user, int32_t *own)
{
    char has[ITEMS] = {0};
    for (int n = 0; n < HAS;) {
        int32_t item = n < OWN ? taste_of_user(user) * PER_TASTE + draw_below(PER_TASTE) : draw_below(ITEMS);
        if (!has[item]) {
            has[item] = 1;
            own[n++] = item;
        }
    }
    qsort(own, HAS, sizeof *own, compare_ids);
}

static void make_data(void)
{
    for (int32_t user = 0; user < USERS; user++) {
        draw_items_of(user, positives + user * HAS);
        positive_ptr[user + 1] = positive_ptr[user] + HAS;
    }
    for (int i = 0; i < USERS * DIM; i++)
        users[i] = (float)draw_below(2001) / 1000 - 1;
    for (int i = 0; i < ITEMS * DIM; i++)
        items[i] = (float)draw_below(2001) / 1000 - 1;
}

/* Adagrad: the optimiser that this program happens to like. */
static void descend(float *table, float *squares, const float *gradients, int n)
{
    for (int i = 0; i < n; i++) {
        squares[i] += gradients[i] * gradients[i];
        table[i] -= RATE * gradients[i] / (sqrtf(squares[i]) + 1e-8F);
    }
}

/* Of the 12 best items that a user doesn't have, the share that belongs to the user's taste. */
static double share_of_taste(adaptau_context *context)
{
    static float   unit_users[USERS * DIM], unit_items[ITEMS * DIM], scores[USERS * ITEMS];
    static int32_t best[USERS * (PER_TASTE - OWN)];
    adaptau_error  error;
    const int32_t  k = PER_TASTE - OWN;
    check(adaptau_normalise_rows(context, USERS, DIM, users, DIM, unit_users, DIM, NULL, &error), &error);
    check(adaptau_normalise_rows(context, ITEMS, DIM, items, DIM, unit_items, DIM, NULL, &error), &error);
    for (int u = 0; u < USERS; u++)
        for (int i = 0; i < ITEMS; i++)
            for (int d = 0; d < DIM; d++)
                scores[u * ITEMS + i] = (d ? scores[u * ITEMS + i] : 0) + unit_users[u * DIM + d] * unit_items[i * DIM + d];
    check(adaptau_top_k(context, USERS, ITEMS, scores, ITEMS, k, positive_ptr, positives, best, NULL, &error), &error);
    int hits = 0;
    for (int i = 0; i < USERS * k; i++)
        hits += best[i] / PER_TASTE == taste_of_user(i / k);
    return (double)hits / (USERS * k);
}

int main(void)
{
    adaptau_error    error;
    adaptau_context *context = NULL;
    make_data();
    check(adaptau_context_create(NULL, &context, &error), &error);

    /* [softmax] */
    /* Where the arrays are, once; they are read again at every call. */
    adaptau_tables tables = {
        .struct_size = sizeof tables,
        .flags = ADAPTAU_NORMALISE_BOTH, /* scores are cosines */
        .n_users = USERS,
        .n_items = ITEMS,
        .dim = DIM,
        .users = users,
        .items = items,
    };
    /* One batch of all users, each contrasted with every item: the exact softmax. */
    adaptau_batch batch = {
        .struct_size = sizeof batch,
        .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
        .n_rows = USERS,
        .candidates = ADAPTAU_CANDIDATES_CATALOGUE,
        .positive_ptr = positive_ptr,
        .positives = positives,
    };
    adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = TAU};
    adaptau_loss_output   output = {
          .struct_size = sizeof output,
          .user_gradients = user_gradients,
          .item_gradients = item_gradients,
    };
    /* [softmax] */

    printf("step  loss per pair  own taste among the 12 best (1/6 by chance)\n");
    for (int step = 0; step <= STEPS; step++) {
        check(adaptau_softmax(context, &tables, &batch, &temperatures, &output, &error), &error);
        if (step % 20 == 0)
            printf("%4d  %13.4f  %.3f\n", step, output.loss / output.n_terms, share_of_taste(context));
        descend(users, user_squares, user_gradients, USERS * DIM);
        descend(items, item_squares, item_gradients, ITEMS * DIM);
    }
    adaptau_context_destroy(context);
    return 0;
}
