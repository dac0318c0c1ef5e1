/* SPDX-License-Identifier: MIT */
/* The class "arm" of CPUs: life of a vCPU, and the hooks that boards, monitor and accelerator call.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/arm/a64_disas.h"
#include "cpu/arm/a64_translate.h"
#include "cpu/arm/debug.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/mmu.h"
#include "cpu/arm/models.h"
#include "cpu/arm/nzcv.h"
#include "cpu/arm/pauth.h"
#include "cpu/arm/pmu.h"
#include "cpu/arm/regs.h"
#include "cpu/arm/save.h"
#include "cpu/arm/sysregs.h"
#include "cpu/arm/timer.h"
#include "cpu/arm/walk.h"

/* ---- life */

static struct vcpu *create(const char *model, unsigned index, struct error *e)
{
    struct arm_cpu *cpu = vcpu_alloc(sizeof(*cpu));
    if (!cpu) {
        error_set(e, "no memory for a vCPU");
        return NULL;
    }
    if (!arm_model_apply(cpu, model, e)) {
        vcpu_free(cpu);
        return NULL;
    }
    if (arm_has(cpu, ARM_HAS_pauth_qarma5) || arm_has(cpu, ARM_HAS_pauth_qarma3)) {
        cpu->qarma = mem_alloc(sizeof(*cpu->qarma));
        qarma_init(cpu->qarma, arm_has(cpu, ARM_HAS_pauth_qarma5) ? 5 : 3);
    }
    cpu->vcpu.cls = &arm_cpu_class;
    cpu->vcpu.index = index;
    cpu->vcpu.firmware_id = index;
    cpu->vcpu.coherent_code = cpu->id[ARM_ID_CTR] & ARM_CTR_DIC;
    cpu->cluster_cpus = 1;
    cpu->psci_by_hvc = true;
    rng_seed(&cpu->rng, index);
    return &cpu->vcpu;
}

static void destroy(struct vcpu *v)
{
    arm_timers_destroy(arm_cpu(v));
    arm_pmu_destroy(arm_cpu(v));
    mem_free(arm_cpu(v)->qarma);
    vcpu_free(arm_cpu(v));
}

static void reset(struct vcpu *v)
{
    struct arm_cpu *cpu = arm_cpu(v);
    memset(cpu->x, 0, sizeof(cpu->x));
    memset(cpu->v, 0, sizeof(cpu->v));
    memset(cpu->sp_el, 0, sizeof(cpu->sp_el));
    cpu->sp = cpu->pc = 0;
    arm_set_nzcv(cpu, 1u << PSTATE_Z_BIT); /* unknown to the manual; Z in QEMU */
    cpu->pstate = 1 << PSTATE_EL_SHIFT | PSTATE_SP | PSTATE_DAIF;
    cpu->branch_type = 0;
    cpu->sp_misaligned = cpu->tlbi_pending = cpu->off_pending = false;
    v->hot.excl_addr = UINT64_MAX;
    arm_sysregs_reset(cpu);
    cpu->cntfrq = cpu->cntfrq_hz;
    arm_set_fpcr(cpu, 0);
    arm_set_fpsr(cpu, 0);
    arm_timers_reset(cpu);
    arm_pmu_reset(cpu);
    arm_mode_changed(cpu);
}

static void boot(struct vcpu *v, uint64_t entry, uint64_t arg)
{
    arm_cpu(v)->pc = entry;
    arm_cpu(v)->x[0] = arg;
}

static bool data_big_endian(const struct vcpu *v)
{
    const struct arm_cpu *cpu = (const struct arm_cpu *)v;
    const unsigned el = arm_el(cpu);
    return cpu->sctlr[el ? el : 1] & (el ? SCTLR_EE : SCTLR_E0E);
}

/* ---- for boards */

void arm_set_timer_irq(struct vcpu *v, enum arm_timer t, struct irq irq)
{
    arm_cpu(v)->timer[t].irq = irq;
}

void arm_set_pmu_irq(struct vcpu *v, struct irq irq)
{
    arm_cpu(v)->pmu.irq = irq;
}

void arm_set_mpidr(struct vcpu *v, uint64_t mpidr)
{
    v->firmware_id = mpidr & UINT64_C(0xff00ffffff);
}

void arm_set_cluster_cpus(struct vcpu *v, unsigned n)
{
    arm_cpu(v)->cluster_cpus = n;
}

bool arm_has_nmi(const struct vcpu *v)
{
    return arm_has((const struct arm_cpu *)v, ARM_HAS_nmi);
}

void arm_set_cbar(struct vcpu *v, uint64_t base)
{
    arm_cpu(v)->cbar = base;
}

void arm_set_seed(struct vcpu *v, uint64_t seed)
{
    rng_seed(&arm_cpu(v)->rng, seed);
}

/* ---- hooks */

static uint64_t get_pc(const struct vcpu *v)
{
    return ((const struct arm_cpu *)v)->pc;
}

static void set_pc(struct vcpu *v, uint64_t pc)
{
    arm_cpu(v)->pc = pc;
}

static void allow_semihosting(struct vcpu *v, struct semihost *s, bool user)
{
    arm_cpu(v)->semihosting = s;
    arm_cpu(v)->semihosting_user = user;
}

static uint64_t mode_key(struct vcpu *v)
{
    return arm_cpu(v)->mode;
}

static bool fetches_uncached(uint64_t mode_key)
{
    return mode_key & MODE_UNCACHED;
}

static void mode_name(uint64_t mode_key, char *text, size_t size)
{
    snprintf(text, size, "EL%u", (unsigned)(mode_key >> MODE_EL_SHIFT & 3));
}

static unsigned disas(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                      size_t size)
{
    (void)mode_key;
    if (n < 4) {
        return 0;
    }
    a64_disas(load_le32(bytes), pc, text, size);
    return 4;
}

const struct cpu_class arm_cpu_class = {
    .name = "arm",
    .regs = arm_regs,
    .gdb_arch = "aarch64",
    .gdb_types = arm_gdb_types,
    .core_notes = arm_core_notes,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .describe_models = arm_model_help,
    .registers = arm_print_registers,
    .state_version = ARM_STATE_VERSION,
    .save = arm_save,
    .load = arm_load,
    .check_state = arm_check_state,
    .loaded = arm_loaded,
    .boot = boot,
    .data_big_endian = data_big_endian,
    .allow_semihosting = allow_semihosting,
    .ir = &arm_ir_guest,
    .pc = get_pc,
    .set_pc = set_pc,
    .mode_key = mode_key,
    .fetches_uncached = fetches_uncached,
    .mode_name = mode_name,
    .translate = a64_translate_block,
    .disas = disas,
    .mmu_index = arm_mmu_index,
    .mmu_index_user = arm_mmu_index_user,
    .walk = arm_walk,
    .walk_leaf = arm_walk_leaf,
    .debug_translate = arm_debug_translate,
    .mapping = arm_mapping,
    .regions = {.shift = 63, .bits = 1, .copied = 8, .common = 1u << 1},
    .space_tag = arm_space_tag,
    .take_exception = arm_take_exception,
    .raise_memory = arm_raise_memory,
    .watch = arm_watch,
    .interrupt_ready = arm_interrupt_ready,
    .take_interrupt = arm_take_interrupt,
    .has_work = arm_has_work,
};
