/* SPDX-License-Identifier: MIT */
/*
 * Writes to translated code, where they are tracked (-accel track-code=on, or a guest whose code is
 * coherent). What everybody who writes passes is memory/dirty.c; here is what the translator does.
 *
 * A page with blocks is protected: no vCPU has it open for writing, and a store there comes to the
 * run-time. It tells behind the store, like any other writer. Of each page the granules with code
 * are known, so a store to data beside code costs a call and no more; one to a granule with code
 * looks at the blocks, and drops those that it overlaps. A page whose code is written again and
 * again, while nothing of it is translated, is about to hold something else: all its blocks go,
 * and when there is none the page may be opened again.
 *
 * Before a block is made from a page that was not protected, the page is closed, and all vCPUs that
 * may have had it open have answered. While its bytes are read all granules count as code. So
 * whoever writes then waits for the translate lock, and drops the new block.
 *
 * A store into the block that runs is refused: the block is left at that instruction, which is
 * executed alone (round.c), as one that meets a watchpoint is. What follows is then looked up anew.
 */
#include "accel/track.h"
#include "accel/blocks.h"
#include "accel/context.h"
#include "accel/tcg.h"
#include "base/atomic.h"

#define PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))
#define HITS_AT_MOST 4 /* stores to a page's code before all of it goes */

static struct dirty *dirty_of(const struct tcg *a)
{
    return space_dirty(a->base.vcpus[0]->memory);
}

/* The page of hit in host memory. */
static const uint8_t *page_of(const struct tlb_hit *hit)
{
    return hit->host - (hit->pa & ~PAGE_MASK);
}

static uint64_t key_of(const uint8_t *host)
{
    return (uint64_t)(uintptr_t)host;
}

/* ---- what is in a page */

static uint64_t granules_of(const struct code_page *p)
{
    uint64_t all = 0;

    for (; p; p = p->next_same) {
        for (struct block *b = p->first; b;) {
            const struct block_part part = block_on_page(b, p->pa);
            all |= dirty_granules(part.at, part.bytes);
            b = *part.next;
        }
    }
    return all;
}

static void release(struct tcg *a, const uint8_t *host)
{
    dirty_code_release(dirty_of(a), a->guests_slot, host);
    atomic_add(&a->releases, 1);
}

/* Looks at what is left in the page at host. */
static void update(struct tcg *a, const uint8_t *host)
{
    const uint64_t granules = granules_of(hash_get(a->tracked, key_of(host)));

    if (granules) {
        dirty_code_end(dirty_of(a), a->guests_slot, host, granules);
    } else {
        release(a, host);
    }
}

/* p's memory is another, or none. */
static void move_page(struct tcg *a, struct code_page *p, const uint8_t *host)
{
    if (p->host) {
        struct code_page *first = hash_get(a->tracked, key_of(p->host)), **at = &first;
        while (*at && *at != p) {
            at = &(*at)->next_same;
        }
        *at = p->next_same;
        if (first) {
            hash_put(a->tracked, key_of(p->host), first);
        } else {
            hash_remove(a->tracked, key_of(p->host));
        }
        update(a, p->host);
    }
    p->host = host;
    p->next_same = hash_get(a->tracked, key_of(host));
    hash_put(a->tracked, key_of(host), p);
}

void track_insert(struct tcg *a, struct code_page *p, const uint8_t *host)
{
    if (!a->tracks_code) {
        return;
    }
    if (p->host != host) {
        move_page(a, p, host);
    }
    p->hits = 0;
}

void track_dropped(struct tcg *a, struct code_page *p)
{
    if (p->host) {
        update(a, p->host);
    }
}

void track_forget(struct tcg *a)
{
    size_t at = 0;
    uint64_t host;
    void *p;

    while (hash_next(a->tracked, &at, &host, &p)) {
        release(a, (const uint8_t *)(uintptr_t)host);
    }
    hash_clear(a->tracked);
}

/* ---- translating */

bool track_protect(struct vcpu *v, const struct tlb_hit *hit)
{
    struct tcg *a = tcg_of(v)->accel;
    const uint32_t releases = atomic_get_seq(&a->releases);

    if (!hit->whole || !dirty_code_protect(dirty_of(a), a->guests_slot, page_of(hit))) {
        return false;
    }
    os_mutex_lock(&a->translate);
    if (a->releases == releases) {
        dirty_code_closed(dirty_of(a), page_of(hit));
    }
    os_mutex_unlock(&a->translate);
    return true;
}

bool track_protected(struct vcpu *v, const struct tlb_hit *hit)
{
    const struct tcg *a = tcg_of(v)->accel;
    const struct dirty *d = dirty_of(a);
    const unsigned bit = dirty_code_bit(a->guests_slot);

    return !hit->whole || !dirty_find(d, hit->host) ||
           (dirty_flags(d, hit->host) & (bit | DIRTY_OPEN)) == bit;
}

bool track_begin(struct vcpu *v, const struct tlb_hit *hit, uint64_t *granules)
{
    const struct tcg *a = tcg_of(v)->accel;

    return hit->whole && dirty_code_begin(dirty_of(a), a->guests_slot, page_of(hit), granules);
}

void track_end(struct vcpu *v, const struct tlb_hit *hit, uint64_t granules, const struct block *b)
{
    const struct tcg *a = tcg_of(v)->accel;

    if (b && b->valid) {
        const struct block_part part = block_on_page((struct block *)(uintptr_t)b,
                                                     hit->pa & PAGE_MASK);
        granules |= dirty_granules(part.at, part.bytes);
    }
    dirty_code_end(dirty_of(a), a->guests_slot, page_of(hit), granules);
}

/* ---- writing */

bool track_may_refuse(const struct vcpu *v)
{
    const struct block *b = tcg_of(v) ? tcg_of(v)->block : NULL;

    return b && b->guest_insns > 1 && tcg_of(v)->accel->tracks_code;
}

bool track_may_store(struct vcpu *v, const struct tlb_hit *hit, uint64_t n)
{
    const struct block *b = tcg_of(v) ? tcg_of(v)->block : NULL;

    if (!b || b->guest_insns == 1 || hit->host >= b->code + b->bytes || b->code >= hit->host + n) {
        return true;
    }
    v->hot.raised = TCG_ALONE;
    return false;
}

/* n bytes from at on in the memory that p shows. */
static void drop(struct tcg *a, struct code_page *p, uint64_t at, uint64_t n)
{
    if (++p->hits > HITS_AT_MOST) {
        at = 0;
        n = GUEST_PAGE_SIZE;
    }
    block_drop_range(a, p->pa + at, n);
}

/* Within a page, by dirty.h. */
void track_code_written(void *opaque, const uint8_t *host, uint64_t n)
{
    struct tcg *a = opaque;
    const bool held = context_walking();
    const struct dirty_memory *m = dirty_find(dirty_of(a), host);
    const uint64_t at = (uint64_t)(host - m->host) & ~PAGE_MASK;

    if (!held) {
        os_mutex_lock(&a->translate);
    }
    struct code_page *p = hash_get(a->tracked, key_of(host - at));
    if (!p) {
        release(a, host - at);
    }
    for (; p; p = p->next_same) {
        drop(a, p, at, n);
    }
    if (!held) {
        os_mutex_unlock(&a->translate);
    }
}
