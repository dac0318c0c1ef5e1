/* SPDX-License-Identifier: MIT */
/* Sizes that generated code shares with the run-time's tables (accel/). */
#ifndef TCG_CODE_LAYOUT_H
#define TCG_CODE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

#define LAYOUT_CODE_SLOTS 4096u
/*
 * Behind the code slots: words for links of movable code, by virtual page, direct mapped. A word is
 * the page's number shifted by 24 bits, which leaves 40 of it, and the id of its physical page.
 */
#define LAYOUT_MOVED_SLOTS (LAYOUT_CODE_SLOTS * 4)
#define LAYOUT_MOVED_COUNT 1024u
#define LAYOUT_MOVED_MASK ((LAYOUT_MOVED_COUNT - 1) * 8)
#define LAYOUT_MOVED_SHIFT 12 /* of the page's address */
#define LAYOUT_MOVED_IDS (1u << 24)
#define LAYOUT_JUMP_ENTRIES 32768
#define LAYOUT_JUMP_MASK ((LAYOUT_JUMP_ENTRIES - 1) << 4)

/*
 * The jump table and the code stack compare PC ^ key of the context ^ this. What a guest chooses is
 * 0, or an aux that it cannot compute this from: it would have to guess 52 bits.
 */
static inline uint64_t layout_aux_key(uint64_t aux, uint64_t secret)
{
    return aux ? hash_mix64(aux ^ secret) >> 12 : 0;
}

static inline unsigned layout_code_slot(uint64_t pc)
{
    return (unsigned)((pc >> 12) ^ (pc >> 24)) & (LAYOUT_CODE_SLOTS - 1);
}

static inline unsigned layout_moved_slot(uint64_t pc)
{
    return (unsigned)(pc >> 12) & (LAYOUT_MOVED_COUNT - 1);
}

static inline uint64_t layout_moved_word(uint64_t pc, uint32_t id)
{
    return (pc >> 12 << 24) | id;
}

/* Whether the words tell the virtual page from all others of its half of the address space. */
static inline bool layout_may_move(uint64_t pc)
{
    return (uint64_t)((int64_t)(pc << 12) >> 12) == pc;
}

#endif
