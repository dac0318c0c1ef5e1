/* SPDX-License-Identifier: MIT */
/*
 * The virtio core, its transports and rings, with a device of the test's own that echoes: what it
 * reads from a chain it writes to the chain's other part.
 */
#include "hw/virtio/virtio.h"
#include "base/bits.h"
#include "base/os.h"
#include "hw/pci/pci_regs.h"
#include "hw/state.h"
#include "memory/doorbell.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define QUEUE_SIZE 16

struct echo {
    struct virtio_device v;
    struct virtq_chain chain;
    unsigned starts, stops;
    uint64_t served;
};

static bool echo_create(struct virtio_device *v, uint64_t *features, struct error *e)
{
    (void)e;
    *features = VIRTIO_F(0) | VIRTIO_F(5);
    virtio_queue_add(v, QUEUE_SIZE);
    virtio_queue_add(v, QUEUE_SIZE);
    v->config_bytes = 12;
    store_le64(v->config, 0x1122334455667788);
    store_le32(v->config_writable + 8, 0x0000ffff);
    return true;
}

static void echo_destroy(struct virtio_device *v)
{
    virtq_chain_free(&((struct echo *)v)->chain);
}

static void echo_one(struct virtio_device *v, unsigned queue)
{
    struct echo *d = (struct echo *)v;
    uint8_t bytes[256];
    size_t n = virtq_chain_read(&d->chain, 0, bytes, sizeof(bytes));
    size_t written = virtq_chain_write(&d->chain, 0, bytes, n);
    virtio_complete(v, queue, &d->chain, (uint32_t)written);
    d->served++;
}

static void echo_notify(struct virtio_device *v, unsigned queue)
{
    struct echo *d = (struct echo *)v;
    os_mutex_lock(&v->work_lock);
    do {
        virtqueue_notify_off(&v->queue[queue]);
        while (v->running && virtio_pop(v, queue, &d->chain) == VIRTQ_OK) {
            echo_one(v, queue);
        }
        virtio_complete_end(v, queue);
    } while (v->running && virtqueue_notify_on(&v->queue[queue]));
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
    .id = 42,
    .name = "virtio-echo",
    .create = echo_create,
    .destroy = echo_destroy,
    .notify = echo_notify,
    .start = echo_start,
    .stop = echo_stop,
};

static const struct virtio_pci_class echo_pci = VIRTIO_PCI_CLASS(&echo_virtio, 42, 0xff0000);

static const struct prop echo_pci_props[] = {VIRTIO_PROPS(echo, v), VIRTIO_PCI_PROPS(echo, v),
                                             PROP_END};
static const struct prop echo_props[] = {VIRTIO_PROPS(echo, v), PROP_END};
static const struct field echo_fields[] = {VIRTIO_FIELDS(echo, v),   FIELD_SKIP(echo, chain),
                                           FIELD_SKIP(echo, starts), FIELD_SKIP(echo, stops),
                                           FIELD_SKIP(echo, served), FIELD_END};

static const struct device_class echo_pci_class = {
    .name = "virtio-echo-pci",
    .bus = BUS_PCI,
    .size = sizeof(struct echo),
    .props = echo_pci_props,
    .fields = echo_fields,
    .create = virtio_pci_create,
    .reset = virtio_device_reset,
    .destroy = virtio_device_destroy,
    .settle = virtio_device_settle,
    .check = virtio_device_check,
    .loaded = virtio_device_loaded,
    .resume = virtio_device_resume,
    .version = 2,
    .flags = DEVICE_THREAD_SAFE,
    .kind = &echo_pci,
};

static const struct device_class echo_device_class = {
    .name = "virtio-echo-device",
    .bus = BUS_VIRTIO,
    .size = sizeof(struct echo),
    .props = echo_props,
    .fields = echo_fields,
    .create = virtio_mmio_plug,
    .reset = virtio_device_reset,
    .destroy = virtio_device_destroy,
    .settle = virtio_device_settle,
    .check = virtio_device_check,
    .loaded = virtio_device_loaded,
    .resume = virtio_device_resume,
    .version = 2,
    .flags = DEVICE_THREAD_SAFE,
    .kind = &echo_virtio,
};

/* ---- set-up */

struct scene {
    struct rig r;
    struct echo *dev;
    struct drv d;
};

static void open_scene(struct scene *s, bool pci)
{
    struct error e = {{0}};
    rig_open(&s->r);
    s->dev = (struct echo *)(pci ? rig_device(&s->r, &echo_pci_class, "pcie.0", &e, "packed=on",
                                              "addr=4", NULL)
                                 : rig_device(&s->r, &echo_device_class, "virtio-mmio-bus.0", &e,
                                              "packed=on", NULL));
    if (!s->dev) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    if (pci) {
        drv_open_pci(&s->d, &s->r, 0x20);
    } else {
        drv_open_mmio(&s->d, &s->r);
    }
}

#define ALL_RING_FEATURES (VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static void start_scene(struct scene *s, struct ring *q, uint64_t features)
{
    CHECK(drv_negotiate(&s->d, features | VIRTIO_F_VERSION_1));
    ring_open(q, &s->d, 0, QUEUE_SIZE, features);
    drv_ok(&s->d);
}

/* Sends text in two pieces, expects it back in two pieces. */
static void echo_once(struct scene *s, struct ring *q, const char *text, bool indirect)
{
    uint32_t n = (uint32_t)strlen(text), len = 0;
    unsigned id, want;
    paddr out = rig_alloc(&s->r, 4096), in = rig_alloc(&s->r, 4096);
    memcpy(rig_host(&s->r, out), text, n);
    struct ring_buf b[] = {
        {out, 3, false}, {out + 3, n - 3, false}, {in, 1, true}, {in + 1, 200, true}};
    want = ring_add(q, b, 4, indirect);
    ring_kick(q);
    REQUIRE(ring_used(q, &id, &len));
    CHECK_EQ(id, want);
    CHECK_EQ(len, n);
    CHECK(memcmp(rig_host(&s->r, in), text, n) == 0);
}

static unsigned interrupts(const struct scene *s)
{
    return s->d.pci ? s->r.msi[0] : s->r.mmio_irqs;
}

static void acknowledge(struct scene *s)
{
    if (!s->d.pci) {
        rig_store(&s->r, RIG_VIRTIO_MMIO + 0x64, 4, rig_load(&s->r, RIG_VIRTIO_MMIO + 0x60, 4));
    }
}

/* ---- tests */

TEST(every_ring_on_every_transport_echoes)
{
    for (unsigned i = 0; i < 16; i++) {
        struct scene s;
        struct ring q;
        uint64_t f = (i & 1 ? VIRTIO_F_RING_PACKED : 0) | (i & 2 ? VIRTIO_F_EVENT_IDX : 0) |
                     (i & 4 ? VIRTIO_F_INDIRECT_DESC : 0);
        open_scene(&s, i & 8);
        start_scene(&s, &q, f);
        for (unsigned n = 0; n < 300; n++) { /* many times around the ring */
            char text[64];
            snprintf(text, sizeof(text), "message %u over configuration %u", n, i);
            echo_once(&s, &q, text, (i & 4) && n % 3);
            s.r.next = RIG_RAM + 0x200000;
            CHECK_EQ(interrupts(&s), n + 1);
            acknowledge(&s);
            ring_want_interrupt(&q, true);
        }
        CHECK_EQ(drv_status(&s.d), 15);
        rig_close(&s.r);
    }
}

TEST(interrupts_are_suppressed_when_the_driver_asks)
{
    for (unsigned i = 0; i < 4; i++) {
        struct scene s;
        struct ring q;
        open_scene(&s, true);
        start_scene(&s, &q, (i & 1 ? VIRTIO_F_RING_PACKED : 0) | (i & 2 ? VIRTIO_F_EVENT_IDX : 0));
        for (unsigned n = 0; n < 50; n++) {
            ring_want_interrupt(&q, false);
            echo_once(&s, &q, "quiet please", false);
        }
        CHECK_EQ(s.r.msi[0], 0);
        ring_want_interrupt(&q, true);
        echo_once(&s, &q, "speak again", false);
        CHECK_EQ(s.r.msi[0], 1);
        rig_close(&s.r);
    }
}

TEST(event_index_batches_interrupts)
{
    for (unsigned packed = 0; packed < 2; packed++) {
        struct scene s;
        struct ring q;
        open_scene(&s, true);
        start_scene(&s, &q, (packed ? VIRTIO_F_RING_PACKED : 0) | VIRTIO_F_EVENT_IDX);
        paddr a = rig_alloc(&s.r, 4096);
        /* An interrupt is wanted for the fourth buffer from here only. */
        if (packed) {
            store_le16(rig_host(&s.r, q.driver), 3 | 0x8000);
            store_le16(rig_host(&s.r, q.driver + 2), 2);
        } else {
            store_le16(rig_host(&s.r, q.driver + 4 + 2 * QUEUE_SIZE), 3);
        }
        for (unsigned n = 1; n <= 6; n++) {
            ring_add(&q, &(struct ring_buf){a, 8, true}, 1, false);
            ring_kick(&q);
            CHECK_EQ(s.r.msi[0], n >= 4);
        }
        rig_close(&s.r);
    }
}

TEST(mmio_identity_and_status)
{
    struct scene s;
    open_scene(&s, false);
    CHECK_EQ(rig_load(&s.r, RIG_VIRTIO_MMIO, 4), 0x74726976);
    CHECK_EQ(rig_load(&s.r, RIG_VIRTIO_MMIO + 4, 4), 2);
    CHECK_EQ(rig_load(&s.r, RIG_VIRTIO_MMIO + 8, 4), 42);
    CHECK_EQ(rig_load(&s.r, RIG_VIRTIO_MMIO + 0xb0, 4), 0xffffffff);
    CHECK_EQ(drv_features(&s.d) & ~ALL_RING_FEATURES, VIRTIO_F_VERSION_1 | 0x21);
    CHECK_EQ(drv_status(&s.d), 0);
    drv_set_status(&s.d, 1);
    drv_set_status(&s.d, 2); /* bits are not cleared */
    CHECK_EQ(drv_status(&s.d), 3);
    drv_set_status(&s.d, 0);
    CHECK_EQ(drv_status(&s.d), 0);
    rig_close(&s.r);
}

TEST(empty_mmio_transport_has_no_device)
{
    struct rig r;
    rig_open(&r);
    CHECK_EQ(rig_load(&r, RIG_VIRTIO_MMIO, 4), 0x74726976);
    CHECK_EQ(rig_load(&r, RIG_VIRTIO_MMIO + 8, 4), 0);
    rig_store(&r, RIG_VIRTIO_MMIO + 0x70, 4, 0xff);
    CHECK_EQ(rig_load(&r, RIG_VIRTIO_MMIO + 0x70, 4), 0);
    CHECK_EQ(rig_load(&r, RIG_VIRTIO_MMIO + 0x100, 4), 0);
    rig_close(&r);
}

TEST(features_that_were_not_offered_are_refused)
{
    struct scene s;
    open_scene(&s, true);
    CHECK(!drv_negotiate(&s.d, VIRTIO_F_VERSION_1 | VIRTIO_F(7)));
    CHECK(!drv_negotiate(&s.d, VIRTIO_F(0)));
    CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1 | VIRTIO_F(5)));
    drv_ok(&s.d);
    CHECK_EQ(s.dev->starts, 1);
    rig_close(&s.r);
}

TEST(driver_ok_without_features_ok_does_nothing)
{
    struct scene s;
    open_scene(&s, true);
    drv_set_status(&s.d, 7);
    CHECK_EQ(drv_status(&s.d), 3);
    CHECK_EQ(s.dev->starts, 0);
    rig_close(&s.r);
}

TEST(reset_stops_the_device_and_forgets_queues)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    start_scene(&s, &q, 0);
    echo_once(&s, &q, "before", false);
    drv_set_status(&s.d, 0);
    CHECK_EQ(s.dev->stops, 1);
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x1c, 2), 0);
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x18, 2), QUEUE_SIZE);
    drv_notify(&s.d, 0); /* of a device that is not running */
    start_scene(&s, &q, VIRTIO_F_RING_PACKED);
    echo_once(&s, &q, "after", false);
    rig_close(&s.r);
    CHECK_EQ(s.r.msi[0], 2);
}

TEST(config_space_has_its_writable_bytes_only)
{
    for (unsigned pci = 0; pci < 2; pci++) {
        struct scene s;
        open_scene(&s, pci);
        CHECK_EQ(drv_config(&s.d, 0, 8), 0x1122334455667788);
        drv_config_set(&s.d, 8, 4, 0xaabbccdd);
        CHECK_EQ(drv_config(&s.d, 8, 4), 0xccdd);
        drv_config_set(&s.d, 0, 4, 0);
        CHECK_EQ(drv_config(&s.d, 0, 1), 0x88);
        CHECK_EQ(drv_config(&s.d, 12, 4), 0); /* past the end */
        rig_close(&s.r);
    }
}

TEST(config_change_raises_generation_and_interrupt)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    rig_store(&s.r, s.d.common + 0x10, 2, 2);
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x10, 2), 2);
    rig_store(&s.r, s.d.common + 0x10, 2, 50); /* no such vector */
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x10, 2), 0xffff);
    start_scene(&s, &q, 0);
    rig_store(&s.r, s.d.common + 0x10, 2, 2);
    uint64_t before = rig_load(&s.r, s.d.common + 0x15, 1);
    virtio_config_update(&s.dev->v, 0, "changed", 7);
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x15, 1), before + 1);
    CHECK_EQ(s.r.msi[2], 1);
    virtio_config_update(&s.dev->v, 0, "changed", 7);
    CHECK_EQ(s.r.msi[2], 1);
    rig_close(&s.r);
}

TEST(pci_without_msix_uses_the_pin_and_isr)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    rig_config_set(&s.r, 0, 0x20, rig_cap(&s.r, 0, 0x20, PCI_CAP_MSIX) + 2, 2, 0);
    start_scene(&s, &q, 0);
    echo_once(&s, &q, "by pin", false);
    CHECK_EQ(s.r.intx[0], 1);
    CHECK_EQ(rig_load(&s.r, s.d.isr, 1), 1);
    CHECK_EQ(s.r.intx[0], 0);
    CHECK_EQ(rig_load(&s.r, s.d.isr, 1), 0);
    CHECK_EQ(s.r.msi[0], 0);
    rig_close(&s.r);
}

TEST(pci_configuration_window_reaches_the_bar)
{
    struct scene s;
    open_scene(&s, true);
    unsigned at = rig_cap(&s.r, 0, 0x20, PCI_CAP_VENDOR);
    while (at && rig_config(&s.r, 0, 0x20, at + 3, 1) != 5) {
        at = rig_config(&s.r, 0, 0x20, at + 1, 1);
    }
    REQUIRE(at);
    rig_config_set(&s.r, 0, 0x20, at + 4, 1, 4);
    rig_config_set(&s.r, 0, 0x20, at + 8, 4, 0x14);
    rig_config_set(&s.r, 0, 0x20, at + 12, 4, 1);
    rig_config_set(&s.r, 0, 0x20, at + 16, 1, 3);
    CHECK_EQ(drv_status(&s.d), 3);
    CHECK_EQ(rig_config(&s.r, 0, 0x20, at + 16, 1), 3);
    rig_config_set(&s.r, 0, 0x20, at + 8, 4, 0xfffffff0); /* nowhere */
    rig_config_set(&s.r, 0, 0x20, at + 16, 4, 0);
    CHECK_EQ(drv_status(&s.d), 3);
    rig_close(&s.r);
}

TEST(state_survives_saving)
{
    for (unsigned i = 0; i < 4; i++) {
        struct scene s, t;
        struct ring q;
        struct error e = {{0}};
        struct strbuf out = {0};
        open_scene(&s, i & 1);
        start_scene(&s, &q, (i & 2 ? VIRTIO_F_RING_PACKED : 0) | VIRTIO_F_EVENT_IDX);
        for (unsigned n = 0; n < 21; n++) {
            echo_once(&s, &q, "first half", false);
            acknowledge(&s);
            ring_want_interrupt(&q, true);
        }
        device_save(&s.dev->v.pci.dev, &out);

        open_scene(&t, i & 1);
        CHECK(drv_negotiate(&t.d, VIRTIO_F_VERSION_1)); /* something to be overwritten */
        memcpy(t.r.m->ram, s.r.m->ram, RIG_RAM_BYTES);
        CHECK_MSG(device_load(&t.dev->v.pci.dev, out.text, out.len, &e), "%s", e.text);
        CHECK_EQ(drv_status(&t.d), 15);
        t.r.next = s.r.next;
        q.d = &t.d;
        for (unsigned n = 0; n < 21; n++) {
            echo_once(&t, &q, "second half", false);
            CHECK_EQ(interrupts(&t), n + 1);
            acknowledge(&t);
            ring_want_interrupt(&q, true);
        }
        strbuf_free(&out);
        rig_close(&s.r);
        rig_close(&t.r);
    }
}

/* What the change makes of the state of a device at work is refused with these words. */
static void refused(void (*change)(struct virtio_device *v), uint64_t features, const char *why)
{
    struct scene s, t;
    struct ring q;
    struct error e = {{0}};
    struct strbuf out = {0};
    open_scene(&s, true);
    start_scene(&s, &q, features);
    echo_once(&s, &q, "work", false);
    device_save(&s.dev->v.pci.dev, &out);
    open_scene(&t, true);
    CHECK_MSG(device_load(&t.dev->v.pci.dev, out.text, out.len, &e), "%s", e.text);
    const uint32_t status = drv_status(&t.d);
    strbuf_clear(&out);
    change(&s.dev->v);
    device_save(&s.dev->v.pci.dev, &out);
    CHECK(!device_load(&t.dev->v.pci.dev, out.text, out.len, &e));
    CHECK_MSG(strstr(e.text, why), "not \"%s\" but: %s", why, e.text);
    CHECK_EQ(drv_status(&t.d), status);
    strbuf_free(&out);
    rig_close(&s.r);
    rig_close(&t.r);
}

static void no_entries(struct virtio_device *v)
{
    v->queue_state[0].size = 0;
}

static void too_many_entries(struct virtio_device *v)
{
    v->queue_state[0].size = VIRTQ_SIZE_MAX;
}

static void outside(struct virtio_device *v)
{
    v->queue_state[0].last_avail = v->queue_state[0].size;
}

static void used_outside(struct virtio_device *v)
{
    v->queue_state[0].used = 0xffff;
}

static void not_offered(struct virtio_device *v)
{
    v->accepted |= VIRTIO_F(50);
}

static void not_agreed(struct virtio_device *v)
{
    v->status = VIRTIO_STATUS_DRIVER_OK;
}

static void another_function(struct virtio_device *v)
{
    v->pci.config[2] ^= 1;
}

static void crooked_message(struct virtio_device *v)
{
    v->pci.msix[0].address = 2;
}

TEST(states_that_no_driver_can_have_made_are_refused)
{
    refused(no_entries, 0, "queue 0: it has 0 entries, and 1 to ");
    refused(too_many_entries, 0, "queue 0: it has 1024 entries, and 1 to ");
    refused(outside, VIRTIO_F_RING_PACKED, "are not within its ");
    refused(used_outside, VIRTIO_F_RING_PACKED, "are not within its ");
    refused(not_offered, 0, "its driver has agreed on features 0x4");
    refused(not_agreed, 0, "its driver is ready, and has agreed on no features");
    refused(another_function, 0, "byte 0x02 of its configuration space is 0x");
    refused(crooked_message, 0, "the address of MSI-X vector 0, 0x2, is not aligned");
}

TEST(tables_list_every_byte)
{
    struct error e = {{0}};
    CHECK_MSG(device_check_class(&echo_pci_class, &e), "%s", e.text);
    CHECK_MSG(device_check_class(&echo_device_class, &e), "%s", e.text);
    CHECK_MSG(device_check_class(&virtio_mmio_class, &e), "%s", e.text);
}

TEST(bad_properties_are_refused)
{
    struct rig r;
    struct error e = {{0}};
    rig_open(&r);
    CHECK(!rig_device(&r, &echo_pci_class, "pcie.0", &e, "disable-modern=on", "disable-legacy=on",
                      NULL));
    CHECK(strstr(e.text, "leave no interface") != NULL);
    CHECK(!rig_device(&r, &echo_pci_class, "pcie.0", &e, "disable-modern=on", NULL));
    CHECK(strstr(e.text, "has no legacy form") != NULL);
    CHECK(!rig_device(&r, &echo_pci_class, "pcie.0", &e, "vectors=4000", NULL));
    CHECK(!rig_device(&r, &echo_device_class, NULL, &e, NULL));
    CHECK(rig_device(&r, &echo_pci_class, "pcie.0", &e, "disable-legacy=on", "vectors=0", NULL));
    CHECK(rig_device(&r, &echo_device_class, "virtio-mmio-bus.0", &e, NULL) != NULL);
    CHECK(!rig_device(&r, &echo_device_class, "virtio-mmio-bus.0", &e, NULL));
    CHECK(strstr(e.text, "has a device already") != NULL);
    rig_close(&r);
}

/* ---- hostile drivers: each ends in NEEDS_RESET, and a reset brings the device back */

static void expect_broken(struct scene *s, struct ring *q, uint64_t features)
{
    drv_notify(&s->d, 0);
    CHECK_EQ(drv_status(&s->d) & VIRTIO_STATUS_NEEDS_RESET, VIRTIO_STATUS_NEEDS_RESET);
    drv_notify(&s->d, 0);
    start_scene(s, q, features);
    CHECK_EQ(drv_status(&s->d), 15);
    echo_once(s, q, "well again", false);
}

static void split_desc(struct ring *q, unsigned i, uint64_t a, uint32_t n, uint16_t flags,
                       uint16_t next)
{
    uint8_t *p = rig_host(q->d->r, q->desc + 16 * i);
    store_le64(p, a);
    store_le32(p + 8, n);
    store_le16(p + 12, flags);
    store_le16(p + 14, next);
}

static void split_offer(struct scene *s, struct ring *q, uint16_t head)
{
    store_le16(rig_host(&s->r, q->driver + 4), head);
    store_le16(rig_host(&s->r, q->driver + 2), 1);
}

struct bad_chain {
    const char *what;
    uint64_t a;
    uint32_t n;
    uint16_t flags, next, head;
    uint64_t features;
};

TEST(bad_split_chains_need_a_reset)
{
    static const struct bad_chain rows[] = {
        {"loop on itself", RIG_RAM, 4, 1, 0, 0, 0},
        {"link out of the table", RIG_RAM, 4, 1, QUEUE_SIZE, 0, 0},
        {"link far out", RIG_RAM, 4, 1, 0xffff, 0, 0},
        {"head out of the table", RIG_RAM, 4, 0, 0, 0xff00, 0},
        {"not RAM", 0x1000, 4, 0, 0, 0, 0},
        {"device registers", RIG_VIRTIO_MMIO, 4, 2, 0, 0, 0},
        {"end of RAM crossed", RIG_RAM + RIG_RAM_BYTES - 2, 4, 0, 0, 0, 0},
        {"end of the address space crossed", UINT64_MAX - 1, 4, 0, 0, 0, 0},
        {"longer than RAM", RIG_RAM, 0xffffffff, 2, 0, 0, 0},
        {"indirect, not negotiated", RIG_RAM, 16, 4, 0, 0, 0},
        {"indirect of no entry", RIG_RAM, 0, 4, 0, 0, VIRTIO_F_INDIRECT_DESC},
        {"indirect of half an entry", RIG_RAM, 24, 4, 0, 0, VIRTIO_F_INDIRECT_DESC},
        {"indirect of too many", RIG_RAM, 16 * 1025, 4, 0, 0, VIRTIO_F_INDIRECT_DESC},
        {"indirect not in RAM", 0x1000, 16, 4, 0, 0, VIRTIO_F_INDIRECT_DESC},
        {"indirect and next", RIG_RAM, 16, 5, 0, 0, VIRTIO_F_INDIRECT_DESC},
    };
    for (unsigned i = 0; i < array_len(rows); i++) {
        const struct bad_chain *b = &rows[i];
        struct scene s;
        struct ring q;
        int before = test_state.failures;
        open_scene(&s, true);
        start_scene(&s, &q, b->features);
        split_desc(&q, 0, b->a, b->n, b->flags, b->next);
        split_offer(&s, &q, b->head);
        expect_broken(&s, &q, b->features);
        CHECK_MSG(test_state.failures == before, "%s", b->what);
        rig_close(&s.r);
    }
}

TEST(indirect_tables_that_loop_or_nest_need_a_reset)
{
    for (unsigned i = 0; i < 4; i++) {
        static const uint16_t flags[] = {1, 4, 1, 1}, next[] = {0, 0, 9, 0xffff};
        struct scene s;
        struct ring q;
        open_scene(&s, true);
        start_scene(&s, &q, VIRTIO_F_INDIRECT_DESC);
        paddr table = rig_alloc(&s.r, 4096);
        uint8_t *p = rig_host(&s.r, table);
        store_le64(p, table);
        store_le32(p + 8, 16);
        store_le16(p + 12, flags[i]);
        store_le16(p + 14, next[i]);
        split_desc(&q, 0, table, 64, 4, 0);
        split_offer(&s, &q, 0);
        expect_broken(&s, &q, VIRTIO_F_INDIRECT_DESC);
        rig_close(&s.r);
    }
}

TEST(readable_after_writable_needs_a_reset)
{
    struct scene s;
    struct ring q;
    open_scene(&s, false);
    start_scene(&s, &q, 0);
    split_desc(&q, 0, RIG_RAM, 4, 3, 1);
    split_desc(&q, 1, RIG_RAM, 4, 0, 0);
    split_offer(&s, &q, 0);
    expect_broken(&s, &q, 0);
    rig_close(&s.r);
}

TEST(more_chains_than_the_ring_holds_need_a_reset)
{
    struct scene s;
    struct ring q;
    open_scene(&s, false);
    start_scene(&s, &q, 0);
    store_le16(rig_host(&s.r, q.driver + 2), QUEUE_SIZE + 1);
    expect_broken(&s, &q, 0);
    rig_close(&s.r);
}

TEST(packed_chain_without_end_needs_a_reset)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    start_scene(&s, &q, VIRTIO_F_RING_PACKED);
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        uint8_t *p = rig_host(&s.r, q.desc + 16 * i);
        store_le64(p, RIG_RAM);
        store_le32(p + 8, 1);
        store_le16(p + 14, 0x81);
    }
    expect_broken(&s, &q, VIRTIO_F_RING_PACKED);
    rig_close(&s.r);
}

TEST(rings_out_of_memory_need_a_reset)
{
    static const paddr places[] = {0x1000, RIG_RAM + RIG_RAM_BYTES - 16, RIG_RAM + 8, UINT64_MAX};
    for (unsigned i = 0; i < 2 * array_len(places); i++) {
        struct scene s;
        struct ring q;
        uint64_t f = i & 1 ? VIRTIO_F_RING_PACKED : 0;
        open_scene(&s, true);
        CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1 | f));
        rig_store(&s.r, s.d.common + 0x20, 4, (uint32_t)places[i / 2]);
        rig_store(&s.r, s.d.common + 0x24, 4, places[i / 2] >> 32);
        rig_store(&s.r, s.d.common + 0x1c, 2, 1);
        drv_ok(&s.d);
        CHECK_EQ(drv_status(&s.d), 15 | VIRTIO_STATUS_NEEDS_RESET);
        start_scene(&s, &q, f);
        echo_once(&s, &q, "well again", false);
        rig_close(&s.r);
    }
}

TEST(queue_set_up_out_of_turn_is_ignored)
{
    struct scene s;
    struct ring q;
    open_scene(&s, true);
    start_scene(&s, &q, 0);
    rig_store(&s.r, s.d.common + 0x18, 2, 8);          /* size of an enabled queue */
    rig_store(&s.r, s.d.common + 0x1c, 2, 0);          /* disable it */
    rig_store(&s.r, s.d.common + 0x20, 4, 0xdeadbee0); /* move it */
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x18, 2), QUEUE_SIZE);
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x1c, 2), 1);
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x20, 4), (uint32_t)q.desc);
    rig_store(&s.r, s.d.common + 0x16, 2, 1);
    rig_store(&s.r, s.d.common + 0x1c, 2, 1); /* enable another, too late */
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x1c, 2), 0);
    rig_store(&s.r, s.d.common + 0x16, 2, 77); /* there is none */
    CHECK_EQ(rig_load(&s.r, s.d.common + 0x18, 2), 0);
    rig_store(&s.r, s.d.common + 0x18, 2, 4);
    rig_store(&s.r, s.d.common + 0x1a, 2, 0);
    drv_notify(&s.d, 77);
    echo_once(&s, &q, "unharmed", false);
    rig_close(&s.r);
}

/* ---- doorbells */

/* Where the driver rings queue 0, as memory/doorbell.h has it. */
static const struct mem_range *find_bell(struct scene *s, struct doorbell *bell)
{
    struct mem_view v;
    const paddr a = s->d.pci ? s->d.notify : RIG_VIRTIO_MMIO + 0x50;

    if (!space_find(s->r.m->memory, a, &v)) {
        return NULL;
    }
    bell->offset = v.offset + (a - v.base);
    bell->any_value = s->d.pci; /* else the value is the queue */
    return v.range;
}

TEST(a_thread_serves_a_queue_by_its_doorbell)
{
    for (unsigned pci = 0; pci < 2; pci++) {
        struct scene s;
        struct ring q;
        struct error e;
        open_scene(&s, pci);
        start_scene(&s, &q, 0);
        struct doorbell bell = {.event = os_event_create(&e)};
        const struct mem_range *r = find_bell(&s, &bell);
        REQUIRE(r && bell.event >= 0);
        doorbell_add(s.r.m->memory, r, &bell);
        const struct ring_buf b[] = {{rig_alloc(&s.r, 4096), 3, false},
                                     {rig_alloc(&s.r, 4096), 3, true}};
        unsigned id;
        uint32_t len;
        ring_add(&q, b, 2, false);
        ring_kick(&q);
        CHECK_EQ(s.dev->served, 0);
        REQUIRE(os_event_take(bell.event));
        virtio_notify(&s.dev->v, 0);
        CHECK(ring_used(&q, &id, &len) && len == 3);
        doorbell_remove(s.r.m->memory, r, &bell);
        echo_once(&s, &q, "the device itself again", false);
        CHECK(!os_event_take(bell.event));
        os_event_close(bell.event);
        rig_close(&s.r);
    }
}
