/* SPDX-License-Identifier: MIT */
/*
 * A vCPU with several spaces of physical addresses. The class is A64's, but for page walks: what
 * is mapped at the second GiB is in another memory, and the accesses of LDTR and STTR, which have
 * an MMU index of their own, go to ports.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "cpu/arm.h"
#include "memory/dirty.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define RAM UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x10000)
#define CODE (RAM + 0x1000)
#define ROOT (RAM + 0x2000)
#define DATA (RAM + 0x3000)
#define FUNCTION (RAM + 0x4000)
#define DEVICE (RAM + 0x8000)      /* in the other memory */
#define OTHER UINT64_C(0x40000000) /* from an address to the one that shows the other memory */

enum {
    SPACE_OTHER = 1,
    SPACE_PORTS
};

/*
 * The MMU on. Writes 1 and 2 at DATA, reads them into x1 and x2; LDADD of 3 to the other one. Calls
 * both functions a hundred times, and sums what they return in x25. Makes the other one, by its
 * address, return something else, and calls both (x4, x5). Reads DEVICE in both (x6, x7), writes
 * to the other one. Writes port 0x60, reads it (x8), and port 0x64 (x9).
 */
static const uint32_t program[] = {
    0x58000741, 0xd518a201, 0x58000741, 0xd5182041, 0x58000741, 0xd5182001, 0xd5033fdf, 0x58000721,
    0xd5181001, 0xd5033fdf, 0x58000713, 0x58000734, 0xd2800020, 0xf9000260, 0xd2800040, 0xf9000280,
    0xf9400261, 0xf9400282, 0xd2800060, 0xf8200280, 0x58000655, 0x58000676, 0xd2800019, 0xd2800c9a,
    0xd63f02a0, 0x8b030339, 0xd63f02c0, 0x8b034339, 0xf100075a, 0x54ffff61, 0x18000606, 0xb90002c6,
    0xd50b7b36, 0xd5033b9f, 0xd50b7536, 0xd5033b9f, 0xd5033fdf, 0xd63f02a0, 0xaa0303e4, 0xd63f02c0,
    0xaa0303e5, 0x58000437, 0xb94002e6, 0x58000437, 0xb94002e7, 0xb90006e7, 0xd2800c0b, 0x52800b4c,
    0x3800096c, 0x38400968, 0xd2800c8b, 0x78400969, 0x52800100, 0x72b08000, 0xaa0003ea, 0xd4000002,
    0xd503207f, 0x17ffffff,
};

static const uint64_t parameters[] = {
    0x04ff,                                      /* MAIR */
    25 | 25 << 16 | 1 << 23 | UINT64_C(2) << 32, /* TCR */
    ROOT,
    0x30d01805, /* SCTLR */
    DATA,
    DATA + OTHER,
    FUNCTION,
    FUNCTION + OTHER,
    DEVICE,
    DEVICE + OTHER,
    0xd2800003 | 30 << 5, /* mov x3, #30 */
};

static bool walk(struct vcpu *v, uint64_t va, enum access a, unsigned idx, struct translation *tr,
                 uint64_t *fault)
{
    if (idx == v->cls->mmu_index_user(v)) {
        *tr = (struct translation){.pa = vcpu_address_in(SPACE_PORTS, va & 0xffff),
                                   .page_bits = GUEST_PAGE_BITS,
                                   .read = true,
                                   .write = true,
                                   .global = true,
                                   .device = true};
        return true;
    }
    if (!arm_cpu_class.walk(v, va, a, idx, tr, fault)) {
        return false;
    }
    if (va >= RAM + OTHER) {
        tr->pa = vcpu_address_in(SPACE_OTHER, tr->pa);
    }
    return true;
}

/* ---- the machine */

struct rig {
    struct cpu_class cls;
    struct test_board *b;
    uint8_t *other;
    uint64_t device_value;
    uint8_t port;
};

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque;
    return offset == 0 && size == 4 ? 0x600d : 0;
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct rig *r = opaque;
    r->device_value = offset == 4 && size == 4 ? value : 0;
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct rig *r = opaque;
    return size == 1 ? r->port ^ 0xffu : 0x1000 + offset;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct rig *r = opaque;
    r->port = offset == 0x60 && size == 1 ? (uint8_t)value : 0;
}

static const struct mmio_ops device_ops = {.read = device_read, .write = device_write};
static const struct mmio_ops port_ops = {.read = port_read, .write = port_write};

static void put_function(uint8_t *memory, uint32_t result)
{
    store_le32(memory + (FUNCTION - RAM), 0xd2800003 | result << 5); /* mov x3, #result */
    store_le32(memory + (FUNCTION - RAM) + 4, 0xd65f03c0);
}

static void put_program(struct rig *r)
{
    test_board_put_code(r->b, CODE, program, array_len(program));
    test_board_put_all(r->b, CODE + sizeof(program), parameters, array_len(parameters));
    test_board_put(r->b, ROOT + 8, RAM | 0x701);
    test_board_put(r->b, ROOT + 16, RAM | 0x701);
    put_function(r->b->ram, 10);
    put_function(r->other, 20);
}

static void rig_init(struct rig *r, struct error *e)
{
    static const char *const names[] = {"other", "ports", NULL};

    r->cls = arm_cpu_class;
    r->cls.walk = walk;
    r->cls.walk_leaf = NULL;
    r->cls.spaces = names;
    r->other = os_map_ram(RAM_BYTES, e);
    r->b = test_board_new(&r->cls, "max", 1, RAM, RAM_BYTES, e);
    if (!r->b || !r->other) {
        return;
    }
    r->b->vcpus[0]->cls = &r->cls;
    space_add(
        r->b->spaces[SPACE_OTHER],
        &(struct mem_range){
            .base = RAM, .size = RAM_BYTES, .kind = RANGE_RAM, .name = "other", .host = r->other});
    space_add(r->b->spaces[SPACE_OTHER], &(struct mem_range){.base = DEVICE,
                                                             .size = 0x100,
                                                             .kind = RANGE_MMIO,
                                                             .priority = 1,
                                                             .name = "device",
                                                             .ops = &device_ops,
                                                             .opaque = r});
    space_add(r->b->spaces[SPACE_PORTS], &(struct mem_range){.base = 0,
                                                             .size = 0x10000,
                                                             .kind = RANGE_MMIO,
                                                             .name = "ports",
                                                             .ops = &port_ops,
                                                             .opaque = r});
    put_program(r);
}

static uint64_t x(const struct rig *r, unsigned i)
{
    const struct vcpu *v = r->b->vcpus[0];
    uint64_t value;

    memcpy(&value, (const char *)v + v->cls->regs[i].offset, 8);
    return value;
}

static void check_results(const struct rig *r)
{
    CHECK_EQ(x(r, 1), 1);
    CHECK_EQ(x(r, 2), 2);
    CHECK_EQ(load_le64(r->b->ram + (DATA - RAM)), 1);
    CHECK_EQ(load_le64(r->other + (DATA - RAM)), 5);
    CHECK_EQ(x(r, 25), 1000 + (UINT64_C(2000) << 16));
    CHECK_EQ(x(r, 4), 10);
    CHECK_EQ(x(r, 5), 30);
    CHECK_EQ(x(r, 6), 0);
    CHECK_EQ(x(r, 7), 0x600d);
    CHECK_EQ(r->device_value, 0x600d);
    CHECK_EQ(x(r, 8), 0x5a ^ 0xff);
    CHECK_EQ(x(r, 9), 0x1064);
}

/* NULL: by the engine that keeps nothing. */
static void run(const struct accel_config *config)
{
    struct error e = {""};
    struct rig r = {.b = NULL};

    rig_init(&r, &e);
    REQUIRE(r.b && r.other);
    if (config) {
        CHECK_MSG(test_board_run(r.b, config, CODE, 30, &e), "%s", e.text);
    } else {
        r.cls.boot(r.b->vcpus[0], CODE, 0);
        CHECK(test_board_go_oracle(r.b, 10000));
    }
    check_results(&r);
    test_board_free(r.b);
    os_unmap(r.other, RAM_BYTES);
}

TEST(host_code_reaches_each_space)
{
    run(&(struct accel_config){0});
}

TEST(movable_host_code_reaches_each_space)
{
    run(&(struct accel_config){.movable = ACCEL_MOVABLE_ALWAYS});
}

TEST(the_interpreter_reaches_each_space)
{
    run(&(struct accel_config){.interpreter = true});
}

TEST(the_engine_that_keeps_nothing_reaches_each_space)
{
    run(NULL);
}

TEST(tracked_code_of_each_space_is_its_own)
{
    run(&(struct accel_config){.track_code = ACCEL_TRACK_ON});
}

/* ---- what it shows, others see */

TEST(a_log_of_one_space_sees_writes_by_the_other)
{
    struct error e = {""};
    struct rig r = {.b = NULL};
    uint64_t bitmap = 0;

    rig_init(&r, &e);
    REQUIRE(r.b && r.other);
    struct space *s = r.b->memory;
    dirty_log_start(s, DIRTY_MIGRATION);
    CHECK(!dirty_log_fetch(s, DIRTY_MIGRATION, r.other, RAM_BYTES, &bitmap));
    CHECK(space_store(r.b->spaces[SPACE_OTHER], RAM + 0x5008, 4, 1));
    CHECK(dirty_log_fetch(s, DIRTY_MIGRATION, r.other, RAM_BYTES, &bitmap));
    CHECK_EQ(bitmap, 1 << 5);
    CHECK(!dirty_log_fetch(s, DIRTY_MIGRATION, r.b->ram, RAM_BYTES, &bitmap));
    dirty_log_stop(s, DIRTY_MIGRATION);
    test_board_free(r.b);
    os_unmap(r.other, RAM_BYTES);
}
