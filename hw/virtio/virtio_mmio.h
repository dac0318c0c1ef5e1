/* SPDX-License-Identifier: MIT */
/* The virtio-mmio transport: VIRTIO 1.2, chapter 4.2. */
#ifndef HW_VIRTIO_VIRTIO_MMIO_H
#define HW_VIRTIO_VIRTIO_MMIO_H

#include "hw/acpi/aml.h"
#include "hw/device.h"
#include "hw/machine.h"

/*
 * The virtio-mmio transport, class "virtio-mmio": registers of 0x200 bytes, irq[0], and a bus for
 * one virtio-X-device. The board creates it, maps it with virtio_mmio_map and connects irq[0].
 */
extern const struct device_class virtio_mmio_class;
#define VIRTIO_MMIO_BYTES 0x200

/* Names the bus "virtio-mmio-bus.INDEX"; between device_new and device_create. */
void virtio_mmio_set_index(struct device *d, unsigned index);
const struct mem_range *virtio_mmio_map(struct device *d, struct space *s, paddr base);
struct bus *virtio_mmio_bus(struct device *d);
/* A device is plugged in. */
bool virtio_mmio_in_use(const struct device *d);
/* The device of the namespace that ACPI has for the one of that index at base, in \\_SB. */
void virtio_mmio_describe(struct aml *a, unsigned index, uint64_t base, uint32_t gsi);

#endif
