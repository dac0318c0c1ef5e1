/* SPDX-License-Identifier: MIT */
/*
 * F16C: half precision. Intel SDM, volume 1, 14.4, and volume 2: VCVTPH2PS, VCVTPS2PH. MXCSR's FTZ
 * does not count, and denormal halves are neither zeros nor flagged.
 */
#include "cpu/x86/sse.h"

#include "base/softfloat.h"
#include "cpu/x86/fpu.h"

static void raise_flags(struct vcpu *v, uint32_t flags)
{
    const uint32_t before = tcg_fp_flags(v);
    if (flags & ~before) {
        tcg_fp_set_flags(v, before | flags);
    }
}

/* Four halves from number `from` on. */
static void do_halves_to_singles(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                                 const union ir_vec *b, const union ir_vec *c, uint32_t from)
{
    struct fp_env env = {.rules = &fp_rules_x86};
    (void)b, (void)c;
    for (unsigned k = 0; k < 4; k++) {
        d->u32[k] = f16_to_f32(a->u16[from + k], &env);
    }
    raise_flags(v, env.flags & FP_INVALID);
}

static void do_singles_to_halves(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                                 const union ir_vec *b, const union ir_vec *c, uint32_t imm)
{
    static const uint8_t rounding[] = {FP_RNE, FP_RDN, FP_RUP, FP_RTZ};
    const uint32_t mxcsr = x86_cpu(v)->mxcsr;
    struct fp_env env = {.rules = &fp_rules_x86,
                         .rounding = rounding[(imm & 4 ? mxcsr >> 13 : imm) & 3],
                         .flush_inputs = mxcsr & X86_MXCSR_DAZ ? FP_FLUSH : 0,
                         .trapped = mxcsr & X86_MXCSR_UM ? 0 : FP_UNDERFLOW};
    union ir_vec r = {.u64 = {0, 0}};
    (void)b, (void)c;
    for (unsigned k = 0; k < 4; k++) {
        r.u16[k] = f32_to_f16(a->u32[k], &env);
    }
    raise_flags(v, env.flags);
    *d = r;
}

/* They raise flags: the same operands do not suffice for the same effect. */
#define FLAGGING_CALL(name_)                                                                       \
    static const struct ir_call row_##name_ = {.name = "x86_" #name_,                              \
                                               .fn = (void (*)(void))(do_##name_),                 \
                                               .class = IR_CALL_FULL,                              \
                                               .vector = true}
FLAGGING_CALL(halves_to_singles);
FLAGGING_CALL(singles_to_halves);
#undef FLAGGING_CALL

void x86_vcvtph2ps(struct x86_block *c, const struct x86_instr *i, const struct x86_vcvtph2ps *a)
{
    ir_val r[2] = {IR_NONE, IR_NONE};
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &a->src);
    x86_fp_begin(c);
    for (unsigned n = 0; n <= i->l; n++) {
        r[n] = ir_call(c->b, T_V128, &row_halves_to_singles, x, IR_NONE, IR_NONE, 4 * n);
    }
    x86_fp_end(c);
    x86_put_vector(c, &a->dst, i->l ? x86_join(c, r[0], r[1]) : r[0]);
}

/* Both ends of what will be stored: a fault comes before any flag is raised. */
static uint64_t do_probe(struct vcpu *v, uint64_t at, uint64_t bytes, uint64_t z, uint32_t aux)
{
    const memop m = MO_8 | MO_IDX(v->cls->mmu_index(v));
    (void)z, (void)aux;
    if (vcpu_probe(v, at, m, ACCESS_WRITE)) {
        vcpu_probe(v, at + bytes - 1, m, ACCESS_WRITE);
    }
    return 0;
}
X86_CALL(probe, IR_CALL_RAISES);

static void probe(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
{
    const ir_val offset = x86_offset(c, i, o);
    const ir_val at = x86_linear(c, o->seg, offset, o->bytes, true, i->as);
    ir_call(c->b, T_VOID, &row_probe, at, ir_konst(c->b, T_I64, o->bytes), IR_NONE, 0);
}

void x86_vcvtps2ph(struct x86_block *c, const struct x86_instr *i, const struct x86_vcvtps2ph *a)
{
    ir_val r[2] = {IR_NONE, IR_NONE};
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &a->src);
    if (a->dst.kind == X86_MEMORY) {
        probe(c, i, &a->dst);
    }
    x86_fp_begin(c);
    for (unsigned n = 0; n <= i->l; n++) {
        r[n] = ir_call(c->b, T_V128, &row_singles_to_halves, x86_part(c, x, n), IR_NONE, IR_NONE,
                       (uint32_t)i->imm & 7);
    }
    x86_fp_end(c);
    const ir_val v = i->l ? ir_vjoin(c->b, r[0], r[1]) : r[0];
    if (a->dst.kind == X86_MEMORY) {
        x86_store_vector(c, i, &a->dst, v, 0);
    } else {
        x86_put_vector(c, &a->dst, v);
    }
}
