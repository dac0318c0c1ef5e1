/* SPDX-License-Identifier: MIT */
/*
 * What depends on the address space; see context.c.
 *
 * A block is keyed by physical address, mode key and, if it is fixed, PC, so address spaces share
 * it. What depends on the address space is the *context*: an interned (mode key, region of
 * addresses, tag) with a key that is xor-ed into PCs in the jump table and on
 * the code stack, and an array of code slots that says which physical page a virtual code page is.
 * Nothing is cleared when the address space changes: the key changes, and what was entered under it
 * is found again later.
 */
#ifndef ACCEL_CONTEXT_H
#define ACCEL_CONTEXT_H

#include "accel/tlb.h"
#include "tcg/code_layout.h"

struct tcg;
struct tcg_vcpu;

#define CONTEXT_SLOTS LAYOUT_CODE_SLOTS
#define CONTEXT_IDS 1022u
#define CONTEXT_CACHE 16u
#define CONTEXT_BUCKETS 512u

/* A virtual code page of a context, and what it was found to map to. */
struct code_mapping {
    uint64_t page; /* virtual; 1: free */
    uint64_t pa;
    bool global;  /* maps there in all address spaces */
    bool suspect; /* a TLB flush covered it: walk again before use */
};

/* What generated code compares before it crosses a page; LAYOUT_MOVED_SLOTS apart. */
struct code_slots {
    _Alignas(8) uint32_t fixed[CONTEXT_SLOTS]; /* id of the (virtual, physical) pair */
    uint64_t moved[LAYOUT_MOVED_COUNT];        /* layout_moved_word */
};
_Static_assert(offsetof(struct code_slots, moved) == LAYOUT_MOVED_SLOTS,
               "generated code finds the second by its distance from the first");

struct context {
    uint64_t key; /* secret; the upper 12 bits are the id */
    uint64_t mode_key;
    uint32_t tag;
    uint8_t region; /* of addresses */
    bool traced;    /* each instruction is followed (cpu_class.traces) */
    /* Generated code looks at both at once: */
    _Alignas(2) bool retired; /* its mappings are no longer true */
    _Atomic bool suspect;     /* some mapping is */
    struct code_mapping *map; /* open hash */
    uint32_t map_size, map_used;
    bool shares; /* has a tag, and pages that all address spaces have */
    struct context *next, *next_sharing;
    struct code_slots slots;
};

_Static_assert(offsetof(struct context, suspect) == offsetof(struct context, retired) + 1,
               "two bytes in a row");

/* A page that a vCPU found code on: what context_enter_page entered, kept for the next look-up. */
struct fetched {
    const struct context *context;
    uint64_t page, pa;
    bool global;
    uint8_t *host; /* of the page; NULL: it is looked for each time */
    struct code_page *code;
    uint32_t id;   /* in slots.fixed, or 0: not entered there */
    uint64_t word; /* in slots.moved, or 0 */
};
#define FETCHED_PAGES 128u

void context_select(
    struct vcpu *v,
    uint64_t pc); /* makes the context of pc current; refreshes TLB tables if dirty */
/* In what follows pc is where the code of a PC is fetched from.
 * pc is at hit: found just now. Links may lead to code there that is movable, or fixed to it. */
void context_enter_page(struct vcpu *v, uint64_t pc, const struct tlb_hit *hit, bool movable);
/* The calling thread looks a context up, and walks pages, with the translate lock held. */
bool context_walking(void);
/* What was entered for pc's page in the current context, or NULL; and if it is where links look. */
const struct fetched *context_fetched(const struct vcpu *v, uint64_t pc);
bool context_has_page(const struct fetched *f, bool movable);
void context_forget_fetched(struct tcg_vcpu *t); /* on its thread, or while it is out */
/* pc, of the upper half, is on a page that not all address spaces have: selects again. */
void context_note_nonglobal(struct vcpu *v, uint64_t pc);
uint32_t context_page_id(struct tcg *a, uint64_t va, uint64_t pa); /* of their pages */
void context_suspect_range(struct tcg *a, uint64_t va, uint64_t bytes, uint32_t tag);
void context_suspect_tag(struct tcg *a, uint32_t tag); /* TLB_ANY_TAG: all */
void context_forget(
    struct tcg_vcpu *t);           /* what t's vCPU, which is out, knows of contexts and jumps */
void context_reset(struct tcg *a); /* everybody is out */
void context_free_spare(struct tcg *a); /* behind a reset: at the end */

#endif
