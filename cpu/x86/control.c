/* SPDX-License-Identifier: MIT */
/*
 * Control, debug and model-specific registers, the time-stamp counter, SYSCALL. Intel SDM, volume
 * 2: MOV (control and debug registers), RDMSR, RDTSC, SYSCALL, SYSRET, WRMSR; volume 3, 2.5, and
 * volume 4.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>

#include "base/clock.h"

static bool gp(struct x86_cpu *c)
{
    x86_raise_error(c, X86_GP, 0);
    return false;
}

/* ---- control registers */

#define CR0_ALL UINT64_C(0xe005003f)
#define CR4_ALL (UINT64_C(0x1ff) | X86_CR4_UMIP | X86_CR4_LA57 | X86_CR4_FSGSBASE | X86_CR4_SMEP)

/* Volume 3, 2.5 and 4.1.2: what goes together. */
static bool set_cr0(struct x86_cpu *c, uint64_t value)
{
    const uint64_t changed = c->cr0 ^ value;
    const bool paging = value & X86_CR0_PG, was_paging = c->cr0 & X86_CR0_PG;
    if (value >> 32 || (paging && !(value & X86_CR0_PE)) ||
        ((value & 0x20000000) && !(value & 0x40000000)) ||
        (!paging && was_paging && x86_is_long(c)) ||
        (paging && (c->efer & X86_EFER_LME) &&
         (!(c->cr4 & X86_CR4_PAE) || (!was_paging && (c->seg[X86_CS].attr & X86_A_LONG))))) {
        return gp(c);
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

static bool set_cr4(struct x86_cpu *c, uint64_t value)
{
    const uint64_t changed = c->cr4 ^ value;
    if ((value & ~(uint64_t)CR4_ALL) ||
        ((c->efer & X86_EFER_LMA) && (!(value & X86_CR4_PAE) || (changed & X86_CR4_LA57)))) {
        return gp(c);
    }
    c->cr4 = value;
    if (changed & (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP | X86_CR4_LA57)) {
        tlb_flush_all(&c->vcpu, false);
    }
    tcg_context_changed(&c->vcpu);
    return true;
}

/* Without PCIDs each load drops what is not global. */
static bool set_cr3(struct x86_cpu *c, uint64_t value)
{
    if ((c->efer & X86_EFER_LMA) && value >> 52) {
        return gp(c);
    }
    c->cr3 = value;
    tlb_flush_tag(&c->vcpu, 0, false);
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
            gp(c);
        } else {
            c->cr8 = value;
        }
        break;
    }
    return x86_go(c, next);
}
X86_CALL(set_control, IR_CALL_FULL);

static const uint32_t control_fields[9] = {[0] = offsetof(struct x86_cpu, cr0),
                                           [2] = offsetof(struct x86_cpu, cr2),
                                           [3] = offsetof(struct x86_cpu, cr3),
                                           [4] = offsetof(struct x86_cpu, cr4),
                                           [8] = offsetof(struct x86_cpu, cr8)};

void x86_mov_from_cr(struct x86_block *c, const struct x86_instr *i,
                     const struct x86_mov_from_cr *a)
{
    if (!x86_privileged(c)) {
        const ir_val v = ir_env_load(c->b, T_I64, control_fields[a->src.reg]);
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
        gp(c);
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

/* ---- model-specific registers: volume 4, table 2-2; AMD APM, volume 2, appendix A */

/* Those that only store, and how many bits they have. */
static const struct msr {
    uint32_t number;
    uint32_t field; /* in the CPU struct */
    bool address;   /* must be canonical */
} msrs[] = {
    {0xc0000081, offsetof(struct x86_cpu, star), false},
    {0xc0000082, offsetof(struct x86_cpu, lstar), true},
    {0xc0000083, offsetof(struct x86_cpu, cstar), true},
    {0xc0000084, offsetof(struct x86_cpu, fmask), false},
    {0xc0000100, offsetof(struct x86_cpu, seg[X86_FS].base), true},
    {0xc0000101, offsetof(struct x86_cpu, seg[X86_GS].base), true},
    {0xc0000102, offsetof(struct x86_cpu, kernel_gs_base), true},
    {0xc0000103, offsetof(struct x86_cpu, tsc_aux), false},
};
#define MSR_TSC 0x10u
#define MSR_EFER 0xc0000080u

static uint64_t tsc_now(struct x86_cpu *c)
{
    return clock_now_ns(c->vcpu.clock) + c->tsc_offset;
}

static const struct msr *find_msr(uint32_t number)
{
    for (size_t k = 0; k < sizeof(msrs) / sizeof(msrs[0]); k++) {
        if (msrs[k].number == number) {
            return &msrs[k];
        }
    }
    return NULL;
}

static uint64_t *msr_place(struct x86_cpu *c, const struct msr *m)
{
    return (uint64_t *)(void *)((char *)c + m->field);
}

static void put_pair(struct x86_cpu *c, uint64_t value)
{
    c->r[X86_RAX] = (uint32_t)value;
    c->r[X86_RDX] = value >> 32;
}

static uint64_t do_rdmsr(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t number = (uint32_t)c->r[X86_RCX];
    const struct msr *m = find_msr(number);
    (void)y, (void)z, (void)aux;
    if (m) {
        put_pair(c, *msr_place(c, m));
    } else if (number == MSR_EFER) {
        put_pair(c, c->efer);
    } else if (number == MSR_TSC) {
        put_pair(c, tsc_now(c));
    } else {
        gp(c);
    }
    return x86_go(c, next);
}
X86_CALL(rdmsr, IR_CALL_FULL);

static bool set_efer(struct x86_cpu *c, uint64_t value)
{
    const uint64_t known = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
    if ((value & ~known) || ((c->cr0 & X86_CR0_PG) && ((c->efer ^ value) & X86_EFER_LME))) {
        return gp(c);
    }
    c->efer = (value & ~(uint64_t)X86_EFER_LMA) | (c->efer & X86_EFER_LMA);
    tlb_flush_all(&c->vcpu, false);
    return true;
}

static uint64_t do_wrmsr(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t number = (uint32_t)c->r[X86_RCX];
    const uint64_t value = (uint32_t)c->r[X86_RAX] | c->r[X86_RDX] << 32;
    const struct msr *m = find_msr(number);
    (void)y, (void)z, (void)aux;
    if (m && (!m->address || x86_is_canonical(c, value))) {
        *msr_place(c, m) = value;
        tcg_mode_changed(v);
    } else if (number == MSR_EFER) {
        set_efer(c, value);
    } else if (number == MSR_TSC) {
        c->tsc_offset += value - tsc_now(c);
    } else {
        gp(c);
    }
    return x86_go(c, next);
}
X86_CALL(wrmsr, IR_CALL_FULL);

void x86_rdmsr(struct x86_block *c, const struct x86_instr *i, const struct x86_rdmsr *a)
{
    (void)i, (void)a;
    if (!x86_privileged(c)) {
        x86_tail(c, &row_rdmsr, IR_NONE, IR_NONE, 0);
    }
}

void x86_wrmsr(struct x86_block *c, const struct x86_instr *i, const struct x86_wrmsr *a)
{
    (void)i, (void)a;
    if (!x86_privileged(c)) {
        x86_tail(c, &row_wrmsr, IR_NONE, IR_NONE, 0);
    }
}

/* ---- time */

static uint64_t do_rdtsc(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t with_aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)y, (void)z;
    if ((c->cr4 & X86_CR4_TSD) && x86_cpl(c)) {
        gp(c);
        return next;
    }
    put_pair(c, tsc_now(c));
    if (with_aux) {
        c->r[X86_RCX] = (uint32_t)c->tsc_aux;
    }
    return x86_go(c, next);
}
X86_CALL(rdtsc, IR_CALL_FULL);

void x86_rdtsc(struct x86_block *c, const struct x86_instr *i, const struct x86_rdtsc *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_rdtsc, IR_NONE, IR_NONE, false);
}

void x86_rdtscp(struct x86_block *c, const struct x86_instr *i, const struct x86_rdtscp *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_rdtsc, IR_NONE, IR_NONE, true);
}

/* There are no counters. */
void x86_rdpmc(struct x86_block *c, const struct x86_instr *i, const struct x86_rdpmc *a)
{
    (void)i, (void)a;
    x86_raise_error_now(c, X86_GP, 0);
}

/* ---- SYSCALL, SYSRET */

static void flat(struct x86_segment *s, uint16_t selector, unsigned attr)
{
    *s = (struct x86_segment){.limit = UINT32_MAX, .attr = (uint16_t)attr, .selector = selector};
    x86_segment_settle(s);
}

#define FLAT_CODE 0xa09bu /* 64 bits, present, accessed; 0xc09b: 32 bits */
#define FLAT_DATA 0xc093u
#define DPL3 0x60u

static uint64_t do_syscall(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t selector = (uint16_t)(c->star >> 32);
    (void)y, (void)z, (void)aux;
    if (!(c->efer & X86_EFER_SCE)) {
        x86_raise(c, X86_UD);
        return next;
    }
    c->r[X86_RCX] = next;
    c->r[11] = x86_rflags(c) & ~(uint64_t)X86_RF;
    x86_set_rflags(c, x86_rflags(c) & ~(c->fmask & UINT32_MAX), UINT32_MAX);
    flat(&c->seg[X86_CS], selector & 0xfffc, FLAT_CODE);
    flat(&c->seg[X86_SS], (uint16_t)(selector + 8), FLAT_DATA);
    tcg_mode_changed(v);
    return x86_go(c, c->lstar);
}
X86_CALL(syscall, IR_CALL_FULL);

void x86_syscall(struct x86_block *c, const struct x86_instr *i, const struct x86_syscall *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_syscall, IR_NONE, IR_NONE, 0);
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
        gp(c);
        return next;
    }
    x86_set_rflags(c, c->r[11] & ~(uint64_t)(X86_RF | X86_VM), 0x3c7fd7);
    flat(&c->seg[X86_CS], (uint16_t)((bytes == 8 ? base + 16 : base) | 3),
         (bytes == 8 ? FLAT_CODE : 0xc09bu) | DPL3);
    flat(&c->seg[X86_SS], (uint16_t)((base + 8) | 3), FLAT_DATA | DPL3);
    tcg_mode_changed(v);
    return x86_go(c, pc);
}
X86_CALL(sysret, IR_CALL_FULL);

void x86_sysret(struct x86_block *c, const struct x86_instr *i, const struct x86_sysret *a)
{
    (void)a;
    if (!x86_privileged(c)) {
        x86_tail(c, &row_sysret, IR_NONE, IR_NONE, i->os);
    }
}
