/* SPDX-License-Identifier: MIT */
/* Intel HEX files (Hexadecimal Object File Format Specification, revision A, 1988): bytes with
 * their addresses, as text. */
#ifndef HW_IHEX_H
#define HW_IHEX_H

#include "hw/placement.h"

struct ihex_info {
    bool has_entry;
    uint32_t entry; /* of a start record */
};

/* True if the bytes start with a record. */
bool ihex_is(const uint8_t *bytes, size_t n);

/* Places the data of all records; what names the file in errors. */
bool ihex_place(const char *what, const uint8_t *bytes, size_t n, struct placements *l,
                struct ihex_info *info, struct error *e);

#endif
