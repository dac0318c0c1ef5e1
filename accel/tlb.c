/* SPDX-License-Identifier: MIT */
/* The TLB's life, page walks, choice of resident tables and flushes; see tlb.h. The hot half is
 * tlb_leaf.c. */
#include "accel/tcg.h"

#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

#define TABLE_BYTES (GUEST_PAGE_SIZE + 2 * TLB_WRITE_OFFSET)

static void clear_table(struct tlb_table *t)
{
    const size_t bytes = (size_t)t->lines << TLB_LINE_LOG2;

    memset(tlb_lines(t, false), 0xff, bytes);
    memset(tlb_lines(t, true), 0xff, bytes);
    t->filled = 0;
    t->low_count = 0;
}

static void set_lines(struct tlb_table *t, uint32_t lines)
{
    t->lines = lines;
    t->mask = (uint64_t)(lines - 1) << TLB_LINE_LOG2;
    clear_table(t);
}

static struct tlb_table *table_create(void)
{
    void *map = os_map_ram(TABLE_BYTES, NULL);
    struct tlb_table *t = (struct tlb_table *)((char *)map + GUEST_PAGE_SIZE) - 1;

    assert(map && offsetof(struct tlb_table, mask) + 8 == sizeof(struct tlb_table));
    t->map = map;
    set_lines(t, TLB_MIN_LINES);
    return t;
}

static void find_ram(struct vcpu *v)
{
    struct tlb *t = v->env.tlb;
    const uint64_t probes[] = {0x40000000, 0, 0x80000000};

    /* The range that most pages are in is looked up once; others go through space_find. */
    for (unsigned i = 0; i < array_len(probes) && !t->ram; i++) {
        struct mem_view m;
        if (v->memory && space_find(v->memory, probes[i], &m) && m.range->kind == RANGE_RAM) {
            t->ram = m.range->host + m.offset;
            t->ram_base = m.base;
            t->ram_size = m.size & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
        }
    }
}

struct tlb *tlb_create(struct vcpu *v)
{
    struct tlb *t = mem_alloc(sizeof(*t));

    t->pages = mem_array((size_t)TLB_L2_SETS * TLB_L2_WAYS, sizeof(*t->pages));
    t->large = mem_array(TLB_LARGE_ENTRIES, sizeof(*t->large));
    t->gen_tag = mem_array(TLB_GLOBAL_GEN + 1, sizeof(*t->gen_tag));
    t->gen_all = 1;
    v->env.tlb = t;
    find_ram(v);
    return t;
}

void tlb_destroy(struct tlb *t)
{
    for (unsigned i = 0; i < TLB_TABLES; i++) {
        if (t->tables[i]) {
            os_unmap(t->tables[i]->map, TABLE_BYTES);
        }
    }
    mem_free(t->pages);
    mem_free(t->large);
    mem_free(t->gen_tag);
    mem_free(t);
}

/* ---- resident tables */

static struct tlb_table *resident(struct tlb *t, unsigned idx, uint32_t tag)
{
    struct tlb_table *oldest = NULL;
    unsigned slot = 0;

    for (unsigned i = 0; i < TLB_TABLES; i++) {
        struct tlb_table *table = t->tables[i];
        if (table && table->used && table->idx == idx && table->tag == tag) {
            table->last_use = ++t->tick;
            return table;
        }
        bool in_use = false;
        for (unsigned k = 0; table && k < TLB_MMU_INDICES; k++) {
            in_use |= t->by_idx[k] == table && k != idx;
        }
        if (!in_use &&
            (!oldest || !table || (t->tables[slot] && table->last_use < oldest->last_use))) {
            if (!oldest || t->tables[slot]) {
                oldest = table;
                slot = i;
            }
        }
        if (!table) {
            break;
        }
    }
    struct tlb_table *table = t->tables[slot];
    if (!table) {
        table = t->tables[slot] = table_create();
    } else {
        set_lines(table, TLB_MIN_LINES);
    }
    table->used = true;
    table->idx = (uint8_t)idx;
    table->tag = tag;
    table->last_use = ++t->tick;
    return table;
}

/* A table that several address spaces share: the lines of the low half go when the low half's space
 * changes. */
static void drop_low(struct tlb_table *table)
{
    if (table->low_count > TLB_LOW_LIST) {
        clear_table(table);
        return;
    }
    for (uint32_t i = 0; i < table->low_count; i++) {
        ((struct tlb_line *)((char *)(table + 1) + table->low[i]))->tag = TLB_NO_TAG;
    }
    table->low_count = 0;
}

static void select_idx(struct vcpu *v, unsigned idx)
{
    struct tlb *t = v->env.tlb;
    const uint32_t low = v->cls->space_tag(v, 0, idx);
    const uint32_t high = v->cls->space_tag(v, UINT64_MAX << 12, idx);
    const uint32_t key = idx == t->user_idx ? low : 0;
    struct tlb_table *table = t->by_idx[idx];

    if (!table || !table->used || table->tag != key || table->idx != idx) {
        table = t->by_idx[idx] = resident(t, idx, key);
    }
    if (t->high_tag[idx] != high && t->nonglobal_high) {
        clear_table(table); /* nothing of the shared half is known to be global */
    } else if (t->low_tag[idx] != low && idx != t->user_idx) {
        drop_low(table);
    }
    t->low_tag[idx] = low;
    t->high_tag[idx] = high;
}

void tlb_select(struct vcpu *v)
{
    struct tlb *t = v->env.tlb;
    const unsigned idx = v->cls->mmu_index(v);
    const unsigned user = v->cls->mmu_index_user(v);

    t->user_idx = user;
    select_idx(v, idx);
    if (user != idx) {
        select_idx(v, user);
    }
    v->hot.tlb_current = t->by_idx[idx] + 1;
    v->hot.tlb_user = t->by_idx[user] + 1;
}

/* ---- look-up with page walk */

static unsigned large_hash(uint64_t a, unsigned bits)
{
    return (unsigned)hash_mix64((a >> bits) ^ (uint64_t)bits << 56) & 4095;
}

/* A large page that holds a has been entered since they were last forgotten (or its hash says so).
 */
static bool in_large_page(const struct tlb *t, uint64_t a)
{
    for (uint32_t sizes = t->large_sizes; sizes; sizes &= sizes - 1) {
        const unsigned h = large_hash(a, ctz32(sizes));
        if (t->large_filter[h / 64] >> h % 64 & 1) {
            return true;
        }
    }
    return false;
}

/* Enters tr into the second level; gives its page's address and flags. */
static uint64_t enter(struct vcpu *v, uint64_t va, unsigned idx, const struct translation *tr)
{
    struct tlb *t = v->env.tlb;
    const uint64_t a = tlb_canonical(va);
    const uint32_t tag = tr->global ? UINT32_MAX : tlb_tag_of(t, a, idx);
    const struct accel *accel = v->accel ? tcg_of(v)->accel : NULL;
    const bool watched = accel && accel->watchpoint_count && tcg_page_watched(accel, va);
    const uint32_t flags = (tr->read ? TLB_READ : 0) | (tr->write ? TLB_WRITE : 0) |
                           (tr->exec ? TLB_EXEC : 0) | (tr->global ? TLB_GLOBAL : 0) |
                           (tr->slow || watched ? TLB_SLOW : 0) | (tr->device ? TLB_DEVICE : 0);

    if (tr->page_bits > GUEST_PAGE_BITS && !watched && tr->page_bits < 63) {
        const unsigned bits = tr->page_bits;
        const uint64_t base = a >> bits << bits;
        struct tlb_large *l = &t->large[((a >> bits) ^ bits) & (TLB_LARGE_ENTRIES - 1)];
        *l = (struct tlb_large){.base = base,
                                .pa = tr->pa - (a - base),
                                .tag = tag,
                                .bits = (uint8_t)bits,
                                .idx = (uint8_t)idx,
                                .flags = (uint8_t)flags,
                                .valid = true,
                                .gen = tlb_gen(t, tag, tr->global)};
        t->large_sizes |= 1u << bits;
        const unsigned h = large_hash(a, bits);
        t->large_filter[h / 64] |= UINT64_C(1) << h % 64;
        return (tr->pa & ~(paddr)(GUEST_PAGE_SIZE - 1)) | flags;
    }
    const uint64_t page = a & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    const paddr pa = tr->pa & ~(paddr)(GUEST_PAGE_SIZE - 1);
    struct tlb_page *p = tlb_way_leaf(t, page, tag, idx, tr->global);
    t->nonglobal_high |= !tr->global && a >> 63;
    *p = (struct tlb_page){.key = page | idx | 0x800,
                           .tag = tag,
                           .gen = tlb_gen(t, tag, tr->global),
                           .pa_flags = pa | flags};
    struct mem_view m;
    if (space_find(v->memory, pa, &m) && m.range->kind != RANGE_MMIO &&
        pa + GUEST_PAGE_SIZE <= m.base + m.size) {
        p->host = (uint64_t)(uintptr_t)m.range->host + m.offset + (pa - m.base);
        if (m.range->kind != RANGE_RAM) {
            p->pa_flags |= TLB_ROM;
        }
    }
    return p->pa_flags;
}

static void fill_hit(struct vcpu *v, uint64_t pa_flags, uint64_t va, enum access a,
                     struct tlb_hit *hit)
{
    const paddr pa = (pa_flags & ~(uint64_t)(GUEST_PAGE_SIZE - 1)) | (va & (GUEST_PAGE_SIZE - 1));
    struct mem_view m;

    hit->pa = pa;
    hit->host = NULL;
    hit->slow = pa_flags & TLB_SLOW;
    if (space_find(v->memory, pa, &m) && m.range->kind != RANGE_MMIO &&
        (m.range->kind == RANGE_RAM || a != ACCESS_WRITE)) {
        hit->host = m.range->host + m.offset + (pa - m.base);
    }
}

static void resize_if_crowded(struct tlb *t, unsigned idx)
{
    struct tlb_table *table = t->by_idx[idx];

    if (table && table->filled > table->lines * 4) {
        set_lines(table, table->lines < TLB_MAX_LINES ? table->lines * 4 : table->lines);
    }
}

bool tlb_lookup(struct vcpu *v, uint64_t va, enum access a, unsigned idx, struct tlb_hit *hit,
                uint64_t *fault)
{
    static const uint8_t needs[] = {
        [ACCESS_READ] = TLB_READ, [ACCESS_WRITE] = TLB_WRITE, [ACCESS_FETCH] = TLB_EXEC};
    struct tlb *t = v->env.tlb;
    const bool usable = va == tlb_canonical(va) ||
                        (a != ACCESS_FETCH && v->env.top_byte_ignored[va >> 55 & 1]);
    const struct tlb_page *p = usable ? tlb_find_leaf(t, va, idx) : NULL;
    uint64_t pa_flags;
    struct translation tr;

    if (p) {
        pa_flags = p->pa_flags;
    }
    if ((!p && !(usable && tlb_large_leaf(t, va, idx, &pa_flags))) || !(pa_flags & needs[a])) {
        t->walks++;
        if (!v->cls->walk(v, va, a, idx, &tr, fault)) {
            return false;
        }
        pa_flags = enter(v, va, idx, &tr);
    }
    resize_if_crowded(t, idx);
    fill_hit(v, pa_flags, va, a, hit);
    if (hit->host && !hit->slow && a != ACCESS_FETCH && t->by_idx[idx]) {
        tlb_fill_line_leaf(t, va, idx,
                           (uint64_t)(uintptr_t)hit->host & ~(uint64_t)(GUEST_PAGE_SIZE - 1),
                           a == ACCESS_WRITE);
    }
    return true;
}

/* ---- flushes */

static void forget_large(struct tlb *t)
{
    memset(t->large, 0, TLB_LARGE_ENTRIES * sizeof(*t->large));
    t->large_sizes = 0;
    memset(t->large_filter, 0, sizeof(t->large_filter));
}

static void clear_tables(struct tlb *t)
{
    for (unsigned i = 0; i < TLB_TABLES; i++) {
        if (t->tables[i]) {
            clear_table(t->tables[i]);
        }
    }
}

void tlb_drop_all(struct vcpu *v)
{
    struct tlb *t = v->env.tlb;

    t->gen_all++;
    forget_large(t);
    clear_tables(t);
    t->ram = NULL;
    find_ram(v);
}

void tlb_drop_tag(struct vcpu *v, uint32_t tag)
{
    struct tlb *t = v->env.tlb;

    t->gen_tag[tag & 0xffff]++;
    for (unsigned i = 0; i < TLB_TABLES; i++) {
        struct tlb_table *table = t->tables[i];
        if (!table) {
            continue;
        }
        const bool shared = table->used && table->idx != t->user_idx;
        if (shared && !t->nonglobal_high) {
            drop_low(table);
        } else if (shared || table->tag == tag) {
            clear_table(table);
        }
    }
}

static void drop_lines(struct tlb *t, uint64_t a)
{
    const uint64_t page = a & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

    for (unsigned i = 0; i < TLB_TABLES; i++) {
        for (unsigned write = 0; t->tables[i] && write < 2; write++) {
            struct tlb_line *line = tlb_line(t->tables[i], a, write);
            if (tlb_canonical(line->tag) == page) {
                line->tag = TLB_NO_TAG;
            }
        }
    }
}

void tlb_drop_page(struct vcpu *v, uint64_t va, uint32_t tag)
{
    struct tlb *t = v->env.tlb;
    const uint64_t a = tlb_canonical(va);
    const uint64_t page = a & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

    if (in_large_page(t, a)) {
        /* Lines of a large page cannot be found one by one. */
        for (uint32_t sizes = t->large_sizes; sizes; sizes &= sizes - 1) {
            const unsigned bits = ctz32(sizes);
            struct tlb_large *l = &t->large[((a >> bits) ^ bits) & (TLB_LARGE_ENTRIES - 1)];
            if (l->valid && l->bits == bits && l->base == a >> bits << bits) {
                l->valid = false;
            }
        }
        clear_tables(t);
    }
    for (unsigned idx = 0; idx < TLB_MMU_INDICES; idx++) {
        const uint64_t key = page | idx | 0x800;
        const uint32_t tags[2] = {tag == TLB_ANY_TAG ? tlb_tag_of(t, a, idx) : tag, 0};
        for (unsigned g = 0; g < 2; g++) {
            struct tlb_page *p = tlb_way_leaf(t, page, tags[g], idx, g == 1);
            const unsigned set = (unsigned)(p - t->pages) & ~(TLB_L2_WAYS - 1);
            for (unsigned i = 0; i < TLB_L2_WAYS; i++) {
                if (t->pages[set + i].key == key) {
                    t->pages[set + i].key = 0;
                }
            }
        }
    }
    drop_lines(t, a);
    if (tag == TLB_ANY_TAG && (!(a >> 63) || t->nonglobal_high)) {
        /* Pages entered under another address space's tag cannot be found by address. */
        t->gen_all++;
        forget_large(t);
        clear_tables(t);
    }
}
