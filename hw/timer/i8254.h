/* SPDX-License-Identifier: MIT */
/* The 8254 interval timer of a PC, and its port B. */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/device.h"

extern const struct device_class i8254_class;

#define I8254_HZ UINT64_C(1193182)

/* Registers at their places among the I/O ports. irq[0] is the output of counter 0. */
void i8254_map(struct device *d, struct space *ports);

#endif
