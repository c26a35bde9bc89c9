/* SPDX-License-Identifier: MIT */
#include "model/encoders/registry.h"

#include <string.h>

extern const struct atau_encoder atau_encoder_mf;
extern const struct atau_encoder atau_encoder_lightgcn;
extern const struct atau_encoder atau_encoder_simplex;

/* A new encoder is one file, and a line above and below. */
static const struct atau_encoder *const encoders[] = {&atau_encoder_mf, &atau_encoder_lightgcn, &atau_encoder_simplex};

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
