/* SPDX-License-Identifier: MIT */
/* See a64_generate.h: batches, and single instructions. */
#include "tests/support/a64_generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/arm/a64_decode.h"
#include "tests/support/a64_operands.h"
#include "tests/support/a64_text.h"

#define BRK UINT32_C(0xd4200000)

const char *const a64_kind_names[A64_KINDS] = {"el0", "el1", "sequence", "pauth"};

/* Random bits; often mostly ones or mostly zeros, which operands treat specially. */
static uint32_t random_bits(struct rng *r)
{
    uint32_t bits = rng_u32(r);
    switch (rng_below(r, 4)) {
    case 0:
        return bits | rng_u32(r);
    case 1:
        return bits & rng_u32(r);
    default:
        return bits;
    }
}

/* Often uses one register twice: destination and source, both sources. */
static uint32_t share_registers(struct rng *r, uint32_t insn)
{
    static const unsigned at[] = {0, 5, 10, 16};
    unsigned from = at[rng_below(r, 4)], to = at[rng_below(r, 4)];
    return a64_once_in(r, 8) ? (insn & ~(31u << to)) | (insn >> from & 31) << to : insn;
}

bool a64_random_insn(struct rng *r, unsigned row, uint32_t *insn)
{
    const struct a64_row *d = &a64_rows[row];
    for (int i = 0; i < 20000; i++) {
        uint32_t word = share_registers(r, (random_bits(r) & ~d->mask) | d->value);
        word = (word & ~d->mask) | d->value;
        if (a64_decode_row(word) == row && !a64_unpredictable(row, word)) {
            *insn = word;
            return true;
        }
    }
    return false;
}

/* An address for an access: mostly within the first part of the window, aligned or not. */
static uint64_t random_address(struct rng *r)
{
    uint64_t within = A64_MAIN + 64 + rng_below(r, A64_MAIN_BYTES - 256);
    switch (rng_below(r, 16)) {
    case 0: /* across the pages' border */
    case 1:
        return A64_MIDDLE - rng_below(r, 33);
    case 2: /* up to and across the window's end */
        return A64_WINDOW_END - rng_below(r, 65);
    case 3: /* not mapped */
        return A64_WINDOW_END + rng_below(r, 64);
    case 4:
    case 5:
        return within;
    case 6: /* within 16 bytes, but not aligned to its size */
        return (within & ~UINT64_C(15)) | rng_below(r, 12);
    case 7:
        return within & ~UINT64_C(63);
    default:
        return within & ~UINT64_C(15);
    }
}

static uint64_t *general(struct a64_maker *m, unsigned n)
{
    struct a64_state *s = &m->c->in;
    return n < 31 ? &s->x[n] : m->el1 ? &s->sp_el1 : &s->sp;
}

/* Compare-and-swap often finds what it compares with; single and pair. */
static void expect_memory(struct a64_maker *m, uint32_t insn, uint64_t address)
{
    const char *name = a64_rows[a64_decode_row(insn)].name;
    unsigned rs = insn >> 16 & 31;
    bool pair = strcmp(name, "casp") == 0;
    const uint8_t *p = a64_pattern_at(m->batch, address, 16);
    if (!p || rs >= 30 || (strcmp(name, "cas") != 0 && !pair) || a64_once_in(m->rng, 2)) {
        return;
    }
    unsigned bytes = pair ? 4u << (insn >> 30 & 1) : 8;
    memcpy(&m->c->in.x[rs], p, bytes);
    if (pair) {
        memcpy(&m->c->in.x[rs + 1], p + bytes, bytes);
    }
}

void a64_aim(struct a64_maker *m, uint32_t insn)
{
    struct a64_memory op;
    if (!a64_memory_operand(insn, &op)) {
        return;
    }
    uint64_t address = random_address(m->rng), offset = (uint64_t)op.offset;
    if (op.index >= 0 && op.index != (int)op.base) {
        if (op.index < 31 && a64_once_in(m->rng, 2)) {
            m->c->in.x[op.index] = a64_integer(m->rng);
        }
        offset = a64_index_value(&op, op.index < 31 ? m->c->in.x[op.index] : 0);
    }
    uint64_t base = address - offset;
    if (op.base == 31) {
        base &= ~UINT64_C(15); /* no alignment faults of SP: tests/system has them */
    } else if (a64_once_in(m->rng, 16)) {
        base ^= rng_u64(m->rng) << 56; /* the top byte is ignored */
    }
    *general(m, op.base) = base;
    expect_memory(m, insn, base + offset);
}

/* Starts case i of the batch. */
static struct a64_maker start(struct a64_batch *b, unsigned i, struct rng *r, bool el1)
{
    struct a64_maker m = {r, b, &b->cases[i], a64_slot(i), el1};
    struct a64_case *c = m.c;
    c->count = 0;
    c->flags = el1 ? A64_CASE_SYSTEM : 0;
    for (unsigned w = 0; w < A64_SLOT_WORDS; w++) {
        c->insn[w] = BRK;
    }
    return m;
}

static void finish(struct a64_maker *m)
{
    enum {
        DAIF = 0x3c0,
        EL1H = 5
    };
    m->c->in.pc = m->slot;
    m->c->in.pstate |= DAIF | (m->el1 ? EL1H : 0);
}

static void make_single(struct a64_maker *m, unsigned row)
{
    uint32_t insn;
    m->c->row = (uint16_t)row;
    m->c->flags |= (a64_row_system(row) ? A64_CASE_SYSTEM : 0) |
                   (a64_row_pauth(row) ? A64_CASE_SYSTEM | A64_CASE_PAUTH : 0);
    if (!a64_random_insn(m->rng, row, &insn)) {
        insn = BRK;
    }
    int esz = a64_element(insn);
    a64_fill_state(m->rng, &m->c->in, esz >= 0 ? (unsigned)esz : (unsigned)rng_below(m->rng, 4));
    if (!a64_recipe(m, row, insn)) {
        a64_aim(m, insn);
        a64_emit(m, insn);
    }
    finish(m);
}

/* The rows that a batch of the kind goes through. */
static unsigned list_rows(enum a64_kind kind, unsigned only, uint16_t *rows)
{
    unsigned n = 0;
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        bool wanted = !a64_row_elsewhere(row) &&
                      (kind == A64_PAUTH ? a64_row_pauth(row)
                                         : kind == A64_SINGLE_EL1 || !a64_row_system(row));
        if (only == A64_ROW_NONE ? wanted : row == only) {
            rows[n++] = (uint16_t)row;
        }
    }
    return n;
}

struct a64_batch *a64_generate(enum a64_kind kind, uint64_t seed, unsigned count, unsigned row)
{
    struct a64_batch *b = mem_alloc(sizeof(*b));
    struct rng r;
    uint16_t rows[A64_ROW_COUNT];
    unsigned n = list_rows(kind, row, rows);
    b->count = count;
    b->cases = mem_array(count, sizeof(*b->cases));
    rng_seed(&r, seed);
    a64_fill_pattern(&r, b->pattern, sizeof(b->pattern));
    for (unsigned i = 0; i < count; i++) {
        /* a case depends on the seed and its number only, so that it can be made alone */
        rng_seed(&r, seed ^ (uint64_t)(i + 1) << 32 ^ (uint64_t)kind << 60);
        struct a64_maker m = start(b, i, &r, kind == A64_SINGLE_EL1 || kind == A64_PAUTH);
        if (kind == A64_SEQUENCE) {
            m.c->row = A64_ROW_NONE;
            a64_make_sequence(&m);
            finish(&m);
        } else {
            make_single(&m, rows[i % n]);
        }
    }
    return b;
}

void a64_batch_free(struct a64_batch *b)
{
    mem_free(b->cases);
    mem_free(b);
}
