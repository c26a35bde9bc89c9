/* SPDX-License-Identifier: MIT */
#include "model/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

#define DIGITS ATAU_WORD_DIGITS

void atau_words_write(const struct atau_field *fields, int n, char text[ATAU_WORDS_TEXT])
{
    for (int i = 0; i < n; i++) {
        uint64_t word = 0;
        memcpy(&word, fields[i].at, fields[i].size); /* little-endian, as files are                            */
        snprintf(text + i * (DIGITS + 1), DIGITS + 2, "%016" PRIx64 "%s", word, i + 1 < n ? " " : "");
    }
}

static bool parse_word(const char *text, uint64_t *word)
{
    static const char digits[] = "0123456789abcdef";
    *word = 0;
    for (int k = 0; k < DIGITS; k++) {
        const char *digit = text[k] ? strchr(digits, text[k]) : NULL;
        if (!digit)
            return false;
        *word = *word << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

bool atau_words_parse(const char *text, const struct atau_field *fields, int n)
{
    if (strlen(text) != (size_t)n * (DIGITS + 1) - 1)
        return false;
    for (int i = 0; i < n; i++) {
        uint64_t    word;
        const char *at = text + i * (DIGITS + 1);
        if (!parse_word(at, &word) || (i + 1 < n && at[DIGITS] != ' '))
            return false;
        if (fields[i].size == 4 && word > UINT32_MAX)
            return false;
        memcpy(fields[i].at, &word, fields[i].size);
    }
    return true;
}

adaptau_status atau_words_read(const struct atau_safetensors *file, const char *key, const struct atau_field *fields, int n,
                               adaptau_error *error)
{
    char text[ATAU_WORDS_TEXT];
    if (atau_safetensors_metadata(file, key, text, sizeof text) && atau_words_parse(text, fields, n))
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_FORMAT, "%s: metadata %s is missing or unknown to this version", file->path, key);
}
