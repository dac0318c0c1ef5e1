/* SPDX-License-Identifier: MIT */
/*
 * Semihosting for AArch32 and AArch64, release 3.0: SYS_WRITEC, SYS_WRITE0, SYS_EXIT,
 * SYS_EXIT_EXTENDED. Other calls give -1 and a line in the log.
 */
#include "cpu/arm/semihosting.h"

#include "base/log.h"
#include "cpu/arm/psci.h"

enum {
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
};

#define APPLICATION_EXIT 0x20026 /* ADP_Stopped_ApplicationExit */
#define STRING_MAX (1u << 20)    /* bytes that one SYS_WRITE0 writes at most */

static memop mem_of_size(const struct arm_cpu *cpu, memop size)
{
    return size | MO_IDX(cpu->mode >> MODE_IDX_SHIFT & 7);
}

static void write_bytes(struct arm_cpu *cpu, const char *bytes, size_t n)
{
    cpu->vcpu.power->console_write(cpu->vcpu.power, bytes, n);
}

static bool write_char(struct arm_cpu *cpu, uint64_t at)
{
    uint64_t c;
    if (!vcpu_load(&cpu->vcpu, at, mem_of_size(cpu, MO_8), &c)) {
        return false;
    }
    write_bytes(cpu, &(const char){(char)c}, 1);
    return true;
}

static bool write_string(struct arm_cpu *cpu, uint64_t at)
{
    char text[256];
    size_t n = 0;
    for (unsigned i = 0; i < STRING_MAX; i++) {
        uint64_t c;
        if (!vcpu_load(&cpu->vcpu, at + i, mem_of_size(cpu, MO_8), &c)) {
            return false;
        }
        if (c == 0) {
            break;
        }
        text[n++] = (char)c;
        if (n == sizeof(text)) {
            write_bytes(cpu, text, n);
            n = 0;
        }
    }
    write_bytes(cpu, text, n);
    return true;
}

/* X1 points to the reason and, for an application's exit, its status. */
static bool exit_emulator(struct arm_cpu *cpu, uint64_t at)
{
    const memop m = mem_of_size(cpu, MO_64);
    uint64_t reason, status;
    if (!vcpu_load(&cpu->vcpu, at, m, &reason) || !vcpu_load(&cpu->vcpu, at + 8, m, &status)) {
        return false;
    }
    struct power *p = cpu->vcpu.power;
    p->exit_status(p, reason == APPLICATION_EXIT ? (int)(status & 0xff) : 1);
    arm_power_down(cpu);
    return true;
}

bool arm_semihosting(struct arm_cpu *cpu)
{
    const uint32_t op = (uint32_t)cpu->x[0];
    const uint64_t arg = cpu->x[1];
    switch (op) {
    case SYS_WRITEC:
        return write_char(cpu, arg);
    case SYS_WRITE0:
        return write_string(cpu, arg);
    case SYS_EXIT:
    case SYS_EXIT_EXTENDED:
        return exit_emulator(cpu, arg);
    default:
        log_unimp("arm", "semihosting call 0x%x", op);
        cpu->x[0] = UINT64_MAX;
        return true;
    }
}
