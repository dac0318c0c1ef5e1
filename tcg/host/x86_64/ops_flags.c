/* SPDX-License-Identifier: MIT */
/*
 * Condition flags. FLAGS values are not kept in a register unless something forces it: whoever
 * needs one has it produced again from its operands, which costs a compare. The packed form
 * (tcg/ops.h) is what LAHF and SETO give: AH and AL.
 */
#include "tcg/eval.h"
#include "tcg/host/x86_64/compile.h"
#include "tcg/opinfo.h"

#define PACKED_ALL 0xd501u

bool flags_need(const struct compiler *c, uint32_t v)
{
    const struct pending *p = &c->pending;

    if (p->a == v || p->b == v) {
        return true;
    }
    for (uint16_t f = p->c; f; f = value(c, c->insns[f].a)) {
        if (f == v) {
            return true;
        }
        if (c->insns[f].op != IR_flags_cmc) {
            break;
        }
    }
    return false;
}

static bool same_pending(const struct pending *x, const struct pending *y)
{
    return x->kind == y->kind && x->a == y->a && x->b == y->b && x->c == y->c &&
           x->type == y->type && x->mask == y->mask && x->signalling == y->signalling;
}

static struct pending request(enum pending_kind kind, ir_type t, uint16_t a, uint16_t b)
{
    return (struct pending){.kind = (uint8_t)kind, .type = t, .a = a, .b = b};
}

/* Whether an op from v to here is one that `of` says. */
static bool any_between(const struct compiler *c, uint16_t v, bool (*of)(const struct ir_insn *in))
{
    for (uint32_t i = v + 1u; i < c->i; i++) {
        if (of(&c->insns[i])) {
            return true;
        }
    }
    return false;
}

/* A function may read or clear the cumulative flags, and an exception leaves with those that were
 * raised before it. */
static bool observes_flags(const struct ir_insn *in)
{
    return in->op == IR_call || ir_ops[in->op].effects & IR_MAY_EXIT;
}

/* A comparison whose flags are as the host's instruction leaves them, and may be made here. */
static bool is_host_comparison(const struct compiler *c, uint16_t v)
{
    const struct ir_insn *in = &c->insns[v];

    return in->op == IR_flags_fcmp && in->aux & IR_FLAGS_FCMP_ZPC &&
           (in->src == T_F64 || in->src == T_F32) && !fp_is_special(c, in) &&
           !any_between(c, v, observes_flags);
}

/* A comparison with 0 is a test of the value. */
static struct pending comparison(const struct compiler *c, const struct ir_insn *in)
{
    const uint16_t a = value(c, in->a);
    uint64_t k;

    return constant(c, in->b, &k) && !(k & mask64(ir_type_bits(in->src)))
               ? request(FLAGS_TEST, in->src, a, a)
               : request(FLAGS_SUB, in->src, a, value(c, in->b));
}

/* What produces the flags value f, and whether the carry is complemented. */
static struct pending producer(const struct compiler *c, ir_val f, bool *cmc)
{
    uint16_t v = value(c, f);
    const struct ir_insn *in = &c->insns[v];

    *cmc = false;
    while (in->op == IR_flags_cmc) {
        *cmc = !*cmc;
        v = value(c, in->a);
        in = &c->insns[v];
    }
    switch (in->op) {
    case IR_flags_sub:
        return comparison(c, in);
    case IR_flags_add:
        return request(FLAGS_ADD, in->src, value(c, in->a), value(c, in->b));
    case IR_flags_logic:
        return request(FLAGS_TEST, in->src, value(c, in->a), value(c, in->a));
    case IR_flags_adc:
    case IR_flags_sbb: {
        struct pending p = request(in->op == IR_flags_adc ? FLAGS_ADC : FLAGS_SBB, in->src,
                                   value(c, in->a), value(c, in->b));
        p.c = value(c, in->c);
        return p;
    }
    default:
        break;
    }
    struct pending p = request(FLAGS_PACKED, T_FLAGS, v, 0);
    if (is_host_comparison(c, v)) {
        p = request(FLAGS_FCMP, in->src, value(c, in->a), value(c, in->b));
        p.signalling = in->aux & IR_FLAGS_FCMP_SIGNALLING;
    }
    return p;
}

/* f, which is asked for, need not be made where it stands: unless the block can be left before it
 * is made, by when its flags must have been raised. */
static void fuse_comparison(struct compiler *c, ir_val f)
{
    uint16_t v = value(c, f);

    while (c->insns[v].op == IR_flags_cmc) {
        v = value(c, c->insns[v].a);
    }
    c->fused[v] = !any_between(c, v, is_site);
}

/* As producer, but the flags of a conjunction are a test of its operands. */
static struct pending plain_producer(const struct compiler *c, ir_val f, bool *cmc)
{
    struct pending p = producer(c, f, cmc);
    const struct ir_insn *in = &c->insns[p.a];

    if (p.kind == FLAGS_TEST && p.a == p.b && p.a < FIRST_ROW_VALUE && in->op == IR_and &&
        in->type == p.type) {
        p.a = value(c, in->a);
        p.b = value(c, in->b);
    }
    return p;
}

/* Flags of a shift by a constant: the flags before do not matter. */
static bool shift_recipe(const struct compiler *c, ir_val f, struct flags_recipe *r)
{
    static const uint8_t kinds[] = {RECIPE_SHL, RECIPE_SHR, RECIPE_SAR};
    const struct ir_insn *in = &c->insns[value(c, f)];
    uint64_t k;

    if (in->op < IR_flags_shl || in->op > IR_flags_sar || ir_type_bits(in->src) < 32 ||
        !constant(c, in->b, &k) || (k & (in->src == T_I64 ? 63 : 31)) == 0) {
        return false;
    }
    r->what = (uint16_t)(kinds[in->op - IR_flags_shl] | (log2_floor(ir_type_bits(in->src)) - 3)
                                                            << RECIPE_WIDTH_SHIFT);
    r->operand[0] = value(c, in->a);
    r->operand[1] = value(c, in->b);
    return true;
}

/* The boolean that a value of packed flags says as its only bit; 0: it is something else. */
static uint16_t boolean_of(const struct compiler *c, ir_val f, uint32_t bit)
{
    const struct ir_insn *from = &c->insns[value(c, f)];
    const struct ir_insn *in = &c->insns[value(c, from->a)];
    uint64_t k, other;

    if (from->op != IR_flags_from) {
        return 0;
    }
    if (bit == 1 && ir_is_boolean(c->b, from->a)) {
        return value(c, from->a);
    }
    return in->op == IR_select && constant(c, in->b, &k) && constant(c, in->c, &other) &&
                   k == bit && other == 0
               ? value(c, in->a)
               : 0;
}

/* Flags from the block's entry, whose C and V have become booleans (chains of ADCX and ADOX). */
static bool bits_recipe(const struct compiler *c, ir_val f, struct flags_recipe *r)
{
    uint16_t v = value(c, f);

    *r = (struct flags_recipe){.what = RECIPE_BITS};
    for (; c->insns[v].op == IR_flags_with; v = value(c, c->insns[v].a)) {
        const struct ir_insn *in = &c->insns[v];
        const bool carry = in->aux == IR_FLAG_C;
        const uint16_t given = carry ? RECIPE_C : RECIPE_V;
        const uint16_t boolean = boolean_of(c, in->b, in->aux);
        if ((!carry && in->aux != IR_FLAG_V) || !boolean) {
            return false;
        }
        if (!(r->what & given)) {
            r->what |= given;
            r->operand[!carry] = boolean;
        }
    }
    if (c->insns[v].op != IR_get || r->what == RECIPE_BITS) {
        return false;
    }
    /* One that is not given is not looked at. */
    r->operand[0] = r->what & RECIPE_C ? r->operand[0] : r->operand[1];
    r->operand[1] = r->what & RECIPE_V ? r->operand[1] : r->operand[0];
    return true;
}

bool flags_recipe(const struct compiler *c, ir_val f, struct flags_recipe *r)
{
    bool cmc;
    const struct pending p = plain_producer(c, f, &cmc);

    if (p.kind != FLAGS_SUB && p.kind != FLAGS_ADD && p.kind != FLAGS_TEST) {
        return shift_recipe(c, f, r) || bits_recipe(c, f, r);
    }
    r->what = (uint16_t)((p.kind == FLAGS_SUB   ? RECIPE_SUB
                          : p.kind == FLAGS_ADD ? RECIPE_ADD
                                                : RECIPE_AND) |
                         (log2_floor(ir_type_bits(p.type)) - 3) << RECIPE_WIDTH_SHIFT |
                         (cmc ? RECIPE_CMC : 0));
    r->operand[0] = p.a;
    r->operand[1] = p.b;
    return true;
}

#define RESULT_WITHIN 6 /* ops before the flags: a semantic function gives both */

bool flags_recipe_of_result(const struct compiler *c, ir_val f, struct flags_recipe *r)
{
    bool cmc;
    const struct pending p = producer(c, f, &cmc);
    const unsigned op = p.kind == FLAGS_SUB ? IR_sub : IR_add;
    uint16_t v = value(c, f);

    if (!flags_recipe(c, f, r)) {
        return false;
    }
    if (p.kind == FLAGS_TEST) {
        r->operand[0] = r->operand[1] = p.a;
        return true;
    }
    while (c->insns[v].op == IR_flags_cmc) {
        v = value(c, c->insns[v].a);
    }
    for (unsigned n = 1; n <= RESULT_WITHIN && n < v && p.kind <= FLAGS_ADD; n++) {
        const struct ir_insn *in = &c->insns[v - n];
        if (in->op == op && in->type == p.type && value(c, in->a) == p.a &&
            value(c, in->b) == p.b) {
            r->what |= RECIPE_RESULT;
            r->operand[0] = (uint16_t)(v - n);
            return true;
        }
    }
    return false;
}

bool flags_are(const struct compiler *c, ir_val f, const struct pending *p)
{
    bool cmc;
    const struct pending q = plain_producer(c, f, &cmc);

    return q.kind != FLAGS_PACKED && same_pending(&q, p);
}

bool flags_complemented(const struct compiler *c, ir_val f)
{
    bool cmc;

    producer(c, f, &cmc);
    return cmc;
}

/* Makes want the pending flags; what was pending and differs is produced first (behind). */
static void ask(struct compiler *c, struct pending want, bool only_zs)
{
    if (c->pending.kind && !same_pending(&c->pending, &want)) {
        flush_flags(c);
    }
    want.only_zs = only_zs && (!c->pending.kind || c->pending.only_zs);
    c->pending = want;
}

static unsigned condition_of_flags(struct compiler *c, unsigned cond, ir_val f)
{
    bool cmc;
    struct pending p = producer(c, f, &cmc);
    static const uint16_t bit_of[] = {[0] = 0x0001, [1] = 0x0100, [2] = 0x4000, [4] = 0x8000};
    const unsigned pair = cond >> 1;

    if (p.kind == FLAGS_PACKED && (pair == 0 || pair == 1 || pair == 2 || pair == 4)) {
        p.kind = FLAGS_BIT;
        p.mask = bit_of[pair];
        ask(c, p, false);
        return ((cond & 1) != 0) ^ (cmc && pair == 1) ? CC_E : CC_NE;
    }
    if (cmc && pair == 1) {
        cond ^= 1;
        cmc = false;
    }
    if (cmc && pair == 3) { /* C or Z: the carry must really be complemented */
        p = request(FLAGS_PACKED, T_FLAGS, value(c, f), 0);
    }
    ask(c, p, pair == 2 || pair == 4);
    if (p.kind == FLAGS_FCMP) {
        fuse_comparison(c, f);
    }
    return cond;
}

static unsigned condition_of_fcmp(struct compiler *c, uint16_t v)
{
    const struct ir_insn *in = &c->insns[v];
    /* Of ucomis x, y: unordered sets Z, P and C. 0xff: takes two conditions. Bit 4: exchange the
     * operands. */
    static const uint8_t codes[16] = {
        [IR_FGT] = CC_A,
        [IR_FGT | IR_FEQ] = CC_AE,
        [IR_FLT] = CC_A | 16,
        [IR_FLT | IR_FEQ] = CC_AE | 16,
        [IR_FUN] = CC_P,
        [IR_FLT | IR_FEQ | IR_FGT] = CC_NP,
        [IR_FLT | IR_FUN] = CC_B,
        [IR_FLT | IR_FEQ | IR_FUN] = CC_BE,
        [IR_FGT | IR_FUN] = CC_B | 16,
        [IR_FGT | IR_FEQ | IR_FUN] = CC_BE | 16,
        [IR_FEQ | IR_FUN] = CC_E,
        [IR_FLT | IR_FGT] = CC_NE,
        [0] = 0xff,
        [15] = 0xff,
        [IR_FEQ] = 0xff,
        [IR_FLT | IR_FGT | IR_FUN] = 0xff,
    };
    const unsigned code = codes[in->aux & 15];

    if (code == 0xff || fp_is_special(c, in) || (in->src != T_F64 && in->src != T_F32) ||
        c->reg[v] >= 0 || c->spill[v] || any_between(c, v, observes_flags)) {
        ask(c, request(FLAGS_TEST, T_I32, v, v), true);
        return CC_NE;
    }
    const bool swap = code & 16;
    /* If the block can be left in between, the flags must have been raised by then: the comparison
     * is made twice. */
    c->fused[v] = !any_between(c, v, is_site);
    struct pending p = request(FLAGS_FCMP, in->src, value(c, swap ? in->b : in->a),
                               value(c, swap ? in->a : in->b));
    p.signalling = in->aux & IR_FCMP_SIGNALLING;
    ask(c, p, false);
    return code & 15;
}

/* A test of one bit that no immediate of `test` reaches: `bt`. */
static bool tests_high_bit(const struct compiler *c, const struct ir_insn *in, uint32_t *bit)
{
    uint64_t k;

    if (!constant(c, in->b, &k) || k <= INT32_MAX || (k & (k - 1)) || in->src != T_I64 ||
        (in->aux != IR_EQ && in->aux != IR_NE)) {
        return false;
    }
    *bit = ctz64(k);
    return true;
}

unsigned condition(struct compiler *c, ir_val boolean)
{
    const uint16_t v = value(c, boolean);
    const struct ir_insn *in = &c->insns[v];
    struct pending bit = request(FLAGS_CARRY, T_I64, value(c, in->a), 0);

    switch (in->op) {
    case IR_cmp:
        ask(c, comparison(c, in), in->aux >> 1 == 2 || in->aux >> 1 == 4);
        return in->aux;
    case IR_tst:
        if (tests_high_bit(c, in, &bit.mask)) {
            ask(c, bit, false);
            return in->aux == IR_NE ? CC_B : CC_AE;
        }
        ask(c, request(FLAGS_TEST, in->src, value(c, in->a), value(c, in->b)), true);
        return in->aux;
    case IR_flags_test:
        return condition_of_flags(c, in->aux, in->a);
    case IR_fcmp:
        return condition_of_fcmp(c, v);
    default:
        ask(c, request(FLAGS_TEST, T_I32, v, v), true);
        return CC_NE;
    }
}

/* ---- producing flags; each emits backwards */

opcode flags_sized(unsigned op, ir_type t)
{
    switch (ir_type_bits(t)) {
    case 8:
        return OPC(0, 0, op - 1) | OP_BYTE_REG | OP_BYTE_RM;
    case 16:
        return OPC(PP_66, 0, op);
    case 32:
        return OPC(0, 0, op);
    default:
        return OPC(0, 0, op) | OP_W;
    }
}

/* b is a byte that the instruction holds. */
static bool is_byte(const struct compiler *c, ir_type t, ir_val b, uint64_t *k)
{
    return ir_type_bits(t) == 8 && c->reg[value(c, b)] < 0 && constant(c, b, k);
}

static void compare(struct compiler *c, ir_type t, ir_val a, ir_val b)
{
    int32_t k;
    uint64_t byte;
    const bool wide = ir_type_bits(t) >= 32;

    if (is_byte(c, t, b, &byte)) {
        const unsigned ra = use(c, a, 0);
        emit_x(&c->as, OPC(0, 0, 0x80) | OP_BYTE_RM, ALU_CMP, reg_operand(ra), 1, byte);
        return;
    }

    if (imm32(c, b, t, &k) && wide) {
        const unsigned ra = use(c, a, 0);
        x_alu_imm(&c->as, ALU_CMP, t == T_I64, reg_operand(ra), k);
        return;
    }
    const unsigned ra = use(c, a, 0), rb = use(c, b, 0);
    emit_rr(&c->as, flags_sized(0x3b, t), ra, rb);
}

static void test_bits(struct compiler *c, ir_type t, ir_val a, ir_val b)
{
    int32_t k;
    uint64_t byte;

    if (value(c, a) != value(c, b) && is_byte(c, t, b, &byte)) {
        const unsigned ra = use(c, a, 0);
        emit_x(&c->as, OPC(0, 0, 0xf6) | OP_BYTE_RM, 0, reg_operand(ra), 1, byte);
        return;
    }

    if (value(c, a) != value(c, b) && imm32(c, b, t, &k) && ir_type_bits(t) >= 32) {
        x_test_imm(&c->as, t == T_I64, use(c, a, 0), k);
        return;
    }
    const unsigned ra = use(c, a, 0), rb = use(c, b, 0);
    emit_rr(&c->as, flags_sized(0x85, t), ra, rb);
}

/* Puts bit 8 of a packed value into the carry, complemented if asked. Locks a register; emits
 * backwards. */
static void carry_from_packed(struct compiler *c, ir_val f, bool complement)
{
    const uint16_t v = value(c, f);
    const struct ir_insn *in = &c->insns[v];

    if (complement) {
        x_byte(&c->as, 0xf5); /* cmc */
    }
    const uint16_t boolean = c->reg[v] < 0 ? boolean_of(c, f, IR_FLAG_C) : 0;
    if (boolean) {
        emit_x(&c->as, OPC(0, 1, 0xba), 4, reg_operand((unsigned)c->reg[boolean]), 1, 0);
    } else if (in->op == IR_get && c->reg[v] < 0 && c->i <= c->memory_until[v]) {
        emit_x(&c->as, OPC(0, 1, 0xba), 4, row_place(c->h, in->aux), 1, 8);
    } else {
        emit_x(&c->as, OPC(0, 1, 0xba), 4, reg_operand((unsigned)c->reg[v]), 1, 8);
    }
}

/* The packed value that holds the carry of f. */
static ir_val carry_source(const struct compiler *c, ir_val f, bool *complement)
{
    uint16_t v = value(c, f);

    *complement = false;
    while (c->insns[v].op == IR_flags_cmc) {
        *complement = !*complement;
        v = value(c, c->insns[v].a);
    }
    return v;
}

static void claim_packed(struct compiler *c, ir_val f, uint32_t exclude)
{
    const uint16_t v = value(c, f), boolean = c->reg[v] < 0 ? boolean_of(c, f, IR_FLAG_C) : 0;
    const struct ir_insn *in = &c->insns[v];

    if (boolean) {
        use(c, boolean, exclude);
    } else if (!(in->op == IR_get && c->reg[v] < 0 && c->i <= c->memory_until[v])) {
        use(c, v, exclude);
    }
}

static void with_carry(struct compiler *c, const struct pending *p)
{
    bool complement;
    const ir_val f = carry_source(c, p->c, &complement);

    const unsigned ra = use(c, p->a, 0), rb = use(c, p->b, 0);
    claim_packed(c, f, 0);
    emit_rr(&c->as, flags_sized(p->kind == FLAGS_ADC ? 0x13 : 0x1b, p->type), RAX, rb);
    x_mov(&c->as, true, RAX, ra);
    carry_from_packed(c, f, complement);
}

static void add_into_scratch(struct compiler *c, const struct pending *p)
{
    const unsigned ra = use(c, p->a, 0);
    int32_t k;

    if (imm32(c, p->b, p->type, &k) && ir_type_bits(p->type) >= 32) {
        x_alu_imm(&c->as, ALU_ADD, p->type == T_I64, reg_operand(RAX), k);
    } else {
        emit_rr(&c->as, flags_sized(0x03, p->type), RAX, use(c, p->b, 0));
    }
    x_mov(&c->as, true, RAX, ra);
}

static bool in_memory(const struct compiler *c, uint16_t v)
{
    return c->insns[v].op == IR_get && c->reg[v] < 0 && c->i <= c->memory_until[v];
}

static void unpack(struct compiler *c, uint16_t v)
{
    struct assembler *as = &c->as;
    const bool memory = in_memory(c, v);

    if (!memory) {
        use(c, v, 0);
    }
    x_byte(as, 0x9e);                                                /* sahf: S Z A P C from ah */
    emit_x(as, OPC(0, 0, 0x80), ALU_ADD, reg_operand(RAX), 1, 0x7f); /* al 1: overflow */
    if (memory) {
        emit_rm(as, OPC(0, 1, 0xb7), RAX, row_place(c->h, c->insns[v].aux));
    } else {
        x_mov(as, false, RAX, (unsigned)c->reg[v]);
    }
}

static void test_packed(struct compiler *c, uint16_t v, uint32_t mask)
{
    if (in_memory(c, v)) {
        struct operand o = row_place(c->h, c->insns[v].aux);
        if (mask > 0xff) {
            o.disp++;
            mask >>= 8;
        }
        emit_x(&c->as, OPC(0, 0, 0xf6), 0, o, 1, mask);
    } else {
        x_test_imm(&c->as, false, use(c, v, 0), (int32_t)mask);
    }
}

void flush_flags(struct compiler *c)
{
    const struct pending p = c->pending;

    c->pending.kind = FLAGS_NONE;
    switch (p.kind) {
    case FLAGS_SUB:
        compare(c, p.type, p.a, p.b);
        break;
    case FLAGS_TEST:
        test_bits(c, p.type, p.a, p.b);
        break;
    case FLAGS_ADD:
        add_into_scratch(c, &p);
        break;
    case FLAGS_ADC:
    case FLAGS_SBB:
        with_carry(c, &p);
        break;
    case FLAGS_PACKED:
        unpack(c, p.a);
        break;
    case FLAGS_BIT:
        test_packed(c, p.a, p.mask);
        break;
    case FLAGS_CARRY:
        emit_x(&c->as, OPC(0, 1, 0xba) | OP_W, 4, reg_operand(use(c, p.a, 0)), 1, p.mask);
        break;
    case FLAGS_FCMP: {
        const unsigned ra = use(c, p.a, 0), rb = use(c, p.b, 0);
        emit_rr(&c->as, OPC(p.type == T_F64 ? PP_66 : PP_NONE, 1, p.signalling ? 0x2f : 0x2e), ra,
                rb);
        break;
    }
    default:
        break;
    }
}

/* Whether op i is the instruction that produces the pending flags as a by-product. Clears what is
 * pending if so. */
bool flags_from_alu(struct compiler *c, const struct ir_insn *in)
{
    const struct pending *p = &c->pending;
    const uint16_t a = value(c, in->a), b = in->b ? value(c, in->b) : 0;
    bool hit = false;

    if (!p->kind || !wanted(c)) {
        return false;
    }
    if (in->op == IR_sub && p->kind == FLAGS_SUB) {
        hit = p->a == a && p->b == b && p->type == in->type;
    } else if (in->op == IR_add && p->kind == FLAGS_ADD) {
        hit = p->a == a && p->b == b && p->type == in->type;
    } else if (p->kind == FLAGS_TEST && p->a == c->i && p->b == c->i && p->type == in->type) {
        hit = in->op == IR_and || in->op == IR_or || in->op == IR_xor || p->only_zs;
    } else if (in->op == IR_and && p->kind == FLAGS_TEST && p->type == in->type) {
        hit = p->a == a && p->b == b;
    }
    if (hit && in->type != T_I32 && in->type != T_I64) {
        hit = false;
    }
    if (hit) {
        c->pending.kind = FLAGS_NONE;
    }
    return hit;
}

/* ---- packed values */

/* Emits: flags in the host register → dst, packed (16 bits, zero-extended). */
static void pack(struct compiler *c, unsigned dst, bool cmc)
{
    struct assembler *as = &c->as;

    emit_rr(as, OPC(0, 1, 0xb7), dst, RAX);
    x_setcc(as, CC_O, RAX);
    x_byte(as, 0x9f); /* lahf */
    if (cmc) {
        x_byte(as, 0xf5);
    }
}

bool flags_constant(const struct compiler *c, ir_val f, uint32_t *k)
{
    const struct ir_insn *in = &c->insns[value(c, f)];
    uint64_t x;

    if (in->op != IR_flags_from || !constant(c, in->a, &x)) {
        return false;
    }
    *k = (uint32_t)x & PACKED_ALL;
    return true;
}

/* Flags of a conjunction that nobody wants are a test of its operands, as a condition of them is.
 */
static void test_operands(const struct compiler *c, struct pending *p)
{
    const struct ir_insn *in = &c->insns[p->a];

    if (p->kind == FLAGS_TEST && p->a == p->b && p->a < FIRST_ROW_VALUE && in->op == IR_and &&
        in->type == p->type && c->reg[p->a] < 0 && !c->spill[p->a]) {
        p->a = value(c, in->a);
        p->b = value(c, in->b);
    }
}

void put_flags(struct compiler *c, ir_val f, struct operand place)
{
    uint32_t k;
    bool cmc;

    if (flags_constant(c, f, &k)) {
        emit_x(&c->as, OPC(PP_66, 0, 0xc7), 0, place, 2, k);
        return;
    }
    struct pending p = producer(c, f, &cmc);
    test_operands(c, &p);
    if (p.kind == FLAGS_PACKED || c->reg[value(c, f)] >= 0) {
        const uint16_t v = value(c, f);
        if (c->pending.kind && c->insns[v].op == IR_flags_cmc) {
            flush_flags(c);
        }
        emit_rm(&c->as, OPC(PP_66, 0, 0x89), use(c, f, 0), place);
        return;
    }
    if (c->pending.kind && (cmc || !same_pending(&c->pending, &p))) {
        flush_flags(c);
    }
    c->pending = p;
    if (p.kind == FLAGS_FCMP) {
        fuse_comparison(c, f);
    }
    emit_rm(&c->as, OPC(PP_66, 0, 0x89), RAX, place);
    x_setcc(&c->as, CC_O, RAX);
    x_byte(&c->as, 0x9f);
    if (cmc) {
        x_byte(&c->as, 0xf5);
    }
}

static void emit_comparison(struct compiler *c, const struct ir_insn *in)
{
    const unsigned ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const bool signalling = in->aux & IR_FLAGS_FCMP_SIGNALLING;

    emit_rr(&c->as, OPC(in->src == T_F64 ? PP_66 : PP_NONE, 1, signalling ? 0x2f : 0x2e), ra, rb);
}

/* A FLAGS value that something wants in a register. */
void emit_flags(struct compiler *c, const struct ir_insn *in)
{
    const bool native = in->op == IR_flags_fcmp && (in->src == T_F64 || in->src == T_F32) &&
                        !fp_is_special(c, in);
    bool cmc;
    uint32_t k;

    if (native && !wanted(c)) { /* for what it raises */
        emit_comparison(c, in);
        return;
    }
    const unsigned dst = def(c);
    if (flags_constant(c, c->i, &k)) {
        x_mov_imm(&c->as, dst, k);
        return;
    }
    if (in->op == IR_flags_from) {
        x_alu_imm(&c->as, ALU_AND, false, reg_operand(dst), PACKED_ALL);
        copy(c, false, dst, use_here(c, in->a, dst));
        return;
    }
    if (in->op == IR_flags_fcmp) {
        /* lt: S and C; eq: Z; unordered: V; greater: nothing */
        if (!native) {
            c->reg[c->i] = (int8_t)dst;
            c->owner[0][dst] = (uint16_t)c->i;
            fallback(c, in);
            return;
        }
        struct assembler *as = &c->as;
        if (in->aux & IR_FLAGS_FCMP_ZPC) {
            pack(c, dst, false);
            emit_comparison(c, in);
            return;
        }
        /* C alone is lt or unordered; Z alone eq or unordered; P says unordered. */
        x_mov(as, false, dst, RAX);
        const uint32_t done = as->hot;
        x_mov_imm(as, RAX, 0x0001);
        x_jcc(as, CC_NP, done);
        x_cmov(as, CC_B, false, RAX, RCX);
        x_cmov(as, CC_E, false, RAX, RDX);
        x_mov_imm(as, RAX, 0);
        x_mov_imm(as, RDX, 0x4000);
        x_mov_imm(as, RCX, 0x8100);
        emit_comparison(c, in);
        return;
    }
    /* Not produced here at once: the instruction that gives the result may do it. */
    const struct pending p = producer(c, c->i, &cmc);
    pack(c, dst, cmc);
    c->pending = p;
}

void emit_flags_bits(struct compiler *c, const struct ir_insn *in)
{
    bool cmc;
    uint32_t k;
    const unsigned dst = def(c);

    if (flags_constant(c, in->a, &k)) {
        x_mov_imm(&c->as, dst, k);
        return;
    }
    const struct pending p = producer(c, in->a, &cmc);
    if (p.kind == FLAGS_PACKED) {
        const unsigned r = use_here(c, in->a, dst);
        x_alu_imm(&c->as, ALU_AND, false, reg_operand(dst), PACKED_ALL);
        copy(c, false, dst, r);
        return;
    }
    x_alu_imm(&c->as, ALU_AND, false, reg_operand(dst), PACKED_ALL);
    pack(c, dst, cmc);
    c->pending = p;
    flush_flags(c);
}

void flags_packed_into(struct compiler *c, unsigned dst, ir_val f)
{
    uint32_t k;
    bool cmc;

    if (flags_constant(c, f, &k)) {
        x_mov_imm(&c->as, dst, k);
        return;
    }
    const struct pending p = producer(c, f, &cmc);
    if (p.kind == FLAGS_PACKED || c->reg[value(c, f)] >= 0) {
        copy(c, false, dst, use(c, f, 0));
        return;
    }
    pack(c, dst, cmc);
    c->pending = p;
    flush_flags(c);
}

void flags_claim_operands(struct compiler *c, ir_val f, uint32_t exclude)
{
    uint32_t k;
    bool cmc;

    if (flags_constant(c, f, &k)) {
        return;
    }
    const struct pending p = producer(c, f, &cmc);
    if (p.kind == FLAGS_PACKED || c->reg[value(c, f)] >= 0) {
        use(c, f, exclude);
        return;
    }
    int32_t imm;
    use(c, p.a, exclude);
    if (p.kind == FLAGS_FCMP || !(imm32(c, p.b, p.type, &imm) && ir_type_bits(p.type) >= 32 &&
                                  p.kind != FLAGS_ADC && p.kind != FLAGS_SBB)) {
        use(c, p.b, exclude);
    }
    if (p.kind == FLAGS_ADC || p.kind == FLAGS_SBB) {
        bool complement;
        claim_packed(c, carry_source(c, p.c, &complement), exclude);
    }
}

static void claim_pending(struct compiler *c, uint32_t exclude)
{
    const struct pending *p = &c->pending;
    int32_t imm;

    if (p->a) {
        use(c, p->a, exclude);
    }
    if (p->b &&
        !(p->kind != FLAGS_FCMP && imm32(c, p->b, p->type, &imm) && ir_type_bits(p->type) >= 32)) {
        use(c, p->b, exclude);
    }
    if (p->c) {
        bool complement;
        claim_packed(c, carry_source(c, p->c, &complement), exclude);
    }
}

/*
 * a ? b : c of flags. The order of the code: c into rdx, the condition, over it a jump, b into rdx.
 * rdx is not used by anything that produces flags.
 */
void emit_flags_select(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c);

    flags_claim_operands(c, in->b, 0);
    flags_claim_operands(c, in->c, 0);
    const unsigned cc = condition(c, in->a);
    const struct pending want = c->pending;
    claim_pending(c, 0);
    c->pending.kind = FLAGS_NONE;

    copy(c, false, dst, RDX);
    const uint32_t over = c->as.hot;
    flags_packed_into(c, RDX, in->b);
    x_jcc(&c->as, cc ^ 1, over);
    c->pending = want;
    flush_flags(c);
    flags_packed_into(c, RDX, in->c);
}

/* ---- booleans and selections */

void emit_boolean(struct compiler *c, const struct ir_insn *in)
{
    (void)in;
    const uint16_t self = (uint16_t)c->i;
    const unsigned dst = def(c);

    emit_x(&c->as, OPC(0, 1, 0xb6) | OP_BYTE_RM, dst, reg_operand(RAX), 0, 0);
    const uint32_t behind = c->as.hot;
    (void)behind;
    const unsigned cc = condition(c, self);
    x_setcc(&c->as, cc, RAX);
}

void emit_select(struct compiler *c, const struct ir_insn *in)
{
    const bool vec = class_of(in->type);

    if (vec) {
        const unsigned dst = def(c), rb = use(c, in->b, 0), rc = use(c, in->c, 0);
        const unsigned cc = condition(c, in->a);
        claim_pending(c, 0);
        copy(c, true, dst, X0);
        const uint32_t over = c->as.hot;
        copy(c, true, X0, rb);
        x_jcc(&c->as, cc ^ 1, over);
        copy(c, true, X0, rc);
        return;
    }
    const bool w = in->type == T_I64;
    const unsigned dst = def(c), rb = use(c, in->b, 1u << dst);
    uint64_t k;
    const bool load = c->reg[value(c, in->c)] < 0 && constant(c, in->c, &k);
    const unsigned rc = load ? NO_REG : use_here(c, in->c, dst);
    const unsigned cc = condition(c, in->a);

    x_cmov(&c->as, cc, w, dst, rb);
    if (load) {
        x_mov_imm(&c->as, dst, k);
    } else {
        copy(c, false, dst, rc);
    }
}

/*
 * Whether the flags value f, which an adc or sbb takes its carry from, can stay in the host's flags
 * from where it is produced to here: nothing in between disturbs them.
 */
static bool carry_stays(const struct compiler *c, ir_val f)
{
    const uint16_t v = value(c, f);
    const unsigned op = c->insns[v].op;

    if ((op != IR_flags_adc && op != IR_flags_sbb && op != IR_flags_add && op != IR_flags_sub) ||
        c->reg[v] >= 0 || c->spill[v]) {
        return false;
    }
    for (uint32_t i = v + 1u; i < c->i; i++) {
        const struct ir_insn *in = &c->insns[i];
        const bool alu = in->op == IR_sub || in->op == IR_and || in->op == IR_or ||
                         in->op == IR_xor;
        if (alu || !keeps_flags(c, in)) {
            if (in->op == IR_flags_cmc || in->op == IR_flags_adc || in->op == IR_flags_sbb ||
                in->op == IR_flags_add) {
                continue; /* no code of its own */
            }
            return false;
        }
    }
    return true;
}

/* adc, sbb: the host's own, with the carry fetched from where it is. */
void emit_carry_op(struct compiler *c, const struct ir_insn *in)
{
    const bool w = in->type == T_I64;
    bool complement;
    const ir_val f = carry_source(c, in->c, &complement);
    const struct pending *p = &c->pending;

    if (p->kind == (in->op == IR_adc ? FLAGS_ADC : FLAGS_SBB) && p->type == in->type &&
        p->a == value(c, in->a) && p->b == value(c, in->b) && p->c == value(c, in->c)) {
        c->pending.kind = FLAGS_NONE; /* this instruction's own flags are wanted */
    } else if (p->kind) {
        flush_flags(c);
        c->locked[0] = 0;
    }
    const unsigned dst = def(c), rb = use(c, in->b, 0), ra = use(c, in->a, 0);
    const bool stays = carry_stays(c, f);
    if (!stays) {
        claim_packed(c, f, 0);
    }
    x_mov(&c->as, true, dst, RAX);
    emit_rr(&c->as, flags_sized(in->op == IR_adc ? 0x13 : 0x1b, in->type), RAX, rb);
    x_mov(&c->as, w, RAX, ra);
    if (stays) {
        if (complement) {
            x_byte(&c->as, 0xf5);
        }
        bool none;
        c->pending = producer(c, f, &none);
    } else {
        carry_from_packed(c, f, complement);
    }
}
