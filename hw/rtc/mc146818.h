/* SPDX-License-Identifier: MIT */
/* The MC146818 real time clock of a PC, with its CMOS memory. */
#ifndef HW_RTC_MC146818_H
#define HW_RTC_MC146818_H

#include "hw/device.h"

extern const struct device_class mc146818_class;

/* Registers at their places among the I/O ports. irq[0] is its interrupt. */
void mc146818_map(struct device *d, struct space *ports);
/* A byte that firmware finds there; 14 to 127. Before the machine runs. */
void mc146818_set_cmos(struct device *d, unsigned index, uint8_t value);

#endif
