/* SPDX-License-Identifier: MIT */
/*
 * The builder's core: appends instructions, numbers equal values, forwards register rows.
 *
 * ir_emit is the hot path of translation: it allocates nothing, and looks at the new instruction,
 * its operands and one hash chain only. What the instruction simplifies to is decided in
 * tcg/fold*.c. Three rules keep that right:
 *   - A PURE op may be replaced by any earlier instruction of equal value, since a block has one
 *     entry and no joins: everything before dominates.
 *   - Only insn, memory, calls and control are in program order for the outside; none is moved.
 *   - A register row changes by put alone (run-time functions do not touch rows; tail ends the
 *     block), so the value of a row is known from its first get or put on.
 */
#include <string.h>

#include "base/mem.h"
#include "tcg/fold.h"
#include "tcg/ir.h"
#include "tcg/opinfo.h"

void ir_builder_init(struct ir_builder *b, const struct ir_guest *g)
{
    assert(g->reg_count <= IR_MAX_REGS);
    memset(b, 0, sizeof(*b));
    b->guest = g;
    b->insns = mem_array(IR_MAX_INSNS, sizeof(b->insns[0]));
    b->cse_next = mem_array(IR_MAX_INSNS, sizeof(b->cse_next[0]));
    ir_begin(b, 0, 0);
}

void ir_builder_free(struct ir_builder *b)
{
    mem_free(b->insns);
    mem_free(b->cse_next);
    memset(b, 0, sizeof(*b));
}

void ir_begin(struct ir_builder *b, uint64_t pc, uint64_t mode_key)
{
    b->count = 1;
    b->pc = pc;
    b->mode_key = mode_key;
    b->guest_insns = 0;
    b->guest_bytes = 0;
    b->ended = false;
    b->fp_mark = 0;
    memset(b->reg_value, 0, sizeof(b->reg_value));
    memset(b->cse_heads, 0, sizeof(b->cse_heads));
}

static ir_val append(struct ir_builder *b, const struct ir_insn *in)
{
    assert(b->count < IR_MAX_INSNS);
    const ir_val v = b->count++;
    struct ir_insn *at = &b->insns[v];
    *at = *in;
    at->uses = 0;
    /* insns[0] collects the uses of absent operands; nobody reads them. */
    b->insns[in->a].uses++;
    b->insns[in->b].uses++;
    b->insns[in->c].uses++;
    if (unlikely(in->op == IR_call)) {
        const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;
        b->fp_mark = row->class == IR_CALL_LEAF ? b->fp_mark : v;
    }
    b->ended = ir_ops[in->op].effects & IR_ENDS;
    return v;
}

static inline unsigned hash_insn(const struct ir_insn *in)
{
    uint64_t h = in->op * UINT64_C(0x9e3779b97f4a7c15);
    h ^= ((uint64_t)in->a << 40 | (uint64_t)in->b << 20 | in->c) * UINT64_C(0xc2b2ae3d27d4eb4f);
    h ^= (in->imm ^ (uint64_t)in->aux << 32 ^ (uint64_t)in->type << 8) *
         UINT64_C(0x165667b19e3779f9);
    return (unsigned)(h >> 58);
}

static inline bool same_insn(const struct ir_insn *x, const struct ir_insn *y)
{
    return x->op == y->op && x->a == y->a && x->b == y->b && x->imm == y->imm &&
           x->type == y->type && x->src == y->src && x->c == y->c && x->aux == y->aux;
}

/* Chains go from the latest to the earliest: no instruction before first is looked at. */
static ir_val find_or_append(struct ir_builder *b, const struct ir_insn *in, ir_val first)
{
    uint16_t *head = &b->cse_heads[hash_insn(in)];
    for (ir_val v = *head; v > first; v = b->cse_next[v]) {
        if (same_insn(&b->insns[v], in)) {
            return v;
        }
    }
    const ir_val v = append(b, in);
    b->cse_next[v] = *head;
    *head = (uint16_t)v;
    return v;
}

ir_val ir_emit(struct ir_builder *b, struct ir_insn in)
{
    if (unlikely(b->ended)) {
        return IR_NONE; /* a branch that is always taken has ended the block early */
    }
    if (unlikely(b->no_fold)) {
        return append(b, &in);
    }
    const ir_val known = ir_fold(b, &in);
    if (known != IR_NONE) {
        return known;
    }
    const unsigned effects = ir_ops[in.op].effects;
    if (effects & (IR_PURE | IR_STICKY)) {
        return find_or_append(b, &in, effects & IR_PURE ? IR_NONE : b->fp_mark);
    }
    return append(b, &in);
}

bool ir_const_value(const struct ir_builder *b, ir_val v, uint64_t *k)
{
    if (b->insns[v].op != IR_konst) {
        return false;
    }
    *k = b->insns[v].imm;
    return true;
}

ir_val ir_get(struct ir_builder *b, unsigned reg)
{
    assert(reg < b->guest->reg_count);
    if (b->reg_value[reg] != IR_NONE && !b->no_fold) {
        return b->reg_value[reg];
    }
    const ir_val v = ir_emit(
        b, (struct ir_insn){.op = IR_get, .type = b->guest->regs[reg].type, .aux = reg});
    b->reg_value[reg] = (uint16_t)v;
    return v;
}

void ir_put(struct ir_builder *b, unsigned reg, ir_val v)
{
    assert(reg < b->guest->reg_count);
    if (b->reg_value[reg] == v && !b->no_fold) {
        return;
    }
    ir_emit(b,
            (struct ir_insn){.op = IR_put, .src = ir_type_of(b, v), .a = (uint16_t)v, .aux = reg});
    b->reg_value[reg] = (uint16_t)v;
}
