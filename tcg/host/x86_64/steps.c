/* SPDX-License-Identifier: MIT */
/* Sequences of vector instructions in the order in which they run: simd.h. */
#include "tcg/host/x86_64/simd.h"

const opcode lane_add[4] = {B66(0xfc), B66(0xfd), B66(0xfe), B66(0xd4)};
const opcode lane_sub[4] = {B66(0xf8), B66(0xf9), B66(0xfa), B66(0xfb)};
const opcode lane_equal[4] = {B66(0x74), B66(0x75), B66(0x76), B38(0x29)};
const opcode lane_greater[4] = {B66(0x64), B66(0x65), B66(0x66), B38(0x37)};
const opcode lane_shift[4] = {0, B66(0x71), B66(0x72), B66(0x73)};

static void add(struct steps *q, struct step s)
{
    assert(q->count < MAX_STEPS);
    q->step[q->count++] = s;
}

void s_rr(struct steps *q, opcode op, unsigned reg, unsigned rm)
{
    add(q, (struct step){.kind = STEP_RR, .op = op, .reg = (uint8_t)reg, .rm = (uint8_t)rm});
}

void s_rri(struct steps *q, opcode op, unsigned reg, unsigned rm, unsigned imm)
{
    add(q, (struct step){.kind = STEP_RR,
                         .op = op,
                         .reg = (uint8_t)reg,
                         .rm = (uint8_t)rm,
                         .imm_bytes = 1,
                         .imm = imm});
}

static void three_operands(struct steps *q, struct step s)
{
    if (q->c->h->avx) {
        s.kind = STEP_VEX;
    } else {
        assert(s.reg == s.vvvv || s.reg != s.rm);
        s_copy(q, s.reg, s.vvvv);
        s.kind = STEP_RR;
    }
    add(q, s);
}

void s_three(struct steps *q, opcode op, unsigned dst, unsigned a, unsigned b)
{
    three_operands(
        q, (struct step){.op = op, .reg = (uint8_t)dst, .vvvv = (uint8_t)a, .rm = (uint8_t)b});
}

void s_three_imm(struct steps *q, opcode op, const unsigned dst_a_b[3], unsigned imm)
{
    three_operands(q, (struct step){.op = op,
                                    .reg = (uint8_t)dst_a_b[0],
                                    .vvvv = (uint8_t)dst_a_b[1],
                                    .rm = (uint8_t)dst_a_b[2],
                                    .imm_bytes = 1,
                                    .imm = imm});
}

static void constant_operand(struct steps *q, struct step s)
{
    if (q->c->h->avx) {
        s.kind = STEP_VEX_RM;
    } else {
        s_copy(q, s.reg, s.vvvv);
        s.kind = STEP_RM;
    }
    add(q, s);
}

void s_const(struct steps *q, opcode op, unsigned dst, unsigned a, enum constant k)
{
    constant_operand(
        q, (struct step){.op = op, .reg = (uint8_t)dst, .vvvv = (uint8_t)a, .constant = k});
}

void s_const_imm(struct steps *q, opcode op, const unsigned dst_a[2], enum constant k, unsigned imm)
{
    constant_operand(q, (struct step){.op = op,
                                      .reg = (uint8_t)dst_a[0],
                                      .vvvv = (uint8_t)dst_a[1],
                                      .constant = k,
                                      .imm_bytes = 1,
                                      .imm = imm});
}

void s_compare_const(struct steps *q, opcode op, unsigned reg, enum constant k)
{
    add(q, (struct step){.kind = STEP_RM, .op = op, .reg = (uint8_t)reg, .constant = k});
}

void s_load(struct steps *q, unsigned dst, enum constant k)
{
    s_compare_const(q, SSE_MOVAPS, dst, k);
}

void s_copy(struct steps *q, unsigned dst, unsigned src)
{
    if (dst != src) {
        s_rr(q, SSE_MOVAPS, dst, src);
    }
}

void s_shift(struct steps *q, opcode op, unsigned how, const unsigned dst_src[2], unsigned n)
{
    if (q->c->h->avx) {
        add(q, (struct step){.kind = STEP_VEX,
                             .op = op,
                             .reg = (uint8_t)how,
                             .vvvv = (uint8_t)dst_src[0],
                             .rm = (uint8_t)dst_src[1],
                             .imm_bytes = 1,
                             .imm = n});
    } else {
        s_copy(q, dst_src[0], dst_src[1]);
        s_rri(q, op, how, dst_src[0], n);
    }
}

void s_zero(struct steps *q, unsigned r)
{
    s_rr(q, PXOR, r, r);
}

void s_ones(struct steps *q, unsigned r)
{
    s_rr(q, lane_equal[L_I32 - L_I8], r, r);
}

void s_evex(struct steps *q, opcode op, unsigned reg, unsigned vvvv, unsigned rm)
{
    add(q, (struct step){.kind = STEP_EVEX,
                         .op = op,
                         .reg = (uint8_t)reg,
                         .vvvv = (uint8_t)vvvv,
                         .rm = (uint8_t)rm});
}

void s_evex_imm(struct steps *q, opcode op, const unsigned reg_vvvv_rm[3], unsigned imm)
{
    s_evex(q, op, reg_vvvv_rm[0], reg_vvvv_rm[1], reg_vvvv_rm[2]);
    q->step[q->count - 1].imm_bytes = 1;
    q->step[q->count - 1].imm = imm;
}

void s_evex_nearest(struct steps *q, opcode op, unsigned reg, unsigned vvvv, unsigned rm)
{
    s_evex(q, op, reg, vvvv, rm);
    q->step[q->count - 1].kind = STEP_EVEX_NEAREST;
}

void s_imm(struct steps *q, unsigned r, uint64_t imm)
{
    add(q, (struct step){.kind = STEP_IMM, .reg = (uint8_t)r, .imm = imm});
}

void s_alu_imm(struct steps *q, unsigned alu, bool w, unsigned r, uint32_t imm)
{
    const bool byte = (int32_t)imm == (int8_t)imm;

    add(q, (struct step){.kind = STEP_RR,
                         .op = OPC(0, 0, byte ? 0x83 : 0x81) | W(w),
                         .reg = (uint8_t)alu,
                         .rm = (uint8_t)r,
                         .imm_bytes = byte ? 1 : 4,
                         .imm = imm});
}

void s_jcc(struct steps *q, unsigned cc, uint32_t goal)
{
    add(q, (struct step){.kind = STEP_JCC, .reg = (uint8_t)cc, .imm = goal});
}

static void emit_evex(struct assembler *as, const struct step *s)
{
    const unsigned reg = s->reg, rm = s->rm;
    const uint8_t p[7] = {
        0x62,
        (uint8_t)((reg & 8 ? 0 : 0x80) | 0x40 | (rm & 8 ? 0 : 0x20) | 0x10 | (s->op >> 8 & 3)),
        (uint8_t)((s->op & OP_W ? 0x80 : 0) | (~s->vvvv & 15) << 3 | 4 | (s->op >> 16 & 3)),
        s->kind == STEP_EVEX_NEAREST ? 0x18 : 0x08,
        (uint8_t)s->op,
        (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7)),
        (uint8_t)s->imm};

    emit_bytes(as, p, 6u + s->imm_bytes);
}

/* The constant is addressed from the end of its instruction, immediate included. */
static struct operand constant_of(const struct step *s, const struct assembler *as)
{
    return at_constant(as, (uint32_t)s->constant * 16);
}

static void emit_step(struct assembler *as, const struct step *s)
{
    switch (s->kind) {
    case STEP_RR:
        emit_x(as, s->op, s->reg, reg_operand(s->rm), s->imm_bytes, s->imm);
        break;
    case STEP_RM:
        emit_x(as, s->op, s->reg, constant_of(s, as), s->imm_bytes, s->imm);
        break;
    case STEP_VEX:
        emit_v(as, s->op, s->reg, s->vvvv, reg_operand(s->rm), s->imm_bytes, s->imm);
        break;
    case STEP_VEX_RM:
        emit_v(as, s->op, s->reg, s->vvvv, constant_of(s, as), s->imm_bytes, s->imm);
        break;
    case STEP_EVEX:
    case STEP_EVEX_NEAREST:
        emit_evex(as, s);
        break;
    case STEP_IMM:
        x_mov_imm(as, s->reg, s->imm);
        break;
    case STEP_JCC:
        x_jcc(as, s->reg, (uint32_t)s->imm);
        break;
    }
}

void steps_emit(struct steps *q)
{
    while (q->count) {
        emit_step(&q->c->as, &q->step[--q->count]);
    }
}
