/* SPDX-License-Identifier: MIT */
#include "common/account.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/printf.h"

struct writer {
    char  *text;
    size_t used, size;
};

static void put(struct writer *writer, const char *format, ...) PRINTF_LIKE(2, 3);

static void put(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(writer->text + writer->used, writer->size - writer->used, format, arguments);
    va_end(arguments);
    writer->used += (size_t)(length > 0 ? length : 0);
    if (writer->used >= writer->size)
        writer->used = writer->size - 1;
}

static void put_count(struct writer *writer, int64_t count, const char *what)
{
    if (count > 0)
        put(writer, "; %lld %s", (long long)count, what);
}

static void put_weights(struct writer *writer, const struct account *a)
{
    if (a->below > 0)
        put(writer, "; %lld below the rating %g left out", (long long)a->below, a->min_rating);
    put_count(writer, a->negative, "with a negative weight are kept like the others (--min-rating leaves them out)");
    put_count(writer, a->zero, "with a weight of 0 are kept like the others");
    if (a->used) {
        put_count(writer, a->weightless, "without a weight above 0 left out");
        put(writer, "; weights are used, those of duplicates add up");
        return;
    }
    put_count(writer, a->unweighed, "without a weight");
    if (a->weighed && !a->rated)
        put(writer, "; weights are not used, every interaction counts alike");
}

void account_line(const struct account *a, char line[ACCOUNT_LINE_SIZE])
{
    struct writer writer = {line, 0, ACCOUNT_LINE_SIZE};
    put(&writer, "%lld lines, %lld interactions, %lld kept", (long long)a->lines, (long long)a->interactions, (long long)a->kept);
    put(&writer, "; %lld duplicates", (long long)a->duplicates);
    if (a->comments > 0)
        put(&writer, "; %lld comment line%s before the data", (long long)a->comments, a->comments == 1 ? "" : "s");
    put_weights(&writer, a);
    put_count(&writer, a->few, "left out by --min-degree");
    put_count(&writer, a->undated, "without a time that can be read: times are not used");
    put_count(&writer, a->in_both, "test pairs are also in train and left out of test");
    put_count(&writer, a->unknown, "test pairs of users or items that --min-degree left out");
    if (a->tested || a->cold_users > 0 || a->cold_items > 0)
        put(&writer, "; %lld users and %lld items of test are not in train", (long long)a->cold_users, (long long)a->cold_items);
    if (a->compacted_users > 0)
        put(&writer, "; user ids are sparse, up to %lld, and get rows in their order", (long long)a->compacted_users - 1);
    if (a->compacted_items > 0)
        put(&writer, "; item ids are sparse, up to %lld, and get rows in their order", (long long)a->compacted_items - 1);
}

void account_json(const struct account *a, const char *key, struct json *json)
{
    json_open(json, key, '{');
    json_text(json, "layout", a->seen);
    json_whole(json, "comment_lines", a->comments);
    json_whole(json, "lines", a->lines);
    json_whole(json, "interactions", a->interactions);
    json_whole(json, "kept", a->kept);
    json_whole(json, "duplicates", a->duplicates);
    json_whole(json, "below_min_rating", a->below);
    json_whole(json, "negative_weights", a->negative);
    json_whole(json, "zero_weights", a->zero);
    json_whole(json, "without_weight", a->unweighed);
    json_whole(json, "left_out_without_weight", a->weightless);
    json_text(json, "weights", !a->weighed ? "none" : a->used ? "used" : a->rated ? "threshold" : "ignored");
    json_whole(json, "without_time", a->undated);
    json_whole(json, "below_min_degree", a->few);
    json_whole(json, "test_also_in_train", a->in_both);
    json_whole(json, "test_below_min_degree", a->unknown);
    json_whole(json, "cold_test_users", a->cold_users);
    json_whole(json, "cold_test_items", a->cold_items);
    json_truth(json, "compact_users", a->compacted_users > 0);
    json_truth(json, "compact_items", a->compacted_items > 0);
    json_close(json, '}');
}
