/* SPDX-License-Identifier: MIT */
/* The library of the bare-metal test guests (guest.h): page tables. DDI 0487, D8.3. */
#include "tests/system/aarch64/lib/guest.h"

#define ENTRIES 512
#define TABLE 3ull
#define BLOCK 1ull
#define ADDRESS 0x0000fffffffff000ull

#define POOL 1024

static u64 pool[POOL][ENTRIES] __attribute__((aligned(4096)));
static unsigned used, used_at_start;
static u64 next_memory;
static u64 *root_at_start, *root_of_ds;

u64 *kernel_root(void)
{
    return root_at_start;
}

u64 *page_new(void)
{
    unsigned n = __atomic_fetch_add(&used, 1, __ATOMIC_SEQ_CST);
    if (n >= POOL) {
        print("not ok page_new: no more pages\n");
        guest_exit(1);
    }
    u64 *p = pool[n];
    for (unsigned i = 0; i < ENTRIES; i++) {
        p[i] = 0;
    }
    return p;
}

static u64 *descend(u64 *entry)
{
    if (!(*entry & 1)) {
        *entry = (u64)page_new() | TABLE;
    }
    return (u64 *)(*entry & ADDRESS);
}

u64 *page_entry(u64 *root, u64 va)
{
    u64 *t = root;
    for (int level = 0; level < 3; level++) {
        t = descend(&t[va >> (39 - 9 * level) & (ENTRIES - 1)]);
    }
    return &t[va >> 12 & (ENTRIES - 1)];
}

void map_pages(u64 *root, u64 va, u64 pa, u64 bytes, u64 attributes)
{
    for (u64 at = 0; at < bytes; at += 4096) {
        *page_entry(root, va + at) = (pa + at) | attributes | TABLE;
    }
    dsb();
    isb();
}

/* With FEAT_LPA2 the field of shareability has address bits; TCR_EL1 gives it then. */
static u64 shared = PAGE_SHARED;

static void map_block(u64 *l1, u64 a, u64 attributes)
{
    attributes = (attributes & ~(u64)PAGE_SHARED) | shared;
    u64 *l2 = descend(&l1[a >> 30]);
    l2[a >> 21 & (ENTRIES - 1)] = a | attributes | BLOCK;
}

u64 *root_new(void)
{
    extern char image_end[];
    const u64 megabytes2 = 0x200000;
    u64 *root = page_new(), *l1 = descend(&root[0]);
    for (u64 a = 0x08000000; a < 0x0b000000; a += megabytes2) { /* devices */
        map_block(l1, a, PAGE_AF | PAGE_DEVICE | PAGE_XN);
    }
    for (u64 a = 0x40200000; a < 0x40400000; a += megabytes2) { /* code */
        map_block(l1, a, PAGE_NORMAL | PAGE_USER | PAGE_RO);
    }
    map_block(l1, 0x40400000, PAGE_DATA);
    for (u64 a = 0x40600000; a < (u64)image_end; a += megabytes2) {
        map_block(l1, a, PAGE_NORMAL | PAGE_XN);
    }
    for (u64 a = FREE_MEMORY; a < FREE_MEMORY + FREE_BYTES; a += megabytes2) {
        map_block(l1, a, PAGE_DATA);
    }
    map_block(l1, 0x40000000, PAGE_NORMAL | PAGE_XN); /* the device tree */
    return root;
}

void flush_page(u64 va)
{
    dsb();
    TLBI(vaae1is, va >> 12 & 0xfffffffffff);
    dsb();
    isb();
}

void flush_all(void)
{
    dsb();
    ASM("tlbi vmalle1is");
    dsb();
    isb();
}

/* ---- memory of tests */

void memory_reset(void)
{
    used = used_at_start;
    next_memory = FREE_MEMORY;
}

u64 memory_new(u64 bytes)
{
    u64 a = (next_memory + bytes - 1) & ~(bytes - 1);
    next_memory = a + bytes;
    if (next_memory > FREE_MEMORY + FREE_BYTES) {
        print("not ok memory_new: no more memory\n");
        guest_exit(1);
    }
    for (u64 at = a; at < next_memory; at += 8) {
        *(u64 *)at = 0;
    }
    return a;
}

/* ---- the upper half */

int upper_start(const struct upper *u)
{
    unsigned stride = u->granule - 3;
    return 4 - (int)((u->bits - u->granule + stride - 1) / stride);
}

u64 upper_address(const struct upper *u, u64 offset)
{
    return (UINT64_MAX << u->bits) + offset;
}

u64 *upper_entry(struct upper *u, u64 va, int level)
{
    unsigned stride = u->granule - 3;
    u64 *t = u->root, *entry = NULL;
    va &= ~(UINT64_MAX << u->bits);
    for (int l = upper_start(u); l <= level; l++) {
        entry = &t[va >> (u->granule + stride * (unsigned)(3 - l)) & ((1u << stride) - 1)];
        if (l < level && !(*entry & 1)) {
            *entry = memory_new(1ull << u->granule) | TABLE;
        }
        t = (u64 *)(*entry & ADDRESS & ~((1ull << u->granule) - 1));
    }
    return entry;
}

/* TCR_EL1.DS is for both halves. */
static void choose_kernel_root(bool ds)
{
    WRITE(ttbr0_el1, (u64)(ds ? root_of_ds : root_at_start));
    isb();
    flush_all();
}

void upper_on(struct upper *u)
{
    static const u64 tg1[] = {2, 0, 1, 0, 3}; /* 12, 14, 16 */
    u64 tcr = READ(tcr_el1);
    bool was_ds = tcr >> 59 & 1;
    u->root = (u64 *)memory_new(1ull << u->granule);
    tcr &= ~(63ull << 16 | 1ull << 22 | 1ull << 23 | 3ull << 30 | 7ull << 32 | 0xffffffull << 36);
    tcr |= (u64)(64 - u->bits) << 16 | tg1[u->granule - 12] << 30 | u->tcr;
    tcr |= (u->ds ? 1ull << 59 : 0) | (READ(id_aa64mmfr0_el1) & 7)
                                          << 32; /* all physical addresses */
    WRITE(ttbr1_el1, (u64)u->root);
    choose_kernel_root(u->ds || was_ds);
    WRITE(tcr_el1, tcr);
    isb();
    flush_all();
    choose_kernel_root(u->ds);
}

/* SCTLR_EL1 as Linux sets it: M, C, SA, SA0, EOS, I, DZE, UCT, nTWI, nTWE, EIS, SPAN, UCI, nTLSMD,
 * LSMAOE */
#define SCTLR                                                                                      \
    (1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 16 |         \
     1 << 18 | 1 << 22 | 1 << 23 | 1 << 26 | 1 << 28 | 1 << 29)

void mmu_on(void)
{
    if (!root_at_start) {
        root_at_start = root_new();
        shared = 0;
        root_of_ds = root_new();
        shared = PAGE_SHARED;
        page_new(); /* for TTBR1_EL1 */
        used_at_start = used;
        memory_reset();
    }
    WRITE(mair_el1, 0x4404ff); /* normal write-back; device-nGnRE; normal not cacheable */
    /* T0SZ, T1SZ: 48 bits; write-back, inner shareable; 40 bits of physical address; TG1 4 KiB */
    WRITE(tcr_el1, 16 | 0x35 << 8 | 16 << 16 | 0x35 << 24 | 2ull << 30 | 2ull << 32);
    WRITE(ttbr0_el1, (u64)root_at_start);
    WRITE(ttbr1_el1, (u64)pool[used_at_start - 1]);
    isb();
    ASM("tlbi vmalle1\n dsb sy");
    isb();
    WRITE(sctlr_el1, SCTLR);
    isb();
}
