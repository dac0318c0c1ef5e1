/* SPDX-License-Identifier: MIT */
/*
 * What a change of the map of physical memory means for code. The TLBs are emptied (flush.c).
 *
 * A block is known by its physical address, so it is wrong once something else is mapped
 * there: another memory, a device, a part of either. For each page with blocks the host address
 * that they were made from is kept, and compared with the map after each change; so a flash that
 * changes its mode a thousand times costs a look at each page of code, and no translation.
 */
#include "accel/remap.h"
#include "accel/blocks.h"
#include "accel/tcg.h"
#include "base/mem.h"

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

bool remap_note_code(struct vcpu *v, const struct tlb_hit *hit)
{
    struct hash *hosts = tcg_of(v)->accel->code_hosts;
    const uint64_t page = hit->pa & PAGE_MASK;
    void *host = hit->whole ? hit->host - (hit->pa - page) : IN_PARTS;
    bool whole;

    if (hash_get(hosts, page) == host && host != IN_PARTS) {
        return true;
    }
    if (host_of(v, hit->pa, &whole) != hit->host || whole != hit->whole) {
        return false;
    }
    hash_put(hosts, page, host);
    return true;
}

static bool has_moved(const struct vcpu *v, uint64_t page, const void *host)
{
    bool whole = false;

    return host == IN_PARTS || host_of(v, page, &whole) != host || !whole;
}

void remap_drop_code(struct tcg *a)
{
    uint64_t page, *moved = NULL;
    void *host;
    size_t at = 0, count = 0;

    os_mutex_lock(&a->translate);
    while (hash_next(a->code_hosts, &at, &page, &host)) {
        if (has_moved(a->base.vcpus[0], page, host)) {
            moved = mem_resize_array(moved, count + 1, sizeof(*moved));
            moved[count++] = page;
        }
    }
    for (size_t i = 0; i < count; i++) {
        block_drop_range(a, moved[i], GUEST_PAGE_SIZE);
        hash_remove(a->code_hosts, moved[i]);
    }
    os_mutex_unlock(&a->translate);
    mem_free(moved);
}
