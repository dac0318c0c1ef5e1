/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues: the rings through which a driver hands buffers to a device and gets them back.
 * Virtual I/O Device (VIRTIO) 1.2, chapters 2.6 (queues), 2.7 (split), 2.8 (packed).
 *
 * A queue is used by one thread at a time (its device says which); only virtqueue_has_work may be
 * called by another. What the rings say is never trusted: a bad ring breaks the queue
 * (virtqueue_pop gives VIRTQ_BROKEN from then on) and the device core asks the driver for a reset.
 */
#ifndef HW_VIRTIO_VIRTQUEUE_H
#define HW_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory/dma.h"

#define VIRTQ_SIZE_MAX 1024u /* entries of a queue, and descriptors of a chain */
#define VIRTQ_NO_VECTOR 0xffffu
#define VIRTQ_CHAIN_BYTES_MAX (UINT64_C(1) << 32) /* 2.7.5.2: no chain may be longer */

/* The state of a queue that a snapshot holds. */
struct virtqueue_state {
    uint64_t desc, driver, device; /* guest addresses: descriptors, available ring, used ring */
    uint16_t size;                 /* as the driver chose it */
    uint16_t vector;
    uint16_t last_avail; /* next entry to take */
    uint16_t used;       /* next entry to give back */
    uint16_t signalled;  /* used index at the last interrupt decision */
    bool signalled_valid;
    bool enabled;
    bool avail_wrap, used_wrap; /* packed: the wrap counters */
    bool notify_off;            /* the driver was asked not to notify */
    uint8_t reserved[3];
};

struct virtqueue {
    struct virtqueue_state *s; /* not owned */

    /* What the driver agreed to and where the rings are; set by virtqueue_start. */
    bool packed, event_idx, indirect;
    bool broken;
    const struct dma *dma;
    const char *who; /* for the guest-error log */
    uint8_t *desc, *driver, *device;
    uint16_t size_max;                 /* as the device offers it */
    uint16_t unpublished;              /* used entries that the driver does not see yet */
    uint16_t first_id, first_flags_at; /* packed: the entry whose flags publish the batch */
    uint32_t first_len;
};

/*
 * One chain of buffers: first those that the device reads (iov[0..out_count)), then those that it
 * writes. Owned by the device, zeroed once and reused; iov grows on demand.
 */
struct virtq_chain {
    uint16_t id;          /* the driver's handle */
    uint16_t descriptors; /* packed: ring entries that the chain takes */
    unsigned out_count, in_count;
    uint64_t out_bytes, in_bytes;
    struct iovec *iov;
    unsigned cap;
};

enum virtq_result {
    VIRTQ_EMPTY,
    VIRTQ_OK,
    VIRTQ_BROKEN
};

/* Maps the rings that q->s names. false (and q is broken) when they are not in RAM or misaligned.
 */
bool virtqueue_start(struct virtqueue *q);
/* Forgets rings and state: as before the driver's first touch. */
void virtqueue_reset(struct virtqueue *q);

/* Takes the next chain. After VIRTQ_EMPTY nothing was taken. */
enum virtq_result virtqueue_pop(struct virtqueue *q, struct virtq_chain *c);
/* Puts the chain that was popped last back: the next pop gives it again. */
void virtqueue_unpop(struct virtqueue *q, const struct virtq_chain *c);
/* Gives c back with the number of bytes written to it; the driver sees it after virtqueue_publish.
 */
void virtqueue_push(struct virtqueue *q, const struct virtq_chain *c, uint32_t written);
/* Shows all that was pushed to the driver. */
void virtqueue_publish(struct virtqueue *q);
/* After publish: the driver wants an interrupt for what was published since the last call. */
bool virtqueue_should_signal(struct virtqueue *q);

/* A chain is waiting. Any thread, as long as the queue stays started. */
bool virtqueue_has_work(const struct virtqueue *q);
/* Asks the driver not to notify. */
void virtqueue_notify_off(struct virtqueue *q);
/* Asks for a notification; true if a chain came meanwhile (which the caller must look for). */
bool virtqueue_notify_on(struct virtqueue *q);

void virtq_chain_free(struct virtq_chain *c);
/* Copies between bytes and the chain's readable (out) or writable (in) part, from offset on;
 * returns how many. */
size_t virtq_chain_read(const struct virtq_chain *c, uint64_t offset, void *bytes, size_t n);
size_t virtq_chain_write(const struct virtq_chain *c, uint64_t offset, const void *bytes, size_t n);

#endif
