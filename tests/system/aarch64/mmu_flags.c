/* SPDX-License-Identifier: MIT */
/*
 * Flags that the walk itself changes (access flag, dirty state), and what AT says. DDI 0487, D8.5
 * (hardware management), D24.2.123 (PAR_EL1).
 */
#include "tests/system/aarch64/lib/guest.h"

#define TABLE 3ull
#define VALID 1ull
#define HA (1ull << 39)
#define HD (1ull << 40)

void peek(u64), poke(u64, u64), jump(u64), swap(u64, u64);
__asm__(".arch_extension lse\n"
        "peek: ldr x0, [x0]\n ret\n"
        "poke: str x1, [x0]\n ret\n"
        "swap: swp x1, x1, [x0]\n ret\n"
        "jump: br x0\n");

static struct upper u;
static u64 va, pa, *entry;

/* A page or block with these attributes, in tables with these bits of TCR_EL1. */
static void map(u64 attributes, int level, u64 tcr)
{
    static const struct upper usual = {.granule = 12, .bits = 39};
    u = usual;
    u.tcr = tcr;
    upper_on(&u);
    pa = memory_new(0x200000);
    va = upper_address(&u, 0x40000000);
    entry = upper_entry(&u, va, level);
    *entry = pa | attributes | (level == 3 ? TABLE : VALID);
    flush_all();
}

static bool has_hafdbs(u64 least)
{
    return (READ(id_aa64mmfr1_el1) & 15) >= least;
}

TEST(access_flag_faults_without_hardware_management)
{
    for (int level = 2; level <= 3; level++) {
        map(PAGE_SHARED, level, 0);
        CHECK(try_call(peek, va, 0, 0));
        CHECK_EQ(ISS(caught()->esr) & 0x7f, FSC_ACCESS(level));
        CHECK(try_call(jump, va, 0, 0));
        CHECK_EQ(EC(caught()->esr), EC_FETCH_EL1);
        CHECK_EQ(ISS(caught()->esr) & 63, FSC_ACCESS(level));
        CHECK_EQ(LOAD(entry) & PAGE_AF, 0);
    }
}

TEST(access_flag_is_set_by_hardware)
{
    if (!has_hafdbs(1)) {
        SKIP("the CPU does not manage the access flag");
    }
    for (int level = 2; level <= 3; level++) {
        map(PAGE_SHARED, level, HA);
        u64 before = *entry;
        CHECK(!try_call(peek, va, 0, 0));
        CHECK_EQ(LOAD(entry), before | PAGE_AF);
        map(PAGE_SHARED, level, HA);
        CHECK(!try_call(poke, va, 0, 0));
        CHECK_EQ(LOAD(entry) & PAGE_AF, PAGE_AF);
    }
}

TEST(access_without_permission_does_not_need_the_dirty_state)
{
    if (!has_hafdbs(2)) {
        SKIP("the CPU does not manage the dirty state");
    }
    map(PAGE_NORMAL | PAGE_RO, 3, HA | HD);
    u64 before = *entry;
    CHECK(try_call(poke, va, 0, 0));
    CHECK_EQ(ISS(caught()->esr) & 0x7f, FSC_PERMISSION(3) | WNR);
    CHECK_EQ(LOAD(entry), before);
}

TEST(dirty_state_is_set_by_the_first_write)
{
    if (!has_hafdbs(2)) {
        SKIP("the CPU does not manage the dirty state");
    }
    static const void *const writers[] = {poke, swap};
    for (int level = 2; level <= 3; level++) {
        for (unsigned i = 0; i < 2; i++) {
            map(PAGE_NORMAL | PAGE_RO | PAGE_DBM, level, HA | HD);
            u64 before = *entry;
            CHECK(!try_call(peek, va, 0, 0));
            CHECK_EQ(LOAD(entry), before);
            CHECK(!try_call(writers[i], va, 123, 0));
            CHECK_EQ(LOAD(entry), before & ~(u64)PAGE_RO);
            CHECK_EQ(*(u64 *)pa, 123);
        }
    }
}

TEST(dirty_state_needs_its_enable)
{
    map(PAGE_NORMAL | PAGE_RO | PAGE_DBM, 3, 0);
    CHECK(try_call(poke, va, 0, 0));
    CHECK_EQ(ISS(caught()->esr) & 0x7f, FSC_PERMISSION(3) | WNR);
}

TEST(both_flags_are_set_at_once)
{
    if (!has_hafdbs(2)) {
        SKIP("the CPU does not manage the dirty state");
    }
    map(PAGE_SHARED | PAGE_RO | PAGE_DBM, 3, HA | HD);
    u64 before = *entry;
    CHECK(!try_call(poke, va, 5, 0));
    CHECK_EQ(LOAD(entry), (before | PAGE_AF) & ~(u64)PAGE_RO);
}

/* ---- AT */

static u64 translate(u64 address, bool write, bool user)
{
    if (user) {
        AT(s1e0r, address);
    } else if (write) {
        AT(s1e1w, address);
    } else {
        AT(s1e1r, address);
    }
    isb();
    return READ(par_el1);
}

#define PAR_F 1ull
#define PAR_STATUS(par) ((par) >> 1 & 63)
#define PAR_ADDRESS(par) ((par)&0x000ffffffffff000)

TEST(at_gives_address_and_attributes)
{
    map(PAGE_NORMAL | PAGE_UNCACHED, 3, 0);
    u64 par = translate(va + 0x123, false, false);
    CHECK_EQ(par & PAR_F, 0);
    CHECK_EQ(PAR_ADDRESS(par), pa);
    CHECK_EQ(par >> 56, 0x44);
    map(PAGE_NORMAL, 2, 0);
    par = translate(va + 0x12345, true, false);
    CHECK_EQ(PAR_ADDRESS(par), pa + 0x12000);
    CHECK_EQ(par >> 56, 0xff);
    CHECK_EQ(par >> 7 & 3, 3); /* inner shareable */
}

TEST(at_gives_the_fault)
{
    map(PAGE_NORMAL | PAGE_RO, 3, 0);
    u64 par = translate(va, true, false);
    CHECK_EQ(par & PAR_F, PAR_F);
    CHECK_EQ(PAR_STATUS(par), FSC_PERMISSION(3));
    CHECK_EQ(translate(va, false, false) & PAR_F, 0);
    par = translate(va, false, true);
    CHECK_EQ(PAR_STATUS(par), FSC_PERMISSION(3));
    par = translate(va + 0x1000, false, false);
    CHECK_EQ(PAR_STATUS(par), FSC_TRANSLATION(3));
    par = translate(va + 0x200000, false, false);
    CHECK_EQ(PAR_STATUS(par), FSC_TRANSLATION(2));
    par = translate(FREE_VIRTUAL, false, false);
    CHECK_EQ(PAR_STATUS(par), FSC_TRANSLATION(1));
}

TEST(at_with_pan_faults_on_pages_of_el0)
{
    if ((READ(id_aa64mmfr1_el1) >> 20 & 15) < 2) {
        SKIP("the CPU does not have FEAT_PAN2");
    }
    map(PAGE_NORMAL | PAGE_USER, 3, 0);
    AT(s1e1r, va);
    isb();
    CHECK_EQ(READ(par_el1) & PAR_F, 0);
    ASM(".inst 0xd500419f"); /* msr pan, #1 */
    __asm__ volatile(".arch armv8.5-a\n at s1e1rp, %0\n isb" : : "r"(va) : "memory");
    u64 with = READ(par_el1);
    __asm__ volatile("at s1e1r, %0\n isb" : : "r"(va) : "memory");
    u64 without = READ(par_el1);
    ASM(".inst 0xd500409f");
    CHECK_EQ(with & PAR_F, PAR_F);
    CHECK_EQ(PAR_STATUS(with), FSC_PERMISSION(3));
    CHECK_EQ(without & PAR_F, 0);
}
