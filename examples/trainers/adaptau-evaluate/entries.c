/* SPDX-License-Identifier: MIT */
#include "adaptau-evaluate/entries.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

int32_t entries_find_user(const struct entries *entries, const char *name, size_t length)
{
    const int32_t user = names_find(entries->truth->users, name, length);
    return user < 0 || user >= entries->truth->test.n_users ? -1 : entries->truth->place[user];
}

adaptau_status entries_append(struct entries *entries, int32_t place, const char *item, size_t length, double value,
                              adaptau_error *error)
{
    int32_t id;
    if (entries->count == entries->capacity) {
        const int64_t capacity = entries->capacity * 2 + 1024;
        struct entry *grown = realloc(entries->entries, (size_t)capacity * sizeof *grown);
        if (!grown)
            return fail_memory(error, "the recommendations");
        entries->entries = grown;
        entries->capacity = capacity;
    }
    adaptau_status status = names_intern(entries->truth->items, item, length, &id, error);
    if (status)
        return status;
    entries->entries[entries->count] = (struct entry){place, id, value, entries->count};
    entries->count++;
    return ADAPTAU_OK;
}

void entries_free(struct entries *entries)
{
    free(entries->entries);
    *entries = (struct entries){0};
}

/* ---- order --------------------------------------------------------------------------------------------------------- */

/* By user, then the smaller value, then who came first. */
static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* One list is enough to tell that values are no ranks. Sorted, ranks are 1, 2, 3 ... or 0, 1, 2 ... */
static bool are_ranks(const struct entries *entries)
{
    const struct entry *e = entries->entries;
    for (int64_t i = 0, r = 0; i < entries->count; i++) {
        r = i > 0 && e[i].place == e[i - 1].place ? r + 1 : 0;
        if ((r == 0 && e[i].value != 0 && e[i].value != 1) || (r > 0 && e[i].value != e[i - 1].value + 1))
            return false;
    }
    return true;
}

static void sort(struct entries *entries)
{
    if (entries->count > 0)
        qsort(entries->entries, (size_t)entries->count, sizeof *entries->entries, compare);
}

/* ---- lists --------------------------------------------------------------------------------------------------------- */

/* Put an item at the end of a list, unless it does not belong there. `last` [items] is the place of the list that had it last. */
static void put(const struct entries *entries, struct subject *subject, const struct entry *entry, int32_t *last, int32_t *n)
{
    const struct truth *truth = entries->truth;
    const bool          known = entry->item < truth->train.n_items &&
                       truth_has(&truth->train, truth->who[entry->place], entry->item);
    const bool repeated = !known && last[entry->item] == entry->place;
    last[entry->item] = entry->place;
    subject->n_known += known;
    subject->n_repeated += repeated;
    subject->n_strangers += entry->item >= truth->train.n_items;
    if (!known && !repeated && *n < subject->k)
        subject->items[(size_t)entry->place * (size_t)subject->k + (size_t)(*n)++] = entry->item;
}

static adaptau_status fill_lists(const struct entries *entries, struct subject *subject, adaptau_error *error)
{
    const int32_t n_items = entries->truth->items->count;
    int32_t      *last = malloc(((size_t)n_items + 1) * sizeof *last), n = 0;
    if (!last)
        return fail_memory(error, "the items");
    for (int32_t item = 0; item < n_items; item++)
        last[item] = -1;
    for (int64_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->entries[i];
        if (i == 0 || entry->place != entry[-1].place)
            n = 0;
        put(entries, subject, entry, last, &n);
    }
    free(last);
    return ADAPTAU_OK;
}

adaptau_status entries_rank(struct entries *entries, struct subject *subject, int32_t k, enum value *value, adaptau_error *error)
{
    sort(entries);
    if (*value == VALUE_EITHER)
        *value = are_ranks(entries) ? VALUE_RANK : VALUE_SCORE;
    if (*value == VALUE_SCORE) {
        for (int64_t i = 0; i < entries->count; i++)
            entries->entries[i].value = -entries->entries[i].value;
        sort(entries);
    }
    subject->n_other_users = entries->n_other_users;
    adaptau_status status = subject_allocate(subject, entries->truth, k, error);
    return status ? status : fill_lists(entries, subject, error);
}
