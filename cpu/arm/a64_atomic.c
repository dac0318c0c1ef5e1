/* SPDX-License-Identifier: MIT */
/* A64: atomic memory operations, compare and swap (FEAT_LSE; DDI 0487, C4.1.94 "Atomic memory
 * operations"). */
#include "cpu/arm/a64_loadstore.h"

static memop with_order(memop m, unsigned acquire, unsigned release)
{
    return m | (acquire ? MO_ACQUIRE : 0) | (release ? MO_RELEASE : 0);
}

#define ATOMIC(name, op)                                                                           \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const unsigned sf = a->size == MO_64;                                                      \
        const memop m = with_order(atomic_mem(c, a->size), a->a, a->r);                            \
        const ir_val base = read_base(c, a->rn), s = read_x(c, a->rs, sf);                         \
        write_x(c, a->rt, ir_atomic(c->b, type_of(sf), m, op, base, s));                           \
    }
ATOMIC(ldadd, IR_ATOMIC_ADD)
ATOMIC(ldclr, IR_ATOMIC_CLR)
ATOMIC(ldeor, IR_ATOMIC_EOR)
ATOMIC(ldset, IR_ATOMIC_SET)
ATOMIC(ldsmax, IR_ATOMIC_SMAX)
ATOMIC(ldsmin, IR_ATOMIC_SMIN)
ATOMIC(ldumax, IR_ATOMIC_UMAX)
ATOMIC(ldumin, IR_ATOMIC_UMIN)
ATOMIC(swp, IR_ATOMIC_SWP)

void a64_cas(struct a64_block *c, const struct a64_cas *a)
{
    const unsigned sf = a->size == MO_64;
    const memop m = with_order(atomic_mem(c, a->size), a->a, a->r);
    const ir_val base = read_base(c, a->rn);
    const ir_val old = ir_cas(c->b, type_of(sf), m, base, read_x(c, a->rs, sf),
                              read_x(c, a->rt, sf));
    write_x(c, a->rs, old);
}

/* Xr and X(r+1), r even. */
static ir_val read_pair(struct a64_block *c, unsigned r, unsigned sf)
{
    const ir_val low = read_x(c, r, 1), high = read_x(c, r + 1, 1);
    return sf ? vector_of_pair(c, low, high) : ir_dep(c->b, low, high, 32, 32);
}

void a64_casp(struct a64_block *c, const struct a64_casp *a)
{
    const memop whole = units_of(atomic_mem(c, a->sf ? MO_128 : MO_64), a->sf ? MO_64 : MO_32);
    const memop m = with_order(whole, a->a, a->r);
    const ir_val base = read_base(c, a->rn);
    const ir_val old = ir_cas(c->b, a->sf ? T_V128 : T_I64, m, base, read_pair(c, a->rs, a->sf),
                              read_pair(c, a->rt, a->sf));
    if (a->sf) {
        write_x(c, a->rs, ir_vget(c->b, T_I64, old, 0));
        write_x(c, a->rs + 1u, ir_vget(c->b, T_I64, old, 1));
    } else {
        write_x(c, a->rs, ir_ubfx(c->b, old, 0, 32));
        write_x(c, a->rs + 1u, ir_ubfx(c->b, old, 32, 32));
    }
}
