/* SPDX-License-Identifier: MIT */
/*
 * virtio entropy device: VIRTIO 1.2, chapter 5.4.
 *
 * Without rng= (or with that of an rng-builtin) the bytes come at the doorbell: from the host's
 * entropy, or, if the machine was given a seed, from the machine's generator. With an rng-random's
 * file they come on a thread, since the file may have none for a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/virtio/virtio.h"

struct virtio_rng {
    struct virtio_device v;

    /* Properties. */
    char *rng;
    uint64_t max_bytes; /* of each period */
    uint32_t period_ms;

    /* State; under v.work_lock. */
    bool limited; /* quota is what is left until the period ends */
    uint8_t pad[3];
    uint64_t quota;
    struct clock_timer *timer; /* the period's end; NULL: there are none */

    /* No state. */
    struct virtq_chain chain;
    int file, wake; /* -1: none */
    struct os_thread thread;
    bool has_thread, paused;
    uint16_t pad2;
    uint32_t stopping; /* any thread */
};

static struct virtio_rng *as_rng(struct virtio_device *v)
{
    return (struct virtio_rng *)v;
}

/* ---- limits */

/* How many of n bytes may be given now; starts a period with the first. */
static uint64_t allowed(struct virtio_rng *d, uint64_t n)
{
    if (d->max_bytes == UINT64_MAX) {
        return n;
    }
    if (!d->limited) {
        d->limited = true;
        d->quota = d->max_bytes;
        clock_timer_set(d->timer,
                        clock_now_ns(d->v.pci.dev.clock) + (uint64_t)d->period_ms * 1000000);
    }
    return n < d->quota ? n : d->quota;
}

static void give(struct virtio_rng *d, uint64_t n)
{
    d->quota -= d->limited ? n : 0;
    virtio_complete(&d->v, 0, &d->chain, (uint32_t)n);
}

/* ---- from this process */

static void fill(struct virtio_rng *d, void *p, size_t n)
{
    struct machine *m = d->v.pci.dev.machine;
    if (m->config.seed_given) {
        os_mutex_lock(m->lock);
        rng_bytes(&m->rng, p, n);
        os_mutex_unlock(m->lock);
    } else {
        os_random(p, n);
    }
}

/* A chain gets at most so much at once: the specification lets a device give less than asked. */
#define PIECE_MAX 65536u

/* Under work_lock. */
static void serve(struct virtio_rng *d)
{
    struct virtio_device *v = &d->v;
    struct virtqueue *q = &v->queue[0];
    do {
        virtqueue_notify_off(q);
        while (v->running && virtio_pop(v, 0, &d->chain) == VIRTQ_OK) {
            uint64_t want = d->chain.in_bytes < PIECE_MAX ? d->chain.in_bytes : PIECE_MAX;
            uint64_t n = allowed(d, want), left = n;
            if (n == 0 && want > 0) {
                virtqueue_unpop(q, &d->chain);
                virtio_complete_end(v, 0);
                return; /* until the period ends */
            }
            for (unsigned i = 0; left > 0; i++) {
                struct iovec *p = &d->chain.iov[d->chain.out_count + i];
                size_t piece = p->iov_len < left ? p->iov_len : (size_t)left;
                fill(d, p->iov_base, piece);
                left -= piece;
            }
            give(d, n);
        }
        virtio_complete_end(v, 0);
    } while (v->running && virtqueue_notify_on(q));
}

/* ---- from a file, on a thread */

static void wake_thread(struct virtio_rng *d)
{
    uint64_t one = 1;
    ssize_t n = write(d->wake, &one, sizeof(one));
    (void)n; /* it is full only if the thread has been told often enough */
}

static void wait_for(struct virtio_rng *d, bool file_too)
{
    struct pollfd p[2] = {{.fd = d->wake, .events = POLLIN},
                          {.fd = file_too ? d->file : -1, .events = POLLIN}};
    uint64_t count;
    poll(p, 2, -1);
    if (p[0].revents & POLLIN) {
        ssize_t n = read(d->wake, &count, sizeof(count));
        (void)n;
    }
}

/* One chain from the file. False: nothing can be done until something happens; *file_too says to
 * which of the two. */
static bool serve_from_file(struct virtio_rng *d, bool *file_too)
{
    struct virtio_device *v = &d->v;
    struct virtqueue *q = &v->queue[0];
    bool done = false;
    *file_too = false;
    os_mutex_lock(&v->work_lock);
    if (d->paused) {
        done = false;
    } else if (virtio_pop(v, 0, &d->chain) != VIRTQ_OK) {
        done = virtqueue_notify_on(q);
    } else {
        struct iovec *p = d->chain.in_count ? &d->chain.iov[d->chain.out_count] : NULL;
        uint64_t n = p ? allowed(d, p->iov_len < PIECE_MAX ? p->iov_len : PIECE_MAX) : 0;
        ssize_t got = n ? read(d->file, p->iov_base, (size_t)n) : 0;
        if (got > 0 || !p) {
            give(d, (uint64_t)got);
            virtio_complete_end(v, 0);
            done = true;
        } else {
            virtqueue_unpop(q, &d->chain);
            *file_too = n && got < 0 && errno == EAGAIN;
        }
    }
    os_mutex_unlock(&v->work_lock);
    return done;
}

static void file_thread(void *arg)
{
    struct virtio_rng *d = arg;
    while (!atomic_get(&d->stopping)) {
        bool file_too;
        if (!serve_from_file(d, &file_too)) {
            wait_for(d, file_too);
        }
    }
}

/* ---- the class */

static void rng_notify(struct virtio_device *v, unsigned queue)
{
    struct virtio_rng *d = as_rng(v);
    (void)queue;
    if (d->file >= 0) {
        wake_thread(d);
    } else {
        os_mutex_lock(&v->work_lock);
        serve(d);
        os_mutex_unlock(&v->work_lock);
    }
}

static void period_over(void *opaque)
{
    struct virtio_rng *d = opaque;
    os_mutex_lock(&d->v.work_lock);
    d->limited = false;
    os_mutex_unlock(&d->v.work_lock);
    virtio_notify(&d->v, 0);
}

static void rng_start(struct virtio_device *v)
{
    struct virtio_rng *d = as_rng(v);
    struct error e;
    atomic_set(&d->stopping, 0);
    d->paused = false;
    if (d->file >= 0) {
        d->has_thread = os_thread_start(&d->thread, "virtio-rng", file_thread, d, &e);
        if (!d->has_thread) {
            virtio_broken(v, "no thread: %s", e.text);
        }
    }
}

static void rng_stop(struct virtio_device *v)
{
    struct virtio_rng *d = as_rng(v);
    if (d->has_thread) {
        atomic_set(&d->stopping, 1);
        wake_thread(d);
        os_thread_join(&d->thread);
        d->has_thread = false;
    }
}

static void rng_settle(struct virtio_device *v)
{
    os_mutex_lock(&v->work_lock);
    as_rng(v)->paused = true;
    os_mutex_unlock(&v->work_lock);
}

static void rng_resume(struct virtio_device *v)
{
    os_mutex_lock(&v->work_lock);
    as_rng(v)->paused = false;
    os_mutex_unlock(&v->work_lock);
    if (as_rng(v)->file >= 0) {
        virtio_notify(v, 0);
    }
}

static void rng_reset(struct virtio_device *v)
{
    struct virtio_rng *d = as_rng(v);
    d->limited = false;
    if (d->timer) {
        clock_timer_cancel(d->timer);
    }
}

static bool rng_check(struct virtio_device *v, struct error *e)
{
    const struct virtio_rng *d = as_rng(v);
    const bool ends = d->timer && clock_timer_due_ns(d->timer) != CLOCK_NEVER;
    if (d->limited && (!ends || d->quota > d->max_bytes)) {
        return error_set(e, "it has %llu bytes left of a period %s", (unsigned long long)d->quota,
                         ends ? "that allows fewer" : "that never ends");
    }
    return true;
}

static bool open_source(struct virtio_rng *d, struct error *e)
{
    struct machine *m = d->v.pci.dev.machine;
    const char *path = NULL;
    d->file = d->wake = -1;
    if (!d->rng) {
        return true;
    }
    if (!m->backends.entropy(m->backends.opaque, d->rng, &path, e)) {
        return false;
    }
    if (!path) {
        return true;
    }
    d->file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (d->file < 0) {
        return error_set(e, "rng=%s: %s: %s", d->rng, path, strerror(errno));
    }
    d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return d->wake >= 0 || error_set(e, "no eventfd to be had from the host");
}

static void close_source(struct virtio_rng *d)
{
    if (d->file >= 0) {
        close(d->file);
    }
    if (d->wake >= 0) {
        close(d->wake);
    }
}

static bool rng_create(struct virtio_device *v, uint64_t *features, struct error *e)
{
    struct virtio_rng *d = as_rng(v);
    bool good = open_source(d, e);
    if (good && (d->max_bytes == 0 || d->period_ms == 0)) {
        good = error_set(e, "max-bytes and period must not be 0");
    }
    if (!good) {
        close_source(d);
        error_prefix(e, "%s: ", v->pci.dev.cls->name);
        return false;
    }
    virtio_queue_add(v, 8);
    *features = 0;
    if (d->max_bytes != UINT64_MAX) {
        d->timer = clock_timer_create(v->pci.dev.clock, period_over, d);
    }
    return true;
}

static void rng_destroy(struct virtio_device *v)
{
    struct virtio_rng *d = as_rng(v);
    if (d->timer) {
        clock_timer_destroy(d->timer);
    }
    close_source(d);
    virtq_chain_free(&d->chain);
}

static const struct virtio_class rng_class = {
    .id = VIRTIO_ID_RNG,
    .name = "virtio-rng",
    .create = rng_create,
    .destroy = rng_destroy,
    .start = rng_start,
    .stop = rng_stop,
    .settle = rng_settle,
    .resume = rng_resume,
    .reset = rng_reset,
    .check = rng_check,
    .notify = rng_notify,
};

#define RNG_PROPS                                                                                  \
    {"rng",                                                                                        \
     PROP_OBJECT,                                                                                  \
     offsetof(struct virtio_rng, rng),                                                             \
     NULL,                                                                                         \
     "id of an -object rng-random or rng-builtin",                                                 \
     NULL},                                                                                        \
        {"max-bytes",                                                                              \
         PROP_U64,                                                                                 \
         offsetof(struct virtio_rng, max_bytes),                                                   \
         "unlimited",                                                                              \
         "at most so many bytes each period",                                                      \
         NULL},                                                                                    \
    {                                                                                              \
        "period", PROP_U32, offsetof(struct virtio_rng, period_ms), "65536", "milliseconds", NULL  \
    }

static const struct prop rng_pci_props[] = {RNG_PROPS, VIRTIO_PROPS(virtio_rng, v),
                                            VIRTIO_PCI_PROPS(virtio_rng, v), PROP_END};
static const struct prop rng_device_props[] = {RNG_PROPS, VIRTIO_PROPS(virtio_rng, v), PROP_END};
static const struct field rng_fields[] = {
    VIRTIO_FIELDS(virtio_rng, v),     FIELD_KEEP(virtio_rng, limited),
    FIELD_KEEP(virtio_rng, quota),    FIELD_DUE(virtio_rng, timer),
    FIELD_SKIP(virtio_rng, pad),      FIELD_SKIP(virtio_rng, chain),
    FIELD_SKIP(virtio_rng, file),     FIELD_SKIP(virtio_rng, wake),
    FIELD_SKIP(virtio_rng, thread),   FIELD_SKIP(virtio_rng, has_thread),
    FIELD_SKIP(virtio_rng, paused),   FIELD_SKIP(virtio_rng, pad2),
    FIELD_SKIP(virtio_rng, stopping), FIELD_END,
};

static const struct virtio_pci_class rng_pci = VIRTIO_PCI_CLASS(&rng_class, VIRTIO_ID_RNG,
                                                                0x00ff00);

const struct device_class virtio_rng_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-rng-pci", "virtio-rng", "virtio entropy device", BUS_PCI, virtio_rng, rng_pci_props,
    rng_fields, &rng_pci);
const struct device_class virtio_rng_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-rng-device", NULL, "virtio entropy device", BUS_VIRTIO, virtio_rng, rng_device_props,
    rng_fields, &rng_class);
