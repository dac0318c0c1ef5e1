/* SPDX-License-Identifier: MIT */
/* The plain part of a walk of the translation tables: see walk_leaf.c. */
#ifndef CPU_ARM_WALK_H
#define CPU_ARM_WALK_H

#include "base/bits.h"
#include "cpu/arm/cpu.h"

/* Where a walk stands. */
struct arm_walk {
    const struct arm_regime *g;
    struct arm_cpu *cpu;
    bool side_effects;       /* hardware updates of descriptors are made */
    bool stuck;              /* the descriptor at `at` is not in cpu->table_ram */
    int level;               /* -1 to 3 */
    unsigned shift;          /* the lowest bit of the address that the level translates */
    uint64_t table, mask;    /* of the level, and of the index in it */
    uint64_t descriptor, at; /* the leaf, and its physical address */
    uint64_t tables;         /* the descriptors of tables, or-ed */
    uint64_t fault;
};

#define ARM_DESC_AF (UINT64_C(1) << 10)
#define ARM_DESC_READ_ONLY (UINT64_C(1) << 7)
#define ARM_DESC_DBM (UINT64_C(1) << 51)

/* Of the guest's byte order, and back. */
static inline uint64_t arm_descriptor_order(const struct arm_regime *g, uint64_t d)
{
    return unlikely(g->big_endian) ? bswap64(d) : d;
}

static inline bool arm_walk_table_bit(const struct arm_walk *w, unsigned n)
{
    return !w->g->hpd && bit(w->tables, n);
}

/*
 * From the table at TTBR to the descriptor of a block or page. false: a fault, or w->stuck; then
 * arm_walk_take_leaf takes the descriptor (as it is in memory) and goes on. Class LEAF.
 */
bool arm_walk_find_leaf(struct arm_walk *w, uint64_t va);
bool arm_walk_take_leaf(struct arm_walk *w, uint64_t va, uint64_t descriptor);

/* Records a fault of the level that w stands at; false. */
bool arm_walk_fail_leaf(struct arm_walk *w, uint64_t code);

/* What the table bits that were met and the descriptor allow, were it writable or not. */
void arm_walk_allow_leaf(const struct arm_walk *w, bool read_only, unsigned idx,
                         struct translation *t);

/* *t from the descriptor; false: it does not permit that access (recorded). */
bool arm_walk_use_leaf(struct arm_walk *w, uint64_t va, enum access a, unsigned idx,
                       struct translation *t);

/* Whether walks of that address fault before any table is read. */
static inline bool arm_walk_refused(const struct arm_regime *g, uint64_t va, unsigned idx)
{
    return g->walk_disabled || g->bad_size || (va & g->top) != g->top_value ||
           (g->el0_disabled && idx == ARM_MMU_EL0);
}

/* cpu_class.walk_leaf */
bool arm_walk_leaf(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t);

#endif
