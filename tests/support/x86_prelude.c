/* SPDX-License-Identifier: MIT */
/*
 * What is in memory and registers before a case of an instruction that takes a pointer, a selector
 * or flags from there: see x86_case.h. Random ones would only fault, or reach what the kernel has
 * for itself.
 */
#include <string.h>

#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/x86_decode.h"
#include "tests/support/x86_case.h"

struct prelude {
    struct rng *rng;
    struct x86_case *c;
    const struct x86_instr *i;
    uint8_t *p;
    unsigned n;
};

/* MOV of a constant of so many bytes, which is extended by its sign if they are 8, to memory. */
static void store(struct prelude *f, uint64_t at, unsigned bytes, uint64_t v)
{
    const unsigned mode = f->i->mode, room = mode == 2 ? 2 : 4, size = bytes == 2 ? 2 : 4;
    uint8_t *p = f->p + f->n;
    if (bytes == 8) {
        *p++ = 0x48;
    } else if (bytes != (mode == 8 ? 4 : mode)) {
        *p++ = 0x66;
    }
    *p++ = 0xc7;
    *p++ = mode == 8 ? 0x04 : mode == 4 ? 0x05 : 0x06;
    if (mode == 8) {
        *p++ = 0x25;
    }
    store_le(p, room, at & mask64(8 * room));
    store_le(p + room, size, v & mask64(8 * size));
    f->n = (unsigned)(p + room + size - f->p);
}

/* Where breakpoints are, in the case's slot. */
static uint64_t goal(struct prelude *f)
{
    return f->c->rip + 100 + rng_below(f->rng, 20);
}

/* The address of the memory operand, in its segment. */
static uint64_t address(const struct prelude *f, const struct x86_operand *o)
{
    const struct x86_case *c = f->c;
    const uint64_t base = o->base < 16 ? c->r[o->base] : 0;
    const uint64_t index = o->index < 16 ? c->r[o->index] << o->scale : 0;
    return (base + index + (uint64_t)o->value) & mask64(8 * f->i->as);
}

/* The top of the stack, as far as the stack pointer goes. */
static uint64_t top(const struct prelude *f)
{
    return f->c->r[X86_RSP] & (f->i->mode == 2 ? 0xffff : UINT64_MAX);
}

/* A selector of data, of code, of nothing; the kernel's; all as on the host. */
static uint16_t any_selector(struct prelude *f)
{
    static const uint16_t selectors[] = {0, 3, 0x2b, 0x2b, 0x28, 0x23, 0x33, 0x10, 0x18, 0xfff8};
    const unsigned n = rng_below(f->rng, sizeof(selectors) / sizeof(selectors[0]) + 1);
    return n == sizeof(selectors) / sizeof(selectors[0]) ? f->i->mode == 2 ? 0x0f : 0x2b
                                                         : selectors[n];
}

/* A code segment and a PC in it: mostly this one, or that of another mode; of 16-bit code not
 * 64-bit code, from which this host does not always come back. */
static uint16_t code_selector(struct prelude *f, uint64_t *pc)
{
    static const uint16_t own[9] = {[2] = 0x07, [4] = 0x23, [8] = 0x33};
    const unsigned mode = f->i->mode;
    *pc = goal(f);
    /* 16 bits of an offset reach nothing in the others. */
    if (rng_below(f->rng, 3) || f->i->os == 2) {
        return own[mode];
    }
    if (rng_below(f->rng, 3) == 0) {
        /* Of level 3, or CPUs differ in what they look at first. */
        const uint16_t any = any_selector(f) | 3;
        return mode == 2 && any == 0x33 ? 0x23 : any;
    }
    *pc += mode == 2 ? X86_CASE_CODE : 0;
    return mode == 2 || rng_below(f->rng, 2) ? 0x23 : 0x33;
}

/* ---- groups of instructions */

static void far_pointer(struct prelude *f, uint64_t at)
{
    uint64_t pc;
    const uint16_t selector = code_selector(f, &pc);
    store(f, at, f->i->os, pc);
    store(f, at + f->i->os, f->i->os == 8 ? 8 : 2, selector);
}

/* Flags that neither single-step nor check alignment, and that the kernel takes back (NT, ID). */
static uint32_t flags(struct prelude *f)
{
    return rng_u32(f->rng) & 0x7fffffff &
           ~(uint32_t)(X86_TF | X86_AC | X86_NT | X86_ID | X86_VM | X86_RF);
}

static void returns(struct prelude *f)
{
    const unsigned os = f->i->os;
    const uint64_t sp = top(f);
    far_pointer(f, sp);
    if (f->i->row == X86_ROW_iret) {
        store(f, sp + 2u * os, os, flags(f));
    }
    if (f->i->row == X86_ROW_iret && f->i->mode == 8) {
        store(f, sp + 3u * os, os, sp);
        store(f, sp + 4u * os, os, 0x2b);
    }
}

static void selector_operand(struct prelude *f, const struct x86_operand *o)
{
    const uint16_t selector = any_selector(f);
    if (o->kind == X86_MEMORY) {
        store(f, address(f, o), 2, selector);
    } else if (o->reg != X86_RSP) {
        f->c->r[o->reg] = deposit64(f->c->r[o->reg], 15, 0, selector);
    }
}

/* Of the bits that not all CPUs have only those that none has: bit 17 is AMD's MISALIGNSSE (APM,
 * volume 2, 11.2 and 11.3; SDM, volume 1, 11.6.6). */
static void load_mxcsr(struct prelude *f, const struct x86_operand *o)
{
    const uint32_t reserved = rng_below(f->rng, 4) ? 0
                                                   : UINT32_C(1) << (18 + rng_below(f->rng, 14));
    if (o->base < 16) {
        store(f, address(f, o), 4, (rng_u32(f->rng) & 0xffff) | reserved);
    }
}

unsigned x86_case_prelude(struct rng *rng, struct x86_case *c, const struct x86_instr *i,
                          uint8_t *code)
{
    static const char *const near[] = {"ret", "ret_near", NULL};
    static const char *const jumps[] = {"jmp", "call", NULL};
    static const char *const far[] = {"retf", "iret", NULL};
    static const char *const far_jumps[] = {"jmp_far_m", "call_far_m", NULL};
    static const char *const pops[] = {"pop_es", "pop_ss", "pop_ds", NULL};
    static const char *const pointers[] = {"les", "lds", "lss", NULL};
    static const char *const looks[] = {"lar", "lsl", "verr", "verw", "mov_to_sreg", NULL};
    static const char *const mxcsr[] = {"ldmxcsr", "vldmxcsr", NULL};
    struct prelude f = {.rng = rng, .c = c, .i = i, .p = code};
    if (x86_case_is(i->row, far)) {
        returns(&f);
    } else if (x86_case_is(i->row, near)) {
        store(&f, top(&f), i->os, goal(&f));
    } else if (x86_case_is(i->row, far_jumps)) {
        far_pointer(&f, address(&f, &i->op[0]));
    } else if (x86_case_is(i->row, jumps) && i->op[0].kind == X86_MEMORY) {
        store(&f, address(&f, &i->op[0]), i->os, goal(&f));
    } else if (i->row == X86_ROW_popf) {
        store(&f, top(&f), i->os, flags(&f));
    } else if (x86_case_is(i->row, pops)) {
        store(&f, top(&f), i->os, any_selector(&f));
    } else if (x86_case_is(i->row, pointers)) {
        store(&f, address(&f, &i->op[1]) + i->os, 2, any_selector(&f));
    } else if (x86_case_is(i->row, looks)) {
        selector_operand(&f, &i->op[i->ops - 1]);
    } else if (x86_case_is(i->row, mxcsr)) {
        load_mxcsr(&f, &i->op[0]);
    }
    return f.n;
}
