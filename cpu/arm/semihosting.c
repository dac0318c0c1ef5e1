/* SPDX-License-Identifier: MIT */
/*
 * The instruction by which AArch64 code asks for semihosting: HLT 0xF000 with the call in W0 and
 * its argument in X1; the result is in X0. "Semihosting for AArch32 and AArch64", release 3.0.
 */
#include "cpu/arm/semihosting.h"

#include "base/semihost.h"
#include "cpu/arm/psci.h"

static void finish(struct vcpu *v, uint64_t result)
{
    arm_cpu(v)->x[0] = result;
}

bool arm_semihosting_answers(const struct arm_cpu *cpu)
{
    return cpu->semihosting && (arm_el(cpu) != 0 || cpu->semihosting_user);
}

bool arm_semihosting(struct arm_cpu *cpu)
{
    struct semihost_call c = {.v = &cpu->vcpu,
                              .op = (uint32_t)cpu->x[0],
                              .argument = cpu->x[1],
                              .word_bytes = 8,
                              .stack = cpu->sp,
                              .finish = finish,
                              .result = cpu->x[0]};
    switch (cpu->semihosting->call(cpu->semihosting, &c)) {
    case SEMIHOST_AGAIN:
        return false;
    case SEMIHOST_LATER:
        return true;
    case SEMIHOST_OFF:
        arm_power_down(cpu);
        return true;
    default:
        cpu->x[0] = c.result;
        return true;
    }
}
