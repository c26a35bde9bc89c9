/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/settings.h"

#include <stdio.h>
#include <string.h>

#include "common/options.h"
#include "common/target.h"

#define PROGRAM "adaptau-recommend"

static const struct program program = {
    .name = PROGRAM,
    .usage = "MODEL [USER]... [OPTION]...",
    .about = "Print the items that a model ranks first for each user, or what is similar to an item or a user.\n"
             "MODEL is a file that adaptau-train --save wrote, or any safetensors file with user_embeddings and\n"
             "item_embeddings. USER is a name of a user in the model; of a model without names, a row from 0.",
    .notes = "Exit codes: 0 done, 1 failed (an unknown user, an unreadable file), 2 wrong command line.",
};

static const char *const cold_names[] = {"refuse", "popular", NULL};
static const char *const form_names[] = {"text", "csv", "tsv", "jsonl", "json", NULL};

/* What the end of a path says; false for an ending that says nothing. A path without one is text. */
static bool find_form(const char *path, enum form *form)
{
    static const struct {
        const char *ending;
        enum form   form;
    } endings[] = {{".csv", FORM_CSV},      {".tsv", FORM_TSV},   {".jsonl", FORM_JSONL},
                   {".ndjson", FORM_JSONL}, {".json", FORM_JSON}, {".txt", FORM_TEXT}};
    const char *ending = path_ending(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcmp(ending, endings[i].ending) == 0) {
            *form = endings[i].form;
            return true;
        }
    *form = FORM_TEXT;
    return *ending == '\0';
}

static int refuse(const char *why)
{
    fprintf(stderr, "%s: %s\n", PROGRAM, why);
    return 2;
}

/* What no single option can tell. */
static int check_together(const struct settings *s, bool similar, bool similar_users, bool from)
{
    if (similar + similar_users + from > 1)
        return refuse("--similar, --similar-users and --from: one of them, please");
    if ((s->all || s->users) && s->wish != WISH_ITEMS_OF_USERS)
        return refuse("--all and --users go with the items of users");
    if ((s->all ? 1 : 0) + (s->users ? 1 : 0) + (s->n_words > 0 ? 1 : 0) > 1)
        return refuse("users as words, --users or --all: one of them, please");
    if (s->n_reasons > 0 && s->wish != WISH_ITEMS_FROM_ITEMS && (s->wish != WISH_ITEMS_OF_USERS || !s->seen))
        return refuse("--why goes with --seen DATA, which tells what users have, or with --from");
    if (s->cold == COLD_POPULAR && (s->wish != WISH_ITEMS_OF_USERS || s->rows))
        return refuse("--cold popular goes with names of users");
    if (s->n_words == 0 && !s->all && !s->users) {
        fprintf(stderr, "%s: no %s given; see --help\n", PROGRAM,
                s->wish == WISH_SIMILAR_ITEMS || s->wish == WISH_ITEMS_FROM_ITEMS ? "ITEM" : "USER");
        return 2;
    }
    return OPTIONS_GO_ON;
}

int read_settings(int argc, char **argv, struct settings *settings)
{
    struct settings *s = settings;
    int              first = 0, n = 0;
    int32_t          form = 0;
    bool             json = false, form_given = false, similar = false, similar_users = false, from = false;
    *settings = (struct settings){.k = 10};
    const struct option_rule who[] = {
        {.name = "For whom:", .kind = OPTION_TITLE},
        {"all", OPTION_FLAG, &s->all, 0, 0, NULL, NULL, "every user of the model", NULL},
        {"users", OPTION_TEXT, &s->users, 0, 0, NULL, "FILE", "the users in a file, one per line; \"-\" is standard input", NULL},
        {"similar", OPTION_FLAG, &similar, 0, 0, NULL, NULL, "the words are items: the items most similar to each, by cosine", NULL},
        {"similar-users", OPTION_FLAG, &similar_users, 0, 0, NULL, NULL, "the users most similar to each, by cosine", NULL},
        {"from", OPTION_FLAG, &from, 0, 0, NULL, NULL,
         "the words are items that somebody has who is not in the model: one list for all of them", NULL},
        {"tau", OPTION_DECIMAL, &s->tau, 1e-3, 1e3, NULL, "X",
         "of --from: the temperature, instead of what the model says (where it does not: 0.1)", NULL},
        {"row", OPTION_FLAG, &s->rows, 0, 0, NULL, NULL, "the words are rows of the tables, from 0, and not names", NULL},
        {"cold", OPTION_CHOICE, &s->cold, 0, 0, cold_names, NULL,
         "what a user gets whom the model does not have: an error, or what is popular in --seen (refuse)", NULL},
        {.name = "Which items:", .kind = OPTION_TITLE},
        {"k", OPTION_WHOLE, &s->k, 1, 65536, NULL, NULL, "in a list (10)", NULL},
        {"seen", OPTION_TEXT, &s->seen, 0, 0, NULL, "DATA",
         "leave out what users have by this file, or by the train pairs of this directory", NULL},
        {"allow", OPTION_TEXT, &s->allow, 0, 0, NULL, "FILE", "only the items in a file, one per line", NULL},
        {"exclude", OPTION_TEXT, &s->exclude, 0, 0, NULL, "FILE", "none of the items in a file, one per line", NULL},
        {"why", OPTION_WHOLE, &s->n_reasons, 1, REASONS_MAX, NULL, NULL,
         "print with each item so many of those that the user has by --seen, or of the words with --from: the most similar ones, by "
         "cosine of the model's embeddings",
         NULL},
        {.name = "How --seen is read:", .kind = OPTION_TITLE},
    };
    const struct option_rule how[] = {
        {.name = "Output:", .kind = OPTION_TITLE},
        {"items", OPTION_TEXT, &s->titles, 0, 0, NULL, "FILE",
         "titles to print beside items: a table with a column of items and one of titles, found by their names", NULL},
        {"output", OPTION_TEXT, &s->output, 0, 0, NULL, "FILE", "write there, in the form that its ending names", NULL},
        {"output-format", OPTION_CHOICE, &form, 0, 0, form_names, NULL,
         "lists for people; or a line per item, a JSON object per list, or one in all (text, or by the ending of --output)",
         &form_given},
        {"json", OPTION_FLAG, &json, 0, 0, NULL, NULL, "--output-format json", NULL},
        {"quiet", OPTION_FLAG, &s->quiet, 0, 0, NULL, NULL, "no notices and no progress", NULL},
    };
    struct option_rule rules[sizeof who / sizeof *who + READING_RULES + sizeof how / sizeof *how];
    memcpy(rules, who, sizeof who);
    n = (int)(sizeof who / sizeof *who);
    n += reading_rules(&s->reading, rules + n);
    memcpy(rules + n, how, sizeof how);
    n += (int)(sizeof how / sizeof *how);
    int code = read_options(&program, rules, n, argc, argv, &first);
    if (code != OPTIONS_GO_ON)
        return code;
    if (first == argc)
        return refuse("no MODEL given; see --help");
    s->model = argv[first];
    s->words = argv + first + 1;
    s->n_words = argc - first - 1;
    s->wish = similar ? WISH_SIMILAR_ITEMS : similar_users ? WISH_SIMILAR_USERS : from ? WISH_ITEMS_FROM_ITEMS : WISH_ITEMS_OF_USERS;
    if (json || form_given)
        s->form = json ? FORM_JSON : (enum form)form;
    else if (s->output && !find_form(s->output, &s->form)) {
        fprintf(stderr,
                "%s: --output: no form is called \"%s\"; .csv, .tsv, .jsonl, .ndjson, .json and .txt are, and --output-format says it\n",
                PROGRAM, path_ending(s->output));
        return 2;
    }
    return check_together(s, similar, similar_users, from);
}
