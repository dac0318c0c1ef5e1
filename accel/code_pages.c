/* SPDX-License-Identifier: MIT */
/*
 * Physical pages with code, and whether the blocks of one are fixed or movable.
 *
 * A fixed block is right at one virtual address, which is a constant of its code; so are the links
 * between fixed blocks. A movable one is right at any virtual page. It is a little slower, and one
 * serves all address spaces that have the page somewhere: programs and libraries whose addresses
 * are random are translated once. Most code, such as a kernel's, is only ever met at one address.
 * So a page's blocks, by mode, are fixed to where it was first met, until it is met elsewhere. From
 * then on what is translated of it is movable; the fixed blocks stay good for their address.
 *
 * Code that was first met where much code turned out to move is movable at once: else a program
 * that starts at a random address would be translated twice, the first time for nothing.
 */
#include "accel/code_pages.h"
#include "accel/tcg.h"
#include "base/mem.h"

#define PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))
#define REGION_BITS 40   /* programs, and libraries with the rest, are further apart than that */
#define REGION_MOVES 16u /* pages that say so */

struct code_page *code_page_at(struct tcg *a, uint64_t pa)
{
    struct code_page *p = hash_get(a->pages, pa & PAGE_MASK);

    if (!p) {
        p = mem_alloc(sizeof(*p));
        p->pa = pa & PAGE_MASK;
        p->id = ++a->next_code_page; /* there are fewer than blocks */
        hash_put(a->pages, pa & PAGE_MASK, p);
    }
    return p;
}

/* What comes there next has not been met anywhere. */
void code_page_emptied(struct code_page *p)
{
    p->first = NULL;
    p->modes = 0;
}

void code_pages_emptied(struct tcg *a)
{
    size_t at = 0;
    uint64_t pa;
    void *p;

    while (hash_next(a->pages, &at, &pa, &p)) {
        code_page_emptied(p);
    }
}

void code_pages_free(struct tcg *a)
{
    size_t at = 0;
    uint64_t pa;
    void *p;

    while (hash_next(a->pages, &at, &pa, &p)) {
        mem_free(p);
    }
    hash_clear(a->pages);
    a->next_code_page = 0;
}

/* Regions that share a place forget each other. */
static struct code_region *region_at(struct tcg *a, uint64_t page, uint64_t mode)
{
    const uint64_t key = hash_mix64(mode) ^ page >> REGION_BITS;
    struct code_region *r = &a->regions[hash_mix64(key) % CODE_REGIONS];

    if (r->key != key) {
        *r = (struct code_region){.key = key};
    }
    return r;
}

/* Code of that mode is met on p for the first time. */
static uint64_t first_met(struct code_region *r, uint64_t page)
{
    if (r->moved >= REGION_MOVES && r->moved > r->fixed / 2) {
        return CODE_PAGE_MOVES;
    }
    r->fixed++;
    return page;
}

bool code_page_moves(struct vcpu *v, uint64_t pc, struct code_page *p)
{
    struct tcg *a = tcg_of(v)->accel;
    const uint64_t page = pc & PAGE_MASK, mode = tcg_of(v)->builder.mode_key;

    /* A breakpoint is at an address, and changes the blocks before it. */
    if (a->base.config.movable == ACCEL_MOVABLE_OFF || a->breakpoint_count ||
        !layout_may_move(pc)) {
        return false;
    }
    if (a->base.config.movable == ACCEL_MOVABLE_ALWAYS) {
        return true;
    }
    unsigned i = 0;
    while (i < p->modes && p->met[i].mode != mode) {
        i++;
    }
    if (i == CODE_PAGE_MODES) {
        return true;
    }
    if (i == p->modes) {
        p->modes++;
        p->met[i].mode = mode;
        p->met[i].page = first_met(region_at(a, page, mode), page);
    } else if (p->met[i].page != page && p->met[i].page != CODE_PAGE_MOVES) {
        region_at(a, p->met[i].page, mode)->moved++;
        p->met[i].page = CODE_PAGE_MOVES;
    }
    return p->met[i].page == CODE_PAGE_MOVES;
}
