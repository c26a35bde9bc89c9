/* SPDX-License-Identifier: MIT */
/* What the benchmarks share: a clock, medians, drawn data, and a host that trains on them. They end the program where the
 * library reports an error. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <adaptau/adaptau.h>

#include <stdbool.h>

#define GOWALLA_USERS 29858
#define GOWALLA_ITEMS 40981
#define GOWALLA_PAIRS 810128

double bench_now(void); /* seconds                                                                             */
double bench_median(double *values, int n); /* sorts them                                                      */
double bench_load_average(void); /* of the last minute, or −1                                                  */
int    bench_online_cpus(void);
double bench_uniform(void); /* in [0, 1), the same numbers every time                                          */
float *bench_allocate(size_t floats); /* zeroed, on a page                                                     */
void   bench_fail(const char *what, const adaptau_error *error);

struct host_options {
    int                     threads, dim;
    int32_t                 n_users, n_items;
    int64_t                 n_pairs;
    uint32_t                model_flags; /* beside ADAPTAU_MODEL_ROW_SECOND_MOMENT                             */
    adaptau_sampler_options sampler;
    bool                    soft;     /* with soft targets                                                     */
    bool                    weighted; /* interactions with weights, how often each was drawn                   */
    bool                    held_out; /* with an evaluator on a quarter as many pairs                          */
    bool                    recycle;  /* keep large freed blocks for the next request of their size, as a host may */
};

struct host {
    adaptau_context     *context;
    adaptau_dataset     *data, *held_out;
    adaptau_model       *model;
    adaptau_sampler     *sampler;
    adaptau_temperature *temperature;
    adaptau_evaluator   *evaluator;
    int64_t              epoch;
    int32_t              rows; /* of a full batch                                                              */
    bool                 soft;
};

/* Data by a power law: the item of a pair is m x³, x uniform; every user has as many pairs as any other. */
void bench_open_host(struct host *h, const struct host_options *options);
void bench_close_host(struct host *h);

/* τ₀, soft targets where wanted, and a new order: once per epoch, by itself from bench_next_batch. */
void bench_turn_epoch(struct host *h);

/* The next full batch; answers the seconds that turning an epoch on the way has cost. */
double bench_next_batch(struct host *h, adaptau_batch *batch);

struct step_times {
    double step;      /* seconds of a step with its part of the turns of epochs                                */
    double turns;     /* of which turns of epochs                                                              */
    double gradients; /* of which adaptau_model_gradients                                                      */
    double positives; /* of a step                                                                             */
};

/* Means over full steps: sampler, gather, products, exponential, gradients, Adam on both tables. */
struct step_times bench_time_steps(struct host *h, int steps);

#endif
