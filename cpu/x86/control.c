/* SPDX-License-Identifier: MIT */
/*
 * Control and debug registers. Intel SDM, volume 2: CLTS, LMSW, MOV (control and debug registers);
 * volume 3, 2.5, 4.10 (PCIDs, invalidation), 17.2.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>

/* ---- control registers */

#define CR0_ALL UINT64_C(0xe005003f)

/* Those whose features the model has: volume 3, 2.5. */
static uint64_t cr4_bits(const struct x86_cpu *c)
{
    static const struct {
        uint8_t has;
        uint32_t bits;
    } rows[] = {{X86_HAS_fxsr, X86_CR4_OSFXSR},       {X86_HAS_sse, X86_CR4_OSXMMEXCPT},
                {X86_HAS_umip, X86_CR4_UMIP},         {X86_HAS_la57, X86_CR4_LA57},
                {X86_HAS_fsgsbase, X86_CR4_FSGSBASE}, {X86_HAS_pcid, X86_CR4_PCIDE},
                {X86_HAS_xsave, X86_CR4_OSXSAVE},     {X86_HAS_smep, X86_CR4_SMEP},
                {X86_HAS_smap, X86_CR4_SMAP},         {X86_HAS_pku, X86_CR4_PKE}};
    uint64_t all = 0x1ff;
    for (size_t k = 0; k < array_len(rows); k++) {
        all |= x86_has(c, rows[k].has) ? rows[k].bits : 0;
    }
    return all;
}

/* Volume 3, 2.5 and 4.1.2: what goes together. */
static bool set_cr0(struct x86_cpu *c, uint64_t value)
{
    const uint64_t changed = c->cr0 ^ value;
    const bool paging = value & X86_CR0_PG, was_paging = c->cr0 & X86_CR0_PG;
    if (value >> 32 || (paging && !(value & X86_CR0_PE)) ||
        ((value & 0x20000000) && !(value & 0x40000000)) ||
        (!paging && was_paging && (x86_is_long(c) || (c->cr4 & X86_CR4_PCIDE))) ||
        (paging && (c->efer & X86_EFER_LME) &&
         (!(c->cr4 & X86_CR4_PAE) || (!was_paging && (c->seg[X86_CS].attr & X86_A_LONG))))) {
        return x86_raise_gp(c);
    }
    c->cr0 = (value & CR0_ALL) | 0x10;
    c->efer = paging && (c->efer & X86_EFER_LME) ? c->efer | X86_EFER_LMA
                                                 : c->efer & ~(uint64_t)X86_EFER_LMA;
    if (changed & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE)) {
        tlb_flush_all(&c->vcpu, false);
    }
    tcg_context_changed(&c->vcpu);
    return true;
}

/* Volume 3, 4.10.1 and 4.10.4.1. */
static bool set_cr4(struct x86_cpu *c, uint64_t value)
{
    const uint64_t changed = c->cr4 ^ value;
    const bool is_long = c->efer & X86_EFER_LMA;
    if ((value & ~cr4_bits(c)) ||
        (is_long && (!(value & X86_CR4_PAE) || (changed & X86_CR4_LA57))) ||
        ((changed & value & X86_CR4_PCIDE) && (!is_long || (c->cr3 & 0xfff)))) {
        return x86_raise_gp(c);
    }
    c->cr4 = value;
    if (changed & (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_SMEP |
                   X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57)) {
        tlb_flush_all(&c->vcpu, false);
    }
    tcg_context_changed(&c->vcpu);
    return true;
}

/* Each load drops what is not global of the address space that it names, unless with PCIDs bit 63
 * says that it may stay. */
static bool set_cr3(struct x86_cpu *c, uint64_t value)
{
    const bool tagged = c->cr4 & X86_CR4_PCIDE, keep = tagged && value >> 63;
    value &= tagged ? UINT64_MAX >> 1 : UINT64_MAX;
    if ((c->efer & X86_EFER_LMA) && value >> 52) {
        return x86_raise_gp(c);
    }
    c->cr3 = value;
    if (!keep) {
        tlb_flush_tag(&c->vcpu, tagged ? value & 0xfff : 0, false);
    }
    tcg_context_changed(&c->vcpu);
    return true;
}

static uint64_t do_set_control(struct vcpu *v, uint64_t next, uint64_t value, uint64_t z,
                               uint32_t reg)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)z;
    switch (reg) {
    case 0:
        set_cr0(c, value);
        break;
    case 2:
        c->cr2 = value;
        break;
    case 3:
        set_cr3(c, value);
        break;
    case 4:
        set_cr4(c, value);
        break;
    default:
        if (value >> 4) {
            x86_raise_gp(c);
        } else if (c->apic) {
            c->apic->set_priority(c->apic->opaque, (int)v->index, (unsigned)value);
        } else {
            c->cr8 = value;
        }
        break;
    }
    return x86_go(c, next);
}
X86_CALL(set_control, IR_CALL_FULL);

static uint64_t do_get_priority(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    const struct x86_cpu *c = x86_cpu(v);
    (void)x, (void)y, (void)z, (void)aux;
    return c->apic ? c->apic->priority(c->apic->opaque, (int)v->index) : c->cr8;
}
X86_CALL(get_priority, IR_CALL_FULL);

static const uint32_t control_fields[5] = {[0] = offsetof(struct x86_cpu, cr0),
                                           [2] = offsetof(struct x86_cpu, cr2),
                                           [3] = offsetof(struct x86_cpu, cr3),
                                           [4] = offsetof(struct x86_cpu, cr4)};

void x86_mov_from_cr(struct x86_block *c, const struct x86_instr *i,
                     const struct x86_mov_from_cr *a)
{
    if (!x86_privileged(c)) {
        const ir_val v = a->src.reg == 8
                             ? ir_call(c->b, T_I64, &row_get_priority, IR_NONE, IR_NONE, IR_NONE, 0)
                             : ir_env_load(c->b, T_I64, control_fields[a->src.reg]);
        x86_write(c, i, &a->dst, ir_trunc(c->b, x86_type_of(a->dst.bytes), v));
    }
}

void x86_mov_to_cr(struct x86_block *c, const struct x86_instr *i, const struct x86_mov_to_cr *a)
{
    if (!x86_privileged(c)) {
        const ir_val v = ir_zext(c->b, T_I64, x86_read(c, i, &a->src));
        x86_tail(c, &row_set_control, v, IR_NONE, a->dst.reg);
    }
}

/* PE can be set by LMSW, and not cleared. */
static uint64_t do_lmsw(struct vcpu *v, uint64_t next, uint64_t value, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)z, (void)aux;
    set_cr0(c, (c->cr0 & ~UINT64_C(14)) | (value & 15));
    return x86_go(c, next);
}
const struct ir_call x86_row_lmsw = {
    .name = "x86_lmsw", .fn = (void (*)(void))do_lmsw, .class = IR_CALL_FULL};

static uint64_t do_clts(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)y, (void)z, (void)aux;
    c->cr0 &= ~UINT64_C(8);
    tcg_mode_changed(v);
    return x86_go(c, next);
}
const struct ir_call x86_row_clts = {
    .name = "x86_clts", .fn = (void (*)(void))do_clts, .class = IR_CALL_FULL};

/* ---- debug registers: DR4 and DR5 are names of DR6 and DR7 */

static unsigned debug_register(unsigned reg)
{
    return reg == 4 || reg == 5 ? reg + 2 : reg;
}

void x86_mov_from_dr(struct x86_block *c, const struct x86_instr *i,
                     const struct x86_mov_from_dr *a)
{
    const uint32_t at = (uint32_t)(offsetof(struct x86_cpu, dr) + 8 * debug_register(a->src.reg));
    if (!x86_privileged(c)) {
        x86_write(c, i, &a->dst,
                  ir_trunc(c->b, x86_type_of(a->dst.bytes), ir_env_load(c->b, T_I64, at)));
    }
}

static uint64_t do_set_debug(struct vcpu *v, uint64_t next, uint64_t value, uint64_t z,
                             uint32_t reg)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)z;
    if (reg >= 6 && value >> 32) {
        x86_raise_gp(c);
        return next;
    }
    c->dr[reg] = reg == 6   ? (value & 0xe00f) | 0xffff0ff0
                 : reg == 7 ? (value & 0xffff2fff) | 0x400
                            : value;
    return x86_go(c, next);
}
X86_CALL(set_debug, IR_CALL_FULL);

void x86_mov_to_dr(struct x86_block *c, const struct x86_instr *i, const struct x86_mov_to_dr *a)
{
    if (!x86_privileged(c)) {
        x86_tail(c, &row_set_debug, ir_zext(c->b, T_I64, x86_read(c, i, &a->src)), IR_NONE,
                 debug_register(a->dst.reg));
    }
}
