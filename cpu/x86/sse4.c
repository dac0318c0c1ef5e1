/* SPDX-License-Identifier: MIT */
/*
 * SSSE3, SSE4.1 and their VEX forms. Intel SDM, volume 2: BLENDPD to BLENDVPS, DPPD, DPPS,
 * EXTRACTPS, INSERTPS, MOVNTDQA, MPSADBW, PABSB, PACKUSDW, PALIGNR, PBLENDVB, PBLENDW, PCMPEQQ,
 * PCMPGTQ (SSE4.2), PEXTRB, PHADDW, PHMINPOSUW, PHSUBW, PINSRB, PMADDUBSW, PMAXSB, PMOVSX, PMULDQ,
 * PMULHRSW, PMULLD, PSHUFB, PSIGNB, PTEST, ROUNDPS and their like. Operands of MMX have an upper
 * half of 0.
 */
#include "cpu/x86/sse.h"

/* ---- neighbours: of MMX both operands are one vector */

static void horizontal(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    t = x86_length(i, t);
    if (x86_sse_begin(c, i)) {
        ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        if (x86_is_mmx(&i->op[0])) {
            x = y = ir_vjoin(c->b, x, y);
        }
        x86_put_vector(c, &i->op[0],
                       op == IR_add ? x86_v2(c, IR_vpadd, t, x, y)
                                    : x86_v2(c, op, t, x86_v2(c, IR_vuzp1, t, x, y),
                                             x86_v2(c, IR_vuzp2, t, x, y)));
    }
}

X86_BOTH(horizontal, phaddw, IR_add, T_I16X8)
X86_BOTH(horizontal, phaddd, IR_add, T_I32X4)
X86_BOTH(horizontal, phaddsw, IR_ssadd, T_I16X8)
X86_BOTH(horizontal, phsubw, IR_sub, T_I16X8)
X86_BOTH(horizontal, phsubd, IR_sub, T_I32X4)
X86_BOTH(horizontal, phsubsw, IR_sssub, T_I16X8)

/* ---- lane by lane */

static ir_val by_sign(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    struct ir_builder *b = c->b;
    const ir_val zero = x86_vkonst(c, t, 0), minus = ir_v2(b, IR_vcmp, t, y, zero, IR_SLT);
    const ir_val none = ir_v2(b, IR_vcmp, t, y, zero, IR_EQ);
    const ir_val r = x86_v2(c, IR_sub, t, x86_v2(c, IR_xor, t, x, minus), minus);
    return x86_v2(c, IR_andn, t, r, none);
}

static void absolute(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], ir_v1(c->b, IR_abs, x86_length(i, t), x, 0));
    }
}

X86_BOTH(x86_vector_op, pmaddubsw, IR_vusmadd, T_I16X8)
X86_BOTH(x86_two_vectors, psignb, by_sign, T_I8X16)
X86_BOTH(x86_two_vectors, psignw, by_sign, T_I16X8)
X86_BOTH(x86_two_vectors, psignd, by_sign, T_I32X4)
X86_BOTH(x86_vector_op, pmulhrsw, IR_vsmulr, T_I16X8)
X86_BOTH(absolute, pabsb, T_I8X16)
X86_BOTH(absolute, pabsw, T_I16X8)
X86_BOTH(absolute, pabsd, T_I32X4)
X86_BOTH(x86_vector_op, pmuldq, IR_vsmule, T_I64X2)
X86_BOTH(x86_compare_vectors, pcmpeqq, IR_EQ, T_I64X2)
X86_BOTH(x86_compare_vectors, pcmpgtq, IR_SGT, T_I64X2)
X86_BOTH(x86_vector_op, packusdw, IR_vupack, T_I16X8)
X86_BOTH(x86_vector_op, pminsb, IR_smin, T_I8X16)
X86_BOTH(x86_vector_op, pminsd, IR_smin, T_I32X4)
X86_BOTH(x86_vector_op, pminuw, IR_umin, T_I16X8)
X86_BOTH(x86_vector_op, pminud, IR_umin, T_I32X4)
X86_BOTH(x86_vector_op, pmaxsb, IR_smax, T_I8X16)
X86_BOTH(x86_vector_op, pmaxsd, IR_smax, T_I32X4)
X86_BOTH(x86_vector_op, pmaxuw, IR_umax, T_I16X8)
X86_BOTH(x86_vector_op, pmaxud, IR_umax, T_I32X4)
X86_BOTH(x86_vector_op, pmulld, IR_mul, T_I32X4)

/* ---- bytes */

static void shuffle_bytes(struct x86_block *c, const struct x86_instr *i)
{
    const ir_type t = x86_length(i, T_I8X16);
    const uint64_t used = x86_is_mmx(&i->op[0]) ? UINT64_C(0x8787878787878787)
                                                : UINT64_C(0x8f8f8f8f8f8f8f8f);
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        const ir_val which = x86_v2(c, IR_and, t, y, x86_vkonst(c, t, used));
        x86_put_vector(c, &i->op[0], x86_v2(c, IR_vtbl, t, x, which));
    }
}
X86_IS(shuffle_bytes, pshufb)
X86_IS(shuffle_bytes, vpshufb)

/* Bytes of the first operand behind those of the second, from one on. */
static void align(struct x86_block *c, const struct x86_instr *i)
{
    struct ir_builder *b = c->b;
    const ir_type t = x86_length(i, T_I8X16);
    const unsigned n = i->imm & 0xff;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
    const ir_val zero = x86_vkonst(c, t, 0);
    const bool mmx = x86_is_mmx(&i->op[0]);
    const ir_val low = mmx ? ir_vjoin(b, y, x) : y, high = mmx ? zero : x;
    ir_val r = zero;
    if (n == 0 || n == 16) {
        r = n ? high : low;
    } else if (n < 32) {
        r = ir_v2(b, IR_vext, t, n < 16 ? low : high, n < 16 ? high : zero, n % 16);
    }
    x86_put_vector(c, &i->op[0], r);
}
X86_IS(align, palignr)
X86_IS(align, vpalignr)

/* ---- blends */

static void choose(struct x86_block *c, const struct x86_instr *i, ir_val mask)
{
    const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
    x86_put_vector(c, &i->op[0], ir_v3(c->b, IR_bsel, x86_length(i, T_V128), mask, y, x, 0));
}

/* A bit of the immediate for each lane; of words the same for each 16 bytes. */
static void blend(struct x86_block *c, const struct x86_instr *i, unsigned bytes)
{
    uint64_t half[4] = {0, 0, 0, 0};
    for (unsigned k = 0; k < 32; k++) {
        const unsigned bit = k / bytes % 8;
        half[k / 8] |= (uint64_t)i->imm >> bit & 1 ? UINT64_C(0xff) << 8 * (k % 8) : 0;
    }
    if (x86_sse_begin(c, i)) {
        choose(c, i, x86_konst_halves(c, i, half));
    }
}
X86_BOTH(blend, blendps, 4)
X86_BOTH(blend, blendpd, 8)
X86_BOTH(blend, pblendw, 2)
X86_BY(blend, vpblendd, 4)

/* By the sign bits of XMM0, or of the last operand. */
static void blend_by_signs(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    t = x86_length(i, t);
    if (x86_sse_begin(c, i)) {
        const ir_val signs = i->vex ? x86_vector(c, i, &i->op[3]) : x86_xmm(c, 0);
        choose(c, i, ir_v2(c->b, IR_vcmp, t, signs, x86_vkonst(c, t, 0), IR_SLT));
    }
}
X86_BOTH(blend_by_signs, pblendvb, T_I8X16)
X86_BOTH(blend_by_signs, blendvps, T_I32X4)
X86_BOTH(blend_by_signs, blendvpd, T_I64X2)

/* ---- extensions */

/* For 256 bits the last step makes two parts. */
static void extend(struct x86_block *c, const struct x86_instr *i, bool is_signed,
                   const ir_type types[3])
{
    const enum ir_op low = is_signed ? IR_vsxtl : IR_vuxtl, high = is_signed ? IR_vsxth : IR_vuxth;
    if (x86_sse_begin(c, i)) {
        ir_val v = x86_vector(c, i, &i->op[1]);
        for (unsigned k = 0; k < 3 && types[k] != T_VOID; k++) {
            const bool last = k == 2 || types[k + 1] == T_VOID;
            const ir_val x = ir_v1(c->b, low, types[k], v, 0);
            v = i->l && last ? x86_join(c, x, ir_v1(c->b, high, types[k], v, 0)) : x;
        }
        x86_put_vector(c, &i->op[0], v);
    }
}
#define TYPES(...) ((const ir_type[3]){__VA_ARGS__})
X86_BOTH(extend, pmovsxbw, true, TYPES(T_I16X8))
X86_BOTH(extend, pmovsxbd, true, TYPES(T_I16X8, T_I32X4))
X86_BOTH(extend, pmovsxbq, true, TYPES(T_I16X8, T_I32X4, T_I64X2))
X86_BOTH(extend, pmovsxwd, true, TYPES(T_I32X4))
X86_BOTH(extend, pmovsxwq, true, TYPES(T_I32X4, T_I64X2))
X86_BOTH(extend, pmovsxdq, true, TYPES(T_I64X2))
X86_BOTH(extend, pmovzxbw, false, TYPES(T_I16X8))
X86_BOTH(extend, pmovzxbd, false, TYPES(T_I16X8, T_I32X4))
X86_BOTH(extend, pmovzxbq, false, TYPES(T_I16X8, T_I32X4, T_I64X2))
X86_BOTH(extend, pmovzxwd, false, TYPES(T_I32X4))
X86_BOTH(extend, pmovzxwq, false, TYPES(T_I32X4, T_I64X2))
X86_BOTH(extend, pmovzxdq, false, TYPES(T_I64X2))
#undef TYPES

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
X86_BOTH(extract, pextrb, 1)
X86_BOTH(extract, extractps, 4)
X86_BOTH(extract, pextrd, a->dst.bytes)

static void insert(struct x86_block *c, const struct x86_instr *i, unsigned bytes)
{
    static const ir_type types[] = {T_I8X16, T_I16X8, T_I32X4, T_I64X2};
    const unsigned n = (unsigned)i->imm & (16 / bytes - 1);
    if (x86_sse_begin(c, i)) {
        const ir_val v = x86_read_as(c, i, x86_second(i), bytes);
        const ir_val x = x86_vector(c, i, x86_first(i));
        x86_put_vector(c, &i->op[0], ir_vset(c->b, types[log2_floor(bytes)], x, n, v));
    }
}
X86_BOTH(insert, pinsrb, 1)
X86_BOTH(insert, pinsrd, x86_second(i)->bytes)

static void insert_single(struct x86_block *c, const struct x86_instr *i)
{
    struct ir_builder *b = c->b;
    const unsigned imm = i->imm & 0xff;
    const struct x86_operand *src = x86_second(i);
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const unsigned from = src->kind == X86_MEMORY ? 0 : imm >> 6;
    const ir_val v = ir_vget(b, T_I32, x86_vector(c, i, src), from);
    ir_val r = ir_vset(b, T_I32X4, x86_vector(c, i, x86_first(i)), imm >> 4 & 3, v);
    for (unsigned k = 0; k < 4; k++) {
        r = imm >> k & 1 ? ir_vset(b, T_I32X4, r, k, ir_konst(b, T_I32, 0)) : r;
    }
    x86_put_vector(c, &i->op[0], r);
}
X86_IS(insert_single, insertps)
X86_IS(insert_single, vinsertps)

/* Z: no bit is in both; C: no bit of the second is missing in the first. Of lanes of t only signs
 * count; T_VOID: all bits do. */
static void test(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    struct ir_builder *b = c->b;
    const ir_type all = x86_length(i, T_V128);
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
    const ir_val both[2] = {x86_v2(c, IR_and, all, x, y), x86_v2(c, IR_andn, all, y, x)};
    const uint64_t signs = t == T_VOID    ? UINT64_MAX
                           : t == T_F32X4 ? UINT64_C(0x8000000080000000)
                                          : UINT64_C(1) << 63;
    ir_val f = ir_flags_from(b, ir_konst(b, T_I32, 0));
    for (unsigned k = 0; k < 2; k++) {
        ir_val v = x86_part(c, both[k], 0);
        v = i->l ? x86_v2(c, IR_or, T_V128, v, x86_part(c, both[k], 1)) : v;
        const ir_val any = ir_or(b, ir_vget(b, T_I64, v, 0), ir_vget(b, T_I64, v, 1));
        f = x86_flags_set(c, f, k ? X86_PACK_CF : X86_PACK_ZF,
                          ir_tst(b, IR_EQ, any, ir_konst(b, T_I64, signs)));
    }
    x86_put_flags(c, f);
}
X86_BOTH(test, ptest, T_VOID)
X86_BY(test, vtestps, T_F32X4)
X86_BY(test, vtestpd, T_F64X2)

/* ---- rounding: bit 2 takes MXCSR's mode, bit 3 raises no inexact */

static unsigned rounding_of(const struct x86_instr *i)
{
    static const uint8_t modes[] = {IR_RNE, IR_RDN, IR_RUP, IR_RTZ};
    return (i->imm & 4 ? IR_RDYN : modes[i->imm & 3]) | (i->imm & 8 ? 0u : IR_FRINT_EXACT);
}

X86_BOTH(x86_fp1_packed, roundps, IR_frint, T_F32X4, rounding_of(i))
X86_BOTH(x86_fp1_packed, roundpd, IR_frint, T_F64X2, rounding_of(i))
X86_BOTH(x86_fp1_scalar, roundss, IR_frint, T_F32, rounding_of(i))
X86_BOTH(x86_fp1_scalar, roundsd, IR_frint, T_F64, rounding_of(i))

/* ---- dot products: bits 4 up choose products, bits 0 up where the sum goes */

/* Each step of all parts may end the instruction. */
struct dot {
    ir_val x, y; /* of 16 bytes, or both parts of them */
    ir_val p[2][4];
};

/* The step has computed the first numbers of each part. */
static void end_step(struct x86_block *c, const struct x86_instr *i, const struct dot *d,
                     unsigned count)
{
    const ir_type lane = ir_type_of(c->b, d->p[0][0]);
    ir_val r[2];
    for (unsigned n = 0; n <= i->l; n++) {
        r[n] = ir_vkonst(c->b, 0);
        for (unsigned k = 0; k < count; k++) {
            r[n] = ir_vset(c->b, x86_lanes(lane), r[n], k, d->p[n][k]);
        }
    }
    x86_fp_parts(c, r[0], r[i->l], lane);
}

static void multiply(struct x86_block *c, const struct x86_instr *i, struct dot *d, ir_type t)
{
    struct ir_builder *b = c->b;
    const ir_type lane = (ir_type)ir_lane(t);
    const ir_val zero = ir_vget(b, lane, ir_vkonst(b, 0), 0);
    x86_fp_begin(c);
    for (unsigned n = 0; n <= i->l; n++) {
        const ir_val x = x86_part(c, d->x, n), y = x86_part(c, d->y, n);
        for (unsigned k = 0; k < ir_lane_count(t); k++) {
            d->p[n][k] = i->imm >> (4 + k) & 1 ? ir_fp2(b, IR_fmul, lane, ir_vget(b, lane, x, k),
                                                        ir_vget(b, lane, y, k), x86_fp(c))
                                               : zero;
        }
    }
    end_step(c, i, d, ir_lane_count(t));
}

/* Of neighbours, so that there are half as many. */
static void add_pairs(struct x86_block *c, const struct x86_instr *i, struct dot *d, unsigned count)
{
    x86_fp_begin(c);
    for (unsigned n = 0; n <= i->l; n++) {
        ir_val *p = d->p[n];
        for (unsigned k = 0; k < count / 2; k++) {
            const ir_type lane = ir_type_of(c->b, p[2 * k]);
            p[k] = ir_fp2(c->b, IR_fadd, lane, p[2 * k], p[2 * k + 1], x86_fp(c));
        }
    }
    end_step(c, i, d, count / 2);
}

static void dot(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    struct ir_builder *b = c->b;
    ir_val r[2] = {IR_NONE, IR_NONE};
    struct dot d;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    d.x = x86_vector(c, i, x86_first(i));
    d.y = x86_vector(c, i, x86_second(i));
    multiply(c, i, &d, t);
    for (unsigned count = ir_lane_count(t); count > 1; count /= 2) {
        add_pairs(c, i, &d, count);
    }
    for (unsigned n = 0; n <= i->l; n++) {
        r[n] = ir_vkonst(b, 0);
        for (unsigned k = 0; k < ir_lane_count(t); k++) {
            r[n] = i->imm >> k & 1 ? ir_vset(b, t, r[n], k, d.p[n][0]) : r[n];
        }
    }
    x86_put_vector(c, &i->op[0], i->l ? x86_join(c, r[0], r[1]) : r[0]);
}
X86_BOTH(dot, dpps, T_F32X4)
X86_BOTH(dot, dppd, T_F64X2)

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

static void least_word(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0],
                       ir_call(c->b, T_V128, &row_least_word, x, IR_NONE, IR_NONE, 0));
    }
}
X86_IS(least_word, phminposuw)
X86_IS(least_word, vphminposuw)

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

/* Three bits of the immediate byte for each 16 bytes. */
static ir_val many_sums(struct x86_block *c, const struct x86_instr *i, const ir_val xy[2],
                        unsigned n)
{
    const uint32_t imm = (uint32_t)i->imm >> 3 * n & 7;
    return ir_call(c->b, T_V128, &row_many_sums, xy[0], xy[1], IR_NONE, imm);
}
X86_BOTH(x86_by_parts, mpsadbw, many_sums)
