/* SPDX-License-Identifier: MIT */
/* All encoders. */
#ifndef ATAU_ENCODER_REGISTRY_H
#define ATAU_ENCODER_REGISTRY_H

#include "model/encoders/encoder.h"

/* NULL when there is none. */
const struct atau_encoder *atau_encoder_by_number(int32_t number);
const struct atau_encoder *atau_encoder_by_name(const char *name);

#endif
