/* SPDX-License-Identifier: MIT */
/*
 * Self-hosted debug: breakpoint and watchpoint registers, OS lock, claim tags (DDI 0487, D2 and
 * D19.3). Address and context matching, linked; no vector catch, no external debugger. Software
 * step is in exception.c.
 */
#include "cpu/arm/debug.h"

#include "cpu/arm/exception.h"
#include "cpu/arm/mmu.h"
#include "cpu/arm/sysregs.h"

/* ---- registers */

/* Code that runs with breakpoints asks for each instruction, so that only watched pages need care.
 */
void arm_debug_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    uint64_t *field = arm_sysreg_field(cpu, r);
    *field = value & r->mask;
    if (r->key & 2) {
        tlb_flush_all(&cpu->vcpu, false);
    }
}

void arm_oslar_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    cpu->oslsr = value & 1 ? cpu->oslsr | OSLSR_OSLK : cpu->oslsr & ~(uint64_t)OSLSR_OSLK;
    tlb_flush_all(&cpu->vcpu, false); /* watchpoints come and go with the lock */
}

void arm_mdscr_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    cpu->mdscr = value & r->mask;
    tlb_flush_all(&cpu->vcpu, false);
}

uint64_t arm_claim_read_set(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)cpu, (void)r;
    return 0xff;
}

void arm_claim_write_set(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    cpu->dbgclaim |= value & 0xff;
}

void arm_claim_write_clear(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    cpu->dbgclaim &= ~(value & r->mask);
}

/* ---- matching */

enum {
    CR_ENABLE = 1,
    BT_LINKED = 1, /* bit of DBGBCR.BT */
    BT_ADDRESS = 0,
    BT_CONTEXT = 2,
};

static unsigned breakpoint_type(uint64_t bcr)
{
    return bcr >> 20 & 15;
}

/* SSC, HMC and PMC (or PAC) as they are for EL1 and EL0 of one security state. */
static bool level_matches(uint64_t cr, unsigned el)
{
    const unsigned privilege = cr >> 1 & 3;
    return el == 0 ? privilege == 0 || privilege == 2 || privilege == 3 : privilege & 1;
}

static bool context_matches(const struct arm_cpu *cpu, unsigned n)
{
    return (uint32_t)cpu->contextidr[1] == (uint32_t)cpu->dbgbvr[n];
}

/* The context breakpoint that another breakpoint or a watchpoint is linked to. */
static bool linked_matches(const struct arm_cpu *cpu, uint64_t cr)
{
    const unsigned n = cr >> 16 & 15;
    return n <= (cpu->id[ARM_ID_DFR0] >> 12 & 15) && (cpu->dbgbcr[n] & CR_ENABLE) &&
           breakpoint_type(cpu->dbgbcr[n]) == (BT_CONTEXT | BT_LINKED) && context_matches(cpu, n);
}

static bool breakpoint_matches(const struct arm_cpu *cpu, unsigned n, uint64_t pc)
{
    const uint64_t bcr = cpu->dbgbcr[n];
    if (!(bcr & CR_ENABLE) || !level_matches(bcr, arm_el(cpu))) {
        return false;
    }
    switch (breakpoint_type(bcr)) {
    case BT_ADDRESS:
        return ((pc ^ cpu->dbgbvr[n]) & mask64(53) & ~UINT64_C(3)) == 0;
    case BT_ADDRESS | BT_LINKED:
        return ((pc ^ cpu->dbgbvr[n]) & mask64(53) & ~UINT64_C(3)) == 0 && linked_matches(cpu, bcr);
    case BT_CONTEXT:
        return context_matches(cpu, n);
    default:
        return false;
    }
}

bool arm_breakpoint_matches(const struct arm_cpu *cpu, uint64_t pc)
{
    for (unsigned n = 0; n < ARM_BREAKPOINTS_MAX; n++) {
        if (breakpoint_matches(cpu, n, pc)) {
            return true;
        }
    }
    return false;
}

static bool watching(const struct arm_cpu *cpu, unsigned el)
{
    return (cpu->mdscr & MDSCR_MDE) && !(cpu->oslsr & OSLSR_OSLK) &&
           (el == 0 || (cpu->mdscr & MDSCR_KDE));
}

/* The bytes that a watchpoint covers, in *first and *last. */
static void watched_bytes(const struct arm_cpu *cpu, unsigned n, uint64_t *first, uint64_t *last)
{
    const unsigned mask = cpu->dbgwcr[n] >> 24 & 31, select = cpu->dbgwcr[n] >> 5 & 0xff;
    const uint64_t va = (uint64_t)sext64(cpu->dbgwvr[n], 53);
    if (mask >= 3) {
        *first = va & ~mask64(mask);
        *last = va | mask64(mask);
    } else if (select) {
        *first = va + ctz32(select);
        *last = va + 31 - clz32(select);
    } else {
        *first = 1;
        *last = 0;
    }
}

bool arm_watchpoint_in_page(const struct arm_cpu *cpu, uint64_t va, unsigned page_bits, unsigned el)
{
    if (likely(!watching(cpu, el))) {
        return false;
    }
    const uint64_t start = va & ~mask64(page_bits), end = va | mask64(page_bits);
    for (unsigned n = 0; n < ARM_BREAKPOINTS_MAX; n++) {
        uint64_t first, last;
        watched_bytes(cpu, n, &first, &last);
        if ((cpu->dbgwcr[n] & CR_ENABLE) && first <= last && first <= end && last >= start) {
            return true;
        }
    }
    return false;
}

static bool watchpoint_matches(const struct arm_cpu *cpu, uint64_t va, unsigned bytes,
                               enum access a, unsigned el)
{
    if (!watching(cpu, el) || (el && (cpu->pstate & PSTATE_D))) {
        return false;
    }
    for (unsigned n = 0; n < ARM_BREAKPOINTS_MAX; n++) {
        const uint64_t wcr = cpu->dbgwcr[n];
        const unsigned kinds = wcr >> 3 & 3;
        uint64_t first, last;
        watched_bytes(cpu, n, &first, &last);
        if ((wcr & CR_ENABLE) && level_matches(wcr, el) && (kinds & (a == ACCESS_WRITE ? 2 : 1)) &&
            first <= last && va <= last && va + bytes - 1 >= first &&
            (!(wcr >> 20 & 1) || linked_matches(cpu, wcr))) {
            return true;
        }
    }
    return false;
}

static bool is_device(struct arm_cpu *cpu, uint64_t va, enum access a, unsigned idx)
{
    struct translation t;
    uint64_t fault;
    return arm_walk(&cpu->vcpu, va, a, idx, &t, &fault) && t.device;
}

/* FAR is the address of the access, as the manual allows. */
bool arm_watch(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx)
{
    struct arm_cpu *cpu = arm_cpu(v);
    if ((!is_pow2(bytes) || (va & (bytes - 1))) && is_device(cpu, va, a, idx)) {
        arm_raise_memory(v, va, a, FAULT_ALIGN);
        return false;
    }
    if (!watchpoint_matches(cpu, va, bytes, a, idx == ARM_MMU_EL0 ? 0 : 1)) {
        return true;
    }
    const uint32_t iss = FSC_DEBUG | (a == ACCESS_WRITE ? ISS_WNR : 0);
    arm_raise_far(cpu, SYNDROME(EC_WATCHPOINT_LOWER, iss), va);
    return false;
}
