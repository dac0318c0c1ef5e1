/* SPDX-License-Identifier: MIT */
/* What a device refuses is an exception of the guest's, at that instruction. */
#include "base/bits.h"
#include "cpu/arm.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define RAM UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x10000)
#define CODE (RAM + 0x1000)
#define VECTORS (RAM + 0x2000)
#define DEVICE UINT64_C(0x09000000)

/* x0 is the device: a load at 4, which is good, into w2; a load at 0 into w3; a store at 0. */
static const uint32_t program[] = {0x58000181, 0xd518c001, 0xd5033fdf, 0xb9400402, 0xb9400003,
                                   0xb9000002, 0x52800100, 0x72b08000, 0xd4000002, 0xd503207f,
                                   0x17ffffff, 0xd503201f, VECTORS,    0};
/* ESR is added to x4, FAR to x5, 1 to x7; goes on behind the instruction. */
static const uint32_t handler[] = {0xd5385208, 0x8b080084, 0xd5386008, 0x8b0800a5, 0xd5384026,
                                   0x910010c6, 0xd5184026, 0x910004e7, 0xd69f03e0};

static bool load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                 uint64_t *value)
{
    struct requester *seen = opaque;

    *seen = *by;
    *value = 0x1230 + size;
    return offset != 0;
}

static bool store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                  uint64_t value)
{
    return load(opaque, by, offset, size, &value);
}

static const struct mmio_ops ops = {.load = load, .store = store};

static struct test_board *board(struct requester *seen, struct error *e)
{
    struct test_board *b = test_board_new(&arm_cpu_class, "max", 1, RAM, RAM_BYTES, e);

    if (b) {
        test_board_put_code(b, CODE, program, array_len(program));
        test_board_put_code(b, VECTORS + 0x200, handler, array_len(handler));
        space_add(b->memory, &(struct mem_range){.base = DEVICE,
                                                 .size = 0x100,
                                                 .kind = RANGE_MMIO,
                                                 .name = "device",
                                                 .ops = &ops,
                                                 .opaque = seen});
        b->vcpus[0]->cls->boot(b->vcpus[0], CODE, DEVICE);
    }
    return b;
}

static uint64_t x(const struct test_board *b, unsigned i)
{
    const struct vcpu *v = b->vcpus[0];
    uint64_t value;

    memcpy(&value, (const char *)v + v->cls->regs[i].offset, 8);
    return value;
}

#define ESR_LOAD UINT64_C(0x96000010) /* data abort of this level, external */
#define ESR_STORE (ESR_LOAD | 0x40)

/* NULL: by the engine that keeps nothing. */
static void run(const struct accel_config *config)
{
    struct error e = {""};
    struct requester seen = {.id = 99};
    struct test_board *b = board(&seen, &e);

    REQUIRE(b);
    if (config) {
        CHECK_MSG(test_board_go(b, config, 30, &e), "%s", e.text);
    } else {
        test_board_go_oracle(b, 1000);
    }
    CHECK_EQ(x(b, 2), 0x1234);
    CHECK_EQ(x(b, 3), 0);
    CHECK_EQ(x(b, 7), 2);
    CHECK_EQ(x(b, 4) & 0xffffffff, (ESR_LOAD + ESR_STORE) & 0xffffffff);
    CHECK_EQ(x(b, 5), 2 * DEVICE);
    CHECK(seen.id == 0 && !seen.user && !seen.device);
    test_board_free(b);
}

TEST(what_a_device_refuses_is_an_external_abort_in_host_code)
{
    run(&(struct accel_config){0});
}

TEST(what_a_device_refuses_is_an_external_abort_in_the_interpreter)
{
    run(&(struct accel_config){.interpreter = true});
}

TEST(what_a_device_refuses_is_an_external_abort_where_nothing_is_kept)
{
    run(NULL);
}
