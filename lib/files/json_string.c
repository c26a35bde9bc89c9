/* SPDX-License-Identifier: MIT */
#include "files/json_string.h"

#include <string.h>

/* One UTF-8 character of [*at, end), or −1 where there is no well-formed one (RFC 3629). */
static int32_t decode_utf8(const char **at, const char *end)
{
    static const int32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char        lead = (unsigned char)**at;
    int                  size = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 0;
    int32_t              character = size == 1 ? lead : lead & (0x7F >> size);
    if (size == 0 || end - *at < size)
        return -1;
    for (int i = 1; i < size; i++) {
        unsigned char next = (unsigned char)(*at)[i];
        if ((next & 0xC0) != 0x80)
            return -1;
        character = character << 6 | (next & 0x3F);
    }
    if (character < least[size] || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
        return -1;
    *at += size;
    return character;
}

static int encode_utf8(int32_t character, char out[4])
{
    int size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    if (size == 1) {
        out[0] = (char)character;
        return 1;
    }
    for (int i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    out[0] = (char)(0xF00 >> size | character);
    return size;
}

/* Four hexadecimal digits, or −1. */
static int32_t decode_hex(const char **at, const char *end)
{
    int32_t value = 0;
    if (end - *at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *(*at)++;
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* After "\u": one unit of UTF-16, or two with "\u" between them. */
static int32_t decode_utf16(const char **at, const char *end)
{
    int32_t high = decode_hex(at, end);
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return -1;
    *at += 2;
    int32_t low = decode_hex(at, end);
    return low < 0xDC00 || low > 0xDFFF ? -1 : 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* One character of a JSON string, or −1. U+0000 is refused: our strings are C strings. */
int32_t atau_json_character(const char **at, const char *end)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int32_t           character;
    if (**at != '\\') {
        character = decode_utf8(at, end);
        return character < 0x20 ? -1 : character;
    }
    if (end - *at < 2)
        return -1;
    *at += 2;
    if ((*at)[-1] == 'u') {
        character = decode_utf16(at, end);
        return character == 0 ? -1 : character;
    }
    const char *letter = (*at)[-1] ? strchr(letters, (*at)[-1]) : NULL;
    return letter ? meanings[letter - letters] : -1;
}

bool atau_json_equal(struct atau_json_string a, struct atau_json_string b)
{
    const char *a_end = a.start + a.length, *b_end = b.start + b.length;
    while (a.start < a_end && b.start < b_end)
        if (atau_json_character(&a.start, a_end) != atau_json_character(&b.start, b_end))
            return false;
    return a.start == a_end && b.start == b_end;
}

bool atau_json_is(struct atau_json_string string, const char *text)
{
    const char *end = string.start + string.length;
    while (string.start < end) {
        char bytes[4];
        int  size = encode_utf8(atau_json_character(&string.start, end), bytes);
        if (strncmp(text, bytes, (size_t)size) != 0)
            return false;
        text += size;
    }
    return *text == '\0';
}

bool atau_json_copy(struct atau_json_string string, char *out, size_t size)
{
    const char *end = string.start + string.length;
    size_t      used = 0;
    while (string.start < end) {
        char   bytes[4];
        size_t count = (size_t)encode_utf8(atau_json_character(&string.start, end), bytes);
        if (used + count >= size)
            return false;
        memcpy(out + used, bytes, count);
        used += count;
    }
    if (used >= size)
        return false;
    out[used] = '\0';
    return true;
}
