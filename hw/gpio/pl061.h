/* SPDX-License-Identifier: MIT */
/* Arm PL061 GPIO controller, and a button at one of its pins. */
#ifndef HW_GPIO_PL061_H
#define HW_GPIO_PL061_H

#include "hw/device.h"

extern const struct device_class pl061_class;
extern const struct device_class gpio_key_class;

/* The outside of pin 0 to 7, for a driver of that pin. Any thread. */
struct irq pl061_pin(struct device *d, unsigned pin);

/* Presses the key; it releases itself after 100 ms of virtual time. Its irq[0] is what it drives.
 * On the loop thread. */
void gpio_key_press(struct device *d);

#endif
