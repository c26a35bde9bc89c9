/* SPDX-License-Identifier: MIT */
/* One evaluation of S costs a forward pass of the sample over the whole catalogue, so the root is sought with few of them:
 * Chandrupatla's method (Adv. Eng. Software 28, 1997), which interpolates where that is safe and bisects elsewhere. S need not
 * be monotone; the method keeps a change of sign between its ends and so finds a root whenever the bounds bracket one. Newton's
 * would need a second pass for the slope and has no such guarantee. */
#include "core/eq11.h"

#include <math.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/random.h"
#include "common/size.h"
#include "core/dataset.h"

#define TOLERANCE 1e-6    /* of log τ: single-precision scores give no more                                   */
#define MAX_EVALUATIONS 64 /* a backstop: bisection alone would need 25                                       */

struct sample {
    adaptau_context       *context;
    const adaptau_tables  *tables;
    const adaptau_dataset *dataset;
    int32_t                n;
    int64_t                n_scores;
    int32_t               *users;    /* [n] ascending                                                         */
    int64_t               *nothing;  /* [n + 1] zeros: a batch without positives                              */
    double                *log_sums; /* [n]                                                                   */
    double                *scores;   /* [n_scores] f of each user's positives                                 */
};

/* ---- who ----------------------------------------------------------------------------------------------------------- */

static bool is_eligible(const adaptau_dataset *dataset, const struct atau_eq11 *question, int32_t user)
{
    return atau_user_degree(dataset, user) >= atau_max_i64(1, question->least_degree);
}

/* Selection sampling (Knuth, The Art of Computer Programming, 3.4.2, algorithm S). Without an array it only adds up degrees. */
static void draw_users(struct sample *s, const struct atau_eq11 *question, int64_t n_eligible)
{
    struct atau_stream stream;
    int64_t            wanted = s->n, left = n_eligible;
    atau_stream_start(&stream, 0, ATAU_RANDOM_SAMPLE, (uint64_t)question->update, 0);
    s->n_scores = 0;
    for (int32_t u = 0; u < s->dataset->n_users && wanted > 0; u++) {
        if (!is_eligible(s->dataset, question, u))
            continue;
        bool take = wanted == left || atau_stream_uniform(&stream) * (double)left < (double)wanted;
        left--;
        if (!take)
            continue;
        if (s->users)
            s->users[s->n - wanted] = u;
        s->n_scores += atau_user_degree(s->dataset, u);
        wanted--;
    }
}

/* ---- S(τ) ---------------------------------------------------------------------------------------------------------- */

static double score(const adaptau_tables *tables, int32_t user, int32_t item)
{
    const bool   unit = (tables->flags & ADAPTAU_UNIT_ROWS) != 0;
    const float *x = tables->users + user * tables->user_stride, *y = tables->items + item * tables->item_stride;
    double       xy = 0.0, xx = 0.0, yy = 0.0;
    for (int32_t k = 0; k < tables->dim; k++) {
        xy += (double)x[k] * (double)y[k];
        xx += (double)x[k] * (double)x[k];
        yy += (double)y[k] * (double)y[k];
    }
    if (unit || !(tables->flags & ADAPTAU_NORMALISE_USERS))
        xx = 1.0;
    if (unit || !(tables->flags & ADAPTAU_NORMALISE_ITEMS))
        yy = 1.0;
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx) / sqrt(yy) : 0.0;
}

static void score_positives(struct sample *s)
{
    int64_t n = 0;
    for (int32_t r = 0; r < s->n; r++) {
        const int64_t *ptr = s->dataset->user_ptr + s->users[r];
        for (int64_t p = ptr[0]; p < ptr[1]; p++)
            s->scores[n++] = score(s->tables, s->users[r], s->dataset->user_items[p]);
    }
}

/* mean_u S_u(τ) − 1/2 at log τ. */
static adaptau_status evaluate(struct sample *s, double log_tau, double *excess, adaptau_error *error)
{
    const float                    tau = (float)exp(log_tau);
    const adaptau_batch            batch = {.struct_size = sizeof batch,
                                            .n_rows = s->n,
                                            .candidates = ADAPTAU_CANDIDATES_CATALOGUE,
                                            .users = s->users,
                                            .positive_ptr = s->nothing};
    const adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = tau};
    adaptau_loss_output         output = {.struct_size = sizeof output, .row_log_sum = s->log_sums};
    adaptau_status status = adaptau_softmax(s->context, s->tables, &batch, &temperatures, &output, error);
    if (status != ADAPTAU_OK)
        return status;
    const double *f = s->scores;
    double        sum = 0.0;
    for (int32_t r = 0; r < s->n; r++)
        for (int64_t n = atau_user_degree(s->dataset, s->users[r]); n > 0; n--)
            sum += exp(*f++ / (double)tau - s->log_sums[r]);
    *excess = sum / s->n - 0.5;
    return ADAPTAU_OK;
}

/* ---- the root -------------------------------------------------------------------------------------------------------- */

/* A point of the search. */
struct point {
    double x, y;
};

/* Where between b and a to look next, as a fraction of the way from a: inverse quadratic interpolation through a, b and c where
 * it is sure to behave, the middle elsewhere. */
static double next_fraction(struct point a, struct point b, struct point c)
{
    double xi = (a.x - b.x) / (c.x - b.x), phi = (a.y - b.y) / (c.y - b.y);
    if (!(phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi))
        return 0.5;
    double t = a.y / (b.y - a.y) * c.y / (b.y - c.y) + (c.x - a.x) / (b.x - a.x) * a.y / (c.y - a.y) * b.y / (c.y - b.y);
    double margin = 0.5 * TOLERANCE / fabs(b.x - a.x);
    return fmin(1.0 - margin, fmax(margin, t));
}

/* The signs at a and b differ. */
static adaptau_status narrow(struct sample *s, struct point a, struct point b, double *root, adaptau_error *error)
{
    double fraction = 0.5;
    for (int i = 0; i < MAX_EVALUATIONS && fabs(b.x - a.x) > TOLERANCE && a.y != 0.0; i++) {
        struct point   next = {.x = a.x + fraction * (b.x - a.x)}, c;
        adaptau_status status = evaluate(s, next.x, &next.y, error);
        if (status != ADAPTAU_OK)
            return status;
        if ((next.y > 0.0) == (a.y > 0.0)) {
            c = a;
        } else {
            c = b;
            b = a;
        }
        a = next;
        fraction = next_fraction(a, b, c);
    }
    *root = fabs(a.y) < fabs(b.y) ? a.x : b.x;
    return ADAPTAU_OK;
}

static adaptau_status search(struct sample *s, const struct atau_eq11 *question, double *tau, bool *bracketed,
                             adaptau_error *error)
{
    struct point   low = {.x = log(question->tau_min)}, high = {.x = log(question->tau_max)};
    double         root = 0.0;
    adaptau_status status = evaluate(s, low.x, &low.y, error);
    if (status == ADAPTAU_OK)
        status = evaluate(s, high.x, &high.y, error);
    if (status != ADAPTAU_OK)
        return status;
    *bracketed = (low.y > 0.0) != (high.y > 0.0);
    if (!*bracketed)
        return ADAPTAU_OK;
    status = narrow(s, high, low, &root, error);
    if (status == ADAPTAU_OK)
        *tau = fmin(question->tau_max, fmax(question->tau_min, exp(root)));
    return status;
}

/* ---- the call -------------------------------------------------------------------------------------------------------- */

static void lay_out(struct sample *s, struct atau_arena *arena)
{
    s->users = atau_arena_take(arena, (uint64_t)s->n, sizeof(int32_t));
    s->nothing = atau_arena_take(arena, (uint64_t)s->n + 1, sizeof(int64_t));
    s->log_sums = atau_arena_take(arena, (uint64_t)s->n, sizeof(double));
    s->scores = atau_arena_take(arena, (uint64_t)s->n_scores, sizeof(double));
}

adaptau_status atau_eq11_solve(adaptau_context *context, const adaptau_tables *tables, const adaptau_dataset *dataset,
                               const struct atau_eq11 *question, double *tau, bool *bracketed, adaptau_error *error)
{
    struct sample     s = {.context = context, .tables = tables, .dataset = dataset};
    struct atau_arena arena = {0};
    int64_t           n_eligible = 0;
    for (int32_t u = 0; u < dataset->n_users; u++)
        n_eligible += is_eligible(dataset, question, u);
    s.n = (int32_t)atau_min_i64(n_eligible, question->sample);
    draw_users(&s, question, n_eligible);
    lay_out(&s, &arena);
    adaptau_status status = atau_arena_allocate(context, &arena, "the sample of users", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&s, &arena);
    draw_users(&s, question, n_eligible);
    memset(s.nothing, 0, ((size_t)s.n + 1) * sizeof *s.nothing);
    score_positives(&s);
    status = search(&s, question, tau, bracketed, error);
    atau_arena_free(context, &arena);
    return status;
}
