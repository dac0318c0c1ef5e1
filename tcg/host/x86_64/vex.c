/* SPDX-License-Identifier: MIT */
/*
 * The VEX form of what the back end writes as SSE instructions. Where registers hold 256 bits, SSE
 * encodings keep the upper halves, which makes each instruction wait for the register's last value;
 * VEX.128 clears them. No value of 128 bits has anything there.
 */
#include "tcg/host/x86_64/emit.h"

enum form {
    NOT_VEX, /* no such form, or no vector instruction */
    TWO,     /* reg and rm only */
    THREE,   /* reg is the first source as well */
    SHIFTED  /* rm is source and destination, reg an extension of the opcode */
};

/* Scalars' prefixes. */
static bool is_scalar(unsigned pp)
{
    return pp == PP_F3 || pp == PP_F2;
}

static enum form form_of_moves(unsigned byte, unsigned pp, bool is_register)
{
    switch (byte) {
    case 0x10:
    case 0x11:
        return is_scalar(pp) && is_register ? THREE : TWO;
    case 0x12:
    case 0x16:
        return is_scalar(pp) ? TWO : THREE;
    case 0x14:
    case 0x15:
        return THREE;
    case 0x2a:
        return is_scalar(pp) ? THREE : NOT_VEX;
    case 0x2c:
    case 0x2d:
        return is_scalar(pp) ? TWO : NOT_VEX;
    default:
        return (byte >= 0x13 && byte <= 0x17) || (byte >= 0x28 && byte <= 0x2f) ? TWO : NOT_VEX;
    }
}

static enum form form_0f(unsigned byte, unsigned pp, bool is_register)
{
    if (byte < 0x50) {
        return form_of_moves(byte, pp, is_register);
    }
    switch (byte) {
    case 0x50:
    case 0x5b:
    case 0x6e:
    case 0x6f:
    case 0x70:
    case 0x7e:
    case 0x7f:
    case 0xc5:
    case 0xd6:
    case 0xd7:
    case 0xe6:
    case 0xe7:
    case 0xf0:
        return TWO;
    case 0x51:
    case 0x52:
    case 0x53:
    case 0x5a:
        return is_scalar(pp) ? THREE : TWO;
    case 0x71:
    case 0x72:
    case 0x73:
        return SHIFTED;
    case 0xc2:
    case 0xc4:
    case 0xc6:
        return THREE;
    default:
        return byte < 0x80 || byte >= 0xd0 ? THREE : NOT_VEX;
    }
}

static enum form form_0f38(unsigned byte, unsigned pp)
{
    const bool extends = (byte >= 0x20 && byte <= 0x25) || (byte >= 0x30 && byte <= 0x35);

    if (pp != PP_66 || byte >= 0xf0 || byte == 0x10 || byte == 0x14 || byte == 0x15) {
        return NOT_VEX; /* integers, SHA, and blends by xmm0 */
    }
    return extends || (byte >= 0x1c && byte <= 0x1e) || byte == 0x17 || byte == 0x2a ||
                   byte == 0x41 || byte == 0xdb
               ? TWO
               : THREE;
}

static enum form form_0f3a(unsigned byte, unsigned pp)
{
    if (pp != PP_66) {
        return NOT_VEX;
    }
    return byte == 0x08 || byte == 0x09 || (byte >= 0x14 && byte <= 0x17) ||
                   (byte >= 0x60 && byte <= 0x63) || byte == 0xdf
               ? TWO
               : THREE;
}

void emit_either(struct assembler *as, opcode op, unsigned reg, struct operand o,
                 unsigned imm_bytes, uint64_t imm)
{
    const unsigned byte = op & 0xff, map = op >> 8 & 3, pp = op >> 16 & 3;
    const enum form form = map == MAP_0F     ? form_0f(byte, pp, o.is_register)
                           : map == MAP_0F38 ? form_0f38(byte, pp)
                           : map == MAP_0F3A ? form_0f3a(byte, pp)
                                             : NOT_VEX;

    if (form == NOT_VEX) {
        emit_legacy(as, op, reg, o, imm_bytes, imm);
    } else {
        emit_v(as, op, reg, form == THREE ? reg : form == SHIFTED ? o.base : 0, o, imm_bytes, imm);
    }
}
