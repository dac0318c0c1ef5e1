/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues: the rings through which a driver hands buffers to a device and gets them back.
 * Virtual I/O Device (VIRTIO) 1.2, chapters 2.6 (queues), 2.7 (split), 2.8 (packed).
 *
 * A queue is used by one thread at a time (its device says which); What the rings say is never
 * trusted: a bad ring breaks the queue (virtqueue_pop gives VIRTQ_BROKEN from then on) and the
 * device core asks the driver for a reset. A descriptor is read once and checked after that, since
 * the driver may change it meanwhile.
 */
#ifndef HW_VIRTIO_VIRTQUEUE_H
#define HW_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/fields.h"
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
    uint16_t signalled;  /* split: used index at the last interrupt; packed: entries since then */
    uint16_t in_flight;  /* ring entries of the chains that were taken and not given back */
    bool enabled;
    bool avail_wrap, used_wrap; /* packed: the wrap counters */
    uint8_t pad;
};

extern const struct field virtqueue_fields[]; /* of a struct virtqueue_state */

/* The queue of a running device. */
struct virtqueue {
    struct virtqueue_state *s; /* not owned */
    const struct dma *dma;
    const char *who;     /* for the guest-error log */
    uint16_t size_usual; /* unless the driver chooses another one */
    uint16_t size_max;   /* as the device offers it */

    /* What the driver agreed to and where the rings are; from virtqueue_start on. */
    bool packed, event_idx, indirect;
    bool notify_on_empty; /* legacy: an interrupt whenever nothing is left, wanted or not */
    bool big_endian;      /* legacy: as the guest is */
    bool broken;
    uint8_t *desc, *driver, *device;

    /* Given back, but not yet shown to the driver. */
    uint16_t batch_chains;
    uint16_t batch_entries;      /* ring entries of those chains */
    uint16_t first, first_flags; /* packed: the entry whose flags show the batch */
};

/*
 * One chain of buffers: first those that the device reads (iov[0..out_count)), then those that it
 * writes. Owned by the device, zeroed once and reused; iov grows on demand.
 */
struct virtq_chain {
    uint16_t id;          /* the driver's handle */
    uint16_t descriptors; /* ring entries that the chain takes; split: 1 */
    unsigned out_count, in_count;
    uint64_t out_bytes, in_bytes;
    struct iovec *iov;
    unsigned cap;
};

#define VIRTQ_IOV_MAX 1024u /* elements of a chain's iov */

enum virtq_result {
    VIRTQ_EMPTY,
    VIRTQ_OK,
    VIRTQ_BROKEN
};

/* A loaded state is one that a driver could have brought about; false: e says what is wrong. packed
 * is the kind of ring that the driver agreed to. */
bool virtqueue_check(const struct virtqueue *q, bool packed, struct error *e);
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

/* Asks the driver not to notify. */
void virtqueue_notify_off(struct virtqueue *q);
/* Asks for a notification of chains that come from now on; true if one is there already. */
bool virtqueue_notify_on(struct virtqueue *q);

void virtq_chain_free(struct virtq_chain *c);
/* Copies between bytes and the chain's readable (out) or writable (in) part, from offset on;
 * returns how many. */
size_t virtq_chain_read(const struct virtq_chain *c, uint64_t offset, void *bytes, size_t n);
size_t virtq_chain_write(const struct virtq_chain *c, uint64_t offset, const void *bytes, size_t n);

/* Takes n bytes off the front of count pieces, which are changed; returns the first that is left.
 */
struct iovec *virtq_trim_front(struct iovec *iov, unsigned *count, size_t n);

#endif
