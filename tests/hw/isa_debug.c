/* SPDX-License-Identifier: MIT */
/* The ports of isa-debugcon and isa-debug-exit. */
#include "hw/classes.h"
#include "hw/isa/isa.h"
#include "tests/support/machine.h"
#include "tests/test.h"

static int status;

static void exit_status(struct power *p, int s)
{
    (void)p;
    status = s;
}

static struct power power = {.exit_status = exit_status};

struct bench {
    struct machine *m;
    struct isa_bus isa;
    struct test_stream line;
};

static struct stream *give_line(void *opaque, const char *id, struct error *e)
{
    struct bench *b = opaque;
    if (strcmp(id, "c") != 0) {
        error_set(e, "there is no chardev %s", id);
        return NULL;
    }
    return &b->line.stream;
}

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->m->power = &power;
    b->m->backends.chardev = give_line;
    b->m->backends.opaque = b;
    isa_bus_init(&b->isa, b->m, b->m->memory);
    test_stream_init(&b->line);
    status = -1;
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
    b->line.stream.ops->close(&b->line.stream);
}

/* NULL: it could not be made, as e says. */
static struct device *make(struct bench *b, const struct device_class *cls, const char *prop,
                           const char *value, struct error *e)
{
    struct device *d = device_new(cls, b->m, NULL);
    d->bus = &b->isa.bus;
    if ((prop && !device_set(d, prop, value, e)) ||
        (cls == &debugcon_class && !device_set(d, "chardev", "c", e)) || !device_create(d, e)) {
        device_free(d);
        return NULL;
    }
    device_reset(d);
    return d;
}

TEST(lines_lead_nowhere_before_the_board_has_said_where)
{
    struct bench b;
    struct isa_bus used;
    begin(&b);
    memset(&used, 0xaa, sizeof(used));
    isa_bus_init(&used, b.m, b.m->memory);
    struct device *d = make(&b, &debugcon_class, NULL, NULL, &(struct error){""});
    REQUIRE(d);
    d->bus = &used.bus;
    for (uint32_t n = 0; n < 16; n++) {
        CHECK(isa_connect(d, n, &(struct error){""}) && !d->irq[0].set);
    }
    CHECK(!isa_dma_of(d));
    d->bus = &b.isa.bus;
    end(&b);
}

TEST(bytes_of_the_port_go_to_the_character_device)
{
    struct bench b;
    struct error e;
    begin(&b);
    CHECK(make(&b, &debugcon_class, NULL, NULL, &e));
    CHECK_EQ(test_load(b.m, 0xe9, 1), 0xe9);
    test_store(b.m, 0xe9, 1, 'o');
    test_store(b.m, 0xe9, 1, 'k');
    CHECK_EQ(b.line.written.len, 2);
    CHECK(memcmp(b.line.written.text, "ok", 2) == 0);
    end(&b);
}

TEST(the_console_is_at_the_port_that_was_said_and_shows_another_byte)
{
    struct bench b;
    struct error e;
    begin(&b);
    struct device *d = make(&b, &debugcon_class, "iobase", "0x402", &e);
    CHECK(d);
    test_store(b.m, 0x402, 1, '!');
    CHECK_EQ(b.line.written.len, 1);
    CHECK(!make(&b, &debugcon_class, "iobase", "0x402", &e));
    CHECK_MSG(strstr(e.text, "'isa-debugcon' is at port 0x402"), "%s", e.text);
    device_free(d);
    CHECK(make(&b, &debugcon_class, "readback", "0x55", &e));
    CHECK_EQ(test_load(b.m, 0xe9, 1), 0x55);
    end(&b);
}

TEST(a_console_needs_a_character_device)
{
    struct bench b;
    struct error e;
    begin(&b);
    struct device *d = device_new(&debugcon_class, b.m, NULL);
    d->bus = &b.isa.bus;
    CHECK(!device_create(d, &e));
    CHECK_MSG(strstr(e.text, "needs chardev=ID"), "%s", e.text);
    device_free(d);
    end(&b);
}

TEST(a_write_ends_the_emulator_with_an_odd_status)
{
    struct bench b;
    struct error e;
    begin(&b);
    CHECK(make(&b, &debug_exit_class, "iosize", "4", &e));
    CHECK_EQ(test_load(b.m, 0x501, 1), 0);
    test_store(b.m, 0x501, 1, 0x10);
    CHECK_EQ(status, 0x21);
    test_store(b.m, 0x502, 1, 0);
    CHECK_EQ(status, 1);
    test_store(b.m, 0x501, 4, 0xff);
    CHECK_EQ(status, 0xff);
    CHECK(!make(&b, &debug_exit_class, "iosize", "0", &e));
    CHECK_MSG(strstr(e.text, "iosize=0"), "%s", e.text);
    end(&b);
}
