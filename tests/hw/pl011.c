/* SPDX-License-Identifier: MIT */
/* The PL011 UART. */
#include "hw/char/pl011.h"

#include "tests/support/machine.h"
#include "tests/test.h"

#define UART 0x09000000
enum {
    DR = 0,
    RSR = 4,
    FR = 0x18,
    LCR = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44
};
enum {
    FEN = 0x10,
    RXFE = 0x10,
    RXFF = 0x40,
    TXFE = 0x80,
    RX = 0x10,
    TX = 0x20,
    RT = 0x40,
    BE = 0x200,
    OE = 0x400
};

struct bench {
    struct machine *m;
    struct device *uart;
    struct test_stream line;
    struct test_line irq;
};

static void begin(struct bench *b)
{
    struct error e;
    *b = (struct bench){.m = test_machine_new(4096)};
    test_stream_init(&b->line);
    b->uart = device_new(&pl011_class, b->m, NULL);
    pl011_set_stream(b->uart, &b->line.stream);
    CHECK(device_create(b->uart, &e));
    b->uart->irq[0] = test_line_irq(&b->irq);
    device_map(b->uart, b->m->memory, UART);
    device_reset(b->uart);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
    CHECK(!b->line.has_reader);
    b->line.stream.ops->close(&b->line.stream);
}

static uint32_t get(struct bench *b, unsigned reg)
{
    return test_load32(b->m, UART + reg);
}

static void put(struct bench *b, unsigned reg, uint32_t value)
{
    test_store32(b->m, UART + reg, value);
}

TEST(characters_written_reach_the_stream_and_raise_the_transmit_interrupt)
{
    struct bench b;
    begin(&b);
    put(&b, IMSC, TX);
    test_store(b.m, UART + DR, 1, 'o');
    put(&b, DR, 'k');
    CHECK_STR(strbuf_text(&b.line.written), "ok");
    CHECK_EQ(get(&b, FR), RXFE | TXFE);
    CHECK_EQ(get(&b, MIS), TX);
    CHECK_EQ(b.irq.level, 1);
    put(&b, ICR, TX);
    CHECK_EQ(b.irq.level, 0);
    end(&b);
}

TEST(fifo_takes_16_characters_and_then_asks_the_stream_to_wait)
{
    struct bench b;
    begin(&b);
    put(&b, LCR, FEN);
    CHECK_EQ(test_stream_feed(&b.line, "0123456789abcdefghij", 20), 16);
    CHECK_EQ(get(&b, FR), TXFE | RXFF);
    int asked = b.line.asked;
    CHECK_EQ(get(&b, DR), '0');
    CHECK_EQ(b.line.asked, asked + 1);
    CHECK_EQ(test_stream_feed(&b.line, "gh", 2), 1);
    for (const char *c = "123456789abcdefg"; *c; c++) {
        CHECK_EQ(get(&b, DR), *c);
    }
    CHECK_EQ(get(&b, FR), TXFE | RXFE);
    CHECK_EQ(get(&b, DR), 0);
    end(&b);
}

TEST(without_fifo_one_character_is_held)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(test_stream_feed(&b.line, "xy", 2), 1);
    CHECK_EQ(get(&b, FR), TXFE | RXFF);
    CHECK_EQ(get(&b, RIS), RX);
    CHECK_EQ(get(&b, DR), 'x');
    CHECK_EQ(get(&b, RIS), 0);
    end(&b);
}

TEST(receive_interrupt_alone_comes_with_each_character_at_any_trigger_level)
{
    for (unsigned level = 0; level < 5; level++) {
        struct bench b;
        begin(&b);
        put(&b, LCR, FEN);
        put(&b, IFLS, level << 3);
        put(&b, IMSC, RX);
        for (unsigned i = 0; i < 3; i++) {
            test_stream_feed(&b.line, "a", 1);
            CHECK_EQ(b.irq.level, 1);
            put(&b, ICR, RX);
            CHECK_EQ(b.irq.level, 0);
        }
        CHECK_EQ(get(&b, DR), 'a');
        test_stream_feed(&b.line, "b", 1);
        CHECK_EQ(b.irq.level, 1);
        for (unsigned i = 0; i < 3; i++) {
            get(&b, DR);
        }
        CHECK_EQ(b.irq.level, 0);
        end(&b);
    }
}

TEST(receive_interrupt_and_timeout_stay_until_the_fifo_is_empty)
{
    struct bench b;
    begin(&b);
    put(&b, LCR, FEN);
    put(&b, IFLS, 2 << 3); /* half full: 8 */
    put(&b, IMSC, RX | RT);
    test_stream_feed(&b.line, "1234567", 7);
    CHECK_EQ(get(&b, MIS), RT | RX);
    test_stream_feed(&b.line, "8", 1);
    CHECK_EQ(get(&b, MIS), RT | RX);
    CHECK_EQ(b.irq.level, 1);
    get(&b, DR);
    CHECK_EQ(get(&b, MIS), RT | RX);
    for (int i = 0; i < 7; i++) {
        get(&b, DR);
    }
    CHECK_EQ(get(&b, MIS), 0);
    CHECK_EQ(b.irq.level, 0);
    end(&b);
}

TEST(break_is_received_as_a_character_with_its_flag)
{
    struct bench b;
    begin(&b);
    put(&b, LCR, FEN);
    b.line.reader.event(b.line.reader.opaque, STREAM_BREAK);
    CHECK_EQ(get(&b, RIS) & BE, BE);
    CHECK_EQ(get(&b, DR), 0x400);
    CHECK_EQ(get(&b, RSR), 4);
    put(&b, RSR, 0);
    CHECK_EQ(get(&b, RSR), 0);
    end(&b);
}

TEST(loopback_overrun_drops_the_character_and_flags_it)
{
    struct bench b;
    begin(&b);
    put(&b, CR, 0x381); /* UARTEN, LBE, TXE, RXE */
    put(&b, DR, 'a');
    put(&b, DR, 'b');
    CHECK_EQ(b.line.written.len, 0);
    CHECK_EQ(get(&b, RIS) & OE, OE);
    CHECK_EQ(get(&b, DR), 'a' | 0x800);
    CHECK_EQ(get(&b, FR), TXFE | RXFE);
    end(&b);
}

TEST(identification_registers_name_the_part)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, 0xfe0), 0x11);
    CHECK_EQ(get(&b, 0xfe4), 0x10);
    CHECK_EQ(get(&b, 0xff0) | get(&b, 0xff4) << 8 | get(&b, 0xff8) << 16 | get(&b, 0xffc) << 24,
             0xb105f00d);
    put(&b, 0xfe0, 0x55);
    CHECK_EQ(get(&b, 0xfe0), 0x11);
    CHECK_EQ(get(&b, 0x800), 0);
    end(&b);
}

TEST(state_survives_saving_and_loading_with_its_interrupt)
{
    struct bench b;
    begin(&b);
    put(&b, LCR, FEN);
    put(&b, IMSC, RT);
    put(&b, 0x24, 26);
    test_stream_feed(&b.line, "hello", 5);
    CHECK(test_round_trip(b.uart));
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, DR), 'h');
    CHECK_EQ(get(&b, 0x24), 26);
    device_reset(b.uart);
    CHECK_EQ(b.irq.level, 0);
    CHECK_EQ(get(&b, FR), TXFE | RXFE);
    end(&b);
}
