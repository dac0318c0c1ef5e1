/* SPDX-License-Identifier: MIT */
/*
 * A machine without CPU for tests of PCI and virtio, and the driver's side of virtio: the test is
 * the guest. Guest memory is at RIG_RAM; the PCIe host bridge and one virtio-mmio transport are
 * where the virt board has them. Interrupts are recorded.
 */
#ifndef TESTS_SUPPORT_VIRTIO_RIG_H
#define TESTS_SUPPORT_VIRTIO_RIG_H

#include "hw/machine.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"
#include "hw/virtio/virtio_mmio.h"

#define RIG_RAM UINT64_C(0x40000000)
#define RIG_RAM_BYTES (16u << 20)
#define RIG_ECAM UINT64_C(0x4010000000)
#define RIG_MMIO UINT64_C(0x10000000)
#define RIG_HIGH UINT64_C(0x8000000000)
#define RIG_PIO UINT64_C(0x3eff0000)
#define RIG_VIRTIO_MMIO UINT64_C(0x0a000000)
#define RIG_MSI 0x08020040u /* where MSIs are sent */
#define RIG_MSIS 64

struct rig {
    struct machine *m;
    struct device *gpex;
    struct device *mmio;
    int intx[4];            /* levels */
    int mmio_irq;           /* level */
    unsigned mmio_irqs;     /* times it rose */
    unsigned msi[RIG_MSIS]; /* messages by data */
    uint32_t requester;     /* of the last message */
    paddr next;             /* bump allocator in guest memory */
};

/* Ends the test program if the machine cannot be built. */
void rig_open(struct rig *r);
/* The same, with a virtio-mmio transport of the legacy layout. */
void rig_open_legacy(struct rig *r);
void rig_close(struct rig *r);

/* Makes a device with "prop=value" settings ending in NULL, on bus (a name) or none. NULL: *e. */
struct device *rig_device(struct rig *r, const struct device_class *c, const char *bus,
                          struct error *e, ...);

uint64_t rig_load(struct rig *r, paddr a, unsigned size);
void rig_store(struct rig *r, paddr a, unsigned size, uint64_t v);
/* n zeroed bytes of guest memory, aligned to 4096. */
paddr rig_alloc(struct rig *r, size_t n);
uint8_t *rig_host(struct rig *r, paddr a);

/* Configuration space through ECAM. */
uint32_t rig_config(struct rig *r, unsigned bus, unsigned devfn, unsigned offset, unsigned size);
void rig_config_set(struct rig *r, unsigned bus, unsigned devfn, unsigned offset, unsigned size,
                    uint32_t v);
/* Offset of the first capability with this id, or 0. */
unsigned rig_cap(struct rig *r, unsigned bus, unsigned devfn, uint8_t id);

/* ---- the driver of a virtio device */

struct drv {
    struct rig *r;
    bool pci, legacy;
    unsigned devfn;
    paddr common, isr, config, notify; /* PCI */
    paddr base;                        /* legacy: of its registers */
};

void drv_open_mmio(struct drv *d, struct rig *r);
/* Assigns BARs at RIG_MMIO and RIG_HIGH, turns on decoding and MSI-X (vector n sends data n). */
void drv_open_pci(struct drv *d, struct rig *r, unsigned devfn);

/* The same for the registers of legacy drivers: on a rig that was opened so, or I/O ports. */
void drv_open_mmio_legacy(struct drv *d, struct rig *r);
void drv_open_pci_legacy(struct drv *d, struct rig *r, unsigned devfn);

uint32_t drv_status(struct drv *d);
void drv_set_status(struct drv *d, uint32_t status);
uint64_t drv_features(struct drv *d);
/* Reset, acknowledge, driver, features; true if the device took them. */
bool drv_negotiate(struct drv *d, uint64_t features);
void drv_ok(struct drv *d);
uint64_t drv_config(struct drv *d, unsigned offset, unsigned size);
void drv_config_set(struct drv *d, unsigned offset, unsigned size, uint64_t v);
void drv_notify(struct drv *d, unsigned queue);

/* One queue, split or packed. */
struct ring {
    struct drv *d;
    unsigned queue, size;
    bool packed, event_idx;
    paddr desc, driver, device;
    unsigned next_desc; /* split: next free descriptor (they are used in turn) */
    uint16_t avail, last_used;
    bool avail_wrap, used_wrap;
    unsigned outstanding;
    uint16_t entries[VIRTQ_SIZE_MAX]; /* packed: ring entries of the buffer with this id */
};

struct ring_buf {
    paddr a;
    uint32_t n;
    bool in; /* the device writes it */
};

/* Sets a queue up in the device and enables it. After drv_negotiate, before drv_ok. The size is the
 * device's own on legacy PCI. */
void ring_open(struct ring *q, struct drv *d, unsigned queue, unsigned size, uint64_t features);
/* Offers a chain; with indirect through a table. Returns its id. */
unsigned ring_add(struct ring *q, const struct ring_buf *b, unsigned n, bool indirect);
/* As the driver must: notifies unless the device asked not to be. Returns whether it did. */
bool ring_kick(struct ring *q);
/* Takes a used chain; false if there is none now. */
bool ring_used(struct ring *q, unsigned *id, uint32_t *len);
/* As ring_used, waiting up to ten seconds for another thread. */
bool ring_wait(struct ring *q, unsigned *id, uint32_t *len);
/* Asks for an interrupt, or for none. */
void ring_want_interrupt(struct ring *q, bool want);

#endif
