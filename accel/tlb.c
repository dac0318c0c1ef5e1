/* SPDX-License-Identifier: MIT */
/* The TLB's life, page walks, and choice of resident tables; see tlb.h. The hot half is tlb_leaf.c,
 * flushes are in tlb_flush.c. */
#include "accel/debug.h"
#include "accel/tcg.h"

#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

#define TABLE_BYTES (GUEST_PAGE_SIZE + 2 * TLB_WRITE_OFFSET + TLB_OPEN_COUNTS)

static void set_lines(struct tlb_table *t, uint32_t lines)
{
    const size_t bytes = (size_t)lines << TLB_LINE_LOG2;

    t->lines = lines;
    t->mask = (uint64_t)(lines - 1) << TLB_LINE_LOG2;
    memset(tlb_lines(t, false), 0xff, bytes);
    memset(tlb_lines(t, true), 0xff, bytes);
    memset(tlb_open_counts(t), 0, TLB_OPEN_COUNTS);
    t->filled = 0;
    t->own_count = t->nonglobal = 0;
}

void tlb_clear_table(struct tlb_table *t)
{
    uint32_t lines = t->lines;

    if (t->filled == 0) {
        return;
    }
    /* So the work is less than what filling the lines was. */
    while (lines > TLB_MIN_LINES && t->filled * 2 < lines) {
        lines /= 4;
    }
    set_lines(t, lines);
}

static struct tlb_table *table_create(void)
{
    void *map = os_map_ram(TABLE_BYTES, NULL);

    if (!map) {
        mem_end(TABLE_BYTES);
    }
    struct tlb_table *t = (struct tlb_table *)((char *)map + GUEST_PAGE_SIZE) - 1;
    _Static_assert(offsetof(struct tlb_table, mask) + 8 == sizeof(struct tlb_table),
                   "generated code finds the mask before the lines");
    t->map = map;
    set_lines(t, TLB_MIN_LINES);
    return t;
}

/* The whole pages of a view: it begins and ends wherever another range covers a part of it. */
static struct tlb_ram whole_pages(const struct mem_view *m, unsigned space)
{
    const uint64_t first = align_up(m->base, GUEST_PAGE_SIZE);
    const uint64_t end = (m->base + m->size) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

    if (first >= end) {
        return (struct tlb_ram){0};
    }
    return (struct tlb_ram){.base = vcpu_address_in(space, first),
                            .size = end - first,
                            .host = m->range->host + m->offset + (first - m->base)};
}

void tlb_find_ram(struct vcpu *v)
{
    struct tlb *t = vcpu_env(v)->tlb;
    struct mem_view m[TLB_RAMS_OF_MEMORY];
    unsigned n = 0;

    t->dirty = v->memory && dirty_used(space_dirty(v->memory)) ? space_dirty(v->memory) : NULL;
    memset(t->ram, 0, sizeof(t->ram));
    /* The ranges that most pages are in are looked up once; others go through space_find. */
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        const unsigned most = i == 0 ? TLB_RAMS_OF_MEMORY : 1;
        const unsigned found = v->spaces[i] ? space_find_ram(v->spaces[i], m, most) : 0;
        for (unsigned k = 0; k < found; k++) {
            t->ram[n++] = whole_pages(&m[k], i);
        }
    }
}

struct tlb *tlb_create(struct vcpu *v)
{
    struct tlb *t = mem_alloc(sizeof(*t));

    t->pages = mem_array((size_t)TLB_L2_SETS * TLB_L2_WAYS, sizeof(*t->pages));
    t->large = mem_array(TLB_LARGE_ENTRIES, sizeof(*t->large));
    t->large_set = mem_array(TLB_LARGE_SET, sizeof(*t->large_set));
    t->gen_tag = mem_array(TLB_GEN_TAGS, sizeof(*t->gen_tag));
    t->regions = v->cls->regions;
    t->gen_all = 1;
    vcpu_env(v)->tlb = t;
    tlb_find_ram(v);
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
    mem_free(t->large_set);
    mem_free(t->gen_tag);
    mem_free(t);
}

/* ---- resident tables */

static bool in_use(const struct tlb *t, const struct tlb_table *table, unsigned but)
{
    for (unsigned k = 0; k < TLB_MMU_INDICES; k++) {
        if (t->by_idx[k] == table && k != but) {
            return true;
        }
    }
    return false;
}

/* Generated code looks into it. */
static bool is_inline(const struct vcpu *v, const struct tlb_table *table)
{
    return v->hot.tlb_current == table + 1 || v->hot.tlb_user == table + 1;
}

/* Changes of mode that are remembered lead to the table of an index. */
static void forget_switches(struct vcpu *v)
{
    if (tcg_of(v)) {
        switches_forget(tcg_of(v));
    }
}

/* All tables are in use, as there are more MMU indices than tables: the one that was chosen first
 * is taken from its index, which chooses anew when it is needed again. */
static unsigned take_table(struct vcpu *v)
{
    struct tlb *t = vcpu_env(v)->tlb;
    unsigned slot = TLB_TABLES;

    for (unsigned i = 0; i < TLB_TABLES; i++) {
        if (!is_inline(v, t->tables[i]) &&
            (slot == TLB_TABLES || t->tables[i]->last_use < t->tables[slot]->last_use)) {
            slot = i;
        }
    }
    assert(slot < TLB_TABLES);
    for (unsigned k = 0; k < TLB_MMU_INDICES; k++) {
        if (t->by_idx[k] == t->tables[slot]) {
            t->by_idx[k] = NULL;
            t->chosen &= ~(1u << k);
        }
    }
    forget_switches(v);
    return slot;
}

/* a and b agree in the regions, a bit each. */
static bool same_spaces(const struct tlb *t, const struct tlb_spaces *a, const struct tlb_spaces *b,
                        uint32_t regions)
{
    for (unsigned r = 0; r < 1u << t->regions.bits; r++) {
        if ((regions >> r & 1) && a->tag[r] != b->tag[r]) {
            return false;
        }
    }
    return true;
}

static bool serves(const struct tlb *t, const struct tlb_table *table, unsigned idx, bool shared)
{
    return table->used && table->idx == idx && table->shared == shared &&
           (shared || same_spaces(t, &table->spaces, &t->spaces[idx], UINT32_MAX));
}

/* The table for the spaces of idx, which may be one that held something else. */
static struct tlb_table *resident(struct vcpu *v, unsigned idx, bool shared)
{
    struct tlb *t = vcpu_env(v)->tlb;
    unsigned slot = TLB_TABLES;

    for (unsigned i = 0; i < TLB_TABLES; i++) {
        struct tlb_table *table = t->tables[i];
        if (!table) {
            slot = i;
            break;
        }
        if (serves(t, table, idx, shared)) {
            return table;
        }
        if (!in_use(t, table, idx) &&
            (slot == TLB_TABLES || table->last_use < t->tables[slot]->last_use)) {
            slot = i;
        }
    }
    if (slot == TLB_TABLES) {
        slot = take_table(v);
    }
    if (!t->tables[slot]) {
        t->tables[slot] = table_create();
    }
    struct tlb_table *table = t->tables[slot];
    tlb_clear_table(table);
    table->used = true;
    table->idx = (uint8_t)idx;
    table->shared = shared;
    table->spaces = t->spaces[idx];
    return table;
}

static void select_idx(struct vcpu *v, unsigned idx)
{
    struct tlb *t = vcpu_env(v)->tlb;
    const bool shared = t->regions.common && idx != t->user_idx && !t->unshared;
    struct tlb_table *table = t->by_idx[idx];

    if ((t->chosen >> idx & 1) && table->shared == shared) {
        return;
    }
    t->chosen |= 1u << idx;
    for (unsigned r = 0; r < 1u << t->regions.bits; r++) {
        t->spaces[idx].tag[r] = v->cls->space_tag(v, (uint64_t)r << t->regions.shift, idx);
    }
    if (!table || !serves(t, table, idx, shared)) {
        table = resident(v, idx, shared);
        t->by_idx[idx] = table;
        table->last_use = ++t->tick;
        forget_switches(v);
    }
    if (shared) {
        if (!same_spaces(t, &table->spaces, &t->spaces[idx], tlb_own_regions(t))) {
            tlb_drop_own(t, table);
        }
        table->spaces = t->spaces[idx];
    }
}

/* Tables can be shared no longer: those in use get the address spaces whose pages they hold now. */
static void unshare_tables(struct tlb *t)
{
    const uint32_t own = ~(uint32_t)t->regions.common;

    t->unshared = true;
    t->chosen = 0;
    for (unsigned i = 0; i < TLB_TABLES && t->tables[i]; i++) {
        struct tlb_table *table = t->tables[i];
        if (!table->shared) {
            continue;
        }
        if (t->by_idx[table->idx] == table &&
            same_spaces(t, &table->spaces, &t->spaces[table->idx], own)) {
            table->shared = false;
            table->spaces = t->spaces[table->idx];
            table->own_count = 0;
        } else {
            tlb_clear_table(table);
            table->used = false;
        }
    }
}

/* Systems have pages that are not global while they start. Tables in use stay the same, which
 * generated code knows. */
void tlb_share_again(struct vcpu *v)
{
    struct tlb *t = vcpu_env(v)->tlb;

    t->nonglobal_common = false;
    t->keeps_apart = false;
    if (!t->unshared) {
        return;
    }
    t->unshared = false;
    for (unsigned i = 0; i < TLB_TABLES && t->tables[i]; i++) {
        struct tlb_table *table = t->tables[i];
        table->used = t->by_idx[table->idx] == table;
        table->shared = t->regions.common && table->idx != t->user_idx;
    }
    forget_switches(v);
}

void tlb_select(struct vcpu *v, bool space)
{
    struct tlb *t = vcpu_env(v)->tlb;
    const unsigned idx = v->cls->mmu_index(v);
    const unsigned user = v->cls->mmu_index_user(v);

    if (space) {
        t->chosen = 0;
        forget_switches(v);
    }
    t->user_idx = user;
    select_idx(v, idx);
    v->hot.tlb_current = t->by_idx[idx] + 1;
    if (user != idx) {
        select_idx(v, user);
    }
    v->hot.tlb_user = t->by_idx[user] + 1;
}

/* For an index that is not in use, whose table and tags are those of some time before. */
__attribute__((noinline)) static void choose(struct vcpu *v, unsigned idx)
{
    select_idx(v, idx);
}

void tlb_forget(struct vcpu *v)
{
    struct tlb *t = vcpu_env(v)->tlb;

    tlb_drop_map(v);
    memset(t->pages, 0, (size_t)TLB_L2_SETS * TLB_L2_WAYS * sizeof(*t->pages));
    memset(t->large, 0, TLB_LARGE_ENTRIES * sizeof(*t->large));
    for (unsigned i = 0; i < TLB_TABLES && t->tables[i]; i++) {
        set_lines(t->tables[i], TLB_MIN_LINES);
        t->tables[i]->used = false;
    }
    t->chosen = 0;
    t->idx_seen = 0;
    t->global_own = t->nonglobal_common = t->unshared = false;
    t->keeps_apart = false;
}

/* ---- look-up with page walk */

/* The debugger watches a byte of the 2^bits around a. */
static inline bool is_watched(const struct vcpu *v, uint64_t a, unsigned bits)
{
    const struct tcg_vcpu *t = tcg_of(v);

    return t && unlikely(t->accel->watchpoint_count) && tcg_range_watched(t->accel, a, bits);
}

/* The view of pa, and (at) its address there. */
static bool find_view(const struct vcpu *v, paddr pa, struct mem_view *m, paddr *at)
{
    struct space *s = vcpu_space(v, pa);

    *at = vcpu_plain_address(pa);
    return s && space_find(s, *at, m);
}

/* Where a page that is not in that RAM is, for the second level. */
static void enter_host(struct vcpu *v, struct tlb_page *p, paddr pa)
{
    struct mem_view m;
    paddr at;

    if (find_view(v, pa, &m, &at) && m.range->kind != RANGE_MMIO &&
        at + GUEST_PAGE_SIZE <= m.base + m.size) {
        p->host = (uint64_t)(uintptr_t)m.range->host + m.offset + (at - m.base);
        if (m.range->kind != RANGE_RAM) {
            p->pa_flags |= TLB_ROM;
        }
    }
}

/* A page of a region that is common, which is global or not. A few that are not are lines that a
 * shared table drops (tlb_fill_line_leaf); many are a system that keeps its own apart. */
static void note_common(struct vcpu *v, bool global)
{
    struct tlb *t = vcpu_env(v)->tlb;

    t->nonglobal_common |= !global;
    if (!global && !t->unshared && t->keeps_apart) {
        unshare_tables(t);
        forget_switches(v);
    }
}

/* Enters tr into the second level; gives its page's address and flags. */
static uint64_t enter(struct vcpu *v, uint64_t va, unsigned idx, const struct translation *tr)
{
    struct tlb *t = vcpu_env(v)->tlb;
    const uint64_t a = tlb_canonical(t, va);
    const uint32_t tag = tr->global ? UINT32_MAX : tlb_tag_of(t, a, idx);
    const bool large = tr->page_bits > GUEST_PAGE_BITS && tr->page_bits < 63;
    const bool watched = is_watched(v, a, large ? tr->page_bits : GUEST_PAGE_BITS);
    const bool slow = tr->slow || (watched && !large);
    const uint32_t gen = tlb_gen(t, a, tag, tr->global);
    const uint32_t flags = tlb_flags_of(tr) | (slow ? TLB_SLOW : 0) |
                           (watched && large ? TLB_WATCHED : 0);

    const bool common = cpu_is_common(&t->regions, a);
    if (common) {
        note_common(v, tr->global);
    }
    t->global_own |= tr->global && !common;
    t->idx_seen |= 1u << idx;
    if (large) {
        const unsigned bits = tr->page_bits;
        const uint64_t base = a >> bits << bits;
        struct tlb_large *l = &t->large[((a >> bits) ^ bits) & (TLB_LARGE_ENTRIES - 1)];
        tlb_note_large(v, base, bits);
        *l = (struct tlb_large){.base = base,
                                .pa = tr->pa - (a - base),
                                .tag = tag,
                                .bits = (uint8_t)bits,
                                .idx = (uint8_t)idx,
                                .flags = (uint8_t)flags,
                                .valid = true,
                                .gen = gen};
        return (tr->pa & ~(paddr)(GUEST_PAGE_SIZE - 1)) | flags;
    }
    const paddr pa = tr->pa & ~(paddr)(GUEST_PAGE_SIZE - 1);
    struct tlb_page *p = tlb_enter_leaf(t, a, tag, idx, pa | flags);
    if (!p->host) {
        enter_host(v, p, pa);
    }
    return p->pa_flags;
}

static inline void fill_hit(struct vcpu *v, uint64_t pa_flags, uint64_t va, enum access a,
                            struct tlb_hit *hit)
{
    const uint64_t at = va & (GUEST_PAGE_SIZE - 1);
    const paddr page = pa_flags & ~(uint64_t)(GUEST_PAGE_SIZE - 1), pa = page | at;
    struct mem_view m;
    paddr where;

    hit->pa = pa;
    hit->host = NULL;
    hit->bytes = 0;
    hit->left = GUEST_PAGE_SIZE - (uint32_t)at;
    hit->whole = false;
    hit->part = false;
    hit->code = false;
    hit->global = pa_flags & TLB_GLOBAL;
    hit->slow = pa_flags & TLB_SLOW;
    if (unlikely(pa_flags & TLB_WATCHED)) {
        hit->slow |= is_watched(v, cpu_canonical(&v->cls->regions, va), GUEST_PAGE_BITS);
    }
    uint8_t *ram = vcpu_env(v)->tlb ? tlb_page_of_ram(vcpu_env(v)->tlb, page) : NULL;
    if (ram) {
        hit->host = ram + at;
        hit->bytes = GUEST_PAGE_SIZE - (uint32_t)at;
        hit->whole = true;
    } else if (find_view(v, pa, &m, &where) && m.range->kind != RANGE_MMIO &&
               (m.range->kind == RANGE_RAM || a != ACCESS_WRITE)) {
        const uint64_t left = m.base + m.size - where, in_page = GUEST_PAGE_SIZE - at;
        hit->host = m.range->host + m.offset + (where - m.base);
        hit->bytes = (uint32_t)(left < in_page ? left : in_page);
        hit->whole = m.base <= where - at && left >= in_page;
    }
}

/* Behind a walk for access a: what it found may be for a part of the page only. */
static inline void cut_to_part(const struct translation *tr, uint64_t va, enum access a,
                               struct tlb_hit *hit)
{
    if (unlikely(tr->in_part >> a & 1)) {
        const uint32_t left = tr->to - (uint32_t)(va & (GUEST_PAGE_SIZE - 1));
        hit->part = true;
        hit->left = left < hit->left ? left : hit->left;
        hit->bytes = hit->bytes < hit->left ? hit->bytes : hit->left;
    }
}

static void resize_if_crowded(struct tlb *t, unsigned idx)
{
    struct tlb_table *table = t->by_idx[idx];

    if (table && table->filled > table->lines * 4 && table->lines < TLB_MAX_LINES) {
        set_lines(table, table->lines * 4);
    }
}

/* Nothing is kept: a vCPU that the translator does not run. */
__attribute__((noinline)) static bool walk_anew(struct vcpu *v, uint64_t va, enum access a,
                                                unsigned idx, struct tlb_hit *hit, uint64_t *fault)
{
    struct translation tr;

    if (!v->cls->walk(v, va, a, idx, &tr, fault)) {
        return false;
    }
    fill_hit(v,
             (tr.pa & ~(paddr)(GUEST_PAGE_SIZE - 1)) | (tr.global ? TLB_GLOBAL : 0) |
                 (tr.slow ? TLB_SLOW : 0),
             va, a, hit);
    cut_to_part(&tr, va, a, hit);
    return true;
}

bool tlb_lookup(struct vcpu *v, uint64_t va, enum access a, unsigned idx, struct tlb_hit *hit,
                uint64_t *fault)
{
    static const uint8_t needs[] = {
        [ACCESS_READ] = TLB_READ, [ACCESS_WRITE] = TLB_WRITE, [ACCESS_FETCH] = TLB_EXEC};
    struct tlb *t = vcpu_env(v)->tlb;
    uint64_t pa_flags;
    struct translation tr;
    bool walked = false;

    if (unlikely(!t)) {
        return walk_anew(v, va, a, idx, hit, fault);
    }
    if (unlikely(!(t->chosen >> idx & 1))) {
        choose(v, idx);
    }
    const bool usable = va == tlb_canonical(t, va) ||
                        (a != ACCESS_FETCH && vcpu_env(v)->top_byte_ignored[va >> 55 & 1]);
    const struct tlb_page *p = usable ? tlb_find_leaf(t, va, idx) : NULL;
    if (p) {
        pa_flags = p->pa_flags;
    }
    if ((!p && !(usable && tlb_large_leaf(t, va, idx, &pa_flags))) || !(pa_flags & needs[a])) {
        t->walks++;
        if (!v->cls->walk(v, va, a, idx, &tr, fault)) {
            return false;
        }
        pa_flags = enter(v, va, idx, &tr);
        walked = true;
    }
    resize_if_crowded(t, idx);
    fill_hit(v, pa_flags, va, a, hit);
    if (walked) {
        cut_to_part(&tr, va, a, hit);
    }
    if (unlikely(t->dirty) && a == ACCESS_WRITE && hit->host) {
        hit->code = dirty_touch(t->dirty, hit->host) & DIRTY_CODE;
    }
    if (hit->whole && !hit->slow && !hit->part && a != ACCESS_FETCH) {
        tlb_fill_line_leaf(t, va, idx,
                           (uint64_t)(uintptr_t)hit->host - (va & (GUEST_PAGE_SIZE - 1)),
                           a == ACCESS_WRITE, hit->global);
    }
    return true;
}
