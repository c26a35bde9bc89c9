/* SPDX-License-Identifier: MIT */
/* A visitor of core/scan.h that keeps a running maximum and a sum for each user and temperature. A tile's sums are float32, by the
 * kernels; tiles are added in double. The sum is taken against the same float32 number that the kernel subtracts, so that rounding
 * the maximum costs nothing. */
#include "core/likelihood.h"

#include <math.h>

#include "common/context.h"
#include "common/error.h"
#include "common/size.h"
#include "kernels/of_context.h"

/* From here on a float32 exponent is too coarse to be taken from its maximum, and plain C in double takes over. */
#define WIDE_EXPONENT 0x1p20f

/* What a lane keeps for a block. */
struct sums {
    float          *ones;     /* [width]                                                                      */
    float          *maximum;  /* [width] of the scores so far                                                 */
    float          *rising;   /* [width] the same with the tile at hand                                       */
    float          *scale;    /* [width] 1/τ                                                                  */
    float          *shift;    /* [width] maximum/τ                                                            */
    float          *partial;  /* [width] a tile's sums                                                        */
    double         *total;    /* [n_taus x width] Σ exp(s scale − shift)                                      */
    double         *positive; /* [width] Σ of held-out scores                                                 */
    int64_t        *n;        /* [width] held-out items that are not masked                                   */
    const int32_t **next;     /* [width] next held-out item                                                   */
    const int32_t **end;      /* [width]                                                                      */
};

struct likelihood {
    const struct atau_kernels      *kernels;
    const struct atau_scan_request *request;
    const struct atau_item_lists   *held_out;
    int32_t                         n_taus;
    const double                   *taus;
    int32_t                         n_lanes;
    struct sums                    *lanes;
    double                         *terms;   /* [request->n x n_taus] of each user                            */
    int64_t                        *n_terms; /* [request->n]                                                  */
};

static void lay_out_lane(const struct likelihood *job, struct atau_arena *arena, size_t width, struct sums *s)
{
    s->ones = atau_arena_take(arena, width, sizeof *s->ones);
    s->maximum = atau_arena_take(arena, width, sizeof *s->maximum);
    s->rising = atau_arena_take(arena, width, sizeof *s->rising);
    s->scale = atau_arena_take(arena, width, sizeof *s->scale);
    s->shift = atau_arena_take(arena, width, sizeof *s->shift);
    s->partial = atau_arena_take(arena, width, sizeof *s->partial);
    s->total = atau_arena_take(arena, (uint64_t)job->n_taus, width * sizeof *s->total);
    s->positive = atau_arena_take(arena, width, sizeof *s->positive);
    s->n = atau_arena_take(arena, width, sizeof *s->n);
    s->next = atau_arena_take(arena, width, sizeof *s->next);
    s->end = atau_arena_take(arena, width, sizeof *s->end);
}

static void lay_out(void *argument, struct atau_arena *arena, int32_t lane, int64_t width)
{
    struct likelihood *job = argument;
    struct sums        counted;
    if (lane == 0)
        job->lanes = atau_arena_take(arena, (uint64_t)job->n_lanes, sizeof *job->lanes);
    lay_out_lane(job, arena, (size_t)width, arena->base ? &job->lanes[lane] : &counted);
}

static void begin_block(void *argument, const struct atau_scan_block *block)
{
    const struct likelihood *job = argument;
    const struct sums       *s = &job->lanes[block->lane];
    for (int64_t r = 0; r < block->n; r++) {
        const int64_t *ptr = job->held_out->ptr + atau_scan_user(job->request, block->first + r);
        s->next[r] = ptr[0] < ptr[1] ? job->held_out->ids + ptr[0] : NULL;
        s->end[r] = ptr[0] < ptr[1] ? job->held_out->ids + ptr[1] : NULL;
        s->ones[r] = 1.0f;
        s->maximum[r] = -INFINITY;
        s->positive[r] = 0.0;
        s->n[r] = 0;
        for (int32_t t = 0; t < job->n_taus; t++)
            s->total[t * block->width + r] = 0.0;
    }
}

static void add_held_out(const struct sums *s, const struct atau_scan_block *block, int64_t item, int64_t lines,
                         const float *scores)
{
    for (int64_t r = 0; r < block->n; r++)
        for (; s->next[r] != s->end[r] && *s->next[r] < item + lines; s->next[r]++) {
            float score = scores[(*s->next[r] - item) * block->width + r];
            if (score > -INFINITY) {
                s->positive[r] += (double)score;
                s->n[r]++;
            }
        }
}

/* What is taken off exponents: 0 while every score is masked. */
static float shift_of(float maximum, float scale)
{
    return maximum > -INFINITY ? maximum * scale : 0.0f;
}

/* Σ exp((s − maximum)/τ) of one column, where float32 exponents are too coarse. */
static double sum_column(const struct atau_scan_block *block, int64_t r, int64_t lines, const float *scores, double maximum,
                         double tau)
{
    double sum = 0.0;
    for (int64_t line = 0; line < lines; line++)
        sum += exp(((double)scores[line * block->width + r] - maximum) / tau);
    return sum;
}

static void add_tau(const struct likelihood *job, const struct sums *s, const struct atau_scan_block *block, int64_t lines,
                    const float *scores, int32_t t)
{
    const float scale = (float)(1.0 / job->taus[t]);
    double     *total = s->total + t * block->width;
    for (int64_t r = 0; r < block->n; r++) {
        s->scale[r] = scale;
        s->shift[r] = shift_of(s->rising[r], scale);
        s->partial[r] = 0.0f;
    }
    job->kernels->exp_sum(lines, block->n, scores, block->width, s->scale, s->shift, NULL, s->partial);
    for (int64_t r = 0; r < block->n; r++) {
        const bool wide = !(fabsf(s->shift[r]) < WIDE_EXPONENT);
        const double fall = wide ? ((double)s->maximum[r] - (double)s->rising[r]) / job->taus[t]
                                 : (double)shift_of(s->maximum[r], scale) - (double)s->shift[r];
        if (s->rising[r] > s->maximum[r])
            total[r] *= s->maximum[r] > -INFINITY ? exp(fall) : 0.0;
        total[r] += wide ? sum_column(block, r, lines, scores, (double)s->rising[r], job->taus[t]) : (double)s->partial[r];
    }
}

static void add_tile(void *argument, const struct atau_scan_block *block, int64_t item, int64_t lines, const float *scores)
{
    const struct likelihood *job = argument;
    const struct sums       *s = &job->lanes[block->lane];
    add_held_out(s, block, item, lines, scores);
    for (int64_t r = 0; r < block->n; r++)
        s->rising[r] = s->maximum[r];
    job->kernels->max_tile(lines, block->n, scores, block->width, s->ones, NULL, s->rising);
    for (int32_t t = 0; t < job->n_taus; t++)
        add_tau(job, s, block, lines, scores, t);
    for (int64_t r = 0; r < block->n; r++)
        s->maximum[r] = s->rising[r];
}

static void end_block(void *argument, const struct atau_scan_block *block)
{
    const struct likelihood *job = argument;
    const struct sums       *s = &job->lanes[block->lane];
    for (int64_t r = 0; r < block->n; r++) {
        int64_t position = block->first + r;
        job->n_terms[position] = s->n[r];
        for (int32_t t = 0; t < job->n_taus; t++) {
            const float  scale = (float)(1.0 / job->taus[t]), shift = shift_of(s->maximum[r], scale);
            const bool   wide = !(fabsf(shift) < WIDE_EXPONENT);
            const double top = wide ? (double)s->maximum[r] / job->taus[t] : (double)shift;
            const double positive = wide ? s->positive[r] / job->taus[t] : s->positive[r] * (double)scale;
            job->terms[position * job->n_taus + t] =
                s->n[r] > 0 ? positive - (double)s->n[r] * (top + log(s->total[t * block->width + r])) : 0.0;
        }
    }
}

static void add_up(const struct likelihood *job, double *out, int64_t *n_interactions)
{
    *n_interactions = 0;
    for (int32_t t = 0; t < job->n_taus; t++)
        out[t] = 0.0;
    for (int64_t position = 0; position < job->request->n; position++) {
        *n_interactions += job->n_terms[position];
        for (int32_t t = 0; t < job->n_taus; t++)
            out[t] += job->terms[position * job->n_taus + t];
    }
}

static void lay_out_terms(struct likelihood *job, struct atau_arena *arena)
{
    job->terms = atau_arena_take(arena, (uint64_t)job->request->n, (size_t)job->n_taus * sizeof *job->terms);
    job->n_terms = atau_arena_take(arena, (uint64_t)job->request->n, sizeof *job->n_terms);
}

adaptau_status atau_log_likelihood(const struct atau_score_sides *sides, const struct atau_scan_request *request,
                                   const struct atau_item_lists *held_out, int32_t n_taus, const double *taus, double *out,
                                   int64_t *n_interactions, adaptau_error *error)
{
    struct atau_arena arena = {0};
    struct likelihood job = {
        .kernels = atau_kernels_of(sides->context),
        .request = request,
        .held_out = held_out,
        .n_taus = n_taus,
        .taus = taus,
        .n_lanes = sides->context->options.n_threads,
    };
    const struct atau_scan_visitor visitor = {&job, lay_out, begin_block, add_tile, end_block, NULL, NULL, 0};
    lay_out_terms(&job, &arena);
    adaptau_status status = atau_arena_allocate(sides->context, &arena, "the users' likelihoods", error);
    if (status)
        return status;
    lay_out_terms(&job, &arena);
    status = atau_scan(sides, request, &visitor, INT32_MAX, "the tiles of a likelihood", error);
    if (!status)
        add_up(&job, out, n_interactions);
    atau_arena_free(sides->context, &arena);
    return status;
}
