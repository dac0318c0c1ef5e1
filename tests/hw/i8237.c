/* SPDX-License-Identifier: MIT */
/* The DMA controllers of a PC: the test is the guest, and the device on a channel. */
#include "hw/isa/i8237.h"

#include "tests/hw/pc_rig.h"

enum {
    SINGLE_MASK = 0x0a,
    MODE = 0x0b,
    CLEAR = 0x0c,
    MASTER_CLEAR = 0x0d
};

/* The rig has its memory above what ISA reaches: some more is below. */
#define LOW_BYTES 0x100000u

struct bench {
    struct pc_rig p;
    struct device *d;
    struct isa_dma *dma;
    uint8_t *low;
    unsigned ready; /* calls */
    bool terminal;
};

static void ready(void *opaque)
{
    ((struct bench *)opaque)->ready++;
}

static void begin(struct bench *b, unsigned channel)
{
    struct error e = {""};
    *b = (struct bench){.ready = 0};
    pc_rig_open(&b->p);
    b->low = os_map_ram(LOW_BYTES, &e);
    space_add(
        b->p.r.m->memory,
        &(struct mem_range){.size = LOW_BYTES, .kind = RANGE_RAM, .name = "low", .host = b->low});
    b->d = test_device(b->p.r.m, &i8237_class, NULL);
    i8237_map(b->d, b->p.ports);
    b->p.isa.dma = b->dma = i8237_channels(b->d);
    CHECK(isa_dma_attach(b->dma, channel, &(struct isa_dma_client){ready, b}, &e));
}

static void end(struct bench *b)
{
    pc_rig_close(&b->p);
    os_unmap(b->low, LOW_BYTES);
}

static void put(struct bench *b, unsigned port, unsigned value)
{
    pc_out(&b->p, port, 1, value);
}

/* Channel 2, as drivers of floppies do it: count - 1 in the register. */
static void program(struct bench *b, unsigned mode, unsigned address, unsigned count)
{
    put(b, SINGLE_MASK, 6);
    put(b, CLEAR, 0);
    put(b, MODE, mode | 2);
    put(b, 0x04, address & 0xff);
    put(b, 0x04, address >> 8 & 0xff);
    put(b, 0x81, address >> 16);
    put(b, 0x05, (count - 1) & 0xff);
    put(b, 0x05, (count - 1) >> 8);
}

static void unmask(struct bench *b)
{
    put(b, SINGLE_MASK, 2);
}

static unsigned count_of(struct bench *b)
{
    put(b, CLEAR, 0);
    const unsigned low = pc_in(&b->p, 5, 1);
    return low | pc_in(&b->p, 5, 1) << 8;
}

TEST(bytes_go_to_memory_until_the_count_is_over)
{
    struct bench b;
    static const uint8_t bytes[] = "abcdefgh";
    begin(&b, 2);
    program(&b, 0x44, 0x12345, 6);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, bytes, 4, &b.terminal), 0); /* masked */
    CHECK_EQ(b.ready, 0);
    unmask(&b);
    CHECK_EQ(b.ready, 1);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, bytes, 4, &b.terminal), 4);
    CHECK(!b.terminal);
    CHECK_EQ(count_of(&b), 1);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, bytes + 4, 4, &b.terminal), 2);
    CHECK(b.terminal);
    CHECK_MEM(b.low + 0x12345, "abcdef\0", 7);
    CHECK_EQ(pc_in(&b.p, 8, 1), 4); /* terminal count, told once */
    CHECK_EQ(pc_in(&b.p, 8, 1), 0);
    CHECK_EQ(count_of(&b), 0xffff);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, bytes, 1, &b.terminal), 0);
    end(&b);
}

TEST(bytes_come_from_memory)
{
    struct bench b;
    uint8_t bytes[4] = {0};
    begin(&b, 2);
    memcpy(b.low + 0x500, "wxyz", 4);
    program(&b, 0x48, 0x500, 4);
    unmask(&b);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, bytes, 4, &b.terminal), 0); /* the other way */
    CHECK_EQ(isa_dma_from_memory(b.dma, 2, bytes, 4, &b.terminal), 4);
    CHECK(b.terminal);
    CHECK_MEM(bytes, "wxyz", 4);
    end(&b);
}

TEST(addresses_wrap_within_their_page)
{
    struct bench b;
    begin(&b, 2);
    program(&b, 0x44, 0x2fffe, 4);
    unmask(&b);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "1234", 4, &b.terminal), 4);
    CHECK_MEM(b.low + 0x2fffe, "12", 2);
    CHECK_MEM(b.low + 0x20000, "34", 2);
    end(&b);
}

TEST(a_channel_can_go_down_and_begin_again)
{
    struct bench b;
    begin(&b, 2);
    program(&b, 0x44 | 0x30, 0x1002, 3);
    unmask(&b);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "123", 3, &b.terminal), 3);
    CHECK(b.terminal);
    CHECK_MEM(b.low + 0x1000, "321", 3);
    CHECK_EQ(count_of(&b), 2);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "4", 1, &b.terminal), 1);
    CHECK_MEM(b.low + 0x1000, "324", 3);
    end(&b);
}

TEST(verifying_leaves_memory_alone)
{
    struct bench b;
    uint8_t bytes[2] = {1, 2};
    begin(&b, 2);
    memcpy(b.low + 0x500, "wxyz", 4);
    program(&b, 0x40, 0x500, 4);
    unmask(&b);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "12", 2, &b.terminal), 2);
    CHECK_EQ(isa_dma_from_memory(b.dma, 2, bytes, 2, &b.terminal), 2);
    CHECK(b.terminal);
    CHECK_EQ(bytes[0], 0);
    CHECK_MEM(b.low + 0x500, "wxyz", 4);
    end(&b);
}

TEST(the_second_controller_moves_words)
{
    struct bench b;
    begin(&b, 5);
    put(&b, 0xd6, 0x45);
    put(&b, 0xd8, 0);
    put(&b, 0xc4, 0x00);
    put(&b, 0xc4, 0xc0); /* word 0xc000 of page 2: 0x20000 + 0x18000 */
    put(&b, 0x8b, 0x03); /* the lowest bit does not count */
    put(&b, 0xc6, 1);
    put(&b, 0xc6, 0);
    put(&b, 0xd4, 1);
    CHECK(b.ready > 0);
    CHECK_EQ(isa_dma_to_memory(b.dma, 5, "abcde", 3, &b.terminal), 2);
    CHECK(!b.terminal);
    CHECK_EQ(isa_dma_to_memory(b.dma, 5, "cdefg", 5, &b.terminal), 2);
    CHECK(b.terminal);
    CHECK_MEM(b.low + 0x38000, "abcd\0", 5);
    end(&b);
}

TEST(disabling_and_clearing_closes_channels)
{
    struct bench b;
    begin(&b, 2);
    program(&b, 0x44, 0x1000, 16);
    unmask(&b);
    put(&b, 8, 4);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "1", 1, &b.terminal), 0);
    const unsigned before = b.ready;
    put(&b, 8, 0);
    CHECK_EQ(b.ready, before + 1);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "1", 1, &b.terminal), 1);
    put(&b, MASTER_CLEAR, 0);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "1", 1, &b.terminal), 0);
    CHECK_EQ(pc_in(&b.p, 0xf, 1), 0xff);
    put(&b, 0xe, 0);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "1", 1, &b.terminal), 1);
    end(&b);
}

TEST(channels_have_one_device_each)
{
    struct bench b;
    struct error e = {""};
    begin(&b, 2);
    const struct isa_dma_client c = {.ready = NULL};
    CHECK(!isa_dma_attach(b.dma, 2, &c, &e));
    CHECK_STR(e.text, "dma=2: another device has that channel");
    CHECK(!isa_dma_attach(b.dma, 4, &c, &e));
    CHECK_STR(e.text, "dma=4: channels have the numbers 0 to 3 and 5 to 7");
    isa_dma_detach(b.dma, 2);
    CHECK(isa_dma_attach(b.dma, 2, &c, &e));
    end(&b);
}

TEST(memory_that_is_not_there_gives_ones)
{
    struct bench b;
    uint8_t byte = 0;
    begin(&b, 2);
    program(&b, 0x48, 0xff0000, 1);
    unmask(&b);
    CHECK_EQ(isa_dma_from_memory(b.dma, 2, &byte, 1, &b.terminal), 1);
    CHECK_EQ(byte, 0xff);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b, 2);
    program(&b, 0x44, 0x31000, 16);
    unmask(&b);
    isa_dma_to_memory(b.dma, 2, "12", 2, &b.terminal);
    put(&b, 0x80, 0x77);
    CHECK(test_round_trip(b.d));
    CHECK_EQ(pc_in(&b.p, 0x80, 1), 0x77);
    CHECK_EQ(isa_dma_to_memory(b.dma, 2, "34", 2, &b.terminal), 2);
    CHECK_MEM(b.low + 0x31000, "1234", 4);
    CHECK_EQ(count_of(&b), 11);
    end(&b);
}

TEST(any_access_is_taken)
{
    struct bench b;
    begin(&b, 1);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t bytes[600];
        memset(bytes, (int)i, sizeof(bytes));
        pc_rig_hammer(&b.p, b.d, 0, i % 2 ? 0xc0 : 0x00, i % 2 ? 0x20 : 0x10);
        for (unsigned n = 0; n < ISA_DMA_CHANNELS; n++) {
            CHECK(isa_dma_to_memory(b.dma, n, bytes, sizeof(bytes), &b.terminal) <= sizeof(bytes));
            CHECK(isa_dma_from_memory(b.dma, n, bytes, sizeof(bytes), &b.terminal) <=
                  sizeof(bytes));
        }
    }
    end(&b);
}
