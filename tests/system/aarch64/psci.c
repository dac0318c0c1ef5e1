/* SPDX-License-Identifier: MIT */
/* PSCI 1.1 by HVC, the firmware of the board. ARM DEN 0022. */
#include "tests/system/aarch64/lib/guest.h"

enum {
    VERSION = 0x84000000,
    CPU_OFF = 0x84000002,
    CPU_ON_32 = 0x84000003,
    AFFINITY_INFO_32 = 0x84000004,
    MIGRATE_INFO_TYPE = 0x84000006,
    SYSTEM_OFF = 0x84000008,
    SYSTEM_RESET = 0x84000009,
    FEATURES = 0x8400000a,
    CPU_SUSPEND_64 = 0xc4000001,
    CPU_ON_64 = 0xc4000003,
    AFFINITY_INFO_64 = 0xc4000004
};

enum {
    SUCCESS = 0,
    NOT_SUPPORTED = -1,
    INVALID_PARAMETERS = -2,
    ALREADY_ON = -4
};
enum {
    ON = 0,
    OFF = 1
};

#define CPUS 4

static int call(u64 function, u64 a, u64 b, u64 c)
{
    return (int)psci(function, a, b, c);
}

TEST(version_is_at_least_1_0)
{
    u64 v = psci(VERSION, 0, 0, 0);
    CHECK(v >= 0x10000);
    CHECK(v < 0x20000);
}

TEST(unknown_functions_are_not_supported)
{
    CHECK_EQ(call(0x8400ffff, 0, 0, 0), NOT_SUPPORTED);
    CHECK_EQ(call(0xc400ffff, 0, 0, 0), NOT_SUPPORTED);
    CHECK_EQ(call(0x12345678, 0, 0, 0), NOT_SUPPORTED);
}

TEST(features_tell_what_is_there)
{
    static const u32 there[] = {VERSION,      CPU_OFF,          CPU_ON_64,
                                CPU_ON_32,    AFFINITY_INFO_64, SYSTEM_OFF,
                                SYSTEM_RESET, FEATURES,         CPU_SUSPEND_64};
    for (unsigned i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        CHECK(call(FEATURES, there[i], 0, 0) >= 0);
    }
    CHECK_EQ(call(FEATURES, 0x8400ffff, 0, 0), NOT_SUPPORTED);
}

TEST(nothing_migrates)
{
    CHECK_EQ(call(MIGRATE_INFO_TYPE, 0, 0, 0), 2);
}

TEST(affinity_info_tells_on_from_off)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    CHECK_EQ(call(AFFINITY_INFO_64, 0, 0, 0), ON);
    CHECK_EQ(call(AFFINITY_INFO_64, 1, 0, 0), OFF);
    CHECK_EQ(call(AFFINITY_INFO_32, 1, 0, 0), OFF);
    CHECK_EQ(call(AFFINITY_INFO_64, 0x10000, 0, 0), INVALID_PARAMETERS);
}

static u64 seen_mpidr, seen_el, seen_daif;

static void look(u64 number)
{
    (void)number;
    seen_mpidr = READ(mpidr_el1);
    seen_el = READ(currentel);
    seen_daif = READ(daif);
}

static void off(u64 number)
{
    (void)number;
    this_cpu()->state = 0;
    psci(CPU_OFF, 0, 0, 0);
    test_fail(__FILE__, __LINE__, "CPU_OFF returned");
}

static bool becomes_off(unsigned cpu)
{
    u64 end = counter() + 10 * counter_frequency();
    while (call(AFFINITY_INFO_64, cpu, 0, 0) != OFF && counter() < end) {
    }
    return call(AFFINITY_INFO_64, cpu, 0, 0) == OFF;
}

TEST(cpu_starts_stops_and_starts_again)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    for (int round = 0; round < 20; round++) {
        cpu_run(2, look, 0);
        cpu_wait(2);
        CHECK_EQ(seen_mpidr & 0xffffff, 2);
        CHECK_EQ(seen_el, 1 << 2);
        CHECK_EQ(seen_daif, PSTATE_DAIF);
        CHECK_EQ(call(AFFINITY_INFO_64, 2, 0, 0), ON);
        cpu_run(2, off, 0);
        CHECK(becomes_off(2));
    }
}

TEST(cpu_on_refuses_what_is_on_or_not_there)
{
    CHECK_EQ(call(CPU_ON_64, 0, 0x40200000, 0), ALREADY_ON);
    CHECK_EQ(call(CPU_ON_64, 0x777, 0x40200000, 0), INVALID_PARAMETERS);
    CHECK_EQ(call(CPU_ON_32, 0x777, 0x40200000, 0), INVALID_PARAMETERS);
}

void raw_entry(void);
__asm__(".text\n"
        "raw_entry:\n"
        " adrp x1, raw_results\n"
        " add x1, x1, :lo12:raw_results\n"
        " mrs x2, sctlr_el1\n"
        " stp x0, x2, [x1]\n"
        " mov x2, #1\n"
        " dsb sy\n"
        " str x2, [x1, #16]\n"
        "1: wfi\n"
        " b 1b\n");
u64 raw_results[3];

/* A started CPU has its context in X0 and the MMU and caches off. */
TEST(cpu_starts_as_the_specification_says)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    CHECK_EQ(call(CPU_ON_64, 3, (u64)raw_entry, 0x123456789abcdef0), SUCCESS);
    u64 end = counter() + 10 * counter_frequency();
    while (!LOAD(&raw_results[2]) && counter() < end) {
    }
    CHECK_EQ(raw_results[0], 0x123456789abcdef0);
    CHECK_EQ(raw_results[1] & (1 | 1 << 2 | 1 << 12), 0);
    CHECK_EQ(call(CPU_ON_64, 3, (u64)raw_entry, 0), ALREADY_ON);
}

TEST(cpus_start_at_once)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    for (unsigned cpu = 1; cpu < 3; cpu++) {
        cpu_run(cpu, look, 0);
    }
    for (unsigned cpu = 1; cpu < 3; cpu++) {
        cpu_wait(cpu);
    }
}

TEST(call_preserves_registers)
{
    register u64 x0 __asm__("x0") = VERSION;
    register u64 x4 __asm__("x4") = 44;
    register u64 x17 __asm__("x17") = 1717;
    register u64 x19 __asm__("x19") = 1919;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x4), "+r"(x17), "+r"(x19) : : "memory");
    CHECK_EQ(x4, 44);
    CHECK_EQ(x17, 1717);
    CHECK_EQ(x19, 1919);
}
