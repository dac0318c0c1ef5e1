/* SPDX-License-Identifier: MIT */
/*
 * Repeated string instructions where both places are plain memory that the TLB knows: as much as
 * lies on a page, and on the next ones, up to a number of bytes so that interrupts come in between.
 * What is anything else is left to x86_row_repeat (string.c). Of class LEAF.
 */
#include "cpu/x86/string.h"

#include "cpu/x86/translate.h"
#include "tcg/elements.h"

#define BYTES_AT_MOST 65536u /* of one call */

struct run {
    struct vcpu *v;
    struct elements e;
    unsigned idx;
    uint64_t mask; /* of addresses */
};

/* Host memory of the element at an address, and how many are on its page from there on. */
static void *span(const struct run *r, uint64_t at, int kind, uint64_t *n)
{
    const uint64_t in_page = at & (GUEST_PAGE_SIZE - 1), bytes = UINT64_C(1) << r->e.log2;
    if (in_page + bytes > GUEST_PAGE_SIZE) {
        return NULL;
    }
    const uint64_t here = r->e.down ? in_page / bytes + 1 : (GUEST_PAGE_SIZE - in_page) / bytes;
    *n = here < *n ? here : *n;
    return vcpu_host_leaf(r->v, at, kind, r->idx);
}

static uint64_t behind(const struct run *r, uint64_t at, uint64_t n)
{
    const uint64_t bytes = n << r->e.log2;
    return (r->e.down ? at - bytes : at + bytes) & r->mask;
}

static uint64_t elements_at_once(const struct run *r, uint64_t left, uint64_t done)
{
    const uint64_t most = (BYTES_AT_MOST >> r->e.log2) - done;
    return left < most ? left : most;
}

static struct run run_of(struct vcpu *v, uint32_t aux)
{
    return (struct run){.v = v,
                        .e = {.log2 = aux >> X86_STRING_SIZE & 3,
                              .down = x86_cpu(v)->direction != 1,
                              .while_equal = (aux >> X86_STRING_UNTIL & 3) == 2},
                        .idx = aux >> X86_STRING_MMU & 31,
                        .mask = aux >> X86_STRING_LONG & 1 ? UINT64_MAX : UINT32_MAX};
}

uint64_t x86_copy_leaf(struct vcpu *v, uint64_t to, uint64_t from, uint64_t left, uint32_t aux)
{
    const struct run r = run_of(v, aux);
    uint64_t done = 0;
    for (;;) {
        uint64_t n = elements_at_once(&r, left - done, done);
        const uint64_t x = behind(&r, from, done), y = behind(&r, to, done);
        const void *source = n ? span(&r, x, ACCESS_READ, &n) : NULL;
        void *goal = source ? span(&r, y, ACCESS_WRITE, &n) : NULL;
        if (!goal) {
            return done;
        }
        elements_copy_leaf(&r.e, goal, source, n);
        done += n;
    }
}

uint64_t x86_fill_leaf(struct vcpu *v, uint64_t to, uint64_t value, uint64_t left, uint32_t aux)
{
    const struct run r = run_of(v, aux);
    uint64_t done = 0;
    for (;;) {
        uint64_t n = elements_at_once(&r, left - done, done);
        void *goal = n ? span(&r, behind(&r, to, done), ACCESS_WRITE, &n) : NULL;
        if (!goal) {
            return done;
        }
        elements_fill_leaf(&r.e, goal, value, n);
        done += n;
    }
}

/* Whether the flags of the last comparison end it. */
static bool decided(const struct run *r, uint32_t flags)
{
    return ((flags & X86_PACK_ZF) != 0) != r->e.while_equal;
}

uint64_t x86_compare_leaf(struct vcpu *v, uint64_t x, uint64_t y, uint64_t left, uint32_t aux)
{
    const struct run r = run_of(v, aux);
    uint64_t done = 0;
    uint32_t flags = 0;
    for (;;) {
        uint64_t n = elements_at_once(&r, left - done, done);
        const void *p = n ? span(&r, behind(&r, x, done), ACCESS_READ, &n) : NULL;
        const void *q = p ? span(&r, behind(&r, y, done), ACCESS_READ, &n) : NULL;
        if (!q) {
            return done | (uint64_t)flags << 32;
        }
        done += elements_compare_leaf(&r.e, p, q, n, &flags);
        if (decided(&r, flags)) {
            return done | (uint64_t)flags << 32;
        }
    }
}

uint64_t x86_scan_leaf(struct vcpu *v, uint64_t x, uint64_t value, uint64_t left, uint32_t aux)
{
    const struct run r = run_of(v, aux);
    uint64_t done = 0;
    uint32_t flags = 0;
    for (;;) {
        uint64_t n = elements_at_once(&r, left - done, done);
        const void *p = n ? span(&r, behind(&r, x, done), ACCESS_READ, &n) : NULL;
        if (!p) {
            return done | (uint64_t)flags << 32;
        }
        done += elements_scan_leaf(&r.e, p, value, n, &flags);
        if (decided(&r, flags)) {
            return done | (uint64_t)flags << 32;
        }
    }
}
