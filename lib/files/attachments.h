/* SPDX-License-Identifier: MIT */
/* Bytes of the host's in a model's file: a tensor of U8 each, "host." and its name. */
#ifndef ATAU_ATTACHMENTS_H
#define ATAU_ATTACHMENTS_H

#include <adaptau/files.h>

#include "files/safetensors.h"

#define ATAU_ATTACHMENT_TEXT 80 /* bytes of a tensor's name, its end included */

/* Check attachments [n] and describe them as tensors [n], with their names in `names`. @return E_ARGUMENT. */
adaptau_status atau_attachments_list(int32_t n, const adaptau_attachment *attachments, struct atau_tensor *tensors,
                                     char (*names)[ATAU_ATTACHMENT_TEXT], adaptau_error *error);

/* Whether a file has any. */
bool atau_attachments_are_in(const struct atau_safetensors *file);

/* Hand each attachment of a file to the host. @return E_CALLBACK when it refuses one; E_MEMORY, E_IO, E_FORMAT. */
adaptau_status atau_attachments_read(const struct atau_safetensors *file, adaptau_attachment_function take, void *user_data,
                                     adaptau_error *error);

#endif
