/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/settings.h"

#include <stdio.h>
#include <string.h>

#include <adaptau/kernels.h>

#include "adaptau-reproduce/view.h"

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))
#define SEEDS 3

static const struct program program = {
    .name = "adaptau-reproduce",
    .usage = "WHAT... --data DIR [--data DIR]... --out DIR [OPTION]...",
    .about =
        "Train what the tables and figures of the Adap-tau paper (WWW 2023) compare, and print them with the paper's numbers\n"
        "beside ours. WHAT is all, or some of:\n"
        "  table1   which side is normalised             fig1   magnitudes without normalisation\n"
        "  table2   strategies for the temperature       fig2   recall over fixed temperatures\n"
        "  table4   time against quality                 fig3   scores of positives over epochs\n"
        "  table5   the closed forms of tau0             fig4   personal temperatures\n"
        "  fig5     beside baselines                     fig6   noise in the training pairs\n"
        "  fig7     gradients over temperatures",
    .notes = "Tables go to standard output; OUT gets them as TSV, pictures (where gnuplot is installed), and report.html with\n"
             "everything. Each training is kept in OUT/cells, so that the same command goes on where it was interrupted and\n"
             "tables share what they have in common. SIGINT and SIGTERM finish the step; a second one exits at once.\n"
             "Exit codes: 0 done, 1 failed, 2 wrong command line, 130 or 143 interrupted.",
};

static const char *const protocol_choices[] = {"valid", "paper", "both", NULL};

static const char *const backbone_choices[] = {"mf", "lightgcn", "both", NULL};

static int refuse(const char *format, const char *text)
{
    fprintf(stderr, "%s: ", program.name);
    fprintf(stderr, format, text);
    putc('\n', stderr);
    return 2;
}

static int read_view(const char *word, struct settings *settings)
{
    if (strcmp(word, "all") == 0) {
        settings->views = (UINT64_C(1) << N_VIEWS) - 1;
        return OPTIONS_GO_ON;
    }
    for (int v = 0; v < N_VIEWS; v++) {
        if (strcmp(word, views[v].name) == 0) {
            settings->views |= UINT64_C(1) << v;
            return OPTIONS_GO_ON;
        }
    }
    fprintf(stderr, "%s: there is no \"%s\", but", program.name, word);
    for (int v = 0; v < N_VIEWS; v++)
        fprintf(stderr, " %s,", views[v].name);
    fprintf(stderr, " and all\n");
    return 2;
}

int read_settings(int argc, char **argv, struct settings *settings)
{
    struct settings         *s = settings;
    bool                     seeds_given = false, protocol_given = false;
    int                      first = 0;
    const struct option_rule rules[] = {
        {"data", OPTION_TEXTS, &s->data, 0, 0, NULL, "DIR", "train.txt and test.txt in it; or whatever adaptau-train reads",
         NULL},
        {"out", OPTION_TEXT, &s->out, 0, 0, NULL, "DIR", "where results go; made if it is not there", NULL},
        {"seeds", OPTION_WHOLE, &s->seeds, 1, 100, NULL, NULL, "of each training in tables (3; quick: 1)", &seeds_given},
        {"quick", OPTION_FLAG, &s->quick, 0, 0, NULL, NULL,
         "less of everything that does not decide; the report says what. MovieLens-1M: some minutes on two cores", NULL},
        {"protocol", OPTION_CHOICE, &s->protocols, 0, 0, protocol_choices, NULL,
         "how an epoch is chosen: on held-out training pairs, on test as in the paper, or tables of both (both; quick: paper)",
         &protocol_given},
        {"backbone", OPTION_CHOICE, &s->backbones, 0, 0, backbone_choices, NULL,
         "tables and figures that have both show this one alone (both)", NULL},
        {"taus", OPTION_DECIMALS, &s->taus, 0.001, 100, NULL, "TAU,TAU,...",
         "the grid of fixed temperatures (fourteen from 0.04 to 0.75; quick: six, of LightGCN three)", NULL},
        {"epochs", OPTION_WHOLE, &s->epochs, 1, 1e9, NULL, NULL, "of every training (by the recipe)", NULL},
        {"dim", OPTION_WHOLE, &s->dim, 1, ADAPTAU_MAX_DIM, NULL, NULL, "numbers in an embedding (64)", NULL},
        {"threads", OPTION_WHOLE, &s->threads, 0, 1024, NULL, NULL,
         "that compute; of the results only seconds depend on it (all CPUs)", NULL},
    };
    *settings = (struct settings){.seeds = SEEDS, .protocols = PROTOCOLS_BOTH, .backbones = BACKBONES_BOTH};
    int code = read_options(&program, rules, LENGTH(rules), argc, argv, &first);
    if (code != OPTIONS_GO_ON)
        return code;
    if (s->quick && !seeds_given)
        s->seeds = 1;
    if (s->quick && !protocol_given)
        s->protocols = PROTOCOLS_PAPER;
    for (int i = first; i < argc && code == OPTIONS_GO_ON; i++)
        code = read_view(argv[i], settings);
    if (code != OPTIONS_GO_ON)
        return code;
    if (first == argc)
        return refuse("no %s given; see --help", "WHAT");
    if (s->data.count == 0)
        return refuse("no %s given; see --help", "--data");
    if (!s->out)
        return refuse("no %s given; see --help", "--out");
    return OPTIONS_GO_ON;
}
