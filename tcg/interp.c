/* SPDX-License-Identifier: MIT */
/*
 * The reference interpreter. It is meant to be obviously right: each op is what its row of
 * tcg/ops.h says, values are kept by name, and puts take effect at once.
 */
#include <string.h>

#include "base/atomic.h"
#include "memory/space.h"
#include "tcg/env.h"
#include "tcg/eval.h"
#include "tcg/interp.h"
#include "tcg/memory_op.h"
#include "tcg/opinfo.h"

struct interp {
    struct vcpu *v;
    const struct ir_builder *b;
    uint64_t moved;             /* how far from b->pc the block runs */
    uint64_t insn_pc, insn_aux; /* of the guest instruction that runs */
    uint64_t next_pc, next_aux;
    union ir_vec values[IR_MAX_INSNS];
};

enum step {
    STEP_NEXT,
    STEP_LEAVE,
    STEP_RAISED
};

static void *state_at(const struct interp *s, uint32_t offset)
{
    return (uint8_t *)(void *)s->v + offset;
}

static void read_state(const struct interp *s, union ir_vec *d, ir_type t, uint32_t offset)
{
    *d = (union ir_vec){.u64 = {0, 0}};
    memcpy(d, state_at(s, offset), ir_type_bits(t) / 8);
}

static void write_state(const struct interp *s, const union ir_vec *x, ir_type t, uint32_t offset)
{
    memcpy(state_at(s, offset), x, ir_type_bits(t) / 8);
}

static enum step state_op(struct interp *s, const struct ir_insn *in, union ir_vec *d)
{
    const struct ir_reg *regs = s->b->guest->regs;

    switch (in->op) {
    case IR_get:
        read_state(s, d, in->type, regs[in->aux].offset);
        break;
    case IR_put:
        write_state(s, &s->values[in->a], regs[in->aux].type, regs[in->aux].offset);
        break;
    case IR_env_load:
        read_state(s, d, in->type, in->aux);
        break;
    default:
        write_state(s, &s->values[in->a], in->src, in->aux);
        break;
    }
    return STEP_NEXT;
}

/* The guest instruction of op in may be left behind it, by another access or a function. */
static bool has_more(const struct interp *s, const struct ir_insn *in)
{
    const struct ir_insn *end = s->b->insns + s->b->count;

    for (in++; in < end && in->op != IR_insn; in++) {
        if (ir_ops[in->op].shape == SHAPE_MEM || ir_ops[in->op].shape == SHAPE_CALLS) {
            return true;
        }
    }
    return false;
}

static enum step memory(struct interp *s, const struct ir_insn *in, union ir_vec *d)
{
    const bool indexed = (in->op == IR_load || in->op == IR_store) && in->b != IR_NONE;
    const memop m = (memop)(in->imm >> 32);
    uint64_t segment = 0, va = s->values[in->a].u64[0] + (uint64_t)(int64_t)(int32_t)in->imm;

    if (indexed) {
        va += s->values[in->b].u64[0] << (in->aux >> 8 & 7);
    }
    if (ir_segment(in->aux)) {
        memcpy(&segment, state_at(s, ir_segment(in->aux)), sizeof(segment));
    }
    va = memop_address(m, va, segment);
    vcpu_env(s->v)->more = has_more(s, in);
    struct ir_insn access = *in;
    access.imm = (uint64_t)memop_of_access(m, ir_segment(in->aux) != 0) << 32;
    return ir_memory_op(s->v, &access, va, &s->values[in->b], &s->values[in->c], d) ? STEP_NEXT
                                                                                    : STEP_RAISED;
}

static uint64_t call_integer(struct interp *s, const struct ir_call *row,
                             const uint16_t operands[3], uint32_t aux)
{
    uint64_t (*fn)(struct vcpu *, uint64_t, uint64_t, uint64_t, uint32_t) =
        (uint64_t(*)(struct vcpu *, uint64_t, uint64_t, uint64_t, uint32_t))row->fn;

    return fn(s->v, s->values[operands[0]].u64[0], s->values[operands[1]].u64[0],
              s->values[operands[2]].u64[0], aux);
}

static void call_vector(struct interp *s, const struct ir_call *row, const struct ir_insn *in,
                        union ir_vec *d)
{
    void (*fn)(struct vcpu *, union ir_vec *, const union ir_vec *, const union ir_vec *,
               const union ir_vec *,
               uint32_t) = (void (*)(struct vcpu *, union ir_vec *, const union ir_vec *,
                                     const union ir_vec *, const union ir_vec *, uint32_t))row->fn;
    union ir_vec r = {.u64 = {0, 0}};

    fn(s->v, &r, &s->values[in->a], &s->values[in->b], &s->values[in->c], in->aux);
    *d = r;
}

static enum step run_time_function(struct interp *s, const struct ir_insn *in, union ir_vec *d)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;

    vcpu_env(s->v)->more = true;
    if (in->op == IR_guard) {
        if (!s->values[in->a].u64[0]) {
            return STEP_NEXT;
        }
        call_integer(s, row, (const uint16_t[]){in->b, in->c, IR_NONE}, in->aux);
        return vcpu_hot(s->v)->raised ? STEP_RAISED : STEP_NEXT;
    }
    if (in->op == IR_tail) {
        vcpu_env(s->v)->aux = 0; /* unless it says otherwise */
    }
    if (row->vector) {
        call_vector(s, row, in, d);
    } else {
        const uint64_t r = call_integer(s, row, (const uint16_t[]){in->a, in->b, in->c}, in->aux);
        d->u64[0] = in->type == T_VOID ? r : r & mask64(ir_lane_bits(in->type));
        d->u64[1] = 0;
    }
    if (vcpu_hot(s->v)->raised) {
        return STEP_RAISED;
    }
    if (in->op == IR_tail) {
        s->next_pc = d->u64[0];
        s->next_aux = vcpu_env(s->v)->aux;
        return STEP_LEAVE;
    }
    return STEP_NEXT;
}

static enum step control(struct interp *s, const struct ir_insn *in)
{
    s->next_aux = ir_aux_of(s->b, in);
    switch (in->op) {
    case IR_insn:
        s->insn_pc = in->imm + s->moved;
        s->insn_aux = ir_aux_of(s->b, in);
        vcpu_env(s->v)->insns_left--;
        return STEP_NEXT;
    case IR_brcond:
        if (!s->values[in->a].u64[0]) {
            return STEP_NEXT;
        }
        s->next_pc = in->imm + s->moved;
        return STEP_LEAVE;
    case IR_br:
    case IR_brcall:
        s->next_pc = in->imm + s->moved;
        return STEP_LEAVE;
    default: /* jump, jumpcall, ret */
        s->next_pc = s->values[in->a].u64[0];
        return STEP_LEAVE;
    }
}

static enum step step(struct interp *s, const struct ir_insn *in, union ir_vec *d)
{
    switch (ir_ops[in->op].shape) {
    case SHAPE_CONST:
        d->u64[0] = in->op == IR_page ? vcpu_hot(s->v)->page + in->imm : in->imm;
        d->u64[1] = 0;
        for (unsigned i = 1; in->op == IR_vkonst && i < ir_type_bits(in->type) / 64; i++) {
            d->u64[i] = in->imm;
        }
        return STEP_NEXT;
    case SHAPE_GET:
    case SHAPE_PUT:
    case SHAPE_ENV:
        return state_op(s, in, d);
    case SHAPE_MEM:
        return memory(s, in, d);
    case SHAPE_CALLS:
        return run_time_function(s, in, d);
    case SHAPE_PC:
    case SHAPE_END:
        return in->op == IR_tail ? run_time_function(s, in, d) : control(s, in);
    case SHAPE_NUL:
        atomic_fence();
        return STEP_NEXT;
    default:
        ir_eval_op(
            s->v, s->b->guest, in, d,
            (const union ir_vec *const[]){&s->values[in->a], &s->values[in->b], &s->values[in->c]});
        return STEP_NEXT;
    }
}

uint64_t ir_interpret(struct vcpu *v, const struct ir_builder *b)
{
    struct interp s;
    enum step end = STEP_NEXT;

    s.v = v;
    s.b = b;
    s.moved = b->movable ? vcpu_hot(v)->page - (b->pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1)) : 0;
    s.insn_pc = s.next_pc = b->pc + s.moved;
    s.insn_aux = s.next_aux = b->aux;
    s.values[IR_NONE] = (union ir_vec){.u64 = {0, 0}};
    for (ir_val i = 1; i < b->count && end == STEP_NEXT; i++) {
        end = step(&s, &b->insns[i], &s.values[i]);
    }
    assert(end != STEP_NEXT);
    vcpu_env(v)->aux = end == STEP_RAISED ? s.insn_aux : s.next_aux;
    return end == STEP_RAISED ? s.insn_pc : s.next_pc;
}
