/* SPDX-License-Identifier: MIT */
/* The generated A64 decoder: look-up, operands, features, text. The semantic functions are dummies
 * here. */
#include "tests/test.h"

#include "base/rng.h"
#include "cpu/arm/a64_decode.h"
#include "cpu/arm/a64_disas.h"

/* What the dummies note. */
struct a64_block {
    bool missing[A64_FEAT_COUNT];
    const char *called;
    uint8_t operands[64];
};

#define DUMMY(name)                                                                                \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        _Static_assert(sizeof(*a) <= sizeof(c->operands), "room for the operands");                \
        c->called = #name;                                                                         \
        memcpy(c->operands, a, sizeof(*a));                                                        \
    }
A64_ROWS(DUMMY)
#undef DUMMY

bool a64_feature(const struct a64_block *c, enum a64_feat feat)
{
    return !c->missing[feat];
}

/* Declares var, the operands of insn, which must be the instruction NAME. */
#define OPERANDS(var, insn, NAME)                                                                  \
    struct a64_##NAME var;                                                                         \
    operands(insn, #NAME, &var, sizeof(var))

static void operands(uint32_t insn, const char *name, void *ops, size_t size)
{
    struct a64_block c = {.called = ""};
    CHECK(a64_translate_insn(&c, insn));
    CHECK_STR(c.called, name);
    memcpy(ops, c.operands, size);
}

static uint32_t random_word(struct rng *rng, unsigned row)
{
    uint32_t r = rng_u32(rng);
    switch (rng_below(rng, 4)) {
    case 0:
        r |= rng_u32(rng);
        break;
    case 1:
        r &= rng_u32(rng);
        break;
    default:
        break;
    }
    return (r & ~a64_rows[row].mask) | a64_rows[row].value;
}

TEST(each_row_decodes_some_word)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        bool found = false;
        for (int i = 0; i < 5000 && !found; i++) {
            found = a64_decode_row(random_word(&rng, row)) == row;
        }
        CHECK_MSG(found, "no word decodes as row %s", a64_rows[row].name);
    }
}

/* The most specific of all rows that match. */
static unsigned search(uint32_t insn)
{
    unsigned best = A64_ROW_NONE;
    int best_bits = -1;
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        int bits = __builtin_popcount(a64_rows[row].mask);
        if (bits > best_bits && a64_row_matches(row, insn)) {
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
    for (unsigned i = 0; i < 60 * A64_ROW_COUNT; i++) {
        uint32_t insn = random_word(&rng, i % A64_ROW_COUNT);
        if (i & 1) {
            insn ^= UINT32_C(1) << (rng_below(&rng, 32));
        }
        unsigned want = search(insn), got = a64_decode_row(insn);
        CHECK_MSG(got == want, "0x%08x is row %u, not %u", insn, got, want);
    }
}

TEST(signed_operands_are_extended)
{
    OPERANDS(ldp, 0xa97f7bfd, ldp); /* ldp x29, x30, [sp, #-16] */
    CHECK(ldp.imm == -2 && ldp.sf == 1 && ldp.idx == 2);
    CHECK(ldp.rt == 29 && ldp.rt2 == 30 && ldp.rn == 31);
}

TEST(parts_of_an_operand_are_put_together)
{
    OPERANDS(tbz, 0xb6ffffe3, tbz); /* tbz x3, #63, .-4 */
    CHECK(tbz.bit == 63 && tbz.off == -4 && tbz.rt == 3);
    OPERANDS(adr, 0x30ffffe1, adr); /* adr x1, .-3 */
    CHECK(adr.off == -3 && adr.rd == 1);
    OPERANDS(b, 0x16000000, b); /* b .-0x8000000 */
    CHECK(b.off == -0x8000000);
    OPERANDS(mrs, 0xd53be040, mrs); /* mrs x0, cntvct_el0 */
    CHECK(mrs.op0 == 3 && mrs.op1 == 3 && mrs.crn == 14 && mrs.crm == 0 && mrs.op2 == 2);
    CHECK_EQ(mrs.key, 0xdf02);
}

TEST(complemented_bits_give_the_precision)
{
    OPERANDS(single, 0x1e222820, fadd_s); /* fadd s0, s1, s2 */
    CHECK_EQ(single.esz, 2);
    OPERANDS(dbl, 0x1e622820, fadd_s); /* fadd d0, d1, d2 */
    CHECK_EQ(dbl.esz, 3);
    OPERANDS(half, 0x1ee22820, fadd_s); /* fadd h0, h1, h2 */
    CHECK_EQ(half.esz, 1);
}

TEST(forms_of_one_instruction_share_its_function)
{
    OPERANDS(v, 0x4ea20c20, sqadd_v); /* sqadd v0.4s, v1.4s, v2.4s */
    CHECK(v.q == 1 && v.esz == 2 && v.scalar == 0);
    OPERANDS(s, 0x5e220c20, sqadd_v); /* sqadd b0, b1, b2 */
    CHECK(s.q == 0 && s.esz == 0 && s.scalar == 1);
    OPERANDS(l, 0x4d405020, ld_single); /* ld1 {v0.h}[6], [x1] */
    CHECK(l.esz == 1 && l.index == 6 && l.selem == 0 && l.post == 0);
}

TEST(absent_feature_makes_an_instruction_unallocated)
{
    struct a64_block c = {.called = NULL};
    const uint32_t ldadd = 0xf8210002; /* ldadd x1, x2, [x0] */
    CHECK(a64_translate_insn(&c, ldadd));
    CHECK_STR(c.called, "ldadd");
    c = (struct a64_block){.missing[A64_FEAT_lse] = true};
    CHECK(!a64_translate_insn(&c, ldadd));
    CHECK(c.called == NULL);
}

TEST(absent_feature_uncovers_the_hint)
{
    const uint32_t paciasp = 0xd503233f;
    struct a64_block c = {.called = NULL};
    CHECK_EQ(a64_translate_row(&c, paciasp), A64_ROW_pac_hint);
    CHECK_STR(c.called, "pac_hint");
    c = (struct a64_block){.missing[A64_FEAT_pauth] = true};
    CHECK_EQ(a64_translate_row(&c, paciasp), A64_ROW_hint);
    CHECK_STR(c.called, "hint");
}

TEST(feature_may_depend_on_operands)
{
    const uint32_t half = 0x1ee22820, single = 0x1e222820; /* fadd */
    struct a64_block c = {.missing[A64_FEAT_fp16] = true};
    CHECK(!a64_translate_insn(&c, half));
    CHECK(a64_translate_insn(&c, single));
    const uint32_t fcmla_half = 0x6e42c420, fcmla_single = 0x6e82c420;
    CHECK(!a64_translate_insn(&c, fcmla_half));
    CHECK(a64_translate_insn(&c, fcmla_single));
    c = (struct a64_block){.missing[A64_FEAT_fcma] = true};
    CHECK(!a64_translate_insn(&c, fcmla_half));
    CHECK(!a64_translate_insn(&c, fcmla_single));
}

TEST(unallocated_words_call_nothing)
{
    struct a64_block c = {.called = NULL};
    CHECK(!a64_translate_insn(&c, 0x04000000));              /* SVE */
    CHECK(!a64_translate_insn(&c, 0x12000000 | 0x3f << 10)); /* all ones as a bitmask immediate */
    CHECK(!a64_translate_insn(&c, 0xffffffff));
    CHECK(c.called == NULL);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The manual's scheme gives 5334 values of 64 bits and 1302 of 32 bits. */
TEST(bitmask_immediates_have_the_known_number_of_values)
{
    static uint64_t value[2 * 64 * 64];
    static const unsigned want[2] = {1302, 5334};
    for (unsigned sf = 0; sf < 2; sf++) {
        unsigned n = 0, distinct = 0;
        for (unsigned code = 0; code < 2 * 64 * 64; code++) {
            if (a64_fn_bitmask_valid(sf, code >> 12, code & 63)) {
                value[n++] = a64_bitmask(sf, code >> 12, code >> 6 & 63, code & 63);
            }
        }
        qsort(value, n, sizeof(value[0]), by_value);
        for (unsigned i = 0; i < n; i++) {
            distinct += i == 0 || value[i] != value[i - 1];
            CHECK(value[i] != 0 && value[i] != (sf ? UINT64_MAX : UINT32_MAX));
        }
        CHECK_EQ(distinct, want[sf]);
    }
}

TEST(floating_point_immediates_expand)
{
    CHECK_EQ(a64_fp_imm(3, 0x70), UINT64_C(0x3ff0000000000000)); /* 1.0 */
    CHECK_EQ(a64_fp_imm(2, 0x70), 0x3f800000);
    CHECK_EQ(a64_fp_imm(1, 0x70), 0x3c00);
    CHECK_EQ(a64_fp_imm(3, 0xbf), UINT64_C(0xc03f000000000000)); /* -31.0 */
    CHECK_EQ(a64_fp_imm(2, 0x40), 0x3e000000);                   /* 0.125 */
}

TEST(modified_immediates_expand)
{
    CHECK_EQ(a64_simd_imm(0, 2, 0xab), UINT64_C(0x0000ab000000ab00));
    CHECK_EQ(a64_simd_imm(1, 2, 0xab), ~UINT64_C(0x0000ab000000ab00));
    CHECK_EQ(a64_simd_imm(0, 10, 0xab), UINT64_C(0xab00ab00ab00ab00));
    CHECK_EQ(a64_simd_imm(0, 13, 0xab), UINT64_C(0x00abffff00abffff));
    CHECK_EQ(a64_simd_imm(0, 14, 0xab), UINT64_C(0xabababababababab));
    CHECK_EQ(a64_simd_imm(1, 14, 0x81), UINT64_C(0xff000000000000ff));
    CHECK_EQ(a64_simd_imm(0, 15, 0x70), UINT64_C(0x3f8000003f800000));
    CHECK_EQ(a64_simd_imm(1, 15, 0x70), UINT64_C(0x3ff0000000000000));
}

TEST(text_is_cut_to_the_buffer)
{
    char buf[16];
    for (size_t size = 0; size <= sizeof(buf); size++) {
        memset(buf, '#', sizeof(buf));
        CHECK(a64_disas(0xd53be040, 0, buf, size)); /* mrs x0, cntvct_el0 */
        for (size_t i = size; i < sizeof(buf); i++) {
            CHECK(buf[i] == '#');
        }
        if (size) {
            CHECK_EQ(strlen(buf), size - 1);
            CHECK(strncmp(buf, "mrs x0, cntvct_el0", size - 1) == 0);
        }
    }
}

TEST(unallocated_word_has_a_text)
{
    char buf[80];
    CHECK(!a64_disas(0xffffffff, 0, buf, sizeof(buf)));
    CHECK_STR(buf, ".inst 0xffffffff ; undefined");
}
