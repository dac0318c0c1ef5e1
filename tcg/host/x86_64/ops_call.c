/* SPDX-License-Identifier: MIT */
/*
 * Calls of the run-time in the middle of a block. Their stubs keep every register, so a call costs
 * no allocation: operands go through env.args (integers) or env.vec_args (vectors, and all operands
 * of evaluators).
 */
#include "base/softfloat.h"
#include "tcg/host/x86_64/compile.h"

static bool fits_imm(uint64_t k)
{
    return (int64_t)k == (int32_t)k;
}

void load_result(struct compiler *c, unsigned dst, ir_type t, struct operand place)
{
    struct assembler *as = &c->as;

    if (ir_is_wide(t)) {
        load_register(c, t, dst, place);
        return;
    }
    if (class_of(t)) {
        const unsigned bits = ir_type_bits(t);
        emit_rm(as,
                bits == 128  ? SSE_MOVUPS_LOAD
                : bits == 64 ? SSE_MOVQ_LOAD
                             : SSE_MOVSS_LOAD,
                dst, place);
        return;
    }
    switch (ir_type_bits(t)) {
    case 8:
        emit_rm(as, OPC(0, 1, 0xb6), dst, place);
        break;
    case 16:
        emit_rm(as, OPC(0, 1, 0xb7), dst, place);
        break;
    default:
        x_load(as, ir_type_bits(t) == 64, dst, place);
        break;
    }
}

void store_operand(struct compiler *c, ir_val v, struct operand place)
{
    const ir_type t = c->insns[v].type; /* the width is the operand's own, not its alias's */
    struct assembler *as = &c->as;
    uint64_t k;

    if (ir_is_wide(t)) {
        store_register(c, t, use(c, v, 0), place);
        return;
    }
    if (class_of(t)) {
        const unsigned bits = ir_is_vector(t) ? 128 : ir_type_bits(t), r = use(c, v, 0);
        emit_rm(as,
                bits == 128  ? SSE_MOVUPS_STORE
                : bits == 64 ? SSE_MOVQ_STORE
                             : SSE_MOVSS_STORE,
                r, place);
        return;
    }
    const unsigned bits = ir_type_bits(t);
    if (constant(c, v, &k) && c->reg[value(c, v)] < 0 &&
        (bits == 32 || (bits == 64 && fits_imm(k)))) {
        x_store_imm(as, bits == 64, place, (int32_t)k);
        return;
    }
    const unsigned r = use(c, v, 0);
    if (bits == 8) {
        emit_rm(as, OPC(0, 0, 0x88) | OP_BYTE_REG, r, place);
    } else if (bits == 16) {
        emit_rm(as, OPC(PP_66, 0, 0x89), r, place);
    } else {
        x_store(as, bits == 64, r, place);
    }
}

/* An operand of an evaluator: its union must hold zeros above the value. */
static void store_for_evaluator(struct compiler *c, ir_val v, struct operand place)
{
    const ir_type t = c->insns[v].type;
    const unsigned bits = ir_type_bits(t);
    struct assembler *as = &c->as;
    struct operand upper = place;

    upper.disp += 8;
    if (ir_is_vector(t)) {
        emit_rm(as, SSE_MOVUPS_STORE, use(c, v, 0), place);
        return;
    }
    x_store_imm(as, true, upper, 0);
    if (bits == 64) {
        store_operand(c, v, place);
        return;
    }
    store_operand(c, v, place);
    x_store_imm(as, true, place, 0);
}

static void call_stub(struct compiler *c, uint32_t stub, uint32_t site)
{
    x_call(&c->as, stub);
    x_mov_imm(&c->as, RCX, site);
}

static void fill_op(struct site *s, const struct ir_insn *in)
{
    s->op = (uint8_t)in->op;
    s->type = in->type;
    s->src = in->src;
    s->aux = in->aux;
    s->memop = (uint32_t)(in->imm >> 32);
    s->disp = (int32_t)in->imm;
}

_Static_assert(IR_OP_COUNT <= 256, "struct site holds an op in a byte");

/* Operands in registers before anything is emitted, so that no reload lands between. */
static void claim(struct compiler *c, const struct ir_insn *in)
{
    const uint16_t operands[3] = {in->a, in->b, in->c};

    for (unsigned n = 0; n < 3; n++) {
        uint64_t k;
        if (operands[n] && !(constant(c, operands[n], &k) && fits_imm(k))) {
            use(c, operands[n], 0);
        }
    }
}

void fallback(struct compiler *c, const struct ir_insn *in)
{
    const bool value_used = in->type != T_VOID;
    const unsigned dst = value_used ? def(c) : 0;
    uint32_t index;

    claim(c, in);
    const bool memory = in->op == IR_load_excl || in->op == IR_store_excl || in->op == IR_atomic ||
                        in->op == IR_cas;
    struct site *s = new_site(c, SITE_OTHER, memory, &index);
    fill_op(s, in);
    if (value_used) {
        load_result(c, dst, ir_is_vector(in->type) ? T_V128 : in->type, vec_arg_place(c->h, 3));
    }
    call_stub(c, c->h->stubs.op, index);
    const uint16_t operands[3] = {in->a, in->b, in->c};
    for (unsigned n = 0; n < 3; n++) {
        if (operands[n]) {
            store_for_evaluator(c, operands[n], vec_arg_place(c->h, n));
        }
    }
    if (fits_imm(in->imm)) {
        x_store_imm(&c->as, true, arg_place(c->h, 0), (int32_t)in->imm);
    } else {
        x_store(&c->as, true, RAX, arg_place(c->h, 0));
        x_mov_imm(&c->as, RAX, in->imm);
    }
}

/* Stores the register r of a value of type t to place, in a cold path; the union's upper part is
 * cleared. */
static void cold_store(struct compiler *c, ir_val v, struct operand place)
{
    const ir_type t = c->insns[v].type;
    const unsigned bits = ir_type_bits(t);
    struct assembler *as = &c->as;
    struct operand upper = place;
    uint64_t k;

    upper.disp += 8;
    if (ir_is_vector(t)) {
        emit_rm(as, SSE_MOVUPS_STORE, (unsigned)c->reg[value(c, v)], place);
        return;
    }
    if (bits < 128) {
        x_store_imm(as, true, upper, 0);
        x_store_imm(as, true, place, 0);
    }
    if (!class_of(t) && constant(c, v, &k) && c->reg[value(c, v)] < 0) {
        x_mov_imm(as, RAX, k);
        x_store(as, true, RAX, place);
        return;
    }
    const unsigned r = (unsigned)c->reg[value(c, v)];
    if (class_of(t)) {
        emit_rm(as,
                bits == 128  ? SSE_MOVUPS_STORE
                : bits == 64 ? SSE_MOVQ_STORE
                             : SSE_MOVSS_STORE,
                r, place);
    } else {
        x_store(as, bits == 64, r, place);
    }
}

static uint32_t cold_op(struct compiler *c, const struct ir_insn *in, unsigned dst, uint32_t resume,
                        bool exits)
{
    struct assembler *as = &c->as;
    uint32_t index;
    struct site *s = new_site(c, SITE_OTHER, exits, &index);

    fill_op(s, in);
    as->to_cold = true;
    const uint32_t path = as->cold;
    const uint16_t operands[3] = {in->a, in->b, in->c};
    for (unsigned n = 0; n < 3; n++) {
        if (operands[n]) {
            cold_store(c, operands[n], vec_arg_place(c->h, n));
        }
    }
    x_mov_imm(as, RAX, in->imm);
    x_store(as, true, RAX, arg_place(c->h, 0));
    x_mov_imm(as, RCX, index);
    x_call(as, c->h->stubs.op);
    if (class_of(in->type)) {
        load_result(c, dst, in->type, vec_arg_place(c->h, 3));
    } else {
        x_load(as, true, dst, vec_arg_place(c->h, 3));
    }
    x_jmp(as, resume);
    as->to_cold = false;
    return path;
}

uint32_t cold_evaluate(struct compiler *c, const struct ir_insn *in, unsigned dst, uint32_t resume)
{
    return cold_op(c, in, dst, resume, false);
}

void trap_range(struct compiler *c, uint32_t resume, uint32_t path)
{
    struct segment *g = c->g;

    if (g->trap_count == g->trap_end) {
        c->full = true;
        return;
    }
    c->h->traps[g->trap_count] = (struct trap){.start = c->as.hot, .end = resume, .path = path};
    __atomic_store_n(&g->trap_count, g->trap_count + 1, __ATOMIC_RELEASE);
}

uint32_t cold_memory(struct compiler *c, const struct ir_insn *in, unsigned dst, uint32_t resume)
{
    return cold_op(c, in, dst, resume, true);
}

/* ---- run-time functions of the guest */

/* MXCSR has IE, DE, ZE, OE, UE, PE from bit 0 on; DE is the guest's flag if a denormal operand is
 * an event for it, else what it tells is in env.fp_flags (fpenv_leaf.c). */
_Static_assert(FP_INVALID == 1 && FP_DIVZERO == 2 && FP_OVERFLOW == 4 && FP_UNDERFLOW == 8 &&
                   FP_INEXACT == 16 && FP_DENORMAL == 2 << 6,
               "flags are masks of MXCSR's");

/* The guest's cumulative flags: libraries ask for them with each function of binary128, and
 * wherever they change the rounding mode for a while. */
static void emit_fp_flags(struct compiler *c, unsigned dst)
{
    struct assembler *as = &c->as;
    const struct operand mxcsr = at(STATE, HOT(c->h, guest_mxcsr));
    const bool denormals = c->h->config.guest->fp_rules->flag_denormals;

    x_mov(as, false, dst, RAX);
    x_alu_mem(as, ALU_OR, false, RAX, at(STATE, ENV(c->h, fp_flags)));
    if (denormals) {
        x_alu(as, ALU_OR, false, RAX, RDX);
        x_shift_imm(as, SHIFT_SHL, false, RDX, 6);
        x_alu_imm(as, ALU_AND, false, reg_operand(RDX), 2);
    }
    x_alu(as, ALU_OR, false, RAX, RCX);
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), 0x1e);
    x_shift_imm(as, SHIFT_SHR, false, RCX, 1);
    x_alu_imm(as, ALU_AND, false, reg_operand(RAX), 1);
    x_mov(as, false, RCX, RAX);
    if (denormals) {
        x_mov(as, false, RDX, RAX);
    }
    x_load(as, false, RAX, mxcsr);
    emit_x(as, OPC(0, MAP_0F, 0xae), 3, mxcsr, 0, 0); /* stmxcsr */
}

void emit_call(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;
    const bool has_result = in->type != T_VOID;
    const uint16_t operands[3] = {in->a, in->b, in->c};
    uint32_t index;

    if ((row->stack80 && emit_stack80(c, in)) ||
        (row->known && emit_known(c, in, (enum ir_known_function)row->known))) {
        return;
    }
    const unsigned dst = has_result ? def(c) : 0;
    if (row->fp_flags) {
        emit_fp_flags(c, dst);
        return;
    }
    claim(c, in);
    const bool leaf = row->class == IR_CALL_LEAF && !row->vector;
    if (!leaf) {
        new_site(c, SITE_OTHER, row->class == IR_CALL_RAISES, &index);
    }
    if (has_result) {
        load_result(c, dst, in->type, row->vector ? vec_arg_place(c->h, 3) : arg_place(c->h, 0));
    }
    x_call(&c->as, leaf ? c->h->stubs.leaf : c->h->stubs.call);
    if (!leaf) {
        x_mov_imm(&c->as, RCX, index);
    }
    x_mov_imm(&c->as, RDX, in->aux);
    x_mov_imm(&c->as, RAX, leaf ? (uintptr_t)row->fn : (uintptr_t)row);
    for (unsigned n = 0; n < 3; n++) {
        if (!operands[n]) {
            continue;
        }
        if (row->vector) {
            store_for_evaluator(c, operands[n], vec_arg_place(c->h, n));
        } else {
            store_operand(c, operands[n], arg_place(c->h, n));
            if (ir_type_bits(c->insns[operands[n]].type) < 64) {
                x_store_imm(&c->as, true, arg_place(c->h, n), 0);
            }
        }
    }
}

/* The call itself is cold. */
/* Whether a is true if some bits of a field's low byte are set, and nothing can have changed the
 * field since it was loaded: they are looked at where they are. */
static bool is_field_test(const struct compiler *c, ir_val a, struct operand *field, uint64_t *bits)
{
    const struct ir_insn *test = &c->insns[value(c, a)];

    if (test->op != IR_tst || test->aux != IR_NE || !constant(c, test->b, bits) || *bits > 0xff) {
        return false;
    }
    const uint16_t load = value(c, test->a);
    if (c->insns[load].op != IR_env_load) {
        return false;
    }
    for (uint16_t n = load + 1; n < c->i; n++) {
        if (c->insns[n].op != IR_konst && c->insns[n].op != IR_tst) {
            return false;
        }
    }
    *field = at(STATE, (int32_t)c->insns[load].aux + c->h->config.layout.state);
    return true;
}

void emit_guard(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;
    const uint16_t operands[2] = {in->b, in->c};
    struct assembler *as = &c->as;
    uint32_t index;

    for (unsigned n = 0; n < 2; n++) {
        uint64_t k;
        if (operands[n] && !constant(c, operands[n], &k)) {
            use(c, operands[n], 0);
        }
    }
    new_site(c, SITE_OTHER, true, &index);
    const uint32_t resume = as->hot;
    as->to_cold = true;
    const uint32_t path = as->cold;
    for (unsigned n = 0; n < 2; n++) {
        if (operands[n]) {
            cold_store(c, operands[n], vec_arg_place(c->h, n));
            x_load(as, true, RAX, vec_arg_place(c->h, n));
            x_store(as, true, RAX, arg_place(c->h, n));
        }
    }
    x_mov_imm(as, RAX, (uintptr_t)row);
    x_mov_imm(as, RDX, in->aux);
    x_mov_imm(as, RCX, index);
    x_call(as, c->h->stubs.call);
    x_jmp(as, resume);
    as->to_cold = false;
    struct operand field;
    uint64_t bits;
    if (is_field_test(c, in->a, &field, &bits)) {
        x_jcc(as, CC_NE, path);
        emit_legacy(as, OPC(0, 0, 0xf6), 0, field, 1, bits);
        return;
    }
    const unsigned cc = condition(c, in->a);
    x_jcc(as, cc, path);
}
