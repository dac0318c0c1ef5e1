/* SPDX-License-Identifier: MIT */
/* Finding, making and dropping blocks; see blocks.c. */
#ifndef ACCEL_BLOCKS_H
#define ACCEL_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg/host.h"

struct tcg;
struct vcpu;

struct block *block_find(
    struct vcpu *v,
    uint64_t pc); /* translates if need be; NULL: an exception was taken, see cls->pc */
/* Translates at most limit instructions at pc into a block that nothing leads to. NULL as
 * block_find. */
struct block *block_short(struct vcpu *v, uint64_t pc, uint32_t limit);
void block_forget_short(
    struct tcg *a); /* they have run: their room is used again if it is the last */
/* The part of a block that lies on the page at pa, where it is one of a list. */
struct block_part {
    uint32_t at, bytes;
    struct block **next;
};
struct block_part block_on_page(struct block *b, uint64_t pa);
bool block_is_nowhere(const struct block *b); /* it has no bytes: see cpu_fetch.nothing */
/* Under the translate lock: blocks that rest on these physical bytes are gone. */
void block_drop_range(struct tcg *a, uint64_t pa, uint64_t bytes);
void block_flush_all(struct tcg *a); /* everybody is out */

#endif
