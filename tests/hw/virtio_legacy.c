/* SPDX-License-Identifier: MIT */
/*
 * The legacy interface of virtio devices, on MMIO and PCI, with a device of the test's own that
 * echoes and with those of the program.
 */
#include "base/bits.h"
#include "hw/classes.h"
#include "hw/pci/pci_regs.h"
#include "hw/state.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define QUEUE_SIZE 64

struct echo {
    struct virtio_device v;
    struct virtq_chain chain;
    unsigned starts, stops;
};

static bool echo_create(struct virtio_device *v, uint64_t *features, struct error *e)
{
    (void)e;
    *features = VIRTIO_F(0) | VIRTIO_F(5);
    v->legacy_only = VIRTIO_F(6);
    virtio_queue_add(v, QUEUE_SIZE);
    virtio_queue_add(v, QUEUE_SIZE);
    v->config_bytes = 12;
    store_le64(v->config, 0x1122334455667788);
    return true;
}

static void echo_destroy(struct virtio_device *v)
{
    virtq_chain_free(&((struct echo *)v)->chain);
}

static void echo_notify(struct virtio_device *v, unsigned queue)
{
    struct virtq_chain *c = &((struct echo *)v)->chain;
    os_mutex_lock(&v->work_lock);
    while (v->running && virtio_pop(v, queue, c) == VIRTQ_OK) {
        uint8_t bytes[256];
        const size_t n = virtq_chain_read(c, 0, bytes, sizeof(bytes));
        virtio_complete(v, queue, c, (uint32_t)virtq_chain_write(c, 0, bytes, n));
    }
    virtio_complete_end(v, queue);
    os_mutex_unlock(&v->work_lock);
}

static void echo_start(struct virtio_device *v)
{
    ((struct echo *)v)->starts++;
}

static void echo_stop(struct virtio_device *v)
{
    ((struct echo *)v)->stops++;
}

static const struct virtio_class echo_virtio = {
    .id = VIRTIO_ID_RNG,
    .name = "virtio-echo",
    .create = echo_create,
    .destroy = echo_destroy,
    .notify = echo_notify,
    .start = echo_start,
    .stop = echo_stop,
};
static const struct virtio_pci_class echo_pci = VIRTIO_PCI_CLASS(&echo_virtio, VIRTIO_ID_RNG,
                                                                 0xff0000);
static const struct prop echo_pci_props[] = {VIRTIO_PROPS(echo, v), VIRTIO_PCI_PROPS(echo, v),
                                             PROP_END};
static const struct prop echo_props[] = {VIRTIO_PROPS(echo, v), PROP_END};
static const struct field echo_fields[] = {VIRTIO_FIELDS(echo, v), FIELD_SKIP(echo, chain),
                                           FIELD_SKIP(echo, starts), FIELD_SKIP(echo, stops),
                                           FIELD_END};
static const struct device_class echo_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-echo-pci", NULL, "echoes", BUS_PCI, echo, echo_pci_props, echo_fields, &echo_pci);
static const struct device_class echo_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-echo-device", NULL, "echoes", BUS_VIRTIO, echo, echo_props, echo_fields, &echo_virtio);

/* ---- set-up */

struct scene {
    struct rig r;
    struct echo *dev;
    struct drv d;
};

static void *must(struct device *d, const struct error *e)
{
    if (!d) {
        fprintf(stderr, "%s\n", e->text);
        exit(2);
    }
    return d;
}

static void open_scene(struct scene *s, bool pci)
{
    struct error e = {{0}};
    rig_open_legacy(&s->r);
    if (pci) {
        s->dev = must(rig_device(&s->r, &echo_pci_class, "pcie.0", &e, "addr=4", NULL), &e);
        drv_open_pci_legacy(&s->d, &s->r, 0x20);
    } else {
        s->dev = must(rig_device(&s->r, &echo_device_class, "virtio-mmio-bus.0", &e, NULL), &e);
        drv_open_mmio_legacy(&s->d, &s->r);
    }
}

static unsigned interrupts(struct scene *s)
{
    return s->d.pci ? s->r.msi[0] + s->r.msi[1] : s->r.mmio_irqs;
}

/* Sends a word and finds it in what comes back. */
static void echo_word(struct scene *s, struct ring *q, uint32_t word)
{
    const paddr a = rig_alloc(&s->r, 16);
    unsigned id;
    uint32_t len;
    rig_store(&s->r, a, 4, word);
    ring_add(q, (const struct ring_buf[]){{a, 4, false}, {a + 8, 4, true}}, 2, false);
    drv_notify(q->d, q->queue);
    CHECK(ring_used(q, &id, &len));
    CHECK_EQ(len, 4);
    CHECK_EQ(rig_load(&s->r, a + 8, 4), word);
}

#define LEGACY_BITS (VIRTIO_F_NOTIFY_ON_EMPTY | VIRTIO_F_ANY_LAYOUT)
#define RING_BITS (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static void serves(bool pci)
{
    struct scene s;
    struct ring q;
    open_scene(&s, pci);
    CHECK_EQ(drv_features(&s.d), LEGACY_BITS | RING_BITS | 0x61);
    CHECK_EQ(drv_config(&s.d, 0, 8), 0x1122334455667788);
    CHECK(drv_negotiate(&s.d, VIRTIO_F_INDIRECT_DESC | 0x21));
    CHECK_EQ(drv_status(&s.d), VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    ring_open(&q, &s.d, 1, 32, 0);
    drv_ok(&s.d);
    CHECK_EQ(s.dev->starts, 1);
    for (uint32_t i = 0; i < 100; i++) {
        echo_word(&s, &q, 0x1000 + i);
    }
    CHECK(interrupts(&s) > 0);
    CHECK_EQ(s.dev->v.accepted, VIRTIO_F_INDIRECT_DESC | 0x21);
    drv_set_status(&s.d, 0);
    CHECK_EQ(s.dev->stops, 1);
    CHECK_EQ(drv_status(&s.d), 0);
    rig_close(&s.r);
}

TEST(legacy_driver_on_mmio_is_served)
{
    serves(false);
}

TEST(legacy_driver_on_pci_is_served)
{
    serves(true);
}

/* ---- registers */

TEST(mmio_registers_are_those_of_version_1)
{
    struct scene s;
    open_scene(&s, false);
    const paddr a = RIG_VIRTIO_MMIO;
    CHECK_EQ(rig_load(&s.r, a, 4), 0x74726976);
    CHECK_EQ(rig_load(&s.r, a + 4, 4), 1);
    CHECK_EQ(rig_load(&s.r, a + 8, 4), VIRTIO_ID_RNG);
    CHECK_EQ(rig_load(&s.r, a + 12, 4), 0x554d4551);
    rig_store(&s.r, a + 0x14, 4, 1);
    CHECK_EQ(rig_load(&s.r, a + 0x10, 4), 0); /* features are 32 bits */
    CHECK_EQ(rig_load(&s.r, a + 0x34, 4), VIRTQ_SIZE_MAX);
    CHECK_EQ(rig_load(&s.r, a + 0x40, 4), 0);
    rig_store(&s.r, a + 0x38, 4, 16);
    rig_store(&s.r, a + 0x3c, 4, 64);
    rig_store(&s.r, a + 0x40, 4, RIG_RAM / 4096 + 1);
    CHECK_EQ(rig_load(&s.r, a + 0x40, 4), RIG_RAM / 4096 + 1);
    const struct virtqueue_state *q = &s.dev->v.queue_state[0];
    CHECK_EQ(q->desc, RIG_RAM + 4096);
    CHECK_EQ(q->driver, q->desc + 256);
    CHECK_EQ(q->device, align_up(q->driver + 4 + 32 + 2, 64));
    rig_store(&s.r, a + 0x30, 4, 7);
    CHECK_EQ(rig_load(&s.r, a + 0x34, 4), 0); /* there is no such queue */
    rig_store(&s.r, a + 0x40, 4, 1);
    rig_store(&s.r, a + 0x30, 4, 0);
    rig_store(&s.r, a + 0x40, 4, 0); /* gives the queue back */
    CHECK(!q->enabled);
    rig_close(&s.r);
}

TEST(impossible_pages_and_alignments_are_refused)
{
    struct scene s;
    open_scene(&s, false);
    const paddr a = RIG_VIRTIO_MMIO;
    static const uint32_t bad[] = {0, 3, 4097, 0xffffffff};
    for (size_t i = 0; i < array_len(bad); i++) {
        rig_store(&s.r, a + 0x28, 4, bad[i]);
        rig_store(&s.r, a + 0x40, 4, 0x40000);
        CHECK(!s.dev->v.queue_state[0].enabled);
        rig_store(&s.r, a + 0x28, 4, 4096);
        rig_store(&s.r, a + 0x3c, 4, bad[i]);
        rig_store(&s.r, a + 0x40, 4, 0x40000);
        CHECK(!s.dev->v.queue_state[0].enabled);
        CHECK_EQ(rig_load(&s.r, a + 0x40, 4), 0);
    }
    rig_store(&s.r, a + 0x3c, 4, 4096);
    rig_store(&s.r, a + 0x40, 4, 0xffffffff); /* not in RAM */
    drv_set_status(&s.d, 7);
    CHECK(drv_status(&s.d) & VIRTIO_STATUS_NEEDS_RESET);
    rig_close(&s.r);
}

TEST(ports_hold_vectors_only_with_msi_x)
{
    struct scene s;
    open_scene(&s, true);
    rig_store(&s.r, s.d.base + 14, 2, 1);
    CHECK_EQ(rig_load(&s.r, s.d.base + 22, 2), VIRTQ_NO_VECTOR);
    rig_store(&s.r, s.d.base + 22, 2, 1);
    CHECK_EQ(rig_load(&s.r, s.d.base + 22, 2), 1);
    rig_store(&s.r, s.d.base + 20, 2, 77);
    CHECK_EQ(rig_load(&s.r, s.d.base + 20, 2), VIRTQ_NO_VECTOR);
    CHECK_EQ(rig_load(&s.r, s.d.base + 24, 1), 0x88);
    rig_config_set(&s.r, 0, 0x20, rig_cap(&s.r, 0, 0x20, PCI_CAP_MSIX) + 2, 2, 0);
    CHECK_EQ(rig_load(&s.r, s.d.base + 20, 1), 0x88);
    CHECK_EQ(rig_load(&s.r, s.d.base + 24, 4), 0x11223344);
    rig_close(&s.r);
}

TEST(reading_the_isr_port_lowers_the_pin)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    rig_config_set(&s.r, 0, 0x20, rig_cap(&s.r, 0, 0x20, PCI_CAP_MSIX) + 2, 2, 0);
    drv_negotiate(&s.d, 0);
    ring_open(&q, &s.d, 0, 0, 0);
    CHECK_EQ(q.size, QUEUE_SIZE);
    drv_ok(&s.d);
    echo_word(&s, &q, 5);
    CHECK_EQ(s.r.intx[0] + s.r.intx[1] + s.r.intx[2] + s.r.intx[3], 1);
    CHECK_EQ(rig_load(&s.r, s.d.base + 19, 1), VIRTIO_ISR_QUEUE);
    CHECK_EQ(rig_load(&s.r, s.d.base + 19, 1), 0);
    CHECK_EQ(s.r.intx[0] + s.r.intx[1] + s.r.intx[2] + s.r.intx[3], 0);
    rig_close(&s.r);
}

/* ---- what legacy drivers do that others must not */

TEST(device_begins_with_a_doorbell_before_the_driver_is_ready)
{
    struct scene s;
    struct ring q, second;
    open_scene(&s, false);
    drv_negotiate(&s.d, 0);
    drv_notify(&s.d, 0); /* no queue yet */
    CHECK_EQ(s.dev->starts, 0);
    ring_open(&q, &s.d, 0, 16, 0);
    echo_word(&s, &q, 1);
    CHECK_EQ(s.dev->starts, 1);
    ring_open(&second, &s.d, 1, 16, 0); /* while it runs */
    echo_word(&s, &second, 2);
    echo_word(&s, &q, 3);
    drv_ok(&s.d);
    echo_word(&s, &second, 4);
    CHECK_EQ(drv_status(&s.d), 7);
    rig_close(&s.r);
}

TEST(features_that_were_not_offered_count_for_nothing)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    drv_negotiate(&s.d, 0xffffffff);
    ring_open(&q, &s.d, 0, 0, VIRTIO_F_EVENT_IDX);
    drv_ok(&s.d);
    CHECK_EQ(s.dev->v.accepted, LEGACY_BITS | RING_BITS | 0x61);
    echo_word(&s, &q, 1);
    rig_close(&s.r);
}

TEST(empty_queue_is_told_to_who_asked_for_it)
{
    struct scene s;
    struct ring q;
    for (int asked = 0; asked < 2; asked++) {
        open_scene(&s, false);
        drv_negotiate(&s.d, asked ? VIRTIO_F_NOTIFY_ON_EMPTY : 0);
        ring_open(&q, &s.d, 0, 16, 0);
        ring_want_interrupt(&q, false);
        drv_ok(&s.d);
        echo_word(&s, &q, 1);
        CHECK_EQ(interrupts(&s), (unsigned)asked);
        rig_close(&s.r);
    }
}

TEST(legacy_state_survives_saving)
{
    for (int pci = 0; pci < 2; pci++) {
        struct scene s;
        struct ring q;
        struct strbuf saved = {0};
        struct error e = {{0}};
        open_scene(&s, pci);
        drv_negotiate(&s.d, VIRTIO_F_EVENT_IDX);
        ring_open(&q, &s.d, 0, 16, VIRTIO_F_EVENT_IDX);
        drv_ok(&s.d);
        echo_word(&s, &q, 1);
        struct device *d = &s.dev->v.pci.dev;
        device_save(d, &saved);
        drv_set_status(&s.d, 0);
        CHECK_MSG(device_load(d, strbuf_text(&saved), saved.len, &e), "%s", e.text);
        CHECK_EQ(drv_status(&s.d), 7);
        echo_word(&s, &q, 2);
        strbuf_free(&saved);
        rig_close(&s.r);
    }
}

/* ---- guests that are big-endian */

static void store_desc_be(uint8_t *p, uint64_t a, uint32_t n, uint16_t flags, uint16_t next)
{
    store_be64(p, a);
    store_be32(p + 8, n);
    store_be16(p + 12, flags);
    store_be16(p + 14, next);
}

TEST(rings_of_a_big_endian_guest_are_in_its_order)
{
    struct scene s;
    struct ring q;
    open_scene(&s, false);
    drv_negotiate(&s.d, VIRTIO_F_INDIRECT_DESC);
    s.dev->v.guest_big_endian = true; /* as the vCPU that resets the device */
    ring_open(&q, &s.d, 0, 16, 0);
    drv_ok(&s.d);
    const paddr a = rig_alloc(&s.r, 64);
    uint8_t *desc = rig_host(&s.r, q.desc), *table = rig_host(&s.r, a + 32);
    rig_store(&s.r, a, 4, 0x12345678);
    store_desc_be(table, a, 4, 1, 1);
    store_desc_be(table + 16, a + 8, 4, 2, 0);
    store_desc_be(desc + 16 * 3, a + 32, 32, 4, 0);
    store_be16(rig_host(&s.r, q.driver) + 4, 3);
    store_be16(rig_host(&s.r, q.driver) + 2, 1);
    drv_notify(&s.d, 0);
    const uint8_t *used = rig_host(&s.r, q.device);
    CHECK_EQ(load_be16(used + 2), 1);
    CHECK_EQ(load_be32(used + 4), 3);
    CHECK_EQ(load_be32(used + 8), 4);
    CHECK_EQ(rig_load(&s.r, a + 8, 4), 0x12345678);
    drv_set_status(&s.d, 0); /* by no vCPU */
    CHECK(!s.dev->v.guest_big_endian);
    rig_close(&s.r);
}

TEST(configuration_of_a_big_endian_guest_is_in_its_order)
{
    struct rig r;
    struct drv d;
    struct error e = {{0}};
    rig_open_legacy(&r);
    struct virtio_device *v = must(rig_device(&r, &virtio_net_device_class, "virtio-mmio-bus.0", &e,
                                              "host_mtu=1234", "speed=1000", NULL),
                                   &e);
    drv_open_mmio_legacy(&d, &r);
    CHECK_EQ(drv_config(&d, 10, 2), 1234);
    CHECK_EQ(drv_config(&d, 12, 4), 1000);
    const uint64_t mac = drv_config(&d, 0, 4);
    v->guest_big_endian = true;
    CHECK_EQ(drv_config(&d, 0, 4), mac); /* bytes */
    CHECK_EQ(drv_config(&d, 10, 2), bswap16(1234));
    CHECK_EQ(drv_config(&d, 12, 4), bswap32(1000));
    v->accepted = VIRTIO_F_VERSION_1;
    CHECK_EQ(drv_config(&d, 12, 4), 1000);
    v->accepted = 0;
    rig_close(&r);
}

TEST(numbers_of_a_big_endian_guest_are_in_its_order)
{
    struct virtio_device v = {.guest_big_endian = true};
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    CHECK_EQ(virtio_load16(&v, bytes), 0x0102);
    CHECK_EQ(virtio_load32(&v, bytes), 0x01020304);
    CHECK_EQ(virtio_load64(&v, bytes), 0x0102030405060708);
    virtio_store16(&v, bytes, 0x1122);
    virtio_store32(&v, bytes + 4, 0x33445566);
    CHECK_EQ(load_be64(bytes), 0x1122030433445566);
    v.accepted = VIRTIO_F_VERSION_1;
    CHECK_EQ(virtio_load16(&v, bytes), 0x2211);
}

/* ---- forms of a PCI device */

struct form {
    const char *bus, *legacy, *modern;
    uint32_t id, revision, subsystem;
    bool has_ports, has_structures, is_express;
};

static void has_form(const struct form *f)
{
    struct rig r;
    struct error e = {{0}};
    rig_open(&r);
    if (strcmp(f->bus, "port") == 0) {
        struct device *port = device_new(&pcie_root_port_class, r.m, "port");
        port->bus = machine_find_bus(r.m, "pcie.0");
        CHECK_MSG(device_set(port, "addr", "5", &e) && device_set(port, "hotplug", "off", &e) &&
                      device_create(port, &e),
                  "%s", e.text);
        device_reset(port);
        rig_config_set(&r, 0, 0x28, PCI_PRIMARY_BUS, 4, 0x010100);
    }
    const unsigned bus = strcmp(f->bus, "port") == 0, devfn = bus ? 0 : 0x20;
    must(rig_device(&r, &virtio_rng_pci_class, f->bus, &e, bus ? "addr=0" : "addr=4", f->legacy,
                    f->modern, NULL),
         &e);
    CHECK_EQ(rig_config(&r, bus, devfn, 0, 4), f->id << 16 | 0x1af4);
    CHECK_EQ(rig_config(&r, bus, devfn, PCI_REVISION_ID, 1), f->revision);
    CHECK_EQ(rig_config(&r, bus, devfn, 0x2c, 4), f->subsystem << 16 | 0x1af4);
    CHECK_EQ(rig_config(&r, bus, devfn, PCI_BAR0, 4), f->has_ports ? 1 : 0);
    CHECK_EQ(rig_config(&r, bus, devfn, PCI_BAR0 + 16, 4), f->has_structures ? 12 : 0);
    CHECK_EQ(rig_cap(&r, bus, devfn, PCI_CAP_VENDOR) != 0, f->has_structures);
    CHECK_EQ(rig_cap(&r, bus, devfn, PCI_CAP_EXPRESS) != 0, f->is_express);
    CHECK_EQ(rig_config(&r, bus, devfn, 256, 4), f->is_express ? 0 : UINT32_MAX);
    rig_close(&r);
}

TEST(pci_device_has_the_forms_that_were_asked_for)
{
    static const struct form forms[] = {
        {"pcie.0", "disable-legacy=auto", "disable-modern=off", 0x1005, 0, 4, true, true, false},
        {"pcie.0", "disable-legacy=off", "disable-modern=off", 0x1005, 0, 4, true, true, false},
        {"pcie.0", "disable-legacy=on", "disable-modern=off", 0x1044, 1, 0x1100, false, true,
         false},
        {"pcie.0", "disable-legacy=off", "disable-modern=on", 0x1005, 0, 4, true, false, false},
        {"pcie.0", "disable-legacy=auto", "disable-modern=on", 0x1005, 0, 4, true, false, false},
        {"port", "disable-legacy=auto", "disable-modern=off", 0x1044, 1, 0x1100, false, true, true},
        {"port", "disable-legacy=off", "disable-modern=off", 0x1005, 0, 4, true, true, true},
        {"port", "disable-legacy=off", "disable-modern=on", 0x1005, 0, 4, true, false, true},
    };
    for (size_t i = 0; i < array_len(forms); i++) {
        has_form(&forms[i]);
    }
}

TEST(transitional_device_serves_either_driver)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    drv_negotiate(&s.d, 0);
    ring_open(&q, &s.d, 0, 0, 0);
    drv_ok(&s.d);
    echo_word(&s, &q, 1);
    drv_set_status(&s.d, 0);

    drv_open_pci(&s.d, &s.r, 0x20);
    CHECK(!(drv_features(&s.d) & (LEGACY_BITS | VIRTIO_F(6))));
    CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1));
    ring_open(&q, &s.d, 0, 16, 0);
    drv_ok(&s.d);
    echo_word(&s, &q, 2);
    rig_close(&s.r);
}

TEST(every_device_has_its_transitional_identity)
{
    static const struct {
        const struct device_class *cls;
        uint32_t id, subsystem;
    } rows[] = {
        {&virtio_net_pci_class, 0x1000, 1},
        {&virtio_balloon_pci_class, 0x1002, 5},
        {&virtio_serial_pci_class, 0x1003, 3},
        {&virtio_rng_pci_class, 0x1005, 4},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        struct rig r;
        struct error e = {{0}};
        rig_open(&r);
        must(rig_device(&r, rows[i].cls, "pcie.0", &e, "addr=4", NULL), &e);
        CHECK_EQ(rig_config(&r, 0, 0x20, 0, 4), rows[i].id << 16 | 0x1af4);
        CHECK_EQ(rig_config(&r, 0, 0x20, 0x2c, 4), rows[i].subsystem << 16 | 0x1af4);
        rig_close(&r);
    }
}

TEST(iommu_platform_is_refused_with_a_legacy_form)
{
    struct rig r;
    struct error e = {{0}};
    rig_open(&r);
    CHECK(!rig_device(&r, &virtio_rng_pci_class, "pcie.0", &e, "iommu_platform=on", NULL));
    CHECK(strstr(e.text, "iommu_platform=on needs disable-legacy=on"));
    CHECK(rig_device(&r, &virtio_rng_pci_class, "pcie.0", &e, "iommu_platform=on",
                     "disable-legacy=on", NULL));
    rig_close(&r);
}
