/* SPDX-License-Identifier: MIT */
/*
 * Control registers. Intel SDM, volume 2: CLTS, LMSW, MOV (control registers); volume 3, 2.5, 4.4.1
 * (the pointers of PAE), 4.10 (PCIDs, invalidation).
 */
#include "cpu/x86/translate.h"

#include <stddef.h>
#include <string.h>

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

bool x86_control_possible(const struct x86_cpu *c)
{
    const bool paging = c->cr0 & X86_CR0_PG, in_long = c->efer & X86_EFER_LMA;
    return !(c->cr0 & ~CR0_ALL & ~UINT64_C(0x10)) && (!paging || (c->cr0 & X86_CR0_PE)) &&
           !(c->cr4 & ~cr4_bits(c)) && !(c->efer & ~x86_efer_bits(c)) &&
           in_long == (paging && (c->efer & X86_EFER_LME)) &&
           (!in_long || (c->cr4 & X86_CR4_PAE)) && (in_long || !(c->cr4 & X86_CR4_PCIDE)) &&
           !(c->cr3 & ~mask64(x86_physical_bits(c)));
}

/* Volume 3, 4.4.1: in PAE paging the four pointers are read when CR3 is loaded, or what makes it
 * PAE paging. false: raised, and nothing has changed. */
static bool load_pointers(struct x86_cpu *c, uint64_t cr0, uint64_t cr4, uint64_t cr3)
{
    uint64_t p[4];
    if (!(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE) || (c->efer & X86_EFER_LME)) {
        return true;
    }
    for (unsigned k = 0; k < 4; k++) {
        const paddr at = (cr3 & 0xffffffe0) + 8 * k;
        if (!space_load(x86_space(c), x86_a20(c, at), 8, &p[k])) {
            p[k] = 0;
        }
        if ((p[k] & 1) && (p[k] & ~(mask64(x86_physical_bits(c)) & ~UINT64_C(0x1e6)))) {
            return x86_raise_gp(c);
        }
    }
    memcpy(c->pdpte, p, sizeof(p));
    return true;
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
    if ((changed & (X86_CR0_PG | 0x60000000)) && !load_pointers(c, value, c->cr4, c->cr3)) {
        return false;
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
    if ((changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)) &&
        !load_pointers(c, c->cr0, value, c->cr3)) {
        return false;
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
bool x86_load_cr3(struct x86_cpu *c, uint64_t value)
{
    const bool tagged = c->cr4 & X86_CR4_PCIDE, keep = tagged && value >> 63;
    value &= tagged ? UINT64_MAX >> 1 : UINT64_MAX;
    if ((c->efer & X86_EFER_LMA) && (value & ~mask64(x86_physical_bits(c)))) {
        return x86_raise_gp(c);
    }
    if (!load_pointers(c, c->cr0, c->cr4, value)) {
        return false;
    }
    c->cr3 = value;
    if (!keep && !(c->cr4 & X86_CR4_PGE)) {
        tlb_flush_all(&c->vcpu, false);
    } else if (!keep) {
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
        x86_load_cr3(c, value);
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

uint64_t x86_cr8(const struct x86_cpu *c)
{
    return c->apic ? c->apic->priority(c->apic->opaque, (int)c->vcpu.index) : c->cr8;
}

static uint64_t do_get_priority(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    return x86_cr8(x86_cpu(v));
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
