/* SPDX-License-Identifier: MIT */
/*
 * Cases of x86 instructions that cannot be compared with the host, with what the manual says of
 * them: Intel SDM, volume 2. By the engine that keeps nothing and by host code.
 */
#include "tests/test.h"

#include "accel/accel.h"
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
