/* SPDX-License-Identifier: MIT */
/*
 * Translation with each granule, size of address and level: where accesses go, and with which
 * status they fault. DDI 0487, D8.2 and D8.3.
 */
#include "tests/system/aarch64/lib/guest.h"

#define TABLE 3ull
#define VALID 1ull
#define LEAF(level) ((level) == 3 ? 3ull : 1ull)

void peek(u64), poke(u64, u64);
__asm__("peek: ldr x0, [x0]\n ret\n"
        "poke: str x1, [x0]\n ret\n");

static u64 size_of(const struct upper *u, int level)
{
    return 1ull << (u->granule + (u->granule - 3) * (unsigned)(3 - level));
}

static void check_fault(u64 va, u64 status)
{
    CHECK(try_call(peek, va, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL1);
    CHECK_EQ(ISS(caught()->esr) & 63, status);
    CHECK_EQ(caught()->far, va);
    CHECK(try_call(poke, va, 0, 0));
    CHECK_EQ(ISS(caught()->esr) & 0x7f, status | WNR);
}

/* A leaf of the level at va shows the physical memory at pa, which is readable at itself. */
static void check_leaf(struct upper *u, u64 va, int level, u64 base, u64 pa)
{
    u64 *e = upper_entry(u, va, level), at = va + (pa - base);
    *e = base | PAGE_NORMAL | LEAF(level);
    flush_all();
    *(u64 *)pa = va;
    CHECK(!try_call(peek, at, 0, 0));
    CHECK_EQ(try_result(), va);
    CHECK(!try_call(poke, at, ~va, 0));
    CHECK_EQ(*(u64 *)pa, ~va);
    *e &= ~(u64)PAGE_AF;
    flush_all();
    check_fault(at, FSC_ACCESS(level));
    *e |= PAGE_AF | PAGE_RO;
    flush_all();
    CHECK(!try_call(peek, at, 0, 0));
    CHECK(try_call(poke, at, 0, 0));
    CHECK_EQ(ISS(caught()->esr) & 0x7f, FSC_PERMISSION(level) | WNR);
    *e = 0;
    flush_all();
    check_fault(at, FSC_TRANSLATION(level));
}

/* A leaf of each level from first on, at the start and near the end of the address range. */
static void check_levels(struct upper *u, int first)
{
    upper_on(u);
    u64 pa = memory_new(0x10000) + 0x2348;
    for (int level = upper_start(u) > first ? upper_start(u) : first; level <= 3; level++) {
        u64 bytes = size_of(u, level), base = pa & ~(bytes - 1);
        check_leaf(u, upper_address(u, 0), level, base, pa);
        check_leaf(u, 0 - bytes, level, base, pa);
    }
}

/* What is not mapped faults at the level of the first invalid entry. */
static void check_missing(struct upper *u)
{
    upper_on(u);
    u64 va = upper_address(u, 0);
    for (int level = upper_start(u); level <= 3; level++) {
        check_fault(va, FSC_TRANSLATION(level));
        if (level < 3) {
            *upper_entry(u, va, level) = memory_new(1ull << u->granule) | TABLE;
            flush_all();
        }
    }
}

static const u8 sizes[] = {48, 47, 42, 40, 39, 37, 36, 31, 30, 28, 25};

TEST(granule_of_4k)
{
    for (unsigned i = 0; i < sizeof(sizes); i++) {
        struct upper u = {.granule = 12, .bits = sizes[i]};
        check_levels(&u, 1);
        check_missing(&u);
    }
}

TEST(granule_of_16k)
{
    for (unsigned i = 0; i < sizeof(sizes); i++) {
        struct upper u = {.granule = 14, .bits = sizes[i]};
        check_levels(&u, 2);
        check_missing(&u);
    }
}

TEST(granule_of_64k)
{
    for (unsigned i = 0; i < sizeof(sizes); i++) {
        struct upper u = {.granule = 16, .bits = sizes[i]};
        check_levels(&u, 2);
        check_missing(&u);
    }
}

TEST(small_tables_by_ttst)
{
    if ((READ(id_aa64mmfr2_el1) >> 28 & 15) == 0) {
        SKIP("the CPU does not have FEAT_TTST");
    }
    struct upper small[] = {
        {.granule = 12, .bits = 16}, {.granule = 12, .bits = 20}, {.granule = 14, .bits = 16},
        {.granule = 14, .bits = 22}, {.granule = 16, .bits = 17}, {.granule = 16, .bits = 24},
    };
    for (unsigned i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
        check_levels(&small[i], small[i].granule == 12 ? 1 : 2);
        check_missing(&small[i]);
    }
}

TEST(addresses_of_52_bits_with_64k)
{
    if ((READ(id_aa64mmfr2_el1) >> 16 & 15) == 0) {
        SKIP("the CPU does not have FEAT_LVA");
    }
    struct upper u = {.granule = 16, .bits = 52};
    check_levels(&u, 1);
    check_missing(&u);
}

static bool has_lpa2(unsigned granule)
{
    u64 r = READ(id_aa64mmfr0_el1);
    return granule == 12 ? (r >> 28 & 15) == 1 : (r >> 20 & 15) == 2;
}

TEST(addresses_of_52_bits_with_4k)
{
    if (!has_lpa2(12)) {
        SKIP("the CPU does not have FEAT_LPA2 for 4 KiB");
    }
    /* the start level -1 has a table of 16 entries, which upper_entry() handles as level -1 */
    struct upper u = {.granule = 12, .bits = 52, .ds = true};
    upper_on(&u);
    u64 va = upper_address(&u, 0x123456789000), pa = memory_new(0x1000);
    *upper_entry(&u, va, 3) = pa | PAGE_AF | TABLE;
    flush_all();
    *(u64 *)pa = 99;
    CHECK(!try_call(peek, va, 0, 0));
    CHECK_EQ(try_result(), 99);
    CHECK(try_call(peek, upper_address(&u, 1ull << 50), 0, 0));
    CHECK_EQ(ISS(caught()->esr) & 63, 0x2b); /* translation fault, level -1 */
}

TEST(addresses_of_52_bits_with_16k)
{
    if (!has_lpa2(14)) {
        SKIP("the CPU does not have FEAT_LPA2 for 16 KiB");
    }
    struct upper u = {.granule = 14, .bits = 52, .ds = true};
    upper_on(&u);
    u64 va = upper_address(&u, 0x123456788000), pa = memory_new(0x4000);
    *upper_entry(&u, va, 3) = pa | PAGE_AF | TABLE;
    flush_all();
    *(u64 *)pa = 98;
    CHECK(!try_call(peek, va, 0, 0));
    CHECK_EQ(try_result(), 98);
}

/* ---- addresses that no table can map */

TEST(address_out_of_range_is_a_fault_of_level_0)
{
    struct upper u = {.granule = 12, .bits = 39};
    upper_on(&u);
    check_fault(upper_address(&u, 0) - 8, FSC_TRANSLATION(0));
    check_fault(0x0001000000000000, FSC_TRANSLATION(0));
    check_fault(0x00ff000000000000, FSC_TRANSLATION(0));
}

TEST(walks_are_disabled_by_epd)
{
    struct upper u = {.granule = 12, .bits = 39, .tcr = 1ull << 23};
    upper_on(&u);
    check_fault(upper_address(&u, 0), FSC_TRANSLATION(0));
}

/* Physical addresses beyond TCR_EL1.IPS: in a leaf, in a table, in TTBR1. */
TEST(physical_address_too_large_is_a_size_fault)
{
    struct upper u = {.granule = 12, .bits = 39};
    upper_on(&u);
    WRITE(tcr_el1, READ(tcr_el1) & ~(7ull << 32)); /* 32 bits */
    isb();
    u64 va = upper_address(&u, 0);
    *upper_entry(&u, va, 3) = 0x100000000ull | PAGE_NORMAL | TABLE;
    flush_all();
    check_fault(va, FSC_SIZE(3));
    *upper_entry(&u, va, 2) = 0x200000000ull | PAGE_NORMAL | VALID;
    flush_all();
    check_fault(va, FSC_SIZE(2));
    *upper_entry(&u, va, 1) = 0x100000000ull | TABLE;
    flush_all();
    check_fault(va, FSC_SIZE(1));
}

/* ---- what is not there */

#define NOWHERE 0x0f000000ull /* the board has nothing here */

TEST(access_to_nothing_is_an_external_abort)
{
    struct upper u = {.granule = 12, .bits = 39};
    upper_on(&u);
    u64 va = upper_address(&u, 0);
    *upper_entry(&u, va, 3) = NOWHERE | PAGE_AF | PAGE_DEVICE | TABLE;
    flush_all();
    CHECK(try_call(peek, va, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_DATA_EL1);
    CHECK_EQ(ISS(caught()->esr) & 63, FSC_EXTERNAL);
    CHECK_EQ(caught()->far, va);
}

TEST(table_in_nothing_is_an_external_abort_of_the_walk)
{
    struct upper u = {.granule = 12, .bits = 39};
    upper_on(&u);
    u64 va = upper_address(&u, 0);
    *upper_entry(&u, va, 1) = NOWHERE | TABLE;
    flush_all();
    CHECK(try_call(peek, va, 0, 0));
    CHECK_EQ(ISS(caught()->esr) & 63, 0x16); /* level 2 */
}

/* ---- entries of level 3 and blocks with reserved encodings */

TEST(reserved_encodings_are_invalid)
{
    struct upper u = {.granule = 12, .bits = 48};
    upper_on(&u);
    u64 va = upper_address(&u, 0), pa = memory_new(0x1000);
    *upper_entry(&u, va, 3) = pa | PAGE_NORMAL | VALID; /* a block of level 3 */
    flush_all();
    check_fault(va, FSC_TRANSLATION(3));
    *upper_entry(&u, va, 0) = PAGE_NORMAL | VALID; /* a block of level 0 */
    flush_all();
    check_fault(va, FSC_TRANSLATION(0));
}

TEST(contiguous_entries_translate_each_by_itself)
{
    struct upper u = {.granule = 12, .bits = 48};
    upper_on(&u);
    u64 va = upper_address(&u, 0), pa = memory_new(0x10000);
    for (unsigned i = 0; i < 16; i++) {
        *upper_entry(&u, va + i * 4096, 3) = (pa + i * 4096) | PAGE_NORMAL | PAGE_CONTIGUOUS |
                                             TABLE;
        *(u64 *)(pa + i * 4096) = i;
    }
    flush_all();
    for (unsigned i = 0; i < 16; i++) {
        CHECK(!try_call(peek, va + i * 4096, 0, 0));
        CHECK_EQ(try_result(), i);
    }
}

TEST(top_byte_is_ignored_by_tbi)
{
    struct upper u = {.granule = 12, .bits = 39, .tcr = 1ull << 38};
    upper_on(&u);
    u64 va = upper_address(&u, 0), pa = memory_new(0x1000);
    u64 tagged = (va & ~(0xffull << 56)) | 0x80ull << 56;
    *upper_entry(&u, va, 3) = pa | PAGE_NORMAL | TABLE;
    flush_all();
    *(u64 *)pa = 97;
    CHECK(!try_call(peek, tagged, 0, 0));
    CHECK_EQ(try_result(), 97);
    CHECK(try_call(peek, tagged + 4096, 0, 0));
    CHECK_EQ(caught()->far, tagged + 4096);
    u.tcr = 0;
    upper_on(&u);
    *upper_entry(&u, va, 3) = pa | PAGE_NORMAL | TABLE;
    flush_all();
    CHECK(!try_call(peek, va, 0, 0));
    check_fault(tagged, FSC_TRANSLATION(0));
}
