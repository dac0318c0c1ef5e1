/* SPDX-License-Identifier: MIT */
/* Advanced SIMD across lanes and scalar pairwise, integers (DDI 0487, C4.1.96). */
#include "cpu/arm/a64_simd.h"

void a64_addv(struct a64_block *c, const struct a64_addv *a)
{
    if (fp_access(c)) {
        const ir_val n = read_elements(c, a->rn, a->esz, a->q, 0);
        write_v(c, a->rd, vec1(c, IR_vaddv, a->esz, n));
    }
}

void a64_addp_pair(struct a64_block *c, const struct a64_addp_pair *a)
{
    if (fp_access(c)) {
        write_v(c, a->rd, vec1(c, IR_vaddv, 3, read_v(c, a->rn)));
    }
}

/* Elements of double width: the halves widened and added, then all of that. */
static void add_long_across(struct a64_block *c, const unsigned reg[2], unsigned esz, unsigned q,
                            const enum ir_op widen[2])
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_v(c, reg[1]);
    ir_val sum = vec1(c, widen[0], esz + 1, n);
    if (q) {
        sum = vec2(c, IR_add, esz + 1, sum, vec1(c, widen[1], esz + 1, n));
    }
    write_v(c, reg[0], vec1(c, IR_vaddv, esz + 1, sum));
}

void a64_saddlv(struct a64_block *c, const struct a64_saddlv *a)
{
    add_long_across(c, (const unsigned[]){a->rd, a->rn}, a->esz, a->q,
                    (const enum ir_op[]){IR_vsxtl, IR_vsxth});
}

void a64_uaddlv(struct a64_block *c, const struct a64_uaddlv *a)
{
    add_long_across(c, (const unsigned[]){a->rd, a->rn}, a->esz, a->q,
                    (const enum ir_op[]){IR_vuxtl, IR_vuxth});
}

#define EXTREME(name, op)                                                                          \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (!fp_access(c)) {                                                                       \
            return;                                                                                \
        }                                                                                          \
        const ir_val n = read_v(c, a->rn);                                                         \
        write_v(c, a->rd, vec1(c, op, a->esz, a->q ? n : join64(c, n, n)));                        \
    }
EXTREME(smaxv, IR_vsmaxv)
EXTREME(sminv, IR_vsminv)
EXTREME(umaxv, IR_vumaxv)
EXTREME(uminv, IR_vuminv)
#undef EXTREME
