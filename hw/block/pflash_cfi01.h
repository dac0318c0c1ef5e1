/* SPDX-License-Identifier: MIT */
/* Parallel NOR flash with the Common Flash Interface and Intel's command set. */
#ifndef HW_BLOCK_PFLASH_CFI01_H
#define HW_BLOCK_PFLASH_CFI01_H

#include "hw/device.h"

struct block;

extern const struct device_class pflash_cfi01_class;

/* Between device_new and device_create: the disk whose contents the flash has, or the image file;
 * else it has zeros. The path stays the caller's. */
void pflash_set_block(struct device *d, struct block *b);
void pflash_set_file(struct device *d, const char *path);

/* After device_create. */
uint64_t pflash_bytes(const struct device *d);
const uint8_t *pflash_contents(const struct device *d);
/* Maps it; once, after device_create. */
void pflash_map(struct device *d, struct space *s, paddr base);

#endif
