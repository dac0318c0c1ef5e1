/* SPDX-License-Identifier: MIT */
/*
 * Text of A64 instructions: the functions that the texts of a64.decode call. Syntax is the Arm
 * Architecture Reference Manual's (DDI 0487, chapter C1.2 and the instruction descriptions), with
 * numbers written as GNU objdump writes them.
 */
#include "cpu/arm/a64_disas.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cpu/arm/a64_decode.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

__attribute__((format(printf, 2, 3))) static void put(struct a64_out *out, const char *fmt, ...)
{
    if (out->len + 1 >= out->size) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(out->buf + out->len, out->size - out->len, fmt, ap);
    va_end(ap);
    size_t room = out->size - out->len - 1;
    out->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

bool a64_disas(uint32_t insn, uint64_t pc, char *buf, size_t size)
{
    struct a64_out out = {.buf = buf, .size = size, .pc = pc};
    if (size) {
        buf[0] = 0;
    }
    unsigned row = a64_decode_row(insn);
    if (row == A64_ROW_NONE) {
        put(&out, ".inst 0x%08x ; undefined", insn);
        return false;
    }
    a64_row_print(&out, row, insn);
    return true;
}

void a64_fmt_text(struct a64_out *out, const char *text)
{
    put(out, "%s", text);
}

void a64_fmt_dec(struct a64_out *out, int64_t v)
{
    put(out, "%lld", (long long)v);
}

void a64_fmt_hex(struct a64_out *out, uint64_t v)
{
    put(out, "#0x%llx", (unsigned long long)v);
}

void a64_fmt_r(struct a64_out *out, unsigned sf, unsigned r)
{
    if (r == 31) {
        put(out, "%czr", sf ? 'x' : 'w');
    } else {
        put(out, "%c%u", sf ? 'x' : 'w', r);
    }
}

void a64_fmt_rsp(struct a64_out *out, unsigned sf, unsigned r)
{
    if (r == 31) {
        put(out, sf ? "sp" : "wsp");
    } else {
        a64_fmt_r(out, sf, r);
    }
}

void a64_fmt_x(struct a64_out *out, unsigned r)
{
    a64_fmt_r(out, 1, r);
}

void a64_fmt_w(struct a64_out *out, unsigned r)
{
    a64_fmt_r(out, 0, r);
}

void a64_fmt_xsp(struct a64_out *out, unsigned r)
{
    a64_fmt_rsp(out, 1, r);
}

/* The pair of CASP, which may wrap from 30 to the zero register. */
void a64_fmt_pair(struct a64_out *out, unsigned sf, unsigned r)
{
    a64_fmt_r(out, sf, r);
    put(out, ", ");
    a64_fmt_r(out, sf, r + 1);
}

/* Immediates */

void a64_fmt_rel(struct a64_out *out, int64_t off)
{
    put(out, "0x%llx", (unsigned long long)(out->pc + (uint64_t)off));
}

void a64_fmt_page(struct a64_out *out, int64_t off)
{
    put(out, "0x%llx", (unsigned long long)((out->pc & ~UINT64_C(0xfff)) + ((uint64_t)off << 12)));
}

void a64_fmt_aimm(struct a64_out *out, unsigned imm, unsigned sh)
{
    put(out, "#0x%x%s", imm, sh ? ", lsl #12" : "");
}

void a64_fmt_wide(struct a64_out *out, unsigned imm, unsigned hw)
{
    put(out, "#0x%x", imm);
    if (hw) {
        put(out, ", lsl #%u", 16 * hw);
    }
}

void a64_fmt_shifted(struct a64_out *out, unsigned imm, unsigned hw)
{
    a64_fmt_hex(out, (uint64_t)imm << (16 * hw));
}

void a64_fmt_inverted(struct a64_out *out, unsigned sf, unsigned imm, unsigned hw)
{
    uint64_t v = ~((uint64_t)imm << (16 * hw));
    a64_fmt_hex(out, sf ? v : v & UINT32_MAX);
}

uint64_t a64_bitmask(unsigned sf, unsigned n, unsigned immr, unsigned imms)
{
    unsigned size = 64;
    if (!n) {
        size = 32;
        for (unsigned s = imms; s & size; size /= 2) {
        }
    }
    unsigned ones = (imms & (size - 1)) + 1, turn = immr & (size - 1);
    uint64_t element = ones == 64 ? UINT64_MAX : (UINT64_C(1) << ones) - 1;
    uint64_t mask = size == 64 ? UINT64_MAX : (UINT64_C(1) << size) - 1;
    if (turn) {
        element = (element >> turn | element << (size - turn)) & mask;
    }
    for (unsigned have = size; have < 64; have *= 2) {
        element |= element << have;
    }
    return sf ? element : element & UINT32_MAX;
}

void a64_fmt_bitmask(struct a64_out *out, unsigned sf, unsigned n, unsigned immr, unsigned imms)
{
    a64_fmt_hex(out, a64_bitmask(sf, n, immr, imms));
}

/* DDI 0487, MoveWidePreferred(), by the value: one halfword differs from zeros or from ones. */
bool a64_fn_move_wide(unsigned sf, unsigned n, unsigned immr, unsigned imms)
{
    uint64_t v = a64_bitmask(sf, n, immr, imms);
    unsigned halves = sf ? 4 : 2, zeros = 0, ones = 0;
    for (unsigned i = 0; i < halves; i++) {
        zeros += (v >> (16 * i) & 0xffff) == 0;
        ones += (v >> (16 * i) & 0xffff) == 0xffff;
    }
    return zeros >= halves - 1 || ones >= halves - 1;
}

/* lsb and width of the bitfield aliases */
void a64_fmt_insert(struct a64_out *out, unsigned sf, unsigned immr, unsigned imms)
{
    unsigned size = sf ? 64 : 32;
    put(out, "#%u, #%u", (size - immr) % size, imms + 1);
}

void a64_fmt_extract(struct a64_out *out, unsigned immr, unsigned imms)
{
    put(out, "#%u, #%u", immr, imms - immr + 1);
}

/* Operands and parts of mnemonics */

void a64_fmt_shift(struct a64_out *out, unsigned sf, unsigned rm, unsigned shift, unsigned imm)
{
    static const char name[4][4] = {"lsl", "lsr", "asr", "ror"};
    a64_fmt_r(out, sf, rm);
    if (shift || imm) {
        put(out, ", %s #%u", name[shift & 3], imm);
    }
}

static const char extend_names[8][5] = {"uxtb", "uxth", "uxtw", "uxtx",
                                        "sxtb", "sxth", "sxtw", "sxtx"};

void a64_fmt_ext(struct a64_out *out, unsigned sf, unsigned rm, unsigned option, unsigned imm,
                 unsigned with_sp)
{
    a64_fmt_r(out, sf && (option & 3) == 3, rm);
    bool is_lsl = with_sp && option == (sf ? 3u : 2u);
    if (is_lsl && imm == 0) {
        return;
    }
    put(out, ", %s", is_lsl ? "lsl" : extend_names[option & 7]);
    if (imm) {
        put(out, " #%u", imm);
    }
}

void a64_fmt_cond(struct a64_out *out, unsigned cond)
{
    static const char name[16][3] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                     "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};
    put(out, "%s", name[cond & 15]);
}

void a64_fmt_barrier(struct a64_out *out, unsigned crm)
{
    static const char name[16][6] = {"", "oshld", "oshst", "osh", "", "nshld", "nshst", "nsh",
                                     "", "ishld", "ishst", "ish", "", "ld",    "st",    "sy"};
    if (name[crm & 15][0]) {
        put(out, "%s", name[crm & 15]);
    } else {
        put(out, "#0x%02x", crm);
    }
}

void a64_fmt_key(struct a64_out *out, unsigned b)
{
    put(out, "%c", b ? 'b' : 'a');
}

void a64_fmt_pac(struct a64_out *out, unsigned auth, unsigned data, unsigned b)
{
    put(out, "%s%c%c", auth ? "aut" : "pac", data ? 'd' : 'i', b ? 'b' : 'a');
}

/* With a zero modifier: paciza, not pacia. */
void a64_fmt_pacz(struct a64_out *out, unsigned auth, unsigned data, unsigned b)
{
    put(out, "%s%cz%c", auth ? "aut" : "pac", data ? 'd' : 'i', b ? 'b' : 'a');
}

void a64_fmt_bh(struct a64_out *out, unsigned size)
{
    put(out, size == 0 ? "b" : size == 1 ? "h" : "");
}

void a64_fmt_bhw(struct a64_out *out, unsigned size)
{
    put(out, "%c", "bhw"[size < 2 ? size : 2]);
}

void a64_fmt_bhwx(struct a64_out *out, unsigned size)
{
    put(out, "%c", "bhwx"[size & 3]);
}

void a64_fmt_al(struct a64_out *out, unsigned a, unsigned r)
{
    put(out, "%s%s", a ? "a" : "", r ? "l" : "");
}

void a64_fmt_prfop(struct a64_out *out, unsigned op)
{
    static const char type[3][4] = {"pld", "pli", "pst"};
    if (op >> 3 == 3 || (op >> 1 & 3) == 3) {
        put(out, "#0x%02x", op);
    } else {
        put(out, "%sl%u%s", type[op >> 3], (op >> 1 & 3) + 1, op & 1 ? "strm" : "keep");
    }
}

void a64_fmt_cpyopts(struct a64_out *out, unsigned opts)
{
    static const char unprivileged[4][4] = {"", "wt", "rt", "t"};
    static const char temporal[4][3] = {"", "wn", "rn", "n"};
    put(out, "%s%s", unprivileged[opts & 3], temporal[opts >> 2 & 3]);
}

void a64_fmt_setopts(struct a64_out *out, unsigned opts)
{
    put(out, "%s%s", opts & 1 ? "t" : "", opts & 2 ? "n" : "");
}

void a64_fmt_cpy(struct a64_out *out, unsigned rd, unsigned rs, unsigned rn)
{
    put(out, "[x%u]!, [x%u]!, x%u!", rd, rs, rn);
}

void a64_fmt_set(struct a64_out *out, unsigned rd, unsigned rn, unsigned rs)
{
    put(out, "[x%u]!, x%u!, ", rd, rn);
    a64_fmt_x(out, rs);
}

/* System registers and operations */

struct sys_name {
    uint16_t key;
    bool operand; /* of an operation: it takes a register */
    const char *name;
};

#define SYS_KEY(op0, op1, crn, crm, op2)                                                           \
    ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define DBGDTRTX SYS_KEY(2, 3, 0, 5, 0)

static const struct sys_name sysregs[] = {
#define A64_SYSREG(op0, op1, crn, crm, op2, name) {SYS_KEY(op0, op1, crn, crm, op2), false, name},
#define A64_SYSOP(op1, crn, crm, op2, name, operand)
#include "cpu/arm/sysreg_names.h"
};

static const struct sys_name sysops[] = {
#define A64_SYSREG(op0, op1, crn, crm, op2, name)
#define A64_SYSOP(op1, crn, crm, op2, name, operand)                                               \
    {SYS_KEY(1, op1, crn, crm, op2), operand, name},
#include "cpu/arm/sysreg_names.h"
};

/* The tables are in the order of their keys. */
static const struct sys_name *find_name(const struct sys_name *table, size_t n, unsigned key)
{
    size_t low = 0;
    while (low < n) {
        size_t mid = low + (n - low) / 2;
        if (table[mid].key == key) {
            return &table[mid];
        }
        if (table[mid].key < key) {
            low = mid + 1;
        } else {
            n = mid;
        }
    }
    return NULL;
}

const char *a64_sysreg_name(unsigned key, bool write)
{
    if (write && key == DBGDTRTX) {
        return "dbgdtrtx_el0"; /* the one register with two names */
    }
    const struct sys_name *s = find_name(sysregs, COUNT(sysregs), key);
    return s ? s->name : NULL;
}

void a64_fmt_sysreg(struct a64_out *out, unsigned key, unsigned write)
{
    const char *name = a64_sysreg_name(key, write);
    if (name) {
        put(out, "%s", name);
    } else {
        put(out, "s%u_%u_c%u_c%u_%u", key >> 14, key >> 11 & 7, key >> 7 & 15, key >> 3 & 15,
            key & 7);
    }
}

void a64_fmt_sysl(struct a64_out *out, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
    put(out, "#%u, C%u, C%u, #%u", op1, crn, crm, op2);
}

void a64_fmt_sys(struct a64_out *out, unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                 unsigned rt)
{
    const struct sys_name *s = find_name(sysops, COUNT(sysops), SYS_KEY(1, op1, crn, crm, op2));
    if (s && (s->operand || rt == 31)) {
        put(out, "%s", s->name);
        if (!s->operand) {
            return;
        }
    } else {
        put(out, "sys ");
        a64_fmt_sysl(out, op1, crn, crm, op2);
        if (rt == 31) {
            return;
        }
    }
    put(out, ", ");
    a64_fmt_x(out, rt);
}

/* Addresses */

void a64_fmt_mem(struct a64_out *out, unsigned rn)
{
    a64_fmt_memoff(out, rn, 0);
}

void a64_fmt_memoff(struct a64_out *out, unsigned rn, int64_t off)
{
    put(out, "[");
    a64_fmt_xsp(out, rn);
    if (off) {
        put(out, ", #%lld", (long long)off);
    }
    put(out, "]");
}

void a64_fmt_memidx(struct a64_out *out, unsigned idx, unsigned rn, int64_t off)
{
    if (idx == 0) {
        a64_fmt_memoff(out, rn, off);
        return;
    }
    put(out, "[");
    a64_fmt_xsp(out, rn);
    put(out, idx == 1 ? "], #%lld" : ", #%lld]!", (long long)off);
}

void a64_fmt_mempair(struct a64_out *out, unsigned idx, unsigned rn, int64_t off)
{
    a64_fmt_memidx(out, idx == 2 ? 0 : idx, rn, off);
}

void a64_fmt_memreg(struct a64_out *out, unsigned rn, unsigned rm, unsigned option, unsigned s,
                    unsigned scale)
{
    put(out, "[");
    a64_fmt_xsp(out, rn);
    put(out, ", ");
    a64_fmt_r(out, option & 1, rm);
    if (option != 3) {
        put(out, ", %s", extend_names[option & 7]);
        if (s) {
            put(out, " #%u", scale);
        }
    } else if (s) {
        put(out, ", lsl #%u", scale);
    }
    put(out, "]");
}

void a64_fmt_memstruct(struct a64_out *out, unsigned post, unsigned rn, unsigned rm, unsigned bytes)
{
    a64_fmt_mem(out, rn);
    if (post && rm == 31) {
        put(out, ", #%u", bytes);
    } else if (post) {
        put(out, ", x%u", rm);
    }
}

/* SIMD and floating-point registers */

void a64_fmt_fp(struct a64_out *out, unsigned esz, unsigned r)
{
    put(out, "%c%u", "bhsdq"[esz < 4 ? esz : 4], r);
}

static void put_arrangement(struct a64_out *out, unsigned esz, unsigned q)
{
    put(out, ".%u%c", (q ? 16u : 8u) >> esz, "bhsdq"[esz < 4 ? esz : 4]);
}

void a64_fmt_v(struct a64_out *out, unsigned r, unsigned esz, unsigned q)
{
    put(out, "v%u", r);
    put_arrangement(out, esz, q);
}

void a64_fmt_lane(struct a64_out *out, unsigned r, unsigned esz, unsigned index)
{
    put(out, "v%u.%c[%u]", r, "bhsdq"[esz < 4 ? esz : 4], index);
}

/* More than two consecutive registers that do not wrap are written as a range. */
static void put_list(struct a64_out *out, unsigned r, unsigned regs, const char *shape)
{
    put(out, "{");
    if (regs > 2 && r + regs <= 32) {
        put(out, "v%u%s-v%u%s", r, shape, r + regs - 1, shape);
    } else {
        for (unsigned i = 0; i < regs; i++) {
            put(out, "%sv%u%s", i ? ", " : "", (r + i) & 31, shape);
        }
    }
    put(out, "}");
}

void a64_fmt_vlist(struct a64_out *out, unsigned r, unsigned regs, unsigned esz, unsigned q)
{
    char shape[16] = "";
    struct a64_out s = {.buf = shape, .size = sizeof(shape)};
    put_arrangement(&s, esz, q);
    put_list(out, r, regs, shape);
}

void a64_fmt_vlane(struct a64_out *out, unsigned r, unsigned regs, unsigned esz, unsigned index)
{
    const char shape[] = {'.', "bhsd"[esz & 3], 0};
    put_list(out, r, regs, shape);
    put(out, "[%u]", index);
}

/* The two elements that a scalar pairwise operation reads. */
void a64_fmt_pairof(struct a64_out *out, unsigned r, unsigned esz)
{
    put(out, "v%u.2%c", r, "bhsd"[esz & 3]);
}

/* Half of a vector register: what FMLAL reads. */
void a64_fmt_halves(struct a64_out *out, unsigned r, unsigned q)
{
    put(out, "v%u.%uh", r, q ? 4u : 2u);
}

void a64_fmt_quad(struct a64_out *out, unsigned r, unsigned index)
{
    put(out, "v%u.4b[%u]", r, index);
}

void a64_fmt_two_h(struct a64_out *out, unsigned r, unsigned index)
{
    put(out, "v%u.2h[%u]", r, index);
}

/* SIMD and floating-point: parts of mnemonics, immediates */

void a64_fmt_two(struct a64_out *out, unsigned q)
{
    put(out, q ? "2" : "");
}

void a64_fmt_us(struct a64_out *out, unsigned u)
{
    put(out, u ? "u" : "s");
}

void a64_fmt_bt(struct a64_out *out, unsigned top)
{
    put(out, top ? "t" : "b");
}

void a64_fmt_e(struct a64_out *out, unsigned e)
{
    put(out, e ? "e" : "");
}

void a64_fmt_zx(struct a64_out *out, unsigned x)
{
    put(out, x ? "x" : "z");
}

void a64_fmt_round(struct a64_out *out, unsigned mode)
{
    put(out, "%c", "npmza?xi"[mode & 7]);
}

/* Sign, exponent NOT(b):bbb..:cd, fraction efgh; DDI 0487, VFPExpandImm(). */
uint64_t a64_fp_imm(unsigned esz, unsigned imm)
{
    static const uint8_t exponent_bits[4] = {0, 5, 8, 11}, fraction_bits[4] = {0, 10, 23, 52};
    unsigned e = exponent_bits[esz & 3], f = fraction_bits[esz & 3];
    uint64_t b = imm >> 6 & 1;
    uint64_t exponent = (b ^ 1) << (e - 1) | (b ? (UINT64_C(1) << (e - 1)) - 4 : 0) |
                        (imm >> 4 & 3);
    return (uint64_t)(imm >> 7 & 1) << (e + f) | exponent << f | (uint64_t)(imm & 15) << (f - 4);
}

static uint64_t repeat(uint64_t v, unsigned bits)
{
    for (; bits < 64; bits *= 2) {
        v |= v << bits;
    }
    return v;
}

/* A byte of ones for each bit of imm. */
static uint64_t byte_mask(unsigned imm)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        v |= imm >> i & 1 ? UINT64_C(0xff) << (8 * i) : 0;
    }
    return v;
}

uint64_t a64_simd_imm(unsigned op, unsigned cmode, unsigned imm)
{
    uint64_t v;
    if (cmode < 8) {
        v = repeat((uint64_t)imm << (8 * (cmode >> 1)), 32);
    } else if (cmode < 12) {
        v = repeat((uint64_t)imm << (8 * (cmode >> 1 & 1)), 16);
    } else if (cmode < 14) {
        v = repeat(cmode & 1 ? (uint64_t)imm << 16 | 0xffff : (uint64_t)imm << 8 | 0xff, 32);
    } else if (cmode == 14) {
        return op ? byte_mask(imm) : repeat(imm, 8);
    } else {
        return op ? a64_fp_imm(3, imm) : repeat(a64_fp_imm(2, imm), 32);
    }
    return op ? ~v : v;
}

void a64_fmt_fpimm(struct a64_out *out, unsigned imm)
{
    uint64_t bits = a64_fp_imm(3, imm);
    double v;
    memcpy(&v, &bits, sizeof(v));
    put(out, "#%.18e", v);
}

void a64_fmt_vimm(struct a64_out *out, unsigned imm, unsigned shift)
{
    a64_fmt_hex(out, imm);
    if (shift) {
        put(out, ", lsl #%u", shift);
    }
}

void a64_fmt_movi(struct a64_out *out, unsigned q, unsigned op, unsigned cmode, unsigned imm,
                  unsigned rd)
{
    put(out, cmode == 15 ? "fmov " : op && cmode != 14 ? "mvni " : "movi ");
    unsigned esz = cmode >= 8 && cmode < 12 ? 1
                   : cmode == 14 && !op     ? 0
                   : cmode >= 14 && op      ? 3
                                            : 2;
    if (cmode == 14 && op && !q) {
        a64_fmt_fp(out, 3, rd);
    } else {
        a64_fmt_v(out, rd, esz, q);
    }
    put(out, ", ");
    if (cmode == 15) {
        a64_fmt_fpimm(out, imm);
    } else if (cmode == 14) {
        a64_fmt_hex(out, op ? byte_mask(imm) : imm);
    } else if (cmode >= 12) {
        put(out, "#0x%x, msl #%u", imm, cmode & 1 ? 16 : 8);
    } else {
        a64_fmt_vimm(out, imm, 8 * (cmode >> 1 & (cmode < 8 ? 3 : 1)));
    }
}

/* Operands of shifts by immediate */

static void put_fp_pair(struct a64_out *out, unsigned rd, unsigned rn, unsigned esz_d,
                        unsigned esz_n)
{
    a64_fmt_fp(out, esz_d, rd);
    put(out, ", ");
    a64_fmt_fp(out, esz_n, rn);
}

/* The element of both registers is that of the immediate. */
static void put_v_pair(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q)
{
    a64_fmt_v(out, rd, a64_shift_esz(imm), q);
    put(out, ", ");
    a64_fmt_v(out, rn, a64_shift_esz(imm), q);
}

static void put_right(struct a64_out *out, unsigned imm)
{
    put(out, ", #%u", (16u << a64_shift_esz(imm)) - imm);
}

static void put_left(struct a64_out *out, unsigned imm)
{
    put(out, ", #%u", imm - (8u << a64_shift_esz(imm)));
}

void a64_fmt_vshr(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q)
{
    put_v_pair(out, rd, rn, imm, q);
    put_right(out, imm);
}

void a64_fmt_fshr(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm)
{
    unsigned esz = a64_shift_esz(imm);
    put_fp_pair(out, rd, rn, esz, esz);
    put_right(out, imm);
}

void a64_fmt_vshl(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q)
{
    put_v_pair(out, rd, rn, imm, q);
    put_left(out, imm);
}

void a64_fmt_fshl(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm)
{
    unsigned esz = a64_shift_esz(imm);
    put_fp_pair(out, rd, rn, esz, esz);
    put_left(out, imm);
}

void a64_fmt_vshrn(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q)
{
    a64_fmt_v(out, rd, a64_shift_esz(imm), q);
    put(out, ", ");
    a64_fmt_v(out, rn, a64_shift_esz(imm) + 1, 1);
    put_right(out, imm);
}

void a64_fmt_fshrn(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm)
{
    unsigned esz = a64_shift_esz(imm);
    put_fp_pair(out, rd, rn, esz, esz + 1);
    put_right(out, imm);
}

void a64_fmt_vxtl(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q)
{
    a64_fmt_v(out, rd, a64_shift_esz(imm) + 1, 1);
    put(out, ", ");
    a64_fmt_v(out, rn, a64_shift_esz(imm), q);
}

void a64_fmt_vshll(struct a64_out *out, unsigned rd, unsigned rn, unsigned imm, unsigned q)
{
    a64_fmt_vxtl(out, rd, rn, imm, q);
    put_left(out, imm);
}
