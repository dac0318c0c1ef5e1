/* SPDX-License-Identifier: MIT */
/* The high precision event timers of a PC. */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "hw/device.h"

extern const struct device_class hpet_class;

#define HPET_BASE UINT64_C(0xfed00000)
#define HPET_BYTES 0x400
#define HPET_PERIOD_NS 10
#define HPET_INPUTS 24

/* What it is connected to; that outlives it. */
struct hpet_wiring {
    const struct irq *inputs; /* [HPET_INPUTS] of the I/O APIC; 0 and 8 are for the legacy
                                 replacement */
    /* Sends a message-signalled interrupt; NULL: the board has none. */
    void (*message)(void *opaque, uint64_t address, uint32_t data);
    void *opaque;
};

/* Between device_new and device_create. The property hpet-intcap says to which inputs timers may be
 * led. */
void hpet_connect(struct device *d, const struct hpet_wiring *w);
/* In place of interrupt 0 for the 8254 (n = 0), of 8 for the clock (n = 1): they reach it unless
 * the guest lets timers have it. With the machine's lock held. */
struct irq hpet_legacy_input(struct device *d, unsigned n);

#endif
