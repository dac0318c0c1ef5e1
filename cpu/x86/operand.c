/* SPDX-License-Identifier: MIT */
/* Operands of x86 instructions from the notation in their rows. Intel SDM, volume 2, A.2. */
#include <string.h>

#include "cpu/x86/insn.h"

static uint8_t smaller(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

unsigned x86_type_bytes(const struct x86_instr *i, enum x86_type type)
{
    switch (type) {
    case X86_T_none:
    case X86_T_s: /* several accesses, by mode */
        return 0;
    case X86_T_a:
        return 2u * i->os;
    case X86_T_b:
        return 1;
    case X86_T_w:
        return 2;
    case X86_T_d:
    case X86_T_ss:
        return 4;
    case X86_T_q:
    case X86_T_pi:
    case X86_T_sd:
        return 8;
    case X86_T_dq:
        return 16;
    case X86_T_qq:
        return 32;
    case X86_T_t:
        return 10;
    case X86_T_p:
        return i->os + 2u;
    case X86_T_v:
        return i->os;
    case X86_T_y:
        return i->os == 8 ? 8 : 4;
    case X86_T_z:
        return smaller(i->os, 4);
    case X86_T_x:
    case X86_T_ps:
    case X86_T_pd:
        return i->l ? 32 : 16;
    }
    return 0;
}

/* Volume 2, 2.3.5.6. */
static unsigned named_by_vvvv(const struct x86_instr *i)
{
    return i->vvvv & (i->mode == 8 ? 15u : 7u);
}

static enum x86_status put_register(struct x86_operand *o, enum x86_file file, unsigned reg)
{
    o->kind = X86_REGISTER;
    o->file = (uint8_t)file;
    o->reg = (uint8_t)reg;
    return X86_OK;
}

/* Byte registers 4 to 7 are AH to BH unless a REX prefix is there (VEX rows have none). */
static enum x86_status put_general(const struct x86_instr *i, struct x86_operand *o, unsigned reg)
{
    if (o->bytes == 1 && !i->rex && reg >= 4 && reg < 8) {
        return put_register(o, X86_HIGH_BYTE, reg - 4);
    }
    return put_register(o, X86_GPR, reg);
}

/* ModRM.rm: a register of the file, or the address. */
static enum x86_status put_rm(const struct x86_instr *i, struct x86_operand *o, enum x86_file file,
                              const struct x86_operand *address)
{
    if (i->modrm < 0xc0 && address) {
        const uint16_t bytes = o->bytes;
        *o = *address;
        o->bytes = bytes;
        return X86_OK;
    }
    return file == X86_GPR ? put_general(i, o, i->rm)
                           : put_register(o, file, file == X86_MMX ? i->rm & 7 : i->rm);
}

static enum x86_status put_immediate(struct x86_instr *i, struct x86_operand *o, bool is_signed)
{
    const unsigned bytes = o->bytes;
    const enum x86_status status = x86_fetch(i, bytes, &o->value);
    o->kind = X86_IMMEDIATE;
    if (is_signed || bytes == 4) {
        o->bytes = i->os;
    } else if (bytes < 4) {
        o->value &= (INT64_C(1) << 8 * bytes) - 1;
    }
    i->imm = o->value;
    return status;
}

static enum x86_status put_far(struct x86_instr *i, struct x86_operand *o)
{
    int64_t selector = 0;
    enum x86_status status = x86_fetch(i, smaller(i->os, 4), &o->value);
    if (status == X86_OK) {
        status = x86_fetch(i, 2, &selector);
    }
    o->kind = X86_FAR;
    o->value &= i->os == 2 ? 0xffff : 0xffffffff;
    o->value |= (selector & 0xffff) << 32;
    return status;
}

/* Memory of string instructions, and at an offset that the instruction holds. */
static enum x86_status put_implied(struct x86_instr *i, struct x86_operand *o, unsigned base)
{
    o->kind = X86_MEMORY;
    o->implied = true;
    o->base = (uint8_t)base;
    o->index = X86_NONE;
    o->seg = base == 7 ? 0 : i->seg != X86_NONE ? i->seg : 3;
    return base == X86_NONE ? x86_fetch(i, i->as, &o->value) : X86_OK;
}

static enum x86_status put_vector_of_immediate(struct x86_instr *i, struct x86_operand *o)
{
    int64_t value = 0;
    const enum x86_status status = x86_fetch(i, 1, &value);
    i->imm = value & 0xff;
    return status == X86_OK ? put_register(o, X86_VECTOR, i->imm >> 4 & (i->mode == 8 ? 15 : 7))
                            : status;
}

/* CR1, CR5 to CR7 and CR9 up do not exist, nor does a seventh segment or debug register 8. */
static enum x86_status put_system(const struct x86_instr *i, struct x86_operand *o, unsigned method)
{
    if (method == X86_M_S) {
        const unsigned reg = i->reg & 7;
        return reg < 6 ? put_register(o, X86_SEGMENT, reg) : X86_UNDEFINED;
    }
    if (method == X86_M_D) {
        return i->reg < 8 ? put_register(o, X86_DEBUG, i->reg) : X86_UNDEFINED;
    }
    return 0x11d >> i->reg & 1 ? put_register(o, X86_CONTROL, i->reg) : X86_UNDEFINED;
}

/* What the opcode implies. */
static enum x86_status fill_implied(struct x86_operand *o, unsigned method)
{
    switch (method) {
    case X86_M_F:
        o->kind = X86_FLAGS;
        return X86_OK;
    case X86_M_rAX:
    case X86_M_rCX:
    case X86_M_rDX:
        return put_register(o, X86_GPR, method - X86_M_rAX);
    case X86_M_1:
        o->kind = X86_IMMEDIATE;
        o->value = 1;
        return X86_OK;
    case X86_M_ST:
        o->implied = true;
        return put_register(o, X86_X87, 0);
    case X86_M_XMM0:
        return put_register(o, X86_VECTOR, 0);
    default:
        return put_register(o, X86_SEGMENT, method - X86_M_ES);
    }
}

/* What ModRM.reg and VEX.vvvv name, and what the rest of the instruction holds. */
static enum x86_status fill_other(struct x86_instr *i, struct x86_operand *o, unsigned method)
{
    switch (method) {
    case X86_M_A:
        return put_far(i, o);
    case X86_M_B:
        return put_general(i, o, named_by_vvvv(i));
    case X86_M_C:
    case X86_M_D:
    case X86_M_S:
        return put_system(i, o, method);
    case X86_M_G:
        return put_general(i, o, i->reg);
    case X86_M_H:
        return put_register(o, X86_VECTOR, named_by_vvvv(i));
    case X86_M_I:
    case X86_M_sI:
        return put_immediate(i, o, method == X86_M_sI);
    case X86_M_J:
        o->kind = X86_RELATIVE;
        return x86_fetch(i, o->bytes, &o->value);
    case X86_M_L:
        return put_vector_of_immediate(i, o);
    case X86_M_O:
        return put_implied(i, o, X86_NONE);
    case X86_M_P:
        return put_register(o, X86_MMX, i->reg & 7);
    case X86_M_V:
        return put_register(o, X86_VECTOR, i->reg);
    case X86_M_X:
        return put_implied(i, o, 6);
    case X86_M_Y:
        return put_implied(i, o, 7);
    case X86_M_Z:
        return put_general(i, o, (i->opcode & 7) | i->ext_b);
    default:
        return fill_implied(o, method);
    }
}

static enum x86_status fill(struct x86_instr *i, struct x86_operand *o, unsigned method,
                            const struct x86_operand *address)
{
    switch (method) {
    case X86_M_E:
    case X86_M_M:
        return put_rm(i, o, X86_GPR, address);
    case X86_M_R:
        return put_rm(i, o, X86_GPR, NULL);
    case X86_M_N:
    case X86_M_Q:
        return put_rm(i, o, X86_MMX, address);
    case X86_M_U:
    case X86_M_W:
        return put_rm(i, o, X86_VECTOR, address);
    case X86_M_STi:
        return put_register(o, X86_X87, i->modrm & 7);
    case X86_M_VM32:
    case X86_M_VM64: {
        const uint8_t vector = (uint8_t)o->bytes;
        *o = *address;
        o->vector = vector;
        o->bytes = i->w ? 8 : 4;
        return X86_OK;
    }
    default:
        return fill_other(i, o, method);
    }
}

/* Gathers: the registers of result, mask and indices must be three. */
static bool gather_is_valid(const struct x86_instr *i, const struct x86_operand *address)
{
    const unsigned mask = named_by_vvvv(i);
    return i->reg != mask && i->reg != address->index && mask != address->index;
}

enum x86_status x86_fill_operands(struct x86_instr *i, const struct x86_row *row,
                                  const struct x86_operand *address)
{
    i->ops = row->ops;
    if (address->vsib && !gather_is_valid(i, address)) {
        return X86_UNDEFINED;
    }
    for (unsigned k = 0; k < row->ops; k++) {
        const struct x86_notation *n = &row->op[k];
        struct x86_operand *o = &i->op[k];
        const bool memory = i->modrm < 0xc0 && n->memtype != n->type;
        o->bytes = (uint16_t)x86_type_bytes(i, memory ? n->memtype : n->type);
        const enum x86_status status = fill(i, o, n->method, address);
        if (status != X86_OK) {
            return status;
        }
    }
    return X86_OK;
}
