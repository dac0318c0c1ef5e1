/* SPDX-License-Identifier: MIT */
/*
 * The verifier: every rule of tcg/ir.h and tcg/ops.h that an instruction or a block can break.
 * A vector operand may be of any vector type, since vectors are bags of bits; a scalar operand has
 * exactly the type that its op asks for.
 */
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "tcg/eval.h"
#include "tcg/opinfo.h"
#include "tcg/text.h"

struct verifier {
    const struct ir_builder *b;
    const struct ir_insn *in; /* the instruction under test, and its name */
    ir_val v;
    struct error *e;
};

static bool fail(struct verifier *c, const char *rule)
{
    struct strbuf text = {0};

    if (!c->e) {
        return false;
    }
    ir_print_insn(c->b, c->v, &text);
    if (text.len > 0) {
        text.text[text.len - 1] = '\0';
    }
    error_set(c->e, "%s: %s", strbuf_text(&text), rule);
    strbuf_free(&text);
    return false;
}

static bool check(struct verifier *c, bool holds, const char *rule)
{
    return holds || fail(c, rule);
}

/* ---- kinds of types */

static bool is_int(ir_type t)
{
    return t == T_I8 || t == T_I16 || t == T_I32 || t == T_I64;
}

static bool is_fp(ir_type t)
{
    return t == T_F16 || t == T_BF16 || t == T_F32 || t == T_F64;
}

/* A scalar of a vector register or general register. */
static bool is_scalar(ir_type t)
{
    return is_int(t) || is_fp(t);
}

static bool is_any_vector(ir_type t)
{
    return ir_is_vector(t) && ir_type_bits(t) >= 128;
}

static bool is_int_vector(ir_type t)
{
    return is_any_vector(t) && is_int((ir_type)ir_lane(t));
}

static bool is_fp_vector(ir_type t)
{
    return ir_is_vector(t) && ir_is_float(t) && ir_lane(t) != L_BF16 &&
           (ir_type_bits(t) >= 128 || t == T_F16X4 || t == T_F32X2);
}

static bool is_arithmetic_fp(ir_type t)
{
    return t == T_F16 || t == T_F32 || t == T_F64 || is_fp_vector(t);
}

static unsigned register_bits(ir_type t)
{
    return ir_is_wide(t) ? ir_type_bits(t) : 128;
}

/* A value of type t may stand where type wanted is asked for. */
static bool matches(ir_type t, ir_type wanted)
{
    return ir_is_vector(wanted) ? ir_is_vector(t) && register_bits(t) == register_bits(wanted)
                                : t == wanted;
}

static ir_type type_at(const struct verifier *c, uint16_t v)
{
    return c->b->insns[v].type;
}

static bool operand_is(struct verifier *c, uint16_t v, ir_type wanted)
{
    return check(c, v != IR_NONE && matches(type_at(c, v), wanted),
                 "an operand does not have the type");
}

/* All operands of the shape have the type. */
static bool operands_are(struct verifier *c, ir_type wanted)
{
    const unsigned n = ir_ops[c->in->op].operands;

    return (n < 1 || operand_is(c, c->in->a, wanted)) &&
           (n < 2 || operand_is(c, c->in->b, wanted)) && (n < 3 || operand_is(c, c->in->c, wanted));
}

/* ---- ops by group */

static bool verify_integer(struct verifier *c)
{
    const struct ir_insn *in = c->in;
    const unsigned w = ir_lane_bits(in->type), pos = in->aux & 255, len = in->aux >> 8;
    const bool lifted = ir_ops[in->op].effects & IR_LIFTS && is_int_vector(in->type);

    if (!check(c, is_int(in->type) || lifted, "the type is not an integer's")) {
        return false;
    }
    switch (in->op) {
    case IR_udivw_over:
    case IR_sdivw_over:
        return check(c, in->type == T_I32, "a boolean is an i32") &&
               check(c, is_int(in->src), "operands are integers") && operands_are(c, in->src);
    case IR_extr:
    case IR_shli:
    case IR_shri:
    case IR_sari:
        return operands_are(c, in->type) && check(c, in->aux <= w, "the shift exceeds the width");
    case IR_ubfx:
    case IR_sbfx:
    case IR_dep:
        return operands_are(c, in->type) &&
               check(c, len > 0 && pos + len <= w, "the field exceeds the width");
    case IR_crc32:
    case IR_crc32c:
        return operand_is(c, in->a, T_I32) && check(c, in->type == T_I32, "a CRC is an i32") &&
               check(c,
                     is_int(type_at(c, in->b)) && is_pow2(in->aux) &&
                         in->aux * 8 <= ir_lane_bits(type_at(c, in->b)),
                     "more bytes than the operand has");
    case IR_bswap:
        return operands_are(c, in->type) && check(c, w >= 16, "one byte has no order");
    default:
        return operands_are(c, in->type);
    }
}

static bool verify_extension(struct verifier *c)
{
    const struct ir_insn *in = c->in;
    const bool down = in->op == IR_trunc;

    return check(c, is_int(in->type) && is_int(in->src), "the types are not integers'") &&
           operand_is(c, in->a, in->src) &&
           check(c,
                 down ? ir_lane_bits(in->src) > ir_lane_bits(in->type)
                      : ir_lane_bits(in->src) < ir_lane_bits(in->type),
                 "the widths are in the wrong order");
}

static bool is_comparison(uint32_t cond)
{
    return (cond >= IR_ULT && cond <= IR_UGT) || (cond >= IR_SLT && cond <= IR_SGT);
}

static bool verify_comparison(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    switch (in->op) {
    case IR_cmp:
        return check(c, in->type == T_I32, "a boolean is an i32") &&
               check(c, is_int(in->src), "operands are integers") && operands_are(c, in->src) &&
               check(c, is_comparison(in->aux), "not a condition of a comparison");
    case IR_tst:
        return check(c, in->type == T_I32, "a boolean is an i32") &&
               check(c, is_int(in->src), "operands are integers") && operands_are(c, in->src) &&
               check(c,
                     in->aux == IR_EQ || in->aux == IR_NE || in->aux == IR_MI || in->aux == IR_PL,
                     "not a condition of a test");
    case IR_select:
        return check(c, is_scalar(in->type) || is_any_vector(in->type), "not a type to select") &&
               operand_is(c, in->a, T_I32) && operand_is(c, in->b, in->type) &&
               operand_is(c, in->c, in->type);
    case IR_vcmp:
        return check(c, is_int_vector(in->type), "the type is not an integer vector's") &&
               operands_are(c, in->type) &&
               check(c, is_comparison(in->aux), "not a condition of a comparison");
    default: /* vtst, bsel */
        return check(c, (in->op == IR_vtst ? is_int_vector : is_any_vector)(in->type),
                     "the type is not a vector's of that kind") &&
               operands_are(c, in->type);
    }
}

/* Two integers of the source's type, and flags. */
static bool operands_are_with_flags(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    return check(c, is_int(in->src), "operands are integers") && operand_is(c, in->a, in->src) &&
           operand_is(c, in->b, in->src) && operand_is(c, in->c, T_FLAGS);
}

static bool verify_flags(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    switch (in->op) {
    case IR_adc:
    case IR_sbb:
    case IR_rcl:
    case IR_rcr:
        return check(c, is_int(in->type), "the type is not an integer's") &&
               operand_is(c, in->a, in->type) && operand_is(c, in->b, in->type) &&
               operand_is(c, in->c, T_FLAGS);
    case IR_flags_bits:
        return check(c, in->type == T_I32, "bits of flags are an i32") && operands_are(c, T_FLAGS);
    case IR_flags_test:
        return check(c, in->type == T_I32, "a boolean is an i32") && operands_are(c, T_FLAGS) &&
               check(c, in->aux < 16, "not a condition");
    default:
        break;
    }
    if (!check(c, in->type == T_FLAGS, "the type is not flags")) {
        return false;
    }
    if (ir_gives_moved_flags(in->op)) {
        return operands_are_with_flags(c);
    }
    switch (in->op) {
    case IR_flags_cmc:
        return operands_are(c, T_FLAGS);
    case IR_flags_from:
        return operands_are(c, T_I32);
    case IR_flags_select:
        return operand_is(c, in->a, T_I32) && operand_is(c, in->b, T_FLAGS) &&
               operand_is(c, in->c, T_FLAGS);
    case IR_flags_fcmp:
        return check(c, is_fp(in->src), "operands are not floating point") &&
               operands_are(c, in->src) && check(c, in->aux <= 3, "aux has two bits");
    case IR_flags_with:
        return check(c, (in->aux & ~(uint32_t)IR_FLAGS_ALL) == 0, "not bits of flags") &&
               operands_are(c, T_FLAGS);
    case IR_flags_adc:
    case IR_flags_sbb:
        return operands_are_with_flags(c);
    default:
        return check(c, is_int(in->src), "operands are integers") && operands_are(c, in->src);
    }
}

/* The one type that an op has, T_VOID if it has several. */
static ir_type fixed_type(enum ir_op op)
{
    switch (op) {
    case IR_vsdot:
    case IR_vudot:
    case IR_vusdot:
    case IR_vsmadd:
    case IR_vpick:
        return T_I32X4;
    case IR_vsmule:
    case IR_vumule:
    case IR_vsad:
        return T_I64X2;
    case IR_vsmulhi:
    case IR_vumulhi:
    case IR_vsmulr:
    case IR_vusmadd:
        return T_I16X8;
    case IR_pmul8:
        return T_I8X16;
    case IR_pmull8:
        return T_I16X8;
    default:
        return T_VOID;
    }
}

/* Ops whose lanes are made of, or become, lanes of half the width. */
static bool verify_lane_width(struct verifier *c)
{
    const unsigned w = ir_lane_bits(c->in->type);

    switch (c->in->op) {
    case IR_vsxtl:
    case IR_vsxth:
    case IR_vuxtl:
    case IR_vuxth:
    case IR_vsaddlp:
    case IR_vuaddlp:
    case IR_vsmull:
    case IR_vsmulh:
    case IR_vumull:
    case IR_vumulh:
        return check(c, w >= 16, "there are no lanes of half the width");
    case IR_vxtn:
    case IR_vsqxtn:
    case IR_vuqxtn:
    case IR_vsqxtun:
        return check(c, w <= 32, "there are no lanes of twice the width");
    case IR_vspack:
    case IR_vupack:
        return check(c, w <= 16, "there are no such lanes of twice the width");
    default:
        return true;
    }
}

static bool verify_vector_move(struct verifier *c)
{
    const struct ir_insn *in = c->in;
    const unsigned w = ir_lane_bits(in->type);

    switch (in->op) {
    case IR_vdup:
        return check(c, ir_is_vector(in->type), "the type is not a vector's") &&
               check(c, is_scalar(in->src) && ir_lane_bits(in->src) == w,
                     "the scalar is not as wide as a lane") &&
               operand_is(c, in->a, in->src);
    case IR_vdup_lane:
        return check(c, is_any_vector(in->type), "the type is not a vector's") &&
               operands_are(c, in->type) && check(c, in->aux * w < 128, "no such lane");
    case IR_vget:
        return check(c, is_scalar(in->type), "the type is not a scalar's") &&
               check(c, ir_is_vector(type_at(c, in->a)), "the operand is not a vector") &&
               check(c, in->aux * w < register_bits(type_at(c, in->a)), "no such lane");
    case IR_vset:
        return check(c, is_any_vector(in->type), "the type is not a vector's") &&
               operand_is(c, in->a, in->type) &&
               check(c, in->aux * w < ir_type_bits(in->type), "no such lane") &&
               check(c, is_scalar(type_at(c, in->b)) && ir_lane_bits(type_at(c, in->b)) == w,
                     "the scalar is not as wide as a lane");
    case IR_vzext:
        return check(c, is_any_vector(in->type), "the type is not a vector's") &&
               check(c, is_scalar(in->src), "the operand is not a scalar") &&
               operand_is(c, in->a, in->src);
    case IR_vsigns:
        return check(c, in->type == T_I32, "the type is not i32") &&
               check(c, ir_is_vector(type_at(c, in->a)) && !ir_is_wide(type_at(c, in->a)),
                     "the operand is no vector of 128 bits") &&
               check(c, in->aux <= 3, "no such lanes");
    case IR_vext:
        return check(c, is_any_vector(in->type), "the type is not a vector's") &&
               operands_are(c, in->type) && check(c, in->aux <= 16, "more than 16 bytes");
    case IR_vpart:
        return check(c, in->type == T_V128 && ir_is_wide(in->src), "the operand is not wide") &&
               operand_is(c, in->a, in->src) &&
               check(c, in->aux < ir_part_count(in->src), "no such part");
    case IR_vwith:
        return check(c, ir_is_wide(in->type), "the type is not wide") &&
               operand_is(c, in->a, in->type) && operand_is(c, in->b, T_V128) &&
               check(c, in->aux < ir_part_count(in->type), "no such part");
    case IR_vwiden:
        return check(c, ir_is_wide(in->type) && ir_is_vector(in->src) && !ir_is_wide(in->src),
                     "the type is not wide") &&
               operand_is(c, in->a, in->src);
    default: /* vrev */
        return check(c, is_any_vector(in->type), "the type is not a vector's") &&
               operands_are(c, in->type) &&
               check(c, is_pow2(in->aux) && in->aux > w && in->aux <= 128, "no such group");
    }
}

/* Ops that do not look at the contents of lanes. */
static bool moves_lanes(enum ir_op op)
{
    return (op >= IR_vpart && op <= IR_vtbl) || (op >= IR_aes_enc && op <= IR_sha1_su1);
}

static bool verify_vector(struct verifier *c)
{
    const struct ir_insn *in = c->in;
    const ir_type only = fixed_type((enum ir_op)in->op);

    switch (in->op) {
    case IR_vdup:
    case IR_vdup_lane:
    case IR_vget:
    case IR_vset:
    case IR_vzext:
    case IR_vsigns:
    case IR_vext:
    case IR_vrev:
    case IR_vpart:
    case IR_vwith:
    case IR_vwiden:
        return verify_vector_move(c);
    case IR_pmull64:
        return check(c, is_any_vector(in->type), "the type is not a vector's") &&
               operands_are(c, in->type) && check(c, in->aux < 4, "no such half");
    default:
        break;
    }
    const bool lifted = ir_ops[in->op].effects & IR_LIFTS && is_int(in->type);
    const bool computes = !moves_lanes((enum ir_op)in->op);
    return check(c, lifted || (computes ? is_int_vector : is_any_vector)(in->type),
                 "the type is not a vector's of that kind") &&
           check(c,
                 only == T_VOID ||
                     (ir_is_wide(in->type) ? ir_part_type(in->type) : in->type) == only,
                 "not the type of this op") &&
           operands_are(c, in->type) && verify_lane_width(c);
}

static bool verify_rounding(struct verifier *c)
{
    const unsigned r = c->in->aux & 7;

    return check(c, r <= IR_RODD || r == IR_RDYN, "no such rounding mode");
}

static bool verify_fp_conversion(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    switch (in->op) {
    case IR_fcvt:
        return check(c, is_fp(in->type) && is_fp(in->src) && in->type != in->src,
                     "not two floating-point types") &&
               operands_are(c, in->src);
    case IR_ftoi:
        return check(c, is_int(in->type) && is_fp(in->src), "not from floating point to integer") &&
               operands_are(c, in->src) && verify_rounding(c) &&
               check(c, !(in->aux & IR_FTOI_MODULAR) || (in->type == T_I32 && in->src == T_F64),
                     "modulo 2^32 is from f64 to i32 only");
    case IR_itof:
        return check(c, is_fp(in->type) && is_int(in->src), "not from integer to floating point") &&
               operands_are(c, in->src);
    case IR_fmov_to_int:
        return check(c, is_int(in->type) && is_fp(in->src), "not from floating point to integer") &&
               operands_are(c, in->src) &&
               check(c, ir_lane_bits(in->type) == ir_lane_bits(in->src), "the widths differ");
    default: /* fmov_to_fp */
        return check(c, is_fp(in->type) && is_int(in->src), "not from integer to floating point") &&
               operands_are(c, in->src) &&
               check(c, ir_lane_bits(in->type) == ir_lane_bits(in->src), "the widths differ");
    }
}

static bool verify_fp(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    switch (in->op) {
    case IR_fcvt:
    case IR_ftoi:
    case IR_itof:
    case IR_fmov_to_int:
    case IR_fmov_to_fp:
        return verify_fp_conversion(c);
    case IR_fcmp:
        return check(c, in->type == T_I32, "a boolean is an i32") &&
               check(c, is_fp(in->src), "operands are not floating point") &&
               operands_are(c, in->src) && check(c, in->aux < 32, "no such relations");
    case IR_vfcmp:
        return check(c, is_fp_vector(in->type), "the type is not a floating-point vector's") &&
               operands_are(c, in->type) && check(c, in->aux < 32, "no such relations");
    case IR_vftoi:
    case IR_vitof:
        return check(c, is_fp_vector(in->type), "the type is not a floating-point vector's") &&
               operands_are(c, in->type) && verify_rounding(c);
    case IR_frint:
        return check(c, is_arithmetic_fp(in->type), "the type is not a floating-point one") &&
               operands_are(c, in->type) && verify_rounding(c);
    case IR_fma:
        return check(c, is_arithmetic_fp(in->type), "the type is not a floating-point one") &&
               operands_are(c, in->type) && check(c, in->aux < 4, "no such negation");
    default:
        return check(c, is_arithmetic_fp(in->type), "the type is not a floating-point one") &&
               operands_are(c, in->type);
    }
}

/* ---- memory, calls, control */

/* Operand v of an address: of 64 bits, or of 32 where no more count. */
static bool verify_address_operand(struct verifier *c, uint16_t v)
{
    const memop m = (memop)(c->in->imm >> 32);

    return (m & MO_WIDTH && v != IR_NONE && type_at(c, v) == T_I32) || operand_is(c, v, T_I64);
}

static bool verify_address(struct verifier *c)
{
    const struct ir_insn *in = c->in;
    const bool indexed = in->op == IR_load || in->op == IR_store;
    const memop m = (memop)(in->imm >> 32);

    return verify_address_operand(c, in->a) &&
           (!indexed || in->b == IR_NONE || verify_address_operand(c, in->b)) &&
           (indexed || in->op == IR_cas || check(c, in->b == IR_NONE, "no index is allowed")) &&
           check(c, (m & MO_WIDTH) <= MO_WIDTH_16, "no such width of an address") &&
           check(c, m & MO_WIDTH || !(m & MO_LINEAR_32), "the address is wider than its sum") &&
           check(c, (in->aux >> 8 & 0xff) <= 3, "the scale is too large") &&
           check(c, (in->aux & 255) <= (in->op == IR_atomic ? IR_ATOMIC_SWP : 0),
                 "no such operation");
}

/* A value of type t goes with an access of that size. */
static bool verify_size(struct verifier *c, ir_type t)
{
    const memop m = (memop)(c->in->imm >> 32);
    const unsigned bits = 8u << (m & MO_SIZE_LOG2);

    if (!check(c, memop_unit(m) <= memop_bytes(m) && (m & MO_SWAP || !(m & MO_UNIT_8)),
               "not a unit to reverse")) {
        return false;
    }
    if (ir_is_vector(t)) {
        return check(c, bits <= register_bits(t) && !(m & MO_SIGN), "not a size for a vector") &&
               check(c, bits <= 128 || !(m & MO_SWAP), "a wide vector has no order of bytes");
    }
    if (is_fp(t)) {
        return check(c, bits == ir_lane_bits(t) && !(m & MO_SIGN), "not the size of the type");
    }
    return check(c, is_int(t), "not a type for memory") &&
           check(c, bits <= ir_lane_bits(t), "the access is wider than the type");
}

static bool verify_memory(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    if (!verify_address(c)) {
        return false;
    }
    switch (in->op) {
    case IR_load_excl:
        if (!check(c, !ir_is_wide(in->type), "wider than 16 bytes")) {
            return false;
        }
        __attribute__((fallthrough));
    case IR_load:
        return verify_size(c, in->type) && check(c, in->c == IR_NONE, "a load stores nothing");
    case IR_store:
        return check(c, in->type == T_VOID, "a store has no value") && verify_size(c, in->src) &&
               operand_is(c, in->c, in->src);
    case IR_store_excl:
        return check(c, in->type == T_I32, "the outcome is an i32") &&
               check(c, !ir_is_wide(in->src), "wider than 16 bytes") && verify_size(c, in->src) &&
               operand_is(c, in->c, in->src);
    case IR_atomic:
        return check(c, is_int(in->type) && in->src == in->type, "the type is not an integer's") &&
               verify_size(c, in->type) && operand_is(c, in->c, in->type);
    default: /* cas */
        return check(c, matches(in->src, in->type), "the types differ") &&
               check(c, !ir_is_wide(in->type), "wider than 16 bytes") && verify_size(c, in->type) &&
               operand_is(c, in->b, in->type) && operand_is(c, in->c, in->type);
    }
}

static bool verify_call(struct verifier *c)
{
    const struct ir_insn *in = c->in;
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;
    const uint16_t operands[3] = {in->a, in->b, in->c};

    if (!check(c, row && row->fn && row->name, "the row is not complete")) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (!check(c, row->vector || !ir_is_vector(type_at(c, operands[i])),
                   "a vector for a function of integers") ||
            !check(c, !ir_is_wide(type_at(c, operands[i])) && !ir_is_wide(in->type),
                   "a wide vector for a function")) {
            return false;
        }
    }
    switch (in->op) {
    case IR_guard:
        return operand_is(c, in->a, T_I32) &&
               check(c, in->type == T_VOID, "a guard has no value") &&
               check(c, row->class == IR_CALL_RAISES && !row->vector, "not a row for a guard");
    case IR_tail:
        return check(c, in->type == T_VOID, "tail has no value") &&
               check(c, row->class == IR_CALL_FULL && !row->vector, "not a row for tail");
    default:
        return check(c, row->vector || !ir_is_vector(in->type),
                     "a vector from a function of integers") &&
               check(c, !row->pure || in->type != T_VOID, "a pure function without a result");
    }
}

static bool is_pc_constant(const struct verifier *c, uint16_t v)
{
    return c->b->insns[v].op == IR_konst && c->b->insns[v].type == T_I64;
}

static bool verify_control(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    if (in->op == IR_tail) {
        return verify_call(c);
    }
    if (!check(c, in->type == T_VOID, "control has no value") ||
        !check(c, in->c == IR_NONE, "too many operands")) {
        return false;
    }
    switch (in->op) {
    case IR_insn:
    case IR_br:
        return check(c, in->a == IR_NONE, "too many operands");
    case IR_brcond:
        return operand_is(c, in->a, T_I32);
    case IR_brcall:
        return check(c, is_pc_constant(c, in->a), "the return address is not a konst");
    case IR_jumpcall:
        return operand_is(c, in->a, T_I64) &&
               check(c, is_pc_constant(c, in->b), "the return address is not a konst");
    default:
        return operand_is(c, in->a, T_I64);
    }
}

static bool verify_state(struct verifier *c)
{
    const struct ir_insn *in = c->in;

    switch (in->op) {
    case IR_konst:
        return check(c, is_int(in->type), "the type is not an integer's") &&
               check(c, (in->imm & ~mask64(ir_lane_bits(in->type))) == 0,
                     "the constant exceeds the width");
    case IR_page:
        return check(c, in->type == T_I64, "an address has 64 bits") &&
               check(c, c->b->movable, "the block is not movable") &&
               check(c, ir_is_near_page(c->in->imm), "the offset exceeds 32 bits");
    case IR_vkonst:
        return check(c, is_any_vector(in->type), "the type is not a vector's");
    case IR_get:
        return check(c, in->aux < c->b->guest->reg_count, "no such row") &&
               check(c, in->type == c->b->guest->regs[in->aux].type, "not the row's type");
    case IR_put:
        return check(c, in->aux < c->b->guest->reg_count, "no such row") &&
               operand_is(c, in->a, c->b->guest->regs[in->aux].type);
    case IR_env_load:
        return check(c, is_int(in->type) || is_any_vector(in->type), "not a type for the state");
    default: /* env_store */
        return check(c,
                     is_int(in->src) || in->src == T_V128 || in->src == T_V256 || in->src == T_V512,
                     "not a type for the state") &&
               operand_is(c, in->a, in->src);
    }
}

/* ---- any instruction */

static bool verify_op(struct verifier *c)
{
    switch (ir_ops[c->in->op].shape) {
    case SHAPE_NUL:
        return check(c, c->in->aux <= IR_BARRIER_STORE, "no such barrier");
    case SHAPE_CONST:
    case SHAPE_GET:
    case SHAPE_PUT:
    case SHAPE_ENV:
        return verify_state(c);
    case SHAPE_MEM:
        return verify_memory(c);
    case SHAPE_CALLS:
        return verify_call(c);
    case SHAPE_PC:
    case SHAPE_END:
        return verify_control(c);
    default:
        break;
    }
    /* The groups stand together in tcg/ops.h. */
    const enum ir_op op = (enum ir_op)c->in->op;
    if (op == IR_zext || op == IR_sext || op == IR_trunc) {
        return verify_extension(c);
    }
    if (op < IR_cmp) {
        return verify_integer(c);
    }
    if (op < IR_flags_add) {
        return verify_comparison(c);
    }
    if (op < IR_vpart) {
        return verify_flags(c);
    }
    return op < IR_fadd ? verify_vector(c) : verify_fp(c);
}

static bool verify_operands(struct verifier *c)
{
    const struct ir_insn *in = c->in;
    const unsigned n = ir_ops[in->op].operands;
    const uint16_t operands[3] = {in->a, in->b, in->c};

    for (unsigned i = 0; i < 3; i++) {
        if (!check(c, operands[i] < c->v, "an operand is not defined yet") ||
            !check(c, i < n || operands[i] == IR_NONE, "too many operands") ||
            !check(c, operands[i] == IR_NONE || type_at(c, operands[i]) != T_VOID,
                   "an operand has no value")) {
            return false;
        }
    }
    return true;
}

/* The counts of uses against the uses themselves. */
static bool verify_uses(struct verifier *c)
{
    uint16_t uses[IR_MAX_INSNS];

    memset(uses, 0, c->b->count * sizeof(uses[0]));
    for (ir_val v = 1; v < c->b->count; v++) {
        const struct ir_insn *in = &c->b->insns[v];
        uses[in->a]++;
        uses[in->b]++;
        uses[in->c]++;
    }
    for (c->v = 1; c->v < c->b->count; c->v++) {
        if (!check(c, c->b->insns[c->v].uses == uses[c->v], "the count of uses is wrong")) {
            return false;
        }
    }
    return true;
}

bool ir_verify(const struct ir_builder *b, struct error *e)
{
    struct verifier c = {.b = b, .e = e};
    bool in_guest_insn = false;

    if (b->count < 2 || !(ir_ops[b->insns[b->count - 1].op].effects & IR_ENDS)) {
        return error_set(e, "the block does not end");
    }
    for (c.v = 1; c.v < b->count; c.v++) {
        c.in = &b->insns[c.v];
        if (c.in->op >= IR_OP_COUNT) {
            return error_set(e, "v%u: no such op", c.v);
        }
        in_guest_insn |= c.in->op == IR_insn;
        const uint32_t effects = ir_ops[c.in->op].effects;
        if (!verify_operands(&c) || !verify_op(&c) ||
            !check(&c, !ir_is_wide(c.in->type) || ir_type_bits(c.in->type) <= b->guest->vector_bits,
                   "the guest has no vectors as wide") ||
            !check(&c, ir_has_source_type((enum ir_op)c.in->op) || c.in->src == T_VOID,
                   "src has no meaning here") ||
            !check(&c, !(effects & IR_ENDS) || c.v == b->count - 1, "the block goes on") ||
            !check(&c, in_guest_insn || !(effects & IR_MAY_EXIT),
                   "an exit before the first guest instruction")) {
            return false;
        }
    }
    return verify_uses(&c);
}
