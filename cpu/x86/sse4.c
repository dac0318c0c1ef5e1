/* SPDX-License-Identifier: MIT */
/*
 * SSSE3 and SSE4.1. Intel SDM, volume 2: BLENDPD to BLENDVPS, DPPD, DPPS, EXTRACTPS, INSERTPS,
 * MOVNTDQA, MPSADBW, PABSB, PACKUSDW, PALIGNR, PBLENDVB, PBLENDW, PCMPEQQ, PCMPGTQ (SSE4.2),
 * PEXTRB, PHADDW, PHMINPOSUW, PHSUBW, PINSRB, PMADDUBSW, PMAXSB, PMOVSX, PMULDQ, PMULHRSW, PMULLD,
 * PSHUFB, PSIGNB, PTEST, ROUNDPS and their like. Operands of MMX have an upper half of 0.
 */
#include "cpu/x86/sse.h"

/* ---- neighbours: of MMX both operands are one vector */

static void horizontal(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        if (x86_is_mmx(&i->op[0])) {
            x = y = ir_vjoin(c->b, x, y);
        }
        x86_put_vector(
            c, &i->op[0],
            x86_v2(c, op, t, x86_v2(c, IR_vuzp1, t, x, y), x86_v2(c, IR_vuzp2, t, x, y)));
    }
}

X86_BY(horizontal, phaddw, IR_add, T_I16X8)
X86_BY(horizontal, phaddd, IR_add, T_I32X4)
X86_BY(horizontal, phaddsw, IR_ssadd, T_I16X8)
X86_BY(horizontal, phsubw, IR_sub, T_I16X8)
X86_BY(horizontal, phsubd, IR_sub, T_I32X4)
X86_BY(horizontal, phsubsw, IR_sssub, T_I16X8)

/* ---- lane by lane */

/* Bytes without a sign times bytes with one, sums of two, saturated. */
static ir_val by_products(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    struct ir_builder *b = c->b;
    const ir_val even_y = ir_v1(b, IR_sari, t, ir_v1(b, IR_shli, t, y, 8), 8);
    const ir_val even_x = x86_v2(c, IR_and, t, x, ir_vkonst(b, UINT64_C(0x00ff00ff00ff00ff)));
    const ir_val even = x86_v2(c, IR_mul, t, even_x, even_y);
    const ir_val odd = x86_v2(c, IR_mul, t, ir_v1(b, IR_shri, t, x, 8), ir_v1(b, IR_sari, t, y, 8));
    return x86_v2(c, IR_ssadd, t, even, odd);
}

static ir_val by_sign(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    struct ir_builder *b = c->b;
    const ir_val zero = ir_vkonst(b, 0), minus = ir_v2(b, IR_vcmp, t, y, zero, IR_SLT);
    const ir_val none = ir_v2(b, IR_vcmp, t, y, zero, IR_EQ);
    const ir_val r = x86_v2(c, IR_sub, t, x86_v2(c, IR_xor, t, x, minus), minus);
    return x86_v2(c, IR_andn, t, r, none);
}

/* The product of twice 0x8000 does not saturate. */
static ir_val by_rounded(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    struct ir_builder *b = c->b;
    const ir_val least = ir_vkonst(b, UINT64_C(0x8000800080008000));
    const ir_val both = x86_v2(c, IR_and, t, ir_v2(b, IR_vcmp, t, x, least, IR_EQ),
                               ir_v2(b, IR_vcmp, t, y, least, IR_EQ));
    return x86_v2(c, IR_xor, t, x86_v2(c, IR_srdmulh, t, x, y), both);
}

static ir_val by_absolute(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    (void)x;
    return ir_v1(c->b, IR_abs, t, y, 0);
}

static ir_val by_even(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return x86_v2(c, IR_vsmull, t, x86_v2(c, IR_vuzp1, T_I32X4, x, x),
                  x86_v2(c, IR_vuzp1, T_I32X4, y, y));
}

static ir_val by_pack(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return ir_vjoin(c->b, ir_v1(c->b, IR_vsqxtun, t, x, 0), ir_v1(c->b, IR_vsqxtun, t, y, 0));
}

X86_BY(x86_two_vectors, pmaddubsw, by_products, T_I16X8)
X86_BY(x86_two_vectors, psignb, by_sign, T_I8X16)
X86_BY(x86_two_vectors, psignw, by_sign, T_I16X8)
X86_BY(x86_two_vectors, psignd, by_sign, T_I32X4)
X86_BY(x86_two_vectors, pmulhrsw, by_rounded, T_I16X8)
X86_BY(x86_two_vectors, pabsb, by_absolute, T_I8X16)
X86_BY(x86_two_vectors, pabsw, by_absolute, T_I16X8)
X86_BY(x86_two_vectors, pabsd, by_absolute, T_I32X4)
X86_BY(x86_two_vectors, pmuldq, by_even, T_I64X2)
X86_BY(x86_compare_vectors, pcmpeqq, IR_EQ, T_I64X2)
X86_BY(x86_compare_vectors, pcmpgtq, IR_SGT, T_I64X2)
X86_BY(x86_two_vectors, packusdw, by_pack, T_I16X8)
X86_BY(x86_vector_op, pminsb, IR_smin, T_I8X16)
X86_BY(x86_vector_op, pminsd, IR_smin, T_I32X4)
X86_BY(x86_vector_op, pminuw, IR_umin, T_I16X8)
X86_BY(x86_vector_op, pminud, IR_umin, T_I32X4)
X86_BY(x86_vector_op, pmaxsb, IR_smax, T_I8X16)
X86_BY(x86_vector_op, pmaxsd, IR_smax, T_I32X4)
X86_BY(x86_vector_op, pmaxuw, IR_umax, T_I16X8)
X86_BY(x86_vector_op, pmaxud, IR_umax, T_I32X4)
X86_BY(x86_vector_op, pmulld, IR_mul, T_I32X4)

/* ---- bytes */

void x86_pshufb(struct x86_block *c, const struct x86_instr *i, const struct x86_pshufb *a)
{
    const uint64_t used = x86_is_mmx(&a->dst) ? UINT64_C(0x8787878787878787)
                                              : UINT64_C(0x8f8f8f8f8f8f8f8f);
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->dst), y = x86_vector(c, i, &a->src);
        const ir_val which = x86_v2(c, IR_and, T_V128, y, ir_vkonst(c->b, used));
        x86_put_vector(c, &a->dst, x86_v2(c, IR_vtbl, T_I8X16, x, which));
    }
}

/* Bytes of the first operand behind those of the second, from one on. */
void x86_palignr(struct x86_block *c, const struct x86_instr *i, const struct x86_palignr *a)
{
    struct ir_builder *b = c->b;
    const unsigned n = a->src2.value & 0xff;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &a->dst), y = x86_vector(c, i, &a->src);
    const ir_val zero = ir_vkonst(b, 0);
    const bool mmx = x86_is_mmx(&a->dst);
    const ir_val low = mmx ? ir_vjoin(c->b, y, x) : y, high = mmx ? zero : x;
    ir_val r = zero;
    if (n <= 16) {
        r = ir_v2(b, IR_vext, T_I8X16, low, high, n);
    } else if (n < 32) {
        r = ir_v2(b, IR_vext, T_I8X16, high, zero, n - 16);
    }
    x86_put_vector(c, &a->dst, r);
}

/* ---- blends */

static void choose(struct x86_block *c, const struct x86_instr *i, ir_val mask)
{
    const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
    x86_put_vector(c, &i->op[0], ir_v3(c->b, IR_bsel, T_V128, mask, y, x, 0));
}

/* A bit of the immediate for each lane. */
static void blend(struct x86_block *c, const struct x86_instr *i, unsigned bytes)
{
    uint64_t half[2] = {0, 0};
    for (unsigned k = 0; k < 16; k++) {
        half[k / 8] |= (uint64_t)i->imm >> (k / bytes) & 1 ? UINT64_C(0xff) << 8 * (k % 8) : 0;
    }
    if (x86_sse_begin(c, i)) {
        choose(c, i, ir_vkonst_halves(c->b, half[0], half[1]));
    }
}
X86_BY(blend, blendps, 4)
X86_BY(blend, blendpd, 8)
X86_BY(blend, pblendw, 2)

/* By the sign bits of XMM0. */
static void blend_by_signs(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val zero = ir_vkonst(c->b, 0);
        choose(c, i, ir_v2(c->b, IR_vcmp, t, ir_get(c->b, X86_REG_XMM), zero, IR_SLT));
    }
}
X86_BY(blend_by_signs, pblendvb, T_I8X16)
X86_BY(blend_by_signs, blendvps, T_I32X4)
X86_BY(blend_by_signs, blendvpd, T_I64X2)

/* ---- extensions */

static void extend(struct x86_block *c, const struct x86_instr *i, enum ir_op op,
                   const ir_type types[3])
{
    if (x86_sse_begin(c, i)) {
        ir_val v = x86_vector(c, i, &i->op[1]);
        for (unsigned k = 0; k < 3 && types[k] != T_VOID; k++) {
            v = ir_v1(c->b, op, types[k], v, 0);
        }
        x86_put_vector(c, &i->op[0], v);
    }
}
#define TYPES(...) ((const ir_type[3]){__VA_ARGS__})
X86_BY(extend, pmovsxbw, IR_vsxtl, TYPES(T_I16X8))
X86_BY(extend, pmovsxbd, IR_vsxtl, TYPES(T_I16X8, T_I32X4))
X86_BY(extend, pmovsxbq, IR_vsxtl, TYPES(T_I16X8, T_I32X4, T_I64X2))
X86_BY(extend, pmovsxwd, IR_vsxtl, TYPES(T_I32X4))
X86_BY(extend, pmovsxwq, IR_vsxtl, TYPES(T_I32X4, T_I64X2))
X86_BY(extend, pmovsxdq, IR_vsxtl, TYPES(T_I64X2))
X86_BY(extend, pmovzxbw, IR_vuxtl, TYPES(T_I16X8))
X86_BY(extend, pmovzxbd, IR_vuxtl, TYPES(T_I16X8, T_I32X4))
X86_BY(extend, pmovzxbq, IR_vuxtl, TYPES(T_I16X8, T_I32X4, T_I64X2))
X86_BY(extend, pmovzxwd, IR_vuxtl, TYPES(T_I32X4))
X86_BY(extend, pmovzxwq, IR_vuxtl, TYPES(T_I32X4, T_I64X2))
X86_BY(extend, pmovzxdq, IR_vuxtl, TYPES(T_I64X2))
#undef TYPES

void x86_movntdqa(struct x86_block *c, const struct x86_instr *i, const struct x86_movntdqa *a)
{
    if (x86_sse_begin(c, i)) {
        x86_put_vector(c, &a->dst, x86_vector(c, i, &a->src));
    }
}

/* ---- single lanes */

/* To a general register, extended by zeros, or memory. */
static void extract(struct x86_block *c, const struct x86_instr *i, unsigned bytes)
{
    const unsigned n = (unsigned)i->imm & (16 / bytes - 1);
    if (x86_sse_begin(c, i)) {
        const ir_val v = ir_vget(c->b, x86_type_of(bytes), x86_vector(c, i, &i->op[1]), n);
        if (i->op[0].kind == X86_MEMORY) {
            x86_write_as(c, i, &i->op[0], bytes, v);
        } else {
            x86_write_reg(c, i->op[0].reg, 8, v);
        }
    }
}
X86_BY(extract, pextrb, 1)
X86_BY(extract, extractps, 4)
X86_BY(extract, pextrd, a->dst.bytes)

static void insert(struct x86_block *c, const struct x86_instr *i, unsigned bytes)
{
    static const ir_type types[] = {T_I8X16, T_I16X8, T_I32X4, T_I64X2};
    const unsigned n = (unsigned)i->imm & (16 / bytes - 1);
    if (x86_sse_begin(c, i)) {
        const ir_val v = x86_read_as(c, i, &i->op[1], bytes), x = x86_vector(c, i, &i->op[0]);
        x86_put_vector(c, &i->op[0], ir_vset(c->b, types[log2_floor(bytes)], x, n, v));
    }
}
X86_BY(insert, pinsrb, 1)
X86_BY(insert, pinsrd, a->src.bytes)

void x86_insertps(struct x86_block *c, const struct x86_instr *i, const struct x86_insertps *a)
{
    struct ir_builder *b = c->b;
    const unsigned imm = a->src2.value & 0xff;
    const bool memory = a->src.kind == X86_MEMORY;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = ir_vget(b, T_I32, x86_vector(c, i, &a->src), memory ? 0 : imm >> 6);
    ir_val r = ir_vset(b, T_I32X4, x86_vector(c, i, &a->dst), imm >> 4 & 3, v);
    for (unsigned k = 0; k < 4; k++) {
        r = imm >> k & 1 ? ir_vset(b, T_I32X4, r, k, ir_konst(b, T_I32, 0)) : r;
    }
    x86_put_vector(c, &a->dst, r);
}

/* Z: no bit is in both; C: no bit of the second is missing in the first. */
void x86_ptest(struct x86_block *c, const struct x86_instr *i, const struct x86_ptest *a)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &a->dst), y = x86_vector(c, i, &a->src);
    const ir_val both[2] = {x86_v2(c, IR_and, T_V128, x, y), x86_v2(c, IR_andn, T_V128, y, x)};
    ir_val f = ir_flags_from(b, ir_konst(b, T_I32, 0));
    for (unsigned k = 0; k < 2; k++) {
        const ir_val all = ir_or(b, ir_vget(b, T_I64, both[k], 0), ir_vget(b, T_I64, both[k], 1));
        f = x86_flags_set(c, f, k ? X86_PACK_CF : X86_PACK_ZF,
                          ir_cmp(b, IR_EQ, all, ir_konst(b, T_I64, 0)));
    }
    x86_put_flags(c, f);
}

/* ---- rounding: bit 2 takes MXCSR's mode, bit 3 raises no inexact */

static unsigned rounding_of(const struct x86_instr *i)
{
    static const uint8_t modes[] = {IR_RNE, IR_RDN, IR_RUP, IR_RTZ};
    return (i->imm & 4 ? IR_RDYN : modes[i->imm & 3]) | (i->imm & 8 ? 0u : IR_FRINT_EXACT);
}

X86_BY(x86_fp1_packed, roundps, IR_frint, T_F32X4, rounding_of(i))
X86_BY(x86_fp1_packed, roundpd, IR_frint, T_F64X2, rounding_of(i))
X86_BY(x86_fp1_scalar, roundss, IR_frint, T_F32, rounding_of(i))
X86_BY(x86_fp1_scalar, roundsd, IR_frint, T_F64, rounding_of(i))

/* ---- dot products: bits 4 up choose products, bits 0 up where the sum goes */

static void dot(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    struct ir_builder *b = c->b;
    const ir_type lane = (ir_type)ir_lane(t);
    const unsigned n = ir_lane_count(t), fp = x86_fp(c);
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
    const ir_val zero = ir_vget(b, lane, ir_vkonst(b, 0), 0);
    ir_val p[4];
    x86_fp_begin(c);
    for (unsigned k = 0; k < n; k++) {
        p[k] = i->imm >> (4 + k) & 1
                   ? ir_fp2(b, IR_fmul, lane, ir_vget(b, lane, x, k), ir_vget(b, lane, y, k), fp)
                   : zero;
    }
    x86_fp_end(c); /* each step may end the instruction */
    x86_fp_begin(c);
    ir_val sum = ir_fp2(b, IR_fadd, lane, p[0], p[1], fp);
    const ir_val second = n == 4 ? ir_fp2(b, IR_fadd, lane, p[2], p[3], fp) : IR_NONE;
    x86_fp_end(c);
    if (n == 4) {
        x86_fp_begin(c);
        sum = ir_fp2(b, IR_fadd, lane, sum, second, fp);
        x86_fp_end(c);
    }
    ir_val r = ir_vkonst(b, 0);
    for (unsigned k = 0; k < n; k++) {
        r = i->imm >> k & 1 ? ir_vset(b, t, r, k, sum) : r;
    }
    x86_put_vector(c, &i->op[0], r);
}
X86_BY(dot, dpps, T_F32X4)
X86_BY(dot, dppd, T_F64X2)

/* ---- by functions */

static void do_least_word(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                          const union ir_vec *b, const union ir_vec *c, uint32_t aux)
{
    unsigned at = 0;
    (void)v, (void)b, (void)c, (void)aux;
    for (unsigned k = 1; k < 8; k++) {
        at = a->u16[k] < a->u16[at] ? k : at;
    }
    *d = (union ir_vec){.u16 = {a->u16[at], (uint16_t)at}};
}
X86_VECTOR_CALL(least_word);

void x86_phminposuw(struct x86_block *c, const struct x86_instr *i, const struct x86_phminposuw *a)
{
    if (x86_sse_begin(c, i)) {
        x86_put_vector(
            c, &a->dst,
            ir_call(c->b, T_V128, &row_least_word, x86_vector(c, i, &a->src), IR_NONE, IR_NONE, 0));
    }
}

/* Eight sums of differences between four bytes of b and those at each place of a. */
static void do_many_sums(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                         const union ir_vec *b, const union ir_vec *c, uint32_t imm)
{
    const unsigned from = imm >> 2 & 1 ? 4 : 0, of = 4 * (imm & 3);
    union ir_vec r = {.u64 = {0, 0}};
    (void)v, (void)c;
    for (unsigned k = 0; k < 8; k++) {
        for (unsigned n = 0; n < 4; n++) {
            const int difference = a->u8[from + k + n] - b->u8[of + n];
            r.u16[k] = (uint16_t)(r.u16[k] + (difference < 0 ? -difference : difference));
        }
    }
    *d = r;
}
X86_VECTOR_CALL(many_sums);

void x86_mpsadbw(struct x86_block *c, const struct x86_instr *i, const struct x86_mpsadbw *a)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->dst), y = x86_vector(c, i, &a->src);
        x86_put_vector(
            c, &a->dst,
            ir_call(c->b, T_V128, &row_many_sums, x, y, IR_NONE, (uint32_t)a->src2.value & 7));
    }
}
