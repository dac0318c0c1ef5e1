/* SPDX-License-Identifier: MIT */
/*
 * The assembler of the x86-64 back end (Intel SDM volume 2).
 *
 * A block's hot code is emitted backwards, from its last instruction to its first, downwards in the
 * cache: when an instruction is emitted, everything that follows it is known. Cold code (slow
 * paths, exits) is emitted forwards, upwards from the other end of the cache. Positions are offsets
 * into the cache, which is mapped twice (write at rw, run at rx).
 */
#ifndef TCG_HOST_X86_64_EMIT_H
#define TCG_HOST_X86_64_EMIT_H

#include <string.h>

#include "base/bits.h"

enum {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RIP = 0xf0 /* as a base */,
    NO_REG = 0xff
};

struct assembler {
    uint8_t *rw;
    uint32_t hot;  /* hot code occupies [hot, …) */
    uint32_t cold; /* cold code ends here */
    bool to_cold;  /* emit there */
    bool vex;      /* vector instructions in VEX encoding */
};

/* An opcode: mandatory prefix, map, byte, operand size. */
typedef uint32_t opcode;
#define OPC(pp, map, op) ((opcode)(pp) << 16 | (opcode)(map) << 8 | (op))
enum {
    PP_NONE,
    PP_66,
    PP_F3,
    PP_F2
};
enum {
    MAP_ONE,
    MAP_0F,
    MAP_0F38,
    MAP_0F3A
};
#define OP_W (1u << 24)        /* REX.W */
#define OP_BYTE_REG (1u << 25) /* reg is a byte register: SPL … DIL need a REX prefix */
#define OP_BYTE_RM (1u << 26)
#define OP_L (1u << 27) /* VEX.L: 256 bits */

struct operand { /* memory: base + (index << scale) + disp; or a register */
    uint8_t base, index, scale;
    bool is_register;
    int32_t disp;
};

static inline struct operand at(unsigned base, int32_t disp)
{
    return (struct operand){.base = (uint8_t)base, .index = NO_REG, .disp = disp};
}

static inline struct operand at_index(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (struct operand){
        .base = (uint8_t)base, .index = (uint8_t)index, .scale = (uint8_t)scale, .disp = disp};
}

static inline struct operand reg_operand(unsigned r)
{
    return (struct operand){.base = (uint8_t)r, .index = NO_REG, .is_register = true};
}

static inline void emit_bytes(struct assembler *as, const uint8_t *bytes, unsigned n)
{
    if (as->to_cold) {
        memcpy(as->rw + as->cold, bytes, n);
        as->cold += n;
    } else {
        as->hot -= n;
        memcpy(as->rw + as->hot, bytes, n);
    }
}

/*
 * An instruction under construction, first byte lowest: built in registers, since wide loads of
 * what was just stored byte by byte would wait for the stores. Its head (prefixes, opcode, ModRM
 * and SIB: at most 8 bytes of what we emit) and its tail (displacement and immediate) are each a
 * word.
 */
struct encoding {
    uint64_t head, tail;
    unsigned head_bytes, tail_bytes;
};

static inline void encode(struct encoding *e, uint64_t bytes, unsigned n)
{
    e->head |= bytes << (8 * e->head_bytes);
    e->head_bytes += n;
}

static inline void encode_tail(struct encoding *e, uint64_t bytes, unsigned n)
{
    e->tail |= bytes << (8 * e->tail_bytes);
    e->tail_bytes += n;
}

/* Writes 16 bytes: what is too much lies in the free space between hot and cold code. */
__attribute__((always_inline)) static inline void emit_encoding(struct assembler *as,
                                                                const struct encoding *e)
{
    const unsigned n = e->head_bytes + e->tail_bytes;

    if (as->to_cold) {
        memcpy(as->rw + as->cold, &e->head, 8);
        memcpy(as->rw + as->cold + e->head_bytes, &e->tail, 8);
        as->cold += n;
        return;
    }
    unsigned __int128 bytes = (unsigned __int128)e->tail << (8 * e->head_bytes) | e->head;
    bytes <<= 8 * (16 - n);
    memcpy(as->rw + as->hot - 16, &bytes, 16);
    as->hot -= n;
}

/* ModRM, SIB and displacement for reg and o. */
__attribute__((always_inline)) static inline void encode_modrm(struct encoding *e, unsigned reg,
                                                               struct operand o)
{
    const unsigned base = o.base & 7;

    reg = (reg & 7) << 3;
    if (o.is_register) {
        encode(e, 0xc0 | reg | base, 1);
        return;
    }
    if (o.base == RIP) {
        encode(e, reg | 5, 1);
        encode_tail(e, (uint32_t)o.disp, 4);
        return;
    }
    unsigned mod = 0;
    if (o.base == NO_REG) {
        encode_tail(e, (uint32_t)o.disp, 4);
    } else if (o.disp != 0 || base == RBP) {
        mod = o.disp == (int8_t)o.disp ? 1 : 2;
        if (mod == 1) {
            encode_tail(e, (uint8_t)o.disp, 1);
        } else {
            encode_tail(e, (uint32_t)o.disp, 4);
        }
    }
    if (o.index != NO_REG || base == RSP || o.base == NO_REG) {
        const unsigned index = o.index == NO_REG ? 4 : o.index & 7;
        const unsigned second = o.scale << 6 | index << 3 | (o.base == NO_REG ? 5 : base);
        encode(e, second << 8 | mod << 6 | reg | 4, 2);
    } else {
        encode(e, mod << 6 | reg | base, 1);
    }
}

static inline uint64_t low_bytes(uint64_t x, unsigned n)
{
    return n == 0 ? 0 : x & UINT64_MAX >> (64 - 8 * n);
}

/* The opcode's map and byte. */
__attribute__((always_inline)) static inline void encode_opcode(struct encoding *e, opcode op)
{
    const unsigned map = op >> 8 & 3, byte = op & 0xff;

    if (map == MAP_ONE) {
        encode(e, byte, 1);
    } else if (map == MAP_0F) {
        encode(e, 0x0f | byte << 8, 2);
    } else {
        encode(e, 0x0f | (map == MAP_0F38 ? 0x3800u : 0x3a00u) | byte << 16, 3);
    }
}

/* The bits of REX that op, reg and o ask for, with 0x40 if any. */
__attribute__((always_inline)) static inline unsigned rex_of(opcode op, unsigned reg,
                                                             struct operand o)
{
    unsigned rex = op & OP_W ? 0x48 : 0;

    rex |= reg & 8 ? 0x44 : 0;
    rex |= o.base < RIP && (o.base & 8) ? 0x41 : 0;
    rex |= o.index != NO_REG && (o.index & 8) ? 0x42 : 0;
    if (op & (OP_BYTE_REG | OP_BYTE_RM)) {
        const bool reg_byte = (op & OP_BYTE_REG) && reg >= RSP && reg <= RDI;
        const bool rm_byte = (op & OP_BYTE_RM) && o.is_register && o.base >= RSP && o.base <= RDI;
        rex |= reg_byte || rm_byte ? 0x40 : 0;
    }
    return rex;
}

/* One instruction with a ModRM byte, legacy encoding; imm_bytes of imm at the end. */
static inline void emit_legacy(struct assembler *as, opcode op, unsigned reg, struct operand o,
                               unsigned imm_bytes, uint64_t imm)
{
    static const uint8_t prefix[] = {0, 0x66, 0xf3, 0xf2};
    struct encoding e = {0};
    const unsigned pp = op >> 16 & 3, rex = rex_of(op, reg, o);

    if (pp) {
        encode(&e, prefix[pp], 1);
    }
    if (rex) {
        encode(&e, rex, 1);
    }
    encode_opcode(&e, op);
    encode_modrm(&e, reg, o);
    if (imm_bytes) {
        encode_tail(&e, low_bytes(imm, imm_bytes), imm_bytes);
    }
    emit_encoding(as, &e);
}

/* The same, in VEX encoding if there is one (vex.c). */
void emit_either(struct assembler *as, opcode op, unsigned reg, struct operand o,
                 unsigned imm_bytes, uint64_t imm);

static inline void emit_x(struct assembler *as, opcode op, unsigned reg, struct operand o,
                          unsigned imm_bytes, uint64_t imm)
{
    if (unlikely(as->vex)) {
        emit_either(as, op, reg, o, imm_bytes, imm);
        return;
    }
    emit_legacy(as, op, reg, o, imm_bytes, imm);
}

/* VEX encoding: reg, vvvv (0 if the instruction has none), o. */
static inline void emit_v(struct assembler *as, opcode op, unsigned reg, unsigned vvvv,
                          struct operand o, unsigned imm_bytes, uint64_t imm)
{
    struct encoding e = {0};
    const unsigned pp = op >> 16 & 3, map = op >> 8 & 3, l = op & OP_L ? 4 : 0;
    const bool x = o.index != NO_REG && (o.index & 8), b = o.base < RIP && (o.base & 8);

    if (map == MAP_0F && !x && !b && !(op & OP_W)) {
        encode(&e, 0xc5 | ((reg & 8 ? 0 : 0x80) | (~vvvv & 15) << 3 | l | pp) << 8, 2);
    } else {
        encode(&e, 0xc4, 1);
        encode(&e, (reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | map, 1);
        encode(&e, (op & OP_W ? 0x80 : 0) | (~vvvv & 15) << 3 | l | pp, 1);
    }
    encode(&e, op & 0xff, 1);
    encode_modrm(&e, reg, o);
    if (imm_bytes) {
        encode_tail(&e, low_bytes(imm, imm_bytes), imm_bytes);
    }
    emit_encoding(as, &e);
}

/* n bytes (at most 8) of a word. */
static inline void emit_word(struct assembler *as, uint64_t bytes, unsigned n)
{
    if (as->to_cold) {
        memcpy(as->rw + as->cold, &bytes, 8);
        as->cold += n;
        return;
    }
    bytes <<= 8 * (8 - n);
    memcpy(as->rw + as->hot - 8, &bytes, 8);
    as->hot -= n;
}

/* The most frequent forms in a word: an opcode of one byte with two registers, */
static inline void emit_two(struct assembler *as, unsigned op, bool w, unsigned reg, unsigned rm)
{
    const unsigned rex = (w ? 0x48u : 0) | (reg & 8 ? 0x44u : 0) | (rm & 8 ? 0x41u : 0);
    const unsigned bytes = op | (0xc0u | (reg & 7) << 3 | (rm & 7)) << 8;

    emit_word(as, rex ? bytes << 8 | rex : bytes, rex ? 3 : 2);
}

/* or with a register and [rbp + disp]. */
static inline void emit_by_rbp(struct assembler *as, unsigned op, bool w, unsigned reg,
                               int32_t disp)
{
    const unsigned rex = (w ? 0x48u : 0) | (reg & 8 ? 0x44u : 0);
    const bool near = disp == (int8_t)disp;
    uint64_t bytes = op | ((near ? 0x45u : 0x85u) | (reg & 7) << 3) << 8;

    bytes |= (uint64_t)(near ? (uint8_t)disp : (uint32_t)disp) << 16;
    emit_word(as, rex ? bytes << 8 | rex : bytes, (near ? 3u : 6u) + (rex != 0));
}

/* A register and a register or memory, without a prefix or immediate: most of what is emitted. */
static inline void emit_short(struct assembler *as, opcode op, unsigned reg, struct operand o)
{
    struct encoding e = {0};
    const unsigned rex = rex_of(op, reg, o);

    if (rex) {
        encode(&e, rex, 1);
    }
    encode(&e, op & 0xff, 1);
    encode_modrm(&e, reg, o);
    emit_encoding(as, &e);
}

static inline void emit_rr(struct assembler *as, opcode op, unsigned reg, unsigned rm)
{
    emit_x(as, op, reg, reg_operand(rm), 0, 0);
}

static inline void emit_rm(struct assembler *as, opcode op, unsigned reg, struct operand o)
{
    emit_x(as, op, reg, o, 0, 0);
}

/* The constant at offset in the cache, for the very next hot instruction. */
static inline struct operand at_constant(const struct assembler *as, uint32_t offset)
{
    return (struct operand){.base = RIP, .index = NO_REG, .disp = (int32_t)(offset - as->hot)};
}

/* ---- integer instructions; w: 64-bit operands */

#define W(w) ((w) ? OP_W : 0)
enum {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP
};
enum {
    SHIFT_ROL,
    SHIFT_ROR,
    SHIFT_RCL,
    SHIFT_RCR,
    SHIFT_SHL = 4,
    SHIFT_SHR,
    SHIFT_SAR = 7
};

static inline void x_alu(struct assembler *as, unsigned alu, bool w, unsigned dst, unsigned src)
{
    emit_two(as, alu << 3 | 3, w, dst, src);
}

static inline void x_alu_mem(struct assembler *as, unsigned alu, bool w, unsigned dst,
                             struct operand o)
{
    emit_short(as, OPC(0, 0, alu << 3 | 3) | W(w), dst, o);
}

static inline void x_alu_imm(struct assembler *as, unsigned alu, bool w, struct operand o,
                             int32_t imm)
{
    if (imm == (int8_t)imm) {
        emit_x(as, OPC(0, 0, 0x83) | W(w), alu, o, 1, (uint8_t)imm);
    } else {
        emit_x(as, OPC(0, 0, 0x81) | W(w), alu, o, 4, (uint32_t)imm);
    }
}

static inline void x_mov(struct assembler *as, bool w, unsigned dst, unsigned src)
{
    emit_two(as, 0x8b, w, dst, src);
}

static inline void x_load(struct assembler *as, bool w, unsigned dst, struct operand o)
{
    if (o.base == RBP && o.index == NO_REG) {
        emit_by_rbp(as, 0x8b, w, dst, o.disp);
    } else {
        emit_short(as, OPC(0, 0, 0x8b) | W(w), dst, o);
    }
}

static inline void x_store(struct assembler *as, bool w, unsigned src, struct operand o)
{
    if (o.base == RBP && o.index == NO_REG) {
        emit_by_rbp(as, 0x89, w, src, o.disp);
    } else {
        emit_short(as, OPC(0, 0, 0x89) | W(w), src, o);
    }
}

static inline void x_store_imm(struct assembler *as, bool w, struct operand o, int32_t imm)
{
    emit_x(as, OPC(0, 0, 0xc7) | W(w), 0, o, 4, (uint32_t)imm);
}

static inline void x_lea(struct assembler *as, bool w, unsigned dst, struct operand o)
{
    emit_rm(as, OPC(0, 0, 0x8d) | W(w), dst, o);
}

/* Does not change the flags. */
static inline void x_mov_imm(struct assembler *as, unsigned dst, uint64_t imm)
{
    if (imm <= UINT32_MAX) {
        uint8_t p[6];
        unsigned n = 0;
        if (dst & 8) {
            p[n++] = 0x41;
        }
        p[n++] = (uint8_t)(0xb8 | (dst & 7));
        memcpy(p + n, &imm, 4);
        emit_bytes(as, p, n + 4);
    } else if ((int64_t)imm == (int32_t)imm) {
        emit_x(as, OPC(0, 0, 0xc7) | OP_W, 0, reg_operand(dst), 4, (uint32_t)imm);
    } else {
        uint8_t p[10] = {(uint8_t)(dst & 8 ? 0x49 : 0x48), (uint8_t)(0xb8 | (dst & 7))};
        memcpy(p + 2, &imm, 8);
        emit_bytes(as, p, 10);
    }
}

static inline void x_test(struct assembler *as, bool w, unsigned a, unsigned b)
{
    emit_rr(as, OPC(0, 0, 0x85) | W(w), a, b);
}

static inline void x_test_imm(struct assembler *as, bool w, unsigned a, int32_t imm)
{
    emit_x(as, OPC(0, 0, 0xf7) | W(w), 0, reg_operand(a), 4, (uint32_t)imm);
}

static inline void x_shift_imm(struct assembler *as, unsigned kind, bool w, unsigned r, unsigned n)
{
    emit_x(as, OPC(0, 0, 0xc1) | W(w), kind, reg_operand(r), 1, n);
}

static inline void x_shift_cl(struct assembler *as, unsigned kind, bool w, unsigned r)
{
    emit_rr(as, OPC(0, 0, 0xd3) | W(w), kind, r);
}

enum {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

static inline void x_setcc(struct assembler *as, unsigned cc, unsigned r)
{
    emit_x(as, OPC(0, 1, 0x90 | cc) | OP_BYTE_RM, 0, reg_operand(r), 0, 0);
}

static inline void x_cmov(struct assembler *as, unsigned cc, bool w, unsigned dst, unsigned src)
{
    emit_rr(as, OPC(0, 1, 0x40 | cc) | W(w), dst, src);
}

static inline void x_byte(struct assembler *as, uint8_t b)
{
    emit_bytes(as, &b, 1);
}

/* ---- jumps, by cache offset */

static inline uint32_t emit_here(const struct assembler *as)
{
    return as->to_cold ? as->cold : as->hot;
}

/* Places a rel32 instruction (opcode bytes given) so that the displacement, which may be patched
 * while others run it, lies within an aligned word. Returns the offset of the displacement. */
static inline uint32_t emit_rel32(struct assembler *as, const uint8_t *op, unsigned n,
                                  uint32_t goal)
{
    uint8_t p[8];
    uint32_t end;

    if (as->to_cold) {
        while ((as->cold + n) & 3) {
            x_byte(as, 0x90);
        }
        end = as->cold + n + 4;
    } else {
        static const uint8_t nops[3][3] = {{0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}};
        if (as->hot & 3) {
            emit_bytes(as, nops[(as->hot & 3) - 1], as->hot & 3);
        }
        end = as->hot;
    }
    const uint32_t rel = goal - end;
    memcpy(p, op, n);
    memcpy(p + n, &rel, 4);
    emit_bytes(as, p, n + 4);
    return end - 4;
}

static inline uint32_t x_jmp_patchable(struct assembler *as, uint32_t goal)
{
    return emit_rel32(as, (const uint8_t[]){0xe9}, 1, goal);
}

static inline uint32_t x_jcc_patchable(struct assembler *as, unsigned cc, uint32_t goal)
{
    return emit_rel32(as, (const uint8_t[]){0x0f, (uint8_t)(0x80 | cc)}, 2, goal);
}

static inline uint32_t x_call_patchable(struct assembler *as, uint32_t goal)
{
    return emit_rel32(as, (const uint8_t[]){0xe8}, 1, goal);
}

static inline void emit_branch(struct assembler *as, uint8_t short_op, const uint8_t *long_op,
                               unsigned n, uint32_t goal)
{
    const uint32_t end_short = as->to_cold ? as->cold + 2 : as->hot;
    const int32_t rel_short = (int32_t)(goal - end_short);
    uint8_t p[8];

    if (short_op && rel_short == (int8_t)rel_short) {
        p[0] = short_op;
        p[1] = (uint8_t)rel_short;
        emit_bytes(as, p, 2);
        return;
    }
    const uint32_t end = as->to_cold ? as->cold + n + 4 : as->hot;
    const uint32_t rel = goal - end;
    memcpy(p, long_op, n);
    memcpy(p + n, &rel, 4);
    emit_bytes(as, p, n + 4);
}

static inline void x_jmp(struct assembler *as, uint32_t goal)
{
    emit_branch(as, 0xeb, (const uint8_t[]){0xe9}, 1, goal);
}

static inline void x_jmp_long(struct assembler *as, uint32_t goal)
{
    emit_branch(as, 0, (const uint8_t[]){0xe9}, 1, goal);
}

static inline void x_jcc(struct assembler *as, unsigned cc, uint32_t goal)
{
    emit_branch(as, (uint8_t)(0x70 | cc), (const uint8_t[]){0x0f, (uint8_t)(0x80 | cc)}, 2, goal);
}

static inline void x_call(struct assembler *as, uint32_t goal)
{
    emit_branch(as, 0, (const uint8_t[]){0xe8}, 1, goal);
}

static inline void x_push(struct assembler *as, unsigned r)
{
    if (r & 8) {
        emit_bytes(as, (const uint8_t[]){0x41, (uint8_t)(0x50 | (r & 7))}, 2);
    } else {
        x_byte(as, (uint8_t)(0x50 | r));
    }
}

static inline void x_pop(struct assembler *as, unsigned r)
{
    if (r & 8) {
        emit_bytes(as, (const uint8_t[]){0x41, (uint8_t)(0x58 | (r & 7))}, 2);
    } else {
        x_byte(as, (uint8_t)(0x58 | r));
    }
}

/* ---- 128-bit vector moves (SSE encodings; the AVX forms of arithmetic are chosen in ops_vector.c)
 */

#define SSE_MOVUPS_LOAD OPC(0, 1, 0x10)
#define SSE_MOVUPS_STORE OPC(0, 1, 0x11)
#define SSE_MOVAPS OPC(0, 1, 0x28)
#define SSE_MOVQ_LOAD OPC(PP_F3, 1, 0x7e) /* also register to register, clearing the upper half */
#define SSE_MOVQ_STORE OPC(PP_66, 1, 0xd6)
#define SSE_MOVD_TO_XMM OPC(PP_66, 1, 0x6e) /* W: 64 bits */
#define SSE_MOVD_FROM_XMM OPC(PP_66, 1, 0x7e)
#define SSE_MOVSS_LOAD OPC(PP_F3, 1, 0x10)
#define SSE_MOVSS_STORE OPC(PP_F3, 1, 0x11)

#endif
