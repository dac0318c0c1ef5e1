/* SPDX-License-Identifier: MIT */
/*
 * The A64 decoder and disassembler against two others: GNU objdump, which knows the extensions (is
 * a word allocated, and its text), and capstone 4, which knows v8.0 (is a word allocated). Words:
 * random operands for each decode row, and every combination of the bits that tell the groups of
 * the encoding apart. decoder_differences lists where they differ from the manual; an entry that no
 * word needs is an error, too.
 */
#include "tests/test.h"

#include <capstone.h>
#include <unistd.h>

#include "base/rng.h"
#include "cpu/arm/a64_decode.h"
#include "cpu/arm/a64_disas.h"

enum kind {
    REJECTS,
    ACCEPTS,
    TEXT,
    KINDS
};
static const char *const kind_names[KINDS] = {"rejects", "accepts", "text"};

/* A line of decoder_differences: ORACLE KIND MASK VALUE REASON */
struct difference {
    char oracle[16];
    enum kind kind;
    uint32_t mask, value;
    unsigned seen;
};

struct differences {
    struct difference row[100];
    unsigned count;
};

struct words {
    uint32_t *word;
    unsigned count, size;
};

static bool read_differences(struct differences *d)
{
    FILE *f = fopen("tests/insn/aarch64/decoder_differences", "r");
    char line[300], kind[16];
    d->count = 0;
    while (f && fgets(line, sizeof(line), f)) {
        struct difference *r = &d->row[d->count];
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        int n = 0;
        bool good = d->count < 100 &&
                    sscanf(line, "%15s %15s %x %x %n", r->oracle, kind, &r->mask, &r->value, &n) ==
                        4 &&
                    line[n];
        r->kind = KINDS;
        for (unsigned k = 0; k < KINDS; k++) {
            if (good && strcmp(kind, kind_names[k]) == 0) {
                r->kind = k;
            }
        }
        CHECK_MSG(r->kind != KINDS, "decoder_differences: malformed line %s", line);
        r->seen = 0;
        d->count += r->kind != KINDS;
    }
    if (f) {
        fclose(f);
    }
    return f;
}

static bool listed(struct differences *d, const char *oracle, enum kind kind, uint32_t insn)
{
    for (unsigned i = 0; i < d->count; i++) {
        struct difference *r = &d->row[i];
        if (r->kind == kind && (insn & r->mask) == r->value && strcmp(r->oracle, oracle) == 0) {
            r->seen++;
            return true;
        }
    }
    return false;
}

static void check_all_seen(const struct differences *d, const char *oracle)
{
    for (unsigned i = 0; i < d->count; i++) {
        const struct difference *r = &d->row[i];
        CHECK_MSG(r->seen || strcmp(r->oracle, oracle) != 0,
                  "decoder_differences: no word needs \"%s %s %08x %08x\"", r->oracle,
                  kind_names[r->kind], r->mask, r->value);
    }
}

static void add_word(struct words *w, uint32_t insn)
{
    if (w->count == w->size) {
        w->size = w->size ? 2 * w->size : 1024;
        w->word = realloc(w->word, w->size * sizeof(*w->word));
    }
    w->word[w->count++] = insn;
}

/* Random bits; often mostly ones or mostly zeros, which operands treat specially. */
static uint32_t random_bits(struct rng *rng)
{
    uint32_t r = rng_u32(rng);
    switch (rng_below(rng, 4)) {
    case 0:
        return r | rng_u32(rng);
    case 1:
        return r & rng_u32(rng);
    default:
        return r;
    }
}

static struct words make_words(const struct differences *d)
{
    struct words w = {0};
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 200 * test_scale() * A64_ROW_COUNT; i++) {
        const struct a64_row *r = &a64_rows[i % A64_ROW_COUNT];
        uint32_t insn = (random_bits(&rng) & ~r->mask) | r->value;
        add_word(&w, insn);
        if (i % 4 == 0) {
            add_word(&w, insn ^ UINT32_C(1) << rng_below(&rng, 32)); /* a neighbour */
        }
    }
    for (uint32_t i = 0; i < 4 << 17; i++) { /* bits 31 to 21 and 15 to 10 */
        add_word(&w, (random_bits(&rng) & 0x001f03ff) | (i >> 6) << 21 | (i & 63) << 10);
    }
    for (uint32_t i = 0; i < 4 << 16; i++) { /* bits 31 to 16 */
        add_word(&w, (random_bits(&rng) & 0xffff) | i << 16);
    }
    for (unsigned i = 0; i < 1000 * d->count; i++) { /* so that each entry has its chance */
        const struct difference *r = &d->row[i % d->count];
        add_word(&w, (random_bits(&rng) & ~r->mask) | r->value);
    }
    return w;
}

/* Cuts objdump's comment and the white space around, and makes each tab a space. */
static char *tidy(char *s)
{
    char *comment = strstr(s, "//");
    if (comment) {
        *comment = 0;
    }
    for (char *p = s; *p; p++) {
        if (*p == '\t' || *p == '\n') {
            *p = ' ';
        }
    }
    for (size_t n = strlen(s); n && s[n - 1] == ' '; n--) {
        s[n - 1] = 0;
    }
    return s;
}

static void compare_text(struct differences *d, uint32_t insn, uint64_t pc, const char *theirs)
{
    char ours[100];
    bool allocated = a64_disas(insn, pc, ours, sizeof(ours));
    bool rejected = strstr(theirs, "undefined") || strstr(theirs, "NYI");
    if (allocated && rejected) {
        CHECK_MSG(listed(d, "objdump", REJECTS, insn), "%08x is %s, objdump: unallocated", insn,
                  ours);
    } else if (!allocated && !rejected) {
        CHECK_MSG(listed(d, "objdump", ACCEPTS, insn), "%08x is unallocated, objdump: %s", insn,
                  theirs);
    } else if (allocated && strcmp(ours, theirs) != 0) {
        CHECK_MSG(listed(d, "objdump", TEXT, insn), "%08x is %s, objdump: %s", insn, ours, theirs);
    }
}

/* Runs objdump over the words and compares each; returns how many lines it gave. */
static unsigned compare_with_objdump(struct differences *d, const struct words *w)
{
    char path[] = "/tmp/decoder.XXXXXX", line[300];
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f) {
        return 0;
    }
    fwrite(w->word, sizeof(*w->word), w->count, f); /* the host is little-endian, as A64 code is */
    fclose(f);
    snprintf(line, sizeof(line), "aarch64-linux-gnu-objdump -D -z -b binary -m aarch64 %s", path);
    f = popen(line, "r");
    unsigned n = 0;
    while (f && n < w->count && fgets(line, sizeof(line), f)) {
        unsigned long long pc;
        uint32_t insn;
        int at = 0;
        if (sscanf(line, " %llx: %x %n", &pc, &insn, &at) == 2 && at && insn == w->word[n]) {
            compare_text(d, insn, pc, tidy(line + at));
            n++;
        }
    }
    if (f) {
        pclose(f);
    }
    unlink(path);
    return n;
}

TEST(allocation_and_text_are_those_of_objdump)
{
    static struct differences d;
    if (system("aarch64-linux-gnu-objdump --version > /dev/null 2>&1") != 0) {
        SKIP("aarch64-linux-gnu-objdump (package binutils-aarch64-linux-gnu) is not installed");
    }
    REQUIRE(read_differences(&d));
    struct words w = make_words(&d);
    CHECK_EQ(compare_with_objdump(&d, &w), w.count);
    check_all_seen(&d, "objdump");
    free(w.word);
}

/* Does an instruction need a feature that v8.0 does not always have? */
static bool beyond_v8_0(unsigned row, uint32_t insn)
{
    for (unsigned f = A64_FEAT_base + 1; f < A64_FEAT_COUNT; f++) {
        if (a64_row_needs(row, insn, f)) {
            return true;
        }
    }
    return false;
}

static void compare_with_capstone(struct differences *d, csh handle, cs_insn *out, uint32_t insn)
{
    const uint8_t *code = (const uint8_t *)&insn;
    size_t left = sizeof(insn);
    uint64_t pc = 0;
    unsigned row = a64_decode_row(insn);
    if (row != A64_ROW_NONE && beyond_v8_0(row, insn)) {
        return;
    }
    bool accepts = cs_disasm_iter(handle, &code, &left, &pc, out);
    if (accepts && row == A64_ROW_NONE) {
        CHECK_MSG(listed(d, "capstone", ACCEPTS, insn), "%08x is unallocated, capstone: %s %s",
                  insn, out->mnemonic, out->op_str);
    } else if (!accepts && row != A64_ROW_NONE) {
        CHECK_MSG(listed(d, "capstone", REJECTS, insn), "%08x is %s, capstone: unallocated", insn,
                  a64_rows[row].name);
    }
}

TEST(allocation_of_v8_0_is_that_of_capstone)
{
    static struct differences d;
    csh handle;
    REQUIRE(read_differences(&d));
    REQUIRE(cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &handle) == CS_ERR_OK);
    cs_insn *out = cs_malloc(handle);
    struct words w = make_words(&d);
    for (unsigned i = 0; i < w.count; i++) {
        compare_with_capstone(&d, handle, out, w.word[i]);
    }
    check_all_seen(&d, "capstone");
    free(w.word);
    cs_free(out, 1);
    cs_close(&handle);
}
