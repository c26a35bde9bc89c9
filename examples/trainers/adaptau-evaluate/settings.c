/* SPDX-License-Identifier: MIT */
#include "adaptau-evaluate/settings.h"

#include <stdio.h>
#include <string.h>

#include <adaptau/evaluator.h>

#include "common/options.h"
#include "common/target.h"

#define PROGRAM "adaptau-evaluate"
#define LENGTH(rules) ((int)(sizeof(rules) / sizeof *(rules)))

static const struct program program = {
    .name = PROGRAM,
    .usage = "SUBJECT --train DATA | --test FILE [OPTION]...",
    .about = "Measure how well recommendations find what users had later.\n"
             "SUBJECT is a model (a file that adaptau-train --save wrote, or any safetensors file with user_embeddings and\n"
             "item_embeddings), or recommendations that anybody made: a table with a line for each user and item and a rank or\n"
             "a score, a TREC run, lines \"user item item ...\", or JSON as adaptau-recommend writes it; \"-\" is standard input.",
    .notes = "Exit codes: 0 done, 1 failed (an unreadable file, nobody to measure), 2 wrong command line.",
};

static const char *const kind_names[] = {"auto", "model", "lists", NULL};
static const char *const missing_names[] = {"zero", "skip", NULL};
static const char *const list_format_names[] = {"auto", "lists", "table", NULL};

static int refuse(const char *why)
{
    fprintf(stderr, "%s: %s\n", PROGRAM, why);
    return 2;
}

static bool is_stdin(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

static int check_together(const struct settings *s, int n_operands, char *const *operands)
{
    if (n_operands == 0)
        return refuse("no SUBJECT given; see --help");
    if (n_operands > 1) {
        fprintf(stderr, "%s: one SUBJECT, please: \"%s\" is too many; --against takes the other\n", PROGRAM, operands[1]);
        return 2;
    }
    if (!s->train && !s->reading.test)
        return refuse("no test pairs: --test FILE, or --train DATA as adaptau-train was given it");
    if (!s->train && (s->reading.split != SPLIT_RANDOM || s->reading.min_degree > 1))
        return refuse("--split and --min-degree go with --train");
    const char *ending = s->per_user ? path_ending(s->per_user) : "";
    if (*ending && strcmp(ending, ".csv") != 0 && strcmp(ending, ".tsv") != 0) {
        fprintf(stderr, "%s: --per-user: no form is called \"%s\"; .csv and .tsv are\n", PROGRAM, ending);
        return 2;
    }
    if (splitting_fault(&s->reading))
        return refuse(splitting_fault(&s->reading));
    if (is_stdin(s->subject) + is_stdin(s->against) + is_stdin(s->train) + is_stdin(s->reading.test) > 1)
        return refuse("standard input can be one file only");
    return OPTIONS_GO_ON;
}

static int data_rules(struct settings *s, struct option_rule *rules)
{
    int n = 0, split;
    rules[n++] = (struct option_rule){.name = "What is tested on:", .kind = OPTION_TITLE};
    rules[n++] = (struct option_rule){"train", OPTION_TEXT, &s->train, 0, 0, NULL, "DATA",
                                      "what users had before, which is left out of lists: a file, or a folder with train and test. "
                                      "Without --test the same part of it is tested on that adaptau-train holds out", NULL};
    split = n;
    n += splitting_rules(&s->reading, rules + n);
    rules[split].help = "test pairs: what lists are to find";
    rules[n++] = (struct option_rule){"test-share", OPTION_DECIMAL, &s->test_share, 0, 0.9, NULL, "X",
                                      "of each user's pairs, or with --split time of all, held out when DATA has no test pairs (0.2)",
                                      NULL};
    rules[n++] = (struct option_rule){"split-seed", OPTION_WHOLE, &s->split_seed, 0, 9e15, NULL, NULL, "of that split (0)", NULL};
    rules[n++] = (struct option_rule){.name = "How data are read:", .kind = OPTION_TITLE};
    return n + reading_rules(&s->reading, rules + n);
}

int read_settings(int argc, char **argv, struct settings *settings)
{
    struct settings *s = settings;
    int              first = 0;
    *settings = (struct settings){
        .test_share = 0.2,
        .cutoffs = {3, {10, 20, 50}},
        .n_groups = 5,
        .n_resamples = 1000,
        .confidence = 0.95,
    };
    const struct option_rule own[] = {
        {.name = "Recommendations:", .kind = OPTION_TITLE},
        {"against", OPTION_TEXT, &s->against, 0, 0, NULL, "OTHER",
         "another model, or other recommendations: the difference of the two, user by user", NULL},
        {"kind", OPTION_CHOICE, &s->kind, 0, 0, kind_names, NULL, "what SUBJECT and OTHER are (auto)", NULL},
        {"list-format", OPTION_CHOICE, &s->list_format, 0, 0, list_format_names, NULL,
         "what the lines of recommendations hold: \"user item item ...\", best first, or one item each (auto)", NULL},
        {"list-columns", OPTION_TEXT, &s->list_columns, 0, 0, NULL, "user=C,item=C,...",
         "which columns of them, by name or by number from 1, hold user, item, rank and score (by the header's names; without one "
         "user, item, and the rank or the score)", NULL},
        {"missing", OPTION_CHOICE, &s->missing, 0, 0, missing_names, NULL,
         "a user with test pairs and without a list counts as one who found nothing, or is not counted (zero)", NULL},
        {.name = "Measures:", .kind = OPTION_TITLE},
        {"cutoffs", OPTION_CUTOFFS, &s->cutoffs, 1, ADAPTAU_MAX_CUTOFF, NULL, "K,K,...", "lengths of lists (10,20,50)", NULL},
        {"groups", OPTION_WHOLE, &s->n_groups, 1, GROUPS_MAX, NULL, NULL,
         "of items by popularity in train, with about as many interactions each (5)", NULL},
        {"resamples", OPTION_WHOLE, &s->n_resamples, 0, 1e6, NULL, NULL,
         "of users, by which intervals and p are found (bootstrap); 0: neither (1000)", NULL},
        {"confidence", OPTION_DECIMAL, &s->confidence, 0.5, 0.9999, NULL, "X", "of intervals (0.95)", NULL},
        {"seed", OPTION_WHOLE, &s->seed, 0, 9e15, NULL, NULL, "of the resamples (0)", NULL},
        {"threads", OPTION_WHOLE, &s->threads, 0, 1024, NULL, NULL, "that rank; results don't depend on it (all CPUs)", NULL},
        {.name = "Output:", .kind = OPTION_TITLE},
        {"json", OPTION_FLAG, &s->json, 0, 0, NULL, NULL, "one JSON object instead of tables", NULL},
        {"per-user", OPTION_TEXT, &s->per_user, 0, 0, NULL, "FILE",
         "every user's metrics as a table there: between commas, or tabs where it ends in .tsv", NULL},
        {"quiet", OPTION_FLAG, &s->quiet, 0, 0, NULL, NULL, "no notices", NULL},
    };
    struct option_rule rules[6 + SPLITTING_RULES + READING_RULES + LENGTH(own)];
    int                n = data_rules(s, rules);
    memcpy(rules + n, own, sizeof own);
    int code = read_options(&program, rules, n + LENGTH(own), argc, argv, &first);
    if (code != OPTIONS_GO_ON)
        return code;
    s->subject = first < argc ? argv[first] : NULL;
    return check_together(s, argc - first, argv + first);
}
