/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * While code is tracked, what one vCPU writes to code another runs as soon as it knows of it,
 * though nobody maintains a cache. (What a vCPU writes to its own code: tests/fuzz/churn.c.)
 */
#include "base/bits.h"
#include "cpu/arm.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define RAM UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x10000)
#define CODE (RAM + 0x1000)
#define ROOT (RAM + 0x2000)
#define SEQUENCE (RAM + 0x3000)
#define ERRORS (RAM + 0x3040)
#define COUNTER (RAM + 0x3080)
#define FUNCTION (RAM + 0x4000)
#define MOVZ_X3 0xd2800003

/*
 * x0 says which vCPU this is. The MMU on. The first one writes a function that returns 1, 2 and so
 * on, and publishes each number behind the write. The others read the number, and call: a number
 * less than it is an error. The last vCPU switches off.
 */
static const uint32_t program[] = {
    0x580005c1, 0xd518a201, 0x580005c1, 0xd5182041, 0x580005c1, 0xd5182001, 0xd5033fdf, 0x580005a1,
    0xd5181001, 0xd5033fdf, 0x58000594, 0x580005b5, 0x580005d6, 0xd280000a, 0xb50001a0, 0xd2800001,
    0x91000421, 0x18000562, 0x331b3c22, 0xb90002a2, 0xc89ffec1, 0xd2800c84, 0xf1000484, 0x54ffffe1,
    0xeb14003f, 0x54fffee1, 0x14000007, 0xc8dffec5, 0xd63f02a0, 0xeb05007f, 0x9a8a254a, 0xeb1400bf,
    0x54ffff61, 0x580003a1, 0xf82a0029, 0x580003a1, 0x92800002, 0xf8e20023, 0xf100047f, 0x54000081,
    0x52800100, 0x72b08000, 0xd4000002, 0xd503207f, 0x17ffffff, 0xd503201f,
};

static void put_program(struct test_board *b, uint64_t rounds)
{
    const uint64_t parameters[] = {0x04ff,                                      /* MAIR */
                                   25 | 25 << 16 | 1 << 23 | UINT64_C(2) << 32, /* TCR */
                                   ROOT,
                                   0x30d01805, /* SCTLR */
                                   rounds,
                                   FUNCTION,
                                   SEQUENCE,
                                   MOVZ_X3,
                                   ERRORS,
                                   COUNTER};
    test_board_put_code(b, CODE, program, array_len(program));
    test_board_put_all(b, CODE + sizeof(program), parameters, array_len(parameters));
    test_board_put(b, ROOT + 8, RAM | 0x701);
    test_board_put(b, FUNCTION, UINT64_C(0xd65f03c0) << 32 | MOVZ_X3); /* ret */
    test_board_put(b, COUNTER, b->count);
}

static void run(uint64_t rounds, const struct accel_config *config)
{
    struct error e = {""};
    struct test_board *b = test_board_new(&arm_cpu_class, "max", 4, RAM, RAM_BYTES, &e);

    REQUIRE(b);
    put_program(b, rounds);
    test_board_boot_all(b, CODE);
    CHECK_MSG(test_board_go(b, config, 120, &e), "%s", e.text);
    CHECK_EQ(load_le64(b->ram + (SEQUENCE - RAM)), rounds);
    CHECK_EQ(load_le64(b->ram + (ERRORS - RAM)), 0);
    test_board_free(b);
}

TEST(host_code_sees_what_other_vcpus_write_to_code)
{
    run(60000, &(struct accel_config){.track_code = ACCEL_TRACK_ON});
}

TEST(movable_host_code_sees_what_other_vcpus_write_to_code)
{
    run(60000,
        &(struct accel_config){.track_code = ACCEL_TRACK_ON, .movable = ACCEL_MOVABLE_ALWAYS});
}

TEST(the_interpreter_sees_what_other_vcpus_write_to_code)
{
    run(20000, &(struct accel_config){.track_code = ACCEL_TRACK_ON, .interpreter = true});
}

TEST(vcpus_in_turn_see_what_others_write_to_code)
{
    run(20000, &(struct accel_config){.track_code = ACCEL_TRACK_ON, .single_thread = true});
}
