/* SPDX-License-Identifier: MIT */
/* JSON, written as it comes. Keys are ours and need no escaping; a NULL key is an element of an array, or the outermost
 * value. */
#ifndef EXAMPLES_COMMON_JSON_H
#define EXAMPLES_COMMON_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool  follows; /* a comma is due before the next value */
};

void json_open(struct json *json, const char *key, char bracket);      /* '{' or '[' */
void json_close(struct json *json, char bracket);                      /* '}' or ']' */
void json_text(struct json *json, const char *key, const char *value); /* bytes that are no UTF-8 become U+FFFD */
void json_whole(struct json *json, const char *key, int64_t value);
void json_number(struct json *json, const char *key, double value); /* null unless it is finite */
void json_exact(struct json *json, const char *key, double value);  /* the same, all digits of a double */
void json_truth(struct json *json, const char *key, bool value);

#endif
