/* SPDX-License-Identifier: MIT */
/* The virtio console and its ports; the streams are the test's. */
#include "hw/virtio/virtio_console.h"
#include "base/bits.h"
#include "hw/state.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

extern const struct device_class virtio_serial_pci_class, virtio_serial_device_class;
extern const struct device_class virtconsole_class, virtserialport_class;

/* A stream that keeps what is written, and offers what the test has. */
struct tape {
    struct stream stream;
    const struct stream_reader *reader;
    char written[4096];
    size_t n;
    unsigned room_calls;
};

static size_t tape_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct tape *t = (struct tape *)s;
    memcpy(t->written + t->n, bytes, n);
    t->n += n;
    return n;
}

static void tape_set_reader(struct stream *s, const struct stream_reader *r)
{
    struct tape *t = (struct tape *)s;
    t->reader = r;
    if (r && r->event) {
        r->event(r->opaque, STREAM_OPENED);
    }
}

static void tape_more_room(struct stream *s)
{
    ((struct tape *)s)->room_calls++;
}

static const struct stream_ops tape_ops = {tape_write, tape_set_reader, tape_more_room, NULL};

/* Offers text to the reader as a loop would; returns how much was taken. */
static size_t play(struct tape *t, const char *text)
{
    size_t n = strlen(text), done = 0;
    while (done < n) {
        size_t room = t->reader->room(t->reader->opaque);
        size_t piece = room < n - done ? room : n - done;
        if (piece == 0) {
            break;
        }
        t->reader->read(t->reader->opaque, (const uint8_t *)text + done, piece);
        done += piece;
    }
    return done;
}

struct scene {
    struct rig r;
    struct drv d;
    struct device *dev, *ports[2];
    struct tape tapes[2];
    struct ring rx0, tx0, ctrl_rx, ctrl_tx, rx1, tx1;
    paddr buf;
};

static struct stream *give_tape(void *opaque, const char *id, struct error *e)
{
    struct scene *s = opaque;
    (void)e;
    return &s->tapes[id[0] - '0'].stream;
}

static void open_devices(struct scene *s, bool mmio, const char *max_ports)
{
    struct error e = {{0}};
    rig_open(&s->r);
    s->r.m->backends.chardev = give_tape;
    s->r.m->backends.opaque = s;
    for (unsigned i = 0; i < 2; i++) {
        s->tapes[i] = (struct tape){.stream.ops = &tape_ops};
    }
    s->dev = rig_device(&s->r, mmio ? &virtio_serial_device_class : &virtio_serial_pci_class,
                        mmio ? "virtio-mmio-bus.0" : "pcie.0", &e, max_ports,
                        mmio ? NULL : "addr=4", NULL);
    if (!s->dev) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    s->ports[0] = rig_device(&s->r, &virtconsole_class, "virtio-serial-bus.0", &e, "chardev=0",
                             NULL);
    if (mmio) {
        drv_open_mmio(&s->d, &s->r);
    } else {
        drv_open_pci(&s->d, &s->r, 0x20);
    }
}

#define MULTIPORT VIRTIO_F(1)

/* A multiport device with a console and the port "org.test.1", through its greeting. */
static void open_scene(struct scene *s, bool mmio)
{
    struct error e = {{0}};
    open_devices(s, mmio, "max_ports=4");
    s->ports[1] = rig_device(&s->r, &virtserialport_class, "virtio-serial-bus.0", &e, "chardev=1",
                             "name=org.test.1", NULL);
    CHECK(s->ports[1] != NULL);
    CHECK(drv_negotiate(&s->d, VIRTIO_F_VERSION_1 | MULTIPORT));
    ring_open(&s->rx0, &s->d, 0, 16, 0);
    ring_open(&s->tx0, &s->d, 1, 16, 0);
    ring_open(&s->ctrl_rx, &s->d, 2, 16, 0);
    ring_open(&s->ctrl_tx, &s->d, 3, 16, 0);
    ring_open(&s->rx1, &s->d, 4, 16, 0);
    ring_open(&s->tx1, &s->d, 5, 16, 0);
    drv_ok(&s->d);
    s->buf = rig_alloc(&s->r, 16384);
}

static void tell(struct scene *s, uint32_t port, uint16_t event, uint16_t value)
{
    unsigned id;
    uint32_t len;
    uint8_t *p = rig_host(&s->r, s->buf);
    store_le32(p, port);
    store_le16(p + 4, event);
    store_le16(p + 6, value);
    ring_add(&s->ctrl_tx, &(struct ring_buf){s->buf, 8, false}, 1, false);
    ring_kick(&s->ctrl_tx);
    CHECK(ring_used(&s->ctrl_tx, &id, &len));
}

static const uint8_t *post_control(struct scene *s)
{
    paddr a = rig_alloc(&s->r, 128);
    ring_add(&s->ctrl_rx, &(struct ring_buf){a, 128, true}, 1, false);
    ring_kick(&s->ctrl_rx);
    return rig_host(&s->r, a);
}

/* The next control message is this. */
static void expect(struct scene *s, uint32_t port, uint16_t event, uint16_t value, const char *name)
{
    unsigned id;
    uint32_t len = 0;
    const uint8_t *p = post_control(s);
    REQUIRE(ring_used(&s->ctrl_rx, &id, &len));
    CHECK_EQ(load_le32(p), port);
    CHECK_EQ(load_le16(p + 4), event);
    CHECK_EQ(load_le16(p + 6), value);
    CHECK_EQ(len, 8 + (name ? strlen(name) : 0));
    CHECK(!name || memcmp(p + 8, name, strlen(name)) == 0);
}

static void greet(struct scene *s)
{
    tell(s, 0, SERIAL_DEVICE_READY, 1);
    expect(s, 0, SERIAL_PORT_ADD, 1, NULL);
    expect(s, 1, SERIAL_PORT_ADD, 1, NULL);
    tell(s, 0, SERIAL_PORT_READY, 1);
    expect(s, 0, SERIAL_CONSOLE_PORT, 1, NULL);
    expect(s, 0, SERIAL_PORT_OPEN, 1, NULL);
    tell(s, 1, SERIAL_PORT_READY, 1);
    expect(s, 1, SERIAL_PORT_NAME, 1, "org.test.1");
    expect(s, 1, SERIAL_PORT_OPEN, 1, NULL);
    tell(s, 0, SERIAL_PORT_OPEN, 1);
    tell(s, 1, SERIAL_PORT_OPEN, 1);
}

static void say(struct scene *s, struct ring *q, const char *text)
{
    unsigned id;
    uint32_t len;
    memcpy(rig_host(&s->r, s->buf), text, strlen(text));
    ring_add(
        q, (struct ring_buf[]){{s->buf, 3, false}, {s->buf + 3, (uint32_t)strlen(text) - 3, false}},
        2, false);
    ring_kick(q);
    CHECK(ring_used(q, &id, &len));
}

static paddr post(struct scene *s, struct ring *q, uint32_t n)
{
    paddr a = rig_alloc(&s->r, 4096);
    ring_add(q, &(struct ring_buf){a, n, true}, 1, false);
    ring_kick(q);
    return a;
}

TEST(ports_greet_and_carry_bytes_both_ways)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        unsigned id;
        uint32_t len = 0;
        open_scene(&s, i);
        greet(&s);
        say(&s, &s.tx0, "hello from the console");
        say(&s, &s.tx1, "hello from the port");
        CHECK_MEM(s.tapes[0].written, "hello from the console", 22);
        CHECK_MEM(s.tapes[1].written, "hello from the port", 19);
        paddr a = post(&s, &s.rx1, 5);
        paddr b = post(&s, &s.rx1, 100);
        CHECK_EQ(play(&s.tapes[1], "into two buffers"), 16);
        CHECK(ring_used(&s.rx1, &id, &len) && len == 5);
        CHECK(ring_used(&s.rx1, &id, &len) && len == 11);
        CHECK_MEM(rig_host(&s.r, a), "into ", 5);
        CHECK_MEM(rig_host(&s.r, b), "two buffers", 11);
        CHECK_EQ(play(&s.tapes[1], "no buffer"), 0);
        CHECK_EQ(play(&s.tapes[0], "no buffer"), 0);
        unsigned before = s.tapes[1].room_calls;
        a = post(&s, &s.rx1, 100);
        CHECK_EQ(s.tapes[1].room_calls, before + 1);
        CHECK_EQ(play(&s.tapes[1], "now there is"), 12);
        rig_close(&s.r);
    }
}

TEST(closed_ports_take_nothing_and_tell_about_the_host)
{
    struct scene s;
    open_scene(&s, true);
    greet(&s);
    post(&s, &s.rx1, 100);
    tell(&s, 1, SERIAL_PORT_OPEN, 0);
    CHECK_EQ(play(&s.tapes[1], "nobody reads"), 0);
    tell(&s, 1, SERIAL_PORT_OPEN, 1);
    CHECK(s.tapes[1].room_calls > 0);
    CHECK_EQ(play(&s.tapes[1], "somebody reads"), 14);
    const struct stream_reader *r = s.tapes[1].reader;
    r->event(r->opaque, STREAM_CLOSED);
    expect(&s, 1, SERIAL_PORT_OPEN, 0, NULL);
    r->event(r->opaque, STREAM_OPENED);
    expect(&s, 1, SERIAL_PORT_OPEN, 1, NULL);
    rig_close(&s.r);
}

TEST(closing_gives_the_held_buffer_back_to_the_queue)
{
    struct scene s;
    unsigned id;
    uint32_t len;
    open_scene(&s, true);
    greet(&s);
    paddr a = post(&s, &s.rx1, 100);
    CHECK_EQ(s.tapes[1].reader->room(s.tapes[1].reader->opaque), 100);
    tell(&s, 1, SERIAL_PORT_OPEN, 0);
    tell(&s, 1, SERIAL_PORT_OPEN, 1);
    CHECK_EQ(play(&s.tapes[1], "the same buffer"), 15);
    CHECK(ring_used(&s.rx1, &id, &len));
    CHECK_MEM(rig_host(&s.r, a), "the same buffer", 15);
    rig_close(&s.r);
}

TEST(plain_console_needs_no_control)
{
    struct scene s;
    unsigned id;
    uint32_t len;
    open_devices(&s, true, "max_ports=1");
    CHECK_EQ(drv_features(&s.d) & MULTIPORT, 0);
    CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1));
    ring_open(&s.rx0, &s.d, 0, 16, 0);
    ring_open(&s.tx0, &s.d, 1, 16, 0);
    drv_ok(&s.d);
    s.buf = rig_alloc(&s.r, 4096);
    say(&s, &s.tx0, "plain");
    CHECK_MEM(s.tapes[0].written, "plain", 5);
    post(&s, &s.rx0, 10);
    CHECK_EQ(play(&s.tapes[0], "input"), 5);
    CHECK(ring_used(&s.rx0, &id, &len) && len == 5);
    rig_close(&s.r);
}

TEST(emergency_write_needs_no_driver)
{
    struct scene s;
    open_devices(&s, true, "max_ports=4");
    CHECK_EQ(drv_config(&s.d, 4, 4), 4);
    drv_config_set(&s.d, 8, 4, 'P');
    drv_config_set(&s.d, 8, 4, '!');
    CHECK_EQ(s.tapes[0].n, 2);
    CHECK_MEM(s.tapes[0].written, "P!", 2);
    CHECK_EQ(drv_config(&s.d, 8, 4), 0);
    rig_close(&s.r);
}

static void count_release(void *opaque, struct device *d)
{
    CHECK(d->released);
    ++*(unsigned *)opaque;
}

TEST(ports_come_and_go_while_the_driver_runs)
{
    struct scene s;
    struct error e = {{0}};
    unsigned released = 0;
    open_scene(&s, false);
    s.r.m->release = count_release;
    s.r.m->release_opaque = &released;
    greet(&s);
    for (unsigned i = 0; i < 2; i++) {
        struct device *port = rig_device(&s.r, &virtserialport_class, "virtio-serial-bus.0", &e,
                                         "name=org.test.2", NULL);
        REQUIRE(port && port->bus->plug && port->bus->unplug);
        port->bus->plug(port->bus, port);
        expect(&s, 2, SERIAL_PORT_ADD, 1, NULL);
        tell(&s, 2, SERIAL_PORT_READY, 1);
        expect(&s, 2, SERIAL_PORT_NAME, 1, "org.test.2");
        CHECK(port->bus->unplug(port->bus, port, &e));
        expect(&s, 2, SERIAL_PORT_REMOVE, 1, NULL);
        CHECK_EQ(released, i + 1);
        device_free(port);
        tell(&s, 2, SERIAL_PORT_OPEN, 1); /* too late */
    }
    rig_close(&s.r);
}

TEST(driver_that_is_not_ready_hears_of_ports_once)
{
    struct scene s;
    open_scene(&s, true);
    s.ports[1]->bus->plug(s.ports[1]->bus, s.ports[1]);
    greet(&s);
    rig_close(&s.r);
}

TEST(messages_wait_for_buffers_and_are_bounded)
{
    struct scene s;
    open_scene(&s, false);
    for (unsigned i = 0; i < 1000; i++) {
        tell(&s, 0, SERIAL_DEVICE_READY, 1);
        tell(&s, 1, SERIAL_PORT_READY, 1);
    }
    CHECK_EQ(((struct virtio_serial *)s.dev)->pending_count, SERIAL_PENDING_MAX);
    tell(&s, 77, SERIAL_PORT_READY, 1);
    tell(&s, 1, 99, 1);
    expect(&s, 0, SERIAL_PORT_ADD, 1, NULL);
    expect(&s, 1, SERIAL_PORT_ADD, 1, NULL);
    expect(&s, 1, SERIAL_PORT_NAME, 1, "org.test.1");
    CHECK_EQ(drv_status(&s.d), 15);
    rig_close(&s.r);
}

TEST(reset_forgets_what_was_open)
{
    struct scene s;
    open_scene(&s, true);
    greet(&s);
    post(&s, &s.rx1, 100);
    CHECK_EQ(s.tapes[1].reader->room(s.tapes[1].reader->opaque), 100);
    drv_set_status(&s.d, 0);
    s.tapes[1].reader->read(s.tapes[1].reader->opaque, (const uint8_t *)"late", 4);
    CHECK_EQ(play(&s.tapes[1], "nobody"), 0);
    rig_close(&s.r);
}

TEST(state_survives_saving)
{
    struct scene s, t;
    struct error e = {{0}};
    struct strbuf out[3] = {{0}};
    unsigned id;
    uint32_t len;
    open_scene(&s, true);
    greet(&s);
    paddr a = post(&s, &s.rx1, 100);
    CHECK_EQ(s.tapes[1].reader->room(s.tapes[1].reader->opaque), 100); /* held */
    device_save(s.dev, &out[0]);
    device_save(s.ports[0], &out[1]);
    device_save(s.ports[1], &out[2]);
    open_scene(&t, true);
    drv_set_status(&t.d, 0);
    memcpy(t.r.m->ram, s.r.m->ram, RIG_RAM_BYTES);
    CHECK(device_load(t.dev, out[0].text, out[0].len, &e));
    CHECK(device_load(t.ports[0], out[1].text, out[1].len, &e));
    CHECK(device_load(t.ports[1], out[2].text, out[2].len, &e));
    CHECK_EQ(play(&t.tapes[1], "after"), 5);
    s.rx1.d = &t.d;
    CHECK(ring_used(&s.rx1, &id, &len) && len == 5);
    CHECK_MEM(rig_host(&t.r, a), "after", 5);
    for (unsigned i = 0; i < 3; i++) {
        strbuf_free(&out[i]);
    }
    rig_close(&s.r);
    rig_close(&t.r);
}

TEST(bad_ports_are_refused)
{
    struct scene s;
    struct error e = {{0}};
    open_devices(&s, true, "max_ports=2");
    CHECK(!rig_device(&s.r, &virtserialport_class, "virtio-serial-bus.0", &e, "nr=0", NULL));
    CHECK(strstr(e.text, "nr=0 is taken") != NULL);
    CHECK(!rig_device(&s.r, &virtserialport_class, "virtio-serial-bus.0", &e, "nr=2", NULL));
    CHECK(rig_device(&s.r, &virtserialport_class, "virtio-serial-bus.0", &e, NULL) != NULL);
    CHECK(!rig_device(&s.r, &virtserialport_class, "virtio-serial-bus.0", &e, NULL));
    CHECK(!rig_device(&s.r, &virtserialport_class, NULL, &e, NULL));
    CHECK(!rig_device(&s.r, &virtio_serial_pci_class, "pcie.0", &e, "max_ports=32", NULL));
    rig_close(&s.r);
}

TEST(tables_list_every_byte)
{
    struct error e = {{0}};
    const struct device_class *classes[] = {&virtio_serial_pci_class, &virtio_serial_device_class,
                                            &virtconsole_class, &virtserialport_class};
    for (unsigned i = 0; i < array_len(classes); i++) {
        CHECK_MSG(device_check_class(classes[i], &e), "%s", e.text);
    }
}
