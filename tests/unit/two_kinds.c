/* SPDX-License-Identifier: MIT */
/* CPUs of two architectures over one memory: each kind has its accelerator. */
#include "accel/accel.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cpu/arm.h"
#include "tests/support/tiny/tiny.h"
#include "tests/test.h"

enum {
    RAM_BYTES = 0x10000,
    TINY_CODE = 0x1000,
    ARM_CODE = 0x2000
};

struct two {
    struct space *memory;
    struct clock *clock;
    uint8_t *ram, *ports; /* the second at TINY_PORTS, where tiny's stores go */
    struct vcpu *tiny, *arm;
};

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

static struct vcpu *add(struct two *t, const struct cpu_class *cls, const char *model, uint64_t pc)
{
    struct error e;
    struct vcpu *v = cls->create(model, 0, &e);
    v->memory = t->memory;
    v->clock = t->clock;
    cls->reset(v);
    cls->set_pc(v, pc);
    return v;
}

static void begin(struct two *t)
{
    static const uint8_t tiny_code[] = {TINY_SET, 41, TINY_OUT, 0, TINY_SET, 1, TINY_LOOP, 0};
    static const uint32_t arm_code[] = {
        0x52b00001, /* movz w1, #0x8000, lsl #16 */
        0x39400020, /* 1: ldrb w0, [x1] */
        0x34ffffe0, /* cbz w0, 1b */
        0x11000400, /* add w0, w0, #1 */
        0x39000420, /* strb w0, [x1, #1] */
        0x14000000, /* b . */
    };
    struct error e;
    t->memory = space_create("memory");
    t->clock = clock_manual_create();
    t->ram = os_map_ram(RAM_BYTES, &e);
    t->ports = os_map_ram(RAM_BYTES, &e);
    space_add(t->memory, &(struct mem_range){
                             .size = RAM_BYTES, .kind = RANGE_RAM, .name = "ram", .host = t->ram});
    space_add(t->memory, &(struct mem_range){.base = TINY_PORTS,
                                             .size = RAM_BYTES,
                                             .kind = RANGE_RAM,
                                             .name = "shared",
                                             .host = t->ports});
    memcpy(t->ram + TINY_CODE, tiny_code, sizeof(tiny_code));
    memcpy(t->ram + ARM_CODE, arm_code, sizeof(arm_code));
    t->tiny = add(t, &tiny_cpu_class, "one", TINY_CODE);
    t->arm = add(t, &arm_cpu_class, "max", ARM_CODE);
}

static void end(struct two *t)
{
    t->tiny->cls->destroy(t->tiny);
    t->arm->cls->destroy(t->arm);
    space_destroy(t->memory);
    clock_destroy(t->clock);
    os_unmap(t->ram, RAM_BYTES);
    os_unmap(t->ports, RAM_BYTES);
}

/* tiny hands a number over, and the other adds 1. */
static void run(bool interpreter)
{
    const struct accel_config config = {.interpreter = interpreter};
    struct two t;
    struct error e;
    begin(&t);
    struct accel *first = accel_create(&config, &t.tiny, 1, exited, NULL, &e);
    struct accel *second = accel_create(&config, &t.arm, 1, exited, NULL, &e);
    REQUIRE(first && second);
    accel_start(second);
    accel_start(first);
    const int64_t give_up = os_now_ns() + INT64_C(20000000000);
    while (__atomic_load_n(&t.ports[1], __ATOMIC_ACQUIRE) == 0 && os_now_ns() < give_up) {
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    accel_stop(first);
    accel_stop(second);
    CHECK_EQ(t.ports[0], 41);
    CHECK_EQ(t.ports[1], 42);
    CHECK_EQ(t.tiny->cls->pc(t.tiny), TINY_CODE + 6);
    CHECK_EQ(t.arm->cls->pc(t.arm), ARM_CODE + 20);
    accel_destroy(second);
    accel_destroy(first);
    end(&t);
}

TEST(cpus_of_two_kinds_run_side_by_side)
{
    run(false);
}

TEST(cpus_of_two_kinds_are_interpreted_side_by_side)
{
    run(true);
}

TEST(one_accelerator_refuses_two_kinds)
{
    const struct accel_config config = {0};
    struct two t;
    struct error e;
    begin(&t);
    struct vcpu *both[] = {t.arm, t.tiny};
    CHECK(accel_create(&config, both, 2, exited, NULL, &e) == NULL);
    CHECK_STR(e.text, "vCPUs of the kinds 'arm' and 'tiny' need an accelerator each");
    end(&t);
}

/* The Arm code waits in a loop, of which tiny changes a byte. */
TEST(code_of_one_kind_sees_what_the_other_writes)
{
    static const uint8_t tiny_code[] = {TINY_SET, 0x20, TINY_OUT, 0x40, TINY_SET, 1, TINY_LOOP, 0};
    static const uint32_t arm_code[] = {
        0x52b00001, /* movz w1, #0x8000, lsl #16 */
        0xaa0103e2, /* mov x2, x1 */
        0x91010042, /* add x2, x2, #0x40 */
        0x52800023, /* movz w3, #1 */
        0x39000823, /* strb w3, [x1, #2] */
        0xd61f0040, /* br x2 */
    };
    static const uint32_t arm_loop[] = {
        0x52800000, /* 1: movz w0, #0, which becomes 1 */
        0x34ffffe0, /* cbz w0, 1b */
        0x39000420, /* strb w0, [x1, #1] */
        0x14000000, /* b . */
    };
    const struct accel_config config = {.track_code = ACCEL_TRACK_ON};
    const int64_t give_up = os_now_ns() + INT64_C(20000000000);
    struct two t;
    struct error e;
    begin(&t);
    memcpy(t.ram + TINY_CODE, tiny_code, sizeof(tiny_code));
    memcpy(t.ram + ARM_CODE, arm_code, sizeof(arm_code));
    memcpy(t.ports + 0x40, arm_loop, sizeof(arm_loop));
    struct accel *first = accel_create(&config, &t.tiny, 1, exited, NULL, &e);
    struct accel *second = accel_create(&config, &t.arm, 1, exited, NULL, &e);
    REQUIRE(first && second);
    accel_start(second);
    for (unsigned i = 1; i <= 2; i++) {
        while (__atomic_load_n(&t.ports[3 - i], __ATOMIC_ACQUIRE) == 0 && os_now_ns() < give_up) {
            os_sleep_until_ns(os_now_ns() + 1000000);
        }
        if (i == 1) {
            accel_start(first);
        }
    }
    accel_stop(first);
    accel_stop(second);
    CHECK_EQ(t.ports[1], 1);
    accel_destroy(second);
    accel_destroy(first);
    end(&t);
}
