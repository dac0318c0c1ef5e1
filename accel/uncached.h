/* SPDX-License-Identifier: MIT */
/* Code that is fetched without a cache; see accel/uncached.c. Under the translate lock. */
#ifndef ACCEL_UNCACHED_H
#define ACCEL_UNCACHED_H

#include <stdint.h>

struct tcg;

/* The bytes to translate from in place of those at host, where physical address pa is: they stay
 * until everything is flushed. NULL: there is no room, everything must be flushed. */
const uint8_t *uncached_code(struct tcg *a, uint64_t pa, const uint8_t *host);
void uncached_forget(struct tcg *a); /* with all blocks */

#endif
