/* SPDX-License-Identifier: MIT */
/* The builder's typed functions that are more than one ir_emit of their operands (those: build.h).
 */
#include "tcg/build.h"
#include "base/bits.h"
#include "memory/space.h"
#include "tcg/fold.h"
#include "tcg/ir.h"
#include "tcg/opinfo.h"

static ir_val emit1(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, uint32_t aux)
{
    return ir_emit(
        b,
        (struct ir_insn){
            .op = (uint16_t)op, .type = t, .src = ir_type_of(b, x), .a = (uint16_t)x, .aux = aux});
}

/* ---- constants and state */

ir_val ir_konst(struct ir_builder *b, ir_type t, uint64_t k)
{
    return ir_emit(b,
                   (struct ir_insn){.op = IR_konst, .type = t, .imm = k & mask64(ir_lane_bits(t))});
}

ir_val ir_address(struct ir_builder *b, uint64_t pc)
{
    if (!b->movable) {
        return ir_konst(b, T_I64, pc);
    }
    const uint64_t offset = pc - (b->pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1));
    if (ir_is_near_page(offset)) {
        return ir_emit(b, (struct ir_insn){.op = IR_page, .type = T_I64, .imm = offset});
    }
    const ir_val page = ir_emit(b, (struct ir_insn){.op = IR_page, .type = T_I64});
    return ir_add(b, page, ir_konst(b, T_I64, offset));
}

ir_val ir_vkonst(struct ir_builder *b, uint64_t low_and_high)
{
    return ir_emit(b, (struct ir_insn){.op = IR_vkonst, .type = T_V128, .imm = low_and_high});
}

ir_val ir_env_load(struct ir_builder *b, ir_type t, uint32_t offset)
{
    return ir_emit(b, (struct ir_insn){.op = IR_env_load, .type = t, .aux = offset});
}

void ir_env_store(struct ir_builder *b, uint32_t offset, ir_val v)
{
    /* A vector of any type, such as one that folding found, is 16 bytes at least. */
    const ir_type own = ir_type_of(b, v);
    const ir_type t = ir_is_wide(own)     ? IR_TYPE(L_I64, log2_floor(ir_type_bits(own) / 64))
                      : ir_is_vector(own) ? T_V128
                                          : own;
    ir_emit(b, (struct ir_insn){.op = IR_env_store, .src = t, .a = (uint16_t)v, .aux = offset});
}

/* ---- integers */

ir_val ir_zext(struct ir_builder *b, ir_type t, ir_val v)
{
    return ir_type_of(b, v) == t ? v : emit1(b, IR_zext, t, v, 0);
}

ir_val ir_sext(struct ir_builder *b, ir_type t, ir_val v)
{
    return ir_type_of(b, v) == t ? v : emit1(b, IR_sext, t, v, 0);
}

ir_val ir_trunc(struct ir_builder *b, ir_type t, ir_val v)
{
    return ir_type_of(b, v) == t ? v : emit1(b, IR_trunc, t, v, 0);
}

static ir_val field(struct ir_builder *b, enum ir_op op, ir_val v, unsigned pos, unsigned len)
{
    assert(len > 0 && pos + len <= ir_lane_bits(ir_type_of(b, v)));
    return ir_emit(b, (struct ir_insn){.op = (uint16_t)op,
                                       .type = ir_type_of(b, v),
                                       .a = (uint16_t)v,
                                       .aux = pos | len << 8});
}

ir_val ir_ubfx(struct ir_builder *b, ir_val v, unsigned pos, unsigned len)
{
    return field(b, IR_ubfx, v, pos, len);
}

ir_val ir_sbfx(struct ir_builder *b, ir_val v, unsigned pos, unsigned len)
{
    return field(b, IR_sbfx, v, pos, len);
}

ir_val ir_dep(struct ir_builder *b, ir_val into, ir_val v, unsigned pos, unsigned len)
{
    assert(len > 0 && pos + len <= ir_lane_bits(ir_type_of(b, into)));
    return ir_emit(b, (struct ir_insn){.op = IR_dep,
                                       .type = ir_type_of(b, into),
                                       .a = (uint16_t)into,
                                       .b = (uint16_t)v,
                                       .aux = pos | len << 8});
}

/* ---- comparisons and flags */

static ir_val compare(struct ir_builder *b, enum ir_op op, uint32_t aux, ir_val x, ir_val y)
{
    return ir_emit(b, (struct ir_insn){.op = (uint16_t)op,
                                       .type = T_I32,
                                       .src = ir_type_of(b, x),
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .aux = aux});
}

ir_val ir_cmp(struct ir_builder *b, enum ir_cond c, ir_val x, ir_val y)
{
    return compare(b, IR_cmp, c, x, y);
}

ir_val ir_tst(struct ir_builder *b, enum ir_cond c, ir_val x, ir_val y)
{
    return compare(b, IR_tst, c, x, y);
}

static ir_val flags(struct ir_builder *b, enum ir_op op, ir_val x, ir_val y, ir_val in)
{
    return ir_emit(b, (struct ir_insn){.op = (uint16_t)op,
                                       .type = T_FLAGS,
                                       .src = ir_type_of(b, x),
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .c = (uint16_t)in});
}

ir_val ir_flags_add(struct ir_builder *b, ir_val x, ir_val y)
{
    return flags(b, IR_flags_add, x, y, IR_NONE);
}

ir_val ir_flags_sub(struct ir_builder *b, ir_val x, ir_val y)
{
    return flags(b, IR_flags_sub, x, y, IR_NONE);
}

ir_val ir_flags_logic(struct ir_builder *b, ir_val x)
{
    return flags(b, IR_flags_logic, x, IR_NONE, IR_NONE);
}

ir_val ir_flags_adc(struct ir_builder *b, ir_val x, ir_val y, ir_val in)
{
    return flags(b, IR_flags_adc, x, y, in);
}

ir_val ir_flags_sbb(struct ir_builder *b, ir_val x, ir_val y, ir_val in)
{
    return flags(b, IR_flags_sbb, x, y, in);
}

ir_val ir_flags_test(struct ir_builder *b, enum ir_cond c, ir_val in)
{
    return ir_emit(
        b, (struct ir_insn){
               .op = IR_flags_test, .type = T_I32, .src = T_FLAGS, .a = (uint16_t)in, .aux = c});
}

/* ---- floating point */

/* src of an op with one operand: conversions name it. */
static ir_type source_type(const struct ir_builder *b, enum ir_op op, ir_val x)
{
    const unsigned shape = ir_ops[op].shape;
    return shape == SHAPE_CVT || shape == SHAPE_CVTI ? ir_type_of(b, x) : T_VOID;
}

ir_val ir_fp2(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, ir_val y, unsigned fp)
{
    return ir_emit(
        b, (struct ir_insn){
               .op = (uint16_t)op, .type = t, .a = (uint16_t)x, .b = (uint16_t)y, .imm = fp});
}

ir_val ir_fp1(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, unsigned aux, unsigned fp)
{
    return ir_emit(b, (struct ir_insn){.op = (uint16_t)op,
                                       .type = t,
                                       .src = source_type(b, op, x),
                                       .a = (uint16_t)x,
                                       .aux = aux,
                                       .imm = fp});
}

ir_val ir_fcmp(struct ir_builder *b, unsigned relations, ir_val x, ir_val y, unsigned fp)
{
    return ir_emit(b, (struct ir_insn){.op = IR_fcmp,
                                       .type = T_I32,
                                       .src = ir_type_of(b, x),
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .aux = relations,
                                       .imm = fp});
}

ir_val ir_flags_fcmp(struct ir_builder *b, ir_val x, ir_val y, unsigned aux, unsigned fp)
{
    return ir_emit(b, (struct ir_insn){.op = IR_flags_fcmp,
                                       .type = T_FLAGS,
                                       .src = ir_type_of(b, x),
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .aux = aux,
                                       .imm = fp});
}

static ir_val convert(struct ir_builder *b, enum ir_op op, ir_type to, ir_val x, unsigned aux,
                      unsigned fp)
{
    return ir_emit(b, (struct ir_insn){.op = (uint16_t)op,
                                       .type = to,
                                       .src = ir_type_of(b, x),
                                       .a = (uint16_t)x,
                                       .aux = aux,
                                       .imm = fp});
}

ir_val ir_fcvt(struct ir_builder *b, ir_type to, ir_val x, unsigned fp)
{
    return convert(b, IR_fcvt, to, x, 0, fp);
}

ir_val ir_ftoi(struct ir_builder *b, ir_type to, ir_val x, unsigned aux, unsigned fp)
{
    return convert(b, IR_ftoi, to, x, aux, fp);
}

ir_val ir_itof(struct ir_builder *b, ir_type to, ir_val x, unsigned aux, unsigned fp)
{
    return convert(b, IR_itof, to, x, aux, fp);
}

/* ---- vectors */

ir_val ir_v1(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, unsigned aux)
{
    return ir_fp1(b, op, t, x, aux, 0);
}

ir_val ir_v2(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, ir_val y, unsigned aux)
{
    return ir_v3(b, op, t, x, y, IR_NONE, aux);
}

ir_val ir_vget(struct ir_builder *b, ir_type lane, ir_val v, unsigned n)
{
    return ir_v1(b, IR_vget, lane, v, n);
}

ir_val ir_vset(struct ir_builder *b, ir_type vector, ir_val v, unsigned n, ir_val x)
{
    return ir_v2(b, IR_vset, vector, v, x, n);
}

ir_val ir_vdup(struct ir_builder *b, ir_type vector, ir_val x)
{
    return emit1(b, IR_vdup, vector, x, 0);
}

ir_val ir_vzext(struct ir_builder *b, ir_val x)
{
    return emit1(b, IR_vzext, T_V128, x, 0);
}

ir_val ir_vpart(struct ir_builder *b, ir_val v, unsigned n)
{
    return emit1(b, IR_vpart, T_V128, v, n);
}

ir_val ir_vwith(struct ir_builder *b, ir_val v, unsigned n, ir_val part)
{
    return ir_v2(b, IR_vwith, ir_type_of(b, v), v, part, n);
}

ir_val ir_vwiden(struct ir_builder *b, ir_type wide, ir_val x)
{
    return emit1(b, IR_vwiden, wide, x, 0);
}

/* ---- run-time functions */

void ir_guard(struct ir_builder *b, ir_val condition, const struct ir_call *row, ir_val x, ir_val y,
              uint32_t aux)
{
    uint64_t k;
    if (!b->no_fold && ir_const_value(b, condition, &k) && k == 0) {
        return;
    }
    ir_emit(b, (struct ir_insn){.op = IR_guard,
                                .a = (uint16_t)condition,
                                .b = (uint16_t)x,
                                .c = (uint16_t)y,
                                .aux = aux,
                                .imm = (uintptr_t)row});
}

/* ---- control */

void ir_brcond(struct ir_builder *b, ir_val condition, uint64_t pc)
{
    uint64_t k;
    if (!b->no_fold && ir_const_value(b, condition, &k)) {
        if (k) {
            ir_br(b, pc);
        }
        return;
    }
    ir_emit(
        b, (struct ir_insn){.op = IR_brcond, .a = (uint16_t)condition, .aux = b->local, .imm = pc});
}

void ir_br(struct ir_builder *b, uint64_t pc)
{
    ir_emit(b, (struct ir_insn){.op = IR_br, .aux = b->local, .imm = pc});
}

void ir_brcall(struct ir_builder *b, uint64_t pc, uint64_t return_pc)
{
    const ir_val back = ir_konst(b, T_I64, return_pc);
    ir_emit(b, (struct ir_insn){.op = IR_brcall, .a = (uint16_t)back, .aux = b->local, .imm = pc});
}

/* An address that is the same wherever the block runs is no direct goal of a movable one. */
static bool is_direct(const struct ir_builder *b, ir_val pc, uint64_t *k)
{
    return !b->no_fold && !b->movable && ir_const_value(b, pc, k);
}

void ir_jump(struct ir_builder *b, ir_val pc)
{
    uint64_t k;
    if (is_direct(b, pc, &k)) {
        ir_br(b, k);
        return;
    }
    ir_emit(b, (struct ir_insn){.op = IR_jump, .a = (uint16_t)pc, .aux = b->local});
}

void ir_jumpcall(struct ir_builder *b, ir_val pc, uint64_t return_pc)
{
    uint64_t k;
    if (is_direct(b, pc, &k)) {
        ir_brcall(b, k, return_pc);
        return;
    }
    const ir_val back = ir_konst(b, T_I64, return_pc);
    ir_emit(b, (struct ir_insn){
                   .op = IR_jumpcall, .a = (uint16_t)pc, .b = (uint16_t)back, .aux = b->local});
}

void ir_ret(struct ir_builder *b, ir_val pc)
{
    ir_emit(b, (struct ir_insn){.op = IR_ret, .a = (uint16_t)pc, .aux = b->local});
}

void ir_tail(struct ir_builder *b, const struct ir_call *row, ir_val x, ir_val y, ir_val z,
             uint32_t aux)
{
    ir_emit(b, (struct ir_insn){.op = IR_tail,
                                .a = (uint16_t)x,
                                .b = (uint16_t)y,
                                .c = (uint16_t)z,
                                .aux = aux,
                                .imm = (uintptr_t)row});
}
