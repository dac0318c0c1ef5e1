/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers and the time-stamp counter. Intel SDM, volume 2: RDMSR, RDPMC, RDTSC,
 * RDTSCP, WRMSR; volume 3, 12.11 (MTRRs), 12.12 (PAT), 18.17; volume 4; AMD APM, volume 2, appendix
 * A. Memory types are registers only: memory is coherent whatever they say. The TSC counts ns.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>

#include "base/clock.h"

/* ---- those that only store */

enum msr_check {
    ANY,
    ADDRESS, /* must be canonical */
    TYPES,   /* eight memory types */
    READ_ONLY
};

static const struct msr {
    uint32_t number, count; /* the first, and how many follow each other */
    uint32_t field;         /* in the CPU struct */
    enum msr_check check;
    uint64_t valid; /* bits that may be set */
} msrs[] = {
    {0x174, 1, offsetof(struct x86_cpu, sysenter_cs), ANY, 0xffffffff},
    {0x175, 2, offsetof(struct x86_cpu, sysenter_esp), ADDRESS, UINT64_MAX},
    {0x1a0, 1, offsetof(struct x86_cpu, misc_enable), ANY, UINT64_MAX},
    {0x200, 16, offsetof(struct x86_cpu, mtrr_range), ANY, UINT64_C(0x000fffffffffffff)},
    {0x250, 1, offsetof(struct x86_cpu, mtrr_fixed[0]), TYPES, UINT64_MAX},
    {0x258, 2, offsetof(struct x86_cpu, mtrr_fixed[1]), TYPES, UINT64_MAX},
    {0x268, 8, offsetof(struct x86_cpu, mtrr_fixed[3]), TYPES, UINT64_MAX},
    {0x277, 1, offsetof(struct x86_cpu, pat), TYPES, UINT64_MAX},
    {0x2ff, 1, offsetof(struct x86_cpu, mtrr_default), ANY, 0xcff},
    {0xda0, 1, offsetof(struct x86_cpu, xss), ANY, 0},
    {0xc0000081, 1, offsetof(struct x86_cpu, star), ANY, UINT64_MAX},
    {0xc0000082, 2, offsetof(struct x86_cpu, lstar), ADDRESS, UINT64_MAX},
    {0xc0000084, 1, offsetof(struct x86_cpu, fmask), ANY, 0xffffffff},
    {0xc0000100, 1, offsetof(struct x86_cpu, seg[X86_FS].base), ADDRESS, UINT64_MAX},
    {0xc0000101, 1, offsetof(struct x86_cpu, seg[X86_GS].base), ADDRESS, UINT64_MAX},
    {0xc0000102, 1, offsetof(struct x86_cpu, kernel_gs_base), ADDRESS, UINT64_MAX},
    {0xc0000103, 1, offsetof(struct x86_cpu, tsc_aux), ANY, 0xffffffff},
};

/* Those that always read as the same; writes are ignored where the value may be written. */
static const struct {
    uint32_t number;
    bool writable;
    uint64_t value;
} constants[] = {
    {0x17, false, 0},              /* PLATFORM_ID */
    {0x8b, true, 0x100000000},     /* BIOS_SIGN_ID */
    {0xfe, false, 0x508},          /* MTRRCAP: eight ranges, fixed ones, write-combining */
    {0x179, false, 0},             /* MCG_CAP: no banks */
    {0x17a, true, 0},              /* MCG_STATUS */
    {0x1d9, true, 0},              /* DEBUGCTL */
    {0xc0010010, true, 0},         /* SYSCFG of AMD */
    {0xc0010015, true, 0x1000000}, /* HWCR of AMD: the TSC is invariant */
    {0xc0010055, true, 0}          /* interrupt pending messages of AMD */
};
#define MSR_TSC 0x10u
#define MSR_TSC_ADJUST 0x3bu
#define MSR_EFER 0xc0000080u

uint64_t x86_tsc(struct x86_cpu *c)
{
    return clock_now_ns(c->vcpu.clock) + c->tsc_offset;
}

static uint64_t *find(struct x86_cpu *c, uint32_t number, const struct msr **m)
{
    for (size_t k = 0; k < array_len(msrs); k++) {
        if (number - msrs[k].number < msrs[k].count) {
            *m = &msrs[k];
            return (uint64_t *)(void *)((char *)c + msrs[k].field) + (number - msrs[k].number);
        }
    }
    return NULL;
}

/* Volume 3, table 12-10: 2 and 3 are reserved, and all above 7. */
static bool are_types(uint64_t value, bool uncached_minus)
{
    for (unsigned k = 0; k < 8; k++) {
        const unsigned type = value >> 8 * k & 0xff;
        if (type > 7 || type == 2 || type == 3 || (type == 7 && !uncached_minus)) {
            return false;
        }
    }
    return true;
}

static bool is_apic(uint32_t number)
{
    return number == X86_MSR_APIC_BASE || number == X86_MSR_TSC_DEADLINE ||
           number - X86_MSR_X2APIC < 256;
}

static bool read_apic(struct x86_cpu *c, uint32_t number, uint64_t *value)
{
    if (!c->apic || !c->apic->read(c->apic->opaque, (int)c->vcpu.index, number, value)) {
        return x86_raise_gp(c);
    }
    *value += number == X86_MSR_TSC_DEADLINE && *value ? c->tsc_offset : 0;
    return true;
}

static void write_apic(struct x86_cpu *c, uint32_t number, uint64_t value)
{
    if (number == X86_MSR_TSC_DEADLINE && value) { /* one that is over, or will be */
        const uint64_t passed = x86_tsc(c) - c->tsc_offset, ns = value - c->tsc_offset;
        const bool ahead = (int64_t)c->tsc_offset > 0; /* the TSC, of the clock */
        const bool is_over = ahead && value <= c->tsc_offset,
                   far = ns >> 63 || (!ahead && ns < value);
        value = is_over ? passed : far ? CLOCK_NEVER : ns;
    }
    if (!c->apic || !c->apic->write(c->apic->opaque, (int)c->vcpu.index, number, value)) {
        x86_raise_gp(c);
    }
    tcg_mode_changed(&c->vcpu);
}

static bool read_msr(struct x86_cpu *c, uint32_t number, uint64_t *value)
{
    const struct msr *m;
    const uint64_t *place = find(c, number, &m);
    if (place) {
        *value = *place;
        return true;
    }
    for (size_t k = 0; k < array_len(constants); k++) {
        if (constants[k].number == number) {
            *value = constants[k].value;
            return true;
        }
    }
    switch (number) {
    case MSR_EFER:
        *value = c->efer;
        return true;
    case MSR_TSC:
        *value = x86_tsc(c);
        return true;
    case MSR_TSC_ADJUST:
        *value = c->tsc_offset;
        return true;
    default:
        return is_apic(number) ? read_apic(c, number, value) : x86_raise_gp(c);
    }
}

static uint64_t do_rdmsr(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    uint64_t value;
    (void)y, (void)z, (void)aux;
    if (read_msr(c, (uint32_t)c->r[X86_RCX], &value)) {
        c->r[X86_RAX] = (uint32_t)value;
        c->r[X86_RDX] = value >> 32;
    }
    return x86_go(c, next);
}
X86_CALL(rdmsr, IR_CALL_FULL);

uint64_t x86_efer_bits(const struct x86_cpu *c)
{
    return (x86_has(c, X86_HAS_syscall) ? X86_EFER_SCE : 0) |
           (x86_has(c, X86_HAS_lm) ? X86_EFER_LME | X86_EFER_LMA : 0) |
           (x86_has(c, X86_HAS_nx) ? X86_EFER_NXE : 0);
}

static void set_efer(struct x86_cpu *c, uint64_t value)
{
    if ((value & ~x86_efer_bits(c)) ||
        ((c->cr0 & X86_CR0_PG) && ((c->efer ^ value) & X86_EFER_LME))) {
        x86_raise_gp(c);
        return;
    }
    if ((c->efer ^ value) & X86_EFER_NXE) {
        tlb_flush_all(&c->vcpu, false);
    }
    c->efer = (value & ~(uint64_t)X86_EFER_LMA) | (c->efer & X86_EFER_LMA);
    tcg_context_changed(&c->vcpu);
}

static bool is_possible(const struct x86_cpu *c, const struct msr *m, uint64_t value)
{
    return !(value & ~m->valid) && (m->check != ADDRESS || x86_is_canonical(c, value)) &&
           (m->check != TYPES || are_types(value, m->number == 0x277));
}

bool x86_msrs_possible(const struct x86_cpu *c)
{
    for (size_t k = 0; k < array_len(msrs); k++) {
        const uint64_t *place = (const uint64_t *)(const void *)((const char *)c + msrs[k].field);
        for (uint32_t n = 0; n < msrs[k].count; n++) {
            if (!is_possible(c, &msrs[k], place[n])) {
                return false;
            }
        }
    }
    return true;
}

static void store_msr(struct x86_cpu *c, const struct msr *m, uint64_t *place, uint64_t value)
{
    if (!is_possible(c, m, value)) {
        x86_raise_gp(c);
        return;
    }
    *place = value;
    tcg_mode_changed(&c->vcpu);
}

static bool may_ignore(uint32_t number)
{
    for (size_t k = 0; k < array_len(constants); k++) {
        if (constants[k].number == number) {
            return constants[k].writable;
        }
    }
    return false;
}

static void write_msr(struct x86_cpu *c, uint32_t number, uint64_t value)
{
    const struct msr *m;
    uint64_t *place = find(c, number, &m);
    if (place) {
        store_msr(c, m, place, value);
    } else if (number == MSR_EFER) {
        set_efer(c, value);
    } else if (number == MSR_TSC) {
        c->tsc_offset += value - x86_tsc(c);
    } else if (number == MSR_TSC_ADJUST) {
        c->tsc_offset = value;
    } else if (is_apic(number)) {
        write_apic(c, number, value);
    } else if (!may_ignore(number)) {
        x86_raise_gp(c);
    }
}

static uint64_t do_wrmsr(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)y, (void)z, (void)aux;
    write_msr(c, (uint32_t)c->r[X86_RCX], (uint32_t)c->r[X86_RAX] | c->r[X86_RDX] << 32);
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

static uint64_t do_rdtsc(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)x, (void)y, (void)z, (void)aux;
    if ((c->cr4 & X86_CR4_TSD) && x86_cpl(c)) {
        x86_raise_gp(c);
        return 0;
    }
    return x86_tsc(c);
}
X86_CALL(rdtsc, IR_CALL_RAISES);

static void read_time(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val t = ir_call(b, T_I64, &row_rdtsc, IR_NONE, IR_NONE, IR_NONE, 0);
    ir_put(b, X86_RAX, ir_ubfx(b, t, 0, 32));
    ir_put(b, X86_RDX, ir_ubfx(b, t, 32, 32));
}

void x86_rdtsc(struct x86_block *c, const struct x86_instr *i, const struct x86_rdtsc *a)
{
    (void)i, (void)a;
    read_time(c);
}

void x86_rdtscp(struct x86_block *c, const struct x86_instr *i, const struct x86_rdtscp *a)
{
    (void)i, (void)a;
    read_time(c);
    ir_put(c->b, X86_RCX,
           ir_ubfx(c->b, ir_env_load(c->b, T_I64, offsetof(struct x86_cpu, tsc_aux)), 0, 32));
}

/* There are no counters. */
void x86_rdpmc(struct x86_block *c, const struct x86_instr *i, const struct x86_rdpmc *a)
{
    (void)i, (void)a;
    x86_raise_error_now(c, X86_GP, 0);
}
