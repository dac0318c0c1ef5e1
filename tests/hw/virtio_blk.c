/* SPDX-License-Identifier: MIT */
/* The virtio block device on a raw file, driven through its rings. */
#include <fcntl.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "hw/state.h"
#include "hw/virtio/virtio_blk.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define DISK_BYTES (1u << 20)

extern const struct device_class virtio_blk_pci_class, virtio_blk_device_class;

enum {
    IN = 0,
    OUT = 1,
    FLUSH = 4,
    GET_ID = 8,
    DISCARD = 11,
    ZEROES = 13,
    OK = 0,
    IOERR = 1,
    UNSUPP = 2,
};

struct scene {
    struct rig r;
    char path[64];
    struct block *block;
    struct device *dev;
    struct drv d;
    struct ring q;
    paddr header, data, status; /* of the request that was offered last */
    unsigned offered;
};

static struct block *give_drive(void *opaque, const char *id, struct error *e)
{
    struct scene *s = opaque;
    if (strcmp(id, "disk") != 0) {
        error_set(e, "there is no -drive with id=%s", id);
        return NULL;
    }
    return s->block;
}

static void make_disk(struct scene *s, bool read_only, const char *cache)
{
    struct error e = {{0}};
    snprintf(s->path, sizeof(s->path), "/var/tmp/dragoman-test.XXXXXX");
    int fd = mkstemp(s->path);
    uint8_t sector[512];
    for (unsigned i = 0; i < DISK_BYTES / 512; i++) {
        memset(sector, (int)(i + 1), sizeof(sector));
        CHECK(pwrite(fd, sector, 512, 512 * i) == 512);
    }
    close(fd);
    struct block_options o = {.file = s->path,
                              .format = "raw",
                              .read_only = read_only,
                              .cache = (char *)(uintptr_t)cache};
    s->block = block_open(NULL, &o, &e);
    if (!s->block) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
}

struct setting {
    bool mmio, read_only, counted;
    uint64_t features;
    const char *a, *b, *cache;
};

static void open_scene(struct scene *s, const struct setting *w)
{
    struct error e = {{0}};
    s->offered = 0;
    make_disk(s, w->read_only, w->cache);
    rig_open(&s->r);
    s->r.m->backends.drive = give_drive;
    s->r.m->backends.opaque = s;
    s->r.m->config.counted = w->counted;
    s->dev = rig_device(&s->r, w->mmio ? &virtio_blk_device_class : &virtio_blk_pci_class,
                        w->mmio ? "virtio-mmio-bus.0" : "pcie.0", &e, "drive=disk",
                        "serial=SN-0123456789-too-long", "packed=on",
                        w->mmio ? "num-queues=2" : "addr=4", w->a, w->b, NULL);
    if (!s->dev) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    if (w->mmio) {
        drv_open_mmio(&s->d, &s->r);
    } else {
        drv_open_pci(&s->d, &s->r, 0x20);
    }
    CHECK(drv_negotiate(&s->d, w->features | VIRTIO_F_VERSION_1));
    ring_open(&s->q, &s->d, 0, 64, w->features);
    drv_ok(&s->d);
    s->header = rig_alloc(&s->r, 4096);
    s->data = rig_alloc(&s->r, 65536);
    s->status = rig_alloc(&s->r, 4096);
}

static void close_scene(struct scene *s)
{
    rig_close(&s->r);
    block_close(s->block);
    unlink(s->path);
}

static void offer(struct scene *s, uint32_t type, uint64_t sector, uint32_t n)
{
    s->header = align_down(s->header, 4096) + 16 * (s->offered % 64);
    s->status = align_down(s->status, 4096) + s->offered++ % 64;
    uint8_t *h = rig_host(&s->r, s->header);
    store_le32(h, type);
    store_le32(h + 4, 0);
    store_le64(h + 8, sector);
    *rig_host(&s->r, s->status) = 0xee;
    bool in = type == IN || type == GET_ID;
    struct ring_buf b[3] = {{s->header, 16, false}, {s->data, n, in}, {s->status, 1, true}};
    if (n == 0) {
        b[1] = b[2];
    }
    ring_add(&s->q, b, n ? 3 : 2, false);
    ring_kick(&s->q);
}

/* The status of one request with n bytes at s->data. */
static unsigned request(struct scene *s, uint32_t type, uint64_t sector, uint32_t n)
{
    unsigned id;
    uint32_t len = 0;
    offer(s, type, sector, n);
    if (!ring_wait(&s->q, &id, &len)) {
        CHECK(!"no answer");
        return 0xff;
    }
    unsigned status = *rig_host(&s->r, s->status);
    CHECK_EQ(len, (type == IN && status == OK ? n : type == GET_ID ? 20 : 0) + 1);
    return status;
}

static uint8_t *data(struct scene *s)
{
    return rig_host(&s->r, s->data);
}

static unsigned zeroes(struct scene *s, uint32_t type, uint64_t sector, uint32_t count,
                       uint32_t flags)
{
    store_le64(data(s), sector);
    store_le32(data(s) + 8, count);
    store_le32(data(s) + 12, flags);
    return request(s, type, 0, 16);
}

TEST(reads_and_writes_on_each_ring_and_transport)
{
    for (unsigned i = 0; i < 8; i++) {
        struct scene s;
        open_scene(&s, &(struct setting){.mmio = i & 1,
                                         .features = (i & 2 ? VIRTIO_F_RING_PACKED : 0) |
                                                     (i & 4 ? VIRTIO_F_EVENT_IDX : 0)});
        for (unsigned n = 0; n < 100; n++) {
            CHECK_EQ(request(&s, IN, n, 1024), OK);
            CHECK_EQ(data(&s)[0], n < 1 ? 1 : 0xc0);
            memset(data(&s), 0xc0, 1024);
            CHECK_EQ(request(&s, OUT, n + 1, 512), OK);
        }
        CHECK_EQ(request(&s, FLUSH, 0, 0), OK);
        CHECK_EQ(request(&s, IN, 101, 512), OK);
        CHECK_EQ(data(&s)[0], 102);
        close_scene(&s);
    }
}

TEST(config_tells_size_queues_and_topology)
{
    struct scene s;
    open_scene(&s, &(struct setting){.a = "physical_block_size=4096", .b = "num-queues=3"});
    CHECK_EQ(drv_config(&s.d, 0, 8), DISK_BYTES / 512);
    CHECK_EQ(drv_config(&s.d, 12, 4), 254);
    CHECK_EQ(drv_config(&s.d, 20, 4), 512);
    CHECK_EQ(drv_config(&s.d, 24, 1), 3);
    CHECK_EQ(drv_config(&s.d, 32, 1), 1);
    CHECK_EQ(drv_config(&s.d, 34, 2), 3);
    CHECK_EQ(drv_config(&s.d, 40, 4), 1);
    CHECK_EQ(drv_features(&s.d) & 0xffffff, VIRTIO_F(2) | VIRTIO_F(4) | VIRTIO_F(6) | VIRTIO_F(9) |
                                                VIRTIO_F(10) | VIRTIO_F(11) | VIRTIO_F(12) |
                                                VIRTIO_F(13) | VIRTIO_F(14));
    close_scene(&s);
}

TEST(another_size_of_the_disk_is_told)
{
    struct scene s;
    struct error e = {{0}};
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(request(&s, IN, DISK_BYTES / 512, 512), IOERR);
    CHECK(block_resize(s.block, 2 * DISK_BYTES, &e));
    CHECK_EQ(drv_config(&s.d, 0, 8), 2 * DISK_BYTES / 512);
    CHECK_EQ(request(&s, IN, DISK_BYTES / 512, 512), OK);
    CHECK_EQ(*data(&s), 0);
    close_scene(&s);
}

TEST(id_is_the_serial_cut_to_twenty)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(request(&s, GET_ID, 0, 20), OK);
    CHECK_MEM(data(&s), "SN-0123456789-too-lo", 20);
    close_scene(&s);
}

TEST(requests_out_of_range_fail)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(request(&s, IN, DISK_BYTES / 512, 512), IOERR);
    CHECK_EQ(request(&s, IN, DISK_BYTES / 512 - 1, 1024), IOERR);
    CHECK_EQ(request(&s, IN, UINT64_MAX, 512), IOERR);
    CHECK_EQ(request(&s, IN, UINT64_MAX / 512, 512), IOERR);
    CHECK_EQ(request(&s, OUT, 0, 100), IOERR);
    CHECK_EQ(request(&s, 77, 0, 512), UNSUPP);
    CHECK_EQ(request(&s, IN, DISK_BYTES / 512 - 1, 512), OK);
    CHECK_EQ(drv_status(&s.d), 15);
    close_scene(&s);
}

TEST(larger_blocks_ask_for_alignment)
{
    struct scene s;
    open_scene(&s,
               &(struct setting){.a = "logical_block_size=4096", .b = "physical_block_size=4096"});
    CHECK_EQ(request(&s, IN, 1, 4096), IOERR);
    CHECK_EQ(request(&s, IN, 0, 512), IOERR);
    CHECK_EQ(request(&s, IN, 8, 4096), OK);
    CHECK_EQ(data(&s)[0], 9);
    close_scene(&s);
}

TEST(discard_and_write_zeroes)
{
    struct scene s;
    open_scene(&s, &(struct setting){.features = VIRTIO_F(13) | VIRTIO_F(14)});
    CHECK_EQ(zeroes(&s, ZEROES, 2, 4, 0), OK);
    CHECK_EQ(zeroes(&s, ZEROES, 100, 8, 1), OK);
    CHECK_EQ(zeroes(&s, DISCARD, 200, 8, 0), OK);
    CHECK_EQ(zeroes(&s, DISCARD, 200, 8, 1), UNSUPP);
    CHECK_EQ(zeroes(&s, ZEROES, 200, 8, 2), UNSUPP);
    CHECK_EQ(zeroes(&s, ZEROES, DISK_BYTES / 512, 1, 0), IOERR);
    CHECK_EQ(zeroes(&s, ZEROES, 0, 0xffffffff, 0), IOERR);
    CHECK_EQ(request(&s, DISCARD, 0, 32), IOERR); /* two segments */
    CHECK_EQ(request(&s, IN, 0, 8192), OK);
    CHECK(data(&s)[1023] == 2 && data(&s)[1024] == 0 && data(&s)[3071] == 0 && data(&s)[3072] == 7);
    CHECK_EQ(request(&s, IN, 100, 8 * 512), OK);
    CHECK(data(&s)[0] == 0 && data(&s)[4095] == 0);
    close_scene(&s);
}

TEST(features_not_accepted_are_not_served)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(zeroes(&s, ZEROES, 2, 4, 0), UNSUPP);
    CHECK_EQ(zeroes(&s, DISCARD, 2, 4, 0), UNSUPP);
    close_scene(&s);
}

TEST(read_only_disks_refuse_writes)
{
    struct scene s;
    open_scene(&s, &(struct setting){.read_only = true, .features = VIRTIO_F(5)});
    CHECK_EQ(drv_features(&s.d) & (VIRTIO_F(5) | VIRTIO_F(13) | VIRTIO_F(14)), VIRTIO_F(5));
    CHECK_EQ(request(&s, OUT, 0, 512), IOERR);
    CHECK_EQ(request(&s, IN, 0, 512), OK);
    CHECK_EQ(data(&s)[0], 1);
    close_scene(&s);
}

TEST(write_cache_follows_the_drive_and_the_driver)
{
    struct scene s;
    open_scene(&s, &(struct setting){.cache = "writethrough", .features = VIRTIO_F(11)});
    CHECK_EQ(drv_config(&s.d, 32, 1), 0);
    drv_config_set(&s.d, 32, 1, 1);
    CHECK_EQ(drv_config(&s.d, 32, 1), 1);
    drv_config_set(&s.d, 32, 1, 0);
    CHECK_EQ(request(&s, OUT, 0, 512), OK);
    close_scene(&s);
}

TEST(many_requests_in_flight_over_several_pieces)
{
    struct scene s;
    unsigned id;
    uint32_t len;
    open_scene(&s, &(struct setting){.features = VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX});
    paddr headers = rig_alloc(&s.r, 64 * 16), st = rig_alloc(&s.r, 64);
    paddr pages = rig_alloc(&s.r, 64 * 8192);
    for (unsigned n = 0; n < 64; n++) {
        paddr page = pages + 8192 * n;
        store_le64(rig_host(&s.r, headers + 16 * n + 8), 10 * n);
        struct ring_buf b[5] = {{headers + 16 * n, 16, false},
                                {page + 4096, 512, true},
                                {page + 2048, 1024, true},
                                {page, 1024, true},
                                {st + n, 1, true}};
        ring_add(&s.q, b, 5, true);
    }
    drv_notify(&s.d, 0);
    for (unsigned n = 0; n < 64; n++) {
        REQUIRE(ring_wait(&s.q, &id, &len));
        CHECK_EQ(len, 2561);
    }
    for (unsigned n = 0; n < 64; n++) {
        const uint8_t *p = rig_host(&s.r, pages + 8192 * n);
        CHECK_EQ(p[4096], (10 * n + 1) & 0xff);
        CHECK_EQ(p[2048], (10 * n + 2) & 0xff);
        CHECK_EQ(p[1023], (10 * n + 5) & 0xff);
        CHECK_EQ(*rig_host(&s.r, st + n), OK);
    }
    close_scene(&s);
}

TEST(interrupts_come_from_the_io_thread)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    for (unsigned n = 0; n < 20; n++) {
        unsigned before = atomic_get(&s.r.msi[0]);
        CHECK_EQ(request(&s, IN, 0, 512), OK);
        for (unsigned i = 0; i < 1000 && atomic_get(&s.r.msi[0]) == before; i++) {
            os_sleep_until_ns(os_now_ns() + 1000000);
        }
        CHECK_EQ(atomic_get(&s.r.msi[0]), before + 1);
    }
    close_scene(&s);
}

TEST(reset_with_requests_in_flight)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    for (unsigned n = 0; n < 50; n++) {
        for (unsigned i = 0; i < 16; i++) {
            offer(&s, IN, i, 4096);
        }
        drv_set_status(&s.d, 0);
        CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1));
        ring_open(&s.q, &s.d, 0, 64, 0);
        drv_ok(&s.d);
        s.r.next = RIG_RAM + 0x200000;
    }
    CHECK_EQ(request(&s, IN, 5, 512), OK);
    CHECK_EQ(data(&s)[0], 6);
    close_scene(&s);
}

TEST(request_without_status_or_header_needs_a_reset)
{
    for (unsigned i = 0; i < 3; i++) {
        struct scene s;
        open_scene(&s, &(struct setting){0});
        struct ring_buf rows[3][1] = {
            {{s.header, 16, false}}, {{s.status, 1, true}}, {{s.header, 15, false}}};
        ring_add(&s.q, rows[i], 1, false);
        ring_kick(&s.q);
        for (unsigned n = 0; n < 5000 && drv_status(&s.d) == 15; n++) {
            os_sleep_until_ns(os_now_ns() + 1000000);
        }
        CHECK_EQ(drv_status(&s.d), 15 | VIRTIO_STATUS_NEEDS_RESET);
        CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1));
        ring_open(&s.q, &s.d, 0, 64, 0);
        drv_ok(&s.d);
        CHECK_EQ(request(&s, IN, 0, 512), OK);
        close_scene(&s);
    }
}

TEST(state_is_saved_with_nothing_in_flight)
{
    struct scene s, t;
    struct error e = {{0}};
    struct strbuf out = {0};
    unsigned id;
    uint32_t len;
    open_scene(&s, &(struct setting){0});
    for (unsigned n = 0; n < 40; n++) {
        CHECK_EQ(request(&s, IN, 0, 512), OK);
    }
    for (unsigned n = 0; n < 8; n++) {
        offer(&s, IN, n, 4096);
    }
    device_save(s.dev, &out);
    for (unsigned n = 0; n < 8; n++) {
        CHECK(ring_used(&s.q, &id, &len)); /* all of them already */
    }
    open_scene(&t, &(struct setting){0});
    drv_set_status(&t.d, 0);
    memcpy(t.r.m->ram, s.r.m->ram, RIG_RAM_BYTES);
    CHECK_MSG(device_load(t.dev, out.text, out.len, &e), "%s", e.text);
    s.q.d = &t.d;
    t.q = s.q;
    for (unsigned n = 0; n < 40; n++) {
        CHECK_EQ(request(&t, IN, 3, 512), OK);
        CHECK_EQ(data(&t)[0], 4);
    }
    strbuf_free(&out);
    close_scene(&s);
    close_scene(&t);
}

TEST(counted_time_decides_when_requests_end)
{
    struct scene s;
    unsigned id;
    uint32_t len;
    open_scene(&s, &(struct setting){.counted = true});
    offer(&s, IN, 7, 512);
    offer(&s, OUT, 9, 512);
    os_sleep_until_ns(os_now_ns() + 20000000); /* the host is done long since */
    CHECK(!ring_used(&s.q, &id, &len));
    clock_manual_advance(s.r.m->clock, 100000);
    CHECK(!ring_used(&s.q, &id, &len));
    clock_manual_advance(s.r.m->clock, 511);
    CHECK(!ring_used(&s.q, &id, &len));
    clock_manual_advance(s.r.m->clock, 1);
    CHECK(ring_used(&s.q, &id, &len));
    CHECK_EQ(s.r.msi[0], 1);
    offer(&s, FLUSH, 0, 0);
    drv_set_status(&s.d, 0); /* with a request that is not due */
    CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1));
    ring_open(&s.q, &s.d, 0, 64, 0);
    drv_ok(&s.d);
    offer(&s, IN, 3, 1024);
    clock_manual_advance(s.r.m->clock, 200000);
    CHECK(ring_used(&s.q, &id, &len));
    CHECK_EQ(data(&s)[1023], 5);
    close_scene(&s);
}

TEST(bad_properties_are_refused)
{
    static const char *const bad[] = {"drive=none",
                                      "num-queues=0",
                                      "queue-size=100",
                                      "queue-size=2048",
                                      "logical_block_size=1000",
                                      "physical_block_size=256",
                                      "werror=panic"};
    struct scene s;
    make_disk(&s, false, NULL);
    for (unsigned i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        rig_open(&s.r);
        s.r.m->backends.drive = give_drive;
        s.r.m->backends.opaque = &s;
        CHECK_MSG(
            !rig_device(&s.r, &virtio_blk_pci_class, "pcie.0", &e, "drive=disk", bad[i], NULL),
            "%s", bad[i]);
        CHECK(strlen(e.text) > 10);
        CHECK(!rig_device(&s.r, &virtio_blk_pci_class, "pcie.0", &e, NULL));
        CHECK(strstr(e.text, "drive= is missing") != NULL);
        rig_close(&s.r);
    }
    block_close(s.block);
    unlink(s.path);
}

TEST(tables_list_every_byte)
{
    struct error e = {{0}};
    CHECK_MSG(device_check_class(&virtio_blk_pci_class, &e), "%s", e.text);
    CHECK_MSG(device_check_class(&virtio_blk_device_class, &e), "%s", e.text);
}
