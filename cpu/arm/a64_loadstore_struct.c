/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of SIMD structures: LD1 to LD4, ST1 to ST4, of whole registers, of one element,
 * and replicated (DDI 0487, C4.1.94 "Advanced SIMD load/store multiple structures", "single
 * structure").
 *
 * Memory is accessed 16 bytes at a time, and structures are taken apart in registers; where
 * alignment is checked (SCTLR_ELx.A) one element at a time, as each must be aligned to its own
 * size.
 */
#include "cpu/arm/a64_simd.h"

/* ---- the base register */

struct base {
    ir_val address, after;
    unsigned rn;
};

/* rm 31 stands for the size of the access. */
static struct base begin(struct a64_block *c, unsigned rn, unsigned post, unsigned rm,
                         unsigned bytes)
{
    struct base base = {.address = read_base(c, rn), .after = IR_NONE, .rn = rn};

    if (post) {
        base.after = rm == 31 ? add_offset(c, base.address, bytes)
                              : ir_add(c->b, base.address, read_x(c, rm, 1));
        guard_sp(c, rn, base.after);
    }
    return base;
}

/* After the last access. */
static void finish(struct a64_block *c, const struct base *base)
{
    if (base->after != IR_NONE) {
        ir_put(c->b, ARM_REG_X0 + base->rn, base->after);
    }
}

/* ---- 16 or 8 bytes, and one element */

static ir_val load_bytes(struct a64_block *c, const struct base *base, unsigned at, unsigned n)
{
    return n == 16
               ? ir_load(c->b, T_V128, MO_128 | c->idx, base->address, (int32_t)at)
               : ir_vzext(c->b, ir_load(c->b, T_F64, MO_64 | c->idx, base->address, (int32_t)at));
}

static void store_bytes(struct a64_block *c, const struct base *base, unsigned at, unsigned n,
                        ir_val v)
{
    if (n == 16) {
        ir_store(c->b, MO_128 | c->idx, base->address, (int32_t)at, v);
    } else {
        ir_store(c->b, MO_64 | c->idx, base->address, (int32_t)at, ir_vget(c->b, T_F64, v, 0));
    }
}

/* Elements that can be floating-point scalars live in vector registers. */
static const ir_type element_type[] = {T_I8, T_F16, T_F32, T_F64};
static const ir_type vector_type[] = {T_I8X16, T_F16X8, T_F32X4, T_F64X2};

static ir_val load_element(struct a64_block *c, const struct base *base, unsigned at, unsigned esz)
{
    return ir_load(c->b, element_type[esz], esz | c->idx, base->address, (int32_t)at);
}

static void store_element(struct a64_block *c, const struct base *base, unsigned at, unsigned esz,
                          ir_val v, unsigned index)
{
    ir_store(c->b, esz | c->idx, base->address, (int32_t)at,
             ir_vget(c->b, element_type[esz], v, index));
}

/* ---- structures of three elements, by table look-up */

/* Where byte i of one register's share is in memory, for the register that has the first elements.
 */
static unsigned place_of_byte(unsigned esz, unsigned i)
{
    return (3 * (i >> esz) << esz) + (i & mask64(esz));
}

/* In mem: 48 (or 24) bytes of memory, to r: one register for each element of a structure. */
static void take_apart3(struct a64_block *c, unsigned esz, unsigned chunks, const ir_val mem[3],
                        ir_val r[3])
{
    uint64_t place = 0;
    for (unsigned i = 0; i < 8; i++) {
        place |= (uint64_t)place_of_byte(esz, i) << (8 * i);
    }
    /* Eight bytes further in the register it is 24 further in memory. */
    const ir_val first = vec_const(c, place, place + UINT64_C(0x1818181818181818));

    for (unsigned k = 0; k < 3; k++) {
        r[k] = IR_NONE;
        for (unsigned j = 0; j < chunks; j++) {
            /* Outside this chunk the index is 16 or more, or wraps: that gives 0. */
            const ir_val from = splat(c, 0, (k << esz) - 16 * j);
            const ir_val part = ir_v2(c->b, IR_vtbl, T_I8X16, mem[j],
                                      vec2(c, IR_add, 0, first, from), 0);
            r[k] = r[k] == IR_NONE ? part : vec_or(c, r[k], part);
        }
    }
}

/* Which byte of register k goes to byte i of memory; 0xff: none of it. */
static uint64_t source_of_byte(unsigned esz, unsigned k, unsigned i)
{
    const unsigned element = i >> esz;
    return element % 3 == k ? (element / 3 << esz) + (i & mask64(esz)) : 0xff;
}

static void put_together3(struct a64_block *c, unsigned esz, unsigned chunks, const ir_val r[3],
                          ir_val mem[3])
{
    for (unsigned j = 0; j < chunks; j++) {
        mem[j] = IR_NONE;
        for (unsigned k = 0; k < 3; k++) {
            uint64_t index[2] = {0, 0};
            for (unsigned i = 0; i < 16; i++) {
                index[i / 8] |= source_of_byte(esz, k, 16 * j + i) << (8 * (i % 8));
            }
            const ir_val part = ir_v2(c->b, IR_vtbl, T_I8X16, r[k],
                                      vec_const(c, index[0], index[1]), 0);
            mem[j] = mem[j] == IR_NONE ? part : vec_or(c, mem[j], part);
        }
    }
}

/* ---- structures of two and four elements, by zipping */

static void unzip(struct a64_block *c, unsigned esz, ir_val x, ir_val y, ir_val even_odd[2])
{
    even_odd[0] = vec2(c, IR_vuzp1, esz, x, y);
    even_odd[1] = vec2(c, IR_vuzp2, esz, x, y);
}

/* Registers of 64 bits have no second chunk: what stands in its place lands in upper halves. */
static void take_apart(struct a64_block *c, unsigned esz, unsigned q, unsigned n,
                       const ir_val mem[4], ir_val r[4])
{
    if (n == 3) {
        take_apart3(c, esz, q ? 3 : 2, mem, r);
    } else if (n == 2) {
        unzip(c, esz, mem[0], mem[q ? 1 : 0], r);
    } else {
        ir_val x[2], y[2], even[2], odd[2];
        unzip(c, esz, mem[0], mem[1], x);
        if (q) {
            unzip(c, esz, mem[2], mem[3], y);
        }
        unzip(c, esz, x[0], q ? y[0] : x[0], even);
        unzip(c, esz, x[1], q ? y[1] : x[1], odd);
        r[0] = even[0];
        r[1] = odd[0];
        r[2] = even[1];
        r[3] = odd[1];
    }
}

static void put_together(struct a64_block *c, unsigned esz, unsigned q, unsigned n,
                         const ir_val r[4], ir_val mem[4])
{
    if (n == 3) {
        put_together3(c, esz, q ? 3 : 2, r, mem);
        return;
    }
    for (unsigned upper = 0; upper <= q; upper++) {
        const enum ir_op zip = upper ? IR_vzip2 : IR_vzip1;
        if (n == 2) {
            mem[upper] = vec2(c, zip, esz, r[0], r[1]);
            continue;
        }
        const ir_val even = vec2(c, zip, esz, r[0], r[2]), odd = vec2(c, zip, esz, r[1], r[3]);
        mem[2 * upper] = vec2(c, IR_vzip1, esz, even, odd);
        mem[2 * upper + 1] = vec2(c, IR_vzip2, esz, even, odd);
    }
}

/* ---- multiple structures */

struct multi {
    unsigned q, esz, regs, rt;
    unsigned span; /* elements of a structure */
};

static unsigned multi_bytes(const struct multi *m)
{
    return m->regs * (8u << m->q);
}

/* The element at byte `at` of memory: its register and its number there. */
static void element_at(const struct multi *m, unsigned at, unsigned *reg, unsigned *index)
{
    const unsigned n = at >> m->esz, per_reg = (8u << m->q) >> m->esz;

    *reg = m->span == 1 ? n / per_reg : n % m->span;
    *index = m->span == 1 ? n % per_reg : n / m->span;
}

static void load_elements(struct a64_block *c, const struct multi *m, const struct base *base,
                          ir_val r[4])
{
    for (unsigned i = 0; i < m->regs; i++) {
        r[i] = ir_vkonst(c->b, 0);
    }
    for (unsigned at = 0; at < multi_bytes(m); at += 1u << m->esz) {
        unsigned reg, index;
        element_at(m, at, &reg, &index);
        r[reg] = ir_vset(c->b, vector_type[m->esz], r[reg], index,
                         load_element(c, base, at, m->esz));
    }
}

static void load_chunks(struct a64_block *c, const struct multi *m, const struct base *base,
                        ir_val r[4])
{
    const unsigned bytes = multi_bytes(m);
    ir_val mem[4];

    if (m->span == 1) {
        for (unsigned i = 0; i < m->regs; i++) {
            r[i] = load_bytes(c, base, i * (8u << m->q), 8u << m->q);
        }
        return;
    }
    for (unsigned at = 0; at < bytes; at += 16) {
        mem[at / 16] = load_bytes(c, base, at, bytes - at >= 16 ? 16 : 8);
    }
    take_apart(c, m->esz, m->q, m->span, mem, r);
}

void a64_ld_multi(struct a64_block *c, const struct a64_ld_multi *a)
{
    const struct multi m = {
        .q = a->q, .esz = a->size, .regs = a->regs, .rt = a->rt, .span = a->selem + 1u};
    ir_val r[4];

    if (!fp_access(c)) {
        return;
    }
    const struct base base = begin(c, a->rn, a->post, a->rm, multi_bytes(&m));
    if (c->idx & MO_ALIGN) {
        load_elements(c, &m, &base, r);
    } else {
        load_chunks(c, &m, &base, r);
    }
    finish(c, &base);
    for (unsigned i = 0; i < m.regs; i++) {
        write_vq(c, (m.rt + i) % 32, m.q, r[i]);
    }
}

static void store_chunks(struct a64_block *c, const struct multi *m, const struct base *base,
                         const ir_val r[4])
{
    const unsigned bytes = multi_bytes(m);
    ir_val mem[4];

    if (m->span == 1) {
        for (unsigned i = 0; i < m->regs; i++) {
            store_bytes(c, base, i * (8u << m->q), 8u << m->q, r[i]);
        }
        return;
    }
    put_together(c, m->esz, m->q, m->span, r, mem);
    for (unsigned at = 0; at < bytes; at += 16) {
        store_bytes(c, base, at, bytes - at >= 16 ? 16 : 8, mem[at / 16]);
    }
}

void a64_st_multi(struct a64_block *c, const struct a64_st_multi *a)
{
    const struct multi m = {
        .q = a->q, .esz = a->size, .regs = a->regs, .rt = a->rt, .span = a->selem + 1u};
    ir_val r[4];

    if (!fp_access(c)) {
        return;
    }
    const struct base base = begin(c, a->rn, a->post, a->rm, multi_bytes(&m));
    for (unsigned i = 0; i < m.regs; i++) {
        r[i] = read_v(c, (m.rt + i) % 32);
    }
    if (c->idx & MO_ALIGN) {
        for (unsigned at = 0; at < multi_bytes(&m); at += 1u << m.esz) {
            unsigned reg, index;
            element_at(&m, at, &reg, &index);
            store_element(c, &base, at, m.esz, r[reg], index);
        }
    } else {
        store_chunks(c, &m, &base, r);
    }
    finish(c, &base);
}

/* ---- single structures */

void a64_ld_single(struct a64_block *c, const struct a64_ld_single *a)
{
    const unsigned n = a->selem + 1u;
    ir_val x[4];

    if (!fp_access(c)) {
        return;
    }
    const struct base base = begin(c, a->rn, a->post, a->rm, n << a->esz);
    for (unsigned i = 0; i < n; i++) {
        x[i] = load_element(c, &base, i << a->esz, a->esz);
    }
    finish(c, &base);
    for (unsigned i = 0; i < n; i++) {
        const unsigned r = (a->rt + i) % 32;
        write_v(c, r, ir_vset(c->b, vector_type[a->esz], read_v(c, r), a->index, x[i]));
    }
}

void a64_st_single(struct a64_block *c, const struct a64_st_single *a)
{
    const unsigned n = a->selem + 1u;

    if (!fp_access(c)) {
        return;
    }
    const struct base base = begin(c, a->rn, a->post, a->rm, n << a->esz);
    for (unsigned i = 0; i < n; i++) {
        store_element(c, &base, i << a->esz, a->esz, read_v(c, (a->rt + i) % 32), a->index);
    }
    finish(c, &base);
}

void a64_ld_rep(struct a64_block *c, const struct a64_ld_rep *a)
{
    const unsigned n = a->selem + 1u;
    ir_val x[4];

    if (!fp_access(c)) {
        return;
    }
    const struct base base = begin(c, a->rn, a->post, a->rm, n << a->esz);
    for (unsigned i = 0; i < n; i++) {
        x[i] = load_element(c, &base, i << a->esz, a->esz);
    }
    finish(c, &base);
    for (unsigned i = 0; i < n; i++) {
        const ir_val r = ir_vdup(c->b, vector_type[a->esz], x[i]);
        write_vq(c, (a->rt + i) % 32, a->q, r);
    }
}
