/* SPDX-License-Identifier: MIT */
/*
 * Code that the guest fetches without a cache (cpu_class.fetches_uncached): what it writes there is
 * run behind the next context synchronization, and no maintenance says so.
 *
 * Such a block is translated from a copy of its page. At a synchronization (tcg_compare_code) the
 * copies are compared with memory, and blocks are dropped where they differ; before more is
 * translated from a copy it is brought up to date in the same way, so that all blocks of a page
 * rest on what its copy holds. Pages that are run uncached are a firmware's few: the comparison
 * costs some 100 ns each. Nothing here is done for other code.
 */
#include "accel/uncached.h"
#include "accel/blocks.h"
#include "accel/tcg.h"

#include <string.h>

#include "base/mem.h"

#define LINE 64u       /* what is dropped together */
#define PAGES_MAX 1024 /* beyond, everything is flushed: the copies are memory of the host's */
#define PAGE_MASK (~(uint64_t)(GUEST_PAGE_SIZE - 1))

struct uncached_page {
    uint64_t pa;
    const uint8_t *host;
    uint8_t copy[GUEST_PAGE_SIZE];
};

static void update(struct tcg *a, struct uncached_page *p)
{
    if (memcmp(p->copy, p->host, GUEST_PAGE_SIZE) == 0) {
        return;
    }
    for (uint64_t at = 0; at < GUEST_PAGE_SIZE; at += LINE) {
        if (memcmp(p->copy + at, p->host + at, LINE) != 0) {
            memcpy(p->copy + at, p->host + at, LINE);
            block_drop_range(a, p->pa + at, LINE);
        }
    }
}

static struct uncached_page *page_of(struct tcg *a, uint64_t pa)
{
    for (unsigned i = 0; i < a->uncached_count; i++) {
        if (a->uncached[i]->pa == (pa & PAGE_MASK)) {
            return a->uncached[i];
        }
    }
    return NULL;
}

const uint8_t *uncached_code(struct tcg *a, uint64_t pa, const uint8_t *host)
{
    const uint64_t at = pa & ~PAGE_MASK;
    struct uncached_page *p = page_of(a, pa);

    if (p) {
        p->host = host - at; /* the map of memory may have changed */
        update(a, p);
        return p->copy + at;
    }
    if (a->uncached_count == PAGES_MAX) {
        return NULL;
    }
    p = mem_alloc(sizeof(*p));
    p->pa = pa & PAGE_MASK;
    p->host = host - at;
    memcpy(p->copy, p->host, GUEST_PAGE_SIZE);
    a->uncached = mem_resize_array(a->uncached, a->uncached_count + 1, sizeof(*a->uncached));
    a->uncached[a->uncached_count++] = p;
    return p->copy + at;
}

void uncached_forget(struct tcg *a)
{
    for (unsigned i = 0; i < a->uncached_count; i++) {
        mem_free(a->uncached[i]);
    }
    mem_free(a->uncached);
    a->uncached = NULL;
    a->uncached_count = 0;
}

void tcg_compare_code(struct vcpu *v)
{
    struct tcg *a = tcg_of(v) ? tcg_of(v)->accel : NULL;

    if (!a) {
        return;
    }
    os_mutex_lock(&a->translate);
    for (unsigned i = 0; i < a->uncached_count; i++) {
        update(a, a->uncached[i]);
    }
    os_mutex_unlock(&a->translate);
}
