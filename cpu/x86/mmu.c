/* SPDX-License-Identifier: MIT */
/*
 * Paging. Intel SDM, volume 3, chapter 4: 32-bit, PAE, 4-level and 5-level paging, protection keys
 * of user pages.
 */
#include "cpu/x86/mmu.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "cpu/x86/debug.h"
#include "memory/dirty.h"

#define P_PRESENT 1u
#define P_WRITE 2u
#define P_USER 4u
#define P_ACCESSED 0x20u
#define P_DIRTY 0x40u
#define P_LARGE 0x80u
#define P_GLOBAL 0x100u
#define P_NX (UINT64_C(1) << 63)
#define P_ADDRESS UINT64_C(0x000ffffffffff000)
#define P_KEY_SHIFT 59

#define E_PRESENT 1u
#define E_WRITE 2u
#define E_USER 4u
#define E_RESERVED 8u
#define E_FETCH 16u
#define E_KEY 32u

bool x86_is_canonical(const struct x86_cpu *c, uint64_t va)
{
    const unsigned bits = c->cr4 & X86_CR4_LA57 ? 57 : 48;
    return sext64(va, bits) == (int64_t)va;
}

struct walk {
    struct x86_cpu *c;
    uint64_t at, entry; /* of the entry that was read last */
    unsigned bytes;     /* of an entry */
    uint64_t all;       /* P_WRITE and P_USER of all levels as AND, NX as OR */
    enum access access;
    bool user, open; /* user mode; a system access that SMAP does not keep from user pages */
};

static bool read_slowly(struct walk *w, struct space *s)
{
    struct mem_view view;
    const uint64_t generation = space_generation(s);
    if (space_find(s, w->at, &view) && view.range->kind == RANGE_RAM) {
        w->c->table_ram = (struct x86_table_ram){s, view.range->host + view.offset, view.base,
                                                 view.size & ~UINT64_C(7), generation};
    }
    return space_load(s, w->at, w->bytes, &w->entry);
}

static bool read_entry(struct walk *w, uint64_t at)
{
    const struct x86_table_ram *r = &w->c->table_ram;
    struct space *s = x86_space(w->c);
    w->at = x86_a20(w->c, at);
    const uint64_t offset = w->at - r->base;
    if (unlikely(offset >= r->size || r->space != s || r->generation != space_generation(s))) {
        return read_slowly(w, s);
    }
    const void *host = r->host + offset;
    if (w->bytes == 8) {
        const uint64_t bytes = atomic_get_acquire((const uint64_t *)host);
        w->entry = load_le64(&bytes);
    } else {
        const uint32_t bytes = atomic_get_acquire((const uint32_t *)host);
        w->entry = load_le32(&bytes);
    }
    return true;
}

/* Sets bits in the entry that was read; false: it is another one now. */
static bool set_bits(struct walk *w, uint64_t bits)
{
    struct space *s = x86_space(w->c);
    bool done;
    if ((w->entry & bits) == bits) {
        return true;
    }
    uint8_t *host = space_host(s, w->at, w->bytes, true);
    if (!host) {
        return space_store(s, w->at, w->bytes, w->entry | bits);
    }
    if (w->bytes == 8) {
        uint64_t seen = w->entry;
        done = atomic_cas((uint64_t *)(void *)host, &seen, w->entry | bits);
    } else {
        uint32_t seen = (uint32_t)w->entry;
        done = atomic_cas((uint32_t *)(void *)host, &seen, (uint32_t)(w->entry | bits));
    }
    if (done) {
        dirty_written(s, host, w->bytes);
    }
    return done;
}

static uint64_t fault_word(const struct walk *w, uint64_t why)
{
    const bool nx = (w->c->efer & X86_EFER_NXE) || (w->c->cr4 & X86_CR4_SMEP);
    return why | (w->access == ACCESS_WRITE ? E_WRITE : 0) | (w->user ? E_USER : 0) |
           (w->access == ACCESS_FETCH && nx ? E_FETCH : 0);
}

/* What the rights of all levels allow: volume 3, 4.6. */
static void rights(const struct walk *w, struct translation *t)
{
    const bool writable = w->all & P_WRITE, for_user = w->all & P_USER;
    const bool nx = (w->c->efer & X86_EFER_NXE) && (w->all & P_NX);
    const bool closed = !w->user && for_user && !w->open && (w->c->cr4 & X86_CR4_SMAP);
    t->exec = (!w->user || for_user) && !nx &&
              !(!w->user && for_user && (w->c->cr4 & X86_CR4_SMEP));
    t->read = w->user ? for_user : !closed;
    t->write = t->read && (writable || (!w->user && !(w->c->cr0 & X86_CR0_WP)));
}

/* Volume 3, 4.6.2: the key of a user page says what data accesses PKRU allows; false: not this one.
 */
static bool key_allows(const struct walk *w, struct translation *t)
{
    const unsigned key = w->entry >> P_KEY_SHIFT & 15, deny = w->c->pkru >> 2 * key & 3;
    const bool writes = !(deny & 2) || (!w->user && !(w->c->cr0 & X86_CR0_WP));
    if (!(w->c->cr4 & X86_CR4_PKE) || !(w->all & P_USER) || !(w->c->efer & X86_EFER_LMA)) {
        return true;
    }
    const bool had_write = t->write;
    t->read = t->read && !(deny & 1);
    t->write = t->write && !(deny & 1) && writes;
    return w->access == ACCESS_FETCH ||
           (!(deny & 1) && (w->access == ACCESS_READ || writes || !had_write));
}

/* Bits that must be 0: volume 3, table 4-14 and its like. */
static bool is_reserved(const struct walk *w, unsigned shift, bool leaf)
{
    uint64_t bad = 0;
    if (w->bytes == 8) {
        bad = P_ADDRESS & ~mask64(x86_physical_bits(w->c));
        bad |= w->c->efer & X86_EFER_NXE ? 0 : P_NX;
        bad |= leaf && shift > 12 ? mask64(shift) & ~mask64(13) : 0;
        bad |= !leaf && shift > 21 ? P_LARGE : 0;
        bad |= w->c->efer & X86_EFER_LMA ? 0 : mask64(63) & ~mask64(52); /* PAE */
    } else if (leaf && shift == 22) {
        bad = 0x200000; /* PSE-36 */
    }
    return w->entry & bad;
}

static bool allowed(const struct translation *t, enum access a)
{
    return a == ACCESS_READ ? t->read : a == ACCESS_WRITE ? t->write : t->exec;
}

enum step {
    STEP_DOWN,
    STEP_LEAF,
    STEP_FAULT,
    STEP_AGAIN
};

/* One level: shift is that of the page it would be a leaf of. */
static enum step step(struct walk *w, unsigned shift, bool may_be_leaf, uint64_t *fault)
{
    if (!(w->entry & P_PRESENT)) {
        *fault = fault_word(w, 0);
        return STEP_FAULT;
    }
    const bool leaf = shift == 12 || (may_be_leaf && (w->entry & P_LARGE));
    if (is_reserved(w, shift, leaf)) {
        *fault = fault_word(w, E_PRESENT | E_RESERVED);
        return STEP_FAULT;
    }
    w->all &= w->entry | ~(uint64_t)(P_WRITE | P_USER);
    w->all |= w->bytes == 8 ? w->entry & P_NX : 0;
    if (leaf) {
        return STEP_LEAF;
    }
    return set_bits(w, P_ACCESSED) ? STEP_DOWN : STEP_AGAIN;
}

/* Without PGE there are no global pages: what a load of CR3 drops then is all, unless there are
 * PCIDs. Systems that clear PGE do so to drop all, and set it with the next instruction. */
static bool is_global(const struct walk *w)
{
    return (w->entry & P_GLOBAL) && (w->c->cr4 & (X86_CR4_PGE | X86_CR4_PCIDE)) != X86_CR4_PCIDE;
}

static enum step finish(struct walk *w, vaddr va, unsigned shift, struct translation *t,
                        uint64_t *fault)
{
    uint64_t frame = w->entry & P_ADDRESS;
    if (shift == 22) {
        frame = (w->entry & 0xffc00000) | (w->entry >> 13 & 0xff) << 32; /* PSE-36 */
    }
    *t = (struct translation){.page_bits = (uint8_t)shift, .global = is_global(w)};
    t->pa = (frame & ~mask64(shift)) | (va & mask64(shift));
    rights(w, t);
    if (!key_allows(w, t) &&
        (w->access == ACCESS_WRITE || w->user || !(w->c->cr4 & X86_CR4_SMAP) || w->open)) {
        *fault = fault_word(w, E_PRESENT | E_KEY);
        return STEP_FAULT;
    }
    if (!allowed(t, w->access)) {
        *fault = fault_word(w, E_PRESENT);
        return STEP_FAULT;
    }
    if (!set_bits(w, P_ACCESSED | (w->access == ACCESS_WRITE ? P_DIRTY : 0))) {
        return STEP_AGAIN;
    }
    /* The first write to a clean page walks again, to set D. */
    t->write = t->write && (w->access == ACCESS_WRITE || (w->entry & P_DIRTY));
    return STEP_LEAF;
}

struct levels {
    unsigned top, bits; /* shift of the first level; bits of an index */
    bool legacy;        /* entries of 32 bits */
};

static struct levels levels_of(const struct x86_cpu *c)
{
    if (c->efer & X86_EFER_LMA) {
        return (struct levels){c->cr4 & X86_CR4_LA57 ? 48 : 39, 9, false};
    }
    return c->cr4 & X86_CR4_PAE ? (struct levels){30, 9, false} : (struct levels){22, 10, true};
}

static enum step walk_once(struct walk *w, vaddr va, struct translation *t, uint64_t *fault)
{
    const struct levels l = levels_of(w->c);
    const bool in_long = w->c->efer & X86_EFER_LMA;
    uint64_t table = w->c->cr3 & (l.legacy ? 0xfffff000 : l.top == 30 ? 0xffffffe0 : P_ADDRESS);
    w->bytes = l.legacy ? 4 : 8;
    w->all = P_WRITE | P_USER;
    for (unsigned shift = l.top;; shift -= l.bits) {
        const bool pointer = shift == 30 && !in_long; /* of PAE: no rights, no A, kept */
        const bool leaf = shift == 21 ||
                          (shift == 30 && in_long && x86_has(w->c, X86_HAS_pdpe1gb)) ||
                          (shift == 22 && (w->c->cr4 & X86_CR4_PSE));
        if (pointer) {
            w->entry = w->c->pdpte[va >> 30 & 3];
        } else if (!read_entry(w, table + (va >> shift & mask64(l.bits)) * w->bytes)) {
            *fault = FAULT_BUS;
            return STEP_FAULT;
        }
        if (pointer && (w->entry & P_PRESENT)) {
            table = w->entry & P_ADDRESS;
            continue;
        }
        const enum step s = step(w, shift, leaf, fault);
        if (s == STEP_LEAF) {
            return finish(w, va, shift, t, fault);
        }
        if (s != STEP_DOWN) {
            return s;
        }
        table = w->entry & P_ADDRESS;
    }
}

static bool identity(vaddr va, struct translation *t)
{
    *t = (struct translation){.pa = va,
                              .page_bits = GUEST_PAGE_BITS,
                              .read = true,
                              .write = true,
                              .exec = true,
                              .global = true};
    return true;
}

static bool walk_memory(struct x86_cpu *c, vaddr va, enum access a, unsigned idx,
                        struct translation *t, uint64_t *fault)
{
    struct walk w = {.c = c, .access = a, .user = idx == X86_MMU_USER, .open = idx == X86_MMU_OPEN};
    if ((c->efer & X86_EFER_LMA) && !x86_is_canonical(c, va)) {
        *fault = X86_FAULT_CANONICAL;
        return false;
    }
    if (!(c->cr0 & X86_CR0_PG)) {
        return identity(va, t);
    }
    enum step s;
    do {
        s = walk_once(&w, va, t, fault);
    } while (s == STEP_AGAIN);
    return s == STEP_LEAF;
}

/* With the A20 gate closed what is linear ends at each MiB; where the debug registers watch a page,
 * at the page. */
static void settle(const struct x86_cpu *c, vaddr va, unsigned idx, struct translation *t)
{
    if (c->a20_masked && t->page_bits > 20) {
        t->page_bits = 20;
    }
    t->pa = vcpu_address_in(x86_space_number(c), x86_a20(c, t->pa));
    if (x86_watches_page(c, va, idx)) {
        t->slow = true;
        t->page_bits = GUEST_PAGE_BITS;
    }
}

bool x86_walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
              uint64_t *fault)
{
    struct x86_cpu *c = x86_cpu(v);
    if (idx == X86_MMU_PORTS) {
        identity(vcpu_address_in(X86_SPACE_PORTS, va & 0xffff), t);
        t->exec = false;
        t->device = true;
        t->slow = x86_watches_page(c, va, idx);
        return true;
    }
    if (!walk_memory(c, va, a, idx, t, fault)) {
        return false;
    }
    settle(c, va, idx, t);
    return true;
}

/* As a read by the system, that sets no bits. */
bool x86_debug_translate(struct vcpu *v, vaddr va, paddr *pa)
{
    struct x86_cpu *c = x86_cpu(v);
    struct walk w = {.c = c};
    const struct levels l = levels_of(c);
    if (!(c->cr0 & X86_CR0_PG)) {
        *pa = vcpu_address_in(x86_space_number(c), x86_a20(c, va));
        return true;
    }
    uint64_t table = c->cr3 & (l.legacy ? 0xfffff000 : l.top == 30 ? 0xffffffe0 : P_ADDRESS);
    w.bytes = l.legacy ? 4 : 8;
    for (unsigned shift = l.top;; shift -= l.bits) {
        const uint64_t index = va >> shift & mask64(shift == 30 && l.top == 30 ? 2 : l.bits);
        if (!read_entry(&w, table + index * w.bytes) || !(w.entry & P_PRESENT)) {
            return false;
        }
        if (shift == 12 || (shift <= 30 && !(shift == 30 && l.top == 30) && (w.entry & P_LARGE))) {
            *pa = (w.entry & P_ADDRESS & ~mask64(shift)) | (va & mask64(shift));
            *pa = vcpu_address_in(x86_space_number(c), x86_a20(c, *pa));
            return true;
        }
        table = w.entry & P_ADDRESS;
    }
}

/* ---- all that is mapped */

/* The addresses around va that no table tells of; false: tables do. */
static bool is_outside(const struct x86_cpu *c, vaddr va, struct cpu_mapping *m)
{
    if (c->efer & X86_EFER_LMA) {
        const uint64_t half = UINT64_C(1) << (c->cr4 & X86_CR4_LA57 ? 56 : 47);
        m->first = half;
        m->last = ~half;
        return !x86_is_canonical(c, va);
    }
    m->first = UINT64_C(1) << 32;
    m->last = UINT64_MAX;
    return va >= m->first;
}

static void set_rights(struct walk *w, struct cpu_mapping *m)
{
    struct translation t;
    for (unsigned i = 0; i < 2; i++) {
        w->user = i == 0;
        rights(w, &t);
        m->read[i] = t.read;
        m->write[i] = t.write;
        m->exec[i] = t.exec;
    }
    m->global = (w->entry & P_GLOBAL) && (w->c->cr4 & X86_CR4_PGE);
}

/* Down to the leaf for va, or to where there is no further table: *shift is the piece's; false:
 * nothing is mapped there. */
static bool find_leaf(struct walk *w, vaddr va, unsigned *shift)
{
    const struct x86_cpu *c = w->c;
    const struct levels l = levels_of(c);
    const bool in_long = c->efer & X86_EFER_LMA;
    uint64_t table = c->cr3 & (l.legacy ? 0xfffff000 : l.top == 30 ? 0xffffffe0 : P_ADDRESS);
    w->bytes = l.legacy ? 4 : 8;
    w->all = P_WRITE | P_USER;
    for (*shift = l.top;; *shift -= l.bits) {
        const bool pointer = *shift == 30 && !in_long;
        if (pointer) {
            w->entry = c->pdpte[va >> 30 & 3];
        } else if (!read_entry(w, table + (va >> *shift & mask64(l.bits)) * w->bytes)) {
            return false;
        }
        const bool may_be_large = *shift == 21 || (*shift == 22 && (c->cr4 & X86_CR4_PSE)) ||
                                  (*shift == 30 && in_long && x86_has(c, X86_HAS_pdpe1gb));
        const bool leaf = *shift == 12 || (may_be_large && (w->entry & P_LARGE));
        if (!(w->entry & P_PRESENT) || (!pointer && is_reserved(w, *shift, leaf))) {
            return false;
        }
        if (!pointer) {
            w->all &= w->entry | ~(uint64_t)(P_WRITE | P_USER);
            w->all |= w->bytes == 8 ? w->entry & P_NX : 0;
        }
        if (leaf) {
            return true;
        }
        table = w->entry & P_ADDRESS;
    }
}

void x86_mapping(struct vcpu *v, vaddr va, struct cpu_mapping *m)
{
    struct walk w = {.c = x86_cpu(v)};
    unsigned shift;
    *m = (struct cpu_mapping){0};
    if (is_outside(w.c, va, m)) {
        return;
    }
    if (!(w.c->cr0 & X86_CR0_PG)) {
        *m = (struct cpu_mapping){.mapped = true,
                                  .read = {true, true},
                                  .write = {true, true},
                                  .exec = {true, true},
                                  .last = mask64(32)};
        return;
    }
    m->mapped = find_leaf(&w, va, &shift);
    m->first = va & ~mask64(shift);
    m->last = va | mask64(shift);
    if (m->mapped) {
        const uint64_t low = shift == 22 ? w.entry & 0xffc00000 : w.entry & P_ADDRESS;
        const uint64_t high = shift == 22 ? (w.entry >> 13 & 0xff) << 32 : 0;
        m->pa = x86_a20(w.c, (low | high) & ~mask64(shift));
        set_rights(&w, m);
    }
}
