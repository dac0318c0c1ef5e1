/* SPDX-License-Identifier: MIT */
/* SSE4a. AMD APM, volume 4: EXTRQ, INSERTQ, MOVNTSD, MOVNTSS. */
#include "cpu/x86/sse.h"

/* A field: its first bit, and a mask of its length, which is 64 if the number is 0. */
struct field {
    ir_val first, mask;
};

static struct field field_of(struct x86_block *c, ir_val length, ir_val first)
{
    struct ir_builder *b = c->b;
    const ir_val most = ir_konst(b, T_I64, 63), zero = ir_konst(b, T_I64, 0);
    const ir_val unused = ir_and(b, ir_sub(b, zero, length), most);
    return (struct field){ir_and(b, first, most),
                          ir_shr(b, ir_konst(b, T_I64, UINT64_MAX), unused)};
}

/* Both as constants, the last two operands; or bits of a number. */
static struct field field_in(struct x86_block *c, const struct x86_instr *i, ir_val number)
{
    struct ir_builder *b = c->b;
    if (number == IR_NONE) {
        const unsigned n = i->ops;
        return field_of(c, ir_konst(b, T_I64, (uint64_t)i->op[n - 2].value & 63),
                        ir_konst(b, T_I64, (uint64_t)i->op[n - 1].value & 63));
    }
    return field_of(c, ir_ubfx(b, number, 0, 6), ir_ubfx(b, number, 8, 6));
}

static void extract(struct x86_block *c, const struct x86_instr *i, bool constant)
{
    struct ir_builder *b = c->b;
    if (x86_sse_begin(c, i)) {
        const ir_val number = constant ? IR_NONE : ir_vget(b, T_I64, x86_xmm(c, i->op[1].reg), 0);
        const struct field f = field_in(c, i, number);
        const ir_val x = ir_vget(b, T_I64, x86_xmm(c, i->op[0].reg), 0);
        x86_put_xmm(c, i->op[0].reg, ir_vzext(b, ir_and(b, ir_shr(b, x, f.first), f.mask)));
    }
}
X86_BY(extract, extrq, true)
X86_BY(extract, extrq_v, false)

static void insert(struct x86_block *c, const struct x86_instr *i, bool constant)
{
    struct ir_builder *b = c->b;
    if (x86_sse_begin(c, i)) {
        const ir_val src = x86_xmm(c, i->op[1].reg);
        const struct field f = field_in(c, i, constant ? IR_NONE : ir_vget(b, T_I64, src, 1));
        const ir_val x = ir_vget(b, T_I64, x86_xmm(c, i->op[0].reg), 0);
        const ir_val y = ir_and(b, ir_vget(b, T_I64, src, 0), f.mask);
        const ir_val rest = ir_andn(b, x, ir_shl(b, f.mask, f.first));
        x86_put_xmm(c, i->op[0].reg, ir_vzext(b, ir_or(b, rest, ir_shl(b, y, f.first))));
    }
}
X86_BY(insert, insertq, true)
X86_BY(insert, insertq_v, false)

static void store_scalar(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_scalar(c, i, &i->op[1], t);
        x86_write_memory(c, i, &i->op[0], ir_type_bits(t) / 8, 0, x);
    }
}
X86_BY(store_scalar, movntss, T_F32)
X86_BY(store_scalar, movntsd, T_F64)
