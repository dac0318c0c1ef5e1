/* SPDX-License-Identifier: MIT */
/* The floppy disk controller with two drives: commands of a driver, by DMA and byte by byte. */
#include "hw/block/fdc.h"

#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "hw/isa/i8237.h"
#include "hw/isa/isa.h"
#include "hw/state.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define BASE 0x3f0u
#define DOR (BASE + 2)
#define MSR (BASE + 4)
#define FIFO (BASE + 5)
#define CCR (BASE + 7)
#define DISK_BYTES (2880u * 512)

enum {
    READ = 0xe6, /* several heads, double density, skipping what was deleted */
    WRITE = 0xc5,
    FORMAT = 0x4d,
    READ_ID = 0x4a,
    VERIFY = 0xd6,
};

struct scene {
    struct rig r;
    struct space *ports;
    struct isa_bus isa;
    struct test_line irq;
    struct block *disk;
    struct device *dma, *fdc, *a;
    paddr memory;
    uint8_t result[16];
};

static struct block *give_drive(void *opaque, const char *id, struct error *e)
{
    struct scene *s = opaque;
    if (strcmp(id, "disk") != 0) {
        error_set(e, "there is no -drive with id=%s", id);
        return NULL;
    }
    return s->disk;
}

static void fill(struct block *b)
{
    struct error e = {""};
    uint8_t sector[512];
    for (unsigned i = 0; i < 2880; i++) {
        memset(sector, (int)(i % 251 + 1), sizeof(sector));
        CHECK(block_write(b, 512 * (uint64_t)i, sector, sizeof(sector), &e));
    }
}

static void must(const struct device *d, const struct error *e)
{
    if (!d) {
        fprintf(stderr, "%s\n", e->text);
        exit(2);
    }
}

static uint8_t in(struct scene *s, unsigned port)
{
    uint64_t v = 0;
    CHECK(space_load(s->ports, port, 1, &v));
    return (uint8_t)v;
}

static void out(struct scene *s, unsigned port, uint8_t value)
{
    CHECK(space_store(s->ports, port, 1, value));
}

static void open_counted(struct scene *s, const char *more, bool counted)
{
    struct error e = {""};
    *s = (struct scene){0};
    s->disk = test_disk(DISK_BYTES);
    fill(s->disk);
    rig_open(&s->r);
    s->r.m->backends.drive = give_drive;
    s->r.m->backends.opaque = s;
    s->r.m->config.counted = counted;
    s->ports = space_create("ports");
    space_set_properties(s->ports, SPACE_ONES);
    isa_bus_init(&s->isa, s->r.m, s->ports);
    s->isa.irq[6] = test_line_irq(&s->irq);
    s->dma = rig_device(&s->r, &i8237_class, NULL, &e, NULL);
    must(s->dma, &e);
    i8237_map(s->dma, s->ports);
    s->isa.dma = i8237_channels(s->dma);
    s->fdc = rig_device(&s->r, &isa_fdc_class, "isa.0", &e, more, NULL);
    must(s->fdc, &e);
    s->a = rig_device(&s->r, &floppy_class, "floppy-bus.0", &e, "drive=disk", NULL);
    must(s->a, &e);
    s->memory = RIG_RAM + 0x200000;
    space_add(s->r.m->memory, &(struct mem_range){.base = 0x200000, /* where DMA reaches it */
                                                  .size = 0x10000,
                                                  .kind = RANGE_RAM,
                                                  .name = "low",
                                                  .host = rig_host(&s->r, s->memory)});
    out(s, CCR, 0);
    out(s, DOR, 0x1c);
}

static void open_scene(struct scene *s)
{
    open_counted(s, NULL, false);
}

static void close_scene(struct scene *s)
{
    rig_close(&s->r);
    space_destroy(s->ports);
    block_close(s->disk);
}

static void wait_ready(struct scene *s, uint8_t bits)
{
    for (int64_t end = os_now_ns() + INT64_C(10000000000); os_now_ns() < end;) {
        if ((in(s, MSR) & bits) == bits) {
            return;
        }
        if (s->r.m->config.counted) {
            clock_manual_advance(s->r.m->clock, 1000000);
        } else {
            os_sleep_until_ns(os_now_ns() + 20000);
        }
    }
    CHECK(!"the controller is not ready");
}

static void send(struct scene *s, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        wait_ready(s, 0x80);
        CHECK_EQ(in(s, MSR) & 0x40, 0);
        out(s, FIFO, bytes[i]);
    }
}

/* All bytes of the result, which are counted. */
static unsigned take_result(struct scene *s)
{
    unsigned n = 0;
    wait_ready(s, 0xd0);
    while ((in(s, MSR) & 0xd0) == 0xd0 && n < sizeof(s->result)) {
        s->result[n++] = in(s, FIFO);
    }
    CHECK_EQ(in(s, MSR), 0x80);
    return n;
}

/* A command whose result has that many bytes. */
static void command(struct scene *s, unsigned results, unsigned n, ...)
{
    uint8_t bytes[16];
    va_list ap;
    va_start(ap, n);
    for (unsigned i = 0; i < n; i++) {
        bytes[i] = (uint8_t)va_arg(ap, int);
    }
    va_end(ap);
    send(s, bytes, n);
    if (results) {
        CHECK_EQ(take_result(s), results);
    }
}

static void seek(struct scene *s, uint8_t head_and_drive, uint8_t cylinder)
{
    command(s, 0, 3, 0x0f, head_and_drive, cylinder);
    CHECK_EQ(s->irq.level, 1);
    command(s, 2, 1, 0x08);
    CHECK_EQ(s->result[0], 0x20 | head_and_drive);
    CHECK_EQ(s->result[1], cylinder);
    CHECK_EQ(s->irq.level, 0);
}

/* Channel 2 moves n bytes at 2 MiB. */
static void program(struct scene *s, bool to_memory, unsigned n)
{
    out(s, 0x0a, 6);
    out(s, 0x0c, 0);
    out(s, 0x0b, (uint8_t)((to_memory ? 0x44 : 0x48) | 2));
    out(s, 0x04, 0);
    out(s, 0x04, 0);
    out(s, 0x05, (uint8_t)(n - 1));
    out(s, 0x05, (uint8_t)((n - 1) >> 8));
    out(s, 0x81, 0x20);
    out(s, 0x0a, 2);
}

static uint8_t *memory(struct scene *s)
{
    return rig_host(&s->r, s->memory);
}

static bool all_are(const uint8_t *p, unsigned value, size_t n)
{
    return p[0] == (uint8_t)value && memcmp(p, p + 1, n - 1) == 0;
}

static unsigned content(unsigned c, unsigned h, unsigned r)
{
    return ((c * 2 + h) * 18 + r - 1) % 251 + 1;
}

/* ---- registers and heads */

TEST(a_reset_makes_all_drives_ready_anew)
{
    struct scene s;
    open_scene(&s);
    CHECK_EQ(in(&s, MSR), 0x80);
    out(&s, DOR, 0x18);
    CHECK_EQ(in(&s, MSR), 0);
    out(&s, DOR, 0x1c);
    CHECK_EQ(s.irq.level, 1);
    for (unsigned n = 0; n < 4; n++) {
        command(&s, 2, 1, 0x08);
        CHECK_EQ(s.result[0], 0xc0 | n);
        CHECK_EQ(s.irq.level, 0);
    }
    command(&s, 1, 1, 0x08);
    CHECK_EQ(s.result[0], 0x80); /* nothing is there to be told */
    out(&s, MSR, 0x80);          /* the same by the data rate register */
    CHECK_EQ(s.irq.level, 1);
    close_scene(&s);
}

TEST(settings_are_kept_and_told)
{
    struct scene s;
    open_scene(&s);
    command(&s, 0, 3, 0x03, 0xaf, 0x02);
    command(&s, 0, 4, 0x13, 0, 0x57, 3);
    command(&s, 1, 1, 0x94);
    CHECK_EQ(s.result[0], 0x10);
    seek(&s, 0, 5);
    command(&s, 10, 1, 0x0e);
    CHECK_MEM(s.result, "\5\0\0\0\xaf\2", 6);
    CHECK_EQ(s.result[7], 0x80);
    CHECK_EQ(s.result[8], 0x57);
    CHECK_EQ(s.result[9], 3);
    out(&s, DOR, 0x18);
    out(&s, DOR, 0x1c);
    command(&s, 10, 1, 0x0e);
    CHECK_EQ(s.result[8], 0x57); /* locked: a reset leaves it */
    command(&s, 1, 1, 0x10);
    CHECK_EQ(s.result[0], 0x90);
    command(&s, 1, 1, 0x18);
    CHECK_EQ(s.result[0], 0x41);
    command(&s, 1, 1, 0x1f);
    CHECK_EQ(s.result[0], 0x80); /* no such command */
    close_scene(&s);
}

TEST(heads_move_and_the_change_line_falls_with_a_step)
{
    struct scene s;
    open_scene(&s);
    CHECK_EQ(in(&s, CCR) & 0x80, 0x80);
    command(&s, 1, 2, 0x04, 0);
    CHECK_EQ(s.result[0], 0x38); /* ready, two sides, at track 0 */
    seek(&s, 4, 7);
    CHECK_EQ(in(&s, CCR) & 0x80, 0);
    command(&s, 0, 3, 0xcf, 0, 3);
    command(&s, 2, 1, 0x08);
    CHECK_EQ(s.result[1], 10);
    command(&s, 0, 3, 0x8f, 0, 4);
    command(&s, 2, 1, 0x08);
    CHECK_EQ(s.result[1], 6);
    command(&s, 0, 2, 0x07, 0);
    command(&s, 2, 1, 0x08);
    CHECK_EQ(s.result[0], 0x20);
    CHECK_EQ(s.result[1], 0);
    command(&s, 0, 2, 0x07, 1); /* a drive that is not there */
    command(&s, 2, 1, 0x08);
    CHECK_EQ(s.result[0], 0x71);
    close_scene(&s);
}

/* ---- data */

TEST(sectors_are_read_by_dma_over_both_heads)
{
    struct scene s;
    open_scene(&s);
    seek(&s, 0, 3);
    program(&s, true, 6 * 512);
    memset(memory(&s), 0, 8 * 512);
    command(&s, 7, 9, READ, 0, 3, 0, 16, 2, 18, 27, 255);
    CHECK_EQ(s.result[0] & 0xc0, 0);
    CHECK_EQ(s.result[1] | s.result[2], 0);
    CHECK_MEM(s.result + 3, "\3\1\4\2", 4); /* the next one */
    for (unsigned i = 0; i < 6; i++) {
        const unsigned r = i < 3 ? 16 + i : i - 2;
        CHECK(all_are(memory(&s) + 512 * i, content(3, i >= 3, r), 512));
    }
    CHECK_EQ(memory(&s)[6 * 512], 0);
    close_scene(&s);
}

TEST(sectors_are_written_by_dma_and_read_back_and_a_short_one_has_zeros)
{
    struct scene s;
    struct error e;
    uint8_t sector[512];
    open_scene(&s);
    seek(&s, 0, 2);
    program(&s, false, 512 + 100);
    memset(memory(&s), 0x77, 1024);
    command(&s, 7, 9, WRITE, 4, 2, 1, 5, 2, 18, 27, 255);
    CHECK_EQ(s.result[0], 4);
    CHECK(block_read(s.disk, 512 * (uint64_t)(2 * 36 + 18 + 4), sector, 512, &e));
    CHECK(all_are(sector, 0x77, 512));
    CHECK(block_read(s.disk, 512 * (uint64_t)(2 * 36 + 18 + 5), sector, 512, &e));
    CHECK(all_are(sector, 0x77, 100));
    CHECK(all_are(sector + 100, 0, 412));
    close_scene(&s);
}

TEST(a_command_waits_for_its_channel_to_be_opened)
{
    struct scene s;
    open_scene(&s);
    const uint8_t bytes[9] = {READ, 0, 0, 0, 1, 2, 18, 27, 255};
    send(&s, bytes, 9);
    os_sleep_until_ns(os_now_ns() + 2000000);
    CHECK_EQ(in(&s, MSR), 0x10);
    program(&s, true, 512);
    CHECK_EQ(take_result(&s), 7);
    CHECK_EQ(s.result[0], 0);
    CHECK(all_are(memory(&s), 1, 512));
    close_scene(&s);
}

TEST(without_dma_bytes_go_through_the_fifo_to_the_end_of_the_track)
{
    struct scene s;
    uint8_t sector[512];
    struct error e;
    open_scene(&s);
    command(&s, 0, 3, 0x03, 0xaf, 0x03);
    const uint8_t bytes[9] = {0x46, 0, 0, 0, 17, 2, 18, 27, 255};
    send(&s, bytes, 9);
    for (unsigned i = 0; i < 1024; i++) {
        wait_ready(&s, 0xf0);
        CHECK_EQ(in(&s, FIFO), content(0, 0, 17 + i / 512));
    }
    CHECK_EQ(take_result(&s), 7);
    CHECK_EQ(s.result[0] & 0xc0, 0x40); /* nobody has said that it was the last */
    CHECK_EQ(s.result[1], 0x80);
    const uint8_t write[9] = {0x45, 0, 0, 0, 18, 2, 18, 27, 255};
    send(&s, write, 9);
    for (unsigned i = 0; i < 512; i++) {
        wait_ready(&s, 0xb0);
        out(&s, FIFO, 0x3c);
    }
    CHECK_EQ(take_result(&s), 7);
    CHECK(block_read(s.disk, UINT64_C(512) * 17, sector, 512, &e));
    CHECK(all_are(sector, 0x3c, 512));
    close_scene(&s);
}

TEST(tracks_are_formatted_with_a_filler)
{
    struct scene s;
    struct error e;
    uint8_t sector[512];
    open_scene(&s);
    seek(&s, 0, 1);
    for (unsigned i = 0; i < 18; i++) {
        const uint8_t id[4] = {1, 0, (uint8_t)(i + 1), 2};
        memcpy(memory(&s) + 4 * i, id, 4);
    }
    program(&s, false, 4 * 18);
    command(&s, 7, 6, FORMAT, 0, 2, 18, 84, 0xf6);
    CHECK_EQ(s.result[0] & 0xc0, 0);
    for (unsigned i = 0; i < 18; i++) {
        CHECK(block_read(s.disk, 512 * (uint64_t)(36 + i), sector, 512, &e));
        CHECK(all_are(sector, 0xf6, 512));
    }
    CHECK(block_read(s.disk, UINT64_C(512) * (36 + 18), sector, 512, &e));
    CHECK(!all_are(sector, 0xf6, 512));
    close_scene(&s);
}

TEST(tracks_are_verified_and_read_whole)
{
    struct scene s;
    open_scene(&s);
    command(&s, 7, 9, VERIFY, 0, 0, 0, 1, 2, 18, 27, 255);
    CHECK_EQ(s.result[0] & 0xc0, 0);
    program(&s, true, 18 * 512);
    command(&s, 7, 9, 0x42, 0, 0, 0, 9, 2, 18, 27, 255);
    CHECK_EQ(s.result[0] & 0xc0, 0);
    CHECK(all_are(memory(&s), 1, 512));
    CHECK(all_are(memory(&s) + 17 * 512, 18, 512));
    command(&s, 7, 2, READ_ID, 4);
    CHECK_MEM(s.result, "\4\0\0\0\1\1\2", 7);
    close_scene(&s);
}

/* ---- what cannot be */

TEST(sectors_that_are_not_there_and_rates_that_are_wrong)
{
    struct scene s;
    open_scene(&s);
    program(&s, true, 512);
    command(&s, 7, 9, READ, 0, 5, 0, 1, 2, 18, 27, 255); /* another cylinder */
    CHECK_EQ(s.result[0], 0x40);
    CHECK_EQ(s.result[1], 0x04);
    CHECK_EQ(s.result[2], 0x10);
    command(&s, 7, 9, READ, 0, 0, 0, 19, 2, 19, 27, 255);
    CHECK_EQ(s.result[1], 0x04);
    command(&s, 7, 9, READ, 0, 0, 0, 1, 3, 18, 27, 255); /* sectors of 1 KiB */
    CHECK_EQ(s.result[1], 0x04);
    command(&s, 7, 9, READ, 1, 0, 0, 1, 2, 18, 27, 255); /* no drive */
    CHECK_EQ(s.result[0], 0x41);
    CHECK_EQ(s.result[1], 0x01);
    out(&s, CCR, 2);
    command(&s, 7, 9, READ, 0, 0, 0, 1, 2, 18, 27, 255);
    CHECK_EQ(s.result[1], 0x01);
    command(&s, 7, 2, READ_ID, 0);
    CHECK_EQ(s.result[0], 0x40);
    out(&s, CCR, 0);
    command(&s, 7, 9, READ, 0, 0, 0, 1, 2, 18, 27, 255);
    CHECK_EQ(s.result[0], 0);
    close_scene(&s);

    open_counted(&s, "check_media_rate=off", false);
    out(&s, CCR, 2);
    program(&s, true, 512);
    command(&s, 7, 9, READ, 0, 0, 0, 1, 2, 18, 27, 255);
    CHECK_EQ(s.result[0], 0);
    close_scene(&s);
}

TEST(another_medium_is_told_of_and_has_its_own_format)
{
    struct scene s;
    struct error e = {""};
    char path[] = "/var/tmp/dragoman-floppy.XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0 && ftruncate(fd, 737280) == 0);
    close(fd);
    open_scene(&s);
    CHECK_EQ(floppy_drive_type(s.fdc, 0), FLOPPY_144);
    CHECK_EQ(floppy_drive_type(s.fdc, 1), FLOPPY_NONE);
    seek(&s, 0, 1);
    CHECK_EQ(in(&s, CCR) & 0x80, 0);
    CHECK(block_insert(s.disk, NULL, &e));
    CHECK_EQ(in(&s, CCR) & 0x80, 0x80);
    CHECK_EQ(floppy_drive_type(s.fdc, 0), FLOPPY_288); /* fallback= */
    command(&s, 7, 9, READ, 0, 1, 0, 1, 2, 18, 27, 255);
    CHECK_EQ(s.result[1], 0x01);
    seek(&s, 0, 2);
    CHECK_EQ(in(&s, CCR) & 0x80, 0x80); /* there is none */
    CHECK(block_insert(
        s.disk, &(struct block_options){.file = path, .format = (char *)"raw", .read_only = true},
        &e));
    unlink(path);
    seek(&s, 0, 0);
    CHECK_EQ(in(&s, CCR) & 0x80, 0);
    out(&s, CCR, 2); /* 720 KiB: 250 kb/s, 9 sectors */
    program(&s, true, 512);
    command(&s, 7, 9, READ, 0, 0, 0, 9, 2, 9, 27, 255);
    CHECK_EQ(s.result[0] & 0xc0, 0);
    CHECK_EQ(memory(&s)[0], 0);
    command(&s, 7, 9, READ, 0, 0, 0, 10, 2, 10, 27, 255);
    CHECK_EQ(s.result[1], 0x04);
    program(&s, false, 512);
    command(&s, 7, 9, WRITE, 0, 0, 0, 1, 2, 9, 27, 255);
    CHECK_EQ(s.result[1], 0x02); /* protected */
    close_scene(&s);
}

/* ---- life */

TEST(resets_with_a_sector_under_way)
{
    struct scene s;
    open_scene(&s);
    const uint8_t bytes[9] = {READ, 0, 0, 0, 1, 2, 18, 27, 255};
    for (unsigned i = 0; i < 100; i++) {
        program(&s, true, 18 * 512);
        send(&s, bytes, 9);
        if (i % 3 == 0) {
            device_reset(s.fdc);
            out(&s, CCR, 0);
        } else {
            out(&s, DOR, 0x18);
            out(&s, DOR, 0x1c);
        }
        CHECK_EQ(in(&s, MSR), 0x80);
    }
    program(&s, true, 512);
    command(&s, 7, 9, READ, 0, 0, 0, 2, 2, 18, 27, 255);
    CHECK_EQ(s.result[0], 0);
    CHECK(all_are(memory(&s), 2, 512));
    close_scene(&s);
}

TEST(counted_time_decides_when_a_sector_is_there)
{
    struct scene s;
    open_counted(&s, NULL, true);
    const uint8_t bytes[9] = {READ, 0, 0, 0, 3, 2, 18, 27, 255};
    program(&s, true, 512);
    send(&s, bytes, 9);
    CHECK_EQ(in(&s, MSR), 0x10);
    CHECK(test_round_trip(s.fdc));
    clock_manual_advance(s.r.m->clock, FDC_LATENCY_NS - 1);
    CHECK_EQ(in(&s, MSR), 0x10);
    clock_manual_advance(s.r.m->clock, 1);
    CHECK_EQ(take_result(&s), 7);
    CHECK(all_are(memory(&s), 3, 512));
    close_scene(&s);
}

TEST(a_state_is_the_same_in_the_middle_of_a_sector)
{
    struct scene s;
    struct error e = {""};
    struct strbuf saved = {0};
    open_scene(&s);
    command(&s, 0, 3, 0x03, 0xaf, 0x03);
    const uint8_t bytes[9] = {0x46, 0, 0, 0, 17, 2, 18, 27, 255};
    send(&s, bytes, 9);
    for (unsigned i = 0; i < 100; i++) {
        wait_ready(&s, 0xf0);
        in(&s, FIFO);
    }
    device_save(s.fdc, &saved);
    for (unsigned i = 100; i < 700; i++) {
        wait_ready(&s, 0xf0);
        in(&s, FIFO);
    }
    CHECK_MSG(device_load(s.fdc, saved.text, saved.len, &e), "%s", e.text);
    for (unsigned i = 100; i < 1024; i++) {
        wait_ready(&s, 0xf0);
        CHECK_EQ(in(&s, FIFO), content(0, 0, 17 + i / 512));
    }
    CHECK_EQ(take_result(&s), 7);
    strbuf_free(&saved);
    close_scene(&s);
}

TEST(states_tell_the_devices_of_the_bus_apart)
{
    struct scene s;
    struct error e = {""};
    open_scene(&s);
    struct device *other = rig_device(&s.r, &isa_fdc_class, "isa.0", &e, "iobase=0x370", "irq=7",
                                      "dma=3", NULL);
    REQUIRE(other);
    char *first = device_path(s.fdc), *second = device_path(other);
    CHECK_STR(first, "isa.0/isa-fdc.0");
    CHECK_STR(second, "isa.0/isa-fdc.1");
    mem_free(first);
    mem_free(second);
    close_scene(&s);
}

TEST(places_and_ports_that_cannot_be_are_refused)
{
    struct scene s;
    struct error e = {""};
    struct strbuf path = {0};
    open_scene(&s);
    CHECK(!rig_device(&s.r, &isa_fdc_class, "isa.0", &e, "dma=3", NULL));
    CHECK(strstr(e.text, "iobase=0x3f0"));
    CHECK(!rig_device(&s.r, &isa_fdc_class, "isa.0", &e, "iobase=0x370", NULL));
    CHECK(!rig_device(&s.r, &isa_fdc_class, "isa.0", &e, "iobase=0x370", "dma=3", "irq=16", NULL));
    CHECK(!rig_device(&s.r, &floppy_class, "floppy-bus.0", &e, "unit=0", NULL));
    CHECK(!rig_device(&s.r, &floppy_class, "floppy-bus.0", &e, "unit=2", NULL));
    struct device *b = rig_device(&s.r, &floppy_class, "floppy-bus.0", &e, "drive-type=120", NULL);
    REQUIRE(b);
    CHECK_EQ(floppy_drive_type(s.fdc, 1), FLOPPY_120);
    b->bus->firmware_path(b, &path);
    CHECK(strstr(strbuf_text(&path), "/fdc@03f0/floppy@1"));
    strbuf_free(&path);
    close_scene(&s);
}
