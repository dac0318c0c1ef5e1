/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 120 */
/*
 * Code of the invented architecture that is written while it runs, by another vCPU or by a device,
 * without maintenance. It comes in versions: each of two functions gives a number, which the writer
 * makes greater, first of one, then of the other. Whoever calls the second and then the first sees
 * numbers that some order of the writes allows: none becomes less, and the first is not behind.
 */
#include "base/bits.h"
#include "tests/invented/assemble.h"
#include "tests/invented/program.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define VERSIONS 2000
#define READER 0x1000u
#define WRITER 0x2000u
#define FIRST 0x4ffeu  /* the number is on the next page */
#define SECOND 0x6002u /* and here on the same */
#define ROUNDS 0x9000u /* the reader's, as the writer sees them */
#define DONE_PORT 4u

/* ---- assembling */

static void call(struct inv_asm *o, const uint8_t *ram, unsigned goal)
{
    inv_asm_four(o, INV_ASM_CALL, 14 << 4, ((int)goal - (int)(o->p - ram)) / 2);
}

/* Adds 1 to r5 unless r4 is 0 or more. */
static void must_not_be_negative(struct inv_asm *o)
{
    inv_asm_compare(o, 4, INV_ASM_SGE, 0, o->p + 10);
    inv_asm_four(o, INV_ASM_ADDI, 0x55, 1);
}

/* r7: the second's number, r5: what was wrong, r8: rounds. */
static void reader(uint8_t *ram)
{
    struct inv_asm o = {ram + READER};
    const uint8_t *loop = o.p;

    call(&o, ram, SECOND);
    inv_asm_two(&o, INV_ASM_MOV, 3, 1);
    call(&o, ram, FIRST);
    inv_asm_two(&o, INV_ASM_MOV, 4, 1);
    inv_asm_two(&o, INV_ASM_SUB, 4, 3);
    must_not_be_negative(&o);
    inv_asm_two(&o, INV_ASM_MOV, 4, 3);
    inv_asm_two(&o, INV_ASM_SUB, 4, 7);
    must_not_be_negative(&o);
    inv_asm_two(&o, INV_ASM_MOV, 7, 3);
    inv_asm_four(&o, INV_ASM_ADDI, 0x88, 1);
    inv_asm_movi(&o, 2, ROUNDS);
    inv_asm_four(&o, INV_ASM_ST64, 0x82, 0);
    inv_asm_compare(&o, 7, INV_ASM_NE, VERSIONS, loop);
    inv_asm_four(&o, INV_ASM_POUT, 0x70 | 13, DONE_PORT);
    inv_asm_compare(&o, 7, INV_ASM_SGE, 0, o.p);
}

static void function(uint8_t *p)
{
    struct inv_asm o = {p};

    inv_asm_movi(&o, 1, 0);
    inv_asm_two(&o, INV_ASM_RET, 0, 14);
}

/* Begins when the reader has made a round: a host with one free CPU may start it late. */
static void writer(uint8_t *ram)
{
    struct inv_asm o = {ram + WRITER};

    inv_asm_movi(&o, 2, ROUNDS);
    const uint8_t *wait = o.p;
    inv_asm_four(&o, INV_ASM_LD64, 0x42, 0);
    inv_asm_compare(&o, 4, INV_ASM_NE, 0, o.p + 12);
    inv_asm_compare(&o, 4, INV_ASM_SGE, 0, wait);
    inv_asm_movi(&o, 2, FIRST + 2);
    inv_asm_movi(&o, 3, SECOND + 2);
    const uint8_t *loop = o.p;
    inv_asm_four(&o, INV_ASM_ADDI, 0x11, 1);
    inv_asm_four(&o, INV_ASM_ST32, 0x12, 0);
    inv_asm_movi(&o, 12, 3000);
    inv_asm_four(&o, INV_ASM_BRCT, 12 << 4, 0);
    inv_asm_four(&o, INV_ASM_ST32, 0x13, 0);
    inv_asm_compare(&o, 1, INV_ASM_NE, VERSIONS, loop);
    inv_asm_compare(&o, 1, INV_ASM_SGE, 0, o.p);
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
