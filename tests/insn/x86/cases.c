/* SPDX-License-Identifier: MIT */
/*
 * Cases of x86 instructions that cannot be compared with the host, with what the manual says of
 * them: Intel SDM, volume 2. By the engine that keeps nothing and by host code.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "tests/support/x86_case.h"

static struct x86_batch batch;
static struct x86_results results;

/* Runs one case of those bytes, with RAX to RBX given, and behind it a breakpoint. */
static const struct x86_record *run(unsigned mode, const char *bytes, size_t n,
                                    const struct accel_config *config)
{
    batch = (struct x86_batch){.mode = mode, .count = 1};
    memset(batch.code, 0xcc, sizeof(batch.code));
    memcpy(batch.code + 64, bytes, n);
    batch.cases[0] = (struct x86_case){.r = {1, 2, 3, 4, X86_CASE_DATA + X86_CASE_WINDOW + 256},
                                       .rflags = 0x202,
                                       .rip = mode == 2 ? 64 : X86_CASE_CODE + 64};
    return x86_guest_run(&batch, config, &results) ? &results.record[0] : NULL;
}

static const struct accel_config *const engines[] = {NULL, &(const struct accel_config){0}};

#define RUN(mode, bytes, e) run((mode) / 8, bytes, sizeof(bytes) - 1, engines[e])
#define EXPECT(mode, bytes, vector_, error_, rip_)                                                 \
    for (unsigned e = 0; e < 2; e++) {                                                             \
        const struct x86_record *r = RUN(mode, bytes, e);                                          \
        REQUIRE(r);                                                                                \
        CHECK_EQ(r->vector, vector_);                                                              \
        CHECK_EQ(r->error, error_);                                                                \
        CHECK_EQ(r->rip - X86_CASE_CODE - 64, rip_);                                               \
    }

TEST(gathers_have_three_registers)
{
    EXPECT(64, "\xc4\xe2\x69\x90\x0c\x08", 6, 0, 0); /* vpgatherdd xmm1,[rax+xmm1],xmm2 */
    EXPECT(64, "\xc4\xe2\x69\x90\x14\x08", 6, 0, 0); /* vpgatherdd xmm2,[rax+xmm1],xmm2 */
    EXPECT(64, "\xc4\xe2\x71\x90\x14\x08", 6, 0, 0); /* vpgatherdd xmm2,[rax+xmm1],xmm1 */
}

TEST(system_calls_that_are_not_set_up)
{
    EXPECT(64, "\x0f\x34", 6, 0, 0);              /* sysenter: AMD's have none in long mode */
    EXPECT(64, "\x48\x0f\x07", 13, 0, 0);         /* sysret */
    EXPECT(64, "\x0f\x01\xcb", 6, 0, 0);          /* stac */
    EXPECT(64, "\x0f\x01\xd0", 13, 0, 0);         /* xgetbv of XCR2 */
    EXPECT(64, "\x0f\x01\xee", 6, 0, 0);          /* rdpkru, without CR4.PKE */
    EXPECT(64, "\x66\x0f\x38\x82\x00", 13, 0, 0); /* invpcid */
}

TEST(longer_instructions_than_15_bytes_are_general_protection)
{
    EXPECT(64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", 3, 0, 16);
    EXPECT(64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", 13, 0, 0);
}

TEST(int1_is_a_trap_behind_itself)
{
    EXPECT(64, "\xf1", 1, 0, 1);
}

TEST(vectors_that_programs_may_not_use_are_named_in_the_error_code)
{
    EXPECT(64, "\xcd\x0d", 13, 13 * 8 + 2, 0);
    EXPECT(32, "\xcd\x40", 13, 0x40 * 8 + 2, 0);
}

TEST(privileged_instructions_are_general_protection)
{
    EXPECT(64, "\xf4", 13, 0, 0);         /* hlt */
    EXPECT(64, "\x0f\x20\xc0", 13, 0, 0); /* mov rax, cr0 */
    EXPECT(64, "\x0f\x32", 13, 0, 0);     /* rdmsr */
    EXPECT(64, "\x0f\x01\xf8", 13, 0, 0); /* swapgs */
    EXPECT(64, "\xe4\x10", 13, 0, 0);     /* in al, 16 */
    EXPECT(64, "\x0f\x01\x01", 13, 0, 0); /* sgdt, with CR4.UMIP */
}

TEST(page_faults_say_what_was_tried)
{
    EXPECT(64, "\xa1\0\0\0\x40\0\0\0\0", 14, 4, 0);           /* read of nothing, by user */
    EXPECT(64, "\xa3\0\0\0\x40\0\0\0\0", 14, 6, 0);           /* write */
    EXPECT(64, "\xa3\0\x90\0\x10\0\0\0\0", 14, 7, 0);         /* write to what is the system's */
    EXPECT(64, "\xb8\0\0\x01\x20\xff\xe0", 14, 0x15, 0xffc0); /* fetch from data */
}

/* Host code makes the flags again from their operands, ESI and EBX, when BTC faults; in R10 there
 * are the low bits of ESI. */
TEST(flags_before_a_fault_are_those_of_the_instruction_before)
{
    static const char code[] = "\x46\x0f\xb6\xd6"     /* movzx r10d, sil */
                               "\x39\xd2"             /* cmp edx, edx */
                               "\x0f\xba\xff\x2f"     /* btc edi, 0x2f */
                               "\x39\xde"             /* cmp esi, ebx */
                               "\x0f\xbb\x19"         /* btc [rcx], ebx */
                               "\x39\xdb"             /* cmp ebx, ebx */
                               "\x26\x44\x0f\xbc\x82" /* bsf r8d, [rdx - 0x2c3fa432] */
                               "\xce\x5b\xc0\xd3"
                               "\x39\xca"                 /* cmp edx, ecx */
                               "\x66\x0f\xc1\xe1"         /* xadd cx, sp */
                               "\x39\xd4"                 /* cmp esp, edx */
                               "\x0f\xae\xf7"             /* sfence */
                               "\xf2\x66\x4a\x0f\x12\xe7" /* movddup xmm4, xmm7 */
                               "\x39\xc7";                /* cmp edi, eax */
    for (unsigned e = 0; e < 2; e++) {
        batch = (struct x86_batch){.mode = 8, .count = 1};
        memset(batch.code, 0xcc, sizeof(batch.code));
        memcpy(batch.code + 64, code, sizeof(code) - 1);
        batch.cases[0] = (struct x86_case){.rflags = 0x202, .rip = X86_CASE_CODE + 64};
        batch.cases[0].r[X86_RCX] = 2;
        batch.cases[0].r[X86_RBX] = 0x7fff;
        batch.cases[0].r[X86_RSI] = 0x853201a0;
        REQUIRE(x86_guest_run(&batch, engines[e], &results));
        CHECK_EQ(results.record[0].vector, 14);
        CHECK_EQ(results.record[0].rflags & X86_STATUS, X86_SF | X86_AF);
    }
}

TEST(bases_of_fs_and_gs_can_be_read_back)
{
    for (unsigned e = 0; e < 2; e++) {
        /* wrfsbase rbx; mov rax, 0x123456789a; wrgsbase rax; rdfsbase rcx; rdgsbase rdx */
        const struct x86_record *r = RUN(
            64,
            "\xf3\x48\x0f\xae\xd3\x48\xb8\x9a\x78\x56\x34\x12\0\0\0"
            "\xf3\x48\x0f\xae\xd8\xf3\x48\x0f\xae\xc1\xf3\x48\x0f\xae\xca",
            e);
        REQUIRE(r);
        CHECK_EQ(r->vector, 3);
        CHECK_EQ(r->r[1], 4);
        CHECK_EQ(r->r[2], UINT64_C(0x123456789a));
    }
}

TEST(cpuid_names_its_features)
{
    for (unsigned e = 0; e < 2; e++) {
        const struct x86_record *r = RUN(64, "\xb8\1\0\0\0\x31\xc9\x0f\xa2", e);
        REQUIRE(r);
        CHECK_EQ(r->vector, 3);
        CHECK(r->r[X86_RDX] >> 15 & 1); /* CMOV */
        CHECK(r->r[X86_RCX] >> 23 & 1); /* POPCNT */
        CHECK(r->r[X86_RDX] >> 25 & 1); /* SSE */
        /* The same with another ECX, which counts for a few leaves only. */
        const uint64_t features = r->r[X86_RDX];
        const struct x86_record *again = RUN(64, "\xb8\1\0\0\0\xb9\x63\x41\x4d\x44\x0f\xa2", e);
        REQUIRE(again);
        CHECK_EQ(again->r[X86_RDX], features);
    }
}

TEST(cpuid_looks_at_ecx_only_for_leaves_that_have_more)
{
    for (unsigned e = 0; e < 2; e++) {
        /* mov eax, 1; mov ecx, "ABCD"; cpuid */
        const struct x86_record *r = RUN(64, "\xb8\1\0\0\0\xb9\x41\x42\x43\x44\x0f\xa2", e);
        REQUIRE(r);
        CHECK(r->r[X86_RDX] >> 15 & 1); /* CMOV */
        r = RUN(64, "\xb8\7\0\0\0\xb9\1\0\0\0\x0f\xa2", e);
        REQUIRE(r);
        CHECK_EQ(r->r[X86_RBX] & 1, 0); /* FSGSBASE is of subleaf 0 */
    }
}

/* ---- x87: volume 1, 8.5; volume 2, FPREM1, FSCALE, FYL2X */

struct x87_case {
    const char *bytes;
    uint16_t control;
    struct x87_number {
        uint16_t high;
        uint64_t low;
    } st0, st1, result; /* in ST(0) afterwards */
    uint16_t status;    /* before it 0x700: C0, C1, C2; TOP is 0 */
};

static struct x87_number number_of(const struct x86_record *r, unsigned n)
{
    const uint8_t *p = r->fx + X86_FX_ST + 16 * n;
    return (struct x87_number){load_le16(p + 8), load_le64(p)};
}

static uint64_t memory; /* what RAX points to */

static const struct x86_record *run_x87(const struct x87_case *x, const struct accel_config *config)
{
    struct x86_case *c = &batch.cases[0];
    batch = (struct x86_batch){.mode = 8, .count = 1};
    memset(batch.code, 0xcc, sizeof(batch.code));
    memcpy(batch.code + 64, x->bytes, 2);
    store_le64(batch.data + X86_CASE_WINDOW, memory);
    *c = (struct x86_case){
        .r = {X86_CASE_DATA + X86_CASE_WINDOW}, .rflags = 0x202, .rip = X86_CASE_CODE + 64};
    store_le16(c->fx, x->control);
    store_le16(c->fx + 2, 0x700);
    c->fx[4] = 0xff;
    store_le32(c->fx + X86_FX_MXCSR, 0x1f80);
    c->fx[X86_FX_HEADER] = 3;
    store_le64(c->fx + X86_FX_ST, x->st0.low);
    store_le16(c->fx + X86_FX_ST + 8, x->st0.high);
    store_le64(c->fx + X86_FX_ST + 16, x->st1.low);
    store_le16(c->fx + X86_FX_ST + 24, x->st1.high);
    return x86_guest_run(&batch, config, &results) ? &results.record[0] : NULL;
}

static void check_x87(const struct x87_case *cases, unsigned count)
{
    for (unsigned n = 0; n < 2 * count; n++) {
        const struct x87_case *x = &cases[n / 2];
        const struct x86_record *r = run_x87(x, engines[n % 2]);
        REQUIRE(r);
        const struct x87_number st0 = number_of(r, 0);
        CHECK_MSG(load_le16(r->fx + 2) == x->status && st0.high == x->result.high &&
                      st0.low == x->result.low,
                  "case %u: %04x, ST(0) %04x:%016" PRIx64, n / 2, load_le16(r->fx + 2), st0.high,
                  st0.low);
    }
}

#define BIT63 (UINT64_C(1) << 63)
#define FMUL "\xd8\xc9"
#define FDIV "\xd8\xf1"
#define FADD "\xd8\xc1"
#define FSCALE "\xd9\xfd"
#define FPREM "\xd9\xf8"
#define FPREM1 "\xd9\xf5"
#define FYL2X "\xd9\xf1"
#define FYL2XP1 "\xd9\xf9"
#define F2XM1 "\xd9\xf0"
#define FST_M64 "\xdd\x10"

TEST(exponents_of_overflows_and_underflows_that_are_not_masked_are_wrapped)
{
    static const struct x87_case cases[] = {
        /* Up or down by 24576; exact ones raise no PE. */
        {FMUL, 0x377, {0x7ffe, BIT63}, {0x4000, BIT63}, {0x1fff, BIT63}, 0x8588},
        {FMUL, 0x36f, {0x0001, BIT63}, {0xbffe, BIT63}, {0xe000, BIT63}, 0x8590},
        {FMUL, 0x37f, {0x0001, BIT63}, {0xbffe, BIT63}, {0x8000, BIT63 >> 1}, 0x500},
        {FDIV, 0x36f, {0x0001, BIT63 | 1}, {0x4000, BIT63}, {0x6000, BIT63 | 1}, 0x8590},
        {FADD, 0x36f, {0x0001, BIT63 | 1}, {0x8001, BIT63}, {0x5fc2, BIT63}, 0x8590},
        {FMUL,
         0x377,
         {0x7ffe, BIT63 | 1},
         {0x4000, 3 * (BIT63 >> 1)},
         {0x1fff, 0xc000000000000002},
         0x87a8},
        {FSCALE, 0x377, {0x3fff, BIT63 | 1}, {0x400d, BIT63}, {0x1fff, BIT63 | 1}, 0x8588},
        {FSCALE, 0x36f, {0x3fff, BIT63 | 1}, {0xc00d, BIT63}, {0x5fff, BIT63 | 1}, 0x8590},
        /* By more than that. */
        {FSCALE, 0x377, {0xbfff, BIT63}, {0x400f, BIT63}, {0xffff, BIT63}, 0x87a8},
        {FSCALE, 0x36f, {0xbfff, BIT63}, {0xc00f, BIT63}, {0x8000, 0}, 0x85b0},
        {FPREM, 0x36f, {0x0001, BIT63 | 1}, {0x0001, BIT63}, {0x5fc2, BIT63}, 0x8290},
        {F2XM1, 0x36f, {0x0001, BIT63}, {0, 0}, {0x6000, 0xb17217f7d1cf79ac}, 0x87b0},
    };
    check_x87(cases, array_len(cases));
}

TEST(nothing_is_stored_that_underflows_unmasked_even_if_it_is_exact)
{
    static const struct x87_case tiny = {FST_M64, 0x36f,           {0x3bff, BIT63},
                                         {0, 0},  {0x3bff, BIT63}, 0x8590};
    check_x87(&tiny, 1);
    CHECK_EQ(load_le64(results.record[0].window), 0u);
}

TEST(logarithms_overflow_and_underflow_by_the_rounding_mode)
{
    static const struct x87_case cases[] = {
        {FYL2X, 0xf7f, {0x4014, BIT63 | BIT63 >> 1}, {0x7ffe, BIT63}, {0, 0}, 0xd28},
        {FYL2X, 0x37f, {0x4014, BIT63 | BIT63 >> 1}, {0x7ffe, BIT63}, {0, 0}, 0xf28},
    };
    for (unsigned n = 0; n < 2 * array_len(cases); n++) {
        const struct x86_record *r = run_x87(&cases[n / 2], engines[n % 2]);
        REQUIRE(r);
        CHECK_EQ(load_le16(r->fx + 2), cases[n / 2].status);
        CHECK_EQ(number_of(r, 0).high, n / 2 ? 0x7fff : 0x7ffe);
    }
}

TEST(a_logarithm_near_the_least_numbers_has_all_its_digits)
{
    static const struct x87_case tiny = {FYL2XP1, 0x37f, {0, 1}, {0x7ffe, BIT63}, {0, 0}, 0};
    for (unsigned e = 0; e < 2; e++) {
        const struct x86_record *r = run_x87(&tiny, engines[e]);
        REQUIRE(r);
        CHECK_EQ(number_of(r, 0).high, 0x3fc1);
        CHECK(number_of(r, 0).low - UINT64_C(0xb8aa3b295c17f0bb) + 1 <= 2);
    }
}

/* Table 4-7: of a quiet NaN and a signaling one the quiet one. */
TEST(a_signaling_operand_in_memory_gives_way_to_a_quiet_one)
{
    static const struct x87_case cases[] = {
        {"\xd8\x30", 0x37f, {0xffff, 3 * (BIT63 >> 1)}, {0, 0}, {0xffff, 3 * (BIT63 >> 1)}, 0x501},
        {"\xdc\x30", 0x77f, {0xffff, 3 * (BIT63 >> 1)}, {0, 0}, {0xffff, 3 * (BIT63 >> 1)}, 0x501},
    };
    memory = UINT64_C(0x7ff5ec0e7fb5ec0e); /* by either size */
    check_x87(cases, array_len(cases));
    memory = 0;
}

TEST(an_exception_before_a_remainder_leaves_its_codes)
{
    static const struct x87_case cases[] = {
        {FPREM1, 0x37d, {0x4000, BIT63}, {0, 1}, {0x4000, BIT63}, 0x8182},
        {FPREM, 0x37d, {0x4000, BIT63}, {0, 1}, {0x4000, BIT63}, 0x8182},
        {FPREM, 0x37e, {0x4000, BIT63}, {0, 0}, {0x4000, BIT63}, 0x8181},
    };
    check_x87(cases, array_len(cases));
}

/* ---- SSE: volume 1, 4.9.1.5 */

TEST(dot_products_and_halves_that_are_tiny_are_exceptions_if_that_is_not_masked)
{
    static const struct {
        const char *bytes;
        uint64_t x, y;
        uint64_t mxcsr, vector;
    } cases[] = {
        {"\x66\x0f\x3a\x41\xc1\x11", 1ull << 52, 0x3fe0ull << 48, 0x1780, 19}, /* dppd xmm0, xmm1 */
        {"\x66\x0f\x3a\x41\xc1\x11", 1ull << 52, 0x3fe0ull << 48, 0x1f80, 3},
        {"\x66\x0f\x3a\x40\xc1\x11", 1ull << 23, 0x3f000000, 0x1780, 19}, /* dpps */
        {"\xc4\xe3\x79\x1d\xc8\x00", 0, 0x38000000, 0x1780, 19},          /* vcvtps2ph xmm0, xmm1 */
        {"\xc4\xe3\x79\x1d\xc8\x00", 0, 0x38000000, 0x1f80, 3},
    };
    for (unsigned n = 0; n < 2 * array_len(cases); n++) {
        struct x86_case *c = &batch.cases[0];
        batch = (struct x86_batch){.mode = 8, .count = 1};
        memset(batch.code, 0xcc, sizeof(batch.code));
        memcpy(batch.code + 64, cases[n / 2].bytes, 6);
        *c = (struct x86_case){.rflags = 0x202, .rip = X86_CASE_CODE + 64};
        store_le32(c->fx + X86_FX_MXCSR, (uint32_t)cases[n / 2].mxcsr);
        c->fx[X86_FX_HEADER] = 3;
        store_le64(c->fx + X86_FX_XMM, cases[n / 2].x);
        store_le64(c->fx + X86_FX_XMM + 16, cases[n / 2].y);
        REQUIRE(x86_guest_run(&batch, engines[n % 2], &results));
        CHECK_EQ(results.record[0].vector, cases[n / 2].vector);
        CHECK_EQ(load_le32(results.record[0].fx + X86_FX_MXCSR) & 0x10,
                 cases[n / 2].vector == 19 ? 0x10u : 0);
    }
}

/* APM, volume 4, XRSTOR: reserved bits of the header. */
TEST(bit_63_of_components_that_are_there_is_reserved)
{
    static const char xrstor[] = "\x0f\xae\x2c\x24"; /* [rsp] */
    for (unsigned n = 0; n < 4; n++) {
        uint8_t *image = batch.data + X86_CASE_WINDOW + 256;
        batch = (struct x86_batch){.mode = 8, .count = 1};
        memset(batch.code, 0xcc, sizeof(batch.code));
        memcpy(batch.code + 64, xrstor, 4);
        batch.cases[0] = (struct x86_case){.r = {[X86_RSP] = X86_CASE_DATA + X86_CASE_WINDOW + 256},
                                           .rflags = 0x202,
                                           .rip = X86_CASE_CODE + 64};
        store_le64(image + X86_FX_HEADER, (uint64_t)(n / 2) << 63);
        store_le64(image + X86_FX_HEADER + 8, BIT63 | 2);
        REQUIRE(x86_guest_run(&batch, engines[n % 2], &results));
        CHECK_EQ(results.record[0].vector, n / 2 ? 13u : 3u);
    }
}

TEST(instructions_are_disassembled_by_their_mode)
{
    static const struct {
        uint64_t key;
        const char *text;
    } modes[] = {{0, "push ax"}, {1, "push eax"}, {2, "push rax"}};
    for (unsigned k = 0; k < 3; k++) {
        char text[100];
        const uint8_t byte = 0x50;
        CHECK_EQ(x86_cpu_class.disas(modes[k].key, &byte, 1, 0, text, sizeof(text)), 1);
        CHECK_STR(text, modes[k].text);
    }
}
