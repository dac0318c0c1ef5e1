/* SPDX-License-Identifier: MIT */
/*
 * The part of the generator of A64 cases that knows single rows: what the architecture leaves open,
 * which rows need other instructions around them (a label to jump to, the signature that an
 * authentication checks, the load of an exclusive pair), and where a row can be executed.
 */
#include "tests/support/a64_generate.h"

#include <string.h>

#include "cpu/arm/a64_decode.h"
#include "tests/support/a64_model.h"
#include "tests/support/a64_operands.h"

/* Fields that A64 has in the same place everywhere. */
#define RT(insn) ((insn)&31u)
#define RN(insn) ((insn) >> 5 & 31u)
#define RT2(insn) ((insn) >> 10 & 31u)
#define RS(insn) ((insn) >> 16 & 31u)

/* Instructions that recipes are made of. */
#define ADD_IMM(reg, imm) (0x91000000u | (uint32_t)(imm) << 10 | (reg) << 5 | (reg))
#define B(words) (0x14000000u | ((uint32_t)(words)&0x3ffffff))
#define BRK 0xd4200000u
#define CLREX 0xd5033f5fu
#define ISB 0xd5033fdfu
#define SEVL 0xd50320bfu
#define LDXR(size, rn, rt) (0x085f7c00u | (uint32_t)(size) << 30 | (rn) << 5 | (rt))
#define LDXP(sf, rn, rt, rt2) (0x887f0000u | (uint32_t)(sf) << 30 | (rt2) << 10 | (rn) << 5 | (rt))
#define SYSREG(op0, op1, crn, crm, op2)                                                            \
    ((uint32_t)(op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
#define MSR(reg, rt) (0xd5000000u | (reg) | (rt))
#define MRS(reg, rt) (0xd5200000u | (reg) | (rt))
#define PAC(data, b, rn, rd) (0xdac10000u | (data) << 11 | (b) << 10 | (rn) << 5 | (rd))
#define PACZ(data, b, rd) (0xdac123e0u | (data) << 11 | (b) << 10 | (rd))
#define PACISP(b) (0xd503233fu | (b) << 6)

#define ELR_EL1 SYSREG(3, 0, 4, 0, 1)
#define SPSR_EL1 SYSREG(3, 0, 4, 0, 0)
#define PAR_EL1 SYSREG(3, 0, 7, 4, 0)

static bool in_list(unsigned row, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(a64_rows[row].name, *names) == 0) {
            return true;
        }
    }
    return false;
}

static bool starts(unsigned row, const char *prefix)
{
    return strncmp(a64_rows[row].name, prefix, strlen(prefix)) == 0;
}

/* A general register that is none of those in the set. */
static uint32_t other_register(struct a64_maker *m, uint32_t set)
{
    uint32_t n;
    do {
        n = (uint32_t)rng_below(m->rng, 31);
    } while (set >> n & 1);
    return n;
}

/* ---- what is left open, DDI 0487 K1.2 */

static const char *const pairs[] = {"ldp", "stp", "ldpsw", NULL};

static bool writes_back(unsigned row, uint32_t insn)
{
    if (starts(row, "ldra")) {
        return insn >> 11 & 1;
    }
    if (in_list(row, pairs)) {
        return insn >> 23 & 1;
    }
    return strstr(a64_rows[row].name, "_imm9") && (insn >> 10 & 1);
}

static bool exclusive_store_unpredictable(unsigned row, uint32_t insn)
{
    bool pair = starts(row, "stxp") || starts(row, "stlxp");
    return RS(insn) == RT(insn) || (RS(insn) == RN(insn) && RN(insn) != 31) ||
           (pair && RS(insn) == RT2(insn));
}

/* Bits that should be one (or zero). An oracle may refuse others, and what they do is often open.
 */
static bool should_be_else(unsigned row, uint32_t insn)
{
    if (in_list(row, (const char *const[]){"cfinv", "xaflag", "axflag", NULL})) {
        return insn >> 8 & 15;
    }
    if (in_list(row, (const char *const[]){"ldxr", "ldaxr", "stlr", "stlr_lor", "ldar", "ldar_lor",
                                           NULL})) {
        return RS(insn) != 31 || RT2(insn) != 31;
    }
    if (in_list(row, (const char *const[]){"stxr", "stlxr", "smulh", "umulh", NULL})) {
        return RT2(insn) != 31;
    }
    return in_list(row, (const char *const[]){"ldxp", "ldaxp", "ldapr", NULL}) && RS(insn) != 31;
}

bool a64_unpredictable(unsigned row, uint32_t insn)
{
    static const char *const pair_loads[] = {"ldp", "ldp_v", "ldpsw", "ldxp", "ldaxp", NULL};
    static const char *const one_store[] = {"stxr", "stlxr", "stxp", "stlxp", NULL};
    if (should_be_else(row, insn) || (in_list(row, pair_loads) && RT(insn) == RT2(insn))) {
        return true;
    }
    if (in_list(row, one_store) && exclusive_store_unpredictable(row, insn)) {
        return true;
    }
    bool vector = strstr(a64_rows[row].name, "_v") != NULL;
    if (!vector && writes_back(row, insn) && RN(insn) != 31) {
        return RN(insn) == RT(insn) || (in_list(row, pairs) && RN(insn) == RT2(insn));
    }
    if (strcmp(a64_rows[row].name, "bra") == 0) {
        return RN(insn) != 16 &&
               RN(insn) != 17; /* QEMU 10.0 ends with a failed assertion for others */
    }
    if (strcmp(a64_rows[row].name, "hlt") == 0) {
        return (insn >> 5 & 0xffff) == 0xf000; /* the call number of semihosting */
    }
    return false;
}

/* ---- branches */

static uint32_t branch_field(unsigned row, int words)
{
    uint32_t w = (uint32_t)words;
    if (in_list(row, (const char *const[]){"b", "bl", NULL})) {
        return w & 0x3ffffff;
    }
    return starts(row, "tb") ? (w & 0x3fff) << 5 : (w & 0x7ffff) << 5;
}

/* Each way leaves another value in the marked register: forward over two instructions, or back. */
static void make_branch(struct a64_maker *m, unsigned row, uint32_t insn)
{
    bool long_form = in_list(row, (const char *const[]){"b", "bl", NULL});
    uint32_t field = long_form ? 0x3ffffff : starts(row, "tb") ? 0x3fffu << 5 : 0x7ffffu << 5;
    uint32_t reg = other_register(m, 0);
    insn &= ~field;
    if (a64_once_in(m->rng, 2)) {
        a64_emit(m, insn | branch_field(row, 3));
        a64_emit(m, ADD_IMM(reg, 1));
        a64_emit(m, BRK);
        a64_emit(m, ADD_IMM(reg, 2));
    } else {
        a64_emit(m, B(3));
        a64_emit(m, ADD_IMM(reg, 1));
        a64_emit(m, BRK);
        a64_emit(m, insn | branch_field(row, -2));
        a64_emit(m, ADD_IMM(reg, 2));
    }
}

static void set_register(struct a64_maker *m, unsigned n, uint64_t v)
{
    if (n < 31) {
        m->c->in.x[n] = v;
    }
}

/* The address of word n of the slot; sometimes one that faults, or has a tag. */
static uint64_t label(struct a64_maker *m, unsigned word)
{
    uint64_t a = m->slot + 4 * word;
    switch (rng_below(m->rng, 16)) {
    case 0:
        return a + 1 + rng_below(m->rng, 3);
    case 1:
        return A64_WINDOW_END + 4 * rng_below(m->rng, 4);
    case 2:
        return a | rng_below(m->rng, 256) << 56;
    default:
        return a;
    }
}

static void make_indirect(struct a64_maker *m, unsigned row, uint32_t insn)
{
    (void)row;
    set_register(m, RN(insn), label(m, 3));
    a64_emit(m, insn);
    a64_emit(m, ADD_IMM(other_register(m, 0), 1));
    a64_emit(m, BRK);
    a64_emit(m, ADD_IMM(other_register(m, 0), 2));
}

/* BRAA and its kin: the address is signed first, most often. */
static void make_signed_branch(struct a64_maker *m, unsigned row, uint32_t insn)
{
    uint32_t b = insn >> 10 & 1, rn = RN(insn);
    set_register(m, rn, m->slot + 16);
    if (!a64_once_in(m->rng, 8)) {
        bool plain = starts(row, "reta");
        a64_emit(m, plain              ? PACISP(b)
                    : (insn >> 24 & 1) ? PAC(0, b, RT(insn), rn)
                                       : PACZ(0, b, rn));
    } else {
        a64_emit(m, ISB);
    }
    if (starts(row, "reta")) {
        m->c->in.x[30] = m->slot + 16;
    }
    a64_emit(m, insn);
    a64_emit(m, ADD_IMM(other_register(m, 0), 1));
    a64_emit(m, BRK);
    a64_emit(m, ADD_IMM(other_register(m, 0), 2));
}

/* ERET, ERETAA: to EL0 or EL1. (tests/system has returns with a mode that is illegal.) */
static void make_eret(struct a64_maker *m, unsigned row, uint32_t insn)
{
    enum {
        DAIF = 0x3c0,
        SSBS = 1 << 12,
        PAN = 1 << 22,
        UAO = 1 << 23,
        DIT = 1 << 24
    };
    static const unsigned modes[] = {0, 0, 4, 5};
    uint32_t elr = other_register(m, 0), spsr = other_register(m, 1u << elr);
    bool sign = starts(row, "ereta");
    set_register(m, elr, sign ? m->slot + 24 : label(m, 6));
    set_register(m, spsr,
                 rng_below(m->rng, 16) << 28 | DAIF | modes[rng_below(m->rng, 4)] |
                     (rng_u32(m->rng) & (SSBS | PAN | UAO | DIT)));
    bool good = sign && !a64_once_in(m->rng, 8);
    a64_emit(m, good ? PAC(0, insn >> 10 & 1, 31, elr) : ISB);
    a64_emit(m, MSR(ELR_EL1, elr));
    a64_emit(m, MSR(SPSR_EL1, spsr));
    a64_emit(m, insn);
    a64_emit(m, ADD_IMM(other_register(m, 0), 1));
    a64_emit(m, BRK);
    a64_emit(m, ADD_IMM(other_register(m, 0), 2));
}

/* ---- loads and stores */

static void make_literal(struct a64_maker *m, unsigned row, uint32_t insn)
{
    (void)row;
    uint32_t words = 4 + (uint32_t)rng_below(m->rng, 9);
    a64_emit(m, (insn & ~(0x7ffffu << 5)) | words << 5);
    for (unsigned w = 8; w < 16; w++) {
        m->c->insn[w] = rng_u32(m->rng);
    }
}

static void make_exclusive_store(struct a64_maker *m, unsigned row, uint32_t insn)
{
    bool pair = starts(row, "stxp") || starts(row, "stlxp");
    uint32_t keep = 1u << RN(insn) | 1u << RT(insn) | 1u << RS(insn);
    uint32_t first = other_register(m, keep), second = other_register(m, keep | 1u << first);
    a64_aim(m, insn);
    if (!a64_once_in(m->rng, 8)) {
        a64_emit(m, pair ? LDXP(insn >> 30 & 1, RN(insn), first, second)
                         : LDXR(insn >> 30, RN(insn), first));
    }
    if (a64_once_in(m->rng, 8)) {
        a64_emit(m, CLREX);
    }
    a64_emit(m, insn);
}

static void make_signed_load(struct a64_maker *m, unsigned row, uint32_t insn)
{
    (void)row;
    a64_aim(m, insn);
    if (RN(insn) != 31 && !a64_once_in(m->rng, 8)) {
        a64_emit(m, PACZ(1, insn >> 23 & 1, RN(insn)));
    }
    a64_emit(m, insn);
}

/* All three instructions of a memory copy: what each does of it is the CPU's choice. */
static void make_copy(struct a64_maker *m, unsigned row, uint32_t insn)
{
    uint64_t size = a64_once_in(m->rng, 4) ? rng_below(m->rng, 8) : rng_below(m->rng, 400);
    uint64_t to = A64_MAIN + rng_below(m->rng, 500), from = to + size + rng_below(m->rng, 500);
    bool forward = starts(row, "cpyf");
    if (!forward && a64_once_in(m->rng, 2)) { /* these may overlap in any way */
        from = to + rng_below(m->rng, 64);
    } else if (forward && a64_once_in(m->rng, 4)) { /* these if they read above */
        from = to + rng_below(m->rng, size + 1);
    }
    bool exchange = !forward && a64_once_in(m->rng, 2);
    set_register(m, RT(insn), exchange ? from : to);
    set_register(m, RS(insn), exchange ? to : from);
    set_register(m, RN(insn), size);
    for (uint32_t stage = 0; stage < 3; stage++) {
        a64_emit(m, (insn & ~(3u << 22)) | stage << 22);
    }
}

static void make_set(struct a64_maker *m, unsigned row, uint32_t insn)
{
    (void)row;
    set_register(m, RT(insn), A64_MAIN + rng_below(m->rng, 1000));
    set_register(m, RN(insn),
                 a64_once_in(m->rng, 4) ? rng_below(m->rng, 8) : rng_below(m->rng, 600));
    for (uint32_t stage = 0; stage < 3; stage++) {
        a64_emit(m, (insn & ~(3u << 14)) | stage << 14);
    }
}

/* ---- pointer authentication */

static uint64_t pointer(struct a64_maker *m)
{
    uint64_t v = rng_u64(m->rng);
    switch (rng_below(m->rng, 4)) {
    case 0:
        return v;
    case 1:
        return v | UINT64_C(0xffff) << 48;
    default:
        return v >> 16;
    }
}

/* PAC*, AUT*: bit sign_bit tells the two apart; what authenticates comes after what signs. */
static void make_pac(struct a64_maker *m, uint32_t insn, unsigned sign_bit, unsigned rd)
{
    set_register(m, rd, pointer(m));
    if ((insn >> sign_bit & 1) && !a64_once_in(m->rng, 4)) {
        a64_emit(m, insn & ~(UINT32_C(1) << sign_bit));
        if (rd < 31 && a64_once_in(m->rng, 4)) { /* another bit is wrong */
            a64_emit(m, 0xd2400000u | (64 - (uint32_t)rng_below(m->rng, 64)) % 64 << 16 | rd << 5 |
                            rd); /* EOR rd, rd, #1 << n */
        }
    }
    a64_emit(m, insn);
}

static void make_pac_reg(struct a64_maker *m, unsigned row, uint32_t insn)
{
    (void)row;
    make_pac(m, insn, 12, RT(insn));
}

static void make_pac_hint(struct a64_maker *m, unsigned row, uint32_t insn)
{
    make_pac(m, insn, 7, starts(row, "pac_1716") ? 17 : 30);
}

static void make_strip(struct a64_maker *m, unsigned row, uint32_t insn)
{
    uint32_t rd = starts(row, "xpaclri") ? 30 : RT(insn), data = insn >> 10 & 1;
    set_register(m, rd, pointer(m));
    if (a64_once_in(m->rng, 2) && rd < 31) {
        a64_emit(m, PACZ(starts(row, "xpaclri") ? 0 : data, 0, rd));
    }
    a64_emit(m, insn);
}

/* ---- system registers and instructions */

/* Registers that only hold a value, or say how the CPU is; system: not at EL0. */
struct sysreg {
    uint32_t key;
    bool system, read_only;
    uint64_t writable;
};

static const struct sysreg sysregs[] = {
    {SYSREG(3, 3, 4, 2, 0), false, false, UINT64_MAX},  /* NZCV */
    {SYSREG(3, 3, 4, 4, 0), false, false, 0},           /* FPCR: by a64_fpcr() */
    {SYSREG(3, 3, 4, 4, 1), false, false, 0x0800009f},  /* FPSR */
    {SYSREG(3, 3, 4, 2, 5), false, false, UINT64_MAX},  /* DIT */
    {SYSREG(3, 3, 4, 2, 6), false, false, UINT64_MAX},  /* SSBS */
    {SYSREG(3, 3, 13, 0, 2), false, false, UINT64_MAX}, /* TPIDR_EL0 */
    {SYSREG(3, 3, 13, 0, 3), false, true, 0},           /* TPIDRRO_EL0 */
    {SYSREG(3, 3, 4, 2, 1), true, false, UINT64_MAX},   /* DAIF */
    {SYSREG(3, 0, 4, 2, 0), true, false, UINT64_MAX},   /* SPSel */
    {SYSREG(3, 0, 4, 2, 2), true, true, 0},             /* CurrentEL */
    {SYSREG(3, 0, 4, 2, 3), true, false, UINT64_MAX},   /* PAN */
    {SYSREG(3, 0, 4, 2, 4), true, false, UINT64_MAX},   /* UAO */
    {SYSREG(3, 0, 4, 1, 0), true, false, UINT64_MAX},   /* SP_EL0 */
    {ELR_EL1, true, false, UINT64_MAX},
    {SPSR_EL1, true, false, 0xf1c01fef},
    {SYSREG(3, 0, 5, 2, 0), true, false, UINT32_MAX},  /* ESR_EL1 */
    {SYSREG(3, 0, 6, 0, 0), true, false, UINT64_MAX},  /* FAR_EL1 */
    {SYSREG(3, 0, 13, 0, 1), true, false, UINT32_MAX}, /* CONTEXTIDR_EL1 */
};

static const struct sysreg *pick_sysreg(struct a64_maker *m, bool write)
{
    const struct sysreg *r;
    do {
        r = &sysregs[rng_below(m->rng, sizeof(sysregs) / sizeof(sysregs[0]))];
        /* at EL0 a refused one now and then */
    } while ((write && r->read_only) || (!m->el1 && r->system && !a64_once_in(m->rng, 16)));
    return r;
}

static void make_msr(struct a64_maker *m, unsigned row, uint32_t insn)
{
    (void)row;
    const struct sysreg *r = pick_sysreg(m, true);
    uint64_t v = a64_once_in(m->rng, 2) ? rng_u64(m->rng) : a64_integer(m->rng);
    set_register(m, RT(insn), r->writable ? v & r->writable : a64_fpcr(m->rng));
    a64_emit(m, MSR(r->key, RT(insn)));
    a64_emit(m, MRS(r->key, other_register(m, 0)));
}

static void make_mrs(struct a64_maker *m, unsigned row, uint32_t insn)
{
    (void)row;
    a64_emit(m, MRS(pick_sysreg(m, false)->key, RT(insn)));
}

/* Maintenance of caches and TLBs, translation; those that take an address get one in the window. */
static void make_sys(struct a64_maker *m, unsigned row, uint32_t insn)
{
    static const uint32_t el0[] = {
        SYSREG(1, 3, 7, 10, 1), SYSREG(1, 3, 7, 11, 1),
        SYSREG(1, 3, 7, 14, 1), /* DC CVAC, CVAU, CIVAC */
        SYSREG(1, 3, 7, 12, 1), SYSREG(1, 3, 7, 13, 1),
        SYSREG(1, 3, 7, 5, 1), /* CVAP, CVADP, IC IVAU */
    };
    static const uint32_t el1[] = {
        SYSREG(1, 0, 7, 6, 1), SYSREG(1, 0, 7, 1, 0),
        SYSREG(1, 0, 7, 5, 0), /* DC IVAC, IC IALLU(IS) */
        SYSREG(1, 0, 7, 8, 0), SYSREG(1, 0, 7, 8, 1),
        SYSREG(1, 0, 7, 8, 2), SYSREG(1, 0, 7, 8, 3), /* AT */
        SYSREG(1, 0, 8, 7, 0), SYSREG(1, 0, 8, 7, 1),
        SYSREG(1, 0, 8, 3, 0), SYSREG(1, 0, 8, 3, 2), /* TLBI */
    };
    (void)row;
    bool system = m->el1 && a64_once_in(m->rng, 2);
    uint32_t op = system ? el1[rng_below(m->rng, sizeof(el1) / sizeof(el1[0]))]
                         : el0[rng_below(m->rng, sizeof(el0) / sizeof(el0[0]))];
    uint32_t rt = RT(insn) == 31 ? 0 : RT(insn);
    bool translate = op >= SYSREG(1, 0, 7, 8, 0) && op <= SYSREG(1, 0, 7, 8, 3);
    set_register(m, rt, translate ? A64_WINDOW_END - rng_below(m->rng, 4) * 4096 : A64_MAIN);
    a64_emit(m, 0xd5000000u | op | rt);
    if (translate) {
        a64_emit(m, ISB);
        a64_emit(m, MRS(PAR_EL1, other_register(m, 0)));
    }
}

/* An event is pending, a deadline has passed: there is nothing to wait for. */
static void make_wait(struct a64_maker *m, unsigned row, uint32_t insn)
{
    set_register(m, RT(insn), 0);
    if (starts(row, "wfe")) {
        a64_emit(m, SEVL);
    }
    a64_emit(m, insn);
}

struct recipe {
    const char *row; /* its name, or with * what it starts with */
    void (*make)(struct a64_maker *m, unsigned row, uint32_t insn);
};

static const struct recipe recipes[] = {
    {"b", make_branch},
    {"bl", make_branch},
    {"b_cond*", make_branch},
    {"cbz", make_branch},
    {"cbnz", make_branch},
    {"tbz", make_branch},
    {"tbnz", make_branch},
    {"br", make_indirect},
    {"blr", make_indirect},
    {"ret", make_indirect},
    {"bra", make_signed_branch},
    {"blra", make_signed_branch},
    {"reta", make_signed_branch},
    {"eret*", make_eret},
    {"ldr_lit*", make_literal},
    {"ldrsw_lit", make_literal},
    {"prfm_lit", make_literal},
    {"stxr", make_exclusive_store},
    {"stlxr", make_exclusive_store},
    {"stxp", make_exclusive_store},
    {"stlxp", make_exclusive_store},
    {"ldra", make_signed_load},
    {"cpy*", make_copy},
    {"setp", make_set},
    {"setm", make_set},
    {"sete", make_set},
    {"pac", make_pac_reg},
    {"pacz", make_pac_reg},
    {"pac_*", make_pac_hint},
    {"xpac*", make_strip},
    {"msr", make_msr},
    {"mrs", make_mrs},
    {"sys", make_sys},
    {"wfe", make_wait},
    {"wfet", make_wait},
    {"wfit", make_wait},
};

static bool matches(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(pattern, name, n - 1) == 0 : strcmp(pattern, name) == 0;
}

bool a64_recipe(struct a64_maker *m, unsigned row, uint32_t insn)
{
    for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
        if (matches(recipes[i].row, a64_rows[row].name)) {
            recipes[i].make(m, row, insn);
            return true;
        }
    }
    return false;
}

/* ---- where rows can be executed */

const char *a64_row_elsewhere(unsigned row)
{
    static const char *const elsewhere[][2] = {
        {"hvc", "without EL2 it is the board's firmware call: tests/system/psci.S"},
        {"wfi", "needs an interrupt: tests/system/timer.S"},
    };
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        if (strcmp(a64_rows[row].name, elsewhere[i][0]) == 0) {
            return elsewhere[i][1];
        }
    }
    return NULL;
}

bool a64_row_system(unsigned row)
{
    static const char *const names[] = {
        "svc",     "hvc",       "smc",         "dcps",        "wfi",  "wfit",  "wfet", "msr_uao",
        "msr_pan", "msr_spsel", "msr_daifset", "msr_daifclr", "eret", "ereta", "drps", NULL};
    return in_list(row, names);
}

bool a64_row_pauth(unsigned row)
{
    return a64_row_needs(row, a64_rows[row].value, A64_FEAT_pauth);
}

bool a64_row_in_sequences(unsigned row)
{
    static const char *const alone[] = {"udf",  "brk",  "hlt", "adr", "adrp",
                                        "hint", "sysl", "wfi", NULL};
    for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
        if (matches(recipes[i].row, a64_rows[row].name)) {
            return false;
        }
    }
    return !in_list(row, alone) && !a64_row_system(row) && !a64_row_pauth(row) &&
           !a64_row_elsewhere(row) && !a64_row_modelled(row);
}

uint64_t a64_fpcr_unlike(unsigned row)
{
    enum {
        AH = 2
    };
    return starts(row, "fabs_v") || starts(row, "fneg_v") ? AH : 0;
}
