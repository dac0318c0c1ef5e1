/* SPDX-License-Identifier: MIT */
/*
 * The decoder that decgen makes of an opcode map, on the sample tests/decode/xs.opmap: look-up,
 * lengths, operands, features. The semantic functions are dummies here.
 * tests/insn/x86/decoder.c compares it with other disassemblers.
 */
#include "tests/test.h"

#include "base/rng.h"
#include "cpu/x86/disas.h"
#include "tests/decode/xs_decode.h"

/* What the dummies note. */
struct xs_block {
    bool missing[XS_FEAT_COUNT];
    const char *called;
    uint8_t operands[X86_MAX_OPERANDS * sizeof(struct x86_operand)];
};

#define DUMMY(name)                                                                                \
    void xs_##name(struct xs_block *c, const struct x86_instr *i, const struct xs_##name *a)       \
    {                                                                                              \
        _Static_assert(sizeof(*a) <= sizeof(c->operands), "room for the operands");                \
        c->called = i->bytes ? #name : "";                                                         \
        memcpy(c->operands, a, sizeof(*a));                                                        \
    }
XS_ROWS(DUMMY)
#undef DUMMY

bool xs_feature(const struct xs_block *c, enum xs_feat feat)
{
    return !c->missing[feat];
}

static const unsigned modes[3] = {2, 4, 8};

/* Decodes bytes as code of the mode; the text is "undefined" or so when it is none. */
static const char *text_of(unsigned mode, const char *bytes, size_t n, struct x86_instr *i)
{
    static const char *const failures[] = {"", "undefined", "short", "long"};
    static char text[120];
    struct x86_out out;
    x86_out_init(&out, text, sizeof(text), 0x1000);
    const enum x86_status status = xs_decode(mode, (const uint8_t *)bytes, n, i);
    if (status != X86_OK) {
        return failures[status];
    }
    if (i->bytes != n) {
        return "other length";
    }
    xs_row_print(&out, i);
    return text;
}

#define TEXT(mode, bytes) text_of((mode) / 8, bytes, sizeof(bytes) - 1, &i)

TEST(each_row_decodes_instructions_of_its_own)
{
    struct rng rng;
    struct xs_coverage map = {{0}};
    rng_seed(&rng, test_seed());
    for (unsigned k = 0; k < 60 * XS_ROW_COUNT; k++) {
        const unsigned row = k % XS_ROW_COUNT, mode = modes[k / XS_ROW_COUNT % 3];
        struct xs_block c = {.called = ""};
        struct x86_instr i;
        uint8_t bytes[15];
        const unsigned n = xs_random_row(&rng, row, mode, bytes);
        CHECK_MSG((n != 0) == ((xs_rows[row].modes & mode) != 0), "%s in %u-bit code: %u bytes",
                  xs_rows[row].name, 8 * mode, n);
        if (n) {
            CHECK_EQ(xs_translate(&c, mode, bytes, n, &i), X86_OK);
            CHECK_EQ(i.row, row);
            CHECK_EQ(i.bytes, n);
            CHECK_MSG(*c.called && strncmp(c.called, xs_rows[row].name, strlen(c.called)) == 0,
                      "%s called %s", xs_rows[row].name, c.called);
            xs_cover(&map, i.row);
        }
    }
    for (unsigned row = 0; row < XS_ROW_COUNT; row++) {
        CHECK_MSG(xs_covered(&map, row), "no instruction of row %s", xs_rows[row].name);
    }
}

/* The most specific of all rows that match. */
static unsigned search(const struct x86_instr *i)
{
    unsigned best = XS_ROW_NONE;
    int best_bits = -1;
    for (unsigned row = 0; row < XS_ROW_COUNT; row++) {
        const int bits = __builtin_popcountll(xs_rows[row].mask);
        if (bits > best_bits && xs_row_matches(row, i)) {
            best = row;
            best_bits = bits;
        }
    }
    return best;
}

TEST(tree_agrees_with_a_search_of_all_rows)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned k = 0; k < 200 * XS_ROW_COUNT; k++) {
        struct x86_instr i, begun;
        uint8_t bytes[15];
        const unsigned mode = modes[k % 3];
        rng_bytes(&rng, bytes, sizeof(bytes));
        if (k & 1) {
            xs_random_row(&rng, k / 2 % XS_ROW_COUNT, mode, bytes);
            bytes[rng_below(&rng, 5)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        }
        if (x86_begin(&begun, &xs_map, mode, bytes, sizeof(bytes)) == X86_OK) {
            const unsigned want = search(&begun);
            const enum x86_status status = xs_decode(mode, bytes, sizeof(bytes), &i);
            CHECK_MSG(status == X86_OK ? i.row == want
                                       : status != X86_UNDEFINED || want == XS_ROW_NONE ||
                                             x86_finish(&begun, &xs_map, want) != X86_OK,
                      "row %u, not %u", i.row, want);
        }
    }
}

/*
 * Random bytes in buffers that end after each number of bytes: nothing behind is read (a sanitizer
 * sees that), at most 15 are needed, what is asked for leads to the end, and more bytes change
 * nothing.
 */
TEST(decoder_reads_no_more_than_it_is_given)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned k = 0; k < 30000 * test_scale(); k++) {
        const unsigned mode = modes[k % 3];
        uint8_t bytes[20];
        struct x86_instr i, whole;
        rng_bytes(&rng, bytes, sizeof(bytes));
        if (k & 4) {
            xs_random_row(&rng, k / 8 % XS_ROW_COUNT, mode, bytes);
        }
        const enum x86_status want = xs_decode(mode, bytes, sizeof(bytes), &whole);
        CHECK(want != X86_SHORT);
        size_t have = 0;
        for (enum x86_status status = X86_SHORT; status == X86_SHORT;) {
            uint8_t *part = malloc(have ? have : 1);
            memcpy(part, bytes, have);
            status = xs_decode(mode, part, have, &i);
            free(part);
            CHECK_EQ(status == X86_SHORT ? want : status, want);
            CHECK(status != X86_SHORT || (i.bytes > have && i.bytes <= X86_MAX_BYTES));
            REQUIRE(status != X86_SHORT || i.bytes > have);
            have = i.bytes;
        }
        CHECK(want != X86_OK || (i.bytes == whole.bytes && i.bytes <= X86_MAX_BYTES));
    }
}

TEST(fifteen_bytes_are_the_limit)
{
    struct x86_instr i;
    CHECK_STR(TEXT(64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"), "nop");
    CHECK_STR(TEXT(64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"), "long");
    CHECK_STR(TEXT(64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x05\x01\x02"),
              "long");
    CHECK_STR(TEXT(64, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"), "short");
    CHECK_EQ(i.bytes, 15);
}

TEST(operand_and_address_sizes_follow_mode_and_prefixes)
{
    struct x86_instr i;
    CHECK_STR(TEXT(16, "\x01\xd8"), "add ax,bx");
    CHECK_STR(TEXT(16, "\x66\x01\xd8"), "add eax,ebx");
    CHECK_STR(TEXT(32, "\x66\x01\xd8"), "add ax,bx");
    CHECK_STR(TEXT(64, "\x48\x01\xd8"), "add rax,rbx");
    CHECK_STR(TEXT(64, "\x66\x48\x01\xd8"), "add rax,rbx"); /* REX.W prevails */
    CHECK_STR(TEXT(64, "\x48\x66\x01\xd8"), "add ax,bx");   /* a REX prefix too early */
    CHECK_STR(TEXT(16, "\x8b\x42\x10"), "mov ax,WORD PTR [bp+si+0x10]");
    CHECK_STR(TEXT(16, "\x67\x8b\x44\x88\x10"), "mov ax,WORD PTR [eax+ecx*4+0x10]");
    CHECK_STR(TEXT(64, "\x8b\x05\x10\x00\x00\x00"), "mov eax,DWORD PTR [rip+0x10]");
    CHECK_STR(TEXT(32, "\x8b\x05\x10\x00\x00\x00"), "mov eax,DWORD PTR ds:0x10");
    CHECK_STR(TEXT(64, "\x48\xb8\x88\x77\x66\x55\x44\x33\x22\x11"),
              "movabs rax,0x1122334455667788");
    CHECK_STR(TEXT(64, "\x48\x05\x00\x00\x00\x80"), "add rax,0xffffffff80000000");
}

TEST(mandatory_prefixes_tell_instructions_apart)
{
    struct x86_instr i;
    CHECK_STR(TEXT(64, "\x0f\x58\xc1"), "addps xmm0,xmm1");
    CHECK_STR(TEXT(64, "\x66\x0f\x58\xc1"), "addpd xmm0,xmm1");
    CHECK_STR(TEXT(64, "\x66\xf3\x0f\x58\xc1"), "addss xmm0,xmm1");  /* F3 goes before 66 */
    CHECK_STR(TEXT(64, "\x66\xf2\x0f\x38\xf1\xc1"), "crc32 eax,cx"); /* and 66 is a size then */
    CHECK_STR(TEXT(64, "\x66\x0f\x38\xf6\xc1"), "adcx eax,ecx");     /* here it is not */
    CHECK_STR(TEXT(64, "\xf3\x0f\xbc\xc1"), "tzcnt eax,ecx");
    CHECK_STR(TEXT(64, "\xf2\x0f\xbc\xc1"), "bsf eax,ecx");
    CHECK_STR(TEXT(64, "\xf3\x90"), "pause");
    CHECK_STR(TEXT(64, "\x41\x90"), "xchg r8d,eax");
}

TEST(lock_is_for_listed_instructions_with_memory)
{
    struct x86_instr i;
    CHECK_STR(TEXT(64, "\xf0\x01\x18"), "lock add DWORD PTR [rax],ebx");
    CHECK_STR(TEXT(64, "\xf0\x01\xd8"), "undefined");
    CHECK_STR(TEXT(64, "\xf0\x03\x18"), "undefined");
    CHECK_STR(TEXT(64, "\xf0\x90"), "undefined");
}

TEST(instructions_may_depend_on_the_mode)
{
    struct x86_instr i;
    CHECK_STR(TEXT(32, "\x40"), "inc eax");
    CHECK_STR(TEXT(64, "\x40"), "short"); /* a REX prefix */
    CHECK_STR(TEXT(64, "\x27"), "undefined");
    CHECK_STR(TEXT(32, "\x0f\x05"), "undefined");
    CHECK_STR(TEXT(64, "\x0f\x05"), "syscall");
    CHECK_STR(TEXT(32, "\x63\xc8"), "arpl ax,cx");
    CHECK_STR(TEXT(64, "\x63\xc8"), "movsxd ecx,eax");
    CHECK_STR(TEXT(32, "\xc5\x08"), "lds ecx,FWORD PTR [eax]");
    CHECK_STR(TEXT(32, "\xc5\xf8\x77"), "vzeroupper");
    CHECK_STR(TEXT(64, "\x55"), "push rbp");
    CHECK_STR(TEXT(64, "\x66\x55"), "push bp");
    CHECK_STR(TEXT(64, "\x66\xe8\x00\x00\x00\x00"), "call 0x1006");
    CHECK_STR(TEXT(64, "\x67\xe3\xfd"), "jecxz 0x1000");
}

TEST(vex_names_three_registers_and_length)
{
    struct x86_instr i;
    CHECK_STR(TEXT(64, "\xc5\xe8\x58\xcb"), "vaddps xmm1,xmm2,xmm3");
    CHECK_STR(TEXT(64, "\xc5\xec\x58\xcb"), "vaddps ymm1,ymm2,ymm3");
    CHECK_STR(TEXT(64, "\xc5\x6c\x58\x08"), "vaddps ymm9,ymm2,YMMWORD PTR [rax]");
    CHECK_STR(TEXT(64, "\x66\xc5\xe8\x58\xcb"), "undefined"); /* prefixes before VEX */
    CHECK_STR(TEXT(64, "\x40\xc5\xe8\x58\xcb"), "undefined");
    CHECK_STR(TEXT(64, "\xc4\xe2\x68\xf2\xcb"), "andn ecx,edx,ebx");
    CHECK_STR(TEXT(64, "\xc4\xe2\xe8\xf2\xcb"), "andn rcx,rdx,rbx");
    CHECK_STR(TEXT(32, "\xc4\xe2\xe8\xf2\xcb"), "andn ecx,edx,ebx");
    CHECK_STR(TEXT(64, "\xc4\xe2\x6c\xf2\xcb"), "undefined"); /* L */
    CHECK_STR(TEXT(64, "\xc5\xf9\x6f\xc1"), "undefined");     /* not in the sample */
    CHECK_STR(TEXT(64, "\xc4\xe3\x71\x4a\xc2\x30"), "vblendvps xmm0,xmm1,xmm2,xmm3");
    CHECK_STR(TEXT(64, "\xc4\xe2\x69\x92\x0c\x98"), "vgatherdps xmm1,DWORD PTR [rax+xmm3*4],xmm2");
    CHECK_STR(TEXT(64, "\xc4\xe2\x71\x92\x0c\x98"), "undefined"); /* result is the mask */
    CHECK_STR(TEXT(64, "\xc4\xe2\x69\x92\x08"), "undefined");     /* no SIB */
}

TEST(modrm_forms_select_rows)
{
    struct x86_instr i;
    CHECK_STR(TEXT(64, "\x0f\x01\xd0"), "xgetbv");
    CHECK_STR(TEXT(64, "\x0f\x01\x10"), "lgdt [rax]");
    CHECK_STR(TEXT(64, "\x0f\x12\xc1"), "movhlps xmm0,xmm1");
    CHECK_STR(TEXT(64, "\x0f\x12\x01"), "movlps xmm0,QWORD PTR [rcx]");
    CHECK_STR(TEXT(64, "\xd9\xe8"), "fld1");
    CHECK_STR(TEXT(64, "\xd8\xc3"), "fadd st,st(3)");
    CHECK_STR(TEXT(64, "\x8d\xc0"), "undefined");       /* LEA of a register */
    CHECK_STR(TEXT(64, "\x0f\x20\x05"), "mov rbp,cr0"); /* mod is ignored */
    CHECK_STR(TEXT(64, "\x66\x0f\x3a\x14\xc1\x02"), "pextrb ecx,xmm0,0x2");
    CHECK_STR(TEXT(64, "\x66\x0f\x3a\x14\x01\x02"), "pextrb BYTE PTR [rcx],xmm0,0x2");
}

TEST(operands_reach_the_semantic_function)
{
    struct xs_block c = {.called = NULL};
    struct x86_instr i;
    /* lock add dword [fs: r9 + rbp * 8 - 4], r10d */
    const uint8_t code[] = {0xf0, 0x64, 0x45, 0x01, 0x54, 0xe9, 0xfc};
    CHECK_EQ(xs_translate(&c, 8, code, sizeof(code), &i), X86_OK);
    CHECK_STR(c.called, "add");
    struct xs_add a;
    memcpy(&a, c.operands, sizeof(a));
    CHECK(i.lock && i.seg == 4 && i.os == 4 && i.as == 8);
    CHECK(a.dst.kind == X86_MEMORY && a.dst.seg == 4 && a.dst.base == 9 && a.dst.index == 5);
    CHECK(a.dst.scale == 3 && a.dst.value == -4 && a.dst.bytes == 4);
    CHECK(a.src.kind == X86_REGISTER && a.src.file == X86_GPR && a.src.reg == 10);
    const uint8_t high[] = {0x80, 0xc4, 0xff}, stack[] = {0x8b, 0x45, 0xfc};
    CHECK_EQ(xs_translate(&c, 8, high, sizeof(high), &i), X86_OK); /* add ah, 0xff */
    memcpy(&a, c.operands, sizeof(a));
    CHECK(a.dst.file == X86_HIGH_BYTE && a.dst.reg == 0 && a.src.value == 0xff);
    CHECK_EQ(xs_translate(&c, 4, stack, sizeof(stack), &i), X86_OK);
    CHECK(i.op[1].seg == 2); /* rBP goes with SS */
}

TEST(absent_feature_uncovers_the_row_below)
{
    struct xs_block c = {.missing = {[XS_FEAT_bmi1] = true}};
    const uint8_t tzcnt[] = {0xf3, 0x0f, 0xbc, 0xc1}, vpaddd[] = {0xc5, 0xed, 0xfe, 0xc1};
    struct x86_instr i;
    CHECK_EQ(xs_translate(&c, 8, tzcnt, sizeof(tzcnt), &i), X86_OK);
    CHECK_STR(c.called, "bsf");
    c = (struct xs_block){.missing = {[XS_FEAT_avx2] = true}};
    CHECK_EQ(xs_translate(&c, 8, vpaddd, sizeof(vpaddd), &i), X86_UNDEFINED); /* of 32 bytes */
    CHECK(c.called == NULL);
    CHECK_EQ(xs_decode(8, vpaddd, sizeof(vpaddd), &i), X86_OK);
    CHECK(xs_row_needs(i.row, &i, XS_FEAT_avx2) && xs_row_needs(i.row, &i, XS_FEAT_avx));
    CHECK(!xs_row_needs(i.row, &i, XS_FEAT_sse2));
}

TEST(text_is_cut_to_the_buffer)
{
    const char code[] = "\x80\x84\x88\x44\x33\x22\x11\x7f",
               whole[] = "add BYTE PTR [rax+rcx*4+0x11223344],0x7f";
    struct x86_instr i;
    CHECK_STR(TEXT(64, "\x80\x84\x88\x44\x33\x22\x11\x7f"), whole);
    for (size_t size = 0; size <= sizeof(whole); size++) {
        char text[sizeof(whole) + 1];
        struct x86_out out;
        memset(text, '#', sizeof(text));
        CHECK_EQ(xs_decode(8, (const uint8_t *)code, sizeof(code) - 1, &i), X86_OK);
        x86_out_init(&out, text, size, 0);
        xs_row_print(&out, &i);
        CHECK(text[size] == '#');
        CHECK(!size || (strlen(text) == size - 1 && strncmp(text, whole, size - 1) == 0));
    }
}
