/* SPDX-License-Identifier: MIT */
/*
 * The interrupt router of Intel's bridges (82371SB, 2.2.9; ICH9, 13.1.17): PCI's lines PIRQA# and
 * following lead to ISA interrupts as their route registers say, and, where the chipset has inputs
 * of the I/O APIC for them, to those. Outputs are shared: one is high while any of its lines is.
 *
 * Levels are what others drive, and no state; routes are set anew from the bridge's registers.
 */
#ifndef HW_ISA_PIRQ_H
#define HW_ISA_PIRQ_H

#include "base/irq.h"
#include "base/os.h"

#define PIRQ_LINES 9
#define PIRQ_OUTPUTS 24
#define PIRQ_NOWHERE 0x80 /* in a route register: the line leads to no ISA interrupt */

struct pirq {
    struct os_mutex mutex;    /* guards what follows; a leaf, but for the outputs */
    const struct irq *output; /* NULL: not connected */
    uint32_t outputs;         /* 16 ISA interrupts, and then inputs of the I/O APIC */
    uint32_t high;            /* outputs that are driven high now */
    uint8_t route[PIRQ_LINES];
    uint8_t direct[PIRQ_LINES]; /* an output of 16 and more, or 0 */
    bool level[PIRQ_LINES];
};

void pirq_init(struct pirq *p);
void pirq_fini(struct pirq *p);
/* n outputs, which outlive p; those that a line leads to are driven from now on. */
void pirq_connect(struct pirq *p, const struct irq *output, unsigned n);
void pirq_set_route(struct pirq *p, unsigned n, uint8_t route, uint8_t direct);
/* The input of that line. Any thread. */
struct irq pirq_input(struct pirq *p, unsigned n);

#endif
