/* SPDX-License-Identifier: MIT */
/* The ISA bus: devices that are at I/O ports, with one of 16 interrupt lines. */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "hw/machine.h"

struct isa_dma; /* hw/isa/dma.h */

struct isa_bus {
    struct bus bus;
    struct space *ports;
    struct irq irq[16];
    struct isa_dma *dma; /* NULL: the machine has no DMA controller */
};

/* Makes and lists the bus "isa.0", whose lines lead nowhere and which has no DMA. It is the
 * board's, who fills irq and dma afterwards, and outlives its devices. */
void isa_bus_init(struct isa_bus *b, struct machine *m, struct space *ports);

/* For devices of the bus, in create: registers at so many ports from base on; false: they go beyond
 * the last one, or others are there. The property is called iobase. */
bool isa_map(struct device *d, uint64_t base, uint64_t ports, const struct mmio_ops *ops,
             const struct mem_range **range, struct error *e);
/* The same of base, size, ops and opaque of want. */
bool isa_map_range(struct device *d, const struct mem_range *want, const struct mem_range **range,
                   struct error *e);
void isa_unmap(struct device *d, const struct mem_range *range);
/* Line n, as the property irq says. */
bool isa_connect(struct device *d, uint32_t n, struct error *e);
/* The DMA channels of its bus, or NULL. */
struct isa_dma *isa_dma_of(const struct device *d);

#endif
