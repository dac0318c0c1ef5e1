/* SPDX-License-Identifier: MIT */
/* A64: loads and stores of one SIMD and floating-point register (DDI 0487, C4.1.94, the rows with
 * VR = 1). */
#include "cpu/arm/a64_loadstore.h"

static const ir_type types[] = {T_I8, T_F16, T_F32, T_F64, T_V128};

static void load(struct a64_block *c, unsigned esz, const struct a64_address *at, unsigned rt)
{
    const ir_val v = load_at(c, types[esz], mem_of(c, esz), at, 0);
    finish_address(c, at);
    write_v(c, rt, esz == MO_128 ? v : ir_vzext(c->b, v));
}

static void store(struct a64_block *c, unsigned esz, const struct a64_address *at, unsigned rt)
{
    const ir_val v = esz == MO_128 ? read_v(c, rt) : read_s(c, rt, types[esz]);
    store_at(c, mem_of(c, esz), at, 0, v);
    finish_address(c, at);
}

void a64_ldr_v_uimm(struct a64_block *c, const struct a64_ldr_v_uimm *a)
{
    if (!fp_access(c)) {
        return;
    }
    const struct a64_address at = address_offset(c, a->rn, a->imm << a->esz);
    load(c, a->esz, &at, a->rt);
}

void a64_str_v_uimm(struct a64_block *c, const struct a64_str_v_uimm *a)
{
    if (!fp_access(c)) {
        return;
    }
    const struct a64_address at = address_offset(c, a->rn, a->imm << a->esz);
    store(c, a->esz, &at, a->rt);
}

void a64_ldr_v_imm9(struct a64_block *c, const struct a64_ldr_v_imm9 *a)
{
    if (!fp_access(c)) {
        return;
    }
    const struct a64_address at = address_indexed(c, a->rn, a->imm, a->idx);
    load(c, a->esz, &at, a->rt);
}

void a64_str_v_imm9(struct a64_block *c, const struct a64_str_v_imm9 *a)
{
    if (!fp_access(c)) {
        return;
    }
    const struct a64_address at = address_indexed(c, a->rn, a->imm, a->idx);
    store(c, a->esz, &at, a->rt);
}

void a64_ldr_v_reg(struct a64_block *c, const struct a64_ldr_v_reg *a)
{
    if (!fp_access(c)) {
        return;
    }
    const struct a64_address at = address_register(c, a->rn, a->rm, a->option, a->s ? a->esz : 0);
    load(c, a->esz, &at, a->rt);
}

void a64_str_v_reg(struct a64_block *c, const struct a64_str_v_reg *a)
{
    if (!fp_access(c)) {
        return;
    }
    const struct a64_address at = address_register(c, a->rn, a->rm, a->option, a->s ? a->esz : 0);
    store(c, a->esz, &at, a->rt);
}

void a64_ldr_lit_v(struct a64_block *c, const struct a64_ldr_lit_v *a)
{
    if (!fp_access(c)) {
        return;
    }
    const struct a64_address at = address_literal(c, a->off);
    load(c, a->opc + 2u, &at, a->rt);
}
