/* SPDX-License-Identifier: MIT */
/*
 * The register table: rows for the translator, and for gdb and the monitor (numbers and features
 * are those of gdb's "AArch64 Features" in its manual, appendix G.5.1).
 */
#include "cpu/arm/regs.h"
#include "cpu/arm/nzcv.h"

#include "base/softfloat.h"

/*
 * Which guest registers have a fixed host register at block boundaries, in order of preference: of
 * all static references in compiled code these make about four fifths.
 */
enum {
    HOME_X0,
    HOME_X1,
    HOME_X2,
    HOME_X3,
    HOME_SP,
    HOME_X19,
    HOME_X20,
    HOME_X4,
    HOME_X21,
    HOME_X22
};
#define NO_HOME (-1)

#define X(n, where) [ARM_REG_X0 + (n)] = {"x" #n, T_I64, offsetof(struct arm_cpu, x[n]), where}
#define V(n, where) [ARM_REG_V0 + (n)] = {"v" #n, T_V128, offsetof(struct arm_cpu, v[n]), where}

static const struct ir_reg ir_rows[ARM_REG_COUNT] = {
    X(0, HOME_X0),
    X(1, HOME_X1),
    X(2, HOME_X2),
    X(3, HOME_X3),
    X(4, HOME_X4),
    X(5, NO_HOME),
    X(6, NO_HOME),
    X(7, NO_HOME),
    X(8, NO_HOME),
    X(9, NO_HOME),
    X(10, NO_HOME),
    X(11, NO_HOME),
    X(12, NO_HOME),
    X(13, NO_HOME),
    X(14, NO_HOME),
    X(15, NO_HOME),
    X(16, NO_HOME),
    X(17, NO_HOME),
    X(18, NO_HOME),
    X(19, HOME_X19),
    X(20, HOME_X20),
    X(21, HOME_X21),
    X(22, HOME_X22),
    X(23, NO_HOME),
    X(24, NO_HOME),
    X(25, NO_HOME),
    X(26, NO_HOME),
    X(27, NO_HOME),
    X(28, NO_HOME),
    X(29, NO_HOME),
    X(30, NO_HOME),
    [ARM_REG_SP] = {"sp", T_I64, offsetof(struct arm_cpu, sp), HOME_SP},
    [ARM_REG_NZCV] = {"nzcv", T_FLAGS, offsetof(struct arm_cpu, nzcv), NO_HOME},
    V(0, 0),
    V(1, 1),
    V(2, 2),
    V(3, 3),
    V(4, 4),
    V(5, 5),
    V(6, 6),
    V(7, 7),
    V(8, NO_HOME),
    V(9, NO_HOME),
    V(10, NO_HOME),
    V(11, NO_HOME),
    V(12, NO_HOME),
    V(13, NO_HOME),
    V(14, NO_HOME),
    V(15, NO_HOME),
    V(16, 8),
    V(17, 9),
    V(18, 10),
    V(19, 11),
    V(20, 12),
    V(21, 13),
    V(22, NO_HOME),
    V(23, NO_HOME),
    V(24, NO_HOME),
    V(25, NO_HOME),
    V(26, NO_HOME),
    V(27, NO_HOME),
    V(28, NO_HOME),
    V(29, NO_HOME),
    V(30, NO_HOME),
    V(31, NO_HOME),
    [ARM_REG_QC] = {"qc", T_V128, offsetof(struct arm_cpu, qc), NO_HOME},
};
#undef X
#undef V

const struct ir_guest arm_ir_guest = {
    .regs = ir_rows,
    .reg_count = ARM_REG_COUNT,
    .fp_rules = &fp_rules_arm,
};

static uint64_t cpsr_get(struct vcpu *v)
{
    return arm_cpu(v)->pstate | arm_nzcv(arm_cpu(v));
}

static void cpsr_set(struct vcpu *v, uint64_t value)
{
    struct arm_cpu *cpu = arm_cpu(v);
    const uint32_t keep = PSTATE_EL | PSTATE_NRW |
                          PSTATE_BTYPE; /* gdb does not change the exception level */
    arm_set_nzcv(cpu, (uint32_t)value);
    arm_set_pstate(cpu, (cpu->pstate & keep) | ((uint32_t)value & 0x0fffffff & ~keep));
    arm_update_mode(cpu);
}

static uint64_t fpsr_get(struct vcpu *v)
{
    return arm_fpsr(arm_cpu(v));
}

static void fpsr_set(struct vcpu *v, uint64_t value)
{
    arm_set_fpsr(arm_cpu(v), value);
}

static uint64_t fpcr_get(struct vcpu *v)
{
    return arm_fpcr(arm_cpu(v));
}

static void fpcr_set(struct vcpu *v, uint64_t value)
{
    arm_set_fpcr(arm_cpu(v), value);
    arm_update_mode(arm_cpu(v));
}

/* The stack pointer of an exception level: the current one is kept apart. */
static uint64_t sp_of(const struct arm_cpu *cpu, unsigned el)
{
    const unsigned of = cpu->pstate & PSTATE_SP ? (cpu->pstate & PSTATE_EL) >> PSTATE_EL_SHIFT : 0;
    return el == of ? cpu->sp : cpu->sp_el[el];
}

/* System registers that a debugger may look at: name, gdb's number, value. */
#define SYSTEM_ROWS(R)                                                                             \
    R(SCTLR_EL1, 68, cpu->sctlr[1])                                                                \
    R(CPACR_EL1, 69, cpu->cpacr)                                                                   \
    R(TTBR0_EL1, 70, cpu->ttbr0[1])                                                                \
    R(TTBR1_EL1, 71, cpu->ttbr1[1])                                                                \
    R(TCR_EL1, 72, cpu->tcr[1])                                                                    \
    R(MAIR_EL1, 73, cpu->mair[1])                                                                  \
    R(VBAR_EL1, 74, cpu->vbar[1])                                                                  \
    R(ESR_EL1, 75, cpu->esr[1])                                                                    \
    R(FAR_EL1, 76, cpu->far[1])                                                                    \
    R(ELR_EL1, 77, cpu->elr[1])                                                                    \
    R(SPSR_EL1, 78, cpu->spsr[1])                                                                  \
    R(SP_EL0, 79, sp_of(cpu, 0))                                                                   \
    R(SP_EL1, 80, sp_of(cpu, 1))                                                                   \
    R(PAR_EL1, 81, cpu->par)                                                                       \
    R(CONTEXTIDR_EL1, 82, cpu->contextidr[1])                                                      \
    R(TPIDR_EL0, 83, cpu->tpidr[0])                                                                \
    R(TPIDRRO_EL0, 84, cpu->tpidrro_el0)                                                           \
    R(TPIDR_EL1, 85, cpu->tpidr[1])                                                                \
    R(MDSCR_EL1, 86, cpu->mdscr)                                                                   \
    R(CNTKCTL_EL1, 87, cpu->cntkctl)                                                               \
    R(MIDR_EL1, 88, cpu->id[ARM_ID_MIDR])

#define GETTER(name, n, value)                                                                     \
    static uint64_t name##_get(struct vcpu *v)                                                     \
    {                                                                                              \
        const struct arm_cpu *cpu = arm_cpu(v);                                                    \
        return value;                                                                              \
    }
SYSTEM_ROWS(GETTER)

#define CORE "org.gnu.gdb.aarch64.core"
#define SYSTEM "org.dragoman.aarch64.system"
#define SYSTEM_ROW(name, n, value) {#name, 0, 64, n, SYSTEM, "uint64", name##_get, NULL},
#define FPU "org.gnu.gdb.aarch64.fpu"
#define X(n)                                                                                       \
    {                                                                                              \
        "x" #n, offsetof(struct arm_cpu, x[n]), 64, n, CORE, "int", NULL, NULL                     \
    }
#define V(n)                                                                                       \
    {                                                                                              \
        "v" #n, offsetof(struct arm_cpu, v[n]), 128, 34 + (n), FPU, "aarch64v", NULL, NULL         \
    }

const struct cpu_reg arm_regs[] = {
    X(0),
    X(1),
    X(2),
    X(3),
    X(4),
    X(5),
    X(6),
    X(7),
    X(8),
    X(9),
    X(10),
    X(11),
    X(12),
    X(13),
    X(14),
    X(15),
    X(16),
    X(17),
    X(18),
    X(19),
    X(20),
    X(21),
    X(22),
    X(23),
    X(24),
    X(25),
    X(26),
    X(27),
    X(28),
    X(29),
    X(30),
    {"sp", offsetof(struct arm_cpu, sp), 64, 31, CORE, "data_ptr", NULL, NULL},
    {"pc", offsetof(struct arm_cpu, pc), 64, 32, CORE, "code_ptr", NULL, NULL},
    {"cpsr", 0, 32, 33, CORE, "int", cpsr_get, cpsr_set},
    V(0),
    V(1),
    V(2),
    V(3),
    V(4),
    V(5),
    V(6),
    V(7),
    V(8),
    V(9),
    V(10),
    V(11),
    V(12),
    V(13),
    V(14),
    V(15),
    V(16),
    V(17),
    V(18),
    V(19),
    V(20),
    V(21),
    V(22),
    V(23),
    V(24),
    V(25),
    V(26),
    V(27),
    V(28),
    V(29),
    V(30),
    V(31),
    {"fpsr", 0, 32, 66, FPU, "int", fpsr_get, fpsr_set},
    {"fpcr", 0, 32, 67, FPU, "int", fpcr_get, fpcr_set},
    /* clang-format off */
    SYSTEM_ROWS(SYSTEM_ROW)
    /* clang-format on */
    {.name = NULL},
};

void arm_print_registers(struct vcpu *v, struct strbuf *out)
{
    struct arm_cpu *cpu = arm_cpu(v);
    const uint32_t nzcv = arm_nzcv(cpu);
    strbuf_printf(out, "CPU#%u\n PC=%016llx", v->index, (unsigned long long)cpu->pc);
    for (unsigned i = 0; i < 31; i++) {
        strbuf_printf(out, "%cX%02u=%016llx", i % 4 == 0 && i ? '\n' : ' ', i,
                      (unsigned long long)cpu->x[i]);
    }
    strbuf_printf(out, " SP=%016llx\nPSTATE=%08x %c%c%c%c EL%u%c\n", (unsigned long long)cpu->sp,
                  (unsigned)cpsr_get(v), bit(nzcv, PSTATE_N_BIT) ? 'N' : '-',
                  bit(nzcv, PSTATE_Z_BIT) ? 'Z' : '-', bit(nzcv, PSTATE_C_BIT) ? 'C' : '-',
                  bit(nzcv, PSTATE_V_BIT) ? 'V' : '-', arm_el(cpu),
                  cpu->pstate & PSTATE_SP ? 'h' : 't');
    strbuf_printf(out, "FPCR=%08x FPSR=%08x\n", (unsigned)arm_fpcr(cpu), (unsigned)arm_fpsr(cpu));
    for (unsigned i = 0; i < 32; i++) {
        strbuf_printf(out, "Q%02u=%016llx:%016llx%c", i, (unsigned long long)cpu->v[i].u64[1],
                      (unsigned long long)cpu->v[i].u64[0], i % 2 ? '\n' : ' ');
    }
}
