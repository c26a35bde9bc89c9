/* SPDX-License-Identifier: MIT */
#include "common/reading.h"

#include <string.h>

static const char *const format_names[] = {"auto", "lightgcn", "pairs", NULL};
static const char *const header_names[] = {"auto", "yes", "no", NULL};
static const char *const separator_names[] = {"auto", "tab", "comma", "semicolon", "blank", "colons", "bar", NULL};
static const char *const compact_names[] = {"auto", "yes", "no", NULL};
static const char *const map_names[] = {"none", "log1p", "sqrt", NULL};
static const char *const split_names[] = {"random", "time", "last-one", "last-n", NULL};

int reading_rules(struct read_options *o, struct option_rule rules[READING_RULES])
{
    const struct option_rule own[READING_RULES] = {
        {"format", OPTION_CHOICE, &o->format, 0, 0, format_names, NULL,
         "what the lines of DATA hold: \"user item item ...\", or an interaction each (auto)", NULL},
        {"columns", OPTION_TEXT, &o->columns, 0, 0, NULL, "user=C,item=C,...",
         "pairs: which columns, by name or by number from 1, hold user, item, weight and time (by the header's names; without one "
         "in that order)",
         NULL},
        {"separator", OPTION_CHOICE, &o->separator, 0, 0, separator_names, NULL, "pairs: what stands between columns (auto)", NULL},
        {"header", OPTION_CHOICE, &o->header, 0, 0, header_names, NULL,
         "pairs: whether the first line names the columns (auto: if it holds no number and stands above numbers, or names users "
         "and items)",
         NULL},
        {"min-rating", OPTION_DECIMAL, &o->min_rating, -1e9, 1e9, NULL, "X",
         "pairs: keep those whose weight, a rating or count, is at least X (all)", &o->rated},
        {"compact-ids", OPTION_CHOICE, &o->compact, 0, 0, compact_names, NULL,
         "lightgcn: whether ids that nobody has get no row in the tables (auto: where ids are sparse)", NULL},
    };
    memcpy(rules, own, sizeof own);
    return READING_RULES;
}

int weight_rules(struct read_options *o, struct option_rule rules[WEIGHT_RULES])
{
    const struct option_rule own[WEIGHT_RULES] = {
        {"weights", OPTION_TEXT, &o->weights, 0, 0, NULL, "COLUMN",
         "pairs: train with weights, from this column, by name or number, or yes: from the column of weights that is found; lines "
         "without a weight above 0 are left out (every interaction counts alike)",
         NULL},
        {"weight-map", OPTION_CHOICE, &o->weight_map, 0, 0, map_names, NULL,
         "what is made of each line's weight w: log(1 + w), or its root (none)", NULL},
        {"weight-clip", OPTION_DECIMAL, &o->weight_clip, 1e-9, 1e9, NULL, "X", "then weights above X count X (none do)", &o->clipped},
    };
    memcpy(rules, own, sizeof own);
    return WEIGHT_RULES;
}

int splitting_rules(struct read_options *o, struct option_rule rules[SPLITTING_RULES])
{
    const struct option_rule own[SPLITTING_RULES] = {
        {"test", OPTION_TEXT, &o->test, 0, 0, NULL, "FILE", "test pairs, beside a DATA that is one file", NULL},
        {"split", OPTION_CHOICE, &o->split, 0, 0, split_names, NULL,
         "where DATA has no test pairs, what is held out: by chance of each user's; by time the latest of all; of each user's the "
         "latest, or the latest --last (random)",
         NULL},
        {"last", OPTION_WHOLE, &o->last, 1, 1e9, NULL, NULL, "of --split last-n (the share of --test-share)", NULL},
        {"min-degree", OPTION_WHOLE, &o->min_degree, 1, 1e9, NULL, NULL,
         "leave out users and items with fewer interactions, again and again until all left have as many (1)", NULL},
    };
    memcpy(rules, own, sizeof own);
    return SPLITTING_RULES;
}

const char *splitting_fault(const struct read_options *options)
{
    if (options->last > 0 && options->split != SPLIT_LAST_N)
        return "--last goes with --split last-n";
    return NULL;
}
