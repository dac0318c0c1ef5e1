/* SPDX-License-Identifier: MIT */
/* Registers of a bridge in PCI configuration space that are not those of every function, as rows:
 * what they are at reset, and which bits a write changes or, written as 1, clears. */
#ifndef HW_ISA_CONFIG_ROWS_H
#define HW_ISA_CONFIG_ROWS_H

#include "base/bits.h"
#include "hw/pci/pci.h"

struct config_row {
    uint8_t offset, bytes; /* 1, 2 or 4 */
    uint32_t initial, writable, clearable;
};

/* In create, behind pci_device_init. */
static inline void config_rows_add(struct pci_device *p, const struct config_row *row, size_t n)
{
    for (; n > 0; n--, row++) {
        store_le(p->initial + row->offset, row->bytes, row->initial);
        store_le(p->config + row->offset, row->bytes, row->initial);
        store_le(p->writable + row->offset, row->bytes, row->writable);
        store_le(p->clearable + row->offset, row->bytes, row->clearable);
    }
}

#endif
