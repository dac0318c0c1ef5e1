/* SPDX-License-Identifier: MIT */
/* AES, SHA-256 and carry-less products on the host's instructions for them. */
#include "tcg/host/x86_64/compile.h"

#define B66(op) OPC(PP_66, MAP_0F, op)
#define B38(op) OPC(PP_66, MAP_0F38, op)
#define B3A(op) OPC(PP_66, MAP_0F3A, op)

static void zero(struct compiler *c, unsigned r)
{
    emit_rr(&c->as, B66(0xef), r, r);
}

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

/* ---- AES, as x86's instructions with a zero round key */

void emit_crypto(struct compiler *c, const struct ir_insn *in)
{
    if (in->op == IR_pmull64) {
        if (!c->h->cpu.pclmul) {
            fallback(c, in);
            return;
        }
        const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
        copy(c, true, dst, X0);
        emit_x(&c->as, B3A(0x44), X0, reg_operand(rb), 1, (in->aux & 1) | (in->aux & 2) << 3);
        copy(c, true, X0, ra);
        return;
    }
    if (!c->h->cpu.aes) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    struct assembler *as = &c->as;

    switch (in->op) {
    case IR_aes_enc:
    case IR_aes_dec:
        copy(c, true, dst, X0);
        emit_rr(as, B38(in->op == IR_aes_enc ? 0xdd : 0xdf), X0,
                X1); /* last round: no MixColumns */
        zero(c, X1);
        copy(c, true, X0, ra);
        break;
    case IR_aes_imc:
        emit_rr(as, B38(0xdb), dst, ra);
        break;
    default:
        /* MixColumns: undo ShiftRows and SubBytes first, then a full round. */
        copy(c, true, dst, X0);
        emit_rr(as, B38(0xdc), X0, X1);
        emit_rr(as, B38(0xdf), X0, X1);
        zero(c, X1);
        copy(c, true, X0, ra);
        break;
    }
}
