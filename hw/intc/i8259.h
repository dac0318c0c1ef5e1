/* SPDX-License-Identifier: MIT */
/* The pair of 8259A interrupt controllers of a PC. */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/device.h"

extern const struct device_class i8259_class;

/* Registers at their places among the I/O ports. irq[0] is the pair's INT. */
void i8259_map(struct device *d, struct space *ports);
/* Input n, 0 to 15; 2 is the second controller's, and goes nowhere. Any thread. */
struct irq i8259_line(struct device *d, unsigned n);
/* An interrupt acknowledge cycle: the vector of what has the highest priority, which is in service
 * from now on; that of input 7 if there is nothing any more. Any thread. */
int i8259_acknowledge(struct device *d);
/* Is INT raised? Any thread. */
bool i8259_pending(struct device *d);

#endif
