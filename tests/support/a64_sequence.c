/* SPDX-License-Identifier: MIT */
/*
 * Random sequences for A64 test cases: instructions of any rows, most of which use a register that
 * an earlier one names. Some run straight through; others have branches forward, a loop and a
 * subroutine, so that values and flags live across blocks. In some an access faults in the middle.
 *
 * Addresses stay in registers that nothing else writes, and near the middle of the window.
 */
#include "tests/support/a64_generate.h"

#include "cpu/arm/a64_decode.h"
#include "tests/support/a64_operands.h"
#include "tests/support/a64_text.h"

#define COUNTER 20u /* of a loop */
#define FIRST_INDEX 21u
#define FIRST_BASE 24u
#define LAST_BASE 28u
#define LINK 30u
#define BIT(n) (UINT32_C(1) << (n))
#define KEPT_REGISTERS (BIT(31) | BIT(LINK) | (BIT(LAST_BASE + 1) - BIT(COUNTER)))

#define BRK 0xd4200000u
#define RET 0xd65f03c0u
#define SUB_1(r) (0xd1000400u | (r) << 5 | (r))
#define CBNZ(r) (0xb5000000u | (r))
#define BL 0x94000000u

/* A sequence in the making: registers that its instructions name so far. */
struct sequence {
    struct a64_maker *m;
    uint32_t general, vector;
    bool loops; /* nothing may move a base on and on */
    bool general_only;
};

/* Makes the memory operand one that stays near the middle of the window. */
static bool tame_memory(struct sequence *s, uint32_t *insn)
{
    struct a64_memory op;
    struct rng *r = s->m->rng;
    uint32_t base = FIRST_BASE + (uint32_t)rng_below(r, LAST_BASE - FIRST_BASE + 1);
    uint32_t word = (*insn & ~(31u << 5)) | base << 5;
    a64_memory_operand(word, &op);
    if (op.index >= 0 || op.post >= 0) {
        word = (word & ~(31u << 16)) | (FIRST_INDEX + (uint32_t)rng_below(r, 3)) << 16;
    }
    *insn = word;
    return op.offset >= -160 && op.offset <= 160 && !(s->loops && op.writes_back);
}

/* Does the instruction leave the kept registers alone, but for the operand of memory? */
static bool keeps_registers(uint32_t insn, bool memory)
{
    uint32_t named, vectors;
    a64_registers(insn, &named, &vectors);
    if (!memory) {
        return !(named & KEPT_REGISTERS);
    }
    /* the operand has the fields of Rn and, with an index, Rm; the rest may not be kept ones */
    struct a64_memory op;
    a64_memory_operand(insn, &op);
    int index = op.index >= 0 ? op.index : op.post;
    uint32_t used = BIT(op.base) | (index >= 0 ? BIT(index) : 0);
    return !(named & KEPT_REGISTERS & ~used) && (insn & 31) != op.base &&
           (insn >> 10 & 31) != op.base && (insn >> 16 & 31) != op.base;
}

static bool random_member(struct sequence *s, uint32_t *insn)
{
    struct a64_memory op;
    unsigned row = (unsigned)rng_below(s->m->rng, A64_ROW_COUNT);
    if (!a64_row_in_sequences(row) || !a64_random_insn(s->m->rng, row, insn)) {
        return false;
    }
    bool memory = a64_memory_operand(*insn, &op);
    if (memory && !tame_memory(s, insn)) {
        return false;
    }
    return a64_decode_row(*insn) == row && !a64_unpredictable(row, *insn) &&
           keeps_registers(*insn, memory);
}

/* Of the wanted kind, and three of four are chosen to use a register that an earlier one names. */
static bool fits(struct sequence *s, uint32_t insn)
{
    uint32_t general, vector;
    a64_registers(insn, &general, &vector);
    if (s->general_only && vector) {
        return false;
    }
    bool wanted = s->m->c->count == 0 || a64_once_in(s->m->rng, 4) ||
                  (s->general & general & ~KEPT_REGISTERS) || (s->vector & vector);
    if (wanted) {
        s->general |= general;
        s->vector |= vector;
    }
    return wanted;
}

/* Appends a random instruction. */
static void add_member(struct sequence *s)
{
    uint32_t insn;
    for (int tries = 0; tries < 4000; tries++) {
        if (random_member(s, &insn) && fits(s, insn)) {
            a64_emit(s->m, insn);
            s->m->c->in.fpcr &= ~a64_fpcr_unlike(a64_decode_row(insn));
            return;
        }
    }
}

/* ---- branches: made without their distance, which is known later */

static uint32_t random_branch(struct rng *r)
{
    uint32_t reg = (uint32_t)rng_below(r, 20), bits = rng_u32(r);
    switch (rng_below(r, 6)) {
    case 0:
        return 0x14000000u; /* B */
    case 1:
        return 0x34000000u | (bits & (BIT(31) | BIT(24))) | reg; /* CBZ, CBNZ */
    case 2:
        return 0x36000000u | (bits & (BIT(31) | BIT(24) | 31u << 19)) | reg; /* TBZ, TBNZ */
    default:
        return 0x54000000u | (bits & 15); /* B.cond */
    }
}

static void set_distance(uint32_t *insn, int words)
{
    uint32_t w = (uint32_t)words;
    if ((*insn >> 26 & 31) == 5) { /* B, BL */
        *insn |= w & 0x3ffffff;
    } else if ((*insn >> 25 & 0x3f) == 0x1b) {
        *insn |= (w & 0x3fff) << 5;
    } else {
        *insn |= (w & 0x7ffff) << 5;
    }
}

static bool is_branch(uint32_t insn)
{
    return (insn & ~UINT32_C(0x80000000)) == 0x14000000u || (insn >> 25 & 0x3f) == 0x1a ||
           (insn >> 25 & 0x3f) == 0x1b || insn >> 24 == 0x54;
}

/* The branches from first on go forward, at most to last; calls to the subroutine. */
static void set_distances(struct sequence *s, unsigned first, unsigned last, unsigned subroutine)
{
    struct a64_case *c = s->m->c;
    for (unsigned i = first; i < last; i++) {
        if (c->insn[i] == BL) {
            set_distance(&c->insn[i], (int)(subroutine - i));
        } else if (is_branch(c->insn[i])) {
            unsigned most = last - i < 8 ? last - i : 8;
            set_distance(&c->insn[i], 1 + (int)rng_below(s->m->rng, most));
        }
    }
}

static void add_body(struct sequence *s, unsigned length, bool calls)
{
    for (unsigned i = 0; i < length; i++) {
        if (a64_once_in(s->m->rng, 5)) {
            a64_emit(s->m, random_branch(s->m->rng));
        } else if (calls && a64_once_in(s->m->rng, 6)) {
            a64_emit(s->m, BL);
        } else {
            add_member(s);
        }
    }
}

/* Straight code, a body that may be repeated, BRK, a subroutine. */
static void add_program(struct sequence *s)
{
    struct rng *r = s->m->rng;
    struct a64_case *c = s->m->c;
    bool calls = a64_once_in(r, 2);
    s->loops = a64_once_in(r, 2);
    add_body(s, (unsigned)rng_below(r, 8), false);
    unsigned top = c->count;
    add_body(s, 3 + (unsigned)rng_below(r, 20), calls);
    unsigned bottom = c->count;
    if (s->loops) {
        c->in.x[COUNTER] = 1 + rng_below(r, 12);
        a64_emit(s->m, SUB_1(COUNTER));
        uint32_t back = CBNZ(COUNTER);
        set_distance(&back, (int)top - (int)c->count);
        a64_emit(s->m, back);
    }
    add_body(s, (unsigned)rng_below(r, 6), false);
    unsigned end = c->count;
    a64_emit(s->m, BRK);
    set_distances(s, 0, bottom, end + 1);
    set_distances(s, bottom + 2 * s->loops, end, end + 1);
    for (unsigned i = 0, n = 1 + (unsigned)rng_below(r, 5); calls && i < n; i++) {
        add_member(s);
    }
    a64_emit(s->m, RET);
}

static void add_straight(struct sequence *s)
{
    unsigned most = a64_once_in(s->m->rng, 4) ? A64_SLOT_WORDS - 10 : 10;
    for (unsigned n = 2 + (unsigned)rng_below(s->m->rng, most); n; n--) {
        add_member(s);
    }
}

void a64_make_sequence(struct a64_maker *m)
{
    struct sequence s = {.m = m, .general_only = a64_once_in(m->rng, 2)};
    struct a64_state *in = &m->c->in;
    a64_fill_state(m->rng, in, (unsigned)rng_below(m->rng, 4));
    for (unsigned i = FIRST_INDEX; i < FIRST_BASE; i++) {
        in->x[i] = rng_below(m->rng, 16);
    }
    for (unsigned i = FIRST_BASE; i <= LAST_BASE; i++) {
        in->x[i] = A64_MIDDLE - 64 + 8 * rng_below(m->rng, 16);
    }
    if (a64_once_in(m->rng, 3)) { /* an access may fault */
        in->x[LAST_BASE] = A64_WINDOW_END - rng_below(m->rng, 80);
    }
    if (a64_once_in(m->rng, 3)) {
        in->x[FIRST_BASE] += rng_below(m->rng, 8);
    }
    if (a64_once_in(m->rng, 2)) {
        add_program(&s);
    } else {
        add_straight(&s);
    }
}
