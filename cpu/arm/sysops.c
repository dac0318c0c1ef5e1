/* SPDX-License-Identifier: MIT */
/*
 * The operations of SYS (DDI 0487, C5.3 to C5.6): IC, DC, AT, TLBI, CFP, DVP, CPP.
 *
 * There are no caches but that of translated code: invalidating instructions by address or all of
 * them forgets what was translated from there. Where CTR_EL0.DIC says that a guest need not do
 * that, the accelerator tracks writes to code. Other cache maintenance does nothing but fault where
 * the manual says so; DC ZVA writes zeros. Predictions are not restricted: there are none.
 */
#include "cpu/arm/sysops.h"

#include "base/log.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/mmu.h"
#include "cpu/arm/sysregs.h"

enum kind {
    NOTHING,     /* no effect */
    CODE_ALL,    /* translated code is stale */
    CODE_VA,     /* of this line; as CACHE_VA */
    CACHE_VA,    /* by address: faults if that is not mapped */
    CACHE_CIVAC, /* and for EL0 with SCTLR_EL1.CMOW if it is not writable, as CODE_VA */
    CACHE_IVAC,  /* and if it is not writable */
    ZERO,
    TRANSLATE, /* arg: index in enum at_kind */
    TLB_ALL,
    TLB_ASID,
    TLB_VA,
    TLB_VAA, /* of any ASID */
    TLB_RANGE,
    TLB_RANGE_A,
};

enum at_kind {
    AT_EL1_READ,
    AT_EL1_WRITE,
    AT_EL0_READ,
    AT_EL0_WRITE,
    AT_PAN_READ,
    AT_PAN_WRITE
};

struct sysop {
    uint16_t op;
    uint8_t kind;
    uint8_t arg; /* of TLB operations: 1 broadcast */
    bool el0;
    uint32_t trap;    /* ARM_TRAP_ at EL0 */
    uint16_t feature; /* enum arm_feature + 1, or 0 */
};

#define EL0(trap_) .el0 = true, .trap = trap_
#define WITH(name) .feature = ARM_HAS_##name + 1

/* The invalidations of one shareability: crn (9: without the attribute XS, FEAT_XS), crm, whether
 * they reach the other vCPUs, and the feature. */
#define TLB_BY(crn, crm, all, ...)                                                                 \
    {SYSOP(0, crn, crm, 0), TLB_ALL, all, __VA_ARGS__},                                            \
        {SYSOP(0, crn, crm, 1), TLB_VA, all, __VA_ARGS__},                                         \
        {SYSOP(0, crn, crm, 2), TLB_ASID, all, __VA_ARGS__},                                       \
        {SYSOP(0, crn, crm, 3), TLB_VAA, all, __VA_ARGS__},                                        \
        {SYSOP(0, crn, crm, 5), TLB_VA, all, __VA_ARGS__},                                         \
    {                                                                                              \
        SYSOP(0, crn, crm, 7), TLB_VAA, all, __VA_ARGS__                                           \
    }
#define TLB_RANGE_BY(crn, crm, all, ...)                                                           \
    {SYSOP(0, crn, crm, 1), TLB_RANGE, all, __VA_ARGS__},                                          \
        {SYSOP(0, crn, crm, 3), TLB_RANGE_A, all, __VA_ARGS__},                                    \
        {SYSOP(0, crn, crm, 5), TLB_RANGE, all, __VA_ARGS__},                                      \
    {                                                                                              \
        SYSOP(0, crn, crm, 7), TLB_RANGE_A, all, __VA_ARGS__                                       \
    }

static const struct sysop sysops[] = {
    {SYSOP(0, 7, 1, 0), CODE_ALL, 0, .el0 = false},                     /* IC IALLUIS */
    {SYSOP(0, 7, 5, 0), CODE_ALL, 0, .el0 = false},                     /* IC IALLU */
    {SYSOP(3, 7, 5, 1), CODE_VA, 0, EL0(ARM_TRAP_UCI)},                 /* IC IVAU */
    {SYSOP(0, 7, 6, 1), CACHE_IVAC, 0, .el0 = false},                   /* DC IVAC */
    {SYSOP(0, 7, 6, 2), NOTHING, 0, .el0 = false},                      /* DC ISW */
    {SYSOP(0, 7, 10, 2), NOTHING, 0, .el0 = false},                     /* DC CSW */
    {SYSOP(0, 7, 14, 2), NOTHING, 0, .el0 = false},                     /* DC CISW */
    {SYSOP(3, 7, 4, 1), ZERO, 0, EL0(ARM_TRAP_DZE)},                    /* DC ZVA */
    {SYSOP(3, 7, 10, 1), CACHE_VA, 0, EL0(ARM_TRAP_UCI)},               /* DC CVAC */
    {SYSOP(3, 7, 11, 1), CACHE_VA, 0, EL0(ARM_TRAP_UCI)},               /* DC CVAU */
    {SYSOP(3, 7, 12, 1), CACHE_VA, 0, EL0(ARM_TRAP_UCI), WITH(dpb)},    /* DC CVAP */
    {SYSOP(3, 7, 13, 1), CACHE_VA, 0, EL0(ARM_TRAP_UCI), WITH(dpb2)},   /* DC CVADP */
    {SYSOP(3, 7, 14, 1), CACHE_CIVAC, 0, EL0(ARM_TRAP_UCI)},            /* DC CIVAC */
    {SYSOP(3, 7, 3, 4), NOTHING, 0, EL0(ARM_TRAP_RCTX), WITH(specres)}, /* CFP RCTX */
    {SYSOP(3, 7, 3, 5), NOTHING, 0, EL0(ARM_TRAP_RCTX), WITH(specres)}, /* DVP RCTX */
    {SYSOP(3, 7, 3, 7), NOTHING, 0, EL0(ARM_TRAP_RCTX), WITH(specres)}, /* CPP RCTX */
    {SYSOP(0, 7, 8, 0), TRANSLATE, AT_EL1_READ, .el0 = false},          /* AT S1E1R */
    {SYSOP(0, 7, 8, 1), TRANSLATE, AT_EL1_WRITE, .el0 = false},         /* AT S1E1W */
    {SYSOP(0, 7, 8, 2), TRANSLATE, AT_EL0_READ, .el0 = false},          /* AT S1E0R */
    {SYSOP(0, 7, 8, 3), TRANSLATE, AT_EL0_WRITE, .el0 = false},         /* AT S1E0W */
    {SYSOP(0, 7, 9, 0), TRANSLATE, AT_PAN_READ, WITH(pan2)},            /* AT S1E1RP */
    {SYSOP(0, 7, 9, 1), TRANSLATE, AT_PAN_WRITE, WITH(pan2)},           /* AT S1E1WP */
    TLB_BY(8, 7, 0, .el0 = false),                                      /* this CPU */
    TLB_BY(8, 3, 1, .el0 = false),                                      /* inner shareable */
    TLB_BY(8, 1, 1, WITH(tlbios)),                                      /* outer shareable */
    TLB_RANGE_BY(8, 6, 0, WITH(tlbirange)),
    TLB_RANGE_BY(8, 2, 1, WITH(tlbirange)),
    TLB_RANGE_BY(8, 5, 1, WITH(tlbirange)),
    /* A CPU with FEAT_XS has the others' features too (DDI 0487, A2.2.8). */
    TLB_BY(9, 7, 0, WITH(xs)),
    TLB_BY(9, 3, 1, WITH(xs)),
    TLB_BY(9, 1, 1, WITH(xs)),
    TLB_RANGE_BY(9, 6, 0, WITH(xs)),
    TLB_RANGE_BY(9, 2, 1, WITH(xs)),
    TLB_RANGE_BY(9, 5, 1, WITH(xs)),
};

static const struct sysop *find_sysop(const struct a64_block *c, unsigned op)
{
    for (unsigned i = 0; i < array_len(sysops); i++) {
        const struct sysop *s = &sysops[i];
        if (s->op == op) {
            return s->feature && !has(c, s->feature - 1u) ? NULL : s;
        }
    }
    return NULL;
}

/* ---- caches */

/* What the operation needs: it may have to be allowed to write (FEAT_CMOW). */
static enum access access_of(const struct arm_cpu *cpu, uint32_t kind)
{
    const bool guarded = arm_el(cpu) == 0 && (cpu->sctlr[1] & SCTLR_CMOW) &&
                         (kind == CACHE_CIVAC || kind == CODE_VA);
    return kind == CACHE_IVAC || guarded ? ACCESS_WRITE : ACCESS_READ;
}

static uint64_t cache_op(struct vcpu *v, uint64_t va, uint64_t y, uint64_t z, uint32_t kind)
{
    (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    uint64_t pa, fault;
    const enum access a = access_of(cpu, kind);
    if (!vcpu_translate(v, va, a, arm_el(cpu) ? ARM_MMU_EL1 : ARM_MMU_EL0, &pa, &fault)) {
        arm_raise_far(cpu, arm_abort_syndrome(cpu, a, fault, true), va);
    } else if (kind == CODE_VA) {
        const uint64_t line = UINT64_C(4) << (cpu->id[ARM_ID_CTR] & 15); /* CTR_EL0.IminLine */
        tcg_flush_code(v, pa & ~(line - 1), line);
    }
    return 0;
}
static const struct ir_call row_cache_op = A64_ROW(cache_op, IR_CALL_RAISES);

static uint64_t forget_code(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    tcg_flush_code_all(v);
    return 0;
}
static const struct ir_call row_forget_code = A64_ROW(forget_code, IR_CALL_FULL);

static void zero_block(struct a64_block *c, ir_val va)
{
    const unsigned bytes = 4u << ARM_ZVA_LOG2_WORDS;
    const ir_val mask = ir_konst(c->b, T_I64, ~(uint64_t)(bytes - 1));
    const ir_val start = ir_and(c->b, va, mask), zero = ir_vkonst(c->b, 0);
    for (unsigned i = 0; i < bytes; i += 16) {
        ir_store(c->b, units_of(MO_128 | c->idx, MO_8), start, (int32_t)i, zero);
    }
}

/* ---- AT */

static uint64_t address_translate(struct vcpu *v, uint64_t va, uint64_t y, uint64_t z,
                                  uint32_t kind)
{
    (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    unsigned idx = kind == AT_EL0_READ || kind == AT_EL0_WRITE ? ARM_MMU_EL0 : ARM_MMU_EL1;
    if ((kind == AT_PAN_READ || kind == AT_PAN_WRITE) && (cpu->pstate & PSTATE_PAN)) {
        idx = ARM_MMU_EL1_PAN;
    }
    cpu->par = arm_address_translate(cpu, va, kind & 1 ? ACCESS_WRITE : ACCESS_READ, idx);
    return 0;
}
static const struct ir_call row_translate = A64_ROW(address_translate, IR_CALL_FULL);

/* ---- TLBI: x is the PC of the next instruction, y the operand, aux the kind and whether the other
 * vCPUs are meant */

static uint64_t tlb_va(uint64_t operand)
{
    return (uint64_t)sext64(operand << 12, 56);
}

static void flush_page(struct arm_cpu *cpu, uint64_t operand, uint32_t tag, bool all)
{
    const uint64_t va = tlb_va(operand);
    const unsigned bits = arm_granule_bits(cpu, va);
    tlb_flush_range(&cpu->vcpu, va & ~mask64(bits), UINT64_C(1) << bits, tag, all);
}

/* BaseADDR in units of the granule TG, (NUM + 1) * 2^(5 * SCALE + 1) granules. */
static void flush_range(struct arm_cpu *cpu, uint64_t operand, uint32_t tag, bool all)
{
    static const uint8_t granules[] = {0, 12, 14, 16};
    const unsigned bits = granules[operand >> 46 & 3], scale = operand >> 44 & 3,
                   num = operand >> 39 & 31;
    if (bits == 0) {
        return; /* reserved: nothing need be invalidated */
    }
    const bool lpa2 = bits != 16 && (cpu->tcr[1] & TCR_DS);
    const uint64_t va = (uint64_t)sext64(operand & mask64(37), 37) << (lpa2 ? 16 : bits);
    const uint64_t bytes = (uint64_t)(num + 1) << (5 * scale + 1 + bits);
    tlb_flush_range(&cpu->vcpu, va, bytes, tag, all);
}

static void log_invalidation(const struct vcpu *v, uint64_t pc, uint64_t operand, uint32_t aux)
{
    static const char *const kinds[] = {
        [TLB_ALL] = "everything", [TLB_ASID] = "an ASID",
        [TLB_VA] = "a page",      [TLB_VAA] = "a page of any ASID",
        [TLB_RANGE] = "a range",  [TLB_RANGE_A] = "a range of any ASID"};
    log_print(LOG_MMU, "cpu %u: TLBI of %s, operand 0x%llx%s, before 0x%llx\n", v->index,
              kinds[aux & 0xff], (unsigned long long)operand, aux & 0x100 ? ", for all CPUs" : "",
              (unsigned long long)pc);
}

static uint64_t invalidate(struct vcpu *v, uint64_t pc, uint64_t operand, uint64_t z, uint32_t aux)
{
    (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    const bool all = aux & 0x100;
    const uint32_t asid = arm_asid(cpu, operand >> 48);
    if (log_enabled(LOG_MMU)) {
        log_invalidation(v, pc, operand, aux);
    }
    switch (aux & 0xff) {
    case TLB_ALL:
        tlb_flush_all(v, all);
        break;
    case TLB_ASID:
        tlb_flush_tag(v, asid, all);
        break;
    case TLB_VA:
        flush_page(cpu, operand, asid, all);
        break;
    case TLB_VAA:
        flush_page(cpu, operand, TLB_ANY_TAG, all);
        break;
    case TLB_RANGE:
        flush_range(cpu, operand, asid, all);
        break;
    default:
        flush_range(cpu, operand, TLB_ANY_TAG, all);
        break;
    }
    cpu->tlbi_pending = true;
    return 0;
}
static const struct ir_call row_invalidate = A64_ROW(invalidate, IR_CALL_FULL);

static uint64_t tlb_complete(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    arm_cpu(v)->tlbi_pending = false;
    if (tlb_sync(v)) {
        arm_retry(arm_cpu(v)); /* the ISB behind may be a jump within the page */
    }
    return 0;
}
const struct ir_call arm_row_tlb_sync = A64_ROW(tlb_complete, IR_CALL_RAISES);

/* ---- */

static uint32_t trap_syndrome(const struct a64_block *c)
{
    const unsigned rt = c->insn & 31;
    const uint32_t op1 = c->insn >> 16 & 7, crn = c->insn >> 12 & 15, crm = c->insn >> 8 & 15,
                   op2 = c->insn >> 5 & 7;
    return SYNDROME(EC_SYSREG, 1u << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1);
}

bool a64_emit_sysop(struct a64_block *c, unsigned op, ir_val xt)
{
    const unsigned crn = op >> 7 & 15;
    if (c->el == 0 && (crn == 11 || crn == 15) && (c->mode >> MODE_TRAPS_SHIFT & ARM_TRAP_TIDCP)) {
        raise_syndrome(c, trap_syndrome(c));
        return true;
    }
    const struct sysop *s = find_sysop(c, op);
    if (!s || (c->el == 0 && !s->el0)) {
        return false;
    }
    if (c->el == 0 && (c->mode >> MODE_TRAPS_SHIFT & s->trap)) {
        raise_syndrome(c, trap_syndrome(c));
        return true;
    }
    switch ((enum kind)s->kind) {
    case NOTHING:
        break;
    case CODE_ALL:
        ir_call(c->b, T_VOID, &row_forget_code, IR_NONE, IR_NONE, IR_NONE, 0);
        break;
    case CODE_VA:
    case CACHE_VA:
    case CACHE_CIVAC:
    case CACHE_IVAC:
        ir_call(c->b, T_VOID, &row_cache_op, xt, IR_NONE, IR_NONE, s->kind);
        break;
    case ZERO:
        zero_block(c, xt);
        break;
    case TRANSLATE:
        ir_call(c->b, T_VOID, &row_translate, xt, IR_NONE, IR_NONE, s->arg);
        break;
    default:
        ir_call(c->b, T_VOID, &row_invalidate, ir_address(c->b, next_pc(c)), xt, IR_NONE,
                s->kind | (uint32_t)s->arg << 8);
        break;
    }
    return true;
}
