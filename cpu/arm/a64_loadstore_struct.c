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

static ir_val load_bytes(struct a64_block *c, const struct base *base, unsigned at, unsigned n,
                         unsigned esz)
{
    const memop m = units_of((n == 16 ? MO_128 : MO_64) | c->idx, esz);
    const ir_val v = ir_load(c->b, n == 16 ? T_V128 : T_F64, m, base->address, (int32_t)at);
    return n == 16 ? v : ir_vzext(c->b, v);
}

static void store_bytes(struct a64_block *c, const struct base *base, unsigned at, unsigned n,
                        unsigned esz, ir_val v)
{
    const memop m = units_of((n == 16 ? MO_128 : MO_64) | c->idx, esz);
    ir_store(c->b, m, base->address, (int32_t)at, n == 16 ? v : ir_vget(c->b, T_F64, v, 0));
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

/* ---- structures taken apart and put together, by table look-ups with constants and by zipping */

/* v's bytes as index picks them; 16 or more gives 0. */
static ir_val pick_bytes(struct a64_block *c, ir_val v, const uint8_t index[16])
{
    uint64_t half[2] = {0, 0};

    for (unsigned i = 0; i < 16; i++) {
        half[i / 8] |= (uint64_t)index[i] << (8 * (i % 8));
    }
    return ir_v2(c->b, IR_vtbl, T_I8X16, v, vec_const(c, half[0], half[1]), 0);
}

static ir_val or_bytes(struct a64_block *c, ir_val x, ir_val y)
{
    return x == IR_NONE ? y : vec_or(c, x, y);
}

/* Of memory in chunks of 16 bytes, the elements of register k of structures of three. */
static ir_val take_third(struct a64_block *c, unsigned esz, unsigned q, unsigned k,
                         const ir_val mem[3])
{
    ir_val r = IR_NONE;

    for (unsigned j = 0; j < (q ? 3 : 2); j++) {
        uint8_t index[16];
        for (unsigned i = 0; i < 16; i++) {
            const unsigned at = ((3 * (i >> esz) + k) << esz) + (i & mask64(esz));
            index[i] = i < 8u << q && at / 16 == j ? at % 16 : 0xff;
        }
        r = or_bytes(c, r, pick_bytes(c, mem[j], index));
    }
    return r;
}

static void put_together3(struct a64_block *c, unsigned esz, unsigned chunks, const ir_val r[3],
                          ir_val mem[3])
{
    for (unsigned j = 0; j < chunks; j++) {
        mem[j] = IR_NONE;
        for (unsigned k = 0; k < 3; k++) {
            uint8_t index[16];
            for (unsigned i = 0; i < 16; i++) {
                const unsigned element = (16 * j + i) >> esz;
                index[i] = element % 3 == k ? (element / 3 << esz) + (i & mask64(esz)) : 0xff;
            }
            mem[j] = or_bytes(c, mem[j], pick_bytes(c, r[k], index));
        }
    }
}

/* The elements of a chunk that go to one of n registers side by side. */
static ir_val gather(struct a64_block *c, unsigned esz, unsigned n, ir_val chunk)
{
    const unsigned structures = (16u >> esz) / n;
    uint8_t index[16];

    if (structures <= 1) {
        return chunk;
    }
    for (unsigned i = 0; i < 16; i++) {
        const unsigned element = i >> esz;
        index[i] = (uint8_t)(((element % structures * n + element / structures) << esz) +
                             (i & mask64(esz)));
    }
    return pick_bytes(c, chunk, index);
}

/* The lower halves, and the upper ones. */
static void zip_halves(struct a64_block *c, ir_val x, ir_val y, ir_val low_high[2])
{
    low_high[0] = vec2(c, IR_vzip1, 3, x, y);
    low_high[1] = vec2(c, IR_vzip2, 3, x, y);
}

static void take_apart2(struct a64_block *c, unsigned esz, unsigned q, const ir_val mem[2],
                        ir_val r[2])
{
    if (q && esz == 2) {
        r[0] = vec2(c, IR_vuzp1, esz, mem[0], mem[1]);
        r[1] = vec2(c, IR_vuzp2, esz, mem[0], mem[1]);
        return;
    }
    const ir_val x = gather(c, esz, 2, mem[0]);
    zip_halves(c, x, q ? gather(c, esz, 2, mem[1]) : ir_vkonst(c->b, 0), r);
}

/* Chunks have 32 bits for each register, or a structure's half if elements are of 64. */
static void take_apart4(struct a64_block *c, unsigned esz, unsigned q, const ir_val mem[4],
                        ir_val r[4])
{
    const ir_val none = ir_vkonst(c->b, 0);
    ir_val x[4], t[4];

    if (esz == 3) {
        zip_halves(c, mem[0], mem[2], r);
        zip_halves(c, mem[1], mem[3], r + 2);
        return;
    }
    for (unsigned j = 0; j < (q ? 4 : 2); j++) {
        x[j] = gather(c, esz, 4, mem[j]);
    }
    t[0] = vec2(c, IR_vzip1, 2, x[0], x[1]);
    t[1] = vec2(c, IR_vzip2, 2, x[0], x[1]);
    t[2] = q ? vec2(c, IR_vzip1, 2, x[2], x[3]) : none;
    t[3] = q ? vec2(c, IR_vzip2, 2, x[2], x[3]) : none;
    zip_halves(c, t[0], t[2], r);
    zip_halves(c, t[1], t[3], r + 2);
}

/* Of registers of 64 bits the upper halves do not matter. */
static void take_apart(struct a64_block *c, unsigned esz, unsigned q, unsigned n,
                       const ir_val mem[4], ir_val r[4])
{
    if (n == 2) {
        take_apart2(c, esz, q, mem, r);
    } else if (n == 4) {
        take_apart4(c, esz, q, mem, r);
    } else {
        for (unsigned k = 0; k < 3; k++) {
            r[k] = take_third(c, esz, q, k, mem);
        }
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
            r[i] = load_bytes(c, base, i * (8u << m->q), 8u << m->q, m->esz);
        }
        return;
    }
    for (unsigned at = 0; at < bytes; at += 16) {
        mem[at / 16] = load_bytes(c, base, at, bytes - at >= 16 ? 16 : 8, m->esz);
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
            store_bytes(c, base, i * (8u << m->q), 8u << m->q, m->esz, r[i]);
        }
        return;
    }
    put_together(c, m->esz, m->q, m->span, r, mem);
    for (unsigned at = 0; at < bytes; at += 16) {
        store_bytes(c, base, at, bytes - at >= 16 ? 16 : 8, m->esz, mem[at / 16]);
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
