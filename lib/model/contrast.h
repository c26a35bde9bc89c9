/* SPDX-License-Identifier: MIT */
/* Contrastive terms, which are added to the gradients of a batch. */
#ifndef ATAU_CONTRAST_H
#define ATAU_CONTRAST_H

#include <adaptau/experimental.h>

#include "common/arena.h"
#include "model/encoders/encoder.h"
#include "model/gradients.h"
#include "model/prototypes.h"

/* Zeroed: there was no term yet. */
struct atau_contrast {
    uint64_t          step;  /* how many terms there were: each has draws of its own                          */
    struct atau_arena marks; /* of nodes that a batch has; memory that stays                                  */
    struct atau_arena rows;  /* that are contrasted; memory that stays                                        */
};

void atau_contrast_free(struct atau_contrast *contrast, adaptau_context *context);

adaptau_contrast_options atau_contrast_defaults(int32_t kind);

/* Ranges and combinations of a caller's options. */
adaptau_status atau_contrast_check_options(const adaptau_contrast_options *options, adaptau_error *error);

/* E_UNSUPPORTED for an encoder without layers: there are no views of it. */
adaptau_status atau_contrast_check_encoder(const struct atau_encoder *encoder, adaptau_error *error);

/* Add the term of a batch, as atau_check_batch leaves it, to its gradients. After E_CALLBACK they may be half added to; after any
 * other failure they are what they were. */
adaptau_status atau_contrast_add(struct atau_contrast *contrast, const struct atau_prototypes *prototypes,
                                 struct atau_encoding *encoding, struct atau_gradients *gradients, const adaptau_batch *batch,
                                 const adaptau_contrast_options *options, double *loss, adaptau_error *error);

#endif
