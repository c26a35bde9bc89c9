/* SPDX-License-Identifier: MIT */
#include "model/prototypes.h"

#include "common/random.h"
#include "core/kmeans.h"

void atau_prototypes_free(struct atau_prototypes *prototypes, adaptau_context *context)
{
    atau_arena_free(context, &prototypes->arena);
    prototypes->n = 0;
}

static void lay_out(struct atau_prototypes *p, const struct atau_raw_tables *tables, int32_t n)
{
    for (int side = 0; side < 2; side++) {
        p->centroids[side] = atau_arena_take(&p->arena, (uint64_t)n, (uint64_t)tables->dim * sizeof(float));
        p->clusters[side] = atau_arena_take(&p->arena, (uint64_t)tables->side[side].n_rows, sizeof(int32_t));
    }
}

static adaptau_status cluster(struct atau_prototypes *p, const struct atau_raw_tables *tables, int side, int32_t n,
                              adaptau_error *error)
{
    const struct atau_table *raw = &tables->side[side];
    struct atau_stream       stream;
    struct atau_kmeans       problem = {raw->n_rows, tables->dim, raw->rows, raw->stride, n, &stream};
    atau_stream_start(&stream, tables->seed, ATAU_RANDOM_PROTOTYPES, p->update & UINT64_C(0xFFFFFFFFFFFF), (uint64_t)side);
    return atau_kmeans_run(tables->context, &problem, p->centroids[side], p->clusters[side], error);
}

adaptau_status atau_prototypes_update(struct atau_prototypes *p, const struct atau_raw_tables *tables, int32_t n,
                                      adaptau_error *error)
{
    static const char *const names[2] = {"raw users", "raw items"};
    adaptau_status           status = atau_tables_check_finite(tables, names, error);
    if (status != ADAPTAU_OK)
        return status;
    p->n = 0;
    atau_arena_count(&p->arena);
    lay_out(p, tables, n);
    status = atau_arena_allocate(tables->context, &p->arena, "the prototypes", error);
    if (status == ADAPTAU_OK)
        lay_out(p, tables, n);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        status = cluster(p, tables, side, n, error);
    if (status == ADAPTAU_OK) {
        p->n = n;
        p->update++;
    }
    return status;
}
