/* SPDX-License-Identifier: MIT */
/*
 * virtio 9P transport: a folder of the host's for a guest (hw/p9). The device is id 9 of
 * VIRTIO 1.2, 5; its layout is that of the Linux driver: a tag, and one queue of messages with
 * their answers.
 *
 * A thread answers, since files of the host may take their time; on a machine whose time is counted
 * the vCPU that rings does.
 */
#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/p9/p9.h"
#include "hw/virtio/virtio.h"

enum {
    F_MOUNT_TAG = 0,
    TAG_MOST = 31,
    QUEUE_ENTRIES = 128,
    HELD_MOST = 64 << 20, /* of a saved state */
};

struct virtio_9p {
    struct virtio_device v;

    /* Properties. */
    char *fsdev, *mount_tag;

    /* State, while the device is settled: what the guest holds. */
    uint8_t *held;
    size_t held_bytes;

    /* No state. */
    struct p9_session *session;
    struct virtq_chain chain;
    uint8_t *in;
    struct strbuf out;
    struct os_thread thread;
    struct os_mutex lock; /* guards what follows */
    struct os_cond changed;
    bool has_thread, rung, busy, stopping;
    uint8_t pad[4];
};

static struct virtio_9p *as_9p(struct virtio_device *v)
{
    return (struct virtio_9p *)v;
}

static bool is_counted(const struct virtio_9p *d)
{
    return d->v.pci.dev.machine->config.counted;
}

/* ---- messages */

static void answer(struct virtio_9p *d)
{
    const size_t n = virtq_chain_read(&d->chain, 0, d->in, P9_MESSAGE_MAX);
    const uint64_t room = d->chain.in_bytes < P9_MESSAGE_MAX ? d->chain.in_bytes : P9_MESSAGE_MAX;
    strbuf_clear(&d->out);
    p9_session_answer(d->session, d->in, n, room, &d->out);
    const size_t written = virtq_chain_write(&d->chain, 0, strbuf_text(&d->out), d->out.len);
    virtio_complete(&d->v, 0, &d->chain, (uint32_t)written);
}

static void serve(struct virtio_9p *d)
{
    struct virtqueue *q = &d->v.queue[0];
    do {
        virtqueue_notify_off(q);
        while (virtio_pop(&d->v, 0, &d->chain) == VIRTQ_OK) {
            answer(d);
            virtio_complete_end(&d->v, 0);
        }
    } while (virtqueue_notify_on(q));
}

static void serve_thread(void *arg)
{
    struct virtio_9p *d = arg;
    os_mutex_lock(&d->lock);
    while (!d->stopping) {
        if (!d->rung) {
            os_cond_wait(&d->changed, &d->lock);
            continue;
        }
        d->rung = false;
        d->busy = true;
        os_mutex_unlock(&d->lock);
        serve(d);
        os_mutex_lock(&d->lock);
        d->busy = false;
        os_cond_broadcast(&d->changed);
    }
    os_mutex_unlock(&d->lock);
}

static void p9_notify(struct virtio_device *v, unsigned queue)
{
    struct virtio_9p *d = as_9p(v);
    (void)queue;
    if (is_counted(d)) {
        os_mutex_lock(&v->work_lock);
        if (v->running) {
            serve(d);
        }
        os_mutex_unlock(&v->work_lock);
        return;
    }
    os_mutex_lock(&d->lock);
    d->rung = true;
    os_cond_broadcast(&d->changed);
    os_mutex_unlock(&d->lock);
}

/* ---- life of the driver */

static void p9_start(struct virtio_device *v)
{
    struct virtio_9p *d = as_9p(v);
    struct error e;
    d->stopping = d->rung = d->busy = false;
    if (is_counted(d)) {
        return;
    }
    d->has_thread = os_thread_start(&d->thread, "virtio-9p", serve_thread, d, &e);
    if (!d->has_thread) {
        virtio_broken(v, "no thread: %s", e.text);
    }
}

static void p9_stop(struct virtio_device *v)
{
    struct virtio_9p *d = as_9p(v);
    if (d->has_thread) {
        os_mutex_lock(&d->lock);
        d->stopping = true;
        os_cond_broadcast(&d->changed);
        os_mutex_unlock(&d->lock);
        os_thread_join(&d->thread);
        d->has_thread = false;
    }
}

static void drop_held(struct virtio_9p *d)
{
    mem_free(d->held);
    d->held = NULL;
    d->held_bytes = 0;
}

static void p9_settle(struct virtio_device *v)
{
    struct virtio_9p *d = as_9p(v);
    struct strbuf out = {0};
    os_mutex_lock(&d->lock);
    while (d->has_thread && (d->rung || d->busy)) {
        os_cond_wait(&d->changed, &d->lock);
    }
    os_mutex_unlock(&d->lock);
    drop_held(d);
    p9_session_save(d->session, &out);
    d->held_bytes = out.len;
    d->held = (uint8_t *)strbuf_take(&out);
}

static void p9_resume(struct virtio_device *v)
{
    drop_held(as_9p(v));
}

static void p9_reset(struct virtio_device *v)
{
    drop_held(as_9p(v));
    p9_session_reset(as_9p(v)->session);
}

static bool p9_check(struct virtio_device *v, struct error *e)
{
    const struct virtio_9p *d = as_9p(v);
    return !d->held_bytes || p9_session_load(d->session, d->held, d->held_bytes, false, e);
}

static void p9_loaded(struct virtio_device *v)
{
    struct virtio_9p *d = as_9p(v);
    struct error e;
    p9_session_reset(d->session);
    if (d->held_bytes) {
        p9_session_load(d->session, d->held, d->held_bytes, true, &e);
    }
}

/* ---- life */

static bool check_properties(struct virtio_9p *d, struct p9_share **share, struct error *e)
{
    const struct machine_backends *b = &d->v.pci.dev.machine->backends;
    const size_t n = d->mount_tag ? strlen(d->mount_tag) : 0;
    if (!d->fsdev) {
        return error_set(e, "fsdev= is missing");
    }
    if (n < 1 || n > TAG_MOST) {
        return error_set(e, "mount_tag= is missing, or has more than %d characters", TAG_MOST);
    }
    *share = b->fsdev ? b->fsdev(b->opaque, d->fsdev, e) : NULL;
    return *share;
}

static bool p9_create(struct virtio_device *v, uint64_t *features, struct error *e)
{
    struct virtio_9p *d = as_9p(v);
    struct p9_share *share = NULL;
    if (!check_properties(d, &share, e)) {
        error_prefix(e, "%s: ", v->pci.dev.cls->name);
        return false;
    }
    virtio_queue_add(v, QUEUE_ENTRIES);
    *features = VIRTIO_F(F_MOUNT_TAG);
    const size_t n = strlen(d->mount_tag);
    v->config_bytes = (unsigned)(2 + n);
    store_le16(v->config, (uint16_t)n);
    memcpy(v->config + 2, d->mount_tag, n);
    os_mutex_init(&d->lock);
    os_cond_init(&d->changed);
    d->in = mem_alloc(P9_MESSAGE_MAX);
    d->session = p9_session_create(share);
    return true;
}

static void p9_destroy(struct virtio_device *v)
{
    struct virtio_9p *d = as_9p(v);
    p9_session_free(d->session);
    drop_held(d);
    strbuf_free(&d->out);
    mem_free(d->in);
    virtq_chain_free(&d->chain);
    os_cond_destroy(&d->changed);
    os_mutex_destroy(&d->lock);
}

static const uint8_t p9_config_fields[] = {2, 0};

static const struct virtio_class p9_class = {
    .config_fields = p9_config_fields,
    .id = VIRTIO_ID_9P,
    .name = "virtio-9p",
    .create = p9_create,
    .destroy = p9_destroy,
    .start = p9_start,
    .stop = p9_stop,
    .settle = p9_settle,
    .resume = p9_resume,
    .reset = p9_reset,
    .check = p9_check,
    .loaded = p9_loaded,
    .notify = p9_notify,
};

#define P9_PROPS                                                                                   \
    {"fsdev", PROP_OBJECT, offsetof(struct virtio_9p, fsdev), NULL, "id of the -fsdev", NULL},     \
    {                                                                                              \
        "mount_tag", PROP_STRING, offsetof(struct virtio_9p, mount_tag), NULL,                     \
            "the name that the guest mounts it by", NULL                                           \
    }

static const struct prop p9_pci_props[] = {P9_PROPS, VIRTIO_PROPS(virtio_9p, v),
                                           VIRTIO_PCI_PROPS_WITH(virtio_9p, v, "2"), PROP_END};
static const struct prop p9_device_props[] = {P9_PROPS, VIRTIO_PROPS(virtio_9p, v), PROP_END};

static const struct field p9_fields[] = {
    VIRTIO_FIELDS(virtio_9p, v),
    {.name = "held",
     .offset = offsetof(struct virtio_9p, held),
     .size = offsetof(struct virtio_9p, held_bytes),
     .kind = FIELD_LIST,
     .type = FIELD_U8,
     .most = HELD_MOST,
     .keep_at_reset = true},
    FIELD_SKIP(virtio_9p, session),
    FIELD_SKIP(virtio_9p, chain),
    FIELD_SKIP(virtio_9p, in),
    FIELD_SKIP(virtio_9p, out),
    FIELD_SKIP(virtio_9p, thread),
    FIELD_SKIP(virtio_9p, lock),
    FIELD_SKIP(virtio_9p, changed),
    FIELD_SKIP(virtio_9p, has_thread),
    FIELD_SKIP(virtio_9p, rung),
    FIELD_SKIP(virtio_9p, busy),
    FIELD_SKIP(virtio_9p, stopping),
    FIELD_SKIP(virtio_9p, pad),
    FIELD_END,
};

static const struct virtio_pci_class p9_pci = VIRTIO_PCI_CLASS(&p9_class, VIRTIO_ID_9P, 0x000200);

const struct device_class virtio_9p_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-9p-pci", "virtio-9p", "shared folder (9P)", BUS_PCI, virtio_9p, p9_pci_props, p9_fields,
    &p9_pci);
const struct device_class virtio_9p_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-9p-device", NULL, "shared folder (9P)", BUS_VIRTIO, virtio_9p, p9_device_props,
    p9_fields, &p9_class);
