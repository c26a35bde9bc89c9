/* SPDX-License-Identifier: MIT */
/* Adding up item gradients that come from here and there. Threads that add into a shared table would need atomics, and their
 * order would show in the last bits; so the contributions are sorted by item first, and each item is summed by one thread. */
#include "kernels/softmax.h"

#include <string.h>

#include "common/error.h"
#include "common/pool.h"
#include "common/prefetch.h"
#include "common/size.h"

#define RADIX_BITS 11
#define ITEMS_PER_TASK 64

struct scatter {
    struct atau_softmax       *s;
    const struct atau_scatter *lists[2];
    int64_t                    n_entries, n_touched;
    uint64_t                  *keys, *other; /* [n] item << 32 | entry                                        */
    int64_t                   *starts;       /* [n_touched + 1] into keys                                     */
    float                     *lane_rows;    /* [lanes x d]                                                   */
};

static void lay_out(struct scatter *x, struct atau_arena *arena)
{
    const uint64_t n = (uint64_t)x->n_entries;
    x->keys = atau_arena_take(arena, n, sizeof(uint64_t));
    x->other = atau_arena_take(arena, n, sizeof(uint64_t));
    x->starts = atau_arena_take(arena, n + 1, sizeof(int64_t));
    x->lane_rows = atau_arena_take(arena, (uint64_t)adaptau_context_n_threads(x->s->context),
                                   (size_t)x->s->dim * sizeof(float));
}

static void fill_keys(struct scatter *x)
{
    uint64_t entry = 0;
    for (int l = 0; l < 2; l++)
        for (int64_t e = 0; e < x->lists[l]->n; e++, entry++)
            x->keys[entry] = (uint64_t)x->lists[l]->items[e] << 32 | entry;
}

/* Stable radix sort by item; entries of an item keep their order. */
static void sort_keys(struct scatter *x)
{
    int64_t count[1 << RADIX_BITS];
    for (int shift = 32; shift < 32 + 31 && (int64_t)x->s->n_items >> (shift - 32) > 0; shift += RADIX_BITS) {
        memset(count, 0, sizeof count);
        for (int64_t e = 0; e < x->n_entries; e++)
            count[x->keys[e] >> shift & ((1 << RADIX_BITS) - 1)]++;
        int64_t sum = 0;
        for (int64_t b = 0; b < 1 << RADIX_BITS; b++) {
            int64_t here = count[b];
            count[b] = sum;
            sum += here;
        }
        for (int64_t e = 0; e < x->n_entries; e++)
            x->other[count[x->keys[e] >> shift & ((1 << RADIX_BITS) - 1)]++] = x->keys[e];
        uint64_t *sorted = x->other;
        x->other = x->keys;
        x->keys = sorted;
    }
}

static void find_starts(struct scatter *x)
{
    x->n_touched = 0;
    for (int64_t e = 0; e < x->n_entries; e++)
        if (e == 0 || x->keys[e] >> 32 != x->keys[e - 1] >> 32)
            x->starts[x->n_touched++] = e;
    x->starts[x->n_touched] = x->n_entries;
}

/* Add an entry's contribution to its item's gradient. */
static void add_entry(const struct scatter *x, int64_t entry, float *gradient)
{
    const struct atau_scatter *list = x->lists[0];
    if (entry >= list->n) {
        entry -= list->n;
        list = x->lists[1];
    }
    int64_t vector = list->vector_ids ? list->vector_ids[entry] : entry / list->entries_per_vector;
    float   coefficient = list->coefficients ? list->coefficients[entry] : 1.0f;
    x->s->kernels->axpy(x->s->dim, coefficient, list->vectors + vector * x->s->dim, gradient);
}

static int64_t item_of(const struct scatter *x, int64_t touched)
{
    return (int64_t)(x->keys[x->starts[touched]] >> 32);
}

static void fetch_item(const struct scatter *x, int64_t item)
{
    const struct atau_softmax *s = x->s;
    atau_prefetch_row(s->output.item_gradients + item * s->output.item_gradient_stride, s->dim);
    atau_prefetch_row(atau_item(s, item), s->dim);
}

static void sum_items(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct scatter      *x = argument;
    struct atau_softmax *s = x->s;
    float               *unit = x->lane_rows + (int64_t)lane * s->dim;
    for (int64_t t = first; t < end; t++) {
        int64_t item = item_of(x, t);
        if (t + ATAU_ROWS_AHEAD < end)
            fetch_item(x, item_of(x, t + ATAU_ROWS_AHEAD));
        float  *gradient = s->output.item_gradients + item * s->output.item_gradient_stride;
        memset(gradient, 0, (size_t)s->dim * sizeof(float));
        for (int64_t e = x->starts[t]; e < x->starts[t + 1]; e++)
            add_entry(x, (int64_t)(x->keys[e] & UINT32_MAX), gradient);
        atau_add_item_target(s, item, gradient);
        float inverse_norm = atau_side_row(s, &s->items, atau_item(s, item), unit);
        atau_side_backward(s, &s->items, unit, inverse_norm, gradient, item, &s->bad_item);
        if (s->output.touched_items)
            s->output.touched_items[t] = (int32_t)item;
    }
}

adaptau_status atau_scatter_reserve(struct atau_softmax *s, int64_t n, adaptau_error *error)
{
    struct scatter     x = {.s = s, .n_entries = n};
    struct atau_arena *arena = &s->memory->sorting;
    atau_arena_count(arena);
    lay_out(&x, arena);
    return atau_arena_allocate(s->context, arena, "sorting item gradients", error);
}

adaptau_status atau_scatter_items(struct atau_softmax *s, const struct atau_scatter *first,
                                  const struct atau_scatter *second, adaptau_error *error)
{
    struct scatter     x = {.s = s, .lists = {first, second}, .n_entries = first->n + second->n};
    lay_out(&x, &s->memory->sorting);
    fill_keys(&x);
    sort_keys(&x);
    find_starts(&x);
    s->output.n_touched_items = x.n_touched;
    return atau_parallel_rows(s->context, x.n_touched, ITEMS_PER_TASK, sum_items, &x, error);
}
