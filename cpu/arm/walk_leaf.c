/* SPDX-License-Identifier: MIT */
/*
 * Walks of the translation tables as far as they only read tables in RAM and find a page (DDI 0487,
 * D8): what mmu.c, which has all the rest, begins with, and what the TLB's refills (class LEAF) can
 * do without leaving generated code.
 */
#include "cpu/arm/walk.h"

#include "base/atomic.h"
#include "base/log.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/mmu.h"
#include "cpu/arm/sysregs.h"

static uint64_t level_code(uint64_t code, int level)
{
    if (level >= 0) {
        return code + (unsigned)level;
    }
    switch (code) {
    case FSC_TRANSLATION:
        return FSC_TRANSLATION_MINUS1;
    case FSC_EXTERNAL_WALK:
        return FSC_EXTERNAL_WALK_MINUS1;
    default:
        return FSC_ADDRESS_SIZE_MINUS1;
    }
}

bool arm_walk_fail_leaf(struct arm_walk *w, uint64_t code)
{
    w->fault = level_code(code, w->level);
    return false;
}

/* The address in a descriptor: bits above 47 are elsewhere with 52 bits. */
static uint64_t address_in(const struct arm_regime *g, uint64_t d)
{
    uint64_t a = d & mask64(48) & ~mask64(g->granule_bits);
    if (unlikely(g->wide_64k)) {
        a |= (d >> 12 & 15) << 48;
    } else if (unlikely(g->ds)) {
        a |= (d >> 48 & 3) << 48 | (d >> 8 & 3) << 50;
    }
    return a;
}

static inline bool load_descriptor(const struct arm_cpu *cpu, uint64_t at, uint64_t *d)
{
    const struct arm_table_ram *r = &cpu->table_ram;
    if (likely(at - r->base < r->size && r->generation == atomic_get_acquire(r->now))) {
        const uint64_t bytes = atomic_get_acquire(
            (const uint64_t *)(const void *)(r->host + (at - r->base)));
        *d = load_le64(&bytes);
        return true;
    }
    return false;
}

enum step {
    STEP_TABLE, /* on with the next level */
    STEP_LEAF,
    STEP_FAULT
};

/* Descriptor d of w's level. */
static inline enum step take(struct arm_walk *w, uint64_t d)
{
    const struct arm_regime *g = w->g;
    const bool is_table = d & 2;

    w->descriptor = d;
    if (!(d & 1) || (w->level == 3 ? !is_table : !is_table && w->level < g->least_block)) {
        arm_walk_fail_leaf(w, FSC_TRANSLATION);
        return STEP_FAULT;
    }
    w->table = address_in(g, d);
    if (w->level == 3 || !is_table) {
        if (w->table >> g->pa_bits) {
            arm_walk_fail_leaf(w, FSC_ADDRESS_SIZE);
            return STEP_FAULT;
        }
        return STEP_LEAF;
    }
    w->tables |= d;
    w->level++;
    w->shift -= g->granule_bits - 3u;
    w->mask = mask64(g->granule_bits - 3u);
    return STEP_TABLE;
}

static bool go_on(struct arm_walk *w, uint64_t va)
{
    const struct arm_regime *g = w->g;
    for (;;) {
        uint64_t d;
        if (unlikely(w->table >> g->pa_bits)) {
            w->level -= w->level > 0 &&
                        w->level > g->start_level; /* of the level that named the table */
            return arm_walk_fail_leaf(w, FSC_ADDRESS_SIZE);
        }
        w->at = w->table + ((va >> w->shift & w->mask) << 3);
        if (unlikely(!load_descriptor(w->cpu, w->at, &d))) {
            w->stuck = true;
            return false;
        }
        const enum step s = take(w, arm_descriptor_order(g, d));
        if (s != STEP_TABLE) {
            return s == STEP_LEAF;
        }
    }
}

bool arm_walk_find_leaf(struct arm_walk *w, uint64_t va)
{
    const struct arm_regime *g = w->g;
    w->tables = 0;
    w->level = g->start_level;
    w->shift = g->start_shift;
    w->mask = g->start_mask;
    w->table = g->start_table;
    w->stuck = false;
    return go_on(w, va);
}

bool arm_walk_take_leaf(struct arm_walk *w, uint64_t va, uint64_t descriptor)
{
    const enum step s = take(w, arm_descriptor_order(w->g, descriptor));
    w->stuck = false;
    return s == STEP_TABLE ? go_on(w, va) : s == STEP_LEAF;
}

/* ---- what a leaf allows */

void arm_walk_allow_leaf(const struct arm_walk *w, bool read_only, unsigned idx,
                         struct translation *t)
{
    const struct arm_regime *g = w->g;
    const uint64_t d = w->descriptor;
    const bool el0 = bit(d, 6) && !arm_walk_table_bit(w, 61);
    const bool uxn = bit(d, 54) || arm_walk_table_bit(w, 60);
    const bool pxn = bit(d, 53) || arm_walk_table_bit(w, 59);

    if (idx == ARM_MMU_EL0) {
        t->read = el0;
        t->write = el0 && !read_only;
        t->exec = !uxn && !(g->wxn && t->write);
        return;
    }
    t->read = true;
    t->write = !read_only;
    t->exec = !pxn && !(g->wxn && t->write) && !(el0 && !read_only);
    if (idx == ARM_MMU_EL1_PAN) {
        const bool el0_exec = !uxn && !(g->wxn && el0 && !read_only);
        if (el0 || (g->epan && el0_exec)) {
            t->read = t->write = false;
        }
    }
}

bool arm_walk_use_leaf(struct arm_walk *w, uint64_t va, enum access a, unsigned idx,
                       struct translation *t)
{
    const struct arm_regime *g = w->g;
    const uint64_t d = w->descriptor;
    const unsigned bits = w->shift;
    const uint64_t base = address_in(g, d) & ~mask64(bits);
    const uint8_t memory_type = (uint8_t)(g->mair >> (d >> 2 & 7) * 8);

    t->pa = base | (va & mask64(bits));
    t->page_bits = (uint8_t)(bits < 30 ? bits : 30);
    t->global = !bit(d, 11);
    t->attr = bit(d, 50) ? ARM_ATTR_GUARDED : 0;
    t->device = (memory_type & 0xf0) == 0;
    arm_walk_allow_leaf(w, bit(d, 7) || arm_walk_table_bit(w, 62), idx, t);
    return (a == ACCESS_READ    ? t->read
            : a == ACCESS_WRITE ? t->write
                                : t->exec) ||
           arm_walk_fail_leaf(w, FSC_PERMISSION);
}

/* ---- the hook */

/* Pages of Normal memory, without updates of descriptors, watchpoints or a log. */
bool arm_walk_leaf(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t)
{
    struct arm_cpu *cpu = arm_cpu(v);
    struct arm_walk w = {.cpu = cpu, .g = &cpu->regime[bit(va, 55)]};

    if (!w.g->enabled || cpu->mdscr & MDSCR_MDE || log_enabled(LOG_MMU) ||
        arm_walk_refused(w.g, va, idx) || !arm_walk_find_leaf(&w, va) ||
        !(w.descriptor & ARM_DESC_AF)) {
        return false;
    }
    const bool clean = (w.descriptor & ARM_DESC_DBM) && (w.descriptor & ARM_DESC_READ_ONLY);
    *t = (struct translation){0};
    return !(clean && a == ACCESS_WRITE) && arm_walk_use_leaf(&w, va, a, idx, t) && !t->device;
}
