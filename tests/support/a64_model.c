/* SPDX-License-Identifier: MIT */
/* See a64_model.h. */
#include "tests/support/a64_model.h"

#include <assert.h>
#include <string.h>

#include "cpu/arm/a64_decode.h"

bool a64_row_modelled(unsigned row)
{
    return a64_row_needs(row, a64_rows[row].value, A64_FEAT_cssc);
}

static int64_t sign_extend(uint64_t v, unsigned bits)
{
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

/* n and m are zero-extended from bits; opcode: SMAX, UMAX, SMIN, UMIN. */
static uint64_t extreme(unsigned opcode, uint64_t n, uint64_t m, unsigned bits)
{
    bool is_unsigned = opcode & 1, minimum = opcode & 2;
    bool n_above = is_unsigned ? n > m : sign_extend(n, bits) > sign_extend(m, bits);
    return n_above != minimum ? n : m;
}

/* CTZ, CNT, ABS */
static uint64_t one_source(unsigned opcode, uint64_t n, unsigned bits)
{
    switch (opcode) {
    case 6: {
        unsigned zeros = 0;
        while (zeros < bits && !(n >> zeros & 1)) {
            zeros++;
        }
        return zeros;
    }
    case 7: {
        unsigned ones = 0;
        for (unsigned i = 0; i < bits; i++) {
            ones += n >> i & 1;
        }
        return ones;
    }
    default:
        return n >> (bits - 1) & 1 ? 0 - n : n;
    }
}

static uint64_t register_of(const struct a64_state *s, unsigned n, uint64_t mask)
{
    return n == 31 ? 0 : s->x[n] & mask;
}

void a64_model(const struct a64_case *c, struct a64_record *r)
{
    enum {
        BRK_SYNDROME = UINT32_C(0x3c) << 26 | 1 << 25
    };
    uint32_t insn = c->insn[0];
    assert(c->count == 1 && a64_row_modelled(a64_decode_row(insn)));
    unsigned bits = insn >> 31 ? 64 : 32, rd = insn & 31;
    uint64_t mask = bits == 64 ? UINT64_MAX : UINT32_MAX, v;
    uint64_t n = register_of(&c->in, insn >> 5 & 31, mask);
    memset(r, 0, sizeof(*r));
    r->bytes = sizeof(*r);
    r->esr = BRK_SYNDROME;
    r->s = c->in;
    r->s.pc = c->in.pc + 4;
    if ((insn >> 23 & 0x3f) == 0x23) { /* immediate */
        uint64_t m = insn >> 10 & 0xff;
        m = insn >> 18 & 1 ? m : (uint64_t)sign_extend(m, 8) & mask;
        v = extreme(insn >> 18 & 3, n, m, bits);
    } else if (insn >> 30 & 1) {
        v = one_source(insn >> 10 & 0x3f, n, bits);
    } else {
        v = extreme(insn >> 10 & 3, n, register_of(&c->in, insn >> 16 & 31, mask), bits);
    }
    if (rd != 31) {
        r->s.x[rd] = v & mask;
    }
}
