/* SPDX-License-Identifier: MIT */
/*
 * The part that all virtio devices share: status, features, configuration space, queues.
 * Virtual I/O Device (VIRTIO) 1.2, chapters 2 and 3. A driver that does not accept
 * VIRTIO_F_VERSION_1 is a legacy one; the transport says whether the device serves those
 * (virtio_legacy.c).
 *
 * A device's struct starts with struct virtio_device and serves both of its device classes,
 * virtio-X-device (on a virtio-mmio transport) and virtio-X-pci; in the latter the struct
 * pci_device inside is in use. Its struct virtio_class says what it does.
 *
 * Threads. Transport registers are accessed under v->lock. Between start() and stop() a queue
 * belongs to the thread that the class chose, and completions go through virtio_complete() there.
 * A class's notify runs on the vCPU that rang, with no lock held, and may come late, even after
 * stop(): a class with a thread of its own only wakes it; one that handles the queue at once does
 * so under v->work_lock and if v->running. Locks are taken in the order lock, work_lock, leaf.
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
    VIRTIO_ID_SCSI = 8,
    VIRTIO_ID_9P = 9,
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

enum {
    VIRTIO_ISR_QUEUE = 1,
    VIRTIO_ISR_CONFIG = 2,
};

/* Feature bits that all devices share (6). */
#define VIRTIO_F(n) (UINT64_C(1) << (n))
#define VIRTIO_F_NOTIFY_ON_EMPTY VIRTIO_F(24) /* legacy */
#define VIRTIO_F_ANY_LAYOUT VIRTIO_F(27)      /* legacy */
#define VIRTIO_F_INDIRECT_DESC VIRTIO_F(28)
#define VIRTIO_F_EVENT_IDX VIRTIO_F(29)
#define VIRTIO_F_VERSION_1 VIRTIO_F(32)
#define VIRTIO_F_ACCESS_PLATFORM VIRTIO_F(33)
#define VIRTIO_F_RING_PACKED VIRTIO_F(34)

#define VIRTIO_QUEUES_MAX 256
#define VIRTIO_LEGACY_ALIGN 4096 /* of the used ring, and of the whole */
#define VIRTIO_CONFIG_MAX 128

struct virtio_device;

struct virtio_class {
    uint16_t id;
    const char *name;       /* for the log: "virtio-blk" */
    uint64_t legacy_absent; /* features that its legacy form lacks */
    /* Bytes of each field of the configuration, up to a 0: legacy drivers have them in the order of
     * the guest. NULL: all are bytes, or little-endian for all. */
    const uint8_t *config_fields;
    /* Makes queues (virtio_queue_add), configuration and *features; properties are set. */
    bool (*create)(struct virtio_device *v, uint64_t *features, struct error *e);
    void (*notify)(struct virtio_device *v, unsigned queue);
    /* The rest may be NULL. */
    void (*destroy)(struct virtio_device *v);
    void (*negotiated)(struct virtio_device *v); /* FEATURES_OK was accepted */
    void (*start)(struct virtio_device *v);      /* the driver is ready; queues are started */
    void (*stop)(struct virtio_device *v); /* after start; on return no thread touches a queue */
    /* As those of struct device_class, of a running device; start comes before resume if the state
     * was loaded. */
    void (*settle)(struct virtio_device *v);
    void (*resume)(struct virtio_device *v);
    void (*reset)(struct virtio_device *v); /* stopped; back to the first state */
    bool (*check)(struct virtio_device *v, struct error *e);
    void (*loaded)(struct virtio_device *v); /* stopped; before start */
    /* The driver wrote bytes [offset, offset + size) of v->config, which has them already. */
    void (*config_written)(struct virtio_device *v, unsigned offset, unsigned size);
};

/* How a transport tells the driver. Called with v->leaf held, from any thread. */
struct virtio_transport {
    unsigned queue_max; /* entries that a queue may have; 0: as many as the class says */
    void (*queue_interrupt)(struct virtio_device *v, unsigned queue);
    void (*config_interrupt)(struct virtio_device *v);
    void (*reset)(struct virtio_device *v);  /* lowers lines */
    void (*loaded)(struct virtio_device *v); /* lines and mappings follow from the state */
};

struct virtio_device {
    struct pci_device pci; /* first; pci.dev is the device, for both classes */

    /* Properties. */
    uint32_t prop_vectors; /* PCI: MSI-X vectors, UINT32_MAX as many as there are queues, 0 none */
    int prop_disable_legacy;
    bool prop_indirect, prop_event_idx, prop_packed, prop_iommu_platform;
    bool prop_disable_modern, prop_ioeventfd;

    /* State: guarded by lock; status is also changed atomically by other threads. */
    uint16_t config_vector; /* MSI-X vector for configuration changes */
    uint64_t accepted;      /* features */
    uint32_t feature_select, driver_feature_select;
    uint32_t queue_select;
    uint32_t status;
    uint32_t isr;                      /* guarded by leaf */
    uint32_t generation;               /* of the configuration; guarded by leaf */
    uint8_t config[VIRTIO_CONFIG_MAX]; /* guarded by leaf */
    /* What a legacy driver on virtio-mmio says of its queues: bytes of a page, and alignment. */
    uint32_t legacy_page_bytes, legacy_align;
    bool guest_big_endian; /* at the reset by a legacy driver */
    uint8_t legacy_pad[3];
    uint32_t legacy_pad2;
    struct virtqueue_state queue_state[VIRTIO_QUEUES_MAX];

    /* No state. */
    bool running; /* start() was called; written under work_lock */
    bool legacy;  /* the transport serves legacy drivers; set before the first reset */
    uint8_t pad[2];
    unsigned pci_cfg_cap; /* PCI: where the configuration access capability is */
    unsigned config_bytes;
    unsigned queue_count;
    const struct virtio_class *cls;
    const struct virtio_transport *transport;
    void *transport_opaque; /* the virtio-mmio device */
    uint64_t offered;       /* features */
    uint64_t legacy_only;   /* features that only legacy drivers are offered; from create */
    uint8_t config_writable[VIRTIO_CONFIG_MAX];
    struct os_mutex lock, work_lock, leaf;
    struct virtqueue queue[VIRTIO_QUEUES_MAX];
};

/* Rows for a class whose struct has a struct virtio_device member called v. */
#define VIRTIO_PROPS(type, v)                                                                      \
    {"indirect_desc",                                                                              \
     PROP_BOOL,                                                                                    \
     offsetof(struct type, v.prop_indirect),                                                       \
     "on",                                                                                         \
     "offer indirect descriptors",                                                                 \
     NULL},                                                                                        \
        {"event_idx",           PROP_BOOL, offsetof(struct type, v.prop_event_idx), "on",          \
         "offer event indices", NULL},                                                             \
        {"packed", PROP_BOOL, offsetof(struct type, v.prop_packed), "off", "offer packed rings",   \
         NULL},                                                                                    \
        {"iommu_platform",                                                                         \
         PROP_BOOL,                                                                                \
         offsetof(struct type, v.prop_iommu_platform),                                             \
         "off",                                                                                    \
         "offer the platform's DMA addressing (there is no IOMMU: addresses stay physical)",       \
         NULL},                                                                                    \
    {                                                                                              \
        "ioeventfd", PROP_BOOL, offsetof(struct type, v.prop_ioeventfd), "on",                     \
            "accepted; doorbells never block a vCPU", NULL                                         \
    }
#define VIRTIO_PCI_PROPS(type, v) VIRTIO_PCI_PROPS_WITH(type, v, "auto")
#define VIRTIO_PCI_PROPS_WITH(type, v, vectors)                                                    \
    PCI_PROPS(type, v.pci),                                                                        \
        {"vectors",                                                                                \
         PROP_U32,                                                                                 \
         offsetof(struct type, v.prop_vectors),                                                    \
         vectors,                                                                                  \
         "MSI-X vectors; 0 none, auto as many as are useful",                                      \
         NULL},                                                                                    \
        {"disable-legacy",                                                                         \
         PROP_ENUM,                                                                                \
         offsetof(struct type, v.prop_disable_legacy),                                             \
         "auto",                                                                                   \
         "legacy drivers are not served; auto: behind a PCI Express port they are not",            \
         virtio_on_off_auto},                                                                      \
    {                                                                                              \
        "disable-modern", PROP_BOOL, offsetof(struct type, v.prop_disable_modern), "off",          \
            "only legacy drivers are served", NULL                                                 \
    }
#define VIRTIO_FIELDS(type, v)                                                                     \
    PCI_FIELDS(type, v.pci), FIELD_SKIP(type, v.prop_vectors),                                     \
        FIELD_SKIP(type, v.prop_disable_legacy), FIELD_SKIP(type, v.prop_indirect),                \
        FIELD_SKIP(type, v.prop_event_idx), FIELD_SKIP(type, v.prop_packed),                       \
        FIELD_SKIP(type, v.prop_iommu_platform), FIELD_SKIP(type, v.prop_disable_modern),          \
        FIELD_SKIP(type, v.prop_ioeventfd), FIELD_KEEP(type, v.config_vector),                     \
        FIELD_KEEP(type, v.accepted), FIELD_KEEP(type, v.feature_select),                          \
        FIELD_KEEP(type, v.driver_feature_select), FIELD_KEEP(type, v.queue_select),               \
        FIELD_KEEP_MOST(type, v.status, 0xff),                                                     \
        FIELD_KEEP_MOST(type, v.isr, VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG),                        \
        FIELD_KEEP(type, v.generation), FIELD_KEEP(type, v.config),                                \
        FIELD_KEEP_PARTS(type, v.queue_state, virtqueue_fields, virtqueue_state),                  \
        FIELD_KEEP_SINCE(type, v.legacy_page_bytes, 2, 0),                                         \
        FIELD_KEEP_SINCE(type, v.legacy_align, 2, VIRTIO_LEGACY_ALIGN),                            \
        FIELD_KEEP_SINCE(type, v.guest_big_endian, 2, 0), FIELD_SKIP(type, v.legacy_pad),          \
        FIELD_SKIP(type, v.legacy_pad2), FIELD_SKIP(type, v.legacy), FIELD_SKIP(type, v.running),  \
        FIELD_SKIP(type, v.pad), FIELD_SKIP(type, v.pci_cfg_cap),                                  \
        FIELD_SKIP(type, v.config_bytes), FIELD_SKIP(type, v.queue_count),                         \
        FIELD_SKIP(type, v.cls), FIELD_SKIP(type, v.transport),                                    \
        FIELD_SKIP(type, v.transport_opaque), FIELD_SKIP(type, v.offered),                         \
        FIELD_SKIP(type, v.legacy_only), FIELD_SKIP(type, v.config_writable),                      \
        FIELD_SKIP(type, v.lock), FIELD_SKIP(type, v.work_lock), FIELD_SKIP(type, v.leaf),         \
        FIELD_SKIP(type, v.queue)

extern const char *const virtio_on_off_auto[];

/* ---- the two device classes of a virtio class */

/* What a virtio-X-pci class's kind points to. */
struct virtio_pci_class {
    struct pci_class pci; /* first */
    const struct virtio_class *virtio;
};
#define VIRTIO_PCI_CLASS(virtio_class_, id_, class_code_)                                          \
    {                                                                                              \
        .pci = {.vendor = 0x1af4,                                                                  \
                .device = 0x1040 + (id_),                                                          \
                .subsystem_vendor = 0x1af4,                                                        \
                .subsystem = 0x1100,                                                               \
                .class_code = (class_code_),                                                       \
                .revision = 1, /* or as virtio_pci_create finds it */                              \
                .interrupt_pin = 1,                                                                \
                .config_reading = virtio_pci_config_reading,                                       \
                .config_written = virtio_pci_config_written},                                      \
        .virtio = (virtio_class_)                                                                  \
    }

/* A device class; bus_ is BUS_PCI or BUS_VIRTIO, last the kind (a struct
 * virtio_pci_class or virtio_class) and further members. */
#define VIRTIO_DEVICE_CLASS(name_, alias_, desc_, bus_, type_, props_, fields_, ...)               \
    {                                                                                              \
        .name = name_, .alias = alias_, .desc = desc_, .bus = bus_, .size = sizeof(struct type_),  \
        .props = props_, .fields = fields_,                                                        \
        .create = bus_ == BUS_PCI ? virtio_pci_create : virtio_mmio_plug,                          \
        .reset = virtio_device_reset, .destroy = virtio_device_destroy,                            \
        .settle = virtio_device_settle, .check = virtio_device_check,                              \
        .loaded = virtio_device_loaded, .resume = virtio_device_resume, .version = 2,              \
        .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE, .kind = __VA_ARGS__                        \
    }

/* Functions for the rows of both device classes; the mmio class's kind is the struct virtio_class.
 */
bool virtio_pci_create(struct device *d, struct error *e);
bool virtio_mmio_plug(struct device *d, struct error *e);
void virtio_device_reset(struct device *d);
void virtio_device_destroy(struct device *d);
void virtio_device_settle(struct device *d);
bool virtio_device_check(struct device *d, struct error *e);
void virtio_device_loaded(struct device *d);
void virtio_device_resume(struct device *d);
void virtio_pci_config_reading(struct device *d, unsigned offset, unsigned size);
void virtio_pci_config_written(struct device *d, unsigned offset, unsigned size);

/* ---- for device classes */

/* iothread= names an object that is there, or is NULL. In create. */
bool virtio_check_iothread(struct virtio_device *v, const char *id, struct error *e);

/* Appends a queue of at most size entries; returns its number. In create only. */
unsigned virtio_queue_add(struct virtio_device *v, unsigned size);

static inline bool virtio_has(const struct virtio_device *v, uint64_t feature)
{
    return (v->accepted & feature) != 0;
}

/* Numbers in what the driver and the device tell each other: little-endian, but of a legacy driver
 * in the order of its guest. */
static inline bool virtio_swaps(const struct virtio_device *v)
{
    return v->guest_big_endian && !virtio_has(v, VIRTIO_F_VERSION_1);
}
uint16_t virtio_load16(const struct virtio_device *v, const void *p);
uint32_t virtio_load32(const struct virtio_device *v, const void *p);
uint64_t virtio_load64(const struct virtio_device *v, const void *p);
void virtio_store16(const struct virtio_device *v, void *p, uint16_t value);
void virtio_store32(const struct virtio_device *v, void *p, uint32_t value);

/* virtqueue_pop of a queue; a broken one has the device ask for a reset. */
enum virtq_result virtio_pop(struct virtio_device *v, unsigned queue, struct virtq_chain *c);

/*
 * Gives a chain back to the driver: the one way on which completions reach the guest, so that a
 * due time can be put between. The driver sees it, and an interrupt if it wants one, after
 * virtio_complete_end(). On the queue's thread.
 */
void virtio_complete(struct virtio_device *v, unsigned queue, const struct virtq_chain *c,
                     uint32_t written);
void virtio_complete_end(struct virtio_device *v, unsigned queue);

/* The same for whoever completes on many queues before the driver is to see it. */
struct virtio_round {
    uint64_t queues[VIRTIO_QUEUES_MAX / 64]; /* that have something to be shown */
};
void virtio_round_complete(struct virtio_device *v, struct virtio_round *r, unsigned queue,
                           const struct virtq_chain *c, uint32_t written);
void virtio_round_end(struct virtio_device *v, struct virtio_round *r);

/* The driver did what cannot be answered: logs it and sets DEVICE_NEEDS_RESET. Any thread. */
void virtio_broken(struct virtio_device *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Changes bytes of the configuration and tells the driver. Any thread, v->leaf not held. */
void virtio_config_update(struct virtio_device *v, unsigned offset, const void *bytes, size_t n);

/* ---- for transports and the plain device functions; v->lock is held */

bool virtio_create(struct virtio_device *v, const struct virtio_class *c, struct error *e);
void virtio_destroy(struct virtio_device *v);
void virtio_reset(struct virtio_device *v);
void virtio_set_status(struct virtio_device *v, uint32_t status);
uint32_t virtio_features_read(const struct virtio_device *v, uint32_t select);
void virtio_features_write(struct virtio_device *v, uint32_t select, uint32_t value);
uint64_t virtio_config_load(struct virtio_device *v, unsigned offset, unsigned size);
void virtio_config_store(struct virtio_device *v, unsigned offset, uint64_t value, unsigned size);
uint32_t virtio_generation(struct virtio_device *v);

/* The queue that queue_select names, or NULL. */
struct virtqueue *virtio_selected(struct virtio_device *v);
/* Register writes of the selected queue; logged and ignored when it is enabled or does not exist.
 */
void virtio_queue_set_size(struct virtio_device *v, uint32_t size);
enum virtio_area {
    VIRTIO_AREA_DESC,
    VIRTIO_AREA_DRIVER,
    VIRTIO_AREA_DEVICE
};
void virtio_queue_set_address(struct virtio_device *v, enum virtio_area area, bool high,
                              uint32_t value);
void virtio_queue_enable(struct virtio_device *v, bool enable);

/* A doorbell. No lock. */
void virtio_notify(struct virtio_device *v, unsigned queue);

#endif
