/* SPDX-License-Identifier: MIT */
/*
 * Which exception an address makes that no paging structure translates, because it is not canonical
 * or because the access goes beyond the end of a segment of 4 GiB: #GP, or #SS where the stack
 * segment was used. Intel SDM, volume 3, 5.3.1, and 6.15, interrupts 12 and 13. Neither costs
 * anything before it happens: the instruction is looked at again here.
 */
#include <string.h>

#include "cpu/x86/mmu.h"
#include "cpu/x86/translate.h"

/* The instruction at RIP; without any effect on the guest. */
static bool decode_again(struct x86_cpu *c, struct x86_instr *i)
{
    uint8_t bytes[X86_MAX_BYTES] = {0};
    unsigned n = 0;
    for (; n < sizeof(bytes); n++) {
        const uint64_t at = c->rip + n + x86_code_base(c);
        uint64_t byte;
        paddr pa;
        if (!x86_debug_translate(&c->vcpu, x86_is_long(c) ? at : at & 0xffffffff, &pa) ||
            !space_load(x86_space(c), vcpu_plain_address(pa), 1, &byte)) {
            break;
        }
        bytes[n] = (uint8_t)byte;
    }
    return x86_decode(x86_code_bytes(c), bytes, n, i) == X86_OK;
}

/* The offset of a memory operand that ModRM or the instruction names. */
static uint64_t offset_of(const struct x86_cpu *c, const struct x86_instr *i,
                          const struct x86_operand *o)
{
    uint64_t at = (uint64_t)o->value;
    at += o->base == X86_RIP ? c->rip + i->bytes : o->base != X86_NONE ? c->r[o->base] : 0;
    at += o->index != X86_NONE ? c->r[o->index] << o->scale : 0;
    if (i->row == X86_ROW_bt_gv || i->row == X86_ROW_bts_gv || i->row == X86_ROW_btr_gv ||
        i->row == X86_ROW_btc_gv) {
        const int64_t bit = sext64(c->r[i->op[1].reg], 8 * o->bytes);
        at += (uint64_t)(bit >> (3 + log2_floor(o->bytes))) * o->bytes; /* of a string of bits */
    }
    return at & mask64(8 * i->as);
}

static const struct x86_operand *memory_operand(const struct x86_instr *i)
{
    for (unsigned k = 0; k < i->ops; k++) {
        if (i->op[k].kind == X86_MEMORY) {
            return &i->op[k];
        }
    }
    return NULL;
}

enum stack_use {
    NO_STACK,
    STORES_BELOW,
    LOADS_ABOVE,
    LOADS_FRAME
};

static enum stack_use stack_use(const struct x86_instr *i)
{
    static const struct {
        const char *name;
        enum stack_use use;
    } names[] = {{"push", STORES_BELOW}, {"call", STORES_BELOW}, {"enter", STORES_BELOW},
                 {"pop", LOADS_ABOVE},   {"ret", LOADS_ABOVE},   {"iret", LOADS_ABOVE},
                 {"leave", LOADS_FRAME}};
    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        const char *name = x86_rows[i->row].name;
        if (strncmp(name, names[k].name, strlen(names[k].name)) == 0 && name[3] != 'c') {
            return names[k].use; /* POPCNT is no POP */
        }
    }
    return NO_STACK;
}

/* In 64-bit code: it was the stack unless the operand's address is what is wrong. */
static bool is_stack_fault(const struct x86_cpu *c, const struct x86_instr *i)
{
    const struct x86_operand *o = memory_operand(i);
    const enum stack_use use = stack_use(i);
    if (!o) {
        return use != NO_STACK;
    }
    const uint64_t base = o->seg >= X86_FS ? c->seg[o->seg].base : 0;
    if (use != NO_STACK && x86_is_canonical(c, offset_of(c, i, o) + base)) {
        return true;
    }
    return o->seg == X86_SS;
}

static bool crosses(const struct x86_cpu *c, unsigned seg, uint64_t offset, unsigned bytes)
{
    return c->seg[seg].limit == UINT32_MAX && offset + bytes - 1 > UINT32_MAX;
}

/* In other code: the segment of the access that goes beyond 4 GiB, or none. */
static int crossed_segment(const struct x86_cpu *c, const struct x86_instr *i)
{
    const struct x86_operand *o = memory_operand(i);
    const enum stack_use use = stack_use(i);
    const uint64_t mask = mask64(8 * x86_stack_bytes(c));
    const uint64_t sp = use == LOADS_FRAME    ? c->r[X86_RBP] & mask
                        : use == STORES_BELOW ? (c->r[X86_RSP] - i->os) & mask
                                              : c->r[X86_RSP] & mask;
    if (o && o->bytes && crosses(c, o->seg, offset_of(c, i, o), o->bytes)) {
        return o->seg;
    }
    if (use != NO_STACK && crosses(c, X86_SS, sp, i->os)) {
        return X86_SS;
    }
    /* ENTER reads frame pointers below rBP. */
    const unsigned levels = i->row == X86_ROW_enter ? (unsigned)i->op[1].value & 31 : 0;
    for (unsigned k = 1; k < levels; k++) {
        if (crosses(c, X86_SS, (c->r[X86_RBP] - k * i->os) & mask, i->os)) {
            return X86_SS;
        }
    }
    return -1;
}

void x86_refine_fault(struct x86_cpu *c)
{
    struct x86_instr i;
    int seg;
    c->look_again = false;
    if (!decode_again(c, &i)) {
        return;
    }
    if (x86_is_long(c)) {
        c->vector = is_stack_fault(c, &i) ? X86_STACK : X86_GP;
    } else if ((seg = crossed_segment(c, &i)) >= 0) {
        c->vector = seg == X86_SS ? X86_STACK : X86_GP;
        c->error = 0;
    }
}
