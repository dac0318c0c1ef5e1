/* SPDX-License-Identifier: MIT */
/* The two DMA controllers of a PC and their page registers. */
#ifndef HW_ISA_I8237_H
#define HW_ISA_I8237_H

#include "hw/device.h"
#include "hw/isa/dma.h"

extern const struct device_class i8237_class;

/* Registers at their places among the I/O ports. */
void i8237_map(struct device *d, struct space *ports);
/* Its channels, for isa_bus.dma. */
struct isa_dma *i8237_channels(struct device *d);

#endif
