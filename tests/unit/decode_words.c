/* SPDX-License-Identifier: MIT */
/*
 * Decoders that decgen makes for instructions that are not all one 32-bit word: samples of T32
 * (halfwords), of z/Architecture (one to three big-endian halfwords) and of the Power ISA (words in
 * either byte order, prefixed instructions). Lengths and mnemonics are compared with capstone 4,
 * which knows no prefixed instructions. The semantic functions are dummies here.
 */
#include "tests/test.h"

#include <capstone.h>

#include "base/rng.h"
#include "tests/decode/ppc_decode.h"
#include "tests/decode/s390x_decode.h"
#include "tests/decode/sample.h"
#include "tests/decode/t32_decode.h"

/* What the dummies note. */
struct note {
    int missing; /* a feature, or -1 */
    const char *called;
    uint8_t operands[64];
};

/* A decoder, with its words as 64 bits whose top holds the instruction. */
struct subject {
    const char *name;
    unsigned rows;
    cs_arch arch;
    cs_mode mode;
    const char *(*row_name)(unsigned row);
    unsigned (*decode)(uint64_t word);
    bool (*matches)(unsigned row, uint64_t word);
    unsigned (*read)(const uint8_t *p, size_t n, uint64_t *word);
    unsigned (*write)(uint8_t *p, uint64_t word);
    bool (*random)(struct rng *rng, unsigned row, uint64_t *word);
    unsigned (*translate)(struct note *note, uint64_t word);
    void (*print)(char *text, unsigned row, uint64_t word);
    int (*fixed_bits)(unsigned row);
};

/*
 * The functions of struct subject for a decoder whose words are of `type`. What follows is
 * passed to read() and write() before the word: the byte order where there is a choice.
 */
#define SUBJECT(isa, type, ...)                                                                    \
    struct isa##_block {                                                                           \
        struct note *note;                                                                         \
    };                                                                                             \
    bool isa##_feature(const struct isa##_block *c, enum isa##_feat feat)                          \
    {                                                                                              \
        return c->note->missing != (int)feat;                                                      \
    }                                                                                              \
    static type isa##_narrow(uint64_t word)                                                        \
    {                                                                                              \
        return (type)(word >> (64 - 8 * sizeof(type)));                                            \
    }                                                                                              \
    static uint64_t isa##_wide(type word)                                                          \
    {                                                                                              \
        return (uint64_t)word << (64 - 8 * sizeof(type));                                          \
    }                                                                                              \
    static const char *isa##_row_name(unsigned row)                                                \
    {                                                                                              \
        return isa##_rows[row].name;                                                               \
    }                                                                                              \
    static unsigned isa##_decode(uint64_t word)                                                    \
    {                                                                                              \
        return isa##_decode_row(isa##_narrow(word));                                               \
    }                                                                                              \
    static bool isa##_matches(unsigned row, uint64_t word)                                         \
    {                                                                                              \
        return isa##_row_matches(row, isa##_narrow(word));                                         \
    }                                                                                              \
    static unsigned isa##_read64(const uint8_t *p, size_t n, uint64_t *word)                       \
    {                                                                                              \
        type w = 0;                                                                                \
        const unsigned bytes = isa##_read(p, n, __VA_ARGS__ & w);                                  \
        *word = bytes <= n ? isa##_wide(w) : *word;                                                \
        return bytes;                                                                              \
    }                                                                                              \
    static unsigned isa##_write64(uint8_t *p, uint64_t word)                                       \
    {                                                                                              \
        return isa##_write(p, __VA_ARGS__ isa##_narrow(word));                                     \
    }                                                                                              \
    static bool isa##_random(struct rng *rng, unsigned row, uint64_t *word)                        \
    {                                                                                              \
        type w = 0;                                                                                \
        const bool found = isa##_random_row(rng, row, &w);                                         \
        *word = isa##_wide(w);                                                                     \
        return found;                                                                              \
    }                                                                                              \
    static unsigned isa##_translate(struct note *note, uint64_t word)                              \
    {                                                                                              \
        struct isa##_block c = {note};                                                             \
        return isa##_translate_row(&c, isa##_narrow(word));                                        \
    }                                                                                              \
    static void isa##_print(char *text, unsigned row, uint64_t word)                               \
    {                                                                                              \
        struct isa##_out out = {.pc = 0};                                                          \
        isa##_row_print(&out, row, isa##_narrow(word));                                            \
        snprintf(text, 120, "%s", out.buf);                                                        \
    }                                                                                              \
    static int isa##_fixed_bits(unsigned row)                                                      \
    {                                                                                              \
        return __builtin_popcountll(isa##_rows[row].mask);                                         \
    }

#define COMMA ,
SUBJECT(t32, uint32_t, )
SUBJECT(s390x, uint64_t, )
SUBJECT(ppc, uint64_t, true COMMA)
#undef SUBJECT

#define DUMMIES(isa, name)                                                                         \
    void isa##_##name(struct isa##_block *c, const struct isa##_##name *a)                         \
    {                                                                                              \
        _Static_assert(sizeof(*a) <= sizeof(c->note->operands), "room for the operands");          \
        c->note->called = #name;                                                                   \
        memcpy(c->note->operands, a, sizeof(*a));                                                  \
    }
#define DUMMY(name) DUMMIES(t32, name)
T32_ROWS(DUMMY)
#undef DUMMY
#define DUMMY(name) DUMMIES(s390x, name)
S390X_ROWS(DUMMY)
#undef DUMMY
#define DUMMY(name) DUMMIES(ppc, name)
PPC_ROWS(DUMMY)
#undef DUMMY

#define FUNCTIONS(isa)                                                                             \
    .name = #isa, .row_name = isa##_row_name, .decode = isa##_decode, .matches = isa##_matches,    \
    .read = isa##_read64, .write = isa##_write64, .random = isa##_random,                          \
    .translate = isa##_translate, .print = isa##_print, .fixed_bits = isa##_fixed_bits

static const struct subject subjects[] = {
    {FUNCTIONS(t32), .rows = T32_ROW_COUNT, .arch = CS_ARCH_ARM, .mode = CS_MODE_THUMB},
    {FUNCTIONS(s390x), .rows = S390X_ROW_COUNT, .arch = CS_ARCH_SYSZ, .mode = CS_MODE_BIG_ENDIAN},
    {FUNCTIONS(ppc), .rows = PPC_ROW_COUNT, .arch = CS_ARCH_PPC,
     .mode = CS_MODE_64 + CS_MODE_BIG_ENDIAN},
};

#define ROW_NONE 0xffff
#define EACH(s) (const struct subject *s = subjects; s < subjects + 3; s++)

TEST(each_row_decodes_words_of_its_own)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for
        EACH(s)
        {
            for (unsigned i = 0; i < 200 * s->rows; i++) {
                const unsigned row = i % s->rows;
                struct note note = {.missing = -1, .called = ""};
                uint64_t word;
                CHECK_MSG(s->random(&rng, row, &word), "no word of %s", s->row_name(row));
                CHECK_EQ(s->decode(word), row);
                CHECK_EQ(s->translate(&note, word), row);
                const size_t n = strlen(note.called);
                CHECK_MSG(n && strncmp(note.called, s->row_name(row), n) == 0, "%s called %s",
                          s->row_name(row), note.called);
            }
        }
}

/* The most specific of all rows that match. */
static unsigned search(const struct subject *s, uint64_t word)
{
    unsigned best = ROW_NONE;
    int best_bits = -1;
    for (unsigned row = 0; row < s->rows; row++) {
        if (s->fixed_bits(row) > best_bits && s->matches(row, word)) {
            best = row;
            best_bits = s->fixed_bits(row);
        }
    }
    return best;
}

TEST(tree_agrees_with_a_search_of_all_rows)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for
        EACH(s)
        {
            for (unsigned i = 0; i < 1000 * s->rows; i++) {
                uint64_t word = rng_u64(&rng);
                if (i & 3) {
                    s->random(&rng, i % s->rows, &word);
                    word ^= (uint64_t)(i & 1) << 63 >> rng_below(&rng, 48);
                }
                const unsigned want = search(s, word), got = s->decode(word);
                CHECK_MSG(got == want, "%s: 0x%" PRIx64 " is row %u, not %u", s->name, word, got,
                          want);
            }
        }
}

TEST(bytes_written_are_read_back)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for
        EACH(s)
        {
            for (unsigned i = 0; i < 100 * s->rows; i++) {
                uint8_t bytes[8];
                uint64_t word, again = 0;
                s->random(&rng, i % s->rows, &word);
                const unsigned n = s->write(bytes, word);
                CHECK_EQ(s->read(bytes, sizeof(bytes), &again), n);
                CHECK_EQ(again, word);
            }
        }
}

/* The buffers have no byte more than they say, so that a sanitizer sees what is read behind. */
TEST(reader_asks_for_bytes_that_are_not_there)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for
        EACH(s)
        {
            for (unsigned i = 0; i < 100 * s->rows; i++) {
                uint8_t bytes[8];
                uint64_t word;
                s->random(&rng, i % s->rows, &word);
                const unsigned length = s->write(bytes, word);
                unsigned have = 0, asked = 0;
                for (unsigned times = 0; times < 4 && have < length; times++, have = asked) {
                    uint8_t *part = malloc(have ? have : 1);
                    memcpy(part, bytes, have);
                    asked = s->read(part, have, &word);
                    CHECK(asked > have && asked <= length);
                    free(part);
                }
                CHECK_EQ(have, length);
            }
        }
}

/* Is the disassembly by capstone what we say? Aliases that capstone prefers are listed here. */
static bool same_mnemonic(const char *ours, const char *theirs)
{
    static const char *const aliases[][2] = {
        {"rldicr", "sldi"}, {"udf", "trap"}, /* of LLVM's own choice */
    };
    char word[32];
    snprintf(word, sizeof(word), "%.*s", (int)strcspn(ours, " "), ours);
    if (strcmp(word, theirs) == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcmp(word, aliases[i][0]) == 0 && strcmp(theirs, aliases[i][1]) == 0) {
            return true;
        }
    }
    return false;
}

/* What capstone 4 says is undefined, and is not: words with `value` under `mask` and some of
 * `bits`. */
static const struct {
    const char *subject;
    uint64_t mask, value, bits;
    const char *reason;
} unknown[] = {
    {"s390x", 0xff00000000000000, 0x0a00000000000000, UINT64_MAX, "SVC is not known to it"},
    {"s390x", 0xff00000000000000, 0x9000000000000000, UINT64_MAX, "STM is not known to it"},
    {"s390x", 0xff00000000000000, 0x9800000000000000, UINT64_MAX, "LM is not known to it"},
    {"s390x", 0xff00000000000000, 0xb900000000000000, 0x0000ff0000000000, "RRE: ignored bits"},
    {"s390x", 0xff00000000000000, 0x8800000000000000, 0x000f000000000000, "RS: R3 is ignored"},
};

static bool known_difference(const struct subject *s, uint64_t word)
{
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        if (strcmp(unknown[i].subject, s->name) == 0 &&
            (word & unknown[i].mask) == unknown[i].value && (word & unknown[i].bits)) {
            return true;
        }
    }
    return false;
}

/* An IT instruction would change how capstone names the next ones. */
static bool changes_names(const struct subject *s, uint64_t word)
{
    return s->arch == CS_ARCH_ARM && word >> 56 == 0xbf;
}

static void compare(const struct subject *s, csh handle, cs_insn *out, uint64_t word)
{
    uint8_t bytes[8] = {0};
    const uint8_t *code = bytes;
    char text[120];
    const unsigned length = s->write(bytes, word), row = s->decode(word);
    size_t left = 6;
    uint64_t pc = 0;
    if (changes_names(s, word) || length == 8) {
        return;
    }
    const bool theirs = cs_disasm_iter(handle, &code, &left, &pc, out);
    CHECK_MSG(!theirs || out->size == length, "%s: %016" PRIx64 " has %u bytes, capstone: %u %s",
              s->name, word, length, out->size, out->mnemonic);
    if (row == ROW_NONE) {
        return; /* the samples are not complete */
    }
    s->print(text, row, word);
    if (!theirs && known_difference(s, word)) {
        return;
    }
    CHECK_MSG(theirs, "%s: %016" PRIx64 " is %s, capstone: undefined", s->name, word, text);
    CHECK_MSG(!theirs || same_mnemonic(text, out->mnemonic),
              "%s: %016" PRIx64 " is %s, capstone: %s %s", s->name, word, text, out->mnemonic,
              out->op_str);
}

TEST(lengths_and_mnemonics_are_those_of_capstone)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for
        EACH(s)
        {
            csh handle;
            REQUIRE(cs_open(s->arch, s->mode, &handle) == CS_ERR_OK);
            cs_insn *out = cs_malloc(handle);
            for (unsigned i = 0; i < 1000 * test_scale() * s->rows; i++) {
                uint64_t word = rng_u64(&rng);
                if (i & 3) {
                    s->random(&rng, i / 4 % s->rows, &word);
                }
                compare(s, handle, out, word);
            }
            cs_free(out, 1);
            cs_close(&handle);
        }
}

/* The text of an instruction that is given by its bytes; note gets its operands. */
static const char *text_of(const struct subject *s, const char *bytes, size_t n, struct note *note)
{
    static char text[120];
    uint64_t word = 0;
    const unsigned length = s->read((const uint8_t *)bytes, n, &word), row = s->decode(word);
    *note = (struct note){.missing = -1};
    if (length != n || row == ROW_NONE || s->translate(note, word) != row) {
        return "undefined";
    }
    s->print(text, row, word);
    return text;
}

#define TEXT(s, bytes) text_of(&subjects[s], bytes, sizeof(bytes) - 1, &note)

TEST(halfwords_come_first_half_first)
{
    struct note note;
    CHECK_STR(TEXT(0, "\x41\xf2\x34\x20"), "movw r0, #4660");
    CHECK_STR(note.called, "movw");
    CHECK_EQ(((struct t32_movw *)note.operands)->imm, 0x1234);
    CHECK_STR(TEXT(0, "\x2b\xb1"), "cbz r3, 10");
    CHECK_STR(TEXT(0, "\xfe\xe7"), "b -4");
    CHECK_STR(TEXT(0, "\x05\xfb\x06\xf4"), "mul r4, r5, r6"); /* over mla */
    CHECK_STR(TEXT(0, "\x05\xfb\x06\x74"), "mla r4, r5, r6, r7");
    CHECK_STR(TEXT(0, "\x2b\xb1\x2b\xb1"), "undefined"); /* two instructions */
}

TEST(fields_lie_in_all_three_halfwords)
{
    struct note note;
    CHECK_STR(TEXT(1, "\xe3\x10\xff\xf8\xff\x04"), "lg %r1,-8");
    CHECK_EQ(((struct s390x_lg *)note.operands)->b2, 15);
    CHECK_STR(TEXT(1, "\xd2\x07\x10\x00\x20\x08"), "mvc 0(8,%r1),8(%r2)");
    CHECK_STR(TEXT(1, "\xc0\x19\x89\xab\xcd\xef"), "iilf %r1,2309737967");
    CHECK_STR(TEXT(1, "\xa7\x29\xff\xff"), "lghi %r2,-1");
    CHECK_STR(TEXT(1, "\x18\x12"), "lr %r1,%r2");
}

TEST(prefix_and_suffix_are_one_instruction)
{
    struct note note;
    CHECK_STR(TEXT(2, "\x06\x00\x00\x00\x38\x64\x00\x01"), "paddi 3, 4, 1, 0");
    CHECK_STR(TEXT(2, "\x06\x03\xff\xff\x38\x64\xff\xff"), "paddi 3, 4, -1, 0");
    CHECK_EQ(((struct ppc_paddi *)note.operands)->si, -1);
    CHECK_STR(TEXT(2, "\x06\x01\xff\xff\x38\x64\xff\xff"), "paddi 3, 4, 8589934591, 0");
    CHECK_STR(TEXT(2, "\x04\x10\x00\x00\xe4\x60\x00\x08"), "pld 3, 8(0), 1");
    CHECK_STR(TEXT(2, "\x06\x10\x00\x01\x38\x64\x00\x00"), "undefined"); /* R and RA */
    CHECK_STR(TEXT(2, "\x04\x00\x00\x00\x38\x64\x00\x01"), "undefined"); /* 8LS, no addi */
    CHECK_STR(TEXT(2, "\x79\x23\x0f\xe4"), "rldicr 3, 9, 1, 63");
    CHECK_STR(TEXT(2, "\x79\x23\x0f\xc6"), "rldicr 3, 9, 33, 31"); /* high bits come last */
}

TEST(guest_may_choose_the_order_of_bytes)
{
    uint64_t big = 0, little = 0;
    CHECK_EQ(ppc_read((const uint8_t *)"\x06\x00\x00\x01\x38\x64\x00\x02", 8, true, &big), 8);
    CHECK_EQ(ppc_read((const uint8_t *)"\x01\x00\x00\x06\x02\x00\x64\x38", 8, false, &little), 8);
    CHECK_EQ(big, UINT64_C(0x0600000138640002));
    CHECK_EQ(little, big);
}

TEST(absent_feature_makes_an_instruction_undefined)
{
    struct note note = {.missing = T32_FEAT_idiv};
    const uint64_t sdiv = UINT64_C(0xfb92f1f300000000); /* sdiv r1, r2, r3 */
    CHECK_EQ(subjects[0].translate(&note, sdiv), ROW_NONE);
    CHECK(note.called == NULL);
    note.missing = -1;
    CHECK_EQ(subjects[0].translate(&note, sdiv), T32_ROW_sdiv);
    CHECK_STR(note.called, "sdiv");
    CHECK(t32_row_needs(T32_ROW_sdiv, 0xfb92f1f3, T32_FEAT_idiv));
    CHECK(!t32_row_needs(T32_ROW_sdiv, 0xfb92f1f3, T32_FEAT_thumb2));
}

TEST(coverage_map_knows_the_rows_met)
{
    struct t32_coverage map = {{0}};
    for (unsigned row = 0; row < T32_ROW_COUNT; row += 3) {
        t32_cover(&map, row);
    }
    for (unsigned row = 0; row < T32_ROW_COUNT; row++) {
        CHECK_EQ(t32_covered(&map, row), row % 3 == 0);
    }
}
