/* SPDX-License-Identifier: MIT */
/* Integer ops. Everything is emitted backwards: read each function's instructions from the bottom
 * up. */
#include "tcg/host/x86_64/compile.h"

static bool is64(const struct ir_insn *in)
{
    return in->type == T_I64;
}

static bool plain(const struct ir_insn *in)
{
    return in->type == T_I64 || in->type == T_I32;
}

static bool commutes(unsigned op)
{
    return op != IR_sub && op != IR_andn;
}

/* dst = a, as the first instruction of the op; a finds its register there if it has none. */
static void start_with(struct compiler *c, unsigned dst, ir_val a)
{
    uint64_t k;

    if (c->reg[value(c, a)] < 0 && constant(c, a, &k)) {
        x_mov_imm(&c->as, dst, k);
        return;
    }
    copy(c, false, dst, use_here(c, a, dst));
}

/*
 * As above, but before any instruction of the op is emitted: makes sure that start_with will need
 * no eviction. Returns false when a is a constant that start_with will load.
 */
static void claim_first(struct compiler *c, unsigned dst, ir_val a)
{
    uint64_t k;

    if (!(c->reg[value(c, a)] < 0 && constant(c, a, &k))) {
        use_here(c, a, dst);
    }
}

static void add_by_lea(struct compiler *c, bool w, unsigned dst, ir_val a, ir_val b)
{
    int32_t k;

    if (imm32(c, b, w ? T_I64 : T_I32, &k)) {
        x_lea(&c->as, w, dst, at(use(c, a, 0), k));
    } else {
        const unsigned ra = use(c, a, 0), rb = use(c, b, 0);
        x_lea(&c->as, w, dst, at_index(ra, rb, 0, 0));
    }
}

static void two_operand(struct compiler *c, unsigned alu, bool w, unsigned dst, ir_val a, ir_val b)
{
    int32_t k;

    if (imm32(c, b, w ? T_I64 : T_I32, &k)) {
        claim_first(c, dst, a);
        x_alu_imm(&c->as, alu, w, reg_operand(dst), k);
    } else {
        const unsigned rb = use(c, b, 1u << dst);
        claim_first(c, dst, a);
        x_alu(&c->as, alu, w, dst, rb);
    }
    start_with(c, dst, a);
}

static unsigned alu_of(unsigned op)
{
    switch (op) {
    case IR_add:
        return ALU_ADD;
    case IR_sub:
        return ALU_SUB;
    case IR_or:
        return ALU_OR;
    case IR_xor:
        return ALU_XOR;
    default:
        return ALU_AND;
    }
}

static void emit_andn(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c);
    const bool w = is64(in);
    uint64_t k;

    if (c->h->bmi1 && !constant(c, in->b, &k)) {
        const unsigned rb = use(c, in->b, 0), ra = use(c, in->a, 0);
        emit_v(&c->as, OPC(PP_NONE, MAP_0F38, 0xf2) | W(w), dst, rb, reg_operand(ra), 0, 0);
        return;
    }
    const unsigned rb = use(c, in->b, 0);
    claim_first(c, dst, in->a);
    const unsigned ra = use_here(c, in->a, dst);
    copy(c, false, dst, RAX);
    x_alu(&c->as, ALU_AND, w, RAX, ra);
    emit_rr(&c->as, OPC(0, 0, 0xf7) | W(w), 2, RAX);
    x_mov(&c->as, true, RAX, rb);
}

void emit_alu(struct compiler *c, const struct ir_insn *in)
{
    if (ir_is_vector(in->type)) {
        if (c->pending.kind) {
            flush_flags(c);
        }
        emit_vector(c, in);
        return;
    }
    if (in->op == IR_andn) {
        emit_andn(c, in);
        return;
    }
    const bool produces = flags_from_alu(c, in);
    ir_val a = in->a, b = in->b;
    uint64_t k;

    if (commutes(in->op) && !constant(c, b, &k) &&
        (constant(c, a, &k) || (c->reg[value(c, a)] >= 0 && c->reg[value(c, b)] < 0))) {
        a = in->b;
        b = in->a;
    }
    /* lea leaves the flags alone and needs no copy of a. */
    const bool can_lea = in->op == IR_add && plain(in) && !produces && !constant(c, a, &k);
    if (c->pending.kind && !can_lea) {
        flush_flags(c);
        c->locked[0] = 0;
    }
    const unsigned dst = def(c);
    const bool a_elsewhere = c->reg[value(c, a)] >= 0 && c->reg[value(c, a)] != (int)dst;
    if (can_lea && (a_elsewhere || c->pending.kind)) {
        add_by_lea(c, is64(in), dst, a, b);
    } else {
        two_operand(c, alu_of(in->op), is64(in), dst, a, b);
    }
}

/* high:low = rdx * r */
static void emit_mulx(struct compiler *c, const struct ir_insn *in, unsigned dst)
{
    const bool high = in->op == IR_umulh;
    const unsigned rb = use(c, in->b, 0), ra = use(c, in->a, 0);

    emit_v(&c->as, OPC(PP_F2, MAP_0F38, 0xf6) | OP_W, high ? dst : RAX, high ? RAX : dst,
           reg_operand(rb), 0, 0);
    x_mov(&c->as, true, RDX, ra);
}

static bool uses_value(const struct compiler *c, uint32_t i, uint32_t v)
{
    const struct ir_insn *in = &c->insns[i];

    return value(c, in->a) == v || value(c, in->b) == v || value(c, in->c) == v;
}

/* The op a little before that makes the other half of the product of op i, which is one of the
 * halves, and is wanted, but not before op i; or 0. */
static uint32_t other_half(const struct compiler *c, const struct ir_insn *in)
{
    for (uint32_t n = c->i - 1; n > 0 && n + 4 > c->i; n--) {
        const struct ir_insn *x = &c->insns[n];
        const bool halves = (x->op == IR_mul) != (in->op == IR_mul) &&
                            (x->op == IR_mul || x->op == IR_umulh || x->op == IR_smulh);
        if (halves && x->type == in->type && value(c, x->a) == value(c, in->a) &&
            value(c, x->b) == value(c, in->b)) {
            bool early = c->reg[n] < 0 && !c->spill[n];
            for (uint32_t k = n + 1; k < c->i; k++) {
                early |= uses_value(c, k, n);
            }
            return early ? 0 : n;
        }
    }
    return 0;
}

/* Both halves by one instruction. */
static bool emit_product(struct compiler *c, const struct ir_insn *in)
{
    const bool wants = wanted(c);
    const uint32_t other = wants ? other_half(c, in) : 0;
    const struct ir_insn *high = in->op == IR_mul ? &c->insns[other] : in;
    const bool w = is64(in), mulx = w && c->h->bmi2 && high->op == IR_umulh;
    unsigned r[2];

    if (!other || (c->pending.kind && !mulx)) {
        return false;
    }
    r[in->op == IR_mul] = def(c);
    c->locked[0] |= 1u << r[in->op == IR_mul];
    r[in->op != IR_mul] = define(c, (uint16_t)other);
    c->locked[0] = 0;
    const unsigned rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    if (mulx) {
        emit_v(&c->as, OPC(PP_F2, MAP_0F38, 0xf6) | OP_W, r[0], r[1], reg_operand(rb), 0, 0);
        x_mov(&c->as, true, RDX, ra);
        return true;
    }
    x_mov(&c->as, w, r[0], RDX);
    x_mov(&c->as, w, r[1], RAX);
    emit_rr(&c->as, OPC(0, 0, 0xf7) | W(w), high->op == IR_umulh ? 4 : 5, rb);
    x_mov(&c->as, w, RAX, ra);
    return true;
}

void emit_mul(struct compiler *c, const struct ir_insn *in)
{
    if (plain(in) && emit_product(c, in)) {
        return;
    }
    if (ir_is_vector(in->type)) {
        emit_vector(c, in);
        return;
    }
    if (!plain(in) && in->op != IR_mul) {
        fallback(c, in);
        return;
    }
    const bool w = is64(in);
    const unsigned dst = def(c);
    int32_t k;

    if (w && c->h->bmi2 && (in->op == IR_umulh || (in->op == IR_mul && c->pending.kind))) {
        emit_mulx(c, in, dst); /* leaves the flags alone, for carry chains */
        return;
    }
    if (in->op == IR_mul) {
        if (imm32(c, in->b, in->type, &k)) {
            emit_x(&c->as, OPC(0, 0, 0x69) | W(w), dst, reg_operand(use(c, in->a, 0)), 4,
                   (uint32_t)k);
            return;
        }
        const unsigned rb = use(c, in->b, 1u << dst);
        claim_first(c, dst, in->a);
        emit_rr(&c->as, OPC(0, 1, 0xaf) | W(w), dst, rb);
        start_with(c, dst, in->a);
        return;
    }
    /* rdx:rax = rax * r */
    const unsigned rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    x_mov(&c->as, w, dst, RDX);
    emit_rr(&c->as, OPC(0, 0, 0xf7) | W(w), in->op == IR_umulh ? 4 : 5, rb);
    x_mov(&c->as, w, RAX, ra);
}

/* Division by zero gives 0; the one signed overflow gives the dividend and no remainder. */
void emit_div(struct compiler *c, const struct ir_insn *in)
{
    if (!plain(in)) {
        fallback(c, in);
        return;
    }
    const bool w = is64(in), sign = in->op == IR_sdiv || in->op == IR_srem;
    const bool remainder = in->op == IR_urem || in->op == IR_srem;
    const unsigned dst = def(c), rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    const unsigned result = remainder ? RDX : RAX;
    struct assembler *as = &c->as;

    x_mov(as, w, dst, result);
    const uint32_t done = as->hot;
    emit_rr(as, OPC(0, 0, 0xf7) | W(w), sign ? 7 : 6, RCX);
    if (sign) {
        emit_bytes(as, w ? (const uint8_t[]){0x48, 0x99} : (const uint8_t[]){0x99}, w ? 2 : 1);
    } else {
        x_alu(as, ALU_XOR, false, RDX, RDX);
    }
    const uint32_t divide = as->hot;
    if (sign) {
        x_jmp(as, done);
        if (remainder) {
            x_mov_imm(as, RDX, 0);
        } else {
            emit_rr(as, OPC(0, 0, 0xf7) | W(w), 3, RAX); /* -1: neg */
        }
        x_jcc(as, CC_NE, divide);
        x_alu_imm(as, ALU_CMP, w, reg_operand(RCX), -1);
    }
    const uint32_t not_zero = as->hot;
    x_jmp(as, done);
    x_mov_imm(as, result, 0);
    x_jcc(as, CC_NE, not_zero);
    x_test(as, w, RCX, RCX);
    x_mov(as, w, RAX, ra);
    x_mov(as, w, RCX, rb);
}

void emit_unary(struct compiler *c, const struct ir_insn *in)
{
    if (ir_is_vector(in->type)) {
        emit_vector_misc(c, in);
        return;
    }
    if (!plain(in) && in->op == IR_bswap) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c);
    const bool w = is64(in);

    claim_first(c, dst, in->a);
    if (in->op == IR_bswap) {
        const uint8_t p[3] = {(uint8_t)(0x40 | (w ? 8 : 0) | (dst & 8 ? 1 : 0)), 0x0f,
                              (uint8_t)(0xc8 | (dst & 7))};
        emit_bytes(&c->as, p, 3);
    } else {
        emit_rr(&c->as, OPC(0, 0, 0xf7) | W(w), in->op == IR_not ? 2 : 3, dst);
    }
    start_with(c, dst, in->a);
}

void emit_bits(struct compiler *c, const struct ir_insn *in)
{
    const bool w = is64(in);
    const bool have = in->op == IR_popcnt ? c->h->popcnt
                      : in->op == IR_clz  ? c->h->lzcnt
                                          : c->h->bmi1;

    if (!plain(in) || !have) {
        if (ir_is_vector(in->type)) {
            emit_vector_misc(c, in);
        } else {
            fallback(c, in);
        }
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const unsigned op = in->op == IR_popcnt ? 0xb8 : in->op == IR_clz ? 0xbd : 0xbc;

    emit_rr(&c->as, OPC(PP_F3, MAP_0F, op) | W(w), dst, ra);
}

/* ---- shifts */

/* The count without a mask that the host's shift applies itself. */
static ir_val unmasked_count(const struct compiler *c, ir_val b, unsigned width)
{
    const struct ir_insn *in = &c->insns[value(c, b)];
    uint64_t k;

    if (in->op == IR_and && constant(c, in->b, &k) && (k & (width - 1)) == width - 1 &&
        (in->type == T_I64 || in->type == T_I32)) {
        return in->a;
    }
    return b;
}

/* The count is known to be below the width: a constant, or masked by the guest. */
static bool count_in_range(const struct compiler *c, ir_val b, unsigned width)
{
    const struct ir_insn *in = &c->insns[value(c, b)];
    uint64_t k;

    return in->op == IR_and &&
           ((constant(c, in->a, &k) && k < width) || (constant(c, in->b, &k) && k < width));
}

static void shift_by_constant(struct compiler *c, const struct ir_insn *in, unsigned kind,
                              unsigned n)
{
    const unsigned width = ir_type_bits(in->type), dst = def(c);

    if (n >= width && in->op == IR_rotr) {
        n %= width;
    }
    if (n >= width && in->op != IR_sar) {
        x_mov_imm(&c->as, dst, 0);
        return;
    }
    if (in->op == IR_rotr && c->h->bmi2) {
        emit_v(&c->as, OPC(PP_F2, MAP_0F3A, 0xf0) | W(is64(in)), dst, 0,
               reg_operand(use(c, in->a, 0)), 1, n);
        return;
    }
    claim_first(c, dst, in->a);
    x_shift_imm(&c->as, kind, is64(in), dst, n >= width ? width - 1 : n);
    start_with(c, dst, in->a);
}

static void shift_total(struct compiler *c, const struct ir_insn *in, unsigned kind, unsigned dst,
                        unsigned ra, unsigned rb)
{
    const bool w = is64(in);
    const unsigned width = ir_type_bits(in->type);
    struct assembler *as = &c->as;

    if (in->op == IR_rotr || count_in_range(c, in->b, width)) {
        x_mov(as, w, dst, RAX);
        x_shift_cl(as, kind, w, RAX);
    } else if (in->op == IR_sar) {
        x_mov(as, w, dst, RAX);
        x_shift_cl(as, kind, w, RAX);
        x_cmov(as, CC_A, false, RCX, RDX);
        x_alu(as, ALU_CMP, true, RCX, RDX);
        x_mov_imm(as, RDX, width - 1);
    } else {
        x_mov(as, w, dst, RAX);
        x_cmov(as, CC_AE, w, RAX, RDX);
        x_mov_imm(as, RDX, 0);
        x_alu_imm(as, ALU_CMP, true, reg_operand(RCX), (int32_t)width);
        x_shift_cl(as, kind, w, RAX);
    }
    x_mov(as, w, RAX, ra);
    x_mov(as, w, RCX, rb);
}

/* dst = the operand's 8 or 16 bits, extended; to 64 bits by the sign. */
static void extend_narrow(struct compiler *c, ir_type t, unsigned dst, unsigned r, bool sign)
{
    const bool byte = ir_type_bits(t) == 8;

    emit_x(&c->as, OPC(0, MAP_0F, (sign ? 0xbe : 0xb6) | !byte) | W(sign) | (byte ? OP_BYTE_RM : 0),
           dst, reg_operand(r), 0, 0);
}

/* Of 8 or 16 bits: as 64 of them, where a count is too large from 64 on; rotations have the host's
 * own. */
static void narrow_shift(struct compiler *c, const struct ir_insn *in, unsigned kind)
{
    const unsigned dst = def(c);
    struct assembler *as = &c->as;
    uint64_t k;

    if (constant(c, in->b, &k)) {
        const unsigned ra = use(c, in->a, 0), most = in->op == IR_sar ? 63 : 64;
        const unsigned n = k < most ? (unsigned)k : most;
        if (in->op == IR_rotr) {
            emit_x(as, flags_sized(0xc1, in->type), kind, reg_operand(dst), 1,
                   k % ir_type_bits(in->type));
            x_mov(as, false, dst, ra);
        } else if (n == 64) {
            x_mov_imm(as, dst, 0);
        } else {
            x_shift_imm(as, kind, true, dst, n);
            extend_narrow(c, in->type, dst, ra, in->op == IR_sar);
        }
        return;
    }
    const unsigned rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    x_mov(as, true, dst, RAX);
    if (in->op == IR_rotr) {
        emit_rr(as, flags_sized(0xd3, in->type), kind, RAX);
        x_mov(as, false, RAX, ra);
        x_mov(as, false, RCX, rb);
        return;
    }
    if (in->op == IR_sar) {
        x_shift_cl(as, kind, true, RAX);
        x_cmov(as, CC_A, false, RCX, RDX);
        x_alu(as, ALU_CMP, false, RCX, RDX);
        x_mov_imm(as, RDX, 63);
    } else {
        x_cmov(as, CC_AE, true, RAX, RDX);
        x_mov_imm(as, RDX, 0);
        x_alu_imm(as, ALU_CMP, false, reg_operand(RCX), 64);
        x_shift_cl(as, kind, true, RAX);
    }
    extend_narrow(c, in->type, RAX, ra, in->op == IR_sar);
    extend_narrow(c, in->type, RCX, rb, false);
}

void emit_shift(struct compiler *c, const struct ir_insn *in)
{
    const unsigned kind = in->op == IR_shl   ? SHIFT_SHL
                          : in->op == IR_shr ? SHIFT_SHR
                          : in->op == IR_sar ? SHIFT_SAR
                                             : SHIFT_ROR;
    uint64_t k;

    if (ir_is_vector(in->type)) {
        emit_vector(c, in);
        return;
    }
    if (!plain(in)) {
        narrow_shift(c, in, kind);
        return;
    }
    if (constant(c, in->b, &k)) {
        shift_by_constant(c, in, kind, k > 64 ? 64 + (unsigned)(k & 63) : (unsigned)k);
        return;
    }
    const unsigned dst = def(c);
    if (c->h->bmi2 && in->op != IR_rotr && count_in_range(c, in->b, ir_type_bits(in->type))) {
        static const uint8_t pp[] = {[SHIFT_SHL] = PP_66, [SHIFT_SHR] = PP_F2, [SHIFT_SAR] = PP_F3};
        const unsigned ra = use(c, in->a, 0),
                       rb = use(c, unmasked_count(c, in->b, ir_type_bits(in->type)), 0);
        emit_v(&c->as, OPC(pp[kind], MAP_0F38, 0xf7) | W(is64(in)), dst, rb, reg_operand(ra), 0, 0);
        return;
    }
    const unsigned rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    shift_total(c, in, kind, dst, ra, rb);
}

/* ---- fields */

static void emit_ubfx(struct compiler *c, const struct ir_insn *in, unsigned pos, unsigned len)
{
    const bool w = is64(in);
    const unsigned dst = def(c), ra = use_here(c, in->a, dst), width = ir_type_bits(in->type);
    struct assembler *as = &c->as;

    if (pos == 0 && len == 8) {
        emit_x(as, OPC(0, 1, 0xb6) | OP_BYTE_RM, dst, reg_operand(ra), 0, 0);
    } else if (pos == 0 && len == 16) {
        emit_rr(as, OPC(0, 1, 0xb7), dst, ra);
    } else if (pos == 0 && len == 32) {
        x_mov(as, false, dst, ra);
    } else if (pos + len == width) {
        x_shift_imm(as, SHIFT_SHR, w, dst, pos);
        if (w) {
            copy(c, false, dst, ra);
        } else if (dst != ra) {
            x_mov(as, false, dst, ra);
        }
    } else if (len < 32) {
        x_alu_imm(as, ALU_AND, false, reg_operand(dst), (int32_t)mask64(len));
        if (pos) {
            x_shift_imm(as, SHIFT_SHR, w, dst, pos);
        }
        copy(c, false, dst, ra);
    } else {
        x_shift_imm(as, SHIFT_SHR, w, dst, width - len);
        if (width - len - pos) {
            x_shift_imm(as, SHIFT_SHL, w, dst, width - len - pos);
        }
        copy(c, false, dst, ra);
    }
}

static void emit_sbfx(struct compiler *c, const struct ir_insn *in, unsigned pos, unsigned len)
{
    const bool w = is64(in);
    const unsigned dst = def(c), ra = use_here(c, in->a, dst), width = ir_type_bits(in->type);
    struct assembler *as = &c->as;

    if (pos == 0 && (len == 8 || len == 16)) {
        emit_x(as, OPC(0, 1, len == 8 ? 0xbe : 0xbf) | W(w) | (len == 8 ? OP_BYTE_RM : 0), dst,
               reg_operand(ra), 0, 0);
        return;
    }
    if (pos == 0 && len == 32 && w) {
        emit_rr(as, OPC(0, 0, 0x63) | OP_W, dst, ra);
        return;
    }
    x_shift_imm(as, SHIFT_SAR, w, dst, width - len);
    if (width - len - pos) {
        x_shift_imm(as, SHIFT_SHL, w, dst, width - len - pos);
    }
    copy(c, false, dst, ra);
}

/* The value whose low len bits v has, without an extension that only bits above them need. */
static ir_val unextended(const struct compiler *c, ir_val v, unsigned len)
{
    const struct ir_insn *in = &c->insns[value(c, v)];
    return in->op == IR_zext && ir_type_bits(in->src) >= len ? in->a : v;
}

/* The lowest byte or two, which the host can write alone. */
static void emit_dep_low(struct compiler *c, const struct ir_insn *in, unsigned len)
{
    const unsigned dst = def(c), rb = use(c, unextended(c, in->b, len), 1u << dst);

    claim_first(c, dst, in->a);
    if (len == 8) {
        emit_rr(&c->as, OPC(0, 0, 0x8a) | OP_BYTE_REG | OP_BYTE_RM, dst, rb);
    } else {
        emit_rr(&c->as, OPC(PP_66, 0, 0x8b), dst, rb);
    }
    start_with(c, dst, in->a);
}

/* The second byte, by way of ah. */
static void emit_dep_second(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, unextended(c, in->b, 8), 0);
    const bool w = is64(in);
    struct assembler *as = &c->as;

    x_mov(as, w, dst, RAX);
    emit_bytes(as, (const uint8_t[]){0x88, 0xcc}, 2); /* mov ah, cl */
    x_mov(as, w, RAX, ra);
    x_mov(as, false, RCX, rb);
}

/* Rotates the field to the bottom, replaces it, rotates back; short forms for the ends. */
static void emit_dep(struct compiler *c, const struct ir_insn *in, unsigned pos, unsigned len)
{
    const bool w = is64(in);
    const unsigned width = ir_type_bits(in->type);
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const uint64_t field = mask64(len) << pos;
    struct assembler *as = &c->as;

    x_mov(as, w, dst, RAX);
    x_alu(as, ALU_OR, w, RAX, RCX);
    const uint64_t keep = ~field & mask64(width);
    if ((int64_t)keep == (int32_t)keep || !w || (int64_t)(~field) == (int32_t)~field) {
        x_alu_imm(as, ALU_AND, w, reg_operand(RAX), (int32_t)~field);
    } else {
        x_alu(as, ALU_AND, w, RAX, RDX);
        x_mov_imm(as, RDX, ~field);
    }
    x_mov(as, w, RAX, ra);
    if (width - len) {
        if (width - len - pos) {
            x_shift_imm(as, SHIFT_SHR, w, RCX, width - len - pos);
        }
        x_shift_imm(as, SHIFT_SHL, w, RCX, width - len);
    }
    x_mov(as, w, RCX, rb);
}

static void emit_extr(struct compiler *c, const struct ir_insn *in)
{
    const bool w = is64(in);
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    struct assembler *as = &c->as;

    x_mov(as, w, dst, RAX);
    emit_x(as, OPC(0, 1, 0xac) | W(w), RCX, reg_operand(RAX), 1, in->aux); /* shrd rax, rcx */
    x_mov(as, w, RAX, rb);
    x_mov(as, w, RCX, ra);
}

void emit_field(struct compiler *c, const struct ir_insn *in)
{
    const unsigned pos = in->aux & 255, len = in->aux >> 8;

    if (!plain(in) || (in->op == IR_extr && in->aux >= ir_type_bits(in->type)) ||
        (in->op != IR_extr && (len == 0 || pos + len > ir_type_bits(in->type)))) {
        fallback(c, in);
    } else if (in->op == IR_extr) {
        emit_extr(c, in);
    } else if (in->op == IR_ubfx) {
        emit_ubfx(c, in, pos, len);
    } else if (in->op == IR_sbfx) {
        emit_sbfx(c, in, pos, len);
    } else if (pos == 0 && (len == 8 || len == 16) && is64(in)) {
        emit_dep_low(c, in, len);
    } else if (pos == 8 && len == 8) {
        emit_dep_second(c, in);
    } else {
        emit_dep(c, in, pos, len);
    }
}

/* Leaves the flags alone. */
void emit_extend(struct compiler *c, const struct ir_insn *in)
{
    if (ir_is_vector(in->type)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use_here(c, in->a, dst), bits = ir_type_bits(in->src);
    const bool w = is64(in), sign = in->op == IR_sext;
    struct assembler *as = &c->as;

    switch (bits) {
    case 8:
        emit_x(as, OPC(0, 1, sign ? 0xbe : 0xb6) | W(sign && w) | OP_BYTE_RM, dst, reg_operand(ra),
               0, 0);
        break;
    case 16:
        emit_rr(as, OPC(0, 1, sign ? 0xbf : 0xb7) | W(sign && w), dst, ra);
        break;
    case 32:
        if (sign && w) {
            emit_rr(as, OPC(0, 0, 0x63) | OP_W, dst, ra);
        } else {
            x_mov(as, false, dst, ra);
        }
        break;
    default:
        copy(c, false, dst, ra);
        break;
    }
}

/*
 * CRC-32 (reflected polynomial 0x04c11db7) of 32 bits in X0's low lane, by Barrett's reduction: q =
 * low 32 bits of x * u, the result the upper half of x ^ q * P. Emitted backwards: afterwards X0's
 * low 32 bits are the remainder.
 */
static void crc32_step(struct compiler *c)
{
    struct assembler *as = &c->as;

    emit_x(as, OPC(PP_66, MAP_0F, 0x73), 2, reg_operand(X0), 1, 32); /* psrlq */
    emit_rr(as, OPC(PP_66, MAP_0F, 0xef), X0, X1);
    emit_x(as, OPC(PP_66, MAP_0F3A, 0x44), X1, constant_place(c, K_CRC32), 1, 0x10);
    emit_rm(as, OPC(PP_66, MAP_0F, 0xdb), X1, constant_place(c, K_LOW_32));
    emit_x(as, OPC(PP_66, MAP_0F3A, 0x44), X1, constant_place(c, K_CRC32), 1, 0x00);
    emit_rm(as, OPC(PP_66, MAP_0F, 0xdb), X1, constant_place(c, K_LOW_32));
    copy(c, true, X1, X0);
}

static void emit_crc32(struct compiler *c, const struct ir_insn *in, unsigned n)
{
    const unsigned dst = def(c), rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    struct assembler *as = &c->as;

    if (n >= 4) {
        emit_rr(as, SSE_MOVD_FROM_XMM, X0, dst);
        if (n == 8) {
            crc32_step(c);
        }
        crc32_step(c);
        emit_rr(as, SSE_MOVD_TO_XMM | OP_W, X0, RAX);
        x_alu(as, ALU_XOR, true, RAX, RCX);
        x_mov(as, n == 8, RAX, rb);
        x_mov(as, false, RCX, ra);
        return;
    }
    /* The bytes meet the low end of the register; the rest moves down. */
    x_mov(as, false, dst, RAX);
    x_alu(as, ALU_XOR, false, RAX, RCX);
    x_shift_imm(as, SHIFT_SHR, false, RCX, 8 * n);
    x_mov(as, false, RCX, ra);
    emit_rr(as, SSE_MOVD_FROM_XMM, X0, RAX);
    crc32_step(c);
    emit_rr(as, SSE_MOVD_TO_XMM, X0, RAX);
    x_shift_imm(as, SHIFT_SHL, false, RAX, 32 - 8 * n);
    x_alu(as, ALU_XOR, false, RAX, rb);
    x_mov(as, false, RAX, ra);
}

void emit_crc(struct compiler *c, const struct ir_insn *in)
{
    const unsigned n = in->aux;

    if (in->op == IR_crc32 && in->type == T_I32 && c->h->cpu.pclmul &&
        (n == 1 || n == 2 || n == 4 || n == 8)) {
        emit_crc32(c, in, n);
        return;
    }
    if (in->op == IR_crc32 || in->type != T_I32 || (n != 1 && n != 2 && n != 4 && n != 8)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    const opcode op = OPC(n == 2 ? PP_66 : PP_NONE, MAP_0F38, n == 1 ? 0xf0 : 0xf1) | W(n == 8) |
                      (n == 1 ? OP_BYTE_RM : 0);
    uint8_t p[16];
    unsigned k = 0;

    x_mov(&c->as, false, dst, RAX);
    /* crc32 rax, rb: the mandatory prefix is F2, beside the operand-size prefix of 16 bits. */
    if (n == 2) {
        p[k++] = 0x66;
    }
    p[k++] = 0xf2;
    const unsigned rex = (n == 8 ? 0x48 : 0) | (rb & 8 ? 0x41 : 0) |
                         (n == 1 && rb >= RSP && rb <= RDI ? 0x40 : 0);
    if (rex) {
        p[k++] = (uint8_t)rex;
    }
    p[k++] = 0x0f;
    p[k++] = 0x38;
    p[k++] = (uint8_t)op;
    p[k++] = (uint8_t)(0xc0 | (rb & 7));
    emit_bytes(&c->as, p, k);
    x_mov(&c->as, false, RAX, ra);
}

void emit_minmax(struct compiler *c, const struct ir_insn *in)
{
    if (!plain(in)) {
        if (ir_is_vector(in->type)) {
            emit_vector(c, in);
        } else {
            fallback(c, in);
        }
        return;
    }
    static const uint8_t cc[] = {CC_G, CC_L, CC_A, CC_B};
    const bool w = is64(in);
    const unsigned dst = def(c), rb = use(c, in->b, 0), ra = use(c, in->a, 0);

    x_mov(&c->as, w, dst, RAX);
    x_cmov(&c->as, cc[in->op - IR_smin], w, RAX, rb);
    x_alu(&c->as, ALU_CMP, w, RAX, rb);
    x_mov(&c->as, w, RAX, ra);
}

/* ---- state */

void emit_konst(struct compiler *c, const struct ir_insn *in)
{
    x_mov_imm(&c->as, def(c), in->imm);
}

void emit_page(struct compiler *c, const struct ir_insn *in)
{
    load_address(c, def(c), in->imm);
}

void emit_get(struct compiler *c, const struct ir_insn *in)
{
    if (c->homes->of_row[in->aux] >= 0) {
        return; /* stays in its register up to the block's start */
    }
    const unsigned r = def(c);
    load_result(c, r, in->type, row_place(c->h, in->aux));
}

void emit_put(struct compiler *c, const struct ir_insn *in)
{
    const unsigned row = in->aux;

    c->row_value[row] = c->previous[c->i];
    if (c->homes->of_row[row] >= 0) {
        const bool vec = class_of(c->h->config.guest->regs[row].type);
        c->home_value[vec][c->homes->of_row[row]] = c->previous[c->i];
        return;
    }
    row_sinks(c, row);
    if (c->put_before[c->i]) {
        row_floats(c, row, c->put_before[c->i]);
    }
    if (c->keep_put[c->i] != PUT_KEPT) {
        return;
    }
    if (c->h->config.guest->regs[row].type == T_FLAGS) {
        put_flags(c, in->a, row_place(c->h, row));
    } else if (!put_pair(c, in)) {
        store_operand(c, in->a, row_place(c->h, row));
    }
}

void emit_env(struct compiler *c, const struct ir_insn *in)
{
    const struct operand o = at(STATE, (int32_t)in->aux + c->h->config.layout.state);

    if (in->op == IR_env_load) {
        load_result(c, def(c), in->type, o);
    } else {
        store_operand(c, in->a, o);
    }
}
