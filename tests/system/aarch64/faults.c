/* SPDX-License-Identifier: MIT */
/*
 * Faults in the middle of an instruction: accesses that cross into a page that is not there, pairs,
 * structures, memory copies. The instruction must be repeatable: a handler maps the page, and the
 * result is the same as if it had always been there. DDI 0487, B2.2 and D1.3.
 */
#include "tests/system/aarch64/lib/guest.h"

#define PAGE 4096ull
#define WINDOW                                                                                     \
    FREE_VIRTUAL /* three pages; the middle of interest is the border of the first two             \
                  */
#define BORDER (WINDOW + PAGE)

static u64 *root, pages[3];
static unsigned faults_taken;
static u64 last_far, last_esr;
static bool present_after; /* the handler maps what is missing */

static u64 *entry_of(u64 va)
{
    return page_entry(root, va);
}

static void set_page(unsigned n, bool there)
{
    *entry_of(WINDOW + n * PAGE) = there ? pages[n] | PAGE_NORMAL | PAGE_USER | PAGE_XN | 3 : 0;
    flush_page(WINDOW + n * PAGE);
}

static bool bring_in(struct frame *f)
{
    if (EC(f->esr) != EC_DATA_EL1 || f->far - WINDOW >= 3 * PAGE) {
        return false;
    }
    faults_taken++;
    last_far = f->far;
    last_esr = f->esr;
    if (!present_after) {
        return false;
    }
    set_page((unsigned)((f->far - WINDOW) / PAGE), true);
    return true;
}

static u8 byte_of(u64 offset)
{
    return (u8)(offset * 37 + 11);
}

/* All pages there, with known contents. */
static void start(void)
{
    root = root_new();
    for (unsigned n = 0; n < 3; n++) {
        pages[n] = memory_new(PAGE);
        for (u64 i = 0; i < PAGE; i++) {
            ((u8 *)pages[n])[i] = byte_of(n * PAGE + i);
        }
        *entry_of(WINDOW + n * PAGE) = pages[n] | PAGE_NORMAL | PAGE_USER | PAGE_XN | 3;
    }
    WRITE(ttbr0_el1, (u64)root);
    isb();
    flush_all();
    on_sync(bring_in);
    faults_taken = 0;
    present_after = true;
}

static void stop(void)
{
    on_sync(NULL);
    WRITE(ttbr0_el1, (u64)kernel_root());
    isb();
    flush_all();
}

/* ---- one instruction at a time: registers in and out are the same four, and the base is x0 */

struct registers {
    u64 x[6];
    u64 v[8]; /* v0 to v3 */
};

typedef void piece(struct registers *r);

#define PIECE(name, text)                                                                          \
    static void name(struct registers *r)                                                          \
    {                                                                                              \
        __asm__ volatile(                                                                          \
            ".arch armv8.5-a+fp16\n .arch_extension fp\n .arch_extension simd\n"                   \
            ".arch_extension lse\n"                                                                \
            "mov x16, %0\n"                                                                        \
            "ldp q0, q1, [x16, #48]\n ldp q2, q3, [x16, #80]\n"                                    \
            "ldp x0, x1, [x16]\n ldp x2, x3, [x16, #16]\n ldp x4, x5, [x16, #32]\n" text "\n"      \
            "stp x0, x1, [x16]\n stp x2, x3, [x16, #16]\n stp x4, x5, [x16, #32]\n"                \
            "stp q0, q1, [x16, #48]\n stp q2, q3, [x16, #80]\n"                                    \
            :                                                                                      \
            : "r"(r)                                                                               \
            : "x0", "x1", "x2", "x3", "x4", "x5", "x16", "memory", "cc");                          \
    }

PIECE(load_x, "ldr x1, [x0]")
PIECE(load_w_post, "ldr w1, [x0], #8")
PIECE(load_h_pre, "ldrsh x1, [x0, #0]!")
PIECE(store_x, "str x1, [x0]")
PIECE(store_x_post, "str x1, [x0], #-16")
PIECE(load_pair, "ldp x1, x2, [x0]")
PIECE(load_pair_post, "ldp x1, x2, [x0], #16")
PIECE(load_pair_base, "ldp x0, x1, [x0]")
PIECE(store_pair, "stp x1, x2, [x0]")
PIECE(store_pair_pre, "stp x1, x2, [x0, #0]!")
PIECE(load_pair_w, "ldpsw x1, x2, [x0]")
PIECE(load_q, "ldr q0, [x0]")
PIECE(store_q, "str q0, [x0]")
PIECE(load_pair_q, "ldp q0, q1, [x0], #32")
PIECE(store_pair_q, "stp q0, q1, [x0], #32")
PIECE(load_4, "ld4 {v0.16b-v3.16b}, [x0], #64")
PIECE(store_4, "st4 {v0.4s-v3.4s}, [x0], #64")
PIECE(load_1x4, "ld1 {v0.2d-v3.2d}, [x0], #64")
PIECE(load_3_lane, "ld3 {v0.h, v1.h, v2.h}[3], [x0], #6")
PIECE(store_3_lane, "st3 {v0.s, v1.s, v2.s}[1], [x0], #12")
PIECE(load_2_replicated, "ld2r {v0.4s, v1.4s}, [x0], #8")
PIECE(zero_block, "dc zva, x0")
PIECE(prefetch, "prfm pldl1keep, [x0]")

/* cpyp, cpym, cpye [x0]!, [x2]!, x3! and setp, setm, sete [x0]!, x3!, x1 */
PIECE(copy, ".inst 0x1d020460\n .inst 0x1d420460\n .inst 0x1d820460")
PIECE(set, ".inst 0x19c10460\n .inst 0x19c14460\n .inst 0x19c18460")

struct shape {
    const char *name;
    piece *run;
    unsigned bytes; /* that the access spans */
    bool aligned;   /* faults only on its start */
};

static const struct shape shapes[] = {
    {"ldr x", load_x, 8, false},
    {"ldr w, post", load_w_post, 4, false},
    {"ldrsh, pre", load_h_pre, 2, false},
    {"str x", store_x, 8, false},
    {"str x, post", store_x_post, 8, false},
    {"ldp x", load_pair, 16, false},
    {"ldp x, post", load_pair_post, 16, false},
    {"ldp x, base", load_pair_base, 16, false},
    {"stp x", store_pair, 16, false},
    {"stp x, pre", store_pair_pre, 16, false},
    {"ldpsw", load_pair_w, 8, false},
    {"ldr q", load_q, 16, false},
    {"str q", store_q, 16, false},
    {"ldp q", load_pair_q, 32, false},
    {"stp q", store_pair_q, 32, false},
    {"ld4", load_4, 64, false},
    {"st4", store_4, 64, false},
    {"ld1 x4", load_1x4, 64, false},
    {"ld3 lane", load_3_lane, 6, false},
    {"st3 lane", store_3_lane, 12, false},
    {"ld2r", load_2_replicated, 8, false},
};

static void set_registers(struct registers *r, u64 address)
{
    u64 seed = address;
    for (unsigned i = 0; i < 6; i++) {
        r->x[i] = random_next(&seed);
    }
    for (unsigned i = 0; i < 8; i++) {
        r->v[i] = random_next(&seed);
    }
    r->x[0] = address;
}

static u64 checksum(void)
{
    u64 sum = 0;
    for (unsigned n = 0; n < 3; n++) {
        for (u64 i = 0; i < PAGE; i += 8) {
            sum = (sum ^ *(u64 *)(pages[n] + i)) * 0x9e3779b97f4a7c15;
        }
    }
    return sum;
}

static void refill(void)
{
    for (unsigned n = 0; n < 2; n++) {
        u64 from = n == 0 ? PAGE - 128 : 0;
        for (u64 i = from; i < from + 128; i++) {
            ((u8 *)pages[n])[i] = byte_of(n * PAGE + i);
        }
    }
}

static bool same(const struct registers *a, const struct registers *b)
{
    const u64 *p = (const u64 *)a, *q = (const u64 *)b;
    for (unsigned i = 0; i < sizeof(*a) / 8; i++) {
        if (p[i] != q[i]) {
            return false;
        }
    }
    return true;
}

/* Runs the shape at the address with the pages there, then with page `missing` away. */
static void check_repeatable(const struct shape *s, u64 address, unsigned missing)
{
    struct registers whole, faulting;
    set_registers(&whole, address);
    set_registers(&faulting, address);
    refill();
    s->run(&whole);
    u64 expected = checksum();
    refill();
    set_page(missing, false);
    faults_taken = 0;
    s->run(&faulting);
    bool touches = address / PAGE == (WINDOW / PAGE + missing) ||
                   (address + s->bytes - 1) / PAGE == (WINDOW / PAGE + missing);
    if (!same(&whole, &faulting) || checksum() != expected || faults_taken != touches) {
        test_fail(__FILE__, __LINE__, s->name);
    }
    if (faults_taken) {
        CHECK(last_far >= address && last_far < address + s->bytes);
    }
    set_page(missing, true);
}

TEST(accesses_across_a_missing_page_are_repeatable)
{
    start();
    for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        for (unsigned back = 0; back <= shapes[i].bytes; back++) {
            check_repeatable(&shapes[i], BORDER - back, 1);
            check_repeatable(&shapes[i], BORDER - back, 0);
        }
    }
    stop();
}

/* ---- what the exception shows while the page is still missing */

static struct registers fault_registers;

static void run_shape(u64 index)
{
    shapes[index].run(&fault_registers);
}

TEST(base_register_is_unchanged_by_a_fault)
{
    start();
    present_after = false;
    set_page(1, false);
    for (u64 i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        u64 address = BORDER - shapes[i].bytes / 2;
        set_registers(&fault_registers, address);
        CHECK(try_call(run_shape, i, 0, 0));
        CHECK_EQ(caught()->x[0], address);
        CHECK_EQ(caught()->far & ~(PAGE - 1), BORDER);
        CHECK_EQ(caught()->esr & 63, FSC_TRANSLATION(3));
    }
    stop();
}

TEST(prefetch_does_not_fault)
{
    start();
    set_page(1, false);
    struct registers r;
    set_registers(&r, BORDER + 64);
    prefetch(&r);
    CHECK_EQ(faults_taken, 0);
    stop();
}

TEST(zeroing_a_missing_block_is_repeatable)
{
    start();
    u64 bytes = 4ull << (READ(dczid_el0) & 15);
    struct registers r;
    set_registers(&r, BORDER + bytes + 8);
    set_page(1, false);
    zero_block(&r);
    CHECK_EQ(faults_taken, 1);
    CHECK_EQ(last_esr & WNR, WNR);
    CHECK_EQ(last_far & ~(bytes - 1), BORDER + bytes);
    for (u64 i = 0; i < 3 * bytes; i++) {
        u8 expected = i >= bytes && i < 2 * bytes ? 0 : byte_of(PAGE + i);
        CHECK_EQ(((u8 *)pages[1])[i], expected);
    }
    stop();
}

/* ---- memory copy and set, over a border, with any of the pages missing */

static bool has_mops(void)
{
    return READ(id_aa64isar2_el1) >> 16 & 15;
}

static void check_copy(u64 to, u64 from, u64 size, unsigned missing)
{
    static u8 expected[3 * 4096];
    for (u64 i = 0; i < sizeof(expected); i++) {
        ((u8 *)pages[i / PAGE])[i % PAGE] = byte_of(i);
        expected[i] = byte_of(i);
    }
    for (u64 i = 0; i < size; i++) {
        expected[to - WINDOW + i] = byte_of(from - WINDOW + i);
    }
    struct registers r = {{to, 0, from, size}, {0}};
    set_page(missing, false);
    copy(&r);
    set_page(missing, true);
    CHECK_EQ(r.x[3], 0);
    for (u64 i = 0; i < sizeof(expected); i++) {
        if (((u8 *)pages[i / PAGE])[i % PAGE] != expected[i]) {
            test_equal(__FILE__, __LINE__, "copied byte", ((u8 *)pages[i / PAGE])[i % PAGE],
                       expected[i]);
            return;
        }
    }
}

TEST(memory_copy_goes_on_after_a_fault)
{
    if (!has_mops()) {
        SKIP("the CPU does not have FEAT_MOPS");
    }
    start();
    for (unsigned missing = 0; missing < 3; missing++) {
        check_copy(WINDOW + 100, WINDOW + 5000, 3500, missing);
        check_copy(WINDOW + 5000, WINDOW + 100, 5000, missing);
        check_copy(WINDOW + 3000, WINDOW + 1000, 6000, missing); /* overlapping, backwards */
        check_copy(WINDOW + 1000, WINDOW + 3000, 6000, missing);
        check_copy(WINDOW + 4090, WINDOW + 8190, 11, missing);
        check_copy(WINDOW + 1, WINDOW + 2, 12000, missing);
    }
    stop();
}

TEST(memory_set_goes_on_after_a_fault)
{
    if (!has_mops()) {
        SKIP("the CPU does not have FEAT_MOPS");
    }
    start();
    for (unsigned missing = 0; missing < 3; missing++) {
        for (u64 i = 0; i < 3 * PAGE; i++) {
            ((u8 *)pages[i / PAGE])[i % PAGE] = byte_of(i);
        }
        struct registers r = {{WINDOW + 777, 0x1a5, 0, 11000}, {0}};
        set_page(missing, false);
        set(&r);
        set_page(missing, true);
        CHECK_EQ(r.x[3], 0);
        CHECK_EQ(r.x[0], WINDOW + 777 + 11000);
        for (u64 i = 0; i < 3 * PAGE; i++) {
            u8 expected = i >= 777 && i < 11777 ? 0xa5 : byte_of(i);
            if (((u8 *)pages[i / PAGE])[i % PAGE] != expected) {
                test_equal(__FILE__, __LINE__, "set byte", ((u8 *)pages[i / PAGE])[i % PAGE],
                           expected);
                return;
            }
        }
    }
    stop();
}

/* ---- read-only pages: what writes must not have written before the fault */

static bool allow_write(struct frame *f)
{
    if (EC(f->esr) != EC_DATA_EL1 || (f->esr & 63) != FSC_PERMISSION(3)) {
        return false;
    }
    faults_taken++;
    last_esr = f->esr;
    *entry_of(f->far) &= ~(u64)PAGE_RO;
    flush_page(f->far);
    return true;
}

static void read_only(unsigned n)
{
    *entry_of(WINDOW + n * PAGE) |= PAGE_RO;
    flush_page(WINDOW + n * PAGE);
}

TEST(atomics_on_read_only_memory_fault_as_writes)
{
    start();
    on_sync(allow_write);
    u64 *p = (u64 *)(WINDOW + 64), old = *p, got, failed;
    read_only(0);
    __asm__ volatile(".arch_extension lse\n ldadd %1, %0, [%2]"
                     : "=&r"(got)
                     : "r"(5ull), "r"(p)
                     : "memory");
    CHECK_EQ(faults_taken, 1);
    CHECK_EQ(last_esr & WNR, WNR);
    CHECK_EQ(got, old);
    CHECK_EQ(*p, old + 5);
    read_only(0);
    u64 compare = 12345;
    __asm__ volatile("cas %0, %1, [%2]" : "+r"(compare) : "r"(6ull), "r"(p) : "memory");
    CHECK_EQ(faults_taken, 2); /* though it would not store */
    CHECK_EQ(compare, old + 5);
    read_only(0);
    __asm__ volatile("1: ldxr %1, [%2]\n stxr %w0, %3, [%2]\n cbnz %w0, 1b"
                     : "=&r"(failed), "=&r"(got)
                     : "r"(p), "r"(7ull)
                     : "memory");
    CHECK_EQ(faults_taken, 3);
    CHECK_EQ(*p, 7);
    stop();
}
