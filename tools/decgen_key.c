/* SPDX-License-Identifier: MIT */
/*
 * The key by which rows of an opcode map are found: all of an x86 instruction that decides which
 * one it is, as one word, so that rows are sets of words here as elsewhere. Only this table knows
 * where in the key a field stands, and what it is in struct x86_instr of cpu/x86/insn.h.
 */
#include "tools/decgen.h"

struct field {
    int width;
    const char *c; /* as a number of that width */
};

static const struct field fields[KEY_FIELDS] = {
    [KEY_OPCODE] = {8, "i->opcode"},
    [KEY_MAP] = {2, "i->map"},
    [KEY_VEX] = {1, "i->vex"},
    [KEY_MODRM] = {8, "i->modrm"},
    [KEY_MEM] = {1, "(i->modrm < 0xc0)"},
    [KEY_PP] = {2, "i->pp"},
    [KEY_L] = {1, "i->l"},
    [KEY_W] = {1, "i->w"},
    [KEY_LONG] = {1, "(i->mode == 8)"},
    [KEY_OS] = {2, "(i->os >> 2)"},
    [KEY_AS] = {2, "(i->as >> 2)"},
    [KEY_VVVV] = {1, "(i->vvvv != 0)"},
    [KEY_LOCK] = {1, "i->lock"},
    [KEY_LOCK_REG] = {1, "(i->lock && i->modrm >= 0xc0)"},
};

static int shift_of(enum key_field field)
{
    int shift = 0;
    for (unsigned i = 0; i < field; i++) {
        shift += fields[i].width;
    }
    return shift;
}

bool decgen_key_set(struct row *row, enum key_field field, unsigned mask, unsigned value)
{
    const uint64_t m = (uint64_t)mask << shift_of(field), v = (uint64_t)value << shift_of(field);
    const bool agrees = ((row->value ^ v) & row->mask & m) == 0;
    row->mask |= m;
    row->value |= v;
    return agrees;
}

unsigned decgen_key_mask(const struct row *row, enum key_field field)
{
    return (unsigned)(row->mask >> shift_of(field) & decgen_ones(fields[field].width));
}

unsigned decgen_key_value(const struct row *row, enum key_field field)
{
    return (unsigned)(row->value >> shift_of(field) & decgen_ones(fields[field].width));
}

void decgen_key_emit(FILE *f)
{
    for (unsigned i = 0; i < KEY_FIELDS; i++) {
        fprintf(f, "%s(uint64_t)%s << %d", i ? " |\n           " : "", fields[i].c, shift_of(i));
    }
}
