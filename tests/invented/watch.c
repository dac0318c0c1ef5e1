/* SPDX-License-Identifier: MIT */
/* Exceptions of the invented architecture behind an instruction: see machine.h. */
#include "base/bits.h"
#include "tests/invented/machine.h"

/* Of n bytes at va; both may go on at 0. */
static bool meets(const struct inv_watch *w, uint64_t va, uint32_t n, unsigned idx)
{
    const bool ports = w->kinds & INV_WATCH_PORTS;

    return ports == !!(idx & INV_PORTS) &&
           ((uint32_t)va - w->from < w->bytes || w->from - (uint32_t)va < n);
}

bool inv_page_watched(const struct inv_cpu *c, uint64_t va, unsigned idx)
{
    const uint64_t page = va & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

    for (unsigned i = 0; i < INV_WATCHES; i++) {
        if (c->watch[i].bytes && meets(&c->watch[i], page, GUEST_PAGE_SIZE, idx)) {
            return true;
        }
    }
    return false;
}

bool inv_watch(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx)
{
    const struct inv_cpu *c = inv_cpu(v);
    const uint32_t kind = a == ACCESS_WRITE ? INV_WATCH_WRITE : INV_WATCH_READ;
    uint32_t marks = 0;

    for (unsigned i = 0; i < INV_WATCHES; i++) {
        const struct inv_watch *w = &c->watch[i];
        if (w->bytes && (w->kinds & kind) && meets(w, va, bytes, idx)) {
            marks |= 1u << i;
        }
    }
    return !marks || vcpu_mark(v, marks);
}

bool inv_traces(uint64_t mode_key)
{
    return mode_key & (INV_TRACE | INV_HELD);
}

bool inv_marks_accesses(struct vcpu *v)
{
    return inv_cpu(v)->watch[0].bytes || inv_cpu(v)->watch[1].bytes;
}

/* What was executed, or is in the shadow of what was, comes first. */
void inv_followed(struct vcpu *v, uint64_t pc, uint64_t mode_key, uint32_t marks)
{
    struct inv_cpu *c = inv_cpu(v);

    c->held |= marks;
    if ((c->aux >> 32 & INV_EXECUTED) || (c->aux & INV_SHADOW)) {
        tcg_mode_changed(v);
        return;
    }
    const uint32_t hits = c->held | (mode_key & INV_TRACE ? INV_TRACED : 0);
    c->held = 0;
    tcg_mode_changed(v);
    if (hits) {
        c->hits = hits;
        inv_raise(c, INV_FOLLOWED, pc);
    }
}
