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
 * may have had it open have answered. While its bytes are read, by however many vCPUs without the
 * translate lock, all granules count as code. So whoever writes then comes for the lock, and notes
 * where; a block that is to be published looks whether its own granules are among them. What is
 * written once it is published finds it as any other.
 *
 * A store into the block that runs is refused: the block is left at that instruction, which is
 * executed alone (round.c), as one that meets a watchpoint is. What follows is then looked up anew.
 */
#include "accel/track.h"
#include "accel/blocks.h"
#include "accel/context.h"
#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/mem.h"

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

/* A page of host memory with blocks, or from which some are made. */
struct tracked_page {
    const uint8_t *host;
    struct code_page *first; /* the physical pages that show it */
    uint64_t granules;       /* with code */
    uint64_t written;        /* since somebody reads it */
    unsigned readers;        /* vCPUs that make a block */
    unsigned hits;           /* stores to its code since something was translated */
};

static struct tracked_page *page_at(struct tcg *a, const uint8_t *host)
{
    struct tracked_page *t = hash_get(a->tracked, key_of(host));

    if (!t) {
        t = mem_alloc(sizeof(*t));
        t->host = host;
        hash_put(a->tracked, key_of(host), t);
    }
    return t;
}

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

/* Writers learn what is left in a page, unless all of it counts. */
static void settle(struct tcg *a, const struct tracked_page *t)
{
    if (t->readers) {
        return;
    }
    if (t->granules) {
        dirty_code_end(dirty_of(a), a->guests_slot, t->host, t->granules);
    } else {
        release(a, t->host);
    }
}

static void look_again(struct tcg *a, struct tracked_page *t)
{
    t->granules = granules_of(t->first);
    settle(a, t);
}

/* p's memory was another, or none. */
static void move_page(struct tcg *a, struct code_page *p, struct tracked_page *to)
{
    struct tracked_page *from = p->tracked;

    if (from) {
        struct code_page **at = &from->first;
        while (*at != p) {
            at = &(*at)->next_same;
        }
        *at = p->next_same;
        look_again(a, from);
    }
    p->tracked = to;
    p->next_same = to->first;
    to->first = p;
}

void track_insert(struct tcg *a, struct code_page *p, const uint8_t *host)
{
    if (!a->tracks_code) {
        return;
    }
    if (!p->tracked || p->tracked->host != host) {
        move_page(a, p, page_at(a, host));
    }
    p->tracked->hits = 0;
}

void track_dropped(struct tcg *a, struct code_page *p)
{
    if (p->tracked) {
        look_again(a, p->tracked);
    }
}

void track_forget(struct tcg *a)
{
    size_t at = 0;
    uint64_t host;
    void *t;

    while (hash_next(a->tracked, &at, &host, &t)) {
        assert(!((struct tracked_page *)t)->readers);
        release(a, (const uint8_t *)(uintptr_t)host);
        mem_free(t);
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

struct tracked_page *track_begin(struct vcpu *v, const struct tlb_hit *hit,
                                 const struct code_page *p)
{
    struct tcg *a = tcg_of(v)->accel;

    if (!hit->whole || !dirty_code_begin(dirty_of(a), a->guests_slot, page_of(hit))) {
        return NULL;
    }
    struct tracked_page *t = p->tracked;
    if (!t || t->host != page_of(hit)) {
        t = page_at(a, page_of(hit));
    }
    if (!t->readers++) {
        t->written = 0;
    }
    return t;
}

static uint64_t granules_at(const struct block *b, const struct tlb_hit *hit)
{
    const struct block_part part = block_on_page((struct block *)(uintptr_t)b, hit->pa & PAGE_MASK);
    return dirty_granules(part.at, part.bytes);
}

bool track_is_fresh(const struct tracked_page *t, const struct tlb_hit *hit, const struct block *b)
{
    return !(t->written & granules_at(b, hit));
}

void track_end(struct tcg *a, struct tracked_page *t, const struct tlb_hit *hit,
               const struct block *b)
{
    t->readers--;
    if (b && b->valid) {
        t->granules |= granules_at(b, hit);
    }
    settle(a, t);
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

/* What n bytes from at on in t's memory have held. */
static void drop(struct tcg *a, struct tracked_page *t, uint64_t at, uint64_t n)
{
    if (++t->hits > HITS_AT_MOST) {
        at = 0;
        n = GUEST_PAGE_SIZE;
    }
    for (const struct code_page *p = t->first; p; p = p->next_same) {
        block_drop_range(a, p->pa + at, n);
    }
}

static void page_written(struct tcg *a, struct tracked_page *t, uint64_t at, uint64_t n)
{
    const uint64_t granules = dirty_granules(at, n);

    t->written |= granules;
    if (t->granules & granules) {
        drop(a, t, at, n);
    } else {
        settle(a, t);
    }
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
    struct tracked_page *t = hash_get(a->tracked, key_of(host - at));
    if (t) {
        page_written(a, t, at, n);
    } else {
        release(a, host - at);
    }
    if (!held) {
        os_mutex_unlock(&a->translate);
    }
}
