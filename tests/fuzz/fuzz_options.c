/* SPDX-License-Identifier: MIT */
/* read_options: each line is a word of the command line. What is accepted is within its limits. */
#include <getopt.h>
#include <math.h>
#include <string.h>

#include "common/number.h"
#include "common/options.h"
#include "fuzz.h"

#define WORDS 32
#define BYTES 1024

static const char *const colours[] = {"red", "green", NULL};

struct values {
    bool           flag, whole_given;
    int64_t        whole;
    double         decimal;
    int32_t        choice;
    const char    *text;
    struct cutoffs cutoffs;
    struct texts   texts;
    struct decimals decimals;
};

static int split(char *bytes, char *words[WORDS + 2])
{
    static char program[] = "program";
    int         n = 0;
    words[n++] = program;
    for (char *word = strtok(bytes, "\n"); word && n <= WORDS; word = strtok(NULL, "\n"))
        words[n++] = word;
    words[n] = NULL;
    return n;
}

static void check_values(const struct values *v)
{
    must(v->whole >= -5 && v->whole <= 1000000, "a whole number is within its limits");
    must(v->decimal >= 0.0 && v->decimal <= 1e6, "a decimal is within its limits");
    must(v->choice >= 0 && v->choice <= 1, "a choice is one of them");
    must(!v->text || v->text[0], "a text is not empty");
    must(v->texts.count >= 0 && v->texts.count <= TEXTS_MAX, "texts are not too many");
    must(v->cutoffs.count >= 0 && v->cutoffs.count <= CUTOFFS_MAX, "cutoffs are not too many");
    for (int32_t i = 0; i < v->cutoffs.count; i++)
        must(v->cutoffs.values[i] > (i ? v->cutoffs.values[i - 1] : 0), "cutoffs ascend");
    must(v->decimals.count >= 0 && v->decimals.count <= DECIMALS_MAX, "decimals are not too many");
    for (int32_t i = 0; i < v->decimals.count; i++)
        must(v->decimals.values[i] >= 0.5 && v->decimals.values[i] <= 100.0 &&
                 (i == 0 || v->decimals.values[i] > v->decimals.values[i - 1]), "decimals ascend within their limits");
}

static void check_numbers(const char *text)
{
    int64_t whole = 7;
    double  decimal;
    bool    is_whole = parse_whole(text, -100, 100, &whole);
    must(is_whole ? whole >= -100 && whole <= 100 : whole == 7, "a number is within its limits or untouched");
    if (parse_decimal(text, &decimal)) {
        must(isfinite(decimal), "a decimal is finite");
        must(!is_whole || decimal == (double)whole, "a whole number is the same as a decimal");
    } else {
        must(!is_whole, "a whole number is a decimal, too");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct program program = {.name = "program", .usage = "", .about = ""};
    struct values               v = {0};
    const struct option_rule    rules[] = {
        {"Title", OPTION_TITLE, NULL, 0, 0, NULL, NULL, NULL, NULL},
        {"flag", OPTION_FLAG, &v.flag, 0, 0, NULL, NULL, "a flag", NULL},
        {"whole", OPTION_WHOLE, &v.whole, -5, 1000000, NULL, "N", "a whole number", &v.whole_given},
        {"decimal", OPTION_DECIMAL, &v.decimal, 0, 1e6, NULL, NULL, "a decimal", NULL},
        {"choice", OPTION_CHOICE, &v.choice, 0, 0, colours, NULL, "a choice", NULL},
        {"text", OPTION_TEXT, &v.text, 0, 0, NULL, "WORD", "a text", NULL},
        {"cutoffs", OPTION_CUTOFFS, &v.cutoffs, 1, 1000, NULL, NULL, "cutoffs", NULL},
        {"decimals", OPTION_DECIMALS, &v.decimals, 0.5, 100, NULL, NULL, "decimals", NULL},
        {"texts", OPTION_TEXTS, &v.texts, 0, 0, NULL, "WORD", "texts", NULL},
    };
    char  copy[BYTES + 1], *words[WORDS + 2];
    int   first = -1;
    size = size < BYTES ? size : BYTES;
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    check_numbers(copy);
    const int n = split(copy, words);
    optind = 0; /* so getopt_long starts anew */
    const int code = read_options(&program, rules, sizeof rules / sizeof *rules, n, words, &first);
    must(code == OPTIONS_GO_ON || code == 0 || code == 2, "there are three outcomes");
    must(code != OPTIONS_GO_ON || (first >= 1 && first <= n), "operands are words of the line");
    if (code == OPTIONS_GO_ON)
        check_values(&v);
    return 0;
}
