/* SPDX-License-Identifier: MIT */
/*
 * Comparisons of strings: SSE4.2. Intel SDM, volume 2,
 * 4.1 (the immediate byte), PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
 */
#include "cpu/x86/sse.h"

/* ---- the comparison: volume 2, 4.1 */

struct strings {
    const union ir_vec *x, *y;
    unsigned count; /* of elements in a register */
    unsigned length_x, length_y;
    unsigned imm;
};

static int element(const struct strings *s, const union ir_vec *v, unsigned n)
{
    switch (s->imm & 3) {
    case 0:
        return v->u8[n];
    case 1:
        return v->u16[n];
    case 2:
        return v->s8[n];
    default:
        return v->s16[n];
    }
}

/* Whether element j of y is one of x, or in one of its ranges. */
static bool is_in_set(const struct strings *s, unsigned j, bool ranges)
{
    const int e = element(s, s->y, j);
    for (unsigned k = 0; k < s->length_x; k += ranges ? 2 : 1) {
        if (!ranges && element(s, s->x, k) == e) {
            return true;
        }
        if (ranges && k + 1 < s->length_x && element(s, s->x, k) <= e &&
            e <= element(s, s->x, k + 1)) {
            return true;
        }
    }
    return false;
}

/* Whether x begins at element j of y, as far as y goes. */
static bool is_at(const struct strings *s, unsigned j)
{
    for (unsigned k = 0; k < s->length_x && j + k < s->count; k++) {
        if (j + k >= s->length_y || element(s, s->x, k) != element(s, s->y, j + k)) {
            return false;
        }
    }
    return true;
}

static bool matches(const struct strings *s, unsigned j)
{
    const bool has_x = j < s->length_x, has_y = j < s->length_y;
    switch (s->imm >> 2 & 3) {
    case 0:
    case 1:
        return has_y && is_in_set(s, j, s->imm >> 2 & 1);
    case 2:
        return has_x && has_y ? element(s, s->x, j) == element(s, s->y, j) : !has_x && !has_y;
    default:
        return is_at(s, j);
    }
}

/* A bit for each element of y. */
static uint32_t compare(const struct strings *s)
{
    uint32_t r = 0;
    for (unsigned j = 0; j < s->count; j++) {
        const bool negated = (s->imm & 0x10) && (!(s->imm & 0x20) || j < s->length_y);
        r |= (uint32_t)(matches(s, j) != negated) << j;
    }
    return r;
}

/* Up to the first element that is 0. */
static unsigned implicit_length(const struct strings *s, const union ir_vec *v)
{
    unsigned n = 0;
    while (n < s->count && element(s, v, n)) {
        n++;
    }
    return n;
}

static unsigned explicit_length(int64_t n, unsigned count)
{
    const uint64_t m = n < 0 ? -(uint64_t)n : (uint64_t)n;
    return m < count ? (unsigned)m : count;
}

#define A_EXPLICIT 0x100u
#define A_MASK 0x200u

/* d: the index or the mask, in the low half (the mask in all), and flags above an index. c:
 * lengths. */
static void do_compare_strings(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                               const union ir_vec *b, const union ir_vec *c, uint32_t aux)
{
    struct strings s = {.x = a, .y = b, .count = aux & 1 ? 8 : 16, .imm = aux & 0xff};
    union ir_vec r = {.u64 = {0, 0, 0, 0}};
    (void)v;
    s.length_x = aux & A_EXPLICIT ? explicit_length(c->s64[0], s.count) : implicit_length(&s, a);
    s.length_y = aux & A_EXPLICIT ? explicit_length(c->s64[1], s.count) : implicit_length(&s, b);
    const uint32_t found = compare(&s);
    const uint64_t flags = (found ? X86_PACK_CF : 0u) | (s.length_y < s.count ? X86_PACK_ZF : 0u) |
                           (s.length_x < s.count ? X86_PACK_SF : 0u) |
                           (found & 1 ? X86_PACK_OF : 0u);
    if (!(aux & A_MASK)) {
        r.u64[0] = !found ? s.count : s.imm & 0x40 ? log2_floor(found) : ctz32(found);
        r.u64[1] = flags;
    } else if (!(s.imm & 0x40)) {
        r.u64[0] = found;
    } else {
        for (unsigned k = 0; k < 16; k++) {
            r.u8[k] = found >> (s.count == 8 ? k / 2 : k) & 1 ? 0xff : 0;
        }
    }
    *d = r;
}
X86_VECTOR_CALL(compare_strings);

/* ---- instructions */

static ir_val length_of(struct x86_block *c, const struct x86_instr *i, unsigned reg)
{
    return i->w && i->mode == 8 ? ir_get(c->b, reg) : ir_sext(c->b, T_I64, x86_read_reg(c, reg, 4));
}

static void strings(struct x86_block *c, const struct x86_instr *i, uint32_t how)
{
    struct ir_builder *b = c->b;
    const uint32_t aux = ((uint32_t)i->imm & 0xff) | how;
    ir_val lengths = IR_NONE;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector_unaligned(c, i, &i->op[1]);
    if (how & A_EXPLICIT) {
        lengths = ir_vset(b, T_I64X2, ir_vzext(b, length_of(c, i, X86_RAX)), 1,
                          length_of(c, i, X86_RDX));
    }
    const ir_val r = ir_call(b, T_V128, &row_compare_strings, x, y, lengths, aux & ~A_MASK);
    if (how & A_MASK) {
        x86_put_xmm(c, 0, ir_call(b, T_V128, &row_compare_strings, x, y, lengths, aux));
    } else {
        ir_put(b, X86_RCX, ir_vget(b, T_I64, r, 0));
    }
    x86_put_flags(c, ir_flags_from(b, ir_trunc(b, T_I32, ir_vget(b, T_I64, r, 1))));
}

X86_BOTH(strings, pcmpestri, A_EXPLICIT)
X86_BOTH(strings, pcmpestrm, A_EXPLICIT | A_MASK)
X86_BOTH(strings, pcmpistri, 0)
X86_BOTH(strings, pcmpistrm, A_MASK)
