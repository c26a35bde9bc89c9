/* SPDX-License-Identifier: MIT */
#include "core/quantile.h"

#include <math.h>
#include <string.h>

/* What a quantile is taken of: a number of each user as an integer of the same order, or NO_KEY. */
struct numbers {
    uint64_t (*key)(const struct numbers *numbers, int32_t user);
    double (*value)(uint64_t key);
    const adaptau_dataset *dataset;
    const float           *losses;
    int32_t                n_users;
};
#define NO_KEY UINT64_MAX

static uint64_t degree_key(const struct numbers *numbers, int32_t user)
{
    return (uint64_t)atau_user_degree(numbers->dataset, user);
}

static double degree_of_key(uint64_t key)
{
    return (double)key;
}

static uint64_t loss_key(const struct numbers *numbers, int32_t user)
{
    uint32_t bits;
    if (isnan(numbers->losses[user]))
        return NO_KEY;
    memcpy(&bits, &numbers->losses[user], sizeof bits);
    return bits & 0x80000000u ? (uint32_t)~bits : bits | 0x80000000u;
}

static double loss_of_key(uint64_t key)
{
    uint32_t bits = (uint32_t)key & 0x80000000u ? (uint32_t)key & 0x7FFFFFFFu : ~(uint32_t)key;
    float    loss;
    memcpy(&loss, &bits, sizeof loss);
    return (double)loss;
}

/* The k-th smallest key, by bisection of the 32 bits: no copy, and no worst case. */
static uint64_t select_key(const struct numbers *numbers, int64_t k)
{
    uint64_t low = 0, high = UINT32_MAX;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t  n = 0;
        for (int32_t u = 0; u < numbers->n_users; u++)
            n += numbers->key(numbers, u) <= middle;
        if (n > k)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static double find_quantile(const struct numbers *numbers, int64_t n, double quantile)
{
    double  position = quantile * (double)(n - 1);
    int64_t k = (int64_t)position;
    double  part = position - (double)k;
    double  below = numbers->value(select_key(numbers, k));
    double  above = k + 1 < n ? numbers->value(select_key(numbers, k + 1)) : below;
    return part < 0.5 ? below + (above - below) * part : above - (above - below) * (1.0 - part);
}

double atau_quantile_of_degrees(const adaptau_dataset *dataset, double quantile)
{
    const struct numbers degrees = {degree_key, degree_of_key, .dataset = dataset, .n_users = dataset->n_users};
    return find_quantile(&degrees, dataset->n_users, quantile);
}

double atau_quantile_of_losses(const float *losses, int32_t n_users, int64_t n, double quantile)
{
    const struct numbers observed = {loss_key, loss_of_key, .losses = losses, .n_users = n_users};
    return find_quantile(&observed, n, quantile);
}
