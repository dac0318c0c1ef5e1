/* SPDX-License-Identifier: MIT */
/*
 * What moves between a register and memory, once the place is known: extension, and the order of
 * bytes (MO_SWAP): MOVBE or BSWAP for integers, PSHUFB for vectors. Hot code is emitted backwards,
 * that of cold paths forwards, so each function here has both orders.
 */
#include "tcg/host/x86_64/simd.h"

static opcode integer_load(const struct ir_insn *in)
{
    const memop m = memop_of(in);
    const bool w = in->type == T_I64, sign = m & MO_SIGN;

    switch (m & MO_SIZE_LOG2) {
    case MO_8:
        return OPC(0, 1, sign ? 0xbe : 0xb6) | W(sign && w);
    case MO_16:
        return OPC(0, 1, sign ? 0xbf : 0xb7) | W(sign && w);
    case MO_32:
        return sign && w ? OPC(0, 0, 0x63) | OP_W : OPC(0, 0, 0x8b);
    default:
        return OPC(0, 0, 0x8b) | OP_W;
    }
}

static opcode vector_move(memop m, bool store)
{
    switch (m & MO_SIZE_LOG2) {
    case MO_32:
        return store ? SSE_MOVSS_STORE : SSE_MOVSS_LOAD;
    case MO_64:
        return store ? SSE_MOVQ_STORE : SSE_MOVQ_LOAD;
    default:
        return store ? SSE_MOVUPS_STORE : SSE_MOVUPS_LOAD;
    }
}

/* What in moves is in another order than memory has. */
static bool is_swapped(const struct ir_insn *in)
{
    return (memop_of(in) & MO_SWAP) && memop_unit(memop_of(in)) > 1;
}

void swap_register(struct compiler *c, unsigned log2, unsigned r)
{
    const bool w = log2 == MO_64;

    if (log2 == MO_16) {
        emit_x(&c->as, OPC(PP_66, 0, 0xc1), SHIFT_ROL, reg_operand(r), 1, 8);
        return;
    }
    emit_bytes(&c->as,
               (const uint8_t[]){(uint8_t)(0x40 | (w ? 8 : 0) | (r >> 3)), 0x0f,
                                 (uint8_t)(0xc8 | (r & 7))},
               3);
}

#define MOVBE_LOAD OPC(0, MAP_0F38, 0xf0)
#define MOVBE_STORE OPC(0, MAP_0F38, 0xf1)

/* dst = src with the bytes of each unit of memop m reversed */
static void reverse_units(struct compiler *c, memop m, unsigned dst, unsigned src)
{
    static const uint8_t order[] = {[2] = K_REV16, [4] = K_REV32, [8] = K_REV64, [16] = K_REV128};
    const enum constant k = (enum constant)order[memop_unit(m)];
    struct assembler *as = &c->as;
    const bool copies = dst != src && !c->h->avx;
    const struct operand place = constant_place(c, k);

    if (copies && as->to_cold) {
        copy(c, true, dst, src);
    }
    if (c->h->avx) {
        emit_v(as, PSHUFB, dst, src, place, 0, 0);
    } else {
        emit_rm(as, PSHUFB, dst, place);
    }
    if (as->to_cold) { /* the place was that for hot code: the instruction ends with it */
        const uint32_t rel = (uint32_t)k * 16 - as->cold;
        memcpy(as->rw + as->cold - 4, &rel, 4);
    } else if (copies) {
        copy(c, true, dst, src);
    }
}

/* Of three steps, the one to emit as the nth. */
static unsigned nth_step(const struct compiler *c, unsigned n)
{
    return c->as.to_cold ? n : 2 - n;
}

static void store_vector(struct compiler *c, const struct ir_insn *in, struct operand place,
                         unsigned data)
{
    const bool swaps = is_swapped(in), forwards = c->as.to_cold;

    if (swaps && forwards) {
        reverse_units(c, memop_of(in), X0, data);
    }
    if (ir_is_wide(in->src) && (memop_of(in) & MO_SIZE_LOG2) == MO_256) {
        store_register(c, in->src, data, place);
        return;
    }
    emit_rm(&c->as, vector_move(memop_of(in), true), swaps ? X0 : data, place);
    if (swaps && !forwards) {
        reverse_units(c, memop_of(in), X0, data);
    }
}

/* An integer, or a lane of 8 or 16 bits by way of rax. */
static void store_integer(struct compiler *c, const struct ir_insn *in, struct operand place,
                          unsigned data)
{
    static const opcode ops[] = {OPC(0, 0, 0x88) | OP_BYTE_REG, OPC(PP_66, 0, 0x89),
                                 OPC(0, 0, 0x89), OPC(0, 0, 0x89) | OP_W};
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2;
    const bool vec = class_of(in->src), swaps = is_swapped(in), movbe = swaps && c->h->movbe;
    const bool by_rax = vec || (swaps && !movbe);
    struct assembler *as = &c->as;

    for (unsigned n = 0; n < 3; n++) {
        switch (nth_step(c, n)) {
        case 0:
            if (vec) {
                emit_rr(as, SSE_MOVD_FROM_XMM, data, RAX);
            } else if (by_rax) {
                x_mov(as, true, RAX, data);
            }
            break;
        case 1:
            if (swaps && !movbe) {
                swap_register(c, log2, RAX);
            }
            break;
        default:
            emit_rm(as,
                    movbe ? MOVBE_STORE | (log2 == MO_16 ? OPC(PP_66, 0, 0) : 0) | W(log2 == MO_64)
                          : ops[log2],
                    by_rax ? RAX : data, place);
            break;
        }
    }
}

void register_to_memory(struct compiler *c, const struct ir_insn *in, struct operand place,
                        unsigned data, uint64_t k)
{
    static const opcode ops[] = {OPC(0, 0, 0xc6), OPC(PP_66, 0, 0xc7), OPC(0, 0, 0xc7),
                                 OPC(0, 0, 0xc7) | OP_W};
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2;

    if (data == SITE_NO_REG) {
        emit_x(&c->as, ops[log2], 0, place, log2 == MO_64 ? 4 : 1u << log2, k);
    } else if (class_of(in->src) && log2 >= MO_32) {
        store_vector(c, in, place, data);
    } else {
        store_integer(c, in, place, data);
    }
}

static void load_vector(struct compiler *c, const struct ir_insn *in, unsigned dst,
                        struct operand place)
{
    const bool swaps = is_swapped(in), forwards = c->as.to_cold;

    if (swaps && !forwards) {
        reverse_units(c, memop_of(in), dst, dst);
    }
    if (ir_is_wide(in->type)) {
        load_register(c, in->type, dst, place);
        return;
    }
    emit_rm(&c->as, vector_move(memop_of(in), false), dst, place);
    if (swaps && forwards) {
        reverse_units(c, memop_of(in), dst, dst);
    }
}

static const opcode zero_extended[] = {OPC(0, 1, 0xb6), OPC(0, 1, 0xb7), OPC(0, 0, 0x8b),
                                       OPC(0, 0, 0x8b) | OP_W};

/* A lane of 8 or 16 bits, by way of rax. */
static void load_narrow_lane(struct compiler *c, const struct ir_insn *in, unsigned dst,
                             struct operand place)
{
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2;

    for (unsigned n = 0; n < 3; n++) {
        switch (nth_step(c, n)) {
        case 0:
            emit_rm(&c->as, zero_extended[log2], RAX, place);
            break;
        case 1:
            if (is_swapped(in)) {
                swap_register(c, log2, RAX);
            }
            break;
        default:
            emit_rr(&c->as, SSE_MOVD_TO_XMM, dst, RAX);
            break;
        }
    }
}

static void load_swapped(struct compiler *c, const struct ir_insn *in, unsigned dst,
                         struct operand place)
{
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2;
    const bool movbe = c->h->movbe && log2 >= MO_32, w = in->type == T_I64;
    struct assembler *as = &c->as;

    for (unsigned n = 0; n < 3; n++) {
        switch (nth_step(c, n)) {
        case 0:
            emit_rm(as, movbe ? MOVBE_LOAD | W(log2 == MO_64) : zero_extended[log2], dst, place);
            break;
        case 1:
            if (!movbe) {
                swap_register(c, log2, dst);
            }
            break;
        default:
            if ((memop_of(in) & MO_SIGN) && log2 == MO_16) {
                emit_rr(as, OPC(0, 1, 0xbf) | W(w), dst, dst);
            } else if ((memop_of(in) & MO_SIGN) && log2 == MO_32 && w) {
                emit_rr(as, OPC(0, 0, 0x63) | OP_W, dst, dst);
            }
            break;
        }
    }
}

void memory_to_register(struct compiler *c, const struct ir_insn *in, unsigned dst,
                        struct operand place)
{
    if (class_of(in->type)) {
        ((memop_of(in) & MO_SIZE_LOG2) >= MO_32 ? load_vector : load_narrow_lane)(c, in, dst,
                                                                                  place);
    } else if (is_swapped(in)) {
        load_swapped(c, in, dst, place);
    } else {
        emit_rm(&c->as, integer_load(in), dst, place);
    }
}
