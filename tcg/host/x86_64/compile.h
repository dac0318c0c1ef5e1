/* SPDX-License-Identifier: MIT */
/*
 * The x86-64 back end's own structures; see compile.c for how a block is compiled and
 * docs/internals.md for the contract.
 *
 * Registers while generated code runs:
 *   rsp                             code stack
 *   rbp                             state: the end of struct vcpu
 *   r15                             inline TLB of the current MMU index
 *   rax rcx rdx, xmm0 xmm1          scratch within one op
 *   rbx rsi rdi r8 r14 r9 r10 r11   homes of the guest's rows, in order of preference
 *   xmm2 … xmm13                    homes of vector rows
 *   r12 r13, xmm14 xmm15            free
 */
#ifndef TCG_HOST_X86_64_COMPILE_H
#define TCG_HOST_X86_64_COMPILE_H

#include <emmintrin.h>

#include "base/os.h"
#include "tcg/host.h"
#include "tcg/host/x86_64/emit.h"

#define STATE RBP
#define TLB_BASE R15
#define GPR_HOMES 8
#define VEC_HOMES 12
#define GPR_ALLOC 0x7fc8u /* rbx rsi rdi r8 … r14 */
#define VEC_ALLOC 0xfffcu
#define X0 0 /* scratch vector registers */
#define X1 1
#define MAX_GROUPS 64
#define MAX_VALUES (IR_MAX_INSNS + IR_MAX_REGS + MAX_GROUPS)
/* Values beyond the ops: what each row has on entry, and the addends of groups. */
#define FIRST_ROW_VALUE IR_MAX_INSNS
#define FIRST_GROUP_VALUE (IR_MAX_INSNS + IR_MAX_REGS)
#define SPILL_SLOTS TCG_SPILL_SLOTS
_Static_assert(SPILL_SLOTS >= MAX_VALUES && SPILL_SLOTS % 64 == 0,
               "every value of a block may need a slot");
/* Floating-point environments that the host unit does not have: such ops are evaluated by the
 * run-time. */
#define FP_SPECIAL (IR_FP_FZ | IR_FP_FIZ | IR_FP_ALT | IR_FP_NEP | IR_FP_FIXED)

/* But what MXCSR says for all code of a mode, where the guest's rules are the host's. */
#define FP_OWN_FLUSH (IR_FP_FZ | IR_FP_FIZ)

/* Condition flags that code already emitted expects, and nobody has produced yet. */
enum pending_kind {
    FLAGS_NONE,
    FLAGS_SUB,
    FLAGS_TEST,
    FLAGS_ADD,
    FLAGS_ADC,
    FLAGS_SBB,
    FLAGS_PACKED,
    FLAGS_BIT,
    FLAGS_CARRY, /* C is bit `mask` of a */
    FLAGS_FCMP
};
struct pending {
    uint8_t kind;
    ir_type type;     /* of the operands */
    uint16_t a, b, c; /* values */
    uint32_t mask;    /* FLAGS_BIT: of the packed value; FLAGS_CARRY: number of the bit */
    bool only_zs;     /* consumers look at Z and S only */
    bool signalling;
};

/*
 * Accesses with one base and index and displacements close together: the first checks that all of
 * them are on one page, which may be written if one of them does, and keeps the addend, or
 * ADDEND_NONE if that is not so; the others only look whether it is good.
 */
struct group {
    uint16_t base, index;  /* values; index 0: none */
    uint16_t leader, last; /* ops */
    uint16_t members;
    uint8_t scale;
    bool write, open;
    bool uncut;        /* may_stay_uncut */
    uint16_t segment;  /* as in aux */
    memop how;         /* what decides about the address: MMU index and width */
    int32_t low, high; /* displacements: first byte, behind the last byte */
};

/* Which registers are homes of which rows, by class. */
struct home_set {
    int8_t of_row[IR_MAX_REGS]; /* host register, or -1 */
    uint8_t row_of[2][16];      /* row of each home register, 0xff none */
    uint32_t mask[2];           /* registers that are some row's home */
    /* FIRST_ROW_VALUE + the row of each home register, 0: none; as struct compiler's owner */
    _Alignas(16) uint16_t entry_owner[2][16];
};

/* A register that is another row's home while a loop runs: see loops.c. */
struct swap {
    uint8_t reg, outer, inner; /* rows, outside and inside */
    bool vec;
};
#define MAX_SWAPS (GPR_HOMES + VEC_HOMES)

/* Whether a put of a row without a home is a store. */
enum put_kept {
    PUT_DEAD, /* overwritten before anybody can look */
    PUT_ASK,  /* the exits before the next put may say where the value is; then it is dead, too */
    PUT_KEPT
};

struct compiler {
    struct host *h;
    struct segment *g; /* NULL: it has none */
    struct compiler *next;
    struct ir_lowering *lowering; /* NULL: the guest has no wide vectors */
    struct ir_builder *b;
    struct block *blk;
    struct assembler as;
    const struct ir_insn *insns;
    uint32_t count, i;
    uint32_t insns_left; /* guest instructions from op i's to the end */
    uint32_t next_exit;  /* behind op i, the first site that exits: its instruction's offset + 1; 0:
                            there is none */
    uint32_t locked[2];  /* registers in use by the current op, by class */
    _Alignas(16) uint16_t owner[2][16];      /* value in each register, 0: free */
    _Alignas(16) uint16_t home_value[2][16]; /* row_value of the row whose home the register is */
    const struct home_set *homes;            /* the host's, or the loop's: */
    struct home_set loop_homes;
    bool loops; /* the block leads to itself */
    struct swap swaps[MAX_SWAPS];
    unsigned swap_count;
    uint32_t swapped[2]; /* their registers, by class */
    uint32_t loop_patch; /* displacement of the jump to the loop's head */
    uint32_t touched[2]; /* homes, by class, of the rows that the block reads or writes */
    struct pending pending;
    uint64_t spill_used[SPILL_SLOTS / 64];
    uint64_t wide_used[SPILL_SLOTS / 64];   /* those of more than 16 bytes, SPILL_SLOTS on */
    bool wide_slots;                        /* one of them is or was used */
    uint16_t row_value[IR_MAX_REGS];        /* current value of each row; FIRST_ROW_VALUE + row: the
                                               untouched entry value */
    uint64_t rows_stored[IR_MAX_REGS / 64]; /* the entry value is needed in memory */
    uint16_t last_put[IR_MAX_REGS], open_get[IR_MAX_REGS]; /* of prepare */
    uint32_t map_count;
    uint8_t
        end_move[GPR_HOMES + VEC_HOMES]; /* homes to be filled at the block's end; bit 4: vector */
    unsigned end_moves;
    bool full;
    uint16_t alias[MAX_VALUES];
    uint16_t previous[MAX_VALUES]; /* of a put: the row's value before */
    uint16_t
        memory_until[MAX_VALUES];    /* of a get: the row's memory holds the value up to this op */
    uint16_t put_before[MAX_VALUES]; /* of a put: the put of its row before it, or 0 */
    uint8_t keep_put[MAX_VALUES];    /* of a put: enum put_kept */
    /* Rows without a home whose value here may not be in memory, and the put that would store it.
     */
    uint64_t floating[IR_MAX_REGS / 64];
    uint16_t float_put[IR_MAX_REGS];
    struct group groups[MAX_GROUPS];
    unsigned group_count;
    uint8_t group_of[MAX_VALUES]; /* of a memory op: group + 1 */
    bool fused[MAX_VALUES]; /* a floating-point comparison is made where its condition is used */
    int8_t reg[MAX_VALUES];
    uint16_t spill[MAX_VALUES];   /* slot + 1 */
    uint32_t insn_of[MAX_VALUES]; /* guest byte offset of each op */
    /* Of what is in vector registers, by upper.c. */
    uint8_t width[MAX_VALUES]; /* bits that may be other than 0 */
    bool cleared[MAX_VALUES];  /* the op clears what is above its scalar */
    bool whole[MAX_VALUES];    /* what is above its scalar belongs to the value */
};

/* Vector constants at the bottom of the cache. */
enum constant {
    K_SIGN_F32,
    K_SIGN_F64,
    K_SIGN_ONE_F32, /* of the lowest lane alone */
    K_SIGN_ONE_F64,
    K_ABS_ONE_F32,
    K_ABS_ONE_F64,
    K_ABS_F32,
    K_ABS_F64,
    K_LEAST_F32, /* the smallest normal number */
    K_LEAST_F64,
    K_INFINITY_F32,
    K_INFINITY_F64,
    K_HALF_F32,
    K_HALF_F64,
    K_BELOW_HALF_F32, /* the greatest number below a half */
    K_BELOW_HALF_F64,
    K_ONE_F32,
    K_ONE_F64,
    K_INTEGRAL_F32, /* from here on numbers have no fraction */
    K_INTEGRAL_F64,
    K_FIXED_F32, /* below this a scaling by 2^64 does not overflow */
    K_FIXED_F64,
    K_BELOW_I32_F32, /* the bits before 2^31 as a float */
    K_65536_F32,
    K_SIGN_I8,
    K_SIGN_I16,
    K_SIGN_I32,
    K_SIGN_I64,
    K_BYTES_7,
    K_LOW_NIBBLE,
    K_POPCNT,
    K_EVEN_8,
    K_EVEN_16,
    K_ODD_8,
    K_ODD_16,
    K_LOW_8,
    K_LOW_16,
    K_CLZ_NIBBLE,
    K_HALF_OF_2_31, /* in lanes of 64 bits */
    K_LOWEST_8,     /* of the whole vector */
    K_LOWEST_16,
    K_ABS_F16,
    K_LEAST_F16,
    K_INFINITY_F16,
    K_HALF_REST, /* of a single, what a half has no bits for, and half of the last one's value */
    K_HALF_MIDDLE,
    K_HALF_DENORMAL, /* a single's bits less 1 up to here: its half is denormal */
    K_ZERO,
    K_ALL_ONES,
    K_CRC32,
    K_LOW_32,
    K_LANES_7F_8,
    K_LANES_7FFF_16,
    K_LANES_1_8,
    K_LANES_1_16,
    K_MAX_I32,
    K_MIN_I32,
    K_RBIT_NIBBLE,
    K_SHA1_C,
    K_SHA1_P,
    K_SHA1_M,
    K_BYTES_4,
    K_REV16,
    K_REV32,
    K_REV64,
    K_REV16_32,
    K_REV16_64,
    K_REV128,
    K_COUNT
};

struct stubs {
    uint32_t enter, leave, link, go, poll, tail, change, mem, member_load, member_store, call, leaf,
        op, ret_miss, counted;
};

/* Host code, from start to end, whose floating-point traps are evaluated at path. */
struct trap {
    uint32_t start, end, path;
};

/*
 * A part of the cache, and of its tables, that one compiler fills. Code, hot and cold, is emitted
 * from its two ends; what is full stays as it is until everything is emptied.
 */
struct segment {
    uint32_t start, end;            /* offsets into the cache */
    uint32_t hot_start, cold_start; /* free space is [cold_start, hot_start) */
    uint32_t hot_ready, cold_ready; /* resident: [hot_ready, end), [start, cold_ready) */
    /* Entries of the tables: used up to count, room up to end. */
    uint32_t site_first, site_count, site_end;
    uint32_t map_first, map_count, map_end;
    uint32_t link_first, link_count, link_end;
    uint32_t trap_first, trap_count, trap_end; /* from the highest address to the lowest */
    size_t sites_ready, maps_ready, links_ready;
    bool taken;
};

struct host {
    struct home_set homes; /* at the blocks' boundaries */
    struct host_config config;
    struct os_cpu_features cpu;
    bool avx, avx2, bmi1, bmi2, fma, lzcnt, popcnt, f16c, movbe, avx512;
    bool native_fp; /* the guest's floating-point rules are the host's */
    bool wide;      /* values of 256 bits are in registers */
    const char *level_name;
    uint8_t *rw;
    const uint8_t *rx;
    uint32_t size;
    uint32_t first_cold;      /* behind the stubs */
    struct segment *segments; /* of equal size; the stubs are in the first */
    unsigned segment_count;
    uint32_t segment_bytes;
    struct compiler *compilers; /* list */
    struct stubs stubs;
    struct site *sites; /* each segment has its part of these tables */
    struct map_entry *maps;
    struct link *links;
    struct trap *traps;
    uint32_t site_capacity, map_capacity, link_capacity, trap_capacity;
};

static inline const struct segment *segment_at(const struct host *h, uint32_t offset)
{
    const uint32_t i = offset / h->segment_bytes;

    return &h->segments[i < h->segment_count ? i : h->segment_count - 1];
}

/* Host registers of homes, by preference; class 0 general, 1 vector. */
extern const uint8_t gpr_homes[GPR_HOMES];
extern const uint8_t vec_homes[VEC_HOMES];

static inline bool class_of(ir_type t)
{
    return ir_in_vector_register(t);
}

/* ---- places in memory, relative to STATE */
#define HOT(h, member) ((h)->config.layout.hot + (int32_t)offsetof(struct tcg_hot, member))
#define ENV(h, member) ((h)->config.layout.env + (int32_t)offsetof(struct tcg_env, member))

static inline struct operand row_place(const struct host *h, unsigned row)
{
    return at(STATE, (int32_t)h->config.guest->regs[row].offset + h->config.layout.state);
}

static inline struct operand spill_place(const struct host *h, unsigned slot)
{
    return at(STATE, slot < SPILL_SLOTS
                         ? ENV(h, spill) + 16 * (int32_t)slot
                         : ENV(h, wide_spill) + IR_VEC_BYTES * (int32_t)(slot - SPILL_SLOTS));
}

static inline struct operand arg_place(const struct host *h, unsigned n)
{
    return at(STATE, ENV(h, args) + 8 * (int32_t)n);
}

static inline struct operand vec_arg_place(const struct host *h, unsigned n)
{
    return at(STATE, ENV(h, vec_args) + IR_VEC_BYTES * (int32_t)n);
}

static inline struct operand constant_place(const struct compiler *c, enum constant k)
{
    return at_constant(&c->as, (uint32_t)k * 16);
}

/* ---- allocation (alloc.c) */
uint16_t value(const struct compiler *c, ir_val v); /* v with trunc and such looked through */
unsigned use(struct compiler *c, ir_val v,
             uint32_t exclude); /* register of v, allocated if need be, and locked */
unsigned use_here(struct compiler *c, ir_val v,
                  unsigned prefer);    /* the same, preferring a register */
unsigned def(struct compiler *c);      /* register of op i's value (also when nobody uses it) */
bool wanted(const struct compiler *c); /* somebody uses op i's value */
unsigned define(struct compiler *c, uint16_t v); /* as def, for a value that is no op's */
unsigned temp(struct compiler *c, bool vec);     /* a register for the current op only */
void evict(struct compiler *c, bool vec, unsigned r);
bool imm32(const struct compiler *c, ir_val v, ir_type t,
           int32_t *k); /* v is a constant that fits an immediate of type t */
bool constant(const struct compiler *c, ir_val v, uint64_t *k);
void move_to(struct compiler *c, bool vec, unsigned dst,
             ir_val v); /* emits dst = v; v allocated or constant */
void copy(struct compiler *c, bool vec, unsigned dst, unsigned src);
/* Bit n: the nth values differ. Most are in their homes: one comparison finds the others. */
static inline uint32_t differing(const uint16_t *x, const uint16_t *y)
{
    const __m128i *a = (const __m128i *)x, *b = (const __m128i *)y;
    const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(a), _mm_load_si128(b));
    const __m128i high = _mm_cmpeq_epi16(_mm_load_si128(a + 1), _mm_load_si128(b + 1));

    return ~(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) & 0xffff;
}

struct move {
    uint8_t dst, src;
};
void parallel_moves(struct compiler *c, bool vec, struct move *m, unsigned n);
void own(struct compiler *c, bool vec, unsigned r, uint16_t v); /* v is in r from here on down */
unsigned free_slot(struct compiler *c, ir_type t);              /* a spill slot, from here on */
unsigned take_slot(struct compiler *c, uint16_t v);             /* spill slot of v */
int home_row(const struct compiler *c,
             uint16_t v); /* the row with a home whose value on entry v is, or -1 */
bool is_vec(const struct compiler *c, uint16_t v);
/* As what a value of type t is kept in a spill slot: with all that its register holds. */
ir_type slot_type(const struct compiler *c, ir_type t);
void store_at_entry(struct compiler *c,
                    unsigned row); /* memory must hold the row's value on entry */
void store_register(struct compiler *c, ir_type t, unsigned r, struct operand o);
void load_register(struct compiler *c, ir_type t, unsigned r, struct operand o);
void load_row(struct compiler *c, unsigned row, unsigned r);
void block_end_claim(struct compiler *c);
void block_end_moves(struct compiler *c);
void block_start(struct compiler *c);
void prepare(struct compiler *c);
void reset_values(struct compiler *c);
bool is_site(const struct ir_insn *in); /* may leave the block in its middle */
struct site *new_site(struct compiler *c, enum site_kind kind, bool exits,
                      uint32_t *index); /* exits: with a map */

/* The one instruction that does in by lane, or 0. *swap: its operands the other way round. */
opcode vector_opcode(const struct ir_insn *in, bool *swap);

bool fp_rules_are_native(const struct fp_rules *r);
/* A comparison in the environment of in is not the host unit's business. */
static inline bool fp_is_special(const struct compiler *c, const struct ir_insn *in)
{
    return in->imm & FP_SPECIAL & ~(unsigned)(c->h->native_fp ? FP_OWN_FLUSH : 0);
}
/* Under such rules: the host has in as an instruction. */
bool fp_has_native(const struct host *h, const struct ir_insn *in);
int fp_predicate(unsigned aux);      /* the host's predicate of a set of relations, or -1 */
unsigned fp_exchanged(unsigned aux); /* the relations of the operands the other way round */
void emit_fp_native(struct compiler *c, const struct ir_insn *in);
opcode flags_sized(unsigned op, ir_type t); /* op, of 16 to 64 bits, in the width of t */
/* dst = f, packed; may produce flags, and rax. What it needs has registers already, by _claim. */
void flags_packed_into(struct compiler *c, unsigned dst, ir_val f);
void flags_claim_operands(struct compiler *c, ir_val f, uint32_t exclude);
void emit_flags_moved(struct compiler *c, const struct ir_insn *in);
void emit_flags_with(struct compiler *c, const struct ir_insn *in);
void emit_rotate_carry(struct compiler *c, const struct ir_insn *in);
void emit_wide_divide(struct compiler *c, const struct ir_insn *in);

/* ---- 256 bits (ops_wide.c) */
bool wide_is_native(const struct ir_insn *in);    /* an op on them, given AVX2 */
bool wide_is_native_fp(const struct ir_insn *in); /* the same, where floating point is native */
void emit_wide(struct compiler *c, const struct ir_insn *in);
/* A bsel by signs of lanes as one instruction; false: it is none, or the host has none. */
bool blend_by_signs(struct compiler *c, const struct ir_insn *in);

/* ---- exits (exits.c) */
/* Says where the rows are at op i, for the run-time. flags: those that the host will have there
 * (which then are asked for whole), or NULL. */
uint32_t exit_map(struct compiler *c, struct pending *flags, uint16_t *count);
/* That of a site, where the run-time may also learn that addends are no longer right. */
uint32_t site_map(struct compiler *c, uint16_t *count);
/* The value that the row has from here on up, until put `by`, may not be in memory. */
void row_floats(struct compiler *c, unsigned row, uint16_t by);
void row_sinks(struct compiler *c, unsigned row); /* its put has been reached */
/* Op i is the branch of a block's end; others leave in the middle. */
static inline bool is_final_branch(const struct compiler *c, uint32_t i)
{
    return c->insns[i].op == IR_brcond && i + 2 == c->count;
}
/* Cold: puts every row in its place, for a branch in the middle; the place of the path. flags: as
 * exit_map's. */
uint32_t exit_places(struct compiler *c, struct pending *flags);

/* ---- pairs of rows in memory (ops_pair.c); false: not such a case, nothing is emitted */
bool put_pair(struct compiler *c, const struct ir_insn *in);
bool set_pair(struct compiler *c, const struct ir_insn *in);

/* ---- loops (loops.c) */
void loop_choose(struct compiler *c); /* before anything else is known of the block */
/* From the loop's places to those of the blocks' boundaries, as the assembler stands. */
void loop_leave(struct compiler *c);
void loop_enter(struct compiler *c); /* backwards, before everything else */

/* ---- what is above values in vector registers (upper.c) */
void upper_track(struct compiler *c, uint32_t i); /* of the forward pass, once op i has its alias */
/* A scalar sum or product takes what is above it from its second operand, where nothing is. */
bool upper_swaps(const struct compiler *c, const struct ir_insn *in);
/* Emits dst = r, op i's scalar result, with what is above it cleared if that is asked for. */
void upper_move(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned r);

/* ---- flags (ops_flags.c) */
unsigned condition(struct compiler *c,
                   ir_val boolean); /* asks for flags; the condition code that means true */
bool keeps_flags(
    const struct compiler *c,
    const struct ir_insn *in); /* in's code leaves the host's flags alone (compile.c) */
bool flags_need(const struct compiler *c, uint32_t v); /* the pending flags are made of value v */
void flush_flags(struct compiler *c);                  /* produces what is pending, here */
bool flags_from_alu(struct compiler *c,
                    const struct ir_insn *in); /* op i's own instruction produces what is pending */
void put_flags(struct compiler *c, ir_val f, struct operand place);

/* How packed flags are made of two operands (MAP_FLAGS). */
struct flags_recipe {
    uint16_t what; /* enum flags_recipe_bits */
    uint16_t operand[2];
};
bool flags_recipe(const struct compiler *c, ir_val f, struct flags_recipe *r);
/* The same from what the operation gave, if it is a value of the block. */
bool flags_recipe_of_result(const struct compiler *c, ir_val f, struct flags_recipe *r);
bool flags_are(const struct compiler *c, ir_val f, const struct pending *p); /* f's producer is p */
bool flags_complemented(const struct compiler *c, ir_val f);                 /* but for the carry */
bool flags_constant(const struct compiler *c, ir_val f, uint32_t *packed);

/* ---- guest memory (ops_memory.c) */
struct address {
    unsigned base, index, scale;
    int32_t disp;
};

/* An addend that says: each access for itself (bit 0). */
#define ADDEND_NONE 1

/* The value that a group's addend is, for the allocator. */
static inline uint16_t group_value(unsigned g)
{
    return (uint16_t)(FIRST_GROUP_VALUE + g);
}

/* What is checked, and where to go when it fails. */
struct check {
    struct address a;
    memop m;
    bool write; /* the lines for writes are looked into */
    bool aligned;
    bool mixed;            /* a load that looks there for the stores of its group */
    uint32_t site, resume; /* the cold path is made by cold_access, */
    uint32_t path;         /* or is this one */
    int32_t low, high;     /* bytes covered, as displacements; both 0: the access alone */
    unsigned addend;       /* register that the addend goes to; 0: rcx */
};

static inline memop memop_of(const struct ir_insn *in)
{
    return (memop)(in->imm >> 32);
}

/*
 * The sum of 32 bits is looked for as it is. Where no line of the TLB has an address above 32 bits
 * (ir_builder.narrow) that is right for any sum: one that would have to be cut has no line, and the
 * run-time does the access. So it is done where that is not expected.
 */
bool may_stay_uncut(const struct compiler *c, const struct ir_insn *in);

struct address address_of(struct compiler *c, const struct ir_insn *in);
/* Where in's address is found by its check and its access: a, or, if that is more than a sum of 64
 * bits, a register for emit_reach to put the address into, before everything else. */
static inline bool is_plain_sum(const struct compiler *c, const struct ir_insn *in)
{
    return (!(memop_of(in) & MO_WIDTH) && !ir_segment(in->aux)) || may_stay_uncut(c, in);
}

static inline struct address reach_of(struct compiler *c, const struct ir_insn *in,
                                      struct address a)
{
    return is_plain_sum(c, in) ? a : (struct address){.base = temp(c, false), .index = NO_REG};
}

void emit_cut_sum(struct compiler *c, const struct ir_insn *in, struct address a,
                  struct address at);
static inline void emit_reach(struct compiler *c, const struct ir_insn *in, struct address a,
                              struct address at)
{
    if (!is_plain_sum(c, in)) {
        emit_cut_sum(c, in, a, at);
    }
}
bool has_table(const struct compiler *c, memop m); /* an inline table serves this MMU index */
bool inline_access(const struct compiler *c,
                   const struct ir_insn *in); /* a plain load or store with an inline path */
void emit_check(struct compiler *c, const struct check *k);
/* Where the access goes once its check has put the addend into rcx (with an index: and the address
 * into rdx, or the base onto the addend). */
struct operand host_place(const struct compiler *c, struct address a, memop m);
void full_barrier(struct compiler *c);

/* ---- between registers and memory (ops_memory_value.c); hot or cold */
/* The load of in to register dst. */
void memory_to_register(struct compiler *c, const struct ir_insn *in, unsigned dst,
                        struct operand place);
/* The store of in, of register data, or of k if that is SITE_NO_REG. Uses rax and xmm0. */
void register_to_memory(struct compiler *c, const struct ir_insn *in, struct operand place,
                        unsigned data, uint64_t k);
/* Reverses the low 1 << log2 bytes of general register r, at least two; of two the rest stays. */
void swap_register(struct compiler *c, unsigned log2, unsigned r);

/* ---- control (ops_control.c) */
/* r = the start of the page that the movable block runs at, plus off; here or in the cold path. The
 * flags stay. */
void load_address(struct compiler *c, unsigned r, uint64_t off);
void load_pc(struct compiler *c, unsigned r, uint64_t pc); /* the guest address pc, wherever the
                                                              block runs */
/* In the cold path, as r is free: stores the aux that the run-time is to know beside the PC. */
void tell_aux(struct compiler *c, unsigned r, uint64_t aux);
/* r = the byte offset of the jump table's entry for the address in pc, once it has been masked. */
void jump_index(struct host *h, struct assembler *as, unsigned r, unsigned pc);
void check_second_page(struct compiler *c); /* of a block on two pages, behind that */
void block_entry(struct compiler *c); /* in front of all: how jumps that are no links arrive */

/* ---- cold paths and calls (ops_call.c) */
void load_result(struct compiler *c, unsigned dst, ir_type t, struct operand place);
void store_operand(struct compiler *c, ir_val v, struct operand place);
void fallback(struct compiler *c, const struct ir_insn *in); /* any op by its evaluator */
/* Cold: evaluates op i into vector register dst (operands in their registers) and goes on at
 * resume. Returns the path's place. */
uint32_t cold_evaluate(struct compiler *c, const struct ir_insn *in, unsigned dst, uint32_t resume);

/* The same for an access that may leave the block. */
uint32_t cold_memory(struct compiler *c, const struct ir_insn *in, unsigned dst, uint32_t resume);

/* Where hot code from here to resume traps (host_fp_fault), path evaluates op i. */
void trap_range(struct compiler *c, uint32_t resume, uint32_t path);

typedef void (*emitter)(struct compiler *c, const struct ir_insn *in);
extern const emitter emitters[IR_OP_COUNT];

/* The emitters, by file. */
void emit_alu(struct compiler *c, const struct ir_insn *in);
void emit_shift(struct compiler *c, const struct ir_insn *in);
void emit_mul(struct compiler *c, const struct ir_insn *in);
void emit_div(struct compiler *c, const struct ir_insn *in);
void emit_unary(struct compiler *c, const struct ir_insn *in);
void emit_bits(struct compiler *c, const struct ir_insn *in);
void emit_field(struct compiler *c, const struct ir_insn *in);
void emit_extend(struct compiler *c, const struct ir_insn *in);
void emit_crc(struct compiler *c, const struct ir_insn *in);
void emit_minmax(struct compiler *c, const struct ir_insn *in);
void emit_boolean(struct compiler *c, const struct ir_insn *in);
void emit_select(struct compiler *c, const struct ir_insn *in);
void emit_flags(struct compiler *c, const struct ir_insn *in);
void emit_flags_bits(struct compiler *c, const struct ir_insn *in);
void emit_flags_select(struct compiler *c, const struct ir_insn *in);
void emit_carry_op(struct compiler *c, const struct ir_insn *in);
void emit_get(struct compiler *c, const struct ir_insn *in);
void emit_put(struct compiler *c, const struct ir_insn *in);
void emit_konst(struct compiler *c, const struct ir_insn *in);
void emit_page(struct compiler *c, const struct ir_insn *in);
void emit_env(struct compiler *c, const struct ir_insn *in);
void emit_load(struct compiler *c, const struct ir_insn *in);
void emit_store(struct compiler *c, const struct ir_insn *in);
void emit_atomic(struct compiler *c, const struct ir_insn *in);
void emit_barrier(struct compiler *c, const struct ir_insn *in);
void emit_call(struct compiler *c, const struct ir_insn *in);
void emit_guard(struct compiler *c, const struct ir_insn *in);
/* A call whose row is about a stack of 80 bits: its usual cases inline; false: nothing emitted. */
bool emit_stack80(struct compiler *c, const struct ir_insn *in);
void emit_end(struct compiler *c, const struct ir_insn *in);
void emit_brcond(struct compiler *c, const struct ir_insn *in);
void emit_vector(struct compiler *c, const struct ir_insn *in);
void emit_vector_shift(struct compiler *c, const struct ir_insn *in);
void emit_vector_compare(struct compiler *c, const struct ir_insn *in);
void emit_vector_pick(struct compiler *c, const struct ir_insn *in);
void emit_vector_shuffle(struct compiler *c, const struct ir_insn *in);
void emit_vector_misc(struct compiler *c, const struct ir_insn *in);
void emit_vector_fp(struct compiler *c, const struct ir_insn *in);
void emit_crypto(struct compiler *c, const struct ir_insn *in);
bool emit_aes_with_key(struct compiler *c,
                       const struct ir_insn *in); /* in adds a key to half a round or a whole one */
void emit_sha256(struct compiler *c, const struct ir_insn *in);
/* A call of such a function as one instruction; false: nothing emitted. */
bool emit_known(struct compiler *c, const struct ir_insn *in, enum ir_known_function known);
void emit_vdup_lane(struct compiler *c, const struct ir_insn *in);
void emit_vector_saturate(struct compiler *c, const struct ir_insn *in);
void emit_vfcmp(struct compiler *c, const struct ir_insn *in);
void emit_vector_convert(struct compiler *c, const struct ir_insn *in);
void emit_fdaz(struct compiler *c, const struct ir_insn *in);
void emit_fp_minmax(struct compiler *c, const struct ir_insn *in);
void emit_frint(struct compiler *c, const struct ir_insn *in);
void emit_vector_extreme(struct compiler *c, const struct ir_insn *in);
void emit_vector_saturating(struct compiler *c, const struct ir_insn *in);
void emit_vector_halving(struct compiler *c, const struct ir_insn *in);
void emit_vector_dot(struct compiler *c, const struct ir_insn *in);
void emit_vector_neighbours(struct compiler *c, const struct ir_insn *in);
bool emit_vector_rotation(struct compiler *c,
                          const struct ir_insn *in); /* in is the or of two shifts */
void emit_vector_doubled(struct compiler *c, const struct ir_insn *in);
void emit_rbit(struct compiler *c, const struct ir_insn *in);
void emit_sha1(struct compiler *c, const struct ir_insn *in);
void three(struct compiler *c, opcode op, unsigned dst, unsigned a,
           unsigned b); /* dst = a op b, by AVX or SSE */
/* v is a vector constant: its halves in k. */
bool vector_constant(const struct compiler *c, ir_val v, uint64_t k[2]);
/* A vector constant of op i's own, for the very next hot instruction: 16 bytes, aligned. */
struct operand vector_constant_place(struct compiler *c, const uint64_t k[2]);
void emit_vector_move(struct compiler *c, const struct ir_insn *in);
void emit_fp(struct compiler *c, const struct ir_insn *in);
bool emit_fp_half(struct compiler *c,
                  const struct ir_insn *in); /* arithmetic; false: none of half precision */
void emit_fp_convert(struct compiler *c, const struct ir_insn *in);
void emit_fcmp(struct compiler *c, const struct ir_insn *in);
void emit_fsign(struct compiler *c, const struct ir_insn *in);
void emit_vector_variable_shift(struct compiler *c, const struct ir_insn *in);

/* ---- host.c */
struct ir_lowering *host_lowering(const struct host *h); /* for a compiler of its own */

/* ---- segments.c */
bool segments_create(struct host *h, struct error *e);
void segments_destroy(struct host *h);
void segment_make_room_resident(struct host *h, struct segment *g);

/* ---- stubs.c */
void stubs_create(struct host *h);

#endif
