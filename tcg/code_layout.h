/* SPDX-License-Identifier: MIT */
/* Sizes that generated code shares with the run-time's tables (accel/). */
#ifndef TCG_CODE_LAYOUT_H
#define TCG_CODE_LAYOUT_H

#include <stdint.h>

#define LAYOUT_CODE_SLOTS 1024u
#define LAYOUT_JUMP_ENTRIES 32768
#define LAYOUT_JUMP_MASK ((LAYOUT_JUMP_ENTRIES - 1) << 4)

static inline unsigned layout_code_slot(uint64_t pc)
{
    return (unsigned)((pc >> 12) ^ (pc >> 22)) & (LAYOUT_CODE_SLOTS - 1);
}

#endif
