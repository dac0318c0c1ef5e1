/* SPDX-License-Identifier: MIT */
/* Prefixes, opcode, ModRM, SIB and displacement. Intel SDM, volume 2, chapter 2. */
#include "cpu/x86/insn.h"

#include <string.h>

#include "base/bits.h"

enum x86_status x86_fetch(struct x86_instr *i, unsigned bytes, int64_t *value)
{
    uint8_t raw[8] = {0};
    if (!cursor_bytes(&i->code, raw, bytes)) {
        const size_t need = i->code.pos + bytes;
        i->bytes = (uint8_t)need;
        return need > X86_MAX_BYTES ? X86_LONG : X86_SHORT;
    }
    const unsigned unused = 64 - 8 * bytes;
    *value = (int64_t)(load_le64(raw) << unused) >> unused;
    return X86_OK;
}

static enum x86_status fetch_byte(struct x86_instr *i, uint8_t *byte)
{
    int64_t value;
    const enum x86_status status = x86_fetch(i, 1, &value);
    if (status == X86_OK) {
        *byte = (uint8_t)value;
    }
    return status;
}

/* Is the byte a segment override? In 64-bit code those of ES, CS, SS and DS do nothing. */
static bool is_segment(struct x86_instr *i, uint8_t byte)
{
    if (byte == 0x64 || byte == 0x65) {
        i->seg = byte - 0x60;
    } else if ((byte & 0xe7) == 0x26) {
        i->seg = i->mode == 8 ? i->seg : byte >> 3 & 3;
    } else {
        return false;
    }
    return true;
}

static bool is_prefix(struct x86_instr *i, uint8_t byte, bool *asize)
{
    switch (byte) {
    case 0x66:
        i->opsize = true;
        return true;
    case 0x67:
        *asize = true;
        return true;
    case 0xf0:
        i->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        i->rep = byte;
        return true;
    default:
        return is_segment(i, byte);
    }
}

/* Reads prefixes and, as *byte, what follows. A REX prefix counts only just before the opcode. */
static enum x86_status read_prefixes(struct x86_instr *i, uint8_t *byte)
{
    bool asize = false;
    for (;;) {
        const enum x86_status status = fetch_byte(i, byte);
        if (status != X86_OK) {
            return status;
        }
        if (i->mode == 8 && (*byte & 0xf0) == 0x40) {
            i->rex = *byte;
        } else if (is_prefix(i, *byte, &asize)) {
            i->rex = 0;
        } else {
            break;
        }
    }
    i->as = asize ? (i->mode == 4 ? 2 : 4) : i->mode;
    i->pp = i->rep == 0xf3 ? 2 : i->rep ? 3 : i->opsize;
    i->w = i->rex >> 3 & 1;
    i->ext_r = (uint8_t)(i->rex << 1 & 8);
    i->ext_x = (uint8_t)(i->rex << 2 & 8);
    i->ext_b = (uint8_t)(i->rex << 3 & 8);
    return X86_OK;
}

/* C5 and C4 are VEX in 64-bit code, and elsewhere where LDS and LES would name a register. */
static bool is_vex(const struct x86_instr *i, uint8_t byte, enum x86_status *status)
{
    if (byte != 0xc4 && byte != 0xc5) {
        return false;
    }
    struct x86_instr ahead = *i;
    uint8_t next = 0;
    *status = fetch_byte(&ahead, &next);
    return *status == X86_OK && (i->mode == 8 || next >= 0xc0);
}

/* The bytes behind C4 (VEX of three bytes) or C5. */
static enum x86_status read_vex(struct x86_instr *i, bool three)
{
    uint8_t first = 0, last = 0;
    enum x86_status status = fetch_byte(i, &first);
    if (status == X86_OK && three) {
        status = fetch_byte(i, &last);
    }
    if (status != X86_OK) {
        return status;
    }
    const uint8_t maps = three ? first & 31 : 1;
    if (!three) {
        last = first & 0x7f;
        first |= 0x60;
    }
    if (i->rex || i->lock || i->pp || maps < 1 || maps > 3) {
        return X86_UNDEFINED;
    }
    const bool is_long = i->mode == 8;
    i->vex = true;
    i->map = maps;
    i->ext_r = is_long ? ~first >> 4 & 8 : 0;
    i->ext_x = is_long ? ~first >> 3 & 8 : 0;
    i->ext_b = is_long ? ~first >> 2 & 8 : 0;
    i->w = last >> 7;
    i->vvvv = ~last >> 3 & 15;
    i->l = last >> 2 & 1;
    i->pp = last & 3;
    return fetch_byte(i, &i->opcode);
}

/* The opcode behind the escapes; byte is the first one. */
static enum x86_status read_opcode(struct x86_instr *i, uint8_t byte)
{
    enum x86_status status = X86_OK;
    if (byte == 0x0f) {
        i->map = 1;
        status = fetch_byte(i, &byte);
        if (status == X86_OK && (byte == 0x38 || byte == 0x3a)) {
            i->map = byte == 0x38 ? 2 : 3;
            status = fetch_byte(i, &byte);
        }
    }
    i->opcode = byte;
    return status;
}

/* Before the row is known: as if 66 were no part of the opcode. */
static uint8_t operand_size(const struct x86_instr *i, bool opsize)
{
    if (i->mode == 8) {
        return i->w ? 8 : opsize ? 2 : 4;
    }
    return opsize ? 6 - i->mode : i->mode;
}

static enum x86_status read_modrm(struct x86_instr *i)
{
    const enum x86_status status = fetch_byte(i, &i->modrm);
    if (status == X86_OK) {
        i->mod = i->modrm >> 6;
        i->reg = (i->modrm >> 3 & 7) | i->ext_r;
        i->rm = (i->modrm & 7) | i->ext_b;
    }
    return status;
}

enum x86_status x86_begin(struct x86_instr *i, const struct x86_map *map, unsigned mode,
                          const uint8_t *p, size_t n)
{
    uint8_t byte = 0;
    memset(i, 0, sizeof(*i));
    cursor_init(&i->code, p, n < X86_MAX_BYTES ? n : X86_MAX_BYTES);
    i->mode = (uint8_t)mode;
    i->seg = X86_NONE;
    i->modrm = 0xff;
    enum x86_status status = read_prefixes(i, &byte);
    if (status != X86_OK) {
        return status;
    }
    if (is_vex(i, byte, &status)) {
        status = read_vex(i, byte == 0xc4);
    } else if (status == X86_OK) {
        status = read_opcode(i, byte);
    } else {
        i->bytes = (uint8_t)(i->code.pos + 1);
    }
    if (status != X86_OK) {
        return status;
    }
    i->os = operand_size(i, i->opsize);
    i->cc = i->opcode & 15;
    const uint32_t has = map->has_modrm[i->map + 4 * i->vex][i->opcode / 32];
    return has >> i->opcode % 32 & 1 ? read_modrm(i) : X86_OK;
}

static enum x86_status read_displacement(struct x86_instr *i, struct x86_operand *a, unsigned bytes)
{
    return bytes ? x86_fetch(i, bytes, &a->value) : X86_OK;
}

/* Table 2-1: BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX. */
static enum x86_status read_address16(struct x86_instr *i, struct x86_operand *a)
{
    static const uint8_t base[8] = {3, 3, 5, 5, 6, 7, 5, 3};
    static const uint8_t index[4] = {6, 7, 6, 7};
    unsigned bytes = i->mod;
    if (a->vsib) {
        return X86_UNDEFINED;
    }
    a->base = base[i->rm];
    a->index = i->rm < 4 ? index[i->rm] : X86_NONE;
    if (i->mod == 0 && i->rm == 6) {
        a->base = X86_NONE;
        bytes = 2;
    }
    return read_displacement(i, a, bytes);
}

/* Table 2-3. */
static enum x86_status read_sib(struct x86_instr *i, struct x86_operand *a)
{
    uint8_t sib = 0;
    const enum x86_status status = fetch_byte(i, &sib);
    a->scale = sib >> 6;
    a->index = (sib >> 3 & 7) | i->ext_x;
    a->base = (sib & 7) | i->ext_b;
    if (a->index == 4 && !a->vsib) {
        a->index = X86_NONE;
    }
    if (i->mod == 0 && (a->base & 7) == 5) {
        a->base = X86_NONE;
    }
    return status;
}

/* Tables 2-2 and 2-7. */
static enum x86_status read_address(struct x86_instr *i, struct x86_operand *a)
{
    enum x86_status status = X86_OK;
    unsigned bytes = i->mod == 2 ? 4 : i->mod;
    a->base = i->rm;
    if ((i->rm & 7) == 4) {
        status = read_sib(i, a);
        bytes = a->base == X86_NONE ? 4 : bytes;
    } else if (a->vsib) {
        return X86_UNDEFINED;
    } else if (i->mod == 0 && (i->rm & 7) == 5) {
        a->base = i->mode == 8 ? X86_RIP : X86_NONE;
        bytes = 4;
    }
    return status == X86_OK ? read_displacement(i, a, bytes) : status;
}

/* The address that ModRM and what follows it name. The stack segment goes with rSP and rBP. */
static enum x86_status read_memory(struct x86_instr *i, const struct x86_row *row,
                                   struct x86_operand *a)
{
    *a = (struct x86_operand){.kind = X86_MEMORY, .base = X86_NONE, .index = X86_NONE};
    for (unsigned k = 0; k < row->ops; k++) {
        const uint8_t method = row->op[k].method;
        a->vsib = method == X86_M_VM32 ? 4 : method == X86_M_VM64 ? 8 : a->vsib;
    }
    if (i->modrm >= 0xc0 || (row->flags & X86_F_MODREG)) {
        return X86_OK; /* no memory */
    }
    const enum x86_status status = i->as == 2 ? read_address16(i, a) : read_address(i, a);
    const bool stack = i->as == 2 ? a->base == 5 : a->base == 4 || a->base == 5;
    a->seg = i->seg != X86_NONE ? i->seg : stack ? 2 : 3;
    return status;
}

enum x86_status x86_finish(struct x86_instr *i, const struct x86_map *map, unsigned row)
{
    const struct x86_row *r = &map->rows[row];
    struct x86_operand address;
    i->row = (uint16_t)row;
    if (r->flags & X86_F_P66) {
        i->os = operand_size(i, false);
    }
    if (i->mode == 8 && (r->flags & (X86_F_D64 | X86_F_F64))) {
        i->os = i->os == 2 && (r->flags & X86_F_D64) ? 2 : 8;
    }
    enum x86_status status = read_memory(i, r, &address);
    if (status == X86_OK) {
        status = x86_fill_operands(i, r, &address);
    }
    if (status == X86_OK) {
        i->bytes = (uint8_t)i->code.pos;
    }
    return status;
}
