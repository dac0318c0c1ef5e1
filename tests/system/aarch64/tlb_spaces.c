/* SPDX-License-Identifier: MIT */
/*
 * What CPUs may remember of page tables where it is not so simple as a page of data in the lower
 * half: code, blocks, the upper half with an ASID of its own, long ranges, the MMU switched off.
 * DDI 0487, D8.13 to D8.16, C5.5.
 */
#include "tests/system/aarch64/lib/guest.h"

#define TABLE 3ull
#define PAGE_4K 4096ull
#define BLOCK_2M 0x200000ull

static u64 peek(u64 a)
{
    return LOAD((u64 *)a);
}

static u64 call(u64 a)
{
    return ((u64(*)(void))a)();
}

/* A page with `mov x0, #value; ret` at its start. */
static void put_code(u64 pa, u64 value)
{
    STORE((u32 *)pa, 0xd2800000u | (u32)value << 5);
    STORE((u32 *)(pa + 4), 0xd65f03c0u);
    DC(cvau, pa);
    dsb();
    IC(ivau, pa);
    dsb();
    isb();
}

static u64 code_page(u64 value)
{
    u64 pa = memory_new(PAGE_4K);
    put_code(pa, value);
    return pa;
}

static u64 data_page(u64 value)
{
    u64 pa = memory_new(PAGE_4K);
    *(u64 *)pa = value;
    return pa;
}

static void enter_space(const u64 *root, u64 asid)
{
    WRITE(ttbr0_el1, (u64)root | asid << 48);
    isb();
}

static void leave_space(void)
{
    enter_space(kernel_root(), 0);
    flush_all();
}

/* ---- the upper half with two tables, one for each of two ASIDs */

static struct upper half[2];

static void two_halves(void)
{
    for (int i = 0; i < 2; i++) {
        half[i] = (struct upper){.granule = 12, .bits = 48};
        upper_on(&half[i]);
    }
}

static void enter_half(int i)
{
    enter_space(kernel_root(), 8 + (u64)i);
    WRITE(ttbr1_el1, (u64)half[i].root);
    isb();
}

static void leave_halves(void)
{
    leave_space();
    mmu_on();
}

TEST(upper_data_of_one_space)
{
    two_halves();
    u64 va = upper_address(&half[0], 0x40000000), block = upper_address(&half[0], 0x80000000);
    for (int i = 0; i < 2; i++) {
        u64 memory = memory_new(BLOCK_2M);
        *(u64 *)memory = 70 + (u64)i;
        *upper_entry(&half[i], va, 3) = data_page(60 + (u64)i) | PAGE_NORMAL | PAGE_XN | PAGE_NG |
                                        TABLE;
        *upper_entry(&half[i], block, 2) = memory | PAGE_NORMAL | PAGE_XN | PAGE_NG | 1;
    }
    flush_all();
    for (int n = 0; n < 20; n++) { /* the block alone comes first */
        enter_half(n & 1);
        CHECK_EQ(peek(block), 70 + (n & 1));
    }
    for (int n = 0; n < 20; n++) {
        enter_half(n & 1);
        CHECK_EQ(peek(va), 60 + (n & 1));
        CHECK_EQ(peek(block), 70 + (n & 1));
    }
    leave_halves();
}

TEST(upper_code_of_one_space)
{
    two_halves();
    u64 common = upper_address(&half[0], 0x40000000), va = common + PAGE_4K, shared = code_page(0);
    STORE((u32 *)(shared + 4), 0x14000000u + (u32)(PAGE_4K - 4) / 4); /* b va */
    for (int i = 0; i < 2; i++) {
        *upper_entry(&half[i], common, 3) = shared | PAGE_NORMAL | PAGE_RO | TABLE;
        *upper_entry(&half[i], va, 3) = code_page(60 + (u64)i) | PAGE_NORMAL | PAGE_RO | PAGE_NG |
                                        TABLE;
    }
    flush_all();
    for (int n = 0; n < 20; n++) {
        enter_half(n & 1);
        CHECK_EQ(call(common), 60 + (n & 1));
        CHECK_EQ(call(va), 60 + (n & 1));
    }
    leave_halves();
}

/* A global page of the upper half is forgotten for all by an invalidation that names an ASID. */
TEST(upper_global_page_by_address_and_asid)
{
    two_halves();
    u64 va = upper_address(&half[0], 0x40000000);
    u64 *entry = upper_entry(&half[0], va, 3);
    *entry = code_page(1) | PAGE_NORMAL | PAGE_RO | TABLE;
    flush_all();
    for (u64 n = 1; n < 10; n++) {
        enter_half(0);
        CHECK_EQ(call(va), n);
        *entry = code_page(n + 1) | PAGE_NORMAL | PAGE_RO | TABLE;
        dsb();
        TLBI(vae1, (va >> 12 & ((1ull << 44) - 1)) | 77ull << 48);
        dsb();
        isb();
    }
    leave_halves();
}

/* ---- code of the lower half */

static void code_moves(u64 attributes, void (*invalidate)(void))
{
    u64 *space = root_new(), value = 1;
    u64 *entry = page_entry(space, FREE_VIRTUAL);
    enter_space(space, 3);
    for (; value < 10; value++) {
        *entry = code_page(value) | PAGE_NORMAL | PAGE_RO | attributes | TABLE;
        dsb();
        invalidate();
        dsb();
        isb();
        for (int n = 0; n < 3; n++) {
            CHECK_EQ(call(FREE_VIRTUAL), value);
        }
    }
    leave_space();
}

#define INVALIDATE(name, instruction)                                                              \
    static void name(void)                                                                         \
    {                                                                                              \
        instruction;                                                                               \
    }
INVALIDATE(by_page, TLBI(vae1, FREE_VIRTUAL >> 12 | 3ull << 48))
INVALIDATE(by_page_of_another, TLBI(vae1is, FREE_VIRTUAL >> 12 | 9ull << 48))
INVALIDATE(by_page_of_all, TLBI(vaae1is, FREE_VIRTUAL >> 12))
INVALIDATE(by_space, TLBI(aside1is, 3ull << 48))
INVALIDATE(by_range, TLBI(rvae1is, FREE_VIRTUAL >> 12 | 1ull << 46 | 3ull << 48))
/* SCALE 2, NUM 1: 4,096 pages */
INVALIDATE(by_long_range,
           TLBI(rvae1is, FREE_VIRTUAL >> 12 | 1ull << 46 | 2ull << 44 | 1ull << 39 | 3ull << 48))
INVALIDATE(by_everything, ASM("tlbi vmalle1"))

TEST(code_is_fetched_from_its_new_page)
{
    code_moves(PAGE_NG, by_page);
    code_moves(PAGE_NG, by_page_of_all);
    code_moves(PAGE_NG, by_space);
    code_moves(PAGE_NG, by_everything);
    code_moves(0, by_page);
    code_moves(0, by_page_of_another);
    code_moves(0, by_page_of_all);
}

TEST(code_is_fetched_from_its_new_page_after_a_range)
{
    if ((READ(id_aa64isar0_el1) >> 56 & 15) < 2) {
        SKIP("the CPU does not have FEAT_TLBIRANGE");
    }
    code_moves(PAGE_NG, by_range);
    code_moves(PAGE_NG, by_long_range);
    code_moves(0, by_long_range);
}

/*
 * The page that runs maps itself elsewhere: the instruction behind the barriers comes from the new
 * page. x0: what to write, x1: where, x2: operand of TLBI; gives the value in the page.
 */
static void put_self_mover(u64 pa, u64 value)
{
    static const u32 code[] = {
        0xf9000020, /* str x0, [x1] */
        0xd5033f9f, /* dsb sy */
        0xd5088322, /* tlbi vae1is, x2 */
        0xd5033f9f, /* dsb sy */
        0xd5033fdf, /* isb */
    };
    for (unsigned i = 0; i < sizeof(code) / 4; i++) {
        STORE((u32 *)(pa + 4 * i), code[i]);
    }
    put_code(pa + sizeof(code), value);
}

TEST(page_that_runs_moves)
{
    u64 *space = root_new(), pa[2] = {memory_new(PAGE_4K), memory_new(PAGE_4K)};
    u64 *entry = page_entry(space, FREE_VIRTUAL);
    u64 attributes = PAGE_NORMAL | PAGE_RO | PAGE_NG | TABLE;
    put_self_mover(pa[0], 100);
    put_self_mover(pa[1], 101);
    *entry = pa[0] | attributes;
    dsb();
    enter_space(space, 3);
    for (u64 n = 1; n < 20; n++) {
        u64 (*move)(u64, u64 *, u64) = (u64(*)(u64, u64 *, u64))FREE_VIRTUAL;
        CHECK_EQ(move(pa[n & 1] | attributes, entry, FREE_VIRTUAL >> 12 | 3ull << 48),
                 100 + (n & 1));
    }
    leave_space();
}

/* ---- blocks and ranges */

static u64 *descend(u64 *entry)
{
    if (!*entry) {
        *entry = (u64)page_new() | TABLE;
    }
    return (u64 *)(*entry & 0xfffffffff000);
}

static u64 *block_entry(u64 *space, u64 va)
{
    u64 *l1 = descend(&space[va >> 39 & 511]), *l2 = descend(&l1[va >> 30 & 511]);
    return &l2[va >> 21 & 511];
}

TEST(many_blocks_are_forgotten_one_by_one)
{
    enum {
        BLOCKS = 1200
    };
    u64 *space = root_new(), memory = memory_new(2 * BLOCK_2M), attributes = PAGE_NORMAL | PAGE_XN;
    for (u64 at = 0; at < 2 * BLOCK_2M; at += PAGE_4K) {
        *(u64 *)(memory + at) = at / BLOCK_2M;
    }
    for (u64 i = 0; i < BLOCKS; i++) {
        u64 va = FREE_VIRTUAL + i * BLOCK_2M;
        *block_entry(space, va) = memory | attributes | (i & 1 ? PAGE_NG : 0) | 1;
    }
    dsb();
    enter_space(space, 3);
    for (u64 i = 0; i < BLOCKS; i++) {
        CHECK_EQ(peek(FREE_VIRTUAL + i * BLOCK_2M + (i & 511) * PAGE_4K), 0);
    }
    for (u64 i = 0; i < BLOCKS; i++) {
        u64 va = FREE_VIRTUAL + i * BLOCK_2M;
        *block_entry(space, va) = (memory + BLOCK_2M) | attributes | (i & 1 ? PAGE_NG : 0) | 1;
        dsb();
        TLBI(vae1is, (va + (i * 7 & 511) * PAGE_4K) >> 12 | 3ull << 48);
        dsb();
        isb();
        CHECK_EQ(peek(va + (i & 511) * PAGE_4K), 1);
        CHECK_EQ(peek(va + PAGE_4K), 1);
    }
    leave_space();
}

/* 4,096 pages from FREE_VIRTUAL, ASID 3. */
TEST(long_range_covers_pages_and_blocks)
{
    if ((READ(id_aa64isar0_el1) >> 56 & 15) < 2) {
        SKIP("the CPU does not have FEAT_TLBIRANGE");
    }
    enum {
        PAGES = 1024,
        BLOCKS = 4
    };
    u64 *space = root_new(), memory = memory_new(2 * BLOCK_2M);
    u64 blocks = FREE_VIRTUAL + 4 * BLOCK_2M;
    for (u64 at = 0; at < 2 * BLOCK_2M; at += PAGE_4K) {
        *(u64 *)(memory + at) = at / BLOCK_2M;
    }
    enter_space(space, 3);
    for (u64 round = 0; round < 2; round++) {
        u64 pa = memory + round * BLOCK_2M;
        for (u64 i = 0; i < PAGES; i++) {
            *page_entry(space, FREE_VIRTUAL + i * PAGE_4K) = pa | PAGE_NORMAL | PAGE_XN |
                                                             (i & 1 ? PAGE_NG : 0) | TABLE;
        }
        for (u64 i = 0; i < BLOCKS; i++) {
            *block_entry(space, blocks + i * BLOCK_2M) = pa | PAGE_NORMAL | PAGE_XN | PAGE_NG | 1;
        }
        dsb();
        by_long_range();
        dsb();
        isb();
        for (u64 i = 0; i < PAGES; i++) {
            CHECK_EQ(peek(FREE_VIRTUAL + i * PAGE_4K), round);
        }
        for (u64 i = 0; i < BLOCKS; i++) {
            CHECK_EQ(peek(blocks + i * BLOCK_2M + 5 * PAGE_4K), round);
        }
    }
    leave_space();
}

/* A block is forgotten by what names the other space too when all spaces share it. */
TEST(block_becomes_pages)
{
    u64 *space = root_new(), memory = memory_new(2 * BLOCK_2M);
    u64 *entry = block_entry(space, FREE_VIRTUAL), *table = page_new();
    for (u64 at = 0; at < 2 * BLOCK_2M; at += PAGE_4K) {
        *(u64 *)(memory + at) = at / PAGE_4K;
    }
    for (u64 i = 0; i < 512; i++) {
        table[i] = (memory + BLOCK_2M + i * PAGE_4K) | PAGE_NORMAL | PAGE_XN | TABLE;
    }
    *entry = memory | PAGE_NORMAL | PAGE_XN | 1;
    dsb();
    enter_space(space, 3);
    for (u64 i = 0; i < 512; i++) {
        CHECK_EQ(peek(FREE_VIRTUAL + i * PAGE_4K), i);
    }
    *entry = 0;
    dsb();
    TLBI(vae1is, FREE_VIRTUAL >> 12 | 44ull << 48);
    dsb();
    *entry = (u64)table | TABLE;
    dsb();
    isb();
    for (u64 i = 0; i < 512; i++) {
        CHECK_EQ(peek(FREE_VIRTUAL + i * PAGE_4K), 512 + i);
    }
    leave_space();
}

/* ---- what else changes the meaning of addresses */

/* With PSTATE.UAO, LDTR and LDR are one to the MMU. */
TEST(spaces_change_while_accesses_are_not_overridden)
{
    if ((READ(id_aa64mmfr2_el1) >> 4 & 15) < 1) {
        SKIP("the CPU does not have FEAT_UAO");
    }
    u64 *roots[2];
    for (u64 i = 0; i < 2; i++) {
        roots[i] = root_new();
        map_pages(roots[i], FREE_VIRTUAL, data_page(80 + i), PAGE_4K,
                  PAGE_NORMAL | PAGE_XN | PAGE_NG);
    }
    flush_all();
    for (u64 n = 0; n < 20; n++) {
        enter_space(roots[n & 1], 3 + (n & 1));
        CHECK_EQ(peek(FREE_VIRTUAL), 80 + (n & 1));
        ASM("msr s0_0_c4_c1_3, xzr"); /* UAO: 1 */
        enter_space(roots[~n & 1], 3 + (~n & 1));
        if (n & 2) {
            CHECK_EQ(peek(FREE_VIRTUAL), 80 + (~n & 1));
        }
        ASM("msr s0_0_c4_c0_3, xzr");
        CHECK_EQ(peek(FREE_VIRTUAL), 80 + (~n & 1));
    }
    leave_space();
}

static u64 peek_without_mmu(u64 va)
{
    u64 sctlr = READ(sctlr_el1), value;
    __asm__ volatile("dsb sy\n msr sctlr_el1, %1\n isb\n"
                     "ldr %0, [%3]\n"
                     "dsb sy\n msr sctlr_el1, %2\n isb\n"
                     : "=&r"(value)
                     : "r"(sctlr & ~5ull), "r"(sctlr), "r"(va)
                     : "memory");
    return value;
}

TEST(mmu_off_uses_nothing_that_was_found_with_it_on)
{
    u64 *space = root_new(), va = 0x58000000; /* RAM that the guest does not map */
    map_pages(space, va, data_page(91), PAGE_4K, PAGE_NORMAL | PAGE_XN);
    map_pages(space, FREE_VIRTUAL, va, PAGE_4K, PAGE_NORMAL | PAGE_XN);
    enter_space(space, 3);
    STORE((u64 *)FREE_VIRTUAL, 90);
    for (int n = 0; n < 10; n++) {
        CHECK_EQ(peek(va), 91);
        CHECK_EQ(peek_without_mmu(va), 90);
    }
    leave_space();
}
