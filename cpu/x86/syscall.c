/* SPDX-License-Identifier: MIT */
/*
 * System calls. Intel SDM, volume 2: SYSCALL, SYSENTER, SYSEXIT, SYSRET; AMD APM, volume 3: the
 * same outside 64-bit code.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>

static void flat(struct x86_segment *s, uint16_t selector, unsigned attr)
{
    *s = (struct x86_segment){.limit = UINT32_MAX, .attr = (uint16_t)attr, .selector = selector};
    x86_segment_settle(s);
}

#define FLAT_CODE 0xa09bu /* 64 bits, present, accessed */
#define FLAT_CODE_32 0xc09bu
#define FLAT_DATA 0xc093u
#define DPL3 0x60u

/* ---- SYSCALL, SYSRET */

static uint64_t do_syscall(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t selector = (uint16_t)(c->star >> 32);
    const bool from_long = x86_is_long(c), is_long = c->efer & X86_EFER_LMA;
    (void)y, (void)z, (void)aux;
    if (!(c->efer & X86_EFER_SCE)) {
        x86_raise(c, X86_UD);
        return next;
    }
    c->r[X86_RCX] = next;
    c->steps_by_new = c->rflags & X86_TF;
    if (is_long) {
        c->r[11] = x86_rflags(c) & ~(uint64_t)X86_RF;
        x86_set_rflags(c, x86_rflags(c) & ~((c->fmask | X86_RF) & UINT32_MAX), UINT32_MAX);
    } else {
        x86_set_rflags(c, 0, X86_VM | X86_IF | X86_RF);
    }
    flat(&c->seg[X86_CS], selector & 0xfffc, is_long ? FLAT_CODE : FLAT_CODE_32);
    flat(&c->seg[X86_SS], (uint16_t)((selector & 0xfffc) + 8), FLAT_DATA);
    tcg_mode_changed(v);
    return x86_go(c, !is_long ? (uint32_t)c->star : from_long ? c->lstar : c->cstar);
}
X86_CALL(syscall, IR_CALL_FULL);

static ir_val load64(struct x86_block *c, size_t offset)
{
    return ir_env_load(c->b, T_I64, (uint32_t)offset);
}

/* As flat: a segment with this selector, a value of 64 bits. */
static void put_flat(struct x86_block *c, unsigned reg, ir_val selector, unsigned attr)
{
    struct ir_builder *b = c->b;
    const size_t at = offsetof(struct x86_cpu, seg) + reg * sizeof(struct x86_segment);
    struct x86_segment s;
    flat(&s, 0, attr);
    const ir_val last = ir_or(b, ir_shl(b, selector, ir_konst(b, T_I64, 48)),
                              ir_konst(b, T_I64, s.limit | (uint64_t)s.attr << 32));
    ir_env_store(b, (uint32_t)(at + offsetof(struct x86_segment, base)),
                 ir_konst(b, T_I64, s.base));
    ir_env_store(b, (uint32_t)(at + offsetof(struct x86_segment, end_read)),
                 ir_konst(b, T_I64, s.end_read));
    ir_env_store(b, (uint32_t)(at + offsetof(struct x86_segment, end_write)),
                 ir_konst(b, T_I64, s.end_write));
    ir_env_store(b, (uint32_t)(at + offsetof(struct x86_segment, limit)), last);
}
_Static_assert(offsetof(struct x86_segment, attr) == offsetof(struct x86_segment, limit) + 4 &&
                   offsetof(struct x86_segment, selector) == offsetof(struct x86_segment, attr) + 2,
               "put_flat stores the three as one");

/* #UD unless EFER.SCE is set. */
static void check_sce(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val sce = ir_and(b, load64(c, offsetof(struct x86_cpu, efer)),
                              ir_konst(b, T_I64, X86_EFER_SCE));
    x86_raise_if(c, ir_cmp(b, IR_EQ, sce, ir_konst(b, T_I64, 0)), X86_UD);
}

/* From 64-bit code, without single steps. */
static void syscall_inline(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    check_sce(c);
    const ir_val star = load64(c, offsetof(struct x86_cpu, star));
    const ir_val flags = ir_and(b, x86_read_rflags(c), ir_konst(b, T_I64, ~(uint64_t)X86_RF));
    const ir_val cs = ir_and(b, ir_ubfx(b, star, 32, 16), ir_konst(b, T_I64, 0xfffc));
    ir_put(b, X86_RCX, ir_address(b, c->next));
    ir_put(b, 11, flags);
    x86_write_rflags(c, ir_andn(b, flags, load64(c, offsetof(struct x86_cpu, fmask))));
    put_flat(c, X86_CS, cs, FLAT_CODE);
    put_flat(c, X86_SS, ir_add(b, cs, ir_konst(b, T_I64, 8)), FLAT_DATA);
    x86_switch(c, X86_SWITCH_SYSCALL, load64(c, offsetof(struct x86_cpu, lstar)),
               ir_konst(b, T_I64, 0));
}

void x86_syscall(struct x86_block *c, const struct x86_instr *i, const struct x86_syscall *a)
{
    (void)i, (void)a;
    if (c->mode != 8 && (x86_is_intel(c->cpu) || !(c->key & X86_KEY_PROTECTED))) {
        x86_undefined(c);
    } else if (c->mode == 8 && !(c->key & X86_KEY_TF)) {
        syscall_inline(c);
    } else {
        x86_tail(c, &row_syscall, IR_NONE, IR_NONE, 0);
    }
}

static uint64_t do_sysret(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t base = (uint16_t)(c->star >> 48);
    const uint64_t pc = bytes == 8 ? c->r[X86_RCX] : (uint32_t)c->r[X86_RCX];
    (void)y, (void)z;
    if (!(c->efer & X86_EFER_SCE)) {
        x86_raise(c, X86_UD);
        return next;
    }
    if (!x86_is_canonical(c, pc)) {
        x86_raise_gp(c);
        return next;
    }
    if (c->efer & X86_EFER_LMA) {
        x86_set_rflags(c, c->r[11] & ~(uint64_t)(X86_RF | X86_VM), 0x3c7fd7);
    } else {
        x86_set_rflags(c, X86_IF, X86_IF);
    }
    flat(&c->seg[X86_CS], (uint16_t)((bytes == 8 ? base + 16 : base) | 3),
         (bytes == 8 ? FLAT_CODE : FLAT_CODE_32) | DPL3);
    flat(&c->seg[X86_SS], (uint16_t)((base + 8) | 3), FLAT_DATA | DPL3);
    tcg_mode_changed(v);
    return x86_go(c, pc);
}
X86_CALL(sysret, IR_CALL_FULL);

static uint64_t do_check_canonical(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z,
                                   uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    if (!x86_is_canonical(x86_cpu(v), pc)) {
        x86_raise_gp(x86_cpu(v));
    }
    return 0;
}
X86_CALL(check_canonical, IR_CALL_RAISES);

/* The function looks at addresses that only 5-level paging has. */
static void check_canonical(struct x86_block *c, ir_val pc)
{
    struct ir_builder *b = c->b;
    const ir_val n = ir_konst(b, T_I64, 16);
    const ir_val low = ir_sar(b, ir_shl(b, pc, n), n);
    ir_guard(b, ir_cmp(b, IR_NE, low, pc), &row_check_canonical, pc, IR_NONE, 0);
}

#define SYSRET_FLAGS 0x3c7fd7u /* those that R11 has */

/* To 64-bit code. Where an interrupt waits the function does it: as STI. */
static void sysret_inline(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val pc = ir_get(b, X86_RCX), mask = ir_konst(b, T_I64, SYSRET_FLAGS);
    x86_slow_if_waiting(c);
    check_sce(c);
    check_canonical(c, pc);
    const ir_val cs = ir_ubfx(b, load64(c, offsetof(struct x86_cpu, star)), 48, 16);
    const ir_val flags = ir_andn(b, ir_get(b, 11), ir_konst(b, T_I64, X86_RF | X86_VM));
    x86_write_rflags(c, ir_or(b, ir_andn(b, x86_read_rflags(c), mask), ir_and(b, flags, mask)));
    put_flat(c, X86_CS, ir_or(b, ir_add(b, cs, ir_konst(b, T_I64, 16)), ir_konst(b, T_I64, 3)),
             FLAT_CODE | DPL3);
    put_flat(c, X86_SS, ir_or(b, ir_add(b, cs, ir_konst(b, T_I64, 8)), ir_konst(b, T_I64, 3)),
             FLAT_DATA | DPL3);
    x86_switch(c, X86_SWITCH_SYSRET, pc, x86_user_aux(c, 0));
}

void x86_sysret(struct x86_block *c, const struct x86_instr *i, const struct x86_sysret *a)
{
    (void)a;
    if (c->mode != 8 && (x86_is_intel(c->cpu) || !(c->key & X86_KEY_PROTECTED))) {
        x86_undefined(c);
    } else if (x86_privileged(c)) {
        return;
    } else if (i->os == 8 && !(c->key & X86_KEY_TF) && !c->waits && !c->shadow) {
        sysret_inline(c);
    } else {
        x86_tail(c, &row_sysret, IR_NONE, IR_NONE, i->os == 8 ? 8 : 4);
    }
}

/* ---- SYSENTER, SYSEXIT: in long mode AMD's processors have none */

static bool has_sysenter(struct x86_block *c)
{
    if ((c->key & X86_KEY_LONG) && !x86_is_intel(c->cpu)) {
        x86_undefined(c);
        return false;
    }
    if (!(c->key & (X86_KEY_PROTECTED | X86_KEY_VM86))) {
        x86_raise_error_now(c, X86_GP, 0);
        return false;
    }
    return true;
}

static uint64_t do_sysenter(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const bool is_long = c->efer & X86_EFER_LMA;
    const uint16_t cs = (uint16_t)(c->sysenter_cs & 0xfffc);
    const uint64_t mask = is_long ? UINT64_MAX : UINT32_MAX;
    (void)y, (void)z, (void)aux;
    if (!cs) {
        x86_raise_gp(c);
        return next;
    }
    x86_set_rflags(c, 0, X86_VM | X86_IF | X86_RF);
    flat(&c->seg[X86_CS], cs, is_long ? FLAT_CODE : FLAT_CODE_32);
    flat(&c->seg[X86_SS], (uint16_t)(cs + 8), FLAT_DATA);
    c->r[X86_RSP] = c->sysenter_esp & mask;
    tcg_mode_changed(v);
    return x86_go(c, c->sysenter_eip & mask);
}
X86_CALL(sysenter, IR_CALL_FULL);

/* The selector that the MSR of CS gives; #GP(0) if it is null. */
static ir_val sysenter_cs(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val cs = ir_and(b, load64(c, offsetof(struct x86_cpu, sysenter_cs)),
                             ir_konst(b, T_I64, 0xfffc));
    x86_raise_if(c, ir_cmp(b, IR_EQ, cs, ir_konst(b, T_I64, 0)), X86_GP);
    return cs;
}

/* In 32-bit code, outside long mode and single steps. */
static bool is_plain(const struct x86_block *c)
{
    return c->mode == 4 && !(c->key & (X86_KEY_LONG | X86_KEY_VM86 | X86_KEY_TF));
}

static ir_val low_half(struct x86_block *c, ir_val v)
{
    return ir_ubfx(c->b, v, 0, 32);
}

static void sysenter_inline(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const uint32_t at = offsetof(struct x86_cpu, rflags);
    const ir_val cs = sysenter_cs(c), rflags = ir_env_load(b, T_I32, at);
    ir_env_store(b, at, ir_andn(b, rflags, ir_konst(b, T_I32, X86_VM | X86_IF | X86_RF)));
    put_flat(c, X86_CS, cs, FLAT_CODE_32);
    put_flat(c, X86_SS, ir_add(b, cs, ir_konst(b, T_I64, 8)), FLAT_DATA);
    ir_put(b, X86_RSP, low_half(c, load64(c, offsetof(struct x86_cpu, sysenter_esp))));
    x86_switch(c, X86_SWITCH_SYSENTER,
               low_half(c, load64(c, offsetof(struct x86_cpu, sysenter_eip))),
               ir_konst(b, T_I64, 0));
}

void x86_sysenter(struct x86_block *c, const struct x86_instr *i, const struct x86_sysenter *a)
{
    (void)i, (void)a;
    if (!has_sysenter(c)) {
        return;
    }
    if (is_plain(c)) {
        sysenter_inline(c);
    } else {
        x86_tail(c, &row_sysenter, IR_NONE, IR_NONE, 0);
    }
}

static uint64_t do_sysexit(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t cs = (uint16_t)(c->sysenter_cs & 0xfffc), more = bytes == 8 ? 32 : 16;
    const uint64_t mask = bytes == 8 ? UINT64_MAX : UINT32_MAX;
    const uint64_t pc = c->r[X86_RDX] & mask, sp = c->r[X86_RCX] & mask;
    (void)y, (void)z;
    if (!cs || !x86_is_canonical(c, pc) || !x86_is_canonical(c, sp)) {
        x86_raise_gp(c);
        return next;
    }
    flat(&c->seg[X86_CS], (uint16_t)((cs + more) | 3),
         (bytes == 8 ? FLAT_CODE : FLAT_CODE_32) | DPL3);
    flat(&c->seg[X86_SS], (uint16_t)((cs + more + 8) | 3), FLAT_DATA | DPL3);
    c->r[X86_RSP] = sp;
    tcg_mode_changed(v);
    return x86_go(c, pc);
}
X86_CALL(sysexit, IR_CALL_FULL);

static void sysexit_inline(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val cs = sysenter_cs(c), three = ir_konst(b, T_I64, 3);
    const ir_val pc = low_half(c, ir_get(b, X86_RDX)), sp = low_half(c, ir_get(b, X86_RCX));
    put_flat(c, X86_CS, ir_or(b, ir_add(b, cs, ir_konst(b, T_I64, 16)), three),
             FLAT_CODE_32 | DPL3);
    put_flat(c, X86_SS, ir_or(b, ir_add(b, cs, ir_konst(b, T_I64, 24)), three), FLAT_DATA | DPL3);
    ir_put(b, X86_RSP, sp);
    x86_switch(c, X86_SWITCH_SYSEXIT, pc, x86_user_aux(c, 0));
}

void x86_sysexit(struct x86_block *c, const struct x86_instr *i, const struct x86_sysexit *a)
{
    (void)a;
    if (!has_sysenter(c) || x86_privileged(c)) {
        return;
    }
    if (is_plain(c) && i->os == 4) {
        sysexit_inline(c);
    } else {
        x86_tail(c, &row_sysexit, IR_NONE, IR_NONE, i->os == 8 ? 8 : 4);
    }
}
