/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * Where a class says that locked operations may cross any boundary and go to devices, they are
 * atomic there as well: vCPUs that run in parallel lose no addition. The class is A64's, whose
 * atomics are made to demand no alignment.
 */
#include "base/bits.h"
#include "cpu/arm.h"
#include "tcg/ir.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define RAM UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x10000)
#define CODE (RAM + 0x1000)
#define ROOT (RAM + 0x2000)
#define COUNTER (RAM + 0x3000)
#define PAGE_END (RAM + 0x5ffc)      /* 8 bytes from here are on two pages */
#define LINE_END (RAM + 0x8000 + 62) /* 4 bytes from here are in two lines */
#define DEVICE UINT64_C(0x09000000)

/*
 * x0 says which vCPU this is. The MMU on. In each round: LDADD of 1 to 8 bytes at PAGE_END, and to
 * the first 4 of them; to 4 bytes at LINE_END, and to the last 2 of them; to the device's first
 * register; and to its second one by CAS, until that succeeds. The last vCPU switches off.
 */
static const uint32_t program[] = {
    0x58000541, 0xd518a201, 0x58000541, 0xd5182041, 0x58000541, 0xd5182001, 0xd5033fdf,
    0x58000521, 0xd5181001, 0xd5033fdf, 0x58000514, 0x58000535, 0x58000556, 0x58000577,
    0x910022f8, 0xd2800025, 0xd280000a, 0xf82502a6, 0xb82502a6, 0xb82502c6, 0xf82502e7,
    0x91000ad6, 0x782502c6, 0xd1000ad6, 0xf94006e8, 0x91000509, 0xaa0803eb, 0xc8e8ff09,
    0xeb0b011f, 0x54ffff61, 0xf1000694, 0x54fffe41, 0x58000341, 0x92800002, 0xf8e20023,
    0xf100047f, 0x54000081, 0x52800100, 0x72b08000, 0xd4000002, 0xd503207f, 0x17ffffff,
};

static void no_alignment(struct vcpu *v, struct ir_builder *b)
{
    arm_cpu_class.translate(v, b);
    for (unsigned i = 0; i < b->count; i++) {
        if (b->insns[i].op == IR_atomic || b->insns[i].op == IR_cas) {
            b->insns[i].imm &= ~((uint64_t)(MO_ALIGN | MO_WHOLE_IN_16) << 32);
        }
    }
}

struct rig {
    struct cpu_class cls;
    struct test_board *b;
    uint64_t registers[2];
};

static uint64_t read_register(void *opaque, uint64_t offset, unsigned size)
{
    struct rig *r = opaque;
    return size == 8 ? __atomic_load_n(&r->registers[offset / 8 & 1], __ATOMIC_RELAXED) : 0;
}

static void write_register(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct rig *r = opaque;
    if (size == 8) {
        __atomic_store_n(&r->registers[offset / 8 & 1], value, __ATOMIC_RELAXED);
    }
}

static const struct mmio_ops ops = {.read = read_register, .write = write_register, .sizes = 8};

static void add_device(struct rig *r)
{
    space_add(r->b->memory, &(struct mem_range){.base = DEVICE,
                                                .size = 0x100,
                                                .kind = RANGE_MMIO,
                                                .name = "device",
                                                .ops = &ops,
                                                .opaque = r});
}

static void put_program(struct test_board *b, uint64_t rounds)
{
    const uint64_t parameters[] = {0x04ff,                                      /* MAIR */
                                   25 | 25 << 16 | 1 << 23 | UINT64_C(2) << 32, /* TCR */
                                   ROOT,
                                   0x30d01805, /* SCTLR */
                                   rounds,
                                   PAGE_END,
                                   LINE_END,
                                   DEVICE,
                                   COUNTER};
    test_board_put_code(b, CODE, program, array_len(program));
    test_board_put_all(b, CODE + sizeof(program), parameters, array_len(parameters));
    test_board_put(b, ROOT, 0x705);
    test_board_put(b, ROOT + 8, RAM | 0x701);
    test_board_put(b, COUNTER, b->count);
}

/* NULL: by the engine that keeps nothing. */
static bool go(struct test_board *b, const struct accel_config *config, struct error *e)
{
    test_board_boot_all(b, CODE);
    return config ? test_board_go(b, config, 120, e) : test_board_go_oracle(b, UINT64_MAX);
}

static void loses_nothing(unsigned vcpus, uint64_t rounds, const struct accel_config *config)
{
    struct error e = {""};
    struct rig r = {.cls = arm_cpu_class};

    r.cls.translate = no_alignment;
    r.cls.locks_anywhere = true;
    r.b = test_board_new(&r.cls, "max", vcpus, RAM, RAM_BYTES, &e);
    REQUIRE(r.b);
    for (unsigned i = 0; i < vcpus; i++) {
        r.b->vcpus[i]->cls = &r.cls;
    }
    add_device(&r);
    rounds *= test_scale();
    put_program(r.b, rounds);
    CHECK_MSG(go(r.b, config, &e), "%s", e.text);
    const uint64_t all = vcpus * rounds;
    CHECK_EQ(load_le64(r.b->ram + (PAGE_END - RAM)), 2 * all);
    CHECK_EQ(load_le32(r.b->ram + (LINE_END - RAM)), (uint32_t)(0x10001 * all));
    CHECK_EQ(r.registers[0], all);
    CHECK_EQ(r.registers[1], all);
    test_board_free(r.b);
}

TEST(parallel_vcpus_lose_no_addition_across_a_page_a_line_or_to_a_device)
{
    loses_nothing(4, 5000, &(struct accel_config){0});
}

TEST(interpreted_parallel_vcpus_lose_no_addition)
{
    loses_nothing(4, 5000, &(struct accel_config){.interpreter = true});
}

TEST(vcpus_in_turn_lose_no_addition)
{
    loses_nothing(4, 20000, &(struct accel_config){.single_thread = true});
}

TEST(counted_vcpus_lose_no_addition)
{
    loses_nothing(2, 20000, &(struct accel_config){.counted = true, .shift = 3});
}

TEST(the_engine_that_keeps_nothing_makes_all_additions)
{
    loses_nothing(1, 1000, NULL);
}

/* ---- A64 itself */

TEST(without_leave_an_atomic_to_a_device_is_a_fault)
{
    struct error e = {""};
    struct rig r = {.b = test_board_new(&arm_cpu_class, "max", 1, RAM, RAM_BYTES, &e)};
    struct vcpu *v = r.b->vcpus[0];
    uint64_t old;

    REQUIRE(r.b);
    add_device(&r);
    v->cls->boot(v, CODE, 0);
    CHECK(!vcpu_atomic(v, DEVICE, MO_64 | v->cls->mmu_index(v) << MO_IDX_SHIFT, IR_ATOMIC_ADD, 1,
                       &old));
    CHECK_EQ(v->hot.raised, TCG_RAISED);
    CHECK_EQ(r.registers[0], 0);
    test_board_free(r.b);
}
