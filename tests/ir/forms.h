/* SPDX-License-Identifier: MIT */
/*
 * Every form of every op that computes: op, type, operand types, and a choice of aux. They are
 * found by asking the verifier, so that a new row in tcg/ops.h is tested without being named here.
 */
#ifndef TESTS_IR_FORMS_H
#define TESTS_IR_FORMS_H

#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "tcg/opinfo.h"
#include "tcg/text.h"
#include "tests/support/ir_rig.h"

struct form {
    uint16_t op;
    ir_type type;
    ir_type operand[3]; /* T_VOID: none */
    uint32_t aux;
};

/* Bits of a FLAGS value that may be 1: all but bits 1 to 7. */
#define FORM_FLAGS 0xff01

#define FORMS_MAX 40000
struct forms {
    unsigned count;
    struct form form[FORMS_MAX];
};

static const ir_type form_types[] = {
    T_I8,    T_I16,    T_I32,   T_I64,   T_F16,    T_BF16,  T_F32,   T_F64,   T_FLAGS,
    T_I8X16, T_I16X8,  T_I32X4, T_I64X2, T_F16X8,  T_F32X4, T_F64X2, T_F16X4, T_F32X2,
    T_I8X32, T_I16X16, T_I32X8, T_I64X4, T_F16X16, T_F32X8, T_F64X4};

/* Operands: all vectors are alike. */
static const ir_type form_operand_types[] = {T_I8,  T_I16, T_I32,   T_I64,  T_F16, T_BF16,
                                             T_F32, T_F64, T_FLAGS, T_V128, T_V256};

/* ---- values from rows and back */

static inline ir_val form_emit(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x,
                               uint32_t aux)
{
    return ir_emit(b, (struct ir_insn){.op = (uint16_t)op,
                                       .type = t,
                                       .src = ir_has_source_type(op) ? ir_type_of(b, x) : T_VOID,
                                       .a = (uint16_t)x,
                                       .aux = aux});
}

/* A value of type t from row i (0 to 3) of its kind. */
static inline ir_val form_value(struct ir_builder *b, ir_type t, unsigned i)
{
    if (t == T_FLAGS) {
        return ir_get(b, i & 1 ? RIG_G : RIG_F);
    }
    if (t == T_I32) {
        return ir_get(b, RIG_W + i);
    }
    if (ir_is_wide(t)) {
        return ir_get(b, RIG_Y + (i & 7));
    }
    if (ir_in_vector_register(t)) {
        const ir_val v = ir_get(b, RIG_V + i);
        return ir_is_vector(t) ? v : form_emit(b, IR_vget, t, v, 0);
    }
    const ir_val x = ir_get(b, i);
    return t == T_I64 ? x : form_emit(b, IR_trunc, t, x, 0);
}

/* Puts v into row i of a kind that takes it. */
static inline void form_put(struct ir_builder *b, ir_val v, unsigned i)
{
    const ir_type t = ir_type_of(b, v);

    if (t == T_FLAGS) {
        ir_put(b, i & 1 ? RIG_G : RIG_F, v);
    } else if (t == T_I32) {
        ir_put(b, RIG_W + (i & 3), v);
    } else if (ir_is_wide(t)) {
        ir_put(b, RIG_Y + (i & 7), v);
    } else if (ir_in_vector_register(t)) {
        ir_put(b, RIG_V + i, ir_is_vector(t) ? v : form_emit(b, IR_vzext, T_V128, v, 0));
    } else {
        ir_put(b, i, t == T_I64 ? v : form_emit(b, IR_zext, T_I64, v, 0));
    }
}

static inline struct ir_insn form_insn(const struct ir_builder *b, const struct form *f,
                                       const ir_val x[3])
{
    return (struct ir_insn){.op = f->op,
                            .type = f->type,
                            .src = ir_has_source_type((enum ir_op)f->op) ? ir_type_of(b, x[0])
                                                                         : T_VOID,
                            .a = (uint16_t)x[0],
                            .b = (uint16_t)x[1],
                            .c = (uint16_t)x[2],
                            .aux = f->aux};
}

/* The bits of operand i that may be 1, if the op wants an I32 of a special kind; else 0. */
static inline uint32_t form_mask(const struct form *f, unsigned i)
{
    if (i == 0 && (f->op == IR_select || f->op == IR_flags_select)) {
        return 1;
    }
    return i == 0 && f->op == IR_flags_from ? FORM_FLAGS : 0;
}

/* The block "row 4 = op of rows 0 to 2". */
static inline void form_block(struct ir_builder *b, const struct form *f, uint64_t imm)
{
    ir_val x[3] = {IR_NONE, IR_NONE, IR_NONE};

    ir_begin(b, RIG_PC, 0);
    ir_insn_start(b, RIG_PC);
    for (unsigned i = 0; i < 3; i++) {
        /* Selection is by a boolean, and flags are in their layout. */
        if (form_mask(f, i)) {
            const ir_val w = form_value(b, T_I32, 0), mask = ir_konst(b, T_I32, form_mask(f, i));
            x[i] = ir_emit(b,
                           (struct ir_insn){
                               .op = IR_and, .type = T_I32, .a = (uint16_t)w, .b = (uint16_t)mask});
        } else if (f->operand[i] != T_VOID) {
            x[i] = form_value(b, f->operand[i], i);
        }
    }
    struct ir_insn in = form_insn(b, f, x);
    in.imm = imm;
    form_put(b, ir_emit(b, in), 3);
    ir_br(b, 0x2000);
}

/* ---- enumeration */

static inline bool form_is_legal(struct ir_builder *b, const struct form *f)
{
    b->no_fold = true;
    form_block(b, f, 0);
    return ir_verify(b, NULL);
}

static inline unsigned form_aux_choices(enum ir_op op, uint32_t *aux)
{
    static const uint32_t fields[] = {0x0800, 0x0804, 0x0103, 0x1000, 0x1008, 0x2000,
                                      0x2010, 0x2020, 0x1f01, 0x4000, 0x0f31};
    static const uint32_t flags[] = {0, 0x100, 0x101, 0xd400, 0xd501};
    static const uint32_t small[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 31, 32, 33, 63, 64};
    static const uint32_t roundings[] = {0,  1,    2,     3,     4,     7,     8,    11,   15,
                                         16, 0x13, 0x103, 0x117, 0x803, 0x813, 0x20, 0x23, 0x1f03};
    const uint32_t *from = small;
    unsigned n = 1;

    if (op == IR_ubfx || op == IR_sbfx || op == IR_dep) {
        from = fields;
        n = array_len(fields);
    } else if (op == IR_flags_with) {
        from = flags;
        n = array_len(flags);
    } else if (op == IR_frint || op == IR_ftoi || op == IR_vftoi || op == IR_itof ||
               op == IR_vitof) {
        from = roundings;
        n = array_len(roundings);
    } else if (op == IR_fcmp || op == IR_vfcmp) {
        for (n = 0; n < 32; n++) {
            aux[n] = n;
        }
        return n;
    } else if (ir_qualifier(op) == QUALIFIER_CONDITION) {
        for (n = 0; n < 16; n++) {
            aux[n] = n;
        }
        return n;
    } else if (op == IR_flags_fcmp || ir_has_aux(op)) {
        n = array_len(small);
    }
    memcpy(aux, from, n * sizeof(*aux));
    return n;
}

/* Fraction bits of a conversion are at most the width. */
static inline bool form_is_sensible(const struct form *f)
{
    const ir_type integer = f->op == IR_ftoi ? f->type : f->operand[0];

    switch (f->op) {
    case IR_ftoi:
    case IR_itof:
        return f->aux >> 8 <= ir_lane_bits(integer) && ir_lane_bits(integer) >= 16;
    case IR_vftoi:
    case IR_vitof:
        return f->aux >> 8 <= ir_lane_bits(f->type) && !(f->aux & IR_FTOI_MODULAR);
    default:
        return true;
    }
}

static inline void form_add_auxes(struct ir_builder *b, struct forms *all, struct form f)
{
    uint32_t aux[32];
    const unsigned n = form_aux_choices((enum ir_op)f.op, aux);

    for (unsigned i = 0; i < n; i++) {
        f.aux = aux[i];
        if (all->count < FORMS_MAX && form_is_sensible(&f) && form_is_legal(b, &f)) {
            all->form[all->count++] = f;
        }
    }
}

static inline void form_add_operands(struct ir_builder *b, struct forms *all, struct form f)
{
    const unsigned n = ir_ops[f.op].operands;
    const ir_type a = f.operand[0], lane = (ir_type)ir_lane(f.type);
    const ir_type second[] = {a, T_FLAGS, f.type, lane, T_I64, T_V128},
                  third[] = {a, T_FLAGS, f.type};

    for (unsigned i = 0; i < (n > 1 ? array_len(second) : 1); i++) {
        for (unsigned k = 0; k < (n > 2 ? array_len(third) : 1); k++) {
            bool seen = false;
            f.operand[1] = n > 1 ? second[i] : T_VOID;
            f.operand[2] = n > 2 ? third[k] : T_VOID;
            for (unsigned j = 0; j < i; j++) {
                seen |= second[j] == second[i];
            }
            for (unsigned j = 0; j < k; j++) {
                seen |= third[j] == third[k];
            }
            const bool alike = ir_is_vector(f.operand[1]) && f.operand[1] != T_V128 && i > 0 &&
                               (f.operand[1] != T_V256 || f.op != IR_vwith);
            if (!seen && !alike) {
                form_add_auxes(b, all, f);
            }
        }
    }
}

/* All forms; made once. */
static inline const struct forms *forms_all(void)
{
    static struct forms all;
    static struct ir_builder b;

    if (all.count) {
        return &all;
    }
    ir_builder_init(&b, &rig_guest);
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        if (ir_ops[op].shape < SHAPE_UN || ir_ops[op].shape > SHAPE_CVTI) {
            continue;
        }
        for (unsigned t = 0; t < array_len(form_types); t++) {
            for (unsigned a = 0; a < array_len(form_operand_types); a++) {
                form_add_operands(&b, &all,
                                  (struct form){.op = (uint16_t)op,
                                                .type = form_types[t],
                                                .operand = {form_operand_types[a]}});
            }
        }
    }
    ir_builder_free(&b);
    return &all;
}

/* ---- operands with interesting values */

static inline uint64_t form_random_lane(struct rng *r, unsigned w)
{
    static const uint64_t integers[] = {0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 127};
    /* Patterns of f64, f32, f16 by their exponent and top bits; the rest is filled below. */
    static const uint16_t patterns64[] = {
        0x0000, 0x8000, 0x3ff0, 0xbff0, 0x7ff0, 0xfff0, 0x7ff8, 0xfff4, 0x0010, 0x000f, 0x7fef,
        0x41e0, 0x43e0, 0x3fe0, 0x41f0, 0xc1e0, 0x3ff8, 0x4340, 0xbfe0, 0x4004, 0xc004, 0xc1f0};
    static const uint16_t patterns32[] = {
        0x0000, 0x8000, 0x3f80, 0xbf80, 0x7f80, 0xff80, 0x7fc0, 0xffa0, 0x0080, 0x007f, 0x7f7f,
        0x4f00, 0x5f00, 0x3f00, 0x4f80, 0xcf00, 0x3fc0, 0x4b00, 0xbf00, 0x4020, 0xc020, 0xcf80};
    static const uint16_t patterns16[] = {
        0x0000, 0x8000, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00, 0xfd01, 0x0400, 0x03ff, 0x7bff,
        0x7800, 0x0001, 0x3800, 0x6400, 0x7c01, 0x3e00, 0x8001, 0xb800, 0x4100, 0xc100, 0x77ff};
    const uint64_t low = rng_below(r, 3) == 0   ? 0
                         : rng_below(r, 2) == 0 ? rng_below(r, 4)
                                                : rng_u64(r);
    const unsigned k = (unsigned)rng_below(r, array_len(patterns64));

    switch (rng_below(r, 6)) {
    case 0:
        return integers[rng_below(r, array_len(integers))];
    case 1:
        return 0 - integers[rng_below(r, array_len(integers))];
    case 2:
        return (UINT64_C(1) << (w - 1)) - rng_below(r, 3) + 1;
    case 3:
    case 4:
        if (w == 64) {
            return (uint64_t)patterns64[k] << 48 | (low & mask64(48));
        }
        if (w == 32) {
            return (uint64_t)patterns32[k] << 16 | (low & mask64(16));
        }
        return w == 16 ? patterns16[k] ^ (low & 1) : patterns16[k] >> 8;
    default:
        return rng_u64(r) >> rng_below(r, 64);
    }
}

/* Rows 0 to 3 of each kind get operands that suit type t; the environment a rounding mode. */
static inline void form_operands(struct rng *r, struct rig_state *s, ir_type t)
{
    const unsigned w = ir_lane_bits(t) ? ir_lane_bits(t) : 64;

    for (unsigned i = 0; i < 4; i++) {
        s->x[i] = form_random_lane(r, w);
        s->w[i] = (uint32_t)form_random_lane(r, w > 32 ? 32 : w);
        for (unsigned k = 0; k < 128 / w; k++) {
            const uint64_t x = form_random_lane(r, w);
            memcpy((char *)&s->v[i] + k * w / 8, &x, w / 8);
        }
        for (unsigned k = 0; k < 256 / w; k++) {
            const uint64_t x = form_random_lane(r, w);
            memcpy((char *)s->y[i] + k * w / 8, &x, w / 8);
        }
    }
    s->f = (uint16_t)rng_u64(r) & FORM_FLAGS;
    s->g = (uint16_t)rng_u64(r) & FORM_FLAGS;
    s->rounding = (uint8_t)rng_below(r, 4);
}

/* Constants of the environment; flush: IR_FP_FZ or 0, which a whole block has in common. */
static inline uint64_t form_random_fp(struct rng *r, uint64_t flush)
{
    static const uint64_t choices[] = {
        IR_FP_DN, IR_FP_FZ16, IR_FP_ALT_HALF, IR_FP_ALT, IR_FP_ALT | IR_FP_FIZ, IR_FP_FIXED};
    const uint64_t other = choices[rng_below(r, array_len(choices))];

    return flush | (rng_below(r, 4) ? 0 : other);
}

/* A block's, for that guest. */
static inline uint64_t form_random_flush(struct rng *r, const struct ir_guest *guest)
{
    static const uint64_t apart[] = {IR_FP_FZ, IR_FP_FIZ, IR_FP_FZ | IR_FP_FIZ};
    const uint64_t which = apart[rng_below(r, array_len(apart))];

    return rng_below(r, 3) ? 0 : guest->fp_rules->flush_apart ? which : IR_FP_FZ;
}

#endif
