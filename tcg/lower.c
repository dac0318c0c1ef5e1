/* SPDX-License-Identifier: MIT */
/*
 * See lower.h. Each value of the old block has a value in the new one, or, if it is wide, one for
 * each part, or both: what one op leaves in parts is put together when another wants it whole, and
 * the other way round. A row of the guest that is wider than the host's registers is accessed as
 * fields of the state, so the order of accesses is all that keeps it right: it is the old one.
 *
 * A store in parts happens whole or not at all: a function asks first whether it may.
 */
#include <string.h>

#include "base/mem.h"
#include "tcg/lower.h"
#include "tcg/opinfo.h"

#define PARTS_MAX 4

struct ir_lowering {
    struct ir_builder to;
    const struct ir_builder *from;
    unsigned native_bits;
    bool (*native)(const struct ir_insn *in);
    const struct ir_call *probe;
    uint16_t whole[IR_MAX_INSNS]; /* by value of the old block */
    uint16_t part[IR_MAX_INSNS][PARTS_MAX];
};

struct ir_lowering *ir_lowering_create(const struct ir_guest *g, unsigned native_bits,
                                       bool (*native)(const struct ir_insn *in),
                                       const struct ir_call *probe)
{
    struct ir_lowering *l = mem_alloc(sizeof(*l));

    ir_builder_init(&l->to, g);
    l->native_bits = native_bits;
    l->native = native;
    l->probe = probe;
    return l;
}

void ir_lowering_destroy(struct ir_lowering *l)
{
    if (l) {
        ir_builder_free(&l->to);
        mem_free(l);
    }
}

static ir_type type_of(const struct ir_lowering *l, uint16_t v)
{
    return l->from->insns[v].type;
}

static uint16_t part(struct ir_lowering *l, uint16_t v, unsigned n)
{
    if (!l->part[v][n]) {
        l->part[v][n] = (uint16_t)ir_vpart(&l->to, l->whole[v], n);
    }
    return l->part[v][n];
}

static uint16_t whole(struct ir_lowering *l, uint16_t v)
{
    if (v != IR_NONE && !l->whole[v]) {
        ir_val x = ir_vwiden(&l->to, type_of(l, v), l->part[v][0]);
        for (unsigned n = 1; n < ir_part_count(type_of(l, v)); n++) {
            x = ir_vwith(&l->to, x, n, l->part[v][n]);
        }
        l->whole[v] = (uint16_t)x;
    }
    return l->whole[v];
}

/* The instruction with its operands' names in the new block. */
static struct ir_insn renamed(struct ir_lowering *l, const struct ir_insn *in)
{
    struct ir_insn r = *in;

    r.uses = 0;
    r.a = whole(l, in->a);
    r.b = whole(l, in->b);
    r.c = whole(l, in->c);
    return r;
}

/* ---- addresses of what is accessed in parts */

static ir_val extended(struct ir_lowering *l, uint16_t v)
{
    return ir_zext(&l->to, T_I64, l->whole[v]);
}

static ir_val binary(struct ir_lowering *l, enum ir_op op, ir_val x, uint64_t k)
{
    return ir_emit(&l->to, (struct ir_insn){.op = (uint16_t)op,
                                            .type = T_I64,
                                            .a = (uint16_t)x,
                                            .b = (uint16_t)ir_konst(&l->to, T_I64, k)});
}

static ir_val sum(struct ir_lowering *l, ir_val x, ir_val y)
{
    return ir_emit(
        &l->to, (struct ir_insn){.op = IR_add, .type = T_I64, .a = (uint16_t)x, .b = (uint16_t)y});
}

/* As memop_address. */
static ir_val address(struct ir_lowering *l, const struct ir_insn *in)
{
    const memop m = (memop)(in->imm >> 32);
    ir_val x = extended(l, in->a);

    if (in->b != IR_NONE) {
        x = sum(l, x, binary(l, IR_shl, extended(l, in->b), in->aux >> 8 & 7));
    }
    x = binary(l, IR_add, x, (uint64_t)(int64_t)(int32_t)in->imm);
    if (m & MO_WIDTH) {
        x = binary(l, IR_and, x, memop_address_mask(m));
    }
    if (ir_segment(in->aux)) {
        x = sum(l, x, ir_env_load(&l->to, T_I64, ir_segment(in->aux)));
    }
    return m & MO_LINEAR_32 ? binary(l, IR_and, x, UINT32_MAX) : x;
}

/* The memop of a piece behind the first byte of the access: what its address wraps at. */
static memop memop_of_part(const struct ir_insn *in)
{
    const memop m = (memop)(in->imm >> 32);
    memop r = memop_of_access(m, ir_segment(in->aux) != 0) & ~(memop)(MO_SIZE_LOG2 | MO_ALIGN);

    if (r & MO_LINEAR_32) {
        r = (r & ~(memop)(MO_WIDTH | MO_LINEAR_32)) | MO_WIDTH_32;
    }
    return r | MO_128;
}

static ir_val probed_address(struct ir_lowering *l, const struct ir_insn *in)
{
    const memop m = memop_of_access((memop)(in->imm >> 32), ir_segment(in->aux) != 0);
    const ir_val x = address(l, in);

    if (in->op == IR_store || m & MO_ALIGN) {
        const ir_val k = ir_konst(&l->to, T_I64, m);
        const ir_val write = ir_konst(&l->to, T_I64, in->op == IR_store);
        ir_call(&l->to, T_VOID, l->probe, x, k, write, 0);
    }
    return x;
}

/* ---- ops in parts */

static void in_parts(struct ir_lowering *l, uint16_t v, const struct ir_insn *in)
{
    const unsigned n = ir_ops[in->op].operands;
    const uint16_t operands[3] = {in->a, in->b, in->c};

    for (unsigned p = 0; p < ir_part_count(in->type); p++) {
        uint16_t x[3];
        for (unsigned i = 0; i < 3; i++) {
            const bool wide = i < n && ir_is_wide(type_of(l, operands[i]));
            x[i] = wide ? part(l, operands[i], p) : l->whole[operands[i]];
        }
        struct ir_insn r = *in;
        r.type = ir_part_type(in->type);
        r.uses = 0;
        r.a = x[0];
        r.b = x[1];
        r.c = x[2];
        l->part[v][p] = (uint16_t)ir_emit(&l->to, r);
    }
}

static void load(struct ir_lowering *l, uint16_t v, const struct ir_insn *in)
{
    const unsigned bytes = memop_bytes((memop)(in->imm >> 32));

    if (bytes <= 16) {
        struct ir_insn r = renamed(l, in);
        r.type = T_V128;
        l->part[v][0] = (uint16_t)ir_emit(&l->to, r);
    } else {
        const ir_val x = probed_address(l, in);
        for (unsigned p = 0; p < bytes / 16; p++) {
            l->part[v][p] = (uint16_t)ir_load(&l->to, T_V128, memop_of_part(in), x,
                                              (int32_t)(16 * p));
        }
    }
    for (unsigned p = bytes <= 16 ? 1 : bytes / 16; p < ir_part_count(in->type); p++) {
        l->part[v][p] = (uint16_t)ir_vkonst(&l->to, 0);
    }
}

static void store(struct ir_lowering *l, const struct ir_insn *in)
{
    const unsigned bytes = memop_bytes((memop)(in->imm >> 32));

    if (bytes <= 16) {
        const uint16_t x = part(l, in->c, 0);
        struct ir_insn r = *in;
        r.uses = 0;
        r.a = l->whole[in->a];
        r.b = l->whole[in->b];
        r.c = x;
        r.src = T_V128;
        ir_emit(&l->to, r);
        return;
    }
    uint16_t x[PARTS_MAX];
    for (unsigned p = 0; p < bytes / 16; p++) {
        x[p] = part(l, in->c, p);
    }
    const ir_val at = probed_address(l, in);
    for (unsigned p = 0; p < bytes / 16; p++) {
        ir_store(&l->to, memop_of_part(in), at, (int32_t)(16 * p), x[p]);
    }
}

static void state(struct ir_lowering *l, uint16_t v, const struct ir_insn *in)
{
    const bool row = in->op == IR_get || in->op == IR_put;
    const uint32_t at = row ? l->from->guest->regs[in->aux].offset : in->aux;
    const bool reads = in->op == IR_get || in->op == IR_env_load;
    const ir_type t = reads ? in->type : row ? l->from->guest->regs[in->aux].type : in->src;

    for (unsigned p = 0; p < ir_part_count(t); p++) {
        if (reads) {
            l->part[v][p] = (uint16_t)ir_env_load(&l->to, T_V128, at + 16 * p);
        } else {
            ir_env_store(&l->to, at + 16 * p, part(l, in->a, p));
        }
    }
}

/* The parts of a, with another one at n. */
static void replaced(struct ir_lowering *l, uint16_t v, const struct ir_insn *in, unsigned n,
                     ir_val x)
{
    for (unsigned p = 0; p < ir_part_count(in->type); p++) {
        l->part[v][p] = p == n ? (uint16_t)x : part(l, in->a, p);
    }
}

/* first, and `rest` above it. */
static void below(struct ir_lowering *l, uint16_t v, const struct ir_insn *in, ir_val first,
                  ir_val rest)
{
    for (unsigned p = 0; p < ir_part_count(in->type); p++) {
        l->part[v][p] = (uint16_t)(p ? rest : first);
    }
}

static void take_apart(struct ir_lowering *l, uint16_t v, const struct ir_insn *in)
{
    const unsigned lanes = 128 / (ir_lane_bits(in->type) ? ir_lane_bits(in->type) : 128);
    struct ir_builder *b = &l->to;
    ir_val x;

    switch (in->op) {
    case IR_get:
    case IR_put:
    case IR_env_load:
    case IR_env_store:
        state(l, v, in);
        break;
    case IR_load:
        load(l, v, in);
        break;
    case IR_store:
        store(l, in);
        break;
    case IR_vkonst:
        x = ir_vkonst(b, in->imm);
        below(l, v, in, x, x);
        break;
    case IR_vdup:
        x = ir_vdup(b, ir_part_type(in->type), l->whole[in->a]);
        below(l, v, in, x, x);
        break;
    case IR_vzext:
        x = ir_vzext(b, l->whole[in->a]);
        below(l, v, in, x, ir_vkonst(b, 0));
        break;
    case IR_vwiden:
        below(l, v, in, l->whole[in->a], ir_vkonst(b, 0));
        break;
    case IR_vwith:
        replaced(l, v, in, in->aux, l->whole[in->b]);
        break;
    case IR_vset:
        x = ir_vset(b, ir_part_type(in->type), part(l, in->a, in->aux / lanes), in->aux % lanes,
                    l->whole[in->b]);
        replaced(l, v, in, in->aux / lanes, x);
        break;
    case IR_vpart:
        l->whole[v] = part(l, in->a, in->aux);
        break;
    case IR_vget:
        x = ir_vget(b, in->type, part(l, in->a, in->aux / lanes), in->aux % lanes);
        l->whole[v] = (uint16_t)x;
        break;
    default:
        in_parts(l, v, in);
        break;
    }
}

/* A wide vector that the instruction makes or takes, or T_VOID. */
static ir_type wide_type(const struct ir_lowering *l, const struct ir_insn *in)
{
    return ir_is_wide(in->type)            ? in->type
           : ir_is_wide(type_of(l, in->a)) ? type_of(l, in->a)
           : ir_is_wide(type_of(l, in->c)) ? type_of(l, in->c)
                                           : T_VOID;
}

/* The host does it whole, and has the operands so or can have them. */
static bool is_native(const struct ir_lowering *l, const struct ir_insn *in, ir_type t)
{
    const bool apart = ir_is_wide(type_of(l, in->a)) && !l->whole[in->a];

    return ir_type_bits(t) <= l->native_bits && l->native(in) &&
           !(apart && (in->op == IR_vwith || in->op == IR_vpart));
}

static void begin(struct ir_lowering *l, const struct ir_builder *b)
{
    struct ir_insn *insns = l->to.insns;
    uint16_t *next = l->to.cse_next;

    l->from = b;
    l->to = *b;
    l->to.insns = insns;
    l->to.cse_next = next;
    l->to.count = 1;
    l->to.ended = false;
    l->to.fp_mark = 0;
    memset(l->to.reg_value, 0, sizeof(l->to.reg_value));
    memset(l->to.cse_heads, 0, sizeof(l->to.cse_heads));
    memset(l->whole, 0, b->count * sizeof(l->whole[0]));
    memset(l->part, 0, b->count * sizeof(l->part[0]));
}

bool ir_must_lower(struct ir_lowering *l, const struct ir_builder *b)
{
    l->from = b;
    for (uint32_t v = 1; v < b->count; v++) {
        const ir_type t = wide_type(l, &b->insns[v]);
        if (t != T_VOID && !(ir_type_bits(t) <= l->native_bits && l->native(&b->insns[v]))) {
            return true;
        }
    }
    return false;
}

struct ir_builder *ir_lower(struct ir_lowering *l, const struct ir_builder *b)
{
    begin(l, b);
    for (uint32_t v = 1; v < b->count; v++) {
        const struct ir_insn *in = &b->insns[v];
        const ir_type t = wide_type(l, in);
        if (t == T_VOID || is_native(l, in, t)) {
            l->whole[v] = (uint16_t)ir_emit(&l->to, renamed(l, in));
        } else {
            take_apart(l, (uint16_t)v, in);
        }
    }
    return &l->to;
}
