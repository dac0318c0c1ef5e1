/* SPDX-License-Identifier: MIT */
/*
 * Contexts: what code may be reached directly under the present mode and address space (see tcg.h).
 *
 * A context remembers each virtual code page that was entered under it and what that page mapped
 * to. A TLB flush does not empty anything: it marks the pages that it covers as suspect, and they
 * are walked again before the context is next used. Only if one is found to map elsewhere is the
 * context retired, and a fresh one with another key takes its place; the jump table, the code stack
 * and the code slots then hold nothing that matches.
 *
 * Code of common regions runs in contexts that all address spaces share, as long as all of it is
 * mapped by global pages. When a page is found that is not, those contexts are retired, and each
 * address space gets its own from then on (until the cache is emptied).
 *
 * Keys. The jump table compares PC ^ key, so two contexts must never agree on that for any PCs that
 * a guest may jump to: the upper 12 bits are an id that is unique and leaves bit 63 alone
 * (canonical PCs cannot collide), the rest is random (a guest that jumps to an address that is not
 * canonical would have to guess it).
 */
#include <string.h>

#include "accel/code_pages.h"
#include "accel/context.h"
#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"

#define PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))

static unsigned filter_hash(uint64_t page)
{
    return (unsigned)(hash_mix64(page) & 0xffff);
}

static uint64_t fresh_key(struct tcg *a)
{
    if (!a->randoms_left) {
        os_random(a->randoms, sizeof(a->randoms));
        a->randoms_left = array_len(a->randoms);
    }
    const uint64_t key = a->randoms[--a->randoms_left];
    return (key & mask64(52)) | (uint64_t)++a->next_id << 52;
}

/* ---- the map of code pages; under the translate lock */

static struct code_mapping *map_slot(struct context *c, uint64_t page)
{
    uint32_t i = (uint32_t)hash_mix64(page) & (c->map_size - 1);

    while (c->map[i].page != 1 && c->map[i].page != page) {
        i = (i + 1) & (c->map_size - 1);
    }
    return &c->map[i];
}

static void map_clear(struct context *c)
{
    for (uint32_t i = 0; i < c->map_size; i++) {
        c->map[i].page = 1;
    }
}

static void map_grow(struct context *c)
{
    struct code_mapping *old = c->map;
    const uint32_t n = c->map_size;

    c->map_size = n ? n * 2 : 32;
    c->map = mem_array(c->map_size, sizeof(*c->map));
    map_clear(c);
    for (uint32_t i = 0; i < n; i++) {
        if (old[i].page != 1) {
            *map_slot(c, old[i].page) = old[i];
        }
    }
    mem_free(old);
}

/* A mapping found just now may be one that another vCPU has flushed: its flush has marked what it
 * covers, but is not in our queue yet, or in the queue and not processed. */
static bool is_flushing(const struct vcpu *v)
{
    return atomic_load(&tcg_of(v)->accel->flushing) || work_has_errands(v);
}

/* The mapping of c's page, to be filled in. */
static struct code_mapping *map_add(struct tcg *a, struct context *c, uint64_t page)
{
    if ((c->map_used + 1) * 4 > c->map_size * 3) {
        map_grow(c);
    }
    struct code_mapping *m = map_slot(c, page);
    if (m->page == 1) {
        c->map_used++;
        if (++a->mappings >= a->block_capacity) {
            tcg_want_flush(a, FLUSH_CONTEXTS);
        }
    }
    return m;
}

/* Where code slots lead generated code, they say so last. */
static void enter_slot(struct vcpu *v, uint64_t pc, const struct tlb_hit *hit, bool movable)
{
    struct tcg *a = tcg_of(v)->accel;
    struct context *c = tcg_of(v)->context;
    const uint64_t pa = hit->pa;
    struct fetched *f = &tcg_of(v)->fetched[pc >> GUEST_PAGE_BITS & (FETCHED_PAGES - 1)];

    if (f->context != c || f->page != (pc & PAGE_MASK) || f->pa != (pa & PAGE_MASK)) {
        *f = (struct fetched){.context = c,
                              .page = pc & PAGE_MASK,
                              .pa = pa & PAGE_MASK,
                              .global = hit->global,
                              .host = hit->whole ? hit->host - (pa & ~PAGE_MASK) : NULL,
                              .code = code_page_at(a, pa)};
    }
    if (movable) {
        f->word = layout_moved_word(pc, f->code->id);
        atomic_set_release(&c->slots.moved[layout_moved_slot(pc)], f->word);
    } else {
        f->id = context_page_id(a, pc, pa);
        atomic_set_release(&c->slots.fixed[layout_code_slot(pc)], f->id);
    }
}

const struct fetched *context_fetched(const struct vcpu *v, uint64_t pc)
{
    const struct tcg_vcpu *t = tcg_of(v);
    const struct fetched *f = &t->fetched[pc >> GUEST_PAGE_BITS & (FETCHED_PAGES - 1)];

    return f->context == t->context && f->page == (pc & PAGE_MASK) ? f : NULL;
}

bool context_has_page(const struct fetched *f, bool movable)
{
    const struct code_slots *s = &f->context->slots;

    return movable ? f->word && atomic_get(&s->moved[layout_moved_slot(f->page)]) == f->word
                   : f->id && atomic_get(&s->fixed[layout_code_slot(f->page)]) == f->id;
}

void context_enter_page(struct vcpu *v, uint64_t pc, const struct tlb_hit *hit, bool movable)
{
    struct tcg *a = tcg_of(v)->accel;
    struct context *c = tcg_of(v)->context;
    const uint64_t page = pc & PAGE_MASK, pa = hit->pa;
    const bool global = hit->global;
    const struct fetched *f = context_fetched(v, pc);

    if (f && f->pa == (pa & PAGE_MASK) && context_has_page(f, movable)) {
        return;
    }
    struct code_mapping *m = map_add(a, c, page);
    const unsigned h = filter_hash(page);

    /* Before the look for a flush: either that sees that there is code, or it is seen here. */
    atomic_or(&a->code_filter[h >> 3], (uint8_t)(1u << (h & 7)));
    *m = (struct code_mapping){
        .page = page, .pa = pa & PAGE_MASK, .global = global, .suspect = is_flushing(v)};
    if (m->suspect) {
        atomic_store(&c->suspect, true);
    }
    if (global && c->tag != TLB_ANY_TAG && !c->shares) {
        c->shares = true;
        c->next_sharing = a->sharing;
        a->sharing = c;
    }
    enter_slot(v, pc, hit, movable);
}

uint32_t context_page_id(struct tcg *a, uint64_t va, uint64_t pa)
{
    const uint64_t key = (va & PAGE_MASK) ^ hash_mix64(pa & PAGE_MASK);
    uint32_t id = (uint32_t)(uintptr_t)hash_get(a->page_ids, key);

    if (!id) {
        id = ++a->next_page_id;
        hash_put(a->page_ids, key, (void *)(uintptr_t)id);
        if (id >= a->block_capacity) {
            tcg_want_flush(a, FLUSH_CODE);
        }
    }
    return id;
}

/* ---- finding the context */

static struct context **bucket_of(struct tcg *a, uint32_t tag)
{
    return &a->contexts[tag == TLB_ANY_TAG ? 0 : 1 + tag % (CONTEXT_BUCKETS - 1)];
}

/* Takes back what context_enter_page did for c. */
static void leave_pages(struct context *c)
{
    for (uint32_t i = 0; i < c->map_size; i++) {
        if (c->map[i].page != 1) {
            c->slots.fixed[layout_code_slot(c->map[i].page)] = 0;
            c->slots.moved[layout_moved_slot(c->map[i].page)] = 0;
            c->map[i].page = 1;
        }
    }
    c->map_used = 0;
}

#define MAP_TO_KEEP 256u

/* An empty one, if possible one that was used before: to clear all of a new one, which brings
 * pages of memory in, is a good part of what a new address space costs. */
static struct context *fresh(struct tcg *a)
{
    struct context *c = a->spare;

    if (!c) {
        c = mem_alloc(sizeof(*c));
        map_grow(c);
        return c;
    }
    a->spare = c->next;
    leave_pages(c);
    if (c->map_size > MAP_TO_KEEP) {
        mem_free(c->map);
        c->map = NULL;
        c->map_size = 0;
        map_grow(c);
    }
    c->shares = false;
    atomic_store(&c->suspect, false);
    atomic_set(&c->retired, false);
    return c;
}

static struct context *intern(struct vcpu *v, uint64_t mode, uint32_t tag, unsigned region)
{
    struct tcg *a = tcg_of(v)->accel;
    struct context **bucket = bucket_of(a, tag);

    for (struct context *c = *bucket; c; c = c->next) {
        if (c->mode_key == mode && c->tag == tag && c->region == region) {
            return c;
        }
    }
    if (a->next_id >= CONTEXT_IDS) {
        tcg_want_flush(a, FLUSH_CONTEXTS);
    }
    struct context *c = fresh(a);
    c->key = fresh_key(a);
    c->mode_key = mode;
    c->traced = v->cls->traces && v->cls->traces(mode);
    c->tag = tag;
    c->region = region;
    c->next = *bucket;
    *bucket = c;
    return c;
}

/* Nobody finds it again; a vCPU may still be in it, so it is freed when all are out. */
static void retire(struct tcg *a, struct context *c)
{
    struct context **at = bucket_of(a, c->tag);

    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    for (at = &a->sharing; c->shares && *at != c;) {
        at = &(*at)->next_sharing;
    }
    if (c->shares) {
        *at = c->next_sharing;
    }
    atomic_set(&c->retired, true);
    c->next = a->retired;
    a->retired = c;
}

/* Walks the suspect pages again. false: one has changed. */
static bool still_true(struct vcpu *v, struct context *c)
{
    for (uint32_t i = 0; i < c->map_size; i++) {
        struct code_mapping *m = &c->map[i];
        if (m->page == 1 || !m->suspect) {
            continue;
        }
        struct translation tr;
        uint64_t fault;
        if (!v->cls->walk(v, m->page, ACCESS_FETCH, v->cls->mmu_index(v), &tr, &fault) ||
            !tr.exec || tr.in_part >> ACCESS_FETCH & 1 || (tr.pa & PAGE_MASK) != m->pa ||
            tr.global != m->global) {
            return false;
        }
        m->suspect = false;
    }
    return true;
}

/* A walk may set a flag in memory, and code may be there. */
static _Thread_local bool walking;

bool context_walking(void)
{
    return walking;
}

static struct context *lookup(struct vcpu *v, uint64_t mode, uint32_t tag, unsigned region)
{
    struct tcg *a = tcg_of(v)->accel;

    os_mutex_lock(&a->translate);
    walking = true;
    struct context *c = intern(v, mode, tag, region);
    while (atomic_load(&c->suspect)) {
        atomic_store(&c->suspect, false);
        if (still_true(v, c)) {
            break;
        }
        retire(a, c);
        c = intern(v, mode, tag, region);
    }
    walking = false;
    os_mutex_unlock(&a->translate);
    return c;
}

static void make_current(struct vcpu *v, struct context *c)
{
    struct tcg_vcpu *t = tcg_of(v);

    t->context = c;
    atomic_set(&v->hot.key, c->key);
    atomic_set(&v->hot.code_slots, c->slots.fixed);
    /* A kick that came in between must not be lost: it stores exit_request before it spoils the
     * key. */
    atomic_fence();
    if (atomic_load(&v->hot.exit_request)) {
        atomic_set(&v->hot.key, t->accel->spoiled_key);
        atomic_set(&v->hot.code_slots, t->accel->null_slots.fixed);
    }
}

/* Mode bits that change often are low and high ones. */
static unsigned recent_slot(uint64_t mode, uint32_t tag, unsigned region)
{
    const uint64_t mixed = ((mode ^ mode >> 32 ^ tag) * 2 + region) * UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned)(mixed >> 60);
}
_Static_assert(CONTEXT_CACHE == 16, "recent_slot gives 4 bits");

void context_select(struct vcpu *v, uint64_t pc)
{
    struct tcg_vcpu *t = tcg_of(v);
    const struct cpu_fetch f = tcg_fetch(v, pc);
    const struct cpu_regions *regions = &v->cls->regions;
    const uint64_t va = tcg_fetched_at(&f, pc);
    const unsigned region = cpu_region(regions, va);

    if (!t->context_dirty && t->context && t->context->region == region &&
        !atomic_get(&t->context->retired) && !atomic_load(&t->context->suspect)) {
        if (atomic_get(&v->hot.key) != t->context->key ||
            atomic_get(&v->hot.code_slots) != t->context->slots.fixed) {
            make_current(v, t->context);
        }
        return;
    }
    if (t->context_dirty) {
        tlb_select(v, t->space_dirty);
        t->context_dirty = t->space_dirty = false;
    }
    const uint64_t mode = v->cls->mode_key(v);
    const unsigned idx = v->cls->mmu_index(v);
    const bool common = cpu_is_common(regions, va) && !atomic_load(&t->accel->nonglobal_common);
    const uint32_t tag = common ? TLB_ANY_TAG : tlb_tag_of(vcpu_env(v)->tlb, va, idx);
    struct context **recent = &t->recent[recent_slot(mode, tag, region)];
    struct context *c = *recent;
    if (!c || c->mode_key != mode || c->tag != tag || c->region != region ||
        atomic_get(&c->retired) || atomic_load(&c->suspect)) {
        c = *recent = lookup(v, mode, tag, region);
    }
    make_current(v, c);
    if (t->switching.from) {
        switches_arrive(v);
    }
}

/* ---- flushes */

void context_note_nonglobal(struct vcpu *v, uint64_t pc)
{
    struct tcg *a = tcg_of(v)->accel;

    os_mutex_lock(&a->translate);
    if (!atomic_load(&a->nonglobal_common)) {
        atomic_store(&a->nonglobal_common, true);
        /* What was entered so far is global: who runs in such a context may do so until it asks. */
        while (*bucket_of(a, TLB_ANY_TAG)) {
            retire(a, *bucket_of(a, TLB_ANY_TAG));
        }
    }
    os_mutex_unlock(&a->translate);
    context_select(v, pc);
}

/* What a flush covers: pages [first, last], of one address space and those that all share. */
struct suspects {
    uint64_t first, last;
    uint32_t tag;
};

static void suspect(struct context *c, struct code_mapping *m, const struct suspects *s)
{
    if (m->global || s->tag == TLB_ANY_TAG || c->tag == s->tag) {
        m->suspect = true;
        atomic_store(&c->suspect, true);
    }
}

#define FEW_PAGES 64u

static void suspect_in(struct context *c, const struct suspects *s)
{
    const uint64_t count = (s->last - s->first) / GUEST_PAGE_SIZE + 1;

    if (count <= FEW_PAGES) {
        for (uint64_t page = s->first; page - s->first <= s->last - s->first;
             page += GUEST_PAGE_SIZE) {
            struct code_mapping *m = map_slot(c, page);
            if (m->page == page) {
                suspect(c, m, s);
            }
        }
        return;
    }
    for (uint32_t i = 0; i < c->map_size; i++) {
        struct code_mapping *m = &c->map[i];
        if (m->page != 1 && m->page >= s->first && m->page <= s->last) {
            suspect(c, m, s);
        }
    }
}

static void suspect_bucket(struct tcg *a, uint32_t tag, const struct suspects *s)
{
    for (struct context *c = *bucket_of(a, tag); c; c = c->next) {
        suspect_in(c, s);
    }
}

/* false: no code was ever run in the range. */
static bool may_have_code(const struct tcg *a, uint64_t first, uint64_t last)
{
    bool any = (last - first) / GUEST_PAGE_SIZE >= FEW_PAGES;

    for (uint64_t page = first; !any && page - first <= last - first; page += GUEST_PAGE_SIZE) {
        const unsigned h = filter_hash(page);
        any = atomic_get(&a->code_filter[h >> 3]) & (1u << (h & 7));
    }
    return any;
}

void context_suspect_range(struct tcg *a, uint64_t va, uint64_t bytes, uint32_t tag)
{
    const struct cpu_regions *regions = &a->base.vcpus[0]->cls->regions;
    const uint64_t from = cpu_canonical(regions, va);
    const struct suspects s = {
        .first = from & PAGE_MASK, .last = (from + bytes - 1) & PAGE_MASK, .tag = tag};

    if (s.last < s.first) {
        context_suspect_tag(a, TLB_ANY_TAG);
        return;
    }
    if (!may_have_code(a, s.first, s.last)) {
        return;
    }
    os_mutex_lock(&a->translate);
    suspect_bucket(a, TLB_ANY_TAG, &s);
    if (tag != TLB_ANY_TAG) {
        suspect_bucket(a, tag, &s);
        for (struct context *c = a->sharing; c; c = c->next_sharing) {
            suspect_in(c, &s);
        }
    } else if (!cpu_is_common(regions, s.first) || atomic_load(&a->nonglobal_common)) {
        for (uint32_t i = 0; i < CONTEXT_BUCKETS - 1; i++) {
            suspect_bucket(a, i, &s);
        }
    }
    os_mutex_unlock(&a->translate);
}

static void suspect_all_of(struct context *c, uint32_t tag)
{
    if (!c->map_used || (tag != TLB_ANY_TAG && c->tag != tag)) {
        return;
    }
    for (uint32_t i = 0; i < c->map_size; i++) {
        c->map[i].suspect |= c->map[i].page != 1;
    }
    atomic_store(&c->suspect, true);
}

/* A flush of one address space leaves global pages alone, and so all in contexts without a tag. */
void context_suspect_tag(struct tcg *a, uint32_t tag)
{
    struct context **first = tag == TLB_ANY_TAG ? a->contexts : bucket_of(a, tag);
    struct context **end = tag == TLB_ANY_TAG ? a->contexts + CONTEXT_BUCKETS : first + 1;

    os_mutex_lock(&a->translate);
    for (struct context **bucket = first; bucket < end; bucket++) {
        for (struct context *c = *bucket; c; c = c->next) {
            suspect_all_of(c, tag);
        }
    }
    os_mutex_unlock(&a->translate);
}

static void spare_list(struct tcg *a, struct context **list)
{
    while (*list) {
        struct context *c = *list;
        *list = c->next;
        c->next = a->spare;
        a->spare = c;
    }
}

void context_free_spare(struct tcg *a)
{
    while (a->spare) {
        struct context *c = a->spare;
        a->spare = c->next;
        mem_free(c->map);
        mem_free(c);
    }
}

void context_forget_fetched(struct tcg_vcpu *t)
{
    memset(t->fetched, 0, sizeof(t->fetched));
}

void context_forget(struct tcg_vcpu *t)
{
    t->context = NULL;
    t->context_dirty = t->space_dirty = true;
    memset(t->recent, 0, sizeof(t->recent));
    switches_forget(t);
    context_forget_fetched(t);
    memset(t->jumps, 0, JUMP_TABLE_ENTRIES * sizeof(*t->jumps));
}

void context_reset(struct tcg *a)
{
    for (unsigned i = 0; i < CONTEXT_BUCKETS; i++) {
        spare_list(a, &a->contexts[i]);
    }
    spare_list(a, &a->retired);
    a->sharing = NULL;
    atomic_store(&a->nonglobal_common, false);
    a->next_id = 0;
    a->mappings = 0;
    memset(a->code_filter, 0, sizeof(a->code_filter));
    for (unsigned i = 0; i < a->base.count; i++) {
        if (tcg_of(a->base.vcpus[i])) { /* else it has not been set up: something failed before */
            context_forget(tcg_of(a->base.vcpus[i]));
        }
    }
}
