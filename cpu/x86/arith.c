/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic and logic, with and without LOCK. Intel SDM, volume 2: ADC, ADD, AND, CMP,
 * CMPXCHG, DEC, INC, NEG, NOT, OR, SBB, SUB, TEST, XADD, XCHG, XOR; ADCX, ADOX, ANDN.
 *
 * With LOCK what the host has as one instruction is op `atomic`. The rest loads, computes, and
 * writes by `cas`; if somebody else wrote meanwhile the instruction starts again.
 */
#include "cpu/x86/translate.h"

struct place {
    bool locked;
    unsigned bytes;
    ir_val address; /* linear; of a locked operand */
};

/* Reads the operand that will be written. */
static ir_val open(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                   struct place *p)
{
    p->bytes = o->bytes;
    p->locked = i->lock;
    if (!i->lock) {
        return x86_modify(c, i, o);
    }
    p->address = x86_linear(c, o->seg, x86_offset(c, i, o), o->bytes, true, i->as);
    return ir_load(c->b, x86_type_of(o->bytes), x86_memop(c, o->bytes), p->address, 0);
}

/* Writes it; behind this nothing may fault. */
static void close(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                  const struct place *p, ir_val old, ir_val v)
{
    if (!p->locked) {
        x86_write(c, i, o, v);
        return;
    }
    const ir_val found = ir_cas(c->b, x86_type_of(p->bytes), x86_memop(c, p->bytes), p->address,
                                old, v);
    ir_brcond(c->b, ir_cmp(c->b, IR_NE, found, old), c->pc);
}

static ir_val atomic(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                     enum ir_atomic op, ir_val v)
{
    const ir_val at = x86_linear(c, o->seg, x86_offset(c, i, o), o->bytes, true, i->as);
    return ir_atomic(c->b, x86_type_of(o->bytes), x86_memop(c, o->bytes), op, at, v);
}

/* ---- two operands */

void x86_add(struct x86_block *c, const struct x86_instr *i, const struct x86_add *a)
{
    const ir_val y = x86_read_as(c, i, &a->src, a->dst.bytes);
    ir_val x;
    if (i->lock) {
        x = atomic(c, i, &a->dst, IR_ATOMIC_ADD, y);
    } else {
        x = x86_modify(c, i, &a->dst);
        x86_write(c, i, &a->dst, ir_add(c->b, x, y));
    }
    x86_put_flags(c, ir_flags_add(c->b, x, y));
}

void x86_sub(struct x86_block *c, const struct x86_instr *i, const struct x86_sub *a)
{
    const ir_val y = x86_read_as(c, i, &a->src, a->dst.bytes);
    ir_val x;
    if (i->lock) {
        x = atomic(c, i, &a->dst, IR_ATOMIC_ADD, ir_neg(c->b, y));
    } else {
        x = x86_modify(c, i, &a->dst);
        x86_write(c, i, &a->dst, ir_sub(c->b, x, y));
    }
    x86_put_flags(c, ir_flags_sub(c->b, x, y));
}

void x86_adc(struct x86_block *c, const struct x86_instr *i, const struct x86_adc *a)
{
    struct place p;
    const ir_val y = x86_read_as(c, i, &a->src, a->dst.bytes);
    const ir_val x = open(c, i, &a->dst, &p), f = x86_flags(c);
    close(c, i, &a->dst, &p, x, ir_adc(c->b, x, y, f));
    x86_put_flags(c, ir_flags_adc(c->b, x, y, f));
}

static bool same_register(const struct x86_operand *x, const struct x86_operand *y)
{
    return x->kind == X86_REGISTER && y->kind == X86_REGISTER && x->file == y->file &&
           x->reg == y->reg;
}

/* Of a register and itself: 0 - C. */
static void spread_carry(struct x86_block *c, const struct x86_instr *i,
                         const struct x86_operand *dst)
{
    struct ir_builder *b = c->b;
    const ir_type t = x86_type_of(dst->bytes);
    const ir_val carry = ir_flags_test(b, IR_ULT, x86_flags(c));
    const ir_val v = t == T_I64 ? ir_zext(b, t, carry) : t == T_I32 ? carry : ir_trunc(b, t, carry);
    x86_write(c, i, dst, ir_neg(b, v));
    x86_put_flags(c, ir_flags_sub(b, x86_konst(c, dst->bytes, 0), v));
}

void x86_sbb(struct x86_block *c, const struct x86_instr *i, const struct x86_sbb *a)
{
    if (same_register(&a->dst, &a->src)) {
        spread_carry(c, i, &a->dst);
        return;
    }
    struct place p;
    const ir_val y = x86_read_as(c, i, &a->src, a->dst.bytes);
    const ir_val x = open(c, i, &a->dst, &p), f = x86_flags(c);
    close(c, i, &a->dst, &p, x, ir_sbb(c->b, x, y, f));
    x86_put_flags(c, ir_flags_sbb(c->b, x, y, f));
}

/* AND, OR, XOR: with LOCK by the op that does it to memory with `there`. */
static void logic(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                  const struct x86_operand *src, enum ir_op op)
{
    struct ir_builder *b = c->b;
    const ir_val y = x86_read_as(c, i, src, dst->bytes);
    ir_val x;
    if (i->lock && op == IR_and) {
        x = atomic(c, i, dst, IR_ATOMIC_CLR, ir_not(b, y));
    } else if (i->lock) {
        x = atomic(c, i, dst, op == IR_or ? IR_ATOMIC_SET : IR_ATOMIC_EOR, y);
    } else {
        x = x86_modify(c, i, dst);
    }
    const ir_val r = op == IR_and  ? ir_and(b, x, y)
                     : op == IR_or ? ir_or(b, x, y)
                                   : ir_xor(b, x, y);
    if (!i->lock) {
        x86_write(c, i, dst, r);
    }
    x86_put_flags(c, ir_flags_logic(b, r));
}

void x86_and(struct x86_block *c, const struct x86_instr *i, const struct x86_and *a)
{
    logic(c, i, &a->dst, &a->src, IR_and);
}

void x86_or(struct x86_block *c, const struct x86_instr *i, const struct x86_or *a)
{
    logic(c, i, &a->dst, &a->src, IR_or);
}

void x86_xor(struct x86_block *c, const struct x86_instr *i, const struct x86_xor *a)
{
    logic(c, i, &a->dst, &a->src, IR_xor);
}

void x86_cmp(struct x86_block *c, const struct x86_instr *i, const struct x86_cmp *a)
{
    const ir_val x = x86_read(c, i, &a->dst), y = x86_read_as(c, i, &a->src, a->dst.bytes);
    x86_put_flags(c, ir_flags_sub(c->b, x, y));
}

void x86_test(struct x86_block *c, const struct x86_instr *i, const struct x86_test *a)
{
    const ir_val x = x86_read(c, i, &a->dst), y = x86_read_as(c, i, &a->src, a->dst.bytes);
    x86_put_flags(c, ir_flags_logic(c->b, ir_and(c->b, x, y)));
}

void x86_andn(struct x86_block *c, const struct x86_instr *i, const struct x86_andn *a)
{
    const ir_val r = ir_andn(c->b, x86_read(c, i, &a->src2), x86_read(c, i, &a->src));
    x86_write(c, i, &a->dst, r);
    x86_put_flags(c, ir_flags_logic(c->b, r));
}

/* ---- one operand */

/* INC and DEC keep C. */
static void step(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                 bool up)
{
    struct ir_builder *b = c->b;
    const ir_val one = x86_konst(c, dst->bytes, 1);
    ir_val x;
    if (i->lock) {
        x = atomic(c, i, dst, IR_ATOMIC_ADD, x86_konst(c, dst->bytes, up ? 1 : UINT64_MAX));
    } else {
        x = x86_modify(c, i, dst);
        x86_write(c, i, dst, up ? ir_add(b, x, one) : ir_sub(b, x, one));
    }
    const ir_val f = up ? ir_flags_add(b, x, one) : ir_flags_sub(b, x, one);
    x86_put_flags(c, x86_flags_with(c, f, X86_PACK_CF, x86_flags(c)));
}

void x86_inc(struct x86_block *c, const struct x86_instr *i, const struct x86_inc *a)
{
    step(c, i, &a->dst, true);
}

void x86_dec(struct x86_block *c, const struct x86_instr *i, const struct x86_dec *a)
{
    step(c, i, &a->dst, false);
}

void x86_neg(struct x86_block *c, const struct x86_instr *i, const struct x86_neg *a)
{
    struct place p;
    const ir_val x = open(c, i, &a->dst, &p), zero = x86_konst(c, a->dst.bytes, 0);
    close(c, i, &a->dst, &p, x, ir_neg(c->b, x));
    x86_put_flags(c, ir_flags_sub(c->b, zero, x));
}

void x86_not(struct x86_block *c, const struct x86_instr *i, const struct x86_not *a)
{
    if (i->lock) {
        atomic(c, i, &a->dst, IR_ATOMIC_EOR, x86_konst(c, a->dst.bytes, UINT64_MAX));
    } else {
        x86_write(c, i, &a->dst, ir_not(c->b, x86_modify(c, i, &a->dst)));
    }
}

/* ---- exchanges */

/* With memory always as if with LOCK. */
void x86_xchg(struct x86_block *c, const struct x86_instr *i, const struct x86_xchg *a)
{
    const ir_val y = x86_read(c, i, &a->src);
    if (a->dst.kind == X86_MEMORY) {
        x86_write(c, i, &a->src, atomic(c, i, &a->dst, IR_ATOMIC_SWP, y));
    } else {
        const ir_val x = x86_read(c, i, &a->dst);
        x86_write(c, i, &a->dst, y);
        x86_write(c, i, &a->src, x);
    }
}

void x86_xadd(struct x86_block *c, const struct x86_instr *i, const struct x86_xadd *a)
{
    const ir_val y = x86_read(c, i, &a->src);
    ir_val x;
    if (i->lock) {
        x = atomic(c, i, &a->dst, IR_ATOMIC_ADD, y);
        x86_write(c, i, &a->src, x);
    } else if (a->dst.kind == X86_MEMORY) {
        x = x86_modify(c, i, &a->dst);
        x86_write(c, i, &a->dst, ir_add(c->b, x, y));
        x86_write(c, i, &a->src, x);
    } else {
        x = x86_read(c, i, &a->dst);
        x86_write(c, i, &a->src, x);
        x86_write(c, i, &a->dst, ir_add(c->b, x, y));
    }
    x86_put_flags(c, ir_flags_add(c->b, x, y));
}

/* The accumulator of 32 bits has its upper half cleared where it is written only. */
void x86_cmpxchg(struct x86_block *c, const struct x86_instr *i, const struct x86_cmpxchg *a)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = a->dst.bytes;
    const ir_val want = x86_read_reg(c, X86_RAX, bytes), v = x86_read(c, i, &a->src);
    const ir_val rax = ir_get(b, X86_RAX);
    ir_val found, equal;
    if (a->dst.kind == X86_MEMORY) {
        const ir_val at = x86_linear(c, a->dst.seg, x86_offset(c, i, &a->dst), bytes, true, i->as);
        found = ir_cas(b, x86_type_of(bytes), x86_memop(c, bytes), at, want, v);
        equal = ir_cmp(b, IR_EQ, found, want);
        x86_write_reg(c, X86_RAX, bytes, found);
        ir_put(b, X86_RAX, ir_select(b, equal, rax, ir_get(b, X86_RAX)));
    } else {
        found = x86_read(c, i, &a->dst);
        equal = ir_cmp(b, IR_EQ, found, want);
        x86_write_reg(c, X86_RAX, bytes, found);
        ir_put(b, X86_RAX, ir_select(b, equal, rax, ir_get(b, X86_RAX)));
        /* If they differ the register stays as it is, its upper half included. */
        const ir_val old = ir_get(b, a->dst.reg);
        x86_write(c, i, &a->dst, v);
        ir_put(b, a->dst.reg, ir_select(b, equal, ir_get(b, a->dst.reg), old));
    }
    x86_put_flags(c, ir_flags_sub(b, want, found));
}

static ir_val pair(struct x86_block *c, unsigned high, unsigned low)
{
    return ir_dep(c->b, ir_get(c->b, low), ir_get(c->b, high), 32, 32);
}

void x86_cmpxchg8b(struct x86_block *c, const struct x86_instr *i, const struct x86_cmpxchg8b *a)
{
    struct ir_builder *b = c->b;
    const ir_val want = pair(c, X86_RDX, X86_RAX), v = pair(c, X86_RCX, X86_RBX);
    const ir_val at = x86_linear(c, a->dst.seg, x86_offset(c, i, &a->dst), 8, true, i->as);
    const ir_val found = ir_cas(b, T_I64, x86_memop(c, 8), at, want, v);
    const ir_val equal = ir_cmp(b, IR_EQ, found, want);
    ir_put(b, X86_RAX, ir_select(b, equal, ir_get(b, X86_RAX), ir_ubfx(b, found, 0, 32)));
    ir_put(b, X86_RDX, ir_select(b, equal, ir_get(b, X86_RDX), ir_ubfx(b, found, 32, 32)));
    x86_put_flags(c, x86_flags_set(c, x86_flags(c), X86_PACK_ZF, equal));
}

static ir_val wide(struct x86_block *c, unsigned high, unsigned low)
{
    return ir_vset(c->b, T_I64X2, ir_vzext(c->b, ir_get(c->b, low)), 1, ir_get(c->b, high));
}

void x86_cmpxchg16b(struct x86_block *c, const struct x86_instr *i, const struct x86_cmpxchg16b *a)
{
    struct ir_builder *b = c->b;
    const ir_val want = wide(c, X86_RDX, X86_RAX), v = wide(c, X86_RCX, X86_RBX);
    const ir_val at = x86_linear(c, a->dst.seg, x86_offset(c, i, &a->dst), 16, true, i->as);
    const ir_val off = ir_and(b, at, ir_konst(b, T_I64, 15));
    x86_raise_if(c, ir_cmp(b, IR_NE, off, ir_konst(b, T_I64, 0)), X86_GP);
    const ir_val found = ir_cas(b, T_V128, x86_memop(c, 16) | MO_ALIGN, at, want, v);
    const ir_val low = ir_vget(b, T_I64, found, 0), high = ir_vget(b, T_I64, found, 1);
    const ir_val same_low = ir_cmp(b, IR_EQ, low, ir_get(b, X86_RAX));
    const ir_val same_high = ir_cmp(b, IR_EQ, high, ir_get(b, X86_RDX));
    ir_put(b, X86_RAX, low);
    ir_put(b, X86_RDX, high);
    x86_put_flags(c, x86_flags_set(c, x86_flags(c), X86_PACK_ZF, ir_and(b, same_low, same_high)));
}

/* ---- chains of one flag */

/* ADCX and ADOX: the flag is the carry, in and out, and a boolean on the way from one to the next.
 */
static void chain(struct x86_block *c, const struct x86_instr *i, enum ir_cond set, uint32_t bit)
{
    struct ir_builder *b = c->b;
    const ir_val x = x86_read(c, i, &i->op[0]), y = x86_read(c, i, &i->op[1]), f = x86_flags(c);
    const ir_val carry = ir_konst(b, T_I32, X86_PACK_CF), none = ir_konst(b, T_I32, 0);
    const ir_val in = ir_flags_from(b, ir_select(b, ir_flags_test(b, set, f), carry, none));
    const ir_val sum = ir_adc(b, x, y, in);
    const ir_val out = ir_flags_test(b, IR_ULT, ir_flags_adc(b, x, y, in));
    x86_write(c, i, &i->op[0], sum);
    x86_put_flags(c, x86_flags_set(c, f, bit, out));
}
X86_BY(chain, adcx, IR_ULT, X86_PACK_CF)
X86_BY(chain, adox, IR_VS, X86_PACK_OF)
