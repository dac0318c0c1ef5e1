/* SPDX-License-Identifier: MIT */
/* The device core: properties, register tables, state. */
#include "hw/device.h"

#include "base/mem.h"
#include "hw/char/pl011.h"
#include "hw/state.h"
#include "tests/support/log.h"
#include "tests/support/machine.h"
#include "tests/test.h"

enum colour {
    RED,
    GREEN,
    BLUE
};
static const char *const colours[] = {"red", "green", "blue", NULL};

/* A device with one of everything. */
struct sample {
    struct device dev;
    char *text, *drive;
    uint64_t wide, size;
    uint32_t number, bank[3];
    uint32_t plain, effect, count;
    int colour;
    int32_t addr;
    uint16_t half;
    uint8_t small, mac[6];
    bool flag;
    uint8_t pad[2];
    uint8_t *buffer;
    size_t buffer_bytes;
    uint64_t kept, transient;
    uint32_t refuse;
    uint32_t destroyed;
};

static uint64_t count_read(struct device *d, const struct reg *r)
{
    (void)r;
    return ++((struct sample *)d)->count;
}

static void effect_written(struct device *d, const struct reg *r, uint64_t value)
{
    (void)r;
    ((struct sample *)d)->plain = (uint32_t)value;
}

static const struct reg sample_regs[] = {
    REG(sample, 0x00, "PLAIN", plain, 0xff00ff, 0x12, NULL, NULL),
    REG(sample, 0x04, "EFFECT", effect, 0xf, 0, NULL, effect_written),
    REG_FN(0x08, "COUNT", count_read, NULL),
    REG_CONST(0x0c, "ID", 0xabcd),
    {.offset = 0x10,
     .name = "WIDE",
     .member = offsetof(struct sample, wide),
     .writable = UINT64_MAX,
     .size = 8},
    {.offset = 0x20,
     .name = "BANK",
     .member = offsetof(struct sample, bank),
     .writable = UINT32_MAX,
     .initial = 7,
     .count = 3,
     .stride = 8},
    REG_END,
};

static const struct field sample_fields[] = {
    FIELD(sample, count),
    FIELD_KEEP(sample, kept),
    FIELD_BUF(sample, buffer, buffer_bytes),
    FIELD_SKIP(sample, transient),
    FIELD_SKIP(sample, pad),
    FIELD_SKIP(sample, destroyed),
    FIELD_END,
};

static const struct prop sample_props[] = {
    {"text", PROP_STRING, offsetof(struct sample, text), "hello", "words", NULL},
    {"drive", PROP_DRIVE, offsetof(struct sample, drive), NULL, "disk", NULL},
    {"size", PROP_SIZE, offsetof(struct sample, size), "4K", "room", NULL},
    {"number", PROP_U32, offsetof(struct sample, number), "5", "how many", NULL},
    {"colour", PROP_ENUM, offsetof(struct sample, colour), "green", "its looks", colours},
    {"addr", PROP_PCI_ADDR, offsetof(struct sample, addr), "any", "its place", NULL},
    {"half", PROP_U16, offsetof(struct sample, half), NULL, "16 bits", NULL},
    {"small", PROP_U8, offsetof(struct sample, small), NULL, "8 bits", NULL},
    {"mac", PROP_MAC, offsetof(struct sample, mac), NULL, "address", NULL},
    {"flag", PROP_BOOL, offsetof(struct sample, flag), NULL, "yes or no", NULL},
    {"refuse", PROP_U32, offsetof(struct sample, refuse), NULL, "creation fails", NULL},
    PROP_END,
};

static bool sample_create(struct device *d, struct error *e)
{
    struct sample *s = (struct sample *)d;
    if (s->refuse) {
        return error_set(e, "refused");
    }
    s->buffer_bytes = s->small;
    s->buffer = mem_alloc(s->buffer_bytes);
    return true;
}

static void sample_destroy(struct device *d)
{
    mem_free(((struct sample *)d)->buffer);
}

static const struct device_class sample_class = {
    .name = "sample",
    .desc = "for tests",
    .size = sizeof(struct sample),
    .props = sample_props,
    .regs = sample_regs,
    .fields = sample_fields,
    .window_size = 0x100,
    .create = sample_create,
    .destroy = sample_destroy,
};

#define WINDOW 0x1000

static struct sample *sample_in(struct machine *m, const char *property)
{
    struct device *d = test_device(m, &sample_class, property, NULL);
    device_map(d, m->memory, WINDOW);
    return (struct sample *)d;
}

TEST(properties_have_their_defaults_and_are_parsed_by_type)
{
    struct machine *m = test_machine_new(4096);
    struct device *d = device_new(&sample_class, m, "one");
    struct sample *s = (struct sample *)d;
    struct error e;
    CHECK_STR(s->text, "hello");
    CHECK_EQ(s->size, 4096);
    CHECK_EQ(s->colour, GREEN);
    CHECK_EQ(s->addr, -1);
    CHECK(device_set(d, "text", "", &e) && device_set(d, "text", "x,y", &e));
    CHECK_STR(s->text, "x,y");
    CHECK(device_set(d, "size", "3G", &e));
    CHECK_EQ(s->size, UINT64_C(3) << 30);
    CHECK(device_set(d, "number", "0x10", &e));
    CHECK_EQ(s->number, 16);
    CHECK(device_set(d, "colour", "blue", &e));
    CHECK_EQ(s->colour, BLUE);
    CHECK(device_set(d, "addr", "1e.7", &e));
    CHECK_EQ(s->addr, 0x1e << 3 | 7);
    CHECK(device_set(d, "mac", "52:54:00:aB:cd:Ef", &e));
    CHECK_MEM(s->mac, "\x52\x54\x00\xab\xcd\xef", 6);
    CHECK(device_set(d, "flag", "yes", &e) && s->flag);
    CHECK(device_set(d, "flag", "off", &e) && !s->flag);
    CHECK(device_set(d, "small", "255", &e) && device_set(d, "half", "65535", &e));
    device_free(d);
    test_machine_free(m);
}

TEST(bad_values_say_what_would_be_accepted)
{
    static const struct {
        const char *prop, *value, *part;
    } bad[] = {
        {"small", "256", "a number from 0 to 255"},
        {"half", "-1", "a number from 0 to 65535"},
        {"number", "12x", "a number from 0 to 4294967295"},
        {"number", "", "a number"},
        {"size", "1Q", "a suffix K, M, G, T"},
        {"size", "20E", "less than 16 EiB"},
        {"colour", "gren", "red, green, blue; did you mean 'green'?"},
        {"addr", "20", "slot or slot.function"},
        {"addr", "1.8", "slot or slot.function"},
        {"addr", "-5", "slot or slot.function"},
        {"mac", "52:54:00:12:34", "52:54:00:12:34:56"},
        {"mac", "52:54:00:12:34:567", "52:54:00:12:34:56"},
        {"flag", "maybe", "on or off"},
        {"colur", "red", "did you mean 'colour'?"},
    };
    struct machine *m = test_machine_new(4096);
    struct device *d = device_new(&sample_class, m, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error e = {""};
        CHECK(!device_set(d, bad[i].prop, bad[i].value, &e));
        CHECK_MSG(strstr(e.text, bad[i].part) && strstr(e.text, "device 'sample'"), "%s=%s: %s",
                  bad[i].prop, bad[i].value, e.text);
    }
    CHECK_EQ(((struct sample *)d)->number, 5);
    device_free(d);
    test_machine_free(m);
}

TEST(help_lists_type_choices_and_default)
{
    char *help = device_help(&sample_class);
    CHECK(strstr(help, "sample options:"));
    CHECK(strstr(help, "colour=<choice>"));
    CHECK(strstr(help, "red, green, blue (default: green)"));
    mem_free(help);
}

TEST(register_that_only_stores_keeps_its_writable_bits)
{
    struct machine *m = test_machine_new(4096);
    sample_in(m, "small=0");
    CHECK_EQ(test_load32(m, WINDOW), 0x12);
    test_store32(m, WINDOW, UINT32_MAX);
    CHECK_EQ(test_load32(m, WINDOW), 0xff00ff);
    test_store32(m, WINDOW + 0xc, 1);
    CHECK_EQ(test_load32(m, WINDOW + 0xc), 0xabcd);
    test_store32(m, WINDOW + 4, 0x35);
    CHECK_EQ(test_load32(m, WINDOW + 4), 5);
    CHECK_EQ(test_load32(m, WINDOW), 0x35); /* the effect sees all that was written */
    test_machine_free(m);
}

TEST(registers_answer_to_narrow_and_wide_accesses)
{
    struct machine *m = test_machine_new(4096);
    sample_in(m, "small=0");
    CHECK_EQ(test_load(m, WINDOW + 8, 8), UINT64_C(0xabcd) << 32 | 1);
    CHECK_EQ(test_load(m, WINDOW + 0xd, 1), 0xab);
    CHECK_EQ(test_load(m, WINDOW + 0xe, 2), 0);
    test_store(m, WINDOW + 0x10, 8, UINT64_C(0x1122334455667788));
    CHECK_EQ(test_load(m, WINDOW + 0x14, 4), 0x11223344);
    test_store(m, WINDOW + 0x14, 4, 9); /* no register starts there */
    CHECK_EQ(test_load(m, WINDOW + 0x10, 8), UINT64_C(0x1122334455667788));
    test_store(m, WINDOW, 1, 0x7f);
    CHECK_EQ(test_load32(m, WINDOW), 0x7f);
    CHECK_EQ(test_load(m, WINDOW + 0xf8, 8), 0);
    test_machine_free(m);
}

TEST(offset_without_a_register_is_0_and_told_of)
{
    struct machine *m = test_machine_new(4096);
    sample_in(m, "small=0");
    test_log_begin(LOG_GUEST_ERRORS);
    CHECK_EQ(test_load32(m, WINDOW + 0xf8), 0);
    test_store32(m, WINDOW + 0xf8, 1);
    char *text = test_log_end();
    CHECK(strstr(text, "read of 4 bytes at 0xf8: no register there"));
    CHECK(strstr(text, "write of 4 bytes at 0xf8: no register starts there"));
    mem_free(text);
    test_machine_free(m);
}

TEST(array_of_registers_has_its_stride)
{
    struct machine *m = test_machine_new(4096);
    struct sample *s = sample_in(m, "small=0");
    test_store32(m, WINDOW + 0x28, 77);
    CHECK_EQ(s->bank[1], 77);
    CHECK_EQ(test_load32(m, WINDOW + 0x30), 7);
    CHECK_EQ(test_load32(m, WINDOW + 0x24), 0);
    CHECK_EQ(test_load32(m, WINDOW + 0x38), 0);
    test_machine_free(m);
}

TEST(reset_follows_from_the_tables)
{
    struct machine *m = test_machine_new(4096);
    struct sample *s = sample_in(m, "small=4");
    s->plain = s->count = s->bank[2] = 9;
    s->kept = s->transient = 3;
    s->buffer[2] = 1;
    device_reset(&s->dev);
    CHECK_EQ(s->plain, 0x12);
    CHECK_EQ(s->bank[2], 7);
    CHECK_EQ(s->count, 0);
    CHECK_EQ(s->buffer[2], 0);
    CHECK_EQ(s->kept, 3);
    CHECK_EQ(s->transient, 3);
    test_machine_free(m);
}

TEST(saved_state_is_loaded_whole_or_not_at_all)
{
    struct machine *m = test_machine_new(4096);
    struct sample *s = sample_in(m, "small=4");
    struct strbuf state = {0};
    struct error e;
    s->wide = 1;
    s->bank[1] = 2;
    s->kept = 3;
    s->buffer[3] = 4;
    device_save(&s->dev, &state);
    device_reset(&s->dev);
    s->kept = 0;
    for (size_t n = 0; n < state.len; n++) {
        CHECK(!device_load(&s->dev, state.text, n, &e));
    }
    CHECK_EQ(s->bank[1], 7);
    CHECK_EQ(s->kept, 0);
    REQUIRE(device_load(&s->dev, state.text, state.len, &e));
    CHECK_EQ(s->wide, 1);
    CHECK_EQ(s->bank[1], 2);
    CHECK_EQ(s->kept, 3);
    CHECK_EQ(s->buffer[3], 4);
    strbuf_free(&state);
    test_machine_free(m);
}

TEST(state_of_another_device_or_size_is_refused)
{
    struct machine *m = test_machine_new(4096);
    struct device *four = test_device(m, &sample_class, "small=4", NULL);
    struct device *five = test_device(m, &sample_class, "small=5", NULL);
    struct device *uart = test_device(m, &pl011_class, NULL);
    struct strbuf state = {0};
    struct error e;
    device_save(four, &state);
    CHECK(!device_load(five, state.text, state.len, &e));
    CHECK_STR(e.text, "state of device 'sample': buffer: it has 4 elements, and here it has 5");
    CHECK(!device_load(uart, state.text, state.len, &e));
    CHECK(strstr(e.text, "it is of a 'sample'"));
    CHECK(!device_load(four, "garbage", 7, &e));
    strbuf_free(&state);
    test_machine_free(m);
}

TEST(failed_creation_leaves_nothing_behind)
{
    struct machine *m = test_machine_new(4096);
    struct device *d = device_new(&sample_class, m, "x");
    struct error e;
    CHECK(device_set(d, "refuse", "1", &e));
    CHECK(!device_create(d, &e));
    CHECK_STR(e.text, "refused");
    CHECK(!machine_find_device(m, "x"));
    device_free(d);
    d = device_new(&sample_class, m, "x");
    CHECK(device_create(d, &e));
    CHECK(machine_find_device(m, "x") == d);
    char *tree = machine_describe_tree(m);
    CHECK(strstr(tree, "bus: main-system-bus\n  type system\n  dev: sample, id \"x\"\n    text = "
                       "\"hello\"\n") == tree);
    CHECK(strstr(tree, "\n    size = 4096\n") && strstr(tree, "\n    colour = green\n") &&
          strstr(tree, "\n    addr = any\n") && strstr(tree, "\n    flag = off\n") &&
          strstr(tree, "\n    mac = 00:00:00:00:00:00\n"));
    mem_free(tree);
    device_free(d);
    CHECK(!machine_find_device(m, "x"));
    test_machine_free(m);
}

static const struct field incomplete_fields[] = {FIELD(sample, count), FIELD_END};
static const struct device_class incomplete_class = {.name = "incomplete",
                                                     .size = sizeof(struct sample),
                                                     .props = sample_props,
                                                     .regs = sample_regs,
                                                     .fields = incomplete_fields};

TEST(check_finds_bytes_that_are_in_no_table)
{
    struct error e;
    CHECK(device_check_class(&sample_class, &e));
    CHECK(!device_check_class(&incomplete_class, &e));
    CHECK(strstr(e.text, "device class 'incomplete': bytes"));
}

static bool small_check(struct device *d, struct error *e)
{
    return ((struct sample *)d)->wide != 13 || error_set(e, "wide is 13");
}

TEST(state_that_the_class_refuses_leaves_the_device_as_it_was)
{
    struct device_class picky = sample_class;
    struct machine *m = test_machine_new(4096);
    struct strbuf state = {0};
    struct error e;
    picky.check = small_check;
    struct sample *s = (struct sample *)test_device(m, &picky, "small=4", NULL);
    s->wide = 13;
    device_save(&s->dev, &state);
    s->wide = 1;
    s->bank[1] = 2;
    s->buffer[3] = 4;
    CHECK(!device_load(&s->dev, state.text, state.len, &e));
    CHECK_STR(e.text, "state of device 'sample': wide is 13");
    CHECK_EQ(s->wide, 1);
    CHECK_EQ(s->bank[1], 2);
    CHECK_EQ(s->buffer[3], 4);
    strbuf_free(&state);
    device_free(&s->dev);
    test_machine_free(m);
}

TEST(state_of_a_newer_class_is_refused)
{
    struct device_class newer = sample_class;
    struct machine *m = test_machine_new(4096);
    struct strbuf state = {0};
    struct error e;
    newer.version = 2;
    struct device *new = test_device(m, &newer, "small=4", NULL);
    struct device *old = test_device(m, &sample_class, "small=4", NULL);
    device_save(new, &state);
    CHECK(!device_load(old, state.text, state.len, &e));
    CHECK_STR(e.text, "state of device 'sample': the state is of version 2 of a 'sample', and this "
                      "program knows 1 to 1");
    strbuf_clear(&state);
    device_save(old, &state);
    CHECK(device_load(new, state.text, state.len, &e));
    strbuf_free(&state);
    device_free(new);
    test_machine_free(m);
}

TEST(paths_tell_the_devices_of_a_machine_apart)
{
    struct machine *m = test_machine_new(4096);
    test_device(m, &sample_class, "small=4", NULL);
    struct device *uart = test_device(m, &pl011_class, NULL);
    struct device *second = test_device(m, &sample_class, "small=4", NULL);
    char *path = device_path(second);
    CHECK_STR(path, "sample.1");
    mem_free(path);
    path = device_path(uart);
    CHECK_STR(path, "pl011.0");
    mem_free(path);
    test_machine_free(m);
}

/* One that ends what is under way when it settles, and raises the other one's line. */
static struct sample *told;
static unsigned settles, resumes;

static void busy_settle(struct device *d)
{
    (void)d;
    told->count++;
    settles++;
}

static void busy_resume(struct device *d)
{
    (void)d;
    resumes++;
}

TEST(no_device_is_written_before_all_have_settled)
{
    struct device_class busy = sample_class;
    struct machine *m = test_machine_new(4096);
    struct strbuf state = {0}, again = {0};
    busy.settle = busy_settle;
    busy.resume = busy_resume;
    told = (struct sample *)test_device(m, &sample_class, "small=4", NULL); /* the older one */
    struct device *d = test_device(m, &busy, "small=4", NULL);
    settles = resumes = 0;
    machine_settle(m);
    device_write(&told->dev, &state);
    CHECK_EQ(told->count, 1);
    machine_settle(m); /* once more: nothing is left to settle */
    CHECK_EQ(settles, 1);
    device_write(&told->dev, &again);
    CHECK_EQ(state.len, again.len);
    CHECK_MEM(state.text, again.text, state.len);
    machine_resume(m);
    machine_resume(m);
    CHECK_EQ(resumes, 1);
    strbuf_free(&state);
    strbuf_free(&again);
    device_free(d);
    test_machine_free(m);
}
