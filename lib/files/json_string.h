/* SPDX-License-Identifier: MIT */
/* Strings of JSON as they stand in a text, between their quotes: nothing is copied. */
#ifndef ATAU_JSON_STRING_H
#define ATAU_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct atau_json_string {
    const char *start;
    size_t      length;
};

/* The next character of [*at, end), an escape being one, or −1 where there is none, it is not well-formed, or NUL. */
int32_t atau_json_character(const char **at, const char *end);

/* Of strings all of whose characters are well-formed, as the following, too. */
bool atau_json_equal(struct atau_json_string a, struct atau_json_string b);

bool atau_json_is(struct atau_json_string string, const char *text);

/* As terminated UTF-8. False when it does not fit. */
bool atau_json_copy(struct atau_json_string string, char *out, size_t size);

#endif
