/* SPDX-License-Identifier: MIT */
/*
 * Folding of comparisons, selections and condition flags: a test of flags whose producer is known
 * becomes a comparison of the producer's operands, so that the flags themselves are needed only
 * where they stay alive as a register.
 */
#include "tcg/build.h"
#include "tcg/eval.h"
#include "tcg/fold.h"
#include "tcg/opinfo.h"

static ir_val boolean(struct ir_builder *b, bool value)
{
    return ir_konst(b, T_I32, value);
}

/* Logic on booleans is looked into so deep. */
static bool is_boolean(const struct ir_builder *b, ir_val v, unsigned depth)
{
    const struct ir_insn *d = fold_def(b, v);

    switch (d->op) {
    case IR_konst:
        return d->type == T_I32 && d->imm <= 1;
    case IR_cmp:
    case IR_tst:
    case IR_fcmp:
    case IR_flags_test:
    case IR_udivw_over:
    case IR_sdivw_over:
        return true;
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_andn:
        return depth > 0 && d->type == T_I32 && is_boolean(b, d->a, depth - 1) &&
               is_boolean(b, d->b, depth - 1);
    default:
        return false;
    }
}

bool ir_is_boolean(const struct ir_builder *b, ir_val v)
{
    return is_boolean(b, v, 2);
}

ir_val fold_invert(struct ir_builder *b, ir_val v)
{
    const struct ir_insn *d = fold_def(b, v);

    switch (d->op) {
    case IR_konst:
        return boolean(b, !d->imm);
    case IR_cmp:
        return ir_cmp(b, (enum ir_cond)(d->aux ^ 1), d->a, d->b);
    case IR_tst:
        return ir_tst(b, (enum ir_cond)(d->aux ^ 1), d->a, d->b);
    case IR_flags_test:
        return ir_flags_test(b, (enum ir_cond)(d->aux ^ 1), d->a);
    default:
        break;
    }
    ir_val inner;
    uint64_t k;
    if (fold_is_op_const(b, v, IR_xor, &inner, &k) && k == 1) {
        return inner;
    }
    return fold_emit2(b, IR_xor, T_I32, v, boolean(b, true));
}

/* ---- cmp, tst */

/* The condition that holds of (y, x) where c holds of (x, y). */
static enum ir_cond swapped(enum ir_cond c)
{
    switch (c) {
    case IR_ULT:
        return IR_UGT;
    case IR_UGT:
        return IR_ULT;
    case IR_ULE:
        return IR_UGE;
    case IR_UGE:
        return IR_ULE;
    case IR_SLT:
        return IR_SGT;
    case IR_SGT:
        return IR_SLT;
    case IR_SLE:
        return IR_SGE;
    case IR_SGE:
        return IR_SLE;
    default:
        return c;
    }
}

/* Whether c holds of equal operands. */
static bool holds_of_equal(enum ir_cond c)
{
    return ir_eval_condition(c, IR_FLAG_Z);
}

static bool is_unsigned(enum ir_cond c)
{
    return c == IR_EQ || c == IR_NE || (c >= IR_ULT && c <= IR_UGE) || c == IR_ULE || c == IR_UGT;
}

/* cmp(EQ or NE, x, 0). */
static ir_val fold_cmp_zero(struct ir_builder *b, enum ir_cond c, ir_val x)
{
    const struct ir_insn *d = fold_def(b, x);
    uint64_t k;

    if (ir_is_boolean(b, x)) {
        return c == IR_NE ? x : fold_invert(b, x);
    }
    switch (d->op) {
    case IR_sub:
    case IR_xor:
        return ir_cmp(b, c, d->a, d->b);
    case IR_neg:
        return ir_cmp(b, c, d->a, ir_konst(b, d->type, 0));
    case IR_ubfx:
        k = mask64(d->aux >> 8) << (d->aux & 255);
        return ir_tst(b, c, d->a, ir_konst(b, d->type, k));
    case IR_shl:
        if (fold_is_const(b, d->b, &k) && k < ir_lane_bits(d->type)) {
            const uint64_t m = mask64(ir_lane_bits(d->type) - (unsigned)k);
            return ir_tst(b, c, d->a, ir_konst(b, d->type, m));
        }
        return IR_NONE;
    default:
        return IR_NONE;
    }
}

/* cmp(c, x & y, 0) as a test of x and y, if the conjunction has no more than so many other users.
 */
static ir_val fold_cmp_and(struct ir_builder *b, enum ir_cond c, const struct ir_insn *x,
                           unsigned users)
{
    if (x->op != IR_and || x->uses > users) {
        return IR_NONE;
    }
    switch (c) {
    case IR_EQ:
    case IR_NE:
        return ir_tst(b, c, x->a, x->b);
    case IR_SLT:
        return ir_tst(b, IR_MI, x->a, x->b);
    case IR_SGE:
        return ir_tst(b, IR_PL, x->a, x->b);
    default:
        return IR_NONE;
    }
}

static ir_val fold_cmp_constant(struct ir_builder *b, struct ir_insn *in, uint64_t k)
{
    const struct ir_insn *x = fold_def(b, in->a);
    const enum ir_cond c = (enum ir_cond)in->aux;

    /* Other extensions stay, so that flags of the same operands share the comparison. */
    if (x->op == IR_zext && is_unsigned(c) && k <= 1 && ir_is_boolean(b, x->a)) {
        return ir_cmp(b, c, x->a, ir_konst(b, T_I32, k));
    }
    if (k == 0) {
        switch (c) {
        case IR_ULT:
            return boolean(b, false);
        case IR_UGE:
            return boolean(b, true);
        case IR_ULE:
            return ir_cmp(b, IR_EQ, in->a, in->b);
        case IR_UGT:
            return ir_cmp(b, IR_NE, in->a, in->b);
        case IR_EQ:
        case IR_NE: {
            const ir_val v = fold_cmp_zero(b, c, in->a);
            if (v != IR_NONE) {
                return v;
            }
            break;
        }
        default:
            break;
        }
        return fold_cmp_and(b, c, x, 0);
    }
    if (k == 1 && (c == IR_EQ || c == IR_NE) && ir_is_boolean(b, in->a)) {
        return c == IR_EQ ? in->a : fold_invert(b, in->a);
    }
    if (k == 1 && (c == IR_ULT || c == IR_UGE)) {
        return ir_cmp(b, c == IR_ULT ? IR_EQ : IR_NE, in->a, ir_konst(b, in->src, 0));
    }
    return IR_NONE;
}

/* v with its sign bit inverted, if v is such a sum or a constant; else IR_NONE. */
static ir_val without_bias(struct ir_builder *b, ir_type t, ir_val v)
{
    const uint64_t sign = UINT64_C(1) << (ir_lane_bits(t) - 1);
    ir_val x;
    uint64_t k;

    if (fold_is_const(b, v, &k)) {
        return ir_konst(b, t, k ^ sign);
    }
    return fold_is_op_const(b, v, IR_xor, &x, &k) && k == sign ? x : IR_NONE;
}

/*
 * A signed comparison of operands whose sign bits were inverted is an unsigned one: what a guest
 * emits whose flags say less and greater without saying of what (PowerPC's CR fields).
 */
static ir_val fold_cmp_biased(struct ir_builder *b, struct ir_insn *in)
{
    static const uint8_t unsigned_of[4] = {IR_ULT, IR_UGE, IR_ULE, IR_UGT};

    if (in->aux < IR_SLT || fold_def(b, in->a)->op != IR_xor) {
        return IR_NONE;
    }
    const ir_val x = without_bias(b, in->src, in->a), y = without_bias(b, in->src, in->b);
    if (x == IR_NONE || y == IR_NONE) {
        return IR_NONE;
    }
    return ir_cmp(b, (enum ir_cond)unsigned_of[in->aux - IR_SLT], x, y);
}

static ir_val fold_cmp(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;
    const ir_val unbiased = fold_cmp_biased(b, in);

    if (unbiased != IR_NONE) {
        return unbiased;
    }

    if (in->a == in->b) {
        return boolean(b, holds_of_equal((enum ir_cond)in->aux));
    }
    if (fold_is_const(b, in->a, &k)) {
        const uint16_t a = in->a;
        in->a = in->b;
        in->b = a;
        in->aux = swapped((enum ir_cond)in->aux);
    }
    if (fold_is_const(b, in->b, &k)) {
        return fold_cmp_constant(b, in, k);
    }
    return IR_NONE;
}

static ir_val fold_tst(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    if (fold_is_const(b, in->a, &k)) {
        const uint16_t a = in->a;
        in->a = in->b;
        in->b = a;
    }
    const bool with_all = in->a == in->b ||
                          (fold_is_const(b, in->b, &k) && k == mask64(ir_lane_bits(in->src)));
    if (with_all) {
        const enum ir_cond c = in->aux == IR_MI   ? IR_SLT
                               : in->aux == IR_PL ? IR_SGE
                                                  : (enum ir_cond)in->aux;
        return ir_cmp(b, c, in->a, ir_konst(b, in->src, 0));
    }
    if (fold_is_const(b, in->b, &k) && k == 0) {
        return boolean(b, in->aux == IR_EQ || in->aux == IR_PL);
    }
    if (fold_is_const(b, in->b, &k) && k == UINT64_C(1) << (ir_lane_bits(in->src) - 1) &&
        (in->aux == IR_EQ || in->aux == IR_NE)) {
        return ir_cmp(b, in->aux == IR_EQ ? IR_SGE : IR_SLT, in->a, ir_konst(b, in->src, 0));
    }
    return IR_NONE;
}

/* ---- select */

/* Selections between booleans of which one is a constant are logic. */
static ir_val fold_select_boolean(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *y = fold_def(b, in->b), *z = fold_def(b, in->c);

    if (in->type != T_I32 || !ir_is_boolean(b, in->a) || !ir_is_boolean(b, in->b) ||
        !ir_is_boolean(b, in->c)) {
        return IR_NONE;
    }
    if (y->op == IR_konst && z->op == IR_konst) {
        return y->imm == z->imm ? in->b : y->imm ? in->a : fold_invert(b, in->a);
    }
    if (z->op == IR_konst) {
        return z->imm ? fold_emit2(b, IR_or, T_I32, fold_invert(b, in->a), in->b)
                      : fold_emit2(b, IR_and, T_I32, in->a, in->b);
    }
    if (y->op == IR_konst) {
        return y->imm ? fold_emit2(b, IR_or, T_I32, in->a, in->c)
                      : fold_emit2(b, IR_and, T_I32, fold_invert(b, in->a), in->c);
    }
    return IR_NONE;
}

static ir_val fold_select(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;
    ir_val inner;

    if (in->b == in->c) {
        return in->b;
    }
    if (fold_is_const(b, in->a, &k)) {
        return k ? in->b : in->c;
    }
    if (fold_is_op_const(b, in->a, IR_xor, &inner, &k) && k == 1) {
        const uint16_t c = in->c;
        in->a = (uint16_t)inner;
        in->c = in->b;
        in->b = c;
    }
    return in->op == IR_select ? fold_select_boolean(b, in) : IR_NONE;
}

ir_val fold_compare(struct ir_builder *b, struct ir_insn *in)
{
    switch (in->op) {
    case IR_cmp:
        return fold_cmp(b, in);
    case IR_tst:
        return fold_tst(b, in);
    default:
        return fold_select(b, in);
    }
}

/* ---- flags */

/* Conditions that look at C. */
static bool uses_carry(enum ir_cond c)
{
    return c == IR_ULT || c == IR_UGE || c == IR_ULE || c == IR_UGT;
}

/* A condition of the flags of x alone, with C known. */
static ir_val test_logic(struct ir_builder *b, enum ir_cond c, const struct ir_insn *f, bool carry)
{
    enum ir_cond of_zero;

    switch (c) {
    case IR_VS:
    case IR_VC:
        return boolean(b, c == IR_VC);
    case IR_ULT:
    case IR_UGE:
        return boolean(b, carry == (c == IR_ULT));
    case IR_ULE:
    case IR_UGT:
        if (carry) {
            return boolean(b, c == IR_ULE);
        }
        of_zero = c == IR_ULE ? IR_EQ : IR_NE;
        break;
    case IR_MI:
        of_zero = IR_SLT;
        break;
    case IR_PL:
        of_zero = IR_SGE;
        break;
    case IR_PE:
    case IR_PO:
        return IR_NONE;
    default:
        of_zero = c;
        break;
    }
    /* The flags themselves are one user. */
    const ir_val tested = fold_cmp_and(b, of_zero, fold_def(b, f->a), 1);
    if (tested != IR_NONE) {
        return tested;
    }
    return ir_cmp(b, of_zero, f->a, ir_konst(b, f->src, 0));
}

static ir_val test_sub(struct ir_builder *b, enum ir_cond c, const struct ir_insn *f)
{
    uint64_t k;

    switch (c) {
    case IR_MI:
    case IR_PL:
        if (fold_is_const(b, f->b, &k) && k == 0) {
            return ir_cmp(b, c == IR_MI ? IR_SLT : IR_SGE, f->a, f->b);
        }
        return IR_NONE;
    case IR_VS:
    case IR_VC:
        if (fold_is_const(b, f->b, &k) && k == 0) {
            return boolean(b, c == IR_VC);
        }
        return IR_NONE;
    case IR_PE:
    case IR_PO:
        return IR_NONE;
    default:
        return ir_cmp(b, c, f->a, f->b);
    }
}

/* Relations that make condition c true of the flags of a floating-point comparison. */
static unsigned relations(enum ir_cond c)
{
    static const struct {
        uint8_t relation;
        uint16_t flags;
    } encoding[] = {
        {IR_FLT, IR_FLAG_N | IR_FLAG_C}, {IR_FEQ, IR_FLAG_Z}, {IR_FGT, 0}, {IR_FUN, IR_FLAG_V}};
    unsigned set = 0;

    for (unsigned i = 0; i < array_len(encoding); i++) {
        if (ir_eval_condition(c, encoding[i].flags)) {
            set |= encoding[i].relation;
        }
    }
    return set;
}

/* Of flags as x86's comparisons leave them, where N and V are 0: a back end asks for them. */
static ir_val test_zpc(struct ir_builder *b, enum ir_cond c, ir_val flags)
{
    switch (c) {
    case IR_VS:
    case IR_MI:
    case IR_SLT:
        return boolean(b, false);
    case IR_VC:
    case IR_PL:
    case IR_SGE:
        return boolean(b, true);
    case IR_SLE:
    case IR_SGT:
        return ir_flags_test(b, c == IR_SLE ? IR_EQ : IR_NE, flags);
    default:
        return IR_NONE;
    }
}

/* The comparison again, for its relation: raises what it raised, so not past a reset of the flags.
 */
static ir_val test_fcmp(struct ir_builder *b, enum ir_cond c, ir_val flags)
{
    const struct ir_insn *f = fold_def(b, flags);

    if (f->aux & IR_FLAGS_FCMP_ZPC) {
        return test_zpc(b, c, flags);
    }
    if (flags <= b->fp_mark || c == IR_PE || c == IR_PO) {
        return IR_NONE;
    }
    return ir_fcmp(b, relations(c) | (f->aux ? IR_FCMP_SIGNALLING : 0), f->a, f->b,
                   (unsigned)f->imm);
}

static ir_val test_select(struct ir_builder *b, enum ir_cond c, const struct ir_insn *f)
{
    const struct ir_insn *y = fold_def(b, f->b), *z = fold_def(b, f->c);
    const ir_val condition = f->a, if_true = f->b, if_false = f->c;
    const bool known = (y->op == IR_flags_from && fold_def(b, y->a)->op == IR_konst) ||
                       (z->op == IR_flags_from && fold_def(b, z->a)->op == IR_konst);

    if (!known) {
        return IR_NONE;
    }
    const ir_val yes = ir_flags_test(b, c, if_true), no = ir_flags_test(b, c, if_false);
    return ir_select(b, condition, yes, no);
}

/* A condition of the flags of a shift by a constant: of the shifted value, or of the bit that left
 * last. */
static ir_val test_shift(struct ir_builder *b, enum ir_cond c, const struct ir_insn *f)
{
    static const uint8_t shifts[] = {IR_shl, IR_shr, IR_sar};
    const unsigned w = ir_lane_bits(f->src);
    const ir_type t = f->src;
    const uint16_t a = f->a;
    const enum ir_op op = (enum ir_op)shifts[f->op - IR_flags_shl];
    uint64_t n;

    if (!fold_is_const(b, f->b, &n) || (n &= w == 64 ? 63 : 31) == 0) {
        return IR_NONE;
    }
    if (c == IR_EQ || c == IR_NE || c == IR_MI || c == IR_PL) {
        const ir_val r = fold_emit2(b, op, t, a, ir_konst(b, t, n));
        return ir_cmp(b, c == IR_MI ? IR_SLT : c == IR_PL ? IR_SGE : c, r, ir_konst(b, t, 0));
    }
    if ((c == IR_ULT || c == IR_UGE) && n <= w) {
        const uint64_t bit = UINT64_C(1) << (op == IR_shl ? w - n : n - 1);
        return ir_tst(b, c == IR_ULT ? IR_NE : IR_EQ, a, ir_konst(b, t, bit));
    }
    return IR_NONE;
}

/* Flags that condition c looks at. */
static uint32_t flags_of_condition(enum ir_cond c)
{
    static const uint32_t of[] = {IR_FLAG_V,
                                  IR_FLAG_C,
                                  IR_FLAG_Z,
                                  IR_FLAG_C | IR_FLAG_Z,
                                  IR_FLAG_N,
                                  IR_FLAG_P,
                                  IR_FLAG_N | IR_FLAG_V,
                                  IR_FLAG_N | IR_FLAG_V | IR_FLAG_Z};

    return of[c >> 1];
}

static ir_val test_with(struct ir_builder *b, enum ir_cond c, const struct ir_insn *f)
{
    const uint32_t looked_at = flags_of_condition(c);

    return (looked_at & f->aux) == 0    ? ir_flags_test(b, c, f->a)
           : (looked_at & ~f->aux) == 0 ? ir_flags_test(b, c, f->b)
                                        : IR_NONE;
}

/* Flags of a shift or rotation by a constant. */
static ir_val fold_moved(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t n;

    if (!fold_is_const(b, in->b, &n)) {
        return IR_NONE;
    }
    if ((n & (in->src == T_I64 ? 63 : 31)) == 0) {
        return in->c;
    }
    if (ir_ops[in->op].effects & IR_SHIFT) { /* the flags before do not matter */
        in->c = (uint16_t)ir_flags_from(b, ir_konst(b, T_I32, 0));
    }
    return IR_NONE;
}

/* Flags that are a number, or one of two. */
static ir_val test_from(struct ir_builder *b, enum ir_cond c, const struct ir_insn *f)
{
    const struct ir_insn *x = fold_def(b, f->a);
    const ir_val which = x->a;
    uint64_t k, other;

    if (fold_is_const(b, f->a, &k)) {
        return boolean(b, ir_eval_condition(c, k));
    }
    if (ir_is_boolean(b, f->a)) { /* V alone */
        return ir_select(b, f->a, boolean(b, ir_eval_condition(c, IR_FLAG_V)),
                         boolean(b, ir_eval_condition(c, 0)));
    }
    if (x->op != IR_select || !fold_is_const(b, x->b, &k) || !fold_is_const(b, x->c, &other)) {
        return IR_NONE;
    }
    return ir_select(b, which, boolean(b, ir_eval_condition(c, k)),
                     boolean(b, ir_eval_condition(c, other)));
}

static ir_val fold_flags_test(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *f = fold_def(b, in->a);
    const enum ir_cond c = (enum ir_cond)in->aux;
    uint64_t k;

    switch (f->op) {
    case IR_flags_sub:
        return test_sub(b, c, f);
    case IR_flags_logic:
        return test_logic(b, c, f, false);
    case IR_flags_fcmp:
        return test_fcmp(b, c, in->a);
    case IR_flags_from:
        return test_from(b, c, f);
    case IR_flags_select:
        return test_select(b, c, f);
    case IR_flags_with:
        return test_with(b, c, f);
    case IR_flags_cmc:
        if (fold_def(b, f->a)->op == IR_flags_logic) {
            return test_logic(b, c, fold_def(b, f->a), true);
        }
        if (!uses_carry(c)) {
            return ir_flags_test(b, c, f->a);
        }
        if (c == IR_ULT || c == IR_UGE) {
            return ir_flags_test(b, (enum ir_cond)(c ^ 1), f->a);
        }
        return IR_NONE;
    case IR_flags_add:
        if ((c == IR_EQ || c == IR_NE) && fold_is_const(b, f->b, &k)) {
            return ir_cmp(b, c, f->a, ir_konst(b, f->src, 0 - k));
        }
        return IR_NONE;
    default:
        return ir_ops[f->op].effects & IR_SHIFT ? test_shift(b, c, f) : IR_NONE;
    }
}

/* a with some bits of b: of each only what counts. */
static ir_val fold_with(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *y = fold_def(b, in->b), *x = fold_def(b, in->a);

    while (y->op == IR_flags_with && ((in->aux & y->aux) == 0 || (in->aux & ~y->aux) == 0)) {
        in->b = in->aux & y->aux ? y->b : y->a;
        y = fold_def(b, in->b);
    }
    while (x->op == IR_flags_with && (x->aux & ~in->aux) == 0) {
        in->a = x->a;
        x = fold_def(b, in->a);
    }
    if (in->a == in->b || in->aux == 0) {
        return in->a;
    }
    if ((in->aux & IR_FLAGS_ALL) == IR_FLAGS_ALL) {
        return in->b;
    }
    /* Two that change different bits: the inner one's own inner one may be needless. */
    const struct ir_insn *inner = fold_def(b, x->a);
    if (x->op == IR_flags_with && (x->aux & in->aux) == 0 && inner->op == IR_flags_with &&
        (inner->aux & ~in->aux) == 0) {
        struct ir_insn other = *x;
        other.a = inner->a;
        in->a = (uint16_t)ir_emit(b, other);
    }
    return IR_NONE;
}

ir_val fold_flags(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);
    uint64_t k;

    switch (in->op) {
    case IR_flags_test:
        return fold_flags_test(b, in);
    case IR_flags_with:
        return fold_with(b, in);
    case IR_flags_cmc:
        if (x->op == IR_flags_cmc) {
            return x->a;
        }
        if (x->op == IR_flags_from && fold_is_const(b, x->a, &k)) {
            return ir_flags_from(b, ir_konst(b, T_I32, k ^ IR_FLAG_C));
        }
        return IR_NONE;
    case IR_flags_from:
        if (x->op == IR_flags_bits) {
            return x->a;
        }
        if (x->op == IR_konst && x->imm & ~(uint64_t)IR_FLAGS_ALL) {
            return ir_flags_from(b, ir_konst(b, T_I32, x->imm & IR_FLAGS_ALL));
        }
        return IR_NONE;
    case IR_flags_bits:
        if (x->op == IR_flags_from) {
            return fold_emit2(b, IR_and, T_I32, x->a, ir_konst(b, T_I32, IR_FLAGS_ALL));
        }
        return IR_NONE;
    default:
        return ir_gives_moved_flags(in->op) ? fold_moved(b, in) : IR_NONE;
    }
}
