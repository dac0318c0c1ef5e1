/* SPDX-License-Identifier: MIT */
/* What the two kinds of ring share (virtqueue.c, virtqueue_packed.c). */
#ifndef HW_VIRTIO_VIRTQUEUE_INTERNAL_H
#define HW_VIRTIO_VIRTQUEUE_INTERNAL_H

#include "base/atomic.h"
#include "base/bits.h"
#include "hw/virtio/virtqueue.h"

#define VIRTQ_DESC_BYTES 16u

enum {
    VIRTQ_DESC_NEXT = 1,
    VIRTQ_DESC_WRITE = 2,
    VIRTQ_DESC_INDIRECT = 4,
    VIRTQ_DESC_AVAIL = 1 << 7, /* packed */
    VIRTQ_DESC_USED = 1 << 15, /* packed */
};

/* A descriptor as read; next is split's link, id packed's handle. */
struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    union {
        uint16_t next, id;
    };
};

/* A table of descriptors in guest memory. */
struct virtq_table {
    const uint8_t *host;
    unsigned count;
    bool big_endian;
};

/* A 16-bit ring field (aligned, little-endian), with acquire and release order. */
static inline uint16_t virtq_get16(const uint8_t *p)
{
    uint16_t v = atomic_get_acquire((const uint16_t *)(const void *)p);
    return load_le16(&v);
}

static inline void virtq_set16(uint8_t *p, uint16_t value)
{
    uint16_t v;
    store_le16(&v, value);
    atomic_set_release((uint16_t *)(void *)p, v);
}

/* The same for a field that q's device writes. */
void virtqueue_set16(struct virtqueue *q, uint8_t *p, uint16_t value);

/* Marks q broken, logs why, returns VIRTQ_BROKEN. */
enum virtq_result virtqueue_broken(struct virtqueue *q, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* n bytes of RAM at a, in one piece; NULL: q is broken. */
uint8_t *virtqueue_map_area(struct virtqueue *q, uint64_t a, size_t n, unsigned align);
/* Adds d's buffer to c; false: q is broken. */
bool virtq_chain_add(struct virtqueue *q, struct virtq_chain *c, const struct virtq_desc *d);
/* An indirect table; false: q is broken. */
bool virtq_table_open(struct virtqueue *q, struct virtq_table *t, uint64_t a, uint32_t bytes);
/* Reads descriptor i of a split table once; false if the table has none. */
bool virtq_desc_get(const struct virtq_table *t, unsigned i, struct virtq_desc *d);
/* Copies n bytes between bytes and the buffers, from offset on; returns how many. */
size_t virtq_iov_copy(const struct iovec *iov, unsigned count, uint64_t offset, void *bytes,
                      size_t n, bool to_iov);

bool packed_map(struct virtqueue *q);
enum virtq_result packed_pop(struct virtqueue *q, struct virtq_chain *c);
void packed_unpop(struct virtqueue *q, const struct virtq_chain *c);
void packed_push(struct virtqueue *q, const struct virtq_chain *c, uint32_t written);
void packed_publish(struct virtqueue *q);
bool packed_should_signal(struct virtqueue *q);
void packed_notify(struct virtqueue *q, bool on);
bool packed_has_work(const struct virtqueue *q);

#endif
