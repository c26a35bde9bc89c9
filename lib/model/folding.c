/* SPDX-License-Identifier: MIT */
#include "model/folding.h"

#include <adaptau/experimental.h>

#include <math.h>

#include "common/abi.h"
#include "common/error.h"
#include "core/dataset.h"

static size_t size_of(const struct atau_raw_tables *tables)
{
    return (size_t)tables->side[ADAPTAU_SIDE_ITEMS].n_rows * sizeof(float);
}

/* ---- options ------------------------------------------------------------------------------------------------------- */

#define MOST_STEPS 1000

bool atau_folding_knows_policy(int32_t policy)
{
    return policy >= ADAPTAU_TAU_USER_NONE && policy <= ADAPTAU_TAU_USER_RELEASED;
}

adaptau_status atau_folding_check(const adaptau_fold_in_options *o, adaptau_error *error)
{
    const struct {
        const char *name;
        double      value, least, most;
    } numbers[] = {{"tau", o->tau, 1e-30, 1e30},
                   {"threshold", o->threshold, -1e30, 1e30},
                   {"divisor", o->divisor, 0.0, 1e30},
                   {"target_strength", o->target_strength, 0.0, 1e30},
                   {"popularity_exponent", o->popularity_exponent, -4.0, 4.0}};
    if (o->flags & ~ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->flags = 0x%x has unknown bits", o->flags);
    if (!atau_folding_knows_policy(o->tau_user_policy))
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "options->tau_user_policy = %d is not ADAPTAU_TAU_USER_NONE, _BY_LOSS, _MINIMISER or _RELEASED",
                         o->tau_user_policy);
    if (o->n_steps < 0 || o->n_steps > MOST_STEPS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_steps = %d is outside 0 ... %d", o->n_steps, MOST_STEPS);
    if (o->divisor == 0.0)
        return atau_fail_zero(error, "options->divisor", "above 0", "adaptau_fold_in_options_init");
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        if (!isfinite(numbers[k].value))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", numbers[k].name, numbers[k].value);
        if (numbers[k].value < numbers[k].least || numbers[k].value > numbers[k].most)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside %g ... %g", numbers[k].name,
                             numbers[k].value, numbers[k].least, numbers[k].most);
    }
    return ADAPTAU_OK;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

void atau_folding_free(struct atau_folding *folding, const struct atau_raw_tables *tables)
{
    if (!folding->viewed)
        atau_free(tables->context, folding->log_q, size_of(tables));
    *folding = (struct atau_folding){0};
}

adaptau_status atau_folding_make_log_q(struct atau_folding *folding, const struct atau_raw_tables *tables, adaptau_error *error)
{
    folding->log_q = atau_allocate_array(tables->context, (uint64_t)tables->side[ADAPTAU_SIDE_ITEMS].n_rows, sizeof(float));
    return folding->log_q ? ADAPTAU_OK : atau_fail_memory(error, size_of(tables), "the popularity of items");
}

adaptau_status atau_folding_set(struct atau_folding *folding, const struct atau_raw_tables *tables, const adaptau_dataset *dataset,
                                const adaptau_fold_in_options *options, adaptau_error *error)
{
    struct atau_folding other = {.present = true, .options = *options};
    adaptau_status      status = ADAPTAU_OK;
    if (options->popularity_exponent != 0.0)
        status = atau_folding_make_log_q(&other, tables, error);
    if (status != ADAPTAU_OK)
        return status;
    if (other.log_q)
        atau_popularity_log_q(dataset, options->popularity_exponent, other.log_q);
    atau_folding_free(folding, tables);
    *folding = other;
    return ADAPTAU_OK;
}
