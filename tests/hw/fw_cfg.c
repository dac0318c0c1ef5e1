/* SPDX-License-Identifier: MIT */
/* The firmware configuration device. */
#include "hw/nvram/fw_cfg.h"

#include "base/bits.h"
#include "base/mem.h"
#include "memory/dma.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define BASE 0x09020000
#define REQUEST TEST_RAM_BASE
#define BUFFER (TEST_RAM_BASE + 0x800)
#define RAM_BYTES 0x2000
enum {
    ERROR = 1,
    READ = 2,
    SKIP_BYTES = 4,
    SELECT = 8,
    WRITE = 16
};

struct bench {
    struct machine *m;
    struct device *fw;
    struct dma dma;
};

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(RAM_BYTES)};
    b->dma.space = b->m->memory;
    b->fw = test_device(b->m, &fw_cfg_class, NULL);
    device_map(b->fw, b->m->memory, BASE);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static void choose(struct bench *b, uint16_t key)
{
    test_store(b->m, BASE + 8, 2, bswap16(key));
}

/* Runs a DMA request; what the device left in its control word. */
static uint32_t transfer(struct bench *b, uint32_t control, uint32_t n, paddr a)
{
    uint8_t request[16];
    store_be32(request, control);
    store_be32(request + 4, n);
    store_be64(request + 8, a);
    dma_write(&b->dma, REQUEST, request, 16);
    test_store(b->m, BASE + 16, 8, bswap64(REQUEST));
    dma_read(&b->dma, REQUEST, request, 4);
    return load_be32(request);
}

TEST(items_are_read_as_a_stream_of_any_width)
{
    struct bench b;
    begin(&b);
    choose(&b, FW_CFG_SIGNATURE);
    CHECK_EQ(test_load32(b.m, BASE), 0x554d4551); /* QEMU */
    CHECK_EQ(test_load32(b.m, BASE), 0);          /* behind the end */
    fw_cfg_add_u64(b.fw, FW_CFG_RAM_SIZE, UINT64_C(0x0102030405060708));
    choose(&b, FW_CFG_RAM_SIZE);
    CHECK_EQ(test_load(b.m, BASE, 1), 8);
    CHECK_EQ(test_load(b.m, BASE, 2), 0x0607);
    CHECK_EQ(test_load(b.m, BASE, 8), 0x0102030405);
    choose(&b, FW_CFG_ID);
    CHECK_EQ(test_load32(b.m, BASE), 3);
    choose(&b, 0x8000 | FW_CFG_ID);
    CHECK_EQ(test_load32(b.m, BASE), 0);
    choose(&b, 0x3fff);
    CHECK_EQ(test_load32(b.m, BASE), 0);
    end(&b);
}

TEST(directory_lists_files_by_name)
{
    struct bench b;
    struct error e;
    begin(&b);
    CHECK(fw_cfg_add_file(b.fw, "etc/zebra", mem_dup("zzz", 3), 3, &e));
    CHECK(fw_cfg_add_file(b.fw, "etc/ant", mem_dup("aa", 2), 2, &e));
    CHECK(fw_cfg_add_file(b.fw, "etc/zebra", mem_dup("ZZZZ", 4), 4, &e)); /* instead of the first */
    choose(&b, FW_CFG_FILE_DIR);
    CHECK_EQ(transfer(&b, READ, 4 + 2 * 64, BUFFER), 0);
    uint8_t dir[4 + 2 * 64];
    dma_read(&b.dma, BUFFER, dir, sizeof(dir));
    CHECK_EQ(load_be32(dir), 2);
    CHECK_STR((char *)dir + 12, "etc/ant");
    CHECK_STR((char *)dir + 76, "etc/zebra");
    CHECK_EQ(load_be32(dir + 68), 4);
    choose(&b, load_be16(dir + 72));
    CHECK_EQ(test_load32(b.m, BASE), 0x5a5a5a5a);
    end(&b);
}

TEST(too_many_files_and_too_long_names_are_refused)
{
    struct bench b;
    struct error e;
    char name[80];
    begin(&b);
    memset(name, 'n', sizeof(name));
    name[56] = 0;
    CHECK(!fw_cfg_add_file(b.fw, name, mem_alloc(1), 1, &e));
    name[55] = 0;
    CHECK(fw_cfg_add_file(b.fw, name, mem_alloc(1), 1, &e));
    for (int i = 1; i < FW_CFG_FILES; i++) {
        snprintf(name, sizeof(name), "file%d", i);
        CHECK(fw_cfg_add_file(b.fw, name, mem_alloc(1), 1, &e));
    }
    CHECK(!fw_cfg_add_file(b.fw, "one more", mem_alloc(1), 1, &e));
    end(&b);
}

TEST(dma_selects_skips_and_reads_in_one_request)
{
    struct bench b;
    begin(&b);
    fw_cfg_add(b.fw, FW_CFG_CMDLINE_DATA, mem_dup("hello world", 12), 12);
    CHECK_EQ(test_load(b.m, BASE + 16, 8), bswap64(UINT64_C(0x51454d5520434647)));
    CHECK_EQ(transfer(&b, FW_CFG_CMDLINE_DATA << 16 | SELECT | SKIP_BYTES, 6, 0), 0);
    dma_store64(&b.dma, BUFFER, UINT64_MAX);
    CHECK_EQ(transfer(&b, READ, 8, BUFFER), 0);
    char text[8];
    dma_read(&b.dma, BUFFER, text, 8);
    CHECK_MEM(text, "world\0\0\0", 8); /* cleared behind the end */
    end(&b);
}

TEST(dma_that_cannot_be_done_says_so_and_does_no_harm)
{
    struct bench b;
    begin(&b);
    choose(&b, FW_CFG_SIGNATURE);
    CHECK_EQ(transfer(&b, WRITE, 4, BUFFER), ERROR);
    CHECK_EQ(transfer(&b, READ, 4, 0x1000), ERROR);
    CHECK_EQ(transfer(&b, READ, UINT32_MAX, BUFFER), ERROR); /* ends behind RAM */
    CHECK_EQ(transfer(&b, SKIP_BYTES, UINT32_MAX, 0), 0);
    test_store(b.m, BASE + 16, 8, bswap64(0x1000)); /* the request itself is nowhere */
    test_store(b.m, BASE + 16, 8, bswap64(TEST_RAM_BASE + RAM_BYTES - 8));
    end(&b);
}

TEST(dma_address_may_come_in_two_parts)
{
    struct bench b;
    begin(&b);
    uint8_t request[16];
    store_be32(request, FW_CFG_SIGNATURE << 16 | SELECT | READ);
    store_be32(request + 4, 4);
    store_be64(request + 8, BUFFER);
    dma_write(&b.dma, REQUEST, request, 16);
    test_store32(b.m, BASE + 16, 0);
    test_store32(b.m, BASE + 20, bswap32((uint32_t)REQUEST));
    CHECK_EQ(test_load32(b.m, BUFFER), 0x554d4551);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    choose(&b, FW_CFG_SIGNATURE);
    test_load(b.m, BASE, 2);
    CHECK(test_round_trip(b.fw));
    CHECK_EQ(test_load(b.m, BASE, 2), 0x554d);
    end(&b);
}

/* The key of a file, from the directory; 0: there is none of that name. */
static uint16_t file_key(struct bench *b, const char *name)
{
    uint8_t dir[4 + 8 * (8 + FW_CFG_NAME_BYTES)];
    transfer(b, SELECT | READ | FW_CFG_FILE_DIR << 16, sizeof(dir), BUFFER);
    dma_read(&b->dma, BUFFER, dir, sizeof(dir));
    for (uint32_t i = 0; i < load_be32(dir) && i < 8; i++) {
        const uint8_t *row = dir + 4 + i * (8 + FW_CFG_NAME_BYTES);
        if (strcmp((const char *)row + 8, name) == 0) {
            return load_be16(row + 4);
        }
    }
    return 0;
}

TEST(a_guest_writes_where_its_notes_are)
{
    static const uint8_t notes[16] = {1, 0, 1, 0, 0, 4, 0, 0, 0x78, 0x56, 0x34, 0x12};
    uint8_t bytes[16];
    struct bench b;
    begin(&b);
    struct device *d = test_device(b.m, device_class_find("vmcoreinfo"), NULL);
    const uint32_t key = file_key(&b, "etc/vmcoreinfo");
    REQUIRE(key != 0);
    transfer(&b, SELECT | READ | key << 16, 16, BUFFER);
    dma_read(&b.dma, BUFFER, bytes, 16);
    CHECK_EQ(load_le64(bytes), 1); /* ELF is what the host takes; nothing from the guest yet */
    dma_write(&b.dma, BUFFER, notes, 16);
    CHECK_EQ(transfer(&b, SELECT | WRITE | key << 16, 16, BUFFER), 0);
    CHECK(test_round_trip(d));
    CHECK_EQ(transfer(&b, WRITE, 1, BUFFER), ERROR);                       /* behind its end */
    CHECK_EQ(transfer(&b, SELECT | WRITE | key << 16, 17, BUFFER), ERROR); /* further than it */
    transfer(&b, SELECT | READ | key << 16, 16, BUFFER);
    dma_read(&b.dma, BUFFER, bytes, 16);
    CHECK(memcmp(bytes, notes, 16) == 0);
    device_reset(d);
    transfer(&b, SELECT | READ | key << 16, 16, BUFFER);
    dma_read(&b.dma, BUFFER, bytes, 16);
    CHECK_EQ(load_le64(bytes), 1);
    end(&b);
}
