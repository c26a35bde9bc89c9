/* SPDX-License-Identifier: MIT */
/* The grammar of a safetensors file's header. */
#ifndef ATAU_SAFETENSORS_HEADER_H
#define ATAU_SAFETENSORS_HEADER_H

#include "files/safetensors.h"

/* What was wrong with a header, and at which byte of it. */
struct atau_complaint {
    const char *text;
    size_t      at;
};

/* Entries and metadata from file->header, which they point into, in the header's order. */
bool atau_safetensors_parse(struct atau_safetensors *file, struct atau_complaint *complaint);

#endif
