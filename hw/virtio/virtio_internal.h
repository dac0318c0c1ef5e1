/* SPDX-License-Identifier: MIT */
/* What the core of virtio devices (virtio.c), its legacy half (virtio_legacy.c) and the transports
 * share. v->lock is held unless something else is said. */
#ifndef HW_VIRTIO_VIRTIO_INTERNAL_H
#define HW_VIRTIO_VIRTIO_INTERNAL_H

#include "hw/virtio/virtio.h"

/* Starts the queues that the driver enabled, and the device; stops it. */
void virtio_start(struct virtio_device *v);
void virtio_stop(struct virtio_device *v);
/* As if the driver had notified of each queue. */
void virtio_ring_all(struct virtio_device *v);

/* ---- registers of the legacy interface */

/* The driver has agreed on what a legacy one can, or has not said yet. */
bool virtio_is_legacy(const struct virtio_device *v);
bool virtio_legacy_features_good(const struct virtio_device *v);
uint32_t virtio_legacy_features(const struct virtio_device *v);
void virtio_legacy_set_features(struct virtio_device *v, uint32_t value);
void virtio_legacy_set_status(struct virtio_device *v, uint32_t status);
/* The selected queue's place in pages; 0 is a reset of the device. */
void virtio_legacy_set_pfn(struct virtio_device *v, uint32_t pfn, uint32_t page_bytes,
                           uint32_t align);
uint32_t virtio_legacy_pfn(struct virtio_device *v, uint32_t page_bytes);
/* A doorbell of a device that does not run: one with a legacy driver begins. True if it runs now.
 * No lock is held. */
bool virtio_legacy_begin(struct virtio_device *v, unsigned queue);

#endif
