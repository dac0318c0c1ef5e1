/* SPDX-License-Identifier: MIT */
/* The keyboard controller of a PC, with a keyboard and a mouse, and port 0x92. */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/device.h"

extern const struct device_class i8042_class;

/* Its lines: interrupts 1 and 12, and the gate of address line 20, which is high while the line is
 * not held low. */
enum {
    I8042_KEYBOARD = 0,
    I8042_MOUSE = 1,
    I8042_A20 = 2
};

/* Registers at their places among the I/O ports. */
void i8042_map(struct device *d, struct space *ports);

#endif
