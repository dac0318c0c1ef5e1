/* SPDX-License-Identifier: MIT */
/* Text of x86 instructions: operands. See disas.h. */
#include "cpu/x86/disas.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cpu/x86/insn.h"

__attribute__((format(printf, 2, 3))) static void put(struct x86_out *out, const char *fmt, ...)
{
    if (out->len + 1 >= out->size) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(out->buf + out->len, out->size - out->len, fmt, ap);
    va_end(ap);
    const size_t room = out->size - out->len - 1;
    out->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

void x86_out_init(struct x86_out *out, char *buf, size_t size, uint64_t pc)
{
    *out = (struct x86_out){.buf = buf, .size = size, .pc = pc};
    if (size) {
        buf[0] = 0;
    }
}

void x86_fmt_text(struct x86_out *out, const char *text)
{
    put(out, "%s", text);
}

void x86_fmt_cc(struct x86_out *out, unsigned cc)
{
    static const char *const names[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                          "s", "ns", "p", "np", "l", "ge", "le", "g"};
    put(out, "%s", names[cc & 15]);
}

void x86_fmt_suffix(struct x86_out *out, unsigned os, unsigned mode)
{
    if (os != (mode == 8 ? 4 : mode)) {
        put(out, "%c", os == 2 ? 'w' : os == 4 ? 'd' : 'q');
    }
}

void x86_fmt_stack(struct x86_out *out, unsigned os, unsigned mode)
{
    if (os != mode) {
        put(out, "%c", os == 2 ? 'w' : 'd');
    }
}

void x86_fmt_table(struct x86_out *out, unsigned os, unsigned mode)
{
    if (mode != 8) {
        put(out, "%c", os == 2 ? 'w' : 'd');
    }
}

void x86_fmt_moffs(struct x86_out *out, unsigned as)
{
    put(out, as == 8 ? "movabs" : "mov");
}

void x86_fmt_prefixes(struct x86_out *out, const struct x86_instr *i, unsigned flags)
{
    if (i->lock) {
        put(out, "lock ");
    }
    if (i->rep && (flags & X86_F_REPZ)) {
        put(out, i->rep == 0xf3 ? "repz " : "repnz ");
    } else if (i->rep && (flags & X86_F_REP)) {
        put(out, i->rep == 0xf3 ? "rep " : "repnz ");
    }
}

static const char *const names8[16] = {"al",   "cl",   "dl",   "bl",  "spl",  "bpl",
                                       "sil",  "dil",  "r8b",  "r9b", "r10b", "r11b",
                                       "r12b", "r13b", "r14b", "r15b"};
static const char *const names16[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
static const char *const segments[6] = {"es", "cs", "ss", "ds", "fs", "gs"};

static void put_general(struct x86_out *out, unsigned reg, unsigned bytes)
{
    if (bytes == 1) {
        put(out, "%s", names8[reg & 15]);
    } else if (reg < 8) {
        put(out, "%s%s", bytes == 8 ? "r" : bytes == 4 ? "e" : "", names16[reg]);
    } else {
        put(out, "r%u%s", reg, bytes == 8 ? "" : bytes == 4 ? "d" : "w");
    }
}

void x86_fmt_compare(struct x86_out *out, int64_t imm)
{
    static const char *const names[32] = {
        "eq",    "lt",     "le",     "unord",    "neq",    "nlt",    "nle",    "ord",
        "eq_uq", "nge",    "ngt",    "false",    "neq_oq", "ge",     "gt",     "true",
        "eq_os", "lt_oq",  "le_oq",  "unord_s",  "neq_us", "nlt_uq", "nle_uq", "ord_s",
        "eq_us", "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq",  "gt_oq",  "true_us"};
    put(out, "%s", names[imm & 31]);
}

void x86_fmt_xlat(struct x86_out *out, unsigned seg, unsigned as)
{
    put(out, "BYTE PTR %s:[", segments[seg == X86_NONE ? 3 : seg % 6]);
    put_general(out, 3, as);
    put(out, "]");
}

void x86_fmt_sysret(struct x86_out *out, unsigned os, unsigned mode)
{
    if (mode == 8) {
        put(out, "%c", os == 8 ? 'q' : 'd');
    }
}

static void put_vector(struct x86_out *out, unsigned reg, unsigned bytes)
{
    put(out, "%cmm%u", bytes == 32 ? 'y' : 'x', reg);
}

static void put_register(struct x86_out *out, const struct x86_operand *o)
{
    switch (o->file) {
    case X86_GPR:
        put_general(out, o->reg, o->bytes);
        break;
    case X86_HIGH_BYTE:
        put(out, "%ch", "acdb"[o->reg & 3]);
        break;
    case X86_SEGMENT:
        put(out, "%s", segments[o->reg % 6]);
        break;
    case X86_CONTROL:
        put(out, "cr%u", o->reg);
        break;
    case X86_DEBUG:
        put(out, "dr%u", o->reg);
        break;
    case X86_X87:
        put(out, o->implied ? "st" : "st(%u)", o->reg);
        break;
    case X86_MMX:
        put(out, "mm%u", o->reg);
        break;
    default:
        put_vector(out, o->reg, o->bytes);
        break;
    }
}

static const char *size_name(unsigned bytes)
{
    switch (bytes) {
    case 1:
        return "BYTE PTR ";
    case 2:
        return "WORD PTR ";
    case 4:
        return "DWORD PTR ";
    case 6:
        return "FWORD PTR ";
    case 8:
        return "QWORD PTR ";
    case 10:
        return "TBYTE PTR ";
    case 16:
        return "XMMWORD PTR ";
    case 32:
        return "YMMWORD PTR ";
    default:
        return "";
    }
}

/* An address or number of so many bytes, without sign. */
static uint64_t truncated(int64_t value, unsigned bytes)
{
    return bytes >= 8 || bytes == 0 ? (uint64_t)value
                                    : (uint64_t)value & ((UINT64_C(1) << 8 * bytes) - 1);
}

/* The displacement is shown where the instruction has one, and where there is no base. */
static void put_displacement(struct x86_out *out, const struct x86_instr *i,
                             const struct x86_operand *o)
{
    const bool shown = i->mod != 0 || o->base == X86_RIP || o->base == X86_NONE;
    if (shown && o->value < 0 && o->base != X86_RIP) {
        put(out, "-0x%" PRIx64, (uint64_t)-o->value);
    } else if (shown) {
        put(out, "+0x%" PRIx64, (uint64_t)o->value);
    }
}

static void put_base(struct x86_out *out, const struct x86_instr *i, const struct x86_operand *o)
{
    if (o->base == X86_RIP) {
        put(out, i->as == 8 ? "rip" : "eip");
    } else if (o->base != X86_NONE) {
        put_general(out, o->base, i->as);
    }
}

static void put_index(struct x86_out *out, const struct x86_instr *i, const struct x86_operand *o)
{
    if (o->index == X86_NONE) {
        return;
    }
    put(out, "%s", o->base != X86_NONE ? "+" : "");
    if (o->vsib) {
        put_vector(out, o->index, o->vector);
    } else {
        put_general(out, o->index, i->as);
    }
    if (i->as != 2) {
        put(out, "*%u", 1u << o->scale);
    }
}

static void put_memory(struct x86_out *out, const struct x86_instr *i, const struct x86_operand *o)
{
    const bool absolute = o->base == X86_NONE && o->index == X86_NONE;
    if (!absolute || !o->implied) {
        put(out, "%s", size_name(o->bytes));
    }
    if (i->seg != X86_NONE || absolute || o->implied) {
        put(out, "%s:", segments[o->seg % 6]);
    }
    if (absolute) {
        put(out, "0x%" PRIx64, truncated(o->value, i->as));
        return;
    }
    put(out, "[");
    put_base(out, i, o);
    put_index(out, i, o);
    if (!o->implied) {
        put_displacement(out, i, o);
    }
    put(out, "]");
}

static void put_operand(struct x86_out *out, const struct x86_instr *i, const struct x86_operand *o)
{
    switch (o->kind) {
    case X86_REGISTER:
        put_register(out, o);
        break;
    case X86_MEMORY:
        put_memory(out, i, o);
        break;
    case X86_IMMEDIATE:
        put(out, o->bytes ? "0x%" PRIx64 : "%" PRIx64, truncated(o->value, o->bytes));
        break;
    case X86_RELATIVE:
        put(out, "0x%" PRIx64,
            truncated((int64_t)(out->pc + i->bytes + (uint64_t)o->value), i->os));
        break;
    case X86_FAR:
        put(out, "0x%" PRIx64 ":0x%" PRIx64, (uint64_t)o->value >> 32, truncated(o->value, 4));
        break;
    default:
        break;
    }
}

void x86_fmt_operands(struct x86_out *out, const struct x86_instr *i, unsigned n)
{
    const char *separator = " ";
    for (unsigned k = 0; k < n; k++) {
        if (i->op[k].kind != X86_FLAGS) {
            put(out, "%s", separator);
            put_operand(out, i, &i->op[k]);
            separator = ",";
        }
    }
}
