/* SPDX-License-Identifier: MIT */
/*
 * The map of physical memory changes while all CPUs run: a flash that turns from memory into
 * registers and back (CFI query mode). The store that does it is complete for all CPUs before what
 * its CPU does next.
 */
#include "tests/system/aarch64/lib/guest.h"

#define FLASH UINT64_C(0x04000000)
#define QUERY (FLASH + 4 * 0x55) /* where the command goes */
#define FIRST (FLASH + 4 * 0x10) /* 'Q' of two chips side by side, or what is in the flash */
#define ROUNDS 400
#define PAIRS 320

static u64 flag, done, wrong;
static u32 in_array;

static void map_flash(void)
{
    map_pages(kernel_root(), FLASH, FLASH, 0x1000, PAGE_DEVICE | PAGE_AF | PAGE_XN);
}

static void turn(bool query)
{
    write32(QUERY, query ? 0x00980098 : 0x00ff00ff);
}

static u32 expected(u64 round)
{
    return round & 1 ? 0x00510051 : in_array;
}

/* Flag and flash, many times in a row: neither a branch nor another page at which a CPU might be
 * told of anything. */
void look(u64 *pairs, const u64 *f, u64 flash);
__asm__(".balign 4096\n"
        "look:\n"
        ".rept 320\n ldr x5, [x1]\n ldr w6, [x2]\n stp x5, x6, [x0], #16\n .endr\n"
        "ret\n");

static void reader(void)
{
    static u64 pairs[2 * PAIRS];

    for (u64 round = 1; round <= ROUNDS; round++) {
        bool seen = false;
        while (!seen) {
            look(pairs, &flag, FIRST);
            for (unsigned n = 0; n < PAIRS; n++) {
                seen |= pairs[2 * n] == round;
                wrong += pairs[2 * n] == round && (u32)pairs[2 * n + 1] != expected(round);
            }
        }
        dsb();
        STORE(&done, round);
    }
}

static void writer(void)
{
    for (u64 round = 1; round <= ROUNDS; round++) {
        turn(round & 1);
        dsb();
        STORE(&flag, round);
        while (LOAD(&done) != round) {
        }
    }
}

static void run(u64 number)
{
    if (number == 0) {
        writer();
    } else {
        reader();
    }
}

TEST(a_store_that_changes_the_map_does_so_for_all_cpus)
{
    if (cpu_count() < 2) {
        SKIP("needs 2 CPUs");
    }
    map_flash();
    turn(false);
    in_array = read32(FIRST);
    CHECK(in_array != expected(1));
    cpus_run(2, run);
    turn(false);
    CHECK_EQ(wrong, 0);
}

/* Two loads of one page, and what turns it between them, in one block. */
TEST(a_store_that_changes_the_map_does_so_for_the_next_load)
{
    u64 before, query, after;

    map_flash();
    turn(false);
    __asm__ volatile("ldr %w0, [%3, #0x40]\n str %w4, [%3, #0x154]\n ldr %w1, [%3, #0x40]\n"
                     "str %w5, [%3, #0x154]\n ldr %w2, [%3, #0x40]"
                     : "=&r"(before), "=&r"(query), "=&r"(after)
                     : "r"(FLASH), "r"(0x00980098), "r"(0x00ff00ff)
                     : "memory");
    CHECK_EQ(query, 0x00510051);
    CHECK_EQ(after, before);
}
