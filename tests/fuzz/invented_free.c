/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 120 */
/*
 * Code of the invented architecture that is written while it runs, by another vCPU or by a device,
 * without maintenance. It comes in versions: each of two functions gives a number, which the writer
 * makes greater, first of one, then of the other. Whoever calls the second and then the first sees
 * numbers that some order of the writes allows: none becomes less, and the first is not behind.
 */
#include "base/bits.h"
#include "tests/invented/program.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define VERSIONS 2000
#define READER 0x1000u
#define WRITER 0x2000u
#define FIRST 0x4ffeu  /* the number is on the next page */
#define SECOND 0x6002u /* and here on the same */
#define DONE_PORT 4u

/* ---- assembling */

struct out {
    uint8_t *p;
};

static void half(struct out *o, unsigned x)
{
    store_be16(o->p, (uint16_t)x);
    o->p += 2;
}

static void two(struct out *o, unsigned op, unsigned r1, unsigned r2)
{
    half(o, op << 8 | r1 << 4 | r2);
}

static void four(struct out *o, unsigned op, unsigned regs, int imm)
{
    half(o, op << 8 | regs);
    half(o, (uint16_t)imm);
}

static void movi(struct out *o, unsigned r, uint32_t imm)
{
    half(o, 0xc000 | r << 4);
    half(o, imm >> 16);
    half(o, imm & 0xffff);
}

/* To p if r stands so to imm. */
static void compare(struct out *o, unsigned r, unsigned cond, int imm, const uint8_t *p)
{
    const int64_t off = (p - o->p) / 2;
    half(o, 0xc400 | r << 4 | cond);
    half(o, (uint16_t)imm);
    half(o, (uint16_t)off);
}

enum {
    MOV = 0x01,
    SUB = 0x03,
    RET = 0x12,
    ADDI = 0x40,
    ST32 = 0x4b,
    CALL = 0x51,
    BRCT = 0x52,
    POUT = 0x62,
    NE = 3,
    SGE = 5
};

static void call(struct out *o, const uint8_t *ram, unsigned goal)
{
    four(o, CALL, 14 << 4, ((int)goal - (int)(o->p - ram)) / 2);
}

/* Adds 1 to r5 unless r4 is 0 or more. */
static void must_not_be_negative(struct out *o)
{
    compare(o, 4, SGE, 0, o->p + 10);
    four(o, ADDI, 0x55, 1);
}

/* r7: the second's number, r5: what was wrong, r8: rounds. */
static void reader(uint8_t *ram)
{
    struct out o = {ram + READER};
    const uint8_t *loop = o.p;

    call(&o, ram, SECOND);
    two(&o, MOV, 3, 1);
    call(&o, ram, FIRST);
    two(&o, MOV, 4, 1);
    two(&o, SUB, 4, 3);
    must_not_be_negative(&o);
    two(&o, MOV, 4, 3);
    two(&o, SUB, 4, 7);
    must_not_be_negative(&o);
    two(&o, MOV, 7, 3);
    four(&o, ADDI, 0x88, 1);
    compare(&o, 7, NE, VERSIONS, loop);
    four(&o, POUT, 0x70 | 13, DONE_PORT);
    compare(&o, 7, SGE, 0, o.p);
}

static void function(uint8_t *p)
{
    struct out o = {p};

    movi(&o, 1, 0);
    two(&o, RET, 0, 14);
}

static void writer(uint8_t *ram)
{
    struct out o = {ram + WRITER};

    movi(&o, 2, FIRST + 2);
    movi(&o, 3, SECOND + 2);
    const uint8_t *loop = o.p;
    four(&o, ADDI, 0x11, 1);
    four(&o, ST32, 0x12, 0);
    movi(&o, 12, 3000);
    four(&o, BRCT, 12 << 4, 0);
    four(&o, ST32, 0x13, 0);
    compare(&o, 1, NE, VERSIONS, loop);
    compare(&o, 1, SGE, 0, o.p);
}

/* ---- running */

static uint64_t read_port(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void write_port(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct test_board *b = opaque;

    (void)value, (void)size;
    os_mutex_lock(&b->lock);
    b->ended = offset == DONE_PORT;
    os_cond_signal(&b->changed);
    os_mutex_unlock(&b->lock);
}

static const struct mmio_ops ports = {.read = read_port, .write = write_port};

static struct test_board *board_new(unsigned vcpus)
{
    struct error e;
    struct test_board *b = test_board_new(&inv_cpu_class, "", vcpus, 0, INV_RAM_BYTES, &e);

    if (!b) {
        return NULL;
    }
    space_add(b->spaces[1], &(struct mem_range){.size = INV_PORT_BYTES,
                                                .kind = RANGE_MMIO,
                                                .name = "ports",
                                                .ops = &ports,
                                                .opaque = b});
    reader(b->ram);
    writer(b->ram);
    function(b->ram + FIRST);
    function(b->ram + SECOND);
    for (unsigned i = 0; i < vcpus; i++) {
        inv_cpu(b->vcpus[i])->pc = i ? WRITER : READER;
        b->vcpus[i]->powered_off = false;
    }
    return b;
}

static void check_reader(const struct test_board *b)
{
    const struct inv_cpu *c = inv_cpu(b->vcpus[0]);

    CHECK_EQ(c->r[7], VERSIONS);
    CHECK_EQ(c->r[5], 0);
    CHECK(c->r[8] > 1);
}

static void by_a_vcpu(const struct accel_config *config)
{
    struct test_board *b = board_new(2);
    struct error e = {""};

    REQUIRE(b);
    CHECK_MSG(test_board_go(b, config, 60, &e), "%s", e.text);
    check_reader(b);
    test_board_free(b);
}

static void write_number(struct test_board *b, paddr at, uint32_t number)
{
    uint8_t p[4];

    store_be32(p, number);
    CHECK(space_write(b->memory, at, p, sizeof(p)));
}

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

/* The device is this thread. */
static void by_a_device(const struct accel_config *config)
{
    struct test_board *b = board_new(1);
    struct error e = {""};

    REQUIRE(b);
    struct accel *a = accel_create(config, b->vcpus, 1, exited, b, &e);
    REQUIRE(a);
    accel_start(a);
    for (uint32_t n = 1; n <= VERSIONS; n++) {
        write_number(b, FIRST + 2, n);
        write_number(b, SECOND + 2, n);
        if (n % 8 == 0) {
            test_board_wait(b, 200000);
        }
    }
    CHECK(test_board_wait(b, INT64_C(60000000000)));
    accel_stop(a);
    accel_destroy(a);
    check_reader(b);
    test_board_free(b);
}

TEST(host_code_that_a_vcpu_writes_is_of_some_version)
{
    by_a_vcpu(&(struct accel_config){0});
}

TEST(interpreted_code_that_a_vcpu_writes_is_of_some_version)
{
    by_a_vcpu(&(struct accel_config){.interpreter = true});
}

TEST(code_of_vcpus_in_turn_is_of_some_version)
{
    by_a_vcpu(&(struct accel_config){.single_thread = true});
}

TEST(host_code_that_a_device_writes_is_of_some_version)
{
    by_a_device(&(struct accel_config){0});
}

TEST(interpreted_code_that_a_device_writes_is_of_some_version)
{
    by_a_device(&(struct accel_config){.interpreter = true});
}
