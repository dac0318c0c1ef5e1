/* SPDX-License-Identifier: MIT */
/*
 * The part that all virtio devices share: status, features, configuration space, queues.
 * Virtual I/O Device (VIRTIO) 1.2, chapters 2 and 3. Legacy and transitional interfaces are not
 * modelled: a driver must accept VIRTIO_F_VERSION_1.
 *
 * A device's struct starts with struct virtio_device and serves both of its device classes,
 * virtio-X-device (on a virtio-mmio transport) and virtio-X-pci; in the latter the struct
 * pci_device inside is in use. Its struct virtio_class says what it does.
 *
 * Threads: transport registers are accessed under v->lock. A class's notify runs on the vCPU that
 * rang, without a lock. Between start() and stop() a queue belongs to the thread that the class
 * chose; completions go through virtio_complete() on that thread. Interrupts may be raised by any.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include "hw/pci/pci.h"
#include "hw/virtio/virtqueue.h"

enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_RNG = 4,
    VIRTIO_ID_BALLOON = 5,
};

/* Device status bits (2.1). */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* Feature bits that all devices share (6). */
#define VIRTIO_F(n) (UINT64_C(1) << (n))
#define VIRTIO_F_INDIRECT_DESC VIRTIO_F(28)
#define VIRTIO_F_EVENT_IDX VIRTIO_F(29)
#define VIRTIO_F_VERSION_1 VIRTIO_F(32)
#define VIRTIO_F_ACCESS_PLATFORM VIRTIO_F(33)
#define VIRTIO_F_RING_PACKED VIRTIO_F(34)

#define VIRTIO_QUEUES_MAX 256
#define VIRTIO_CONFIG_MAX 128

struct virtio_device;

struct virtio_class {
    uint16_t id;
    const char *name; /* for the log: "virtio-blk" */
    uint32_t pci_class_code;
    uint64_t (*features)(struct virtio_device *v); /* offered, without those that all share */
    /* Makes queues (virtio_queue_add) and configuration; properties are set. */
    bool (*create)(struct virtio_device *v, struct error *e);
    void (*destroy)(struct virtio_device *v);    /* may be NULL */
    void (*negotiated)(struct virtio_device *v); /* FEATURES_OK was accepted; may be NULL */
    void (*start)(struct virtio_device *v);      /* DRIVER_OK; queues are started; may be NULL */
    void (*stop)(struct virtio_device
                     *v); /* on return no thread touches a queue; only after start; may be NULL */
    void (*reset)(
        struct virtio_device *v); /* stopped; device back to its first state; may be NULL */
    void (*notify)(struct virtio_device *v, unsigned queue);
    /* The driver wrote bytes [offset, offset + size) of v->config, which has them already; may be
     * NULL. */
    void (*config_written)(struct virtio_device *v, unsigned offset, unsigned size);
    void (*config_read)(
        struct virtio_device *v); /* refreshes v->config before a read; may be NULL */
};

/* How a transport tells the driver. Any thread. */
struct virtio_transport {
    void (*queue_interrupt)(struct virtio_device *v, unsigned queue);
    void (*config_interrupt)(struct virtio_device *v);
};

struct virtio_device {
    struct pci_device pci; /* first; pci.dev is the device, for both classes */
    const struct virtio_class *cls;
    const struct virtio_transport *transport;
    void *transport_opaque; /* the virtio-mmio device */

    /* Properties. */
    bool prop_indirect, prop_event_idx, prop_packed, prop_iommu_platform;
    bool prop_any_layout, prop_use_started, prop_notify_on_empty;
    uint32_t prop_vectors; /* PCI: MSI-X vectors, UINT32_MAX by the number of queues, 0 none */
    int prop_disable_legacy;
    bool prop_disable_modern, prop_page_per_vq, prop_ats, prop_modern_pio;
    uint32_t prop_class;
    char *prop_ioeventfd;
    int32_t bootindex;

    struct os_mutex lock; /* around transport registers and the config bytes */

    /* Guest-visible state, under lock; status and isr are also changed atomically by other threads.
     */
    uint64_t offered; /* features */
    uint64_t accepted;
    uint32_t feature_select, driver_feature_select;
    uint32_t queue_select;
    uint32_t status;
    uint32_t isr;               /* bit 0 queue, bit 1 configuration */
    uint32_t generation;        /* of the configuration */
    uint32_t config_vector;     /* MSI-X vector for configuration changes */
    uint32_t pci_cfg_window[4]; /* the PCI configuration access capability: bar, offset, length */
    bool running;               /* start() was called */

    unsigned config_bytes;
    uint8_t config[VIRTIO_CONFIG_MAX];
    uint8_t config_writable[VIRTIO_CONFIG_MAX];

    unsigned queue_count;
    struct virtqueue_state queue_state[VIRTIO_QUEUES_MAX];
    struct virtqueue queue[VIRTIO_QUEUES_MAX];
};

/* ---- for device classes */

/* Appends a queue of at most size entries; returns its number. In create only. */
unsigned virtio_queue_add(struct virtio_device *v, unsigned size);
static inline bool virtio_has(const struct virtio_device *v, uint64_t feature)
{
    return (v->accepted & feature) != 0;
}

/*
 * Gives a chain back to the driver: the one way on which completions reach the guest, so that a
 * due time can be put between. The driver sees it, and an interrupt if it wants one, after
 * virtio_complete_end(). On the queue's thread.
 */
void virtio_complete(struct virtio_device *v, unsigned queue, const struct virtq_chain *c,
                     uint32_t written);
void virtio_complete_end(struct virtio_device *v, unsigned queue);

/* virtqueue_pop of a queue; a broken one has the device ask for a reset. */
enum virtq_result virtio_pop(struct virtio_device *v, unsigned queue, struct virtq_chain *c);
/* The driver did what cannot be answered: logs it and sets DEVICE_NEEDS_RESET. Any thread. */
void virtio_broken(struct virtio_device *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The device changed bytes of v->config (under v->lock): new generation and an interrupt. */
void virtio_config_changed(struct virtio_device *v);

/* ---- for transports; v->lock is held */

bool virtio_create(struct virtio_device *v, const struct virtio_class *c, struct error *e);
void virtio_destroy(struct virtio_device *v);
void virtio_reset(struct virtio_device *v);
void virtio_loaded(struct virtio_device *v);
void virtio_set_status(struct virtio_device *v, uint32_t status);
uint32_t virtio_features_read(const struct virtio_device *v, uint32_t select);
void virtio_features_write(struct virtio_device *v, uint32_t select, uint32_t value);
uint64_t virtio_config_load(struct virtio_device *v, unsigned offset, unsigned size);
void virtio_config_store(struct virtio_device *v, unsigned offset, uint64_t value, unsigned size);
/* Register writes of a queue; ignored (and logged) when the queue is enabled or does not exist. */
void virtio_queue_set_size(struct virtio_device *v, unsigned queue, uint32_t size);
void virtio_queue_set_address(struct virtio_device *v, unsigned queue, unsigned part, bool high,
                              uint32_t value); /* part: 0 descriptors, 1 driver, 2 device area */
void virtio_queue_enable(struct virtio_device *v, unsigned queue, bool enable);
/* A doorbell. No lock. */
void virtio_notify(struct virtio_device *v, unsigned queue);

#endif
