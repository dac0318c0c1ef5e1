/* SPDX-License-Identifier: MIT */
/* All disk formats, in the order in which an image is asked for them. A new one is a line here. */
#ifndef BLOCK_FORMATS_H
#define BLOCK_FORMATS_H

#include "block/block_internal.h"

/* X(variable): a const struct block_format of that name. raw takes everything, and is last. */
#define BLOCK_FORMATS(X) X(block_raw_format)

#define DECLARE_FORMAT(variable) extern const struct block_format variable;
BLOCK_FORMATS(DECLARE_FORMAT)
#undef DECLARE_FORMAT

#endif
