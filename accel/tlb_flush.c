/* SPDX-License-Identifier: MIT */
/*
 * Flushes of one vCPU's TLB.
 *
 * The second level forgets by generations (tlb.h), or looks where a page of one address space may
 * be. Inline tables have no generations, so lines are looked for: a page's in two places of each
 * table. A large page may have a line for each of its pages, in any table: large_set says which
 * ones were entered. In this way a flush costs what it covers.
 */
#include <string.h>

#include "accel/tcg.h"
#include "base/bits.h"

#define KEPT_APART 32u       /* lines */
#define ONE_BY_ONE 512u      /* pages; a longer range forgets more than it covers */
#define LARGE_ONE_BY_ONE 64u /* the same for large pages */
#define PAGE ((uint64_t)GUEST_PAGE_SIZE)

/* ---- the set of large pages */

static uint32_t large_home(uint64_t key)
{
    return (uint32_t)hash_mix64(key) & (TLB_LARGE_SET - 1);
}

/* Where key is, or the free slot where it would be entered. */
static uint32_t large_slot(const struct tlb *t, uint64_t key)
{
    uint32_t i = large_home(key);

    while (t->large_set[i] && t->large_set[i] != key) {
        i = (i + 1) & (TLB_LARGE_SET - 1);
    }
    return i;
}

static void forget_large(struct tlb *t)
{
    if (t->large_count) {
        memset(t->large_set, 0, TLB_LARGE_SET * sizeof(*t->large_set));
    }
    t->large_count = 0;
    t->large_sizes = 0;
}

void tlb_note_large(struct vcpu *v, uint64_t base, unsigned bits)
{
    struct tlb *t = vcpu_env(v)->tlb;
    const uint64_t key = base | bits;

    if (t->large_set[large_slot(t, key)] == key) {
        return;
    }
    if (t->large_count == TLB_LARGE_SET / 2) {
        tlb_drop_all(v);
    }
    t->large_set[large_slot(t, key)] = key;
    t->large_count++;
    t->large_sizes |= 1u << bits;
}

/* Frees slot i; keys that a search would not find behind the gap move up. */
static void remove_large(struct tlb *t, uint32_t i)
{
    const uint32_t mask = TLB_LARGE_SET - 1;
    uint64_t *set = t->large_set;

    for (uint32_t k = (i + 1) & mask; set[k]; k = (k + 1) & mask) {
        if (((k - large_home(set[k])) & mask) >= ((k - i) & mask)) {
            set[i] = set[k];
            i = k;
        }
    }
    set[i] = 0;
    t->large_count--;
}

/* ---- lines of the inline tables */

static void clear_tables(struct tlb *t)
{
    for (unsigned i = 0; i < TLB_TABLES && t->tables[i]; i++) {
        tlb_clear_table(t->tables[i]);
    }
}

static void drop(struct tlb_table *table, struct tlb_line *line, bool write)
{
    if (write) {
        tlb_close_line(table, line);
    } else {
        line->tag = TLB_NO_TAG;
    }
}

/* Where nearly all lines since the table was empty are not global a system keeps its own apart. */
void tlb_drop_own(struct tlb *t, struct tlb_table *table)
{
    t->keeps_apart |= table->nonglobal >= KEPT_APART && table->nonglobal > table->filled / 2;
    table->nonglobal = 0;
    if (table->own_count > TLB_OWN_LIST) {
        tlb_clear_table(table);
        return;
    }
    for (uint32_t i = 0; i < table->own_count; i++) {
        drop(table, (struct tlb_line *)((char *)(table + 1) + table->own_lines[i]),
             table->own_lines[i] >= TLB_WRITE_OFFSET);
    }
    table->own_count = 0;
}

static void drop_line(const struct tlb *t, struct tlb_table *table, uint64_t page)
{
    for (unsigned write = 0; write < 2; write++) {
        struct tlb_line *line = tlb_line(table, page, write);
        if (tlb_canonical(t, line->tag) == page) {
            drop(table, line, write);
        }
    }
}

/* A table may have pages at a that a flush of the tag covers. */
static bool may_have(const struct tlb *t, const struct tlb_table *table, uint64_t a, uint32_t tag)
{
    const bool others = cpu_is_common(&t->regions, a) || t->global_own || table->shared ||
                        tag == TLB_ANY_TAG;

    return table->filled && (others || table->spaces.tag[cpu_region(&t->regions, a)] == tag);
}

static void drop_lines(struct tlb *t, uint64_t first, uint64_t count, uint32_t tag)
{
    for (unsigned i = 0; i < TLB_TABLES && t->tables[i]; i++) {
        struct tlb_table *table = t->tables[i];
        if (!may_have(t, table, first, tag)) {
            continue;
        }
        if (count >= table->lines) {
            tlb_clear_table(table);
            continue;
        }
        for (uint64_t n = 0; n < count; n++) {
            drop_line(t, table, first + n * PAGE);
        }
    }
}

/* ---- flushes */

void tlb_drop_all(struct vcpu *v)
{
    struct tlb *t = vcpu_env(v)->tlb;

    t->gen_all++;
    forget_large(t);
    clear_tables(t);
    tlb_share_again(v);
}

static void drop_writes_of(struct tlb_table *table, const uint8_t *host)
{
    struct tlb_line *line = tlb_lines(table, true);
    const uint8_t *count = tlb_open_count(table, (uint64_t)(uintptr_t)host);

    for (uint32_t i = 0; *count && i < table->lines; i++) {
        if (line[i].tag + line[i].addend == (uint64_t)(uintptr_t)host) {
            tlb_close_line(table, &line[i]);
        }
    }
}

void tlb_drop_writes(struct vcpu *v, const uint8_t *host)
{
    struct tlb *t = vcpu_env(v)->tlb;

    for (unsigned i = 0; i < TLB_TABLES && t->tables[i]; i++) {
        struct tlb_table *table = t->tables[i];
        if (!table->filled) {
            continue;
        }
        if (host) {
            drop_writes_of(table, host);
        } else {
            memset(tlb_lines(table, true), 0xff, (size_t)table->lines << TLB_LINE_LOG2);
            memset(tlb_open_counts(table), 0, TLB_OPEN_COUNTS);
        }
    }
    if (!host) {
        tlb_find_ram(v);
    }
}

void tlb_drop_map(struct vcpu *v)
{
    tlb_drop_all(v);
    tlb_find_ram(v);
}

/* Of these regions, a bit each, some is in that space. */
static bool has_space(const struct tlb *t, const struct tlb_table *table, uint32_t tag,
                      uint32_t regions)
{
    for (unsigned r = 0; r < 1u << t->regions.bits; r++) {
        if ((regions >> r & 1) && table->spaces.tag[r] == tag) {
            return true;
        }
    }
    return false;
}

void tlb_drop_tag(struct vcpu *v, uint32_t tag)
{
    struct tlb *t = vcpu_env(v)->tlb;

    t->gen_tag[tag & 0xffff]++;
    for (unsigned i = 0; i < TLB_TABLES && t->tables[i]; i++) {
        struct tlb_table *table = t->tables[i];
        if (table->shared && has_space(t, table, tag, tlb_own_regions(t))) {
            tlb_drop_own(t, table);
        } else if (!table->shared && has_space(t, table, tag, UINT32_MAX)) {
            tlb_clear_table(table);
        }
    }
}

static void drop_large(struct vcpu *v, uint64_t first, uint64_t last)
{
    struct tlb *t = vcpu_env(v)->tlb;

    for (uint32_t sizes = t->large_sizes; sizes; sizes &= sizes - 1) {
        const unsigned bits = ctz32(sizes);
        if ((last >> bits) - (first >> bits) >= LARGE_ONE_BY_ONE && t->large_count) {
            tlb_drop_all(v);
            return;
        }
        for (uint64_t n = first >> bits; t->large_count && n <= last >> bits; n++) {
            const uint64_t base = n << bits;
            const uint32_t i = large_slot(t, base | bits);
            struct tlb_large *l = &t->large[(n ^ bits) & (TLB_LARGE_ENTRIES - 1)];
            if (!t->large_set[i]) {
                continue;
            }
            if (l->bits == bits && l->base == base) {
                l->valid = false;
            }
            remove_large(t, i);
            drop_lines(t, base, UINT64_C(1) << (bits - GUEST_PAGE_BITS), TLB_ANY_TAG);
        }
    }
}

/* The entries of the second level for a page; those of large pages are another matter. */
static void drop_entries(struct tlb *t, uint64_t page, uint32_t tag)
{
    if (tag == TLB_ANY_TAG) {
        ++*tlb_page_gen(t, page);
        return;
    }
    for (uint32_t seen = t->idx_seen; seen; seen &= seen - 1) {
        const unsigned idx = ctz32(seen);
        for (unsigned global = 0; global < 2; global++) {
            struct tlb_page *p = tlb_set_leaf(t, page, tag, idx, global);
            for (unsigned i = 0; i < TLB_L2_WAYS; i++) {
                p[i].key = p[i].key == (page | idx | 0x800) ? 0 : p[i].key;
            }
        }
    }
}

/* Forgets at least what was entered for pages of the region of a and the address space. */
static void drop_region(struct tlb *t, uint64_t a, uint32_t tag)
{
    if (tag != TLB_ANY_TAG) {
        t->gen_tag[tag & 0xffff]++;
    } else if (!cpu_is_common(&t->regions, a) || t->nonglobal_common) {
        t->gen_all++;
        return;
    }
    t->gen_tag[TLB_GLOBAL_GEN + cpu_region(&t->regions, a)]++;
}

void tlb_drop_range(struct vcpu *v, uint64_t va, uint64_t bytes, uint32_t tag)
{
    struct tlb *t = vcpu_env(v)->tlb;
    const uint64_t first = tlb_canonical(t, va) & ~(PAGE - 1);
    const uint64_t last = tlb_canonical(t, va) + bytes - 1;
    const uint64_t count = (last - first) / PAGE + 1;

    if (last < first || cpu_region(&t->regions, first) != cpu_region(&t->regions, last)) {
        tlb_drop_all(v);
        return;
    }
    drop_large(v, first, last);
    if (count > ONE_BY_ONE) {
        drop_region(t, first, tag);
    }
    for (uint64_t n = 0; count <= ONE_BY_ONE && n < count; n++) {
        drop_entries(t, first + n * PAGE, tag);
    }
    drop_lines(t, first, count, tag);
}
