/* SPDX-License-Identifier: MIT */
/* A64: load-exclusive, store-exclusive, CLREX (DDI 0487, C4.1.94 "Load/store exclusive"). */
#include "cpu/arm/a64_loadstore.h"

static void load_exclusive(struct a64_block *c, unsigned size, memop order, unsigned rn,
                           unsigned rt)
{
    const ir_val base = read_base(c, rn);
    write_x(c, rt, ir_load_excl(c->b, T_I64, atomic_mem(c, size) | order, base));
}

void a64_ldxr(struct a64_block *c, const struct a64_ldxr *a)
{
    load_exclusive(c, a->size, 0, a->rn, a->rt);
}

void a64_ldaxr(struct a64_block *c, const struct a64_ldaxr *a)
{
    load_exclusive(c, a->size, MO_ACQUIRE, a->rn, a->rt);
}

static void store_exclusive(struct a64_block *c, memop m, unsigned rn, ir_val v, unsigned rs)
{
    const ir_val base = read_base(c, rn);
    write_x(c, rs, ir_store_excl(c->b, m, base, v));
}

static ir_val narrowed(struct a64_block *c, unsigned rt, unsigned size)
{
    static const ir_type types[] = {T_I8, T_I16, T_I32, T_I64};
    return ir_trunc(c->b, types[size], read_x(c, rt, 1));
}

void a64_stxr(struct a64_block *c, const struct a64_stxr *a)
{
    store_exclusive(c, atomic_mem(c, a->size), a->rn, narrowed(c, a->rt, a->size), a->rs);
}

void a64_stlxr(struct a64_block *c, const struct a64_stlxr *a)
{
    const memop m = atomic_mem(c, a->size) | MO_RELEASE;
    store_exclusive(c, m, a->rn, narrowed(c, a->rt, a->size), a->rs);
}

/* ---- pairs: one access of twice the size */

static memop pair_mem(const struct a64_block *c, unsigned sf)
{
    return units_of(atomic_mem(c, sf ? MO_128 : MO_64), sf ? MO_64 : MO_32);
}

static void load_exclusive_pair(struct a64_block *c, unsigned sf, memop order, unsigned rn,
                                unsigned rt, unsigned rt2)
{
    const ir_val base = read_base(c, rn);
    const memop m = pair_mem(c, sf) | order;
    const ir_val v = ir_load_excl(c->b, sf ? T_V128 : T_I64, m, base);
    if (sf) {
        write_x(c, rt, ir_vget(c->b, T_I64, v, 0));
        write_x(c, rt2, ir_vget(c->b, T_I64, v, 1));
    } else {
        write_x(c, rt, ir_ubfx(c->b, v, 0, 32));
        write_x(c, rt2, ir_ubfx(c->b, v, 32, 32));
    }
}

void a64_ldxp(struct a64_block *c, const struct a64_ldxp *a)
{
    load_exclusive_pair(c, a->sf, 0, a->rn, a->rt, a->rt2);
}

void a64_ldaxp(struct a64_block *c, const struct a64_ldaxp *a)
{
    load_exclusive_pair(c, a->sf, MO_ACQUIRE, a->rn, a->rt, a->rt2);
}

static ir_val read_two(struct a64_block *c, unsigned sf, unsigned rt, unsigned rt2)
{
    const ir_val low = read_x(c, rt, 1), high = read_x(c, rt2, 1);
    return sf ? vector_of_pair(c, low, high) : ir_dep(c->b, low, high, 32, 32);
}

void a64_stxp(struct a64_block *c, const struct a64_stxp *a)
{
    const memop m = pair_mem(c, a->sf);
    store_exclusive(c, m, a->rn, read_two(c, a->sf, a->rt, a->rt2), a->rs);
}

void a64_stlxp(struct a64_block *c, const struct a64_stlxp *a)
{
    const memop m = pair_mem(c, a->sf) | MO_RELEASE;
    store_exclusive(c, m, a->rn, read_two(c, a->sf, a->rt, a->rt2), a->rs);
}

void a64_clrex(struct a64_block *c, const struct a64_clrex *a)
{
    (void)a;
    const uint32_t monitor = offsetof(struct vcpu, hot) + offsetof(struct tcg_hot, excl_addr);
    ir_env_store(c->b, monitor, const_of(c, UINT64_MAX, 1));
}
