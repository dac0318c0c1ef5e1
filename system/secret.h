/* SPDX-License-Identifier: MIT */
/* -object secret: bytes that only a back end is to see, from the command line or a file. */
#ifndef SYSTEM_SECRET_H
#define SYSTEM_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct secret;

/* One of data and file; base64: they are encoded so. NULL: e says why. */
struct secret *secret_create(const char *data, const char *file, bool base64, struct error *e);
/* Its bytes are wiped. NULL is allowed. */
void secret_free(struct secret *s);
/* Ends with a NUL beyond *n. */
const char *secret_bytes(const struct secret *s, size_t *n);

#endif
