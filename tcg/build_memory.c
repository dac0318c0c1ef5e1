/* SPDX-License-Identifier: MIT */
/* The builder's functions for guest memory. */
#include "base/bits.h"
#include "tcg/fold.h"
#include "tcg/ir.h"

static uint64_t memory_imm(memop m, int32_t disp)
{
    return (uint64_t)m << 32 | (uint32_t)disp;
}

ir_val ir_load(struct ir_builder *b, ir_type t, memop m, ir_val base, int32_t disp)
{
    return ir_emit(b,
                   (struct ir_insn){
                       .op = IR_load, .type = t, .a = (uint16_t)base, .imm = memory_imm(m, disp)});
}

ir_val ir_load_indexed(struct ir_builder *b, ir_type t, memop m, ir_val base, ir_val index,
                       unsigned scale)
{
    return ir_emit(b, (struct ir_insn){.op = IR_load,
                                       .type = t,
                                       .a = (uint16_t)base,
                                       .b = (uint16_t)index,
                                       .aux = scale << 8,
                                       .imm = memory_imm(m, 0)});
}

void ir_store(struct ir_builder *b, memop m, ir_val base, int32_t disp, ir_val v)
{
    ir_emit(b, (struct ir_insn){.op = IR_store,
                                .src = ir_type_of(b, v),
                                .a = (uint16_t)base,
                                .c = (uint16_t)v,
                                .imm = memory_imm(m, disp)});
}

void ir_store_indexed(struct ir_builder *b, memop m, ir_val base, ir_val index, unsigned scale,
                      ir_val v)
{
    ir_emit(b, (struct ir_insn){.op = IR_store,
                                .src = ir_type_of(b, v),
                                .a = (uint16_t)base,
                                .b = (uint16_t)index,
                                .c = (uint16_t)v,
                                .aux = scale << 8,
                                .imm = memory_imm(m, 0)});
}

static uint32_t address_aux(const struct ir_address *at)
{
    assert(at->segment % 8 == 0 && at->segment >> 3 <= UINT16_MAX);
    return at->segment >> 3 << 16 | at->scale << 8;
}

ir_val ir_load_at(struct ir_builder *b, ir_type t, memop m, const struct ir_address *at)
{
    return ir_emit(b, (struct ir_insn){.op = IR_load,
                                       .type = t,
                                       .a = (uint16_t)at->base,
                                       .b = (uint16_t)at->index,
                                       .aux = address_aux(at),
                                       .imm = memory_imm(m, at->disp)});
}

void ir_store_at(struct ir_builder *b, memop m, const struct ir_address *at, ir_val v)
{
    ir_emit(b, (struct ir_insn){.op = IR_store,
                                .src = ir_type_of(b, v),
                                .a = (uint16_t)at->base,
                                .b = (uint16_t)at->index,
                                .c = (uint16_t)v,
                                .aux = address_aux(at),
                                .imm = memory_imm(m, at->disp)});
}

ir_val ir_load_excl(struct ir_builder *b, ir_type t, memop m, ir_val addr)
{
    return ir_emit(
        b, (struct ir_insn){
               .op = IR_load_excl, .type = t, .a = (uint16_t)addr, .imm = memory_imm(m, 0)});
}

ir_val ir_store_excl(struct ir_builder *b, memop m, ir_val addr, ir_val v)
{
    return ir_emit(b, (struct ir_insn){.op = IR_store_excl,
                                       .type = T_I32,
                                       .src = ir_type_of(b, v),
                                       .a = (uint16_t)addr,
                                       .c = (uint16_t)v,
                                       .imm = memory_imm(m, 0)});
}

ir_val ir_atomic(struct ir_builder *b, ir_type t, memop m, enum ir_atomic op, ir_val addr, ir_val v)
{
    return ir_emit(b, (struct ir_insn){.op = IR_atomic,
                                       .type = t,
                                       .src = ir_type_of(b, v),
                                       .a = (uint16_t)addr,
                                       .c = (uint16_t)v,
                                       .aux = op,
                                       .imm = memory_imm(m, 0)});
}

ir_val ir_cas(struct ir_builder *b, ir_type t, memop m, ir_val addr, ir_val expected, ir_val v)
{
    return ir_emit(b, (struct ir_insn){.op = IR_cas,
                                       .type = t,
                                       .src = ir_type_of(b, v),
                                       .a = (uint16_t)addr,
                                       .b = (uint16_t)expected,
                                       .c = (uint16_t)v,
                                       .imm = memory_imm(m, 0)});
}

void ir_barrier(struct ir_builder *b, enum ir_barrier kind)
{
    ir_emit(b, (struct ir_insn){.op = IR_barrier, .aux = kind});
}
