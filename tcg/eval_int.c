/* SPDX-License-Identifier: MIT */
/*
 * Evaluators of integer scalars: the expressions of tcg/ops.h compiled into one switch, comparisons
 * and condition flags. Lanes of vector ops with an expression are evaluated here too.
 */
#include "base/bits.h"
#include "tcg/eval.h"
#include "tcg/opinfo.h"

/* ---- what the expressions of tcg/ops.h call; operands are zero-extended, w is the width */

static uint64_t eval_sext(uint64_t a, unsigned bits)
{
    return (uint64_t)sext64(a, bits);
}

static uint64_t eval_umulh(uint64_t a, uint64_t b, unsigned w)
{
    return (uint64_t)((u128)a * b >> w);
}

static uint64_t eval_smulh(uint64_t a, uint64_t b, unsigned w)
{
    return (uint64_t)((s128)sext64(a, w) * sext64(b, w) >> w);
}

static uint64_t eval_sdiv(uint64_t a, uint64_t b)
{
    if (b == 0) {
        return 0;
    }
    return b == UINT64_MAX ? 0 - a : (uint64_t)((int64_t)a / (int64_t)b);
}

static uint64_t eval_srem(uint64_t a, uint64_t b)
{
    if (b == 0 || b == UINT64_MAX) {
        return 0;
    }
    return (uint64_t)((int64_t)a % (int64_t)b);
}

static uint64_t eval_rotr(uint64_t a, uint64_t n, unsigned w)
{
    return ror64(a, (unsigned)n, w);
}

static uint64_t eval_clz(uint64_t a, unsigned w)
{
    return clz64(a) - (64 - w);
}

static uint64_t eval_ctz(uint64_t a, unsigned w)
{
    return a ? ctz64(a) : w;
}

static uint64_t eval_bswap(uint64_t a, unsigned w)
{
    return bswap64(a) >> (64 - w);
}

static uint64_t eval_rbit(uint64_t a, unsigned w)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 8; i++) {
        r = r << 8 | bit_reverse8((uint8_t)(a >> i * 8));
    }
    return r >> (64 - w);
}

static uint64_t eval_ubfx(uint64_t a, unsigned pos, unsigned len)
{
    return a >> pos & mask64(len);
}

static uint64_t eval_sbfx(uint64_t a, unsigned pos, unsigned len)
{
    return (uint64_t)sext64(a >> pos, len);
}

static uint64_t eval_dep(uint64_t a, uint64_t b, unsigned pos, unsigned len)
{
    return deposit64(a, pos + len - 1, pos, b);
}

/* The polynomials' bits reversed: bit 31 is the coefficient of x^0. */
static uint64_t crc_step(uint32_t crc, uint64_t bytes, unsigned n, uint32_t polynomial)
{
    for (unsigned i = 0; i < n; i++) {
        crc ^= (uint8_t)(bytes >> i * 8);
        for (unsigned k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        }
    }
    return crc;
}

static uint64_t eval_crc32(uint64_t a, uint64_t b, unsigned n)
{
    return crc_step((uint32_t)a, b, n, 0xedb88320);
}

static uint64_t eval_crc32c(uint64_t a, uint64_t b, unsigned n)
{
    return crc_step((uint32_t)a, b, n, 0x82f63b78);
}

struct division {
    uint64_t quotient, remainder;
    bool over;
};

static struct division eval_wide_div(uint64_t high, uint64_t low, uint64_t by, unsigned w)
{
    const u128 x = (u128)high << w | low;

    if (high >= by) {
        return (struct division){.over = true};
    }
    return (struct division){.quotient = (uint64_t)(x / by), .remainder = (uint64_t)(x % by)};
}

static struct division eval_wide_sdiv(uint64_t high, uint64_t low, uint64_t by, unsigned w)
{
    const s128 x = (s128)((u128)(s128)sext64(high, w) << w | low), d = sext64(by, w);
    const u128 size = x < 0 ? -(u128)x : (u128)x, by_size = d < 0 ? -(u128)d : (u128)d;

    if (by == 0 || size / by_size > (u128)mask64(w - 1) + ((x < 0) != (d < 0))) {
        return (struct division){.over = true};
    }
    return (struct division){.quotient = (uint64_t)(x / d), .remainder = (uint64_t)(x % d)};
}

/* ---- flags */

static uint64_t flags_nzp(uint64_t r, unsigned w)
{
    return (r >> (w - 1) & 1 ? IR_FLAG_N : 0u) | ((r & mask64(w)) == 0 ? IR_FLAG_Z : 0u) |
           (__builtin_parity((uint8_t)r) ? 0u : IR_FLAG_P);
}

static uint64_t flags_of_add(uint64_t a, uint64_t b, unsigned carry, unsigned w)
{
    const u128 sum = (u128)a + b + carry;
    const uint64_t r = (uint64_t)sum & mask64(w);
    return flags_nzp(r, w) | ((a ^ b ^ r) & 16 ? IR_FLAG_A : 0u) | (sum >> w ? IR_FLAG_C : 0u) |
           (((a ^ r) & (b ^ r)) >> (w - 1) & 1 ? IR_FLAG_V : 0u);
}

static uint64_t flags_of_sub(uint64_t a, uint64_t b, unsigned borrow, unsigned w)
{
    const uint64_t r = (a - b - borrow) & mask64(w);
    return flags_nzp(r, w) | ((a ^ b ^ r) & 16 ? IR_FLAG_A : 0u) |
           ((u128)a < (u128)b + borrow ? IR_FLAG_C : 0u) |
           (((a ^ b) & (a ^ r)) >> (w - 1) & 1 ? IR_FLAG_V : 0u);
}

/* a rotated through the carry by n places to the left, of w + 1. */
static uint64_t rotate_carry(uint64_t a, unsigned n, unsigned w, unsigned *carry)
{
    u128 x = (u128)*carry << w | a;

    n %= w + 1;
    x = x << n | x >> (w + 1 - n);
    *carry = (unsigned)(x >> w & 1);
    return (uint64_t)x & mask64(w);
}

static uint64_t flags_cv(uint64_t flags, unsigned carry, bool v)
{
    return (flags & ~(uint64_t)(IR_FLAG_C | IR_FLAG_V)) | (carry ? IR_FLAG_C : 0u) |
           (v ? IR_FLAG_V : 0u);
}

static unsigned count_of(uint64_t b, unsigned w)
{
    return b & (w == 64 ? 63 : 31);
}

static uint64_t flags_of_shift(enum ir_op op, uint64_t a, unsigned n, unsigned w)
{
    const bool sign = a >> (w - 1) & 1;
    uint64_t r;
    unsigned carry;

    if (op == IR_flags_shl) {
        r = n < w ? a << n & mask64(w) : 0;
        carry = n <= w ? a >> (w - n) & 1 : 0;
        return flags_cv(flags_nzp(r, w), carry, n == 1 && (r >> (w - 1) & 1) != carry);
    }
    if (op == IR_flags_shr) {
        r = n < w ? a >> n : 0;
        carry = n <= w ? a >> (n - 1) & 1 : 0;
        return flags_cv(flags_nzp(r, w), carry, n == 1 && sign);
    }
    r = (uint64_t)(sext64(a, w) >> n) & mask64(w);
    return flags_cv(flags_nzp(r, w), sext64(a, w) >> (n - 1) & 1, false);
}

static uint64_t flags_of_rotation(enum ir_op op, uint64_t a, unsigned n, unsigned w, uint64_t flags)
{
    const bool left = op == IR_flags_rol || op == IR_flags_rcl;
    unsigned carry = flags & IR_FLAG_C ? 1 : 0;
    uint64_t r;

    if (op == IR_flags_rcl || op == IR_flags_rcr) {
        r = rotate_carry(a, left ? n : w + 1 - n % (w + 1), w, &carry);
    } else {
        r = eval_rotr(a, (left ? 2 * w - n % w : n) % w, w);
        carry = (left ? r : r >> (w - 1)) & 1;
    }
    const bool top = r >> (w - 1) & 1, next = r >> (w - 2) & 1;
    return flags_cv(flags, carry, n == 1 && top != (left ? (bool)carry : next));
}

static uint64_t eval_moved(const struct ir_insn *in, uint64_t a, uint64_t b, uint64_t c)
{
    const unsigned w = ir_lane_bits(in->type == T_FLAGS ? in->src : in->type), n = count_of(b, w);
    unsigned carry = c & IR_FLAG_C ? 1 : 0;

    switch (in->op) {
    case IR_rcl:
        return rotate_carry(a, n, w, &carry);
    case IR_rcr:
        return rotate_carry(a, w + 1 - n % (w + 1), w, &carry);
    default:
        break;
    }
    if (n == 0) {
        return c;
    }
    return ir_ops[in->op].effects & IR_SHIFT ? flags_of_shift((enum ir_op)in->op, a, n, w)
                                             : flags_of_rotation((enum ir_op)in->op, a, n, w, c);
}

bool ir_eval_condition(enum ir_cond cond, uint64_t flags)
{
    const bool n = flags & IR_FLAG_N, z = flags & IR_FLAG_Z, c = flags & IR_FLAG_C;
    const bool v = flags & IR_FLAG_V, p = flags & IR_FLAG_P;
    /* By pairs: the odd conditions are the negations. */
    const bool holds[8] = {v, c, z, c || z, n, p, n != v, z || n != v};
    return holds[cond >> 1] != (bool)(cond & 1);
}

/* The rows of tcg/ops.h whose evaluator is NOEVAL but which depend on their operands alone. */
static uint64_t eval_flags(const struct ir_insn *in, uint64_t a, uint64_t b, uint64_t c)
{
    const unsigned w = ir_lane_bits(in->src);
    const unsigned carry = c & IR_FLAG_C ? 1 : 0;

    if (ir_gives_moved_flags(in->op)) {
        return eval_moved(in, a, b, c);
    }
    switch (in->op) {
    case IR_cmp:
        return ir_eval_condition((enum ir_cond)in->aux, flags_of_sub(a, b, 0, w));
    case IR_tst:
        return ir_eval_condition((enum ir_cond)in->aux, flags_nzp(a & b, w));
    case IR_select:
    case IR_flags_select:
        return a ? b : c;
    case IR_flags_add:
        return flags_of_add(a, b, 0, w);
    case IR_flags_sub:
        return flags_of_sub(a, b, 0, w);
    case IR_flags_logic:
        return flags_nzp(a, w);
    case IR_flags_adc:
        return flags_of_add(a, b, carry, w);
    case IR_flags_sbb:
        return flags_of_sub(a, b, carry, w);
    case IR_adc:
        return a + b + carry;
    case IR_sbb:
        return a - b - carry;
    case IR_rcl:
    case IR_rcr:
        return eval_moved(in, a, b, c);
    case IR_flags_with:
        return (a & ~(uint64_t)in->aux) | (b & in->aux);
    case IR_flags_cmc:
        return a ^ IR_FLAG_C;
    case IR_flags_from:
    case IR_flags_bits:
        return a & IR_FLAGS_ALL;
    case IR_flags_test:
        return ir_eval_condition((enum ir_cond)in->aux, a);
    default:
        assert(!"an op without a scalar evaluator");
        return 0;
    }
}

uint64_t ir_eval_scalar(const struct ir_insn *in, uint64_t a, uint64_t b, uint64_t c)
{
    const unsigned w = ir_lane_bits(in->type), src_bits = ir_lane_bits(in->src);
    const uint32_t aux = in->aux;
    const uint64_t imm = in->imm;
    uint64_t r = 0;

#define sx(x) eval_sext(x, w)
#define NOEVAL eval_flags(in, a, b, c)
#define EV(function) eval_flags(in, a, b, c)
#define OP(name, shape, effects, evaluator)                                                        \
    case IR_##name:                                                                                \
        r = (uint64_t)(evaluator);                                                                 \
        break;
    switch ((enum ir_op)in->op) {
#include "tcg/ops.h"
    case IR_OP_COUNT:
        break;
    }
#undef OP
#undef EV
#undef NOEVAL
#undef sx
    return r & mask64(w);
}
