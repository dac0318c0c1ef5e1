/* SPDX-License-Identifier: MIT */
/* NVMe controllers, by registers and by commands of a driver through its queues. */
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "hw/state.h"
#include "tests/support/machine.h"
#include "tests/support/nvme_rig.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define DISK_BYTES (4u << 20)
#define BLOCKS (DISK_BYTES / 512)

extern const struct device_class nvme_class, nvme_ns_class;

enum {
    FLUSH = 0,
    WRITE = 1,
    READ = 2,
    COMPARE = 5,
    ZEROES = 8,
    DSM = 9,
    VERIFY = 12,
};

struct scene {
    struct rig r;
    struct block *disk, *second;
    struct device *dev;
    struct nvme_drv d;
};

static struct block *give_drive(void *opaque, const char *id, struct error *e)
{
    struct scene *s = opaque;
    if (strcmp(id, "disk") != 0 && strcmp(id, "second") != 0) {
        error_set(e, "there is no -drive with id=%s", id);
        return NULL;
    }
    return id[0] == 's' ? s->second : s->disk;
}

struct setting {
    bool counted, pin;
    const char *a;
    struct block *disk; /* NULL: one is made */
};

static void open_scene(struct scene *s, const struct setting *w)
{
    struct error e = {""};
    uint8_t sector[512];
    s->disk = w->disk ? w->disk : test_disk(DISK_BYTES);
    s->second = test_disk(DISK_BYTES / 2);
    for (unsigned i = 0; i < 64; i++) {
        memset(sector, (int)(i + 1), sizeof(sector));
        CHECK(block_write(s->disk, 512 * (uint64_t)i, sector, sizeof(sector), &e));
    }
    rig_open(&s->r);
    s->r.m->backends.drive = give_drive;
    s->r.m->backends.opaque = s;
    s->r.m->config.counted = w->counted;
    s->dev = rig_device(&s->r, &nvme_class, "pcie.0", &e, "drive=disk", "serial=SN-1", "addr=4",
                        w->a, NULL);
    if (!s->dev) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(s->dev);
    nvme_drv_open(&s->d, &s->r, 0x20, !w->pin);
    CHECK(nvme_drv_enable(&s->d));
    if (!w->counted) {
        nvme_drv_make_io(&s->d);
    }
}

static void close_scene(struct scene *s)
{
    rig_close(&s->r);
    block_close(s->disk);
    block_close(s->second);
}

static uint8_t *data(struct scene *s)
{
    return rig_host(&s->r, s->d.data);
}

static void set_extent(uint8_t *e, uint64_t lba, uint32_t blocks)
{
    store_le64(e + 40, lba);
    store_le32(e + 48, blocks - 1);
}

/* A command that moves blocks of one page, or names them. */
static uint16_t io(struct scene *s, uint8_t opcode, uint64_t lba, uint32_t blocks)
{
    uint8_t e[SQE_BYTES];
    nvme_sqe(&s->d, e, opcode, 1);
    set_extent(e, lba, blocks);
    return nvme_command(&s->d, &s->d.io, e, NULL);
}

static uint16_t admin(struct scene *s, uint8_t opcode, uint32_t nsid, uint32_t dw10, uint32_t dw11,
                      uint32_t *result)
{
    uint8_t e[SQE_BYTES];
    nvme_sqe(&s->d, e, opcode, nsid);
    store_le32(e + 40, dw10);
    store_le32(e + 44, dw11);
    return nvme_command(&s->d, &s->d.admin, e, result);
}

/* ---- registers */

TEST(registers_tell_what_the_controller_can)
{
    struct scene s;
    open_scene(&s, &(struct setting){.a = "mqes=63"});
    CHECK_EQ(nvme_reg(&s.d, NVME_CAP, 8), 0x004000200f01003f);
    CHECK_EQ(nvme_reg(&s.d, NVME_CAP + 4, 4), 0x00400020);
    CHECK_EQ(nvme_reg(&s.d, NVME_VS, 4), 0x10400);
    CHECK_EQ(nvme_reg(&s.d, NVME_VS, 8), 0x10400);
    CHECK_EQ(nvme_reg(&s.d, NVME_ASQ, 8), s.d.admin.sq);
    nvme_reg_set(&s.d, NVME_INTMS, 4, 6);
    nvme_reg_set(&s.d, NVME_INTMC, 4, 2);
    CHECK_EQ(nvme_reg(&s.d, NVME_INTMS, 4), 4);
    nvme_reg_set(&s.d, NVME_CC, 4, 0x464001); /* shut down */
    CHECK_EQ(nvme_reg(&s.d, NVME_CSTS, 4), NVME_CSTS_READY | NVME_CSTS_SHUT_DOWN);
    nvme_reg_set(&s.d, NVME_CC, 4, 0);
    CHECK_EQ(nvme_reg(&s.d, NVME_CSTS, 4), 0);
    close_scene(&s);
}

TEST(a_controller_that_cannot_be_enabled_says_so)
{
    static const struct {
        unsigned reg;
        uint32_t value;
    } bad[] = {{NVME_AQA, 0},
               {NVME_ASQ, 0},
               {NVME_CC, 0x460011},
               {NVME_CC, 0x460781},
               {NVME_CC, 0x450001}};
    for (unsigned i = 0; i < array_len(bad); i++) {
        struct scene s;
        open_scene(&s, &(struct setting){0});
        nvme_reg_set(&s.d, NVME_CC, 4, 0);
        nvme_reg_set(&s.d, bad[i].reg, 4, bad[i].value);
        nvme_reg_set(&s.d, NVME_CC, 4, bad[i].reg == NVME_CC ? bad[i].value : 0x460001);
        CHECK_EQ(nvme_reg(&s.d, NVME_CSTS, 4), NVME_CSTS_FATAL);
        CHECK(nvme_drv_enable(&s.d));
        close_scene(&s);
    }
}

/* 3.1.5, 3.1.8 to 3.1.10: the driver has to disable it first. */
TEST(what_an_enabled_controller_stands_on_stays)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    const uint64_t asq = nvme_reg(&s.d, NVME_ASQ, 8), acq = nvme_reg(&s.d, NVME_ACQ, 8);
    const uint64_t aqa = nvme_reg(&s.d, NVME_AQA, 4);
    nvme_reg_set(&s.d, NVME_AQA, 4, 0);
    nvme_reg_set(&s.d, NVME_ASQ, 8, 0);
    nvme_reg_set(&s.d, NVME_ACQ, 8, 0x123000);
    nvme_reg_set(&s.d, NVME_CC, 4, 0x553ff1); /* entries of queues to come may have other sizes */
    CHECK_EQ(nvme_reg(&s.d, NVME_ASQ, 8), asq);
    CHECK_EQ(nvme_reg(&s.d, NVME_ACQ, 8), acq);
    CHECK_EQ(nvme_reg(&s.d, NVME_AQA, 4), aqa);
    CHECK_EQ(nvme_reg(&s.d, NVME_CC, 4), 0x550001);
    CHECK_EQ(nvme_reg(&s.d, NVME_CSTS, 4), NVME_CSTS_READY);
    CHECK(test_round_trip(s.dev));
    CHECK_EQ(io(&s, READ, 5, 1), NVME_OK);
    close_scene(&s);
}

/* ---- I/O */

TEST(blocks_are_read_and_written)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        open_scene(&s, &(struct setting){.pin = i});
        CHECK_EQ(io(&s, READ, 3, 2), NVME_OK);
        CHECK(data(&s)[0] == 4 && data(&s)[1023] == 5);
        memset(data(&s), 0xc1, 4096);
        CHECK_EQ(io(&s, WRITE, 30, 8), NVME_OK);
        CHECK_EQ(io(&s, FLUSH, 0, 1), NVME_OK);
        CHECK_EQ(io(&s, READ, 29, 8), NVME_OK);
        CHECK(data(&s)[0] == 30 && data(&s)[512] == 0xc1);
        CHECK_EQ(io(&s, COMPARE, 29, 8), NVME_OK);
        CHECK_EQ(io(&s, COMPARE, 28, 8), NVME_COMPARE_FAILURE);
        CHECK_EQ(io(&s, VERIFY, 0, 64), NVME_OK);
        CHECK_EQ(io(&s, ZEROES, 30, 4), NVME_OK);
        CHECK_EQ(io(&s, READ, 29, 8), NVME_OK);
        CHECK(data(&s)[512] == 0 && data(&s)[5 * 512] == 0xc1);
        close_scene(&s);
    }
}

TEST(what_cannot_be_has_a_status)
{
    struct scene s;
    uint8_t e[SQE_BYTES];
    open_scene(&s, &(struct setting){.a = "mdts=1"});
    CHECK_EQ(io(&s, READ, BLOCKS, 1), NVME_LBA_RANGE);
    CHECK_EQ(io(&s, READ, BLOCKS - 1, 2), NVME_LBA_RANGE);
    CHECK_EQ(io(&s, READ, UINT64_MAX, 1), NVME_LBA_RANGE);
    CHECK_EQ(io(&s, READ, 0, 17), NVME_BAD_FIELD); /* 8 KiB at most */
    CHECK_EQ(io(&s, 0x55, 0, 1), NVME_BAD_OPCODE);
    nvme_sqe(&s.d, e, READ, 2);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_BAD_NAMESPACE);
    nvme_sqe(&s.d, e, READ, 1);
    e[SQE_FLAGS] = 0x40; /* SGLs */
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_BAD_FIELD);
    nvme_sqe(&s.d, e, READ, 1);
    store_le64(e + SQE_PRP1, s.d.data + 2);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_BAD_PRP_OFFSET);
    store_le64(e + SQE_PRP1, UINT64_C(0xffffffff0000));
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_TRANSFER_ERROR);
    close_scene(&s);
}

/* However many there are, a disk reads them into one buffer. */
TEST(comparisons_come_one_after_the_other)
{
    struct scene s;
    uint8_t e[SQE_BYTES], cqe[CQE_BYTES];
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(io(&s, READ, 8, 8), NVME_OK);
    for (unsigned i = 0; i < 10; i++) {
        nvme_sqe(&s.d, e, i % 5 == 4 ? VERIFY : COMPARE, 1);
        set_extent(e, i % 2 ? 0 : 8, 8);
        store_le16(e + SQE_CID, (uint16_t)(100 + i));
        nvme_offer(&s.d, &s.d.io, e);
    }
    for (unsigned i = 0; i < 10; i++) {
        unsigned tries = 0;
        while (!nvme_completion(&s.d, &s.d.io, cqe) && tries++ < 10000) {
            os_sleep_until_ns(os_now_ns() + 100000);
        }
        const unsigned k = load_le16(cqe + 12) - 100u;
        CHECK_EQ(k, i);
        CHECK_EQ(load_le16(cqe + 14) >> 1 & 0x7fff & ~NVME_DNR,
                 k % 5 == 4 || k % 2 == 0 ? NVME_OK : NVME_COMPARE_FAILURE);
    }
    CHECK_EQ(((struct nvme *)s.dev)->own.aside_room, 4096);
    close_scene(&s);
}

/* The host may lose power after the guest has switched the controller off, or told it to end. */
TEST(what_was_written_is_durable_when_the_controller_stops)
{
    static const uint32_t ways[] = {0, NVME_CC_ENABLE | 1 << 14, NVME_CC_ENABLE | 2 << 14};
    for (size_t i = 0; i < array_len(ways); i++) {
        struct scene s;
        struct error e = {""};
        struct block_graph *g = block_graph_create();
        struct block_node *n = recorder_open(g, "memory", NULL, DISK_BYTES);
        struct recorder *r = recorder_of(n);
        open_scene(&s, &(struct setting){.disk = block_open_node(n, "disk",
                                                                 BLOCK_PERM_READ | BLOCK_PERM_WRITE,
                                                                 BLOCK_PERM_ALL, &e)});
        r->recording = true;
        CHECK_EQ(io(&s, WRITE, 0, 8), NVME_OK);
        const size_t before = recorder_count(n);
        CHECK(before && r->records[before - 1].kind == RECORD_WRITE);
        nvme_reg_set(&s.d, NVME_CC, 4, (nvme_reg(&s.d, NVME_CC, 4) & ~NVME_CC_ENABLE) | ways[i]);
        CHECK_EQ(nvme_reg(&s.d, NVME_CSTS, 4) >> 2 & 3, ways[i] ? 2 : 0);
        CHECK_EQ(recorder_count(n), before + 1);
        CHECK(recorder_count(n) > before && r->records[before].kind == RECORD_FLUSH);
        r->recording = false;
        close_scene(&s);
        block_node_close(n);
        block_graph_destroy(g);
    }
}

TEST(prp_entries_are_pages_in_any_order)
{
    struct scene s;
    uint8_t e[SQE_BYTES];
    open_scene(&s, &(struct setting){0});
    const paddr pages = rig_alloc(&s.r, 16 * 4096), list = rig_alloc(&s.r, 8192);
    nvme_sqe(&s.d, e, READ, 1); /* two pages, the first from its middle on */
    set_extent(e, 0, 8);
    store_le64(e + SQE_PRP1, pages + 2048);
    store_le64(e + SQE_PRP2, pages + 8192);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_OK);
    CHECK(*rig_host(&s.r, pages + 2048) == 1 && *rig_host(&s.r, pages + 8192) == 5);
    store_le64(e + SQE_PRP2, pages + 8196);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_BAD_PRP_OFFSET);

    nvme_sqe(&s.d, e, READ, 1); /* a list that goes on in a second page */
    set_extent(e, 0, 32);
    store_le64(e + SQE_PRP1, pages);
    store_le64(e + SQE_PRP2, list + 4096 - 16);
    store_le64(rig_host(&s.r, list + 4096 - 16), pages + 2 * 4096);
    store_le64(rig_host(&s.r, list + 4096 - 8), list + 4096);
    store_le64(rig_host(&s.r, list + 4096), pages + 5 * 4096);
    store_le64(rig_host(&s.r, list + 4096 + 8), pages + 4 * 4096);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_OK);
    CHECK_EQ(*rig_host(&s.r, pages), 1);
    CHECK_EQ(*rig_host(&s.r, pages + 2 * 4096), 9);
    CHECK_EQ(*rig_host(&s.r, pages + 5 * 4096), 17);
    CHECK_EQ(*rig_host(&s.r, pages + 4 * 4096), 25);
    store_le64(rig_host(&s.r, list + 4096), pages + 4);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_BAD_PRP_OFFSET);
    close_scene(&s);
}

TEST(ranges_are_deallocated_when_all_are_good)
{
    struct scene s;
    uint8_t e[SQE_BYTES];
    open_scene(&s, &(struct setting){0});
    memset(data(&s), 0, 64);
    store_le32(data(&s) + 4, 8);
    store_le64(data(&s) + 8, 8);
    store_le32(data(&s) + 20, 2);
    store_le64(data(&s) + 24, BLOCKS - 1);
    nvme_sqe(&s.d, e, DSM, 1);
    store_le32(e + 40, 1);
    store_le32(e + 44, 4);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_LBA_RANGE);
    store_le32(data(&s) + 20, 1);
    CHECK_EQ(nvme_command(&s.d, &s.d.io, e, NULL), NVME_OK);
    close_scene(&s);
}

TEST(commands_of_a_full_completion_queue_wait_for_room)
{
    struct scene s;
    uint8_t e[SQE_BYTES], cqe[CQE_BYTES];
    unsigned answers = 0;
    open_scene(&s, &(struct setting){0});
    for (unsigned i = 0; i < NVME_RIG_ENTRIES - 1; i++) {
        nvme_sqe(&s.d, e, FLUSH, 1);
        nvme_offer(&s.d, &s.d.io, e);
    }
    nvme_settle_disks((struct nvme *)s.dev);
    for (unsigned i = 0; i < 10; i++) { /* more than the queue can hold */
        nvme_sqe(&s.d, e, FLUSH, 1);
        nvme_offer(&s.d, &s.d.io, e);
    }
    nvme_settle_disks((struct nvme *)s.dev);
    CHECK(test_round_trip(s.dev));
    for (unsigned i = 0; i < 60000 && answers < NVME_RIG_ENTRIES - 1 + 10; i++) {
        if (nvme_completion(&s.d, &s.d.io, cqe)) {
            CHECK_EQ(load_le16(cqe + 14) >> 1, NVME_OK);
            answers++;
        } else {
            os_sleep_until_ns(os_now_ns() + 1000000);
        }
    }
    CHECK_EQ(answers, NVME_RIG_ENTRIES - 1 + 10);
    close_scene(&s);
}

TEST(interrupts_come_by_vector_or_by_the_pin)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    const unsigned before = atomic_get(&s.r.msi[1]);
    CHECK_EQ(io(&s, READ, 0, 1), NVME_OK);
    nvme_settle_disks((struct nvme *)s.dev);
    CHECK_EQ(atomic_get(&s.r.msi[1]), before + 1);
    close_scene(&s);

    uint8_t e[SQE_BYTES], cqe[CQE_BYTES];
    open_scene(&s, &(struct setting){.pin = true});
    CHECK_EQ(s.r.intx[0], 0); /* all was taken */
    nvme_sqe(&s.d, e, FLUSH, 1);
    nvme_offer(&s.d, &s.d.io, e);
    nvme_settle_disks((struct nvme *)s.dev);
    CHECK_EQ(s.r.intx[0], 1);
    nvme_reg_set(&s.d, NVME_INTMS, 4, 1);
    CHECK_EQ(s.r.intx[0], 0);
    nvme_reg_set(&s.d, NVME_INTMC, 4, 1);
    CHECK_EQ(s.r.intx[0], 1);
    CHECK(nvme_completion(&s.d, &s.d.io, cqe));
    CHECK_EQ(s.r.intx[0], 0);
    close_scene(&s);
}

/* ---- admin commands */

TEST(identify_tells_of_controller_and_namespaces)
{
    struct scene s;
    struct error e = {""};
    open_scene(&s, &(struct setting){0});
    REQUIRE(rig_device(&s.r, &nvme_ns_class, "nvme-bus.0", &e, "drive=second", "nsid=7",
                       "logical_block_size=4096", "uuid=00112233-4455-6677-8899-aabbccddeeff",
                       NULL));
    CHECK_EQ(admin(&s, 6, 0, 1, 0, NULL), NVME_OK);
    CHECK_EQ(load_le16(data(&s)), 0x1b36);
    CHECK_MEM(data(&s) + 4, "SN-1                QEMU NVMe Ctrl ", 35);
    CHECK_EQ(data(&s)[77], 7);
    CHECK_STR((const char *)data(&s) + 768, "nqn.2019-08.org.qemu:SN-1");
    CHECK_EQ(admin(&s, 6, 1, 0, 0, NULL), NVME_OK);
    CHECK_EQ(load_le64(data(&s)), BLOCKS);
    CHECK_EQ(data(&s)[130], 9);
    CHECK_EQ(admin(&s, 6, 7, 0, 0, NULL), NVME_OK);
    CHECK_EQ(load_le64(data(&s)), DISK_BYTES / 2 / 4096);
    CHECK_EQ(admin(&s, 6, 8, 0, 0, NULL), NVME_OK); /* not active: zeros */
    CHECK_EQ(load_le64(data(&s)), 0);
    CHECK_EQ(admin(&s, 6, 0, 0, 0, NULL), NVME_BAD_NAMESPACE);
    CHECK_EQ(admin(&s, 6, 0, 2, 0, NULL), NVME_OK);
    CHECK_MEM(data(&s), "\1\0\0\0\7\0\0\0\0\0\0\0", 12);
    CHECK_EQ(admin(&s, 6, 1, 2, 0, NULL), NVME_OK);
    CHECK_EQ(load_le32(data(&s)), 7);
    CHECK_EQ(admin(&s, 6, 7, 3, 0, NULL), NVME_OK);
    CHECK_MEM(data(&s), "\3\x10\0\0\x00\x11\x22\x33\x44\x55\x66\x77", 12);
    CHECK_EQ(admin(&s, 6, 1, 99, 0, NULL), NVME_BAD_FIELD);
    close_scene(&s);
}

TEST(features_are_read_and_set)
{
    struct scene s;
    uint32_t v = 0;
    open_scene(&s, &(struct setting){.a = "max_ioqpairs=5"});
    CHECK_EQ(admin(&s, 10, 0, 7, 0, &v), NVME_OK);
    CHECK_EQ(v, 0x40004);
    CHECK_EQ(admin(&s, 9, 0, 7, 0x30003, &v), 0x00c); /* there are queues already */
    CHECK_EQ(admin(&s, 10, 0, 6, 0, &v), NVME_OK);
    CHECK_EQ(v, 1);
    CHECK_EQ(admin(&s, 9, 0, 6, 0, NULL), NVME_OK);
    CHECK_EQ(admin(&s, 10, 0, 6, 0, &v), NVME_OK);
    CHECK_EQ(v, 0);
    CHECK_EQ(admin(&s, 10, 0, 0x106, 0, &v), NVME_OK); /* its default */
    CHECK_EQ(v, 1);
    CHECK_EQ(io(&s, WRITE, 0, 1), NVME_OK);
    CHECK_EQ(admin(&s, 9, 0, 11, 0x100, NULL), NVME_OK);
    CHECK_EQ(admin(&s, 10, 0, 11, 0, &v), NVME_OK);
    CHECK_EQ(v, 0x100);
    CHECK_EQ(admin(&s, 10, 0, 0x304, 0, &v), NVME_OK);
    CHECK_EQ(v, 4);
    CHECK_EQ(admin(&s, 9, 0, 0x8000000b, 0, NULL), NVME_NOT_SAVEABLE);
    CHECK_EQ(admin(&s, 9, 0, 0x77, 0, NULL), NVME_BAD_FIELD);
    CHECK_EQ(admin(&s, 10, 0, 0x77, 0, NULL), NVME_BAD_FIELD);
    CHECK_EQ(admin(&s, 8, 0, 0x10001, 0, &v), NVME_OK); /* abort: it was not */
    CHECK_EQ(v, 1);
    CHECK_EQ(admin(&s, 0x99, 0, 0, 0, NULL), NVME_BAD_OPCODE);
    close_scene(&s);
}

TEST(queues_are_made_and_deleted_in_order)
{
    struct scene s;
    open_scene(&s, &(struct setting){.a = "max_ioqpairs=3"});
    CHECK_EQ(admin(&s, 5, 0, 0xf0001, 3, NULL), NVME_BAD_QID); /* there is one */
    CHECK_EQ(admin(&s, 5, 0, 0xf0004, 3, NULL), NVME_BAD_QID);
    CHECK_EQ(admin(&s, 5, 0, 0x00002, 3, NULL), NVME_BAD_QUEUE_SIZE);
    CHECK_EQ(admin(&s, 5, 0, 0xffff0002, 3, NULL), NVME_BAD_QUEUE_SIZE);
    CHECK_EQ(admin(&s, 5, 0, 0xf0002, 2, NULL), NVME_BAD_FIELD); /* in pieces */
    CHECK_EQ(admin(&s, 5, 0, 0xf0002, 0x1000003, NULL), NVME_BAD_VECTOR);
    CHECK_EQ(admin(&s, 1, 0, 0xf0002, 0x20001, NULL), NVME_BAD_CQ);
    CHECK_EQ(admin(&s, 4, 0, 1, 0, NULL), NVME_BAD_QUEUE_DELETION);
    CHECK_EQ(admin(&s, 0, 0, 2, 0, NULL), NVME_BAD_QID);
    CHECK_EQ(admin(&s, 0, 0, 1, 0, NULL), NVME_OK);
    CHECK_EQ(admin(&s, 4, 0, 1, 0, NULL), NVME_OK);
    CHECK_EQ(admin(&s, 4, 0, 1, 0, NULL), NVME_BAD_QID);
    nvme_drv_make_io(&s.d);
    CHECK_EQ(io(&s, READ, 0, 1), NVME_OK);
    close_scene(&s);
}

TEST(a_queue_is_gone_when_its_commands_are)
{
    struct scene s;
    uint8_t e[SQE_BYTES], cqe[CQE_BYTES];
    open_scene(&s, &(struct setting){0});
    for (unsigned i = 0; i < 10; i++) {
        nvme_sqe(&s.d, e, READ, 1);
        nvme_offer(&s.d, &s.d.io, e);
    }
    CHECK_EQ(admin(&s, 0, 0, 1, 0, NULL), NVME_OK);
    unsigned n = 0;
    while (nvme_completion(&s.d, &s.d.io, cqe)) {
        n++;
    }
    CHECK_EQ(n, 10);
    close_scene(&s);
}

TEST(events_are_told_to_who_asks)
{
    struct scene s;
    struct error error = {""};
    uint8_t e[SQE_BYTES], cqe[CQE_BYTES];
    open_scene(&s, &(struct setting){.a = "aerl=1"});
    nvme_reg_set(&s.d, NVME_DOORBELLS + 8 * 9, 4, 1); /* no such queue */
    nvme_sqe(&s.d, e, 12, 0);
    nvme_offer(&s.d, &s.d.admin, e);
    CHECK(nvme_completion(&s.d, &s.d.admin, cqe));
    CHECK_EQ(load_le32(cqe), 0x10000);
    nvme_sqe(&s.d, e, 12, 0);
    nvme_offer(&s.d, &s.d.admin, e);
    CHECK(!nvme_completion(&s.d, &s.d.admin, cqe));
    nvme_reg_set(&s.d, NVME_DOORBELLS + 8, 4,
                 99); /* beyond its end: masked until the log is read */
    CHECK(!nvme_completion(&s.d, &s.d.admin, cqe));
    CHECK(block_resize(s.disk, 2 * DISK_BYTES, &error));
    CHECK(nvme_completion(&s.d, &s.d.admin, cqe));
    CHECK_EQ(load_le32(cqe), 0x40002);
    CHECK_EQ(admin(&s, 2, 0, 0x3ff0004, 0, NULL), NVME_OK);
    CHECK_EQ(load_le32(data(&s)), 1);
    CHECK_EQ(load_le32(data(&s) + 4), 0);
    CHECK_EQ(admin(&s, 2, 0, 0x3ff0004, 0, NULL), NVME_OK);
    CHECK_EQ(load_le32(data(&s)), 0);
    CHECK_EQ(io(&s, READ, 2 * BLOCKS - 1, 1), NVME_OK);
    CHECK_EQ(admin(&s, 2, 0, 0xf0001, 0, NULL), NVME_OK);
    nvme_sqe(&s.d, e, 12, 0);
    nvme_offer(&s.d, &s.d.admin, e);
    CHECK(nvme_completion(&s.d, &s.d.admin, cqe));
    CHECK_EQ(load_le32(cqe), 0x10100);
    for (unsigned i = 0; i < 2; i++) {
        nvme_sqe(&s.d, e, 12, 0);
        nvme_offer(&s.d, &s.d.admin, e);
    }
    CHECK_EQ(admin(&s, 12, 0, 0, 0, NULL), NVME_AER_LIMIT);
    close_scene(&s);
}

TEST(log_pages_are_read_in_parts)
{
    struct scene s;
    uint8_t e[SQE_BYTES];
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(admin(&s, 2, 0, 0x7f0002, 0, NULL), NVME_OK);
    CHECK_EQ(load_le16(data(&s) + 1), 323);
    nvme_sqe(&s.d, e, 2, 0);
    store_le32(e + 40, 0x000005);
    store_le64(e + 48, 1024 + 4 * WRITE);
    CHECK_EQ(nvme_command(&s.d, &s.d.admin, e, NULL), NVME_OK);
    CHECK_EQ(load_le32(data(&s)), 3);
    store_le64(e + 48, 4096);
    CHECK_EQ(nvme_command(&s.d, &s.d.admin, e, NULL), NVME_BAD_FIELD);
    CHECK_EQ(admin(&s, 2, 0, 0x3ff0077, 0, NULL), NVME_BAD_LOG_PAGE);
    close_scene(&s);
}

/* ---- life */

TEST(reset_with_commands_in_flight)
{
    struct scene s;
    uint8_t e[SQE_BYTES];
    open_scene(&s, &(struct setting){0});
    for (unsigned n = 0; n < 30; n++) {
        for (unsigned i = 0; i < 10; i++) {
            nvme_sqe(&s.d, e, READ, 1);
            nvme_offer(&s.d, &s.d.io, e);
        }
        CHECK(nvme_drv_enable(&s.d));
        nvme_drv_make_io(&s.d);
    }
    CHECK_EQ(io(&s, READ, 5, 1), NVME_OK);
    CHECK_EQ(data(&s)[0], 6);
    close_scene(&s);
}

TEST(queues_that_are_not_in_memory_are_fatal)
{
    struct scene s;
    uint8_t e[SQE_BYTES];
    open_scene(&s, &(struct setting){0});
    nvme_reg_set(&s.d, NVME_CC, 4, 0);
    nvme_reg_set(&s.d, NVME_ASQ, 8, UINT64_C(0xfffffff000));
    nvme_reg_set(&s.d, NVME_CC, 4, 0x460001);
    nvme_sqe(&s.d, e, FLUSH, 1);
    nvme_offer(&s.d, &s.d.admin, e);
    CHECK_EQ(nvme_reg(&s.d, NVME_CSTS, 4), NVME_CSTS_READY | NVME_CSTS_FATAL);
    CHECK(nvme_drv_enable(&s.d));
    close_scene(&s);
}

TEST(counted_time_decides_when_commands_end)
{
    struct scene s;
    uint8_t e[SQE_BYTES], cqe[CQE_BYTES];
    open_scene(&s, &(struct setting){.counted = true});
    nvme_drv_make_io(&s.d);
    nvme_sqe(&s.d, e, READ, 1);
    nvme_offer(&s.d, &s.d.io, e);
    CHECK(!nvme_completion(&s.d, &s.d.io, cqe));
    CHECK(test_round_trip(s.dev));
    clock_manual_advance(s.r.m->clock, 100511);
    CHECK(!nvme_completion(&s.d, &s.d.io, cqe));
    clock_manual_advance(s.r.m->clock, 1);
    CHECK(nvme_completion(&s.d, &s.d.io, cqe));
    CHECK_EQ(data(&s)[0], 1);
    close_scene(&s);
}

TEST(state_goes_on_after_loading)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(io(&s, READ, 5, 1), NVME_OK);
    CHECK(test_round_trip(s.dev));
    CHECK_EQ(io(&s, READ, 6, 1), NVME_OK);
    CHECK_EQ(data(&s)[0], 7);
    close_scene(&s);
}

TEST(bad_properties_are_refused)
{
    static const char *const bad[] = {"drive=none",
                                      "max_ioqpairs=0",
                                      "num_queues=1",
                                      "max_ioqpairs=256",
                                      "mdts=0",
                                      "mdts=10",
                                      "aerl=16",
                                      "msix_qsize=0",
                                      "mqes=0",
                                      "logical_block_size=8192",
                                      "physical_block_size=100"};
    struct scene s;
    struct error e = {""};
    open_scene(&s, &(struct setting){0});
    for (unsigned i = 0; i < array_len(bad); i++) {
        CHECK_MSG(
            !rig_device(&s.r, &nvme_class, "pcie.0", &e, "serial=2", "drive=second", bad[i], NULL),
            "%s", bad[i]);
        CHECK(strlen(e.text) > 10);
    }
    CHECK(!rig_device(&s.r, &nvme_class, "pcie.0", &e, NULL));
    CHECK(strstr(e.text, "serial= is missing"));
    CHECK(!rig_device(&s.r, &nvme_ns_class, "nvme-bus.0", &e, "drive=second", "nsid=1", NULL));
    CHECK(strstr(e.text, "nsid=1 is taken"));
    CHECK(!rig_device(&s.r, &nvme_ns_class, "nvme-bus.0", &e, "drive=second", "uuid=12", NULL));
    CHECK(!rig_device(&s.r, &nvme_ns_class, "nvme-bus.0", &e, NULL));
    close_scene(&s);
}

TEST(older_ids_and_queue_counts_are_there)
{
    struct scene s;
    uint32_t v = 0;
    open_scene(&s, &(struct setting){.a = "use-intel-id=on"});
    CHECK_EQ(rig_config(&s.r, 0, 0x20, 0, 4), 0x58458086);
    close_scene(&s);
    open_scene(&s, &(struct setting){.a = "num_queues=3"});
    CHECK_EQ(admin(&s, 10, 0, 7, 0, &v), NVME_OK);
    CHECK_EQ(v, 0x10001);
    close_scene(&s);
}

TEST(firmware_knows_namespaces_by_their_paths)
{
    struct scene s;
    struct strbuf out = {0};
    struct error e = {""};
    open_scene(&s, &(struct setting){0});
    struct device *d = rig_device(&s.r, &nvme_ns_class, "nvme-bus.0", &e, "drive=second", "nsid=17",
                                  NULL);
    REQUIRE(d);
    d->bus->firmware_path(d, &out);
    CHECK_STR(strbuf_text(&out), "/pci@ffffffffffffffff/pci1b36,0010@4/namespace@11,0");
    CHECK_STR(nvme_class.boot_node, "namespace@1,0");
    strbuf_free(&out);
    close_scene(&s);
}
