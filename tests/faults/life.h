/* SPDX-License-Identifier: MIT */
/* Whole lives of all objects, one library call after the other, from a context to its end: data, training, evaluation, files,
 * serving, growth. What they answer is added up to one number, the same for every undisturbed life of a kind. */
#ifndef LIFE_H
#define LIFE_H

#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include "../support/host.h"

/* A way to train. struct_size is filled in; contrast.struct_size says whether there is a contrastive term. */
struct way {
    const char                 *name;
    adaptau_model_options       model;
    adaptau_sampler_options     sampler;
    adaptau_temperature_options temperature;
    adaptau_contrast_options    contrast;
    adaptau_loss                loss;
    double                      soft_targets;
    adaptau_fold_in_options        fold;
};

extern const struct way ways[];
extern const int        n_ways;

struct life {
    const struct way *way;
    int32_t           size; /* of the data, in units of 24 users and 40 items                                  */
    int64_t           epochs;
    int32_t           n_threads, backend;
    struct host      *host; /* whose memory, and with `executes` whose threads; NULL: the defaults              */
    bool              executes;
    const char       *path; /* a file for it                                                                    */
    void (*failed)(struct life *life, const char *call, adaptau_status status); /* before a call is made again; NULL: none may
                                                                                    fail                        */
    int              n_failures;

    uint64_t digest; /* of all that was answered                                                                */
};

/* Live. */
void live(struct life *life);

/* The same without file and growth: on a context, and on data that others may share. */
void live_on(struct life *life, adaptau_context *context, const adaptau_dataset *data);
adaptau_dataset *make_life_data(adaptau_context *context, int32_t size);

#endif
