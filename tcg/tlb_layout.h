/* SPDX-License-Identifier: MIT */
/*
 * The inline TLB as generated code sees it, from a table's base: lines for reads, lines for writes
 * at TLB_LAYOUT_WRITE, each of two words {tag, addend}; the mask of a line's byte offset at
 * TLB_LAYOUT_MASK. accel/tlb.h has the owner's view.
 */
#ifndef TCG_TLB_LAYOUT_H
#define TCG_TLB_LAYOUT_H

#define TLB_LAYOUT_LINE_LOG2 4
#define TLB_LAYOUT_MAX_LINES 16384
#define TLB_LAYOUT_WRITE (TLB_LAYOUT_MAX_LINES << TLB_LAYOUT_LINE_LOG2)
#define TLB_LAYOUT_MASK (-8)

#endif
