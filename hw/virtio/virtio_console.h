/* SPDX-License-Identifier: MIT */
/*
 * What the two files of the virtio console share: virtio_console.c (the device and its control
 * queues), virtio_console_port.c (ports, which are devices on its bus).
 *
 * Everything is guarded by the device's v.work_lock; stream callbacks take it, and it is held while
 * a stream is written to.
 */
#ifndef HW_VIRTIO_VIRTIO_CONSOLE_H
#define HW_VIRTIO_VIRTIO_CONSOLE_H

#include "base/stream.h"
#include "hw/virtio/virtio.h"

#define SERIAL_PORTS_MAX 31
#define SERIAL_PENDING_MAX 256

/* Control events (5.3.6.2). */
enum {
    SERIAL_DEVICE_READY = 0,
    SERIAL_PORT_ADD = 1,
    SERIAL_PORT_REMOVE = 2,
    SERIAL_PORT_READY = 3,
    SERIAL_CONSOLE_PORT = 4,
    SERIAL_RESIZE = 5,
    SERIAL_PORT_OPEN = 6,
    SERIAL_PORT_NAME = 7,
};

struct virtio_serial;

/* One port; nr selects its queues. */
struct virtio_port {
    struct device dev; /* first */

    /* Properties. */
    char *chardev, *name;
    uint32_t nr; /* UINT32_MAX: the first free one */

    /* State. */
    bool guest_open;
    bool host_open; /* as the driver was told */

    /* No state. */
    bool held; /* a receive buffer is taken from the queue: chain has room from used on */
    bool console;
    bool connected; /* somebody is at the stream's other end */
    uint8_t pad[3];
    uint32_t used;
    struct virtio_serial *serial;
    struct stream *stream;
    struct stream_reader reader;
    struct virtq_chain in, out;
};

/* A message to the driver that waits for a buffer. */
struct serial_message {
    uint32_t port;
    uint16_t event, value;
};

struct virtio_serial {
    struct virtio_device v;

    /* Properties. */
    uint32_t max_ports;
    bool emergency_write;

    /* State. */
    bool driver_ready; /* DEVICE_READY came */
    uint16_t pending_count;
    struct serial_message pending[SERIAL_PENDING_MAX];

    /* No state. */
    bool settled; /* nothing is taken from streams */
    uint8_t pad[7];
    struct bus bus;
    struct virtio_port *port[SERIAL_PORTS_MAX];
    struct virtq_chain control_in, control_out;
};

static inline struct virtio_serial *as_serial(struct virtio_device *v)
{
    return (struct virtio_serial *)v;
}

/* Queue numbers (5.3.2): those of port 0, then the control queues, then the other ports'. */
static inline unsigned serial_rx_queue(unsigned port)
{
    return port ? 2 * port + 2 : 0;
}
#define SERIAL_CONTROL_RX 2u /* to the driver */
#define SERIAL_CONTROL_TX 3u

/* Tells the driver, now or when it has a buffer for it. */
void serial_tell(struct virtio_serial *s, uint32_t port, uint16_t event, uint16_t value);
bool serial_multiport(const struct virtio_serial *s);

/* virtio_console_port.c */
void port_transmit(struct virtio_port *p); /* what the guest writes */
void port_set_guest_open(struct virtio_port *p, bool open);
void port_stop(struct virtio_port *p, bool keep); /* keep: buffers go back to the queue */
void port_tell_connected(struct virtio_port *p);  /* tells the driver, if it does not know */
/* The guest can take more. Without the lock. */
void port_more_room(struct virtio_port *p);

#endif
