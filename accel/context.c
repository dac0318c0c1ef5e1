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
 * Keys. The jump table compares PC ^ key, so two contexts must never agree on that for any PCs that
 * a guest may jump to: the upper 12 bits are an id that is unique and leaves bit 63 alone
 * (canonical PCs cannot collide), the rest is random (a guest that jumps to an address that is not
 * canonical would have to guess it).
 */
#include <string.h>

#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"

#define PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))

static unsigned filter_hash(uint64_t page)
{
    return (unsigned)(hash_mix64(page) & 0xffff);
}

static uint64_t fresh_key(struct accel *a)
{
    uint64_t key;

    os_random(&key, sizeof(key));
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

static void map_grow(struct context *c)
{
    struct code_mapping *old = c->map;
    const uint32_t n = c->map_size;

    c->map_size = n ? n * 2 : 32;
    c->map = mem_array(c->map_size, sizeof(*c->map));
    for (uint32_t i = 0; i < c->map_size; i++) {
        c->map[i].page = 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (old[i].page != 1) {
            *map_slot(c, old[i].page) = old[i];
        }
    }
    mem_free(old);
}

void context_enter_page(struct vcpu *v, uint64_t pc, uint64_t pa)
{
    struct accel *a = tcg_of(v)->accel;
    struct context *c = tcg_of(v)->context;
    const uint64_t page = pc & PAGE_MASK;
    const uint32_t id = context_page_id(a, page, pa & PAGE_MASK);

    if (atomic_get(&c->slots[layout_code_slot(pc)]) == id) {
        return;
    }
    if ((c->map_used + 1) * 4 > c->map_size * 3) {
        map_grow(c);
    }
    struct code_mapping *m = map_slot(c, page);
    if (m->page == 1) {
        c->map_used++;
        if (++a->mappings >= a->block_capacity) {
            atomic_store(&a->flush_wanted, 1);
        }
    }
    *m = (struct code_mapping){.page = page, .pa = pa & PAGE_MASK};
    const unsigned h = filter_hash(page);
    atomic_or(&a->code_filter[h >> 3], (uint8_t)(1u << (h & 7)));
    atomic_set_release(&c->slots[layout_code_slot(pc)], id);
}

uint32_t context_page_id(struct accel *a, uint64_t va_page, uint64_t pa_page)
{
    const uint64_t key = va_page ^ hash_mix64(pa_page);
    uint32_t id = (uint32_t)(uintptr_t)hash_get(a->page_ids, key);

    if (!id) {
        id = ++a->next_page_id;
        hash_put(a->page_ids, key, (void *)(uintptr_t)id);
        if (id >= a->block_capacity) {
            atomic_store(&a->flush_wanted, 1);
        }
    }
    return id;
}

/* ---- finding the context */

static struct context *intern(struct accel *a, uint64_t mode, uint32_t tag, bool high)
{
    for (struct context *c = a->contexts; c; c = c->next) {
        if (c->mode_key == mode && c->tag == tag && c->high == high && !c->retired) {
            return c;
        }
    }
    if (a->next_id >= CONTEXT_IDS) {
        atomic_store(&a->flush_wanted, 1);
    }
    struct context *c = mem_alloc(sizeof(*c));
    *c = (struct context){
        .key = fresh_key(a), .mode_key = mode, .tag = tag, .high = high, .next = a->contexts};
    map_grow(c);
    a->contexts = c;
    return c;
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
            !tr.exec || (tr.pa & PAGE_MASK) != m->pa) {
            return false;
        }
        m->suspect = false;
    }
    return true;
}

static struct context *lookup(struct vcpu *v, uint64_t mode, uint32_t tag, bool high)
{
    struct accel *a = tcg_of(v)->accel;

    os_mutex_lock(&a->translate);
    struct context *c = intern(a, mode, tag, high);
    while (atomic_load(&c->suspect)) {
        atomic_store(&c->suspect, false);
        if (still_true(v, c)) {
            break;
        }
        c->retired = true;
        c = intern(a, mode, tag, high);
    }
    os_mutex_unlock(&a->translate);
    return c;
}

static void make_current(struct vcpu *v, struct context *c)
{
    struct tcg_vcpu *t = tcg_of(v);

    t->context = c;
    v->hot.key = c->key;
    v->hot.code_slots = c->slots;
    /* A kick that came in between must not be lost: it stores exit_request before it spoils the
     * key. */
    atomic_fence();
    if (atomic_load(&v->hot.exit_request)) {
        v->hot.key = t->accel->spoiled_key;
        v->hot.code_slots = t->accel->null_slots;
    }
}

void context_select(struct vcpu *v, uint64_t pc)
{
    struct tcg_vcpu *t = tcg_of(v);
    const bool high = pc >> 63;

    if (!t->context_dirty && t->context && t->context->high == high && !t->context->retired &&
        !atomic_load(&t->context->suspect)) {
        if (v->hot.key != t->context->key) {
            make_current(v, t->context);
        }
        return;
    }
    if (t->context_dirty) {
        t->context_dirty = false;
        tlb_select(v);
    }
    const uint64_t mode = v->cls->mode_key(v);
    const unsigned idx = v->cls->mmu_index(v);
    const uint32_t tag = high && !t->accel->nonglobal_high ? TLB_ANY_TAG
                                                           : tlb_tag_of(v->env.tlb, pc, idx);
    struct context **recent =
        &t->recent[(hash_mix64(mode ^ (uint64_t)tag << 32) + high) % CONTEXT_CACHE];
    struct context *c = *recent;
    if (!c || c->mode_key != mode || c->tag != tag || c->high != high || c->retired ||
        atomic_load(&c->suspect)) {
        c = *recent = lookup(v, mode, tag, high);
    }
    make_current(v, c);
}

/* ---- flushes */

static void suspect_one(struct context *c, uint64_t page)
{
    struct code_mapping *m = map_slot(c, page);

    if (m->page == page) {
        m->suspect = true;
        atomic_store(&c->suspect, true);
    }
}

static bool concerns(const struct context *c, uint32_t tag)
{
    return !c->retired && (tag == TLB_ANY_TAG || c->tag == tag || c->tag == TLB_ANY_TAG);
}

void context_suspect_page(struct accel *a, uint64_t va, uint32_t tag)
{
    const uint64_t page = tlb_canonical(va) & PAGE_MASK;
    const unsigned h = filter_hash(page);

    if (!(atomic_get(&a->code_filter[h >> 3]) & (1u << (h & 7)))) {
        return;
    }
    os_mutex_lock(&a->translate);
    for (struct context *c = a->contexts; c; c = c->next) {
        if (concerns(c, tag)) {
            suspect_one(c, page);
        }
    }
    os_mutex_unlock(&a->translate);
}

void context_suspect_tag(struct accel *a, uint32_t tag)
{
    os_mutex_lock(&a->translate);
    for (struct context *c = a->contexts; c; c = c->next) {
        /* A flush of one address space leaves global pages alone. */
        if (!concerns(c, tag) || (tag != TLB_ANY_TAG && c->tag == TLB_ANY_TAG) || !c->map_used) {
            continue;
        }
        for (uint32_t i = 0; i < c->map_size; i++) {
            c->map[i].suspect = c->map[i].page != 1;
        }
        atomic_store(&c->suspect, true);
    }
    os_mutex_unlock(&a->translate);
}

void context_reset(struct accel *a)
{
    while (a->contexts) {
        struct context *c = a->contexts;
        a->contexts = c->next;
        mem_free(c->map);
        mem_free(c);
    }
    a->next_id = 0;
    a->mappings = 0;
    memset(a->code_filter, 0, sizeof(a->code_filter));
    for (unsigned i = 0; i < a->count; i++) {
        struct tcg_vcpu *t = tcg_of(a->vcpus[i]);
        t->context = NULL;
        t->context_dirty = true;
        memset(t->recent, 0, sizeof(t->recent));
        memset(t->jumps, 0, JUMP_TABLE_ENTRIES * sizeof(*t->jumps));
    }
}
