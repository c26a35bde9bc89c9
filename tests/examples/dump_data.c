/* SPDX-License-Identifier: MIT */
/* dump_data [OPTION]... DATA: what read_data reads, as "user TAB item TAB time" in JSON strings, for tests that know what that must be. */
#include <stdio.h>
#include <string.h>

#include "common/fail.h"
#include "common/json.h"
#include "common/read_data.h"

static const struct program program = {"dump_data", "DATA [OPTION]...", "Print what is read.", NULL};

static void put(const struct data *data, const struct pairs *pairs, const char *which)
{
    for (int64_t i = 0; i < pairs->count; i++) {
        struct json json = {.out = stdout};
        json_open(&json, NULL, '[');
        json_text(&json, NULL, which);
        if (data->users.count > 0)
            json_text(&json, NULL, names_get(&data->users, pairs->users[i]));
        else
            json_whole(&json, NULL, pairs->users[i]);
        if (data->items.count > 0)
            json_text(&json, NULL, names_get(&data->items, pairs->items[i]));
        else
            json_whole(&json, NULL, pairs->items[i]);
        if (pairs->times)
            json_exact(&json, NULL, pairs->times[i]);
        json_close(&json, ']');
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    struct read_options options = {0};
    struct data         data;
    adaptau_error       error = {0};
    struct option_rule  rules[READING_RULES + SPLITTING_RULES];
    int                 first = 0, n = reading_rules(&options, rules);
    n += splitting_rules(&options, rules + n);
    int code = read_options(&program, rules, n, argc, argv, &first);
    if (code != OPTIONS_GO_ON)
        return code;
    for (int i = first; i < argc; i++) {
        struct json json = {.out = stdout};
        if (read_data(argv[i], &options, &data, &error)) {
            json_open(&json, NULL, '{');
            json_text(&json, "error", error.message);
            json_close(&json, '}');
            putchar('\n');
        } else {
            put(&data, &data.train, "train");
            put(&data, &data.test, "test");
            account_json(&data.account, NULL, &json);
            putchar('\n');
        }
        data_free(&data);
    }
    return finish_stdout("dump_data") ? 0 : 1;
}
