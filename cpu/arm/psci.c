/* SPDX-License-Identifier: MIT */
/*
 * PSCI 1.1 (DEN 0022) by HVC, in the SMC Calling Convention (DEN 0028). The machine does what is
 * asked through base/power.h. CPU_SUSPEND is a standby whatever it asks for, as the interface
 * allows.
 */
#include "cpu/arm/psci.h"

#include "cpu/arm/exception.h"

enum {
    PSCI_VERSION = 0x84000000,
    CPU_SUSPEND = 0x84000001,
    CPU_OFF = 0x84000002,
    CPU_ON = 0x84000003,
    AFFINITY_INFO = 0x84000004,
    MIGRATE_INFO_TYPE = 0x84000006,
    SYSTEM_OFF = 0x84000008,
    SYSTEM_RESET = 0x84000009,
    PSCI_FEATURES = 0x8400000a,
    SYSTEM_RESET2 = 0x84000012,
};

enum {
    SUCCESS = 0,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    ALREADY_ON = -4,
    ON_PENDING = -5,
    NO_TRUSTED_OS = 2,
};

#define SMC64 UINT32_C(0x40000000)
#define AFFINITY_MASK UINT64_C(0xff00ffffff)

/* The function without the bit that says how wide its arguments are; those that have both forms. */
static uint32_t narrow_id(uint32_t id)
{
    const uint32_t base = id & ~SMC64;
    const bool has_both = base == CPU_SUSPEND || base == CPU_ON || base == AFFINITY_INFO ||
                          base == SYSTEM_RESET2;
    return id & SMC64 && !has_both ? 0 : base;
}

static int64_t features(uint32_t id)
{
    switch (narrow_id(id)) {
    case PSCI_VERSION:
    case CPU_SUSPEND:
    case CPU_OFF:
    case CPU_ON:
    case AFFINITY_INFO:
    case MIGRATE_INFO_TYPE:
    case SYSTEM_OFF:
    case SYSTEM_RESET:
    case PSCI_FEATURES:
    case SYSTEM_RESET2:
        return SUCCESS;
    default:
        return NOT_SUPPORTED;
    }
}

static int64_t cpu_on(struct arm_cpu *cpu, const uint64_t arg[4])
{
    struct power *p = cpu->vcpu.power;
    switch (p->cpu_on(p, arg[1] & AFFINITY_MASK, arg[2], arg[3])) {
    case POWER_CPU_OK:
        return SUCCESS;
    case POWER_CPU_ALREADY_ON:
        return ALREADY_ON;
    case POWER_CPU_STARTING:
        return ON_PENDING;
    default:
        return INVALID_PARAMETERS;
    }
}

static int64_t affinity_info(struct arm_cpu *cpu, const uint64_t arg[4])
{
    struct power *p = cpu->vcpu.power;
    const int state = arg[2] == 0 ? p->cpu_state(p, arg[1] & AFFINITY_MASK) : -1;
    return state < 0 ? INVALID_PARAMETERS : state; /* on, off, pending: numbered alike */
}

/*
 * Others may start a vCPU as soon as it is seen to be off, so it is only when its thread has left
 * guest code for good: has_work sees to that.
 */
void arm_power_down(struct arm_cpu *cpu)
{
    cpu->off_pending = true;
    atomic_store(&cpu->vcpu.halted, true);
    vcpu_exit_soon(&cpu->vcpu);
}

static int64_t stop_machine(struct arm_cpu *cpu, enum power_request r)
{
    cpu->vcpu.power->request(cpu->vcpu.power, r);
    arm_power_down(cpu);
    return SUCCESS;
}

static int64_t standby(struct arm_cpu *cpu)
{
    if (!arm_has_work(&cpu->vcpu)) {
        atomic_store(&cpu->vcpu.halted, true);
        vcpu_exit_soon(&cpu->vcpu);
    }
    return SUCCESS;
}

static int64_t call(struct arm_cpu *cpu, const uint64_t arg[4])
{
    switch (narrow_id((uint32_t)arg[0])) {
    case PSCI_VERSION:
        return 0x00010001;
    case CPU_SUSPEND:
        return standby(cpu);
    case CPU_OFF:
        arm_power_down(cpu);
        return SUCCESS;
    case CPU_ON:
        return cpu_on(cpu, arg);
    case AFFINITY_INFO:
        return affinity_info(cpu, arg);
    case MIGRATE_INFO_TYPE:
        return NO_TRUSTED_OS;
    case SYSTEM_OFF:
        return stop_machine(cpu, POWER_OFF);
    case SYSTEM_RESET:
    case SYSTEM_RESET2:
        return stop_machine(cpu, POWER_RESET);
    case PSCI_FEATURES:
        return features((uint32_t)arg[1]);
    default:
        return NOT_SUPPORTED;
    }
}

void arm_psci_call(struct arm_cpu *cpu)
{
    uint64_t arg[4];
    for (unsigned i = 0; i < 4; i++) {
        arg[i] = cpu->x[0] & SMC64 ? cpu->x[i] : (uint32_t)cpu->x[i];
    }
    cpu->x[0] = (uint64_t)call(cpu, arg);
}
