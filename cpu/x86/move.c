/* SPDX-License-Identifier: MIT */
/*
 * Moves and flags. Intel SDM, volume 2: CBW, CLC, CLD, CMC, CMOVcc, CWD, LAHF, LEA, MOV, MOVNTI,
 * MOVSX, MOVZX, NOP, SAHF, SETcc, STC, STD, XLAT; hints, fences and cache lines, which here need
 * nothing or a barrier.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>

void x86_mov(struct x86_block *c, const struct x86_instr *i, const struct x86_mov *a)
{
    x86_write(c, i, &a->dst, x86_read_as(c, i, &a->src, a->dst.bytes));
}

void x86_movnti(struct x86_block *c, const struct x86_instr *i, const struct x86_movnti *a)
{
    x86_write(c, i, &a->dst, x86_read(c, i, &a->src));
}

static ir_val extended(struct x86_block *c, ir_val v, unsigned bytes, bool is_signed)
{
    const ir_type t = x86_type_of(bytes);
    if (ir_type_of(c->b, v) == t) {
        return v;
    }
    return is_signed ? ir_sext(c->b, t, v) : ir_zext(c->b, t, v);
}

/* What is in memory is extended by the load. */
static bool extended_load(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *dst, const struct x86_operand *src, memop sign)
{
    if (src->kind != X86_MEMORY || dst->bytes < 4) {
        return false;
    }
    const ir_type t = sign ? x86_type_of(dst->bytes) : T_I64;
    const ir_val v = x86_read_memory(c, i, src, src->bytes, t, sign);
    x86_write(c, i, dst, ir_trunc(c->b, x86_type_of(dst->bytes), v));
    return true;
}

void x86_movzx(struct x86_block *c, const struct x86_instr *i, const struct x86_movzx *a)
{
    if (extended_load(c, i, &a->dst, &a->src, 0)) {
        return;
    }
    x86_write(c, i, &a->dst, extended(c, x86_read(c, i, &a->src), a->dst.bytes, false));
}

void x86_movsx(struct x86_block *c, const struct x86_instr *i, const struct x86_movsx *a)
{
    if (extended_load(c, i, &a->dst, &a->src, MO_SIGN)) {
        return;
    }
    x86_write(c, i, &a->dst, extended(c, x86_read(c, i, &a->src), a->dst.bytes, true));
}

/* With an operand size of 16 or 32 bits it extends nothing. */
void x86_movsxd(struct x86_block *c, const struct x86_instr *i, const struct x86_movsxd *a)
{
    const unsigned bytes = a->dst.bytes;
    if (bytes == 8 && extended_load(c, i, &a->dst, &a->src, MO_SIGN)) {
        return;
    }
    const ir_val v = x86_read_as(c, i, &a->src, bytes == 2 ? 2 : 4);
    x86_write(c, i, &a->dst, extended(c, v, bytes, true));
}

void x86_lea(struct x86_block *c, const struct x86_instr *i, const struct x86_lea *a)
{
    const ir_val at = x86_offset(c, i, &a->src);
    x86_write(c, i, &a->dst, ir_trunc(c->b, x86_type_of(a->dst.bytes), at));
}

void x86_xlat(struct x86_block *c, const struct x86_instr *i, const struct x86_xlat *a)
{
    struct ir_builder *b = c->b;
    const ir_val al = ir_ubfx(b, ir_get(b, X86_RAX), 0, 8);
    const ir_val at = ir_add(b, ir_get(b, X86_RBX), al);
    (void)a;
    x86_write_reg(c, X86_RAX, 1, x86_load(c, i->seg == X86_NONE ? X86_DS : i->seg, at, 1, i->as));
}

/* The lower half of the accumulator, extended by its sign. */
void x86_cbw(struct x86_block *c, const struct x86_instr *i, const struct x86_cbw *a)
{
    const ir_val v = x86_read_reg(c, X86_RAX, i->os / 2);
    (void)a;
    x86_write_reg(c, X86_RAX, i->os, ir_sext(c->b, x86_type_of(i->os), v));
}

void x86_cwd(struct x86_block *c, const struct x86_instr *i, const struct x86_cwd *a)
{
    const ir_val v = x86_read_reg(c, X86_RAX, i->os);
    (void)a;
    x86_write_reg(c, X86_RDX, i->os, ir_sar(c->b, v, x86_konst(c, i->os, 8 * i->os - 1)));
}

/* The source is read, and 32 bits are extended, whatever the condition. */
void x86_cmovcc(struct x86_block *c, const struct x86_instr *i, const struct x86_cmovcc *a)
{
    const ir_val x = x86_read(c, i, &a->src), old = x86_read(c, i, &a->dst);
    const ir_val holds = ir_flags_test(c->b, (enum ir_cond)i->cc, x86_flags(c));
    x86_write(c, i, &a->dst, ir_select(c->b, holds, x, old));
}

void x86_setcc(struct x86_block *c, const struct x86_instr *i, const struct x86_setcc *a)
{
    const ir_val holds = ir_flags_test(c->b, (enum ir_cond)i->cc, x86_flags(c));
    x86_write(c, i, &a->dst, ir_trunc(c->b, T_I8, holds));
}

/* ---- flags */

static void set_carry(struct x86_block *c, uint32_t bits)
{
    const ir_val f = ir_flags_from(c->b, ir_konst(c->b, T_I32, bits));
    x86_put_flags(c, x86_flags_with(c, x86_flags(c), X86_PACK_CF, f));
}

void x86_clc(struct x86_block *c, const struct x86_instr *i, const struct x86_clc *a)
{
    (void)i, (void)a;
    set_carry(c, 0);
}

void x86_stc(struct x86_block *c, const struct x86_instr *i, const struct x86_stc *a)
{
    (void)i, (void)a;
    set_carry(c, X86_PACK_CF);
}

void x86_cmc(struct x86_block *c, const struct x86_instr *i, const struct x86_cmc *a)
{
    (void)i, (void)a;
    x86_put_flags(c, ir_flags_cmc(c->b, x86_flags(c)));
}

static void set_direction(struct x86_block *c, uint64_t to)
{
    ir_env_store(c->b, offsetof(struct x86_cpu, direction), ir_konst(c->b, T_I64, to));
}

void x86_cld(struct x86_block *c, const struct x86_instr *i, const struct x86_cld *a)
{
    (void)i, (void)a;
    set_direction(c, 1);
}

void x86_std(struct x86_block *c, const struct x86_instr *i, const struct x86_std *a)
{
    (void)i, (void)a;
    set_direction(c, UINT64_MAX);
}

/* AH and the upper byte of a FLAGS value are the same but for bit 1. */
void x86_lahf(struct x86_block *c, const struct x86_instr *i, const struct x86_lahf *a)
{
    struct ir_builder *b = c->b;
    const ir_val f = ir_ubfx(b, ir_flags_bits(b, x86_flags(c)), 8, 8);
    const ir_val ah = ir_or(b, ir_zext(b, T_I64, f), ir_konst(b, T_I64, 2));
    (void)i, (void)a;
    ir_put(b, X86_RAX, ir_dep(b, ir_get(b, X86_RAX), ah, 8, 8));
}

void x86_sahf(struct x86_block *c, const struct x86_instr *i, const struct x86_sahf *a)
{
    struct ir_builder *b = c->b;
    const ir_val ah = ir_trunc(b, T_I32, ir_and(b, ir_get(b, X86_RAX), ir_konst(b, T_I64, 0xd500)));
    (void)i, (void)a;
    x86_put_flags(
        c, x86_flags_with(c, x86_flags(c), X86_PACK_ALL & ~X86_PACK_OF, ir_flags_from(b, ah)));
}

void x86_salc(struct x86_block *c, const struct x86_instr *i, const struct x86_salc *a)
{
    const ir_val carry = ir_flags_test(c->b, IR_ULT, x86_flags(c));
    (void)i, (void)a;
    x86_write_reg(c, X86_RAX, 1, ir_neg(c->b, ir_trunc(c->b, T_I8, carry)));
}

/* ---- nothing */

#define NOTHING(name)                                                                              \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)c, (void)i, (void)a;                                                                 \
    }
NOTHING(nop)
NOTHING(pause)
NOTHING(hint)
NOTHING(endbr32)
NOTHING(endbr64)
NOTHING(prefetch)
#undef NOTHING

#define BARRIER(name, kind)                                                                        \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i, (void)a;                                                                          \
        ir_barrier(c->b, kind);                                                                    \
    }
BARRIER(lfence, IR_BARRIER_LOAD)
BARRIER(mfence, IR_BARRIER_FULL)
BARRIER(sfence, IR_BARRIER_STORE)
#undef BARRIER

/* Caches are not seen; the address must be one that may be read. */
#define LINE(name)                                                                                 \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        x86_read(c, i, &a->dst);                                                                   \
    }
LINE(clflush)
LINE(clflushopt)
LINE(clwb)
#undef LINE

/* 64 bytes at rAX, which need not be at a line's start. */
void x86_clzero(struct x86_block *c, const struct x86_instr *i, const struct x86_clzero *a)
{
    struct ir_builder *b = c->b;
    const unsigned seg = i->seg == X86_NONE ? X86_DS : i->seg;
    const ir_val rax = i->as == 8 ? ir_get(b, X86_RAX)
                                  : ir_ubfx(b, ir_get(b, X86_RAX), 0, 8 * i->as);
    const ir_val line = ir_and(b, rax, ir_konst(b, T_I64, ~UINT64_C(63)));
    (void)a;
    for (unsigned k = 0; k < 64; k += 8) {
        const ir_val at = ir_add(b, line, ir_konst(b, T_I64, k));
        x86_store(c, seg, at, 8, i->as, ir_konst(b, T_I64, 0));
    }
}
