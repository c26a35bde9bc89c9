/* SPDX-License-Identifier: MIT */
/* Heapsort: no recursion, no work array, and at most 2 n log n steps for every input. What is sorted here is short or rare;
 * the millions of entries of a step have a radix sort of their own (kernels/scatter.c). */
#include "common/sort.h"

/* Let `value` sink from `place` in a heap of n, the greatest on top. */
static void sink(int64_t *heap, int64_t n, int64_t place, int64_t value)
{
    for (int64_t child = 2 * place + 1; child < n; child = 2 * place + 1) {
        child += child + 1 < n && heap[child] < heap[child + 1];
        if (heap[child] <= value)
            break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = value;
}

void atau_sort(int64_t *values, int64_t n)
{
    for (int64_t place = n / 2 - 1; place >= 0; place--)
        sink(values, n, place, values[place]);
    for (int64_t end = n - 1; end > 0; end--) {
        const int64_t last = values[end];
        values[end] = values[0];
        sink(values, end, 0, last);
    }
}
