/* SPDX-License-Identifier: MIT */
/*
 * A64: loads and stores of one general register, load-acquire and store-release, prefetch (DDI
 * 0487, C4.1.94). Of what is CONSTRAINED UNPREDICTABLE with writeback, the loaded value wins over
 * the new base, and a store stores the old one.
 */
#include "cpu/arm/a64_loadstore.h"

#include "cpu/arm/pauth.h"

/* ---- addresses */

struct a64_address address_offset(struct a64_block *c, unsigned rn, int32_t disp)
{
    return (struct a64_address){.base = read_base(c, rn), .disp = disp, .rn = rn};
}

struct a64_address address_indexed(struct a64_block *c, unsigned rn, int32_t imm, unsigned idx)
{
    struct a64_address at = address_offset(c, rn, idx == IDX_POST ? 0 : imm);
    if (idx == IDX_POST || idx == IDX_PRE) {
        at.writeback = add_offset(c, at.base, imm);
        guard_sp(c, rn, at.writeback);
    }
    return at;
}

struct a64_address address_register(struct a64_block *c, unsigned rn, unsigned rm, unsigned option,
                                    unsigned shift)
{
    struct a64_address at = address_offset(c, rn, 0);
    at.index = extend_x(c, rm, option, shift > 3 ? shift : 0);
    at.scale = shift > 3 ? 0 : shift;
    return at;
}

struct a64_address address_literal(struct a64_block *c, int32_t off)
{
    return (struct a64_address){.base = ir_address(c->b, c->pc + (uint64_t)(int64_t)off)};
}

ir_val load_at(struct a64_block *c, ir_type t, memop m, const struct a64_address *at, int32_t extra)
{
    if (at->index) {
        return ir_load_indexed(c->b, t, m, at->base, at->index, at->scale);
    }
    return ir_load(c->b, t, m, at->base, at->disp + extra);
}

void store_at(struct a64_block *c, memop m, const struct a64_address *at, int32_t extra, ir_val v)
{
    if (at->index) {
        ir_store_indexed(c->b, m, at->base, at->index, at->scale, v);
    } else {
        ir_store(c->b, m, at->base, at->disp + extra, v);
    }
}

void finish_address(struct a64_block *c, const struct a64_address *at)
{
    if (at->writeback) {
        write_xsp(c, at->rn, at->writeback);
    }
}

/* ---- memops. MO_ALIGN with MO_WHOLE_IN_16: within 16 aligned bytes, as FEAT_LSE2 has it */

memop ordered_mem(const struct a64_block *c, unsigned size)
{
    if (!has(c, ARM_HAS_lse2) || c->mode & MODE_ALIGN) {
        return size | c->idx | MO_ALIGN;
    }
    return size | c->idx | MO_WHOLE_IN_16 | (c->mode & MODE_NAA ? 0 : MO_ALIGN);
}

memop atomic_mem(const struct a64_block *c, unsigned size)
{
    return size | c->idx | MO_ALIGN |
           (has(c, ARM_HAS_lse2) && !(c->mode & MODE_ALIGN) ? MO_WHOLE_IN_16 : 0);
}

/* ---- one register */

static void load(struct a64_block *c, memop m, const struct a64_address *at, unsigned rt)
{
    const ir_val v = load_at(c, T_I64, m, at, 0);
    finish_address(c, at);
    write_x(c, rt, v);
}

/* w: to 32 bits. */
static void load_signed(struct a64_block *c, memop m, unsigned w, const struct a64_address *at,
                        unsigned rt)
{
    const ir_val v = load_at(c, type_of(!w), m | MO_SIGN, at, 0);
    finish_address(c, at);
    write_x(c, rt, v);
}

static void store(struct a64_block *c, memop m, const struct a64_address *at, unsigned rt)
{
    static const ir_type types[] = {T_I8, T_I16, T_I32, T_I64};
    const ir_val v = ir_trunc(c->b, types[m & MO_SIZE_LOG2], read_x(c, rt, 1));
    store_at(c, m, at, 0, v);
    finish_address(c, at);
}

void a64_ldr_uimm(struct a64_block *c, const struct a64_ldr_uimm *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm << a->size);
    load(c, mem_of(c, a->size), &at, a->rt);
}

void a64_ldrs_uimm(struct a64_block *c, const struct a64_ldrs_uimm *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm << a->size);
    load_signed(c, mem_of(c, a->size), a->w, &at, a->rt);
}

void a64_str_uimm(struct a64_block *c, const struct a64_str_uimm *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm << a->size);
    store(c, mem_of(c, a->size), &at, a->rt);
}

void a64_ldr_imm9(struct a64_block *c, const struct a64_ldr_imm9 *a)
{
    const struct a64_address at = address_indexed(c, a->rn, a->imm, a->idx);
    load(c, mem_of(c, a->size), &at, a->rt);
}

void a64_ldrs_imm9(struct a64_block *c, const struct a64_ldrs_imm9 *a)
{
    const struct a64_address at = address_indexed(c, a->rn, a->imm, a->idx);
    load_signed(c, mem_of(c, a->size), a->w, &at, a->rt);
}

void a64_str_imm9(struct a64_block *c, const struct a64_str_imm9 *a)
{
    const struct a64_address at = address_indexed(c, a->rn, a->imm, a->idx);
    store(c, mem_of(c, a->size), &at, a->rt);
}

void a64_ldr_reg(struct a64_block *c, const struct a64_ldr_reg *a)
{
    const struct a64_address at = address_register(c, a->rn, a->rm, a->option, a->s ? a->size : 0);
    load(c, mem_of(c, a->size), &at, a->rt);
}

void a64_ldrs_reg(struct a64_block *c, const struct a64_ldrs_reg *a)
{
    const struct a64_address at = address_register(c, a->rn, a->rm, a->option, a->s ? a->size : 0);
    load_signed(c, mem_of(c, a->size), a->w, &at, a->rt);
}

void a64_str_reg(struct a64_block *c, const struct a64_str_reg *a)
{
    const struct a64_address at = address_register(c, a->rn, a->rm, a->option, a->s ? a->size : 0);
    store(c, mem_of(c, a->size), &at, a->rt);
}

void a64_ldr_lit(struct a64_block *c, const struct a64_ldr_lit *a)
{
    const struct a64_address at = address_literal(c, a->off);
    load(c, mem_of(c, a->sf ? MO_64 : MO_32), &at, a->rt);
}

void a64_ldrsw_lit(struct a64_block *c, const struct a64_ldrsw_lit *a)
{
    const struct a64_address at = address_literal(c, a->off);
    load_signed(c, mem_of(c, MO_32), 0, &at, a->rt);
}

/* ---- unprivileged */

static memop unprivileged_mem(const struct a64_block *c, unsigned size)
{
    const memop atomic = mem_of(c, size) & MO_WHOLE_IN_16;
    return size | c->uidx | atomic;
}

void a64_ldtr(struct a64_block *c, const struct a64_ldtr *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm);
    load(c, unprivileged_mem(c, a->size), &at, a->rt);
}

void a64_ldtrs(struct a64_block *c, const struct a64_ldtrs *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm);
    load_signed(c, unprivileged_mem(c, a->size), a->w, &at, a->rt);
}

void a64_sttr(struct a64_block *c, const struct a64_sttr *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm);
    store(c, unprivileged_mem(c, a->size), &at, a->rt);
}

/* ---- ordered: a limited ordering region (LORegion) is all of memory, so LDLAR and STLLR are LDAR
 * and STLR */

void a64_ldar(struct a64_block *c, const struct a64_ldar *a)
{
    const struct a64_address at = address_offset(c, a->rn, 0);
    load(c, ordered_mem(c, a->size) | MO_ACQUIRE, &at, a->rt);
}

void a64_stlr(struct a64_block *c, const struct a64_stlr *a)
{
    const struct a64_address at = address_offset(c, a->rn, 0);
    store(c, ordered_mem(c, a->size) | MO_RELEASE, &at, a->rt);
}

void a64_ldapr(struct a64_block *c, const struct a64_ldapr *a)
{
    const struct a64_address at = address_offset(c, a->rn, 0);
    load(c, ordered_mem(c, a->size) | MO_ACQUIRE, &at, a->rt);
}

void a64_ldapur(struct a64_block *c, const struct a64_ldapur *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm);
    load(c, ordered_mem(c, a->size) | MO_ACQUIRE, &at, a->rt);
}

void a64_ldapurs(struct a64_block *c, const struct a64_ldapurs *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm);
    load_signed(c, ordered_mem(c, a->size) | MO_ACQUIRE, a->w, &at, a->rt);
}

void a64_stlur(struct a64_block *c, const struct a64_stlur *a)
{
    const struct a64_address at = address_offset(c, a->rn, a->imm);
    store(c, ordered_mem(c, a->size) | MO_RELEASE, &at, a->rt);
}

/* ---- with an authenticated base: the modifier is 0 */

void a64_ldra(struct a64_block *c, const struct a64_ldra *a)
{
    const enum arm_pac_key_id key = a->b ? ARM_KEY_DB : ARM_KEY_DA;
    struct a64_address at = address_offset(c, a->rn, a->imm);
    at.base = authenticate(c, key, true, at.base, const_of(c, 0, 1));
    if (a->pre) {
        at.writeback = add_offset(c, at.base, a->imm);
        guard_sp(c, a->rn, at.writeback);
    }
    load(c, mem_of(c, MO_64), &at, a->rt);
}

/* ---- prefetch: nothing is cached */

void a64_prfm_uimm(struct a64_block *c, const struct a64_prfm_uimm *a)
{
    (void)c, (void)a;
}

void a64_prfm_reg(struct a64_block *c, const struct a64_prfm_reg *a)
{
    (void)c, (void)a;
}

void a64_prfm_lit(struct a64_block *c, const struct a64_prfm_lit *a)
{
    (void)c, (void)a;
}

void a64_prfum(struct a64_block *c, const struct a64_prfum *a)
{
    (void)c, (void)a;
}
