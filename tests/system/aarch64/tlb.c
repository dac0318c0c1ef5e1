/* SPDX-License-Identifier: MIT */
/*
 * What CPUs may remember of page tables, and how they are made to forget it: address-space
 * identifiers, global entries, invalidation by address, space, range; on other CPUs while they use
 * the pages. DDI 0487, D8.13 to D8.14, C5.5.
 */
#include "tests/system/aarch64/lib/guest.h"

#define TABLE 3ull
#define PAGE_4K 4096ull

static u64 peek(u64 a)
{
    return LOAD((u64 *)a);
}

/* A root of the lower half like the guest's, whose page at FREE_VIRTUAL shows pa. */
static u64 *space_with(u64 pa, u64 attributes)
{
    u64 *root = root_new();
    map_pages(root, FREE_VIRTUAL, pa, PAGE_4K, PAGE_NORMAL | PAGE_XN | attributes);
    return root;
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

static u64 page_with(u64 value)
{
    u64 pa = memory_new(PAGE_4K);
    *(u64 *)pa = value;
    return pa;
}

TEST(address_spaces_are_told_by_asid)
{
    enum {
        SPACES = 12
    };
    u64 *roots[SPACES];
    for (u64 i = 0; i < SPACES; i++) {
        roots[i] = space_with(page_with(1000 + i), PAGE_NG);
    }
    flush_all();
    for (unsigned round = 0; round < 200; round++) {
        for (u64 i = 0; i < SPACES; i++) {
            enter_space(roots[i], i + 1);
            CHECK_EQ(peek(FREE_VIRTUAL), 1000 + i);
        }
    }
    leave_space();
}

TEST(asid_of_16_bits)
{
    u64 *low = space_with(page_with(1), PAGE_NG), *high = space_with(page_with(2), PAGE_NG);
    WRITE(tcr_el1, READ(tcr_el1) | 1ull << 36); /* AS */
    isb();
    flush_all();
    for (int i = 0; i < 10; i++) {
        enter_space(low, 0x0042);
        CHECK_EQ(peek(FREE_VIRTUAL), 1);
        enter_space(high, 0x4242);
        CHECK_EQ(peek(FREE_VIRTUAL), 2);
    }
    WRITE(tcr_el1, READ(tcr_el1) & ~(1ull << 36));
    leave_space();
}

TEST(asid_may_come_from_ttbr1)
{
    u64 *a = space_with(page_with(11), PAGE_NG), *b = space_with(page_with(12), PAGE_NG);
    u64 tcr = READ(tcr_el1), ttbr1 = READ(ttbr1_el1);
    WRITE(tcr_el1, tcr | 1ull << 22); /* A1 */
    isb();
    flush_all();
    for (u64 i = 0; i < 10; i++) {
        WRITE(ttbr1_el1, ttbr1 | 5ull << 48);
        enter_space(a, 77);
        CHECK_EQ(peek(FREE_VIRTUAL), 11);
        WRITE(ttbr1_el1, ttbr1 | 6ull << 48);
        enter_space(b, 77);
        CHECK_EQ(peek(FREE_VIRTUAL), 12);
    }
    WRITE(tcr_el1, tcr);
    WRITE(ttbr1_el1, ttbr1);
    leave_space();
}

/* ---- invalidation: what is changed shows after the right TLBI, and others stay usable */

static u64 old_page, new_page, *root;
static u64 *entry;

static void prepare(u64 attributes)
{
    old_page = page_with(21);
    new_page = page_with(22);
    root = space_with(old_page, attributes);
    entry = page_entry(root, FREE_VIRTUAL);
    flush_all();
    enter_space(root, 3);
    CHECK_EQ(peek(FREE_VIRTUAL), 21);
    *entry = (*entry & ~0xfffffffff000ull) | new_page;
    dsb();
}

#define CHECK_FORGOTTEN(attributes, instruction)                                                   \
    do {                                                                                           \
        prepare(attributes);                                                                       \
        instruction;                                                                               \
        dsb();                                                                                     \
        isb();                                                                                     \
        CHECK_EQ(peek(FREE_VIRTUAL), 22);                                                          \
        leave_space();                                                                             \
    } while (0)

#define BY_VA(asid) (FREE_VIRTUAL >> 12 | (u64)(asid) << 48)

TEST(invalidation_by_address_and_asid)
{
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vae1, BY_VA(3)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vae1is, BY_VA(3)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vale1, BY_VA(3)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vale1is, BY_VA(3)));
    CHECK_FORGOTTEN(0, TLBI(vae1, BY_VA(9))); /* global: of any space */
}

TEST(invalidation_by_address_of_all_spaces)
{
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vaae1, BY_VA(0)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vaae1is, BY_VA(0)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vaale1, BY_VA(0)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vaale1is, BY_VA(0)));
}

TEST(invalidation_by_asid)
{
    CHECK_FORGOTTEN(PAGE_NG, TLBI(aside1, 3ull << 48));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(aside1is, 3ull << 48));
}

TEST(invalidation_of_everything)
{
    CHECK_FORGOTTEN(PAGE_NG, ASM("tlbi vmalle1"));
    CHECK_FORGOTTEN(0, ASM("tlbi vmalle1is"));
}

TEST(invalidation_of_the_outer_shareable_domain)
{
    if ((READ(id_aa64isar0_el1) >> 56 & 15) < 1) {
        SKIP("the CPU does not have FEAT_TLBIOS");
    }
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vae1os, BY_VA(3)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(vaae1os, BY_VA(0)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(aside1os, 3ull << 48));
    CHECK_FORGOTTEN(PAGE_NG, ASM("tlbi vmalle1os"));
}

/* Pages from an even base, NUM + 1 pairs of 2^(5*SCALE+1) pages: here 2 of 4 KiB. */
static u64 range(u64 asid)
{
    return FREE_VIRTUAL >> 12 | 1ull << 46 | asid << 48; /* TG 4 KiB, SCALE 0, NUM 0 */
}

TEST(invalidation_by_range)
{
    if ((READ(id_aa64isar0_el1) >> 56 & 15) < 2) {
        SKIP("the CPU does not have FEAT_TLBIRANGE");
    }
    CHECK_FORGOTTEN(PAGE_NG, TLBI(rvae1, range(3)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(rvae1is, range(3)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(rvale1is, range(3)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(rvaae1is, range(0)));
    CHECK_FORGOTTEN(PAGE_NG, TLBI(rvae1os, range(3)));
}

TEST(range_covers_all_its_pages)
{
    if ((READ(id_aa64isar0_el1) >> 56 & 15) < 2) {
        SKIP("the CPU does not have FEAT_TLBIRANGE");
    }
    enum {
        PAGES = 3 * 64
    }; /* SCALE 1, NUM 2 */
    u64 *space = root_new(), before = memory_new(0x100000), after = memory_new(0x100000);
    map_pages(space, FREE_VIRTUAL, before, PAGES * PAGE_4K, PAGE_NORMAL | PAGE_XN | PAGE_NG);
    for (u64 i = 0; i < PAGES; i++) {
        *(u64 *)(before + i * PAGE_4K) = i;
        *(u64 *)(after + i * PAGE_4K) = 10000 + i;
    }
    enter_space(space, 3);
    for (u64 i = 0; i < PAGES; i++) {
        CHECK_EQ(peek(FREE_VIRTUAL + i * PAGE_4K), i);
    }
    map_pages(space, FREE_VIRTUAL, after, PAGES * PAGE_4K, PAGE_NORMAL | PAGE_XN | PAGE_NG);
    TLBI(rvae1is, range(3) | 1ull << 44 | 2ull << 39);
    dsb();
    isb();
    for (u64 i = 0; i < PAGES; i++) {
        CHECK_EQ(peek(FREE_VIRTUAL + i * PAGE_4K), 10000 + i);
    }
    leave_space();
}

TEST(block_is_forgotten_by_any_of_its_addresses)
{
    u64 *space = root_new(), block = memory_new(0x400000);
    u64 *l2 = (u64 *)((((u64 *)(space[0] & 0xfffffffff000))[1]) & 0xfffffffff000);
    u64 va = 0x7fe00000; /* in the same gigabyte as the guest, and unused */
    *(u64 *)(block + 0x1000) = 31;
    *(u64 *)(block + 0x201000) = 32;
    l2[va >> 21 & 511] = block | PAGE_NORMAL | PAGE_XN | 1;
    dsb();
    enter_space(space, 4);
    CHECK_EQ(peek(va + 0x1000), 31);
    l2[va >> 21 & 511] = (block + 0x200000) | PAGE_NORMAL | PAGE_XN | 1;
    dsb();
    TLBI(vaae1is, (va + 0x1ff000) >> 12);
    dsb();
    isb();
    CHECK_EQ(peek(va + 0x1000), 32);
    leave_space();
}

TEST(new_mapping_needs_no_invalidation)
{
    u64 *space = root_new(), pa = page_with(41);
    enter_space(space, 5);
    for (u64 i = 0; i < 64; i++) {
        u64 va = FREE_VIRTUAL + i * PAGE_4K;
        CHECK(try_call(peek, va, 0, 0));
        map_pages(space, va, pa, PAGE_4K, PAGE_NORMAL | PAGE_XN | PAGE_NG);
        CHECK(!try_call(peek, va, 0, 0));
        CHECK_EQ(try_result(), 41);
    }
    leave_space();
}

/* ---- other CPUs */

#define CPUS 4 /* at most */
#define ROUNDS 3000
#define SHOT_PAGES 16

static unsigned cpus_used(void)
{
    return cpu_count() < CPUS ? cpu_count() : CPUS;
}

static u64 generation[SHOT_PAGES]; /* what a reader must see at least */
static u64 *shot_space, stop;
static u64 physical[SHOT_PAGES][4]; /* pages in turn, each of which holds its generation */

/*
 * Reads pages whose mapping CPU 0 moves on and on to physical pages with growing numbers. Once a
 * change is complete (TLBI and DSB) no older number may be seen.
 */
static void reader(u64 number)
{
    enter_space(shot_space, 6);
    u64 seed = number + 99;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        u64 i = random_next(&seed) % SHOT_PAGES;
        u64 least = __atomic_load_n(&generation[i], __ATOMIC_ACQUIRE);
        u64 seen = peek(FREE_VIRTUAL + i * PAGE_4K);
        if (seen < least) {
            test_equal(__FILE__, __LINE__, "stale page", seen, least);
            break;
        }
    }
    leave_space();
}

static void shooter(void)
{
    u64 seed = 5;
    for (u64 n = 0; n < ROUNDS; n++) {
        u64 i = random_next(&seed) % SHOT_PAGES, next = generation[i] + 1;
        u64 va = FREE_VIRTUAL + i * PAGE_4K;
        u64 *e = page_entry(shot_space, va);
        STORE(e, 0); /* break before make: DDI 0487, D8.16.1 */
        dsb();
        TLBI(vae1is, va >> 12 | 6ull << 48);
        dsb();
        STORE((u64 *)physical[i][next % 4], next);
        STORE(e, physical[i][next % 4] | PAGE_NORMAL | PAGE_XN | PAGE_NG | TABLE);
        dsb();
        isb();
        __atomic_store_n(&generation[i], next, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
}

/* A reader may find the page while it is not mapped: it tries again. */
static bool try_again(struct frame *f)
{
    return (EC(f->esr) == EC_DATA_EL1) && (f->esr & 63) == FSC_TRANSLATION(3) &&
           f->far - FREE_VIRTUAL < SHOT_PAGES * PAGE_4K;
}

static void shoot_or_read(u64 number)
{
    cpus_meet(cpus_used());
    if (number == 0) {
        shooter();
    } else {
        reader(number);
    }
}

TEST(shoot_down_reaches_cpus_that_read)
{
    if (cpu_count() < 2) {
        SKIP("needs 2 CPUs");
    }
    shot_space = root_new();
    for (u64 i = 0; i < SHOT_PAGES; i++) {
        for (u64 n = 0; n < 4; n++) {
            physical[i][n] = page_with(0);
        }
        map_pages(shot_space, FREE_VIRTUAL + i * PAGE_4K, physical[i][0], PAGE_4K,
                  PAGE_NORMAL | PAGE_XN | PAGE_NG);
    }
    on_sync(try_again);
    stop = 0;
    cpus_run(cpus_used(), shoot_or_read);
    on_sync(NULL);
    leave_space();
}

/*
 * A page is made read-only while others write to it. After the invalidation nobody's write may come
 * in: the page keeps what CPU 0 reads.
 */
static u64 counters_page;
static u64 faults[CPUS];

static bool count_fault(struct frame *f)
{
    if (EC(f->esr) != EC_DATA_EL1 || (f->esr & 63) != FSC_PERMISSION(3)) {
        return false;
    }
    faults[this_cpu()->number]++;
    return true;
}

static void writer_loop(u64 number)
{
    enter_space(shot_space, 7);
    volatile u64 *p = (u64 *)(FREE_VIRTUAL + 64 * number);
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        *p = *p + 1;
    }
    leave_space();
}

static void protector(void)
{
    u64 *e = page_entry(shot_space, FREE_VIRTUAL);
    enter_space(shot_space, 7);
    for (int n = 0; n < 1000; n++) {
        STORE(e, *e | PAGE_RO);
        dsb();
        TLBI(vae1is, FREE_VIRTUAL >> 12 | 7ull << 48);
        dsb();
        isb();
        u64 before[CPUS], delay = 50;
        for (unsigned i = 1; i < cpus_used(); i++) {
            before[i] = LOAD((u64 *)(counters_page + 64 * i));
        }
        while (delay--) {
            ASM("yield");
        }
        for (unsigned i = 1; i < cpus_used(); i++) {
            CHECK_EQ(LOAD((u64 *)(counters_page + 64 * i)), before[i]);
        }
        STORE(e, *e & ~(u64)PAGE_RO);
        dsb();
        TLBI(vae1is, FREE_VIRTUAL >> 12 | 7ull << 48);
        dsb();
        isb();
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
}

static void protect_or_write(u64 number)
{
    cpus_meet(cpus_used());
    if (number == 0) {
        protector();
    } else {
        writer_loop(number);
    }
}

TEST(protection_reaches_cpus_that_write)
{
    if (cpu_count() < 2) {
        SKIP("needs 2 CPUs");
    }
    counters_page = page_with(0);
    shot_space = space_with(counters_page, PAGE_NG);
    on_sync(count_fault);
    stop = 0;
    cpus_run(cpus_used(), protect_or_write);
    on_sync(NULL);
    leave_space();
}
