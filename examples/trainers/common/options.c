/* SPDX-License-Identifier: MIT */
#include "common/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adaptau/base.h>

#include "common/fail.h"
#include "common/number.h"

#define RULES_MAX 112
#define CODE_HELP 1
#define CODE_VERSION 2
#define CODE_RULE 256
#define HELP_COLUMN 27
#define HELP_WIDTH 100
#define WORD_SIZE 32 /* of a number in a list */

/* ---- --help ------------------------------------------------------------------------------------------------------- */

static bool takes_none(const struct option_rule *rule)
{
    return rule->kind == OPTION_FLAG || rule->kind == OPTION_SWITCH;
}

/* "--name VALUE"; returns its width. */
static int print_usage(const struct option_rule *rule)
{
    int width = printf("  --%s", rule->name);
    if (takes_none(rule))
        return width;
    if (rule->argument || !rule->choices)
        return width + printf(" %s", rule->argument ? rule->argument : "N");
    for (int i = 0; rule->choices[i]; i++)
        width += printf("%s%s", i == 0 ? " " : "|", rule->choices[i]);
    return width;
}

/* Words of `help` from the help column on, broken before the width of the page. */
static void print_wrapped(int column, const char *help)
{
    if (column >= HELP_COLUMN) {
        printf("\n");
        column = 0;
    }
    printf("%*s", HELP_COLUMN - column, "");
    column = HELP_COLUMN;
    while (*help) {
        int  length = (int)strcspn(help, " ");
        bool first = column == HELP_COLUMN;
        if (!first && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
            first = true;
        }
        column += printf("%s%.*s", first ? "" : " ", length, help);
        help += length + (help[length] == ' ');
    }
    printf("\n");
}

static void print_help(const struct program *program, const struct option_rule *rules, int n_rules)
{
    printf("Usage: %s %s\n%s\n", program->name, program->usage, program->about);
    for (int i = 0; i < n_rules; i++) {
        if (rules[i].kind == OPTION_TITLE)
            printf("\n%s\n", rules[i].name);
        else
            print_wrapped(print_usage(&rules[i]), rules[i].help);
    }
    print_wrapped(printf("  --help"), "print this and exit");
    print_wrapped(printf("  --version"), "print the version and exit");
    if (program->notes)
        printf("\n%s\n", program->notes);
}

static void print_version(const struct program *program)
{
    printf("%s %d.%d.%d\n%s\n", program->name, ADAPTAU_VERSION_MAJOR, ADAPTAU_VERSION_MINOR, ADAPTAU_VERSION_PATCH,
           adaptau_build_info());
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

static void refuse(const struct program *program, const struct option_rule *rule, const char *text)
{
    fprintf(stderr, "%s: --%s: \"%s\" is ", program->name, rule->name, text);
    if (rule->kind == OPTION_WHOLE)
        fprintf(stderr, "not a whole number in %.0f ... %.0f\n", rule->least, rule->most);
    else if (rule->kind == OPTION_DECIMAL)
        fprintf(stderr, "not a number in %g ... %g\n", rule->least, rule->most);
    else if (rule->kind == OPTION_CUTOFFS)
        fprintf(stderr, "not a list such as 10,20,50: ascending, in %.0f ... %.0f, at most %d\n", rule->least, rule->most,
                CUTOFFS_MAX);
    else if (rule->kind == OPTION_DECIMALS)
        fprintf(stderr, "not a list such as 0.1,0.2: ascending, in %g ... %g, at most %d\n", rule->least, rule->most, DECIMALS_MAX);
    else if (rule->kind == OPTION_CHOICE) {
        fprintf(stderr, "not one of");
        for (int i = 0; rule->choices[i]; i++)
            fprintf(stderr, "%s %s", i == 0 ? "" : ",", rule->choices[i]);
        fprintf(stderr, "\n");
    } else
        fprintf(stderr, "%s\n", *text ? "one too many" : "empty");
}

static bool read_choice(const struct option_rule *rule, const char *text)
{
    for (int32_t i = 0; rule->choices[i]; i++) {
        if (strcmp(rule->choices[i], text) == 0) {
            *(int32_t *)rule->value = i;
            return true;
        }
    }
    return false;
}

/* The next word of a list, and what follows its comma: NULL when it is the last. False when it is too long to be a number. */
static bool next_word(const char **text, char word[WORD_SIZE])
{
    size_t length = strcspn(*text, ",");
    if (length >= WORD_SIZE)
        return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    *text = (*text)[length] == '\0' ? NULL : *text + length + 1;
    return true;
}

static bool read_cutoffs(const struct option_rule *rule, const char *text)
{
    struct cutoffs list = {0};
    int64_t        value, least = (int64_t)rule->least;
    char           word[WORD_SIZE];
    while (text && list.count < CUTOFFS_MAX) {
        if (!next_word(&text, word) || !parse_whole(word, least, (int64_t)rule->most, &value))
            return false;
        list.values[list.count++] = (int32_t)value;
        least = value + 1;
    }
    if (!text)
        *(struct cutoffs *)rule->value = list;
    return !text;
}

static bool read_decimals(const struct option_rule *rule, const char *text)
{
    struct decimals list = {0};
    double          value;
    char            word[WORD_SIZE];
    while (text && list.count < DECIMALS_MAX) {
        if (!next_word(&text, word) || !parse_decimal(word, &value) || value < rule->least || value > rule->most ||
            (list.count > 0 && value <= list.values[list.count - 1]))
            return false;
        list.values[list.count++] = value;
    }
    if (!text)
        *(struct decimals *)rule->value = list;
    return !text;
}

static bool read_decimal(const struct option_rule *rule, const char *text)
{
    double value;
    if (!parse_decimal(text, &value) || value < rule->least || value > rule->most)
        return false;
    *(double *)rule->value = value;
    return true;
}

static bool read_text(const struct option_rule *rule, const char *text)
{
    struct texts *texts = rule->value;
    if (*text == '\0' || texts->count == TEXTS_MAX)
        return false;
    texts->values[texts->count++] = text;
    return true;
}

static bool read_value(const struct option_rule *rule, const char *text)
{
    switch (rule->kind) {
    case OPTION_FLAG: *(bool *)rule->value = true; return true;
    case OPTION_SWITCH: *(int32_t *)rule->value = (int32_t)rule->least; return true;
    case OPTION_WHOLE: return parse_whole(text, (int64_t)rule->least, (int64_t)rule->most, rule->value);
    case OPTION_DECIMAL: return read_decimal(rule, text);
    case OPTION_CHOICE: return read_choice(rule, text);
    case OPTION_CUTOFFS: return read_cutoffs(rule, text);
    case OPTION_DECIMALS: return read_decimals(rule, text);
    case OPTION_TEXTS: return read_text(rule, text);
    default: *(const char **)rule->value = text; return *text != '\0';
    }
}

/* ---- the line ----------------------------------------------------------------------------------------------------- */

/* getopt's table. */
static void describe(const struct option_rule *rules, int n_rules, struct option *table)
{
    int n = 0;
    for (int i = 0; i < n_rules && n < RULES_MAX; i++) {
        if (rules[i].kind == OPTION_TITLE)
            continue;
        table[n++] =
            (struct option){rules[i].name, takes_none(&rules[i]) ? no_argument : required_argument, NULL, CODE_RULE + i};
    }
    table[n++] = (struct option){"help", no_argument, NULL, CODE_HELP};
    table[n++] = (struct option){"version", no_argument, NULL, CODE_VERSION};
    table[n] = (struct option){0};
}

/* optopt is 0 after an unknown word, the code of a flag that was given a value, or a short option, of which there are none. */
static int refuse_option(const struct program *program, const struct option_rule *rules, int code, const char *word)
{
    if (code == ':')
        fprintf(stderr, "%s: %s needs a value\n", program->name, word);
    else if (optopt >= CODE_RULE)
        fprintf(stderr, "%s: --%s takes no value\n", program->name, rules[optopt - CODE_RULE].name);
    else if (optopt > CODE_VERSION)
        fprintf(stderr, "%s: there is no option -%c; see --help\n", program->name, optopt);
    else
        fprintf(stderr, "%s: there is no option %s, or several begin like it; see --help\n", program->name, word);
    return 2;
}

int read_options(const struct program *program, const struct option_rule *rules, int n_rules, int argc, char **argv, int *first)
{
    struct option table[RULES_MAX + 3];
    describe(rules, n_rules, table);
    opterr = 0;
    for (;;) {
        int code = getopt_long(argc, argv, ":", table, NULL);
        if (code == -1)
            break;
        if (code == CODE_HELP || code == CODE_VERSION) {
            if (code == CODE_HELP)
                print_help(program, rules, n_rules);
            else
                print_version(program);
            return finish_stdout(program->name) ? 0 : 1;
        }
        if (code < CODE_RULE)
            return refuse_option(program, rules, code, argv[optind - 1]);
        const struct option_rule *rule = &rules[code - CODE_RULE];
        if (!read_value(rule, optarg ? optarg : "")) {
            refuse(program, rule, optarg);
            return 2;
        }
        if (rule->given)
            *rule->given = true;
    }
    *first = optind;
    return OPTIONS_GO_ON;
}
