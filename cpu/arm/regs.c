/* SPDX-License-Identifier: MIT */
/*
 * The register table: rows for the translator, and for gdb and the monitor (numbers and features
 * are those of gdb's "AArch64 Features" in its manual, appendix G.5.1).
 */
#include "cpu/arm/regs.h"

#include <string.h>

#include "base/softfloat.h"
#include "cpu/arm/nzcv.h"
#include "cpu/arm/sysregs.h"

#define X(n, home) [ARM_REG_X0 + (n)] = {"x" #n, T_I64, offsetof(struct arm_cpu, x[n]), home},
#define V(n, home) [ARM_REG_V0 + (n)] = {"v" #n, T_V128, offsetof(struct arm_cpu, v[n]), home},

/* clang-format off */
static const struct ir_reg ir_rows[ARM_REG_COUNT] = {
    ARM_GENERAL_REGS(X)
    ARM_VECTOR_REGS(V)
    [ARM_REG_SP] = {"sp", T_I64, offsetof(struct arm_cpu, sp), ARM_SP_HOME},
    [ARM_REG_NZCV] = {"nzcv", T_FLAGS, offsetof(struct arm_cpu, nzcv), ARM_NO_HOME},
    [ARM_REG_QC] = {"qc", T_V128, offsetof(struct arm_cpu, qc), ARM_NO_HOME},
};
/* clang-format on */
#undef X
#undef V

const struct ir_guest arm_ir_guest = {
    .code_align = 2,
    .regs = ir_rows,
    .reg_count = ARM_REG_COUNT,
    .fp_rules = &fp_rules_arm,
    .fp_rules_alternate = &fp_rules_arm_ah,
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
    arm_set_pstate(cpu, (cpu->pstate & keep) | ((uint32_t)value & ~(15u << PSTATE_V_BIT) & ~keep));
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

/* As the guest's MRS reads it, whatever its rights are. */
static uint64_t system_register(struct vcpu *v, const char *name)
{
    const struct arm_sysreg *r = arm_sysregs;
    while (strcmp(r->name, name) != 0) {
        r++;
        assert(r < arm_sysregs + arm_sysreg_count);
    }
    return arm_sysreg_read(arm_cpu(v), r);
}

static uint64_t sp_el0(struct vcpu *v)
{
    return sp_of(arm_cpu(v), 0);
}

static uint64_t sp_el1(struct vcpu *v)
{
    return sp_of(arm_cpu(v), 1);
}

#define GETTER(name, gdb)                                                                          \
    static uint64_t name##_get(struct vcpu *v)                                                     \
    {                                                                                              \
        return system_register(v, #name);                                                          \
    }
ARM_SHOWN_SYSREGS(GETTER)
#define ALIAS_GETTER(alias, name, gdb)                                                             \
    static uint64_t alias##_get(struct vcpu *v)                                                    \
    {                                                                                              \
        return system_register(v, #name);                                                          \
    }
ARM_SHOWN_ALIASES(ALIAS_GETTER)

#define CORE "org.gnu.gdb.aarch64.core"
#define SYSTEM "org.dragoman.aarch64.system"
#define FPU "org.gnu.gdb.aarch64.fpu"
#define X(n, home) {"x" #n, offsetof(struct arm_cpu, x[n]), 64, n, CORE, "int", NULL, NULL, NULL},
#define V(n, home)                                                                                 \
    {"v" #n, offsetof(struct arm_cpu, v[n]), 128, 34 + (n), FPU, "aarch64v", NULL, NULL, NULL},
#define ALIAS_ROW(alias, name, gdb) SYSTEM_ROW(alias, gdb)
#define SYSTEM_ROW(name, gdb) {#name, 0, 64, gdb, SYSTEM, "uint64", name##_get, NULL, NULL},

const struct cpu_reg arm_regs[] = {
    /* clang-format off */
    ARM_GENERAL_REGS(X)
    {"sp", offsetof(struct arm_cpu, sp), 64, 31, CORE, "data_ptr", NULL, NULL, NULL},
    {"pc", offsetof(struct arm_cpu, pc), 64, 32, CORE, "code_ptr", NULL, NULL, NULL},
    {"cpsr", 0, 32, 33, CORE, "int", cpsr_get, cpsr_set, NULL},
    ARM_VECTOR_REGS(V)
    {"fpsr", 0, 32, 66, FPU, "int", fpsr_get, fpsr_set, NULL},
    {"fpcr", 0, 32, 67, FPU, "int", fpcr_get, fpcr_set, NULL},
    ARM_SHOWN_SYSREGS(SYSTEM_ROW)
    ARM_SHOWN_ALIASES(ALIAS_ROW)
    {"SP_EL0", 0, 64, 79, SYSTEM, "uint64", sp_el0, NULL, NULL},
    {"SP_EL1", 0, 64, 80, SYSTEM, "uint64", sp_el1, NULL, NULL},
    /* clang-format on */
    {.name = NULL},
};

/* struct elf_prstatus and struct user_fpsimd_state of Linux's arm64. */
const struct core_note arm_core_notes[] = {
    {.type = 1, .bytes = 392, .pid_at = 32, .parts = {{0, 33, 112, 8}}},
    {.type = 2, .bytes = 528, .parts = {{34, 65, 0, 16}, {66, 67, 512, 4}}},
    {.type = 0},
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
