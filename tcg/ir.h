/* SPDX-License-Identifier: MIT */
/*
 * The intermediate representation of one block, and its builder.
 *
 * A block is a flat array of instructions in guest order; the index of an instruction is the name
 * of its value (SSA). It has one entry; it ends with one op that ENDS. Guest registers are reached
 * only by get and put of rows of the guest's table (struct ir_reg): a put takes effect when the
 * guest instruction completes as far as exits are concerned: an op that MAY_EXIT sees the puts
 * before it in the array, so a semantic function puts after its last access that may fault.
 *
 * The builder folds constants, forwards puts to gets and finds equal PURE ops while it appends; a
 * semantic function need not try to be clever.
 */
#ifndef TCG_IR_H
#define TCG_IR_H

#include "base/bits.h"
#include "base/strbuf.h"
#include "tcg/types.h"

typedef uint32_t ir_val; /* index of the defining instruction; IR_NONE is no value */
#define IR_NONE 0u

#define IR_MAX_INSNS 4000      /* a block ends in time: ir_full() */
#define IR_MAX_WIDE_INSNS 1200 /* where wide vectors may have to be taken apart (tcg/lower.h) */

enum ir_op {
#define OP(name, shape, effects, evaluator) IR_##name,
#include "tcg/ops.h"
#undef OP
    IR_OP_COUNT
};

/* x86's order: condition c ^ 1 is the negation of c. */
enum ir_cond {
    IR_VS,
    IR_VC,
    IR_ULT,
    IR_UGE,
    IR_EQ,
    IR_NE,
    IR_ULE,
    IR_UGT, /* ULT is C, UGE is not C (of a subtraction) */
    IR_MI,
    IR_PL,
    IR_PE,
    IR_PO,
    IR_SLT,
    IR_SGE,
    IR_SLE,
    IR_SGT
};

enum ir_relation {
    IR_FLT = 1,
    IR_FEQ = 2,
    IR_FGT = 4,
    IR_FUN = 8
};
#define IR_FCMP_SIGNALLING 16
#define IR_FLAGS_FCMP_SIGNALLING 1
#define IR_FLAGS_FCMP_ZPC 2 /* x86's encoding */

/* The constants of the floating-point environment, in imm of floating-point ops. */
enum {
    IR_FP_FZ = 1, /* flush single and double denormals, inputs and outputs (Arm FZ); outputs alone
                     where the rules flush them apart (x86 FTZ) */
    IR_FP_FZ16 = 2,
    IR_FP_DN = 4, /* default NaN */
    IR_FP_ALT =
        8, /* the guest's alternate rules (Arm FEAT_AFP); NaNs keep their signs in fneg, fabs */
    IR_FP_FIZ = 16, /* flush inputs to zero (Arm FEAT_AFP, x86 DAZ) */
    IR_FP_NEP = 32,
    IR_FP_ALT_HALF = 64, /* half precision without infinities and NaNs (Arm FPCR.AHP) */
    IR_FP_FIXED =
        128 /* FZ, DN, round to nearest, whatever the guest has set (A32's standard value) */
};

enum ir_rounding {
    IR_RNE,
    IR_RUP,
    IR_RDN,
    IR_RTZ,
    IR_RNA,
    IR_RODD,
    IR_RDYN = 7
};                       /* 0..3 are Arm's RMode */
#define IR_FRINT_EXACT 8 /* raises inexact */
#define IR_FTOI_UNSIGNED 16
#define IR_FTOI_MODULAR 32 /* FJCVTZS: modulo 2^32 */
#define IR_ITOF_UNSIGNED 16

/* Memory operation word. */
typedef uint32_t memop;
#define MO_SIZE_LOG2 7u /* bytes = 1 << (m & 7) */
#define MO_8 0u
#define MO_16 1u
#define MO_32 2u
#define MO_64 3u
#define MO_128 4u
#define MO_256 5u
#define MO_512 6u
#define MO_SIGN (1u << 3)  /* sign-extend to the type */
#define MO_SWAP (1u << 4)  /* byte order is not the host's */
#define MO_ALIGN (1u << 5) /* must be aligned to its size, else an alignment fault */
#define MO_WHOLE_IN_16                                                                             \
    (1u << 6) /* single-copy atomic if it does not cross 16 bytes; with MO_ALIGN: must not cross   \
                 them */
#define MO_ACQUIRE (1u << 7)
#define MO_RELEASE (1u << 8)
#define MO_NONTEMPORAL (1u << 9)
#define MO_TWO_HALVES                                                                              \
    (1u << 10) /* of 8 bytes, unaligned: two accesses of 4 bytes where it is not plain memory */
#define MO_IDX_SHIFT 11 /* MMU index, 5 bits */
#define MO_IDX(i) ((memop)(i) << MO_IDX_SHIFT)
#define IR_MMU_INDICES 32u
#define MO_UNIT_SHIFT 16 /* with MO_SWAP: what is reversed, 2 bits; see memop_unit */
#define MO_UNIT_2 (1u << MO_UNIT_SHIFT)
#define MO_UNIT_4 (2u << MO_UNIT_SHIFT)
#define MO_UNIT_8 (3u << MO_UNIT_SHIFT)
#define MO_WIDTH_SHIFT 18 /* of the address, 3 bits; see memop_address_mask */
#define MO_WIDTH_32 (1u << MO_WIDTH_SHIFT)
#define MO_WIDTH_31 (2u << MO_WIDTH_SHIFT)
#define MO_WIDTH_24 (3u << MO_WIDTH_SHIFT)
#define MO_WIDTH_16 (4u << MO_WIDTH_SHIFT)
#define MO_WIDTH (7u << MO_WIDTH_SHIFT)
#define MO_LINEAR_32 (1u << 21) /* and the sum with the segment base is cut to 32 bits */

static inline unsigned memop_idx(memop m)
{
    return m >> MO_IDX_SHIFT & (IR_MMU_INDICES - 1);
}

static inline unsigned memop_bytes(memop m)
{
    return 1u << (m & MO_SIZE_LOG2);
}

/*
 * Of an access with MO_SWAP, the bytes within which the order is reversed: all, unless MO_UNIT_
 * says how many. The units of an access of a vector keep their places: the one at the lowest
 * address is in the lowest lane.
 */
static inline unsigned memop_unit(memop m)
{
    const unsigned unit = m >> MO_UNIT_SHIFT & 3;

    return unit ? 1u << unit : memop_bytes(m);
}

/* x, of at most 8 bytes, between the host's order and that of memop m; the rest is 0. */
static inline uint64_t memop_order(memop m, uint64_t x)
{
    const uint64_t reversed = bswap64(x);

    if (!(m & MO_SWAP)) {
        return x;
    }
    switch (memop_unit(m) < memop_bytes(m) ? memop_unit(m) : 0) {
    case 2:
        return (x & UINT64_C(0xff00ff00ff00ff)) << 8 | (x >> 8 & UINT64_C(0xff00ff00ff00ff));
    case 4:
        return reversed << 32 | reversed >> 32;
    default:
        return reversed >> (64 - 8 * memop_bytes(m));
    }
}

/* The same of 16 bytes, low half first. */
static inline void memop_order16(memop m, uint64_t x[2])
{
    const bool whole = (m & MO_SWAP) && memop_unit(m) == 16;
    const memop half = (m & ~MO_SIZE_LOG2) | MO_64;
    const uint64_t low = memop_order(half, x[whole]);

    x[1] = memop_order(half, x[!whole]);
    x[0] = low;
}

/*
 * The address is base + (index << scale) + displacement, of which these bits count; the rest is 0.
 * Where they are 32 or fewer, base and index may be of 32 bits. A segment base is added to that.
 */
static inline uint64_t memop_address_mask(memop m)
{
    static const uint64_t masks[8] = {UINT64_MAX, 0xffffffff, 0x7fffffff, 0xffffff, 0xffff};

    return masks[m >> MO_WIDTH_SHIFT & 7];
}

static inline uint64_t memop_address(memop m, uint64_t sum, uint64_t segment)
{
    const uint64_t a = (sum & memop_address_mask(m)) + segment;

    return m & MO_LINEAR_32 ? (uint32_t)a : a;
}

/*
 * What the access itself must know of the width: where its bytes go on at 0. Behind a segment base
 * that is at the end of all addresses, unless their sum is cut.
 */
static inline memop memop_of_access(memop m, bool segment)
{
    return segment && !(m & MO_LINEAR_32) ? m & ~MO_WIDTH : m;
}

/* The address of byte n of an access at va. */
static inline uint64_t memop_behind(memop m, uint64_t va, unsigned n)
{
    return m & MO_LINEAR_32 ? (uint32_t)(va + n) : (va + n) & memop_address_mask(m);
}

enum ir_atomic {
    IR_ATOMIC_ADD,
    IR_ATOMIC_CLR,
    IR_ATOMIC_EOR,
    IR_ATOMIC_SET,
    IR_ATOMIC_SMAX,
    IR_ATOMIC_SMIN,
    IR_ATOMIC_UMAX,
    IR_ATOMIC_UMIN,
    IR_ATOMIC_SWP
};
#define IR_EXCL_PAIRED                                                                             \
    1u /* aux of store_excl, within a back end: behind its load nothing else touches memory */
enum ir_barrier {
    IR_BARRIER_FULL,
    IR_BARRIER_LOAD,
    IR_BARRIER_STORE
};

struct ir_insn {
    uint16_t op;
    ir_type type;     /* of the result */
    ir_type src;      /* of the operands where that differs; for stores: of the value */
    uint16_t a, b, c; /* operands: values */
    uint16_t uses;    /* number of operands elsewhere that name this value (kept by the builder) */
    uint32_t aux;
    uint64_t imm; /* constant; PC; memory ops: displacement (low 32, signed) | memop << 32 */
};                /* memory ops: aux bits 0-7 enum ir_atomic, bits 8-10 log2 scale of b,
                     bits 16-31 the field of the CPU struct that is the segment base (offset / 8,
                     0: none) */

/* Offset of the segment base of a memory op's aux in the CPU struct, or 0. */
static inline uint32_t ir_segment(uint32_t aux)
{
    return aux >> 16 << 3;
}

/* Class of a run-time function: what the call costs and may do. See docs/internals.md, "The
 * boundary contract". */
enum ir_call_class {
    IR_CALL_LEAF,  /* built with -mgeneral-regs-only, no guest registers read or written, cannot
                      raise */
    IR_CALL_FULL,  /* any C; guest register rows are not touched (env_ fields may be) */
    IR_CALL_RAISES /* as FULL, and may raise a guest exception (vcpu_raise); the exit map applies
                      then */
};

/* The value of an op outside generated code: as many bytes as its type has, the rest does not
 * count. Scalars are zero-extended to 16 bytes. */
#define IR_VEC_BYTES 64
union ir_vec {
    uint8_t u8[IR_VEC_BYTES];
    uint16_t u16[IR_VEC_BYTES / 2];
    uint32_t u32[IR_VEC_BYTES / 4];
    uint64_t u64[IR_VEC_BYTES / 8];
    int8_t s8[IR_VEC_BYTES];
    int16_t s16[IR_VEC_BYTES / 2];
    int32_t s32[IR_VEC_BYTES / 4];
    int64_t s64[IR_VEC_BYTES / 8];
};

/* A register of 128 bits in a CPU struct. */
union ir_v128 {
    uint8_t u8[16];
    uint16_t u16[8];
    uint32_t u32[4];
    uint64_t u64[2];
    int8_t s8[16];
    int16_t s16[8];
    int32_t s32[4];
    int64_t s64[2];
};

struct vcpu;
struct ir_stack80;

/* What a run-time function does that some hosts have as an instruction: x86's of SHA, operands a
 * and b, for SHA256RNDS2 c, and for SHA1RNDS4 the constant. */
enum ir_known_function {
    IR_KNOWN_NONE,
    IR_KNOWN_SHA1NEXTE,
    IR_KNOWN_SHA1MSG1,
    IR_KNOWN_SHA1MSG2,
    IR_KNOWN_SHA256RNDS2,
    IR_KNOWN_SHA256MSG1,
    IR_KNOWN_SHA256MSG2,
    IR_KNOWN_SHA1RNDS4
};

/*
 * A run-time function. Integer functions: uint64_t fn(struct vcpu *, uint64_t a, uint64_t b,
 * uint64_t c, uint32_t aux). With vector set: void fn(struct vcpu *, union ir_vec *d, const union
 * ir_vec *a, const union ir_vec *b, const union ir_vec *c, uint32_t aux), where scalars are in
 * u64[0] (zero-extended). With tail (class FULL): uint64_t fn(same as integer) is called with all
 * guest registers in memory and may change any; it returns the PC to go on at.
 */
struct ir_call {
    const char *name;
    void (*fn)(void);
    enum ir_call_class class;
    bool vector;
    bool pure;                        /* result depends on the operands only */
    bool switches;                    /* of a tail: changes the mode, see tcg_switched */
    bool fp_flags;                    /* gives tcg_fp_flags: a back end reads them itself */
    uint8_t known;                    /* enum ir_known_function */
    uint8_t stack80_kind;             /* enum ir_stack80_kind, with: */
    const struct ir_stack80 *stack80; /* it is about that stack: tcg/stack80.h; or NULL */
};

/* A guest register that get and put name: a row of the guest's table. Storage only, no views. */
struct ir_reg {
    const char *name;
    ir_type type;    /* I64, I32, FLAGS, V128, wider ones */
    uint32_t offset; /* in the CPU struct */
    int8_t home; /* preference for a fixed host register at block boundaries: 0 first; -1 none */
};

struct ir_guest {
    uint8_t code_align; /* log2: where instructions may begin */
    bool has_aux;       /* blocks are known by more than PC and mode */
    const struct ir_reg *regs;
    unsigned reg_count; /* at most IR_MAX_REGS */
    const struct fp_rules *fp_rules;
    const struct fp_rules *fp_rules_alternate; /* of ops with IR_FP_ALT */
    uint16_t vector_bits;                      /* of the widest vectors: 256 or 512; 0: 128 */
    const struct ir_call *const
        *calls; /* run-time functions that ir_parse knows by name; ends with NULL; or NULL */
};
#define IR_MAX_REGS 128

#define IR_CROSSING_BYTES 16u

struct ir_builder {
    const struct ir_guest *guest;
    struct ir_insn *insns; /* insns[0] is unused */
    uint32_t count;
    uint64_t pc; /* where the block starts */
    uint64_t mode_key;
    /*
     * What else the block is translated for: something that the guest knows before it looks at the
     * bytes, and that changes too often to be a mode. The lower half is local: it may be another at
     * each instruction, which begins with what `local` is then, and control leads to PCs with it.
     * The upper half is the block's, and `after` is the one that control leads to.
     */
    uint64_t aux;
    uint32_t local, after;
    uint64_t fetch_base, fetch_mask; /* the bytes of a PC are at (PC + base) & mask */
    const uint8_t
        *code; /* guest bytes at pc, code_bytes of them on this page; the page's host memory, or: */
    uint32_t code_bytes;
    /* A block of one instruction that lies on two pages: all its bytes, and the second page, which
     * the context must have where the block is entered. */
    uint8_t crossing[IR_CROSSING_BYTES];
    uint64_t second_page;
    uint32_t second_id;              /* as the code slots have it; 0: the block lies on one page */
    uint32_t max_guest_insns;        /* the block ends after so many */
    uint32_t guest_insns;            /* counted by ir_insn_start */
    uint32_t guest_bytes;            /* consumed; set by translate */
    uint16_t reg_value[IR_MAX_REGS]; /* current value of each row, or IR_NONE */
    uint16_t cse_heads[64];          /* value numbering: hash chains through cse_next */
    uint16_t *cse_next;
    uint32_t
        fp_mark; /* equal STICKY ops merge from here on: a run-time function may reset the flags */
    uint8_t mmu_current, mmu_user; /* MMU indices that have an inline table; others are slow */
    /*
     * The block may run at any virtual page: what its code computes from its address is made by
     * ir_address. Control (insn, branches) names addresses as if it ran at pc. translate clears it
     * where a block is right at pc only, before it asks for an address.
     */
    bool movable;
    bool parallel; /* other vCPUs run at the same time: what must be one access for them, is */
    uint32_t look_bytes;   /* set by translate: bytes at pc that flags_dead rests on, 0 without */
    bool look_ahead;       /* flags_dead may be set */
    bool narrow;           /* set by translate: this CPU's TLB has no address above 32 bits */
    uint8_t branches_left; /* conditional branches that the block may go on behind */
    bool loops;            /* a loop that is one block may be compiled as one */
    bool follows;          /* it may go on at the goal of a jump forwards within the page */
    bool polls;      /* set by translate: where it leads to looks whether the vCPU is to leave */
    bool flags_dead; /* FLAGS rows are overwritten by the successors before anybody can look */
    bool no_fold;    /* to find faults: append as told */
    bool ended;
};

void ir_builder_init(struct ir_builder *b, const struct ir_guest *g);
void ir_builder_free(struct ir_builder *b);
void ir_begin(struct ir_builder *b, uint64_t pc, uint64_t mode_key); /* an empty block */
/* Behind ir_begin: the block is for this. */
static inline void ir_set_aux(struct ir_builder *b, uint64_t aux)
{
    b->aux = aux;
    b->local = (uint32_t)aux;
    b->after = (uint32_t)(aux >> 32);
}
/* The aux of an instruction (op insn), and of where another op of control leads to. */
static inline uint64_t ir_aux_of(const struct ir_builder *b, const struct ir_insn *in)
{
    const uint32_t upper = in->op == IR_insn ? (uint32_t)(b->aux >> 32) : b->after;
    return (uint64_t)upper << 32 | in->aux;
}
/* Where the bytes of the instruction at pc are. */
static inline uint64_t ir_fetched_at(const struct ir_builder *b, uint64_t pc)
{
    return (pc + b->fetch_base) & b->fetch_mask;
}
static inline bool ir_full(const struct ir_builder *b)
{
    return b->count > (b->guest->vector_bits > 128 ? IR_MAX_WIDE_INSNS : IR_MAX_INSNS) - 600;
}

/* As ir_emit, with the three 64-bit words of the instruction: they travel in registers. */
ir_val ir_emit_words(struct ir_builder *b, uint64_t w0, uint64_t w1, uint64_t imm);

/* Appends (or folds, or finds) an instruction; the typed functions below are the usual way. */
static inline ir_val ir_emit(struct ir_builder *b, struct ir_insn in)
{
    return ir_emit_words(b,
                         (uint64_t)in.op | (uint64_t)in.type << 16 | (uint64_t)in.src << 24 |
                             (uint64_t)in.a << 32 | (uint64_t)in.b << 48,
                         (uint64_t)in.c | (uint64_t)in.aux << 32, in.imm);
}

static inline ir_type ir_type_of(const struct ir_builder *b, ir_val v)
{
    return b->insns[v].type;
}
/* The constant value of v in *k if it is one. */
bool ir_const_value(const struct ir_builder *b, ir_val v, uint64_t *k);

/* An offset that an op `page` may have: one that an instruction of the host holds. */
static inline bool ir_is_near_page(uint64_t offset)
{
    return (int64_t)offset == (int32_t)offset;
}

/* v is known to be 0 or 1 (comparisons and logic of them). */
bool ir_is_boolean(const struct ir_builder *b, ir_val v);

/* ---- typed builders (tcg/build.h has one for each plain op: ir_add(b, x, y), ir_fneg(b, x) …) */
ir_val ir_konst(struct ir_builder *b, ir_type t, uint64_t k);
/* The guest address pc, which is relative to the block's: a constant unless the block is movable.
 */
ir_val ir_address(struct ir_builder *b, uint64_t pc);
ir_val ir_vkonst(struct ir_builder *b, uint64_t low_and_high);
ir_val ir_get(struct ir_builder *b, unsigned reg);
void ir_put(struct ir_builder *b, unsigned reg, ir_val v);
ir_val ir_env_load(struct ir_builder *b, ir_type t,
                   uint32_t offset); /* zero-extended if narrower than a register */
void ir_env_store(struct ir_builder *b, uint32_t offset,
                  ir_val v); /* the width is v's type; 16 bytes of any vector */
ir_val ir_zext(struct ir_builder *b, ir_type t, ir_val v); /* v itself if the type fits already */
ir_val ir_sext(struct ir_builder *b, ir_type t, ir_val v);
ir_val ir_trunc(struct ir_builder *b, ir_type t, ir_val v);
ir_val ir_cmp(struct ir_builder *b, enum ir_cond c, ir_val x, ir_val y);
ir_val ir_tst(struct ir_builder *b, enum ir_cond c, ir_val x, ir_val y);
ir_val ir_ubfx(struct ir_builder *b, ir_val v, unsigned pos, unsigned len);
ir_val ir_sbfx(struct ir_builder *b, ir_val v, unsigned pos, unsigned len);
ir_val ir_dep(struct ir_builder *b, ir_val into, ir_val v, unsigned pos, unsigned len);
ir_val ir_flags_add(struct ir_builder *b, ir_val x, ir_val y);
ir_val ir_flags_sub(struct ir_builder *b, ir_val x, ir_val y);
ir_val ir_flags_logic(struct ir_builder *b, ir_val x);
ir_val ir_flags_adc(struct ir_builder *b, ir_val x, ir_val y, ir_val flags);
ir_val ir_flags_sbb(struct ir_builder *b, ir_val x, ir_val y, ir_val flags);
ir_val ir_flags_test(struct ir_builder *b, enum ir_cond c, ir_val flags);
/* Address base + (index << scale) + disp; index may be IR_NONE. */
ir_val ir_load(struct ir_builder *b, ir_type t, memop m, ir_val base, int32_t disp);
ir_val ir_load_indexed(struct ir_builder *b, ir_type t, memop m, ir_val base, ir_val index,
                       unsigned scale);
void ir_store(struct ir_builder *b, memop m, ir_val base, int32_t disp, ir_val v);
void ir_store_indexed(struct ir_builder *b, memop m, ir_val base, ir_val index, unsigned scale,
                      ir_val v);
/* What an address may have beside a base and a displacement: an index, and a segment base, which is
 * a field of 64 bits at that offset of the CPU struct and no register row (0: none). */
struct ir_address {
    ir_val base, index;
    unsigned scale;
    int32_t disp;
    uint32_t segment;
};
ir_val ir_load_at(struct ir_builder *b, ir_type t, memop m, const struct ir_address *at);
void ir_store_at(struct ir_builder *b, memop m, const struct ir_address *at, ir_val v);
ir_val ir_load_excl(struct ir_builder *b, ir_type t, memop m, ir_val addr);
ir_val ir_store_excl(struct ir_builder *b, memop m, ir_val addr, ir_val v);
ir_val ir_atomic(struct ir_builder *b, ir_type t, memop m, enum ir_atomic op, ir_val addr,
                 ir_val v);
ir_val ir_cas(struct ir_builder *b, ir_type t, memop m, ir_val addr, ir_val expected, ir_val v);
void ir_barrier(struct ir_builder *b, enum ir_barrier kind);
/* Floating point: fp is a set of IR_FP_ bits. */
ir_val ir_fp2(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, ir_val y, unsigned fp);
ir_val ir_fp1(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, unsigned aux, unsigned fp);
static inline ir_val ir_fma(struct ir_builder *b, ir_type t, ir_val x, ir_val y, ir_val addend,
                            unsigned negate, unsigned fp)
{
    return ir_emit(b, (struct ir_insn){.op = IR_fma,
                                       .type = t,
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .c = (uint16_t)addend,
                                       .aux = negate,
                                       .imm = fp});
}
ir_val ir_fcmp(struct ir_builder *b, unsigned relations, ir_val x, ir_val y, unsigned fp);
/* aux: IR_FLAGS_FCMP_ bits */
ir_val ir_flags_fcmp(struct ir_builder *b, ir_val x, ir_val y, unsigned aux, unsigned fp);
ir_val ir_fcvt(struct ir_builder *b, ir_type to, ir_val x, unsigned fp);
ir_val ir_ftoi(struct ir_builder *b, ir_type to, ir_val x, unsigned aux, unsigned fp);
ir_val ir_itof(struct ir_builder *b, ir_type to, ir_val x, unsigned aux, unsigned fp);
/* Vectors: t names the lanes. */
ir_val ir_v1(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, unsigned aux);
ir_val ir_v2(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, ir_val y, unsigned aux);
static inline ir_val ir_v3(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, ir_val y,
                           ir_val z, unsigned aux)
{
    return ir_emit(b, (struct ir_insn){.op = (uint16_t)op,
                                       .type = t,
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .c = (uint16_t)z,
                                       .aux = aux});
}
ir_val ir_vget(struct ir_builder *b, ir_type lane, ir_val v, unsigned n);
ir_val ir_vset(struct ir_builder *b, ir_type vector, ir_val v, unsigned n, ir_val x);
ir_val ir_vdup(struct ir_builder *b, ir_type vector, ir_val x);
ir_val ir_vzext(struct ir_builder *b, ir_val x); /* scalar → V128, the rest 0 */
/* Each lane: all ones where one of the relations holds, as ir_fcmp says. */
static inline ir_val ir_vfcmp(struct ir_builder *b, ir_type t, unsigned relations, ir_val x,
                              ir_val y, unsigned fp)
{
    return ir_emit(b, (struct ir_insn){.op = IR_vfcmp,
                                       .type = t,
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .aux = relations,
                                       .imm = fp});
}
/* v with its upper half 0; the low halves of two; the constant high:low. */
static inline ir_val ir_vlow64(struct ir_builder *b, ir_val v)
{
    return ir_v1(b, IR_vlow64, T_V128, v, 0);
}
static inline ir_val ir_vjoin(struct ir_builder *b, ir_val low, ir_val high)
{
    return ir_v2(b, IR_vzip1, T_I64X2, low, high, 0);
}
static inline ir_val ir_vkonst_halves(struct ir_builder *b, uint64_t low, uint64_t high)
{
    const ir_val v = ir_vkonst(b, low);
    return low == high ? v : ir_vset(b, T_I64X2, v, 1, ir_konst(b, T_I64, high));
}
/* Wide vectors: part n of 16 bytes; the same replaced; x as the lowest part below zeros. */
ir_val ir_vpart(struct ir_builder *b, ir_val v, unsigned n);
ir_val ir_vwith(struct ir_builder *b, ir_val v, unsigned n, ir_val part);
ir_val ir_vwiden(struct ir_builder *b, ir_type wide, ir_val x);

/* Run-time functions. The result type is t (T_VOID: none). */
static inline ir_val ir_call(struct ir_builder *b, ir_type t, const struct ir_call *row, ir_val x,
                             ir_val y, ir_val z, uint32_t aux)
{
    return ir_emit(b, (struct ir_insn){.op = IR_call,
                                       .type = t,
                                       .a = (uint16_t)x,
                                       .b = (uint16_t)y,
                                       .c = (uint16_t)z,
                                       .aux = aux,
                                       .imm = (uintptr_t)row});
}
void ir_guard(struct ir_builder *b, ir_val condition, const struct ir_call *row, ir_val x, ir_val y,
              uint32_t aux);

/* Control. */
void ir_insn_start(struct ir_builder *b, uint64_t pc);
void ir_brcond(struct ir_builder *b, ir_val condition, uint64_t pc);
void ir_br(struct ir_builder *b, uint64_t pc);
void ir_brcall(struct ir_builder *b, uint64_t pc, uint64_t return_pc);
void ir_jump(struct ir_builder *b, ir_val pc);
void ir_jumpcall(struct ir_builder *b, ir_val pc, uint64_t return_pc);
void ir_ret(struct ir_builder *b, ir_val pc);
void ir_tail(struct ir_builder *b, const struct ir_call *row, ir_val x, ir_val y, ir_val z,
             uint32_t aux);

/* Text: one instruction a line, `v5 = add.i64 v3, v4`; ir_parse reads what ir_print writes. */
void ir_print(const struct ir_builder *b, struct strbuf *out);
struct error;
bool ir_parse(struct ir_builder *b, const char *text, struct error *e);
/* Every rule of this header and of tcg/ops.h; false with the first offence. */
bool ir_verify(const struct ir_builder *b, struct error *e);

#endif
