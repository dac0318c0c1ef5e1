/* SPDX-License-Identifier: MIT */
/* Vector ops that have one host instruction, and moves between lanes, vectors and general
 * registers. */
#include "tcg/host/x86_64/compile.h"
#include "tcg/opinfo.h"

struct vector_row {
    uint8_t op, lane;
    bool swap; /* operands the other way round */
    opcode code;
};

#define B66(op) OPC(PP_66, MAP_0F, op)
#define B38(op) OPC(PP_66, MAP_0F38, op)

/* clang-format off */
static const struct vector_row rows[] = {
    {IR_add, L_I8, false, B66(0xfc)}, {IR_add, L_I16, false, B66(0xfd)},
    {IR_add, L_I32, false, B66(0xfe)}, {IR_add, L_I64, false, B66(0xd4)},
    {IR_sub, L_I8, false, B66(0xf8)}, {IR_sub, L_I16, false, B66(0xf9)},
    {IR_sub, L_I32, false, B66(0xfa)}, {IR_sub, L_I64, false, B66(0xfb)},
    {IR_mul, L_I16, false, B66(0xd5)}, {IR_mul, L_I32, false, B38(0x40)},
    {IR_and, L_VOID, false, B66(0xdb)}, {IR_or, L_VOID, false, B66(0xeb)},
    {IR_xor, L_VOID, false, B66(0xef)}, {IR_andn, L_VOID, true, B66(0xdf)},
    {IR_smin, L_I8, false, B38(0x38)}, {IR_smin, L_I16, false, B66(0xea)}, {IR_smin, L_I32, false, B38(0x39)},
    {IR_smax, L_I8, false, B38(0x3c)}, {IR_smax, L_I16, false, B66(0xee)}, {IR_smax, L_I32, false, B38(0x3d)},
    {IR_umin, L_I8, false, B66(0xda)}, {IR_umin, L_I16, false, B38(0x3a)}, {IR_umin, L_I32, false, B38(0x3b)},
    {IR_umax, L_I8, false, B66(0xde)}, {IR_umax, L_I16, false, B38(0x3e)}, {IR_umax, L_I32, false, B38(0x3f)},
    {IR_vzip1, L_I8, false, B66(0x60)}, {IR_vzip1, L_I16, false, B66(0x61)},
    {IR_vzip1, L_I32, false, B66(0x62)}, {IR_vzip1, L_I64, false, B66(0x6c)},
    {IR_vzip2, L_I8, false, B66(0x68)}, {IR_vzip2, L_I16, false, B66(0x69)},
    {IR_vzip2, L_I32, false, B66(0x6a)}, {IR_vzip2, L_I64, false, B66(0x6d)},
    {IR_vuzp1, L_I64, false, B66(0x6c)}, {IR_vuzp2, L_I64, false, B66(0x6d)},
    {IR_vtrn1, L_I64, false, B66(0x6c)}, {IR_vtrn2, L_I64, false, B66(0x6d)},
    {IR_ssadd, L_I8, false, B66(0xec)}, {IR_ssadd, L_I16, false, B66(0xed)},
    {IR_usadd, L_I8, false, B66(0xdc)}, {IR_usadd, L_I16, false, B66(0xdd)},
    {IR_sssub, L_I8, false, B66(0xe8)}, {IR_sssub, L_I16, false, B66(0xe9)},
    {IR_ussub, L_I8, false, B66(0xd8)}, {IR_ussub, L_I16, false, B66(0xd9)},
    {IR_urhadd, L_I8, false, B66(0xe0)}, {IR_urhadd, L_I16, false, B66(0xe3)},
    {IR_vpadd, L_I16, false, B38(0x01)}, {IR_vpadd, L_I32, false, B38(0x02)},
    {IR_vsmule, L_I64, false, B38(0x28)}, {IR_vumule, L_I64, false, B66(0xf4)},
    {IR_vsmulhi, L_I16, false, B66(0xe5)}, {IR_vumulhi, L_I16, false, B66(0xe4)},
    {IR_vsmulr, L_I16, false, B38(0x0b)},
    {IR_vsmadd, L_I32, false, B66(0xf5)}, {IR_vusmadd, L_I16, false, B38(0x04)},
    {IR_vsad, L_I64, false, B66(0xf6)},
    {IR_vspack, L_I8, false, B66(0x63)}, {IR_vspack, L_I16, false, B66(0x6b)},
    {IR_vupack, L_I8, false, B66(0x67)}, {IR_vupack, L_I16, false, B38(0x2b)},
};
/* clang-format on */

static const struct vector_row *find(const struct ir_insn *in)
{
    for (unsigned n = 0; n < array_len(rows); n++) {
        if (rows[n].op == in->op && (rows[n].lane == L_VOID || rows[n].lane == ir_lane(in->type))) {
            return &rows[n];
        }
    }
    return NULL;
}

opcode vector_opcode(const struct ir_insn *in, bool *swap)
{
    const struct vector_row *row = find(in);

    if (row && swap) {
        *swap = row->swap;
    }
    return row ? row->code : 0;
}

void three(struct compiler *c, opcode op, unsigned dst, unsigned a, unsigned b)
{
    if (c->h->avx) {
        emit_v(&c->as, op, dst, a, reg_operand(b), 0, 0);
    } else if (dst == a || dst != b) {
        emit_rr(&c->as, op, dst, b);
        copy(c, true, dst, a);
    } else {
        copy(c, true, dst, X0);
        emit_rr(&c->as, op, X0, b);
        copy(c, true, X0, a);
    }
}

/* A constant as the second operand of the host's instruction is read from memory, unless it is in a
 * register for somebody else. */
static bool with_constant(struct compiler *c, const struct ir_insn *in,
                          const struct vector_row *row)
{
    const bool commutes = ir_ops[in->op].effects & IR_COMMUTES;
    ir_val x = row->swap ? in->b : in->a, y = row->swap ? in->a : in->b;
    uint64_t k[2];

    if (commutes && vector_constant(c, x, k)) {
        const ir_val other = x;
        x = y;
        y = other;
    }
    if (!c->h->avx || c->reg[value(c, y)] >= 0 || !vector_constant(c, y, k)) {
        return false;
    }
    const unsigned dst = def(c), rx = use(c, x, 0);
    emit_v(&c->as, row->code, dst, rx, vector_constant_place(c, k), 0, 0);
    return true;
}

/* A half of a below zeros. */
static void emit_half(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0);

    if (in->op == IR_vzip1) {
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, ra);
    } else if (c->h->avx) { /* vpsrldq */
        emit_v(&c->as, B66(0x73), 3, dst, reg_operand(ra), 1, 8);
    } else {
        emit_x(&c->as, B66(0x73), 3, reg_operand(dst), 1, 8);
        copy(c, true, dst, ra);
    }
}

void emit_vector(struct compiler *c, const struct ir_insn *in)
{
    const struct vector_row *row = find(in);

    if (emit_aes_with_key(c, in) || emit_vector_rotation(c, in)) {
        return;
    }
    if (in->op == IR_mul && in->type == T_I8X16) {
        emit_vector_misc(c, in);
        return;
    }
    if (!row || ir_type_bits(in->type) != 128) {
        fallback(c, in);
        return;
    }
    const bool half = (in->op == IR_vzip1 || in->op == IR_vzip2) && ir_lane_bits(in->type) == 64;
    if (half && c->insns[value(c, in->b)].op == IR_vkonst && !c->insns[value(c, in->b)].imm) {
        emit_half(c, in);
        return;
    }
    if (with_constant(c, in, row)) {
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    three(c, row->code, dst, row->swap ? rb : ra, row->swap ? ra : rb);
}

void emit_vector_pick(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0);

    emit_x(&c->as, B66(0x70), dst, reg_operand(ra), 1, in->aux); /* pshufd */
}

/* ---- constants */

bool vector_constant(const struct compiler *c, ir_val v, uint64_t k[2])
{
    const struct ir_insn *in = &c->insns[value(c, v)];

    k[0] = k[1] = in->imm;
    if (in->op == IR_vkonst) {
        return true;
    }
    if (in->op != IR_vset || in->type != T_I64X2 || c->insns[value(c, in->a)].op != IR_vkonst) {
        return false;
    }
    k[!in->aux] = c->insns[value(c, in->a)].imm;
    return constant(c, in->b, &k[in->aux]);
}

struct operand vector_constant_place(struct compiler *c, const uint64_t k[2])
{
    static const uint8_t padding[16] = {0};
    const uint32_t place = (c->as.cold + 15u) & ~15u;

    c->as.to_cold = true;
    emit_bytes(&c->as, padding, place - c->as.cold);
    emit_bytes(&c->as, (const uint8_t *)k, 16);
    c->as.to_cold = false;
    return at_constant(&c->as, place);
}

/* ---- moves */

static void emit_vkonst(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c);

    if (in->imm == 0) {
        three(c, B66(0xef), dst, dst, dst);
        return;
    }
    if (in->imm == UINT64_MAX) {
        emit_rr(&c->as, B66(0x76), dst, dst); /* pcmpeqd */
        return;
    }
    /* movddup from among the cold code */
    const uint32_t place = c->as.cold;
    c->as.to_cold = true;
    emit_bytes(&c->as, (const uint8_t *)&in->imm, 8);
    c->as.to_cold = false;
    emit_rm(&c->as, OPC(PP_F2, MAP_0F, 0x12), dst, at_constant(&c->as, place));
}

static void emit_vget(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), n = in->aux, bits = ir_type_bits(in->type);
    struct assembler *as = &c->as;

    if (class_of(in->type)) {
        if (n == 0) {
            copy(c, true, dst, ra);
        } else if (bits == 64 && c->h->avx) { /* vpsrldq */
            emit_v(as, B66(0x73), 3, dst, reg_operand(ra), 1, 8);
        } else if (bits == 32 && c->h->avx) { /* vinsertps: zeros above */
            emit_v(as, OPC(PP_66, MAP_0F3A, 0x21), dst, ra, reg_operand(ra), 1, n << 6 | 0x0e);
        } else if (bits == 64) {
            emit_x(as, B66(0x70), dst, reg_operand(ra), 1, 0xee); /* pshufd: the upper half */
        } else if (bits == 32) {
            emit_x(as, B66(0x70), dst, reg_operand(ra), 1, n);
        } else {
            emit_x(as, OPC(PP_66, MAP_0F3A, 0x0f), dst, reg_operand(ra), 1,
                   n * 2); /* palignr dst, ra */
            if (dst != ra) {
                copy(c, true, dst, ra);
            }
        }
        return;
    }
    switch (bits) {
    case 64:
    case 32:
        if (n == 0) {
            emit_rr(as, SSE_MOVD_FROM_XMM | W(bits == 64), ra, dst);
        } else {
            emit_x(as, OPC(PP_66, MAP_0F3A, 0x16) | W(bits == 64), ra, reg_operand(dst), 1,
                   n); /* pextrd, pextrq */
        }
        break;
    case 16:
        emit_x(as, B66(0xc5), dst, reg_operand(ra), 1, n); /* pextrw */
        break;
    default:
        emit_x(as, OPC(PP_66, MAP_0F3A, 0x14), ra, reg_operand(dst), 1, n); /* pextrb */
        break;
    }
}

/* r = ra with lane n replaced by the register from; with AVX r is any register. */
static void insert(struct compiler *c, opcode op, const unsigned r_a_from[3], unsigned n)
{
    const unsigned r = r_a_from[0], ra = r_a_from[1], from = r_a_from[2];

    if (c->h->avx) {
        emit_v(&c->as, op, r, ra, reg_operand(from), 1, n);
    } else {
        emit_x(&c->as, op, r, reg_operand(from), 1, n);
        copy(c, true, r, ra);
    }
}

static void emit_vset(struct compiler *c, const struct ir_insn *in)
{
    uint64_t k[2];

    if (set_pair(c, in)) {
        return;
    }
    if (vector_constant(c, c->i, k)) {
        const unsigned r = def(c);
        emit_rm(&c->as, SSE_MOVAPS, r, vector_constant_place(c, k));
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned n = in->aux, bits = ir_lane_bits(in->type), r = c->h->avx ? dst : X0;
    const bool from_vector = class_of(c->insns[in->b].type);

    copy(c, true, dst, r);
    if (from_vector && bits == 32) {
        insert(c, OPC(PP_66, MAP_0F3A, 0x21), (const unsigned[]){r, ra, rb}, n << 4); /* insertps */
        return;
    }
    if (from_vector && bits == 64) { /* its lower half above, or below the upper one of ra */
        if (n) {
            three(c, B66(0x6c), r, ra, rb);
        } else {
            insert(c, OPC(PP_66, MAP_0F, 0xc6), (const unsigned[]){r, rb, ra}, 2); /* shufpd */
        }
        return;
    }
    const opcode op = bits >= 32   ? OPC(PP_66, MAP_0F3A, 0x22) | W(bits == 64)
                      : bits == 16 ? B66(0xc4)
                                   : OPC(PP_66, MAP_0F3A, 0x20);
    insert(c, op, (const unsigned[]){r, ra, from_vector ? RAX : rb}, n);
    if (from_vector) {
        emit_rr(&c->as, SSE_MOVD_FROM_XMM | OP_W, rb, RAX);
    }
}

/* dst = a scalar that is a constant and in no register, zeros above. */
static bool load_constant(struct compiler *c, ir_val v, unsigned bits)
{
    const uint32_t place = (c->as.cold + 7u) & ~7u;
    uint64_t k;

    if (bits < 32 || !constant(c, v, &k) || c->reg[value(c, v)] >= 0) {
        return false;
    }
    const unsigned dst = def(c);
    const uint64_t padding_and_k[2] = {0, bits == 32 ? (uint32_t)k : k};
    if (padding_and_k[1] == 0) {
        three(c, B66(0xef), dst, dst, dst);
        return true;
    }
    const unsigned padding = place - c->as.cold;
    c->as.to_cold = true;
    emit_bytes(&c->as, (const uint8_t *)padding_and_k + 8 - padding, padding + 8);
    c->as.to_cold = false;
    emit_rm(&c->as, SSE_MOVQ_LOAD, dst, at_constant(&c->as, place));
    return true;
}

static void emit_vzext(struct compiler *c, const struct ir_insn *in)
{
    if (!class_of(in->src) && load_constant(c, in->a, ir_type_bits(in->src))) {
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), bits = ir_type_bits(in->src);
    struct assembler *as = &c->as;

    if (!class_of(in->src)) {
        if (bits >= 32) {
            emit_rr(as, SSE_MOVD_TO_XMM | W(bits == 64), dst, ra);
        } else {
            emit_rr(as, SSE_MOVD_TO_XMM, dst, RAX);
            emit_x(as, OPC(0, 1, bits == 8 ? 0xb6 : 0xb7) | OP_BYTE_RM, RAX, reg_operand(ra), 0, 0);
        }
    } else if (bits == 64) {
        emit_rr(as, SSE_MOVQ_LOAD, dst, ra);
    } else if (bits == 32) { /* insertps: lane 0, and zeros */
        const opcode op = OPC(PP_66, MAP_0F3A, 0x21);
        if (c->h->avx) {
            emit_v(as, op, dst, ra, reg_operand(ra), 1, 0x0e);
        } else {
            emit_x(as, op, dst, reg_operand(ra), 1, 0x0e);
        }
    } else {
        emit_rr(as, SSE_MOVD_TO_XMM, dst, RAX);
        emit_x(as, B66(0xc5), RAX, reg_operand(ra), 1, 0); /* pextrw */
    }
}

static void emit_vdup(struct compiler *c, const struct ir_insn *in)
{
    const unsigned bits = ir_lane_bits(in->type), dst = def(c), ra = use(c, in->a, 0);
    struct assembler *as = &c->as;
    const bool from_vector = class_of(c->insns[in->a].type);
    const unsigned first = from_vector ? ra : dst;

    if (bits == 64) {
        emit_x(as, B66(0x70), dst, reg_operand(first), 1, 0x44);
    } else if (bits == 32) {
        emit_x(as, B66(0x70), dst, reg_operand(first), 1, 0);
    } else if (bits == 16) {
        emit_x(as, B66(0x70), dst, reg_operand(dst), 1, 0);
        emit_x(as, OPC(PP_F2, MAP_0F, 0x70), dst, reg_operand(first), 1, 0); /* pshuflw */
    } else {
        emit_rr(as, B38(0x00), dst, X0); /* pshufb by zeros */
        emit_rr(as, B66(0xef), X0, X0);
        if (from_vector) {
            copy(c, true, dst, ra);
        }
    }
    if (!from_vector) {
        emit_rr(as, SSE_MOVD_TO_XMM | W(bits == 64), dst, ra);
    }
}

static void emit_fmov(struct compiler *c, const struct ir_insn *in)
{
    if (in->op == IR_fmov_to_fp && load_constant(c, in->a, ir_type_bits(in->type))) {
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), bits = ir_type_bits(in->type);
    struct assembler *as = &c->as;

    if (in->op == IR_fmov_to_fp) {
        emit_rr(as, SSE_MOVD_TO_XMM | W(bits == 64), dst, ra);
        return;
    }
    if (bits < 32) {
        emit_rr(as, OPC(0, 1, 0xb7), dst, dst);
    }
    emit_rr(as, SSE_MOVD_FROM_XMM | W(bits == 64), ra, dst);
}

/* Words are packed to bytes first; the other lanes have their instruction. */
static void emit_vsigns(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), bits = 8u << in->aux;

    if (bits == 16) {
        emit_rr(&c->as, OPC(PP_NONE, MAP_0F, 0xb6), dst, RAX); /* movzx: twice the same */
        emit_rr(&c->as, B66(0xd7), RAX, X0);
        emit_rr(&c->as, B66(0x63), X0, X0); /* packsswb */
        copy(c, true, X0, ra);
    } else if (bits == 8) {
        emit_rr(&c->as, B66(0xd7), dst, ra);
    } else {
        emit_rr(&c->as, OPC(bits == 64 ? PP_66 : PP_NONE, MAP_0F, 0x50), dst, ra);
    }
}

void emit_vector_move(struct compiler *c, const struct ir_insn *in)
{
    if (ir_is_vector(in->type) && ir_type_bits(in->type) == 64) {
        fallback(c, in); /* the upper half must be cleared */
        return;
    }
    switch (in->op) {
    case IR_vkonst:
        emit_vkonst(c, in);
        break;
    case IR_vget:
        emit_vget(c, in);
        break;
    case IR_vset:
        emit_vset(c, in);
        break;
    case IR_vzext:
        emit_vzext(c, in);
        break;
    case IR_vdup:
        emit_vdup(c, in);
        break;
    case IR_vsigns:
        emit_vsigns(c, in);
        break;
    case IR_vlow64: {
        const unsigned dst = def(c), ra = use(c, in->a, 0);
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, ra);
        break;
    }
    default:
        emit_fmov(c, in);
        break;
    }
}
