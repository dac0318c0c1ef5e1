/* SPDX-License-Identifier: MIT */
/*
 * System registers that a device implements for a vCPU (GIC CPU interface, local timers, local APIC
 * MSRs). The device publishes a bank of rows, the board attaches it to each vCPU; the functions run
 * on the owning vCPU's thread.
 */
#ifndef BASE_SYSREG_H
#define BASE_SYSREG_H

#include <stdint.h>

/* Arm: op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2, as the fields of MRS/MSR. */
#define SYSREG_A64(op0, op1, crn, crm, op2)                                                        \
    ((uint32_t)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

struct sysreg_row {
    uint32_t encoding;
    const char *name;
    uint8_t min_el; /* lowest exception level with access */
    uint64_t (*read)(void *opaque, int vcpu, uint32_t encoding); /* NULL: reading is undefined */
    void (*write)(void *opaque, int vcpu, uint32_t encoding,
                  uint64_t value); /* NULL: writing is undefined */
};

struct sysreg_bank {
    const struct sysreg_row *rows;
    unsigned count;
    void *opaque;
    const struct sysreg_bank *next;
};

#endif
