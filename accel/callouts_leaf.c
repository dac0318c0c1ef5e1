/* SPDX-License-Identifier: MIT */
/*
 * What generated code asks first of the run-time when the inline TLB did not cover an access:
 * whether its line can be filled without more ado. Vector registers still hold the guest's.
 */
#include "accel/callouts.h"
#include "accel/tcg.h"

static uint64_t site_sum(const struct vcpu *v, const struct site *s)
{
    uint64_t a = (uint64_t)(int64_t)s->disp;

    if (s->base != SITE_NO_REG) {
        a += vcpu_env(v)->gpr[s->base];
    }
    if (s->index != SITE_NO_REG) {
        a += vcpu_env(v)->gpr[s->index] << s->scale;
    }
    return a;
}

uint64_t tcg_site_address_leaf(const struct vcpu *v, const struct site *s)
{
    return memop_address(s->memop, site_sum(v, s), tcg_segment(v, (uint32_t)s->segment << 16));
}

bool tcg_mem_leaf(struct vcpu *v, const struct site *s)
{
    const unsigned bytes = 1u << (s->memop & MO_SIZE_LOG2);
    const uint64_t va = tcg_site_address_leaf(v, s);

    if (s->slow || (s->uncut && va != site_sum(v, s)) ||
        ((va ^ (va + bytes - 1)) >> GUEST_PAGE_BITS) ||
        ((s->memop & MO_ALIGN) && (va & (bytes - 1)))) {
        return false;
    }
    tcg_doing(v, DOING_REFILL);
    const bool done = tlb_refill_leaf(v, va, s->kind == SITE_LOAD ? ACCESS_READ : ACCESS_WRITE,
                                      memop_idx(s->memop));
    tcg_doing(v, DOING_LEAF);
    return done;
}
