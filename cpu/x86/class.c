/* SPDX-License-Identifier: MIT */
/* The class of x86 CPUs. Intel SDM, volume 3, 9.1 (reset). */
#include "base/softfloat.h"
#include "cpu/x86/debug.h"
#include "cpu/x86/dump.h"
#include "cpu/x86/fpu.h"
#include "cpu/x86/models.h"
#include "cpu/x86/monitor.h"
#include "cpu/x86/registers.h"
#include "cpu/x86/state.h"
#include "cpu/x86/translate.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ROW(n, name_, home_) [n] = {name_, T_I64, offsetof(struct x86_cpu, r[n]), home_}

#define YMM(n, home_)                                                                              \
    [X86_REG_YMM + (n)] = {"ymm" #n, T_V256, offsetof(struct x86_cpu, ymm[n]), home_}

static const struct ir_reg rows[X86_REGS] = {
    ROW(X86_RAX, "rax", 0),
    ROW(X86_RCX, "rcx", 3),
    ROW(X86_RDX, "rdx", 1),
    ROW(X86_RBX, "rbx", 6),
    ROW(X86_RSP, "rsp", 2),
    ROW(X86_RBP, "rbp", 7),
    ROW(X86_RSI, "rsi", 5),
    ROW(X86_RDI, "rdi", 4),
    ROW(8, "r8", -1),
    ROW(9, "r9", -1),
    ROW(10, "r10", -1),
    ROW(11, "r11", -1),
    ROW(12, "r12", -1),
    ROW(13, "r13", -1),
    ROW(14, "r14", -1),
    ROW(15, "r15", -1),
    [X86_REG_FLAGS] = {"flags", T_FLAGS, offsetof(struct x86_cpu, flags), -1},
    YMM(0, 0),
    YMM(1, 1),
    YMM(2, 2),
    YMM(3, 3),
    YMM(4, 4),
    YMM(5, 5),
    YMM(6, 6),
    YMM(7, 7),
    YMM(8, 8),
    YMM(9, 9),
    YMM(10, 10),
    YMM(11, 11),
    YMM(12, -1),
    YMM(13, -1),
    YMM(14, -1),
    YMM(15, -1),
};
#undef YMM
#undef ROW

static const struct ir_guest ir_guest = {
    .code_align = 0,
    .has_aux = true,
    .regs = rows,
    .reg_count = X86_REGS,
    .fp_rules = &fp_rules_x86,
    .vector_bits = 256,
};

/* ---- state */

uint64_t x86_rflags(const struct x86_cpu *c)
{
    return (c->flags >> 8 & 0xd5u) | (c->flags & 1u) << 11 | (c->direction & X86_DF) | 2u |
           c->rflags;
}

void x86_set_rflags(struct x86_cpu *c, uint64_t value, uint64_t mask)
{
    const uint64_t all = (x86_rflags(c) & ~mask) | (value & mask);
    c->flags = (uint16_t)((all & 0xd5) << 8 | (all >> 11 & 1));
    c->direction = all & X86_DF ? UINT64_MAX : 1;
    const uint32_t changed = c->rflags ^ ((uint32_t)all & X86_RFLAGS_KEPT);
    c->rflags = (uint32_t)all & X86_RFLAGS_KEPT;
    if (changed) {
        tcg_mode_changed(&c->vcpu);
    }
    if (changed & c->rflags & X86_IF) {
        x86_look_for_interrupts(c);
    }
}

unsigned x86_code_bytes(const struct x86_cpu *c)
{
    const unsigned attr = c->seg[X86_CS].attr;
    return x86_is_long(c) ? 8 : attr & X86_A_BIG ? 4 : 2;
}

unsigned x86_stack_bytes(const struct x86_cpu *c)
{
    return x86_is_long(c) ? 8 : c->seg[X86_SS].attr & X86_A_BIG ? 4 : 2;
}

uint64_t x86_code_base(const struct x86_cpu *c)
{
    return x86_is_long(c) ? 0 : c->seg[X86_CS].base & 0xffffffff;
}

uint64_t x86_code_aux(const struct x86_cpu *c)
{
    const uint64_t upper = c->upper_used && x86_cpl(c) == 3 ? X86_LOCAL_UPPER : 0;
    return x86_code_base(c) << 32 | upper;
}

uint64_t x86_go(struct x86_cpu *c, uint64_t pc)
{
    vcpu_env(&c->vcpu)->aux = x86_code_aux(c);
    return pc;
}

static uint64_t get_pc(const struct vcpu *v)
{
    return ((const struct x86_cpu *)v)->rip;
}

static void set_pc(struct vcpu *v, uint64_t pc)
{
    x86_cpu(v)->rip = pc;
}

static uint64_t get_aux(const struct vcpu *v)
{
    return ((const struct x86_cpu *)v)->aux;
}

static void set_aux(struct vcpu *v, uint64_t aux)
{
    x86_cpu(v)->aux = aux;
}

static void fetch(struct vcpu *v, uint64_t pc, uint64_t aux, struct cpu_fetch *f)
{
    (void)pc;
    *f = (struct cpu_fetch){.base = aux >> 32,
                            .mask = x86_is_long(x86_cpu(v)) ? UINT64_MAX : 0xffffffff};
}

/* ---- the mode */

static uint64_t segments_key(const struct x86_cpu *c)
{
    const uint64_t whole = UINT64_C(1) << 32;
    uint64_t key = 0;
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        const struct x86_segment *s = &c->seg[k];
        const bool limited = k == X86_CS ? s->limit != UINT32_MAX
                                         : s->end_read != whole || s->end_write != whole;
        key |= (uint64_t)(s->base != 0) << (X86_KEY_BASE_SHIFT + k);
        key |= (uint64_t)limited << (X86_KEY_LIMIT_SHIFT + k);
    }
    return key;
}

/* Volume 3, 4.6.1: with SMAP the system may access user pages while AC is set. */
static bool is_open(const struct x86_cpu *c)
{
    return (c->cr4 & X86_CR4_SMAP) && (c->rflags & X86_AC) && x86_cpl(c) < 3;
}

static uint64_t sse_key(const struct x86_cpu *c)
{
    return (x86_mxcsr_flushes(c->mxcsr) ? X86_KEY_FTZ : 0) |
           (c->mxcsr & X86_MXCSR_DAZ ? X86_KEY_DAZ : 0) |
           ((c->mxcsr & X86_MXCSR_MASKS) != X86_MXCSR_MASKS ? X86_KEY_XM : 0);
}

/* Volume 2, 2.8: AVX is there in protected mode, where the system saves its state. */
static bool has_avx(const struct x86_cpu *c)
{
    return (c->cr4 & X86_CR4_OSXSAVE) && (c->xcr0 & 6) == 6 && (c->cr0 & X86_CR0_PE) &&
           !(c->rflags & X86_VM);
}

static uint64_t mode_key(struct vcpu *v)
{
    const struct x86_cpu *c = x86_cpu(v);
    const unsigned cpl = x86_cpl(c), bytes = x86_code_bytes(c);
    uint64_t key = log2_floor(bytes) - 1;
    key |= (uint64_t)cpl << X86_KEY_CPL_SHIFT;
    key |= (uint64_t)(c->rflags >> 12 & 3) << X86_KEY_IOPL_SHIFT;
    key |= c->seg[X86_SS].attr & X86_A_BIG ? X86_KEY_BIG_STACK : 0;
    key |= c->efer & X86_EFER_LMA ? X86_KEY_LONG : 0;
    if (c->rflags & X86_VM) {
        key |= X86_KEY_VM86;
    } else if (c->cr0 & X86_CR0_PE) {
        key |= X86_KEY_PROTECTED;
    }
    if ((c->cr0 & X86_CR0_AM) && (c->rflags & X86_AC) && cpl == 3) {
        key |= X86_KEY_ALIGN;
    }
    key |= is_open(c) ? X86_KEY_OPEN : 0;
    key |= c->rflags & X86_TF ? X86_KEY_TF : 0;
    key |= c->cr0 & X86_CR0_TS ? X86_KEY_TS : 0;
    key |= c->cr0 & X86_CR0_EM ? X86_KEY_EM : 0;
    key |= c->cr4 & X86_CR4_OSFXSR ? 0 : X86_KEY_NO_SSE;
    key |= c->cr4 & X86_CR4_OSXSAVE ? X86_KEY_XSAVE : 0;
    key |= c->cr4 & X86_CR4_FSGSBASE ? X86_KEY_FSGSBASE : 0;
    key |= c->cr4 & X86_CR4_UMIP ? X86_KEY_UMIP : 0;
    key |= has_avx(c) ? X86_KEY_AVX : 0;
    key |= sse_key(c) | x86_debug_key(c);
    /* What 64-bit code does not look at is no part of its mode. */
    return bytes == 8 ? key & ~(uint64_t)X86_KEY_BIG_STACK : key | segments_key(c);
}

static void mode_name(uint64_t key, char *text, size_t size)
{
    static const char *const names[] = {"16", "32", "64", "?"};
    snprintf(text, size, "CPL%u/%s", (unsigned)(key >> X86_KEY_CPL_SHIFT & 3), names[key & 3]);
}

static unsigned mmu_index(struct vcpu *v)
{
    const struct x86_cpu *c = x86_cpu(v);
    return x86_cpl(c) == 3 ? X86_MMU_USER : is_open(c) ? X86_MMU_OPEN : X86_MMU_SYSTEM;
}

static unsigned mmu_index_user(struct vcpu *v)
{
    (void)v;
    return X86_MMU_USER;
}

/* The PCID. Without PCIDs there is one address space at a time: a load of CR3 drops all that is not
 * global. */
static uint32_t space_tag(struct vcpu *v, vaddr va, unsigned idx)
{
    const struct x86_cpu *c = x86_cpu(v);
    (void)va, (void)idx;
    return c->cr4 & X86_CR4_PCIDE ? c->cr3 & 0xfff : 0;
}

/* ---- life */

static struct vcpu *create(const struct cpu_class *cls, const char *model, unsigned index,
                           struct error *e)
{
    struct x86_cpu *c = vcpu_alloc(sizeof(*c));
    if (!c) {
        error_set(e, "no memory for a vCPU");
        return NULL;
    }
    c->vcpu.cls = cls;
    c->vcpu.index = index;
    c->vcpu.firmware_id = index;
    c->cpu_count = 1;
    rng_seed(&c->rng, 1 + index);
    if (!x86_model_apply(c, *model ? model : "max", e)) {
        vcpu_free(c);
        return NULL;
    }
    if (cls == &x86_i386_cpu_class) {
        x86_model_without_long_mode(c);
    }
    return &c->vcpu;
}

static void destroy(struct vcpu *v)
{
    x86_monitor_destroy(x86_cpu(v));
    vcpu_free(x86_cpu(v));
}

/* Volume 3, table 9-1: what a reset and INIT do. */
static void start_anew(struct x86_cpu *c)
{
    memset(c->r, 0, sizeof(c->r));
    memset(c->dr, 0, sizeof(c->dr));
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        c->seg[k] = (struct x86_segment){.limit = 0xffff, .attr = 0x93};
        x86_segment_settle(&c->seg[k]);
    }
    c->seg[X86_CS].selector = 0xf000;
    c->seg[X86_CS].base = 0xffff0000;
    c->seg[X86_CS].attr = 0x9b;
    x86_segment_settle(&c->seg[X86_CS]);
    c->ldt = (struct x86_segment){.limit = 0xffff, .attr = 0x82};
    c->tr = (struct x86_segment){.limit = 0xffff, .attr = 0x8b};
    c->gdt = c->idt = (struct x86_table){.limit = 0xffff};
    c->flags = 0;
    c->rflags = 0;
    c->direction = 1;
    c->cr2 = c->cr3 = c->cr4 = c->cr8 = c->efer = 0;
    c->dr[6] = X86_DR6_FIXED;
    c->dr[7] = X86_DR7_FIXED;
    c->r[X86_RDX] = x86_signature(c);
    c->nmi_blocked = c->in_smm = false;
    c->debug_pending = c->in_mwait = 0;
    c->monitors = false;
    c->repeat_pc = UINT64_MAX;
    c->rip = 0xfff0;
    c->aux = x86_code_aux(c);
    c->vcpu.hot.excl_addr = UINT64_MAX;
    tcg_context_changed(&c->vcpu);
}

void x86_reset(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    const size_t from = offsetof(struct x86_cpu, r), to = offsetof(struct x86_cpu, model);
    memset((char *)c + from, 0, to - from);
    start_anew(c);
    c->cr0 = 0x60000010;
    c->smbase = 0x30000;
    c->pat = UINT64_C(0x0007040600070406);
    c->misc_enable = 1; /* fast strings */
    c->xcr0 = 1;
    x86_fpu_init(&c->fpu);
    c->fpu.control = 0x40;
    c->fpu.used = 0xff;
    x86_set_mxcsr(c, X86_MXCSR_INITIAL);
}

void x86_reset_by_init(struct x86_cpu *c)
{
    x86_dump_reset(c);
    start_anew(c);
    c->cr0 = (c->cr0 & 0x60000000) | 0x10; /* CD, NW */
}

/* 32-bit code without paging, in flat segments whose descriptors are not in memory: the Linux/x86
 * boot protocol, "32-bit boot protocol"; the x86/HVM direct boot ABI of Xen. */
static void boot_flat(struct x86_cpu *c)
{
    const uint64_t data = UINT64_C(0x00cf93000000ffff), code = UINT64_C(0x00cf9b000000ffff);
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        x86_segment_fill(&c->seg[k], k == X86_CS ? 0x10 : 0x18, k == X86_CS ? code : data);
    }
    x86_segment_fill(&c->tr, 0, UINT64_C(0x00008b0000000067));
    c->cr0 = X86_CR0_PE | 0x10;
}

void x86_boot(struct vcpu *v, uint64_t entry, uint64_t arg)
{
    struct x86_cpu *c = x86_cpu(v);
    c->rip = entry;
    switch (c->boot) {
    case X86_BOOT_STARTUP:
        x86_segment_real(&c->seg[X86_CS], (uint16_t)(entry >> 4));
        c->rip = 0;
        break;
    case X86_BOOT_MULTIBOOT: /* 3.2 of it */
        boot_flat(c);
        c->r[X86_RAX] = 0x2badb002;
        c->r[X86_RBX] = arg;
        break;
    case X86_BOOT_PVH:
        boot_flat(c);
        c->r[X86_RBX] = arg;
        break;
    case X86_BOOT_LINUX:
        boot_flat(c);
        c->r[X86_RSI] = arg;
        break;
    default:
        c->r[X86_RSI] = arg;
        break;
    }
    c->aux = x86_code_aux(c);
    tcg_context_changed(v);
}

/* ---- for boards */

void x86_set_apic(struct vcpu *v, const struct x86_apic *apic)
{
    x86_cpu(v)->apic = apic;
}

void x86_set_cpu_count(struct vcpu *v, unsigned count)
{
    x86_cpu(v)->cpu_count = count;
}

void x86_set_seed(struct vcpu *v, uint64_t seed)
{
    rng_seed(&x86_cpu(v)->rng, seed);
}

void x86_set_boot(struct vcpu *v, enum x86_boot boot)
{
    x86_cpu(v)->boot = (uint8_t)boot;
}

/* ---- the classes */

static const char *const spaces[] = {"ports", "smm", NULL};

static struct vcpu *create_64(const char *model, unsigned index, struct error *e)
{
    return create(&x86_cpu_class, model, index, e);
}

static struct vcpu *create_32(const char *model, unsigned index, struct error *e)
{
    return create(&x86_i386_cpu_class, model, index, e);
}

/* What both have. */
#define ALL                                                                                        \
    .destroy = destroy, .reset = x86_reset, .describe_models = x86_models_describe,                \
    .missing = x86_model_missing, .registers = x86_dump_registers,                                 \
    .state_version = X86_STATE_VERSION, .save = x86_state_save, .load = x86_state_load,            \
    .check_state = x86_state_check, .loaded = x86_state_loaded, .boot = x86_boot, .ir = &ir_guest, \
    .pc = get_pc, .set_pc = set_pc, .mode_key = mode_key, .mode_name = mode_name, .aux = get_aux,  \
    .set_aux = set_aux, .fetch = fetch, .crosses = x86_crosses, .translate = x86_translate_block,  \
    .disas = x86_disas, .mmu_index = mmu_index, .mmu_index_user = mmu_index_user,                  \
    .walk = x86_walk, .debug_translate = x86_debug_translate, .mapping = x86_mapping,              \
    .space_tag = space_tag, .take_exception = x86_take_exception,                                  \
    .raise_memory = x86_raise_memory, .watch_stops_behind = true, .watch = x86_watch,              \
    .traces = x86_traces, .marks_accesses = x86_marks_accesses, .followed = x86_followed,          \
    .spaces = spaces, .locks_anywhere = true, .coherent_code = true,                               \
    .interrupt_ready = x86_interrupt_ready, .take_interrupt = x86_take_interrupt,                  \
    .has_work = x86_has_work

#define CLASS(name_, bits, gdb_arch_)                                                              \
    .name = name_, .regs = x86_regs_##bits, .gdb_types = x86_gdb_types_##bits,                     \
    .gdb_arch = gdb_arch_, .create = create_##bits, ALL

/* CPUs of PCs, and those of them that have no long mode, whatever the model says. */
const struct cpu_class x86_cpu_class = {CLASS("x86", 64, "i386:x86-64"),
                                        .regions = {.shift = 63, .bits = 1, .common = 1u << 1}};
const struct cpu_class x86_i386_cpu_class = {
    CLASS("i386", 32, "i386"), .regions = {.shift = 30, .bits = 2, .common = 1u << 3}};
#undef CLASS
#undef ALL
