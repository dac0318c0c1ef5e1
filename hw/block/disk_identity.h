/* SPDX-License-Identifier: MIT */
/* What all devices with a disk do with their properties: the drive that they name, its cache,
 * sizes; names padded with blanks. */
#ifndef HW_BLOCK_DISK_IDENTITY_H
#define HW_BLOCK_DISK_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/machine.h"

struct block;

/* The disk of drive=, with a medium unless it may be empty. NULL: e says why. */
struct block *disk_find(const struct machine *m, const char *drive, bool may_be_empty,
                        struct error *e);
/* At reset a write may be lost before a flush: write-cache=, a number of virtio_on_off_auto. */
bool disk_write_cache(const struct block *b, int choice);
/* logical_block_size=, at most `most`, and physical_block_size=. */
bool disk_check_blocks(uint32_t logical, uint32_t physical, uint32_t most, struct error *e);
/* min_io_size= and opt_io_size=. */
bool disk_check_transfers(uint32_t least, uint32_t best, uint32_t logical, struct error *e);
/* n characters of text, with blanks behind it. */
void disk_put_text(uint8_t *at, const char *text, size_t n);

#endif
