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
    ir_set_aux(b, 0);
    b->fetch_base = 0;
    b->second_id = 0;
    b->fetch_mask = UINT64_MAX;
    b->guest_insns = 0;
    b->guest_bytes = 0;
    b->ended = b->polls = false;
    b->fp_mark = 0;
    memset(b->reg_value, 0, b->guest->reg_count * sizeof(b->reg_value[0]));
    memset(b->cse_heads, 0, sizeof(b->cse_heads));
}

/*
 * The hot functions take an instruction as its three 64-bit words (op to b; c, uses, aux; imm):
 * made in registers, stored whole. A CPU forwards a stored word to a load of its part, but not
 * stored parts to a load of the whole, and would wait for each instruction otherwise.
 */
static inline void store_words(struct ir_insn *in, uint64_t w0, uint64_t w1, uint64_t imm)
{
    static_assert(sizeof(*in) == 24, "an instruction is three words");
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "so is the order within words");
    store_le64(in, w0);
    store_le64((uint8_t *)in + 8, w1);
    in->imm = imm;
}

static ir_val append(struct ir_builder *b, uint64_t w0, uint64_t w1, uint64_t imm, unsigned effects)
{
    assert(b->count < IR_MAX_INSNS);
    const ir_val v = b->count++;
    store_words(&b->insns[v], w0, w1, imm);
    const unsigned a = w0 >> 32 & 0xffff, second = (unsigned)(w0 >> 48), c = (uint16_t)w1;
    if (a != IR_NONE) {
        b->insns[a].uses++;
    }
    if (second != IR_NONE) {
        b->insns[second].uses++;
    }
    if (c != IR_NONE) {
        b->insns[c].uses++;
    }
    if (unlikely((uint16_t)w0 == IR_call)) {
        const struct ir_call *row = (const struct ir_call *)(uintptr_t)imm;
        b->fp_mark = row->class == IR_CALL_LEAF ? b->fp_mark : v;
    }
    b->ended = effects & IR_ENDS;
    return v;
}

/* The most frequent ops, which nothing is known of but that they go on. */
static ir_val append_row_op(struct ir_builder *b, uint64_t w0, uint64_t aux, uint64_t imm)
{
    return unlikely(b->ended) ? IR_NONE : append(b, w0, aux << 32, imm, 0);
}

/* Chains go from the latest to the earliest: no instruction before first is looked at. */
static ir_val find_or_append(struct ir_builder *b, uint64_t w0, uint64_t w1, uint64_t imm,
                             unsigned effects)
{
    const ir_val first = effects & IR_PURE ? IR_NONE : b->fp_mark;
    const uint64_t h = w0 * UINT64_C(0x9e3779b97f4a7c15) ^
                       (w1 ^ imm) * UINT64_C(0xc2b2ae3d27d4eb4f);
    uint16_t *head = &b->cse_heads[h >> 58];

    for (ir_val v = *head; v > first; v = b->cse_next[v]) {
        const struct ir_insn *in = &b->insns[v];
        if (load_le64(in) == w0 && in->imm == imm && in->c == (uint16_t)w1 && in->aux == w1 >> 32) {
            return v;
        }
    }
    const ir_val v = append(b, w0, w1, imm, effects);
    b->cse_next[v] = *head;
    *head = (uint16_t)v;
    return v;
}

static ir_val emit_folded(struct ir_builder *b, uint64_t w0, uint64_t w1, uint64_t imm,
                          unsigned effects)
{
    return effects & (IR_PURE | IR_STICKY) ? find_or_append(b, w0, w1, imm, effects)
                                           : append(b, w0, w1, imm, effects);
}

/* Apart, since it needs a frame and most others do not. */
__attribute__((noinline)) static ir_val fold(struct ir_builder *b, uint64_t w0, uint64_t w1,
                                             uint64_t imm)
{
    struct ir_insn in;

    store_words(&in, w0, w1, imm);
    const ir_val known = ir_fold(b, &in);
    if (known != IR_NONE) {
        return known;
    }
    return emit_folded(b, load_le64(&in), load_le64((const uint8_t *)&in + 8), in.imm,
                       ir_ops[w0 & 0xffff].effects);
}

ir_val ir_emit_words(struct ir_builder *b, uint64_t w0, uint64_t w1, uint64_t imm)
{
    const unsigned effects = ir_ops[w0 & 0xffff].effects;

    if (unlikely(b->ended)) {
        return IR_NONE; /* a branch that is always taken has ended the block early */
    }
    if (unlikely(b->no_fold)) {
        return append(b, w0, w1, imm, effects);
    }
    return effects & IR_FOLDS ? fold(b, w0, w1, imm) : emit_folded(b, w0, w1, imm, effects);
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
    const ir_val v = append_row_op(b, IR_get | (uint64_t)b->guest->regs[reg].type << 16, reg, 0);
    b->reg_value[reg] = (uint16_t)v;
    return v;
}

void ir_put(struct ir_builder *b, unsigned reg, ir_val v)
{
    assert(reg < b->guest->reg_count);
    if (b->reg_value[reg] == v && !b->no_fold) {
        return;
    }
    append_row_op(b, IR_put | (uint64_t)ir_type_of(b, v) << 24 | (uint64_t)(uint16_t)v << 32, reg,
                  0);
    b->reg_value[reg] = (uint16_t)v;
}

void ir_insn_start(struct ir_builder *b, uint64_t pc)
{
    append_row_op(b, IR_insn, b->local, pc);
    b->guest_insns++;
}
