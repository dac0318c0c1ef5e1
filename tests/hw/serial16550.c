/* SPDX-License-Identifier: MIT */
/* The 16550A UART. */
#include "hw/char/serial16550.h"

#include "hw/isa/isa.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define COM1 0x3f8u
enum {
    DATA,
    IER,
    IIR,
    LCR,
    MCR,
    LSR,
    MSR,
    SCR,
    FCR = IIR
};

struct bench {
    struct machine *m;
    struct isa_bus isa;
    struct device *uart;
    struct test_stream line;
    struct test_line irq;
};

static void begin(struct bench *b)
{
    struct error e;
    *b = (struct bench){.m = test_machine_new(4096)};
    isa_bus_init(&b->isa, b->m, b->m->memory);
    b->isa.irq[4] = test_line_irq(&b->irq);
    test_stream_init(&b->line);
    b->uart = device_new(&serial16550_class, b->m, NULL);
    b->uart->bus = &b->isa.bus;
    serial16550_set_stream(b->uart, &b->line.stream);
    CHECK(device_create(b->uart, &e));
    device_reset(b->uart);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
    CHECK(!b->line.has_reader);
    b->line.stream.ops->close(&b->line.stream);
}

static unsigned get(struct bench *b, unsigned n)
{
    return (unsigned)test_load(b->m, COM1 + n, 1);
}

static void put(struct bench *b, unsigned n, unsigned value)
{
    test_store(b->m, COM1 + n, 1, value);
}

TEST(what_is_written_goes_out_at_once)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, LSR), 0x60);
    put(&b, DATA, 'h');
    put(&b, DATA, 'i');
    CHECK_EQ(get(&b, LSR), 0x60);
    CHECK_EQ(b.line.written.len, 2);
    CHECK(memcmp(b.line.written.text, "hi", 2) == 0);
    end(&b);
}

TEST(divisor_and_scratch_are_kept)
{
    struct bench b;
    begin(&b);
    put(&b, LCR, 0x83);
    put(&b, 0, 0x34);
    put(&b, 1, 0x12);
    CHECK_EQ(get(&b, 0), 0x34);
    CHECK_EQ(get(&b, 1), 0x12);
    put(&b, LCR, 3);
    CHECK_EQ(get(&b, LCR), 3);
    CHECK_EQ(get(&b, 1), 0);
    put(&b, SCR, 0xa5);
    CHECK_EQ(get(&b, SCR), 0xa5);
    CHECK_EQ(b.line.written.len, 0);
    end(&b);
}

TEST(without_fifos_there_is_room_for_one)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, IIR), 1);
    CHECK_EQ(b.line.reader.room(b.uart), 1);
    test_stream_feed(&b.line, "a", 1);
    CHECK_EQ(b.line.reader.room(b.uart), 0);
    CHECK_EQ(get(&b, LSR), 0x61);
    CHECK_EQ(get(&b, DATA), 'a');
    CHECK_EQ(b.line.asked, 1);
    CHECK_EQ(get(&b, LSR), 0x60);
    end(&b);
}

TEST(receiving_interrupts_by_level_or_timeout)
{
    struct bench b;
    begin(&b);
    put(&b, FCR, 0x41); /* four of them */
    put(&b, IER, 1);
    CHECK_EQ(b.irq.level, 0);
    test_stream_feed(&b.line, "abc", 3);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, IIR), 0xcc);
    test_stream_feed(&b.line, "d", 1);
    CHECK_EQ(get(&b, IIR), 0xc4);
    for (unsigned k = 0; k < 4; k++) {
        CHECK_EQ(get(&b, DATA), 'a' + k);
    }
    CHECK_EQ(b.irq.level, 0);
    CHECK_EQ(get(&b, IIR), 0xc1);
    end(&b);
}

TEST(the_fifo_has_16_and_can_be_cleared)
{
    struct bench b;
    begin(&b);
    put(&b, FCR, 1);
    CHECK_EQ(test_stream_feed(&b.line, "0123456789abcdefg", 17), 16);
    put(&b, FCR, 3);
    CHECK_EQ(get(&b, LSR), 0x60);
    CHECK_EQ(b.line.reader.room(b.uart), 16);
    end(&b);
}

TEST(an_empty_transmitter_interrupts_until_iir_is_read)
{
    struct bench b;
    begin(&b);
    put(&b, IER, 2);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, IIR), 2);
    CHECK_EQ(b.irq.level, 0);
    CHECK_EQ(get(&b, IIR), 1);
    put(&b, DATA, 'x');
    CHECK_EQ(get(&b, IIR), 2);
    put(&b, IER, 0);
    put(&b, IER, 2); /* it is empty still */
    CHECK_EQ(b.irq.level, 1);
    end(&b);
}

TEST(line_errors_come_first)
{
    struct bench b;
    begin(&b);
    put(&b, IER, 5);
    test_stream_feed(&b.line, "a", 1);
    b.line.reader.event(b.uart, STREAM_BREAK); /* no room for it */
    CHECK_EQ(get(&b, IIR), 6);
    CHECK_EQ(get(&b, LSR), 0x63);
    CHECK_EQ(get(&b, IIR), 4);
    get(&b, DATA);
    b.line.reader.event(b.uart, STREAM_BREAK);
    CHECK_EQ(get(&b, LSR), 0x71);
    CHECK_EQ(get(&b, DATA), 0);
    end(&b);
}

TEST(loopback_connects_data_and_modem_lines)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, MSR), 0xb0);
    put(&b, IER, 8);
    put(&b, MCR, 0x1a);
    CHECK_EQ(get(&b, MSR) & 0xf0, 0x90);
    put(&b, MCR, 0x14); /* OUT1: the ring indicator */
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, IIR), 0);
    CHECK_EQ(get(&b, MSR), 0x49);
    put(&b, MCR, 0x10);
    CHECK_EQ(get(&b, MSR), 0x04);
    CHECK_EQ(b.irq.level, 0);
    put(&b, DATA, 'q');
    CHECK_EQ(b.line.written.len, 0);
    CHECK_EQ(get(&b, DATA), 'q');
    put(&b, LCR, 0x43);
    CHECK_EQ(get(&b, LSR), 0x71);
    end(&b);
}

TEST(ports_and_lines_that_cannot_be_are_refused)
{
    struct bench b;
    struct error e;
    begin(&b);
    static const struct {
        const char *prop, *value, *why;
    } cases[] = {
        {"index", "4", "index=4: 0 to 3 are COM1 to COM4"},
        {"iobase", "0xfffc", "iobase=0xfffc: ports go up to 0xffff"},
        {"iobase", "0x3fa", "iobase=0x3fa: 'isa-serial' is at port 0x3f8"},
        {"iobase", "0x3f4", "iobase=0x3f4: 'isa-serial' is at port 0x3f8"},
        {"irq", "16", "irq=16: lines have the numbers 0 to 15"},
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct device *d = device_new(&serial16550_class, b.m, NULL);
        d->bus = &b.isa.bus;
        CHECK(device_set(d, cases[k].prop, cases[k].value, &e));
        CHECK(!device_create(d, &e));
        CHECK_MSG(strstr(e.text, cases[k].why), "%s", e.text);
        device_free(d);
    }
    struct device *second = device_new(&serial16550_class, b.m, NULL);
    second->bus = &b.isa.bus;
    CHECK(device_set(second, "index", "1", &e) && device_create(second, &e));
    CHECK_EQ(test_load(b.m, 0x2f8 + LSR, 1), 0x60);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    put(&b, FCR, 1);
    put(&b, IER, 1);
    test_stream_feed(&b.line, "xyz", 3);
    CHECK(test_round_trip(b.uart));
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, DATA), 'x');
    end(&b);
}
