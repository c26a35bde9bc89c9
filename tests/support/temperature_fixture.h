/* SPDX-License-Identifier: MIT */
/* What the tests of temperatures share: the data of tests/reference/temperature.txt, and temperatures on it. */
#ifndef TEST_TEMPERATURE_FIXTURE_H
#define TEST_TEMPERATURE_FIXTURE_H

#include <adaptau/temperature.h>

#include <math.h>

#include "context.h"
#include "ok.h"
#include "options.h"
#include "reference.h"

#define TEMPERATURE_FILE "temperature.txt" /* temperature.py beside it computes it from the definitions          */

static adaptau_context *context;
static adaptau_dataset *dataset;
static int32_t          n_users, n_items, dim;
static float           *users, *items;
static float           *unit_losses; /* NaN for users without pairs                                          */

static inline void set_up(void)
{
    int     n;
    double *sizes = reference_read(TEMPERATURE_FILE, "sizes", &n);
    n_users = (int32_t)sizes[0];
    n_items = (int32_t)sizes[1];
    dim = (int32_t)sizes[2];
    free(sizes);
    users = reference_read_floats(TEMPERATURE_FILE, "users", &n);
    items = reference_read_floats(TEMPERATURE_FILE, "items", &n);
    unit_losses = reference_read_floats(TEMPERATURE_FILE, "unit_losses", &n);
    double  *pairs = reference_read(TEMPERATURE_FILE, "pairs", &n);
    int32_t *ids = malloc((size_t)n * sizeof *ids);
    for (int i = 0; i < n / 2; i++) {
        ids[i] = (int32_t)pairs[2 * i];
        ids[n / 2 + i] = (int32_t)pairs[2 * i + 1];
    }
    context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    OK(adaptau_dataset_create_from_interactions(context, n_users, n_items, n / 2, ids, ids + n / 2, NULL, &dataset, &error));
    free(pairs);
    free(ids);
}

static inline void tear_down(void)
{
    uint64_t present;
    adaptau_dataset_destroy(dataset);
    adaptau_context_memory(context, &present, NULL);
    ck_assert_uint_le(present, 64 * 1024); /* context and pool: every object has given back what it had               */
    adaptau_context_destroy(context);
    free(users);
    free(items);
    free(unit_losses);
}

static inline adaptau_tables make_tables(uint32_t flags)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .flags = flags,
                            .n_users = n_users,
                            .n_items = n_items,
                            .dim = dim,
                            .users = users,
                            .items = items};
}

#define OPTIONS(...) full_temperature_options((adaptau_temperature_options){__VA_ARGS__})

static inline adaptau_temperature *create(adaptau_temperature_options options)
{
    adaptau_temperature *temperature = NULL;
    OK(adaptau_temperature_create(context, dataset, &options, &temperature, &error));
    return temperature;
}

static inline adaptau_temperature_state state_of(const adaptau_temperature *temperature)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    OK(adaptau_temperature_get_state(temperature, &state, &error));
    return state;
}

/* The state after as many updates as leave the warm-up behind. */
static inline adaptau_temperature_state update(adaptau_temperature *temperature, const adaptau_tables *tables)
{
    for (int i = 0; i < 2; i++)
        OK(adaptau_temperature_update(temperature, tables, &error));
    return state_of(temperature);
}

static inline void check_close(const char *what, double value, double reference, double tolerance)
{
    ck_assert_msg(fabs(value - reference) <= tolerance * fabs(reference), "%s: %.12g, not %.12g", what, value, reference);
}

#endif
