/* SPDX-License-Identifier: MIT */
/* The question of ranking.h, and that of an evaluator, asked of a model. */
#include "common/error.h"
#include "core/evaluate.h"
#include "core/query.h"
#include "model/model.h"

static adaptau_status answer(const adaptau_model *model, const adaptau_query *query, int32_t *found, float *scores,
                             adaptau_error *error)
{
    struct atau_tables tables;
    adaptau_status     status = atau_model_ranking_tables(model, &tables, error);
    return status == ADAPTAU_OK ? atau_answer(model->context, &tables, query, false, found, scores, error) : status;
}

adaptau_status adaptau_model_rank(const adaptau_model *model, const adaptau_query *given, int32_t *found, float *scores,
                                  adaptau_error *error)
{
    adaptau_query query;
    ATAU_REQUIRE(model, error);
    const struct atau_raw_tables *tables = &model->tables;
    adaptau_status                status = atau_read_query(given, tables->side[ADAPTAU_SIDE_USERS].n_rows,
                                                           tables->side[ADAPTAU_SIDE_ITEMS].n_rows, tables->dim, found, &query, error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = answer(model, &query, found, scores, error);
    atau_model_leave_shared(model);
    return status;
}

adaptau_status adaptau_model_evaluate(const adaptau_model *model, adaptau_evaluator *evaluator, adaptau_error *error)
{
    struct atau_tables tables;
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(evaluator, error);
    adaptau_status status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_model_ranking_tables(model, &tables, error);
    if (status == ADAPTAU_OK)
        status = atau_evaluate(evaluator, &tables, error);
    atau_model_leave_shared(model);
    return status;
}
