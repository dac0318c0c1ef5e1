/* SPDX-License-Identifier: MIT */
/*
 * The registers that debuggers know: names, order and numbers are those of QEMU's descriptions, all
 * in gdb's feature org.gnu.gdb.i386.core, in whatever mode the CPU is. GDB manual, G.5.6; System V
 * ABI, AMD64 supplement, 3.6.2. A value that the CPU cannot have in a control register is not
 * stored.
 */
#include "cpu/x86/registers.h"

#include <stddef.h>

#include "cpu/x86/fpu.h"
#include "cpu/x86/frame.h"

/* ---- views */

static uint64_t get_rflags(struct vcpu *v)
{
    return x86_rflags(x86_cpu(v));
}

static void set_rflags(struct vcpu *v, uint64_t value)
{
    x86_set_rflags(x86_cpu(v), value, UINT32_MAX & ~X86_VM);
}

/* As a load by the program would find it; what it would fault for changes nothing. */
static void set_segment(struct x86_cpu *c, unsigned reg, uint16_t selector)
{
    const uint64_t base = selector & 4 ? c->ldt.base : c->gdt.base;
    const uint32_t limit = selector & 4 ? c->ldt.limit : c->gdt.limit, at = selector & 0xfff8;
    uint64_t d = 0;
    if (!(c->cr0 & X86_CR0_PE) || (c->rflags & X86_VM)) {
        x86_segment_real(&c->seg[reg], selector);
    } else if (at + 7 <= limit && (selector & 0xfffc)) {
        paddr pa;
        if (!x86_debug_translate(&c->vcpu, base + at, &pa) ||
            !space_load(x86_space(c), vcpu_plain_address(pa), 8, &d) ||
            !(x86_attr_of(d) & X86_A_USER) || !(x86_attr_of(d) & X86_A_PRESENT)) {
            return;
        }
        x86_segment_fill(&c->seg[reg], selector, d);
    } else {
        return;
    }
    c->aux = x86_code_aux(c);
    tcg_mode_changed(&c->vcpu);
}

#define SEGMENT_VIEW(name, reg)                                                                    \
    static uint64_t get_##name(struct vcpu *v)                                                     \
    {                                                                                              \
        return x86_cpu(v)->seg[reg].selector;                                                      \
    }                                                                                              \
    static void set_##name(struct vcpu *v, uint64_t value)                                         \
    {                                                                                              \
        set_segment(x86_cpu(v), reg, (uint16_t)value);                                             \
    }
SEGMENT_VIEW(es, X86_ES)
SEGMENT_VIEW(cs, X86_CS)
SEGMENT_VIEW(ss, X86_SS)
SEGMENT_VIEW(ds, X86_DS)
SEGMENT_VIEW(fs, X86_FS)
SEGMENT_VIEW(gs, X86_GS)
#undef SEGMENT_VIEW

/* Stores if all of them together are possible then. */
static void set_control(struct x86_cpu *c, uint64_t *reg, uint64_t value)
{
    const uint64_t before = *reg, efer = c->efer;
    *reg = value;
    c->efer &= ~(uint64_t)X86_EFER_LMA;
    c->efer |= (c->cr0 & X86_CR0_PG) && (c->efer & X86_EFER_LME) ? X86_EFER_LMA : 0;
    if (!x86_control_possible(c)) {
        *reg = before;
        c->efer = efer;
    }
    c->aux = x86_code_aux(c);
    tlb_flush_all(&c->vcpu, false);
    tcg_context_changed(&c->vcpu);
}

#define CONTROL_VIEW(name)                                                                         \
    static uint64_t get_##name(struct vcpu *v)                                                     \
    {                                                                                              \
        return x86_cpu(v)->name;                                                                   \
    }                                                                                              \
    static void set_##name(struct vcpu *v, uint64_t value)                                         \
    {                                                                                              \
        set_control(x86_cpu(v), &x86_cpu(v)->name, value);                                         \
    }
CONTROL_VIEW(cr0)
CONTROL_VIEW(cr3)
CONTROL_VIEW(cr4)
CONTROL_VIEW(efer)
#undef CONTROL_VIEW

static uint64_t get_cr8(struct vcpu *v)
{
    return x86_cr8(x86_cpu(v));
}

static uint64_t get_control(struct vcpu *v)
{
    return x86_cpu(v)->fpu.control;
}

static void set_fpu_control(struct vcpu *v, uint64_t value)
{
    x86_fpu_set_control(&x86_cpu(v)->fpu, (uint16_t)value);
}

static uint64_t get_status(struct vcpu *v)
{
    return x86_fpu_status(&x86_cpu(v)->fpu);
}

static void set_status(struct vcpu *v, uint64_t value)
{
    x86_fpu_set_status(&x86_cpu(v)->fpu, (uint16_t)value);
}

static uint64_t get_tags(struct vcpu *v)
{
    return x86_fpu_tags(&x86_cpu(v)->fpu);
}

static void set_tags(struct vcpu *v, uint64_t value)
{
    x86_fpu_set_tags(&x86_cpu(v)->fpu, (uint16_t)value);
}

#define FPU_VIEW(name, field, type)                                                                \
    static uint64_t get_##name(struct vcpu *v)                                                     \
    {                                                                                              \
        return x86_cpu(v)->fpu.field;                                                              \
    }                                                                                              \
    static void set_##name(struct vcpu *v, uint64_t value)                                         \
    {                                                                                              \
        x86_cpu(v)->fpu.field = (type)value;                                                       \
    }
FPU_VIEW(fiseg, code, uint16_t)
FPU_VIEW(fioff, ip, uint32_t)
FPU_VIEW(foseg, data, uint16_t)
FPU_VIEW(fooff, dp, uint32_t)
FPU_VIEW(fop, opcode, uint16_t)
#undef FPU_VIEW

static uint64_t get_mxcsr(struct vcpu *v)
{
    return x86_mxcsr(x86_cpu(v));
}

static void set_mxcsr(struct vcpu *v, uint64_t value)
{
    x86_set_mxcsr(x86_cpu(v), (uint32_t)value);
}

/* ST(n); the row's offset is that of register n. */
static void *place_of_st(struct vcpu *v, const struct cpu_reg *r)
{
    struct x86_fpu *f = &x86_cpu(v)->fpu;
    const size_t n = (r->offset - offsetof(struct x86_cpu, fpu.st)) / sizeof(struct x86_st);
    return &f->st[(f->top + n) & 7];
}

/* ---- the tables */

#define CORE "org.gnu.gdb.i386.core"
#define FIELD_ROW(name_, field_, bits_, gdb_, type_)                                               \
    {                                                                                              \
        .name = name_, .offset = offsetof(struct x86_cpu, field_), .bits = bits_, .gdb = gdb_,     \
        .gdb_feature = CORE, .gdb_type = type_                                                     \
    }
#define VIEW_ROW(name_, bits_, gdb_, type_, get_, set_)                                            \
    {                                                                                              \
        .name = name_, .bits = bits_, .gdb = gdb_, .gdb_feature = CORE, .gdb_type = type_,         \
        .get = get_, .set = set_                                                                   \
    }
#define VIEW(name_, bits_, gdb_, type_)                                                            \
    VIEW_ROW(#name_, bits_, gdb_, type_, get_##name_, set_##name_)

/* From the segment registers on both are alike, from number n on; w is the width, p the prefix. */
#define SEGMENTS(n)                                                                                \
    VIEW(cs, 32, n, "int32"), VIEW(ss, 32, (n) + 1, "int32"), VIEW(ds, 32, (n) + 2, "int32"),      \
        VIEW(es, 32, (n) + 3, "int32"), VIEW(fs, 32, (n) + 4, "int32"),                            \
        VIEW(gs, 32, (n) + 5, "int32")
#define BASES(n, w)                                                                                \
    FIELD_ROW("fs_base", seg[X86_FS].base, w, n, "int" #w),                                        \
        FIELD_ROW("gs_base", seg[X86_GS].base, w, (n) + 1, "int" #w),                              \
        FIELD_ROW("k_gs_base", kernel_gs_base, w, (n) + 2, "int" #w)
#define CONTROL(n, w, p)                                                                           \
    VIEW(cr0, w, n, p "_cr0"), FIELD_ROW("cr2", cr2, w, (n) + 1, "int" #w),                        \
        VIEW(cr3, w, (n) + 2, p "_cr3"), VIEW(cr4, w, (n) + 3, p "_cr4"),                          \
        VIEW_ROW("cr8", w, (n) + 4, "int" #w, get_cr8, NULL), VIEW(efer, w, (n) + 5, p "_efer")
#define ST(k, n)                                                                                   \
    {                                                                                              \
        .name = "st" #k, .offset = offsetof(struct x86_cpu, fpu.st[k]), .bits = 80,                \
        .gdb = (n) + (k), .gdb_feature = CORE, .gdb_type = "i387_ext", .place = place_of_st        \
    }
#define X87(n)                                                                                     \
    ST(0, n), ST(1, n), ST(2, n), ST(3, n), ST(4, n), ST(5, n), ST(6, n), ST(7, n),                \
        VIEW_ROW("fctrl", 32, (n) + 8, "int", get_control, set_fpu_control),                       \
        VIEW_ROW("fstat", 32, (n) + 9, "int", get_status, set_status),                             \
        VIEW_ROW("ftag", 32, (n) + 10, "int", get_tags, set_tags),                                 \
        VIEW(fiseg, 32, (n) + 11, "int"), VIEW(fioff, 32, (n) + 12, "int"),                        \
        VIEW(foseg, 32, (n) + 13, "int"), VIEW(fooff, 32, (n) + 14, "int"),                        \
        VIEW(fop, 32, (n) + 15, "int")
#define XMM(k, n) FIELD_ROW("xmm" #k, ymm[k].half[0], 128, (n) + (k), "vec128")
#define XMM_8(n)                                                                                   \
    XMM(0, n), XMM(1, n), XMM(2, n), XMM(3, n), XMM(4, n), XMM(5, n), XMM(6, n), XMM(7, n)

const struct cpu_reg x86_regs_64[] = {
    FIELD_ROW("rax", r[0], 64, 0, "int64"),
    FIELD_ROW("rbx", r[3], 64, 1, "int64"),
    FIELD_ROW("rcx", r[1], 64, 2, "int64"),
    FIELD_ROW("rdx", r[2], 64, 3, "int64"),
    FIELD_ROW("rsi", r[6], 64, 4, "int64"),
    FIELD_ROW("rdi", r[7], 64, 5, "int64"),
    FIELD_ROW("rbp", r[5], 64, 6, "data_ptr"),
    FIELD_ROW("rsp", r[4], 64, 7, "data_ptr"),
    FIELD_ROW("r8", r[8], 64, 8, "int64"),
    FIELD_ROW("r9", r[9], 64, 9, "int64"),
    FIELD_ROW("r10", r[10], 64, 10, "int64"),
    FIELD_ROW("r11", r[11], 64, 11, "int64"),
    FIELD_ROW("r12", r[12], 64, 12, "int64"),
    FIELD_ROW("r13", r[13], 64, 13, "int64"),
    FIELD_ROW("r14", r[14], 64, 14, "int64"),
    FIELD_ROW("r15", r[15], 64, 15, "int64"),
    FIELD_ROW("rip", rip, 64, 16, "code_ptr"),
    VIEW_ROW("eflags", 32, 17, "x64_eflags", get_rflags, set_rflags),
    SEGMENTS(18),
    BASES(24, 64),
    CONTROL(27, 64, "x64"),
    X87(33),
    XMM_8(49),
    XMM(8, 49),
    XMM(9, 49),
    XMM(10, 49),
    XMM(11, 49),
    XMM(12, 49),
    XMM(13, 49),
    XMM(14, 49),
    XMM(15, 49),
    VIEW(mxcsr, 32, 65, "x64_mxcsr"),
    {.name = NULL},
};

const struct cpu_reg x86_regs_32[] = {
    FIELD_ROW("eax", r[0], 32, 0, "int32"),
    FIELD_ROW("ecx", r[1], 32, 1, "int32"),
    FIELD_ROW("edx", r[2], 32, 2, "int32"),
    FIELD_ROW("ebx", r[3], 32, 3, "int32"),
    FIELD_ROW("esp", r[4], 32, 4, "data_ptr"),
    FIELD_ROW("ebp", r[5], 32, 5, "data_ptr"),
    FIELD_ROW("esi", r[6], 32, 6, "int32"),
    FIELD_ROW("edi", r[7], 32, 7, "int32"),
    FIELD_ROW("eip", rip, 32, 8, "code_ptr"),
    VIEW_ROW("eflags", 32, 9, "i386_eflags", get_rflags, set_rflags),
    SEGMENTS(10),
    BASES(16, 32),
    CONTROL(19, 32, "i386"),
    X87(25),
    XMM_8(41),
    VIEW(mxcsr, 32, 49, "i386_mxcsr"),
    {.name = NULL},
};

/* ---- types: sets of bits, by the names that the manuals have */

/* clang-format off */
#define BITS(name, first, last) "<field name=\"" name "\" start=\"" #first "\" end=\"" #last "\"/>"
#define BIT(name, n) BITS(name, n, n)
#define FLAGS(id, size, fields) {id, "<flags id=\"" id "\" size=\"" size "\">" fields "</flags>"}

#define EFLAGS \
    BIT("CF", 0) BIT("", 1) BIT("PF", 2) BIT("AF", 4) BIT("ZF", 6) BIT("SF", 7) BIT("TF", 8) \
    BIT("IF", 9) BIT("DF", 10) BIT("OF", 11) BITS("IOPL", 12, 13) BIT("NT", 14) BIT("RF", 16) \
    BIT("VM", 17) BIT("AC", 18) BIT("VIF", 19) BIT("VIP", 20) BIT("ID", 21)
#define CR0 \
    BIT("PE", 0) BIT("MP", 1) BIT("EM", 2) BIT("TS", 3) BIT("ET", 4) BIT("NE", 5) BIT("WP", 16) \
    BIT("AM", 18) BIT("NW", 29) BIT("CD", 30) BIT("PG", 31)
#define CR4 \
    BIT("VME", 0) BIT("PVI", 1) BIT("TSD", 2) BIT("DE", 3) BIT("PSE", 4) BIT("PAE", 5) \
    BIT("MCE", 6) BIT("PGE", 7) BIT("PCE", 8) BIT("OSFXSR", 9) BIT("OSXMMEXCPT", 10) \
    BIT("UMIP", 11) BIT("LA57", 12) BIT("VMXE", 13) BIT("SMXE", 14) BIT("FSGSBASE", 16) \
    BIT("PCIDE", 17) BIT("OSXSAVE", 18) BIT("SMEP", 20) BIT("SMAP", 21) BIT("PKE", 22)
#define EFER \
    BIT("SCE", 0) BIT("LME", 8) BIT("LMA", 10) BIT("NXE", 11) BIT("SVME", 12) BIT("LMSLE", 13) \
    BIT("FFXSR", 14) BIT("TCE", 15)
#define MXCSR \
    BIT("IE", 0) BIT("DE", 1) BIT("ZE", 2) BIT("OE", 3) BIT("UE", 4) BIT("PE", 5) BIT("DAZ", 6) \
    BIT("IM", 7) BIT("DM", 8) BIT("ZM", 9) BIT("OM", 10) BIT("UM", 11) BIT("PM", 12) \
    BITS("RC", 13, 14) BIT("FZ", 15)
#define VECTOR(id, type, count) "<vector id=\"" id "\" type=\"" type "\" count=\"" #count "\"/>"
#define PART(name, type) "<field name=\"" name "\" type=\"" type "\"/>"
#define VEC128 \
    {"vec128", VECTOR("v4f", "ieee_single", 4) VECTOR("v2d", "ieee_double", 2) \
     VECTOR("v16i8", "int8", 16) VECTOR("v8i16", "int16", 8) VECTOR("v4i32", "int32", 4) \
     VECTOR("v2i64", "int64", 2) "<union id=\"vec128\">" PART("v4_float", "v4f") \
     PART("v2_double", "v2d") PART("v16_int8", "v16i8") PART("v8_int16", "v8i16") \
     PART("v4_int32", "v4i32") PART("v2_int64", "v2i64") PART("uint128", "uint128") "</union>"}
/* clang-format on */

const struct gdb_type x86_gdb_types_64[] = {
    FLAGS("x64_eflags", "4", EFLAGS),
    FLAGS("x64_cr0", "8", CR0),
    FLAGS("x64_cr3", "8", BITS("PCID", 0, 11) BITS("PDBR", 12, 63)),
    FLAGS("x64_cr4", "8", CR4),
    FLAGS("x64_efer", "8", EFER),
    VEC128,
    FLAGS("x64_mxcsr", "4", MXCSR),
    {NULL, NULL},
};

const struct gdb_type x86_gdb_types_32[] = {
    FLAGS("i386_eflags", "4", EFLAGS),
    FLAGS("i386_cr0", "4", CR0),
    FLAGS("i386_cr3", "4", BIT("WT", 3) BIT("CD", 4) BITS("PDBR", 12, 31)),
    FLAGS("i386_cr4", "4", CR4),
    FLAGS("i386_efer", "4", EFER),
    VEC128,
    FLAGS("i386_mxcsr", "4", MXCSR),
    {NULL, NULL},
};
