/* SPDX-License-Identifier: MIT */
/*
 * Ports of the virtio console: VIRTIO 1.2, 5.3.6. A port connects a pair of queues with a byte
 * stream. Bytes that arrive go into a buffer that was taken from the receive queue when the stream
 * asked for room, so that no more is accepted than fits.
 */
#include "base/bits.h"
#include "hw/virtio/virtio_console.h"

/* ---- to the stream */

static void write_chain(struct virtio_port *p)
{
    for (unsigned i = 0; i < p->out.out_count; i++) {
        /* A stream buffers, and drops what it never gets rid of. */
        stream_write(p->stream, p->out.iov[i].iov_base, p->out.iov[i].iov_len);
    }
}

void port_transmit(struct virtio_port *p)
{
    struct virtio_device *v = &p->serial->v;
    unsigned queue = serial_rx_queue(p->nr) + 1;
    struct virtqueue *q = &v->queue[queue];
    do {
        virtqueue_notify_off(q);
        while (virtio_pop(v, queue, &p->out) == VIRTQ_OK) {
            write_chain(p);
            virtio_complete(v, queue, &p->out, 0);
        }
        virtio_complete_end(v, queue);
    } while (virtqueue_notify_on(q));
}

/* ---- from the stream; on the loop's thread */

/* The driver reads: a console without the control queues always does. */
static bool is_open(const struct virtio_port *p)
{
    return p->serial->v.running && !p->serial->settled &&
           (p->guest_open || !serial_multiport(p->serial));
}

/* Takes a buffer, if none is held. */
static bool take_buffer(struct virtio_port *p)
{
    struct virtio_device *v = &p->serial->v;
    unsigned queue = serial_rx_queue(p->nr);
    struct virtqueue *q = &v->queue[queue];
    while (!p->held) {
        if (virtio_pop(v, queue, &p->in) == VIRTQ_OK) {
            p->held = true;
            p->used = 0;
            virtqueue_notify_off(q);
        } else if (!virtqueue_notify_on(q)) {
            return false;
        }
    }
    return true;
}

static void give_buffer(struct virtio_port *p)
{
    struct virtio_device *v = &p->serial->v;
    unsigned queue = serial_rx_queue(p->nr);
    virtio_complete(v, queue, &p->in, p->used);
    virtio_complete_end(v, queue);
    p->held = false;
}

static size_t port_room(void *opaque)
{
    struct virtio_port *p = opaque;
    struct virtio_device *v = &p->serial->v;
    size_t room = 0;
    os_mutex_lock(&v->work_lock);
    /* An empty buffer is of no use to anybody: it goes back at once. */
    while (is_open(p) && room == 0 && take_buffer(p)) {
        room = (size_t)(p->in.in_bytes - p->used);
        if (room == 0) {
            give_buffer(p);
        }
    }
    os_mutex_unlock(&v->work_lock);
    return room;
}

static void port_read(void *opaque, const uint8_t *bytes, size_t n)
{
    struct virtio_port *p = opaque;
    struct virtio_device *v = &p->serial->v;
    os_mutex_lock(&v->work_lock);
    if (is_open(p) && p->held) { /* else the driver reset the device meanwhile: lost */
        p->used += (uint32_t)virtq_chain_write(&p->in, p->used, bytes, n);
        give_buffer(p);
    }
    os_mutex_unlock(&v->work_lock);
}

static void port_event(void *opaque, enum stream_event e)
{
    struct virtio_port *p = opaque;
    struct virtio_device *v = &p->serial->v;
    if (e == STREAM_BREAK) {
        return;
    }
    os_mutex_lock(&v->work_lock);
    p->connected = e == STREAM_OPENED;
    if (!p->serial->settled) {
        port_tell_connected(p);
    }
    os_mutex_unlock(&v->work_lock);
}

void port_tell_connected(struct virtio_port *p)
{
    if (p->host_open != p->connected) {
        p->host_open = p->connected;
        if (p->serial->driver_ready) {
            serial_tell(p->serial, p->nr, SERIAL_PORT_OPEN, p->connected);
        }
    }
}

void port_more_room(struct virtio_port *p)
{
    if (p->stream) {
        p->stream->ops->more_room(p->stream);
    }
}

/* ---- state */

void port_set_guest_open(struct virtio_port *p, bool open)
{
    p->guest_open = open;
    if (!open) {
        port_stop(p, true);
    }
}

void port_stop(struct virtio_port *p, bool keep)
{
    if (p->held && keep) {
        virtqueue_unpop(&p->serial->v.queue[serial_rx_queue(p->nr)], &p->in);
    }
    p->held = false;
}

/* ---- life */

static bool port_create(struct device *d, struct error *e)
{
    struct virtio_port *p = (struct virtio_port *)d;
    struct machine *m = d->machine;
    if (!p->serial) {
        return error_set(e, "%s needs a virtio-serial device before it", d->cls->name);
    }
    if (p->chardev) {
        p->stream = m->backends.chardev(m->backends.opaque, p->chardev, e);
        if (!p->stream) {
            error_prefix(e, "%s: ", d->cls->name);
            return false;
        }
        p->reader = (struct stream_reader){port_room, port_read, port_event, p};
        p->stream->ops->set_reader(p->stream, &p->reader);
    }
    return true;
}

static void port_destroy(struct device *d)
{
    struct virtio_port *p = (struct virtio_port *)d;
    if (p->stream) {
        p->stream->ops->set_reader(p->stream, NULL);
    }
    os_mutex_lock(&p->serial->v.work_lock);
    port_stop(p, true);
    os_mutex_unlock(&p->serial->v.work_lock);
    virtq_chain_free(&p->in);
    virtq_chain_free(&p->out);
}

static const struct prop port_props[] = {
    {"chardev", PROP_CHARDEV, offsetof(struct virtio_port, chardev), NULL, "id of the -chardev",
     NULL},
    {"name", PROP_STRING, offsetof(struct virtio_port, name), NULL,
     "what the guest finds it by (/dev/virtio-ports/NAME)", NULL},
    {"nr", PROP_U32, offsetof(struct virtio_port, nr), "auto", "number; auto is a free one", NULL},
    PROP_END,
};

static const struct field port_fields[] = {
    FIELD_KEEP(virtio_port, guest_open),
    FIELD_KEEP(virtio_port, host_open),
    FIELD_SKIP(virtio_port, held),
    FIELD_SKIP(virtio_port, console),
    FIELD_SKIP(virtio_port, connected),
    FIELD_SKIP(virtio_port, pad),
    FIELD_SKIP(virtio_port, used),
    FIELD_SKIP(virtio_port, serial),
    FIELD_SKIP(virtio_port, stream),
    FIELD_SKIP(virtio_port, reader),
    FIELD_SKIP(virtio_port, in),
    FIELD_SKIP(virtio_port, out),
    FIELD_END,
};

#define PORT_CLASS(name_, desc_)                                                                   \
    {                                                                                              \
        .name = name_, .desc = desc_, .bus = BUS_VIRTIO_SERIAL,                                    \
        .size = sizeof(struct virtio_port), .props = port_props, .fields = port_fields,            \
        .create = port_create, .destroy = port_destroy,                                            \
        .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE                                             \
    }

const struct device_class virtconsole_class = PORT_CLASS("virtconsole", "console port of a "
                                                                        "virtio-serial device");
const struct device_class virtserialport_class = PORT_CLASS("virtserialport",
                                                            "port of a virtio-serial device");
