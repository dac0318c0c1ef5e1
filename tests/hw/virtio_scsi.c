/* SPDX-License-Identifier: MIT */
/* The virtio SCSI host with a disk and a CD drive, by commands of a driver through its rings. */
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "hw/scsi/scsi_disk.h"
#include "hw/state.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define DISK_BYTES (4u << 20)
#define CD_BYTES (2u << 20)
#define BLOCKS (DISK_BYTES / 512)

extern const struct device_class virtio_scsi_pci_class, virtio_scsi_device_class;
extern const struct device_class scsi_hd_class, scsi_cd_class;

enum {
    HEADER = 51,
    RESPONSE = 108,
    DATA_MAX = 65536,
    LUN_300 = 300,
};
enum response {
    OK,
    OVERRUN,
    ABORTED,
    BAD_ID,
    RESET
};

struct scene {
    struct rig r;
    struct block *disk, *cd;
    struct device *host, *hd, *cdrom;
    struct drv d;
    struct ring q, control, events;
    paddr header, response, data;
    unsigned scsi_id, lun; /* whom commands are for */
};

static struct block *give_drive(void *opaque, const char *id, struct error *e)
{
    struct scene *s = opaque;
    if (strcmp(id, "cd") != 0 && strcmp(id, "disk") != 0) {
        error_set(e, "there is no -drive with id=%s", id);
        return NULL;
    }
    return id[0] == 'c' ? s->cd : s->disk;
}

static void fill(struct block *b, uint64_t bytes)
{
    struct error e;
    uint8_t sector[512];
    for (unsigned i = 0; i < bytes / 512; i++) {
        memset(sector, (int)(i + 1), sizeof(sector));
        CHECK(block_write(b, 512 * (uint64_t)i, sector, sizeof(sector), &e));
    }
}

static struct device *must_make(struct scene *s, const struct device_class *c, const char *bus,
                                const char *a, const char *b, const char *more)
{
    struct error e = {""};
    struct device *d = rig_device(&s->r, c, bus, &e, a, b, more, NULL);
    if (!d) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    return d;
}

static void ready(struct scene *s, uint64_t features)
{
    CHECK(drv_negotiate(&s->d, features | VIRTIO_F(1) | VIRTIO_F(2) | VIRTIO_F_VERSION_1));
    ring_open(&s->control, &s->d, 0, 16, features);
    ring_open(&s->events, &s->d, 1, 16, features);
    ring_open(&s->q, &s->d, 2, 64, features);
    drv_ok(&s->d);
}

struct setting {
    bool mmio, counted;
    uint64_t features;
    const char *hd, *host;
};

static unsigned command(struct scene *s, const uint8_t *cdb, unsigned bytes, uint32_t out,
                        uint32_t in);

/* The attentions after power-on are taken. */
static void open_scene(struct scene *s, const struct setting *w)
{
    static const uint8_t ready_cdb[6] = {0};
    s->disk = test_disk(DISK_BYTES);
    s->cd = test_disk(CD_BYTES);
    fill(s->disk, 64 * 512);
    fill(s->cd, 64 * 512);
    rig_open(&s->r);
    s->r.m->backends.drive = give_drive;
    s->r.m->backends.opaque = s;
    s->r.m->config.counted = w->counted;
    s->host = must_make(s, w->mmio ? &virtio_scsi_device_class : &virtio_scsi_pci_class,
                        w->mmio ? "virtio-mmio-bus.0" : "pcie.0", "packed=on",
                        w->mmio ? "num_queues=1" : "addr=4", w->host);
    s->hd = must_make(s, &scsi_hd_class, "scsi.0", "drive=disk", "serial=SN-42", w->hd);
    s->cdrom = must_make(s, &scsi_cd_class, "scsi.0", "drive=cd", "scsi-id=7", "lun=300");
    device_reset(s->hd);
    device_reset(s->cdrom);
    if (w->mmio) {
        drv_open_mmio(&s->d, &s->r);
    } else {
        drv_open_pci(&s->d, &s->r, 0x20);
    }
    ready(s, w->features);
    s->header = rig_alloc(&s->r, 4096);
    s->response = rig_alloc(&s->r, 4096);
    s->data = rig_alloc(&s->r, DATA_MAX);
    if (!w->counted) {
        s->scsi_id = 7;
        s->lun = LUN_300;
        command(s, ready_cdb, 6, 0, 0);
        s->scsi_id = s->lun = 0;
        command(s, ready_cdb, 6, 0, 0);
    }
    s->scsi_id = s->lun = 0;
}

static void close_scene(struct scene *s)
{
    rig_close(&s->r);
    block_close(s->disk);
    block_close(s->cd);
}

static void to_cd(struct scene *s)
{
    s->scsi_id = 7;
    s->lun = LUN_300;
}

static uint8_t *data(struct scene *s)
{
    return rig_host(&s->r, s->data);
}

static const uint8_t *response(struct scene *s)
{
    return rig_host(&s->r, s->response);
}

static void put_lun(const struct scene *s, uint8_t *at)
{
    memset(at, 0, 8);
    at[0] = 1;
    at[1] = (uint8_t)s->scsi_id;
    store_be16(at + 2, (uint16_t)(s->lun < 256 ? s->lun : 0x4000 | s->lun));
}

static void offer(struct scene *s, const uint8_t *cdb, unsigned bytes, uint32_t out, uint32_t in)
{
    uint8_t *h = rig_host(&s->r, s->header);
    struct ring_buf b[4] = {{s->header, HEADER, false}};
    unsigned n = 1;
    memset(h, 0, HEADER);
    put_lun(s, h);
    store_le64(h + 8, 77);
    memcpy(h + 19, cdb, bytes);
    memset(rig_host(&s->r, s->response), 0xee, RESPONSE);
    if (out) {
        b[n++] = (struct ring_buf){s->data, out, false};
    }
    b[n++] = (struct ring_buf){s->response, RESPONSE, true};
    if (in) {
        b[n++] = (struct ring_buf){s->data, in, true};
    }
    ring_add(&s->q, b, n, false);
    ring_kick(&s->q);
}

/* The status of a command with that much data at s->data: a response that is not OK is 0x100 more
 * than its code. */
static unsigned command(struct scene *s, const uint8_t *cdb, unsigned bytes, uint32_t out,
                        uint32_t in)
{
    unsigned id;
    uint32_t len = 0;
    offer(s, cdb, bytes, out, in);
    if (!ring_wait(&s->q, &id, &len)) {
        CHECK(!"no answer");
        return 0xfff;
    }
    const uint8_t *p = response(s);
    const uint32_t moved = out + in - load_le32(p + 4);
    CHECK_EQ(len, RESPONSE + (in ? moved : 0));
    return p[11] ? 0x100u + p[11] : p[10];
}

/* Key, code and qualifier of the command that failed last. */
static uint32_t sense(struct scene *s)
{
    const uint8_t *p = response(s);
    return load_le32(p) < 14 ? 0 : SCSI_SENSE(p[12 + 2] & 15, p[12 + 12], p[12 + 13]);
}

static uint32_t moved(struct scene *s, uint32_t all)
{
    return all - load_le32(response(s) + 4);
}

#define CDB(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static unsigned read_10(struct scene *s, uint32_t lba, uint16_t n, uint32_t bytes)
{
    uint8_t cdb[10] = {0x28};
    store_be32(cdb + 2, lba);
    store_be16(cdb + 7, n);
    return command(s, cdb, sizeof(cdb), 0, bytes);
}

static unsigned write_10(struct scene *s, uint32_t lba, uint16_t n, uint32_t bytes)
{
    uint8_t cdb[10] = {0x2a};
    store_be32(cdb + 2, lba);
    store_be16(cdb + 7, n);
    return command(s, cdb, sizeof(cdb), bytes, 0);
}

TEST(reads_and_writes_of_all_lengths_on_each_ring_and_transport)
{
    for (unsigned i = 0; i < 4; i++) {
        struct scene s;
        open_scene(&s,
                   &(struct setting){.mmio = i & 1, .features = i & 2 ? VIRTIO_F_RING_PACKED : 0});
        CHECK_EQ(command(&s, CDB(0x08, 0, 0, 3, 2, 0), 0, 1024), 0);
        CHECK(data(&s)[0] == 4 && data(&s)[1023] == 5);
        CHECK_EQ(read_10(&s, 9, 1, 512), 0);
        CHECK_EQ(data(&s)[0], 10);
        CHECK_EQ(command(&s, CDB(0xa8, 0, 0, 0, 0, 11, 0, 0, 0, 1, 0, 0), 0, 512), 0);
        CHECK_EQ(data(&s)[0], 12);
        CHECK_EQ(command(&s, CDB(0x88, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0), 0, 512), 0);
        CHECK_EQ(data(&s)[0], 21);
        memset(data(&s), 0xc1, 512);
        CHECK_EQ(command(&s, CDB(0x0a, 0, 0, 30, 1, 0), 512, 0), 0);
        memset(data(&s), 0xc2, 512);
        CHECK_EQ(write_10(&s, 31, 1, 512), 0);
        memset(data(&s), 0xc3, 512);
        CHECK_EQ(command(&s, CDB(0xaa, 0, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0), 512, 0), 0);
        memset(data(&s), 0xc4, 512);
        CHECK_EQ(command(&s, CDB(0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0), 512, 0), 0);
        CHECK_EQ(command(&s, CDB(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0), 0);
        CHECK_EQ(read_10(&s, 29, 6, 3072), 0);
        for (unsigned k = 0; k < 6; k++) {
            CHECK_EQ(data(&s)[512 * k], k == 0 ? 30 : k == 5 ? 35 : 0xc0 + k);
        }
        close_scene(&s);
    }
}

TEST(what_is_out_of_range_is_refused)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(read_10(&s, BLOCKS, 1, 512), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_LBA);
    CHECK_EQ(moved(&s, 512), 0);
    CHECK_EQ(read_10(&s, BLOCKS - 1, 2, 1024), SCSI_CHECK_CONDITION);
    CHECK_EQ(read_10(&s, UINT32_MAX, UINT16_MAX, 1024), SCSI_CHECK_CONDITION);
    CHECK_EQ(write_10(&s, BLOCKS, 1, 512), SCSI_CHECK_CONDITION);
    CHECK_EQ(read_10(&s, BLOCKS, 0, 0), 0);
    CHECK_EQ(read_10(&s, 0, 4, 512), 0x100 + OVERRUN); /* more than there is room for */
    CHECK_EQ(write_10(&s, 0, 4, 512), 0x100 + OVERRUN);
    CHECK_EQ(read_10(&s, 0, 1, 4096), 0);
    CHECK_EQ(moved(&s, 4096), 512);
    CHECK_EQ(command(&s, CDB(0xff, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_OPCODE);
    CHECK_EQ(command(&s, CDB(0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0), 0, 512), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_FIELD);
    close_scene(&s);
}

TEST(a_unit_says_what_it_is)
{
    struct scene s;
    open_scene(&s, &(struct setting){.hd = "wwn=0x5000c50015ea71ac"});
    CHECK_EQ(command(&s, CDB(0x12, 0, 0, 0, 36, 0), 0, 36), 0);
    CHECK(data(&s)[0] == 0 && data(&s)[1] == 0 && data(&s)[2] == 5 && data(&s)[4] == 31);
    CHECK_MEM(data(&s) + 8, "QEMU    QEMU HARDDISK   2.5+", 28);
    CHECK_EQ(command(&s, CDB(0x12, 1, 0, 0, 64, 0), 0, 64), 0);
    CHECK_MEM(data(&s), "\0\0\0\6\x00\x80\x83\xb0\xb1\xb2", 10);
    CHECK_EQ(moved(&s, 64), 10);
    CHECK_EQ(command(&s, CDB(0x12, 1, 0x80, 0, 64, 0), 0, 64), 0);
    CHECK_MEM(data(&s), "\0\x80\0\5SN-42", 9);
    CHECK_EQ(command(&s, CDB(0x12, 1, 0x83, 0, 64, 0), 0, 64), 0);
    CHECK_MEM(data(&s) + 4, "\2\0\0\5SN-42", 9);
    CHECK_MEM(data(&s) + 13, "\1\3\0\x08\x50\x00\xc5\x00\x15\xea\x71\xac", 12);
    CHECK_EQ(command(&s, CDB(0x12, 1, 0xb0, 0, 64, 0), 0, 64), 0);
    CHECK_EQ(load_be32(data(&s) + 20), (1u << 30) / 512);
    CHECK_EQ(command(&s, CDB(0x12, 1, 0xb2, 0, 8, 0), 0, 8), 0);
    CHECK_EQ(data(&s)[5], 0xe0);
    CHECK_EQ(command(&s, CDB(0x12, 0, 0x80, 0, 64, 0), 0, 64), SCSI_CHECK_CONDITION);
    CHECK_EQ(command(&s, CDB(0x12, 1, 0x99, 0, 64, 0), 0, 64), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_FIELD);
    close_scene(&s);
}

TEST(capacity_is_told_in_both_forms)
{
    struct scene s;
    open_scene(&s, &(struct setting){.hd = "physical_block_size=4096"});
    CHECK_EQ(command(&s, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 8), 0);
    CHECK_EQ(load_be32(data(&s)), BLOCKS - 1);
    CHECK_EQ(load_be32(data(&s) + 4), 512);
    CHECK_EQ(command(&s, CDB(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0), 0, 32), 0);
    CHECK_EQ(load_be64(data(&s)), BLOCKS - 1);
    CHECK_EQ(data(&s)[13], 3);
    CHECK_EQ(data(&s)[14], 0x80);
    close_scene(&s);
}

TEST(mode_pages_are_read_and_the_write_cache_is_switched)
{
    struct scene s;
    open_scene(&s, &(struct setting){.hd = "dpofua=on"});
    CHECK_EQ(command(&s, CDB(0x1a, 0, 0x3f, 0, 255, 0), 0, 255), 0);
    CHECK_EQ(data(&s)[2], 0x10);
    CHECK_EQ(data(&s)[0] + 1u, moved(&s, 255));
    CHECK_EQ(data(&s)[3], 8);
    CHECK_EQ(load_be32(data(&s) + 4), BLOCKS);
    CHECK_EQ(command(&s, CDB(0x5a, 8, 8, 0, 0, 0, 0, 0, 64, 0), 0, 64), 0);
    CHECK_EQ(load_be16(data(&s)) + 2u, 28);
    CHECK(data(&s)[8] == 8 && data(&s)[9] == 18 && data(&s)[10] == 4);
    CHECK_EQ(command(&s, CDB(0x1a, 8, 0x48, 0, 64, 0), 0, 64), 0); /* what can be changed */
    CHECK_EQ(data(&s)[6], 4);
    CHECK_EQ(command(&s, CDB(0x1a, 8, 0xc8, 0, 64, 0), 0, 64), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_NO_SAVED_PAGES);
    CHECK_EQ(command(&s, CDB(0x1a, 8, 0x33, 0, 64, 0), 0, 64), SCSI_CHECK_CONDITION);

    memset(data(&s), 0, 24);
    data(&s)[4] = 8;
    data(&s)[5] = 18;
    CHECK_EQ(command(&s, CDB(0x15, 0x10, 0, 0, 24, 0), 24, 0), 0);
    CHECK_EQ(command(&s, CDB(0x1a, 8, 8, 0, 64, 0), 0, 64), 0);
    CHECK_EQ(data(&s)[6], 0);
    memset(data(&s), 0x55, 512);
    CHECK_EQ(write_10(&s, 5, 1, 512), 0);
    memset(data(&s), 0, 24);
    data(&s)[4] = 8;
    data(&s)[5] = 18;
    data(&s)[7] = 9; /* a retention priority */
    CHECK_EQ(command(&s, CDB(0x15, 0x10, 0, 0, 24, 0), 24, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_PARAMETER);
    CHECK_EQ(command(&s, CDB(0x15, 0x10, 0, 0, 3, 0), 3, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_PARAMETER_LENGTH);
    CHECK_EQ(command(&s, CDB(0x15, 0x11, 0, 0, 24, 0), 24, 0), SCSI_CHECK_CONDITION);
    close_scene(&s);
}

TEST(verify_compares_with_what_the_driver_has)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    for (unsigned i = 0; i < 4; i++) {
        memset(data(&s) + 512 * i, (int)(i + 3), 512);
    }
    CHECK_EQ(command(&s, CDB(0x2f, 2, 0, 0, 0, 2, 0, 0, 4, 0), 2048, 0), 0);
    data(&s)[2047] = 0;
    CHECK_EQ(command(&s, CDB(0x2f, 2, 0, 0, 0, 2, 0, 0, 4, 0), 2048, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_MISCOMPARE);
    CHECK_EQ(command(&s, CDB(0x2f, 0, 0, 0, 0, 2, 0, 0, 4, 0), 0, 0), 0);
    CHECK_EQ(command(&s, CDB(0x2f, 2, 0, 0, 0, 2, 0, 0, 4, 0), 512, 0), 0x100 + OVERRUN);
    close_scene(&s);
}

TEST(write_same_repeats_a_block_or_makes_zeros)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    memset(data(&s), 0x77, 512);
    data(&s)[511] = 0x78;
    CHECK_EQ(command(&s, CDB(0x41, 0, 0, 0, 0, 10, 0, 1, 44, 0), 512, 0), 0); /* 300 blocks */
    CHECK_EQ(read_10(&s, 9, 100, 51200), 0);
    CHECK(data(&s)[0] == 10 && data(&s)[512] == 0x77 && data(&s)[1023] == 0x78);
    CHECK_EQ(read_10(&s, 300, 11, 11 * 512), 0);
    CHECK(data(&s)[9 * 512] == 0x77 && data(&s)[10 * 512] == 0);
    memset(data(&s), 0, 512);
    CHECK_EQ(command(&s, CDB(0x93, 8, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 8, 0, 0), 512, 0), 0);
    CHECK_EQ(command(&s, CDB(0x93, 1, 0, 0, 0, 0, 0, 0, 0, 22, 0, 0, 0, 1, 0, 0), 0, 0), 0);
    CHECK_EQ(read_10(&s, 11, 12, 12 * 512), 0);
    CHECK(data(&s)[0] == 0x77 && data(&s)[512] == 0 && data(&s)[11 * 512] == 0);
    CHECK_EQ(data(&s)[9 * 512], 0x77);
    CHECK_EQ(command(&s, CDB(0x41, 0, 0, 0, 0, 10, 0, 0, 0, 0), 512, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_FIELD);
    close_scene(&s);
}

TEST(unmap_looks_at_all_before_it_does_any)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    uint8_t *p = data(&s);
    memset(p, 0, 64);
    store_be16(p, 38);
    store_be16(p + 2, 32);
    store_be64(p + 8, 8);
    store_be32(p + 16, 8);
    store_be64(p + 24, BLOCKS - 1);
    store_be32(p + 32, 2);
    CHECK_EQ(command(&s, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), 40, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_LBA);
    CHECK_EQ(read_10(&s, 8, 1, 512), 0);
    CHECK_EQ(p[0], 9);
    memset(p, 0, 64);
    store_be16(p, 38);
    store_be16(p + 2, 32);
    store_be64(p + 8, 8);
    store_be32(p + 16, 8);
    store_be64(p + 24, 40);
    store_be32(p + 32, 0);
    CHECK_EQ(command(&s, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), 40, 0), 0);
    store_be16(p + 2, 48);
    CHECK_EQ(command(&s, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), 40, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_PARAMETER_LENGTH);
    CHECK_EQ(command(&s, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0), 0);
    CHECK_EQ(command(&s, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0), 7, 0), SCSI_CHECK_CONDITION);
    close_scene(&s);
}

TEST(units_and_ids_that_are_not_there)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    s.scsi_id = 3;
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), 0x100 + BAD_ID);
    s.scsi_id = 7;
    s.lun = 0;
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_NO_LUN);
    CHECK_EQ(command(&s, CDB(0x12, 0, 0, 0, 36, 0), 0, 36), 0);
    CHECK_EQ(data(&s)[0], 0x7f);
    CHECK_EQ(command(&s, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 0, 64), 0);
    CHECK_EQ(load_be32(data(&s)), 16);
    CHECK_MEM(data(&s) + 16, "\x41\x2c\0\0\0\0\0\0", 8);
    CHECK_EQ(command(&s, CDB(0x03, 0, 0, 0, 18, 0), 0, 18), 0);
    CHECK_EQ(data(&s)[12], 0x25);
    close_scene(&s);
}

TEST(a_cd_drive_tells_of_its_disc)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    to_cd(&s);
    CHECK_EQ(command(&s, CDB(0x12, 0, 0, 0, 36, 0), 0, 36), 0);
    CHECK(data(&s)[0] == 5 && data(&s)[1] == 0x80);
    CHECK_MEM(data(&s) + 16, "QEMU CD-ROM", 11);
    CHECK_EQ(command(&s, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 8), 0);
    CHECK_EQ(load_be32(data(&s)), CD_BYTES / 2048 - 1);
    CHECK_EQ(load_be32(data(&s) + 4), 2048);
    CHECK_EQ(read_10(&s, 1, 1, 2048), 0);
    CHECK_EQ(data(&s)[0], 5);
    CHECK_EQ(write_10(&s, 1, 1, 2048), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_OPCODE);
    CHECK_EQ(command(&s, CDB(0x46, 0, 0, 0, 0, 0, 0, 0, 128, 0), 0, 128), 0);
    CHECK_EQ(load_be16(data(&s) + 6), 8);
    CHECK_EQ(load_be32(data(&s)) + 4, moved(&s, 128));
    CHECK_EQ(command(&s, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0), 0, 64), 0);
    CHECK_EQ(load_be16(data(&s)), 18);
    CHECK_EQ(data(&s)[14], 0xaa);
    CHECK_EQ(load_be32(data(&s) + 16), CD_BYTES / 2048);
    CHECK_EQ(command(&s, CDB(0x43, 2, 0, 0, 0, 0, 1, 0, 64, 0), 0, 64), 0);
    CHECK_MEM(data(&s) + 8, "\0\0\2\0", 4); /* two seconds before the first block */
    CHECK_EQ(command(&s, CDB(0x43, 0, 7, 0, 0, 0, 0, 0, 64, 0), 0, 64), SCSI_CHECK_CONDITION);
    CHECK_EQ(command(&s, CDB(0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0), 0, 34), 0);
    CHECK_EQ(data(&s)[2], 0x0e);
    CHECK_EQ(command(&s, CDB(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64, 0), 0, 64), 0);
    CHECK_EQ(data(&s)[8], 0x2a);
    CHECK_EQ(command(&s, CDB(0xad, 0, 0, 0, 0, 0, 0, 0, 8, 8, 0, 0), 0, 2056),
             SCSI_CHECK_CONDITION);
    s.scsi_id = s.lun = 0; /* the disk knows none of it */
    CHECK_EQ(command(&s, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0), 0, 64), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_BAD_OPCODE);
    close_scene(&s);
}

TEST(the_tray_opens_unless_it_is_locked)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    to_cd(&s);
    CHECK_EQ(command(&s, CDB(0x1e, 0, 0, 0, 1, 0), 0, 0), 0);
    CHECK_EQ(command(&s, CDB(0x1b, 0, 0, 0, 2, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_REMOVAL_PREVENTED);
    CHECK_EQ(command(&s, CDB(0x1e, 0, 0, 0, 0, 0), 0, 0), 0);
    CHECK_EQ(command(&s, CDB(0x1b, 0, 0, 0, 2, 0), 0, 0), 0);
    CHECK_EQ(command(&s, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 8), 0);
    CHECK(data(&s)[4] == 3 && data(&s)[5] == 1); /* the medium is gone, the tray is open */
    CHECK_EQ(command(&s, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 8), 0);
    CHECK_EQ(data(&s)[4], 0);
    CHECK_EQ(command(&s, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 4), 0x100 + OVERRUN);
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_TRAY_OPEN);
    CHECK_EQ(command(&s, CDB(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0), 0, 8), 0);
    CHECK_EQ(data(&s)[1], 0x10);
    CHECK_EQ(command(&s, CDB(0x1b, 0, 0, 0, 3, 0), 0, 0), 0);
    CHECK_EQ(read_10(&s, 0, 1, 2048), 0);
    close_scene(&s);
}

/* Somebody wants the disc: the guest that has locked it is told, and nobody else. */
TEST(a_guest_that_has_locked_its_disc_is_asked_for_it)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    to_cd(&s);
    CHECK(block_wants_medium(s.cd) && block_wants_medium(s.disk));
    CHECK_EQ(command(&s, CDB(0x1e, 0, 0, 0, 1, 0), 0, 0), 0);
    CHECK(!block_wants_medium(s.cd));
    CHECK_EQ(command(&s, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 8), 0);
    CHECK(data(&s)[4] == 1 && data(&s)[5] == 2); /* it is wanted, and still there */
    CHECK_EQ(command(&s, CDB(0x1e, 0, 0, 0, 0, 0), 0, 0), 0);
    CHECK(block_wants_medium(s.cd));
    close_scene(&s);
}

TEST(another_medium_is_an_attention_and_an_event)
{
    struct scene s;
    struct error e = {""};
    unsigned id;
    uint32_t len;
    open_scene(&s, &(struct setting){0});
    ring_add(&s.events, &(struct ring_buf){s.header + 512, 16, true}, 1, false);
    ring_kick(&s.events);
    to_cd(&s);
    CHECK_MSG(block_insert(s.cd, NULL, &e), "%s", e.text);
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_NO_MEDIUM);
    s.scsi_id = s.lun = 0;
    CHECK(block_resize(s.disk, 2 * DISK_BYTES, &e));
    REQUIRE(ring_wait(&s.events, &id, &len));
    const uint8_t *event = rig_host(&s.r, s.header + 512);
    CHECK_EQ(load_le32(event), 3);
    CHECK_EQ(load_le32(event + 12), 0x092a);
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_CAPACITY_CHANGED);
    CHECK_EQ(read_10(&s, BLOCKS, 1, 512), 0);
    close_scene(&s);
}

/* ---- control and events */

static unsigned manage(struct scene *s, uint32_t what, uint64_t tag)
{
    unsigned id;
    uint32_t len;
    uint8_t *p = rig_host(&s->r, s->header + 1024);
    memset(p, 0, 32);
    store_le32(p + 4, what);
    put_lun(s, p + 8);
    store_le64(p + 16, tag);
    p[24] = 0xee;
    struct ring_buf b[2] = {{s->header + 1024, 24, false}, {s->header + 1048, 1, true}};
    ring_add(&s->control, b, 2, false);
    ring_kick(&s->control);
    if (!ring_wait(&s->control, &id, &len)) {
        CHECK(!"no answer");
    }
    CHECK_EQ(len, 1);
    return p[24];
}

TEST(task_management_is_answered)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(manage(&s, 6, 77), 0); /* such a task is not there */
    CHECK_EQ(manage(&s, 0, 77), 0);
    CHECK_EQ(manage(&s, 2, 0), 11);
    CHECK_EQ(manage(&s, 99, 0), 11);
    CHECK_EQ(manage(&s, 5, 0), 0);
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_UNIT_RESET);
    CHECK_EQ(manage(&s, 4, 0), 0);
    CHECK_EQ(command(&s, CDB(0x03, 0, 0, 0, 18, 0), 0, 18), 0); /* asked for, not told */
    CHECK_EQ(data(&s)[12], 0x29);
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), 0);
    s.lun = 4;
    CHECK_EQ(manage(&s, 5, 0), 12);
    s.scsi_id = 4;
    CHECK_EQ(manage(&s, 5, 0), 3);
    close_scene(&s);
}

TEST(an_abort_is_answered_after_the_commands_that_it_speaks_of)
{
    struct scene s;
    unsigned id, aborted = 0;
    uint32_t len;
    open_scene(&s, &(struct setting){0});
    for (unsigned i = 0; i < 32; i++) {
        offer(&s, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 100, 0), 0, 51200);
    }
    CHECK_EQ(manage(&s, 1, 0), 0);
    for (unsigned i = 0; i < 32; i++) {
        REQUIRE(ring_used(&s.q, &id, &len)); /* all of them already */
        aborted += response(&s)[11] == ABORTED;
    }
    CHECK(aborted <= 32);
    CHECK_EQ(read_10(&s, 1, 1, 512), 0);
    close_scene(&s);
}

TEST(units_that_come_and_go_are_told_of)
{
    struct scene s;
    struct error e = {""};
    unsigned id;
    uint32_t len;
    open_scene(&s, &(struct setting){0});
    ring_add(&s.events, &(struct ring_buf){s.header + 512, 16, true}, 1, false);
    struct bus *b = machine_find_bus(s.r.m, "scsi.0");
    CHECK(b->unplug(b, s.cdrom, &e));
    REQUIRE(ring_used(&s.events, &id, &len));
    const uint8_t *event = rig_host(&s.r, s.header + 512);
    CHECK_EQ(load_le32(event), 1);
    CHECK_EQ(load_le32(event + 12), 2);
    CHECK(event[5] == 7 && event[6] == 0x41 && event[7] == 0x2c);
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_LUNS_CHANGED);
    device_free(s.cdrom);
    to_cd(&s);
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), 0x100 + BAD_ID);

    s.cdrom = must_make(&s, &scsi_cd_class, "scsi.0", "drive=cd", "scsi-id=7", "lun=300");
    device_reset(s.cdrom);
    b->plug(b, s.cdrom); /* there is no buffer: the event is missed, and that is told */
    CHECK(!ring_used(&s.events, &id, &len));
    ring_add(&s.events, &(struct ring_buf){s.header + 512, 16, true}, 1, false);
    drv_notify(&s.d, 1);
    REQUIRE(ring_used(&s.events, &id, &len));
    CHECK_EQ(load_le32(event), 0x80000000u);
    close_scene(&s);
}

/* ---- hostile drivers */

TEST(headers_that_are_not_there_need_a_reset)
{
    for (unsigned i = 0; i < 3; i++) {
        struct scene s;
        open_scene(&s, &(struct setting){0});
        const struct ring_buf rows[3][2] = {
            {{s.header, HEADER, false}, {s.response, RESPONSE - 1, true}},
            {{s.header, HEADER - 1, false}, {s.response, RESPONSE, true}},
            {{s.header, HEADER, false}}};
        ring_add(&s.q, rows[i], i == 2 ? 1 : 2, false);
        ring_kick(&s.q);
        CHECK_EQ(drv_status(&s.d), 15 | VIRTIO_STATUS_NEEDS_RESET);
        ready(&s, 0);
        CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
        CHECK_EQ(sense(&s), SENSE_RESET);
        close_scene(&s);
    }
}

TEST(other_lengths_of_headers_are_taken_if_they_can_be)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    CHECK_EQ(drv_config(&s.d, 20, 4), 96);
    drv_config_set(&s.d, 20, 4, 10);
    CHECK_EQ(drv_config(&s.d, 20, 4), 10);
    drv_config_set(&s.d, 24, 4, 1000);
    CHECK_EQ(drv_config(&s.d, 24, 4), 32);
    CHECK_EQ(drv_config(&s.d, 20, 4), 96);
    drv_set_status(&s.d, 0);
    CHECK_EQ(drv_config(&s.d, 20, 4), 96);
    close_scene(&s);
}

TEST(reset_with_commands_in_flight)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    for (unsigned n = 0; n < 30; n++) {
        for (unsigned i = 0; i < 16; i++) {
            offer(&s, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0), 0, 4096);
        }
        s.r.next = RIG_RAM + 0x400000;
        ready(&s, 0);
    }
    CHECK_EQ(command(&s, CDB(0x03, 0, 0, 0, 18, 0), 0, 18), 0);
    CHECK_EQ(read_10(&s, 5, 1, 512), 0);
    CHECK_EQ(data(&s)[0], 6);
    close_scene(&s);
}

/* ---- state and time */

TEST(counted_time_decides_when_commands_end)
{
    struct scene s;
    unsigned id;
    uint32_t len;
    open_scene(&s, &(struct setting){.counted = true});
    offer(&s, CDB(0x12, 0, 0, 0, 36, 0), 0, 36);
    CHECK(!ring_used(&s.q, &id, &len));
    clock_manual_advance(s.r.m->clock, 100035);
    CHECK(!ring_used(&s.q, &id, &len));
    clock_manual_advance(s.r.m->clock, 1);
    CHECK(ring_used(&s.q, &id, &len));
    CHECK_EQ(len, RESPONSE + 36);
    offer(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0);
    drv_set_status(&s.d, 0); /* with a command that is not due */
    clock_manual_advance(s.r.m->clock, 200000);
    close_scene(&s);
}

TEST(counted_commands_are_due_after_loading)
{
    struct scene s, t;
    struct error e = {""};
    struct strbuf out = {0};
    unsigned id;
    uint32_t len;
    open_scene(&s, &(struct setting){.counted = true});
    open_scene(&t, &(struct setting){.counted = true});
    offer(&s, CDB(0x12, 0, 0, 0, 36, 0), 0, 36);
    device_save(s.host, &out);
    memcpy(t.r.m->ram, s.r.m->ram, RIG_RAM_BYTES);
    CHECK_MSG(device_load(t.host, out.text, out.len, &e), "%s", e.text);
    t.q = s.q;
    t.q.d = &t.d;
    CHECK(!ring_used(&t.q, &id, &len));
    clock_manual_advance(t.r.m->clock, 100036);
    CHECK(ring_used(&t.q, &id, &len));
    strbuf_free(&out);
    close_scene(&s);
    close_scene(&t);
}

TEST(state_of_a_unit_is_kept)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    to_cd(&s);
    CHECK_EQ(command(&s, CDB(0x1b, 0, 0, 0, 2, 0), 0, 0), 0);
    CHECK(test_round_trip(s.cdrom));
    CHECK_EQ(command(&s, CDB(0, 0, 0, 0, 0, 0), 0, 0), SCSI_CHECK_CONDITION);
    CHECK_EQ(sense(&s), SENSE_TRAY_OPEN);
    close_scene(&s);
}

/* ---- properties */

TEST(places_are_given_and_checked)
{
    struct scene s;
    struct error e = {""};
    open_scene(&s, &(struct setting){0});
    struct device *d = rig_device(&s.r, &scsi_cd_class, "scsi.0", &e, NULL);
    REQUIRE(d);
    CHECK_EQ(((struct scsi_disk *)d)->unit.scsi_id, 1);
    d = rig_device(&s.r, &scsi_cd_class, "scsi.0", &e, "scsi-id=7", NULL);
    REQUIRE(d);
    CHECK_EQ(((struct scsi_disk *)d)->unit.lun, 0);
    CHECK(!rig_device(&s.r, &scsi_cd_class, "scsi.0", &e, "scsi-id=7", "lun=300", NULL));
    CHECK(strstr(e.text, "lun already used by 'scsi-cd'"));
    CHECK(!rig_device(&s.r, &scsi_cd_class, "scsi.0", &e, "scsi-id=256", NULL));
    CHECK(strstr(e.text, "bad scsi device id: 256"));
    CHECK(!rig_device(&s.r, &scsi_cd_class, "scsi.0", &e, "channel=1", NULL));
    CHECK(!rig_device(&s.r, &scsi_cd_class, "scsi.0", &e, "lun=16384", NULL));
    CHECK(!rig_device(&s.r, &scsi_hd_class, "scsi.0", &e, NULL));
    CHECK(strstr(e.text, "drive= is missing"));
    CHECK(!rig_device(&s.r, &scsi_hd_class, "scsi.0", &e, "drive=nothing", NULL));
    CHECK(!rig_device(&s.r, &virtio_scsi_pci_class, "pcie.0", &e, "num_queues=0", NULL));
    CHECK(!rig_device(&s.r, &virtio_scsi_pci_class, "pcie.0", &e, "virtqueue_size=5", NULL));
    close_scene(&s);
}

TEST(firmware_knows_a_unit_by_its_path)
{
    struct scene s;
    struct strbuf out = {0};
    open_scene(&s, &(struct setting){0});
    s.cdrom->bus->firmware_path(s.cdrom, &out);
    CHECK_STR(strbuf_text(&out), "/pci@ffffffffffffffff/scsi@4/channel@0/disk@7,12c");
    strbuf_free(&out);
    close_scene(&s);
}
