/* SPDX-License-Identifier: MIT */
/* AES, SHA-1, SHA-256 and carry-less products on the host's instructions for them. */
#include "tcg/host/x86_64/simd.h"

/* ---- SHA-256, as x86's two rounds on other halves of the state */

#define BSHA(op) OPC(PP_NONE, MAP_0F38, op)

static void sha256_rounds(struct compiler *c, const struct ir_insn *in)
{
    const bool h2 = in->op == IR_sha256_h2;
    const unsigned dst = def(c), abcd = use(c, h2 ? in->b : in->a, 0),
                   efgh = use(c, h2 ? in->a : in->b, 0);
    const unsigned wk = use(c, in->c, 0), t1 = temp(c, true), t2 = temp(c, true);
    struct assembler *as = &c->as;

    /* x1 = A B E F, t2 = C D G H (highest lane first); two rounds give A B E F, and the old one is
     * C D G H. */
    if (h2) {
        emit_x(as, B66(0x70), dst, reg_operand(X1), 1, 0xb1);
        emit_rr(as, B66(0x6c), X1, t2);
    } else {
        emit_x(as, B66(0x70), dst, reg_operand(t1), 1, 0xb1);
        emit_rr(as, B66(0x6d), t1, t2);
        copy(c, true, t1, X1);
    }
    emit_rr(as, BSHA(0xcb), X1, t2);
    emit_x(as, B66(0x70), X0, reg_operand(wk), 1, 0x0e);
    emit_rr(as, BSHA(0xcb), t2, X1);
    copy(c, true, X0, wk);
    emit_rr(as, B66(0x6c), X1, t1);
    emit_rr(as, B66(0x6d), t2, t1);
    copy(c, true, t2, X1);
    emit_x(as, B66(0x70), X1, reg_operand(efgh), 1, 0xb1);
    emit_x(as, B66(0x70), t1, reg_operand(abcd), 1, 0xb1);
}

void emit_sha256(struct compiler *c, const struct ir_insn *in)
{
    if (!c->h->cpu.sha) {
        fallback(c, in);
        return;
    }
    if (in->op == IR_sha256_h || in->op == IR_sha256_h2) {
        sha256_rounds(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0),
                   rc = in->c ? use(c, in->c, 0) : 0;
    struct assembler *as = &c->as;

    copy(c, true, dst, X0);
    if (in->op == IR_sha256_su0) {
        emit_rr(as, BSHA(0xcc), X0, rb);
        copy(c, true, X0, ra);
        return;
    }
    emit_rr(as, BSHA(0xcd), X0, rc);
    emit_rr(as, B66(0xfe), X0, ra);
    emit_x(as, B3A(0x0f), X0, reg_operand(rb), 1, 4); /* palignr: b1 b2 b3 c0 */
    copy(c, true, X0, rc);
}

/* x86's own instructions, which are calls of functions that are known to be them. */
bool emit_known(struct compiler *c, const struct ir_insn *in, enum ir_known_function known)
{
    const bool rounds = known == IR_KNOWN_SHA256RNDS2;
    struct assembler *as = &c->as;

    if (!c->h->cpu.sha) {
        return false;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned rc = rounds ? use(c, in->c, 0) : 0;
    copy(c, true, dst, X1);
    if (known == IR_KNOWN_SHA1RNDS4) {
        emit_x(as, OPC(PP_NONE, MAP_0F3A, 0xcc), X1, reg_operand(rb), 1, in->aux & 3);
    } else { /* in the order of their opcodes; xmm0 is the third operand */
        emit_rr(as, BSHA(0xc8 + known - IR_KNOWN_SHA1NEXTE), X1, rb);
    }
    if (rounds) {
        copy(c, true, X0, rc);
    }
    copy(c, true, X1, ra);
    return true;
}

/* ---- SHA-1 */

/* Four rounds. The host counts its lanes from the top, adds the constant of the rounds itself, and
 * wants E added to the first word. */
static void sha1_rounds(struct steps *q, const struct ir_insn *in, const unsigned dst_abc[4])
{
    const enum constant k = in->op == IR_sha1_c   ? K_SHA1_C
                            : in->op == IR_sha1_p ? K_SHA1_P
                                                  : K_SHA1_M;

    s_const(q, lane_sub[2], X1, dst_abc[3], k);
    s_rri(q, PSHUFD, X1, X1, 0x1b);
    s_copy(q, X0, dst_abc[2]);
    s_rri(q, B66(0x73), 7, X0, 12); /* pslldq: E alone, at the top */
    s_rr(q, lane_add[2], X1, X0);
    s_rri(q, PSHUFD, X0, dst_abc[1], 0x1b);
    s_rri(q, OPC(PP_NONE, MAP_0F3A, 0xcc), X0, X1,
          in->op == IR_sha1_c   ? 0
          : in->op == IR_sha1_p ? 1
                                : 2);
    s_rri(q, PSHUFD, dst_abc[0], X0, 0x1b);
}

/* x = x turned left by 1; uses t */
static void turn_words(struct steps *q, unsigned x, unsigned t)
{
    s_shift(q, lane_shift[2], SHIFT_RIGHT, (const unsigned[]){t, x}, 31);
    s_three(q, lane_add[2], x, x, x);
    s_rr(q, POR, x, t);
}

void emit_sha1(struct compiler *c, const struct ir_insn *in)
{
    const bool schedule = in->op == IR_sha1_su0 || in->op == IR_sha1_su1;

    if (!schedule && !c->h->cpu.sha) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned rc = in->c ? use(c, in->c, 0) : 0, t = temp(c, true);
    struct steps q = {.c = c};

    if (!schedule) {
        sha1_rounds(&q, in, (const unsigned[]){dst, ra, rb, rc});
    } else if (in->op == IR_sha1_su0) {
        s_copy(&q, X0, rb); /* b1 b0 : a3 a2 */
        s_rri(&q, B3A(0x0f), X0, ra, 8);
        s_rr(&q, PXOR, X0, ra);
        s_rr(&q, PXOR, X0, rc);
        s_copy(&q, dst, X0);
    } else {
        s_copy(&q, X0, rb);
        s_rri(&q, B66(0x73), 3, X0, 4); /* psrldq */
        s_rr(&q, PXOR, X0, ra);
        turn_words(&q, X0, t);
        s_copy(&q, X1, X0); /* the first word, turned by 2, goes into the last */
        s_rri(&q, B66(0x73), 7, X1, 12);
        turn_words(&q, X1, t);
        s_rr(&q, PXOR, X0, X1);
        s_copy(&q, dst, X0);
    }
    steps_emit(&q);
}

/* ---- AES. The host's instructions do a round and add a key: of the guest's, which do half a round
 * each and add the key first, several are one. */

/* The host's instruction for v, but for the key that it adds, and what it works on; 0 if v is none.
 */
static opcode aes_round(const struct compiler *c, ir_val v, ir_val *state)
{
    const struct ir_insn *in = &c->insns[value(c, v)], *x = &c->insns[value(c, in->a)];

    *state = in->a;
    switch (in->op) {
    case IR_aes_enc:
        return B38(0xdd); /* the last round: without MixColumns */
    case IR_aes_dec:
        return B38(0xdf);
    case IR_aes_mc:
        *state = x->a;
        return x->op == IR_aes_enc ? B38(0xdc) : 0;
    case IR_aes_imc:
        *state = x->a;
        return x->op == IR_aes_dec ? B38(0xde) : 0;
    default:
        return 0;
    }
}

bool emit_aes_with_key(struct compiler *c, const struct ir_insn *in)
{
    if (in->op != IR_xor || ir_type_bits(in->type) != 128 || !c->h->cpu.aes) {
        return false;
    }
    ir_val state, key = in->b;
    opcode op = aes_round(c, in->a, &state);
    if (!op) {
        key = in->a;
        op = aes_round(c, in->b, &state);
    }
    if (!op) {
        return false;
    }
    const unsigned dst = def(c), ra = use(c, state, 0), rk = use(c, key, 0);
    three(c, op, dst, ra, rk);
    return true;
}

static void emit_pmull64(struct compiler *c, const struct ir_insn *in)
{
    if (!c->h->cpu.pclmul) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned halves = (in->aux & 1) | (in->aux & 2) << 3;
    struct steps q = {.c = c};

    s_three_imm(&q, B3A(0x44), (const unsigned[]){c->h->avx ? dst : X0, ra, rb}, halves);
    s_copy(&q, dst, c->h->avx ? dst : X0);
    steps_emit(&q);
}

void emit_crypto(struct compiler *c, const struct ir_insn *in)
{
    if (in->op == IR_pmull64) {
        emit_pmull64(c, in);
        return;
    }
    if (!c->h->cpu.aes) {
        fallback(c, in);
        return;
    }
    ir_val state;
    const opcode op = aes_round(c, c->i, &state);
    const unsigned dst = def(c), ra = use(c, op ? state : in->a, 0);
    struct steps q = {.c = c};

    if (op) {
        s_const(&q, op, c->h->avx ? dst : X0, ra, K_ZERO);
        s_copy(&q, dst, c->h->avx ? dst : X0);
    } else if (in->op == IR_aes_imc) {
        s_rr(&q, B38(0xdb), dst, ra);
    } else { /* MixColumns: undo ShiftRows and SubBytes first, then a full round */
        s_const(&q, B38(0xdf), X0, ra, K_ZERO);
        s_const(&q, B38(0xdc), X0, X0, K_ZERO);
        s_copy(&q, dst, X0);
    }
    steps_emit(&q);
}
