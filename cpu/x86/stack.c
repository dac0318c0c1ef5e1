/* SPDX-License-Identifier: MIT */
/*
 * The stack. Intel SDM, volume 2: ENTER, LEAVE, POP, POPA, POPF, PUSH, PUSHA, PUSHF. The stack
 * pointer changes behind the last access that may fault.
 */
#include "cpu/x86/translate.h"
#include "cpu/x86/vm86.h"

#include <stddef.h>

static ir_val selector(struct x86_block *c, unsigned seg, unsigned bytes)
{
    const size_t at = offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_segment) +
                      offsetof(struct x86_segment, selector);
    const ir_val v = ir_env_load(c->b, T_I16, (uint32_t)at);
    return bytes == 2 ? v : ir_zext(c->b, x86_type_of(bytes), v);
}

/* A segment register is extended by zeros. */
void x86_push(struct x86_block *c, const struct x86_instr *i, const struct x86_push *a)
{
    if (a->src.kind == X86_REGISTER && a->src.file == X86_SEGMENT) {
        x86_push_value(c, i->os, selector(c, a->src.reg, i->os));
    } else {
        x86_push_value(c, i->os, x86_read_as(c, i, &a->src, i->os));
    }
}

static uint64_t do_pop_segment(struct vcpu *v, uint64_t next, uint64_t value, uint64_t sp,
                               uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    if (x86_load_segment(c, aux & 7, (uint16_t)value)) {
        const unsigned bytes = aux >> 4;
        const uint64_t keep = bytes == 2 ? ~UINT64_C(0xffff) : 0;
        c->r[X86_RSP] = (c->r[X86_RSP] & keep) | sp;
        if ((aux & 7) == X86_SS) {
            return x86_go_shadowed(c, next, X86_LOCAL_SS);
        }
    }
    return x86_go(c, next);
}
X86_CALL(pop_segment, IR_CALL_FULL);

void x86_pop(struct x86_block *c, const struct x86_instr *i, const struct x86_pop *a)
{
    struct ir_builder *b = c->b;
    const ir_val v = x86_peek(c, i->os, 0);
    if (a->dst.kind == X86_REGISTER && a->dst.file == X86_SEGMENT) {
        const ir_val sp = ir_add(b, ir_get(b, X86_RSP), ir_konst(b, T_I64, i->os));
        x86_tail(c, &row_pop_segment, ir_zext(b, T_I64, v),
                 c->stack == 8 ? sp : ir_ubfx(b, sp, 0, 8 * c->stack),
                 a->dst.reg | (uint32_t)c->stack << 4);
    } else if (a->dst.kind == X86_REGISTER) {
        x86_drop(c, i->os);
        x86_write(c, i, &a->dst, v);
    } else {
        /* An address by rSP counts from what it is behind the instruction. */
        struct x86_operand o = a->dst;
        o.value += o.base == X86_RSP ? i->os : 0;
        x86_write(c, i, &o, v);
        x86_drop(c, i->os);
    }
}

void x86_pusha(struct x86_block *c, const struct x86_instr *i, const struct x86_pusha *a)
{
    struct ir_builder *b = c->b;
    const ir_val sp = ir_get(b, X86_RSP);
    (void)a;
    for (unsigned r = 0; r < 8; r++) {
        const ir_val at = ir_sub(b, sp, ir_konst(b, T_I64, (r + 1) * i->os));
        x86_store(c, X86_SS, ir_ubfx(b, at, 0, 8 * c->stack), i->os, c->stack,
                  x86_read_reg(c, r, i->os));
    }
    x86_drop(c, (uint64_t)-8 * i->os);
}

/* RSP is not taken from the stack. */
void x86_popa(struct x86_block *c, const struct x86_instr *i, const struct x86_popa *a)
{
    ir_val v[8];
    (void)a;
    for (unsigned r = 0; r < 8; r++) {
        v[r] = x86_peek(c, i->os, (7 - r) * i->os);
    }
    for (unsigned r = 0; r < 8; r++) {
        if (r != X86_RSP) {
            x86_write_reg(c, r, i->os, v[r]);
        }
    }
    x86_drop(c, 8 * i->os);
}

/* ---- frames */

void x86_leave(struct x86_block *c, const struct x86_instr *i, const struct x86_leave *a)
{
    struct ir_builder *b = c->b;
    const ir_val rbp = ir_get(b, X86_RBP);
    const ir_val at = c->stack == 8 ? rbp : ir_ubfx(b, rbp, 0, 8 * c->stack);
    const ir_val v = x86_load(c, X86_SS, at, i->os, c->stack);
    const ir_val sp = ir_add(b, at, ir_konst(b, T_I64, i->os));
    (void)a;
    x86_write_reg(c, X86_RSP, c->stack, ir_trunc(b, x86_type_of(c->stack), sp));
    x86_write_reg(c, X86_RBP, i->os, v);
}

static ir_val stack_cut(struct x86_block *c, ir_val at)
{
    return c->stack == 8 ? at : ir_ubfx(c->b, at, 0, 8 * c->stack);
}

/* The frame pointers of outer levels are copied. */
void x86_enter(struct x86_block *c, const struct x86_instr *i, const struct x86_enter *a)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = i->os, level = (unsigned)a->src.value & 31;
    const ir_val rbp = ir_get(b, X86_RBP);
    ir_val sp = stack_cut(c, ir_sub(b, ir_get(b, X86_RSP), ir_konst(b, T_I64, bytes)));
    /* EBP becomes all of ESP, even if the stack is one of 16 bits. */
    const ir_val frame = c->stack == 2 ? ir_dep(b, ir_get(b, X86_RSP), sp, 0, 16) : sp;
    x86_store(c, X86_SS, sp, bytes, c->stack, x86_read_reg(c, X86_RBP, bytes));
    for (unsigned k = 1; k <= level; k++) {
        sp = stack_cut(c, ir_sub(b, sp, ir_konst(b, T_I64, bytes)));
        const ir_val from = stack_cut(c, ir_sub(b, rbp, ir_konst(b, T_I64, k * bytes)));
        const ir_val v = k < level ? x86_load(c, X86_SS, from, bytes, c->stack)
                                   : ir_trunc(b, x86_type_of(bytes), frame);
        x86_store(c, X86_SS, sp, bytes, c->stack, v);
    }
    sp = stack_cut(c, ir_sub(b, sp, ir_konst(b, T_I64, (uint64_t)a->dst.value & 0xffff)));
    x86_write_reg(c, X86_RBP, bytes, ir_trunc(b, x86_type_of(bytes), frame));
    x86_write_reg(c, X86_RSP, c->stack, ir_trunc(b, x86_type_of(c->stack), sp));
}

/* ---- flags */

ir_val x86_read_rflags(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val f = ir_zext(b, T_I64, ir_flags_bits(b, x86_flags(c)));
    const ir_val rest = ir_zext(b, T_I64, ir_env_load(b, T_I32, offsetof(struct x86_cpu, rflags)));
    const ir_val df = ir_and(b, ir_env_load(b, T_I64, offsetof(struct x86_cpu, direction)),
                             ir_konst(b, T_I64, X86_DF));
    const ir_val v = ir_or(b, ir_and(b, ir_ubfx(b, f, 8, 8), ir_konst(b, T_I64, 0xd5)),
                           ir_shl(b, ir_and(b, f, ir_konst(b, T_I64, 1)), ir_konst(b, T_I64, 11)));
    return ir_or(b, ir_or(b, v, df), ir_or(b, rest, ir_konst(b, T_I64, 2)));
}

void x86_write_rflags(struct x86_block *c, ir_val v)
{
    struct ir_builder *b = c->b;
    const ir_val one = ir_konst(b, T_I64, 1);
    const ir_val status = ir_shl(b, ir_and(b, v, ir_konst(b, T_I64, 0xd5)), ir_konst(b, T_I64, 8));
    const ir_val packed = ir_or(b, status, ir_ubfx(b, v, 11, 1));
    const ir_val back = ir_shl(b, ir_ubfx(b, v, 10, 1), one);
    const ir_val kept = ir_and(b, v, ir_konst(b, T_I64, X86_RFLAGS_KEPT));
    x86_put_flags(c, ir_flags_from(b, ir_trunc(b, T_I32, packed)));
    ir_env_store(b, offsetof(struct x86_cpu, direction), ir_sub(b, one, back));
    ir_env_store(b, offsetof(struct x86_cpu, rflags), ir_trunc(b, T_I32, kept));
}

/* RFLAGS without RF and VM. */
void x86_pushf(struct x86_block *c, const struct x86_instr *i, const struct x86_pushf *a)
{
    struct ir_builder *b = c->b;
    (void)a;
    if (x86_virtual_flags(c, false, i->os)) {
        return;
    }
    const ir_val v = ir_and(b, x86_read_rflags(c),
                            ir_konst(b, T_I64, ~(uint64_t)(X86_RF | X86_VM)));
    x86_push_value(c, i->os, ir_trunc(b, x86_type_of(i->os), v));
}

/* What POPF may change: volume 2, POPF, table 4-15. */
static uint64_t do_popf(struct vcpu *v, uint64_t next, uint64_t value, uint64_t sp, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const unsigned cpl = x86_cpl(c), iopl = c->rflags >> 12 & 3, stack = aux & 15;
    uint64_t mask = X86_STATUS | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID;
    mask |= cpl == 0 ? X86_IOPL | X86_IF : cpl <= iopl ? X86_IF : 0;
    if (aux >> 4 == 2) {
        mask &= 0xffff;
    }
    x86_set_rflags(c, value & ~(uint64_t)X86_RF, mask);
    c->r[X86_RSP] = stack == 2 ? (c->r[X86_RSP] & ~UINT64_C(0xffff)) | sp : sp;
    return x86_go(c, next);
}
X86_CALL(popf, IR_CALL_FULL);

void x86_popf(struct x86_block *c, const struct x86_instr *i, const struct x86_popf *a)
{
    struct ir_builder *b = c->b;
    (void)a;
    if (x86_virtual_flags(c, true, i->os)) {
        return;
    }
    const ir_val v = ir_zext(b, T_I64, x86_peek(c, i->os, 0));
    const ir_val sp = stack_cut(c, ir_add(b, ir_get(b, X86_RSP), ir_konst(b, T_I64, i->os)));
    x86_tail(c, &row_popf, v, sp, (uint32_t)i->os << 4 | c->stack);
}
