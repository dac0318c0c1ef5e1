/* SPDX-License-Identifier: MIT */
/*
 * The TCO watchdog of Intel's ICH (ICH9 data sheet 316972, 13.9): 32 bytes of registers within a
 * chipset's device. All under the machine's lock.
 */
#ifndef HW_WATCHDOG_TCO_H
#define HW_WATCHDOG_TCO_H

#include "hw/device.h"

#define TCO_BYTES 0x20

/* What it does to its chipset. */
struct tco_class {
    void (*smi)(struct device *d);          /* it asks for an SMI */
    bool (*resets)(const struct device *d); /* the strap or bit "no reboot" does not forbid it */
};

struct tco {
    const struct tco_class *cls;
    struct device *dev;

    /* State. */
    struct clock_timer *timer; /* the count reaches 0 */
    uint16_t status1, status2, control1, control2, initial;
    uint8_t data_in, data_out, message[2], progress, irq_select;
};

extern const struct field tco_fields[];

void tco_init(struct tco *t, struct device *d, const struct tco_class *cls);
void tco_fini(struct tco *t);
void tco_reset(struct tco *t);
uint8_t tco_read_byte(const struct tco *t, unsigned offset);
/* Size 1, 2 or 4, and aligned. */
void tco_write(struct tco *t, unsigned offset, uint32_t value, unsigned size);
/* Its enable bit of SMIs cannot be changed any more. */
bool tco_is_locked(const struct tco *t);

#endif
