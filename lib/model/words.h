/* SPDX-License-Identifier: MIT */
/* Numbers as words of 16 hexadecimal digits in the metadata of a file, so that doubles keep their bits in every locale. One list
 * of fields serves writing and reading. */
#ifndef ATAU_WORDS_H
#define ATAU_WORDS_H

#include "files/safetensors.h"

#define ATAU_WORD_DIGITS 16
#define ATAU_MOST_FIELDS 40
#define ATAU_WORDS_TEXT (ATAU_MOST_FIELDS * (ATAU_WORD_DIGITS + 1))

struct atau_field {
    void  *at;
    size_t size; /* 4 or 8 bytes                                                                              */
};

#define ATAU_FIELD(member) {&(member), sizeof(member)}

void atau_words_write(const struct atau_field *fields, int n, char text[ATAU_WORDS_TEXT]);

/* False unless the text is n words that the fields hold; fields before the first that is not may have been written. */
bool atau_words_parse(const char *text, const struct atau_field *fields, int n);

/* The words of a key of the metadata. @return E_FORMAT. */
adaptau_status atau_words_read(const struct atau_safetensors *file, const char *key, const struct atau_field *fields, int n,
                               adaptau_error *error);

#endif
