/* SPDX-License-Identifier: MIT */
/*
 * The hot half of the TLB: looking a page up in the second level and refilling the inline tables.
 * Built without vector registers, so that generated code can call it without saving them (class
 * LEAF).
 */
#include "accel/tcg.h"
#include "accel/tlb.h"
#include "base/bits.h"

static inline unsigned set_of(uint64_t page, uint32_t tag, unsigned idx)
{
    uint64_t h = (page >> GUEST_PAGE_BITS) ^ (uint64_t)tag * 0x9e3779b1u ^ (uint64_t)idx << 7;

    return (unsigned)((h ^ h >> 13) & (TLB_L2_SETS - 1)) * TLB_L2_WAYS;
}

static struct tlb_page *find_in_set(struct tlb *t, unsigned set, uint64_t key, uint32_t tag,
                                    uint32_t gen)
{
    for (unsigned i = 0; i < TLB_L2_WAYS; i++) {
        struct tlb_page *p = &t->pages[set + i];
        if (p->key == key && p->tag == tag && p->gen == gen) {
            return p;
        }
    }
    return NULL;
}

/* Global pages are kept in the set of tag 0 and have tag UINT32_MAX, which no address space has. */
struct tlb_page *tlb_find_leaf(struct tlb *t, uint64_t va, unsigned idx)
{
    const uint64_t page = tlb_canonical(t, va) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    const uint64_t key = page | idx | 0x800;
    const uint32_t tag = tlb_tag_of(t, page, idx), gen = *tlb_page_gen(t, page);
    struct tlb_page *p = find_in_set(t, set_of(page, tag, idx), key, tag,
                                     gen + tlb_gen(t, page, tag, false));

    return p ? p
             : find_in_set(t, set_of(page, 0, idx), key, UINT32_MAX,
                           gen + tlb_gen(t, page, 0, true));
}

struct tlb_page *tlb_set_leaf(struct tlb *t, uint64_t page, uint32_t tag, unsigned idx, bool global)
{
    return &t->pages[set_of(page, global ? 0 : tag, idx)];
}

struct tlb_page *tlb_way_leaf(struct tlb *t, uint64_t page, uint32_t tag, unsigned idx, bool global)
{
    struct tlb_page *set = tlb_set_leaf(t, page, tag, idx, global);

    for (struct tlb_page *p = set; p < set + TLB_L2_WAYS; p++) {
        if (p->key == 0 || p->key == (page | idx | 0x800) ||
            p->gen != tlb_gen(t, p->key, p->tag, p->tag == UINT32_MAX) + *tlb_page_gen(t, p->key)) {
            return p;
        }
    }
    return &set[t->victim++ & (TLB_L2_WAYS - 1)];
}

static const struct tlb_large *find_large(const struct tlb *t, uint64_t va, unsigned idx)
{
    const uint64_t a = tlb_canonical(t, va);

    for (uint32_t sizes = t->large_sizes; sizes; sizes &= sizes - 1) {
        const unsigned bits = ctz32(sizes);
        const uint64_t base = a >> bits << bits;
        const struct tlb_large *l = &t->large[((a >> bits) ^ bits) & (TLB_LARGE_ENTRIES - 1)];
        const bool global = l->flags & TLB_GLOBAL;
        if (l->valid && l->bits == bits && l->base == base && l->idx == idx &&
            (global || l->tag == tlb_tag_of(t, a, idx)) &&
            l->gen == tlb_gen(t, a, l->tag, global)) {
            return l;
        }
    }
    return NULL;
}

bool tlb_fill_line_leaf(struct tlb *t, uint64_t va, unsigned idx, uint64_t host_page, bool write,
                        bool global)
{
    struct tlb_table *table = t->by_idx[idx];

    if (!table) {
        return true;
    }
    if (write && unlikely(t->dirty) && !dirty_open(t->dirty, (const uint8_t *)host_page)) {
        return false;
    }
    const uint64_t page = va & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    struct tlb_line *line = tlb_line(table, va, write);
    if (line->tag == page && line->addend == host_page - page) {
        return true; /* found by the run-time, which does not look here first */
    }
    const bool common = cpu_is_common(&t->regions, tlb_canonical(t, va));
    table->nonglobal += common && !global;
    if (table->shared && !(global && common)) {
        if (table->own_count < TLB_OWN_LIST) {
            table->own_lines[table->own_count] = (uint32_t)((char *)line - (char *)(table + 1));
        }
        table->own_count++;
    }
    if (write) {
        uint8_t *count = tlb_open_count(table, host_page);
        tlb_close_line(table, line);
        *count += *count != TLB_OPEN_MANY;
    }
    line->tag = page;
    line->addend = host_page - page;
    table->filled++;
    return true;
}

struct tlb_page *tlb_enter_leaf(struct tlb *t, uint64_t a, uint32_t tag, unsigned idx,
                                uint64_t pa_flags)
{
    const bool global = tag == UINT32_MAX;
    const uint64_t page = a & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    struct tlb_page *p = tlb_way_leaf(t, page, tag, idx, global);

    *p = (struct tlb_page){.key = page | idx | 0x800,
                           .tag = tag,
                           .gen = tlb_gen(t, a, tag, global) + *tlb_page_gen(t, page),
                           .pa_flags = pa_flags};
    p->host = (uint64_t)(uintptr_t)tlb_page_of_ram(t, pa_flags & ~(paddr)(GUEST_PAGE_SIZE - 1));
    return p;
}

/*
 * Walks, and enters the page that holds va. NULL, and nothing has been entered: it takes more than
 * that (large pages; what comes of a page in a common region that is not global), or an access of
 * that kind is not simply one of RAM.
 */
static const struct tlb_page *walk(struct vcpu *v, struct tlb *t, uint64_t va, unsigned access,
                                   unsigned idx)
{
    const uint64_t a = tlb_canonical(t, va);
    const bool common = cpu_is_common(&t->regions, a);
    struct translation tr;

    if (!v->cls->walk_leaf || !tcg_of(v) || tcg_of(v)->accel->watchpoint_count ||
        !(t->chosen >> idx & 1) || !v->cls->walk_leaf(v, va, access, idx, &tr) ||
        tr.page_bits != GUEST_PAGE_BITS) {
        return NULL;
    }
    const uint32_t flags = tlb_flags_of(&tr);
    const paddr pa = tr.pa & ~(paddr)(GUEST_PAGE_SIZE - 1);
    if ((flags & TLB_SLOW) || !(flags & (access == ACCESS_WRITE ? TLB_WRITE : TLB_READ)) ||
        !tlb_page_of_ram(t, pa) || (!tr.global && common)) {
        return NULL;
    }
    t->global_own |= tr.global && !common;
    t->idx_seen |= 1u << idx;
    t->walks++;
    return tlb_enter_leaf(t, a, tr.global ? UINT32_MAX : tlb_tag_of(t, a, idx), idx, pa | flags);
}

bool tlb_refill_leaf(struct vcpu *v, uint64_t va, unsigned access, unsigned idx)
{
    struct tlb *t = vcpu_env(v)->tlb;
    const bool write = access == ACCESS_WRITE;
    const uint8_t need = write ? TLB_WRITE : TLB_READ;

    if (va != tlb_canonical(t, va) && !vcpu_env(v)->top_byte_ignored[va >> 55 & 1]) {
        return false;
    }
    struct tlb_table *table = t->by_idx[idx];
    if (!table || (table->filled > table->lines * 4 && table->lines < TLB_MAX_LINES)) {
        return false; /* the C side resizes it */
    }
    const struct tlb_page *p = tlb_find_leaf(t, va, idx);
    uint64_t host;
    bool global;
    if (p) {
        if (!(p->pa_flags & need) || (p->pa_flags & TLB_SLOW) || !p->host ||
            (write && (p->pa_flags & TLB_ROM))) {
            return false;
        }
        host = p->host;
        global = p->pa_flags & TLB_GLOBAL;
    } else {
        const struct tlb_large *l = find_large(t, va, idx);
        if (!l) {
            p = walk(v, t, va, access, idx);
            return p && tlb_fill_line_leaf(t, va, idx, p->host, write, p->pa_flags & TLB_GLOBAL);
        }
        if (!(l->flags & need) || (l->flags & (TLB_SLOW | TLB_WATCHED))) {
            return false;
        }
        const uint64_t pa = l->pa +
                            ((tlb_canonical(t, va) - l->base) & ~(uint64_t)(GUEST_PAGE_SIZE - 1));
        host = (uint64_t)(uintptr_t)tlb_page_of_ram(t, pa);
        global = l->flags & TLB_GLOBAL;
        if (!host) {
            return false;
        }
    }
    t->refills++;
    return tlb_fill_line_leaf(t, va, idx, host, write, global);
}

void *vcpu_host_leaf(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx)
{
    const bool write = kind == ACCESS_WRITE;
    struct tlb *t = vcpu_env(v)->tlb;
    struct tlb_table *table = t ? t->by_idx[mmu_idx] : NULL;
    const uint64_t page = va & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

    if (!table) {
        return NULL;
    }
    const struct tlb_line *line = tlb_line(table, va, write);
    if (line->tag != page &&
        (!tlb_refill_leaf(v, va, (unsigned)kind, mmu_idx) || line->tag != page)) {
        return NULL;
    }
    return (void *)(uintptr_t)(va + line->addend);
}

/* For the C side: the large page that holds va, as flags and physical page; false if none. */
bool tlb_large_leaf(const struct tlb *t, uint64_t va, unsigned idx, uint64_t *pa_flags)
{
    const struct tlb_large *l = find_large(t, va, idx);

    if (!l) {
        return false;
    }
    *pa_flags = (l->pa + ((tlb_canonical(t, va) - l->base) & ~(uint64_t)(GUEST_PAGE_SIZE - 1))) |
                l->flags;
    return true;
}
