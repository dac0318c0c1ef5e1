/* SPDX-License-Identifier: MIT */
/*
 * Random cases of x86 instructions: see x86_case.h. An instruction is a random one of its row;
 * registers that it addresses memory by are chosen so that it hits the window. What user mode may
 * not do on the host without harm is left out: system calls, and FS and GS, which the host's own
 * code needs.
 */
#include "tests/support/x86_case.h"

#include <string.h>

#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/disas.h"
#include "cpu/x86/x86_decode.h"

/* ---- rows */

/* By the name before the slash. */
bool x86_case_is(unsigned row, const char *const *names)
{
    for (; *names; names++) {
        const size_t n = strlen(*names);
        if (strncmp(x86_rows[row].name, *names, n) == 0 &&
            (x86_rows[row].name[n] == 0 || x86_rows[row].name[n] == '_')) {
            return true;
        }
    }
    return false;
}

/*
 * System calls; INT1, whose PC is another one on virtual CPUs; what differs between CPUs by nature
 * (time, random numbers, identity, which state components there are); FS and GS, which the host's
 * own code needs; and what Linux emulates for programs (UMIP).
 */
static const char *const left_out[] = {
    "sysenter", "sysexit",  "sysret", "xgetbv", "xsetbv", "fxsave",  "fxrstor",  "xsaves",
    "xrstors",  "rdpkru",   "wrpkru", "clac",   "stac",   "syscall", "int1",     "rdtsc",
    "rdtscp",   "rdpmc",    "cpuid",  "rdrand", "rdseed", "rdpid",   "rdfsbase", "rdgsbase",
    "wrfsbase", "wrgsbase", "lfs",    "lgs",    "pop_fs", "pop_gs",  "sgdt",     "sidt",
    "sldt",     "str",      "smsw",   NULL};

static bool is_translated(unsigned row)
{
    struct x86_instr i;
    struct rng rng;
    uint8_t bytes[15];
    rng_seed(&rng, row);
    for (unsigned mode = 2; mode <= 8; mode *= 2) {
        const unsigned n = x86_random_row(&rng, row, mode, bytes);
        if (n && x86_decode(mode, bytes, n, &i) == X86_OK) {
            for (unsigned f = 1; f < X86_FEAT_COUNT; f++) {
                if (x86_row_needs(row, &i, (enum x86_feat)f) &&
                    (x86_feat_untranslated[f] || !x86_host_has(f))) {
                    return false;
                }
            }
            return true;
        }
    }
    return false;
}

bool x86_case_has_row(unsigned row, unsigned mode)
{
    static int8_t known[X86_ROW_COUNT]; /* 1 yes, 2 no */
    if (!known[row]) {
        known[row] = is_translated(row) && !x86_case_is(row, left_out) ? 1 : 2;
    }
    return known[row] == 1 && (x86_rows[row].modes & mode);
}

/* ---- undefined flags: Intel SDM, volume 1, appendix A, and the instructions' pages */

#define ALL X86_STATUS
static const struct {
    const char *name;
    uint32_t undefined;
} undefined_flags[] = {
    {"and", X86_AF},
    {"or", X86_AF},
    {"xor", X86_AF},
    {"test", X86_AF},
    {"andn", X86_AF | X86_PF},
    {"aaa", X86_OF | X86_SF | X86_ZF | X86_PF},
    {"aas", X86_OF | X86_SF | X86_ZF | X86_PF},
    {"aad", X86_OF | X86_AF | X86_CF},
    {"aam", X86_OF | X86_AF | X86_CF},
    {"daa", X86_OF},
    {"das", X86_OF},
    {"bt", ALL & ~(X86_CF | X86_ZF)},
    {"bts", ALL & ~(X86_CF | X86_ZF)},
    {"btr", ALL & ~(X86_CF | X86_ZF)},
    {"btc", ALL & ~(X86_CF | X86_ZF)},
    {"bsf", ALL & ~X86_ZF},
    {"bsr", ALL & ~X86_ZF},
    {"tzcnt", ALL & ~(X86_CF | X86_ZF)},
    {"lzcnt", ALL & ~(X86_CF | X86_ZF)},
    {"blsr", X86_AF | X86_PF},
    {"blsi", X86_AF | X86_PF},
    {"blsmsk", X86_AF | X86_PF},
    {"bzhi", X86_AF | X86_PF},
    {"bextr", X86_AF | X86_PF | X86_SF},
    {"mul", ALL & ~(X86_CF | X86_OF)},
    {"imul", ALL & ~(X86_CF | X86_OF)},
    {"imul2", ALL & ~(X86_CF | X86_OF)},
    {"imul3", ALL & ~(X86_CF | X86_OF)},
    {"div", ALL},
    {"idiv", ALL},
};

/* Shifts: AF always, OF but for a count of 1, CF where all bits have left; with a count of 0 no
 * flag changes. */
static uint32_t undefined_of_shift(const struct x86_instr *i, const struct x86_case *c)
{
    static const char *const rotations[] = {"rol", "ror", "rcl", "rcr", NULL};
    static const char *const doubles[] = {"shld", "shrd", NULL};
    const struct x86_operand *o = &i->op[i->ops - 1];
    const unsigned bits = 8 * i->op[0].bytes;
    const uint64_t raw = o->kind == X86_IMMEDIATE ? (uint64_t)o->value : c->r[X86_RCX];
    const unsigned n = (unsigned)raw & (bits == 64 ? 63 : 31);
    uint32_t flags = n == 1 || n == 0 ? 0 : X86_OF;
    if (x86_case_is(i->row, rotations) || n == 0) {
        return flags;
    }
    flags |= X86_AF | (n >= bits ? X86_CF : 0);
    return x86_case_is(i->row, doubles) && n > bits ? ALL : flags;
}

static uint32_t undefined_of(const struct x86_instr *i, const struct x86_case *c)
{
    static const char *const shifts[] = {"rol", "ror", "rcl",  "rcr",  "shl",
                                         "shr", "sar", "shld", "shrd", NULL};
    if (x86_case_is(i->row, shifts)) {
        return undefined_of_shift(i, c);
    }
    for (size_t k = 0; k < sizeof(undefined_flags) / sizeof(undefined_flags[0]); k++) {
        if (x86_case_is(i->row, (const char *const[]){undefined_flags[k].name, NULL})) {
            return undefined_flags[k].undefined;
        }
    }
    return 0;
}

/* ---- operands */

/* Values at which something changes. */
static uint64_t edge(struct rng *rng)
{
    static const uint64_t values[] = {
        0,         1,      2,          0x7f,     0x80,       0xff,      0x7fff,
        0x8000,    0xffff, 0x7fffffff, 1u << 31, 0xffffffff, INT64_MAX, UINT64_C(1) << 63,
        UINT64_MAX};
    const uint64_t v = values[rng_below(rng, sizeof(values) / sizeof(values[0]))];
    return v + (rng_below(rng, 4) == 0 ? rng_below(rng, 3) - 1 : 0);
}

static uint64_t value(struct rng *rng, unsigned mode)
{
    const uint64_t v = rng_below(rng, 3) == 0 ? edge(rng) : rng_u64(rng) >> rng_below(rng, 64);
    return mode == 8 ? v : v & 0xffffffff;
}

/* An offset (of the data segment, or flat) in the window, for an access of some bytes. */
static uint64_t in_window(struct rng *rng, unsigned mode)
{
    const uint64_t at = X86_CASE_WINDOW + 64 + rng_below(rng, X86_CASE_WINDOW_BYTES - 192);
    return mode == 2 ? at : at + X86_CASE_DATA;
}

/* Writes the low bytes that addresses have; the rest of the register is anything. */
static void set_register(struct x86_case *c, unsigned reg, unsigned bytes, uint64_t v)
{
    if (reg == X86_RSP && (c->rip & X86_CASE_CODE) == 0) {
        bytes = 2; /* in 16-bit code the upper half is given */
    }
    c->r[reg] = bytes == 8 ? v : deposit64(c->r[reg], 8 * bytes - 1, 0, v);
}

/* Which on some processors need not be aligned. */
static const char *const sha[] = {"sha1rnds4",   "sha1nexte",  "sha1msg1",   "sha1msg2",
                                  "sha256rnds2", "sha256msg1", "sha256msg2", NULL};

/* Lanes that gather from around the base. */
static void small_indices(struct x86_case *c, struct rng *rng, const struct x86_operand *o)
{
    for (unsigned k = 0; k < 32 / o->vsib; k++) {
        const uint64_t n = (uint64_t)rng_below(rng, 33) - 16;
        const unsigned at = k * o->vsib;
        const unsigned half = at < 16 ? X86_FX_XMM : X86_FX_YMM - 16;
        store_le(c->fx + half + 16 * o->index + at, o->vsib, n & mask64(8 * o->vsib));
    }
}

/* Makes base + index * scale + displacement hit the window. */
static void aim(struct x86_case *c, struct rng *rng, const struct x86_instr *i,
                const struct x86_operand *o)
{
    uint64_t rest = (uint64_t)o->value;
    const bool fixed = i->mode == 2 && o->base == X86_RSP; /* its upper half */
    if (o->base == X86_NONE || o->base == X86_RIP || o->base == o->index || fixed) {
        return;
    }
    if (o->vsib) {
        small_indices(c, rng, o);
    } else if (o->index != X86_NONE) {
        rest += c->r[o->index] << o->scale;
    }
    /* In 16-bit code with addresses of 32 bits these must stay below 64 KiB, too. */
    uint64_t at = in_window(rng, i->mode);
    if (x86_case_has_image(i->row)) {
        set_register(c, o->base, i->as,
                     x86_case_image(rng) + (i->mode == 2 ? 0 : X86_CASE_DATA) - rest);
        return;
    }
    const bool aligned = x86_case_is(i->row, sha) || (o->bytes >= 16 && rng_below(rng, 4));
    at &= aligned ? ~UINT64_C(15) : UINT64_MAX;
    set_register(c, o->base, i->as, at - rest);
}

/* Registers that an instruction needs to be small, or the loop would be long. */
static void tame(struct x86_case *c, struct rng *rng, const struct x86_instr *i)
{
    static const char *const counted[] = {"loop", "loope", "loopne", NULL};
    static const char *const bit_strings[] = {"bt", "bts", "btr", "btc", NULL};
    static const char *const doubles[] = {"shld", "shrd", NULL};
    if (x86_case_is(i->row, counted) || (x86_rows[i->row].flags & (X86_F_REP | X86_F_REPZ))) {
        set_register(c, X86_RCX, i->as, rng_below(rng, 12));
    }
    if (x86_case_is(i->row, bit_strings) && i->op[0].kind == X86_MEMORY &&
        i->op[1].kind == X86_REGISTER && i->op[1].reg != i->op[0].base &&
        i->op[1].reg != i->op[0].index) {
        set_register(c, i->op[1].reg, i->op[1].bytes, (uint64_t)(int64_t)rng_below(rng, 800) - 400);
    }
    /* Of 16 bits by more than 16 the result is undefined. */
    if (x86_case_is(i->row, doubles) && i->op[0].bytes == 2 && i->op[2].kind == X86_REGISTER) {
        set_register(c, X86_RCX, 1, rng_below(rng, 17));
    }
}

/* Does memory depend on the register? */
static bool addresses_by(const struct x86_instr *i, unsigned reg)
{
    return i->op[0].kind == X86_MEMORY && (i->op[0].base == reg || i->op[0].index == reg);
}

static void aim_all(struct x86_case *c, struct rng *rng, const struct x86_instr *i)
{
    static const char *const stack[] = {"leave", "enter", NULL};
    static const char *const xlat[] = {"xlat", NULL};
    static const char *const masked[] = {"maskmovq", "maskmovdqu", "vmaskmovdqu", NULL};
    static const char *const jumps[] = {"jmp", "call", NULL};
    if (x86_case_is(i->row, jumps) && i->op[0].kind == X86_REGISTER) {
        set_register(c, i->op[0].reg, i->os, c->rip + 100 + rng_below(rng, 20));
    }
    for (unsigned k = 0; k < i->ops; k++) {
        const struct x86_operand *o = &i->op[k];
        if (o->kind == X86_MEMORY && o->implied) {
            if (o->base != X86_NONE) {
                set_register(c, o->base, i->as, in_window(rng, i->mode));
            }
        } else if (o->kind == X86_MEMORY) {
            aim(c, rng, i, o);
        }
    }
    if (x86_case_is(i->row, stack)) {
        c->r[X86_RBP] = in_window(rng, i->mode);
    }
    if (x86_case_is(i->row, masked)) {
        set_register(c, X86_RDI, i->as, in_window(rng, i->mode));
    }
    if (x86_case_is(i->row, xlat)) {
        set_register(c, X86_RBX, i->as, in_window(rng, i->mode) - (c->r[X86_RAX] & 0xff));
    }
}

/* Branches go a little forwards, into breakpoints; POPF and ENTER have small numbers. */
static void patch(struct rng *rng, const struct x86_case *c, const struct x86_instr *i,
                  uint8_t *bytes)
{
    static const char *const enters[] = {"enter", NULL};
    static const uint8_t traps[] = {3, 4, 5, 13, 0x21};
    static const char *const doubles[] = {"shld", "shrd", NULL};
    if (i->ops && i->op[0].kind == X86_RELATIVE) {
        store_le(bytes + i->bytes - i->op[0].bytes, i->op[0].bytes == 8 ? 4 : i->op[0].bytes,
                 1 + rng_below(rng, 30));
    }
    if (i->ops && i->op[0].kind == X86_RELATIVE && i->op[0].bytes == 1) {
        bytes[i->bytes - 1] &= 0x1f;
    }
    if (i->row == X86_ROW_int) {
        bytes[i->bytes - 1] = traps[rng_below(rng, sizeof(traps))];
    }
    if (i->ops && i->op[0].kind == X86_FAR) {
        /* This segment, and breakpoints; in 64-bit code there are none. */
        store_le(bytes + i->bytes - 2, 2, i->mode == 2 ? 0x07 : 0x23);
        store_le(bytes + i->bytes - 2 - i->os, i->os, c->rip + 100);
    }
    if (x86_case_is(i->row, enters)) {
        store_le16(bytes + i->bytes - 3, (uint16_t)rng_below(rng, 64));
        bytes[i->bytes - 1] &= 0xe7;
    }
    if (x86_case_is(i->row, doubles) && i->op[0].bytes == 2 && i->op[2].kind == X86_IMMEDIATE) {
        bytes[i->bytes - 1] = (uint8_t)(bytes[i->bytes - 1] % 17 | (bytes[i->bytes - 1] & 0xe0));
        bytes[i->bytes - 1] &= bytes[i->bytes - 1] & 16 ? 0xf0 : 0xff;
    }
}

/* ---- cases */

static bool uses_other_segment(const struct x86_instr *i)
{
    for (unsigned k = 0; k < i->ops; k++) {
        if (i->op[k].kind == X86_MEMORY && i->op[k].seg >= X86_FS) {
            return true;
        }
    }
    return i->seg == X86_FS || i->seg == X86_GS;
}

static bool loads_other_segment(const struct x86_instr *i)
{
    return i->row == X86_ROW_mov_to_sreg && i->op[0].reg >= X86_FS;
}

/* Whether the case would harm the child, or leave it in an endless loop. */
static bool harmless(const struct x86_instr *i)
{
    static const char *const counted[] = {"loop", "loope", "loopne", NULL};
    static const char *const doubles[] = {"shld", "shrd", NULL};
    static const char *const pointers[] = {"lss", "call_far_m", "jmp_far_m", NULL};
    static const char *const masked[] = {"maskmovq", "maskmovdqu", "vmaskmovdqu", NULL};
    /* By more than there are bits, results are undefined. */
    if (x86_case_is(i->row, doubles) && i->op[0].bytes == 2 && i->op[2].kind == X86_REGISTER &&
        addresses_by(i, X86_RCX)) {
        return false;
    }
    /* REP before what is no string instruction is reserved (and makes LOOPNE LOOPE on some CPUs).
     */
    if (x86_case_is(i->row, counted) && i->rep) {
        return false;
    }
    /* It would point to nothing, and whether a store of no byte faults is each CPU's own. */
    if (x86_case_is(i->row, masked) && i->mode == 4 && i->as == 2) {
        return false;
    }
    /* By AMD the operand size of branches in 64-bit code may be 16 bits, by Intel not; but only by
     * Intel far pointers have offsets of 64. */
    if (i->mode == 8 && ((i->opsize && (x86_rows[i->row].flags & X86_F_F64)) ||
                         (i->os == 8 && x86_case_is(i->row, pointers)))) {
        return false;
    }
    /* Other components, or other places. */
    if (x86_case_has_image(i->row) &&
        (addresses_by(i, X86_RAX) || addresses_by(i, X86_RDX) || i->op[0].base >= 16 ||
         i->op[0].base == i->op[0].index || i->as == 2)) {
        return false;
    }
    return !loads_other_segment(i) && !uses_other_segment(i);
}

static unsigned make_instruction(struct rng *rng, const struct x86_case *c, unsigned row,
                                 unsigned mode, uint8_t *bytes, struct x86_instr *i)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        unsigned n = x86_random_row(rng, row, mode, bytes);
        if (!n) {
            return 0;
        }
        x86_decode(mode, bytes, n, i);
        patch(rng, c, i, bytes);
        x86_decode(mode, bytes, n, i);
        if (i->row == row && harmless(i)) {
            return n;
        }
    }
    return 0;
}

static void begin_case(struct x86_case *c, struct rng *rng, unsigned mode, unsigned slot)
{
    const uint32_t at = X86_CASE_SLOT * slot + X86_CASE_START;
    for (unsigned k = 0; k < 16; k++) {
        c->r[k] = k < 8 || mode == 8 ? value(rng, mode) : 0;
    }
    c->r[X86_RSP] = in_window(rng, mode);
    c->r[X86_RSP] &= rng_below(rng, 4) ? ~UINT64_C(7) : UINT64_MAX;
    c->r[X86_RSP] |= mode == 2 ? X86_CASE_HIGH_SP : 0;
    x86_case_fx(rng, c->fx);
    c->rflags = 0x202 | (rng_u32(rng) & X86_STATUS) | (rng_below(rng, 4) ? 0 : X86_DF);
    c->rip = mode == 2 ? at : X86_CASE_CODE + at;
}

static const char *const estimates[] = {
    "rcpps", "rcpss",   "rsqrtps", "rsqrtss", "vrcpps", "vrcpss", "vrsqrtps", "vrsqrtss", "f2xm1",
    "fyl2x", "fyl2xp1", "fpatan",  "fptan",   "fsin",   "fcos",   "fsincos",  NULL};

static const char *const angles[] = {"fptan", "fsin", "fcos", "fsincos", NULL};

/* x87: makers differ in what an invalid one that is not masked writes. */
static const char *const comparisons[] = {"fcom",    "fcomp",   "fcompp", "fucom", "fucomp",
                                          "fucompp", "ficom",   "ficomp", "fcomi", "fcomip",
                                          "fucomi",  "fucomip", "ftst",   NULL};

/* What leaves condition codes undefined, or remainders that are not complete, or stores the place
 * of the last instruction; and what may fault at an address whose bytes are all masked (volume 2,
 * MASKMOVDQU). */
static const char *const odd_ones[] = {"ffree",       "ffreep",  "fprem",    "fprem1",
                                       "fnsave",      "fnstenv", "maskmovq", "maskmovdqu",
                                       "vmaskmovdqu", "fldenv",  "frstor",   NULL};

/* Of the status word: which way an estimate was rounded (C1), that it was (PE), that it is
 * small (UE), of which operand (DE);
 * volume 2, FFREE; C1, which AMD's processors keep (APM, volume 5, FCOMI). */
static uint16_t undefined_codes(unsigned row)
{
    static const char *const all[] = {"ffree", "ffreep", NULL};
    static const char *const c1[] = {"fcomi", "fcomip", "fucomi", "fucomip", NULL};
    if (x86_case_is(row, all)) {
        return 0x4700;
    }
    return x86_case_is(row, estimates) ? 0x232 : x86_case_is(row, c1) ? 0x200 : 0;
}

/* Arguments within what the functions are defined for, and that remainders are complete of. */
static void tame_x87(struct x86_case *c, struct rng *rng, unsigned row)
{
    static const char *const small[] = {"f2xm1", "fyl2xp1", NULL};
    static const char *const remainders[] = {"fprem", "fprem1", NULL};
    if (x86_case_is(row, comparisons) || x86_case_is(row, estimates)) {
        c->fx[0] |= x86_case_is(row, estimates) ? 0x23 : 3;
    }
    if (x86_case_is(row, small)) {
        x86_case_st(rng, c->fx, 0, (const unsigned[]){0x3fb0, 0x3ffd});
    } else if (x86_case_is(row, angles)) {
        x86_case_st(rng, c->fx, 0, (const unsigned[]){0x3fc0, 0x4003});
    } else if (x86_case_is(row, remainders)) {
        x86_case_st(rng, c->fx, 0, (const unsigned[]){0x3ff0, 0x4010});
        x86_case_st(rng, c->fx, 1, (const unsigned[]){0x3ff0, 0x4010});
    }
}

static void one_instruction(struct x86_batch *b, struct rng *rng, unsigned n, unsigned row)
{
    struct x86_case *c = &b->cases[n];
    uint8_t *code = b->code + X86_CASE_SLOT * n + X86_CASE_START, bytes[15];
    struct x86_instr i;
    begin_case(c, rng, b->mode, n);
    const unsigned size = make_instruction(rng, c, row, b->mode, bytes, &i);
    if (!size) {
        b->bytes[n] = 0;
        return;
    }
    tame(c, rng, &i);
    tame_x87(c, rng, row);
    if (x86_case_has_image(row)) {
        x86_case_components(rng, c);
    }
    aim_all(c, rng, &i);
    const unsigned before = x86_case_prelude(rng, c, &i, code);
    memcpy(code + before, bytes, size);
    b->bytes[n] = (uint8_t)(before + size);
    b->undefined[n] = undefined_of(&i, c);
    b->estimate[n] = x86_case_is(row, angles)      ? X86_ANGLE
                     : x86_case_is(row, estimates) ? X86_NEAR
                                                   : X86_EXACT;
    b->codes[n] = undefined_codes(row);
}

/* CMP of two registers defines all flags. */
static unsigned define_flags(struct rng *rng, uint8_t *p)
{
    p[0] = 0x39;
    p[1] = (uint8_t)(0xc0 | rng_below(rng, 64));
    return 2;
}

/* Rows whose instructions may stand in a sequence: they go on behind themselves. PUSHA, POPA and
 * ENTER that fault half-way have done half of it on some CPUs; whether a masked store of no byte
 * faults is each CPU's own (SDM, MASKMOVDQU), and so is whether an operand may lie around the end
 * of 4 GiB, where BOUND and gathers get by chance. */
static bool goes_on(const struct x86_instr *i)
{
    static const char *const names[] = {
        "jcc",    "jmp",      "call",        "ret",         "ret_near", "loop",   "loope",
        "loopne", "jcxz",     "popf",        "int3",        "into",     "ud2",    "hlt",
        "shld",   "shrd",     "mov_to_sreg", "pop_es",      "pop_ss",   "pop_ds", "les",
        "lds",    "lss",      "call_far",    "jmp_far",     "retf",     "iret",   "lar",
        "lsl",    "verr",     "verw",        "int",         "int1",     "pusha",  "enter",
        "popa",   "maskmovq", "maskmovdqu",  "vmaskmovdqu", NULL};
    static const char *const far_off[] = {"bound",      "vpgatherdd", "vpgatherdq", "vpgatherqd",
                                          "vpgatherqq", "vgatherdps", "vgatherdpd", "vgatherqps",
                                          "vgatherqpd", NULL};
    /* Of ten bytes around the end of 64 KiB AMD's CPUs access the last two at its beginning (SDM,
     * volume 3, 5.3: a fault). */
    /* Which bits of MXCSR there are is the CPU's, too. */
    static const char *const loads[] = {"ldmxcsr", "vldmxcsr", NULL};
    if (x86_case_is(i->row, loads) || (i->mode == 2 && i->ops && i->op[0].bytes == 10) ||
        (i->mode == 4 && x86_case_is(i->row, far_off))) {
        return false;
    }
    if (x86_case_is(i->row, names) || x86_case_is(i->row, estimates) ||
        x86_case_is(i->row, comparisons) || x86_case_is(i->row, odd_ones) ||
        x86_case_is(i->row, sha) || x86_case_has_image(i->row) ||
        (i->mode == 8 && i->op[0].base == X86_RIP)) {
        return false;
    }
    return !(x86_rows[i->row].flags & (X86_F_REP | X86_F_REPZ));
}

/* Several instructions of registers, and of memory by RSP or by chance; it ends by a fault early
 * or by the breakpoint behind. */
static void sequence(struct x86_batch *b, struct rng *rng, unsigned n, unsigned *row)
{
    struct x86_case *c = &b->cases[n];
    uint8_t *code = b->code + X86_CASE_SLOT * n + X86_CASE_START;
    unsigned size = 0;
    begin_case(c, rng, b->mode, n);
    b->undefined[n] = 0;
    for (unsigned k = 0; size < 108 && k < 40; k++) {
        struct x86_instr i;
        uint8_t bytes[15];
        *row = (*row + 1 + rng_below(rng, 7)) % X86_ROW_COUNT;
        const unsigned more = x86_case_has_row(*row, b->mode)
                                  ? make_instruction(rng, c, *row, b->mode, bytes, &i)
                                  : 0;
        if (!more || !goes_on(&i) || (i.modrm < 0xc0 && k > 3)) {
            continue;
        }
        if (k == 0) {
            tame(c, rng, &i);
            aim_all(c, rng, &i);
        }
        memcpy(code + size, bytes, more);
        size += more;
        if (undefined_of(&i, c) || i.ops >= 1) {
            size += define_flags(rng, code + size);
        }
    }
    b->bytes[n] = (uint8_t)size;
}

void x86_batch_make(struct x86_batch *b, struct rng *rng, unsigned mode, unsigned *row,
                    bool sequences)
{
    memset(b, 0, sizeof(*b));
    memset(b->code, 0xcc, sizeof(b->code));
    rng_bytes(rng, b->data, sizeof(b->data));
    x86_case_put_images(rng, b->data);
    b->mode = mode;
    while (b->count < X86_CASE_COUNT) {
        const unsigned n = b->count;
        if (sequences) {
            b->row[n] = X86_ROW_COUNT;
            sequence(b, rng, n, row);
        } else {
            do {
                *row = (*row + 1) % X86_ROW_COUNT;
            } while (!x86_case_has_row(*row, mode));
            b->row[n] = (uint16_t)*row;
            one_instruction(b, rng, n, *row);
        }
        b->count += b->bytes[n] != 0;
    }
}

/* In 32-bit code; images have no size of their own. */
static bool goes_round(const struct x86_instr *i, const struct x86_record *r)
{
    for (unsigned k = 0; k < i->ops && i->mode == 4; k++) {
        const struct x86_operand *o = &i->op[k];
        const uint64_t base = o->base < 16 ? r->r[o->base] : 0;
        const uint64_t index = o->index < 16 && !o->vsib ? r->r[o->index] << o->scale : 0;
        const uint32_t at = (uint32_t)((base + index + (uint64_t)o->value) & mask64(8 * i->as));
        if (o->kind == X86_MEMORY && at + (o->bytes ? o->bytes : 108u) - 1 < at) {
            return true;
        }
    }
    return false;
}

bool x86_case_has_checks(const struct x86_batch *b, unsigned n, const struct x86_record *r)
{
    static const char *const masked[] = {"vmaskmovps", "vmaskmovpd", "vpmaskmovd", "vpmaskmovq",
                                         NULL};
    const uint64_t at = r->rip - b->cases[n].rip;
    struct x86_instr i;

    return at < b->bytes[n] &&
           x86_decode(b->mode, b->code + X86_CASE_SLOT * n + X86_CASE_START + at, 15, &i) ==
               X86_OK &&
           (x86_case_has_image(i.row) || x86_case_is(i.row, masked) || goes_round(&i, r));
}

void x86_case_print(const struct x86_batch *b, unsigned n, struct strbuf *out)
{
    const uint8_t *p = b->code + X86_CASE_SLOT * n + X86_CASE_START;
    for (unsigned at = 0; at < b->bytes[n];) {
        struct x86_instr i;
        struct x86_out text;
        char line[120];
        if (x86_decode(b->mode, p + at, 15, &i) != X86_OK) {
            break;
        }
        x86_out_init(&text, line, sizeof(line), b->cases[n].rip + at);
        x86_row_print(&text, &i);
        strbuf_printf(out, "%s%s", at ? "; " : "", line);
        at += i.bytes;
    }
    strbuf_printf(out, " [");
    for (unsigned k = 0; k < b->bytes[n]; k++) {
        strbuf_printf(out, "%02x", p[k]);
    }
    strbuf_printf(out, "]");
}
