/* SPDX-License-Identifier: MIT */
/* Lists and metrics. */
#include "parts.h"

#include <math.h>
#include <string.h>

#include "options.h"

/* ---- ranking ------------------------------------------------------------------------------------------------------------ */

struct rank_call {
    adaptau_query query;
    bool          sees;
    int32_t       found[2][MOST_FOLDED * MOST_K];
    float         scores[2][MOST_FOLDED * MOST_K];
};

static adaptau_status rank_model(struct side *side, void *arguments, adaptau_error *error)
{
    struct rank_call *x = arguments;
    adaptau_query     query = x->query;
    query.seen = x->sees ? side->data : NULL;
    return adaptau_model_rank(side->model, &query, x->found[side->index], x->scores[side->index], error);
}

struct vectors {
    const adaptau_tables *tables;
    const adaptau_query  *query;
};

static bool asks_users(int32_t question)
{
    return question == ADAPTAU_RANK_ITEMS || question == ADAPTAU_RANK_SIMILAR_USERS;
}

static bool answers_items(int32_t question)
{
    return question == ADAPTAU_RANK_ITEMS || question == ADAPTAU_RANK_SIMILAR_ITEMS;
}

/* The score of an answer in list r, and what its sum amounts to in size. */
static double score_in_double(const struct vectors *v, int32_t r, int32_t answer, double *size)
{
    const adaptau_query  *q = v->query;
    const adaptau_tables *t = v->tables;
    const bool            user = asks_users(q->question), item = answers_items(q->question);
    const float          *x = q->embeddings ? q->embeddings + (int64_t)r * t->dim : row_of(t, user, q->ids[r]);
    const float          *y = row_of(t, !item, answer);
    double                xy = 0.0, xx = 0.0, yy = 0.0;
    for (int32_t k = 0; k < t->dim; k++) {
        xy += (double)x[k] * (double)y[k];
        xx += (double)x[k] * (double)x[k];
        yy += (double)y[k] * (double)y[k];
    }
    const bool cosine = q->flags & ADAPTAU_QUERY_COSINE;
    if (!cosine && !(t->flags & (user ? ADAPTAU_NORMALISE_USERS : ADAPTAU_NORMALISE_ITEMS)))
        xx = 1.0;
    if (!cosine && !(t->flags & (item ? ADAPTAU_NORMALISE_ITEMS : ADAPTAU_NORMALISE_USERS)))
        yy = 1.0;
    double score = xx > 0.0 && yy > 0.0 ? xy / sqrt(xx) / sqrt(yy) : 0.0;
    *size = 1.0 + sqrt((double)t->dim) * fabs(score);
    for (int32_t k = 0; k < t->dim && xx > 0.0 && yy > 0.0; k++)
        *size += fabs((double)x[k] * (double)y[k]) / sqrt(xx) / sqrt(yy);
    if (t->item_bias && q->question == ADAPTAU_RANK_ITEMS)
        score += (double)t->item_bias[answer];
    if (t->item_bias && q->question == ADAPTAU_RANK_USERS && q->ids)
        score += (double)t->item_bias[q->ids[r]];
    return score;
}

bool has(const int32_t *ids, int64_t first, int64_t end, int32_t id)
{
    for (int64_t i = first; i < end; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static bool may_answer(const struct rank_call *x, const adaptau_dataset_view *data, int32_t r, int32_t answer)
{
    const adaptau_query *q = &x->query;
    const int32_t        asker = q->ids ? q->ids[r] : -1;
    const bool           similar = q->question == ADAPTAU_RANK_SIMILAR_ITEMS || q->question == ADAPTAU_RANK_SIMILAR_USERS;
    if (q->allowed && !has(q->allowed, 0, q->n_allowed, answer))
        return false;
    if (q->exclude_ptr && has(q->exclude, q->exclude_ptr[r], q->exclude_ptr[r + 1], answer))
        return false;
    if (similar && answer == asker && !(q->flags & ADAPTAU_QUERY_KEEP_SELF))
        return false;
    if (!x->sees || asker < 0)
        return true;
    const int32_t user = q->question == ADAPTAU_RANK_ITEMS ? asker : answer, item = q->question == ADAPTAU_RANK_ITEMS ? answer : asker;
    return !has(data->user_items, data->user_ptr[user], data->user_ptr[user + 1], item);
}

static void check_list(const struct rank_call *x, const struct vectors *v, const adaptau_dataset_view *data, int32_t r)
{
    const int32_t  n_answers = answers_items(x->query.question) ? v->tables->n_items : v->tables->n_users;
    const int32_t *found = x->found[0] + r * x->query.k;
    const float   *scores = x->scores[0] + r * x->query.k;
    int32_t        n = 0, n_may = 0;
    double         size;
    while (n < x->query.k && found[n] >= 0)
        n++;
    for (int32_t k = n; k < x->query.k; k++)
        must(found[k] == -1 && scores[k] == -INFINITY, "an empty place is -1");
    for (int32_t k = 0; k < n; k++) {
        must(found[k] < n_answers && may_answer(x, data, r, found[k]) && !has(found, 0, k, found[k]), "a list has what it may have, once");
        must(k == 0 || scores[k - 1] > scores[k] || (scores[k - 1] == scores[k] && found[k - 1] < found[k]), "a list is in order");
        const double score = score_in_double(v, r, found[k], &size);
        must_near((double)scores[k], score, 1e-5 * size, "a score");
    }
    for (int32_t answer = 0; answer < n_answers; answer++) {
        if (!may_answer(x, data, r, answer))
            continue;
        n_may++;
        const double score = score_in_double(v, r, answer, &size);
        must(n == 0 || has(found, 0, n, answer) || score <= (double)scores[n - 1] + 1e-5 * size, "what is left out is no better");
    }
    must(n == (n_may < x->query.k ? n_may : x->query.k), "a list is as long as it can be");
}

void rank(struct world *w)
{
    static struct rank_call x;
    static int32_t          ids[MOST_FOLDED], allowed[MOST_NODES], exclude[MOST_FOLDED * MOST_NODES];
    static int64_t          exclude_ptr[MOST_FOLDED + 1];
    static float            embeddings[MOST_FOLDED * MOST_DIM];
    need_model(w);
    struct program      *p = &w->program;
    const adaptau_tables tables = final_tables(&w->sides[0]);
    adaptau_query        query = {.struct_size = sizeof query, .question = choose(p, 4), .n = 1 + choose(p, MOST_FOLDED)};
    const bool           similar = query.question == ADAPTAU_RANK_SIMILAR_ITEMS || query.question == ADAPTAU_RANK_SIMILAR_USERS;
    const int32_t        n_askers = asks_users(query.question) ? tables.n_users : tables.n_items;
    const int32_t        n_answers = answers_items(query.question) ? tables.n_items : tables.n_users;
    query.flags = (uint32_t)choose(p, 2) | (similar ? (uint32_t)choose(p, 2) << 1 : 0);
    query.k = 1 + choose(p, MOST_K);
    const int32_t with = choose(p, 16);
    struct stream s = choose_stream(p);
    for (int32_t r = 0; r < query.n; r++)
        ids[r] = draw_below(&s, n_askers);
    for (int32_t k = 0; k < query.n * tables.dim; k++)
        embeddings[k] = (float)draw_number(&s);
    if (with & 1)
        query.embeddings = embeddings;
    if (!(with & 1) || with & 8)
        query.ids = ids;
    x.sees = !similar && (with & 2) && query.ids;
    for (int32_t i = 0; i < n_answers && with & 4; i++)
        if (draw_below(&s, 3) > 0)
            allowed[query.n_allowed++] = i;
    if (with & 4)
        query.allowed = allowed;
    for (int32_t r = 0; r < query.n && with & 8; r++) {
        exclude_ptr[r + 1] = exclude_ptr[r];
        for (int32_t i = 0; i < n_answers; i++)
            if (draw_below(&s, 4) == 0)
                exclude[exclude_ptr[r + 1]++] = i;
    }
    if (with & 8) {
        query.exclude_ptr = exclude_ptr;
        query.exclude = exclude;
    }
    x.query = query;
    call_both_well(w, "ranking", rank_model, &x);
    const size_t n = (size_t)query.n * (size_t)query.k;
    must(memcmp(x.found[0], x.found[1], n * 4) == 0 && memcmp(x.scores[0], x.scores[1], n * 4) == 0, "threads do not change a list");
    const adaptau_dataset_view data = view_of(w->sides[0].data);
    const struct vectors       v = {.tables = &tables, .query = &x.query};
    for (int32_t r = 0; r < query.n; r++)
        check_list(&x, &v, &data, r);
}

/* ---- metrics ------------------------------------------------------------------------------------------------------------ */

#define MOST_GROUPS 3
#define MOST_TAUS 3

struct metrics {
    adaptau_evaluator_options options;
    bool                      masked;
    int32_t                   groups[MOST_ITEMS];
    int32_t                   lists[MOST_USERS * 20];
    double                    taus[MOST_TAUS], means[2][MOST_TAUS];
    double                    mean[2][ADAPTAU_N_METRICS][4];
};

static void check_metric(const struct side *side, struct metrics *x, adaptau_evaluator *evaluator, int32_t metric, int32_t c)
{
    const adaptau_dataset_view held = view_of(side->held_out);
    const int32_t              n = adaptau_evaluator_n_users(evaluator), k = x->options.cutoffs[c],
                  longest = x->options.cutoffs[x->options.n_cutoffs - 1];
    const int32_t *users = adaptau_evaluator_users(evaluator);
    float          each[MOST_USERS];
    double         sum = 0.0, groups[MOST_GROUPS], *mean = &x->mean[side->index][metric][c];
    must(adaptau_evaluator_per_user(evaluator, metric, k, each, NULL) == ADAPTAU_OK, "users have metrics");
    must(adaptau_evaluator_mean(evaluator, metric, k, mean, NULL) == ADAPTAU_OK, "there is a mean");
    for (int32_t u = 0; u < n; u++) {
        const int64_t first = held.user_ptr[users[u]];
        const double  want =
            truth_of_metric(metric, k, x->lists + u * longest, held.user_ptr[users[u] + 1] - first, held.user_items + first);
        must_near((double)each[u], want, 1e-6, "a metric of a user");
        sum += want;
    }
    must_near(*mean, n > 0 ? sum / n : 0.0, 1e-6, "a mean");
    if (metric > ADAPTAU_METRIC_PRECISION)
        return;
    must(adaptau_evaluator_per_group(evaluator, metric, k, groups, NULL) == ADAPTAU_OK, "groups have metrics");
    must_near(groups[0] + groups[1] + groups[2], *mean, 1e-9, "the sum of groups");
}

static void check_likelihood(const struct side *side, const struct metrics *x, const adaptau_tables *tables)
{
    const adaptau_dataset_view data = view_of(side->data), held = view_of(side->held_out);
    static struct truth_tables truth;
    truth_of_tables(tables, tables->flags, &truth);
    for (int32_t t = 0; t < MOST_TAUS; t++) {
        double sum = 0.0, n = 0.0;
        for (int32_t u = 0; u < tables->n_users; u++)
            for (int64_t p = held.user_ptr[u]; p < held.user_ptr[u + 1]; p++) {
                double most = -INFINITY, z = 0.0, own = 0.0;
                if (x->masked && has(data.user_items, data.user_ptr[u], data.user_ptr[u + 1], held.user_items[p]))
                    continue;
                for (int32_t i = 0; i < tables->n_items; i++) {
                    const double s = (truth.f[u][i] + (tables->item_bias ? (double)tables->item_bias[i] : 0.0)) / x->taus[t];
                    if (s > most && !(x->masked && has(data.user_items, data.user_ptr[u], data.user_ptr[u + 1], i)))
                        most = s; /* fmax would crash gcc 12 for arm64                                           */
                }
                for (int32_t i = 0; i < tables->n_items; i++) {
                    const double s = (truth.f[u][i] + (tables->item_bias ? (double)tables->item_bias[i] : 0.0)) / x->taus[t];
                    if (i == held.user_items[p])
                        own = s;
                    if (!(x->masked && has(data.user_items, data.user_ptr[u], data.user_ptr[u + 1], i)))
                        z += exp(s - most);
                }
                sum += own - most - log(z);
                n += 1.0;
            }
        const double largest = (truth.largest + 1.0) / x->taus[t];
        must_near(x->means[side->index][t], n > 0.0 ? sum / n : 0.0, 1e-4 + 1e-5 * largest, "the likelihood");
    }
}

static adaptau_status measure_side(struct side *side, void *arguments, adaptau_error *error)
{
    struct metrics            *x = arguments;
    adaptau_evaluator_options  o = x->options;
    const adaptau_dataset     *masks[] = {side->data};
    adaptau_evaluator         *evaluator = NULL;
    const adaptau_tables       tables = final_tables(side);
    o.masks = masks;
    o.n_masks = x->masked ? 1 : 0;
    o.item_groups = x->groups;
    o.n_groups = MOST_GROUPS;
    adaptau_status status = adaptau_evaluator_create(side->context, side->held_out, &o, &evaluator, error);
    if (status == ADAPTAU_OK)
        status = adaptau_evaluator_run(evaluator, &tables, error);
    if (status == ADAPTAU_OK)
        status = adaptau_evaluator_log_likelihood(evaluator, &tables, MOST_TAUS, x->taus, x->means[side->index], error);
    const int32_t k = o.cutoffs[o.n_cutoffs - 1], n = status == ADAPTAU_OK ? adaptau_evaluator_n_users(evaluator) : 0;
    adaptau_query query = {.struct_size = sizeof query, .n = n, .k = k};
    query.ids = adaptau_evaluator_users(evaluator);
    query.seen = x->masked ? side->data : NULL;
    if (n > 0)
        status = adaptau_rank(side->context, &tables, &query, x->lists, NULL, error);
    for (int32_t pass = 0; pass < 2 && status == ADAPTAU_OK; pass++) {
        for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
            for (int32_t c = 0; c < o.n_cutoffs; c++)
                check_metric(side, x, evaluator, metric, c);
        if (pass == 0)
            status = adaptau_evaluator_run_lists(evaluator, k, x->lists, error);
    }
    if (status == ADAPTAU_OK)
        check_likelihood(side, x, &tables);
    adaptau_evaluator_destroy(evaluator);
    return status;
}

void measure(struct world *w)
{
    static struct metrics x;
    static const double   taus[] = {1.0, 0.1, 5.0};
    need_model(w);
    x.options = choose_evaluator_options(&w->program);
    x.masked = choose_whether(&w->program);
    struct stream s = choose_stream(&w->program);
    for (int32_t i = 0; i < MOST_ITEMS; i++)
        x.groups[i] = draw_below(&s, MOST_GROUPS);
    memcpy(x.taus, taus, sizeof taus);
    memset(x.mean, 0, sizeof x.mean);
    call_both_well(w, "metrics", measure_side, &x);
    must(memcmp(x.mean[0], x.mean[1], sizeof x.mean[0]) == 0 && memcmp(x.means[0], x.means[1], sizeof x.means[0]) == 0,
         "threads do not change a metric");
}
