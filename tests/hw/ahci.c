/* SPDX-License-Identifier: MIT */
/* Drives on an AHCI adapter: registers, commands, queues, errors and what follows them, life. */
#include "base/atomic.h"
#include "base/bits.h"
#include "block/block.h"
#include "hw/scsi/scsi.h"
#include "hw/state.h"
#include "tests/support/ahci_rig.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define SECTORS (IDE_RIG_DISK / 512)

enum {
    READ_DMA_EXT = 0x25,
    WRITE_DMA_EXT = 0x35,
    READ_EXT = 0x24,
    WRITE_EXT = 0x34,
    READ_QUEUED = 0x60,
    WRITE_QUEUED = 0x61,
    IDENTIFY = 0xec,
    GOOD = ATA_READY,
    BAD = ATA_DRDY | ATA_ERR,
};

static void open_scene(struct ide_rig *s, struct ahci_drv *d, bool counted)
{
    ahci_rig_open(s, counted, true);
    s->first = ide_rig_drive(s, &ide_hd_class, "ide.0", "drive=disk", NULL);
    ide_rig_drive(s, &ide_cd_class, "ide.2", "drive=cd", NULL);
    ahci_drv_open(d, s, 0);
}

static bool all_are(const uint8_t *p, uint8_t value, size_t n)
{
    return p[0] == value && memcmp(p, p + 1, n - 1) == 0;
}

static struct ahci_io transfer(const struct ide_rig *s, uint8_t command, uint64_t lba,
                               uint16_t count)
{
    return (struct ahci_io){
        .regs = {.command = command, .device = 0x40, .lba = lba, .count = count},
        .memory = s->data,
        .n = 512u * count,
        .write = command == WRITE_DMA_EXT || command == WRITE_EXT};
}

static struct ahci_io queued(const struct ide_rig *s, unsigned slot, bool write, uint64_t lba,
                             uint16_t sectors)
{
    return (struct ahci_io){.regs = {.command = write ? WRITE_QUEUED : READ_QUEUED,
                                     .device = 0x40,
                                     .lba = lba,
                                     .features = sectors,
                                     .count = (uint16_t)(slot << 3)},
                            .memory = s->data + 8192 * (paddr)slot,
                            .n = 512u * sectors,
                            .write = write};
}

static const uint8_t *received(const struct ahci_drv *d, unsigned at)
{
    return rig_host(&d->s->r, d->fis + at);
}

/* ---- registers */

TEST(the_adapter_tells_what_it_can_and_what_is_on_its_ports)
{
    struct ide_rig s;
    struct ahci_drv d, empty, cd;
    open_scene(&s, &d, false);
    CHECK_EQ(ahci_hba(&s, 0), 0xc0141f05);
    CHECK_EQ(ahci_hba(&s, 4), 0x80000002);
    CHECK_EQ(ahci_hba(&s, 12), 0x3f);
    CHECK_EQ(ahci_hba(&s, 16), 0x10000);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SSTS), 0x113);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SIG), 0x00000101);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_TFD), GOOD | 1 << 8);
    CHECK_EQ(received(&d, 0x40)[0], 0x34);
    CHECK_EQ(received(&d, 0x40)[4], 1);
    ahci_drv_open(&cd, &s, 2);
    CHECK_EQ(ahci_reg(&cd, AHCI_PX_SIG), 0xeb140101);
    ahci_drv_open(&empty, &s, 1);
    CHECK_EQ(ahci_reg(&empty, AHCI_PX_SSTS), 0);
    CHECK_EQ(ahci_reg(&empty, AHCI_PX_SIG), 0xffffffff);
    CHECK_EQ(ahci_reg(&empty, AHCI_PX_TFD), 0x7f);
    ide_rig_close(&s);
}

TEST(ports_of_io_lead_to_the_registers)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    rig_store(&s.r, RIG_PIO + 0xd010, 4, 0x128);
    CHECK_EQ(rig_load(&s.r, RIG_PIO + 0xd014, 4), 0x113);
    rig_store(&s.r, RIG_PIO + 0xd010, 4, 0x114);
    rig_store(&s.r, RIG_PIO + 0xd014, 4, 7);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_IE), 7);
    ide_rig_close(&s);
}

/* ---- commands */

TEST(data_goes_between_memory_and_disk_in_pieces_of_any_length)
{
    static const uint32_t pieces[] = {0, 512, 2, 1000, 4096};
    static const uint8_t ways[][2] = {{WRITE_DMA_EXT, READ_DMA_EXT}, {WRITE_EXT, READ_EXT}};
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    for (unsigned i = 0; i < 2 * array_len(pieces); i++) {
        struct ahci_io w = transfer(&s, ways[i % 2][0], 90, 8);
        struct ahci_io r = transfer(&s, ways[i % 2][1], 90, 8);
        w.piece = r.piece = pieces[i / 2];
        if (r.piece == 2) { /* as many as a table of this rig has room for */
            w.n = r.n = 2 * 240;
            w.piece = r.piece = 4;
            w.n = r.n = 512;
            w.regs.count = r.regs.count = 1;
        }
        memset(ide_rig_data(&s), (int)(i + 100), w.n);
        CHECK_EQ(ahci_do(&d, &w), GOOD);
        CHECK_EQ(ahci_moved(&d, 0), w.n);
        CHECK_EQ(ahci_reg(&d, AHCI_PX_IS), AHCI_IS_DHRS);
        memset(ide_rig_data(&s), 0, w.n);
        CHECK_EQ(ahci_do(&d, &r), GOOD);
        CHECK(all_are(ide_rig_data(&s), (uint8_t)(i + 100), r.n));
        CHECK_EQ(ahci_reg(&d, AHCI_PX_IS), i % 2 ? AHCI_IS_PSS : AHCI_IS_DHRS);
    }
    ide_rig_close(&s);
}

TEST(identify_comes_with_a_pio_setup_and_says_that_there_are_queues)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    const struct ahci_io io = {
        .regs = {.command = IDENTIFY, .device = 0x40}, .memory = s.data, .n = 512};
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    const uint8_t *p = ide_rig_data(&s);
    CHECK_EQ(load_le16(p + 2 * 75), 31);
    CHECK_EQ(load_le16(p + 2 * 76), 0x10e);
    CHECK_EQ(load_le16(p + 2 * 93), 0);
    CHECK_EQ(received(&d, 0x20)[0], 0x5f);
    CHECK_EQ(received(&d, 0x20)[15], GOOD);
    CHECK_EQ(load_le16(received(&d, 0x20) + 16), 512);
    ide_rig_close(&s);
}

TEST(slots_are_done_in_their_order)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    for (unsigned slot = 0; slot < 32; slot++) {
        struct ahci_io io = transfer(&s, slot % 3 ? WRITE_DMA_EXT : READ_DMA_EXT, slot, 1);
        io.memory = s.data + 512 * (paddr)slot;
        memset(ide_rig_data(&s) + 512 * slot, (int)(slot + 0x80), 512);
        ahci_put(&d, slot, &io);
    }
    ahci_reg_set(&d, AHCI_PX_CI, UINT32_MAX);
    CHECK(ahci_wait(&d, AHCI_PX_CI, UINT32_MAX, 0));
    for (unsigned slot = 0; slot < 32; slot++) {
        CHECK_EQ(ahci_moved(&d, slot), 512);
        CHECK_EQ(ide_rig_data(&s)[512 * slot], slot % 3 ? slot + 0x80 : slot + 1);
    }
    ide_rig_close(&s);
}

TEST(packets_are_of_the_command_table)
{
    static const uint8_t sense[12] = {3, 0, 0, 0, 18};
    uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 1, 0, 0, 20};
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    ahci_drv_open(&d, &s, 2);
    struct ahci_io io = {.regs = {.command = 0xa0, .features = 1},
                         .packet = cdb,
                         .memory = s.data,
                         .n = 20 * 2048,
                         .piece = 3000};
    CHECK_EQ(ahci_do(&d, &io), (6 << 4) << 8 | BAD); /* a unit attention */
    CHECK_EQ(ahci_reg(&d, AHCI_PX_IS), AHCI_IS_DHRS | AHCI_IS_TFES);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_CI), 1); /* the driver sees which */
    ahci_restart(&d);
    io.packet = sense;
    io.n = 18;
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK_EQ(ide_rig_data(&s)[12], 0x29);
    CHECK_EQ(ahci_moved(&d, 0), 18);
    io.packet = cdb;
    io.n = 20 * 2048;
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK_EQ(ahci_moved(&d, 0), 20 * 2048);
    for (unsigned i = 0; i < 60; i++) {
        CHECK_EQ(ide_rig_data(&s)[512 * i], i + 5);
    }
    io.packet = (const uint8_t[12]){0}; /* TEST UNIT READY: no data, and no memory */
    io.n = 0;
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK_EQ(ahci_moved(&d, 0), 0);
    io.packet = (const uint8_t[12]){0x12, 0, 0, 0, 36};
    io.n = 64;
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK_EQ(ahci_moved(&d, 0), 36);
    CHECK_MEM(ide_rig_data(&s) + 8, "QEMU    QEMU DVD-ROM", 20);
    ide_rig_close(&s);
}

/* ---- queues */

TEST(queued_commands_are_taken_at_once_and_end_by_their_bits)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    for (unsigned slot = 0; slot < 32; slot++) {
        const struct ahci_io io = queued(&s, slot, slot % 2, slot % 2 ? 200 + 16 * slot : slot, 16);
        memset(ide_rig_data(&s) + 8192 * slot, (int)(slot + 0x40), 8192);
        ahci_put(&d, slot, &io);
    }
    ahci_reg_set(&d, AHCI_PX_SACT, UINT32_MAX);
    ahci_reg_set(&d, AHCI_PX_CI, UINT32_MAX);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_CI), 0);
    CHECK(ahci_wait(&d, AHCI_PX_SACT, UINT32_MAX, 0));
    CHECK_EQ(ahci_reg(&d, AHCI_PX_IS) & ~(uint32_t)AHCI_IS_DHRS, AHCI_IS_SDBS);
    CHECK_EQ(received(&d, 0x58)[0], 0xa1);
    for (unsigned slot = 0; slot < 32; slot += 2) {
        CHECK_EQ(ide_rig_data(&s)[8192 * slot], slot + 1);
        CHECK_EQ(ide_rig_data(&s)[8192 * slot + 512 * 15], slot + 16);
    }
    for (unsigned slot = 1; slot < 32; slot += 2) {
        const struct ahci_io io = transfer(&s, READ_DMA_EXT, 200 + 16 * slot, 16);
        CHECK_EQ(ahci_do(&d, &io), GOOD);
        CHECK(all_are(ide_rig_data(&s), (uint8_t)(slot + 0x40), 8192));
    }
    ide_rig_close(&s);
}

TEST(an_error_of_a_queue_is_told_of_by_its_log)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    struct ahci_io io = queued(&s, 7, false, SECTORS - 1, 2);
    ahci_put(&d, 7, &io);
    ahci_reg_set(&d, AHCI_PX_SACT, 1 << 7);
    ahci_reg_set(&d, AHCI_PX_CI, 1 << 7);
    CHECK(ahci_wait(&d, AHCI_PX_IS, AHCI_IS_TFES, AHCI_IS_TFES));
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SACT), 1 << 7);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_TFD) & 0x77, BAD & 0x77);
    io = queued(&s, 8, false, 0, 2);
    ahci_put(&d, 8, &io);
    ahci_reg_set(&d, AHCI_PX_CI, 1 << 8); /* nothing is done now */
    CHECK_EQ(ahci_reg(&d, AHCI_PX_CI), 1 << 8);
    ahci_restart(&d);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SACT), 0);
    io = transfer(&s, READ_DMA_EXT, 0, 1);
    CHECK_EQ(ahci_do(&d, &io), ATA_ABRT << 8 | BAD); /* the drive wants its log to be read */
    ahci_restart(&d);
    io = transfer(&s, 0x2f, 0x10, 1);
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    const uint8_t *p = ide_rig_data(&s);
    CHECK_EQ(p[0], 7);
    CHECK_EQ(p[2], BAD);
    CHECK_EQ(p[3], ATA_IDNF);
    CHECK_EQ(load_le32(p + 4) & 0xffffff, SECTORS - 1);
    io = transfer(&s, 0x47, 0x10, 1);
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK_EQ(ide_rig_data(&s)[0], 0x80); /* none any more */
    io = transfer(&s, READ_DMA_EXT, 0, 1);
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    ide_rig_close(&s);
}

/* ---- interrupts */

TEST(interrupts_come_by_message_or_by_the_pin)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    const struct ahci_io io = transfer(&s, READ_DMA_EXT, 0, 1);
    const unsigned before = atomic_get(&s.r.msi[5]);
    ahci_hba_set(&s, 8, UINT32_MAX);
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK_EQ(atomic_get(&s.r.msi[5]), before + 1);
    CHECK_EQ(ahci_hba(&s, 8), 1);
    ahci_hba_set(&s, 8, 1); /* the port still has something to tell */
    CHECK_EQ(ahci_hba(&s, 8), 1);
    ahci_reg_set(&d, AHCI_PX_IS, UINT32_MAX);
    ahci_hba_set(&s, 8, 1);
    CHECK_EQ(ahci_hba(&s, 8), 0);
    rig_config_set(&s.r, 0, 0x20, rig_cap(&s.r, 0, 0x20, 5) + 2, 2, 0);
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK_EQ(s.r.intx[0], 1);
    ahci_reg_set(&d, AHCI_PX_IS, UINT32_MAX);
    ahci_hba_set(&s, 8, 1);
    CHECK_EQ(s.r.intx[0], 0);
    ide_rig_close(&s);
}

/* ---- errors */

TEST(lists_and_tables_that_cannot_be_stop_the_port)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    struct ahci_io io = transfer(&s, READ_DMA_EXT, 0, 8);
    io.n = 512; /* less memory than data */
    ahci_do(&d, &io);
    CHECK(ahci_reg(&d, AHCI_PX_IS) & AHCI_IS_OFS);
    ahci_restart(&d);
    io = transfer(&s, READ_DMA_EXT, 0, 1);
    ahci_put(&d, 0, &io);
    store_le64(rig_host(&s.r, d.list + 8), UINT64_C(0xff00000000));
    ahci_reg_set(&d, AHCI_PX_CI, 1);
    CHECK(ahci_reg(&d, AHCI_PX_IS) & AHCI_IS_HBFS);
    ahci_restart(&d);
    ahci_put(&d, 0, &io);
    rig_host(&s.r, d.tables)[0] = 0x34;
    ahci_reg_set(&d, AHCI_PX_CI, 1);
    CHECK(ahci_reg(&d, AHCI_PX_IS) & AHCI_IS_IFS);
    ahci_restart(&d);
    io.memory = UINT64_C(0xff00000000);
    ahci_do(&d, &io);
    CHECK(ahci_reg(&d, AHCI_PX_IS) & AHCI_IS_OFS);
    ahci_restart(&d);
    io.memory = s.data;
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    ide_rig_close(&s);
}

/* ---- resets */

TEST(a_reset_by_software_takes_two_fises)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    struct ahci_io io = {.regs = {.command = 0}};
    ahci_put(&d, 0, &io);
    rig_host(&s.r, d.tables)[1] = 0;
    rig_host(&s.r, d.tables)[15] = 4;
    ahci_reg_set(&d, AHCI_PX_CI, 1);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_CI), 0);
    CHECK(ahci_reg(&d, AHCI_PX_TFD) & ATA_BSY);
    rig_host(&s.r, d.tables)[15] = 0;
    ahci_reg_set(&d, AHCI_PX_CI, 1);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_TFD), GOOD | 1 << 8);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SIG), 0x101);
    ide_rig_close(&s);
}

TEST(a_reset_of_the_link_is_told_of_when_it_is_up_again)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    ahci_reg_set(&d, AHCI_PX_CMD, AHCI_CMD_FRE);
    ahci_reg_set(&d, AHCI_PX_IS, UINT32_MAX);
    ahci_reg_set(&d, AHCI_PX_SCTL, 0x301);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SSTS), 0);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_TFD), 0x7f);
    ahci_reg_set(&d, AHCI_PX_SCTL, 0x300);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SSTS), 0x113);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SERR), 1 << 26);
    CHECK(ahci_reg(&d, AHCI_PX_IS) & AHCI_IS_PCS);
    ahci_reg_set(&d, AHCI_PX_SERR, UINT32_MAX);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_IS) & AHCI_IS_PCS, 0);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SIG), 0x101);
    ahci_reg_set(&d, AHCI_PX_SCTL, 4);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SSTS), 4);
    ide_rig_close(&s);
}

TEST(resets_with_commands_in_flight)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, false);
    for (unsigned n = 0; n < 60; n++) {
        for (unsigned slot = 0; slot < 32; slot++) {
            const struct ahci_io io = queued(&s, slot, false, slot, 16);
            ahci_put(&d, slot, &io);
        }
        ahci_reg_set(&d, AHCI_PX_SACT, UINT32_MAX);
        ahci_reg_set(&d, AHCI_PX_CI, UINT32_MAX);
        if (n % 3 == 0) {
            ahci_restart(&d);
        } else if (n % 3 == 1) {
            ahci_reg_set(&d, AHCI_PX_SCTL, 1);
            ahci_reg_set(&d, AHCI_PX_SCTL, 0);
            ahci_restart(&d);
        } else {
            ahci_hba_set(&s, 4, 1);
            ahci_hba_set(&s, 4, 2);
            ahci_reg_set(&d, AHCI_PX_CLB, (uint32_t)d.list);
            ahci_reg_set(&d, AHCI_PX_FB, (uint32_t)d.fis);
            ahci_restart(&d);
        }
        CHECK_EQ(ahci_reg(&d, AHCI_PX_CI) | ahci_reg(&d, AHCI_PX_SACT), 0);
    }
    const struct ahci_io io = transfer(&s, READ_DMA_EXT, 5, 1);
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK(all_are(ide_rig_data(&s), 6, 512));
    ide_rig_close(&s);
}

/* ---- state */

TEST(counted_time_decides_when_commands_end)
{
    struct ide_rig s;
    struct ahci_drv d;
    open_scene(&s, &d, true);
    const struct ahci_io io = transfer(&s, READ_DMA_EXT, 5, 1);
    struct ahci_io q = queued(&s, 3, false, 9, 2);
    ahci_put(&d, 3, &q);
    ahci_reg_set(&d, AHCI_PX_SACT, 8);
    ahci_reg_set(&d, AHCI_PX_CI, 8);
    CHECK(ide_round_trip(s.host, s.first));
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SACT), 8);
    clock_manual_advance(s.r.m->clock, 101023);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SACT), 8);
    clock_manual_advance(s.r.m->clock, 1);
    CHECK_EQ(ahci_reg(&d, AHCI_PX_SACT), 0);
    CHECK_EQ(ahci_do(&d, &io), GOOD);
    CHECK(all_are(ide_rig_data(&s), 6, 512));
    ide_rig_close(&s);
}

TEST(a_state_whose_commands_are_under_way_has_them_done)
{
    struct ide_rig s;
    struct ahci_drv d;
    struct strbuf saved = {0};
    struct error e = {""};
    open_scene(&s, &d, false);
    struct ahci_io io = queued(&s, 4, false, 9, 16);
    ahci_put(&d, 4, &io);
    struct ahci *h = (struct ahci *)s.host;
    h->port[0].held = 1 << 4; /* as one that waits for a retry */
    h->port[0].sact = 1 << 4;
    device_save(s.host, &saved);
    CHECK(ahci_wait(&d, AHCI_PX_SACT, UINT32_MAX, 0));
    CHECK_EQ(ide_rig_data(&s)[8192 * 4], 10);
    memset(ide_rig_data(&s), 0, 1 << 18);
    CHECK_MSG(device_load(s.host, saved.text, saved.len, &e), "%s", e.text);
    CHECK(ahci_wait(&d, AHCI_PX_SACT, UINT32_MAX, 0));
    CHECK_EQ(ide_rig_data(&s)[8192 * 4], 10);
    strbuf_free(&saved);
    ide_rig_close(&s);
}

TEST(what_waits_for_a_retry_is_issued_anew_after_loading)
{
    struct ide_rig s;
    struct ahci_drv d;
    struct ide_saved saved;
    ide_rig_open_failing(&s);
    ahci_rig_add(&s, true);
    s.first = ide_rig_drive(&s, &ide_hd_class, "ide.0", "drive=disk", NULL);
    ahci_drv_open(&d, &s, 0);
    const struct ahci_io io = transfer(&s, READ_DMA_EXT, 5, 2);
    memset(ide_rig_data(&s), 1, 1024);
    ahci_put(&d, 3, &io);
    ahci_reg_set(&d, AHCI_PX_CI, 1 << 3);
    CHECK(ide_rig_waits(&s));
    CHECK_EQ(ahci_reg(&d, AHCI_PX_CI), 1 << 3);
    ide_save(s.host, s.first, &saved);
    CHECK(ahci_wait(&d, AHCI_PX_CI, UINT32_MAX, 0)); /* it went on */
    memset(ide_rig_data(&s), 1, 1024);
    CHECK(ide_load(s.host, s.first, &saved));
    CHECK(ahci_wait(&d, AHCI_PX_CI, UINT32_MAX, 0));
    CHECK(all_are(ide_rig_data(&s), 0, 1024));
    CHECK_EQ(ahci_moved(&d, 3), 1024);
    ide_rig_close(&s);
}

TEST(firmware_knows_drives_by_their_paths)
{
    struct ide_rig s;
    struct ahci_drv d;
    struct strbuf out = {0};
    struct error e = {""};
    open_scene(&s, &d, false);
    struct device *hd = ide_rig_drive(&s, &ide_hd_class, "ide.5", "drive=other", NULL);
    hd->bus->firmware_path(hd, &out);
    CHECK_STR(strbuf_text(&out), "/pci@ffffffffffffffff/pci8086,2922@4/drive@5/disk@0");
    CHECK(!rig_device(&s.r, &ide_hd_class, "ide.5", &e, "drive=other", NULL));
    CHECK(!rig_device(&s.r, &ide_hd_class, "ide.4", &e, "drive=other", "unit=1", NULL));
    strbuf_free(&out);
    ide_rig_close(&s);
}
