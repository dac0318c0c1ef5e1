/* SPDX-License-Identifier: MIT */
/*
 * AVX's and AVX2's accesses by element: those that a mask chooses, at one address or at several.
 * Intel SDM, volume 2: VMASKMOV, VPMASKMOV, VGATHERDPD to VPGATHERQQ, and 2.3.12 (VSIB). What the
 * mask leaves out is not accessed. A gather that faults has done the elements before.
 */
#include "cpu/x86/sse.h"

#include <string.h>

/* An access, packed in a word: numbers of registers, and how elements lie. */
struct elements {
    uint8_t data, mask, index;
    uint8_t bytes, count; /* of elements */
    uint8_t index_bytes, scale, as, seg;
    bool wide; /* the registers have 256 bits */
};

static uint64_t pack(const struct elements *e)
{
    return e->data | (uint64_t)e->mask << 4 | (uint64_t)e->index << 8 | (uint64_t)e->bytes << 12 |
           (uint64_t)e->count << 16 | (uint64_t)e->index_bytes << 20 | (uint64_t)e->scale << 24 |
           (uint64_t)e->as << 28 | (uint64_t)e->seg << 32 | (uint64_t)e->wide << 36;
}

static struct elements unpack(uint64_t w)
{
    return (struct elements){.data = w & 15,
                             .mask = w >> 4 & 15,
                             .index = w >> 8 & 15,
                             .bytes = w >> 12 & 15,
                             .count = w >> 16 & 15,
                             .index_bytes = w >> 20 & 15,
                             .scale = w >> 24 & 3,
                             .as = w >> 28 & 15,
                             .seg = w >> 32 & 7,
                             .wide = w >> 36 & 1};
}

/* The linear address of an element at an offset in the segment; false: raised. */
static bool locate(struct x86_cpu *c, const struct elements *e, uint64_t *at, bool write)
{
    const bool checked = !x86_is_long(c);
    *at &= mask64(8 * e->as);
    if (checked && !x86_segment_check(c, e->seg, *at, e->bytes, write)) {
        return false;
    }
    *at += !checked && e->seg < X86_FS ? 0 : c->seg[e->seg].base;
    *at &= checked ? UINT32_MAX : UINT64_MAX;
    return true;
}

static bool chosen(const struct x86_cpu *c, const struct elements *e, unsigned k)
{
    return c->ymm[e->mask].u8[e->bytes * (k + 1) - 1] & 0x80;
}

static memop memop_for(struct vcpu *v, const struct elements *e)
{
    return (e->bytes == 8 ? MO_64 : MO_32) | MO_IDX(v->cls->mmu_index(v));
}

/* ---- at one address */

static uint64_t do_masked_load(struct vcpu *v, uint64_t next, uint64_t at, uint64_t how,
                               uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const struct elements e = unpack(how);
    union x86_ymm r = {.u8 = {0}};
    (void)aux;
    for (unsigned k = 0; k < e.count; k++) {
        uint64_t place = at + (uint64_t)k * e.bytes, x;
        if (!chosen(c, &e, k)) {
            continue;
        }
        if (!locate(c, &e, &place, false) || !vcpu_load(v, place, memop_for(v, &e), &x)) {
            return next;
        }
        memcpy(r.u8 + k * e.bytes, &x, e.bytes);
    }
    c->ymm[e.data] = r;
    c->upper_used |= e.wide;
    return x86_go(c, next);
}
X86_CALL(masked_load, IR_CALL_FULL);

/* All or nothing is stored. */
static uint64_t do_masked_store(struct vcpu *v, uint64_t next, uint64_t at, uint64_t how,
                                uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const struct elements e = unpack(how);
    const memop m = memop_for(v, &e);
    (void)aux;
    for (unsigned k = 0; k < 2u * e.count; k++) {
        const bool stores = k >= e.count;
        const unsigned n = k % e.count;
        uint64_t place = at + (uint64_t)n * e.bytes, x = 0;
        memcpy(&x, c->ymm[e.data].u8 + n * e.bytes, e.bytes);
        if (chosen(c, &e, n) &&
            !(locate(c, &e, &place, true) &&
              (stores ? vcpu_store(v, place, m, x) : vcpu_probe(v, place, m, ACCESS_WRITE)))) {
            return next;
        }
    }
    return x86_go(c, next);
}
X86_CALL(masked_store, IR_CALL_FULL);

static void masked(struct x86_block *c, const struct x86_instr *i, unsigned bytes)
{
    const bool stores = i->op[0].kind == X86_MEMORY;
    const struct x86_operand *o = &i->op[stores ? 0 : 2];
    const struct elements e = {.data = i->op[stores ? 2 : 0].reg,
                               .mask = i->op[1].reg,
                               .bytes = (uint8_t)bytes,
                               .count = (uint8_t)((i->l ? 32 : 16) / bytes),
                               .as = i->as,
                               .seg = o->seg,
                               .wide = i->l};
    if (x86_sse_begin(c, i)) {
        x86_tail(c, stores ? &row_masked_store : &row_masked_load, x86_offset(c, i, o),
                 ir_konst(c->b, T_I64, pack(&e)), 0);
    }
}
X86_BY(masked, vmaskmovps, 4)
X86_BY(masked, vmaskmovpd, 8)
X86_BY(masked, vpmaskmovd, 4)
X86_BY(masked, vpmaskmovq, 8)

/* ---- at several */

static uint64_t index_of(const struct x86_cpu *c, const struct elements *e, unsigned k)
{
    const uint8_t *p = c->ymm[e->index].u8 + k * e->index_bytes;
    return e->index_bytes == 8 ? load_le64(p) : (uint64_t)(int64_t)(int32_t)load_le32(p);
}

static uint64_t do_gather(struct vcpu *v, uint64_t next, uint64_t base, uint64_t how, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const struct elements e = unpack(how);
    union x86_ymm *data = &c->ymm[e.data], *mask = &c->ymm[e.mask];
    (void)aux;
    c->upper_used |= e.wide;
    for (unsigned k = 0; k < e.count; k++) {
        uint64_t place = base + (index_of(c, &e, k) << e.scale), x;
        if (chosen(c, &e, k)) {
            if (!locate(c, &e, &place, false) || !vcpu_load(v, place, memop_for(v, &e), &x)) {
                return next;
            }
            memcpy(data->u8 + k * e.bytes, &x, e.bytes);
        }
        memset(mask->u8 + k * e.bytes, 0, e.bytes);
    }
    memset(data->u8 + e.count * e.bytes, 0, 32u - e.count * e.bytes);
    memset(mask->u8, 0, 32);
    return x86_go(c, next);
}
X86_CALL(gather, IR_CALL_FULL);

static void gather(struct x86_block *c, const struct x86_instr *i)
{
    const struct x86_operand *o = &i->op[1];
    const unsigned bytes = i->w ? 8 : 4, most = o->vsib > bytes ? o->vsib : bytes;
    struct x86_operand first = *o;
    const struct elements e = {.data = i->op[0].reg,
                               .mask = i->op[2].reg,
                               .index = o->index,
                               .bytes = (uint8_t)bytes,
                               .count = (uint8_t)((i->l ? 32 : 16) / most),
                               .index_bytes = o->vsib,
                               .scale = o->scale,
                               .as = i->as,
                               .seg = o->seg,
                               .wide = i->l};
    if (x86_sse_begin(c, i)) {
        first.index = X86_NONE;
        x86_tail(c, &row_gather, x86_offset(c, i, &first), ir_konst(c->b, T_I64, pack(&e)), 0);
    }
}
X86_IS(gather, vpgatherdd)
X86_IS(gather, vpgatherdq)
X86_IS(gather, vpgatherqd)
X86_IS(gather, vpgatherqq)
X86_IS(gather, vgatherdps)
X86_IS(gather, vgatherdpd)
X86_IS(gather, vgatherqps)
X86_IS(gather, vgatherqpd)
