/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * What the opcode map calls an instruction, and how long it is, against the host CPU, for what has
 * no semantics yet: x87, MMX, SSE, AVX. An instruction of a row is none that the host calls
 * undefined, and if it does not fault the breakpoint behind it comes next. One that a changed bit
 * makes undefined is undefined for the host, too.
 */
#include "tests/test.h"

#include "cpu/x86/cpu.h"
#include "cpu/x86/x86_decode.h"
#include "tests/support/x86_case.h"

#define UNDEFINED 6
#define BREAKPOINT 3

static const unsigned modes[3] = {2, 4, 8};
static struct x86_batch batch;
static struct x86_results results;

/* What would change the state of the child's own floating point, or is the system's. */
static const char *const left_out[] = {
    "fldenv",  "fldcw",    "frstor", "fnstenv",  "fnsave",  "fxrstor", "xrstor",
    "xrstors", "ldmxcsr",  "xsaves", "vldmxcsr", "monitor", "mwait",   "clac",
    "stac",    "xsetbv",   "rdpkru", "wrpkru",   "invpcid", "rsm",     "xsave",
    "xsavec",  "xsaveopt", "fxsave", "sysenter", "sysexit", NULL};

static bool is_later(unsigned row, const struct x86_instr *i)
{
    for (unsigned f = 1; f < X86_FEAT_COUNT; f++) {
        if (x86_feat_untranslated[f] && x86_row_needs(row, i, (enum x86_feat)f)) {
            return !x86_case_is(row, left_out);
        }
    }
    return false;
}

static bool uses_fs_or_gs(const struct x86_instr *i)
{
    for (unsigned k = 0; k < i->ops; k++) {
        if (i->op[k].kind == X86_MEMORY && i->op[k].seg >= X86_FS) {
            return true;
        }
    }
    return i->seg == X86_FS || i->seg == X86_GS;
}

static void begin(unsigned mode)
{
    memset(&batch, 0, sizeof(batch));
    memset(batch.code, 0xcc, sizeof(batch.code));
    batch.mode = mode;
}

/* All registers point into the window, to where any alignment is kept. */
static void add(const uint8_t *bytes, unsigned n)
{
    const unsigned slot = batch.count++;
    const uint32_t at = X86_CASE_SLOT * slot + X86_CASE_START, small = batch.mode == 2;
    struct x86_case *c = &batch.cases[slot];
    for (unsigned k = 0; k < 16; k++) {
        c->r[k] = X86_CASE_WINDOW + 128 + (small ? 0 : X86_CASE_DATA);
    }
    c->rflags = 0x202;
    c->rip = at + (small ? 0 : X86_CASE_CODE);
    memcpy(batch.code + at, bytes, n);
    batch.bytes[slot] = (uint8_t)n;
}

static bool run(void)
{
    const char *why;
    const bool good = x86_host_run(&batch, &results, &why);
    if (!good && why) {
        return false;
    }
    CHECK_MSG(good, "%u-bit: the child ended at case %u", 8 * batch.mode, results.count);
    return good;
}

static void say(unsigned n, const char *what)
{
    struct strbuf text = {0};
    x86_case_print(&batch, n, &text);
    CHECK_MSG(false, "%u-bit, %s: %s: vector %llu", 8 * batch.mode, strbuf_text(&text), what,
              (unsigned long long)results.record[n].vector);
    strbuf_free(&text);
}

static void check_valid(void)
{
    for (unsigned n = 0; run() && n < batch.count; n++) {
        const struct x86_record *r = &results.record[n];
        if (r->vector == UNDEFINED) {
            say(n, "undefined for the host");
        } else if (r->vector == BREAKPOINT && r->rip != batch.cases[n].rip + batch.bytes[n] + 1) {
            say(n, "of another length for the host");
        }
        if (n + 1 == batch.count) {
            break;
        }
    }
}

static void check_undefined(void)
{
    for (unsigned n = 0; run() && n < batch.count; n++) {
        if (results.record[n].vector != UNDEFINED) {
            say(n, "not undefined for the host");
        }
        if (n + 1 == batch.count) {
            break;
        }
    }
}

/* A random instruction of the row, which the test may use; 0: none. */
static unsigned make(struct rng *rng, unsigned row, unsigned mode, uint8_t *bytes)
{
    struct x86_instr i;
    const unsigned n = x86_random_row(rng, row, mode, bytes);
    if (!n || x86_decode(mode, bytes, n, &i) != X86_OK || !is_later(row, &i) || uses_fs_or_gs(&i)) {
        return 0;
    }
    return n;
}

/*
 * Where host and map need not agree: EVEX, XOP, 3DNow!, system instructions, and what the host may
 * have beyond the map: VAES, VPCLMULQDQ, GFNI, masks of AVX-512; and VEX.W of VPERMQ and VPERMPD,
 * which some processors ignore outside 64-bit code.
 */
static bool is_beyond(const uint8_t *bytes, const struct x86_instr *begun)
{
    for (unsigned k = 0; k < 4; k++) {
        if (bytes[k] == 0x62 || bytes[k] == 0x8f) {
            return true;
        }
    }
    if ((begun->vex && begun->l && begun->map >= 2 && begun->opcode >= 0xdc) ||
        (begun->vex && begun->map == 3 && begun->opcode == 0x44) ||
        (begun->vex && begun->map == 3 && begun->opcode >= 0x30 && begun->opcode <= 0x33) ||
        (begun->vex && begun->map == 1 && (begun->opcode >> 4 == 4 || begun->opcode >> 4 == 9)) ||
        (begun->vex && begun->map == 3 && begun->opcode <= 1 && begun->mode != 8) ||
        (begun->map >= 2 && (begun->opcode | 1) == 0xcf)) {
        return true;
    }
    return begun->map == 1 &&
           (begun->opcode == 0x0f || begun->opcode == 0x01 || begun->opcode == 0x05 ||
            begun->opcode == 0x07 || begun->opcode == 0x34);
}

TEST(instructions_are_valid_and_as_long_as_for_the_host)
{
    for (unsigned m = 0; m < 3; m++) {
        struct rng rng;
        rng_seed(&rng, test_seed() + m);
        for (unsigned k = 0; k < 2 * test_scale(); k++) {
            begin(modes[m]);
            for (unsigned row = 0; row < X86_ROW_COUNT; row++) {
                uint8_t bytes[15];
                const unsigned n = make(&rng, row, modes[m], bytes);
                if (n) {
                    add(bytes, n);
                }
                if (batch.count == X86_CASE_COUNT || (row + 1 == X86_ROW_COUNT && batch.count)) {
                    check_valid();
                    begin(modes[m]);
                }
            }
        }
    }
}

TEST(instructions_that_are_undefined_are_so_for_the_host)
{
    for (unsigned m = 0; m < 3; m++) {
        struct rng rng;
        rng_seed(&rng, test_seed() + m);
        begin(modes[m]);
        for (unsigned k = 0; k < 20000 * test_scale() && batch.count < X86_CASE_COUNT; k++) {
            uint8_t bytes[15];
            struct x86_instr i;
            const unsigned n = make(&rng, (unsigned)rng_below(&rng, X86_ROW_COUNT), modes[m],
                                    bytes);
            if (!n) {
                continue;
            }
            memset(bytes + n, 0xcc, sizeof(bytes) - n);
            bytes[rng_below(&rng, n < 5 ? n : 5)] ^= (uint8_t)(1u << rng_below(&rng, 8));
            if (x86_decode(modes[m], bytes, 15, &i) == X86_UNDEFINED && !is_beyond(bytes, &i)) {
                add(bytes, n);
            }
        }
        check_undefined();
    }
}
