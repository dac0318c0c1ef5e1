/* SPDX-License-Identifier: MIT */
/* Physical pages with code, and whether that is met at several virtual ones; see code_pages.c. All
 * under the translate lock. */
#ifndef ACCEL_CODE_PAGES_H
#define ACCEL_CODE_PAGES_H

#include "cpu/cpu.h"

struct block;
struct tcg;

/*
 * A physical page that blocks were translated from. For each mode, the virtual page at which its
 * code was met: blocks are fixed to that until it is asked for at another one, and movable from
 * then on.
 */
#define CODE_PAGE_MODES 4u
#define CODE_PAGE_MOVES 1u /* as a virtual page: more than one */
struct code_page {
    struct block *first; /* by block_on_page */
    uint64_t pa;
    const void *noted;            /* remap.c: the host address that its blocks were made from */
    struct tracked_page *tracked; /* writes are tracked: where its blocks' bytes are */
    struct code_page *next_same;  /* another physical page that shows the same memory */
    uint32_t id;                  /* in the words of code_slots.moved */
    unsigned modes;               /* known; of more than there is room for all code is movable */
    struct {
        uint64_t mode, page;
    } met[CODE_PAGE_MODES];
};

/* What became of pages whose code was met in a part of the address space, of one mode. */
struct code_region {
    uint64_t key;
    uint32_t fixed, moved; /* pages: first met there; later met elsewhere */
};
#define CODE_REGIONS 64u

struct code_page *code_page_at(struct tcg *a, uint64_t pa); /* made if need be */
/* The block at pc, on p, is about to be translated by v, to be kept: is it to be movable? */
bool code_page_moves(struct vcpu *v, uint64_t pc, struct code_page *p);
void code_page_emptied(struct code_page *p); /* no block of it is left */
void code_pages_emptied(struct tcg *a);      /* nor of any other */
void code_pages_free(struct tcg *a);

#endif
