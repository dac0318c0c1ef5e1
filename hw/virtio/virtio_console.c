/* SPDX-License-Identifier: MIT */
/*
 * virtio console: VIRTIO 1.2, chapter 5.3, with several ports. The ports are devices of their own
 * (virtconsole, virtserialport) on the bus that this one has.
 *
 * Not modelled: window sizes (VIRTIO_CONSOLE_F_SIZE).
 */
#include "hw/virtio/virtio_console.h"

#include <stdio.h>

#include "base/bits.h"
#include "base/log.h"

enum {
    F_MULTIPORT = 1,
    F_EMERG_WRITE = 2,

    CONFIG_MAX_PORTS = 4,
    CONFIG_EMERG_WR = 8,
    CONFIG_BYTES = 12,

    CONTROL_BYTES = 8,
    NAME_MAX_BYTES = 64,
};

bool serial_multiport(const struct virtio_serial *s)
{
    return virtio_has(&s->v, VIRTIO_F(F_MULTIPORT));
}

/* ---- messages to the driver */

/* The message with what belongs to it; returns its length. */
static size_t make_message(const struct virtio_serial *s, const struct serial_message *m,
                           uint8_t *out)
{
    virtio_store32(&s->v, out, m->port);
    virtio_store16(&s->v, out + 4, m->event);
    virtio_store16(&s->v, out + 6, m->value);
    const struct virtio_port *p = m->port < SERIAL_PORTS_MAX ? s->port[m->port] : NULL;
    if (m->event != SERIAL_PORT_NAME || !p || !p->name) {
        return CONTROL_BYTES;
    }
    int n = snprintf((char *)out + CONTROL_BYTES, NAME_MAX_BYTES, "%s", p->name);
    return CONTROL_BYTES + (size_t)(n < NAME_MAX_BYTES ? n : NAME_MAX_BYTES - 1);
}

static void flush_messages(struct virtio_serial *s)
{
    struct virtqueue *q = &s->v.queue[SERIAL_CONTROL_RX];
    unsigned done = 0;
    virtqueue_notify_off(q);
    while (done < s->pending_count) {
        uint8_t out[CONTROL_BYTES + NAME_MAX_BYTES];
        if (virtio_pop(&s->v, SERIAL_CONTROL_RX, &s->control_in) != VIRTQ_OK) {
            if (virtqueue_notify_on(q)) {
                continue;
            }
            break;
        }
        size_t n = make_message(s, &s->pending[done++], out);
        size_t written = virtq_chain_write(&s->control_in, 0, out, n);
        if (written < n) {
            log_guest("virtio-serial", "control buffer of %zu bytes is too small", written);
        }
        virtio_complete(&s->v, SERIAL_CONTROL_RX, &s->control_in, (uint32_t)written);
    }
    s->pending_count -= (uint16_t)done;
    memmove(s->pending, s->pending + done, s->pending_count * sizeof(s->pending[0]));
    virtio_complete_end(&s->v, SERIAL_CONTROL_RX);
}

void serial_tell(struct virtio_serial *s, uint32_t port, uint16_t event, uint16_t value)
{
    if (!s->v.running || !serial_multiport(s)) {
        return;
    }
    if (s->pending_count == SERIAL_PENDING_MAX) {
        log_guest("virtio-serial", "the driver gives no control buffers: a message is dropped");
        return;
    }
    s->pending[s->pending_count++] = (struct serial_message){port, event, value};
    flush_messages(s);
}

/* ---- messages from the driver */

static void port_ready(struct virtio_serial *s, struct virtio_port *p)
{
    if (p->console) {
        serial_tell(s, p->nr, SERIAL_CONSOLE_PORT, 1);
    }
    if (p->name) {
        serial_tell(s, p->nr, SERIAL_PORT_NAME, 1);
    }
    if (p->host_open) {
        serial_tell(s, p->nr, SERIAL_PORT_OPEN, 1);
    }
}

static void device_ready(struct virtio_serial *s)
{
    s->driver_ready = true;
    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i]) {
            serial_tell(s, i, SERIAL_PORT_ADD, 1);
        }
    }
}

static void take_message(struct virtio_serial *s, const struct virtq_chain *c)
{
    uint8_t raw[CONTROL_BYTES];
    if (virtq_chain_read(c, 0, raw, sizeof(raw)) < sizeof(raw)) {
        log_guest("virtio-serial", "control message of %llu bytes",
                  (unsigned long long)c->out_bytes);
        return;
    }
    uint32_t nr = virtio_load32(&s->v, raw);
    uint16_t event = virtio_load16(&s->v, raw + 4), value = virtio_load16(&s->v, raw + 6);
    struct virtio_port *p = nr < s->max_ports ? s->port[nr] : NULL;
    if (event == SERIAL_DEVICE_READY) {
        if (value) {
            device_ready(s);
        }
    } else if (!p) {
        log_guest("virtio-serial", "control event %u of port %u, which does not exist", event, nr);
    } else if (event == SERIAL_PORT_READY && value) {
        port_ready(s, p);
    } else if (event == SERIAL_PORT_OPEN) {
        port_set_guest_open(p, value != 0);
    }
}

static void read_messages(struct virtio_serial *s)
{
    struct virtqueue *q = &s->v.queue[SERIAL_CONTROL_TX];
    do {
        virtqueue_notify_off(q);
        while (virtio_pop(&s->v, SERIAL_CONTROL_TX, &s->control_out) == VIRTQ_OK) {
            take_message(s, &s->control_out);
            virtio_complete(&s->v, SERIAL_CONTROL_TX, &s->control_out, 0);
        }
        virtio_complete_end(&s->v, SERIAL_CONTROL_TX);
    } while (virtqueue_notify_on(q));
}

/* ---- the class */

/* The port whose queue (either way) this is, or NULL. */
static struct virtio_port *port_of_queue(struct virtio_serial *s, unsigned queue)
{
    unsigned nr = queue < 2 ? 0 : queue / 2 - 1;
    return nr < s->max_ports ? s->port[nr] : NULL;
}

static void serial_notify(struct virtio_device *v, unsigned queue)
{
    struct virtio_serial *s = as_serial(v);
    struct virtio_port *p = NULL, *hears[SERIAL_PORTS_MAX] = {0};
    os_mutex_lock(&v->work_lock);
    bool control = s->max_ports > 1 && (queue == SERIAL_CONTROL_RX || queue == SERIAL_CONTROL_TX);
    if (!v->running) {
        os_mutex_unlock(&v->work_lock);
        return;
    }
    if (control && queue == SERIAL_CONTROL_RX) {
        flush_messages(s);
    } else if (control) {
        read_messages(s);
        memcpy(hears, s->port, sizeof(hears)); /* some may have been opened */
    } else {
        p = port_of_queue(s, queue);
        if (p && queue % 2) {
            port_transmit(p);
        }
    }
    os_mutex_unlock(&v->work_lock);
    if (p && queue % 2 == 0) {
        port_more_room(p);
    }
    for (unsigned i = 0; i < SERIAL_PORTS_MAX; i++) {
        if (hears[i]) {
            port_more_room(hears[i]);
        }
    }
}

static void serial_stop(struct virtio_device *v)
{
    struct virtio_serial *s = as_serial(v);
    os_mutex_lock(&v->work_lock);
    s->settled = false;
    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i]) {
            port_stop(s->port[i], false);
        }
    }
    os_mutex_unlock(&v->work_lock);
}

static void serial_settle(struct virtio_device *v)
{
    struct virtio_serial *s = as_serial(v);
    os_mutex_lock(&v->work_lock);
    s->settled = true;
    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i]) {
            port_stop(s->port[i], true);
        }
    }
    os_mutex_unlock(&v->work_lock);
}

static void serial_resume(struct virtio_device *v)
{
    struct virtio_serial *s = as_serial(v);
    os_mutex_lock(&v->work_lock);
    s->settled = false;
    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i]) {
            port_tell_connected(s->port[i]);
        }
    }
    os_mutex_unlock(&v->work_lock);
    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i]) {
            port_more_room(s->port[i]);
        }
    }
}

static void serial_reset(struct virtio_device *v)
{
    struct virtio_serial *s = as_serial(v);
    os_mutex_lock(&v->work_lock);
    s->driver_ready = false;
    s->pending_count = 0;
    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i]) {
            s->port[i]->guest_open = false;
        }
    }
    os_mutex_unlock(&v->work_lock);
}

/* 5.3.4: a byte for the first port, without queues. */
static void serial_config_written(struct virtio_device *v, unsigned offset, unsigned size)
{
    struct virtio_serial *s = as_serial(v);
    if (offset <= CONFIG_EMERG_WR && offset + size > CONFIG_EMERG_WR) {
        os_mutex_lock(&v->leaf);
        uint8_t c = v->config[CONFIG_EMERG_WR];
        memset(v->config + CONFIG_EMERG_WR, 0, 4);
        os_mutex_unlock(&v->leaf);
        if (s->port[0]) {
            stream_write(s->port[0]->stream, &c, 1);
        }
    }
}

/* ---- the bus */

static bool bus_attach(struct bus *b, struct device *d, struct error *e)
{
    struct virtio_serial *s = b->impl;
    struct virtio_port *p = (struct virtio_port *)d;
    bool console = strcmp(d->cls->name, "virtconsole") == 0;
    if (p->nr == UINT32_MAX) {
        /* Port 0 is left to a console: drivers without multiport take it for one. */
        p->nr = console || s->max_ports == 1 ? 0 : 1;
        while (p->nr < s->max_ports && s->port[p->nr]) {
            p->nr++;
        }
    }
    if (p->nr >= s->max_ports) {
        return error_set(e, "%s: bus %s has no free port (max_ports=%u)", d->cls->name, b->name,
                         s->max_ports);
    }
    if (s->port[p->nr]) {
        return error_set(e, "%s: nr=%u is taken on bus %s", d->cls->name, p->nr, b->name);
    }
    p->serial = s;
    p->console = console;
    s->port[p->nr] = p;
    return true;
}

static void bus_detach(struct bus *b, struct device *d)
{
    struct virtio_serial *s = b->impl;
    struct virtio_port *p = (struct virtio_port *)d;
    if (p->nr < SERIAL_PORTS_MAX && s->port[p->nr] == p) {
        s->port[p->nr] = NULL;
    }
}

/* A driver that is not ready yet hears of all ports when it is. */
static void tell_if_ready(struct virtio_serial *s, const struct virtio_port *p, uint16_t event)
{
    os_mutex_lock(&s->v.work_lock);
    if (s->driver_ready) {
        serial_tell(s, p->nr, event, 1);
    }
    os_mutex_unlock(&s->v.work_lock);
}

static void bus_plug(struct bus *b, struct device *d)
{
    tell_if_ready(b->impl, (const struct virtio_port *)d, SERIAL_PORT_ADD);
}

/* 5.3.6.2: the driver is told and not asked. */
static bool bus_unplug(struct bus *b, struct device *d, struct error *e)
{
    struct virtio_serial *s = b->impl;
    if (s->max_ports == 1) {
        return error_set(e, "bus %s has one port, which stays: max_ports=1", b->name);
    }
    tell_if_ready(s, (const struct virtio_port *)d, SERIAL_PORT_REMOVE);
    machine_release(d);
    return true;
}

static void bus_place(const struct device *d, char *text, size_t size)
{
    snprintf(text, size, "port-%u", ((const struct virtio_port *)d)->nr);
}

static void make_bus(struct virtio_serial *s)
{
    struct device *d = &s->v.pci.dev;
    s->bus = (struct bus){
        .kind = BUS_VIRTIO_SERIAL,
        .machine = d->machine,
        .parent = d,
        .impl = s,
        .attach = bus_attach,
        .detach = bus_detach,
        .plug = bus_plug,
        .unplug = bus_unplug,
        .place = bus_place,
    };
    if (d->id) {
        snprintf(s->bus.name, sizeof(s->bus.name), "%.24s.0", d->id);
    }
    machine_add_bus_of(&s->bus, "virtio-serial-bus");
}

/* ---- life */

static bool serial_create(struct virtio_device *v, uint64_t *features, struct error *e)
{
    struct virtio_serial *s = as_serial(v);
    if (s->max_ports < 1 || s->max_ports > SERIAL_PORTS_MAX) {
        return error_set(e, "%s: max_ports=%u: 1 to %u are accepted", v->pci.dev.cls->name,
                         s->max_ports, SERIAL_PORTS_MAX);
    }
    unsigned queues = s->max_ports > 1 ? 2 * s->max_ports + 2 : 2;
    for (unsigned i = 0; i < queues; i++) {
        virtio_queue_add(v, 128);
    }
    v->config_bytes = CONFIG_BYTES;
    store_le32(v->config + CONFIG_MAX_PORTS, s->max_ports);
    *features = s->max_ports > 1 ? VIRTIO_F(F_MULTIPORT) : 0;
    if (s->emergency_write) {
        *features |= VIRTIO_F(F_EMERG_WRITE);
        v->config_writable[CONFIG_EMERG_WR] = 0xff;
    }
    make_bus(s);
    return true;
}

static void serial_destroy(struct virtio_device *v)
{
    struct virtio_serial *s = as_serial(v);
    machine_remove_bus(v->pci.dev.machine, &s->bus);
    virtq_chain_free(&s->control_in);
    virtq_chain_free(&s->control_out);
}

static const uint8_t serial_config_fields[] = {2, 2, 4, 4, 0};

static const struct virtio_class serial_class = {
    .config_fields = serial_config_fields,
    .id = VIRTIO_ID_CONSOLE,
    .name = "virtio-serial",
    .create = serial_create,
    .destroy = serial_destroy,
    .stop = serial_stop,
    .settle = serial_settle,
    .resume = serial_resume,
    .reset = serial_reset,
    .notify = serial_notify,
    .config_written = serial_config_written,
};

#define SERIAL_PROPS                                                                               \
    {"max_ports",                                                                                  \
     PROP_U32,                                                                                     \
     offsetof(struct virtio_serial, max_ports),                                                    \
     "31",                                                                                         \
     "ports at most; 1: a plain console",                                                          \
     NULL},                                                                                        \
    {                                                                                              \
        "emergency-write", PROP_BOOL, offsetof(struct virtio_serial, emergency_write), "on",       \
            "offer output without queues", NULL                                                    \
    }

static const struct prop serial_pci_props[] = {SERIAL_PROPS, VIRTIO_PROPS(virtio_serial, v),
                                               VIRTIO_PCI_PROPS_WITH(virtio_serial, v, "2"),
                                               PROP_END};
static const struct prop serial_device_props[] = {SERIAL_PROPS, VIRTIO_PROPS(virtio_serial, v),
                                                  PROP_END};
static const struct field message_fields[] = {
    FIELD(serial_message, port),
    FIELD(serial_message, event),
    FIELD(serial_message, value),
    FIELD_END,
};

static const struct field serial_fields[] = {
    VIRTIO_FIELDS(virtio_serial, v),
    FIELD_KEEP(virtio_serial, driver_ready),
    FIELD_KEEP_MOST(virtio_serial, pending_count, SERIAL_PENDING_MAX),
    FIELD_KEEP_PARTS(virtio_serial, pending, message_fields, serial_message),
    FIELD_SKIP(virtio_serial, settled),
    FIELD_SKIP(virtio_serial, pad),
    FIELD_SKIP(virtio_serial, bus),
    FIELD_SKIP(virtio_serial, port),
    FIELD_SKIP(virtio_serial, control_in),
    FIELD_SKIP(virtio_serial, control_out),
    FIELD_END,
};

static const struct virtio_pci_class serial_pci = VIRTIO_PCI_CLASS(&serial_class, VIRTIO_ID_CONSOLE,
                                                                   0x078000);

const struct device_class virtio_serial_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-serial-pci", "virtio-serial", "virtio console with ports", BUS_PCI, virtio_serial,
    serial_pci_props, serial_fields, &serial_pci);
const struct device_class virtio_serial_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-serial-device", NULL, "virtio console with ports", BUS_VIRTIO, virtio_serial,
    serial_device_props, serial_fields, &serial_class);
