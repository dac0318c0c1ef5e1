/* SPDX-License-Identifier: MIT */
/*
 * System registers that a device implements for a vCPU (an interrupt controller's CPU interface,
 * local timers). The device publishes a bank of rows, the board attaches it to each vCPU; the
 * functions run on the owning vCPU's thread.
 */
#ifndef BASE_SYSREG_H
#define BASE_SYSREG_H

#include <stdint.h>

struct sysreg_row {
    uint32_t encoding; /* as the architecture's public header makes it (cpu/arm.h) */
    const char *name;
    uint8_t privilege; /* the least that has access, as the architecture counts */
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
