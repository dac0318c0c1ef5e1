/* SPDX-License-Identifier: MIT */
/*
 * Big-endian data (DDI 0487, B2.3; SCTLR_EL1.EE and E0E). An access of elements of n bytes to
 * big-endian memory does what it does to little-endian memory in which each n bytes are reversed:
 * that is what each instruction is compared with.
 */
#include "tests/system/aarch64/lib/guest.h"

#define SCTLR_M 1ull
#define SCTLR_E0E (1ull << 24)
#define SCTLR_EE (1ull << 25)

enum {
    BYTES = 256
};

struct registers {
    u64 x[8]; /* x1 to x8 */
    u64 v[8]; /* v0 to v3 */
};

/*
 * Runs operation(x0: memory) with these registers, tables and SCTLR_EL1; the MMU is off while the
 * tables change. The tables are of the order that SCTLR_EL1.EE says.
 */
void run_with(void (*operation)(void), struct registers *r, void *memory, u64 sctlr, u64 root);
__asm__(".text\n"
        ".arch armv8.5-a+fp+simd\n"
        "run_with:\n"
        "stp x29, x30, [sp, #-48]!\n"
        "stp x19, x20, [sp, #16]\n"
        "stp x21, x22, [sp, #32]\n"
        "mov x19, x1\n"
        "mrs x20, sctlr_el1\n"
        "mrs x21, ttbr0_el1\n"
        "bic x22, x20, #1\n"
        "mov x16, x0\n"
        "mov x17, x3\n"
        "mov x18, x4\n"
        "mov x0, x2\n"
        "ldr x1, [x19]\n"
        "ldp x2, x3, [x19, #8]\n"
        "ldp x4, x5, [x19, #24]\n"
        "ldp x6, x7, [x19, #40]\n"
        "ldr x8, [x19, #56]\n"
        "ldp q0, q1, [x19, #64]\n"
        "ldp q2, q3, [x19, #96]\n"
        "dsb sy\n"
        "msr sctlr_el1, x22\n"
        "isb\n"
        "msr ttbr0_el1, x18\n"
        "isb\n"
        "tlbi vmalle1\n"
        "dsb sy\n"
        "isb\n"
        "msr sctlr_el1, x17\n"
        "isb\n"
        "blr x16\n"
        "dsb sy\n"
        "msr sctlr_el1, x22\n"
        "isb\n"
        "msr ttbr0_el1, x21\n"
        "isb\n"
        "tlbi vmalle1\n"
        "dsb sy\n"
        "isb\n"
        "msr sctlr_el1, x20\n"
        "isb\n"
        "str x1, [x19]\n"
        "stp x2, x3, [x19, #8]\n"
        "stp x4, x5, [x19, #24]\n"
        "stp x6, x7, [x19, #40]\n"
        "str x8, [x19, #56]\n"
        "stp q0, q1, [x19, #64]\n"
        "stp q2, q3, [x19, #96]\n"
        "ldp x21, x22, [sp, #32]\n"
        "ldp x19, x20, [sp, #16]\n"
        "ldp x29, x30, [sp], #48\n"
        "ret\n");

/* The same tables with each descriptor reversed, to that level. */
static u64 reversed_tables(const u64 *table, int level)
{
    u64 *copy = page_new();
    for (unsigned i = 0; i < 512; i++) {
        u64 d = table[i];
        if ((d & 3) == 3 && level < 3) {
            d = (d & ~0xfffffffff000ull) |
                reversed_tables((const u64 *)(d & 0xfffffffff000ull), level + 1);
        }
        copy[i] = __builtin_bswap64(d);
    }
    return (u64)copy;
}

static void reverse_elements(u8 *memory, unsigned element)
{
    for (unsigned i = 0; i < BYTES; i += element) {
        for (unsigned k = 0; k < element / 2; k++) {
            const u8 t = memory[i + k];
            memory[i + k] = memory[i + element - 1 - k];
            memory[i + element - 1 - k] = t;
        }
    }
}

/* name, bytes of an element, instructions: x0 is the memory, x1 to x8 and v0 to v3 are random. */
#define OPERATIONS(X)                                                                              \
    X(ldrb, 1, "ldrb w1, [x0, #3]")                                                                \
    X(ldrh, 2, "ldrh w1, [x0, #6]; ldrsh x2, [x0, #8]; ldrsh w3, [x0, #10]")                       \
    X(ldr_w, 4, "ldr w1, [x0, #4]; ldrsw x2, [x0, #8]; mov x5, #3; ldr w3, [x0, x5, lsl #2]")      \
    X(ldr_x, 8, "ldr x1, [x0, #8]; ldur x2, [x0, #16]; mov x5, x0; ldr x3, [x5], #8")              \
    X(strb, 1, "strb w1, [x0, #3]")                                                                \
    X(strh, 2, "strh w1, [x0, #6]; strh w2, [x0, #8]")                                             \
    X(str_w, 4, "str w1, [x0, #4]; str w2, [x0]; str wzr, [x0, #16]")                              \
    X(str_x, 8, "str x1, [x0, #8]; mov x5, x0; str x2, [x5, #32]!; ldr x3, [x0, #8]")              \
    X(ldp_w, 4, "ldp w1, w2, [x0, #8]; ldpsw x3, x4, [x0, #16]")                                   \
    X(ldp_x, 8, "ldp x1, x2, [x0, #16]; mov x5, x0; ldp x3, x4, [x5, #32]!")                       \
    X(stp_w, 4, "stp w1, w2, [x0, #8]; stp w3, w4, [x0, #24]")                                     \
    X(stp_x, 8, "stp x1, x2, [x0, #16]; stp x3, x4, [x0, #48]")                                    \
    X(ldr_h, 2, "ldr h1, [x0, #6]; ldr h2, [x0]")                                                  \
    X(ldr_s, 4, "ldr s1, [x0, #4]; ldp s2, s3, [x0, #8]")                                          \
    X(ldr_d, 8, "ldr d1, [x0, #8]; ldp d2, d3, [x0, #16]")                                         \
    X(ldr_q, 16, "ldr q1, [x0, #16]; ldp q2, q3, [x0, #32]")                                       \
    X(str_h, 2, "str h1, [x0, #6]; str h2, [x0]")                                                  \
    X(str_s, 4, "str s1, [x0, #4]; stp s2, s3, [x0, #8]")                                          \
    X(str_d, 8, "str d1, [x0, #8]; stp d2, d3, [x0, #16]")                                         \
    X(str_q, 16, "str q1, [x0, #16]; stp q2, q3, [x0, #32]")                                       \
    X(ldar, 8, "ldar x1, [x0]; stlr x2, [x0]; ldapr x3, [x0]; ldapur x4, [x0, #16]")               \
    X(ldarh, 2, "ldarh w1, [x0]; stlrh w2, [x0]; ldaprh w3, [x0]; stlurh w4, [x0, #2]")            \
    X(ldtr, 4, "ldtr w1, [x0]; sttr w2, [x0, #4]; ldtrsw x3, [x0, #8]")                            \
    X(excl_h, 2, "ldxrh w1, [x0]; stxrh w3, w2, [x0]")                                             \
    X(excl_w, 4, "ldaxr w1, [x0]; add w2, w1, #1; stlxr w3, w2, [x0]")                             \
    X(excl_x, 8, "ldxr x1, [x0]; add x2, x1, #1; stxr w3, x2, [x0]")                               \
    X(excl_pw, 4, "ldxp w1, w2, [x0]; stxp w3, w4, w5, [x0]")                                      \
    X(excl_px, 8, "ldaxp x1, x2, [x0]; stlxp w3, x4, x5, [x0]")                                    \
    X(excl_apart, 8, "ldxr x1, [x0]; cbz x1, 1f; ldr x4, [x0, #64]; 1: stxr w3, x2, [x0]")         \
    X(ldadd_h, 2, "ldaddh w1, w2, [x0]; ldsmaxh w3, w4, [x0]; staddlh w5, [x0]")                   \
    X(ldadd_w, 4, "ldaddal w1, w2, [x0]; ldumin w3, w4, [x0]; ldsmin w5, w6, [x0]")                \
    X(ldadd_x, 8, "ldadd x1, x2, [x0]; ldclr x3, x4, [x0]; ldumax x5, x6, [x0]")                   \
    X(logic_x, 8, "ldeor x1, x2, [x0]; ldset x3, x4, [x0]; ldsmax x5, x6, [x0]")                   \
    X(swp, 4, "swp w1, w2, [x0]; swpl w3, w4, [x0]")                                               \
    X(swp_x, 8, "swpal x1, x2, [x0]")                                                              \
    X(cas_w, 4, "ldr w1, [x0]; cas w1, w2, [x0]; cas w3, w4, [x0]")                                \
    X(cas_x, 8, "ldr x1, [x0]; casal x1, x2, [x0]; cas x3, x4, [x0]")                              \
    X(cas_h, 2, "ldrh w1, [x0]; cash w1, w2, [x0]")                                                \
    X(casp_w, 4, "ldp w2, w3, [x0]; casp w2, w3, w4, w5, [x0]; casp w4, w5, w6, w7, [x0]")         \
    X(casp_x, 8, "ldp x2, x3, [x0]; caspal x2, x3, x4, x5, [x0]")                                  \
    X(ld1_b, 1, "ld1 {v0.16b, v1.16b}, [x0]; ld1 {v2.8b}, [x0]; ld1r {v3.16b}, [x0]")              \
    X(ld1_h, 2, "ld1 {v0.8h, v1.8h}, [x0]; ld1 {v2.4h}, [x0]; ld1r {v3.8h}, [x0]")                 \
    X(ld1_s, 4, "ld1 {v0.4s, v1.4s}, [x0]; ld1 {v2.2s}, [x0]; ld1r {v3.4s}, [x0]")                 \
    X(ld1_d, 8, "ld1 {v0.2d, v1.2d}, [x0]; ld1 {v2.1d}, [x0]; ld1r {v3.2d}, [x0]")                 \
    X(ld2_h, 2, "ld2 {v0.8h, v1.8h}, [x0]; ld2 {v2.4h, v3.4h}, [x0]")                              \
    X(ld3_s, 4, "ld3 {v0.4s, v1.4s, v2.4s}, [x0]; ld3 {v1.s, v2.s, v3.s}[2], [x0]")                \
    X(ld4_h, 2, "ld4 {v0.8h, v1.8h, v2.8h, v3.8h}, [x0]")                                          \
    X(ld4_d, 8, "ld4 {v0.2d, v1.2d, v2.2d, v3.2d}, [x0]")                                          \
    X(ld_one, 4, "ld1 {v0.s}[1], [x0]; ld2 {v2.s, v3.s}[3], [x0]")                                 \
    X(st1_b, 1, "st1 {v0.16b, v1.16b}, [x0]; add x5, x0, #64; st1 {v2.8b}, [x5]")                  \
    X(st1_h, 2, "st1 {v0.8h, v1.8h}, [x0]; add x5, x0, #64; st1 {v2.4h}, [x5]")                    \
    X(st1_d, 8, "st1 {v0.2d, v1.2d}, [x0]; add x5, x0, #64; st1 {v2.d}[1], [x5]")                  \
    X(st2_s, 4, "st2 {v0.4s, v1.4s}, [x0]; add x5, x0, #64; st2 {v2.2s, v3.2s}, [x5]")             \
    X(st3_h, 2,                                                                                    \
      "st3 {v0.8h, v1.8h, v2.8h}, [x0]; add x5, x0, #64; st3 {v1.4h, v2.4h, v3.4h}, [x5]")         \
    X(st4_s, 4,                                                                                    \
      "st4 {v0.4s, v1.4s, v2.4s, v3.4s}, [x0]; add x5, x0, #128; st4 {v0.s, v1.s, v2.s, "          \
      "v3.s}[1], [x5]")                                                                            \
    X(dc_zva, 8, "dc zva, x0; ldr x1, [x0]; str x2, [x0, #8]")                                     \
    X(crossing, 4, "ldr w1, [x0, #60]; str w2, [x0, #64]; ldr x0, [x0, #0]; mov x0, #0")

#define DEFINE(name_, element_, text_)                                                             \
    __attribute__((naked)) static void op_##name_(void)                                            \
    {                                                                                              \
        __asm__ volatile(".arch armv8.5-a+fp+simd+lse\n" text_ "\nret");                           \
    }
OPERATIONS(DEFINE)

static const struct {
    const char *name;
    unsigned element;
    void (*run)(void);
} operations[] = {
#define ROW(name_, element_, text_) {#name_, element_, op_##name_},
    OPERATIONS(ROW)};

static u64 seed = 99;

static void fill(void *p, unsigned bytes)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        ((u64 *)p)[i] = random_next(&seed);
    }
}

static bool equal(const void *a, const void *b, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        if (((const u8 *)a)[i] != ((const u8 *)b)[i]) {
            return false;
        }
    }
    return true;
}

static void copy(void *to, const void *from, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        ((u8 *)to)[i] = ((const u8 *)from)[i];
    }
}

TEST(accesses_reverse_their_elements)
{
    if ((READ(id_aa64mmfr0_el1) >> 8 & 15) == 0) {
        SKIP("the CPU has no big-endian data");
    }
    WRITE(cpacr_el1, 3 << 20);
    isb();
    const u64 big_root = reversed_tables(kernel_root(), 0), little = READ(sctlr_el1),
              big = little | SCTLR_EE;
    u8 *const a = (u8 *)memory_new(4096), *const b = (u8 *)memory_new(4096);
    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        for (unsigned round = 0; round < 3; round++) {
            struct registers ra, rb;
            const unsigned element = operations[i].element;
            fill(a, BYTES);
            fill(&ra, sizeof(ra));
            copy(b, a, BYTES);
            copy(&rb, &ra, sizeof(ra));
            reverse_elements(b, element);
            run_with(operations[i].run, &ra, a, big, big_root);
            run_with(operations[i].run, &rb, b, little, (u64)kernel_root());
            reverse_elements(b, element);
            for (unsigned k = 0; k < 8; k++) { /* addresses, which differ */
                if (ra.x[k] - (u64)a < BYTES && rb.x[k] - (u64)b == ra.x[k] - (u64)a) {
                    rb.x[k] = ra.x[k];
                }
            }
            if (!equal(&ra, &rb, sizeof(ra)) || !equal(a, b, BYTES)) {
                test_fail(__FILE__, __LINE__, operations[i].name);
            }
        }
    }
}

/* ---- at EL0, which has its own switch */

USER static u64 user_word[2];

static void store_and_load(u64 address)
{
    u64 v = 0x0102030405060708;
    __asm__ volatile("str %0, [%1]; ldr w2, [%1]; str x2, [%1, #8]"
                     :
                     : "r"(v), "r"(address)
                     : "x2", "memory");
    el0_exit();
}

TEST(order_of_el0_is_by_its_own_bit)
{
    if ((READ(id_aa64mmfr0_el1) >> 8 & 15) == 0) {
        SKIP("the CPU has no big-endian data");
    }
    const u64 sctlr = READ(sctlr_el1);
    WRITE(sctlr_el1, sctlr | SCTLR_E0E);
    isb();
    try_el0(store_and_load, (u64)user_word, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    CHECK_EQ(LOAD(&user_word[0]), 0x0807060504030201); /* EL1 stays little-endian */
    CHECK_EQ(LOAD(&user_word[1]), __builtin_bswap64(0x01020304));
    WRITE(sctlr_el1, sctlr);
    isb();
    try_el0(store_and_load, (u64)user_word, 0);
    CHECK_EQ(LOAD(&user_word[0]), 0x0102030405060708);
    CHECK_EQ(LOAD(&user_word[1]), 0x05060708);
}
