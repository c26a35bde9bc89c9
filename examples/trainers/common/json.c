/* SPDX-License-Identifier: MIT */
#include "common/json.h"

#include <math.h>

static void begin_value(struct json *json, const char *key)
{
    if (json->follows)
        fputs(", ", json->out);
    if (key)
        fprintf(json->out, "\"%s\": ", key);
    json->follows = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    putc(bracket, json->out);
    json->follows = false;
}

void json_close(struct json *json, char bracket)
{
    putc(bracket, json->out);
    json->follows = true;
}

/* Length of the UTF-8 sequence at `text` as RFC 3629 allows it, 0 for none. */
static int utf8_length(const unsigned char *text)
{
    int length = text[0] < 0x80 ? 1 : text[0] < 0xC2 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : text[0] < 0xF5 ? 4 : 0;
    for (int i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xF0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xED && text[1] > 0x9F;
    bool too_large = text[0] == 0xF4 && text[1] > 0x8F;
    return overlong || surrogate || too_large ? 0 : length;
}

void json_text(struct json *json, const char *key, const char *value)
{
    begin_value(json, key);
    putc('"', json->out);
    for (const unsigned char *at = (const unsigned char *)value; *at;) {
        int length = utf8_length(at);
        if (length == 0) {
            fputs("\\ufffd", json->out);
            length = 1;
        } else if (*at == '"' || *at == '\\')
            fprintf(json->out, "\\%c", *at);
        else if (*at < 0x20)
            fprintf(json->out, "\\u%04x", *at);
        else
            fwrite(at, 1, (size_t)length, json->out);
        at += length;
    }
    putc('"', json->out);
}

void json_whole(struct json *json, const char *key, int64_t value)
{
    begin_value(json, key);
    fprintf(json->out, "%lld", (long long)value);
}

static void put_digits(struct json *json, const char *key, double value, int digits)
{
    begin_value(json, key);
    if (isfinite(value))
        fprintf(json->out, "%.*g", digits, value);
    else
        fputs("null", json->out);
}

/* Nine digits: what a float holds, and more than any metric means. */
void json_number(struct json *json, const char *key, double value)
{
    put_digits(json, key, value, 9);
}

void json_exact(struct json *json, const char *key, double value)
{
    put_digits(json, key, value, 17);
}

void json_truth(struct json *json, const char *key, bool value)
{
    begin_value(json, key);
    fputs(value ? "true" : "false", json->out);
}
