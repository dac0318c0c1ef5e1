/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * The decoder and disassembler that decgen makes of cpu/x86/x86.opmap,
 * against GNU objdump (validity, length, text), in 16-, 32- and 64-bit code, and capstone 4
 * (validity, length, mnemonic), in 32- and 64-bit code: random instructions of each row, and all
 * opcodes with all ModRM bytes behind combinations of prefixes. The map is not complete: what it
 * lacks is only looked at when the other disassembler gives it a mnemonic that the map has.
 * decoder_differences lists where they differ from the manual; an entry that nothing needs is an
 * error, too.
 */
#include "tests/test.h"

#include <capstone.h>
#include <fnmatch.h>
#include <unistd.h>

#include "base/rng.h"
#include "cpu/x86/disas.h"
#include "cpu/x86/x86_decode.h"

#define VMA 0x4000 /* where code begins for objdump; it and branches stay within 64 KiB */
#define SLOT 32    /* bytes a case takes in objdump's input: the instruction, and nops behind it */

static const unsigned modes[3] = {2, 4, 8};

/*
 * A line of decoder_differences: ORACLE MODE BYTES OURS | THEIRS | REASON. The bytes are an
 * example; the texts are patterns of fnmatch(), one of OURS that begins with / for
 * /MODE/BYTES/TEXT.
 */
struct difference {
    char oracle[16], example[31], ours[60], theirs[60];
    unsigned mode, seen;
};

static struct {
    struct difference row[400];
    unsigned count;
    char (*mnemonic)[24]; /* those that the map has */
    unsigned mnemonics;
} known;

struct cases {
    uint8_t *bytes; /* SLOT each */
    unsigned count, size;
};

static void trim(char *s)
{
    for (size_t n = strlen(s); n && s[n - 1] == ' '; n--) {
        s[n - 1] = 0;
    }
}

static bool read_differences(void)
{
    FILE *f = fopen("tests/insn/x86/decoder_differences", "r");
    char line[300];
    known.count = 0;
    while (f && fgets(line, sizeof(line), f)) {
        struct difference *d = &known.row[known.count];
        int at = 0;
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        const bool good = known.count < 400 &&
                          sscanf(line, "%15s %u %30s %59[^|]| %59[^|]| %n", d->oracle, &d->mode,
                                 d->example, d->ours, d->theirs, &at) == 5 &&
                          at && line[at];
        CHECK_MSG(good, "decoder_differences: malformed line %s", line);
        trim(d->ours);
        trim(d->theirs);
        d->seen = 0;
        known.count += good;
    }
    if (f) {
        fclose(f);
    }
    return f;
}

/* whole is our text behind mode and bytes. */
static bool listed(const char *oracle, const char *whole, const char *theirs)
{
    const char *ours = strrchr(whole, '/') + 1;
    for (unsigned i = 0; i < known.count; i++) {
        struct difference *d = &known.row[i];
        if (strcmp(d->oracle, oracle) == 0 && fnmatch(d->theirs, theirs, 0) == 0 &&
            fnmatch(d->ours, d->ours[0] == '/' ? whole : ours, 0) == 0) {
            d->seen++;
            return true;
        }
    }
    return false;
}

static void check_all_seen(const char *oracle)
{
    for (unsigned i = 0; i < known.count; i++) {
        const struct difference *d = &known.row[i];
        CHECK_MSG(d->seen || strcmp(d->oracle, oracle) != 0,
                  "decoder_differences: nothing needs \"%s %s | %s\"", d->oracle, d->ours,
                  d->theirs);
    }
}

static uint8_t *add_case(struct cases *c)
{
    if (c->count == c->size) {
        c->size = c->size ? 2 * c->size : 1024;
        c->bytes = realloc(c->bytes, (size_t)c->size * SLOT);
    }
    uint8_t *p = c->bytes + (size_t)c->count++ * SLOT;
    memset(p, 0x90, SLOT);
    return p;
}

/* Our text, without prefixes that are only noise; "undefined". */
static unsigned our_text(unsigned mode, const uint8_t *p, uint64_t pc, char *text, size_t size)
{
    struct x86_instr i;
    struct x86_out out;
    x86_out_init(&out, text, size, pc);
    if (x86_decode(mode, p, 15, &i) != X86_OK) {
        x86_fmt_text(&out, "undefined");
        return 0;
    }
    x86_row_print(&out, &i);
    return i.bytes;
}

/* The word at s, behind prefixes. */
static const char *skip_prefixes(const char *s, bool all)
{
    static const char *const words[] = {"cs",   "ds",     "es",      "ss",       "fs",
                                        "gs",   "data16", "data32",  "addr16",   "addr32",
                                        "bnd",  "rex*",   "notrack", "xacquire", "xrelease",
                                        "repz", "repnz",  "rep",     "lock"};
    const size_t count = sizeof(words) / sizeof(words[0]);
    for (;;) {
        char word[24];
        bool found = false;
        const size_t n = strcspn(s, " ");
        snprintf(word, sizeof(word), "%.*s", (int)n, s);
        for (size_t i = 0; i < (all ? count : count - 4) && s[n]; i++) {
            found |= fnmatch(words[i], word, 0) == 0;
        }
        if (!found) {
            return s;
        }
        s += n + 1;
    }
}

static void mnemonic_of(const char *text, char *word)
{
    text = skip_prefixes(text, true);
    snprintf(word, 24, "%.*s", (int)strcspn(text, " "), text);
}

static bool has_mnemonic(const char *word)
{
    for (unsigned i = 0; i < known.mnemonics; i++) {
        if (strcmp(known.mnemonic[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static void add_mnemonic(const char *text)
{
    char word[24];
    mnemonic_of(text, word);
    if (!has_mnemonic(word)) {
        known.mnemonic = realloc(known.mnemonic, (known.mnemonics + 1) * sizeof(known.mnemonic[0]));
        memcpy(known.mnemonic[known.mnemonics++], word, 24);
    }
}

/* What is known before all comparisons: the list of differences, and the mnemonics of all modes. */
static bool prepare(void)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned k = 0; k < 30 * X86_ROW_COUNT; k++) {
        uint8_t bytes[15];
        char text[120];
        const unsigned mode = modes[k / X86_ROW_COUNT % 3];
        if (x86_random_row(&rng, k % X86_ROW_COUNT, mode, bytes)) {
            our_text(mode, bytes, 0, text, sizeof(text));
            add_mnemonic(text);
        }
    }
    return read_differences();
}

/* The examples of the list of differences. */
static void add_examples(struct cases *c, unsigned mode)
{
    for (unsigned i = 0; i < known.count; i++) {
        const char *s = known.row[i].example;
        if (known.row[i].mode == 8 * mode) {
            uint8_t *p = add_case(c);
            for (unsigned k = 0; k < 15 && s[2 * k] && s[2 * k + 1]; k++) {
                const char digits[3] = {s[2 * k], s[2 * k + 1], 0};
                p[k] = (uint8_t)strtoul(digits, NULL, 16);
            }
        }
    }
}

/* Random instructions of every row that the mode has. */
static void add_random(struct cases *c, struct rng *rng, unsigned mode, unsigned each)
{
    for (unsigned row = 0; row < X86_ROW_COUNT; row++) {
        for (unsigned i = 0; i < each; i++) {
            uint8_t bytes[15];
            const unsigned n = x86_random_row(rng, row, mode, bytes);
            if (!n) {
                break;
            }
            memcpy(add_case(c), bytes, n);
        }
    }
}

/* All opcodes of the map with all ModRM bytes, or a part of them, behind the prefixes. */
static void add_exhaustive(struct cases *c, struct rng *rng, const char *prefixes, unsigned one_in)
{
    for (unsigned n = 0; n < 0x10000; n++) {
        if (rng_below(rng, one_in) == 0) {
            uint8_t *p = add_case(c);
            const size_t k = strlen(prefixes);
            memcpy(p, prefixes, k);
            p[k] = (uint8_t)(n >> 8);
            p[k + 1] = (uint8_t)n;
            rng_bytes(rng, p + k + 2, 15 - k - 2);
        }
    }
}

/* All SIB bytes with all sizes of displacements and both address sizes that have them. */
static void add_sib(struct cases *c, struct rng *rng, unsigned mode)
{
    for (unsigned n = 0; n < 3 * 256 * 4; n++) {
        uint8_t *p = add_case(c);
        if (n & 1 || mode == 2) {
            *p++ = 0x67;
        }
        if (n & 2 && mode == 8) {
            *p++ = 0x40 | (uint8_t)rng_below(rng, 16);
        }
        p[0] = 0x8b;
        p[1] = (uint8_t)((n >> 2) / 256 << 6 | rng_below(rng, 8) << 3 | 4);
        p[2] = (uint8_t)(n >> 2);
        rng_bytes(rng, p + 3, 4);
    }
}

static struct cases make_cases(unsigned mode, unsigned scale)
{
    static const char *const prefixes[] = {"",
                                           "\x66",
                                           "\xf3",
                                           "\xf2",
                                           "\x66\xf3",
                                           "\x67",
                                           "\x0f",
                                           "\x66\x0f",
                                           "\xf3\x0f",
                                           "\xf2\x0f",
                                           "\xf0\x0f",
                                           "\xf0",
                                           "\x0f\x38",
                                           "\x66\x0f\x38",
                                           "\xf2\x0f\x38",
                                           "\xf3\x0f\x38",
                                           "\x66\xf2\x0f\x38",
                                           "\x0f\x3a",
                                           "\x66\x0f\x3a",
                                           "\xc5\xf8",
                                           "\xc5\xf9",
                                           "\xc5\xfa",
                                           "\xc5\xfb",
                                           "\xc5\xfd",
                                           "\xc5\xe8",
                                           "\xc5\xed",
                                           "\xc5\xee",
                                           "\xc4\xe1\x79",
                                           "\xc4\xe2\x79",
                                           "\xc4\xe2\x7d",
                                           "\xc4\xe2\x69",
                                           "\xc4\xe2\xfd",
                                           "\xc4\xe2\x60",
                                           "\xc4\xe2\xe2",
                                           "\xc4\xe2\x6b",
                                           "\xc4\xe3\x6d",
                                           "\xc4\xe3\xfd",
                                           "\xc4\xe3\x7b",
                                           "\x48",
                                           "\x4d",
                                           "\x48\x0f",
                                           "\x45\x0f",
                                           "\x66\x48\x0f",
                                           "\xf3\x48\x0f",
                                           "\x48\x0f\x38",
                                           "\x66\x49\x0f\x3a",
                                           "\x66\x41"};
    struct cases c = {0};
    struct rng rng;
    rng_seed(&rng, test_seed() + mode);
    add_examples(&c, mode);
    add_random(&c, &rng, mode, 60 * scale);
    add_sib(&c, &rng, mode);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (mode == 8 || (prefixes[i][0] & 0xf0) != 0x40) {
            add_exhaustive(&c, &rng, prefixes[i], scale > 20 ? 1 : 20 / scale);
        }
    }
    return c;
}

/* Cuts objdump's comment; makes all white space one space; drops an index that is none. */
static char *tidy(char *s)
{
    char *to = s;
    s[strcspn(s, "#")] = 0;
    for (const char *p = s; *p; p++) {
        const bool white = strchr(" \t\n", *p);
        if (strncmp(p, "+riz*", 5) == 0 || strncmp(p, "+eiz*", 5) == 0) {
            p += 5;
        } else if (!white) {
            *to++ = *p;
        } else if (to > s && to[-1] != ' ') {
            *to++ = ' ';
        }
    }
    *to = 0;
    trim(s);
    return s;
}

/* Has the map a row for the opcode, ModRM byte and mandatory prefix, whatever else it asks for? */
static bool in_sample(unsigned mode, const uint8_t *p)
{
    struct x86_instr i;
    if (x86_begin(&i, &x86_map, mode, p, 15) != X86_OK) {
        return true;
    }
    for (unsigned row = 0; row < X86_ROW_COUNT; row++) {
        const struct x86_row *r = &x86_rows[row];
        if (r->map == i.map && r->vex == i.vex && ((i.opcode ^ r->opcode) & r->opcode_mask) == 0 &&
            ((i.modrm ^ r->modrm) & r->modrm_mask) == 0 && (r->pp == i.pp || r->map == 0)) {
            return true;
        }
    }
    return false;
}

/* What another disassembler says of a case; text is NULL if that is "undefined". */
struct verdict {
    const char *oracle, *text;
    unsigned bytes;
};

static void compare(unsigned mode, const uint8_t *p, uint64_t pc, struct verdict v)
{
    char ours[120], theirs[120] = "undefined", word[24], hex[31] = "", whole[170];
    const unsigned bytes = our_text(mode, p, pc, ours, sizeof(ours));
    if (v.text) {
        const bool lone = !strchr(v.text, ' '); /* a prefix by itself stays */
        const char *text = lone ? v.text : skip_prefixes(v.text, false);
        snprintf(theirs, sizeof(theirs), bytes && v.bytes != bytes ? "%s (%u bytes)" : "%s", text,
                 v.bytes);
        mnemonic_of(v.text, word);
        if (!bytes && !(has_mnemonic(word) && in_sample(mode, p))) {
            return;
        }
    }
    if (strcmp(v.oracle, "capstone") == 0 && v.text && v.bytes == bytes) {
        char ours_word[24];
        mnemonic_of(ours, ours_word);
        mnemonic_of(theirs, word);
        if (strcmp(ours_word, word) == 0) {
            return;
        }
    } else if (strcmp(ours, theirs) == 0 ||
               strcmp(skip_prefixes(ours, true), skip_prefixes(theirs, true)) == 0) {
        return;
    }
    for (unsigned i = 0; i < 15; i++) {
        snprintf(hex + 2 * i, 3, "%02x", p[i]);
    }
    snprintf(whole, sizeof(whole), "/%u/%s/%s", 8 * mode, hex, ours);
    CHECK_MSG(listed(v.oracle, whole, theirs), "%s, %s: %s", whole, v.oracle, theirs);
}

/* objdump's line for one address; false at other lines. */
static bool parse_line(char *line, unsigned long *address, char **text)
{
    int at = 0;
    if (sscanf(line, " %lx: %n", address, &at) != 1 || !at) {
        return false;
    }
    *text = tidy(line + at);
    return true;
}

/* Compares `count` cases from objdump's output; returns how many it saw. */
static unsigned read_objdump(FILE *f, unsigned mode, const uint8_t *bytes, unsigned count)
{
    char line[300], pending[300];
    unsigned seen = 0;
    bool open = false;
    unsigned long address, start = 0;
    char *text;
    while (fgets(line, sizeof(line), f)) {
        if (!parse_line(line, &address, &text)) {
            continue;
        }
        if (open) {
            const bool bad = strstr(pending, "(bad)") != NULL;
            compare(mode, bytes + start - VMA, start,
                    (struct verdict){"objdump", bad ? NULL : pending, (unsigned)(address - start)});
            seen++;
        }
        open = address % SLOT == 0 && (address - VMA) / SLOT < count;
        start = address;
        snprintf(pending, sizeof(pending), "%s", text);
    }
    return seen;
}

static unsigned run_objdump(unsigned mode, const uint8_t *bytes, unsigned count)
{
    static const char *const machines[9] = {[2] = "i8086", [4] = "i386", [8] = "i386:x86-64"};
    char path[] = "/tmp/decoder.XXXXXX", command[200];
    const int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f) {
        return 0;
    }
    fwrite(bytes, SLOT, count, f);
    fwrite("\x90", 1, 1, f); /* so that the last case's line is followed by one */
    fclose(f);
    snprintf(command, sizeof(command),
             "objdump -D -z -b binary -m %s -M intel --no-show-raw-insn --adjust-vma=0x%x %s",
             machines[mode], VMA, path);
    f = popen(command, "r");
    const unsigned seen = f ? read_objdump(f, mode, bytes, count) : 0;
    if (f) {
        pclose(f);
    }
    unlink(path);
    return seen;
}

TEST(text_is_that_of_objdump)
{
    const unsigned part = 0x8000 / SLOT;
    REQUIRE(prepare());
    for (unsigned m = 0; m < 3; m++) {
        struct cases c = make_cases(modes[m], test_scale());
        for (unsigned i = 0; i < c.count; i += part) {
            const unsigned n = c.count - i < part ? c.count - i : part;
            CHECK_EQ(run_objdump(modes[m], c.bytes + (size_t)i * SLOT, n), n);
        }
        free(c.bytes);
    }
    check_all_seen("objdump");
}

TEST(length_and_mnemonic_are_those_of_capstone)
{
    static const cs_mode cs_modes[9] = {[2] = CS_MODE_16, [4] = CS_MODE_32, [8] = CS_MODE_64};
    REQUIRE(prepare());
    for (unsigned m = 1; m < 3; m++) { /* in 16-bit code it does not look at mandatory prefixes */
        csh handle;
        REQUIRE(cs_open(CS_ARCH_X86, cs_modes[modes[m]], &handle) == CS_ERR_OK);
        cs_insn *out = cs_malloc(handle);
        struct cases c = make_cases(modes[m], test_scale());
        for (unsigned i = 0; i < c.count; i++) {
            const uint8_t *p = c.bytes + (size_t)i * SLOT, *code = p;
            size_t left = 15;
            uint64_t pc = 0;
            const bool valid = cs_disasm_iter(handle, &code, &left, &pc, out);
            compare(
                modes[m], p, 0,
                (struct verdict){"capstone", valid ? out->mnemonic : NULL, valid ? out->size : 0});
        }
        free(c.bytes);
        cs_free(out, 1);
        cs_close(&handle);
    }
    check_all_seen("capstone");
}
