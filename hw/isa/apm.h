/* SPDX-License-Identifier: MIT */
/*
 * The advanced power management ports of Intel's bridges (82371AB, 7.1.1; ICH9, 13.7.1): 0xb2 takes
 * a command for firmware's system management code, 0xb3 only stores.
 */
#ifndef HW_ISA_APM_H
#define HW_ISA_APM_H

#include "hw/device.h"

struct apm {
    struct device *dev;
    /* A command was written, by that vCPU. */
    void (*commanded)(struct device *d, uint8_t command, unsigned cpu);
    const struct mem_range *range;
    uint8_t control, status; /* state */
    uint8_t pad[6];
};

extern const struct field apm_fields[];

/* Under the lock of d, or the machine's. */
void apm_init(struct apm *a, struct device *d,
              void (*commanded)(struct device *d, uint8_t command, unsigned cpu));
void apm_map(struct apm *a, struct space *ports);
void apm_unmap(struct apm *a, struct space *ports);
void apm_reset(struct apm *a);

#endif
