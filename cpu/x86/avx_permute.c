/* SPDX-License-Identifier: MIT */
/*
 * Moving lanes of AVX and AVX2 beyond 16 bytes, and by numbers in a register. Intel SDM, volume 2:
 * VBROADCAST, VEXTRACTF128, VINSERTF128, VPBROADCAST, VPERM2F128, VPERMD, VPERMILPD, VPERMILPS,
 * VPERMPD, VPERMPS, VPERMQ.
 */
#include "cpu/x86/sse.h"

/* ---- lanes by number: as numbers of bytes */

/* Of doublewords, by the low two bits of each; lanes of t. */
static ir_val bytes_of_words(struct x86_block *c, ir_type t, ir_val n)
{
    const ir_type bytes = x86_halved(x86_halved(t));
    const ir_val low = x86_v2(c, IR_and, t, n, x86_vkonst(c, t, UINT64_C(0x0000000300000003)));
    const ir_val four = x86_vkonst(c, t, UINT64_C(0x0404040404040404));
    return x86_v2(c, IR_add, bytes, x86_v2(c, IR_mul, t, low, four),
                  x86_vkonst(c, t, UINT64_C(0x0302010003020100)));
}

static ir_val by_numbered_singles(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return x86_v2(c, IR_vtbl, x86_halved(x86_halved(t)), x, bytes_of_words(c, t, y));
}
X86_BY(x86_two_vectors, vpermilps, by_numbered_singles, T_I32X4)

/* Bit 1 of each number chooses the double. */
static ir_val by_numbered_doubles(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    struct ir_builder *b = c->b;
    const ir_val chosen = ir_v1(b, IR_shli, t, y, 62);
    const ir_val high = ir_v2(b, IR_vcmp, t, chosen, x86_vkonst(c, t, 0), IR_SLT);
    const ir_val eight = x86_v2(c, IR_and, t, high, x86_vkonst(c, t, UINT64_C(0x0808080808080808)));
    const ir_val which = x86_v2(c, IR_or, t, eight, x86_vkonst(c, t, UINT64_C(0x0706050403020100)));
    return x86_v2(c, IR_vtbl, x86_halved(x86_halved(x86_halved(t))), x, which);
}
X86_BY(x86_two_vectors, vpermilpd, by_numbered_doubles, T_I64X2)

static ir_val by_constant_doubles(struct x86_block *c, const struct x86_instr *i,
                                  const ir_val xy[2], unsigned n)
{
    const unsigned imm = (unsigned)i->imm >> 2 * n;
    return x86_two_halves(c, (struct x86_half){xy[0], imm & 1},
                          (struct x86_half){xy[0], imm >> 1 & 1});
}

void x86_vpermilpd_i(struct x86_block *c, const struct x86_instr *i,
                     const struct x86_vpermilpd_i *a)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->src);
        ir_val r[2] = {IR_NONE, IR_NONE};
        for (unsigned n = 0; n <= i->l; n++) {
            r[n] = by_constant_doubles(c, i, (const ir_val[]){x86_part(c, x, n), IR_NONE}, n);
        }
        x86_put_vector(c, &a->dst, i->l ? x86_join(c, r[0], r[1]) : r[0]);
    }
}

/* ---- across 16 bytes */

/* Doublewords of the last operand, by the low three bits of those of the other: of each part, and
 * by the third bit one of the two. */
static void permute_words(struct x86_block *c, const struct x86_instr *i)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val n = x86_vector(c, i, &i->op[1]), x = x86_vector(c, i, &i->op[2]);
    const ir_val four = ir_vkonst(b, UINT64_C(0x0000000400000004));
    ir_val r[2];
    for (unsigned k = 0; k < 2; k++) {
        const ir_val at = ir_vpart(b, n, k), bytes = bytes_of_words(c, T_I32X4, at);
        const ir_val upper = x86_v2(c, IR_vtst, T_I32X4, at, four);
        r[k] = ir_v3(b, IR_bsel, T_V128, upper,
                     x86_v2(c, IR_vtbl, T_I8X16, ir_vpart(b, x, 1), bytes),
                     x86_v2(c, IR_vtbl, T_I8X16, ir_vpart(b, x, 0), bytes), 0);
    }
    x86_put_vector(c, &i->op[0], x86_join(c, r[0], r[1]));
}
X86_IS(permute_words, vpermd)
X86_IS(permute_words, vpermps)

/* Four quadwords by pairs of bits of the immediate byte. */
static void permute_quadwords(struct x86_block *c, const struct x86_instr *i)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[1]);
    struct x86_half from[4];
    for (unsigned k = 0; k < 4; k++) {
        const unsigned n = (unsigned)i->imm >> 2 * k & 3;
        from[k] = (struct x86_half){ir_vpart(b, x, n >> 1), n & 1};
    }
    x86_put_vector(
        c, &i->op[0],
        x86_join(c, x86_two_halves(c, from[0], from[1]), x86_two_halves(c, from[2], from[3])));
}
X86_IS(permute_quadwords, vpermq)
X86_IS(permute_quadwords, vpermpd)

/* Two of four parts, or zeros. */
static void permute_parts(struct x86_block *c, const struct x86_instr *i)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val xy[2] = {x86_vector(c, i, &i->op[1]), x86_vector(c, i, &i->op[2])};
    ir_val r[2];
    for (unsigned k = 0; k < 2; k++) {
        const unsigned n = (unsigned)i->imm >> 4 * k;
        r[k] = n & 8 ? ir_vkonst(b, 0) : ir_vpart(b, xy[n >> 1 & 1], n & 1);
    }
    x86_put_vector(c, &i->op[0], x86_join(c, r[0], r[1]));
}
X86_IS(permute_parts, vperm2f128)
X86_IS(permute_parts, vperm2i128)

static void insert_part(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_vector(c, i, &i->op[2]), x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], ir_vwith(c->b, x, i->imm & 1, y));
    }
}
X86_IS(insert_part, vinsertf128)
X86_IS(insert_part, vinserti128)

static void extract_part(struct x86_block *c, const struct x86_instr *i)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val v = ir_vpart(c->b, x86_vector(c, i, &i->op[1]), i->imm & 1);
    if (i->op[0].kind == X86_MEMORY) {
        x86_store_vector(c, i, &i->op[0], v, 0);
    } else {
        x86_put_vector(c, &i->op[0], v);
    }
}
X86_IS(extract_part, vextractf128)
X86_IS(extract_part, vextracti128)

/* ---- one for all */

static void broadcast(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    const struct x86_operand *src = &i->op[1];
    const ir_type lane = (ir_type)ir_lane(t);
    if (x86_sse_begin(c, i)) {
        const ir_val x = src->kind == X86_MEMORY
                             ? x86_read_memory(c, i, src, ir_lane_bits(t) / 8, lane, 0)
                             : ir_vget(c->b, lane, x86_xmm(c, src->reg), 0);
        x86_put_vector(c, &i->op[0], ir_vdup(c->b, x86_length(i, t), x));
    }
}
X86_BY(broadcast, vbroadcastss, T_F32X4)
X86_BY(broadcast, vbroadcastsd, T_F64X2)
X86_BY(broadcast, vpbroadcastb, T_I8X16)
X86_BY(broadcast, vpbroadcastw, T_I16X8)
X86_BY(broadcast, vpbroadcastd, T_F32X4)
X86_BY(broadcast, vpbroadcastq, T_F64X2)

static void broadcast_part(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], x86_join(c, x, x));
    }
}
X86_IS(broadcast_part, vbroadcastf128)
X86_IS(broadcast_part, vbroadcasti128)
