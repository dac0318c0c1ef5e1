/* SPDX-License-Identifier: MIT */
/*
 * Requests of the virtio block device: VIRTIO 1.2, 5.2.6.
 *
 * An I/O thread of the device's own owns the queues and the disk: a doorbell only marks a queue and
 * wakes it. It takes all that is offered, hands the host a batch, sleeps in the same system call
 * until something comes back, and tells the driver of a batch. Data goes between guest memory and
 * the file directly.
 *
 * On a machine whose time is counted there is no such thread. Requests are taken at the doorbell,
 * on the thread that runs the vCPUs, and given back when a time has passed that depends on nothing
 * but their size; if the host is late, the guest waits.
 */
#include <stdio.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "hw/block/due_list.h"
#include "hw/virtio/virtio_blk.h"

/* Requests (5.2.6). */
enum {
    T_IN = 0,
    T_OUT = 1,
    T_FLUSH = 4,
    T_GET_ID = 8,
    T_DISCARD = 11,
    T_WRITE_ZEROES = 13,

    S_OK = 0,
    S_IOERR = 1,
    S_UNSUPP = 2,

    HEADER_BYTES = 16,
    SEGMENT_BYTES = 16,
    ID_BYTES = 20,
    SEGMENT_UNMAP = 1,
};

struct blk_request {
    struct block_request b;
    struct virtq_chain chain;
    struct virtio_blk *d;
    unsigned queue;
    uint8_t *status_byte;     /* in guest memory */
    uint32_t written;         /* bytes for the driver, with the status */
    struct blk_request *next; /* of spare or due */
    uint64_t due_ns;
    bool finished;
    int status;
};

/* ---- giving back */

static void put_back(struct blk_request *r)
{
    r->next = r->d->spare;
    r->d->spare = r;
}

static void answer(struct blk_request *r, uint8_t status)
{
    struct virtio_blk *d = r->d;
    if (!atomic_get(&d->stopping)) {
        *r->status_byte = status;
        dma_unmap(&d->v.pci.dev.dma, r->status_byte, 1);
        virtio_round_complete(&d->v, &d->answered, r->queue, &r->chain,
                              status == S_OK ? r->written : 1);
    }
    put_back(r);
}

/* Shows the driver what was answered. */
static void show_answers(struct virtio_blk *d)
{
    virtio_round_end(&d->v, &d->answered);
}

/* A read that failed, or that the driver has given up on, may have written as well. */
static void unmap_data(const struct blk_request *r)
{
    for (unsigned i = 0; r->b.op == BLOCK_READ && i < r->b.iov_count; i++) {
        dma_unmap(&r->d->v.pci.dev.dma, r->b.iov[i].iov_base, r->b.iov[i].iov_len);
    }
}

static void request_done(struct block_request *b, int status)
{
    struct blk_request *r = container_of(b, struct blk_request, b);
    unmap_data(r);
    r->finished = true;
    r->status = status;
    if (!is_counted(r->d)) {
        answer(r, status < 0 ? S_IOERR : S_OK);
    }
}

/* ---- counted time */

/* In order: a later request is never told of first. */
static void append_due(struct blk_request *r)
{
    struct virtio_blk *d = r->d;
    r->next = NULL;
    if (d->last_due) {
        d->last_due->next = r;
    } else {
        d->first_due = r;
        clock_timer_set(d->timer, r->due_ns);
    }
    d->last_due = r;
}

static void add_due(struct blk_request *r)
{
    struct virtio_blk *d = r->d;
    uint64_t due = clock_now_ns(d->v.pci.dev.clock) + DUE_LATENCY_NS + r->b.bytes;
    d->latest_due_ns = r->due_ns = due > d->latest_due_ns ? due : d->latest_due_ns;
    append_due(r);
}

static void wait_finished(struct blk_request *r)
{
    while (!r->finished) {
        block_queue_wait(r->d->requests);
    }
}

static struct blk_request *take_due(struct virtio_blk *d)
{
    struct blk_request *r = d->first_due;
    d->first_due = r->next;
    if (!r->next) {
        d->last_due = NULL;
    }
    wait_finished(r);
    return r;
}

static void due(void *opaque)
{
    struct virtio_blk *d = opaque;
    uint64_t now = clock_now_ns(d->v.pci.dev.clock);
    while (d->first_due && d->first_due->due_ns <= now) {
        struct blk_request *r = take_due(d);
        answer(r, r->status < 0 ? S_IOERR : S_OK);
    }
    show_answers(d);
    if (d->first_due) {
        clock_timer_set(d->timer, d->first_due->due_ns);
    }
}

/* ---- taking requests */

static struct blk_request *new_request(struct virtio_blk *d)
{
    struct blk_request *r = d->spare;
    if (r) {
        d->spare = r->next;
    } else {
        r = mem_alloc(sizeof(*r)); /* never more than the rings have room for */
        r->d = d;
    }
    r->finished = false;
    return r;
}

/* The driver's writes survive a power cut as soon as they are done. */
static bool writes_through(const struct virtio_blk *d)
{
    if (virtio_has(&d->v, VIRTIO_F(F_CONFIG_WCE))) {
        return !atomic_get(&d->v.config[CONFIG_WRITEBACK]);
    }
    return !virtio_has(&d->v, VIRTIO_F(F_FLUSH)); /* 5.2.6.2 */
}

static bool in_range(const struct virtio_blk *d, uint64_t sector, uint64_t bytes)
{
    uint64_t size = block_size_bytes(d->block);
    return sector <= size / BLOCK_SECTOR && bytes <= size - sector * BLOCK_SECTOR &&
           is_aligned(sector * BLOCK_SECTOR | bytes, d->logical_block_size);
}

static void submit(struct blk_request *r, enum block_op op, uint64_t sector, uint64_t bytes)
{
    struct virtio_blk *d = r->d;
    bool writes = op == BLOCK_WRITE || op == BLOCK_WRITE_ZEROES;
    r->b.op = op;
    r->b.flags = (writes && writes_through(d) ? BLOCK_FUA : 0) | r->b.flags;
    r->b.offset = sector * BLOCK_SECTOR;
    r->b.bytes = bytes;
    r->b.done = request_done;
    block_queue_submit(d->requests, &r->b);
    if (is_counted(d)) {
        add_due(r);
    }
}

static void transfer(struct blk_request *r, uint32_t type, uint64_t sector)
{
    struct virtq_chain *c = &r->chain;
    bool reads = type == T_IN;
    uint64_t bytes = reads ? c->in_bytes : c->out_bytes - HEADER_BYTES;
    if (!in_range(r->d, sector, bytes) || (!reads && block_read_only(r->d->block))) {
        answer(r, S_IOERR);
        return;
    }
    r->b.iov_count = reads ? c->in_count : c->out_count;
    r->b.iov = reads ? c->iov + c->out_count
                     : virtq_trim_front(c->iov, &r->b.iov_count, HEADER_BYTES);
    r->written += reads ? (uint32_t)bytes : 0;
    submit(r, reads ? BLOCK_READ : BLOCK_WRITE, sector, bytes);
}

/* Discard and write zeroes: one segment, which the driver was told is the limit. */
static void segment(struct blk_request *r, uint32_t type)
{
    struct virtio_blk *d = r->d;
    uint8_t raw[SEGMENT_BYTES];
    bool zeroes = type == T_WRITE_ZEROES;
    uint64_t limit = zeroes ? d->max_write_zeroes_sectors : d->max_discard_sectors;
    if (r->chain.out_bytes != HEADER_BYTES + SEGMENT_BYTES ||
        virtq_chain_read(&r->chain, HEADER_BYTES, raw, sizeof(raw)) != sizeof(raw)) {
        answer(r, S_IOERR);
        return;
    }
    uint64_t sector = virtio_load64(&d->v, raw), count = virtio_load32(&d->v, raw + 8);
    uint32_t flags = virtio_load32(&d->v, raw + 12);
    if (flags & ~(zeroes ? (uint32_t)SEGMENT_UNMAP : 0)) {
        answer(r, S_UNSUPP); /* 5.2.6.2: unknown flags, and unmap with a discard */
    } else if (count > limit || !in_range(d, sector, count * BLOCK_SECTOR) ||
               block_read_only(d->block)) {
        answer(r, S_IOERR);
    } else {
        r->b.flags = flags & SEGMENT_UNMAP ? BLOCK_MAY_UNMAP : 0;
        submit(r, zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD, sector, count * BLOCK_SECTOR);
    }
}

static void get_id(struct blk_request *r)
{
    char id[ID_BYTES + 1] = {0};
    snprintf(id, sizeof(id), "%s", r->d->serial ? r->d->serial : "");
    r->written += (uint32_t)virtq_chain_write(&r->chain, 0, id, ID_BYTES);
    answer(r, S_OK);
}

/* Takes the status byte, the last that the device may write, off the chain. */
static void take_status(struct blk_request *r)
{
    struct virtq_chain *c = &r->chain;
    struct iovec *last = &c->iov[c->out_count + c->in_count - 1];
    r->status_byte = (uint8_t *)last->iov_base + --last->iov_len;
    c->in_count -= last->iov_len == 0;
    c->in_bytes--;
}

static void begin(struct blk_request *r)
{
    struct virtio_blk *d = r->d;
    uint8_t header[HEADER_BYTES];
    if (r->chain.in_bytes < 1 ||
        virtq_chain_read(&r->chain, 0, header, sizeof(header)) != sizeof(header)) {
        put_back(r);
        d->v.queue[r->queue].broken = true;
        virtio_broken(&d->v, "request without header or status");
        return;
    }
    take_status(r);
    uint32_t type = virtio_load32(&d->v, header);
    r->b = (struct block_request){0};
    r->written = 1;
    switch (type) {
    case T_IN:
    case T_OUT:
        transfer(r, type, virtio_load64(&d->v, header + 8));
        break;
    case T_FLUSH:
        submit(r, BLOCK_FLUSH, 0, 0);
        break;
    case T_GET_ID:
        get_id(r);
        break;
    case T_DISCARD:
    case T_WRITE_ZEROES:
        if (virtio_has(&d->v, VIRTIO_F(type == T_DISCARD ? F_DISCARD : F_WRITE_ZEROES))) {
            segment(r, type);
            break;
        }
        /* fall through */
    default:
        answer(r, S_UNSUPP);
    }
}

static void serve_queue(struct virtio_blk *d, unsigned n)
{
    struct virtqueue *q = &d->v.queue[n];
    do {
        virtqueue_notify_off(q);
        for (;;) {
            struct blk_request *r = new_request(d);
            r->queue = n;
            if (virtio_pop(&d->v, n, &r->chain) != VIRTQ_OK) {
                put_back(r);
                break;
            }
            begin(r);
        }
    } while (virtqueue_notify_on(q));
}

static void serve(struct virtio_blk *d)
{
    for (unsigned i = 0; i < array_len(d->waiting); i++) {
        uint64_t w = atomic_get(&d->waiting[i]) ? atomic_swap(&d->waiting[i], 0) : 0;
        for (; w; w &= w - 1) {
            serve_queue(d, 64 * i + ctz64(w));
        }
    }
}

/* ---- the I/O thread */

static void set_idle(struct virtio_blk *d, bool idle)
{
    if (d->idle != idle) { /* written by this thread only */
        os_mutex_lock(&d->idle_lock);
        d->idle = idle;
        os_cond_broadcast(&d->became_idle);
        os_mutex_unlock(&d->idle_lock);
    }
}

static void io_thread(void *arg)
{
    struct virtio_blk *d = arg;
    while (!atomic_get(&d->stopping)) {
        serve(d);
        show_answers(d);
        set_idle(d, block_queue_outstanding(d->requests) == 0);
        block_queue_wait(d->requests);
        set_idle(d, false); /* before a doorbell is taken: see blk_settle */
        show_answers(d);
    }
    block_queue_drain(d->requests);
    set_idle(d, true);
}

void blk_notify(struct virtio_device *v, unsigned queue)
{
    struct virtio_blk *d = as_blk(v);
    if (!d->requests) {
        return; /* start failed */
    }
    if (is_counted(d)) {
        serve_queue(d, queue);
        show_answers(d);
        block_queue_kick(d->requests);
    } else {
        atomic_or(&d->waiting[queue / 64], UINT64_C(1) << queue % 64);
        block_queue_wake(d->requests);
    }
}

static bool anything_waits(const struct virtio_blk *d)
{
    for (unsigned i = 0; i < array_len(d->waiting); i++) {
        if (atomic_get(&d->waiting[i])) {
            return true;
        }
    }
    return false;
}

/* ---- saving and loading; the vCPUs stand still */

static void park(struct blk_request *r, struct blk_parked *p)
{
    wait_finished(r);
    *p = (struct blk_parked){.due_ns = r->due_ns,
                             .queue = r->queue,
                             .written = r->written,
                             .id = r->chain.id,
                             .descriptors = r->chain.descriptors,
                             .failed = r->status < 0};
    if (!space_find_host(r->d->v.pci.dev.dma.space, r->status_byte, &p->status_at)) {
        p->status_at = UINT64_MAX; /* something lies over it now: such a state is refused */
    }
}

void blk_drop_parked(struct virtio_blk *d)
{
    mem_free(d->parked);
    d->parked = NULL;
    d->parked_count = 0;
}

/*
 * Waits until all that was asked for is answered; in counted time, until the host has done it, and
 * what the driver is not to know yet is written down.
 */
void blk_settle(struct virtio_device *v)
{
    struct virtio_blk *d = as_blk(v);
    if (d->has_thread) {
        block_hurry(d->block, true);
        os_mutex_lock(&d->idle_lock);
        while (!d->idle || anything_waits(d)) {
            os_cond_wait(&d->became_idle, &d->idle_lock);
        }
        os_mutex_unlock(&d->idle_lock);
        block_hurry(d->block, false);
    }
    blk_drop_parked(d);
    for (struct blk_request *r = d->first_due; r; r = r->next) {
        d->parked_count++;
    }
    d->parked = d->parked_count ? mem_array(d->parked_count, sizeof(*d->parked)) : NULL;
    size_t n = 0;
    for (struct blk_request *r = d->first_due; r; r = r->next) {
        park(r, &d->parked[n++]);
    }
}

void blk_resume(struct virtio_device *v)
{
    blk_drop_parked(as_blk(v));
}

static bool can_park(struct virtio_blk *d, const struct blk_parked *p)
{
    size_t n = 1;
    return p->queue < d->v.queue_count && p->descriptors >= 1 &&
           p->descriptors <= d->v.queue_state[p->queue].size &&
           dma_map(&d->v.pci.dev.dma, p->status_at, &n, true);
}

bool blk_check_parked(struct virtio_blk *d, struct error *e)
{
    uint64_t before_ns = 0;
    if (d->parked_count && !is_counted(d)) {
        return error_set(e, "it has requests of counted time");
    }
    for (size_t i = 0; i < d->parked_count; i++) {
        const struct blk_parked *p = &d->parked[i];
        if (!can_park(d, p) || p->due_ns < before_ns || p->due_ns == CLOCK_NEVER) {
            return error_set(e, "its request %zu under way is none that a driver can have made", i);
        }
        before_ns = p->due_ns;
    }
    return d->latest_due_ns != CLOCK_NEVER && d->latest_due_ns >= before_ns
               ? true
               : error_set(e, "its requests under way are not in the order of their times");
}

/* What a loaded state says is due. */
static void unpark(struct virtio_blk *d)
{
    for (size_t i = 0; i < d->parked_count; i++) {
        const struct blk_parked *p = &d->parked[i];
        struct blk_request *r = new_request(d);
        size_t n = 1;
        r->status_byte = dma_map(&d->v.pci.dev.dma, p->status_at, &n, true);
        r->queue = p->queue;
        r->written = p->written;
        r->chain.id = p->id;
        r->chain.descriptors = p->descriptors;
        r->due_ns = p->due_ns;
        r->finished = true;
        r->status = p->failed ? -1 : 0;
        append_due(r);
    }
}

void blk_start(struct virtio_device *v)
{
    struct virtio_blk *d = as_blk(v);
    struct error e;
    atomic_set(&d->stopping, 0);
    memset(d->waiting, 0, sizeof(d->waiting));
    if (!d->requests) {
        d->requests = block_queue_create(d->block, v->queue_count * d->queue_size, &e);
    }
    if (d->requests && is_counted(d)) {
        block_queue_passive(d->requests);
    }
    if (!d->requests) {
        virtio_broken(v, "no disk queue: %s", e.text);
    } else if (is_counted(d)) {
        unpark(d);
    } else if (os_thread_start(&d->thread, "virtio-blk", io_thread, d, &e)) {
        d->has_thread = true;
    } else {
        virtio_broken(v, "no I/O thread: %s", e.text);
    }
}

/* What is at the host is waited for, and dropped: the driver has given up on it. */
void blk_stop(struct virtio_device *v)
{
    struct virtio_blk *d = as_blk(v);
    atomic_set(&d->stopping, 1);
    if (d->has_thread) {
        block_queue_wake(d->requests);
        os_thread_join(&d->thread);
        d->has_thread = false;
    }
    if (d->timer) {
        clock_timer_cancel(d->timer);
    }
    while (d->first_due) {
        answer(take_due(d), S_OK);
    }
    d->answered = (struct virtio_round){0};
}

void blk_io_create(struct virtio_blk *d)
{
    os_mutex_init(&d->idle_lock);
    os_cond_init(&d->became_idle);
    d->idle = true;
    if (is_counted(d)) {
        d->timer = clock_timer_create(d->v.pci.dev.clock, due, d);
    }
}

void blk_io_destroy(struct virtio_blk *d)
{
    block_queue_destroy(d->requests);
    blk_drop_parked(d);
    for (struct blk_request *r = d->spare; r; r = d->spare) {
        d->spare = r->next;
        virtq_chain_free(&r->chain);
        mem_free(r);
    }
    if (d->timer) {
        clock_timer_destroy(d->timer);
    }
    os_cond_destroy(&d->became_idle);
    os_mutex_destroy(&d->idle_lock);
}
