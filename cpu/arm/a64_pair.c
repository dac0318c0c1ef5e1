/* SPDX-License-Identifier: MIT */
/*
 * A64: loads and stores of pairs of registers (DDI 0487, C4.1.94 "Load/store register pair"). If
 * the second register's access faults, the first may have been stored, as the manual allows.
 *
 * With FEAT_LSE2 (B2.2.1) a pair of 8-byte registers is one access where it is aligned to 16 bytes,
 * a pair of 4-byte ones where it stays within 16 aligned bytes; not LDPSW, and not vector
 * registers. Only a vCPU that runs at the same time could see two accesses; where there is none,
 * each pair is what costs less.
 */
#include "cpu/arm/a64_loadstore.h"

static bool is_whole(const struct a64_block *c, unsigned size, unsigned rn)
{
    /* By the stack and frame pointers registers are saved and restored, more often as parts of a
     * group and with a register stored for itself or loaded for itself. */
    const bool cheaper = size == MO_64 && rn != 31 && rn != 29;

    return (c->b->parallel || cheaper) && has(c, ARM_HAS_lse2) && !(c->mode & MODE_ALIGN);
}

/* The memop of a whole pair. */
static memop pair_mem(const struct a64_block *c, unsigned size)
{
    return size == MO_64 ? units_of(MO_128 | MO_WHOLE_IN_16 | c->idx, MO_64)
                         : units_of(MO_64 | MO_WHOLE_IN_16 | MO_TWO_HALVES | c->idx, MO_32);
}

struct pair {
    ir_val first, second;
};

static struct pair load_whole(struct a64_block *c, unsigned size, const struct a64_address *at)
{
    if (size == MO_64) {
        const ir_val v = load_at(c, T_V128, pair_mem(c, size), at, 0);
        return (struct pair){ir_vget(c->b, T_I64, v, 0), ir_vget(c->b, T_I64, v, 1)};
    }
    const ir_val v = load_at(c, T_I64, pair_mem(c, size), at, 0);
    return (struct pair){ir_ubfx(c->b, v, 0, 32), ir_ubfx(c->b, v, 32, 32)};
}

static struct pair load_two(struct a64_block *c, memop m, const struct a64_address *at)
{
    const int32_t bytes = 1 << (m & MO_SIZE_LOG2);
    return (struct pair){load_at(c, T_I64, m, at, 0), load_at(c, T_I64, m, at, bytes)};
}

static void finish_load(struct a64_block *c, const struct a64_address *at, struct pair p,
                        unsigned rt, unsigned rt2)
{
    finish_address(c, at);
    write_x(c, rt, p.first);
    write_x(c, rt2, p.second);
}

void a64_ldp(struct a64_block *c, const struct a64_ldp *a)
{
    const unsigned size = a->sf ? MO_64 : MO_32;
    const struct a64_address at = address_indexed(c, a->rn, a->imm * (1 << size), a->idx);
    const struct pair p = is_whole(c, size, a->rn) ? load_whole(c, size, &at)
                                                   : load_two(c, mem_of(c, size), &at);
    finish_load(c, &at, p, a->rt, a->rt2);
}

void a64_ldpsw(struct a64_block *c, const struct a64_ldpsw *a)
{
    const struct a64_address at = address_indexed(c, a->rn, a->imm * 4, a->idx);
    finish_load(c, &at, load_two(c, mem_of(c, MO_32) | MO_SIGN, &at), a->rt, a->rt2);
}

void a64_stp(struct a64_block *c, const struct a64_stp *a)
{
    const unsigned size = a->sf ? MO_64 : MO_32;
    const struct a64_address at = address_indexed(c, a->rn, a->imm * (1 << size), a->idx);
    if (is_whole(c, size, a->rn)) {
        const ir_val low = read_x(c, a->rt, 1), high = read_x(c, a->rt2, 1);
        store_at(c, pair_mem(c, size), &at, 0,
                 a->sf ? vector_of_pair(c, low, high) : ir_dep(c->b, low, high, 32, 32));
    } else {
        store_at(c, mem_of(c, size), &at, 0, read_x(c, a->rt, a->sf));
        store_at(c, mem_of(c, size), &at, 1 << size, read_x(c, a->rt2, a->sf));
    }
    finish_address(c, &at);
}

/* ---- SIMD and floating-point registers, always two accesses; opc: 0 S, 1 D, 2 Q */

static ir_type simd_type(unsigned opc)
{
    static const ir_type types[] = {T_F32, T_F64, T_V128};
    return types[opc];
}

void a64_ldp_v(struct a64_block *c, const struct a64_ldp_v *a)
{
    if (!fp_access(c)) {
        return;
    }
    const unsigned size = a->opc + 2u;
    const struct a64_address at = address_indexed(c, a->rn, a->imm * (1 << size), a->idx);
    const ir_val first = load_at(c, simd_type(a->opc), mem_of(c, size), &at, 0);
    const ir_val second = load_at(c, simd_type(a->opc), mem_of(c, size), &at, 1 << size);
    finish_address(c, &at);
    write_v(c, a->rt, size == MO_128 ? first : ir_vzext(c->b, first));
    write_v(c, a->rt2, size == MO_128 ? second : ir_vzext(c->b, second));
}

void a64_stp_v(struct a64_block *c, const struct a64_stp_v *a)
{
    if (!fp_access(c)) {
        return;
    }
    const unsigned size = a->opc + 2u;
    const struct a64_address at = address_indexed(c, a->rn, a->imm * (1 << size), a->idx);
    const ir_val first = read_v(c, a->rt), second = read_v(c, a->rt2);
    const ir_type t = simd_type(a->opc);
    store_at(c, mem_of(c, size), &at, 0, size == MO_128 ? first : ir_vget(c->b, t, first, 0));
    store_at(c, mem_of(c, size), &at, 1 << size,
             size == MO_128 ? second : ir_vget(c->b, t, second, 0));
    finish_address(c, &at);
}
