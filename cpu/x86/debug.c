/* SPDX-License-Identifier: MIT */
/*
 * Debug registers and single steps. Intel SDM, volume 3, chapter 17; volume 2: MOV (debug
 * registers).
 *
 * - Breakpoints of code: the mode key says which of DR0 to DR3 are some, and each instruction
 *   compares its address. RF lets one instruction go by; it is kept only while there are such
 *   breakpoints, since nobody else looks at it.
 * - Breakpoints of data and ports: pages that have some are slow, and an access that meets one
 *   marks its instruction.
 * - Traps behind instructions (`followed`): those marks, TF. Behind a load of SS they wait for the
 *   next instruction.
 *
 * Not modelled: steps by branch (DEBUGCTL.BTF), transactions.
 */
#include "cpu/x86/debug.h"

#include <stddef.h>

#include "cpu/x86/translate.h"

enum kind {
    ON_CODE,
    ON_WRITE,
    ON_PORT,
    ON_ACCESS
};

static bool is_enabled(const struct x86_cpu *c, unsigned n)
{
    return c->dr[7] >> 2 * n & 3;
}

static enum kind kind_of(const struct x86_cpu *c, unsigned n)
{
    return c->dr[7] >> (16 + 4 * n) & 3;
}

static unsigned length_of(const struct x86_cpu *c, unsigned n)
{
    static const uint8_t length[] = {1, 2, 8, 4};
    return length[c->dr[7] >> (18 + 4 * n) & 3];
}

/* ---- what follows from the registers */

static unsigned code_breakpoints(const struct x86_cpu *c)
{
    unsigned set = 0;
    for (unsigned n = 0; n < 4; n++) {
        set |= (unsigned)(is_enabled(c, n) && kind_of(c, n) == ON_CODE) << n;
    }
    return set;
}

uint64_t x86_debug_key(const struct x86_cpu *c)
{
    const uint64_t set = code_breakpoints(c);
    return set << X86_KEY_BREAK_SHIFT | (set && (c->rflags & X86_RF) ? X86_KEY_RF : 0) |
           (c->debug_pending ? X86_KEY_PENDING : 0);
}

void x86_debug_changed(struct x86_cpu *c)
{
    if (!code_breakpoints(c)) {
        c->rflags &= ~X86_RF;
    }
    tlb_flush_all(&c->vcpu, false);
    tcg_mode_changed(&c->vcpu);
}

void x86_flags_returned(struct x86_cpu *c, bool had_rf)
{
    if (!code_breakpoints(c)) {
        c->rflags &= ~X86_RF;
    } else {
        c->keeps_rf = had_rf && (c->rflags & X86_RF);
    }
}

/* ---- accesses */

bool x86_marks_accesses(struct vcpu *v)
{
    const struct x86_cpu *c = x86_cpu(v);
    for (unsigned n = 0; n < 4; n++) {
        if (is_enabled(c, n) && kind_of(c, n) != ON_CODE) {
            return true;
        }
    }
    return false;
}

static bool is_about(const struct x86_cpu *c, unsigned n, unsigned idx)
{
    const enum kind kind = kind_of(c, n);
    return is_enabled(c, n) && (idx == X86_MMU_PORTS ? kind == ON_PORT && (c->cr4 & X86_CR4_DE)
                                                     : kind == ON_WRITE || kind == ON_ACCESS);
}

/* Which breakpoints have one of the bytes at va. */
static uint32_t breakpoints_at(const struct x86_cpu *c, uint64_t va, uint64_t bytes, unsigned idx)
{
    uint32_t set = 0;
    for (unsigned n = 0; n < 4; n++) {
        const unsigned length = length_of(c, n);
        const uint64_t first = c->dr[n] & ~(uint64_t)(length - 1);
        const bool meets = va - first < length || first - va < bytes;
        set |= (uint32_t)(is_about(c, n, idx) && meets) << n;
    }
    return set;
}

bool x86_watches_page(const struct x86_cpu *c, uint64_t va, unsigned idx)
{
    return (c->dr[7] & 0xff) &&
           breakpoints_at(c, va & ~(uint64_t)(GUEST_PAGE_SIZE - 1), GUEST_PAGE_SIZE, idx);
}

bool x86_watch(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx)
{
    struct x86_cpu *c = x86_cpu(v);
    uint32_t set = a == ACCESS_FETCH ? 0 : breakpoints_at(c, va, bytes, idx);
    for (unsigned n = 0; n < 4; n++) {
        if (kind_of(c, n) == ON_WRITE && a != ACCESS_WRITE) {
            set &= ~(UINT32_C(1) << n);
        }
    }
    if (!set) {
        return true;
    }
    if (c->event != X86_EVENT_NONE) { /* no instruction: behind the handler's first one */
        c->debug_pending |= (uint8_t)set;
        return true;
    }
    return vcpu_mark(v, set);
}

bool x86_follows_rounds(struct x86_cpu *c)
{
    return (c->rflags & X86_TF) || x86_marks_accesses(&c->vcpu);
}

/* ---- behind an instruction: 17.2.5, 17.3.1.4, 6.8.3 */

#define FOLLOWS (X86_KEY_TF | X86_KEY_RF | X86_KEY_PENDING)

bool x86_traces(uint64_t key)
{
    return key & FOLLOWS;
}

void x86_followed(struct vcpu *v, uint64_t pc, uint64_t key, uint32_t marks)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t met = marks | c->debug_pending;
    const bool stepped = key & X86_KEY_TF && (!c->steps_by_new || (c->rflags & X86_TF));
    (void)pc;
    if ((key & X86_KEY_RF) && !c->keeps_rf) {
        c->rflags &= ~X86_RF;
    }
    c->keeps_rf = c->steps_by_new = false;
    c->debug_pending = 0;
    tcg_mode_changed(v);
    if (c->aux & X86_LOCAL_SS) {
        c->debug_pending = (uint8_t)met;
    } else if (met || stepped) {
        c->dr[6] = (c->dr[6] & ~(uint64_t)(met ? 15 : 0)) | met | (stepped ? X86_DR6_BS : 0);
        x86_raise_trap(c, X86_DB, 0, false);
        c->trap = c->rip != c->repeat_pc; /* else a round of a string: with RF */
    }
}

/* ---- breakpoints of code */

static uint64_t do_break(struct vcpu *v, uint64_t at, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const unsigned set = code_breakpoints(c);
    (void)y, (void)z, (void)aux;
    c->dr[6] &= ~UINT64_C(15);
    for (unsigned n = 0; n < 4; n++) {
        c->dr[6] |= (uint64_t)((set >> n & 1) && c->dr[n] == at) << n;
    }
    x86_raise_trap(c, X86_DB, 0, false); /* before the instruction, without RF */
    return 0;
}
X86_CALL(break, IR_CALL_RAISES);

void x86_break_check(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const uint64_t base = c->mode == 8 ? 0 : b->aux >> 32;
    const uint64_t at = (c->pc + base) & mask64(8 * (c->mode == 8 ? 8 : 4));
    const unsigned set = c->key & X86_KEY_RF ? 0 : c->key >> X86_KEY_BREAK_SHIFT & 15;
    for (unsigned n = 0; n < 4; n++) {
        if (set >> n & 1) {
            const uint32_t dr = (uint32_t)(offsetof(struct x86_cpu, dr) + 8 * n);
            const ir_val k = ir_konst(b, T_I64, at);
            ir_guard(b, ir_cmp(b, IR_EQ, ir_env_load(b, T_I64, dr), k), &row_break, k, IR_NONE, 0);
        }
    }
}

/* ---- MOV: DR4 and DR5 are names of DR6 and DR7 unless CR4.DE is set */

/* false: raised. */
static bool may_access(struct x86_cpu *c, unsigned *reg)
{
    if (*reg == 4 || *reg == 5) {
        if (c->cr4 & X86_CR4_DE) {
            x86_raise(c, X86_UD);
            return false;
        }
        *reg += 2;
    }
    if (c->dr[7] & X86_DR7_GD) {
        c->dr[6] |= X86_DR6_BD;
        x86_raise(c, X86_DB);
        return false;
    }
    return true;
}

static uint64_t do_get_debug(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t reg)
{
    struct x86_cpu *c = x86_cpu(v);
    unsigned n = reg;
    (void)x, (void)y, (void)z;
    return may_access(c, &n) ? c->dr[n] : 0;
}
X86_CALL(get_debug, IR_CALL_RAISES);

void x86_mov_from_dr(struct x86_block *c, const struct x86_instr *i,
                     const struct x86_mov_from_dr *a)
{
    if (!x86_privileged(c)) {
        const ir_val v = ir_call(c->b, T_I64, &row_get_debug, IR_NONE, IR_NONE, IR_NONE,
                                 a->src.reg);
        x86_write(c, i, &a->dst, ir_trunc(c->b, x86_type_of(a->dst.bytes), v));
    }
}

static uint64_t do_set_debug(struct vcpu *v, uint64_t next, uint64_t value, uint64_t z,
                             uint32_t reg)
{
    struct x86_cpu *c = x86_cpu(v);
    unsigned n = reg;
    (void)z;
    if (!may_access(c, &n)) {
        return next;
    }
    if (n >= 6 && value >> 32) {
        x86_raise_gp(c);
        return next;
    }
    c->dr[n] = n == 6   ? (value & 0xe00f) | X86_DR6_FIXED
               : n == 7 ? (value & 0xffff23ff) | X86_DR7_FIXED
                        : value;
    x86_debug_changed(c);
    return x86_go(c, next);
}
X86_CALL(set_debug, IR_CALL_FULL);

void x86_mov_to_dr(struct x86_block *c, const struct x86_instr *i, const struct x86_mov_to_dr *a)
{
    if (!x86_privileged(c)) {
        x86_tail(c, &row_set_debug, ir_zext(c->b, T_I64, x86_read(c, i, &a->src)), IR_NONE,
                 a->dst.reg);
    }
}
