/* SPDX-License-Identifier: MIT */
/*
 * Virtual-8086 mode: its segments, software interrupts, and the flags that it has in place of IF.
 * Intel SDM, volume 3, chapter 20 (20.3: extensions by CR4.VME; 20.4: CR4.PVI for protected mode);
 * volume 2: CLI, INT n, IRET, POPF, PUSHF, STI.
 */
#include "cpu/x86/vm86.h"

#include "base/bits.h"
#include "cpu/x86/frame.h"
#include "cpu/x86/translate.h"

void x86_segment_virtual(struct x86_segment *s, uint16_t selector)
{
    *s = (struct x86_segment){
        .base = (uint64_t)selector << 4, .limit = 0xffff, .attr = 0xf3, .selector = selector};
    x86_segment_settle(s);
}

static unsigned iopl(const struct x86_cpu *c)
{
    return c->rflags >> 12 & 3;
}

static bool has_vme(const struct x86_cpu *c)
{
    return c->cr4 & X86_CR4_VME;
}

/* ---- FLAGS where IOPL is below 3: VIF stands for IF, IOPL seems to be 3 */

static uint64_t virtual_flags(const struct x86_cpu *c)
{
    const uint64_t flags = x86_rflags(c) & 0xffff & ~(uint64_t)X86_IF;
    return flags | X86_IOPL | (c->rflags & X86_VIF ? X86_IF : 0);
}

/* What POPF and IRET may not set so: 20.3.3.5 and volume 2. */
static bool set_virtual_flags(struct x86_cpu *c, uint64_t value)
{
    const uint64_t vif = value & X86_IF ? X86_VIF : 0;
    if ((value & X86_TF) || (vif && (c->rflags & X86_VIP))) {
        return x86_raise_gp(c);
    }
    x86_set_rflags(c, (value & 0xffff) | vif, X86_STATUS | X86_TF | X86_DF | X86_NT | X86_VIF);
    return true;
}

static uint64_t do_virtual_pushf(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z,
                                 uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_frame f = x86_frame_current(c, 2);
    (void)y, (void)z;
    if (bytes != 2 || !has_vme(c)) {
        x86_raise_gp(c);
    } else if (x86_frame_push(&f, virtual_flags(c))) {
        x86_frame_commit(&f);
    }
    return x86_go(c, next);
}
X86_CALL(virtual_pushf, IR_CALL_FULL);

static uint64_t do_virtual_popf(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z,
                                uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_frame f = x86_frame_current(c, 2);
    uint64_t value;
    (void)y, (void)z;
    if (bytes != 2 || !has_vme(c)) {
        x86_raise_gp(c);
    } else if (x86_frame_pop(&f, &value) && set_virtual_flags(c, value)) {
        x86_frame_commit(&f);
    }
    return x86_go(c, next);
}
X86_CALL(virtual_popf, IR_CALL_FULL);

bool x86_virtual_flags(struct x86_block *c, bool pops, unsigned bytes)
{
    if (!(c->key & X86_KEY_VM86) || (c->key >> X86_KEY_IOPL_SHIFT & 3) == 3) {
        return false;
    }
    x86_tail(c, pops ? &row_virtual_popf : &row_virtual_pushf, IR_NONE, IR_NONE, bytes);
    return true;
}

bool x86_virtual_interrupts(struct x86_cpu *c, bool on, bool *done)
{
    const bool virtual = c->rflags & X86_VM;
    const bool extended = virtual ? has_vme(c) : x86_cpl(c) == 3 && (c->cr4 & X86_CR4_PVI);
    *done = false;
    if (!(c->cr0 & X86_CR0_PE) || x86_cpl(c) <= iopl(c)) {
        return true;
    }
    if (!extended || (on && (c->rflags & X86_VIP))) {
        return x86_raise_gp(c);
    }
    *done = true;
    x86_set_rflags(c, on ? X86_VIF : 0, X86_VIF);
    return true;
}

/* ---- INT n */

#define REDIRECTION_BYTES 32u

/* A bit for each vector, in the 32 bytes below the map of ports. */
static bool is_redirected(struct x86_cpu *c, unsigned vector, bool *redirected)
{
    uint64_t map, byte;
    *redirected = false;
    if (!has_vme(c)) {
        return true;
    }
    if ((c->tr.attr & 0x9d) != (X86_A_PRESENT | 9) || c->tr.limit < 103) {
        return x86_raise_gp(c);
    }
    if (!x86_read_tss(c, 102, 2, &map)) {
        return false;
    }
    const uint64_t at = map - REDIRECTION_BYTES + vector / 8;
    if (map < REDIRECTION_BYTES || at > c->tr.limit) {
        return x86_raise_gp(c);
    }
    if (!x86_read_tss(c, (unsigned)at, 1, &byte)) {
        return false;
    }
    *redirected = !(byte >> vector % 8 & 1);
    return true;
}

/* To the handler of real mode, in this mode: table 20-2, methods 5 and 6. */
static bool interrupt_virtual(struct x86_cpu *c, unsigned vector, uint64_t next)
{
    struct x86_frame f = x86_frame_current(c, 2);
    const bool own = iopl(c) == 3;
    const uint64_t saved[] = {own ? x86_rflags(c) : virtual_flags(c), c->seg[X86_CS].selector,
                              next};
    uint64_t to;
    if (!x86_frame_push_all(&f, saved, 3) ||
        !vcpu_load(&c->vcpu, 4 * vector, MO_32 | MO_IDX(X86_MMU_USER), &to)) {
        return false;
    }
    x86_frame_commit(&f);
    x86_set_rflags(c, 0, X86_TF | X86_RF | (own ? X86_IF : X86_VIF));
    x86_segment_real(&c->seg[X86_CS], (uint16_t)(to >> 16));
    c->rip = to & 0xffff;
    return true;
}

static uint64_t do_virtual_int(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const unsigned vector = aux & 0xff, bytes = aux >> 8;
    bool redirected;
    (void)y, (void)z;
    if (!is_redirected(c, vector, &redirected)) {
        return next;
    }
    if (redirected) {
        interrupt_virtual(c, vector, next);
        return x86_go(c, c->rip);
    }
    if (iopl(c) < 3) {
        x86_raise_gp(c);
    } else {
        x86_raise_trap(c, vector, bytes, true);
    }
    return next;
}
X86_CALL(virtual_int, IR_CALL_FULL);

bool x86_virtual_int(struct x86_block *c, unsigned vector, unsigned bytes)
{
    if (!(c->key & X86_KEY_VM86)) {
        return false;
    }
    x86_tail(c, &row_virtual_int, IR_NONE, IR_NONE, vector | bytes << 8);
    return true;
}

/* ---- IRET */

bool x86_iret_virtual(struct x86_cpu *c, struct x86_frame *f)
{
    const bool own = iopl(c) == 3;
    uint64_t v[3]; /* IP, CS, FLAGS */
    if (!own && (f->bytes != 2 || !has_vme(c))) {
        return x86_raise_gp(c);
    }
    if (!x86_frame_pop_all(f, v, 3)) {
        return false;
    }
    if (v[0] > c->seg[X86_CS].limit) {
        return x86_raise_gp(c);
    }
    if (!own && !set_virtual_flags(c, v[2])) {
        return false;
    }
    if (own) {
        const uint64_t mask = X86_STATUS | X86_TF | X86_IF | X86_DF | X86_NT | X86_RF | X86_AC |
                              X86_ID;
        x86_set_rflags(c, v[2], f->bytes == 2 ? mask & 0xffff : mask);
    }
    x86_segment_real(&c->seg[X86_CS], (uint16_t)v[1]);
    x86_frame_commit(f);
    c->rip = v[0];
    tcg_mode_changed(&c->vcpu);
    return true;
}

bool x86_iret_to_virtual(struct x86_cpu *c, struct x86_frame *f, const uint64_t popped[3])
{
    static const uint8_t order[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    uint64_t sp, ss, v[4];
    if (!x86_frame_pop(f, &sp) || !x86_frame_pop(f, &ss) || !x86_frame_pop_all(f, v, 4)) {
        return false;
    }
    if (popped[0] > 0xffff) {
        return x86_raise_gp(c);
    }
    x86_set_rflags(c, popped[2], UINT32_MAX);
    x86_segment_virtual(&c->seg[X86_CS], (uint16_t)popped[1]);
    x86_segment_virtual(&c->seg[X86_SS], (uint16_t)ss);
    for (unsigned k = 0; k < 4; k++) {
        x86_segment_virtual(&c->seg[order[k]], (uint16_t)v[k]);
    }
    c->r[X86_RSP] = sp & 0xffffffff;
    c->rip = popped[0];
    tcg_mode_changed(&c->vcpu);
    return true;
}
