/* SPDX-License-Identifier: MIT */
/* Every question of ranking.h against a plain search in double precision, of models of all kinds and of their tables. */
#include <adaptau/adaptau.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../support/model_world.h"
#include "../support/suite.h"

#define K 6
#define MOST (USERS > ITEMS ? USERS : ITEMS)

static const adaptau_model_options models[] = {{0},
                                               {.flags = ADAPTAU_MODEL_FREE_LENGTH, .init = ADAPTAU_INIT_XAVIER},
                                               {.flags = ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS},
                                               {.flags = ADAPTAU_MODEL_RAW_USERS},
                                               {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .flags = ADAPTAU_MODEL_RANK_RAW},
                                               {.encoder = ADAPTAU_ENCODER_SIMPLEX}};
#define MODELS ((int)(sizeof models / sizeof *models))

static struct world open_trained(int which)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, models[which], (adaptau_sampler_options){0},
                                (adaptau_temperature_options){0});
    train(&w, 2);
    set_item_bias(w.model, 0.05f, 3);
    return w;
}

static bool users_ask(int32_t question)
{
    return question == ADAPTAU_RANK_ITEMS || question == ADAPTAU_RANK_SIMILAR_USERS;
}

static bool users_answer(int32_t question)
{
    return question == ADAPTAU_RANK_USERS || question == ADAPTAU_RANK_SIMILAR_USERS;
}

static bool is_similarity(int32_t question)
{
    return question == ADAPTAU_RANK_SIMILAR_ITEMS || question == ADAPTAU_RANK_SIMILAR_USERS;
}

static const float *row_of(const adaptau_tables *t, bool user, int32_t id)
{
    return user ? t->users + id * (t->user_stride ? t->user_stride : t->dim)
                : t->items + id * (t->item_stride ? t->item_stride : t->dim);
}

/* What ranking.h says that the score of an answer is. */
static double score_of(const adaptau_tables *t, const adaptau_query *q, const float *asker, int32_t asker_id, int32_t id)
{
    const float *answer = row_of(t, users_answer(q->question), id);
    double       product = 0.0, asking = 0.0, answering = 0.0, bias = 0.0;
    for (int k = 0; k < t->dim; k++) {
        product += (double)asker[k] * (double)answer[k];
        asking += (double)asker[k] * (double)asker[k];
        answering += (double)answer[k] * (double)answer[k];
    }
    if (q->flags & ADAPTAU_QUERY_COSINE || t->flags & (users_ask(q->question) ? ADAPTAU_NORMALISE_USERS : ADAPTAU_NORMALISE_ITEMS))
        product = asking > 0.0 ? product / sqrt(asking) : 0.0;
    if (q->flags & ADAPTAU_QUERY_COSINE || t->flags & (users_answer(q->question) ? ADAPTAU_NORMALISE_USERS : ADAPTAU_NORMALISE_ITEMS))
        product = answering > 0.0 ? product / sqrt(answering) : 0.0;
    if (t->item_bias && q->question == ADAPTAU_RANK_ITEMS)
        bias = (double)t->item_bias[id];
    if (t->item_bias && q->question == ADAPTAU_RANK_USERS && (q->ids || !q->embeddings))
        bias = (double)t->item_bias[asker_id];
    return product + bias;
}

static bool lists(const int32_t *ids, int64_t n, int32_t id)
{
    for (int64_t k = 0; k < n; k++)
        if (ids[k] == id)
            return true;
    return false;
}

static bool may_answer(const struct world *w, const adaptau_query *q, int r, int32_t asker, int32_t id)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(w->data, &view, &error));
    const int32_t user = users_answer(q->question) ? id : asker, item = users_answer(q->question) ? asker : id;
    if (q->allowed && !lists(q->allowed, q->n_allowed, id))
        return false;
    if (q->exclude_ptr && lists(q->exclude + q->exclude_ptr[r], q->exclude_ptr[r + 1] - q->exclude_ptr[r], id))
        return false;
    if (q->seen && lists(view.user_items + view.user_ptr[user], view.user_ptr[user + 1] - view.user_ptr[user], item))
        return false;
    return !is_similarity(q->question) || q->flags & ADAPTAU_QUERY_KEEP_SELF || (!q->ids && q->embeddings) || id != asker;
}

/* Each place holds an answer that may be there, whose score is right, and that no answer that is left beats. */
static void check_list(const struct world *w, const adaptau_tables *t, const adaptau_query *q, int r, const int32_t *found,
                       const float *scores)
{
    const int32_t n_answers = users_answer(q->question) ? t->n_users : t->n_items, asker = q->ids ? q->ids[r] : r;
    const float  *row = q->embeddings ? q->embeddings + r * (q->embedding_stride ? q->embedding_stride : t->dim)
                                      : row_of(t, users_ask(q->question), asker);
    bool          taken[MOST] = {false};
    for (int p = 0; p < q->k; p++) {
        double best = -INFINITY;
        for (int32_t id = 0; id < n_answers; id++)
            if (!taken[id] && may_answer(w, q, r, asker, id))
                best = fmax(best, score_of(t, q, row, asker, id));
        if (best == -INFINITY) {
            ck_assert_int_eq(found[p], -1);
            ck_assert(scores[p] == -INFINITY);
            continue;
        }
        ck_assert_msg(found[p] >= 0, "list %d ends at %d", r, p);
        ck_assert(!taken[found[p]] && may_answer(w, q, r, asker, found[p]));
        const double tolerance = 1e-5 * (1.0 + fabs(best));
        ck_assert_double_eq_tol(score_of(t, q, row, asker, found[p]), best, tolerance);
        ck_assert_double_eq_tol((double)scores[p], best, tolerance);
        taken[found[p]] = true;
    }
}

/* The model's answer and that of its tables, which are the same but for the rows' promised length. */
static void check_query(const struct world *w, const adaptau_query *q)
{
    static int32_t       found[2][64 * MOST], some[64 * MOST];
    static float         scores[2][64 * MOST];
    const adaptau_tables t = tables_of(w->model);
    OK(adaptau_model_rank(w->model, q, found[0], scores[0], &error));
    OK(adaptau_rank(w->context, &t, q, found[1], scores[1], &error));
    OK(adaptau_model_rank(w->model, q, some, NULL, &error));
    for (int r = 0; r < q->n; r++)
        for (int kind = 0; kind < 2; kind++)
            check_list(w, &t, q, r, found[kind] + r * q->k, scores[kind] + r * q->k);
    ck_assert_int_eq(memcmp(some, found[0], (size_t)q->n * (size_t)q->k * sizeof *some), 0);
    ck_assert_int_eq(memcmp(found[0], found[1], (size_t)q->n * (size_t)q->k * sizeof *some), 0);
}

/* _i: a model and a question. */
START_TEST(each_question_has_the_answers_of_a_plain_search)
{
    struct world  w = open_trained(_i / 4);
    const int32_t ids[5] = {3, 0, 7, 7, 30}, allowed[8] = {0, 1, 3, 7, 8, 20, 30, 39};
    const int64_t ptr[6] = {0, 2, 2, 3, 6, 7};
    const int32_t exclude[7] = {1, 20, 3, 0, 7, 39, 30};
    adaptau_query q = {.struct_size = sizeof q, .question = _i % 4, .n = 5, .ids = ids, .k = K};
    check_query(&w, &q);
    q.flags = ADAPTAU_QUERY_COSINE;
    check_query(&w, &q);
    q.exclude_ptr = ptr;
    q.exclude = exclude;
    check_query(&w, &q);
    q.flags = 0;
    q.allowed = allowed;
    q.n_allowed = 8;
    check_query(&w, &q);
    if (is_similarity(q.question))
        q.flags = ADAPTAU_QUERY_KEEP_SELF;
    else
        q.seen = w.data;
    check_query(&w, &q);
    q.allowed = NULL;
    q.n_allowed = 0;
    check_query(&w, &q);
    q.ids = NULL; /* the first five                                                                               */
    check_query(&w, &q);
    q.exclude_ptr = NULL;
    q.exclude = NULL;
    q.k = MOST + 3; /* more than there are                                                                        */
    check_query(&w, &q);
    close_world(&w);
}
END_TEST

/* Rows of the host's instead of those of the ids: of any length where askers are normalised, and of nobody without ids. */
START_TEST(embeddings_of_the_host_ask_too)
{
    struct world         w = open_trained(_i / 4);
    const adaptau_tables t = tables_of(w.model);
    const int32_t        ids[3] = {2, 9, 0};
    static float         rows[3 * (DIM + 5)];
    adaptau_query        q = {.struct_size = sizeof q, .question = _i % 4, .n = 3, .ids = ids, .k = K, .embeddings = rows,
                              .embedding_stride = DIM + 5};
    for (int r = 0; r < 3; r++)
        for (int k = 0; k < DIM; k++)
            rows[r * (DIM + 5) + k] = 3.0f * row_of(&t, users_ask(q.question), ids[r])[k] + (float)r * 0.01f;
    if (!is_similarity(q.question))
        q.seen = w.data;
    check_query(&w, &q);
    q.seen = NULL;
    q.ids = NULL;
    check_query(&w, &q);
    close_world(&w);
}
END_TEST

/* A bias that is large beside the products rounds many scores to the same float: the list is in the order of the scores that are
 * handed over, and of equal ones the lower ids are there, in their order. _i: whether scores are asked for; some users allowed. */
START_TEST(scores_that_a_bias_makes_equal_are_ties)
{
    enum { MANY = 400, MOST_K = 90 };
    static float     users[MANY];
    const float      items[2] = {1.0f, 1.0f}, bias[2] = {16384.0f, 0.0f};
    const bool       asks = _i % 2, allows = _i / 2;
    adaptau_context *context = NULL;
    int32_t          found[2 * MOST_K], allowed[MANY], n_allowed = 0;
    float            scores[2 * MOST_K];
    OK(adaptau_context_create(NULL, &context, &error));
    random_state = 5;
    for (int u = 0; u < MANY; u++) {
        users[u] = (float)draw(10000) / 1e6f; /* 16384 + x is one of six floats                                     */
        if (u % 3)
            allowed[n_allowed++] = u;
    }
    const adaptau_tables tables = {.struct_size = sizeof tables, .n_users = MANY, .n_items = 2, .dim = 1, .users = users, .items = items,
                                   .item_bias = bias};
    for (int32_t k = 1; k <= MOST_K; k += 11) {
        const int32_t       ids[2] = {1, 0};
        const adaptau_query query = {.struct_size = sizeof query, .question = ADAPTAU_RANK_USERS, .n = 2, .ids = ids, .k = k,
                                     .allowed = allows ? allowed : NULL, .n_allowed = allows ? n_allowed : 0};
        OK(adaptau_rank(context, &tables, &query, found, asks ? scores : NULL, &error));
        for (int r = 0; r < 2; r++) {
            bool taken[MANY] = {false};
            for (int32_t place = 0; place < k; place++) {
                int best = -1;
                for (int u = 0; u < MANY; u++)
                    if (!taken[u] && (!allows || u % 3) && (best < 0 || users[u] + bias[ids[r]] > users[best] + bias[ids[r]]))
                        best = u;
                taken[best] = true;
                ck_assert_int_eq(found[r * k + place], best);
                if (asks)
                    ck_assert_float_eq(scores[r * k + place], users[best] + bias[ids[r]]);
            }
        }
    }
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ranking");
    TCase *tests = tcase_create("ranking");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, each_question_has_the_answers_of_a_plain_search, 0, 4 * MODELS);
    tcase_add_loop_test(tests, scores_that_a_bias_makes_equal_are_ties, 0, 4);
    tcase_add_loop_test(tests, embeddings_of_the_host_ask_too, 0, 4 * MODELS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
