/* SPDX-License-Identifier: MIT */
/* The virtio memory balloon. */
#include "base/bits.h"
#include "hw/balloon.h"
#include "hw/state.h"
#include "hw/virtio/virtio.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

extern const struct device_class virtio_balloon_pci_class, virtio_balloon_device_class;

struct scene {
    struct rig r;
    struct drv d;
    struct ring inflate, deflate, report;
    struct device *dev;
    paddr list;
};

static void open_scene(struct scene *s, const char *a)
{
    struct error e = {{0}};
    rig_open(&s->r);
    s->dev = rig_device(&s->r, &virtio_balloon_pci_class, "pcie.0", &e, "addr=4", "vectors=4", a,
                        NULL);
    if (!s->dev) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    drv_open_pci(&s->d, &s->r, 0x20);
    CHECK(drv_negotiate(&s->d, VIRTIO_F_VERSION_1 | (a ? VIRTIO_F(5) : 0)));
    ring_open(&s->inflate, &s->d, 0, 16, 0);
    ring_open(&s->deflate, &s->d, 1, 16, 0);
    if (a) {
        ring_open(&s->report, &s->d, 2, 16, 0);
    }
    drv_ok(&s->d);
    s->list = rig_alloc(&s->r, 8192);
}

static void hand_over(struct scene *s, struct ring *q, unsigned count)
{
    unsigned id;
    uint32_t len;
    ring_add(q, &(struct ring_buf){s->list, 4 * count, false}, 1, false);
    ring_kick(q);
    CHECK(ring_used(q, &id, &len));
}

TEST(pages_in_the_balloon_are_given_back_and_no_others)
{
    struct scene s;
    open_scene(&s, NULL);
    paddr pages = rig_alloc(&s.r, 600 * 4096);
    memset(rig_host(&s.r, pages), 0x5a, 600 * 4096);
    for (unsigned i = 0; i < 500; i++) { /* downwards, as Linux does */
        store_le32(rig_host(&s.r, s.list + 4 * i), (uint32_t)(pages >> 12) + 500 - i);
    }
    store_le32(rig_host(&s.r, s.list + 4 * 500), 0);          /* not RAM */
    store_le32(rig_host(&s.r, s.list + 4 * 501), 0xffffffff); /* nor this */
    store_le32(rig_host(&s.r, s.list + 4 * 502), (uint32_t)(pages >> 12) + 550);
    hand_over(&s, &s.inflate, 503);
    const uint8_t *p = rig_host(&s.r, pages);
    CHECK(p[4095] == 0x5a && p[4096] == 0 && p[501 * 4096 - 1] == 0 && p[501 * 4096] == 0x5a);
    CHECK(p[550 * 4096 - 1] == 0x5a && p[550 * 4096] == 0 && p[551 * 4096] == 0x5a);
    hand_over(&s, &s.deflate, 10);
    CHECK_EQ(drv_status(&s.d), 15);
    rig_close(&s.r);
}

TEST(reported_pages_are_given_back)
{
    struct scene s;
    unsigned id;
    uint32_t len;
    open_scene(&s, "free-page-reporting=on");
    CHECK_EQ(drv_features(&s.d) & VIRTIO_F(5), VIRTIO_F(5));
    paddr pages = rig_alloc(&s.r, 16 * 4096);
    memset(rig_host(&s.r, pages), 0x5a, 16 * 4096);
    ring_add(&s.report, (struct ring_buf[]){{pages + 4096, 8192, true}, {pages + 40000, 100, true}},
             2, false);
    ring_kick(&s.report);
    CHECK(ring_used(&s.report, &id, &len));
    const uint8_t *p = rig_host(&s.r, pages);
    CHECK(p[4095] == 0x5a && p[4096] == 0 && p[3 * 4096 - 1] == 0 && p[3 * 4096] == 0x5a);
    CHECK_EQ(p[40050], 0x5a); /* no whole page */
    rig_close(&s.r);
}

TEST(monitor_asks_and_reads_back)
{
    struct scene s;
    open_scene(&s, NULL);
    struct balloon *b = s.r.m->balloon;
    rig_store(&s.r, s.d.common + 0x10, 2, 2);
    REQUIRE(b != NULL);
    CHECK_EQ(b->bytes(b), RIG_RAM_BYTES);
    b->set_bytes(b, RIG_RAM_BYTES / 2);
    CHECK_EQ(drv_config(&s.d, 0, 4), RIG_RAM_BYTES / 2 / 4096);
    CHECK_EQ(s.r.msi[2], 1);
    drv_config_set(&s.d, 4, 4, 1000);
    CHECK_EQ(b->bytes(b), RIG_RAM_BYTES - 1000 * 4096);
    drv_config_set(&s.d, 4, 4, 0xffffffff);
    CHECK_EQ(b->bytes(b), 0);
    b->set_bytes(b, UINT64_MAX);
    CHECK_EQ(drv_config(&s.d, 0, 4), 0);
    b->set_bytes(b, 0);
    CHECK_EQ(drv_config(&s.d, 0, 4), RIG_RAM_BYTES / 4096 - 1);
    drv_set_status(&s.d, 0);
    CHECK_EQ(b->bytes(b), RIG_RAM_BYTES);
    rig_close(&s.r);
}

TEST(one_balloon_is_enough)
{
    struct scene s;
    struct error e = {{0}};
    open_scene(&s, NULL);
    CHECK(!rig_device(&s.r, &virtio_balloon_device_class, "virtio-mmio-bus.0", &e, NULL));
    CHECK(strstr(e.text, "already") != NULL);
    rig_close(&s.r);
}

TEST(state_survives_saving)
{
    struct scene s, t;
    struct error e = {{0}};
    struct strbuf out = {0};
    open_scene(&s, NULL);
    s.r.m->balloon->set_bytes(s.r.m->balloon, RIG_RAM_BYTES / 2);
    drv_config_set(&s.d, 4, 4, 77);
    device_save(s.dev, &out);
    open_scene(&t, NULL);
    CHECK(device_load(t.dev, out.text, out.len, &e));
    CHECK_EQ(drv_config(&t.d, 0, 4), RIG_RAM_BYTES / 2 / 4096);
    CHECK_EQ(t.r.m->balloon->bytes(t.r.m->balloon), RIG_RAM_BYTES - 77 * 4096);
    strbuf_free(&out);
    rig_close(&s.r);
    rig_close(&t.r);
}

TEST(tables_list_every_byte)
{
    struct error e = {{0}};
    CHECK_MSG(device_check_class(&virtio_balloon_pci_class, &e), "%s", e.text);
    CHECK_MSG(device_check_class(&virtio_balloon_device_class, &e), "%s", e.text);
}
