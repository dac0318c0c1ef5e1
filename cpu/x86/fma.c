/* SPDX-License-Identifier: MIT */
/*
 * FMA3. Intel SDM, volume 1, 14.5, and volume 2: VFMADD132PD to VFNMSUB231SS. The digits of a
 * mnemonic say which operands are multiplied, and which one is added; of several NaNs the first in
 * that order is the result.
 */
#include "cpu/x86/sse.h"

#define MINUS_PRODUCT 1u /* as op fma has it */
#define MINUS_ADDEND 2u

/* Numbers of operands: two factors and the addend. */
static const uint8_t orders[3][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}};
enum {
    FMA_132,
    FMA_213,
    FMA_231
};

static void fused_scalar(struct x86_block *c, const struct x86_instr *i, ir_type t, unsigned order,
                         unsigned negate)
{
    ir_val v[3];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    v[2] = x86_scalar(c, i, &i->op[2], t); /* it may be memory */
    v[1] = x86_scalar(c, i, &i->op[1], t);
    v[0] = x86_scalar(c, i, &i->op[0], t);
    const uint8_t *n = orders[order];
    x86_fp_begin(c);
    const ir_val r = ir_fma(c->b, t, v[n[0]], v[n[1]], v[n[2]], negate, x86_fp(c));
    x86_fp_result(c, r);
    x86_put_vector(c, &i->op[0], x86_with_low(c, x86_xmm(c, i->op[0].reg), r));
}

/* turn: the sign of the addend is another one in lanes 0, 2 … (1), or 1, 3 … (2). */
static void fused_packed(struct x86_block *c, const struct x86_instr *i, ir_type t, unsigned order,
                         unsigned negate, unsigned turn)
{
    ir_val v[3];
    t = x86_length(i, t);
    if (!x86_sse_begin(c, i)) {
        return;
    }
    for (unsigned k = 3; k-- > 0;) {
        v[k] = x86_vector(c, i, &i->op[k]);
    }
    const uint8_t *n = orders[order];
    const ir_val addend = turn ? x86_turn_signs(c, t, v[n[2]], turn - 1) : v[n[2]];
    x86_fp_begin(c);
    const ir_val r = ir_fma(c->b, t, v[n[0]], v[n[1]], addend, negate, x86_fp(c));
    x86_fp_result(c, r);
    x86_put_vector(c, &i->op[0], r);
}

#define PACKED(name, order, negate, turn)                                                          \
    X86_BY(fused_packed, name##ps, T_F32X4, order, negate, turn)                                   \
    X86_BY(fused_packed, name##pd, T_F64X2, order, negate, turn)
#define ALL(name, order, negate)                                                                   \
    PACKED(name, order, negate, 0)                                                                 \
    X86_BY(fused_scalar, name##ss, T_F32, order, negate)                                           \
    X86_BY(fused_scalar, name##sd, T_F64, order, negate)
#define ORDER(digits)                                                                              \
    ALL(vfmadd##digits, FMA_##digits, 0)                                                           \
    ALL(vfmsub##digits, FMA_##digits, MINUS_ADDEND)                                                \
    ALL(vfnmadd##digits, FMA_##digits, MINUS_PRODUCT)                                              \
    ALL(vfnmsub##digits, FMA_##digits, MINUS_PRODUCT | MINUS_ADDEND)                               \
    PACKED(vfmaddsub##digits, FMA_##digits, 0, 1)                                                  \
    PACKED(vfmsubadd##digits, FMA_##digits, 0, 2)
ORDER(132)
ORDER(213)
ORDER(231)
#undef ORDER
#undef ALL
#undef PACKED
