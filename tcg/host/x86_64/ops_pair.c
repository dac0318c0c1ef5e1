/* SPDX-License-Identifier: MIT */
/*
 * Two rows without a home that lie side by side in memory, and move as one vector: what LDP, STP
 * and loops of them that copy become.
 *
 * Both halves of a vector that are put into such rows are one store of 16 bytes. A vector of two
 * such rows is one load of them, but only where this block's own puts store them so: the host
 * forwards no two stores of 8 bytes to a load of 16, which then waits for both.
 */
#include "tcg/host/x86_64/compile.h"

/* row and the one behind it are 8 bytes each, without a home, side by side. */
static bool side_by_side(const struct compiler *c, unsigned row)
{
    const struct ir_guest *g = c->h->config.guest;

    return row + 1 < g->reg_count && c->homes->of_row[row] < 0 && c->homes->of_row[row + 1] < 0 &&
           g->regs[row].type == T_I64 && g->regs[row + 1].type == T_I64 &&
           g->regs[row + 1].offset == g->regs[row].offset + 8;
}

/* v is half n of a vector of two; *from is the vector. */
static bool is_half(const struct compiler *c, ir_val v, unsigned n, uint16_t *from)
{
    const struct ir_insn *in = &c->insns[value(c, v)];

    *from = value(c, in->a);
    return in->op == IR_vget && in->type == T_I64 && in->aux == n;
}

/* Puts `first` and `second` store the halves of one vector into rows side by side. */
static bool are_pair(const struct compiler *c, uint32_t first, uint32_t second)
{
    const struct ir_insn *a = &c->insns[first], *b = &c->insns[second];
    uint16_t va, vb;

    return a->op == IR_put && b->op == IR_put && b->aux == a->aux + 1 && side_by_side(c, a->aux) &&
           is_half(c, a->a, 0, &va) && is_half(c, b->a, 1, &vb) && va == vb;
}

bool put_pair(struct compiler *c, const struct ir_insn *in)
{
    const uint32_t before = c->i - 1;
    uint16_t v;

    if (!are_pair(c, before, c->i) || c->keep_put[before] != PUT_KEPT) {
        return false;
    }
    is_half(c, in->a, 1, &v);
    c->keep_put[before] = PUT_DEAD; /* stored here */
    emit_rm(&c->as, SSE_MOVUPS_STORE, use(c, v, 0), row_place(c->h, in->aux - 1));
    return true;
}

/* The row whose memory holds v at op i, or -1. */
static int row_in_memory(const struct compiler *c, ir_val v)
{
    const uint16_t x = value(c, v);
    const struct ir_insn *in = &c->insns[x];

    return x < FIRST_ROW_VALUE && in->op == IR_get && c->i <= c->memory_until[x] ? (int)in->aux
                                                                                 : -1;
}

bool set_pair(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_insn *low = &c->insns[value(c, in->a)];

    if (in->type != T_I64X2 || in->aux != 1 || low->op != IR_vzext || low->src != T_I64) {
        return false;
    }
    const int row = row_in_memory(c, low->a);
    if (row < 0 || row_in_memory(c, in->b) != row + 1 || !side_by_side(c, (unsigned)row) ||
        !are_pair(c, c->last_put[row], c->last_put[row + 1])) {
        return false;
    }
    emit_rm(&c->as, SSE_MOVUPS_LOAD, def(c), row_place(c->h, (unsigned)row));
    return true;
}
