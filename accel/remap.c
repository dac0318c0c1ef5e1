/* SPDX-License-Identifier: MIT */
/*
 * What a change of the map of physical memory means for code. The TLBs are emptied (flush.c).
 *
 * A block is known by its physical address, so it is wrong once something else is mapped
 * there: another memory, a device, a part of either. For each page with blocks the host address
 * that they were made from is kept, and compared with the map where that has changed: a flash that
 * changes its mode a thousand times costs a look at its own pages of code, and no translation.
 */
#include "accel/remap.h"
#include "accel/blocks.h"
#include "accel/tcg.h"
#include "base/mem.h"
#include "memory/changes.h"

#define PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))
#define IN_PARTS ((void *)(uintptr_t)1) /* the page is not of one memory: compared by nobody */

/* Where a can be fetched from, if the whole page can be. */
static const uint8_t *host_of(const struct vcpu *v, uint64_t pa, bool *whole)
{
    struct space *s = vcpu_space(v, pa);
    const uint64_t a = vcpu_plain_address(pa), page = a & PAGE_MASK;
    struct mem_view m;

    if (!s || !space_find(s, a, &m) || m.range->kind == RANGE_MMIO) {
        return NULL;
    }
    *whole = m.base <= page && page + GUEST_PAGE_SIZE <= m.base + m.size;
    return m.range->host + m.offset + (a - m.base);
}

bool remap_note_code(struct vcpu *v, const struct tlb_hit *hit, struct code_page *p)
{
    struct hash *hosts = tcg_of(v)->accel->code_hosts;
    const uint64_t page = hit->pa & PAGE_MASK;
    void *host = hit->whole ? hit->host - (hit->pa - page) : IN_PARTS;
    bool whole;

    if (p->noted == host && host != IN_PARTS) {
        return true;
    }
    if (host_of(v, hit->pa, &whole) != hit->host || whole != hit->whole) {
        return false;
    }
    if (hash_get(hosts, page) && hash_get(hosts, page) != host) {
        /* The map has changed, and who has changed it is about to look: what is kept of the page is
         * of the memory that was there. */
        block_drop_range(tcg_of(v)->accel, page, GUEST_PAGE_SIZE);
    }
    hash_put(hosts, page, host);
    p->noted = host;
    return true;
}

static bool has_moved(const struct vcpu *v, uint64_t page, const void *host)
{
    bool whole = false;

    return host == IN_PARTS || host_of(v, page, &whole) != host || !whole;
}

struct pages {
    uint64_t *page;
    size_t count, room;
};

static void check_page(struct tcg *a, struct pages *moved, uint64_t page)
{
    void *host = hash_get(a->code_hosts, page);

    if (!host || !has_moved(a->base.vcpus[0], page, host)) {
        return;
    }
    if (moved->count == moved->room) {
        moved->room = moved->room ? 2 * moved->room : 64;
        moved->page = mem_resize_array(moved->page, moved->room, sizeof(*moved->page));
    }
    moved->page[moved->count++] = page;
}

static bool is_in(uint64_t page, uint64_t base, uint64_t size)
{
    return page - base < size || base - page < GUEST_PAGE_SIZE;
}

/* What has code in [base, base + size), page by page or by all pages with code. */
static void check_range(struct tcg *a, struct pages *moved, uint64_t base, uint64_t size)
{
    const uint64_t pages = size / GUEST_PAGE_SIZE + 2;
    uint64_t page;
    void *host;
    size_t at = 0;

    if (pages < a->code_hosts->count) {
        for (page = base & PAGE_MASK; is_in(page, base, size); page += GUEST_PAGE_SIZE) {
            check_page(a, moved, page);
        }
        return;
    }
    while (hash_next(a->code_hosts, &at, &page, &host)) {
        if (is_in(page, base, size)) {
            check_page(a, moved, page);
        }
    }
}

static void check_space(struct tcg *a, struct pages *moved, unsigned space)
{
    const struct changed_range *r;
    size_t n;

    if (!changes_look(a->changes[space], &r, &n)) {
        check_range(a, moved, vcpu_address_in(space, 0), UINT64_C(1) << VCPU_SPACE_SHIFT);
    }
    for (size_t i = 0; i < n; i++) {
        check_range(a, moved, vcpu_address_in(space, r[i].base), r[i].size);
    }
}

void remap_drop_code(struct tcg *a)
{
    struct pages moved = {.count = 0};

    os_mutex_lock(&a->translate);
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        if (a->changes[i]) {
            check_space(a, &moved, i);
        }
    }
    for (size_t i = 0; i < moved.count; i++) {
        block_drop_range(a, moved.page[i], GUEST_PAGE_SIZE);
        hash_remove(a->code_hosts, moved.page[i]);
        code_page_at(a, moved.page[i])->noted = NULL;
    }
    os_mutex_unlock(&a->translate);
    mem_free(moved.page);
}

void remap_create(struct tcg *a)
{
    const struct vcpu *v = a->base.vcpus[0];

    a->code_hosts = mem_alloc(sizeof(*a->code_hosts));
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        a->changes[i] = v->spaces[i] ? changes_create(v->spaces[i]) : NULL;
    }
}

void remap_destroy(struct tcg *a)
{
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        changes_free(a->changes[i]);
    }
    if (a->code_hosts) {
        hash_free(a->code_hosts);
        mem_free(a->code_hosts);
    }
}
