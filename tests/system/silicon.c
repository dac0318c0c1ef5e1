/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * What accel/ops.h has for an accelerator in the host's kernel, by one that is like it
 * (tests/support/silicon_accel.h): memory by slots, the log that it keeps, doorbells, input lines,
 * its interrupt controller, registers that are elsewhere. Its guests do what the translator's do.
 */
#include "base/atomic.h"
#include "base/bits.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cpu/state.h"
#include "memory/dirty.h"
#include "memory/doorbell.h"
#include "system/loop.h"
#include "tests/support/board.h"
#include "tests/support/silicon_accel.h"
#include "tests/support/tiny/tiny.h"
#include "tests/test.h"

#define RAM_PAGES 32u
#define RAM_BYTES (RAM_PAGES * SILICON_PAGE)
#define CODE(vcpu) (0x1000u * ((vcpu) + 1))
#define PATIENCE_NS INT64_C(20000000000)

/* A board of tiny vCPUs, with a page where the ports are. */
struct scene {
    struct test_board *b;
    struct accel_config config;
    struct accel *a;
    uint8_t *ports; /* what is there if it is memory */
};

static void open_scene(struct scene *s, const struct accel_ops *ops, unsigned vcpus)
{
    struct error e = {""};

    *s = (struct scene){.config.ops = ops, .config.cache_bytes = 8u << 20};
    s->b = test_board_new(&tiny_cpu_class, "one", vcpus, 0, RAM_BYTES, &e);
    s->ports = os_map_ram(2 * SILICON_PAGE, &e);
    assert(s->b && s->ports);
}

static void start(struct scene *s)
{
    struct error e = {""};

    for (unsigned i = 0; i < s->b->count; i++) {
        tiny_cpu_class.set_pc(s->b->vcpus[i], CODE(i));
        s->b->vcpus[i]->powered_off = false;
    }
    s->a = accel_create(&s->config, s->b->vcpus, s->b->count, test_board_exited, NULL, &e);
    assert(s->a);
    accel_start(s->a);
}

static void close_scene(struct scene *s)
{
    accel_destroy(s->a);
    test_board_free(s->b);
    os_unmap(s->ports, 2 * SILICON_PAGE);
}

static void put(struct scene *s, unsigned vcpu, const uint8_t *code, size_t n)
{
    memcpy(s->b->ram + CODE(vcpu), code, n);
}

static void map_ports(struct scene *s)
{
    space_add(s->b->memory, &(struct mem_range){.base = TINY_PORTS,
                                                .size = SILICON_PAGE,
                                                .kind = RANGE_RAM,
                                                .name = "ports",
                                                .host = s->ports});
}

static uint8_t port(struct scene *s, unsigned n)
{
    return atomic_get(&s->ports[n]);
}

static bool becomes(const uint8_t *byte, uint8_t value)
{
    const int64_t give_up = os_now_ns() + PATIENCE_NS;

    while (atomic_get(byte) != value && os_now_ns() < give_up) {
        os_sleep_until_ns(os_now_ns() + 200000);
    }
    return atomic_get(byte) == value;
}

/* A counter, which may be fast, goes on. */
static bool goes_on(const uint8_t *byte)
{
    const int64_t give_up = os_now_ns() + PATIENCE_NS;
    const uint8_t from = atomic_get(byte);

    while ((uint8_t)(atomic_get(byte) - from) < 20 && os_now_ns() < give_up) {
        os_sleep_until_ns(os_now_ns() + 200000);
    }
    return os_now_ns() < give_up;
}

static uint64_t reg(struct vcpu *v, unsigned n)
{
    uint32_t x;

    memcpy(&x, (uint8_t *)v + v->cls->regs[n].offset, sizeof(x));
    return x;
}

/* ---- registers and rounds */

/* For ever: a up by one, which goes to port 0. */
static const uint8_t counting[] = {TINY_ADD, 1, TINY_OUT, 0, TINY_LOOP, 0xfe};

TEST(registers_are_there_while_it_is_stopped)
{
    struct scene s;

    open_scene(&s, &silicon_accel, 1);
    map_ports(&s);
    put(&s, 0, counting, sizeof(counting));
    start(&s);
    CHECK(goes_on(&s.ports[0]));
    for (unsigned i = 0; i < 50; i++) {
        accel_stop(s.a);
        const uint64_t a = reg(s.b->vcpus[0], 0), pc = reg(s.b->vcpus[0], 1);
        CHECK(pc >= CODE(0) && pc < CODE(0) + sizeof(counting));
        CHECK(port(&s, 0) == (uint8_t)a || port(&s, 0) == (uint8_t)(a - 1));
        accel_start(s.a);
    }
    accel_stop(s.a);
    close_scene(&s);
}

TEST(registers_that_are_set_while_it_is_stopped_are_used)
{
    static const uint8_t code[] = {TINY_OUT, 1, TINY_WAIT, 0};
    struct scene s;

    open_scene(&s, &silicon_accel, 1);
    map_ports(&s);
    put(&s, 0, code, sizeof(code));
    start(&s);
    accel_stop(s.a);
    struct strbuf saved = {0};
    struct error e;
    vcpu_write(s.b->vcpus[0], &saved);
    tiny_cpu_class.reset(s.b->vcpus[0]);
    CHECK(vcpu_read(s.b->vcpus[0], saved.text, saved.len, vcpu_version(s.b->vcpus[0]), true, &e));
    uint32_t a = 77;
    memcpy((uint8_t *)s.b->vcpus[0] + tiny_cpu_class.regs[0].offset, &a, sizeof(a));
    tiny_cpu_class.set_pc(s.b->vcpus[0], CODE(0));
    s.b->vcpus[0]->halted = false;
    accel_start(s.a);
    CHECK(becomes(&s.ports[1], 77));
    strbuf_free(&saved);
    close_scene(&s);
}

static void look_at_registers(struct vcpu *v, const struct vcpu_work *w)
{
    uint64_t *seen = (uint64_t *)(uintptr_t)w->args[0];

    seen[0] = reg(v, 0);
    seen[1] = reg(v, 1);
}

TEST(a_job_finds_the_registers)
{
    struct scene s;
    uint64_t seen[2] = {0};

    open_scene(&s, &silicon_accel, 1);
    map_ports(&s);
    put(&s, 0, counting, sizeof(counting));
    start(&s);
    CHECK(goes_on(&s.ports[0]));
    work_run_on(s.b->vcpus[0],
                &(struct vcpu_work){.fn = look_at_registers, .args = {(uintptr_t)seen}});
    CHECK(seen[1] >= CODE(0) && seen[1] < CODE(0) + sizeof(counting));
    close_scene(&s);
}

TEST(a_vcpu_that_sleeps_outside_is_stopped_and_is_halted)
{
    static const uint8_t code[] = {TINY_SET, 1, TINY_OUT, 0, TINY_WAIT, 3,
                                   TINY_SET, 2, TINY_OUT, 0, TINY_WAIT, 31};
    struct scene s;

    open_scene(&s, &silicon_accel, 1);
    map_ports(&s);
    put(&s, 0, code, sizeof(code));
    start(&s);
    CHECK(becomes(&s.ports[0], 1));
    for (unsigned i = 0; i < 20; i++) {
        accel_stop(s.a);
        CHECK(s.b->vcpus[0]->halted);
        CHECK_EQ(reg(s.b->vcpus[0], 1), CODE(0) + 4);
        accel_start(s.a);
    }
    struct irq line = vcpu_irq(s.b->vcpus[0], 3);
    irq_set(&line, 1);
    CHECK(becomes(&s.ports[0], 2));
    close_scene(&s);
}

TEST(a_line_that_rises_while_it_is_stopped_counts)
{
    static const uint8_t code[] = {TINY_WAIT, 3, TINY_SET, 2, TINY_OUT, 0, TINY_WAIT, 31};
    struct scene s;

    open_scene(&s, &silicon_accel, 1);
    map_ports(&s);
    put(&s, 0, code, sizeof(code));
    start(&s);
    accel_stop(s.a);
    struct irq line = vcpu_irq(s.b->vcpus[0], 3);
    irq_set(&line, 1);
    accel_start(s.a);
    CHECK(becomes(&s.ports[0], 2));
    close_scene(&s);
}

TEST(code_that_is_not_there_is_a_fault)
{
    struct scene s;

    open_scene(&s, &silicon_accel, 1);
    start(&s);
    CHECK(test_board_wait(s.b, PATIENCE_NS)); /* the word 0 is no instruction */
    accel_stop(s.a);
    CHECK(s.b->ended && s.b->status == 1);
    CHECK_EQ(reg(s.b->vcpus[0], 1), CODE(0));
    close_scene(&s);
}

TEST(vcpus_in_turn_are_refused_in_words)
{
    struct error e = {""};
    struct scene s;

    open_scene(&s, &silicon_accel, 2);
    s.config.single_thread = true;
    CHECK(!accel_create(&s.config, s.b->vcpus, 2, test_board_exited, NULL, &e));
    CHECK_STR(e.text, "the accelerator silicon runs each vCPU on a thread of its own");
    test_board_free(s.b);
    os_unmap(s.ports, 2 * SILICON_PAGE);
}

/* ---- as the translator */

/*
 * The page of ports, by what was last written to port 0x7c or, where the page is all device or
 * flash, to any: RAM, ROM, I/O with RAM below, or a flash, in read mode or not. RAM and ROM leave
 * four ports to the device, so an accelerator by slots sees I/O there.
 */
struct changing {
    struct scene *s;
    const struct mem_range *base[5], *window;
    unsigned shown;
    uint64_t log; /* hash of the device's accesses */
    uint64_t accesses;
};

enum {
    SHOW_RAM,
    SHOW_OTHER_RAM,
    SHOW_ROM,
    SHOW_FLASH,
    SHOW_DEVICE
};

static void note(struct changing *c, uint64_t what)
{
    c->log = hash_mix64(c->log ^ what);
    c->accesses++;
}

static void show(struct changing *c, unsigned n)
{
    if (n == c->shown) {
        return;
    }
    struct space *m = c->s->b->memory;
    const struct mem_range next = *c->base[n], window = *c->window;
    space_begin(m);
    space_remove(m, c->base[c->shown]);
    c->base[n] = space_add(m, &next);
    if ((n < SHOW_FLASH) != (c->shown < SHOW_FLASH)) {
        if (n < SHOW_FLASH) {
            c->window = space_add(m, &window);
        } else {
            space_remove(m, c->window);
        }
    }
    space_commit(m);
    c->shown = n;
}

static uint64_t changing_read(void *opaque, uint64_t offset, unsigned size)
{
    struct changing *c = opaque;

    note(c, offset << 8 | size);
    return offset * 3 + c->accesses;
}

static void changing_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct changing *c = opaque;

    note(c, UINT64_C(1) << 32 | offset << 16 | value << 8 | size);
    show(c, (unsigned)value % 5);
}

static const struct mmio_ops changing_ops = {.read = changing_read, .write = changing_write};

static void open_changing(struct changing *c, struct scene *s)
{
    struct mem_range r = {.base = TINY_PORTS,
                          .size = SILICON_PAGE,
                          .name = "ports",
                          .ops = &changing_ops,
                          .opaque = c,
                          .host = s->ports};
    static const enum range_kind kinds[] = {RANGE_RAM, RANGE_RAM, RANGE_ROM, RANGE_ROMD,
                                            RANGE_MMIO};

    *c = (struct changing){.s = s};
    for (unsigned i = 0; i < 5; i++) {
        r.kind = kinds[i];
        r.host = i == SHOW_DEVICE ? NULL : s->ports + (i == SHOW_RAM ? 0 : SILICON_PAGE);
        c->base[i] = space_add(s->b->memory, &r);
        if (i > 0) {
            space_remove(s->b->memory, c->base[i]);
        }
    }
    r = (struct mem_range){.base = TINY_PORTS + 0x7c,
                           .size = 4,
                           .kind = RANGE_MMIO,
                           .priority = 1,
                           .name = "window",
                           .ops = &changing_ops,
                           .opaque = c};
    c->window = space_add(s->b->memory, &r);
}

/* Straight ahead, but for short loops that end: what is added is odd. */
static size_t random_program(struct rng *rng, uint8_t *code, size_t most)
{
    size_t n = 0;

    while (n + 8 < most) {
        static const uint8_t ops[] = {TINY_SET, TINY_ADD, TINY_OUT, TINY_IN, TINY_OUT, TINY_IN};
        const uint8_t op = ops[rng_below(rng, sizeof(ops))];
        uint8_t x = (uint8_t)rng_u64(rng);
        if (op == TINY_OUT || op == TINY_IN) {
            x = rng_below(rng, 3) ? x & 0x7f : 0x7c + x % 4;
        }
        code[n++] = op;
        code[n++] = x;
    }
    code[n++] = TINY_WAIT;
    code[n++] = 31;
    return n;
}

struct outcome {
    uint64_t a, pc, memory, log, accesses;
    uint8_t shown;
};

static void wait_until_halted(struct scene *s)
{
    const int64_t give_up = os_now_ns() + PATIENCE_NS;
    const uint64_t end = CODE(0) + SILICON_PAGE / 2;
    bool there = false;

    while (!there && os_now_ns() < give_up) {
        os_sleep_until_ns(os_now_ns() + 500000);
        accel_stop(s->a);
        there = s->b->vcpus[0]->halted || s->b->vcpus[0]->powered_off;
        if (!there) {
            accel_start(s->a);
        }
    }
    CHECK(there && !s->b->vcpus[0]->powered_off && reg(s->b->vcpus[0], 1) < end);
}

static struct outcome run_random(const struct accel_ops *ops, uint64_t seed, uint64_t *exits)
{
    uint8_t code[SILICON_PAGE / 2];
    struct changing c;
    struct scene s;
    struct rng rng;

    rng_seed(&rng, seed);
    open_scene(&s, ops, 1);
    rng_bytes(&rng, s.ports, 2 * SILICON_PAGE);
    open_changing(&c, &s);
    put(&s, 0, code, random_program(&rng, code, sizeof(code)));
    start(&s);
    wait_until_halted(&s);
    const struct outcome o = {.a = reg(s.b->vcpus[0], 0),
                              .pc = reg(s.b->vcpus[0], 1),
                              .memory = hash_bytes(s.ports, 2 * SILICON_PAGE),
                              .log = c.log,
                              .accesses = c.accesses,
                              .shown = (uint8_t)c.shown};
    if (exits) {
        *exits = silicon_vcpu(silicon_of(s.a), 0)->exits;
    }
    close_scene(&s);
    return o;
}

TEST(guests_that_change_the_map_do_what_the_translators_do)
{
    for (unsigned i = 0; i < 40 * test_scale(); i++) {
        uint64_t exits;
        const struct outcome want = run_random(NULL, test_seed() + i, NULL);
        const struct outcome got = run_random(&silicon_accel, test_seed() + i, &exits);
        CHECK_EQ(got.a, want.a);
        CHECK_EQ(got.pc, want.pc);
        CHECK_EQ(got.memory, want.memory);
        CHECK_EQ(got.log, want.log);
        CHECK_EQ(got.accesses, want.accesses);
        CHECK_EQ(got.shown, want.shown);
        CHECK(exits > 10);
    }
}

/* ---- slots of vCPUs that run */

/* Holes come and go in the RAM that the vCPUs run in: none of them meets one. */
TEST(ram_that_stays_is_never_missing)
{
    struct scene s;

    open_scene(&s, &silicon_accel, 3);
    map_ports(&s);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t code[sizeof(counting)];
        memcpy(code, counting, sizeof(code));
        code[3] = (uint8_t)i;
        put(&s, i, code, sizeof(code));
    }
    start(&s);
    for (unsigned n = 0; n < 300; n++) {
        const struct mem_range hole = {.base = SILICON_PAGE * (8 + n % 20),
                                       .size = SILICON_PAGE,
                                       .kind = RANGE_ROM,
                                       .priority = 1,
                                       .name = "hole",
                                       .host = s.ports + SILICON_PAGE};
        const struct mem_range *r = space_add(s.b->memory, &hole);
        space_remove(s.b->memory, r);
    }
    for (unsigned i = 0; i < 3; i++) {
        CHECK(goes_on(&s.ports[i]));
        CHECK(!s.b->vcpus[i]->powered_off);
    }
    close_scene(&s);
}

static void change_for_ever(void *opaque)
{
    struct scene *s = ((void **)opaque)[0];
    const bool *over = ((void **)opaque)[1];

    for (unsigned n = 0; !atomic_get(over); n++) {
        const struct mem_range hole = {.base = SILICON_PAGE * (8 + n % 20),
                                       .size = SILICON_PAGE,
                                       .kind = RANGE_ROM,
                                       .priority = 1,
                                       .name = "hole",
                                       .host = s->ports + SILICON_PAGE};
        space_remove(s->b->memory, space_add(s->b->memory, &hole));
        os_sleep_until_ns(os_now_ns() + 300000);
    }
}

/* vCPUs write to memory, also by devices' functions that change the map, and a log is read. */
TEST(its_log_misses_no_write_while_the_map_changes)
{
    struct scene s;
    struct os_thread changer;
    struct error e;
    bool over = false;
    uint8_t copy[SILICON_PAGE];
    unsigned dirty = 0;

    open_scene(&s, &silicon_accel, 3);
    map_ports(&s);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t code[sizeof(counting)];
        memcpy(code, counting, sizeof(code));
        code[3] = (uint8_t)(16 * i);
        put(&s, i, code, sizeof(code));
    }
    start(&s);
    void *with[] = {&s, &over};
    REQUIRE(os_thread_start(&changer, "changer", change_for_ever, with, &e));
    dirty_log_start(s.b->memory, DIRTY_MIGRATION);
    memcpy(copy, s.ports, sizeof(copy));
    uint64_t bitmap;
    for (unsigned n = 0; n < 1000; n++) {
        if (dirty_log_fetch(s.b->memory, DIRTY_MIGRATION, s.ports, SILICON_PAGE, &bitmap)) {
            memcpy(copy, s.ports, sizeof(copy));
            dirty++;
        }
        os_sleep_until_ns(os_now_ns() + 50000);
        if (n % 100 == 50) {
            accel_stop(s.a);
            if (dirty_log_fetch(s.b->memory, DIRTY_MIGRATION, s.ports, SILICON_PAGE, &bitmap)) {
                memcpy(copy, s.ports, sizeof(copy));
            }
            CHECK_MEM(copy, s.ports, sizeof(copy));
            CHECK(!dirty_log_fetch(s.b->memory, DIRTY_MIGRATION, s.ports, SILICON_PAGE, &bitmap));
            accel_start(s.a);
        }
    }
    atomic_set(&over, true);
    os_thread_join(&changer);
    CHECK(dirty > 100);
    dirty_log_stop(s.b->memory, DIRTY_MIGRATION);
    close_scene(&s);
}

/* ---- doorbells */

static uint64_t no_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void count_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)offset, (void)value, (void)size;
    atomic_add((uint64_t *)opaque, 1);
}

/* By an accelerator that rings by itself, and by the translator, for which the program rings. */
TEST(a_guest_rings)
{
    static const uint8_t code[] = {TINY_SET, 5, TINY_OUT, 0x10, TINY_SET,  6, TINY_OUT, 0x10,
                                   TINY_SET, 0, TINY_OUT, 0x20, TINY_WAIT, 31};
    static const struct mmio_ops ops = {.read = no_read, .write = count_write};
    static const struct accel_ops *const all[] = {NULL, &silicon_accel};

    for (unsigned i = 0; i < 2; i++) {
        struct scene s;
        struct error e;
        uint64_t writes = 0;
        open_scene(&s, all[i], 1);
        const struct mem_range *r = space_add(s.b->memory, &(struct mem_range){.base = TINY_PORTS,
                                                                               .size = 0x80,
                                                                               .kind = RANGE_MMIO,
                                                                               .name = "device",
                                                                               .ops = &ops,
                                                                               .opaque = &writes});
        const struct doorbell bell = {
            .offset = 0x10, .size = 1, .value = 5, .event = os_event_create(&e)};
        doorbell_add(s.b->memory, r, &bell);
        put(&s, 0, code, sizeof(code));
        start(&s);
        wait_until_halted(&s);
        CHECK(os_event_take(bell.event));
        CHECK_EQ(writes, 2);
        if (i == 1) {
            const struct silicon_vcpu *v = silicon_vcpu(silicon_of(s.a), 0);
            CHECK(v->exits >= 3); /* two writes, and the stop */
        }
        doorbell_remove(s.b->memory, r, &bell);
        os_event_close(bell.event);
        close_scene(&s);
    }
}

/* ---- the interrupt controller */

/* For ever: takes a vector, which goes to port 0; then port 1 counts. */
static const uint8_t taking[] = {TINY_WAIT, 0xff, TINY_OUT, 0, TINY_IN,   1,   TINY_ADD, 1,
                                 TINY_OUT,  1,    TINY_SET, 1, TINY_LOOP, 0xfa};

static void open_taking(struct scene *s)
{
    open_scene(s, &silicon_accel, 1);
    map_ports(s);
    put(s, 0, taking, sizeof(taking));
    start(s);
}

TEST(devices_raise_inputs_of_its_controller)
{
    struct scene s;

    open_taking(&s);
    CHECK_EQ(accel_irq_lines(s.a), SILICON_LINES);
    const struct irq edge = accel_irq(s.a, 2), level = accel_irq(s.a, 6);
    irq_pulse(&edge);
    CHECK(becomes(&s.ports[1], 1));
    CHECK_EQ(port(&s, 0), 2);
    irq_set(&level, 1);
    CHECK(goes_on(&s.ports[1])); /* as long as it is up */
    irq_set(&level, 0);
    CHECK_EQ(port(&s, 0), 6);
    const struct accel_msi good = {.address = SILICON_MSI, .data = 33};
    const struct accel_msi bad = {.address = SILICON_MSI, .data = SILICON_VECTORS};
    const struct accel_msi other = {.address = 0x1000, .data = 33};
    CHECK(accel_send_msi(s.a, &good));
    CHECK(becomes(&s.ports[0], 33));
    CHECK(!accel_send_msi(s.a, &bad) && !accel_send_msi(s.a, &other));
    close_scene(&s);
}

TEST(an_event_is_an_interrupt_without_the_programs_help)
{
    struct scene s;
    struct error e = {""};
    struct loop *l = loop_create();

    open_taking(&s);
    const struct irq line = accel_irq(s.a, 1);
    const struct irq_event by_line = {.event = os_event_create(&e), .resample = -1, .line = &line};
    const struct irq_event by_message = {.event = os_event_create(&e),
                                         .resample = -1,
                                         .msi = {.address = SILICON_MSI, .data = 40},
                                         .memory = s.b->memory};
    struct irq_binding *first = accel_bind_irq(s.a, l, &by_line, &e);
    struct irq_binding *second = accel_bind_irq(s.a, l, &by_message, &e);
    REQUIRE(first && second);
    os_event_signal(by_line.event);
    CHECK(becomes(&s.ports[0], 1));
    os_event_signal(by_message.event);
    CHECK(becomes(&s.ports[0], 40));
    accel_unbind_irq(first);
    accel_unbind_irq(second);
    const uint8_t taken = port(&s, 1);
    os_event_signal(by_line.event);
    os_event_signal(by_message.event);
    os_sleep_until_ns(os_now_ns() + 5000000);
    CHECK_EQ(port(&s, 1), taken);
    CHECK(os_event_take(by_line.event) && os_event_take(by_message.event));
    os_event_close(by_line.event);
    os_event_close(by_message.event);
    close_scene(&s);
    loop_destroy(l);
}

TEST(lines_for_messages_are_given_back)
{
    struct scene s;
    struct error e = {""};
    struct loop *l = loop_create();

    open_taking(&s);
    for (unsigned i = 0; i < 5 * SILICON_LINES; i++) {
        const struct irq_event event = {.event = os_event_create(&e),
                                        .resample = -1,
                                        .msi = {.address = SILICON_MSI, .data = 8 + i % 50},
                                        .memory = s.b->memory};
        struct irq_binding *b = accel_bind_irq(s.a, l, &event, &e);
        REQUIRE(b);
        os_event_signal(event.event);
        CHECK(becomes(&s.ports[0], (uint8_t)(8 + i % 50)));
        accel_unbind_irq(b);
        os_event_close(event.event);
    }
    close_scene(&s);
    loop_destroy(l);
}

TEST(a_level_falls_when_it_is_taken_and_says_so)
{
    struct scene s;
    struct error e = {""};
    struct loop *l = loop_create();

    open_taking(&s);
    const struct irq line = accel_irq(s.a, 7);
    const struct irq_event event = {
        .event = os_event_create(&e), .resample = os_event_create(&e), .line = &line};
    struct irq_binding *b = accel_bind_irq(s.a, l, &event, &e);
    REQUIRE(b);
    for (uint8_t i = 1; i <= 20; i++) {
        os_event_signal(event.event); /* the device still wants it */
        CHECK(os_event_wait(event.resample, PATIENCE_NS) && os_event_take(event.resample));
        CHECK(becomes(&s.ports[1], i));
    }
    CHECK_EQ(port(&s, 0), 7);
    accel_unbind_irq(b);
    os_event_close(event.event);
    os_event_close(event.resample);
    close_scene(&s);
    loop_destroy(l);
}

TEST(the_state_of_its_controller_is_bytes)
{
    struct scene s;
    struct error e = {""};
    struct strbuf state = {0}, again = {0};

    open_taking(&s);
    accel_stop(s.a);
    const struct irq edge = accel_irq(s.a, 3), level = accel_irq(s.a, 5);
    irq_pulse(&edge);
    accel_irq_write(s.a, &state);
    CHECK_EQ(state.len, 12);
    irq_set(&level, 1);
    struct cursor c;
    cursor_init(&c, state.text, state.len);
    CHECK(accel_irq_read(s.a, &c, false, &e) && cursor_left(&c) == 0);
    cursor_init(&c, state.text, state.len);
    CHECK(accel_irq_read(s.a, &c, true, &e));
    accel_irq_write(s.a, &again);
    CHECK(again.len == state.len && memcmp(again.text, state.text, state.len) == 0);
    cursor_init(&c, state.text, state.len - 1);
    CHECK(!accel_irq_read(s.a, &c, false, &e));
    CHECK_STR(e.text, "the state of the interrupt controller is too short");
    accel_start(s.a);
    CHECK(becomes(&s.ports[1], 1));
    CHECK_EQ(port(&s, 0), 3);
    strbuf_free(&state);
    strbuf_free(&again);
    close_scene(&s);
}

/* ---- the same by the program, for an accelerator without a controller */

struct heard {
    unsigned rises;
    int level;
};

static void hear(void *opaque, int line, int level)
{
    struct heard *h = opaque;

    (void)line;
    h->rises += level > h->level;
    h->level = level;
}

static void message_written(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    *(uint64_t *)opaque = offset << 32 | value << 8 | size;
}

TEST(an_event_is_an_interrupt_of_whatever_controller)
{
    static const struct mmio_ops ops = {.read = no_read, .write = message_written};
    struct scene s;
    struct error e = {""};
    struct loop *l = loop_create();
    struct heard h = {.rises = 0};
    uint64_t message = 0;

    open_scene(&s, NULL, 1);
    s.config.ops = NULL;
    start(&s);
    CHECK_EQ(accel_irq_lines(s.a), 0);
    space_add(s.b->memory, &(struct mem_range){.base = 0x8000000,
                                               .size = 0x1000,
                                               .kind = RANGE_MMIO,
                                               .name = "messages",
                                               .ops = &ops,
                                               .opaque = &message});
    const struct irq line = {.set = hear, .opaque = &h};
    const struct irq_event by_line = {.event = os_event_create(&e), .resample = -1, .line = &line};
    const struct irq_event by_message = {.event = os_event_create(&e),
                                         .resample = -1,
                                         .msi = {.address = 0x8000040, .data = 0x77},
                                         .memory = s.b->memory};
    struct irq_binding *first = accel_bind_irq(s.a, l, &by_line, &e);
    struct irq_binding *second = accel_bind_irq(s.a, l, &by_message, &e);
    REQUIRE(first && second);
    os_event_signal(by_line.event);
    os_event_signal(by_message.event);
    for (unsigned i = 0; i < 100 && (!h.rises || !message); i++) {
        loop_turn(l, 10);
    }
    CHECK(h.rises == 1 && h.level == 0);
    CHECK_EQ(message, UINT64_C(0x40) << 32 | 0x7704);
    accel_unbind_irq(first);
    accel_unbind_irq(second);
    const struct irq_event with_resample = {.event = by_line.event, .resample = 0, .line = &line};
    CHECK(!accel_bind_irq(s.a, l, &with_resample, &e));
    CHECK_STR(e.text, "the interrupt controller does not tell when an interrupt is taken");
    os_event_close(by_line.event);
    os_event_close(by_message.event);
    close_scene(&s);
    loop_destroy(l);
}
