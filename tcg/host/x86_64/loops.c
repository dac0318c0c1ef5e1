/* SPDX-License-Identifier: MIT */
/*
 * Blocks that lead to themselves. Such a loop chooses homes of its own: registers whose rows it
 * does not touch are homes of rows that it does and that have none at the blocks' boundaries.
 *
 * The block's entry stores what the registers hold to its rows (`outer`) and loads theirs
 * (`inner`); the loop's head is behind that. Inside, `outer` rows are in memory, and `inner` ones
 * are in memory only as far as the loop does not put them. Every way out brings both back: exits by
 * their maps (exits.c), the block's end by loop_leave.
 *
 * The jump back goes to the head. It is in the list of links that lead to the block, so that it
 * ends when the block is invalidated: it then leads to a cold path, which leaves the loop's places
 * and goes on by an ordinary link.
 */
#include "tcg/host/x86_64/compile.h"

static bool is_own_head(const struct compiler *c, const struct ir_insn *in)
{
    return in->imm == c->b->pc && ir_aux_of(c->b, in) == c->b->aux;
}

static bool leads_to_itself(const struct compiler *c)
{
    const struct ir_insn *end = &c->insns[c->count - 1];

    return c->b->loops && !c->h->config.counted && end->op == IR_br &&
           (is_own_head(c, end) || (end[-1].op == IR_brcond && is_own_head(c, &end[-1])));
}

/* What a round does with a row. */
enum use {
    TOUCHED = 1, /* anything */
    READ = 2,    /* what it held when the round began */
    PUT = 4,
    PAIRED = 8 /* it is half of a vector, which does better in memory (ops_pair.c) */
};

static void look_at_uses(const struct compiler *c, uint8_t *uses)
{
    for (uint32_t i = 1; i < c->count; i++) {
        const struct ir_insn *in = &c->insns[i];
        if (in->op == IR_get) {
            uses[in->aux] |= uses[in->aux] & PUT ? TOUCHED : TOUCHED | READ;
        } else if (in->op == IR_put) {
            uses[in->aux] |= TOUCHED | PUT | (c->insns[in->a].op == IR_vget ? PAIRED : 0);
        }
    }
}

/*
 * The row without a home that gains most by one, or -1: one that carries something from round to
 * round, whose latency is the loop's, then one that is only read. One that is put before it is read
 * would only hold a register.
 */
static int best_row(const struct compiler *c, const uint8_t *uses, bool vec)
{
    const struct ir_guest *g = c->h->config.guest;
    int best = -1;

    for (unsigned row = 0; row < g->reg_count; row++) {
        const bool fits = vec ? ir_is_vector(g->regs[row].type) : g->regs[row].type == T_I64;
        if (fits && c->loop_homes.of_row[row] < 0 && (uses[row] & (READ | PAIRED)) == READ &&
            (best < 0 || uses[row] > uses[best])) {
            best = (int)row;
        }
    }
    return best;
}

static void add_swap(struct compiler *c, const struct swap *s)
{
    struct home_set *h = &c->loop_homes;

    c->swaps[c->swap_count++] = *s;
    c->swapped[s->vec] |= 1u << s->reg;
    h->of_row[s->outer] = -1;
    h->of_row[s->inner] = (int8_t)s->reg;
    h->row_of[s->vec][s->reg] = s->inner;
    h->entry_owner[s->vec][s->reg] = (uint16_t)(FIRST_ROW_VALUE + s->inner);
}

void loop_choose(struct compiler *c)
{
    uint8_t uses[IR_MAX_REGS] = {0};

    c->homes = &c->h->homes;
    c->swap_count = 0;
    c->swapped[0] = c->swapped[1] = 0;
    c->loops = leads_to_itself(c);
    if (!c->loops) {
        return;
    }
    look_at_uses(c, uses);
    c->loop_homes = c->h->homes;
    c->homes = &c->loop_homes;
    for (unsigned vec = 0; vec < 2; vec++) {
        for (uint32_t set = c->h->homes.mask[vec]; set; set &= set - 1) {
            const unsigned r = ctz32(set), outer = c->h->homes.row_of[vec][r];
            const int inner = uses[outer] ? -1 : best_row(c, uses, vec);
            if (inner >= 0) {
                add_swap(c, &(struct swap){.reg = (uint8_t)r,
                                           .outer = (uint8_t)outer,
                                           .inner = (uint8_t)inner,
                                           .vec = vec});
            }
        }
    }
}

static void load(struct compiler *c, const struct swap *s, unsigned row)
{
    load_register(c, c->h->config.guest->regs[row].type, s->reg, row_place(c->h, row));
}

static void store(struct compiler *c, const struct swap *s, unsigned row)
{
    store_register(c, c->h->config.guest->regs[row].type, s->reg, row_place(c->h, row));
}

void loop_enter(struct compiler *c)
{
    for (unsigned n = 0; n < c->swap_count; n++) {
        load(c, &c->swaps[n], c->swaps[n].inner);
        store(c, &c->swaps[n], c->swaps[n].outer);
    }
}

void loop_leave(struct compiler *c)
{
    for (unsigned n = 0; n < c->swap_count; n++) {
        const struct swap *s = &c->swaps[n];
        const bool put = c->last_put[s->inner] != 0;
        if (c->as.to_cold && put) {
            store(c, s, s->inner);
        }
        load(c, s, s->outer);
        if (!c->as.to_cold && put) {
            store(c, s, s->inner);
        }
    }
}
