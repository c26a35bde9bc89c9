/* SPDX-License-Identifier: MIT */
#include "core/encoder.h"

#include <string.h>

/* A new encoder is one file, and a line here. */
static const struct atau_encoder *const encoders[] = {&atau_encoder_mf, &atau_encoder_lightgcn};

#define N_ENCODERS (sizeof encoders / sizeof *encoders)

const struct atau_encoder *atau_encoder_by_number(int32_t number)
{
    for (size_t e = 0; e < N_ENCODERS; e++)
        if (encoders[e]->number == number)
            return encoders[e];
    return NULL;
}

const struct atau_encoder *atau_encoder_by_name(const char *name)
{
    for (size_t e = 0; e < N_ENCODERS; e++)
        if (strcmp(encoders[e]->name, name) == 0)
            return encoders[e];
    return NULL;
}
