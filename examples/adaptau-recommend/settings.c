/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/settings.h"

#include <stdio.h>

#include "common/options.h"

static const struct program program = {
    .name = "adaptau-recommend",
    .usage = "MODEL USER... [OPTION]...",
    .about = "Print the items that a model ranks first for each user.\n"
             "MODEL is a file that adaptau-train --save wrote. USER is a name of a user in the model, or an id, a whole\n"
             "number from 0; where both would do, it is the name.",
    .notes = "Exit codes: 0 done, 1 failed (an unknown user, an unreadable file), 2 wrong command line.",
};

static const char *const format_names[] = {"auto", "lightgcn", "pairs", NULL};
static const char *const header_names[] = {"auto", "yes", "no", NULL};

int read_settings(int argc, char **argv, struct settings *settings)
{
    struct settings *s = settings;
    int              first = 0;
    *settings = (struct settings){.k = 10};
    const struct option_rule rules[] = {
        {.name = "Options:", .kind = OPTION_TITLE},
        {"k", OPTION_WHOLE, &s->k, 1, 65536, NULL, NULL, "items per user (10)", NULL},
        {"seen", OPTION_TEXT, &s->seen, 0, 0, NULL, "DATA",
         "leave out the pairs of this file, or of train.txt in this directory", NULL},
        {"format", OPTION_CHOICE, &s->reading.format, 0, 0, format_names, NULL, "what the lines of DATA hold (auto)", NULL},
        {"header", OPTION_CHOICE, &s->reading.header, 0, 0, header_names, NULL,
         "whether the first line of pairs is a header (auto)", NULL},
        {"min-rating", OPTION_DECIMAL, &s->reading.min_rating, -1e9, 1e9, NULL, "X",
         "of DATA, take pairs whose third field is at least X (all)", &s->reading.rated},
        {"json", OPTION_FLAG, &s->json, 0, 0, NULL, NULL, "one JSON object instead of a list", NULL},
    };
    int code = read_options(&program, rules, (int)(sizeof rules / sizeof *rules), argc, argv, &first);
    if (code != OPTIONS_GO_ON)
        return code;
    if (argc - first < 2) {
        fprintf(stderr, "%s: no %s given; see --help\n", program.name, first == argc ? "MODEL" : "USER");
        return 2;
    }
    settings->model = argv[first];
    settings->users = argv + first + 1;
    settings->n_users = argc - first - 1;
    return OPTIONS_GO_ON;
}
