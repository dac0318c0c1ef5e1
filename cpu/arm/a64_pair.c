/* SPDX-License-Identifier: MIT */
/*
 * A64: loads and stores of pairs of registers (DDI 0487, C4.1.94 "Load/store register pair"). Each
 * register is an access of its own; if the second faults, the first may have been stored, as the
 * manual allows.
 */
#include "cpu/arm/a64_loadstore.h"

static void load_pair(struct a64_block *c, memop m, const struct a64_address *at, unsigned rt,
                      unsigned rt2)
{
    const int32_t bytes = 1 << (m & MO_SIZE_LOG2);
    const ir_val first = load_at(c, T_I64, m, at, 0), second = load_at(c, T_I64, m, at, bytes);
    finish_address(c, at);
    write_x(c, rt, first);
    write_x(c, rt2, second);
}

/*
 * With FEAT_LSE2 a pair of 8-byte registers is one access where it is aligned to 16 bytes, and
 * other CPUs may rely on that. By the stack and frame pointers only what nobody else knows is
 * accessed, in two halves, which is cheaper.
 */
static bool is_whole(const struct a64_block *c, unsigned size, unsigned rn)
{
    return size == MO_64 && rn != 31 && rn != 29 && has(c, ARM_HAS_lse2) && !(c->mode & MODE_ALIGN);
}

void a64_ldp(struct a64_block *c, const struct a64_ldp *a)
{
    const unsigned size = a->sf ? MO_64 : MO_32;
    if (is_whole(c, size, a->rn)) {
        const struct a64_address at = address_indexed(c, a->rn, a->imm * 8, a->idx);
        const ir_val v = load_at(c, T_V128, MO_128 | MO_ATOMIC16 | c->idx, &at, 0);
        finish_address(c, &at);
        write_x(c, a->rt, ir_vget(c->b, T_I64, v, 0));
        write_x(c, a->rt2, ir_vget(c->b, T_I64, v, 1));
        return;
    }
    const struct a64_address at = address_indexed(c, a->rn, a->imm * (1 << size), a->idx);
    load_pair(c, mem_of(c, size), &at, a->rt, a->rt2);
}

void a64_ldpsw(struct a64_block *c, const struct a64_ldpsw *a)
{
    const struct a64_address at = address_indexed(c, a->rn, a->imm * 4, a->idx);
    load_pair(c, mem_of(c, MO_32) | MO_SIGN, &at, a->rt, a->rt2);
}

void a64_stp(struct a64_block *c, const struct a64_stp *a)
{
    const unsigned size = a->sf ? MO_64 : MO_32;
    const struct a64_address at = address_indexed(c, a->rn, a->imm * (1 << size), a->idx);
    if (is_whole(c, size, a->rn)) {
        const ir_val v = vector_of_pair(c, read_x(c, a->rt, 1), read_x(c, a->rt2, 1));
        store_at(c, MO_128 | MO_ATOMIC16 | c->idx, &at, 0, v);
        finish_address(c, &at);
        return;
    }
    store_at(c, mem_of(c, size), &at, 0, read_x(c, a->rt, a->sf));
    store_at(c, mem_of(c, size), &at, 1 << size, read_x(c, a->rt2, a->sf));
    finish_address(c, &at);
}

/* ---- SIMD and floating-point registers; opc: 0 S, 1 D, 2 Q */

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
