/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD permute, extract and table look-up (DDI 0487, C4.1.96). Of 64-bit operands both go
 * into one vector first where the 128-bit op would take its elements from the upper halves.
 */
#include "cpu/arm/a64_simd.h"

void a64_zip(struct a64_block *c, const struct a64_zip *a)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_v(c, a->rn), m = read_v(c, a->rm);
    if (a->q) {
        write_v(c, a->rd, vec2(c, a->part ? IR_vzip2 : IR_vzip1, a->esz, n, m));
        return;
    }
    /* Zipped, the low halves fill a vector: ZIP1 is its lower half, ZIP2 its upper. */
    const ir_val zipped = vec2(c, IR_vzip1, a->esz, n, m);
    write_v(c, a->rd,
            a->part ? ir_v2(c->b, IR_vext, T_I8X16, zipped, ir_vkonst(c->b, 0), 8)
                    : low64(c, zipped));
}

void a64_uzp(struct a64_block *c, const struct a64_uzp *a)
{
    if (!fp_access(c)) {
        return;
    }
    ir_val n = read_v(c, a->rn), m = read_v(c, a->rm);
    if (!a->q) {
        n = m = join64(c, n, m);
    }
    write_vq(c, a->rd, a->q, vec2(c, a->part ? IR_vuzp2 : IR_vuzp1, a->esz, n, m));
}

void a64_trn(struct a64_block *c, const struct a64_trn *a)
{
    if (fp_access(c)) {
        write_vq(
            c, a->rd, a->q,
            vec2(c, a->part ? IR_vtrn2 : IR_vtrn1, a->esz, read_v(c, a->rn), read_v(c, a->rm)));
    }
}

void a64_ext_v(struct a64_block *c, const struct a64_ext_v *a)
{
    if (!fp_access(c)) {
        return;
    }
    ir_val n = read_v(c, a->rn), m = read_v(c, a->rm);
    if (!a->q) {
        n = m = join64(c, n, m);
    }
    write_vq(c, a->rd, a->q, ir_v2(c->b, IR_vext, T_I8X16, n, m, a->imm));
}

/*
 * The table's bytes at the indices in Vm: each register of the table gives those that are in it,
 * and 0 for the others, whose distance to its first byte is 16 or more, or wraps.
 */
static ir_val look_up(struct a64_block *c, unsigned rn, unsigned registers, ir_val index)
{
    ir_val r = ir_v2(c->b, IR_vtbl, T_I8X16, read_v(c, rn), index, 0);

    for (unsigned i = 1; i < registers; i++) {
        const ir_val distance = vec2(c, IR_sub, 0, index, splat(c, 0, 16 * i));
        r = vec_or(c, r, ir_v2(c->b, IR_vtbl, T_I8X16, read_v(c, (rn + i) % 32), distance, 0));
    }
    return r;
}

void a64_tbl(struct a64_block *c, const struct a64_tbl *a)
{
    if (fp_access(c)) {
        write_vq(c, a->rd, a->q, look_up(c, a->rn, a->len + 1u, read_v(c, a->rm)));
    }
}

/* Indices outside the table leave the byte of Vd. */
void a64_tbx(struct a64_block *c, const struct a64_tbx *a)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val index = read_v(c, a->rm);
    const ir_val inside = vec_compare(c, IR_ULT, 0, index, splat(c, 0, 16 * (a->len + 1u)));
    const ir_val r = look_up(c, a->rn, a->len + 1u, index);
    write_vq(c, a->rd, a->q, vec_select(c, inside, r, read_v(c, a->rd)));
}
