/* SPDX-License-Identifier: MIT */
/*
 * The class of x86 CPUs. Intel SDM, volume 3, 9.1 (reset). It is not in cpu/classes.c yet: there is
 * no machine for it.
 */
#include "base/softfloat.h"
#include "cpu/x86/models.h"
#include "cpu/x86/translate.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ROW(n, name_, home_) [n] = {name_, T_I64, offsetof(struct x86_cpu, r[n]), home_}

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
};

static const struct ir_guest ir_guest = {
    .code_align = 0,
    .has_aux = true,
    .regs = rows,
    .reg_count = X86_REGS,
    .fp_rules = &fp_rules_arm, /* no floating-point op is emitted yet */
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
    const uint32_t rest = X86_TF | X86_IF | X86_IOPL | X86_NT | X86_RF | X86_VM | X86_AC | X86_VIF |
                          X86_VIP | X86_ID;
    c->flags = (uint16_t)((all & 0xd5) << 8 | (all >> 11 & 1));
    c->direction = all & X86_DF ? UINT64_MAX : 1;
    const uint32_t changed = c->rflags ^ ((uint32_t)all & rest);
    c->rflags = (uint32_t)all & rest;
    if (changed) {
        tcg_mode_changed(&c->vcpu);
    }
    if ((changed & c->rflags & X86_IF) && atomic_load(&c->vcpu.interrupt_lines)) {
        vcpu_exit_soon(&c->vcpu);
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

uint64_t x86_go(struct x86_cpu *c, uint64_t pc)
{
    vcpu_env(&c->vcpu)->aux = x86_code_base(c) << 32;
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
    return x86_cpl(x86_cpu(v)) == 3 ? X86_MMU_USER : X86_MMU_SYSTEM;
}

/* One address space at a time: without PCIDs a load of CR3 drops all that is not global. */
static uint32_t space_tag(struct vcpu *v, vaddr va, unsigned idx)
{
    (void)v, (void)va, (void)idx;
    return 0;
}

static bool has_work(struct vcpu *v)
{
    return atomic_load(&v->interrupt_lines);
}

/* ---- life */

static struct vcpu *create(const char *model, unsigned index, struct error *e)
{
    struct x86_cpu *c = vcpu_alloc(sizeof(*c));
    if (!c) {
        error_set(e, "no memory for a vCPU");
        return NULL;
    }
    c->vcpu.cls = &x86_cpu_class;
    c->vcpu.index = index;
    c->vcpu.firmware_id = index;
    if (!x86_model_apply(c, *model ? model : "max", e)) {
        vcpu_free(c);
        return NULL;
    }
    return &c->vcpu;
}

static void destroy(struct vcpu *v)
{
    vcpu_free(x86_cpu(v));
}

/* Volume 3, table 9-1. */
static void reset(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    const size_t from = offsetof(struct x86_cpu, r), to = offsetof(struct x86_cpu, features);
    memset((char *)c + from, 0, to - from);
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        c->seg[k] = (struct x86_segment){.limit = 0xffff, .attr = 0x93};
        x86_segment_settle(&c->seg[k]);
    }
    c->seg[X86_CS].selector = 0xf000;
    c->seg[X86_CS].base = 0xffff0000;
    c->ldt = (struct x86_segment){.limit = 0xffff, .attr = 0x82};
    c->tr = (struct x86_segment){.limit = 0xffff, .attr = 0x8b};
    c->gdt.limit = c->idt.limit = 0xffff;
    c->direction = 1;
    c->cr0 = 0x60000010;
    c->dr[6] = 0xffff0ff0;
    c->dr[7] = 0x400;
    c->r[X86_RDX] = 0xa00f11;
    c->rip = 0xfff0;
    c->aux = x86_code_base(c) << 32;
    rng_seed(&c->rng, 1 + v->index);
    v->hot.excl_addr = UINT64_MAX;
    tcg_context_changed(v);
}

static void boot(struct vcpu *v, uint64_t entry, uint64_t arg)
{
    struct x86_cpu *c = x86_cpu(v);
    c->rip = entry;
    c->r[X86_RSI] = arg;
    c->aux = x86_code_base(c) << 32;
}

static void registers(struct vcpu *v, struct strbuf *out)
{
    const struct x86_cpu *c = x86_cpu(v);
    strbuf_printf(out, "CPU#%u\n", v->index);
    for (unsigned r = 0; r < 16; r++) {
        strbuf_printf(out, "%s=%016llx%c", rows[r].name, (unsigned long long)c->r[r],
                      r % 4 == 3 ? '\n' : ' ');
    }
    strbuf_printf(out, "rip=%016llx rflags=%08llx cpl=%u\n", (unsigned long long)c->rip,
                  (unsigned long long)x86_rflags(c), x86_cpl(c));
}

static uint64_t get_rflags(struct vcpu *v)
{
    return x86_rflags(x86_cpu(v));
}

static void set_rflags(struct vcpu *v, uint64_t value)
{
    x86_set_rflags(x86_cpu(v), value, UINT32_MAX);
}

#define CORE "org.gnu.gdb.i386.core"
#define GENERAL(name_, n, gdb_)                                                                    \
    {                                                                                              \
        .name = name_, .offset = offsetof(struct x86_cpu, r[n]), .bits = 64, .gdb = gdb_,          \
        .gdb_feature = CORE, .gdb_type = "int64"                                                   \
    }

static const struct cpu_reg regs[] = {
    GENERAL("rax", 0, 0),
    GENERAL("rbx", 3, 1),
    GENERAL("rcx", 1, 2),
    GENERAL("rdx", 2, 3),
    GENERAL("rsi", 6, 4),
    GENERAL("rdi", 7, 5),
    GENERAL("rbp", 5, 6),
    GENERAL("rsp", 4, 7),
    GENERAL("r8", 8, 8),
    GENERAL("r9", 9, 9),
    GENERAL("r10", 10, 10),
    GENERAL("r11", 11, 11),
    GENERAL("r12", 12, 12),
    GENERAL("r13", 13, 13),
    GENERAL("r14", 14, 14),
    GENERAL("r15", 15, 15),
    {.name = "rip",
     .offset = offsetof(struct x86_cpu, rip),
     .bits = 64,
     .gdb = 16,
     .gdb_feature = CORE,
     .gdb_type = "code_ptr"},
    {.name = "eflags",
     .bits = 32,
     .gdb = 17,
     .gdb_feature = CORE,
     .gdb_type = "int32",
     .get = get_rflags,
     .set = set_rflags},
    {.name = NULL},
};

static const char *const spaces[] = {"ports", NULL};

const struct cpu_class x86_cpu_class = {
    .name = "x86",
    .regs = regs,
    .gdb_arch = "i386:x86-64",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .describe_models = x86_models_describe,
    .registers = registers,
    .boot = boot,
    .ir = &ir_guest,
    .pc = get_pc,
    .set_pc = set_pc,
    .mode_key = mode_key,
    .mode_name = mode_name,
    .aux = get_aux,
    .set_aux = set_aux,
    .fetch = fetch,
    .crosses = x86_crosses,
    .translate = x86_translate_block,
    .disas = x86_disas,
    .mmu_index = mmu_index,
    .mmu_index_user = mmu_index,
    .walk = x86_walk,
    .debug_translate = x86_debug_translate,
    .space_tag = space_tag,
    .take_exception = x86_take_exception,
    .raise_memory = x86_raise_memory,
    .watch_stops_behind = true,
    .spaces = spaces,
    .locks_anywhere = true,
    .coherent_code = true,
    .interrupt_ready = x86_interrupt_ready,
    .take_interrupt = x86_take_interrupt,
    .has_work = has_work,
};
