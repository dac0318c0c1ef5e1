/* SPDX-License-Identifier: MIT */
/* What the two files of the virtio block device share: virtio_blk.c (device), virtio_blk_io.c
 * (requests). */
#ifndef HW_VIRTIO_VIRTIO_BLK_H
#define HW_VIRTIO_VIRTIO_BLK_H

#include "block/block.h"
#include "hw/virtio/virtio.h"

enum {
    F_SEG_MAX = 2,
    F_GEOMETRY = 4,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_SCSI = 7, /* legacy */
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_CONFIG_WCE = 11,
    F_MQ = 12,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14,
};

/* Configuration (5.2.4). */
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_CYLINDERS = 16,
    CONFIG_HEADS = 18,
    CONFIG_SECTORS = 19,
    CONFIG_BLK_SIZE = 20,
    CONFIG_PHYSICAL_EXP = 24,
    CONFIG_MIN_IO = 26,
    CONFIG_OPT_IO = 28,
    CONFIG_WRITEBACK = 32,
    CONFIG_NUM_QUEUES = 34,
    CONFIG_MAX_DISCARD_SECTORS = 36,
    CONFIG_MAX_DISCARD_SEG = 40,
    CONFIG_DISCARD_ALIGNMENT = 44,
    CONFIG_MAX_ZEROES_SECTORS = 48,
    CONFIG_MAX_ZEROES_SEG = 52,
    CONFIG_ZEROES_MAY_UNMAP = 56,
    CONFIG_BYTES = 60,
};

/* Counted time: a request that the host has done, and that the driver is told of later. */
struct blk_parked {
    uint64_t due_ns;
    uint64_t status_at; /* guest address of the status byte */
    uint32_t queue, written;
    uint16_t id, descriptors;
    uint8_t failed;
    uint8_t pad[3];
};

struct virtio_blk {
    struct virtio_device v;

    /* Properties. */
    char *drive, *serial, *iothread;
    int32_t bootindex;
    uint32_t pad4;
    uint32_t logical_block_size, physical_block_size, opt_io_size, discard_granularity;
    uint32_t max_discard_sectors, max_write_zeroes_sectors;
    uint16_t num_queues, queue_size, min_io_size, pad;
    int write_cache, rerror, werror;
    bool discard, write_zeroes, config_wce, seg_max_adjust, request_merging, share_rw;
    uint8_t pad2[6];

    /* State, in counted time; else what is under way is finished before the state is saved. */
    struct blk_parked *parked; /* what is due, while the device is settled; owned */
    size_t parked_count;
    uint64_t latest_due_ns;

    /* No state. */
    struct block *block;
    struct block_queue *requests;
    struct blk_request *spare;                /* list of requests not in use */
    uint64_t waiting[VIRTIO_QUEUES_MAX / 64]; /* queues whose doorbell rang; any thread */
    struct virtio_round answered;
    struct clock_timer *timer; /* counted time */
    struct blk_request *first_due, *last_due;

    struct os_thread thread;
    struct os_mutex idle_lock; /* guards idle */
    struct os_cond became_idle;
    uint32_t stopping; /* any thread */
    bool has_thread, idle;
    uint16_t pad3;
};

static inline struct virtio_blk *as_blk(struct virtio_device *v)
{
    return (struct virtio_blk *)v;
}

static inline bool is_counted(const struct virtio_blk *d)
{
    return d->v.pci.dev.machine->config.counted;
}

/* Functions of the class that move requests; see struct virtio_class. */
void blk_notify(struct virtio_device *v, unsigned queue);
void blk_start(struct virtio_device *v);
void blk_stop(struct virtio_device *v);
void blk_settle(struct virtio_device *v);
void blk_resume(struct virtio_device *v);
bool blk_check_parked(struct virtio_blk *d, struct error *e);
void blk_drop_parked(struct virtio_blk *d);
/* The other half of create and destroy. */
void blk_io_create(struct virtio_blk *d);
void blk_io_destroy(struct virtio_blk *d);

#endif
