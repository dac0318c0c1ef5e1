/* SPDX-License-Identifier: MIT */
/* Decimal numbers. Intel SDM, volume 2: AAA, AAD, AAM, AAS, DAA, DAS. Run-time functions: rare. */
#include "cpu/x86/translate.h"

/* Of RFLAGS as they are in the lower byte; the result is AX, and flags above it. */
struct decimal {
    uint32_t ax, flags;
};

static uint32_t parity(uint32_t al)
{
    return __builtin_parity(al & 0xff) ? 0 : X86_PF;
}

static uint32_t result_flags(uint32_t al)
{
    return (al & 0x80 ? X86_SF : 0) | (al & 0xff ? 0 : X86_ZF) | parity(al);
}

/* DAA, DAS. */
static void adjust_packed(struct decimal *d, bool subtract)
{
    const uint32_t old = d->ax & 0xff, carry = d->flags & X86_CF;
    const bool low = (old & 15) > 9 || (d->flags & X86_AF), high = old > 0x99 || carry;
    uint32_t al = old;
    uint32_t flags = 0;
    if (low) {
        const uint32_t borrow = subtract && al < 6 ? X86_CF : 0;
        al = (subtract ? al - 6 : al + 6) & 0xff;
        flags |= X86_AF | (subtract ? carry | borrow : 0);
    }
    if (high) {
        al = (subtract ? al - 0x60 : al + 0x60) & 0xff;
        flags |= X86_CF;
    }
    d->ax = (d->ax & 0xff00) | al;
    d->flags = flags | result_flags(al);
}

/* AAA, AAS. */
static void adjust_unpacked(struct decimal *d, bool subtract)
{
    uint32_t ax = d->ax, flags = 0;
    if ((ax & 15) > 9 || (d->flags & X86_AF)) {
        ax = subtract ? ax - 0x106 : ax + 0x106;
        flags = X86_AF | X86_CF;
    }
    d->ax = ax & 0xff0f;
    d->flags = flags | result_flags(d->ax);
}

enum decimal_op {
    OP_DAA,
    OP_DAS,
    OP_AAA,
    OP_AAS,
    OP_AAD,
    OP_AAM
};

static uint64_t do_decimal(struct vcpu *v, uint64_t rax, uint64_t packed, uint64_t base,
                           uint32_t op)
{
    struct decimal d = {rax & 0xffff, packed >> 8 & 0xff};
    const uint32_t al = d.ax & 0xff, ah = d.ax >> 8, n = (uint32_t)base & 0xff;
    (void)v;
    switch (op) {
    case OP_DAA:
    case OP_DAS:
        adjust_packed(&d, op == OP_DAS);
        break;
    case OP_AAA:
    case OP_AAS:
        adjust_unpacked(&d, op == OP_AAS);
        break;
    case OP_AAD:
        d.ax = (al + ah * n) & 0xff;
        d.flags = result_flags(d.ax);
        break;
    default:
        d.ax = n ? al / n << 8 | al % n : d.ax;
        d.flags = result_flags(d.ax);
        break;
    }
    return d.ax | d.flags << 24;
}
static const struct ir_call row_decimal = {
    .name = "x86_decimal", .fn = (void (*)(void))do_decimal, .class = IR_CALL_FULL, .pure = true};

static void decimal(struct x86_block *c, enum decimal_op op, uint64_t base)
{
    struct ir_builder *b = c->b;
    const ir_val f = ir_zext(b, T_I64, ir_flags_bits(b, x86_flags(c)));
    const ir_val r = ir_call(b, T_I64, &row_decimal, ir_get(b, X86_RAX), f,
                             ir_konst(b, T_I64, base), op);
    x86_write_reg(c, X86_RAX, 2, ir_trunc(b, T_I16, r));
    x86_put_flags(c, ir_flags_from(b, ir_trunc(b, T_I32, ir_ubfx(b, r, 16, 16))));
}

#define DECIMAL(name, op)                                                                          \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i, (void)a;                                                                          \
        decimal(c, op, 0);                                                                         \
    }
DECIMAL(daa, OP_DAA)
DECIMAL(das, OP_DAS)
DECIMAL(aaa, OP_AAA)
DECIMAL(aas, OP_AAS)
#undef DECIMAL

void x86_aad(struct x86_block *c, const struct x86_instr *i, const struct x86_aad *a)
{
    (void)i;
    decimal(c, OP_AAD, (uint64_t)a->dst.value);
}

void x86_aam(struct x86_block *c, const struct x86_instr *i, const struct x86_aam *a)
{
    (void)i;
    if (a->dst.value == 0) {
        x86_raise_now(c, X86_DE);
    } else {
        decimal(c, OP_AAM, (uint64_t)a->dst.value);
    }
}
